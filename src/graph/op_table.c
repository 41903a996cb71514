/* Operators that read tables. Tables are data, never recomputed. */
#include "graph/op.h"

/* The index is the top log2(count) bits of a code of `type`. */
tgl_status tgl__check_table(const tgl__verifier *v, const tgl_graph_table *table,
                            tgl_type type, const char *what)
{
    int bits = tgl__exact_log2(table->count);
    if (bits < 0 || bits > type.width)
        return tgl__fail(
            v->err, TGL_EUSAGE,
            "node '%s': %s: expected a power of two of at most 2^%u entries, "
            "found %u",
            v->node->name, what, type.width, table->count);
    return tgl__check_codes(v, table->codes, table->count, table->type, what);
}

tgl__number tgl__table_at(const tgl_graph_table *table, tgl__number x, tgl_type type)
{
    uint64_t bits = (uint64_t)x.code & ((UINT64_C(1) << type.width) - 1);
    uint64_t index = bits >> (type.width - tgl__exact_log2(table->count));
    return tgl__literal(table->codes[index], table->type);
}

tgl_status tgl__verify_lookup(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    TGL_TRY(tgl__verify_like_input(v));
    TGL_TRY(tgl__check_quant(v, &node->index, "index"));
    return tgl__check_table(v, &node->table, node->index.type, "table");
}

tgl__number tgl__eval_lookup(const tgl__evaluation *e, uint32_t j)
{
    const tgl_node *node = e->node;
    tgl__number at = tgl__cast(tgl__arg(e, 0, j), &node->index);
    return tgl__table_at(&node->table, at, node->index.type);
}

/* ---- softmax ---- */

static uint32_t group_of(const tgl_node *node, uint32_t n)
{
    return node->group ? node->group : n;
}

tgl_status tgl__verify_softmax(const tgl__verifier *v)
{
    const tgl_node *node = v->node, *in = tgl__input_node(v, 0);
    TGL_TRY(tgl__check_count(v, in->n_element));
    TGL_TRY(tgl__check_quant(v, &node->softmax_diff, "difference"));
    TGL_TRY(tgl__check_quant(v, &node->softmax_sum, "sum"));
    TGL_TRY(tgl__check_quant(v, &node->acc, "accumulator"));
    TGL_TRY(tgl__check_table(v, &node->exp_table, node->softmax_diff.type, "exp_table"));
    TGL_TRY(tgl__check_table(v, &node->inv_table, node->softmax_sum.type, "inv_table"));
    tgl_interval hull, d, p;
    uint32_t n = group_of(node, in->n_element);
    if (in->n_element % n != 0)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': expected groups of %u elements, found %u elements",
                         node->name, n, in->n_element);
    bool ok = true;
    for (uint32_t first = 0; first < in->n_element; first += n) {
        TGL_TRY(tgl__check_alignment(v, first, n, &hull));
        ok = tgl__interval_sub(&d, &hull, &hull);
        TGL_TRY(tgl__check_fits(v, ok, &d, first, "difference from the maximum"));
    }
    tgl_interval e = tgl__interval_of_type(node->acc.type),
                 inv = tgl__interval_of_type(node->inv_table.type);
    ok = tgl__interval_mul(&p, &e, &inv);
    TGL_TRY(tgl__check_fits(v, ok, &p, 0, "product"));
    return tgl__check_sum(v);
}

/* The first maximum of the group that element j belongs to. */
static tgl__number maximum(const tgl__evaluation *e, uint32_t j)
{
    uint32_t n = group_of(e->node, e->node->n_element), first = j - j % n;
    tgl__number most = tgl__arg(e, 0, first);
    for (uint32_t i = first + 1; i < first + n; i++)
        if (tgl__less(most, tgl__arg(e, 0, i)))
            most = tgl__arg(e, 0, i);
    return most;
}

static tgl__number exponential(const tgl__evaluation *e, uint32_t j)
{
    const tgl_node *node = e->node;
    tgl__number d = tgl__minus(maximum(e, j), tgl__arg(e, 0, j));
    d = tgl__cast(d, &node->softmax_diff);
    d = tgl__table_at(&node->exp_table, d, node->softmax_diff.type);
    return tgl__cast(d, &node->acc);
}

/* The inverse of a group's sum. */
tgl__number tgl__prepare_softmax(const tgl__evaluation *e, uint32_t first)
{
    const tgl_node *node = e->node;
    tgl__number sum = tgl__tree(e, exponential, first, group_of(node, node->n_element));
    sum = tgl__cast(sum, &node->softmax_sum);
    return tgl__table_at(&node->inv_table, sum, node->softmax_sum.type);
}

tgl__number tgl__eval_softmax(const tgl__evaluation *e, uint32_t j)
{
    return tgl__times(exponential(e, j), e->shared);
}
