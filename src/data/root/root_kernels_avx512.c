#define KERNELS      tgl__root_kernels_avx512
#define KERNELS_NAME "avx512"
#include "data/root/root_kernels.h" /* something to compile where it is not this machine's */
#if defined(__x86_64__)
#include "data/root/root_kernels.inc"
#endif
