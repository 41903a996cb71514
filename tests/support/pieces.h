/* A batch run in pieces of 1 to 8 events: the emulator's way for single events. */
#ifndef TESTS_SUPPORT_PIECES_H
#define TESTS_SUPPORT_PIECES_H

#include <trigline/emulate.h>

static inline tgl_status run_in_pieces(int64_t *out, const tgl_emulator *emulator,
                                       uint32_t n_in, uint32_t n_out, const int64_t *in,
                                       size_t n_event, void *scratch, tgl_error *err)
{
    tgl_status status = TGL_OK;
    size_t n = 1;
    for (size_t at = 0; at < n_event && status == TGL_OK; at += n) {
        n = 1 + at % 8 < n_event - at ? 1 + at % 8 : n_event - at;
        status =
            tgl_emulator_run(out + at * n_out, emulator, in + at * n_in, n, scratch, err);
    }
    return status;
}

#endif
