#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/format.h"
#include "data/npz/npy.h"
#include "data/npz/zip.h"

static const char path[] = "npz_test.npz";

/* -0.0 and NaNs with payloads must come back bit for bit */
static const uint32_t float_bits[] = {0x80000000, 0x7fc00001, 0xffc12345, 0x3fc00000,
                                      0x7f800001};
static const int64_t offsets[] = {0, 2, 2, 5};
static const int16_t grid[] = {1, -2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -12};
static const uint8_t flags[] = {1, 0, 1};
static const uint64_t large[] = {UINT64_MAX, 0, 1};

static tgl_table *sample(void)
{
    tgl_table *t = NULL;
    const tgl_column columns[] = {
        {.name = "Jet_pt",
         .dtype = TGL_F32,
         .is_jagged = 1,
         .n_row = 3,
         .n_value = 5,
         .offsets = offsets,
         .values = float_bits},
        {.name = "grid",
         .dtype = TGL_I16,
         .n_dim = 2,
         .dim = {2, 2},
         .n_row = 3,
         .n_value = 12,
         .values = grid},
        {.name = "flag", .dtype = TGL_BOOL, .n_row = 3, .n_value = 3, .values = flags},
        {.name = "large", .dtype = TGL_U64, .n_row = 3, .n_value = 3, .values = large},
        {.name = "word",
         .dtype = TGL_STRING,
         .n_row = 3,
         .n_value = 5,
         .offsets = offsets,
         .values = "ab\xc3\xa9z"},
        {.name = "word__offsets",
         .dtype = TGL_U8,
         .n_row = 3,
         .n_value = 3,
         .values = flags},
    };
    assert_int_equal(tgl_table_new(&t, 3, NULL), TGL_OK);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        assert_int_equal(tgl_table_copy_column(t, &columns[i], NULL), TGL_OK);
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

static void write_sample(int compression, size_t n_thread)
{
    tgl_error err = {0};
    tgl_table *t = sample();
    tgl_write_options options = TGL_WRITE_OPTIONS_INIT;
    options.compression = compression;
    options.n_thread = n_thread;
    assert_int_equal(tgl_data_write(path, t, &options, NULL, &err), TGL_OK);
    tgl_table_free(t);
}

static void round_trip(void **state)
{
    (void)state;
    for (int level = 0; level <= 12; level += 6) {
        tgl_error err = {0};
        tgl_source *source = NULL;
        tgl_table *t = sample(), *back = NULL, *part = NULL, *slice = NULL;
        write_sample(level, 2);
        assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_OK);
        assert_int_equal(
            tgl_source_read(&back, source, NULL, 0, 0, UINT64_MAX, NULL, &err), TGL_OK);
        assert_same(t, back);
        assert_string_equal(tgl_table_meta(back, "note"), "kept");
        assert_int_equal(tgl_source_read(&part, source, NULL, 0, 1, 3, NULL, &err),
                         TGL_OK);
        assert_int_equal(tgl_table_slice(&slice, t, 1, 3, &err), TGL_OK);
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
    char *one, *two;
    size_t n_one, n_two;
    write_sample(-1, 1);
    assert_int_equal(tgl__file_read(&one, &n_one, path, 1 << 20, NULL), TGL_OK);
    write_sample(-1, 5);
    assert_int_equal(tgl__file_read(&two, &n_two, path, 1 << 20, NULL), TGL_OK);
    assert_int_equal(n_one, n_two);
    assert_memory_equal(one, two, n_one);
    tgl__free(one);
    tgl__free(two);
}

static void names_and_patterns(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_source *source = NULL;
    tgl_table *t = NULL;
    write_sample(0, 1);
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_OK);
    const char *const globs[] = {"la*", "flag"}, *const wrong[] = {"Jet_pz"};
    assert_int_equal(tgl_source_read(&t, source, globs, 2, 0, UINT64_MAX, NULL, &err),
                     TGL_OK);
    assert_int_equal(tgl_table_n_column(t), 2);
    assert_string_equal(tgl_table_column(t, 0)->name, "flag"); /* the file's order */
    tgl_table_free(t);
    assert_int_equal(tgl_source_read(&t, source, wrong, 1, 0, UINT64_MAX, NULL, &err),
                     TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, "did you mean 'Jet_pt'"));
    assert_int_equal(tgl_source_read(&t, source, NULL, 0, 2, 4, NULL, &err), TGL_EUSAGE);
    tgl_source_close(source);
}

/* Every bit of a file, flipped: refused, or the same table all the same (times, versions
 * and padding say nothing). */
static void no_flipped_bit_passes(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample();
    write_sample(0, 1);
    char *bytes;
    size_t n;
    assert_int_equal(tgl__file_read(&bytes, &n, path, 1 << 20, NULL), TGL_OK);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    size_t refused = 0;
    for (size_t i = 0; i < 8 * n; i++) {
        char flipped = (char)(bytes[i / 8] ^ 1 << i % 8);
        assert_int_equal(pwrite(file, &flipped, 1, (off_t)(i / 8)), 1);
        tgl_source *source = NULL;
        tgl_table *back = NULL;
        tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
        options.n_thread = 1;
        tgl_status status = tgl_source_open(&source, path, &options, &err);
        if (status == TGL_OK)
            status = tgl_source_read(&back, source, NULL, 0, 0, UINT64_MAX, NULL, &err);
        if (status == TGL_OK)
            assert_same(t, back);
        refused += status != TGL_OK;
        tgl_table_free(back);
        tgl_source_close(source);
        assert_int_equal(pwrite(file, &bytes[i / 8], 1, (off_t)(i / 8)), 1);
    }
    assert_true(refused > 4 * n);
    print_message("%zu flips, %zu refused, the others change nothing\n", 8 * n, refused);
    close(file);
    tgl__free(bytes);
    tgl_table_free(t);
}

static void refuses_truncation(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_source *source = NULL;
    write_sample(6, 1);
    assert_int_equal(truncate(path, 500), 0);
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "truncated"));
}

typedef struct foreign_array {
    const char *name;
    tgl_dtype dtype;
    unsigned n_dim;
    uint64_t shape[3];
    const void *values;
    size_t n_byte;
} foreign_array;

/* Arrays without a document of ours, as NumPy writes them. */
static void write_foreign(const foreign_array *arrays, size_t n)
{
    tgl_writer writer;
    tgl_zip_member members[4] = {{0}};
    char heads[4][512];
    uint64_t position = 0;
    assert_true(n <= 4);
    assert_int_equal(tgl__writer_open(&writer, path, NULL), TGL_OK);
    for (size_t i = 0; i < n; i++) {
        const foreign_array *a = &arrays[i];
        members[i] = (tgl_zip_member){
            .name = a->name, .head = heads[i], .body = a->values, .n_body = a->n_byte};
        members[i].n_head = tgl__npy_header(heads[i], a->dtype, a->shape, a->n_dim);
        assert_int_equal(tgl__zip_pack(&members[i], 0, NULL), TGL_OK);
        assert_int_equal(tgl__zip_put(&writer, &position, &members[i], NULL), TGL_OK);
    }
    assert_int_equal(tgl__zip_finish(&writer, position, members, n, NULL), TGL_OK);
    assert_int_equal(tgl__writer_commit(&writer, NULL), TGL_OK);
}

/* Several directory entries over the same bytes: a small file could unpack to anything.
 */
static void refuses_overlapping_members(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_source *source = NULL;
    static const float many[100];
    const foreign_array arrays[] = {{"a.npy", TGL_F32, 1, {100}, many, sizeof many},
                                    {"b.npy", TGL_F32, 1, {1}, many, 4},
                                    {"c.npy", TGL_F32, 1, {1}, many, 4}};
    char *bytes;
    size_t n, first[3], n_entry = 0;
    write_foreign(arrays, 3);
    assert_int_equal(tgl__file_read(&bytes, &n, path, 1 << 20, NULL), TGL_OK);
    for (size_t i = 0; i + 46 < n && n_entry < 3; i++)
        if (memcmp(bytes + i, "PK\1\2", 4) == 0)
            first[n_entry++] = i;
    assert_int_equal(n_entry, 3);
    for (size_t k = 1; k < 3; k++) /* each says it is the largest */
        memcpy(bytes + first[k], bytes + first[0], first[1] - first[0]);
    assert_int_equal(tgl__file_write(path, bytes, n, &err), TGL_OK);
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "overlaps another"));
    tgl__free(bytes);
}

static const tgl_field *field_named(const tgl_source *source, const char *name)
{
    for (size_t i = 0; i < tgl_source_n_field(source); i++)
        if (strcmp(tgl_source_field(source, i)->name, name) == 0)
            return tgl_source_field(source, i);
    return NULL;
}

/* Rows of no values take no bytes, so a shape may claim any number of them. */
static void refuses_endless_empty_rows(void **state)
{
    (void)state;
    const uint64_t huge = (uint64_t)1 << 60;
    const int64_t ends[] = {0, 0, 0, (int64_t)huge};
    const float one = 1;
    const foreign_array arrays[] = {
        {"endless.npy", TGL_F32, 2, {huge, 0}, NULL, 0},
        {"items.npy", TGL_F32, 2, {huge, 0}, NULL, 0},
        {"items__offsets.npy", TGL_I64, 1, {4}, ends, sizeof ends},
        {"empty.npy", TGL_I16, 2, {3, 0}, NULL, 0},
    };
    tgl_error err = {0};
    tgl_source *source = NULL;
    tgl_table *t = NULL;
    write_foreign(arrays, 4);
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_OK);
    assert_int_equal(tgl_source_n_row(source), 3); /* of the first readable column */
    assert_non_null(strstr(field_named(source, "endless")->refusal, "more rows than"));
    assert_non_null(strstr(field_named(source, "items")->refusal, "more rows than"));
    const char *const asked[] = {"endless"};
    assert_int_equal(tgl_source_read(&t, source, asked, 1, 0, UINT64_MAX, NULL, &err),
                     TGL_EUNSUPPORTED);
    assert_int_equal(tgl_source_read(&t, source, NULL, 0, 0, UINT64_MAX, NULL, &err),
                     TGL_OK);
    assert_int_equal(tgl_table_n_column(t), 1); /* a few empty rows are none to refuse */
    assert_int_equal(tgl_table_column(t, 0)->n_value, 0);
    tgl_table_free(t);
    tgl_source_close(source);

    const foreign_array scalar_first[] = {{"a.npy", TGL_F32, 0, {0}, &one, 4},
                                          {"b.npy", TGL_F32, 1, {1}, &one, 4}};
    write_foreign(scalar_first, 2);
    assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_OK);
    assert_int_equal(tgl_source_n_row(source), 1);
    assert_null(field_named(source, "b")->refusal);
    tgl_source_close(source);
}

/* The same in a file that says it is ours, with such a column and with none. */
static void refuses_endless_rows_of_our_own(void **state)
{
    (void)state;
    const uint64_t huge = (uint64_t)1 << 60;
    for (int n_column = 0; n_column < 2; n_column++) {
        tgl_error err = {0};
        tgl_table *t = NULL;
        tgl_source *source = NULL;
        const tgl_column column = {
            .name = "x", .dtype = TGL_F32, .n_row = huge, .n_dim = 1, .dim = {0}};
        assert_int_equal(tgl_table_new(&t, huge, NULL), TGL_OK);
        if (n_column > 0)
            assert_int_equal(tgl_table_copy_column(t, &column, NULL), TGL_OK);
        assert_int_equal(tgl_data_write(path, t, NULL, NULL, NULL), TGL_OK);
        assert_int_equal(tgl_source_open(&source, path, NULL, &err), TGL_EFORMAT);
        assert_non_null(strstr(err.message, "more "));
        assert_null(strchr(err.message, '\n'));
        tgl_table_free(t);
    }
}

static void survives_allocation_failure(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.n_thread = 1;
    write_sample(6, 1);
    for (long n = 0;; n++) {
        tgl_source *source = NULL;
        tgl_table *back = NULL;
        tgl__alloc_fail_after(n);
        tgl_status status = tgl_source_open(&source, path, &options, &err);
        if (status == TGL_OK)
            status = tgl_source_read(&back, source, NULL, 0, 0, UINT64_MAX, NULL, &err);
        if (status == TGL_OK)
            status = tgl_data_write(path, back, NULL, NULL, &err);
        tgl__alloc_fail_after(-1);
        tgl_table_free(back);
        tgl_source_close(source);
        if (status == TGL_OK)
            break;
        assert_int_equal(status, TGL_ENOMEM);
        assert_true(n < 5000);
    }
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
        cmocka_unit_test(names_and_patterns),
        cmocka_unit_test(no_flipped_bit_passes),
        cmocka_unit_test(refuses_truncation),
        cmocka_unit_test(refuses_overlapping_members),
        cmocka_unit_test(refuses_endless_empty_rows),
        cmocka_unit_test(refuses_endless_rows_of_our_own),
        cmocka_unit_test(survives_allocation_failure),
    };
    return cmocka_run_group_tests_name("npz", tests, NULL, cleanup);
}
