/* The top function: its variables, and its calls in order. */
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "model/hls4ml/hls.h"

enum { MAX_VARIABLE = 1 << 14, MAX_CALL = 1 << 14 };

typedef struct reader {
    hls_top *top;
    hls_project *p;
    const char *file;
    const hls_token *at, *end;
} reader;

/* ---- variables ---- */

static hls_variable *named(const hls_top *top, hls_text name)
{
    for (uint32_t i = 0; i < top->n_variable; i++)
        if (tgl__hls_same(top->variables[i].name, name)) {
            uint32_t same = top->variables[i].same_as;
            return &top->variables[same ? same - 1 : i];
        }
    return NULL;
}

hls_variable *tgl__hls_variable(const hls_top *top, hls_range name)
{
    return name.n == 1 && name.at->kind == HLS_WORD ? named(top, name.at->text) : NULL;
}

static tgl_status add_variable(reader *r, const hls_variable *v)
{
    if (r->top->n_variable >= MAX_VARIABLE)
        return tgl__fail(r->p->err, TGL_ELIMIT, "%s: %s: more than %d variables",
                         r->p->files.path, r->file, MAX_VARIABLE);
    if (named(r->top, v->name))
        return tgl__fail(r->p->err, TGL_EFORMAT, "%s: %s: '%.*s' is declared twice",
                         r->p->files.path, r->file, (int)v->name.n, v->name.at);
    if (!tgl__grow(&r->top->variables, r->top->n_variable, &r->top->variable_capacity,
                   sizeof *v))
        return tgl__fail_nomem(r->p->err);
    r->top->variables[r->top->n_variable++] = *v;
    return TGL_OK;
}

/* "T x[N]", "hls::stream<T> &x", "hls::stream<T> x("x")". */
static tgl_status declare(reader *r, hls_range type, hls_text name, const hls_token *at,
                          const hls_token *end, bool is_parameter)
{
    hls_variable v = {.name = name, .is_parameter = is_parameter};
    const hls_text none = {"", 0};
    int64_t n = 1;
    tgl_status status = tgl__hls_type(&v.type, r->p, none, type);
    if (status != TGL_OK)
        return tgl__fail_context(r->p->err, status, "%s: %s:%u: '%.*s'", r->p->files.path,
                                 r->file, type.at->line, (int)name.n, name.at);
    bool is_array = at < end && tgl__hls_mark(at, '[');
    if (is_array) {
        const hls_token *behind = tgl__hls_behind(at, end);
        const hls_range extent = {at + 1,
                                  behind - at >= 2 ? (uint32_t)(behind - at - 2) : 0};
        TGL_TRY(tgl__hls_int(&n, r->p, none, extent));
        if (n < 1 || n > 1 << 20)
            return tgl__fail(r->p->err, TGL_EFORMAT,
                             "%s: %s: '%.*s': expected 1 to %d elements, found %lld",
                             r->p->files.path, r->file, (int)name.n, name.at, 1 << 20,
                             (long long)n);
    }
    v.n = v.type.is_stream ? 0 : (uint32_t)n;
    return add_variable(r, &v);
}

static tgl_status read_parameters(reader *r, hls_range list)
{
    hls_range *items;
    uint32_t n;
    TGL_TRY(tgl__hls_split(&items, &n, r->p, list));
    for (uint32_t i = 0; i < n; i++) {
        const hls_token *at = items[i].at, *end = at + items[i].n;
        hls_range type;
        hls_text owner, name;
        if (!tgl__hls_declarator(&type, &owner, &name, &at, end))
            return tgl__fail(r->p->err, TGL_EFORMAT,
                             "%s: %s:%u: expected a parameter like 'input_t x[4]'",
                             r->p->files.path, r->file, items[i].at->line);
        TGL_TRY(declare(r, type, name, at, end, true));
    }
    return TGL_OK;
}

/* ---- statements ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The remark behind a statement is the layer's name. */
static const char *layer_name(const reader *r, const hls_token *semicolon,
                              const hls_token *fallback)
{
    const char *c = semicolon->text.at + 1;
    while (is_blank(*c))
        c++;
    if (c[0] == '/' && c[1] == '/') {
        c += 2;
        while (is_blank(*c))
            c++;
        uint32_t n = (uint32_t)strcspn(c, " \t\r\n");
        if (n)
            return tgl__hls_string(r->p, (hls_text){c, n});
    }
    return tgl__hls_string(r->p, fallback->text);
}

/* SPACE::FUNCTION<TYPES>(ARGS); */
static tgl_status read_call(reader *r, const hls_token *semicolon)
{
    hls_call call = {.line = r->at->line};
    const hls_token *at = r->at;
    hls_range types = {at, 0}, args;
    for (; at < semicolon && (at->kind == HLS_WORD || tgl__hls_is(at->text, "::")); at++)
        if (at->kind == HLS_WORD) {
            call.space = call.function;
            call.function = at->text;
        }
    if (at < semicolon && tgl__hls_mark(at, '<')) {
        const hls_token *behind = tgl__hls_behind(at, semicolon);
        if (behind - at >= 2)
            types = (hls_range){at + 1, (uint32_t)(behind - at - 2)};
        at = behind;
    }
    const hls_token *behind =
        at < semicolon && tgl__hls_mark(at, '(') ? tgl__hls_behind(at, semicolon) : at;
    if (behind != semicolon || behind - at < 3)
        return tgl__fail(r->p->err, TGL_EUNSUPPORTED,
                         "%s: %s:%u: expected a call like nnet::dense<...>(...), found "
                         "'%.*s'",
                         r->p->files.path, r->file, r->at->line, (int)r->at->text.n,
                         r->at->text.at);
    args = (hls_range){at + 1, (uint32_t)(behind - at - 2)};
    TGL_TRY(tgl__hls_split(&call.types, &call.n_type, r->p, types));
    TGL_TRY(tgl__hls_split(&call.args, &call.n_arg, r->p, args));
    const hls_range last = call.args[call.n_arg > 1 ? 1 : 0];
    call.layer = layer_name(r, semicolon, last.n ? last.at : at);
    if (!call.layer)
        return tgl__fail_nomem(r->p->err);
    if (r->top->n_call >= MAX_CALL)
        return tgl__fail(r->p->err, TGL_ELIMIT, "%s: more than %d calls", r->file,
                         MAX_CALL);
    if (!tgl__grow(&r->top->calls, r->top->n_call, &r->top->call_capacity, sizeof call))
        return tgl__fail_nomem(r->p->err);
    r->top->calls[r->top->n_call++] = call;
    return TGL_OK;
}

/* auto& a = b; */
static tgl_status read_alias(reader *r, const hls_token *semicolon)
{
    const hls_token *at = r->at + 1;
    while (at < semicolon && (tgl__hls_mark(at, '&') || tgl__hls_word(at, "const")))
        at++;
    hls_variable v = {.name = at->text};
    bool form = semicolon - at == 3 && at->kind == HLS_WORD && tgl__hls_mark(at + 1, '=');
    const hls_variable *other = form ? named(r->top, at[2].text) : NULL;
    if (!other)
        return tgl__fail(r->p->err, TGL_EUNSUPPORTED,
                         "%s: %s:%u: expected 'auto& a = b' of a variable",
                         r->p->files.path, r->file, r->at->line);
    v.same_as = 1 + (uint32_t)(other - r->top->variables);
    return add_variable(r, &v);
}

/* The loading of weights from text files, and whatever else a condition guards. */
static void skip_condition(reader *r)
{
    r->at++;
    if (r->at < r->end && tgl__hls_mark(r->at, '('))
        r->at = tgl__hls_behind(r->at, r->end);
    if (r->at < r->end && tgl__hls_mark(r->at, '{'))
        r->at = tgl__hls_behind(r->at, r->end);
}

static bool is_save(const hls_token *at)
{
    return tgl__hls_word(at, "nnet") && tgl__hls_is(at[1].text, "::") &&
           tgl__hls_word(at + 2, "save_layer_output");
}

static tgl_status read_statement(reader *r)
{
    if (tgl__hls_mark(r->at, ';')) {
        r->at++;
        return TGL_OK;
    }
    const hls_token *semicolon = tgl__hls_find(r->at, r->end, ';'), *at = r->at;
    hls_range type;
    hls_text owner, name;
    if (tgl__hls_word(at, "if")) {
        skip_condition(r);
        return TGL_OK;
    }
    tgl_status status = TGL_OK;
    if (tgl__hls_word(at, "auto"))
        status = read_alias(r, semicolon);
    else if (tgl__hls_word(at, "static") || (semicolon - at > 3 && is_save(at)))
        ; /* static bool loaded_weights = false; a trace */
    else if (tgl__hls_declarator(&type, &owner, &name, &at, semicolon))
        status = declare(r, type, name, at, semicolon, false);
    else
        status = read_call(r, semicolon);
    r->at = semicolon < r->end ? semicolon + 1 : r->end;
    return status;
}

/* ---- which function ---- */

static bool calls_layers(const hls_name *function)
{
    for (uint32_t i = 0; i + 2 < function->value.n; i++) {
        const hls_token *t = &function->value.at[i];
        if (tgl__hls_word(t, "nnet") && tgl__hls_is(t[1].text, "::") &&
            tgl__hls_mark(t + 3, '<') && !tgl__hls_word(t + 2, "reduce") &&
            !tgl__hls_word(t + 2, "Op_add"))
            return true;
    }
    return false;
}

static bool is_source(const hls_project *p, uint32_t file)
{
    const char *name = p->file[file].name;
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".cpp") == 0;
}

static tgl_status find_top(const hls_name **out, hls_project *p)
{
    const char *wanted =
        tgl__json_string(tgl__json_get(p->import->settings, "top"), NULL);
    const hls_name *found = NULL;
    for (uint32_t i = 0; i < p->n_name; i++) {
        const hls_name *name = &p->names[i];
        if (name->kind != HLS_FUNCTION || name->owner.n || !is_source(p, name->file) ||
            !calls_layers(name) || (wanted && !tgl__hls_is(name->name, wanted)))
            continue;
        if (found)
            return tgl__fail(p->err, TGL_EUSAGE,
                             "%s: more than one top function ('%.*s', '%.*s'): name one "
                             "in the settings: top: %.*s",
                             p->files.path, (int)found->name.n, found->name.at,
                             (int)name->name.n, name->name.at, (int)found->name.n,
                             found->name.at);
        found = name;
    }
    if (!found)
        return tgl__fail(p->err, TGL_EFORMAT,
                         "%s: expected a top function%s%s with calls like "
                         "nnet::dense<...>(...) in %s*.cpp, found none",
                         p->files.path, wanted ? " " : "", wanted ? wanted : "",
                         p->folder);
    *out = found;
    return TGL_OK;
}

tgl_status tgl__hls_top(hls_top *top, hls_project *p)
{
    const hls_name *function = NULL;
    TGL_TRY(find_top(&function, p));
    reader r = {.top = top,
                .p = p,
                .file = p->file[function->file].name,
                .at = function->value.at,
                .end = function->value.at + function->value.n};
    top->name = function->name;
    TGL_TRY(read_parameters(&r, function->type));
    while (r.at < r.end)
        TGL_TRY(read_statement(&r));
    return TGL_OK;
}

void tgl__hls_top_release(hls_top *top)
{
    tgl__free(top->variables);
    tgl__free(top->calls);
}
