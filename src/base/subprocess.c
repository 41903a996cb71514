#include "base/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { TAIL = 64 * 1024 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Between fork and exec: only async-signal-safe calls. */
static _Noreturn void become(const tgl_subprocess *process, const char *program,
                             int out_fd)
{
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    int in_fd =
        open(process->stdin_path != NULL ? process->stdin_path : "/dev/null", O_RDONLY);
    if (in_fd < 0 || dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
        _exit(127);
    if (process->directory != NULL && chdir(process->directory) != 0)
        _exit(127);
    if (process->memory_limit > 0) {
        struct rlimit limit = {process->memory_limit, process->memory_limit};
        setrlimit(RLIMIT_AS, &limit);
    }
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    execv(program, (char *const *)(uintptr_t)process->argv);
    _exit(127);
}

static void keep_tail(tgl_buffer *tail, const char *bytes, size_t n)
{
    tgl__buffer_append(tail, bytes, n);
    if (!tail->failed && tail->size > 2 * TAIL) {
        memmove(tail->bytes, tail->bytes + tail->size - TAIL, TAIL);
        tail->size = TAIL;
        tail->bytes[TAIL] = '\0';
    }
}

/* Read until the child closes its output or a reason to stop comes up. */
static tgl_status watch(const tgl_subprocess *process, int fd, double start,
                        tgl_buffer *tail, bool *timed_out, tgl_error *err)
{
    char chunk[8192];
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        int ready = poll(&p, 1, 200);
        if (ready > 0) {
            ssize_t n = read(fd, chunk, sizeof chunk);
            if (n == 0)
                return TGL_OK;
            if (n > 0)
                keep_tail(tail, chunk, (size_t)n);
        }
        double spent = now_s() - start;
        if (process->timeout_s > 0 && spent > process->timeout_s) {
            *timed_out = true;
            return TGL_OK;
        }
        const char *label = process->label != NULL ? process->label : process->argv[0];
        TGL_TRY(tgl__progress(process->progress, label, 0, 0, err));
    }
}

/* The child may outlive its output pipe (or have none): wait for its end under the same
 * rules. */
static tgl_status reap(const tgl_subprocess *process, pid_t child, double start,
                       bool *timed_out, int *raw, tgl_error *err)
{
    for (;;) {
        pid_t got = waitpid(child, raw, WNOHANG);
        if (got == child)
            return TGL_OK;
        if (got < 0 && errno != EINTR)
            return tgl__fail_errno(err, "cannot wait for", process->argv[0]);
        if (process->timeout_s > 0 && now_s() - start > process->timeout_s) {
            *timed_out = true;
            return TGL_OK;
        }
        TGL_TRY(tgl__progress(process->progress,
                              process->label != NULL ? process->label : process->argv[0],
                              0, 0, err));
        struct timespec nap = {0, 5 * 1000 * 1000};
        nanosleep(&nap, NULL);
    }
}

static void kill_group(pid_t child, int *raw)
{
    kill(-child, SIGTERM);
    struct timespec nap = {0, 200 * 1000 * 1000};
    nanosleep(&nap, NULL);
    kill(-child, SIGKILL);
    while (waitpid(child, raw, 0) < 0 && errno == EINTR)
        ;
}

tgl_status tgl__subprocess_run(tgl_subprocess_result *out, const tgl_subprocess *process,
                               tgl_error *err)
{
    *out = (tgl_subprocess_result){0};
    char *program = tgl__find_program(process->argv[0]);
    if (program == NULL)
        return tgl__fail(err, TGL_EMISSING, "'%s' is not installed or not in PATH",
                         process->argv[0]);
    int pipe_fd[2] = {-1, -1};
    int log_fd = -1;
    if (process->output_path != NULL)
        log_fd =
            open(process->output_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    else if (pipe(pipe_fd) == 0)
        log_fd = pipe_fd[1];
    if (log_fd < 0) {
        tgl__free(program);
        return tgl__fail_errno(err, "cannot open",
                               process->output_path != NULL ? process->output_path
                                                            : "pipe");
    }
    double start = now_s();
    pid_t child = fork();
    if (child == 0)
        become(process, program, log_fd);
    close(log_fd);
    tgl__free(program);
    if (child < 0) {
        if (pipe_fd[0] >= 0)
            close(pipe_fd[0]);
        return tgl__fail_errno(err, "cannot start", process->argv[0]);
    }
    setpgid(child, child); /* also here: whichever of the two runs first */
    tgl_buffer tail = TGL_BUFFER_INIT;
    tgl_status status = TGL_OK;
    int raw = 0;
    if (pipe_fd[0] >= 0)
        status = watch(process, pipe_fd[0], start, &tail, &out->timed_out, err);
    if (status == TGL_OK && !out->timed_out)
        status = reap(process, child, start, &out->timed_out, &raw, err);
    if (status != TGL_OK || out->timed_out)
        kill_group(child, &raw);
    if (pipe_fd[0] >= 0)
        close(pipe_fd[0]);
    out->seconds = now_s() - start;
    out->exit_code = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    if (status == TGL_OK && process->output_path == NULL)
        status = tgl__buffer_finish(&tail, &out->output, NULL, err);
    tgl__buffer_release(&tail);
    return status;
}
