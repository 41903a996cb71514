/* Packages (ModelPack manifests) and what is attached to them from outside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store.h"

static bool name_is_reference(const char *name)
{
    size_t n = strlen(name);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return n > 0 && n <= 128 && strspn(name, allowed) == n && *name != '.' &&
           *name != '-';
}

static int by_name(const void *a, const void *b)
{
    const tgl_member *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static tgl_status sort_members(const tgl_member ***out, const tgl_member *members,
                               size_t n, tgl_error *err)
{
    const tgl_member **sorted = tgl__calloc(n + 1, sizeof *sorted);
    if (sorted == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &members[i];
    qsort((void *)sorted, n, sizeof *sorted, by_name);
    tgl_status status = TGL_OK;
    for (size_t i = 0; i < n && status == TGL_OK; i++) {
        if (!tgl__name_is_safe(sorted[i]->name))
            status = tgl__fail(err, TGL_EUSAGE,
                               "package member '%s': expected a relative path without "
                               "'..'",
                               sorted[i]->name);
        else if (i > 0 && strcmp(sorted[i]->name, sorted[i - 1]->name) == 0)
            status = tgl__fail(err, TGL_EUSAGE, "package member '%s' is given twice",
                               sorted[i]->name);
        else if ((sorted[i]->bytes != NULL) == (sorted[i]->file_path != NULL))
            status = tgl__fail(err, TGL_EUSAGE,
                               "package member '%s': expected bytes or a file",
                               sorted[i]->name);
    }
    if (status != TGL_OK)
        tgl__free((void *)sorted);
    else
        *out = sorted;
    return status;
}

static tgl_status put_layer(tgl_json *layers, tgl_json *ids, tgl_store *store,
                            const tgl_member *member, tgl_error *err)
{
    char digest[TGL_DIGEST_TEXT];
    uint64_t size = 0;
    if (member->bytes != NULL)
        TGL_TRY(tgl_store_put(digest, store, member->bytes, member->size, err));
    else
        TGL_TRY(tgl_store_put_file(digest, store, member->file_path, err));
    TGL_TRY(tgl__blob_size(&size, store, digest, err));
    const char *type = member->media_type != NULL ? member->media_type
                                                  : tgl__media_type_of(member->name);
    tgl_json *layer = tgl__descriptor(type, digest, size), *notes = tgl__json_object();
    tgl__json_put(notes, TGL_NOTE_PATH, tgl__json_new_string(member->name));
    bool good = tgl__json_size(notes) == 1;
    good = tgl__json_put(layer, "annotations", notes) && good;
    good = tgl__json_append(layers, layer) && good;
    good = tgl__json_append(ids, tgl__json_new_string(digest)) && good;
    return good ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status package_notes(tgl_json **out, const char *name, const char *annotations,
                                const char *parent, tgl_error *err)
{
    tgl_json *notes = tgl__json_object();
    tgl_status status = TGL_OK;
    if (annotations != NULL) {
        tgl__json_free(notes);
        notes = NULL;
        TGL_TRY(tgl__json_parse(&notes, annotations, strlen(annotations), "annotations",
                                err));
        const char *key;
        tgl_json *value;
        if (tgl__json_kind(notes) != TGL_JSON_OBJECT)
            status = tgl__fail(err, TGL_EUSAGE, "annotations: expected a mapping");
        for (size_t i = 0; status == TGL_OK && tgl__json_entry(notes, i, &key, &value);
             i++)
            if (tgl__json_kind(value) != TGL_JSON_STRING)
                status =
                    tgl__fail(err, TGL_EUSAGE, "annotation '%s': expected a string", key);
    }
    if (status == TGL_OK &&
        (!tgl__json_put(notes, TGL_NOTE_NAME, tgl__json_new_string(name)) ||
         (parent != NULL &&
          !tgl__json_put(notes, TGL_NOTE_PARENT, tgl__json_new_string(parent)))))
        status = tgl__fail_nomem(err);
    if (status != TGL_OK)
        tgl__json_free(notes);
    else
        *out = notes;
    return status;
}

/* ModelPack's configuration object: what the model is called, and its layers' digests. */
static tgl_json *package_config(const char *name, tgl_json *ids)
{
    tgl_json *root = tgl__json_object(), *descriptor = tgl__json_object(),
             *fs = tgl__json_object();
    bool good = tgl__json_put(descriptor, "name", tgl__json_new_string(name));
    good = tgl__json_put(fs, "type", tgl__json_new_string("layers")) && good;
    good = tgl__json_put(fs, "diffIds", tgl__json_share(ids)) && good;
    good = tgl__json_put(root, "descriptor", descriptor) && good;
    good = tgl__json_put(root, "modelfs", fs) && good;
    good = tgl__json_put(root, "config", tgl__json_object()) && good;
    if (good)
        return root;
    tgl__json_free(root);
    return NULL;
}

static tgl_status put_manifest(char digest[72], uint64_t *size, tgl_store *store,
                               const char *artifact_type, tgl_json *config,
                               tgl_json *layers, tgl_json *notes, tgl_json *subject,
                               tgl_error *err)
{
    tgl_json *root = tgl__json_object();
    bool good = tgl__json_put(root, "schemaVersion", tgl__json_new_int(2));
    good = tgl__json_put(root, "mediaType", tgl__json_new_string(TGL_MEDIA_MANIFEST)) &&
           good;
    good =
        tgl__json_put(root, "artifactType", tgl__json_new_string(artifact_type)) && good;
    good = tgl__json_put(root, "config", config) && good;
    good = tgl__json_put(root, "layers", tgl__json_share(layers)) && good;
    if (notes != NULL)
        good = tgl__json_put(root, "annotations", tgl__json_share(notes)) && good;
    if (subject != NULL)
        good = tgl__json_put(root, "subject", tgl__json_share(subject)) && good;
    tgl_status status =
        good ? tgl__put_json(digest, size, store, root, err) : tgl__fail_nomem(err);
    tgl__json_free(root);
    return status;
}

tgl_status tgl_store_package(char digest[72], tgl_store *store, const char *name,
                             const tgl_member *members, size_t n_member,
                             const char *annotations, const char *parent, tgl_error *err)
{
    if (!name_is_reference(name))
        return tgl__fail(err, TGL_EUSAGE,
                         "package name '%s': expected letters, digits, '.', '_' or '-'",
                         name);
    if (parent != NULL && !tgl_store_has(store, parent))
        return tgl__fail(err, TGL_ENOTFOUND, "store '%s': no parent package %s",
                         store->directory, parent);
    tgl_status status = TGL_OK;
    const tgl_member **sorted = NULL;
    tgl_json *layers = tgl__json_array(), *ids = tgl__json_array(), *notes = NULL,
             *config = NULL;
    char config_digest[TGL_DIGEST_TEXT], made[TGL_DIGEST_TEXT];
    uint64_t size = 0;
    TGL_TRY_GOTO(sort_members(&sorted, members, n_member, err));
    TGL_TRY_GOTO(package_notes(&notes, name, annotations, parent, err));
    for (size_t i = 0; i < n_member; i++)
        TGL_TRY_GOTO(put_layer(layers, ids, store, sorted[i], err));
    config = package_config(name, ids);
    if (config == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(tgl__put_json(config_digest, &size, store, config, err));
    TGL_TRY_GOTO(put_manifest(made, &size, store, TGL_TYPE_PACKAGE,
                              tgl__descriptor(TGL_MEDIA_CONFIG, config_digest, size),
                              layers, notes, NULL, err));
    tgl_root root = {made, size, TGL_MEDIA_MANIFEST, TGL_TYPE_PACKAGE, name, name, NULL};
    status = tgl__layout_publish(store, &root, NULL, NULL, err);
    if (status == TGL_OK)
        memcpy(digest, made, sizeof made);
out:
    tgl__free((void *)sorted);
    tgl__json_free(layers);
    tgl__json_free(ids);
    tgl__json_free(notes);
    tgl__json_free(config);
    return status;
}

/* ---- attaching ---- */

typedef struct attaching {
    const char *subject, *manifest, *artifact_type;
    uint64_t size;
    char ref[80], digest[TGL_DIGEST_TEXT], old[TGL_DIGEST_TEXT];
} attaching;

static tgl_json *attached_entry(const attaching *a)
{
    tgl_json *entry = tgl__descriptor(TGL_MEDIA_MANIFEST, a->manifest, a->size);
    if (tgl__json_put(entry, "artifactType", tgl__json_new_string(a->artifact_type)))
        return entry;
    tgl__json_free(entry);
    return NULL;
}

/* Under the publisher's lock: the subject's list of referrers with one more. */
static tgl_status extend_referrers(tgl_root *root, tgl_store *store,
                                   const tgl_json *index, void *context, tgl_error *err)
{
    attaching *a = context;
    const tgl_json *old = tgl__layout_find_ref(index, a->ref);
    tgl_json *list = NULL, *manifests = tgl__json_array(), *before = NULL;
    tgl_status status = TGL_OK;
    bool there = false, good = manifests != NULL;
    if (old != NULL) {
        snprintf(a->old, sizeof a->old, "%s",
                 tgl__json_string(tgl__json_get(old, "digest"), ""));
        TGL_TRY_GOTO(tgl__blob_json(&before, store, a->old, err));
    }
    const tgl_json *have = tgl__json_get(before, "manifests");
    for (size_t i = 0; good && i < tgl__json_size(have); i++) {
        tgl_json *entry = tgl__json_at(have, i);
        const char *digest = tgl__json_string(tgl__json_get(entry, "digest"), "");
        there = there || strcmp(digest, a->manifest) == 0;
        good = tgl__json_append(manifests, tgl__json_share(entry));
    }
    if (good && !there)
        good = tgl__json_append(manifests, attached_entry(a));
    list = tgl__json_object();
    good = tgl__json_put(list, "schemaVersion", tgl__json_new_int(2)) && good;
    good =
        tgl__json_put(list, "mediaType", tgl__json_new_string(TGL_MEDIA_INDEX)) && good;
    good = tgl__json_put(list, "manifests", tgl__json_share(manifests)) && good;
    status = good ? TGL_OK : tgl__fail_nomem(err);
    if (status == TGL_OK)
        status = tgl__put_json(a->digest, &root->size, store, list, err);
    root->digest = a->digest;
    root->drop = a->old[0] != '\0' ? a->old : NULL;
out:
    tgl__json_free(before);
    tgl__json_free(list);
    tgl__json_free(manifests);
    return status;
}

tgl_status tgl_store_attach(char digest[72], tgl_store *store, const char *subject,
                            const char *artifact_type, const void *bytes, size_t size,
                            tgl_error *err)
{
    uint64_t subject_size, n = 0;
    char content[TGL_DIGEST_TEXT], empty[TGL_DIGEST_TEXT], made[TGL_DIGEST_TEXT];
    TGL_TRY(tgl__blob_size(&subject_size, store, subject, err));
    TGL_TRY(tgl_store_put(content, store, bytes, size, err));
    TGL_TRY(tgl_store_put(empty, store, "{}", 2, err));
    tgl_json *layers = tgl__json_array(),
             *about = tgl__descriptor(TGL_MEDIA_MANIFEST, subject, subject_size);
    bool good = tgl__json_append(layers, tgl__descriptor(artifact_type, content, size)) &&
                about != NULL;
    tgl_status status = good ? TGL_OK : tgl__fail_nomem(err);
    if (status == TGL_OK)
        status = put_manifest(made, &n, store, artifact_type,
                              tgl__descriptor(TGL_MEDIA_EMPTY, empty, 2), layers, NULL,
                              about, err);
    tgl__json_free(layers);
    tgl__json_free(about);
    if (status != TGL_OK)
        return status;
    attaching a = {subject, made, artifact_type, n, "", "", ""};
    snprintf(a.ref, sizeof a.ref, "sha256-%.64s", subject + 7);
    tgl_root root = {NULL, 0, TGL_MEDIA_INDEX, NULL, a.ref, NULL, NULL};
    TGL_TRY(tgl__layout_publish(store, &root, extend_referrers, &a, err));
    memcpy(digest, made, sizeof made);
    return TGL_OK;
}

tgl_status tgl_store_member(uint8_t **out, size_t *size, tgl_store *store,
                            const char *package, const char *member, tgl_error *err)
{
    char digest[TGL_DIGEST_TEXT];
    tgl_json *manifest = NULL;
    TGL_TRY(tgl__index_resolve(digest, store, package, err));
    TGL_TRY(tgl__manifest_read(&manifest, store, digest, err));
    const tgl_json *layers = tgl__json_get(manifest, "layers"), *found = NULL;
    for (size_t i = 0; found == NULL && i < tgl__json_size(layers); i++) {
        const char *path = tgl__note(tgl__json_at(layers, i), TGL_NOTE_PATH);
        if (path != NULL && strcmp(path, member) == 0)
            found = tgl__json_at(layers, i);
    }
    tgl_status status;
    if (found == NULL)
        status = tgl__fail(err, TGL_ENOTFOUND, "package '%s' has no member '%s'", package,
                           member);
    else
        status = tgl_store_get(out, size, store,
                               tgl__json_string(tgl__json_get(found, "digest"), ""), err);
    tgl__json_free(manifest);
    return status;
}
