/* The built-in stages: adding one is one file in step/ and one line here. */
#include <string.h>

#include "pipeline/step.h"

extern const tgl_step_kind tgl__step_convert;
extern const tgl_step_kind tgl__step_train;
extern const tgl_step_kind tgl__step_lower;
extern const tgl_step_kind tgl__step_vectors;
extern const tgl_step_kind tgl__step_firmware;
extern const tgl_step_kind tgl__step_simulate;
extern const tgl_step_kind tgl__step_synth;
extern const tgl_step_kind tgl__step_physics;
extern const tgl_step_kind tgl__step_select;
extern const tgl_step_kind tgl__step_report;
extern const tgl_step_kind tgl__step_package;

const tgl_step_kind *const tgl__step_kinds[] = {
    &tgl__step_convert,  &tgl__step_train,    &tgl__step_lower,   &tgl__step_vectors,
    &tgl__step_firmware, &tgl__step_simulate, &tgl__step_synth,   &tgl__step_physics,
    &tgl__step_select,   &tgl__step_report,   &tgl__step_package,
};
const size_t tgl__n_step_kind = sizeof tgl__step_kinds / sizeof tgl__step_kinds[0];

static const char *path_of(const tgl_step_file *files, size_t n, const char *role)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(files[i].role, role) == 0)
            return files[i].path;
    return NULL;
}

const char *tgl__step_input(const tgl_step *step, const char *role)
{
    return path_of(step->inputs, step->n_input, role);
}

const char *tgl__step_output(const tgl_step *step, const char *role)
{
    return path_of(step->outputs, step->n_output, role);
}
