/* The kernels for machines with AVX2; only called there. */
#define KERNEL_SET  tgl__train_kernels_avx2
#define KERNEL_NAME "avx2"
enum { KERNEL_WIDTH = 8, KERNEL_ROWS = 8 };
#include "train/kernel_body.h"
