#define KERNELS      tgl__root_kernels_baseline
#define KERNELS_NAME "baseline"
#include "data/root/root_kernels.inc"
