/* firmware.json as simulate and synth read it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "firmware/firmware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl__description d;
    tgl_error err;
    if (tgl__description_parse(&d, (const char *)data, size, "fuzz", &err) == TGL_OK &&
        (d.latency == 0 || d.module[0] == '\0'))
        abort();
    return 0;
}
