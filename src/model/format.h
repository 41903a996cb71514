/* What an importer offers: one const struct each, listed in formats.c. Importers do not
 * see each other. */
#ifndef TGL_MODEL_FORMAT_H
#define TGL_MODEL_FORMAT_H

#include <stdbool.h>
#include <trigline/model.h>

#include "text/json.h"

typedef struct tgl_importer {
    const char *name; /* "l1json" */
    const char *summary;
    const char *const *variants; /* NULL-terminated; NULL: takes none */
    /* Is this text one of ours? `json` is the parsed text. */
    bool (*sniff)(const tgl_json *json);
    /* `source` names the file in messages; variant is one of `variants`, or NULL where
     * there are none. */
    tgl_status (*import)(tgl_graph **out, const tgl_json *json, const char *text,
                         size_t size, const char *source, const char *variant,
                         tgl_error *err);
} tgl_importer;

extern const tgl_importer tgl__importer_graph, tgl__importer_l1json;

/* Every importer; the list ends with NULL. */
extern const tgl_importer *const tgl__importers[];

/* Import from text in memory (fuzzing and tests use it too). */
tgl_status tgl__model_parse(tgl_graph **out, const char *text, size_t size,
                            const char *source, const char *format, const char *variant,
                            tgl_error *err);

#endif
