/** @file
 * Graph to program, and constant matrices to shared shifts and adds.
 */
#ifndef TRIGLINE_LOWER_H
#define TRIGLINE_LOWER_H

#include <trigline/graph.h>
#include <trigline/program.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Lower a verified graph into a verified program. Release with tgl_program_free. */
TGL_API TGL_NODISCARD tgl_status tgl_lower(tgl_program **out, const tgl_graph *graph,
                                           tgl_error *err);

/** One step of a shared adder network: value = (±a << shift_a) + (±b << shift_b);
 * operands: first inputs, then steps. */
typedef struct tgl_cmvm_step {
    uint32_t a, b;
    uint8_t shift_a, shift_b;
    uint8_t negate_a, negate_b;
} tgl_cmvm_step;

/** Where an output is found: `operand` (TGL_NONE: zero), shifted and negated. */
typedef struct tgl_cmvm_output {
    uint32_t operand;
    uint8_t shift;
    uint8_t negate;
} tgl_cmvm_output;

typedef struct tgl_cmvm {
    uint32_t n_in, n_out, n_step;
    tgl_cmvm_step *steps;
    tgl_cmvm_output *outputs;
} tgl_cmvm;

typedef struct tgl_cmvm_options {
    size_t struct_size;
    int max_depth; /**< adder levels allowed beyond the shortest; -1: no limit */
} tgl_cmvm_options;
#define TGL_CMVM_OPTIONS_INIT                                                            \
    {                                                                                    \
        sizeof(tgl_cmvm_options), -1                                                     \
    }

/**
 * Shared shift-and-add network for y = W x, W of (n_out, n_in) integers: canonical signed
 * digits, then greedy two-term common-subexpression elimination across outputs.
 * @param lo,hi (n_in) bounds of the inputs' codes: weigh adders by width. Release with
 * tgl_cmvm_clear.
 */
TGL_API TGL_NODISCARD tgl_status tgl_cmvm_solve(tgl_cmvm *out, const int64_t *weights,
                                                uint32_t n_out, uint32_t n_in,
                                                const int64_t *lo, const int64_t *hi,
                                                const tgl_cmvm_options *options,
                                                tgl_error *err);
TGL_API void tgl_cmvm_clear(tgl_cmvm *cmvm);

#ifdef __cplusplus
}
#endif
#endif
