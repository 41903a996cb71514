/* Inside the pipeline: the project file, the plan made from it, and one stage's run. */
#ifndef TGL_PIPELINE_PIPELINE_H
#define TGL_PIPELINE_PIPELINE_H

#include <stdbool.h>
#include <trigline/pipeline.h>

#include "base/memory.h"
#include "pipeline/step.h"
#include "store/store.h"
#include "text/json.h"

typedef struct tgl_source_text {
    char *path, *shown, *text;
    size_t size;
    tgl_yaml_map *map; /* where its keys stand */
} tgl_source_text;

struct tgl_project {
    char *directory;
    tgl_json *root; /* trigline.yaml with its includes merged in */
    tgl_source_text *sources;
    size_t n_source;
};

/* ---- project.c ---- */
/* A project from the text of its file alone, as if it stood in "."; nothing is read from
 * disk and `include` is refused. Release with tgl_project_close. */
tgl_status tgl__project_parse(tgl_project **out, const char *text, size_t n,
                              tgl_error *err);
/* "trigline.yaml:12" for a NULL-terminated list of keys; the file alone when not found.
 * Points into `out`. */
const char *tgl__project_where(char out[300], const tgl_project *project, ...);
/* A path as to open it from the caller's directory; arena-owned or `path` itself. */
const char *tgl__project_path(const tgl_project *project, tgl_arena *arena,
                              const char *path);

/* ---- interpolate.c ---- */
/* What ${…} may name: the loop's `item` and `key` first, then parameters. */
typedef struct tgl_scope {
    const tgl_json *params, *item;
    const char *key;
} tgl_scope;
/* A copy of `value` with every ${a.b} replaced; a string that is one reference whole
 * takes the referenced value's type. "\${" stands for itself. */
tgl_status tgl__interpolate(tgl_json **out, const tgl_json *value, const tgl_scope *scope,
                            const char *where, tgl_error *err);
/* Dotted look-up; TGL_ENOTFOUND with a near name. */
tgl_status tgl__params_find(const tgl_json **out, const tgl_json *params,
                            const char *name, const char *where, tgl_error *err);
/* Apply "a.b=value" (value as YAML) to a copy of `params`. */
tgl_status tgl__params_override(tgl_json **out, const tgl_json *params,
                                const char *const *set, size_t n_set, tgl_error *err);

/* ---- plan.c, stage.c ---- */
typedef enum tgl_stage_state {
    TGL_STAGE_WAITING = 0,
    TGL_STAGE_RUNNING,
    TGL_STAGE_DONE, /* in one of the ways `outcome` says */
    TGL_STAGE_FAILED
} tgl_stage_state;

typedef struct tgl_plan_in {
    tgl_step_file file;
    size_t producer; /* stage number, SIZE_MAX: none */
    char digest[72];
} tgl_plan_in;

typedef struct tgl_plan_out {
    tgl_step_file file;
    bool keep, is_metric, is_plot;
} tgl_plan_out;

typedef struct tgl_stage {
    const char *name;
    const char *description;
    const tgl_json *cmd; /* list of command lines, or NULL for a built-in */
    const tgl_step_kind *kind;
    const tgl_json *with, *params;
    tgl_plan_in *ins;
    tgl_plan_out *outs;
    size_t n_in, n_out;
    bool *needs; /* (n_stage) which stages must be done before */
    bool always, selected, forced;

    tgl_stage_state state;
    const char *outcome; /* "ran", "up to date", "restored" */
    char key[72], record[72];
    double seconds;
    tgl_error error;
} tgl_stage;

typedef struct tgl_plan {
    const tgl_project *project;
    tgl_arena arena;
    tgl_json *holder; /* owns every JSON value the stages point to */
    const tgl_json *params, *catalog, *gates, *record;
    tgl_stage *stages;
    size_t n_stage;
    size_t *order; /* stage numbers, producers first */
} tgl_plan;

tgl_status tgl__plan_make(tgl_plan *plan, const tgl_project *project,
                          const char *const *set, size_t n_set, tgl_error *err);
void tgl__plan_release(tgl_plan *plan);
tgl_status tgl__plan_select(tgl_plan *plan, const tgl_run_options *options,
                            tgl_error *err);
/* Fill one stage from its (interpolated) mapping. */
tgl_status tgl__stage_read(tgl_stage *stage, tgl_plan *plan, const tgl_json *spec,
                           const char *where, tgl_error *err);
/* Keep a value alive as long as the plan; takes it. */
tgl_status tgl__plan_hold(tgl_plan *plan, tgl_json *value, tgl_error *err);
/* Everything `number` stands on, itself included. */
void tgl__plan_ancestors(bool *marked, const tgl_plan *plan, size_t number);

/* ---- key.c ---- */
/* Digests of the inputs and the stage's key; the spec goes into the store with `keep`. */
tgl_status tgl__stage_key(tgl_plan *plan, tgl_stage *stage, tgl_store *store, bool keep,
                          const tgl_progress *progress, tgl_error *err);
/* {nodes, edges} of everything a stage stands on, with digests. NULL: out of memory. */
tgl_json *tgl__plan_lineage(const tgl_plan *plan, const tgl_stage *stage);
/* "Verilator 5.006 …" of a program, remembered by what its file looks like. */
tgl_status tgl__tool_version(char **out, tgl_store *store, const char *program,
                             tgl_error *err);

/* ---- outputs.c ---- */
/* How an output stands in a step entry: "path", "path/" for a directory, and "uncached:…"
 * when its bytes are not in the store. Answers `out`. */
const char *tgl__out_entry(char out[4200], const tgl_plan_out *o, bool is_tree);
/* Do the outputs match what the stage's key gave (*good), or can the store give back
 * those that do not (*restored)? Changes nothing on disk; fills stage->record when good.
 */
tgl_status tgl__stage_check(bool *good, bool *restored, tgl_stage *stage,
                            tgl_store *store, tgl_error *err);
/* Bring the outputs back from the store; *good is false when its bytes are damaged. */
tgl_status tgl__stage_restore(bool *good, tgl_stage *stage, tgl_store *store,
                              tgl_error *err);
/* The first output whose contents no step of this store wrote, or NULL; what a killed run
 * left counts as ours. */
tgl_status tgl__outs_foreign(const char **shown, const tgl_stage *stage, tgl_store *store,
                             tgl_error *err);
/* Before outputs are cleared or written: refuses when one is the user's (unless the stage
 * is forced), then marks the stage as being written until tgl__outs_end. */
tgl_status tgl__outs_begin(const tgl_stage *stage, tgl_store *store, tgl_error *err);
tgl_status tgl__outs_end(const tgl_stage *stage, tgl_store *store, tgl_error *err);
tgl_status tgl__outs_clear(const tgl_stage *stage, tgl_error *err);

/* ---- execute.c ---- */
/* Bring one stage up to date. Fills outcome, record, seconds. */
tgl_status tgl__stage_run(tgl_plan *plan, tgl_stage *stage, tgl_store *store,
                          const tgl_progress *progress, tgl_error *err);
const char *tgl__store_directory(const tgl_project *project, tgl_arena *arena);

#endif
