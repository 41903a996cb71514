#include "data/gather.h"

#include "base/error.h"
#include "base/memory.h"
#include "table/table.h"

enum { OFFSETS_AT_ONCE = 8192 };

/* Array 2i holds column i's values, 2i + 1 its offsets. */
typedef struct mapped_column {
    void *values, *offsets;
    size_t value_bytes, offset_bytes;
} mapped_column;

tgl_status tgl__gather_begin(tgl_gather *out, tgl_table *shape, const char *path,
                             tgl_error *err)
{
    size_t n = tgl_table_n_column(shape);
    *out = (tgl_gather){.shape = shape,
                        .n_item = tgl__calloc(n, sizeof *out->n_item),
                        .n_value = tgl__calloc(n, sizeof *out->n_value)};
    if (out->n_item == NULL || out->n_value == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY(tgl__spool_open(&out->spool, path, 2 * n, err));
    static const int64_t first = 0;
    for (size_t i = 0; i < n; i++)
        if (tgl_table_column(shape, i)->offsets != NULL)
            TGL_TRY(tgl__spool_append(&out->spool, 2 * i + 1, &first, sizeof first, err));
    return TGL_OK;
}

static tgl_status append_offsets(tgl_gather *g, size_t index, const tgl_column *part,
                                 tgl_error *err)
{
    int64_t moved[OFFSETS_AT_ONCE], base = (int64_t)g->n_item[index];
    for (uint64_t at = 0; at < part->n_row; at += OFFSETS_AT_ONCE) {
        uint64_t n = part->n_row - at < OFFSETS_AT_ONCE ? part->n_row - at
                                                        : (uint64_t)OFFSETS_AT_ONCE;
        for (uint64_t i = 0; i < n; i++)
            moved[i] = base + part->offsets[at + i + 1];
        TGL_TRY(tgl__spool_append(&g->spool, 2 * index + 1, moved,
                                  (size_t)n * sizeof *moved, err));
    }
    g->n_item[index] += (uint64_t)part->offsets[part->n_row];
    return TGL_OK;
}

tgl_status tgl__gather_column(tgl_gather *gather, size_t index, const tgl_column *part,
                              tgl_error *err)
{
    TGL_TRY(tgl__spool_append(&gather->spool, 2 * index, part->values,
                              (size_t)part->n_value * tgl_dtype_size(part->dtype), err));
    gather->n_value[index] += part->n_value;
    return part->offsets == NULL ? TGL_OK : append_offsets(gather, index, part, err);
}

static void unmap(void *memory)
{
    mapped_column *m = memory;
    tgl__spool_unmap(m->values, m->value_bytes);
    tgl__spool_unmap(m->offsets, m->offset_bytes);
    tgl__free(m);
}

static tgl_status take_column(tgl_table *table, tgl_gather *g, size_t i, tgl_error *err)
{
    mapped_column *m = tgl__calloc(1, sizeof *m);
    if (m == NULL)
        return tgl__fail_nomem(err);
    tgl_status status =
        tgl__spool_map(&m->values, &m->value_bytes, &g->spool, 2 * i, err);
    if (status == TGL_OK)
        status = tgl__spool_map(&m->offsets, &m->offset_bytes, &g->spool, 2 * i + 1, err);
    if (status != TGL_OK) {
        unmap(m);
        return status;
    }
    tgl_column c = *tgl_table_column(g->shape, i);
    c.n_row = tgl_table_n_row(table);
    c.n_value = g->n_value[i];
    c.values = m->values;
    c.offsets = m->offsets;
    return tgl__table_take_foreign(table, &c, unmap, m, err);
}

tgl_status tgl__gather_finish(tgl_table **out, tgl_gather *gather, uint64_t n_row,
                              tgl_error *err)
{
    tgl_table *table = NULL;
    const char *key, *value;
    tgl_status status = TGL_OK;
    TGL_TRY(tgl_table_new(&table, n_row, err));
    for (size_t i = 0; i < tgl_table_n_column(gather->shape); i++)
        TGL_TRY_GOTO(take_column(table, gather, i, err));
    for (size_t i = 0; tgl__table_meta_at(gather->shape, i, &key, &value); i++)
        TGL_TRY_GOTO(tgl_table_set_meta(table, key, value, err));
    *out = table;
    return TGL_OK;
out:
    tgl_table_free(table);
    return status;
}

void tgl__gather_release(tgl_gather *gather)
{
    tgl__spool_close(&gather->spool);
    tgl_table_free(gather->shape);
    tgl__free(gather->n_item);
    tgl__free(gather->n_value);
    *gather = (tgl_gather){0};
}
