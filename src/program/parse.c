/* Reading the text form: tokens between blanks; `"names"`, and ( ) { } stand alone; a
 * comment runs from # to the end of its line. */
#include <string.h>

#include "program/program.h"

#include "base/buffer.h"

typedef struct parser {
    const char *text;
    size_t size, at;
    size_t begin;                 /* of the current token */
    char word[TGL__MAX_NAME + 2]; /* the current token; a name without its quotes */
    bool is_name, at_end;
    tgl_program *program;
    tgl_error *err;
} parser;

static size_t line_of(const parser *p, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at && i < p->size; i++)
        line += p->text[i] == '\n';
    return line;
}

static tgl_status expected(const parser *p, const char *what)
{
    return tgl__fail_at(p->err, TGL_EFORMAT, p->begin,
                        "program text, line %zu: expected %s, found %s%.60s%s",
                        line_of(p, p->begin), what, p->at_end ? "" : "'",
                        p->at_end ? "the end" : p->word, p->at_end ? "" : "'");
}

/* A refusal of the builder, told with its line. */
static tgl_status placed(const parser *p, tgl_status status, size_t at)
{
    if (status == TGL_OK || status == TGL_ENOMEM)
        return status;
    (void)tgl__fail_context(p->err, status, "program text, line %zu", line_of(p, at));
    p->err->offset = at;
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool stands_alone(char c)
{
    return c == '(' || c == ')' || c == '{' || c == '}';
}

static void skip_blanks(parser *p)
{
    while (p->at < p->size && (is_blank(p->text[p->at]) || p->text[p->at] == '#')) {
        if (p->text[p->at] == '#')
            while (p->at < p->size && p->text[p->at] != '\n')
                p->at++;
        else
            p->at++;
    }
}

/* Read the next token into p->word; too long a one is cut and will not match anything. */
static void advance(parser *p)
{
    skip_blanks(p);
    p->begin = p->at;
    p->at_end = p->at >= p->size;
    p->is_name = !p->at_end && p->text[p->at] == '"';
    size_t n = 0;
    if (p->is_name) {
        p->at++;
        while (p->at < p->size && p->text[p->at] != '"' && p->text[p->at] != '\n') {
            if (n <= TGL__MAX_NAME)
                p->word[n++] = p->text[p->at];
            p->at++;
        }
        p->is_name = p->at < p->size && p->text[p->at] == '"';
        p->at += p->is_name;
    } else if (!p->at_end && stands_alone(p->text[p->at])) {
        p->word[n++] = p->text[p->at++];
    } else {
        while (p->at < p->size && !is_blank(p->text[p->at]) &&
               !stands_alone(p->text[p->at]) && p->text[p->at] != '"' &&
               p->text[p->at] != '#') {
            if (n <= TGL__MAX_NAME)
                p->word[n++] = p->text[p->at];
            p->at++;
        }
    }
    p->word[n] = 0;
}

static bool is_word(const parser *p, const char *word)
{
    return !p->at_end && !p->is_name && strcmp(p->word, word) == 0;
}

static tgl_status take_word(parser *p, const char *word)
{
    if (!is_word(p, word))
        return expected(p, word);
    advance(p);
    return TGL_OK;
}

static tgl_status take_int(parser *p, int64_t *out, int64_t lo, int64_t hi)
{
    const char *digits = p->word[0] == '-' ? p->word + 1 : p->word;
    size_t n = strlen(digits);
    uint64_t magnitude = 0;
    bool good = !p->at_end && !p->is_name && n >= 1 && n <= 19;
    for (size_t i = 0; i < n && good; i++) {
        good = digits[i] >= '0' && digits[i] <= '9';
        magnitude = magnitude * 10 + (uint64_t)(digits[i] - '0');
    }
    good = good && magnitude <= (uint64_t)INT64_MAX + (p->word[0] == '-');
    if (!good)
        return expected(p, "an integer");
    int64_t value = (int64_t)(p->word[0] == '-' ? 0 - magnitude : magnitude);
    if (value < lo || value > hi)
        return expected(p, "an integer in range");
    *out = value;
    advance(p);
    return TGL_OK;
}

static tgl_status take_u32(parser *p, uint32_t *out)
{
    int64_t value;
    TGL_TRY(take_int(p, &value, 0, UINT32_MAX));
    *out = (uint32_t)value;
    return TGL_OK;
}

static tgl_status take_name(parser *p, char out[TGL__MAX_NAME + 2])
{
    if (!p->is_name)
        return expected(p, "a quoted name");
    memcpy(out, p->word, strlen(p->word) + 1);
    advance(p);
    return TGL_OK;
}

static tgl_status take_quant(parser *p, tgl_quant *out)
{
    if (p->at_end || p->is_name)
        return expected(p, "a type");
    size_t at = p->begin;
    TGL_TRY(placed(p, tgl_quant_parse(out, p->word, p->err), at));
    advance(p);
    return TGL_OK;
}

static tgl_status take_type(parser *p, tgl_type *out)
{
    tgl_quant quant;
    TGL_TRY(take_quant(p, &quant));
    *out = quant.type;
    return TGL_OK;
}

static tgl_status take_value(parser *p, uint32_t *out)
{
    if (p->at_end || p->is_name || p->word[0] != '%')
        return expected(p, "a value such as %7");
    memmove(p->word, p->word + 1, strlen(p->word));
    return take_u32(p, out);
}

/* "{ 1 2 3 }", exactly `count`; release with tgl__free. */
static tgl_status take_codes(parser *p, int64_t **out, uint64_t count)
{
    tgl_buffer codes = TGL_BUFFER_INIT;
    TGL_TRY(take_word(p, "{"));
    tgl_status status = TGL_OK;
    uint64_t n = 0;
    while (status == TGL_OK && !is_word(p, "}")) {
        int64_t code;
        status = n < count ? take_int(p, &code, INT64_MIN, INT64_MAX)
                           : expected(p, "} after the last code");
        if (status == TGL_OK)
            tgl__buffer_append(&codes, &code, sizeof code);
        n++;
    }
    if (status == TGL_OK && n != count)
        status = expected(p, "another code");
    if (status == TGL_OK && codes.failed)
        status = tgl__fail_nomem(p->err);
    if (status != TGL_OK) {
        tgl__buffer_release(&codes);
        return status;
    }
    advance(p);
    size_t size;
    char *bytes;
    TGL_TRY(tgl__buffer_finish(&codes, &bytes, &size, p->err));
    *out = (int64_t *)(void *)bytes;
    return TGL_OK;
}

/* "slot 3" or "{ … }". */
static tgl_status take_codes_or_slot(parser *p, int64_t **codes, uint32_t *slot,
                                     uint64_t count)
{
    *slot = TGL_NONE;
    if (!is_word(p, "slot"))
        return take_codes(p, codes, count);
    advance(p);
    return take_u32(p, slot);
}

static tgl_status take_number(parser *p, uint32_t expected_number)
{
    size_t at = p->begin;
    uint32_t number;
    TGL_TRY(take_u32(p, &number));
    if (number != expected_number)
        return tgl__fail_at(p->err, TGL_EFORMAT, at,
                            "program text, line %zu: expected number %u, found %u",
                            line_of(p, at), expected_number, number);
    return TGL_OK;
}

static tgl_status parse_slot(parser *p)
{
    size_t at = p->begin;
    char name[TGL__MAX_NAME + 2];
    tgl_slot slot = {.name = name};
    TGL_TRY(take_number(p, p->program->n_slot));
    TGL_TRY(take_name(p, name));
    int kind = 0;
    while (kind < TGL__N_SLOT_KIND &&
           !is_word(p, tgl__slot_kind_name((tgl_slot_kind)kind)))
        kind++;
    if (kind == TGL__N_SLOT_KIND)
        return expected(p, "a slot's kind such as THRESHOLD");
    slot.kind = (tgl_slot_kind)kind;
    advance(p);
    TGL_TRY(take_type(p, &slot.type));
    TGL_TRY(take_int(p, &slot.lo, INT64_MIN, INT64_MAX));
    TGL_TRY(take_int(p, &slot.hi, INT64_MIN, INT64_MAX));
    TGL_TRY(take_u32(p, &slot.count));
    int64_t *codes = NULL;
    TGL_TRY(take_codes(p, &codes, slot.count));
    uint32_t number;
    tgl_status status = tgl_program_add_slot(p->program, &slot, codes, &number, p->err);
    tgl__free(codes);
    return placed(p, status, at);
}

static tgl_status parse_table(parser *p)
{
    size_t at = p->begin;
    char name[TGL__MAX_NAME + 2];
    tgl_table_data table = {.name = name};
    TGL_TRY(take_number(p, p->program->n_table));
    TGL_TRY(take_name(p, name));
    TGL_TRY(take_type(p, &table.type));
    TGL_TRY(take_u32(p, &table.count));
    int64_t *codes = NULL;
    TGL_TRY(take_codes_or_slot(p, &codes, &table.slot, table.count));
    table.codes = codes;
    uint32_t number;
    tgl_status status = tgl_program_add_table(p->program, &table, &number, p->err);
    tgl__free(codes);
    return placed(p, status, at);
}

typedef struct affine_arrays {
    int64_t *weights, *bias, *order;
    uint32_t *order32;
} affine_arrays;

static tgl_status parse_order(parser *p, tgl_affine *a, affine_arrays *own)
{
    TGL_TRY(take_codes(p, &own->order, a->n_in));
    own->order32 = tgl__calloc(a->n_in + 1u, sizeof *own->order32);
    if (own->order32 == NULL)
        return tgl__fail_nomem(p->err);
    for (uint32_t i = 0; i < a->n_in; i++)
        own->order32[i] = own->order[i] < 0 || own->order[i] > UINT32_MAX
                              ? UINT32_MAX
                              : (uint32_t)own->order[i];
    a->order = own->order32;
    return TGL_OK;
}

static tgl_status parse_affine_body(parser *p, tgl_affine *a, affine_arrays *own)
{
    TGL_TRY(take_number(p, p->program->n_affine));
    TGL_TRY(take_u32(p, &a->n_in));
    TGL_TRY(take_u32(p, &a->n_out));
    TGL_TRY(take_word(p, "weights"));
    TGL_TRY(take_type(p, &a->weight_type));
    TGL_TRY(take_codes_or_slot(p, &own->weights, &a->weight_slot,
                               (uint64_t)a->n_in * a->n_out));
    a->weights = own->weights;
    a->bias_slot = TGL_NONE;
    if (is_word(p, "bias")) {
        advance(p);
        TGL_TRY(take_type(p, &a->bias_type));
        TGL_TRY(take_codes_or_slot(p, &own->bias, &a->bias_slot, a->n_out));
        a->bias = own->bias;
    }
    TGL_TRY(take_word(p, "term"));
    a->term_exact = is_word(p, "exact");
    if (a->term_exact)
        advance(p);
    else
        TGL_TRY(take_quant(p, &a->term));
    TGL_TRY(take_word(p, "acc"));
    TGL_TRY(take_quant(p, &a->acc));
    if (a->term_exact)
        a->term.type.frac = a->acc.type.frac;
    if (!is_word(p, "order"))
        return TGL_OK;
    advance(p);
    return parse_order(p, a, own);
}

static tgl_status parse_affine(parser *p)
{
    size_t at = p->begin;
    tgl_affine affine = {0};
    affine_arrays own = {NULL, NULL, NULL, NULL};
    tgl_status status = parse_affine_body(p, &affine, &own);
    uint32_t number;
    if (status == TGL_OK)
        status =
            placed(p, tgl_program_add_affine(p->program, &affine, &number, p->err), at);
    tgl__free(own.weights);
    tgl__free(own.bias);
    tgl__free(own.order);
    tgl__free(own.order32);
    return status;
}

static tgl_status take_modes(parser *p, tgl_op *op)
{
    if (p->at_end || p->is_name)
        return expected(p, "a rounding mode");
    TGL_TRY(placed(p, tgl_round_parse(&op->round, p->word, p->err), p->begin));
    advance(p);
    if (p->at_end || p->is_name)
        return expected(p, "an overflow mode");
    TGL_TRY(placed(p, tgl_overflow_parse(&op->overflow, p->word, p->err), p->begin));
    advance(p);
    return TGL_OK;
}

static tgl_status take_relation(parser *p, tgl_op *op)
{
    for (int r = 0; r < TGL__N_RELATION; r++)
        if (is_word(p, tgl__relation_name((tgl_relation)r))) {
            op->relation = (tgl_relation)r;
            advance(p);
            return TGL_OK;
        }
    return expected(p, "EQ, NE, LT, LE, GT or GE");
}

static tgl_status take_shift(parser *p, int32_t *out)
{
    int64_t value;
    TGL_TRY(take_int(p, &value, -64, 64));
    *out = (int32_t)value;
    return TGL_OK;
}

static tgl_status take_fields(parser *p, tgl_op *op, unsigned fields)
{
    if (fields & TGL__HAS_QUANT)
        TGL_TRY(take_modes(p, op));
    if (fields & TGL__HAS_RELATION)
        TGL_TRY(take_relation(p, op));
    if (fields & TGL__HAS_IMM)
        TGL_TRY(take_int(p, &op->imm, INT64_MIN, INT64_MAX));
    if (fields & TGL__HAS_REF)
        TGL_TRY(take_u32(p, &op->ref));
    if (fields & TGL__HAS_ELEMENT)
        TGL_TRY(take_u32(p, &op->element));
    if (fields & TGL__HAS_SHIFTS) {
        TGL_TRY(take_shift(p, &op->shift_lo));
        TGL_TRY(take_shift(p, &op->shift_hi));
    }
    return TGL_OK;
}

/* "(%1 %2)"; release with tgl__free. */
static tgl_status take_args(parser *p, uint32_t **args, uint32_t *n_arg)
{
    tgl_buffer list = TGL_BUFFER_INIT;
    tgl_status status = take_word(p, "(");
    *n_arg = 0;
    while (status == TGL_OK && !is_word(p, ")")) {
        uint32_t value;
        status = take_value(p, &value);
        if (status == TGL_OK)
            tgl__buffer_append(&list, &value, sizeof value);
        ++*n_arg;
    }
    if (status != TGL_OK) {
        tgl__buffer_release(&list);
        return status;
    }
    advance(p);
    size_t size;
    char *bytes;
    TGL_TRY(tgl__buffer_finish(&list, &bytes, &size, p->err));
    *args = (uint32_t *)(void *)bytes;
    return TGL_OK;
}

static tgl_status take_origin(parser *p, tgl_op *op, char layer[TGL__MAX_NAME + 2],
                              char role[TGL__MAX_NAME + 2])
{
    int64_t element;
    TGL_TRY(take_word(p, "@"));
    TGL_TRY(take_name(p, layer));
    TGL_TRY(take_int(p, &element, INT32_MIN, INT32_MAX));
    TGL_TRY(take_name(p, role));
    op->origin = (tgl_origin){layer, (int32_t)element, role};
    return TGL_OK;
}

static tgl_status parse_input(parser *p, tgl_type type, size_t at)
{
    char name[TGL__MAX_NAME + 2];
    TGL_TRY(take_name(p, name));
    return placed(p, tgl_program_add_input(p->program, name, type, NULL, p->err), at);
}

static tgl_status parse_op(parser *p)
{
    size_t at = p->begin;
    uint32_t first = 0;
    TGL_TRY(take_value(p, &first));
    if (first != p->program->n_value)
        return tgl__fail_at(p->err, TGL_EFORMAT, at,
                            "program text, line %zu: expected value %%%u, found %%%u",
                            line_of(p, at), p->program->n_value, first);
    TGL_TRY(take_word(p, "="));
    const tgl__opcode *opcode =
        p->is_name ? NULL : tgl__opcode_named(p->word, strlen(p->word));
    if (opcode == NULL)
        return expected(p, "an operation");
    advance(p);
    tgl_op op = {.code = opcode->code, .ref = TGL_NONE};
    TGL_TRY(take_type(p, &op.type));
    if (op.code == TGL_OP_INPUT)
        return parse_input(p, op.type, at);
    TGL_TRY(take_fields(p, &op, opcode->fields));
    char layer[TGL__MAX_NAME + 2], role[TGL__MAX_NAME + 2];
    uint32_t *args = NULL;
    if (opcode->max_arg > 0)
        TGL_TRY(take_args(p, &args, &op.n_arg));
    op.args = args;
    tgl_status status = take_origin(p, &op, layer, role);
    if (status == TGL_OK)
        status = placed(p, tgl_program_add_op(p->program, &op, NULL, p->err), at);
    tgl__free(args);
    return status;
}

static tgl_status parse_output(parser *p)
{
    size_t at = p->begin;
    char name[TGL__MAX_NAME + 2];
    uint32_t value = 0;
    TGL_TRY(take_name(p, name));
    TGL_TRY(take_value(p, &value));
    return placed(p, tgl_program_add_output(p->program, name, value, p->err), at);
}

static tgl_status parse_statement(parser *p)
{
    static const struct {
        const char *word;
        tgl_status (*parse)(parser *);
    } statements[] = {{"slot", parse_slot},
                      {"table", parse_table},
                      {"affine", parse_affine},
                      {"output", parse_output}};
    if (!p->is_name && p->word[0] == '%')
        return parse_op(p);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (is_word(p, statements[i].word)) {
            advance(p);
            return statements[i].parse(p);
        }
    return expected(p, "slot, table, affine, output or a value such as %7");
}

static tgl_status parse_all(parser *p)
{
    char name[TGL__MAX_NAME + 2];
    advance(p);
    TGL_TRY(take_word(p, "trigline-program"));
    if (!is_word(p, "1"))
        return expected(p, "version 1");
    advance(p);
    TGL_TRY(take_name(p, name));
    TGL_TRY(tgl_program_new(&p->program, name, p->err));
    while (!p->at_end)
        TGL_TRY(parse_statement(p));
    return tgl_program_verify(p->program, p->err);
}

tgl_status tgl_program_parse(tgl_program **out, const char *text, size_t size,
                             tgl_error *err)
{
    tgl_error local = {0};
    parser p = {.text = text, .size = size, .err = err == NULL ? &local : err};
    tgl_status status = parse_all(&p);
    if (status != TGL_OK) {
        tgl_program_free(p.program);
        return status;
    }
    *out = p.program;
    return TGL_OK;
}
