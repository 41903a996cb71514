#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "table/table.h"

static const int64_t offsets[] = {0, 2, 2, 5};
static const float jets[] = {1.5f, -0.0f, 3.0f, 4.0f, 5.0f};
static const uint8_t flags[] = {1, 0, 1, 1, 1, 0};
static const char words[] = "abcdef";

static tgl_table *sample(void)
{
    tgl_table *t = NULL;
    tgl_error err = {0};
    assert_int_equal(tgl_table_new(&t, 3, &err), TGL_OK);
    tgl_column jet = {.name = "Jet_pt",
                      .dtype = TGL_F32,
                      .is_jagged = 1,
                      .n_row = 3,
                      .n_value = 5,
                      .offsets = offsets,
                      .values = jets};
    tgl_column flag = {.name = "flag",
                       .dtype = TGL_BOOL,
                       .n_dim = 1,
                       .dim = {2},
                       .n_row = 3,
                       .n_value = 6,
                       .values = flags};
    tgl_column word = {.name = "word",
                       .dtype = TGL_STRING,
                       .n_row = 3,
                       .n_value = 5,
                       .offsets = offsets,
                       .values = words};
    assert_int_equal(tgl_table_copy_column(t, &jet, &err), TGL_OK);
    assert_int_equal(tgl_table_copy_column(t, &flag, &err), TGL_OK);
    assert_int_equal(tgl_table_copy_column(t, &word, &err), TGL_OK);
    assert_int_equal(tgl_table_set_meta(t, "a", "1", &err), TGL_OK);
    return t;
}

static void assert_same(const tgl_table *a, const tgl_table *b)
{
    assert_int_equal(tgl_table_n_row(a), tgl_table_n_row(b));
    assert_int_equal(tgl_table_n_column(a), tgl_table_n_column(b));
    for (size_t i = 0; i < tgl_table_n_column(a); i++) {
        char da[72], db[72];
        assert_int_equal(tgl_column_digest(da, tgl_table_column(a, i), NULL), TGL_OK);
        assert_int_equal(tgl_column_digest(db, tgl_table_column(b, i), NULL), TGL_OK);
        assert_string_equal(da, db);
    }
}

static void slices_and_appends(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample(), *head = NULL, *tail = NULL;
    assert_int_equal(tgl_table_slice(&head, t, 0, 1, &err), TGL_OK);
    assert_int_equal(tgl_table_slice(&tail, t, 1, 3, &err), TGL_OK);
    assert_int_equal(tgl_table_column(tail, 0)->n_value, 3);
    assert_int_equal(tgl_table_column(tail, 0)->offsets[0], 0);
    assert_int_equal(tgl_table_append(head, tail, &err), TGL_OK);
    assert_same(t, head);
    assert_int_equal(tgl_table_append(head, head, &err), TGL_OK);
    assert_int_equal(tgl_table_n_row(head), 6);
    assert_int_equal(tgl_table_column(head, 0)->offsets[6], 10);
    assert_int_equal(tgl_table_slice(&tail, t, 2, 4, &err), TGL_EUSAGE);
    tgl_table_free(t);
    tgl_table_free(head);
    tgl_table_free(tail);
}

static void refuses_broken_columns(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample();
    static const int64_t backward[] = {0, 3, 2, 5}, late[] = {1, 2, 2, 5};
    tgl_column c = {.name = "x",
                    .dtype = TGL_F32,
                    .is_jagged = 1,
                    .n_row = 3,
                    .n_value = 5,
                    .offsets = backward,
                    .values = jets};
    assert_int_equal(tgl_table_copy_column(t, &c, &err), TGL_EFORMAT);
    c.offsets = late;
    assert_int_equal(tgl_table_copy_column(t, &c, &err), TGL_EFORMAT);
    c.offsets = offsets;
    c.n_value = 4;
    assert_int_equal(tgl_table_copy_column(t, &c, &err), TGL_EFORMAT);
    c.n_value = 5;
    c.name = "flag";
    assert_int_equal(tgl_table_copy_column(t, &c, &err), TGL_EUSAGE);
    const tgl_column *found;
    assert_int_equal(tgl_table_find(&found, t, "Jet_ptt", &err), TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, "did you mean 'Jet_pt'"));
    tgl_table_free(t);
}

/* Exported arrays outlive the table, and writing to the table leaves them alone. */
static void arrow_round_trip(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample(), *back = NULL;
    struct ArrowSchema schema;
    struct ArrowArray array;
    assert_int_equal(tgl_table_export(&schema, &array, t, &err), TGL_OK);
    assert_string_equal(schema.format, "+s");
    assert_string_equal(schema.children[0]->format, "+L");
    assert_string_equal(schema.children[1]->format, "+w:2");
    assert_ptr_equal(array.children[0]->children[0]->buffers[1],
                     tgl_table_column(t, 0)->values);
    assert_int_equal(*(const uint8_t *)array.children[1]->children[0]->buffers[1], 0x1d);
    assert_int_equal(tgl_table_append(t, t, &err), TGL_OK);
    assert_ptr_not_equal(array.children[0]->children[0]->buffers[1],
                         tgl_table_column(t, 0)->values);
    tgl_table_free(t);
    t = sample();
    assert_int_equal(tgl_table_import(&back, &schema, &array, &err), TGL_OK);
    assert_same(t, back);
    assert_string_equal(tgl_table_meta(back, "a"), "1");
    tgl_table_free(back);
    array.offset = 1; /* a slice of the struct reaches every level */
    array.length = 2;
    assert_int_equal(tgl_table_import(&back, &schema, &array, &err), TGL_OK);
    tgl_table *tail = NULL;
    assert_int_equal(tgl_table_slice(&tail, t, 1, 3, &err), TGL_OK);
    assert_same(tail, back);
    schema.release(&schema);
    array.release(&array);
    assert_null(schema.release);
    tgl_table_free(back);
    tgl_table_free(tail);
    tgl_table_free(t);
}

/* An adopted array is used in place, also sliced, and lives as long as any column. */
static void arrow_adopted_in_place(void **state)
{
    (void)state;
    tgl_error err = {0};
    for (int64_t skip = 0; skip < 2; skip++) {
        tgl_table *t = sample(), *rows = NULL, *back = NULL;
        struct ArrowSchema schema, again;
        struct ArrowArray array, other;
        const void *values = tgl_table_column(t, 0)->values;
        const int64_t *bounds = tgl_table_column(t, 0)->offsets;
        assert_int_equal(tgl_table_slice(&rows, t, (uint64_t)skip, 3, &err), TGL_OK);
        assert_int_equal(tgl_table_export(&schema, &array, t, &err), TGL_OK);
        array.offset = skip;
        array.length = 3 - skip;
        assert_int_equal(tgl_table_adopt(&back, &schema, &array, &err), TGL_OK);
        assert_null(array.release);
        schema.release(&schema);
        tgl_table_free(t);
        assert_same(rows, back);
        const tgl_column *jet = tgl_table_column(back, 0);
        assert_ptr_equal(jet->values, (const float *)values + (skip == 0 ? 0 : 2));
        assert_int_equal(jet->offsets == bounds, skip == 0); /* else copied from 0 on */
        assert_int_equal(tgl_table_export(&again, &other, back, &err), TGL_OK);
        assert_int_equal(tgl_table_append(back, rows, &err), TGL_OK); /* copies first */
        tgl_table_free(back);
        assert_int_equal(tgl_table_import(&back, &again, &other, &err), TGL_OK);
        assert_same(rows, back);
        again.release(&again);
        other.release(&other);
        tgl_table_free(back);
        tgl_table_free(rows);
    }
}

/* Taken over on failure too. */
static void arrow_adopted_or_released(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample(), *back = NULL;
    struct ArrowSchema schema;
    struct ArrowArray array;
    for (long n = 0;; n++) {
        assert_int_equal(tgl_table_export(&schema, &array, t, &err), TGL_OK);
        tgl__alloc_fail_after(n);
        tgl_status status = tgl_table_adopt(&back, &schema, &array, &err);
        tgl__alloc_fail_after(-1);
        schema.release(&schema);
        assert_null(array.release);
        if (status == TGL_OK)
            break;
        assert_int_equal(status, TGL_ENOMEM);
        assert_true(n < 1000);
    }
    assert_same(t, back);
    tgl_table_free(back);
    back = NULL;
    assert_int_equal(tgl_table_export(&schema, &array, t, &err), TGL_OK);
    int64_t backward[] = {0, 2, 1, 5};
    array.children[0]->buffers[1] = backward;
    assert_int_equal(tgl_table_adopt(&back, &schema, &array, &err), TGL_EFORMAT);
    assert_null(array.release);
    assert_null(back);
    assert_int_equal(tgl_table_adopt(&back, &schema, &array, &err), TGL_EUSAGE);
    schema.release(&schema);
    tgl_table_free(t);
}

/* One array, the table's own memory, then the end; schemas as often as asked. */
static void arrow_stream_round_trip(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample(), *back = NULL;
    const void *values = tgl_table_column(t, 0)->values;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema[2];
    struct ArrowArray array;
    assert_int_equal(tgl_table_export_stream(&stream, t, &err), TGL_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stream.get_schema(&stream, &schema[i]), 0);
        assert_string_equal(schema[i].children[0]->format, "+L");
        schema[i].release(&schema[i]);
    }
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_ptr_equal(array.children[0]->children[0]->buffers[1], values);
    array.release(&array);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_null(array.release);
    assert_null(stream.get_last_error(&stream));
    assert_int_equal(tgl_table_import_stream(&back, &stream, &err), TGL_OK);
    assert_int_equal(tgl_table_n_row(back), 0); /* it is at its end: columns, no rows */
    assert_int_equal(tgl_table_n_column(back), 3);
    stream.release(&stream);
    assert_null(stream.release);
    tgl_table_free(back);
    assert_int_equal(tgl_table_import_stream(&back, &stream, &err), TGL_EUSAGE);
    assert_int_equal(tgl_table_export_stream(&stream, t, &err), TGL_OK);
    assert_int_equal(tgl_table_import_stream(&back, &stream, &err), TGL_OK);
    assert_same(t, back);
    stream.release(&stream); /* released unread elsewhere: nothing leaks */
    assert_int_equal(tgl_table_export_stream(&stream, t, &err), TGL_OK);
    stream.release(&stream);
    tgl_table_free(back);
    tgl_table_free(t);
}

/* A stream that answers the sample `left` times, then fails or ends. */
typedef struct repeating {
    tgl_table *table;
    int left, fails;
} repeating;

static int repeat_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct ArrowArray unused;
    repeating *r = stream->private_data;
    tgl_status status = tgl_table_export(out, &unused, r->table, NULL);
    if (status == TGL_OK)
        unused.release(&unused);
    return status == TGL_OK ? 0 : 12;
}

static int repeat_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct ArrowSchema unused;
    repeating *r = stream->private_data;
    *out = (struct ArrowArray){0};
    if (r->left-- <= 0)
        return r->fails;
    tgl_status status = tgl_table_export(&unused, out, r->table, NULL);
    if (status == TGL_OK)
        unused.release(&unused);
    return status == TGL_OK ? 0 : 12;
}

static const char *repeat_error(struct ArrowArrayStream *stream)
{
    return ((repeating *)stream->private_data)->fails == 5 ? "the disk is gone" : NULL;
}

static void repeat_release(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}

static void arrow_stream_chains_and_fails(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample(), *three = sample(), *back = NULL;
    assert_int_equal(tgl_table_append(three, t, &err), TGL_OK);
    assert_int_equal(tgl_table_append(three, t, &err), TGL_OK);
    repeating r = {t, 3, 0};
    struct ArrowArrayStream stream = {repeat_schema, repeat_next, repeat_error,
                                      repeat_release, &r};
    assert_int_equal(tgl_table_import_stream(&back, &stream, &err), TGL_OK);
    assert_same(three, back);
    tgl_table_free(back);
    back = NULL;
    r = (repeating){t, 1, 5};
    assert_int_equal(tgl_table_import_stream(&back, &stream, &err), TGL_EIO);
    assert_string_equal(err.message, "Arrow stream: the disk is gone");
    assert_null(back);
    for (long n = 0;; n++) {
        r = (repeating){t, 2, 0};
        tgl__alloc_fail_after(n);
        tgl_status status = tgl_table_import_stream(&back, &stream, &err);
        struct ArrowArrayStream ours;
        if (status == TGL_OK) {
            status = tgl_table_export_stream(&ours, t, &err);
            if (status == TGL_OK)
                ours.release(&ours);
        }
        tgl__alloc_fail_after(-1);
        tgl_table_free(back);
        back = NULL;
        if (status == TGL_OK)
            break;
        assert_int_equal(status, TGL_ENOMEM);
        assert_true(n < 1000);
    }
    tgl_table_free(three);
    tgl_table_free(t);
}

static void refuses_nulls(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample(), *back = NULL;
    struct ArrowSchema schema;
    struct ArrowArray array;
    assert_int_equal(tgl_table_export(&schema, &array, t, &err), TGL_OK);
    static const uint8_t valid[] = {0x5};
    array.children[2]->buffers[0] = valid;
    array.children[2]->null_count = -1;
    assert_int_equal(tgl_table_import(&back, &schema, &array, &err), TGL_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "row 1 is null"));
    schema.release(&schema);
    array.release(&array);
    tgl_table_free(t);
}

static void survives_allocation_failure(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_table *t = sample();
    for (long n = 0;; n++) {
        struct ArrowSchema schema;
        struct ArrowArray array;
        tgl_table *back = NULL;
        tgl__alloc_fail_after(n);
        tgl_status status = tgl_table_export(&schema, &array, t, &err);
        if (status == TGL_OK) {
            status = tgl_table_import(&back, &schema, &array, &err);
            if (status == TGL_OK)
                status = tgl_table_append(back, t, &err);
            schema.release(&schema);
            array.release(&array);
        }
        tgl__alloc_fail_after(-1);
        tgl_table_free(back);
        if (status == TGL_OK)
            break;
        assert_int_equal(status, TGL_ENOMEM);
        assert_true(n < 1000);
    }
    tgl_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_and_appends),
        cmocka_unit_test(refuses_broken_columns),
        cmocka_unit_test(arrow_round_trip),
        cmocka_unit_test(arrow_adopted_in_place),
        cmocka_unit_test(arrow_adopted_or_released),
        cmocka_unit_test(arrow_stream_round_trip),
        cmocka_unit_test(arrow_stream_chains_and_fails),
        cmocka_unit_test(refuses_nulls),
        cmocka_unit_test(survives_allocation_failure),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
