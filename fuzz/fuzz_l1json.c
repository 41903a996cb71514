/* The Level-1 network's JSON, in every input convention: refused with a message, or a
 * graph that verifies. */
#include <stdlib.h>
#include <string.h>

#include "model/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const variants[] = {"halved", "firmware", "unscaled"};
    for (int v = 0; v < 3; v++) {
        tgl_error err;
        tgl_graph *graph = NULL;
        err.message[0] = 0;
        const tgl_model_source text = {(const char *)data, "fuzz", size, NULL};
        const tgl_import_options options = {
            .struct_size = sizeof options, .format = "l1json", .variant = variants[v]};
        tgl_status status = tgl__model_parse(&graph, &text, &options, &err);
        if (status == TGL_OK ? tgl_graph_verify(graph, &err) != TGL_OK
                             : graph != NULL || !err.message[0])
            abort();
        tgl_graph_free(graph);
    }
    return 0;
}
