/* Allocation (every one of the library's goes through here, so that tests can fail the
 * n-th), checked sizes, and an arena for everything that lives as long as one file, graph
 * or request. */
#ifndef TGL_BASE_MEMORY_H
#define TGL_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trigline/base.h>

void *tgl__malloc(size_t size); /* NULL when out of memory; never for size 0 */
void *tgl__calloc(size_t count,
                  size_t size); /* zeroed; overflow of count*size gives NULL */
void *tgl__realloc(void *memory, size_t count,
                   size_t size); /* the old block stays on failure */
/* Room for element n of the array that `array` points to (a T **), which has *capacity of
 * them: twice as many where they are used up. False: no memory, nothing changed. */
bool tgl__grow(void *array, uint32_t n, uint32_t *capacity, size_t size);
char *tgl__strdup(const char *text);
char *tgl__strndup(const char *text, size_t n);
void tgl__free(void *memory);
/* 64-byte aligned, for arrays that vector units read, not zeroed; large ones get huge
 * pages. Release with tgl__free. */
void *tgl__aligned(size_t count, size_t size);

/* Tests only: let `n` more allocations succeed, then fail every one; negative: never
 * fail. */
void tgl__alloc_fail_after(long n);

static inline bool tgl__mul_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool tgl__add_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_add_overflow(a, b, out);
}

typedef struct tgl_arena {
    struct tgl_arena_block *blocks;
    size_t used; /* bytes handed out in all, for limits */
} tgl_arena;

#define TGL_ARENA_INIT                                                                   \
    {                                                                                    \
        NULL, 0                                                                          \
    }
void *tgl__arena_alloc(tgl_arena *arena, size_t count,
                       size_t size); /* zeroed, 16-byte aligned */
char *tgl__arena_strdup(tgl_arena *arena, const char *text);
char *tgl__arena_strndup(tgl_arena *arena, const char *text, size_t n);
char *tgl__arena_printf(tgl_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tgl__arena_release(tgl_arena *arena); /* accepts an empty or released arena */

#endif
