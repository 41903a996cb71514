#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/format.h"
#include "data/hdf5/h5_child.h"

/* glibc makes its allocator usable in a forked child; the address sanitizer's own
 * allocator (gcc 12, clang 14) may be left locked by another thread of the parent for
 * ever. */
#if defined(__SANITIZE_ADDRESS__)
#define FORKS_WITH_THREADS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FORKS_WITH_THREADS 0
#endif
#endif
#ifndef FORKS_WITH_THREADS
#define FORKS_WITH_THREADS 1
#endif

static const char path[] = "hdf5_test.h5";
enum { N_ROW = 400000 };

static void *aligned(size_t n, size_t size)
{
    void *memory = tgl__aligned(n, size);
    assert_non_null(memory);
    return memory;
}

/* Long enough for several chunks and a cut-off last one. */
static tgl_table *sample(void)
{
    tgl_table *t = NULL;
    assert_int_equal(tgl_table_new(&t, N_ROW, NULL), TGL_OK);
    uint32_t *bits = aligned(N_ROW, 4);
    int64_t *offsets = aligned(N_ROW + 1, 8);
    int16_t *pairs = aligned(2 * 2 * N_ROW, 2);
    uint8_t *flag = aligned(N_ROW, 1);
    offsets[0] = 0;
    for (int64_t i = 0; i < N_ROW; i++) {
        bits[i] = i % 3 == 0 ? 0x80000000u : 0x7fc00000u + (uint32_t)i;
        offsets[i + 1] = offsets[i] + i % 3;
        flag[i] = i % 7 == 0;
    }
    for (int64_t k = 0; k < 4 * N_ROW; k++)
        pairs[k] = (int16_t)(k * k);
    const tgl_column columns[] = {
        {.name = "value",
         .dtype = TGL_F32,
         .n_row = N_ROW,
         .n_value = N_ROW,
         .values = bits},
        {.name = "group/pairs",
         .dtype = TGL_I16,
         .is_jagged = 1,
         .n_dim = 1,
         .dim = {2},
         .n_row = N_ROW,
         .n_value = 2 * (uint64_t)offsets[N_ROW],
         .offsets = offsets,
         .values = pairs},
        {.name = "flag",
         .dtype = TGL_BOOL,
         .n_row = N_ROW,
         .n_value = N_ROW,
         .values = flag},
    };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tgl_table_take_column(t, &columns[i], NULL), TGL_OK);
    int64_t *at = aligned(N_ROW + 1, 8);
    char *text = aligned(N_ROW, 1);
    for (int64_t i = 0; i <= N_ROW; i++)
        at[i] = i / 2;
    memset(text, 'q', N_ROW / 2);
    const tgl_column words = {.name = "word",
                              .dtype = TGL_STRING,
                              .n_row = N_ROW,
                              .n_value = N_ROW / 2,
                              .offsets = at,
                              .values = text};
    assert_int_equal(tgl_table_take_column(t, &words, NULL), TGL_OK);
    assert_int_equal(tgl_table_set_meta(t, "note", "kept", NULL), TGL_OK);
    return t;
}

static void assert_same(const tgl_table *a, const tgl_table *b)
{
    assert_int_equal(tgl_table_n_column(a), tgl_table_n_column(b));
    for (size_t i = 0; i < tgl_table_n_column(a); i++) {
        char da[72], db[72];
        assert_int_equal(tgl_column_digest(da, tgl_table_column(a, i), NULL), TGL_OK);
        assert_int_equal(tgl_column_digest(db, tgl_table_column(b, i), NULL), TGL_OK);
        assert_string_equal(da, db);
    }
}

static void round_trip(void **state)
{
    (void)state;
    for (int level = 0; level <= 6; level += 3) {
        tgl_error err = {0};
        tgl_source *source = NULL;
        tgl_table *t = sample(), *back = NULL, *part = NULL, *slice = NULL;
        tgl_write_options options = TGL_WRITE_OPTIONS_INIT;
        options.compression = level;
        assert_int_equal(tgl_data_write(path, t, &options, NULL, &err), TGL_OK);
        assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_OK);
        if (tgl_source_read(&back, source, NULL, 0, 0, UINT64_MAX, NULL, &err) != TGL_OK)
            fail_msg("%s", err.message);
        assert_same(t, back);
        assert_string_equal(tgl_table_meta(back, "note"), "kept");
        assert_int_equal(
            tgl_source_read(&part, source, NULL, 0, 262100, 262201, NULL, &err), TGL_OK);
        assert_int_equal(tgl_table_slice(&slice, t, 262100, 262201, &err), TGL_OK);
        assert_same(slice, part);
        tgl_source_close(source);
        tgl_table_free(t);
        tgl_table_free(back);
        tgl_table_free(part);
        tgl_table_free(slice);
    }
}

static void same_bytes_for_any_threads(void **state)
{
    (void)state;
    char *bytes[2];
    size_t n[2];
    tgl_table *t = sample();
    for (int i = 0; i < 2; i++) {
        tgl_write_options options = TGL_WRITE_OPTIONS_INIT;
        options.n_thread = i == 0 ? 1 : 5;
        assert_int_equal(tgl_data_write(path, t, &options, NULL, NULL), TGL_OK);
        assert_int_equal(tgl__file_read(&bytes[i], &n[i], path, 1 << 28, NULL), TGL_OK);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
    tgl__free(bytes[0]);
    tgl__free(bytes[1]);
    tgl_table_free(t);
}

/* Seeded damage all over the file: an error or the same columns, and we live. */
static void broken_files_cannot_hurt(void **state)
{
    (void)state;
    tgl_table *t = sample(), *small = NULL;
    assert_int_equal(tgl_table_slice(&small, t, 0, 50, NULL), TGL_OK);
    assert_int_equal(tgl_data_write(path, small, NULL, NULL, NULL), TGL_OK);
    char *bytes;
    size_t n, refused = 0;
    assert_int_equal(tgl__file_read(&bytes, &n, path, 1 << 20, NULL), TGL_OK);
    uint64_t random = 1;
    for (int round = 0; round < 40; round++) {
        char *copy = tgl__malloc(n);
        assert_non_null(copy);
        memcpy(copy, bytes, n);
        for (int e = 0; e < 8; e++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            copy[(random >> 20) % n] = (char)(random >> 56);
        }
        assert_int_equal(tgl__file_write(path, copy, n, NULL), TGL_OK);
        tgl__free(copy);
        tgl_error err = {0};
        tgl_table *back = NULL;
        tgl_status status = tgl_data_load(&back, path, NULL, 0, NULL, &err);
        if (status == TGL_OK && tgl_table_meta(back, "note") != NULL)
            assert_same(small, back);
        if (status != TGL_OK)
            assert_true(err.message[0] != '\0' && strchr(err.message, '\n') == NULL);
        refused += status != TGL_OK;
        tgl_table_free(back);
    }
    assert_true(refused > 0);
    tgl__free(bytes);
    tgl_table_free(t);
    tgl_table_free(small);
}

static tgl_status ignore(void *user, const void *bytes, size_t n, tgl_error *err)
{
    (void)user, (void)bytes, (void)n, (void)err;
    return TGL_OK;
}

/* Opening a pipe nobody writes to never ends: the watchdog must. */
static void a_hanging_child_is_ended(void **state)
{
    (void)state;
    tgl_error err = {0};
    (void)unlink("hdf5_test.pipe");
    assert_int_equal(mkfifo("hdf5_test.pipe", 0600), 0);
    const tgl_h5_request request = {
        .path = "hdf5_test.pipe", .group = "/", .timeout_s = 0.5};
    assert_int_equal(tgl__h5_ask(&request, ignore, NULL, NULL, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "hangs"));
    unlink("hdf5_test.pipe");
}

/* Rows of no values take no bytes, so a shape may claim any number of them. */
static void refuses_endless_empty_rows(void **state)
{
    (void)state;
    const uint64_t huge = (uint64_t)1 << 60;
    const hsize_t shapes[2][2] = {{huge, 0}, {3, 0}};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < 2; i++) {
        hid_t space = H5Screate_simple(2, shapes[i], NULL);
        hid_t dataset = H5Dcreate2(file, i == 0 ? "endless" : "few", H5T_NATIVE_FLOAT,
                                   space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(dataset >= 0);
        H5Dclose(dataset);
        H5Sclose(space);
    }
    assert_true(H5Fclose(file) >= 0);
    tgl_error err = {0};
    tgl_source *source = NULL;
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_OK);
    assert_int_equal(tgl_source_n_row(source), 3);
    assert_non_null(strstr(tgl_source_field(source, 0)->refusal, "more rows than"));
    assert_null(tgl_source_field(source, 1)->refusal);
    tgl_source_close(source);
    const tgl_column column = {
        .name = "x", .dtype = TGL_F32, .n_row = huge, .n_dim = 1, .dim = {0}};
    tgl_table *t = NULL;
    assert_int_equal(tgl_table_new(&t, huge, NULL), TGL_OK);
    assert_int_equal(tgl_table_copy_column(t, &column, NULL), TGL_OK);
    assert_int_equal(tgl_data_write(path, t, NULL, NULL, NULL), TGL_OK);
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "more rows than"));
    tgl_table_free(t);
}

typedef struct busy_writer {
    const tgl_table *table;
    atomic_bool stop;
    tgl_status status;
    tgl_error err;
} busy_writer;

static const char busy_path[] = "hdf5_test_busy.h5";

/* Uncompressed: nearly all of its time is spent inside libhdf5. */
static void *write_until_stopped(void *context)
{
    busy_writer *w = context;
    tgl_write_options options = TGL_WRITE_OPTIONS_INIT;
    options.compression = 0;
    while (w->status == TGL_OK && !atomic_load(&w->stop))
        w->status = tgl_data_write(busy_path, w->table, &options, NULL, &w->err);
    return NULL;
}

/* A child forked while a thread is inside libhdf5 inherits libhdf5's lock, held by nobody
 * that lives there. */
static void reads_while_another_thread_writes(void **state)
{
    (void)state;
    if (!FORKS_WITH_THREADS)
        skip();
    tgl_table *t = sample();
    busy_writer writer = {.table = t};
    pthread_t thread;
    assert_int_equal(tgl_data_write(path, t, NULL, NULL, NULL), TGL_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_until_stopped, &writer), 0);
    const tgl_h5_request request = {.path = path, .group = "/", .timeout_s = 20};
    tgl_error err = {0};
    tgl_status status = TGL_OK;
    for (int i = 0; status == TGL_OK && i < 60; i++)
        status = tgl__h5_ask(&request, ignore, NULL, NULL, &err);
    atomic_store(&writer.stop, true);
    pthread_join(thread, NULL);
    unlink(busy_path);
    tgl_table_free(t);
    if (status != TGL_OK)
        fail_msg("%s", err.message);
    if (writer.status != TGL_OK)
        fail_msg("%s", writer.err.message);
}

static int cleanup(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(same_bytes_for_any_threads),
        cmocka_unit_test(broken_files_cannot_hurt),
        cmocka_unit_test(a_hanging_child_is_ended),
        cmocka_unit_test(refuses_endless_empty_rows),
        cmocka_unit_test(reads_while_another_thread_writes),
    };
    return cmocka_run_group_tests_name("hdf5", tests, NULL, cleanup);
}
