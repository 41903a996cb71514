#include "data/hdf5/h5_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS_MEMORY 0 /* the sanitizers' shadow memory breaks every limit */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LIMITS_MEMORY 0
#endif
#endif
#ifndef LIMITS_MEMORY
#define LIMITS_MEMORY 1
#endif

/* Room for libhdf5's own needs beside the rows: metadata, chunks, conversions. */
static const uint64_t spare_memory = (uint64_t)1 << 30;
enum { DEFAULT_SILENCE_S = 30, POLL_MS = 200, PIECE = 1 << 18, MAX_FD = 1024 };

/* libhdf5 is one global of this process, and so is its lock: a child forked while another
 * thread is inside libhdf5 would find the library locked for ever, or half-way through a
 * change. */
static pthread_mutex_t inside_libhdf5 = PTHREAD_MUTEX_INITIALIZER;

void tgl__h5_lock(void)
{
    pthread_mutex_lock(&inside_libhdf5);
}

void tgl__h5_unlock(void)
{
    pthread_mutex_unlock(&inside_libhdf5);
}

/* Last words of the child: status, and a tgl_error when it is not TGL_OK. They follow the
 * answer, whose pieces come as (u64 size, bytes); size UINT64_MAX announces them. */
typedef struct last_words {
    uint64_t mark;
    tgl_status status;
    tgl_error error;
} last_words;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the child's side ---- */

static bool write_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t m = write(fd, p, n);
        if (m < 0 && errno == EINTR)
            continue;
        if (m <= 0)
            return false;
        p += m;
        n -= (size_t)m;
    }
    return true;
}

tgl_status tgl__h5_send(int fd, const void *bytes, size_t n, tgl_error *err)
{
    uint64_t size = n;
    if (n > 0 && (!write_all(fd, &size, sizeof size) || !write_all(fd, bytes, n)))
        return tgl__fail(err, TGL_EIO, "the reader went away");
    return TGL_OK;
}

static void limit_memory(uint64_t bytes)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL) {
        if (fscanf(f, "%lu", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    rlim_t most = (rlim_t)pages * 4096 + spare_memory + 2 * bytes;
    struct rlimit limit = {most, most};
    if (LIMITS_MEMORY && pages > 0)
        setrlimit(RLIMIT_AS, &limit);
}

/* A crash must end the child. The caller's own handler would go on in it instead, as a
 * second copy of the caller's program. */
static void crash_plainly(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        signal(crashes[i], SIG_DFL);
}

static _Noreturn void run_child(int fd, const tgl_h5_request *request)
{
    /* an HDF5 file that a writer of this process has open is locked as long as anybody
     * has it open; the byte says that we no longer do */
    for (int other = 3; other < MAX_FD; other++)
        if (other != fd)
            close(other);
    if (!write_all(fd, "", 1))
        _exit(1);
    crash_plainly();
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    limit_memory(request->bytes);
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) { /* libc's and libhdf5's own complaints */
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
    }
    last_words last = {.mark = UINT64_MAX};
    last.status = tgl__h5_answer(fd, request, &last.error);
    _exit(write_all(fd, &last, sizeof last) ? 0 : 1);
}

/* ---- the parent's side ---- */

typedef struct conversation {
    const tgl_h5_request *request;
    const tgl_progress *progress;
    int fd;
    pid_t child;
    bool reaped;
    int exit_status;
    double heard; /* when the child last said something */
} conversation;

static tgl_status child_died(const conversation *c, tgl_error *err)
{
    const char *path = c->request->path;
    if (c->reaped && WIFSIGNALED(c->exit_status))
        return tgl__fail(err, TGL_EFORMAT,
                         "'%s': libhdf5 crashed on it (signal %d); the file is broken",
                         path, WTERMSIG(c->exit_status));
    return tgl__fail(err, TGL_EFORMAT,
                     "'%s': libhdf5 gave up without an answer; the file is broken", path);
}

static tgl_status check_patience(const conversation *c, tgl_error *err)
{
    double most = c->request->timeout_s > 0 ? c->request->timeout_s : DEFAULT_SILENCE_S;
    TGL_TRY(tgl__progress(c->progress, "reading", 0, 0, err));
    if (now_s() - c->heard <= most)
        return TGL_OK;
    return tgl__fail(err, TGL_EFORMAT,
                     "'%s': libhdf5 hangs on it (no answer for %g s); the file is broken",
                     c->request->path, most);
}

/* Exactly n bytes from the child. Its end of the pipe may be held open by another program
 * just forked, so its death is also looked for directly. */
static tgl_status hear(conversation *c, void *out, size_t n, tgl_error *err)
{
    char *to = out;
    while (n > 0) {
        struct pollfd waiting = {c->fd, POLLIN, 0};
        int ready = poll(&waiting, 1, POLL_MS);
        if (ready == 0 && c->reaped)
            return child_died(c, err);
        if (ready == 0) {
            c->reaped = waitpid(c->child, &c->exit_status, WNOHANG) == c->child;
            TGL_TRY(check_patience(c, err));
            continue;
        }
        ssize_t m = ready < 0 ? -1 : read(c->fd, to, n);
        if (m < 0 && errno == EINTR)
            continue;
        if (m < 0)
            return tgl__fail_errno(err, "cannot read from the HDF5 reader of",
                                   c->request->path);
        if (m == 0) {
            if (!c->reaped)
                c->reaped = waitpid(c->child, &c->exit_status, 0) == c->child;
            return child_died(c, err);
        }
        c->heard = now_s();
        to += m;
        n -= (size_t)m;
    }
    return TGL_OK;
}

static tgl_status converse(conversation *c, tgl_h5_sink sink, void *user, tgl_error *err)
{
    char *piece = tgl__malloc(PIECE);
    if (piece == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    last_words last = {0};
    for (;;) {
        uint64_t size;
        TGL_TRY_GOTO(hear(c, &size, sizeof size, err));
        if (size == UINT64_MAX)
            break;
        while (size > 0) {
            size_t n = size < PIECE ? (size_t)size : PIECE;
            TGL_TRY_GOTO(hear(c, piece, n, err));
            TGL_TRY_GOTO(sink(user, piece, n, err));
            size -= n;
        }
    }
    TGL_TRY_GOTO(
        hear(c, (char *)&last + sizeof last.mark, sizeof last - sizeof last.mark, err));
    status = last.status;
    last.error.message[sizeof last.error.message - 1] = '\0';
    if (status != TGL_OK && err != NULL)
        *err = last.error;
out:
    tgl__free(piece);
    return status;
}

/* Fork between two calls of libhdf5, and wait until the child has let go of our files. */
static pid_t start_child(const int ends[2], const tgl_h5_request *request)
{
    char ready;
    tgl__h5_lock();
    pid_t child = fork();
    if (child == 0)
        run_child(ends[1], request);
    close(ends[1]);
    while (child > 0 && read(ends[0], &ready, 1) < 0 && errno == EINTR)
        ; /* its death is an end of file, which is noticed later */
    tgl__h5_unlock();
    return child;
}

tgl_status tgl__h5_ask(const tgl_h5_request *request, tgl_h5_sink sink, void *user,
                       const tgl_progress *progress, tgl_error *err)
{
    int ends[2];
    if (pipe(ends) != 0)
        return tgl__fail_errno(err, "cannot start reading", request->path);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t child = start_child(ends, request);
    if (child < 0) {
        close(ends[0]);
        return tgl__fail_errno(err, "cannot start reading", request->path);
    }
    conversation c = {.request = request,
                      .progress = progress,
                      .fd = ends[0],
                      .child = child,
                      .heard = now_s()};
    tgl_status status = converse(&c, sink, user, err);
    close(ends[0]);
    if (!c.reaped) {
        kill(child, SIGKILL); /* done or not wanted any more */
        while (waitpid(child, &c.exit_status, 0) < 0 && errno == EINTR)
            ;
    }
    return status;
}
