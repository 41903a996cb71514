/* The kernels for machines with AVX-512 (F, DQ, BW, VL); only called there. */
#define KERNEL_SET  tgl__train_kernels_avx512
#define KERNEL_NAME "avx512"
enum { KERNEL_WIDTH = 16, KERNEL_ROWS = 16 };
#include "train/kernel_body.h"
