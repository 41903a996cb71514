/* The command table as pages: Markdown for docs/commands.md, and one man page for each
 * noun. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"

static const char exit_codes[] =
    "0 good, 1 a negative verdict (mismatch, refused gate), 2 wrong usage, 3 failure, "
    "130 stopped by Ctrl-C";
static const char everywhere[] =
    "Every command knows --json (print the result as JSON), --quiet or -q (no progress, "
    "no chatter) and --help or -h.";

static bool is_own_verb(const cli_noun *noun)
{
    return noun->n_verb == 1 && noun->verbs[0].name == NULL;
}

static void print_call(FILE *out, const cli_noun *noun, const cli_verb *verb)
{
    fprintf(out, "trigline %s%s%s%s%s%s", noun->name, verb->name ? " " : "",
            verb->name ? verb->name : "", verb->n_option > 0 ? " [OPTION]..." : "",
            verb->arguments ? " " : "", verb->arguments ? verb->arguments : "");
}

/* ---- Markdown ---- */

/* A cell's text: a bar would end it. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
}

static void print_markdown_verb(FILE *out, const cli_noun *noun, const cli_verb *verb)
{
    if (verb->name != NULL)
        fprintf(out, "\n### trigline %s %s\n", noun->name, verb->name);
    fprintf(out, "\n```text\n");
    print_call(out, noun, verb);
    fprintf(out, "\n\n%s\n", verb->summary);
    if (verb->details != NULL)
        fprintf(out, "\n%s\n", verb->details);
    fprintf(out, "```\n");
    if (verb->n_option == 0)
        return;
    fprintf(out, "\n| option | |\n|---|---|\n");
    for (size_t o = 0; o < verb->n_option; o++) {
        const cli_option *option = &verb->options[o];
        fprintf(out, "| `");
        if (option->letter)
            fprintf(out, "-%c`, `", option->letter);
        fprintf(out, "--%s%s", option->name, option->value ? " " : "");
        print_cell(out, option->value ? option->value : "");
        fprintf(out, "` | ");
        print_cell(out, option->help);
        fprintf(out, "%s |\n", option->repeats ? " (may be repeated)" : "");
    }
}

static void print_markdown(FILE *out)
{
    fprintf(out,
            "# Commands\n\n<!-- written by `trigline help --markdown` from the command "
            "table; a test compares the two -->\n\n"
            "%s\nExit codes: %s.\n\n| command | |\n|---|---|\n",
            everywhere, exit_codes);
    for (size_t n = 0; n < cli_n_noun; n++)
        fprintf(out, "| [%s](#trigline-%s) | %s |\n", cli_nouns[n]->name,
                cli_nouns[n]->name, cli_nouns[n]->summary);
    for (size_t n = 0; n < cli_n_noun; n++) {
        fprintf(out, "\n## trigline %s\n", cli_nouns[n]->name);
        if (!is_own_verb(cli_nouns[n]))
            fprintf(out, "\n%s\n", cli_nouns[n]->summary);
        for (size_t v = 0; v < cli_nouns[n]->n_verb; v++)
            print_markdown_verb(out, cli_nouns[n], &cli_nouns[n]->verbs[v]);
    }
}

/* ---- man pages ---- */

/* Text as roff takes it: backslashes and dashes as themselves, no line that begins with a
 * control character. */
static void print_roff(FILE *out, const char *text)
{
    bool begins = true;
    for (; *text != '\0'; text++) {
        if (begins && (*text == '.' || *text == '\''))
            fprintf(out, "\\&");
        if (*text == '\\')
            fprintf(out, "\\e");
        else if (*text == '-')
            fprintf(out, "\\-");
        else
            fputc(*text, out);
        begins = *text == '\n';
    }
}

static void print_man_option(FILE *out, const cli_option *option)
{
    fprintf(out, ".TP\n\\fB");
    if (option->letter)
        fprintf(out, "\\-%c\\fR, \\fB", option->letter);
    fprintf(out, "\\-\\-");
    print_roff(out, option->name);
    fprintf(out, "\\fR%s\\fI", option->value ? " " : "");
    print_roff(out, option->value ? option->value : "");
    fprintf(out, "\\fR\n");
    print_roff(out, option->help);
    fprintf(out, "%s\n", option->repeats ? " (may be repeated)" : "");
}

static void print_man_verb(FILE *out, const cli_noun *noun, const cli_verb *verb)
{
    fprintf(out, verb->name ? ".SS %s %s\n" : ".SH DESCRIPTION\n", noun->name,
            verb->name);
    print_roff(out, verb->summary);
    fprintf(out, "\n");
    if (verb->details != NULL) {
        fprintf(out, ".PP\n.nf\n");
        print_roff(out, verb->details);
        fprintf(out, "\n.fi\n");
    }
    for (size_t o = 0; o < verb->n_option; o++)
        print_man_option(out, &verb->options[o]);
}

static void print_man_noun(FILE *out, const cli_noun *noun)
{
    fprintf(out, ".TH TRIGLINE\\-%s 1 \"\" \"trigline %s\" \"trigline\"\n", noun->name,
            tgl_version());
    fprintf(out, ".SH NAME\ntrigline\\-%s \\- ", noun->name);
    print_roff(out, noun->summary);
    fprintf(out, "\n.SH SYNOPSIS\n.nf\n");
    for (size_t v = 0; v < noun->n_verb; v++) {
        print_call(out, noun, &noun->verbs[v]);
        fprintf(out, "\n");
    }
    fprintf(out, ".fi\n");
    if (!is_own_verb(noun))
        fprintf(out, ".SH COMMANDS\n");
    for (size_t v = 0; v < noun->n_verb; v++)
        print_man_verb(out, noun, &noun->verbs[v]);
    fprintf(out, ".SH COMMON OPTIONS\n");
    print_roff(out, everywhere);
    fprintf(out, "\n.SH EXIT STATUS\n%s.\n.SH SEE ALSO\n.BR trigline (1)\n", exit_codes);
}

static void print_man_all(FILE *out)
{
    fprintf(out,
            ".TH TRIGLINE 1 \"\" \"trigline %s\" \"trigline\"\n.SH NAME\ntrigline \\- "
            "from detector data to trigger firmware, every bit the same\n"
            ".SH SYNOPSIS\n.B trigline\nNOUN [VERB] [OPTION]... [ARGUMENT]...\n"
            ".SH COMMANDS\n",
            tgl_version());
    for (size_t n = 0; n < cli_n_noun; n++) {
        fprintf(out, ".TP\n.BR trigline\\-%s (1)\n", cli_nouns[n]->name);
        print_roff(out, cli_nouns[n]->summary);
        fprintf(out, "\n");
    }
    fprintf(out, ".SH COMMON OPTIONS\n");
    print_roff(out, everywhere);
    fprintf(out, "\n.SH EXIT STATUS\n%s.\n", exit_codes);
}

static int write_man(const char *directory)
{
    for (size_t n = 0; n <= cli_n_noun; n++) {
        char path[4200];
        snprintf(path, sizeof path, "%.4000s/trigline%s%s.1", directory, n > 0 ? "-" : "",
                 n > 0 ? cli_nouns[n - 1]->name : "");
        FILE *out = fopen(path, "w");
        if (out != NULL && n == 0)
            print_man_all(out);
        else if (out != NULL)
            print_man_noun(out, cli_nouns[n - 1]);
        bool good = out != NULL && ferror(out) == 0;
        if (out != NULL && fclose(out) != 0)
            good = false;
        if (!good) {
            fprintf(stderr, "trigline: cannot write '%s': %s\n", path, strerror(errno));
            return CLI_FAILURE;
        }
    }
    return CLI_GOOD;
}

static int help_for(const char *noun, const char *verb)
{
    for (size_t n = 0; n < cli_n_noun; n++) {
        if (strcmp(cli_nouns[n]->name, noun) != 0)
            continue;
        for (size_t v = 0; verb != NULL && v < cli_nouns[n]->n_verb; v++)
            if (cli_nouns[n]->verbs[v].name != NULL &&
                strcmp(cli_nouns[n]->verbs[v].name, verb) == 0) {
                cli_help_verb(stdout, cli_nouns[n], &cli_nouns[n]->verbs[v]);
                return CLI_GOOD;
            }
        if (verb != NULL)
            return cli_usage("unknown verb '%s'; 'trigline %s --help' lists them", verb,
                             noun);
        cli_help_noun(stdout, cli_nouns[n]);
        return CLI_GOOD;
    }
    return cli_usage("unknown command '%s'; 'trigline --help' lists them", noun);
}

int cli_help(int argc, char **argv)
{
    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        cli_help_all(stdout);
    else if (argc == 1 && strcmp(argv[0], "--markdown") == 0)
        print_markdown(stdout);
    else if (argc == 2 && strcmp(argv[0], "--man") == 0)
        return write_man(argv[1]);
    else if (argc <= 2 && argv[0][0] != '-')
        return help_for(argv[0], argc == 2 ? argv[1] : NULL);
    else
        return cli_usage("expected 'help', 'help NOUN [VERB]', 'help --markdown' or "
                         "'help --man DIRECTORY'");
    if (fflush(stdout) == 0)
        return CLI_GOOD;
    fprintf(stderr, "trigline: cannot write the result: %s\n", strerror(errno));
    return CLI_FAILURE;
}
