/* Yosys' statistics. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "firmware/synth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_resources r = {0};
    tgl_error err;
    if (tgl__yosys_stat(&r, (const char *)data, size, "top", &err) == TGL_OK &&
        (r.lut < 0 || r.ff < 0 || r.dsp < 0 || r.bram < 0))
        abort();
    return 0;
}
