/* Checks that a graph means something exact: types, sizes, ranges, and that no value on
 * the way is wider than TGL_MAX_WIDTH. Every message names the node, the element where
 * there is one, what was expected and what was found. What an operator demands stands
 * beside its evaluation (op_*.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/op.h"

tgl_status tgl__check_type(const tgl__verifier *v, tgl_type type, const char *what)
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

tgl_status tgl__check_quant(const tgl__verifier *v, const tgl_quant *quant,
                            const char *what)
{
    TGL_TRY(tgl__check_type(v, quant->type, what));
    if ((unsigned)quant->round >= TGL_N_ROUND ||
        (unsigned)quant->overflow >= TGL_N_OVERFLOW)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': %s: unknown rounding or overflow mode",
                         v->node->name, what);
    return TGL_OK;
}

tgl_status tgl__check_codes(const tgl__verifier *v, const int64_t *codes, size_t n,
                            tgl_type type, const char *what)
{
    TGL_TRY(tgl__check_type(v, type, what));
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

tgl_status tgl__check_count(const tgl__verifier *v, uint64_t expected)
{
    if (v->node->n_element == expected)
        return TGL_OK;
    return tgl__fail(v->err, TGL_EUSAGE,
                     "node '%s': %s of these inputs: expected %llu elements, found %u",
                     v->node->name, tgl_graph_op_name(v->node->op),
                     (unsigned long long)expected, v->node->n_element);
}

/* Everything exact stays within the widest code. */
tgl_status tgl__check_fits(const tgl__verifier *v, bool ok, const tgl_interval *interval,
                           uint32_t element, const char *what)
{
    tgl_type type;
    if (ok && tgl__interval_type(&type, interval))
        return TGL_OK;
    return tgl__fail(v->err, TGL_ELIMIT,
                     "node '%s': element %u: %s: expected at most %d bits, found more",
                     v->node->name, element, what, TGL_MAX_WIDTH);
}

tgl_status tgl__check_like_input(const tgl__verifier *v, uint32_t which)
{
    uint32_t n = tgl__input_node(v, which)->n_element;
    if (n == v->node->n_element)
        return TGL_OK;
    return tgl__fail(
        v->err, TGL_EUSAGE,
        "node '%s': input %u: expected %u elements, as the result has, found "
        "%u",
        v->node->name, which, v->node->n_element, n);
}

tgl_status tgl__check_alignment(const tgl__verifier *v, uint32_t first, uint32_t n,
                                tgl_interval *hull)
{
    const tgl_node *in = tgl__input_node(v, 0);
    int frac = tgl__node_out(in, first).type.frac;
    for (uint32_t i = first + 1; i < first + n; i++)
        if (tgl__node_out(in, i).type.frac > frac)
            frac = tgl__node_out(in, i).type.frac;
    *hull = (tgl_interval){0, 0, frac};
    for (uint32_t i = first; i < first + n; i++) {
        tgl_interval x = tgl__input_range(v, 0, i);
        bool ok = tgl__interval_align(&x, frac);
        TGL_TRY(tgl__check_fits(v, ok, &x, i, "aligned input"));
        hull->lo = x.lo < hull->lo ? x.lo : hull->lo;
        hull->hi = x.hi > hull->hi ? x.hi : hull->hi;
    }
    return TGL_OK;
}

tgl_status tgl__check_sum(const tgl__verifier *v)
{
    tgl_interval acc = tgl__interval_of_type(v->node->acc.type), sum;
    bool ok = tgl__interval_add(&sum, &acc, &acc);
    return tgl__check_fits(v, ok, &sum, 0, "sum");
}

tgl_status tgl__check_bit(const tgl__verifier *v, uint32_t element)
{
    tgl_type type = tgl__node_out(v->node, element).type;
    if (!type.is_signed && type.width == 1 && type.frac == 0)
        return TGL_OK;
    return tgl__fail(v->err, TGL_EUSAGE,
                     "node '%s': element %u: expected type ufixed<1,1>", v->node->name,
                     element);
}

static tgl_status verify_node(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    char what[32];
    for (uint32_t i = 0; i < node->n_out; i++) {
        snprintf(what, sizeof what, "result type %u", i);
        TGL_TRY(tgl__check_quant(v, &node->out[i], what));
    }
    return tgl__graph_op_info_of(node->op)->verify(v);
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
        tgl__verifier v = {graph, &graph->nodes[i], err};
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
