#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixed/wide.h"

/* An independent statement of each mode, on rationals: value v / 2^n. */
static int64_t floor_div(int64_t v, int64_t d)
{
    int64_t q = v / d;
    return v % d != 0 && v < 0 ? q - 1 : q;
}

static int64_t rounded(int64_t v, int n, tgl_round mode)
{
    int64_t d = (int64_t)1 << n;
    int64_t down = floor_div(v, d), rest = v - down * d, up = rest > 0 ? down + 1 : down;
    int64_t near = 2 * rest < d ? down : up;
    int half = 2 * rest == d;
    switch (mode) {
    case TGL_TRN:
        return down;
    case TGL_TRN_ZERO:
        return v < 0 ? up : down;
    case TGL_RND:
        return half ? up : near;
    case TGL_RND_ZERO:
        return half ? (v < 0 ? up : down) : near;
    case TGL_RND_INF:
        return half ? (v < 0 ? down : up) : near;
    case TGL_RND_MIN_INF:
        return half ? down : near;
    case TGL_RND_CONV:
        return half ? (down % 2 == 0 ? down : up) : near;
    }
    return 0;
}

static int64_t limited(int64_t y, tgl_type t, tgl_overflow mode)
{
    int64_t hi = ((int64_t)1 << (t.width - t.is_signed)) - 1,
            lo = t.is_signed ? -hi - 1 : 0;
    int64_t span = (int64_t)1 << t.width;
    switch (mode) {
    case TGL_WRAP:
        while (y < lo)
            y += span;
        while (y > hi)
            y -= span;
        return y;
    case TGL_SAT:
        return y < lo ? lo : y > hi ? hi : y;
    case TGL_SAT_ZERO:
        return y < lo || y > hi ? 0 : y;
    case TGL_SAT_SYM:
        return y > hi ? hi : t.is_signed ? (y < -hi ? -hi : y) : (y < 0 ? 0 : y);
    }
    return 0;
}

static void every_mode_exhaustively(void **state)
{
    (void)state;
    for (int width = 1; width <= 5; width++)
        for (int drop = 0; drop <= 5; drop++)
            for (int sign = 0; sign <= 1; sign++)
                for (int q = 0; q < TGL_N_ROUND; q++)
                    for (int o = 0; o < TGL_N_OVERFLOW; o++)
                        for (int64_t v = -512; v < 512; v++) {
                            tgl_quant quant = {{(uint8_t)sign, (uint8_t)width, 2},
                                               (tgl_round)q,
                                               (tgl_overflow)o};
                            int64_t want = limited(rounded(v, drop, quant.round),
                                                   quant.type, quant.overflow);
                            assert_int_equal(tgl_quantise(v, 2 + drop, &quant), want);
                        }
}

static void wide_corners(void **state)
{
    (void)state;
    tgl_quant sat = {{1, 63, 0}, TGL_RND, TGL_SAT};
    assert_true(tgl__quantise_wide((tgl_wide)1 << 100, 0, &sat) ==
                tgl_type_max(sat.type));
    assert_true(tgl__quantise_wide(-((tgl_wide)1 << 100), 0, &sat) ==
                tgl_type_min(sat.type));
    assert_true(tgl_quantise(-1, 1000, &sat) == 0);
    tgl_quant floor = {{1, 8, 0}, TGL_TRN, TGL_WRAP};
    assert_true(tgl_quantise(-1, 1000, &floor) == -1);
    tgl_quant up = {{1, 8, 60}, TGL_TRN, TGL_SAT};
    assert_true(tgl_quantise(-1, -60, &up) == -128);
    assert_true((((tgl_wide)-3) >> 1) ==
                -2); /* the arithmetic shift that drop_bits relies on */
}

static void doubles(void **state)
{
    (void)state;
    int64_t code;
    tgl_quant q = {{1, 10, 3}, TGL_RND_CONV, TGL_SAT};
    assert_int_equal(tgl_quantise_double(&code, -1.1875, &q, NULL), TGL_OK);
    assert_int_equal(code, -10); /* -9.5 to even */
    assert_int_equal(
        tgl_quantise_double(&code, 0.0 / 0.0 * 0 + (double)__builtin_nanf(""), &q, NULL),
        TGL_EFORMAT);
}

static void doubles_of_events(void **state)
{
    (void)state;
    static const tgl_quant quants[] = {{{1, 8, 3}, TGL_RND_CONV, TGL_SAT},
                                       {{0, 4, -1}, TGL_TRN, TGL_WRAP}};
    double values[] = {-1.1875, 63.9, 1e300, -2.0, 0.3125, 31.0};
    int64_t codes[6], one;
    tgl_error err;
    assert_int_equal(tgl_quantise_doubles(codes, values, 3, quants, 2, &err), TGL_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(tgl_quantise_double(&one, values[i], &quants[i % 2], NULL),
                         TGL_OK);
        assert_int_equal(codes[i], one);
    }
    assert_int_equal(codes[2], 127);
    values[4] = (double)__builtin_inff();
    assert_int_equal(tgl_quantise_doubles(codes, values, 3, quants, 2, &err),
                     TGL_EFORMAT);
    assert_int_equal(err.offset, 2);
    assert_string_equal(err.message,
                        "event 2: input 0: expected a finite number, found inf");
    assert_int_equal(tgl_quantise_doubles(codes, values, 0, quants, 2, &err), TGL_OK);
}

static void text_round_trips(void **state)
{
    (void)state;
    char text[TGL_TYPE_TEXT];
    tgl_quant q, again;
    assert_int_equal(tgl_quant_parse(&q, "ap_ufixed<10, 6, AP_RND_CONV, AP_SAT>", NULL),
                     TGL_OK);
    tgl_quant_format(text, &q);
    assert_string_equal(text, "ufixed<10,6,RND_CONV,SAT>");
    assert_int_equal(tgl_quant_parse(&again, text, NULL), TGL_OK);
    assert_true(tgl_type_equal(q.type, again.type));
    tgl_error err;
    assert_int_equal(tgl_quant_parse(&q, "fixed<64,6>", &err), TGL_ELIMIT);
    assert_int_equal(tgl_quant_parse(&q, "fixed<8;6>", &err), TGL_EFORMAT);
}

static void intervals_hold_every_result(void **state)
{
    (void)state;
    for (int o = 0; o < TGL_N_OVERFLOW; o++)
        for (int q = 0; q < TGL_N_ROUND; q++)
            for (int lo = -40; lo < 40; lo += 3)
                for (int hi = lo; hi < 40; hi += 5) {
                    tgl_quant quant = {{1, 4, 0}, (tgl_round)q, (tgl_overflow)o};
                    tgl_interval i = {lo, hi, 1};
                    tgl_interval r = tgl__interval_quantise(&i, &quant);
                    for (int v = lo; v <= hi; v++) {
                        int64_t y = tgl_quantise(v, 1, &quant);
                        assert_true(y >= r.lo && y <= r.hi);
                    }
                }
}

/* ---- the short cuts of interval arithmetic against its definitions ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 31);
}

/* Of any width up to 64 bits and, one time in eight, up to 120. */
static tgl_interval random_interval(uint64_t *state, bool is_point)
{
    int bits = (int)(next_random(state) % 64);
    tgl_wide a = (int64_t)next_random(state) >> bits,
             b = (int64_t)next_random(state) >> bits;
    if (next_random(state) % 8 == 0) {
        int more = (int)(next_random(state) % 56);
        a = tgl__wide_shl(a, (unsigned)more);
        b = tgl__wide_shl(b, (unsigned)more);
    }
    if (is_point)
        b = a;
    int frac = (int)(next_random(state) % 9) - 4;
    return (tgl_interval){a < b ? a : b, a < b ? b : a, frac};
}

static bool inside_126(tgl_wide v)
{
    tgl_wide limit = (tgl_wide)1 << 126;
    return v > -limit && v < limit;
}

static void check_product(const tgl_interval *a, const tgl_interval *b)
{
    tgl_interval r;
    tgl_wide lo = 0, hi = 0;
    bool good = true;
    for (int i = 0; i < 4; i++) { /* the hull of all four products of ends */
        tgl_wide x = i & 1 ? a->hi : a->lo, y = i & 2 ? b->hi : b->lo, p;
        good = good && !__builtin_mul_overflow(x, y, &p);
        if (!good)
            break;
        lo = i == 0 || p < lo ? p : lo;
        hi = i == 0 || p > hi ? p : hi;
    }
    good = good && inside_126(lo) && inside_126(hi);
    assert_int_equal(tgl__interval_mul(&r, a, b), good);
    if (good)
        assert_true(r.lo == lo && r.hi == hi && r.frac == a->frac + b->frac);
}

static void check_sum(tgl_interval a, tgl_interval b)
{
    tgl_interval r;
    int frac = a.frac > b.frac ? a.frac : b.frac;
    bool good = tgl__interval_align(&a, frac) && tgl__interval_align(&b, frac);
    good = good && inside_126(a.lo + b.lo) && inside_126(a.hi + b.hi);
    assert_int_equal(tgl__interval_add(&r, &a, &b), good);
    if (good)
        assert_true(r.lo == a.lo + b.lo && r.hi == a.hi + b.hi && r.frac == frac);
}

/* Where nothing overflows, the ends are the ends converted. */
static void check_rounding(const tgl_interval *a, uint64_t *state)
{
    tgl_quant widest = {{1, 64, (int16_t)((int)(next_random(state) % 9) - 4)},
                        (tgl_round)(next_random(state) % TGL_N_ROUND),
                        TGL_SAT};
    tgl_interval r = tgl__interval_quantise(a, &widest);
    assert_true(r.lo == tgl__quantise_wide(a->lo, a->frac, &widest));
    assert_true(r.hi == tgl__quantise_wide(a->hi, a->frac, &widest));
}

static void short_cuts_change_nothing(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        tgl_interval a = random_interval(&seed, i % 5 == 0);
        tgl_interval b = random_interval(&seed, i % 2 == 0);
        check_product(&a, &b);
        check_sum(a, b);
        check_rounding(&a, &seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_mode_exhaustively),
                                       cmocka_unit_test(wide_corners),
                                       cmocka_unit_test(doubles),
                                       cmocka_unit_test(doubles_of_events),
                                       cmocka_unit_test(text_round_trips),
                                       cmocka_unit_test(intervals_hold_every_result),
                                       cmocka_unit_test(short_cuts_change_nothing)};
    return cmocka_run_group_tests_name("fixed", tests, NULL, NULL);
}
