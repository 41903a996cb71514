/* HDF5: writing. Chunks are shuffled and deflated on our threads and handed to libhdf5
 * as they are (H5Dwrite_chunk); object times are off, so the bytes depend on the table
 * and the level only. */
#include <hdf5.h>
#include <libdeflate.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/document.h"
#include "data/hdf5/h5_child.h"
#include "data/hdf5/hdf5.h"
#include "table/table.h"

enum { DEFAULT_LEVEL = 3, CHUNK_BYTES = 1 << 20, MAX_ATTRIBUTE = 60000 };

typedef struct h5_writer {
    hid_t file;
    const char *path;
    int level;
    size_t n_thread;
    H5E_auto2_t print; /* how the caller's libhdf5 shows errors, while we are inside */
    void *print_data;
} h5_writer;

/* libhdf5 prints every error unless told not to. */
static void enter(h5_writer *w)
{
    tgl__h5_lock();
    H5Eget_auto2(H5E_DEFAULT, &w->print, &w->print_data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static void leave(const h5_writer *w)
{
    H5Eset_auto2(H5E_DEFAULT, w->print, w->print_data);
    tgl__h5_unlock();
}

/* One array: values or offsets of a column. */
typedef struct source_array {
    const char *name;
    tgl_dtype dtype;
    int rank;
    hsize_t dims[1 + TGL_MAX_DIM];
    const void *values;
    size_t row_bytes; /* of one index of the first dimension */
} source_array;

typedef struct packed_chunk {
    uint8_t *bytes;
    size_t size;
} packed_chunk;

typedef struct pack_job {
    const source_array *array;
    hsize_t first; /* chunk number of packed[0] */
    hsize_t chunk_rows;
    int level;
    packed_chunk *packed;
} pack_job;

static tgl_status failed(const h5_writer *w, const char *what, tgl_error *err)
{
    return tgl__fail(err, TGL_EIO, "cannot write '%s': libhdf5 refuses %s", w->path,
                     what);
}

/* HDF5's shuffle filter: byte k of every element together. */
static void shuffle(uint8_t *out, const uint8_t *in, size_t n, size_t size)
{
    for (size_t k = 0; k < size; k++)
        for (size_t i = 0; i < n; i++)
            out[k * n + i] = in[i * size + k];
}

/* A chunk is always whole: rows past the end are zeros. */
static tgl_status pack_chunk(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    pack_job *job = context;
    const source_array *a = job->array;
    size_t n_byte = (size_t)job->chunk_rows * a->row_bytes,
           size = tgl_dtype_size(a->dtype);
    hsize_t row = (job->first + index) * job->chunk_rows;
    hsize_t rows =
        a->dims[0] - row < job->chunk_rows ? a->dims[0] - row : job->chunk_rows;
    struct libdeflate_compressor *deflater = libdeflate_alloc_compressor(job->level);
    size_t bound =
        deflater == NULL ? 0 : libdeflate_zlib_compress_bound(deflater, n_byte);
    uint8_t *plain = tgl__calloc(n_byte, 1), *mixed = tgl__malloc(n_byte),
            *packed = tgl__malloc(bound);
    tgl_status status = TGL_OK;
    if (deflater == NULL || plain == NULL || mixed == NULL || packed == NULL) {
        status = tgl__fail_nomem(err);
        tgl__free(packed);
    } else {
        memcpy(plain, (const char *)a->values + row * a->row_bytes, rows * a->row_bytes);
        shuffle(mixed, plain, n_byte / size, size);
        job->packed[index].size = libdeflate_zlib_compress(
            deflater, size > 1 ? mixed : plain, n_byte, packed, bound);
        job->packed[index].bytes = packed;
    }
    libdeflate_free_compressor(deflater);
    tgl__free(plain);
    tgl__free(mixed);
    return status;
}

static tgl_status write_chunks(h5_writer *w, hid_t dataset, const source_array *a,
                               hsize_t chunk_rows, tgl_error *err)
{
    hsize_t n_chunk = (a->dims[0] + chunk_rows - 1) / chunk_rows;
    size_t group = 2 * tgl__thread_count(w->n_thread);
    packed_chunk *packed = tgl__calloc(group, sizeof *packed);
    if (packed == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    for (hsize_t at = 0; status == TGL_OK && at < n_chunk; at += group) {
        size_t m = n_chunk - at < group ? (size_t)(n_chunk - at) : group;
        pack_job job = {a, at, chunk_rows, w->level, packed};
        memset(packed, 0, group * sizeof *packed);
        leave(w);
        status = tgl__parallel(m, w->n_thread, pack_chunk, &job, err);
        enter(w);
        for (size_t i = 0; i < m; i++) {
            hsize_t offset[1 + TGL_MAX_DIM] = {(at + i) * chunk_rows};
            if (status == TGL_OK && H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, offset,
                                                   packed[i].size, packed[i].bytes) < 0)
                status = failed(w, a->name, err);
            tgl__free(packed[i].bytes);
        }
    }
    tgl__free(packed);
    return status;
}

static hid_t file_type(tgl_dtype dtype)
{
    switch (dtype) {
    case TGL_BOOL: {
        hid_t type = H5Tenum_create(H5T_STD_I8LE);
        int8_t no = 0, yes = 1;
        H5Tenum_insert(type, "FALSE", &no);
        H5Tenum_insert(type, "TRUE", &yes);
        return type;
    }
    case TGL_I8:
        return H5Tcopy(H5T_STD_I8LE);
    case TGL_U8:
    case TGL_STRING:
        return H5Tcopy(H5T_STD_U8LE);
    case TGL_I16:
        return H5Tcopy(H5T_STD_I16LE);
    case TGL_U16:
        return H5Tcopy(H5T_STD_U16LE);
    case TGL_I32:
        return H5Tcopy(H5T_STD_I32LE);
    case TGL_U32:
        return H5Tcopy(H5T_STD_U32LE);
    case TGL_I64:
        return H5Tcopy(H5T_STD_I64LE);
    case TGL_U64:
        return H5Tcopy(H5T_STD_U64LE);
    case TGL_F32:
        return H5Tcopy(H5T_IEEE_F32LE);
    case TGL_F64:
        return H5Tcopy(H5T_IEEE_F64LE);
    }
    return -1;
}

/* Chunked and compressed from one chunk's size on; smaller arrays lie as they are. */
static tgl_status write_array(h5_writer *w, const source_array *a, tgl_error *err)
{
    hsize_t chunk[1 + TGL_MAX_DIM], total = a->dims[0] * a->row_bytes;
    memcpy(chunk, a->dims, sizeof chunk);
    chunk[0] =
        a->row_bytes >= CHUNK_BYTES ? 1 : CHUNK_BYTES / (a->row_bytes + !a->row_bytes);
    chunk[0] = chunk[0] < a->dims[0] ? chunk[0] : a->dims[0];
    bool packed = w->level > 0 && total >= 4096;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    hid_t space = H5Screate_simple(a->rank, a->dims, NULL), type = file_type(a->dtype);
    H5Pset_obj_track_times(create, 0);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_char_encoding(links, H5T_CSET_UTF8);
    bool good = create >= 0 && space >= 0 && type >= 0;
    if (good && packed) {
        good = H5Pset_chunk(create, a->rank, chunk) >= 0;
        if (tgl_dtype_size(a->dtype) > 1)
            good = good && H5Pset_shuffle(create) >= 0;
        good =
            good && H5Pset_deflate(create, (unsigned)(w->level < 9 ? w->level : 9)) >= 0;
    }
    hid_t dataset =
        good ? H5Dcreate2(w->file, a->name, type, space, links, create, H5P_DEFAULT) : -1;
    tgl_status status = dataset < 0 ? failed(w, a->name, err) : TGL_OK;
    if (status == TGL_OK && packed)
        status = write_chunks(w, dataset, a, chunk[0], err);
    else if (status == TGL_OK && total > 0 &&
             H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->values) < 0)
        status = failed(w, a->name, err);
    if (dataset >= 0 && H5Dclose(dataset) < 0 && status == TGL_OK)
        status = failed(w, a->name, err);
    H5Tclose(type);
    H5Sclose(space);
    H5Pclose(links);
    H5Pclose(create);
    return status;
}

static tgl_status write_column(h5_writer *w, const tgl_column *c, const char *offsets,
                               tgl_error *err)
{
    size_t size = tgl_dtype_size(c->dtype);
    source_array a = {.name = c->name,
                      .dtype = c->dtype,
                      .rank = 1 + c->n_dim,
                      .dims = {c->n_row},
                      .values = c->values,
                      .row_bytes = size};
    if (c->dtype == TGL_STRING)
        a.dims[0] = c->n_value;
    else if (c->is_jagged)
        a.dims[0] = (hsize_t)c->offsets[c->n_row];
    for (int d = 0; d < c->n_dim; d++) {
        a.dims[d + 1] = c->dim[d];
        a.row_bytes *= c->dim[d];
    }
    TGL_TRY(write_array(w, &a, err));
    if (offsets == NULL)
        return TGL_OK;
    source_array o = {.name = offsets,
                      .dtype = TGL_I64,
                      .rank = 1,
                      .dims = {c->n_row + 1},
                      .values = c->offsets,
                      .row_bytes = 8};
    return write_array(w, &o, err);
}

/* Text of a fixed length: as a dataset of the file, or as an attribute of its root. */
static tgl_status write_text(const h5_writer *w, const char *name, const char *text,
                             size_t n, bool attribute, tgl_error *err)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(create, 0);
    H5Tset_size(type, n == 0 ? 1 : n);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    bool good;
    if (attribute) {
        hid_t a = H5Acreate2(w->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        good = a >= 0 && H5Awrite(a, type, text) >= 0;
        H5Aclose(a);
    } else {
        hid_t d =
            H5Dcreate2(w->file, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
        good = d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
        H5Dclose(d);
    }
    H5Pclose(create);
    H5Sclose(space);
    H5Tclose(type);
    return good ? TGL_OK : failed(w, name, err);
}

static tgl_status write_all(h5_writer *w, const tgl_table *table,
                            const tgl_progress *progress, tgl_error *err)
{
    tgl_arena arena = TGL_ARENA_INIT;
    const char **names, *key, *value;
    char *document = NULL;
    size_t n = tgl_table_n_column(table), size;
    tgl_status status = TGL_OK;
    TGL_TRY_GOTO(tgl__offset_names(&names, table, &arena, err));
    leave(w);
    status = tgl__document_write(&document, &size, table, names, w->n_thread, err);
    enter(w);
    TGL_TRY_GOTO(status);
    TGL_TRY_GOTO(write_text(w, TGL_H5_DOCUMENT, document, size, false, err));
    for (size_t i = 0; tgl__table_meta_at(table, i, &key, &value); i++)
        if (strlen(value) <= MAX_ATTRIBUTE) /* the document holds all of them */
            TGL_TRY_GOTO(write_text(w, key, value, strlen(value), true, err));
    for (size_t i = 0; i < n; i++) {
        TGL_TRY_GOTO(write_column(w, tgl_table_column(table, i), names[i], err));
        leave(w);
        status = tgl__progress(progress, "writing", i + 1, n, err);
        enter(w);
        TGL_TRY_GOTO(status);
    }
out:
    tgl__free(document);
    tgl__arena_release(&arena);
    return status;
}

static tgl_status write_file(const char *temporary, const tgl_table *table,
                             const tgl_write_options *options, const char *path,
                             const tgl_progress *progress, tgl_error *err)
{
    h5_writer w = {.path = path,
                   .n_thread = options->n_thread,
                   .level =
                       options->compression < 0 ? DEFAULT_LEVEL : options->compression};
    enter(&w);
    hid_t create = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(create, 0); /* of the root group */
    w.file = H5Fcreate(temporary, H5F_ACC_TRUNC, create, H5P_DEFAULT);
    H5Pclose(create);
    tgl_status status =
        w.file < 0 ? failed(&w, "the file", err) : write_all(&w, table, progress, err);
    if (w.file >= 0 && H5Fclose(w.file) < 0 && status == TGL_OK)
        status = failed(&w, "to finish", err);
    leave(&w);
    return status;
}

tgl_status tgl__h5_write(const char *path, const tgl_table *table,
                         const tgl_write_options *options, const tgl_progress *progress,
                         tgl_error *err)
{
    tgl_writer writer;
    TGL_TRY(tgl__writer_open(&writer, path, err));
    tgl_status status = write_file(writer.temporary, table, options, path, progress, err);
    if (status != TGL_OK) {
        tgl__writer_abandon(&writer);
        return status;
    }
    return tgl__writer_commit(&writer, err);
}
