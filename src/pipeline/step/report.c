/* report: one page and its plots from everything the other stages wrote. */
#include <string.h>
#include <trigline/data.h>
#include <trigline/report.h>

#include "pipeline/step/common.h"

enum { N_PART = 6 };
static const char *const parts[N_PART] = {"model",     "history",    "physics",
                                          "selection", "simulation", "resources"};

static tgl_status dataset_entry(tgl_json *list, const tgl_step_file *file, tgl_error *err)
{
    tgl_arena arena = TGL_ARENA_INIT;
    const char *path = tgl__step_data_path(&arena, file);
    tgl_source *source = NULL;
    tgl_status status =
        path == NULL ? tgl__fail_nomem(err) : tgl_source_open(&source, path, NULL, err);
    tgl__arena_release(&arena);
    TGL_TRY(status);
    tgl_json *entry = tgl__json_object();
    tgl__json_put(entry, "name", tgl__json_new_string(file->name));
    tgl__json_put(entry, "path", tgl__json_new_string(file->shown));
    tgl__json_put(entry, "rows", tgl__json_new_int((int64_t)tgl_source_n_row(source)));
    tgl__json_put(entry, "digest", tgl__json_new_string(file->digest));
    tgl_source_close(source);
    return tgl__json_append(list, entry) ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status datasets(char **out, const tgl_step *step, tgl_error *err)
{
    tgl_json *list = tgl__json_array();
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < step->n_input; i++)
        if (strcmp(step->inputs[i].role, "data") == 0)
            status = dataset_entry(list, &step->inputs[i], err);
    if (status == TGL_OK)
        status = tgl__json_dump(out, NULL, list, err);
    tgl__json_free(list);
    return status;
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    char *text[N_PART] = {0}, *lineage = NULL, *data = NULL;
    tgl_status status = TGL_OK;
    for (size_t i = 0; i < N_PART; i++)
        TGL_TRY_GOTO(tgl__step_text(&text[i], step, parts[i], err));
    TGL_TRY_GOTO(tgl__json_dump(&lineage, NULL, step->lineage, err));
    TGL_TRY_GOTO(datasets(&data, step, err));
    tgl_report_inputs inputs = TGL_REPORT_INPUTS_INIT;
    inputs.title = tgl__json_string(tgl__json_get(step->with, "title"), "trigline");
    inputs.model = text[0];
    inputs.history = text[1];
    inputs.physics = text[2];
    inputs.selection = text[3];
    inputs.simulation = text[4];
    inputs.resources = text[5];
    inputs.lineage = lineage;
    inputs.datasets = data;
    status = tgl_report_write(tgl__step_output(step, "report"), &inputs, err);
out:
    for (size_t i = 0; i < N_PART; i++)
        tgl__free(text[i]);
    tgl__free(lineage);
    tgl__free(data);
    return status;
}

const tgl_step_kind tgl__step_report = {
    .name = "report",
    .summary = "one self-contained page and its plots",
    .version = 1,
    .with = {"title"},
    .inputs = {{"model", true, false},
               {"history", true, false},
               {"physics", true, false},
               {"selection", true, false},
               {"simulation", true, false},
               {"resources", true, false},
               {"data", true, true}},
    .outputs = {{"report", false, false}},
    .wants_lineage = true,
    .run = run,
};
