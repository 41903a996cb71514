#include <string.h>

#include "cli/cli.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

const char *cli_near(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;
    for (size_t w = 0; w < n; w++) {
        size_t row[64], la = smaller(strlen(word), 63),
                        lb = smaller(strlen(words[w]), 63);
        for (size_t j = 0; j <= lb; j++)
            row[j] = j;
        for (size_t i = 1; i <= la; i++) {
            size_t diagonal = row[0];
            row[0] = i;
            for (size_t j = 1; j <= lb; j++) {
                size_t above = row[j];
                size_t change = diagonal + (word[i - 1] != words[w][j - 1]);
                row[j] = smaller(smaller(above, row[j - 1]) + 1, change);
                diagonal = above;
            }
        }
        if (row[lb] < best_distance) {
            best_distance = row[lb];
            best = words[w];
        }
    }
    return best;
}

void cli_help_all(FILE *out)
{
    fprintf(out,
            "trigline %s: from detector data to trigger firmware, every bit the same\n\n"
            "usage: trigline NOUN [VERB] [OPTION]... [ARGUMENT]...\n\n",
            tgl_version());
    for (size_t n = 0; n < cli_n_noun; n++)
        fprintf(out, "  %-12s %s\n", cli_nouns[n]->name, cli_nouns[n]->summary);
    fprintf(out, "\nEvery command knows --help, --json and --quiet. Exit codes: 0 good, "
                 "1 a negative verdict\n"
                 "(mismatch, refused gate), 2 wrong usage, 3 failure.\n");
}

void cli_help_noun(FILE *out, const cli_noun *noun)
{
    if (noun->n_verb == 1 && noun->verbs[0].name == NULL) {
        cli_help_verb(out, noun, &noun->verbs[0]);
        return;
    }
    fprintf(out, "trigline %s: %s\n\n", noun->name, noun->summary);
    for (size_t v = 0; v < noun->n_verb; v++)
        fprintf(out, "  trigline %s %-10s %s\n", noun->name, noun->verbs[v].name,
                noun->verbs[v].summary);
    fprintf(out, "\n'trigline %s VERB --help' says more.\n", noun->name);
}

static void print_option(FILE *out, const cli_option *option)
{
    char left[64];
    snprintf(left, sizeof left, "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
             option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
             option->name, option->value ? " " : "", option->value ? option->value : "");
    fprintf(out, "  %-26s %s%s\n", left, option->help,
            option->repeats ? " (may be repeated)" : "");
}

static const cli_option common[] = {
    {"json", 0, NULL, "print the result as JSON", false},
    {"quiet", 'q', NULL, "no progress, no chatter", false},
    {"help", 'h', NULL, "show this text", false},
};
enum { N_COMMON = sizeof common / sizeof common[0] };

void cli_help_verb(FILE *out, const cli_noun *noun, const cli_verb *verb)
{
    fprintf(out, "usage: trigline %s%s%s%s%s%s\n\n%s\n", noun->name,
            verb->name ? " " : "", verb->name ? verb->name : "", " [OPTION]...",
            verb->arguments ? " " : "", verb->arguments ? verb->arguments : "",
            verb->summary);
    if (verb->details != NULL)
        fprintf(out, "\n%s\n", verb->details);
    fprintf(out, "\n");
    for (size_t o = 0; o < verb->n_option; o++)
        print_option(out, &verb->options[o]);
    for (size_t o = 0; o < N_COMMON; o++)
        print_option(out, &common[o]);
}
