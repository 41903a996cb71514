/* A table made of parts that are never in memory together: the parts' columns are
 * appended to files beside the output, which the table then lies in. */
#ifndef TGL_DATA_GATHER_H
#define TGL_DATA_GATHER_H

#include "base/spool.h"
#include <trigline/table.h>

typedef struct tgl_gather {
    tgl_table *shape; /* the columns without rows, and the metadata; NULL: not begun */
    tgl_spool spool;
    uint64_t *n_item, *n_value; /* of each column so far */
} tgl_gather;

/* Takes `shape` over on success and failure. `path`: beside what the files stand. */
tgl_status tgl__gather_begin(tgl_gather *out, tgl_table *shape, const char *path,
                             tgl_error *err);
/* More rows of one column, of the type the shape has. */
tgl_status tgl__gather_column(tgl_gather *gather, size_t index, const tgl_column *part,
                              tgl_error *err);
/* The table of n_row rows, with the shape's metadata; every column must have them. The
 * gather must still be released, the table outlives it. */
tgl_status tgl__gather_finish(tgl_table **out, tgl_gather *gather, uint64_t n_row,
                              tgl_error *err);
void tgl__gather_release(tgl_gather *gather);

#endif
