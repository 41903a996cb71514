/* One operation by its definition, in 128-bit arithmetic: the reference, and what the
 * batch emulator falls back on where 64-bit lanes do not suffice. */
#ifndef TGL_EMULATE_EXACT_H
#define TGL_EMULATE_EXACT_H

#include <trigline/program.h>

/* An operation with its slots resolved by a payload. Everything is borrowed. */
typedef struct tgl__exact {
    const tgl_op *op;
    const int16_t *arg_frac; /* (n_arg) binary points of the arguments */
    int64_t param;           /* PARAM: the element's code */
    const int64_t *table;    /* TABLE: the entries */
    const tgl_affine *affine;
    const int64_t *weights; /* AFFINE: (n_out, n_in) */
    const int64_t *bias;    /* AFFINE: (n_out), NULL for none */
} tgl__exact;

/* `payload` NULL: the slots' defaults. `arg_frac` has room for n_arg numbers. */
void tgl__exact_resolve(tgl__exact *out, int16_t *arg_frac, const tgl_program *program,
                        const tgl_payload *payload, uint32_t op);

/* The operation's n_value results from its arguments' codes. INPUT gives `input`. */
void tgl__exact_run(int64_t *results, const tgl__exact *exact, const int64_t *args,
                    int64_t input);

/* A slot's codes under a payload (NULL: the defaults). */
const int64_t *tgl__slot_codes(const tgl_program *program, const tgl_payload *payload,
                               uint32_t slot);

#endif
