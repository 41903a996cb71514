#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <trigline/lower.h>

static uint64_t state = 1;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static int64_t in_range(int64_t lo, int64_t hi)
{
    return lo + (int64_t)(next() % (uint64_t)(hi - lo + 1));
}

/* Run the network on x and hold every output against the plain product. */
static uint32_t check(const tgl_cmvm *net, const int64_t *w, const int64_t *x)
{
    uint32_t n = net->n_in + net->n_step, deepest = 0;
    int64_t *v = calloc(n, sizeof *v);
    uint32_t *depth = calloc(n, sizeof *depth);
    memcpy(v, x, net->n_in * sizeof *v);
    for (uint32_t s = 0; s < net->n_step; s++) {
        const tgl_cmvm_step *t = &net->steps[s];
        uint32_t at = net->n_in + s;
        assert_true(t->a < at && t->b < at);
        int64_t a = (int64_t)((uint64_t)v[t->a] << t->shift_a);
        int64_t b = (int64_t)((uint64_t)v[t->b] << t->shift_b);
        v[at] = (int64_t)((t->negate_a ? 0 - (uint64_t)a : (uint64_t)a) +
                          (t->negate_b ? 0 - (uint64_t)b : (uint64_t)b));
        depth[at] = 1 + (depth[t->a] > depth[t->b] ? depth[t->a] : depth[t->b]);
    }
    for (uint32_t o = 0; o < net->n_out; o++) {
        int64_t expected = 0, found = 0;
        for (uint32_t i = 0; i < net->n_in; i++)
            expected = (int64_t)((uint64_t)expected +
                                 (uint64_t)w[o * net->n_in + i] * (uint64_t)x[i]);
        const tgl_cmvm_output *y = &net->outputs[o];
        if (y->operand != TGL_NONE) {
            found = (int64_t)((uint64_t)v[y->operand] << y->shift);
            found = y->negate ? (int64_t)(0 - (uint64_t)found) : found;
            deepest = depth[y->operand] > deepest ? depth[y->operand] : deepest;
        }
        assert_int_equal(found, expected);
    }
    free(v);
    free(depth);
    return deepest;
}

/* One random matrix: solved, run on random and corner inputs. Answers adders and depth.
 */
static uint32_t trial(uint32_t n_out, uint32_t n_in, int bits, int max_depth,
                      uint32_t *depth)
{
    int64_t *w = calloc((size_t)n_out * n_in, sizeof *w), *x = calloc(n_in, sizeof *x);
    int64_t *lo = calloc(n_in, sizeof *lo), *hi = calloc(n_in, sizeof *hi);
    int64_t top = (INT64_C(1) << (bits - 1)) - 1;
    for (uint32_t i = 0; i < n_out * n_in; i++)
        w[i] = in_range(-top - 1, top);
    for (uint32_t i = 0; i < n_in; i++) {
        lo[i] = -128;
        hi[i] = 127;
    }
    tgl_cmvm net;
    tgl_cmvm_options options = TGL_CMVM_OPTIONS_INIT;
    options.max_depth = max_depth;
    assert_int_equal(tgl_cmvm_solve(&net, w, n_out, n_in, lo, hi, &options, NULL),
                     TGL_OK);
    for (int k = 0; k < 6; k++) {
        for (uint32_t i = 0; i < n_in; i++)
            x[i] = k == 0 ? -128 : k == 1 ? 127 : in_range(-128, 127);
        *depth = check(&net, w, x);
    }
    uint32_t n_step = net.n_step;
    tgl_cmvm_clear(&net);
    free(w);
    free(x);
    free(lo);
    free(hi);
    return n_step;
}

static void random_matrices(void **unused)
{
    (void)unused;
    for (int k = 0; k < 600; k++) {
        uint32_t depth;
        trial((uint32_t)in_range(1, 12), (uint32_t)in_range(1, 12), (int)in_range(1, 12),
              (int)in_range(-1, 3), &depth);
    }
}

static void every_single_constant(void **unused)
{
    (void)unused;
    for (int64_t w = -1024; w <= 1024; w++) {
        tgl_cmvm net;
        int64_t lo = -8, hi = 7, x = 7;
        assert_int_equal(tgl_cmvm_solve(&net, &w, 1, 1, &lo, &hi, NULL, NULL), TGL_OK);
        check(&net, &w, &x);
        tgl_cmvm_clear(&net);
    }
}

static void depth_limit_holds(void **unused)
{
    (void)unused;
    for (int k = 0; k < 100; k++) {
        /* 8-bit weights have at most 4 digits: 8 inputs need at most 5 levels */
        uint32_t depth;
        trial(8, 8, 8, 0, &depth);
        assert_true(depth <= 5);
        trial(8, 8, 8, 2, &depth);
        assert_true(depth <= 7);
    }
}

static void wide_constants(void **unused)
{
    (void)unused;
    int64_t w[2] = {INT64_MAX, INT64_MIN}, lo[1] = {0}, hi[1] = {1}, x[1] = {1};
    tgl_cmvm net;
    assert_int_equal(tgl_cmvm_solve(&net, w, 2, 1, lo, hi, NULL, NULL), TGL_OK);
    check(&net, w, x);
    tgl_cmvm_clear(&net);
    assert_int_equal(tgl_cmvm_solve(&net, w, 0, 1, lo, hi, NULL, NULL), TGL_EUSAGE);
}

/* Published adders of da4ml for signed 8-bit random matrices: 29.2, 98.1, 203.5, 343.2
 * for N = 4, 8, 12, 16. Printed, with a loose bound so that a regression is seen. */
static void adder_counts(void **unused)
{
    (void)unused;
    const uint32_t sizes[] = {4, 8, 12, 16}, repeat[] = {100, 50, 20, 10};
    const double published[] = {29.2, 98.1, 203.5, 343.2};
    state = 7;
    for (int s = 0; s < 4; s++) {
        double adders = 0, depth = 0;
        clock_t start = clock();
        for (uint32_t k = 0; k < repeat[s]; k++) {
            uint32_t d;
            adders += trial(sizes[s], sizes[s], 8, -1, &d);
            depth += d;
        }
        double ms = 1e3 * (double)(clock() - start) / CLOCKS_PER_SEC / repeat[s];
        adders /= repeat[s];
        print_message("cmvm %ux%u: %.1f adders (da4ml published %.1f, ratio %.3f), depth "
                      "%.1f, %.2f ms\n",
                      sizes[s], sizes[s], adders, published[s], adders / published[s],
                      depth / repeat[s], ms);
        assert_true(adders < 1.15 * published[s]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_matrices),   cmocka_unit_test(every_single_constant),
        cmocka_unit_test(depth_limit_holds), cmocka_unit_test(wide_constants),
        cmocka_unit_test(adder_counts),
    };
    return cmocka_run_group_tests_name("cmvm", tests, NULL, NULL);
}
