/* Which baskets hold the rows of a column. */
#include "base/error.h"
#include "data/root/root_job.h"

typedef tgl_root_job job;
typedef tgl_root_span span;

tgl_status tgl__root_in_context(const tgl_root_job *j, const tgl_root_span *s,
                                tgl_status status, tgl_error *err)
{
    if (status == TGL_OK || status == TGL_ENOMEM || status == TGL_ECANCELLED)
        return status;
    if (err != NULL && err->offset == TGL_NO_OFFSET && s->basket.at != 0)
        err->offset = s->basket.at;
    return tgl__fail_context(
        err, status, "%s: branch '%s', rows from %llu", j->reader->file.name,
        j->reader->columns.fields[j->which[s->column]].name, (unsigned long long)s->row);
}

static uint64_t array_at(tgl_root_array a, uint32_t i)
{
    if (i >= a.n)
        return 0;
    const uint8_t *p = a.bytes + (size_t)i * a.width;
    return a.width == 8 ? tgl__be64(p) : a.width == 4 ? tgl__be32(p) : 0;
}

static tgl_status add_span(tgl_root_spans *plan, const span *s, tgl_error *err)
{
    if (plan->n == plan->capacity) {
        size_t capacity = plan->capacity == 0 ? 4 : plan->capacity * 2;
        span *more = tgl__realloc(plan->items, capacity, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        plan->items = more;
        plan->capacity = capacity;
    }
    plan->items[plan->n++] = *s;
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
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
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
    return add_span(&j->plans[s->column], s, err);
}

tgl_status tgl__root_plan_column(tgl_root_job *j, size_t column, tgl_error *err)
{
    const tgl_root_branch *b = tgl__root_layout_of(j, column)->branch;
    tgl_root_spans *plan = &j->plans[column];
    uint32_t n = b->n_basket < 0 ? 0 : (uint32_t)b->n_basket;
    if (n > b->basket_seek.n)
        n = b->basket_seek.n;
    if (b->baskets.n > 0 && b->baskets.places[b->baskets.n - 1] + 1 > n)
        n = b->baskets.places[b->baskets.n - 1] + 1;
    uint64_t covered = j->begin, packed = 0;
    span s = {.column = (uint32_t)column};
    for (uint32_t i = 0; i < n; i++) {
        size_t before = plan->n;
        s.row = i < b->basket_entry.n && (int64_t)i <= (int64_t)b->n_basket
                    ? array_at(b->basket_entry, i)
                    : covered;
        tgl_status status = plan_basket(j, &s, i, err);
        if (status != TGL_OK)
            return tgl__root_in_context(j, &s, status, err);
        if (plan->n == before)
            continue;
        const span *added = &plan->items[before];
        if (added->row + added->from != covered)
            return tgl__root_in_context(
                j, &s,
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
        return tgl__root_in_context(j, &s,
                                    tgl__fail(err, TGL_EFORMAT,
                                              "baskets end at row %llu of "
                                              "%llu",
                                              (unsigned long long)covered,
                                              (unsigned long long)j->end),
                                    err);
    }
    return TGL_OK;
}

bool tgl__root_needs_counts(const tgl_root_job *j, const tgl_root_span *s)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, s->column);
    if (layout->shape != TGL_ROOT_JAGGED || layout->header == TGL_ROOT_VECTOR_HEADER)
        return false;
    return s->basket.at != 0 ? s->basket.border == s->basket.object_size
                             : s->basket.offsets == NULL;
}
