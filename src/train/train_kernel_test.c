/* Every kernel against the naive one, bit for bit; elementary functions against libm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "train/elementary.h"
#include "train/kernel.h"
#include "train/random.h"

enum { N = 96 * 96 };
static _Alignas(64) float a[N], b[N], start[N], ours[N], naive[N], m1[N], m2[N], v1[N],
    v2[N];

static void fill(float *x, uint64_t stream, float scale)
{
    uint64_t key = tgl__random_key(7, 99, stream);
    for (size_t i = 0; i < N; i++)
        x[i] = (2.0f * tgl__random_uniform(key, i) - 1.0f) * scale;
}

/* Next kernel set this machine has; isa goes on from the last one. */
static const tgl__train_kernels *next(int *isa)
{
    const tgl__train_kernels *kernels;
    while (++*isa <= TGL_ISA_AVX512)
        if (tgl__train_kernels_get(&kernels, (tgl_isa)*isa, NULL) == TGL_OK)
            return kernels;
        else
            printf("# skipped: instruction set %d\n", *isa);
    return NULL;
}

#define FOR_EACH_SET(k) for (int isa_ = 0; ((k) = next(&isa_)) != NULL;)

static void same(const char *what, const char *name, size_t n)
{
    if (memcmp(ours, naive, n * sizeof(float)) != 0)
        fail_msg("%s: %s differs from the reference", what, name);
}

static void products_equal_the_naive_one(void **state)
{
    (void)state;
    const tgl__train_kernels *k, *r = &tgl__train_kernels_reference;
    static const size_t sizes[][3] = {{1, 16, 1},   {7, 16, 57},  {64, 64, 57},
                                      {57, 32, 64}, {33, 80, 19}, {96, 96, 96}};
    fill(a, 1, 1);
    fill(b, 2, 1);
    fill(start, 3, 1);
    FOR_EACH_SET(k)
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int form = 0; form < 4; form++) {
            size_t m = sizes[s][0], n = sizes[s][1], depth = sizes[s][2];
            size_t row = form & 1 ? 1 : 96, col = form & 1 ? 96 : 1;
            const float *from = form & 2 ? start : NULL;
            k->product(ours, 96, a, row, col, b, 96, from, m, n, depth);
            r->product(naive, 96, a, row, col, b, 96, from, m, n, depth);
            for (size_t i = 0; i < m; i++)
                assert_memory_equal(ours + i * 96, naive + i * 96, n * 4);
        }
}

/* Whole numbers: nothing rounds, so fused or not must not matter. */
static void exact_products_equal_the_naive_one(void **state)
{
    (void)state;
    const tgl__train_kernels *k, *r = &tgl__train_kernels_reference;
    fill(a, 1, 200);
    fill(b, 2, 100);
    for (size_t i = 0; i < N; i++) {
        a[i] = (float)(int)a[i];
        b[i] = (float)(int)b[i];
    }
    FOR_EACH_SET(k)
    {
        k->product_exact(ours, 96, a, 96, 1, b, 96, b, 61, 96, 64);
        r->product_exact(naive, 96, a, 96, 1, b, 96, b, 61, 96, 64);
        same("product_exact", k->name, (size_t)61 * 96);
    }
}

static void quantisers_equal_the_exact_ones(void **state)
{
    (void)state;
    const tgl__train_kernels *k, *r = &tgl__train_kernels_reference;
    static const tgl_round rounds[] = {TGL_RND_CONV, TGL_RND, TGL_TRN};
    fill(a, 4, 3);
    for (size_t i = 0; i < N / 2; i++) /* half of them exactly on halves of the unit */
        a[i] = (float)((int)i - N / 4) / 64.0f;
    FOR_EACH_SET(k)
    for (int mode = 0; mode < 3; mode++)
        for (int width = 2; width <= 12; width++) {
            tgl__fake_quant q = {32, 1.0f / 32, -(float)(1 << (width - 1)),
                                 (float)(1 << (width - 1)) - 1, rounds[mode]};
            k->quantise(ours, a, N, &q);
            r->quantise(naive, a, N, &q);
            same("quantise", k->name, N);
            for (size_t j = 0; j < 96; j++) {
                start[j] = (float)(1 << (j % 7));
                v1[j] = 1.0f / start[j];
            }
            k->quantise_columns(ours, a, 96, 96, start, v1, &q);
            r->quantise_columns(naive, a, 96, 96, start, v1, &q);
            same("quantise_columns", k->name, N);
        }
}

static void elementwise_kernels_equal_the_naive_ones(void **state)
{
    (void)state;
    const tgl__train_kernels *k, *r = &tgl__train_kernels_reference;
    const tgl__adam step = {0.01f, 0.9f, 0.999f, 1e-7f, 3.0f, 20.0f, 1.0f / 64};
    FOR_EACH_SET(k)
    {
        fill(a, 5, 100);
        fill(b, 6, 2);
        k->exp(ours, a, N);
        r->exp(naive, a, N);
        same("exp", k->name, N);
        k->relu(ours, a, N);
        r->relu(naive, a, N);
        same("relu", k->name, N);
        k->mask(ours, a, b, N, -0.5f, 1.0f);
        r->mask(naive, a, b, N, -0.5f, 1.0f);
        same("mask", k->name, N);
        k->column_sum(ours, a, 96, 95, 96);
        r->column_sum(naive, a, 96, 95, 96);
        same("column_sum", k->name, 96);
        memset(m1, 0, sizeof m1);
        memset(m2, 0, sizeof m2);
        memset(v1, 0, sizeof v1);
        memset(v2, 0, sizeof v2);
        fill(ours, 8, 1);
        fill(naive, 8, 1);
        for (int t = 0; t < 20; t++) {
            k->adam(ours, m1, v1, a, N, &step, -0.9f, 0.9f);
            r->adam(naive, m2, v2, a, N, &step, -0.9f, 0.9f);
        }
        same("adam", k->name, N);
        k->add(ours, b, N);
        r->add(naive, b, N);
        same("add", k->name, N);
    }
}

static void elementary_functions_are_close_to_libm(void **state)
{
    (void)state;
    for (int i = -8700; i <= 8800; i++) {
        double x = i / 100.0, exact = exp((double)(float)x);
        assert_true(fabs((double)tgl__expf((float)x) / exact - 1.0) < 3e-7);
        assert_true(fabs(tgl__exp(x) / exp(x) - 1.0) < 3e-15);
    }
    for (int i = 1; i < 100000; i++) {
        double x = i * 1e-4 + 1e-9 * i * i;
        assert_true(fabs(tgl__log(x) - log(x)) <= 3e-15 * (1.0 + fabs(log(x))));
        double s, c, u = (i - 1) / 100000.0;
        tgl__sincos_quarter(&s, &c, u);
        assert_true(fabs(s - sin(1.5707963267948966 * u)) < 1e-12);
        assert_true(fabs(c - cos(1.5707963267948966 * u)) < 1e-12);
    }
}

/* The fused multiply-add in software against the C library's. */
static void software_fused_multiply_add_is_exact(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2000000; i++) {
        uint64_t u = tgl__random_bits(11, 2 * i), v = tgl__random_bits(11, 2 * i + 1);
        /* few mantissa bits in half of the cases, so that ties and cancellations occur */
        uint32_t keep = i & 1 ? 0xffffffffU : 0xfffc0000U;
        uint32_t bits[3] = {(uint32_t)u & keep, (uint32_t)(u >> 32) & keep, (uint32_t)v};
        float x[3];
        for (int j = 0; j < 3;
             j++) { /* exponents -20 … 20; c anywhere near the product */
            int span = j == 2 ? 100 : 41;
            uint32_t e = (uint32_t)(127 - span / 2) +
                         (uint32_t)((v >> (32 + 8 * j)) & 255) * (uint32_t)span / 256;
            bits[j] = (bits[j] & 0x807fffffU) | (e << 23);
            memcpy(&x[j], &bits[j], 4);
        }
        if (i % 5 == 0)
            x[2] = -x[0] * x[1];
        float ours_one = tgl__fusedf(x[0], x[1], x[2]), theirs = fmaf(x[0], x[1], x[2]);
        assert_memory_equal(&ours_one, &theirs, 4);
    }
}

static void random_numbers_have_their_moments(void **state)
{
    (void)state;
    float *pool = tgl__aligned(TGL__NORMAL_POOL, sizeof *pool);
    assert_non_null(pool);
    tgl__random_normals(pool, 3);
    double sum = 0, square = 0, fourth = 0;
    for (size_t i = 0; i < TGL__NORMAL_POOL; i++) {
        double x = (double)pool[i];
        sum += x;
        square += x * x;
        fourth += x * x * x * x;
    }
    tgl__free(pool);
    assert_true(fabs(sum / TGL__NORMAL_POOL) < 0.02);
    assert_true(fabs(square / TGL__NORMAL_POOL - 1) < 0.03);
    assert_true(fabs(fourth / TGL__NORMAL_POOL - 3) < 0.2);
    uint32_t order[1000];
    uint8_t seen[1000] = {0};
    size_t fixed = 0;
    tgl__random_shuffle(order, 1000, tgl__random_key(1, 2, 3));
    for (size_t i = 0; i < 1000; i++) {
        assert_true(order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = 1;
        fixed += order[i] == i;
    }
    assert_true(fixed < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_equal_the_naive_one),
        cmocka_unit_test(exact_products_equal_the_naive_one),
        cmocka_unit_test(quantisers_equal_the_exact_ones),
        cmocka_unit_test(elementwise_kernels_equal_the_naive_ones),
        cmocka_unit_test(elementary_functions_are_close_to_libm),
        cmocka_unit_test(software_fused_multiply_add_is_exact),
        cmocka_unit_test(random_numbers_have_their_moments),
    };
    return cmocka_run_group_tests_name("train_kernel", tests, NULL, NULL);
}
