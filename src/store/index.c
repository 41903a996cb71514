/* The SQLite index: derived from index.json, manifests and step entries, thrown away and
 * rebuilt whenever that is easier than repairing it. */
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/store.h"

enum { SCHEMA = 2 };

static const char schema_sql[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE package(digest TEXT PRIMARY KEY, name TEXT, tagged INT, parent TEXT,"
    " n_member INT, size INT, position INT) WITHOUT ROWID;"
    "CREATE INDEX package_name ON package(name, position);"
    "CREATE TABLE referrer(subject TEXT, digest TEXT, artifact_type TEXT, content TEXT,"
    " size INT, position INT, PRIMARY KEY(subject, digest)) WITHOUT ROWID;"
    "CREATE TABLE step(key TEXT, entry TEXT, stage TEXT, ended REAL,"
    " PRIMARY KEY(key, entry)) WITHOUT ROWID;"
    "CREATE INDEX step_stage ON step(stage, ended);"
    "CREATE TABLE made(path TEXT, digest TEXT, PRIMARY KEY(path, digest)) WITHOUT ROWID;"
    "CREATE TABLE file(path TEXT PRIMARY KEY, size INT, mtime INT, ctime INT, inode INT,"
    " digest TEXT) WITHOUT ROWID;"
    "PRAGMA user_version = 2;";

static tgl_status fail_db(const tgl_store *store, tgl_error *err)
{
    int code = sqlite3_errcode(store->db);
    if (code == SQLITE_NOMEM)
        return tgl__fail_nomem(err);
    bool broken = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return tgl__fail(err, broken ? TGL_EFORMAT : TGL_EIO, "'%s/index.sqlite': %s%s",
                     store->directory, sqlite3_errmsg(store->db),
                     broken ? "; remove the file, it is rebuilt from the blobs" : "");
}

static tgl_status vquery(sqlite3_stmt **out, tgl_store *store, tgl_error *err,
                         const char *sql, const char *binds, va_list args)
{
    sqlite3_stmt *query = NULL;
    if (sqlite3_prepare_v2(store->db, sql, -1, &query, NULL) != SQLITE_OK)
        return fail_db(store, err);
    int code = SQLITE_OK;
    for (int i = 0; binds[i] != '\0' && code == SQLITE_OK; i++) {
        if (binds[i] == 't')
            code = sqlite3_bind_text(query, i + 1, va_arg(args, const char *), -1,
                                     SQLITE_STATIC);
        else if (binds[i] == 'i')
            code = sqlite3_bind_int64(query, i + 1, va_arg(args, int64_t));
        else
            code = sqlite3_bind_double(query, i + 1, va_arg(args, double));
    }
    if (code != SQLITE_OK) {
        tgl_status status = fail_db(store, err);
        sqlite3_finalize(query);
        return status;
    }
    *out = query;
    return TGL_OK;
}

tgl_status tgl__index_query(sqlite3_stmt **out, tgl_store *store, tgl_error *err,
                            const char *sql, const char *binds, ...)
{
    va_list args;
    va_start(args, binds);
    tgl_status status = vquery(out, store, err, sql, binds, args);
    va_end(args);
    return status;
}

tgl_status tgl__index_run(tgl_store *store, tgl_error *err, const char *sql,
                          const char *binds, ...)
{
    va_list args;
    sqlite3_stmt *query = NULL;
    va_start(args, binds);
    tgl_status status = vquery(&query, store, err, sql, binds, args);
    va_end(args);
    if (status == TGL_OK) {
        int code = sqlite3_step(query);
        if (code != SQLITE_DONE && code != SQLITE_ROW)
            status = fail_db(store, err);
    }
    sqlite3_finalize(query);
    return status;
}

bool tgl__index_next(sqlite3_stmt *query, tgl_store *store, tgl_status *status,
                     tgl_error *err)
{
    if (*status != TGL_OK)
        return false;
    int code = sqlite3_step(query);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        *status = fail_db(store, err);
    return code == SQLITE_ROW;
}

static tgl_status text_of(char *out, size_t room, tgl_store *store, tgl_error *err,
                          const char *sql, const char *bind)
{
    sqlite3_stmt *query = NULL;
    TGL_TRY(tgl__index_query(&query, store, err, sql, bind != NULL ? "t" : "", bind));
    tgl_status status = TGL_OK;
    out[0] = '\0';
    if (tgl__index_next(query, store, &status, err)) {
        const char *text = (const char *)sqlite3_column_text(query, 0);
        snprintf(out, room, "%s", text != NULL ? text : "");
    }
    sqlite3_finalize(query);
    return status;
}

/* ---- opening ---- */

static tgl_status try_open(tgl_store *store, const char *path, bool *broken,
                           tgl_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    int code = sqlite3_open_v2(path, &store->db, flags, NULL);
    sqlite3_stmt *query = NULL;
    int version = -1;
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(store->db, 30000);
        code = sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &query, NULL);
        if (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
            version = sqlite3_column_int(query, 0);
        sqlite3_finalize(query);
        code = sqlite3_errcode(store->db);
    }
    *broken = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ||
              (version != 0 && version != SCHEMA && version != -1);
    if (version == SCHEMA || *broken)
        return TGL_OK;
    if (version != 0)
        return fail_db(store, err);
    sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    TGL_TRY(tgl__index_run(store, err, "BEGIN IMMEDIATE", ""));
    char made[8]; /* another process may have been first */
    tgl_status status = text_of(made, sizeof made, store, err,
                                "SELECT 1 FROM sqlite_master WHERE name = 'meta'", NULL);
    if (status == TGL_OK && made[0] == '\0' &&
        sqlite3_exec(store->db, schema_sql, NULL, NULL, NULL) != SQLITE_OK)
        status = fail_db(store, err);
    if (status == TGL_OK)
        return tgl__index_run(store, err, "COMMIT", "");
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static void remove_index(const char *path)
{
    char other[4200];
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(other, sizeof other, "%s%s", path, endings[i]);
        unlink(other);
    }
}

tgl_status tgl__index_open(tgl_store *store, tgl_error *err)
{
    char *path = tgl__path_join(store->directory, "index.sqlite");
    if (path == NULL)
        return tgl__fail_nomem(err);
    bool broken = false;
    tgl_status status = try_open(store, path, &broken, err);
    if (status == TGL_OK && broken) {
        tgl__index_close(store);
        remove_index(path);
        status = try_open(store, path, &broken, err);
        if (status == TGL_OK && broken)
            status = fail_db(store, err);
    }
    tgl__free(path);
    if (status == TGL_OK)
        sqlite3_exec(store->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    char scanned[8];
    if (status == TGL_OK)
        status = text_of(scanned, sizeof scanned, store, err,
                         "SELECT value FROM meta WHERE key = 'steps'", NULL);
    if (status == TGL_OK && scanned[0] == '\0')
        status = tgl__index_rebuild(store, err);
    return status;
}

void tgl__index_close(tgl_store *store)
{
    sqlite3_close(store->db);
    store->db = NULL;
}

/* ---- deriving ---- */

static tgl_status add_package(tgl_store *store, const tgl_json *entry, size_t position,
                              tgl_error *err)
{
    const char *digest = tgl__json_string(tgl__json_get(entry, "digest"), "");
    tgl_json *manifest = NULL;
    TGL_TRY(tgl__manifest_read(&manifest, store, digest, err));
    /* the manifest decides: tools that copy layouts drop the descriptor's own type */
    if (strcmp(tgl__json_string(tgl__json_get(manifest, "artifactType"), ""),
               TGL_TYPE_PACKAGE) != 0) {
        tgl__json_free(manifest);
        return TGL_OK;
    }
    const tgl_json *layers = tgl__json_get(manifest, "layers");
    int64_t size = 0;
    for (size_t i = 0; i < tgl__json_size(layers); i++) {
        int64_t n = tgl__json_int(tgl__json_get(tgl__json_at(layers, i), "size"), 0);
        if (__builtin_add_overflow(size, n, &size))
            size = INT64_MAX;
    }
    const char *name = tgl__note(manifest, TGL_NOTE_NAME);
    tgl_status status =
        tgl__index_run(store, err, "INSERT OR REPLACE INTO package VALUES(?,?,?,?,?,?,?)",
                       "ttitiii", digest, name != NULL ? name : "",
                       (int64_t)(tgl__note(entry, TGL_NOTE_REF) != NULL),
                       tgl__note(manifest, TGL_NOTE_PARENT),
                       (int64_t)tgl__json_size(layers), size, (int64_t)position);
    tgl__json_free(manifest);
    return status;
}

static tgl_status add_referrer(tgl_store *store, const char *digest, size_t position,
                               tgl_error *err)
{
    tgl_json *manifest = NULL;
    TGL_TRY(tgl__manifest_read(&manifest, store, digest, err));
    const tgl_json *layer = tgl__json_at(tgl__json_get(manifest, "layers"), 0);
    tgl_status status = tgl__index_run(
        store, err, "INSERT OR REPLACE INTO referrer VALUES(?,?,?,?,?,?)", "ttttii",
        tgl__json_string(tgl__json_get(tgl__json_get(manifest, "subject"), "digest"), ""),
        digest, tgl__json_string(tgl__json_get(manifest, "artifactType"), ""),
        tgl__json_string(tgl__json_get(layer, "digest"), ""),
        tgl__json_int(tgl__json_get(layer, "size"), 0), (int64_t)position);
    tgl__json_free(manifest);
    return status;
}

static tgl_status add_referrers(tgl_store *store, const tgl_json *entry, tgl_error *err)
{
    tgl_json *list = NULL;
    const char *digest = tgl__json_string(tgl__json_get(entry, "digest"), "");
    TGL_TRY(tgl__blob_json(&list, store, digest, err));
    char source[64];
    snprintf(source, sizeof source, "referrers %.19s", digest);
    char *text = NULL;
    size_t n = 0;
    tgl_json *checked = NULL;
    tgl_status status = tgl__json_dump(&text, &n, list, err);
    if (status == TGL_OK)
        status = tgl__layout_parse(&checked, text, n, source, err);
    const tgl_json *manifests = tgl__json_get(checked, "manifests");
    for (size_t i = 0; status == TGL_OK && i < tgl__json_size(manifests); i++)
        status = add_referrer(
            store,
            tgl__json_string(tgl__json_get(tgl__json_at(manifests, i), "digest"), ""), i,
            err);
    tgl__free(text);
    tgl__json_free(checked);
    tgl__json_free(list);
    return status;
}

static tgl_status ingest(tgl_store *store, const tgl_json *index, const char *digest,
                         tgl_error *err)
{
    TGL_TRY(tgl__index_run(store, err, "DELETE FROM package", ""));
    TGL_TRY(tgl__index_run(store, err, "DELETE FROM referrer", ""));
    const tgl_json *list = tgl__json_get(index, "manifests");
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *entry = tgl__json_at(list, i);
        const char *type = tgl__json_string(tgl__json_get(entry, "mediaType"), "");
        if (strcmp(type, TGL_MEDIA_MANIFEST) == 0)
            TGL_TRY(add_package(store, entry, i, err));
        else if (strcmp(type, TGL_MEDIA_INDEX) == 0)
            TGL_TRY(add_referrers(store, entry, err));
    }
    return tgl__index_run(store, err, "INSERT OR REPLACE INTO meta VALUES('index', ?)",
                          "t", digest);
}

static tgl_status sync_locked(tgl_store *store, tgl_error *err)
{
    tgl_json *index = NULL;
    char digest[TGL_DIGEST_TEXT], have[TGL_DIGEST_TEXT];
    TGL_TRY(tgl__layout_read(&index, digest, store, err));
    tgl_status status = text_of(have, sizeof have, store, err,
                                "SELECT value FROM meta WHERE key = 'index'", NULL);
    if (status == TGL_OK && strcmp(have, digest) != 0) {
        status = tgl__index_run(store, err, "BEGIN IMMEDIATE", "");
        if (status == TGL_OK) {
            status = ingest(store, index, digest, err);
            if (status == TGL_OK)
                status = tgl__index_run(store, err, "COMMIT", "");
            if (status != TGL_OK)
                sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        }
    }
    tgl__json_free(index);
    return status;
}

tgl_status tgl__index_sync(tgl_store *store, tgl_error *err)
{
    pthread_mutex_lock(&store->mutex);
    tgl_status status = sync_locked(store, err);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

/* ---- step entries ---- */

/* An output's name in a step entry is its path, "uncached:" before it when only the
 * digest was kept and a '/' behind it when it is a directory. */
static tgl_status add_output(tgl_store *store, const char *name, const char *digest,
                             tgl_error *err)
{
    const char *path = strncmp(name, "uncached:", 9) == 0 ? name + 9 : name;
    size_t n = strlen(path);
    char *plain = tgl__strndup(path, n > 0 && path[n - 1] == '/' ? n - 1 : n);
    if (plain == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = tgl__index_run(
        store, err, "INSERT OR IGNORE INTO made VALUES(?,?)", "tt", plain, digest);
    tgl__free(plain);
    return status;
}

tgl_status tgl__index_add_step(tgl_store *store, const char *entry, const tgl_json *step,
                               tgl_error *err)
{
    tgl_json *record = NULL;
    const char *stage = "";
    double ended = 0;
    const char *digest = tgl__json_string(tgl__json_get(step, "record"), "");
    if (*digest != '\0' && tgl__blob_json(&record, store, digest, NULL) == TGL_OK) {
        stage = tgl__json_string(tgl__json_get(record, "step"), "");
        ended = tgl__json_real(tgl__json_get(record, "ended"), 0);
    }
    tgl_status status = tgl__index_run(
        store, err, "INSERT OR REPLACE INTO step VALUES(?,?,?,?)", "tttr",
        tgl__json_string(tgl__json_get(step, "key"), ""), entry, stage, ended);
    tgl__json_free(record);
    const tgl_json *outputs = tgl__json_get(step, "outputs");
    const char *name;
    tgl_json *value;
    for (size_t i = 0; status == TGL_OK && tgl__json_entry(outputs, i, &name, &value);
         i++)
        status = add_output(store, name, tgl__json_string(value, ""), err);
    return status;
}

/* A blob that begins like a step entry and is one. Anything else is no error. */
static tgl_status scan_blob(tgl_store *store, const char *name, tgl_error *err)
{
    static const char begin[] = "{\"key\":\"sha256:";
    char digest[TGL_DIGEST_TEXT], head[sizeof begin] = "", *path = NULL;
    tgl_sha256 parsed;
    snprintf(digest, sizeof digest, "sha256:%.64s", name);
    if (strlen(name) != 64 || tgl__sha256_parse(&parsed, digest, NULL) != TGL_OK)
        return TGL_OK;
    TGL_TRY(tgl__blob_path(&path, store, digest, err));
    FILE *f = fopen(path, "rb");
    size_t n = f == NULL ? 0 : fread(head, 1, sizeof head - 1, f);
    if (f != NULL)
        fclose(f);
    tgl__free(path);
    if (n != sizeof begin - 1 || memcmp(head, begin, n) != 0)
        return TGL_OK;
    uint8_t *bytes;
    size_t size;
    tgl_json *step = NULL;
    if (tgl_store_get(&bytes, &size, store, digest, NULL) != TGL_OK)
        return TGL_OK;
    tgl_status status = TGL_OK;
    if (tgl__step_parse(&step, (const char *)bytes, size, digest, NULL) == TGL_OK)
        status = tgl__index_add_step(store, digest, step, err);
    tgl__json_free(step);
    tgl_free(bytes);
    return status;
}

static tgl_status scan_steps(tgl_store *store, tgl_error *err)
{
    char *path = tgl__path_join(store->directory, "blobs/sha256");
    if (path == NULL)
        return tgl__fail_nomem(err);
    DIR *dir = opendir(path);
    tgl_status status = dir == NULL ? tgl__fail_errno(err, "cannot read", path) : TGL_OK;
    for (struct dirent *e; status == TGL_OK && (e = readdir(dir)) != NULL;)
        status = scan_blob(store, e->d_name, err);
    if (dir != NULL)
        closedir(dir);
    tgl__free(path);
    return status;
}

tgl_status tgl__index_rebuild(tgl_store *store, tgl_error *err)
{
    pthread_mutex_lock(&store->mutex);
    tgl_status status = tgl__index_run(store, err, "BEGIN IMMEDIATE", "");
    if (status == TGL_OK) {
        status = tgl__index_run(store, err, "DELETE FROM step", "");
        if (status == TGL_OK)
            status = tgl__index_run(store, err, "DELETE FROM made", "");
        if (status == TGL_OK)
            status = tgl__index_run(store, err, "DELETE FROM meta", "");
        if (status == TGL_OK)
            status = scan_steps(store, err);
        if (status == TGL_OK)
            status = tgl__index_run(
                store, err, "INSERT OR REPLACE INTO meta VALUES('steps','1')", "");
        if (status == TGL_OK)
            status = tgl__index_run(store, err, "COMMIT", "");
        if (status != TGL_OK)
            sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&store->mutex);
    return status;
}

/* ---- names ---- */

static tgl_status by_prefix(char digest[72], tgl_store *store, const char *hex,
                            tgl_error *err)
{
    char pattern[80];
    snprintf(pattern, sizeof pattern, "sha256:%s*", hex);
    sqlite3_stmt *query = NULL;
    TGL_TRY(tgl__index_query(&query, store, err,
                             "SELECT digest FROM package WHERE digest GLOB ? LIMIT 2",
                             "t", pattern));
    tgl_status status = TGL_OK;
    int n = 0;
    while (tgl__index_next(query, store, &status, err))
        if (n++ == 0)
            snprintf(digest, TGL_DIGEST_TEXT, "%s",
                     (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    if (status == TGL_OK && n == 0)
        return tgl__fail(err, TGL_ENOTFOUND, "store '%s': no package %s",
                         store->directory, hex);
    if (status == TGL_OK && n > 1)
        return tgl__fail(err, TGL_EUSAGE,
                         "store '%s': several packages begin with %s; give more digits",
                         store->directory, hex);
    return status;
}

tgl_status tgl__index_resolve(char digest[72], tgl_store *store, const char *package,
                              tgl_error *err)
{
    TGL_TRY(tgl__index_sync(store, err));
    char found[TGL_DIGEST_TEXT];
    TGL_TRY(text_of(found, sizeof found, store, err,
                    "SELECT digest FROM package WHERE name = ?"
                    " ORDER BY tagged DESC, position DESC LIMIT 1",
                    package));
    if (found[0] != '\0') {
        memcpy(digest, found, sizeof found);
        return TGL_OK;
    }
    const char *hex = strncmp(package, "sha256:", 7) == 0 ? package + 7 : package;
    size_t n = strlen(hex);
    if (n >= 8 && n <= 64 && strspn(hex, "0123456789abcdef") == n)
        return by_prefix(digest, store, hex, err);
    if (n < 8 && n > 0 && strspn(hex, "0123456789abcdef") == n)
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': give at least 8 digits of a digest, or a name", package);
    return tgl__fail(err, TGL_ENOTFOUND, "store '%s': no package '%s'", store->directory,
                     package);
}
