/* The text of trigline.yaml, up to its plan: whatever is accepted draws as a graph and
 * plans in an order in which producers come first. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/pipeline.h"

static void demand(int holds)
{
    if (!holds)
        abort();
}

static void check_order(const tgl_plan *plan)
{
    bool *done = calloc(plan->n_stage + 1, sizeof *done);
    demand(done != NULL);
    for (size_t i = 0; i < plan->n_stage; i++) {
        const tgl_stage *stage = &plan->stages[plan->order[i]];
        demand(!done[plan->order[i]]);
        for (size_t d = 0; d < plan->n_stage; d++)
            demand(!stage->needs[d] || done[d]);
        for (size_t k = 0; k < stage->n_out; k++) /* nothing outside the project */
            demand(stage->outs[k].file.path[0] != '/' &&
                   strncmp(stage->outs[k].file.path, "..", 3) != 0 &&
                   strncmp(stage->outs[k].file.path, "../", 3) != 0);
        done[plan->order[i]] = true;
    }
    free(done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const set[] = {"a.b=[1, {c: 2}]"};
    tgl_error err = {0};
    tgl_project *project = NULL;
    tgl_status status = tgl__project_parse(&project, (const char *)data, size, &err);
    if (status != TGL_OK) {
        demand(project == NULL && err.code == status && err.message[0] != '\0');
        return 0;
    }
    tgl_plan plan;
    demand(tgl__plan_make(&plan, project, NULL, 0, &err) == TGL_OK);
    check_order(&plan);
    tgl__plan_release(&plan);
    if (tgl__plan_make(&plan, project, set, 1, &err) == TGL_OK)
        check_order(&plan);
    tgl__plan_release(&plan);
    char *json = NULL;
    demand(tgl_project_graph(&json, project, &err) == TGL_OK);
    tgl_free(json);
    tgl_project_close(project);
    return 0;
}
