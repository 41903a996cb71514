/* What an importer offers: one const struct each, listed in formats.c. Importers do not
 * see each other; what they share stands in layers.h. */
#ifndef TGL_MODEL_FORMAT_H
#define TGL_MODEL_FORMAT_H

#include <stdbool.h>
#include <trigline/model.h>

#include "base/buffer.h"
#include "base/error.h"
#include "text/json.h"

/* Where a model comes from, and what messages call it. */
typedef struct tgl_model_source {
    const char *bytes; /* a file's content; NULL: a directory */
    const char *path;  /* as the user named it */
    size_t size;
    const tgl_json *json; /* the content where the format is JSON, else NULL */
} tgl_model_source;

/* One import under way: what is read, what the user named, what was chosen. */
typedef struct tgl_import {
    const tgl_model_source *source;
    const tgl_import_options *options;
    const tgl_json *settings; /* of options->settings, NULL without */
    tgl_json *choices;        /* the report's */
    tgl_buffer refused;       /* what is not supported, gathered */
    uint32_t n_refused;
    tgl_error *err;
} tgl_import;

/* Note in the report a choice that the file leaves open: at `place` (a layer, a file),
 * in words. */
void tgl__import_choice(tgl_import *import, const char *place, const char *format, ...)
    TGL_PRINTF(3, 4);
/* Note something that is not supported and go on looking: users see all of it at once. */
void tgl__import_refuse(tgl_import *import, const char *place, const char *format, ...)
    TGL_PRINTF(3, 4);
/* TGL_EUNSUPPORTED that lists whatever was noted; TGL_OK when nothing was. */
tgl_status tgl__import_supported(tgl_import *import);

/* What a format leaves open. */
enum {
    TGL__NEEDS_TYPES = 1,    /* numbers only: inputs' and scores' types must be named */
    TGL__TAKES_TYPES = 2,    /* they may be named */
    TGL__TAKES_SETTINGS = 4, /* a settings file */
    TGL__TAKES_WEIGHTS = 8,  /* weights in a file of their own */
    TGL__IS_JSON = 16,       /* its text is parsed before */
    TGL__IS_DIRECTORY = 32
};

typedef struct tgl_importer {
    const char *name; /* "l1json" */
    const char *summary;
    const char *const *variants; /* NULL-terminated; NULL: takes none */
    unsigned traits;
    /* Is this one of ours? Files only by bytes or by JSON, as the traits say. */
    bool (*sniff)(const tgl_model_source *source);
    /* options->variant is one of `variants`, or NULL where there are none; the types are
     * there where they are needed. The graph is verified. */
    tgl_status (*import)(tgl_graph **out, tgl_import *import);
} tgl_importer;

/* Every importer; the list ends with NULL. */
extern const tgl_importer *const tgl__importers[];

/* Import from text in memory (fuzzing and tests use it too). */
tgl_status tgl__model_parse(tgl_graph **out, const tgl_model_source *source,
                            const tgl_import_options *options, tgl_error *err);

#endif
