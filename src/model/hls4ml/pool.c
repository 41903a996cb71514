/* Pools: a maximum, or a sum in the accumulator's type divided toward zero. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

/* One pool's sizes: height and width. */
typedef struct pool {
    uint32_t in[2], out[2], size[2], stride[2], before[2], after[2], n_filt;
    bool average, count_pad;
    hls_type acc;
    uint32_t n, window; /* results, elements of each window */
    uint32_t *indices;  /* (n, window): of the input's elements; past them: padding */
    int64_t *lengths;   /* (n): what a sum is divided by */
} pool;

static const char *const names[2][6] = {
    {"in_height", "out_height", "pool_height", "stride_height", "pad_top", "pad_bottom"},
    {"in_width", "out_width", "pool_width", "stride_width", "pad_left", "pad_right"}};

static tgl_status read_common(pool *p, const hls_layer *layer)
{
    hls_text op = tgl__hls_member_word(layer->p, layer->config, "pool_op");
    uint32_t count_pad;
    p->average = tgl__hls_is(op, "Average");
    if (!p->average && !tgl__hls_is(op, "Max"))
        return tgl__hls_fail(layer, TGL_EFORMAT, "'pool_op': expected Max or Average");
    TGL_TRY(tgl__hls_dim_or(&count_pad, layer, "count_pad", 0));
    p->count_pad = count_pad != 0;
    TGL_TRY(tgl__hls_dim(&p->n_filt, layer, "n_filt"));
    return tgl__hls_config_type(&p->acc, layer, "accum_t");
}

static tgl_status read_axis(pool *p, const hls_layer *layer, uint32_t a, uint32_t rank)
{
    const char *in = rank == 1 ? "n_in" : names[a][0],
               *out = rank == 1 ? "n_out" : names[a][1];
    TGL_TRY(tgl__hls_dim(&p->in[a], layer, in));
    TGL_TRY(tgl__hls_dim(&p->out[a], layer, out));
    TGL_TRY(tgl__hls_dim(&p->size[a], layer, names[a][2]));
    TGL_TRY(tgl__hls_dim(&p->stride[a], layer, names[a][3]));
    TGL_TRY(tgl__hls_dim(&p->before[a], layer, names[a][4]));
    TGL_TRY(tgl__hls_dim(&p->after[a], layer, names[a][5]));
    uint64_t padded = (uint64_t)p->in[a] + p->before[a] + p->after[a];
    if (p->size[a] < 1 || p->stride[a] < 1 || padded < p->size[a] ||
        (padded - p->size[a]) / p->stride[a] + 1 != p->out[a])
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "axis %u: %u positions of windows of %u on %llu", a,
                             p->out[a], p->size[a], (unsigned long long)padded);
    return TGL_OK;
}

static tgl_status read_pool(pool *p, const hls_layer *layer, uint32_t rank, bool global)
{
    *p = (pool){.in = {1, 1}, .out = {1, 1}, .size = {1, 1}, .stride = {1, 1}};
    TGL_TRY(read_common(p, layer));
    for (uint32_t a = rank == 1 ? 1 : 0; a < 2; a++) {
        if (!global) {
            TGL_TRY(read_axis(p, layer, a, rank));
            continue;
        }
        TGL_TRY(tgl__hls_dim(&p->in[a], layer, rank == 1 ? "n_in" : names[a][0]));
        p->size[a] = p->in[a];
    }
    return TGL_OK;
}

/* Which elements each window takes, window by window, channel by channel. */
static tgl_status set_windows(pool *p, const hls_layer *layer)
{
    const uint64_t n = (uint64_t)p->out[0] * p->out[1] * p->n_filt,
                   window = (uint64_t)p->size[0] * p->size[1];
    if (n < 1 || window < 1 || n > 1 << 20 || window > 1 << 20 || n * window > 1 << 20)
        return tgl__hls_fail(layer, TGL_ELIMIT, "expected 1 to %d elements of windows",
                             1 << 20);
    p->n = (uint32_t)n;
    p->window = (uint32_t)window;
    p->indices = tgl__layers_array(layer->l, n * window, sizeof *p->indices);
    p->lengths = tgl__layers_array(layer->l, n, sizeof *p->lengths);
    if (!p->indices || !p->lengths)
        return TGL_ENOMEM;
    for (uint32_t r = 0, at = 0; r < p->n; r++) {
        uint32_t f = r % p->n_filt, j = r / p->n_filt % p->out[1],
                 i = r / p->n_filt / p->out[1];
        for (uint32_t w = 0; w < p->window; w++, at++) {
            int64_t y = (int64_t)i * p->stride[0] + w / p->size[1] - p->before[0],
                    x = (int64_t)j * p->stride[1] + w % p->size[1] - p->before[1];
            bool inside = y >= 0 && y < p->in[0] && x >= 0 && x < p->in[1];
            p->indices[at] =
                inside ? (uint32_t)((y * p->in[1] + x) * p->n_filt + f)
                       : layer->in[0]->n; /* one constant stands behind the input */
            p->lengths[r] += inside || p->count_pad;
        }
    }
    return TGL_OK;
}

/* Windows as (result, element); hls4ml pads with zero for a sum, and for a maximum with
 * the code whose top bit alone is set. */
static tgl_status gather(tgl__tensor *out, hls_layer *layer, const pool *p,
                         const tgl__tensor *x, tgl_type type)
{
    const uint32_t shape[2] = {p->n, p->window};
    int64_t top = (int64_t)1 << (type.width - 1);
    tgl__tensor padding;
    bool pads = false;
    for (uint32_t i = 0; i < p->n * p->window; i++)
        pads = pads || p->indices[i] == x->n;
    if (pads)
        TGL_TRY(tgl__hls_constant(&padding, layer, 1,
                                  p->average       ? 0
                                  : type.is_signed ? -top
                                                   : top,
                                  type));
    const tgl__tensor *in[2] = {x, &padding};
    if (!tgl__tensor_shaped(out, 2, shape))
        return tgl__hls_fail(layer, TGL_ELIMIT, "too many elements");
    return tgl__layer_rearrange(layer->l, out,
                                tgl__layers_name(layer->l, layer->call->layer, "windows"),
                                in, pads ? 2 : 1, p->indices);
}

/* ---- division toward zero by constants ---- */

static uint32_t log2_up(int64_t n)
{
    uint32_t bits = 0;
    while (((int64_t)1 << bits) < n)
        bits++;
    return bits;
}

/* Bits of a sum: the accumulator's, or fewer where a window cannot fill it. */
static uint32_t sum_bits(const pool *p, const hls_layer *layer)
{
    tgl_interval range = tgl__interval_of_type(layer->in[0]->type.quant.type);
    range = tgl__interval_quantise(&range, &p->acc.quant);
    const tgl_interval window = {p->window, p->window, 0};
    tgl_type type;
    if (!tgl__interval_mul(&range, &range, &window) || !tgl__interval_type(&type, &range))
        return p->acc.quant.type.width;
    return type.width < p->acc.quant.type.width ? type.width : p->acc.quant.type.width;
}

/* trunc(sum / length) on the accumulator's grid: sum * m * 2^-s cut toward zero, with
 * s = width + ceil(log2 length) and m = ceil(2^s / length), which is exact for every code
 * of that width. */
static tgl_status divide(tgl__tensor *out, hls_layer *layer, const pool *p,
                         const tgl__tensor *sum)
{
    int64_t longest = 1;
    const tgl_quant to = {p->acc.quant.type, TGL_TRN_ZERO, TGL_WRAP};
    /* |sum| is at most 2^width */
    const uint32_t width = sum_bits(p, layer) - to.type.is_signed;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->lengths[i] < 1)
            return tgl__hls_fail(layer, TGL_EFORMAT, "a window of padding only");
        longest = p->lengths[i] > longest ? p->lengths[i] : longest;
    }
    uint32_t s = width + log2_up(longest);
    bool power = ((int64_t)1 << log2_up(longest)) == longest;
    for (uint32_t i = 0; i < p->n; i++)
        power = power && p->lengths[i] == longest;
    if (power)
        s = log2_up(longest);
    if (s > 60 || (!power && 2 * width + 3 > TGL_MAX_WIDTH))
        return tgl__hls_refuse(layer, "an average of sums of %u bits", width);
    int64_t *m = tgl__layers_array(layer->l, p->n, sizeof *m);
    if (!m)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < p->n; i++)
        m[i] = (((int64_t)1 << s) + p->lengths[i] - 1) / p->lengths[i];
    const tgl_type type = {0, (uint8_t)(power ? 1 : s + 1), (int16_t)s};
    return tgl__layer_scale_bias(layer->l, out,
                                 tgl__layers_name(layer->l, layer->call->layer, "divide"),
                                 sum, m, type, NULL, type, p->n, &to);
}

/* ---- the layers ---- */

static tgl_status reduce(tgl__tensor *out, hls_layer *layer, const pool *p,
                         const tgl__tensor *x, const tgl_quant *to, bool in_order)
{
    const tgl__tensor *in[1] = {x};
    const tgl_node node = {.op = p->average ? TGL_GRAPH_REDUCE_SUM : TGL_GRAPH_REDUCE_MAX,
                           .group = p->window,
                           .kind = in_order,
                           .acc = p->acc.quant,
                           .out = to,
                           .n_out = 1};
    if (!tgl__tensor_shaped(out, 1, &p->n))
        return tgl__hls_fail(layer, TGL_ELIMIT, "too many elements");
    return tgl__layer_add(layer->l, out,
                          tgl__layers_name(layer->l, layer->call->layer, "reduce"), in, 1,
                          node);
}

/* Before 1.2 windows in parallel were as large as their stride; before 1.0 a maximum
 * stayed in the input's type, and a mean was taken in a type of its own. */
static tgl_status check_version(pool *p, bool *ok, hls_layer *layer, bool global)
{
    const char *header = "nnet_pooling.h";
    bool has_acc, has_size;
    TGL_TRY(tgl__hls_is_newer(&has_acc, layer, header, "accum_t avg("));
    TGL_TRY(tgl__hls_is_newer(&has_size, layer, header,
                              "- CONFIG_T::pool_width) / CONFIG_T::stride_width"));
    *ok = has_size || layer->is_stream || global ||
          (p->size[0] == p->stride[0] && p->size[1] == p->stride[1]);
    if (!*ok)
        return tgl__hls_refuse(layer, "windows other than the stride in a version that "
                                      "reads past them");
    *ok = has_acc || !p->average;
    if (!*ok)
        return tgl__hls_refuse(layer, "averages of a version before 1.0");
    if (!has_acc)
        p->acc = layer->in[0]->type;
    return TGL_OK;
}

static tgl_status emit(hls_layer *layer, uint32_t rank, bool global)
{
    pool p;
    tgl__tensor x = *tgl__hls_in(layer, 0), windows, y;
    uint32_t refused = layer->p->import->n_refused;
    TGL_TRY(read_pool(&p, layer, rank, global));
    bool ok;
    TGL_TRY(check_version(&p, &ok, layer, global));
    if (!ok)
        return TGL_OK;
    TGL_TRY(set_windows(&p, layer));
    /* streams are cast to the accumulator's type first, and summed as trees but for the
     * global ones */
    tgl_type type = layer->in[0]->type.quant.type;
    if (layer->is_stream) {
        TGL_TRY(tgl__layer_quantise(
            layer->l, &x, tgl__layers_name(layer->l, layer->call->layer, "cast"), &x,
            &p.acc.quant, 1));
        type = p.acc.quant.type;
    } else if (p.average && !tgl__hls_sums_cast(type, &p.acc.quant)) {
        return tgl__hls_refuse(layer, "an average whose accumulator rounds or saturates "
                                      "single elements");
    }
    TGL_TRY(gather(&windows, layer, &p, &x, type));
    TGL_TRY(reduce(&y, layer, &p, &windows, &p.acc.quant, !layer->is_stream || global));
    if (p.average)
        TGL_TRY(divide(&y, layer, &p, &y));
    return layer->p->import->n_refused > refused ? TGL_OK : tgl__hls_done(layer, 0, &y);
}

static tgl_status pool_1d(hls_layer *layer)
{
    return emit(layer, 1, false);
}

static tgl_status pool_2d(hls_layer *layer)
{
    return emit(layer, 2, false);
}

static tgl_status global_1d(hls_layer *layer)
{
    return emit(layer, 1, true);
}

static tgl_status global_2d(hls_layer *layer)
{
    return emit(layer, 2, true);
}

const hls_operator tgl__hls_pools[] = {
    {"pooling1d_cl", 1, 1, 1, {"n_in*n_filt", NULL}, pool_1d},
    {"pooling2d_cl", 1, 1, 1, {"in_height*in_width*n_filt", NULL}, pool_2d},
    {"global_pooling1d_cl", 1, 1, 1, {"n_in*n_filt", NULL}, global_1d},
    {"global_pooling2d_cl", 1, 1, 1, {"in_height*in_width*n_filt", NULL}, global_2d},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
