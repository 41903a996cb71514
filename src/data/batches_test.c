/* Converting and comparing in batches: whatever their size, the same bytes and the same
 * words, and nothing left beside the output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/format.h"

#define LIBRARY TGL_SOURCE_DIR "/examples/library/"
#define VECTORS TGL_SOURCE_DIR "/fuzz/corpus/fuzz_l1/two_lines.txt"

static char folder[] = "/tmp/batches_testXXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[8][128];
    static int next;
    next = (next + 1) % 8;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return tgl__remove_tree(folder, NULL) != TGL_OK;
}

static size_t n_file(void)
{
    size_t n = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        n++;
    closedir(directory);
    return n - 2; /* . and .. */
}

static void assert_same_file(const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    assert_int_equal(tgl__file_read(&x, &n, a, 1u << 30, NULL), TGL_OK);
    assert_int_equal(tgl__file_read(&y, &m, b, 1u << 30, NULL), TGL_OK);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    tgl__free(x);
    tgl__free(y);
}

static tgl_status convert(const char *out, const char *const *in, size_t n,
                          uint64_t begin, uint64_t end, uint64_t batch, tgl_error *err)
{
    tgl_convert_options options = TGL_CONVERT_OPTIONS_INIT;
    options.begin = begin;
    options.end = end;
    options.batch = batch;
    return tgl_data_convert(out, in, n, &options, NULL, err);
}

/* A batch of everything is what the others are held against. */
static void same_bytes(const char *const *in, size_t n, uint64_t begin, uint64_t end,
                       const uint64_t *batches, size_t n_batch, const char *ending)
{
    char whole[32], part[32];
    tgl_error err = {0};
    snprintf(whole, sizeof whole, "whole.%s", ending);
    snprintf(part, sizeof part, "part.%s", ending);
    if (convert(in_folder(whole), in, n, begin, end, 0, &err) != TGL_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < n_batch; i++) {
        if (convert(in_folder(part), in, n, begin, end, batches[i], &err) != TGL_OK)
            fail_msg("%s", err.message);
        assert_same_file(in_folder(whole), in_folder(part));
    }
}

static void batches_give_the_same_bytes(void **state)
{
    (void)state;
    static const char *const trees[] = {LIBRARY "ttbar.root", LIBRARY "higgs4l.root"};
    static const char *const vectors[] = {VECTORS, VECTORS};
    static const uint64_t sizes[] = {297003, 1000000, UINT64_MAX}, one[] = {1};
    static const char *const endings[] = {"npz", "h5"};
    for (size_t e = 0; e < 2; e++) {
        same_bytes(trees, 2, 17003, 22990, sizes, 3 - e, endings[e]);
        same_bytes(trees, 2, 19990, 20013, sizes, 1, endings[e]);
        same_bytes(vectors, 2, 0, UINT64_MAX, one, 1, endings[e]);
        same_bytes(vectors, 2, 1, 1, one, 1, endings[e]);
    }
    /* arrays, which are read column by column */
    char npz[128], h5[128];
    snprintf(npz, sizeof npz, "%s", in_folder("arrays.npz"));
    snprintf(h5, sizeof h5, "%s", in_folder("arrays.h5"));
    const char *arrays[] = {npz, h5, LIBRARY "higgs4l.root"};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(convert(arrays[i], trees, 1, 0, 999, 0, NULL), TGL_OK);
    same_bytes(arrays, 3, 0, UINT64_MAX, sizes, 2, "npz");
    same_bytes(arrays, 3, 500, 1500, sizes, 2, "h5");
    assert_int_equal(n_file(), 6);
}

static char *diff(const char *a, const char *b, uint64_t batch, tgl_status expected)
{
    char *json = NULL;
    tgl_error err = {0};
    assert_int_equal(tgl__data_diff(&json, a, b, batch, NULL, &err), expected);
    assert_non_null(json);
    return json;
}

static void batches_give_the_same_comparison(void **state)
{
    (void)state;
    char half[128];
    const char *tree = LIBRARY "ttbar.root";
    snprintf(half, sizeof half, "%s", in_folder("half.npz"));
    assert_int_equal(convert(half, &tree, 1, 0, 7001, 0, NULL), TGL_OK);
    const struct {
        const char *a, *b;
        tgl_status expected;
    } pairs[] = {{tree, tree, TGL_OK},
                 {tree, LIBRARY "higgs4l.root", TGL_EMISMATCH},
                 {tree, half, TGL_EMISMATCH},
                 {half, tree, TGL_EMISMATCH},
                 {VECTORS, VECTORS, TGL_OK}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *whole = diff(pairs[i].a, pairs[i].b, UINT64_MAX, pairs[i].expected);
        char *part = diff(pairs[i].a, pairs[i].b, 1000000, pairs[i].expected);
        assert_string_equal(whole, part);
        tgl_free(part);
        tgl_free(whole);
    }
    unlink(half);
}

static void failures_leave_nothing_behind(void **state)
{
    (void)state;
    static const char *const unlike[] = {LIBRARY "ttbar.root", VECTORS};
    const char *vectors = VECTORS, *out = in_folder("never.npz");
    size_t before = n_file();
    tgl_error err = {0};
    assert_int_equal(convert(out, unlike, 2, 0, UINT64_MAX, 100000, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "two_lines.txt"));
    assert_non_null(strstr(err.message, "cannot append"));
    assert_int_equal(n_file(), before);
    tgl_status status = TGL_ENOMEM;
    for (long n = 0; status != TGL_OK && n < 20000; n += n < 300 ? 1 : 37) {
        tgl__alloc_fail_after(n);
        status = convert(out, &vectors, 1, 0, UINT64_MAX, 1, NULL);
        tgl__alloc_fail_after(-1);
        assert_true(status == TGL_OK || status == TGL_ENOMEM || status == TGL_EFORMAT);
        assert_int_equal(n_file(), before + (status == TGL_OK));
    }
    assert_int_equal(status, TGL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_give_the_same_bytes),
        cmocka_unit_test(batches_give_the_same_comparison),
        cmocka_unit_test(failures_leave_nothing_behind),
    };
    return cmocka_run_group_tests_name("batches", tests, make_folder, remove_folder);
}
