#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "data/root/root_kernels.h"

enum { MOST = 300, ROOM = 8 * MOST + 64, GUARD = 0x5A };

static uint64_t random_bits(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = *state ^ *state >> 29;
    return x * UINT64_C(0x9E3779B97F4A7C15) >> 8;
}

/* The slow references: byte by byte, entry by entry. */
static void swap_reference(uint8_t *out, const uint8_t *in, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            out[i * width + k] = in[i * width + width - 1 - k];
}

static uint32_t position(const uint8_t *positions, size_t i)
{
    const uint8_t *p = positions + 4 * i;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool offsets_reference(int64_t *out, const uint8_t *positions, uint32_t n,
                              uint32_t end, unsigned shift, int64_t base)
{
    for (uint32_t i = 0; i < n; i++) {
        int64_t at = position(positions, i);
        int64_t next = i + 1 < n ? position(positions, i + 1) : end;
        int64_t way = next - position(positions, 0);
        if (next < at || way % (1 << shift) != 0)
            return false;
        out[i] = base + way / (1 << shift);
    }
    return true;
}

static void check_swaps(const tgl_root_kernels *k, size_t n, size_t shift_in,
                        uint64_t *seed)
{
    static uint8_t in[ROOM], out[ROOM], expected[ROOM];
    void (*const swaps[])(uint8_t *, const uint8_t *, size_t) = {k->swap2, k->swap4,
                                                                 k->swap8};
    void (*const turns[])(uint8_t *, size_t) = {k->turn2, k->turn4, k->turn8};
    for (size_t i = 0; i < ROOM; i++)
        in[i] = (uint8_t)random_bits(seed);
    for (int w = 0; w < 3; w++) {
        size_t width = (size_t)2 << w;
        memset(out, GUARD, ROOM);
        memset(expected, GUARD, ROOM);
        swap_reference(expected + 3, in + shift_in, n, width);
        swaps[w](out + 3, in + shift_in, n);
        assert_memory_equal(out, expected, ROOM);
        memset(out, GUARD, ROOM);
        memcpy(out + 3, in + shift_in, n * width);
        turns[w](out + 3, n);
        assert_memory_equal(out, expected, ROOM);
    }
}

/* `n` entries of random lengths in items of 2^shift bytes from `first`; answers the end.
 */
static uint32_t make_positions(uint8_t *positions, uint32_t n, uint32_t first,
                               unsigned shift, uint64_t *seed)
{
    for (uint32_t i = 0; i < n; i++) {
        for (int k = 0; k < 4; k++)
            positions[4 * i + (uint32_t)k] = (uint8_t)(first >> (24 - 8 * k));
        first += (uint32_t)(random_bits(seed) % 4) << shift;
    }
    return first;
}

static void check_offsets(const tgl_root_kernels *k, uint32_t n, unsigned shift,
                          uint64_t *seed)
{
    static uint8_t positions[4 * MOST + 1];
    static int64_t out[MOST + 1], expected[MOST + 1];
    uint32_t end = make_positions(positions + 1, n, 77, shift, seed);
    out[n] = expected[n] = -1;
    assert_true(offsets_reference(expected, positions + 1, n, end, shift, 1000));
    assert_true(k->offsets(out, positions + 1, n, end, shift, 1000));
    assert_memory_equal(out, expected, (n + 1) * sizeof *out);
    int64_t with_first[MOST + 1] = {1000};
    memcpy(with_first + 1, expected, n * sizeof *expected);
    uint32_t item = 1u << shift;
    assert_true(k->agree(with_first, positions + 1, n, 77, item));
    for (int trial = 0; n > 0 && trial < 8; trial++) { /* one position spoilt */
        uint8_t *byte = positions + 1 + random_bits(seed) % (4 * (uint64_t)n);
        uint8_t flip = (uint8_t)(1u << random_bits(seed) % 8);
        *byte ^= flip;
        assert_int_equal(k->offsets(out, positions + 1, n, end, shift, 0),
                         offsets_reference(expected, positions + 1, n, end, shift, 0));
        assert_false(k->agree(with_first, positions + 1, n, 77, item));
        *byte ^= flip;
    }
    if (n > 0)
        assert_false(k->offsets(out, positions + 1, n, 76, shift, 0));
}

static void every_set_gives_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 11;
    int n_set = 0;
    for (int isa = 0; isa < TGL_ROOT_N_ISA; isa++) {
        const tgl_root_kernels *k = tgl__root_kernels_of((tgl_root_isa)isa);
        if (k == NULL) {
            printf("this machine lacks instruction set %d\n", isa);
            continue;
        }
        n_set++;
        for (uint32_t n = 0; n < MOST; n += n < 70 ? 1 : 23) {
            check_swaps(k, n, n % 17, &seed);
            for (unsigned shift = 0; shift < 4; shift++)
                check_offsets(k, n, shift, &seed);
        }
        printf("%s: equal\n", k->name);
    }
    assert_true(n_set >= 1);
    assert_non_null(tgl__root_kernels());
}

/* Items that are no power of two, and offsets beyond 32 bits. */
static void agreement_of_any_item(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int isa = 0; isa < TGL_ROOT_N_ISA; isa++) {
        const tgl_root_kernels *k = tgl__root_kernels_of((tgl_root_isa)isa);
        int64_t items[100];
        uint8_t positions[400];
        for (uint32_t item = 1; k != NULL && item < 40; item++) {
            items[0] = INT64_C(1) << 33;
            for (int i = 1; i < 100; i++)
                items[i] = items[i - 1] + (int64_t)(random_bits(&seed) % 9);
            for (int i = 0; i < 100; i++) {
                uint32_t at = 50 + (uint32_t)(items[i] - items[0]) * item;
                for (int b = 0; b < 4; b++)
                    positions[4 * i + b] = (uint8_t)(at >> (24 - 8 * b));
            }
            assert_true(k->agree(items, positions, 100, 50, item));
            items[60]++;
            assert_false(k->agree(items, positions, 100, 50, item));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_gives_the_reference),
        cmocka_unit_test(agreement_of_any_item),
    };
    return cmocka_run_group_tests_name("root_kernels", tests, NULL, NULL);
}
