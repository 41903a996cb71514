/* train: quantisation-aware training; graph and history. */
#include <string.h>
#include <trigline/train.h>

#include "pipeline/step/common.h"

static tgl_status save(const tgl_step *step, const tgl_training *training, tgl_error *err)
{
    char *text = NULL;
    size_t n = 0;
    TGL_TRY(tgl_graph_print(&text, &n, tgl_training_graph(training), err));
    tgl_status status = tgl__file_write(tgl__step_output(step, "graph"), text, n, err);
    tgl_free(text);
    TGL_TRY(status);
    const char *history = tgl_training_history(training);
    return tgl__file_write(tgl__step_output(step, "history"), history, strlen(history),
                           err);
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    tgl_json *given;
    char *config = NULL;
    const char *const *patterns = NULL;
    size_t n_pattern = 0;
    tgl_table *table = NULL, *validation = NULL;
    tgl_training *training = NULL;
    int64_t n_thread;
    tgl_status status;
    TGL_TRY(tgl__json_need(&given, step->with, "config", TGL_JSON_OBJECT, "with", err));
    TGL_TRY(tgl__step_int(&n_thread, step, "threads", 0, 0, 1024, err));
    TGL_TRY(tgl__json_dump(&config, NULL, given, err));
    TGL_TRY_GOTO(tgl_train_columns(&patterns, &n_pattern, config, err));
    TGL_TRY_GOTO(tgl__step_table(&table, step, "data", patterns, n_pattern, err));
    if (tgl__step_input(step, "validation") != NULL)
        TGL_TRY_GOTO(
            tgl__step_table(&validation, step, "validation", patterns, n_pattern, err));
    tgl_train_options options = TGL_TRAIN_OPTIONS_INIT;
    options.config = config;
    options.train = table;
    options.validation = validation;
    options.n_thread = (size_t)n_thread;
    options.progress = step->progress;
    TGL_TRY_GOTO(tgl_train(&training, &options, err));
    status = save(step, training, err);
out:
    tgl_training_free(training);
    tgl_table_free(validation);
    tgl_table_free(table);
    tgl__free(config);
    return status;
}

const tgl_step_kind tgl__step_train = {
    .name = "train",
    .summary = "quantisation-aware training of a template network",
    .version = 1,
    .with = {"config", "threads"},
    .inputs = {{"data", false, true}, {"validation", true, true}},
    .outputs = {{"graph", false, false}, {"history", false, false}},
    .run = run,
};
