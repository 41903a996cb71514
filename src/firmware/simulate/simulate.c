/* Verilated firmware against expected codes. Models are built once per digest of their
 * sources, under <work>/<digest>/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <trigline/emulate.h>

#include "base/error.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "firmware/bank.h"
#include "firmware/simulate.h"

typedef struct session {
    const char *directory;
    const tgl_program *program;
    const tgl_payload *payload;
    const tgl_progress *progress;
    tgl__description description;
    tgl__netlist n;
    tgl__hardware_names names;
    double compile_s, run_s;
    char *model;                              /* path of the built model */
    char *in, *out, *script, *answers, *dump; /* paths of one run */
    char *temporary; /* the work folder when the caller named none */
    const char *work;
    char *scratch;
} session;

typedef struct run_request {
    const int64_t *in;
    size_t n_event;
    size_t gaps; /* events among which idle clocks are strewn */
    int64_t strobe_at, dump_at;
    const char *bus_script; /* text, or NULL */
} run_request;

static char *join_printf(const char *directory, const char *name, const char *suffix)
{
    tgl_buffer path = TGL_BUFFER_INIT;
    tgl__buffer_printf(&path, "%s/%s%s", directory, name, suffix);
    char *text = NULL;
    size_t size;
    if (tgl__buffer_finish(&path, &text, &size, NULL) != TGL_OK)
        return NULL;
    return text;
}

/* ---- building ---- */

static const char *const suffixes[] = {".v", "_core.v", "_bank.v"};

/* A short digest of everything the model is made from. */
static tgl_status model_key(char key[17], const session *s, const tgl_buffer *harness,
                            bool debug, tgl_error *err)
{
    tgl_sha256_stream *stream = NULL;
    tgl_sha256 digest;
    tgl_status status = tgl__sha256_new(&stream, err);
    if (status != TGL_OK)
        return status;
    for (size_t k = 0; k < 3; k++) {
        char *path = join_printf(s->directory, s->description.module, suffixes[k]);
        char *text = NULL;
        size_t size;
        status = path ? tgl__file_read(&text, &size, path, (size_t)1 << 31, err)
                      : tgl__fail_nomem(err);
        if (status == TGL_OK)
            status = tgl__sha256_update(stream, text, size + 1, err);
        tgl__free(text);
        tgl__free(path);
        TGL_TRY_GOTO(status);
    }
    TGL_TRY_GOTO(tgl__sha256_update(stream, harness->bytes, harness->size, err));
    TGL_TRY_GOTO(tgl__sha256_update(stream, debug ? "debug" : "fast", 5 - !debug, err));
    TGL_TRY_GOTO(tgl__sha256_final(&digest, stream, err));
    for (int i = 0; i < 8; i++)
        snprintf(key + 2 * i, 3, "%02x", digest.bytes[i]);
out:
    tgl__sha256_free(stream);
    return status;
}

/* The line of a tool's output that names the trouble. */
static void first_error(char line[200], const char *output)
{
    const char *at = output ? strstr(output, "rror") : NULL;
    while (at && at > output && at[-1] != '\n')
        at--;
    at = at ? at : output ? output : "";
    snprintf(line, 200, "%.*s", (int)strcspn(at, "\n"), at);
}

static tgl_status run_verilator(session *s, const char *build, bool debug, tgl_error *err)
{
    char *sources[3] = {NULL, NULL, NULL};
    tgl_status status = TGL_OK;
    tgl_subprocess_result result = {0};
    for (size_t k = 0; k < 3; k++) {
        char *real = NULL,
             *path = join_printf(s->directory, s->description.module, suffixes[k]);
        real = path ? realpath(path, NULL) : NULL;
        sources[k] = real ? tgl__strdup(real) : NULL;
        free(real);
        tgl__free(path);
        if (!sources[k]) {
            status = tgl__fail(err, TGL_EIO, "firmware sources in '%s' are incomplete",
                               s->directory);
            goto out;
        }
    }
    const char *argv[] = {
        "verilator", "--cc", "--exe", "--build", debug ? "--public-flat-rw" : "-O3",
        /* 5.006 miscompiles x[1] & (~x[8] | x[0]) where x[0] is a
           constant */
        "-fno-const-bit-op-tree", "-Wno-fatal", "-Wno-lint", "--x-assign", "fast",
        "--x-initial", "fast", "--noassert", "--output-split", "20000", "-MAKEFLAGS",
        debug ? "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
              : "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O0",
        "-Mdir", "obj", "-j", "2", "--prefix", "Vmodel", "--top-module",
        s->description.module, "-o", "model", sources[0], sources[1], sources[2],
        "harness.cpp", NULL};
    tgl_subprocess process = {.argv = argv,
                              .directory = build,
                              .timeout_s = 3600,
                              .progress = s->progress,
                              .label = "compiling the Verilated model"};
    TGL_TRY_GOTO(tgl__subprocess_run(&result, &process, err));
    s->compile_s += result.seconds;
    if (result.timed_out)
        status = tgl__fail(err, TGL_ELIMIT, "verilator: not done within an hour");
    else if (result.exit_code != 0) {
        char line[200];
        first_error(line, result.output);
        status = tgl__fail(err, TGL_EMISMATCH, "verilator failed with exit code %d: %s",
                           result.exit_code, line);
    }
out:
    tgl__free(result.output);
    for (size_t k = 0; k < 3; k++)
        tgl__free(sources[k]);
    return status;
}

/* Build (or find) the model; s->model is its program's path. */
static tgl_status build_model(session *s, bool debug, tgl_error *err)
{
    tgl_buffer harness = TGL_BUFFER_INIT;
    char key[17], *build = NULL, *cpp = NULL;
    tgl_status status = TGL_OK;
    tgl__free(s->model);
    s->model = NULL;
    TGL_TRY_GOTO(tgl__simulate_harness(&harness, &s->n, &s->names, debug, err));
    TGL_TRY_GOTO(model_key(key, s, &harness, debug, err));
    build = tgl__path_join(s->work, key);
    cpp = build ? tgl__path_join(build, "harness.cpp") : NULL;
    s->model = build ? tgl__path_join(build, "obj/model") : NULL;
    if (!cpp || !s->model) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    if (tgl__file_exists(s->model))
        goto out;
    TGL_TRY_GOTO(tgl__make_dirs(build, err));
    TGL_TRY_GOTO(tgl__file_write(cpp, harness.bytes, harness.size, err));
    status = run_verilator(s, build, debug, err);
    if (status != TGL_OK) /* a model cut short would be taken for a finished one */
        (void)!tgl__remove_tree(build, NULL);
out:
    tgl__buffer_release(&harness);
    tgl__free(build);
    tgl__free(cpp);
    return status;
}

/* ---- running ---- */

static tgl_status explain_exit(const tgl_subprocess_result *result, tgl_error *err)
{
    switch (result->exit_code) {
    case 0:
    case 5: /* events went missing: the comparison says which */
        return TGL_OK;
    case 4:
        return tgl__fail(err, TGL_EMISMATCH,
                         "firmware: the register bus never acknowledged");
    default:
        return tgl__fail(err, TGL_EIO, "simulation ended with exit code %d",
                         result->exit_code);
    }
}

static tgl_status run_model(session *s, const run_request *request, uint64_t *received,
                            uint64_t *latency, tgl_error *err)
{
    tgl_subprocess_result result = {0};
    tgl_status status = TGL_OK;
    size_t n_in = tgl_program_n_input(s->program);
    char events[24], gaps[24], strobe[24], dump[24];
    TGL_TRY(tgl__file_write(s->in, request->in, request->n_event * n_in * 8, err));
    if (request->bus_script)
        TGL_TRY(tgl__file_write(s->script, request->bus_script,
                                strlen(request->bus_script), err));
    snprintf(events, sizeof events, "%zu", request->n_event);
    snprintf(gaps, sizeof gaps, "%zu", request->gaps);
    snprintf(strobe, sizeof strobe, "%lld", (long long)request->strobe_at);
    snprintf(dump, sizeof dump, "%lld", (long long)request->dump_at);
    const char *argv[] = {s->model,   s->in,
                          s->out,     events,
                          gaps,       request->bus_script ? s->script : "",
                          s->answers, strobe,
                          dump,       request->dump_at >= 0 ? s->dump : "",
                          NULL};
    tgl_subprocess process = {
        .argv = argv, .progress = s->progress, .label = "running the Verilated model"};
    TGL_TRY_GOTO(tgl__subprocess_run(&result, &process, err));
    s->run_s += result.seconds;
    TGL_TRY_GOTO(explain_exit(&result, err));
    unsigned long long r = 0, l = 0;
    unsigned swaps = 0, wanted = request->bus_script ? 1 : 0;
    if (!result.output ||
        sscanf(result.output, "received %llu latency %llu swaps %u", &r, &l, &swaps) != 3)
        status = tgl__fail(err, TGL_EIO, "simulation: expected a count of events");
    else if (swaps != wanted)
        status =
            tgl__fail(err, TGL_EMISMATCH,
                      "register bus: expected %u payload swaps, found %u", wanted, swaps);
    *received = r;
    *latency = l;
out:
    tgl__free(result.output);
    return status;
}

static tgl_status payload_image(uint32_t **image, uint32_t *n, const session *s,
                                tgl_error *err)
{
    tgl_sha256 digest;
    TGL_TRY(tgl__payload_digest(&digest, s->program, s->payload, err));
    return tgl__bank_image(image, n, s->program, s->payload, digest.bytes, err);
}

/* A bus script that writes, arms and swaps a payload, then reads everything back. */
static tgl_status swap_script(char **text, const uint32_t *image, uint32_t n, bool strobe,
                              tgl_error *err)
{
    tgl_buffer out = TGL_BUFFER_INIT;
    size_t size;
    for (uint32_t i = 0; i < n; i++)
        tgl__buffer_printf(&out, "w %x %x\n",
                           i < 8 ? (uint32_t)TGL__REG_SHADOW_DIGEST + i
                                 : (uint32_t)TGL__BANK_SHADOW + i - 8,
                           image[i]);
    for (uint32_t i = 0; i < n; i++)
        tgl__buffer_printf(&out, "r %x 0\n",
                           i < 8 ? (uint32_t)TGL__REG_SHADOW_DIGEST + i
                                 : (uint32_t)TGL__BANK_SHADOW + i - 8);
    tgl__buffer_printf(&out, "w %x %x\nw %x %x\nr %x 0\n", TGL__REG_EXPECTED_CRC,
                       tgl__bank_crc(image, n), TGL__REG_CONTROL,
                       TGL__CONTROL_ARM | TGL__CONTROL_CLEAR, TGL__REG_STATUS);
    for (uint32_t i = 0; strobe && i < n; i++)
        tgl__buffer_printf(&out, "%sr %x 0\n", i == 0 ? "s 4 0\ni 200 0\n" : "",
                           i < 8 ? (uint32_t)TGL__REG_ACTIVE_DIGEST + i
                                 : (uint32_t)TGL__BANK_ACTIVE + i - 8);
    if (strobe)
        tgl__buffer_printf(&out, "r %x 0\n", TGL__REG_STATUS);
    return tgl__buffer_finish(&out, text, &size, err);
}

/* The answers of swap_script against the image. */
static tgl_status check_answers(session *s, const uint32_t *image, uint32_t n,
                                bool strobe, tgl_error *err)
{
    char *text = NULL;
    size_t size;
    TGL_TRY(tgl__file_read(&text, &size, s->answers, (size_t)1 << 28, err));
    tgl_status status = TGL_OK;
    const char *at = text;
    uint32_t total = n + 1 + (strobe ? n + 1 : 0);
    for (uint32_t i = 0; i < total && status == TGL_OK; i++) {
        unsigned got = 0;
        if (sscanf(at, "%x", &got) != 1) {
            status = tgl__fail(err, TGL_EIO, "simulation: the bus answers are cut short");
            break;
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
        uint32_t expected = i < n        ? image[i]
                            : i == n     ? (uint32_t)TGL__STATUS_ARMED
                            : i <= 2 * n ? image[i - n - 1]
                                         : (uint32_t)TGL__STATUS_SWAPPED;
        const char *what = i < n        ? "shadow word"
                           : i == n     ? "status after arming"
                           : i <= 2 * n ? "active word"
                                        : "status after the swap";
        if (got != expected)
            status = tgl__fail(err, TGL_EMISMATCH,
                               "register bus: %s %u: expected %08x, found %08x", what,
                               i < n ? i : i - n, expected, got);
    }
    tgl__free(text);
    return status;
}

/* ---- comparing ---- */

static void op_text(char out[200], const tgl_program *program, uint32_t value)
{
    const tgl_op *op = tgl_program_op(program, tgl_program_value_op(program, value));
    const char *layer =
        op->origin.layer && op->origin.layer[0] ? op->origin.layer : "operation";
    char element[16] = "";
    if (op->origin.element >= 0)
        snprintf(element, sizeof element, "[%d]",
                 op->origin.element +
                     (op->n_value > 1 ? (int)(value - op->first_value) : 0));
    snprintf(out, 200, "%.80s%s %.40s (%s, value %u)", layer, element,
             op->origin.role ? op->origin.role : "", tgl_opcode_name(op->code), value);
}

/* Name the first value, in program order, that differs for the dumped event. */
static tgl_status name_difference(tgl_simulation *out, session *s, const int64_t *in,
                                  tgl_error *err)
{
    uint32_t n_value = tgl_program_n_value(s->program);
    char *bytes = NULL;
    size_t size;
    int64_t *values = tgl__calloc(n_value, sizeof *values);
    tgl_status status = values ? TGL_OK : tgl__fail_nomem(err);
    TGL_TRY_GOTO(status);
    TGL_TRY_GOTO(tgl__file_read(&bytes, &size, s->dump, (size_t)1 << 31, err));
    if (size != (size_t)n_value * 9) {
        status = tgl__fail(err, TGL_EIO, "simulation: the dump is cut short");
        goto out;
    }
    TGL_TRY_GOTO(tgl_emulate_reference(values, s->program, s->payload, in, err));
    for (uint32_t v = 0; v < n_value; v++) {
        int64_t found;
        memcpy(&found, bytes + (size_t)8 * v, 8);
        if (!bytes[(size_t)8 * n_value + v] || found == values[v])
            continue;
        char what[200];
        op_text(what, s->program, v);
        snprintf(out->first_difference, sizeof out->first_difference,
                 "event %llu: %s: firmware %lld, emulator %lld",
                 (unsigned long long)out->first_event, what, (long long)found,
                 (long long)values[v]);
        break;
    }
out:
    tgl__free(values);
    tgl__free(bytes);
    return status;
}

static tgl_status compare(tgl_simulation *out, session *s, const int64_t *expected,
                          size_t n_event, uint64_t received, tgl_error *err)
{
    size_t n_out = tgl_program_n_output(s->program), size;
    char *bytes = NULL;
    TGL_TRY(tgl__file_read(&bytes, &size, s->out, (size_t)1 << 40, err));
    size_t have = size / (8 * n_out);
    have = received < have ? (size_t)received : have;
    for (size_t e = 0; e < n_event; e++) {
        const int64_t *want = expected + e * n_out;
        if (e < have && memcmp(bytes + e * n_out * 8, want, n_out * 8) == 0)
            continue;
        if (out->n_different++ > 0)
            continue;
        out->first_event = e;
        snprintf(out->first_difference, sizeof out->first_difference,
                 "event %zu: the output never came out", e);
        for (size_t o = 0; o < n_out && e < have; o++) {
            int64_t found;
            memcpy(&found, bytes + (e * n_out + o) * 8, 8);
            if (found == want[o])
                continue;
            snprintf(out->first_difference, sizeof out->first_difference,
                     "event %zu: output %s: firmware %lld, emulator %lld", e,
                     tgl_program_output(s->program, (uint32_t)o)->name, (long long)found,
                     (long long)want[o]);
            break;
        }
    }
    if (received > n_event && out->n_different == 0) {
        out->n_different = 1;
        out->first_event = n_event;
        snprintf(out->first_difference, sizeof out->first_difference,
                 "%llu outputs for %zu events", (unsigned long long)received, n_event);
    }
    tgl__free(bytes);
    return TGL_OK;
}

/* ---- sessions ---- */

static void close_session(session *s)
{
    char *paths[] = {s->in, s->out, s->script, s->answers, s->dump, s->model};
    if (s->scratch && tgl__file_exists(s->scratch))
        (void)!tgl__remove_tree(s->scratch, NULL);
    if (s->temporary)
        (void)!tgl__remove_tree(s->temporary, NULL);
    tgl__free(s->temporary);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        tgl__free(paths[i]);
    tgl__free(s->scratch);
    tgl__names_release(&s->names);
    tgl__netlist_clear(&s->n);
}

static tgl_status open_scratch(session *s, tgl_error *err)
{
    char name[40];
    if (s->work == NULL) {
        TGL_TRY(tgl__temporary_folder(&s->temporary, "trigline-simulate", err));
        s->work = s->temporary;
    }
    snprintf(name, sizeof name, "run.%ld", (long)getpid());
    s->scratch = tgl__path_join(s->work, name);
    if (!s->scratch)
        return tgl__fail_nomem(err);
    TGL_TRY(tgl__make_dirs(s->scratch, err));
    s->in = tgl__path_join(s->scratch, "in.bin");
    s->out = tgl__path_join(s->scratch, "out.bin");
    s->script = tgl__path_join(s->scratch, "bus.txt");
    s->answers = tgl__path_join(s->scratch, "answers.txt");
    s->dump = tgl__path_join(s->scratch, "dump.bin");
    if (!s->in || !s->out || !s->script || !s->answers || !s->dump)
        return tgl__fail_nomem(err);
    return TGL_OK;
}

static tgl_status open_session(session *s, const char *directory, const char *work,
                               const tgl_program *program, const tgl_payload *payload,
                               const tgl_progress *progress, tgl_error *err)
{
    memset(s, 0, sizeof *s);
    s->directory = directory;
    s->work = work;
    s->program = program;
    s->payload = payload;
    s->progress = progress;
    char *tool = tgl__find_program("verilator");
    if (!tool)
        return tgl__fail(err, TGL_EMISSING,
                         "verilator is not installed (apt install verilator)");
    tgl__free(tool);
    TGL_TRY(tgl__description_read(&s->description, directory, err));
    tgl_sha256 digest;
    TGL_TRY(tgl__program_digest(&digest, program, err));
    if (!tgl__sha256_equal(&digest, &s->description.program_digest))
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s' was built from another program than the one given",
                         directory);
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    options.clock_mhz = s->description.clock_mhz;
    options.ns_per_level = s->description.ns_per_level;
    TGL_TRY(tgl__netlist_build(&s->n, program, &options, err));
    TGL_TRY(tgl__names_init(&s->names, program, s->description.module, err));
    return open_scratch(s, err);
}

/* Does the payload differ from what the sources hold as reset values? The active bank
 * is not in firmware.json, so any payload given is written and swapped in. */
static bool needs_swap(const session *s)
{
    return s->payload != NULL && tgl_program_n_slot(s->program) > 0;
}

static tgl_status find_culprit(tgl_simulation *out, session *s, const run_request *base,
                               tgl_error *err)
{
    if (out->first_event >= base->n_event)
        return TGL_OK;
    run_request request = *base;
    uint64_t received, latency;
    size_t n_in = tgl_program_n_input(s->program);
    request.n_event = (size_t)out->first_event + s->n.n_stage + 8;
    if (request.n_event > base->n_event)
        request.n_event = base->n_event;
    request.dump_at = (int64_t)out->first_event;
    TGL_TRY(build_model(s, true, err));
    TGL_TRY(run_model(s, &request, &received, &latency, err));
    return name_difference(out, s, base->in + out->first_event * n_in, err);
}

tgl_status tgl_firmware_simulate(tgl_simulation *out, const char *directory,
                                 const char *work, const tgl_program *program,
                                 const tgl_payload *payload, const int64_t *in,
                                 const int64_t *expected, size_t n_event,
                                 const tgl_progress *progress, tgl_error *err)
{
    session s;
    char *script = NULL;
    uint32_t *image = NULL, n_image = 0;
    uint64_t received, latency;
    tgl_simulation result = {.n_event = n_event};
    tgl_status status =
        open_session(&s, directory, work, program, payload, progress, err);
    TGL_TRY_GOTO(status);
    run_request request = {in, n_event, n_event < 4096 ? n_event / 2 : 2048,
                           -1, -1,      NULL};
    if (needs_swap(&s)) {
        TGL_TRY_GOTO(payload_image(&image, &n_image, &s, err));
        TGL_TRY_GOTO(swap_script(&script, image, n_image, true, err));
        request.bus_script = script;
    }
    TGL_TRY_GOTO(build_model(&s, false, err));
    TGL_TRY_GOTO(run_model(&s, &request, &received, &latency, err));
    if (script)
        TGL_TRY_GOTO(check_answers(&s, image, n_image, true, err));
    TGL_TRY_GOTO(compare(&result, &s, expected, n_event, received, err));
    result.latency_cycles = (uint32_t)latency;
    if (result.n_different > 0)
        TGL_TRY_GOTO(find_culprit(&result, &s, &request, err));
    else if (n_event > 0 && latency != s.description.latency) {
        result.n_different = n_event;
        snprintf(result.first_difference, sizeof result.first_difference,
                 "latency: expected %u clocks, found %llu", s.description.latency,
                 (unsigned long long)latency);
    }
    result.compile_s = s.compile_s;
    result.run_s = s.run_s;
    *out = result;
out:
    tgl__free(script);
    tgl__free(image);
    close_session(&s);
    return status;
}

tgl_status tgl_firmware_simulate_swap(tgl_simulation *out, uint64_t *n_before,
                                      const char *directory, const char *work,
                                      const tgl_program *program,
                                      const tgl_payload *payload, const int64_t *in,
                                      const int64_t *before, const int64_t *after,
                                      size_t n_event, const tgl_progress *progress,
                                      tgl_error *err)
{
    session s;
    char *script = NULL, *bytes = NULL;
    uint32_t *image = NULL, n_image = 0;
    uint64_t received, latency, switched = 0;
    size_t n_out = tgl_program_n_output(program), size;
    tgl_simulation result = {.n_event = n_event};
    tgl_status status =
        open_session(&s, directory, work, program, payload, progress, err);
    TGL_TRY_GOTO(status);
    TGL_TRY_GOTO(payload_image(&image, &n_image, &s, err));
    TGL_TRY_GOTO(swap_script(&script, image, n_image, false, err));
    run_request request = {in, n_event, n_event, (int64_t)n_event / 2, -1, script};
    TGL_TRY_GOTO(build_model(&s, false, err));
    TGL_TRY_GOTO(run_model(&s, &request, &received, &latency, err));
    TGL_TRY_GOTO(check_answers(&s, image, n_image, false, err));
    TGL_TRY_GOTO(tgl__file_read(&bytes, &size, s.out, (size_t)1 << 40, err));
    while (switched < n_event && (switched + 1) * n_out * 8 <= size &&
           memcmp(bytes + switched * n_out * 8, before + switched * n_out, n_out * 8) ==
               0)
        switched++;
    for (size_t e = (size_t)switched; e < n_event; e++) {
        if ((e + 1) * n_out * 8 <= size &&
            memcmp(bytes + e * n_out * 8, after + e * n_out, n_out * 8) == 0)
            continue;
        if (result.n_different++ == 0) {
            result.first_event = e;
            snprintf(result.first_difference, sizeof result.first_difference,
                     "event %zu: neither the old nor, after the swap, the new payload's "
                     "outputs",
                     e);
        }
    }
    result.latency_cycles = (uint32_t)latency;
    result.compile_s = s.compile_s;
    result.run_s = s.run_s;
    *n_before = switched;
    *out = result;
out:
    tgl__free(script);
    tgl__free(image);
    tgl__free(bytes);
    close_session(&s);
    return status;
}
