# The project templates of `trigline init` are files of examples/templates/, carried inside the library.
set(TGL_TEMPLATE_SOURCE ${CMAKE_BINARY_DIR}/generated/pipeline_templates.c)
set(TGL_TEMPLATE_ARRAYS "")
set(TGL_TEMPLATE_ENTRIES "")
set(TGL_TEMPLATE_NUMBER 0)
foreach(template anomaly-trigger jet-tagger empty)
  foreach(name trigline.yaml README.md gitignore)
    set(path ${CMAKE_SOURCE_DIR}/examples/templates/${template}/${name})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND TGL_TEMPLATE_ARRAYS "static const unsigned char file_${TGL_TEMPLATE_NUMBER}[] = {${bytes}};\n")
    string(REPLACE "gitignore" ".gitignore" target ${name})
    string(APPEND TGL_TEMPLATE_ENTRIES "    {\"${template}\", \"${target}\", file_${TGL_TEMPLATE_NUMBER}, ${size}},\n")
    math(EXPR TGL_TEMPLATE_NUMBER "${TGL_TEMPLATE_NUMBER} + 1")
  endforeach()
endforeach()
file(CONFIGURE OUTPUT ${TGL_TEMPLATE_SOURCE} CONTENT "/* Generated from examples/templates by src/pipeline/room.cmake. */
#include \"pipeline/template.h\"

@TGL_TEMPLATE_ARRAYS@
const tgl_template_file tgl__template_files[] = {
@TGL_TEMPLATE_ENTRIES@};
const size_t tgl__n_template_file = sizeof tgl__template_files / sizeof tgl__template_files[0];
" @ONLY)
target_sources(tgl_objects PRIVATE ${TGL_TEMPLATE_SOURCE})
