#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct shared {
    atomic_size_t next;
    atomic_bool stop;
    size_t n_item;
    tgl_work work;
    void *context;
    pthread_mutex_t lock;
    size_t failed_index;
    tgl_status status;
    tgl_error error;
} shared;

typedef struct worker {
    shared *loop;
    size_t number;
    pthread_t thread;
} worker;

size_t tgl__thread_count(size_t asked)
{
    if (asked > 0)
        return asked;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : (size_t)n;
}

static void note_failure(shared *loop, size_t index, tgl_status status,
                         const tgl_error *error)
{
    pthread_mutex_lock(&loop->lock);
    if (loop->status == TGL_OK || index < loop->failed_index) {
        loop->status = status;
        loop->failed_index = index;
        loop->error = *error;
    }
    pthread_mutex_unlock(&loop->lock);
    atomic_store(&loop->stop, true);
}

static void *run_worker(void *argument)
{
    worker *me = argument;
    shared *loop = me->loop;
    while (!atomic_load(&loop->stop)) {
        size_t index = atomic_fetch_add(&loop->next, 1);
        if (index >= loop->n_item)
            break;
        tgl_error error = {0};
        tgl_status status = loop->work(loop->context, index, me->number, &error);
        if (status != TGL_OK)
            note_failure(loop, index, status, &error);
    }
    return NULL;
}

tgl_status tgl__parallel(size_t n_item, size_t n_thread, tgl_work work, void *context,
                         tgl_error *err)
{
    n_thread = tgl__thread_count(n_thread);
    if (n_thread > n_item)
        n_thread = n_item == 0 ? 1 : n_item;
    shared loop = {.n_item = n_item, .work = work, .context = context, .status = TGL_OK};
    pthread_mutex_init(&loop.lock, NULL);
    worker *workers = tgl__calloc(n_thread, sizeof *workers);
    if (workers == NULL) {
        pthread_mutex_destroy(&loop.lock);
        return tgl__fail_nomem(err);
    }
    size_t started =
        1; /* the caller's thread is worker 0; fewer threads than asked still finish */
    workers[0] = (worker){&loop, 0, pthread_self()};
    for (; started < n_thread; started++) {
        workers[started].loop = &loop;
        workers[started].number = started;
        if (pthread_create(&workers[started].thread, NULL, run_worker,
                           &workers[started]) != 0)
            break;
    }
    run_worker(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    tgl__free(workers);
    pthread_mutex_destroy(&loop.lock);
    if (loop.status != TGL_OK && err != NULL)
        *err = loop.error;
    return loop.status;
}
