/* What expressions, types and arrays mean. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/hls4ml/hls.h"

/* ---- integer expressions ---- */

enum { MAX_STEP = 20000 };

typedef struct counter {
    const hls_project *p;
    uint32_t depth, steps;
    const char *problem;
} counter;

typedef struct expression {
    counter *c;
    hls_text owner;
    const hls_token *at, *end;
} expression;

static int64_t sum(expression *e);

static int64_t wrong(expression *e, const char *what)
{
    if (!e->c->problem)
        e->c->problem = what;
    e->at = e->end;
    return 0;
}

static int64_t evaluate(counter *c, hls_text owner, hls_range range)
{
    static const hls_token nothing = {.kind = HLS_END, .text = {"", 0}};
    if (!range.n)
        range.at = &nothing;
    expression e = {c, owner, range.at, range.at + range.n};
    if (c->depth >= HLS_MAX_DEPTH)
        return wrong(&e, "names refer to each other too deeply");
    c->depth++;
    int64_t v = sum(&e);
    c->depth--;
    return e.at < e.end ? wrong(&e, "an integer expression of another form") : v;
}

/* NAME or OWNER::NAME, at e->at. */
static int64_t named(expression *e)
{
    const hls_text none = {"", 0};
    hls_text owner = e->owner, name = (e->at++)->text;
    while (e->at + 1 < e->end && tgl__hls_is(e->at->text, "::")) {
        owner = name;
        name = e->at[1].text;
        e->at += 2;
    }
    if (tgl__hls_is(name, "true") || tgl__hls_is(name, "false"))
        return tgl__hls_is(name, "true");
    const hls_name *found = tgl__hls_name(e->c->p, owner, name);
    if (!found || !found->value.n)
        found = tgl__hls_name(e->c->p, none, name);
    if (!found || !found->value.n ||
        (found->kind != HLS_CONSTANT && found->kind != HLS_DEFINITION) || found->is_array)
        return wrong(e, "a name that is not declared as an integer");
    return evaluate(e->c, found->owner, found->value);
}

/* DIV_ROUNDUP(a, b), MIN(a, b), MAX(a, b): hls4ml's macros. */
static int64_t macro(expression *e)
{
    const hls_text name = e->at->text;
    e->at += 2;
    int64_t a = sum(e), b = 0, r;
    if (e->at < e->end && tgl__hls_mark(e->at, ',')) {
        e->at++;
        b = sum(e);
    }
    if (e->at >= e->end || !tgl__hls_mark(e->at, ')'))
        return wrong(e, "a call of another form");
    e->at++;
    if (tgl__hls_is(name, "MIN"))
        return a < b ? a : b;
    if (tgl__hls_is(name, "MAX"))
        return a > b ? a : b;
    if (!tgl__hls_is(name, "DIV_ROUNDUP") || b <= 0 ||
        __builtin_add_overflow(a, b - 1, &r))
        return wrong(e, "a call of another form");
    return r / b;
}

static int64_t number(expression *e)
{
    char text[32], *stop;
    hls_text t = (e->at++)->text;
    if (t.n >= sizeof text)
        return wrong(e, "a number too long");
    memcpy(text, t.at, t.n);
    text[t.n] = 0;
    long long v = strtoll(text, &stop, 0);
    while (*stop == 'u' || *stop == 'U' || *stop == 'l' || *stop == 'L')
        stop++;
    if (*stop || v > INT64_MAX / 4)
        return wrong(e, "a number that is no integer");
    return v;
}

static int64_t atom(expression *e)
{
    if (e->at >= e->end || e->c->problem || ++e->c->steps > MAX_STEP ||
        e->c->depth >= HLS_MAX_DEPTH)
        return wrong(e, "an expression that ends early or is too long");
    if (e->at->kind == HLS_NUMBER)
        return number(e);
    if (e->at->kind == HLS_WORD && e->at + 1 < e->end && tgl__hls_mark(e->at + 1, '('))
        return macro(e);
    if (e->at->kind == HLS_WORD)
        return named(e);
    bool minus = tgl__hls_mark(e->at, '-'), open = tgl__hls_mark(e->at, '(');
    if (!minus && !open)
        return wrong(e, "an expression of another form");
    e->at++;
    e->c->depth++;
    int64_t v = open ? sum(e) : -atom(e);
    e->c->depth--;
    if (open) {
        if (e->at >= e->end || !tgl__hls_mark(e->at, ')'))
            return wrong(e, "a bracket that is not closed");
        e->at++;
    }
    return v;
}

static int64_t product(expression *e)
{
    int64_t v = atom(e);
    while (e->at < e->end && (tgl__hls_mark(e->at, '*') || tgl__hls_mark(e->at, '/') ||
                              tgl__hls_mark(e->at, '%'))) {
        char op = (e->at++)->text.at[0];
        int64_t b = atom(e);
        if (op == '*') {
            if (__builtin_mul_overflow(v, b, &v))
                return wrong(e, "a product too large");
            continue;
        }
        if (b == 0 || b == -1)
            return wrong(e, "a division by zero");
        v = op == '/' ? v / b : v % b;
    }
    return v;
}

static int64_t sum(expression *e)
{
    if (e->c->depth >= HLS_MAX_DEPTH)
        return wrong(e, "brackets nest too deeply");
    e->c->depth++;
    int64_t v = product(e);
    while (e->at < e->end && (tgl__hls_mark(e->at, '+') || tgl__hls_mark(e->at, '-'))) {
        char op = (e->at++)->text.at[0];
        int64_t b = product(e);
        if (op == '+' ? __builtin_add_overflow(v, b, &v)
                      : __builtin_sub_overflow(v, b, &v))
            v = wrong(e, "a sum too large");
    }
    e->c->depth--;
    return v;
}

tgl_status tgl__hls_int(int64_t *out, const hls_project *p, hls_text owner,
                        hls_range range)
{
    counter c = {p, 0, 0, NULL};
    *out = evaluate(&c, owner, range);
    if (!c.problem)
        return TGL_OK;
    return tgl__fail(p->err, TGL_EFORMAT, "'%.*s': expected an integer, found %s",
                     range.n ? (int)range.at->text.n : 0,
                     range.n ? range.at->text.at : "", c.problem);
}

/* ---- members ---- */

tgl_status tgl__hls_member_int(int64_t *out, const hls_project *p, hls_text owner,
                               const char *name, int64_t lo, int64_t hi)
{
    const hls_name *member = tgl__hls_member(p, owner, name);
    if (!member || member->kind != HLS_CONSTANT || !member->value.n)
        return tgl__fail(p->err, TGL_EFORMAT,
                         "'%.*s': expected a member '%s', found none", (int)owner.n,
                         owner.at, name);
    TGL_TRY(tgl__hls_int(out, p, owner, member->value));
    if (*out < lo || *out > hi)
        return tgl__fail(p->err, TGL_EFORMAT,
                         "'%.*s': '%s': expected %lld to %lld, found %lld", (int)owner.n,
                         owner.at, name, (long long)lo, (long long)hi, (long long)*out);
    return TGL_OK;
}

hls_text tgl__hls_member_word(const hls_project *p, hls_text owner, const char *name)
{
    const hls_name *member = tgl__hls_member(p, owner, name);
    if (!member || !member->value.n)
        return (hls_text){"", 0};
    return member->value.at[member->value.n - 1].text;
}

hls_text tgl__hls_member_alias(const hls_project *p, hls_text owner, const char *name)
{
    const hls_name *member = tgl__hls_member(p, owner, name);
    hls_text word = {"", 0};
    for (uint32_t i = 0; member && i < member->value.n; i++) {
        if (tgl__hls_mark(&member->value.at[i], '<'))
            break;
        if (member->value.at[i].kind == HLS_WORD)
            word = member->value.at[i].text;
    }
    return word;
}

bool tgl__hls_real(double *out, hls_range literal)
{
    char text[64], *stop;
    if (!literal.n)
        return false;
    bool minus = literal.n > 1 && tgl__hls_mark(literal.at, '-');
    if (literal.n != 1u + minus || literal.at[minus].kind != HLS_NUMBER ||
        literal.at[minus].text.n >= sizeof text)
        return false;
    memcpy(text, literal.at[minus].text.at, literal.at[minus].text.n);
    text[literal.at[minus].text.n] = 0;
    double v = strtod(text, &stop);
    if (*stop == 'f' || *stop == 'F')
        stop++;
    *out = minus ? -v : v;
    return *stop == 0 && isfinite(v);
}

/* ---- types ---- */

typedef struct type_name {
    hls_text owner, name;
    hls_range args;
} type_name;

/* A::B<ARGS>. */
static type_name take_apart(hls_range type)
{
    type_name t = {{"", 0}, {"", 0}, {NULL, 0}};
    if (!type.n)
        return t;
    const hls_token *at = type.at, *end = type.at + type.n;
    while (at < end && (tgl__hls_word(at, "const") || tgl__hls_word(at, "typename") ||
                        tgl__hls_word(at, "static")))
        at++;
    for (; at < end && (at->kind == HLS_WORD || tgl__hls_is(at->text, "::")); at++)
        if (at->kind == HLS_WORD) {
            t.owner = t.name;
            t.name = at->text;
        }
    if (at < end && tgl__hls_mark(at, '<')) {
        const hls_token *behind = tgl__hls_behind(at, end);
        if (behind - at >= 2)
            t.args = (hls_range){at + 1, (uint32_t)(behind - at - 2)};
    }
    return t;
}

/* The first arguments, without an arena: at most `max` of them. */
static uint32_t cut(hls_range *out, uint32_t max, hls_range list)
{
    uint32_t n = 0, depth = 0;
    const hls_token *from = list.at;
    for (uint32_t i = 0; list.n && i <= list.n && n < max; i++) {
        const hls_token *t = &list.at[i];
        bool end = i == list.n;
        if (!end && (tgl__hls_mark(t, '<') || tgl__hls_mark(t, '(')))
            depth++;
        if (!end && depth && (tgl__hls_mark(t, '>') || tgl__hls_mark(t, ')')))
            depth--;
        if (!end && (depth || !tgl__hls_mark(t, ',')))
            continue;
        if (t > from)
            out[n++] = (hls_range){from, (uint32_t)(t - from)};
        from = t + 1;
    }
    return n;
}

/* ap_[u]fixed<W, I, Q, O, N>, ap_[u]int<W>. */
static tgl_status fixed_type(hls_type *out, const hls_project *p, hls_text owner,
                             const type_name *t)
{
    hls_range args[5];
    char text[96];
    int64_t width, integer, bits = 0;
    uint32_t n = cut(args, 5, t->args);
    out->is_integer = tgl__hls_is(t->name, "ap_int") || tgl__hls_is(t->name, "ap_uint");
    if (n < (out->is_integer ? 1u : 2u))
        return tgl__fail(p->err, TGL_EFORMAT,
                         "type '%.*s': expected its widths, found none", (int)t->name.n,
                         t->name.at);
    TGL_TRY(tgl__hls_int(&width, p, owner, args[0]));
    integer = width;
    if (!out->is_integer)
        TGL_TRY(tgl__hls_int(&integer, p, owner, args[1]));
    if (width < 1 || width > TGL_MAX_WIDTH || integer < -512 || integer > 512)
        return tgl__fail(p->err, TGL_EUNSUPPORTED,
                         "type '%.*s<%lld,%lld>': expected 1 to %d bits", (int)t->name.n,
                         t->name.at, (long long)width, (long long)integer, TGL_MAX_WIDTH);
    if (n > 4)
        TGL_TRY(tgl__hls_int(&bits, p, owner, args[4]));
    if (bits)
        return tgl__fail(p->err, TGL_EUNSUPPORTED,
                         "type '%.*s': saturation bits (AP_WRAP with N > 0)",
                         (int)t->name.n, t->name.at);
    bool is_signed = tgl__hls_is(t->name, "ap_fixed") || tgl__hls_is(t->name, "ap_int");
    snprintf(text, sizeof text, "%sfixed<%d,%d%s%.*s%s%.*s>", is_signed ? "" : "u",
             (int)width, (int)integer, n > 2 ? "," : "",
             n > 2 ? (int)args[2].at->text.n : 0, n > 2 ? args[2].at->text.at : "",
             n > 3 ? "," : "", n > 3 ? (int)args[3].at->text.n : 0,
             n > 3 ? args[3].at->text.at : "");
    TGL_TRY(tgl_quant_parse(&out->quant, text, p->err));
    if (out->is_integer)
        out->quant.round = TGL_TRN_ZERO; /* a fraction is cut toward zero */
    out->is_bit = out->is_integer && !is_signed && width == 1;
    return TGL_OK;
}

static tgl_status resolve(hls_type *out, const hls_project *p, hls_text owner,
                          hls_range type, uint32_t depth)
{
    const hls_text none = {"", 0};
    const type_name t = take_apart(type);
    hls_range args[2];
    if (tgl__hls_is(t.name, "ap_fixed") || tgl__hls_is(t.name, "ap_ufixed") ||
        tgl__hls_is(t.name, "ap_int") || tgl__hls_is(t.name, "ap_uint"))
        return fixed_type(out, p, owner, &t);
    if (depth >= HLS_MAX_DEPTH)
        return tgl__fail(p->err, TGL_ELIMIT, "type '%.*s' refers to itself",
                         (int)t.name.n, t.name.at);
    if (tgl__hls_is(t.name, "stream") && cut(args, 2, t.args) >= 1) {
        out->is_stream = true;
        return resolve(out, p, owner, args[0], depth + 1);
    }
    if (tgl__hls_is(t.name, "array") && cut(args, 2, t.args) == 2) {
        int64_t n;
        TGL_TRY(tgl__hls_int(&n, p, owner, args[1]));
        if (n < 1 || n > 1 << 20)
            return tgl__fail(p->err, TGL_EFORMAT,
                             "nnet::array: expected 1 to %d elements, found %lld",
                             1 << 20, (long long)n);
        out->together = (uint32_t)n;
        return resolve(out, p, owner, args[0], depth + 1);
    }
    const hls_name *found = tgl__hls_name(p, t.owner.n ? t.owner : owner, t.name);
    bool itself = found && found->value.at == type.at; /* typedef bias_t bias_t */
    if (!found || found->kind != HLS_TYPE || itself)
        found = tgl__hls_name(p, none, t.name);
    if (found && found->kind == HLS_TYPE && found->value.n)
        return resolve(out, p, found->owner, found->value, depth + 1);
    return tgl__fail(p->err, TGL_EUNSUPPORTED,
                     "type '%.*s': expected ap_fixed, ap_ufixed, ap_int, ap_uint or a "
                     "name for one",
                     (int)t.name.n, t.name.at);
}

tgl_status tgl__hls_type(hls_type *out, const hls_project *p, hls_text owner,
                         hls_range type)
{
    *out = (hls_type){.together = 1};
    return resolve(out, p, owner, type, 0);
}

tgl_status tgl__hls_member_type(hls_type *out, const hls_project *p, hls_text owner,
                                const char *name)
{
    const hls_name *member = tgl__hls_member(p, owner, name);
    if (!member || member->kind != HLS_TYPE)
        return tgl__fail(p->err, TGL_EFORMAT, "'%.*s': expected a type '%s', found none",
                         (int)owner.n, owner.at, name);
    tgl_status status = tgl__hls_type(out, p, owner, member->value);
    if (status != TGL_OK)
        return tgl__fail_context(p->err, status, "'%.*s'", (int)owner.n, owner.at);
    return TGL_OK;
}

int64_t tgl__hls_code(double value, const tgl_quant *quant)
{
    int64_t code = 0;
    if (isinf(value)) /* as the largest power of two: saturates, or wraps to 0 */
        value = value > 0 ? ldexp(1, 1023) : -ldexp(1, 1023);
    return tgl_quantise_double(&code, value, quant, NULL) == TGL_OK ? code : 0;
}

/* ---- arrays ---- */

static tgl_status fail_count(const hls_project *p, hls_text name, uint32_t expected,
                             size_t found)
{
    return tgl__fail(p->err, TGL_EFORMAT, "array '%.*s': expected %u values, found %zu",
                     (int)name.n, name.at, expected, found);
}

/* { number, number ... } */
tgl_status tgl__hls_initialiser(double *out, const hls_project *p, const hls_name *array,
                                uint32_t n)
{
    size_t found = 0;
    if (array->value.n < 2)
        return fail_count(p, array->name, n, 0);
    const hls_token *t = array->value.at, *end = t + array->value.n;
    if (!tgl__hls_mark(t, '{') || !tgl__hls_mark(end - 1, '}'))
        return tgl__fail(p->err, TGL_EFORMAT, "array '%.*s': expected { ... }",
                         (int)array->name.n, array->name.at);
    for (t++, end--; t < end; found++) {
        double value;
        const hls_range literal = {t, 1u + tgl__hls_mark(t, '-')};
        const hls_token *behind = t + literal.n;
        if (!tgl__hls_real(&value, literal) || behind > end ||
            (behind < end && !tgl__hls_mark(behind, ',')))
            return tgl__fail(p->err, TGL_EUNSUPPORTED,
                             "array '%.*s': value %zu: expected a number, found '%.*s'",
                             (int)array->name.n, array->name.at, found, (int)t->text.n,
                             t->text.at);
        if (found < n)
            out[found] = value;
        t = behind + 1;
    }
    return found == n ? TGL_OK : fail_count(p, array->name, n, found);
}

static tgl_status from_text(double *out, const hls_project *p, hls_text name, uint32_t n,
                            const char *text)
{
    size_t found = 0;
    for (const char *at = text; *at && *at != '\n'; found++) {
        char *stop;
        double value = strtod(at, &stop);
        while (*stop == ' ' || *stop == '\r')
            stop++;
        if (stop == at || (*stop && *stop != ',' && *stop != '\n') || !isfinite(value))
            return tgl__fail(p->err, TGL_EFORMAT,
                             "weights/%.*s.txt: value %zu: expected a number",
                             (int)name.n, name.at, found);
        if (found < n)
            out[found] = value;
        at = *stop == ',' ? stop + 1 : stop;
    }
    return found == n ? TGL_OK : fail_count(p, name, n, found);
}

static bool differs(const double *a, const double *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return true;
    return false;
}

tgl_status tgl__hls_values(double **out, hls_project *p, hls_text name, uint32_t n)
{
    const hls_text none = {"", 0};
    const hls_name *array = tgl__hls_name(p, none, name);
    bool written = array && array->kind == HLS_CONSTANT && array->value.n > 1;
    const char *text;
    size_t size;
    const char *path = tgl__arena_printf(&p->arena, "%sweights/%.*s.txt", p->folder,
                                         (int)name.n, name.at);
    *out = tgl__arena_alloc(&p->arena, n ? n : 1, sizeof **out);
    double *other = tgl__arena_alloc(&p->arena, n ? n : 1, sizeof *other);
    if (!path || !*out || !other)
        return tgl__fail_nomem(p->err);
    TGL_TRY(tgl__hls_read(&text, &size, p, path));
    if (!written && !text)
        return tgl__fail(p->err, TGL_EFORMAT,
                         "array '%.*s': expected its values in a header or in %s, found "
                         "none",
                         (int)name.n, name.at, path);
    if (text && (!written || size < HLS_MAX_FILE)) {
        tgl_status status = from_text(other, p, name, n, text);
        if (!written && status != TGL_OK)
            return status;
        if (!written)
            memcpy(*out, other, n * sizeof *other);
        text = status == TGL_OK ? text : NULL;
    }
    if (!written)
        return TGL_OK;
    TGL_TRY(tgl__hls_initialiser(*out, p, array, n));
    if (text && differs(*out, other, n))
        tgl__import_choice(p->import, path,
                           "differs from the header; the header is taken, which is what "
                           "is synthesised");
    return TGL_OK;
}
