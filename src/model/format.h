/* What an importer offers: one const struct each, listed in formats.c. Importers do not
 * see each other. */
#ifndef TGL_MODEL_FORMAT_H
#define TGL_MODEL_FORMAT_H

#include <stdbool.h>
#include <trigline/model.h>

#include "text/json.h"

/* A model's text, and what messages call it. */
typedef struct tgl_model_text {
    const char *text, *source;
    size_t size;
} tgl_model_text;

typedef struct tgl_importer {
    const char *name; /* "l1json" */
    const char *summary;
    const char *const *variants; /* NULL-terminated; NULL: takes none */
    bool needs_types;            /* it has numbers only: the options name the types */
    /* Is this text one of ours? `json` is the parsed text. */
    bool (*sniff)(const tgl_json *json);
    /* options->variant is one of `variants`, or NULL where there are none; the types are
     * there where they are needed. */
    tgl_status (*import)(tgl_graph **out, const tgl_json *json,
                         const tgl_model_text *text, const tgl_import_options *options,
                         tgl_error *err);
} tgl_importer;

extern const tgl_importer tgl__importer_graph, tgl__importer_l1json,
    tgl__importer_xgboost;

/* Every importer; the list ends with NULL. */
extern const tgl_importer *const tgl__importers[];

/* Import from text in memory (fuzzing and tests use it too). */
tgl_status tgl__model_parse(tgl_graph **out, const tgl_model_text *text,
                            const tgl_import_options *options, tgl_error *err);

#endif
