/* HDF5: what reader and writer share. */
#ifndef TGL_DATA_HDF5_H
#define TGL_DATA_HDF5_H

#include "data/format.h"

extern const tgl_format tgl__format_hdf5;

tgl_status tgl__h5_write(const char *path, const tgl_table *table,
                         const tgl_write_options *options, const tgl_progress *progress,
                         tgl_error *err);

#endif
