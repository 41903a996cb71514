/* Layers of two inputs, and scales with biases. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

/* Input i in (repeats, elements): the shorter one is read over and over. */
static tgl_status ends(tgl__tensor *a, tgl__tensor *b, hls_layer *layer)
{
    const uint32_t n[2] = {layer->in[0]->n, layer->in[1]->n};
    tgl__tensor *out[2] = {a, b};
    uint32_t least = n[0] < n[1] ? n[0] : n[1];
    if (n[0] % least || n[1] % least)
        return tgl__hls_fail(layer, TGL_EFORMAT, "inputs of %u and %u elements", n[0],
                             n[1]);
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t shape[2] = {n[i] / least, least};
        TGL_TRY(tgl__hls_in_shaped(out[i], layer, i, 2, shape));
    }
    return TGL_OK;
}

static tgl_status pair(hls_layer *layer, tgl_graph_op op)
{
    tgl__tensor a, b, y;
    TGL_TRY(ends(&a, &b, layer));
    TGL_TRY(tgl__layer_pair(layer->l, &y, layer->call->layer, op, &a, &b,
                            tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status add(hls_layer *layer)
{
    return pair(layer, TGL_GRAPH_ADD);
}

static tgl_status subtract(hls_layer *layer)
{
    return pair(layer, TGL_GRAPH_SUBTRACT);
}

static tgl_status multiply(hls_layer *layer)
{
    return pair(layer, TGL_GRAPH_MULTIPLY);
}

static tgl_status maximum(hls_layer *layer)
{
    return pair(layer, TGL_GRAPH_MAXIMUM);
}

static tgl_status minimum(hls_layer *layer)
{
    return pair(layer, TGL_GRAPH_MINIMUM);
}

/* (a + b) * 0.5, exactly before the cast; before 1.3 (a + b) / 2, which is cut toward
 * zero on the sum's grid, with a 2 of the result's type. */
static tgl_status average(hls_layer *layer)
{
    tgl__tensor a, b, sum, y;
    bool newer;
    const tgl_quant *to = tgl__hls_to(layer);
    TGL_TRY(tgl__hls_is_newer(&newer, layer, "nnet_merge.h", "ap_ufixed<1, 0>(0.5)"));
    if (!newer && (to->type.frac < 0 ||
                   tgl_code_to_double(tgl__hls_code(2, to), to->type.frac) != 2))
        return tgl__hls_refuse(layer, "a division by 2 in a type that has no 2");
    TGL_TRY(ends(&a, &b, layer));
    TGL_TRY(tgl__layer_pair(layer->l, &sum,
                            tgl__layers_name(layer->l, layer->call->layer, "sum"),
                            TGL_GRAPH_ADD, &a, &b, NULL));
    int64_t *halves = tgl__layers_array(layer->l, sum.n, sizeof *halves);
    if (!halves)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < sum.n; i++)
        halves[i] = 1;
    const tgl_quant cut = {tgl__tensor_type(layer->l, &sum, 0), TGL_TRN_ZERO, TGL_WRAP};
    TGL_TRY(tgl__layer_scale_bias(layer->l, &y, layer->call->layer, &sum, halves,
                                  (tgl_type){0, 1, 1}, NULL, (tgl_type){0, 1, 1}, sum.n,
                                  newer ? to : &cut));
    return tgl__hls_done(layer, 0, &y);
}

/* Products cast to the accumulator, then summed in order. */
static tgl_status dot1d(hls_layer *layer)
{
    hls_type acc;
    tgl__tensor products, sum;
    hls_text product = tgl__hls_member_alias(layer->p, layer->config, "product");
    if (product.n && !tgl__hls_is(product, "mult"))
        return tgl__hls_refuse(layer, "product '%.*s'", (int)product.n, product.at);
    TGL_TRY(tgl__hls_config_type(&acc, layer, "accum_t"));
    TGL_TRY(tgl__layer_pair(
        layer->l, &products, tgl__layers_name(layer->l, layer->call->layer, "products"),
        TGL_GRAPH_MULTIPLY, tgl__hls_in(layer, 0), tgl__hls_in(layer, 1), &acc.quant));
    const tgl_node node = {.op = TGL_GRAPH_REDUCE_SUM,
                           .group = products.n,
                           .kind = 1,
                           .acc = acc.quant,
                           .out = tgl__hls_to(layer),
                           .n_out = 1};
    const tgl__tensor *in[1] = {&products};
    if (!tgl__tensor_shaped(&sum, 1, &(uint32_t){1}))
        return tgl__hls_fail(layer, TGL_ELIMIT, "too many elements");
    TGL_TRY(tgl__layer_add(layer->l, &sum, layer->call->layer, in, 1, node));
    return tgl__hls_done(layer, 0, &sum);
}

/* Along an axis that counts the batch as 0. */
static tgl_status concatenate(hls_layer *layer, uint32_t rank)
{
    static const char *const names[2][3] = {{"n_elem1_0", "n_elem1_1", "n_elem1_2"},
                                            {"n_elem2_0", "n_elem2_1", "n_elem2_2"}};
    int64_t axis = -1;
    tgl__tensor x[2], y;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t shape[3];
        TGL_TRY(tgl__hls_dims(shape, layer, names[i], rank));
        TGL_TRY(tgl__hls_in_shaped(&x[i], layer, i, rank, shape));
    }
    if (rank > 1)
        TGL_TRY(tgl__hls_member_int(&axis, layer->p, layer->config, "axis", -3, 3));
    /* hls4ml's own reading: the last, the one before it (of three), else the first */
    uint32_t along = 0;
    if (axis == rank || axis == -1)
        along = rank - 1;
    else if (rank == 3 && (axis == 2 || axis == -2))
        along = 1;
    const tgl__tensor *in[2] = {&x[0], &x[1]};
    TGL_TRY(tgl__layer_concat(layer->l, &y, layer->call->layer, in, 2, along));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status concatenate1d(hls_layer *layer)
{
    return concatenate(layer, 1);
}

static tgl_status concatenate2d(hls_layer *layer)
{
    return concatenate(layer, 2);
}

static tgl_status concatenate3d(hls_layer *layer)
{
    return concatenate(layer, 3);
}

/* x * scale + bias in full width, then one cast; n_filt of -1: one for each element. */
static tgl_status normalize(hls_layer *layer)
{
    hls_type scale, bias;
    int64_t n_filt = -1, *scales, *biases;
    tgl__tensor x, y;
    uint32_t n = layer->in[0]->n;
    hls_text product = tgl__hls_member_alias(layer->p, layer->config, "product");
    if (product.n && !tgl__hls_is(product, "mult"))
        return tgl__hls_refuse(layer, "product '%.*s'", (int)product.n, product.at);
    TGL_TRY(tgl__hls_config_type(&scale, layer, "scale_t"));
    TGL_TRY(tgl__hls_config_type(&bias, layer, "bias_t"));
    TGL_TRY(tgl__hls_member_int(&n_filt, layer->p, layer->config, "n_filt", -1, 1 << 20));
    uint32_t count = n_filt > 0 ? (uint32_t)n_filt : n;
    const uint32_t shape[2] = {n / count, count};
    TGL_TRY(tgl__hls_codes(&scales, layer, 2, count, &scale.quant));
    TGL_TRY(tgl__hls_codes(&biases, layer, 3, count, &bias.quant));
    TGL_TRY(tgl__hls_in_shaped(&x, layer, 0, 2, shape));
    TGL_TRY(tgl__layer_scale_bias(layer->l, &y, layer->call->layer, &x, scales,
                                  scale.quant.type, biases, bias.quant.type, count,
                                  tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

#define PAIR(name, emit)                                                                 \
    {                                                                                    \
        name, 2, 2, 1, {"n_elem1|n_elem", "n_elem2|n_elem"}, emit                        \
    }
#define CONCAT(name, emit)                                                               \
    {                                                                                    \
        name, 2, 2, 1,                                                                   \
            {"n_elem1_0*n_elem1_1*n_elem1_2", "n_elem2_0*n_elem2_1*n_elem2_2"}, emit     \
    }

const hls_operator tgl__hls_pairs[] = {
    PAIR("add", add),
    PAIR("subtract", subtract),
    PAIR("multiply", multiply),
    PAIR("average", average),
    PAIR("maximum", maximum),
    PAIR("minimum", minimum),
    {"dot1d", 2, 2, 1, {"n_in", NULL}, dot1d},
    CONCAT("concatenate1d", concatenate1d),
    CONCAT("concatenate2d", concatenate2d),
    CONCAT("concatenate3d", concatenate3d),
    {"normalize", 1, 1, 1, {"n_in", NULL}, normalize},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
