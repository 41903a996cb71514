/* Operations with their ranges: the arithmetic of src/program/verify.c on the same
 * intervals, so that what is emitted verifies. */
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"
#include "lower/lower.h"

uint32_t tgl__input(const tgl__lowering *l, uint32_t which, uint32_t j)
{
    uint64_t first = tgl__graph_first(l->graph, l->node->inputs[which]);
    return l->result[first + j];
}

tgl_type tgl__value_type(const tgl__lowering *l, uint32_t value)
{
    return tgl_program_value_type(l->program, value);
}

static tgl_status fail_width(const tgl__lowering *l, const char *role)
{
    return tgl__fail(l->err, TGL_ELIMIT,
                     "node '%s': element %d: %s: expected at most %d bits, found more",
                     l->node->name, (int)l->element, role, TGL_MAX_WIDTH);
}

tgl_status tgl__note_range(tgl__lowering *l, uint32_t value, const tgl_interval *range)
{
    if (value >= l->capacity) {
        size_t capacity = 2 * (size_t)value + 64;
        tgl_interval *more = tgl__realloc(l->range, capacity, sizeof *more);
        if (!more)
            return tgl__fail_nomem(l->err);
        l->range = more;
        l->capacity = capacity;
    }
    l->range[value] = *range;
    return TGL_OK;
}

static tgl_status emit(tgl__lowering *l, uint32_t *out, tgl_op *op,
                       const tgl_interval *range, const char *role)
{
    uint32_t value;
    op->origin = (tgl_origin){l->node->name, l->element, role};
    TGL_TRY(tgl_program_add_op(l->program, op, &value, l->err));
    *out = value;
    return tgl__note_range(l, value, range);
}

tgl_status tgl__emit_const(tgl__lowering *l, uint32_t *out, int64_t code, tgl_type type,
                           const char *role)
{
    tgl_interval range = {code, code, type.frac};
    tgl_op op = {.code = TGL_OP_CONST, .type = type, .imm = code, .ref = TGL_NONE};
    return emit(l, out, &op, &range, role);
}

tgl_status tgl__emit_param(tgl__lowering *l, uint32_t *out, uint32_t slot,
                           uint32_t element, const char *role)
{
    const tgl_slot *s = tgl_program_slot(l->program, slot);
    tgl_interval range = {s->lo, s->hi, s->type.frac};
    tgl_op op = {.code = TGL_OP_PARAM, .type = s->type, .ref = slot, .element = element};
    return emit(l, out, &op, &range, role);
}

static bool extremes(tgl_interval *out, tgl_opcode code, tgl_interval a, tgl_interval b)
{
    int frac = a.frac > b.frac ? a.frac : b.frac;
    bool ok = tgl__interval_align(&a, frac) && tgl__interval_align(&b, frac);
    bool greater = code == TGL_OP_MAX;
    *out = (tgl_interval){(a.lo > b.lo) == greater ? a.lo : b.lo,
                          (a.hi > b.hi) == greater ? a.hi : b.hi, frac};
    return ok;
}

tgl_status tgl__emit_two(tgl__lowering *l, uint32_t *out, tgl_opcode code, uint32_t a,
                         uint32_t b, const char *role)
{
    tgl_interval range = {0, 0, 0};
    const tgl_interval *x = &l->range[a], *y = &l->range[b];
    bool ok = code == TGL_OP_ADD   ? tgl__interval_add(&range, x, y)
              : code == TGL_OP_SUB ? tgl__interval_sub(&range, x, y)
              : code == TGL_OP_MUL ? tgl__interval_mul(&range, x, y)
                                   : extremes(&range, code, *x, *y);
    tgl_op op = {
        .code = code, .n_arg = 2, .args = (const uint32_t[]){a, b}, .ref = TGL_NONE};
    if (ok && code == TGL_OP_MUL && a == b && range.lo < 0)
        range.lo = 0; /* a square */
    if (!ok || !tgl__interval_type(&op.type, &range))
        return fail_width(l, role);
    return emit(l, out, &op, &range, role);
}

tgl_status tgl__emit_compare(tgl__lowering *l, uint32_t *out, tgl_relation relation,
                             uint32_t a, uint32_t b, const char *role)
{
    tgl_interval range = {0, 1, 0};
    tgl_op op = {.code = TGL_OP_COMPARE,
                 .type = {0, 1, 0},
                 .n_arg = 2,
                 .args = (const uint32_t[]){a, b},
                 .relation = relation,
                 .ref = TGL_NONE};
    return emit(l, out, &op, &range, role);
}

tgl_status tgl__emit_select(tgl__lowering *l, uint32_t *out, uint32_t c, uint32_t a,
                            uint32_t b, const char *role)
{
    const tgl_interval *x = &l->range[a], *y = &l->range[b];
    tgl_interval range = {x->lo < y->lo ? x->lo : y->lo, x->hi > y->hi ? x->hi : y->hi,
                          x->frac};
    tgl_op op = {.code = TGL_OP_SELECT,
                 .n_arg = 3,
                 .args = (const uint32_t[]){c, a, b},
                 .ref = TGL_NONE};
    if (!tgl__interval_type(&op.type, &range))
        return fail_width(l, role);
    return emit(l, out, &op, &range, role);
}

static bool is_above(const tgl_interval *i, tgl_wide bound)
{
    return i->lo < -bound || i->hi >= bound;
}

/* The bounds of src/program/verify.c: the power of two above both, from 0 where no sign
 * can be set; and-ing with what is not negative never exceeds that. */
tgl_status tgl__emit_bitwise(tgl__lowering *l, uint32_t *out, tgl_opcode code, uint32_t a,
                             uint32_t b, const char *role)
{
    const tgl_interval *x = &l->range[a], *y = &l->range[b];
    tgl_wide bound = 1;
    while (is_above(x, bound) || is_above(y, bound))
        bound *= 2;
    bool x_low = x->lo >= 0, y_low = y->lo >= 0;
    tgl_interval range = {x_low && y_low ? 0 : -bound, bound - 1, x->frac};
    if (code == TGL_OP_AND && (x_low || y_low)) {
        range.lo = 0;
        range.hi = !x_low ? y->hi : !y_low ? x->hi : x->hi < y->hi ? x->hi : y->hi;
    }
    if (code == TGL_OP_OR && (x->hi < 0 || y->hi < 0))
        range.hi = -1;
    tgl_op op = {
        .code = code, .n_arg = 2, .args = (const uint32_t[]){a, b}, .ref = TGL_NONE};
    if (!tgl__interval_type(&op.type, &range))
        return fail_width(l, role);
    return emit(l, out, &op, &range, role);
}

tgl_status tgl__emit_shift(tgl__lowering *l, uint32_t *out, uint32_t a, int left,
                           const char *role)
{
    *out = a;
    if (left == 0)
        return TGL_OK;
    tgl_interval range = l->range[a];
    range.frac -= left;
    tgl_op op = {.code = TGL_OP_SHIFT,
                 .type = tgl__value_type(l, a),
                 .n_arg = 1,
                 .args = &a,
                 .imm = left,
                 .ref = TGL_NONE};
    op.type.frac = (int16_t)range.frac;
    return emit(l, out, &op, &range, role);
}

tgl_status tgl__emit_shift_value(tgl__lowering *l, uint32_t *out, uint32_t a, uint32_t b,
                                 int32_t lo, int32_t hi, const char *role)
{
    const tgl_interval *x = &l->range[a], *s = &l->range[b];
    int top = hi > 0 ? hi : 0;
    tgl_interval far = {x->lo, x->hi, 0}, near = far, range;
    bool ok = tgl__interval_align(&far, top - (int)s->lo) &&
              tgl__interval_align(&near, top - (int)s->hi);
    range = (tgl_interval){far.lo < near.lo ? far.lo : near.lo,
                           far.hi > near.hi ? far.hi : near.hi, x->frac + top};
    tgl_op op = {.code = TGL_OP_SHIFT_VALUE,
                 .n_arg = 2,
                 .args = (const uint32_t[]){a, b},
                 .shift_lo = lo,
                 .shift_hi = hi,
                 .ref = TGL_NONE};
    if (!ok || !tgl__interval_type(&op.type, &range))
        return fail_width(l, role);
    return emit(l, out, &op, &range, role);
}

tgl_status tgl__emit_table(tgl__lowering *l, uint32_t *out, uint32_t table,
                           uint32_t index, const char *role)
{
    const tgl_table_data *t = tgl_program_table(l->program, table);
    const tgl_interval *at = &l->range[index];
    tgl_interval range = {INT64_MAX, INT64_MIN, t->type.frac};
    for (tgl_wide i = at->lo; t->slot == TGL_NONE && i <= at->hi; i++) {
        range.lo = t->codes[i] < range.lo ? t->codes[i] : range.lo;
        range.hi = t->codes[i] > range.hi ? t->codes[i] : range.hi;
    }
    if (t->slot != TGL_NONE) {
        range.lo = tgl_program_slot(l->program, t->slot)->lo;
        range.hi = tgl_program_slot(l->program, t->slot)->hi;
    }
    tgl_op op = {
        .code = TGL_OP_TABLE, .type = t->type, .n_arg = 1, .args = &index, .ref = table};
    return emit(l, out, &op, &range, role);
}

static bool changes_nothing(const tgl__lowering *l, uint32_t a, const tgl_quant *quant)
{
    if (!tgl_type_equal(tgl__value_type(l, a), quant->type))
        return false;
    return quant->overflow != TGL_SAT_SYM || !quant->type.is_signed ||
           l->range[a].lo > tgl_type_min(quant->type);
}

tgl_status tgl__emit_cast(tgl__lowering *l, uint32_t *out, uint32_t a,
                          const tgl_quant *quant, const char *role)
{
    *out = a;
    if (changes_nothing(l, a, quant))
        return TGL_OK;
    tgl_interval range = tgl__interval_quantise(&l->range[a], quant);
    tgl_op op = {.code = TGL_OP_QUANTISE,
                 .type = quant->type,
                 .round = quant->round,
                 .overflow = quant->overflow,
                 .n_arg = 1,
                 .args = &a,
                 .ref = TGL_NONE};
    return emit(l, out, &op, &range, role);
}

tgl_status tgl__emit_align(tgl__lowering *l, uint32_t *out, uint32_t a, int frac,
                           const char *role)
{
    *out = a;
    if (l->range[a].frac == frac)
        return TGL_OK;
    tgl_interval range = l->range[a];
    tgl_quant quant = {{0, 1, 0}, TGL_TRN, TGL_WRAP};
    if (!tgl__interval_align(&range, frac) || !tgl__interval_type(&quant.type, &range))
        return fail_width(l, role);
    return tgl__emit_cast(l, out, a, &quant, role);
}

tgl_status tgl__emit_affine(tgl__lowering *l, uint32_t *first, uint32_t number,
                            const uint32_t *args, const tgl_affine *affine)
{
    tgl_interval range = tgl__interval_of_type(affine->acc.type);
    tgl_op op = {.code = TGL_OP_AFFINE,
                 .type = affine->acc.type,
                 .n_arg = affine->n_in,
                 .n_value = affine->n_out,
                 .args = args,
                 .ref = number};
    l->element = -1;
    TGL_TRY(emit(l, first, &op, &range, "accumulator"));
    for (uint32_t i = 1; i < affine->n_out; i++)
        TGL_TRY(tgl__note_range(l, *first + i, &range));
    return TGL_OK;
}

tgl_status tgl__make_slot(tgl__lowering *l, uint32_t *number, const char *member,
                          tgl_slot_kind kind, tgl_type type, int64_t lo, int64_t hi,
                          uint32_t count, const int64_t *defaults)
{
    char name[256];
    int n = snprintf(name, sizeof name, "%s.%s", l->node->name, member);
    if (n < 0 || (size_t)n >= sizeof name)
        return tgl__fail(l->err, TGL_ELIMIT, "node '%.60s': the name is too long",
                         l->node->name);
    tgl_slot slot = {name, kind, type, lo, hi, count};
    return tgl_program_add_slot(l->program, &slot, defaults, number, l->err);
}
