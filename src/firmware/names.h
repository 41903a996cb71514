/* Verilog identifiers: deterministic, and carrying the program's value ids so that a
 * difference in hardware can be mapped back. */
#ifndef TGL_FIRMWARE_NAMES_H
#define TGL_FIRMWARE_NAMES_H

#include "base/buffer.h"
#include "firmware/netlist.h"

typedef struct tgl__hardware_names {
    char *module;
    char **inputs, **outputs; /* (n_input), (n_output) port names, in_… and out_… */
    tgl_arena arena;
} tgl__hardware_names;

tgl_status tgl__names_init(tgl__hardware_names *out, const tgl_program *program,
                           const char *module, tgl_error *err);
void tgl__names_release(tgl__hardware_names *names);

#define TGL__NODE_NAME 96
/* The wire of a node, as it is called in `stage`: the port, v12, t12_3, p0_5_s2; with
 * _s<stage> where it is a register. */
void tgl__node_name(char out[TGL__NODE_NAME], const tgl__netlist *n,
                    const tgl__hardware_names *names, uint32_t node, uint32_t stage);

#endif
