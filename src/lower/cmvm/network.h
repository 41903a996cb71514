/* A shared adder network while it is being found: operands with proven ranges, and rows
 * (outputs) that are sums of shifted, signed operands. */
#ifndef TGL_LOWER_CMVM_NETWORK_H
#define TGL_LOWER_CMVM_NETWORK_H

#include <stdbool.h>
#include <trigline/lower.h>

#include "fixed/wide.h"

/* ±(operand << shift) in a row */
typedef struct cmvm_term {
    uint32_t operand;
    int16_t shift;
    bool negate;
} cmvm_term;

typedef struct cmvm_row {
    cmvm_term *terms;
    uint32_t n, capacity;
} cmvm_row;

typedef struct cmvm_operand {
    tgl_wide lo, hi;
    uint32_t depth; /* adder levels from the inputs */
} cmvm_operand;

typedef struct cmvm_network {
    cmvm_operand *operands; /* inputs, then one per step */
    uint32_t n_operand, capacity;
    tgl_cmvm_step *steps; /* (capacity) entries, n_operand - n_in used */
    uint32_t n_in;
    uint64_t cost; /* sum of the adders' widths in bits */
} cmvm_network;

tgl_status cmvm_network_init(cmvm_network *net, uint32_t n_in, const int64_t *lo,
                             const int64_t *hi, tgl_error *err);
void cmvm_network_clear(cmvm_network *net);
/* Append (a << shift_a) ± (b << shift_b); *operand names the result. */
tgl_status cmvm_network_step(cmvm_network *net, uint32_t *operand,
                             const tgl_cmvm_step *step, tgl_error *err);

/* Add a term, merging it with an equal one (x + x = 2x, x - x = 0). */
tgl_status cmvm_row_add(cmvm_row *row, cmvm_term term, tgl_error *err);
/* The canonical signed digits of `weight`, as terms of `operand`. */
tgl_status cmvm_row_add_weight(cmvm_row *row, uint32_t operand, tgl_wide weight,
                               tgl_error *err);
void cmvm_rows_free(cmvm_row *rows, uint32_t n);
/* Number of non-zero canonical signed digits. */
uint32_t cmvm_digits(tgl_wide weight);

/* Greedy two-term elimination: until no pair occurs twice, give the best pair an operand
 * of its own. No row's depth may exceed max_depth. */
tgl_status cmvm_eliminate(cmvm_network *net, cmvm_row *rows, uint32_t n_row,
                          uint32_t max_depth, tgl_error *err);
/* Add up each row (shallowest terms first) into at most one term. */
tgl_status cmvm_merge(cmvm_network *net, cmvm_row *rows, uint32_t n_row, tgl_error *err);
/* Adder levels a row needs at least: ceil(log2(sum of 2^depth)). */
uint32_t cmvm_row_depth(const cmvm_network *net, const cmvm_row *row);

#endif
