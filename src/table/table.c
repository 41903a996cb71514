#include "table/table.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/names.h"
#include "digest/digest.h"

/* A column's memory. Shared by the table, the Arrow arrays exported from it and columns
 * with the same offsets; only a block of our own memory, with one owner and its own
 * offsets, is written to. */
struct tgl_block {
    atomic_size_t n_owner;
    char *name;
    uint32_t name_hash;
    int64_t *offsets;
    tgl_block *lender; /* whose offsets these are, or NULL: our own */
    void *values;
    void (*release)(void *); /* of foreign memory, or NULL */
    void *foreign;
    bool owns_values;
    size_t row_room, value_room; /* rows and numbers that fit */
    tgl_column column;           /* what the public calls hand out */
};

typedef struct meta_entry {
    char *key, *value;
} meta_entry;

struct tgl_table {
    uint64_t n_row;
    tgl_block **blocks;
    size_t n_block, room;
    meta_entry *meta;
    size_t n_meta;
};

static const struct {
    const char *name;
    uint8_t size;
} dtypes[] = {
    [TGL_BOOL] = {"bool", 1},   [TGL_I8] = {"int8", 1},     [TGL_U8] = {"uint8", 1},
    [TGL_I16] = {"int16", 2},   [TGL_U16] = {"uint16", 2},  [TGL_I32] = {"int32", 4},
    [TGL_U32] = {"uint32", 4},  [TGL_I64] = {"int64", 8},   [TGL_U64] = {"uint64", 8},
    [TGL_F32] = {"float32", 4}, [TGL_F64] = {"float64", 8}, [TGL_STRING] = {"string", 1},
};

size_t tgl_dtype_size(tgl_dtype dtype)
{
    return dtype >= TGL_BOOL && dtype <= TGL_STRING ? dtypes[dtype].size : 0;
}

const char *tgl_dtype_name(tgl_dtype dtype)
{
    return dtype >= TGL_BOOL && dtype <= TGL_STRING ? dtypes[dtype].name : "unknown";
}

tgl_dtype tgl__dtype_of_name(const char *name)
{
    for (int d = TGL_BOOL; d <= TGL_STRING; d++)
        if (strcmp(dtypes[d].name, name) == 0)
            return (tgl_dtype)d;
    return (tgl_dtype)0;
}

bool tgl__column_item(uint64_t *out, const tgl_column *column)
{
    uint64_t item = 1;
    for (int d = 0; d < column->n_dim && d < TGL_MAX_DIM; d++)
        if (__builtin_mul_overflow(item, column->dim[d], &item))
            return false;
    *out = item;
    return true;
}

static tgl_status check_offsets(const tgl_column *c, uint64_t item, tgl_error *err)
{
    if (c->offsets == NULL)
        return tgl__fail(err, TGL_EUSAGE, "column '%s': expected offsets, found none",
                         c->name);
    if (c->offsets[0] != 0)
        return tgl__fail(err, TGL_EFORMAT,
                         "column '%s': expected first offset 0, found %" PRId64, c->name,
                         c->offsets[0]);
    int64_t backward = 0;
    for (uint64_t i = 0; i < c->n_row; i++)
        backward |= c->offsets[i + 1] < c->offsets[i];
    if (backward)
        return tgl__fail(err, TGL_EFORMAT, "column '%s': the offsets run backward",
                         c->name);
    uint64_t total;
    if (__builtin_mul_overflow((uint64_t)c->offsets[c->n_row], item, &total) ||
        total != c->n_value)
        return tgl__fail(err, TGL_EFORMAT,
                         "column '%s': last offset %" PRId64 " of items of %" PRIu64
                         " does not fit %" PRIu64 " values",
                         c->name, c->offsets[c->n_row], item, c->n_value);
    return TGL_OK;
}

/* Everything but the offsets. */
static tgl_status check_shape(uint64_t *item, const tgl_column *c, tgl_error *err)
{
    if (c->name == NULL || c->name[0] == '\0')
        return tgl__fail(err, TGL_EUSAGE, "a column needs a name");
    if (tgl_dtype_size(c->dtype) == 0 || c->n_dim > TGL_MAX_DIM)
        return tgl__fail(err, TGL_EUSAGE, "column '%s': unknown type %d or %d dimensions",
                         c->name, (int)c->dtype, c->n_dim);
    size_t bytes;
    if (!tgl__column_item(item, c) ||
        !tgl__mul_size(&bytes, c->n_value, tgl_dtype_size(c->dtype)) ||
        c->n_row >= SIZE_MAX / 8)
        return tgl__fail(err, TGL_ELIMIT, "column '%s': too large", c->name);
    if (c->dtype == TGL_STRING && (c->is_jagged || c->n_dim != 0))
        return tgl__fail(err, TGL_EUSAGE, "column '%s': one string per row at most",
                         c->name);
    if (c->n_value > 0 && c->values == NULL)
        return tgl__fail(err, TGL_EUSAGE, "column '%s': values are missing", c->name);
    return TGL_OK;
}

tgl_status tgl__column_check(const tgl_column *c, tgl_error *err)
{
    uint64_t item, total;
    TGL_TRY(check_shape(&item, c, err));
    if (c->is_jagged || c->dtype == TGL_STRING)
        return check_offsets(c, item, err);
    if (__builtin_mul_overflow(c->n_row, item, &total) || total != c->n_value)
        return tgl__fail(err, TGL_EFORMAT,
                         "column '%s': expected %" PRIu64 " rows of %" PRIu64
                         " values, found %" PRIu64 " values",
                         c->name, c->n_row, item, c->n_value);
    return TGL_OK;
}

tgl_status tgl_table_new(tgl_table **out, uint64_t n_row, tgl_error *err)
{
    tgl_table *table = tgl__calloc(1, sizeof *table);
    if (table == NULL)
        return tgl__fail_nomem(err);
    table->n_row = n_row;
    *out = table;
    return TGL_OK;
}

tgl_block *tgl__block_share(tgl_block *block)
{
    atomic_fetch_add(&block->n_owner, 1);
    return block;
}

void tgl__block_free(tgl_block *block)
{
    if (block == NULL || atomic_fetch_sub(&block->n_owner, 1) != 1)
        return;
    tgl__free(block->name);
    if (block->release != NULL)
        block->release(block->foreign);
    else if (block->lender == NULL)
        tgl__free(block->offsets);
    tgl__block_free(block->lender);
    if (block->owns_values)
        tgl__free(block->values);
    tgl__free(block);
}

tgl_block *tgl__table_block(const tgl_table *table, size_t index)
{
    return table->blocks[index];
}

void tgl_table_free(tgl_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->n_block; i++)
        tgl__block_free(table->blocks[i]);
    for (size_t i = 0; i < table->n_meta; i++) {
        tgl__free(table->meta[i].key);
        tgl__free(table->meta[i].value);
    }
    tgl__free(table->blocks);
    tgl__free(table->meta);
    tgl__free(table);
}

/* FNV-1a: tables of a thousand columns look at every name for every column. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static tgl_block *find_block(const tgl_table *table, const char *name)
{
    uint32_t hash = hash_of(name);
    for (size_t i = 0; i < table->n_block; i++)
        if (table->blocks[i]->name_hash == hash &&
            strcmp(table->blocks[i]->name, name) == 0)
            return table->blocks[i];
    return NULL;
}

static tgl_status make_room(tgl_table *table, tgl_error *err)
{
    if (table->n_block < table->room)
        return TGL_OK;
    size_t room = table->room == 0 ? 16 : table->room * 2;
    tgl_block **grown = tgl__realloc(table->blocks, room, sizeof(tgl_block *));
    if (grown == NULL)
        return tgl__fail_nomem(err);
    table->blocks = grown;
    table->room = room;
    return TGL_OK;
}

/* A block around `offsets` and `values`, which it takes over on success only. */
static tgl_status new_block(tgl_block **out, const tgl_column *column, int64_t *offsets,
                            void *values, tgl_error *err)
{
    tgl_block *block = tgl__calloc(1, sizeof *block);
    char *name = tgl__strdup(column->name);
    void *nothing = values == NULL ? tgl__aligned(1, 1) : NULL;
    if (block == NULL || name == NULL || (values == NULL && nothing == NULL)) {
        tgl__free(block);
        tgl__free(name);
        tgl__free(nothing);
        return tgl__fail_nomem(err);
    }
    atomic_init(&block->n_owner, 1);
    block->name = name;
    block->name_hash = hash_of(name);
    block->offsets = offsets;
    block->values = values == NULL ? nothing : values;
    block->owns_values = true;
    block->row_room = column->n_row;
    block->value_room = column->n_value;
    block->column = *column;
    block->column.name = name;
    block->column.offsets = offsets;
    block->column.values = block->values;
    *out = block;
    return TGL_OK;
}

static tgl_status check_place(tgl_table *table, const tgl_column *column, tgl_error *err)
{
    if (column->n_row != table->n_row)
        return tgl__fail(err, TGL_EUSAGE,
                         "column '%s': expected %" PRIu64 " rows, found %" PRIu64,
                         column->name, table->n_row, column->n_row);
    if (find_block(table, column->name) != NULL)
        return tgl__fail(err, TGL_EUSAGE, "column '%s' is there twice", column->name);
    return make_room(table, err);
}

tgl_status tgl_table_take_column(tgl_table *table, const tgl_column *column,
                                 tgl_error *err)
{
    /* the caller hands the memory over, so the const of the view ends here */
    int64_t *offsets = (int64_t *)(uintptr_t)column->offsets;
    void *values = (void *)(uintptr_t)column->values;
    tgl_block *block = NULL;
    tgl_status status = tgl__column_check(column, err);
    if (status == TGL_OK)
        status = check_place(table, column, err);
    if (status == TGL_OK)
        status = new_block(&block, column, offsets, values, err);
    if (status != TGL_OK) {
        tgl__free(offsets);
        tgl__free(values);
        return status;
    }
    table->blocks[table->n_block++] = block;
    return TGL_OK;
}

/* The lender's offsets were checked when it came in: that they fit is enough. */
static tgl_status check_sharing(const tgl_column *c, const tgl_block *lender,
                                tgl_error *err)
{
    uint64_t item, total;
    TGL_TRY(check_shape(&item, c, err));
    if (!c->is_jagged || lender->offsets == NULL || c->n_row != lender->column.n_row ||
        __builtin_mul_overflow((uint64_t)lender->offsets[c->n_row], item, &total) ||
        total != c->n_value)
        return tgl__fail(err, TGL_EUSAGE, "column '%s' does not fit the offsets of '%s'",
                         c->name, lender->name);
    return TGL_OK;
}

tgl_status tgl__table_take_sharing(tgl_table *table, const tgl_column *column,
                                   size_t owner, tgl_error *err)
{
    tgl_block *lender = table->blocks[owner], *block = NULL;
    tgl_column c = *column;
    c.offsets = lender->offsets;
    tgl_status status = check_sharing(&c, lender, err);
    if (status == TGL_OK)
        status = check_place(table, &c, err);
    if (status == TGL_OK)
        status = new_block(&block, &c, lender->offsets, (void *)(uintptr_t)c.values, err);
    if (status != TGL_OK) {
        tgl__free((void *)(uintptr_t)c.values);
        return status;
    }
    block->lender = tgl__block_share(lender->lender != NULL ? lender->lender : lender);
    table->blocks[table->n_block++] = block;
    return TGL_OK;
}

tgl_status tgl__table_take_foreign(tgl_table *table, const tgl_column *column,
                                   void (*release)(void *memory), void *memory,
                                   tgl_error *err)
{
    tgl_block *block = NULL;
    tgl_status status = tgl__column_check(column, err);
    if (status == TGL_OK)
        status = check_place(table, column, err);
    if (status == TGL_OK)
        status = new_block(&block, column, (int64_t *)(uintptr_t)column->offsets,
                           (void *)(uintptr_t)column->values, err);
    if (status != TGL_OK) {
        release(memory);
        return status;
    }
    block->release = release;
    block->foreign = memory;
    block->owns_values = column->values == NULL;
    table->blocks[table->n_block++] = block;
    return TGL_OK;
}

tgl_status tgl_table_copy_column(tgl_table *table, const tgl_column *column,
                                 tgl_error *err)
{
    TGL_TRY(tgl__column_check(column, err));
    size_t size = tgl_dtype_size(column->dtype);
    tgl_column copy = *column;
    void *values = tgl__aligned(column->n_value, size);
    int64_t *offsets =
        column->offsets == NULL ? NULL : tgl__aligned(column->n_row + 1, 8);
    if (values == NULL || (column->offsets != NULL && offsets == NULL)) {
        tgl__free(values);
        tgl__free(offsets);
        return tgl__fail_nomem(err);
    }
    if (column->n_value > 0)
        memcpy(values, column->values, column->n_value * size);
    if (offsets != NULL)
        memcpy(offsets, column->offsets, (column->n_row + 1) * 8);
    copy.values = values;
    copy.offsets = offsets;
    return tgl_table_take_column(table, &copy, err);
}

uint64_t tgl_table_n_row(const tgl_table *table)
{
    return table->n_row;
}

size_t tgl_table_n_column(const tgl_table *table)
{
    return table->n_block;
}

const tgl_column *tgl_table_column(const tgl_table *table, size_t index)
{
    return index < table->n_block ? &table->blocks[index]->column : NULL;
}

tgl_status tgl_table_find(const tgl_column **out, const tgl_table *table,
                          const char *name, tgl_error *err)
{
    const tgl_block *block = find_block(table, name);
    if (block != NULL) {
        *out = &block->column;
        return TGL_OK;
    }
    const char **names = tgl__calloc(table->n_block, sizeof *names);
    if (names == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < table->n_block; i++)
        names[i] = table->blocks[i]->name;
    const char *near = tgl__near_name(name, names, table->n_block);
    tgl_status status = near != NULL
                            ? tgl__fail(err, TGL_ENOTFOUND,
                                        "no column '%s'; did you mean '%s'?", name, near)
                            : tgl__fail(err, TGL_ENOTFOUND, "no column '%s' among %zu",
                                        name, table->n_block);
    tgl__free((void *)names);
    return status;
}

double tgl_column_double(const tgl_column *column, uint64_t i)
{
    if (column->dtype == TGL_F32)
        return (double)((const float *)column->values)[i];
    if (column->dtype == TGL_F64)
        return ((const double *)column->values)[i];
    if (column->dtype == TGL_U64)
        return (double)((const uint64_t *)column->values)[i];
    return (double)tgl_column_int(column, i);
}

int64_t tgl_column_int(const tgl_column *column, uint64_t i)
{
    switch (column->dtype) {
    case TGL_BOOL:
    case TGL_U8:
        return ((const uint8_t *)column->values)[i];
    case TGL_I8:
        return ((const int8_t *)column->values)[i];
    case TGL_I16:
        return ((const int16_t *)column->values)[i];
    case TGL_U16:
        return ((const uint16_t *)column->values)[i];
    case TGL_I32:
        return ((const int32_t *)column->values)[i];
    case TGL_U32:
        return ((const uint32_t *)column->values)[i];
    case TGL_I64:
        return ((const int64_t *)column->values)[i];
    case TGL_U64:
        return (int64_t)((const uint64_t *)column->values)[i];
    case TGL_F32:
    case TGL_F64:
    case TGL_STRING:
        break;
    }
    return 0;
}

/* Rows [begin, end) of c as a column of its own in fresh memory. */
static tgl_status slice_column(tgl_table *out, const tgl_column *c, uint64_t begin,
                               uint64_t end, tgl_error *err)
{
    uint64_t item = 1, first = begin, last = end;
    (void)tgl__column_item(&item, c); /* fits: the column was checked when it came in */
    if (c->offsets != NULL) {
        first = (uint64_t)c->offsets[begin];
        last = (uint64_t)c->offsets[end];
    }
    size_t size = tgl_dtype_size(c->dtype);
    tgl_column part = *c;
    part.n_row = end - begin;
    part.n_value = (last - first) * item;
    void *values = tgl__aligned(part.n_value, size);
    int64_t *offsets = c->offsets == NULL ? NULL : tgl__aligned(part.n_row + 1, 8);
    if (values == NULL || (c->offsets != NULL && offsets == NULL)) {
        tgl__free(values);
        tgl__free(offsets);
        return tgl__fail_nomem(err);
    }
    if (part.n_value > 0)
        memcpy(values, (const char *)c->values + first * item * size,
               part.n_value * size);
    for (uint64_t i = 0; offsets != NULL && i <= part.n_row; i++)
        offsets[i] = c->offsets[begin + i] - c->offsets[begin];
    part.values = values;
    part.offsets = offsets;
    return tgl_table_take_column(out, &part, err);
}

tgl_status tgl_table_slice(tgl_table **out, const tgl_table *table, uint64_t begin,
                           uint64_t end, tgl_error *err)
{
    if (begin > end || end > table->n_row)
        return tgl__fail(err, TGL_EUSAGE,
                         "rows %" PRIu64 " to %" PRIu64
                         " are outside the table's %" PRIu64,
                         begin, end, table->n_row);
    tgl_table *part = NULL;
    TGL_TRY(tgl_table_new(&part, end - begin, err));
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < table->n_block; i++)
        status = slice_column(part, &table->blocks[i]->column, begin, end, err);
    for (size_t i = 0; status == TGL_OK && i < table->n_meta; i++)
        status = tgl_table_set_meta(part, table->meta[i].key, table->meta[i].value, err);
    if (status != TGL_OK) {
        tgl_table_free(part);
        return status;
    }
    *out = part;
    return TGL_OK;
}

static tgl_status check_same(const tgl_column *a, const tgl_column *b, tgl_error *err)
{
    bool same = strcmp(a->name, b->name) == 0 && a->dtype == b->dtype &&
                a->is_jagged == b->is_jagged && a->n_dim == b->n_dim &&
                memcmp(a->dim, b->dim, a->n_dim * sizeof a->dim[0]) == 0;
    if (same)
        return TGL_OK;
    return tgl__fail(err, TGL_EUSAGE,
                     "cannot append: expected column '%s' of %s%s with %d dimensions, "
                     "found '%s' of %s%s with %d",
                     a->name, tgl_dtype_name(a->dtype), a->is_jagged ? " (jagged)" : "",
                     a->n_dim, b->name, tgl_dtype_name(b->dtype),
                     b->is_jagged ? " (jagged)" : "", b->n_dim);
}

/* Room for n_row rows and n_value numbers in a block of one owner; growth by half keeps
 * repeated appends linear. */
static tgl_status reserve(tgl_block **slot, uint64_t n_row, uint64_t n_value,
                          tgl_error *err)
{
    tgl_block *block = *slot;
    if (atomic_load(&block->n_owner) == 1 && block->lender == NULL &&
        block->release == NULL && n_row <= block->row_room &&
        n_value <= block->value_room)
        return TGL_OK;
    const tgl_column *c = &block->column;
    size_t size = tgl_dtype_size(c->dtype);
    uint64_t rows = n_row + n_row / 2, numbers = n_value + n_value / 2;
    void *values = tgl__aligned(numbers, size);
    int64_t *offsets = c->offsets == NULL ? NULL : tgl__aligned(rows + 1, 8);
    tgl_block *fresh = NULL;
    tgl_status status = values == NULL || (c->offsets != NULL && offsets == NULL)
                            ? tgl__fail_nomem(err)
                            : new_block(&fresh, c, offsets, values, err);
    if (status != TGL_OK) {
        tgl__free(values);
        tgl__free(offsets);
        return status;
    }
    if (c->n_value > 0)
        memcpy(values, c->values, c->n_value * size);
    if (offsets != NULL)
        memcpy(offsets, c->offsets, (c->n_row + 1) * 8);
    fresh->row_room = rows;
    fresh->value_room = numbers;
    *slot = fresh;
    tgl__block_free(block);
    return TGL_OK;
}

tgl_status tgl_table_append(tgl_table *a, const tgl_table *b, tgl_error *err)
{
    if (a->n_block != b->n_block)
        return tgl__fail(err, TGL_EUSAGE,
                         "cannot append: expected %zu columns, found %zu", a->n_block,
                         b->n_block);
    uint64_t n_row = a->n_row + b->n_row;
    for (size_t i = 0; i < a->n_block; i++)
        TGL_TRY(check_same(&a->blocks[i]->column, &b->blocks[i]->column, err));
    for (size_t i = 0; i < a->n_block; i++) {
        uint64_t n_value = a->blocks[i]->column.n_value + b->blocks[i]->column.n_value;
        TGL_TRY(reserve(&a->blocks[i], n_row, n_value, err));
    }
    uint64_t n_more = b->n_row; /* b may be a */
    for (size_t i = 0; i < a->n_block; i++) {
        tgl_block *block = a->blocks[i];
        tgl_column *c = &block->column;
        const tgl_column *more = &b->blocks[i]->column;
        size_t size = tgl_dtype_size(c->dtype);
        uint64_t n_more_value = more->n_value;
        if (n_more_value > 0)
            memcpy((char *)block->values + c->n_value * size, more->values,
                   n_more_value * size);
        if (block->offsets != NULL) {
            int64_t shift = block->offsets[a->n_row];
            for (uint64_t r = 1; r <= n_more; r++)
                block->offsets[a->n_row + r] = more->offsets[r] + shift;
        }
        c->n_value += n_more_value;
        c->n_row = n_row;
    }
    a->n_row = n_row;
    return TGL_OK;
}

tgl_status tgl_table_set_meta(tgl_table *table, const char *key, const char *value,
                              tgl_error *err)
{
    char *copy = tgl__strdup(value);
    if (copy == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < table->n_meta; i++)
        if (strcmp(table->meta[i].key, key) == 0) {
            tgl__free(table->meta[i].value);
            table->meta[i].value = copy;
            return TGL_OK;
        }
    char *name = tgl__strdup(key);
    meta_entry *grown =
        name == NULL ? NULL
                     : tgl__realloc(table->meta, table->n_meta + 1, sizeof *table->meta);
    if (grown == NULL) {
        tgl__free(name);
        tgl__free(copy);
        return tgl__fail_nomem(err);
    }
    table->meta = grown;
    table->meta[table->n_meta++] = (meta_entry){name, copy};
    return TGL_OK;
}

const char *tgl_table_meta(const tgl_table *table, const char *key)
{
    for (size_t i = 0; i < table->n_meta; i++)
        if (strcmp(table->meta[i].key, key) == 0)
            return table->meta[i].value;
    return NULL;
}

bool tgl__table_meta_at(const tgl_table *table, size_t index, const char **key,
                        const char **value)
{
    if (index >= table->n_meta)
        return false;
    *key = table->meta[index].key;
    *value = table->meta[index].value;
    return true;
}

void tgl__table_drop_meta(tgl_table *table, const char *key)
{
    for (size_t i = 0; i < table->n_meta; i++)
        if (strcmp(table->meta[i].key, key) == 0) {
            tgl__free(table->meta[i].key);
            tgl__free(table->meta[i].value);
            memmove(&table->meta[i], &table->meta[i + 1],
                    (table->n_meta - i - 1) * sizeof *table->meta);
            table->n_meta--;
            return;
        }
}

/* The digest's bytes: name and type name, each zero-terminated; is_jagged and n_dim, one
 * byte each; the dims, 4 bytes each; n_row and n_value, 8 bytes each; the offsets (jagged
 * and string columns); the values. Numbers little-endian. */
tgl_status tgl_column_digest(char out[72], const tgl_column *c, tgl_error *err)
{
    TGL_TRY(tgl__column_check(c, err));
    tgl_sha256_stream *stream = NULL;
    TGL_TRY(tgl__sha256_new(&stream, err));
    tgl_status status = TGL_OK;
    const char *type = tgl_dtype_name(c->dtype);
    uint8_t shape[2] = {c->is_jagged != 0, c->n_dim};
    uint64_t counts[2] = {c->n_row, c->n_value};
    tgl_sha256 digest;
    TGL_TRY_GOTO(tgl__sha256_update(stream, c->name, strlen(c->name) + 1, err));
    TGL_TRY_GOTO(tgl__sha256_update(stream, type, strlen(type) + 1, err));
    TGL_TRY_GOTO(tgl__sha256_update(stream, shape, sizeof shape, err));
    TGL_TRY_GOTO(tgl__sha256_update(stream, c->dim, c->n_dim * sizeof c->dim[0], err));
    TGL_TRY_GOTO(tgl__sha256_update(stream, counts, sizeof counts, err));
    if (c->is_jagged || c->dtype == TGL_STRING)
        TGL_TRY_GOTO(tgl__sha256_update(stream, c->offsets, (c->n_row + 1) * 8, err));
    if (c->n_value > 0)
        TGL_TRY_GOTO(tgl__sha256_update(stream, c->values,
                                        c->n_value * tgl_dtype_size(c->dtype), err));
    TGL_TRY_GOTO(tgl__sha256_final(&digest, stream, err));
    tgl__sha256_format(out, &digest);
out:
    tgl__sha256_free(stream);
    return status;
}
