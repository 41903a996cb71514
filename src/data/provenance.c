#include "data/provenance.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "data/format.h"
#include "digest/digest.h"

/* The provenance a file carries; text that is not JSON is someone else's and left out. */
static tgl_json *inherited(tgl_source *source)
{
    tgl_reader *reader = tgl__source_reader(source);
    const char *text =
        reader->meta == NULL ? NULL : reader->meta(reader, TGL_PROVENANCE_KEY);
    tgl_json *document = NULL;
    if (text == NULL ||
        tgl__json_parse(&document, text, strlen(text), "provenance", NULL) != TGL_OK)
        return NULL;
    return document;
}

tgl_status tgl__provenance_source(tgl_json **out, tgl_source *source, uint64_t begin,
                                  uint64_t end, tgl_error *err)
{
    tgl_sha256 digest;
    uint64_t size;
    char text[TGL_DIGEST_TEXT];
    const char *path = tgl__source_path(source), *object = tgl__source_object(source);
    TGL_TRY(tgl__sha256_file(&digest, &size, path, err));
    tgl__sha256_format(text, &digest);
    tgl_json *entry = tgl__json_object(), *range = tgl__json_array();
    bool good = tgl__json_append(range, tgl__json_new_int((int64_t)begin)) &&
                tgl__json_append(range, tgl__json_new_int((int64_t)end));
    good =
        tgl__json_put(entry, "name", tgl__json_new_string(tgl__base_name(path))) && good;
    good =
        tgl__json_put(entry, "format", tgl__json_new_string(tgl_source_format(source))) &&
        good;
    if (object != NULL)
        good = tgl__json_put(entry, "object", tgl__json_new_string(object)) && good;
    good = tgl__json_put(entry, "digest", tgl__json_new_string(text)) && good;
    good = tgl__json_put(entry, "size", tgl__json_new_int((int64_t)size)) && good;
    good = tgl__json_put(entry, "rows",
                         tgl__json_new_int((int64_t)tgl_source_n_row(source))) &&
           good;
    good = tgl__json_put(entry, "range", range) && good;
    tgl_json *before = inherited(source);
    if (before != NULL)
        good = tgl__json_put(entry, "provenance", before) && good;
    if (!good) {
        tgl__json_free(entry);
        return tgl__fail(err, TGL_ENOMEM,
                         "'%s': cannot record the provenance: out of memory or a name "
                         "that is not UTF-8",
                         path);
    }
    *out = entry;
    return TGL_OK;
}

tgl_status tgl__provenance_set(tgl_table *table, tgl_json *sources, const tgl_json *extra,
                               tgl_error *err)
{
    tgl_json *document = tgl__json_object(), *value;
    const char *key;
    bool good = tgl__json_put(document, "tool", tgl__json_new_string("trigline")) &&
                tgl__json_put(document, "version", tgl__json_new_string(tgl_version()));
    good = tgl__json_put(document, "sources", sources) && good;
    for (size_t i = 0; good && tgl__json_entry(extra, i, &key, &value); i++)
        good = tgl__json_put(document, key, tgl__json_share(value));
    char *text = NULL;
    tgl_status status =
        good ? tgl__json_dump(&text, NULL, document, err) : tgl__fail_nomem(err);
    if (status == TGL_OK)
        status = tgl_table_set_meta(table, TGL_PROVENANCE_KEY, text, err);
    tgl__free(text);
    tgl__json_free(document);
    return status;
}

tgl_status tgl_data_load(tgl_table **out, const char *path, const char *const *patterns,
                         size_t n_pattern, const tgl_progress *progress, tgl_error *err)
{
    tgl_source *source = NULL;
    tgl_table *table = NULL;
    tgl_json *sources = NULL, *entry = NULL;
    TGL_TRY(tgl_source_open(&source, path, NULL, err));
    tgl_status status = TGL_OK;
    TGL_TRY_GOTO(tgl_source_read(&table, source, patterns, n_pattern, 0, UINT64_MAX,
                                 progress, err));
    TGL_TRY_GOTO(
        tgl__provenance_source(&entry, source, 0, tgl_source_n_row(source), err));
    sources = tgl__json_array();
    if (!tgl__json_append(sources, entry)) {
        tgl__json_free(sources);
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(tgl__provenance_set(table, sources, NULL, err));
    *out = table;
    table = NULL;
out:
    tgl_table_free(table);
    tgl_source_close(source);
    return status;
}
