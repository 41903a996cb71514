#include "program/opcode.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

#define MANY 1048576u /* arguments of one operation, at most */

const tgl__opcode tgl__opcodes[TGL__N_OPCODE] = {
    {TGL_OP_INPUT, "INPUT", 0, 0, TGL__HAS_IMM, TGL__FRAC_TYPE, "input number `imm`",
     "one operation per input, in the inputs' order"},
    {TGL_OP_CONST, "CONST", 0, 0, TGL__HAS_IMM, TGL__FRAC_FREE, "the code `imm`",
     "`imm` lies in the type"},
    {TGL_OP_PARAM, "PARAM", 0, 0, TGL__HAS_SLOT | TGL__HAS_ELEMENT, TGL__FRAC_TYPE,
     "element `element` of slot `ref`", "the element exists; the type is the slot's"},
    {TGL_OP_ADD, "ADD", 2, 2, 0, TGL__FRAC_MAX, "a + b", "the range fits the type"},
    {TGL_OP_SUB, "SUB", 2, 2, 0, TGL__FRAC_MAX, "a - b", "the range fits the type"},
    {TGL_OP_NEG, "NEG", 1, 1, 0, TGL__FRAC_EQUAL, "-a", "the range fits the type"},
    {TGL_OP_MUL, "MUL", 2, 2, 0, TGL__FRAC_SUM, "a * b", "the range fits the type"},
    {TGL_OP_QUANTISE, "QUANTISE", 1, 1, TGL__HAS_QUANT, TGL__FRAC_FREE,
     "a rounded to the type's binary point by `round`, then brought into its range by "
     "`overflow`",
     "nothing: the only operation that may lose bits"},
    {TGL_OP_COMPARE, "COMPARE", 2, 2, TGL__HAS_RELATION, TGL__FRAC_FREE,
     "1 if a `relation` b as values, else 0",
     "the type is ufixed<1,1>; both align within 126 bits"},
    {TGL_OP_SELECT, "SELECT", 3, 3, 0, TGL__FRAC_EQUAL_REST, "c != 0 ? a : b",
     "both ranges fit the type"},
    {TGL_OP_MIN, "MIN", 2, 2, 0, TGL__FRAC_MAX, "the smaller of a and b",
     "the range fits the type"},
    {TGL_OP_MAX, "MAX", 2, 2, 0, TGL__FRAC_MAX, "the larger of a and b",
     "the range fits the type"},
    {TGL_OP_PICK, "PICK", 2, MANY, 0, TGL__FRAC_EQUAL_REST,
     "argument 1 + i, where i is the code of argument 0",
     "i has binary point 0 and is proven inside [0, n_arg - 2]; all ranges fit the type"},
    {TGL_OP_TABLE, "TABLE", 1, 1, TGL__HAS_TABLE, TGL__FRAC_TYPE,
     "entry a of table `ref`",
     "a has binary point 0 and is proven inside the table; the type is the table's"},
    {TGL_OP_AND, "AND", 2, 2, 0, TGL__FRAC_EQUAL,
     "bitwise and of the codes in infinite two's complement", "the range fits the type"},
    {TGL_OP_OR, "OR", 2, 2, 0, TGL__FRAC_EQUAL, "bitwise or", "the range fits the type"},
    {TGL_OP_XOR, "XOR", 2, 2, 0, TGL__FRAC_EQUAL, "bitwise exclusive or",
     "the range fits the type"},
    {TGL_OP_NOT, "NOT", 1, 1, 0, TGL__FRAC_EQUAL, "-1 - code", "the range fits the type"},
    {TGL_OP_SHIFT, "SHIFT", 1, 1, TGL__HAS_IMM, TGL__FRAC_SHIFT,
     "a * 2^imm: the same code under another binary point", "the range fits the type"},
    {TGL_OP_SHIFT_VALUE, "SHIFT_VALUE", 2, 2, TGL__HAS_SHIFTS, TGL__FRAC_SHIFT_VALUE,
     "a * 2^-b, exact",
     "b has binary point 0 and is proven inside [shift_lo, shift_hi], itself inside "
     "[-64, 64]; the range fits the type"},
    {TGL_OP_AFFINE, "AFFINE", 1, MANY, TGL__HAS_AFFINE, TGL__FRAC_TYPE,
     "affine `ref`: its n_out accumulators, one value each",
     "n_in arguments; the type is the accumulator's; products and exact sums stay below "
     "126 bits; no product is finer than the accumulator unless it is converted; the "
     "bias lies on the accumulator's grid"},
};

const tgl__opcode *tgl__opcode_find(unsigned code)
{
    return code >= 1 && code <= TGL__N_OPCODE ? &tgl__opcodes[code - 1] : NULL;
}

const tgl__opcode *tgl__opcode_named(const char *name, size_t n)
{
    for (int i = 0; i < TGL__N_OPCODE; i++)
        if (strlen(tgl__opcodes[i].name) == n &&
            memcmp(tgl__opcodes[i].name, name, n) == 0)
            return &tgl__opcodes[i];
    return NULL;
}

const char *tgl_opcode_name(tgl_opcode code)
{
    const tgl__opcode *opcode = tgl__opcode_find((unsigned)code);
    return opcode == NULL ? NULL : opcode->name;
}

const char *tgl__relation_name(tgl_relation relation)
{
    static const char *const names[TGL__N_RELATION] = {"EQ", "NE", "LT",
                                                       "LE", "GT", "GE"};
    return (unsigned)relation < TGL__N_RELATION ? names[relation] : NULL;
}

const char *tgl__slot_kind_name(tgl_slot_kind kind)
{
    static const char *const names[TGL__N_SLOT_KIND] = {
        "THRESHOLD", "INPUT_OFFSET", "INPUT_SHIFT", "OUTPUT_SCALE",
        "WEIGHTS",   "BIAS",         "TABLE"};
    return (unsigned)kind < TGL__N_SLOT_KIND ? names[kind] : NULL;
}

static const char *frac_text(tgl__frac_rule rule)
{
    switch (rule) {
    case TGL__FRAC_FREE:
        return "free";
    case TGL__FRAC_MAX:
        return "the finest argument's";
    case TGL__FRAC_SUM:
        return "the sum of the arguments'";
    case TGL__FRAC_EQUAL:
        return "equal to every argument's";
    case TGL__FRAC_EQUAL_REST:
        return "equal to that of every argument but the first";
    case TGL__FRAC_SHIFT:
        return "the argument's - imm";
    case TGL__FRAC_SHIFT_VALUE:
        return "the first argument's + max(shift_hi, 0)";
    case TGL__FRAC_TYPE:
        return "given by what `ref` or the port says";
    }
    return "";
}

static void document_fields(tgl_buffer *text, unsigned fields)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{TGL__HAS_QUANT, "round overflow"},
                 {TGL__HAS_RELATION, "relation"},
                 {TGL__HAS_IMM, "imm"},
                 {TGL__HAS_SLOT, "slot"},
                 {TGL__HAS_TABLE, "table"},
                 {TGL__HAS_AFFINE, "affine"},
                 {TGL__HAS_ELEMENT, "element"},
                 {TGL__HAS_SHIFTS, "shift_lo shift_hi"}};
    const char *gap = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fields & names[i].bit) {
            tgl__buffer_printf(text, "%s%s", gap, names[i].name);
            gap = " ";
        }
}

tgl_status tgl__opcode_document(char **out, size_t *size, tgl_error *err)
{
    tgl_buffer text = TGL_BUFFER_INIT;
    tgl__buffer_text(
        &text,
        "# Operations of a program\n\n"
        "Generated from the opcode table (`src/program/opcode.c`); a test compares "
        "this page with it. Words and\nfile forms: [program.md](program.md).\n\n"
        "| code | name | arguments | fields | value | binary point | verified |\n"
        "|---:|---|---|---|---|---|---|\n");
    for (int i = 0; i < TGL__N_OPCODE; i++) {
        const tgl__opcode *o = &tgl__opcodes[i];
        tgl__buffer_printf(&text, "| %d | %s | %u", (int)o->code, o->name, o->min_arg);
        if (o->max_arg != o->min_arg)
            tgl__buffer_printf(&text, " to %u", o->max_arg);
        tgl__buffer_text(&text, " | ");
        document_fields(&text, o->fields);
        tgl__buffer_printf(&text, " | %s | %s | %s |\n", o->meaning, frac_text(o->frac),
                           o->checks);
    }
    return tgl__buffer_finish(&text, out, size, err);
}
