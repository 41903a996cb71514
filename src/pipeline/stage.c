/* One stage of the project file, from its mapping to names and paths. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "pipeline/pipeline.h"

/* "./a//b/" becomes "a/b". */
static char *clean_path(tgl_arena *arena, const char *path)
{
    char *copy = tgl__arena_strdup(arena, path);
    if (copy == NULL)
        return NULL;
    char *to = copy;
    if (*path == '/')
        *to++ = '/';
    for (const char *p = path; *p != '\0';) {
        size_t n = strcspn(p, "/");
        if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (to != copy && to[-1] != '/')
                *to++ = '/';
            memmove(to, p, n);
            to += n;
        }
        p += n + (p[n] == '/');
    }
    *to = '\0';
    return copy;
}

/* "data/zero_bias.root" gives "zero_bias". */
static const char *stem(tgl_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    return tgl__arena_strndup(
        arena, base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
}

/* The file a word means: a catalog entry's, or the path itself. */
static tgl_status make_file(tgl_step_file *out, tgl_plan *plan, const char *role,
                            const char *name, const char *word, const char *where,
                            tgl_error *err)
{
    const tgl_json *entry = tgl__json_get(plan->catalog, word);
    const char *path = word;
    if (entry != NULL) {
        path = tgl__json_string(tgl__json_get(entry, "filepath"), NULL);
        if (path == NULL)
            return tgl__fail(err, TGL_EFORMAT, "%s: catalog entry '%s' has no 'filepath'",
                             where, word);
    }
    char *clean = clean_path(&plan->arena, path);
    const char *base = name != NULL    ? tgl__arena_strdup(&plan->arena, name)
                       : entry != NULL ? tgl__arena_strdup(&plan->arena, word)
                       : clean != NULL ? stem(&plan->arena, clean)
                                       : NULL;
    if (clean == NULL || base == NULL)
        return tgl__fail_nomem(err);
    if (*clean == '\0')
        return tgl__fail(err, TGL_EFORMAT, "%s: an empty path", where);
    const char *open_path = tgl__project_path(plan->project, &plan->arena, clean);
    *out = (tgl_step_file){role, base, open_path, clean, NULL, entry};
    return open_path != NULL ? TGL_OK : tgl__fail_nomem(err);
}

/* ---- a growing list of files with their roles ---- */

typedef struct file_list {
    tgl_plan_out *items; /* ins use only .file */
    size_t n, capacity;
} file_list;

static tgl_status add_file(file_list *list, tgl_plan *plan, const char *role,
                           const char *name, const tgl_json *word, const char *where,
                           tgl_error *err)
{
    const char *text = tgl__json_string(word, NULL), *key = NULL;
    bool keep = true;
    tgl_json *options = NULL;
    if (tgl__json_kind(word) == TGL_JSON_OBJECT && tgl__json_size(word) == 1 &&
        tgl__json_entry(word, 0, &key, &options)) { /* DVC's "path: {cache: false}" */
        static const char *const allowed[] = {"cache"};
        TGL_TRY(tgl__json_only_keys(options, allowed, 1, where, err));
        keep = tgl__json_bool(tgl__json_get(options, "cache"), true);
        text = key;
    }
    if (text == NULL)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a file name, found %s", where,
                         tgl__json_kind_name(tgl__json_kind(word)));
    if (list->n == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        tgl_plan_out *grown = tgl__arena_alloc(&plan->arena, capacity, sizeof *grown);
        if (grown == NULL)
            return tgl__fail_nomem(err);
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof *grown);
        list->items = grown;
        list->capacity = capacity;
    }
    tgl_plan_out *item = &list->items[list->n];
    TGL_TRY(make_file(&item->file, plan, role, name, text, where, err));
    item->keep = keep;
    list->n++;
    return TGL_OK;
}

static tgl_status add_role(file_list *list, tgl_plan *plan, const char *role,
                           const tgl_json *value, const char *where, tgl_error *err)
{
    const char *name;
    tgl_json *item;
    if (tgl__json_kind(value) == TGL_JSON_ARRAY) {
        for (size_t i = 0; i < tgl__json_size(value); i++)
            TGL_TRY(add_file(list, plan, role, NULL, tgl__json_at(value, i), where, err));
        return TGL_OK;
    }
    if (tgl__json_kind(value) != TGL_JSON_OBJECT)
        return add_file(list, plan, role, NULL, value, where, err);
    for (size_t i = 0; tgl__json_entry(value, i, &name, &item); i++)
        TGL_TRY(add_file(list, plan, role, name, item, where, err));
    return TGL_OK;
}

static const tgl_step_role *find_role(const tgl_step_role *roles, const char *name)
{
    for (size_t i = 0; i < TGL_STEP_ROLES && roles[i].name != NULL; i++)
        if (strcmp(roles[i].name, name) == 0)
            return &roles[i];
    return NULL;
}

static tgl_status unknown_role(const tgl_step_role *roles, const char *name,
                               const char *where, const char *section, tgl_error *err)
{
    const char *names[TGL_STEP_ROLES];
    size_t n = 0;
    while (n < TGL_STEP_ROLES && roles[n].name != NULL) {
        names[n] = roles[n].name;
        n++;
    }
    const char *near = tgl__near_name(name, names, n);
    return tgl__fail(err, TGL_EFORMAT, "%s: %s: unknown name '%s'%s%s%s", where, section,
                     name, near != NULL ? " (did you mean '" : "",
                     near != NULL ? near : "", near != NULL ? "'?)" : "");
}

/* deps, outs, metrics or plots: a text, a list, or a mapping from role. `roles` is NULL
 * for a command. */
static tgl_status read_files(file_list *list, tgl_plan *plan, const tgl_json *value,
                             const tgl_step_role *roles, const char *where,
                             const char *section, tgl_error *err)
{
    char place[420];
    snprintf(place, sizeof place, "%s: %s", where, section);
    const char *role;
    tgl_json *item;
    if (value == NULL)
        return TGL_OK;
    if (tgl__json_kind(value) != TGL_JSON_OBJECT) {
        bool one = tgl__json_kind(value) != TGL_JSON_ARRAY;
        size_t n = one ? 1 : tgl__json_size(value);
        for (size_t i = 0; i < n; i++) {
            const char *given = "";
            if (roles != NULL) { /* in the order of the roles, the last may repeat */
                size_t r = 0;
                while (r < i && !roles[r].many && r + 1 < TGL_STEP_ROLES &&
                       roles[r + 1].name != NULL)
                    r++;
                given = roles[r].name;
            }
            const tgl_json *word = one ? value : tgl__json_at(value, i);
            TGL_TRY(add_file(list, plan, given, NULL, word, place, err));
        }
        return TGL_OK;
    }
    for (size_t i = 0; tgl__json_entry(value, i, &role, &item); i++) {
        const tgl_step_role *known = roles != NULL ? find_role(roles, role) : NULL;
        if (roles != NULL && known == NULL)
            return unknown_role(roles, role, where, section, err);
        if (known != NULL && !known->many && tgl__json_kind(item) == TGL_JSON_ARRAY &&
            tgl__json_size(item) != 1)
            return tgl__fail(err, TGL_EFORMAT, "%s: '%s': expected one file", place,
                             role);
        TGL_TRY(add_role(list, plan, known != NULL ? known->name : "", item, place, err));
    }
    return TGL_OK;
}

/* Every role a built-in needs is given, once unless it takes many. */
static tgl_status check_roles(const file_list *list, const tgl_step_role *roles,
                              const char *where, const char *section, tgl_error *err)
{
    for (size_t r = 0; r < TGL_STEP_ROLES && roles[r].name != NULL; r++) {
        size_t n = 0;
        for (size_t i = 0; i < list->n; i++)
            n += strcmp(list->items[i].file.role, roles[r].name) == 0;
        if (n == 0 && !roles[r].optional)
            return tgl__fail(err, TGL_EFORMAT, "%s: %s: expected '%s', found nothing",
                             where, section, roles[r].name);
        if (n > 1 && !roles[r].many)
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: %s: '%s': expected one file, found "
                             "%zu",
                             where, section, roles[r].name, n);
    }
    return TGL_OK;
}

static tgl_status take_outs(tgl_stage *stage, tgl_plan *plan, const tgl_json *spec,
                            const char *where, tgl_error *err)
{
    static const char *const words[] = {"outs", "metrics", "plots"};
    const tgl_step_role *roles = stage->kind != NULL ? stage->kind->outputs : NULL;
    file_list list = {0};
    for (int kind = 0; kind < 3; kind++) {
        size_t before = list.n;
        TGL_TRY(read_files(&list, plan, tgl__json_get(spec, words[kind]), roles, where,
                           words[kind], err));
        for (size_t i = before; i < list.n; i++) {
            list.items[i].is_metric = kind == 1;
            list.items[i].is_plot = kind == 2;
        }
    }
    if (roles != NULL)
        TGL_TRY(check_roles(&list, roles, where, "outs", err));
    for (size_t i = 0; i < list.n; i++) {
        const char *path = list.items[i].file.shown;
        if (!tgl__name_is_safe(path) || strncmp(path, ".trigline", 9) == 0)
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: output '%s': expected a path inside the project", where,
                             path);
    }
    stage->outs = list.items;
    stage->n_out = list.n;
    return TGL_OK;
}

static tgl_status take_deps(tgl_stage *stage, tgl_plan *plan, const tgl_json *spec,
                            const char *where, tgl_error *err)
{
    const tgl_step_role *roles = stage->kind != NULL ? stage->kind->inputs : NULL;
    file_list list = {0};
    TGL_TRY(
        read_files(&list, plan, tgl__json_get(spec, "deps"), roles, where, "deps", err));
    if (roles != NULL)
        TGL_TRY(check_roles(&list, roles, where, "deps", err));
    stage->ins = tgl__arena_alloc(&plan->arena, list.n + 1, sizeof *stage->ins);
    if (stage->ins == NULL)
        return tgl__fail_nomem(err);
    stage->n_in = list.n;
    for (size_t i = 0; i < list.n; i++) {
        stage->ins[i].file = list.items[i].file;
        stage->ins[i].producer = SIZE_MAX;
    }
    return TGL_OK;
}

static tgl_status take_params(tgl_stage *stage, tgl_plan *plan, const tgl_json *list,
                              const char *where, tgl_error *err)
{
    tgl_json *chosen = tgl__json_object();
    char place[420];
    snprintf(place, sizeof place, "%s: params", where);
    TGL_TRY(tgl__plan_hold(plan, chosen, err));
    bool one = tgl__json_kind(list) == TGL_JSON_STRING;
    if (list != NULL && !one && tgl__json_kind(list) != TGL_JSON_ARRAY)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a list of names", place);
    size_t n = one ? 1 : tgl__json_size(list);
    for (size_t i = 0; i < n; i++) {
        const char *name = tgl__json_string(one ? list : tgl__json_at(list, i), NULL);
        const tgl_json *value;
        if (name == NULL)
            return tgl__fail(err, TGL_EFORMAT, "%s: expected names", place);
        TGL_TRY(tgl__params_find(&value, plan->params, name, place, err));
        if (!tgl__json_put(chosen, name, tgl__json_copy(value)))
            return tgl__fail_nomem(err);
    }
    stage->params = chosen;
    return TGL_OK;
}

static tgl_status take_builtin(tgl_stage *stage, const tgl_json *spec, const char *where,
                               tgl_error *err)
{
    const char *names[64], *name;
    size_t n = 0;
    TGL_TRY(tgl__json_need_string(&name, spec, "run", where, err));
    for (size_t i = 0; i < tgl__n_step_kind && n < 64; i++) {
        names[n++] = tgl__step_kinds[i]->name;
        if (strcmp(tgl__step_kinds[i]->name, name) == 0)
            stage->kind = tgl__step_kinds[i];
    }
    if (stage->kind == NULL) {
        const char *near = tgl__near_name(name, names, n);
        return tgl__fail(err, TGL_EFORMAT, "%s: no built-in stage '%s'%s%s%s", where,
                         name, near != NULL ? " (did you mean '" : "",
                         near != NULL ? near : "", near != NULL ? "'?)" : "");
    }
    const tgl_json *with = tgl__json_get(spec, "with");
    if (with == NULL)
        return TGL_OK;
    if (tgl__json_kind(with) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: 'with': expected a mapping", where);
    size_t n_with = 0;
    while (n_with < TGL_STEP_WITH && stage->kind->with[n_with] != NULL)
        n_with++;
    char place[420];
    snprintf(place, sizeof place, "%s: with", where);
    TGL_TRY(tgl__json_only_keys(with, stage->kind->with, n_with, place, err));
    stage->with = with;
    return TGL_OK;
}

static tgl_status take_command(tgl_stage *stage, tgl_plan *plan, const tgl_json *spec,
                               const char *where, tgl_error *err)
{
    const tgl_json *cmd = tgl__json_get(spec, "cmd");
    if (tgl__json_get(spec, "with") != NULL)
        return tgl__fail(err, TGL_EFORMAT, "%s: 'with' goes with 'run', not with 'cmd'",
                         where);
    tgl_json *list = tgl__json_array();
    TGL_TRY(tgl__plan_hold(plan, list, err));
    bool one = tgl__json_kind(cmd) == TGL_JSON_STRING;
    size_t n = one ? 1 : tgl__json_size(cmd);
    for (size_t i = 0; i < n; i++) {
        const char *line = tgl__json_string(one ? cmd : tgl__json_at(cmd, i), NULL);
        if (line == NULL)
            return tgl__fail(err, TGL_EFORMAT, "%s: 'cmd': expected command lines",
                             where);
        if (!tgl__json_append(list, tgl__json_new_string(line)))
            return tgl__fail_nomem(err);
    }
    if (n == 0)
        return tgl__fail(err, TGL_EFORMAT, "%s: 'cmd': expected command lines", where);
    stage->cmd = list;
    return TGL_OK;
}

tgl_status tgl__stage_read(tgl_stage *stage, tgl_plan *plan, const tgl_json *spec,
                           const char *where, tgl_error *err)
{
    if (tgl__json_get(spec, "run") != NULL)
        TGL_TRY(take_builtin(stage, spec, where, err));
    else
        TGL_TRY(take_command(stage, plan, spec, where, err));
    stage->description = tgl__json_string(tgl__json_get(spec, "desc"), NULL);
    stage->always = tgl__json_bool(tgl__json_get(spec, "always_changed"), false);
    TGL_TRY(take_deps(stage, plan, spec, where, err));
    TGL_TRY(take_outs(stage, plan, spec, where, err));
    return take_params(stage, plan, tgl__json_get(spec, "params"), where, err);
}
