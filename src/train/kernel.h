/* The arithmetic of training in float32. Every kernel fixes the order of operations of
 * every element it writes, so builds for different vector widths give the same bytes:
 * vectors run across independent elements only, sums run in ascending order, a
 * multiply-add is fused because this text says so (in software where the machine cannot)
 * and never because a compiler likes to, no function of libm is called. */
#ifndef TGL_TRAIN_KERNEL_H
#define TGL_TRAIN_KERNEL_H

#include <stddef.h>
#include <trigline/emulate.h>
#include <trigline/fixed.h>

/* Rows are padded to a multiple of this many floats; padding holds zeros. */
enum { TGL__TRAIN_LANE = 16 };

static inline size_t tgl__train_pad(size_t n)
{
    return (n + TGL__TRAIN_LANE - 1) / TGL__TRAIN_LANE * TGL__TRAIN_LANE;
}

/* A fixed-point type as floats: code = clamp(x * to_code, lo, hi) rounded; value = code *
 * to_value. lo and hi are integers below 2^22 in magnitude, so that clamping first equals
 * rounding first. */
typedef struct tgl__fake_quant {
    float to_code, to_value, lo, hi;
    tgl_round round; /* TGL_RND_CONV, TGL_RND or TGL_TRN */
} tgl__fake_quant;

typedef struct tgl__adam {
    float rate, beta1, beta2, epsilon;
    float scale1, scale2; /* 1 / (1 - beta^t) */
    float gradient_scale; /* 1 / events in the batch */
} tgl__adam;

/* All pointers 64-byte aligned; `n` and leading dimensions are multiples of the lane. */
typedef struct tgl__train_kernels {
    const char *name;
    /* c[i][j] = start[j], then for ascending k c[i][j] = fma(a[i*a_row + k*a_col],
     * b[k][j], c[i][j]), rounded once each; i < m, j < n; `start` NULL: zero. c has ldc,
     * b has ldb floats a row. */
    void (*product)(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                    const float *b, size_t ldb, const float *start, size_t m, size_t n,
                    size_t k);
    /* The same where float32 holds every product and partial sum exactly, as in deployed
     * layers (tgl__net_init proves it): with or without fusing, the bits are the same. */
    void (*product_exact)(float *c, size_t ldc, const float *a, size_t a_row,
                          size_t a_col, const float *b, size_t ldb, const float *start,
                          size_t m, size_t n, size_t k);
    /* out[j] = sum over ascending i < m of a[i][j] */
    void (*column_sum)(float *out, const float *a, size_t lda, size_t m, size_t n);
    void (*add)(float *a, const float *b, size_t n); /* a += b */
    void (*quantise)(float *out, const float *x, size_t n, const tgl__fake_quant *quant);
    /* The same with a scale of its own for every column of (m, n). */
    void (*quantise_columns)(float *out, const float *x, size_t m, size_t n,
                             const float *to_code, const float *to_value,
                             const tgl__fake_quant *quant);
    void (*relu)(float *out, const float *x, size_t n);
    /* out = gradient where lo < x <= hi, else 0 */
    void (*mask)(float *out, const float *gradient, const float *x, size_t n, float lo,
                 float hi);
    /* One step of Adam, then clamp to [lo, hi]. */
    void (*adam)(float *w, float *m, float *v, const float *gradient, size_t n,
                 const tgl__adam *step, float lo, float hi);
    void (*exp)(float *out, const float *x, size_t n); /* clamped to [-87, 88] */
} tgl__train_kernels;

extern const tgl__train_kernels tgl__train_kernels_reference; /* naive, scalar */
extern const tgl__train_kernels tgl__train_kernels_baseline;
extern const tgl__train_kernels tgl__train_kernels_avx2;
extern const tgl__train_kernels tgl__train_kernels_avx512;

/* The kernels of an instruction set; TGL_EMISSING when the machine lacks it. */
tgl_status tgl__train_kernels_get(const tgl__train_kernels **out, tgl_isa isa,
                                  tgl_error *err);

#endif
