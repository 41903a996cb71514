/* One basket's payload under every layout: the first bytes choose the layout and the
 * header's fields, the rest is data, then offsets. */
#include "base/memory.h"
#include "data/root/root.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 10, MAX_ENTRY = 4096 };

/* data[0] shape and coding, [1] width, [2] header, [3] numbers per item, [4..5] entries,
 * [6..7] border, [8] offsets stored, [9] key size. */
static tgl_root_layout layout_of(const uint8_t *data)
{
    static const uint8_t widths[] = {1, 2, 4, 8}, headers[] = {0, 1, 6, 10};
    tgl_root_layout layout = {.shape = (tgl_root_shape)(data[0] % 3),
                              .coding = (tgl_root_coding)(data[0] / 3 % 5),
                              .width = widths[data[1] % 4],
                              .header = headers[data[2] % 4],
                              .n_number = 1 + data[3] % 7u,
                              .dtype = TGL_F64,
                              .step = 12};
    layout.long_text = data[1] >> 7;
    if (layout.coding == TGL_ROOT_FLOAT_UP || layout.coding == TGL_ROOT_SCALED ||
        layout.coding == TGL_ROOT_BITS)
        layout.width = 4;
    if (layout.coding == TGL_ROOT_CUT)
        layout.width = 3;
    return layout;
}

static void decode(const tgl_root_basket *basket, const tgl_root_piece *piece,
                   const tgl_root_layout *layout, const int64_t *counts)
{
    uint32_t *starts = tgl__malloc(((size_t)basket->n_entry + 1) * sizeof *starts);
    if (starts != NULL &&
        tgl__root_basket_starts(starts, basket, piece, layout, counts, NULL) == TGL_OK) {
        size_t item = (size_t)layout->width * layout->n_number;
        for (uint32_t i = 0; i < basket->n_entry; i++) {
            size_t n = starts[i + 1] - starts[i];
            double *out = tgl__malloc((n + 1) * sizeof *out);
            uint64_t n_bits;
            if (out != NULL && n > layout->header)
                tgl__root_numbers(out, piece->data + starts[i] + layout->header,
                                  (n - layout->header) / item * layout->n_number, layout,
                                  tgl__root_kernels());
            (void)tgl__root_bits((uint32_t *)(void *)out, &n_bits,
                                 piece->data + starts[i], n);
            tgl__free(out);
        }
    }
    tgl__free(starts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    tgl_root_layout layout = layout_of(data);
    tgl_root_basket basket = {.n_entry = tgl__be16(data + 4) % MAX_ENTRY,
                              .border = tgl__be16(data + 6),
                              .key_size = data[9]};
    const uint8_t *body = data + HEAD;
    size_t n = size - HEAD;
    if (basket.border > n)
        basket.border = (uint32_t)n;
    tgl_root_piece piece = {.data = body};
    if (data[8] & 1) {
        piece.offsets = body + basket.border;
        piece.n_offset = (uint32_t)((n - basket.border) / 4);
    }
    int64_t *counts = tgl__calloc(MAX_ENTRY, sizeof *counts);
    for (uint32_t i = 0; counts != NULL && i < basket.n_entry; i++)
        counts[i] = n == 0 ? 0 : (int64_t)(body[i % n] & 3);
    if (n > 0)
        decode(&basket, &piece, &layout, data[8] & 2 ? counts : NULL);
    tgl__free(counts);
    return 0;
}
