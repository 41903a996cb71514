/* Operators of one element: conversions, scaling, constants. */
#include "graph/op.h"

tgl_status tgl__verify_any(const tgl__verifier *v)
{
    (void)v;
    return TGL_OK;
}

tgl_status tgl__verify_like_input(const tgl__verifier *v)
{
    return tgl__check_count(v, tgl__input_node(v, 0)->n_element);
}

tgl__number tgl__eval_copy(const tgl__evaluation *e, uint32_t j)
{
    return tgl__arg(e, 0, j);
}

tgl__number tgl__eval_relu(const tgl__evaluation *e, uint32_t j)
{
    tgl__number x = tgl__arg(e, 0, j);
    if (x.code < 0)
        x.code = 0;
    return x;
}

/* ---- scale ---- */

static tgl_status check_shift_bounds(const tgl__verifier *v, int64_t lo, int64_t hi)
{
    if (lo < -TGL__GRAPH_MAX_SHIFT || hi > TGL__GRAPH_MAX_SHIFT || lo > hi)
        return tgl__fail(v->err, TGL_ELIMIT,
                         "node '%s': shift: expected bounds in [-%d, %d], found %lld to "
                         "%lld",
                         v->node->name, TGL__GRAPH_MAX_SHIFT, TGL__GRAPH_MAX_SHIFT,
                         (long long)lo, (long long)hi);
    return TGL_OK;
}

/* t * 2^-s for s in [lo, hi]: the widest left shift, on the binary point of the widest
 * right shift (as SHIFT_VALUE keeps it). */
static bool shifted_range(tgl_interval *out, const tgl_interval *t, int lo, int hi)
{
    int left = lo < 0 ? -lo : 0, right = hi > 0 ? hi : 0;
    *out = *t;
    bool ok = tgl__interval_align(out, t->frac + left + right);
    out->frac = t->frac + right;
    return ok;
}

tgl_status tgl__verify_scale(const tgl__verifier *v)
{
    const tgl_node *node = v->node, *in = tgl__input_node(v, 0);
    TGL_TRY(tgl__check_count(v, in->n_element));
    TGL_TRY(
        tgl__check_codes(v, node->offset, node->n_element, node->offset_type, "offset"));
    TGL_TRY(tgl__check_quant(v, &node->cast, "cast"));
    if (node->slot_shift)
        TGL_TRY(check_shift_bounds(v, node->shift_lo, node->shift_hi));
    for (uint32_t i = 0; i < node->n_element; i++) {
        int64_t lo = node->slot_shift ? node->shift_lo : -TGL__GRAPH_MAX_SHIFT;
        int64_t hi = node->slot_shift ? node->shift_hi : TGL__GRAPH_MAX_SHIFT;
        if (node->shift[i] < lo || node->shift[i] > hi)
            return tgl__fail(
                v->err, TGL_ELIMIT,
                "node '%s': element %u: expected a shift in [%lld, %lld], found %lld",
                node->name, i, (long long)lo, (long long)hi, (long long)node->shift[i]);
        tgl_interval x = tgl__input_range(v, 0, i), d, u,
                     offset = tgl__interval_of_type(node->offset_type);
        if (!node->slot_offset)
            offset.lo = offset.hi = node->offset[i];
        bool ok = tgl__interval_sub(&d, &x, &offset);
        TGL_TRY(tgl__check_fits(v, ok, &d, i, "difference"));
        if (!node->slot_shift)
            continue;
        d = tgl__interval_of_type(node->cast.type);
        ok = shifted_range(&u, &d, node->shift_lo, node->shift_hi);
        TGL_TRY(tgl__check_fits(v, ok, &u, i, "shifted value"));
    }
    return TGL_OK;
}

tgl__number tgl__eval_scale(const tgl__evaluation *e, uint32_t j)
{
    const tgl_node *node = e->node;
    tgl__number offset = tgl__literal(node->offset[j], node->offset_type);
    tgl__number t = tgl__cast(tgl__minus(tgl__arg(e, 0, j), offset), &node->cast);
    t.frac += (int)node->shift[j];
    return tgl__cast(t, &node->cast);
}

/* ---- factors ---- */

tgl_status tgl__verify_output_scale(const tgl__verifier *v)
{
    const tgl_node *node = v->node, *in = tgl__input_node(v, 0);
    TGL_TRY(tgl__check_count(v, in->n_element));
    TGL_TRY(
        tgl__check_codes(v, node->weights, node->n_element, node->weight_type, "scale"));
    tgl_interval w = tgl__interval_of_type(node->weight_type);
    for (uint32_t i = 0; i < node->n_element; i++) {
        tgl_interval x = tgl__input_range(v, 0, i), p;
        bool ok = tgl__interval_mul(&p, &x, &w);
        TGL_TRY(tgl__check_fits(v, ok, &p, i, "product"));
    }
    return TGL_OK;
}

tgl__number tgl__eval_output_scale(const tgl__evaluation *e, uint32_t j)
{
    return tgl__times(tgl__arg(e, 0, j),
                      tgl__literal(e->node->weights[j], e->node->weight_type));
}

/* A constant, or whatever its slot may hold. */
static tgl_interval factor_range(const int64_t *codes, uint32_t i, tgl_type type,
                                 bool slot)
{
    if (slot)
        return tgl__interval_of_type(type);
    return (tgl_interval){codes[i], codes[i], type.frac};
}

tgl_status tgl__verify_scale_bias(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    uint32_t n = node->n_element;
    TGL_TRY(tgl__verify_like_input(v));
    TGL_TRY(tgl__check_codes(v, node->weights, n, node->weight_type, "weight"));
    if (node->bias)
        TGL_TRY(tgl__check_codes(v, node->bias, n, node->bias_type, "bias"));
    for (uint32_t i = 0; i < n; i++) {
        tgl_interval x = tgl__input_range(v, 0, i), y;
        tgl_interval w =
            factor_range(node->weights, i, node->weight_type, node->slot_weights);
        bool ok = tgl__interval_mul(&y, &x, &w);
        TGL_TRY(tgl__check_fits(v, ok, &y, i, "product"));
        if (!node->bias)
            continue;
        tgl_interval b = factor_range(node->bias, i, node->bias_type, node->slot_bias);
        ok = tgl__interval_add(&y, &y, &b);
        TGL_TRY(tgl__check_fits(v, ok, &y, i, "sum"));
    }
    return TGL_OK;
}

tgl__number tgl__eval_scale_bias(const tgl__evaluation *e, uint32_t j)
{
    tgl__number y = tgl__eval_output_scale(e, j);
    if (e->node->bias)
        y = tgl__plus(y, tgl__literal(e->node->bias[j], e->node->bias_type));
    return y;
}

/* ---- another binary point ---- */

tgl_status tgl__verify_rescale(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    TGL_TRY(tgl__verify_like_input(v));
    for (uint32_t i = 0; i < node->n_element; i++)
        if (node->shift[i] < -TGL__GRAPH_MAX_SHIFT ||
            node->shift[i] > TGL__GRAPH_MAX_SHIFT)
            return tgl__fail(
                v->err, TGL_ELIMIT,
                "node '%s': element %u: expected a shift in [-%d, %d], found "
                "%lld",
                node->name, i, TGL__GRAPH_MAX_SHIFT, TGL__GRAPH_MAX_SHIFT,
                (long long)node->shift[i]);
    return TGL_OK;
}

tgl__number tgl__eval_rescale(const tgl__evaluation *e, uint32_t j)
{
    tgl__number x = tgl__arg(e, 0, j);
    x.frac += (int)e->node->shift[j];
    return x;
}

/* ---- constant ---- */

tgl_status tgl__verify_constant(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    for (uint32_t i = 0; i < node->n_element; i++) {
        tgl_quant out = tgl__node_out(node, i);
        if (out.round != TGL_TRN || out.overflow != TGL_WRAP)
            return tgl__fail(v->err, TGL_EUSAGE,
                             "node '%s': element %u: expected a type without modes",
                             node->name, i);
        TGL_TRY(tgl__check_codes(v, node->codes + i, 1, out.type, "code"));
    }
    return TGL_OK;
}

tgl__number tgl__eval_constant(const tgl__evaluation *e, uint32_t j)
{
    return tgl__literal(e->node->codes[j], tgl__node_out(e->node, j).type);
}
