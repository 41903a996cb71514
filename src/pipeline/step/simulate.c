/* simulate: the firmware in Verilator against the emulator, event by event. */
#include <stdio.h>
#include <string.h>
#include <trigline/data.h>
#include <trigline/firmware.h>

#include "pipeline/step/common.h"

typedef struct events {
    int64_t *in, *out;
    size_t n, n_vector;
} events;

static tgl_status check_column(const tgl_column **out, const tgl_table *table,
                               const char *name, uint32_t width, tgl_error *err)
{
    const tgl_column *c;
    TGL_TRY(tgl_table_find(&c, table, name, err));
    if (c->dtype != TGL_I64 || c->is_jagged || c->n_dim != 1 || c->dim[0] != width)
        return tgl__fail(err, TGL_EFORMAT,
                         "vectors: column '%s': expected %u int64 codes an event", name,
                         width);
    *out = c;
    return TGL_OK;
}

/* The vectors with their expected bits, then random events up to `want`, for which the
 * emulator is asked now. */
static tgl_status gather(events *e, const tgl_step *step, const tgl_program *program,
                         const tgl_payload *payload, const tgl_table *table, size_t want,
                         uint64_t seed, tgl_error *err)
{
    const tgl_column *in, *out;
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    TGL_TRY(check_column(&in, table, "in", n_in, err));
    TGL_TRY(check_column(&out, table, "out", n_out, err));
    e->n_vector = (size_t)tgl_table_n_row(table);
    e->n = e->n_vector < want ? want : e->n_vector;
    size_t a, b, extra = e->n - e->n_vector;
    if (tgl__mul_size(&a, e->n, n_in) && tgl__mul_size(&b, e->n, n_out)) {
        e->in = tgl__aligned(a, sizeof *e->in);
        e->out = tgl__aligned(b, sizeof *e->out);
    }
    if (e->in == NULL || e->out == NULL)
        return tgl__fail_nomem(err);
    memcpy(e->in, in->values, e->n_vector * n_in * sizeof *e->in);
    memcpy(e->out, out->values, e->n_vector * n_out * sizeof *e->out);
    if (extra == 0)
        return TGL_OK;
    int64_t *more = NULL;
    tgl__step_random(e->in + e->n_vector * n_in, program, extra, seed);
    TGL_TRY(tgl__step_emulate(&more, program, payload, e->in + e->n_vector * n_in, extra,
                              step->progress, err));
    memcpy(e->out + e->n_vector * n_out, more, extra * n_out * sizeof *more);
    tgl__free(more);
    return TGL_OK;
}

static tgl_status record_times(const tgl_step *step, const tgl_simulation *s,
                               tgl_error *err)
{
    char text[40];
    snprintf(text, sizeof text, "%.3f", s->compile_s);
    TGL_TRY(tgl_record_add_metric(step->record, "simulate.compile_s", text, err));
    snprintf(text, sizeof text, "%.3f", s->run_s);
    return tgl_record_add_metric(step->record, "simulate.run_s", text, err);
}

static tgl_status finish(const tgl_step *step, const tgl_simulation *s, const events *e,
                         tgl_error *err)
{
    TGL_TRY(record_times(step, s, err));
    if (s->n_different > 0)
        return tgl__fail(err, TGL_EMISMATCH,
                         "firmware and emulator differ in %llu of %llu events; %s",
                         (unsigned long long)s->n_different,
                         (unsigned long long)s->n_event, s->first_difference);
    tgl_json *root = tgl__json_object();
    tgl__json_put(root, "n_event", tgl__json_new_int((int64_t)s->n_event));
    tgl__json_put(root, "n_different", tgl__json_new_int((int64_t)s->n_different));
    tgl__json_put(root, "n_vector", tgl__json_new_int((int64_t)e->n_vector));
    tgl__json_put(root, "n_random", tgl__json_new_int((int64_t)(e->n - e->n_vector)));
    tgl__json_put(root, "latency_cycles", tgl__json_new_int(s->latency_cycles));
    return tgl__step_write_json(step, "simulation", root, err);
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    static const char *const columns[] = {"in", "out"};
    tgl_program *program = NULL;
    tgl_payload *payload = NULL;
    tgl_table *table = NULL;
    events e = {0};
    tgl_simulation result = {0};
    char *directory = NULL;
    int64_t want, seed;
    tgl_status status;
    TGL_TRY(tgl__step_int(&want, step, "events", 100000, 1, 1000000000, err));
    TGL_TRY(tgl__step_int(&seed, step, "seed", 2, 0, INT64_MAX, err));
    TGL_TRY(tgl__step_program(&program, &payload, step, err));
    TGL_TRY_GOTO(tgl__step_copy(&directory, step, "firmware", err));
    TGL_TRY_GOTO(tgl__step_table(&table, step, "vectors", columns, 2, err));
    TGL_TRY_GOTO(
        gather(&e, step, program, payload, table, (size_t)want, (uint64_t)seed, err));
    TGL_TRY_GOTO(tgl_firmware_simulate(&result, directory, directory, program, payload, e.in, e.out,
                                       e.n, step->progress, err));
    status = finish(step, &result, &e, err);
out:
    tgl__free(directory);
    tgl__free(e.in);
    tgl__free(e.out);
    tgl_table_free(table);
    tgl_payload_free(payload);
    tgl_program_free(program);
    return status;
}

const tgl_step_kind tgl__step_simulate = {
    .name = "simulate",
    .summary = "Verilated firmware against the emulator, every bit",
    .version = 1,
    .with = {"events", "seed"},
    .inputs = {{"firmware", false, false},
               {"program", false, false},
               {"payload", false, false},
               {"vectors", false, false}},
    .outputs = {{"simulation", false, false}},
    .tools = {"verilator"},
    .run = run,
};
