/* The inside of a program, for this room only: what the builder fills and the verifier
 * proves. */
#ifndef TGL_PROGRAM_PROGRAM_H
#define TGL_PROGRAM_PROGRAM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "fixed/wide.h"
#include "program/opcode.h"

/* Bounds against hostile files; far above any trigger model. */
enum {
    TGL__MAX_VALUES = 1 << 22,
    TGL__MAX_OPS = 1 << 22,
    TGL__MAX_ELEMENTS = 1 << 26, /* of one slot, table or matrix */
    TGL__MAX_PRODUCTS = 1 << 28, /* of all affine operations together */
    TGL__MAX_NAME = 255,         /* bytes */
    TGL__MAX_FRAC = 900
};

/* An interned string: equal names share one, `used` says as what (bits of
 * tgl__name_use). */
typedef struct tgl__name {
    struct tgl__name *next;
    uint64_t hash;
    uint32_t number; /* in order of first use */
    uint8_t used;
    char text[];
} tgl__name;

typedef enum tgl__name_use {
    TGL__NAMES_INPUT = 1,
    TGL__NAMES_OUTPUT = 2,
    TGL__NAMES_SLOT = 4,
    TGL__NAMES_TABLE = 8
} tgl__name_use;

enum { TGL__N_BUCKET = 1024 };

struct tgl_program {
    tgl_arena arena;
    tgl__name *buckets[TGL__N_BUCKET];
    uint32_t n_name;
    const char *name;
    bool verified;
    uint64_t n_product; /* multiplications of all affine operations */
    tgl_op *ops;
    uint32_t n_op, cap_op;
    uint32_t *value_op; /* (n_value) the operation that defines a value */
    int64_t *lo, *hi;   /* (n_value) proven bounds; NULL before verify */
    uint32_t n_value, cap_value;
    tgl_port *inputs, *outputs;
    uint32_t n_input, cap_input, n_output, cap_output;
    tgl_slot *slots;
    const int64_t **defaults; /* (n_slot) */
    uint32_t n_slot, cap_slot, cap_default;
    tgl_table_data *tables;
    uint32_t n_table, cap_table;
    tgl_affine *affines;
    uint32_t n_affine, cap_affine;
};

/* The interned name behind a string that the program handed out. */
static inline const tgl__name *tgl__name_of(const char *text)
{
    return (const tgl__name *)(const void *)(text - offsetof(tgl__name, text));
}

/* "op 12 (ADD, dense_1[3] accumulator)". */
#define TGL__OP_TEXT 200
void tgl__op_text(char out[TGL__OP_TEXT], const tgl_program *program, uint32_t index);

#endif
