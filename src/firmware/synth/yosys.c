/* Yosys for UltraScale+, as a program with a time limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "firmware/firmware.h"
#include "firmware/synth.h"

enum { SECONDS = 3600 };

/* Yosys runs among the sources; what it writes goes elsewhere. */
static tgl_status write_script(const char *path, const char *module, const char *stat,
                               tgl_error *err)
{
    tgl_buffer script = TGL_BUFFER_INIT;
    if (strpbrk(stat, "\"\\\n") != NULL)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "yosys: expected a path without quotes, found '%s'", stat);
    tgl__buffer_printf(&script,
                       "read_verilog %s.v %s_core.v %s_bank.v\n"
                       "synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top %s\n"
                       "tee -o \"%s\" stat\n",
                       module, module, module, module, stat);
    tgl_status status = script.failed
                            ? tgl__fail_nomem(err)
                            : tgl__file_write(path, script.bytes, script.size, err);
    tgl__buffer_release(&script);
    return status;
}

/* "Yosys 0.23 (git sha1 …" */
static tgl_status read_version(char version[32], tgl_error *err)
{
    const char *argv[] = {"yosys", "-V", NULL};
    tgl_subprocess process = {.argv = argv, .timeout_s = 60, .label = "yosys"};
    tgl_subprocess_result result = {0};
    TGL_TRY(tgl__subprocess_run(&result, &process, err));
    version[0] = '\0';
    if (result.output)
        (void)!sscanf(result.output, "Yosys %31s", version);
    tgl__free(result.output);
    return TGL_OK;
}

static tgl_status run_yosys(const char *directory, const char *script,
                            const tgl_progress *progress, tgl_error *err)
{
    const char *argv[] = {"yosys", "-q", "-s", script, NULL};
    tgl_subprocess process = {.argv = argv,
                              .directory = directory,
                              .timeout_s = SECONDS,
                              .progress = progress,
                              .label = "synthesis with Yosys"};
    tgl_subprocess_result result = {0};
    TGL_TRY(tgl__subprocess_run(&result, &process, err));
    tgl_status status = TGL_OK;
    if (result.timed_out)
        status = tgl__fail(err, TGL_ELIMIT, "yosys: not done within %d s", SECONDS);
    else if (result.exit_code != 0) {
        const char *line = result.output ? strstr(result.output, "ERROR") : NULL;
        line = line ? line : "no message";
        status = tgl__fail(err, TGL_EMISMATCH, "yosys ended with exit code %d: %.*s",
                           result.exit_code, (int)strcspn(line, "\n"), line);
    }
    tgl__free(result.output);
    return status;
}

/* The sources' resources; synth.ys and stat.txt go into `work`. */
static tgl_status synthesise(tgl_resources *out, const char *directory, const char *work,
                             const tgl_progress *progress, tgl_error *err)
{
    tgl__description d;
    char *real = realpath(work, NULL), *script = NULL, *stat = NULL, *text = NULL,
         version[32];
    size_t size;
    tgl_status status = TGL_OK;
    tgl_resources r = {-1, -1, -1, -1, -1, 0, -1, "", ""};
    script = real ? tgl__path_join(real, "synth.ys") : NULL;
    stat = real ? tgl__path_join(real, "stat.txt") : NULL;
    if (!script || !stat) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(tgl__description_read(&d, directory, err));
    TGL_TRY_GOTO(write_script(script, d.module, stat, err));
    TGL_TRY_GOTO(read_version(version, err));
    TGL_TRY_GOTO(run_yosys(directory, script, progress, err));
    TGL_TRY_GOTO(tgl__file_read(&text, &size, stat, 16u << 20, err));
    TGL_TRY_GOTO(tgl__yosys_stat(&r, text, size, d.module, err));
    r.latency_cycles = d.latency;
    r.clock_mhz = d.clock_mhz;
    snprintf(r.source, sizeof r.source, "yosys %.20s synth_xilinx xcup", version);
    *out = r;
out:
    free(real);
    tgl__free(script);
    tgl__free(stat);
    tgl__free(text);
    return status;
}

tgl_status tgl_firmware_synth(tgl_resources *out, const char *directory, const char *work,
                              const tgl_progress *progress, tgl_error *err)
{
    char *tool = tgl__find_program("yosys"), *temporary = NULL;
    if (!tool)
        return tgl__fail(err, TGL_EMISSING, "yosys is not installed (apt install yosys)");
    tgl__free(tool);
    if (work == NULL)
        TGL_TRY(tgl__temporary_folder(&temporary, "trigline-synth", err));
    else
        TGL_TRY(tgl__make_dirs(work, err));
    tgl_status status =
        synthesise(out, directory, temporary ? temporary : work, progress, err);
    if (temporary)
        (void)!tgl__remove_tree(temporary, NULL);
    tgl__free(temporary);
    return status;
}
