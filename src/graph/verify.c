/* Checks that a graph means something exact: types, sizes, ranges, and that no value on
 * the way is wider than TGL_MAX_WIDTH. Every message names the node, the element where
 * there is one, what was expected and what was found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fixed/wide.h"
#include "graph/graph.h"

typedef struct verifier {
    const tgl_graph *graph;
    const tgl_node *node;
    tgl_error *err;
} verifier;

static tgl_status check_type(const verifier *v, tgl_type type, const char *what)
{
    if (type.is_signed > 1 || type.width < 1 || type.width > TGL_MAX_WIDTH)
        return tgl__fail(v->err, TGL_ELIMIT,
                         "node '%s': %s: expected a width of 1 to %d bits, found %u",
                         v->node->name, what, TGL_MAX_WIDTH, type.width);
    if (type.frac < -TGL__GRAPH_MAX_FRAC || type.frac > TGL__GRAPH_MAX_FRAC)
        return tgl__fail(v->err, TGL_ELIMIT,
                         "node '%s': %s: expected a binary point within %d, found %d",
                         v->node->name, what, TGL__GRAPH_MAX_FRAC, type.frac);
    return TGL_OK;
}

static tgl_status check_quant(const verifier *v, const tgl_quant *quant, const char *what)
{
    TGL_TRY(check_type(v, quant->type, what));
    if ((unsigned)quant->round >= TGL_N_ROUND ||
        (unsigned)quant->overflow >= TGL_N_OVERFLOW)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': %s: unknown rounding or overflow mode",
                         v->node->name, what);
    return TGL_OK;
}

static tgl_status check_codes(const verifier *v, const int64_t *codes, size_t n,
                              tgl_type type, const char *what)
{
    TGL_TRY(check_type(v, type, what));
    int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
    for (size_t i = 0; i < n; i++)
        if (codes[i] < lo || codes[i] > hi)
            return tgl__fail(v->err, TGL_ELIMIT,
                             "node '%s': %s %zu: expected a code in [%lld, %lld], found "
                             "%lld",
                             v->node->name, what, i, (long long)lo, (long long)hi,
                             (long long)codes[i]);
    return TGL_OK;
}

static tgl_status check_count(const verifier *v, uint64_t expected)
{
    if (v->node->n_element == expected)
        return TGL_OK;
    return tgl__fail(v->err, TGL_EUSAGE,
                     "node '%s': %s of these inputs: expected %llu elements, found %u",
                     v->node->name, tgl_graph_op_name(v->node->op),
                     (unsigned long long)expected, v->node->n_element);
}

/* Everything exact stays within the widest code. */
static tgl_status check_fits(const verifier *v, bool ok, const tgl_interval *interval,
                             uint32_t element, const char *what)
{
    tgl_type type;
    if (ok && tgl__interval_type(&type, interval))
        return TGL_OK;
    return tgl__fail(v->err, TGL_ELIMIT,
                     "node '%s': element %u: %s: expected at most %d bits, found more",
                     v->node->name, element, what, TGL_MAX_WIDTH);
}

static const tgl_node *input_of(const verifier *v, uint32_t index)
{
    return &v->graph->nodes[v->node->inputs[index]];
}

static tgl_interval range_of(const tgl_node *node, uint32_t element)
{
    return tgl__interval_of_type(tgl__node_out(node, element).type);
}

/* All elements of the first input on one binary point; `hull` holds every one of them. */
static tgl_status check_alignment(const verifier *v, tgl_interval *hull)
{
    const tgl_node *in = input_of(v, 0);
    int frac = tgl__node_out(in, 0).type.frac;
    for (uint32_t i = 1; i < in->n_element; i++)
        if (tgl__node_out(in, i).type.frac > frac)
            frac = tgl__node_out(in, i).type.frac;
    *hull = (tgl_interval){0, 0, frac};
    for (uint32_t i = 0; i < in->n_element; i++) {
        tgl_interval x = range_of(in, i);
        bool ok = tgl__interval_align(&x, frac);
        TGL_TRY(check_fits(v, ok, &x, i, "aligned input"));
        hull->lo = x.lo < hull->lo ? x.lo : hull->lo;
        hull->hi = x.hi > hull->hi ? x.hi : hull->hi;
    }
    return TGL_OK;
}

static tgl_status check_shift_bounds(const verifier *v, int64_t lo, int64_t hi)
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

static tgl_status verify_scale(const verifier *v)
{
    const tgl_node *node = v->node, *in = input_of(v, 0);
    TGL_TRY(check_count(v, in->n_element));
    TGL_TRY(check_codes(v, node->offset, node->n_element, node->offset_type, "offset"));
    TGL_TRY(check_quant(v, &node->cast, "cast"));
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
        tgl_interval x = range_of(in, i), d, u,
                     offset = tgl__interval_of_type(node->offset_type);
        if (!node->slot_offset)
            offset.lo = offset.hi = node->offset[i];
        bool ok = tgl__interval_sub(&d, &x, &offset);
        TGL_TRY(check_fits(v, ok, &d, i, "difference"));
        if (!node->slot_shift)
            continue;
        d = tgl__interval_of_type(node->cast.type);
        ok = shifted_range(&u, &d, node->shift_lo, node->shift_hi);
        TGL_TRY(check_fits(v, ok, &u, i, "shifted value"));
    }
    return TGL_OK;
}

static tgl_status check_order(const verifier *v, uint32_t n_in)
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
static tgl_status check_dense_widths(const verifier *v)
{
    const tgl_node *node = v->node, *in = input_of(v, 0);
    tgl_interval acc = tgl__interval_of_type(node->acc.type);
    tgl_interval w = tgl__interval_of_type(node->weight_type);
    for (uint32_t j = 0; j < in->n_element; j++) {
        tgl_interval x = range_of(in, j), p, sum;
        bool ok = tgl__interval_mul(&p, &x, &w);
        TGL_TRY(check_fits(v, ok, &p, j, "product with this input"));
        if (node->term_exact) {
            if (p.frac > node->acc.type.frac)
                return tgl__fail(v->err, TGL_EUSAGE,
                                 "node '%s': input %u: exact terms expect an accumulator "
                                 "with %d fraction bits or more, found %d",
                                 node->name, j, p.frac, node->acc.type.frac);
            ok = tgl__interval_align(&p, node->acc.type.frac);
            TGL_TRY(check_fits(v, ok, &p, j, "aligned product with this input"));
        } else {
            p = tgl__interval_of_type(node->term.type);
        }
        ok = tgl__interval_add(&sum, &acc, &p);
        TGL_TRY(check_fits(v, ok, &sum, j, "sum with this input"));
    }
    return TGL_OK;
}

static tgl_status verify_dense(const verifier *v)
{
    const tgl_node *node = v->node;
    uint32_t n_in = input_of(v, 0)->n_element;
    TGL_TRY(check_codes(v, node->weights, (size_t)node->n_element * n_in,
                        node->weight_type, "weight"));
    if (node->bias)
        TGL_TRY(check_codes(v, node->bias, node->n_element, node->bias_type, "bias"));
    TGL_TRY(check_quant(v, &node->acc, "accumulator"));
    TGL_TRY(check_quant(v, &node->term, "term"));
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
    TGL_TRY(check_order(v, n_in));
    return check_dense_widths(v);
}

static tgl_status check_tree(const verifier *v)
{
    tgl_interval acc = tgl__interval_of_type(v->node->acc.type), sum;
    bool ok = tgl__interval_add(&sum, &acc, &acc);
    return check_fits(v, ok, &sum, 0, "sum");
}

static tgl_status verify_argmax(const verifier *v)
{
    const tgl_node *node = v->node;
    uint32_t n = input_of(v, 0)->n_element;
    TGL_TRY(check_count(v, 1));
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
    return check_alignment(v, &hull);
}

static tgl_status verify_sum_squares(const verifier *v)
{
    const tgl_node *node = v->node, *in = input_of(v, 0);
    TGL_TRY(check_count(v, 1));
    TGL_TRY(check_quant(v, &node->term, "term"));
    TGL_TRY(check_quant(v, &node->acc, "accumulator"));
    for (uint32_t j = 0; j < in->n_element; j++) {
        tgl_interval x = range_of(in, j), square;
        bool ok = tgl__interval_mul(&square, &x, &x);
        TGL_TRY(check_fits(v, ok, &square, j, "square"));
    }
    return check_tree(v);
}

static tgl_status verify_threshold(const verifier *v)
{
    const tgl_node *node = v->node, *in = input_of(v, 0);
    TGL_TRY(check_codes(v, node->threshold, node->n_element, node->threshold_type,
                        "threshold"));
    if (in->n_element != 1)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': expected one element to compare, found %u",
                         node->name, in->n_element);
    for (uint32_t k = 0; k < node->n_element; k++) {
        tgl_type type = tgl__node_out(node, k).type;
        if (type.is_signed || type.width != 1 || type.frac != 0)
            return tgl__fail(v->err, TGL_EUSAGE,
                             "node '%s': element %u: expected type ufixed<1,1>",
                             node->name, k);
    }
    tgl_interval x = range_of(in, 0), t = tgl__interval_of_type(node->threshold_type), d;
    bool ok = tgl__interval_sub(&d, &x, &t);
    return check_fits(v, ok, &d, 0, "comparison");
}

/* The index is the top log2(count) bits of a code of `type`. */
static tgl_status check_table(const verifier *v, const tgl_graph_table *table,
                              tgl_type type, const char *what)
{
    int bits = tgl__exact_log2(table->count);
    if (bits < 0 || bits > type.width)
        return tgl__fail(
            v->err, TGL_EUSAGE,
            "node '%s': %s: expected a power of two of at most 2^%u entries, "
            "found %u",
            v->node->name, what, type.width, table->count);
    return check_codes(v, table->codes, table->count, table->type, what);
}

static tgl_status verify_softmax(const verifier *v)
{
    const tgl_node *node = v->node, *in = input_of(v, 0);
    TGL_TRY(check_count(v, in->n_element));
    TGL_TRY(check_quant(v, &node->softmax_diff, "difference"));
    TGL_TRY(check_quant(v, &node->softmax_sum, "sum"));
    TGL_TRY(check_quant(v, &node->acc, "accumulator"));
    TGL_TRY(check_table(v, &node->exp_table, node->softmax_diff.type, "exp_table"));
    TGL_TRY(check_table(v, &node->inv_table, node->softmax_sum.type, "inv_table"));
    tgl_interval hull, d, p;
    TGL_TRY(check_alignment(v, &hull));
    bool ok = tgl__interval_sub(&d, &hull, &hull);
    TGL_TRY(check_fits(v, ok, &d, 0, "difference from the maximum"));
    tgl_interval e = tgl__interval_of_type(node->acc.type),
                 inv = tgl__interval_of_type(node->inv_table.type);
    ok = tgl__interval_mul(&p, &e, &inv);
    TGL_TRY(check_fits(v, ok, &p, 0, "product"));
    return check_tree(v);
}

static tgl_status verify_output_scale(const verifier *v)
{
    const tgl_node *node = v->node, *in = input_of(v, 0);
    TGL_TRY(check_count(v, in->n_element));
    TGL_TRY(check_codes(v, node->weights, node->n_element, node->weight_type, "scale"));
    tgl_interval w = tgl__interval_of_type(node->weight_type);
    for (uint32_t i = 0; i < node->n_element; i++) {
        tgl_interval x = range_of(in, i), p;
        bool ok = tgl__interval_mul(&p, &x, &w);
        TGL_TRY(check_fits(v, ok, &p, i, "product"));
    }
    return TGL_OK;
}

static tgl_status verify_concat(const verifier *v)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < v->node->n_input; i++)
        n += input_of(v, i)->n_element;
    return check_count(v, n);
}

static tgl_status verify_slice(const verifier *v)
{
    const tgl_node *node = v->node;
    uint32_t n = input_of(v, 0)->n_element;
    if (node->begin < n && node->n_element <= n - node->begin)
        return TGL_OK;
    return tgl__fail(v->err, TGL_EUSAGE,
                     "node '%s': expected elements within 0 to %u, found %u from %u",
                     node->name, n, node->n_element, node->begin);
}

static tgl_status verify_node(const verifier *v)
{
    const tgl_node *node = v->node;
    char what[32];
    for (uint32_t i = 0; i < node->n_out; i++) {
        snprintf(what, sizeof what, "result type %u", i);
        TGL_TRY(check_quant(v, &node->out[i], what));
    }
    switch (node->op) {
    case TGL_GRAPH_INPUT:
        return TGL_OK;
    case TGL_GRAPH_SCALE:
        return verify_scale(v);
    case TGL_GRAPH_QUANTISE:
    case TGL_GRAPH_RELU:
        return check_count(v, input_of(v, 0)->n_element);
    case TGL_GRAPH_DENSE:
        return verify_dense(v);
    case TGL_GRAPH_ARGMAX:
        return verify_argmax(v);
    case TGL_GRAPH_SUM_SQUARES:
        return verify_sum_squares(v);
    case TGL_GRAPH_THRESHOLD:
        return verify_threshold(v);
    case TGL_GRAPH_SOFTMAX:
        return verify_softmax(v);
    case TGL_GRAPH_OUTPUT_SCALE:
        return verify_output_scale(v);
    case TGL_GRAPH_CONCAT:
        return verify_concat(v);
    case TGL_GRAPH_SLICE:
        return verify_slice(v);
    }
    return TGL_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static tgl_status check_unique(tgl_graph *graph, tgl_error *err)
{
    const char **names = tgl__calloc(graph->n_node, sizeof *names);
    if (!names)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < graph->n_node; i++)
        names[i] = graph->nodes[i].name;
    qsort(names, graph->n_node, sizeof *names, compare_names);
    tgl_status status = TGL_OK;
    for (uint32_t i = 1; i < graph->n_node && status == TGL_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = tgl__fail(err, TGL_EUSAGE, "graph '%s': two nodes are named '%s'",
                               graph->name, names[i]);
    tgl__free(names);
    return status;
}

static tgl_status check_inputs(const tgl_graph *graph, tgl_error *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < graph->n_node; i++)
        n += graph->nodes[i].op == TGL_GRAPH_INPUT;
    if (n != 1 || graph->nodes[0].op != TGL_GRAPH_INPUT)
        return tgl__fail(err, TGL_EUSAGE,
                         "graph '%s': expected one input node, the first, found %u",
                         graph->name, n);
    return TGL_OK;
}

static tgl_status check_convention(const tgl_graph *graph, tgl_error *err)
{
    const tgl_convention *convention = graph->convention;
    const tgl_node *input = &graph->nodes[0];
    if (!convention)
        return TGL_OK;
    if (convention->n_rule != input->n_element)
        return tgl__fail(
            err, TGL_EUSAGE, "graph '%s': convention '%s': expected %u inputs, found %u",
            graph->name, convention->name, input->n_element, convention->n_rule);
    for (uint32_t i = 0; i < convention->n_rule; i++) {
        tgl_type made = convention->rules[i].quant.type,
                 taken = tgl__node_out(input, i).type;
        if (tgl_type_equal(made, taken))
            continue;
        char expected[TGL_TYPE_TEXT], found[TGL_TYPE_TEXT];
        tgl_type_format(expected, taken);
        tgl_type_format(found, made);
        return tgl__fail(err, TGL_EUSAGE,
                         "graph '%s': convention '%s': input %u ('%s'): expected %s, "
                         "found %s",
                         graph->name, convention->name, i, convention->rules[i].name,
                         expected, found);
    }
    return TGL_OK;
}

tgl_status tgl_graph_verify(tgl_graph *graph, tgl_error *err)
{
    if (graph->verified)
        return TGL_OK;
    if (graph->n_node == 0)
        return tgl__fail(err, TGL_EUSAGE,
                         "graph '%s': expected an input node, found none", graph->name);
    TGL_TRY(check_unique(graph, err));
    TGL_TRY(check_inputs(graph, err));
    for (uint32_t i = 0; i < graph->n_node; i++) {
        verifier v = {graph, &graph->nodes[i], err};
        tgl_status status = verify_node(&v);
        if (status != TGL_OK)
            return tgl__fail_context(err, status, "graph '%s'", graph->name);
    }
    if (graph->n_output == 0)
        return tgl__fail(err, TGL_EUSAGE, "graph '%s': expected an output, found none",
                         graph->name);
    TGL_TRY(check_convention(graph, err));
    graph->verified = true;
    return TGL_OK;
}
