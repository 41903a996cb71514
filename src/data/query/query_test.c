#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "data/query/duckdb.h"
#include <trigline/data.h>

/* More rows than a batch, so that batches join right. */
enum { N_ROW = 150000 };
static const char path[] = "query_test.npz";

static void *aligned(size_t n, size_t size)
{
    void *memory = tgl__aligned(n, size);
    assert_non_null(memory);
    return memory;
}

static void take(tgl_table *t, tgl_column c)
{
    tgl_error err = {0};
    if (tgl_table_take_column(t, &c, &err) != TGL_OK)
        fail_msg("%s", err.message);
}

/* Every type once; jagged with row % 4 numbers; NaN payloads and -0.0 among the floats.
 */
static int write_sample(void **state)
{
    (void)state;
    tgl_table *t = NULL;
    assert_int_equal(tgl_table_new(&t, N_ROW, NULL), TGL_OK);
    int64_t *id = aligned(N_ROW, 8), *offsets = aligned(N_ROW + 1, 8);
    uint32_t *bits = aligned(N_ROW, 4);
    uint8_t *flag = aligned(N_ROW, 1);
    int16_t *grid = aligned(N_ROW * 4, 2), *list = aligned(N_ROW * 2, 2);
    int64_t *at = aligned(N_ROW + 1, 8);
    char *text = aligned(N_ROW * 3, 1);
    offsets[0] = at[0] = 0;
    for (int64_t i = 0; i < N_ROW; i++) {
        id[i] = 7 * i - 3;
        bits[i] = i % 3 == 0 ? 0x80000000u : i % 3 == 1 ? 0x7fc00000u + (uint32_t)i : 1u;
        flag[i] = i % 5 == 0;
        for (int k = 0; k < 4; k++)
            grid[4 * i + k] = (int16_t)(i + k);
        offsets[i + 1] = offsets[i] + i % 4;
        for (int64_t k = offsets[i]; k < offsets[i + 1]; k++)
            if (k < N_ROW * 2)
                list[k] = (int16_t)(-k);
        at[i + 1] = at[i] + i % 3;
        memcpy(text + at[i], "\xc3\xa9", 2);
        if (i % 3 == 1)
            text[at[i]] = 'x';
    }
    take(t, (tgl_column){.name = "id",
                         .dtype = TGL_I64,
                         .n_row = N_ROW,
                         .n_value = N_ROW,
                         .values = id});
    take(t, (tgl_column){.name = "value",
                         .dtype = TGL_F32,
                         .n_row = N_ROW,
                         .n_value = N_ROW,
                         .values = bits});
    take(t, (tgl_column){.name = "flag",
                         .dtype = TGL_BOOL,
                         .n_row = N_ROW,
                         .n_value = N_ROW,
                         .values = flag});
    take(t, (tgl_column){.name = "grid",
                         .dtype = TGL_I16,
                         .n_dim = 2,
                         .dim = {2, 2},
                         .n_row = N_ROW,
                         .n_value = N_ROW * 4,
                         .values = grid});
    take(t, (tgl_column){.name = "list",
                         .dtype = TGL_I16,
                         .is_jagged = 1,
                         .n_row = N_ROW,
                         .n_value = (uint64_t)offsets[N_ROW],
                         .offsets = offsets,
                         .values = list});
    take(t, (tgl_column){.name = "text",
                         .dtype = TGL_STRING,
                         .n_row = N_ROW,
                         .n_value = (uint64_t)at[N_ROW],
                         .offsets = at,
                         .values = text});
    assert_int_equal(tgl_data_write(path, t, NULL, NULL, NULL), TGL_OK);
    tgl_table_free(t);
    return 0;
}

static tgl_table *ask(const char *sql, int stored)
{
    tgl_error err = {0};
    tgl_table *t = NULL;
    if (tgl_data_query(&t, sql, stored, NULL, &err) != TGL_OK)
        fail_msg("%s: %s", sql, err.message);
    return t;
}

static void everything_comes_back_in_order(void **state)
{
    (void)state;
    tgl_table *t = NULL, *back = ask("FROM 'query_test.npz'", 1);
    assert_int_equal(tgl_data_load(&t, path, NULL, 0, NULL, NULL), TGL_OK);
    assert_int_equal(tgl_table_n_column(back), 6);
    for (size_t i = 0; i < 6; i++) {
        char a[72], b[72];
        assert_int_equal(tgl_column_digest(a, tgl_table_column(t, i), NULL), TGL_OK);
        assert_int_equal(tgl_column_digest(b, tgl_table_column(back, i), NULL), TGL_OK);
        assert_string_equal(a, b);
    }
    const char *provenance = tgl_table_meta(back, "trigline.provenance");
    assert_non_null(strstr(provenance, "\"sql\":\"FROM 'query_test.npz'\""));
    assert_non_null(strstr(provenance, "\"name\":\"query_test.npz\""));
    tgl_table_free(t);
    tgl_table_free(back);
}

static void answers_are_right(void **state)
{
    (void)state;
    tgl_table *t = ask("SELECT count(*), sum(id), sum(len(list)), "
                       "count(*) FILTER (WHERE flag), avg(grid[2][1]) "
                       "FROM tgl('query_test.npz') WHERE id >= 0",
                       0);
    int64_t n = 0, sum = 0, items = 0, flags = 0;
    double grid = 0;
    for (int64_t i = 0; i < N_ROW; i++)
        if (7 * i - 3 >= 0) {
            n++;
            sum += 7 * i - 3;
            items += i % 4;
            flags += i % 5 == 0;
            grid += (double)(int16_t)(i + 2);
        }
    assert_int_equal(tgl_column_int(tgl_table_column(t, 0), 0), n);
    assert_int_equal(tgl_column_int(tgl_table_column(t, 1), 0), sum);
    assert_int_equal(tgl_column_int(tgl_table_column(t, 2), 0), items);
    assert_int_equal(tgl_column_int(tgl_table_column(t, 3), 0), flags);
    assert_true(tgl_column_double(tgl_table_column(t, 4), 0) == grid / (double)n);
    tgl_table_free(t);
}

static void mistakes_get_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        tgl_status status;
        const char *says;
    } cases[] = {
        {"SELECT nothing FROM 'query_test.npz'", TGL_EUSAGE, "nothing"},
        {"SELEKT 1", TGL_EUSAGE, "syntax"},
        {"FROM 'absent.npz'", TGL_ENOTFOUND, "absent.npz"},
        {"SELECT NULL::INT AS k", TGL_EUNSUPPORTED, "'k' is NULL in row 0"},
        {"SELECT DATE '2026-01-01' AS d", TGL_EUNSUPPORTED, "'d' has a DuckDB type"},
        {"SELECT 1 AS a, 2 AS a", TGL_EUSAGE, "'a' is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tgl_error err = {0};
        tgl_table *t = NULL;
        assert_int_equal(tgl_data_query(&t, cases[i].sql, 0, NULL, &err),
                         cases[i].status);
        assert_null(strchr(err.message, '\n'));
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s", err.message);
    }
}

static int cancel_now(void *user)
{
    (void)user;
    return 1;
}

static void stops_when_asked(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = NULL;
    tgl_progress progress = {NULL, cancel_now, NULL};
    assert_int_equal(
        tgl_data_query(&t, "SELECT sum(id) FROM 'query_test.npz'", 0, &progress, &err),
        TGL_ECANCELLED);
}

static int cleanup(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    tgl_duckdb duckdb;
    tgl_error err = {0};
    if (tgl__duckdb_load(&duckdb, &err) != TGL_OK) {
        const char *require = getenv("TGL_REQUIRE_SHARED");
        printf("skipped: %s\n", err.message);
        return require != NULL && strcmp(require, "1") == 0 ? 1 : 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back_in_order),
        cmocka_unit_test(answers_are_right),
        cmocka_unit_test(mistakes_get_one_line),
        cmocka_unit_test(stops_when_asked),
    };
    return cmocka_run_group_tests_name("query", tests, write_sample, cleanup);
}
