/* From a program to steps over scratch memory: lanes, storage, constants. Shared by the
 * planner's files and the emulator only. */
#ifndef TGL_EMULATE_PLAN_H
#define TGL_EMULATE_PLAN_H

#include <trigline/emulate.h>

#include "base/error.h"
#include "base/memory.h"
#include "emulate/exact.h"
#include "emulate/kernels.h"
#include "fixed/wide.h"

#define TGL__NO_SLOT UINT32_MAX

typedef struct tgl__edge { /* an input's or output's place at the tile's edge */
    uint32_t lane, slot, index;
    int64_t lo, hi;
} tgl__edge;

typedef struct tgl__constant {
    uint32_t lane, slot;
    int64_t code;
} tgl__constant;

/* An operation that no lane holds: run event by event in 128 bits. */
typedef struct tgl__slow {
    tgl__exact exact;
    const uint32_t *args;    /* (n_arg) scratch offsets of 64-bit lanes */
    const uint32_t *results; /* (n_value) the same, TGL__NO_SLOT where nobody reads */
    uint32_t room;           /* scratch offset of n_arg + n_value codes */
} tgl__slow;

struct tgl__event; /* event.h */

struct tgl_emulator {
    tgl_arena arena; /* what the steps point at */
    const tgl__kernels *kernels;
    tgl__step *steps;
    uint32_t n_step, cap_step;
    tgl__edge *inputs, *outputs;
    uint32_t n_input, n_output;
    tgl__constant *constants;
    uint32_t n_constant, cap_constant;
    uint64_t scratch_size;
    uint32_t tile; /* events in scratch at a time: TGL__STRIP to TGL__TILE */
    uint32_t n_lane_value[TGL__N_LANE]; /* values computed in each lane width */
    uint32_t n_slow;
    struct tgl__event *event; /* the plan for single events; NULL: there is none */
    const char **input_names;
    char description[160];
};

typedef struct tgl__value_plan {
    uint32_t root;               /* the value whose lanes hold this one's codes */
    uint32_t last_use;           /* operation, TGL_NONE: an output */
    uint32_t native;             /* lane it was computed in */
    uint32_t slots[TGL__N_LANE]; /* scratch offsets, TGL__NO_SLOT: not there */
    uint8_t is_constant, is_live;
    int64_t code; /* of a constant */
} tgl__value_plan;

/* How the tile's plan runs an operation: what the plan for single events groups by. */
typedef enum tgl__way {
    TGL__NOTHING = 0, /* no step of its own, or nobody reads it */
    TGL__ELEMENTWISE, /* `step` with up to three operands */
    TGL__PICK,
    TGL__AFFINE, /* step.data: a tgl__matrix */
    TGL__SLOW    /* step.data: the tile's tgl__slow */
} tgl__way;

typedef struct tgl__recipe {
    tgl__way way;
    tgl__step step;         /* its places belong to the tile */
    uint8_t lane, arg_lane; /* of results and of arguments */
    uint8_t n_operand;
    uint32_t operand[3]; /* ELEMENTWISE: the values that a, b, c read */
} tgl__recipe;

typedef struct tgl__planner {
    tgl_emulator *emulator;
    const tgl_program *program;
    const tgl_payload *payload;
    uint32_t minimum_lane; /* 0, 1, 2 */
    tgl__value_plan *values;
    tgl__recipe *recipes;         /* (n_op) */
    uint32_t current;             /* the operation being planned */
    const char **entries;         /* (n_table, TGL__N_LANE) or NULL each */
    const tgl__matrix **matrices; /* (n_affine) the last one made of each */
    int16_t *arg_frac;            /* room for the widest operation */
    int64_t *arg_code;
    uint32_t *free_slots[TGL__N_LANE];
    uint32_t n_free[TGL__N_LANE], cap_free[TGL__N_LANE];
    uint64_t panel, panel_size; /* scratch for arguments laid out for a matrix */
    bool failed;                /* out of memory, reported once at the end */
} tgl__planner;

/* Narrowest lane (0: 16, 1: 32, 2: 64 bits) for the closed range; TGL__N_LANE when none
 * holds it. Never below the planner's minimum. */
uint32_t tgl__lane_for(const tgl__planner *planner, tgl_wide lo, tgl_wide hi);
static inline int tgl__lane_bits(uint32_t lane)
{
    return 16 << lane;
}

uint32_t tgl__take_slot(tgl__planner *planner, uint32_t lane);
void tgl__drop_slot(tgl__planner *planner, uint32_t lane, uint32_t slot);
/* The scratch offset of a value's codes in this lane, converted (modulo 2^lane) if need
 * be. */
uint32_t tgl__value_in(tgl__planner *planner, uint32_t value, uint32_t lane);
/* A place for the result `value`, computed in `lane`. */
uint32_t tgl__result_in(tgl__planner *planner, uint32_t value, uint32_t lane);
/* A new step, all zero but `run`; NULL when out of memory. */
tgl__step *tgl__new_step(tgl__planner *planner, tgl__kernel *run);
/* Note how the current operation is run by `step` (NULL is let pass). */
tgl__recipe *tgl__note_recipe(tgl__planner *planner, tgl__way way, const tgl__step *step,
                              uint32_t lane, uint32_t arg_lane);
/* What an argument can be: the proven range, or the code of a constant. */
tgl_interval tgl__value_interval(const tgl__planner *planner, uint32_t value);
/* The overflow part of a cast into `quant` for a lane; TGL__KEEP if `keep`. */
void tgl__cast_overflow(tgl__cast *cast, const tgl_quant *quant, uint32_t lane,
                        bool keep);
/* Whether the integer interval stays as it is under quant's overflow mode. */
bool tgl__survives(const tgl_interval *codes, const tgl_quant *quant);

tgl_status tgl__plan_slow(tgl__planner *planner, uint32_t op, tgl_error *err);
tgl_status tgl__plan_affine(tgl__planner *planner, uint32_t op, tgl_error *err);
/* Fill `emulator` (kernels and program's names set by the caller). */
tgl_status tgl__plan(tgl_emulator *emulator, const tgl_program *program,
                     const tgl_payload *payload, uint32_t minimum_lane, tgl_error *err);

#endif
