/* Greedy elimination of common two-term sums, across rows. Every pair of terms of every
 * row is counted under (a, b, shift of b against a, signs differ); the pair with the best
 * weight becomes an operand, is replaced wherever it stands, and only the counts of the
 * touched terms change. The heap is lazy: an entry is believed only if its weight is
 * still true. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "lower/cmvm/network.h"

typedef struct pair_count {
    uint64_t key; /* 0: free */
    uint32_t count;
    bool banned;
} pair_count;

typedef struct heap_entry {
    uint64_t weight, key;
} heap_entry;

typedef struct eliminator {
    cmvm_network *net;
    cmvm_row *rows;
    uint32_t n_row, max_depth;
    pair_count *slots; /* open addressing, a power of two */
    size_t n_slot, n_used;
    heap_entry *heap;
    size_t n_heap, heap_capacity;
    bool failed; /* memory */
} eliminator;

/* a | b | shift + 128 | differ, and a top bit so that no key is 0 */
static uint64_t pair_key(const cmvm_term *s, const cmvm_term *t)
{
    if (s->operand > t->operand || (s->operand == t->operand && s->shift > t->shift)) {
        const cmvm_term *swap = s;
        s = t;
        t = swap;
    }
    return UINT64_C(1) << 63 | (uint64_t)s->operand << 36 | (uint64_t)t->operand << 9 |
           (uint64_t)(t->shift - s->shift + 128) << 1 | (s->negate != t->negate);
}
static uint32_t key_a(uint64_t key)
{
    return (uint32_t)(key >> 36) & 0x7ffffff;
}
static uint32_t key_b(uint64_t key)
{
    return (uint32_t)(key >> 9) & 0x7ffffff;
}
static int key_shift(uint64_t key)
{
    return (int)(key >> 1 & 255) - 128;
}

static size_t slot_of(const eliminator *e, uint64_t key)
{
    uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(h >> 20) & (e->n_slot - 1);
    while (e->slots[i].key != 0 && e->slots[i].key != key)
        i = (i + 1) & (e->n_slot - 1);
    return i;
}

static void rehash(eliminator *e)
{
    pair_count *old = e->slots;
    size_t n_old = e->n_slot;
    pair_count *slots = tgl__calloc(2 * n_old, sizeof *slots);
    if (!slots) {
        e->failed = true;
        return;
    }
    e->slots = slots;
    e->n_slot = 2 * n_old;
    e->n_used = 0;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].key != 0 && (old[i].count != 0 || old[i].banned)) {
            e->slots[slot_of(e, old[i].key)] = old[i];
            e->n_used++;
        }
    tgl__free(old);
}

static uint32_t width(const cmvm_operand *x)
{
    tgl_wide m = x->lo < 0 ? -(x->lo + 1) : 0;
    m = x->hi > m ? x->hi : m;
    uint32_t n = x->lo < 0 ? 1 : 0;
    for (; m > 0; m >>= 1)
        n++;
    return n;
}

/* What a pair saves: adders, each counted with the bits on which both terms overlap. */
static uint64_t weight_of(const eliminator *e, uint64_t key, uint32_t count)
{
    const cmvm_operand *a = &e->net->operands[key_a(key)];
    const cmvm_operand *b = &e->net->operands[key_b(key)];
    int shift = key_shift(key), wa = (int)width(a), wb = (int)width(b) + shift;
    int overlap = (wa < wb ? wa : wb) - (shift > 0 ? shift : 0);
    return (uint64_t)(count - 1) * (uint64_t)(overlap > 1 ? overlap : 1);
}

static bool higher(const heap_entry *x, const heap_entry *y)
{
    return x->weight != y->weight ? x->weight > y->weight : x->key < y->key;
}

static void heap_push(eliminator *e, heap_entry entry)
{
    if (e->n_heap == e->heap_capacity) {
        size_t capacity = e->heap_capacity ? 2 * e->heap_capacity : 1024;
        heap_entry *heap = tgl__realloc(e->heap, capacity, sizeof *heap);
        if (!heap) {
            e->failed = true;
            return;
        }
        e->heap = heap;
        e->heap_capacity = capacity;
    }
    size_t i = e->n_heap++;
    while (i > 0 && higher(&entry, &e->heap[(i - 1) / 2])) {
        e->heap[i] = e->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    e->heap[i] = entry;
}

static heap_entry heap_pop(eliminator *e)
{
    heap_entry top = e->heap[0], last = e->heap[--e->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= e->n_heap)
            break;
        if (child + 1 < e->n_heap && higher(&e->heap[child + 1], &e->heap[child]))
            child++;
        if (!higher(&e->heap[child], &last))
            break;
        e->heap[i] = e->heap[child];
        i = child;
    }
    e->heap[i] = last;
    return top;
}

static void count_pair(eliminator *e, const cmvm_term *s, const cmvm_term *t, int by,
                       bool push)
{
    uint64_t key = pair_key(s, t);
    pair_count *p = &e->slots[slot_of(e, key)];
    if (p->key == 0) {
        p->key = key;
        e->n_used++;
    }
    p->count = (uint32_t)((int64_t)p->count + by);
    if (push && by > 0 && p->count >= 2 && !p->banned)
        heap_push(e, (heap_entry){weight_of(e, key, p->count), key});
    if (2 * e->n_used > e->n_slot)
        rehash(e);
}

static void remove_term(eliminator *e, cmvm_row *row, uint32_t index)
{
    cmvm_term t = row->terms[index];
    row->terms[index] = row->terms[--row->n];
    for (uint32_t i = 0; i < row->n && !e->failed; i++)
        count_pair(e, &t, &row->terms[i], -1, false);
}

static void insert_term(eliminator *e, cmvm_row *row, cmvm_term t)
{
    for (uint32_t i = 0; i < row->n && !e->failed; i++)
        count_pair(e, &t, &row->terms[i], 1, true);
    row->terms[row->n++] = t; /* two were removed: there is room */
}

/* Would the row still fit the depth limit with terms i and j replaced by an operand? */
static bool depth_allows(const eliminator *e, const cmvm_row *row, uint32_t i, uint32_t j,
                         uint32_t depth)
{
    if (e->max_depth >= 63)
        return true;
    uint64_t sum = UINT64_C(1) << depth; /* Kraft's inequality on the adder tree */
    for (uint32_t k = 0; k < row->n; k++)
        if (k != i && k != j)
            sum += UINT64_C(1) << e->net->operands[row->terms[k].operand].depth;
    return sum <= UINT64_C(1) << e->max_depth;
}

/* Replace every non-overlapping occurrence of `key` in one row by operand `c`. */
static uint32_t replace_in_row(eliminator *e, cmvm_row *row, uint64_t key, uint32_t c)
{
    uint32_t a = key_a(key), b = key_b(key), replaced = 0;
    int shift = key_shift(key);
    bool differ = key & 1;
    for (uint32_t i = 0; i < row->n; i++) {
        cmvm_term s = row->terms[i];
        if (s.operand != a)
            continue;
        for (uint32_t j = 0; j < row->n; j++) {
            cmvm_term t = row->terms[j];
            if (j == i || t.operand != b || t.shift != s.shift + shift ||
                (s.negate != t.negate) != differ)
                continue;
            if (!depth_allows(e, row, i, j, e->net->operands[c].depth))
                break;
            remove_term(e, row, i > j ? i : j);
            remove_term(e, row, i > j ? j : i);
            int16_t low = shift < 0 ? t.shift : s.shift;
            insert_term(e, row, (cmvm_term){c, low, s.negate});
            replaced++;
            i = UINT32_MAX; /* the row changed: look again from its start */
            break;
        }
        if (e->failed)
            break;
    }
    return replaced;
}

static tgl_status take_pair(eliminator *e, uint64_t key, tgl_error *err)
{
    int shift = key_shift(key);
    tgl_cmvm_step step = {key_a(key),
                          key_b(key),
                          (uint8_t)(shift < 0 ? -shift : 0),
                          (uint8_t)(shift > 0 ? shift : 0),
                          0,
                          key & 1};
    uint32_t c, replaced = 0;
    uint64_t cost = e->net->cost;
    TGL_TRY(cmvm_network_step(e->net, &c, &step, err));
    for (uint32_t r = 0; r < e->n_row && !e->failed; r++)
        replaced += replace_in_row(e, &e->rows[r], key, c);
    if (replaced == 0) { /* the depth limit forbids it everywhere */
        e->net->n_operand--;
        e->net->cost = cost;
        e->slots[slot_of(e, key)].banned = true;
    }
    return TGL_OK;
}

static void count_all(eliminator *e)
{
    for (uint32_t r = 0; r < e->n_row; r++)
        for (uint32_t i = 0; i < e->rows[r].n; i++)
            for (uint32_t j = 0; j < i && !e->failed; j++)
                count_pair(e, &e->rows[r].terms[i], &e->rows[r].terms[j], 1, false);
    for (size_t i = 0; i < e->n_slot && !e->failed; i++)
        if (e->slots[i].key != 0 && e->slots[i].count >= 2)
            heap_push(e, (heap_entry){weight_of(e, e->slots[i].key, e->slots[i].count),
                                      e->slots[i].key});
}

tgl_status cmvm_eliminate(cmvm_network *net, cmvm_row *rows, uint32_t n_row,
                          uint32_t max_depth, tgl_error *err)
{
    eliminator e = {.net = net, .rows = rows, .n_row = n_row, .max_depth = max_depth};
    tgl_status status = TGL_OK;
    e.n_slot = 1 << 12;
    e.slots = tgl__calloc(e.n_slot, sizeof *e.slots);
    if (!e.slots)
        return tgl__fail_nomem(err);
    count_all(&e);
    while (e.n_heap > 0 && !e.failed) {
        heap_entry top = heap_pop(&e);
        const pair_count *p = &e.slots[slot_of(&e, top.key)];
        if (p->key == 0 || p->count < 2 || p->banned)
            continue;
        uint64_t weight = weight_of(&e, top.key, p->count);
        if (weight != top.weight) {
            if (weight < top.weight)
                heap_push(&e, (heap_entry){weight, top.key});
            continue;
        }
        TGL_TRY_GOTO(take_pair(&e, top.key, err));
        /* Overlapping occurrences may leave a rest that is no gain any more. */
        p = &e.slots[slot_of(&e, top.key)];
        if (p->key != 0 && p->count >= 2 && !p->banned)
            heap_push(&e, (heap_entry){weight_of(&e, top.key, p->count), top.key});
    }
    if (e.failed)
        status = tgl__fail_nomem(err);
out:
    tgl__free(e.slots);
    tgl__free(e.heap);
    return status;
}
