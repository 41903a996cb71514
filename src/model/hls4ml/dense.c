/* Dense layers: each product is cast to the accumulator's type, the bias too, and the
 * sums are kept in it in the order of the kernel's loops. */
#include <string.h>

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

static bool begins(hls_text text, const char *with)
{
    size_t n = strlen(with);
    return text.n > n && memcmp(text.at, with, n) == 0;
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
             begins(kernel, "dense_resource_unrolled_") ||
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
static tgl_status set_bias(tgl__matrix *m, hls_layer *layer, const hls_kernel *k)
{
    hls_type type;
    int64_t *bias;
    uint32_t n = k->n_out * (k->sets > 1 ? k->sets : 1) * (k->rows > 1 ? k->rows : 1);
    TGL_TRY(tgl__hls_member_type(&type, layer->p, k->config, "bias_t"));
    TGL_TRY(tgl__hls_codes(&bias, layer, k->bias, n, &type.quant));
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

/* Weights that come in by a parameter (BRAM) can be written in operation. */
static bool is_port(const hls_layer *layer, uint32_t arg)
{
    const hls_text none = {"", 0};
    const hls_range name = layer->call->args[arg];
    return name.n == 1 && !tgl__hls_name(layer->p, none, name.at->text);
}

/* Weights as they lie in the file, their product, accumulator and bias. */
static tgl_status begin_matrix(tgl__matrix *m, int64_t **weights, bool *ok,
                               hls_layer *layer, const hls_kernel *k, size_t n)
{
    hls_type weight, acc;
    hls_text product = tgl__hls_member_alias(layer->p, k->config, "product");
    *m = (tgl__matrix){.out = tgl__hls_to(layer), .n_out_type = 1};
    if (n < 1 || n > 1 << 26 || k->weights >= layer->call->n_arg ||
        k->bias >= layer->call->n_arg)
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "expected weights and bias for %u inputs and %u results",
                             k->n_in, k->n_out);
    TGL_TRY(tgl__hls_member_type(&weight, layer->p, k->config, "weight_t"));
    TGL_TRY(tgl__hls_member_type(&acc, layer->p, k->config, "accum_t"));
    TGL_TRY(tgl__hls_codes(weights, layer, k->weights, (uint32_t)n, &weight.quant));
    m->weight_type = weight.quant.type;
    *ok = !(weight.is_bit && layer->in[0]->type.is_bit) &&
          set_product(m, *weights, n, product);
    if (!*ok)
        return tgl__hls_refuse(layer, "product '%.*s' of these types", (int)product.n,
                               product.at);
    m->term = m->acc = acc.quant;
    m->acc.round = TGL_TRN;
    m->slot_weights = is_port(layer, k->weights);
    m->slot_bias = is_port(layer, k->bias);
    return set_bias(m, layer, k);
}

static tgl_status reuse_of(int64_t *out, const hls_layer *layer, hls_text config)
{
    return tgl__hls_member_int(out, layer->p, config, "reuse_factor", 0, 1 << 30);
}

/* Rows of a set with the same bias stay rows; else each is a set with the same weights.
 */
static tgl_status share_rows(tgl__matrix *m, hls_layer *layer, const hls_kernel *k)
{
    const uint32_t rows = k->rows > 1 ? k->rows : 1, sets = m->sets;
    const size_t one = (size_t)k->n_in * k->n_out, all = (size_t)sets * rows;
    bool same = true;
    if (rows == 1)
        return TGL_OK;
    for (size_t i = 0; i < all * k->n_out; i++)
        same =
            same &&
            m->bias[i] ==
                m->bias[i / ((size_t)rows * k->n_out) * rows * k->n_out + i % k->n_out];
    int64_t *bias = tgl__layers_array(layer->l, (size_t)sets * k->n_out, sizeof *bias);
    int64_t *weights = same || all * one > 1 << 26
                           ? NULL
                           : tgl__layers_array(layer->l, all * one, sizeof *weights);
    if (!bias || (!same && !weights))
        return tgl__hls_fail(layer, TGL_ELIMIT, "a bias of its own for %zu rows", all);
    for (size_t i = 0; same && i < (size_t)sets * k->n_out; i++)
        bias[i] = m->bias[i / k->n_out * rows * k->n_out + i % k->n_out];
    for (size_t i = 0; !same && i < all; i++)
        memcpy(weights + i * one, m->weights + i / rows * one, one * sizeof *weights);
    m->bias = same ? bias : m->bias;
    m->weights = same ? m->weights : weights;
    m->sets = same ? sets : (uint32_t)all;
    return TGL_OK;
}

static const char wrapper[] = "dense_da_wrapper_";

/* A stream's convolution by distributed arithmetic: "dense_da_wrapper_5" calls
 * "dense_da_5". */
static tgl_status by_sums(tgl__matrix *m, bool *ok, hls_layer *layer, hls_text kernel,
                          const hls_kernel *k)
{
    hls_arithmetic a;
    const char *number = kernel.at + sizeof wrapper - 1;
    const char *name = tgl__arena_printf(&layer->p->arena, "dense_da_%.*s",
                                         (int)(kernel.n - (sizeof wrapper - 1)), number);
    if (!name)
        return tgl__fail_nomem(layer->err);
    TGL_TRY(tgl__hls_arithmetic(&a, layer, (hls_text){name, (uint32_t)strlen(name)},
                                layer->in[0]->type.quant.type));
    if (a.n_in != k->n_in || a.n_out != k->n_out)
        return tgl__hls_fail(layer, TGL_EFORMAT, "'%s': expected %u inputs, found %u",
                             name, k->n_in, a.n_in);
    *m = a.matrix;
    *ok = a.inputs == NULL;
    return *ok ? TGL_OK : tgl__hls_refuse(layer, "inputs converted one by one");
}

tgl_status tgl__hls_matrix(tgl__matrix *m, bool *ok, hls_layer *layer,
                           const hls_kernel *k)
{
    int64_t *weights, *turned, reuse;
    bool latency = is_latency(ok, layer, k->config);
    const size_t sets = k->sets > 1 ? k->sets : 1, one = (size_t)k->n_in * k->n_out;
    const size_t n = one * sets;
    hls_text kernel = tgl__hls_member_alias(layer->p, k->config, "kernel");
    if (begins(kernel, wrapper))
        return by_sums(m, ok, layer, kernel, k);
    if (!*ok)
        return tgl__hls_refuse(layer, "another kernel than latency's or resource's");
    TGL_TRY(begin_matrix(m, &weights, ok, layer, k, n));
    if (!*ok)
        return TGL_OK;
    turned = latency ? tgl__layers_array(layer->l, n, sizeof *turned) : weights;
    if (!turned)
        return TGL_ENOMEM;
    for (size_t s = 0; latency && s < n; s += one)
        for (size_t j = 0; j < k->n_in; j++)
            for (size_t i = 0; i < k->n_out; i++)
                turned[s + i * k->n_in + j] = weights[s + j * k->n_out + i];
    m->weights = turned;
    m->n_out = k->n_out;
    m->sets = (uint32_t)sets;
    TGL_TRY(share_rows(m, layer, k));
    TGL_TRY(reuse_of(&reuse, layer, k->config));
    return latency ? TGL_OK : set_order(m, ok, layer, k->n_in, reuse);
}

/* (window, channel) weights become one row for each channel, a set each. */
tgl_status tgl__hls_depthwise(tgl__matrix *m, bool *ok, hls_layer *layer,
                              const hls_kernel *k)
{
    int64_t *weights, *turned, reuse;
    hls_text kernel = tgl__hls_member_alias(layer->p, k->config, "kernel");
    const size_t n = (size_t)k->n_in * k->n_out;
    TGL_TRY(begin_matrix(m, &weights, ok, layer, k, n));
    if (!*ok)
        return TGL_OK;
    turned = tgl__layers_array(layer->l, n, sizeof *turned);
    if (!turned)
        return TGL_ENOMEM;
    for (size_t j = 0; j < k->n_in; j++)
        for (size_t c = 0; c < k->n_out; c++)
            turned[c * k->n_in + j] = weights[j * k->n_out + c];
    m->weights = turned;
    m->n_out = 1;
    m->sets = k->n_out;
    TGL_TRY(reuse_of(&reuse, layer, k->config));
    if (!kernel.n || tgl__hls_is(kernel, "DepthwiseDenseLatency") || reuse <= 1 ||
        !layer->is_stream || k->n_out % reuse == 0)
        return TGL_OK;
    if (reuse % k->n_out == 0)
        return set_order(m, ok, layer, k->n_in, reuse / k->n_out);
    *ok = m->acc.overflow == TGL_WRAP;
    return *ok ? TGL_OK : tgl__hls_refuse(layer, "reuse factor %lld", (long long)reuse);
}

static tgl_status emit_dense(hls_layer *layer)
{
    uint32_t n_out;
    tgl__matrix m;
    tgl__tensor y;
    bool ok;
    hls_text sums = tgl__hls_member_alias(layer->p, layer->config, "dense_da");
    if (sums.n)
        return tgl__hls_dense_arithmetic(layer, sums);
    TGL_TRY(tgl__hls_dim(&n_out, layer, "n_out"));
    const hls_kernel kernel = {.config = layer->config,
                               .weights = 2,
                               .bias = 3,
                               .n_in = layer->in[0]->n,
                               .n_out = n_out};
    TGL_TRY(tgl__hls_matrix(&m, &ok, layer, &kernel));
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
