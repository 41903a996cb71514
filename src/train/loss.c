#include "train/loss.h"

#include <string.h>

#include "train/elementary.h"
#include "train/random.h"

static void gather(const tgl__loss_task *task, tgl__workspace *space,
                   const uint32_t *rows, size_t n)
{
    enum { AHEAD = 16 }; /* rows are shuffled: each is a cache line far away */
    size_t n_in = task->data->n_in, pad = task->net->layers[0].in_pad;
    for (size_t e = 0; e < n; e++) {
        const int16_t *from = task->data->codes + (size_t)rows[e] * n_in;
        if (e + AHEAD < n)
            __builtin_prefetch(task->data->codes + (size_t)rows[e + AHEAD] * n_in);
        float *to = space->input + e * pad;
        for (size_t j = 0; j < n_in; j++)
            to[j] = (float)from[j] * task->input_unit;
    }
}

/* ---- softmax cross-entropy: gradient = probability - one-hot ---- */

/* Logits class by class, so that events lie side by side in vectors: (n_out, CHUNK) from
 * (n, pad). */
static void by_class(float *out, const float *logits, size_t n_out, size_t pad, size_t n)
{
    for (size_t o = 0; o < n_out; o++)
        for (size_t e = 0; e < n; e++)
            out[o * TGL__CHUNK + e] = logits[e * pad + o];
}

/* Each event's largest logit, and the first class that has it. */
static void find_best(float *largest, uint32_t *best, const float *logits, size_t n_out)
{
    for (size_t e = 0; e < TGL__CHUNK; e++) {
        largest[e] = logits[e];
        best[e] = 0;
    }
    for (uint32_t o = 1; o < n_out; o++) {
        const float *row = logits + (size_t)o * TGL__CHUNK;
        for (size_t e = 0; e < TGL__CHUNK; e++) {
            uint32_t more = row[e] > largest[e] ? UINT32_MAX : 0;
            largest[e] = row[e] > largest[e] ? row[e] : largest[e];
            best[e] = (best[e] & ~more) | (o & more);
        }
    }
}

static void softmax_chunk(tgl__loss *out, const tgl__loss_task *task,
                          tgl__workspace *space, const uint32_t *rows, size_t n)
{
    int last = task->net->n_deployed - 1;
    const tgl__layer *l = &task->net->layers[last];
    const float *logits = space->out[last];
    float *back = space->back[last], *power = space->spare;
    float largest[TGL__CHUNK], inverse[TGL__CHUNK], sum[TGL__CHUNK] = {0};
    uint32_t best[TGL__CHUNK];
    size_t pad = l->out_pad, n_out = l->n_out;
    by_class(power, logits, n_out, pad, n);
    for (size_t o = 0; o < n_out; o++) /* where a chunk is short */
        memset(power + o * TGL__CHUNK + n, 0, (TGL__CHUNK - n) * sizeof *power);
    find_best(largest, best, power, n_out);
    for (size_t o = 0; o < n_out; o++)
        for (size_t e = 0; e < TGL__CHUNK; e++)
            power[o * TGL__CHUNK + e] -= largest[e];
    for (size_t e = 0; e < n; e++) {
        uint32_t label = task->data->label[rows[e]];
        out->n_correct += best[e] == label;
        out->total -= (double)power[label * TGL__CHUNK + e]; /* + log sum below */
    }
    task->kernels->exp(power, power, n_out * TGL__CHUNK);
    for (size_t o = 0; o < n_out; o++)
        for (size_t e = 0; e < TGL__CHUNK; e++)
            sum[e] += power[o * TGL__CHUNK + e];
    double sums = 1.0; /* their product: at most MAX_CLASS^CHUNK = 2^256 */
    for (size_t e = 0; e < n; e++)
        sums *= (double)sum[e];
    for (size_t e = 0; e < TGL__CHUNK; e++)
        inverse[e] = 1.0f / sum[e];
    for (size_t o = 0; o < n_out; o++)
        for (size_t e = 0; e < n; e++)
            back[e * pad + o] = power[o * TGL__CHUNK + e] * inverse[e];
    for (size_t e = 0; e < n; e++)
        back[e * pad + task->data->label[rows[e]]] -= 1.0f;
    out->total += tgl__log(sums);
}

/* ---- variational autoencoder ---- */

/* z = mean + noise * exp(log variance / 2) */
static void sample_latent(const tgl__loss_task *task, tgl__workspace *space,
                          const uint32_t *rows, size_t n)
{
    int mean = task->net->n_deployed - 1;
    const tgl__layer *l = &task->net->layers[mean];
    size_t pad = l->out_pad;
    if (task->normals == NULL) {
        memcpy(space->latent, space->out[mean], n * pad * sizeof(float));
        return;
    }
    for (size_t i = 0; i < n * pad; i++)
        space->spare[i] = 0.5f * space->out[mean + 1][i];
    task->kernels->exp(space->spare, space->spare, n * pad); /* standard deviations */
    for (size_t e = 0; e < n; e++)
        for (uint32_t o = 0; o < l->n_out; o++) {
            uint64_t at = (uint64_t)rows[e] * l->n_out + o;
            uint64_t bits = tgl__random_bits(task->latent_key, at);
            float noise = task->normals[bits >> 48] * space->spare[e * pad + o];
            space->latent[e * pad + o] = space->out[mean][e * pad + o] + noise;
        }
}

/* Mean squared error over the inputs; gradient 2 (y - x) / n_in. */
static void reconstruction(tgl__loss *out, const tgl__loss_task *task,
                           tgl__workspace *space, size_t n)
{
    int last = task->net->n_layer - 1;
    const tgl__layer *l = &task->net->layers[last];
    float share = 2.0f / (float)l->n_out;
    for (size_t e = 0; e < n; e++) {
        const float *x = space->input + e * l->out_pad,
                    *y = space->out[last] + e * l->out_pad;
        float *back = space->back[last] + e * l->out_pad;
        float sum = 0;
        for (uint32_t j = 0; j < l->n_out; j++) {
            float difference = y[j] - x[j];
            sum += difference * difference;
            back[j] = share * difference;
        }
        out->reconstruction += (double)sum / (double)l->n_out;
    }
}

/* KL(N(mean, variance) || N(0, 1)) = (mean^2 + variance - 1 - log variance) / 2, and its
 * gradients with those that come from z (Kingma and Welling, arXiv:1312.6114). */
static void divergence(tgl__loss *out, const tgl__loss_task *task, tgl__workspace *space,
                       size_t n)
{
    int mean = task->net->n_deployed - 1, spread = mean + 1;
    const tgl__layer *l = &task->net->layers[mean];
    size_t pad = l->out_pad;
    float beta = (float)task->beta;
    task->kernels->exp(space->spare, space->out[spread], n * pad); /* variances */
    for (size_t e = 0; e < n; e++) {
        float sum = 0;
        for (uint32_t o = 0; o < l->n_out; o++) {
            size_t at = e * pad + o;
            float m = space->out[mean][at], log_variance = space->out[spread][at],
                  variance = space->spare[at], z_back = space->latent_back[at];
            sum += 0.5f * (m * m + variance - 1.0f - log_variance);
            space->back[mean][at] = z_back + beta * m;
            space->back[spread][at] =
                0.5f * z_back * (space->latent[at] - m) + 0.5f * beta * (variance - 1.0f);
        }
        out->divergence += (double)sum;
    }
}

static void autoencoder_chunk(tgl__loss *out, const tgl__loss_task *task,
                              tgl__workspace *space, float *gradient,
                              const uint32_t *rows, size_t n)
{
    const tgl__net *net = task->net;
    int decoder = net->n_deployed + 1;
    tgl__net_forward(net, task->kernels, space, net->n_deployed, decoder, n);
    sample_latent(task, space, rows, n);
    tgl__net_forward(net, task->kernels, space, decoder, net->n_layer, n);
    reconstruction(out, task, space, n);
    if (gradient != NULL)
        tgl__net_backward(net, task->kernels, space, gradient, decoder, net->n_layer, n);
    divergence(out, task, space, n);
    out->total += out->reconstruction + task->beta * out->divergence;
    if (gradient != NULL)
        tgl__net_backward(net, task->kernels, space, gradient, 0, decoder, n);
}

void tgl__loss_chunk(tgl__loss *out, const tgl__loss_task *task, tgl__workspace *space,
                     float *gradient, const uint32_t *rows, size_t n)
{
    memset(out, 0, sizeof *out);
    gather(task, space, rows, n);
    tgl__net_forward(task->net, task->kernels, space, 0, task->net->n_deployed, n);
    if (task->net->n_layer > task->net->n_deployed) {
        autoencoder_chunk(out, task, space, gradient, rows, n);
        return;
    }
    softmax_chunk(out, task, space, rows, n);
    if (gradient != NULL)
        tgl__net_backward(task->net, task->kernels, space, gradient, 0,
                          task->net->n_deployed, n);
}
