/* The naive kernels, which the fast ones must equal bit for bit, and the choice among
 * them. */
#include "train/kernel.h"

#include "base/error.h"
#include "train/elementary.h"

static void product(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                    const float *b, size_t ldb, const float *start, size_t m, size_t n,
                    size_t k)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = start == NULL ? 0.0f : start[j];
            for (size_t t = 0; t < k; t++)
                sum = tgl__fusedf(a[i * a_row + t * a_col], b[t * ldb + j], sum);
            c[i * ldc + j] = sum;
        }
}

static void column_sum(float *out, const float *a, size_t lda, size_t m, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = 0.0f;
        for (size_t i = 0; i < m; i++)
            out[j] += a[i * lda + j];
    }
}

static void add(float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
}

/* By the library's exact conversion from double, not by tricks on floats. */
static float quantise_one(float x, float to_code, float to_value,
                          const tgl__fake_quant *quant)
{
    tgl_quant exact = {{1, 40, 0}, quant->round, TGL_SAT};
    int64_t code = 0;
    if (tgl_quantise_double(&code, (double)(x * to_code), &exact, NULL) != TGL_OK)
        return quant->lo * to_value;
    if (code < (int64_t)quant->lo)
        code = (int64_t)quant->lo;
    if (code > (int64_t)quant->hi)
        code = (int64_t)quant->hi;
    return (float)code * to_value;
}

static void quantise(float *out, const float *x, size_t n, const tgl__fake_quant *quant)
{
    for (size_t i = 0; i < n; i++)
        out[i] = quantise_one(x[i], quant->to_code, quant->to_value, quant);
}

static void quantise_columns(float *out, const float *x, size_t m, size_t n,
                             const float *to_code, const float *to_value,
                             const tgl__fake_quant *quant)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = quantise_one(x[i * n + j], to_code[j], to_value[j], quant);
}

static void relu(float *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

static void mask(float *out, const float *gradient, const float *x, size_t n, float lo,
                 float hi)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] > lo && x[i] <= hi ? gradient[i] : 0.0f;
}

static void adam(float *w, float *m, float *v, const float *gradient, size_t n,
                 const tgl__adam *step, float lo, float hi)
{
    for (size_t i = 0; i < n; i++) {
        float g = gradient[i] * step->gradient_scale;
        m[i] = step->beta1 * m[i] + (1.0f - step->beta1) * g;
        v[i] = step->beta2 * v[i] + (1.0f - step->beta2) * (g * g);
        w[i] -= step->rate * (m[i] * step->scale1) /
                (__builtin_sqrtf(v[i] * step->scale2) + step->epsilon);
        w[i] = w[i] < lo ? lo : w[i];
        w[i] = w[i] > hi ? hi : w[i];
    }
}

static void exponential(float *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = tgl__expf(x[i]);
}

const tgl__train_kernels tgl__train_kernels_reference = {
    "reference",      product, product, column_sum, add,         quantise,
    quantise_columns, relu,    mask,    adam,       exponential,
};

static int machine_has(tgl_isa isa)
{
#if defined(__x86_64__)
    if (isa == TGL_ISA_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == TGL_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return isa == TGL_ISA_BASELINE;
}

tgl_status tgl__train_kernels_get(const tgl__train_kernels **out, tgl_isa isa,
                                  tgl_error *err)
{
    static const tgl__train_kernels *const sets[] = {
        [TGL_ISA_BASELINE] = &tgl__train_kernels_baseline,
        [TGL_ISA_AVX2] = &tgl__train_kernels_avx2,
        [TGL_ISA_AVX512] = &tgl__train_kernels_avx512};
    if (isa == TGL_ISA_AUTO) {
        isa = TGL_ISA_BASELINE;
        if (machine_has(TGL_ISA_AVX2))
            isa = TGL_ISA_AVX2;
        if (machine_has(TGL_ISA_AVX512))
            isa = TGL_ISA_AVX512;
    }
    if (isa < TGL_ISA_BASELINE || isa > TGL_ISA_AVX512)
        return tgl__fail(err, TGL_EUSAGE, "unknown instruction set %d", (int)isa);
    if (!machine_has(isa))
        return tgl__fail(err, TGL_EMISSING, "this machine lacks the instruction set '%s'",
                         sets[isa]->name);
    *out = sets[isa];
    return TGL_OK;
}
