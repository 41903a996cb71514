/* The small ROOT files of tests/data/root (made by tests/data/make_root.py): every value
 * by its formula, ranges, threads, trees in directories; damaged copies never give other
 * values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <trigline/data.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/root/root.h"

enum { N_ROW = 200 };

static const char *path_of(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/tests/data/root/%s", TGL_SOURCE_DIR, name);
    return path;
}

static tgl_source *open_or_die(const char *path, const char *object, size_t n_thread)
{
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.object = object;
    options.n_thread = n_thread;
    tgl_source *source = NULL;
    tgl_error err = {0};
    if (tgl_source_open(&source, path, &options, &err) != TGL_OK)
        fail_msg("%s", err.message);
    return source;
}

static tgl_table *read_or_die(tgl_source *source, uint64_t begin, uint64_t end)
{
    tgl_table *table = NULL;
    tgl_error err = {0};
    if (tgl_source_read(&table, source, NULL, 0, begin, end, NULL, &err) != TGL_OK)
        fail_msg("%s", err.message);
    return table;
}

/* What make_root.py wrote: number `k` of column `name` in row r. */
static double formula(const char *name, int64_t r, int64_t k)
{
    if (strcmp(name, "flag") == 0)
        return r % 3 == 0;
    if (strcmp(name, "i8") == 0)
        return (double)(r % 100 - 20);
    if (strcmp(name, "u8") == 0)
        return (double)(r % 80 * 3);
    if (strcmp(name, "i16") == 0)
        return (double)(r * -101);
    if (strcmp(name, "u16") == 0)
        return (double)(r * 311);
    if (strcmp(name, "i32") == 0)
        return (double)(r * -100003);
    if (strcmp(name, "u32") == 0)
        return (double)(r % 80 * 53000000);
    if (strcmp(name, "i64") == 0)
        return (double)(r * -10000000019);
    if (strcmp(name, "u64") == 0)
        return (double)((uint64_t)r * 90000000000000011u);
    if (strcmp(name, "f32") == 0)
        return (double)r * 0.375 - 3;
    if (strcmp(name, "f64") == 0)
        return (double)r / 7.0;
    if (strcmp(name, "grid") == 0)
        return (double)(r * 6 + k);
    if (name[0] == 'n')
        return (double)(r % 4);
    return (double)(r * 10 + k); /* the lists */
}

static void check_column(const tgl_column *c, uint64_t first)
{
    uint64_t numbers = strcmp(c->name, "grid") == 0 ? 6 : 1, at = 0;
    bool jagged = strncmp(c->name, "list", 4) == 0;
    assert_int_equal(c->is_jagged, jagged);
    for (uint64_t i = 0; i < c->n_row; i++) {
        uint64_t n = jagged ? (first + i) % 4 : numbers;
        if (jagged) {
            assert_int_equal(c->offsets[i], at);
            assert_int_equal(c->offsets[i + 1], at + n);
        }
        for (uint64_t k = 0; k < n; k++)
            if (tgl_column_double(c, at + k) !=
                formula(c->name, (int64_t)(first + i), (int64_t)k))
                fail_msg("%s row %d: %g", c->name, (int)(first + i),
                         tgl_column_double(c, at + k));
        at += n;
    }
    assert_int_equal(c->n_value, at);
}

static void check_file(const char *name, size_t n_column)
{
    static const uint64_t ranges[][2] = {{0, 200},  {0, 100}, {100, 200}, {37, 38},
                                         {99, 101}, {5, 170}, {60, 60}};
    for (size_t thread = 1; thread <= 3; thread++) {
        tgl_source *source = open_or_die(path_of(name), NULL, thread);
        assert_int_equal(tgl_source_n_row(source), N_ROW);
        assert_int_equal(tgl_source_n_field(source), n_column);
        for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
            tgl_table *table = read_or_die(source, ranges[r][0], ranges[r][1]);
            assert_int_equal(tgl_table_n_column(table), n_column);
            for (size_t i = 0; i < n_column; i++)
                check_column(tgl_table_column(table, i), ranges[r][0]);
            tgl_table_free(table);
        }
        tgl_source_close(source);
    }
}

static void every_codec_gives_the_formulas(void **state)
{
    (void)state;
    check_file("raw.root", 4);
    check_file("zlib.root", 18);
    check_file("lzma.root", 4);
    check_file("lz4.root", 4);
    check_file("zstd.root", 4);
}

static void fields_say_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        tgl_dtype dtype;
    } expected[] = {{"flag", TGL_BOOL}, {"i8", TGL_I8},   {"u8", TGL_U8},
                    {"i16", TGL_I16},   {"u16", TGL_U16}, {"i32", TGL_I32},
                    {"u32", TGL_U32},   {"i64", TGL_I64}, {"u64", TGL_U64},
                    {"f32", TGL_F32},   {"f64", TGL_F64}};
    tgl_source *source = open_or_die(path_of("zlib.root"), "Events", 1);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const tgl_field *field = tgl_source_field(source, i);
        assert_string_equal(field->name, expected[i].name);
        assert_int_equal(field->dtype, expected[i].dtype);
        assert_null(field->refusal);
    }
    const tgl_field *grid = tgl_source_field(source, 11);
    assert_string_equal(grid->declared, "int[2][3]");
    assert_int_equal(grid->n_dim, 2);
    assert_int_equal(grid->dim[0], 2);
    assert_int_equal(grid->dim[1], 3);
    assert_string_equal(tgl_source_field(source, 13)->declared, "int[nlist_i]");
    tgl_source_close(source);
}

static void trees_are_found_by_path_and_cycle(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        uint64_t n;
    } trees[] = {{"first", 3}, {"dir/second", 4}, {"/dir/inner/third", 5},
                 {"again", 6}, {"again;1", 7},    {"again;2", 6}};
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
        tgl_source *source = open_or_die(path_of("several.root"), trees[i].object, 1);
        assert_int_equal(tgl_source_n_row(source), trees[i].n);
        tgl_source_close(source);
    }
    tgl_source *source = NULL;
    tgl_error err = {0};
    assert_int_equal(tgl_source_open(&source, path_of("several.root"), NULL, &err),
                     TGL_EUSAGE);
    assert_non_null(strstr(err.message, "first, dir/second, dir/inner/third, again"));
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.object = "dir/none";
    assert_int_equal(tgl_source_open(&source, path_of("several.root"), &options, &err),
                     TGL_ENOTFOUND);
}

/* ---- damage -------------------------------------------------------------- */

/* Opens and reads everything; TGL_OK only with every column as the formulas say. */
static tgl_status try_bytes(const uint8_t *bytes, size_t n, bool *other_values)
{
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.n_thread = 1;
    tgl_reader *reader = NULL;
    tgl_table *table = NULL;
    size_t which[32], n_which = 0;
    *other_values = false;
    tgl_status status =
        tgl__root_open_memory(&reader, bytes, n, "damaged", &options, NULL);
    if (status != TGL_OK)
        return status;
    for (size_t i = 0; i < reader->n_field && n_which < 32; i++)
        if (reader->fields[i].refusal == NULL)
            which[n_which++] = i;
    status = tgl_table_new(&table, reader->n_row, NULL);
    if (status == TGL_OK)
        status =
            reader->read(reader, table, which, n_which, 0, reader->n_row, NULL, NULL);
    for (size_t i = 0; status == TGL_OK && i < tgl_table_n_column(table); i++) {
        const tgl_column *c = tgl_table_column(table, i);
        uint64_t numbers = strcmp(c->name, "grid") == 0 ? 6 : 1, at = 0;
        for (uint64_t r = 0; r < c->n_row; r++) {
            uint64_t k_end = c->is_jagged ? r % 4 : numbers;
            for (uint64_t k = 0; k < k_end && at < c->n_value; k++, at++)
                *other_values |=
                    tgl_column_double(c, at) != formula(c->name, (int64_t)r, (int64_t)k);
        }
        *other_values |= at != c->n_value;
    }
    tgl_table_free(table);
    reader->close(reader);
    return status;
}

typedef struct damage {
    long n_flip, n_error, n_same, n_other;
} damage;

/* Flips every bit of every `step`-th byte within the compressed blocks of one tag. */
static damage flip_bits(const char *name, const char *tag, size_t step)
{
    char *bytes = NULL;
    size_t size = 0;
    damage seen = {0};
    assert_int_equal(tgl__file_read(&bytes, &size, path_of(name), 1 << 20, NULL), TGL_OK);
    uint8_t *p = (uint8_t *)bytes;
    for (size_t at = 0; at + 9 < size; at++) {
        if (memcmp(p + at, tag, 2) != 0 || (p[at + 2] != 8 && p[at + 2] != 1))
            continue;
        size_t n = 9 + (size_t)(p[at + 3] | p[at + 4] << 8 | p[at + 5] << 16);
        for (size_t k = 9; k < n && at + k < size; k += step)
            for (int bit = 0; bit < 8; bit++, seen.n_flip++) {
                bool other;
                p[at + k] ^= (uint8_t)(1 << bit);
                tgl_status status = try_bytes(p, size, &other);
                p[at + k] ^= (uint8_t)(1 << bit);
                seen.n_error += status != TGL_OK;
                seen.n_same += status == TGL_OK && !other;
                seen.n_other += status == TGL_OK && other;
            }
        at += n - 1;
    }
    tgl__free(bytes);
    printf("%s: %ld flips: %ld refused, %ld the same values, %ld other values\n", name,
           seen.n_flip, seen.n_error, seen.n_same, seen.n_other);
    return seen;
}

static void flipped_bits_never_give_other_values(void **state)
{
    (void)state;
    damage lz4 = flip_bits("lz4.root", "L4", 1), zlib = flip_bits("zlib.root", "ZL", 5);
    assert_true(lz4.n_flip > 1000 && zlib.n_flip > 1000);
    assert_int_equal(lz4.n_other, 0);
    assert_int_equal(zlib.n_other, 0);
    assert_int_equal(lz4.n_error, lz4.n_flip);
    /* ROOT's ZSTD frames carry no checksum: no reader of the file alone can notice; the
     * figure is printed, and digests in the outputs' provenance are what guards it. */
    damage zstd = flip_bits("zstd.root", "ZS", 3);
    assert_true(zstd.n_flip > 500);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(tgl__file_read(&bytes, &size, path_of("zlib.root"), 1 << 20, NULL),
                     TGL_OK);
    for (size_t n = 0; n < size; n += 97) {
        bool other;
        uint8_t *copy = tgl__malloc(n == 0 ? 1 : n);
        memcpy(copy, bytes, n);
        assert_int_not_equal(try_bytes(copy, n, &other), TGL_OK);
        tgl__free(copy);
    }
    tgl__free(bytes);
}

static void allocation_failures_are_answered(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t size = 0;
    bool other;
    assert_int_equal(tgl__file_read(&bytes, &size, path_of("lz4.root"), 1 << 20, NULL),
                     TGL_OK);
    tgl_status status = TGL_ENOMEM;
    for (long n = 0; status != TGL_OK && n < 5000; n++) {
        tgl__alloc_fail_after(n);
        status = try_bytes((const uint8_t *)bytes, size, &other);
        tgl__alloc_fail_after(-1);
        assert_true(status == TGL_OK || status == TGL_ENOMEM || status == TGL_EFORMAT);
    }
    assert_int_equal(status, TGL_OK);
    tgl__free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_gives_the_formulas),
        cmocka_unit_test(fields_say_what_they_are),
        cmocka_unit_test(trees_are_found_by_path_and_cycle),
        cmocka_unit_test(flipped_bits_never_give_other_values),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(allocation_failures_are_answered),
    };
    return cmocka_run_group_tests_name("root_golden", tests, NULL, NULL);
}
