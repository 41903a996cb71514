/* What a built-in stage is: one const struct of one file in step/, one line in
 * step_table.c. A stage sees public headers of lower rooms, its inputs, its outputs. */
#ifndef TGL_PIPELINE_STEP_H
#define TGL_PIPELINE_STEP_H

#include <stdbool.h>
#include <trigline/record.h>
#include <trigline/store.h>

#include "text/json.h"

typedef struct tgl_step_file {
    const char *role;   /* "graph"; "" when a command's list gives none */
    const char *name;   /* catalog name, member name, or the file's name without ending */
    const char *path;   /* as to open it */
    const char *shown;  /* as the project file says it */
    const char *digest; /* inputs only */
    const tgl_json *catalog; /* the catalog entry, or NULL */
} tgl_step_file;

typedef struct tgl_step {
    const char *stage;
    const tgl_json *with;    /* the stage's arguments, interpolated; an object */
    const tgl_json *params;  /* the selected parameters, by dotted name */
    const tgl_json *gates;   /* the project's gates, or NULL */
    const tgl_json *lineage; /* {nodes, edges} up to here, for kinds that ask for it */
    const char *scratch; /* an empty directory for outside tools, removed afterwards */
    tgl_store *store;
    tgl_record *record; /* for times and tools: what must not be in the outputs */
    const tgl_progress *progress;
    const tgl_step_file *inputs, *outputs;
    size_t n_input, n_output;
} tgl_step;

typedef struct tgl_step_role {
    const char *name;
    bool optional;
    bool many; /* a list or a mapping of names, in inputs */
} tgl_step_role;

enum { TGL_STEP_WITH = 16, TGL_STEP_ROLES = 14, TGL_STEP_TOOLS = 3 };

typedef struct tgl_step_kind {
    const char *name, *summary;
    int version; /* raised when the same inputs would give other outputs */
    const char *with[TGL_STEP_WITH]; /* allowed arguments, NULL-terminated */
    tgl_step_role inputs[TGL_STEP_ROLES], outputs[TGL_STEP_ROLES];
    const char *tools[TGL_STEP_TOOLS]; /* programs whose version is part of the key */
    bool wants_gates, wants_lineage;
    /* Writes every output atomically (or removes it on failure). TGL_EMISMATCH is a
     * negative verdict. */
    tgl_status (*run)(tgl_step *step, tgl_error *err);
} tgl_step_kind;

extern const tgl_step_kind *const tgl__step_kinds[];
extern const size_t tgl__n_step_kind;

/* Path of the (first) input or output with a role, or NULL. */
const char *tgl__step_input(const tgl_step *step, const char *role);
const char *tgl__step_output(const tgl_step *step, const char *role);

#endif
