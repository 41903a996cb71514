/* Hardware as a list of nodes on integer codes: what the program becomes before it is
 * written as Verilog, counted or scheduled. Binary points are gone: every node has exact
 * bounds, from which its wire's sign and width follow, and shifts by constants are free.
 */
#ifndef TGL_FIRMWARE_NETLIST_H
#define TGL_FIRMWARE_NETLIST_H

#include <stdbool.h>
#include <trigline/firmware.h>

#include "base/memory.h"
#include "fixed/wide.h"

/* Delay of one adder level with its routing on an UltraScale+ of speed grade -2, from
 * which the number of levels between registers follows. An assumption for staging, not a
 * timing claim. */
#define TGL__NS_PER_LEVEL      0.55
#define TGL__DEFAULT_CLOCK_MHZ 360.0

typedef enum tgl__node_kind {
    TGL__NODE_INPUT, /* ref: port */
    TGL__NODE_CONST, /* imm */
    TGL__NODE_SLOT,  /* ref: slot, element */
    TGL__NODE_ADD,   /* ±(a << shift_a) + ±(b << shift_b) */
    TGL__NODE_SHL,   /* a << shift_a */
    TGL__NODE_NEG,   /* -(a << shift_a) */
    TGL__NODE_MUL,   /* a * b */
    TGL__NODE_QUANT, /* a with `drop` bits rounded off (negative: raised), into `type` */
    TGL__NODE_COMPARE, /* (a << shift_a) relation (b << shift_b) */
    TGL__NODE_SELECT,  /* c ? a : b */
    TGL__NODE_MIN,     /* of (a << shift_a), (b << shift_b) */
    TGL__NODE_MAX,
    TGL__NODE_PICK,  /* args[1 + index - imm], index in [imm, imm + n_arg - 2] */
    TGL__NODE_TABLE, /* ref: table; entry a */
    TGL__NODE_AND,
    TGL__NODE_OR,
    TGL__NODE_XOR,
    TGL__NODE_NOT,
    TGL__NODE_SHIFT_VALUE /* a << (imm - b) */
} tgl__node_kind;

typedef struct tgl__node {
    tgl__node_kind kind;
    uint32_t first_arg, n_arg; /* into tgl__netlist.args */
    uint16_t shift_a, shift_b;
    bool negate_a, negate_b;
    tgl_relation relation;
    tgl_round round;
    tgl_overflow overflow;
    int32_t drop;
    tgl_type type; /* QUANT: the target */
    int64_t imm;
    uint32_t ref, element;
    tgl_wide lo, hi;        /* proven bounds */
    uint32_t op;            /* program operation it was made for */
    uint32_t value;         /* first program value it is, or TGL_NONE: a helper */
    uint32_t serial;        /* helpers: number within the operation */
    uint32_t time;          /* half levels from the inputs, without registers */
    uint32_t stage, offset; /* schedule: pipeline stage, half levels within it */
    uint32_t last_stage;    /* last stage that reads it */
    bool live;              /* an output depends on it */
} tgl__node;

/* A slot element as read in one stage: it has a register of its own in the active bank,
 * loaded `stage` clocks after the swap, so that an event in flight never sees two
 * payloads. */
typedef struct tgl__slot_use {
    uint32_t slot, element, stage;
    uint32_t bit; /* position in the core's `slots` port */
} tgl__slot_use;

typedef struct tgl__netlist {
    const tgl_program *program;
    tgl__node *nodes;
    uint32_t n_node, cap_node;
    uint32_t *args;
    uint32_t n_arg, cap_arg;
    uint32_t *value_node; /* (n_value) */
    uint32_t op, serial;  /* while building: the current operation */
    uint32_t period;      /* half levels per stage */
    uint32_t n_stage;
    tgl__slot_use *uses;
    uint32_t n_use;
    uint32_t slot_bits;
    double clock_mhz, ns_per_level;
} tgl__netlist;

/* A summand: ±(node << shift). */
typedef struct tgl__summand {
    uint32_t node;
    uint32_t shift;
    bool negate;
} tgl__summand;

/* Program to netlist, scheduled. Release with tgl__netlist_clear, also after a failure.
 */
tgl_status tgl__netlist_build(tgl__netlist *out, const tgl_program *program,
                              const tgl_firmware_options *options, tgl_error *err);
void tgl__netlist_clear(tgl__netlist *netlist);
/* Assign stages; netlist_build calls it. */
tgl_status tgl__schedule(tgl__netlist *netlist, tgl_error *err);

/* ---- building (netlist.c) ---- */

static inline uint32_t tgl__arg(const tgl__netlist *n, const tgl__node *node, uint32_t i)
{
    return n->args[node->first_arg + i];
}
bool tgl__node_signed(const tgl__node *node);
uint32_t tgl__node_width(const tgl__node *node);
bool tgl__node_constant(const tgl__netlist *n, uint32_t node);
/* Half levels of one node. */
uint32_t tgl__node_delay(const tgl__netlist *n, const tgl__node *node);

/* Append; constant results become constants. `args` (n) are node ids. */
tgl_status tgl__add_node(tgl__netlist *n, uint32_t *id, const tgl__node *node,
                         const uint32_t *args, uint32_t n_arg, tgl_error *err);
tgl_status tgl__add_const(tgl__netlist *n, uint32_t *id, tgl_wide code, tgl_error *err);
/* `node` with binary point `frac` converted; lossless conversions cost nothing. */
tgl_status tgl__add_quant(tgl__netlist *n, uint32_t *id, uint32_t node, int frac,
                          const tgl_quant *quant, tgl_error *err);
/* A summand as a node of its own. */
tgl_status tgl__add_term(tgl__netlist *n, uint32_t *id, tgl__summand term,
                         tgl_error *err);
/* The sum of n terms (destroyed), earliest and narrowest first; zero terms: 0. */
tgl_status tgl__add_sum(tgl__netlist *n, uint32_t *id, tgl__summand *terms,
                        uint32_t n_term, tgl_error *err);
/* Can converting this interval change its value? `drops`: by rounding. */
bool tgl__conversion_loses(const tgl_interval *interval, const tgl_quant *quant,
                           bool *drops);
/* w * x as shifts and adds (affine.c). */
tgl_status tgl__add_multiple(tgl__netlist *n, uint32_t *id, uint32_t x, int64_t w,
                             tgl_error *err);
/* AFFINE (affine.c): fills value_node for every row. */
tgl_status tgl__expand_affine(tgl__netlist *n, const tgl_op *op, tgl_error *err);

#endif
