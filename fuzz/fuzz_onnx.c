/* ONNX files: whatever is read is a verified graph; whatever is refused says why. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    err.message[0] = 0;
    const tgl_model_source source = {(const char *)data, "fuzz", size, NULL};
    const tgl_import_options options = {
        .struct_size = sizeof options, .format = "onnx", .input_type = "fixed<6,3>"};
    tgl_status status = tgl__model_parse(&graph, &source, &options, &err);
    if (status == TGL_OK ? tgl_graph_verify(graph, &err) != TGL_OK
                         : graph != NULL || !err.message[0])
        abort();
    tgl_graph_free(graph);
    return 0;
}
