/* libhdf5 crashes and hangs on broken files, so every file is read in a child process
 * with a memory limit and a watchdog. */
#ifndef TGL_DATA_HDF5_CHILD_H
#define TGL_DATA_HDF5_CHILD_H

#include <stdbool.h>
#include <trigline/table.h>

#define TGL_H5_DOCUMENT "trigline.json"

/* What the child is to do, and over which file. */
typedef struct tgl_h5_request {
    const char *path, *group; /* group: where to start, "/" for the file */
    const char *dataset;      /* to read, below the group; NULL: list the datasets */
    const char *member;       /* of a compound dataset, or NULL */
    uint64_t begin, end;      /* rows */
    uint64_t bytes;           /* about how many the answer has, for the memory limit */
    double timeout_s;         /* longest silence; 0: the default */
} tgl_h5_request;

/* Receives the answer piece by piece, in order. */
typedef tgl_status (*tgl_h5_sink)(void *user, const void *bytes, size_t n,
                                  tgl_error *err);

/* Run the request in a child and feed its answer to `sink`. A crash, a hang or too much
 * memory gives TGL_EFORMAT with one line. */
tgl_status tgl__h5_ask(const tgl_h5_request *request, tgl_h5_sink sink, void *user,
                       const tgl_progress *progress, tgl_error *err);

/* Around every use of libhdf5 in this process; no child is forked meanwhile. Not around
 * waiting for other threads, which may want to read. */
void tgl__h5_lock(void);
void tgl__h5_unlock(void);

/* Runs in the child: write the answer with tgl__h5_send. Listings are JSON: {"document":
 * text or null, "arrays": [{"name", "dataset", "member", "type", "text", "dims",
 * "declared", "refusal"}]}. Numbers come as they lie in memory; strings as runs of
 * (u64 count, u64 lengths[count], bytes). */
tgl_status tgl__h5_answer(int fd, const tgl_h5_request *request, tgl_error *err);
tgl_status tgl__h5_send(int fd, const void *bytes, size_t n, tgl_error *err);

#endif
