/* The command line's frame: one table of nouns and verbs feeds parsing, --help, man pages
 * and completion. */
#ifndef TGL_CLI_CLI_H
#define TGL_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>
#include <trigline/base.h>

enum { CLI_GOOD = 0, CLI_NEGATIVE = 1, CLI_USAGE = 2, CLI_FAILURE = 3 };

typedef struct cli_option {
    const char *name;  /* long name without dashes */
    char letter;       /* short form or 0 */
    const char *value; /* metavariable ("FILE"); NULL: a flag */
    const char *help;
    bool repeats; /* may be given several times */
} cli_option;

typedef struct cli_args cli_args;

typedef struct cli_verb {
    const char *name; /* "convert"; NULL for a noun that is its own verb ("status") */
    const char *arguments; /* "IN... OUT" */
    const char *summary;   /* one line, lower case, no full stop */
    const char
        *details; /* paragraphs and examples for --help and the man page, or NULL */
    const cli_option *options;
    size_t n_option;
    int min_argument, max_argument; /* max -1: any number */
    int (*run)(cli_args *args);     /* answers an exit code */
} cli_verb;

typedef struct cli_noun {
    const char *name;
    const char *summary;
    const cli_verb *verbs;
    size_t n_verb;
} cli_noun;

/* Every noun, in the order help shows them (commands.c). */
extern const cli_noun *const cli_nouns[];
extern const size_t cli_n_noun;

/* ---- what a verb's run() asks ---- */
int cli_n_argument(const cli_args *args);
const char *cli_argument(const cli_args *args, int index);
const char *const *cli_arguments(const cli_args *args);
bool cli_flag(const cli_args *args, const char *option);
const char *cli_value(const cli_args *args, const char *option, const char *fallback);
/* The index-th value of a repeated option, or NULL past the last. */
const char *cli_value_at(const cli_args *args, const char *option, size_t index);
/* A number in [lo, hi]; a wrong one prints a usage error and answers false. */
bool cli_number(const cli_args *args, const char *option, long long fallback,
                long long lo, long long hi, long long *out);
bool cli_json(const cli_args *args); /* --json, known to every verb */

/* Progress for a long call: a bar on a terminal, lines otherwise, on stderr; Ctrl-C
 * cancels it. */
const tgl_progress *cli_progress(cli_args *args);

/* Print an error as one line "trigline: …" on stderr; the exit code that fits its status.
 */
int cli_fail(const tgl_error *err);
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Chatter on stderr, silenced by --quiet. */
void cli_note(cli_args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Escape sequence when stdout is a terminal and NO_COLOR is unset, else "". Names:
 * "bold", "dim", "red", "green", "reset". */
const char *cli_colour(const char *name);

/* help.c, pages.c */
void cli_help_all(FILE *out);
void cli_help_noun(FILE *out, const cli_noun *noun);
void cli_help_verb(FILE *out, const cli_noun *noun, const cli_verb *verb);
/* `trigline help [--markdown | --man DIR | NOUN [VERB]]`; argv from behind "help". An
 * exit code. */
int cli_help(int argc, char **argv);
const char *cli_near(const char *word, const char *const *words, size_t n);

#endif
