/* Values to lanes and scratch slots, operations to steps; affine ones in plan_affine.c.
 */
#include "emulate/plan.h"

#include <string.h>

#include "emulate/event.h"

/* ---- storage ---- */

uint32_t tgl__lane_for(const tgl__planner *planner, tgl_wide lo, tgl_wide hi)
{
    uint32_t lane = planner->minimum_lane;
    while (lane < TGL__N_LANE && (lo < -((tgl_wide)1 << (tgl__lane_bits(lane) - 1)) ||
                                  hi >= (tgl_wide)1 << (tgl__lane_bits(lane) - 1)))
        lane++;
    return lane;
}

static uint32_t lane_of(const tgl__planner *p, uint32_t value)
{
    tgl_interval r = tgl__value_interval(p, value);
    return tgl__lane_for(p, r.lo, r.hi);
}

uint32_t tgl__take_slot(tgl__planner *p, uint32_t lane)
{
    if (p->n_free[lane] > 0)
        return p->free_slots[lane][--p->n_free[lane]];
    uint64_t slot = p->emulator->scratch_size;
    uint64_t next = slot + p->emulator->tile * (uint64_t)tgl__lane_bits(lane) / 8;
    if (next > UINT32_MAX / 2) { /* offsets are 32 bits wide */
        p->failed = true;
        return 0;
    }
    p->emulator->scratch_size = next;
    return (uint32_t)slot;
}

void tgl__drop_slot(tgl__planner *p, uint32_t lane, uint32_t slot)
{
    if (!tgl__grow(&p->free_slots[lane], p->n_free[lane], &p->cap_free[lane],
                   sizeof slot)) {
        p->failed = true;
        return;
    }
    p->free_slots[lane][p->n_free[lane]++] = slot;
}

tgl__step *tgl__new_step(tgl__planner *p, tgl__kernel *run)
{
    static tgl__step *const nothing = NULL;
    tgl_emulator *e = p->emulator;
    if (!tgl__grow(&e->steps, e->n_step, &e->cap_step, sizeof *e->steps)) {
        p->failed = true;
        return nothing;
    }
    tgl__step *step = &e->steps[e->n_step++];
    memset(step, 0, sizeof *step);
    step->run = run;
    return step;
}

tgl__recipe *tgl__note_recipe(tgl__planner *p, tgl__way way, const tgl__step *step,
                              uint32_t lane, uint32_t arg_lane)
{
    tgl__recipe *recipe = &p->recipes[p->current];
    if (step == NULL) /* out of memory: told at the end */
        return recipe;
    *recipe = (tgl__recipe){
        .way = way, .step = *step, .lane = (uint8_t)lane, .arg_lane = (uint8_t)arg_lane};
    return recipe;
}

static void note_operands(tgl__planner *p, const tgl__step *step, uint32_t lane,
                          uint32_t arg_lane, const uint32_t *operands, uint8_t n)
{
    tgl__recipe *recipe = tgl__note_recipe(p, TGL__ELEMENTWISE, step, lane, arg_lane);
    recipe->n_operand = n;
    memcpy(recipe->operand, operands, n * sizeof *operands);
}

static uint32_t constant_in(tgl__planner *p, int64_t code, uint32_t lane)
{
    tgl_emulator *e = p->emulator;
    if (!tgl__grow(&e->constants, e->n_constant, &e->cap_constant,
                   sizeof *e->constants)) {
        p->failed = true;
        return 0;
    }
    uint32_t slot = tgl__take_slot(p, lane);
    e->constants[e->n_constant++] = (tgl__constant){lane, slot, code};
    return slot;
}

uint32_t tgl__value_in(tgl__planner *p, uint32_t value, uint32_t lane)
{
    tgl__value_plan *v = &p->values[p->values[value].root];
    if (v->slots[lane] != TGL__NO_SLOT)
        return v->slots[lane];
    if (v->is_constant) {
        /* a constant's slot must be fresh: it is filled once, before any step runs */
        uint32_t n_free = p->n_free[lane];
        p->n_free[lane] = 0;
        v->slots[lane] = constant_in(p, v->code, lane);
        p->n_free[lane] = n_free;
        return v->slots[lane];
    }
    uint32_t slot = tgl__take_slot(p, lane);
    tgl__step *step = tgl__new_step(p, p->emulator->kernels->lanes[lane].from[v->native]);
    if (step != NULL) {
        step->dst = slot;
        step->a = v->slots[v->native];
    }
    v->slots[lane] = slot;
    return slot;
}

uint32_t tgl__result_in(tgl__planner *p, uint32_t value, uint32_t lane)
{
    tgl__value_plan *v = &p->values[value];
    v->native = lane;
    v->slots[lane] = tgl__take_slot(p, lane);
    p->emulator->n_lane_value[lane]++;
    return v->slots[lane];
}

static void release_value(tgl__planner *p, uint32_t value)
{
    tgl__value_plan *v = &p->values[value];
    for (uint32_t lane = 0; lane < TGL__N_LANE && !v->is_constant; lane++)
        if (v->slots[lane] != TGL__NO_SLOT) {
            tgl__drop_slot(p, lane, v->slots[lane]);
            v->slots[lane] = TGL__NO_SLOT;
        }
}

/* ---- ranges and casts ---- */

tgl_interval tgl__value_interval(const tgl__planner *p, uint32_t value)
{
    const tgl__value_plan *v = &p->values[p->values[value].root];
    int64_t lo, hi;
    tgl_program_value_range(p->program, value, &lo, &hi);
    if (v->is_constant)
        lo = hi = v->code;
    return (tgl_interval){lo, hi, tgl_program_value_type(p->program, value).frac};
}

bool tgl__survives(const tgl_interval *codes, const tgl_quant *quant)
{
    int64_t lo = tgl_type_min(quant->type), hi = tgl_type_max(quant->type);
    if (quant->overflow == TGL_SAT_SYM && quant->type.is_signed)
        lo = -hi;
    return codes->lo >= lo && codes->hi <= hi;
}

static int64_t clamp_to_lane(int64_t code, uint32_t lane)
{
    if (lane == 2)
        return code;
    int64_t hi = (INT64_C(1) << (tgl__lane_bits(lane) - 1)) - 1;
    return code > hi ? hi : code < -hi - 1 ? -hi - 1 : code;
}

void tgl__cast_overflow(tgl__cast *cast, const tgl_quant *quant, uint32_t lane, bool keep)
{
    int64_t lo = tgl_type_min(quant->type), hi = tgl_type_max(quant->type);
    if (quant->overflow == TGL_SAT_SYM && quant->type.is_signed)
        lo = -hi;
    cast->is_signed = quant->type.is_signed;
    cast->width = quant->type.width;
    cast->overflow = keep ? TGL__KEEP : (uint8_t)quant->overflow;
    cast->lo = clamp_to_lane(lo, lane);
    cast->hi = clamp_to_lane(hi, lane);
    if (quant->overflow == TGL_WRAP && quant->type.width >= tgl__lane_bits(lane))
        cast->overflow = TGL__KEEP; /* the lane wraps by itself */
}

/* ---- operations ---- */

tgl_status tgl__plan_slow(tgl__planner *p, uint32_t index, tgl_error *err)
{
    const tgl_op *op = tgl_program_op(p->program, index);
    tgl_arena *arena = &p->emulator->arena;
    tgl__slow *slow = tgl__arena_alloc(arena, 1, sizeof *slow);
    uint32_t *args = tgl__arena_alloc(arena, op->n_arg + 1u, sizeof *args);
    uint32_t *results = tgl__arena_alloc(arena, op->n_value, sizeof *results);
    int16_t *frac = tgl__arena_alloc(arena, op->n_arg + 1u, sizeof *frac);
    tgl_op *own = tgl__arena_alloc(arena, 1, sizeof *own);
    tgl_affine *affine = tgl__arena_alloc(arena, 1, sizeof *affine);
    if (slow == NULL || args == NULL || results == NULL || frac == NULL || own == NULL ||
        affine == NULL)
        return tgl__fail_nomem(err);
    tgl__exact_resolve(&slow->exact, frac, p->program, p->payload, index);
    *own = *op;
    slow->exact.op = own;
    own->args = NULL;
    if (op->code == TGL_OP_AFFINE) { /* the program may go away: keep copies */
        *affine = *slow->exact.affine;
        size_t n = (size_t)affine->n_in * affine->n_out;
        int64_t *weights = tgl__arena_alloc(arena, n, sizeof *weights);
        int64_t *bias = tgl__arena_alloc(arena, affine->n_out, sizeof *bias);
        uint32_t *order = tgl__arena_alloc(arena, affine->n_in, sizeof *order);
        if (weights == NULL || bias == NULL || order == NULL)
            return tgl__fail_nomem(err);
        memcpy(weights, slow->exact.weights, n * sizeof *weights);
        if (slow->exact.bias != NULL)
            memcpy(bias, slow->exact.bias, affine->n_out * sizeof *bias);
        if (affine->order != NULL)
            memcpy(order, affine->order, affine->n_in * sizeof *order);
        slow->exact.weights = weights;
        slow->exact.bias = slow->exact.bias == NULL ? NULL : bias;
        affine->order = affine->order == NULL ? NULL : order;
        slow->exact.affine = affine;
    }
    for (uint32_t i = 0; i < op->n_arg; i++)
        args[i] = tgl__value_in(p, op->args[i], 2);
    for (uint32_t i = 0; i < op->n_value; i++)
        results[i] = p->values[op->first_value + i].is_live
                         ? tgl__result_in(p, op->first_value + i, 2)
                         : TGL__NO_SLOT;
    slow->args = args;
    slow->results = results;
    slow->room = (uint32_t)p->emulator->scratch_size;
    p->emulator->scratch_size += ((op->n_arg + (uint64_t)op->n_value) * 8 + 63) / 64 * 64;
    if (p->emulator->scratch_size > UINT32_MAX / 2)
        p->failed = true;
    tgl__step *step = tgl__new_step(p, NULL); /* NULL: a slow step */
    if (step != NULL)
        step->data = slow;
    tgl__note_recipe(p, TGL__SLOW, step, 2, 2);
    p->emulator->n_slow++;
    return TGL_OK;
}

/* Left shift that brings argument i to the binary point `frac`. */
static uint16_t align_shift(const tgl__planner *p, uint32_t value, int frac)
{
    int n = frac - tgl_program_value_type(p->program, value).frac;
    return (uint16_t)(n < 0 ? 0 : n);
}

static void plan_binary(tgl__planner *p, const tgl_op *op, tgl__kernel *run,
                        uint32_t lane, int frac)
{
    uint32_t a = tgl__value_in(p, op->args[0], lane);
    uint32_t b = op->n_arg > 1 ? tgl__value_in(p, op->args[1], lane) : a;
    uint32_t dst = tgl__result_in(p, op->first_value, lane);
    tgl__step *step = tgl__new_step(p, run);
    if (step == NULL)
        return;
    step->dst = dst;
    step->a = a;
    step->b = b;
    if (frac != INT32_MIN) {
        step->shift_a = align_shift(p, op->args[0], frac);
        step->shift_b = align_shift(p, op->args[op->n_arg - 1], frac);
    }
    note_operands(p, step, lane, lane, op->args, op->n_arg > 1 ? 2 : 1);
}

/* Lane that holds both arguments exactly on their common grid. */
static uint32_t aligned_lane(const tgl__planner *p, const tgl_op *op, int *frac)
{
    tgl_interval a = tgl__value_interval(p, op->args[0]),
                 b = tgl__value_interval(p, op->args[1]);
    *frac = a.frac > b.frac ? a.frac : b.frac;
    if (!tgl__interval_align(&a, *frac) || !tgl__interval_align(&b, *frac))
        return TGL__N_LANE;
    return tgl__lane_for(p, a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi);
}

static tgl_status plan_comparing(tgl__planner *p, uint32_t index, tgl_error *err)
{
    const tgl_op *op = tgl_program_op(p->program, index);
    int frac;
    uint32_t lane = aligned_lane(p, op, &frac);
    if (lane == TGL__N_LANE)
        return tgl__plan_slow(p, index, err);
    const tgl__lane_kernels *k = &p->emulator->kernels->lanes[lane];
    plan_binary(p, op,
                op->code == TGL_OP_MIN   ? k->min
                : op->code == TGL_OP_MAX ? k->max
                                         : k->compare[op->relation],
                lane, frac);
    return TGL_OK;
}

static void plan_select(tgl__planner *p, const tgl_op *op)
{
    uint32_t lane = lane_of(p, op->first_value), test = lane_of(p, op->args[0]);
    if (test > lane)
        lane = test; /* a code that is not zero must not be cut to zero */
    uint32_t c = tgl__value_in(p, op->args[0], lane);
    uint32_t a = tgl__value_in(p, op->args[1], lane);
    uint32_t b = tgl__value_in(p, op->args[2], lane);
    uint32_t dst = tgl__result_in(p, op->first_value, lane);
    tgl__step *step = tgl__new_step(p, p->emulator->kernels->lanes[lane].select);
    if (step == NULL)
        return;
    step->dst = dst;
    step->a = a;
    step->b = b;
    step->c = c;
    const uint32_t operands[] = {op->args[1], op->args[2], op->args[0]};
    note_operands(p, step, lane, lane, operands, 3);
}

static tgl_status plan_pick(tgl__planner *p, const tgl_op *op, tgl_error *err)
{
    uint32_t lane = lane_of(p, op->first_value);
    uint32_t *sources =
        tgl__arena_alloc(&p->emulator->arena, op->n_arg - 1u, sizeof *sources);
    if (sources == NULL)
        return tgl__fail_nomem(err);
    uint32_t index = tgl__value_in(p, op->args[0], 1);
    for (uint32_t i = 1; i < op->n_arg; i++)
        sources[i - 1] = tgl__value_in(p, op->args[i], lane);
    uint32_t dst = tgl__result_in(p, op->first_value, lane);
    tgl__step *step = tgl__new_step(p, p->emulator->kernels->lanes[lane].pick);
    if (step == NULL)
        return TGL_OK;
    step->dst = dst;
    step->a = index;
    step->data = sources;
    tgl__note_recipe(p, TGL__PICK, step, lane, lane);
    return TGL_OK;
}

/* The entries of a TABLE operation's table in `lane`; NULL when out of memory. */
static const char *table_entries(tgl__planner *p, uint32_t number, uint32_t lane)
{
    const tgl_op *op = tgl_program_op(p->program, number);
    const char **cached = &p->entries[op->ref * TGL__N_LANE + lane];
    if (*cached != NULL)
        return *cached;
    tgl__exact exact;
    tgl__exact_resolve(&exact, p->arg_frac, p->program, p->payload, number);
    uint32_t n = tgl_program_table(p->program, op->ref)->count;
    size_t size = (size_t)2 << lane;
    char *entries = tgl__arena_alloc(&p->emulator->arena, n, size);
    for (uint32_t i = 0; entries != NULL && i < n; i++)
        memcpy(entries + i * size, &exact.table[i], size); /* little-endian: low bytes */
    *cached = entries;
    return entries;
}

static tgl_status plan_table(tgl__planner *p, uint32_t number, tgl_error *err)
{
    const tgl_op *op = tgl_program_op(p->program, number);
    uint32_t lane = lane_of(p, op->first_value);
    const char *entries = table_entries(p, number, lane);
    if (entries == NULL)
        return tgl__fail_nomem(err);
    uint32_t index = tgl__value_in(p, op->args[0], 1);
    uint32_t dst = tgl__result_in(p, op->first_value, lane);
    tgl__step *step = tgl__new_step(p, p->emulator->kernels->lanes[lane].table);
    if (step == NULL)
        return TGL_OK;
    step->dst = dst;
    step->a = index;
    step->data = entries;
    note_operands(p, step, lane, 1, op->args, 1);
    return TGL_OK;
}

static void plan_shift_value(tgl__planner *p, const tgl_op *op)
{
    uint32_t lane = lane_of(p, op->first_value);
    int64_t top = op->shift_hi > 0 ? op->shift_hi : 0;
    plan_binary(p, op, p->emulator->kernels->lanes[lane].shift_value, lane, INT32_MIN);
    if (p->failed)
        return;
    p->emulator->steps[p->emulator->n_step - 1].cast.lo = top;
    p->recipes[p->current].step.cast.lo = top;
}

/* A step of a conversion: argument and result in lanes of their own. */
static void add_cast(tgl__planner *p, const tgl_op *op, tgl__kernel *run, uint32_t lane,
                     uint32_t arg_lane, int shift, bool keep)
{
    tgl_quant quant = {op->type, op->round, op->overflow};
    uint32_t from = tgl__value_in(p, op->args[0], arg_lane);
    uint32_t dst = tgl__result_in(p, op->first_value, lane);
    tgl__step *step = tgl__new_step(p, run);
    if (step == NULL)
        return;
    step->dst = dst;
    step->a = from;
    step->cast.shift = (int16_t)shift;
    step->cast.round = (uint8_t)op->round;
    tgl__cast_overflow(&step->cast, &quant, lane, keep);
    note_operands(p, step, lane, arg_lane, op->args, 1);
}

/* Whether one pass from 32-bit to 16-bit lanes does a conversion that drops bits. */
static bool can_narrow(const tgl__planner *p, const tgl_op *op, const tgl_interval *a,
                       int shift)
{
    bool rounds = shift > 0 && op->round == TGL_RND;
    int64_t half = rounds && shift < 32 ? INT64_C(1) << (shift - 1) : 0;
    return p->minimum_lane == 0 && lane_of(p, op->first_value) == 0 &&
           tgl__lane_for(p, a->lo, a->hi) == 1 && shift < 32 &&
           a->hi + half <= INT32_MAX && (shift == 0 || rounds || op->round == TGL_TRN) &&
           op->overflow != TGL_SAT_ZERO;
}

static tgl_status plan_quantise(tgl__planner *p, uint32_t number, tgl_error *err)
{
    const tgl_op *op = tgl_program_op(p->program, number);
    tgl_quant quant = {op->type, op->round, op->overflow};
    tgl_quant rounding = {{1, 64, op->type.frac}, op->round, TGL_SAT};
    tgl_interval a = tgl__value_interval(p, op->args[0]), y = a;
    int shift = a.frac - op->type.frac;
    uint32_t lane = lane_of(p, op->first_value), own = tgl__lane_for(p, a.lo, a.hi);
    bool keep;
    if (shift >= 0) {
        y = tgl__interval_quantise(&a, &rounding);
        keep = tgl__survives(&y, &quant);
        if (can_narrow(p, op, &a, shift)) {
            add_cast(p, op, p->emulator->kernels->narrow, 0, 1, shift, keep);
            return TGL_OK;
        }
        lane = own > lane ? own : lane;
        while (lane < TGL__N_LANE && shift >= tgl__lane_bits(lane))
            lane++;
    } else {
        bool exact = tgl__interval_align(&y, op->type.frac);
        keep = exact && tgl__survives(&y, &quant);
        uint32_t needed = exact ? tgl__lane_for(p, y.lo, y.hi) : TGL__N_LANE;
        if (!keep && quant.overflow != TGL_WRAP && needed > lane)
            lane = needed; /* a wrap sees only low bits; the others need them all */
        if (-shift > INT16_MAX)
            lane = TGL__N_LANE;
    }
    if (lane >= TGL__N_LANE)
        return tgl__plan_slow(p, number, err);
    add_cast(p, op, p->emulator->kernels->lanes[lane].cast, lane, lane, shift, keep);
    return TGL_OK;
}

static tgl_status plan_op(tgl__planner *p, uint32_t number, tgl_error *err)
{
    const tgl_op *op = tgl_program_op(p->program, number);
    uint32_t lane = op->n_value == 1 ? lane_of(p, op->first_value) : 0;
    const tgl__lane_kernels *k = &p->emulator->kernels->lanes[lane];
    switch (op->code) {
    case TGL_OP_ADD: /* modulo 2^lane these five need no more than the result's lane */
        plan_binary(p, op, k->add, lane, op->type.frac);
        break;
    case TGL_OP_SUB:
        plan_binary(p, op, k->sub, lane, op->type.frac);
        break;
    case TGL_OP_MUL:
        plan_binary(p, op, k->mul, lane, INT32_MIN);
        break;
    case TGL_OP_NEG:
        plan_binary(p, op, k->negate, lane, INT32_MIN);
        break;
    case TGL_OP_NOT:
        plan_binary(p, op, k->bit_not, lane, INT32_MIN);
        break;
    case TGL_OP_AND:
        plan_binary(p, op, k->bit_and, lane, INT32_MIN);
        break;
    case TGL_OP_OR:
        plan_binary(p, op, k->bit_or, lane, INT32_MIN);
        break;
    case TGL_OP_XOR:
        plan_binary(p, op, k->bit_xor, lane, INT32_MIN);
        break;
    case TGL_OP_QUANTISE:
        return plan_quantise(p, number, err);
    case TGL_OP_COMPARE:
    case TGL_OP_MIN:
    case TGL_OP_MAX:
        return plan_comparing(p, number, err);
    case TGL_OP_SELECT:
        plan_select(p, op);
        break;
    case TGL_OP_PICK:
        return plan_pick(p, op, err);
    case TGL_OP_TABLE:
        return plan_table(p, number, err);
    case TGL_OP_SHIFT_VALUE:
        plan_shift_value(p, op);
        break;
    case TGL_OP_AFFINE:
        return tgl__plan_affine(p, number, err);
    default: /* inputs, constants, parameters and shifts have no step */
        break;
    }
    return TGL_OK;
}

/* ---- the passes ---- */

/* Whether the operation hands one argument's codes on unchanged. */
static bool passes_through(const tgl__planner *p, const tgl_op *op)
{
    if (op->code == TGL_OP_SHIFT)
        return true;
    if (op->code != TGL_OP_QUANTISE)
        return false;
    tgl_quant quant = {op->type, op->round, op->overflow};
    tgl_interval a = tgl__value_interval(p, op->args[0]);
    return a.frac == op->type.frac && tgl__survives(&a, &quant);
}

static bool all_constant(const tgl__planner *p, const tgl_op *op)
{
    for (uint32_t i = 0; i < op->n_arg; i++)
        if (!p->values[p->values[op->args[i]].root].is_constant)
            return false;
    return op->code != TGL_OP_INPUT && op->code != TGL_OP_AFFINE;
}

static void find_roots(tgl__planner *p)
{
    for (uint32_t i = 0; i < tgl_program_n_op(p->program); i++) {
        const tgl_op *op = tgl_program_op(p->program, i);
        for (uint32_t k = 0; k < op->n_value; k++) {
            tgl__value_plan *v = &p->values[op->first_value + k];
            v->root = op->first_value + k;
            for (int lane = 0; lane < TGL__N_LANE; lane++)
                v->slots[lane] = TGL__NO_SLOT;
        }
        tgl__value_plan *v = &p->values[op->first_value];
        if (all_constant(p, op)) {
            tgl__exact exact;
            tgl__exact_resolve(&exact, p->arg_frac, p->program, p->payload, i);
            for (uint32_t k = 0; k < op->n_arg; k++)
                p->arg_code[k] = p->values[p->values[op->args[k]].root].code;
            tgl__exact_run(&v->code, &exact, p->arg_code, 0);
            v->is_constant = 1;
        } else if (passes_through(p, op)) {
            v->root = p->values[op->args[0]].root;
        }
    }
}

static void find_last_uses(tgl__planner *p)
{
    for (uint32_t i = 0; i < tgl_program_n_output(p->program); i++) {
        tgl__value_plan *v =
            &p->values[p->values[tgl_program_output(p->program, i)->value].root];
        v->is_live = 1;
        v->last_use = TGL_NONE;
    }
    for (uint32_t i = tgl_program_n_op(p->program); i-- > 0;) {
        const tgl_op *op = tgl_program_op(p->program, i);
        bool live = false;
        for (uint32_t k = 0; k < op->n_value && !live; k++)
            live = p->values[op->first_value + k].is_live != 0;
        if (!live || p->values[op->first_value].is_constant)
            continue;
        for (uint32_t k = 0; k < op->n_arg; k++) {
            tgl__value_plan *v = &p->values[p->values[op->args[k]].root];
            if (!v->is_live)
                v->last_use = i;
            v->is_live = 1;
        }
    }
}

/* Bytes an event needs in scratch at most, about: live values in their narrowest lanes,
 * and a matrix' arguments once more. */
static uint64_t bytes_per_event(const tgl__planner *p)
{
    uint64_t live = 0, most = 0;
    for (uint32_t i = 0; i < tgl_program_n_op(p->program); i++) {
        const tgl_op *op = tgl_program_op(p->program, i);
        for (uint32_t k = 0; k < op->n_value; k++) {
            uint32_t value = op->first_value + k;
            if (p->values[value].is_live && p->values[value].root == value)
                live += (uint64_t)2 << lane_of(p, value);
        }
        uint64_t here = live + (op->code == TGL_OP_AFFINE ? 2 * (uint64_t)op->n_arg : 0);
        most = here > most ? here : most;
        for (uint32_t k = 0; k < op->n_arg; k++) {
            uint32_t root = p->values[op->args[k]].root;
            uint64_t size = (uint64_t)2 << lane_of(p, root);
            if (p->values[root].last_use == i && live >= size)
                live -= size;
        }
    }
    return most;
}

/* As many events at a time as the second cache holds half full. */
static void choose_tile(tgl__planner *p)
{
    enum { CACHE = 192 << 10 };
    uint64_t each = bytes_per_event(p);
    p->emulator->tile = TGL__TILE;
    while (p->emulator->tile > TGL__STRIP && each * p->emulator->tile > CACHE)
        p->emulator->tile /= 2;
}

static void plan_inputs(tgl__planner *p)
{
    tgl_emulator *e = p->emulator;
    uint32_t n = 0, unread = TGL__NO_SLOT;
    for (uint32_t i = 0; i < tgl_program_n_input(p->program); i++) {
        const tgl_port *port = tgl_program_input(p->program, i);
        uint32_t lane = lane_of(p, port->value);
        tgl__edge edge = {lane, 0, i, tgl_type_min(port->type), tgl_type_max(port->type)};
        if (p->values[port->value].is_live) {
            edge.slot = tgl__result_in(p, port->value, lane);
        } else { /* its codes are checked all the same */
            edge.lane = 2;
            unread = unread == TGL__NO_SLOT ? tgl__take_slot(p, 2) : unread;
            edge.slot = unread;
        }
        e->inputs[n++] = edge;
    }
}

static void plan_outputs(tgl__planner *p)
{
    for (uint32_t i = 0; i < tgl_program_n_output(p->program); i++) {
        uint32_t value = tgl_program_output(p->program, i)->value;
        const tgl__value_plan *v = &p->values[p->values[value].root];
        uint32_t lane = v->is_constant ? lane_of(p, value) : v->native;
        p->emulator->outputs[i] =
            (tgl__edge){lane, tgl__value_in(p, value, lane), i, 0, 0};
    }
}

static tgl_status plan_all(tgl__planner *p, tgl_error *err)
{
    find_roots(p);
    find_last_uses(p);
    choose_tile(p);
    plan_inputs(p);
    for (uint32_t i = 0; i < tgl_program_n_op(p->program) && !p->failed; i++) {
        const tgl_op *op = tgl_program_op(p->program, i);
        bool live = false;
        for (uint32_t k = 0; k < op->n_value && !live; k++) {
            uint32_t value = op->first_value + k;
            live = p->values[value].is_live && !p->values[value].is_constant &&
                   p->values[value].root == value;
        }
        p->current = i;
        if (live)
            TGL_TRY(plan_op(p, i, err));
        for (uint32_t k = 0; k < op->n_arg && live; k++) {
            uint32_t root = p->values[op->args[k]].root;
            if (p->values[root].last_use == i)
                release_value(p, root);
        }
    }
    if (!p->failed)
        plan_outputs(p);
    if (!p->failed)
        tgl__plan_event(p);
    return p->failed
               ? tgl__fail(err, TGL_ENOMEM, "out of memory while planning program '%s'",
                           tgl_program_name(p->program))
               : TGL_OK;
}

static uint32_t widest_op(const tgl_program *program)
{
    uint32_t widest = 1;
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++)
        if (tgl_program_op(program, i)->n_arg > widest)
            widest = tgl_program_op(program, i)->n_arg;
    return widest;
}

tgl_status tgl__plan(tgl_emulator *emulator, const tgl_program *program,
                     const tgl_payload *payload, uint32_t minimum_lane, tgl_error *err)
{
    tgl__planner p = {.emulator = emulator, .program = program, .payload = payload};
    uint32_t n_table = tgl_program_n_table(program);
    p.minimum_lane = minimum_lane;
    p.recipes = tgl__calloc(tgl_program_n_op(program) + 1u, sizeof *p.recipes);
    p.entries = tgl__calloc(n_table * (size_t)TGL__N_LANE + 1, sizeof *p.entries);
    p.matrices = tgl__calloc(tgl_program_n_affine(program) + 1u, sizeof *p.matrices);
    uint32_t widest = widest_op(program);
    emulator->n_input = tgl_program_n_input(program);
    emulator->n_output = tgl_program_n_output(program);
    p.values = tgl__calloc(tgl_program_n_value(program) + 1u, sizeof *p.values);
    p.arg_frac = tgl__calloc(widest, sizeof *p.arg_frac);
    p.arg_code = tgl__calloc(widest, sizeof *p.arg_code);
    emulator->inputs = tgl__calloc(emulator->n_input + 1u, sizeof *emulator->inputs);
    emulator->outputs = tgl__calloc(emulator->n_output + 1u, sizeof *emulator->outputs);
    tgl_status status = TGL_OK;
    if (p.recipes == NULL || p.entries == NULL || p.matrices == NULL ||
        p.values == NULL || p.arg_frac == NULL || p.arg_code == NULL ||
        emulator->inputs == NULL || emulator->outputs == NULL)
        status = tgl__fail_nomem(err);
    else
        status = plan_all(&p, err);
    tgl__free(p.values);
    tgl__free(p.recipes);
    tgl__free(p.entries);
    tgl__free(p.matrices);
    tgl__free(p.arg_frac);
    tgl__free(p.arg_code);
    for (int lane = 0; lane < TGL__N_LANE; lane++)
        tgl__free(p.free_slots[lane]);
    return status;
}
