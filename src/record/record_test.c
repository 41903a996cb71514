#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "trigline/record.h"

#define DIGEST "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static tgl_record *example(int backwards)
{
    tgl_record *r;
    assert_int_equal(tgl_record_new(&r, "train", NULL), TGL_OK);
    assert_int_equal(tgl_record_set_command(r, "run: train", NULL), TGL_OK);
    static const char *const names[] = {"seed", "epochs"}, *const values[] = {"7",
                                                                              "[1,2]"};
    for (int i = 0; i < 2; i++) {
        int j = backwards ? 1 - i : i;
        assert_int_equal(tgl_record_add_param(r, names[j], values[j], NULL), TGL_OK);
    }
    assert_int_equal(tgl_record_add_metric(r, "loss", "0.125", NULL), TGL_OK);
    assert_int_equal(tgl_record_add_input(r, "data.npz", DIGEST, NULL), TGL_OK);
    assert_int_equal(tgl_record_add_output(r, "graph.json", DIGEST, NULL), TGL_OK);
    assert_int_equal(tgl_record_add_tool(r, "trigline", "0.1.0", NULL), TGL_OK);
    assert_int_equal(tgl_record_close(r, 100.5, 101.25, "host", 0, NULL), TGL_OK);
    return r;
}

static void same_record_same_bytes(void **state)
{
    (void)state;
    char *text[2], *again;
    size_t size[2], n;
    for (int i = 0; i < 2; i++) {
        tgl_record *r = example(i);
        assert_int_equal(tgl_record_print(&text[i], &size[i], r, NULL), TGL_OK);
        tgl_record_free(r);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(text[0], text[1], size[0]);
    assert_non_null(strstr(text[0], "\"epochs\":[1,2]"));
    tgl_record *r;
    assert_int_equal(tgl_record_parse(&r, text[0], size[0], NULL), TGL_OK);
    assert_int_equal(tgl_record_print(&again, &n, r, NULL), TGL_OK);
    assert_string_equal(again, text[0]);
    tgl_record_free(r);
    tgl_free(again);
    tgl_free(text[0]);
    tgl_free(text[1]);
}

static void wrong_values_are_refused(void **state)
{
    (void)state;
    tgl_record *r;
    assert_int_equal(tgl_record_new(&r, "s", NULL), TGL_OK);
    assert_int_equal(tgl_record_add_input(r, "x", "md5:12", NULL), TGL_EFORMAT);
    assert_int_equal(tgl_record_add_param(r, "x", "{", NULL), TGL_EFORMAT);
    assert_int_equal(tgl_record_set_command(r, "\xff", NULL), TGL_EFORMAT);
    assert_int_equal(tgl_record_add_param(r, "x", "1", NULL), TGL_OK);
    assert_int_equal(tgl_record_add_param(r, "x", "2", NULL), TGL_OK); /* the last wins */
    char *text;
    assert_int_equal(tgl_record_print(&text, NULL, r, NULL), TGL_OK);
    assert_non_null(strstr(text, "\"x\":2"));
    tgl_free(text);
    tgl_record_free(r);
    tgl_record_free(NULL);
}

static void broken_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"schema\":\"trigline.record/2\"}",
        "{\"schema\":\"trigline.record/1\",\"step\":\"s\",\"parms\":{}}",
        "{\"schema\":\"trigline.record/1\",\"step\":\"s\",\"params\":{},\"metrics\":{},"
        "\"inputs\":{\"a\":\"b\"},\"outputs\":{},\"tools\":{}}",
        "{\"schema\":\"trigline.record/1\",\"step\":\"s\",\"params\":{},\"metrics\":{},"
        "\"inputs\":{},\"outputs\":{},\"tools\":{},\"exit_status\":0}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tgl_record *r = NULL;
        tgl_error err = {0};
        assert_int_not_equal(tgl_record_parse(&r, bad[i], strlen(bad[i]), &err), TGL_OK);
        assert_null(r);
        assert_true(err.message[0] != '\0');
    }
}

static void out_of_memory_is_said(void **state)
{
    (void)state;
    tgl_record *r = NULL;
    tgl__alloc_fail_after(0);
    assert_int_equal(tgl_record_new(&r, "s", NULL), TGL_ENOMEM);
    tgl__alloc_fail_after(-1);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_record_same_bytes),
                                       cmocka_unit_test(wrong_values_are_refused),
                                       cmocka_unit_test(broken_texts_are_refused),
                                       cmocka_unit_test(out_of_memory_is_said)};
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
