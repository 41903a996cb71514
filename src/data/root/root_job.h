/* One read of rows: which baskets hold them, how many values each brings, then every
 * basket unpacked and decoded straight into its place, several at a time. */
#ifndef TGL_DATA_ROOT_ROOT_JOB_H
#define TGL_DATA_ROOT_ROOT_JOB_H

#include <stdatomic.h>

#include "data/root/root.h"

enum { TGL_ROOT_VECTOR_HEADER = 10 };

/* One basket's share of one column. */
typedef struct tgl_root_span {
    tgl_root_basket basket;
    uint32_t column;
    uint64_t row;          /* of the basket's first entry */
    uint32_t from, to;     /* entries wanted */
    uint64_t value;        /* where its items (bytes of text) go … */
    uint64_t n_value;      /* … and how many they are */
    bool early;            /* must be opened to know n_value */
    const int64_t *counts; /* of each of the basket's entries, where it needs them */
    tgl_root_piece piece;  /* early spans only */
    uint8_t *held;         /* what `piece` points into, when it is our copy */
} tgl_root_span;

typedef struct tgl_root_spans {
    tgl_root_span *items;
    size_t n, capacity;
} tgl_root_spans;

/* Items per entry of a count branch, for rows [begin, end). */
typedef struct tgl_root_counts {
    const tgl_root_branch *branch;
    uint64_t begin, end;
    int64_t *values;
} tgl_root_counts;

/* A column being filled. Jagged columns with one count branch most often have one set of
 * offsets: the first of them, the leader, writes it, the others check theirs against it
 * and share it. One whose own offsets say otherwise `differs` and is decoded again by
 * itself. */
typedef struct tgl_root_output {
    int64_t *offsets;
    uint8_t *values;
    uint64_t n_value;
    size_t leader; /* its own number where it shares nobody's offsets */
    atomic_bool differs;
} tgl_root_output;

typedef struct tgl_root_worker {
    tgl_root_codec codec;
    uint32_t *starts;
    size_t capacity;
} tgl_root_worker;

typedef struct tgl_root_job {
    tgl_root_reader *reader;
    const size_t *which;
    size_t n_column;
    uint64_t begin, end;
    tgl_root_spans *plans; /* of each column, in row order */
    tgl_root_output *outputs;
    tgl_root_counts *counts;
    size_t n_counts;
    tgl_root_worker *workers;
    size_t n_worker;
    tgl_root_span **list; /* spans of the loop that runs */
    size_t n_list, n_span;
    const tgl_progress *progress;
    atomic_size_t done;
} tgl_root_job;

static inline const tgl_root_layout *tgl__root_layout_of(const tgl_root_job *j,
                                                         size_t column)
{
    return &j->reader->columns.layouts[j->which[column]];
}

/* Bytes of one number in memory. */
static inline size_t tgl__root_memory_width(const tgl_root_job *j, size_t column)
{
    return tgl_dtype_size(j->reader->columns.fields[j->which[column]].dtype);
}

/* "branch 'x', rows from 17: " in front of what went wrong. */
tgl_status tgl__root_in_context(const tgl_root_job *j, const tgl_root_span *s,
                                tgl_status status, tgl_error *err);

/* root_plan.c: fills j->plans[column]; any thread, one column each. */
tgl_status tgl__root_plan_column(tgl_root_job *j, size_t column, tgl_error *err);
/* Do the span's entries say nowhere how many items they hold? */
bool tgl__root_needs_counts(const tgl_root_job *j, const tgl_root_span *s);

/* root_decode.c: opens an early span and finds its n_value. */
tgl_status tgl__root_open_span(tgl_root_job *j, tgl_root_span *s, tgl_root_worker *w,
                               tgl_error *err);
/* Unpacks unless open, decodes into the column's output. */
tgl_status tgl__root_decode_span(tgl_root_job *j, tgl_root_span *s, tgl_root_worker *w,
                                 tgl_error *err);

#endif
