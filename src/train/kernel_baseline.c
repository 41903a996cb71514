/* The kernels for any machine of the architecture: fused multiply-add in software. */
#include "train/elementary.h"

#define KERNEL_SET  tgl__train_kernels_baseline
#define KERNEL_NAME "baseline"
enum { KERNEL_WIDTH = 4, KERNEL_BLOCK = 8 };
#define KERNEL_FUSED(a, b, c) fused((a), (b), (c))
#define KERNEL_EXACT(a, b, c) ((a) * (b) + (c))

typedef float four __attribute__((vector_size(4 * KERNEL_WIDTH)));

static inline __attribute__((always_inline)) four fused(four a, four b, four c)
{
    for (int i = 0; i < KERNEL_WIDTH; i++)
        c[i] = tgl__fusedf(a[i], b[i], c[i]);
    return c;
}

#include "train/kernel_body.h"
