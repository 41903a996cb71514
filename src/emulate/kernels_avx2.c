#define KERNELS      tgl__kernels_avx2
#define KERNELS_NAME "avx2"
#include "emulate/kernels.h" /* something to compile where it is not this machine's */
#if defined(__x86_64__)
#include "emulate/kernels.inc"
#endif
