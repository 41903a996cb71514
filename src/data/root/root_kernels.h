/* The loops over whole baskets: one text (root_kernels.inc) compiled for each instruction
 * set, chosen at run time. Every set gives the same bytes. */
#ifndef TGL_DATA_ROOT_KERNELS_H
#define TGL_DATA_ROOT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tgl_root_kernels {
    const char *name;
    /* `n` big-endian numbers of 2, 4 or 8 bytes to this machine's order; no overlap. */
    void (*swap2)(uint8_t *out, const uint8_t *in, size_t n);
    void (*swap4)(uint8_t *out, const uint8_t *in, size_t n);
    void (*swap8)(uint8_t *out, const uint8_t *in, size_t n);
    /* The same where they lie. */
    void (*turn2)(uint8_t *bytes, size_t n);
    void (*turn4)(uint8_t *bytes, size_t n);
    void (*turn8)(uint8_t *bytes, size_t n);
    /* Item offsets of n entries from the positions a basket stores (n big-endian numbers,
     * `end` behind the last): out[i] = base + (position of entry i + 1 - the first's) /
     * 2^shift. False, with out unspecified, when positions descend or are no multiples.
     */
    bool (*offsets)(int64_t *out, const uint8_t *positions, uint32_t n, uint32_t end,
                    unsigned shift, int64_t base);
    /* Do n stored positions say what `offsets` (n) say: positions[i] = first +
     * (offsets[i] - offsets[0]) * item, modulo 2^32? */
    bool (*agree)(const int64_t *offsets, const uint8_t *positions, uint32_t n,
                  uint32_t first, uint32_t item);
} tgl_root_kernels;

typedef enum tgl_root_isa {
    TGL_ROOT_BASELINE = 0,
    TGL_ROOT_AVX2 = 1,
    TGL_ROOT_AVX512 = 2,
    TGL_ROOT_N_ISA = 3
} tgl_root_isa;

/* NULL where this machine lacks the set. */
const tgl_root_kernels *tgl__root_kernels_of(tgl_root_isa isa);
/* The best of this machine. */
const tgl_root_kernels *tgl__root_kernels(void);

extern const tgl_root_kernels tgl__root_kernels_baseline, tgl__root_kernels_avx2,
    tgl__root_kernels_avx512;

#endif
