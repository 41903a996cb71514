/* The softmaxes of hls4ml: stable, latency, legacy and argmax, and the stable one of
 * versions before 1.3, whose types are others. */
#include <stdio.h>

#include "base/error.h"
#include "model/hls4ml/hls.h"

typedef struct softmax {
    hls_layer *layer;
    uint32_t n_outer, n_slice, n_inner;
    uint32_t n_exp, n_inv;
    hls_type exp, inv, acc,
        sum; /* entries; the sum of exponentials; the inverse's index */
    float scale;
    tgl__tensor x; /* (outer * inner, slice) */
} softmax;

static const char *part(const softmax *s, const char *name)
{
    return tgl__layers_name(s->layer->l, s->layer->call->layer, name);
}

static bool is_power(uint32_t n)
{
    return n > 1 && n <= 1 << 20 && (n & (n - 1)) == 0;
}

/* ---- slices one after the other, and back ---- */

static tgl_status turn(tgl__tensor *out, const softmax *s, const tgl__tensor *x,
                       uint32_t b, uint32_t c)
{
    const uint32_t shape[3] = {s->n_outer, b, c}, perm[3] = {0, 2, 1};
    tgl__tensor y;
    TGL_TRY(tgl__layer_reshape(s->layer->l, &y, s->layer->call->layer, x, 3, shape));
    return tgl__layer_transpose(s->layer->l, out, part(s, "slices"), &y, perm);
}

static tgl_status set_slices(softmax *s, bool multi)
{
    hls_layer *layer = s->layer;
    uint32_t n = layer->in[0]->n;
    s->n_outer = s->n_inner = 1;
    s->n_slice = n;
    if (layer->is_stream) {
        s->n_slice = layer->in[0]->type.together; /* each word of the stream */
        s->n_outer = n / s->n_slice;
    } else if (multi) {
        TGL_TRY(tgl__hls_dim(&s->n_outer, layer, "n_outer"));
        TGL_TRY(tgl__hls_dim(&s->n_slice, layer, "n_slice"));
        TGL_TRY(tgl__hls_dim(&s->n_inner, layer, "n_inner"));
    }
    if ((uint64_t)s->n_outer * s->n_slice * s->n_inner != n)
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "expected %u elements in slices, found %u x %u x %u", n,
                             s->n_outer, s->n_slice, s->n_inner);
    if (s->n_inner > 1)
        TGL_TRY(turn(&s->x, s, tgl__hls_in(layer, 0), s->n_slice, s->n_inner));
    else
        s->x = *tgl__hls_in(layer, 0);
    const uint32_t shape[2] = {n / s->n_slice, s->n_slice};
    return tgl__layer_reshape(layer->l, &s->x, layer->call->layer, &s->x, 2, shape);
}

static tgl_status finish(softmax *s, const tgl__tensor *y)
{
    tgl__tensor z = *y;
    if (s->n_inner > 1)
        TGL_TRY(turn(&z, s, y, s->n_inner, s->n_slice));
    return tgl__hls_done(s->layer, 0, &z);
}

/* ---- tables ---- */

static tgl_status exp_table(tgl_graph_table *out, softmax *s, tgl_type index,
                            bool negative)
{
    int64_t *codes = tgl__layers_array(s->layer->l, s->n_exp, sizeof *codes);
    if (!codes)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < s->n_exp; i++)
        codes[i] =
            tgl__hls_exp_entry(i, s->n_exp, index, s->scale, negative, &s->exp.quant);
    *out = (tgl_graph_table){s->exp.quant.type, s->n_exp, codes};
    tgl__import_choice(s->layer->p->import, s->layer->call->layer,
                       "tables computed in float32 as hls4ml's C++ does, with this "
                       "machine's mathematics library");
    return TGL_OK;
}

static tgl_status inverse_table(tgl_graph_table *out, softmax *s, tgl_type index)
{
    int64_t *codes = tgl__layers_array(s->layer->l, s->n_inv, sizeof *codes);
    if (!codes)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < s->n_inv; i++)
        codes[i] = tgl__hls_inverse_entry(i, s->n_inv, index, &s->inv.quant);
    *out = (tgl_graph_table){s->inv.quant.type, s->n_inv, codes};
    return TGL_OK;
}

static bool fits(const softmax *s, uint32_t n, tgl_type index)
{
    (void)s;
    return is_power(n) && n <= (uint64_t)1 << (index.width < 32 ? index.width : 32);
}

static tgl_status refuse_table(softmax *s)
{
    return tgl__hls_refuse(s->layer,
                           "tables of %u and %u entries (powers of two, no more than "
                           "their index has values)",
                           s->n_exp, s->n_inv);
}

/* exp_table_size and inv_table_size, or table_size of both in older versions. */
static tgl_status read_tables(softmax *s)
{
    uint32_t n;
    double scale = 1;
    TGL_TRY(tgl__hls_dim_or(&n, s->layer, "table_size", 1024));
    TGL_TRY(tgl__hls_dim_or(&s->n_exp, s->layer, "exp_table_size", n));
    TGL_TRY(tgl__hls_dim_or(&s->n_inv, s->layer, "inv_table_size", n));
    TGL_TRY(tgl__hls_config_type(&s->exp, s->layer, "exp_table_t"));
    TGL_TRY(tgl__hls_config_type(&s->inv, s->layer, "inv_table_t"));
    const hls_name *member = tgl__hls_member(s->layer->p, s->layer->config, "exp_scale");
    if (member && !tgl__hls_real(&scale, member->value))
        return tgl__hls_fail(s->layer, TGL_EFORMAT, "'exp_scale': expected a number");
    s->scale = (float)scale;
    return TGL_OK;
}

/* ---- e / sum(e) ---- */

/* Exponentials e (acc's type) of each slice: their sum, its inverse, the products. */
static tgl_status divide(softmax *s, const tgl__tensor *e)
{
    tgl__layers *l = s->layer->l;
    const uint32_t axis = 1;
    tgl_graph_table table;
    tgl__tensor sum, inverse, y;
    TGL_TRY(inverse_table(&table, s, s->sum.quant.type));
    TGL_TRY(tgl__layer_reduce(l, &sum, part(s, "sum"), e, &axis, 1, true,
                              TGL_GRAPH_REDUCE_SUM, &s->acc.quant, &s->sum.quant));
    const tgl_quant index = {s->sum.quant.type, TGL_TRN, TGL_WRAP};
    TGL_TRY(tgl__hls_lookup(&inverse, s->layer, "inverse", &sum, &index, &table,
                            &s->inv.quant));
    TGL_TRY(tgl__layer_pair(l, &y, s->layer->call->layer, TGL_GRAPH_MULTIPLY, e, &inverse,
                            tgl__hls_to(s->layer)));
    return finish(s, &y);
}

static tgl_status latency(softmax *s)
{
    const tgl_type type = s->layer->in[0]->type.quant.type;
    tgl_graph_table table;
    tgl__tensor e;
    if (!fits(s, s->n_exp, type) || !fits(s, s->n_inv, s->sum.quant.type))
        return refuse_table(s);
    TGL_TRY(exp_table(&table, s, type, false));
    const tgl_quant index = {type, TGL_TRN, TGL_WRAP};
    TGL_TRY(tgl__hls_lookup(&e, s->layer, "exp", &s->x, &index, &table, &s->acc.quant));
    return divide(s, &e);
}

static tgl_status stable(softmax *s)
{
    hls_type difference;
    tgl_node node = {.op = TGL_GRAPH_SOFTMAX, .group = s->n_slice, .n_out = 1};
    tgl__tensor y;
    TGL_TRY(tgl__hls_config_type(&difference, s->layer, "inp_norm_t"));
    if (!fits(s, s->n_exp, difference.quant.type) ||
        !fits(s, s->n_inv, s->sum.quant.type))
        return refuse_table(s);
    TGL_TRY(exp_table(&node.exp_table, s, difference.quant.type, true));
    TGL_TRY(inverse_table(&node.inv_table, s, s->sum.quant.type));
    node.softmax_diff = difference.quant;
    node.softmax_sum = s->sum.quant;
    node.acc = s->acc.quant;
    node.out = tgl__hls_to(s->layer);
    TGL_TRY(tgl__layer_each(s->layer->l, &y, s->layer->call->layer, &s->x, node));
    return finish(s, &y);
}

/* Before 1.3: x - max(x) in x's type, rounded and saturated; sums in exp_table_t. */
static tgl_status older(softmax *s)
{
    tgl_quant difference = {s->layer->in[0]->type.quant.type, TGL_RND, TGL_SAT};
    const tgl_quant index = {difference.type, TGL_TRN, TGL_WRAP};
    const uint32_t axis = 1;
    tgl_graph_table table;
    tgl__tensor top, d, e;
    if (!fits(s, s->n_exp, difference.type) || !fits(s, s->n_inv, s->exp.quant.type))
        return refuse_table(s);
    TGL_TRY(exp_table(&table, s, difference.type, false));
    TGL_TRY(tgl__layer_reduce(s->layer->l, &top, part(s, "max"), &s->x, &axis, 1, true,
                              TGL_GRAPH_REDUCE_MAX, NULL, NULL));
    TGL_TRY(tgl__layer_pair(s->layer->l, &d, part(s, "difference"), TGL_GRAPH_SUBTRACT,
                            &s->x, &top, &difference));
    TGL_TRY(tgl__hls_lookup(&e, s->layer, "exp", &d, &index, &table, &s->exp.quant));
    return divide(s, &e);
}

/* ---- 1 / sum over j of exp(x_j - x_i), for each i ---- */

/* All x_j - x_i of each slice, exactly: (slices, i, j). */
static tgl_status differences(tgl__tensor *out, softmax *s)
{
    tgl__layers *l = s->layer->l;
    uint32_t slices = s->x.n / s->n_slice;
    const uint32_t one[3] = {slices, 1, s->n_slice}, other[3] = {slices, s->n_slice, 1};
    tgl__tensor a, b;
    TGL_TRY(tgl__layer_reshape(l, &a, part(s, "j"), &s->x, 3, one));
    TGL_TRY(tgl__layer_reshape(l, &b, part(s, "i"), &s->x, 3, other));
    return tgl__layer_pair(l, out, part(s, "difference"), TGL_GRAPH_SUBTRACT, &a, &b,
                           NULL);
}

static tgl_status legacy(softmax *s)
{
    uint32_t n, n_exp, n_inv, refused = s->layer->p->import->n_refused;
    hls_type type;
    int64_t *exp, *inverse;
    tgl__tensor d, e, sum, y;
    TGL_TRY(tgl__hls_table_form(&n, &type, s->layer));
    n_exp = n_inv = n;
    if (!s->layer->is_stream) { /* streams take table_size for both */
        TGL_TRY(tgl__hls_dim_or(&n_exp, s->layer, "exp_table_size", n));
        TGL_TRY(tgl__hls_dim_or(&n_inv, s->layer, "inv_table_size", n));
    }
    if (!is_power(n_exp) || !is_power(n_inv))
        return refuse_table(s);
    TGL_TRY(tgl__hls_table(&exp, s->layer, HLS_EXP_LEGACY, n_exp, &type.quant));
    TGL_TRY(tgl__hls_table(&inverse, s->layer, HLS_INVERSE_LEGACY, n_inv, &type.quant));
    TGL_TRY(differences(&d, s));
    const hls_steps to_exp = {n_exp, 16, 0, true, false, exp, type.quant.type},
                    to_inverse = {n_inv, 64, 0, false, false, inverse, type.quant.type};
    TGL_TRY(tgl__hls_step_lookup(&e, s->layer, "exp", &d, &to_exp, &type.quant));
    if (s->layer->p->import->n_refused > refused)
        return TGL_OK;
    const uint32_t shape[1] = {s->x.n};
    tgl_node node = {.op = TGL_GRAPH_REDUCE_SUM,
                     .group = s->n_slice,
                     .kind = 1,
                     .acc = type.quant,
                     .out = &type.quant,
                     .n_out = 1};
    const tgl__tensor *in[1] = {&e};
    if (!tgl__tensor_shaped(&sum, 1, shape))
        return tgl__hls_fail(s->layer, TGL_ELIMIT, "too many elements");
    TGL_TRY(tgl__layer_add(s->layer->l, &sum, part(s, "sum"), in, 1, node));
    TGL_TRY(tgl__hls_step_lookup(&y, s->layer, NULL, &sum, &to_inverse,
                                 tgl__hls_to(s->layer)));
    return s->layer->p->import->n_refused > refused ? TGL_OK : finish(s, &y);
}

/* 1 for the first maximum, 0 for the others: 1 where nothing before is as large and
 * nothing behind larger. */
static tgl_status argmax(softmax *s)
{
    tgl__layers *l = s->layer->l;
    const tgl_quant bit = {{0, 1, 0}, TGL_TRN, TGL_WRAP};
    uint32_t slices = s->x.n / s->n_slice, n = s->n_slice;
    tgl__tensor y, parts[2];
    for (uint32_t k = 0; k < slices; k++) {
        tgl__tensor slice, index, all, number;
        uint8_t width = 1;
        while (width < 21 && (1u << width) < n)
            width++;
        const tgl_quant place = {{0, width, 0}, TGL_TRN, TGL_WRAP};
        int64_t *codes = tgl__layers_array(l, n, sizeof *codes);
        if (!codes)
            return TGL_ENOMEM;
        for (uint32_t i = 0; i < n; i++)
            codes[i] = i;
        TGL_TRY(tgl__layer_slice(l, &slice, part(s, "slice"), &s->x, 0, k, 1, 1));
        TGL_TRY(tgl__layer_reshape(l, &slice, part(s, "slice"), &slice, 1, &n));
        tgl_node node = {.op = TGL_GRAPH_ARGMAX, .out = &place, .n_out = 1};
        const tgl__tensor *in[2] = {&slice, NULL};
        if (!tgl__tensor_shaped(&index, 1, &(uint32_t){1}))
            return tgl__hls_fail(s->layer, TGL_ELIMIT, "too many elements");
        TGL_TRY(tgl__layer_add(l, &index, part(s, "argmax"), in, 1, node));
        TGL_TRY(tgl__layer_broadcast(l, &all, part(s, "argmax"), &index, 1, &n));
        TGL_TRY(
            tgl__layer_constant(l, &number, part(s, "number"), 1, &n, codes, place.type));
        node =
            (tgl_node){.op = TGL_GRAPH_COMPARE, .relation = 0, .out = &bit, .n_out = 1};
        in[0] = &all;
        in[1] = &number;
        parts[1] = all;
        TGL_TRY(tgl__layer_add(l, &parts[1], part(s, "first"), in, 2, node));
        const tgl__tensor *both[2] = {&parts[0], &parts[1]};
        if (k == 0)
            y = parts[1];
        else
            TGL_TRY(tgl__layer_concat(l, &y, part(s, "slices"), both, 2, 0));
        parts[0] = y;
    }
    return finish(s, &y);
}

static tgl_status by_implementation(hls_layer *layer, bool multi)
{
    softmax s = {.layer = layer, .scale = 1};
    hls_text form = tgl__hls_member_word(layer->p, layer->config, "implementation");
    bool newer = tgl__hls_member(layer->p, layer->config, "inv_inp_t") != NULL;
    TGL_TRY(set_slices(&s, multi));
    if (tgl__hls_is(form, "legacy"))
        return legacy(&s);
    if (tgl__hls_is(form, "argmax"))
        return argmax(&s);
    bool is_latency = tgl__hls_is(form, "latency");
    if (!is_latency && !tgl__hls_is(form, "stable"))
        return tgl__hls_refuse(layer, "implementation '%.*s'", (int)form.n, form.at);
    TGL_TRY(read_tables(&s));
    s.acc = s.sum = s.exp;
    if (newer) {
        TGL_TRY(tgl__hls_config_type(&s.acc, layer, "accum_t"));
        TGL_TRY(tgl__hls_config_type(&s.sum, layer, "inv_inp_t"));
    }
    if (is_latency)
        return latency(&s);
    return newer ? stable(&s) : older(&s);
}

static tgl_status softmax_one(hls_layer *layer)
{
    return by_implementation(layer, false);
}

static tgl_status softmax_multi(hls_layer *layer)
{
    return by_implementation(layer, true);
}

const hls_operator tgl__hls_softmax[] = {
    {"softmax", 1, 1, 1, {"n_in", NULL}, softmax_one},
    {"softmax_multidim", 1, 1, 1, {"n_in", NULL}, softmax_multi},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
