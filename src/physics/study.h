/* What the files of the study share: the samples with their seeds applied, sorted once.
 */
#ifndef TGL_PHYSICS_STUDY_H
#define TGL_PHYSICS_STUDY_H

#include <trigline/physics.h>

#include "base/memory.h"
#include "physics/menu.h"
#include "physics/sections.h"
#include "text/json.h"

enum { TGL_MAX_TARGET = 16, TGL_MAX_SIGNAL = 32 };

typedef struct tgl_study_config {
    uint32_t n_target;
    double target_hz[TGL_MAX_TARGET];
    tgl_menu menu;
    double colliding;        /* 0: from the section table */
    double alpha;            /* intervals cover 1 - alpha */
    uint64_t minimum;        /* events a quoted working point keeps at least */
    double roc_from, roc_to; /* range of false-positive rates */
    uint32_t n_pileup;
    double pileup[33];       /* edges */
    const tgl_json *turn_on; /* borrowed from the parsed configuration */
} tgl_study_config;

/* One sample: scores in falling order, and which seeds each row fired (bit s: seed s). */
typedef struct tgl_study_sample {
    const char *name;
    const tgl_table *table;
    const int64_t *score; /* by row */
    size_t n;
    uint64_t *fired;    /* by row */
    uint32_t *by_score; /* rows in falling score */
} tgl_study_sample;

typedef struct tgl_study {
    tgl_arena arena;
    tgl_study_config config;
    tgl_study_sample zero_bias, signal[TGL_MAX_SIGNAL];
    size_t n_signal;
    tgl_section *section; /* by zero-bias row */
    double *hz; /* by zero-bias row: orbit_hz * colliding / n, the rate one passing row
                   stands for */
} tgl_study;

/* Numbers are rounded to ten digits: what libm may change from machine to machine stays
 * out of digests. */
tgl_json *tgl__study_number(double value);
tgl_json *tgl__study_fraction(const tgl_study *study, uint64_t k, uint64_t n);
/* {hz, error_hz, n_pass} */
tgl_json *tgl__study_rate(double hz, double squares, uint64_t n_pass);
/* How many rows of a sample score at or above the cut. */
size_t tgl__study_above(const tgl_study_sample *sample, int64_t cut);
/* The lowest cut on `value` (by zero-bias row; `order`: rows in falling value) with a
 * rate at most `target_hz`. */
int64_t tgl__study_cut(const tgl_study *study, const int64_t *value,
                       const uint32_t *order, double target_hz, double *hz,
                       double *squares, uint64_t *n_pass);
/* Rows in falling value; ties by row, so that the order is one. NULL when out of memory.
 * From the arena. */
uint32_t *tgl__study_order(tgl_arena *arena, const int64_t *value, size_t n);

/* The parts of the answer. */
tgl_status tgl__study_menu(tgl_json *out, const tgl_study *study, tgl_error *err);
tgl_status tgl__study_points(tgl_json *out, tgl_study *study, tgl_error *err);
tgl_status tgl__study_curves(tgl_json *out, const tgl_study *study, tgl_error *err);
tgl_status tgl__study_turn_on(tgl_json *out, const tgl_study *study,
                              const tgl_json *points, tgl_error *err);

#endif
