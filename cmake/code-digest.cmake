# The digest of the code that makes outputs: what the library is built from, without the command, the tests and whatever
# else cannot change an output. It is the SHA-256 of lines "<sha256>  <path>\n", sorted by path, so that
#   sha256sum PATH... | sha256sum
# gives the same; no path outside the tree, time or build type goes into it.
# Included by CMakeLists.txt; at build, as `cmake -DSOURCE=DIR -DOUT=HEADER -P code-digest.cmake`, it writes the header.
macro(tgl_code_files out source) # and CONFIGURE_DEPENDS, which a script may not say
  file(GLOB_RECURSE ${out} RELATIVE ${source} ${ARGN} ${source}/src/*.c ${source}/src/*.h ${source}/src/*.inc
    ${source}/src/*.cmake ${source}/include/*.h)
  list(FILTER ${out} EXCLUDE REGEX "_test\\.c$")
  list(FILTER ${out} EXCLUDE REGEX "^src/cli/")
  list(APPEND ${out} CMakeLists.txt cmake/dependencies.cmake)
  list(SORT ${out})
endmacro()

if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  tgl_code_files(files ${SOURCE})
  set(lines "")
  foreach(file IN LISTS files)
    file(SHA256 ${SOURCE}/${file} sum)
    string(APPEND lines "${sum}  ${file}\n")
  endforeach()
  string(SHA256 sum "${lines}")
  # unchanged code leaves the header as it is, so that nothing is built again
  file(CONFIGURE OUTPUT ${OUT} CONTENT "#define TGL_CODE_DIGEST \"sha256:${sum}\"\n")
  return()
endif()

set(TGL_CODE_HEADER ${CMAKE_BINARY_DIR}/generated/code_digest.h)
tgl_code_files(TGL_CODE_FILES ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS)
string(MD5 TGL_CODE_LIST "${TGL_CODE_FILES}") # in the command, so that a file that went is noticed too
list(TRANSFORM TGL_CODE_FILES PREPEND ${CMAKE_SOURCE_DIR}/)
add_custom_command(OUTPUT ${TGL_CODE_HEADER}
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUT=${TGL_CODE_HEADER} -DFILES=${TGL_CODE_LIST}
    -P ${CMAKE_CURRENT_LIST_FILE}
  DEPENDS ${TGL_CODE_FILES} ${CMAKE_CURRENT_LIST_FILE} COMMENT "Digest of the code" VERBATIM)
add_custom_target(tgl_code_digest DEPENDS ${TGL_CODE_HEADER})
# Compiled into this object alone: a change elsewhere rebuilds one file more.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/base/version.c PROPERTIES
  INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/generated OBJECT_DEPENDS ${TGL_CODE_HEADER})
