#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static bool reserve(tgl_buffer *buffer, size_t extra)
{
    size_t need;
    if (buffer->failed || !tgl__add_size(&need, buffer->size, extra) ||
        !tgl__add_size(&need, need, 1))
        return !(buffer->failed = true);
    if (need <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    char *bytes = tgl__realloc(buffer->bytes, capacity, 1);
    if (bytes == NULL)
        return !(buffer->failed = true);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

void *tgl__buffer_extend(tgl_buffer *buffer, size_t n)
{
    if (!reserve(buffer, n))
        return NULL;
    char *at = buffer->bytes + buffer->size;
    buffer->size += n;
    buffer->bytes[buffer->size] = '\0';
    return at;
}

void tgl__buffer_append(tgl_buffer *buffer, const void *bytes, size_t n)
{
    void *at = tgl__buffer_extend(buffer, n);
    if (at != NULL && n > 0)
        memcpy(at, bytes, n);
}

void tgl__buffer_text(tgl_buffer *buffer, const char *text)
{
    tgl__buffer_append(buffer, text, strlen(text));
}

void tgl__buffer_zeros(tgl_buffer *buffer, size_t n)
{
    void *at = tgl__buffer_extend(buffer, n);
    if (at != NULL)
        memset(at, 0, n);
}

void tgl__buffer_printf(tgl_buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *at = n < 0 ? NULL : tgl__buffer_extend(buffer, (size_t)n);
    if (at != NULL)
        vsnprintf(at, (size_t)n + 1, format, again);
    else
        buffer->failed = true;
    va_end(again);
}

tgl_status tgl__buffer_finish(tgl_buffer *buffer, char **out, size_t *size,
                              tgl_error *err)
{
    if (!reserve(buffer, 0)) {
        tgl__buffer_release(buffer);
        return tgl__fail_nomem(err);
    }
    buffer->bytes[buffer->size] = '\0';
    *out = buffer->bytes;
    if (size != NULL)
        *size = buffer->size;
    *buffer = (tgl_buffer)TGL_BUFFER_INIT;
    return TGL_OK;
}

void tgl__buffer_release(tgl_buffer *buffer)
{
    tgl__free(buffer->bytes);
    *buffer = (tgl_buffer)TGL_BUFFER_INIT;
}
