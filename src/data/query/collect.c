#include "data/query/collect.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "table/table.h"

/* A column being filled; offsets count items, or bytes of strings. */
typedef struct builder {
    tgl_column column;
    uint64_t item;
    int leaf; /* DuckDB's type */
    char *values;
    int64_t *offsets;
    uint64_t n_value, value_room, row_room;
} builder;

typedef struct collector {
    const tgl_duckdb *d;
    builder *builders;
    size_t n;
    uint64_t n_row;
    tgl_arena arena;
} collector;

static tgl_dtype dtype_of(int type)
{
    if (type >= DUCK_BOOLEAN && type <= DUCK_DOUBLE) {
        static const tgl_dtype dtypes[] = {
            [DUCK_BOOLEAN] = TGL_BOOL,  [DUCK_TINYINT] = TGL_I8,
            [DUCK_SMALLINT] = TGL_I16,  [DUCK_INTEGER] = TGL_I32,
            [DUCK_BIGINT] = TGL_I64,    [DUCK_UTINYINT] = TGL_U8,
            [DUCK_USMALLINT] = TGL_U16, [DUCK_UINTEGER] = TGL_U32,
            [DUCK_UBIGINT] = TGL_U64,   [DUCK_FLOAT] = TGL_F32,
            [DUCK_DOUBLE] = TGL_F64,
        };
        return dtypes[type];
    }
    if (type == DUCK_HUGEINT)
        return TGL_I64; /* what sum() of integers gives; values are checked */
    return type == DUCK_VARCHAR || type == DUCK_BLOB ? TGL_STRING : (tgl_dtype)0;
}

/* LIST, then any ARRAYs, then a number; or a string. */
static tgl_status describe(builder *b, const collector *c, duck_result *result,
                           uint64_t index, tgl_error *err)
{
    const tgl_duckdb *d = c->d;
    duck type = d->column_logical_type(result, index);
    bool too_deep = false;
    for (;;) {
        b->leaf = d->get_type_id(type);
        duck inner;
        if (b->leaf == DUCK_LIST && !b->column.is_jagged && b->column.n_dim == 0) {
            b->column.is_jagged = 1;
            inner = d->list_type_child_type(type);
        } else if (b->leaf == DUCK_ARRAY && b->column.n_dim < TGL_MAX_DIM) {
            b->column.dim[b->column.n_dim++] = (uint32_t)d->array_type_array_size(type);
            inner = d->array_type_child_type(type);
        } else {
            too_deep = b->leaf == DUCK_ARRAY;
            break;
        }
        d->destroy_logical_type(&type);
        type = inner;
    }
    d->destroy_logical_type(&type);
    b->column.dtype = too_deep ? (tgl_dtype)0 : dtype_of(b->leaf);
    bool nested_text =
        b->column.dtype == TGL_STRING && (b->column.is_jagged || b->column.n_dim > 0);
    if (b->column.dtype == 0 || nested_text)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "result column '%s' has a DuckDB type (%d) no column can hold; "
                         "cast it, for example to DOUBLE, BIGINT or VARCHAR",
                         b->column.name, b->leaf);
    return tgl__column_item(&b->item, &b->column) ? TGL_OK : tgl__fail_nomem(err);
}

static void *grow(void *old, size_t used, uint64_t *room, uint64_t wanted, size_t size)
{
    uint64_t larger = wanted + wanted / 2 + 64;
    void *fresh = tgl__aligned(larger, size);
    if (fresh == NULL)
        return NULL;
    if (used > 0)
        memcpy(fresh, old, used * size);
    tgl__free(old);
    *room = larger;
    return fresh;
}

static tgl_status reserve_values(builder *b, uint64_t more, tgl_error *err)
{
    if (b->n_value + more <= b->value_room && b->values != NULL)
        return TGL_OK;
    void *fresh = grow(b->values, b->n_value, &b->value_room, b->n_value + more,
                       tgl_dtype_size(b->column.dtype));
    if (fresh == NULL)
        return tgl__fail_nomem(err);
    b->values = fresh;
    return TGL_OK;
}

static tgl_status reserve_rows(builder *b, uint64_t n_row, uint64_t more, tgl_error *err)
{
    if (b->offsets != NULL && n_row + more + 1 <= b->row_room)
        return TGL_OK;
    size_t used = b->offsets == NULL ? 0 : n_row + 1;
    int64_t *fresh = grow(b->offsets, used, &b->row_room, n_row + more + 1, 8);
    if (fresh == NULL)
        return tgl__fail_nomem(err);
    if (used == 0)
        fresh[0] = 0;
    b->offsets = fresh;
    return TGL_OK;
}

static bool is_valid(const uint64_t *validity, uint64_t i)
{
    return validity == NULL || validity[i / 64] >> (i % 64) & 1;
}

static tgl_status refuse_null(const builder *b, uint64_t row, tgl_error *err)
{
    return tgl__fail(err, TGL_EUNSUPPORTED,
                     "result column '%s' is NULL in row %" PRIu64
                     "; columns have no NULL: use coalesce or WHERE",
                     b->column.name, row);
}

static tgl_status put_huge(builder *b, const uint8_t *from, uint64_t n, tgl_error *err)
{
    int64_t *to = (int64_t *)(void *)b->values + b->n_value;
    for (uint64_t i = 0; i < n; i++) {
        int64_t half[2];
        memcpy(half, from + 16 * i, 16);
        if (half[1] != (half[0] < 0 ? -1 : 0))
            return tgl__fail(err, TGL_ELIMIT,
                             "result column '%s': an integer beyond 64 bits; cast it",
                             b->column.name);
        to[i] = half[0];
    }
    return TGL_OK;
}

/* Numbers first … first + n of a leaf vector behind the ones there. */
static tgl_status put_numbers(builder *b, const collector *c, duck leaf, uint64_t first,
                              uint64_t n, uint64_t row, tgl_error *err)
{
    size_t size = tgl_dtype_size(b->column.dtype);
    const uint8_t *from = c->d->vector_get_data(leaf);
    const uint64_t *valid = c->d->vector_get_validity(leaf);
    TGL_TRY(reserve_values(b, n, err));
    char *to = b->values + b->n_value * size;
    bool floats = b->column.dtype == TGL_F32 || b->column.dtype == TGL_F64;
    bool any_null = false;
    for (uint64_t i = 0; valid != NULL && i < n; i++)
        any_null = any_null || !is_valid(valid, first + i);
    if (any_null && !floats)
        return refuse_null(b, row, err);
    if (b->leaf == DUCK_HUGEINT)
        TGL_TRY(put_huge(b, from + first * 16, n, err));
    else if (n > 0)
        memcpy(to, from + first * size, n * size);
    for (uint64_t i = 0; any_null && i < n; i++) {
        float single = NAN;
        double wide = NAN;
        if (!is_valid(valid, first + i))
            memcpy(to + i * size, size == 4 ? (const void *)&single : (const void *)&wide,
                   size);
    }
    b->n_value += n;
    return TGL_OK;
}

static tgl_status put_strings(builder *b, const collector *c, duck vector, uint64_t n,
                              tgl_error *err)
{
    const duck_string *strings = c->d->vector_get_data(vector);
    const uint64_t *valid = c->d->vector_get_validity(vector);
    for (uint64_t i = 0; i < n; i++) {
        if (!is_valid(valid, i))
            return refuse_null(b, c->n_row + i, err);
        const duck_string *s = &strings[i];
        const char *text = s->length <= 12 ? s->prefix : s->pointer;
        TGL_TRY(reserve_values(b, s->length, err));
        if (s->length > 0)
            memcpy(b->values + b->n_value, text, s->length);
        b->n_value += s->length;
        b->offsets[c->n_row + i + 1] = (int64_t)b->n_value;
    }
    return TGL_OK;
}

/* ARRAY levels hold dim[i] times as many elements each; their own NULLs are refused. */
static tgl_status descend(duck *leaf, const builder *b, const collector *c, duck vector,
                          uint64_t first, uint64_t n, tgl_error *err)
{
    for (int i = 0; i < b->column.n_dim; i++) {
        const uint64_t *valid = c->d->vector_get_validity(vector);
        for (uint64_t k = 0; valid != NULL && k < n; k++)
            if (!is_valid(valid, first + k))
                return refuse_null(b, c->n_row, err);
        first *= b->column.dim[i];
        n *= b->column.dim[i];
        vector = c->d->array_vector_get_child(vector);
    }
    *leaf = vector;
    return TGL_OK;
}

static tgl_status put_lists(builder *b, const collector *c, duck vector, uint64_t n,
                            tgl_error *err)
{
    const duck_list_entry *entries = c->d->vector_get_data(vector);
    const uint64_t *valid = c->d->vector_get_validity(vector);
    duck child = c->d->list_vector_get_child(vector), leaf = NULL;
    for (uint64_t i = 0; i < n; i++) {
        if (!is_valid(valid, i))
            return refuse_null(b, c->n_row + i, err);
        duck_list_entry e = entries[i];
        TGL_TRY(descend(&leaf, b, c, child, e.offset, e.length, err));
        TGL_TRY(put_numbers(b, c, leaf, e.offset * b->item, e.length * b->item,
                            c->n_row + i, err));
        int64_t *offset = &b->offsets[c->n_row + i + 1];
        *offset = offset[-1] + (int64_t)e.length;
    }
    return TGL_OK;
}

static tgl_status put_vector(builder *b, const collector *c, duck vector, uint64_t n,
                             tgl_error *err)
{
    if (b->column.is_jagged || b->column.dtype == TGL_STRING)
        TGL_TRY(reserve_rows(b, c->n_row, n, err));
    if (b->column.dtype == TGL_STRING)
        return put_strings(b, c, vector, n, err);
    if (b->column.is_jagged)
        return put_lists(b, c, vector, n, err);
    duck leaf = NULL;
    TGL_TRY(descend(&leaf, b, c, vector, 0, n, err));
    return put_numbers(b, c, leaf, 0, n * b->item, c->n_row, err);
}

static tgl_status take_chunks(collector *c, duck_result *result,
                              const tgl_progress *progress, tgl_error *err)
{
    for (;;) {
        duck chunk = c->d->fetch_chunk(*result);
        if (chunk == NULL)
            return TGL_OK;
        uint64_t n = c->d->data_chunk_get_size(chunk);
        tgl_status status = tgl__progress(progress, "collecting", c->n_row, 0, err);
        for (size_t i = 0; status == TGL_OK && i < c->n; i++)
            status = put_vector(&c->builders[i], c, c->d->data_chunk_get_vector(chunk, i),
                                n, err);
        c->d->destroy_data_chunk(&chunk);
        TGL_TRY(status);
        c->n_row += n;
        if (n == 0)
            return TGL_OK;
    }
}

/* The builders' memory becomes the table's. */
static tgl_status finish(tgl_table **out, collector *c, tgl_error *err)
{
    tgl_table *table = NULL;
    TGL_TRY(tgl_table_new(&table, c->n_row, err));
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < c->n; i++) {
        builder *b = &c->builders[i];
        if (b->column.is_jagged || b->column.dtype == TGL_STRING)
            status = reserve_rows(b, c->n_row, 0, err);
        if (status != TGL_OK)
            break;
        b->column.n_row = c->n_row;
        b->column.n_value = b->n_value;
        b->column.offsets = b->offsets;
        b->column.values = b->values;
        b->offsets = NULL;
        b->values = NULL;
        status = tgl_table_take_column(table, &b->column, err);
    }
    if (status != TGL_OK) {
        tgl_table_free(table);
        return status;
    }
    *out = table;
    return TGL_OK;
}

tgl_status tgl__query_collect(tgl_table **out, const tgl_duckdb *duckdb,
                              duck_result *result, const tgl_progress *progress,
                              tgl_error *err)
{
    collector c = {.d = duckdb, .n = duckdb->column_count(result)};
    tgl_status status = TGL_OK;
    c.builders = tgl__calloc(c.n, sizeof *c.builders);
    if (c.builders == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < c.n; i++) {
        c.builders[i].column.name =
            tgl__arena_strdup(&c.arena, duckdb->column_name(result, i));
        if (c.builders[i].column.name == NULL) {
            status = tgl__fail_nomem(err);
            goto out;
        }
        TGL_TRY_GOTO(describe(&c.builders[i], &c, result, i, err));
    }
    TGL_TRY_GOTO(take_chunks(&c, result, progress, err));
    status = finish(out, &c, err);
out:
    for (size_t i = 0; i < c.n; i++) {
        tgl__free(c.builders[i].values);
        tgl__free(c.builders[i].offsets);
    }
    tgl__free(c.builders);
    tgl__arena_release(&c.arena);
    return status;
}
