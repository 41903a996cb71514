#include "train/random.h"

#include "train/elementary.h"

void tgl__random_normals(float pool[TGL__NORMAL_POOL], uint64_t seed)
{
    uint64_t key = tgl__random_key(seed, TGL__RANDOM_POOL, 0);
    for (size_t i = 0; i < TGL__NORMAL_POOL; i += 2) {
        uint64_t bits = tgl__random_bits(key, i);
        double u = ((double)(bits >> 32) + 1.0) * 0x1p-32; /* (0, 1] */
        double v = (double)(bits & 0xffffffffU) * 0x1p-30; /* [0, 4): quadrants */
        int quadrant = (int)v;
        double sine, cosine;
        tgl__sincos_quarter(&sine, &cosine, v - quadrant);
        double radius = __builtin_sqrt(-2.0 * tgl__log(u));
        double x = quadrant & 1 ? -sine : cosine, y = quadrant & 1 ? cosine : sine;
        double sign = quadrant & 2 ? -radius : radius;
        pool[i] = (float)(sign * x);
        pool[i + 1] = (float)(sign * y);
    }
}

void tgl__random_shuffle(uint32_t *order, size_t n, uint64_t key)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(((tgl__random_bits(key, i) >> 32) * (uint64_t)i) >> 32);
        uint32_t keep = order[i - 1];
        order[i - 1] = order[j];
        order[j] = keep;
    }
}
