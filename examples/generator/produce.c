#include "produce.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_writer.h"

enum { CLUSTER = 20000, MAX_THREAD = 256, COUNTED = 5 };

typedef struct crossing_row {
    crossing c;
    uint64_t event;
    uint32_t run, luminosity_block;
    int32_t bunch;
    float pileup;
} crossing_row;

/* The five collections of a row. */
typedef struct collection {
    const char *count;
    size_t objects, n; /* offsets in a crossing; n 0: always N_SUM */
} collection;

static const collection collections[COUNTED] = {
    {"nL1Mu", offsetof(crossing, muon), offsetof(crossing, n_muon)},
    {"nL1EG", offsetof(crossing, eg), offsetof(crossing, n_eg)},
    {"nL1Tau", offsetof(crossing, tau), offsetof(crossing, n_tau)},
    {"nL1Jet", offsetof(crossing, jet), offsetof(crossing, n_jet)},
    {"nL1EtSum", offsetof(crossing, sum), 0}};

/* Where a branch's values stand in a row: a collection's field, or the row itself. */
typedef struct file_column {
    const char *name;
    leaf_type type;
    int collection; /* -1: `offset` counts in the row; else in an object */
    size_t offset;
} file_column;

#define FIELD(branch, index, field)                                                      \
    {                                                                                    \
        branch, LEAF_I16, index, offsetof(object, field)                                 \
    }

static const file_column columns[] = {
    {"run", LEAF_U32, -1, offsetof(crossing_row, run)},
    {"luminosityBlock", LEAF_U32, -1, offsetof(crossing_row, luminosity_block)},
    {"bunchCrossing", LEAF_I32, -1, offsetof(crossing_row, bunch)},
    {"event", LEAF_U64, -1, offsetof(crossing_row, event)},
    {"truePileup", LEAF_F32, -1, offsetof(crossing_row, pileup)},
    FIELD("L1Mu_hwPt", 0, pt),
    FIELD("L1Mu_hwEta", 0, eta),
    FIELD("L1Mu_hwPhi", 0, phi),
    FIELD("L1Mu_hwQual", 0, qual),
    FIELD("L1Mu_hwIso", 0, iso),
    FIELD("L1Mu_hwCharge", 0, charge),
    FIELD("L1EG_hwPt", 1, pt),
    FIELD("L1EG_hwEta", 1, eta),
    FIELD("L1EG_hwPhi", 1, phi),
    FIELD("L1EG_hwIso", 1, iso),
    FIELD("L1Tau_hwPt", 2, pt),
    FIELD("L1Tau_hwEta", 2, eta),
    FIELD("L1Tau_hwPhi", 2, phi),
    FIELD("L1Tau_hwIso", 2, iso),
    FIELD("L1Jet_hwPt", 3, pt),
    FIELD("L1Jet_hwEta", 3, eta),
    FIELD("L1Jet_hwPhi", 3, phi),
    FIELD("L1EtSum_hwPt", 4, pt),
    FIELD("L1EtSum_hwPhi", 4, phi),
    FIELD("L1EtSum_etSumType", 4, qual),
    {"Gen_ht", LEAF_F32, -1, offsetof(crossing_row, c.truth.ht)},
    {"Gen_met", LEAF_F32, -1, offsetof(crossing_row, c.truth.met)},
    {"Gen_leadJetPt", LEAF_F32, -1, offsetof(crossing_row, c.truth.jet)},
    {"Gen_leadMuPt", LEAF_F32, -1, offsetof(crossing_row, c.truth.muon)},
    {"Gen_leadEGPt", LEAF_F32, -1, offsetof(crossing_row, c.truth.eg)}};

enum { N_COLUMN = sizeof columns / sizeof *columns, N_BRANCH = N_COLUMN + COUNTED };

static tgl_status fail(tgl_error *err, tgl_status code, const char *what,
                       const char *name)
{
    if (err != NULL) {
        err->code = code;
        err->offset = TGL_NO_OFFSET;
        snprintf(err->message, sizeof err->message, "%s '%.300s'", what, name);
    }
    return code;
}

/* ---- one cluster ---- */

typedef struct thread_scratch {
    work_space *work;
    crossing_row *rows; /* CLUSTER */
    void *values[N_BRANCH];
    uint32_t *offsets[COUNTED]; /* (CLUSTER + 1) */
} thread_scratch;

static uint32_t n_object(const crossing_row *r, int index)
{
    uint32_t n = N_SUM;
    if (collections[index].n != 0)
        memcpy(&n, (const char *)&r->c + collections[index].n, sizeof n);
    return n;
}

static void scratch_release(thread_scratch *s)
{
    free(s->work);
    free(s->rows);
    for (int i = 0; i < N_BRANCH; i++)
        free(s->values[i]);
    for (int i = 0; i < COUNTED; i++)
        free(s->offsets[i]);
}

static int scratch_init(thread_scratch *s)
{
    memset(s, 0, sizeof *s);
    s->work = malloc(sizeof *s->work);
    s->rows = malloc(CLUSTER * sizeof *s->rows);
    int good = s->work != NULL && s->rows != NULL;
    for (int i = 0; i < N_BRANCH; i++) {
        s->values[i] = malloc((size_t)CLUSTER * (MAX_JET * sizeof(int16_t)));
        good = good && s->values[i] != NULL;
    }
    for (int i = 0; i < COUNTED; i++) {
        s->offsets[i] = malloc((CLUSTER + 1) * sizeof **s->offsets);
        good = good && s->offsets[i] != NULL;
    }
    return good;
}

static void fill_counts(thread_scratch *s, int index, int32_t *counts, uint32_t n_row)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n_row; i++) {
        uint32_t n = n_object(&s->rows[i], index);
        counts[i] = (int32_t)n;
        s->offsets[index][i] = sum;
        sum += n;
    }
    s->offsets[index][n_row] = sum;
}

static void fill_flat(const thread_scratch *s, const file_column *c, uint8_t *to,
                      uint32_t n_row)
{
    size_t size = c->type == LEAF_U64 ? 8 : 4;
    for (uint32_t i = 0; i < n_row; i++)
        memcpy(to + i * size, (const char *)&s->rows[i] + c->offset, size);
}

static void fill_jagged(const thread_scratch *s, const file_column *c, int16_t *to,
                        uint32_t n_row)
{
    for (uint32_t i = 0; i < n_row; i++) {
        const char *objects =
            (const char *)&s->rows[i].c + collections[c->collection].objects;
        uint32_t n = n_object(&s->rows[i], c->collection);
        for (uint32_t k = 0; k < n; k++)
            memcpy(to++, objects + k * sizeof(object) + c->offset, sizeof *to);
    }
}

/* Branches in the file: each collection's counter stands before its first field. */
static void declare(root_branch *branches)
{
    size_t n = 0;
    int last = -1;
    for (int i = 0; i < N_COLUMN; i++) {
        int index = columns[i].collection;
        if (index >= 0 && index != last)
            branches[n++] = (root_branch){collections[index].count, LEAF_I32, NULL};
        last = index;
        branches[n++] = (root_branch){columns[i].name, columns[i].type,
                                      index >= 0 ? collections[index].count : NULL};
    }
}

static tgl_status pack(root_cluster **out, const root_writer *writer, thread_scratch *s,
                       uint32_t n_row, tgl_error *err)
{
    root_values values[N_BRANCH];
    size_t n = 0;
    int last = -1;
    for (int i = 0; i < N_COLUMN; i++) {
        const file_column *c = &columns[i];
        if (c->collection >= 0 && c->collection != last) {
            fill_counts(s, c->collection, s->values[n], n_row);
            values[n] = (root_values){s->values[n], NULL};
            n++;
        }
        last = c->collection;
        if (c->collection >= 0) {
            fill_jagged(s, c, s->values[n], n_row);
            values[n] = (root_values){s->values[n], s->offsets[c->collection]};
        } else {
            fill_flat(s, c, s->values[n], n_row);
            values[n] = (root_values){s->values[n], NULL};
        }
        n++;
    }
    return root_cluster_pack(out, writer, values, n_row, err);
}

/* ---- one sample ---- */

typedef struct sample_job {
    const production_plan *production;
    const sample_kind *sample;
    size_t sample_index;
    overlay_plan overlay;
    const detector_state *detector;
    uint32_t n_crossing, n_section, n_cluster;
    root_writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    uint32_t next, written; /* clusters handed out, written */
    tgl_status status;
    tgl_error error;
} sample_job;

static void make_row(crossing_row *r, const sample_job *job, work_space *w,
                     uint32_t index)
{
    const production_plan *p = job->production;
    draw d = draw_start(p->seed, job->sample_index, index);
    uint32_t at = (uint32_t)((uint64_t)index * job->n_section / job->n_crossing);
    section_row section = sample_section(job->sample, at, job->n_section);
    uint32_t bunch = draw_below(&d, N_BUNCH);
    double pileup = (double)section.pileup * bunch_factor(bunch, p->tables);
    uint32_t signal = job->overlay.signal != NULL ? index % job->overlay.signal->n : 0;
    r->run = section.run;
    r->luminosity_block = section.luminosity_block;
    r->bunch = bunch_number(bunch);
    r->event = index + UINT64_C(1);
    r->pileup = (float)pileup;
    crossing_make(&r->c, w, &job->overlay, &d, pileup, signal);
}

static tgl_status make_cluster(root_cluster **out, sample_job *job, thread_scratch *s,
                               uint32_t cluster, tgl_error *err)
{
    const tgl_progress *progress = job->production->progress;
    uint32_t begin = cluster * CLUSTER, n = job->n_crossing - begin;
    n = n < CLUSTER ? n : CLUSTER;
    for (uint32_t i = 0; i < n; i++) {
        if (i % 1024 == 0 && progress->cancelled(progress->user))
            return fail(err, TGL_ECANCELLED, "stopped while making", job->sample->name);
        make_row(&s->rows[i], job, s->work, begin + i);
    }
    return pack(out, job->writer, s, n, err);
}

/* Wait for the clusters before, then write. With the lock held. */
static tgl_status write_in_turn(sample_job *job, uint32_t cluster,
                                const root_cluster *packed, tgl_error *err)
{
    const tgl_progress *progress = job->production->progress;
    while (job->written != cluster && job->status == TGL_OK)
        pthread_cond_wait(&job->turn, &job->lock);
    if (job->status != TGL_OK)
        return TGL_OK; /* another thread says why */
    tgl_status status = root_writer_append(job->writer, packed, err);
    job->written++;
    uint64_t done = (uint64_t)job->written * CLUSTER;
    progress->report(progress->user, job->sample->name,
                     done < job->n_crossing ? done : job->n_crossing, job->n_crossing);
    return status;
}

static void *worker(void *context)
{
    sample_job *job = context;
    thread_scratch s;
    int ready = scratch_init(&s);
    tgl_error error = {0};
    tgl_status status =
        ready ? TGL_OK : fail(&error, TGL_ENOMEM, "out of memory for", job->sample->name);
    if (ready)
        work_init(s.work, job->detector);
    pthread_mutex_lock(&job->lock);
    while (status == TGL_OK && job->status == TGL_OK && job->next < job->n_cluster) {
        uint32_t cluster = job->next++;
        root_cluster *packed = NULL;
        pthread_mutex_unlock(&job->lock);
        status = make_cluster(&packed, job, &s, cluster, &error);
        pthread_mutex_lock(&job->lock);
        if (status == TGL_OK)
            status = write_in_turn(job, cluster, packed, &error);
        root_cluster_free(packed);
        pthread_cond_broadcast(&job->turn);
    }
    if (status != TGL_OK && job->status == TGL_OK) {
        job->status = status;
        job->error = error;
    }
    pthread_cond_broadcast(&job->turn);
    pthread_mutex_unlock(&job->lock);
    scratch_release(&s);
    return NULL;
}

static void run_threads(sample_job *job)
{
    pthread_t threads[MAX_THREAD];
    unsigned n = 0, wanted = job->production->n_thread;
    wanted = wanted < job->n_cluster ? wanted : job->n_cluster;
    wanted = wanted < MAX_THREAD ? wanted : MAX_THREAD;
    while (n + 1 < wanted && pthread_create(&threads[n], NULL, worker, job) == 0)
        n++;
    worker(job); /* this thread works too: one that cannot be created is not missed */
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

tgl_status produce_sample(const production_plan *production, size_t sample_index,
                          const collision_set *signal, tgl_error *err)
{
    const sample_kind *sample = &samples[sample_index];
    root_branch branches[N_BRANCH];
    char path[4096];
    detector_state detector;
    sample_detector(&detector, sample);
    sample_job job = {.production = production,
                      .sample = sample,
                      .sample_index = sample_index,
                      .overlay = {production->minbias, production->hard, signal,
                                  &detector, production->tables},
                      .detector = &detector,
                      .n_crossing = sample_crossings(sample, production->events),
                      .n_section = sample_sections(sample, production->events)};
    job.n_cluster = (job.n_crossing + CLUSTER - 1) / CLUSTER;
    declare(branches);
    if (snprintf(path, sizeof path, "%s/%s.root", production->directory, sample->name) >=
        (int)sizeof path)
        return fail(err, TGL_EUSAGE, "path too long:", production->directory);
    tgl_status status = root_writer_open(&job.writer, path, "Events",
                                         "Level-1 trigger objects, hardware units",
                                         branches, N_BRANCH, &production->packing, err);
    if (status != TGL_OK)
        return status;
    pthread_mutex_init(&job.lock, NULL);
    pthread_cond_init(&job.turn, NULL);
    run_threads(&job);
    pthread_cond_destroy(&job.turn);
    pthread_mutex_destroy(&job.lock);
    if (job.status == TGL_OK)
        return root_writer_close(job.writer, err);
    root_writer_abandon(job.writer);
    if (err != NULL)
        *err = job.error;
    return job.status;
}

/* ---- the table of sections ---- */

static uint32_t collect_sections(section_row *out, uint32_t events)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_samples; i++) {
        uint32_t n_section =
            samples[i].signal == NULL ? sample_sections(&samples[i], events) : 0;
        for (uint32_t k = 0; k < n_section; k++, n++)
            if (out != NULL)
                out[n] = sample_section(&samples[i], k, n_section);
    }
    return n;
}

tgl_status produce_sections(const production_plan *production, tgl_error *err)
{
    static const root_branch branches[] = {
        {"run", LEAF_U32, NULL},    {"luminosityBlock", LEAF_U32, NULL},
        {"fill", LEAF_U32, NULL},   {"nCollidingBunches", LEAF_U32, NULL},
        {"pileup", LEAF_F32, NULL}, {"prescaleColumn", LEAF_U32, NULL}};
    static const size_t offsets[] = {
        offsetof(section_row, run),    offsetof(section_row, luminosity_block),
        offsetof(section_row, fill),   offsetof(section_row, n_colliding),
        offsetof(section_row, pileup), offsetof(section_row, prescale_column)};
    enum { N = sizeof branches / sizeof *branches };
    char path[4096];
    uint32_t n = collect_sections(NULL, production->events);
    section_row *rows = malloc(n * sizeof *rows);
    uint32_t *values = malloc(N * (size_t)n * sizeof *values);
    root_values columns_of[N];
    root_writer *writer = NULL;
    root_cluster *cluster = NULL;
    tgl_status status = TGL_OK;
    snprintf(path, sizeof path, "%s/sections.root", production->directory);
    if (rows == NULL || values == NULL)
        status = fail(err, TGL_ENOMEM, "out of memory for", path);
    if (status == TGL_OK) {
        collect_sections(rows, production->events);
        for (size_t i = 0; i < N; i++) {
            columns_of[i] = (root_values){values + i * n, NULL};
            for (uint32_t k = 0; k < n; k++)
                memcpy(values + i * n + k, (const char *)&rows[k] + offsets[i], 4);
        }
        status = root_writer_open(&writer, path, "sections",
                                  "one row per run and luminosity section", branches, N,
                                  &production->packing, err);
    }
    if (status == TGL_OK)
        status = root_cluster_pack(&cluster, writer, columns_of, n, err);
    if (status == TGL_OK)
        status = root_writer_append(writer, cluster, err);
    if (status == TGL_OK)
        status = root_writer_close(writer, err);
    else
        root_writer_abandon(writer);
    root_cluster_free(cluster);
    free(rows);
    free(values);
    return status;
}
