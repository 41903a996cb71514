#include "train/fit.h"

#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "train/random.h"

/* Everything one fit holds. A batch is cut into chunks of CHUNK events whatever the
 * number of threads; each chunk has a gradient of its own, and they are added in
 * ascending order: the result does not know who computed what. */
typedef struct fitter {
    const tgl__train_config *config;
    const tgl__dataset *data;
    const tgl__train_kernels *kernels;
    tgl__net *net;
    size_t n_thread, n_chunk; /* chunks of a full batch */
    tgl__workspace *spaces;   /* (n_thread) */
    float *gradients;         /* (n_chunk, n_param) */
    float *mean, *square;     /* (n_param) Adam's moments */
    float *best;              /* (n_param) */
    float *normals;
    uint32_t *order; /* (n_train) */
    tgl__loss *losses;
    double power1, power2; /* beta1^t, beta2^t */
    tgl__loss_task task;
} fitter;

/* One run over some rows: what the parallel loop sees. */
typedef struct pass {
    fitter *f;
    const uint32_t *rows;
    size_t n_row;
    float *gradients; /* NULL: forward only */
    tgl__loss *losses;
} pass;

static tgl_status run_chunk(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)err;
    const pass *p = context;
    size_t begin = index * TGL__CHUNK;
    size_t n = p->n_row - begin < TGL__CHUNK ? p->n_row - begin : TGL__CHUNK;
    float *gradient =
        p->gradients == NULL ? NULL : p->gradients + index * p->f->net->n_param;
    tgl__loss_chunk(&p->losses[index], &p->f->task, &p->f->spaces[worker], gradient,
                    p->rows + begin, n);
    return TGL_OK;
}

static void add_loss(tgl__loss *sum, const tgl__loss *part)
{
    sum->total += part->total;
    sum->reconstruction += part->reconstruction;
    sum->divergence += part->divergence;
    sum->n_correct += part->n_correct;
}

static void mean_loss(tgl__loss *loss, uint64_t n)
{
    loss->total /= (double)n;
    loss->reconstruction /= (double)n;
    loss->divergence /= (double)n;
}

/* Sum of the chunks' gradients into the first, in order. Each thread takes a slice of the
 * parameters. */
enum { SLICE = 4096 };

typedef struct reduction {
    fitter *f;
    size_t n_chunk;
} reduction;

static tgl_status reduce_slice(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    (void)err;
    const reduction *r = context;
    const fitter *f = r->f;
    size_t begin = index * SLICE, n_param = f->net->n_param;
    size_t n = n_param - begin < SLICE ? n_param - begin : SLICE;
    for (size_t c = 1; c < r->n_chunk; c++)
        f->kernels->add(f->gradients + begin, f->gradients + c * n_param + begin, n);
    return TGL_OK;
}

static void step_weights(fitter *f, size_t n_event, double rate)
{
    f->power1 *= 0.9;
    f->power2 *= 0.999;
    tgl__adam step = {(float)rate,
                      0.9f,
                      0.999f,
                      1e-7f,
                      (float)(1.0 / (1.0 - f->power1)),
                      (float)(1.0 / (1.0 - f->power2)),
                      1.0f / (float)n_event};
    for (int i = 0; i < f->net->n_layer; i++) {
        const tgl__layer *l = &f->net->layers[i];
        f->kernels->adam(f->net->param + l->weight, f->mean + l->weight,
                         f->square + l->weight, f->gradients + l->weight,
                         l->n_in * l->out_pad, &step, l->weight_lo, l->weight_hi);
        f->kernels->adam(f->net->param + l->bias, f->mean + l->bias, f->square + l->bias,
                         f->gradients + l->bias, l->out_pad, &step, l->bias_lo,
                         l->bias_hi);
    }
    tgl__net_refresh(f->net, f->kernels);
}

static tgl_status train_batch(fitter *f, tgl__loss *sum, const uint32_t *rows, size_t n,
                              double rate, tgl_error *err)
{
    size_t n_chunk = (n + TGL__CHUNK - 1) / TGL__CHUNK;
    pass p = {f, rows, n, f->gradients, f->losses};
    TGL_TRY(tgl__parallel(n_chunk, f->n_thread, run_chunk, &p, err));
    reduction r = {f, n_chunk};
    size_t n_slice = (f->net->n_param + SLICE - 1) / SLICE;
    TGL_TRY(tgl__parallel(n_slice, 1, reduce_slice, &r, err));
    for (size_t c = 0; c < n_chunk; c++)
        add_loss(sum, &f->losses[c]);
    step_weights(f, n, rate);
    return TGL_OK;
}

static tgl_status train_epoch(fitter *f, tgl__epoch *epoch, uint32_t number,
                              const tgl_progress *progress, tgl_error *err)
{
    size_t n_train = (size_t)f->data->n_train, batch = f->config->batch;
    tgl__random_shuffle(f->order, n_train,
                        tgl__random_key(f->config->seed, TGL__RANDOM_SHUFFLE, number));
    f->task.normals = f->normals;
    f->task.latent_key = tgl__random_key(f->config->seed, TGL__RANDOM_LATENT, number);
    for (size_t begin = 0; begin < n_train; begin += batch) {
        size_t n = n_train - begin < batch ? n_train - begin : batch;
        TGL_TRY(train_batch(f, &epoch->train, f->order + begin, n, epoch->learning_rate,
                            err));
        TGL_TRY(tgl__progress(progress, "train", (uint64_t)number * n_train + begin + n,
                              (uint64_t)f->config->epochs * n_train, err));
    }
    mean_loss(&epoch->train, n_train);
    return TGL_OK;
}

/* Validation rows are taken in their own order, the latent vector at its mean. */
static tgl_status validate(fitter *f, tgl__epoch *epoch, tgl_error *err)
{
    uint64_t n = f->data->n_row - f->data->n_train;
    size_t n_chunk = (size_t)((n + TGL__CHUNK - 1) / TGL__CHUNK);
    uint32_t *rows = tgl__calloc((size_t)n, sizeof *rows);
    pass p = {f, rows, (size_t)n, NULL, tgl__calloc(n_chunk, sizeof(tgl__loss))};
    tgl_status status = TGL_OK;
    if (rows == NULL || p.losses == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (uint64_t i = 0; i < n; i++)
        rows[i] = (uint32_t)(f->data->n_train + i);
    f->task.normals = NULL;
    TGL_TRY_GOTO(tgl__parallel(n_chunk, f->n_thread, run_chunk, &p, err));
    for (size_t c = 0; c < n_chunk; c++)
        add_loss(&epoch->validation, &p.losses[c]);
    mean_loss(&epoch->validation, n);
    if (!(epoch->validation.total < 1e30 && epoch->train.total < 1e30))
        status = tgl__fail(err, TGL_ELIMIT,
                           "train: the loss is no longer finite; lower 'learning_rate'");
out:
    tgl__free(p.losses);
    tgl__free(rows);
    return status;
}

/* cos(pi x) for x in [0, 1], by its series (Abramowitz and Stegun 4.3.66). */
static double cos_pi(double x)
{
    double a2 = (x * 3.14159265358979324) * (x * 3.14159265358979324), sum = 1.0;
    for (int n = 24; n > 0; n -= 2)
        sum = 1.0 - sum * a2 / (double)(n * (n - 1));
    return sum;
}

/* Cosine: from the rate to a hundredth of it. Plateau: halved after every three epochs
 * without improvement. */
static double rate_of(const tgl__train_config *c, uint32_t epoch, uint32_t stale,
                      double last)
{
    if (c->schedule == TGL__SCHEDULE_PLATEAU && epoch > 0)
        return stale > 0 && stale % 3 == 0 ? last * 0.5 : last;
    if (c->schedule == TGL__SCHEDULE_COSINE && c->epochs > 1) {
        double x = (double)epoch / (double)(c->epochs - 1);
        return c->learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + cos_pi(x)));
    }
    return c->learning_rate;
}

static tgl_status run_epochs(fitter *f, tgl__fit *fit, const tgl_progress *progress,
                             tgl_error *err)
{
    const tgl__train_config *c = f->config;
    double rate = c->learning_rate;
    uint32_t stale = 0;
    for (uint32_t e = 0; e < c->epochs; e++) {
        tgl__epoch *epoch = &fit->epochs[e];
        epoch->learning_rate = rate = rate_of(c, e, stale, rate);
        TGL_TRY(train_epoch(f, epoch, e, progress, err));
        TGL_TRY(validate(f, epoch, err));
        fit->n_epoch = e + 1;
        if (e == 0 || epoch->validation.total < fit->epochs[fit->best].validation.total) {
            fit->best = e;
            stale = 0;
            memcpy(f->best, f->net->param, f->net->n_param * sizeof *f->best);
        } else if (++stale >= c->patience && c->patience > 0) {
            break;
        }
    }
    memcpy(f->net->param, f->best, f->net->n_param * sizeof *f->best);
    tgl__net_refresh(f->net, f->kernels);
    return TGL_OK;
}

static void fitter_release(fitter *f)
{
    for (size_t i = 0; f->spaces != NULL && i < f->n_thread; i++)
        tgl__workspace_release(&f->spaces[i]);
    tgl__free(f->spaces);
    tgl__free(f->gradients);
    tgl__free(f->mean);
    tgl__free(f->square);
    tgl__free(f->best);
    tgl__free(f->normals);
    tgl__free(f->order);
    tgl__free(f->losses);
}

static tgl_status fitter_init(fitter *f, tgl_error *err)
{
    size_t n = f->net->n_param;
    f->n_thread = tgl__thread_count(f->n_thread);
    f->n_chunk = (f->config->batch + TGL__CHUNK - 1) / TGL__CHUNK;
    f->spaces = tgl__calloc(f->n_thread, sizeof *f->spaces);
    f->gradients = tgl__aligned(f->n_chunk * n, sizeof(float));
    f->mean = tgl__aligned(n, sizeof(float));
    f->square = tgl__aligned(n, sizeof(float));
    f->best = tgl__aligned(n, sizeof(float));
    f->normals = tgl__aligned(TGL__NORMAL_POOL, sizeof(float));
    f->order = tgl__calloc((size_t)f->data->n_train, sizeof *f->order);
    f->losses = tgl__calloc(f->n_chunk, sizeof *f->losses);
    if (!f->spaces || !f->gradients || !f->mean || !f->square || !f->best ||
        !f->normals || !f->order || !f->losses)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < f->n_thread; i++)
        TGL_TRY(tgl__workspace_init(&f->spaces[i], f->net, err));
    memset(f->mean, 0, n * sizeof(float));
    memset(f->square, 0, n * sizeof(float));
    f->power1 = f->power2 = 1.0;
    tgl__random_normals(f->normals, f->config->seed);
    f->task = (tgl__loss_task){.net = f->net,
                               .kernels = f->kernels,
                               .data = f->data,
                               .beta = f->config->beta,
                               .input_unit = tgl__scale_of(-f->config->input.type.frac)};
    tgl__net_refresh(f->net, f->kernels);
    return TGL_OK;
}

tgl_status tgl__fit_run(tgl__fit *out, tgl__net *net, const tgl__train_config *config,
                        const tgl__dataset *data, const tgl__train_kernels *kernels,
                        size_t n_thread, const tgl_progress *progress, tgl_error *err)
{
    fitter f = {.config = config,
                .data = data,
                .kernels = kernels,
                .net = net,
                .n_thread = n_thread};
    *out = (tgl__fit){tgl__calloc(config->epochs, sizeof *out->epochs), 0, 0};
    if (out->epochs == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = fitter_init(&f, err);
    if (status == TGL_OK)
        status = run_epochs(&f, out, progress, err);
    fitter_release(&f);
    if (status != TGL_OK)
        tgl__fit_release(out);
    return status;
}

void tgl__fit_release(tgl__fit *fit)
{
    tgl__free(fit->epochs);
    *fit = (tgl__fit){NULL, 0, 0};
}

/* ---- codes ---- */

typedef struct coding {
    int64_t *out;
    const tgl__net *net;
    const tgl__train_kernels *kernels;
    const int16_t *codes;
    uint64_t n_row;
    tgl__workspace *spaces;
} coding;

static tgl_status code_chunk(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)err;
    const coding *c = context;
    tgl__workspace *space = &c->spaces[worker];
    const tgl__layer *first = &c->net->layers[0],
                     *last = &c->net->layers[c->net->n_deployed - 1];
    uint64_t begin = (uint64_t)index * TGL__CHUNK;
    size_t n = c->n_row - begin < TGL__CHUNK ? (size_t)(c->n_row - begin) : TGL__CHUNK;
    float unit = tgl__scale_of(-c->net->input_quant.type.frac);
    for (size_t e = 0; e < n; e++)
        for (uint32_t j = 0; j < first->n_in; j++)
            space->input[e * first->in_pad + j] =
                (float)c->codes[(begin + e) * first->n_in + j] * unit;
    tgl__net_forward(c->net, c->kernels, space, 0, c->net->n_deployed, n);
    for (size_t e = 0; e < n; e++)
        for (uint32_t o = 0; o < last->n_out; o++)
            c->out[(begin + e) * last->n_out + o] =
                tgl__net_code(space->out[c->net->n_deployed - 1][e * last->out_pad + o],
                              last->out_quant.type.frac);
    return TGL_OK;
}

tgl_status tgl__fit_codes(int64_t *out, const tgl__net *net,
                          const tgl__train_kernels *kernels, const int16_t *codes,
                          uint64_t n_row, size_t n_thread, tgl_error *err)
{
    n_thread = tgl__thread_count(n_thread);
    coding c = {out, net, kernels, codes, n_row, tgl__calloc(n_thread, sizeof *c.spaces)};
    if (c.spaces == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    for (size_t i = 0; i < n_thread && status == TGL_OK; i++)
        status = tgl__workspace_init(&c.spaces[i], net, err);
    if (status == TGL_OK)
        status = tgl__parallel((size_t)((n_row + TGL__CHUNK - 1) / TGL__CHUNK), n_thread,
                               code_chunk, &c, err);
    for (size_t i = 0; i < n_thread; i++)
        tgl__workspace_release(&c.spaces[i]);
    tgl__free(c.spaces);
    return status;
}
