/* The kernels' text, compiled once per instruction set: the including file defines
 * KERNEL_SET (the symbol), KERNEL_NAME, KERNEL_WIDTH (floats in a register),
 * KERNEL_BLOCK (registers of a product's result held at a time), KERNEL_FUSED (a * b + c,
 * rounded once) and KERNEL_EXACT (the same where nothing needs rounding). None changes
 * any element's order of operations. */
#include "train/elementary.h"
#include "train/kernel.h"

typedef float lanes __attribute__((vector_size(4 * KERNEL_WIDTH)));

#define INLINE static inline __attribute__((always_inline))

/* rows x cols registers of the result; `exact`: no product or sum needs rounding. */
INLINE void product_block(float *c, size_t ldc, const float *a, size_t a_row,
                          size_t a_col, const float *b, size_t ldb, const float *start,
                          size_t k, const size_t rows, const size_t cols, const int exact)
{
    lanes sum[KERNEL_BLOCK];
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < cols; j++)
            sum[r * cols + j] =
                start == NULL ? (lanes){0} : *(const lanes *)(start + j * KERNEL_WIDTH);
    for (size_t t = 0; t < k; t++) {
        lanes right[KERNEL_BLOCK];
        for (size_t j = 0; j < cols; j++)
            right[j] = *(const lanes *)(b + t * ldb + j * KERNEL_WIDTH);
        for (size_t r = 0; r < rows; r++) {
            lanes left = a[r * a_row + t * a_col] - (lanes){0};
            for (size_t j = 0; j < cols; j++) {
                lanes *to = &sum[r * cols + j];
                *to = exact ? KERNEL_EXACT(left, right[j], *to)
                            : KERNEL_FUSED(left, right[j], *to);
            }
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < cols; j++)
            *(lanes *)(c + r * ldc + j * KERNEL_WIDTH) = sum[r * cols + j];
}

INLINE void product_panel(float *c, size_t ldc, const float *a, size_t a_row,
                          size_t a_col, const float *b, size_t ldb, const float *start,
                          size_t m, size_t k, const size_t cols, const int exact)
{
    const size_t rows = KERNEL_BLOCK / cols;
    size_t i = 0;
    for (; i + rows <= m; i += rows)
        product_block(c + i * ldc, ldc, a + i * a_row, a_row, a_col, b, ldb, start, k,
                      rows, cols, exact);
    for (; i < m; i++)
        product_block(c + i * ldc, ldc, a + i * a_row, a_row, a_col, b, ldb, start, k, 1,
                      cols, exact);
}

INLINE void product_any(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                        const float *b, size_t ldb, const float *start, size_t m,
                        size_t n, size_t k, const int exact)
{
    size_t j = 0;
    for (; n - j >= 4 * KERNEL_WIDTH && KERNEL_BLOCK >= 16; j += 4 * KERNEL_WIDTH)
        product_panel(c + j, ldc, a, a_row, a_col, b + j, ldb, start ? start + j : NULL,
                      m, k, 4, exact);
    for (; n - j >= 2 * KERNEL_WIDTH; j += 2 * KERNEL_WIDTH)
        product_panel(c + j, ldc, a, a_row, a_col, b + j, ldb, start ? start + j : NULL,
                      m, k, 2, exact);
    for (; n - j >= KERNEL_WIDTH; j += KERNEL_WIDTH)
        product_panel(c + j, ldc, a, a_row, a_col, b + j, ldb, start ? start + j : NULL,
                      m, k, 1, exact);
}

static void product(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                    const float *b, size_t ldb, const float *start, size_t m, size_t n,
                    size_t k)
{
    if (a_row == 1) /* a known stride saves addresses */
        product_any(c, ldc, a, 1, a_col, b, ldb, start, m, n, k, 0);
    else if (a_col == 1)
        product_any(c, ldc, a, a_row, 1, b, ldb, start, m, n, k, 0);
    else
        product_any(c, ldc, a, a_row, a_col, b, ldb, start, m, n, k, 0);
}

static void product_exact(float *c, size_t ldc, const float *a, size_t a_row,
                          size_t a_col, const float *b, size_t ldb, const float *start,
                          size_t m, size_t n, size_t k)
{
    if (a_col == 1)
        product_any(c, ldc, a, a_row, 1, b, ldb, start, m, n, k, 1);
    else
        product_any(c, ldc, a, a_row, a_col, b, ldb, start, m, n, k, 1);
}

static void column_sum(float *out, const float *a, size_t lda, size_t m, size_t n)
{
    for (size_t j = 0; j < n; j += KERNEL_WIDTH) {
        lanes sum = {0};
        for (size_t i = 0; i < m; i++)
            sum += *(const lanes *)(a + i * lda + j);
        *(lanes *)(out + j) = sum;
    }
}

static void add(float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
}

/* Rounding of |x| < 2^22 to an integer: to nearest even by the adding of 1.5 * 2^23, the
 * others from it; x - nearest is exact. */
INLINE float round_even(float x)
{
    return (x + 12582912.0f) - 12582912.0f;
}

INLINE float round_floor(float x)
{
    float nearest = round_even(x);
    return nearest - (nearest > x ? 1.0f : 0.0f);
}

INLINE float round_up(float x)
{
    float below = round_floor(x);
    return below + (x - below >= 0.5f ? 1.0f : 0.0f);
}

INLINE float clamp(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

#define QUANTISE_LOOP(rounding)                                                          \
    for (size_t i = 0; i < n; i++)                                                       \
        out[i] = rounding(clamp(x[i] * to_code, lo, hi)) * to_value;

static void quantise(float *out, const float *x, size_t n, const tgl__fake_quant *quant)
{
    const float to_code = quant->to_code, to_value = quant->to_value, lo = quant->lo,
                hi = quant->hi;
    if (quant->round == TGL_RND_CONV) {
        QUANTISE_LOOP(round_even)
    } else if (quant->round == TGL_RND) {
        QUANTISE_LOOP(round_up)
    } else {
        QUANTISE_LOOP(round_floor)
    }
}

#define QUANTISE_COLUMN_LOOP(rounding)                                                   \
    for (size_t j = 0; j < n; j++)                                                       \
        to[j] = rounding(clamp(from[j] * to_code[j], lo, hi)) * to_value[j];

static void quantise_columns(float *out, const float *x, size_t m, size_t n,
                             const float *to_code, const float *to_value,
                             const tgl__fake_quant *quant)
{
    const float lo = quant->lo, hi = quant->hi;
    for (size_t i = 0; i < m; i++) {
        float *to = out + i * n;
        const float *from = x + i * n;
        if (quant->round == TGL_RND_CONV) {
            QUANTISE_COLUMN_LOOP(round_even)
        } else if (quant->round == TGL_RND) {
            QUANTISE_COLUMN_LOOP(round_up)
        } else {
            QUANTISE_COLUMN_LOOP(round_floor)
        }
    }
}

static void relu(float *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

static void mask(float *out, const float *gradient, const float *x, size_t n, float lo,
                 float hi)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ((x[i] > lo) & (x[i] <= hi)) ? gradient[i] : 0.0f;
}

static void adam(float *w, float *m, float *v, const float *gradient, size_t n,
                 const tgl__adam *step, float lo, float hi)
{
    const float rate = step->rate, beta1 = step->beta1, beta2 = step->beta2,
                epsilon = step->epsilon, scale1 = step->scale1, scale2 = step->scale2,
                share = step->gradient_scale;
    for (size_t i = 0; i < n; i++) {
        float g = gradient[i] * share;
        float mean = beta1 * m[i] + (1.0f - beta1) * g;
        float square = beta2 * v[i] + (1.0f - beta2) * (g * g);
        m[i] = mean;
        v[i] = square;
        float change =
            rate * (mean * scale1) / (__builtin_sqrtf(square * scale2) + epsilon);
        w[i] = clamp(w[i] - change, lo, hi);
    }
}

static void exponential(float *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = tgl__expf(x[i]);
}

const tgl__train_kernels KERNEL_SET = {
    KERNEL_NAME,      product, product_exact, column_sum, add,         quantise,
    quantise_columns, relu,    mask,          adam,       exponential,
};
