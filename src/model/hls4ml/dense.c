/* Dense layers: each product is cast to the accumulator's type, the bias too, and the
 * sums are kept in it in the order of the kernel's loops. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

/* The values that weights stand for: 1-bit ones are -1 and 1, 2-bit ones -1, 0 and 1. */
static bool set_product(tgl__matrix *m, int64_t *weights, size_t n, hls_text product)
{
    if (product.n == 0 || tgl__hls_is(product, "mult"))
        return true;
    bool binary = tgl__hls_is(product, "weight_binary");
    if (!binary && !tgl__hls_is(product, "weight_ternary"))
        return false;
    const int64_t one = (int64_t)1 << (m->weight_type.frac > 0 ? m->weight_type.frac : 0);
    for (size_t i = 0; i < n; i++)
        weights[i] = weights[i] == 0 ? (binary ? -1 : 0) : weights[i] == -one ? -1 : 1;
    m->weight_type = (tgl_type){1, 2, 0};
    return true;
}

/* Kernels whose weights lie as (n_in, n_out) against (n_out, n_in). */
static bool is_latency(bool *known, const hls_layer *layer, hls_text config)
{
    hls_text kernel = tgl__hls_member_alias(layer->p, config, "kernel");
    hls_text strategy = tgl__hls_member_word(layer->p, config, "strategy");
    bool latency =
        kernel.n ? tgl__hls_is(kernel, "DenseLatency") : tgl__hls_is(strategy, "latency");
    *known = latency || tgl__hls_is(kernel, "DenseResource_rf_leq_nin") ||
             tgl__hls_is(kernel, "DenseResource_rf_gt_nin_rem0") ||
             tgl__hls_is(kernel, "DenseResource_rf_gt_nin") ||
             (!kernel.n && tgl__hls_is(strategy, "resource"));
    return latency;
}

/* The order of a resource kernel: with stride `reuse` through the inputs. */
static tgl_status set_order(tgl__matrix *m, bool *ok, hls_layer *layer, uint32_t n_in,
                            int64_t reuse)
{
    if (reuse <= 1 || (reuse >= n_in && reuse % n_in == 0))
        return TGL_OK;
    if (reuse > n_in || n_in % reuse != 0) {
        *ok = m->acc.overflow == TGL_WRAP && reuse > n_in; /* the order cannot be seen */
        if (*ok)
            return TGL_OK;
        return tgl__hls_refuse(layer, "reuse factor %lld with %u inputs",
                               (long long)reuse, n_in);
    }
    uint32_t *order = tgl__layers_array(layer->l, n_in, sizeof *order), at = 0;
    if (!order)
        return TGL_ENOMEM;
    for (uint32_t first = 0; first < reuse; first++)
        for (uint32_t i = first; i < n_in; i += (uint32_t)reuse)
            order[at++] = i;
    m->order = order;
    return TGL_OK;
}

/* hls4ml casts the bias by the accumulator's mode before anything is added. */
static tgl_status set_bias(tgl__matrix *m, hls_layer *layer, hls_text config,
                           uint32_t arg, uint32_t n)
{
    hls_type type;
    int64_t *bias;
    TGL_TRY(tgl__hls_member_type(&type, layer->p, config, "bias_t"));
    TGL_TRY(tgl__hls_codes(&bias, layer, arg, n, &type.quant));
    const tgl_quant acc = m->term;
    bool same = type.quant.type.frac <= acc.type.frac;
    for (uint32_t i = 0; i < n && same; i++) {
        int64_t cast = tgl_quantise(bias[i], type.quant.type.frac, &acc);
        same = tgl_code_to_double(cast, acc.type.frac) ==
               tgl_code_to_double(bias[i], type.quant.type.frac);
    }
    for (uint32_t i = 0; i < n && !same; i++)
        bias[i] = tgl_quantise(bias[i], type.quant.type.frac, &acc);
    m->bias = bias;
    m->bias_type = same ? type.quant.type : acc.type;
    return TGL_OK;
}

static bool is_port(const hls_layer *layer, uint32_t arg)
{
    /* weights that come in by a parameter (BRAM) can be written in operation */
    const hls_text none = {"", 0};
    const hls_range name = layer->call->args[arg];
    const hls_name *array =
        name.n == 1 ? tgl__hls_name(layer->p, none, name.at->text) : NULL;
    return !array;
}

tgl_status tgl__hls_matrix(tgl__matrix *m, bool *ok, hls_layer *layer, hls_text config,
                           uint32_t arg, uint32_t n_in, uint32_t n_out)
{
    hls_type weight, acc;
    int64_t *weights, *turned, reuse;
    bool latency = is_latency(ok, layer, config);
    const size_t n = (size_t)n_in * n_out;
    *m = (tgl__matrix){.n_out = n_out, .out = tgl__hls_to(layer), .n_out_type = 1};
    hls_text product = tgl__hls_member_alias(layer->p, config, "product");
    if (!*ok)
        return tgl__hls_refuse(layer, "another kernel than latency's or resource's");
    TGL_TRY(tgl__hls_member_type(&weight, layer->p, config, "weight_t"));
    TGL_TRY(tgl__hls_member_type(&acc, layer->p, config, "accum_t"));
    TGL_TRY(tgl__hls_member_int(&reuse, layer->p, config, "reuse_factor", 0, 1 << 30));
    if (n < 1 || n > 1 << 26)
        return tgl__hls_fail(layer, TGL_ELIMIT, "%u by %u weights", n_in, n_out);
    TGL_TRY(tgl__hls_codes(&weights, layer, arg, (uint32_t)n, &weight.quant));
    m->weight_type = weight.quant.type;
    *ok = !(weight.is_bit && layer->in[0]->type.is_bit) &&
          set_product(m, weights, n, product);
    if (!*ok)
        return tgl__hls_refuse(layer, "product '%.*s' of these types", (int)product.n,
                               product.at);
    turned = latency ? tgl__layers_array(layer->l, n, sizeof *turned) : weights;
    if (!turned)
        return TGL_ENOMEM;
    for (size_t j = 0; latency && j < n_in; j++)
        for (size_t i = 0; i < n_out; i++)
            turned[i * n_in + j] = weights[j * n_out + i];
    m->weights = turned;
    m->term = m->acc = acc.quant;
    m->acc.round = TGL_TRN;
    m->slot_weights = is_port(layer, arg);
    TGL_TRY(set_bias(m, layer, config, arg + 1, n_out));
    m->slot_bias = is_port(layer, arg + 1);
    return latency ? TGL_OK : set_order(m, ok, layer, n_in, reuse);
}

static tgl_status emit_dense(hls_layer *layer)
{
    uint32_t n_out;
    tgl__matrix m;
    tgl__tensor y;
    bool ok;
    TGL_TRY(tgl__hls_dim(&n_out, layer, "n_out"));
    TGL_TRY(tgl__hls_matrix(&m, &ok, layer, layer->config, 2, layer->in[0]->n, n_out));
    if (!ok)
        return TGL_OK;
    TGL_TRY(
        tgl__layer_matrix(layer->l, &y, layer->call->layer, tgl__hls_in(layer, 0), &m));
    return tgl__hls_done(layer, 0, &y);
}

const hls_operator tgl__hls_dense[] = {
    {"dense", 1, 1, 1, {"n_in", NULL}, emit_dense},
    {"dense_latency", 1, 1, 1, {"n_in", NULL}, emit_dense},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
