/* Layers that move elements: copies, padding, cropping, transposes, resizing. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

/* The input, once for each result. */
static tgl_status copy(hls_layer *layer)
{
    for (uint32_t i = 0; i < layer->n_out; i++)
        TGL_TRY(tgl__hls_done(layer, i, tgl__hls_in(layer, 0)));
    return TGL_OK;
}

/* Elements `indices` of the input in (shape). */
static tgl_status gather(hls_layer *layer, uint32_t rank, const uint32_t *shape,
                         const uint32_t *indices)
{
    tgl__tensor y;
    const tgl__tensor *in[1] = {tgl__hls_in(layer, 0)};
    if (!tgl__tensor_shaped(&y, rank, shape))
        return tgl__hls_fail(layer, TGL_ELIMIT, "expected 1 to %d elements", 1 << 20);
    TGL_TRY(tgl__layer_rearrange(layer->l, &y, layer->call->layer, in, 1, indices));
    return tgl__hls_done(layer, 0, &y);
}

/* ---- an image seen through a shifted frame: padding and cropping ---- */

typedef struct frame {
    uint32_t in[2], out[2]; /* height, width */
    int64_t shift[2];       /* of the result's origin: positive is cropped */
    uint32_t n_chan;
    bool first; /* channels first */
} frame;

static tgl_status through(hls_layer *layer, const frame *f)
{
    const uint64_t n = (uint64_t)f->out[0] * f->out[1] * f->n_chan;
    if (n < 1 || n > 1 << 20)
        return tgl__hls_fail(layer, TGL_ELIMIT, "expected 1 to %d elements", 1 << 20);
    uint32_t *indices = tgl__layers_array(layer->l, n, sizeof *indices), at = 0;
    if (!indices)
        return TGL_ENOMEM;
    const uint32_t a = f->first ? f->n_chan : f->out[0],
                   b = f->first ? f->out[0] : f->out[1],
                   c = f->first ? f->out[1] : f->n_chan;
    for (uint32_t i = 0; i < a; i++)
        for (uint32_t j = 0; j < b; j++)
            for (uint32_t k = 0; k < c; k++) {
                int64_t y = (int64_t)(f->first ? j : i) + f->shift[0],
                        x = (int64_t)(f->first ? k : j) + f->shift[1];
                const uint32_t channel = f->first ? i : k;
                bool inside = y >= 0 && y < f->in[0] && x >= 0 && x < f->in[1];
                int64_t from = f->first ? ((int64_t)channel * f->in[0] + y) * f->in[1] + x
                                        : (y * f->in[1] + x) * f->n_chan + channel;
                indices[at++] = inside ? (uint32_t)from : TGL_GRAPH_ZERO;
            }
    const uint32_t shape[3] = {a, b, c};
    return gather(layer, 3, shape, indices);
}

/* in_height, in_width ... into a frame; `two` axes or one. */
static tgl_status framed(hls_layer *layer, bool two, bool crops, bool first)
{
    frame f = {.in = {1, 1}, .out = {1, 1}, .first = first};
    uint32_t top = 0, left;
    TGL_TRY(tgl__hls_dim(&f.n_chan, layer, "n_chan"));
    TGL_TRY(tgl__hls_dim(&f.in[1], layer, "in_width"));
    TGL_TRY(tgl__hls_dim(&f.out[1], layer, "out_width"));
    TGL_TRY(tgl__hls_dim(&left, layer, crops ? "crop_left" : "pad_left"));
    if (two) {
        TGL_TRY(tgl__hls_dim(&f.in[0], layer, "in_height"));
        TGL_TRY(tgl__hls_dim(&f.out[0], layer, "out_height"));
        TGL_TRY(tgl__hls_dim(&top, layer, crops ? "crop_top" : "pad_top"));
    }
    f.shift[0] = crops ? (int64_t)top : -(int64_t)top;
    f.shift[1] = crops ? (int64_t)left : -(int64_t)left;
    return through(layer, &f);
}

static tgl_status zeropad1d_cl(hls_layer *layer)
{
    return framed(layer, false, false, false);
}

static tgl_status zeropad1d_cf(hls_layer *layer)
{
    return framed(layer, false, false, true);
}

static tgl_status zeropad2d_cl(hls_layer *layer)
{
    return framed(layer, true, false, false);
}

static tgl_status zeropad2d_cf(hls_layer *layer)
{
    return framed(layer, true, false, true);
}

static tgl_status cropping1d_cl(hls_layer *layer)
{
    return framed(layer, false, true, false);
}

static tgl_status cropping2d_cl(hls_layer *layer)
{
    return framed(layer, true, true, false);
}

static tgl_status cropping2d_cf(hls_layer *layer)
{
    return framed(layer, true, true, true);
}

/* ---- transposes ---- */

/* A list of a configuration: written there, or the name of an array beside it. */
static tgl_status config_list(uint32_t *out, hls_layer *layer, hls_text config,
                              const char *name, uint32_t n)
{
    double values[TGL__TENSOR_RANK];
    const hls_text none = {"", 0};
    const hls_name *list = tgl__hls_member(layer->p, config, name);
    if (list && list->value.n == 1 && list->value.at->kind == HLS_WORD)
        list = tgl__hls_name(layer->p, none, list->value.at->text);
    if (!list || n > TGL__TENSOR_RANK)
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected a list '%s' in '%.*s'", name,
                             (int)config.n, config.at);
    TGL_TRY(tgl__hls_initialiser(values, layer->p, list, n));
    for (uint32_t i = 0; i < n; i++) {
        if (values[i] < 0 || values[i] > 1 << 20)
            return tgl__hls_fail(layer, TGL_EFORMAT, "'%s': expected 0 to %d, found %g",
                                 name, 1 << 20, values[i]);
        out[i] = (uint32_t)values[i];
    }
    return TGL_OK;
}

tgl_status tgl__hls_transpose(tgl__tensor *out, hls_layer *layer, const tgl__tensor *x,
                              hls_text config)
{
    int64_t dims;
    uint32_t shape[TGL__TENSOR_RANK], perm[TGL__TENSOR_RANK], seen = 0;
    tgl__tensor y;
    TGL_TRY(tgl__hls_member_int(&dims, layer->p, config, "dims", 1, TGL__TENSOR_RANK));
    const uint32_t n = (uint32_t)dims;
    TGL_TRY(config_list(shape, layer, config, "from_shape", n));
    TGL_TRY(config_list(perm, layer, config, "perm", n));
    for (uint32_t i = 0; i < n; i++)
        seen |= perm[i] < n ? 1u << perm[i] : 0;
    if (seen != (1u << n) - 1)
        return tgl__hls_fail(layer, TGL_EFORMAT, "'perm': expected each axis once");
    TGL_TRY(tgl__layer_reshape(layer->l, &y, layer->call->layer, x, n, shape));
    return tgl__layer_transpose(layer->l, out, layer->call->layer, &y, perm);
}

static tgl_status transpose(hls_layer *layer)
{
    tgl__tensor y;
    TGL_TRY(tgl__hls_transpose(&y, layer, tgl__hls_in(layer, 0), layer->config));
    return tgl__hls_done(layer, 0, &y);
}

/* Before 1.3: depth, height, width and a perm of three axes (two: the last two). */
static tgl_status transpose_older(hls_layer *layer, uint32_t n)
{
    static const char *const names[3] = {"depth", "height", "width"};
    uint32_t shape[3], perm[3];
    tgl__tensor y;
    TGL_TRY(tgl__hls_dims(shape, layer, &names[3 - n], n));
    perm[0] = 1, perm[1] = 0; /* of two axes, whatever perm says */
    if (n == 3)
        TGL_TRY(config_list(perm, layer, layer->config, "perm", 3));
    if (n == 3 && (perm[0] > 2 || perm[1] > 2 || perm[2] > 2 ||
                   ((1u << perm[0]) | (1u << perm[1]) | (1u << perm[2])) != 7))
        return tgl__hls_fail(layer, TGL_EFORMAT, "'perm': expected each axis once");
    TGL_TRY(tgl__hls_in_shaped(&y, layer, 0, n, shape));
    TGL_TRY(tgl__layer_transpose(layer->l, &y, layer->call->layer, &y, perm));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status transpose_2d(hls_layer *layer)
{
    return transpose_older(layer, 2);
}

static tgl_status transpose_3d(hls_layer *layer)
{
    return transpose_older(layer, 3);
}

/* ---- resizing ---- */

/* hls4ml's ratio in 16 fraction bits, one added; streams repeat whole pixels. */
static uint32_t nearest(const hls_layer *layer, uint32_t i, uint32_t from, uint32_t to)
{
    uint32_t ratio = (uint32_t)(((uint64_t)from << 16) / to) + 1;
    uint32_t at =
        layer->is_stream ? i / (to / from) : (uint32_t)(((uint64_t)i * ratio) >> 16);
    return at < from ? at : from - 1;
}

static tgl_status resize_nearest(hls_layer *layer)
{
    static const char *const names[5] = {"height", "width", "n_chan", "new_height",
                                         "new_width"};
    uint32_t d[5], at = 0;
    TGL_TRY(tgl__hls_dims(d, layer, names, 5));
    const uint64_t n = (uint64_t)d[3] * d[4] * d[2];
    if (n < 1 || n > 1 << 20 || d[0] < 1 || d[1] < 1 || d[0] > 1 << 14 ||
        d[1] > 1 << 14 || (layer->is_stream && (d[3] % d[0] || d[4] % d[1])))
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected sizes of an image");
    uint32_t *indices = tgl__layers_array(layer->l, n, sizeof *indices);
    if (!indices)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < d[3]; i++)
        for (uint32_t j = 0; j < d[4]; j++)
            for (uint32_t k = 0; k < d[2]; k++)
                indices[at++] = (nearest(layer, i, d[0], d[3]) * d[1] +
                                 nearest(layer, j, d[1], d[4])) *
                                    d[2] +
                                k;
    const uint32_t shape[3] = {d[3], d[4], d[2]};
    return gather(layer, 3, shape, indices);
}

/* A stream's word repeated for all pixels, or a pixel for all channels. */
static tgl_status broadcast(hls_layer *layer)
{
    static const char *const names[6] = {"in_height",  "in_width",  "in_chan",
                                         "out_height", "out_width", "out_chan"};
    uint32_t d[6];
    tgl__tensor x, y;
    TGL_TRY(tgl__hls_dims(d, layer, names, 6));
    TGL_TRY(tgl__hls_in_shaped(&x, layer, 0, 3, d));
    TGL_TRY(tgl__layer_broadcast(layer->l, &y, layer->call->layer, &x, 3, d + 3));
    return tgl__hls_done(layer, 0, &y);
}

#define MOVE(name, size, emit)                                                           \
    {                                                                                    \
        name, 1, 1, 1, {size, NULL}, emit                                                \
    }

const hls_operator tgl__hls_moves[] = {
    {"clone_stream", 1, 1, 0, {"<2", NULL}, copy},
    MOVE("repack_stream", "<2", copy),
    MOVE("zeropad1d_cl", "in_width*n_chan", zeropad1d_cl),
    MOVE("zeropad1d_cf", "in_width*n_chan", zeropad1d_cf),
    MOVE("zeropad2d_cl", "in_height*in_width*n_chan", zeropad2d_cl),
    MOVE("zeropad2d_cf", "in_height*in_width*n_chan", zeropad2d_cf),
    MOVE("cropping1d_cl", "in_width*n_chan", cropping1d_cl),
    MOVE("cropping2d_cl", "in_height*in_width*n_chan", cropping2d_cl),
    MOVE("cropping2d_cf", "in_height*in_width*n_chan", cropping2d_cf),
    MOVE("transpose", "N", transpose),
    MOVE("transpose_2d", "height*width", transpose_2d),
    MOVE("transpose_3d", "depth*height*width", transpose_3d),
    MOVE("resize_nearest", "height*width*n_chan", resize_nearest),
    MOVE("broadcast_stream", "in_height*in_width*in_chan", broadcast),
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
