/* Columns of baskets made here, in memory, of any size and with any boundaries: what is
 * read must be the lists they were made from, for every range, instruction set and number
 * of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "data/root/root.h"
#include "table/table.h"

enum { N_ROW = 611, MOST_BASKET = 64, N_COLUMN = 7, KEY = 70 };

/* A column as lists: row i holds items [offsets[i], offsets[i + 1]) of n_number each. */
typedef struct made_column {
    tgl_dtype dtype;
    uint32_t n_number;
    int64_t offsets[N_ROW + 1];
    uint8_t *big, *native; /* the same numbers */
    tgl_root_branch branch;
    tgl_root_basket baskets[MOST_BASKET];
    uint8_t *stored[MOST_BASKET]; /* positions */
    tgl_root_object *items[MOST_BASKET];
    uint32_t places[MOST_BASKET];
    uint8_t entries[8 * (MOST_BASKET + 1)];
} made_column;

typedef struct made_file {
    tgl_root_reader reader;
    tgl_field fields[N_COLUMN];
    tgl_root_layout layouts[N_COLUMN];
    made_column columns[N_COLUMN];
    tgl_root_branch count;
} made_file;

static void put32(uint8_t *to, uint32_t v)
{
    for (int k = 0; k < 4; k++)
        to[k] = (uint8_t)(v >> (24 - 8 * k));
}

static void make_numbers(made_column *c, size_t width)
{
    size_t n = (size_t)c->offsets[N_ROW] * c->n_number;
    c->big = test_malloc(n * width + 1);
    c->native = test_malloc(n * width + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++) {
            uint8_t byte = (uint8_t)((i * 2654435761u) >> (8 * (k % 4)));
            c->big[i * width + k] = byte;
            c->native[i * width + width - 1 - k] = byte;
        }
}

/* Baskets of `step` rows, the first one of `first`. */
static void make_baskets(made_column *c, uint32_t first, uint32_t step, size_t width,
                         bool jagged)
{
    uint32_t row = 0, n = 0, item = (uint32_t)(width * c->n_number);
    for (uint32_t size = first; row < N_ROW; row += size, size = step, n++) {
        assert_true(n < MOST_BASKET);
        size = size < N_ROW - row ? size : N_ROW - row;
        int64_t from = c->offsets[row], to = c->offsets[row + size];
        tgl_root_basket *b = &c->baskets[n];
        *b = (tgl_root_basket){.object = {.kind = TGL_ROOT_BASKET},
                               .border = (uint32_t)(to - from) * item,
                               .n_entry = size,
                               .key_size = KEY,
                               .data = c->big + (size_t)from * item};
        if (jagged) {
            c->stored[n] = test_malloc(4 * (size_t)size + 4);
            for (uint32_t i = 0; i < size; i++)
                put32(c->stored[n] + 4 * i,
                      KEY + (uint32_t)(c->offsets[row + i] - from) * item);
            b->offsets = c->stored[n];
            b->n_offset = size;
        }
        c->items[n] = &b->object;
        c->places[n] = n;
        put32(c->entries + 8 * n + 4, row);
    }
    put32(c->entries + 8 * n + 4, N_ROW);
    c->branch = (tgl_root_branch){.n_basket = (int32_t)n,
                                  .n_entry = N_ROW,
                                  .basket_entry = {c->entries, n + 1, 8},
                                  .baskets = {c->items, c->places, n, n}};
}

static const struct made_kind {
    const char *name;
    tgl_dtype dtype;
    uint32_t n_number, first, step;
    int lists; /* 0 flat, 1 as counted, 2 another distribution, 3 other totals */
} kinds[N_COLUMN] = {
    {"leader", TGL_I16, 1, 7, 31, 1},   {"shares", TGL_F32, 1, 100, 13, 1},
    {"differs", TGL_I16, 1, 31, 31, 2}, {"alone", TGL_U8, 1, 611, 611, 3},
    {"of_three", TGL_U16, 3, 1, 40, 1}, {"three_differ", TGL_I64, 3, 99, 16, 2},
    {"flat", TGL_F64, 1, 5, 50, 0},
};

static int64_t length_of(int lists, int64_t row)
{
    if (lists == 0)
        return 1;
    int64_t n = row * row % 7 % 5;
    if (lists == 2 && row >= 300 && row < 302) /* two rows change places: same total */
        n = (601 - row) * (601 - row) % 7 % 5;
    return lists == 3 ? n + (row == 17) : n;
}

static int make_file(void **state)
{
    made_file *f = test_calloc(1, sizeof *f);
    for (size_t i = 0; i < N_COLUMN; i++) {
        made_column *c = &f->columns[i];
        size_t width = tgl_dtype_size(kinds[i].dtype);
        c->dtype = kinds[i].dtype;
        c->n_number = kinds[i].n_number;
        for (int64_t r = 0; r < N_ROW; r++)
            c->offsets[r + 1] = c->offsets[r] + length_of(kinds[i].lists, r);
        make_numbers(c, width);
        make_baskets(c, kinds[i].first, kinds[i].step, width, kinds[i].lists != 0);
        f->fields[i] = (tgl_field){.name = kinds[i].name,
                                   .dtype = c->dtype,
                                   .is_jagged = kinds[i].lists != 0,
                                   .n_dim = c->n_number > 1,
                                   .dim = {c->n_number}};
        f->layouts[i] =
            (tgl_root_layout){.branch = &c->branch,
                              .count = kinds[i].lists != 0 ? &f->count : NULL,
                              .shape = kinds[i].lists ? TGL_ROOT_JAGGED : TGL_ROOT_FIXED,
                              .dtype = c->dtype,
                              .width = (uint8_t)width,
                              .n_number = c->n_number,
                              .stride = kinds[i].lists ? 0 : (uint32_t)width};
    }
    f->reader.reader = (tgl_reader){.n_row = N_ROW, .n_field = N_COLUMN};
    f->reader.file = (tgl_root_file){.name = "made", .size = 1 << 30};
    f->reader.columns =
        (tgl_root_columns){.fields = f->fields, .layouts = f->layouts, .n = N_COLUMN};
    *state = f;
    return 0;
}

static int free_file(void **state)
{
    made_file *f = *state;
    for (size_t i = 0; i < N_COLUMN; i++) {
        for (int k = 0; k < MOST_BASKET; k++)
            if (f->columns[i].stored[k] != NULL)
                test_free(f->columns[i].stored[k]);
        test_free(f->columns[i].big);
        test_free(f->columns[i].native);
    }
    test_free(f);
    return 0;
}

static void check_column(const made_column *made, const tgl_column *c, uint64_t begin,
                         uint64_t end)
{
    size_t item = tgl_dtype_size(made->dtype) * made->n_number;
    int64_t first = made->offsets[begin], last = made->offsets[end];
    assert_int_equal(c->n_value, (uint64_t)(last - first) * made->n_number);
    if (last > first)
        assert_memory_equal(c->values, made->native + (size_t)first * item,
                            (size_t)(last - first) * item);
    for (uint64_t r = begin; c->is_jagged && r <= end; r++)
        assert_int_equal(c->offsets[r - begin], made->offsets[r] - first);
}

static tgl_table *read_range(made_file *f, uint64_t begin, uint64_t end)
{
    size_t which[N_COLUMN];
    tgl_table *table = NULL;
    tgl_error err = {0};
    for (size_t i = 0; i < N_COLUMN; i++)
        which[i] = i;
    assert_int_equal(tgl_table_new(&table, end - begin, &err), TGL_OK);
    tgl_status status =
        tgl__root_read(&f->reader.reader, table, which, N_COLUMN, begin, end, NULL, &err);
    if (status != TGL_OK)
        fail_msg("%s", err.message);
    return table;
}

static void ranges_are_the_lists(void **state)
{
    made_file *f = *state;
    static const uint64_t ranges[][2] = {
        {0, N_ROW}, {0, 1},     {0, 0},   {1, N_ROW}, {7, 38},  {6, 39},
        {299, 304}, {301, 302}, {0, 300}, {302, 610}, {17, 18}, {610, N_ROW}};
    for (int isa = 0; isa < TGL_ROOT_N_ISA; isa++) {
        f->reader.kernels = tgl__root_kernels_of((tgl_root_isa)isa);
        for (size_t t = 1; f->reader.kernels != NULL && t <= 5; t += 2)
            for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
                f->reader.n_thread = t;
                tgl_table *table = read_range(f, ranges[k][0], ranges[k][1]);
                for (size_t i = 0; i < N_COLUMN; i++)
                    check_column(&f->columns[i], tgl_table_column(table, i), ranges[k][0],
                                 ranges[k][1]);
                tgl_table_free(table);
            }
    }
}

static void equal_offsets_are_shared_and_others_not(void **state)
{
    made_file *f = *state;
    f->reader.kernels = tgl__root_kernels();
    f->reader.n_thread = 2;
    tgl_table *table = read_range(f, 0, N_ROW);
    const int64_t *leader = tgl_table_column(table, 0)->offsets;
    static const bool shared[N_COLUMN] = {true, true, false, false, true, false, false};
    for (size_t i = 0; i < N_COLUMN; i++)
        assert_int_equal(tgl_table_column(table, i)->offsets == leader, shared[i]);
    tgl_table *copy = NULL;
    assert_int_equal(tgl_table_slice(&copy, table, 0, N_ROW, NULL), TGL_OK);
    assert_int_equal(tgl_table_append(table, copy, NULL), TGL_OK); /* they part again */
    for (size_t i = 0; i < N_COLUMN; i++) {
        const tgl_column *c = tgl_table_column(table, i);
        check_column(&f->columns[i], tgl_table_column(copy, i), 0, N_ROW);
        for (uint64_t r = 0; c->is_jagged && r <= N_ROW; r++)
            assert_int_equal(c->offsets[N_ROW + r],
                             f->columns[i].offsets[N_ROW] + f->columns[i].offsets[r]);
    }
    tgl_table_free(table);
    tgl_table_free(copy);
}

/* Spoilt positions: an error that names branch and rows, never other values. */
static void spoilt_positions_are_refused(void **state)
{
    made_file *f = *state;
    f->reader.kernels = tgl__root_kernels();
    f->reader.n_thread = 1;
    static const size_t columns[] = {0, 1, 4};
    for (size_t k = 0; k < 3; k++) {
        uint8_t *p = f->columns[columns[k]].stored[1] + 4 * 5;
        static const uint8_t flips[] = {0x80, 0x40, 0x01};
        for (size_t b = 0; b < 3; b++) {
            size_t which[N_COLUMN] = {0, 1, 2, 3, 4, 5, 6};
            tgl_table *table = NULL;
            tgl_error err = {0};
            p[b == 2 ? 3 : 0] ^= flips[b];
            assert_int_equal(tgl_table_new(&table, N_ROW, NULL), TGL_OK);
            assert_int_equal(tgl__root_read(&f->reader.reader, table, which, N_COLUMN, 0,
                                            N_ROW, NULL, &err),
                             TGL_EFORMAT);
            assert_non_null(strstr(err.message, kinds[columns[k]].name));
            tgl_table_free(table);
            p[b == 2 ? 3 : 0] ^= flips[b];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_the_lists),
        cmocka_unit_test(equal_offsets_are_shared_and_others_not),
        cmocka_unit_test(spoilt_positions_are_refused),
    };
    return cmocka_run_group_tests_name("root_read", tests, make_file, free_file);
}
