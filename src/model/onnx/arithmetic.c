/* Elementwise operators. Between constants they are folded in float32; on exact values
 * with dyadic constants they stay exact; else they wait, as float32 steps, for a
 * quantiser. */
#include <math.h>
#include <string.h>

#include "graph/graph.h"
#include "model/onnx/onnx.h"

enum { FLOAT_BITS = 25 /* of a signed code that float32 holds */ };

static float both(onnx_step_kind kind, float a, float b)
{
    switch (kind) {
    case ONNX_STEP_MULTIPLY:
        return a * b;
    case ONNX_STEP_ADD:
        return a + b;
    case ONNX_STEP_SUBTRACT:
        return a - b;
    default:
        return a / b;
    }
}

static tgl_status fold(onnx_reader *r, onnx_step_kind kind, const onnx_value *a,
                       const onnx_value *b)
{
    onnx_value x = *a, z = *b;
    const onnx_value *shape = x.n >= z.n ? &x : &z;
    if (!onnx_broadcasts(&x, shape->rank, shape->shape) ||
        !onnx_broadcasts(&z, shape->rank, shape->shape)) {
        onnx_refuse(r, "constants that both are repeated");
        return TGL_OK;
    }
    double *numbers = onnx_new_constant(r, shape->rank, shape->shape);
    if (!numbers)
        return TGL_ELIMIT;
    for (uint32_t j = 0; j < shape->n; j++)
        numbers[j] =
            (double)both(kind, (float)onnx_broadcast(&x, shape->rank, shape->shape, j),
                         (float)onnx_broadcast(&z, shape->rank, shape->shape, j));
    return TGL_OK;
}

static bool float_holds(const onnx_reader *r, const tgl__tensor *y)
{
    for (uint32_t j = 0; j < y->n; j++)
        if (tgl__tensor_type(&r->layers, y, j).width > FLOAT_BITS)
            return false;
    return true;
}

static void tell_width(onnx_reader *r, const tgl__tensor *y)
{
    if (!float_holds(r, y))
        tgl__import_choice(r->import, onnx_place(r),
                           "the exact result has more bits than float32 holds: float32 "
                           "executors may round it");
}

/* Exact with a dyadic constant; *done stays false where it has to wait. */
static tgl_status exact_with(onnx_reader *r, onnx_step_kind kind, const onnx_value *x,
                             const onnx_value *c, bool swapped, bool *done)
{
    static const tgl_graph_op ops[] = {
        [ONNX_STEP_MULTIPLY] = TGL_GRAPH_MULTIPLY,
        [ONNX_STEP_ADD] = TGL_GRAPH_ADD,
        [ONNX_STEP_SUBTRACT] = TGL_GRAPH_SUBTRACT,
    };
    int64_t *codes;
    tgl_type type;
    tgl__tensor k, y;
    *done = false;
    if (x->steps || kind == ONNX_STEP_DIVIDE || c->n > x->n ||
        !onnx_dyadic(r, c->numbers, c->n, &codes, &type) || type.width > 16)
        return TGL_OK;
    TGL_TRY(tgl__layer_constant(&r->layers, &k,
                                tgl__layers_name(&r->layers, onnx_place(r), "constant"),
                                c->rank, c->shape, codes, type));
    TGL_TRY(tgl__layer_pair(&r->layers, &y, onnx_place(r), ops[kind],
                            swapped ? &k : &x->x, swapped ? &x->x : &k, NULL));
    tell_width(r, &y);
    *done = true;
    return onnx_finish(r, &y);
}

static tgl_status with_constant(onnx_reader *r, onnx_step_kind kind, const onnx_value *x,
                                const onnx_value *c, bool swapped)
{
    bool done;
    if (!onnx_broadcasts(c, x->rank, x->shape)) {
        onnx_refuse(r, "a constant that has more dimensions than the value");
        return TGL_OK;
    }
    onnx_value from = *x;
    TGL_TRY(exact_with(r, kind, &from, c, swapped, &done));
    if (done)
        return TGL_OK;
    if (swapped && kind == ONNX_STEP_DIVIDE) {
        onnx_refuse(r, "division by a computed value");
        return TGL_OK;
    }
    if (swapped && kind == ONNX_STEP_SUBTRACT)
        kind = ONNX_STEP_SUBTRACT_FROM;
    return onnx_defer(r, &from, kind, c);
}

/* Two computed values: exact ones, or with one and the same factor. */
static tgl_status of_computed(onnx_reader *r, onnx_step_kind kind, const onnx_value *a,
                              const onnx_value *b)
{
    double fa, fb;
    tgl__tensor y;
    bool sum = kind == ONNX_STEP_ADD || kind == ONNX_STEP_SUBTRACT;
    if (!onnx_factor(a, &fa) || !onnx_factor(b, &fb) || (sum && fa != fb) ||
        kind == ONNX_STEP_DIVIDE) {
        onnx_refuse(r, "its inputs are float32 numbers on different grids: put a "
                       "quantiser before it");
        return TGL_OK;
    }
    TGL_TRY(tgl__layer_pair(&r->layers, &y, onnx_place(r),
                            kind == ONNX_STEP_ADD        ? TGL_GRAPH_ADD
                            : kind == ONNX_STEP_SUBTRACT ? TGL_GRAPH_SUBTRACT
                                                         : TGL_GRAPH_MULTIPLY,
                            &a->x, &b->x, NULL));
    tell_width(r, &y);
    return onnx_finish_scaled(r, &y, sum ? fa : fa * fb);
}

static tgl_status pair(onnx_reader *r, onnx_step_kind kind)
{
    const onnx_value *a = onnx_input(r, 0), *b = onnx_input(r, 1);
    if (!a || !b)
        return onnx_fail(r, "expected two inputs");
    if (a->is_constant && b->is_constant)
        return fold(r, kind, a, b);
    if (b->is_constant)
        return with_constant(r, kind, a, b, false);
    if (a->is_constant)
        return with_constant(r, kind, b, a, true);
    return of_computed(r, kind, a, b);
}

static tgl_status add(onnx_reader *r)
{
    return pair(r, ONNX_STEP_ADD);
}
static tgl_status subtract(onnx_reader *r)
{
    return pair(r, ONNX_STEP_SUBTRACT);
}
static tgl_status multiply(onnx_reader *r)
{
    return pair(r, ONNX_STEP_MULTIPLY);
}
static tgl_status divide(onnx_reader *r)
{
    return pair(r, ONNX_STEP_DIVIDE);
}

/* Constants only: shape arithmetic and epsilons. */
static tgl_status power(onnx_reader *r)
{
    const onnx_value *a = onnx_input(r, 0), *b = onnx_input(r, 1);
    if (!a || !b || !a->is_constant || !b->is_constant || b->n != 1) {
        onnx_refuse(r, "of a computed value");
        return TGL_OK;
    }
    onnx_value x = *a, e = *b;
    double *numbers = onnx_new_constant(r, x.rank, x.shape);
    for (uint32_t j = 0; numbers && j < x.n; j++)
        numbers[j] = (double)powf((float)x.numbers[j], (float)e.numbers[0]);
    return numbers ? TGL_OK : TGL_ELIMIT;
}

static tgl_status relu(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    tgl__tensor y;
    if (!x || x->is_constant)
        return onnx_fail(r, "expected a computed input");
    if (x->steps)
        return onnx_defer(r, x, ONNX_STEP_RELU, NULL);
    tgl_quant *types = tgl__layers_array(&r->layers, x->n, sizeof *types);
    uint32_t n_type = tgl_graph_node(r->layers.graph, x->x.node)->n_out;
    if (!types)
        return TGL_ENOMEM;
    for (uint32_t j = 0; j < n_type; j++) {
        tgl_type type = tgl__tensor_type(&r->layers, &x->x, j);
        type.width = (uint8_t)(type.width - (type.is_signed && type.width > 1));
        type.is_signed = 0;
        types[j].type = type;
    }
    TGL_TRY(
        tgl__layer_each(&r->layers, &y, onnx_place(r), &x->x,
                        (tgl_node){.op = TGL_GRAPH_RELU, .out = types, .n_out = n_type}));
    return onnx_finish(r, &y);
}

static tgl_status leaky_relu(onnx_reader *r)
{
    double alpha = onnx_float(r->node, "alpha", 0.01);
    onnx_value c = {.is_constant = true, .n = 1, .numbers = &alpha};
    const onnx_value *x = onnx_input(r, 0);
    if (!x || x->is_constant || !(alpha >= 0)) {
        onnx_refuse(r, "expected a computed input and a slope of 0 or more");
        return TGL_OK;
    }
    return onnx_defer(r, x, ONNX_STEP_LEAKY, &c);
}

/* x * scale' + bias', scale' = scale / sqrt(var + epsilon), bias' = bias - mean * scale',
 * all in float32, as ONNX Runtime does. */
static tgl_status batch_normalisation(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0), *p[4];
    bool last = strstr(r->node->domain, "channels_last") != NULL;
    for (uint32_t i = 0; i < 4; i++) {
        p[i] = onnx_input(r, i + 1);
        if (!x || x->is_constant || x->rank < 2 || !p[i] || !p[i]->is_constant ||
            p[i]->n != x->shape[last ? x->rank - 1 : 1]) {
            onnx_refuse(r, "expected constant parameters for each channel");
            return TGL_OK;
        }
    }
    uint32_t n = p[0]->n, shape[TGL__TENSOR_RANK], rank = last ? 1 : x->rank - 1;
    float epsilon = (float)onnx_float(r->node, "epsilon", 1e-5);
    double *scale = tgl__layers_array(&r->layers, n, sizeof *scale),
           *bias = tgl__layers_array(&r->layers, n, sizeof *bias);
    if (!scale || !bias)
        return TGL_ENOMEM;
    for (uint32_t c = 0; c < n; c++) {
        float s =
            (float)p[0]->numbers[c] * (1.0f / sqrtf((float)p[3]->numbers[c] + epsilon));
        float shift = (float)p[2]->numbers[c] * s;
        scale[c] = (double)s;
        bias[c] = (double)((float)p[1]->numbers[c] - shift);
    }
    shape[0] = n; /* (channel, 1, ...) beside the batch */
    for (uint32_t a = 1; a < rank; a++)
        shape[a] = 1;
    onnx_value c = {.is_constant = true, .n = n, .rank = rank, .numbers = scale};
    memcpy(c.shape, shape, rank * sizeof *shape);
    TGL_TRY(onnx_defer(r, x, ONNX_STEP_MULTIPLY, &c));
    onnx_value scaled = *r->values[r->n_value - 1];
    c.numbers = bias;
    return onnx_defer(r, &scaled, ONNX_STEP_ADD, &c);
}

const onnx_operator onnx_arithmetic[] = {
    {"Add", add},
    {"Sub", subtract},
    {"Mul", multiply},
    {"Div", divide},
    {"Pow", power},
    {"Relu", relu},
    {"LeakyRelu", leaky_relu},
    {"BatchNormalization", batch_normalisation},
    {NULL, NULL},
};
