#define KERNELS      tgl__kernels_baseline
#define KERNELS_NAME "baseline"
#include "emulate/kernels.inc"
