/* ONNX files. */
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const tgl_import_options options = {
        .struct_size = sizeof options, .format = "onnx", .input_type = "fixed<6,3>"};
    fuzz_model(&options, data, size);
    return 0;
}
