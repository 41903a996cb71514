/* Which stages are up to date and what changed for the others; the plan as a graph. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "pipeline/pipeline.h"

static void say(tgl_json *reasons, const char *format, const char *a)
{
    char text[600];
    snprintf(text, sizeof text, format, a);
    tgl__json_append(reasons, tgl__json_new_string(text));
}

/* The entry of a spec's list with this path. */
static const tgl_json *by_path(const tgl_json *list, const char *path)
{
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *entry = tgl__json_at(list, i);
        if (strcmp(tgl__json_string(tgl__json_get(entry, "path"), ""), path) == 0)
            return entry;
    }
    return NULL;
}

static void compare_inputs(tgl_json *reasons, const tgl_json *old, const tgl_json *new)
{
    for (size_t i = 0; i < tgl__json_size(new); i++) {
        const tgl_json *entry = tgl__json_at(new, i);
        const char *path = tgl__json_string(tgl__json_get(entry, "path"), "");
        const tgl_json *before = by_path(old, path);
        if (before == NULL)
            say(reasons, "new input '%.500s'", path);
        else if (!tgl__json_equal(before, entry))
            say(reasons, "input '%.500s' changed", path);
    }
    for (size_t i = 0; i < tgl__json_size(old); i++) {
        const char *path =
            tgl__json_string(tgl__json_get(tgl__json_at(old, i), "path"), "");
        if (by_path(new, path) == NULL)
            say(reasons, "input '%.500s' is no longer one", path);
    }
}

static void compare_members(tgl_json *reasons, const char *format, const tgl_json *old,
                            const tgl_json *new)
{
    const char *name;
    tgl_json *value;
    for (size_t i = 0; tgl__json_entry(new, i, &name, &value); i++)
        if (!tgl__json_equal(tgl__json_get(old, name), value))
            say(reasons, format, name);
    for (size_t i = 0; tgl__json_entry(old, i, &name, &value); i++)
        if (tgl__json_get(new, name) == NULL)
            say(reasons, format, name);
}

static void compare_specs(tgl_json *reasons, const tgl_json *old, const tgl_json *new)
{
    static const char *const words[][2] = {
        {"cmd", "the command changed"},
        {"run", "another built-in stage"},
        {"version", "the built-in stage's version changed"},
        {"trigline", "another version of trigline"},
        {"code", "trigline was built from other code"},
        {"gates", "the gates changed"},
        {"lineage", "what stands before it changed"},
        {"outputs", "the outputs are others"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!tgl__json_equal(tgl__json_get(old, words[i][0]),
                             tgl__json_get(new, words[i][0])))
            say(reasons, "%.500s", words[i][1]);
    compare_members(reasons, "parameter '%.500s' changed", tgl__json_get(old, "params"),
                    tgl__json_get(new, "params"));
    compare_members(reasons, "argument '%.500s' changed", tgl__json_get(old, "with"),
                    tgl__json_get(new, "with"));
    compare_members(reasons, "another version of '%.500s'", tgl__json_get(old, "tools"),
                    tgl__json_get(new, "tools"));
    compare_inputs(reasons, tgl__json_get(old, "inputs"), tgl__json_get(new, "inputs"));
}

static tgl_status why_not(tgl_json *reasons, tgl_stage *stage, tgl_store *store,
                          tgl_error *err)
{
    char last[72];
    tgl_json *old = NULL, *new = NULL;
    tgl_status status = tgl__step_last_key(last, store, stage->name, err);
    if (status == TGL_ENOTFOUND) {
        say(reasons, "%s", "never run here");
        return TGL_OK;
    }
    TGL_TRY(status);
    if (strcmp(last, stage->key) == 0) {
        say(reasons, "%s", "an output is missing or changed, and is not in the store");
        return TGL_OK;
    }
    if (tgl__blob_json(&old, store, last, NULL) == TGL_OK &&
        tgl__blob_json(&new, store, stage->key, NULL) == TGL_OK)
        compare_specs(reasons, old, new);
    if (tgl__json_size(reasons) == 0)
        say(reasons, "%s", "its key changed");
    tgl__json_free(old);
    tgl__json_free(new);
    return TGL_OK;
}

/* A stage whose inputs are being made anew cannot say more than that. */
static bool waits(const tgl_plan *plan, const tgl_stage *stage, tgl_json *reasons)
{
    bool any = false;
    for (size_t p = 0; p < plan->n_stage; p++)
        if (stage->needs[p] && plan->stages[p].state != TGL_STAGE_DONE) {
            say(reasons, "stage '%.500s' comes first", plan->stages[p].name);
            any = true;
        }
    return any;
}

/* The state of a stage whose inputs are there, with its reasons. */
static tgl_status judge(const char **state, tgl_json *reasons, tgl_plan *plan,
                        tgl_stage *stage, tgl_store *store, tgl_error *err)
{
    bool good = false, restored = false;
    const char *foreign = NULL;
    /* the spec is stored, so that what changed can be named */
    TGL_TRY(tgl__stage_key(plan, stage, store, true, NULL, err));
    if (!stage->always)
        TGL_TRY(tgl__stage_check(&good, &restored, stage, store, err));
    if (!good || restored)
        TGL_TRY(tgl__outs_foreign(&foreign, stage, store, err));
    if (foreign != NULL) {
        *state = "blocked";
        say(reasons, "output '%.500s' was changed or put there by hand", foreign);
    } else if (good && !restored) {
        *state = "up to date";
        stage->state = TGL_STAGE_DONE;
    } else if (good) { /* not on disk yet: what follows is judged after a run */
        *state = "restorable";
        say(reasons, "%s", "outputs are restored from the store");
    } else if (stage->always) {
        say(reasons, "%s", "always_changed is set");
    } else {
        return why_not(reasons, stage, store, err);
    }
    return TGL_OK;
}

static tgl_status stage_status(tgl_json **out, tgl_plan *plan, tgl_stage *stage,
                               tgl_store *store, tgl_error *err)
{
    tgl_json *reasons = tgl__json_array(), *entry = tgl__json_object();
    const char *state = "waits";
    tgl_status status = TGL_OK;
    tgl_error why = {0};
    if (!waits(plan, stage, reasons)) {
        state = "out of date";
        status = judge(&state, reasons, plan, stage, store, &why);
        if (status == TGL_ENOTFOUND) {
            say(reasons, "%.500s", why.message);
            status = TGL_OK;
        }
    }
    tgl__json_put(entry, "stage", tgl__json_new_string(stage->name));
    tgl__json_put(entry, "state", tgl__json_new_string(state));
    if (!tgl__json_put(entry, "reasons", reasons) && status == TGL_OK)
        status = tgl__fail_nomem(&why);
    if (status != TGL_OK) {
        tgl__json_free(entry);
        if (err != NULL)
            *err = why;
        return tgl__fail_context(err, status, "stage '%s'", stage->name);
    }
    *out = entry;
    return TGL_OK;
}

static tgl_status all_stages(char **json, tgl_plan *plan, tgl_store *store,
                             tgl_error *err)
{
    tgl_json *root = tgl__json_object(), *list = tgl__json_array();
    bool good = root != NULL && list != NULL, all = true;
    tgl_status status = TGL_OK;
    for (size_t i = 0; good && status == TGL_OK && i < plan->n_stage; i++) {
        tgl_json *entry = NULL;
        tgl_stage *stage = &plan->stages[plan->order[i]];
        status = stage_status(&entry, plan, stage, store, err);
        all = all && stage->state == TGL_STAGE_DONE;
        if (status == TGL_OK)
            good = tgl__json_append(list, entry);
    }
    good = tgl__json_put(root, "stages", list) && good;
    good = tgl__json_put(root, "up_to_date", tgl__json_new_bool(all)) && good;
    if (status == TGL_OK)
        status =
            good ? tgl__json_dump_pretty(json, NULL, root, err) : tgl__fail_nomem(err);
    tgl__json_free(root);
    return status;
}

tgl_status tgl_project_status(char **json, tgl_project *project, tgl_error *err)
{
    tgl_plan plan;
    tgl_store *store = NULL;
    tgl_status status = tgl__plan_make(&plan, project, NULL, 0, err);
    if (status == TGL_OK) {
        const char *directory = tgl__store_directory(project, &plan.arena);
        status = directory == NULL ? tgl__fail_nomem(err)
                                   : tgl_store_open(&store, directory, 1, err);
    }
    if (status == TGL_OK)
        status = all_stages(json, &plan, store, err);
    tgl_store_close(store);
    tgl__plan_release(&plan);
    return status;
}

/* ---- graph ---- */

static bool has_node(const tgl_json *nodes, const char *id)
{
    for (size_t i = 0; i < tgl__json_size(nodes); i++)
        if (strcmp(tgl__json_string(tgl__json_get(tgl__json_at(nodes, i), "id"), ""),
                   id) == 0)
            return true;
    return false;
}

static void put_node(tgl_json *nodes, const char *id, const char *kind, const char *label)
{
    if (has_node(nodes, id))
        return;
    tgl_json *node = tgl__json_object();
    tgl__json_put(node, "id", tgl__json_new_string(id));
    tgl__json_put(node, "kind", tgl__json_new_string(kind));
    tgl__json_put(node, "label", tgl__json_new_string(label));
    tgl__json_append(nodes, node);
}

static void put_edge(tgl_json *edges, const char *from, const char *to)
{
    tgl_json *edge = tgl__json_array();
    tgl__json_append(edge, tgl__json_new_string(from));
    tgl__json_append(edge, tgl__json_new_string(to));
    tgl__json_append(edges, edge);
}

/* Stages are "stage:name", files "data:path", so that neither hides the other. */
static void put_stage(tgl_json *nodes, tgl_json *edges, const tgl_plan *plan,
                      const tgl_stage *stage)
{
    char id[600], file[4300];
    snprintf(id, sizeof id, "stage:%.500s", stage->name);
    for (size_t i = 0; i < stage->n_in; i++) {
        const tgl_plan_in *in = &stage->ins[i];
        snprintf(file, sizeof file, "data:%.4200s", in->file.shown);
        put_node(nodes, file, "data", in->file.shown);
        if (in->producer != SIZE_MAX) { /* an input inside or around an output */
            const tgl_stage *p = &plan->stages[in->producer];
            bool same = false;
            for (size_t o = 0; o < p->n_out; o++)
                same = same || strcmp(p->outs[o].file.shown, in->file.shown) == 0;
            char from[600];
            snprintf(from, sizeof from, "stage:%.500s", p->name);
            if (!same)
                put_edge(edges, from, file);
        }
    }
    put_node(nodes, id, "stage", stage->name);
    for (size_t i = 0; i < stage->n_in; i++) {
        snprintf(file, sizeof file, "data:%.4200s", stage->ins[i].file.shown);
        put_edge(edges, file, id);
    }
    for (size_t i = 0; i < stage->n_out; i++) {
        snprintf(file, sizeof file, "data:%.4200s", stage->outs[i].file.shown);
        put_node(nodes, file, "data", stage->outs[i].file.shown);
        put_edge(edges, id, file);
    }
}

tgl_status tgl_project_graph(char **json, tgl_project *project, tgl_error *err)
{
    tgl_plan plan;
    tgl_status status = tgl__plan_make(&plan, project, NULL, 0, err);
    tgl_json *root = tgl__json_object(), *nodes = tgl__json_array(),
             *edges = tgl__json_array();
    if (status == TGL_OK)
        for (size_t i = 0; i < plan.n_stage; i++)
            put_stage(nodes, edges, &plan, &plan.stages[plan.order[i]]);
    bool good = tgl__json_put(root, "nodes", nodes);
    good = tgl__json_put(root, "edges", edges) && good;
    if (status == TGL_OK)
        status =
            good ? tgl__json_dump_pretty(json, NULL, root, err) : tgl__fail_nomem(err);
    tgl__json_free(root);
    tgl__plan_release(&plan);
    return status;
}
