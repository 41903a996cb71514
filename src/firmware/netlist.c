#include "firmware/netlist.h"

#include <string.h>

#include "base/error.h"

static const tgl_wide LIMIT = (tgl_wide)1 << 126;

bool tgl__node_signed(const tgl__node *node)
{
    return node->lo < 0;
}

uint32_t tgl__node_width(const tgl__node *node)
{
    tgl_wide m = node->lo < 0 ? -(node->lo + 1) : 0;
    m = node->hi > m ? node->hi : m;
    uint32_t n = node->lo < 0 ? 1 : 0;
    for (; m > 0; m >>= 1)
        n++;
    return n ? n : 1;
}

bool tgl__node_constant(const tgl__netlist *n, uint32_t node)
{
    return n->nodes[node].kind == TGL__NODE_CONST;
}

static uint32_t log2_ceil(uint64_t n)
{
    uint32_t bits = 0;
    while (bits < 63 && (UINT64_C(1) << bits) < n)
        bits++;
    return bits;
}

static uint32_t quant_delay(const tgl__netlist *n, const tgl__node *node)
{
    const tgl__node *a = &n->nodes[tgl__arg(n, node, 0)];
    uint32_t delay = node->drop > 0 && node->round != TGL_TRN ? 2 : 0;
    bool clamps = node->overflow != TGL_WRAP;
    (void)a;
    return delay + (clamps ? 2 : 0);
}

/* Half of an adder level each: a LUT with its net; an adder is two. */
uint32_t tgl__node_delay(const tgl__netlist *n, const tgl__node *node)
{
    switch (node->kind) {
    case TGL__NODE_INPUT:
    case TGL__NODE_CONST:
    case TGL__NODE_SLOT:
    case TGL__NODE_SHL:
    case TGL__NODE_NOT:
        return 0;
    case TGL__NODE_ADD:
    case TGL__NODE_NEG:
    case TGL__NODE_COMPARE:
        return 2;
    case TGL__NODE_MIN:
    case TGL__NODE_MAX: /* against zero it is the sign bit */
        return tgl__node_constant(n, tgl__arg(n, node, 1)) ? 1 : 3;
    case TGL__NODE_MUL:
        return 6;
    case TGL__NODE_QUANT:
        return quant_delay(n, node);
    case TGL__NODE_PICK:
        return (log2_ceil(node->n_arg) + 1) / 2;
    case TGL__NODE_TABLE: {
        uint32_t bits = log2_ceil(tgl_program_table(n->program, node->ref)->count);
        return bits <= 6 ? 1 : 1 + (bits - 5) / 2;
    }
    case TGL__NODE_SHIFT_VALUE: {
        const tgl__node *by = &n->nodes[tgl__arg(n, node, 1)];
        return 1 + log2_ceil((uint64_t)(by->hi - by->lo + 1)) / 2;
    }
    default:
        return 1; /* select and bitwise */
    }
}

static tgl_status grow(void **array, uint32_t *capacity, uint32_t need, size_t size,
                       tgl_error *err)
{
    if (need <= *capacity)
        return TGL_OK;
    uint32_t wanted = *capacity ? *capacity : 256;
    while (wanted < need)
        wanted *= 2;
    void *grown = tgl__realloc(*array, wanted, size);
    if (!grown)
        return tgl__fail_nomem(err);
    *array = grown;
    *capacity = wanted;
    return TGL_OK;
}

static tgl_status append_node(tgl__netlist *n, uint32_t *id, const tgl__node *node,
                              const uint32_t *args, uint32_t n_arg, tgl_error *err)
{
    if (n->n_node >= 1u << 26 || n->n_arg >= (1u << 28) - n_arg)
        return tgl__fail(err, TGL_ELIMIT, "program '%s': too many hardware nodes",
                         tgl_program_name(n->program));
    TGL_TRY(grow((void **)&n->nodes, &n->cap_node, n->n_node + 1, sizeof *n->nodes, err));
    TGL_TRY(grow((void **)&n->args, &n->cap_arg, n->n_arg + n_arg, sizeof *n->args, err));
    tgl__node copy = *node;
    copy.first_arg = n->n_arg;
    copy.n_arg = n_arg;
    copy.op = n->op;
    copy.value = TGL_NONE;
    copy.serial = n->serial++;
    copy.time = 0;
    if (n_arg)
        memcpy(n->args + n->n_arg, args, n_arg * sizeof *args);
    n->n_arg += n_arg;
    for (uint32_t i = 0; i < n_arg; i++)
        if (n->nodes[args[i]].time > copy.time)
            copy.time = n->nodes[args[i]].time;
    n->nodes[n->n_node] = copy;
    n->nodes[n->n_node].time += tgl__node_delay(n, &n->nodes[n->n_node]);
    *id = n->n_node++;
    return TGL_OK;
}

tgl_status tgl__add_const(tgl__netlist *n, uint32_t *id, tgl_wide code, tgl_error *err)
{
    if (code > INT64_MAX || code < INT64_MIN)
        return tgl__fail(err, TGL_EUNSUPPORTED, "program '%s': a constant beyond 64 bits",
                         tgl_program_name(n->program));
    tgl__node node = {
        .kind = TGL__NODE_CONST, .imm = (int64_t)code, .lo = code, .hi = code};
    return append_node(n, id, &node, NULL, 0, err);
}

tgl_status tgl__add_node(tgl__netlist *n, uint32_t *id, const tgl__node *node,
                         const uint32_t *args, uint32_t n_arg, tgl_error *err)
{
    if (node->lo < -LIMIT || node->hi > LIMIT)
        return tgl__fail(err, TGL_ELIMIT,
                         "program '%s': an intermediate result beyond 126 bits",
                         tgl_program_name(n->program));
    if (node->lo == node->hi && node->kind != TGL__NODE_INPUT &&
        node->kind != TGL__NODE_SLOT && node->lo >= INT64_MIN && node->lo <= INT64_MAX)
        return tgl__add_const(n, id, node->lo, err);
    return append_node(n, id, node, args, n_arg, err);
}

/* Bounds of ±(node << shift); false beyond 126 bits. */
static bool summand_range(tgl_wide *lo, tgl_wide *hi, const tgl__netlist *n,
                          tgl__summand t)
{
    const tgl__node *a = &n->nodes[t.node];
    if (t.shift > 125 || a->lo < -(LIMIT >> t.shift) || a->hi > (LIMIT >> t.shift))
        return false;
    tgl_wide x = tgl__wide_shl(a->lo, t.shift), y = tgl__wide_shl(a->hi, t.shift);
    *lo = t.negate ? -y : x;
    *hi = t.negate ? -x : y;
    return true;
}

static tgl_status too_wide(const tgl__netlist *n, tgl_error *err)
{
    return tgl__fail(err, TGL_ELIMIT, "program '%s': a sum beyond 126 bits",
                     tgl_program_name(n->program));
}

tgl_status tgl__add_term(tgl__netlist *n, uint32_t *id, tgl__summand term, tgl_error *err)
{
    if (term.shift == 0 && !term.negate) {
        *id = term.node;
        return TGL_OK;
    }
    tgl__node node = {.kind = term.negate ? TGL__NODE_NEG : TGL__NODE_SHL,
                      .shift_a = (uint16_t)term.shift};
    if (!summand_range(&node.lo, &node.hi, n, term))
        return too_wide(n, err);
    return tgl__add_node(n, id, &node, &term.node, 1, err);
}

static tgl_status add_pair(tgl__netlist *n, tgl__summand *sum, tgl__summand a,
                           tgl__summand b, tgl_error *err)
{
    bool both = a.negate && b.negate;
    if (both)
        a.negate = b.negate = false;
    if (a.negate) {
        tgl__summand swap = a;
        a = b;
        b = swap;
    }
    uint32_t low = a.shift < b.shift ? a.shift : b.shift;
    a.shift -= low;
    b.shift -= low;
    tgl__node node = {.kind = TGL__NODE_ADD,
                      .shift_a = (uint16_t)a.shift,
                      .shift_b = (uint16_t)b.shift,
                      .negate_b = b.negate};
    tgl_wide alo, ahi, blo, bhi;
    if (!summand_range(&alo, &ahi, n, a) || !summand_range(&blo, &bhi, n, b))
        return too_wide(n, err);
    node.lo = alo + blo;
    node.hi = ahi + bhi;
    uint32_t args[2] = {a.node, b.node};
    *sum = (tgl__summand){0, low, both};
    return tgl__add_node(n, &sum->node, &node, args, 2, err);
}

/* Constants last (they join where there is room), then early, then narrow terms. */
static bool sooner(const tgl__netlist *n, tgl__summand x, tgl__summand y)
{
    const tgl__node *a = &n->nodes[x.node], *b = &n->nodes[y.node];
    if (a->time != b->time)
        return a->time < b->time;
    uint32_t wa = tgl__node_width(a) + x.shift, wb = tgl__node_width(b) + y.shift;
    return wa != wb ? wa < wb : x.node < y.node;
}

static void insert_sorted(const tgl__netlist *n, tgl__summand *terms, uint32_t *count,
                          tgl__summand t)
{
    uint32_t at = (*count)++;
    for (; at > 0 && sooner(n, t, terms[at - 1]); at--)
        terms[at] = terms[at - 1];
    terms[at] = t;
}

tgl_status tgl__add_sum(tgl__netlist *n, uint32_t *id, tgl__summand *terms,
                        uint32_t n_term, tgl_error *err)
{
    if (n_term == 0)
        return tgl__add_const(n, id, 0, err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < n_term; i++)
        insert_sorted(n, terms, &count, terms[i]);
    while (count > 1) {
        tgl__summand sum;
        TGL_TRY(add_pair(n, &sum, terms[0], terms[1], err));
        count -= 2;
        memmove(terms, terms + 2, count * sizeof *terms);
        insert_sorted(n, terms, &count, sum);
    }
    return tgl__add_term(n, id, terms[0], err);
}

/* Rounded bounds on the target's grid before overflow, exact within ±(2^62 - 1); beyond
 * that only "beyond" is known. */
static void rounded_bounds(tgl_interval *out, const tgl_interval *interval,
                           const tgl_quant *quant)
{
    tgl_quant probe = {{1, TGL_MAX_WIDTH, quant->type.frac}, quant->round, TGL_SAT};
    out->frac = quant->type.frac;
    out->lo = tgl__quantise_wide(interval->lo, interval->frac, &probe);
    out->hi = tgl__quantise_wide(interval->hi, interval->frac, &probe);
    if (out->lo == tgl_type_min(probe.type))
        out->lo = -LIMIT;
    if (out->hi == tgl_type_max(probe.type))
        out->hi = LIMIT;
}

bool tgl__conversion_loses(const tgl_interval *interval, const tgl_quant *quant,
                           bool *drops)
{
    tgl_interval r;
    rounded_bounds(&r, interval, quant);
    *drops = interval->frac > quant->type.frac;
    int64_t lo = tgl_type_min(quant->type), hi = tgl_type_max(quant->type);
    if (quant->overflow == TGL_SAT_SYM && quant->type.is_signed)
        lo = -hi;
    return *drops || r.lo < lo || r.hi > hi;
}

/* Bits of a dropped beyond its width say no more than its sign; raising by more than 64
 * leaves any type. */
static int clamp_drop(int drop, uint32_t width)
{
    int most = (int)width + 2;
    return drop > most ? most : drop < -64 ? -64 : drop;
}

/* Zeros shifted in from below need no rounding: look through them. */
static tgl_status unshift(tgl__netlist *n, uint32_t *node, int *frac, tgl_error *err)
{
    tgl__node a = n->nodes[*node];
    if ((a.kind != TGL__NODE_SHL && a.kind != TGL__NODE_NEG) || a.shift_a == 0)
        return TGL_OK;
    tgl__summand term = {tgl__arg(n, &a, 0), 0, a.kind == TGL__NODE_NEG};
    *frac -= a.shift_a;
    return tgl__add_term(n, node, term, err);
}

tgl_status tgl__add_quant(tgl__netlist *n, uint32_t *id, uint32_t node, int frac,
                          const tgl_quant *quant, tgl_error *err)
{
    if (frac > quant->type.frac)
        TGL_TRY(unshift(n, &node, &frac, err));
    tgl__node a = n->nodes[node];
    tgl_interval in = {a.lo, a.hi, frac};
    bool drops;
    if (a.lo == 0 && a.hi == 0)
        return tgl__add_const(n, id, 0, err);
    if (!tgl__conversion_loses(&in, quant, &drops)) {
        tgl__summand term = {node, (uint32_t)(quant->type.frac - frac), false};
        return tgl__add_term(n, id, term, err);
    }
    tgl_interval out = tgl__interval_quantise(&in, quant);
    tgl_interval rounded;
    rounded_bounds(&rounded, &in, quant);
    tgl__node q = {.kind = TGL__NODE_QUANT,
                   .round = quant->round,
                   .overflow = quant->overflow,
                   .type = quant->type,
                   .drop = clamp_drop(frac - quant->type.frac, tgl__node_width(&a)),
                   .lo = out.lo,
                   .hi = out.hi};
    int64_t lo = tgl_type_min(quant->type), hi = tgl_type_max(quant->type);
    if (quant->overflow == TGL_SAT_SYM && quant->type.is_signed)
        lo = -hi;
    if (rounded.lo >= lo && rounded.hi <= hi)
        q.overflow = TGL_WRAP; /* proven idle: no clamp in hardware */
    return tgl__add_node(n, id, &q, &node, 1, err);
}

void tgl__netlist_clear(tgl__netlist *netlist)
{
    tgl__free(netlist->nodes);
    tgl__free(netlist->args);
    tgl__free(netlist->value_node);
    tgl__free(netlist->uses);
    memset(netlist, 0, sizeof *netlist);
}
