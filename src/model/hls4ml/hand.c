/* Code written by hand around a network: inputs shifted and offset, a score of its
 * results. Two forms of deployed projects are known (those of AXOL1TL); anything else is
 * asked for. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/hls4ml/hls.h"

/* ---- forms ---- */

/* What a form's $letters stand for: small ones names (their last word), capital ones
 * types. */
typedef struct captures {
    hls_range at[128];
} captures;

static const hls_token *behind_name(const hls_token *t, const hls_token *end)
{
    while (t + 2 < end && t->kind == HLS_WORD && tgl__hls_is(t[1].text, "::") &&
           t[2].kind == HLS_WORD)
        t += 2;
    return t < end && t->kind == HLS_WORD ? t + 1 : NULL;
}

static const hls_token *take(captures *c, char letter, const hls_token *t,
                             const hls_token *end)
{
    const hls_token *behind = behind_name(t, end);
    hls_range *seen = &c->at[(unsigned char)letter & 127];
    if (!behind)
        return NULL;
    bool type = letter >= 'A' && letter <= 'Z';
    if (type && behind < end && tgl__hls_mark(behind, '<'))
        behind = tgl__hls_behind(behind, end);
    const hls_range found =
        type ? (hls_range){t, (uint32_t)(behind - t)} : (hls_range){behind - 1, 1};
    if (seen->n && (type || !tgl__hls_same(seen->at->text, found.at->text)))
        return type ? behind : NULL;
    *seen = found;
    return behind;
}

/* Does the form ("$T $a = $x [ $i ]": words and marks with blanks between) stand at t? */
static const hls_token *stands_at(captures *c, const char *form, const hls_token *t,
                                  const hls_token *end)
{
    while (t && *form) {
        size_t n = strcspn(form, " ");
        if (t >= end)
            return NULL;
        if (form[0] == '$')
            t = take(c, form[1], t, end);
        else
            t = t->text.n == n && memcmp(t->text.at, form, n) == 0 ? t + 1 : NULL;
        form += n + (form[n] == ' ');
    }
    return t;
}

static bool find_form(captures *c, const char *form, hls_range body)
{
    for (uint32_t i = 0; i < body.n; i++) {
        captures tried = {0};
        if (body.at[i].kind != HLS_WORD ||
            !stands_at(&tried, form, body.at + i, body.at + body.n))
            continue;
        *c = tried;
        return true;
    }
    return false;
}

/* The function whose body has a form. */
static const hls_name *function_with(captures *c, const hls_project *p, const char *form)
{
    for (uint32_t i = 0; i < p->n_name; i++)
        if (p->names[i].kind == HLS_FUNCTION && find_form(c, form, p->names[i].value))
            return &p->names[i];
    return NULL;
}

static tgl_status type_of(hls_type *out, const hls_project *p, hls_range type)
{
    return tgl__hls_type(out, p, (hls_text){"", 0}, type);
}

/* The type of a function's parameter. */
static tgl_status parameter_type(hls_type *out, const hls_project *p,
                                 const hls_name *function, hls_range name)
{
    for (uint32_t i = 1; i < function->type.n; i++) {
        if (!tgl__hls_same(function->type.at[i].text, name.at->text))
            continue;
        uint32_t from = i;
        while (from > 0 && !tgl__hls_mark(&function->type.at[from - 1], ','))
            from--;
        return type_of(out, p, (hls_range){function->type.at + from, i - from});
    }
    return tgl__fail(p->err, TGL_EFORMAT,
                     "%s: '%.*s': expected a parameter of '%.*s', found none",
                     p->files.path, (int)name.at->text.n, name.at->text.at,
                     (int)function->name.n, function->name.at);
}

static bool same_quant(const tgl_quant *a, const tgl_quant *b)
{
    return tgl_type_equal(a->type, b->type) && a->round == b->round &&
           a->overflow == b->overflow;
}

/* ---- scaling: y = (x - offset) >> shift ---- */

static tgl_status array_codes(int64_t **out, hls_project *p, hls_range name, uint32_t n,
                              hls_type *type)
{
    double *values;
    const hls_text none = {"", 0};
    const hls_name *array = tgl__hls_name(p, none, name.at->text);
    if (!array || array->kind != HLS_CONSTANT)
        return tgl__fail(p->err, TGL_EFORMAT,
                         "%s: expected an array '%.*s' of the input scaling, found none",
                         p->files.path, (int)name.at->text.n, name.at->text.at);
    TGL_TRY(type_of(type, p, array->type));
    TGL_TRY(tgl__hls_values(&values, p, name.at->text, n));
    *out = tgl__arena_alloc(&p->arena, n, sizeof **out);
    if (!*out)
        return tgl__fail_nomem(p->err);
    for (uint32_t i = 0; i < n; i++)
        (*out)[i] = tgl__hls_code(values[i], &type->quant);
    return TGL_OK;
}

/* A shift keeps its type in C++, and negative ones go left. */
static tgl_status check_scaling(const hls_hand *h, const hls_project *p)
{
    if (h->cast.round != TGL_TRN || h->cast.overflow != TGL_WRAP)
        return tgl__fail(p->err, TGL_EUNSUPPORTED,
                         "%s: input scaling: expected a type without rounding and "
                         "saturation to shift in",
                         p->files.path);
    for (uint32_t i = 0; i < h->n; i++)
        if (h->shift[i] < -h->cast.type.width || h->shift[i] > h->cast.type.width)
            return tgl__fail(p->err, TGL_EFORMAT,
                             "%s: input scaling: shift %u: %lld does not fit the type",
                             p->files.path, i, (long long)h->shift[i]);
    return TGL_OK;
}

static tgl_status read_scaling(hls_hand *h, hls_project *p, const captures *c,
                               const hls_name *function, const tgl_quant *network)
{
    hls_type type, shifted;
    TGL_TRY(parameter_type(&type, p, function, c->at['x']));
    h->input = type.quant.type;
    TGL_TRY(type_of(&type, p, c->at['T']));
    h->cast = type.quant;
    TGL_TRY(type_of(&shifted, p, c->at['U']));
    if (!same_quant(&shifted.quant, network) && !same_quant(&shifted.quant, &h->cast))
        return tgl__fail(p->err, TGL_EUNSUPPORTED,
                         "%s: input scaling: expected '%.*s' to have the type before the "
                         "shift or the network's input type",
                         p->files.path, (int)c->at['b'].at->text.n,
                         c->at['b'].at->text.at);
    TGL_TRY(array_codes(&h->offset, p, c->at['o'], h->n, &type));
    h->offset_type = type.quant.type;
    TGL_TRY(array_codes(&h->shift, p, c->at['s'], h->n, &type));
    if (type.quant.type.frac != 0)
        return tgl__fail(p->err, TGL_EUNSUPPORTED,
                         "%s: input scaling: expected shifts of an integer type",
                         p->files.path);
    h->has_scaling = true;
    return check_scaling(h, p);
}

static tgl_status need_type(tgl_quant *out, const tgl_json *object, const char *key,
                            const char *where, tgl_error *err)
{
    const char *text;
    TGL_TRY(tgl__json_need_string(&text, object, key, where, err));
    tgl_status status = tgl_quant_parse(out, text, err);
    return status == TGL_OK ? status
                            : tgl__fail_context(err, status, "%s: '%s'", where, key);
}

static tgl_status need_numbers(double **out, hls_project *p, const tgl_json *object,
                               const char *key, uint32_t n)
{
    tgl_json *list;
    const char *where = "settings: scaling";
    TGL_TRY(tgl__json_need(&list, object, key, TGL_JSON_ARRAY, where, p->err));
    if (tgl__json_size(list) != n)
        return tgl__fail(p->err, TGL_EFORMAT, "%s: '%s': expected %u numbers, found %zu",
                         where, key, n, tgl__json_size(list));
    *out = tgl__arena_alloc(&p->arena, n, sizeof **out);
    if (!*out)
        return tgl__fail_nomem(p->err);
    for (uint32_t i = 0; i < n; i++)
        (*out)[i] = tgl__json_real(tgl__json_at(list, i), 0);
    return TGL_OK;
}

static tgl_status settings_scaling(hls_hand *h, hls_project *p, const tgl_json *object)
{
    static const char *const keys[] = {"type", "offset", "offset_type", "shift"};
    const char *where = "settings: scaling";
    double *offset, *shift;
    tgl_quant offset_type;
    TGL_TRY(tgl__json_only_keys(object, keys, 4, where, p->err));
    TGL_TRY(need_type(&h->cast, object, "type", where, p->err));
    TGL_TRY(need_type(&offset_type, object, "offset_type", where, p->err));
    TGL_TRY(need_numbers(&offset, p, object, "offset", h->n));
    TGL_TRY(need_numbers(&shift, p, object, "shift", h->n));
    h->offset = tgl__arena_alloc(&p->arena, h->n, sizeof *h->offset);
    h->shift = tgl__arena_alloc(&p->arena, h->n, sizeof *h->shift);
    if (!h->offset || !h->shift)
        return tgl__fail_nomem(p->err);
    for (uint32_t i = 0; i < h->n; i++) {
        if (shift[i] < -64 || shift[i] > 64 || shift[i] != (double)(int64_t)shift[i])
            return tgl__fail(p->err, TGL_EFORMAT,
                             "%s: 'shift' %u: expected an integer of -64 to 64", where,
                             i);
        h->offset[i] = tgl__hls_code(offset[i], &offset_type);
        h->shift[i] = (int64_t)shift[i];
    }
    h->input = h->cast.type;
    h->offset_type = offset_type.type;
    h->has_scaling = true;
    return check_scaling(h, p);
}

/* ---- score ---- */

static const char squares_form[] = "$q [ $i ] = $r [ $i ] * $r [ $i ] ;",
                  tree_form[] = "= nnet :: reduce < $S , $N , nnet :: Op_add < $O > > (",
                  first_form[] = "$l = $r [ 0 ] ; return $l ;";

/* Squares in one type, summed as a tree in it; or the first result. */
static tgl_status read_score(hls_hand *h, hls_project *p)
{
    captures c, tree;
    hls_type term, sum;
    const hls_name *function = function_with(&c, p, squares_form);
    bool squares = function != NULL;
    if (!squares)
        function = function_with(&c, p, first_form);
    if (!function)
        return TGL_OK;
    char form[80];
    hls_range name = c.at[squares ? 'q' : 'l'];
    snprintf(form, sizeof form, squares ? "$D %.50s [" : "$D %.50s ;",
             tgl__hls_string(p, name.at->text));
    if (squares && !find_form(&tree, "$x = nnet :: reduce <", function->value))
        return TGL_OK;
    if (!find_form(&c, form, function->value))
        return TGL_OK;
    TGL_TRY(type_of(&term, p, c.at['D']));
    sum = term;
    if (squares) {
        const hls_token *end = function->value.at + function->value.n;
        for (const hls_token *t = function->value.at; t < end; t++)
            if (stands_at(&tree, tree_form, t, end))
                TGL_TRY(type_of(&sum, p, tree.at['S']));
    }
    h->score = squares ? HLS_SUM_SQUARES : HLS_FIRST;
    h->term = term.quant;
    h->sum = sum.quant;
    return TGL_OK;
}

static tgl_status settings_score(hls_hand *h, hls_project *p, const tgl_json *object)
{
    static const char *const keys[] = {"squares", "sum", "first"};
    const char *where = "settings: score";
    TGL_TRY(tgl__json_only_keys(object, keys, 3, where, p->err));
    h->score = tgl__json_get(object, "first") ? HLS_FIRST : HLS_SUM_SQUARES;
    if (h->score == HLS_FIRST)
        return need_type(&h->sum, object, "first", where, p->err);
    TGL_TRY(need_type(&h->term, object, "squares", where, p->err));
    h->sum = h->term;
    if (tgl__json_get(object, "sum"))
        return need_type(&h->sum, object, "sum", where, p->err);
    return TGL_OK;
}

/* ---- what a project has ---- */

/* A class of CMSSW's loader: there may be code around the network. */
static bool has_emulator(const hls_project *p)
{
    for (uint32_t i = 0; i < p->n_name; i++)
        for (uint32_t t = 0; p->names[i].kind == HLS_STRUCT && t < p->names[i].value.n;
             t++)
            if (tgl__hls_word(&p->names[i].value.at[t], "hls4mlEmulator"))
                return true;
    return false;
}

static bool is_none(const tgl_json *value)
{
    return strcmp(tgl__json_string(value, ""), "none") == 0;
}

static tgl_status ask(const hls_project *p, const char *what, const char *form)
{
    return tgl__fail(p->err, TGL_EUSAGE,
                     "%s: the emulator class around the network has %s of a form that is "
                     "not known: name it in the settings: %s",
                     p->files.path, what, form);
}

static tgl_status find_scaling(hls_hand *out, hls_project *p, const tgl_quant *input)
{
    captures c;
    const tgl_json *named = tgl__json_get(p->import->settings, "scaling");
    if (is_none(named))
        return TGL_OK;
    if (named)
        return settings_scaling(out, p, named);
    const hls_name *function =
        function_with(&c, p,
                      "$T $a = $x [ $i ] - $o [ $i ] ; $U $b = $a > > $s [ $i ] ; "
                      "$y [ $i ] = $b ;");
    if (function && out->n)
        return read_scaling(out, p, &c, function, input);
    if (function || has_emulator(p))
        return ask(p, "an input scaling",
                   "scaling: none, or {type, offset, offset_type, shift}");
    return TGL_OK;
}

tgl_status tgl__hls_hand(hls_hand *out, hls_project *p, uint32_t n, tgl_quant input)
{
    static const char *const keys[] = {"top",     "name",  "inputs",    "outputs",
                                       "scaling", "score", "thresholds"};
    *out = (hls_hand){.n = n};
    if (p->import->settings)
        TGL_TRY(tgl__json_only_keys(p->import->settings, keys, 7, "settings", p->err));
    TGL_TRY(find_scaling(out, p, &input));
    const tgl_json *named = tgl__json_get(p->import->settings, "score");
    if (is_none(named))
        return TGL_OK;
    if (named)
        return settings_score(out, p, named);
    TGL_TRY(read_score(out, p));
    if (out->score == HLS_NO_SCORE && has_emulator(p))
        return ask(p, "a result",
                   "score: none, or {squares: TYPE, sum: TYPE}, or {first: TYPE}");
    return TGL_OK;
}

/* ---- nodes ---- */

tgl_status tgl__hls_scale(tgl__tensor *out, const hls_hand *hand, tgl__layers *l,
                          const tgl__tensor *x, const tgl_quant *to)
{
    const tgl_node node = {.op = TGL_GRAPH_SCALE,
                           .offset = hand->offset,
                           .offset_type = hand->offset_type,
                           .shift = hand->shift,
                           .cast = hand->cast,
                           .out = to,
                           .n_out = 1};
    return tgl__layer_each(l, out, "scale", x, node);
}

/* Thresholds of the settings on the score: {SEED: VALUE}. */
static tgl_status thresholds(hls_project *p, tgl__layers *l, const tgl__tensor *score,
                             tgl_quant type)
{
    const tgl_json *named = tgl__json_get(p->import->settings, "thresholds");
    const tgl_quant bit = {{0, 1, 0}, TGL_TRN, TGL_WRAP};
    size_t n = tgl__json_size(named);
    if (n < 1)
        return TGL_OK;
    const char **labels = tgl__layers_array(l, n, sizeof *labels);
    int64_t *codes = tgl__layers_array(l, n, sizeof *codes);
    if (!labels || !codes)
        return TGL_ENOMEM;
    tgl_json *value;
    for (size_t i = 0; i < n && tgl__json_entry(named, i, &labels[i], &value); i++) {
        double v;
        TGL_TRY(
            tgl__json_need_real(&v, named, labels[i], "settings: thresholds", p->err));
        codes[i] = tgl__hls_code(v, &type);
        if (tgl_code_to_double(codes[i], type.type.frac) != v)
            return tgl__fail(p->err, TGL_EFORMAT,
                             "settings: thresholds: '%s': %g is no value of the score's "
                             "type",
                             labels[i], v);
        if (i + 1 < n)
            labels[i + 1] = labels[i]; /* the entry before, for the next call */
    }
    tgl__tensor seeds;
    const tgl__tensor *in[1] = {score};
    const tgl_node node = {.op = TGL_GRAPH_THRESHOLD,
                           .out = &bit,
                           .n_out = 1,
                           .labels = labels,
                           .threshold = codes,
                           .threshold_type = type.type,
                           .slot_threshold = 1};
    const uint32_t shape[1] = {(uint32_t)n};
    if (!tgl__tensor_shaped(&seeds, 1, shape))
        return tgl__fail(p->err, TGL_ELIMIT, "settings: thresholds: too many");
    TGL_TRY(tgl__layer_add(l, &seeds, "seeds", in, 1, node));
    return tgl_graph_add_output(l->graph, "seeds", seeds.node, p->err);
}

tgl_status tgl__hls_score(const hls_hand *hand, hls_project *p, tgl__layers *l,
                          const tgl__tensor *x)
{
    tgl__tensor score;
    const tgl__tensor *in[1] = {x};
    tgl_node node = {.op = TGL_GRAPH_SUM_SQUARES,
                     .term = hand->term,
                     .acc = hand->sum,
                     .out = &hand->sum,
                     .n_out = 1};
    if (hand->score == HLS_FIRST)
        node = (tgl_node){.op = TGL_GRAPH_SLICE, .out = &hand->sum, .n_out = 1};
    if (!tgl__tensor_shaped(&score, 1, &(uint32_t){1}))
        return TGL_ELIMIT;
    TGL_TRY(tgl__layer_add(l, &score, "score", in, 1, node));
    TGL_TRY(tgl_graph_add_output(l->graph, "score", score.node, p->err));
    return thresholds(p, l, &score, hand->sum);
}
