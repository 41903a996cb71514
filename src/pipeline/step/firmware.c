/* firmware: Verilog of the program, with its test bench and description. */
#include <trigline/firmware.h>

#include "digest/digest.h"
#include "pipeline/step/common.h"

static tgl_status payload_digest(tgl_sha256 *out, const tgl_step *step, tgl_error *err)
{
    return tgl__sha256_file(out, NULL, tgl__step_input(step, "payload"), err);
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    tgl_program *program = NULL;
    tgl_payload *payload = NULL;
    tgl_sha256 digest;
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    options.module = tgl__json_string(tgl__json_get(step->with, "module"), NULL);
    TGL_TRY(tgl__step_real(&options.clock_mhz, step, "clock_mhz", 0, err));
    TGL_TRY(tgl__step_real(&options.ns_per_level, step, "ns_per_level", 0, err));
    TGL_TRY(payload_digest(&digest, step, err));
    options.payload_digest = digest.bytes;
    TGL_TRY(tgl__step_program(&program, &payload, step, err));
    tgl_status status = tgl_firmware_build(tgl__step_output(step, "firmware"), program,
                                           payload, &options, err);
    tgl_payload_free(payload);
    tgl_program_free(program);
    return status;
}

const tgl_step_kind tgl__step_firmware = {
    .name = "firmware",
    .summary = "Verilog: core, slot bank, top, test bench",
    .version = 1,
    .with = {"module", "clock_mhz", "ns_per_level"},
    .inputs = {{"program", false, false}, {"payload", false, false}},
    .outputs = {{"firmware", false, false}},
    .run = run,
};
