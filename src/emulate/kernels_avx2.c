#define KERNELS      tgl__kernels_avx2
#define KERNELS_NAME "avx2"
#if defined(__x86_64__)
#include "emulate/kernels.inc"
#endif
