/* What the parts of this room share beyond the netlist: digests of sources and the
 * description file. */
#ifndef TGL_FIRMWARE_FIRMWARE_H
#define TGL_FIRMWARE_FIRMWARE_H

#include <trigline/firmware.h>

#include "base/buffer.h"
#include "digest/digest.h"
#include "firmware/names.h"

/* What firmware.json says; strings are owned. */
typedef struct tgl__description {
    char module[80];
    tgl_sha256 program_digest, payload_digest;
    double clock_mhz, ns_per_level;
    uint32_t latency;
    uint32_t slot_words;
} tgl__description;

/* Parse the text of firmware.json; `source` names it in messages. */
tgl_status tgl__description_parse(tgl__description *out, const char *text, size_t size,
                                  const char *source, tgl_error *err);
tgl_status tgl__description_read(tgl__description *out, const char *directory,
                                 tgl_error *err);
tgl_status tgl__program_digest(tgl_sha256 *out, const tgl_program *program,
                               tgl_error *err);

/* Of the payload's binary form; without a payload, of the default one's. */
tgl_status tgl__payload_digest(tgl_sha256 *out, const tgl_program *program,
                               const tgl_payload *payload, tgl_error *err);

/* The closed form (estimate/estimate.c): LUT, FF, DSP, BRAM of a scheduled netlist. */
void tgl__estimate_netlist(tgl_resources *out, const tgl__netlist *n);

#endif
