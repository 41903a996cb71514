/* Random numbers by counter: the n-th number of a stream is a function of (seed, stream,
 * n), so it does not matter which thread asks, or when. */
#ifndef TGL_TRAIN_RANDOM_H
#define TGL_TRAIN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Streams of one seed; the low 32 bits are free for an epoch or a layer. */
enum {
    TGL__RANDOM_WEIGHTS = 1,
    TGL__RANDOM_SHUFFLE = 2,
    TGL__RANDOM_LATENT = 3,
    TGL__RANDOM_POOL = 4
};

static inline uint64_t tgl__mix64(uint64_t x) /* the finaliser of SplitMix64 */
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static inline uint64_t tgl__random_key(uint64_t seed, uint64_t kind, uint64_t number)
{
    return tgl__mix64(tgl__mix64(seed + 0x9e3779b97f4a7c15ULL * kind) +
                      0x9e3779b97f4a7c15ULL * (number + 1));
}

static inline uint64_t tgl__random_bits(uint64_t key, uint64_t n)
{
    return tgl__mix64(key + 0x9e3779b97f4a7c15ULL * (n + 1));
}

/* In [0, 1), multiples of 2^-24. */
static inline float tgl__random_uniform(uint64_t key, uint64_t n)
{
    return (float)(tgl__random_bits(key, n) >> 40) * (1.0f / 16777216.0f);
}

/* A pool of standard normal numbers (Box and Muller 1958), from which training draws with
 * random indices. */
enum { TGL__NORMAL_POOL = 65536 };
void tgl__random_normals(float pool[TGL__NORMAL_POOL], uint64_t seed);

/* order = a permutation of 0 … n-1 (Fisher and Yates). */
void tgl__random_shuffle(uint32_t *order, size_t n, uint64_t key);

#endif
