/* Tokens of the C++ that hls4ml writes. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/hls4ml/hls.h"

enum { MAX_CONDITION = 64, MAX_TOKEN = 1 << 26 };

bool tgl__hls_is(hls_text text, const char *word)
{
    return strlen(word) == text.n && (text.n == 0 || memcmp(text.at, word, text.n) == 0);
}

bool tgl__hls_same(hls_text a, hls_text b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

bool tgl__hls_mark(const hls_token *token, char mark)
{
    return token->kind == HLS_MARK && token->text.n == 1 && token->text.at[0] == mark;
}

bool tgl__hls_word(const hls_token *token, const char *word)
{
    return token->kind == HLS_WORD && tgl__hls_is(token->text, word);
}

const char *tgl__hls_string(hls_project *p, hls_text text)
{
    return tgl__arena_strndup(&p->arena, text.at ? text.at : "", text.n);
}

/* ---- characters to tokens ---- */

typedef struct lexer {
    hls_project *p;
    uint32_t file;
    const char *c;
    uint32_t line;
    struct {
        bool active, taken;
    } condition[MAX_CONDITION];
    uint32_t depth;
} lexer;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool active(const lexer *x)
{
    return x->depth == 0 || x->condition[x->depth - 1].active;
}

/* Behind a number: digits, letters, points, and signs of exponents. */
static const char *behind_number(const char *c)
{
    bool hex = c[0] == '0' && (c[1] == 'x' || c[1] == 'X');
    while (is_digit(*c) || is_letter(*c) || *c == '.' ||
           ((*c == '+' || *c == '-') && !hex && (c[-1] == 'e' || c[-1] == 'E')))
        c++;
    return c;
}

static const char *behind_string(const char *c)
{
    char quote = *c++;
    while (*c && *c != quote && *c != '\n')
        c += *c == '\\' && c[1] ? 2 : 1;
    return *c == quote ? c + 1 : c;
}

/* Behind blanks and comments of one line (`lines`: of several). */
static void skip_blank(lexer *x, bool lines)
{
    for (;;) {
        if (*x->c == '\n' && lines) {
            x->line++;
            x->c++;
        } else if (*x->c == ' ' || *x->c == '\t' || *x->c == '\r') {
            x->c++;
        } else if (x->c[0] == '\\' && x->c[1] == '\n') {
            x->line++;
            x->c += 2;
        } else if (x->c[0] == '/' && x->c[1] == '/') {
            x->c += strcspn(x->c, "\n");
        } else if (x->c[0] == '/' && x->c[1] == '*') {
            const char *end = strstr(x->c + 2, "*/");
            end = end ? end + 2 : x->c + strlen(x->c);
            for (; x->c < end; x->c++)
                x->line += *x->c == '\n';
        } else {
            return;
        }
    }
}

static hls_token next_token(lexer *x)
{
    hls_token token = {.text = {x->c, 0}, .line = x->line};
    const char *c = x->c, *end = c;
    if (!*c || *c == '\n') {
        token.kind = HLS_END;
    } else if (is_letter(*c)) {
        token.kind = HLS_WORD;
        while (is_letter(*end) || is_digit(*end))
            end++;
    } else if (is_digit(*c) || (*c == '.' && is_digit(c[1]))) {
        token.kind = HLS_NUMBER;
        end = behind_number(c);
    } else if (*c == '"' || *c == '\'') {
        token.kind = HLS_STRING;
        end = behind_string(c);
    } else {
        token.kind = HLS_MARK;
        end += c[0] == ':' && c[1] == ':' ? 2 : 1;
    }
    token.text.n = (uint32_t)(end - c);
    x->c = end;
    return token;
}

static tgl_status push(lexer *x, hls_token token)
{
    hls_file *file = &x->p->file[x->file];
    if (file->n_token >= MAX_TOKEN)
        return tgl__fail(x->p->err, TGL_ELIMIT, "%s: %s: more than %d tokens",
                         x->p->files.path, file->name, MAX_TOKEN);
    if (!tgl__grow(&file->tokens, file->n_token, &file->capacity, sizeof token))
        return tgl__fail_nomem(x->p->err);
    file->tokens[file->n_token++] = token;
    return TGL_OK;
}

/* ---- directives ---- */

static bool is_defined(const lexer *x, hls_text name)
{
    const hls_text none = {"", 0};
    const hls_name *found = tgl__hls_name(x->p, none, name);
    return tgl__hls_is(name, "__SYNTHESIS__") || (found && found->kind == HLS_DEFINITION);
}

static tgl_status open_condition(lexer *x, hls_text directive)
{
    bool holds;
    skip_blank(x, false);
    hls_token token = next_token(x);
    if (x->depth == MAX_CONDITION)
        return tgl__fail(x->p->err, TGL_ELIMIT, "%s: %s:%u: conditions nest too deeply",
                         x->p->files.path, x->p->file[x->file].name, x->line);
    if (tgl__hls_is(directive, "ifdef"))
        holds = is_defined(x, token.text);
    else if (tgl__hls_is(directive, "ifndef"))
        holds = !is_defined(x, token.text);
    else if (token.kind == HLS_NUMBER || !active(x))
        holds = !tgl__hls_is(token.text, "0");
    else
        return tgl__fail(x->p->err, TGL_EUNSUPPORTED,
                         "%s: %s:%u: expected #ifdef or #ifndef, found #if",
                         x->p->files.path, x->p->file[x->file].name, x->line);
    x->condition[x->depth].taken = !active(x) || holds;
    x->condition[x->depth].active = active(x) && holds;
    x->depth++;
    return TGL_OK;
}

/* Names without a value count as defined too. */
static tgl_status define(lexer *x)
{
    enum { MAX = 64 };
    hls_token body[MAX + 1];
    uint32_t n = 0;
    skip_blank(x, false);
    hls_name name = {.kind = HLS_DEFINITION, .file = x->file};
    name.name = next_token(x).text;
    if (*x->c == '(')
        return TGL_OK; /* with arguments: none of ours */
    for (skip_blank(x, false); n < MAX && *x->c && *x->c != '\n'; skip_blank(x, false))
        body[n++] = next_token(x);
    body[n] = (hls_token){.kind = HLS_END, .line = x->line, .text = {x->c, 0}};
    hls_token *kept = tgl__arena_alloc(&x->p->arena, n + 1, sizeof *kept);
    if (!kept)
        return tgl__fail_nomem(x->p->err);
    memcpy(kept, body, (n + 1) * sizeof *kept);
    name.value = (hls_range){kept, n};
    return tgl__hls_add(x->p, &name);
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* A quoted include, beside the file that has it; the headers that every project carries
 * are hls4ml's own and known, but for the one with generated code. */
static tgl_status include(lexer *x)
{
    hls_project *p = x->p;
    skip_blank(x, false);
    hls_token token = next_token(x);
    if (token.kind != HLS_STRING || token.text.n < 3)
        return TGL_OK;
    const hls_text quoted = {token.text.at + 1, token.text.n - 2};
    const char *name = tgl__hls_string(p, quoted);
    if (!name)
        return tgl__fail_nomem(p->err);
    const char *file = p->file[x->file].name, *slash = strrchr(file, '/');
    const char *code = strstr(name, "nnet_utils/");
    if (begins(name, "ap_types/") || strstr(name, "..") ||
        (code && strcmp(code, "nnet_utils/nnet_code_gen.h") != 0))
        return TGL_OK;
    const char *path = tgl__arena_printf(&p->arena, "%.*s%s",
                                         slash ? (int)(slash + 1 - file) : 0, file, name);
    return path ? tgl__hls_open(p, path) : tgl__fail_nomem(p->err);
}

static tgl_status other_branch(lexer *x, bool is_elif)
{
    if (x->depth == 0)
        return TGL_OK;
    bool outer = x->depth == 1 || x->condition[x->depth - 2].active;
    x->condition[x->depth - 1].active =
        outer && !x->condition[x->depth - 1].taken && !is_elif;
    return TGL_OK;
}

static tgl_status directive(lexer *x)
{
    tgl_status status = TGL_OK;
    x->c++;
    skip_blank(x, false);
    hls_text word = next_token(x).text;
    if (tgl__hls_is(word, "if") || tgl__hls_is(word, "ifdef") ||
        tgl__hls_is(word, "ifndef"))
        status = open_condition(x, word);
    else if (tgl__hls_is(word, "else") || tgl__hls_is(word, "elif"))
        status = other_branch(x, tgl__hls_is(word, "elif"));
    else if (tgl__hls_is(word, "endif") && x->depth)
        x->depth--;
    else if (tgl__hls_is(word, "define") && active(x))
        status = define(x);
    else if (tgl__hls_is(word, "include") && active(x))
        status = include(x);
    while (*x->c && *x->c != '\n') {
        if (x->c[0] == '\\' && x->c[1] == '\n') {
            x->line++;
            x->c++;
        }
        x->c++;
    }
    return status;
}

tgl_status tgl__hls_lex(hls_project *p, uint32_t file)
{
    lexer x = {.p = p, .file = file, .c = p->file[file].text, .line = 1};
    bool fresh = true; /* nothing but blanks on this line so far */
    for (;;) {
        uint32_t line = x.line;
        skip_blank(&x, true);
        fresh = fresh || x.line != line;
        if (!*x.c)
            break;
        if (*x.c == '#' && fresh) {
            TGL_TRY(directive(&x));
            continue;
        }
        fresh = false;
        hls_token token = next_token(&x);
        if (active(&x))
            TGL_TRY(push(&x, token));
    }
    return push(&x, (hls_token){.kind = HLS_END, .line = x.line, .text = {x.c, 0}});
}

/* ---- ranges ---- */

const hls_token *tgl__hls_behind(const hls_token *open, const hls_token *end)
{
    bool angle = tgl__hls_mark(open, '<');
    uint32_t depth = 0;
    for (const hls_token *t = open; t < end && t->kind != HLS_END; t++) {
        if (t->kind != HLS_MARK || t->text.n != 1)
            continue;
        char c = t->text.at[0];
        if (angle ? c == '<' || c == '(' : c == '(' || c == '[' || c == '{')
            depth++;
        else if (angle ? c == '>' || c == ')' : c == ')' || c == ']' || c == '}')
            if (--depth == 0)
                return t + 1;
        if (angle && (c == ';' || c == '{'))
            break;
    }
    return end;
}

const hls_token *tgl__hls_find(const hls_token *at, const hls_token *end, char mark)
{
    while (at < end && at->kind != HLS_END && !tgl__hls_mark(at, mark)) {
        bool opens =
            tgl__hls_mark(at, '(') || tgl__hls_mark(at, '[') || tgl__hls_mark(at, '{');
        at = opens ? tgl__hls_behind(at, end) : at + 1;
    }
    return at < end ? at : end;
}

/* As tgl__hls_find for a comma, with template arguments as brackets too. */
static const hls_token *find_comma(const hls_token *at, const hls_token *end)
{
    while (at < end && !tgl__hls_mark(at, ',')) {
        bool opens = tgl__hls_mark(at, '(') || tgl__hls_mark(at, '[') ||
                     tgl__hls_mark(at, '{') || tgl__hls_mark(at, '<');
        at = opens ? tgl__hls_behind(at, end) : at + 1;
    }
    return at;
}

tgl_status tgl__hls_split(hls_range **out, uint32_t *n, hls_project *p, hls_range list)
{
    const hls_token *end = list.n ? list.at + list.n : list.at;
    uint32_t count = list.n > 0;
    for (uint32_t i = 0; i < list.n; i++)
        count += tgl__hls_mark(&list.at[i], ',');
    *n = 0;
    *out = tgl__arena_alloc(&p->arena, count ? count : 1, sizeof **out);
    if (!*out)
        return tgl__fail_nomem(p->err);
    for (const hls_token *at = list.at; at < end;) {
        const hls_token *comma = find_comma(at, end);
        (*out)[(*n)++] = (hls_range){at, (uint32_t)(comma - at)};
        at = comma < end ? comma + 1 : end;
    }
    return TGL_OK;
}
