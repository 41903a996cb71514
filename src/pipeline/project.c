/* Reading trigline.yaml and what it includes; the checks that need no plan. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "pipeline/pipeline.h"

enum { MAX_INCLUDE = 32, MAX_NAME = 100, TEXT_LIMIT = 16 * 1024 * 1024 };

static const char *const sections[] = {"include", "catalog", "params",  "stages",
                                       "record",  "gates",   "monitor", "engines"};
static const char *const stage_keys[] = {"cmd",     "run",  "with",    "deps",
                                         "params",  "outs", "metrics", "plots",
                                         "foreach", "do",   "desc",    "always_changed"};
static const char *const catalog_keys[] = {"type",      "filepath", "load_args",
                                           "save_args", "metadata", "versioned"};

const char *tgl__project_path(const tgl_project *project, tgl_arena *arena,
                              const char *path)
{
    if (path[0] == '/' || strcmp(project->directory, ".") == 0)
        return path;
    return tgl__arena_printf(arena, "%s/%s", project->directory, path);
}

const char *tgl__store_directory(const tgl_project *project, tgl_arena *arena)
{
    return tgl__project_path(project, arena, ".trigline");
}

const char *tgl__project_where(char out[300], const tgl_project *project, ...)
{
    const char *path[16];
    size_t n = 0;
    va_list args;
    va_start(args, project);
    for (const char *p; n < 16 && (p = va_arg(args, const char *)) != NULL;)
        path[n++] = p;
    va_end(args);
    snprintf(out, 300, "%.250s",
             project->n_source > 0 ? project->sources[0].shown : "trigline.yaml");
    for (size_t depth = n; depth > 0; depth--) /* as near as it can be found */
        for (size_t i = 0; i < project->n_source; i++) {
            const tgl_source_text *s = &project->sources[i];
            size_t line = tgl__yaml_map_line(s->map, path, depth);
            if (line == 0)
                continue;
            snprintf(out, 300, "%.250s:%zu", s->shown, line);
            return out;
        }
    return out;
}

static tgl_status only_keys(const tgl_project *project, const tgl_json *object,
                            const char *const *allowed, size_t n, const char *a,
                            const char *b, tgl_error *err)
{
    const char *key;
    tgl_json *value;
    char where[300], shown[400];
    for (size_t i = 0; tgl__json_entry(object, i, &key, &value); i++) {
        tgl_json *one = tgl__json_object();
        tgl__json_put(one, key, tgl__json_new_null());
        if (a == NULL)
            tgl__project_where(where, project, key, (char *)NULL);
        else if (b == NULL)
            tgl__project_where(where, project, a, key, (char *)NULL);
        else
            tgl__project_where(where, project, a, b, key, (char *)NULL);
        snprintf(shown, sizeof shown, "%.250s%s%.100s", where, b != NULL ? ": " : "",
                 b != NULL ? b : "");
        tgl_status status = tgl__json_only_keys(one, allowed, n, shown, err);
        tgl__json_free(one);
        TGL_TRY(status);
    }
    return TGL_OK;
}

static tgl_status need_mapping(const tgl_project *project, const char *section,
                               const char *name, const tgl_json *value, tgl_error *err)
{
    char where[300];
    if (value == NULL || tgl__json_kind(value) == TGL_JSON_OBJECT)
        return TGL_OK;
    tgl__project_where(where, project, section, name, (char *)NULL);
    return tgl__fail(err, TGL_EFORMAT, "%s: '%s': expected a mapping, found %s", where,
                     name != NULL ? name : section,
                     tgl__json_kind_name(tgl__json_kind(value)));
}

static tgl_status check_members(const tgl_project *project, const char *section,
                                const char *const *allowed, size_t n, tgl_error *err)
{
    const tgl_json *all = tgl__json_get(project->root, section);
    const char *name;
    tgl_json *value;
    TGL_TRY(need_mapping(project, section, NULL, all, err));
    for (size_t i = 0; tgl__json_entry(all, i, &name, &value); i++) {
        TGL_TRY(need_mapping(project, section, name, value, err));
        TGL_TRY(only_keys(project, value, allowed, n, section, name, err));
    }
    return TGL_OK;
}

static tgl_status check_stage_shape(const tgl_project *project, const char *name,
                                    const tgl_json *stage, tgl_error *err)
{
    char where[300];
    tgl__project_where(where, project, "stages", name, (char *)NULL);
    bool loop = tgl__json_get(stage, "foreach") != NULL;
    const tgl_json *body = loop ? tgl__json_get(stage, "do") : stage;
    /* it also names files below .trigline: "..", of all names, must not */
    if (strpbrk(name, "@/ \t") != NULL || *name == '\0' || *name == '.' ||
        strlen(name) > MAX_NAME)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: stage name '%.100s': expected 1 to %d characters, no '@', "
                         "'/' or blanks, no dot in front",
                         where, name, MAX_NAME);
    if (loop != (tgl__json_get(stage, "do") != NULL))
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: stage '%s': 'foreach' and 'do' come together", where, name);
    if (tgl__json_kind(body) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: stage '%s': expected a mapping", where,
                         name);
    if (loop)
        TGL_TRY(only_keys(project, body, stage_keys,
                          sizeof stage_keys / sizeof stage_keys[0], "stages", name, err));
    if ((tgl__json_get(body, "cmd") != NULL) == (tgl__json_get(body, "run") != NULL))
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: stage '%s': expected one of 'cmd' and 'run'", where, name);
    return TGL_OK;
}

static tgl_status check_project(const tgl_project *project, tgl_error *err)
{
    static const char *const record_keys[] = {"params", "metrics"};
    TGL_TRY(only_keys(project, project->root, sections,
                      sizeof sections / sizeof sections[0], NULL, NULL, err));
    TGL_TRY(check_members(project, "catalog", catalog_keys,
                          sizeof catalog_keys / sizeof catalog_keys[0], err));
    TGL_TRY(check_members(project, "stages", stage_keys,
                          sizeof stage_keys / sizeof stage_keys[0], err));
    const tgl_json *params = tgl__json_get(project->root, "params");
    TGL_TRY(need_mapping(project, "params", NULL, params, err));
    const tgl_json *record = tgl__json_get(project->root, "record");
    TGL_TRY(need_mapping(project, "record", NULL, record, err));
    TGL_TRY(only_keys(project, record, record_keys, 2, "record", NULL, err));
    const tgl_json *stages = tgl__json_get(project->root, "stages");
    const char *name;
    tgl_json *value;
    for (size_t i = 0; tgl__json_entry(stages, i, &name, &value); i++)
        TGL_TRY(check_stage_shape(project, name, value, err));
    return TGL_OK;
}

/* Mappings of two files join member by member; the same member in both is an error. */
static tgl_status merge(tgl_json *into, const tgl_json *from, const char *shown,
                        tgl_error *err)
{
    const char *section, *name;
    tgl_json *value, *member;
    for (size_t i = 0; tgl__json_entry(from, i, &section, &value); i++) {
        if (strcmp(section, "include") == 0)
            continue;
        tgl_json *have = tgl__json_get(into, section);
        if (have == NULL) {
            if (!tgl__json_put(into, section, tgl__json_copy(value)))
                return tgl__fail_nomem(err);
            continue;
        }
        if (tgl__json_kind(have) != TGL_JSON_OBJECT ||
            tgl__json_kind(value) != TGL_JSON_OBJECT)
            return tgl__fail(err, TGL_EFORMAT, "%s: '%s': expected a mapping", shown,
                             section);
        for (size_t m = 0; tgl__json_entry(value, m, &name, &member); m++) {
            if (tgl__json_get(have, name) != NULL)
                return tgl__fail(err, TGL_EFORMAT,
                                 "%s: '%s' of '%s' is already in another file", shown,
                                 name, section);
            if (!tgl__json_put(have, name, tgl__json_copy(member)))
                return tgl__fail_nomem(err);
        }
    }
    return TGL_OK;
}

static tgl_status parse_source(tgl_json **out, tgl_source_text *s, tgl_error *err)
{
    tgl_json *root = NULL;
    TGL_TRY(tgl__yaml_parse(&root, s->text, s->size, s->shown, err));
    if (tgl__json_kind(root) != TGL_JSON_OBJECT) {
        tgl__json_free(root);
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a mapping with 'stages'",
                         s->shown);
    }
    s->map = tgl__yaml_map_new(s->text, s->size);
    *out = root;
    return TGL_OK;
}

static tgl_status read_source(tgl_json **out, tgl_project *project, const char *shown,
                              tgl_error *err)
{
    if (project->n_source >= MAX_INCLUDE)
        return tgl__fail(err, TGL_ELIMIT, "%s: more than %d included files", shown,
                         MAX_INCLUDE);
    tgl_source_text *s = &project->sources[project->n_source];
    s->shown = tgl__strdup(shown);
    s->path = strcmp(project->directory, ".") == 0
                  ? tgl__strdup(shown)
                  : tgl__path_join(project->directory, shown);
    project->n_source++;
    if (s->shown == NULL || s->path == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY(tgl__file_read(&s->text, &s->size, s->path, TEXT_LIMIT, err));
    return parse_source(out, s, err);
}

static tgl_status include(tgl_project *project, const tgl_json *list, tgl_error *err)
{
    bool one = tgl__json_kind(list) == TGL_JSON_STRING;
    char where[300];
    tgl__project_where(where, project, "include", (char *)NULL);
    if (list != NULL && !one && tgl__json_kind(list) != TGL_JSON_ARRAY)
        return tgl__fail(err, TGL_EFORMAT, "%s: 'include': expected a list of files",
                         where);
    size_t n = one ? 1 : tgl__json_size(list);
    for (size_t i = 0; i < n; i++) {
        const char *name = tgl__json_string(one ? list : tgl__json_at(list, i), NULL);
        tgl_json *root = NULL;
        if (name == NULL)
            return tgl__fail(err, TGL_EFORMAT, "%s: 'include': expected file names",
                             where);
        TGL_TRY(read_source(&root, project, name, err));
        tgl_status status = TGL_OK;
        if (tgl__json_get(root, "include") != NULL)
            status = tgl__fail(err, TGL_EUNSUPPORTED,
                               "%s: an included file includes nothing itself", name);
        if (status == TGL_OK)
            status = merge(project->root, root, name, err);
        tgl__json_free(root);
        TGL_TRY(status);
    }
    return TGL_OK;
}

/* The checks, up to a plan, so that one that cannot be made is said at once. */
static tgl_status settle(tgl_project *project, tgl_error *err)
{
    TGL_TRY(check_project(project, err));
    tgl_plan plan;
    tgl_status status = tgl__plan_make(&plan, project, NULL, 0, err);
    tgl__plan_release(&plan);
    return status;
}

static tgl_status read_project(tgl_project *project, tgl_error *err)
{
    TGL_TRY(read_source(&project->root, project, "trigline.yaml", err));
    TGL_TRY(include(project, tgl__json_get(project->root, "include"), err));
    return settle(project, err);
}

static tgl_status parse_project(tgl_project *project, const char *text, size_t n,
                                tgl_error *err)
{
    tgl_source_text *s = &project->sources[project->n_source++];
    s->shown = tgl__strdup("trigline.yaml");
    s->text = tgl__strndup(text, n);
    s->size = n;
    if (s->shown == NULL || s->text == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY(parse_source(&project->root, s, err));
    if (tgl__json_get(project->root, "include") != NULL)
        return tgl__fail(err, TGL_EUNSUPPORTED, "%s: a text alone includes nothing",
                         s->shown);
    return settle(project, err);
}

static tgl_project *new_project(const char *directory)
{
    tgl_project *project = tgl__calloc(1, sizeof *project);
    if (project == NULL)
        return NULL;
    project->directory = tgl__strdup(directory);
    project->sources = tgl__calloc(MAX_INCLUDE, sizeof *project->sources);
    if (project->directory != NULL && project->sources != NULL)
        return project;
    tgl_project_close(project);
    return NULL;
}

tgl_status tgl_project_open(tgl_project **out, const char *directory, tgl_error *err)
{
    tgl_project *project = new_project(directory);
    tgl_status status =
        project == NULL ? tgl__fail_nomem(err) : read_project(project, err);
    if (status == TGL_OK)
        *out = project;
    else
        tgl_project_close(project);
    return status;
}

tgl_status tgl__project_parse(tgl_project **out, const char *text, size_t n,
                              tgl_error *err)
{
    tgl_project *project = new_project(".");
    tgl_status status =
        project == NULL ? tgl__fail_nomem(err) : parse_project(project, text, n, err);
    if (status == TGL_OK)
        *out = project;
    else
        tgl_project_close(project);
    return status;
}

void tgl_project_close(tgl_project *project)
{
    if (project == NULL)
        return;
    for (size_t i = 0; i < project->n_source; i++) {
        tgl__free(project->sources[i].path);
        tgl__free(project->sources[i].shown);
        tgl__free(project->sources[i].text);
        tgl__yaml_map_free(project->sources[i].map);
    }
    tgl__free(project->sources);
    tgl__json_free(project->root);
    tgl__free(project->directory);
    tgl__free(project);
}
