/* Simulation's parts. */
#ifndef TGL_FIRMWARE_SIMULATE_H
#define TGL_FIRMWARE_SIMULATE_H

#include "firmware/firmware.h"

tgl_status tgl__simulate_harness(tgl_buffer *out, const tgl__netlist *n,
                                 const tgl__hardware_names *names, bool debug,
                                 tgl_error *err);

#endif
