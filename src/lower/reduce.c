/* Operators that fold many elements into few: trees of sums and maxima, softmax. */
#include <stdio.h>
#include <string.h>

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

/* The node's first input, all on the finest binary point. Release with tgl__free. */
static tgl_status aligned_inputs(tgl__lowering *l, uint32_t **out, uint32_t *n)
{
    *n = tgl_graph_node(l->graph, l->node->inputs[0])->n_element;
    uint32_t *values = tgl__calloc(*n, sizeof *values);
    if (!values)
        return tgl__fail_nomem(l->err);
    int frac = l->range[tgl__input(l, 0, 0)].frac;
    for (uint32_t i = 0; i < *n; i++) {
        values[i] = tgl__input(l, 0, i);
        frac = l->range[values[i]].frac > frac ? l->range[values[i]].frac : frac;
    }
    tgl_status status = TGL_OK;
    for (uint32_t i = 0; i < *n && status == TGL_OK; i++) {
        l->element = (int32_t)i;
        status = tgl__emit_align(l, &values[i], values[i], frac, "align");
    }
    if (status != TGL_OK) {
        tgl__free(values);
        return status;
    }
    *out = values;
    return TGL_OK;
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
    uint32_t *values, n, value, index;
    TGL_TRY(aligned_inputs(l, &values, &n));
    l->element = 0;
    tgl_status status = first_maximum(l, &value, &index, values, 0, n);
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

/* ---- softmax ---- */

static tgl_status add_table(tgl__lowering *l, uint32_t *number, const char *member,
                            const tgl_graph_table *table)
{
    char name[256];
    int n = snprintf(name, sizeof name, "%s.%s", l->node->name, member);
    if (n < 0 || (size_t)n >= sizeof name)
        return tgl__fail(l->err, TGL_ELIMIT, "node '%.60s': the name is too long",
                         l->node->name);
    tgl_table_data data = {name, table->type, table->count, table->codes, TGL_NONE};
    return tgl_program_add_table(l->program, &data, number, l->err);
}

/* The entry at the top bits of x's code, as two's complement: dropping the low bits and
 * wrapping into an unsigned type is exactly that. */
static tgl_status look_up(tgl__lowering *l, uint32_t *out, uint32_t table, uint32_t x,
                          tgl_type type, const char *role)
{
    uint32_t count = tgl_program_table(l->program, table)->count, index;
    uint8_t bits = 0;
    while (bits < 31 && (UINT32_C(1) << bits) < count)
        bits++;
    if (bits == 0) {
        TGL_TRY(tgl__emit_const(l, &index, 0, (tgl_type){0, 1, 0}, "index"));
        return tgl__emit_table(l, out, table, index, role);
    }
    tgl_quant top = {
        {0, bits, (int16_t)(type.frac - (type.width - bits))}, TGL_TRN, TGL_WRAP};
    TGL_TRY(tgl__emit_cast(l, &index, x, &top, "index"));
    TGL_TRY(tgl__emit_shift(l, &index, index, top.type.frac, "index"));
    return tgl__emit_table(l, out, table, index, role);
}

/* The maximum of all inputs as a balanced tree. */
static tgl_status maximum(tgl__lowering *l, uint32_t *out, const uint32_t *values,
                          uint32_t n)
{
    if (n == 1) {
        *out = values[0];
        return TGL_OK;
    }
    uint32_t a, b, n_left = left_part(n);
    TGL_TRY(maximum(l, &a, values, n_left));
    TGL_TRY(maximum(l, &b, values + n_left, n - n_left));
    return tgl__emit_two(l, out, TGL_OP_MAX, a, b, "maximum");
}

static tgl_status exponentials(tgl__lowering *l, uint32_t *values, uint32_t n)
{
    const tgl_node *node = l->node;
    uint32_t table, most;
    TGL_TRY(add_table(l, &table, "exp", &node->exp_table));
    l->element = -1;
    TGL_TRY(maximum(l, &most, values, n));
    for (uint32_t j = 0; j < n; j++) {
        uint32_t d;
        l->element = (int32_t)j;
        TGL_TRY(tgl__emit_two(l, &d, TGL_OP_SUB, most, values[j], "difference"));
        TGL_TRY(tgl__emit_cast(l, &d, d, &node->softmax_diff, "difference"));
        TGL_TRY(look_up(l, &d, table, d, node->softmax_diff.type, "exponential"));
        TGL_TRY(tgl__emit_cast(l, &values[j], d, &node->acc, "exponential"));
    }
    return TGL_OK;
}

static tgl_status normalise(tgl__lowering *l, uint32_t *result, const uint32_t *values,
                            uint32_t n)
{
    const tgl_node *node = l->node;
    uint32_t table, sum, inverse;
    TGL_TRY(add_table(l, &table, "inv", &node->inv_table));
    l->element = -1;
    TGL_TRY(tgl__lower_tree(l, &sum, values, n, &node->acc));
    TGL_TRY(tgl__emit_cast(l, &sum, sum, &node->softmax_sum, "sum"));
    TGL_TRY(look_up(l, &inverse, table, sum, node->softmax_sum.type, "inverse"));
    for (uint32_t j = 0; j < n; j++) {
        uint32_t product;
        l->element = (int32_t)j;
        TGL_TRY(tgl__emit_two(l, &product, TGL_OP_MUL, values[j], inverse, "product"));
        TGL_TRY(tgl__emit_cast(l, &result[j], product,
                               &node->out[node->n_out == 1 ? 0 : j], "cast"));
    }
    return TGL_OK;
}

tgl_status tgl__lower_softmax(tgl__lowering *l, uint32_t *result)
{
    uint32_t *values, n;
    TGL_TRY(aligned_inputs(l, &values, &n));
    tgl_status status = exponentials(l, values, n);
    if (status == TGL_OK)
        status = normalise(l, result, values, n);
    tgl__free(values);
    return status;
}
