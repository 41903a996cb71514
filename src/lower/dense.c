/* DENSE to AFFINE. Where no term rounds and no sum overflows, order cannot be seen, and
 * the operation is written as the plain matrix product that emulator and firmware may
 * reorder; the proof is interval arithmetic over every row. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "lower/lower.h"

/* How the accumulator of a node may be written. */
typedef enum plan_kind {
    AS_WRITTEN, /* term by term, with the graph's own casts */
    EXACT,      /* nothing is ever lost: the sum itself */
    MODULAR     /* only wraps: the sum itself, wrapped once at the end */
} plan_kind;

typedef struct plan {
    bool rounds, term_overflows, sum_overflows;
    int frac;        /* the finest product's or bias' binary point */
    tgl_wide lo, hi; /* any partial sum in any order, on the accumulator's binary point */
} plan;

static bool overflows(const tgl_interval *i, const tgl_quant *quant)
{
    return !tgl__interval_fits(i, quant->type) ||
           (quant->overflow == TGL_SAT_SYM && quant->type.is_signed &&
            i->lo == tgl_type_min(quant->type));
}

static tgl_interval weight_range(const tgl_node *node, size_t at)
{
    if (node->slot_weights)
        return tgl__interval_of_type(node->weight_type);
    return (tgl_interval){node->weights[at], node->weights[at], node->weight_type.frac};
}

static tgl_interval bias_range(const tgl_node *node, uint32_t row)
{
    if (!node->bias)
        return (tgl_interval){0, 0, node->acc.type.frac};
    if (node->slot_bias)
        return tgl__interval_of_type(node->bias_type);
    return (tgl_interval){node->bias[row], node->bias[row], node->bias_type.frac};
}

/* Adds one row of weights over these arguments to the plan; false when a bound leaves 126
 * bits. */
static bool plan_row(plan *p, const tgl__lowering *l, const uint32_t *args, uint32_t n_in,
                     uint32_t row)
{
    const tgl_node *node = l->node;
    tgl_interval sum = bias_range(node, row);
    if (!tgl__interval_align(&sum, node->acc.type.frac))
        return false;
    p->sum_overflows |= overflows(&sum, &node->acc);
    tgl_wide lo = sum.lo, hi = sum.hi;
    for (uint32_t k = 0; k < n_in; k++) {
        uint32_t j = node->order ? node->order[k] : k;
        tgl_interval w = weight_range(node, (size_t)row * n_in + j), term;
        if (!tgl__interval_mul(&term, &l->range[args[j]], &w) ||
            !tgl__interval_align(&term, node->acc.type.frac) ||
            !tgl__interval_add(&sum, &sum, &term))
            return false;
        p->term_overflows |= !node->term_exact && overflows(&term, &node->term);
        p->sum_overflows |= overflows(&sum, &node->acc);
        lo += term.lo < 0 ? term.lo : 0;
        hi += term.hi > 0 ? term.hi : 0;
    }
    p->lo = lo < p->lo ? lo : p->lo;
    p->hi = hi > p->hi ? hi : p->hi;
    return true;
}

/* One affine for all `rows` of a set: the plan holds whatever row it is. `args` begins at
 * the set's first argument. */
static plan_kind make_plan(plan *p, const tgl__lowering *l, const uint32_t *args,
                           const tgl__dense_shape *shape, uint32_t set)
{
    const tgl_node *node = l->node;
    uint32_t n_in = shape->fan_in, step = shape->sets * n_in;
    *p = (plan){.frac = node->bias ? node->bias_type.frac : INT16_MIN};
    for (uint32_t r = 0; r < shape->rows; r++)
        for (uint32_t j = 0; j < n_in; j++) {
            int frac = l->range[args[r * step + j]].frac + node->weight_type.frac;
            p->frac = frac > p->frac ? frac : p->frac;
        }
    if (p->frac > node->acc.type.frac)
        return AS_WRITTEN;
    for (uint32_t r = 0; r < shape->rows; r++)
        for (uint32_t i = 0; i < shape->fan_out; i++)
            if (!plan_row(p, l, args + r * step, n_in, set * shape->fan_out + i))
                return AS_WRITTEN;
    if (!p->term_overflows && !p->sum_overflows)
        return EXACT;
    bool wraps = node->acc.overflow == TGL_WRAP &&
                 (!p->term_overflows || (node->term.overflow == TGL_WRAP &&
                                         node->term.type.width >= node->acc.type.width));
    return wraps ? MODULAR : AS_WRITTEN;
}

/* The narrowest accumulator for the sum itself, on the binary point that it needs. */
static bool exact_type(tgl_type *out, const plan *p, int acc_frac)
{
    int drop = acc_frac - p->frac;
    if (drop > 120)
        return false;
    /* every bound is a multiple of 2^drop: the shift loses nothing */
    tgl_interval hull = {p->lo >> drop, p->hi >> drop, p->frac};
    return tgl__interval_type(out, &hull);
}

static tgl_status make_slots(tgl__lowering *l, tgl_affine *affine)
{
    const tgl_node *node = l->node;
    if (node->slot_weights) {
        tgl_type type = node->weight_type;
        TGL_TRY(tgl__make_slot(l, &affine->weight_slot, "weights", TGL_SLOT_WEIGHTS, type,
                               tgl_type_min(type), tgl_type_max(type),
                               affine->n_in * affine->n_out, node->weights));
        affine->weights = NULL;
    }
    if (node->slot_bias) {
        tgl_type type = node->bias_type;
        TGL_TRY(tgl__make_slot(l, &affine->bias_slot, "bias", TGL_SLOT_BIAS, type,
                               tgl_type_min(type), tgl_type_max(type), affine->n_out,
                               node->bias));
        affine->bias = NULL;
    }
    return TGL_OK;
}

/* A constant bias finer than the accumulator: its first conversion is done here. `bias`
 * has room for n_out codes. */
static void convert_bias(tgl_affine *affine, const tgl_node *node, int64_t *bias)
{
    if (!affine->bias || node->bias_type.frac <= affine->acc.type.frac)
        return;
    for (uint32_t i = 0; i < affine->n_out; i++)
        bias[i] = tgl_quantise(affine->bias[i], node->bias_type.frac, &node->acc);
    affine->bias = bias;
    affine->bias_type = node->acc.type;
}

typedef struct dense {
    tgl__dense_shape shape;
    uint32_t *args; /* all inputs */
    int64_t *bias;  /* (fan_out) room */
} dense;

/* The affine of one set as the program has it. */
static plan_kind make_affine(tgl_affine *affine, const tgl__lowering *l, const dense *d,
                             uint32_t set)
{
    const tgl_node *node = l->node;
    const tgl__dense_shape *shape = &d->shape;
    size_t first = (size_t)set * shape->fan_out;
    plan p;
    plan_kind kind = make_plan(&p, l, d->args + set * shape->fan_in, shape, set);
    tgl_type type;
    *affine = (tgl_affine){.n_in = shape->fan_in,
                           .n_out = shape->fan_out,
                           .weight_type = node->weight_type,
                           .weights = node->weights + first * shape->fan_in,
                           .weight_slot = TGL_NONE,
                           .bias = node->bias ? node->bias + first : NULL,
                           .bias_type = node->bias_type,
                           .bias_slot = TGL_NONE,
                           .term_exact = node->term_exact,
                           .term = node->term,
                           .acc = node->acc,
                           .order = node->order};
    if (kind != AS_WRITTEN && exact_type(&type, &p, node->acc.type.frac)) {
        affine->term_exact = 1;
        affine->acc = affine->term = (tgl_quant){type, TGL_TRN, TGL_WRAP};
        affine->order = NULL;
        return kind;
    }
    convert_bias(affine, node, d->bias);
    return AS_WRITTEN;
}

static tgl_status emit_row(tgl__lowering *l, uint32_t *result, const dense *d,
                           const tgl_affine *affine, plan_kind kind, uint32_t number,
                           uint32_t part)
{
    const tgl_node *node = l->node;
    uint32_t first;
    TGL_TRY(tgl__emit_affine(l, &first, number, d->args + part * affine->n_in, affine));
    for (uint32_t o = 0; o < affine->n_out; o++) {
        uint32_t value = first + o, i = part * affine->n_out + o;
        l->element = (int32_t)i;
        if (kind == MODULAR)
            TGL_TRY(tgl__emit_cast(l, &value, value, &node->acc, "wrap"));
        TGL_TRY(tgl__emit_cast(l, &result[i], value, &node->out[node->n_out == 1 ? 0 : i],
                               "cast"));
    }
    return TGL_OK;
}

static tgl_status emit_dense(tgl__lowering *l, uint32_t *result, const dense *d)
{
    for (uint32_t set = 0; set < d->shape.sets; set++) {
        tgl_affine affine;
        uint32_t number;
        plan_kind kind = make_affine(&affine, l, d, set);
        TGL_TRY(make_slots(l, &affine));
        TGL_TRY(tgl_program_add_affine(l->program, &affine, &number, l->err));
        for (uint32_t row = 0; row < d->shape.rows; row++)
            TGL_TRY(
                emit_row(l, result, d, &affine, kind, number, row * d->shape.sets + set));
    }
    return TGL_OK;
}

tgl_status tgl__lower_dense(tgl__lowering *l, uint32_t *result)
{
    uint32_t n_in = tgl_graph_node(l->graph, l->node->inputs[0])->n_element;
    dense d;
    (void)tgl__dense_shape_of(&d.shape, l->graph, l->node);
    d.args = tgl__calloc(n_in, sizeof *d.args);
    d.bias = tgl__calloc(d.shape.fan_out, sizeof *d.bias);
    tgl_status status = d.args && d.bias ? TGL_OK : tgl__fail_nomem(l->err);
    for (uint32_t j = 0; d.args && j < n_in; j++)
        d.args[j] = tgl__input(l, 0, j);
    if (status == TGL_OK)
        status = emit_dense(l, result, &d);
    tgl__free(d.args);
    tgl__free(d.bias);
    return status;
}
