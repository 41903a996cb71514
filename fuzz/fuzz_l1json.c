/* The Level-1 network's JSON, in every input convention. */
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const variants[] = {"halved", "firmware", "unscaled"};
    for (int v = 0; v < 3; v++) {
        const tgl_import_options options = {
            .struct_size = sizeof options, .format = "l1json", .variant = variants[v]};
        fuzz_model(&options, data, size);
    }
    return 0;
}
