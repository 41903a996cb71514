/* Our own graph JSON. */
#include <string.h>

#include "model/format.h"

static bool sniff(const tgl_model_source *source)
{
    const char *format = tgl__json_string(tgl__json_get(source->json, "format"), "");
    return strcmp(format, "trigline.graph") == 0;
}

static tgl_status import(tgl_graph **out, tgl_import *import)
{
    const tgl_model_source *source = import->source;
    return tgl_graph_parse(out, source->bytes, source->size, source->path, import->err);
}

extern const tgl_importer tgl__importer_graph;
const tgl_importer tgl__importer_graph = {.name = "graph",
                                          .summary = "trigline's own graph JSON",
                                          .traits = TGL__IS_JSON,
                                          .sniff = sniff,
                                          .import = import};
