/* Operators that fold many elements into few. */
#include "graph/op.h"

tgl__number tgl__tree(const tgl__evaluation *e,
                      tgl__number (*term)(const tgl__evaluation *, uint32_t),
                      uint32_t first, uint32_t n)
{
    if (n == 1)
        return term(e, first);
    uint32_t left = 1;
    while (2 * left < n)
        left *= 2;
    tgl__number sum = tgl__plus(tgl__tree(e, term, first, left),
                                tgl__tree(e, term, first + left, n - left));
    return tgl__cast(sum, &e->node->acc);
}

tgl_status tgl__verify_argmax(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    uint32_t n = tgl__input_node(v, 0)->n_element;
    TGL_TRY(tgl__check_count(v, 1));
    tgl_type type = tgl__node_out(node, 0).type;
    if (type.is_signed || type.frac != 0 || tgl_type_max(type) < (int64_t)n - 1) {
        char text[TGL_TYPE_TEXT];
        tgl_type_format(text, type);
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': expected an unsigned integer type up to %u, found "
                         "%s",
                         node->name, n - 1, text);
    }
    tgl_interval hull;
    return tgl__check_alignment(v, 0, n, &hull);
}

tgl__number tgl__eval_argmax(const tgl__evaluation *e, uint32_t j)
{
    uint32_t best = 0, n = tgl__node_n_in(e->graph, e->node);
    (void)j; /* one result */
    for (uint32_t i = 1; i < n; i++)
        if (tgl__less(tgl__arg(e, 0, best), tgl__arg(e, 0, i)))
            best = i;
    return (tgl__number){best, 0};
}

tgl_status tgl__verify_sum_squares(const tgl__verifier *v)
{
    const tgl_node *node = v->node, *in = tgl__input_node(v, 0);
    TGL_TRY(tgl__check_count(v, 1));
    TGL_TRY(tgl__check_quant(v, &node->term, "term"));
    TGL_TRY(tgl__check_quant(v, &node->acc, "accumulator"));
    for (uint32_t j = 0; j < in->n_element; j++) {
        tgl_interval x = tgl__input_range(v, 0, j), square;
        bool ok = tgl__interval_mul(&square, &x, &x);
        TGL_TRY(tgl__check_fits(v, ok, &square, j, "square"));
    }
    return tgl__check_sum(v);
}

static tgl__number square(const tgl__evaluation *e, uint32_t j)
{
    tgl__number x = tgl__arg(e, 0, j);
    return tgl__cast(tgl__cast(tgl__times(x, x), &e->node->term), &e->node->acc);
}

tgl__number tgl__eval_sum_squares(const tgl__evaluation *e, uint32_t j)
{
    (void)j; /* one result */
    return tgl__tree(e, square, 0, tgl__node_n_in(e->graph, e->node));
}

/* ---- groups ---- */

enum { BALANCED_TREE, IN_ORDER };

tgl_status tgl__verify_reduce(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    uint32_t n = tgl__input_node(v, 0)->n_element;
    tgl_interval hull;
    if (node->group < 1 || n % node->group != 0 || n / node->group != node->n_element)
        return tgl__fail(
            v->err, TGL_EUSAGE,
            "node '%s': expected %u groups of %u elements, found %u elements", node->name,
            node->n_element, node->group, n);
    if (node->op == TGL_GRAPH_REDUCE_SUM) {
        if (node->kind > IN_ORDER)
            return tgl__fail(
                v->err, TGL_EUSAGE,
                "node '%s': expected kind 0 (balanced tree) or 1 (in order), "
                "found %u",
                node->name, node->kind);
        TGL_TRY(tgl__check_quant(v, &node->acc, "accumulator"));
        return tgl__check_sum(v);
    }
    for (uint32_t k = 0; k < node->n_element; k++)
        TGL_TRY(tgl__check_alignment(v, k * node->group, node->group, &hull));
    return TGL_OK;
}

static tgl__number accumulated(const tgl__evaluation *e, uint32_t j)
{
    return tgl__cast(tgl__arg(e, 0, j), &e->node->acc);
}

tgl__number tgl__eval_reduce(const tgl__evaluation *e, uint32_t k)
{
    const tgl_node *node = e->node;
    uint32_t first = k * node->group;
    bool sum = node->op == TGL_GRAPH_REDUCE_SUM;
    if (sum && node->kind == BALANCED_TREE)
        return tgl__tree(e, accumulated, first, node->group);
    tgl__number best = sum ? accumulated(e, first) : tgl__arg(e, 0, first);
    for (uint32_t j = first + 1; j < first + node->group; j++) {
        tgl__number x = sum ? accumulated(e, j) : tgl__arg(e, 0, j);
        if (sum)
            best = tgl__cast(tgl__plus(best, x), &node->acc);
        else if (node->op == TGL_GRAPH_REDUCE_MAX ? tgl__less(best, x)
                                                  : tgl__less(x, best))
            best = x;
    }
    return best;
}

/* ---- threshold ---- */

tgl_status tgl__verify_threshold(const tgl__verifier *v)
{
    const tgl_node *node = v->node, *in = tgl__input_node(v, 0);
    TGL_TRY(tgl__check_codes(v, node->threshold, node->n_element, node->threshold_type,
                             "threshold"));
    if (in->n_element != 1)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': expected one element to compare, found %u",
                         node->name, in->n_element);
    for (uint32_t k = 0; k < node->n_element; k++)
        TGL_TRY(tgl__check_bit(v, k));
    tgl_interval x = tgl__input_range(v, 0, 0),
                 t = tgl__interval_of_type(node->threshold_type), d;
    bool ok = tgl__interval_sub(&d, &x, &t);
    return tgl__check_fits(v, ok, &d, 0, "comparison");
}

tgl__number tgl__eval_threshold(const tgl__evaluation *e, uint32_t j)
{
    const tgl_node *node = e->node;
    tgl__number threshold = tgl__literal(node->threshold[j], node->threshold_type);
    return (tgl__number){!tgl__less(tgl__arg(e, 0, 0), threshold), 0};
}
