#include "cli/cli.h"

static int run(cli_args *args)
{
    printf(cli_json(args) ? "{\"version\":\"%s\"}\n" : "trigline %s\n", tgl_version());
    return CLI_GOOD;
}

static const cli_verb verbs[] = {{
    .summary = "show what this build contains, what is missing and how to get it",
    .run = run,
}};
const cli_noun cli_doctor = {"doctor", "what is built in, what is missing, how to get it",
                             verbs, 1};
