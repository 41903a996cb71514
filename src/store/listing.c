/* What the store holds, as JSON. */
#include <sqlite3.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store.h"

static const char *column_text(sqlite3_stmt *query, int column)
{
    return (const char *)sqlite3_column_text(query, column);
}

static tgl_json *text_or_null(const char *text)
{
    return text != NULL ? tgl__json_new_string(text) : tgl__json_new_null();
}

static bool put_package(tgl_json *list, sqlite3_stmt *q)
{
    tgl_json *p = tgl__json_object();
    bool good = tgl__json_put(p, "name", text_or_null(column_text(q, 0)));
    good = tgl__json_put(p, "digest", text_or_null(column_text(q, 1))) && good;
    good =
        tgl__json_put(p, "latest", tgl__json_new_bool(sqlite3_column_int(q, 2))) && good;
    good = tgl__json_put(p, "parent", text_or_null(column_text(q, 3))) && good;
    good = tgl__json_put(p, "members", tgl__json_new_int(sqlite3_column_int64(q, 4))) &&
           good;
    good =
        tgl__json_put(p, "size", tgl__json_new_int(sqlite3_column_int64(q, 5))) && good;
    good = tgl__json_put(p, "attached", tgl__json_new_int(sqlite3_column_int64(q, 6))) &&
           good;
    return tgl__json_append(list, p) && good;
}

tgl_status tgl_store_list(char **json, tgl_store *store, tgl_error *err)
{
    TGL_TRY(tgl__index_sync(store, err));
    sqlite3_stmt *query = NULL;
    TGL_TRY(
        tgl__index_query(&query, store, err,
                         "SELECT name, digest, tagged, parent, n_member, size,"
                         " (SELECT count(*) FROM referrer WHERE subject = package.digest)"
                         " FROM package ORDER BY position",
                         ""));
    tgl_json *root = tgl__json_object(), *list = tgl__json_array();
    tgl_status status = TGL_OK;
    bool good = root != NULL && list != NULL;
    while (tgl__index_next(query, store, &status, err))
        good = put_package(list, query) && good;
    sqlite3_finalize(query);
    good = tgl__json_put(root, "packages", list) && good;
    if (status == TGL_OK)
        status =
            good ? tgl__json_dump_pretty(json, NULL, root, err) : tgl__fail_nomem(err);
    tgl__json_free(root);
    return status;
}

static tgl_json *members_of(const tgl_json *manifest)
{
    tgl_json *list = tgl__json_array();
    const tgl_json *layers = tgl__json_get(manifest, "layers");
    for (size_t i = 0; i < tgl__json_size(layers); i++) {
        const tgl_json *layer = tgl__json_at(layers, i);
        tgl_json *m = tgl__json_object();
        tgl__json_put(m, "name", text_or_null(tgl__note(layer, TGL_NOTE_PATH)));
        tgl__json_put(m, "media_type", tgl__json_copy(tgl__json_get(layer, "mediaType")));
        tgl__json_put(m, "digest", tgl__json_copy(tgl__json_get(layer, "digest")));
        tgl__json_put(m, "size", tgl__json_copy(tgl__json_get(layer, "size")));
        tgl__json_append(list, m);
    }
    return list;
}

/* Parents upwards, oldest last; a cycle cannot be made (digests), a missing one ends it.
 */
static tgl_json *lineage_of(tgl_store *store, const tgl_json *manifest)
{
    tgl_json *list = tgl__json_array(), *at = tgl__json_copy(manifest);
    for (int depth = 0; depth < 1000; depth++) {
        const char *parent = tgl__note(at, TGL_NOTE_PARENT);
        if (parent == NULL)
            break;
        tgl_json *next = NULL, *entry = tgl__json_object();
        bool there = tgl__manifest_read(&next, store, parent, NULL) == TGL_OK;
        tgl__json_put(entry, "digest", tgl__json_new_string(parent));
        tgl__json_put(entry, "name", text_or_null(tgl__note(next, TGL_NOTE_NAME)));
        tgl__json_append(list, entry);
        tgl__json_free(at);
        at = next;
        if (!there)
            break;
    }
    tgl__json_free(at);
    return list;
}

/* A record's own words, so that one look shows who made the package. */
static void summarise_record(tgl_json *entry, tgl_store *store, const char *content)
{
    static const char *const keys[] = {"step",  "exit_status", "started",
                                       "ended", "host",        "tools"};
    tgl_json *record = NULL;
    if (tgl__blob_json(&record, store, content, NULL) != TGL_OK)
        return;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (tgl__json_get(record, keys[i]) != NULL)
            tgl__json_put(entry, keys[i], tgl__json_copy(tgl__json_get(record, keys[i])));
    tgl__json_free(record);
}

static tgl_status attached_to(tgl_json **out, tgl_store *store, const char *digest,
                              tgl_error *err)
{
    sqlite3_stmt *query = NULL;
    TGL_TRY(tgl__index_query(&query, store, err,
                             "SELECT digest, artifact_type, content, size FROM referrer"
                             " WHERE subject = ? ORDER BY position",
                             "t", digest));
    tgl_json *list = tgl__json_array();
    tgl_status status = TGL_OK;
    while (tgl__index_next(query, store, &status, err)) {
        tgl_json *entry = tgl__json_object();
        const char *type = column_text(query, 1), *content = column_text(query, 2);
        tgl__json_put(entry, "digest", text_or_null(column_text(query, 0)));
        tgl__json_put(entry, "artifact_type", text_or_null(type));
        tgl__json_put(entry, "content", text_or_null(content));
        tgl__json_put(entry, "size", tgl__json_new_int(sqlite3_column_int64(query, 3)));
        if (type != NULL && content != NULL && strcmp(type, TGL_TYPE_RECORD) == 0)
            summarise_record(entry, store, content);
        tgl__json_append(list, entry);
    }
    sqlite3_finalize(query);
    if (status != TGL_OK)
        tgl__json_free(list);
    else
        *out = list;
    return status;
}

tgl_status tgl_store_show(char **json, tgl_store *store, const char *package,
                          tgl_error *err)
{
    char digest[TGL_DIGEST_TEXT];
    tgl_json *manifest = NULL, *attached = NULL, *root = NULL;
    tgl_status status;
    TGL_TRY(tgl__index_resolve(digest, store, package, err));
    TGL_TRY(tgl__manifest_read(&manifest, store, digest, err));
    TGL_TRY_GOTO(attached_to(&attached, store, digest, err));
    root = tgl__json_object();
    bool good =
        tgl__json_put(root, "name", text_or_null(tgl__note(manifest, TGL_NOTE_NAME)));
    good = tgl__json_put(root, "digest", tgl__json_new_string(digest)) && good;
    good = tgl__json_put(root, "artifact_type",
                         tgl__json_copy(tgl__json_get(manifest, "artifactType"))) &&
           good;
    good = tgl__json_put(root, "annotations",
                         tgl__json_copy(tgl__json_get(manifest, "annotations"))) &&
           good;
    good = tgl__json_put(root, "members", members_of(manifest)) && good;
    good = tgl__json_put(root, "lineage", lineage_of(store, manifest)) && good;
    good = tgl__json_put(root, "attached", tgl__json_share(attached)) && good;
    status = good ? tgl__json_dump_pretty(json, NULL, root, err) : tgl__fail_nomem(err);
out:
    tgl__json_free(root);
    tgl__json_free(attached);
    tgl__json_free(manifest);
    return status;
}
