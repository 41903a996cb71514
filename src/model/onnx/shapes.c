/* Operators that move elements or speak of shapes. */
#include <string.h>

#include "base/memory.h"
#include "model/onnx/onnx.h"

/* Integers from an input (newer opsets) or from an attribute. */
static bool integers(const onnx_reader *r, uint32_t input, const char *name,
                     int64_t out[TGL__TENSOR_RANK], uint32_t *n)
{
    const onnx_value *c = onnx_input(r, input);
    const onnx_attribute *a = onnx_attribute_of(r->node, name);
    *n = c ? c->n : a ? a->n_int : 0;
    if ((c && !c->is_constant) || *n > TGL__TENSOR_RANK)
        return false;
    for (uint32_t i = 0; i < *n; i++)
        out[i] = c ? (int64_t)c->numbers[i] : a->ints[i];
    return c || a;
}

static tgl_status alias(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    return x ? onnx_alias(r, x, x->rank, x->shape) : onnx_fail(r, "expected an input");
}

static tgl_status reshape(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    int64_t wanted[TGL__TENSOR_RANK];
    uint32_t rank, shape[TGL__TENSOR_RANK], open = UINT32_MAX;
    uint64_t known = 1;
    if (!x || !integers(r, 1, "shape", wanted, &rank)) {
        onnx_refuse(r, "expected a constant shape");
        return TGL_OK;
    }
    for (uint32_t a = 0; a < rank; a++) {
        int64_t size = wanted[a] == 0 && a < x->rank ? x->shape[a] : wanted[a];
        if (size == -1 && open == UINT32_MAX) {
            open = a;
            size = 1;
        }
        if (size < 1 || size > x->n)
            size = a == 0 && size > (int64_t)x->n ? 1 : 0; /* a batch of the export */
        if (size < 1)
            return onnx_fail(r, "expected sizes of at most %u elements", x->n);
        shape[a] = (uint32_t)size;
        known *= (uint64_t)size;
    }
    if (open != UINT32_MAX && known > 0 && x->n % known == 0)
        shape[open] = (uint32_t)(x->n / known);
    return onnx_alias(r, x, rank, shape);
}

static tgl_status flatten(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    uint32_t shape[2] = {1, 1};
    if (!x)
        return onnx_fail(r, "expected an input");
    int64_t axis = onnx_int(r->node, "axis", 1);
    axis = axis < 0 ? axis + x->rank : axis;
    for (uint32_t a = 0; a < x->rank; a++)
        shape[(int64_t)a < axis ? 0 : 1] *= x->shape[a];
    return onnx_alias(r, x, 2, shape);
}

static tgl_status squeeze(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    int64_t axes[TGL__TENSOR_RANK];
    uint32_t n, rank = 0, shape[TGL__TENSOR_RANK];
    bool some = integers(r, 1, "axes", axes, &n);
    if (!x)
        return onnx_fail(r, "expected an input");
    for (uint32_t a = 0; a < x->rank; a++) {
        bool drop = !some && x->shape[a] == 1;
        for (uint32_t i = 0; some && i < n; i++)
            drop = drop || axes[i] == a || axes[i] == (int64_t)a - x->rank;
        if (!drop)
            shape[rank++] = x->shape[a];
    }
    return onnx_alias(r, x, rank, shape);
}

static tgl_status unsqueeze(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    int64_t axes[TGL__TENSOR_RANK];
    uint32_t n, from = 0, shape[TGL__TENSOR_RANK];
    if (!x || !integers(r, 1, "axes", axes, &n) || x->rank + n > TGL__TENSOR_RANK) {
        onnx_refuse(r, "expected constant axes");
        return TGL_OK;
    }
    for (uint32_t a = 0; a < x->rank + n; a++) {
        bool fresh = false;
        for (uint32_t i = 0; i < n; i++)
            fresh = fresh || axes[i] == a || axes[i] == (int64_t)a - x->rank - n;
        if (!fresh && from >= x->rank)
            return onnx_fail(r, "its axes do not fit the input");
        shape[a] = fresh ? 1 : x->shape[from++];
    }
    return onnx_alias(r, x, x->rank + n, shape);
}

/* Where element j of the transposed tensor comes from. */
static tgl_status transpose_constant(onnx_reader *r, const onnx_value *from,
                                     const uint32_t *perm)
{
    onnx_value x = *from;
    uint32_t shape[TGL__TENSOR_RANK], stride[TGL__TENSOR_RANK], step = 1;
    for (uint32_t a = x.rank; a-- > 0; step *= x.shape[a])
        stride[a] = step;
    for (uint32_t a = 0; a < x.rank; a++)
        shape[a] = x.shape[perm[a]];
    double *numbers = onnx_new_constant(r, x.rank, shape);
    int64_t *codes = x.codes ? tgl__layers_array(&r->layers, x.n, sizeof *codes) : NULL;
    if (!numbers || (x.codes && !codes))
        return TGL_ELIMIT;
    for (uint32_t j = 0; j < x.n; j++) {
        uint32_t rest = j, place = 0;
        for (uint32_t a = x.rank; a-- > 0; rest /= shape[a])
            place += rest % shape[a] * stride[perm[a]];
        numbers[j] = x.numbers[place];
        if (codes)
            codes[j] = x.codes[place];
    }
    r->values[r->n_value - 1]->codes = codes;
    r->values[r->n_value - 1]->scale = x.scale;
    return TGL_OK;
}

static tgl_status transpose(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    const onnx_attribute *a = onnx_attribute_of(r->node, "perm");
    uint32_t perm[TGL__TENSOR_RANK], seen = 0;
    double factor;
    tgl__tensor y;
    if (!x || (a && a->n_int != x->rank))
        return onnx_fail(r, "expected a permutation of the input's axes");
    for (uint32_t i = 0; i < x->rank; i++) {
        int64_t axis = a ? a->ints[i] : (int64_t)x->rank - 1 - i;
        if (axis < 0 || axis >= x->rank || (seen & 1U << axis))
            return onnx_fail(r, "expected a permutation of the input's axes");
        perm[i] = (uint32_t)axis;
        seen |= 1U << axis;
    }
    if (x->is_constant)
        return transpose_constant(r, x, perm);
    if (!onnx_factor(x, &factor)) {
        onnx_refuse(r, "between a float32 operation and its quantiser");
        return TGL_OK;
    }
    TGL_TRY(tgl__layer_transpose(&r->layers, &y, onnx_place(r), &x->x, perm));
    return onnx_finish_scaled(r, &y, factor);
}

static tgl_status shape(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    if (!x)
        return onnx_fail(r, "expected an input");
    onnx_value from = *x;
    double *numbers = onnx_new_constant(r, 1, &from.rank);
    for (uint32_t a = 0; numbers && a < from.rank; a++)
        numbers[a] = from.shape[a];
    return numbers ? TGL_OK : TGL_ELIMIT;
}

static tgl_status gather(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0), *index = onnx_input(r, 1);
    if (!x || !index || !x->is_constant || !index->is_constant || x->rank != 1) {
        onnx_refuse(r, "of a computed value");
        return TGL_OK;
    }
    onnx_value from = *x, at = *index;
    double *numbers = onnx_new_constant(r, at.rank, at.shape);
    for (uint32_t j = 0; numbers && j < at.n; j++) {
        double i = at.numbers[j] < 0 ? at.numbers[j] + from.n : at.numbers[j];
        if (!(i >= 0 && i < from.n))
            return onnx_fail(r, "expected an index below %u", from.n);
        numbers[j] = from.numbers[(uint32_t)i];
    }
    return numbers ? TGL_OK : TGL_ELIMIT;
}

static tgl_status concat_constants(onnx_reader *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->node->n_input; i++) {
        const onnx_value *x = onnx_input(r, i);
        if (!x || !x->is_constant || x->rank != 1 || x->n > 64) {
            onnx_refuse(r, "of constants and computed values together");
            return TGL_OK;
        }
        n += x->n;
    }
    double *numbers = onnx_new_constant(r, 1, &n);
    for (uint32_t i = 0, at = 0; numbers && i < r->node->n_input; i++) {
        const onnx_value *x = onnx_input(r, i);
        for (uint32_t j = 0; x && j < x->n; j++)
            numbers[at++] = x->numbers[j];
    }
    return numbers ? TGL_OK : TGL_ELIMIT;
}

static tgl_status concat(onnx_reader *r)
{
    uint32_t n = r->node->n_input;
    const onnx_value *first = onnx_input(r, 0);
    const tgl__tensor **in = tgl__layers_array(&r->layers, n, sizeof *in);
    double factor, other;
    tgl__tensor y;
    if (!in || !first || n < 1)
        return onnx_fail(r, "expected inputs");
    if (first->is_constant)
        return concat_constants(r);
    for (uint32_t i = 0; i < n; i++) {
        const onnx_value *x = onnx_input(r, i);
        if (!x || x->is_constant || !onnx_factor(first, &factor) ||
            !onnx_factor(x, &other) || factor != other) {
            onnx_refuse(r,
                        "its inputs are on different grids: put a quantiser before it");
            return TGL_OK;
        }
        in[i] = &x->x;
    }
    int64_t axis = onnx_int(r->node, "axis", 0);
    axis = axis < 0 ? axis + first->rank : axis;
    TGL_TRY(tgl__layer_concat(&r->layers, &y, onnx_place(r), in, n, (uint32_t)axis));
    return onnx_finish_scaled(r, &y, factor);
}

static tgl_status constant(onnx_reader *r)
{
    const onnx_attribute *a = onnx_attribute_of(r->node, "value");
    if (!a || !a->t) {
        onnx_refuse(r, "expected a tensor as its value");
        return TGL_OK;
    }
    return onnx_alias(r, a->t, a->t->rank, a->t->shape);
}

/* At a model's end softmax changes no order of its inputs: they are the outputs. */
static tgl_status softmax(onnx_reader *r)
{
    const onnx_value *x = onnx_input(r, 0);
    bool last = false;
    for (uint32_t i = 0; i < r->n_graph_output; i++)
        last = last || (r->node->n_output > 0 &&
                        strcmp(r->graph_outputs[i], r->node->outputs[0]) == 0);
    if (!x || !last) {
        onnx_refuse(r, "within a model: it has no form without tables");
        return TGL_OK;
    }
    tgl__import_choice(r->import, onnx_place(r),
                       "%s left out: the outputs are its arguments", r->node->op);
    return onnx_alias(r, x, x->rank, x->shape);
}

const onnx_operator onnx_shapes[] = {
    {"Identity", alias},      {"Dropout", alias},       {"Cast", alias},
    {"Reshape", reshape},     {"Flatten", flatten},     {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze}, {"Transpose", transpose}, {"Shape", shape},
    {"Gather", gather},       {"Concat", concat},       {"Constant", constant},
    {"Softmax", softmax},     {"Sigmoid", softmax},     {NULL, NULL},
};
