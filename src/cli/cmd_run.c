#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trigline/pipeline.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/view.h"

static void show_stage(const char *stage)
{
    char name[256], outcome[32];
    view_text(view_get(stage, "stage"), name, sizeof name);
    view_text(view_get(stage, "outcome"), outcome, sizeof outcome);
    const char *colour = strcmp(outcome, "failed") == 0 ? "red"
                         : strcmp(outcome, "ran") == 0  ? "green"
                                                        : "dim";
    double seconds = view_number(view_get(stage, "seconds"), -1);
    printf("  %-28s %s%-10s%s", name, cli_colour(colour), outcome, cli_colour("reset"));
    if (seconds >= 0)
        printf(" %8.2f s", seconds);
    printf("\n");
}

static void show_run(const char *json)
{
    const char *stages = view_get(json, "stages");
    double seconds = view_number(view_get(json, "seconds"), 0);
    double changed = view_number(view_get(json, "ran"), 0) +
                     view_number(view_get(json, "restored"), 0) +
                     view_number(view_get(json, "failed"), 0);
    char text[128];
    bool idle = true;
    for (const char *s = NULL; (s = view_next(stages, s)) != NULL;)
        idle = idle && strcmp(view_text(view_get(s, "outcome"), text, sizeof text),
                              "up to date") == 0;
    if (changed == 0 && idle) {
        printf("nothing to be done: all %zu stages are up to date (%.2f s)\n",
               view_count(stages), seconds);
    } else {
        for (const char *s = NULL; (s = view_next(stages, s)) != NULL;)
            show_stage(s);
        printf("%.0f run, %.0f restored, %.0f failed, %.2f s\n",
               view_number(view_get(json, "ran"), 0),
               view_number(view_get(json, "restored"), 0),
               view_number(view_get(json, "failed"), 0), seconds);
    }
    if (view_get(json, "package") != NULL)
        printf("package %s\n", view_text(view_get(json, "package"), text, sizeof text));
}

/* Every value of --set as one list; free() it. */
static const char **values_of(cli_args *args, const char *option, size_t *n)
{
    *n = 0;
    while (cli_value_at(args, option, *n) != NULL)
        ++*n;
    const char **list = calloc(*n + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < *n; i++)
        list[i] = cli_value_at(args, option, i);
    return list;
}

static int run(cli_args *args)
{
    long long n_job;
    if (!cli_number(args, "jobs", 1, 1, 1024, &n_job))
        return CLI_USAGE;
    const char *engine = cli_value(args, "engine", "local");
    if (strcmp(engine, "local") != 0)
        return cli_usage("--engine %s: this build has 'local' only", engine);
    const char *directory = cli_value(args, "project", NULL);
    if (directory != NULL && chdir(directory) != 0)
        return cli_usage("--project: cannot enter '%s'", directory);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(), not a death */
    tgl_error err = {0};
    tgl_project *project = NULL;
    char *json = NULL;
    tgl_run_options options = TGL_RUN_OPTIONS_INIT;
    const char **set = values_of(args, "set", &options.n_set);
    options.stages = cli_arguments(args);
    options.n_stage = (size_t)cli_n_argument(args);
    options.from = cli_value(args, "from", NULL);
    options.to = cli_value(args, "to", NULL);
    options.force = cli_flag(args, "force");
    options.set = set;
    options.n_job = (size_t)n_job;
    options.progress = cli_progress(args);
    tgl_status status = tgl_project_open(&project, ".", &err);
    if (status == TGL_OK)
        status = tgl_project_run(&json, project, &options, &err);
    if (json != NULL && cli_json(args))
        printf("%s\n", json);
    else if (json != NULL)
        show_run(json);
    tgl_free(json);
    tgl_project_close(project);
    free((void *)set);
    return status == TGL_OK ? CLI_GOOD : cli_fail(&err);
}

static const cli_option options[] = {
    {"from", 0, "STAGE", "begin here: this stage and what follows from it", false},
    {"to", 0, "STAGE", "end here: this stage and what it needs", false},
    {"force", 'f', NULL, "run the named stages (else all) even if nothing changed",
     false},
    {"set", 0, "NAME=VALUE", "override a parameter for this run", true},
    {"jobs", 'j', "N", "stages at once (default 1)", false},
    {"engine", 0, "NAME", "where stages run: local", false},
    {"project", 'C', "DIR", "the project's directory (default: here)", false},
};
static const cli_verb verbs[] = {{
    .arguments = "[STAGE]...",
    .summary = "run the stages whose key has changed",
    .details =
        "A stage runs when the digest of its command, arguments, selected parameters "
        "and\n"
        "inputs has changed; otherwise its outputs are kept, or restored from the "
        "store.\n"
        "STAGE... means these stages and everything they need. A stopped or failed run\n"
        "goes on where it stopped.\n\n"
        "  trigline run                       everything that is out of date\n"
        "  trigline run train --set train.seed=8\n"
        "  trigline run --from synth -j 2",
    .options = options,
    .n_option = sizeof options / sizeof options[0],
    .max_argument = -1,
    .run = run,
}};
const cli_noun cli_run = {"run", "run the project's stages that are out of date", verbs,
                          1};
