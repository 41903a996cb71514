# The batch kernels are one text compiled three times; the emulator chooses at run time.
set(TGL_KERNEL_FLAGS -O3)
if(CMAKE_C_FLAGS MATCHES "sanitize" OR CMAKE_C_FLAGS MATCHES "coverage")
  set(TGL_KERNEL_FLAGS "")
endif()
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  list(APPEND TGL_KERNEL_FLAGS -Wno-pass-failed) # a loop it does not vectorise is slower, not wrong
endif()
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/emulate/kernels_baseline.c PROPERTIES
  COMPILE_OPTIONS "${TGL_KERNEL_FLAGS}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/emulate/kernels_avx2.c PROPERTIES
    COMPILE_OPTIONS "${TGL_KERNEL_FLAGS};-mavx2")
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/emulate/kernels_avx512.c PROPERTIES
    COMPILE_OPTIONS "${TGL_KERNEL_FLAGS};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mprefer-vector-width=512")
endif()
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/emulate/kernels_baseline.c
  ${CMAKE_SOURCE_DIR}/src/emulate/kernels_avx2.c ${CMAKE_SOURCE_DIR}/src/emulate/kernels_avx512.c
  PROPERTIES OBJECT_DEPENDS "${CMAKE_SOURCE_DIR}/src/emulate/kernels.inc;${CMAKE_SOURCE_DIR}/src/emulate/kernels_lane.inc")
