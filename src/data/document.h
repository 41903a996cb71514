/* The document "trigline.json" our own NPZ and HDF5 files carry: which arrays make a
 * column, the column digests, the table's metadata. Layout: docs/formats.md. */
#ifndef TGL_DATA_DOCUMENT_H
#define TGL_DATA_DOCUMENT_H

#include "base/memory.h"
#include "text/json.h"
#include <trigline/table.h>

enum {
    TGL_DOCUMENT_VERSION = 1,
    TGL_DOCUMENT_MAX_COLUMN = 16384,
    TGL_DOCUMENT_MAX_META = 1024
};

typedef struct tgl_stored_column {
    const char *name, *digest;
    tgl_dtype dtype;
    bool is_jagged;
    uint8_t n_dim;
    uint32_t dim[TGL_MAX_DIM];
    const char *values, *offsets; /* names of the arrays; offsets NULL for flat columns */
} tgl_stored_column;

typedef struct tgl_document {
    tgl_json *root; /* owns every string below */
    uint64_t n_row;
    tgl_stored_column *columns;
    size_t n_column;
    tgl_arena arena;
} tgl_document;

/* Names for the offsets arrays of a table's columns: "<column>__offsets", longer where
 * that is taken; NULL for flat columns. In `arena`. */
tgl_status tgl__offset_names(const char ***out, const tgl_table *table, tgl_arena *arena,
                             tgl_error *err);

/* The document of a table whose offsets arrays have those names; digests are computed on
 * n_thread threads. Canonical JSON; release with tgl__free. */
tgl_status tgl__document_write(char **out, size_t *size, const tgl_table *table,
                               const char *const *offset_names, size_t n_thread,
                               tgl_error *err);

/* Parse and check. `what` names the text in messages. Release with
 * tgl__document_release, which accepts a zeroed document. */
tgl_status tgl__document_read(tgl_document *out, const char *text, size_t n,
                              const char *what, tgl_error *err);
void tgl__document_release(tgl_document *document);

/* Metadata entry by index, and by key. */
bool tgl__document_meta_at(const tgl_document *document, size_t index, const char **key,
                           const char **value);
const char *tgl__document_meta(const tgl_document *document, const char *key);

/* Does a column, read whole, have the digest its file recorded? */
tgl_status tgl__document_verify(const tgl_stored_column *stored, const tgl_column *column,
                                const char *path, tgl_error *err);

#endif
