/* Several files chained into one, with the provenance of every row. Small inputs are read
 * whole; of large ones a batch is in memory at a time. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "data/format.h"
#include "data/gather.h"
#include "data/provenance.h"
#include "table/table.h"

enum { SMALL_BATCHES = 4 };

typedef struct chain {
    tgl_source **sources;
    size_t n;
    tgl_table *table;  /* what has been read so far … */
    tgl_gather gather; /* … or was gathered, when there is a batch size */
    uint64_t batch;    /* bytes of input at a time; 0: everything at once */
    uint64_t n_row;    /* wanted in all */
    uint64_t done;     /* rows read in batches */
    const char *out_path;
    tgl_json *entries; /* provenance of what was read */
} chain;

static void release(chain *c)
{
    for (size_t i = 0; c->sources != NULL && i < c->n; i++)
        tgl_source_close(c->sources[i]);
    tgl__free((void *)c->sources);
    tgl_table_free(c->table);
    tgl__gather_release(&c->gather);
    tgl__json_free(c->entries);
}

/* Metadata that not every input carries with the same value says nothing of the whole. */
static void keep_common_meta(tgl_table *all, const tgl_table *more)
{
    const char *key, *value;
    for (size_t i = 0; tgl__table_meta_at(all, i, &key, &value);) {
        const char *other = tgl_table_meta(more, key);
        if (other != NULL && strcmp(other, value) == 0)
            i++;
        else
            tgl__table_drop_meta(all, key);
    }
}

/* The chosen columns without rows, and the source's metadata. */
static tgl_status shape_of(tgl_table **out, tgl_source *source, const size_t *which,
                           size_t n, tgl_error *err)
{
    static const int64_t no_rows[1] = {0};
    tgl_table *shape = NULL;
    TGL_TRY(tgl__source_read_chosen(&shape, source, which, 0, 0, 0, NULL, err));
    for (size_t i = 0; i < n; i++) {
        const tgl_field *f = tgl_source_field(source, which[i]);
        tgl_column c = {.name = f->name,
                        .dtype = f->dtype,
                        .is_jagged = f->is_jagged,
                        .n_dim = f->n_dim};
        memcpy(c.dim, f->dim, sizeof c.dim);
        c.offsets = f->is_jagged || f->dtype == TGL_STRING ? no_rows : NULL;
        tgl_status status = tgl_table_copy_column(shape, &c, err);
        if (status != TGL_OK) {
            tgl_table_free(shape);
            return status;
        }
    }
    *out = shape;
    return TGL_OK;
}

/* The first source's columns are what the others must have. */
static tgl_status take_shape(chain *c, tgl_source *source, const size_t *which, size_t n,
                             tgl_error *err)
{
    tgl_table *shape = NULL;
    TGL_TRY(shape_of(&shape, source, which, n, err));
    if (c->gather.shape == NULL)
        return tgl__gather_begin(&c->gather, shape, c->out_path, err);
    keep_common_meta(c->gather.shape, shape);
    tgl_status status = tgl_table_append(c->gather.shape, shape, err);
    tgl_table_free(shape);
    return status == TGL_OK
               ? TGL_OK
               : tgl__fail_context(err, status, "'%s'", tgl__source_path(source));
}

/* Read columns which[first … first + n) of rows [begin, end) and gather them. */
static tgl_status gather_part(chain *c, tgl_source *source, const size_t *which,
                              size_t first, size_t n, uint64_t begin, uint64_t end,
                              const tgl_progress *progress, tgl_error *err)
{
    tgl_table *part = NULL;
    tgl_progress quiet = {0}; /* the whole is what is reported */
    if (progress != NULL)
        quiet = (tgl_progress){NULL, progress->cancelled, progress->user};
    TGL_TRY(tgl__source_read_chosen(&part, source, which + first, n, begin, end, &quiet,
                                    err));
    tgl_status status = TGL_OK;
    for (size_t i = 0; i < n && status == TGL_OK; i++)
        status =
            tgl__gather_column(&c->gather, first + i, tgl_table_column(part, i), err);
    tgl_table_free(part);
    return status;
}

/* Batches of rows where the format reads a range without the rest, else whole columns. */
static tgl_status gather_rows(chain *c, tgl_source *source, const size_t *which, size_t n,
                              uint64_t begin, uint64_t end, const tgl_progress *progress,
                              tgl_error *err)
{
    if (!tgl__source_reader(source)->in_batches) {
        for (size_t i = 0; i < n; i++) {
            TGL_TRY(gather_part(c, source, which, i, 1, begin, end, progress, err));
            TGL_TRY(tgl__progress(progress, "reading",
                                  c->done + (end - begin) * (i + 1) / n, c->n_row, err));
        }
        c->done += end - begin;
        return TGL_OK;
    }
    uint64_t step = tgl__source_batch_rows(source, c->batch);
    for (uint64_t at = begin; at < end; at += step) {
        uint64_t behind = end - at < step ? end : at + step;
        TGL_TRY(gather_part(c, source, which, 0, n, at, behind, progress, err));
        c->done += behind - at;
        TGL_TRY(tgl__progress(progress, "reading", c->done, c->n_row, err));
    }
    return TGL_OK;
}

static tgl_status add_in_batches(chain *c, tgl_source *source,
                                 const tgl_convert_options *options, uint64_t begin,
                                 uint64_t end, const tgl_progress *progress,
                                 tgl_error *err)
{
    size_t *which = NULL, n = 0;
    TGL_TRY(tgl__source_choose(&which, &n, source, options->patterns, options->n_pattern,
                               err));
    tgl_status status = take_shape(c, source, which, n, err);
    if (status == TGL_OK)
        status = gather_rows(c, source, which, n, begin, end, progress, err);
    tgl__free(which);
    return status;
}

static tgl_status add_provenance(chain *c, tgl_source *source, uint64_t begin,
                                 uint64_t end, tgl_error *err)
{
    tgl_json *entry = NULL;
    TGL_TRY(tgl__provenance_source(&entry, source, begin, end, err));
    return tgl__json_append(c->entries, entry) ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status add_source(chain *c, tgl_source *source,
                             const tgl_convert_options *options, uint64_t begin,
                             uint64_t end, const tgl_progress *progress, tgl_error *err)
{
    tgl_table *part = NULL;
    tgl_status status = TGL_OK;
    if (c->batch != 0) {
        TGL_TRY(add_in_batches(c, source, options, begin, end, progress, err));
        return add_provenance(c, source, begin, end, err);
    }
    TGL_TRY(tgl_source_read(&part, source, options->patterns, options->n_pattern, begin,
                            end, progress, err));
    TGL_TRY_GOTO(add_provenance(c, source, begin, end, err));
    if (c->table == NULL) {
        c->table = part;
        return TGL_OK;
    }
    keep_common_meta(c->table, part);
    status = tgl_table_append(c->table, part, err);
    if (status != TGL_OK)
        status = tgl__fail_context(err, status, "'%s'", tgl__source_path(source));
out:
    tgl_table_free(part);
    return status;
}

/* Rows [begin, end) of the chained files: each gives the part that lies in it. A file
 * without any of those rows is left out, except that one must give the columns. */
static tgl_status read_chain(chain *c, const tgl_convert_options *options,
                             const tgl_progress *progress, tgl_error *err)
{
    uint64_t total = 0, at = 0, begin = options->begin, end = options->end;
    for (size_t i = 0; i < c->n; i++)
        total += tgl_source_n_row(c->sources[i]);
    if (end == UINT64_MAX)
        end = total;
    if (begin > end || end > total)
        return tgl__fail(err, TGL_EUSAGE,
                         "rows %" PRIu64 " to %" PRIu64
                         " asked for, the input has %" PRIu64,
                         begin, end, total);
    c->n_row = end - begin;
    for (size_t i = 0; i < c->n; i++) {
        uint64_t n = tgl_source_n_row(c->sources[i]);
        uint64_t first = begin > at ? begin - at : 0, last = end > at ? end - at : 0;
        first = first < n ? first : n;
        last = last < n ? last : n;
        at += n;
        bool only = i + 1 == c->n && c->table == NULL && c->gather.shape == NULL;
        if (first < last || n == total || only)
            TGL_TRY(add_source(c, c->sources[i], options, first, last, progress, err));
    }
    return c->batch == 0 ? TGL_OK
                         : tgl__gather_finish(&c->table, &c->gather, c->n_row, err);
}

/* What the caller asks for, else batches for inputs that are several of them. */
static uint64_t batch_of(const chain *c, const tgl_convert_options *options)
{
    uint64_t total = 0;
    for (size_t i = 0; i < c->n; i++)
        total += tgl__source_bytes(c->sources[i]);
    if (options->batch != 0)
        return options->batch;
    return total > (uint64_t)SMALL_BATCHES * TGL_BATCH_BYTES ? TGL_BATCH_BYTES : 0;
}

static tgl_status note_patterns(tgl_json **out, const tgl_convert_options *options,
                                tgl_error *err)
{
    *out = NULL;
    if (options->n_pattern == 0)
        return TGL_OK;
    tgl_json *extra = tgl__json_object(), *list = tgl__json_array();
    bool good = true;
    for (size_t i = 0; i < options->n_pattern; i++)
        good = tgl__json_append(list, tgl__json_new_string(options->patterns[i])) && good;
    good = tgl__json_put(extra, "columns", list) && good;
    if (!good) {
        tgl__json_free(extra);
        return tgl__fail_nomem(err);
    }
    *out = extra;
    return TGL_OK;
}

tgl_status tgl_data_convert(const char *out_path, const char *const *in_paths,
                            size_t n_in, const tgl_convert_options *options,
                            const tgl_progress *progress, tgl_error *err)
{
    tgl_convert_options used = TGL_CONVERT_OPTIONS_INIT;
    if (options != NULL && options->struct_size < sizeof used)
        return tgl__fail(err, TGL_EUSAGE, "tgl_convert_options: unknown struct_size %zu",
                         options->struct_size);
    if (options != NULL)
        used = *options;
    if (n_in == 0)
        return tgl__fail(err, TGL_EUSAGE, "nothing to convert: no input file");
    chain c = {.sources = tgl__calloc(n_in, sizeof(tgl_source *)),
               .n = n_in,
               .out_path = out_path,
               .entries = tgl__json_array()};
    tgl_json *extra = NULL;
    tgl_status status = TGL_OK;
    if (c.sources == NULL || c.entries == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n_in; i++)
        TGL_TRY_GOTO(tgl_source_open(&c.sources[i], in_paths[i], used.source, err));
    c.batch = batch_of(&c, &used);
    TGL_TRY_GOTO(read_chain(&c, &used, progress, err));
    TGL_TRY_GOTO(note_patterns(&extra, &used, err));
    status = tgl__provenance_set(c.table, tgl__json_share(c.entries), extra, err);
    if (status == TGL_OK)
        status = tgl_data_write(out_path, c.table, used.write, progress, err);
out:
    tgl__json_free(extra);
    release(&c);
    return status;
}
