/* Reading rows: which baskets hold them, how many values each brings, then every basket
 * unpacked and decoded straight into its place, several at a time. */
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "data/root/root.h"

enum { VECTOR_HEADER = 10, STRING_HEADER = 6, REPORT_EVERY = 64 };

/* One basket's share of one column. */
typedef struct span {
    tgl_root_basket basket;
    uint32_t column;
    uint64_t row;          /* of the basket's first entry */
    uint32_t from, to;     /* entries wanted */
    uint64_t value;        /* where its items (bytes of text) go … */
    uint64_t n_value;      /* … and how many they are */
    bool early;            /* must be opened to know n_value */
    const int64_t *counts; /* of each of the basket's entries, where it needs them */
    tgl_root_piece piece;  /* early spans only */
    uint8_t *held;         /* what `piece` points into, when it is our copy */
} span;

/* Items per entry of a count branch, for rows [begin, end). */
typedef struct counts {
    const tgl_root_branch *branch;
    uint64_t begin, end;
    int64_t *values;
} counts;

typedef struct output {
    int64_t *offsets;
    uint8_t *values;
    uint64_t n_value;
} output;

typedef struct worker {
    tgl_root_codec codec;
    uint32_t *starts;
    size_t capacity;
} worker;

typedef struct job {
    tgl_root_reader *reader;
    const size_t *which;
    size_t n_column;
    uint64_t begin, end;
    span *spans;
    size_t n_span, span_capacity;
    output *outputs;
    counts *counts;
    size_t n_counts;
    worker *workers;
    size_t n_worker;
    size_t *early; /* spans to open first */
    size_t n_early;
    const tgl_progress *progress;
    atomic_size_t done;
} job;

static tgl_status read_rows(job *j, tgl_error *err);

static const tgl_root_layout *layout_of(const job *j, const span *s)
{
    return &j->reader->columns.layouts[j->which[s->column]];
}

static size_t memory_width(const job *j, size_t column)
{
    return tgl_dtype_size(j->reader->columns.fields[j->which[column]].dtype);
}

/* "branch 'x', basket at byte 17: " in front of what went wrong. */
static tgl_status in_context(const job *j, const span *s, tgl_status status,
                             tgl_error *err)
{
    if (status == TGL_OK || status == TGL_ENOMEM || status == TGL_ECANCELLED)
        return status;
    if (err != NULL && err->offset == TGL_NO_OFFSET && s->basket.at != 0)
        err->offset = s->basket.at;
    return tgl__fail_context(
        err, status, "%s: branch '%s', rows from %llu", j->reader->file.name,
        j->reader->columns.fields[j->which[s->column]].name, (unsigned long long)s->row);
}

/* ---- which baskets ------------------------------------------------------- */

static uint64_t array_at(tgl_root_array a, uint32_t i)
{
    if (i >= a.n)
        return 0;
    const uint8_t *p = a.bytes + (size_t)i * a.width;
    return a.width == 8 ? tgl__be64(p) : a.width == 4 ? tgl__be32(p) : 0;
}

static tgl_status add_span(job *j, const span *s, tgl_error *err)
{
    if (j->n_span == j->span_capacity) {
        size_t capacity = j->span_capacity == 0 ? 256 : j->span_capacity * 2;
        span *more = tgl__realloc(j->spans, capacity, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        j->spans = more;
        j->span_capacity = capacity;
    }
    j->spans[j->n_span++] = *s;
    return TGL_OK;
}

static const tgl_root_basket *embedded_at(const tgl_root_branch *b, uint32_t place)
{
    for (uint32_t i = 0; i < b->baskets.n; i++)
        if (b->baskets.places[i] == place && b->baskets.items[i]->kind == TGL_ROOT_BASKET)
            return (const tgl_root_basket *)b->baskets.items[i];
    return NULL;
}

/* Row behind basket i: where the next one starts, or the branch's end. */
static uint64_t row_behind(const tgl_root_branch *b, uint32_t i)
{
    if ((int64_t)i < (int64_t)b->n_basket && i + 1 < b->basket_entry.n) {
        uint64_t next = array_at(b->basket_entry, i + 1);
        if (next != 0)
            return next;
    }
    return b->n_entry;
}

static tgl_status check_size(const tgl_root_layout *layout, const tgl_root_basket *basket,
                             span *s, tgl_error *err)
{
    uint64_t n = basket->n_entry;
    if (layout->shape == TGL_ROOT_FIXED) {
        if (basket->border != n * layout->stride)
            return tgl__fail(err, TGL_EFORMAT,
                             "basket of %llu entries holds %u bytes, expected %llu",
                             (unsigned long long)n, basket->border,
                             (unsigned long long)(n * layout->stride));
        s->n_value = s->to - s->from;
        return TGL_OK;
    }
    s->early = layout->shape == TGL_ROOT_STRING || s->from != 0 || s->to != n;
    if (layout->coding == TGL_ROOT_BITS)
        s->early = true;
    if (layout->shape == TGL_ROOT_STRING || layout->coding == TGL_ROOT_BITS)
        return TGL_OK;
    uint64_t heads = n * layout->header,
             item = (uint64_t)layout->width * layout->n_number;
    if (basket->border < heads || (basket->border - heads) % item != 0)
        return tgl__fail(err, TGL_EFORMAT,
                         "basket of %llu entries holds %u bytes, not a whole number of "
                         "%llu-byte items",
                         (unsigned long long)n, basket->border, (unsigned long long)item);
    s->n_value = (basket->border - heads) / item;
    return TGL_OK;
}

static tgl_status plan_basket(job *j, span *s, uint32_t i, tgl_error *err)
{
    const tgl_root_layout *layout = layout_of(j, s);
    const tgl_root_branch *b = layout->branch;
    uint64_t behind = row_behind(b, i);
    uint64_t at = (int64_t)i < (int64_t)b->n_basket ? array_at(b->basket_seek, i) : 0;
    if (at != 0 && (behind <= j->begin || s->row >= j->end))
        return TGL_OK; /* outside: not even its key is read */
    const tgl_root_basket *embedded = at == 0 ? embedded_at(b, i) : NULL;
    if (at != 0)
        TGL_TRY(tgl__root_basket_at(&s->basket, &j->reader->file, at, err));
    else if (embedded != NULL)
        s->basket = *embedded;
    else
        return TGL_OK;
    uint64_t n = s->basket.n_entry;
    if (at != 0 && s->row + n != behind)
        return tgl__fail(err, TGL_EFORMAT,
                         "basket %u holds %llu entries, the branch says %llu", i,
                         (unsigned long long)n, (unsigned long long)(behind - s->row));
    if (n == 0 || s->row + n <= j->begin || s->row >= j->end)
        return TGL_OK;
    s->from = s->row < j->begin ? (uint32_t)(j->begin - s->row) : 0;
    s->to = s->row + n > j->end ? (uint32_t)(j->end - s->row) : (uint32_t)n;
    TGL_TRY(check_size(layout, &s->basket, s, err));
    return add_span(j, s, err);
}

static tgl_status plan_column(job *j, size_t column, tgl_error *err)
{
    const tgl_root_layout *layout = &j->reader->columns.layouts[j->which[column]];
    const tgl_root_branch *b = layout->branch;
    uint32_t n = b->n_basket < 0 ? 0 : (uint32_t)b->n_basket;
    if (n > b->basket_seek.n)
        n = b->basket_seek.n;
    if (b->baskets.n > 0 && b->baskets.places[b->baskets.n - 1] + 1 > n)
        n = b->baskets.places[b->baskets.n - 1] + 1;
    uint64_t covered = j->begin, packed = 0;
    span s = {.column = (uint32_t)column};
    for (uint32_t i = 0; i < n; i++) {
        size_t before = j->n_span;
        s.row = i < b->basket_entry.n && (int64_t)i <= (int64_t)b->n_basket
                    ? array_at(b->basket_entry, i)
                    : covered;
        tgl_status status = plan_basket(j, &s, i, err);
        if (status != TGL_OK)
            return in_context(j, &s, status, err);
        if (j->n_span == before)
            continue;
        const span *added = &j->spans[before];
        if (added->row + added->from != covered)
            return in_context(j, &s,
                              tgl__fail(err, TGL_EFORMAT,
                                        "baskets leave rows %llu "
                                        "to %llu out",
                                        (unsigned long long)covered,
                                        (unsigned long long)(added->row + added->from)),
                              err);
        covered = added->row + added->to;
        packed += added->basket.packed_size;
    }
    if (covered != j->end || packed > j->reader->file.size) {
        s.basket.at = 0;
        return in_context(j, &s,
                          tgl__fail(err, TGL_EFORMAT,
                                    "baskets end at row %llu of "
                                    "%llu",
                                    (unsigned long long)covered,
                                    (unsigned long long)j->end),
                          err);
    }
    return TGL_OK;
}

/* ---- counts where baskets store no offsets ------------------------------- */

static bool needs_counts(const tgl_root_layout *layout, const span *s)
{
    if (layout->shape != TGL_ROOT_JAGGED || layout->header == VECTOR_HEADER)
        return false;
    return s->basket.at != 0 ? s->basket.border == s->basket.object_size
                             : s->basket.offsets == NULL;
}

static tgl_status column_of_count(size_t *out, const job *j,
                                  const tgl_root_branch *branch, tgl_error *err)
{
    const tgl_root_columns *columns = &j->reader->columns;
    for (size_t i = 0; branch != NULL && i < columns->n; i++)
        if (columns->layouts[i].branch == branch && columns->fields[i].refusal == NULL &&
            columns->layouts[i].shape == TGL_ROOT_FIXED &&
            columns->layouts[i].n_number == 1 && columns->fields[i].dtype != TGL_F32 &&
            columns->fields[i].dtype != TGL_F64) {
            *out = i;
            return TGL_OK;
        }
    return tgl__fail(err, TGL_EUNSUPPORTED,
                     "its baskets store no offsets and the branch "
                     "with the counts is not readable");
}

static int64_t integer_at(const uint8_t *p, tgl_dtype dtype, uint64_t i)
{
    tgl_column c = {.dtype = dtype, .n_row = i + 1, .n_value = i + 1, .values = p};
    return tgl_column_int(&c, i);
}

static tgl_status load_counts(counts *c, job *j, tgl_error *err)
{
    size_t column;
    TGL_TRY(column_of_count(&column, j, c->branch, err));
    job inner = {.reader = j->reader,
                 .which = &column,
                 .n_column = 1,
                 .begin = c->begin,
                 .end = c->end};
    output out = {0};
    inner.outputs = &out;
    tgl_status status = read_rows(&inner, err);
    uint64_t n = c->end - c->begin;
    if (status == TGL_OK) {
        c->values = tgl__malloc((size_t)(n + 1) * sizeof *c->values);
        if (c->values == NULL)
            status = tgl__fail_nomem(err);
        for (uint64_t i = 0; i < n && status == TGL_OK; i++)
            c->values[i] =
                integer_at(out.values, j->reader->columns.fields[column].dtype, i);
    }
    tgl__free(out.values);
    return status;
}

static counts *counts_for(job *j, const tgl_root_branch *branch)
{
    for (size_t i = 0; i < j->n_counts; i++)
        if (j->counts[i].branch == branch)
            return &j->counts[i];
    return NULL;
}

static tgl_status note_counts(job *j, const span *s, tgl_error *err)
{
    const tgl_root_branch *branch = layout_of(j, s)->count;
    counts *c = counts_for(j, branch);
    uint64_t end = s->row + s->basket.n_entry;
    if (c == NULL) {
        counts *more = tgl__realloc(j->counts, j->n_counts + 1, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        j->counts = more;
        c = &j->counts[j->n_counts++];
        *c = (counts){branch, s->row, end, NULL};
    }
    c->begin = s->row < c->begin ? s->row : c->begin;
    c->end = end > c->end ? end : c->end;
    return TGL_OK;
}

static tgl_status get_counts(job *j, tgl_error *err)
{
    for (size_t i = 0; i < j->n_span; i++)
        if (needs_counts(layout_of(j, &j->spans[i]), &j->spans[i]))
            TGL_TRY(note_counts(j, &j->spans[i], err));
    if (j->n_counts == 0)
        return TGL_OK;
    for (size_t i = 0; i < j->n_span; i++) {
        span *s = &j->spans[i];
        if (!needs_counts(layout_of(j, s), s))
            continue;
        counts *c = counts_for(j, layout_of(j, s)->count);
        if (c->values == NULL) {
            tgl_status status = load_counts(c, j, err);
            if (status != TGL_OK)
                return in_context(j, s, status, err);
        }
        s->counts = c->values + (s->row - c->begin);
    }
    return TGL_OK;
}

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

static tgl_status open_span(job *j, span *s, worker *w, tgl_error *err)
{
    const tgl_root_layout *layout = layout_of(j, s);
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

static tgl_status open_work(void *context, size_t index, size_t worker_index,
                            tgl_error *err)
{
    job *j = context;
    span *s = &j->spans[j->early[index]];
    return in_context(j, s, open_span(j, s, &j->workers[worker_index], err), err);
}

static tgl_status open_early(job *j, tgl_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_span; i++)
        n += j->spans[i].early;
    if (n == 0)
        return TGL_OK;
    j->early = tgl__malloc(n * sizeof *j->early);
    if (j->early == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < j->n_span; i++)
        if (j->spans[i].early)
            j->early[j->n_early++] = i;
    return tgl__parallel(j->n_early, j->n_worker, open_work, j, err);
}

/* ---- decoding ------------------------------------------------------------ */

static void decode_fixed(const job *j, const span *s, const tgl_root_piece *piece)
{
    const tgl_root_layout *layout = layout_of(j, s);
    size_t bytes = memory_width(j, s->column) * layout->n_number;
    uint8_t *out = j->outputs[s->column].values + s->value * bytes;
    const uint8_t *in = piece->data + (size_t)s->from * layout->stride;
    if (layout->stride == (uint64_t)layout->width * layout->n_number) {
        tgl__root_numbers(out, in, (size_t)s->n_value * layout->n_number, layout);
        return;
    }
    in += layout->skip;
    for (uint64_t i = 0; i < s->n_value; i++, in += layout->stride, out += bytes)
        tgl__root_numbers(out, in, layout->n_number, layout);
}

static tgl_status decode_jagged(const job *j, const span *s, const tgl_root_piece *piece,
                                const uint32_t *starts, tgl_error *err)
{
    const tgl_root_layout *layout = layout_of(j, s);
    const output *o = &j->outputs[s->column];
    size_t bytes = memory_width(j, s->column) * layout->n_number;
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
                              (size_t)n * layout->n_number, layout);
        total += n;
        *++offsets = (int64_t)(s->value + total);
    }
    if (total != s->n_value)
        return tgl__fail(err, TGL_EFORMAT, "entries hold %llu items, expected %llu",
                         (unsigned long long)total, (unsigned long long)s->n_value);
    if (header == 0)
        tgl__root_numbers(out, piece->data + starts[s->from],
                          (size_t)total * layout->n_number, layout);
    return TGL_OK;
}

static void decode_text(const job *j, const span *s, const uint32_t *starts)
{
    const tgl_root_layout *layout = layout_of(j, s);
    const output *o = &j->outputs[s->column];
    int64_t *offsets = o->offsets + (s->row + s->from - j->begin);
    uint64_t at = s->value;
    for (uint32_t i = s->from; i < s->to; i++) {
        const uint8_t *text;
        uint32_t n;
        if (text_of(&text, &n, s->piece.data + starts[i], s->piece.data + starts[i + 1],
                    layout) &&
            n > 0)
            memcpy(o->values + at, text, n);
        at += n;
        *++offsets = (int64_t)at;
    }
}

static void decode_bits(const job *j, const span *s, const uint32_t *starts)
{
    const output *o = &j->outputs[s->column];
    int64_t *offsets = o->offsets + (s->row + s->from - j->begin);
    uint64_t at = s->value, n;
    for (uint32_t i = s->from; i < s->to; i++) {
        (void)tgl__root_bits((uint32_t *)(void *)o->values + at, &n,
                             s->piece.data + starts[i], starts[i + 1] - starts[i]);
        at += n;
        *++offsets = (int64_t)at;
    }
}

static tgl_status decode_span(job *j, span *s, worker *w, tgl_error *err)
{
    const tgl_root_layout *layout = layout_of(j, s);
    tgl_root_piece piece = s->piece;
    if (!s->early)
        TGL_TRY(
            tgl__root_basket_open(&piece, &s->basket, &w->codec, &j->reader->file, err));
    if (layout->shape == TGL_ROOT_FIXED) {
        if (piece.data != NULL)
            decode_fixed(j, s, &piece);
        return TGL_OK;
    }
    uint32_t *starts;
    TGL_TRY(starts_of(&starts, w, s, &piece, layout, err));
    if (layout->shape == TGL_ROOT_STRING) {
        decode_text(j, s, starts);
        return TGL_OK;
    }
    if (layout->coding == TGL_ROOT_BITS) {
        decode_bits(j, s, starts);
        return TGL_OK;
    }
    return decode_jagged(j, s, &piece, starts, err);
}

static tgl_status decode_work(void *context, size_t index, size_t worker_index,
                              tgl_error *err)
{
    job *j = context;
    span *s = &j->spans[index];
    tgl_status status = decode_span(j, s, &j->workers[worker_index], err);
    tgl__free(s->held);
    s->held = NULL;
    size_t done = atomic_fetch_add(&j->done, 1) + 1;
    if (status == TGL_OK && worker_index == 0 && done % REPORT_EVERY == 0)
        return tgl__progress(j->progress, "reading", done, j->n_span, err);
    return in_context(j, s, status, err);
}

/* ---- the whole ----------------------------------------------------------- */

/* Spans stand column by column, in row order. */
static tgl_status place_values(job *j, tgl_error *err)
{
    for (size_t i = 0; i < j->n_span; i++) {
        span *s = &j->spans[i];
        output *o = &j->outputs[s->column];
        s->value = o->n_value;
        if (__builtin_add_overflow(o->n_value, s->n_value, &o->n_value))
            return tgl__fail(err, TGL_EFORMAT, "more values than can be counted");
    }
    uint64_t n_row = j->end - j->begin;
    for (size_t i = 0; i < j->n_column; i++) {
        const tgl_root_layout *layout = &j->reader->columns.layouts[j->which[i]];
        output *o = &j->outputs[i];
        size_t n;
        if (!tgl__mul_size(&n, (size_t)o->n_value, layout->n_number))
            return tgl__fail_nomem(err);
        o->values = tgl__aligned(n, memory_width(j, i));
        if (layout->shape != TGL_ROOT_FIXED)
            o->offsets = tgl__aligned((size_t)n_row + 1, sizeof *o->offsets);
        if (o->values == NULL || (layout->shape != TGL_ROOT_FIXED && o->offsets == NULL))
            return tgl__fail_nomem(err);
        if (o->offsets != NULL)
            o->offsets[0] = 0;
    }
    return TGL_OK;
}

static void job_release(job *j)
{
    for (size_t i = 0; i < j->n_span; i++)
        tgl__free(j->spans[i].held);
    for (size_t i = 0; i < j->n_counts; i++)
        tgl__free(j->counts[i].values);
    for (size_t i = 0; i < j->n_worker && j->workers != NULL; i++) {
        tgl__root_codec_release(&j->workers[i].codec);
        tgl__free(j->workers[i].starts);
    }
    tgl__free(j->spans);
    tgl__free(j->counts);
    tgl__free(j->workers);
    tgl__free(j->early);
}

/* Fills j->outputs; on failure what was allocated there is the caller's to free. */
static tgl_status read_rows(job *j, tgl_error *err)
{
    tgl_status status = TGL_OK;
    j->n_worker = tgl__thread_count(j->reader->n_thread);
    j->workers = tgl__calloc(j->n_worker, sizeof *j->workers);
    if (j->workers == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < j->n_column; i++)
        TGL_TRY_GOTO(plan_column(j, i, err));
    TGL_TRY_GOTO(get_counts(j, err));
    TGL_TRY_GOTO(open_early(j, err));
    TGL_TRY_GOTO(place_values(j, err));
    TGL_TRY_GOTO(tgl__parallel(j->n_span, j->n_worker, decode_work, j, err));
    status = tgl__progress(j->progress, "reading", j->n_span, j->n_span, err);
out:
    job_release(j);
    return status;
}

static tgl_status give_column(job *j, size_t i, tgl_table *table, tgl_error *err)
{
    const tgl_field *field = &j->reader->columns.fields[j->which[i]];
    const tgl_root_layout *layout = &j->reader->columns.layouts[j->which[i]];
    tgl_column column = {.name = field->name,
                         .dtype = field->dtype,
                         .is_jagged = field->is_jagged,
                         .n_dim = field->n_dim,
                         .n_row = j->end - j->begin,
                         .n_value = j->outputs[i].n_value * layout->n_number,
                         .offsets = j->outputs[i].offsets,
                         .values = j->outputs[i].values};
    memcpy(column.dim, field->dim, sizeof column.dim);
    j->outputs[i] = (output){0};
    return tgl_table_take_column(table, &column, err);
}

tgl_status tgl__root_read(tgl_reader *base, tgl_table *table, const size_t *which,
                          size_t n, uint64_t begin, uint64_t end,
                          const tgl_progress *progress, tgl_error *err)
{
    job j = {.reader = (tgl_root_reader *)base,
             .which = which,
             .n_column = n,
             .begin = begin,
             .end = end,
             .progress = progress};
    j.outputs = tgl__calloc(n, sizeof *j.outputs);
    if (j.outputs == NULL)
        return tgl__fail_nomem(err);
    output *outputs = j.outputs;
    tgl_status status = read_rows(&j, err);
    for (size_t i = 0; i < n && status == TGL_OK; i++)
        status = give_column(&j, i, table, err);
    for (size_t i = 0; i < n; i++) {
        tgl__free(outputs[i].offsets);
        tgl__free(outputs[i].values);
    }
    tgl__free(outputs);
    return status;
}
