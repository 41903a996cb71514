/* An affine operation as C: loops that a compiler turns into vectors, in the narrowest
 * integers that hold products and sums.
 *
 * deferred  the accumulator wraps, or nothing can overflow: terms are summed modulo the
 *           lane and converted once at the end
 * in order  each term and each sum converted, as the definition says
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/c/export_c.h"

typedef struct affine_plan {
    const tgl_affine *a;
    const int64_t *weights, *bias;
    int *shifts;          /* (n_in) bits a product drops; negative: appends */
    tgl_interval product; /* hulls, each on the binary point of its own kind */
    tgl_interval term, sum;
    bool term_bites, sum_bites, too_wide;
    bool plain; /* terms cut (TRN) or exact, and not converted to their type */
    bool deferred;
    int bits; /* of the lane: 32, 64 or 128 */
} affine_plan;

static void widen(tgl_interval *hull, const tgl_interval *x)
{
    hull->lo = x->lo < hull->lo ? x->lo : hull->lo;
    hull->hi = x->hi > hull->hi ? x->hi : hull->hi;
}

static bool inside(const tgl_interval *x, const tgl_quant *quant)
{
    int64_t lo = tgl_type_min(quant->type), hi = tgl_type_max(quant->type);
    if (quant->overflow == TGL_SAT_SYM && quant->type.is_signed)
        lo = -hi;
    return x->lo >= lo && x->hi <= hi;
}

static void study_term(affine_plan *p, tgl_interval *term, const tgl_interval *x,
                       int64_t weight)
{
    const tgl_affine *a = p->a;
    tgl_interval w = {weight, weight, a->weight_type.frac}, product;
    int frac = a->acc.type.frac;
    *term = (tgl_interval){0, 0, frac};
    if (!tgl__interval_mul(&product, x, &w)) {
        p->too_wide = true;
        return;
    }
    widen(&p->product, &product);
    *term = product;
    if (product.frac > frac) {
        tgl_quant rounding = {{1, 64, a->acc.type.frac}, a->term.round, TGL_SAT};
        *term = tgl__interval_quantise(&product, &rounding);
    } else if (!tgl__interval_align(term, frac)) {
        p->too_wide = true;
        return;
    }
    widen(&p->term, term);
    if (a->term_exact || inside(term, &a->term))
        return;
    p->term_bites = true;
    *term = tgl__interval_quantise(term, &a->term);
}

static void study_row(affine_plan *p, const tgl_interval *x, uint32_t row)
{
    const tgl_affine *a = p->a;
    tgl_interval sum = {0, 0, a->acc.type.frac}, term;
    if (p->bias != NULL)
        sum.lo = sum.hi = tgl_quantise(p->bias[row], a->bias_type.frac, &a->acc);
    for (uint32_t k = 0; k < a->n_in && !p->too_wide; k++) {
        uint32_t j = a->order == NULL ? k : a->order[k];
        int64_t weight = p->weights[(size_t)row * a->n_in + j];
        if (weight == 0)
            continue;
        study_term(p, &term, &x[j], weight);
        p->too_wide = p->too_wide || !tgl__interval_add(&sum, &sum, &term);
        widen(&p->sum, &sum);
        if (!inside(&sum, &a->acc)) {
            p->sum_bites = true;
            sum = tgl__interval_quantise(&sum, &a->acc);
        }
    }
}

static bool within(const tgl_interval *x, int bits)
{
    tgl_wide limit = (tgl_wide)1 << bits;
    return x->lo >= -limit && x->hi < limit;
}

static void choose(affine_plan *p)
{
    const tgl_affine *a = p->a;
    bool wraps = a->acc.overflow == TGL_WRAP;
    /* a wrapped term is the same modulo the accumulator's 2^width */
    bool hidden =
        wraps && a->term.overflow == TGL_WRAP && a->term.type.width >= a->acc.type.width;
    bool cuts = a->term_exact || a->term.round == TGL_TRN;
    p->bits = 128;
    if (p->too_wide) { /* by the definition, step by step */
        p->plain = a->term_exact;
        return;
    }
    p->plain = cuts && (!p->term_bites || hidden);
    p->deferred = wraps || !p->sum_bites;
    for (int bits = 64; bits >= 32; bits -= 32)
        if (within(&p->product, bits - 2) && within(&p->term, bits - 2) &&
            (p->deferred ? !p->sum_bites || a->acc.type.width <= bits
                         : within(&p->sum, bits - 2)) &&
            (p->sum_bites || within(&p->sum, bits - 2)))
            p->bits = bits;
}

static tgl_status study(affine_plan *p, tgl__c_writer *w, const tgl_op *op)
{
    const tgl_affine *a = p->a;
    tgl_interval *x = tgl__calloc(a->n_in, sizeof *x);
    p->shifts = tgl__calloc(a->n_in, sizeof *p->shifts);
    if (x == NULL || p->shifts == NULL) {
        tgl__free(x);
        return tgl__fail_nomem(w->err);
    }
    for (uint32_t j = 0; j < a->n_in; j++) {
        x[j] = tgl__c_range(w, op->args[j]);
        p->shifts[j] = x[j].frac + a->weight_type.frac - a->acc.type.frac;
    }
    p->term.frac = p->sum.frac = a->acc.type.frac;
    for (uint32_t row = 0; row < a->n_out; row++)
        study_row(p, x, row);
    tgl__free(x);
    choose(p);
    return TGL_OK;
}

/* A shift that C allows: beyond the lane the result is the sign's (and a zero's). */
static int lane_shift(const affine_plan *p, uint32_t j)
{
    int most = p->bits - 1, n = p->shifts[j];
    if (!p->plain)
        most = p->bits == 128 ? 127 : 63;
    return n > most ? most : n < -most ? -most : n;
}

/* ---- writing ---- */

static const char *lane_type(const affine_plan *p)
{
    return p->bits == 32 ? "int32_t" : p->bits == 64 ? "int64_t" : "wide_t";
}

static const char *unsigned_type(const affine_plan *p)
{
    return p->bits == 32 ? "uint32_t" : p->bits == 64 ? "uint64_t" : "uwide_t";
}

/* Weights transposed: a row of n_out for each argument, in the order of the sums. */
static void put_weights(tgl_buffer *b, const affine_plan *p)
{
    const tgl_affine *a = p->a;
    int bits = a->weight_type.width + (a->weight_type.is_signed ? 0 : 1);
    tgl__buffer_printf(b,
                       "    static const int%d_t weights[%" PRIu32 "][%" PRIu32 "] = {",
                       bits <= 16   ? 16
                       : bits <= 32 ? 32
                                    : 64,
                       a->n_in, a->n_out);
    for (uint32_t k = 0; k < a->n_in; k++) {
        uint32_t j = a->order == NULL ? k : a->order[k];
        tgl__buffer_text(b, "\n        {");
        for (uint32_t o = 0; o < a->n_out; o++)
            tgl__buffer_printf(b, "%s%" PRId64,
                               o == 0        ? ""
                               : o % 16 == 0 ? ",\n         "
                                             : ", ",
                               p->weights[(size_t)o * a->n_in + j]);
        tgl__buffer_text(b, "},");
    }
    tgl__buffer_text(b, "\n    };\n    static const int64_t bias[] = {");
    for (uint32_t o = 0; o < a->n_out; o++)
        tgl__buffer_printf(
            b, "%s%" PRId64 ",", o % 8 == 0 ? "\n        " : " ",
            p->bias == NULL ? 0 : tgl_quantise(p->bias[o], a->bias_type.frac, &a->acc));
    tgl__buffer_text(b, "\n    };\n");
}

static bool equal_shifts(const affine_plan *p)
{
    for (uint32_t j = 1; j < p->a->n_in; j++)
        if (p->shifts[j] != p->shifts[0])
            return false;
    return true;
}

static void put_shifts(tgl_buffer *b, const affine_plan *p)
{
    if (equal_shifts(p)) {
        tgl__buffer_printf(b, "    enum { shift = %d };\n", lane_shift(p, 0));
        return;
    }
    tgl__buffer_text(b, "    static const int16_t shifts[] = {");
    for (uint32_t k = 0; k < p->a->n_in; k++) {
        uint32_t j = p->a->order == NULL ? k : p->a->order[k];
        tgl__buffer_printf(b, "%s%d,", k % 16 == 0 ? "\n        " : " ",
                           lane_shift(p, j));
    }
    tgl__buffer_text(b, "\n    };\n");
}

/* "cast128(E, S, …)" with the shift as an expression. */
static void put_cast(tgl_buffer *b, const affine_plan *p, const char *expression,
                     const char *shift, const tgl_quant *quant)
{
    tgl__buffer_printf(b, "cast%s(%s, %s, %d, %d, %d, %d)", p->bits == 128 ? "128" : "64",
                       expression, shift, (int)quant->round, (int)quant->overflow,
                       quant->type.is_signed, quant->type.width);
}

static void put_term(tgl_buffer *b, const affine_plan *p)
{
    const tgl_affine *a = p->a;
    const char *s = lane_type(p), *u = unsigned_type(p);
    tgl__buffer_printf(b, "            %s term = x * weights[k][o];\n", s);
    if (p->plain) {
        bool equal = equal_shifts(p);
        if (!equal || p->shifts[0] > 0)
            tgl__buffer_printf(b, "            term %s;\n",
                               equal ? ">>= shift" : ">>= shift > 0 ? shift : 0");
        if (!equal || p->shifts[0] < 0)
            tgl__buffer_printf(b, "            term = (%s)((%s)term << %s);\n", s, u,
                               equal ? "-shift" : "(shift < 0 ? -shift : 0)");
        return;
    }
    tgl__buffer_printf(b, "            term = (%s)", s);
    put_cast(b, p, "term", "shift", &a->term);
    tgl__buffer_text(b, ";\n");
}

static void put_loops(tgl_buffer *b, const affine_plan *p)
{
    const tgl_affine *a = p->a;
    const char *s = lane_type(p), *u = unsigned_type(p);
    tgl__buffer_printf(b,
                       "    %s acc[%" PRIu32 "];\n"
                       "    for (int o = 0; o < %" PRIu32 "; o++)\n"
                       "        acc[o] = (%s)bias[o];\n"
                       "    for (int k = 0; k < %" PRIu32 "; k++) {\n"
                       "        const %s x = (%s)v[at[k]];\n",
                       u, a->n_out, a->n_out, u, a->n_in, s, s);
    if (!equal_shifts(p))
        tgl__buffer_text(b, "        const int shift = shifts[k];\n");
    tgl__buffer_printf(b, "        for (int o = 0; o < %" PRIu32 "; o++) {\n", a->n_out);
    put_term(b, p);
    if (p->deferred) {
        tgl__buffer_printf(b, "            acc[o] += (%s)term;\n", u);
    } else {
        tgl__buffer_printf(
            b, "            term += (%s)acc[o];\n            acc[o] = (%s)", s, u);
        put_cast(b, p, "term", "0", &a->acc);
        tgl__buffer_text(b, ";\n");
    }
    tgl__buffer_printf(b,
                       "        }\n    }\n"
                       "    for (int o = 0; o < %" PRIu32 "; o++)\n        y[o] = ",
                       a->n_out);
    char last[32];
    snprintf(last, sizeof last, "(%s)acc[o]", s);
    put_cast(b, p, last, "0", &a->acc);
    tgl__buffer_text(b, ";\n}\n\n");
}

/* The function's text behind its name. */
static tgl_status function_text(char **out, const affine_plan *p, tgl_error *err)
{
    tgl_buffer b = TGL_BUFFER_INIT;
    size_t size;
    tgl__buffer_text(&b, "(int64_t *restrict y, const int64_t *restrict v, const "
                         "uint32_t *restrict at)\n{\n");
    put_weights(&b, p);
    put_shifts(&b, p);
    put_loops(&b, p);
    return tgl__buffer_finish(&b, out, &size, err);
}

/* The number of a function with this text; the text is taken over. */
static uint32_t function_number(tgl__c_writer *w, uint32_t ref, char *text)
{
    if (w->last_text[ref] != NULL && strcmp(w->last_text[ref], text) == 0) {
        tgl__free(text);
        return w->last[ref];
    }
    tgl__free(w->last_text[ref]);
    w->last_text[ref] = text;
    w->last[ref] = w->n_function++;
    tgl__buffer_printf(&w->data, "static void affine_%" PRIu32, w->last[ref]);
    tgl__buffer_text(&w->data, text);
    return w->last[ref];
}

static void put_call(tgl__c_writer *w, const tgl_op *op, const tgl_affine *a,
                     uint32_t number)
{
    tgl_buffer *b = &w->body;
    tgl__buffer_text(b, "    {\n        static const uint32_t at[] = {");
    for (uint32_t k = 0; k < a->n_in; k++) {
        uint32_t j = a->order == NULL ? k : a->order[k];
        tgl__buffer_printf(b, "%s%" PRIu32 ",", k % 16 == 0 ? "\n            " : " ",
                           w->place[op->args[j]]);
    }
    /* the results of one operation have consecutive places, all behind its arguments' */
    tgl__buffer_printf(
        b, "\n        };\n        affine_%" PRIu32 "(v + %" PRIu32 ", v, at);\n    }\n",
        number, w->place[op->first_value]);
}

tgl_status tgl__c_affine(tgl__c_writer *w, uint32_t number)
{
    tgl__exact exact;
    tgl__exact_resolve(&exact, w->arg_frac, w->program, w->payload, number);
    affine_plan p = {.a = exact.affine, .weights = exact.weights, .bias = exact.bias};
    char *text = NULL;
    tgl_status status = study(&p, w, exact.op);
    if (status == TGL_OK)
        status = function_text(&text, &p, w->err);
    tgl__free(p.shifts);
    if (status == TGL_OK)
        put_call(w, exact.op, p.a, function_number(w, exact.op->ref, text));
    return status;
}
