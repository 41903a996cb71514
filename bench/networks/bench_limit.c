/* The most 16-bit multiply-adds a second that a loop over vpmaddwd (in AVX-512: the same
 * in 512 bits; baseline: pmaddwd) and 32-bit additions reaches on this machine. */
#include <immintrin.h>
#include <stdio.h>
#include <time.h>

enum { LOOPS = 20 * 1000 * 1000, CHAINS = 8 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The sums depend on the loop's number, so that nothing is left out. */
#define LIMIT(name, set, vector, load, multiply, sum, lanes)                             \
    __attribute__((target(set))) static double name(int *keep)                           \
    {                                                                                    \
        vector acc[CHAINS], a = load(3), b = load(*keep);                                \
        for (int c = 0; c < CHAINS; c++)                                                 \
            acc[c] = load((short)c);                                                     \
        double begin = now();                                                            \
        for (int i = 0; i < LOOPS; i++) {                                                \
            for (int c = 0; c < CHAINS; c++)                                             \
                acc[c] = sum(acc[c], multiply(a, b));                                    \
            __asm__ volatile("" : "+x"(a), "+x"(b));                                     \
        }                                                                                \
        double seconds = now() - begin;                                                  \
        for (int c = 0; c < CHAINS; c++)                                                 \
            *keep += *(int *)&acc[c];                                                    \
        return (double)LOOPS * CHAINS * (lanes) / seconds;                               \
    }

#define SSE_SET(x)    _mm_set1_epi16((short)(x))
#define AVX_SET(x)    _mm256_set1_epi16((short)(x))
#define AVX512_SET(x) _mm512_set1_epi16((short)(x))
LIMIT(baseline, "sse2", __m128i, SSE_SET, _mm_madd_epi16, _mm_add_epi32, 8)
LIMIT(avx2, "avx2", __m256i, AVX_SET, _mm256_madd_epi16, _mm256_add_epi32, 16)
LIMIT(avx512, "avx512bw", __m512i, AVX512_SET, _mm512_madd_epi16, _mm512_add_epi32, 32)

int main(void)
{
    int keep = 5;
    printf("{\"baseline\": %.4g", baseline(&keep));
    if (__builtin_cpu_supports("avx2"))
        printf(", \"avx2\": %.4g", avx2(&keep));
    if (__builtin_cpu_supports("avx512bw"))
        printf(", \"avx512\": %.4g", avx512(&keep));
    printf(", \"keep\": %d}\n", keep & 1);
    return 0;
}
