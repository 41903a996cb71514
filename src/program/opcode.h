/* The opcode table: the one place that says what an operation takes, how it is written
 * and what it means. Builder, verifier, binary form, text form and documentation read it.
 */
#ifndef TGL_PROGRAM_OPCODE_H
#define TGL_PROGRAM_OPCODE_H

#include <stdbool.h>
#include <trigline/program.h>

/* Which fields of tgl_op an operation carries; in this order in both file forms. */
enum {
    TGL__HAS_QUANT = 1,    /* round, overflow */
    TGL__HAS_RELATION = 2, /* relation */
    TGL__HAS_IMM = 4,      /* imm */
    TGL__HAS_SLOT = 8,     /* ref is a slot */
    TGL__HAS_TABLE = 16,   /* ref is a table */
    TGL__HAS_AFFINE = 32,  /* ref is an affine */
    TGL__HAS_ELEMENT = 64, /* element */
    TGL__HAS_SHIFTS = 128  /* shift_lo, shift_hi */
};
#define TGL__HAS_REF (TGL__HAS_SLOT | TGL__HAS_TABLE | TGL__HAS_AFFINE)

/* What the result's binary point must be. */
typedef enum tgl__frac_rule {
    TGL__FRAC_FREE,        /* any */
    TGL__FRAC_MAX,         /* the finest argument's */
    TGL__FRAC_SUM,         /* the sum of the arguments' */
    TGL__FRAC_EQUAL,       /* all arguments' and the result's are equal */
    TGL__FRAC_EQUAL_REST,  /* the same, without the first argument */
    TGL__FRAC_SHIFT,       /* the argument's - imm */
    TGL__FRAC_SHIFT_VALUE, /* the first argument's + max(shift_hi, 0) */
    TGL__FRAC_TYPE         /* the type is given by the port, slot, table or affine */
} tgl__frac_rule;

typedef struct tgl__opcode {
    tgl_opcode code;
    const char *name;
    uint32_t min_arg, max_arg;
    unsigned fields;
    tgl__frac_rule frac;
    const char *meaning; /* one sentence for the documentation */
    const char *checks;  /* what the verifier demands beyond the binary point */
} tgl__opcode;

enum { TGL__N_OPCODE = 21 };
extern const tgl__opcode tgl__opcodes[TGL__N_OPCODE]; /* by code, ascending from 1 */

/* NULL for an unknown code or name. */
const tgl__opcode *tgl__opcode_find(unsigned code);
const tgl__opcode *tgl__opcode_named(const char *name, size_t n);

/* "EQ" … "GE", and "THRESHOLD" …; NULL for an unknown value. */
const char *tgl__relation_name(tgl_relation relation);
const char *tgl__slot_kind_name(tgl_slot_kind kind);
enum { TGL__N_RELATION = 6, TGL__N_SLOT_KIND = 7 };

/* The documentation page of the table, in Markdown. Release with tgl__free. */
tgl_status tgl__opcode_document(char **out, size_t *size, tgl_error *err);

#endif
