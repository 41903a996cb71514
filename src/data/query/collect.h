/* A DuckDB result as a table. */
#ifndef TGL_DATA_QUERY_COLLECT_H
#define TGL_DATA_QUERY_COLLECT_H

#include "data/query/duckdb.h"
#include <trigline/table.h>

/* Copy every row; NULL among floats becomes NaN, elsewhere it is refused, as are types a
 * column cannot hold. */
tgl_status tgl__query_collect(tgl_table **out, const tgl_duckdb *duck,
                              duck_result *result, const tgl_progress *progress,
                              tgl_error *err);

#endif
