# The kernels are compiled once per instruction set. Nothing here may change a result: no
# fused multiply-add is formed by the compiler (the kernels write theirs out), no value-changing rewrite; -fno-trapping-math and -fno-math-errno only
# drop exception flags and errno, which nobody reads.
set(TGL_TRAIN_FLAGS -O3 -ffp-contract=off -fno-fast-math -fno-trapping-math -fno-math-errno -Wno-psabi)
set_source_files_properties(src/train/loss.c PROPERTIES COMPILE_OPTIONS "${TGL_TRAIN_FLAGS}")
set_source_files_properties(src/train/kernel.c PROPERTIES COMPILE_OPTIONS "-ffp-contract=off;-fno-math-errno")
set_source_files_properties(src/train/kernel_baseline.c PROPERTIES COMPILE_OPTIONS "${TGL_TRAIN_FLAGS}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(src/train/kernel_avx2.c PROPERTIES
    COMPILE_OPTIONS "${TGL_TRAIN_FLAGS};-mavx2;-mfma")
  set_source_files_properties(src/train/kernel_avx512.c PROPERTIES
    COMPILE_OPTIONS "${TGL_TRAIN_FLAGS};-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mprefer-vector-width=512")
else()
  set_source_files_properties(src/train/kernel_avx2.c src/train/kernel_avx512.c PROPERTIES
    COMPILE_OPTIONS "${TGL_TRAIN_FLAGS}")
endif()
