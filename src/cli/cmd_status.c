#include <stdio.h>
#include <trigline/pipeline.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/view.h"

static void show(const char *json)
{
    static const char *const headings[] = {"stage", "state", "why"};
    view_table *table = view_table_new(headings, 3);
    const char *stages = view_get(json, "stages");
    char text[600], line[1200];
    for (const char *s = NULL; (s = view_next(stages, s)) != NULL;) {
        view_table_cell(table, view_text(view_get(s, "stage"), text, sizeof text));
        view_table_cell(table, view_text(view_get(s, "state"), text, sizeof text));
        int used = 0;
        line[0] = '\0';
        const char *reasons = view_get(s, "reasons");
        for (const char *r = NULL; (r = view_next(reasons, r)) != NULL && used < 600;)
            used += snprintf(line + used, sizeof line - (size_t)used, "%s%.500s",
                             used > 0 ? "; " : "", view_text(r, text, sizeof text));
        view_table_cell(table, line);
    }
    view_table_print(table);
}

static int run(cli_args *args)
{
    const char *directory = cli_value(args, "project", NULL);
    if (directory != NULL && chdir(directory) != 0)
        return cli_usage("--project: cannot enter '%s'", directory);
    tgl_error err = {0};
    tgl_project *project = NULL;
    char *json = NULL;
    tgl_status status = tgl_project_open(&project, ".", &err);
    if (status == TGL_OK)
        status = tgl_project_status(&json, project, &err);
    if (json != NULL && cli_json(args))
        printf("%s\n", json);
    else if (json != NULL)
        show(json);
    tgl_free(json);
    tgl_project_close(project);
    return status == TGL_OK ? CLI_GOOD : cli_fail(&err);
}

static const cli_option options[] = {
    {"project", 'C', "DIR", "the project's directory (default: here)", false},
};
static const cli_verb verbs[] = {{
    .summary = "show which stages are up to date, and what changed for the others",
    .options = options,
    .n_option = 1,
    .run = run,
}};
const cli_noun cli_status = {"status", "which stages are out of date, and why", verbs, 1};
