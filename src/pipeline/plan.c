/* Stages with their edges: who needs whom, in which order, which of them are asked for.
 */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/names.h"
#include "pipeline/pipeline.h"

tgl_status tgl__plan_hold(tgl_plan *plan, tgl_json *value, tgl_error *err)
{
    return tgl__json_append(plan->holder, value) ? TGL_OK : tgl__fail_nomem(err);
}

static size_t count_stages(const tgl_json *stages)
{
    const char *name;
    tgl_json *spec;
    size_t n = 0;
    for (size_t i = 0; tgl__json_entry(stages, i, &name, &spec); i++) {
        const tgl_json *loop = tgl__json_get(spec, "foreach");
        n += loop == NULL ? 1
             : tgl__json_kind(loop) == TGL_JSON_STRING
                 ? 1000 /* a reference: bounded when it is known */
                 : tgl__json_size(loop);
    }
    return n;
}

static tgl_status add_stage(tgl_plan *plan, const char *base, const char *suffix,
                            const tgl_json *spec, const tgl_scope *scope, tgl_error *err)
{
    tgl_stage *stage = &plan->stages[plan->n_stage];
    *stage = (tgl_stage){0};
    char where[300], place[400];
    tgl__project_where(where, plan->project, "stages", base, (char *)NULL);
    snprintf(place, sizeof place, "%.250s: stage '%.100s'", where, base);
    stage->name = suffix == NULL ? tgl__arena_strdup(&plan->arena, base)
                                 : tgl__arena_printf(&plan->arena, "%s@%s", base, suffix);
    if (stage->name == NULL)
        return tgl__fail_nomem(err);
    tgl_json *done = NULL;
    TGL_TRY(tgl__interpolate(&done, spec, scope, place, err));
    TGL_TRY(tgl__plan_hold(plan, done, err));
    plan->n_stage++;
    return tgl__stage_read(stage, plan, done, place, err);
}

static void item_name(char out[128], const tgl_json *item, size_t index)
{
    const char *text = tgl__json_string(item, NULL);
    if (text != NULL)
        snprintf(out, 128, "%.127s", text);
    else if (tgl__json_kind(item) == TGL_JSON_INT)
        snprintf(out, 128, "%lld", (long long)tgl__json_int(item, 0));
    else
        snprintf(out, 128, "%zu", index);
}

/* foreach/do: one stage per item, "name@item" or "name@key". */
static tgl_status add_loop(tgl_plan *plan, const char *name, const tgl_json *spec,
                           tgl_error *err)
{
    tgl_json *list = NULL, *value;
    char where[300], place[400];
    tgl__project_where(where, plan->project, "stages", name, "foreach", (char *)NULL);
    snprintf(place, sizeof place, "%.250s: stage '%.100s'", where, name);
    tgl_scope scope = {plan->params, NULL, NULL};
    TGL_TRY(tgl__interpolate(&list, tgl__json_get(spec, "foreach"), &scope, place, err));
    TGL_TRY(tgl__plan_hold(plan, list, err));
    bool is_list = tgl__json_kind(list) == TGL_JSON_ARRAY;
    if (!is_list && tgl__json_kind(list) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: 'foreach': expected a list or mapping",
                         place);
    if (tgl__json_size(list) > 1000)
        return tgl__fail(err, TGL_ELIMIT, "%s: 'foreach': more than 1000 items", place);
    const tgl_json *body = tgl__json_get(spec, "do");
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        char suffix[128] = "";
        const char *key = NULL;
        value = is_list ? tgl__json_at(list, i) : NULL;
        if (is_list)
            item_name(suffix, value, i);
        else if (tgl__json_entry(list, i, &key, &value))
            snprintf(suffix, sizeof suffix, "%.127s", key);
        for (char *c = suffix; *c != '\0'; c++) /* it also names logs and scratch */
            if (*c == '/' || *c == ' ')
                *c = '_';
        scope.item = value;
        scope.key = key;
        TGL_TRY(add_stage(plan, name, suffix, body, &scope, err));
    }
    return TGL_OK;
}

/* ---- edges ---- */

/* a is b, or lies in b, or b in a. */
static bool paths_meet(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), k = n < m ? n : m;
    if (strncmp(a, b, k) != 0)
        return false;
    return n == m || (n < m ? b[k] : a[k]) == '/';
}

static tgl_status check_outs_apart(const tgl_plan *plan, tgl_error *err)
{
    for (size_t a = 0; a < plan->n_stage; a++)
        for (size_t i = 0; i < plan->stages[a].n_out; i++)
            for (size_t b = a; b < plan->n_stage; b++)
                for (size_t j = b == a ? i + 1 : 0; j < plan->stages[b].n_out; j++) {
                    const char *x = plan->stages[a].outs[i].file.shown;
                    const char *y = plan->stages[b].outs[j].file.shown;
                    if (paths_meet(x, y))
                        return tgl__fail(err, TGL_EFORMAT,
                                         "output '%s' of stage '%s' overlaps output '%s' "
                                         "of stage '%s'",
                                         x, plan->stages[a].name, y,
                                         plan->stages[b].name);
                }
    return TGL_OK;
}

static tgl_status connect(tgl_plan *plan, tgl_error *err)
{
    for (size_t s = 0; s < plan->n_stage; s++) {
        tgl_stage *stage = &plan->stages[s];
        stage->needs = tgl__arena_alloc(&plan->arena, plan->n_stage + 1, sizeof(bool));
        if (stage->needs == NULL)
            return tgl__fail_nomem(err);
        for (size_t i = 0; i < stage->n_in; i++)
            for (size_t p = 0; p < plan->n_stage; p++)
                for (size_t o = 0; o < plan->stages[p].n_out; o++)
                    if (paths_meet(stage->ins[i].file.shown,
                                   plan->stages[p].outs[o].file.shown)) {
                        stage->needs[p] = true;
                        stage->ins[i].producer = p;
                    }
    }
    return check_outs_apart(plan, err);
}

/* Follow needs among the stages left over until one comes up again. */
static tgl_status report_cycle(const tgl_plan *plan, const bool *placed, tgl_error *err)
{
    size_t start = 0, at, n = plan->n_stage;
    while (placed[start])
        start++;
    for (size_t hop = 0; hop < n; hop++) /* after n hops we stand on the cycle */
        for (size_t p = 0; p < n; p++)
            if (plan->stages[start].needs[p] && !placed[p]) {
                start = p;
                break;
            }
    tgl_buffer text = TGL_BUFFER_INIT;
    at = start;
    do {
        tgl__buffer_printf(&text, "'%s' needs ", plan->stages[at].name);
        for (size_t p = 0; p < n; p++)
            if (plan->stages[at].needs[p] && !placed[p]) {
                at = p;
                break;
            }
    } while (at != start && text.size < 300);
    tgl__buffer_printf(&text, "'%s'", plan->stages[start].name);
    tgl_status status =
        tgl__fail(err, TGL_EFORMAT, "%s: stages in a circle: %s",
                  plan->project->sources[0].shown, text.failed ? "" : text.bytes);
    tgl__buffer_release(&text);
    return status;
}

static tgl_status sort_stages(tgl_plan *plan, tgl_error *err)
{
    size_t n = plan->n_stage, used = 0;
    bool *placed = tgl__arena_alloc(&plan->arena, n + 1, sizeof *placed);
    plan->order = tgl__arena_alloc(&plan->arena, n + 1, sizeof *plan->order);
    if (placed == NULL || plan->order == NULL)
        return tgl__fail_nomem(err);
    while (used < n) {
        size_t before = used;
        for (size_t s = 0; s < n; s++) {
            bool ready = !placed[s];
            for (size_t p = 0; ready && p < n; p++)
                ready = !plan->stages[s].needs[p] || placed[p];
            if (ready) {
                placed[s] = true;
                plan->order[used++] = s;
                break; /* the first that can, so that file order is kept */
            }
        }
        if (used == before)
            return report_cycle(plan, placed, err);
    }
    return TGL_OK;
}

static tgl_status check_names_apart(const tgl_plan *plan, tgl_error *err)
{
    for (size_t a = 0; a < plan->n_stage; a++)
        for (size_t b = a + 1; b < plan->n_stage; b++)
            if (strcmp(plan->stages[a].name, plan->stages[b].name) == 0)
                return tgl__fail(err, TGL_EFORMAT, "%s: two stages named '%s'",
                                 plan->project->sources[0].shown, plan->stages[a].name);
    return TGL_OK;
}

static tgl_status read_catalog(tgl_plan *plan, tgl_error *err)
{
    const tgl_json *raw = tgl__json_get(plan->project->root, "catalog");
    tgl_scope scope = {plan->params, NULL, NULL};
    tgl_json *done = NULL;
    char where[300];
    if (raw == NULL)
        return TGL_OK;
    tgl__project_where(where, plan->project, "catalog", (char *)NULL);
    TGL_TRY(tgl__interpolate(&done, raw, &scope, where, err));
    plan->catalog = done;
    return tgl__plan_hold(plan, done, err);
}

static tgl_status read_gates(tgl_plan *plan, tgl_error *err)
{
    const tgl_json *raw = tgl__json_get(plan->project->root, "gates");
    tgl_scope scope = {plan->params, NULL, NULL};
    tgl_json *done = NULL;
    char where[300];
    if (raw == NULL)
        return TGL_OK;
    tgl__project_where(where, plan->project, "gates", (char *)NULL);
    TGL_TRY(tgl__interpolate(&done, raw, &scope, where, err));
    plan->gates = done;
    return tgl__plan_hold(plan, done, err);
}

tgl_status tgl__plan_make(tgl_plan *plan, const tgl_project *project,
                          const char *const *set, size_t n_set, tgl_error *err)
{
    *plan = (tgl_plan){.project = project, .holder = tgl__json_array()};
    if (plan->holder == NULL)
        return tgl__fail_nomem(err);
    tgl_json *params = NULL, *spec;
    TGL_TRY(tgl__params_override(&params, tgl__json_get(project->root, "params"), set,
                                 n_set, err));
    plan->params = params;
    TGL_TRY(tgl__plan_hold(plan, params, err));
    plan->record = tgl__json_get(project->root, "record");
    TGL_TRY(read_catalog(plan, err));
    TGL_TRY(read_gates(plan, err));
    const tgl_json *stages = tgl__json_get(project->root, "stages");
    size_t room = count_stages(stages);
    if (room > 100000)
        return tgl__fail(err, TGL_ELIMIT, "more than 100000 stages");
    plan->stages = tgl__arena_alloc(&plan->arena, room + 1, sizeof *plan->stages);
    if (plan->stages == NULL)
        return tgl__fail_nomem(err);
    const char *name;
    tgl_scope scope = {params, NULL, NULL};
    for (size_t i = 0; tgl__json_entry(stages, i, &name, &spec); i++) {
        if (tgl__json_get(spec, "foreach") != NULL)
            TGL_TRY(add_loop(plan, name, spec, err));
        else
            TGL_TRY(add_stage(plan, name, NULL, spec, &scope, err));
    }
    TGL_TRY(check_names_apart(plan, err));
    TGL_TRY(connect(plan, err));
    return sort_stages(plan, err);
}

void tgl__plan_release(tgl_plan *plan)
{
    tgl__json_free(plan->holder);
    tgl__arena_release(&plan->arena);
    *plan = (tgl_plan){0};
}

/* ---- selection ---- */

static void mark_up(bool *marked, const tgl_plan *plan, size_t number)
{
    if (marked[number])
        return;
    marked[number] = true;
    for (size_t p = 0; p < plan->n_stage; p++)
        if (plan->stages[number].needs[p])
            mark_up(marked, plan, p);
}

void tgl__plan_ancestors(bool *marked, const tgl_plan *plan, size_t number)
{
    mark_up(marked, plan, number);
}

/* A stage by its name; a loop's name means all of its stages. */
static tgl_status mark_named(bool *marked, const tgl_plan *plan, const char *name,
                             tgl_error *err)
{
    size_t n = strlen(name), found = 0;
    for (size_t s = 0; s < plan->n_stage; s++) {
        const char *have = plan->stages[s].name;
        if (strcmp(have, name) == 0 || (strncmp(have, name, n) == 0 && have[n] == '@')) {
            marked[s] = true;
            found++;
        }
    }
    if (found > 0)
        return TGL_OK;
    const char **names = tgl__calloc(plan->n_stage + 1, sizeof *names);
    if (names == NULL)
        return tgl__fail_nomem(err);
    for (size_t s = 0; s < plan->n_stage; s++)
        names[s] = plan->stages[s].name;
    const char *near = tgl__near_name(name, names, plan->n_stage);
    tgl_status status = tgl__fail(err, TGL_EUSAGE, "no stage '%s'%s%s%s", name,
                                  near != NULL ? " (did you mean '" : "",
                                  near != NULL ? near : "", near != NULL ? "'?)" : "");
    tgl__free((void *)names);
    return status;
}

static void mark_all_up(bool *marked, const bool *from, const tgl_plan *plan)
{
    for (size_t s = 0; s < plan->n_stage; s++)
        if (from[s])
            mark_up(marked, plan, s);
}

static void mark_all_down(bool *marked, const tgl_plan *plan)
{
    for (size_t i = 0; i < plan->n_stage; i++) {
        size_t s = plan->order[i];
        for (size_t p = 0; p < plan->n_stage; p++)
            if (plan->stages[s].needs[p] && marked[p])
                marked[s] = true;
    }
}

tgl_status tgl__plan_select(tgl_plan *plan, const tgl_run_options *options,
                            tgl_error *err)
{
    size_t n = plan->n_stage;
    bool *named = tgl__arena_alloc(&plan->arena, 4 * n + 1, sizeof *named);
    if (named == NULL)
        return tgl__fail_nomem(err);
    bool *wanted = named + n, *from = named + 2 * n, *to = named + 3 * n;
    for (size_t i = 0; i < options->n_stage; i++)
        TGL_TRY(mark_named(named, plan, options->stages[i], err));
    if (options->from != NULL) {
        TGL_TRY(mark_named(from, plan, options->from, err));
        mark_all_down(from, plan);
    }
    if (options->to != NULL) {
        bool *end = tgl__arena_alloc(&plan->arena, n + 1, sizeof *end);
        if (end == NULL)
            return tgl__fail_nomem(err);
        TGL_TRY(mark_named(end, plan, options->to, err));
        mark_all_up(to, end, plan);
    }
    mark_all_up(wanted, named, plan);
    for (size_t s = 0; s < n; s++) {
        tgl_stage *stage = &plan->stages[s];
        stage->selected = (options->n_stage == 0 || wanted[s]) &&
                          (options->from == NULL || from[s]) &&
                          (options->to == NULL || to[s]);
        stage->forced =
            options->force && stage->selected && (options->n_stage == 0 || named[s]);
    }
    return TGL_OK;
}
