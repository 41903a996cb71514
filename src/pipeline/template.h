/* Project templates, carried inside the library (room.cmake writes the table). */
#ifndef TGL_PIPELINE_TEMPLATE_H
#define TGL_PIPELINE_TEMPLATE_H

#include <stddef.h>

typedef struct tgl_template_file {
    const char *template_name, *path;
    const unsigned char *bytes;
    size_t size;
} tgl_template_file;

extern const tgl_template_file tgl__template_files[];
extern const size_t tgl__n_template_file;

#endif
