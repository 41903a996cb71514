/* A Level-1 network as numbers in JSON: integer weights, exact types, input scaling (the
 * form of the deployed AXOL1TL). The file leaves open how the inputs are made from the
 * trigger's objects, so the user names it:
 *   halved    pt in whole GeV, halved by integer division (the half is lost)
 *   firmware  pt in half GeV, as the hardware takes it
 *   unscaled  no convention: inputs in the network's own unscaled type
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/format.h"

enum { MAX_INPUT = 4096, MAX_LAYER = 64 };

static const char *const variants[] = {"halved", "firmware", "unscaled", NULL};

typedef struct reader {
    const tgl_json *json;
    const char *source, *variant;
    tgl_graph *graph;
    tgl_arena arena;
    uint32_t n_input; /* of the model */
    uint32_t last;    /* node whose result the next one takes */
    uint32_t n_last;
    tgl_error *err;
} reader;

/* ---- pieces ---- */

static void *get(reader *r, size_t n, size_t size, tgl_status *status)
{
    void *memory = tgl__arena_alloc(&r->arena, n ? n : 1, size);
    *status = memory ? TGL_OK : tgl__fail_nomem(r->err);
    return memory;
}

static tgl_status read_quant(tgl_quant *out, const reader *r, const tgl_json *object,
                             const char *key, const char *where)
{
    tgl_json *json;
    int64_t width, integer;
    const char *round, *overflow;
    TGL_TRY(tgl__json_need(&json, object, key, TGL_JSON_OBJECT, where, r->err));
    tgl_json *is_signed;
    TGL_TRY(tgl__json_need(&is_signed, json, "signed", TGL_JSON_BOOL, where, r->err));
    TGL_TRY(tgl__json_need_int(&width, json, "width", 1, TGL_MAX_WIDTH, where, r->err));
    TGL_TRY(tgl__json_need_int(&integer, json, "integer", -128, 128, where, r->err));
    TGL_TRY(tgl__json_need_string(&round, json, "rounding", where, r->err));
    TGL_TRY(tgl__json_need_string(&overflow, json, "overflow", where, r->err));
    TGL_TRY(tgl_round_parse(&out->round, round, r->err));
    TGL_TRY(tgl_overflow_parse(&out->overflow, overflow, r->err));
    out->type = (tgl_type){tgl__json_bool(is_signed, false), (uint8_t)width,
                           (int16_t)(width - integer)};
    return TGL_OK;
}

static tgl_status need_list(tgl_json **out, const reader *r, const tgl_json *object,
                            const char *key, size_t n, const char *where)
{
    TGL_TRY(tgl__json_need(out, object, key, TGL_JSON_ARRAY, where, r->err));
    if (tgl__json_size(*out) != n)
        return tgl__fail(r->err, TGL_EFORMAT, "%s: '%s': expected %zu numbers, found %zu",
                         where, key, n, tgl__json_size(*out));
    return TGL_OK;
}

/* Integers as they stand. */
static tgl_status read_ints(int64_t *out, const reader *r, const tgl_json *list,
                            const char *key, const char *where)
{
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *item = tgl__json_at(list, i);
        if (tgl__json_kind(item) != TGL_JSON_INT)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: '%s' %zu: expected an integer, found %s", where, key, i,
                             tgl__json_kind_name(tgl__json_kind(item)));
        out[i] = tgl__json_int(item, 0);
    }
    return TGL_OK;
}

/* Numbers converted exactly into a type, as the original's initialisers are. */
static tgl_status read_converted(int64_t *out, const reader *r, const tgl_json *list,
                                 const tgl_quant *quant, const char *key,
                                 const char *where)
{
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *item = tgl__json_at(list, i);
        tgl_json_kind kind = tgl__json_kind(item);
        if (kind != TGL_JSON_INT && kind != TGL_JSON_REAL)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: '%s' %zu: expected a number, found %s", where, key, i,
                             tgl__json_kind_name(kind));
        TGL_TRY(tgl_quantise_double(&out[i], tgl__json_real(item, 0), quant, r->err));
    }
    return TGL_OK;
}

/* `lsb` must be the type's own unit: codes, not values, stand in the file. */
static tgl_status check_lsb(const reader *r, const tgl_json *layer, const char *key,
                            tgl_type type, const char *where)
{
    double lsb;
    TGL_TRY(tgl__json_need_real(&lsb, layer, key, where, r->err));
    if (lsb != ldexp(1.0, -type.frac))
        return tgl__fail(r->err, TGL_EFORMAT,
                         "%s: '%s': expected the type's unit %g, found %g", where, key,
                         ldexp(1.0, -type.frac), lsb);
    return TGL_OK;
}

static tgl_status add(reader *r, tgl_node *node)
{
    if (node->op != TGL_GRAPH_INPUT) {
        node->n_input = 1;
        node->inputs = &r->last;
    }
    uint32_t number;
    TGL_TRY(tgl_graph_add(r->graph, node, &number, r->err));
    r->last = number;
    r->n_last = node->n_element;
    return TGL_OK;
}

/* ---- inputs and their convention ---- */

typedef struct quantity {
    const char *object, *name, *column, *bx;
    tgl_type type;  /* of the hardware integer */
    uint8_t is_pt;  /* in units of half a GeV */
    uint8_t is_etm; /* picked by etSumType == 2 */
} quantity;

/* Widths of the trigger's words (gtl_pkg.vhd). */
static const quantity quantities[] = {
    {"etm", "pt", "L1EtSum_hwPt", "L1EtSum_bx", {0, 12, 0}, 1, 1},
    {"etm", "phi", "L1EtSum_hwPhi", "L1EtSum_bx", {0, 8, 0}, 0, 1},
    {"eg", "pt", "L1EG_hwPt", "L1EG_bx", {0, 9, 0}, 1, 0},
    {"eg", "eta", "L1EG_hwEta", "L1EG_bx", {1, 8, 0}, 0, 0},
    {"eg", "phi", "L1EG_hwPhi", "L1EG_bx", {0, 8, 0}, 0, 0},
    {"mu", "pt", "L1Mu_hwPt", "L1Mu_bx", {0, 9, 0}, 1, 0},
    {"mu", "eta", "L1Mu_hwEta", "L1Mu_bx", {1, 9, 0}, 0, 0},
    {"mu", "phi", "L1Mu_hwPhi", "L1Mu_bx", {0, 10, 0}, 0, 0},
    {"jet", "pt", "L1Jet_hwPt", "L1Jet_bx", {0, 11, 0}, 1, 0},
    {"jet", "eta", "L1Jet_hwEta", "L1Jet_bx", {1, 8, 0}, 0, 0},
    {"jet", "phi", "L1Jet_hwPhi", "L1Jet_bx", {0, 8, 0}, 0, 0},
};

/* "jet3_pt" into object, index, quantity. */
static const quantity *find_quantity(const char *name, uint32_t *index)
{
    for (size_t i = 0; i < sizeof quantities / sizeof quantities[0]; i++) {
        const quantity *q = &quantities[i];
        size_t n = strlen(q->object);
        const char *c = name + n;
        if (strncmp(name, q->object, n) != 0)
            continue;
        *index = 0;
        for (int digit = 0; !q->is_etm && *c >= '0' && *c <= '9' && digit < 4; digit++)
            *index = *index * 10 + (uint32_t)(*c++ - '0');
        if ((q->is_etm || c > name + n) && *c == '_' && strcmp(c + 1, q->name) == 0)
            return q;
    }
    return NULL;
}

static tgl_status make_rule(tgl_input_rule *rule, const reader *r, const char *name,
                            uint32_t number)
{
    *rule = (tgl_input_rule){.name = name, .scale = 1.0};
    rule->quant = (tgl_quant){{0, 1, 0}, TGL_TRN, TGL_SAT};
    if (strcmp(name, "zero") == 0)
        return TGL_OK;
    const quantity *q = find_quantity(name, &rule->index);
    if (!q)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: input %u: expected a name like 'jet0_pt', found '%s'",
                         r->source, number, name);
    rule->column = q->column;
    rule->quant.type = q->type;
    /* several crossings an event in some files (then the one at 0), one in others */
    rule->where[0] = (tgl_input_where){q->bx, 0};
    rule->optional_where = 1;
    rule->n_where = 1;
    if (q->is_etm)
        rule->where[rule->n_where++] = (tgl_input_where){"L1EtSum_etSumType", 2};
    if (!q->is_pt)
        return TGL_OK;
    if (strcmp(r->variant, "halved") == 0) {
        rule->drop_bits = 1;
        rule->quant.type.width--;
    } else {
        rule->quant.type.frac = 1; /* the code counts half GeV */
    }
    return TGL_OK;
}

static tgl_status set_convention(reader *r, const char *const *names, tgl_quant *out)
{
    tgl_status status;
    tgl_input_rule *rules = get(r, r->n_input, sizeof *rules, &status);
    TGL_TRY(status);
    for (uint32_t i = 0; i < r->n_input; i++) {
        TGL_TRY(make_rule(&rules[i], r, names[i], i));
        out[i] = (tgl_quant){rules[i].quant.type, TGL_TRN, TGL_WRAP};
    }
    char name[64];
    snprintf(name, sizeof name, "axol1tl/%s@2", r->variant);
    tgl_convention *convention;
    TGL_TRY(tgl_convention_new(&convention, name, rules, r->n_input, r->err));
    status = tgl_graph_set_convention(r->graph, convention, r->err);
    tgl_convention_free(convention);
    return status;
}

static tgl_status read_inputs(reader *r)
{
    tgl_json *list;
    tgl_status status;
    TGL_TRY(tgl__json_need(&list, r->json, "inputs", TGL_JSON_ARRAY, r->source, r->err));
    size_t n = tgl__json_size(list);
    if (n < 1 || n > MAX_INPUT)
        return tgl__fail(r->err, TGL_EFORMAT, "%s: expected 1 to %d inputs, found %zu",
                         r->source, MAX_INPUT, n);
    r->n_input = (uint32_t)n;
    const char **names = get(r, n, sizeof *names, &status);
    TGL_TRY(status);
    tgl_quant *out = get(r, n, sizeof *out, &status);
    TGL_TRY(status);
    for (size_t i = 0; i < n; i++) {
        names[i] = tgl__json_string(tgl__json_at(list, i), NULL);
        if (!names[i])
            return tgl__fail(r->err, TGL_EFORMAT, "%s: 'inputs' %zu: expected a name",
                             r->source, i);
    }
    if (strcmp(r->variant, "unscaled") == 0) {
        tgl_quant type;
        TGL_TRY(read_quant(&type, r, r->json, "unscaled_type", r->source));
        for (size_t i = 0; i < n; i++)
            out[i] = (tgl_quant){type.type, TGL_TRN, TGL_WRAP};
    } else {
        TGL_TRY(set_convention(r, names, out));
    }
    tgl_node node = {.name = "input",
                     .op = TGL_GRAPH_INPUT,
                     .n_element = r->n_input,
                     .out = out,
                     .n_out = r->n_input,
                     .labels = names};
    return add(r, &node);
}

/* ---- layers ---- */

static tgl_status read_scaling(reader *r)
{
    tgl_quant offset_type, shift_type, scaled, cast;
    tgl_json *list;
    tgl_status status;
    TGL_TRY(read_quant(&offset_type, r, r->json, "offset_type", r->source));
    TGL_TRY(read_quant(&shift_type, r, r->json, "shift_type", r->source));
    TGL_TRY(read_quant(&scaled, r, r->json, "scaled_type", r->source));
    TGL_TRY(read_quant(&cast, r, r->json, "unscaled_type", r->source));
    int64_t *offset = get(r, r->n_input, sizeof *offset, &status);
    TGL_TRY(status);
    int64_t *shift = get(r, r->n_input, sizeof *shift, &status);
    TGL_TRY(status);
    TGL_TRY(need_list(&list, r, r->json, "offset", r->n_input, r->source));
    TGL_TRY(read_converted(offset, r, list, &offset_type, "offset", r->source));
    TGL_TRY(need_list(&list, r, r->json, "shift", r->n_input, r->source));
    TGL_TRY(read_ints(shift, r, list, "shift", r->source));
    tgl_node node = {.name = "scale",
                     .op = TGL_GRAPH_SCALE,
                     .n_element = r->n_input,
                     .out = &scaled,
                     .n_out = 1,
                     .offset = offset,
                     .offset_type = offset_type.type,
                     .shift = shift,
                     .cast = cast};
    if (shift_type.type.frac != 0)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: 'shift_type': expected an integer type", r->source);
    for (uint32_t i = 0; i < r->n_input; i++)
        if (shift[i] < tgl_type_min(shift_type.type) ||
            shift[i] > tgl_type_max(shift_type.type))
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: 'shift' %u: %lld does not fit its type", r->source, i,
                             (long long)shift[i]);
    return add(r, &node);
}

/* The file's weights are [n_in][n_out]; a graph's are (n_out, n_in). */
static tgl_status read_weights(int64_t **out, reader *r, const tgl_json *layer,
                               size_t n_in, size_t n_out, const char *where)
{
    tgl_json *list;
    tgl_status status;
    const char *layout;
    TGL_TRY(tgl__json_need_string(&layout, layer, "layout", where, r->err));
    if (strcmp(layout, "[n_in][n_out]") != 0)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: 'layout': expected '[n_in][n_out]', found '%s'", where,
                         layout);
    TGL_TRY(need_list(&list, r, layer, "weight", n_in * n_out, where));
    int64_t *file = get(r, n_in * n_out, sizeof *file, &status);
    TGL_TRY(status);
    int64_t *mine = get(r, n_in * n_out, sizeof *mine, &status);
    TGL_TRY(status);
    TGL_TRY(read_ints(file, r, list, "weight", where));
    for (size_t j = 0; j < n_in; j++)
        for (size_t i = 0; i < n_out; i++)
            mine[i * n_in + j] = file[j * n_out + i];
    *out = mine;
    return TGL_OK;
}

static tgl_status read_dense(tgl_node *node, reader *r, const tgl_json *layer,
                             const char *where)
{
    int64_t n_in, n_out;
    tgl_quant weight, bias;
    tgl_json *list;
    tgl_status status;
    int64_t *weights = NULL, *biases;
    TGL_TRY(
        tgl__json_need_int(&n_in, layer, "n_in", r->n_last, r->n_last, where, r->err));
    TGL_TRY(tgl__json_need_int(&n_out, layer, "n_out", 1, MAX_INPUT, where, r->err));
    TGL_TRY(read_quant(&weight, r, layer, "weight_type", where));
    TGL_TRY(read_quant(&bias, r, layer, "bias_type", where));
    TGL_TRY(read_quant(&node->acc, r, layer, "accumulator", where));
    TGL_TRY(check_lsb(r, layer, "weight_lsb", weight.type, where));
    TGL_TRY(check_lsb(r, layer, "bias_lsb", bias.type, where));
    TGL_TRY(read_weights(&weights, r, layer, (size_t)n_in, (size_t)n_out, where));
    TGL_TRY(need_list(&list, r, layer, "bias", (size_t)n_out, where));
    biases = get(r, (size_t)n_out, sizeof *biases, &status);
    TGL_TRY(status);
    TGL_TRY(read_ints(biases, r, list, "bias", where));
    node->op = TGL_GRAPH_DENSE;
    node->n_element = (uint32_t)n_out;
    node->weights = weights;
    node->weight_type = weight.type;
    node->bias = biases;
    node->bias_type = bias.type;
    node->term = node->acc; /* every product is cast before it is added */
    node->acc.round = TGL_TRN;
    return TGL_OK;
}

/* dense, then its activation: relu and linear both end in the cast to 'output'. */
static tgl_status read_layer(reader *r, const tgl_json *layer, size_t number)
{
    char where[200], name[32];
    const char *op, *activation;
    tgl_quant out;
    tgl_node node = {0};
    snprintf(where, sizeof where, "%.120s: layer %zu", r->source, number);
    TGL_TRY(tgl__json_need_string(&op, layer, "op", where, r->err));
    if (strcmp(op, "dense") != 0)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: 'op': expected 'dense', found '%s'", where, op);
    TGL_TRY(tgl__json_need_string(&activation, layer, "activation", where, r->err));
    bool relu = strcmp(activation, "relu") == 0;
    if (!relu && strcmp(activation, "linear") != 0)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: 'activation': expected 'relu' or 'linear', found '%s'",
                         where, activation);
    TGL_TRY(read_quant(&out, r, layer, "output", where));
    TGL_TRY(read_dense(&node, r, layer, where));
    snprintf(name, sizeof name, "dense_%zu", number + 1);
    node.name = name;
    node.out = relu ? &node.acc : &out;
    node.n_out = 1;
    TGL_TRY(add(r, &node));
    if (!relu)
        return TGL_OK;
    snprintf(name, sizeof name, "relu_%zu", number + 1);
    node = (tgl_node){.name = name,
                      .op = TGL_GRAPH_RELU,
                      .n_element = r->n_last,
                      .out = &out,
                      .n_out = 1};
    return add(r, &node);
}

/* ---- score and seeds ---- */

/* The menu's seeds on this score (algorithm bits 421 to 427), units of the score's type
 * ufixed<18,14>: 1/16. */
static const char *const seed_names[] = {
    "L1_AXO_VLoose", "L1_AXO_Loose",   "L1_AXO_Medium",  "L1_AXO_Tight",
    "L1_AXO_VTight", "L1_AXO_VVTight", "L1_AXO_VVVTight"};
static const int64_t seed_thresholds[] = {2010, 2375, 2801, 3318, 4762, 22628, 26375};

static tgl_status add_seeds(reader *r, tgl_type score)
{
    const tgl_type expected = {0, 18, 4};
    const tgl_quant bit = {{0, 1, 0}, TGL_TRN, TGL_WRAP};
    const char *name = tgl__json_string(tgl__json_get(r->json, "name"), "");
    if (strcmp(name, "axol1tl_v4") != 0 || !tgl_type_equal(score, expected))
        return TGL_OK; /* the thresholds belong to that network */
    tgl_node node = {.name = "seeds",
                     .op = TGL_GRAPH_THRESHOLD,
                     .n_element = sizeof seed_names / sizeof seed_names[0],
                     .out = &bit,
                     .n_out = 1,
                     .labels = seed_names,
                     .threshold = seed_thresholds,
                     .threshold_type = score,
                     .slot_threshold = 1};
    TGL_TRY(add(r, &node));
    return tgl_graph_add_output(r->graph, "seeds", r->last, r->err);
}

static tgl_status read_score(reader *r)
{
    tgl_json *score;
    const char *op, *reduce;
    tgl_node node = {.name = "score", .op = TGL_GRAPH_SUM_SQUARES, .n_element = 1};
    if (!tgl__json_get(r->json, "score"))
        return TGL_OK;
    char where[160];
    snprintf(where, sizeof where, "%.120s: score", r->source);
    TGL_TRY(tgl__json_need(&score, r->json, "score", TGL_JSON_OBJECT, r->source, r->err));
    TGL_TRY(tgl__json_need_string(&op, score, "op", where, r->err));
    TGL_TRY(tgl__json_need_string(&reduce, score, "reduce", where, r->err));
    if (strcmp(op, "sum_of_squares") != 0 || strcmp(reduce, "balanced tree") != 0)
        return tgl__fail(r->err, TGL_EUNSUPPORTED,
                         "%s: expected 'sum_of_squares' as 'balanced tree', found '%s' "
                         "as '%s'",
                         where, op, reduce);
    TGL_TRY(read_quant(&node.term, r, score, "term_type", where));
    TGL_TRY(read_quant(&node.acc, r, score, "sum_type", where));
    node.out = &node.acc;
    node.n_out = 1;
    TGL_TRY(add(r, &node));
    TGL_TRY(tgl_graph_add_output(r->graph, "score", r->last, r->err));
    return add_seeds(r, node.acc.type);
}

static tgl_status read_model(reader *r)
{
    const char *name;
    tgl_json *layers;
    TGL_TRY(tgl__json_need_string(&name, r->json, "name", r->source, r->err));
    TGL_TRY(tgl_graph_new(&r->graph, name, r->err));
    TGL_TRY(read_inputs(r));
    TGL_TRY(read_scaling(r));
    TGL_TRY(
        tgl__json_need(&layers, r->json, "layers", TGL_JSON_ARRAY, r->source, r->err));
    if (tgl__json_size(layers) < 1 || tgl__json_size(layers) > MAX_LAYER)
        return tgl__fail(r->err, TGL_EFORMAT, "%s: expected 1 to %d layers, found %zu",
                         r->source, MAX_LAYER, tgl__json_size(layers));
    for (size_t i = 0; i < tgl__json_size(layers); i++)
        TGL_TRY(read_layer(r, tgl__json_at(layers, i), i));
    TGL_TRY(tgl_graph_add_output(r->graph, "mean", r->last, r->err));
    TGL_TRY(read_score(r));
    tgl_status status = tgl_graph_verify(r->graph, r->err);
    if (status != TGL_OK)
        return tgl__fail_context(r->err, status, "%s", r->source);
    return TGL_OK;
}

static tgl_status import(tgl_graph **out, tgl_import *import)
{
    reader r = {.json = import->source->json,
                .source = import->source->path,
                .variant = import->options->variant,
                .err = import->err};
    tgl_status status = read_model(&r);
    tgl__arena_release(&r.arena);
    if (status != TGL_OK) {
        tgl_graph_free(r.graph);
        return status;
    }
    *out = r.graph;
    return TGL_OK;
}

static bool sniff(const tgl_model_source *source)
{
    return tgl__json_get(source->json, "layers") &&
           tgl__json_get(source->json, "unscaled_type");
}

extern const tgl_importer tgl__importer_l1json;
const tgl_importer tgl__importer_l1json = {
    .name = "l1json",
    .summary = "Level-1 network as integers in JSON (AXOL1TL)",
    .variants = variants,
    .traits = TGL__IS_JSON,
    .sniff = sniff,
    .import = import};
