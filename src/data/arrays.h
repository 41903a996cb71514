/* Columns as arrays: what formats share that know rectangular arrays only (NPZ, HDF5). A
 * jagged column x is two arrays, `x` (values) and `x__offsets` (int64); our own files say
 * so in their document, in foreign ones the name does. The format lists its arrays and
 * reads rows of one; the rest is here. */
#ifndef TGL_DATA_ARRAYS_H
#define TGL_DATA_ARRAYS_H

#include "base/memory.h"
#include "data/document.h"
#include "data/format.h"

typedef struct tgl_array {
    const char *name, *declared; /* declared: the type as the file says it */
    const char *refusal;         /* why it cannot be read at all, or NULL */
    tgl_dtype dtype;             /* 0 where refused for it; strings are one per row */
    bool is_plain;  /* C order, this machine's byte order: as our own files have it */
    unsigned n_dim; /* 0: a scalar; above 1 + TGL_MAX_DIM the rest is not kept */
    uint64_t dim[1 + TGL_MAX_DIM]; /* rows first */
    size_t index;                  /* in the format's own list */
} tgl_array;

typedef struct tgl_array_parts {
    const tgl_array *values, *offsets; /* offsets NULL: flat */
    const tgl_stored_column *stored;   /* NULL in foreign files */
} tgl_array_parts;

/* The first member of a format's reader. The format fills base.format, base.close, the
 * options, path and size, the document if there is one, the arrays, and the calls. */
typedef struct tgl_array_reader {
    tgl_reader base;
    char *path;
    uint64_t size; /* of the file, in bytes */
    size_t n_thread;
    bool verify;
    const char *hint;      /* ends the refusal of an array with another number of rows */
    tgl_document document; /* root NULL: a foreign file */
    tgl_array *arrays, **sorted; /* as listed; by name (filled here) */
    size_t n_array;
    tgl_field *fields;
    tgl_array_parts *parts;
    tgl_arena arena;
    /* Rows [begin, end) of an array's numbers, in C order and this machine's byte order:
     * 64-byte aligned, release with tgl__free. */
    tgl_status (*numbers)(void **out, struct tgl_array_reader *reader,
                          const tgl_array *array, uint64_t begin, uint64_t end,
                          tgl_error *err);
    /* The same for an array of strings: offsets, values and n_value of `column`, whose
     * members the caller frees also after a failure. */
    tgl_status (*strings)(tgl_column *column, struct tgl_array_reader *reader,
                          const tgl_array *array, uint64_t begin, uint64_t end,
                          tgl_error *err);
    /* A column was read whole: what is kept of its arrays may go. May be NULL. */
    void (*forget)(struct tgl_array_reader *reader, const tgl_array *array);
} tgl_array_reader;

/* Make columns of the listed arrays, and the reader able to read them: base.read, meta,
 * n_row and fields. */
tgl_status tgl__arrays_open(tgl_array_reader *reader, tgl_error *err);
/* Everything above that is owned; not the reader itself. Accepts a zeroed one. */
void tgl__arrays_release(tgl_array_reader *reader);
/* Numbers in rows [begin, end) of an array; TGL_EFORMAT when they overflow. */
tgl_status tgl__arrays_count(size_t *out, const tgl_array_reader *reader,
                             const tgl_array *array, uint64_t begin, uint64_t end,
                             tgl_error *err);

#endif
