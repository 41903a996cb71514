/* Entries of hls4ml's tables, in the float arithmetic of its C++ on this machine. */
#include <math.h>

#include "model/hls4ml/hls.h"

/* 16 (i - n/2) / n, as the C++ writes it: in double, kept in float. */
static float centred(double range, uint32_t i, uint32_t n)
{
    return (float)(range * ((double)i - (double)((float)n / 2.0)) / (double)(float)n);
}

static float selu(float x)
{
    return (float)(1.0507009873554804934193349852946 *
                   (1.6732632423543772848170429916717 * ((double)expf(x) - 1.)));
}

int64_t tgl__hls_entry(hls_function function, uint32_t i, uint32_t n,
                       const tgl_quant *quant)
{
    double y = 0;
    float wide = centred(16.0, i, n), negative = (float)(-8.0 * i / (double)(float)n),
          positive = (float)(64.0 * i / (double)(float)n);
    switch (function) {
    case HLS_SIGMOID:
        y = (float)(1.0 / (double)(1 + expf(-wide)));
        break;
    case HLS_TANH:
        y = tanhf(centred(8.0, i, n));
        break;
    case HLS_SOFTPLUS:
        y = (float)log((double)expf(wide) + 1.);
        break;
    case HLS_SOFTSIGN:
        y = (float)((double)wide / ((double)fabsf(wide) + 1.));
        break;
    case HLS_ELU:
        y = (float)((double)expf(negative) - 1.);
        break;
    case HLS_SELU:
        y = selu(negative);
        break;
    case HLS_EXP_LEGACY:
        y = expf(wide);
        break;
    case HLS_INVERSE_LEGACY:
        y = positive > 0.0f ? 1.0 / (double)positive : 0.0;
        break;
    }
    return tgl__hls_code(y, quant);
}

/* The value whose code has i as its top log2(n) bits and zeros below. */
static float top_bits(uint32_t i, uint32_t n, tgl_type index)
{
    uint32_t bits = 0;
    while ((1u << bits) < n)
        bits++;
    uint64_t code = (uint64_t)i << (index.width - bits);
    int64_t v = (int64_t)code;
    if (index.is_signed && i >> (bits - 1))
        v -= (int64_t)1 << index.width;
    return (float)tgl_code_to_double(v, index.frac);
}

int64_t tgl__hls_exp_entry(uint32_t i, uint32_t n, tgl_type index, float scale,
                           bool negative, const tgl_quant *quant)
{
    float x = top_bits(i, n, index) * scale;
    return tgl__hls_code(expf(negative ? -x : x), quant);
}

int64_t tgl__hls_inverse_entry(uint32_t i, uint32_t n, tgl_type index,
                               const tgl_quant *quant)
{
    return tgl__hls_code(1 / top_bits(i, n, index), quant);
}

int64_t tgl__hls_root_entry(uint32_t i, uint32_t n, uint32_t power, uint32_t range,
                            const tgl_quant *quant)
{
    float least = (float)pow(10.0, -(double)power),
          most = (float)pow(2.0, -(double)range);
    float step = most / (float)n;
    float x = least + step * (float)i;
    return tgl__hls_code(1.0 / (double)sqrtf(x), quant);
}
