#define KERNELS      tgl__kernels_avx512
#define KERNELS_NAME "avx512"
#if defined(__x86_64__)
#include "emulate/kernels.inc"
#endif
