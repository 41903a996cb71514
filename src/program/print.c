/* The text form of a program; its grammar stands in docs/program.md. */
#include "program/program.h"

#include "base/buffer.h"

static void print_codes(tgl_buffer *text, const int64_t *codes, uint64_t count)
{
    tgl__buffer_text(text, "{");
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0 && i % 16 == 0)
            tgl__buffer_text(text, "\n   ");
        tgl__buffer_printf(text, " %lld", (long long)codes[i]);
    }
    tgl__buffer_text(text, " }\n");
}

static void print_type(tgl_buffer *text, tgl_type type)
{
    char t[TGL_TYPE_TEXT];
    tgl_type_format(t, type);
    tgl__buffer_printf(text, " %s", t);
}

static void print_quant(tgl_buffer *text, const char *word, const tgl_quant *quant)
{
    char t[TGL_TYPE_TEXT];
    tgl_quant_format(t, quant);
    tgl__buffer_printf(text, "  %s %s\n", word, t);
}

static void print_codes_or_slot(tgl_buffer *text, uint32_t slot, const int64_t *codes,
                                uint64_t count)
{
    tgl__buffer_text(text, " ");
    if (slot != TGL_NONE)
        tgl__buffer_printf(text, "slot %u\n", slot);
    else
        print_codes(text, codes, count);
}

static void print_slot(tgl_buffer *text, const tgl_program *program, uint32_t i)
{
    const tgl_slot *slot = &program->slots[i];
    tgl__buffer_printf(text, "slot %u \"%s\" %s", i, slot->name,
                       tgl__slot_kind_name(slot->kind));
    print_type(text, slot->type);
    tgl__buffer_printf(text, " %lld %lld %u ", (long long)slot->lo, (long long)slot->hi,
                       slot->count);
    print_codes(text, program->defaults[i], slot->count);
}

static void print_table(tgl_buffer *text, const tgl_program *program, uint32_t i)
{
    const tgl_table_data *table = &program->tables[i];
    tgl__buffer_printf(text, "table %u \"%s\"", i, table->name);
    print_type(text, table->type);
    tgl__buffer_printf(text, " %u", table->count);
    print_codes_or_slot(text, table->slot, table->codes, table->count);
}

static void print_affine(tgl_buffer *text, const tgl_program *program, uint32_t i)
{
    const tgl_affine *a = &program->affines[i];
    tgl__buffer_printf(text, "affine %u %u %u\n  weights", i, a->n_in, a->n_out);
    print_type(text, a->weight_type);
    print_codes_or_slot(text, a->weight_slot, a->weights, (uint64_t)a->n_in * a->n_out);
    if (a->bias != NULL || a->bias_slot != TGL_NONE) {
        tgl__buffer_text(text, "  bias");
        print_type(text, a->bias_type);
        print_codes_or_slot(text, a->bias_slot, a->bias, a->n_out);
    }
    if (a->term_exact)
        tgl__buffer_text(text, "  term exact\n");
    else
        print_quant(text, "term", &a->term);
    print_quant(text, "acc", &a->acc);
    if (a->order != NULL) {
        tgl__buffer_text(text, "  order {");
        for (uint32_t k = 0; k < a->n_in; k++)
            tgl__buffer_printf(text, " %u", a->order[k]);
        tgl__buffer_text(text, " }\n");
    }
}

static void print_fields(tgl_buffer *text, const tgl_op *op, unsigned fields)
{
    if (fields & TGL__HAS_QUANT)
        tgl__buffer_printf(text, " %s %s", tgl_round_name(op->round),
                           tgl_overflow_name(op->overflow));
    if (fields & TGL__HAS_RELATION)
        tgl__buffer_printf(text, " %s", tgl__relation_name(op->relation));
    if (fields & TGL__HAS_IMM)
        tgl__buffer_printf(text, " %lld", (long long)op->imm);
    if (fields & TGL__HAS_REF)
        tgl__buffer_printf(text, " %u", op->ref);
    if (fields & TGL__HAS_ELEMENT)
        tgl__buffer_printf(text, " %u", op->element);
    if (fields & TGL__HAS_SHIFTS)
        tgl__buffer_printf(text, " %d %d", op->shift_lo, op->shift_hi);
}

static void print_op(tgl_buffer *text, const tgl_program *program, const tgl_op *op)
{
    tgl__buffer_printf(text, "%%%u = %s", op->first_value, tgl_opcode_name(op->code));
    print_type(text, op->type);
    if (op->code == TGL_OP_INPUT) {
        tgl__buffer_printf(text, " \"%s\"\n", program->inputs[op->imm].name);
        return;
    }
    print_fields(text, op, tgl__opcode_find((unsigned)op->code)->fields);
    if (op->n_arg > 0) {
        tgl__buffer_text(text, " (");
        for (uint32_t i = 0; i < op->n_arg; i++)
            tgl__buffer_printf(text, "%s%%%u", i > 0 ? " " : "", op->args[i]);
        tgl__buffer_text(text, ")");
    }
    tgl__buffer_printf(text, " @ \"%s\" %d \"%s\"\n", op->origin.layer,
                       op->origin.element, op->origin.role);
}

tgl_status tgl_program_print(char **out, const tgl_program *program, tgl_error *err)
{
    if (!program->verified)
        return tgl__fail(err, TGL_EUSAGE, "program '%s' is not verified", program->name);
    tgl_buffer text = TGL_BUFFER_INIT;
    tgl__buffer_printf(&text, "trigline-program 1 \"%s\"\n", program->name);
    for (uint32_t i = 0; i < program->n_slot; i++)
        print_slot(&text, program, i);
    for (uint32_t i = 0; i < program->n_table; i++)
        print_table(&text, program, i);
    for (uint32_t i = 0; i < program->n_affine; i++)
        print_affine(&text, program, i);
    for (uint32_t i = 0; i < program->n_op; i++)
        print_op(&text, program, &program->ops[i]);
    for (uint32_t i = 0; i < program->n_output; i++)
        tgl__buffer_printf(&text, "output \"%s\" %%%u\n", program->outputs[i].name,
                           program->outputs[i].value);
    size_t size;
    return tgl__buffer_finish(&text, out, &size, err);
}
