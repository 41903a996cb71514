/* Where a table's rows come from, as a JSON document in its metadata. */
#ifndef TGL_DATA_PROVENANCE_H
#define TGL_DATA_PROVENANCE_H

#include "text/json.h"
#include <trigline/data.h>

#define TGL_PROVENANCE_KEY "trigline.provenance"

/* One entry of "sources": file name without directories, digest, format, object, rows in
 * the file, the range taken, and the file's own provenance when it carries one. */
tgl_status tgl__provenance_source(tgl_json **out, tgl_source *source, uint64_t begin,
                                  uint64_t end, tgl_error *err);

/* Put {"tool", "sources", and `extra`'s entries (may be NULL)} on the table. Takes over
 * `sources`. */
tgl_status tgl__provenance_set(tgl_table *table, tgl_json *sources, const tgl_json *extra,
                               tgl_error *err);

#endif
