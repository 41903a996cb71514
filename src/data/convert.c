/* Several files chained into one, with the provenance of every row. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "data/format.h"
#include "data/provenance.h"
#include "table/table.h"

typedef struct chain {
    tgl_source **sources;
    size_t n;
    tgl_table *table;  /* what has been read so far */
    tgl_json *entries; /* provenance of it */
} chain;

static void release(chain *c)
{
    for (size_t i = 0; c->sources != NULL && i < c->n; i++)
        tgl_source_close(c->sources[i]);
    tgl__free((void *)c->sources);
    tgl_table_free(c->table);
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

static tgl_status add_source(chain *c, tgl_source *source,
                             const tgl_convert_options *options, uint64_t begin,
                             uint64_t end, const tgl_progress *progress, tgl_error *err)
{
    tgl_table *part = NULL;
    tgl_json *entry = NULL;
    tgl_status status = TGL_OK;
    TGL_TRY(tgl_source_read(&part, source, options->patterns, options->n_pattern, begin,
                            end, progress, err));
    TGL_TRY_GOTO(tgl__provenance_source(&entry, source, begin, end, err));
    if (!tgl__json_append(c->entries, entry)) {
        status = tgl__fail_nomem(err);
        goto out;
    }
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
    for (size_t i = 0; i < c->n; i++) {
        uint64_t n = tgl_source_n_row(c->sources[i]);
        uint64_t first = begin > at ? begin - at : 0, last = end > at ? end - at : 0;
        first = first < n ? first : n;
        last = last < n ? last : n;
        at += n;
        bool only = i + 1 == c->n && c->table == NULL;
        if (first < last || n == total || only)
            TGL_TRY(add_source(c, c->sources[i], options, first, last, progress, err));
    }
    return TGL_OK;
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
               .entries = tgl__json_array()};
    tgl_json *extra = NULL;
    tgl_status status = TGL_OK;
    if (c.sources == NULL || c.entries == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n_in; i++)
        TGL_TRY_GOTO(tgl_source_open(&c.sources[i], in_paths[i], used.source, err));
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
