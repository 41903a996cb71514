/** @file
 * Content-addressed objects in an OCI image layout, packages, and the records attached to
 * them.
 */
#ifndef TRIGLINE_STORE_H
#define TRIGLINE_STORE_H

#include <trigline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_store tgl_store;

/** Open (or make, `create` != 0) the store in `directory` (".trigline"). One writer at a
 * time publishes. */
TGL_API TGL_NODISCARD tgl_status tgl_store_open(tgl_store **out, const char *directory,
                                                int create, tgl_error *err);
TGL_API void tgl_store_close(tgl_store *store);

/** Add bytes or a file; `digest` receives "sha256:…". Adding what is there is free. */
TGL_API TGL_NODISCARD tgl_status tgl_store_put(char digest[72], tgl_store *store,
                                               const void *bytes, size_t size,
                                               tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_store_put_file(char digest[72], tgl_store *store,
                                                    const char *path, tgl_error *err);
/** Read an object, checked against its digest. Release with tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_store_get(uint8_t **out, size_t *size,
                                               tgl_store *store, const char *digest,
                                               tgl_error *err);
TGL_API int tgl_store_has(tgl_store *store, const char *digest);

/** One member of a package. `media_type` NULL: from the name's ending. Exactly one of
 * bytes and file_path. */
typedef struct tgl_member {
    const char *name; /**< "graph.json", "firmware/core.v"; '/' allowed, ".." refused */
    const char *media_type;
    const void *bytes;
    size_t size;
    const char *file_path;
} tgl_member;

/**
 * Make a package: a ModelPack manifest over the members in order of name. Only what is
 * reproducible goes in: the same members, annotations and parent give the same digest.
 * @param annotations JSON object of strings, may be NULL; @param parent digest of the
 * package it was made from, may be NULL
 */
TGL_API TGL_NODISCARD tgl_status tgl_store_package(
    char digest[72], tgl_store *store, const char *name, const tgl_member *members,
    size_t n_member, const char *annotations, const char *parent, tgl_error *err);
/** Attach a document (a record, a signature) to a package from outside, OCI referrer
 * style. */
TGL_API TGL_NODISCARD tgl_status tgl_store_attach(char digest[72], tgl_store *store,
                                                  const char *subject,
                                                  const char *artifact_type,
                                                  const void *bytes, size_t size,
                                                  tgl_error *err);
/** A package's member by name; `package` is a digest, a unique prefix of one (8 digits at
 * least) or a name. tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_store_member(uint8_t **out, size_t *size,
                                                  tgl_store *store, const char *package,
                                                  const char *member, tgl_error *err);
/** JSON listings (tgl_free): every package; one package with members, lineage and
 * attached records. */
TGL_API TGL_NODISCARD tgl_status tgl_store_list(char **json, tgl_store *store,
                                                tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_store_show(char **json, tgl_store *store,
                                                const char *package, tgl_error *err);
/** Re-hash everything reachable and rebuild the index; JSON report (tgl_free).
 * TGL_EMISMATCH when anything is wrong. */
TGL_API TGL_NODISCARD tgl_status tgl_store_verify(char **json, tgl_store *store,
                                                  const tgl_progress *progress,
                                                  tgl_error *err);

/* ---- step cache: which outputs a key gave ---- */

/** Remember that `key` ("sha256:…" of a step's spec) gave `outputs` (JSON object name ->
 * digest) with `record` (digest). */
TGL_API TGL_NODISCARD tgl_status tgl_store_remember(tgl_store *store, const char *key,
                                                    const char *outputs,
                                                    const char *record, tgl_error *err);
/** What a key gave, newest first; TGL_ENOTFOUND when never run or a blob is gone.
 * tgl_free both. */
TGL_API TGL_NODISCARD tgl_status tgl_store_recall(char **outputs, char **record,
                                                  tgl_store *store, const char *key,
                                                  tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
