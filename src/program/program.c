#include "program/program.h"

#include <stdio.h>
#include <string.h>

/* ---- storage ---- */

/* Room for one more item of `size` bytes in a growing array. */
static void *copy_array(tgl_program *program, const void *from, size_t count, size_t size)
{
    void *to = tgl__arena_alloc(&program->arena, count, size);
    if (to != NULL)
        memcpy(to, from, count * size);
    return to;
}

static uint64_t hash_text(const char *text, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return h ^ (h >> 29);
}

/* The shared copy of a name. `use` != 0: refuse a second one of that use. */
static tgl_status intern(const char **out, tgl_program *program, const char *text,
                         const char *what, unsigned use, tgl_error *err)
{
    if (text == NULL)
        text = "";
    size_t n = strlen(text);
    if (n > TGL__MAX_NAME || (n == 0 && use != 0))
        return tgl__fail(err, TGL_ELIMIT,
                         "%s name: expected 1 to %d characters, found %zu", what,
                         TGL__MAX_NAME, n);
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"' || text[i] == '\\')
            return tgl__fail(err, TGL_EFORMAT,
                             "%s name: expected printable ASCII without quote and "
                             "backslash, found byte 0x%02x at %zu",
                             what, (unsigned)(unsigned char)text[i], i);
    uint64_t hash = hash_text(text, n);
    tgl__name **bucket = &program->buckets[hash % TGL__N_BUCKET], *name = *bucket;
    while (name != NULL && (name->hash != hash || strcmp(name->text, text) != 0))
        name = name->next;
    if (name == NULL) {
        name = tgl__arena_alloc(&program->arena, 1, sizeof *name + n + 1);
        if (name == NULL)
            return tgl__fail_nomem(err);
        memcpy(name->text, text, n + 1);
        name->hash = hash;
        name->number = program->n_name++;
        name->next = *bucket;
        *bucket = name;
    }
    if (use != 0 && (name->used & use) != 0)
        return tgl__fail(err, TGL_EUSAGE, "%s name '%s' is used twice", what, text);
    name->used = (uint8_t)(name->used | use);
    *out = name->text;
    return TGL_OK;
}

static tgl_status still_open(const tgl_program *program, tgl_error *err)
{
    return program->verified ? tgl__fail(err, TGL_EUSAGE,
                                         "program '%s' is verified: nothing can be added",
                                         program->name)
                             : TGL_OK;
}

static tgl_status check_type(tgl_type type, const char *what, tgl_error *err)
{
    if (type.is_signed > 1 || type.width < 1 || type.width > TGL_MAX_WIDTH)
        return tgl__fail(err, TGL_ELIMIT,
                         "%s: expected a width of 1 to %d bits, found %d", what,
                         TGL_MAX_WIDTH, type.width);
    if (type.frac < -TGL__MAX_FRAC || type.frac > TGL__MAX_FRAC)
        return tgl__fail(err, TGL_ELIMIT,
                         "%s: expected a binary point within %d bits, found %d", what,
                         TGL__MAX_FRAC, type.frac);
    return TGL_OK;
}

static tgl_status check_quant(const tgl_quant *quant, const char *what, tgl_error *err)
{
    TGL_TRY(check_type(quant->type, what, err));
    if (tgl_round_name(quant->round) == NULL ||
        tgl_overflow_name(quant->overflow) == NULL)
        return tgl__fail(err, TGL_EFORMAT, "%s: unknown rounding or overflow mode %d, %d",
                         what, (int)quant->round, (int)quant->overflow);
    return TGL_OK;
}

static tgl_status check_codes(const int64_t *codes, uint64_t count, int64_t lo,
                              int64_t hi, const char *what, tgl_error *err)
{
    for (uint64_t i = 0; i < count; i++)
        if (codes[i] < lo || codes[i] > hi)
            return tgl__fail(
                err, TGL_ELIMIT, "%s: code %lld at %llu lies outside [%lld, %lld]", what,
                (long long)codes[i], (unsigned long long)i, (long long)lo, (long long)hi);
    return TGL_OK;
}

tgl_status tgl_program_new(tgl_program **out, const char *name, tgl_error *err)
{
    tgl_program *program = tgl__calloc(1, sizeof *program);
    if (program == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = intern(&program->name, program, name, "program", 0, err);
    if (status != TGL_OK) {
        tgl_program_free(program);
        return status;
    }
    *out = program;
    return TGL_OK;
}

void tgl_program_free(tgl_program *program)
{
    if (program == NULL)
        return;
    tgl__free(program->ops);
    tgl__free(program->value_op);
    tgl__free(program->lo);
    tgl__free(program->hi);
    tgl__free(program->inputs);
    tgl__free(program->outputs);
    tgl__free(program->slots);
    tgl__free(program->defaults);
    tgl__free(program->tables);
    tgl__free(program->affines);
    tgl__arena_release(&program->arena);
    tgl__free(program);
}

/* ---- operations ---- */

static tgl_status check_ref(const tgl_program *program, const tgl_op *op,
                            const tgl__opcode *opcode, tgl_error *err)
{
    uint32_t count = opcode->fields & TGL__HAS_SLOT    ? program->n_slot
                     : opcode->fields & TGL__HAS_TABLE ? program->n_table
                                                       : program->n_affine;
    const char *what = opcode->fields & TGL__HAS_SLOT    ? "slot"
                       : opcode->fields & TGL__HAS_TABLE ? "table"
                                                         : "affine";
    if (op->ref >= count)
        return tgl__fail(err, TGL_EUSAGE, "%s: expected a %s below %u, found %u",
                         opcode->name, what, count, op->ref);
    if (opcode->fields & TGL__HAS_ELEMENT && op->element >= program->slots[op->ref].count)
        return tgl__fail(err, TGL_EUSAGE, "%s: slot '%s' has %u elements, found %u",
                         opcode->name, program->slots[op->ref].name,
                         program->slots[op->ref].count, op->element);
    return TGL_OK;
}

static tgl_status check_shape(const tgl_program *program, const tgl_op *op,
                              const tgl__opcode *opcode, uint32_t n_value, tgl_error *err)
{
    if (op->n_arg < opcode->min_arg || op->n_arg > opcode->max_arg)
        return tgl__fail(err, TGL_EUSAGE, "%s: expected %u to %u arguments, found %u",
                         opcode->name, opcode->min_arg, opcode->max_arg, op->n_arg);
    for (uint32_t i = 0; i < op->n_arg; i++)
        if (op->args[i] >= program->n_value)
            return tgl__fail(err, TGL_EUSAGE,
                             "%s: argument %u: expected a value below %u, found %u",
                             opcode->name, i, program->n_value, op->args[i]);
    if (op->n_value != n_value && op->n_value != 0)
        return tgl__fail(err, TGL_EUSAGE, "%s: expected %u results, found %u",
                         opcode->name, n_value, op->n_value);
    if (program->n_op >= TGL__MAX_OPS || n_value > TGL__MAX_VALUES - program->n_value)
        return tgl__fail(err, TGL_ELIMIT, "a program holds at most %d values",
                         (int)TGL__MAX_VALUES);
    return TGL_OK;
}

static tgl_status check_fields(const tgl_op *op, const tgl__opcode *opcode,
                               tgl_error *err)
{
    if (opcode->fields & TGL__HAS_QUANT &&
        (tgl_round_name(op->round) == NULL || tgl_overflow_name(op->overflow) == NULL))
        return tgl__fail(err, TGL_EUSAGE, "%s: unknown rounding or overflow mode %d, %d",
                         opcode->name, (int)op->round, (int)op->overflow);
    if (opcode->fields & TGL__HAS_RELATION && tgl__relation_name(op->relation) == NULL)
        return tgl__fail(err, TGL_EUSAGE, "%s: unknown relation %d", opcode->name,
                         (int)op->relation);
    if (opcode->fields & TGL__HAS_SHIFTS &&
        (op->shift_lo < -64 || op->shift_hi > 64 || op->shift_lo > op->shift_hi))
        return tgl__fail(err, TGL_EUSAGE,
                         "%s: expected shift bounds within [-64, 64], found [%d, %d]",
                         opcode->name, op->shift_lo, op->shift_hi);
    return check_type(op->type, opcode->name, err);
}

static bool reserve_values(tgl_program *program, uint32_t n)
{
    if (n <= program->cap_value - program->n_value)
        return true;
    uint32_t wanted = program->cap_value < 32 ? 64 : program->cap_value * 2;
    if (wanted - program->n_value < n)
        wanted = program->n_value + n;
    uint32_t *bigger = tgl__realloc(program->value_op, wanted, sizeof *bigger);
    if (bigger == NULL)
        return false;
    program->value_op = bigger;
    program->cap_value = wanted;
    return true;
}

/* The operation as it is stored: only the fields its opcode has, so that equal programs
 * are equal bytes. */
static tgl_op only_own_fields(const tgl_op *op, const tgl__opcode *opcode)
{
    unsigned f = opcode->fields;
    tgl_op own = {
        .code = op->code, .type = op->type, .n_arg = op->n_arg, .ref = TGL_NONE};
    own.round = f & TGL__HAS_QUANT ? op->round : TGL_TRN;
    own.overflow = f & TGL__HAS_QUANT ? op->overflow : TGL_WRAP;
    own.relation = f & TGL__HAS_RELATION ? op->relation : TGL_EQ;
    own.imm = f & TGL__HAS_IMM ? op->imm : 0;
    own.ref = f & TGL__HAS_REF ? op->ref : TGL_NONE;
    own.element = f & TGL__HAS_ELEMENT ? op->element : 0;
    own.shift_lo = f & TGL__HAS_SHIFTS ? op->shift_lo : 0;
    own.shift_hi = f & TGL__HAS_SHIFTS ? op->shift_hi : 0;
    own.origin.element = op->origin.element;
    return own;
}

static tgl_status append_op(tgl_program *program, const tgl_op *op, uint32_t *value,
                            tgl_error *err)
{
    const tgl__opcode *opcode = tgl__opcode_find((unsigned)op->code);
    if (opcode == NULL)
        return tgl__fail(err, TGL_EUSAGE, "unknown opcode %u", (unsigned)op->code);
    TGL_TRY(check_fields(op, opcode, err));
    if (opcode->fields & TGL__HAS_REF)
        TGL_TRY(check_ref(program, op, opcode, err));
    bool many = op->code == TGL_OP_AFFINE;
    uint32_t n_value = many ? program->affines[op->ref].n_out : 1;
    TGL_TRY(check_shape(program, op, opcode, n_value, err));
    tgl_op own = only_own_fields(op, opcode);
    own.n_value = n_value;
    own.first_value = program->n_value;
    TGL_TRY(intern(&own.origin.layer, program, op->origin.layer, "origin layer", 0, err));
    TGL_TRY(intern(&own.origin.role, program, op->origin.role, "origin role", 0, err));
    if (op->n_arg > 0) {
        own.args = copy_array(program, op->args, op->n_arg, sizeof *op->args);
        if (own.args == NULL)
            return tgl__fail_nomem(err);
    }
    if (!tgl__grow(&program->ops, program->n_op, &program->cap_op,
                   sizeof *program->ops) ||
        !reserve_values(program, n_value))
        return tgl__fail_nomem(err);
    if (many) {
        program->n_product += (uint64_t)own.n_arg * n_value;
        if (program->n_product > TGL__MAX_PRODUCTS)
            return tgl__fail(err, TGL_ELIMIT, "a program holds at most %d products",
                             (int)TGL__MAX_PRODUCTS);
    }
    for (uint32_t i = 0; i < n_value; i++)
        program->value_op[program->n_value + i] = program->n_op;
    program->ops[program->n_op++] = own;
    program->n_value += n_value;
    if (value != NULL)
        *value = own.first_value;
    return TGL_OK;
}

tgl_status tgl_program_add_op(tgl_program *program, const tgl_op *op, uint32_t *value,
                              tgl_error *err)
{
    TGL_TRY(still_open(program, err));
    if (op->code == TGL_OP_INPUT)
        return tgl__fail(err, TGL_EUSAGE, "an input is added by tgl_program_add_input");
    return append_op(program, op, value, err);
}

static tgl_status add_port(tgl_program *program, tgl_port **ports, uint32_t *n,
                           uint32_t *capacity, const tgl_port *port, tgl_error *err)
{
    (void)program;
    if (!tgl__grow(ports, *n, capacity, sizeof **ports))
        return tgl__fail_nomem(err);
    (*ports)[(*n)++] = *port;
    return TGL_OK;
}

tgl_status tgl_program_add_input(tgl_program *program, const char *name, tgl_type type,
                                 uint32_t *value, tgl_error *err)
{
    TGL_TRY(still_open(program, err));
    TGL_TRY(check_type(type, "input", err));
    tgl_port port = {NULL, type, program->n_value};
    tgl_op op = {.code = TGL_OP_INPUT, .type = type, .imm = program->n_input};
    op.origin = (tgl_origin){"input", (int32_t)program->n_input, "input"};
    if (!tgl__grow(&program->inputs, program->n_input, &program->cap_input,
                   sizeof(tgl_port)))
        return tgl__fail_nomem(err);
    TGL_TRY(intern(&port.name, program, name, "input", TGL__NAMES_INPUT, err));
    TGL_TRY(append_op(program, &op, value, err));
    return add_port(program, &program->inputs, &program->n_input, &program->cap_input,
                    &port, err);
}

tgl_status tgl_program_add_output(tgl_program *program, const char *name, uint32_t value,
                                  tgl_error *err)
{
    TGL_TRY(still_open(program, err));
    if (value >= program->n_value)
        return tgl__fail(err, TGL_EUSAGE,
                         "output '%s': expected a value below %u, found %u",
                         name == NULL ? "" : name, program->n_value, value);
    if (program->n_output >= TGL__MAX_VALUES)
        return tgl__fail(err, TGL_ELIMIT, "a program has at most %d outputs",
                         (int)TGL__MAX_VALUES);
    tgl_port port = {NULL, program->ops[program->value_op[value]].type, value};
    TGL_TRY(intern(&port.name, program, name, "output", TGL__NAMES_OUTPUT, err));
    return add_port(program, &program->outputs, &program->n_output, &program->cap_output,
                    &port, err);
}

/* ---- slots, tables, affines ---- */

tgl_status tgl_program_add_slot(tgl_program *program, const tgl_slot *slot,
                                const int64_t *defaults, uint32_t *number, tgl_error *err)
{
    TGL_TRY(still_open(program, err));
    TGL_TRY(check_type(slot->type, "slot", err));
    if (tgl__slot_kind_name(slot->kind) == NULL)
        return tgl__fail(err, TGL_EUSAGE, "slot '%s': unknown kind %d", slot->name,
                         (int)slot->kind);
    if (slot->count < 1 || slot->count > TGL__MAX_ELEMENTS)
        return tgl__fail(err, TGL_ELIMIT,
                         "slot '%s': expected 1 to %d elements, found %u", slot->name,
                         (int)TGL__MAX_ELEMENTS, slot->count);
    if (slot->lo > slot->hi || slot->lo < tgl_type_min(slot->type) ||
        slot->hi > tgl_type_max(slot->type))
        return tgl__fail(err, TGL_EUSAGE,
                         "slot '%s': bounds [%lld, %lld] do not lie in its type",
                         slot->name, (long long)slot->lo, (long long)slot->hi);
    TGL_TRY(
        check_codes(defaults, slot->count, slot->lo, slot->hi, "slot's default", err));
    tgl_slot own = *slot;
    const int64_t *codes = copy_array(program, defaults, slot->count, sizeof *defaults);
    if (codes == NULL ||
        !tgl__grow(&program->slots, program->n_slot, &program->cap_slot, sizeof own) ||
        !tgl__grow(&program->defaults, program->n_slot, &program->cap_default,
                   sizeof codes))
        return tgl__fail_nomem(err);
    TGL_TRY(intern(&own.name, program, slot->name, "slot", TGL__NAMES_SLOT, err));
    program->slots[program->n_slot] = own;
    program->defaults[program->n_slot] = codes;
    *number = program->n_slot++;
    return TGL_OK;
}

/* A slot that stands for an array of `count` elements of `type`. */
static tgl_status check_slot_array(const tgl_program *program, uint32_t slot,
                                   uint64_t count, tgl_type type, const char *what,
                                   tgl_error *err)
{
    if (slot >= program->n_slot)
        return tgl__fail(err, TGL_EUSAGE, "%s: expected a slot below %u, found %u", what,
                         program->n_slot, slot);
    const tgl_slot *s = &program->slots[slot];
    if (s->count != count || !tgl_type_equal(s->type, type)) {
        char want[TGL_TYPE_TEXT], have[TGL_TYPE_TEXT];
        tgl_type_format(want, type);
        tgl_type_format(have, s->type);
        return tgl__fail(err, TGL_EUSAGE,
                         "%s: expected %llu elements of %s, slot '%s' has %u of %s", what,
                         (unsigned long long)count, want, s->name, s->count, have);
    }
    return TGL_OK;
}

static tgl_status copy_table_codes(tgl_program *program, tgl_table_data *table,
                                   tgl_error *err)
{
    if (table->slot == TGL_NONE) {
        if (table->codes == NULL)
            return tgl__fail(err, TGL_EUSAGE, "table '%s' has no entries", table->name);
        TGL_TRY(check_codes(table->codes, table->count, tgl_type_min(table->type),
                            tgl_type_max(table->type), "table's entry", err));
        table->codes =
            copy_array(program, table->codes, table->count, sizeof *table->codes);
        return table->codes == NULL ? tgl__fail_nomem(err) : TGL_OK;
    }
    TGL_TRY(
        check_slot_array(program, table->slot, table->count, table->type, "table", err));
    const int64_t *defaults = program->defaults[table->slot];
    if (table->codes != NULL &&
        memcmp(table->codes, defaults, table->count * sizeof *defaults) != 0)
        return tgl__fail(err, TGL_EUSAGE,
                         "table '%s': its entries differ from the defaults of slot '%s'",
                         table->name, program->slots[table->slot].name);
    table->codes = defaults;
    return TGL_OK;
}

tgl_status tgl_program_add_table(tgl_program *program, const tgl_table_data *table,
                                 uint32_t *number, tgl_error *err)
{
    TGL_TRY(still_open(program, err));
    TGL_TRY(check_type(table->type, "table", err));
    if (table->count < 1 || table->count > TGL__MAX_ELEMENTS)
        return tgl__fail(err, TGL_ELIMIT,
                         "table '%s': expected 1 to %d entries, found %u", table->name,
                         (int)TGL__MAX_ELEMENTS, table->count);
    tgl_table_data own = *table;
    TGL_TRY(copy_table_codes(program, &own, err));
    if (!tgl__grow(&program->tables, program->n_table, &program->cap_table, sizeof own))
        return tgl__fail_nomem(err);
    TGL_TRY(intern(&own.name, program, table->name, "table", TGL__NAMES_TABLE, err));
    program->tables[program->n_table] = own;
    *number = program->n_table++;
    return TGL_OK;
}

/* Constant codes or a slot, whichever the affine names, made the program's own. */
static tgl_status own_array(tgl_program *program, const int64_t **codes, uint32_t slot,
                            uint64_t count, tgl_type type, const char *what,
                            tgl_error *err)
{
    if (slot != TGL_NONE) {
        if (*codes != NULL)
            return tgl__fail(err, TGL_EUSAGE, "%s: expected codes or a slot, found both",
                             what);
        return check_slot_array(program, slot, count, type, what, err);
    }
    TGL_TRY(
        check_codes(*codes, count, tgl_type_min(type), tgl_type_max(type), what, err));
    *codes = copy_array(program, *codes, (size_t)count, sizeof **codes);
    return *codes == NULL ? tgl__fail_nomem(err) : TGL_OK;
}

static tgl_status own_order(tgl_program *program, tgl_affine *affine, tgl_error *err)
{
    if (affine->order == NULL)
        return TGL_OK;
    uint32_t n = affine->n_in;
    uint32_t *order = copy_array(program, affine->order, n, sizeof *order);
    uint8_t *seen = tgl__calloc(n, 1);
    if (order == NULL || seen == NULL) {
        tgl__free(seen);
        return tgl__fail_nomem(err);
    }
    bool good = true, ascending = true;
    for (uint32_t i = 0; i < n && good; i++) {
        good = order[i] < n && !seen[order[i]];
        if (good)
            seen[order[i]] = 1;
        ascending = ascending && order[i] == i;
    }
    tgl__free(seen);
    affine->order = ascending ? NULL : order; /* one way to say "ascending" */
    return good ? TGL_OK
                : tgl__fail(err, TGL_EUSAGE, "affine: its order is no permutation of %u",
                            n);
}

static tgl_status check_affine(const tgl_affine *affine, tgl_error *err)
{
    if (affine->n_in < 1 || affine->n_out < 1 ||
        (uint64_t)affine->n_in * affine->n_out > TGL__MAX_ELEMENTS)
        return tgl__fail(err, TGL_ELIMIT,
                         "affine: expected 1 to %d weights, found %u by %u",
                         (int)TGL__MAX_ELEMENTS, affine->n_out, affine->n_in);
    TGL_TRY(check_type(affine->weight_type, "affine's weight type", err));
    if (affine->bias != NULL || affine->bias_slot != TGL_NONE)
        TGL_TRY(check_type(affine->bias_type, "affine's bias type", err));
    TGL_TRY(check_quant(&affine->acc, "affine's accumulator type", err));
    if (!affine->term_exact)
        TGL_TRY(check_quant(&affine->term, "affine's term type", err));
    if (affine->acc.type.frac != affine->term.type.frac)
        return tgl__fail(err, TGL_EUSAGE,
                         "affine: accumulator and term need one binary point, found %d "
                         "and %d",
                         affine->acc.type.frac, affine->term.type.frac);
    if (affine->acc.round != TGL_TRN)
        return tgl__fail(err, TGL_EUSAGE,
                         "affine: the accumulator's rounding must be TRN, found %s",
                         tgl_round_name(affine->acc.round));
    if (affine->weights == NULL && affine->weight_slot == TGL_NONE)
        return tgl__fail(err, TGL_EUSAGE, "affine: neither weights nor a slot of them");
    return TGL_OK;
}

tgl_status tgl_program_add_affine(tgl_program *program, const tgl_affine *affine,
                                  uint32_t *number, tgl_error *err)
{
    TGL_TRY(still_open(program, err));
    TGL_TRY(check_affine(affine, err));
    tgl_affine own = *affine;
    own.term_exact = affine->term_exact != 0;
    if (own.term_exact) /* the term's type is not used: one way to write it */
        own.term = (tgl_quant){{1, 1, affine->term.type.frac}, TGL_TRN, TGL_WRAP};
    TGL_TRY(own_array(program, &own.weights, own.weight_slot,
                      (uint64_t)own.n_in * own.n_out, own.weight_type, "affine's weight",
                      err));
    if (own.bias != NULL || own.bias_slot != TGL_NONE)
        TGL_TRY(own_array(program, &own.bias, own.bias_slot, own.n_out, own.bias_type,
                          "affine's bias", err));
    else
        own.bias_type = (tgl_type){1, 1, own.acc.type.frac};
    TGL_TRY(own_order(program, &own, err));
    if (!tgl__grow(&program->affines, program->n_affine, &program->cap_affine,
                   sizeof own))
        return tgl__fail_nomem(err);
    program->affines[program->n_affine] = own;
    *number = program->n_affine++;
    return TGL_OK;
}

/* ---- reading ---- */

const char *tgl_program_name(const tgl_program *program)
{
    return program->name;
}

uint32_t tgl_program_n_op(const tgl_program *program)
{
    return program->n_op;
}

const tgl_op *tgl_program_op(const tgl_program *program, uint32_t index)
{
    return index < program->n_op ? &program->ops[index] : NULL;
}

uint32_t tgl_program_n_value(const tgl_program *program)
{
    return program->n_value;
}

uint32_t tgl_program_value_op(const tgl_program *program, uint32_t value)
{
    return value < program->n_value ? program->value_op[value] : TGL_NONE;
}

tgl_type tgl_program_value_type(const tgl_program *program, uint32_t value)
{
    if (value >= program->n_value)
        return (tgl_type){0, 0, 0};
    return program->ops[program->value_op[value]].type;
}

void tgl_program_value_range(const tgl_program *program, uint32_t value, int64_t *lo,
                             int64_t *hi)
{
    bool known = program->verified && value < program->n_value;
    tgl_type type = tgl_program_value_type(program, value);
    *lo = known ? program->lo[value] : tgl_type_min(type);
    *hi = known ? program->hi[value] : tgl_type_max(type);
}

uint32_t tgl_program_n_input(const tgl_program *program)
{
    return program->n_input;
}

const tgl_port *tgl_program_input(const tgl_program *program, uint32_t index)
{
    return index < program->n_input ? &program->inputs[index] : NULL;
}

uint32_t tgl_program_n_output(const tgl_program *program)
{
    return program->n_output;
}

const tgl_port *tgl_program_output(const tgl_program *program, uint32_t index)
{
    return index < program->n_output ? &program->outputs[index] : NULL;
}

uint32_t tgl_program_n_slot(const tgl_program *program)
{
    return program->n_slot;
}

const tgl_slot *tgl_program_slot(const tgl_program *program, uint32_t index)
{
    return index < program->n_slot ? &program->slots[index] : NULL;
}

const int64_t *tgl_program_slot_default(const tgl_program *program, uint32_t index)
{
    return index < program->n_slot ? program->defaults[index] : NULL;
}

uint32_t tgl_program_n_table(const tgl_program *program)
{
    return program->n_table;
}

const tgl_table_data *tgl_program_table(const tgl_program *program, uint32_t index)
{
    return index < program->n_table ? &program->tables[index] : NULL;
}

uint32_t tgl_program_n_affine(const tgl_program *program)
{
    return program->n_affine;
}

const tgl_affine *tgl_program_affine(const tgl_program *program, uint32_t index)
{
    return index < program->n_affine ? &program->affines[index] : NULL;
}

void tgl__op_text(char out[TGL__OP_TEXT], const tgl_program *program, uint32_t index)
{
    const tgl_op *op = &program->ops[index];
    char element[16] = "";
    if (op->origin.element >= 0)
        snprintf(element, sizeof element, "[%d]", op->origin.element);
    snprintf(out, TGL__OP_TEXT, "op %u (%s%s%.60s%s%s%.60s)", index,
             tgl_opcode_name(op->code), op->origin.layer[0] ? ", " : "", op->origin.layer,
             element, op->origin.role[0] ? " " : "", op->origin.role);
}
