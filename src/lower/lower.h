/* What the files of lowering share: a program being built, with each value's proven
 * range beside it (the same interval arithmetic as the program's verifier). */
#ifndef TGL_LOWER_LOWER_H
#define TGL_LOWER_LOWER_H

#include <stdbool.h>
#include <trigline/lower.h>

#include "fixed/wide.h"
#include "graph/graph.h"

typedef struct tgl__lowering {
    const tgl_graph *graph;
    const tgl_node *node;
    int32_t element; /* of the node's result, for origins; -1: the whole node */
    tgl_program *program;
    tgl_interval *range; /* (n_value) */
    size_t capacity;
    uint32_t *result; /* program value of each graph element */
    tgl_error *err;
} tgl__lowering;

/* The program value of element `j` of the node's input `which`. */
uint32_t tgl__input(const tgl__lowering *l, uint32_t which, uint32_t j);
tgl_type tgl__value_type(const tgl__lowering *l, uint32_t value);

/* Remember what a value can be. */
tgl_status tgl__note_range(tgl__lowering *l, uint32_t value, const tgl_interval *range);

/* One operation each; the result's type is the narrowest that holds its range. */
tgl_status tgl__emit_const(tgl__lowering *l, uint32_t *out, int64_t code, tgl_type type,
                           const char *role);
tgl_status tgl__emit_param(tgl__lowering *l, uint32_t *out, uint32_t slot,
                           uint32_t element, const char *role);
tgl_status tgl__emit_two(tgl__lowering *l, uint32_t *out, tgl_opcode code, uint32_t a,
                         uint32_t b, const char *role);
tgl_status tgl__emit_compare(tgl__lowering *l, uint32_t *out, tgl_relation relation,
                             uint32_t a, uint32_t b, const char *role);
tgl_status tgl__emit_select(tgl__lowering *l, uint32_t *out, uint32_t c, uint32_t a,
                            uint32_t b, const char *role);
/* AND, OR, XOR of values on one binary point. */
tgl_status tgl__emit_bitwise(tgl__lowering *l, uint32_t *out, tgl_opcode code, uint32_t a,
                             uint32_t b, const char *role);
tgl_status tgl__emit_shift(tgl__lowering *l, uint32_t *out, uint32_t a, int left,
                           const char *role);
tgl_status tgl__emit_shift_value(tgl__lowering *l, uint32_t *out, uint32_t a, uint32_t b,
                                 int32_t lo, int32_t hi, const char *role);
tgl_status tgl__emit_table(tgl__lowering *l, uint32_t *out, uint32_t table,
                           uint32_t index, const char *role);
/* The conversion; none is emitted where it could change nothing. */
tgl_status tgl__emit_cast(tgl__lowering *l, uint32_t *out, uint32_t a,
                          const tgl_quant *quant, const char *role);
/* The same value on a finer binary point. */
tgl_status tgl__emit_align(tgl__lowering *l, uint32_t *out, uint32_t a, int frac,
                           const char *role);
/* Affine `number` over `args`. */
tgl_status tgl__emit_affine(tgl__lowering *l, uint32_t *first, uint32_t number,
                            const uint32_t *args, const tgl_affine *affine);

/* A slot named "<node>.<member>" over the node's whole array. */
tgl_status tgl__make_slot(tgl__lowering *l, uint32_t *number, const char *member,
                          tgl_slot_kind kind, tgl_type type, int64_t lo, int64_t hi,
                          uint32_t count, const int64_t *defaults);

/* A table named "<node>.<member>"; `slot` TGL_NONE: constant. */
tgl_status tgl__add_table(tgl__lowering *l, uint32_t *number, const char *member,
                          const tgl_graph_table *table, uint32_t slot);
/* The entry at the top bits of x's code, whose type is `type`. */
tgl_status tgl__look_up(tgl__lowering *l, uint32_t *out, uint32_t table, uint32_t x,
                        tgl_type type, const char *role);

/* Operators; each fills result[] of its node's elements. */
tgl_status tgl__lower_dense(tgl__lowering *l, uint32_t *result);
tgl_status tgl__lower_softmax(tgl__lowering *l, uint32_t *result);
tgl_status tgl__lower_argmax(tgl__lowering *l, uint32_t *result);
tgl_status tgl__lower_sum_squares(tgl__lowering *l, uint32_t *result);
tgl_status tgl__lower_reduce(tgl__lowering *l, uint32_t *result);
tgl_status tgl__lower_pair(tgl__lowering *l, uint32_t *result);
tgl_status tgl__lower_select(tgl__lowering *l, uint32_t *result);
tgl_status tgl__lower_lookup(tgl__lowering *l, uint32_t *result);
/* `terms` summed as a balanced tree, each partial sum converted to `acc`. */
tgl_status tgl__lower_tree(tgl__lowering *l, uint32_t *out, const uint32_t *terms,
                           uint32_t n, const tgl_quant *acc);

#endif
