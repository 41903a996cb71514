/* What the files declare: types, constants, configurations, arrays, functions. */
#include <string.h>

#include "base/error.h"
#include "model/hls4ml/hls.h"

enum { MAX_NAME = 1 << 20 };

/* ---- names ---- */

static uint32_t bucket_of(hls_text owner, hls_text name)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < owner.n; i++)
        h = (h ^ (uint8_t)owner.at[i]) * 16777619u;
    h = (h ^ ':') * 16777619u;
    for (uint32_t i = 0; i < name.n; i++)
        h = (h ^ (uint8_t)name.at[i]) * 16777619u;
    return (h ^ (h >> 16)) % HLS_N_BUCKET;
}

tgl_status tgl__hls_add(hls_project *p, const hls_name *name)
{
    if (p->n_name >= MAX_NAME)
        return tgl__fail(p->err, TGL_ELIMIT, "%s: more than %d declarations",
                         p->files.path, MAX_NAME);
    if (!tgl__grow(&p->names, p->n_name, &p->name_capacity, sizeof *name))
        return tgl__fail_nomem(p->err);
    uint32_t b = bucket_of(name->owner, name->name);
    p->names[p->n_name] = *name;
    p->names[p->n_name].next = p->buckets[b];
    p->buckets[b] = ++p->n_name;
    return TGL_OK;
}

const hls_name *tgl__hls_name(const hls_project *p, hls_text owner, hls_text name)
{
    const hls_name *found = NULL;
    for (uint32_t i = p->buckets[bucket_of(owner, name)]; i; i = p->names[i - 1].next) {
        const hls_name *n = &p->names[i - 1];
        if (!tgl__hls_same(n->owner, owner) || !tgl__hls_same(n->name, name))
            continue;
        if (!found || n->value.n) /* the first one written that has a value */
            found = n;
    }
    return found;
}

const hls_name *tgl__hls_member(const hls_project *p, hls_text owner, const char *name)
{
    return tgl__hls_name(p, owner, (hls_text){name, (uint32_t)strlen(name)});
}

/* ---- declarations ---- */

static bool is_specifier(const hls_token *t)
{
    static const char *const words[] = {"static", "const",    "constexpr", "extern",
                                        "inline", "volatile", "virtual",   "typename"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (tgl__hls_word(t, words[i]))
            return true;
    return false;
}

/* Behind a::b<...>::c; `at` itself where there is no name. */
static const hls_token *behind_qualified(const hls_token *at, const hls_token *end)
{
    while (at < end && at->kind == HLS_WORD) {
        at++;
        if (at < end && tgl__hls_mark(at, '<'))
            at = tgl__hls_behind(at, end);
        if (at + 1 < end && tgl__hls_is(at->text, "::"))
            at++;
        else
            break;
    }
    return at;
}

bool tgl__hls_declarator(hls_range *type, hls_text *owner, hls_text *name,
                         const hls_token **at, const hls_token *end)
{
    const hls_token *t = *at;
    while (t < end && is_specifier(t))
        t++;
    const hls_token *first = t;
    if (t < end && tgl__hls_word(t, "unsigned") && t + 1 < end &&
        tgl__hls_word(t + 1, "int"))
        t += 2;
    else
        t = behind_qualified(t, end);
    if (t == first)
        return false;
    *type = (hls_range){first, (uint32_t)(t - first)};
    while (t < end &&
           (tgl__hls_mark(t, '&') || tgl__hls_mark(t, '*') || tgl__hls_word(t, "const")))
        t++;
    *owner = (hls_text){"", 0};
    if (t < end && t->kind == HLS_WORD) {
        *name = (t++)->text;
        if (t + 1 < end && tgl__hls_is(t->text, "::") && t[1].kind == HLS_WORD) {
            *owner = *name;
            *name = t[1].text;
            t += 2;
        }
        *at = t;
        return true;
    }
    return false;
}

typedef struct reader {
    hls_project *p;
    uint32_t file;
    const hls_token *at, *end;
    hls_text owner[HLS_MAX_DEPTH];
    uint32_t depth; /* open braces that are scopes */
} reader;

static hls_text scope(const reader *r)
{
    return r->depth ? r->owner[r->depth - 1] : (hls_text){"", 0};
}

static tgl_status push(reader *r, hls_text owner)
{
    if (r->depth == HLS_MAX_DEPTH)
        return tgl__fail(r->p->err, TGL_ELIMIT, "%s: %s:%u: scopes nest too deeply",
                         r->p->files.path, r->p->file[r->file].name, r->at->line);
    r->owner[r->depth++] = owner;
    return TGL_OK;
}

/* Whatever this is, go behind its ";" or its braces. */
static void skip(reader *r)
{
    while (r->at < r->end && !tgl__hls_mark(r->at, ';')) {
        if (tgl__hls_mark(r->at, '}'))
            return;
        bool brace = tgl__hls_mark(r->at, '{');
        bool opens = brace || tgl__hls_mark(r->at, '(') || tgl__hls_mark(r->at, '[');
        r->at = opens ? tgl__hls_behind(r->at, r->end) : r->at + 1;
        if (brace && !tgl__hls_mark(r->at, ';'))
            return;
    }
    if (r->at < r->end)
        r->at++;
}

static tgl_status read_struct(reader *r)
{
    hls_name name = {.kind = HLS_STRUCT, .file = r->file};
    r->at++;
    if (r->at < r->end && r->at->kind == HLS_WORD)
        name.name = (r->at++)->text;
    if (tgl__hls_word(r->at, "final"))
        r->at++;
    if (tgl__hls_mark(r->at, ':')) {
        const hls_token *from = ++r->at;
        while (r->at < r->end && !tgl__hls_mark(r->at, '{') && !tgl__hls_mark(r->at, ';'))
            r->at++;
        name.value = (hls_range){from, (uint32_t)(r->at - from)};
    }
    if (!tgl__hls_mark(r->at, '{')) {
        skip(r);
        return TGL_OK;
    }
    r->at++;
    TGL_TRY(tgl__hls_add(r->p, &name));
    return push(r, name.name);
}

/* typedef TYPE NAME; */
static tgl_status read_typedef(reader *r)
{
    hls_name name = {.kind = HLS_TYPE, .file = r->file, .owner = scope(r)};
    const hls_token *from = ++r->at;
    if (tgl__hls_word(from, "struct") || tgl__hls_word(from, "class"))
        return read_struct(r);
    const hls_token *semicolon = tgl__hls_find(from, r->end, ';');
    const hls_token *last = semicolon - 1;
    if (last > from && last->kind == HLS_WORD) {
        name.name = last->text;
        name.value = (hls_range){from, (uint32_t)(last - from)};
        TGL_TRY(tgl__hls_add(r->p, &name));
    }
    skip(r);
    return TGL_OK;
}

/* using NAME = TYPE; */
static tgl_status read_using(reader *r)
{
    hls_name name = {.kind = HLS_TYPE, .file = r->file, .owner = scope(r)};
    const hls_token *t = r->at + 1;
    if (t + 1 < r->end && t->kind == HLS_WORD && tgl__hls_mark(t + 1, '=')) {
        const hls_token *semicolon = tgl__hls_find(t, r->end, ';');
        name.name = t->text;
        name.value = (hls_range){t + 2, (uint32_t)(semicolon - t - 2)};
        TGL_TRY(tgl__hls_add(r->p, &name));
    }
    skip(r);
    return TGL_OK;
}

static tgl_status read_function(reader *r, hls_name *name)
{
    const hls_token *behind = tgl__hls_behind(r->at, r->end);
    if (behind - r->at < 2)
        return TGL_OK;
    name->kind = HLS_FUNCTION;
    name->type = (hls_range){r->at + 1, (uint32_t)(behind - r->at - 2)};
    r->at = behind;
    if (r->at < r->end && tgl__hls_mark(r->at, '{')) {
        behind = tgl__hls_behind(r->at, r->end);
        name->value = (hls_range){r->at + 1, (uint32_t)(behind - r->at - 1)};
        if (name->value.n)
            name->value.n--;
        r->at = behind;
        return tgl__hls_add(r->p, name);
    }
    skip(r);
    return TGL_OK;
}

/* The end of a value: ";", or "," before another name of the same type. */
static const hls_token *end_of_value(const reader *r, const hls_token *from)
{
    const hls_token *semicolon = tgl__hls_find(from, r->end, ';'),
                    *comma = tgl__hls_find(from, semicolon, ',');
    return comma + 2 < semicolon && comma[1].kind == HLS_WORD &&
                   (tgl__hls_mark(comma + 2, '=') || tgl__hls_mark(comma + 2, '['))
               ? comma
               : semicolon;
}

/* [N] and = VALUE, up to the ";"; more names of the type follow a comma. */
static tgl_status read_variable(reader *r, hls_name *name)
{
    name->kind = HLS_CONSTANT;
    name->is_array = false;
    name->value = name->extent = (hls_range){NULL, 0};
    while (r->at < r->end && tgl__hls_mark(r->at, '[')) {
        const hls_token *behind = tgl__hls_behind(r->at, r->end);
        if (behind - r->at >= 2)
            name->extent = (hls_range){r->at + 1, (uint32_t)(behind - r->at - 2)};
        name->is_array = true;
        r->at = behind;
    }
    bool equals = r->at < r->end && tgl__hls_mark(r->at, '=');
    if (equals || (r->at < r->end && tgl__hls_mark(r->at, '{'))) {
        const hls_token *from = r->at + equals, *end = end_of_value(r, from);
        name->value = (hls_range){from, (uint32_t)(end - from)};
        r->at = end;
    }
    return tgl__hls_add(r->p, name);
}

static tgl_status read_variables(reader *r, hls_name *name)
{
    TGL_TRY(read_variable(r, name));
    while (r->at + 1 < r->end && tgl__hls_mark(r->at, ',') && r->at[1].kind == HLS_WORD) {
        name->name = r->at[1].text;
        r->at += 2;
        TGL_TRY(read_variable(r, name));
    }
    skip(r);
    return TGL_OK;
}

static tgl_status read_declaration(reader *r)
{
    hls_name name = {.file = r->file};
    hls_text owner;
    const hls_token *at = r->at;
    if (!tgl__hls_declarator(&name.type, &owner, &name.name, &at, r->end)) {
        skip(r);
        return TGL_OK;
    }
    name.owner = owner.n ? owner : scope(r);
    r->at = at;
    if (at < r->end && tgl__hls_mark(at, '('))
        return read_function(r, &name);
    if (at < r->end &&
        (tgl__hls_mark(at, '[') || tgl__hls_mark(at, '=') || tgl__hls_mark(at, ';') ||
         tgl__hls_mark(at, '{') || tgl__hls_mark(at, ',')))
        return read_variables(r, &name);
    skip(r);
    return TGL_OK;
}

static tgl_status read_namespace(reader *r)
{
    const hls_token *from = ++r->at;
    while (r->at < r->end && !tgl__hls_mark(r->at, '{') && !tgl__hls_mark(r->at, ';'))
        r->at++;
    if (r->at == r->end || tgl__hls_mark(r->at, ';')) {
        skip(r);
        return TGL_OK;
    }
    bool known = from < r->at && tgl__hls_word(from, "nnet");
    if (r->at == from + 1 && !r->p->space.n && !known)
        r->p->space = from->text;
    r->at++;
    return push(r, (hls_text){"", 0});
}

static tgl_status read_next(reader *r)
{
    const hls_token *t = r->at;
    if (tgl__hls_mark(t, '}')) {
        r->at++;
        r->depth -= r->depth > 0;
        return TGL_OK;
    }
    if (tgl__hls_word(t, "namespace"))
        return read_namespace(r);
    if (tgl__hls_word(t, "struct") || tgl__hls_word(t, "class"))
        return read_struct(r);
    if (tgl__hls_word(t, "typedef"))
        return read_typedef(r);
    if (tgl__hls_word(t, "using"))
        return read_using(r);
    if (tgl__hls_word(t, "template") && t + 1 < r->end && tgl__hls_mark(t + 1, '<')) {
        r->at =
            tgl__hls_behind(t + 1, r->end); /* what follows is declared all the same */
        return TGL_OK;
    }
    if (t->kind == HLS_WORD && t + 1 < r->end && tgl__hls_mark(t + 1, ':')) {
        r->at += 2; /* public: */
        return TGL_OK;
    }
    if (tgl__hls_word(t, "extern") && t + 2 < r->end && t[1].kind == HLS_STRING) {
        r->at += 2;
        if (!tgl__hls_mark(r->at, '{'))
            return TGL_OK;
        r->at++;
        return push(r, (hls_text){"", 0});
    }
    if (t->kind != HLS_WORD || tgl__hls_word(t, "enum")) {
        skip(r);
        return TGL_OK;
    }
    return read_declaration(r);
}

tgl_status tgl__hls_declare(hls_project *p, uint32_t file)
{
    reader r = {.p = p, .file = file, .at = p->file[file].tokens};
    r.end = r.at + p->file[file].n_token - 1; /* the HLS_END */
    while (r.at < r.end) {
        const hls_token *before = r.at;
        TGL_TRY(read_next(&r));
        if (r.at == before)
            r.at++;
    }
    return TGL_OK;
}
