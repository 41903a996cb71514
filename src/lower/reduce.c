/* Operators that fold many elements into few: trees of sums and maxima, softmax. */
#include "base/error.h"
#include "base/memory.h"
#include "lower/lower.h"

static uint32_t left_part(uint32_t n)
{
    uint32_t left = 1;
    while (2 * left < n)
        left *= 2;
    return left;
}

tgl_status tgl__lower_tree(tgl__lowering *l, uint32_t *out, const uint32_t *terms,
                           uint32_t n, const tgl_quant *acc)
{
    if (n == 1) {
        *out = terms[0];
        return TGL_OK;
    }
    uint32_t left, right, sum, n_left = left_part(n);
    TGL_TRY(tgl__lower_tree(l, &left, terms, n_left, acc));
    TGL_TRY(tgl__lower_tree(l, &right, terms + n_left, n - n_left, acc));
    TGL_TRY(tgl__emit_two(l, &sum, TGL_OP_ADD, left, right, "sum"));
    return tgl__emit_cast(l, out, sum, acc, "accumulator");
}

/* Elements [first, first + n) of the node's first input, all on the finest binary point
 * of theirs. */
static tgl_status aligned_inputs(tgl__lowering *l, uint32_t *values, uint32_t first,
                                 uint32_t n)
{
    int frac = l->range[tgl__input(l, 0, first)].frac;
    for (uint32_t i = 0; i < n; i++) {
        values[i] = tgl__input(l, 0, first + i);
        frac = l->range[values[i]].frac > frac ? l->range[values[i]].frac : frac;
    }
    for (uint32_t i = 0; i < n; i++) {
        l->element = (int32_t)(first + i);
        TGL_TRY(tgl__emit_align(l, &values[i], values[i], frac, "align"));
    }
    return TGL_OK;
}

static uint32_t input_size(const tgl__lowering *l)
{
    return tgl_graph_node(l->graph, l->node->inputs[0])->n_element;
}

static const tgl_quant *out_of(const tgl_node *node, uint32_t j)
{
    return &node->out[node->n_out == 1 ? 0 : j];
}

/* Value and index of the first maximum of values[first … first + n). */
static tgl_status first_maximum(tgl__lowering *l, uint32_t *value, uint32_t *index,
                                const uint32_t *values, uint32_t first, uint32_t n)
{
    if (n == 1) {
        tgl_interval at = {first, first, 0};
        tgl_type type;
        (void)tgl__interval_type(&type, &at);
        *value = values[first];
        return tgl__emit_const(l, index, first, type, "index");
    }
    uint32_t v[2], i[2], right, n_left = left_part(n);
    TGL_TRY(first_maximum(l, &v[0], &i[0], values, first, n_left));
    TGL_TRY(first_maximum(l, &v[1], &i[1], values, first + n_left, n - n_left));
    TGL_TRY(tgl__emit_compare(l, &right, TGL_GT, v[1], v[0], "greater"));
    TGL_TRY(tgl__emit_two(l, value, TGL_OP_MAX, v[0], v[1], "maximum"));
    return tgl__emit_select(l, index, right, i[1], i[0], "index");
}

tgl_status tgl__lower_argmax(tgl__lowering *l, uint32_t *result)
{
    uint32_t n = input_size(l), value, index = 0;
    uint32_t *values = tgl__calloc(n, sizeof *values);
    if (!values)
        return tgl__fail_nomem(l->err);
    tgl_status status = aligned_inputs(l, values, 0, n);
    l->element = 0;
    if (status == TGL_OK)
        status = first_maximum(l, &value, &index, values, 0, n);
    tgl__free(values);
    TGL_TRY(status);
    return tgl__emit_cast(l, result, index, &l->node->out[0], "cast");
}

tgl_status tgl__lower_sum_squares(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    uint32_t n = tgl_graph_node(l->graph, node->inputs[0])->n_element, sum = 0;
    uint32_t *terms = tgl__calloc(n, sizeof *terms);
    if (!terms)
        return tgl__fail_nomem(l->err);
    tgl_status status = TGL_OK;
    l->element = 0;
    for (uint32_t j = 0; j < n; j++) {
        uint32_t x = tgl__input(l, 0, j), square, term;
        TGL_TRY_GOTO(tgl__emit_two(l, &square, TGL_OP_MUL, x, x, "square"));
        TGL_TRY_GOTO(tgl__emit_cast(l, &term, square, &node->term, "term"));
        TGL_TRY_GOTO(tgl__emit_cast(l, &terms[j], term, &node->acc, "accumulator"));
    }
    TGL_TRY_GOTO(tgl__lower_tree(l, &sum, terms, n, &node->acc));
    status = tgl__emit_cast(l, result, sum, &node->out[0], "cast");
out:
    tgl__free(terms);
    return status;
}

/* ---- groups ---- */

/* The maximum (or minimum) of all values as a balanced tree. */
static tgl_status extreme(tgl__lowering *l, uint32_t *out, tgl_opcode code,
                          const uint32_t *values, uint32_t n)
{
    if (n == 1) {
        *out = values[0];
        return TGL_OK;
    }
    uint32_t a, b, n_left = left_part(n);
    TGL_TRY(extreme(l, &a, code, values, n_left));
    TGL_TRY(extreme(l, &b, code, values + n_left, n - n_left));
    return tgl__emit_two(l, out, code, a, b, code == TGL_OP_MAX ? "maximum" : "minimum");
}

static tgl_status sum_in_order(tgl__lowering *l, uint32_t *out, const uint32_t *terms,
                               uint32_t n)
{
    *out = terms[0];
    for (uint32_t i = 1; i < n; i++) {
        TGL_TRY(tgl__emit_two(l, out, TGL_OP_ADD, *out, terms[i], "sum"));
        TGL_TRY(tgl__emit_cast(l, out, *out, &l->node->acc, "accumulator"));
    }
    return TGL_OK;
}

static tgl_status reduce_group(tgl__lowering *l, uint32_t *out, uint32_t *values,
                               uint32_t k)
{
    const tgl_node *node = l->node;
    uint32_t n = node->group;
    if (node->op != TGL_GRAPH_REDUCE_SUM) {
        TGL_TRY(aligned_inputs(l, values, k * n, n));
        l->element = (int32_t)k;
        return extreme(l, out, node->op == TGL_GRAPH_REDUCE_MAX ? TGL_OP_MAX : TGL_OP_MIN,
                       values, n);
    }
    l->element = (int32_t)k;
    for (uint32_t i = 0; i < n; i++)
        TGL_TRY(tgl__emit_cast(l, &values[i], tgl__input(l, 0, k * n + i), &node->acc,
                               "accumulator"));
    return node->kind == 0 ? tgl__lower_tree(l, out, values, n, &node->acc)
                           : sum_in_order(l, out, values, n);
}

tgl_status tgl__lower_reduce(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    uint32_t *values = tgl__calloc(node->group, sizeof *values);
    if (!values)
        return tgl__fail_nomem(l->err);
    tgl_status status = TGL_OK;
    for (uint32_t k = 0; k < node->n_element && status == TGL_OK; k++) {
        uint32_t value = 0;
        status = reduce_group(l, &value, values, k);
        if (status == TGL_OK)
            status = tgl__emit_cast(l, &result[k], value, out_of(node, k), "cast");
    }
    tgl__free(values);
    return status;
}

/* ---- softmax ---- */

typedef struct softmax {
    uint32_t exp_table, inv_table; /* numbers in the program */
    uint32_t n, *values;           /* of one group */
} softmax;

static tgl_status exponentials(tgl__lowering *l, const softmax *s, uint32_t first)
{
    const tgl_node *node = l->node;
    uint32_t most;
    l->element = -1;
    TGL_TRY(extreme(l, &most, TGL_OP_MAX, s->values, s->n));
    for (uint32_t j = 0; j < s->n; j++) {
        uint32_t d;
        l->element = (int32_t)(first + j);
        TGL_TRY(tgl__emit_two(l, &d, TGL_OP_SUB, most, s->values[j], "difference"));
        TGL_TRY(tgl__emit_cast(l, &d, d, &node->softmax_diff, "difference"));
        TGL_TRY(
            tgl__look_up(l, &d, s->exp_table, d, node->softmax_diff.type, "exponential"));
        TGL_TRY(tgl__emit_cast(l, &s->values[j], d, &node->acc, "exponential"));
    }
    return TGL_OK;
}

static tgl_status normalise(tgl__lowering *l, uint32_t *result, const softmax *s,
                            uint32_t first)
{
    const tgl_node *node = l->node;
    uint32_t sum, inverse;
    l->element = -1;
    TGL_TRY(tgl__lower_tree(l, &sum, s->values, s->n, &node->acc));
    TGL_TRY(tgl__emit_cast(l, &sum, sum, &node->softmax_sum, "sum"));
    TGL_TRY(
        tgl__look_up(l, &inverse, s->inv_table, sum, node->softmax_sum.type, "inverse"));
    for (uint32_t j = first; j < first + s->n; j++) {
        uint32_t product;
        l->element = (int32_t)j;
        TGL_TRY(tgl__emit_two(l, &product, TGL_OP_MUL, s->values[j - first], inverse,
                              "product"));
        TGL_TRY(tgl__emit_cast(l, &result[j], product, out_of(node, j), "cast"));
    }
    return TGL_OK;
}

tgl_status tgl__lower_softmax(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    softmax s = {.n = node->group ? node->group : node->n_element};
    TGL_TRY(tgl__add_table(l, &s.exp_table, "exp", &node->exp_table, TGL_NONE));
    TGL_TRY(tgl__add_table(l, &s.inv_table, "inv", &node->inv_table, TGL_NONE));
    s.values = tgl__calloc(s.n, sizeof *s.values);
    if (!s.values)
        return tgl__fail_nomem(l->err);
    tgl_status status = TGL_OK;
    for (uint32_t first = 0; first < node->n_element && status == TGL_OK; first += s.n) {
        status = aligned_inputs(l, s.values, first, s.n);
        if (status == TGL_OK)
            status = exponentials(l, &s, first);
        if (status == TGL_OK)
            status = normalise(l, result, &s, first);
    }
    tgl__free(s.values);
    return status;
}
