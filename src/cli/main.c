#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

typedef struct given {
    const cli_option *option;
    const char *value;
} given;

struct cli_args {
    const cli_noun *noun;
    const cli_verb *verb;
    const char **arguments;
    int n_argument;
    given *options;
    size_t n_option;
    bool json, quiet;
    tgl_progress progress;
    double last_shown;
    char last_label[64];
    bool bar_open;
};

/* The only state a signal handler may touch. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    if (interrupted) /* the second Ctrl-C does not ask */
        _exit(130);
    interrupted = 1;
}

int cli_n_argument(const cli_args *args)
{
    return args->n_argument;
}

const char *cli_argument(const cli_args *args, int index)
{
    return index < args->n_argument ? args->arguments[index] : NULL;
}

const char *const *cli_arguments(const cli_args *args)
{
    return args->arguments;
}

const char *cli_value_at(const cli_args *args, const char *option, size_t index)
{
    for (size_t i = 0; i < args->n_option; i++)
        if (strcmp(args->options[i].option->name, option) == 0 && index-- == 0)
            return args->options[i].value;
    return NULL;
}

bool cli_flag(const cli_args *args, const char *option)
{
    return cli_value_at(args, option, 0) != NULL;
}

const char *cli_value(const cli_args *args, const char *option, const char *fallback)
{
    const char *value = fallback, *next;
    for (size_t i = 0; (next = cli_value_at(args, option, i)) != NULL; i++)
        value = next;
    return value;
}

bool cli_number(const cli_args *args, const char *option, long long fallback,
                long long lo, long long hi, long long *out)
{
    const char *text = cli_value(args, option, NULL);
    *out = fallback;
    if (text == NULL)
        return true;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || number < lo || number > hi) {
        cli_usage("--%s: expected a number from %lld to %lld, found '%s'", option, lo, hi,
                  text);
        return false;
    }
    *out = number;
    return true;
}

bool cli_json(const cli_args *args)
{
    return args->json;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void close_bar(cli_args *args)
{
    if (args->bar_open)
        fprintf(stderr, "\r\033[K");
    args->bar_open = false;
}

static void show_progress(void *user, const char *label, uint64_t done, uint64_t total)
{
    cli_args *args = user;
    if (args->quiet)
        return;
    double now = now_s();
    bool terminal = isatty(2),
         fresh = strncmp(label, args->last_label, sizeof args->last_label - 1) != 0;
    if (!fresh && now - args->last_shown < (terminal ? 0.1 : 10.0))
        return;
    args->last_shown = now;
    snprintf(args->last_label, sizeof args->last_label, "%s", label);
    if (terminal && total > 0) {
        char bar[31];
        int filled = (int)(30.0 * (double)done / (double)total);
        for (int i = 0; i < 30; i++)
            bar[i] = i < filled ? '#' : '.';
        bar[30] = '\0';
        fprintf(stderr, "\r\033[K%s [%s] %3.0f%%", label, bar,
                100.0 * (double)done / (double)total);
        args->bar_open = true;
    } else if (terminal) {
        fprintf(stderr, "\r\033[K%s …", label);
        args->bar_open = true;
    } else if (total > 0) {
        fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 "\n", label, done, total);
    } else if (fresh) {
        fprintf(stderr, "%s\n", label);
    }
    fflush(stderr);
}

static int was_cancelled(void *user)
{
    (void)user;
    return interrupted;
}

const tgl_progress *cli_progress(cli_args *args)
{
    return &args->progress;
}

void cli_note(cli_args *args, const char *format, ...)
{
    if (args->quiet)
        return;
    close_bar(args);
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

int cli_usage(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "trigline: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    return CLI_USAGE;
}

int cli_fail(const tgl_error *err)
{
    if (isatty(2))
        fprintf(stderr, "\r\033[K");
    fprintf(stderr, "trigline: %s", err->message);
    if (err->offset != TGL_NO_OFFSET)
        fprintf(stderr, " (at byte %" PRIu64 ")", err->offset);
    fprintf(stderr, "\n");
    if (err->code == TGL_ECANCELLED)
        return 130;
    return err->code == TGL_EUSAGE      ? CLI_USAGE
           : err->code == TGL_EMISMATCH ? CLI_NEGATIVE
                                        : CLI_FAILURE;
}

const char *cli_colour(const char *name)
{
    static const char *const codes[][2] = {{"bold", "\033[1m"},
                                           {"dim", "\033[2m"},
                                           {"red", "\033[31m"},
                                           {"green", "\033[32m"},
                                           {"reset", "\033[0m"}};
    if (!isatty(1) || getenv("NO_COLOR") != NULL)
        return "";
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(codes[i][0], name) == 0)
            return codes[i][1];
    return "";
}

static const cli_noun *find_noun(const char *name)
{
    for (size_t i = 0; i < cli_n_noun; i++)
        if (strcmp(cli_nouns[i]->name, name) == 0)
            return cli_nouns[i];
    return NULL;
}

static int unknown(const char *kind, const char *word, const char *const *words, size_t n,
                   const char *help)
{
    const char *near = cli_near(word, words, n);
    if (near != NULL)
        return cli_usage("unknown %s '%s'; did you mean '%s'? ('%s' lists them)", kind,
                         word, near, help);
    return cli_usage("unknown %s '%s'; '%s' lists them", kind, word, help);
}

static const cli_option json_option = {"json", 0, NULL, NULL, false};
static const cli_option quiet_option = {"quiet", 'q', NULL, NULL, false};

static const cli_option *find_option(const cli_verb *verb, const char *name, size_t n,
                                     char letter)
{
    for (size_t i = 0; i < verb->n_option + 2; i++) {
        const cli_option *o = i < verb->n_option    ? &verb->options[i]
                              : i == verb->n_option ? &json_option
                                                    : &quiet_option;
        if (name != NULL ? strlen(o->name) == n && strncmp(o->name, name, n) == 0
                         : o->letter == letter && letter)
            return o;
    }
    return NULL;
}

/* One option at argv[*i]; 0, or the exit code of a usage error. */
static int take_option(cli_args *args, char **argv, int argc, int *i)
{
    const char *word = argv[*i], *value = NULL;
    const cli_option *option;
    if (word[1] == '-') {
        size_t n = strcspn(word + 2, "=");
        option = find_option(args->verb, word + 2, n, 0);
        if (word[2 + n] == '=')
            value = word + 3 + n;
    } else {
        option = find_option(args->verb, NULL, 0, word[1]);
        if (option != NULL && word[2] != '\0')
            value = word + 2;
    }
    if (option == NULL)
        return cli_usage("unknown option '%s'; 'trigline %s%s%s --help' lists them", word,
                         args->noun->name, args->verb->name ? " " : "",
                         args->verb->name ? args->verb->name : "");
    if (option->value == NULL && value != NULL)
        return cli_usage("option '--%s' takes no value", option->name);
    if (option->value != NULL && value == NULL) {
        if (*i + 1 >= argc)
            return cli_usage("option '--%s' needs a value (%s)", option->name,
                             option->value);
        value = argv[++*i];
    }
    args->json = args->json || option == &json_option;
    args->quiet = args->quiet || option == &quiet_option;
    args->options[args->n_option++] = (given){option, value != NULL ? value : ""};
    return 0;
}

static int parse(cli_args *args, int argc, char **argv, int first)
{
    bool only_arguments = false;
    for (int i = first; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments &&
                   (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            cli_help_verb(stdout, args->noun, args->verb);
            return -1;
        } else if (!only_arguments && argv[i][0] == '-' && argv[i][1] != '\0') {
            int bad = take_option(args, argv, argc, &i);
            if (bad)
                return bad;
        } else {
            args->arguments[args->n_argument++] = argv[i];
        }
    }
    int n = args->n_argument, max = args->verb->max_argument;
    if (n < args->verb->min_argument || (max >= 0 && n > max))
        return cli_usage(
            "expected %s%s, found %d argument%s; see 'trigline %s%s%s --help'",
            n < args->verb->min_argument ? "at least " : "",
            args->verb->arguments ? args->verb->arguments : "no argument", n,
            n == 1 ? "" : "s", args->noun->name, args->verb->name ? " " : "",
            args->verb->name ? args->verb->name : "");
    return 0;
}

/* Find the verb of argv[1], argv[2]; *first is where its own words begin. NULL: *code is
 * the exit code. */
static const cli_verb *choose(const cli_noun *noun, int argc, char **argv, int *first,
                              int *code)
{
    *first = 2;
    if (noun->n_verb == 1 && noun->verbs[0].name == NULL)
        return &noun->verbs[0];
    if (argc < 3 || strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0) {
        cli_help_noun(argc < 3 ? stderr : stdout, noun);
        *code = argc < 3 ? CLI_USAGE : CLI_GOOD;
        return NULL;
    }
    const char *names[32];
    *first = 3;
    for (size_t v = 0; v < noun->n_verb && v < 32; v++) {
        names[v] = noun->verbs[v].name;
        if (strcmp(names[v], argv[2]) == 0)
            return &noun->verbs[v];
    }
    char help[64];
    snprintf(help, sizeof help, "trigline %s --help", noun->name);
    *code = unknown("verb", argv[2], names, noun->n_verb, help);
    return NULL;
}

static int run_verb(cli_args *args, int argc, char **argv, int first)
{
    args->arguments = calloc((size_t)argc + 1, sizeof *args->arguments);
    args->options = calloc((size_t)argc + 1, sizeof *args->options);
    int code = CLI_FAILURE;
    if (args->arguments == NULL || args->options == NULL)
        fprintf(stderr, "trigline: out of memory\n");
    else if ((code = parse(args, argc, argv, first)) == 0)
        code = args->verb->run(args);
    close_bar(args);
    free((void *)args->arguments);
    free(args->options);
    if (fflush(stdout) != 0 && code <= 0) {
        fprintf(stderr, "trigline: cannot write the result: %s\n", strerror(errno));
        code = CLI_FAILURE;
    }
    return code < 0 ? CLI_GOOD : code;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (argc > 1 && strcmp(argv[1], "help") == 0)
        return cli_help(argc - 2, argv + 2);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_help_all(argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : CLI_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("trigline %s\ncode %s\n", tgl_version(), tgl_code_digest());
        return CLI_GOOD;
    }
    const cli_noun *noun = find_noun(argv[1]);
    if (noun == NULL) {
        const char *names[64];
        for (size_t i = 0; i < cli_n_noun && i < 64; i++)
            names[i] = cli_nouns[i]->name;
        return unknown("command", argv[1], names, cli_n_noun, "trigline --help");
    }
    int first, code = CLI_USAGE;
    cli_args args = {.noun = noun};
    args.verb = choose(noun, argc, argv, &first, &code);
    if (args.verb == NULL)
        return code;
    args.progress = (tgl_progress){show_progress, was_cancelled, &args};
    return run_verb(&args, argc, argv, first);
}
