/* A model as one C file without dependencies: the program's operations as statements over
 * a work array, each in 64 bits where its proven range allows and in 128 bits elsewhere.
 * Slots have the payload's values. */
#include "model/c/export_c.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { PART = 400 /* operations in one function: compilers are slow on long ones */ };

/* ---- ranges and conversions ---- */

tgl_interval tgl__c_range(const tgl__c_writer *w, uint32_t value)
{
    int64_t lo, hi;
    tgl_program_value_range(w->program, value, &lo, &hi);
    return (tgl_interval){lo, hi, tgl_program_value_type(w->program, value).frac};
}

static bool within(const tgl_interval *x, int bits)
{
    tgl_wide limit = (tgl_wide)1 << bits;
    return x->lo > -limit && x->hi < limit;
}

void tgl__c_cast(tgl_buffer *b, const char *expression, const tgl_interval *x,
                 const tgl_quant *quant)
{
    int shift = x->frac - quant->type.frac;
    tgl_interval y = *x;
    bool narrow = within(x, 62) && shift < 62;
    if (shift < 0)
        narrow = narrow && tgl__interval_align(&y, quant->type.frac) && within(&y, 62);
    tgl__buffer_printf(b, "cast%s(%s, %d, %d, %d, %d, %d)", narrow ? "64" : "128",
                       expression,
                       shift > 127    ? 127
                       : shift < -127 ? -127
                                      : shift,
                       (int)quant->round, (int)quant->overflow, quant->type.is_signed,
                       quant->type.width);
}

/* ---- statements ---- */

static void put_value(tgl_buffer *b, const tgl__c_writer *w, uint32_t value)
{
    tgl__buffer_printf(b, "v[%" PRIu32 "]", w->place[value]);
}

/* INT64_MIN has no literal of its own, but codes have 63 bits at most. */
static void put_code(tgl_buffer *b, int64_t code)
{
    tgl__buffer_printf(b, "INT64_C(%" PRId64 ")", code);
}

/* Argument `i` on the binary point `frac`, in 128 bits if `wide`. */
static void put_aligned(tgl_buffer *b, const tgl__c_writer *w, const tgl_op *op,
                        uint32_t i, int frac, bool wide)
{
    int left = frac - tgl_program_value_type(w->program, op->args[i]).frac;
    tgl__buffer_text(b, wide ? "shl128(" : "shl64(");
    put_value(b, w, op->args[i]);
    tgl__buffer_printf(b, ", %d)", left > 127 ? 127 : left);
}

static const char *binary_sign(const tgl_op *op)
{
    static const char *const relations[] = {" == ", " != ", " < ", " <= ", " > ", " >= "};
    return op->code == TGL_OP_ADD       ? " + "
           : op->code == TGL_OP_SUB     ? " - "
           : op->code == TGL_OP_COMPARE ? relations[op->relation]
                                        : NULL;
}

/* ADD, SUB, COMPARE, MIN and MAX: both arguments on one binary point. */
static void put_aligned_pair(tgl_buffer *b, const tgl__c_writer *w, const tgl_op *op)
{
    tgl_interval x = tgl__c_range(w, op->args[0]), y = tgl__c_range(w, op->args[1]);
    int frac = x.frac > y.frac ? x.frac : y.frac;
    bool wide = !tgl__interval_align(&x, frac) || !tgl__interval_align(&y, frac) ||
                !within(&x, 62) || !within(&y, 62);
    const char *sign = binary_sign(op);
    if (sign == NULL)
        tgl__buffer_printf(b, "%s%s(", op->code == TGL_OP_MIN ? "min" : "max",
                           wide ? "128" : "64");
    else
        tgl__buffer_text(b, "(int64_t)(");
    put_aligned(b, w, op, 0, frac, wide);
    tgl__buffer_text(b, sign == NULL ? ", " : sign);
    put_aligned(b, w, op, 1, frac, wide);
    tgl__buffer_text(b, ")");
}

/* "A sign B" or "prefix A". */
static void put_plain(tgl_buffer *b, const tgl__c_writer *w, const tgl_op *op,
                      const char *prefix, const char *sign)
{
    tgl__buffer_text(b, prefix);
    put_value(b, w, op->args[0]);
    if (op->n_arg < 2)
        return;
    tgl__buffer_text(b, sign);
    put_value(b, w, op->args[1]);
}

static void put_pick(tgl_buffer *b, const tgl__c_writer *w, const tgl_op *op)
{
    tgl__buffer_printf(b, "v[((const uint32_t[]){");
    for (uint32_t i = 1; i < op->n_arg; i++)
        tgl__buffer_printf(b, "%" PRIu32 "%s", w->place[op->args[i]],
                           i + 1 < op->n_arg ? "," : "");
    tgl__buffer_text(b, "})[");
    put_value(b, w, op->args[0]);
    tgl__buffer_text(b, "]]");
}

static void put_expression(tgl_buffer *b, tgl__c_writer *w, const tgl__exact *e)
{
    const tgl_op *op = e->op;
    tgl_interval x;
    char text[32];
    switch (op->code) {
    case TGL_OP_INPUT:
        tgl__buffer_printf(b, "in[%" PRId64 "]", op->imm);
        break;
    case TGL_OP_CONST:
    case TGL_OP_PARAM:
        put_code(b, op->code == TGL_OP_CONST ? op->imm : e->param);
        break;
    case TGL_OP_NEG:
        put_plain(b, w, op, "-", "");
        break;
    case TGL_OP_NOT:
        put_plain(b, w, op, "-1 - ", "");
        break;
    case TGL_OP_SHIFT:
        put_plain(b, w, op, "", "");
        break;
    case TGL_OP_MUL:
        put_plain(b, w, op, "", " * ");
        break;
    case TGL_OP_AND:
        put_plain(b, w, op, "", " & ");
        break;
    case TGL_OP_OR:
        put_plain(b, w, op, "", " | ");
        break;
    case TGL_OP_XOR:
        put_plain(b, w, op, "", " ^ ");
        break;
    case TGL_OP_SHIFT_VALUE:
        tgl__buffer_text(b, "shl64(");
        put_value(b, w, op->args[0]);
        tgl__buffer_printf(b, ", (int)(%d - ", op->shift_hi > 0 ? (int)op->shift_hi : 0);
        put_value(b, w, op->args[1]);
        tgl__buffer_text(b, "))");
        break;
    case TGL_OP_QUANTISE:
        x = tgl__c_range(w, op->args[0]);
        snprintf(text, sizeof text, "v[%" PRIu32 "]", w->place[op->args[0]]);
        tgl__c_cast(b, text, &x, &(tgl_quant){op->type, op->round, op->overflow});
        break;
    case TGL_OP_SELECT:
        put_plain(b, w, op, "", " != 0 ? ");
        tgl__buffer_text(b, " : ");
        put_value(b, w, op->args[2]);
        break;
    case TGL_OP_PICK:
        put_pick(b, w, op);
        break;
    case TGL_OP_TABLE:
        tgl__buffer_printf(b, "table_%" PRIu32 "[", op->ref);
        put_value(b, w, op->args[0]);
        tgl__buffer_text(b, "]");
        break;
    default:
        put_aligned_pair(b, w, op);
        break;
    }
}

/* ---- parts ---- */

static bool is_read(const tgl__c_writer *w, const tgl_op *op)
{
    for (uint32_t i = 0; i < op->n_value; i++)
        if (w->place[op->first_value + i] != TGL_NONE)
            return true;
    return false;
}

static void put_table(tgl__c_writer *w, const tgl__exact *e)
{
    const tgl_table_data *table = tgl_program_table(w->program, e->op->ref);
    int bits = table->type.width + (table->type.is_signed ? 0 : 1);
    if (w->has_table[e->op->ref])
        return;
    w->has_table[e->op->ref] = true;
    tgl__buffer_printf(&w->data,
                       "static const int%d_t table_%" PRIu32 "[%" PRIu32 "] = {",
                       bits <= 16   ? 16
                       : bits <= 32 ? 32
                                    : 64,
                       e->op->ref, table->count);
    for (uint32_t k = 0; k < table->count; k++)
        tgl__buffer_printf(&w->data, "%s%" PRId64 ",", k % 16 == 0 ? "\n    " : " ",
                           e->table[k]);
    tgl__buffer_text(&w->data, "\n};\n\n");
}

static tgl_status put_op(tgl__c_writer *w, uint32_t number)
{
    const tgl_op *op = tgl_program_op(w->program, number);
    if (op->code == TGL_OP_AFFINE)
        return tgl__c_affine(w, number);
    tgl__exact e;
    tgl__exact_resolve(&e, w->arg_frac, w->program, w->payload, number);
    if (op->code == TGL_OP_TABLE)
        put_table(w, &e);
    tgl__buffer_text(&w->body, "    ");
    put_value(&w->body, w, op->first_value);
    tgl__buffer_text(&w->body, " = ");
    put_expression(&w->body, w, &e);
    tgl__buffer_text(&w->body, ";\n");
    return TGL_OK;
}

/* The functions part_0 … over all operations; how many. */
static tgl_status put_parts(tgl__c_writer *w, uint32_t *n_part)
{
    uint32_t in_part = PART;
    const char *layer = "";
    *n_part = 0;
    for (uint32_t i = 0; i < tgl_program_n_op(w->program); i++) {
        const tgl_op *op = tgl_program_op(w->program, i);
        if (!is_read(w, op))
            continue;
        if (in_part++ == PART) {
            tgl__buffer_printf(&w->body,
                               "%sstatic void part_%" PRIu32
                               "(int64_t *v, const int64_t *in)\n{\n    (void)in;\n",
                               *n_part > 0 ? "}\n\n" : "", *n_part);
            ++*n_part;
            in_part = 0;
        }
        if (op->origin.layer != NULL && strcmp(op->origin.layer, layer) != 0) {
            layer = op->origin.layer; /* in a comment: nothing that could end it */
            tgl__buffer_printf(&w->body, "    /* %.*s */\n", (int)strcspn(layer, "*/\\"),
                               layer);
        }
        TGL_TRY(put_op(w, i));
    }
    tgl__buffer_text(&w->body, *n_part > 0 ? "}\n\n" : "");
    return TGL_OK;
}

/* Words of the work array for what the outputs need. */
static void find_places(tgl__c_writer *w)
{
    const tgl_program *p = w->program;
    enum { READ = 0 };
    for (uint32_t i = 0; i < tgl_program_n_output(p); i++)
        w->place[tgl_program_output(p, i)->value] = READ;
    for (uint32_t i = tgl_program_n_op(p); i-- > 0;) {
        const tgl_op *op = tgl_program_op(p, i);
        bool read = is_read(w, op);
        for (uint32_t k = 0; read && k < op->n_arg; k++)
            w->place[op->args[k]] = READ;
        for (uint32_t k = 0; read && k < op->n_value; k++)
            w->place[op->first_value + k] = READ; /* an affine writes all its results */
    }
    for (uint32_t v = 0; v < tgl_program_n_value(p); v++)
        if (w->place[v] == READ)
            w->place[v] = w->n_word++;
}

/* ---- the file ---- */

static const char preamble[] =
    "#include <stdint.h>\n\n"
    "__extension__ typedef __int128 wide_t;\n"
    "__extension__ typedef unsigned __int128 uwide_t;\n"
    "#define HELPER static inline __attribute__((unused))\n\n"
    "/* A shift that leaves the width belongs to a zero, or to what a wrap cuts off. */\n"
    "HELPER int64_t shl64(int64_t x, int n)\n"
    "{\n    return n > 63 ? 0 : (int64_t)((uint64_t)x << n);\n}\n"
    "HELPER wide_t shl128(int64_t x, int n)\n"
    "{\n    return n > 126 ? 0 : (wide_t)((uwide_t)x << n);\n}\n";

/* The conversions once for each width of integers: `round`, then `overflow`, numbered as
 * in trigline's fixed.h; ap_fixed's semantics. */
static void put_cast(tgl_buffer *b, const char *bits, const char *s, const char *u,
                     int limit)
{
    tgl__buffer_printf(
        b,
        "HELPER %s min%s(%s a, %s b)\n{\n    return a < b ? a : b;\n}\n"
        "HELPER %s max%s(%s a, %s b)\n{\n    return a > b ? a : b;\n}\n"
        "HELPER int64_t cast%s(%s x, int shift, int round, int overflow, "
        "int is_signed, int width)\n{\n"
        "    int64_t hi = (int64_t)((UINT64_C(1) << (width - is_signed)) - 1);\n"
        "    int64_t lo = is_signed ? -hi - 1 : 0;\n"
        "    const %s most = (%s)1 << %d;\n"
        "    %s y = x;\n"
        "    if (shift > 0) {\n"
        "        y = x >> shift;\n"
        "        %s half = (x >> (shift - 1)) & 1;\n"
        "        %s rest = (x & (%s)(((%s)1 << (shift - 1)) - 1)) != 0, minus = x < 0;\n"
        "        switch (round) {\n"
        "        case 1: y += minus & (half | rest); break;\n"
        "        case 2: y += half; break;\n"
        "        case 3: y += half & (minus | rest); break;\n"
        "        case 4: y += half & ((minus ^ 1) | rest); break;\n"
        "        case 5: y += half & rest; break;\n"
        "        case 6: y += half & ((y & 1) | rest); break;\n"
        "        default: break;\n"
        "        }\n"
        "    } else if (-shift > %d || x > most >> -shift || x < -(most >> -shift)) {\n"
        "        if (overflow == 0 && -shift <= %d) /* a wrap sees the low bits */\n"
        "            y = (%s)((%s)x << -shift);\n"
        "        else if (x == 0 || overflow == 0 || overflow == 2)\n"
        "            return 0;\n"
        "        else\n"
        "            return x > 0 ? hi : overflow == 3 && is_signed ? -hi : lo;\n"
        "    } else {\n"
        "        y = (%s)((%s)x << -shift);\n"
        "    }\n",
        s, bits, s, s, s, bits, s, s, bits, s, s, s, limit, s, s, s, s, s, limit, limit,
        s, u, s, u);
    tgl__buffer_printf(
        b, "%s",
        "    if (overflow == 0) {\n"
        "        uint64_t kept = (uint64_t)y & ((UINT64_C(1) << width) - 1);\n"
        "        if (is_signed && kept >> (width - 1))\n"
        "            kept |= ~((UINT64_C(1) << width) - 1);\n"
        "        return (int64_t)kept;\n"
        "    }\n"
        "    if (overflow == 3 && is_signed)\n"
        "        lo = -hi;\n"
        "    if (y >= lo && y <= hi)\n"
        "        return (int64_t)y;\n"
        "    return overflow == 2 ? 0 : y < lo ? lo : hi;\n"
        "}\n\n");
}

/* The model's name as a C identifier. */
static void put_name(char *out, size_t room, const char *name)
{
    size_t n = 0;
    if (name[0] >= '0' && name[0] <= '9')
        out[n++] = 'm';
    for (; *name != '\0' && n + 1 < room; name++)
        out[n++] = *name == '-' || *name == '.' ? '_' : *name;
    out[n] = '\0';
}

static void put_ports(tgl_buffer *b, const char *what, const tgl_program *p, uint32_t n,
                      const tgl_port *(*get)(const tgl_program *, uint32_t))
{
    for (uint32_t i = 0; i < n; i++) {
        const tgl_port *port = get(p, i);
        char type[TGL_TYPE_TEXT];
        tgl_type_format(type, port->type);
        tgl__buffer_printf(b, " *   %s[%" PRIu32 "] %s, %.*s\n", what, i, type,
                           (int)strcspn(port->name, "*/\\"), port->name);
    }
}

static tgl_status put_head(tgl_buffer *b, const tgl__c_writer *w, const char *name)
{
    char digest[72];
    TGL_TRY(tgl_model_program_digest(NULL, digest, w->program, w->err));
    tgl__buffer_printf(b,
                       "/* %s: bit-exact emulation, made by trigline; needs a C99 "
                       "compiler with 128-bit integers.\n"
                       " *\n * program %s\n",
                       w->model->name, digest);
    if (w->model->options.package != NULL)
        tgl__buffer_printf(b, " * package %s\n", w->model->options.package);
    tgl__buffer_printf(
        b,
        " *\n *   int %s_run(int64_t *out, const int64_t *in, int64_t *work);\n *\n"
        " * takes one event's codes (the value is code * 2^-(width - integer bits)) and "
        "writes its output\n"
        " * codes. `work` has %s_N_WORK words, one array a thread; nothing else is "
        "written, nothing kept.\n"
        " * Returns 0, or 1 + i when in[i] leaves its type.\n *\n",
        name, name);
    put_ports(b, "in", w->program, tgl_program_n_input(w->program), tgl_program_input);
    put_ports(b, "out", w->program, tgl_program_n_output(w->program), tgl_program_output);
    tgl__buffer_text(b, " */\n");
    tgl__buffer_text(b, preamble);
    put_cast(b, "64", "int64_t", "uint64_t", 62);
    put_cast(b, "128", "wide_t", "uwide_t", 126);
    return TGL_OK;
}

static void put_run(tgl_buffer *b, const tgl__c_writer *w, const char *name,
                    uint32_t n_part)
{
    const tgl_program *p = w->program;
    uint32_t n_in = tgl_program_n_input(p), n_out = tgl_program_n_output(p);
    tgl__buffer_printf(b,
                       "enum { %s_N_IN = %" PRIu32 ", %s_N_OUT = %" PRIu32
                       ", %s_N_WORK = %" PRIu32 " };\n\n",
                       name, n_in, name, n_out, name, w->n_word + 1);
    tgl__buffer_printf(b, "int %s_run(int64_t *out, const int64_t *in, int64_t *work);\n",
                       name);
    tgl__buffer_printf(
        b, "int %s_run(int64_t *out, const int64_t *in, int64_t *work)\n{\n", name);
    tgl__buffer_printf(b, "    static const int64_t bounds[][2] = {");
    for (uint32_t i = 0; i < n_in; i++) {
        tgl_type type = tgl_program_input(p, i)->type;
        tgl__buffer_printf(b, "%s{INT64_C(%" PRId64 "), INT64_C(%" PRId64 ")},",
                           i % 4 == 0 ? "\n        " : " ", tgl_type_min(type),
                           tgl_type_max(type));
    }
    tgl__buffer_printf(b,
                       "%s};\n    for (int i = 0; i < %" PRIu32
                       "; i++)\n        if (in[i] < bounds[i][0] || in[i] > "
                       "bounds[i][1])\n            return 1 + i;\n",
                       n_in == 0 ? "{0, 0}" : "\n    ", n_in);
    for (uint32_t i = 0; i < n_part; i++)
        tgl__buffer_printf(b, "    part_%" PRIu32 "(work, in);\n", i);
    for (uint32_t i = 0; i < n_out; i++)
        tgl__buffer_printf(b, "    out[%" PRIu32 "] = work[%" PRIu32 "];\n", i,
                           w->place[tgl_program_output(p, i)->value]);
    tgl__buffer_text(b, "    return 0;\n}\n");
}

static tgl_status put_all(tgl_buffer *file, tgl__c_writer *w)
{
    char name[140];
    uint32_t n_part;
    put_name(name, sizeof name, w->model->name);
    find_places(w);
    TGL_TRY(put_parts(w, &n_part));
    TGL_TRY(put_head(file, w, name));
    tgl__buffer_append(file, w->data.bytes, w->data.size);
    tgl__buffer_append(file, w->body.bytes, w->body.size);
    put_run(file, w, name, n_part);
    file->failed = file->failed || w->data.failed || w->body.failed;
    return TGL_OK;
}

static uint32_t widest_op(const tgl_program *program)
{
    uint32_t widest = 1;
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++)
        if (tgl_program_op(program, i)->n_arg > widest)
            widest = tgl_program_op(program, i)->n_arg;
    return widest;
}

static tgl_status write_c(const char *path, const tgl__export *model, tgl_error *err)
{
    const tgl_program *p = model->program;
    tgl__c_writer w = {.model = model, .program = p, .err = err};
    tgl_buffer file = TGL_BUFFER_INIT;
    char *text = NULL;
    size_t size, n_value = tgl_program_n_value(p) + (size_t)1,
                 n_affine = tgl_program_n_affine(p) + (size_t)1;
    w.payload = model->options.payload;
    w.place = tgl__calloc(n_value, sizeof *w.place);
    w.arg_frac = tgl__calloc(widest_op(p), sizeof *w.arg_frac);
    w.has_table = tgl__calloc(tgl_program_n_table(p) + (size_t)1, sizeof *w.has_table);
    w.last = tgl__calloc(n_affine, sizeof *w.last);
    w.last_text = tgl__calloc(n_affine, sizeof *w.last_text);
    tgl_status status = TGL_OK;
    if (w.place == NULL || w.arg_frac == NULL || w.has_table == NULL || w.last == NULL ||
        w.last_text == NULL) {
        status = tgl__fail_nomem(err);
    } else {
        memset(w.place, 0xff, n_value * sizeof *w.place);
        status = put_all(&file, &w);
    }
    for (size_t i = 0; w.last_text != NULL && i < n_affine; i++)
        tgl__free(w.last_text[i]);
    tgl__free(w.last_text);
    tgl__free(w.last);
    tgl__free(w.place);
    tgl__free(w.has_table);
    tgl__free(w.arg_frac);
    tgl__buffer_release(&w.data);
    tgl__buffer_release(&w.body);
    if (status == TGL_OK)
        status = tgl__buffer_finish(&file, &text, &size, err);
    else
        tgl__buffer_release(&file);
    if (status == TGL_OK)
        status = tgl__file_write(path, text, size, err);
    tgl__free(text);
    return status;
}

const tgl__exporter tgl__export_c = {"c", ".c", "one C file without dependencies",
                                     write_c};
