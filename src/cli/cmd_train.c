#include <stdio.h>
#include <string.h>
#include <trigline/data.h>
#include <trigline/train.h>

#include "cli/cli.h"
#include "cli/view.h"

static const cli_option options[] = {
    {"config", 'c', "FILE", "YAML or JSON with a 'train:' section", false},
    {"template", 't', "NAME", "without --config: anomaly-trigger or jet-tagger", false},
    {"out", 'o', "DIR", "where graph.json and history.json go", false},
    {"validation", 0, "FILE", "held-out data (default: the last part of DATA)", false},
    {"threads", 'j', "N", "threads (default: all processors; never changes the result)",
     false},
    {"isa", 0, "NAME", "auto, baseline, avx2 or avx512 (never changes the result)",
     false},
};

/* All files' rows, one after the other. */
static tgl_status load(tgl_table **out, cli_args *args, const char *config,
                       tgl_error *err)
{
    const char *const *patterns;
    size_t n_pattern;
    tgl_table *table = NULL;
    tgl_status status = tgl_train_columns(&patterns, &n_pattern, config, err);
    for (int i = 0; i < cli_n_argument(args) && status == TGL_OK; i++) {
        tgl_table *more = NULL;
        status = tgl_data_load(&more, cli_argument(args, i), patterns, n_pattern,
                               cli_progress(args), err);
        if (status == TGL_OK && table == NULL) {
            table = more;
            continue;
        }
        if (status == TGL_OK)
            status = tgl_table_append(table, more, err);
        tgl_table_free(more);
    }
    if (status == TGL_OK)
        *out = table;
    else
        tgl_table_free(table);
    return status;
}

static tgl_status load_validation(tgl_table **out, cli_args *args, const char *config,
                                  tgl_error *err)
{
    const char *path = cli_value(args, "validation", NULL);
    const char *const *patterns;
    size_t n_pattern;
    if (path == NULL)
        return TGL_OK;
    tgl_status status = tgl_train_columns(&patterns, &n_pattern, config, err);
    if (status != TGL_OK)
        return status;
    return tgl_data_load(out, path, patterns, n_pattern, cli_progress(args), err);
}

static void show_thresholds(const char *list)
{
    static const char *const headings[] = {"rate (kHz)", "threshold", "events",
                                           "reached (kHz)"};
    static const char *const keys[] = {"rate_khz", "threshold", "n_accepted",
                                       "reached_khz"};
    view_table *table = view_table_new(headings, 4);
    char text[64];
    for (size_t k = 0; k < 4; k++)
        view_table_right(table, k);
    for (const char *p = NULL; (p = view_next(list, p)) != NULL;)
        for (size_t k = 0; k < 4; k++) {
            snprintf(text, sizeof text, "%.6g", view_number(view_get(p, keys[k]), 0));
            view_table_cell(table, text);
        }
    view_table_print(table);
}

static void show(const char *history, const char *directory)
{
    const char *last = NULL;
    long best = (long)view_number(view_get(history, "best_epoch"), 0), n = 0;
    double loss = 0;
    for (const char *p = NULL; (p = view_next(view_get(history, "epochs"), p)) != NULL;) {
        last = p;
        if (++n == best)
            loss = view_number(view_get(last, "validation_loss"), 0);
    }
    printf("%ld epochs, best is %ld with validation loss %.5g\n", n, best, loss);
    if (view_get(history, "accuracy") != NULL)
        printf("accuracy %.4f\n", view_number(view_get(history, "accuracy"), 0));
    if (view_get(history, "thresholds") != NULL)
        show_thresholds(view_get(history, "thresholds"));
    printf("%s/graph.json\n%s/history.json\n", directory, directory);
}

static int parse_isa(tgl_isa *isa, cli_args *args)
{
    static const char *const names[] = {"auto", "baseline", "avx2", "avx512"};
    const char *text = cli_value(args, "isa", "auto");
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], text) == 0) {
            *isa = (tgl_isa)i;
            return CLI_GOOD;
        }
    return cli_usage(
        "unknown instruction set '%s', expected auto, baseline, avx2 or avx512", text);
}

static int run(cli_args *args)
{
    tgl_train_options o = TGL_TRAIN_OPTIONS_INIT;
    tgl_error err = {0};
    char *loaded = NULL, built[128];
    const char *path = cli_value(args, "config", NULL),
               *template = cli_value(args, "template", NULL);
    tgl_table *table = NULL, *validation = NULL;
    tgl_training *training = NULL;
    const char *directory = cli_value(args, "out", NULL);
    long long n_thread;
    if (directory == NULL)
        return cli_usage("train needs --out DIR");
    if ((path == NULL) == (template == NULL))
        return cli_usage("train needs either --config FILE or --template NAME");
    if (parse_isa(&o.isa, args) != CLI_GOOD ||
        !cli_number(args, "threads", 0, 0, 1024, &n_thread))
        return CLI_USAGE;
    tgl_status status =
        path == NULL ? TGL_OK : tgl_train_config_load(&loaded, path, &err);
    snprintf(built, sizeof built, "{\"template\":\"%s\"}", template ? template : "");
    const char *config = path == NULL ? built : loaded;
    if (status == TGL_OK)
        status = load(&table, args, config, &err);
    if (status == TGL_OK)
        status = load_validation(&validation, args, config, &err);
    o.config = config;
    o.train = table;
    o.validation = validation;
    o.n_thread = (size_t)n_thread;
    o.progress = cli_progress(args);
    if (status == TGL_OK)
        status = tgl_train(&training, &o, &err);
    if (status == TGL_OK)
        status = tgl_training_save(training, directory, &err);
    if (status == TGL_OK && cli_json(args))
        printf("%s\n", tgl_training_history(training));
    else if (status == TGL_OK)
        show(tgl_training_history(training), directory);
    tgl_training_free(training);
    tgl_table_free(table);
    tgl_table_free(validation);
    tgl_free(loaded);
    return status == TGL_OK ? CLI_GOOD : cli_fail(&err);
}

static const cli_verb verbs[] = {{
    .arguments = "DATA...",
    .summary = "train a quantised network, the same bytes for any machine and threads",
    .details =
        "Reads the rows of every DATA file one after the other, fits the network that\n"
        "the configuration names and writes DIR/graph.json (exact, with its input\n"
        "convention) and DIR/history.json (loss curves, figures of merit, thresholds).\n"
        "\n"
        "  trigline train --template jet-tagger jets.root --out model\n"
        "  trigline train --config train.yaml zerobias_train.root --out model",
    .options = options,
    .n_option = sizeof options / sizeof options[0],
    .min_argument = 1,
    .max_argument = -1,
    .run = run,
}};
const cli_noun cli_train = {"train", "fit a quantised network to data", verbs, 1};
