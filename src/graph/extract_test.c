#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <trigline/graph.h>

static void put(tgl_table *table, const char *name, tgl_dtype dtype, uint64_t n_row,
                uint64_t n_value, const int64_t *offsets, const void *values)
{
    tgl_error err;
    tgl_column column = {.name = name,
                         .dtype = dtype,
                         .is_jagged = offsets != NULL,
                         .n_row = n_row,
                         .n_value = n_value,
                         .offsets = offsets,
                         .values = values};
    assert_int_equal(tgl_table_copy_column(table, &column, &err), TGL_OK);
}

/* Three crossings: 2, 0 and 3 jets; sums of types 0, 2, 8 in varying order. */
static tgl_table *sample(float odd)
{
    tgl_table *table;
    tgl_error err;
    const int64_t jets[] = {0, 2, 2, 5}, sums[] = {0, 2, 3, 6};
    const int16_t jet_pt[] = {101, 40, 9, 8, 2047}, jet_bx[] = {0, -1, 1, 0, 0};
    const int16_t sum_pt[] = {500, 33, 77, 10, 900, 21}, type[] = {0, 2, 0, 8, 0, 2};
    const int32_t run[] = {1, 2, 3};
    const float mass[] = {91.5f, odd, -3.25f};
    assert_int_equal(tgl_table_new(&table, 3, &err), TGL_OK);
    put(table, "L1Jet_hwPt", TGL_I16, 3, 5, jets, jet_pt);
    put(table, "L1Jet_bx", TGL_I16, 3, 5, jets, jet_bx);
    put(table, "L1EtSum_hwPt", TGL_I16, 3, 6, sums, sum_pt);
    put(table, "L1EtSum_etSumType", TGL_I16, 3, 6, sums, type);
    put(table, "run", TGL_I32, 3, 3, NULL, run);
    put(table, "mass", TGL_F32, 3, 3, NULL, mass);
    return table;
}

static void check_extract(const tgl_input_rule *rule, const tgl_table *table,
                          const int64_t expected[3], uint64_t saturated)
{
    tgl_error err;
    tgl_convention *convention;
    int64_t codes[3];
    uint64_t n = 99;
    assert_int_equal(tgl_convention_new(&convention, "t@1", rule, 1, &err), TGL_OK);
    tgl_status status = tgl_convention_extract(codes, &n, convention, table, 0, 3, &err);
    if (status != TGL_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, TGL_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(codes[i], expected[i]);
    assert_int_equal(n, saturated);
    tgl_convention_free(convention);
}

static void integers(void **state)
{
    (void)state;
    tgl_table *table = sample(0);
    const tgl_quant u10 = {{0, 10, 0}, TGL_TRN, TGL_SAT},
                    s6 = {{1, 6, 0}, TGL_TRN, TGL_SAT};
    const tgl_input_rule first = {.name = "x", .column = "L1Jet_hwPt", .quant = u10};
    check_extract(&first, table, (int64_t[]){101, 0, 9}, 0);
    tgl_input_rule rule = first;
    rule.index = 2; /* absent is zero; 2047 does not fit */
    check_extract(&rule, table, (int64_t[]){0, 0, 1023}, 1);
    rule = first;
    rule.drop_bits = 1;
    check_extract(&rule, table, (int64_t[]){50, 0, 4}, 0);
    rule = first;
    rule.add = -104; /* before the shift, which floors; absent stays zero */
    rule.drop_bits = 1;
    rule.quant = s6;
    check_extract(&rule, table, (int64_t[]){-2, 0, -32}, 1);
    rule = (tgl_input_rule){.name = "zero", .quant = u10};
    check_extract(&rule, table, (int64_t[]){0, 0, 0}, 0);
    rule = (tgl_input_rule){.name = "run", .column = "run", .quant = u10};
    check_extract(&rule, table, (int64_t[]){1, 2, 3}, 0);
    tgl_table_free(table);
}

static void filters(void **state)
{
    (void)state;
    tgl_table *table = sample(0);
    tgl_input_rule rule = {.name = "etm",
                           .column = "L1EtSum_hwPt",
                           .n_where = 1,
                           .where = {{"L1EtSum_etSumType", 2}},
                           .quant = {{0, 10, 0}, TGL_TRN, TGL_SAT}};
    check_extract(&rule, table, (int64_t[]){33, 0, 21}, 0);
    rule = (tgl_input_rule){.name = "jet",
                            .column = "L1Jet_hwPt",
                            .n_where = 1,
                            .where = {{"L1Jet_bx", 0}},
                            .quant = {{0, 11, 0}, TGL_TRN, TGL_SAT}};
    check_extract(&rule, table, (int64_t[]){101, 0, 8}, 0);
    rule.index = 1;
    check_extract(&rule, table, (int64_t[]){0, 0, 2047}, 0);
    rule.where[0].column = "L1Jet_bunch";
    rule.optional_where = 1; /* the dataset lacks it, and may */
    check_extract(&rule, table, (int64_t[]){40, 0, 8}, 0);
    tgl_error err;
    tgl_convention *convention;
    int64_t codes[3];
    rule.optional_where = 0;
    assert_int_equal(tgl_convention_new(&convention, "t@1", &rule, 1, &err), TGL_OK);
    assert_int_equal(tgl_convention_extract(codes, NULL, convention, table, 0, 3, &err),
                     TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, "L1Jet_bunch"));
    assert_int_equal(tgl_convention_extract(codes, NULL, convention, table, 2, 4, &err),
                     TGL_EUSAGE);
    tgl_convention_free(convention);
    tgl_table_free(table);
}

static void floats(void **state)
{
    (void)state;
    tgl_table *table = sample(90.625f);
    tgl_input_rule rule = {.name = "mass",
                           .column = "mass",
                           .center = 90.0,
                           .scale = 0.5,
                           .quant = {{1, 6, 2}, TGL_RND, TGL_WRAP}};
    /* 0.75, 0.3125 -> 1.25 quarters -> 1, -46.625 clamps to -32 quarters */
    check_extract(&rule, table, (int64_t[]){3, 1, -32}, 1);
    tgl_table_free(table);
    tgl_error err;
    tgl_convention *convention;
    int64_t codes[3];
    table = sample(NAN);
    assert_int_equal(tgl_convention_new(&convention, "t@1", &rule, 1, &err), TGL_OK);
    assert_int_equal(tgl_convention_extract(codes, NULL, convention, table, 0, 3, &err),
                     TGL_EFORMAT);
    assert_non_null(strstr(err.message, "column 'mass': row 1"));
    tgl_convention_free(convention);
    tgl_table_free(table);
}

static void refuses(const tgl_input_rule *rule, const tgl_table *table,
                    const char *column, const char *why)
{
    tgl_error err;
    tgl_convention *convention;
    int64_t codes[3];
    assert_int_equal(tgl_convention_new(&convention, "t@1", rule, 1, &err), TGL_OK);
    assert_int_equal(tgl_convention_extract(codes, NULL, convention, table, 0, 3, &err),
                     TGL_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "input 'x'"));
    assert_non_null(strstr(err.message, column));
    assert_non_null(strstr(err.message, why));
    tgl_convention_free(convention);
}

/* What a rule does to integers says nothing of floats, and the other way round. */
static void rules_are_for_integers_or_floats(void **state)
{
    (void)state;
    tgl_table *table = sample(0);
    const tgl_quant s8 = {{1, 8, 0}, TGL_TRN, TGL_SAT};
    tgl_input_rule rule = {
        .name = "x", .column = "mass", .drop_bits = 1, .scale = 1, .quant = s8};
    refuses(&rule, table, "column 'mass' holds float32", "'drop_bits' are for integers");
    rule.drop_bits = 0;
    rule.add = -1;
    refuses(&rule, table, "column 'mass' holds float32", "'add' and");
    rule.add = 0;
    rule.scale = 0;
    refuses(&rule, table, "column 'mass' holds float32", "'scale' is 0");
    rule = (tgl_input_rule){.name = "x", .column = "run", .scale = 2, .quant = s8};
    refuses(&rule, table, "column 'run' holds int32", "'scale' are for floats");
    rule.scale = 1;
    rule.center = 2;
    refuses(&rule, table, "column 'run' holds int32", "'center' and");
    rule.center = 0;
    check_extract(&rule, table, (int64_t[]){1, 2, 3}, 0);
    rule.add = 1;
    rule.scale = 0.5;
    tgl_error err;
    tgl_convention *convention = NULL;
    assert_int_equal(tgl_convention_new(&convention, "t@1", &rule, 1, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "rule 0 ('x')"));
    assert_null(convention);
    tgl_table_free(table);
}

static void says_what_a_dataset_may_lack(void **state)
{
    (void)state;
    tgl_error err;
    tgl_convention *convention;
    const tgl_quant u8 = {{0, 8, 0}, TGL_TRN, TGL_SAT};
    const tgl_input_rule rules[] = {{.name = "a",
                                     .column = "pt",
                                     .n_where = 2,
                                     .where = {{"bx", 0}, {"type", 2}},
                                     .optional_where = 1,
                                     .quant = u8},
                                    {.name = "b",
                                     .column = "eta",
                                     .n_where = 2,
                                     .where = {{"bx", 0}, {"quality", 1}},
                                     .optional_where = 3,
                                     .quant = u8},
                                    {.name = "c", .column = "quality", .quant = u8}};
    assert_int_equal(tgl_convention_new(&convention, "t@1", rules, 3, &err), TGL_OK);
    assert_true(tgl_convention_may_lack(convention, "bx"));
    assert_false(tgl_convention_may_lack(convention, "type"));
    assert_false(tgl_convention_may_lack(convention, "pt"));
    assert_false(tgl_convention_may_lack(convention, "quality")); /* read by rule c */
    assert_false(tgl_convention_may_lack(convention, "nothing"));
    tgl_convention_free(convention);
}

static void needs_a_version(void **state)
{
    (void)state;
    tgl_error err;
    tgl_convention *convention = NULL;
    const tgl_input_rule rule = {.name = "x", .quant = {{0, 1, 0}, TGL_TRN, TGL_WRAP}};
    const char *const bad[] = {"inputs", "inputs@", "@1", "inputs@1a"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(tgl_convention_new(&convention, bad[i], &rule, 1, &err),
                         TGL_EUSAGE);
        assert_null(convention);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(filters),
        cmocka_unit_test(floats),
        cmocka_unit_test(rules_are_for_integers_or_floats),
        cmocka_unit_test(says_what_a_dataset_may_lack),
        cmocka_unit_test(needs_a_version),
    };
    return cmocka_run_group_tests_name("extract", tests, NULL, NULL);
}
