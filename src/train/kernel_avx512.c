/* The kernels for machines with AVX-512 (F, DQ, BW, VL); only called there. */
#include <immintrin.h>

#define KERNEL_SET  tgl__train_kernels_avx512
#define KERNEL_NAME "avx512"
enum { KERNEL_WIDTH = 16, KERNEL_BLOCK = 16 };
#define KERNEL_FUSED(a, b, c)                                                            \
    ((lanes)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define KERNEL_EXACT KERNEL_FUSED
#include "train/kernel_body.h"
