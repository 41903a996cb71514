/* lower: graph to program and default payload, with their text and description. */
#include <string.h>
#include <trigline/lower.h>
#include <trigline/model.h>

#include "pipeline/step/common.h"

static tgl_status write_program(const tgl_step *step, const tgl_program *program,
                                tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *text = NULL;
    TGL_TRY(tgl_program_encode(&bytes, &size, program, err));
    tgl_status status =
        tgl__file_write(tgl__step_output(step, "program"), bytes, size, err);
    tgl_free(bytes);
    if (status != TGL_OK || tgl__step_output(step, "text") == NULL)
        return status;
    TGL_TRY(tgl_program_print(&text, program, err));
    status = tgl__file_write(tgl__step_output(step, "text"), text, strlen(text), err);
    tgl_free(text);
    return status;
}

static tgl_status write_payload(const tgl_step *step, const tgl_program *program,
                                tgl_error *err)
{
    uint8_t digest[32], *bytes = NULL;
    size_t size = 0;
    tgl_payload *payload = NULL;
    TGL_TRY(tgl_model_program_digest(digest, NULL, program, err));
    TGL_TRY(tgl_payload_new(&payload, program, digest, err));
    tgl_status status = tgl_payload_encode(&bytes, &size, payload, err);
    if (status == TGL_OK)
        status = tgl__file_write(tgl__step_output(step, "payload"), bytes, size, err);
    tgl_free(bytes);
    tgl_payload_free(payload);
    return status;
}

static tgl_status write_info(const tgl_step *step, const tgl_graph *graph, tgl_error *err)
{
    const char *path = tgl__step_output(step, "model");
    char *json = NULL;
    if (path == NULL)
        return TGL_OK;
    TGL_TRY(tgl_model_info(&json, graph, err));
    tgl_status status = tgl__file_write(path, json, strlen(json), err);
    tgl_free(json);
    return status;
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    tgl_graph *graph = NULL;
    tgl_program *program = NULL;
    TGL_TRY(tgl__step_graph(&graph, step, err));
    tgl_status status = tgl_lower(&program, graph, err);
    if (status == TGL_OK)
        status = write_program(step, program, err);
    if (status == TGL_OK)
        status = write_payload(step, program, err);
    if (status == TGL_OK)
        status = write_info(step, graph, err);
    tgl_program_free(program);
    tgl_graph_free(graph);
    return status;
}

const tgl_step_kind tgl__step_lower = {
    .name = "lower",
    .summary = "graph to exact program and default payload",
    .version = 1,
    .inputs = {{"graph", false, false}},
    .outputs = {{"program", false, false},
                {"payload", false, false},
                {"text", true, false},
                {"model", true, false}},
    .run = run,
};
