/* The OCI image layout around the blobs: oci-layout, index.json, and the one lock under
 * which a publisher rewrites it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/store.h"

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
static const char empty_index[] =
    "{\"manifests\":[],\"mediaType\":\"" TGL_MEDIA_INDEX "\",\"schemaVersion\":2}";

static tgl_status write_if_absent(const char *directory, const char *name,
                                  const char *text, tgl_error *err)
{
    char *path = tgl__path_join(directory, name);
    if (path == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    if (!tgl__file_exists(path))
        status = tgl__file_write(path, text, strlen(text), err);
    tgl__free(path);
    return status;
}

static tgl_status make_subdirectory(const char *directory, const char *name,
                                    tgl_error *err)
{
    char *path = tgl__path_join(directory, name);
    if (path == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = tgl__make_dirs(path, err);
    tgl__free(path);
    return status;
}

static tgl_status check_layout_file(const char *directory, tgl_error *err)
{
    char *path = tgl__path_join(directory, "oci-layout");
    if (path == NULL)
        return tgl__fail_nomem(err);
    tgl_json *root = NULL;
    tgl_status status;
    if (!tgl__file_exists(path))
        status = tgl__fail(err, TGL_ENOTFOUND,
                           "'%s' is not a store: it has no file 'oci-layout'", directory);
    else
        status = tgl__json_read(&root, path, err);
    if (status == TGL_OK) {
        const char *version =
            tgl__json_string(tgl__json_get(root, "imageLayoutVersion"), "");
        if (strcmp(version, "1.0.0") != 0)
            status = tgl__fail(err, TGL_EUNSUPPORTED,
                               "%s: expected imageLayoutVersion 1.0.0, found '%s'", path,
                               version);
    }
    tgl__json_free(root);
    tgl__free(path);
    return status;
}

tgl_status tgl__layout_make(const char *directory, int create, tgl_error *err)
{
    if (create) {
        TGL_TRY(make_subdirectory(directory, "blobs/sha256", err));
        TGL_TRY(make_subdirectory(directory, "tmp", err));
        TGL_TRY(write_if_absent(directory, "index.json", empty_index, err));
        TGL_TRY(write_if_absent(directory, "oci-layout", layout_text, err));
    }
    TGL_TRY(check_layout_file(directory, err));
    return make_subdirectory(directory, "tmp", err); /* a copied layout has none */
}

const char *tgl__note(const tgl_json *descriptor, const char *key)
{
    return tgl__json_string(tgl__json_get(tgl__json_get(descriptor, "annotations"), key),
                            NULL);
}

const tgl_json *tgl__layout_find_ref(const tgl_json *index, const char *ref)
{
    const tgl_json *list = tgl__json_get(index, "manifests");
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const char *have = tgl__note(tgl__json_at(list, i), TGL_NOTE_REF);
        if (have != NULL && strcmp(have, ref) == 0)
            return tgl__json_at(list, i);
    }
    return NULL;
}

static tgl_status check_index(const tgl_json *root, const char *source, tgl_error *err)
{
    if (tgl__json_kind(root) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a mapping", source);
    int64_t version;
    TGL_TRY(tgl__json_need_int(&version, root, "schemaVersion", 2, 2, source, err));
    tgl_json *list;
    TGL_TRY(tgl__json_need(&list, root, "manifests", TGL_JSON_ARRAY, source, err));
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        char where[600];
        snprintf(where, sizeof where, "%.500s: manifests[%zu]", source, i);
        TGL_TRY(tgl__check_descriptor(tgl__json_at(list, i), where, err));
    }
    return TGL_OK;
}

tgl_status tgl__layout_parse(tgl_json **out, const char *text, size_t size,
                             const char *source, tgl_error *err)
{
    tgl_json *root = NULL;
    TGL_TRY(tgl__json_parse(&root, text, size, source, err));
    tgl_status status = check_index(root, source, err);
    if (status != TGL_OK)
        tgl__json_free(root);
    else
        *out = root;
    return status;
}

tgl_status tgl__layout_read(tgl_json **out, char digest[72], const tgl_store *store,
                            tgl_error *err)
{
    char *path = tgl__path_join(store->directory, "index.json"), *text = NULL;
    if (path == NULL)
        return tgl__fail_nomem(err);
    size_t size = 0;
    tgl_sha256 sum;
    tgl_status status = tgl__file_read(&text, &size, path, TGL_MANIFEST_LIMIT, err);
    if (status == TGL_OK)
        status = tgl__sha256(&sum, text, size, err);
    if (status == TGL_OK && digest != NULL)
        tgl__sha256_format(digest, &sum);
    if (status == TGL_OK)
        status = tgl__layout_parse(out, text, size, path, err);
    tgl__free(text);
    tgl__free(path);
    return status;
}

static tgl_status lock_index(int *fd, const tgl_store *store, tgl_error *err)
{
    char *path = tgl__path_join(store->directory, "index.lock");
    if (path == NULL)
        return tgl__fail_nomem(err);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    tgl_status status = TGL_OK;
    if (*fd < 0)
        status = tgl__fail_errno(err, "cannot lock", path);
    while (status == TGL_OK && flock(*fd, LOCK_EX) != 0)
        if (errno != EINTR)
            status = tgl__fail_errno(err, "cannot lock", path);
    if (status != TGL_OK && *fd >= 0)
        close(*fd);
    tgl__free(path);
    return status;
}

static tgl_json *root_entry(const tgl_root *root)
{
    tgl_json *entry = tgl__descriptor(root->media_type, root->digest, root->size);
    tgl_json *notes = tgl__json_object();
    bool good = notes != NULL;
    if (good && root->ref != NULL)
        good = tgl__json_put(notes, TGL_NOTE_REF, tgl__json_new_string(root->ref));
    if (good && root->name != NULL)
        good = tgl__json_put(notes, TGL_NOTE_NAME, tgl__json_new_string(root->name));
    if (good && root->artifact_type != NULL && entry != NULL)
        good = tgl__json_put(entry, "artifactType",
                             tgl__json_new_string(root->artifact_type));
    if (entry == NULL || !good || !tgl__json_put(entry, "annotations", notes)) {
        if (entry == NULL || !good)
            tgl__json_free(notes);
        tgl__json_free(entry);
        return NULL;
    }
    return entry;
}

/* A copy of an older root, without the reference that moves away from it. */
static tgl_json *old_entry(const tgl_json *entry, const char *ref)
{
    const char *have = tgl__note(entry, TGL_NOTE_REF);
    tgl_json *copy = tgl__json_copy(entry);
    if (copy == NULL || have == NULL || ref == NULL || strcmp(have, ref) != 0)
        return copy;
    tgl_json *notes = tgl__json_object();
    const char *key;
    tgl_json *value, *all = tgl__json_get(entry, "annotations");
    for (size_t i = 0; tgl__json_entry(all, i, &key, &value); i++)
        if (strcmp(key, TGL_NOTE_REF) != 0)
            tgl__json_put(notes, key, tgl__json_copy(value));
    tgl__json_put(copy, "annotations", notes);
    return copy;
}

static tgl_status new_index(tgl_json **out, const tgl_json *old, const tgl_root *root,
                            tgl_error *err)
{
    tgl_json *list = tgl__json_array(), *index = tgl__json_copy(old);
    const tgl_json *entries = tgl__json_get(old, "manifests");
    bool good = list != NULL && index != NULL;
    for (size_t i = 0; good && i < tgl__json_size(entries); i++) {
        const tgl_json *entry = tgl__json_at(entries, i);
        const char *digest = tgl__json_string(tgl__json_get(entry, "digest"), "");
        if (strcmp(digest, root->digest) == 0 ||
            (root->drop != NULL && strcmp(digest, root->drop) == 0))
            continue;
        good = tgl__json_append(list, old_entry(entry, root->ref));
    }
    good = good && tgl__json_append(list, root_entry(root));
    if (!good || !tgl__json_put(index, "manifests", list)) {
        if (!good)
            tgl__json_free(list);
        tgl__json_free(index);
        return tgl__fail_nomem(err);
    }
    *out = index;
    return TGL_OK;
}

static tgl_status write_index(const tgl_store *store, const tgl_json *index,
                              tgl_error *err)
{
    char *path = tgl__path_join(store->directory, "index.json"), *text = NULL;
    if (path == NULL)
        return tgl__fail_nomem(err);
    size_t n = 0;
    tgl_status status = tgl__json_dump(&text, &n, index, err);
    if (status == TGL_OK)
        status = tgl__file_write(path, text, n, err);
    tgl__free(text);
    tgl__free(path);
    return status;
}

tgl_status tgl__layout_publish(tgl_store *store, tgl_root *root, tgl_make_root make,
                               void *context, tgl_error *err)
{
    int fd = -1;
    TGL_TRY(lock_index(&fd, store, err));
    tgl_json *old = NULL, *index = NULL;
    tgl_status status = TGL_OK;
    TGL_TRY_GOTO(tgl__layout_read(&old, NULL, store, err));
    if (make != NULL)
        TGL_TRY_GOTO(make(root, store, old, context, err));
    TGL_TRY_GOTO(new_index(&index, old, root, err));
    if (!tgl__json_equal(old, index))
        TGL_TRY_GOTO(write_index(store, index, err));
out:
    tgl__json_free(old);
    tgl__json_free(index);
    close(fd); /* lets the lock go */
    return status;
}
