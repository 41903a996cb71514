/* Files: read whole or mapped, written under a temporary name, synced, then renamed. */
#ifndef TGL_BASE_FILE_H
#define TGL_BASE_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <trigline/base.h>

typedef struct tgl_mapping {
    const uint8_t *bytes; /* not NULL after success, even for an empty file */
    size_t size;
    void *base;
} tgl_mapping;

tgl_status tgl__file_map(tgl_mapping *out, const char *path, tgl_error *err);
void tgl__file_unmap(tgl_mapping *mapping);

/* The whole file, zero-terminated; TGL_ELIMIT above `limit` bytes. Release with
 * tgl__free. */
tgl_status tgl__file_read(char **out, size_t *size, const char *path, size_t limit,
                          tgl_error *err);

/* A file being written: nothing appears at `path` before commit. Its mode is 0666 less
 * the caller's umask. */
typedef struct tgl_writer {
    FILE *stream;
    char *path, *temporary;
} tgl_writer;

tgl_status tgl__writer_open(tgl_writer *out, const char *path, tgl_error *err);
tgl_status tgl__writer_put(tgl_writer *writer, const void *bytes, size_t n,
                           tgl_error *err);
/* Flush, fsync, rename, fsync of the directory; releases. */
tgl_status tgl__writer_commit(tgl_writer *writer, tgl_error *err);
void tgl__writer_abandon(
    tgl_writer *writer); /* removes the temporary; accepts a released writer */

/* Make a rename to `path` last: sync the directory it stands in. */
tgl_status tgl__sync_directory_of(const char *path, tgl_error *err);
tgl_status tgl__file_write(const char *path, const void *bytes, size_t n, tgl_error *err);
tgl_status tgl__make_dirs(const char *path, tgl_error *err); /* like mkdir -p */
/* A new folder of our own, "$TMPDIR/LABEL.XXXXXX" (without TMPDIR in /tmp); release the
 * name with tgl__free. */
tgl_status tgl__temporary_folder(char **out, const char *label, tgl_error *err);
tgl_status tgl__remove_tree(const char *path, tgl_error *err);
bool tgl__file_exists(const char *path);
/* "dir/name", release with tgl__free; NULL when out of memory. */
char *tgl__path_join(const char *dir, const char *name);
/* Full path of a program found through PATH, or NULL. Release with tgl__free. */
char *tgl__find_program(const char *name);

#endif
