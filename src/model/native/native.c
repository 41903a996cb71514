/* Our own graph JSON. */
#include <string.h>

#include "model/format.h"

static bool sniff(const tgl_json *json)
{
    const char *format = tgl__json_string(tgl__json_get(json, "format"), "");
    return strcmp(format, "trigline.graph") == 0;
}

static tgl_status import(tgl_graph **out, const tgl_json *json,
                         const tgl_model_text *text, const tgl_import_options *options,
                         tgl_error *err)
{
    (void)json;
    (void)options;
    return tgl_graph_parse(out, text->text, text->size, text->source, err);
}

const tgl_importer tgl__importer_graph = {.name = "graph",
                                          .summary = "trigline's own graph JSON",
                                          .sniff = sniff,
                                          .import = import};
