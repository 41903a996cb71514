/* The plan for single events: equal operations whose arguments are ready together run as
 * one sweep of a lane kernel over cells that lie side by side. */
#ifndef TGL_EMULATE_EVENT_H
#define TGL_EMULATE_EVENT_H

#include "emulate/plan.h"

enum {
    TGL__FEW_EVENTS = 8 /* up to here single events are faster than a strip of a tile */
};

/* Inputs or outputs [index, index + n) in cells side by side. */
typedef struct tgl__span {
    uint32_t lane, offset, index, n;
    const int64_t *lo, *hi; /* inputs: (n) bounds */
} tgl__span;

/* Constants: bytes copied into the scratch memory before the first event. */
typedef struct tgl__literal {
    uint32_t offset, size;
    const void *bytes;
} tgl__literal;

typedef struct tgl__sweep {
    tgl__step step;
    uint32_t n; /* elements the kernel runs over */
} tgl__sweep;

typedef struct tgl__event {
    tgl__span *inputs, *outputs;
    tgl__literal *literals;
    tgl__sweep *sweeps;
    uint32_t n_input, n_output, n_literal, n_sweep;
    uint32_t cap_input, cap_output, cap_literal, cap_sweep;
    uint64_t size; /* of scratch memory */
} tgl__event;

/* Make emulator->event from the recipes of the tile's plan; a program that would need too
 * much memory is left without. Out of memory sets planner->failed. */
void tgl__plan_event(tgl__planner *planner);
void tgl__event_free(tgl__event *event);

#endif
