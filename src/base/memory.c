#include "base/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The one mutable global of the library: the countdown of the allocation-failure tests.
 */
static atomic_long allocations_left = -1;

enum { HUGE_PAGE = 2 << 20, LARGE = 3 << 20 };

void tgl__alloc_fail_after(long n)
{
    atomic_store(&allocations_left, n);
}

static bool allocation_allowed(void)
{
    if (atomic_load_explicit(&allocations_left, memory_order_relaxed) < 0)
        return true;
    return atomic_fetch_sub(&allocations_left, 1) > 0 ||
           (atomic_store(&allocations_left, 0), false);
}

void *tgl__malloc(size_t size)
{
    if (!allocation_allowed())
        return NULL;
    return malloc(size == 0 ? 1 : size);
}

void *tgl__calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!tgl__mul_size(&bytes, count, size) || !allocation_allowed())
        return NULL;
    return calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *tgl__realloc(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (!tgl__mul_size(&bytes, count, size) || !allocation_allowed())
        return NULL;
    return realloc(memory, bytes == 0 ? 1 : bytes);
}

bool tgl__grow(void *array, uint32_t n, uint32_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    uint32_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *old;
    memcpy(&old, array, sizeof old);
    void *bigger = *capacity > UINT32_MAX / 2 ? NULL : tgl__realloc(old, wanted, size);
    if (bigger == NULL)
        return false;
    memcpy(array, &bigger, sizeof bigger);
    *capacity = wanted;
    return true;
}

/* Huge pages where the system has them: filling a column is bound by page faults
 * otherwise. A rest of half a page is not worth one. Without them, or when the advice is
 * refused, this is plain memory. */
static void *large_block(size_t bytes)
{
    size_t advised = (bytes + HUGE_PAGE / 2) / HUGE_PAGE * HUGE_PAGE;
    void *memory = NULL;
    if (posix_memalign(&memory, HUGE_PAGE, advised > bytes ? advised : bytes) != 0)
        return NULL;
#if defined(MADV_HUGEPAGE)
    (void)madvise(memory, advised, MADV_HUGEPAGE);
#endif
    return memory;
}

void *tgl__aligned(size_t count, size_t size)
{
    size_t bytes;
    if (!tgl__mul_size(&bytes, count, size) || bytes > SIZE_MAX / 2 ||
        !allocation_allowed())
        return NULL;
    bytes = (bytes + 63) & ~(size_t)63;
    if (bytes >= LARGE)
        return large_block(bytes);
    return aligned_alloc(64, bytes == 0 ? 64 : bytes);
}

void tgl__free(void *memory)
{
    free(memory);
}

void tgl_free(void *memory)
{
    tgl__free(memory);
}

char *tgl__strndup(const char *text, size_t n)
{
    char *copy = tgl__malloc(n + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *tgl__strdup(const char *text)
{
    return tgl__strndup(text, strlen(text));
}

struct tgl_arena_block {
    struct tgl_arena_block *next;
    size_t size, used;
    _Alignas(16) unsigned char bytes[];
};

enum { ARENA_BLOCK = 64 * 1024 };

void *tgl__arena_alloc(tgl_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (!tgl__mul_size(&bytes, count, size) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    struct tgl_arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < bytes) {
        size_t room = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
        block = tgl__malloc(sizeof *block + room);
        if (block == NULL)
            return NULL;
        block->size = room;
        block->used = 0;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += bytes;
    arena->used += bytes;
    return memset(memory, 0, bytes);
}

char *tgl__arena_strndup(tgl_arena *arena, const char *text, size_t n)
{
    char *copy = tgl__arena_alloc(arena, n + 1, 1);
    if (copy != NULL && n > 0) /* nothing to copy: text may be NULL */
        memcpy(copy, text, n);
    return copy;
}

char *tgl__arena_strdup(tgl_arena *arena, const char *text)
{
    return tgl__arena_strndup(arena, text, strlen(text));
}

char *tgl__arena_printf(tgl_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : tgl__arena_alloc(arena, (size_t)n + 1, 1);
    if (text != NULL)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

void tgl__arena_release(tgl_arena *arena)
{
    while (arena->blocks != NULL) {
        struct tgl_arena_block *next = arena->blocks->next;
        tgl__free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
}
