/* Arrow C data interface, incoming: a struct array as a table, copied or taken over.
 * Offsets of sliced arrays are honoured at every level; nulls are refused, since a column
 * has none. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "table/table.h"

/* An array taken over; it is released with the last column that uses its memory. */
typedef struct loan {
    atomic_size_t n_user;
    struct ArrowArray array;
} loan;

/* A column being imported: `own` is what of it was copied, the rest is the lender's. */
typedef struct incoming {
    tgl_column column;
    loan *lender; /* NULL: everything is copied */
    int64_t *own_offsets;
    void *own_values;
} incoming;

static void leave(loan *lender)
{
    if (atomic_fetch_sub(&lender->n_user, 1) != 1)
        return;
    lender->array.release(&lender->array);
    tgl__free(lender);
}

static void free_incoming(void *memory)
{
    incoming *in = memory;
    tgl__free(in->own_offsets);
    tgl__free(in->own_values);
    leave(in->lender);
    tgl__free(in);
}

static bool is_aligned(const void *at, size_t size)
{
    return (uintptr_t)at % size == 0;
}

static tgl_dtype leaf_dtype(const char *format)
{
    static const char codes[] = "bcCsSiIlLfg";
    if (format[0] == '\0' || format[1] != '\0')
        return (tgl_dtype)0;
    if (strchr("uUzZ", format[0]) != NULL)
        return TGL_STRING;
    const char *at = strchr(codes, format[0]);
    return at == NULL ? (tgl_dtype)0 : (tgl_dtype)(TGL_BOOL + (at - codes));
}

static tgl_status check_array(const struct ArrowSchema *schema,
                              const struct ArrowArray *array, int64_t n_buffer,
                              const char *column, tgl_error *err)
{
    if (array->release == NULL || array->length < 0 || array->offset < 0 ||
        array->n_buffers < n_buffer || array->n_children != schema->n_children)
        return tgl__fail(err, TGL_EFORMAT, "column '%s': malformed Arrow array", column);
    if (array->dictionary != NULL || schema->dictionary != NULL)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "column '%s': dictionary encoding is not supported", column);
    const uint8_t *valid = array->n_buffers > 0 ? array->buffers[0] : NULL;
    if (array->null_count == 0 || valid == NULL)
        return TGL_OK;
    for (int64_t i = array->offset; i < array->offset + array->length; i++)
        if (!(valid[i / 8] >> (i % 8) & 1))
            return tgl__fail(err, TGL_EUNSUPPORTED,
                             "column '%s': row %" PRId64
                             " is null; columns have no nulls",
                             column, i - array->offset);
    return TGL_OK;
}

/* Element i of an offsets buffer of 32 or 64 bits. */
static int64_t offset_at(const struct ArrowArray *array, bool wide, int64_t i)
{
    const void *buffer = array->buffers[1];
    if (buffer == NULL)
        return 0; /* allowed for arrays of length 0 */
    return wide ? ((const int64_t *)buffer)[i] : ((const int32_t *)buffer)[i];
}

/* The array's list or string offsets, from 0 on; *first is where the child (or the bytes)
 * of this slice begins. */
static tgl_status import_offsets(incoming *in, int64_t *first,
                                 const struct ArrowArray *array, bool wide,
                                 tgl_error *err)
{
    const int64_t *there = array->buffers[1];
    *first = offset_at(array, wide, array->offset);
    int64_t before = *first;
    for (int64_t i = 0; i <= array->length; i++) {
        int64_t at = offset_at(array, wide, array->offset + i);
        if (at < before || *first < 0)
            return tgl__fail(err, TGL_EFORMAT, "column '%s': the offsets run backward",
                             in->column.name);
        before = at;
    }
    if (in->lender != NULL && wide && *first == 0 && there != NULL &&
        is_aligned(there, sizeof *there)) {
        in->column.offsets = there + array->offset;
        return TGL_OK;
    }
    in->own_offsets = tgl__aligned((size_t)array->length + 1, 8);
    if (in->own_offsets == NULL)
        return tgl__fail_nomem(err);
    for (int64_t i = 0; i <= array->length; i++)
        in->own_offsets[i] = offset_at(array, wide, array->offset + i) - *first;
    in->column.offsets = in->own_offsets;
    return TGL_OK;
}

static tgl_status import_values(incoming *in, const struct ArrowArray *leaf,
                                uint64_t first, tgl_error *err)
{
    tgl_column *c = &in->column;
    size_t size = tgl_dtype_size(c->dtype);
    bool text = c->dtype == TGL_STRING;
    const uint8_t *from = leaf->buffers[text ? 2 : 1];
    if (!text && first + c->n_value > (uint64_t)(leaf->offset + leaf->length))
        return tgl__fail(err, TGL_EFORMAT,
                         "column '%s': expected %" PRIu64 " values, found %" PRId64,
                         c->name, c->n_value, leaf->length);
    if (c->n_value > 0 && from == NULL)
        return tgl__fail(err, TGL_EFORMAT, "column '%s': values are missing", c->name);
    if (in->lender != NULL && c->dtype != TGL_BOOL && c->n_value > 0 &&
        is_aligned(from, size)) {
        c->values = from + first * size;
        return TGL_OK;
    }
    uint8_t *values = tgl__aligned(c->n_value, size);
    if (values == NULL)
        return tgl__fail_nomem(err);
    in->own_values = values;
    if (c->dtype == TGL_BOOL)
        for (uint64_t i = 0; i < c->n_value; i++)
            values[i] = from[(first + i) / 8] >> ((first + i) % 8) & 1;
    else if (c->n_value > 0)
        memcpy(values, from + first * size, c->n_value * size);
    c->values = values;
    return TGL_OK;
}

/* Walk the fixed_size_list levels down to the leaf: adds dims, moves `first` and `n`
 * along. */
static tgl_status descend_dims(tgl_column *c, const struct ArrowSchema **schema,
                               const struct ArrowArray **array, uint64_t *first,
                               uint64_t *n, tgl_error *err)
{
    while (strncmp((*schema)->format, "+w:", 3) == 0) {
        char *end;
        unsigned long long dim = strtoull((*schema)->format + 3, &end, 10);
        if (c->n_dim == TGL_MAX_DIM || dim > UINT32_MAX || *end != '\0' ||
            (*schema)->n_children != 1)
            return tgl__fail(err, TGL_EUNSUPPORTED,
                             "column '%s': at most %d fixed dimensions", c->name,
                             TGL_MAX_DIM);
        if (*first + *n > (uint64_t)((*array)->offset + (*array)->length))
            return tgl__fail(err, TGL_EFORMAT, "column '%s': the list is too short",
                             c->name);
        c->dim[c->n_dim++] = (uint32_t)dim;
        if (__builtin_mul_overflow(*first, dim, first) ||
            __builtin_mul_overflow(*n, dim, n))
            return tgl__fail(err, TGL_ELIMIT, "column '%s': too large", c->name);
        *schema = (*schema)->children[0];
        *array = (*array)->children[0];
        *first += (uint64_t)(*array)->offset;
        TGL_TRY(check_array(*schema, *array, 1, c->name, err));
    }
    return TGL_OK;
}

/* Fill `in` with rows [skip, skip + n_row) of a struct array's child. */
static tgl_status read_column(incoming *in, const struct ArrowSchema *schema,
                              const struct ArrowArray *array, int64_t skip,
                              tgl_error *err)
{
    tgl_column *c = &in->column;
    struct ArrowArray top = *array; /* rows the struct array's own slice leaves */
    top.offset += skip;
    top.length = (int64_t)c->n_row;
    if (array->length < skip + top.length)
        return tgl__fail(err, TGL_EFORMAT, "column '%s': too few rows", c->name);
    TGL_TRY(check_array(schema, &top, 1, c->name, err));
    const struct ArrowArray *at = &top;
    uint64_t first = (uint64_t)top.offset, n = c->n_row;
    int64_t begin = 0;
    if (strcmp(schema->format, "+l") == 0 || strcmp(schema->format, "+L") == 0) {
        if (schema->n_children != 1)
            return tgl__fail(err, TGL_EFORMAT, "column '%s': malformed list", c->name);
        c->is_jagged = 1;
        TGL_TRY(check_array(schema, at, 2, c->name, err));
        TGL_TRY(import_offsets(in, &begin, at, schema->format[1] == 'L', err));
        schema = schema->children[0];
        at = at->children[0];
        first = (uint64_t)(at->offset + begin);
        n = (uint64_t)c->offsets[c->n_row];
        TGL_TRY(check_array(schema, at, 1, c->name, err));
    }
    TGL_TRY(descend_dims(c, &schema, &at, &first, &n, err));
    c->dtype = leaf_dtype(schema->format);
    if (c->dtype == 0 || (c->dtype == TGL_STRING && (c->is_jagged || c->n_dim > 0)))
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "column '%s': Arrow type '%s' is not supported here", c->name,
                         schema->format);
    TGL_TRY(check_array(schema, at, c->dtype == TGL_STRING ? 3 : 2, c->name, err));
    if (c->dtype == TGL_STRING) {
        bool wide = schema->format[0] == 'U' || schema->format[0] == 'Z';
        TGL_TRY(import_offsets(in, &begin, at, wide, err));
        first = (uint64_t)begin;
        n = (uint64_t)c->offsets[c->n_row];
    }
    c->n_value = n;
    return import_values(in, at, first, err);
}

/* Hand a column that was read to the table, with its own memory or with a hold on the
 * lender. */
static tgl_status give_column(tgl_table *table, incoming *in, tgl_error *err)
{
    const tgl_column *c = &in->column;
    if (c->values == in->own_values && c->offsets == in->own_offsets)
        return tgl_table_take_column(table, c, err);
    incoming *kept = tgl__calloc(1, sizeof *kept);
    if (kept == NULL) {
        tgl__free(in->own_offsets);
        tgl__free(in->own_values);
        return tgl__fail_nomem(err);
    }
    *kept = *in;
    atomic_fetch_add(&kept->lender->n_user, 1);
    return tgl__table_take_foreign(table, c, free_incoming, kept, err);
}

static tgl_status import_column(tgl_table *table, const struct ArrowSchema *schema,
                                const struct ArrowArray *array, int64_t skip,
                                uint64_t n_row, loan *lender, tgl_error *err)
{
    incoming in = {.column = {.name = schema->name, .n_row = n_row}, .lender = lender};
    tgl_status status = read_column(&in, schema, array, skip, err);
    if (status == TGL_OK)
        return give_column(table, &in, err);
    tgl__free(in.own_offsets);
    tgl__free(in.own_values);
    return status;
}

static tgl_status import_meta(tgl_table *table, const char *metadata, tgl_error *err)
{
    if (metadata == NULL)
        return TGL_OK;
    int32_t n, size[2];
    memcpy(&n, metadata, 4);
    metadata += 4;
    for (int32_t i = 0; i < n; i++) {
        char *text[2] = {NULL, NULL};
        for (int k = 0; k < 2; k++) {
            memcpy(&size[k], metadata, 4);
            text[k] = size[k] < 0 ? NULL : tgl__strndup(metadata + 4, (size_t)size[k]);
            metadata += 4 + (size[k] < 0 ? 0 : size[k]);
        }
        tgl_status status = text[0] == NULL || text[1] == NULL
                                ? tgl__fail_nomem(err)
                                : tgl_table_set_meta(table, text[0], text[1], err);
        tgl__free(text[0]);
        tgl__free(text[1]);
        TGL_TRY(status);
    }
    return TGL_OK;
}

static tgl_status import_array(tgl_table **out, const struct ArrowSchema *schema,
                               const struct ArrowArray *array, loan *lender,
                               tgl_error *err)
{
    if (schema->release == NULL || strcmp(schema->format, "+s") != 0)
        return tgl__fail(err, TGL_EUSAGE, "expected an Arrow struct array, found '%s'",
                         schema->release == NULL ? "a released one" : schema->format);
    TGL_TRY(check_array(schema, array, 1, "(table)", err));
    tgl_table *table = NULL;
    TGL_TRY(tgl_table_new(&table, (uint64_t)array->length, err));
    tgl_status status = import_meta(table, schema->metadata, err);
    for (int64_t i = 0; status == TGL_OK && i < schema->n_children; i++)
        status = import_column(table, schema->children[i], array->children[i],
                               array->offset, (uint64_t)array->length, lender, err);
    if (status != TGL_OK) {
        tgl_table_free(table);
        return status;
    }
    *out = table;
    return TGL_OK;
}

tgl_status tgl_table_import(tgl_table **out, const struct ArrowSchema *schema,
                            const struct ArrowArray *array, tgl_error *err)
{
    return import_array(out, schema, array, NULL, err);
}

tgl_status tgl_table_adopt(tgl_table **out, const struct ArrowSchema *schema,
                           struct ArrowArray *array, tgl_error *err)
{
    if (array->release == NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "expected an Arrow array, found a released one");
    loan *own = tgl__calloc(1, sizeof *own);
    if (own == NULL) {
        array->release(array);
        return tgl__fail_nomem(err);
    }
    atomic_init(&own->n_user, 1);
    own->array = *array; /* Arrow's way to move: the source counts as released */
    array->release = NULL;
    tgl_status status = import_array(out, schema, &own->array, own, err);
    leave(own);
    return status;
}
