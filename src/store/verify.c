/* Everything re-hashed, everything reachable looked for, the index derived again. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "store/store.h"

typedef struct verifying {
    tgl_store *store;
    tgl_json *problems;
    char **names; /* blobs found, sorted */
    size_t n_name, n_foreign, n_package, n_attached;
    uint64_t n_byte;
    uint64_t done;
    pthread_mutex_t mutex;
    const tgl_progress *progress;
} verifying;

static void note_problem(verifying *v, const char *object, const char *what)
{
    tgl_json *p = tgl__json_object();
    tgl__json_put(p, "object", tgl__json_new_string(object));
    tgl__json_put(p, "problem", tgl__json_new_string(what));
    tgl__json_append(v->problems, p);
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static tgl_status list_blobs(verifying *v, tgl_error *err)
{
    char *path = tgl__path_join(v->store->directory, "blobs/sha256");
    if (path == NULL)
        return tgl__fail_nomem(err);
    DIR *dir = opendir(path);
    tgl_status status = dir == NULL ? tgl__fail_errno(err, "cannot read", path) : TGL_OK;
    size_t capacity = 0;
    for (struct dirent *e; status == TGL_OK && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        if (strlen(e->d_name) != 64) {
            v->n_foreign++;
            continue;
        }
        if (v->n_name == capacity) {
            capacity = capacity == 0 ? 256 : capacity * 2;
            char **grown = tgl__realloc(v->names, capacity, sizeof *grown);
            if (grown == NULL) {
                status = tgl__fail_nomem(err);
                break;
            }
            v->names = grown;
        }
        v->names[v->n_name] = tgl__strdup(e->d_name);
        if (v->names[v->n_name] == NULL)
            status = tgl__fail_nomem(err);
        else
            v->n_name++;
    }
    if (dir != NULL)
        closedir(dir);
    tgl__free(path);
    if (status == TGL_OK && v->n_name > 0)
        qsort(v->names, v->n_name, sizeof *v->names, by_text);
    return status;
}

static tgl_status check_one(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    verifying *v = context;
    char digest[80];
    tgl_error why = {0};
    uint64_t size = 0;
    snprintf(digest, sizeof digest, "sha256:%s", v->names[index]);
    tgl_status found = tgl__blob_check(v->store, digest, &why);
    if (found == TGL_OK)
        found = tgl__blob_size(&size, v->store, digest, &why);
    pthread_mutex_lock(&v->mutex);
    if (found != TGL_OK)
        note_problem(v, digest, why.message);
    v->n_byte += size;
    tgl_status status =
        tgl__progress(v->progress, "checking objects", ++v->done, v->n_name, err);
    pthread_mutex_unlock(&v->mutex);
    return status;
}

/* A descriptor's blob must be there with the size it promises. */
static bool check_target(verifying *v, const tgl_json *descriptor, const char *from)
{
    const char *digest = tgl__json_string(tgl__json_get(descriptor, "digest"), "");
    int64_t promised = tgl__json_int(tgl__json_get(descriptor, "size"), -1);
    uint64_t size = 0;
    char what[200];
    if (tgl__blob_size(&size, v->store, digest, NULL) != TGL_OK) {
        snprintf(what, sizeof what, "missing; needed by %.100s", from);
        note_problem(v, digest, what);
        return false;
    }
    if (promised < 0 || (uint64_t)promised != size) {
        snprintf(what, sizeof what, "%llu bytes; %.100s expects %lld",
                 (unsigned long long)size, from, (long long)promised);
        note_problem(v, digest, what);
        return false;
    }
    return true;
}

static void check_manifest_tree(verifying *v, const char *digest)
{
    tgl_json *manifest = NULL;
    tgl_error why = {0};
    if (tgl__manifest_read(&manifest, v->store, digest, &why) != TGL_OK) {
        note_problem(v, digest, why.message);
        return;
    }
    check_target(v, tgl__json_get(manifest, "config"), digest);
    const tgl_json *layers = tgl__json_get(manifest, "layers");
    for (size_t i = 0; i < tgl__json_size(layers); i++)
        check_target(v, tgl__json_at(layers, i), digest);
    const tgl_json *subject = tgl__json_get(manifest, "subject");
    if (subject != NULL)
        check_target(v, subject, digest);
    const char *parent = tgl__note(manifest, TGL_NOTE_PARENT);
    if (parent != NULL && !tgl_store_has(v->store, parent))
        note_problem(v, parent, "missing; parent of a package");
    tgl__json_free(manifest);
}

static void check_root(verifying *v, const tgl_json *entry)
{
    const char *digest = tgl__json_string(tgl__json_get(entry, "digest"), "");
    const char *type = tgl__json_string(tgl__json_get(entry, "mediaType"), "");
    if (!check_target(v, entry, "index.json"))
        return;
    if (strcmp(type, TGL_MEDIA_INDEX) != 0) {
        v->n_package++;
        check_manifest_tree(v, digest);
        return;
    }
    tgl_json *list = NULL;
    tgl_error why = {0};
    if (tgl__blob_json(&list, v->store, digest, &why) != TGL_OK) {
        note_problem(v, digest, why.message);
        return;
    }
    const tgl_json *manifests = tgl__json_get(list, "manifests");
    for (size_t i = 0; i < tgl__json_size(manifests); i++) {
        const tgl_json *one = tgl__json_at(manifests, i);
        v->n_attached++;
        if (check_target(v, one, digest))
            check_manifest_tree(v, tgl__json_string(tgl__json_get(one, "digest"), ""));
    }
    tgl__json_free(list);
}

static void check_roots(verifying *v)
{
    tgl_json *index = NULL;
    tgl_error why = {0};
    if (tgl__layout_read(&index, NULL, v->store, &why) != TGL_OK) {
        note_problem(v, "index.json", why.message);
        return;
    }
    const tgl_json *list = tgl__json_get(index, "manifests");
    for (size_t i = 0; i < tgl__json_size(list); i++)
        check_root(v, tgl__json_at(list, i));
    tgl__json_free(index);
}

static tgl_status verify_report(char **json, verifying *v, tgl_error *err)
{
    tgl_json *root = tgl__json_object();
    bool clean = tgl__json_size(v->problems) == 0;
    bool good = tgl__json_put(root, "good", tgl__json_new_bool(clean));
    good = tgl__json_put(root, "objects", tgl__json_new_int((int64_t)v->n_name)) && good;
    good = tgl__json_put(root, "bytes", tgl__json_new_int((int64_t)v->n_byte)) && good;
    good =
        tgl__json_put(root, "packages", tgl__json_new_int((int64_t)v->n_package)) && good;
    good = tgl__json_put(root, "attached", tgl__json_new_int((int64_t)v->n_attached)) &&
           good;
    good =
        tgl__json_put(root, "foreign_files", tgl__json_new_int((int64_t)v->n_foreign)) &&
        good;
    good = tgl__json_put(root, "problems", tgl__json_share(v->problems)) && good;
    tgl_status status =
        good ? tgl__json_dump_pretty(json, NULL, root, err) : tgl__fail_nomem(err);
    tgl__json_free(root);
    if (status != TGL_OK || clean)
        return status;
    const tgl_json *first = tgl__json_at(v->problems, 0);
    return tgl__fail(err, TGL_EMISMATCH, "store '%s': %zu problem%s; the first: %s: %s",
                     v->store->directory, tgl__json_size(v->problems),
                     tgl__json_size(v->problems) == 1 ? "" : "s",
                     tgl__json_string(tgl__json_get(first, "object"), ""),
                     tgl__json_string(tgl__json_get(first, "problem"), ""));
}

tgl_status tgl_store_verify(char **json, tgl_store *store, const tgl_progress *progress,
                            tgl_error *err)
{
    verifying v = {.store = store, .progress = progress, .problems = tgl__json_array()};
    if (v.problems == NULL || pthread_mutex_init(&v.mutex, NULL) != 0) {
        tgl__json_free(v.problems);
        return tgl__fail_nomem(err);
    }
    tgl_status status;
    TGL_TRY_GOTO(list_blobs(&v, err));
    TGL_TRY_GOTO(tgl__parallel(v.n_name, 0, check_one, &v, err));
    check_roots(&v);
    if (tgl__json_size(v.problems) == 0) {
        TGL_TRY_GOTO(tgl__index_rebuild(store, err));
        TGL_TRY_GOTO(tgl__index_sync(store, err));
    }
    status = verify_report(json, &v, err);
out:
    for (size_t i = 0; i < v.n_name; i++)
        tgl__free(v.names[i]);
    tgl__free(v.names);
    tgl__json_free(v.problems);
    pthread_mutex_destroy(&v.mutex);
    return status;
}
