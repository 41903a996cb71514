/* A growable run of bytes, also used for building text. A failed growth is remembered:
 * append freely, check `failed` (or tgl__buffer_finish) once. */
#ifndef TGL_BASE_BUFFER_H
#define TGL_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trigline/base.h>

typedef struct tgl_buffer {
    char *bytes; /* zero-terminated whenever not NULL */
    size_t size, capacity;
    bool failed;
} tgl_buffer;

#define TGL_BUFFER_INIT                                                                  \
    {                                                                                    \
        NULL, 0, 0, false                                                                \
    }
void tgl__buffer_append(tgl_buffer *buffer, const void *bytes, size_t n);
void tgl__buffer_text(tgl_buffer *buffer, const char *text);
void tgl__buffer_printf(tgl_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tgl__buffer_zeros(tgl_buffer *buffer, size_t n);
/* Room for n more bytes, counted as used; NULL when out of memory. */
void *tgl__buffer_extend(tgl_buffer *buffer, size_t n);
/* Hand the zero-terminated bytes over (release with tgl__free); the buffer is empty
 * afterwards. */
tgl_status tgl__buffer_finish(tgl_buffer *buffer, char **out, size_t *size,
                              tgl_error *err);
void tgl__buffer_release(tgl_buffer *buffer);

#endif
