/* Matrices, convolutions and pools. */
#include <string.h>

#include "model/onnx/onnx.h"

enum { FLOAT_BITS = 25 };

/* A weight tensor as codes, with the factor that they leave out. */
typedef struct weight_codes {
    int64_t *codes;
    tgl_type type;
    double factor;
} weight_codes;

static bool weights_of(onnx_reader *r, const onnx_value *w, weight_codes *out)
{
    out->factor = 1;
    if (onnx_dyadic(r, w->numbers, w->n, &out->codes, &out->type) &&
        out->type.width <= 24)
        return true;
    if (!w->codes) {
        onnx_refuse(r,
                    "the weights '%s' are floating-point numbers: quantise the model (a "
                    "Quant node on them)",
                    w->name);
        return false;
    }
    double *numbers = tgl__layers_array(&r->layers, w->n, sizeof *numbers);
    for (uint32_t j = 0; numbers && j < w->n; j++)
        numbers[j] = (double)w->codes[j];
    out->factor = w->scale;
    return numbers && onnx_dyadic(r, numbers, w->n, &out->codes, &out->type);
}

static bool computed(onnx_reader *r, const onnx_value *x, double *factor)
{
    if (x && !x->is_constant && onnx_factor(x, factor))
        return true;
    onnx_refuse(r, "its input is not on a grid: put a quantiser before it");
    return false;
}

static void tell(onnx_reader *r, const tgl__tensor *y, double factor)
{
    if (factor != 1)
        tgl__import_choice(r->import, onnx_place(r),
                           "sums are exact integers times %.9g; float32 executors round "
                           "each product and sum",
                           factor);
    else if (tgl__tensor_type(&r->layers, y, 0).width > FLOAT_BITS)
        tgl__import_choice(r->import, onnx_place(r),
                           "the exact sums have more bits than float32 holds: float32 "
                           "executors may round them");
}

/* (fan_in, n_out) to (n_out, fan_in), or as it is. */
static const int64_t *by_output(onnx_reader *r, const int64_t *codes, uint32_t fan_in,
                                uint32_t n_out, bool transposed)
{
    if (transposed)
        return codes;
    int64_t *out = tgl__layers_array(&r->layers, (size_t)fan_in * n_out, sizeof *out);
    for (uint32_t o = 0; out && o < n_out; o++)
        for (uint32_t j = 0; j < fan_in; j++)
            out[(size_t)o * fan_in + j] = codes[(size_t)j * n_out + o];
    return out;
}

/* A bias that fits the sums' grid goes into them. */
static bool exact_bias(onnx_reader *r, const onnx_value *c, uint32_t n, double factor,
                       tgl__matrix *m)
{
    int64_t *codes;
    tgl_type type;
    uint32_t shape = n;
    if (!c || !c->is_constant || factor != 1 || !onnx_broadcasts(c, 1, &shape))
        return false;
    double *numbers = tgl__layers_array(&r->layers, n, sizeof *numbers);
    for (uint32_t j = 0; numbers && j < n; j++)
        numbers[j] = onnx_broadcast(c, 1, &shape, j);
    if (!numbers || !onnx_dyadic(r, numbers, n, &codes, &type))
        return false;
    m->bias = codes;
    m->bias_type = type;
    return true;
}

/* The node's output: y with its factor and, where it could not be taken in, the bias. */
static tgl_status finish(onnx_reader *r, const tgl__tensor *y, double factor,
                         const onnx_value *bias, bool taken)
{
    onnx_value b = bias ? *bias : (onnx_value){0};
    tell(r, y, factor);
    TGL_TRY(onnx_finish_scaled(r, y, factor));
    if (!bias || taken)
        return TGL_OK;
    onnx_value sums = *r->values[r->n_value - 1];
    if (!b.is_constant || !onnx_broadcasts(&b, sums.rank, sums.shape)) {
        onnx_refuse(r, "expected a constant bias for each output");
        return TGL_OK;
    }
    return onnx_defer(r, &sums, ONNX_STEP_ADD, &b);
}

static tgl_status product(onnx_reader *r, const onnx_value *bias, bool transposed)
{
    const onnx_value *x = onnx_input(r, 0), *w = onnx_input(r, 1);
    weight_codes weights;
    double factor;
    tgl__tensor y;
    if (!w || !w->is_constant || w->rank != 2) {
        onnx_refuse(r, "expected a constant matrix as its second input");
        return TGL_OK;
    }
    uint32_t fan_in = w->shape[transposed ? 1 : 0], n_out = w->shape[transposed ? 0 : 1];
    if (!computed(r, x, &factor) || !weights_of(r, w, &weights))
        return TGL_OK;
    if (x->rank < 1 || x->shape[x->rank - 1] != fan_in)
        return onnx_fail(r, "expected %u inputs, found %u", fan_in,
                         x->rank ? x->shape[x->rank - 1] : 1);
    factor *= weights.factor;
    tgl__matrix m = {.n_out = n_out, .weight_type = weights.type, .exact = true};
    m.weights = by_output(r, weights.codes, fan_in, n_out, transposed);
    if (!m.weights)
        return TGL_ENOMEM;
    bool taken = exact_bias(r, bias, n_out, factor, &m);
    TGL_TRY(tgl__layer_matrix(&r->layers, &y, onnx_place(r), &x->x, &m));
    return finish(r, &y, factor, bias, taken);
}

static tgl_status matmul(onnx_reader *r)
{
    return product(r, NULL, false);
}

static tgl_status gemm(onnx_reader *r)
{
    if (onnx_float(r->node, "alpha", 1) != 1 || onnx_float(r->node, "beta", 1) != 1 ||
        onnx_int(r->node, "transA", 0) != 0) {
        onnx_refuse(r, "expected alpha and beta 1 and no transposed input");
        return TGL_OK;
    }
    return product(r, onnx_input(r, 2), onnx_int(r->node, "transB", 0) != 0);
}

/* ---- windows ---- */

static void read_sizes(const onnx_reader *r, const char *name, uint32_t *out, uint32_t n,
                       uint32_t from)
{
    const onnx_attribute *a = onnx_attribute_of(r->node, name);
    for (uint32_t i = 0; i < n; i++)
        if (a && from + i < a->n_int && a->ints[from + i] >= 0 &&
            a->ints[from + i] < 1 << 20)
            out[i] = (uint32_t)a->ints[from + i];
}

static bool is_last(const onnx_reader *r)
{
    return strstr(r->node->domain, "channels_last") != NULL;
}

/* (1, C, space...) or (1, space..., C) as (space..., C). */
static tgl_status to_channels_last(onnx_reader *r, tgl__tensor *out, const onnx_value *x)
{
    uint32_t perm[TGL__TENSOR_RANK], rank = x->rank - 1;
    TGL_TRY(
        tgl__layer_reshape(&r->layers, out, onnx_place(r), &x->x, rank, x->shape + 1));
    if (is_last(r))
        return TGL_OK;
    for (uint32_t a = 0; a < rank; a++)
        perm[a] = (a + 1) % rank;
    return tgl__layer_transpose(
        &r->layers, out, tgl__layers_name(&r->layers, onnx_place(r), "last"), out, perm);
}

static tgl_status from_channels_last(onnx_reader *r, tgl__tensor *y)
{
    uint32_t perm[TGL__TENSOR_RANK], shape[TGL__TENSOR_RANK], rank = y->rank;
    for (uint32_t a = 0; a < rank; a++)
        perm[a] = (a + rank - 1) % rank;
    if (!is_last(r))
        TGL_TRY(tgl__layer_transpose(&r->layers, y,
                                     tgl__layers_name(&r->layers, onnx_place(r), "first"),
                                     y, perm));
    shape[0] = 1;
    memcpy(shape + 1, y->shape, rank * sizeof *shape);
    return tgl__layer_reshape(&r->layers, y, onnx_place(r), y, rank + 1, shape);
}

/* Size is there; strides, dilations and padding are read. False: refused. */
static bool read_window(onnx_reader *r, tgl__window *w, const tgl__tensor *x)
{
    for (uint32_t a = 0; a < w->n_axis; a++)
        w->stride[a] = w->dilation[a] = 1;
    read_sizes(r, "strides", w->stride, w->n_axis, 0);
    read_sizes(r, "dilations", w->dilation, w->n_axis, 0);
    read_sizes(r, "pads", w->before, w->n_axis, 0);
    read_sizes(r, "pads", w->after, w->n_axis, w->n_axis);
    const char *pad = onnx_string(r->node, "auto_pad", "NOTSET");
    if (strcmp(pad, "SAME_UPPER") == 0)
        tgl__window_same(w, x);
    else if (strcmp(pad, "NOTSET") != 0 && strcmp(pad, "VALID") != 0) {
        onnx_refuse(r, "auto_pad '%.20s'", pad);
        return false;
    }
    if (onnx_int(r->node, "ceil_mode", 0) != 0) {
        onnx_refuse(r, "ceil_mode");
        return false;
    }
    return true;
}

/* (O, I / groups, k...) to (groups, O / groups, k..., I / groups); with channels last
 * (O, k..., I / groups) it is that. */
static const int64_t *conv_weights(onnx_reader *r, const int64_t *codes,
                                   const onnx_value *w)
{
    uint32_t n_out = w->shape[0], each = w->shape[1], taps = w->n / n_out / each;
    if (is_last(r))
        return codes;
    int64_t *out = tgl__layers_array(&r->layers, w->n, sizeof *out);
    for (uint32_t o = 0; out && o < n_out; o++)
        for (uint32_t k = 0; k < taps; k++)
            for (uint32_t c = 0; c < each; c++)
                out[((size_t)o * taps + k) * each + c] =
                    codes[((size_t)o * each + c) * taps + k];
    return out;
}

static tgl_status conv(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0), *w = onnx_input(r, 1),
                     *bias = onnx_input(r, 2);
    weight_codes weights;
    double factor;
    tgl__tensor in, y;
    if (!w || !w->is_constant || w->rank < 3 || w->rank > TGL__WINDOW_RANK + 2) {
        onnx_refuse(r, "expected constant weights over 1 to %d axes", TGL__WINDOW_RANK);
        return TGL_OK;
    }
    if (!computed(r, x, &factor) || !weights_of(r, w, &weights))
        return TGL_OK;
    int64_t groups = onnx_int(r->node, "group", 1);
    if (x->rank != w->rank || groups < 1 || groups > w->shape[0] ||
        w->shape[0] % groups != 0)
        return onnx_fail(r, "expected an input of %u dimensions, in groups", w->rank);
    tgl__window window = {.n_axis = w->rank - 2};
    uint32_t each = w->shape[is_last(r) ? w->rank - 1 : 1];
    memcpy(window.size, w->shape + (is_last(r) ? 1 : 2),
           window.n_axis * sizeof *window.size);
    TGL_TRY(to_channels_last(r, &in, x));
    if (!read_window(r, &window, &in))
        return TGL_OK;
    if (in.shape[window.n_axis] != each * (uint64_t)groups)
        return onnx_fail(r, "expected %u channels, found %u", each * (uint32_t)groups,
                         in.shape[window.n_axis]);
    tgl__matrix m = {.n_out = w->shape[0] / (uint32_t)groups,
                     .sets = (uint32_t)groups,
                     .weight_type = weights.type,
                     .weights = conv_weights(r, weights.codes, w),
                     .exact = true};
    if (!m.weights)
        return TGL_ENOMEM;
    factor *= weights.factor;
    bool taken = exact_bias(r, bias, w->shape[0], factor, &m);
    TGL_TRY(tgl__layer_conv(&r->layers, &y, onnx_place(r), &in, &window, &m));
    TGL_TRY(from_channels_last(r, &y));
    if (bias && !taken) {
        onnx_refuse(r, "its bias is not on the sums' grid");
        return TGL_OK;
    }
    return finish(r, &y, factor, NULL, true);
}

static tgl_status max_pool(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    double factor;
    tgl__tensor in, y;
    if (!computed(r, x, &factor))
        return TGL_OK;
    if (x->rank < 3 || x->rank > TGL__WINDOW_RANK + 2)
        return onnx_fail(r, "expected an input of 3 to 5 dimensions");
    tgl__window window = {.n_axis = x->rank - 2};
    read_sizes(r, "kernel_shape", window.size, window.n_axis, 0);
    TGL_TRY(to_channels_last(r, &in, x));
    if (!read_window(r, &window, &in))
        return TGL_OK;
    TGL_TRY(tgl__layer_pool(&r->layers, &y, onnx_place(r), &in, &window,
                            TGL_GRAPH_REDUCE_MAX, NULL, NULL));
    TGL_TRY(from_channels_last(r, &y));
    return onnx_finish_scaled(r, &y, factor);
}

const onnx_operator onnx_layers[] = {{"MatMul", matmul},
                                     {"Gemm", gemm},
                                     {"Conv", conv},
                                     {"MaxPool", max_pool},
                                     {NULL, NULL}};
