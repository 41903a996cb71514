# The run-time library that the experiments' frameworks load: base, fixed, program, emulate and run, on libc alone.
# Only what cmake/run_library.map names leaves it, and what the calls behind those names do not reach is dropped.
include(GNUInstallDirs)
file(GLOB_RECURSE TGL_RUN_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/base/*.c ${CMAKE_SOURCE_DIR}/src/fixed/*.c
  ${CMAKE_SOURCE_DIR}/src/program/*.c ${CMAKE_SOURCE_DIR}/src/emulate/*.c ${CMAKE_SOURCE_DIR}/src/run/*.c)
list(FILTER TGL_RUN_SOURCES EXCLUDE REGEX "_test\\.c$")
include(${CMAKE_SOURCE_DIR}/src/emulate/room.cmake) # the kernels' own compile flags

add_library(trigline_run SHARED ${TGL_RUN_SOURCES})
set_target_properties(trigline_run PROPERTIES OUTPUT_NAME trigline-run VERSION ${PROJECT_VERSION} SOVERSION 0
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/run_library.map)
target_include_directories(trigline_run PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(trigline_run PRIVATE TGL_VERSION_STRING="${PROJECT_VERSION}")
add_dependencies(trigline_run tgl_code_digest)
target_compile_options(trigline_run PRIVATE -ffunction-sections -fdata-sections)
target_link_options(trigline_run PRIVATE -Wl,--gc-sections
  -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/run_library.map)
if(NOT (CMAKE_C_COMPILER_ID MATCHES "Clang" AND CMAKE_C_FLAGS MATCHES "-fsanitize"))
  target_link_options(trigline_run PRIVATE -Wl,--no-undefined) # clang leaves its sanitizers' calls to the program
endif()

install(TARGETS trigline_run COMPONENT run LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(header base.h fixed.h run.h run.hpp)
  install(FILES ${CMAKE_SOURCE_DIR}/include/trigline/${header} COMPONENT run DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/trigline)
endforeach()
foreach(header hls4ml_emulator.hpp hls4ml_plugin.hpp)
  install(FILES ${CMAKE_SOURCE_DIR}/plugins/cmssw/trigline/${header} COMPONENT run
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/trigline)
endforeach()
