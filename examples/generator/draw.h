/* Random numbers that depend on nothing but (seed, sample, crossing, how many drawn): any
 * thread may make any crossing. And the few functions of floating point used, made of
 * IEEE additions, products and square roots only, so that every machine answers the same
 * bits. */
#ifndef GENERATOR_DRAW_H
#define GENERATOR_DRAW_H

#include <stdint.h>

typedef struct draw {
    uint64_t key, n;
} draw;

enum { GAUSS_BIT = 12, GAUSS_SIZE = 1 << GAUSS_BIT, GAUSS_ONE = 256, N_SECTOR = 144 };

typedef struct draw_tables {
    int16_t
        gauss[GAUSS_SIZE]; /* quantiles of the normal distribution, unit 1/GAUSS_ONE */
    double cosine[N_SECTOR], sine[N_SECTOR]; /* of 2 pi k / N_SECTOR */
} draw_tables;

void draw_tables_init(draw_tables *tables);

static inline uint64_t draw_mix(uint64_t x) /* the finaliser of SplitMix64 */
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static inline draw draw_start(uint64_t seed, uint64_t stream, uint64_t counter)
{
    uint64_t key = draw_mix(seed + UINT64_C(0x9E3779B97F4A7C15));
    key = draw_mix(key ^ draw_mix(stream + UINT64_C(0xD1B54A32D192ED03)));
    key = draw_mix(key ^ draw_mix(counter + UINT64_C(0x8CB92BA72F3D8DD7)));
    return (draw){key, 0};
}

static inline uint64_t draw_u64(draw *d)
{
    return draw_mix(d->key + ++d->n * UINT64_C(0x9E3779B97F4A7C15));
}

/* In [0, n), n below 2^32; the bias is below n / 2^32. */
static inline uint32_t draw_below(draw *d, uint32_t n)
{
    return (uint32_t)(((draw_u64(d) >> 32) * n) >> 32);
}

/* In [0, 1). */
static inline double draw_unit(draw *d)
{
    return (double)(draw_u64(d) >> 11) * 0x1p-53;
}

/* Normal, mean 0, width 1; |value| <= 3.67. */
static inline double draw_gauss(draw *d, const draw_tables *tables)
{
    return tables->gauss[draw_u64(d) >> (64 - GAUSS_BIT)] * (1.0 / GAUSS_ONE);
}

double draw_exp(double x);                   /* e^x, |x| < 600 */
double draw_log(double x);                   /* natural, x > 0 */
uint32_t draw_poisson(draw *d, double mean); /* mean below 300 */
double draw_exponential(draw *d, double mean);

#endif
