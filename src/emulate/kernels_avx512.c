#define KERNELS      tgl__kernels_avx512
#define KERNELS_NAME "avx512"
#include "emulate/kernels.h" /* something to compile where it is not this machine's */
#if defined(__x86_64__)
#include "emulate/kernels.inc"
#endif
