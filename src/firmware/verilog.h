/* The Verilog writers; each appends one module. */
#ifndef TGL_FIRMWARE_VERILOG_H
#define TGL_FIRMWARE_VERILOG_H

#include "firmware/names.h"

/* What the bank and the top need beside the netlist. */
typedef struct tgl__verilog_identity {
    uint8_t program_digest[32], payload_digest[32];
    const tgl_payload *payload; /* reset values */
} tgl__verilog_identity;

/* <module>_core: the pipeline. */
tgl_status tgl__verilog_core(tgl_buffer *out, const tgl__netlist *n,
                             const tgl__hardware_names *names, tgl_error *err);
/* <module>_bank: register bus, shadow and active slot values. */
tgl_status tgl__verilog_bank(tgl_buffer *out, const tgl__netlist *n,
                             const tgl__hardware_names *names,
                             const tgl__verilog_identity *identity, tgl_error *err);
/* <module>: core, bank and reset synchronisers. */
tgl_status tgl__verilog_top(tgl_buffer *out, const tgl__netlist *n,
                            const tgl__hardware_names *names, tgl_error *err);
/* <module>_tb.v and its vectors <module>_tb.hex, written into `directory`: random and
 * corner inputs with the reference's outputs, a refused and a good payload swap. */
tgl_status tgl__verilog_testbench(const char *directory, const tgl__netlist *n,
                                  const tgl__hardware_names *names,
                                  const tgl__verilog_identity *identity, tgl_error *err);

#endif
