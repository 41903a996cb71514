# Beside the command: bindings, examples and benches, one folder each with its own CMakeLists.txt.
file(GLOB TGL_PROGRAM_DIRS CONFIGURE_DEPENDS bindings/*/CMakeLists.txt examples/*/CMakeLists.txt bench/CMakeLists.txt bench/*/CMakeLists.txt)
foreach(file_name IN LISTS TGL_PROGRAM_DIRS)
  get_filename_component(dir ${file_name} DIRECTORY)
  add_subdirectory(${dir})
endforeach()
