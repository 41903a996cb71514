/* What a path holds: a file's digest (remembered by size, times and inode, so that an
 * unchanged input is not read again) or a directory's, that of its tree document. */
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/store.h"

enum { MAX_DEPTH = 64, SETTLED_NS = 50 * 1000 * 1000 };

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static tgl_status cached(char digest[72], bool *found, tgl_store *store, const char *path,
                         const struct stat *info, tgl_error *err)
{
    sqlite3_stmt *query = NULL;
    pthread_mutex_lock(&store->mutex);
    tgl_status status = tgl__index_query(
        &query, store, err,
        "SELECT digest FROM file WHERE path = ? AND size = ? AND mtime = ? AND ctime = ?"
        " AND inode = ?",
        "tiiii", path, (int64_t)info->st_size, nanoseconds(info->st_mtim),
        nanoseconds(info->st_ctim), (int64_t)info->st_ino);
    *found = tgl__index_next(query, store, &status, err);
    if (*found)
        snprintf(digest, TGL_DIGEST_TEXT, "%s",
                 (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

/* Only what changed a while before it was read is remembered: a later change within the
 * clock's grain would not show. */
static tgl_status remember(tgl_store *store, const char *path, const struct stat *before,
                           const char *digest, tgl_error *err)
{
    struct stat after;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (stat(path, &after) != 0 ||
        nanoseconds(after.st_mtim) != nanoseconds(before->st_mtim) ||
        nanoseconds(after.st_ctim) != nanoseconds(before->st_ctim) ||
        nanoseconds(now) - nanoseconds(after.st_ctim) < SETTLED_NS)
        return TGL_OK;
    pthread_mutex_lock(&store->mutex);
    tgl_status status = tgl__index_run(
        store, err, "INSERT OR REPLACE INTO file VALUES(?,?,?,?,?,?)", "tiiiit", path,
        (int64_t)before->st_size, nanoseconds(before->st_mtim),
        nanoseconds(before->st_ctim), (int64_t)before->st_ino, digest);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

/* Hash in pieces, so that Ctrl-C and progress come through in a large file. */
static tgl_status hash_file(char digest[72], const char *path,
                            const tgl_progress *progress, tgl_error *err)
{
    tgl_mapping map;
    tgl_sha256_stream *stream = NULL;
    tgl_sha256 sum;
    TGL_TRY(tgl__file_map(&map, path, err));
    tgl_status status = tgl__sha256_new(&stream, err);
    const size_t piece = (size_t)8 << 20;
    for (size_t at = 0; status == TGL_OK && at < map.size; at += piece) {
        size_t n = map.size - at < piece ? map.size - at : piece;
        status = tgl__sha256_update(stream, map.bytes + at, n, err);
        if (status == TGL_OK && map.size > 4 * piece)
            status = tgl__progress(progress, "hashing inputs", at + n, map.size, err);
    }
    if (status == TGL_OK)
        status = tgl__sha256_final(&sum, stream, err);
    if (status == TGL_OK)
        tgl__sha256_format(digest, &sum);
    if (stream != NULL)
        tgl__sha256_free(stream);
    tgl__file_unmap(&map);
    return status;
}

static tgl_status file_digest(char digest[72], tgl_store *store, const char *path,
                              const struct stat *info, bool keep,
                              const tgl_progress *progress, tgl_error *err)
{
    if (!S_ISREG(info->st_mode)) /* opening a pipe would wait for its other end */
        return tgl__fail(err, TGL_EIO, "'%s': expected a file or directory", path);
    char *full = realpath(path, NULL);
    if (full == NULL)
        return tgl__fail_errno(err, "cannot open", path);
    bool found = false;
    tgl_status status = cached(digest, &found, store, full, info, err);
    if (status == TGL_OK && (!found || (keep && !tgl_store_has(store, digest)))) {
        status = keep ? tgl_store_put_file(digest, store, path, err)
                      : hash_file(digest, path, progress, err);
        if (status == TGL_OK)
            status = remember(store, full, info, digest, err);
    }
    free(full);
    return status;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static tgl_status names_in(char ***out, size_t *n, const char *path, tgl_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return tgl__fail_errno(err, "cannot read", path);
    char **names = NULL;
    size_t used = 0, capacity = 0;
    tgl_status status = TGL_OK;
    for (struct dirent *e; status == TGL_OK && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (used == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            char **grown = tgl__realloc(names, capacity, sizeof *grown);
            if (grown == NULL) {
                status = tgl__fail_nomem(err);
                break;
            }
            names = grown;
        }
        names[used] = tgl__strdup(e->d_name);
        if (names[used] == NULL)
            status = tgl__fail_nomem(err);
        else
            used++;
    }
    closedir(dir);
    if (used > 0)
        qsort(names, used, sizeof *names, by_text);
    *out = names;
    *n = used;
    return status;
}

typedef struct walk {
    tgl_store *store;
    tgl_json *files;
    bool keep;
    const tgl_progress *progress;
} walk;

static tgl_status walk_path(walk *w, const char *path, const char *relative, int depth,
                            tgl_error *err);

static tgl_status walk_directory(walk *w, const char *path, const char *relative,
                                 int depth, tgl_error *err)
{
    char **names = NULL;
    size_t n = 0;
    tgl_status status = names_in(&names, &n, path, err);
    for (size_t i = 0; i < n; i++) {
        char *child = status == TGL_OK ? tgl__path_join(path, names[i]) : NULL;
        char *inner = status != TGL_OK    ? NULL
                      : *relative != '\0' ? tgl__path_join(relative, names[i])
                                          : tgl__strdup(names[i]);
        if (status == TGL_OK && (child == NULL || inner == NULL))
            status = tgl__fail_nomem(err);
        if (status == TGL_OK)
            status = walk_path(w, child, inner, depth + 1, err);
        tgl__free(child);
        tgl__free(inner);
        tgl__free(names[i]);
    }
    tgl__free(names);
    return status;
}

static tgl_status walk_path(walk *w, const char *path, const char *relative, int depth,
                            tgl_error *err)
{
    struct stat info;
    if (depth > MAX_DEPTH)
        return tgl__fail(err, TGL_ELIMIT, "'%s': more than %d directories deep", path,
                         MAX_DEPTH);
    if (stat(path, &info) != 0)
        return tgl__fail_errno(err, "cannot open", path);
    if (S_ISDIR(info.st_mode))
        return walk_directory(w, path, relative, depth, err);
    char digest[TGL_DIGEST_TEXT];
    TGL_TRY(file_digest(digest, w->store, path, &info, w->keep, w->progress, err));
    tgl_json *entry = tgl__json_object();
    bool good = tgl__json_put(entry, "digest", tgl__json_new_string(digest));
    good = tgl__json_put(entry, "size", tgl__json_new_int(info.st_size)) && good;
    if (!tgl__json_put(w->files, relative, entry) || !good)
        return tgl__fail(err, TGL_EFORMAT, "'%s': a name that is not UTF-8", path);
    return TGL_OK;
}

static tgl_status tree_document(tgl_json **out, walk *w, const char *path, tgl_error *err)
{
    tgl_json *root = tgl__json_object();
    w->files = tgl__json_object();
    tgl_status status = root == NULL || w->files == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status == TGL_OK)
        status = walk_directory(w, path, "", 0, err);
    bool good = tgl__json_put(root, "files", w->files);
    good = tgl__json_put(root, "type", tgl__json_new_string("tree")) && good;
    if (status == TGL_OK && !good)
        status = tgl__fail_nomem(err);
    if (status != TGL_OK)
        tgl__json_free(root);
    else
        *out = root;
    return status;
}

tgl_status tgl__tree_digest(char digest[72], tgl_store *store, const char *path,
                            bool keep, const tgl_progress *progress, tgl_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return tgl__fail_errno(err, "cannot open", path);
    if (!S_ISDIR(info.st_mode))
        return file_digest(digest, store, path, &info, keep, progress, err);
    walk w = {store, NULL, keep, progress};
    tgl_json *root = NULL;
    char *text = NULL;
    size_t n = 0;
    tgl_sha256 sum;
    TGL_TRY(tree_document(&root, &w, path, err));
    tgl_status status = tgl__json_dump(&text, &n, root, err);
    if (status == TGL_OK && keep)
        status = tgl_store_put(digest, store, text, n, err);
    if (status == TGL_OK && !keep) {
        status = tgl__sha256(&sum, text, n, err);
        if (status == TGL_OK)
            tgl__sha256_format(digest, &sum);
    }
    tgl__free(text);
    tgl__json_free(root);
    return status;
}

/* ---- back from the store ---- */

static tgl_status check_tree(const tgl_json *root, const char *source, tgl_error *err)
{
    static const char *const keys[] = {"files", "type"};
    const char *type, *name;
    tgl_json *files, *entry;
    if (tgl__json_kind(root) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a mapping", source);
    TGL_TRY(tgl__json_only_keys(root, keys, 2, source, err));
    TGL_TRY(tgl__json_need_string(&type, root, "type", source, err));
    TGL_TRY(tgl__json_need(&files, root, "files", TGL_JSON_OBJECT, source, err));
    if (strcmp(type, "tree") != 0)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a tree, found '%s'", source,
                         type);
    for (size_t i = 0; tgl__json_entry(files, i, &name, &entry); i++) {
        const char *digest;
        tgl_sha256 sum;
        if (!tgl__name_is_safe(name))
            return tgl__fail(err, TGL_EFORMAT, "%s: unsafe file name '%s'", source, name);
        TGL_TRY(tgl__json_need_string(&digest, entry, "digest", source, err));
        TGL_TRY(tgl__sha256_parse(&sum, digest, err));
    }
    return TGL_OK;
}

tgl_status tgl__tree_parse(tgl_json **out, const char *text, size_t size,
                           const char *source, tgl_error *err)
{
    tgl_json *root = NULL;
    TGL_TRY(tgl__json_parse(&root, text, size, source, err));
    tgl_status status = check_tree(root, source, err);
    if (status != TGL_OK)
        tgl__json_free(root);
    else
        *out = root;
    return status;
}

static tgl_status read_tree(tgl_json **out, tgl_store *store, const char *digest,
                            tgl_error *err)
{
    uint8_t *bytes;
    size_t size;
    char source[64];
    TGL_TRY(tgl_store_get(&bytes, &size, store, digest, err));
    snprintf(source, sizeof source, "tree %.19s", digest);
    tgl_status status = tgl__tree_parse(out, (const char *)bytes, size, source, err);
    tgl_free(bytes);
    return status;
}

static tgl_status make_parent(const char *path, tgl_error *err)
{
    char *copy = tgl__strdup(path);
    if (copy == NULL)
        return tgl__fail_nomem(err);
    char *slash = strrchr(copy, '/');
    tgl_status status = TGL_OK;
    if (slash != NULL && slash != copy) {
        *slash = '\0';
        status = tgl__make_dirs(copy, err);
    }
    tgl__free(copy);
    return status;
}

static tgl_status restore_files(tgl_store *store, const tgl_json *tree, const char *path,
                                tgl_error *err)
{
    const tgl_json *files = tgl__json_get(tree, "files");
    const char *name;
    tgl_json *entry;
    tgl_status status = tgl__make_dirs(path, err);
    for (size_t i = 0; status == TGL_OK && tgl__json_entry(files, i, &name, &entry);
         i++) {
        char *target = tgl__path_join(path, name);
        status = target == NULL ? tgl__fail_nomem(err) : make_parent(target, err);
        if (status == TGL_OK)
            status = tgl__blob_restore(
                store, tgl__json_string(tgl__json_get(entry, "digest"), ""), target, err);
        tgl__free(target);
    }
    return status;
}

tgl_status tgl__tree_restore(tgl_store *store, const char *digest, bool is_tree,
                             const char *path, tgl_error *err)
{
    TGL_TRY(make_parent(path, err));
    TGL_TRY(tgl__remove_tree(path, err));
    if (!is_tree)
        return tgl__blob_restore(store, digest, path, err);
    tgl_json *tree = NULL;
    TGL_TRY(read_tree(&tree, store, digest, err));
    tgl_status status = restore_files(store, tree, path, err);
    tgl__json_free(tree);
    return status;
}

bool tgl__tree_has(tgl_store *store, const char *digest, bool is_tree)
{
    if (!tgl_store_has(store, digest))
        return false;
    tgl_json *tree = NULL, *entry;
    if (!is_tree)
        return true;
    bool good = read_tree(&tree, store, digest, NULL) == TGL_OK;
    const char *name;
    const tgl_json *files = tgl__json_get(tree, "files");
    for (size_t i = 0; good && tgl__json_entry(files, i, &name, &entry); i++)
        good = tgl_store_has(store, tgl__json_string(tgl__json_get(entry, "digest"), ""));
    tgl__json_free(tree);
    return good;
}
