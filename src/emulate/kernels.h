/* The kernels: what they work on, and one table of them per instruction set.
 *
 * A tile is up to TGL__TILE events (fewer where a program needs much memory). A value's
 * codes of one tile lie side by side in scratch memory, in lanes of 16, 32 or 64 bits.
 * Arithmetic is modulo 2^lane; the planner picks lanes wide enough that this is the exact
 * result. For a single event the same elementwise kernels run over equal operations whose
 * cells lie side by side. */
#ifndef TGL_EMULATE_KERNELS_H
#define TGL_EMULATE_KERNELS_H

#include <trigline/program.h>

enum {
    TGL__TILE = 256, /* most events in scratch at a time */
    TGL__STRIP = 64, /* kernels work on whole strips of events */
    TGL__N_LANE = 3, /* 16, 32, 64 bits */
    TGL__PANEL_ROWS = 4
};

typedef struct tgl__step tgl__step;
/* Run one step on n events, n a multiple of TGL__STRIP. */
typedef void tgl__kernel(const tgl__step *step, char *scratch, size_t n);

#define TGL__KEEP 255 /* overflow mode of a cast that cannot overflow */

/* A conversion inside a lane: drop (shift > 0) or append (shift < 0) bits, then
 * overflow. */
typedef struct tgl__cast {
    int16_t shift;
    uint8_t round;    /* tgl_round; matters for shift > 0 */
    uint8_t overflow; /* tgl_overflow or TGL__KEEP */
    uint8_t is_signed, width;
    int64_t lo, hi; /* bounds of the overflow mode, cut to the lane */
} tgl__cast;

/* One product of an affine row. */
typedef struct tgl__term {
    uint32_t x;    /* scratch offset of the argument's lanes */
    int32_t shift; /* bits its product drops */
    int64_t weight;
} tgl__term;

/* One result of an affine step; its terms in five runs:
 *   high:  acc += high half of x * weight (16-bit lanes)
 *   mul:   acc += x * weight     shifted: acc += (x * weight) >> shift
 *   plus:  acc += x              minus: acc -= x */
typedef struct tgl__row {
    uint32_t dst;
    uint32_t n_high, n_mul, n_shifted, n_plus, n_minus;
    const tgl__term *terms;
    int64_t bias;
} tgl__row;

typedef struct tgl__rows {
    uint32_t n_row;
    const tgl__row *rows;
    tgl__cast acc;      /* once per row; in the general kernel after every term */
    tgl__cast term;     /* general kernel only; each term's shift replaces the cast's */
    uint32_t temporary; /* general kernel: scratch offset of one tile */
} tgl__rows;

/* 16-bit arguments laid out for tgl__panel: the tile in blocks of two vectors of 32-bit
 * lanes, in each block the pairs one after the other. */
typedef struct tgl__pack {
    uint32_t n_pair;
    const uint32_t *from; /* (2 * n_pair) scratch offsets */
} tgl__pack;

/* One pair's products in a few rows at once. */
typedef struct tgl__panel_term {
    uint32_t pair;
    int32_t weight[TGL__PANEL_ROWS]; /* two 16-bit weights each */
} tgl__panel_term;

/* n_row (4, 2 or 1) results, accumulated together from every pair that any of them
 * needs. */
typedef struct tgl__panel_group {
    uint32_t n_row, n_term;
    uint32_t dst[TGL__PANEL_ROWS];
    int32_t bias[TGL__PANEL_ROWS];
    const tgl__panel_term *terms;
} tgl__panel_group;

/* The `rows_pair` kernel for dense matrices: arguments come from a panel at step->a. */
typedef struct tgl__panel {
    uint32_t n_pair, n_group;
    const tgl__panel_group *groups;
    tgl__cast acc;
} tgl__panel;

/* A constant matrix for one event: its results lie side by side in lanes. `which` names
 * an argument (with pairs: argument 2 * which and the next) for each row of weights. */
typedef struct tgl__matrix {
    uint32_t n_out;         /* results that are read */
    uint32_t stride;        /* bytes of a row of weights, whole vectors */
    uint32_t n_high, n_mul; /* rows whose products keep the high half (16 bits), others */
    const uint32_t *which;  /* (n_high + n_mul) */
    const int32_t *shift;   /* (n_mul) bits a product drops; not used by `matrix` */
    const char *weights;    /* (n_high + n_mul) rows of `stride` bytes */
    const char *bias;       /* (stride) bytes */
    tgl__cast acc, term;    /* as in tgl__rows */
    uint8_t pairs;          /* 16-bit arguments in pairs, 32-bit sums */
} tgl__matrix;

/* A matrix over given cells of the scratch memory. */
typedef struct tgl__product {
    const tgl__matrix *matrix;
    const uint32_t *x; /* (n_high + n_mul) scratch offsets */
} tgl__product;

/* Cells brought side by side. */
typedef struct tgl__gather {
    uint32_t n;
    const uint32_t *from; /* (n) scratch offsets */
    const uint32_t *to;   /* (n) elements of the step's destination */
} tgl__gather;

struct tgl__step {
    tgl__kernel *run;
    uint32_t dst, a, b, c;     /* scratch offsets */
    uint16_t shift_a, shift_b; /* left shifts that align the arguments */
    tgl__cast cast;
    const void *data; /* tgl__rows, a table, PICK's offsets, … */
};

/* Elementwise kernels of one lane width. */
typedef struct tgl__lane_kernels {
    tgl__kernel *add, *sub, *mul, *min, *max, *bit_and, *bit_or, *bit_xor;
    tgl__kernel *negate, *bit_not, *select, *shift_value, *cast, *pick, *table;
    tgl__kernel *compare[6];
    tgl__kernel *from[TGL__N_LANE];   /* copy from lanes of that width */
    tgl__kernel *rows;                /* affine, casts once per row */
    tgl__kernel *rows_general;        /* affine, casts per term and per sum */
    tgl__kernel *matrix;              /* affine over one event, casts once per result */
    tgl__kernel *matrix_shifted;      /* ... whose products drop bits */
    tgl__kernel *matrix_general;      /* ... with casts per term and per sum */
    tgl__kernel *gather[TGL__N_LANE]; /* cells from lanes of that width */
    /* One event's codes [0, n) into lanes; non-zero when a code leaves its bounds. */
    uint64_t (*take)(char *dst, const int64_t *in, const int64_t *lo, const int64_t *hi,
                     size_t n);
    /* Column of a row-major batch into lanes. Non-zero when a code leaves [lo, hi]. */
    uint64_t (*load)(char *dst, const int64_t *in, size_t stride, size_t n, int64_t lo,
                     int64_t hi);
    /* Four neighbouring columns at once; bounds (4) each. NULL in 64-bit lanes. */
    uint64_t (*load_four)(char *const dst[4], const int64_t *in, size_t stride, size_t n,
                          const int64_t *lo, const int64_t *hi);
    void (*pad)(char *dst, size_t n); /* from n lanes to a strip, with event 0 */
    void (*store)(int64_t *out, size_t stride, const char *src, size_t n);
    void (*store_four)(int64_t *out, size_t stride, const char *const src[4], size_t n);
    void (*fill)(char *dst, int64_t code, size_t n);
} tgl__lane_kernels;

typedef struct tgl__kernels {
    const char *name;
    tgl__lane_kernels lanes[TGL__N_LANE];
    tgl__kernel *narrow;      /* a conversion from 32-bit lanes into 16-bit ones */
    tgl__kernel *pair;        /* two 16-bit arguments side by side in one 32-bit lane */
    tgl__kernel *rows_pair;   /* affine over such pairs, 32-bit accumulators */
    tgl__kernel *pack;        /* all of a matrix' arguments into a panel of such pairs */
    tgl__kernel *rows_panel;  /* affine over a panel */
    tgl__kernel *matrix_pair; /* the same over one event */
} tgl__kernels;

extern const tgl__kernels tgl__kernels_baseline;
#if defined(__x86_64__)
extern const tgl__kernels tgl__kernels_avx2;
extern const tgl__kernels tgl__kernels_avx512;
#endif

#endif
