/** @file
 * Reading, writing, querying and comparing datasets in the formats the field uses.
 */
#ifndef TRIGLINE_DATA_H
#define TRIGLINE_DATA_H

#include <trigline/table.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_source tgl_source; /**< an opened dataset; one thread at a time */

typedef struct tgl_source_options {
    size_t struct_size;
    const char
        *format; /**< "root", "npz", "hdf5", "l1"; NULL: by content, then by name */
    const char *object; /**< tree or group, "dir/tree"; NULL: the only one, else an error
                           that lists them */
    size_t n_thread;    /**< decoding threads; 0: all processors */
    int no_verify;      /**< non-zero: skip the checksums the format has */
} tgl_source_options;
#define TGL_SOURCE_OPTIONS_INIT                                                          \
    {                                                                                    \
        sizeof(tgl_source_options), NULL, NULL, 0, 0                                     \
    }

/** One column as the file declares it. */
typedef struct tgl_field {
    const char *name;
    tgl_dtype dtype; /**< 0 when refused */
    uint8_t is_jagged;
    uint8_t n_dim;
    uint32_t dim[TGL_MAX_DIM];
    const char *declared; /**< the file's own words for the type: "std::vector<float>",
                             "Float_t[nJet]" */
    const char *refusal;  /**< why it cannot be read, or NULL */
} tgl_field;

/**
 * Open a file. `path` may end in ":dir/tree" for formats with several objects.
 * Release with tgl_source_close. `options` may be NULL.
 */
TGL_API TGL_NODISCARD tgl_status tgl_source_open(tgl_source **out, const char *path,
                                                 const tgl_source_options *options,
                                                 tgl_error *err);
TGL_API void tgl_source_close(tgl_source *source);
TGL_API const char *tgl_source_format(const tgl_source *source);
TGL_API uint64_t tgl_source_n_row(const tgl_source *source);
TGL_API size_t tgl_source_n_field(const tgl_source *source);
TGL_API const tgl_field *tgl_source_field(const tgl_source *source,
                                          size_t index); /**< borrowed */

/**
 * Read rows [begin, end) (end UINT64_MAX: to the last) of the columns whose names match
 * any of the `n_pattern` names or globs (0: every readable column), in the file's order.
 * An unknown name is TGL_ENOTFOUND with a near one; a refused column named outright is
 * TGL_EUNSUPPORTED.
 */
TGL_API TGL_NODISCARD tgl_status tgl_source_read(
    tgl_table **out, tgl_source *source, const char *const *patterns, size_t n_pattern,
    uint64_t begin, uint64_t end, const tgl_progress *progress, tgl_error *err);

/** open + read everything + close, with provenance (source digest, range, tool version)
 * in the table's metadata. */
TGL_API TGL_NODISCARD tgl_status tgl_data_load(tgl_table **out, const char *path,
                                               const char *const *patterns,
                                               size_t n_pattern,
                                               const tgl_progress *progress,
                                               tgl_error *err);

typedef struct tgl_write_options {
    size_t struct_size;
    const char *format; /**< "npz", "hdf5" …; NULL: by the name's ending */
    int compression;    /**< 0 stored … 12 smallest; -1: the format's default */
    size_t n_thread;
} tgl_write_options;
#define TGL_WRITE_OPTIONS_INIT                                                           \
    {                                                                                    \
        sizeof(tgl_write_options), NULL, -1, 0                                           \
    }

/** Write a table, its metadata and its per-column digests; appears at `path` only when
 * complete. */
TGL_API TGL_NODISCARD tgl_status tgl_data_write(const char *path, const tgl_table *table,
                                                const tgl_write_options *options,
                                                const tgl_progress *progress,
                                                tgl_error *err);

typedef struct tgl_convert_options {
    size_t struct_size;
    const tgl_source_options *source;
    const tgl_write_options *write;
    const char *const *patterns;
    size_t n_pattern;
    uint64_t begin, end;
    uint64_t batch; /**< bytes of the input read at a time; 0: inputs above 128 MiB 32 MiB
                       at a time, smaller ones at once. Batches are gathered in files
                       beside the output until it is written */
} tgl_convert_options;
#define TGL_CONVERT_OPTIONS_INIT                                                         \
    {                                                                                    \
        sizeof(tgl_convert_options), NULL, NULL, NULL, 0, 0, UINT64_MAX, 0               \
    }

/** Convert one or several files (rows chained) into one; provenance in the output. */
TGL_API TGL_NODISCARD tgl_status tgl_data_convert(
    const char *out_path, const char *const *in_paths, size_t n_in,
    const tgl_convert_options *options, const tgl_progress *progress, tgl_error *err);

/** Schema, rows, provenance of a file as JSON. Release with tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_data_info(char **json, const char *path,
                                               const tgl_source_options *options,
                                               tgl_error *err);

/** SQL through DuckDB: FROM 'file.root' or FROM tgl('file.root:tree'). `stored` != 0
 * keeps the row order (one DuckDB thread). TGL_EMISSING without DuckDB's library. */
TGL_API TGL_NODISCARD tgl_status tgl_data_query(tgl_table **out, const char *sql,
                                                int stored, const tgl_progress *progress,
                                                tgl_error *err);

/** Where DuckDB's library was found and its version ("v1.5.0"), both tgl_free.
 * @return TGL_EMISSING, with how to get it, when there is none. */
TGL_API TGL_NODISCARD tgl_status tgl_data_query_library(char **path, char **version,
                                                        tgl_error *err);

/** A file format of this build; static strings. */
typedef struct tgl_format_info {
    const char *name, *summary;
    const char *const *endings; /**< ".npz" …, NULL-terminated; may be NULL */
    int reads, writes;
} tgl_format_info;
/** The index-th format; 0 past the last. */
TGL_API int tgl_data_format(tgl_format_info *out, size_t index);

/** Compare two datasets column by column, bit by bit; a JSON report (release with
 * tgl_free).
 * @return TGL_EMISMATCH when they differ; `json` is set then too. */
TGL_API TGL_NODISCARD tgl_status tgl_data_diff(char **json, const char *path_a,
                                               const char *path_b,
                                               const tgl_progress *progress,
                                               tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
