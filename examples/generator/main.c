/* trigline-generate: Level-1-like data for the examples, from the collision library. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "produce.h"

static const char help[] =
    "usage: trigline-generate --out DIR [options]\n"
    "\n"
    "Overlays the collisions of examples/library into bunch crossings and writes ROOT "
    "files\n"
    "with the objects a simple Level-1 sends (docs/example-data.md).\n"
    "\n"
    "  --out DIR       where the files go; made when it does not exist\n"
    "  --library DIR   the collision library (default " TGL_GENERATOR_LIBRARY ")\n"
    "  --seed N        default 1; the same seed gives the same bytes\n"
    "  --events N      crossings of zerobias_test (default 1000000); the other samples\n"
    "                  scale with it\n"
    "  --threads N     default: one per processor; does not change the files\n"
    "  --codec NAME    lz4 (default) or zstd\n"
    "  --basket N      bytes of a basket before compression (default 32000)\n"
    "  --only NAME...  only these samples (and sections)\n"
    "  --help          this text\n"
    "\n"
    "samples:";

typedef struct options {
    const char *out, *library;
    uint64_t seed, events, threads, basket;
    root_codec codec;
    char **only;
    int n_only;
} options;

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static int cancelled(void *user)
{
    (void)user;
    return stop_asked != 0;
}

static void report(void *user, const char *label, uint64_t done, uint64_t total)
{
    const int *terminal = user;
    if (total == 0)
        return;
    if (*terminal)
        fprintf(stderr, "\r%-20s %3u%%  %llu of %llu crossings%s", label,
                (unsigned)(100 * done / total), (unsigned long long)done,
                (unsigned long long)total, done == total ? "\n" : "");
    else if (done == total)
        fprintf(stderr, "%s: %llu crossings\n", label, (unsigned long long)total);
}

static void no_report(void *user, const char *label, uint64_t done, uint64_t total)
{
    (void)user;
    (void)label;
    (void)done;
    (void)total;
}

static int number(uint64_t *out, const char *text, uint64_t least, uint64_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || text[0] == '-' || value < least ||
        value > most)
        return 0;
    *out = value;
    return 1;
}

static int usage(const char *what, const char *word)
{
    fprintf(stderr, "trigline-generate: %s '%s' (see --help)\n", what, word);
    return 2;
}

static int known(const char *name)
{
    if (strcmp(name, "sections") == 0)
        return 1;
    for (size_t i = 0; i < n_samples; i++)
        if (strcmp(samples[i].name, name) == 0)
            return 1;
    return 0;
}

static int codec_of(root_codec *out, const char *name)
{
    *out = strcmp(name, "zstd") == 0 ? CODEC_ZSTD : CODEC_LZ4;
    return *out == CODEC_ZSTD || strcmp(name, "lz4") == 0;
}

/* 0: taken; else what to answer. */
static int take_option(options *o, const char *name, const char *value)
{
    int good = 1;
    if (strcmp(name, "--out") == 0)
        o->out = value;
    else if (strcmp(name, "--library") == 0)
        o->library = value;
    else if (strcmp(name, "--seed") == 0)
        good = number(&o->seed, value, 0, UINT64_MAX);
    else if (strcmp(name, "--events") == 0)
        good = number(&o->events, value, 1, 100000000);
    else if (strcmp(name, "--threads") == 0)
        good = number(&o->threads, value, 1, 256);
    else if (strcmp(name, "--basket") == 0)
        good = number(&o->basket, value, 64, 16000000);
    else if (strcmp(name, "--codec") == 0)
        return codec_of(&o->codec, value) ? 0 : usage("neither lz4 nor zstd:", value);
    else
        return usage("unknown option", name);
    return good ? 0 : usage("not a number in range:", value);
}

static int parse(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--only") == 0) {
            o->only = argv + i + 1;
            for (o->n_only = 0; i + 1 < argc && argv[i + 1][0] != '-'; i++, o->n_only++)
                if (!known(argv[i + 1]))
                    return usage("unknown sample", argv[i + 1]);
            if (o->n_only == 0)
                return usage("no sample after", name);
            continue;
        }
        if (i + 1 == argc)
            return usage("unknown option or value missing:", name);
        int code = take_option(o, name, argv[++i]);
        if (code != 0)
            return code;
    }
    return o->out != NULL ? 0 : usage("missing option", "--out");
}

static int wanted(const options *o, const char *name)
{
    for (int i = 0; i < o->n_only; i++)
        if (strcmp(o->only[i], name) == 0)
            return 1;
    return o->n_only == 0;
}

static tgl_status one_sample(const production_plan *p, const options *o, size_t index,
                             const tgl_progress *quiet, tgl_error *err)
{
    collision_set signal_set = {0};
    tgl_status status = TGL_OK;
    if (samples[index].signal != NULL)
        status = library_load(&signal_set, o->library, samples[index].signal, quiet, err);
    if (status == TGL_OK)
        status = produce_sample(p, index,
                                samples[index].signal != NULL ? &signal_set : NULL, err);
    library_release(&signal_set);
    return status;
}

static tgl_status generate(const options *o, tgl_error *err)
{
    static draw_tables tables;
    int terminal = isatty(STDERR_FILENO);
    tgl_progress progress = {report, cancelled, &terminal};
    tgl_progress quiet = {no_report, cancelled, NULL};
    collision_set minbias = {0}, hard = {0};
    draw_tables_init(&tables);
    tgl_status status = library_load(&minbias, o->library, "minbias", &quiet, err);
    if (status == TGL_OK)
        status = library_load(&hard, o->library, "hardqcd", &quiet, err);
    if (status == TGL_OK && hard.cumulative == NULL) {
        status = err->code = TGL_EFORMAT;
        snprintf(err->message, sizeof err->message,
                 "'%.300s/hardqcd.root' has no weights", o->library);
    }
    production_plan p = {.directory = o->out,
                         .seed = o->seed,
                         .events = (uint32_t)o->events,
                         .n_thread = (unsigned)o->threads,
                         .packing = {o->codec, (uint32_t)o->basket},
                         .tables = &tables,
                         .minbias = &minbias,
                         .hard = &hard,
                         .progress = &progress};
    for (size_t i = 0; i < n_samples && status == TGL_OK; i++)
        if (wanted(o, samples[i].name))
            status = one_sample(&p, o, i, &quiet, err);
    if (status == TGL_OK && wanted(o, "sections"))
        status = produce_sections(&p, err);
    library_release(&minbias);
    library_release(&hard);
    return status;
}

int main(int argc, char **argv)
{
    long n_processor = sysconf(_SC_NPROCESSORS_ONLN);
    options o = {.library = TGL_GENERATOR_LIBRARY,
                 .seed = 1,
                 .events = 1000000,
                 .basket = ROOT_BASKET_BYTES,
                 .threads = n_processor > 0 ? (uint64_t)n_processor : 1};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            for (size_t k = 0; k < n_samples; k++)
                printf("%s%s", k % 4 == 0 ? "\n  " : " ", samples[k].name);
            printf("\n  sections\n");
            return 0;
        }
    int code = parse(&o, argc, argv);
    if (code != 0)
        return code;
    if (mkdir(o.out, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "trigline-generate: cannot make '%s': %s\n", o.out,
                strerror(errno));
        return 3;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    tgl_error err = {0};
    tgl_status status = generate(&o, &err);
    if (status != TGL_OK) {
        fprintf(stderr, "trigline-generate: %s\n", err.message);
        return 3;
    }
    return 0;
}
