#include "emulate/exact.h"

#include <trigline/emulate.h>

#include "base/error.h"
#include "base/memory.h"
#include "fixed/wide.h"
#include "program/payload.h"

const int64_t *tgl__slot_codes(const tgl_program *program, const tgl_payload *payload,
                               uint32_t slot)
{
    return payload == NULL ? tgl_program_slot_default(program, slot)
                           : tgl_payload_get(payload, slot);
}

void tgl__exact_resolve(tgl__exact *out, int16_t *arg_frac, const tgl_program *program,
                        const tgl_payload *payload, uint32_t op)
{
    *out = (tgl__exact){.op = tgl_program_op(program, op), .arg_frac = arg_frac};
    for (uint32_t i = 0; i < out->op->n_arg; i++)
        arg_frac[i] = tgl_program_value_type(program, out->op->args[i]).frac;
    if (out->op->code == TGL_OP_PARAM)
        out->param = tgl__slot_codes(program, payload, out->op->ref)[out->op->element];
    if (out->op->code == TGL_OP_TABLE) {
        const tgl_table_data *table = tgl_program_table(program, out->op->ref);
        out->table = table->slot == TGL_NONE
                         ? table->codes
                         : tgl__slot_codes(program, payload, table->slot);
    }
    if (out->op->code == TGL_OP_AFFINE) {
        const tgl_affine *a = tgl_program_affine(program, out->op->ref);
        out->affine = a;
        out->weights = a->weight_slot == TGL_NONE
                           ? a->weights
                           : tgl__slot_codes(program, payload, a->weight_slot);
        out->bias = a->bias_slot == TGL_NONE
                        ? a->bias
                        : tgl__slot_codes(program, payload, a->bias_slot);
    }
}

static void run_affine(int64_t *results, const tgl__exact *e, const int64_t *args)
{
    const tgl_affine *a = e->affine;
    int grid = a->acc.type.frac;
    for (uint32_t o = 0; o < a->n_out; o++) {
        int64_t acc = 0;
        if (e->bias != NULL)
            acc = tgl_quantise(e->bias[o], a->bias_type.frac, &a->acc);
        for (uint32_t k = 0; k < a->n_in; k++) {
            uint32_t j = a->order == NULL ? k : a->order[k];
            tgl_wide product = (tgl_wide)args[j] * e->weights[(size_t)o * a->n_in + j];
            int frac = e->arg_frac[j] + a->weight_type.frac;
            tgl_wide term = a->term_exact
                                ? tgl__wide_shl(product, (unsigned)(grid - frac) & 127)
                                : tgl__quantise_wide(product, frac, &a->term);
            acc = tgl__quantise_wide(acc + term, grid, &a->acc);
        }
        results[o] = acc;
    }
}

/* Argument i as a code with binary point `frac`, which is no coarser than its own. */
static tgl_wide aligned(const tgl__exact *e, const int64_t *args, uint32_t i, int frac)
{
    if (args[i] == 0)
        return 0;
    return tgl__wide_shl(args[i], (unsigned)(frac - e->arg_frac[i]) & 127);
}

static bool holds(tgl_relation relation, tgl_wide a, tgl_wide b)
{
    switch (relation) {
    case TGL_EQ:
        return a == b;
    case TGL_NE:
        return a != b;
    case TGL_LT:
        return a < b;
    case TGL_LE:
        return a <= b;
    case TGL_GT:
        return a > b;
    case TGL_GE:
        return a >= b;
    }
    return false;
}

static int64_t run_aligned(const tgl__exact *e, const int64_t *args)
{
    int frac = e->arg_frac[0] > e->arg_frac[1] ? e->arg_frac[0] : e->arg_frac[1];
    tgl_wide a = aligned(e, args, 0, frac), b = aligned(e, args, 1, frac);
    switch (e->op->code) {
    case TGL_OP_ADD:
        return (int64_t)(a + b);
    case TGL_OP_SUB:
        return (int64_t)(a - b);
    case TGL_OP_COMPARE:
        return holds(e->op->relation, a, b);
    case TGL_OP_MIN:
        return (int64_t)(a < b ? a : b);
    default: /* MAX */
        return (int64_t)(a > b ? a : b);
    }
}

static int64_t run_scalar(const tgl__exact *e, const int64_t *args, int64_t input)
{
    const tgl_op *op = e->op;
    switch (op->code) {
    case TGL_OP_INPUT:
        return input;
    case TGL_OP_CONST:
        return op->imm;
    case TGL_OP_PARAM:
        return e->param;
    case TGL_OP_NEG:
        return -args[0];
    case TGL_OP_MUL:
        return (int64_t)((tgl_wide)args[0] * args[1]);
    case TGL_OP_QUANTISE:
        return tgl_quantise(args[0], e->arg_frac[0],
                            &(tgl_quant){op->type, op->round, op->overflow});
    case TGL_OP_SELECT:
        return args[0] != 0 ? args[1] : args[2];
    case TGL_OP_PICK:
        return args[1 + args[0]];
    case TGL_OP_TABLE:
        return e->table[args[0]];
    case TGL_OP_AND:
        return args[0] & args[1];
    case TGL_OP_OR:
        return args[0] | args[1];
    case TGL_OP_XOR:
        return args[0] ^ args[1];
    case TGL_OP_NOT:
        return -1 - args[0];
    case TGL_OP_SHIFT:
        return args[0];
    case TGL_OP_SHIFT_VALUE: {
        int64_t left = (op->shift_hi > 0 ? op->shift_hi : 0) - args[1];
        return args[0] == 0 ? 0 : (int64_t)tgl__wide_shl(args[0], (unsigned)left & 127);
    }
    default:
        return run_aligned(e, args);
    }
}

void tgl__exact_run(int64_t *results, const tgl__exact *exact, const int64_t *args,
                    int64_t input)
{
    if (exact->op->code == TGL_OP_AFFINE)
        run_affine(results, exact, args);
    else
        results[0] = run_scalar(exact, args, input);
}

static uint32_t widest_op(const tgl_program *program)
{
    uint32_t widest = 1;
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++)
        if (tgl_program_op(program, i)->n_arg > widest)
            widest = tgl_program_op(program, i)->n_arg;
    return widest;
}

static tgl_status check_input(const tgl_port *port, int64_t code, tgl_error *err)
{
    if (code >= tgl_type_min(port->type) && code <= tgl_type_max(port->type))
        return TGL_OK;
    return tgl__fail_at(
        err, TGL_ELIMIT, 0,
        "event 0: input '%s': expected a code in [%lld, %lld], found %lld", port->name,
        (long long)tgl_type_min(port->type), (long long)tgl_type_max(port->type),
        (long long)code);
}

tgl_status tgl_emulate_reference(int64_t *values, const tgl_program *program,
                                 const tgl_payload *payload, const int64_t *in,
                                 tgl_error *err)
{
    if (!program->verified)
        return tgl__fail(err, TGL_EUSAGE, "program '%s' is not verified", program->name);
    if (payload != NULL)
        TGL_TRY(tgl__payload_fits(payload, program, err));
    for (uint32_t i = 0; i < tgl_program_n_input(program); i++)
        TGL_TRY(check_input(tgl_program_input(program, i), in[i], err));
    uint32_t widest = widest_op(program);
    int64_t *args = tgl__calloc(widest, sizeof *args);
    int16_t *arg_frac = tgl__calloc(widest, sizeof *arg_frac);
    if (args == NULL || arg_frac == NULL) {
        tgl__free(args);
        tgl__free(arg_frac);
        return tgl__fail_nomem(err);
    }
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++) {
        tgl__exact e;
        tgl__exact_resolve(&e, arg_frac, program, payload, i);
        for (uint32_t k = 0; k < e.op->n_arg; k++)
            args[k] = values[e.op->args[k]];
        tgl__exact_run(values + e.op->first_value, &e, args,
                       e.op->code == TGL_OP_INPUT ? in[e.op->imm] : 0);
    }
    tgl__free(args);
    tgl__free(arg_frac);
    return TGL_OK;
}
