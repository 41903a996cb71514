/* The binary form of a program; its layout stands in docs/program.md. */
#include <string.h>

#include "base/bytes.h"
#include "program/program.h"
#include "program/wire.h"

static const uint8_t MAGIC[8] = {'T', 'G', 'L', 'P', '\r', '\n', 0x1a, '\n'};
enum { VERSION = 1, HEADER = 32, ENTRY = 24, N_SECTION = 6 };

typedef enum section { NAMES, SLOTS, TABLES, AFFINES, CODE, PORTS } section;
static const char tags[N_SECTION][5] = {"NAME", "SLOT", "TABL", "AFFN", "CODE", "PORT"};

/* ---- writing ---- */

typedef struct writer {
    const tgl_program *program;
    tgl_buffer sections[N_SECTION];
    uint32_t counts[N_SECTION];
    uint32_t *numbers; /* (program->n_name) number in the file + 1, 0: not yet */
} writer;

/* Names are numbered by first use in the file, whatever the order they were made in. */
static void write_name(writer *w, section s, const char *text)
{
    uint32_t *number = &w->numbers[tgl__name_of(text)->number];
    if (*number == 0) {
        size_t n = strlen(text);
        tgl__write_u8(&w->sections[NAMES], (unsigned)n);
        tgl__buffer_append(&w->sections[NAMES], text, n);
        *number = ++w->counts[NAMES];
    }
    tgl__write_u32(&w->sections[s], *number - 1);
}

static void write_quant(tgl_buffer *b, const tgl_quant *quant)
{
    tgl__write_type(b, quant->type);
    tgl__write_u8(b, (unsigned)quant->round);
    tgl__write_u8(b, (unsigned)quant->overflow);
}

static void write_slots(writer *w)
{
    const tgl_program *p = w->program;
    tgl_buffer *b = &w->sections[SLOTS];
    w->counts[SLOTS] = p->n_slot;
    for (uint32_t i = 0; i < p->n_slot; i++) {
        const tgl_slot *slot = &p->slots[i];
        write_name(w, SLOTS, slot->name);
        tgl__write_u8(b, (unsigned)slot->kind);
        tgl__write_type(b, slot->type);
        tgl__write_u64(b, (uint64_t)slot->lo);
        tgl__write_u64(b, (uint64_t)slot->hi);
        tgl__write_u32(b, slot->count);
        tgl__write_codes(b, p->defaults[i], slot->count);
    }
}

static void write_tables(writer *w)
{
    const tgl_program *p = w->program;
    tgl_buffer *b = &w->sections[TABLES];
    w->counts[TABLES] = p->n_table;
    for (uint32_t i = 0; i < p->n_table; i++) {
        const tgl_table_data *table = &p->tables[i];
        write_name(w, TABLES, table->name);
        tgl__write_type(b, table->type);
        tgl__write_u32(b, table->count);
        tgl__write_u32(b, table->slot);
        if (table->slot == TGL_NONE)
            tgl__write_codes(b, table->codes, table->count);
    }
}

enum { HAS_BIAS = 1, IS_EXACT = 2, HAS_ORDER = 4 };

static void write_affine(tgl_buffer *b, const tgl_affine *a)
{
    bool has_bias = a->bias != NULL || a->bias_slot != TGL_NONE;
    tgl__write_u32(b, a->n_in);
    tgl__write_u32(b, a->n_out);
    tgl__write_u8(b, (has_bias ? HAS_BIAS : 0u) | (a->term_exact ? IS_EXACT : 0u) |
                         (a->order != NULL ? HAS_ORDER : 0u));
    tgl__write_type(b, a->weight_type);
    tgl__write_u32(b, a->weight_slot);
    if (a->weight_slot == TGL_NONE)
        tgl__write_codes(b, a->weights, (uint64_t)a->n_in * a->n_out);
    if (has_bias) {
        tgl__write_type(b, a->bias_type);
        tgl__write_u32(b, a->bias_slot);
        if (a->bias_slot == TGL_NONE)
            tgl__write_codes(b, a->bias, a->n_out);
    }
    if (!a->term_exact)
        write_quant(b, &a->term);
    write_quant(b, &a->acc);
    for (uint32_t i = 0; a->order != NULL && i < a->n_in; i++)
        tgl__write_u32(b, a->order[i]);
}

static void write_fields(tgl_buffer *b, const tgl_op *op, unsigned fields)
{
    if (fields & TGL__HAS_QUANT) {
        tgl__write_u8(b, (unsigned)op->round);
        tgl__write_u8(b, (unsigned)op->overflow);
    }
    if (fields & TGL__HAS_RELATION)
        tgl__write_u8(b, (unsigned)op->relation);
    if (fields & TGL__HAS_IMM)
        tgl__write_u64(b, (uint64_t)op->imm);
    if (fields & TGL__HAS_REF)
        tgl__write_u32(b, op->ref);
    if (fields & TGL__HAS_ELEMENT)
        tgl__write_u32(b, op->element);
    if (fields & TGL__HAS_SHIFTS) {
        tgl__write_u8(b, (unsigned)op->shift_lo & 0xff);
        tgl__write_u8(b, (unsigned)op->shift_hi & 0xff);
    }
}

static void write_op(writer *w, const tgl_op *op)
{
    tgl_buffer *b = &w->sections[CODE];
    const tgl__opcode *opcode = tgl__opcode_find((unsigned)op->code);
    tgl__write_u8(b, (unsigned)op->code);
    tgl__write_type(b, op->type);
    if (op->code == TGL_OP_INPUT) { /* its number and origin follow from its place */
        write_name(w, CODE, w->program->inputs[op->imm].name);
        return;
    }
    write_fields(b, op, opcode->fields);
    if (opcode->min_arg != opcode->max_arg)
        tgl__write_u32(b, op->n_arg);
    for (uint32_t i = 0; i < op->n_arg; i++)
        tgl__write_u32(b, op->args[i]);
    write_name(w, CODE, op->origin.layer);
    tgl__write_u32(b, (uint32_t)op->origin.element);
    write_name(w, CODE, op->origin.role);
}

static void write_all(writer *w)
{
    const tgl_program *p = w->program;
    write_name(w, PORTS, p->name); /* the name's number opens the last section */
    write_slots(w);
    write_tables(w);
    w->counts[AFFINES] = p->n_affine;
    for (uint32_t i = 0; i < p->n_affine; i++)
        write_affine(&w->sections[AFFINES], &p->affines[i]);
    w->counts[CODE] = p->n_op;
    for (uint32_t i = 0; i < p->n_op; i++)
        write_op(w, &p->ops[i]);
    w->counts[PORTS] = p->n_output;
    for (uint32_t i = 0; i < p->n_output; i++) {
        write_name(w, PORTS, p->outputs[i].name);
        tgl__write_u32(&w->sections[PORTS], p->outputs[i].value);
    }
}

static void assemble(tgl_buffer *file, const writer *w)
{
    uint64_t at = HEADER + N_SECTION * ENTRY;
    tgl__buffer_append(file, MAGIC, sizeof MAGIC);
    tgl__write_u16(file, VERSION);
    tgl__write_u16(file, N_SECTION);
    tgl__buffer_zeros(file, HEADER - 12); /* checksum and size, once they are known */
    for (int s = 0; s < N_SECTION; s++) {
        tgl__buffer_append(file, tags[s], 4);
        tgl__write_u32(file, w->counts[s]);
        tgl__write_u64(file, at);
        tgl__write_u64(file, w->sections[s].size);
        at += w->sections[s].size;
    }
    for (int s = 0; s < N_SECTION; s++) {
        tgl__buffer_append(file, w->sections[s].bytes, w->sections[s].size);
        file->failed = file->failed || w->sections[s].failed;
    }
}

tgl_status tgl_program_encode(uint8_t **out, size_t *size, const tgl_program *program,
                              tgl_error *err)
{
    if (!program->verified)
        return tgl__fail(err, TGL_EUSAGE, "program '%s' is not verified", program->name);
    writer w = {.program = program};
    w.numbers = tgl__calloc(program->n_name + 1u, sizeof *w.numbers);
    if (w.numbers == NULL)
        return tgl__fail_nomem(err);
    tgl_buffer file = TGL_BUFFER_INIT;
    write_all(&w);
    assemble(&file, &w);
    tgl__free(w.numbers);
    for (int s = 0; s < N_SECTION; s++)
        tgl__buffer_release(&w.sections[s]);
    char *bytes;
    TGL_TRY(tgl__buffer_finish(&file, &bytes, size, err));
    tgl__put_le64(bytes + 16, *size);
    tgl__put_le32(bytes + 12, tgl__crc32(bytes + 16, *size - 16));
    *out = (uint8_t *)bytes;
    return TGL_OK;
}

/* ---- reading ---- */

typedef struct loader {
    tgl_program *program;
    tgl__reader reader; /* of the section being read; positions are the file's */
    uint32_t counts[N_SECTION];
    size_t offsets[N_SECTION], sizes[N_SECTION];
    char *name_text; /* the section, each name zero-terminated in place */
    size_t *names;   /* (counts[NAMES]) where each begins */
    tgl_error *err;
} loader;

static tgl_status broken(loader *l, const char *why)
{
    return tgl__fail_at(l->err, TGL_EFORMAT, l->reader.at, "program, byte %zu: %s",
                        l->reader.at, why);
}

/* A refusal of the builder, told with the place in the file. */
static tgl_status placed(loader *l, tgl_status status, size_t at)
{
    if (status == TGL_OK || status == TGL_ENOMEM)
        return status;
    (void)tgl__fail_context(l->err, status, "program, byte %zu", at);
    if (l->err != NULL)
        l->err->offset = at;
    return status;
}

static tgl_status read_directory(loader *l, const uint8_t *bytes, size_t size)
{
    tgl__reader *r = &l->reader;
    const uint8_t *magic = tgl__read_bytes(r, sizeof MAGIC);
    if (magic == NULL || memcmp(magic, MAGIC, sizeof MAGIC) != 0)
        return broken(l, "not a program: its first 8 bytes are not 'TGLP'…");
    uint16_t version = tgl__read_u16(r), n_section = tgl__read_u16(r);
    uint32_t crc = tgl__read_u32(r);
    uint64_t total = tgl__read_u64(r), zero = tgl__read_u64(r);
    if (r->failed || total != size)
        return broken(l, "truncated, or longer than its header says");
    if (version != VERSION)
        return tgl__fail(l->err, TGL_EUNSUPPORTED,
                         "program: expected version %d, found %u", VERSION, version);
    if (tgl__crc32(bytes + 16, size - 16) != crc)
        return broken(l, "the checksum does not match");
    if (n_section != N_SECTION || zero != 0)
        return broken(l, "expected 6 sections");
    uint64_t at = HEADER + N_SECTION * ENTRY;
    for (int s = 0; s < N_SECTION; s++) {
        const uint8_t *tag = tgl__read_bytes(r, 4);
        l->counts[s] = tgl__read_u32(r);
        uint64_t offset = tgl__read_u64(r), length = tgl__read_u64(r);
        if (tag == NULL || r->failed || memcmp(tag, tags[s], 4) != 0)
            return broken(l, "expected the sections NAME SLOT TABL AFFN CODE PORT");
        if (offset != at || offset > size || length > size - offset)
            return broken(l, "a section lies outside the file or leaves a gap");
        l->offsets[s] = (size_t)offset;
        l->sizes[s] = (size_t)length;
        at += length;
    }
    return at == size ? TGL_OK : broken(l, "bytes left over after the last section");
}

static void enter(loader *l, const uint8_t *bytes, section s)
{
    l->reader = (tgl__reader){bytes, l->offsets[s] + l->sizes[s], l->offsets[s], false};
}

static tgl_status leave(loader *l)
{
    if (l->reader.failed)
        return broken(l, "the section ends in the middle of an entry");
    return l->reader.at == l->reader.size ? TGL_OK
                                          : broken(l, "bytes left over in the section");
}

static tgl_status read_names(loader *l)
{
    /* every name takes a byte at least, so the count cannot exceed the section */
    size_t size = l->sizes[NAMES];
    if (l->counts[NAMES] > size)
        return broken(l, "more names than bytes");
    l->names = tgl__calloc(l->counts[NAMES] + 1u, sizeof *l->names);
    l->name_text = tgl__calloc(size + 1, 1);
    if (l->names == NULL || l->name_text == NULL)
        return tgl__fail_nomem(l->err);
    if (size > 0)
        memcpy(l->name_text, l->reader.bytes + l->reader.at, size);
    size_t begin = l->reader.at;
    for (uint32_t i = 0; i < l->counts[NAMES]; i++) {
        size_t n = tgl__read_u8(&l->reader);
        const uint8_t *text = tgl__read_bytes(&l->reader, n);
        if (text == NULL)
            break;
        if (memchr(text, 0, n) != NULL)
            return broken(l, "a zero byte in a name");
        l->names[i] = l->reader.at - n - begin;
        l->name_text[l->names[i] + n] = 0; /* over the next length, which is read from
                                              the original */
    }
    return leave(l);
}

static const char *read_name(loader *l)
{
    uint32_t number = tgl__read_u32(&l->reader);
    if (number < l->counts[NAMES])
        return l->name_text + l->names[number];
    l->reader.failed = true;
    return "";
}

static tgl_status no_codes(loader *l)
{
    return l->reader.failed ? broken(l, "an array of codes is cut short or malformed")
                            : tgl__fail_nomem(l->err);
}

static tgl_status read_slot(loader *l)
{
    size_t at = l->reader.at;
    tgl_slot slot = {.name = read_name(l)};
    slot.kind = (tgl_slot_kind)tgl__read_u8(&l->reader);
    slot.type = tgl__read_type(&l->reader);
    slot.lo = (int64_t)tgl__read_u64(&l->reader);
    slot.hi = (int64_t)tgl__read_u64(&l->reader);
    slot.count = tgl__read_u32(&l->reader);
    int64_t *codes = tgl__read_codes(&l->reader, slot.count);
    if (codes == NULL)
        return no_codes(l);
    uint32_t number;
    tgl_status status = tgl_program_add_slot(l->program, &slot, codes, &number, l->err);
    tgl__free(codes);
    return placed(l, status, at);
}

static tgl_status read_table(loader *l)
{
    size_t at = l->reader.at;
    tgl_table_data table = {.name = read_name(l)};
    table.type = tgl__read_type(&l->reader);
    table.count = tgl__read_u32(&l->reader);
    table.slot = tgl__read_u32(&l->reader);
    int64_t *codes = NULL;
    if (table.slot == TGL_NONE) {
        codes = tgl__read_codes(&l->reader, table.count);
        if (codes == NULL)
            return no_codes(l);
    }
    if (l->reader.failed)
        return leave(l);
    table.codes = codes;
    uint32_t number;
    tgl_status status = tgl_program_add_table(l->program, &table, &number, l->err);
    tgl__free(codes);
    return placed(l, status, at);
}

static tgl_quant read_quant(tgl__reader *r)
{
    tgl_quant quant = {.type = tgl__read_type(r)};
    quant.round = (tgl_round)tgl__read_u8(r);
    quant.overflow = (tgl_overflow)tgl__read_u8(r);
    return quant;
}

typedef struct affine_arrays {
    int64_t *weights, *bias;
    uint32_t *order;
} affine_arrays;

static tgl_status read_order(loader *l, uint32_t n, uint32_t **order)
{
    const uint8_t *p = NULL;
    if (n <= (l->reader.size - l->reader.at) / 4)
        p = tgl__read_bytes(&l->reader, (size_t)n * 4);
    if (p == NULL)
        return broken(l, "truncated");
    *order = tgl__calloc(n + 1u, sizeof **order);
    if (*order == NULL)
        return tgl__fail_nomem(l->err);
    for (uint32_t i = 0; i < n; i++)
        (*order)[i] = tgl__le32(p + 4 * (size_t)i);
    return TGL_OK;
}

static tgl_status read_affine_body(loader *l, tgl_affine *a, affine_arrays *own)
{
    tgl__reader *r = &l->reader;
    a->n_in = tgl__read_u32(r);
    a->n_out = tgl__read_u32(r);
    uint8_t flags = tgl__read_u8(r);
    a->weight_type = tgl__read_type(r);
    a->weight_slot = tgl__read_u32(r);
    a->bias_slot = TGL_NONE;
    if (flags > (HAS_BIAS | IS_EXACT | HAS_ORDER))
        return broken(l, "unknown flags of an affine");
    if (a->weight_slot == TGL_NONE) {
        own->weights = tgl__read_codes(r, (uint64_t)a->n_in * a->n_out);
        if (own->weights == NULL)
            return no_codes(l);
    }
    if (flags & HAS_BIAS) {
        a->bias_type = tgl__read_type(r);
        a->bias_slot = tgl__read_u32(r);
        if (a->bias_slot == TGL_NONE) {
            own->bias = tgl__read_codes(r, a->n_out);
            if (own->bias == NULL)
                return no_codes(l);
        }
    }
    a->term_exact = (flags & IS_EXACT) != 0;
    if (!a->term_exact)
        a->term = read_quant(r);
    a->acc = read_quant(r);
    if (a->term_exact)
        a->term.type.frac = a->acc.type.frac;
    if (flags & HAS_ORDER)
        TGL_TRY(read_order(l, a->n_in, &own->order));
    return r->failed ? broken(l, "truncated") : TGL_OK;
}

static tgl_status read_affine(loader *l)
{
    size_t at = l->reader.at;
    tgl_affine affine = {0};
    affine_arrays own = {NULL, NULL, NULL};
    tgl_status status = read_affine_body(l, &affine, &own);
    if (status == TGL_OK) {
        uint32_t number;
        affine.weights = own.weights;
        affine.bias = own.bias;
        affine.order = own.order;
        status =
            placed(l, tgl_program_add_affine(l->program, &affine, &number, l->err), at);
    }
    tgl__free(own.weights);
    tgl__free(own.bias);
    tgl__free(own.order);
    return status;
}

static void read_fields(tgl__reader *r, tgl_op *op, unsigned fields)
{
    if (fields & TGL__HAS_QUANT) {
        op->round = (tgl_round)tgl__read_u8(r);
        op->overflow = (tgl_overflow)tgl__read_u8(r);
    }
    if (fields & TGL__HAS_RELATION)
        op->relation = (tgl_relation)tgl__read_u8(r);
    if (fields & TGL__HAS_IMM)
        op->imm = (int64_t)tgl__read_u64(r);
    if (fields & TGL__HAS_REF)
        op->ref = tgl__read_u32(r);
    if (fields & TGL__HAS_ELEMENT)
        op->element = tgl__read_u32(r);
    if (fields & TGL__HAS_SHIFTS) {
        op->shift_lo = (int8_t)tgl__read_u8(r);
        op->shift_hi = (int8_t)tgl__read_u8(r);
    }
}

static tgl_status read_op(loader *l)
{
    tgl__reader *r = &l->reader;
    size_t at = r->at;
    tgl_op op = {.code = (tgl_opcode)tgl__read_u8(r), .ref = TGL_NONE};
    op.type = tgl__read_type(r);
    const tgl__opcode *opcode = tgl__opcode_find((unsigned)op.code);
    if (opcode == NULL)
        return broken(l, "unknown opcode");
    if (op.code == TGL_OP_INPUT) {
        const char *name = read_name(l);
        if (r->failed)
            return leave(l);
        return placed(l, tgl_program_add_input(l->program, name, op.type, NULL, l->err),
                      at);
    }
    read_fields(r, &op, opcode->fields);
    op.n_arg = opcode->min_arg == opcode->max_arg ? opcode->min_arg : tgl__read_u32(r);
    uint32_t *args = NULL;
    tgl_status status = read_order(l, op.n_arg, &args);
    if (status != TGL_OK)
        return status;
    op.args = args;
    op.origin.layer = read_name(l);
    op.origin.element = (int32_t)tgl__read_u32(r);
    op.origin.role = read_name(l);
    status = r->failed ? broken(l, "truncated")
                       : placed(l, tgl_program_add_op(l->program, &op, NULL, l->err), at);
    tgl__free(args);
    return status;
}

static tgl_status read_outputs(loader *l)
{
    for (uint32_t i = 0; i < l->counts[PORTS]; i++) {
        size_t at = l->reader.at;
        const char *name = read_name(l);
        uint32_t value = tgl__read_u32(&l->reader);
        if (l->reader.failed)
            break;
        TGL_TRY(placed(l, tgl_program_add_output(l->program, name, value, l->err), at));
    }
    return leave(l);
}

static tgl_status read_each(loader *l, uint32_t count, tgl_status (*entry)(loader *))
{
    for (uint32_t i = 0; i < count; i++)
        TGL_TRY(entry(l));
    return leave(l);
}

static tgl_status load(loader *l, const uint8_t *bytes, size_t size)
{
    TGL_TRY(read_directory(l, bytes, size));
    enter(l, bytes, NAMES);
    TGL_TRY(read_names(l));
    enter(l, bytes, PORTS);
    const char *name = read_name(l);
    if (l->reader.failed)
        return leave(l);
    TGL_TRY(tgl_program_new(&l->program, name, l->err));
    size_t ports_at = l->reader.at;
    enter(l, bytes, SLOTS);
    TGL_TRY(read_each(l, l->counts[SLOTS], read_slot));
    enter(l, bytes, TABLES);
    TGL_TRY(read_each(l, l->counts[TABLES], read_table));
    enter(l, bytes, AFFINES);
    TGL_TRY(read_each(l, l->counts[AFFINES], read_affine));
    enter(l, bytes, CODE);
    TGL_TRY(read_each(l, l->counts[CODE], read_op));
    enter(l, bytes, PORTS);
    l->reader.at = ports_at;
    TGL_TRY(read_outputs(l));
    return tgl_program_verify(l->program, l->err);
}

tgl_status tgl_program_decode(tgl_program **out, const uint8_t *bytes, size_t size,
                              tgl_error *err)
{
    tgl_error local = {0};
    loader l = {.reader = {bytes, size, 0, false}, .err = err == NULL ? &local : err};
    tgl_status status = load(&l, bytes, size);
    tgl__free(l.names);
    tgl__free(l.name_text);
    if (status != TGL_OK) {
        tgl_program_free(l.program);
        return status;
    }
    *out = l.program;
    return TGL_OK;
}
