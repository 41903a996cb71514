# The ROOT reader's loops over baskets are one text compiled three times; the reader chooses at run time.
set(TGL_ROOT_KERNEL_FLAGS -O3)
if(CMAKE_C_FLAGS MATCHES "sanitize" OR CMAKE_C_FLAGS MATCHES "coverage")
  set(TGL_ROOT_KERNEL_FLAGS "")
endif()
set(TGL_ROOT_KERNELS ${CMAKE_SOURCE_DIR}/src/data/root/root_kernels)
set_source_files_properties(${TGL_ROOT_KERNELS}_baseline.c PROPERTIES COMPILE_OPTIONS "${TGL_ROOT_KERNEL_FLAGS}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(${TGL_ROOT_KERNELS}_avx2.c PROPERTIES COMPILE_OPTIONS "${TGL_ROOT_KERNEL_FLAGS};-mavx2")
  set_source_files_properties(${TGL_ROOT_KERNELS}_avx512.c PROPERTIES
    COMPILE_OPTIONS "${TGL_ROOT_KERNEL_FLAGS};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mprefer-vector-width=512")
endif()
set_source_files_properties(${TGL_ROOT_KERNELS}_baseline.c ${TGL_ROOT_KERNELS}_avx2.c ${TGL_ROOT_KERNELS}_avx512.c
  PROPERTIES OBJECT_DEPENDS ${TGL_ROOT_KERNELS}.inc)
