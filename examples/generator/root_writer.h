/* A small writer of ROOT files with one TTree: flat and leaf-count jagged branches, LZ4
 * or ZSTD baskets, no time stamp and no identity of the machine, so equal rows make equal
 * bytes.
 *
 * Layout written (big-endian): file header, root directory, baskets in cluster order, the
 * TTree object, key list, an empty list of streamer infos (readers know these classes),
 * free list. The class versions are those of ROOT 6.24.
 */
#ifndef GENERATOR_ROOT_WRITER_H
#define GENERATOR_ROOT_WRITER_H

#include <trigline/base.h>

typedef enum leaf_type {
    LEAF_I16 = 0,
    LEAF_I32 = 1,
    LEAF_U32 = 2,
    LEAF_U64 = 3,
    LEAF_F32 = 4
} leaf_type;

typedef struct root_branch {
    const char *name;
    leaf_type type;
    const char *count; /* name of the I32 branch, declared before, with the number of
                          values per row; NULL: one value per row */
} root_branch;

/* The values of one branch for the rows of one cluster, native byte order. */
typedef struct root_values {
    const void *values;
    const uint32_t *offsets; /* (n_row + 1) for jagged branches, else NULL */
} root_values;

enum { ROOT_MAX_BRANCH = 64 };

typedef enum root_codec { CODEC_LZ4 = 0, CODEC_ZSTD = 1 } root_codec;

typedef struct root_packing {
    root_codec codec;
    uint32_t basket_bytes; /* a basket holds the rows that fit into so many bytes, offsets
                              included, at least one and none beyond its cluster */
} root_packing;

enum { ROOT_BASKET_BYTES = 32000 }; /* TTree::Branch's default */

typedef struct root_writer root_writer;
typedef struct root_cluster root_cluster; /* the packed baskets of a range of rows */

/* Branch names must outlive the writer. The file appears at `path` by root_writer_close.
 */
tgl_status root_writer_open(root_writer **out, const char *path, const char *tree,
                            const char *title, const root_branch *branches,
                            size_t n_branch, const root_packing *packing, tgl_error *err);

/* Pack the baskets of each branch; threads may pack different clusters at the same time.
 */
tgl_status root_cluster_pack(root_cluster **out, const root_writer *writer,
                             const root_values *values, uint32_t n_row, tgl_error *err);
void root_cluster_free(root_cluster *cluster);

/* Write a packed cluster behind the ones before: one thread at a time. */
tgl_status root_writer_append(root_writer *writer, const root_cluster *cluster,
                              tgl_error *err);

/* Write the tree and the tables, sync, rename; the writer is gone in any case. */
tgl_status root_writer_close(root_writer *writer, tgl_error *err);

/* Drop everything; NULL is accepted. */
void root_writer_abandon(root_writer *writer);

#endif
