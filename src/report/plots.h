/* One function a plot: from the report's documents to an SVG. */
#ifndef TGL_REPORT_PLOTS_H
#define TGL_REPORT_PLOTS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "text/json.h"

/* The report's inputs, parsed; a missing one is NULL. */
typedef struct tgl_report_documents {
    tgl_json *model, *history, *physics, *selection, *simulation, *resources, *lineage,
        *datasets;
} tgl_report_documents;

typedef struct tgl_plot {
    const char *name; /* file name without ending, and anchor */
    const char *title;
    const char *caption; /* what is drawn and how to read it */
    bool (*draw)(tgl_buffer *out,
                 const tgl_report_documents *documents); /* false: nothing to draw */
} tgl_plot;

extern const tgl_plot tgl__plots[];
extern const size_t tgl__n_plot;

/* Diagrams (diagrams.c). */
bool tgl__draw_lineage(tgl_buffer *out, const tgl_report_documents *documents);
bool tgl__draw_radar(tgl_buffer *out, const tgl_report_documents *documents);

#endif
