#include "train/config.h"

#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "text/json.h"

static const char *const where = "train";

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- one value of a section, absent keys keep the default ---- */

static tgl_status take_real(double *out, const tgl_json *object, const char *key,
                            double lo, double hi, tgl_error *err)
{
    if (tgl__json_get(object, key) == NULL)
        return TGL_OK;
    TGL_TRY(tgl__json_need_real(out, object, key, where, err));
    if (!(*out >= lo && *out <= hi))
        return tgl__fail(err, TGL_EFORMAT, "%s: '%s' must lie in [%g, %g], found %g",
                         where, key, lo, hi, *out);
    return TGL_OK;
}

static tgl_status take_count(uint32_t *out, const tgl_json *object, const char *key,
                             int64_t lo, int64_t hi, tgl_error *err)
{
    if (tgl__json_get(object, key) == NULL)
        return TGL_OK;
    int64_t value;
    TGL_TRY(tgl__json_need_int(&value, object, key, lo, hi, where, err));
    *out = (uint32_t)value;
    return TGL_OK;
}

static tgl_status take_big(uint64_t *out, const tgl_json *object, const char *key,
                           tgl_error *err)
{
    if (tgl__json_get(object, key) == NULL)
        return TGL_OK;
    int64_t value;
    TGL_TRY(tgl__json_need_int(&value, object, key, 0, INT64_MAX, where, err));
    *out = (uint64_t)value;
    return TGL_OK;
}

static tgl_status take_text(const char **out, const tgl_json *object, const char *key,
                            tgl_arena *arena, tgl_error *err)
{
    if (tgl__json_get(object, key) == NULL)
        return TGL_OK;
    const char *text;
    TGL_TRY(tgl__json_need_string(&text, object, key, where, err));
    *out = tgl__arena_strdup(arena, text);
    return *out == NULL ? tgl__fail_nomem(err) : TGL_OK;
}

/* One of `names`, answered as its index. */
static tgl_status take_choice(uint32_t *out, const tgl_json *object, const char *key,
                              const char *const *names, size_t n, tgl_error *err)
{
    if (tgl__json_get(object, key) == NULL)
        return TGL_OK;
    const char *text;
    TGL_TRY(tgl__json_need_string(&text, object, key, where, err));
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], text) == 0) {
            *out = (uint32_t)i;
            return TGL_OK;
        }
    const char *near = tgl__near_name(text, names, n);
    return tgl__fail(err, TGL_EFORMAT, "%s: unknown %s '%s'%s%s%s", where, key, text,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static tgl_status take_units(uint32_t *units, uint32_t *n, const tgl_json *object,
                             const char *key, tgl_error *err)
{
    if (tgl__json_get(object, key) == NULL)
        return TGL_OK;
    tgl_json *list;
    TGL_TRY(tgl__json_need(&list, object, key, TGL_JSON_ARRAY, where, err));
    size_t size = tgl__json_size(list);
    if (size < 1 || size > TGL__TRAIN_MAX_HIDDEN)
        return tgl__fail(err, TGL_EFORMAT, "%s: '%s' must list 1 to %d layers, found %zu",
                         where, key, TGL__TRAIN_MAX_HIDDEN, size);
    for (size_t i = 0; i < size; i++) {
        int64_t value = tgl__json_int(tgl__json_at(list, i), -1);
        if (value < 1 || value > TGL__TRAIN_MAX_UNITS)
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: entry %zu of '%s' must be an integer in [1, %d]", where,
                             i, key, TGL__TRAIN_MAX_UNITS);
        units[i] = (uint32_t)value;
    }
    *n = (uint32_t)size;
    return TGL_OK;
}

/* ---- types ---- */

/* What the float kernels can represent: at most 16 bits, roundings they know, saturation.
 */
static tgl_status check_type(const tgl_quant *quant, const char *key, bool is_signed,
                             tgl_error *err)
{
    char text[TGL_TYPE_TEXT];
    tgl_quant_format(text, quant);
    if (quant->type.width > 16 || quant->type.width < 2)
        return tgl__fail(err, TGL_ELIMIT,
                         "%s: type '%s' of '%s' has %d bits, expected 2 to 16", where,
                         text, key, quant->type.width);
    if (quant->type.frac < -24 || quant->type.frac > 40)
        return tgl__fail(err, TGL_ELIMIT,
                         "%s: type '%s' of '%s' has %d fraction bits, expected -24 to 40",
                         where, text, key, quant->type.frac);
    if (quant->round != TGL_RND_CONV && quant->round != TGL_RND &&
        quant->round != TGL_TRN)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "%s: type '%s' of '%s': training rounds by RND_CONV, RND or TRN",
                         where, text, key);
    if (quant->overflow != TGL_SAT && quant->overflow != TGL_SAT_SYM)
        return tgl__fail(
            err, TGL_EUNSUPPORTED,
            "%s: type '%s' of '%s': training needs SAT or SAT_SYM, a wrap has no "
            "gradient",
            where, text, key);
    if (is_signed && !quant->type.is_signed)
        return tgl__fail(err, TGL_EFORMAT, "%s: type '%s' of '%s' must be signed", where,
                         text, key);
    return TGL_OK;
}

static tgl_status parse_type(tgl_quant *out, const char *text, const char *key,
                             bool is_signed, tgl_error *err)
{
    tgl_status status = tgl_quant_parse(out, text, err);
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "%s: '%s'", where, key);
    return check_type(out, key, is_signed, err);
}

/* A type, or a list with one type per layer. */
static tgl_status take_types(tgl_quant *out, uint32_t n, const tgl_json *object,
                             const char *key, bool is_signed, tgl_error *err)
{
    const tgl_json *value = tgl__json_get(object, key);
    if (value == NULL)
        return TGL_OK;
    bool list = tgl__json_kind(value) == TGL_JSON_ARRAY;
    if (list && tgl__json_size(value) != n)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: 'types.%s' must list %u types, one per layer, found %zu",
                         where, key, n, tgl__json_size(value));
    for (uint32_t i = 0; i < n; i++) {
        const char *text = tgl__json_string(list ? tgl__json_at(value, i) : value, NULL);
        if (text == NULL)
            return tgl__fail(
                err, TGL_EFORMAT,
                "%s: 'types.%s' must be a type such as \"fixed<8,2,RND_CONV,SAT>\"",
                where, key);
        TGL_TRY(parse_type(&out[i], text, key, is_signed, err));
    }
    return TGL_OK;
}

static tgl_status take_types_section(tgl__train_config *c, const tgl_json *root,
                                     tgl_error *err)
{
    static const char *const keys[] = {"input",       "weight",      "bias",
                                       "activation",  "output",      "per_channel",
                                       "softmax_exp", "softmax_inv", "probability"};
    tgl_json *types = NULL;
    if (tgl__json_get(root, "types") != NULL) {
        TGL_TRY(tgl__json_need(&types, root, "types", TGL_JSON_OBJECT, where, err));
        TGL_TRY(tgl__json_only_keys(types, keys, N_OF(keys), "train: types", err));
    }
    TGL_TRY(take_types(&c->input, 1, types, "input", false, err));
    if (c->input.type.width - !!c->input.type.is_signed > 15) /* kept as int16 */
        return tgl__fail(err, TGL_ELIMIT,
                         "%s: an unsigned 'types.input' has at most 15 bits", where);
    TGL_TRY(take_types(c->weight, c->n_deployed, types, "weight", true, err));
    TGL_TRY(take_types(c->bias, c->n_deployed, types, "bias", true, err));
    TGL_TRY(take_types(c->activation, c->n_hidden, types, "activation", false, err));
    TGL_TRY(take_types(&c->activation[c->n_hidden], 1, types, "output", true, err));
    TGL_TRY(take_count(&c->per_channel, types, "per_channel", 0, 8, err));
    TGL_TRY(take_types(&c->softmax_exp, 1, types, "softmax_exp", false, err));
    TGL_TRY(take_types(&c->softmax_inv, 1, types, "softmax_inv", false, err));
    return take_types(&c->probability, 1, types, "probability", false, err);
}

/* ---- defaults of the two templates ---- */

static tgl_quant quant(bool is_signed, int width, int integer, tgl_round round)
{
    return (tgl_quant){
        {is_signed, (uint8_t)width, (int16_t)(width - integer)}, round, TGL_SAT};
}

static void set_types(tgl__train_config *c, tgl_quant weight, tgl_quant bias,
                      tgl_quant activation, tgl_quant output)
{
    for (uint32_t i = 0; i < TGL__TRAIN_MAX_DEPLOYED; i++) {
        c->weight[i] = weight;
        c->bias[i] = bias;
        c->activation[i] = i == c->n_hidden ? output : activation;
    }
}

static void defaults_common(tgl__train_config *c)
{
    c->seed = 1;
    c->epochs = 20;
    c->batch = 1024;
    c->patience = 6;
    c->learning_rate = 0.004;
    c->validation = 0.2;
    c->schedule = TGL__SCHEDULE_COSINE;
}

static void defaults_anomaly(tgl__train_config *c)
{
    static const uint32_t hidden[] = {32, 16}, decoder[] = {16, 32};
    static const double rates[] = {0.5, 1, 2, 5, 10, 20, 50};
    c->name = "anomaly_trigger";
    memcpy(c->hidden, hidden, sizeof hidden);
    memcpy(c->decoder, decoder, sizeof decoder);
    c->n_hidden = c->n_decoder = 2;
    c->latent = 8;
    c->beta = 0.002;
    c->spread = 2.0;
    memcpy(c->rates_khz, rates, sizeof rates);
    c->n_rate = N_OF(rates);
    c->colliding_bunches = 2340;
    c->slot_threshold = true;
    c->input = quant(true, 8, 6, TGL_RND_CONV);
}

static void defaults_jets(tgl__train_config *c)
{
    static const uint32_t hidden[] = {64, 32, 32};
    static const char *const classes[] = {"g", "q", "w", "z", "t"};
    c->name = "jet_tagger";
    memcpy(c->hidden, hidden, sizeof hidden);
    c->n_hidden = 3;
    c->latent = N_OF(classes);
    memcpy(c->classes, classes, sizeof classes);
    c->label = "label";
    c->input = quant(true, 8, 3, TGL_RND_CONV);
    c->softmax_exp = quant(false, 12, 1, TGL_RND_CONV);
    c->softmax_inv = quant(false, 12, 1, TGL_RND_CONV);
    c->probability = quant(false, 8, 0, TGL_RND_CONV);
}

/* Types depend on the number of layers, which the configuration may change. */
static void defaults_types(tgl__train_config *c)
{
    c->n_deployed = c->n_hidden + 1;
    if (c->template == TGL__ANOMALY_TRIGGER)
        set_types(c, quant(true, 6, 1, TGL_RND_CONV), quant(true, 8, 3, TGL_RND_CONV),
                  quant(false, 8, 5, TGL_RND_CONV), quant(true, 10, 6, TGL_RND_CONV));
    else
        set_types(c, quant(true, 8, 2, TGL_RND_CONV), quant(true, 8, 3, TGL_RND_CONV),
                  quant(false, 8, 4, TGL_RND_CONV), quant(true, 8, 5, TGL_RND_CONV));
}

/* ---- the sections of one template ---- */

static tgl_status take_threshold(tgl__train_config *c, const tgl_json *root,
                                 tgl_error *err)
{
    static const char *const keys[] = {"rates_khz", "colliding_bunches"};
    if (tgl__json_get(root, "threshold") == NULL)
        return TGL_OK;
    tgl_json *section, *list;
    TGL_TRY(tgl__json_need(&section, root, "threshold", TGL_JSON_OBJECT, where, err));
    TGL_TRY(tgl__json_only_keys(section, keys, N_OF(keys), "train: threshold", err));
    TGL_TRY(take_real(&c->colliding_bunches, section, "colliding_bunches", 1, 3564, err));
    if (tgl__json_get(section, "rates_khz") == NULL)
        return TGL_OK;
    TGL_TRY(tgl__json_need(&list, section, "rates_khz", TGL_JSON_ARRAY, where, err));
    size_t n = tgl__json_size(list);
    if (n < 1 || n > TGL__TRAIN_MAX_RATE)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: 'rates_khz' must list 1 to %d rates, found %zu", where,
                         TGL__TRAIN_MAX_RATE, n);
    for (size_t i = 0; i < n; i++) {
        c->rates_khz[i] = tgl__json_real(tgl__json_at(list, i), -1);
        if (!(c->rates_khz[i] > 0 && c->rates_khz[i] < 1e5) ||
            (i > 0 && c->rates_khz[i] <= c->rates_khz[i - 1]))
            return tgl__fail(
                err, TGL_EFORMAT,
                "%s: entry %zu of 'rates_khz' must be a rate in kHz, above 0 "
                "and rising",
                where, i);
    }
    c->n_rate = (uint32_t)n;
    return TGL_OK;
}

static tgl_status take_slots(tgl__train_config *c, const tgl_json *root, tgl_error *err)
{
    static const char *const names[] = {"threshold", "offset", "shift"};
    if (tgl__json_get(root, "slots") == NULL)
        return TGL_OK;
    tgl_json *list;
    TGL_TRY(tgl__json_need(&list, root, "slots", TGL_JSON_ARRAY, where, err));
    bool *flags[] = {&c->slot_threshold, &c->slot_offset, &c->slot_shift};
    for (size_t i = 0; i < N_OF(names); i++)
        *flags[i] = false;
    for (size_t k = 0; k < tgl__json_size(list); k++) {
        const char *text = tgl__json_string(tgl__json_at(list, k), "");
        size_t i = 0;
        while (i < N_OF(names) && strcmp(names[i], text) != 0)
            i++;
        if (i == N_OF(names))
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: unknown slot '%s', expected threshold, offset or shift",
                             where, text);
        *flags[i] = true;
    }
    return TGL_OK;
}

static tgl_status take_anomaly(tgl__train_config *c, const tgl_json *root, tgl_error *err)
{
    static const char *const inputs_keys[] = {"pt", "spread"};
    static const char *const pt[] = {"halved", "firmware"};
    if (tgl__json_get(root, "inputs") != NULL) {
        tgl_json *inputs;
        TGL_TRY(tgl__json_need(&inputs, root, "inputs", TGL_JSON_OBJECT, where, err));
        TGL_TRY(tgl__json_only_keys(inputs, inputs_keys, N_OF(inputs_keys),
                                    "train: inputs", err));
        uint32_t choice = 0;
        TGL_TRY(take_choice(&choice, inputs, "pt", pt, N_OF(pt), err));
        c->firmware_pt = choice == 1;
        TGL_TRY(take_real(&c->spread, inputs, "spread", 1e-3, 1e3, err));
    }
    TGL_TRY(take_units(c->decoder, &c->n_decoder, root, "decoder", err));
    TGL_TRY(take_count(&c->latent, root, "latent", 1, 64, err));
    TGL_TRY(take_real(&c->beta, root, "beta", 0, 1e3, err));
    TGL_TRY(take_slots(c, root, err));
    return take_threshold(c, root, err);
}

static tgl_status take_names(const char **out, const tgl_json *list, const char *key,
                             tgl_arena *arena, tgl_error *err)
{
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const char *text = tgl__json_string(tgl__json_at(list, i), NULL);
        if (text == NULL || text[0] == 0)
            return tgl__fail(err, TGL_EFORMAT, "%s: entry %zu of '%s' must be a name",
                             where, i, key);
        out[i] = tgl__arena_strdup(arena, text);
        if (out[i] == NULL)
            return tgl__fail_nomem(err);
    }
    return TGL_OK;
}

static tgl_status take_jets(tgl__train_config *c, const tgl_json *root, tgl_error *err)
{
    static const char *const keys[] = {"columns", "label", "classes"};
    if (tgl__json_get(root, "inputs") == NULL)
        return TGL_OK;
    tgl_json *inputs, *list;
    TGL_TRY(tgl__json_need(&inputs, root, "inputs", TGL_JSON_OBJECT, where, err));
    TGL_TRY(tgl__json_only_keys(inputs, keys, N_OF(keys), "train: inputs", err));
    TGL_TRY(take_text(&c->label, inputs, "label", &c->arena, err));
    if (tgl__json_get(inputs, "classes") != NULL) {
        TGL_TRY(tgl__json_need(&list, inputs, "classes", TGL_JSON_ARRAY, where, err));
        if (tgl__json_size(list) < 2 || tgl__json_size(list) > TGL__TRAIN_MAX_CLASS)
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: 'classes' must list 2 to %d names, found %zu", where,
                             TGL__TRAIN_MAX_CLASS, tgl__json_size(list));
        c->latent = (uint32_t)tgl__json_size(list);
        TGL_TRY(take_names(c->classes, list, "classes", &c->arena, err));
    }
    if (tgl__json_get(inputs, "columns") == NULL)
        return TGL_OK;
    TGL_TRY(tgl__json_need(&list, inputs, "columns", TGL_JSON_ARRAY, where, err));
    if (tgl__json_size(list) < 1 || tgl__json_size(list) > TGL__TRAIN_MAX_UNITS)
        return tgl__fail(err, TGL_EFORMAT, "%s: 'columns' must list 1 to %d names", where,
                         TGL__TRAIN_MAX_UNITS);
    c->n_column = (uint32_t)tgl__json_size(list);
    c->columns = tgl__arena_alloc(&c->arena, c->n_column, sizeof *c->columns);
    if (c->columns == NULL)
        return tgl__fail_nomem(err);
    return take_names(c->columns, list, "columns", &c->arena, err);
}

/* ---- the whole ---- */

#define COMMON_KEYS                                                                      \
    "template", "name", "seed", "rows", "epochs", "batch", "patience", "learning_rate",  \
        "validation", "schedule", "hidden", "types", "inputs"

static tgl_status take_common(tgl__train_config *c, const tgl_json *root, tgl_error *err)
{
    static const char *const schedules[] = {"constant", "cosine", "plateau"};
    uint32_t schedule = c->schedule;
    TGL_TRY(take_text(&c->name, root, "name", &c->arena, err));
    TGL_TRY(take_big(&c->seed, root, "seed", err));
    TGL_TRY(take_big(&c->rows, root, "rows", err));
    TGL_TRY(take_count(&c->epochs, root, "epochs", 1, 100000, err));
    TGL_TRY(take_count(&c->batch, root, "batch", 1, 1 << 20, err));
    TGL_TRY(take_count(&c->patience, root, "patience", 0, 100000, err));
    TGL_TRY(take_real(&c->learning_rate, root, "learning_rate", 1e-9, 10, err));
    TGL_TRY(take_real(&c->validation, root, "validation", 0.001, 0.9, err));
    TGL_TRY(take_choice(&schedule, root, "schedule", schedules, N_OF(schedules), err));
    c->schedule = (tgl__train_schedule)schedule;
    return take_units(c->hidden, &c->n_hidden, root, "hidden", err);
}

static tgl_status take_all(tgl__train_config *c, const tgl_json *root, tgl_error *err)
{
    static const char *const templates[] = {"anomaly-trigger", "jet-tagger"};
    static const char *const anomaly_keys[] = {COMMON_KEYS, "decoder",   "latent",
                                               "beta",      "threshold", "slots"};
    static const char *const jet_keys[] = {COMMON_KEYS};
    const char *text;
    uint32_t template = 0;
    if (tgl__json_kind(root) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a mapping, found %s", where,
                         tgl__json_kind_name(tgl__json_kind(root)));
    TGL_TRY(tgl__json_need_string(&text, root, "template", where, err));
    TGL_TRY(take_choice(&template, root, "template", templates, N_OF(templates), err));
    c->template = (tgl__train_template) template;
    defaults_common(c);
    if (c->template == TGL__ANOMALY_TRIGGER) {
        defaults_anomaly(c);
        TGL_TRY(tgl__json_only_keys(root, anomaly_keys, N_OF(anomaly_keys), where, err));
        TGL_TRY(take_anomaly(c, root, err));
    } else {
        defaults_jets(c);
        TGL_TRY(tgl__json_only_keys(root, jet_keys, N_OF(jet_keys), where, err));
        TGL_TRY(take_jets(c, root, err));
    }
    TGL_TRY(take_common(c, root, err));
    defaults_types(c);
    return take_types_section(c, root, err);
}

tgl_status tgl__train_config_parse(tgl__train_config *out, const char *text,
                                   tgl_error *err)
{
    tgl_json *root = NULL;
    memset(out, 0, sizeof *out);
    if (text == NULL)
        return tgl__fail(err, TGL_EUSAGE, "%s: no configuration", where);
    TGL_TRY(tgl__json_parse(&root, text, strlen(text), where, err));
    tgl_status status = take_all(out, root, err);
    tgl__json_free(root);
    if (status != TGL_OK)
        tgl__train_config_release(out);
    return status;
}

void tgl__train_config_release(tgl__train_config *config)
{
    tgl__arena_release(&config->arena);
}
