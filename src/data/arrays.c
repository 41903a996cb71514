#include "data/arrays.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "table/table.h"

/* ---- finding ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(tgl_array *const *)a)->name, (*(tgl_array *const *)b)->name);
}

static tgl_array *find_array(const tgl_array_reader *r, const char *name)
{
    tgl_array key = {.name = name}, *pointer = &key;
    tgl_array **found = bsearch((const void *)&pointer, (const void *)r->sorted,
                                r->n_array, sizeof *r->sorted, by_name);
    return found == NULL ? NULL : *found;
}

static tgl_status sort_arrays(tgl_array_reader *r, tgl_error *err)
{
    r->sorted = tgl__arena_alloc(&r->arena, r->n_array, sizeof *r->sorted);
    if (r->sorted == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < r->n_array; i++)
        r->sorted[i] = &r->arrays[i];
    qsort((void *)r->sorted, r->n_array, sizeof *r->sorted, by_name);
    for (size_t i = 1; i < r->n_array; i++)
        if (by_name(&r->sorted[i - 1], &r->sorted[i]) == 0)
            return tgl__fail(err, TGL_EFORMAT, "'%s': array '%s' is there twice", r->path,
                             r->sorted[i]->name);
    return TGL_OK;
}

static const char too_many_rows[] = "more rows than a file of this size can hold";

/* ---- our own files: the document names the arrays ---- */

static tgl_status need_array(const tgl_array **out, const tgl_array_reader *r,
                             const char *name, tgl_dtype dtype, unsigned n_dim,
                             tgl_error *err)
{
    const tgl_array *a = find_array(r, name);
    if (a == NULL)
        return tgl__fail(err, TGL_EFORMAT, "'%s': array '%s' is missing", r->path, name);
    if (a->refusal != NULL || a->dtype != dtype || !a->is_plain || a->n_dim != n_dim)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': array '%s': expected %s with %u dimensions, found '%s' "
                         "with %u",
                         r->path, name, tgl_dtype_name(dtype), n_dim, a->declared,
                         a->n_dim);
    *out = a;
    return TGL_OK;
}

static tgl_status own_field(tgl_array_reader *r, size_t i, tgl_error *err)
{
    const tgl_stored_column *s = &r->document.columns[i];
    tgl_field *f = &r->fields[i];
    tgl_array_parts *p = &r->parts[i];
    *f = (tgl_field){
        .name = s->name, .dtype = s->dtype, .is_jagged = s->is_jagged, .n_dim = s->n_dim};
    memcpy(f->dim, s->dim, sizeof f->dim);
    p->stored = s;
    TGL_TRY(need_array(&p->values, r, s->values,
                       s->dtype == TGL_STRING ? TGL_U8 : s->dtype, 1u + s->n_dim, err));
    if (s->offsets != NULL)
        TGL_TRY(need_array(&p->offsets, r, s->offsets, TGL_I64, 1, err));
    f->declared = p->values->declared;
    bool fits = p->offsets != NULL ? p->offsets->dim[0] == r->document.n_row + 1
                                   : p->values->dim[0] == r->document.n_row;
    for (int d = 0; d < s->n_dim; d++)
        fits = fits && p->values->dim[d + 1] == s->dim[d];
    if (!fits)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': the arrays of column '%s' do not have the recorded shape",
                         r->path, s->name);
    if (p->values->dim[0] > tgl__most_rows(r->size))
        return tgl__fail(err, TGL_EFORMAT, "'%s': column '%s': %s", r->path, s->name,
                         too_many_rows);
    return TGL_OK;
}

/* ---- foreign files: names and shapes decide ---- */

/* The values array that `a` holds the offsets of, or NULL. */
static const tgl_array *owner_of(const tgl_array_reader *r, const tgl_array *a)
{
    static const char ending[] = "__offsets";
    size_t n = strlen(a->name), m = sizeof ending - 1;
    char name[1200];
    if (n <= m || n - m >= sizeof name || strcmp(a->name + n - m, ending) != 0 ||
        a->dtype != TGL_I64 || a->refusal != NULL || a->n_dim != 1 || a->dim[0] == 0)
        return NULL;
    memcpy(name, a->name, n - m);
    name[n - m] = '\0';
    const tgl_array *values = find_array(r, name);
    return values != NULL && values->n_dim >= 1 ? values : NULL;
}

static const char *refuse(const tgl_array_reader *r, const tgl_array *a,
                          const tgl_array *offsets)
{
    if (a->refusal != NULL)
        return a->refusal;
    if (a->n_dim == 0)
        return "a single value, not a column";
    if (a->n_dim > 1 + TGL_MAX_DIM)
        return "too many dimensions";
    if (a->dtype == TGL_STRING && (a->n_dim > 1 || offsets != NULL))
        return "more than one string per row";
    for (unsigned d = 1; d < a->n_dim; d++)
        if (a->dim[d] > UINT32_MAX)
            return "a dimension above 2^32";
    if (a->dim[0] > tgl__most_rows(r->size))
        return too_many_rows;
    return NULL;
}

/* The first readable column gives the number of rows. */
static tgl_status foreign_field(tgl_array_reader *r, const tgl_array *a,
                                const tgl_array *offsets, bool *counted, tgl_error *err)
{
    size_t i = r->base.n_field++;
    tgl_field *f = &r->fields[i];
    r->parts[i] = (tgl_array_parts){a, offsets, NULL};
    *f = (tgl_field){.name = a->name,
                     .dtype = a->dtype,
                     .declared = a->declared,
                     .is_jagged = offsets != NULL};
    f->refusal = refuse(r, a, offsets);
    if (f->refusal != NULL)
        return TGL_OK;
    uint64_t rows = offsets != NULL ? offsets->dim[0] - 1 : a->dim[0];
    if (!*counted)
        r->base.n_row = rows;
    *counted = true;
    f->n_dim = (uint8_t)(a->n_dim - 1);
    for (unsigned d = 1; d < a->n_dim; d++)
        f->dim[d - 1] = (uint32_t)a->dim[d];
    if (rows == r->base.n_row)
        return TGL_OK;
    f->refusal = tgl__arena_printf(
        &r->arena, "%" PRIu64 " rows where the first column has %" PRIu64 "%s", rows,
        r->base.n_row, r->hint);
    return f->refusal != NULL ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status foreign_fields(tgl_array_reader *r, tgl_error *err)
{
    bool counted = false;
    const tgl_array **offsets = tgl__arena_alloc(&r->arena, r->n_array, sizeof *offsets);
    if (offsets == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < r->n_array; i++) {
        const tgl_array *owner = owner_of(r, &r->arrays[i]);
        if (owner != NULL)
            offsets[owner - r->arrays] = &r->arrays[i];
    }
    for (size_t i = 0; i < r->n_array; i++)
        if (owner_of(r, &r->arrays[i]) == NULL)
            TGL_TRY(foreign_field(r, &r->arrays[i], offsets[i], &counted, err));
    return TGL_OK;
}

/* ---- reading ---- */

tgl_status tgl__arrays_count(size_t *out, const tgl_array_reader *reader,
                             const tgl_array *array, uint64_t begin, uint64_t end,
                             tgl_error *err)
{
    size_t n = end - begin;
    bool good = true;
    for (unsigned d = 1; d < array->n_dim; d++)
        good = good && tgl__mul_size(&n, n, array->dim[d]);
    if (!good)
        return tgl__fail(err, TGL_EFORMAT, "'%s': array '%s': the shape overflows",
                         reader->path, array->name);
    *out = n;
    return TGL_OK;
}

/* Offsets begin … end, rebased to 0; *first and *last are the items they delimit. */
static tgl_status read_offsets(tgl_column *c, uint64_t *first, uint64_t *last,
                               tgl_array_reader *r, const tgl_array_parts *p,
                               uint64_t begin, uint64_t end, tgl_error *err)
{
    void *block = NULL;
    TGL_TRY(r->numbers(&block, r, p->offsets, begin, end + 1, err));
    int64_t *offsets = block;
    c->offsets = offsets;
    int64_t base = offsets[0], before = base, n_item = (int64_t)p->values->dim[0];
    uint64_t bad = begin == 0 && base != 0 ? 0 : UINT64_MAX;
    for (uint64_t i = 0; i <= end - begin; i++) {
        if (offsets[i] < before || offsets[i] < 0 || offsets[i] > n_item)
            bad = bad == UINT64_MAX ? i : bad;
        before = offsets[i];
        offsets[i] = (int64_t)((uint64_t)offsets[i] - (uint64_t)base);
    }
    if (bad == UINT64_MAX && end == r->base.n_row && before != n_item)
        bad = end - begin;
    if (bad != UINT64_MAX)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': column '%s': the offset of row %" PRIu64
                         " does not fit the %" PRId64 " values",
                         r->path, c->name, begin + bad, n_item);
    *first = (uint64_t)base;
    *last = (uint64_t)before;
    return TGL_OK;
}

static tgl_status read_column(tgl_column *c, tgl_array_reader *r, size_t index,
                              uint64_t begin, uint64_t end, tgl_error *err)
{
    const tgl_field *f = &r->fields[index];
    const tgl_array_parts *p = &r->parts[index];
    *c = (tgl_column){.name = f->name,
                      .dtype = f->dtype,
                      .is_jagged = f->is_jagged,
                      .n_dim = f->n_dim,
                      .n_row = end - begin};
    memcpy(c->dim, f->dim, sizeof c->dim);
    if (p->values->dtype == TGL_STRING)
        return r->strings(c, r, p->values, begin, end, err);
    uint64_t first = begin, last = end;
    if (p->offsets != NULL)
        TGL_TRY(read_offsets(c, &first, &last, r, p, begin, end, err));
    size_t n_value = 0;
    void *values = NULL;
    TGL_TRY(tgl__arrays_count(&n_value, r, p->values, first, last, err));
    TGL_TRY(r->numbers(&values, r, p->values, first, last, err));
    c->values = values;
    c->n_value = n_value;
    return TGL_OK;
}

typedef struct read_job {
    tgl_array_reader *reader;
    const size_t *which;
    tgl_column *columns;
    uint64_t begin, end;
} read_job;

static tgl_status read_one(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    read_job *job = context;
    tgl_array_reader *r = job->reader;
    const tgl_array_parts *p = &r->parts[job->which[index]];
    tgl_column *c = &job->columns[index];
    TGL_TRY(read_column(c, r, job->which[index], job->begin, job->end, err));
    if (job->begin != 0 || job->end != r->base.n_row)
        return TGL_OK; /* the next range will want what was kept */
    if (r->forget != NULL) {
        r->forget(r, p->values);
        if (p->offsets != NULL)
            r->forget(r, p->offsets);
    }
    return p->stored != NULL && r->verify
               ? tgl__document_verify(p->stored, c, r->path, err)
               : TGL_OK;
}

static tgl_status read_chosen(tgl_reader *base, tgl_table *table, const size_t *which,
                              size_t n, uint64_t begin, uint64_t end,
                              const tgl_progress *progress, tgl_error *err)
{
    enum { GROUP = 16 };
    tgl_array_reader *r = (tgl_array_reader *)base;
    tgl_status status = TGL_OK;
    for (size_t at = 0; status == TGL_OK && at < n; at += GROUP) {
        size_t m = n - at < GROUP ? n - at : GROUP;
        tgl_column columns[GROUP] = {{0}};
        read_job job = {r, which + at, columns, begin, end};
        status = tgl__parallel(m, r->n_thread, read_one, &job, err);
        for (size_t i = 0; i < m; i++)
            if (status == TGL_OK) {
                status = tgl_table_take_column(table, &columns[i], err);
            } else {
                tgl__free((void *)(uintptr_t)columns[i].offsets);
                tgl__free((void *)(uintptr_t)columns[i].values);
            }
        if (status == TGL_OK)
            status = tgl__progress(progress, "reading", at + m, n, err);
    }
    return status;
}

/* ---- the reader ---- */

static const char *meta(tgl_reader *base, const char *key)
{
    return tgl__document_meta(&((tgl_array_reader *)base)->document, key);
}

static bool meta_at(tgl_reader *base, size_t index, const char **key, const char **value)
{
    return tgl__document_meta_at(&((tgl_array_reader *)base)->document, index, key,
                                 value);
}

tgl_status tgl__arrays_open(tgl_array_reader *reader, tgl_error *err)
{
    bool own = reader->document.root != NULL;
    size_t room = own ? reader->document.n_column : reader->n_array;
    reader->fields = tgl__arena_alloc(&reader->arena, room, sizeof *reader->fields);
    reader->parts = tgl__arena_alloc(&reader->arena, room, sizeof *reader->parts);
    if (reader->fields == NULL || reader->parts == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY(sort_arrays(reader, err));
    reader->base.fields = reader->fields;
    reader->base.read = read_chosen;
    reader->base.meta = meta;
    reader->base.meta_at = meta_at;
    if (!own)
        return foreign_fields(reader, err);
    reader->base.n_row = reader->document.n_row;
    for (; reader->base.n_field < room; reader->base.n_field++)
        TGL_TRY(own_field(reader, reader->base.n_field, err));
    return TGL_OK;
}

void tgl__arrays_release(tgl_array_reader *reader)
{
    tgl__document_release(&reader->document);
    tgl__arena_release(&reader->arena);
    tgl__free(reader->path);
    reader->path = NULL;
}
