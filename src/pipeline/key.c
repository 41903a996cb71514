/* A stage's key: the digest of everything its outputs follow from. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "pipeline/pipeline.h"

/* ---- versions of outside programs ---- */

static const char *version_flag(const char *program)
{
    return strcmp(program, "yosys") == 0 ? "-V" : "--version";
}

static tgl_status ask_version(char **out, const char *program, tgl_error *err)
{
    const char *const argv[] = {program, version_flag(program), NULL};
    tgl_subprocess process = {.argv = argv, .timeout_s = 30, .label = program};
    tgl_subprocess_result result = {0};
    TGL_TRY(tgl__subprocess_run(&result, &process, err));
    char *line = result.output;
    if (line != NULL)
        line[strcspn(line, "\r\n")] = '\0';
    *out = line;
    return line != NULL ? TGL_OK : tgl__fail_nomem(err);
}

tgl_status tgl__tool_version(char **out, tgl_store *store, const char *program,
                             tgl_error *err)
{
    char *path = tgl__find_program(program);
    if (path == NULL) { /* the stage itself says what is missing */
        *out = tgl__strdup("missing");
        return *out != NULL ? TGL_OK : tgl__fail_nomem(err);
    }
    char digest[72], key[TGL_DIGEST_TEXT], text[200], *outputs = NULL, *record = NULL;
    tgl_sha256 sum;
    tgl_status status = tgl__tree_digest(digest, store, path, false, NULL, err);
    tgl__free(path);
    TGL_TRY(status);
    int n = snprintf(text, sizeof text, "tool-version %.60s %s", program, digest);
    TGL_TRY(tgl__sha256(&sum, text, (size_t)n, err));
    tgl__sha256_format(key, &sum);
    uint8_t *bytes;
    size_t size;
    if (tgl_store_recall(&outputs, &record, store, key, NULL) == TGL_OK) {
        tgl_json *map = NULL;
        bool good = tgl__json_parse(&map, outputs, strlen(outputs), "", NULL) == TGL_OK &&
                    tgl_store_get(&bytes, &size, store,
                                  tgl__json_string(tgl__json_get(map, "version"), ""),
                                  NULL) == TGL_OK;
        tgl__json_free(map);
        tgl_free(outputs);
        tgl_free(record);
        if (good) {
            *out = (char *)bytes;
            return TGL_OK;
        }
    }
    TGL_TRY(ask_version(out, program, err));
    if (tgl_store_put(digest, store, *out, strlen(*out), NULL) == TGL_OK) {
        snprintf(text, sizeof text, "{\"version\":\"%s\"}", digest);
        (void)!tgl_store_remember(store, key, text, NULL, NULL); /* only a cache */
    }
    return TGL_OK;
}

/* ---- lineage ---- */

static void node_id(char id[4400], const char *kind, const char *label)
{
    snprintf(id, 4400, "%s:%.4300s", kind, label);
}

/* A file's node: "data:path". Stages are "stage:name", so that neither hides the other.
 */
static void add_node(tgl_json *nodes, const char *kind, const char *label,
                     const char *digest)
{
    char id[4400];
    node_id(id, kind, label);
    for (size_t i = 0; i < tgl__json_size(nodes); i++)
        if (strcmp(tgl__json_string(tgl__json_get(tgl__json_at(nodes, i), "id"), ""),
                   id) == 0)
            return;
    tgl_json *node = tgl__json_object();
    tgl__json_put(node, "id", tgl__json_new_string(id));
    tgl__json_put(node, "kind", tgl__json_new_string(kind));
    tgl__json_put(node, "label", tgl__json_new_string(label));
    if (digest != NULL && *digest != '\0')
        tgl__json_put(node, "digest", tgl__json_new_string(digest));
    tgl__json_append(nodes, node);
}

/* Between a stage and a file: into the stage, or out of it. */
static void add_edge(tgl_json *edges, const char *stage, const char *file, bool into)
{
    char stage_id[4400], file_id[4400];
    node_id(stage_id, "stage", stage);
    node_id(file_id, "data", file);
    tgl_json *edge = tgl__json_array();
    tgl__json_append(edge, tgl__json_new_string(into ? file_id : stage_id));
    tgl__json_append(edge, tgl__json_new_string(into ? stage_id : file_id));
    tgl__json_append(edges, edge);
}

tgl_json *tgl__plan_lineage(const tgl_plan *plan, const tgl_stage *stage)
{
    tgl_json *root = tgl__json_object(), *nodes = tgl__json_array(),
             *edges = tgl__json_array();
    bool *marked = tgl__calloc(plan->n_stage + 1, sizeof *marked);
    if (marked != NULL)
        tgl__plan_ancestors(marked, plan, (size_t)(stage - plan->stages));
    for (size_t i = 0; marked != NULL && i < plan->n_stage;
         i++) { /* inputs first: they have digests */
        const tgl_stage *s = &plan->stages[plan->order[i]];
        for (size_t k = 0; marked[plan->order[i]] && k < s->n_in; k++)
            add_node(nodes, "data", s->ins[k].file.shown, s->ins[k].digest);
    }
    for (size_t i = 0; marked != NULL && i < plan->n_stage; i++) {
        const tgl_stage *s = &plan->stages[plan->order[i]];
        if (!marked[plan->order[i]])
            continue;
        add_node(nodes, "stage", s->name, NULL);
        for (size_t k = 0; k < s->n_in; k++)
            add_edge(edges, s->name, s->ins[k].file.shown, true);
        for (size_t k = 0; k < s->n_out && s != stage; k++) {
            add_node(nodes, "data", s->outs[k].file.shown, NULL);
            add_edge(edges, s->name, s->outs[k].file.shown, false);
        }
    }
    tgl__free(marked);
    bool good = tgl__json_put(root, "nodes", nodes);
    good = tgl__json_put(root, "edges", edges) && good;
    if (good)
        return root;
    tgl__json_free(root);
    return NULL;
}

/* ---- the key ---- */

static bool put_files(tgl_json *spec, const tgl_stage *stage)
{
    tgl_json *ins = tgl__json_array(), *outs = tgl__json_array();
    for (size_t i = 0; i < stage->n_in; i++) {
        const tgl_plan_in *in = &stage->ins[i];
        tgl_json *entry = tgl__json_object();
        tgl__json_put(entry, "path", tgl__json_new_string(in->file.shown));
        tgl__json_put(entry, "digest", tgl__json_new_string(in->digest));
        if (stage->kind != NULL) {
            tgl__json_put(entry, "role", tgl__json_new_string(in->file.role));
            tgl__json_put(entry, "name", tgl__json_new_string(in->file.name));
            const tgl_json *load = tgl__json_get(in->file.catalog, "load_args");
            if (load != NULL)
                tgl__json_put(entry, "load_args", tgl__json_copy(load));
        }
        tgl__json_append(ins, entry);
    }
    for (size_t i = 0; i < stage->n_out; i++) {
        tgl_json *entry = tgl__json_object();
        tgl__json_put(entry, "path", tgl__json_new_string(stage->outs[i].file.shown));
        tgl__json_put(entry, "role", tgl__json_new_string(stage->outs[i].file.role));
        tgl__json_append(outs, entry);
    }
    bool good = tgl__json_put(spec, "inputs", ins);
    return tgl__json_put(spec, "outputs", outs) && good;
}

static tgl_status put_builtin(tgl_json *spec, const tgl_plan *plan,
                              const tgl_stage *stage, tgl_store *store, tgl_error *err)
{
    const tgl_step_kind *kind = stage->kind;
    bool good = tgl__json_put(spec, "run", tgl__json_new_string(kind->name));
    good = tgl__json_put(spec, "version", tgl__json_new_int(kind->version)) && good;
    good = tgl__json_put(spec, "trigline", tgl__json_new_string(tgl_version())) && good;
    good = tgl__json_put(spec, "code", tgl__json_new_string(tgl_code_digest())) && good;
    if (stage->with != NULL)
        good = tgl__json_put(spec, "with", tgl__json_copy(stage->with)) && good;
    if (kind->wants_gates && plan->gates != NULL)
        good = tgl__json_put(spec, "gates", tgl__json_copy(plan->gates)) && good;
    if (kind->wants_lineage)
        good = tgl__json_put(spec, "lineage", tgl__plan_lineage(plan, stage)) && good;
    tgl_json *tools = tgl__json_object();
    for (size_t i = 0; i < TGL_STEP_TOOLS && kind->tools[i] != NULL; i++) {
        char *version = NULL;
        tgl_status status = tgl__tool_version(&version, store, kind->tools[i], err);
        if (status != TGL_OK) {
            tgl__json_free(tools);
            return status;
        }
        good =
            tgl__json_put(tools, kind->tools[i], tgl__json_new_string(version)) && good;
        tgl__free(version);
    }
    good = tgl__json_put(spec, "tools", tools) && good;
    return good ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status hash_inputs(tgl_stage *stage, const tgl_plan *plan, tgl_store *store,
                              const tgl_progress *progress, tgl_error *err)
{
    for (size_t i = 0; i < stage->n_in; i++) {
        tgl_plan_in *in = &stage->ins[i];
        in->file.digest = in->digest;
        if (!tgl__file_exists(in->file.path)) {
            if (in->producer == SIZE_MAX)
                return tgl__fail(err, TGL_ENOTFOUND,
                                 "input '%s' is missing and no stage makes it",
                                 in->file.shown);
            return tgl__fail(err, TGL_ENOTFOUND,
                             "input '%s' is missing; stage '%s' makes "
                             "it",
                             in->file.shown, plan->stages[in->producer].name);
        }
        TGL_TRY(tgl__tree_digest(in->digest, store, in->file.path, false, progress, err));
    }
    return TGL_OK;
}

/* The lineage names every file's digest, also of stages that this run was not asked for:
 * what a page shows must not depend on which stages happened to run together. */
static tgl_status hash_ancestors(tgl_plan *plan, const tgl_stage *stage, tgl_store *store,
                                 const tgl_progress *progress, tgl_error *err)
{
    bool *marked = tgl__calloc(plan->n_stage + 1, sizeof *marked);
    if (marked == NULL)
        return tgl__fail_nomem(err);
    tgl__plan_ancestors(marked, plan, (size_t)(stage - plan->stages));
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < plan->n_stage; i++) {
        tgl_stage *s = &plan->stages[i];
        if (marked[i] && s != stage && s->n_in > 0 && s->ins[0].digest[0] == '\0')
            status = hash_inputs(s, plan, store, progress, err);
    }
    tgl__free(marked);
    return status;
}

tgl_status tgl__stage_key(tgl_plan *plan, tgl_stage *stage, tgl_store *store, bool keep,
                          const tgl_progress *progress, tgl_error *err)
{
    TGL_TRY(hash_inputs(stage, plan, store, progress, err));
    if (stage->kind != NULL && stage->kind->wants_lineage)
        TGL_TRY(hash_ancestors(plan, stage, store, progress, err));
    tgl_json *spec = tgl__json_object();
    bool good =
        tgl__json_put(spec, "schema", tgl__json_new_string("trigline.step-spec/1"));
    tgl_status status = TGL_OK;
    if (stage->kind != NULL)
        status = put_builtin(spec, plan, stage, store, err);
    else
        good = tgl__json_put(spec, "cmd", tgl__json_copy(stage->cmd)) && good;
    good = tgl__json_put(spec, "params", tgl__json_copy(stage->params)) && good;
    good = put_files(spec, stage) && good;
    if (status == TGL_OK && !good)
        status = tgl__fail_nomem(err);
    char *text = NULL;
    size_t n = 0;
    tgl_sha256 sum;
    if (status == TGL_OK)
        status = tgl__json_dump(&text, &n, spec, err);
    if (status == TGL_OK)
        status = tgl__sha256(&sum, text, n, err);
    if (status == TGL_OK)
        tgl__sha256_format(stage->key, &sum);
    if (status == TGL_OK && keep)
        status = tgl_store_put(stage->key, store, text, n, err);
    tgl__free(text);
    tgl__json_free(spec);
    return status;
}
