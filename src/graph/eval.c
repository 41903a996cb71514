/* The oracle: every operator by its definition, one element at a time, in 128 bits. It
 * shares nothing with programs or the emulator but the conversion itself. */
#include "base/error.h"
#include "fixed/wide.h"
#include "graph/graph.h"

/* A code with its binary point. */
typedef struct number {
    tgl_wide code;
    int frac;
} number;

typedef struct evaluation {
    const tgl_graph *graph;
    const tgl_node *node;
    int64_t *values; /* of all nodes */
} evaluation;

static number input(const evaluation *e, uint32_t which, uint32_t element)
{
    uint32_t source = e->node->inputs[which];
    return (number){e->values[tgl__graph_first(e->graph, source) + element],
                    tgl__node_out(&e->graph->nodes[source], element).type.frac};
}

static number constant(int64_t code, tgl_type type)
{
    return (number){code, type.frac};
}

static number cast(number x, const tgl_quant *quant)
{
    return (number){tgl__quantise_wide(x.code, x.frac, quant), quant->type.frac};
}

static tgl_wide code_at(number x, int frac)
{
    return tgl__wide_shl(x.code, (unsigned)(frac - x.frac));
}

static int finer(number a, number b)
{
    return a.frac > b.frac ? a.frac : b.frac;
}

static number plus(number a, number b)
{
    int frac = finer(a, b);
    return (number){code_at(a, frac) + code_at(b, frac), frac};
}

static number minus(number a, number b)
{
    b.code = -b.code;
    return plus(a, b);
}

static number times(number a, number b)
{
    return (number){a.code * b.code, a.frac + b.frac};
}

static bool less(number a, number b)
{
    int frac = finer(a, b);
    return code_at(a, frac) < code_at(b, frac);
}

static number scale(const evaluation *e, uint32_t j)
{
    const tgl_node *node = e->node;
    number t = minus(input(e, 0, j), constant(node->offset[j], node->offset_type));
    t = cast(t, &node->cast);
    t.frac += (int)node->shift[j];
    return cast(t, &node->cast);
}

static number dense(const evaluation *e, uint32_t i)
{
    const tgl_node *node = e->node;
    uint32_t n_in = tgl__node_n_in(e->graph, node);
    number acc = {0, node->acc.type.frac};
    if (node->bias)
        acc = cast(constant(node->bias[i], node->bias_type), &node->acc);
    for (uint32_t k = 0; k < n_in; k++) {
        uint32_t j = node->order ? node->order[k] : k;
        number w = constant(node->weights[(size_t)i * n_in + j], node->weight_type);
        number term = times(input(e, 0, j), w);
        if (!node->term_exact)
            term = cast(term, &node->term);
        acc = cast(plus(acc, term), &node->acc);
    }
    return acc;
}

static number argmax(const evaluation *e)
{
    uint32_t best = 0, n = tgl__node_n_in(e->graph, e->node);
    for (uint32_t i = 1; i < n; i++)
        if (less(input(e, 0, best), input(e, 0, i)))
            best = i;
    return (number){best, 0};
}

static number maximum(const evaluation *e)
{
    return input(e, 0, (uint32_t)argmax(e).code);
}

/* The index a table is read at: the top bits of the code's two's complement. */
static number look_up(const tgl_graph_table *table, number x, tgl_type type)
{
    uint64_t bits = (uint64_t)x.code & ((UINT64_C(1) << type.width) - 1);
    uint64_t index = bits >> (type.width - tgl__exact_log2(table->count));
    return constant(table->codes[index], table->type);
}

static number exponential(const evaluation *e, uint32_t j)
{
    const tgl_node *node = e->node;
    number d = cast(minus(maximum(e), input(e, 0, j)), &node->softmax_diff);
    return cast(look_up(&node->exp_table, d, node->softmax_diff.type), &node->acc);
}

static number square(const evaluation *e, uint32_t j)
{
    number x = input(e, 0, j);
    return cast(cast(times(x, x), &e->node->term), &e->node->acc);
}

/* The balanced tree of n terms from `first` on: the left part holds the largest power of
 * two below n. */
static number tree(const evaluation *e, number (*term)(const evaluation *, uint32_t),
                   uint32_t first, uint32_t n)
{
    if (n == 1)
        return term(e, first);
    uint32_t left = 1;
    while (2 * left < n)
        left *= 2;
    number sum = plus(tree(e, term, first, left), tree(e, term, first + left, n - left));
    return cast(sum, &e->node->acc);
}

static number softmax(const evaluation *e, uint32_t j, number inverse)
{
    return times(exponential(e, j), inverse);
}

static number concat(const evaluation *e, uint32_t j)
{
    uint32_t which = 0;
    for (;; which++) {
        uint32_t n = e->graph->nodes[e->node->inputs[which]].n_element;
        if (j < n)
            return input(e, which, j);
        j -= n;
    }
}

static number element(const evaluation *e, uint32_t j, number shared)
{
    const tgl_node *node = e->node;
    const number zero = {0, 0};
    switch (node->op) {
    case TGL_GRAPH_INPUT:
        return zero;
    case TGL_GRAPH_SCALE:
        return scale(e, j);
    case TGL_GRAPH_QUANTISE:
        return input(e, 0, j);
    case TGL_GRAPH_DENSE:
        return dense(e, j);
    case TGL_GRAPH_RELU:
        return input(e, 0, j).code < 0 ? zero : input(e, 0, j);
    case TGL_GRAPH_ARGMAX:
        return argmax(e);
    case TGL_GRAPH_SUM_SQUARES:
        return tree(e, square, 0, tgl__node_n_in(e->graph, node));
    case TGL_GRAPH_THRESHOLD:
        return (number){
            !less(input(e, 0, 0), constant(node->threshold[j], node->threshold_type)), 0};
    case TGL_GRAPH_SOFTMAX:
        return softmax(e, j, shared);
    case TGL_GRAPH_OUTPUT_SCALE:
        return times(input(e, 0, j), constant(node->weights[j], node->weight_type));
    case TGL_GRAPH_CONCAT:
        return concat(e, j);
    case TGL_GRAPH_SLICE:
        return input(e, 0, node->begin + j);
    }
    return zero;
}

static tgl_status take_input(const evaluation *e, const int64_t *in, tgl_error *err)
{
    for (uint32_t j = 0; j < e->node->n_element; j++) {
        tgl_type type = tgl__node_out(e->node, j).type;
        if (in[j] < tgl_type_min(type) || in[j] > tgl_type_max(type))
            return tgl__fail(err, TGL_ELIMIT,
                             "graph '%s': input %u: expected a code in [%lld, %lld], "
                             "found %lld",
                             tgl_graph_name(e->graph), j, (long long)tgl_type_min(type),
                             (long long)tgl_type_max(type), (long long)in[j]);
        e->values[j] = in[j];
    }
    return TGL_OK;
}

tgl_status tgl_graph_eval(int64_t *values, const tgl_graph *graph, const int64_t *in,
                          tgl_error *err)
{
    if (!graph->verified)
        return tgl__fail(err, TGL_EUSAGE, "graph '%s' is not verified", graph->name);
    for (uint32_t k = 0; k < graph->n_node; k++) {
        evaluation e = {graph, &graph->nodes[k], values};
        if (e.node->op == TGL_GRAPH_INPUT) {
            TGL_TRY(take_input(&e, in, err));
            continue;
        }
        number shared = {0, 0};
        if (e.node->op == TGL_GRAPH_SOFTMAX) {
            number sum = tree(&e, exponential, 0, tgl__node_n_in(graph, e.node));
            sum = cast(sum, &e.node->softmax_sum);
            shared = look_up(&e.node->inv_table, sum, e.node->softmax_sum.type);
        }
        for (uint32_t j = 0; j < e.node->n_element; j++) {
            tgl_quant out = tgl__node_out(e.node, j);
            values[graph->first[k] + j] =
                (int64_t)cast(element(&e, j, shared), &out).code;
        }
    }
    return TGL_OK;
}
