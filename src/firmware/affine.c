/* AFFINE as shared shifts and adds.
 *
 * A product that its conversion leaves alone is an entry of an exact matrix, which goes
 * through the shared adder network. A product that is rounded or clamped is made from
 * the input's shared constant multiples, converted, and added. Sums are trees wherever
 * the order cannot be seen (the accumulator wraps, or provably never overflows);
 * otherwise the declared order is kept from the first sum that may overflow. */
#include <string.h>
#include <trigline/lower.h>

#include "base/error.h"
#include "firmware/netlist.h"

typedef struct row_terms {
    tgl__summand *terms;
    uint32_t n;
} row_terms;

typedef struct expansion {
    tgl__netlist *n;
    const tgl_op *op;
    const tgl_affine *a;
    int64_t *exact;    /* (n_out, n_in) weights on the accumulator's grid */
    uint32_t *product; /* (n_out, n_in) nodes of converted products, or TGL_NONE */
    bool *ordered;     /* (n_out) the declared order can be seen */
    tgl__summand *terms;
    uint32_t n_term;
} expansion;

static tgl_status limit(const expansion *e, tgl_error *err)
{
    return tgl__fail(err, TGL_EUNSUPPORTED,
                     "%s: constant products beyond 62 bits on the accumulator's grid",
                     e->op->origin.layer ? e->op->origin.layer : "affine");
}

static const tgl__node *input(const expansion *e, uint32_t j)
{
    return &e->n->nodes[e->n->value_node[e->op->args[j]]];
}

static int product_frac(const expansion *e, uint32_t j)
{
    return tgl_program_value_type(e->n->program, e->op->args[j]).frac +
           e->a->weight_type.frac;
}

static tgl_interval weight_range(const expansion *e, uint32_t i, uint32_t j)
{
    if (e->a->weight_slot == TGL_NONE) {
        int64_t w = e->a->weights[(size_t)i * e->a->n_in + j];
        return (tgl_interval){w, w, 0};
    }
    const tgl_slot *slot = tgl_program_slot(e->n->program, e->a->weight_slot);
    return (tgl_interval){slot->lo, slot->hi, 0};
}

static bool product_range(tgl_interval *out, const expansion *e, uint32_t i, uint32_t j)
{
    tgl_interval x = {input(e, j)->lo, input(e, j)->hi, 0}, w = weight_range(e, i, j);
    if (!tgl__interval_mul(out, &x, &w))
        return false;
    out->frac = product_frac(e, j);
    return true;
}

/* Take whole powers of two out of a product with a constant: they may save it from
 * rounding. */
static void strip(int64_t *w, int *frac)
{
    while (*w != 0 && (*w & 1) == 0) {
        *w /= 2;
        (*frac)--;
    }
}

/* Does the converted product equal the product, at least modulo what the accumulator
 * keeps? Then its weight on the accumulator's grid is *scaled = w * 2^k. */
static bool is_exact(const expansion *e, uint32_t i, uint32_t j)
{
    const tgl_affine *a = e->a;
    tgl_interval p;
    if (a->term_exact)
        return true;
    if (!product_range(&p, e, i, j))
        return false;
    if (a->weight_slot == TGL_NONE) {
        int64_t w = a->weights[(size_t)i * a->n_in + j];
        int frac = p.frac;
        strip(&w, &frac);
        for (; p.frac > frac; p.frac--) {
            p.lo /= 2;
            p.hi /= 2;
        }
    }
    bool drops;
    if (!tgl__conversion_loses(&p, &a->term, &drops))
        return true;
    return !drops && a->term.overflow == TGL_WRAP && a->acc.overflow == TGL_WRAP &&
           a->term.type.width >= a->acc.type.width;
}

static bool scale_weight(int64_t *out, int64_t w, int frac, int target)
{
    strip(&w, &frac);
    int up = target - frac;
    if (up < 0 || up > 61 || w > (INT64_MAX >> 1 >> up) || w < -(INT64_MAX >> 1 >> up))
        return false;
    *out = (int64_t)((uint64_t)w << up);
    return true;
}

/* The range of a row's term on the accumulator's grid; false beyond 126 bits. */
static bool term_range(tgl_interval *out, const expansion *e, uint32_t i, uint32_t j)
{
    tgl_interval p;
    if (!product_range(&p, e, i, j))
        return false;
    if (e->a->term_exact) {
        *out = p;
        return tgl__interval_align(out, e->a->acc.type.frac);
    }
    *out = tgl__interval_quantise(&p, &e->a->term);
    return true;
}

static tgl_interval bias_range(const expansion *e, uint32_t i)
{
    const tgl_affine *a = e->a;
    tgl_interval b = {0, 0, a->acc.type.frac};
    if (a->bias_slot != TGL_NONE) {
        const tgl_slot *slot = tgl_program_slot(e->n->program, a->bias_slot);
        b = (tgl_interval){slot->lo, slot->hi, a->bias_type.frac};
    } else if (a->bias) { /* a point stays one, also where it wraps */
        int64_t code = tgl_quantise(a->bias[i], a->bias_type.frac, &a->acc);
        return (tgl_interval){code, code, a->acc.type.frac};
    }
    return tgl__interval_quantise(&b, &a->acc);
}

static bool may_overflow(const expansion *e, const tgl_interval *sum)
{
    bool drops;
    return tgl__conversion_loses(sum, &e->a->acc, &drops);
}

static tgl_status find_order(expansion *e, uint32_t i, tgl_error *err)
{
    const tgl_affine *a = e->a;
    if (a->acc.overflow == TGL_WRAP)
        return TGL_OK;
    tgl_interval sum = bias_range(e, i), term;
    for (uint32_t k = 0; k < a->n_in && !e->ordered[i]; k++) {
        uint32_t j = a->order ? a->order[k] : k;
        if (!term_range(&term, e, i, j) || !tgl__interval_add(&sum, &sum, &term))
            return limit(e, err);
        e->ordered[i] = may_overflow(e, &sum);
    }
    return TGL_OK;
}

/* ---- constant multiples of one input, shared ---- */

/* Nodes of w[k] * x for (n) constants through one adder network. */
static tgl_status multiples(tgl__netlist *n, uint32_t *nodes, uint32_t x,
                            const int64_t *w, uint32_t count, tgl_error *err);

/* Instantiate a solved network on nodes; outputs as summands (node TGL_NONE: zero). */
static tgl_status instantiate(tgl__netlist *n, tgl__summand *outputs,
                              const tgl_cmvm *cmvm, const uint32_t *inputs,
                              tgl_error *err)
{
    uint32_t *node = tgl__calloc((size_t)cmvm->n_in + cmvm->n_step, sizeof *node);
    if (!node)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    memcpy(node, inputs, cmvm->n_in * sizeof *node);
    for (uint32_t s = 0; s < cmvm->n_step && status == TGL_OK; s++) {
        const tgl_cmvm_step *t = &cmvm->steps[s];
        tgl__summand pair[2] = {{node[t->a], t->shift_a, t->negate_a},
                                {node[t->b], t->shift_b, t->negate_b}};
        status = tgl__add_sum(n, &node[cmvm->n_in + s], pair, 2, err);
    }
    for (uint32_t o = 0; o < cmvm->n_out && status == TGL_OK; o++) {
        const tgl_cmvm_output *y = &cmvm->outputs[o];
        outputs[o] = (tgl__summand){y->operand == TGL_NONE ? TGL_NONE : node[y->operand],
                                    y->shift, y->negate};
    }
    tgl__free(node);
    return status;
}

static tgl_status solve_on(tgl__netlist *n, tgl__summand *outputs, const int64_t *w,
                           uint32_t n_out, const uint32_t *inputs, uint32_t n_in,
                           tgl_error *err)
{
    tgl_status status = TGL_OK;
    tgl_cmvm cmvm = {0};
    int64_t *lo = tgl__calloc(n_in, sizeof *lo), *hi = tgl__calloc(n_in, sizeof *hi);
    if (!lo || !hi) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (uint32_t j = 0; j < n_in; j++) {
        lo[j] = (int64_t)n->nodes[inputs[j]].lo;
        hi[j] = (int64_t)n->nodes[inputs[j]].hi;
    }
    TGL_TRY_GOTO(tgl_cmvm_solve(&cmvm, w, n_out, n_in, lo, hi, NULL, err));
    TGL_TRY_GOTO(instantiate(n, outputs, &cmvm, inputs, err));
out:
    tgl_cmvm_clear(&cmvm);
    tgl__free(lo);
    tgl__free(hi);
    return status;
}

static tgl_status multiples(tgl__netlist *n, uint32_t *nodes, uint32_t x,
                            const int64_t *w, uint32_t count, tgl_error *err)
{
    tgl__summand *terms = tgl__calloc(count, sizeof *terms);
    if (!terms)
        return tgl__fail_nomem(err);
    tgl_status status = solve_on(n, terms, w, count, &x, 1, err);
    for (uint32_t k = 0; k < count && status == TGL_OK; k++)
        status = terms[k].node == TGL_NONE ? tgl__add_const(n, &nodes[k], 0, err)
                                           : tgl__add_term(n, &nodes[k], terms[k], err);
    tgl__free(terms);
    return status;
}

tgl_status tgl__add_multiple(tgl__netlist *n, uint32_t *id, uint32_t x, int64_t w,
                             tgl_error *err)
{
    return multiples(n, id, x, &w, 1, err);
}

/* ---- products that are converted one by one ---- */

/* The converted product of a constant weight: one node per distinct weight of an input.
 */
static tgl_status constant_products(expansion *e, uint32_t j, tgl_error *err)
{
    const tgl_affine *a = e->a;
    tgl_status status = TGL_OK;
    int64_t *w = tgl__calloc(a->n_out, sizeof *w);
    uint32_t *nodes = tgl__calloc(a->n_out, sizeof *nodes), count = 0;
    if (!w || !nodes) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (uint32_t i = 0; i < a->n_out; i++) { /* distinct weights in need */
        int64_t wij = a->weights[(size_t)i * a->n_in + j];
        uint32_t k = 0;
        if (wij == 0 || (is_exact(e, i, j) && !e->ordered[i]))
            continue;
        while (k < count && w[k] != wij)
            k++;
        if (k == count)
            w[count++] = wij;
    }
    if (count == 0)
        goto out;
    TGL_TRY_GOTO(multiples(e->n, nodes, e->n->value_node[e->op->args[j]], w, count, err));
    tgl_quant exact_term = {{1, TGL_MAX_WIDTH, a->acc.type.frac}, TGL_TRN, TGL_WRAP};
    for (uint32_t k = 0; k < count; k++)
        TGL_TRY_GOTO(tgl__add_quant(e->n, &nodes[k], nodes[k], product_frac(e, j),
                                    a->term_exact ? &exact_term : &a->term, err));
    for (uint32_t i = 0; i < a->n_out; i++)
        for (uint32_t k = 0; k < count; k++)
            if (a->weights[(size_t)i * a->n_in + j] == w[k] &&
                !(is_exact(e, i, j) && !e->ordered[i]))
                e->product[(size_t)i * a->n_in + j] = nodes[k];
out:
    tgl__free(w);
    tgl__free(nodes);
    return status;
}

static tgl_status slot_product(expansion *e, uint32_t i, uint32_t j, tgl_error *err)
{
    tgl__netlist *n = e->n;
    const tgl_affine *a = e->a;
    const tgl_slot *slot = tgl_program_slot(n->program, a->weight_slot);
    tgl__node weight = {.kind = TGL__NODE_SLOT,
                        .ref = a->weight_slot,
                        .element = i * a->n_in + j,
                        .lo = slot->lo,
                        .hi = slot->hi};
    uint32_t args[2] = {n->value_node[e->op->args[j]], 0}, id;
    TGL_TRY(tgl__add_node(n, &args[1], &weight, NULL, 0, err));
    tgl__node mul = {.kind = TGL__NODE_MUL};
    tgl_interval p;
    if (!product_range(&p, e, i, j))
        return limit(e, err);
    mul.lo = p.lo;
    mul.hi = p.hi;
    TGL_TRY(tgl__add_node(n, &id, &mul, args, 2, err));
    if (is_exact(e, i, j)) {
        tgl__summand term = {id, (uint32_t)(a->acc.type.frac - p.frac), false};
        TGL_TRY(tgl__add_term(n, &id, term, err));
    } else {
        TGL_TRY(tgl__add_quant(n, &id, id, p.frac, &a->term, err));
    }
    e->product[(size_t)i * a->n_in + j] = id;
    return TGL_OK;
}

/* Split the matrix into exact entries and converted products. */
static tgl_status split(expansion *e, tgl_error *err)
{
    const tgl_affine *a = e->a;
    for (size_t k = 0; k < (size_t)a->n_out * a->n_in; k++)
        e->product[k] = TGL_NONE;
    for (uint32_t i = 0; i < a->n_out; i++)
        TGL_TRY(find_order(e, i, err));
    for (uint32_t j = 0; j < a->n_in; j++) {
        if (a->weight_slot != TGL_NONE) {
            for (uint32_t i = 0; i < a->n_out; i++)
                TGL_TRY(slot_product(e, i, j, err));
            continue;
        }
        TGL_TRY(constant_products(e, j, err));
        for (uint32_t i = 0; i < a->n_out; i++) {
            size_t at = (size_t)i * a->n_in + j;
            if (e->product[at] == TGL_NONE && a->weights[at] != 0 &&
                !scale_weight(&e->exact[at], a->weights[at], product_frac(e, j),
                              a->acc.type.frac))
                return limit(e, err);
        }
    }
    return TGL_OK;
}

/* ---- rows ---- */

static tgl_status bias_node(expansion *e, uint32_t *id, uint32_t i, tgl_error *err)
{
    const tgl_affine *a = e->a;
    if (a->bias_slot == TGL_NONE)
        return tgl__add_const(e->n, id, bias_range(e, i).lo, err);
    const tgl_slot *slot = tgl_program_slot(e->n->program, a->bias_slot);
    tgl__node node = {.kind = TGL__NODE_SLOT,
                      .ref = a->bias_slot,
                      .element = i,
                      .lo = slot->lo,
                      .hi = slot->hi};
    TGL_TRY(tgl__add_node(e->n, id, &node, NULL, 0, err));
    return tgl__add_quant(e->n, id, *id, a->bias_type.frac, &a->acc, err);
}

static void add_summand(expansion *e, uint32_t node, uint32_t shift, bool negate)
{
    if (node != TGL_NONE &&
        !(tgl__node_constant(e->n, node) && e->n->nodes[node].imm == 0))
        e->terms[e->n_term++] = (tgl__summand){node, shift, negate};
}

static tgl_status finish(expansion *e, uint32_t *id, tgl_error *err)
{
    TGL_TRY(tgl__add_sum(e->n, id, e->terms, e->n_term, err));
    e->n_term = 0;
    return tgl__add_quant(e->n, id, *id, e->a->acc.type.frac, &e->a->acc, err);
}

static tgl_status free_row(expansion *e, uint32_t *id, uint32_t i,
                           const tgl__summand *exact, tgl_error *err)
{
    const tgl_affine *a = e->a;
    e->n_term = 0;
    add_summand(e, *id, 0, false); /* the bias */
    if (exact)
        add_summand(e, exact->node, exact->shift, exact->negate);
    for (uint32_t j = 0; j < a->n_in; j++)
        add_summand(e, e->product[(size_t)i * a->n_in + j], 0, false);
    return finish(e, id, err);
}

/* In declared order: terms gather in a tree until their sum may overflow; from there on
 * each sum is converted. */
static tgl_status ordered_row(expansion *e, uint32_t *id, uint32_t i, tgl_error *err)
{
    const tgl_affine *a = e->a;
    tgl_interval sum = bias_range(e, i);
    e->n_term = 0;
    add_summand(e, *id, 0, false);
    for (uint32_t k = 0; k < a->n_in; k++) {
        uint32_t j = a->order ? a->order[k] : k;
        uint32_t node = e->product[(size_t)i * a->n_in + j];
        if (node == TGL_NONE)
            continue;
        const tgl__node *p = &e->n->nodes[node];
        tgl_interval term = {p->lo, p->hi, a->acc.type.frac};
        add_summand(e, node, 0, false);
        if (!tgl__interval_add(&sum, &sum, &term))
            return limit(e, err);
        if (!may_overflow(e, &sum))
            continue;
        TGL_TRY(finish(e, id, err));
        sum = tgl__interval_quantise(&sum, &a->acc);
        add_summand(e, *id, 0, false);
    }
    return finish(e, id, err);
}

static tgl_status rows(expansion *e, tgl_error *err)
{
    const tgl_affine *a = e->a;
    tgl_status status = TGL_OK;
    tgl__summand *exact = tgl__calloc(a->n_out, sizeof *exact);
    uint32_t *inputs = tgl__calloc(a->n_in, sizeof *inputs);
    if (!exact || !inputs) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (uint32_t j = 0; j < a->n_in; j++)
        inputs[j] = e->n->value_node[e->op->args[j]];
    if (a->weight_slot == TGL_NONE)
        TGL_TRY_GOTO(solve_on(e->n, exact, e->exact, a->n_out, inputs, a->n_in, err));
    for (uint32_t i = 0; i < a->n_out; i++) {
        uint32_t id;
        TGL_TRY_GOTO(bias_node(e, &id, i, err));
        if (e->ordered[i])
            TGL_TRY_GOTO(ordered_row(e, &id, i, err));
        else
            TGL_TRY_GOTO(
                free_row(e, &id, i, a->weight_slot == TGL_NONE ? &exact[i] : NULL, err));
        e->n->value_node[e->op->first_value + i] = id;
    }
out:
    tgl__free(exact);
    tgl__free(inputs);
    return status;
}

tgl_status tgl__expand_affine(tgl__netlist *n, const tgl_op *op, tgl_error *err)
{
    const tgl_affine *a = tgl_program_affine(n->program, op->ref);
    size_t cells = (size_t)a->n_out * a->n_in;
    expansion e = {.n = n, .op = op, .a = a};
    tgl_status status = TGL_OK;
    e.exact = tgl__calloc(cells, sizeof *e.exact);
    e.product = tgl__calloc(cells, sizeof *e.product);
    e.ordered = tgl__calloc(a->n_out, sizeof *e.ordered);
    e.terms = tgl__calloc((size_t)a->n_in + 2, sizeof *e.terms);
    if (!e.exact || !e.product || !e.ordered || !e.terms) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(split(&e, err));
    TGL_TRY_GOTO(rows(&e, err));
out:
    tgl__free(e.exact);
    tgl__free(e.product);
    tgl__free(e.ordered);
    tgl__free(e.terms);
    return status;
}
