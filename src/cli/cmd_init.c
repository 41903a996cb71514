#include <stdio.h>
#include <trigline/pipeline.h>

#include "cli/cli.h"

static int run(cli_args *args)
{
    tgl_error err = {0};
    const char *directory = cli_argument(args, 0);
    const char *template_name = cli_value(args, "template", "empty");
    if (tgl_project_init(directory, template_name, &err) != TGL_OK)
        return cli_fail(&err);
    if (cli_json(args))
        printf("{\"template\":\"%s\"}\n", template_name);
    else
        printf("%s: a project of template '%s'; its README.md says what comes next\n",
               directory, template_name);
    return CLI_GOOD;
}

static const cli_option options[] = {
    {"template", 't', "NAME", "anomaly-trigger, jet-tagger or empty (default)", false},
};
static const cli_verb verbs[] = {{
    .arguments = "DIR",
    .summary = "make a project in a new or empty directory",
    .details = "  trigline init --template anomaly-trigger trigger",
    .options = options,
    .n_option = 1,
    .min_argument = 1,
    .max_argument = 1,
    .run = run,
}};
const cli_noun cli_init = {"init", "make a project from a template", verbs, 1};
