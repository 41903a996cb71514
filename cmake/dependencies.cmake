# What each library is for stands in docs/dependencies.md.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TGL_PKG REQUIRED IMPORTED_TARGET
  jansson yaml-0.1 libcrypto libxxhash libdeflate libzstd liblz4 liblzma sqlite3)
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)
add_library(tgl_dependencies INTERFACE)
target_link_libraries(tgl_dependencies INTERFACE PkgConfig::TGL_PKG Threads::Threads m ${CMAKE_DL_LIBS} ${HDF5_C_LIBRARIES})
target_include_directories(tgl_dependencies SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
