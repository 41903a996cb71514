/* What a file format offers: one const struct each, listed in formats.c. Formats do not
 * see each other. */
#ifndef TGL_DATA_FORMAT_H
#define TGL_DATA_FORMAT_H

#include <stdbool.h>
#include <trigline/data.h>

typedef struct tgl_reader tgl_reader;

typedef struct tgl_format {
    const char *name;           /* "root" */
    const char *const *endings; /* ".root", NULL-terminated */
    const char *summary;        /* for doctor and help */
    /* Does the file begin like one of ours? `head` holds the first n (at most 512) bytes.
     */
    bool (*sniff)(const uint8_t *head, size_t n);
    /* `path` without any ":object"; options never NULL. NULL: write-only format. */
    tgl_status (*open)(tgl_reader **out, const char *path,
                       const tgl_source_options *options, tgl_error *err);
    /* Appears at path only when complete. options never NULL. NULL: read-only format. */
    tgl_status (*write)(const char *path, const tgl_table *table,
                        const tgl_write_options *options, const tgl_progress *progress,
                        tgl_error *err);
} tgl_format;

/* An opened file: the first member of each format's own struct. Fields and names live
 * until close. */
struct tgl_reader {
    const tgl_format *format;
    uint64_t n_row;
    size_t n_field;
    const tgl_field *fields;
    /* Read rows [begin, end) of the `n` fields `which` (readable ones, in this order) as
     * columns appended to `table` (made with end - begin rows). The range was checked. */
    tgl_status (*read)(tgl_reader *reader, tgl_table *table, const size_t *which,
                       size_t n, uint64_t begin, uint64_t end,
                       const tgl_progress *progress, tgl_error *err);
    void (*close)(tgl_reader *reader);
    /* Does a range cost what it holds, so that rows are best read in batches? Else whole
     * columns are (a compressed array must be unpacked whole, and its digest checked). */
    bool in_batches;
    /* Metadata the file carries (key "trigline.provenance"), or NULL. May be NULL itself.
     */
    const char *(*meta)(tgl_reader *reader, const char *key);
    /* The index-th metadata entry, false past the end; all of them travel with the tables
     * read. May be NULL. */
    bool (*meta_at)(tgl_reader *reader, size_t index, const char **key,
                    const char **value);
};

/* Every format; the list ends with NULL. */
extern const tgl_format *const tgl__formats[];

/* By name; TGL_ENOTFOUND lists the names. */
tgl_status tgl__format_named(const tgl_format **out, const char *name, tgl_error *err);
/* By the path's ending, or NULL. */
const tgl_format *tgl__format_of_ending(const char *path);

/* The most rows, or items of jagged rows, that a file of so many bytes can hold: what the
 * densest codec (zstd, 128 KiB of one byte in a block of 4) could give if each took a
 * byte, with room to spare. It bounds rows that take none, which a shape makes as many as
 * it says, and what a broken header claims. */
uint64_t tgl__most_rows(uint64_t file_size);

/* The name inside a path: what stands after the last slash. */
const char *tgl__base_name(const char *path);

/* Behind a source. */
tgl_reader *tgl__source_reader(tgl_source *source);
const char *tgl__source_path(const tgl_source *source);   /* without ":object" */
const char *tgl__source_object(const tgl_source *source); /* or NULL */

/* Of its file. */
uint64_t tgl__source_bytes(const tgl_source *source);
enum { TGL_BATCH_BYTES = 32 << 20 };
/* How many rows about so many bytes of the file hold, at least one; all of them where the
 * format does not read in batches. */
uint64_t tgl__source_batch_rows(const tgl_source *source, uint64_t bytes);

/* tgl_data_diff with about so many bytes of each file in memory at a time. */
tgl_status tgl__data_diff(char **json, const char *path_a, const char *path_b,
                          uint64_t batch, const tgl_progress *progress, tgl_error *err);

/* The indices of the readable fields that match the patterns, in the file's order.
 * Release *which with tgl__free. */
tgl_status tgl__source_choose(size_t **which, size_t *n, const tgl_source *source,
                              const char *const *patterns, size_t n_pattern,
                              tgl_error *err);
/* Read chosen fields; the range must lie inside the file. */
tgl_status tgl__source_read_chosen(tgl_table **out, tgl_source *source,
                                   const size_t *which, size_t n, uint64_t begin,
                                   uint64_t end, const tgl_progress *progress,
                                   tgl_error *err);

#endif
