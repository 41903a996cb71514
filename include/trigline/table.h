/** @file
 * Columns in memory: named, typed, flat or jagged, in Arrow's layout, with key-value
 * metadata.
 */
#ifndef TRIGLINE_TABLE_H
#define TRIGLINE_TABLE_H

#include <trigline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The Arrow C data interface (arrow.apache.org/docs/format/CDataInterface), which asks to
 * be repeated verbatim. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4
struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

typedef struct tgl_table tgl_table;

typedef enum tgl_dtype {
    TGL_BOOL = 1, /**< one byte, 0 or 1 */
    TGL_I8 = 2,
    TGL_U8 = 3,
    TGL_I16 = 4,
    TGL_U16 = 5,
    TGL_I32 = 6,
    TGL_U32 = 7,
    TGL_I64 = 8,
    TGL_U64 = 9,
    TGL_F32 = 10,
    TGL_F64 = 11,
    TGL_STRING = 12 /**< UTF-8 or raw bytes; at most one per row */
} tgl_dtype;

enum { TGL_MAX_DIM = 4 };

/**
 * A column. Row i holds values item(i) = values[offsets[i] … offsets[i+1]) when jagged,
 * else one item; an item is dim[0] x … x dim[n_dim-1] numbers (n_dim 0: one number). For
 * TGL_STRING, `offsets` (n_row + 1) delimit the bytes in `values`.
 */
typedef struct tgl_column {
    const char *name;
    tgl_dtype dtype;
    uint8_t is_jagged;
    uint8_t n_dim;
    uint32_t dim[TGL_MAX_DIM];
    uint64_t n_row;
    uint64_t n_value;       /**< numbers (bytes for strings) in `values` in all */
    const int64_t *offsets; /**< (n_row + 1), first 0; NULL for flat columns */
    const void *values;
} tgl_column;

TGL_API size_t tgl_dtype_size(tgl_dtype dtype); /**< bytes of one number; 1 for strings */
TGL_API const char *tgl_dtype_name(
    tgl_dtype dtype); /**< "int32", "float32", "bool", "string" … (NumPy's names) */

/** An empty table of n_row rows. Release with tgl_table_free. */
TGL_API TGL_NODISCARD tgl_status tgl_table_new(tgl_table **out, uint64_t n_row,
                                               tgl_error *err);
TGL_API void tgl_table_free(tgl_table *table);

/**
 * Append a column; n_row must match, names are unique. The table takes over `offsets` and
 * `values` (64-byte aligned blocks from the library's allocator) on success *and*
 * failure.
 */
TGL_API TGL_NODISCARD tgl_status tgl_table_take_column(tgl_table *table,
                                                       const tgl_column *column,
                                                       tgl_error *err);
/** Append a column by copying its offsets and values. */
TGL_API TGL_NODISCARD tgl_status tgl_table_copy_column(tgl_table *table,
                                                       const tgl_column *column,
                                                       tgl_error *err);

TGL_API uint64_t tgl_table_n_row(const tgl_table *table);
TGL_API size_t tgl_table_n_column(const tgl_table *table);
TGL_API const tgl_column *tgl_table_column(const tgl_table *table,
                                           size_t index); /**< borrowed */
/** By name; the message of TGL_ENOTFOUND suggests a near name. */
TGL_API TGL_NODISCARD tgl_status tgl_table_find(const tgl_column **out,
                                                const tgl_table *table, const char *name,
                                                tgl_error *err);
/** One number of any numeric dtype as a double or an integer (floats are refused as
 * integers by returning 0). */
TGL_API double tgl_column_double(const tgl_column *column, uint64_t value_index);
TGL_API int64_t tgl_column_int(const tgl_column *column, uint64_t value_index);

/** A new table with rows [begin, end). */
TGL_API TGL_NODISCARD tgl_status tgl_table_slice(tgl_table **out, const tgl_table *table,
                                                 uint64_t begin, uint64_t end,
                                                 tgl_error *err);
/** Append b's rows to a; columns must agree in name, order and type. */
TGL_API TGL_NODISCARD tgl_status tgl_table_append(tgl_table *a, const tgl_table *b,
                                                  tgl_error *err);

/** Metadata: text by key ("trigline.provenance" holds a JSON document). Copied. NULL when
 * absent. */
TGL_API TGL_NODISCARD tgl_status tgl_table_set_meta(tgl_table *table, const char *key,
                                                    const char *value, tgl_error *err);
TGL_API const char *tgl_table_meta(const tgl_table *table, const char *key);

/** "sha256:…" over name, type, shape, offsets and values: the same column read from any
 * format gives the same. */
TGL_API TGL_NODISCARD tgl_status tgl_column_digest(char out[72], const tgl_column *column,
                                                   tgl_error *err);

/** Export as an Arrow struct array (jagged: large_list; fixed dims: fixed_size_list).
 * Consumer releases both; the table is shared by reference and may be freed before. */
TGL_API TGL_NODISCARD tgl_status tgl_table_export(struct ArrowSchema *schema,
                                                  struct ArrowArray *array,
                                                  tgl_table *table, tgl_error *err);
/** Import a struct array (copied); the layouts the export writes, plus list and utf8 with
 * 32-bit offsets. */
TGL_API TGL_NODISCARD tgl_status tgl_table_import(tgl_table **out,
                                                  const struct ArrowSchema *schema,
                                                  const struct ArrowArray *array,
                                                  tgl_error *err);

/** As tgl_table_import, but the array is taken over, on success and failure, and its
 * memory used in place: it is released with the last column, or array exported from one,
 * that uses it. Copied are bool columns, 32-bit offsets, offsets of slices that do not
 * begin at 0, and what is not aligned to its type. */
TGL_API TGL_NODISCARD tgl_status tgl_table_adopt(tgl_table **out,
                                                 const struct ArrowSchema *schema,
                                                 struct ArrowArray *array,
                                                 tgl_error *err);

/** Export as an Arrow stream of one struct array, as tgl_table_export gives it; nothing
 * is copied but what that copies. The consumer releases it, in one thread at a time. */
TGL_API TGL_NODISCARD tgl_status tgl_table_export_stream(struct ArrowArrayStream *stream,
                                                         tgl_table *table,
                                                         tgl_error *err);
/**
 * Every array of a stream of struct arrays as one table: a single array's memory is used
 * in place (tgl_table_adopt), several are copied one behind the other. The stream is read
 * to its end and stays the caller's to release. A stream without arrays gives a table
 * without rows, with the schema's columns.
 * @return TGL_EIO, with the stream's own words, when the stream fails
 */
TGL_API TGL_NODISCARD tgl_status tgl_table_import_stream(tgl_table **out,
                                                         struct ArrowArrayStream *stream,
                                                         tgl_error *err);

/* ---- building row by row: what an experiment's event loop writes ---- */

typedef struct tgl_builder tgl_builder; /**< a table being filled; one thread at a time */

/** Where the events come from, in the experiment's own identifiers; it becomes `origin`
 * in the table's provenance. Any may be NULL. */
typedef struct tgl_builder_options {
    size_t struct_size;
    const char *software;   /**< "CMSSW", "Athena" */
    const char *release;    /**< "CMSSW_15_0_4", "24.0.41" */
    const char *global_tag; /**< or the conditions tag */
    const char *dataset;    /**< "/ZeroBias/Run2025C-v1/RAW" */
} tgl_builder_options;
#define TGL_BUILDER_OPTIONS_INIT                                                         \
    {                                                                                    \
        sizeof(tgl_builder_options), NULL, NULL, NULL, NULL                              \
    }

/** An empty builder; `options` may be NULL. Release with tgl_builder_free. */
TGL_API TGL_NODISCARD tgl_status tgl_builder_new(tgl_builder **out,
                                                 const tgl_builder_options *options,
                                                 tgl_error *err);
TGL_API void tgl_builder_free(tgl_builder *builder); /**< NULL is accepted */
/**
 * Declare a column, before the first row. Jagged columns take any number of values a row,
 * flat ones exactly one, TGL_STRING any number of bytes.
 * @param number the column's, counted from 0
 */
TGL_API TGL_NODISCARD tgl_status tgl_builder_add(tgl_builder *builder, const char *name,
                                                 tgl_dtype dtype, int is_jagged,
                                                 size_t *number, tgl_error *err);
/**
 * The rows that follow are from this input file. With the first call, which must come
 * before the first row, the table gets a uint32 column "file": the number of the row's
 * file in `sources` of the provenance.
 * @param name as the experiment names it; @param guid its unique identifier, may be NULL
 */
TGL_API TGL_NODISCARD tgl_status tgl_builder_begin_file(tgl_builder *builder,
                                                        const char *name,
                                                        const char *guid, tgl_error *err);
/** Append `n` values of the column's type (bytes for strings) to the row being filled;
 * copied. Several calls add up. */
TGL_API TGL_NODISCARD tgl_status tgl_builder_put(tgl_builder *builder, size_t column,
                                                 const void *values, size_t n,
                                                 tgl_error *err);
/** Close the row. @return TGL_EUSAGE when a flat column has not exactly one value: the
 * row is then discarded, the builder goes on. */
TGL_API TGL_NODISCARD tgl_status tgl_builder_end_row(tgl_builder *builder,
                                                     tgl_error *err);
/** Forget the row being filled: what an event that failed half-way leaves. */
TGL_API void tgl_builder_discard_row(tgl_builder *builder);
TGL_API uint64_t tgl_builder_n_row(const tgl_builder *builder);
/** What was filled, as a table with its provenance; the builder is then empty, with the
 * same columns, origin and current file. Write it with tgl_data_write (data.h). A row not
 * closed is discarded. */
TGL_API TGL_NODISCARD tgl_status tgl_builder_take(tgl_table **out, tgl_builder *builder,
                                                  tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
