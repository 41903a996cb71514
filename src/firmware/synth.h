/* Reading Yosys' reports. */
#ifndef TGL_FIRMWARE_SYNTH_H
#define TGL_FIRMWARE_SYNTH_H

#include <stddef.h>
#include <trigline/firmware.h>

/* Cell counts of the last section of `stat` output that is headed "=== module ===", into
 * lut, ff, dsp, bram; the other fields are left alone. LUT counts LUT1 to LUT6,
 * inverters, and LUTs used as memory or shift registers; BRAM counts 36 kbit blocks,
 * halves rounded up; kinds of cells it does not know go by name into not_counted. */
tgl_status tgl__yosys_stat(tgl_resources *out, const char *text, size_t size,
                           const char *module, tgl_error *err);

#endif
