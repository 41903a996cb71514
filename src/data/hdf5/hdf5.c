/* HDF5: reading, through the child. A jagged column x is two datasets, x (values) and
 * x__offsets (int64); members of compound datasets are columns of their own. */
#include "data/hdf5/hdf5.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/document.h"
#include "data/hdf5/h5_child.h"
#include "table/table.h"

/* A dataset (or a member of one) as the child lists it; strings lie in the listing. */
typedef struct array {
    const char *name, *dataset, *member, *declared, *refusal;
    tgl_dtype dtype;
    unsigned n_dim;
    uint64_t dims[1 + TGL_MAX_DIM];
} array;

typedef struct parts {
    const array *values, *offsets;   /* offsets NULL: flat */
    const tgl_stored_column *stored; /* NULL in foreign files */
} parts;

typedef struct h5_reader {
    tgl_reader base;
    char *path, *group;
    tgl_json *listing;
    tgl_document document;   /* root NULL: a foreign file */
    array *arrays, **sorted; /* as listed; by name */
    size_t n_array;
    bool counted; /* n_row comes from a field already */
    tgl_field *fields;
    parts *parts;
    size_t n_thread;
    bool verify;
    tgl_arena arena;
} h5_reader;

static bool sniff(const uint8_t *head, size_t n)
{
    return n >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

static void close_h5(tgl_reader *base)
{
    h5_reader *r = (h5_reader *)base;
    tgl__document_release(&r->document);
    tgl__json_free(r->listing);
    tgl__arena_release(&r->arena);
    tgl__free(r->path);
    tgl__free(r->group);
    tgl__free(r);
}

/* ---- opening ---- */

static tgl_status keep_text(void *user, const void *bytes, size_t n, tgl_error *err)
{
    enum { LISTING_LIMIT = 256 << 20 };
    tgl_buffer *text = user;
    if (text->size + n > LISTING_LIMIT)
        return tgl__fail(err, TGL_ELIMIT, "the list of datasets is too long");
    tgl__buffer_append(text, bytes, n);
    return text->failed ? tgl__fail_nomem(err) : TGL_OK;
}

static tgl_status get_listing(h5_reader *r, tgl_error *err)
{
    tgl_h5_request request = {.path = r->path, .group = r->group};
    tgl_buffer text = TGL_BUFFER_INIT;
    tgl_status status = tgl__h5_ask(&request, keep_text, &text, NULL, err);
    if (status == TGL_OK)
        status = tgl__json_parse(&r->listing, text.bytes == NULL ? "" : text.bytes,
                                 text.size, r->path, err);
    tgl__buffer_release(&text);
    TGL_TRY(status);
    tgl_json *list = tgl__json_get(r->listing, "arrays");
    r->arrays = tgl__arena_alloc(&r->arena, tgl__json_size(list), sizeof *r->arrays);
    if (r->arrays == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *entry = tgl__json_at(list, i),
                       *dims = tgl__json_get(entry, "dims");
        array *a = &r->arrays[r->n_array++];
        a->name = tgl__json_string(tgl__json_get(entry, "name"), "?");
        a->dataset = tgl__json_string(tgl__json_get(entry, "dataset"), "?");
        a->member = tgl__json_string(tgl__json_get(entry, "member"), NULL);
        a->declared = tgl__json_string(tgl__json_get(entry, "declared"), NULL);
        a->refusal = tgl__json_string(tgl__json_get(entry, "refusal"), NULL);
        a->dtype = tgl__dtype_of_name(tgl__json_string(tgl__json_get(entry, "type"), ""));
        for (size_t d = 0; d < tgl__json_size(dims) && d <= TGL_MAX_DIM; d++)
            a->dims[a->n_dim++] = (uint64_t)tgl__json_int(tgl__json_at(dims, d), 0);
    }
    const char *document = tgl__json_string(tgl__json_get(r->listing, "document"), NULL);
    if (document == NULL)
        return TGL_OK;
    char what[256];
    snprintf(what, sizeof what, "'%.200s': %s", r->path, TGL_H5_DOCUMENT);
    return tgl__document_read(&r->document, document, strlen(document), what, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(array *const *)a)->name, (*(array *const *)b)->name);
}

static const array *find_array(const h5_reader *r, const char *name)
{
    array key = {.name = name}, *pointer = &key;
    array **found = bsearch((const void *)&pointer, (const void *)r->sorted, r->n_array,
                            sizeof *r->sorted, by_name);
    return found == NULL ? NULL : *found;
}

static tgl_status need_array(const array **out, const h5_reader *r, const char *name,
                             tgl_dtype dtype, unsigned n_dim, tgl_error *err)
{
    const array *a = find_array(r, name);
    if (a == NULL || a->refusal != NULL || a->dtype != dtype || a->n_dim != n_dim)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': expected a dataset '%s' of %s with %u dimensions, found "
                         "%s",
                         r->path, name, tgl_dtype_name(dtype), n_dim,
                         a == NULL ? "none" : a->declared);
    *out = a;
    return TGL_OK;
}

static tgl_status own_field(h5_reader *r, size_t i, tgl_error *err)
{
    const tgl_stored_column *s = &r->document.columns[i];
    parts *p = &r->parts[i];
    r->fields[i] = (tgl_field){
        .name = s->name, .dtype = s->dtype, .is_jagged = s->is_jagged, .n_dim = s->n_dim};
    memcpy(r->fields[i].dim, s->dim, sizeof s->dim);
    p->stored = s;
    TGL_TRY(need_array(&p->values, r, s->values,
                       s->dtype == TGL_STRING ? TGL_U8 : s->dtype, 1u + s->n_dim, err));
    if (s->offsets != NULL)
        TGL_TRY(need_array(&p->offsets, r, s->offsets, TGL_I64, 1, err));
    r->fields[i].declared = p->values->declared;
    bool fits = s->offsets != NULL ? p->offsets->dims[0] == r->document.n_row + 1
                                   : p->values->dims[0] == r->document.n_row;
    for (int d = 0; d < s->n_dim; d++)
        fits = fits && p->values->dims[d + 1] == s->dim[d];
    if (!fits)
        return tgl__fail(
            err, TGL_EFORMAT,
            "'%s': the datasets of column '%s' do not have the recorded shape", r->path,
            s->name);
    return TGL_OK;
}

/* The values array that `a` holds the offsets of, or NULL. */
static const array *owner_of(const h5_reader *r, const array *a)
{
    static const char ending[] = "__offsets";
    size_t n = strlen(a->name), m = sizeof ending - 1;
    char name[1200];
    if (n <= m || n - m >= sizeof name || strcmp(a->name + n - m, ending) != 0 ||
        a->dtype != TGL_I64 || a->refusal != NULL || a->n_dim != 1 || a->dims[0] == 0)
        return NULL;
    memcpy(name, a->name, n - m);
    name[n - m] = '\0';
    const array *values = find_array(r, name);
    return values != NULL && values->refusal == NULL ? values : NULL;
}

static const char *refuse(h5_reader *r, const parts *p, uint64_t rows)
{
    const array *a = p->values;
    if (a->refusal != NULL)
        return a->refusal;
    if (a->dtype == TGL_STRING && (a->n_dim > 1 || p->offsets != NULL || a->member))
        return "strings are read one per row, not inside compounds";
    if (rows != r->base.n_row)
        return tgl__arena_printf(&r->arena,
                                 "%" PRIu64 " rows where the first dataset has %" PRIu64
                                 "; name its group, FILE:GROUP",
                                 rows, r->base.n_row);
    return NULL;
}

static void foreign_field(h5_reader *r, const array *a, const array *offsets)
{
    size_t i = r->base.n_field++;
    parts *p = &r->parts[i];
    *p = (parts){a, offsets, NULL};
    uint64_t rows = offsets != NULL ? offsets->dims[0] - 1 : a->dims[0];
    if (a->refusal == NULL && !r->counted)
        r->base.n_row = rows;
    r->counted = r->counted || a->refusal == NULL;
    tgl_field *f = &r->fields[i];
    *f = (tgl_field){.name = a->name,
                     .dtype = a->dtype,
                     .declared = a->declared,
                     .is_jagged = offsets != NULL};
    f->refusal = refuse(r, p, rows);
    if (f->refusal != NULL)
        return;
    f->n_dim = (uint8_t)(a->n_dim - 1);
    for (unsigned d = 1; d < a->n_dim; d++)
        f->dim[d - 1] = (uint32_t)a->dims[d];
}

static tgl_status find_fields(h5_reader *r, tgl_error *err)
{
    bool own = r->document.root != NULL;
    size_t room = own ? r->document.n_column : r->n_array;
    r->fields = tgl__arena_alloc(&r->arena, room, sizeof *r->fields);
    r->parts = tgl__arena_alloc(&r->arena, room, sizeof *r->parts);
    const array **offsets = tgl__arena_alloc(&r->arena, r->n_array, sizeof *offsets);
    r->sorted = tgl__arena_alloc(&r->arena, r->n_array, sizeof *r->sorted);
    if (r->fields == NULL || r->parts == NULL || offsets == NULL || r->sorted == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < r->n_array; i++)
        r->sorted[i] = &r->arrays[i];
    qsort((void *)r->sorted, r->n_array, sizeof *r->sorted, by_name);
    r->base.fields = r->fields;
    if (own) {
        r->base.n_row = r->document.n_row;
        for (; r->base.n_field < room; r->base.n_field++)
            TGL_TRY(own_field(r, r->base.n_field, err));
        return TGL_OK;
    }
    for (size_t i = 0; i < r->n_array; i++) {
        const array *owner = owner_of(r, &r->arrays[i]);
        if (owner != NULL)
            offsets[owner - r->arrays] = &r->arrays[i];
    }
    for (size_t i = 0; i < r->n_array; i++)
        if (owner_of(r, &r->arrays[i]) == NULL)
            foreign_field(r, &r->arrays[i], offsets[i]);
    return TGL_OK;
}

/* ---- reading ---- */

/* Bytes going straight into a block of known size. */
typedef struct fill {
    char *to;
    size_t left;
} fill;

static tgl_status fill_block(void *user, const void *bytes, size_t n, tgl_error *err)
{
    fill *f = user;
    if (n > f->left)
        return tgl__fail(err, TGL_EFORMAT, "the HDF5 reader sent too much");
    memcpy(f->to, bytes, n);
    f->to += n;
    f->left -= n;
    return TGL_OK;
}

static tgl_status read_numbers(void **out, const h5_reader *r, const array *a,
                               uint64_t begin, uint64_t end, tgl_error *err)
{
    size_t n = tgl_dtype_size(a->dtype);
    bool good = tgl__mul_size(&n, n, end - begin);
    for (unsigned d = 1; d < a->n_dim; d++)
        good = good && tgl__mul_size(&n, n, a->dims[d]);
    if (!good)
        return tgl__fail(err, TGL_EFORMAT, "'%s': dataset '%s': the shape overflows",
                         r->path, a->name);
    void *block = tgl__aligned(n, 1);
    if (block == NULL)
        return tgl__fail_nomem(err);
    fill f = {block, n};
    tgl_h5_request request = {.path = r->path,
                              .group = r->group,
                              .dataset = a->dataset,
                              .member = a->member,
                              .begin = begin,
                              .end = end};
    tgl_status status =
        n == 0 ? TGL_OK : tgl__h5_ask(&request, fill_block, &f, NULL, err);
    if (status == TGL_OK && f.left > 0)
        status = tgl__fail(err, TGL_EFORMAT, "'%s': dataset '%s' is cut off", r->path,
                           a->name);
    if (status != TGL_OK) {
        tgl__free(block);
        return status;
    }
    for (size_t i = 0; a->dtype == TGL_BOOL && i < n; i++)
        ((uint8_t *)block)[i] = ((uint8_t *)block)[i] != 0;
    *out = block;
    return TGL_OK;
}

static tgl_status read_strings(tgl_column *c, const h5_reader *r, const array *a,
                               uint64_t begin, uint64_t end, tgl_error *err)
{
    tgl_buffer raw = TGL_BUFFER_INIT;
    tgl_h5_request request = {.path = r->path,
                              .group = r->group,
                              .dataset = a->dataset,
                              .begin = begin,
                              .end = end};
    int64_t *offsets = tgl__aligned(end - begin + 1, 8);
    char *values = NULL;
    tgl_status status = offsets == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status == TGL_OK && end > begin)
        status = tgl__h5_ask(&request, keep_text, &raw, NULL, err);
    if (status == TGL_OK && (values = tgl__aligned(raw.size, 1)) == NULL)
        status = tgl__fail_nomem(err);
    uint64_t row = 0, used = 0;
    bool good = status == TGL_OK;
    /* runs: count, lengths, bytes. Our own child wrote them, but it has read the file */
    for (size_t at = 0; good && at < raw.size;) {
        uint64_t n = 0, length;
        good = raw.size - at >= 8;
        if (good)
            memcpy(&n, raw.bytes + at, 8);
        good = good && n <= (raw.size - at - 8) / 8 && n <= end - begin - row;
        const char *lengths = raw.bytes + at + 8;
        at += good ? 8 + 8 * n : 0;
        for (uint64_t i = 0; good && i < n; i++) {
            memcpy(&length, lengths + 8 * i, 8);
            good = length <= raw.size - at;
            if (!good)
                break;
            memcpy(values + used, raw.bytes + at, length);
            offsets[row++] = (int64_t)used;
            used += length;
            at += length;
        }
    }
    if (status == TGL_OK && (!good || row != end - begin))
        status = tgl__fail(err, TGL_EFORMAT, "'%s': dataset '%s' is cut off", r->path,
                           a->name);
    tgl__buffer_release(&raw);
    if (status != TGL_OK) {
        tgl__free(offsets);
        tgl__free(values);
        return status;
    }
    offsets[row] = (int64_t)used;
    c->offsets = offsets;
    c->values = values;
    c->n_value = used;
    return TGL_OK;
}

static tgl_status read_offsets(tgl_column *c, uint64_t *first, uint64_t *last,
                               const h5_reader *r, const parts *p, uint64_t begin,
                               uint64_t end, tgl_error *err)
{
    void *block = NULL;
    TGL_TRY(read_numbers(&block, r, p->offsets, begin, end + 1, err));
    int64_t *offsets = block;
    c->offsets = offsets;
    int64_t base = offsets[0], before = base, n_item = (int64_t)p->values->dims[0];
    bool good = begin > 0 || base == 0;
    for (uint64_t i = 0; i <= end - begin; i++) {
        good = good && offsets[i] >= before && offsets[i] >= 0 && offsets[i] <= n_item;
        before = offsets[i];
        offsets[i] = (int64_t)((uint64_t)offsets[i] - (uint64_t)base);
    }
    if (!good || (end == r->base.n_row && before != n_item))
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': column '%s': the offsets do not fit the %" PRId64
                         " values",
                         r->path, c->name, n_item);
    *first = (uint64_t)base;
    *last = (uint64_t)before;
    return TGL_OK;
}

static tgl_status read_column(tgl_column *c, const h5_reader *r, size_t index,
                              uint64_t begin, uint64_t end, tgl_error *err)
{
    const tgl_field *f = &r->fields[index];
    const parts *p = &r->parts[index];
    *c = (tgl_column){.name = f->name,
                      .dtype = f->dtype,
                      .is_jagged = f->is_jagged,
                      .n_dim = f->n_dim,
                      .n_row = end - begin};
    memcpy(c->dim, f->dim, sizeof c->dim);
    if (p->values->dtype == TGL_STRING)
        return read_strings(c, r, p->values, begin, end, err);
    uint64_t first = begin, last = end, item = 1;
    if (p->offsets != NULL)
        TGL_TRY(read_offsets(c, &first, &last, r, p, begin, end, err));
    void *values = NULL;
    TGL_TRY(read_numbers(&values, r, p->values, first, last, err));
    (void)tgl__column_item(&item, c); /* fits: read_numbers has checked the product */
    c->values = values;
    c->n_value = (last - first) * item;
    return TGL_OK;
}

typedef struct read_job {
    const h5_reader *reader;
    const size_t *which;
    tgl_column *columns;
    uint64_t begin, end;
} read_job;

static tgl_status read_one(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    read_job *job = context;
    const h5_reader *r = job->reader;
    const parts *p = &r->parts[job->which[index]];
    tgl_column *c = &job->columns[index];
    TGL_TRY(read_column(c, r, job->which[index], job->begin, job->end, err));
    bool whole = job->begin == 0 && job->end == r->base.n_row;
    return p->stored != NULL && r->verify && whole
               ? tgl__document_verify(p->stored, c, r->path, err)
               : TGL_OK;
}

static tgl_status read_h5(tgl_reader *base, tgl_table *table, const size_t *which,
                          size_t n, uint64_t begin, uint64_t end,
                          const tgl_progress *progress, tgl_error *err)
{
    enum { GROUP = 16 };
    h5_reader *r = (h5_reader *)base;
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

static const char *meta(tgl_reader *base, const char *key)
{
    return tgl__document_meta(&((h5_reader *)base)->document, key);
}

static bool meta_at(tgl_reader *base, size_t index, const char **key, const char **value)
{
    return tgl__document_meta_at(&((h5_reader *)base)->document, index, key, value);
}

static tgl_status open_h5(tgl_reader **out, const char *path,
                          const tgl_source_options *options, tgl_error *err)
{
    if (!tgl__file_exists(path))
        return tgl__fail(err, TGL_ENOTFOUND, "cannot open '%s': no such file", path);
    h5_reader *r = tgl__calloc(1, sizeof *r);
    if (r == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    r->base = (tgl_reader){.format = &tgl__format_hdf5,
                           .read = read_h5,
                           .close = close_h5,
                           .meta = meta,
                           .meta_at = meta_at};
    r->n_thread = options->n_thread;
    r->verify = !options->no_verify;
    r->path = tgl__strdup(path);
    r->group = tgl__strdup(options->object == NULL ? "/" : options->object);
    if (r->path == NULL || r->group == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(get_listing(r, err));
    TGL_TRY_GOTO(find_fields(r, err));
    *out = &r->base;
    return TGL_OK;
out:
    close_h5(&r->base);
    return status;
}

static const char *const endings[] = {".h5", ".hdf5", ".hdf", NULL};
const tgl_format tgl__format_hdf5 = {
    .name = "hdf5",
    .endings = endings,
    .summary = "HDF5; jagged columns as values and offsets, compound members as columns",
    .sniff = sniff,
    .open = open_h5,
    .write = tgl__h5_write,
};
