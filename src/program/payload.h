/* The inside of a payload: the program's slots copied, and their codes. */
#ifndef TGL_PROGRAM_PAYLOAD_H
#define TGL_PROGRAM_PAYLOAD_H

#include "program/program.h"

struct tgl_payload {
    tgl_arena arena;
    uint8_t program_digest[32];
    uint32_t n_slot;
    tgl_slot *slots;
    int64_t **codes; /* (n_slot)(count) */
};

/* TGL_EMISMATCH unless the payload's slots are the program's, in order. */
tgl_status tgl__payload_fits(const tgl_payload *payload, const tgl_program *program,
                             tgl_error *err);

#endif
