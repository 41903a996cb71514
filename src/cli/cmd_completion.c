#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* Words after "trigline", and after each noun: verbs and long options, from the table. */
static void print_words(const cli_noun *noun)
{
    for (size_t v = 0; v < noun->n_verb; v++) {
        if (noun->verbs[v].name != NULL)
            printf("%s ", noun->verbs[v].name);
        for (size_t o = 0; o < noun->verbs[v].n_option; o++)
            printf("--%s ", noun->verbs[v].options[o].name);
    }
    printf("--json --quiet --help");
}

static void print_cases(void)
{
    for (size_t n = 0; n < cli_n_noun; n++) {
        printf("        %s) words=\"", cli_nouns[n]->name);
        print_words(cli_nouns[n]);
        printf("\" ;;\n");
    }
    printf("        *) words=\"");
    for (size_t n = 0; n < cli_n_noun; n++)
        printf("%s ", cli_nouns[n]->name);
    printf("--help --version\" ;;\n");
}

static void print_bash(void)
{
    printf("_trigline() {\n    local words noun=\n"
           "    [ \"$COMP_CWORD\" -gt 1 ] && noun=${COMP_WORDS[1]}\n"
           "    case $noun in\n");
    print_cases();
    printf("    esac\n    COMPREPLY=($(compgen -W \"$words\" -f -- "
           "\"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -F _trigline trigline\n");
}

static void print_zsh(void)
{
    printf("#compdef trigline\n_trigline() {\n    local noun=\n"
           "    (( CURRENT > 2 )) && noun=${words[2]}\n    local line=\n"
           "    case $noun in\n");
    for (size_t n = 0; n < cli_n_noun; n++) {
        printf("        %s) line=\"", cli_nouns[n]->name);
        print_words(cli_nouns[n]);
        printf("\" ;;\n");
    }
    printf("        *) line=\"");
    for (size_t n = 0; n < cli_n_noun; n++)
        printf("%s ", cli_nouns[n]->name);
    printf("\" ;;\n    esac\n    compadd -- ${=line}\n    _files\n}\n"
           "compdef _trigline trigline\n");
}

static void print_fish(void)
{
    for (size_t n = 0; n < cli_n_noun; n++) {
        printf("complete -c trigline -n __fish_use_subcommand -a %s -d \"%s\"\n",
               cli_nouns[n]->name, cli_nouns[n]->summary);
        for (size_t v = 0; v < cli_nouns[n]->n_verb; v++) {
            const cli_verb *verb = &cli_nouns[n]->verbs[v];
            if (verb->name != NULL)
                printf("complete -c trigline -n '__fish_seen_subcommand_from %s' -a %s\n",
                       cli_nouns[n]->name, verb->name);
            for (size_t o = 0; o < verb->n_option; o++)
                printf("complete -c trigline -n '__fish_seen_subcommand_from %s' -l %s\n",
                       cli_nouns[n]->name, verb->options[o].name);
        }
    }
}

static int run(cli_args *args)
{
    const char *shell = cli_argument(args, 0);
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return cli_usage("unknown shell '%s', expected bash, zsh or fish", shell);
    return CLI_GOOD;
}

static const cli_verb verbs[] = {{
    .arguments = "bash|zsh|fish",
    .summary = "print a completion script for a shell",
    .details = "  eval \"$(trigline completion bash)\"",
    .min_argument = 1,
    .max_argument = 1,
    .run = run,
}};
const cli_noun cli_completion = {"completion", "completion script for a shell", verbs, 1};
