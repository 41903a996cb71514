/* Arrays too large to hold: appended to files in a folder beside an output, then mapped
 * and their names removed, so that the system can drop or write out their pages. */
#ifndef TGL_BASE_SPOOL_H
#define TGL_BASE_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <trigline/base.h>

typedef struct tgl_spool {
    char *folder; /* NULL: not open */
    char *name;   /* room for the name of a file in it: closing needs no memory */
    size_t n_array;
} tgl_spool;

/* `n_array` empty arrays in a new folder beside `path`. */
tgl_status tgl__spool_open(tgl_spool *out, const char *path, size_t n_array,
                           tgl_error *err);
tgl_status tgl__spool_append(tgl_spool *spool, size_t array, const void *bytes, size_t n,
                             tgl_error *err);
/* The whole array, page-aligned and read-only; NULL when empty. It outlives the spool:
 * release with tgl__spool_unmap. Once for each array, after its last append. */
tgl_status tgl__spool_map(void **out, size_t *size, tgl_spool *spool, size_t array,
                          tgl_error *err);
void tgl__spool_unmap(void *memory, size_t size);
/* `size` bytes of memory to write in, in a file without a name beside `path`; NULL when
 * that cannot be had. Release with tgl__spool_unmap. */
void *tgl__spool_scratch(const char *path, size_t size);
/* Removes the folder and what is in it; accepts one that is not open. */
void tgl__spool_close(tgl_spool *spool);

#endif
