/* Distributed arithmetic: a matrix as straight-line code of shifts and sums. The code is
 * followed symbolically: each variable is a linear form of the inputs, and its type must
 * hold every value of it, so that what comes out is the plain matrix product. */
#include <string.h>

#include "base/error.h"
#include "model/hls4ml/hls.h"

enum { MAX_TERMS = 1 << 24, MAX_SHIFT = 48, N_BUCKET = 1024 };

/* 2^-frac * (sum of coefficient * input code + constant). */
typedef struct form {
    uint32_t n, *index;
    int64_t *weight, constant;
    int frac;
} form;

typedef struct variable {
    hls_text name;
    form form;
    struct variable *next;
} variable;

/* One function being followed. */
typedef struct tracer {
    hls_layer *layer;
    tgl_arena *arena;
    const hls_token *at, *end;
    hls_text in, out;    /* the parameters' names */
    tgl_type type;       /* of the inputs */
    tgl_quant *leaf;     /* (n_in): what each input is converted to first */
    uint8_t *leaf_state; /* 0: not read yet, 1: as it is, 2: converted */
    uint32_t n_in, n_out;
    form *result;     /* (n_out) */
    uint64_t n_terms; /* stored so far: a limit */
    variable *buckets[N_BUCKET];
    uint32_t depth;
    bool refused;
} tracer;

static tgl_status fail(const tracer *t, const char *what)
{
    const hls_token *at = t->at < t->end ? t->at : t->end;
    return tgl__hls_fail(t->layer, TGL_EUNSUPPORTED,
                         "its sums, line %u: expected %s, found '%.*s'", at->line, what,
                         (int)at->text.n, at->text.at);
}

/* ---- linear forms ---- */

static tgl_status new_form(form *out, tracer *t, uint32_t n)
{
    t->n_terms += n + 1;
    if (t->n_terms > MAX_TERMS)
        return tgl__hls_fail(t->layer, TGL_ELIMIT, "its sums have more than %d terms",
                             MAX_TERMS);
    *out = (form){.n = n};
    out->index = tgl__arena_alloc(t->arena, n ? n : 1, sizeof *out->index);
    out->weight = tgl__arena_alloc(t->arena, n ? n : 1, sizeof *out->weight);
    return out->index && out->weight ? TGL_OK : tgl__fail_nomem(t->layer->err);
}

/* Coefficients on a finer binary point; false where they leave 62 bits. */
static bool scale(int64_t *v, int bits)
{
    return bits <= MAX_SHIFT && !__builtin_mul_overflow(*v, (int64_t)1 << bits, v) &&
           *v < (int64_t)1 << 62 && *v > -((int64_t)1 << 62);
}

static tgl_status merge(form *out, tracer *t, const form *a, const form *b, int sign)
{
    int frac = a->frac > b->frac ? a->frac : b->frac;
    uint32_t i = 0, j = 0, n = 0;
    bool ok = true;
    TGL_TRY(new_form(out, t, a->n + b->n));
    out->frac = frac;
    while (i < a->n || j < b->n) {
        bool left = i < a->n && (j >= b->n || a->index[i] <= b->index[j]),
             right = j < b->n && (i >= a->n || b->index[j] <= a->index[i]);
        int64_t x = left ? a->weight[i] : 0, y = right ? b->weight[j] : 0;
        ok = ok && scale(&x, frac - a->frac) && scale(&y, frac - b->frac);
        out->index[n] = left ? a->index[i] : b->index[j];
        out->weight[n] = x + sign * y;
        n += out->weight[n] != 0;
        i += left;
        j += right;
    }
    int64_t x = a->constant, y = b->constant;
    ok = ok && scale(&x, frac - a->frac) && scale(&y, frac - b->frac);
    out->constant = x + sign * y;
    out->n = n;
    return ok ? TGL_OK : fail(t, "coefficients of 62 bits");
}

/* The coarsest binary point that holds every coefficient. */
static void reduce(form *f)
{
    int64_t all = f->constant;
    for (uint32_t i = 0; i < f->n; i++)
        all |= f->weight[i];
    for (; all && all % 2 == 0; all /= 2) {
        for (uint32_t i = 0; i < f->n; i++)
            f->weight[i] /= 2;
        f->constant /= 2;
        f->frac--;
    }
    if (!all)
        f->frac = 0;
}

static tgl_type leaf_type(const tracer *t, uint32_t i)
{
    return t->leaf_state[i] == 2 ? t->leaf[i].type : t->type;
}

/* Every value of f is one of the type: nothing is cut, nothing overflows. */
static bool is_held(const tracer *t, form *f, tgl_type type)
{
    reduce(f);
    tgl_interval sum = {f->constant, f->constant, f->frac};
    for (uint32_t i = 0; i < f->n; i++) {
        tgl_interval x = tgl__interval_of_type(leaf_type(t, f->index[i]));
        x.frac = 0;
        const tgl_interval w = {f->weight[i], f->weight[i], f->frac};
        if (!tgl__interval_mul(&x, &x, &w) || !tgl__interval_add(&sum, &sum, &x))
            return false;
    }
    return f->frac <= type.frac && tgl__interval_align(&sum, type.frac) &&
           tgl__interval_fits(&sum, type);
}

/* ---- expressions ---- */

static tgl_status sum(form *out, tracer *t);

static bool skip_mark(tracer *t, char mark)
{
    if (t->at >= t->end || !tgl__hls_mark(t->at, mark))
        return false;
    t->at++;
    return true;
}

/* An integer between two marks: [3], <-2>. */
static bool bracketed(int64_t *out, tracer *t, char open, char close)
{
    const hls_token *from = t->at + 1;
    bool minus;
    double v;
    if (!skip_mark(t, open))
        return false;
    minus = t->at < t->end && tgl__hls_mark(t->at, '-');
    if (t->at + minus >= t->end || !tgl__hls_real(&v, (hls_range){from, 1u + minus}) ||
        v > 1 << 20 || v < -(1 << 20))
        return false;
    t->at += 1 + minus;
    *out = (int64_t)v;
    return skip_mark(t, close);
}

static variable **bucket_of(tracer *t, hls_text name)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < name.n; i++)
        h = (h ^ (uint8_t)name.at[i]) * 16777619u;
    return &t->buckets[(h ^ h >> 16) % N_BUCKET];
}

static const form *find(tracer *t, hls_text name)
{
    for (variable *v = *bucket_of(t, name); v; v = v->next)
        if (tgl__hls_same(v->name, name))
            return &v->form;
    return NULL;
}

static tgl_status keep(tracer *t, hls_text name, const form *f)
{
    variable **bucket = bucket_of(t, name);
    variable *v = tgl__arena_alloc(t->arena, 1, sizeof *v);
    if (!v)
        return tgl__fail_nomem(t->layer->err);
    *v = (variable){name, *f, *bucket};
    *bucket = v;
    return TGL_OK;
}

/* The input's element i; `to` is the type it is converted to at once, NULL: none. */
static tgl_status leaf(form *out, tracer *t, int64_t i, const tgl_quant *to)
{
    uint8_t state = 1;
    if (i < 0 || i >= t->n_in)
        return fail(t, "an index of the input");
    if (to &&
        (to->type.frac < t->type.frac || to->overflow != TGL_WRAP ||
         !tgl__interval_fits(
             &(tgl_interval){tgl_type_min(t->type), tgl_type_max(t->type), 0},
             (tgl_type){to->type.is_signed,
                        (uint8_t)(to->type.width - to->type.frac + t->type.frac > 0
                                      ? to->type.width - to->type.frac + t->type.frac
                                      : 1),
                        0})))
        state = 2;
    if (t->leaf_state[i] && (t->leaf_state[i] != state ||
                             (state == 2 && !tgl_type_equal(t->leaf[i].type, to->type))))
        return fail(t, "one conversion of each input");
    t->leaf_state[i] = state;
    if (state == 2)
        t->leaf[i] = *to;
    TGL_TRY(new_form(out, t, 1));
    out->index[0] = (uint32_t)i;
    out->weight[0] = 1;
    out->frac = leaf_type(t, (uint32_t)i).frac;
    return TGL_OK;
}

static tgl_status constant(form *out, tracer *t, const tgl_type *type)
{
    double v;
    int shift = 0;
    if (!tgl__hls_real(&v, (hls_range){t->at, 1}))
        return fail(t, "a number");
    t->at++;
    TGL_TRY(new_form(out, t, 0));
    while (shift < MAX_SHIFT && v != (double)(int64_t)v && v < 1e15) {
        v *= 2;
        shift++;
    }
    if (v != (double)(int64_t)v || v >= 1e15)
        return fail(t, "a number of few bits");
    out->constant = (int64_t)v;
    out->frac = shift;
    return type && !is_held(t, out, *type) ? fail(t, "a number that its type holds")
                                           : TGL_OK;
}

static bool is_type(const hls_token *at)
{
    return tgl__hls_word(at, "ap_fixed") || tgl__hls_word(at, "ap_ufixed") ||
           tgl__hls_word(at, "ap_int") || tgl__hls_word(at, "ap_uint");
}

static tgl_status read_type(hls_type *out, tracer *t)
{
    const hls_token *from = t->at++;
    if (t->at < t->end && tgl__hls_mark(t->at, '<'))
        t->at = tgl__hls_behind(t->at, t->end);
    return tgl__hls_type(out, t->layer->p, (hls_text){"", 0},
                         (hls_range){from, (uint32_t)(t->at - from)});
}

/* TYPE(x): x must be one of its values. */
static tgl_status cast(form *out, tracer *t)
{
    hls_type type;
    TGL_TRY(read_type(&type, t));
    if (!skip_mark(t, '('))
        return fail(t, "'('");
    if (t->at + 1 < t->end && t->at->kind == HLS_NUMBER && tgl__hls_mark(t->at + 1, ')'))
        TGL_TRY(constant(out, t, &type.quant.type));
    else
        TGL_TRY(sum(out, t));
    if (!skip_mark(t, ')'))
        return fail(t, "')'");
    return is_held(t, out, type.quant.type) ? TGL_OK : fail(t, "a value its type holds");
}

static tgl_status shifted(form *out, tracer *t)
{
    int64_t by;
    t->at++;
    if (!bracketed(&by, t, '<', '>') || by > MAX_SHIFT || by < -MAX_SHIFT ||
        !skip_mark(t, '('))
        return fail(t, "a shift like bit_shift<2>(x)");
    TGL_TRY(sum(out, t));
    out->frac -= (int)by;
    return skip_mark(t, ')') ? TGL_OK : fail(t, "')'");
}

static tgl_status atom(form *out, tracer *t)
{
    form zero = {0}, x;
    int64_t i;
    if (t->at >= t->end || t->depth >= HLS_MAX_DEPTH)
        return fail(t, "a value");
    if (tgl__hls_mark(t->at, '-')) {
        t->at++;
        t->depth++;
        TGL_TRY(atom(&x, t));
        t->depth--;
        return merge(out, t, &zero, &x, -1);
    }
    if (skip_mark(t, '(')) {
        TGL_TRY(sum(out, t));
        return skip_mark(t, ')') ? TGL_OK : fail(t, "')'");
    }
    if (t->at->kind == HLS_NUMBER)
        return constant(out, t, NULL);
    if (is_type(t->at))
        return cast(out, t);
    if (tgl__hls_word(t->at, "bit_shift"))
        return shifted(out, t);
    hls_text name = t->at->text;
    if (tgl__hls_same(name, t->in)) {
        t->at++;
        return bracketed(&i, t, '[', ']') ? leaf(out, t, i, NULL) : fail(t, "[index]");
    }
    const form *found = t->at->kind == HLS_WORD ? find(t, name) : NULL;
    if (!found)
        return fail(t, "a value declared before");
    t->at++;
    return merge(out, t, found, &zero, 1); /* a copy: forms are reduced in place */
}

static tgl_status sum(form *out, tracer *t)
{
    if (t->depth >= HLS_MAX_DEPTH)
        return fail(t, "fewer brackets");
    t->depth++;
    TGL_TRY(atom(out, t));
    while (t->at < t->end && (tgl__hls_mark(t->at, '+') || tgl__hls_mark(t->at, '-'))) {
        form left = *out, right;
        int sign = tgl__hls_mark(t->at, '+') ? 1 : -1;
        t->at++;
        TGL_TRY(atom(&right, t));
        TGL_TRY(merge(out, t, &left, &right, sign));
    }
    t->depth--;
    return TGL_OK;
}

/* ---- statements ---- */

/* TYPE v = model_inp[i]: the one place where values may change. */
static bool reads_input(const tracer *t)
{
    return t->end - t->at > 4 && tgl__hls_same(t->at->text, t->in) &&
           tgl__hls_mark(t->at + 1, '[') && t->at[2].kind == HLS_NUMBER &&
           tgl__hls_mark(t->at + 3, ']') && tgl__hls_mark(t->at + 4, ';');
}

static tgl_status declaration(tracer *t)
{
    hls_type type;
    hls_text name;
    int64_t i;
    form f;
    TGL_TRY(read_type(&type, t));
    if (t->at >= t->end || t->at->kind != HLS_WORD)
        return fail(t, "a name");
    name = (t->at++)->text;
    if (!skip_mark(t, '='))
        return fail(t, "'='");
    if (reads_input(t)) {
        t->at++;
        if (!bracketed(&i, t, '[', ']'))
            return fail(t, "[index]");
        TGL_TRY(leaf(&f, t, i, &type.quant));
    } else {
        TGL_TRY(sum(&f, t));
        if (!is_held(t, &f, type.quant.type))
            return fail(t, "a sum that its type holds");
    }
    TGL_TRY(keep(t, name, &f));
    return skip_mark(t, ';') ? TGL_OK : fail(t, "';'");
}

static tgl_status result(tracer *t)
{
    int64_t i;
    t->at++;
    if (!bracketed(&i, t, '[', ']') || i < 0 || i >= t->n_out || !skip_mark(t, '='))
        return fail(t, "a result like model_out[0] = ...");
    TGL_TRY(sum(&t->result[i], t));
    reduce(&t->result[i]);
    return skip_mark(t, ';') ? TGL_OK : fail(t, "';'");
}

static tgl_status follow(tracer *t)
{
    while (t->at < t->end) {
        t->depth = 0;
        if (is_type(t->at))
            TGL_TRY(declaration(t));
        else if (tgl__hls_same(t->at->text, t->out))
            TGL_TRY(result(t));
        else
            return fail(t, "a sum");
    }
    return TGL_OK;
}

/* inp_t model_inp[24], out_t model_out[5] */
static tgl_status read_parameters(tracer *t, const hls_name *function)
{
    hls_text *names[2] = {&t->in, &t->out};
    uint32_t *sizes[2] = {&t->n_in, &t->n_out}, n = 0;
    for (uint32_t i = 1; i + 2 < function->type.n + 1 && n < 2; i++) {
        const hls_token *at = &function->type.at[i];
        double size;
        if (!tgl__hls_mark(at, '[') || !tgl__hls_real(&size, (hls_range){at + 1, 1}))
            continue;
        if (size < 1 || size > 1 << 20)
            break;
        *names[n] = at[-1].text;
        *sizes[n++] = (uint32_t)size;
    }
    return n == 2 ? TGL_OK
                  : tgl__hls_fail(t->layer, TGL_EFORMAT,
                                  "'%.*s': expected an input and a result with sizes",
                                  (int)function->name.n, function->name.at);
}

/* ---- the matrix ---- */

static tgl_status set_matrix(tgl__matrix *m, tracer *t)
{
    tgl__layers *l = t->layer->l;
    const size_t n = (size_t)t->n_in * t->n_out;
    int64_t *weights = tgl__layers_array(l, n, sizeof *weights);
    int64_t *bias = tgl__layers_array(l, t->n_out, sizeof *bias);
    int fine = 0, bias_frac = 0;
    bool ok = true;
    if (!weights || !bias)
        return TGL_ENOMEM;
    for (uint32_t o = 0; o < t->n_out; o++) {
        const form *f = &t->result[o];
        bias_frac = f->frac > bias_frac ? f->frac : bias_frac;
        for (uint32_t i = 0; i < f->n; i++) {
            int frac = f->frac - leaf_type(t, f->index[i]).frac;
            fine = frac > fine ? frac : fine;
        }
    }
    int64_t most = 1, most_bias = 1;
    for (uint32_t o = 0; o < t->n_out; o++) {
        const form *f = &t->result[o];
        bias[o] = f->constant;
        ok = ok && scale(&bias[o], bias_frac - f->frac);
        most_bias |= bias[o] < 0 ? -bias[o] : bias[o];
        for (uint32_t i = 0; i < f->n; i++) {
            int64_t w = f->weight[i];
            ok = ok && scale(&w, fine - f->frac + leaf_type(t, f->index[i]).frac);
            weights[(size_t)o * t->n_in + f->index[i]] = w;
            most |= w < 0 ? -w : w;
        }
    }
    const uint8_t width = (uint8_t)(65 - __builtin_clzll((uint64_t)most)),
                  bias_width = (uint8_t)(65 - __builtin_clzll((uint64_t)most_bias));
    if (!ok || width > TGL_MAX_WIDTH || bias_width > TGL_MAX_WIDTH)
        return tgl__hls_fail(t->layer, TGL_EUNSUPPORTED, "weights of more than %d bits",
                             TGL_MAX_WIDTH);
    *m = (tgl__matrix){.n_out = t->n_out,
                       .weights = weights,
                       .weight_type = {1, width, (int16_t)fine},
                       .bias = bias,
                       .bias_type = {1, bias_width, (int16_t)bias_frac},
                       .exact = true,
                       .out = tgl__hls_to(t->layer),
                       .n_out_type = 1};
    return TGL_OK;
}

static tgl_status set_inputs(hls_arithmetic *out, tracer *t)
{
    out->n_in = t->n_in;
    out->n_out = t->n_out;
    bool any = false;
    for (uint32_t i = 0; i < t->n_in; i++) {
        any = any || t->leaf_state[i] == 2;
        if (t->leaf_state[i] != 2)
            t->leaf[i] = (tgl_quant){t->type, TGL_TRN, TGL_WRAP};
    }
    out->inputs = any ? t->leaf : NULL;
    return set_matrix(&out->matrix, t);
}

tgl_status tgl__hls_arithmetic(hls_arithmetic *out, hls_layer *layer, hls_text name,
                               tgl_type type)
{
    const hls_name *function = tgl__hls_name(layer->p, (hls_text){"", 0}, name);
    if (!function || function->kind != HLS_FUNCTION || !function->value.n)
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "expected a function '%.*s' in nnet_code_gen.h, found none",
                             (int)name.n, name.at);
    tracer t = {.layer = layer,
                .arena = &layer->l->arena,
                .at = function->value.at,
                .end = function->value.at + function->value.n,
                .type = type};
    TGL_TRY(read_parameters(&t, function));
    t.leaf = tgl__layers_array(layer->l, t.n_in, sizeof *t.leaf);
    t.leaf_state = tgl__layers_array(layer->l, t.n_in, 1);
    t.result = tgl__layers_array(layer->l, t.n_out, sizeof *t.result);
    if (!t.leaf || !t.leaf_state || !t.result)
        return TGL_ENOMEM;
    TGL_TRY(follow(&t));
    return set_inputs(out, &t);
}

/* ---- layers ---- */

/* rows of n_in elements, converted where the function does, through the matrix. */
static tgl_status apply(tgl__tensor *out, hls_layer *layer, const tgl__tensor *x,
                        const hls_arithmetic *a)
{
    tgl__tensor y = *x;
    if (a->inputs) {
        tgl_quant *types = tgl__layers_array(layer->l, x->n, sizeof *types);
        if (!types)
            return TGL_ENOMEM;
        for (uint32_t i = 0; i < x->n; i++)
            types[i] = a->inputs[i % a->n_in];
        TGL_TRY(tgl__layer_quantise(
            layer->l, &y, tgl__layers_name(layer->l, layer->call->layer, "inputs"), x,
            types, x->n));
    }
    return tgl__layer_matrix(layer->l, out, layer->call->layer, &y, &a->matrix);
}

tgl_status tgl__hls_dense_arithmetic(hls_layer *layer, hls_text name)
{
    hls_arithmetic a;
    tgl__tensor x, y;
    TGL_TRY(tgl__hls_arithmetic(&a, layer, name, layer->in[0]->type.quant.type));
    const uint32_t shape[2] = {layer->in[0]->n / a.n_in, a.n_in};
    TGL_TRY(tgl__hls_in_shaped(&x, layer, 0, 2, shape));
    TGL_TRY(apply(&y, layer, &x, &a));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status called(hls_layer *layer)
{
    return tgl__hls_dense_arithmetic(layer, layer->call->function);
}

/* The windows of a parallel convolution are written out:
 * if (partition == 2) { buffer[0][1] = data[7]; ... } */
typedef struct windows {
    uint32_t *indices; /* (rows, n_in) */
    uint32_t rows, n_in, n_pixel, n_data;
} windows;

/* "[12]" at *at. */
static bool index_at(uint32_t *out, const hls_token **at, const hls_token *end)
{
    double v;
    const hls_token *t = *at;
    if (end - t < 3 || !tgl__hls_mark(t, '[') || !tgl__hls_mark(t + 2, ']') ||
        !tgl__hls_real(&v, (hls_range){t + 1, 1}) || v > 1 << 20)
        return false;
    *out = (uint32_t)v;
    *at = t + 3;
    return true;
}

static bool assignment(const windows *w, uint32_t partition, const hls_token **at,
                       const hls_token *end)
{
    const hls_token *t = *at + 1;
    uint32_t pixel, k, from = TGL_GRAPH_ZERO;
    if (!index_at(&pixel, &t, end) || !index_at(&k, &t, end) || t >= end ||
        !tgl__hls_mark(t, '='))
        return false;
    t++;
    if (t < end && tgl__hls_word(t, "data")) {
        t++;
        if (!index_at(&from, &t, end) || from >= w->n_data)
            return false;
    } else if (t < end && tgl__hls_is(t->text, "0")) {
        t++;
    } else {
        return false;
    }
    uint64_t row = (uint64_t)partition * w->n_pixel + pixel;
    if (pixel >= w->n_pixel || k >= w->n_in || row >= w->rows || t >= end ||
        !tgl__hls_mark(t, ';'))
        return false;
    w->indices[row * w->n_in + k] = from;
    *at = t + 1;
    return true;
}

static tgl_status read_windows(const windows *w, const hls_layer *layer,
                               const hls_name *function)
{
    const hls_token *t = function->value.at, *end = t + function->value.n;
    uint32_t partition = 0;
    double v;
    while (t < end) {
        bool ok = true;
        if (end - t > 6 && tgl__hls_word(t, "if")) { /* if ( partition == 2 ) { */
            ok = tgl__hls_word(t + 2, "partition") &&
                 tgl__hls_real(&v, (hls_range){t + 5, 1}) && v <= 1 << 20;
            partition = ok ? (uint32_t)v : 0;
            t += 8;
        } else if (tgl__hls_word(t, "buffer")) {
            ok = assignment(w, partition, &t, end);
        } else {
            ok = tgl__hls_mark(t, '}');
            t++;
        }
        if (!ok)
            return tgl__hls_fail(layer, TGL_EUNSUPPORTED,
                                 "its windows: expected buffer[...][...] = data[...]");
    }
    return TGL_OK;
}

/* conv1d_cl<config, in, out>(x, y): windows by fill_buffer, sums by dense_da. */
static tgl_status conv(hls_layer *layer)
{
    windows w = {.n_data = layer->in[0]->n};
    hls_arithmetic a;
    uint32_t n_partition;
    tgl__tensor x, y;
    const tgl__tensor *in[1] = {tgl__hls_in(layer, 0)};
    layer->config = layer->call->types[0].at->text;
    hls_text sums = tgl__hls_member_alias(layer->p, layer->config, "dense_da"),
             fill = tgl__hls_member_alias(layer->p, layer->config, "fill_buffer");
    const hls_name *function = tgl__hls_member(layer->p, fill, "fill_buffer");
    TGL_TRY(tgl__hls_dim(&n_partition, layer, "n_partitions"));
    TGL_TRY(tgl__hls_dim(&w.n_pixel, layer, "n_pixels"));
    TGL_TRY(tgl__hls_arithmetic(&a, layer, sums, layer->in[0]->type.quant.type));
    w.n_in = a.n_in;
    const uint64_t rows = (uint64_t)n_partition * w.n_pixel;
    w.rows = rows < 1 << 20 ? (uint32_t)rows : 0;
    const uint32_t shape[2] = {w.rows, w.n_in};
    if (!function || function->kind != HLS_FUNCTION || !tgl__tensor_shaped(&x, 2, shape))
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "expected windows in a function of 'fill_buffer'");
    w.indices = tgl__layers_array(layer->l, x.n, sizeof *w.indices);
    if (!w.indices)
        return TGL_ENOMEM;
    memset(w.indices, 0xff, x.n * sizeof *w.indices); /* TGL_GRAPH_ZERO */
    TGL_TRY(read_windows(&w, layer, function));
    TGL_TRY(tgl__layer_rearrange(
        layer->l, &x, tgl__layers_name(layer->l, layer->call->layer, "windows"), in, 1,
        w.indices));
    TGL_TRY(apply(&y, layer, &x, &a));
    return tgl__hls_done(layer, 0, &y);
}

const hls_operator tgl__hls_arithmetics[] = {
    {"dense_da_", 1, 1, 1, {"", NULL}, called},
    {"conv1d_cl", 1, 1, 1, {"<0:in_width*n_chan", NULL}, conv},
    {"conv2d_cl", 1, 1, 1, {"<0:in_height*in_width*n_chan", NULL}, conv},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
