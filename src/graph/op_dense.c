/* The matrix product with an accumulator of its own type. */
#include "base/memory.h"
#include "graph/op.h"

static tgl_status check_order(const tgl__verifier *v, uint32_t n_in)
{
    const tgl_node *node = v->node;
    if (!node->order)
        return TGL_OK;
    uint8_t *seen = tgl__calloc(n_in, 1);
    if (!seen)
        return tgl__fail_nomem(v->err);
    tgl_status status = TGL_OK;
    for (uint32_t j = 0; j < n_in && status == TGL_OK; j++) {
        if (node->order[j] >= n_in || seen[node->order[j]])
            status = tgl__fail(v->err, TGL_EUSAGE,
                               "node '%s': order: expected a permutation of %u inputs, "
                               "found %u at place %u",
                               node->name, n_in, node->order[j], j);
        else
            seen[node->order[j]] = 1;
    }
    tgl__free(seen);
    return status;
}

/* Each product, and the sum of an accumulator with a converted product, before its
 * conversion. */
static tgl_status check_dense_widths(const tgl__verifier *v)
{
    const tgl_node *node = v->node, *in = tgl__input_node(v, 0);
    tgl_interval acc = tgl__interval_of_type(node->acc.type);
    tgl_interval w = tgl__interval_of_type(node->weight_type);
    for (uint32_t j = 0; j < in->n_element; j++) {
        tgl_interval x = tgl__input_range(v, 0, j), p, sum;
        bool ok = tgl__interval_mul(&p, &x, &w);
        TGL_TRY(tgl__check_fits(v, ok, &p, j, "product with this input"));
        if (node->term_exact) {
            if (p.frac > node->acc.type.frac)
                return tgl__fail(v->err, TGL_EUSAGE,
                                 "node '%s': input %u: exact terms expect an accumulator "
                                 "with %d fraction bits or more, found %d",
                                 node->name, j, p.frac, node->acc.type.frac);
            ok = tgl__interval_align(&p, node->acc.type.frac);
            TGL_TRY(tgl__check_fits(v, ok, &p, j, "aligned product with this input"));
        } else {
            p = tgl__interval_of_type(node->term.type);
        }
        ok = tgl__interval_add(&sum, &acc, &p);
        TGL_TRY(tgl__check_fits(v, ok, &sum, j, "sum with this input"));
    }
    return TGL_OK;
}

tgl_status tgl__verify_dense(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    tgl__dense_shape shape;
    (void)tgl__dense_shape_of(&shape, v->graph, node); /* was looked at when added */
    size_t n_out = (size_t)shape.sets * shape.fan_out;
    if (shape.sets > 1 && (node->slot_weights || node->slot_bias))
        return tgl__fail(v->err, TGL_EUNSUPPORTED,
                         "node '%s': writable weights expect one set, found %u",
                         node->name, shape.sets);
    TGL_TRY(tgl__check_codes(v, node->weights, n_out * shape.fan_in, node->weight_type,
                             "weight"));
    if (node->bias)
        TGL_TRY(tgl__check_codes(v, node->bias, n_out, node->bias_type, "bias"));
    TGL_TRY(tgl__check_quant(v, &node->acc, "accumulator"));
    TGL_TRY(tgl__check_quant(v, &node->term, "term"));
    if (node->acc.type.frac != node->term.type.frac)
        return tgl__fail(
            v->err, TGL_EUSAGE,
            "node '%s': expected term and accumulator with one binary point, "
            "found %d and %d",
            node->name, node->term.type.frac, node->acc.type.frac);
    if (node->acc.round != TGL_TRN)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': accumulator: sums lie on its grid, expected TRN, "
                         "found %s",
                         node->name, tgl_round_name(node->acc.round));
    if (node->slot_bias && node->bias_type.frac > node->acc.type.frac)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': a writable bias may have at most the accumulator's "
                         "%d fraction bits, found %d",
                         node->name, node->acc.type.frac, node->bias_type.frac);
    TGL_TRY(check_order(v, shape.fan_in));
    return check_dense_widths(v);
}

tgl__number tgl__eval_dense(const tgl__evaluation *e, uint32_t i)
{
    const tgl_node *node = e->node;
    tgl__dense_shape shape;
    (void)tgl__dense_shape_of(&shape, e->graph, node);
    uint32_t part = i / shape.fan_out, set = part % shape.sets;
    size_t row = (size_t)set * shape.fan_out + i % shape.fan_out;
    tgl__number acc = {0, node->acc.type.frac};
    if (node->bias)
        acc = tgl__cast(tgl__literal(node->bias[row], node->bias_type), &node->acc);
    for (uint32_t k = 0; k < shape.fan_in; k++) {
        uint32_t j = node->order ? node->order[k] : k;
        tgl__number w =
            tgl__literal(node->weights[row * shape.fan_in + j], node->weight_type);
        tgl__number term = tgl__times(tgl__arg(e, 0, part * shape.fan_in + j), w);
        if (!node->term_exact)
            term = tgl__cast(term, &node->term);
        acc = tgl__cast(tgl__plus(acc, term), &node->acc);
    }
    return acc;
}
