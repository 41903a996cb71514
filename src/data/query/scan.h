/* The table function tgl('file') inside DuckDB. */
#ifndef TGL_DATA_QUERY_SCAN_H
#define TGL_DATA_QUERY_SCAN_H

#include "data/query/duckdb.h"
#include <pthread.h>
#include <trigline/data.h>

enum { TGL_QUERY_MAX_FILE = 256 };

/* One query: what its callbacks share. */
typedef struct tgl_query {
    const tgl_duckdb *duck;
    const tgl_progress *progress;
    pthread_mutex_t lock; /* guards what follows */
    tgl_status status;    /* the first failure of a reader */
    tgl_error error;
    char *paths[TGL_QUERY_MAX_FILE]; /* files read, each once */
    size_t n_path;
} tgl_query;

/* Register tgl() and the replacement of FROM 'file' by it. */
tgl_status tgl__query_register(tgl_query *query, duck database, duck connection,
                               tgl_error *err);

#endif
