#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "data/format.h"

static const char path[] = "l1_test.txt";

/* A line whose words are zero except the ones given by (text column, word). */
typedef struct word {
    int column;
    const char *text;
} word;

static void put_line(tgl_buffer *out, int crossing, const word *words, size_t n)
{
    tgl__buffer_printf(out, "%04d", crossing);
    for (int c = 1; c < 60; c++) {
        int digits = c <= 8 ? 16 : c <= 56 ? 8 : c == 57 ? 64 : c == 58 ? 128 : 1;
        const char *text = NULL;
        for (size_t w = 0; w < n; w++)
            if (words[w].column == c)
                text = words[w].text;
        tgl__buffer_text(out, " ");
        for (int d = (int)(text == NULL ? 0 : strlen(text)); d < digits; d++)
            tgl__buffer_text(out, "0");
        tgl__buffer_text(out, text == NULL ? "" : text);
    }
    tgl__buffer_text(out, "\n");
}

static void store(const tgl_buffer *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text->bytes, 1, text->size, f), text->size);
    fclose(f);
}

static int64_t value(const tgl_table *t, const char *name, uint64_t index)
{
    const tgl_column *c;
    assert_int_equal(tgl_table_find(&c, t, name, NULL), TGL_OK);
    return tgl_column_int(c, index);
}

/* Words built by hand from the documented bit ranges. */
static void decodes_every_field(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_buffer text = TGL_BUFFER_INIT;
    char mu[20], eg[12], jet[12], etm[12];
    uint64_t m = 575u | 300u << 10 | 12u << 19 | (uint64_t)(512 - 200) << 23 |
                 (uint64_t)2 << 32 | (uint64_t)3 << 34 | (uint64_t)77 << 36 |
                 (uint64_t)574 << 43 | (uint64_t)199 << 53 | (uint64_t)1 << 61 |
                 (uint64_t)2 << 62;
    snprintf(mu, sizeof mu, "%016llx", (unsigned long long)m);
    snprintf(eg, sizeof eg, "%08x", 511u | (256u - 57u) << 9 | 143u << 17 | 1u << 25);
    snprintf(jet, sizeof jet, "%08X", 2047u | (256u - 1u) << 11 | 140u << 19);
    snprintf(etm, sizeof etm, "%08x", 4095u | 103u << 12 | 1u << 28);
    const word words[] = {{2, mu},          {9, eg},
                          {22, eg},         {44, jet},
                          {45, etm},        {47, etm},
                          {57, "8"},        {58, "f000000000000000000000000000000000"},
                          {56, "cafe0001"}, {59, "1"}};
    put_line(&text, 7, words, sizeof words / sizeof words[0]);
    put_line(&text, 3563, NULL, 0);
    store(&text);
    tgl__buffer_release(&text);
    tgl_source *source = NULL;
    tgl_table *t = NULL;
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_OK);
    assert_string_equal(tgl_source_format(source), "l1");
    assert_int_equal(tgl_source_read(&t, source, NULL, 0, 0, UINT64_MAX, NULL, &err),
                     TGL_OK);
    assert_int_equal(tgl_table_n_row(t), 2);
    assert_int_equal(value(t, "bunchCrossing", 1), 3563);
    const struct {
        const char *name;
        uint64_t index;
        int64_t expected;
    } checks[] = {
        {"L1Mu_hwPhi", 1, 575},
        {"L1Mu_hwPt", 1, 300},
        {"L1Mu_hwQual", 1, 12},
        {"L1Mu_hwEta", 1, -200},
        {"L1Mu_hwIso", 1, 2},
        {"L1Mu_hwCharge", 1, 3},
        {"L1Mu_hwIndex", 1, 77},
        {"L1Mu_hwPhiRaw", 1, 574},
        {"L1Mu_hwPtUnconstrained", 1, 199},
        {"L1Mu_hwShower", 1, 1},
        {"L1Mu_hwDXY", 1, 2},
        {"L1Mu_word", 1, (int64_t)m},
        {"L1Mu_hwPt", 0, 0},
        {"L1EG_hwPt", 0, 511},
        {"L1EG_hwEta", 0, -57},
        {"L1EG_hwPhi", 0, 143},
        {"L1EG_hwIso", 0, 1},
        {"L1Tau_hwPt", 1, 511},
        {"L1Jet_hwPt", 11, 2047},
        {"L1Jet_hwEta", 11, -1},
        {"L1Jet_hwPhi", 11, 140},
        {"L1EtSum_hwPt", 0, 4095},
        {"L1EtSum_hwPhi", 0, 0},
        {"L1EtSum_hwPhi", 2, 103},
        {"L1EtSum_etSumType", 2, 2},
        {"L1EtSum_etSumType", 5, 20},
        {"furtherWord", 5, 0xcafe0001},
        {"external", 3, 1},
        {"external", 2, 0},
        {"algo", 132, 1},
        {"algo", 135, 1},
        {"algo", 136, 0},
        {"algo", 512 + 132, 0},
        {"finor", 0, 1},
        {"finor", 1, 0},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        assert_int_equal(value(t, checks[i].name, checks[i].index), checks[i].expected);
    tgl_table_free(t);
    tgl_source_close(source);
}

static void says_where_it_is_wrong(void **state)
{
    (void)state;
    static const struct {
        size_t at; /* byte of the second line */
        char put;
        const char *message;
    } cases[] = {
        {0, 'x', "line 2, column 0 of 60: expected a bunch crossing number"},
        {10, 'g', "line 2, column 1 of 60: expected 16 hex digits"},
        {21, 'a', "line 2, column 1 of 60: expected 16 hex digits"},
        {4 + 8 * 17 + 3, '-', "line 2, column 9 of 60: expected 8 hex digits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tgl_error err = {0};
        tgl_buffer text = TGL_BUFFER_INIT;
        put_line(&text, 0, NULL, 0);
        size_t line = text.size;
        put_line(&text, 1, NULL, 0);
        text.bytes[line + cases[i].at] = cases[i].put;
        store(&text);
        tgl__buffer_release(&text);
        tgl_table *t = NULL;
        assert_int_equal(tgl_data_load(&t, path, NULL, 0, NULL, &err), TGL_EFORMAT);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s", err.message);
        assert_in_range(err.offset, line, line + cases[i].at);
    }
}

static void refuses_a_cut_line(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_buffer text = TGL_BUFFER_INIT;
    put_line(&text, 0, NULL, 0);
    put_line(&text, 1, NULL, 0);
    text.size -= 3; /* the newline, the final OR, the blank */
    store(&text);
    tgl__buffer_release(&text);
    tgl_table *t = NULL;
    assert_int_equal(tgl_data_load(&t, path, NULL, 0, NULL, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "column 59 of 60: expected the final OR"));
}

/* The menu's own vectors, when they are there: what their description says of them. */
static void reads_the_menu_vectors(void **state)
{
    (void)state;
    const char *dir = getenv("TGL_SHARED_DIR");
    char file[1024];
    snprintf(file, sizeof file, "%s/testdata/l1/ugt_2025_v1_0_1_ttbar.txt",
             dir == NULL ? "." : dir);
    if (access(file, R_OK) != 0) {
        const char *require = getenv("TGL_REQUIRE_SHARED");
        assert_false(require != NULL && strcmp(require, "1") == 0);
        print_message("skipped: no %s\n", file);
        skip();
    }
    tgl_error err = {0};
    tgl_table *t = NULL;
    assert_int_equal(tgl_data_load(&t, file, NULL, 0, NULL, &err), TGL_OK);
    assert_int_equal(tgl_table_n_row(t), 3564);
    const tgl_column *algo;
    assert_int_equal(tgl_table_find(&algo, t, "algo", &err), TGL_OK);
    static const int fires[] = {97, 43, 18, 8, 2, 0, 0}; /* bits 421 … 427 */
    for (int seed = 0; seed < 7; seed++) {
        int64_t n = 0;
        for (uint64_t row = 0; row < 3564; row++)
            n += tgl_column_int(algo, row * 512 + 421 + (uint64_t)seed);
        assert_int_equal(n, fires[seed]);
    }
    assert_non_null(strstr(tgl_table_meta(t, "trigline.provenance"),
                           "\"name\":\"ugt_2025_v1_0_1_ttbar.txt\""));
    tgl_table_free(t);
}

static int cleanup(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_field),
        cmocka_unit_test(says_where_it_is_wrong),
        cmocka_unit_test(refuses_a_cut_line),
        cmocka_unit_test(reads_the_menu_vectors),
    };
    return cmocka_run_group_tests_name("l1", tests, NULL, cleanup);
}
