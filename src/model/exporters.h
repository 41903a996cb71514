/* What an exporter offers: one const struct each, listed in exporters.c. */
#ifndef TGL_MODEL_EXPORTERS_H
#define TGL_MODEL_EXPORTERS_H

#include <trigline/model.h>

/* A model ready to be written. `program` is never NULL, name never empty. */
typedef struct tgl__export {
    const tgl_program *program;
    const tgl_graph *graph; /* may be NULL */
    const char *name;
    tgl_export_options options;
} tgl__export;

typedef struct tgl__exporter {
    const char *name;
    const char *ending; /* of a file that is meant without naming the format, or NULL */
    const char *summary;
    tgl_status (*write)(const char *path, const tgl__export *model, tgl_error *err);
} tgl__exporter;

extern const tgl__exporter tgl__export_run, tgl__export_plugin, tgl__export_c;

/* The run-time file's bytes; release with tgl__free. */
tgl_status tgl__run_file(uint8_t **out, size_t *size, const tgl__export *model,
                         tgl_error *err);

#endif
