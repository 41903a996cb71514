/* The kernels for machines with AVX2; only called there. */
#include <immintrin.h>

#define KERNEL_SET  tgl__train_kernels_avx2
#define KERNEL_NAME "avx2"
enum { KERNEL_WIDTH = 8, KERNEL_BLOCK = 8 };
#define KERNEL_FUSED(a, b, c)                                                            \
    ((lanes)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define KERNEL_EXACT KERNEL_FUSED
#include "train/kernel_body.h"
