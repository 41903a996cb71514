/** @file
 * The project file, its plan, and running it: stages are skipped when their key has not
 * changed.
 */
#ifndef TRIGLINE_PIPELINE_H
#define TRIGLINE_PIPELINE_H

#include <trigline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_project tgl_project;

typedef struct tgl_run_options {
    size_t struct_size;
    const char *const *stages; /**< names; n_stage 0: all */
    size_t n_stage;
    const char *from, *to;
    int force;
    const char *const *set; /**< "a.b=value" overrides of params */
    size_t n_set;
    size_t n_job; /**< stages at once; 0: 1 */
    const tgl_progress *progress;
} tgl_run_options;
#define TGL_RUN_OPTIONS_INIT                                                             \
    {                                                                                    \
        sizeof(tgl_run_options), NULL, 0, NULL, NULL, 0, NULL, 0, 0, NULL                \
    }

/** Read and check `trigline.yaml` in `directory`. Release with tgl_project_close. */
TGL_API TGL_NODISCARD tgl_status tgl_project_open(tgl_project **out,
                                                  const char *directory, tgl_error *err);
TGL_API void tgl_project_close(tgl_project *project);
/** Make a project from a template ("anomaly-trigger", "jet-tagger", "empty") in a new or
 * empty directory. */
TGL_API TGL_NODISCARD tgl_status tgl_project_init(const char *directory,
                                                  const char *template_name,
                                                  tgl_error *err);
/** Run what is out of date. `json` (tgl_free, also set on failure when not NULL): stages
 * run, skipped, failed, package digest. */
TGL_API TGL_NODISCARD tgl_status tgl_project_run(char **json, tgl_project *project,
                                                 const tgl_run_options *options,
                                                 tgl_error *err);
/** Which stages are up to date and why not (JSON, tgl_free). */
TGL_API TGL_NODISCARD tgl_status tgl_project_status(char **json, tgl_project *project,
                                                    tgl_error *err);
/** Stages and data as a graph (JSON: nodes, edges; tgl_free). */
TGL_API TGL_NODISCARD tgl_status tgl_project_graph(char **json, tgl_project *project,
                                                   tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
