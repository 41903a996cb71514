/* Elementary functions of our own: IEEE additions, multiplications and divisions in a
 * fixed order, so every machine and build gives the same bits. Series are Taylor's and
 * the logarithm's in (x-1)/(x+1) (Abramowitz and Stegun 4.1.27, 4.2.1, 4.3.65-66). */
#ifndef TGL_TRAIN_ELEMENTARY_H
#define TGL_TRAIN_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

static inline float tgl__power2f(int32_t k) /* 2^k for -126 <= k <= 127 */
{
    uint32_t bits = (uint32_t)(k + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* a * b + c rounded once, as IEEE 754's fused multiply-add, for machines without one: the
 * product is exact in double; the sum is rounded to odd there (its error by Knuth's
 * TwoSum), so that the second rounding to float is the only one that counts (Boldo and
 * Melquiond, IEEE Trans. Comput. 57 (2008) 462). For finite results. */
static inline float tgl__fusedf(float a, float b, float c)
{
    double p = (double)a * (double)b, s = p + (double)c, back = s - p;
    double error = (p - (s - back)) + ((double)c - back);
    uint64_t bits;
    memcpy(&bits, &s, sizeof bits);
    if (error != 0.0 && (bits & 1) == 0)
        bits += (error > 0.0) == (s > 0.0) ? 1 : (uint64_t)-1;
    memcpy(&s, &bits, sizeof s);
    return (float)s;
}

/* e^x; x is clamped to [-87, 88]. Relative error below 2e-7. */
static inline float tgl__expf(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    /* k = round(x / ln 2) by the adding of 1.5 * 2^23; the remainder in two parts */
    float k = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    float y = 1.0f / 5040.0f;
    y = y * r + 1.0f / 720.0f;
    y = y * r + 1.0f / 120.0f;
    y = y * r + 1.0f / 24.0f;
    y = y * r + 1.0f / 6.0f;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    return y * tgl__power2f((int32_t)k);
}

/* e^x in double for |x| <= 700: relative error about 1e-15. For tables. */
static inline double tgl__exp(double x)
{
    double k = (double)(int64_t)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    double r =
        (x - k * 0.693145751953125) - k * 1.42860682030941723212e-6; /* ln 2 in two */
    double y = 1.0;
    for (int n = 18; n > 0; n--)
        y = 1.0 + y * r / (double)n;
    uint64_t bits = (uint64_t)((int64_t)k + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return y * scale;
}

/* Natural logarithm of a positive normal double, relative error about 1e-15. */
static inline double tgl__log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t k = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        k++;
    }
    static const double odd[12] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,
                                   1.0 / 9.0,  1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0,
                                   1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0, 1.0 / 23.0};
    double s = (m - 1.0) / (m + 1.0), s2 = s * s, sum = 0.0;
    for (int n = 11; n >= 0; n--)
        sum = sum * s2 + odd[n];
    return (double)k * 0.6931471805599453 + 2.0 * s * sum;
}

/* sin and cos of (pi/2) * x for x in [0, 1), error below 1e-12. */
static inline void tgl__sincos_quarter(double *sine, double *cosine, double x)
{
    double a = 1.5707963267948966 * x, a2 = a * a, s = 1.0, c = 1.0;
    for (int n = 17; n > 1; n -= 2)
        s = 1.0 - s * a2 / (double)(n * (n - 1));
    for (int n = 16; n > 0; n -= 2)
        c = 1.0 - c * a2 / (double)(n * (n - 1));
    *sine = a * s;
    *cosine = c;
}

#endif
