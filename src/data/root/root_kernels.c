/* Which kernels this machine can run. */
#include "data/root/root_kernels.h"

const tgl_root_kernels *tgl__root_kernels_of(tgl_root_isa isa)
{
#if defined(__x86_64__)
    if (isa == TGL_ROOT_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512vl")
                   ? &tgl__root_kernels_avx512
                   : NULL;
    if (isa == TGL_ROOT_AVX2)
        return __builtin_cpu_supports("avx2") ? &tgl__root_kernels_avx2 : NULL;
#endif
    return isa == TGL_ROOT_BASELINE ? &tgl__root_kernels_baseline : NULL;
}

const tgl_root_kernels *tgl__root_kernels(void)
{
    for (int isa = TGL_ROOT_N_ISA - 1; isa > TGL_ROOT_BASELINE; isa--)
        if (tgl__root_kernels_of((tgl_root_isa)isa) != NULL)
            return tgl__root_kernels_of((tgl_root_isa)isa);
    return &tgl__root_kernels_baseline;
}
