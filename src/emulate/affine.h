/* What the files that plan affine operations share; plan_affine.c has the words. */
#ifndef TGL_EMULATE_AFFINE_H
#define TGL_EMULATE_AFFINE_H

#include "emulate/plan.h"

typedef struct tgl__affine_facts {
    const tgl_op *op;
    const tgl_affine *a;
    tgl_interval *x; /* (n_in) what the arguments can be */
    const int64_t *weights, *bias;
    bool rounds;     /* a product may lose bits */
    bool term_bites; /* a term may overflow its type so that it shows */
    bool acc_bites;  /* a (partial) sum may overflow so that it shows */
    bool acc_wraps;  /* ... and the overflow mode is a wrap: once at the end will do */
    bool any_high;   /* the high kernel can run it */
    tgl_wide lo, hi; /* hull of products, terms and sums, as the general kernel sees
                        them */
    tgl_wide result_lo, result_hi;
    tgl_wide product_lo, product_hi;
    bool too_wide; /* some interval leaves 126 bits */
} tgl__affine_facts;

typedef enum tgl__affine_way {
    TGL__SUM,
    TGL__PAIR,
    TGL__HIGH,
    TGL__SHIFTED,
    TGL__GENERAL
} tgl__affine_way;

typedef struct tgl__affine_builder {
    tgl__planner *p;
    const tgl__affine_facts *f;
    tgl__affine_way way;
    uint32_t lane;
    const uint32_t *x;    /* (n_in) scratch offsets; TGL__PAIR: (n_in / 2 rounded up) */
    const int *shifts;    /* (n_in) bits a product drops; negative: appends */
    tgl_arena work;       /* for what is let go after this operation */
    int64_t *low, *whole; /* (n_in) of one row: tgl__split */
    tgl__term *terms;     /* where the next run of terms goes */
} tgl__affine_builder;

/* The weight on the accumulator's grid: exact, or only its low 64 bits. */
int64_t tgl__grid_weight(const tgl__affine_builder *builder, uint32_t row, uint32_t j);
/* One product's parts: `low` multiplies keeping the high half, `whole` keeping the low.
 */
void tgl__split(const tgl__affine_builder *builder, uint32_t row, uint32_t j,
                int64_t *low, int64_t *whole);
/* The operation as a matrix for one event; the last one made of the same affine if that
 * is equal. `plan` has its casts. NULL when out of memory. */
const tgl__matrix *tgl__matrix_of(const tgl__affine_builder *builder,
                                  const tgl__rows *plan);

/* The pair way over a panel, where that is faster: `done` says whether `step` was made.
 */
tgl_status tgl__plan_panel(tgl__affine_builder *builder, const tgl__cast *acc, bool *done,
                           const tgl__step **step, tgl_error *err);

#endif
