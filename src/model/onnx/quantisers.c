/* Quant, BipolarQuant and MultiThreshold (QONNX's custom operators). Constants are
 * quantised as the definition says, in float32. A computed value is exact, or exact with
 * float32 steps behind it; then the quantiser becomes thresholds on the exact value,
 * found by following float32 from it: every step is monotone, and so is its rounding. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "model/onnx/onnx.h"

enum { MAX_LEVEL = 1024 };

typedef struct quantiser {
    double lo, hi; /* integers, before the zero point is taken off */
    bool bipolar, is_signed, narrow;
    float (*round)(float);
    tgl_round mode;
    bool has_mode; /* `mode` says the same */
    const onnx_value *scale, *zero;
    uint32_t rank;
    const uint32_t *shape; /* of the input */
} quantiser;

/* ---- rounding (qonnx's resolve_rounding_mode) ---- */

static float half_away(float x)
{
    return copysignf(floorf(fabsf(x) + 0.5f), x);
}

static float half_to_zero(float x)
{
    return copysignf(ceilf(fabsf(x) - 0.5f), x);
}

static float away(float x)
{
    return copysignf(ceilf(fabsf(x)), x);
}

static const struct rounding {
    const char *name;
    float (*round)(float);
    tgl_round mode;
    bool has_mode;
} roundings[] = {
    {"ROUND", rintf, TGL_RND_CONV, true},
    {"HALF_EVEN", rintf, TGL_RND_CONV, true},
    {"FLOOR", floorf, TGL_TRN, true},
    {"CEIL", ceilf, TGL_TRN, false},
    {"UP", away, TGL_TRN, false},
    {"DOWN", truncf, TGL_TRN_ZERO, true},
    {"HALF_UP", half_away, TGL_RND_INF, true},
    {"HALF_DOWN", half_to_zero, TGL_RND_ZERO, true},
};

static bool same_word(const char *a, const char *b)
{
    size_t n = strlen(b);
    if (strlen(a) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((a[i] & ~0x20) != (b[i] & ~0x20))
            return false;
    return true;
}

static bool find_rounding(quantiser *q, const char *name)
{
    for (size_t i = 0; i < sizeof roundings / sizeof *roundings; i++)
        if (same_word(name, roundings[i].name)) {
            q->round = roundings[i].round;
            q->mode = roundings[i].mode;
            q->has_mode = roundings[i].has_mode;
            return true;
        }
    return false;
}

/* ---- the definition, one element ---- */

/* The integer that x becomes (before the zero point is taken off). */
static float level(const quantiser *q, float x, uint32_t j)
{
    if (q->bipolar)
        return x >= 0.0f ? 1.0f : -1.0f;
    float y = x / (float)onnx_broadcast(q->scale, q->rank, q->shape, j);
    y = y + (float)onnx_broadcast(q->zero, q->rank, q->shape, j);
    y = y > (float)q->hi ? (float)q->hi : y;
    y = y < (float)q->lo ? (float)q->lo : y;
    return q->round(y);
}

static tgl_status quantise_constant(onnx_reader *r, const onnx_value *x,
                                    const quantiser *q)
{
    onnx_value from = *x;
    double *numbers = onnx_new_constant(r, from.rank, from.shape);
    int64_t *codes = tgl__layers_array(&r->layers, from.n, sizeof *codes);
    if (!numbers || !codes)
        return TGL_ENOMEM;
    for (uint32_t j = 0; j < from.n; j++) {
        float zero =
            q->zero ? (float)onnx_broadcast(q->zero, q->rank, q->shape, j) : 0.0f;
        float code = level(q, (float)from.numbers[j], j) - zero;
        codes[j] = (int64_t)code;
        numbers[j] =
            (double)(code * (float)onnx_broadcast(q->scale, q->rank, q->shape, j));
    }
    onnx_value *made = r->values[r->n_value - 1];
    bool integral = !q->zero || q->zero->n == 1;
    if (q->scale->n == 1 && integral && q->scale->numbers[0] > 0) {
        made->codes = codes;
        made->scale = q->scale->numbers[0];
    }
    return TGL_OK;
}

/* ---- thresholds ---- */

typedef struct ladder {
    onnx_reader *r;
    const onnx_value *x;
    const quantiser *q;
    uint32_t n_step;       /* thresholds of each element */
    int64_t *thresholds;   /* (n, n_step) codes of `type` */
    int64_t *first, *sign; /* (n) result = first + sign * how many are reached */
    tgl_type type;
} ladder;

static int64_t level_of_code(const ladder *l, int64_t code, int frac, uint32_t j)
{
    float x = (float)tgl_code_to_double(code, frac);
    return (int64_t)level(l->q, onnx_follow(l->x->steps, x, j), j);
}

/* The smallest code in [lo, hi] whose level times `sign` is at least `wanted`; hi + 1
 * when none is. */
static int64_t reach(const ladder *l, uint32_t j, int64_t lo, int64_t hi, int frac,
                     int64_t sign, int64_t wanted)
{
    int64_t end = hi + 1;
    while (lo < end) {
        int64_t middle = lo + (end - lo) / 2;
        if (sign * level_of_code(l, middle, frac, j) >= wanted)
            end = middle;
        else
            lo = middle + 1;
    }
    return lo;
}

static tgl_status climb(ladder *l)
{
    const onnx_value *x = l->x;
    int frac = l->type.frac;
    for (uint32_t j = 0; j < x->n; j++) {
        tgl_type type = tgl__tensor_type(&l->r->layers, &x->x, j);
        int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
        int64_t a = level_of_code(l, lo, type.frac, j),
                b = level_of_code(l, hi, type.frac, j), sign = a <= b ? 1 : -1;
        l->first[j] = a;
        l->sign[j] = sign;
        for (uint32_t k = 0; k < l->n_step; k++) {
            int64_t wanted =
                sign * a + (l->q->bipolar ? 2 * (int64_t)k + 1 : (int64_t)k + 1);
            int64_t code = reach(l, j, lo, hi, type.frac, sign, wanted);
            l->thresholds[(size_t)j * l->n_step + k] =
                (int64_t)((uint64_t)code << (frac - type.frac));
        }
    }
    return TGL_OK;
}

/* How many steps any element's levels span; the finest binary point. */
static tgl_status measure(ladder *l)
{
    const onnx_value *x = l->x;
    tgl_type hull = tgl__tensor_type(&l->r->layers, &x->x, 0);
    int64_t most = 0;
    bool fits = true;
    for (uint32_t j = 0; j < x->n && fits; j++) {
        tgl_type type = tgl__tensor_type(&l->r->layers, &x->x, j);
        int64_t a = level_of_code(l, tgl_type_min(type), type.frac, j),
                b = level_of_code(l, tgl_type_max(type), type.frac, j);
        int64_t span = a < b ? b - a : a - b;
        most = span > most ? span : most;
        fits = type.width < 50 && tgl__type_hull(&hull, hull, type);
    }
    l->n_step = (uint32_t)(l->q->bipolar ? most / 2 : most);
    /* one code beyond the largest must fit, too */
    hull.width = (uint8_t)(hull.width + 2 - hull.is_signed);
    hull.is_signed = 1;
    l->type = hull;
    if (fits && most < MAX_LEVEL && (uint64_t)x->n * l->n_step <= TGL__GRAPH_MAX_ELEMENT)
        return TGL_OK;
    onnx_refuse(l->r,
                "%lld levels after float32 operations on %u values: expected at most %d, "
                "or a power of two as the scale",
                (long long)most + 1, x->n, MAX_LEVEL);
    return tgl__import_supported(l->r->import);
}

/* Which thresholds are reached, counted. */
static tgl_status count_reached(ladder *l, tgl__tensor *out)
{
    tgl__layers *layers = &l->r->layers;
    const char *name = onnx_place(l->r);
    tgl__tensor x, many, fixed, reached;
    const uint32_t column[] = {l->x->n, 1}, all[] = {l->x->n, l->n_step}, axis = 1;
    const tgl_quant bit = {.type = {0, 1, 0}};
    TGL_TRY(tgl__layer_reshape(layers, &x, name, &l->x->x, 2, column));
    TGL_TRY(tgl__layer_broadcast(layers, &many, name, &x, 2, all));
    TGL_TRY(tgl__layer_constant(layers, &fixed, tgl__layers_name(layers, name, "levels"),
                                2, all, l->thresholds, l->type));
    const tgl__tensor *pair[] = {&many, &fixed};
    reached = many;
    TGL_TRY(tgl__layer_add(layers, &reached, tgl__layers_name(layers, name, "reached"),
                           pair, 2,
                           (tgl_node){.op = TGL_GRAPH_COMPARE,
                                      .relation = 5, /* >= */
                                      .out = &bit,
                                      .n_out = 1}));
    return tgl__layer_reduce(layers, out, tgl__layers_name(layers, name, "count"),
                             &reached, &axis, 1, false, TGL_GRAPH_REDUCE_SUM, NULL, NULL);
}

static tgl_type type_between(int64_t lo, int64_t hi)
{
    tgl_interval range = {lo, hi, 0};
    tgl_type type = {1, 63, 0};
    (void)tgl__interval_type(&type, &range);
    return type;
}

/* first + sign * count, in the type of the levels. */
static tgl_status finish_ladder(ladder *l, const tgl__tensor *count, tgl__tensor *out)
{
    uint32_t n = l->x->n;
    int64_t lo = l->first[0], hi = l->first[0], least = lo, most = hi, factor = 1;
    if (l->q->bipolar)
        factor = 2;
    for (uint32_t j = 0; j < n; j++) {
        int64_t end = l->first[j] + factor * l->sign[j] * (int64_t)l->n_step;
        lo = l->first[j] < lo ? l->first[j] : lo;
        hi = l->first[j] > hi ? l->first[j] : hi;
        least = end < least ? end : least;
        most = end > most ? end : most;
        l->sign[j] *= factor;
    }
    least = lo < least ? lo : least;
    most = hi > most ? hi : most;
    int64_t bottom = (int64_t)l->q->lo, top = (int64_t)l->q->hi;
    const tgl_quant to = {
        .type = type_between(bottom < lo ? bottom : lo, top > hi ? top : hi),
        .overflow = TGL_SAT}; /* nothing lies beyond */
    (void)least;
    (void)most;
    return tgl__layer_scale_bias(&l->r->layers, out, onnx_place(l->r), count, l->sign,
                                 (tgl_type){1, 3, 0}, l->first, type_between(lo, hi), n,
                                 &to);
}

static tgl_status make_ladder(onnx_reader *r, tgl__tensor *out, const onnx_value *x,
                              const quantiser *q)
{
    ladder l = {.r = r, .x = x, .q = q};
    tgl__tensor count;
    TGL_TRY(measure(&l));
    if (l.n_step == 0)
        l.n_step = 1;
    l.thresholds =
        tgl__layers_array(&r->layers, (size_t)x->n * l.n_step, sizeof *l.thresholds);
    l.first = tgl__layers_array(&r->layers, x->n, sizeof *l.first);
    l.sign = tgl__layers_array(&r->layers, x->n, sizeof *l.sign);
    if (!l.thresholds || !l.first || !l.sign)
        return TGL_ENOMEM;
    TGL_TRY(climb(&l));
    TGL_TRY(count_reached(&l, &count));
    TGL_TRY(finish_ladder(&l, &count, out));
    tgl__import_choice(r->import, onnx_place(r),
                       "%u thresholds for each of %u values, found by following float32",
                       l.n_step, x->n);
    return tgl__layer_reshape(&r->layers, out, onnx_place(r), out, x->rank, x->shape);
}

/* ---- computed values ---- */

/* The plain conversion, where it says the same: no float32 steps, zero point 0, one scale
 * that is a power of two, a rounding mode that conversions have. */
static bool is_conversion(const onnx_value *x, const quantiser *q, tgl_quant *to)
{
    int log2;
    if (q->bipolar || x->steps || !q->has_mode || q->scale->n != 1 ||
        !onnx_power_of_two(q->scale->numbers[0], &log2) || q->zero->n != 1 ||
        q->zero->numbers[0] != 0 || (q->narrow && !q->is_signed))
        return false;
    *to = (tgl_quant){type_between((int64_t)q->lo, (int64_t)q->hi), q->mode, TGL_SAT};
    to->type.frac = (int16_t)-log2;
    if (q->narrow)
        to->overflow = TGL_SAT_SYM;
    return true;
}

/* Integers to what they stand for: less the zero point, times the scale. */
static tgl_status unscale(onnx_reader *r, const tgl__tensor *levels, const quantiser *q)
{
    tgl__tensor y = *levels;
    int log2;
    double scale = q->scale->numbers[0];
    if (q->zero && q->zero->numbers[0] != 0) {
        int64_t minus = -(int64_t)q->zero->numbers[0], one = 1;
        TGL_TRY(tgl__layer_scale_bias(
            &r->layers, &y, tgl__layers_name(&r->layers, onnx_place(r), "zero"), &y, &one,
            (tgl_type){1, 2, 0}, &minus, type_between(minus, minus), 1, NULL));
    }
    if (!onnx_power_of_two(scale, &log2))
        return onnx_finish_scaled(r, &y, scale);
    if (log2 != 0) {
        int64_t *shifts = tgl__layers_array(&r->layers, y.n, sizeof *shifts);
        tgl_quant plain = {.type = tgl__tensor_type(&r->layers, &y, 0)};
        if (!shifts)
            return TGL_ENOMEM;
        for (uint32_t j = 0; j < y.n; j++)
            shifts[j] = -log2;
        plain.type.frac = (int16_t)(plain.type.frac - log2);
        TGL_TRY(tgl__layer_each(
            &r->layers, &y, tgl__layers_name(&r->layers, onnx_place(r), "scale"), &y,
            (tgl_node){
                .op = TGL_GRAPH_RESCALE, .shift = shifts, .out = &plain, .n_out = 1}));
    }
    return onnx_finish(r, &y);
}

static tgl_status quantise(onnx_reader *r, const onnx_value *x, quantiser *q)
{
    tgl__tensor y;
    tgl_quant to;
    q->rank = x->rank;
    q->shape = x->shape;
    if (!onnx_broadcasts(q->scale, x->rank, x->shape) ||
        (q->zero && !onnx_broadcasts(q->zero, x->rank, x->shape)))
        return onnx_fail(r, "scale and zero point do not have the input's shape");
    if (x->is_constant)
        return quantise_constant(r, x, q);
    if (q->scale->n != 1 || (q->zero && q->zero->n != 1)) {
        onnx_refuse(r, "a scale for each channel of a computed value");
        return TGL_OK;
    }
    if (is_conversion(x, q, &to)) {
        TGL_TRY(tgl__layer_quantise(&r->layers, &y, onnx_place(r), &x->x, &to, 1));
        return onnx_finish(r, &y);
    }
    TGL_TRY(make_ladder(r, &y, x, q));
    return unscale(r, &y, q);
}

/* ---- the operators ---- */

static bool is_number(const onnx_value *c)
{
    return c && c->is_constant && c->n == 1;
}

static tgl_status quant(onnx_reader *r)
{
    static const double nought = 0;
    static const onnx_value no_zero = {.is_constant = true, .n = 1, .numbers = &nought};
    const onnx_value *x = onnx_input(r, 0), *scale = onnx_input(r, 1),
                     *zero = onnx_input(r, 2), *bits = onnx_input(r, 3);
    if (!x || !scale || !scale->is_constant || (zero && !zero->is_constant) ||
        !is_number(bits) || !(bits->numbers[0] >= 1 && bits->numbers[0] <= 32) ||
        bits->numbers[0] != floor(bits->numbers[0])) {
        onnx_refuse(r,
                    "expected a constant scale and zero point, and 1 to 32 whole bits");
        return TGL_OK;
    }
    quantiser q = {.scale = scale, .zero = zero ? zero : &no_zero};
    double half = ldexp(1, (int)bits->numbers[0] - 1);
    q.is_signed = onnx_int(r->node, "signed", 1) != 0;
    q.narrow = onnx_int(r->node, "narrow", 0) != 0;
    q.lo = q.is_signed ? -half + q.narrow : 0;
    q.hi = q.is_signed ? half - 1 : 2 * half - 1 - q.narrow;
    if (q.is_signed && half == 1) { /* qonnx takes it for +1 and -1 */
        q.bipolar = true;
        q.lo = -1;
        q.hi = 1;
    }
    const char *mode = onnx_string(r->node, "rounding_mode", "ROUND");
    if (!find_rounding(&q, mode)) {
        onnx_refuse(r, "rounding mode '%.40s'", mode);
        return TGL_OK;
    }
    return quantise(r, x, &q);
}

static tgl_status bipolar(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0), *scale = onnx_input(r, 1);
    if (!x || !scale || !scale->is_constant) {
        onnx_refuse(r, "expected a constant scale");
        return TGL_OK;
    }
    quantiser q = {.scale = scale, .bipolar = true, .lo = -1, .hi = 1};
    return quantise(r, x, &q);
}

static tgl_status refuse_float(onnx_reader *r)
{
    onnx_refuse(r, "floating-point codes have no fixed-point form");
    return TGL_OK;
}

const onnx_operator onnx_quantisers[] = {{"Quant", quant},
                                         {"IntQuant", quant},
                                         {"BipolarQuant", bipolar},
                                         {"FloatQuant", refuse_float},
                                         {NULL, NULL}};
