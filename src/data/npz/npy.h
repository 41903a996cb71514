/* NumPy's array format .npy, versions 1.0 to 3.0: the header, and turning an array's
 * bytes into a column's. */
#ifndef TGL_DATA_NPZ_NPY_H
#define TGL_DATA_NPZ_NPY_H

#include <stdbool.h>
#include <trigline/table.h>

enum { TGL_NPY_MAX_DIM = 32, TGL_NPY_MAX_HEADER = 64 * 1024 };

typedef struct tgl_npy {
    char descr[64];  /* "<f4"; the beginning of it when longer */
    tgl_dtype dtype; /* 0: not one of ours */
    bool swapped;    /* big-endian numbers */
    char kind;       /* 'b', 'i', 'u', 'f', 'S', 'U'; 0: not one of ours */
    uint32_t size;   /* bytes of one element */
    bool fortran;
    unsigned n_dim; /* 0: a scalar */
    uint64_t shape[TGL_NPY_MAX_DIM];
    uint64_t n_element;
    size_t data; /* bytes before the elements */
} tgl_npy;

/* Parse the header at the start of `bytes` (n of them known, `size` in the whole member).
 * `what` names the array in messages. An element type that is not ours is no error here:
 * dtype and kind stay 0. */
tgl_status tgl__npy_parse(tgl_npy *out, const uint8_t *bytes, size_t n, uint64_t size,
                          const char *what, tgl_error *err);

/* Bytes of the header for an array of `dtype` and shape (n_dim), written into out (at
 * least 512 bytes); a multiple of 64. */
size_t tgl__npy_header(char *out, tgl_dtype dtype, const uint64_t *shape, unsigned n_dim);

/* Copy rows [begin, end) along the first axis into `out` in C order and this machine's
 * byte order; bool becomes 0 or 1. `data` points at the elements. Numbers only. */
void tgl__npy_rows(void *out, const tgl_npy *array, const uint8_t *data, uint64_t begin,
                   uint64_t end);

#endif
