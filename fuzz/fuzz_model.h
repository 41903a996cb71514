/* Bytes as a model of one format: whatever is read is a verified graph; whatever is
 * refused says why. */
#ifndef TGL_FUZZ_MODEL_H
#define TGL_FUZZ_MODEL_H

#include <stdlib.h>

#include "model/format.h"

static inline void fuzz_model(const tgl_import_options *options, const uint8_t *data,
                              size_t size)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    const tgl_model_source source = {(const char *)data, "fuzz", size, NULL};
    err.message[0] = 0;
    tgl_status status = tgl__model_parse(&graph, &source, options, &err);
    if (status == TGL_OK ? tgl_graph_verify(graph, &err) != TGL_OK
                         : graph != NULL || !err.message[0])
        abort();
    tgl_graph_free(graph);
}

#endif
