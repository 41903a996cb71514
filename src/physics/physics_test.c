#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/physics.h>

#include "physics/stats.h"
#include "text/json.h"

/* An exact statement of I_x(a, b) for integers: a binomial tail. */
static double binomial_tail(double x, int a, int b)
{
    double sum = 0;
    int n = a + b - 1;
    for (int k = a; k <= n; k++) {
        double term = 1;
        for (int i = 0; i < k; i++)
            term *= (double)(n - i) / (i + 1) * x;
        for (int i = 0; i < n - k; i++)
            term *= 1 - x;
        sum += term;
    }
    return sum;
}

static void beta_is_a_binomial_tail(void **state)
{
    (void)state;
    for (int a = 1; a < 12; a++)
        for (int b = 1; b < 12; b++)
            for (double x = 0.05; x < 1; x += 0.1)
                assert_true(fabs(tgl__beta_cdf(x, a, b) - binomial_tail(x, a, b)) <
                            1e-12);
}

static void clopper_pearson_edges(void **state)
{
    (void)state;
    tgl_fraction none = tgl_clopper_pearson(0, 10, 0.32),
                 all = tgl_clopper_pearson(10, 10, 0.32);
    assert_true(none.lo == 0 && all.hi == 1);
    assert_true(fabs(none.hi - (1 - pow(0.16, 0.1))) < 1e-12); /* closed form for k = 0 */
    assert_true(fabs(all.lo - pow(0.16, 0.1)) < 1e-12);
    tgl_fraction half = tgl_clopper_pearson(5, 10, 0.32);
    assert_true(fabs(half.lo + half.hi - 1) < 1e-12);
    assert_true(fabs(binomial_tail(half.lo, 5, 6) - 0.16) < 1e-10);
    tgl_fraction many = tgl_clopper_pearson(400, 1000000, 0.32);
    assert_true(many.lo > 0.00037 && many.hi < 0.00043 && many.lo < 0.0004 &&
                many.hi > 0.0004);
}

static void rate_formula(void **state)
{
    (void)state;
    const uint8_t pass[4] = {1, 0, 1, 0};
    const double weight[4] = {1, 2, 3, 4};
    tgl_rate r;
    assert_int_equal(tgl_physics_rate(&r, pass, weight, 4, 2400, NULL), TGL_OK);
    assert_true(fabs(r.hz - 11245.5 * 2400 * 4 / 10) < 1e-6);
    assert_true(fabs(r.error_hz - 11245.5 * 2400 * sqrt(10) / 10) < 1e-6);
    tgl_error err;
    assert_int_equal(tgl_physics_rate(&r, pass, NULL, 4, 0, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "colliding"));
}

static void threshold_never_exceeds_the_target(void **state)
{
    (void)state;
    int64_t score[1000];
    uint32_t x = 1;
    for (int i = 0; i < 1000; i++) {
        x = x * 1664525u + 1013904223u;
        score[i] = x >> 27; /* many ties */
    }
    for (double target = 1e4; target < 3e7; target *= 1.3) {
        int64_t cut;
        tgl_rate rate;
        assert_int_equal(
            tgl_physics_threshold(&cut, &rate, score, NULL, 1000, 2400, target, 0, NULL),
            TGL_OK);
        uint64_t kept = 0, next = 0;
        for (int i = 0; i < 1000; i++) {
            kept += score[i] >= cut;
            next += score[i] >= cut - 1;
        }
        assert_int_equal(rate.n_pass, kept);
        assert_true(rate.hz <= target);
        assert_true(kept == 1000 || 11245.5 * 2400 * (double)next / 1000 > target ||
                    next == kept);
    }
}

static void take(tgl_table *table, const char *name, tgl_dtype dtype, const void *values,
                 uint64_t n_row, const int64_t *offsets)
{
    tgl_column c = {.name = name,
                    .dtype = dtype,
                    .is_jagged = offsets != NULL,
                    .n_row = n_row,
                    .n_value = offsets != NULL ? (uint64_t)offsets[n_row] : n_row,
                    .offsets = offsets,
                    .values = values};
    assert_int_equal(tgl_table_copy_column(table, &c, NULL), TGL_OK);
}

enum { N = 6 };

/* Six crossings: a lone jet at 100, 200, 300 GeV …, and HTT of the same size. */
static tgl_table *events(void)
{
    tgl_table *t;
    static const uint32_t run[N] = {1, 1, 1, 1, 1, 1}, ls[N] = {1, 1, 1, 2, 2, 2};
    static const int64_t one_each[N + 1] = {0, 1, 2, 3, 4, 5, 6}, none[N + 1] = {0};
    static const int16_t jet[N] = {200, 400, 600, 800, 100, 0},
                         type[N] = {1, 1, 1, 1, 1, 1}, empty[1] = {0};
    static const float pileup[N] = {10, 20, 30, 40, 50, 60};
    assert_int_equal(tgl_table_new(&t, N, NULL), TGL_OK);
    take(t, "run", TGL_U32, run, N, NULL);
    take(t, "luminosityBlock", TGL_U32, ls, N, NULL);
    take(t, "truePileup", TGL_F32, pileup, N, NULL);
    take(t, "Gen_ht", TGL_F32, pileup, N, NULL);
    take(t, "L1Jet_hwPt", TGL_I16, jet, N, one_each);
    take(t, "L1Jet_hwEta", TGL_I16, type, N, one_each);
    take(t, "L1EtSum_hwPt", TGL_I16, jet, N, one_each);
    take(t, "L1EtSum_etSumType", TGL_I16, type, N, one_each);
    take(t, "L1Mu_hwPt", TGL_I16, empty, N, none);
    take(t, "L1EG_hwPt", TGL_I16, empty, N, none);
    take(t, "L1Tau_hwPt", TGL_I16, empty, N, none);
    return t;
}

static tgl_table *section_table(uint32_t second)
{
    tgl_table *t;
    const uint32_t run[2] = {1, 1}, ls[2] = {1, 2}, column[2] = {0, 1};
    const uint32_t colliding[2] = {2000, second};
    assert_int_equal(tgl_table_new(&t, 2, NULL), TGL_OK);
    take(t, "run", TGL_U32, run, 2, NULL);
    take(t, "luminosityBlock", TGL_U32, ls, 2, NULL);
    take(t, "nCollidingBunches", TGL_U32, colliding, 2, NULL);
    take(t, "prescaleColumn", TGL_U32, column, 2, NULL);
    return t;
}

static const char config[] =
    "{\"targets_khz\":[10000],\"minimum_events\":1,\"pileup_bins\":[0,35,100],"
    "\"menu\":[{\"name\":\"jet\",\"prescale\":[1,2],\"legs\":[{\"object\":\"Jet\","
    "\"gev\":[200]}]},"
    "{\"name\":\"htt\",\"legs\":[{\"object\":\"HTT\",\"gev\":[300]}]}],"
    "\"turn_on\":[{\"sample\":\"signal\",\"variable\":\"Gen_ht\",\"edges\":[0,35,100]}]}";

static const tgl_json *at(const tgl_json *json, const char *a, const char *b)
{
    json = tgl__json_get(json, a);
    return b == NULL ? json : tgl__json_get(json, b);
}

static void study_by_hand(void **state)
{
    (void)state;
    tgl_table *t = events(), *sections = section_table(1000);
    const int64_t score[N] = {1, 2, 3, 4, 5, 6};
    tgl_physics_sample zb = {"zero_bias", t, score}, signal = {"signal", t, score};
    char *text;
    tgl_error err = {0};
    assert_int_equal(tgl_physics_study(&text, config, &zb, &signal, 1, sections, &err),
                     TGL_OK);
    tgl_json *json;
    assert_int_equal(tgl__json_parse(&json, text, strlen(text), "study", NULL), TGL_OK);
    const double f = 11245.5 / N;
    const tgl_json *seeds = at(json, "menu", "seeds");
    const tgl_json *jet = tgl__json_at(seeds, 0), *htt = tgl__json_at(seeds, 1);
    /* jets of 200, 300 GeV in section 1 (2000 bunches, prescale 1), 400 GeV in section 2
     * (1000, prescale 2) */
    assert_true(fabs(tgl__json_real(at(jet, "rate", "hz"), 0) -
                     f * (2000 + 2000 + 1000 / 2.0)) < 1e-3);
    assert_true(fabs(tgl__json_real(at(jet, "pure", "hz"), 0) - f * 2000) < 1e-3);
    assert_true(fabs(tgl__json_real(at(htt, "pure", "hz"), 0) - f * 1000 / 2.0) < 1e-3);
    assert_true(fabs(tgl__json_real(at(at(json, "menu", "rate"), "hz", NULL), 0) -
                     f * 5000) < 1e-3);
    double shared = tgl__json_real(at(jet, "proportional_hz", NULL), 0) +
                    tgl__json_real(at(htt, "proportional_hz", NULL), 0);
    assert_true(fabs(shared - f * 5000) <
                1e-3); /* proportional rates add up to the total */
    const tgl_json *point = tgl__json_at(at(json, "working_points", NULL), 0);
    /* 10 MHz: rows 6, 5, 4 cost f * 1000 each, row 3 f * 2000 (9.37 MHz in all), row 2
     * would go beyond */
    assert_int_equal(tgl__json_int(at(point, "threshold", NULL), 0), 3);
    assert_int_equal(
        tgl__json_int(at(at(at(point, "signals", "signal"), "gain", NULL), "k", NULL), 0),
        2);
    const tgl_json *best = at(at(point, "signals", "signal"), "best_cut", NULL);
    assert_string_equal(tgl__json_string(at(best, "variable", NULL), ""),
                        "leading jet pt");
    const tgl_json *turn_on = tgl__json_at(at(json, "turn_on", NULL), 0);
    const tgl_json *menu = at(turn_on, "menu", NULL);
    assert_int_equal(
        tgl__json_int(at(at(tgl__json_at(menu, 0), "efficiency", NULL), "k", NULL), 0),
        2);
    tgl__json_free(json);
    tgl_free(text);
    tgl_table_free(t);
    tgl_table_free(sections);
}

static void no_rate_without_colliding_bunches(void **state)
{
    (void)state;
    tgl_table *t = events(), *sections = section_table(0);
    const int64_t score[N] = {0};
    tgl_physics_sample zb = {"zero_bias", t, score};
    char *text;
    tgl_error err = {0};
    assert_int_equal(tgl_physics_study(&text, config, &zb, NULL, 0, sections, &err),
                     TGL_EFORMAT);
    assert_non_null(strstr(err.message, "section 2"));
    assert_int_equal(tgl_physics_study(&text, config, &zb, NULL, 0, NULL, &err),
                     TGL_EUSAGE);
    assert_int_equal(
        tgl_physics_study(&text, "{\"target_khz\":[1]}", &zb, NULL, 0, NULL, &err),
        TGL_EFORMAT);
    assert_non_null(strstr(err.message, "did you mean 'targets_khz'"));
    static const char *const wrong[] = {"{\"targets_khz\":[1],\"alpha\":\"x\"}",
                                        "{\"targets_khz\":[1],\"minimum_events\":-1}"};
    for (int i = 0; i < 2; i++)
        assert_int_equal(tgl_physics_study(&text, wrong[i], &zb, NULL, 0, NULL, &err),
                         TGL_EFORMAT);
    tgl_table_free(t);
    tgl_table_free(sections);
}

static void physics_first_then_resources(void **state)
{
    (void)state;
    static const char candidates[] =
        "[{\"name\":\"big\",\"physics\":{\"eff\":0.9},\"resources\":{\"lut\":90000,"
        "\"power_w\":-1}},"
        "{\"name\":\"weak\",\"physics\":{\"eff\":0.1},\"resources\":{\"lut\":10}},"
        "{\"name\":\"good\",\"physics\":{\"eff\":0.8},\"resources\":{\"lut\":20000}}]";
    static const char gates[] =
        "{\"physics\":[{\"metric\":\"eff\",\"min\":0.5}],"
        "\"resources\":[{\"metric\":\"lut\",\"max\":50000}],\"prefer\":\"physics.eff\","
        "\"radar\":[{\"metric\":\"physics.eff\",\"label\":\"eff\",\"from\":0,\"to\":1}]}";
    char *text;
    assert_int_equal(tgl_physics_select(&text, candidates, gates, NULL), TGL_OK);
    tgl_json *json;
    assert_int_equal(tgl__json_parse(&json, text, strlen(text), "selection", NULL),
                     TGL_OK);
    assert_string_equal(tgl__json_string(tgl__json_get(json, "chosen"), ""), "good");
    const tgl_json *list = tgl__json_get(json, "candidates"),
                   *weak = tgl__json_at(list, 1);
    assert_string_equal(tgl__json_string(tgl__json_get(weak, "verdict"), ""),
                        "refused by physics");
    assert_null(tgl__json_get(weak, "resources")); /* never looked at */
    tgl__json_free(json);
    tgl_free(text);
    /* a gate written wrongly must not pass in silence */
    static const char *const wrong[] = {
        "{\"physics\":5}",
        "{\"physics\":[{\"metric\":\"eff\",\"max\":1,\"min\":\"0.5\"}]}",
        "{\"physics\":[{\"metric\":\"eff\"}]}", "{\"resource\":[]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(tgl_physics_select(&text, candidates, wrong[i], NULL),
                         TGL_EFORMAT);
    static const char power[] = "{\"resources\":[{\"metric\":\"power_w\",\"max\":5}]}";
    assert_int_equal(tgl_physics_select(&text, candidates, power, NULL), TGL_OK);
    assert_non_null(strstr(text, "\"not measured\""));
    assert_non_null(strstr(text, "\"chosen\":null"));
    tgl_free(text);
}

static void classifier_by_hand(void **state)
{
    (void)state;
    /* scores of class 0: 3, 2 (true), 2, 1 (false): one tie between true and false */
    const int64_t codes[8] = {3, 0, 2, 9, 2, 5, 1, 1}, label[4] = {0, 0, 1, 1};
    const char *const names[2] = {"a", "b"};
    char *text;
    assert_int_equal(tgl_physics_classify(&text, codes, label, 4, names, 2, NULL),
                     TGL_OK);
    tgl_json *json;
    assert_int_equal(tgl__json_parse(&json, text, strlen(text), "classes", NULL), TGL_OK);
    const tgl_json *c = tgl__json_get(json, "classification");
    assert_int_equal(tgl__json_int(at(c, "accuracy", "k"), -1),
                     2); /* event 3 is a tie: the first maximum is 0 */
    const tgl_json *a = tgl__json_at(at(c, "classes", NULL), 0);
    assert_true(fabs(tgl__json_real(at(a, "auc", NULL), 0) - 3.5 / 4) < 1e-12);
    tgl__json_free(json);
    tgl_free(text);
    const int64_t wrong[1] = {2};
    assert_int_equal(tgl_physics_classify(&text, codes, wrong, 1, names, 2, NULL),
                     TGL_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beta_is_a_binomial_tail),
        cmocka_unit_test(clopper_pearson_edges),
        cmocka_unit_test(rate_formula),
        cmocka_unit_test(threshold_never_exceeds_the_target),
        cmocka_unit_test(study_by_hand),
        cmocka_unit_test(classifier_by_hand),
        cmocka_unit_test(no_rate_without_colliding_bunches),
        cmocka_unit_test(physics_first_then_resources),
    };
    return cmocka_run_group_tests_name("physics", tests, NULL, NULL);
}
