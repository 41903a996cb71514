/* The step cache: an entry is a blob {"key","mediaType","outputs","record"}; which key
 * has which entries stands in the index. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store.h"

static tgl_status check_step(const tgl_json *root, const char *source, tgl_error *err)
{
    static const char *const keys[] = {"key", "mediaType", "outputs", "record"};
    if (tgl__json_kind(root) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a mapping", source);
    TGL_TRY(tgl__json_only_keys(root, keys, 4, source, err));
    const char *text;
    tgl_sha256 sum;
    TGL_TRY(tgl__json_need_string(&text, root, "mediaType", source, err));
    if (strcmp(text, TGL_TYPE_STEP) != 0)
        return tgl__fail(err, TGL_EFORMAT, "%s: not a step entry: '%s'", source, text);
    TGL_TRY(tgl__json_need_string(&text, root, "key", source, err));
    TGL_TRY(tgl__sha256_parse(&sum, text, err));
    if (tgl__json_get(root, "record") != NULL) {
        TGL_TRY(tgl__json_need_string(&text, root, "record", source, err));
        TGL_TRY(tgl__sha256_parse(&sum, text, err));
    }
    tgl_json *outputs, *value;
    const char *name;
    TGL_TRY(tgl__json_need(&outputs, root, "outputs", TGL_JSON_OBJECT, source, err));
    for (size_t i = 0; tgl__json_entry(outputs, i, &name, &value); i++)
        TGL_TRY(tgl__sha256_parse(&sum, tgl__json_string(value, ""), err));
    return TGL_OK;
}

tgl_status tgl__step_parse(tgl_json **out, const char *text, size_t size,
                           const char *source, tgl_error *err)
{
    tgl_json *root = NULL;
    TGL_TRY(tgl__json_parse(&root, text, size, source, err));
    tgl_status status = check_step(root, source, err);
    if (status != TGL_OK)
        tgl__json_free(root);
    else
        *out = root;
    return status;
}

static tgl_json *step_document(const char *key, tgl_json *outputs, const char *record)
{
    tgl_json *root = tgl__json_object();
    bool good = root != NULL &&
                tgl__json_put(root, "mediaType", tgl__json_new_string(TGL_TYPE_STEP)) &&
                tgl__json_put(root, "key", tgl__json_new_string(key));
    if (good && record != NULL)
        good = tgl__json_put(root, "record", tgl__json_new_string(record));
    if (good && tgl__json_put(root, "outputs", tgl__json_share(outputs)))
        return root;
    tgl__json_free(root);
    return NULL;
}

tgl_status tgl_store_remember(tgl_store *store, const char *key, const char *outputs,
                              const char *record, tgl_error *err)
{
    tgl_json *given = NULL, *root = NULL;
    char digest[TGL_DIGEST_TEXT];
    tgl_status status = TGL_OK;
    TGL_TRY(tgl__json_parse(&given, outputs, strlen(outputs), "outputs", err));
    root = step_document(key, given, record);
    tgl__json_free(given);
    if (root == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY_GOTO(check_step(root, "step", err));
    TGL_TRY_GOTO(tgl__put_json(digest, NULL, store, root, err));
    pthread_mutex_lock(&store->mutex);
    status = tgl__index_add_step(store, digest, root, err);
    pthread_mutex_unlock(&store->mutex);
out:
    tgl__json_free(root);
    return status;
}

/* The entry's outputs and record when everything it names is still there; outputs under
 * "uncached:…" were never in the store. */
static bool recall_entry(char **outputs, char **record, tgl_store *store,
                         const char *entry)
{
    uint8_t *bytes;
    size_t size;
    tgl_json *root = NULL;
    if (tgl_store_get(&bytes, &size, store, entry, NULL) != TGL_OK)
        return false;
    bool good = tgl__step_parse(&root, (const char *)bytes, size, entry, NULL) == TGL_OK;
    tgl_free(bytes);
    const char *name, *kept = tgl__json_string(tgl__json_get(root, "record"), NULL);
    tgl_json *all = tgl__json_get(root, "outputs"), *value;
    for (size_t i = 0; good && tgl__json_entry(all, i, &name, &value); i++)
        good = strncmp(name, "uncached:", 9) == 0 ||
               tgl_store_has(store, tgl__json_string(value, ""));
    if (good && kept != NULL)
        good = tgl_store_has(store, kept);
    char *copy = good && kept != NULL ? tgl__strdup(kept) : NULL;
    good = good && (kept == NULL || copy != NULL) &&
           tgl__json_dump(outputs, NULL, all, NULL) == TGL_OK;
    if (good)
        *record = copy;
    else
        tgl__free(copy);
    tgl__json_free(root);
    return good;
}

tgl_status tgl_store_recall(char **outputs, char **record, tgl_store *store,
                            const char *key, tgl_error *err)
{
    sqlite3_stmt *query = NULL;
    pthread_mutex_lock(&store->mutex);
    tgl_status status = tgl__index_query(
        &query, store, err,
        "SELECT entry FROM step WHERE key = ? ORDER BY ended DESC, entry", "t", key);
    bool found = false;
    while (!found && tgl__index_next(query, store, &status, err))
        found = recall_entry(outputs, record, store,
                             (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    pthread_mutex_unlock(&store->mutex);
    if (status == TGL_OK && !found)
        return tgl__fail(err, TGL_ENOTFOUND, "step %.19s was never run", key);
    return status;
}

tgl_status tgl__step_last_key(char key[72], tgl_store *store, const char *stage,
                              tgl_error *err)
{
    sqlite3_stmt *query = NULL;
    pthread_mutex_lock(&store->mutex);
    tgl_status status = tgl__index_query(
        &query, store, err,
        "SELECT key FROM step WHERE stage = ? ORDER BY ended DESC LIMIT 1", "t", stage);
    bool found = tgl__index_next(query, store, &status, err);
    if (found)
        snprintf(key, TGL_DIGEST_TEXT, "%s", (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    pthread_mutex_unlock(&store->mutex);
    if (status == TGL_OK && !found)
        return tgl__fail(err, TGL_ENOTFOUND, "stage '%s' was never run", stage);
    return status;
}

tgl_status tgl__step_made(bool *made, tgl_store *store, const char *path,
                          const char *digest, tgl_error *err)
{
    sqlite3_stmt *query = NULL;
    pthread_mutex_lock(&store->mutex);
    tgl_status status = tgl__index_query(
        &query, store, err, "SELECT 1 FROM made WHERE path = ? AND digest = ?", "tt",
        path, digest);
    *made = tgl__index_next(query, store, &status, err);
    sqlite3_finalize(query);
    pthread_mutex_unlock(&store->mutex);
    return status;
}
