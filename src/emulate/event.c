/* Planning single events. Operations are taken by depth (all arguments come from smaller
 * depths); those of one depth with equal recipes become one sweep, their results side by
 * side, so that the next layer most often finds its arguments side by side too. Where it
 * does not, a gather brings them together. No cell is used twice: one event is small. */
#include "emulate/event.h"

#include <string.h>

enum {
    MAX_OPERATION = 1 << 16,
    MAX_SIZE = 1 << 20, /* of scratch memory: beyond it tiles are the better plan */
    WINDOW = 16         /* groups of one depth that an operation is held against */
};

typedef struct event_planner {
    tgl__planner *p;
    tgl__event *event;
    const tgl_program *program;
    uint32_t *depth; /* (n_op) */
    uint32_t *order; /* (n_order) operations by depth */
    uint32_t n_order;
    uint32_t *group, *members; /* (n_order) of one depth */
    uint32_t *list;            /* (capacity) values of one arrangement */
    tgl__literal uniform[TGL__N_LANE];
    int64_t uniform_code[TGL__N_LANE];
} event_planner;

/* ---- cells ---- */

static bool out_of_memory(event_planner *e, const void *memory)
{
    e->p->failed = e->p->failed || memory == NULL;
    return e->p->failed;
}

static void *take_memory(event_planner *e, size_t n, size_t size)
{
    void *memory = tgl__arena_alloc(&e->p->emulator->arena, n + 1, size);
    (void)out_of_memory(e, memory);
    return memory;
}

static uint32_t take_cells(event_planner *e, uint32_t n, uint32_t lane)
{
    uint64_t at = e->event->size;
    e->event->size += (((uint64_t)n << (lane + 1)) + 63) / 64 * 64;
    return e->event->size > MAX_SIZE ? 0 : (uint32_t)at;
}

static bool too_big(const event_planner *e)
{
    return e->event->size > MAX_SIZE;
}

static tgl__value_plan *root_of(const event_planner *e, uint32_t value)
{
    return &e->p->values[e->p->values[value].root];
}

static uint32_t whole_vectors(uint32_t n, uint32_t lane)
{
    uint32_t per = 32u >> lane;
    return (n + per - 1) / per * per;
}

static tgl__sweep *new_sweep(event_planner *e, const tgl__step *step, uint32_t n)
{
    tgl__event *v = e->event;
    if (!tgl__grow(&v->sweeps, v->n_sweep, &v->cap_sweep, sizeof *v->sweeps)) {
        e->p->failed = true;
        return NULL;
    }
    tgl__sweep *sweep = &v->sweeps[v->n_sweep++];
    *sweep = (tgl__sweep){*step, n};
    return sweep;
}

/* The values have cells from `first` on, in `lane`. */
static void settle(event_planner *e, const uint32_t *values, uint32_t n, uint32_t lane,
                   uint32_t first)
{
    for (uint32_t i = 0; i < n; i++) {
        tgl__value_plan *v = root_of(e, values[i]);
        if (v->slots[lane] == TGL__NO_SLOT)
            v->slots[lane] = first + (i << (lane + 1));
    }
}

/* ---- constants ---- */

static uint32_t add_literal(event_planner *e, const uint32_t *values, uint32_t n,
                            uint32_t lane)
{
    tgl__event *v = e->event;
    size_t size = (size_t)2 << lane;
    char *bytes = take_memory(e, n, size);
    if (e->p->failed || out_of_memory(e, tgl__grow(&v->literals, v->n_literal,
                                                   &v->cap_literal, sizeof *v->literals)
                                             ? bytes
                                             : NULL))
        return 0;
    for (uint32_t i = 0; i < n; i++) /* little-endian: the low bytes come first */
        memcpy(bytes + i * size, &root_of(e, values[i])->code, size);
    uint32_t offset = take_cells(e, n, lane);
    v->literals[v->n_literal++] = (tgl__literal){offset, (uint32_t)(n * size), bytes};
    return offset;
}

/* Constants side by side; many equal ones (relu's zeros) are shared. */
static uint32_t arrange_constants(event_planner *e, const uint32_t *values, uint32_t n,
                                  uint32_t lane)
{
    int64_t code = root_of(e, values[0])->code;
    bool equal = true;
    for (uint32_t i = 1; i < n && equal; i++)
        equal = root_of(e, values[i])->code == code;
    tgl__literal *last = &e->uniform[lane];
    uint32_t offset = last->offset;
    if (!equal || e->uniform_code[lane] != code || last->size < n << (lane + 1)) {
        offset = add_literal(e, values, n, lane);
        if (equal) {
            *last = (tgl__literal){offset, n << (lane + 1), NULL};
            e->uniform_code[lane] = code;
        }
    }
    settle(e, values, n, lane, offset);
    return offset;
}

/* ---- arguments ---- */

static bool side_by_side(const event_planner *e, const uint32_t *values, uint32_t n,
                         uint32_t lane)
{
    uint32_t first = root_of(e, values[0])->slots[lane];
    if (first == TGL__NO_SLOT)
        return false;
    for (uint32_t i = 1; i < n; i++)
        if (root_of(e, values[i])->slots[lane] != first + (i << (lane + 1)))
            return false;
    return true;
}

/* Whether all are side by side in one other lane; which. */
static bool in_other_lane(const event_planner *e, const uint32_t *values, uint32_t n,
                          uint32_t *from)
{
    *from = root_of(e, values[0])->native;
    for (uint32_t i = 0; i < n; i++)
        if (root_of(e, values[i])->is_constant)
            return false;
    return side_by_side(e, values, n, *from);
}

static uint32_t source_lane(const event_planner *e, uint32_t value, uint32_t lane)
{
    const tgl__value_plan *v = root_of(e, value);
    return v->slots[lane] != TGL__NO_SLOT ? lane : v->native;
}

/* One gather step for those of the values that lie in lanes `from`. */
static void gather_from(event_planner *e, const uint32_t *values, uint32_t n,
                        uint32_t lane, uint32_t from, uint32_t dst)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        count += source_lane(e, values[i], lane) == from;
    if (count == 0)
        return;
    tgl__gather *gather = take_memory(e, 1, sizeof *gather);
    uint32_t *places = take_memory(e, 2 * (size_t)count, sizeof *places);
    if (e->p->failed)
        return;
    *gather = (tgl__gather){0, places, places + count};
    for (uint32_t i = 0; i < n; i++)
        if (source_lane(e, values[i], lane) == from) {
            places[gather->n] = root_of(e, values[i])->slots[from];
            places[count + gather->n++] = i;
        }
    tgl__step step = {.run = e->p->emulator->kernels->lanes[lane].gather[from],
                      .dst = dst,
                      .data = gather};
    (void)new_sweep(e, &step, count);
}

/* The scratch offset from which on the values' codes lie side by side in `lane`. */
static uint32_t arrange(event_planner *e, const uint32_t *values, uint32_t n,
                        uint32_t lane)
{
    uint32_t n_constant = 0, from;
    if (side_by_side(e, values, n, lane))
        return root_of(e, values[0])->slots[lane];
    for (uint32_t i = 0; i < n; i++)
        n_constant += root_of(e, values[i])->is_constant;
    if (n_constant == n)
        return arrange_constants(e, values, n, lane);
    for (uint32_t i = 0; i < n && n_constant > 0; i++) {
        tgl__value_plan *v = root_of(e, values[i]);
        if (v->is_constant && v->slots[lane] == TGL__NO_SLOT)
            (void)arrange_constants(e, &values[i], 1, lane);
    }
    uint32_t dst = take_cells(e, n, lane);
    if (in_other_lane(e, values, n, &from)) {
        tgl__step step = {.run = e->p->emulator->kernels->lanes[lane].from[from],
                          .dst = dst,
                          .a = root_of(e, values[0])->slots[from]};
        (void)new_sweep(e, &step, whole_vectors(n, lane));
    } else {
        for (from = 0; from < TGL__N_LANE; from++)
            gather_from(e, values, n, lane, from, dst);
    }
    settle(e, values, n, lane, dst);
    return dst;
}

/* See to it that each value has a cell in `lane`, wherever. */
static void bring(event_planner *e, const uint32_t *values, uint32_t n, uint32_t lane)
{
    uint32_t n_missing = 0;
    for (uint32_t i = 0; i < n; i++)
        if (root_of(e, values[i])->slots[lane] == TGL__NO_SLOT)
            e->list[n_missing++] = values[i];
    if (n_missing > 0)
        (void)arrange(e, e->list, n_missing, lane);
}

static uint32_t cell(const event_planner *e, uint32_t value, uint32_t lane)
{
    return root_of(e, value)->slots[lane];
}

/* ---- operations ---- */

static const tgl__recipe *recipe_of(const event_planner *e, uint32_t op)
{
    return &e->p->recipes[op];
}

static bool equal_recipes(const tgl__recipe *a, const tgl__recipe *b)
{
    const tgl__cast *x = &a->step.cast, *y = &b->step.cast;
    return a->step.run == b->step.run && a->step.data == b->step.data &&
           a->step.shift_a == b->step.shift_a && a->step.shift_b == b->step.shift_b &&
           a->lane == b->lane && a->arg_lane == b->arg_lane && x->shift == y->shift &&
           x->round == y->round && x->overflow == y->overflow &&
           x->is_signed == y->is_signed && x->width == y->width && x->lo == y->lo &&
           x->hi == y->hi;
}

/* `n` operations of one depth and one recipe. */
static void plan_group(event_planner *e, const uint32_t *ops, uint32_t n)
{
    const tgl__recipe *r = recipe_of(e, ops[0]);
    tgl__step step = r->step;
    uint32_t *places[] = {&step.a, &step.b, &step.c};
    for (uint32_t k = 0; k < r->n_operand; k++) {
        for (uint32_t i = 0; i < n; i++)
            e->list[i] = recipe_of(e, ops[i])->operand[k];
        *places[k] = arrange(e, e->list, n, r->arg_lane);
    }
    if (r->n_operand == 1)
        step.b = step.a;
    step.dst = take_cells(e, n, r->lane);
    for (uint32_t i = 0; i < n; i++)
        e->list[i] = tgl_program_op(e->program, ops[i])->first_value;
    settle(e, e->list, n, r->lane, step.dst);
    /* a table is read for real elements only, the others for whole vectors */
    bool exact = step.run == e->p->emulator->kernels->lanes[r->lane].table;
    (void)new_sweep(e, &step, exact ? n : whole_vectors(n, r->lane));
}

static void plan_pick(event_planner *e, uint32_t number)
{
    const tgl_op *op = tgl_program_op(e->program, number);
    const tgl__recipe *r = recipe_of(e, number);
    tgl__step step = r->step;
    uint32_t *sources = take_memory(e, op->n_arg, sizeof *sources);
    if (e->p->failed)
        return;
    bring(e, op->args, 1, 1);
    bring(e, op->args + 1, op->n_arg - 1, r->lane);
    for (uint32_t i = 1; i < op->n_arg; i++)
        sources[i - 1] = cell(e, op->args[i], r->lane);
    step.a = cell(e, op->args[0], 1);
    step.dst = take_cells(e, 1, r->lane);
    step.data = sources;
    settle(e, &op->first_value, 1, r->lane, step.dst);
    (void)new_sweep(e, &step, 1);
}

static void settle_results(event_planner *e, const tgl_op *op, uint32_t lane,
                           uint32_t first)
{
    for (uint32_t i = 0; i < op->n_value; i++) {
        uint32_t value = op->first_value + i;
        if (!e->p->values[value].is_live)
            continue;
        settle(e, &value, 1, lane, first);
        first += 2u << lane;
    }
}

static void plan_affine(event_planner *e, uint32_t number)
{
    const tgl_op *op = tgl_program_op(e->program, number);
    const tgl__recipe *r = recipe_of(e, number);
    const tgl__matrix *m = r->step.data;
    tgl__step step = r->step;
    uint32_t n = m->n_high + m->n_mul, base = 0;
    uint32_t *x = take_memory(e, n, sizeof *x);
    tgl__product *product = take_memory(e, 1, sizeof *product);
    if (e->p->failed)
        return;
    if (m->pairs)
        base = arrange(e, op->args, op->n_arg, 0);
    else
        bring(e, op->args, op->n_arg, r->arg_lane);
    for (uint32_t i = 0; i < n; i++)
        x[i] = m->pairs ? base + 4 * m->which[i]
                        : cell(e, op->args[m->which[i]], r->arg_lane);
    *product = (tgl__product){m, x};
    step.dst = take_cells(e, m->n_out, r->lane);
    step.data = product;
    settle_results(e, op, r->lane, step.dst);
    (void)new_sweep(e, &step, m->n_out);
}

static void plan_slow(event_planner *e, uint32_t number)
{
    const tgl_op *op = tgl_program_op(e->program, number);
    const tgl__recipe *r = recipe_of(e, number);
    tgl__slow *slow = take_memory(e, 1, sizeof *slow);
    uint32_t *args = take_memory(e, op->n_arg, sizeof *args);
    uint32_t *results = take_memory(e, op->n_value, sizeof *results);
    if (e->p->failed)
        return;
    bring(e, op->args, op->n_arg, 2);
    for (uint32_t i = 0; i < op->n_arg; i++)
        args[i] = cell(e, op->args[i], 2);
    settle_results(e, op, 2, take_cells(e, op->n_value, 2));
    for (uint32_t i = 0; i < op->n_value; i++)
        results[i] = e->p->values[op->first_value + i].slots[2];
    *slow = *(const tgl__slow *)r->step.data;
    slow->args = args;
    slow->results = results;
    slow->room = take_cells(e, op->n_arg + op->n_value, 2);
    tgl__step step = {.data = slow};
    (void)new_sweep(e, &step, 1);
}

/* ---- one depth ---- */

/* Members of the groups, group after group; the groups' sizes in `count`. */
static uint32_t form_groups(event_planner *e, const uint32_t *ops, uint32_t n,
                            uint32_t *leader, uint32_t *count)
{
    uint32_t n_group = 0;
    for (uint32_t i = 0; i < n; i++) {
        const tgl__recipe *r = recipe_of(e, ops[i]);
        uint32_t g = n_group, low = n_group < WINDOW ? 0 : n_group - WINDOW;
        e->group[i] = UINT32_MAX;
        if (r->way != TGL__ELEMENTWISE)
            continue;
        while (g > low && !equal_recipes(r, recipe_of(e, leader[g - 1])))
            g--;
        if (g == low) {
            g = ++n_group;
            leader[g - 1] = ops[i];
            count[g - 1] = 0;
        }
        e->group[i] = g - 1;
        count[g - 1]++;
    }
    return n_group;
}

static void plan_depth(event_planner *e, const uint32_t *ops, uint32_t n,
                       uint32_t *leader, uint32_t *count)
{
    uint32_t n_group = form_groups(e, ops, n, leader, count), at = 0;
    for (uint32_t g = 0; g < n_group; g++) { /* leader: where the group's members go */
        leader[g] = at;
        at += count[g];
    }
    for (uint32_t i = 0; i < n; i++)
        if (e->group[i] != UINT32_MAX)
            e->members[leader[e->group[i]]++] = ops[i];
    for (uint32_t g = 0; g < n_group && !e->p->failed && !too_big(e); g++)
        plan_group(e, e->members + leader[g] - count[g], count[g]);
    for (uint32_t i = 0; i < n && !e->p->failed && !too_big(e); i++) {
        tgl__way way = recipe_of(e, ops[i])->way;
        if (way == TGL__PICK)
            plan_pick(e, ops[i]);
        else if (way == TGL__AFFINE)
            plan_affine(e, ops[i]);
        else if (way == TGL__SLOW)
            plan_slow(e, ops[i]);
    }
}

/* ---- the whole ---- */

static uint32_t depth_of(const event_planner *e, uint32_t number)
{
    const tgl_op *op = tgl_program_op(e->program, number);
    uint32_t depth = 0;
    for (uint32_t i = 0; i < op->n_arg; i++) {
        uint32_t from = tgl_program_value_op(e->program, e->p->values[op->args[i]].root);
        if (e->depth[from] > depth)
            depth = e->depth[from];
    }
    return depth + 1;
}

/* Operations with a step, in `order`, by depth; `count` has room for n_op + 2. */
static void sort_by_depth(event_planner *e, uint32_t *count)
{
    uint32_t n = tgl_program_n_op(e->program);
    for (uint32_t i = 0; i < n; i++)
        if (recipe_of(e, i)->way != TGL__NOTHING) {
            e->depth[i] = depth_of(e, i);
            count[e->depth[i] + 1]++;
            e->n_order++;
        }
    for (uint32_t d = 1; d < n + 2; d++)
        count[d] += count[d - 1];
    for (uint32_t i = 0; i < n; i++)
        if (recipe_of(e, i)->way != TGL__NOTHING)
            e->order[count[e->depth[i]]++] = i;
}

static tgl__span *new_span(event_planner *e, tgl__span **spans, uint32_t *n,
                           uint32_t *capacity)
{
    if (!tgl__grow(spans, *n, capacity, sizeof **spans)) {
        e->p->failed = true;
        return NULL;
    }
    tgl__span *span = &(*spans)[(*n)++];
    memset(span, 0, sizeof *span);
    return span;
}

static void plan_inputs(event_planner *e)
{
    const tgl_emulator *emulator = e->p->emulator;
    tgl__event *v = e->event;
    uint32_t n = emulator->n_input, end;
    int64_t *bounds = take_memory(e, 2 * (size_t)n, sizeof *bounds);
    for (uint32_t i = 0; i < n && !e->p->failed; i = end) {
        uint32_t lane = emulator->inputs[i].lane;
        for (end = i; end < n && emulator->inputs[end].lane == lane; end++) {
            bounds[end] = emulator->inputs[end].lo;
            bounds[n + end] = emulator->inputs[end].hi;
        }
        tgl__span *span = new_span(e, &v->inputs, &v->n_input, &v->cap_input);
        if (span == NULL)
            return;
        *span = (tgl__span){
            lane, take_cells(e, end - i, lane), i, end - i, bounds + i, bounds + n + i};
        for (uint32_t k = i; k < end; k++) {
            uint32_t value = tgl_program_input(e->program, k)->value;
            settle(e, &value, 1, lane, span->offset + ((k - i) << (lane + 1)));
        }
    }
}

static void plan_outputs(event_planner *e)
{
    const tgl_emulator *emulator = e->p->emulator;
    tgl__event *v = e->event;
    tgl__span *span = NULL;
    for (uint32_t i = 0; i < emulator->n_output && !e->p->failed; i++) {
        uint32_t value = tgl_program_output(e->program, i)->value;
        uint32_t lane = emulator->outputs[i].lane;
        bring(e, &value, 1, lane);
        uint32_t at = cell(e, value, lane);
        if (span != NULL && span->lane == lane &&
            at == span->offset + (span->n << (lane + 1))) {
            span->n++;
            continue;
        }
        span = new_span(e, &v->outputs, &v->n_output, &v->cap_output);
        if (span != NULL)
            *span = (tgl__span){lane, at, i, 1, NULL, NULL};
    }
}

static void plan_all(event_planner *e, uint32_t *count, uint32_t *leader)
{
    uint32_t n_value = tgl_program_n_value(e->program), end;
    for (uint32_t i = 0; i < n_value; i++)
        for (uint32_t lane = 0; lane < TGL__N_LANE; lane++)
            e->p->values[i].slots[lane] = TGL__NO_SLOT;
    plan_inputs(e);
    sort_by_depth(e, count);
    for (uint32_t i = 0; i < e->n_order && !e->p->failed && !too_big(e); i = end) {
        for (end = i;
             end < e->n_order && e->depth[e->order[end]] == e->depth[e->order[i]];)
            end++;
        plan_depth(e, e->order + i, end - i, leader, count);
    }
    if (!e->p->failed && !too_big(e))
        plan_outputs(e);
    e->event->size += 64; /* whole vectors are read from any cell on */
}

static size_t widest_list(const tgl_program *program)
{
    size_t widest = tgl_program_n_op(program);
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++)
        if (tgl_program_op(program, i)->n_arg > widest)
            widest = tgl_program_op(program, i)->n_arg;
    return widest + 1;
}

void tgl__plan_event(tgl__planner *p)
{
    uint32_t n = tgl_program_n_op(p->program);
    if (n > MAX_OPERATION)
        return;
    event_planner e = {.p = p, .program = p->program};
    e.event = tgl__calloc(1, sizeof *e.event);
    /* depth, order, group, members, leader: n each; count: n + 2 */
    uint32_t *room = tgl__calloc(6 * (size_t)n + 2, sizeof *room);
    e.list = tgl__calloc(widest_list(p->program), sizeof *e.list);
    if (e.event == NULL || room == NULL || e.list == NULL) {
        p->failed = true;
    } else {
        e.depth = room;
        e.order = room + n;
        e.group = room + 2 * (size_t)n;
        e.members = room + 3 * (size_t)n;
        plan_all(&e, room + 5 * (size_t)n, room + 4 * (size_t)n);
    }
    tgl__free(room);
    tgl__free(e.list);
    if (p->failed || too_big(&e)) {
        tgl__event_free(e.event);
        return;
    }
    p->emulator->event = e.event;
    if (e.event->size > p->emulator->scratch_size)
        p->emulator->scratch_size = e.event->size;
}

void tgl__event_free(tgl__event *event)
{
    if (event == NULL)
        return;
    tgl__free(event->inputs);
    tgl__free(event->outputs);
    tgl__free(event->literals);
    tgl__free(event->sweeps);
    tgl__free(event);
}
