/* The proof that only QUANTISE (and the casts inside AFFINE) can lose bits: interval
 * arithmetic over every operation, whatever the payload. */
#include "program/program.h"

typedef struct proof {
    const tgl_program *program;
    const tgl_op *op;
    uint32_t index;
    tgl_error *err;
} proof;

static tgl_interval range_of(const proof *p, uint32_t value)
{
    const tgl_program *program = p->program;
    return (tgl_interval){program->lo[value], program->hi[value],
                          program->ops[program->value_op[value]].type.frac};
}

static tgl_interval arg_range(const proof *p, uint32_t i)
{
    return range_of(p, p->op->args[i]);
}

static tgl_status refuse(const proof *p, const char *why)
{
    char where[TGL__OP_TEXT];
    tgl__op_text(where, p->program, p->index);
    return tgl__fail(p->err, TGL_ELIMIT, "%s: %s", where, why);
}

static tgl_status refuse_frac(const proof *p, int expected, int found)
{
    char where[TGL__OP_TEXT];
    tgl__op_text(where, p->program, p->index);
    return tgl__fail(p->err, TGL_EUSAGE, "%s: expected binary point %d, found %d", where,
                     expected, found);
}

static tgl_status refuse_range(const proof *p, const char *what,
                               const tgl_interval *interval, int64_t lo, int64_t hi)
{
    char where[TGL__OP_TEXT];
    tgl__op_text(where, p->program, p->index);
    return tgl__fail(p->err, TGL_ELIMIT,
                     "%s: %s may reach [%.6g, %.6g], expected codes in "
                     "[%lld, %lld]",
                     where, what, (double)interval->lo, (double)interval->hi,
                     (long long)lo, (long long)hi);
}

static tgl_interval join(tgl_interval a, tgl_interval b)
{
    return (tgl_interval){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi, a.frac};
}

static int finest_argument(const proof *p, uint32_t from)
{
    int frac = arg_range(p, from).frac;
    for (uint32_t i = from + 1; i < p->op->n_arg; i++)
        if (arg_range(p, i).frac > frac)
            frac = arg_range(p, i).frac;
    return frac;
}

/* The binary point by the opcode table's rule. */
static tgl_status check_frac(const proof *p, tgl__frac_rule rule)
{
    const tgl_op *op = p->op;
    int expected = op->type.frac;
    switch (rule) {
    case TGL__FRAC_FREE:
    case TGL__FRAC_TYPE:
        break;
    case TGL__FRAC_MAX:
        expected = finest_argument(p, 0);
        break;
    case TGL__FRAC_SUM:
        expected = arg_range(p, 0).frac + arg_range(p, 1).frac;
        break;
    case TGL__FRAC_SHIFT:
        if (op->imm < -2 * TGL__MAX_FRAC || op->imm > 2 * TGL__MAX_FRAC)
            return refuse(p, "the shift is out of bounds");
        expected = arg_range(p, 0).frac - (int)op->imm;
        break;
    case TGL__FRAC_SHIFT_VALUE:
        expected = arg_range(p, 0).frac + (op->shift_hi > 0 ? op->shift_hi : 0);
        break;
    case TGL__FRAC_EQUAL:
    case TGL__FRAC_EQUAL_REST:
        for (uint32_t i = rule == TGL__FRAC_EQUAL_REST; i < op->n_arg; i++)
            if (arg_range(p, i).frac != op->type.frac)
                return refuse_frac(p, arg_range(p, i).frac, op->type.frac);
        break;
    }
    return expected == op->type.frac ? TGL_OK : refuse_frac(p, expected, op->type.frac);
}

static tgl_status range_arithmetic(tgl_interval *out, const proof *p)
{
    tgl_interval a = arg_range(p, 0), b = p->op->n_arg > 1 ? arg_range(p, 1) : a;
    bool good = true;
    switch (p->op->code) {
    case TGL_OP_ADD:
        good = tgl__interval_add(out, &a, &b);
        break;
    case TGL_OP_SUB:
        good = tgl__interval_sub(out, &a, &b);
        break;
    case TGL_OP_MUL:
        good = tgl__interval_mul(out, &a, &b);
        if (good && p->op->args[0] == p->op->args[1] && out->lo < 0)
            out->lo = 0; /* a square */
        break;
    case TGL_OP_NEG:
        *out = (tgl_interval){-a.hi, -a.lo, a.frac};
        break;
    case TGL_OP_SHIFT:
        *out = a;
        out->frac = p->op->type.frac;
        break;
    default: /* MIN, MAX */
        good = tgl__interval_align(&a, p->op->type.frac) &&
               tgl__interval_align(&b, p->op->type.frac);
        if (p->op->code == TGL_OP_MIN)
            *out = (tgl_interval){a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi,
                                  a.frac};
        else
            *out = (tgl_interval){a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi,
                                  a.frac};
    }
    return good ? TGL_OK : refuse(p, "the exact result exceeds 126 bits");
}

static tgl_status range_compare(tgl_interval *out, const proof *p)
{
    tgl_type one_bit = {0, 1, 0};
    if (!tgl_type_equal(p->op->type, one_bit))
        return refuse(p, "expected the type ufixed<1,1>");
    tgl_interval a = arg_range(p, 0), b = arg_range(p, 1);
    int frac = a.frac > b.frac ? a.frac : b.frac;
    if (!tgl__interval_align(&a, frac) || !tgl__interval_align(&b, frac))
        return refuse(p, "the arguments do not align within 126 bits");
    *out = (tgl_interval){0, 1, 0};
    return TGL_OK;
}

/* One past the largest magnitude a bitwise result can have: a power of two. */
static tgl_wide bit_bound(tgl_interval a, tgl_interval b)
{
    tgl_wide bound = 1;
    while (a.lo < -bound || b.lo < -bound || a.hi >= bound || b.hi >= bound)
        bound *= 2;
    return bound;
}

static tgl_status range_bitwise(tgl_interval *out, const proof *p)
{
    tgl_interval a = arg_range(p, 0);
    if (p->op->code == TGL_OP_NOT) {
        *out = (tgl_interval){-1 - a.hi, -1 - a.lo, a.frac};
        return TGL_OK;
    }
    tgl_interval b = arg_range(p, 1);
    tgl_wide bound = bit_bound(a, b);
    bool a_low = a.lo >= 0, b_low = b.lo >= 0;
    *out = (tgl_interval){a_low && b_low ? 0 : -bound, bound - 1, a.frac};
    if (p->op->code == TGL_OP_AND &&
        (a_low || b_low)) { /* not above a non-negative one */
        out->lo = 0;
        out->hi = !a_low ? b.hi : !b_low ? a.hi : a.hi < b.hi ? a.hi : b.hi;
    }
    if (p->op->code == TGL_OP_OR && (a.hi < 0 || b.hi < 0))
        out->hi = -1;
    return TGL_OK;
}

static tgl_status range_choice(tgl_interval *out, const proof *p)
{
    tgl_interval index = arg_range(p, 0);
    uint32_t n = p->op->n_arg - 1;
    if (p->op->code == TGL_OP_SELECT) {
        tgl_interval a = arg_range(p, 1), b = arg_range(p, 2);
        bool always = index.lo > 0 || index.hi < 0,
             never = index.lo == 0 && index.hi == 0;
        *out = always ? a : never ? b : join(a, b);
        return TGL_OK;
    }
    if (index.frac != 0)
        return refuse_frac(p, 0, index.frac);
    if (index.lo < 0 || index.hi > (tgl_wide)n - 1)
        return refuse_range(p, "the index", &index, 0, (int64_t)n - 1);
    *out = arg_range(p, 1 + (uint32_t)index.lo);
    for (uint32_t i = (uint32_t)index.lo + 1; i <= (uint32_t)index.hi; i++)
        *out = join(*out, arg_range(p, 1 + i));
    return TGL_OK;
}

static tgl_status range_table(tgl_interval *out, const proof *p)
{
    const tgl_table_data *table = &p->program->tables[p->op->ref];
    tgl_interval index = arg_range(p, 0);
    if (!tgl_type_equal(p->op->type, table->type))
        return refuse(p, "the type is not the table's");
    if (index.frac != 0)
        return refuse_frac(p, 0, index.frac);
    if (index.lo < 0 || index.hi >= table->count)
        return refuse_range(p, "the index", &index, 0, (int64_t)table->count - 1);
    if (table->slot != TGL_NONE) {
        const tgl_slot *slot = &p->program->slots[table->slot];
        *out = (tgl_interval){slot->lo, slot->hi, table->type.frac};
        return TGL_OK;
    }
    int64_t lo = table->codes[(size_t)index.lo], hi = lo;
    for (size_t i = (size_t)index.lo; i <= (size_t)index.hi; i++) {
        lo = table->codes[i] < lo ? table->codes[i] : lo;
        hi = table->codes[i] > hi ? table->codes[i] : hi;
    }
    *out = (tgl_interval){lo, hi, table->type.frac};
    return TGL_OK;
}

static tgl_status range_shift_value(tgl_interval *out, const proof *p)
{
    tgl_interval a = arg_range(p, 0), b = arg_range(p, 1);
    const tgl_op *op = p->op;
    if (b.frac != 0)
        return refuse_frac(p, 0, b.frac);
    if (b.lo < op->shift_lo || b.hi > op->shift_hi)
        return refuse_range(p, "the shift", &b, op->shift_lo, op->shift_hi);
    int top = op->shift_hi > 0 ? op->shift_hi : 0;
    /* left shifts of the code by top - b: the largest on the outer ends */
    int most = top - (int)b.lo, least = top - (int)b.hi;
    tgl_interval far = a, near = a;
    far.frac = near.frac = 0;
    if (!tgl__interval_align(&far, most) || !tgl__interval_align(&near, least))
        return refuse(p, "the exact result exceeds 126 bits");
    far.frac = near.frac = op->type.frac;
    *out = join(far, near);
    return TGL_OK;
}

/* ---- affine ---- */

static tgl_interval weight_range(const proof *p, const tgl_affine *a, size_t at)
{
    tgl_interval w = {0, 0, a->weight_type.frac};
    if (a->weight_slot != TGL_NONE) {
        w.lo = p->program->slots[a->weight_slot].lo;
        w.hi = p->program->slots[a->weight_slot].hi;
    } else {
        w.lo = w.hi = a->weights[at];
    }
    return w;
}

static tgl_interval bias_range(const proof *p, const tgl_affine *a, uint32_t row)
{
    tgl_interval b = {0, 0, a->acc.type.frac};
    if (a->bias_slot != TGL_NONE) {
        b = (tgl_interval){p->program->slots[a->bias_slot].lo,
                           p->program->slots[a->bias_slot].hi, a->bias_type.frac};
    } else if (a->bias != NULL) {
        b = (tgl_interval){a->bias[row], a->bias[row], a->bias_type.frac};
    }
    return b;
}

/* A product on the accumulator's grid. */
static bool term_range(tgl_interval *out, const tgl_affine *a, const tgl_interval *x,
                       const tgl_interval *w)
{
    tgl_interval product;
    if (!tgl__interval_mul(&product, x, w))
        return false;
    if (!a->term_exact) {
        *out = tgl__interval_quantise(&product, &a->term);
        return true;
    }
    *out = product;
    return tgl__interval_align(out, a->acc.type.frac);
}

/* One row over the arguments' ranges `x`. Under WRAP only the total counts (sums modulo
 * 2^width do not depend on the way); the saturating modes are followed step by step. */
static tgl_status range_row(tgl_interval *out, const proof *p, const tgl_affine *a,
                            const tgl_interval *x, uint32_t row)
{
    bool step_by_step = a->acc.overflow != TGL_WRAP;
    tgl_interval sum = bias_range(p, a, row);
    if (!tgl__interval_align(&sum, a->acc.type.frac))
        return refuse(p, "the bias does not align within 126 bits");
    if (step_by_step)
        sum = tgl__interval_quantise(&sum, &a->acc);
    for (uint32_t k = 0; k < a->n_in; k++) {
        uint32_t j = a->order == NULL ? k : a->order[k];
        tgl_interval term, w = weight_range(p, a, (size_t)row * a->n_in + j);
        if (w.lo == 0 && w.hi == 0)
            continue; /* its term is zero in every mode, and so adds nothing */
        if (!term_range(&term, a, &x[j], &w))
            return refuse(p, "a product exceeds 126 bits");
        if (!tgl__interval_add(&sum, &sum, &term))
            return refuse(p, "a sum exceeds 126 bits");
        if (step_by_step)
            sum = tgl__interval_quantise(&sum, &a->acc);
    }
    *out = tgl__interval_quantise(&sum, &a->acc);
    return TGL_OK;
}

static tgl_status check_affine_types(const proof *p, const tgl_affine *a)
{
    if (p->op->n_arg != a->n_in)
        return refuse(p, "the number of arguments is not the affine's");
    if (!tgl_type_equal(p->op->type, a->acc.type))
        return refuse(p, "the type is not the accumulator's");
    int finest = finest_argument(p, 0) + a->weight_type.frac;
    if (a->term_exact && finest > a->acc.type.frac)
        return refuse_frac(p, finest, a->acc.type.frac);
    bool has_bias = a->bias != NULL || a->bias_slot != TGL_NONE;
    if (has_bias && a->bias_type.frac > a->acc.type.frac)
        return refuse(p, "the bias is finer than the accumulator");
    return TGL_OK;
}

static tgl_status range_affine(tgl_program *program, const proof *p)
{
    const tgl_affine *a = &program->affines[p->op->ref];
    TGL_TRY(check_affine_types(p, a));
    tgl_interval *x = tgl__calloc(a->n_in + 1u, sizeof *x);
    if (x == NULL)
        return tgl__fail_nomem(p->err);
    for (uint32_t j = 0; j < a->n_in; j++)
        x[j] = arg_range(p, j);
    tgl_status status = TGL_OK;
    for (uint32_t row = 0; row < a->n_out; row++) {
        tgl_interval r;
        status = range_row(&r, p, a, x, row);
        if (status != TGL_OK)
            break;
        program->lo[p->op->first_value + row] = (int64_t)r.lo;
        program->hi[p->op->first_value + row] = (int64_t)r.hi;
    }
    tgl__free(x);
    return status;
}

static tgl_status range_of_op(tgl_interval *out, const proof *p)
{
    const tgl_op *op = p->op;
    switch (op->code) {
    case TGL_OP_INPUT:
        *out = tgl__interval_of_type(op->type);
        return TGL_OK;
    case TGL_OP_CONST:
        *out = (tgl_interval){op->imm, op->imm, op->type.frac};
        return TGL_OK;
    case TGL_OP_PARAM: {
        const tgl_slot *slot = &p->program->slots[op->ref];
        if (!tgl_type_equal(op->type, slot->type))
            return refuse(p, "the type is not the slot's");
        *out = (tgl_interval){slot->lo, slot->hi, slot->type.frac};
        return TGL_OK;
    }
    case TGL_OP_QUANTISE: {
        tgl_interval a = arg_range(p, 0);
        tgl_quant quant = {op->type, op->round, op->overflow};
        *out = tgl__interval_quantise(&a, &quant);
        return TGL_OK;
    }
    case TGL_OP_COMPARE:
        return range_compare(out, p);
    case TGL_OP_SELECT:
    case TGL_OP_PICK:
        return range_choice(out, p);
    case TGL_OP_TABLE:
        return range_table(out, p);
    case TGL_OP_AND:
    case TGL_OP_OR:
    case TGL_OP_XOR:
    case TGL_OP_NOT:
        return range_bitwise(out, p);
    case TGL_OP_SHIFT_VALUE:
        return range_shift_value(out, p);
    default:
        return range_arithmetic(out, p);
    }
}

static tgl_status verify_op(tgl_program *program, uint32_t index, tgl_error *err)
{
    proof p = {program, &program->ops[index], index, err};
    TGL_TRY(check_frac(&p, tgl__opcode_find((unsigned)p.op->code)->frac));
    if (p.op->code == TGL_OP_AFFINE)
        return range_affine(program, &p);
    tgl_interval r = {0, 0, 0};
    TGL_TRY(range_of_op(&r, &p));
    if (!tgl__interval_fits(&r, p.op->type))
        return refuse_range(&p, "the result", &r, tgl_type_min(p.op->type),
                            tgl_type_max(p.op->type));
    program->lo[p.op->first_value] = (int64_t)r.lo;
    program->hi[p.op->first_value] = (int64_t)r.hi;
    return TGL_OK;
}

tgl_status tgl_program_verify(tgl_program *program, tgl_error *err)
{
    if (program->verified)
        return TGL_OK;
    if (program->n_output == 0)
        return tgl__fail(err, TGL_EUSAGE, "program '%s' has no output", program->name);
    tgl__free(program->lo);
    tgl__free(program->hi);
    program->lo = tgl__calloc(program->n_value, sizeof *program->lo);
    program->hi = tgl__calloc(program->n_value, sizeof *program->hi);
    if (program->lo == NULL || program->hi == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < program->n_op; i++)
        TGL_TRY(verify_op(program, i, err));
    program->verified = true;
    return TGL_OK;
}
