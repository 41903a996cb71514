#include "data/document.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "table/table.h"

static bool taken(const tgl_table *table, const char *const *names, size_t n,
                  const char *name)
{
    const tgl_column *found;
    if (tgl_table_find(&found, table, name, NULL) == TGL_OK)
        return true;
    for (size_t i = 0; i < n; i++)
        if (names[i] != NULL && strcmp(names[i], name) == 0)
            return true;
    return false;
}

tgl_status tgl__offset_names(const char ***out, const tgl_table *table, tgl_arena *arena,
                             tgl_error *err)
{
    size_t n = tgl_table_n_column(table);
    const char **names = tgl__arena_alloc(arena, n, sizeof *names);
    if (names == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const tgl_column *c = tgl_table_column(table, i);
        if (c->offsets == NULL)
            continue;
        const char *name = tgl__arena_printf(arena, "%s__offsets", c->name);
        while (name != NULL && taken(table, names, i, name))
            name = tgl__arena_printf(arena, "%s_", name);
        if (name == NULL)
            return tgl__fail_nomem(err);
        names[i] = name;
    }
    *out = names;
    return TGL_OK;
}

typedef struct digest_job {
    const tgl_table *table;
    char (*digests)[72];
} digest_job;

static tgl_status digest_one(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    digest_job *job = context;
    return tgl_column_digest(job->digests[index], tgl_table_column(job->table, index),
                             err);
}

static tgl_json *column_json(const tgl_column *c, const char *offsets, const char *digest)
{
    tgl_json *entry = tgl__json_object(), *dims = tgl__json_array();
    bool good = true;
    for (int d = 0; d < c->n_dim; d++)
        good = tgl__json_append(dims, tgl__json_new_int(c->dim[d])) && good;
    good = tgl__json_put(entry, "dim", dims) && good;
    good = tgl__json_put(entry, "name", tgl__json_new_string(c->name)) && good;
    good = tgl__json_put(entry, "type", tgl__json_new_string(tgl_dtype_name(c->dtype))) &&
           good;
    good = tgl__json_put(entry, "jagged", tgl__json_new_bool(c->is_jagged)) && good;
    good = tgl__json_put(entry, "digest", tgl__json_new_string(digest)) && good;
    good = tgl__json_put(entry, "values", tgl__json_new_string(c->name)) && good;
    if (offsets != NULL)
        good = tgl__json_put(entry, "offsets", tgl__json_new_string(offsets)) && good;
    if (good)
        return entry;
    tgl__json_free(entry);
    return NULL;
}

static tgl_json *meta_json(const tgl_table *table)
{
    tgl_json *meta = tgl__json_object();
    const char *key, *value;
    for (size_t i = 0; tgl__table_meta_at(table, i, &key, &value); i++)
        if (!tgl__json_put(meta, key, tgl__json_new_string(value))) {
            tgl__json_free(meta);
            return NULL;
        }
    return meta;
}

tgl_status tgl__document_write(char **out, size_t *size, const tgl_table *table,
                               const char *const *offset_names, size_t n_thread,
                               tgl_error *err)
{
    size_t n = tgl_table_n_column(table);
    if (n > TGL_DOCUMENT_MAX_COLUMN)
        return tgl__fail(err, TGL_ELIMIT, "%zu columns, at most %d can be written", n,
                         TGL_DOCUMENT_MAX_COLUMN);
    digest_job job = {table, tgl__calloc(n, 72)};
    if (job.digests == NULL)
        return tgl__fail_nomem(err);
    tgl_json *root = tgl__json_object(), *columns = tgl__json_array();
    tgl_status status = tgl__parallel(n, n_thread, digest_one, &job, err);
    bool good = true;
    for (size_t i = 0; status == TGL_OK && i < n; i++)
        good = tgl__json_append(columns, column_json(tgl_table_column(table, i),
                                                     offset_names[i], job.digests[i])) &&
               good;
    good = tgl__json_put(root, "columns", columns) && good;
    good = tgl__json_put(root, "metadata", meta_json(table)) && good;
    good =
        tgl__json_put(root, "rows", tgl__json_new_int((int64_t)tgl_table_n_row(table))) &&
        good;
    good = tgl__json_put(root, "trigline_columns",
                         tgl__json_new_int(TGL_DOCUMENT_VERSION)) &&
           good;
    if (status == TGL_OK && !good)
        status = tgl__fail(err, TGL_ENOMEM,
                           "cannot describe the columns: out of memory "
                           "or a name that is not UTF-8");
    if (status == TGL_OK)
        status = tgl__json_dump(out, size, root, err);
    tgl__json_free(root);
    tgl__free(job.digests);
    return status;
}

static tgl_status read_column(tgl_stored_column *out, const tgl_json *entry,
                              const char *what, tgl_error *err)
{
    const char *type;
    tgl_json *dims;
    TGL_TRY(tgl__json_need_string(&out->name, entry, "name", what, err));
    TGL_TRY(tgl__json_need_string(&type, entry, "type", what, err));
    TGL_TRY(tgl__json_need_string(&out->digest, entry, "digest", what, err));
    TGL_TRY(tgl__json_need_string(&out->values, entry, "values", what, err));
    TGL_TRY(tgl__json_need(&dims, entry, "dim", TGL_JSON_ARRAY, what, err));
    out->dtype = tgl__dtype_of_name(type);
    out->is_jagged = tgl__json_bool(tgl__json_get(entry, "jagged"), false);
    if (out->dtype == 0)
        return tgl__fail(err, TGL_EUNSUPPORTED, "%s: column '%s' has unknown type '%s'",
                         what, out->name, type);
    if (tgl__json_size(dims) > TGL_MAX_DIM ||
        (out->dtype == TGL_STRING && (tgl__json_size(dims) > 0 || out->is_jagged)))
        return tgl__fail(err, TGL_EFORMAT, "%s: column '%s' has an impossible shape",
                         what, out->name);
    for (size_t d = 0; d < tgl__json_size(dims); d++) {
        int64_t dim = tgl__json_int(tgl__json_at(dims, d), -1);
        if (dim < 0 || dim > UINT32_MAX)
            return tgl__fail(err, TGL_EFORMAT, "%s: column '%s': bad dimension", what,
                             out->name);
        out->dim[out->n_dim++] = (uint32_t)dim;
    }
    if (out->is_jagged || out->dtype == TGL_STRING)
        TGL_TRY(tgl__json_need_string(&out->offsets, entry, "offsets", what, err));
    return TGL_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No column name, and no array, may be used twice. */
static tgl_status check_unique(const tgl_document *d, const char *what, tgl_error *err)
{
    const char **names = tgl__calloc(3 * d->n_column, sizeof *names);
    if (names == NULL)
        return tgl__fail_nomem(err);
    size_t n = 0;
    for (size_t i = 0; i < d->n_column; i++)
        names[i] = d->columns[i].name;
    const char **arrays = names + d->n_column;
    for (size_t i = 0; i < d->n_column; i++) {
        arrays[n++] = d->columns[i].values;
        if (d->columns[i].offsets != NULL)
            arrays[n++] = d->columns[i].offsets;
    }
    qsort((void *)names, d->n_column, sizeof *names, by_text);
    qsort((void *)arrays, n, sizeof *arrays, by_text);
    const char *twice = NULL;
    for (size_t i = 1; i < d->n_column; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            twice = names[i];
    for (size_t i = 1; i < n; i++)
        if (strcmp(arrays[i - 1], arrays[i]) == 0)
            twice = arrays[i];
    tgl_status status = twice == NULL ? TGL_OK
                                      : tgl__fail(err, TGL_EFORMAT,
                                                  "%s: '%s' is there twice", what, twice);
    tgl__free((void *)names);
    return status;
}

static tgl_status read_all(tgl_document *d, const char *what, tgl_error *err)
{
    int64_t version, rows;
    tgl_json *columns;
    TGL_TRY(tgl__json_need_int(&version, d->root, "trigline_columns", 1, INT32_MAX, what,
                               err));
    if (version != TGL_DOCUMENT_VERSION)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "%s: expected version %d, found %" PRId64
                         "; a newer trigline wrote it",
                         what, TGL_DOCUMENT_VERSION, version);
    TGL_TRY(tgl__json_need_int(&rows, d->root, "rows", 0, INT64_MAX, what, err));
    TGL_TRY(tgl__json_need(&columns, d->root, "columns", TGL_JSON_ARRAY, what, err));
    d->n_row = (uint64_t)rows;
    d->n_column = tgl__json_size(columns);
    if (d->n_column > TGL_DOCUMENT_MAX_COLUMN)
        return tgl__fail(err, TGL_ELIMIT, "%s: %zu columns, at most %d are read", what,
                         d->n_column, TGL_DOCUMENT_MAX_COLUMN);
    if (tgl__json_size(tgl__json_get(d->root, "metadata")) > TGL_DOCUMENT_MAX_META)
        return tgl__fail(err, TGL_ELIMIT, "%s: more than %d metadata entries", what,
                         TGL_DOCUMENT_MAX_META);
    d->columns = tgl__arena_alloc(&d->arena, d->n_column, sizeof *d->columns);
    if (d->columns == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < d->n_column; i++)
        TGL_TRY(read_column(&d->columns[i], tgl__json_at(columns, i), what, err));
    return check_unique(d, what, err);
}

tgl_status tgl__document_read(tgl_document *out, const char *text, size_t n,
                              const char *what, tgl_error *err)
{
    tgl_document d = {.arena = TGL_ARENA_INIT};
    TGL_TRY(tgl__json_parse(&d.root, text, n, what, err));
    tgl_status status = read_all(&d, what, err);
    if (status != TGL_OK) {
        tgl__document_release(&d);
        return status;
    }
    *out = d;
    return TGL_OK;
}

void tgl__document_release(tgl_document *document)
{
    tgl__json_free(document->root);
    tgl__arena_release(&document->arena);
    *document = (tgl_document){0};
}

bool tgl__document_meta_at(const tgl_document *document, size_t index, const char **key,
                           const char **value)
{
    tgl_json *text = NULL;
    if (!tgl__json_entry(tgl__json_get(document->root, "metadata"), index, key, &text))
        return false;
    *value = tgl__json_string(text, "");
    return true;
}

const char *tgl__document_meta(const tgl_document *document, const char *key)
{
    return tgl__json_string(tgl__json_get(tgl__json_get(document->root, "metadata"), key),
                            NULL);
}

tgl_status tgl__document_verify(const tgl_stored_column *stored, const tgl_column *column,
                                const char *path, tgl_error *err)
{
    char digest[72];
    TGL_TRY(tgl_column_digest(digest, column, err));
    if (strcmp(digest, stored->digest) == 0)
        return TGL_OK;
    return tgl__fail(err, TGL_EFORMAT,
                     "'%s': column '%s' does not have its recorded digest: expected %s, "
                     "found %s",
                     path, stored->name, stored->digest, digest);
}
