/* NPZ, NumPy's archive of arrays: reading. A jagged column x is two arrays, `x` (values)
 * and `x__offsets` (int64); our own files say so in the member trigline.json, in foreign
 * ones the name does. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/pool.h"
#include "data/document.h"
#include "data/format.h"
#include "data/npz/npz_arrays.h"
#include "data/npz/npz_write.h"
#include "table/table.h"

enum { DOCUMENT_LIMIT = 64 << 20 };

/* What a field is made of. */
typedef struct parts {
    tgl_npz_array *values, *offsets; /* offsets NULL: flat */
    const tgl_stored_column *stored; /* NULL in foreign files */
} parts;

typedef struct npz_reader {
    tgl_reader base;
    tgl_npz_arrays arrays;
    tgl_arena arena;
    tgl_document document; /* root NULL: a foreign file */
    tgl_field *fields;
    parts *parts;
    size_t n_thread;
    char *path;
} npz_reader;

static bool sniff(const uint8_t *head, size_t n)
{
    return n >= 4 && memcmp(head, "PK", 2) == 0 &&
           ((head[2] == 3 && head[3] == 4) || (head[2] == 5 && head[3] == 6));
}

static void close_npz(tgl_reader *base)
{
    npz_reader *r = (npz_reader *)base;
    for (size_t i = 0; i < r->arrays.n_array; i++)
        tgl__npz_forget(&r->arrays.arrays[i]);
    if (r->arrays.map.bytes != NULL)
        tgl__file_unmap(&r->arrays.map);
    tgl__document_release(&r->document);
    tgl__arena_release(&r->arena);
    tgl__free(r->path);
    tgl__free(r);
}

static tgl_status read_document(npz_reader *r, tgl_error *err)
{
    for (size_t i = 0; i < r->arrays.n_entry; i++) {
        const tgl_zip_entry *entry = &r->arrays.entries[i];
        if (strcmp(entry->name, TGL_NPZ_DOCUMENT) != 0)
            continue;
        if (entry->size > DOCUMENT_LIMIT)
            return tgl__fail(err, TGL_ELIMIT, "'%s': %s is larger than %d bytes", r->path,
                             entry->name, DOCUMENT_LIMIT);
        char *text = tgl__malloc(entry->size);
        if (text == NULL)
            return tgl__fail_nomem(err);
        char what[256];
        snprintf(what, sizeof what, "'%.200s': %s", r->path, TGL_NPZ_DOCUMENT);
        tgl_status status = tgl__zip_unpack(text, entry, r->arrays.map.bytes,
                                            r->arrays.verify, r->path, err);
        if (status == TGL_OK)
            status = tgl__document_read(&r->document, text, entry->size, what, err);
        tgl__free(text);
        return status;
    }
    return TGL_OK;
}

/* ---- our own files: the document names the arrays ---- */

static tgl_status need_array(tgl_npz_array **out, const npz_reader *r, const char *name,
                             tgl_dtype dtype, unsigned n_dim, tgl_error *err)
{
    tgl_npz_array *array = tgl__npz_find(&r->arrays, name);
    if (array == NULL)
        return tgl__fail(err, TGL_EFORMAT, "'%s': array '%s' is missing", r->path, name);
    const tgl_npy *npy = &array->npy;
    if (npy->dtype != dtype || npy->swapped || npy->fortran || npy->n_dim != n_dim)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': array '%s': expected %s with %u dimensions, found '%s' "
                         "with %u",
                         r->path, name, tgl_dtype_name(dtype), n_dim, npy->descr,
                         npy->n_dim);
    *out = array;
    return TGL_OK;
}

static tgl_status own_field(npz_reader *r, size_t i, tgl_error *err)
{
    const tgl_stored_column *s = &r->document.columns[i];
    tgl_field *f = &r->fields[i];
    parts *p = &r->parts[i];
    bool listed = s->offsets != NULL;
    *f = (tgl_field){
        .name = s->name, .dtype = s->dtype, .is_jagged = s->is_jagged, .n_dim = s->n_dim};
    memcpy(f->dim, s->dim, sizeof f->dim);
    p->stored = s;
    TGL_TRY(need_array(&p->values, r, s->values,
                       s->dtype == TGL_STRING ? TGL_U8 : s->dtype, 1u + s->n_dim, err));
    if (listed)
        TGL_TRY(need_array(&p->offsets, r, s->offsets, TGL_I64, 1, err));
    f->declared = p->values->npy.descr;
    bool fits = listed ? p->offsets->npy.shape[0] == r->document.n_row + 1
                       : p->values->npy.shape[0] == r->document.n_row;
    for (int d = 0; d < s->n_dim; d++)
        fits = fits && p->values->npy.shape[d + 1] == s->dim[d];
    if (!fits)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': the arrays of column '%s' do not have the recorded shape",
                         r->path, s->name);
    return TGL_OK;
}

/* ---- foreign files: names and shapes decide ---- */

static bool is_offsets_of(const npz_reader *r, const tgl_npz_array *array,
                          tgl_npz_array **values)
{
    static const char ending[] = "__offsets";
    size_t n = strlen(array->name), m = sizeof ending - 1;
    char name[512];
    if (n <= m || n - m >= sizeof name || strcmp(array->name + n - m, ending) != 0 ||
        array->npy.dtype != TGL_I64 || array->npy.n_dim != 1 || array->npy.shape[0] == 0)
        return false;
    memcpy(name, array->name, n - m);
    name[n - m] = '\0';
    *values = tgl__npz_find(&r->arrays, name);
    return *values != NULL && (*values)->npy.n_dim >= 1;
}

static const char *refuse(npz_reader *r, const tgl_field *f, const parts *p,
                          uint64_t rows)
{
    const tgl_npy *npy = &p->values->npy;
    if (npy->kind == 0)
        return tgl__arena_printf(&r->arena, "NumPy type %s is not supported", npy->descr);
    if (npy->n_dim == 0)
        return "a single number, not a column";
    if (npy->n_dim > 1 + TGL_MAX_DIM)
        return tgl__arena_printf(&r->arena, "%u dimensions, at most %d after the rows",
                                 npy->n_dim, TGL_MAX_DIM);
    if (f->dtype == TGL_STRING && (npy->n_dim > 1 || p->offsets != NULL))
        return "more than one string per row";
    for (unsigned d = 1; d < npy->n_dim; d++)
        if (npy->shape[d] > UINT32_MAX)
            return "a dimension above 2^32";
    if (rows != r->base.n_row)
        return tgl__arena_printf(&r->arena,
                                 "%" PRIu64 " rows where the first array has %" PRIu64,
                                 rows, r->base.n_row);
    return NULL;
}

static tgl_status foreign_field(npz_reader *r, tgl_npz_array *array, tgl_error *err)
{
    tgl_npz_array *owner;
    if (is_offsets_of(r, array, &owner))
        return TGL_OK; /* read with its values */
    size_t i = r->base.n_field++;
    tgl_field *f = &r->fields[i];
    parts *p = &r->parts[i];
    const tgl_npy *npy = &array->npy;
    p->values = array;
    char *name = tgl__arena_printf(&r->arena, "%s__offsets", array->name);
    if (name == NULL)
        return tgl__fail_nomem(err);
    tgl_npz_array *offsets = tgl__npz_find(&r->arrays, name);
    if (offsets != NULL && is_offsets_of(r, offsets, &owner))
        p->offsets = offsets;
    uint64_t rows = p->offsets != NULL ? p->offsets->npy.shape[0] - 1
                    : npy->n_dim > 0   ? npy->shape[0]
                                       : 0;
    if (i == 0)
        r->base.n_row = rows;
    *f = (tgl_field){.name = array->name,
                     .dtype = npy->dtype,
                     .declared = npy->descr,
                     .is_jagged = p->offsets != NULL};
    f->refusal = refuse(r, f, p, rows);
    if (f->refusal != NULL)
        return TGL_OK;
    f->n_dim = (uint8_t)(npy->n_dim - 1);
    for (unsigned d = 1; d < npy->n_dim; d++)
        f->dim[d - 1] = (uint32_t)npy->shape[d];
    return TGL_OK;
}

static tgl_status find_fields(npz_reader *r, tgl_error *err)
{
    bool own = r->document.root != NULL;
    size_t room = own ? r->document.n_column : r->arrays.n_array;
    r->fields = tgl__arena_alloc(&r->arena, room, sizeof *r->fields);
    r->parts = tgl__arena_alloc(&r->arena, room, sizeof *r->parts);
    if (r->fields == NULL || r->parts == NULL)
        return tgl__fail_nomem(err);
    r->base.fields = r->fields;
    if (own) {
        r->base.n_row = r->document.n_row;
        for (; r->base.n_field < room; r->base.n_field++)
            TGL_TRY(own_field(r, r->base.n_field, err));
        return TGL_OK;
    }
    for (size_t i = 0; i < r->arrays.n_array; i++)
        TGL_TRY(foreign_field(r, &r->arrays.arrays[i], err));
    return TGL_OK;
}

/* ---- reading ---- */

/* Fixed-width text of rows [begin, end): trailing zeros go, UCS-4 becomes UTF-8. Called
 * with out NULL to count. */
static uint64_t put_text(uint8_t *out, const tgl_npy *npy, const uint8_t *cell)
{
    uint64_t n = 0;
    if (npy->kind == 'S') {
        n = npy->size;
        while (n > 0 && cell[n - 1] == 0)
            n--;
        if (out != NULL && n > 0)
            memcpy(out, cell, n);
        return n;
    }
    uint32_t length = npy->size / 4;
    while (length > 0 && tgl__le32(cell + 4 * (length - 1)) == 0)
        length--;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t c = npy->swapped ? tgl__be32(cell + 4 * i) : tgl__le32(cell + 4 * i);
        uint8_t bytes[4];
        int m;
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            c = 0xfffd; /* no character: the replacement character */
        if (c < 0x80) {
            m = 1;
            bytes[0] = (uint8_t)c;
        } else {
            m = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            for (int b = m - 1; b > 0; b--, c >>= 6)
                bytes[b] = (uint8_t)(0x80 | (c & 0x3f));
            bytes[0] = (uint8_t)(c | (m == 2 ? 0xc0 : m == 3 ? 0xe0 : 0xf0));
        }
        if (out != NULL)
            memcpy(out + n, bytes, (size_t)m);
        n += (uint64_t)m;
    }
    return n;
}

static tgl_status read_text(tgl_column *c, const tgl_npy *npy, const uint8_t *data,
                            uint64_t begin, tgl_error *err)
{
    int64_t *offsets = tgl__aligned(c->n_row + 1, 8);
    if (offsets == NULL)
        return tgl__fail_nomem(err);
    c->offsets = offsets;
    offsets[0] = 0;
    for (uint64_t i = 0; i < c->n_row; i++)
        offsets[i + 1] =
            offsets[i] + (int64_t)put_text(NULL, npy, data + (begin + i) * npy->size);
    c->n_value = (uint64_t)offsets[c->n_row];
    uint8_t *values = tgl__aligned(c->n_value, 1);
    if (values == NULL)
        return tgl__fail_nomem(err);
    c->values = values;
    for (uint64_t i = 0; i < c->n_row; i++)
        put_text(values + offsets[i], npy, data + (begin + i) * npy->size);
    return TGL_OK;
}

/* Offsets begin … end, rebased to 0; *first and *last are the items they delimit. */
static tgl_status read_offsets(tgl_column *c, uint64_t *first, uint64_t *last,
                               npz_reader *r, const parts *p, uint64_t begin,
                               uint64_t end, tgl_error *err)
{
    const uint8_t *data;
    TGL_TRY(tgl__npz_data(&data, &r->arrays, p->offsets, err));
    int64_t *offsets = tgl__aligned(end - begin + 1, 8);
    if (offsets == NULL)
        return tgl__fail_nomem(err);
    c->offsets = offsets;
    tgl__npy_rows(offsets, &p->offsets->npy, data, begin, end + 1);
    int64_t base = offsets[0], before = base;
    int64_t n_item = (int64_t)p->values->npy.shape[0];
    uint64_t bad = UINT64_MAX;
    for (uint64_t i = 0; i <= end - begin; i++) {
        if (offsets[i] < before || offsets[i] < 0 || offsets[i] > n_item)
            bad = bad == UINT64_MAX ? i : bad;
        before = offsets[i];
        offsets[i] = (int64_t)((uint64_t)offsets[i] - (uint64_t)base);
    }
    if ((begin == 0 && base != 0) || (end == r->base.n_row && before != n_item))
        bad = begin == 0 && base != 0 ? 0 : end - begin;
    if (bad != UINT64_MAX)
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': column '%s': the offset of row %" PRIu64
                         " does not fit the %" PRId64 " values",
                         r->path, c->name, begin + bad, n_item);
    *first = (uint64_t)base;
    *last = (uint64_t)before;
    return TGL_OK;
}

static tgl_status read_column(tgl_column *c, npz_reader *r, size_t index, uint64_t begin,
                              uint64_t end, tgl_error *err)
{
    const tgl_field *f = &r->fields[index];
    const parts *p = &r->parts[index];
    const uint8_t *data;
    *c = (tgl_column){.name = f->name,
                      .dtype = f->dtype,
                      .is_jagged = f->is_jagged,
                      .n_dim = f->n_dim,
                      .n_row = end - begin};
    memcpy(c->dim, f->dim, sizeof c->dim);
    uint64_t first = begin, last = end, item;
    if (p->offsets != NULL)
        TGL_TRY(read_offsets(c, &first, &last, r, p, begin, end, err));
    TGL_TRY(tgl__npz_data(&data, &r->arrays, p->values, err));
    if (p->values->npy.dtype == TGL_STRING)
        return read_text(c, &p->values->npy, data, begin, err);
    size_t bytes;
    if (!tgl__column_item(&item, c) || !tgl__mul_size(&bytes, last - first, item))
        return tgl__fail(err, TGL_EFORMAT, "'%s': column '%s': the shape overflows",
                         r->path, c->name);
    c->n_value = bytes;
    void *values = tgl__aligned(c->n_value, tgl_dtype_size(c->dtype));
    if (values == NULL)
        return tgl__fail_nomem(err);
    c->values = values;
    tgl__npy_rows(values, &p->values->npy, data, first, last);
    return TGL_OK;
}

typedef struct read_job {
    npz_reader *reader;
    const size_t *which;
    tgl_column *columns;
    uint64_t begin, end;
} read_job;

static tgl_status read_one(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    read_job *job = context;
    npz_reader *r = job->reader;
    parts *p = &r->parts[job->which[index]];
    tgl_column *c = &job->columns[index];
    TGL_TRY(read_column(c, r, job->which[index], job->begin, job->end, err));
    if (job->begin != 0 || job->end != r->base.n_row)
        return TGL_OK; /* the next range will want what was unpacked */
    tgl__npz_forget(p->values);
    if (p->offsets != NULL)
        tgl__npz_forget(p->offsets);
    if (p->stored != NULL && r->arrays.verify)
        return tgl__document_verify(p->stored, c, r->path, err);
    return TGL_OK;
}

static tgl_status read_npz(tgl_reader *base, tgl_table *table, const size_t *which,
                           size_t n, uint64_t begin, uint64_t end,
                           const tgl_progress *progress, tgl_error *err)
{
    enum { GROUP = 16 };
    npz_reader *r = (npz_reader *)base;
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
    return tgl__document_meta(&((npz_reader *)base)->document, key);
}

static bool meta_at(tgl_reader *base, size_t index, const char **key, const char **value)
{
    return tgl__document_meta_at(&((npz_reader *)base)->document, index, key, value);
}

static tgl_status open_npz(tgl_reader **out, const char *path,
                           const tgl_source_options *options, tgl_error *err)
{
    if (options->object != NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': an NPZ file holds one table, no object '%s'", path,
                         options->object);
    npz_reader *r = tgl__calloc(1, sizeof *r);
    if (r == NULL)
        return tgl__fail_nomem(err);
    r->base = (tgl_reader){.format = &tgl__format_npz,
                           .read = read_npz,
                           .close = close_npz,
                           .meta = meta,
                           .meta_at = meta_at};
    r->n_thread = options->n_thread;
    r->arrays.verify = !options->no_verify;
    tgl_status status = TGL_OK;
    r->path = tgl__strdup(path);
    r->arrays.path = r->path;
    if (r->path == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(tgl__file_map(&r->arrays.map, path, err));
    TGL_TRY_GOTO(tgl__npz_list(&r->arrays, &r->arena, err));
    TGL_TRY_GOTO(read_document(r, err));
    TGL_TRY_GOTO(find_fields(r, err));
    *out = &r->base;
    return TGL_OK;
out:
    close_npz(&r->base);
    return status;
}

static const char *const endings[] = {".npz", NULL};
const tgl_format tgl__format_npz = {
    .name = "npz",
    .endings = endings,
    .summary = "NumPy's archive of arrays; jagged columns as values and offsets",
    .sniff = sniff,
    .open = open_npz,
    .write = tgl__npz_write,
};
