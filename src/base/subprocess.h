/* Run an outside program: no shell unless asked for, a time limit, cancellation, its
 * output kept. */
#ifndef TGL_BASE_SUBPROCESS_H
#define TGL_BASE_SUBPROCESS_H

#include <stdbool.h>
#include <trigline/base.h>

typedef struct tgl_subprocess {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *directory;   /* NULL: stay */
    const char *stdin_path;  /* NULL: /dev/null */
    const char
        *output_path; /* stdout and stderr go here; NULL: kept in memory (last 64 KiB) */
    double timeout_s; /* 0: none */
    size_t memory_limit;          /* bytes of address space, 0: none */
    const tgl_progress *progress; /* asked for cancellation twice a second; may be NULL */
    const char *label;            /* for progress and messages */
} tgl_subprocess;

typedef struct tgl_subprocess_result {
    int exit_code; /* 128 + signal when killed by one */
    bool timed_out;
    double seconds; /* wall time */
    char
        *output; /* zero-terminated tail; NULL with output_path. Release with tgl__free */
} tgl_subprocess_result;

/* TGL_OK once the child ran to an end, whatever its exit code. The child leads its own
 * process group, which is killed whole on timeout or cancellation. */
tgl_status tgl__subprocess_run(tgl_subprocess_result *out, const tgl_subprocess *process,
                               tgl_error *err);

#endif
