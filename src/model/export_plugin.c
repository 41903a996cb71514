/* The sources of a shared object that CMSSW's hls4ml emulator loader takes: a run-time
 * file, ten lines of C++ that name the element types, a Makefile. The C++ types cannot be
 * read off the program alone (a port has no rounding modes, `any` compares whole types),
 * so they can be given; they are held against the ports here and again when compiled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/exporters.h"

/* ---- reading C++ types ---- */

enum { MAX_DEPTH = 8, MAX_LEAVES = 1 << 20 };

/* Walks a type and holds its elements, in order, against the ports from `port` on. */
typedef struct walk {
    const char *text, *at;
    const tgl_port *(*get)(const tgl_program *, uint32_t);
    const tgl_program *program;
    const char *what; /* "input", "result" */
    uint32_t port, n_port;
    tgl_error *err;
} walk;

static tgl_status bad_type(const walk *w, const char *why)
{
    return tgl__fail_at(w->err, TGL_EUSAGE, (uint64_t)(w->at - w->text),
                        "plugin: %s type '%s', character %zu: %s", w->what, w->text,
                        (size_t)(w->at - w->text), why);
}

static void skip_blanks(walk *w)
{
    while (*w->at == ' ')
        w->at++;
}

static bool take(walk *w, const char *token)
{
    skip_blanks(w);
    size_t n = strlen(token);
    if (strncmp(w->at, token, n) != 0)
        return false;
    w->at += n;
    return true;
}

static bool take_number(walk *w, long *out)
{
    skip_blanks(w);
    char *end;
    if ((*w->at < '0' || *w->at > '9') && *w->at != '-')
        return false;
    *out = strtol(w->at, &end, 10);
    bool good = end != w->at && *out > -100000 && *out <= MAX_LEAVES;
    w->at = end;
    return good;
}

/* "ap_fixed<18,13>", "ap_ufixed<10,6,AP_RND_CONV,AP_SAT>" by the project's own reader;
 * "ap_uint<13>" is ufixed<13,13>. */
static tgl_status read_leaf(tgl_type *out, walk *w)
{
    char text[128];
    skip_blanks(w);
    size_t n = strcspn(w->at, ">") + 1;
    if (n >= sizeof text || w->at[n - 1] != '>')
        return bad_type(w, "expected ap_fixed<W,I>, ap_ufixed<W,I>, ap_int<W>, "
                           "ap_uint<W>, std::array<T,N> or std::pair<T,U>");
    snprintf(text, sizeof text, "%.*s", (int)n, w->at);
    tgl_quant quant;
    int width, used = 0;
    bool is_signed = sscanf(text, "ap_int < %d > %n", &width, &used) == 1 && used > 0;
    bool is_integer =
        is_signed || (sscanf(text, "ap_uint < %d > %n", &width, &used) == 1 && used > 0);
    if (is_integer && width >= 1 && width <= TGL_MAX_WIDTH)
        *out = (tgl_type){is_signed, (uint8_t)width, 0};
    else if (strncmp(text, "ap_", 3) == 0 &&
             tgl_quant_parse(&quant, text, NULL) == TGL_OK)
        *out = quant.type;
    else
        return bad_type(w, "expected ap_fixed<W,I,Q,O>, ap_ufixed, ap_int or ap_uint of "
                           "at most 63 bits");
    w->at += n;
    return TGL_OK;
}

static tgl_status match_leaf(walk *w, tgl_type type)
{
    if (w->port >= w->n_port)
        return bad_type(w, "more elements than the model has ports");
    const tgl_port *port = w->get(w->program, w->port);
    char wanted[TGL_TYPE_TEXT], found[TGL_TYPE_TEXT];
    if (tgl_type_equal(port->type, type)) {
        w->port++;
        return TGL_OK;
    }
    tgl_type_format(wanted, port->type);
    tgl_type_format(found, type);
    return tgl__fail(w->err, TGL_EUSAGE,
                     "plugin: %s type '%s': element %u is port '%s': expected %s, found "
                     "%s",
                     w->what, w->text, w->port, port->name, wanted, found);
}

static tgl_status walk_type(walk *w, int depth)
{
    if (depth > MAX_DEPTH)
        return bad_type(w, "nested too deeply");
    if (take(w, "std::pair<")) {
        TGL_TRY(walk_type(w, depth + 1));
        if (!take(w, ","))
            return bad_type(w, "expected ','");
        TGL_TRY(walk_type(w, depth + 1));
        return take(w, ">") ? TGL_OK : bad_type(w, "expected '>'");
    }
    if (!take(w, "std::array<")) {
        tgl_type type;
        TGL_TRY(read_leaf(&type, w));
        return match_leaf(w, type);
    }
    const char *element = w->at, *after = element;
    uint32_t first = w->port;
    long n = 0;
    TGL_TRY(walk_type(w, depth + 1));
    after = w->at;
    if (!take(w, ",") || !take_number(w, &n) || n < 1 || !take(w, ">"))
        return bad_type(w, "expected the array's length and '>'");
    after = w->at;
    for (long i = 1; i < n && w->port > first; i++) {
        w->at = element;
        TGL_TRY(walk_type(w, depth + 1));
    }
    w->at = after;
    return TGL_OK;
}

/* A type, with "[N]" behind it when `any` holds a pointer to N of them. */
static tgl_status walk_all(walk *w, char *base, size_t room, long *count)
{
    uint32_t first = w->port;
    TGL_TRY(walk_type(w, 0));
    int n = (int)(w->at - w->text);
    if ((size_t)n >= room)
        return bad_type(w, "too long");
    snprintf(base, room, "%.*s", n, w->text);
    *count = 1;
    if (take(w, "[") && (!take_number(w, count) || *count < 1 || !take(w, "]")))
        return bad_type(w, "expected a length and ']'");
    skip_blanks(w);
    if (*w->at != '\0')
        return bad_type(w, "something follows the type");
    for (long i = 1; i < *count && w->port > first; i++) {
        w->at = w->text;
        TGL_TRY(walk_type(w, 0));
    }
    return TGL_OK;
}

/* ---- types that nobody named ---- */

/* The modes that made an output: of its last conversion. */
static tgl_quant modes_of(const tgl_program *program, const tgl_port *port)
{
    const tgl_op *op =
        tgl_program_op(program, tgl_program_value_op(program, port->value));
    if (op->code == TGL_OP_QUANTISE)
        return (tgl_quant){port->type, op->round, op->overflow};
    return (tgl_quant){port->type, TGL_TRN, TGL_WRAP};
}

static void cpp_type(char *out, size_t room, const tgl_quant *quant)
{
    int n = snprintf(out, room, "ap_%sfixed<%d,%d", quant->type.is_signed ? "" : "u",
                     quant->type.width, quant->type.width - quant->type.frac);
    if (quant->round != TGL_TRN || quant->overflow != TGL_WRAP)
        n += snprintf(out + n, room - (size_t)n, ",AP_%s,AP_%s",
                      tgl_round_name(quant->round), tgl_overflow_name(quant->overflow));
    snprintf(out + n, room - (size_t)n, ">");
}

static tgl_status one_type(const walk *w, const char *how)
{
    for (uint32_t i = 1; i < w->n_port; i++) {
        const tgl_port *a = w->get(w->program, 0), *b = w->get(w->program, i);
        char first[TGL_TYPE_TEXT], other[TGL_TYPE_TEXT];
        tgl_type_format(first, a->type);
        tgl_type_format(other, b->type);
        if (!tgl_type_equal(a->type, b->type))
            return tgl__fail(w->err, TGL_EUSAGE,
                             "plugin: expected %ss of one type, found %s '%s' and %s "
                             "'%s': %s",
                             w->what, first, a->name, other, b->name, how);
    }
    return TGL_OK;
}

typedef struct types {
    char input[512], result[512];
    long n_input, n_result; /* objects that each pointer points at */
} types;

static tgl_status input_type(types *t, const tgl__export *model, tgl_error *err)
{
    char own[160];
    walk w = {.get = tgl_program_input,
              .program = model->program,
              .what = "input",
              .n_port = tgl_program_n_input(model->program),
              .err = err};
    w.text = model->options.input_type;
    if (w.text == NULL) {
        TGL_TRY(one_type(&w, "export a model whose inputs the framework's array holds "
                             "(variant 'unscaled' of a Level-1 network)"));
        tgl_quant quant = {tgl_program_input(model->program, 0)->type, TGL_TRN, TGL_WRAP};
        cpp_type(own, sizeof own, &quant);
        size_t n = strlen(own);
        snprintf(own + n, sizeof own - n, "[%u]", w.n_port);
        w.text = own;
    }
    w.at = w.text;
    TGL_TRY(walk_all(&w, t->input, sizeof t->input, &t->n_input));
    if (t->n_input == 1 && w.port > 0 && w.n_port % w.port == 0) {
        t->n_input = w.n_port / w.port; /* the element's type alone: as many as needed */
        for (uint32_t end = w.n_port; w.port < end;) {
            w.at = w.text;
            TGL_TRY(walk_type(&w, 0));
        }
    }
    if (w.port != w.n_port)
        return tgl__fail(err, TGL_EUSAGE,
                         "plugin: input type '%s': expected %u elements, found %u",
                         w.text, w.n_port, w.port);
    w.text = t->input;
    return TGL_OK;
}

static tgl_status result_type(types *t, const tgl__export *model, tgl_error *err)
{
    char own[160];
    walk w = {.get = tgl_program_output,
              .program = model->program,
              .what = "result",
              .n_port = tgl_program_n_output(model->program),
              .err = err};
    w.text = model->options.result_type;
    if (w.text == NULL) {
        TGL_TRY(one_type(&w, "name the result's type, as std::pair<std::array<T,N>,S>"));
        tgl_quant quant = modes_of(model->program, tgl_program_output(model->program, 0));
        cpp_type(own, sizeof own, &quant);
        size_t n = strlen(own);
        snprintf(own + n, sizeof own - n, "[%u]", w.n_port);
        w.text = own;
    }
    w.at = w.text;
    return walk_all(&w, t->result, sizeof t->result, &t->n_result);
}

/* ---- the files ---- */

static void print_source(tgl_buffer *b, const tgl__export *model, const types *t,
                         const char *digest)
{
    tgl__buffer_printf(
        b,
        "// %s for CMSSW's hls4ml emulator loader, over %s.tglr beside the library.\n"
        "// Written by 'trigline model export --as plugin'; docs/run-library.md explains "
        "it.\n"
        "// The any of prepare_input holds input_t*, that of read_result holds "
        "result_t*.\n"
        "#include <array>\n#include <utility>\n\n"
        "#include \"ap_fixed.h\"\n#include \"ap_int.h\"\n\n"
        "#include <trigline/hls4ml_plugin.hpp>\n\n",
        model->name, model->name);
    tgl__buffer_printf(b, "using input_t = %s; // %ld of them\n", t->input, t->n_input);
    tgl__buffer_printf(b, "using result_t = %s; // %ld of them\n\n", t->result,
                       t->n_result);
    tgl__buffer_printf(b,
                       "TRIGLINE_HLS4ML_PLUGIN(\"%s\",\n"
                       "    \"%s\",\n"
                       "    input_t, %ld, result_t, %ld)\n",
                       model->name, digest, t->n_input, t->n_result);
}

/* Nothing else may leave the library: two plugins of one process must share nothing. */
static const char exports[] = "{\n    global:\n        create_model;\n"
                              "        destroy_model;\n    local:\n        *;\n};\n";

static void print_makefile(tgl_buffer *b, const char *name)
{
    tgl__buffer_printf(
        b,
        "# make TRIGLINE=PREFIX AP_TYPES=DIRECTORY: %s.so, to be installed with %s.tglr\n"
        "# beside it. TRIGLINE holds include/ and lib/ of libtrigline-run.\n"
        "CXX ?= g++\n"
        "CXXFLAGS ?= -O2\n"
        "TRIGLINE ?= /usr\n"
        "AP_TYPES ?= .\n\n"
        "%s.so: %s.cc exports.map\n"
        "\t$(CXX) -std=c++17 -fPIC -shared -fvisibility=hidden $(CXXFLAGS) \\\n"
        "\t    -I$(TRIGLINE)/include -isystem $(AP_TYPES) $< -o $@ \\\n"
        "\t    -Wl,--version-script=exports.map \\\n"
        "\t    -L$(TRIGLINE)/lib -ltrigline-run -ldl $(LDFLAGS)\n",
        name, name, name, name);
}

static tgl_status put_file(const char *directory, const char *name, const char *ending,
                           const void *bytes, size_t size, tgl_error *err)
{
    char file[200];
    snprintf(file, sizeof file, "%s%s", name, ending);
    char *path = tgl__path_join(directory, file);
    tgl_status status =
        path == NULL ? tgl__fail_nomem(err) : tgl__file_write(path, bytes, size, err);
    tgl__free(path);
    return status;
}

static tgl_status put_text(const char *directory, const char *name, const char *ending,
                           tgl_buffer *text, tgl_error *err)
{
    char *bytes = NULL;
    size_t size;
    TGL_TRY(tgl__buffer_finish(text, &bytes, &size, err));
    tgl_status status = put_file(directory, name, ending, bytes, size, err);
    tgl__free(bytes);
    return status;
}

static tgl_status write_directory(const char *path, const tgl__export *model,
                                  tgl_error *err)
{
    types *t = tgl__calloc(1, sizeof *t);
    tgl_buffer text = TGL_BUFFER_INIT;
    uint8_t *bytes = NULL;
    size_t size;
    char digest[72];
    tgl_status status = TGL_OK;
    if (t == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY_GOTO(input_type(t, model, err));
    TGL_TRY_GOTO(result_type(t, model, err));
    TGL_TRY_GOTO(tgl_model_program_digest(NULL, digest, model->program, err));
    TGL_TRY_GOTO(tgl__run_file(&bytes, &size, model, err));
    TGL_TRY_GOTO(tgl__make_dirs(path, err));
    print_makefile(&text, model->name);
    TGL_TRY_GOTO(put_text(path, "Makefile", "", &text, err));
    tgl__buffer_text(&text, exports);
    TGL_TRY_GOTO(put_text(path, "exports", ".map", &text, err));
    print_source(&text, model, t, digest);
    TGL_TRY_GOTO(put_text(path, model->name, ".cc", &text, err));
    status = put_file(path, model->name, ".tglr", bytes, size, err);
out:
    tgl__buffer_release(&text);
    tgl__free(bytes);
    tgl__free(t);
    return status;
}

const tgl__exporter tgl__export_plugin = {
    "plugin", NULL, "a directory: sources of a plugin for CMSSW's hls4ml emulator loader",
    write_directory};
