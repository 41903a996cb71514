#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <trigline/table.h>

#include "base/memory.h"

static void check(tgl_status status, const tgl_error *err)
{
    if (status != TGL_OK)
        fail_msg("%s: %s", tgl_status_name(status), err->message);
}

typedef struct columns {
    size_t run, pt, menu;
} columns;

static tgl_status fill(tgl_builder *b, const columns *c, uint32_t run, const float *pt,
                       size_t n, const char *menu, tgl_error *err)
{
    tgl_status status = tgl_builder_put(b, c->run, &run, 1, err);
    if (status == TGL_OK)
        status = tgl_builder_put(b, c->pt, pt, n, err);
    if (status == TGL_OK)
        status = tgl_builder_put(b, c->menu, menu, strlen(menu), err);
    return status == TGL_OK ? tgl_builder_end_row(b, err) : status;
}

static tgl_status declare(tgl_builder *b, columns *c, tgl_error *err)
{
    tgl_status status = tgl_builder_add(b, "run", TGL_U32, 0, &c->run, err);
    if (status == TGL_OK)
        status = tgl_builder_add(b, "L1Jet_pt", TGL_F32, 1, &c->pt, err);
    if (status == TGL_OK)
        status = tgl_builder_add(b, "menu", TGL_STRING, 0, &c->menu, err);
    return status;
}

static const tgl_builder_options OPTIONS = {sizeof OPTIONS, "CMSSW", "CMSSW_15_0_4",
                                            "150X_dataRun3_v1", "/ZeroBias/Run2025C/RAW"};

static void rows_become_columns(void **state)
{
    (void)state;
    tgl_error err;
    tgl_builder *b = NULL;
    tgl_table *table = NULL;
    columns c;
    const float pt[] = {40, 22.5f, 9};
    check(tgl_builder_new(&b, &OPTIONS, &err), &err);
    check(declare(b, &c, &err), &err);
    check(tgl_builder_begin_file(b, "/store/a.root", "0A-1B", &err), &err);
    check(fill(b, &c, 7, pt, 2, "v1", &err), &err);
    check(fill(b, &c, 7, pt, 0, "", &err), &err);
    check(tgl_builder_begin_file(b, "/store/b.root", NULL, &err), &err);
    check(fill(b, &c, 8, pt + 2, 1, "v2", &err), &err);
    assert_int_equal(tgl_builder_n_row(b), 3);
    check(tgl_builder_take(&table, b, &err), &err);
    assert_int_equal(tgl_table_n_row(table), 3);
    const tgl_column *jets, *file, *menu;
    check(tgl_table_find(&jets, table, "L1Jet_pt", &err), &err);
    assert_memory_equal(jets->values, pt, sizeof pt);
    const int64_t offsets[] = {0, 2, 2, 3}, bytes[] = {0, 2, 2, 4};
    assert_memory_equal(jets->offsets, offsets, sizeof offsets);
    check(tgl_table_find(&file, table, "file", &err), &err);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(tgl_column_int(file, i), i == 2);
    check(tgl_table_find(&menu, table, "menu", &err), &err);
    assert_memory_equal(menu->offsets, bytes, sizeof bytes);
    assert_memory_equal(menu->values, "v1v2", 4);
    const char *provenance = tgl_table_meta(table, "trigline.provenance");
    assert_non_null(strstr(provenance,
                           "\"origin\":{\"dataset\":\"/ZeroBias/Run2025C/RAW\","
                           "\"global_tag\":\"150X_dataRun3_v1\",\"release\":"
                           "\"CMSSW_15_0_4\",\"software\":\"CMSSW\"}"));
    assert_non_null(strstr(provenance,
                           "\"sources\":[{\"guid\":\"0A-1B\",\"name\":\"/store/a.root\","
                           "\"range\":[0,2]},{\"name\":\"/store/b.root\",\"range\":"
                           "[2,3]}]"));
    tgl_table_free(table);
    /* the next table begins with the file that was open */
    check(fill(b, &c, 9, pt, 1, "v3", &err), &err);
    check(tgl_builder_take(&table, b, &err), &err);
    assert_int_equal(tgl_table_n_row(table), 1);
    check(tgl_table_find(&file, table, "file", &err), &err);
    assert_int_equal(tgl_column_int(file, 0), 0);
    assert_non_null(strstr(tgl_table_meta(table, "trigline.provenance"),
                           "\"sources\":[{\"name\":\"/store/b.root\",\"range\":[0,1]}]"));
    tgl_table_free(table);
    tgl_builder_free(b);
}

static void refusals(void **state)
{
    (void)state;
    tgl_error err;
    tgl_builder *b = NULL;
    tgl_table *table = NULL;
    columns c;
    uint32_t run = 1;
    size_t n;
    check(tgl_builder_new(&b, NULL, &err), &err);
    check(declare(b, &c, &err), &err);
    assert_int_equal(tgl_builder_add(b, "run", TGL_I8, 0, &n, &err), TGL_EUSAGE);
    assert_int_equal(tgl_builder_add(b, "", TGL_I8, 0, &n, &err), TGL_EUSAGE);
    assert_int_equal(tgl_builder_add(b, "s", TGL_STRING, 1, &n, &err), TGL_EUSAGE);
    assert_int_equal(tgl_builder_put(b, 3, &run, 1, &err), TGL_EUSAGE);
    assert_int_equal(tgl_builder_end_row(b, &err), TGL_EUSAGE);
    assert_string_equal(err.message,
                        "row 0: flat column 'run': expected one value, found 0");
    check(tgl_builder_put(b, c.run, &run, 1, &err), &err);
    check(tgl_builder_put(b, c.run, &run, 1, &err), &err);
    assert_int_equal(tgl_builder_end_row(b, &err), TGL_EUSAGE);
    check(fill(b, &c, 1, NULL, 0, "m", &err), &err); /* the bad rows left nothing */
    assert_int_equal(tgl_builder_add(b, "late", TGL_I8, 0, &n, &err), TGL_EUSAGE);
    assert_int_equal(tgl_builder_begin_file(b, "late.root", NULL, &err), TGL_EUSAGE);
    check(tgl_builder_put(b, c.run, &run, 1, &err), &err);
    tgl_builder_discard_row(b);
    check(tgl_builder_put(b, c.run, &run, 1, &err), &err); /* not closed */
    check(tgl_builder_take(&table, b, &err), &err);
    assert_int_equal(tgl_table_n_row(table), 1);
    assert_int_equal(tgl_table_n_column(table), 3);
    tgl_table_free(table);
    tgl_builder_free(b);
    tgl_builder_free(NULL);
}

static tgl_status everything(tgl_error *err)
{
    tgl_builder *b = NULL;
    tgl_table *table = NULL;
    columns c;
    const float pt[] = {1, 2, 3};
    tgl_status status = tgl_builder_new(&b, &OPTIONS, err);
    if (status == TGL_OK)
        status = declare(b, &c, err);
    if (status == TGL_OK)
        status = tgl_builder_begin_file(b, "a", "g", err);
    for (uint32_t i = 0; i < 40 && status == TGL_OK; i++)
        status = fill(b, &c, i, pt, i % 4, "menu", err);
    if (status == TGL_OK)
        status = tgl_builder_take(&table, b, err);
    tgl_table_free(table);
    tgl_builder_free(b);
    return status;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    tgl_error err;
    tgl_status status;
    long n = 0;
    do {
        tgl__alloc_fail_after(n++);
        status = everything(&err);
        tgl__alloc_fail_after(-1);
        if (status != TGL_OK)
            assert_int_equal(status, TGL_ENOMEM);
    } while (status != TGL_OK && n < 10000);
    assert_int_equal(status, TGL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_columns),
        cmocka_unit_test(refusals),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("builder", tests, NULL, NULL);
}
