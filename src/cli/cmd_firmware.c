#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/emulate.h>
#include <trigline/firmware.h>
#include <trigline/model.h>

#include "cli/cli.h"

enum { MAX_FILE = 1 << 30 };

static tgl_status fail(tgl_error *err, tgl_status code, const char *what,
                       const char *path)
{
    err->code = code;
    err->offset = TGL_NO_OFFSET;
    snprintf(err->message, sizeof err->message, "%s '%s'", what, path);
    return code;
}

static tgl_status read_file(uint8_t **out, size_t *size, const char *path, tgl_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(err, TGL_EIO, "cannot open", path);
    size_t room = 1 << 16, n = 0;
    uint8_t *bytes = malloc(room);
    while (bytes) {
        n += fread(bytes + n, 1, room - n, file);
        if (n < room || room >= MAX_FILE)
            break;
        uint8_t *more = realloc(bytes, room *= 2);
        if (!more)
            free(bytes);
        bytes = more;
    }
    int bad = ferror(file);
    fclose(file);
    if (!bytes)
        return fail(err, TGL_ENOMEM, "no memory for", path);
    if (bad || n >= MAX_FILE) {
        free(bytes);
        return fail(err, bad ? TGL_EIO : TGL_ELIMIT, "cannot read", path);
    }
    *out = bytes;
    *size = n;
    return TGL_OK;
}

/* The file's name before what the library says about its bytes. */
static tgl_status name_file(tgl_error *err, const char *path, tgl_status status)
{
    if (status != TGL_OK) {
        char said[sizeof err->message];
        memcpy(said, err->message, sizeof said);
        snprintf(err->message, sizeof err->message, "'%.120s': %.360s", path, said);
    }
    return status;
}

/* Either form of a program: text has no zero byte. */
static tgl_status read_program(tgl_program **out, const char *path, tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tgl_status status = read_file(&bytes, &size, path, err);
    if (status != TGL_OK)
        return status;
    if (memchr(bytes, 0, size))
        status = tgl_program_decode(out, bytes, size, err);
    else {
        status = tgl_program_parse(out, (const char *)bytes, size, err);
        if (status == TGL_OK)
            status = tgl_program_verify(*out, err);
    }
    free(bytes);
    return name_file(err, path, status);
}

static tgl_status read_payload(tgl_payload **out, const tgl_program *program,
                               const char *path, tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!path)
        return TGL_OK;
    tgl_status status = read_file(&bytes, &size, path, err);
    if (status == TGL_OK)
        status = name_file(err, path, tgl_payload_decode(out, program, bytes, size, err));
    free(bytes);
    uint8_t digest[32];
    if (status == TGL_OK)
        status = tgl_model_program_digest(digest, NULL, program, err);
    if (status == TGL_OK && memcmp(digest, tgl_payload_program_digest(*out), 32) != 0)
        status =
            fail(err, TGL_EFORMAT, "the payload was made for another program:", path);
    return status;
}

static bool read_options(tgl_firmware_options *out, cli_args *args)
{
    long long mhz;
    if (!cli_number(args, "clock", 0, 0, 5000, &mhz))
        return false;
    out->clock_mhz = (double)mhz;
    out->module = cli_value(args, "module", NULL);
    return true;
}

static void put_count(const char *name, int64_t value, bool json)
{
    if (json && value < 0)
        printf("\"%s\":null,", name);
    else if (json)
        printf("\"%s\":%lld,", name, (long long)value);
    else if (value < 0)
        printf("%-8s not measured\n", name);
    else
        printf("%-8s %lld\n", name, (long long)value);
}

/* JSON text without the characters that would end it. */
static void put_escaped(const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar((unsigned char)*text < 32 ? ' ' : *text);
    }
}

static int show_resources(const tgl_resources *r, bool json)
{
    if (json)
        printf("{");
    put_count("lut", r->lut, json);
    put_count("ff", r->ff, json);
    put_count("dsp", r->dsp, json);
    put_count("bram", r->bram, json);
    if (json) {
        printf("\"latency_cycles\":%lld,\"clock_mhz\":%g,\"power_w\":", //
               (long long)r->latency_cycles, r->clock_mhz);
        if (r->power_w < 0)
            printf("null");
        else
            printf("%g", r->power_w);
        printf(",\"not_counted\":\"");
        put_escaped(r->not_counted);
        printf("\",\"source\":\"%s\"}\n", r->source);
    } else {
        printf("latency  %lld clocks (%.1f ns at %g MHz, if timing closes)\n"
               "source   %s\n",
               (long long)r->latency_cycles,
               1e3 * (double)r->latency_cycles / r->clock_mhz, r->clock_mhz, r->source);
        if (r->not_counted[0] != '\0')
            printf("not counted: %s\n", r->not_counted);
    }
    return CLI_GOOD;
}

/* ---- build ---- */

static int build(cli_args *args)
{
    tgl_error err;
    tgl_program *program = NULL;
    tgl_payload *payload = NULL;
    tgl_resources resources;
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    if (!read_options(&options, args))
        return CLI_USAGE;
    const char *directory = cli_argument(args, 1);
    tgl_status status = read_program(&program, cli_argument(args, 0), &err);
    if (status == TGL_OK)
        status = read_payload(&payload, program, cli_value(args, "payload", NULL), &err);
    if (status == TGL_OK)
        status = tgl_firmware_build(directory, program, payload, &options, &err);
    if (status == TGL_OK)
        status = tgl_firmware_estimate(&resources, program, &options, &err);
    tgl_payload_free(payload);
    tgl_program_free(program);
    if (status != TGL_OK)
        return cli_fail(&err);
    cli_note(args, "wrote %s; the figures are an estimate", directory);
    return show_resources(&resources, cli_json(args));
}

static int estimate(cli_args *args)
{
    tgl_error err;
    tgl_program *program = NULL;
    tgl_resources resources;
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    if (!read_options(&options, args))
        return CLI_USAGE;
    tgl_status status = read_program(&program, cli_argument(args, 0), &err);
    if (status == TGL_OK)
        status = tgl_firmware_estimate(&resources, program, &options, &err);
    tgl_program_free(program);
    return status == TGL_OK ? show_resources(&resources, cli_json(args)) : cli_fail(&err);
}

static int synth(cli_args *args)
{
    tgl_error err;
    tgl_resources resources;
    if (tgl_firmware_synth(&resources, cli_argument(args, 0),
                           cli_value(args, "keep", NULL), cli_progress(args),
                           &err) != TGL_OK)
        return cli_fail(&err);
    return show_resources(&resources, cli_json(args));
}

/* ---- simulate ---- */

typedef struct simulation {
    tgl_program *program;
    tgl_payload *payload, *swap;
    int64_t *in, *expected, *swapped;
    size_t n;
    uint64_t n_before;
    tgl_simulation result;
} simulation;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The first events are corners (all lowest, all highest, zero), the others random with a
 * corner in one of eight codes. */
static void fill_inputs(simulation *s, uint64_t seed)
{
    size_t n_in = tgl_program_n_input(s->program);
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (size_t i = 0; i < s->n * n_in; i++) {
        tgl_type type = tgl_program_input(s->program, (uint32_t)(i % n_in))->type;
        int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
        uint64_t r = next_random(&state), kind = i / n_in;
        if (kind > 2)
            kind = r >> 61 ? 3 : r >> 60 & 1;
        s->in[i] = kind == 0   ? lo
                   : kind == 1 ? hi
                   : kind == 2
                       ? 0
                       : (int64_t)((uint64_t)lo + (next_random(&state) >> 1) %
                                                      ((uint64_t)hi - (uint64_t)lo + 1));
    }
}

static tgl_status emulate(int64_t *out, const simulation *s, const tgl_payload *payload,
                          tgl_error *err)
{
    tgl_emulator *emulator = NULL;
    tgl_status status = tgl_emulator_new(&emulator, s->program, payload, NULL, err);
    if (status == TGL_OK)
        status = tgl_emulator_run_parallel(out, emulator, s->in, s->n, 0, NULL, err);
    tgl_emulator_free(emulator);
    return status;
}

static tgl_status prepare(simulation *s, cli_args *args, tgl_error *err)
{
    tgl_status status = read_program(&s->program, cli_argument(args, 1), err);
    if (status == TGL_OK)
        status =
            read_payload(&s->payload, s->program, cli_value(args, "payload", NULL), err);
    if (status == TGL_OK)
        status = read_payload(&s->swap, s->program, cli_value(args, "swap", NULL), err);
    if (status != TGL_OK)
        return status;
    size_t n_in = tgl_program_n_input(s->program),
           n_out = tgl_program_n_output(s->program);
    s->in = calloc(s->n * n_in + 1, sizeof *s->in);
    s->expected = calloc(s->n * n_out, sizeof *s->expected);
    s->swapped = calloc(s->n * n_out, sizeof *s->swapped);
    if (!s->in || !s->expected || !s->swapped)
        return fail(err, TGL_ENOMEM, "no memory for the events of", "simulate");
    return TGL_OK;
}

static tgl_status run_simulation(simulation *s, cli_args *args, uint64_t seed,
                                 tgl_error *err)
{
    const char *directory = cli_argument(args, 0), *work = cli_value(args, "keep", NULL);
    const tgl_progress *progress = cli_progress(args);
    tgl_status status = prepare(s, args, err);
    if (status != TGL_OK)
        return status;
    fill_inputs(s, seed);
    status = emulate(s->expected, s, s->payload, err);
    if (status == TGL_OK && s->swap)
        status = emulate(s->swapped, s, s->swap, err);
    if (status == TGL_OK && s->swap)
        return tgl_firmware_simulate_swap(&s->result, &s->n_before, directory, work,
                                          s->program, s->swap, s->in, s->expected,
                                          s->swapped, s->n, progress, err);
    if (status == TGL_OK)
        status =
            tgl_firmware_simulate(&s->result, directory, work, s->program, s->payload,
                                  s->in, s->expected, s->n, progress, err);
    return status;
}

static void show_simulation(const simulation *s, bool json)
{
    const tgl_simulation *r = &s->result;
    if (json) {
        printf("{\"n_event\":%llu,\"n_different\":%llu,\"latency_cycles\":%u,",
               (unsigned long long)r->n_event, (unsigned long long)r->n_different,
               r->latency_cycles);
        if (s->swap)
            printf("\"n_before_swap\":%llu,", (unsigned long long)s->n_before);
        printf("\"first_difference\":");
        if (r->n_different) {
            printf("\"");
            put_escaped(r->first_difference);
            printf("\"");
        } else {
            printf("null");
        }
        printf(",\"compile_s\":%.3f,\"run_s\":%.3f}\n", r->compile_s, r->run_s);
        return;
    }
    printf("%llu events, %llu differing; latency %u clocks\n",
           (unsigned long long)r->n_event, (unsigned long long)r->n_different,
           r->latency_cycles);
    if (s->swap)
        printf("payload swapped in after event %llu\n", (unsigned long long)s->n_before);
    if (r->n_different)
        printf("%s\n", r->first_difference);
}

static int simulate(cli_args *args)
{
    tgl_error err;
    simulation s = {0};
    long long events, seed;
    if (!cli_number(args, "events", 10000, 1, 100000000, &events) ||
        !cli_number(args, "seed", 1, 0, INT64_MAX, &seed))
        return CLI_USAGE;
    s.n = (size_t)events;
    tgl_status status = run_simulation(&s, args, (uint64_t)seed, &err);
    if (status == TGL_OK)
        show_simulation(&s, cli_json(args));
    free(s.in);
    free(s.expected);
    free(s.swapped);
    tgl_payload_free(s.payload);
    tgl_payload_free(s.swap);
    tgl_program_free(s.program);
    if (status != TGL_OK)
        return cli_fail(&err);
    return s.result.n_different ? CLI_NEGATIVE : CLI_GOOD;
}

static const cli_option build_options[] = {
    {"payload", 'p', "FILE", "payload whose values are the reset values", false},
    {"clock", 'c', "MHZ", "pipeline target (default 360)", false},
    {"module", 'm', "NAME", "top module's name (default: the program's)", false},
};
static const cli_option estimate_options[] = {
    {"clock", 'c', "MHZ", "pipeline target (default 360)", false},
    {"module", 'm', "NAME", "top module's name (default: the program's)", false},
};
#define KEEP                                                                             \
    {                                                                                    \
        "keep", 'k', "FOLDER",                                                           \
            "keep the tools' files there, and find them there again (default: a "        \
            "temporary "                                                                 \
            "folder)",                                                                   \
            false                                                                        \
    }

static const cli_option simulate_options[] = {
    {"payload", 'p', "FILE", "write this payload over the bus and swap it in first",
     false},
    {"swap", 's', "FILE", "swap this payload in while events stream", false},
    {"events", 'n', "N", "corner and random events (default 10000)", false},
    {"seed", 0, "N", "of the random events (default 1)", false},
    KEEP,
};

static const cli_option synth_options[] = {KEEP};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const cli_verb verbs[] = {
    {.name = "build",
     .arguments = "PROGRAM DIR",
     .summary = "write Verilog: core, slot bank, top, test bench, firmware.json",
     .details = "PROGRAM is a program's binary or text form. Prints the estimate.",
     .options = build_options,
     .n_option = COUNT(build_options),
     .min_argument = 2,
     .max_argument = 2,
     .run = build},
    {.name = "simulate",
     .arguments = "DIR PROGRAM",
     .summary = "run the Verilated firmware against the emulator, bit by bit",
     .details = "Corner and random events, one per clock, the first ones with gaps. On a "
                "difference the first differing operation is named and the exit code is "
                "1. Models are kept under DIR/verilator by the digest of their sources.",
     .options = simulate_options,
     .n_option = COUNT(simulate_options),
     .min_argument = 2,
     .max_argument = 2,
     .run = simulate},
    {.name = "synth",
     .arguments = "DIR",
     .summary = "resources by Yosys for UltraScale+",
     .options = synth_options,
     .n_option = COUNT(synth_options),
     .min_argument = 1,
     .max_argument = 1,
     .run = synth},
    {.name = "estimate",
     .arguments = "PROGRAM",
     .summary = "resources by a closed form, without any tool",
     .options = estimate_options,
     .n_option = COUNT(estimate_options),
     .min_argument = 1,
     .max_argument = 1,
     .run = estimate},
};

const cli_noun cli_firmware = {"firmware", "Verilog: build, simulate, synth, estimate",
                               verbs, COUNT(verbs)};
