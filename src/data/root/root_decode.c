/* One basket's share of a column: opened, then decoded into its place. */
#include <string.h>

#include "base/error.h"
#include "data/root/root_job.h"

typedef tgl_root_job job;
typedef tgl_root_span span;
typedef tgl_root_worker worker;
typedef tgl_root_output output;

enum { VECTOR_HEADER = TGL_ROOT_VECTOR_HEADER };

/* ---- opening ------------------------------------------------------------- */

static tgl_status starts_of(uint32_t **out, worker *w, const span *s,
                            const tgl_root_piece *piece, const tgl_root_layout *layout,
                            tgl_error *err)
{
    size_t n = (size_t)s->basket.n_entry + 1;
    if (w->capacity < n) {
        uint32_t *more = tgl__realloc(w->starts, n, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        w->starts = more;
        w->capacity = n;
    }
    *out = w->starts;
    return tgl__root_basket_starts(w->starts, &s->basket, piece, layout, s->counts, err);
}

/* One text: its bytes and how many, `at` and `end` from the entry's bounds. */
static bool text_of(const uint8_t **text, uint32_t *n, const uint8_t *at,
                    const uint8_t *end, const tgl_root_layout *layout)
{
    tgl_root_cursor c = {at, end, false};
    (void)tgl__root_take(&c, layout->header);
    if (layout->long_text) {
        *n = tgl__root_u32(&c);
        *text = tgl__root_take(&c, *n);
    } else {
        tgl_root_text t = tgl__root_text(&c);
        *text = (const uint8_t *)t.text;
        *n = t.size;
    }
    return !c.failed && c.at == c.end;
}

static tgl_status count_text(span *s, const uint32_t *starts,
                             const tgl_root_layout *layout, tgl_error *err)
{
    s->n_value = 0;
    for (uint32_t i = s->from; i < s->to; i++) {
        const uint8_t *text;
        uint32_t n;
        if (!text_of(&text, &n, s->piece.data + starts[i], s->piece.data + starts[i + 1],
                     layout))
            return tgl__fail(err, TGL_EFORMAT,
                             "text of entry %llu does not fill its %u "
                             "bytes",
                             (unsigned long long)(s->row + i), starts[i + 1] - starts[i]);
        s->n_value += n;
    }
    return TGL_OK;
}

static tgl_status count_bits(span *s, const uint32_t *starts, tgl_error *err)
{
    s->n_value = 0;
    for (uint32_t i = s->from; i < s->to; i++) {
        uint64_t n;
        if (!tgl__root_bits(NULL, &n, s->piece.data + starts[i],
                            starts[i + 1] - starts[i]))
            return tgl__fail(err, TGL_EFORMAT,
                             "bits of entry %llu do not fill its %u "
                             "bytes",
                             (unsigned long long)(s->row + i), starts[i + 1] - starts[i]);
        s->n_value += n;
    }
    return TGL_OK;
}

tgl_status tgl__root_open_span(tgl_root_job *j, tgl_root_span *s, tgl_root_worker *w,
                               tgl_error *err)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    TGL_TRY(
        tgl__root_basket_open(&s->piece, &s->basket, &w->codec, &j->reader->file, err));
    if (s->piece.data != NULL && s->piece.data == w->codec.bytes) {
        s->held = w->codec.bytes;
        w->codec.bytes = NULL;
        w->codec.capacity = 0;
    }
    uint32_t *starts;
    TGL_TRY(starts_of(&starts, w, s, &s->piece, layout, err));
    if (layout->shape == TGL_ROOT_STRING)
        return count_text(s, starts, layout, err);
    if (layout->coding == TGL_ROOT_BITS)
        return count_bits(s, starts, err);
    uint64_t item = (uint64_t)layout->width * layout->n_number;
    uint64_t bytes = starts[s->to] - starts[s->from];
    uint64_t heads = (uint64_t)(s->to - s->from) * layout->header;
    if (bytes < heads || (bytes - heads) % item != 0)
        return tgl__fail(err, TGL_EFORMAT, "entries are not whole numbers of items");
    s->n_value = (bytes - heads) / item;
    return TGL_OK;
}

/* ---- decoding ------------------------------------------------------------ */

static void decode_fixed(const job *j, const span *s, const tgl_root_piece *piece)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    const tgl_root_kernels *kernels = j->reader->kernels;
    size_t bytes = tgl__root_memory_width(j, s->column) * layout->n_number;
    uint8_t *out = j->outputs[s->column].values + s->value * bytes;
    const uint8_t *in = piece->data + (size_t)s->from * layout->stride;
    if (layout->stride == (uint64_t)layout->width * layout->n_number) {
        tgl__root_numbers(out, in, (size_t)s->n_value * layout->n_number, layout,
                          kernels);
        return;
    }
    in += layout->skip;
    for (uint64_t i = 0; i < s->n_value; i++, in += layout->stride, out += bytes)
        tgl__root_numbers(out, in, layout->n_number, layout, kernels);
}

/* Can the basket's object, numbers and nothing else, be unpacked where they shall lie? */
static bool fits_in_place(const job *j, const span *s)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    return layout->shape == TGL_ROOT_FIXED && layout->coding == TGL_ROOT_PLAIN &&
           layout->dtype != TGL_BOOL && s->basket.at != 0 && s->from == 0 &&
           s->to == s->basket.n_entry && s->basket.border == s->basket.object_size &&
           layout->stride == (uint64_t)layout->width * layout->n_number &&
           tgl__root_memory_width(j, s->column) == layout->width;
}

static tgl_status decode_in_place(job *j, span *s, worker *w, tgl_error *err)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    const tgl_root_basket *b = &s->basket;
    size_t n = (size_t)s->n_value * layout->n_number;
    uint8_t *out = j->outputs[s->column].values + s->value * layout->stride;
    const uint8_t *at;
    TGL_TRY(tgl__root_unpack(&at, &w->codec, &j->reader->file, b->at + b->key_size,
                             b->packed_size, b->object_size, out, err));
    if (at != out)
        tgl__root_numbers(out, at, n, layout, j->reader->kernels);
    else if (layout->width == 2)
        j->reader->kernels->turn2(out, n);
    else if (layout->width == 4)
        j->reader->kernels->turn4(out, n);
    else if (layout->width == 8)
        j->reader->kernels->turn8(out, n);
    return TGL_OK;
}

/* Entries [from, to) of a basket of plain lists lie at [begin, end) of its data, if its
 * stored positions are what they should be. */
static bool bounds_of(uint32_t *begin, uint32_t *end, const span *s,
                      const tgl_root_piece *piece)
{
    const tgl_root_basket *b = &s->basket;
    if (piece->offsets == NULL || piece->n_offset < b->n_entry || s->from == s->to)
        return false;
    uint32_t first = tgl__be32(piece->offsets + (size_t)s->from * 4);
    uint32_t last = s->to < b->n_entry ? tgl__be32(piece->offsets + (size_t)s->to * 4)
                                       : b->key_size + b->border;
    *begin = first - b->key_size;
    *end = last - b->key_size;
    return first >= b->key_size && first <= last && *end <= b->border &&
           (s->from != 0 || *begin == 0);
}

static bool lists_filled(uint64_t bytes, const span *s, const tgl_root_layout *layout)
{
    return bytes == s->n_value * layout->width * layout->n_number;
}

static void copy_lists(const job *j, const span *s, const tgl_root_piece *piece,
                       uint32_t begin)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    size_t bytes = tgl__root_memory_width(j, s->column) * layout->n_number;
    tgl__root_numbers(j->outputs[s->column].values + s->value * bytes,
                      piece->data + begin, (size_t)s->n_value * layout->n_number, layout,
                      j->reader->kernels);
}

/* A column that shares its leader's offsets: they must be what this basket stores. */
static void decode_shared(job *j, const span *s, const tgl_root_piece *piece)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    output *o = &j->outputs[s->column];
    const int64_t *offsets =
        j->outputs[o->leader].offsets + (s->row + s->from - j->begin);
    uint32_t n = s->to - s->from, item = layout->width * layout->n_number, begin, end;
    bool same = bounds_of(&begin, &end, s, piece) &&
                lists_filled(end - begin, s, layout) &&
                (uint64_t)offsets[0] == s->value &&
                (uint64_t)(offsets[n] - offsets[0]) == s->n_value &&
                j->reader->kernels->agree(offsets, piece->offsets + (size_t)s->from * 4,
                                          n, begin + s->basket.key_size, item);
    if (same)
        copy_lists(j, s, piece, begin);
    else
        atomic_store(&o->differs, true);
}

/* Plain lists whose items are 2^k bytes, offsets stored: false where it is not so, which
 * the general way below then judges. */
static bool decode_plain_lists(const job *j, const span *s, const tgl_root_piece *piece)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    uint32_t item = layout->width * layout->n_number, begin, end;
    int64_t *offsets = j->outputs[s->column].offsets + (s->row + s->from - j->begin) + 1;
    if (layout->header != 0 || (item & (item - 1)) != 0 ||
        !bounds_of(&begin, &end, s, piece) || !lists_filled(end - begin, s, layout))
        return false;
    if (!j->reader->kernels->offsets(offsets, piece->offsets + (size_t)s->from * 4,
                                     s->to - s->from, end + s->basket.key_size,
                                     (unsigned)__builtin_ctz(item), (int64_t)s->value))
        return false;
    copy_lists(j, s, piece, begin);
    return true;
}

static tgl_status decode_jagged(const job *j, const span *s, const tgl_root_piece *piece,
                                const uint32_t *starts, tgl_error *err)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    const tgl_root_kernels *kernels = j->reader->kernels;
    const output *o = &j->outputs[s->column];
    size_t bytes = tgl__root_memory_width(j, s->column) * layout->n_number;
    uint32_t item = layout->width * layout->n_number, header = layout->header;
    int64_t *offsets = o->offsets + (s->row + s->from - j->begin);
    uint8_t *out = o->values + s->value * bytes;
    uint64_t total = 0;
    for (uint32_t i = s->from; i < s->to; i++) {
        uint32_t size = starts[i + 1] - starts[i];
        uint32_t n = size < header ? 0 : (size - header) / item;
        bool good =
            size >= header && n * item == size - header && total + n <= s->n_value;
        if (good && header == VECTOR_HEADER)
            good = tgl__be32(piece->data + starts[i] + 6) == n;
        if (!good)
            return tgl__fail(err, TGL_EFORMAT,
                             "entry %llu of %u bytes is not a list of "
                             "%u-byte items",
                             (unsigned long long)(s->row + i), size, item);
        if (header != 0)
            tgl__root_numbers(out + total * bytes, piece->data + starts[i] + header,
                              (size_t)n * layout->n_number, layout, kernels);
        total += n;
        *++offsets = (int64_t)(s->value + total);
    }
    if (total != s->n_value)
        return tgl__fail(err, TGL_EFORMAT, "entries hold %llu items, expected %llu",
                         (unsigned long long)total, (unsigned long long)s->n_value);
    if (header == 0)
        tgl__root_numbers(out, piece->data + starts[s->from],
                          (size_t)total * layout->n_number, layout, kernels);
    return TGL_OK;
}

static void decode_text(const job *j, const span *s, const uint32_t *starts,
                        const tgl_root_piece *piece)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    const output *o = &j->outputs[s->column];
    int64_t *offsets = o->offsets + (s->row + s->from - j->begin);
    uint64_t at = s->value;
    for (uint32_t i = s->from; i < s->to; i++) {
        const uint8_t *text;
        uint32_t n;
        if (text_of(&text, &n, piece->data + starts[i], piece->data + starts[i + 1],
                    layout) &&
            n > 0)
            memcpy(o->values + at, text, n);
        at += n;
        *++offsets = (int64_t)at;
    }
}

static void decode_bits(const job *j, const span *s, const uint32_t *starts,
                        const tgl_root_piece *piece)
{
    const output *o = &j->outputs[s->column];
    int64_t *offsets = o->offsets + (s->row + s->from - j->begin);
    uint64_t at = s->value, n;
    for (uint32_t i = s->from; i < s->to; i++) {
        (void)tgl__root_bits((uint32_t *)(void *)o->values + at, &n,
                             piece->data + starts[i], starts[i + 1] - starts[i]);
        at += n;
        *++offsets = (int64_t)at;
    }
}

/* Entry by entry, from where each begins. */
static tgl_status decode_slowly(job *j, span *s, const tgl_root_piece *piece, worker *w,
                                tgl_error *err)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    uint32_t *starts;
    TGL_TRY(starts_of(&starts, w, s, piece, layout, err));
    if (layout->shape == TGL_ROOT_STRING) {
        decode_text(j, s, starts, piece);
        return TGL_OK;
    }
    if (layout->coding == TGL_ROOT_BITS) {
        decode_bits(j, s, starts, piece);
        return TGL_OK;
    }
    return decode_jagged(j, s, piece, starts, err);
}

tgl_status tgl__root_decode_span(tgl_root_job *j, tgl_root_span *s, tgl_root_worker *w,
                                 tgl_error *err)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    tgl_root_piece piece = s->piece;
    if (fits_in_place(j, s))
        return decode_in_place(j, s, w, err);
    bool is_shared = j->outputs[s->column].leader != s->column;
    if (is_shared && atomic_load(&j->outputs[s->column].differs))
        return TGL_OK; /* comes again */
    if (!s->early)
        TGL_TRY(
            tgl__root_basket_open(&piece, &s->basket, &w->codec, &j->reader->file, err));
    if (layout->shape == TGL_ROOT_FIXED) {
        if (piece.data != NULL)
            decode_fixed(j, s, &piece);
        return TGL_OK;
    }
    if (is_shared) {
        decode_shared(j, s, &piece);
        return TGL_OK;
    }
    if (layout->shape == TGL_ROOT_JAGGED && layout->coding != TGL_ROOT_BITS &&
        decode_plain_lists(j, s, &piece))
        return TGL_OK;
    return decode_slowly(j, s, &piece, w, err);
}
