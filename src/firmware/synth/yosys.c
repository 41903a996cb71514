/* Yosys for UltraScale+, as a program with a time limit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "firmware/firmware.h"
#include "firmware/synth.h"

enum { SECONDS = 3600 };

/* Yosys runs in the folder `work`; its scripts know no quotes, so that everything has a
 * plain name there: `prefix` leads to the sources. */
static tgl_status write_script(const char *path, const char *module, const char *prefix,
                               tgl_error *err)
{
    tgl_buffer script = TGL_BUFFER_INIT;
    tgl__buffer_printf(&script,
                       "read_verilog %s%s.v %s%s_core.v %s%s_bank.v\n"
                       "synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top %s\n"
                       "tee -o stat.txt stat\n",
                       prefix, module, prefix, module, prefix, module, module);
    tgl_status status = script.failed
                            ? tgl__fail_nomem(err)
                            : tgl__file_write(path, script.bytes, script.size, err);
    tgl__buffer_release(&script);
    return status;
}

/* The sources' place as seen from `work`: a link, unless they are there. */
static tgl_status link_sources(const char **prefix, const char *directory,
                               const char *work, tgl_error *err)
{
    char *from = realpath(directory, NULL), *to = realpath(work, NULL),
         *name = to ? tgl__path_join(to, "sources") : NULL;
    tgl_status status = TGL_OK;
    *prefix = "";
    if (!from || !name)
        status = tgl__fail_errno(err, "open", from ? work : directory);
    else if (strcmp(from, to) != 0) {
        *prefix = "sources/";
        if ((unlink(name) != 0 && errno != ENOENT) || symlink(from, name) != 0)
            status = tgl__fail_errno(err, "link", name);
    }
    free(from);
    free(to);
    tgl__free(name);
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

static tgl_status run_yosys(const char *work, const tgl_progress *progress,
                            tgl_error *err)
{
    const char *argv[] = {"yosys", "-q", "-s", "synth.ys", NULL};
    tgl_subprocess process = {.argv = argv,
                              .directory = work,
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
    char *script = tgl__path_join(work, "synth.ys"),
         *stat = tgl__path_join(work, "stat.txt"), *text = NULL, version[32];
    const char *prefix;
    size_t size;
    tgl_status status = TGL_OK;
    tgl_resources r = {-1, -1, -1, -1, -1, 0, -1, "", ""};
    if (!script || !stat)
        TGL_TRY_GOTO(tgl__fail_nomem(err));
    TGL_TRY_GOTO(tgl__description_read(&d, directory, err));
    TGL_TRY_GOTO(link_sources(&prefix, directory, work, err));
    TGL_TRY_GOTO(write_script(script, d.module, prefix, err));
    TGL_TRY_GOTO(read_version(version, err));
    TGL_TRY_GOTO(run_yosys(work, progress, err));
    TGL_TRY_GOTO(tgl__file_read(&text, &size, stat, 16u << 20, err));
    TGL_TRY_GOTO(tgl__yosys_stat(&r, text, size, d.module, err));
    r.latency_cycles = d.latency;
    r.clock_mhz = d.clock_mhz;
    snprintf(r.source, sizeof r.source, "yosys %.20s synth_xilinx xcup", version);
    *out = r;
out:
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
