/** @file
 * Plots (SVG) and the one self-contained HTML page.
 */
#ifndef TRIGLINE_REPORT_H
#define TRIGLINE_REPORT_H

#include <trigline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the page is made from; each member is JSON text, NULL for what a project does not
 * have. docs/report.md. */
typedef struct tgl_report_inputs {
    size_t struct_size;
    const char *title;
    const char *model;      /**< tgl_model_info */
    const char *history;    /**< tgl_training_history */
    const char *physics;    /**< tgl_physics_study */
    const char *selection;  /**< tgl_physics_select */
    const char *simulation; /**< n_event, n_different, latency … */
    const char *resources;  /**< array of tgl_resources as JSON */
    const char *lineage;    /**< {nodes:[{id,kind,label,digest}], edges:[[from,to]]} */
    const char *datasets;   /**< array of {name, path, rows, digest, …} */
} tgl_report_inputs;
#define TGL_REPORT_INPUTS_INIT                                                           \
    {                                                                                    \
        sizeof(tgl_report_inputs), 0, 0, 0, 0, 0, 0, 0, 0, 0                             \
    }

/** Write DIR/index.html and DIR/plots/<name>.svg. The same inputs give the same bytes. */
TGL_API TGL_NODISCARD tgl_status tgl_report_write(const char *directory,
                                                  const tgl_report_inputs *inputs,
                                                  tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
