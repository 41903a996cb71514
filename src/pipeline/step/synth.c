/* synth: resources by Yosys, with the closed-form estimate beside. */
#include <string.h>
#include <trigline/firmware.h>

#include "pipeline/step/common.h"

static tgl_json *resources_json(const tgl_resources *r)
{
    tgl_json *root = tgl__json_object();
    tgl__json_put(root, "source", tgl__json_new_string(r->source));
    tgl__json_put(root, "lut", tgl__json_new_int(r->lut));
    tgl__json_put(root, "ff", tgl__json_new_int(r->ff));
    tgl__json_put(root, "dsp", tgl__json_new_int(r->dsp));
    tgl__json_put(root, "bram", tgl__json_new_int(r->bram));
    tgl__json_put(root, "latency_cycles", tgl__json_new_int(r->latency_cycles));
    tgl__json_put(root, "clock_mhz", tgl__json_new_real(r->clock_mhz));
    if (r->not_counted[0] != '\0')
        tgl__json_put(root, "not_counted", tgl__json_new_string(r->not_counted));
    tgl__json_put(root, "power_w", tgl__json_new_real(r->power_w < 0 ? -1 : r->power_w));
    return root;
}

static tgl_status estimate(tgl_resources *out, const tgl_step *step, tgl_error *err)
{
    tgl_program *program = NULL;
    tgl_payload *payload = NULL;
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    TGL_TRY(tgl__step_real(&options.clock_mhz, step, "clock_mhz", 0, err));
    TGL_TRY(tgl__step_real(&options.ns_per_level, step, "ns_per_level", 0, err));
    TGL_TRY(tgl__step_program(&program, &payload, step, err));
    tgl_status status = tgl_firmware_estimate(out, program, &options, err);
    tgl_payload_free(payload);
    tgl_program_free(program);
    return status;
}

/* What was measured first, the estimate last: readers take the first. */
static tgl_status run(tgl_step *step, tgl_error *err)
{
    tgl_resources measured = {0}, estimated = {0};
    bool use_yosys = tgl__json_bool(tgl__json_get(step->with, "yosys"), true);
    char *directory = NULL;
    tgl_json *list = tgl__json_array();
    tgl_status status = list == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status == TGL_OK && use_yosys)
        status = tgl__step_copy(&directory, step, "firmware", err);
    if (status == TGL_OK && use_yosys) {
        status = tgl_firmware_synth(&measured, directory, directory, step->progress, err);
        if (status == TGL_OK)
            tgl__json_append(list, resources_json(&measured));
    }
    tgl__free(directory);
    if (status == TGL_OK)
        status = estimate(&estimated, step, err);
    if (status != TGL_OK) {
        tgl__json_free(list);
        return status;
    }
    tgl__json_append(list, resources_json(&estimated));
    return tgl__step_write_json(step, "resources", list, err);
}

const tgl_step_kind tgl__step_synth = {
    .name = "synth",
    .summary = "resources by Yosys (yosys: false for the estimate alone)",
    .version = 1,
    .with = {"yosys", "clock_mhz", "ns_per_level"},
    .inputs = {{"firmware", false, false},
               {"program", false, false},
               {"payload", false, false}},
    .outputs = {{"resources", false, false}},
    .tools = {"yosys"},
    .run = run,
};
