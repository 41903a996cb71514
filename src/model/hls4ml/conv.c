/* Convolutions: windows, then the kernel of a dense layer on each. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

/* One convolution's sizes; axes not there have size 1. */
typedef struct shape {
    uint32_t rank, in[2], out[2], n_chan, n_filt;
    tgl__window w;
    hls_text config, mult;
} shape;

static tgl_status dim(uint32_t *out, const hls_layer *layer, hls_text config,
                      const char *name, uint32_t lo)
{
    int64_t v;
    TGL_TRY(tgl__hls_member_int(&v, layer->p, config, name, lo, 1 << 20));
    *out = (uint32_t)v;
    return TGL_OK;
}

/* Names of an axis' members: height's (only in two dimensions) and width's. */
static const char *const axis_names[2][6] = {
    {"in_height", "out_height", "filt_height", "stride_height", "pad_top", "pad_bottom"},
    {"in_width", "out_width", "filt_width", "stride_width", "pad_left", "pad_right"}};

static tgl_status read_axis(shape *s, const hls_layer *layer, uint32_t axis,
                            const char *const *names, const char *dilation)
{
    TGL_TRY(dim(&s->in[axis], layer, s->config, names[0], 1));
    TGL_TRY(dim(&s->out[axis], layer, s->config, names[1], 1));
    TGL_TRY(dim(&s->w.size[axis], layer, s->config, names[2], 1));
    TGL_TRY(dim(&s->w.stride[axis], layer, s->config, names[3], 1));
    TGL_TRY(dim(&s->w.before[axis], layer, s->config, names[4], 0));
    TGL_TRY(dim(&s->w.after[axis], layer, s->config, names[5], 0));
    s->w.dilation[axis] = 1;
    if (tgl__hls_member(layer->p, s->config, dilation))
        TGL_TRY(dim(&s->w.dilation[axis], layer, s->config, dilation, 1));
    return TGL_OK;
}

static tgl_status read_shape(shape *s, const hls_layer *layer, hls_text config,
                             uint32_t rank)
{
    *s = (shape){.rank = rank, .config = config, .w = {.n_axis = rank}};
    if (rank == 2)
        TGL_TRY(read_axis(s, layer, 0, axis_names[0], "dilation_height"));
    TGL_TRY(read_axis(s, layer, rank - 1, axis_names[1],
                      rank == 2 ? "dilation_width" : "dilation"));
    TGL_TRY(dim(&s->n_chan, layer, config, "n_chan", 1));
    TGL_TRY(dim(&s->n_filt, layer, config, "n_filt", 1));
    s->mult = tgl__hls_member_word(layer->p, config, "mult_config");
    if (!s->mult.n)
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected a type 'mult_config'");
    return TGL_OK;
}

/* What padding adds at the end of an axis follows from its results. */
static tgl_status check_positions(shape *s, const hls_layer *layer)
{
    for (uint32_t a = 0; a < s->rank; a++) {
        uint64_t span = (uint64_t)s->w.dilation[a] * (s->w.size[a] - 1) + 1,
                 padded = (uint64_t)s->in[a] + s->w.before[a] + s->w.after[a];
        uint64_t n = padded < span ? 0 : (padded - span) / s->w.stride[a] + 1;
        if (n != s->out[a])
            return tgl__hls_fail(layer, TGL_EFORMAT,
                                 "axis %u: expected %llu positions, found %u", a,
                                 (unsigned long long)n, s->out[a]);
    }
    return TGL_OK;
}

static tgl_status windowed(tgl__tensor *out, bool *ok, hls_layer *layer,
                           const tgl__tensor *x, shape *s, hls_kernel kernel,
                           const tgl_quant *to, bool depthwise)
{
    tgl__matrix m;
    tgl__tensor image;
    uint32_t sizes[3];
    TGL_TRY(check_positions(s, layer));
    for (uint32_t a = 0; a < s->rank; a++)
        sizes[a] = s->in[a];
    sizes[s->rank] = s->n_chan;
    const uint64_t window = (uint64_t)s->w.size[0] * (s->rank == 2 ? s->w.size[1] : 1);
    kernel.config = s->mult;
    kernel.n_in = (uint32_t)(window > 1 << 20 ? 0 : window * (depthwise ? 1 : s->n_chan));
    kernel.n_out = s->n_filt;
    TGL_TRY(
        tgl__layer_reshape(layer->l, &image, layer->call->layer, x, s->rank + 1, sizes));
    if (depthwise && s->n_filt != s->n_chan) {
        *ok = false;
        return tgl__hls_refuse(layer, "a depth multiplier (%u filters of %u channels)",
                               s->n_filt, s->n_chan);
    }
    TGL_TRY(depthwise ? tgl__hls_depthwise(&m, ok, layer, &kernel)
                      : tgl__hls_matrix(&m, ok, layer, &kernel));
    if (!*ok)
        return TGL_OK;
    m.out = to;
    return tgl__layer_conv(layer->l, out, layer->call->layer, &image, &s->w, &m);
}

static tgl_status plain(hls_layer *layer, uint32_t rank, bool depthwise)
{
    shape s;
    tgl__tensor y;
    bool ok;
    TGL_TRY(read_shape(&s, layer, layer->config, rank));
    TGL_TRY(windowed(&y, &ok, layer, tgl__hls_in(layer, 0), &s,
                     (hls_kernel){.weights = 2, .bias = 3}, tgl__hls_to(layer),
                     depthwise));
    return ok ? tgl__hls_done(layer, 0, &y) : TGL_OK;
}

static tgl_status conv_1d(hls_layer *layer)
{
    return plain(layer, 1, false);
}

static tgl_status conv_2d(hls_layer *layer)
{
    return plain(layer, 2, false);
}

static tgl_status depthwise_1d(hls_layer *layer)
{
    return plain(layer, 1, true);
}

static tgl_status depthwise_2d(hls_layer *layer)
{
    return plain(layer, 2, true);
}

/* Depthwise, then pointwise; what is between has template argument 1's type. Arguments:
 * input, result, depthwise and pointwise weights, zeros, bias. */
static tgl_status separable(hls_layer *layer, uint32_t rank)
{
    shape s;
    hls_type between;
    const hls_text none = {"", 0};
    tgl__tensor x, y;
    bool ok;
    hls_text depthwise =
                 tgl__hls_member_word(layer->p, layer->config, "depthwise_config"),
             pointwise =
                 tgl__hls_member_word(layer->p, layer->config, "pointwise_config");
    if (layer->call->n_type < 4)
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected 4 template arguments");
    TGL_TRY(tgl__hls_type(&between, layer->p, none, layer->call->types[1]));
    TGL_TRY(read_shape(&s, layer, depthwise, rank));
    TGL_TRY(windowed(&x, &ok, layer, tgl__hls_in(layer, 0), &s,
                     (hls_kernel){.weights = 2, .bias = 4}, &between.quant, true));
    if (!ok)
        return TGL_OK;
    TGL_TRY(read_shape(&s, layer, pointwise, rank));
    TGL_TRY(windowed(&y, &ok, layer, &x, &s, (hls_kernel){.weights = 3, .bias = 5},
                     tgl__hls_to(layer), false));
    return ok ? tgl__hls_done(layer, 0, &y) : TGL_OK;
}

static tgl_status separable_1d(hls_layer *layer)
{
    return separable(layer, 1);
}

static tgl_status separable_2d(hls_layer *layer)
{
    return separable(layer, 2);
}

#define SIZE_1D "in_width*n_chan"
#define SIZE_2D "in_height*in_width*n_chan"

const hls_operator tgl__hls_convolutions[] = {
    {"conv_1d_cl", 1, 1, 1, {SIZE_1D, NULL}, conv_1d},
    {"conv_2d_cl", 1, 1, 1, {SIZE_2D, NULL}, conv_2d},
    {"pointwise_conv_1d_cl", 1, 1, 1, {SIZE_1D, NULL}, conv_1d},
    {"pointwise_conv_2d_cl", 1, 1, 1, {SIZE_2D, NULL}, conv_2d},
    {"depthwise_conv_1d_cl", 1, 1, 1, {SIZE_1D, NULL}, depthwise_1d},
    {"depthwise_conv_2d_cl", 1, 1, 1, {SIZE_2D, NULL}, depthwise_2d},
    {"separable_conv_1d_cl", 1, 1, 1, {NULL, NULL}, separable_1d},
    {"separable_conv_2d_cl", 1, 1, 1, {NULL, NULL}, separable_2d},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
