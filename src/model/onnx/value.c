/* Values by name, constants, and float32 steps that wait for a quantiser. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/onnx/onnx.h"

enum { MAX_STEPS = 32 };

onnx_value *onnx_find(const onnx_reader *r, const char *name)
{
    for (uint32_t i = r->n_value; i-- > 0;)
        if (strcmp(r->values[i]->name, name) == 0)
            return r->values[i];
    return NULL;
}

onnx_value *onnx_new(onnx_reader *r, const char *name)
{
    if (!tgl__grow(&r->values, r->n_value, &r->cap_value, sizeof *r->values))
        return NULL;
    onnx_value *value = tgl__arena_alloc(&r->layers.arena, 1, sizeof *value);
    if (!value)
        return NULL;
    value->name = name;
    return r->values[r->n_value++] = value;
}

const onnx_value *onnx_input(const onnx_reader *r, uint32_t which)
{
    if (which >= r->node->n_input || !r->node->inputs[which][0])
        return NULL;
    return onnx_find(r, r->node->inputs[which]);
}

const onnx_attribute *onnx_attribute_of(const onnx_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

int64_t onnx_int(const onnx_node *node, const char *name, int64_t fallback)
{
    const onnx_attribute *a = onnx_attribute_of(node, name);
    return a ? a->i : fallback;
}

double onnx_float(const onnx_node *node, const char *name, double fallback)
{
    const onnx_attribute *a = onnx_attribute_of(node, name);
    return a ? (double)a->f : fallback;
}

const char *onnx_string(const onnx_node *node, const char *name, const char *fallback)
{
    const onnx_attribute *a = onnx_attribute_of(node, name);
    return a ? a->s : fallback;
}

const char *onnx_place(const onnx_reader *r)
{
    return r->node->name[0]        ? r->node->name
           : r->node->n_output > 0 ? r->node->outputs[0]
                                   : r->node->op;
}

void onnx_refuse(onnx_reader *r, const char *format, ...)
{
    char words[300];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    tgl__import_refuse(r->import, onnx_place(r), "%s: %s", r->node->op, words);
}

tgl_status onnx_fail(const onnx_reader *r, const char *format, ...)
{
    char words[300];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return tgl__fail(r->import->err, TGL_EFORMAT, "%s: node '%s' (%s): %s",
                     r->import->source->path, onnx_place(r), r->node->op, words);
}

static const char *output_name(const onnx_reader *r)
{
    return r->node->n_output > 0 ? r->node->outputs[0] : "";
}

double *onnx_new_constant(onnx_reader *r, uint32_t rank, const uint32_t *shape)
{
    uint64_t n = 1;
    for (uint32_t a = 0; a < rank; a++)
        n = n > (1U << 24) ? n : n * shape[a];
    onnx_value *value =
        rank <= TGL__TENSOR_RANK && n <= (1U << 24) ? onnx_new(r, output_name(r)) : NULL;
    double *numbers =
        value ? tgl__layers_array(&r->layers, (size_t)n, sizeof *numbers) : NULL;
    if (!numbers) {
        (void)tgl__fail(r->import->err, TGL_ELIMIT,
                        "%s: node '%s': a constant of too many elements",
                        r->import->source->path, onnx_place(r));
        return NULL;
    }
    value->is_constant = true;
    value->rank = rank;
    value->n = (uint32_t)n;
    memcpy(value->shape, shape, rank * sizeof *shape);
    value->numbers = numbers;
    return numbers;
}

tgl_status onnx_finish(onnx_reader *r, const tgl__tensor *x)
{
    onnx_value *value = onnx_new(r, output_name(r));
    if (!value)
        return tgl__fail_nomem(r->import->err);
    value->x = *x;
    value->rank = x->rank;
    value->n = x->n;
    memcpy(value->shape, x->shape, sizeof value->shape);
    return TGL_OK;
}

tgl_status onnx_alias(onnx_reader *r, const onnx_value *x, uint32_t rank,
                      const uint32_t *shape)
{
    onnx_value value = *x;
    uint32_t n = value.n;
    if (!value.is_constant)
        TGL_TRY(tgl__layer_reshape(&r->layers, &value.x, onnx_place(r), &value.x, rank,
                                   shape));
    value.name = output_name(r);
    value.rank = rank;
    memcpy(value.shape, shape, rank * sizeof *shape);
    value.n = n;
    onnx_value *made = onnx_new(r, value.name);
    if (!made)
        return tgl__fail_nomem(r->import->err);
    *made = value;
    return TGL_OK;
}

/* ---- numbers ---- */

bool onnx_power_of_two(double number, int *log2)
{
    int exponent;
    if (!(number > 0) || !isfinite(number) || frexp(number, &exponent) != 0.5)
        return false;
    *log2 = exponent - 1;
    return *log2 >= -64 && *log2 <= 64;
}

/* The finest bit of a number: number / 2^bit is odd. Zero: `none`. */
static int finest_bit(double number, int none)
{
    int exponent;
    if (number == 0)
        return none;
    int64_t mantissa = (int64_t)ldexp(frexp(fabs(number), &exponent), 53);
    return exponent - 53 + __builtin_ctzll((uint64_t)mantissa);
}

bool onnx_dyadic(onnx_reader *r, const double *numbers, uint32_t n, int64_t **codes,
                 tgl_type *type)
{
    enum { NONE = 10000, MOST = 32 };
    int finest = NONE;
    double largest = 0;
    for (uint32_t j = 0; j < n; j++) {
        int bit = finest_bit(numbers[j], NONE);
        if (!isfinite(numbers[j]))
            return false;
        finest = bit < finest ? bit : finest;
        largest = fabs(numbers[j]) > largest ? fabs(numbers[j]) : largest;
    }
    if (finest == NONE)
        finest = 0;
    if (finest < -200 || finest > 200 || ldexp(largest, -finest) >= ldexp(1, MOST - 1))
        return false;
    *codes = tgl__layers_array(&r->layers, n, sizeof **codes);
    tgl_interval range = {0, 0, -finest};
    for (uint32_t j = 0; *codes && j < n; j++) {
        int64_t code = (int64_t)ldexp(numbers[j], -finest);
        (*codes)[j] = code;
        range.lo = code < range.lo ? code : range.lo;
        range.hi = code > range.hi ? code : range.hi;
    }
    return *codes && tgl__interval_type(type, &range);
}

bool onnx_broadcasts(const onnx_value *c, uint32_t rank, const uint32_t *shape)
{
    if (c->rank > rank)
        return c->n == 1;
    for (uint32_t a = 0; a < c->rank; a++) {
        uint32_t size = c->shape[c->rank - 1 - a];
        if (size != 1 && size != shape[rank - 1 - a])
            return false;
    }
    return true;
}

double onnx_broadcast(const onnx_value *c, uint32_t rank, const uint32_t *shape,
                      uint32_t j)
{
    uint32_t place = 0, stride = 1;
    if (c->n == 1)
        return c->numbers[0];
    for (uint32_t a = 0; a < c->rank; a++) {
        uint32_t own = c->shape[c->rank - 1 - a], size = shape[rank - 1 - a];
        place += own > 1 ? j % size * stride : 0;
        stride *= own;
        j /= size;
    }
    return c->numbers[place];
}

/* ---- steps ---- */

float onnx_follow(const onnx_step *steps, float x, uint32_t j)
{
    const onnx_step *order[MAX_STEPS];
    uint32_t n = 0;
    for (; steps && n < MAX_STEPS; steps = steps->before)
        order[n++] = steps;
    while (n-- > 0) {
        float c = order[n]->c ? order[n]->c[j] : 0.0f;
        switch (order[n]->kind) {
        case ONNX_STEP_MULTIPLY:
            x = x * c;
            break;
        case ONNX_STEP_ADD:
            x = x + c;
            break;
        case ONNX_STEP_SUBTRACT:
            x = x - c;
            break;
        case ONNX_STEP_SUBTRACT_FROM:
            x = c - x;
            break;
        case ONNX_STEP_DIVIDE:
            x = x / c;
            break;
        case ONNX_STEP_RELU:
            x = x > 0.0f ? x : 0.0f;
            break;
        case ONNX_STEP_LEAKY:
            x = x < 0.0f ? x * c : x;
            break;
        }
    }
    return x;
}

tgl_status onnx_defer(onnx_reader *r, const onnx_value *x, onnx_step_kind kind,
                      const onnx_value *c)
{
    onnx_value from = *x;
    onnx_step *step = tgl__layers_array(&r->layers, 1, sizeof *step);
    float *numbers = NULL;
    if (!step)
        return TGL_ENOMEM;
    *step = (onnx_step){.before = from.steps, .kind = kind};
    step->depth = from.steps ? from.steps->depth + 1 : 1;
    if (step->depth > MAX_STEPS) {
        onnx_refuse(r, "more than %d operations in a row without a quantiser", MAX_STEPS);
        return TGL_OK;
    }
    if (c) {
        step->common = kind == ONNX_STEP_MULTIPLY && c->n == 1 && c->numbers[0] > 0;
        numbers = tgl__layers_array(&r->layers, from.n, sizeof *numbers);
        if (!numbers)
            return TGL_ENOMEM;
        for (uint32_t j = 0; j < from.n; j++)
            numbers[j] = (float)onnx_broadcast(c, from.rank, from.shape, j);
    }
    step->c = numbers;
    TGL_TRY(onnx_finish(r, &from.x));
    r->values[r->n_value - 1]->rank = from.rank;
    memcpy(r->values[r->n_value - 1]->shape, from.shape, sizeof from.shape);
    r->values[r->n_value - 1]->steps = step;
    return TGL_OK;
}

bool onnx_factor(const onnx_value *x, double *factor)
{
    *factor = 1;
    for (const onnx_step *s = x->steps; s; s = s->before) {
        if (!s->common)
            return false;
        *factor *= (double)s->c[0];
    }
    return true;
}

bool onnx_exact(onnx_reader *r, const onnx_value *x)
{
    if (!x->steps)
        return true;
    onnx_refuse(r,
                "its input '%s' is a float32 number off any grid: put a quantiser "
                "before it",
                x->name);
    return false;
}

tgl_status onnx_finish_scaled(onnx_reader *r, const tgl__tensor *x, double factor)
{
    TGL_TRY(onnx_finish(r, x));
    if (factor == 1)
        return TGL_OK;
    double number = factor;
    onnx_value made = *r->values[r->n_value - 1],
               c = {.is_constant = true, .n = 1, .numbers = &number};
    return onnx_defer(r, &made, ONNX_STEP_MULTIPLY, &c);
}
