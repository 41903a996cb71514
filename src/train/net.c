#include "train/net.h"

#include <string.h>

#include "base/error.h"
#include "train/elementary.h"
#include "train/random.h"

float tgl__scale_of(int k)
{
    return tgl__power2f(k);
}

tgl__fake_quant tgl__fake_quant_of(const tgl_quant *quant)
{
    int64_t lo = tgl_type_min(quant->type), hi = tgl_type_max(quant->type);
    if (quant->overflow == TGL_SAT_SYM && quant->type.is_signed)
        lo = -hi;
    return (tgl__fake_quant){tgl__scale_of(quant->type.frac),
                             tgl__scale_of(-quant->type.frac), (float)lo, (float)hi,
                             quant->round};
}

int64_t tgl__net_code(float value, int frac)
{
    return (int64_t)(value * tgl__scale_of(frac));
}

uint32_t tgl__net_finer(const tgl__net *net, int layer)
{
    const tgl__layer *l = &net->layers[layer];
    uint32_t finer = 0;
    for (uint32_t o = 0; o < l->n_out; o++)
        for (uint32_t k = finer + 1; k <= net->per_channel; k++)
            if (net->to_code[l->column + o] ==
                tgl__scale_of(l->weight_quant.type.frac + (int)k))
                finer = k;
    return finer;
}

/* ---- shape ---- */

static tgl__layer *add_layer(tgl__net *net, uint32_t n_in, uint32_t n_out, int source,
                             bool relu)
{
    tgl__layer *l = &net->layers[net->n_layer++];
    l->n_in = n_in;
    l->n_out = n_out;
    l->in_pad = tgl__train_pad(n_in);
    l->out_pad = tgl__train_pad(n_out);
    l->source = source;
    l->relu = relu;
    l->weight = net->n_param;
    l->bias = l->weight + n_in * l->out_pad;
    net->n_param = l->bias + l->out_pad;
    l->transposed = net->n_transposed;
    net->n_transposed += n_out * l->in_pad;
    l->column = net->n_column;
    net->n_column += l->out_pad;
    l->weight_hi = l->bias_hi = l->pass_hi = 3.0e38f;
    l->weight_lo = l->bias_lo = -3.0e38f;
    l->pass_lo = relu ? 0.0f : -3.0e38f;
    return l;
}

static void set_bounds(float *lo, float *hi, const tgl__fake_quant *fake)
{
    *lo = fake->lo * fake->to_value;
    *hi = fake->hi * fake->to_value;
}

static void quantise_layer(tgl__layer *l, const tgl__train_config *c, uint32_t i)
{
    l->quantised = true;
    l->weight_quant = c->weight[i];
    l->bias_quant = c->bias[i];
    l->out_quant = c->activation[i];
    l->fake_weight = tgl__fake_quant_of(&l->weight_quant);
    l->fake_bias = tgl__fake_quant_of(&l->bias_quant);
    l->fake_out = tgl__fake_quant_of(&l->out_quant);
    if (l->relu && l->fake_out.lo < 0)
        l->fake_out.lo = 0;
    set_bounds(&l->weight_lo, &l->weight_hi, &l->fake_weight);
    set_bounds(&l->bias_lo, &l->bias_hi, &l->fake_bias);
    set_bounds(&l->pass_lo, &l->pass_hi, &l->fake_out);
    if (!l->relu) /* the lower bound is open: let the lowest code pass */
        l->pass_lo -= 0.5f * l->fake_out.to_value;
}

static void shape(tgl__net *net, const tgl__train_config *c, uint32_t n_in)
{
    uint32_t width = n_in;
    net->per_channel = c->per_channel;
    net->input_quant = c->input;
    net->n_deployed = (int)c->n_deployed;
    for (uint32_t i = 0; i < c->n_deployed; i++) {
        bool last = i == c->n_hidden;
        uint32_t n_out = last ? c->latent : c->hidden[i];
        tgl__layer *l = add_layer(net, width, n_out, (int)i - 1, !last);
        if (i == 0)
            l->source = TGL__FROM_INPUT;
        quantise_layer(l, c, i);
        width = n_out;
    }
    if (c->template != TGL__ANOMALY_TRIGGER)
        return;
    add_layer(net, c->hidden[c->n_hidden - 1], c->latent, (int)c->n_hidden - 1, false);
    width = c->latent;
    for (uint32_t i = 0; i <= c->n_decoder; i++) {
        bool last = i == c->n_decoder;
        uint32_t n_out = last ? n_in : c->decoder[i];
        add_layer(net, width, n_out, i == 0 ? TGL__FROM_LATENT : net->n_layer - 1, !last);
        width = n_out;
    }
}

/* ---- exactness: every partial sum of a deployed layer is a whole number of units below
 * 2^24, which float32 adds without rounding in any order ---- */

static double largest(const tgl_quant *quant)
{
    tgl__fake_quant fake = tgl__fake_quant_of(quant);
    return -fake.lo > fake.hi ? -(double)fake.lo : (double)fake.hi;
}

static tgl_status check_exact(const tgl__net *net, int number, tgl_error *err)
{
    const tgl__layer *l = &net->layers[number];
    const tgl_quant *in =
        number == 0 ? &net->input_quant : &net->layers[number - 1].out_quant;
    double products = (double)l->n_in * largest(&l->weight_quant) * largest(in);
    for (uint32_t finer = 0; finer <= net->per_channel; finer++) {
        int product_frac = l->weight_quant.type.frac + in->type.frac + (int)finer;
        int frac = l->bias_quant.type.frac > product_frac ? l->bias_quant.type.frac
                                                          : product_frac;
        double units = products * (double)tgl__scale_of(frac - product_frac) +
                       largest(&l->bias_quant) *
                           (double)tgl__scale_of(frac - l->bias_quant.type.frac);
        if (units >= 0x1p24)
            return tgl__fail(
                err, TGL_ELIMIT,
                "train: types of layer %d are too wide: sums reach %.0f units, "
                "float32 is exact below %.0f; take narrower weights, "
                "activations or biases",
                number, units, 0x1p24);
    }
    if (largest(&l->out_quant) >= 0x1p20 || l->n_in > TGL__TRAIN_MAX_UNITS)
        return tgl__fail(err, TGL_ELIMIT, "train: layer %d is too wide", number);
    return TGL_OK;
}

/* ---- memory and first values ---- */

static void draw_weights(tgl__net *net, uint64_t seed)
{
    for (int i = 0; i < net->n_layer; i++) {
        const tgl__layer *l = &net->layers[i];
        uint64_t key = tgl__random_key(seed, TGL__RANDOM_WEIGHTS, (uint64_t)i);
        /* He's uniform bound for ReLU, Glorot's otherwise */
        float bound = l->relu ? __builtin_sqrtf(6.0f / (float)l->n_in)
                              : __builtin_sqrtf(6.0f / (float)(l->n_in + l->n_out));
        for (uint32_t k = 0; k < l->n_in; k++)
            for (uint32_t o = 0; o < l->n_out; o++) {
                float u = tgl__random_uniform(key, (uint64_t)k * l->n_out + o);
                float w = (2.0f * u - 1.0f) * bound;
                w = w < l->weight_lo ? l->weight_lo : w;
                net->param[l->weight + k * l->out_pad + o] =
                    w > l->weight_hi ? l->weight_hi : w;
            }
    }
}

static float *zeros(size_t n)
{
    float *p = tgl__aligned(n, sizeof *p);
    if (p != NULL)
        memset(p, 0, n * sizeof *p);
    return p;
}

tgl_status tgl__net_init(tgl__net *net, const tgl__train_config *config, uint32_t n_in,
                         tgl_error *err)
{
    memset(net, 0, sizeof *net);
    shape(net, config, n_in);
    for (int i = 0; i < net->n_deployed; i++)
        TGL_TRY(check_exact(net, i, err));
    net->param = zeros(net->n_param);
    net->used = zeros(net->n_param);
    net->transposed = zeros(net->n_transposed);
    net->to_code = zeros(net->n_column);
    net->to_value = zeros(net->n_column);
    if (net->param == NULL || net->used == NULL || net->transposed == NULL ||
        net->to_code == NULL || net->to_value == NULL) {
        tgl__net_release(net);
        return tgl__fail_nomem(err);
    }
    draw_weights(net, config->seed);
    return TGL_OK;
}

void tgl__net_release(tgl__net *net)
{
    tgl__free(net->param);
    tgl__free(net->used);
    tgl__free(net->transposed);
    tgl__free(net->to_code);
    tgl__free(net->to_value);
    memset(net, 0, sizeof *net);
}

static float *take(float **next, size_t width)
{
    float *p = *next;
    *next += TGL__CHUNK * width;
    return p;
}

tgl_status tgl__workspace_init(tgl__workspace *space, const tgl__net *net, tgl_error *err)
{
    memset(space, 0, sizeof *space);
    size_t in_pad = net->layers[0].in_pad;
    size_t latent = net->layers[net->n_deployed - 1].out_pad;
    size_t widest = in_pad, total = in_pad + 2 * latent;
    for (int i = 0; i < net->n_layer; i++) {
        const tgl__layer *l = &net->layers[i];
        total += 3 * l->out_pad;
        widest = l->out_pad > widest ? l->out_pad : widest;
    }
    float *next = space->block = zeros((total + widest) * TGL__CHUNK);
    if (next == NULL)
        return tgl__fail_nomem(err);
    space->input = take(&next, in_pad);
    space->latent = take(&next, latent);
    space->latent_back = take(&next, latent);
    space->spare = take(&next, widest);
    for (int i = 0; i < net->n_layer; i++) {
        space->pre[i] = take(&next, net->layers[i].out_pad);
        space->out[i] = take(&next, net->layers[i].out_pad);
        space->back[i] = take(&next, net->layers[i].out_pad);
    }
    return TGL_OK;
}

void tgl__workspace_release(tgl__workspace *space)
{
    tgl__free(space->block);
    memset(space, 0, sizeof *space);
}

/* ---- weights ---- */

/* The finest scale of a column, at most `per_channel` bits finer than its type, that
 * still holds its largest weight. */
static void choose_scales(tgl__net *net, const tgl__layer *l)
{
    for (size_t o = 0; o < l->out_pad; o++) {
        float most = 0;
        for (uint32_t k = 0; net->per_channel > 0 && k < l->n_in; k++) {
            float w = net->param[l->weight + k * l->out_pad + o];
            w = w < 0 ? -w : w;
            most = w > most ? w : most;
        }
        int frac = l->weight_quant.type.frac;
        for (uint32_t k = 0; k < net->per_channel && o < l->n_out; k++)
            if (most * tgl__scale_of(frac + 1) <= l->fake_weight.hi)
                frac++;
        net->to_code[l->column + o] = tgl__scale_of(frac);
        net->to_value[l->column + o] = tgl__scale_of(-frac);
    }
}

void tgl__net_refresh(tgl__net *net, const tgl__train_kernels *kernels)
{
    for (int i = 0; i < net->n_layer; i++) {
        const tgl__layer *l = &net->layers[i];
        const float *from = net->param + l->weight;
        float *to = net->used + l->weight;
        if (l->quantised) {
            choose_scales(net, l);
            kernels->quantise_columns(to, from, l->n_in, l->out_pad,
                                      net->to_code + l->column, net->to_value + l->column,
                                      &l->fake_weight);
            kernels->quantise(net->used + l->bias, net->param + l->bias, l->out_pad,
                              &l->fake_bias);
        } else {
            memcpy(to, from, (l->n_in + 1) * l->out_pad * sizeof *to);
        }
        float *transposed = net->transposed + l->transposed;
        for (uint32_t k = 0; k < l->n_in; k++)
            for (uint32_t o = 0; o < l->n_out; o++)
                transposed[o * l->in_pad + k] = to[k * l->out_pad + o];
    }
}

/* ---- forward, backward ---- */

static const float *source_of(const tgl__workspace *space, const tgl__layer *l)
{
    if (l->source == TGL__FROM_INPUT)
        return space->input;
    return l->source == TGL__FROM_LATENT ? space->latent : space->out[l->source];
}

void tgl__net_forward(const tgl__net *net, const tgl__train_kernels *kernels,
                      tgl__workspace *space, int begin, int end, size_t n)
{
    for (int i = begin; i < end; i++) {
        const tgl__layer *l = &net->layers[i];
        (l->quantised ? kernels->product_exact
                      : kernels->product)(space->pre[i], l->out_pad, source_of(space, l),
                                          l->in_pad, 1, net->used + l->weight, l->out_pad,
                                          net->used + l->bias, n, l->out_pad, l->n_in);
        if (l->quantised)
            kernels->quantise(space->out[i], space->pre[i], n * l->out_pad, &l->fake_out);
        else if (l->relu)
            kernels->relu(space->out[i], space->pre[i], n * l->out_pad);
        else
            memcpy(space->out[i], space->pre[i], n * l->out_pad * sizeof(float));
        space->has_back[i] = false;
    }
}

/* Gradient by the source: written the first time, added afterwards. */
static void pass_back(const tgl__net *net, const tgl__train_kernels *kernels,
                      tgl__workspace *space, int i, size_t n)
{
    const tgl__layer *l = &net->layers[i];
    if (l->source == TGL__FROM_INPUT)
        return;
    bool latent = l->source == TGL__FROM_LATENT;
    float *to = latent ? space->latent_back : space->back[l->source];
    bool first = latent || !space->has_back[l->source];
    kernels->product(first ? to : space->spare, l->in_pad, space->back[i], l->out_pad, 1,
                     net->transposed + l->transposed, l->in_pad, NULL, n, l->in_pad,
                     l->n_out);
    if (!first)
        kernels->add(to, space->spare, n * l->in_pad);
    if (!latent)
        space->has_back[l->source] = true;
}

void tgl__net_backward(const tgl__net *net, const tgl__train_kernels *kernels,
                       tgl__workspace *space, float *gradient, int begin, int end,
                       size_t n)
{
    for (int i = end - 1; i >= begin; i--) {
        const tgl__layer *l = &net->layers[i];
        float *back = space->back[i];
        if (l->quantised || l->relu)
            kernels->mask(back, back, space->pre[i], n * l->out_pad, l->pass_lo,
                          l->pass_hi);
        kernels->product(gradient + l->weight, l->out_pad, source_of(space, l), 1,
                         l->in_pad, back, l->out_pad, NULL, l->n_in, l->out_pad, n);
        kernels->column_sum(gradient + l->bias, back, l->out_pad, n, l->out_pad);
        pass_back(net, kernels, space, i, n);
    }
}
