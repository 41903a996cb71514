/* Inside the store: the handle, blobs, index.json, the SQLite index derived from them,
 * and what the pipeline needs beyond the public header. */
#ifndef TGL_STORE_STORE_H
#define TGL_STORE_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <trigline/store.h>

#include "digest/digest.h"
#include "text/json.h"

struct sqlite3;
struct sqlite3_stmt;

struct tgl_store {
    char *directory;
    struct sqlite3 *db;
    pthread_mutex_t mutex; /* one thread at a time in the index */
    bool mutex_ready;
};

#define TGL_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TGL_MEDIA_INDEX    "application/vnd.oci.image.index.v1+json"
#define TGL_MEDIA_EMPTY    "application/vnd.oci.empty.v1+json"
#define TGL_MEDIA_CONFIG   "application/vnd.cncf.model.config.v1+json"
#define TGL_TYPE_PACKAGE   "application/vnd.cncf.model.manifest.v1+json"
#define TGL_TYPE_RECORD    "application/vnd.trigline.record.v1+json"
#define TGL_TYPE_STEP      "application/vnd.trigline.step.v1+json"
#define TGL_NOTE_PATH      "org.cncf.model.filepath"
#define TGL_NOTE_REF       "org.opencontainers.image.ref.name"
#define TGL_NOTE_NAME      "vnd.trigline.name"
#define TGL_NOTE_PARENT    "vnd.trigline.parent"

enum { TGL_MANIFEST_LIMIT = 64 * 1024 * 1024 };

/* ---- blob.c ---- */
/* Path of a blob; release with tgl__free. TGL_EFORMAT when `digest` is not one. */
tgl_status tgl__blob_path(char **out, const tgl_store *store, const char *digest,
                          tgl_error *err);
/* Size of a blob that is there; TGL_ENOTFOUND with one clear line when it is not. */
tgl_status tgl__blob_size(uint64_t *size, const tgl_store *store, const char *digest,
                          tgl_error *err);
/* Copy a blob to `path`, checked against its digest; appears only when complete. */
tgl_status tgl__blob_restore(tgl_store *store, const char *digest, const char *path,
                             tgl_error *err);
/* Re-hash a blob without keeping it. */
tgl_status tgl__blob_check(const tgl_store *store, const char *digest, tgl_error *err);
/* Read a blob as JSON of at most TGL_MANIFEST_LIMIT bytes. */
tgl_status tgl__blob_json(tgl_json **out, tgl_store *store, const char *digest,
                          tgl_error *err);
tgl_status tgl__put_json(char digest[72], uint64_t *size, tgl_store *store,
                         const tgl_json *value, tgl_error *err);

/* ---- layout.c: oci-layout, index.json ---- */
tgl_status tgl__layout_make(const char *directory, int create, tgl_error *err);
/* index.json, checked: every entry has a digest, a size, a media type. */
tgl_status tgl__layout_read(tgl_json **out, char digest[72], const tgl_store *store,
                            tgl_error *err);
/* The same checks on text from anywhere (fuzzing). */
tgl_status tgl__layout_parse(tgl_json **out, const char *text, size_t size,
                             const char *source, tgl_error *err);

typedef struct tgl_root {
    const char *digest;
    uint64_t size;
    const char *media_type, *artifact_type; /* artifact_type may be NULL */
    const char *ref;                        /* moves here from any older root */
    const char *name; /* kept when the reference moves on; may be NULL */
    const char *drop; /* digest of a root to remove, or NULL */
} tgl_root;
/* Add a root under the publisher's lock. With `merge` the root is made inside the lock:
 * it may read the old index and fill `root`. */
typedef tgl_status (*tgl_make_root)(tgl_root *root, tgl_store *store,
                                    const tgl_json *index, void *context, tgl_error *err);
tgl_status tgl__layout_publish(tgl_store *store, tgl_root *root, tgl_make_root make,
                               void *context, tgl_error *err);
/* The root that carries `ref`, or NULL. Borrowed from `index`. */
const tgl_json *tgl__layout_find_ref(const tgl_json *index, const char *ref);
const char *tgl__note(const tgl_json *descriptor, const char *key);

/* ---- manifest.c ---- */
/* Check a manifest's shape: descriptors with digests and sizes, file paths of layers. */
tgl_status tgl__manifest_parse(tgl_json **out, const char *text, size_t size,
                               const char *source, tgl_error *err);
tgl_status tgl__manifest_read(tgl_json **out, tgl_store *store, const char *digest,
                              tgl_error *err);
tgl_status tgl__check_descriptor(const tgl_json *value, const char *where,
                                 tgl_error *err);
/* A member's or output's name: relative, no "..", no empty part. */
bool tgl__name_is_safe(const char *name);
const char *tgl__media_type_of(const char *name);
tgl_json *tgl__descriptor(const char *media_type, const char *digest, uint64_t size);

/* ---- index.c: SQLite ---- */
tgl_status tgl__index_open(tgl_store *store, tgl_error *err);
void tgl__index_close(tgl_store *store);
/* Bring packages, members and referrers up to index.json. */
tgl_status tgl__index_sync(tgl_store *store, tgl_error *err);
/* Forget and derive everything again, step entries included. */
tgl_status tgl__index_rebuild(tgl_store *store, tgl_error *err);
/* Full digest of a package by digest, prefix or name. */
tgl_status tgl__index_resolve(char digest[72], tgl_store *store, const char *package,
                              tgl_error *err);
tgl_status tgl__index_add_step(tgl_store *store, const char *entry, const tgl_json *step,
                               tgl_error *err);

/* Prepare, bind ('t' text, 'i' int64_t, 'r' double) and run; rows are ignored. */
tgl_status tgl__index_run(tgl_store *store, tgl_error *err, const char *sql,
                          const char *binds, ...);
/* The same for reading rows with tgl__index_next; finalize with sqlite3_finalize. */
tgl_status tgl__index_query(struct sqlite3_stmt **out, tgl_store *store, tgl_error *err,
                            const char *sql, const char *binds, ...);
/* true while there is a row; a failure is left in *status. */
bool tgl__index_next(struct sqlite3_stmt *query, tgl_store *store, tgl_status *status,
                     tgl_error *err);

/* ---- tree.c: what a path holds ---- */
/* Digest of a file or directory. A directory's is that of its tree document, canonical
 * JSON {"files":{relative path:{digest,size}},"type":"tree"}. File digests are cached by
 * path, size, times and inode. With `keep` the bytes (and the tree document) go into the
 * store. */
tgl_status tgl__tree_digest(char digest[72], tgl_store *store, const char *path,
                            bool keep, const tgl_progress *progress, tgl_error *err);
/* Make `path` hold what `digest` names: a file, or a directory when `is_tree`. */
tgl_status tgl__tree_restore(tgl_store *store, const char *digest, bool is_tree,
                             const char *path, tgl_error *err);
/* Is everything `digest` names in the store? */
bool tgl__tree_has(tgl_store *store, const char *digest, bool is_tree);
tgl_status tgl__tree_parse(tgl_json **out, const char *text, size_t size,
                           const char *source, tgl_error *err);

/* ---- steps.c ---- */
/* The key of the newest step entry whose record names `stage`; TGL_ENOTFOUND. */
tgl_status tgl__step_last_key(char key[72], tgl_store *store, const char *stage,
                              tgl_error *err);
/* Did a step of this store ever write `digest` as its output `path`? */
tgl_status tgl__step_made(bool *made, tgl_store *store, const char *path,
                          const char *digest, tgl_error *err);
tgl_status tgl__step_parse(tgl_json **out, const char *text, size_t size,
                           const char *source, tgl_error *err);

#endif
