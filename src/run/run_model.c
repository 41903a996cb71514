/* Loading a run-time file and running it. */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "run/run_file.h"

/* ---- loading ---- */

static tgl_status copy_port(tgl_run *run, tgl_run_port *out, const tgl_port *port,
                            tgl_error *err)
{
    out->name = tgl__arena_strdup(&run->arena, port->name);
    out->type = port->type;
    return out->name == NULL ? tgl__fail_nomem(err) : TGL_OK;
}

static tgl_status copy_ports(tgl_run *run, const tgl_program *program, tgl_error *err)
{
    uint32_t n_rule = run->n_input;
    run->n_input = tgl_program_n_input(program);
    run->n_output = tgl_program_n_output(program);
    if (n_rule != 0 && n_rule != run->n_input)
        return tgl__fail(err, TGL_EFORMAT,
                         "expected an input rule for each of the %u inputs, found %u",
                         run->n_input, n_rule);
    run->inputs = tgl__arena_alloc(&run->arena, run->n_input + 1u, sizeof *run->inputs);
    run->outputs = tgl__arena_alloc(&run->arena, run->n_output, sizeof *run->outputs);
    if (run->inputs == NULL || run->outputs == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < run->n_input; i++) {
        TGL_TRY(copy_port(run, &run->inputs[i], tgl_program_input(program, i), err));
        run->inputs[i].rule = run->rules == NULL ? NULL : &run->rules[i];
    }
    for (uint32_t i = 0; i < run->n_output; i++)
        TGL_TRY(copy_port(run, &run->outputs[i], tgl_program_output(program, i), err));
    return TGL_OK;
}

/* A fault inside a section, told with its place in the whole file. */
static tgl_status in_file(tgl_error *err, size_t at, tgl_status status)
{
    if (status != TGL_OK && err != NULL && err->offset != TGL_NO_OFFSET)
        err->offset += at;
    return status;
}

static tgl_status compile(tgl_run *run, const tgl__run_parts *parts, tgl_error *err)
{
    tgl_program *program = NULL;
    tgl_payload *payload = NULL;
    tgl_status status;
    status = tgl_program_decode(&program, parts->program, parts->program_size, err);
    TGL_TRY_GOTO(in_file(err, parts->program_at, status));
    if (parts->payload != NULL) {
        status = tgl_payload_decode(&payload, program, parts->payload,
                                    parts->payload_size, err);
        TGL_TRY_GOTO(in_file(err, parts->payload_at, status));
    }
    TGL_TRY_GOTO(copy_ports(run, program, err));
    status = tgl_emulator_new(&run->emulator, program, payload, NULL, err);
out:
    tgl_payload_free(payload);
    tgl_program_free(program);
    return status;
}

tgl_status tgl_run_open_memory(tgl_run **out, const void *bytes, size_t size,
                               const char *name, const tgl_run_options *options,
                               tgl_error *err)
{
    tgl_run_options o = TGL_RUN_OPTIONS_INIT;
    if (options != NULL)
        memcpy(&o, options,
               options->struct_size < sizeof o ? options->struct_size : sizeof o);
    tgl_run *run = tgl__calloc(1, sizeof *run);
    if (run == NULL)
        return tgl__fail_nomem(err);
    tgl__run_parts parts = {0};
    tgl_status status = tgl__run_parse(run, &parts, bytes, size, err);
    if (o.payload != NULL) {
        parts.payload = o.payload;
        parts.payload_size = o.payload_size;
        parts.payload_at = 0;
    }
    if (status == TGL_OK)
        status = compile(run, &parts, err);
    if (status != TGL_OK) {
        tgl_run_close(run);
        return tgl__fail_context(err, status, "%s",
                                 name == NULL ? "run-time file in memory" : name);
    }
    *out = run;
    return TGL_OK;
}

tgl_status tgl_run_open(tgl_run **out, const char *path, const tgl_run_options *options,
                        tgl_error *err)
{
    tgl_mapping map;
    TGL_TRY(tgl__file_map(&map, path, err));
    tgl_status status = tgl_run_open_memory(out, map.bytes, map.size, path, options, err);
    tgl__file_unmap(&map);
    return status;
}

void tgl_run_close(tgl_run *run)
{
    if (run == NULL)
        return;
    tgl_emulator_free(run->emulator);
    tgl__arena_release(&run->arena);
    tgl__free(run);
}

/* ---- what it is ---- */

const char *tgl_run_info(const tgl_run *run, const char *key)
{
    for (uint32_t i = 0; i < run->n_info; i++)
        if (strcmp(run->info[i].key, key) == 0)
            return run->info[i].value;
    return "";
}

uint32_t tgl_run_n_input(const tgl_run *run)
{
    return run->n_input;
}

uint32_t tgl_run_n_output(const tgl_run *run)
{
    return run->n_output;
}

const tgl_run_port *tgl_run_input(const tgl_run *run, uint32_t index)
{
    return index < run->n_input ? &run->inputs[index] : NULL;
}

const tgl_run_port *tgl_run_output(const tgl_run *run, uint32_t index)
{
    return index < run->n_output ? &run->outputs[index] : NULL;
}

static tgl_status find_port(uint32_t *index, const tgl_run *run,
                            const tgl_run_port *ports, uint32_t n, const char *kind,
                            const char *name, tgl_error *err)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(ports[i].name, name) == 0) {
            *index = i;
            return TGL_OK;
        }
    return tgl__fail(
        err, TGL_ENOTFOUND, "model '%s' has no %s '%s': expected one of %u, '%s' first",
        tgl_run_info(run, "name"), kind, name, n, n > 0 ? ports[0].name : "");
}

tgl_status tgl_run_find_input(uint32_t *index, const tgl_run *run, const char *name,
                              tgl_error *err)
{
    return find_port(index, run, run->inputs, run->n_input, "input", name, err);
}

tgl_status tgl_run_find_output(uint32_t *index, const tgl_run *run, const char *name,
                               tgl_error *err)
{
    return find_port(index, run, run->outputs, run->n_output, "output", name, err);
}

uint32_t tgl_run_n_column(const tgl_run *run)
{
    return run->n_column;
}

const char *tgl_run_column(const tgl_run *run, uint32_t number)
{
    return number < run->n_column ? run->columns[number] : NULL;
}

/* ---- running ---- */

size_t tgl_run_scratch_size(const tgl_run *run)
{
    size_t size = tgl_emulator_scratch_size(run->emulator);
    return size == 0 ? TGL_RUN_ALIGNMENT : size;
}

tgl_status tgl_run_event(int64_t *out, const tgl_run *run, const int64_t *in,
                         void *scratch, tgl_error *err)
{
    return tgl_emulator_run(out, run->emulator, in, 1, scratch, err);
}

tgl_status tgl_run_batch(int64_t *out, const tgl_run *run, const int64_t *in,
                         size_t n_event, void *scratch, tgl_error *err)
{
    return tgl_emulator_run(out, run->emulator, in, n_event, scratch, err);
}
