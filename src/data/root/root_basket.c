/* Baskets: a key, a few fields, then the entries' bytes ("data", up to the border) and,
 * for entries of varying size, where each begins. */
#include <string.h>

#include "base/error.h"
#include "data/root/root.h"

enum { FLAG_OFFSETS_GENERATED = 80, VECTOR_HEADER = 10, STRING_HEADER = 6 };

static tgl_status malformed(tgl_error *err, const char *what)
{
    return tgl__fail(err, TGL_EFORMAT, "basket: %s", what);
}

/* TBasket::Streamer's flag: 0 no buffer; 2 in last digit no offsets; above 10 the buffer
 * follows; above 40 displacements too; 80 added: offsets follow from the count. */
tgl_status tgl__root_basket_fields(tgl_root_basket *basket, tgl_root_cursor *c,
                                   bool embedded, tgl_error *err)
{
    (void)tgl__root_u16(c); /* version */
    (void)tgl__root_u32(c); /* buffer size */
    if ((int32_t)tgl__root_u32(c) < 0)
        (void)tgl__root_u8(c); /* I/O features */
    basket->n_entry = tgl__root_u32(c);
    uint32_t last = tgl__root_u32(c);
    unsigned flag = tgl__root_u8(c);
    if (c->failed || basket->n_entry > INT32_MAX || last > INT32_MAX ||
        last < basket->key_size)
        return malformed(err, "header is malformed");
    basket->border = last - basket->key_size;
    if (!embedded)
        return TGL_OK;
    bool generated = flag >= FLAG_OFFSETS_GENERATED;
    if (generated)
        flag -= FLAG_OFFSETS_GENERATED;
    if (!generated && flag != 0 && flag % 10 != 2) {
        if (basket->n_entry > 0) {
            basket->n_offset = tgl__root_u32(c);
            basket->offsets = tgl__root_take(c, (size_t)basket->n_offset * 4);
        }
        if (flag > 40)
            (void)tgl__root_take(c, (size_t)tgl__root_u32(c) * 4);
    }
    if (flag == 1 || flag > 10) {
        (void)tgl__root_take(c, basket->key_size); /* the key again */
        basket->data = tgl__root_take(c, basket->border);
    }
    if (c->failed)
        return malformed(err, "embedded basket is cut short");
    return TGL_OK;
}

tgl_status tgl__root_basket_at(tgl_root_basket *out, const tgl_root_file *file,
                               uint64_t at, tgl_error *err)
{
    tgl_root_key key;
    TGL_TRY(tgl__root_key_at(&key, file, at, err));
    *out = (tgl_root_basket){.at = at,
                             .key_size = key.key_size,
                             .object_size = key.object_size,
                             .packed_size = key.n_byte - key.key_size};
    const uint8_t *record = file->bytes + at;
    tgl_root_cursor c = {record, record + key.key_size, false};
    bool big = tgl__be16(record + 4) > 1000;
    (void)tgl__root_take(&c, big ? 34 : 26);
    for (int i = 0; i < 3; i++)
        (void)tgl__root_text(&c);
    TGL_TRY(tgl__root_basket_fields(out, &c, false, err));
    if (out->border > out->object_size)
        return tgl__fail_at(err, TGL_EFORMAT, at, "basket's data end at %u of %u bytes",
                            out->border, out->object_size);
    return TGL_OK;
}

tgl_status tgl__root_basket_open(tgl_root_piece *out, const tgl_root_basket *basket,
                                 tgl_root_codec *codec, const tgl_root_file *file,
                                 tgl_error *err)
{
    *out = (tgl_root_piece){0};
    if (basket->at == 0) {
        if (basket->data == NULL && basket->border != 0)
            return malformed(err, "embedded basket has no data");
        *out = (tgl_root_piece){basket->data, basket->offsets, basket->n_offset};
        return TGL_OK;
    }
    TGL_TRY(tgl__root_unpack(&out->data, codec, file, basket->at + basket->key_size,
                             basket->packed_size, basket->object_size, NULL, err));
    if (basket->border == basket->object_size)
        return TGL_OK;
    tgl_root_cursor c = {out->data + basket->border, out->data + basket->object_size,
                         false};
    uint32_t n = tgl__root_u32(&c);
    if (c.failed || n > tgl__root_left(&c) / 4)
        return tgl__fail_at(err, TGL_EFORMAT, basket->at,
                            "basket: %u offsets announced, room for %zu", n,
                            tgl__root_left(&c) / 4);
    if (n > 0) {
        out->n_offset = n;
        out->offsets = c.at;
    }
    return TGL_OK;
}

/* ---- where entries begin ------------------------------------------------- */

static tgl_status stored_starts(uint32_t *starts, const tgl_root_basket *basket,
                                const tgl_root_piece *piece, tgl_error *err)
{
    uint32_t n = basket->n_entry;
    if (piece->n_offset < n)
        return tgl__fail(err, TGL_EFORMAT, "basket: %u offsets for %u entries",
                         piece->n_offset, n);
    uint32_t before = 0;
    bool good = true;
    for (uint32_t i = 0; i < n; i++) { /* offsets count the key */
        uint32_t at = tgl__be32(piece->offsets + (size_t)i * 4) - basket->key_size;
        good &= at >= before && at <= basket->border;
        starts[i] = before = at;
    }
    starts[n] = basket->border;
    if (!good || (n > 0 && starts[0] != 0))
        return malformed(err, "offsets do not ascend within the data");
    return TGL_OK;
}

static tgl_status counted_starts(uint32_t *starts, const tgl_root_basket *basket,
                                 const tgl_root_layout *layout, const int64_t *counts,
                                 tgl_error *err)
{
    uint64_t item = (uint64_t)layout->width * layout->n_number, at = 0;
    for (uint32_t i = 0; i < basket->n_entry; i++) {
        starts[i] = (uint32_t)at;
        if (counts[i] < 0 || (uint64_t)counts[i] > basket->border)
            return malformed(err, "count branch holds a count that does not fit");
        at += (uint64_t)counts[i] * item + layout->header;
        if (at > basket->border)
            return malformed(err, "counts ask for more bytes than there are");
    }
    starts[basket->n_entry] = (uint32_t)at;
    if (at != basket->border)
        return tgl__fail(err, TGL_EFORMAT, "basket: counts ask for %llu bytes of %u",
                         (unsigned long long)at, basket->border);
    return TGL_OK;
}

/* Vectors and strings say their own size, so a basket without offsets can be walked. */
static tgl_status walked_starts(uint32_t *starts, const tgl_root_basket *basket,
                                const tgl_root_piece *piece,
                                const tgl_root_layout *layout, tgl_error *err)
{
    tgl_root_cursor c = {piece->data, piece->data + basket->border, false};
    for (uint32_t i = 0; i < basket->n_entry; i++) {
        starts[i] = (uint32_t)(c.at - piece->data);
        if (layout->shape == TGL_ROOT_STRING) {
            (void)tgl__root_take(&c, layout->header);
            if (layout->long_text)
                (void)tgl__root_take(&c, tgl__root_u32(&c));
            else
                (void)tgl__root_text(&c);
        } else {
            (void)tgl__root_take(&c, VECTOR_HEADER - 4);
            uint64_t n = tgl__root_u32(&c);
            uint64_t bytes = n * layout->width * layout->n_number;
            (void)tgl__root_take(&c, bytes > UINT32_MAX ? SIZE_MAX : (size_t)bytes);
        }
    }
    starts[basket->n_entry] = basket->border;
    if (c.failed || c.at != c.end)
        return malformed(err, "entries do not fill the data");
    return TGL_OK;
}

tgl_status tgl__root_basket_starts(uint32_t *starts, const tgl_root_basket *basket,
                                   const tgl_root_piece *piece,
                                   const tgl_root_layout *layout, const int64_t *counts,
                                   tgl_error *err)
{
    if (piece->offsets != NULL)
        return stored_starts(starts, basket, piece, err);
    if (layout->shape == TGL_ROOT_STRING || layout->header == VECTOR_HEADER)
        return walked_starts(starts, basket, piece, layout, err);
    if (counts == NULL)
        return malformed(err, "no offsets are stored and no branch holds the counts");
    return counted_starts(starts, basket, layout, counts, err);
}

/* ---- numbers ------------------------------------------------------------- */

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void widen_floats(double *out, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (double)float_of(tgl__be32(in + 4 * i));
}

/* TBufferFile::ReadWithFactor: low + code / step. */
static void scale_codes(void *out, const uint8_t *in, size_t n,
                        const tgl_root_layout *layout)
{
    for (size_t i = 0; i < n; i++) {
        double v = (double)tgl__be32(in + 4 * i) / layout->step + layout->low;
        if (layout->dtype == TGL_F64)
            ((double *)out)[i] = v;
        else
            ((float *)out)[i] = (float)v;
    }
}

/* TBufferFile::ReadWithNbits: exponent byte, then mantissa with its sign on top. */
static void widen_cut(void *out, const uint8_t *in, size_t n,
                      const tgl_root_layout *layout)
{
    unsigned n_bit = (unsigned)layout->step;
    for (size_t i = 0; i < n; i++) {
        uint32_t exponent = in[3 * i], mantissa = tgl__be16(in + 3 * i + 1);
        uint32_t bits = exponent << 23;
        bits |= (mantissa & ((1u << (n_bit + 1)) - 1)) << (23 - n_bit);
        float v = float_of(bits);
        if ((mantissa & (1u << (n_bit + 1))) != 0)
            v = -v;
        if (layout->dtype == TGL_F64)
            ((double *)out)[i] = (double)v;
        else
            ((float *)out)[i] = v;
    }
}

bool tgl__root_bits(uint32_t *out, uint64_t *n, const uint8_t *in, size_t size)
{
    enum { IS_REFERENCED = 1 << 4 };
    tgl_root_cursor c = {in, in + size, false};
    *n = 0;
    while (c.at < c.end) {
        uint32_t bits = tgl__root_u32(&c);
        if ((bits & IS_REFERENCED) != 0)
            (void)tgl__root_u16(&c);
        if (out != NULL && !c.failed)
            out[*n] = bits;
        ++*n;
    }
    return !c.failed;
}

void tgl__root_numbers(void *out, const uint8_t *in, size_t n,
                       const tgl_root_layout *layout, const tgl_root_kernels *kernels)
{
    switch (layout->coding) {
    case TGL_ROOT_FLOAT_UP:
        widen_floats(out, in, n);
        return;
    case TGL_ROOT_SCALED:
        scale_codes(out, in, n, layout);
        return;
    case TGL_ROOT_CUT:
        widen_cut(out, in, n, layout);
        return;
    case TGL_ROOT_PLAIN:
    case TGL_ROOT_BITS:
        break;
    }
    if (n == 0)
        return;
    if (layout->dtype == TGL_BOOL) /* any byte but 0 is true; memory holds 0 or 1 */
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)out)[i] = in[i] != 0;
    else if (layout->width == 1)
        memcpy(out, in, n);
    else if (layout->width == 2)
        kernels->swap2(out, in, n);
    else if (layout->width == 4)
        kernels->swap4(out, in, n);
    else
        kernels->swap8(out, in, n);
}
