/* Our own graph JSON. */
#include <string.h>

#include "model/format.h"

static bool sniff(const tgl_json *json)
{
    const char *format = tgl__json_string(tgl__json_get(json, "format"), "");
    return strcmp(format, "trigline.graph") == 0;
}

static tgl_status import(tgl_graph **out, const tgl_json *json, const char *text,
                         size_t size, const char *source, const char *variant,
                         tgl_error *err)
{
    (void)json;
    (void)variant;
    return tgl_graph_parse(out, text, size, source, err);
}

const tgl_importer tgl__importer_graph = {"graph", "trigline's own graph JSON", NULL,
                                          sniff, import};
