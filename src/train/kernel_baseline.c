/* The kernels for any machine of the architecture. */
#define KERNEL_SET  tgl__train_kernels_baseline
#define KERNEL_NAME "baseline"
enum { KERNEL_WIDTH = 4, KERNEL_ROWS = 8 };
#include "train/kernel_body.h"
