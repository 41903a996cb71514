/* One stage: nothing to do, outputs from the store, or a run with its record. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/names.h"
#include "base/subprocess.h"
#include "pipeline/pipeline.h"

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- running ---- */

static tgl_status make_parents(const tgl_stage *stage, tgl_error *err)
{
    for (size_t i = 0; i < stage->n_out; i++) {
        char *copy = tgl__strdup(stage->outs[i].file.path);
        char *slash = copy == NULL ? NULL : strrchr(copy, '/');
        tgl_status status = copy == NULL ? tgl__fail_nomem(err) : TGL_OK;
        if (slash != NULL && slash != copy) {
            *slash = '\0';
            status = tgl__make_dirs(copy, err);
        }
        tgl__free(copy);
        TGL_TRY(status);
    }
    return TGL_OK;
}

/* The last line that is not blank, for the one-line message. */
static void last_line(char out[200], const char *text)
{
    size_t end = text == NULL ? 0 : strlen(text);
    while (end > 0 && strchr(" \t\r\n", text[end - 1]) != NULL)
        end--;
    size_t begin = end;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    snprintf(out, 200, "%.*s", (int)(end - begin), text == NULL ? "" : text + begin);
}

static tgl_status keep_log(char log[4200], const tgl_plan *plan, const tgl_stage *stage,
                           const char *text)
{
    tgl_arena arena = TGL_ARENA_INIT;
    const char *directory = tgl__store_directory(plan->project, &arena);
    snprintf(log, 4200, "%s/logs", directory != NULL ? directory : ".trigline");
    tgl__arena_release(&arena);
    TGL_TRY(tgl__make_dirs(log, NULL));
    size_t n = strlen(log);
    snprintf(log + n, 4200 - n, "/%.250s.log", stage->name);
    return tgl__file_write(log, text, strlen(text), NULL);
}

static tgl_status run_line(const tgl_plan *plan, const tgl_stage *stage, const char *line,
                           const tgl_progress *progress, int *exit_status, tgl_error *err)
{
    const char *const argv[] = {"/bin/sh", "-c", line, NULL};
    const char *directory = plan->project->directory;
    tgl_subprocess process = {.argv = argv,
                              .directory = strcmp(directory, ".") == 0 ? NULL : directory,
                              .progress = progress,
                              .label = stage->name};
    tgl_subprocess_result result = {0};
    tgl_status status = tgl__subprocess_run(&result, &process, err);
    if (status == TGL_OK && result.exit_code != 0) {
        char tail[200], log[4200];
        *exit_status = result.exit_code;
        last_line(tail, result.output);
        bool kept = keep_log(log, plan, stage, result.output) == TGL_OK;
        status =
            tgl__fail(err, TGL_EIO, "the command ended with exit code %d%s%s%s%.100s%s",
                      result.exit_code, *tail != '\0' ? ": " : "", tail,
                      kept ? " (see " : "", kept ? log : "", kept ? ")" : "");
    }
    tgl__free(result.output);
    return status;
}

/* ".trigline/scratch/<stage>", empty. */
static tgl_status make_scratch(char out[4200], const tgl_plan *plan,
                               const tgl_stage *stage, tgl_error *err)
{
    tgl_arena arena = TGL_ARENA_INIT;
    const char *directory = tgl__store_directory(plan->project, &arena);
    snprintf(out, 4200, "%s/scratch/%.250s", directory != NULL ? directory : ".trigline",
             stage->name);
    tgl__arena_release(&arena);
    TGL_TRY(tgl__remove_tree(out, err));
    return tgl__make_dirs(out, err);
}

static tgl_status run_builtin(tgl_plan *plan, tgl_stage *stage, tgl_store *store,
                              tgl_record *record, const tgl_progress *progress,
                              tgl_error *err)
{
    tgl_step_file *ins = tgl__calloc(stage->n_in + 1, sizeof *ins);
    tgl_step_file *outs = tgl__calloc(stage->n_out + 1, sizeof *outs);
    tgl_json *lineage = NULL;
    char scratch[4200] = "";
    tgl_status status = ins == NULL || outs == NULL
                            ? tgl__fail_nomem(err)
                            : make_scratch(scratch, plan, stage, err);
    if (status == TGL_OK && stage->kind->wants_lineage) {
        lineage = tgl__plan_lineage(plan, stage);
        status = lineage == NULL ? tgl__fail_nomem(err) : TGL_OK;
    }
    if (status == TGL_OK) {
        for (size_t i = 0; i < stage->n_in; i++)
            ins[i] = stage->ins[i].file;
        for (size_t i = 0; i < stage->n_out; i++)
            outs[i] = stage->outs[i].file;
        tgl_step step = {.stage = stage->name,
                         .with = stage->with,
                         .params = stage->params,
                         .gates = plan->gates,
                         .lineage = lineage,
                         .scratch = scratch,
                         .store = store,
                         .record = record,
                         .progress = progress,
                         .inputs = ins,
                         .outputs = outs,
                         .n_input = stage->n_in,
                         .n_output = stage->n_out};
        status = stage->kind->run(&step, err);
    }
    if (scratch[0] != '\0')
        (void)!tgl__remove_tree(scratch, NULL);
    tgl__json_free(lineage);
    tgl__free(ins);
    tgl__free(outs);
    return status;
}

static tgl_status check_outs_there(const tgl_stage *stage, tgl_error *err)
{
    for (size_t i = 0; i < stage->n_out; i++)
        if (!tgl__file_exists(stage->outs[i].file.path))
            return tgl__fail(err, TGL_ENOTFOUND, "declared output '%s' was not written",
                             stage->outs[i].file.shown);
    return TGL_OK;
}

static tgl_status do_work(tgl_plan *plan, tgl_stage *stage, tgl_store *store,
                          tgl_record *record, const tgl_progress *progress,
                          int *exit_status, tgl_error *err)
{
    TGL_TRY(make_parents(stage, err));
    if (stage->kind != NULL)
        TGL_TRY(run_builtin(plan, stage, store, record, progress, err));
    for (size_t i = 0; i < tgl__json_size(stage->cmd); i++) {
        const char *line = tgl__json_string(tgl__json_at(stage->cmd, i), "");
        TGL_TRY(run_line(plan, stage, line, progress, exit_status, err));
    }
    return check_outs_there(stage, err);
}

/* ---- records ---- */

static bool wanted(const tgl_json *globs, const char *name, bool without)
{
    if (globs == NULL)
        return without;
    for (size_t i = 0; i < tgl__json_size(globs); i++)
        if (tgl__glob_match(tgl__json_string(tgl__json_at(globs, i), ""), name))
            return true;
    return false;
}

typedef tgl_status (*add_value)(tgl_record *, const char *, const char *, tgl_error *);

/* Numbers, strings and flags below `value` under dotted names. */
static tgl_status add_flat(tgl_record *record, const char *name, const tgl_json *value,
                           const tgl_json *globs, bool without, add_value add, int depth,
                           tgl_error *err)
{
    const char *key;
    tgl_json *member;
    if (tgl__json_kind(value) == TGL_JSON_OBJECT && depth < 16) {
        for (size_t i = 0; tgl__json_entry(value, i, &key, &member); i++) {
            char inner[512];
            snprintf(inner, sizeof inner, "%s%s%s", name, *name != '\0' ? "." : "", key);
            TGL_TRY(add_flat(record, inner, member, globs, without, add, depth + 1, err));
        }
        return TGL_OK;
    }
    if (tgl__json_kind(value) >= TGL_JSON_ARRAY || !wanted(globs, name, without))
        return TGL_OK;
    char *text = NULL;
    TGL_TRY(tgl__json_dump(&text, NULL, value, err));
    tgl_status status = add(record, name, text, err);
    tgl__free(text);
    return status;
}

static tgl_status record_params(tgl_record *record, const tgl_plan *plan,
                                const tgl_stage *stage, tgl_error *err)
{
    const char *name;
    tgl_json *value;
    for (size_t i = 0; tgl__json_entry(stage->params, i, &name, &value); i++) {
        char *text = NULL;
        TGL_TRY(tgl__json_dump(&text, NULL, value, err));
        tgl_status status = tgl_record_add_param(record, name, text, err);
        tgl__free(text);
        TGL_TRY(status);
    }
    return add_flat(record, "", plan->params, tgl__json_get(plan->record, "params"),
                    false, tgl_record_add_param, 0, err);
}

static tgl_status record_metrics(tgl_record *record, const tgl_plan *plan,
                                 const tgl_stage *stage, tgl_error *err)
{
    for (size_t i = 0; i < stage->n_out; i++) {
        tgl_json *root = NULL;
        if (!stage->outs[i].is_metric)
            continue;
        if (tgl__json_read(&root, stage->outs[i].file.path, NULL) != TGL_OK)
            continue; /* a metric file of another format is kept as a file */
        tgl_status status = add_flat(record, stage->outs[i].file.name, root,
                                     tgl__json_get(plan->record, "metrics"), true,
                                     tgl_record_add_metric, 0, err);
        tgl__json_free(root);
        TGL_TRY(status);
    }
    return TGL_OK;
}

static tgl_status open_record(tgl_record **out, const tgl_plan *plan,
                              const tgl_stage *stage, tgl_error *err)
{
    TGL_TRY(tgl_record_new(out, stage->name, err));
    char *text = NULL;
    if (stage->kind != NULL) {
        char line[128];
        snprintf(line, sizeof line, "run: %s", stage->kind->name);
        TGL_TRY(tgl_record_set_command(*out, line, err));
    } else {
        TGL_TRY(tgl__json_dump(&text, NULL, stage->cmd, err));
        tgl_status status = tgl_record_set_command(*out, text, err);
        tgl__free(text);
        TGL_TRY(status);
    }
    TGL_TRY(tgl_record_add_tool(*out, "trigline", tgl_version(), err));
    TGL_TRY(tgl_record_add_tool(*out, "trigline-code", tgl_code_digest(), err));
    for (size_t i = 0; i < stage->n_in; i++)
        TGL_TRY(tgl_record_add_input(*out, stage->ins[i].file.shown, stage->ins[i].digest,
                                     err));
    return record_params(*out, plan, stage, err);
}

static tgl_status store_record(char digest[72], tgl_record *record, tgl_store *store,
                               double started, int exit_status, tgl_error *err)
{
    char host[256] = "", *text = NULL;
    size_t n = 0;
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    TGL_TRY(tgl_record_close(record, started, wall_s(), host, exit_status, err));
    TGL_TRY(tgl_record_print(&text, &n, record, err));
    tgl_status status = tgl_store_put(digest, store, text, n, err);
    tgl_free(text);
    return status;
}

/* The outputs go into the store; the key remembers what it gave. */
static tgl_status keep_outs(tgl_plan *plan, tgl_stage *stage, tgl_store *store,
                            tgl_record *record, double started,
                            const tgl_progress *progress, tgl_error *err)
{
    tgl_json *outputs = tgl__json_object();
    tgl_status status = outputs == NULL ? tgl__fail_nomem(err) : TGL_OK;
    char name[4200], digest[72], *text = NULL;
    for (size_t i = 0; status == TGL_OK && i < stage->n_out; i++) {
        const tgl_plan_out *o = &stage->outs[i];
        status = tgl__tree_digest(digest, store, o->file.path, o->keep, progress, err);
        if (status == TGL_OK)
            status = tgl_record_add_output(record, o->file.shown, digest, err);
        if (status == TGL_OK &&
            !tgl__json_put(outputs, tgl__out_entry(name, o, is_directory(o->file.path)),
                           tgl__json_new_string(digest)))
            status = tgl__fail_nomem(err);
    }
    if (status == TGL_OK)
        status = record_metrics(record, plan, stage, err);
    if (status == TGL_OK)
        status = store_record(stage->record, record, store, started, 0, err);
    if (status == TGL_OK)
        status = tgl__json_dump(&text, NULL, outputs, err);
    if (status == TGL_OK)
        status = tgl__outs_end(stage, store, err);
    if (status == TGL_OK)
        status = tgl_store_remember(store, stage->key, text, stage->record, err);
    tgl__free(text);
    tgl__json_free(outputs);
    return status;
}

static int exit_status_of(tgl_status status)
{
    return status == TGL_ECANCELLED ? 130 : status == TGL_EMISMATCH ? 1 : 3;
}

static tgl_status execute(tgl_plan *plan, tgl_stage *stage, tgl_store *store,
                          const tgl_progress *progress, tgl_error *err)
{
    tgl_record *record = NULL;
    int exit_status = 0;
    double started = wall_s();
    tgl_status status = open_record(&record, plan, stage, err);
    if (status == TGL_OK)
        status = tgl__outs_clear(stage, err);
    if (status == TGL_OK)
        status = do_work(plan, stage, store, record, progress, &exit_status, err);
    if (status == TGL_OK)
        status = keep_outs(plan, stage, store, record, started, progress, err);
    if (status != TGL_OK) {
        /* what failed leaves a record but nothing that looks like a result */
        (void)!tgl__outs_clear(stage, NULL);
        (void)!tgl__outs_end(stage, store, NULL);
        if (record != NULL)
            (void)!store_record(stage->record, record, store, started,
                                exit_status != 0 ? exit_status : exit_status_of(status),
                                NULL);
    }
    stage->seconds = wall_s() - started;
    stage->outcome = "ran";
    tgl_record_free(record);
    return status;
}

tgl_status tgl__stage_run(tgl_plan *plan, tgl_stage *stage, tgl_store *store,
                          const tgl_progress *progress, tgl_error *err)
{
    bool good = false, restored = false;
    TGL_TRY(tgl__stage_key(plan, stage, store, false, progress, err));
    if (!stage->forced && !stage->always)
        TGL_TRY(tgl__stage_check(&good, &restored, stage, store, err));
    if (good && restored)
        TGL_TRY(tgl__stage_restore(&good, stage, store, err));
    if (good) {
        stage->outcome = restored ? "restored" : "up to date";
        return TGL_OK;
    }
    TGL_TRY(tgl__stage_key(plan, stage, store, true, progress, err));
    TGL_TRY(tgl__progress(progress, stage->name, 0, 0, err));
    TGL_TRY(tgl__outs_begin(stage, store, err));
    return execute(plan, stage, store, progress, err);
}
