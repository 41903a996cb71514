/* hls4ml projects as texts one after the other: whatever is read is a verified graph;
 * whatever is refused says why. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/hls4ml/hls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    err.message[0] = 0;
    const tgl_model_source source = {NULL, "fuzz", 0, NULL};
    const tgl_import_options options = TGL_IMPORT_OPTIONS_INIT;
    const hls_files files = {"fuzz", size ? (const char *)data : "", size};
    tgl_import import = {.source = &source, .options = &options, .err = &err};
    import.choices = tgl__json_array();
    if (!import.choices)
        return 0;
    tgl_status status = tgl__hls_import(&graph, &import, &files);
    if (status == TGL_OK ? tgl_graph_verify(graph, &err) != TGL_OK
                         : graph != NULL || !err.message[0])
        abort();
    tgl_graph_free(graph);
    tgl__json_free(import.choices);
    tgl__buffer_release(&import.refused);
    return 0;
}
