/* What stands at a stage's output paths: what a key gave, what the store can give back,
 * or a file of the user's, which nothing here may remove. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "pipeline/pipeline.h"

const char *tgl__out_entry(char out[4200], const tgl_plan_out *o, bool is_tree)
{
    snprintf(out, 4200, "%s%s%s", o->keep ? "" : "uncached:", o->file.shown,
             is_tree ? "/" : "");
    return out;
}

/* The digest a step entry names for an output, or NULL. */
static const char *expected_of(bool *is_tree, const tgl_plan_out *o,
                               const tgl_json *outputs)
{
    char name[4200];
    for (int tree = 0; tree < 2; tree++) {
        const char *digest = tgl__json_string(
            tgl__json_get(outputs, tgl__out_entry(name, o, tree == 1)), NULL);
        *is_tree = tree == 1;
        if (digest != NULL)
            return digest;
    }
    return NULL;
}

/* ---- up to date? ---- */

static tgl_status check_out(bool *good, bool *restored, const tgl_plan_out *o,
                            const tgl_json *outputs, tgl_store *store, tgl_error *err)
{
    char digest[72];
    bool is_tree;
    const char *expected = expected_of(&is_tree, o, outputs);
    *good = false;
    if (expected == NULL)
        return TGL_OK;
    if (tgl__file_exists(o->file.path)) {
        TGL_TRY(tgl__tree_digest(digest, store, o->file.path, false, NULL, err));
        *good = strcmp(digest, expected) == 0;
    }
    if (!*good && o->keep && tgl__tree_has(store, expected, is_tree)) {
        *good = true;
        *restored = true;
    }
    return TGL_OK;
}

/* What the stage's key gave when it ran: {output: digest}; TGL_ENOTFOUND. */
static tgl_status recall(tgl_json **outputs, tgl_stage *stage, tgl_store *store,
                         tgl_error *err)
{
    char *text = NULL, *record = NULL;
    TGL_TRY(tgl_store_recall(&text, &record, store, stage->key, err));
    tgl_status status = tgl__json_parse(outputs, text, strlen(text), "step entry", err);
    if (status == TGL_OK && record != NULL)
        snprintf(stage->record, sizeof stage->record, "%s", record);
    tgl_free(text);
    tgl_free(record);
    return status;
}

tgl_status tgl__stage_check(bool *good, bool *restored, tgl_stage *stage,
                            tgl_store *store, tgl_error *err)
{
    tgl_json *outputs = NULL;
    *good = false;
    *restored = false;
    tgl_status status = recall(&outputs, stage, store, err);
    if (status == TGL_ENOTFOUND)
        return TGL_OK;
    *good = status == TGL_OK;
    for (size_t i = 0; status == TGL_OK && *good && i < stage->n_out; i++)
        status = check_out(good, restored, &stage->outs[i], outputs, store, err);
    if (status != TGL_OK || !*good)
        stage->record[0] = '\0';
    tgl__json_free(outputs);
    return status;
}

/* ---- back from the store ---- */

static tgl_status restore_out(const tgl_plan_out *o, const tgl_json *outputs,
                              tgl_store *store, tgl_error *err)
{
    char digest[72];
    bool is_tree;
    const char *expected = expected_of(&is_tree, o, outputs);
    if (tgl__file_exists(o->file.path)) {
        TGL_TRY(tgl__tree_digest(digest, store, o->file.path, false, NULL, err));
        if (strcmp(digest, expected) == 0)
            return TGL_OK;
    }
    return tgl__tree_restore(store, expected, is_tree, o->file.path, err);
}

tgl_status tgl__stage_restore(bool *good, tgl_stage *stage, tgl_store *store,
                              tgl_error *err)
{
    tgl_json *outputs = NULL;
    *good = false;
    TGL_TRY(tgl__outs_begin(stage, store, err));
    tgl_status status = recall(&outputs, stage, store, err);
    for (size_t i = 0; status == TGL_OK && i < stage->n_out; i++)
        status = restore_out(&stage->outs[i], outputs, store, err);
    tgl__json_free(outputs);
    if (status == TGL_OK) {
        *good = true;
        return tgl__outs_end(stage, store, err);
    }
    stage->record[0] = '\0';
    if (status == TGL_EFORMAT || status == TGL_ENOTFOUND)
        return TGL_OK; /* the kept bytes are damaged: they are made again */
    (void)!tgl__outs_clear(stage, NULL);
    (void)!tgl__outs_end(stage, store, NULL);
    return status;
}

/* ---- ours or the user's ---- */

/* ".trigline/running/<stage>" stands there while the stage's outputs are being written,
 * so that what a killed run leaves half-written is not taken for the user's. */
static tgl_status mark_path(char out[4200], const tgl_stage *stage,
                            const tgl_store *store, tgl_error *err)
{
    int n = snprintf(out, 4200, "%s/running/%s", store->directory, stage->name);
    return n < 4200 ? TGL_OK
                    : tgl__fail(err, TGL_ELIMIT, "'%.100s…': the path is too long",
                                store->directory);
}

tgl_status tgl__outs_foreign(const char **shown, const tgl_stage *stage, tgl_store *store,
                             tgl_error *err)
{
    char digest[72], mark[4200];
    *shown = NULL;
    TGL_TRY(mark_path(mark, stage, store, err));
    if (tgl__file_exists(mark)) /* ours, half-written */
        return TGL_OK;
    for (size_t i = 0; *shown == NULL && i < stage->n_out; i++) {
        const tgl_step_file *file = &stage->outs[i].file;
        bool made = false;
        if (!tgl__file_exists(file->path))
            continue;
        TGL_TRY(tgl__tree_digest(digest, store, file->path, false, NULL, err));
        TGL_TRY(tgl__step_made(&made, store, file->shown, digest, err));
        if (!made)
            *shown = file->shown;
    }
    return TGL_OK;
}

tgl_status tgl__outs_begin(const tgl_stage *stage, tgl_store *store, tgl_error *err)
{
    char mark[4200];
    const char *foreign = NULL;
    TGL_TRY(mark_path(mark, stage, store, err));
    if (!stage->forced)
        TGL_TRY(tgl__outs_foreign(&foreign, stage, store, err));
    if (foreign != NULL)
        return tgl__fail(err, TGL_EIO,
                         "output '%s' was changed or put there by hand, no run wrote it: "
                         "move it away, or replace it with 'trigline run --force %s'",
                         foreign, stage->name);
    char *slash = strrchr(mark, '/');
    *slash = '\0';
    TGL_TRY(tgl__make_dirs(mark, err));
    *slash = '/';
    return tgl__file_write(mark, stage->key, strlen(stage->key), err);
}

tgl_status tgl__outs_end(const tgl_stage *stage, tgl_store *store, tgl_error *err)
{
    char mark[4200];
    TGL_TRY(mark_path(mark, stage, store, err));
    return tgl__remove_tree(mark, err);
}

tgl_status tgl__outs_clear(const tgl_stage *stage, tgl_error *err)
{
    for (size_t i = 0; i < stage->n_out; i++)
        TGL_TRY(tgl__remove_tree(stage->outs[i].file.path, err));
    return TGL_OK;
}
