/* Seeded random programs, inputs and payloads that verify by construction: each result's
 * type is the narrowest that holds what the arguments' types allow. Header-only, so that
 * any test can use it; needs fixed/wide.h (tests see src/). */
#ifndef TESTS_RANDOM_PROGRAM_H
#define TESTS_RANDOM_PROGRAM_H

#include <stdio.h>
#include <string.h>

#include <trigline/program.h>

#include "fixed/wide.h"

typedef struct random_options {
    uint64_t seed;
    uint32_t n_input, n_op;
    int max_width; /* of any value, 4 … 63 */
    int no_affine; /* leave out what is named */
    int no_shift_value;
    int no_slots;
} random_options;

typedef struct random_maker {
    tgl_program *program;
    random_options o;
    uint64_t state;
    tgl_error *err;
    tgl_status status;
} random_maker;

static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint32_t random_below(random_maker *m, uint32_t n)
{
    return (uint32_t)(random_next(&m->state) % n);
}

static inline int64_t random_code(uint64_t *state, int64_t lo, int64_t hi)
{
    uint64_t span = (uint64_t)hi - (uint64_t)lo;
    switch (random_next(state) % 8) { /* corners often: that is where arithmetic breaks */
    case 0:
        return lo;
    case 1:
        return hi;
    case 2:
        return lo <= 0 && hi >= 0 ? 0 : lo;
    case 3:
        return lo <= -1 && hi >= -1 ? -1 : hi;
    default:
        return (int64_t)((uint64_t)lo + (span == UINT64_MAX
                                             ? random_next(state)
                                             : random_next(state) % (span + 1)));
    }
}

static inline tgl_type random_type(random_maker *m, int max_width)
{
    int width = 1 + (int)random_below(m, (uint32_t)max_width);
    int frac = (int)random_below(m, (uint32_t)(width + 5)) - 2;
    return (tgl_type){(uint8_t)random_below(m, 2), (uint8_t)width, (int16_t)frac};
}

static inline tgl_type random_type_of(const random_maker *m, uint32_t value)
{
    return tgl_program_value_type(m->program, value);
}

static inline uint32_t random_value(random_maker *m)
{
    return random_below(m, tgl_program_n_value(m->program));
}

static inline uint32_t random_put(random_maker *m, tgl_op *op)
{
    char layer[16];
    uint32_t value = 0;
    snprintf(layer, sizeof layer, "layer_%u", tgl_program_n_op(m->program) % 7);
    op->origin = (tgl_origin){layer, (int32_t)(tgl_program_n_op(m->program) % 3) - 1,
                              tgl_opcode_name(op->code)};
    if (m->status == TGL_OK)
        m->status = tgl_program_add_op(m->program, op, &value, m->err);
    return value;
}

static inline uint32_t random_cast(random_maker *m, uint32_t value, tgl_type type)
{
    tgl_op op = {.code = TGL_OP_QUANTISE,
                 .type = type,
                 .n_arg = 1,
                 .args = &value,
                 .ref = TGL_NONE};
    op.round = (tgl_round)random_below(m, TGL_N_ROUND);
    op.overflow = (tgl_overflow)random_below(m, TGL_N_OVERFLOW);
    return random_put(m, &op);
}

/* The operation with the narrowest type that holds `range`; a no-op when none does. */
static inline void random_put_fitting(random_maker *m, tgl_op *op, bool good,
                                      const tgl_interval *range)
{
    if (good && tgl__interval_type(&op->type, range) &&
        op->type.width <= m->o.max_width && op->type.frac >= -200 && op->type.frac <= 200)
        (void)random_put(m, op);
}

static inline void random_arithmetic(random_maker *m)
{
    static const tgl_opcode codes[] = {TGL_OP_ADD, TGL_OP_SUB,   TGL_OP_NEG,
                                       TGL_OP_MUL, TGL_OP_MIN,   TGL_OP_MAX,
                                       TGL_OP_NOT, TGL_OP_SHIFT, TGL_OP_COMPARE};
    uint32_t args[2] = {random_value(m), random_value(m)};
    tgl_op op = {
        .code = codes[random_below(m, 9)], .n_arg = 2, .args = args, .ref = TGL_NONE};
    tgl_interval a = tgl__interval_of_type(random_type_of(m, args[0])),
                 b = tgl__interval_of_type(random_type_of(m, args[1])), r = a;
    int frac = a.frac > b.frac ? a.frac : b.frac;
    bool good = true;
    switch (op.code) {
    case TGL_OP_ADD:
        good = tgl__interval_add(&r, &a, &b);
        break;
    case TGL_OP_SUB:
        good = tgl__interval_sub(&r, &a, &b);
        break;
    case TGL_OP_MUL:
        good = tgl__interval_mul(&r, &a, &b);
        break;
    case TGL_OP_NEG:
        op.n_arg = 1;
        r = (tgl_interval){-a.hi, -a.lo, a.frac};
        break;
    case TGL_OP_NOT:
        op.n_arg = 1;
        r = (tgl_interval){-1 - a.hi, -1 - a.lo, a.frac};
        break;
    case TGL_OP_SHIFT:
        op.n_arg = 1;
        op.imm = (int64_t)random_below(m, 9) - 4;
        r.frac = a.frac - (int)op.imm;
        break;
    case TGL_OP_COMPARE:
        op.relation = (tgl_relation)random_below(m, 6);
        good = tgl__interval_align(&a, frac) && tgl__interval_align(&b, frac);
        r = (tgl_interval){0, 1, 0};
        break;
    default: /* MIN, MAX: the hull */
        good = tgl__interval_align(&a, frac) && tgl__interval_align(&b, frac);
        r = (tgl_interval){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi, frac};
    }
    random_put_fitting(m, &op, good, &r);
}

/* A value with the binary point `frac`. */
static inline uint32_t random_on_grid(random_maker *m, int frac)
{
    uint32_t value = random_value(m);
    if (random_type_of(m, value).frac == frac)
        return value;
    tgl_type type = random_type(m, m->o.max_width > 60 ? 60 : m->o.max_width);
    type.frac = (int16_t)frac;
    return random_cast(m, value, type);
}

static inline void random_bitwise(random_maker *m)
{
    uint32_t args[2] = {random_value(m), 0};
    tgl_type a = random_type_of(m, args[0]);
    args[1] = random_on_grid(m, a.frac);
    tgl_type b = random_type_of(m, args[1]);
    int width = (a.width > b.width ? a.width : b.width) + 1;
    tgl_op op = {.code = (tgl_opcode)(TGL_OP_AND + random_below(m, 3)),
                 .n_arg = 2,
                 .args = args,
                 .ref = TGL_NONE,
                 .type = {1, (uint8_t)width, a.frac}};
    if (width <= m->o.max_width)
        (void)random_put(m, &op);
}

static inline void random_choice(random_maker *m)
{
    uint32_t args[9];
    uint32_t bits = random_below(m, 4), n = 1u << bits;
    bool pick = random_below(m, 2) != 0;
    args[0] = pick ? random_cast(m, random_value(m),
                                 (tgl_type){0, (uint8_t)(bits == 0 ? 1 : bits), 0})
                   : random_value(m);
    if (bits == 0)
        n = 2;
    if (!pick)
        n = 2;
    uint32_t first = random_value(m);
    tgl_interval hull = tgl__interval_of_type(random_type_of(m, first));
    args[1] = first;
    for (uint32_t i = 1; i < n; i++) {
        args[1 + i] = random_on_grid(m, hull.frac);
        tgl_interval r = tgl__interval_of_type(random_type_of(m, args[1 + i]));
        hull.lo = r.lo < hull.lo ? r.lo : hull.lo;
        hull.hi = r.hi > hull.hi ? r.hi : hull.hi;
    }
    tgl_op op = {.code = pick ? TGL_OP_PICK : TGL_OP_SELECT,
                 .n_arg = n + 1,
                 .args = args,
                 .ref = TGL_NONE};
    random_put_fitting(m, &op, true, &hull);
}

static inline uint32_t random_slot(random_maker *m, tgl_slot_kind kind, tgl_type type,
                                   uint32_t count)
{
    char name[32];
    int64_t defaults[256];
    uint32_t number = 0;
    snprintf(name, sizeof name, "slot_%u", tgl_program_n_slot(m->program));
    tgl_slot slot = {name, kind, type, tgl_type_min(type), tgl_type_max(type), count};
    for (uint32_t i = 0; i < count; i++)
        defaults[i] = random_code(&m->state, slot.lo, slot.hi);
    if (m->status == TGL_OK)
        m->status = tgl_program_add_slot(m->program, &slot, defaults, &number, m->err);
    return number;
}

static inline void random_table(random_maker *m)
{
    uint32_t bits = 1 + random_below(m, 6), number = 0;
    int64_t codes[64];
    char name[32];
    snprintf(name, sizeof name, "table_%u", tgl_program_n_table(m->program));
    tgl_type type = random_type(m, m->o.max_width);
    tgl_table_data table = {name, type, 1u << bits, codes, TGL_NONE};
    for (uint32_t i = 0; i < table.count; i++)
        codes[i] = random_code(&m->state, tgl_type_min(type), tgl_type_max(type));
    if (!m->o.no_slots && random_below(m, 3) == 0) {
        table.slot = random_slot(m, TGL_SLOT_TABLE, type, table.count);
        table.codes = NULL;
    }
    uint32_t index = random_cast(m, random_value(m), (tgl_type){0, (uint8_t)bits, 0});
    if (m->status == TGL_OK)
        m->status = tgl_program_add_table(m->program, &table, &number, m->err);
    tgl_op op = {
        .code = TGL_OP_TABLE, .type = type, .n_arg = 1, .args = &index, .ref = number};
    (void)random_put(m, &op);
}

static inline void random_leaf(random_maker *m)
{
    tgl_type type = random_type(m, m->o.max_width);
    tgl_op op = {.code = TGL_OP_CONST, .type = type, .ref = TGL_NONE};
    op.imm = random_code(&m->state, tgl_type_min(type), tgl_type_max(type));
    if (!m->o.no_slots && random_below(m, 2)) {
        op.code = TGL_OP_PARAM;
        op.ref = random_slot(m, TGL_SLOT_THRESHOLD, type, 3);
        op.element = random_below(m, 3);
    }
    (void)random_put(m, &op);
}

static inline void random_shift_value(random_maker *m)
{
    uint32_t bits = 1 + random_below(m, 3);
    uint32_t args[2] = {random_value(m), 0};
    args[1] = random_cast(m, random_value(m),
                          (tgl_type){(uint8_t)random_below(m, 2), (uint8_t)bits, 0});
    tgl_type shift = random_type_of(m, args[1]);
    tgl_op op = {.code = TGL_OP_SHIFT_VALUE, .n_arg = 2, .args = args, .ref = TGL_NONE};
    op.shift_lo = (int32_t)tgl_type_min(shift);
    op.shift_hi = (int32_t)tgl_type_max(shift);
    tgl_interval a = tgl__interval_of_type(random_type_of(m, args[0])), far = a;
    int top = op.shift_hi > 0 ? op.shift_hi : 0;
    bool good = tgl__interval_align(&far, a.frac + top - op.shift_lo);
    tgl_interval range = {far.lo < a.lo ? far.lo : a.lo, far.hi > a.hi ? far.hi : a.hi,
                          a.frac + top};
    random_put_fitting(m, &op, good, &range);
}

static inline void random_affine(random_maker *m)
{
    uint32_t args[8], order[8], number = 0;
    int64_t weights[40], bias[5];
    int width = m->o.max_width > 30 ? 30 : m->o.max_width;
    tgl_affine a = {.n_in = 1 + random_below(m, 8),
                    .n_out = 1 + random_below(m, 5),
                    .weight_slot = TGL_NONE,
                    .bias_slot = TGL_NONE};
    int finest = -1000;
    for (uint32_t i = 0; i < a.n_in; i++) {
        args[i] = random_value(m);
        tgl_type x = random_type_of(m, args[i]);
        if (x.width > width)
            args[i] = random_cast(m, args[i], random_type(m, width));
        x = random_type_of(m, args[i]);
        finest = x.frac > finest ? x.frac : finest;
        order[i] = i;
    }
    for (uint32_t i = a.n_in; i-- > 1;) {
        uint32_t j = random_below(m, i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    a.order = random_below(m, 2) ? order : NULL;
    a.weight_type = random_type(m, width);
    for (uint32_t i = 0; i < a.n_in * a.n_out; i++)
        weights[i] = random_below(m, 3) == 0
                         ? 0
                         : random_code(&m->state, tgl_type_min(a.weight_type),
                                       tgl_type_max(a.weight_type));
    a.weights = weights;
    if (!m->o.no_slots && random_below(m, 4) == 0) {
        a.weight_slot = random_slot(m, TGL_SLOT_WEIGHTS, a.weight_type, a.n_in * a.n_out);
        a.weights = NULL;
    }
    a.term_exact = (uint8_t)random_below(m, 2);
    a.acc.type = random_type(m, m->o.max_width);
    a.acc.overflow = (tgl_overflow)random_below(m, TGL_N_OVERFLOW);
    a.term.type = random_type(m, m->o.max_width);
    a.term.round = (tgl_round)random_below(m, TGL_N_ROUND);
    a.term.overflow = (tgl_overflow)random_below(m, TGL_N_OVERFLOW);
    if (random_below(m, 2)) { /* the deployed networks' way */
        a.term.round = TGL_TRN;
        a.term.overflow = a.acc.overflow = TGL_WRAP;
    }
    if (random_below(m, 2))
        a.term.type = a.acc.type;
    if (a.term_exact)
        a.acc.type.frac =
            (int16_t)(finest + a.weight_type.frac + (int)random_below(m, 2));
    a.term.type.frac = a.acc.type.frac;
    if (random_below(m, 2)) {
        a.bias = bias;
        a.bias_type = random_type(m, width);
        if (a.bias_type.frac > a.acc.type.frac)
            a.bias_type.frac = a.acc.type.frac;
        for (uint32_t i = 0; i < a.n_out; i++)
            bias[i] = random_code(&m->state, tgl_type_min(a.bias_type),
                                  tgl_type_max(a.bias_type));
        if (!m->o.no_slots && random_below(m, 3) == 0) {
            a.bias_slot = random_slot(m, TGL_SLOT_BIAS, a.bias_type, a.n_out);
            a.bias = NULL;
        }
    }
    if (m->status == TGL_OK)
        m->status = tgl_program_add_affine(m->program, &a, &number, m->err);
    tgl_op op = {.code = TGL_OP_AFFINE,
                 .type = a.acc.type,
                 .n_arg = a.n_in,
                 .args = args,
                 .ref = number,
                 .n_value = a.n_out};
    (void)random_put(m, &op);
}

static inline void random_step(random_maker *m)
{
    uint32_t kind = random_below(m, 16);
    if (kind < 6)
        random_arithmetic(m);
    else if (kind < 9)
        (void)random_cast(m, random_value(m), random_type(m, m->o.max_width));
    else if (kind < 10)
        random_bitwise(m);
    else if (kind < 12)
        random_choice(m);
    else if (kind < 13)
        random_table(m);
    else if (kind < 14 && !m->o.no_shift_value)
        random_shift_value(m);
    else if (kind < 15 && !m->o.no_affine)
        random_affine(m);
    else
        random_leaf(m);
}

/* A verified program; the same options give the same program. */
static inline tgl_status random_program(tgl_program **out, const random_options *options,
                                        tgl_error *err)
{
    random_maker m = {.o = *options, .state = options->seed, .err = err};
    char name[40];
    snprintf(name, sizeof name, "random_%llu", (unsigned long long)options->seed);
    m.status = tgl_program_new(&m.program, name, err);
    if (m.status != TGL_OK)
        return m.status;
    for (uint32_t i = 0; i < options->n_input && m.status == TGL_OK; i++) {
        snprintf(name, sizeof name, "x%u", i);
        m.status = tgl_program_add_input(m.program, name,
                                         random_type(&m, options->max_width), NULL, err);
    }
    for (uint32_t i = 0; i < options->n_op && m.status == TGL_OK; i++)
        random_step(&m);
    uint32_t n = tgl_program_n_value(m.program);
    for (uint32_t v = 0; v < n && m.status == TGL_OK; v++) {
        if (v + 1 < n && random_below(&m, 4) != 0)
            continue;
        snprintf(name, sizeof name, "y%u", v);
        m.status = tgl_program_add_output(m.program, name, v, err);
    }
    if (m.status == TGL_OK)
        m.status = tgl_program_verify(m.program, err);
    if (m.status != TGL_OK) {
        tgl_program_free(m.program);
        return m.status;
    }
    *out = m.program;
    return TGL_OK;
}

/* (n_event, n_input) codes within the ports' types, corners often. */
static inline void random_inputs(int64_t *in, const tgl_program *program, size_t n_event,
                                 uint64_t seed)
{
    uint32_t n = tgl_program_n_input(program);
    for (size_t e = 0; e < n_event; e++)
        for (uint32_t i = 0; i < n; i++) {
            tgl_type type = tgl_program_input(program, i)->type;
            in[e * n + i] = random_code(&seed, tgl_type_min(type), tgl_type_max(type));
        }
}

/* Random codes for every element of every slot. */
static inline tgl_status random_payload(tgl_payload *payload, const tgl_program *program,
                                        uint64_t seed, tgl_error *err)
{
    for (uint32_t s = 0; s < tgl_program_n_slot(program); s++) {
        const tgl_slot *slot = tgl_program_slot(program, s);
        for (uint32_t i = 0; i < slot->count; i++) {
            int64_t code = random_code(&seed, slot->lo, slot->hi);
            tgl_status status = tgl_payload_set(payload, slot->name, i, 1, &code, err);
            if (status != TGL_OK)
                return status;
        }
    }
    return TGL_OK;
}

#endif
