/* The arrays inside an opened NPZ file. */
#ifndef TGL_DATA_NPZ_ARRAYS_H
#define TGL_DATA_NPZ_ARRAYS_H

#include "data/npz/npy.h"
#include "data/npz/zip.h"

typedef struct tgl_npz_array {
    const char *name; /* without ".npy" */
    const tgl_zip_entry *entry;
    tgl_npy npy;
    uint8_t *decoded; /* the unpacked member, while it is kept */
    bool checked;     /* the CRC has been seen to hold */
} tgl_npz_array;

typedef struct tgl_npz_arrays {
    const char *path;
    tgl_mapping map;
    tgl_zip_entry *entries;
    size_t n_entry;
    tgl_npz_array *arrays; /* in the archive's order */
    size_t n_array;
    bool verify;
} tgl_npz_arrays;

/* List every .npy member and parse the headers. `out->path`, `map` and `verify` are set
 * by the caller, who also unmaps; the lists live in `arena`. */
tgl_status tgl__npz_list(tgl_npz_arrays *out, tgl_arena *arena, tgl_error *err);

/* The array's elements, unpacked and checked; valid until tgl__npz_forget. Threads may
 * call it for different arrays. */
tgl_status tgl__npz_data(const uint8_t **out, const tgl_npz_arrays *arrays,
                         tgl_npz_array *array, tgl_error *err);
void tgl__npz_forget(tgl_npz_array *array); /* frees what was unpacked */

#endif
