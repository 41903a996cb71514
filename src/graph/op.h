/* Operators: one table of what each is, and what their files share. An operator is a
 * verify and an eval function beside each other, and one line in ops.c. */
#ifndef TGL_GRAPH_OP_H
#define TGL_GRAPH_OP_H

#include "base/error.h"
#include "fixed/wide.h"
#include "graph/graph.h"

/* ---- checking ---- */

typedef struct tgl__verifier {
    const tgl_graph *graph;
    const tgl_node *node;
    tgl_error *err;
} tgl__verifier;

tgl_status tgl__check_type(const tgl__verifier *v, tgl_type type, const char *what);
tgl_status tgl__check_quant(const tgl__verifier *v, const tgl_quant *quant,
                            const char *what);
tgl_status tgl__check_codes(const tgl__verifier *v, const int64_t *codes, size_t n,
                            tgl_type type, const char *what);
tgl_status tgl__check_count(const tgl__verifier *v, uint64_t expected);
/* Everything exact stays within the widest code. */
tgl_status tgl__check_fits(const tgl__verifier *v, bool ok, const tgl_interval *interval,
                           uint32_t element, const char *what);
/* Input `which` has as many elements as the result. */
tgl_status tgl__check_like_input(const tgl__verifier *v, uint32_t which);
/* Elements [first, first + n) of the first input on one binary point; `hull` holds every
 * one of them. */
tgl_status tgl__check_alignment(const tgl__verifier *v, uint32_t first, uint32_t n,
                                tgl_interval *hull);
/* The sum of two accumulators. */
tgl_status tgl__check_sum(const tgl__verifier *v);
/* Its index is the top log2(count) bits of a code of `type`. */
tgl_status tgl__check_table(const tgl__verifier *v, const tgl_graph_table *table,
                            tgl_type type, const char *what);
/* The result's element is a bit. */
tgl_status tgl__check_bit(const tgl__verifier *v, uint32_t element);

static inline const tgl_node *tgl__input_node(const tgl__verifier *v, uint32_t which)
{
    return &v->graph->nodes[v->node->inputs[which]];
}
/* What an input's element can be. */
static inline tgl_interval tgl__input_range(const tgl__verifier *v, uint32_t which,
                                            uint32_t element)
{
    return tgl__interval_of_type(tgl__node_out(tgl__input_node(v, which), element).type);
}

/* ---- evaluating: one element at a time, in 128 bits ---- */

/* A code with its binary point. */
typedef struct tgl__number {
    tgl_wide code;
    int frac;
} tgl__number;

typedef struct tgl__evaluation {
    const tgl_graph *graph;
    const tgl_node *node;
    int64_t *values;    /* of all nodes */
    tgl__number shared; /* what `prepare` worked out for this group of elements */
} tgl__evaluation;

static inline tgl__number tgl__arg(const tgl__evaluation *e, uint32_t which,
                                   uint32_t element)
{
    uint32_t source = e->node->inputs[which];
    return (tgl__number){e->values[tgl__graph_first(e->graph, source) + element],
                         tgl__node_out(&e->graph->nodes[source], element).type.frac};
}

static inline tgl__number tgl__literal(int64_t code, tgl_type type)
{
    return (tgl__number){code, type.frac};
}

static inline tgl__number tgl__cast(tgl__number x, const tgl_quant *quant)
{
    return (tgl__number){tgl__quantise_wide(x.code, x.frac, quant), quant->type.frac};
}

static inline int tgl__finer(tgl__number a, tgl__number b)
{
    return a.frac > b.frac ? a.frac : b.frac;
}

static inline tgl_wide tgl__code_at(tgl__number x, int frac)
{
    return x.code == 0 ? 0 : tgl__wide_shl(x.code, (unsigned)(frac - x.frac));
}

static inline tgl__number tgl__plus(tgl__number a, tgl__number b)
{
    int frac = tgl__finer(a, b);
    return (tgl__number){tgl__code_at(a, frac) + tgl__code_at(b, frac), frac};
}

static inline tgl__number tgl__minus(tgl__number a, tgl__number b)
{
    b.code = -b.code;
    return tgl__plus(a, b);
}

static inline tgl__number tgl__times(tgl__number a, tgl__number b)
{
    return (tgl__number){a.code * b.code, a.frac + b.frac};
}

static inline bool tgl__less(tgl__number a, tgl__number b)
{
    int frac = tgl__finer(a, b);
    return tgl__code_at(a, frac) < tgl__code_at(b, frac);
}

/* The index a table is read at: the top bits of the code's two's complement. */
tgl__number tgl__table_at(const tgl_graph_table *table, tgl__number x, tgl_type type);
/* The balanced tree of n terms from `first` on, each sum converted to the node's acc: the
 * left part holds the largest power of two below n. */
tgl__number tgl__tree(const tgl__evaluation *e,
                      tgl__number (*term)(const tgl__evaluation *, uint32_t),
                      uint32_t first, uint32_t n);

/* ---- the table ---- */

typedef struct tgl__graph_op_info {
    const char *name;
    unsigned members; /* bits of tgl__member_group */
    uint32_t min_input, max_input;
    tgl_status (*verify)(const tgl__verifier *v);
    /* Element j before its final conversion; NULL: the input. */
    tgl__number (*element)(const tgl__evaluation *e, uint32_t j);
    /* Before the first element of each `group`: e->shared. May be NULL. */
    tgl__number (*prepare)(const tgl__evaluation *e, uint32_t first);
} tgl__graph_op_info;

/* NULL for an unknown operator. */
const tgl__graph_op_info *tgl__graph_op_info_of(tgl_graph_op op);

tgl_status tgl__verify_any(const tgl__verifier *v);
tgl_status tgl__verify_like_input(const tgl__verifier *v);
tgl_status tgl__verify_scale(const tgl__verifier *v);
tgl_status tgl__verify_output_scale(const tgl__verifier *v);
tgl_status tgl__verify_concat(const tgl__verifier *v);
tgl_status tgl__verify_slice(const tgl__verifier *v);
tgl_status tgl__verify_constant(const tgl__verifier *v);
tgl_status tgl__verify_rearrange(const tgl__verifier *v);
tgl_status tgl__verify_rescale(const tgl__verifier *v);
tgl_status tgl__verify_dense(const tgl__verifier *v);
tgl_status tgl__verify_argmax(const tgl__verifier *v);
tgl_status tgl__verify_sum_squares(const tgl__verifier *v);
tgl_status tgl__verify_reduce(const tgl__verifier *v);
tgl_status tgl__verify_threshold(const tgl__verifier *v);
tgl_status tgl__verify_softmax(const tgl__verifier *v);
tgl_status tgl__verify_pair(const tgl__verifier *v);
tgl_status tgl__verify_compare(const tgl__verifier *v);
tgl_status tgl__verify_select(const tgl__verifier *v);
tgl_status tgl__verify_scale_bias(const tgl__verifier *v);
tgl_status tgl__verify_lookup(const tgl__verifier *v);

tgl__number tgl__eval_copy(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_scale(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_relu(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_output_scale(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_concat(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_slice(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_constant(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_rearrange(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_rescale(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_dense(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_argmax(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_sum_squares(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_reduce(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_threshold(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_softmax(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__prepare_softmax(const tgl__evaluation *e, uint32_t first);
tgl__number tgl__eval_pair(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_compare(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_select(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_scale_bias(const tgl__evaluation *e, uint32_t j);
tgl__number tgl__eval_lookup(const tgl__evaluation *e, uint32_t j);

#endif
