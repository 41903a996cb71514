/* NPZ: what reader and writer share. */
#ifndef TGL_DATA_NPZ_WRITE_H
#define TGL_DATA_NPZ_WRITE_H

#include "data/format.h"

#define TGL_NPZ_DOCUMENT "trigline.json"

extern const tgl_format tgl__format_npz;

tgl_status tgl__npz_write(const char *path, const tgl_table *table,
                          const tgl_write_options *options, const tgl_progress *progress,
                          tgl_error *err);

#endif
