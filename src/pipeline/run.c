/* The scheduler: whatever is ready runs, several at once if asked; then the records are
 * attached to the package. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/pool.h"
#include "pipeline/pipeline.h"

typedef struct scheduler {
    tgl_plan *plan;
    tgl_store *store;
    const tgl_progress *outer;
    pthread_mutex_t mutex, report_mutex;
    pthread_cond_t changed;
    size_t n_running;
    bool stop;
} scheduler;

/* Progress as one stage sees it: its name in front, one call at a time. */
typedef struct stage_progress {
    scheduler *scheduler;
    const char *stage;
} stage_progress;

static void report_stage(void *user, const char *label, uint64_t done, uint64_t total)
{
    stage_progress *p = user;
    scheduler *s = p->scheduler;
    if (s->outer == NULL || s->outer->report == NULL)
        return;
    char text[160];
    if (strcmp(label, p->stage) == 0)
        snprintf(text, sizeof text, "%.100s", p->stage);
    else
        snprintf(text, sizeof text, "%.60s: %.90s", p->stage, label);
    pthread_mutex_lock(&s->report_mutex);
    s->outer->report(s->outer->user, text, done, total);
    pthread_mutex_unlock(&s->report_mutex);
}

static int stage_cancelled(void *user)
{
    stage_progress *p = user;
    const tgl_progress *outer = p->scheduler->outer;
    return outer != NULL && outer->cancelled != NULL && outer->cancelled(outer->user);
}

/* The next stage all of whose needs are done; SIZE_MAX: none now. *left: any to come? */
static size_t next_ready(const tgl_plan *plan, bool *left)
{
    *left = false;
    for (size_t i = 0; i < plan->n_stage; i++) {
        size_t s = plan->order[i];
        const tgl_stage *stage = &plan->stages[s];
        if (!stage->selected || stage->state != TGL_STAGE_WAITING)
            continue;
        bool ready = true, blocked = false;
        for (size_t p = 0; p < plan->n_stage; p++)
            if (stage->needs[p] && plan->stages[p].selected) {
                ready = ready && plan->stages[p].state == TGL_STAGE_DONE;
                blocked = blocked || plan->stages[p].state == TGL_STAGE_FAILED;
            }
        if (ready)
            return s;
        *left = *left || !blocked;
    }
    return SIZE_MAX;
}

static void run_one(scheduler *s, tgl_stage *stage)
{
    stage_progress context = {s, stage->name};
    tgl_progress progress = {report_stage, stage_cancelled, &context};
    tgl_error err = {0};
    tgl_status status = tgl__stage_run(s->plan, stage, s->store, &progress, &err);
    if (status != TGL_OK) {
        err.code = status;
        (void)tgl__fail_context(&err, status, "stage '%s'", stage->name);
        stage->error = err;
    }
    pthread_mutex_lock(&s->mutex);
    stage->state = status == TGL_OK ? TGL_STAGE_DONE : TGL_STAGE_FAILED;
    s->n_running--;
    if (status != TGL_OK)
        s->stop = true; /* what runs may end, nothing new begins */
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static tgl_status worker(void *context, size_t index, size_t number, tgl_error *err)
{
    (void)index;
    (void)number;
    (void)err;
    scheduler *s = context;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        bool left = false;
        size_t next = s->stop ? SIZE_MAX : next_ready(s->plan, &left);
        if (next != SIZE_MAX) {
            s->plan->stages[next].state = TGL_STAGE_RUNNING;
            s->n_running++;
            pthread_mutex_unlock(&s->mutex);
            run_one(s, &s->plan->stages[next]);
            pthread_mutex_lock(&s->mutex);
        } else if (!s->stop && s->n_running > 0) {
            pthread_cond_wait(&s->changed, &s->mutex);
        } else {
            break;
        }
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    return TGL_OK;
}

/* ---- records onto the package ---- */

static bool attached_already(tgl_store *store, const char *package, const char *record)
{
    sqlite3_stmt *query = NULL;
    tgl_status status = tgl__index_query(
        &query, store, NULL, "SELECT 1 FROM referrer WHERE subject = ? AND content = ?",
        "tt", package, record);
    bool found = tgl__index_next(query, store, &status, NULL);
    sqlite3_finalize(query);
    return found;
}

static tgl_status attach_record(tgl_store *store, const char *package, const char *record,
                                tgl_error *err)
{
    uint8_t *bytes;
    size_t size;
    char digest[72];
    if (*record == '\0' || attached_already(store, package, record))
        return TGL_OK;
    TGL_TRY(tgl_store_get(&bytes, &size, store, record, err));
    tgl_status status =
        tgl_store_attach(digest, store, package, TGL_TYPE_RECORD, bytes, size, err);
    tgl_free(bytes);
    return status;
}

/* Name and digest that a package stage left in its output; "" when it did not run. */
static void read_package(char digest[72], char name[130], const tgl_stage *stage)
{
    tgl_json *root = NULL;
    digest[0] = name[0] = '\0';
    if (stage->state != TGL_STAGE_DONE || stage->n_out == 0 ||
        tgl__json_read(&root, stage->outs[0].file.path, NULL) != TGL_OK)
        return;
    snprintf(digest, TGL_DIGEST_TEXT, "%.71s",
             tgl__json_string(tgl__json_get(root, "digest"), ""));
    snprintf(name, 130, "%.129s", tgl__json_string(tgl__json_get(root, "name"), ""));
    tgl__json_free(root);
}

/* A package that came back from the store is the one its name means again. */
static tgl_status point_name(tgl_store *store, const char *name, const char *package,
                             tgl_error *err)
{
    tgl_json *index = NULL;
    TGL_TRY(tgl__layout_read(&index, NULL, store, err));
    const tgl_json *now = tgl__layout_find_ref(index, name);
    bool same = strcmp(tgl__json_string(tgl__json_get(now, "digest"), ""), package) == 0;
    tgl__json_free(index);
    uint64_t size;
    if (same || *name == '\0')
        return TGL_OK;
    TGL_TRY(tgl__blob_size(&size, store, package, err));
    tgl_root root = {package, size, TGL_MEDIA_MANIFEST, TGL_TYPE_PACKAGE, name,
                     name,    NULL};
    return tgl__layout_publish(store, &root, NULL, NULL, err);
}

static bool is_package(const tgl_stage *stage)
{
    return stage->kind != NULL && strcmp(stage->kind->name, "package") == 0;
}

static tgl_status attach_records(char package[72], tgl_plan *plan, tgl_store *store,
                                 tgl_error *err)
{
    char name[130];
    package[0] = '\0';
    bool *marked = tgl__calloc(plan->n_stage + 1, sizeof *marked);
    if (marked == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < plan->n_stage; i++) {
        const tgl_stage *stage = &plan->stages[plan->order[i]];
        if (!is_package(stage))
            continue;
        read_package(package, name, stage);
        if (*package == '\0' || !tgl_store_has(store, package))
            continue;
        status = point_name(store, name, package, err);
        if (status == TGL_OK)
            status = tgl__index_sync(store, err);
        memset(marked, 0, plan->n_stage);
        tgl__plan_ancestors(marked, plan, plan->order[i]);
        for (size_t k = 0; status == TGL_OK && k < plan->n_stage; k++)
            if (marked[plan->order[k]])
                status = attach_record(store, package,
                                       plan->stages[plan->order[k]].record, err);
    }
    tgl__free(marked);
    return status;
}

/* ---- the answer ---- */

static tgl_json *stage_entry(const tgl_stage *stage)
{
    tgl_json *entry = tgl__json_object();
    tgl__json_put(entry, "stage", tgl__json_new_string(stage->name));
    const char *outcome = stage->state == TGL_STAGE_FAILED ? "failed"
                          : stage->state == TGL_STAGE_DONE ? stage->outcome
                                                           : "not run";
    tgl__json_put(entry, "outcome", tgl__json_new_string(outcome));
    if (stage->key[0] != '\0')
        tgl__json_put(entry, "key", tgl__json_new_string(stage->key));
    if (stage->record[0] != '\0')
        tgl__json_put(entry, "record", tgl__json_new_string(stage->record));
    if (stage->seconds > 0)
        tgl__json_put(entry, "seconds", tgl__json_new_real(stage->seconds));
    if (stage->state == TGL_STAGE_FAILED)
        tgl__json_put(entry, "error", tgl__json_new_string(stage->error.message));
    return entry;
}

static tgl_status run_report(char **json, const tgl_plan *plan, const char *package,
                             double seconds, tgl_error *err)
{
    tgl_json *root = tgl__json_object(), *list = tgl__json_array();
    size_t n_ran = 0, n_failed = 0, n_restored = 0;
    bool good = root != NULL && list != NULL;
    for (size_t i = 0; good && i < plan->n_stage; i++) {
        const tgl_stage *stage = &plan->stages[plan->order[i]];
        if (!stage->selected)
            continue;
        bool done = stage->state == TGL_STAGE_DONE;
        n_ran += done && strcmp(stage->outcome, "ran") == 0;
        n_restored += done && strcmp(stage->outcome, "restored") == 0;
        n_failed += stage->state == TGL_STAGE_FAILED;
        good = tgl__json_append(list, stage_entry(stage));
    }
    good = tgl__json_put(root, "stages", list) && good;
    good = tgl__json_put(root, "ran", tgl__json_new_int((int64_t)n_ran)) && good;
    good =
        tgl__json_put(root, "restored", tgl__json_new_int((int64_t)n_restored)) && good;
    good = tgl__json_put(root, "failed", tgl__json_new_int((int64_t)n_failed)) && good;
    if (*package != '\0')
        good = tgl__json_put(root, "package", tgl__json_new_string(package)) && good;
    good = tgl__json_put(root, "seconds", tgl__json_new_real(seconds)) && good;
    tgl_status status =
        good ? tgl__json_dump_pretty(json, NULL, root, err) : tgl__fail_nomem(err);
    tgl__json_free(root);
    return status;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static tgl_status run_all(tgl_plan *plan, tgl_store *store,
                          const tgl_run_options *options, tgl_error *err)
{
    scheduler s = {.plan = plan, .store = store, .outer = options->progress};
    pthread_mutex_init(&s.mutex, NULL);
    pthread_mutex_init(&s.report_mutex, NULL);
    pthread_cond_init(&s.changed, NULL);
    size_t n_job = options->n_job == 0 ? 1 : options->n_job;
    tgl_status status = tgl__parallel(n_job, n_job, worker, &s, err);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.report_mutex);
    pthread_mutex_destroy(&s.mutex);
    for (size_t i = 0; status == TGL_OK && i < plan->n_stage; i++) {
        const tgl_stage *stage = &plan->stages[plan->order[i]];
        if (stage->state != TGL_STAGE_FAILED)
            continue;
        if (err != NULL)
            *err = stage->error;
        status = stage->error.code;
    }
    return status;
}

/* An input that no stage makes must be there before anything runs: not after an hour, and
 * not with a store made for nothing. */
static tgl_status check_sources(const tgl_plan *plan, tgl_error *err)
{
    for (size_t i = 0; i < plan->n_stage; i++) {
        const tgl_stage *stage = &plan->stages[plan->order[i]];
        for (size_t k = 0; stage->selected && k < stage->n_in; k++)
            if (stage->ins[k].producer == SIZE_MAX &&
                !tgl__file_exists(stage->ins[k].file.path))
                return tgl__fail(
                    err, TGL_ENOTFOUND,
                    "stage '%s': input '%s' is missing and no stage makes it",
                    stage->name, stage->ins[k].file.shown);
    }
    return TGL_OK;
}

/* Two runs at once would clear each other's outputs. The lock goes with the descriptor.
 */
static tgl_status lock_project(int *fd, const char *directory, tgl_error *err)
{
    char *path = tgl__path_join(directory, "run.lock");
    if (path == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*fd < 0)
        status = tgl__fail_errno(err, "cannot lock", path);
    else if (flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        status = tgl__fail(err, TGL_EIO, "another run is under way: it holds '%s'", path);
    tgl__free(path);
    return status;
}

static tgl_status open_store(tgl_store **store, int *lock, const tgl_project *project,
                             tgl_plan *plan, tgl_error *err)
{
    const char *directory = tgl__store_directory(project, &plan->arena);
    if (directory == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY(tgl_store_open(store, directory, 1, err));
    return lock_project(lock, directory, err);
}

tgl_status tgl_project_run(char **json, tgl_project *project,
                           const tgl_run_options *options, tgl_error *err)
{
    static const tgl_run_options defaults = TGL_RUN_OPTIONS_INIT;
    const tgl_run_options *o = options != NULL ? options : &defaults;
    double start = now_s();
    tgl_plan plan;
    tgl_store *store = NULL;
    int lock = -1;
    char package[72] = "";
    tgl_status status = tgl__plan_make(&plan, project, o->set, o->n_set, err);
    if (status == TGL_OK)
        status = tgl__plan_select(&plan, o, err);
    if (status == TGL_OK)
        status = check_sources(&plan, err);
    if (status == TGL_OK)
        status = open_store(&store, &lock, project, &plan, err);
    if (status == TGL_OK) {
        status = run_all(&plan, store, o, err);
        if (status == TGL_OK)
            status = attach_records(package, &plan, store, err);
        if (json != NULL) {
            tgl_status said = run_report(json, &plan, package, now_s() - start,
                                         status == TGL_OK ? err : NULL);
            status = status == TGL_OK ? said : status;
        }
    }
    tgl_store_close(store);
    if (lock >= 0)
        close(lock);
    tgl__plan_release(&plan);
    return status;
}
