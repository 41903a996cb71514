/* Tensors with shapes, and the layers that only move their elements. */
#include "model/layers.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "graph/graph.h"

/* ---- beginning and end ---- */

tgl_status tgl__layers_begin(tgl__layers *l, const char *name, const char *path,
                             tgl_error *err)
{
    *l = (tgl__layers){.path = path, .err = err};
    TGL_TRY(tgl_graph_new(&l->graph, "model", err));
    const char *fit = tgl__layers_name(l, name, NULL);
    tgl_graph_free(l->graph);
    l->graph = NULL;
    return fit ? tgl_graph_new(&l->graph, fit, err) : tgl__fail_nomem(err);
}

tgl_status tgl__layers_end(tgl_graph **out, tgl__layers *l)
{
    tgl_status status = tgl_graph_verify(l->graph, l->err);
    if (status != TGL_OK)
        return tgl__fail_context(l->err, status, "%s", l->path);
    *out = l->graph;
    l->graph = NULL;
    return TGL_OK;
}

void tgl__layers_release(tgl__layers *l)
{
    tgl_graph_free(l->graph);
    tgl__arena_release(&l->arena);
    l->graph = NULL;
}

static bool is_used(const tgl_graph *graph, const char *name)
{
    for (uint32_t i = tgl_graph_n_node(graph); i-- > 0;)
        if (strcmp(tgl_graph_node(graph, i)->name, name) == 0)
            return true;
    return false;
}

const char *tgl__layers_name(tgl__layers *l, const char *base, const char *part)
{
    enum { ROOM = TGL__GRAPH_MAX_NAME - 12 }; /* of a number */
    char text[ROOM + 1], tried[TGL__GRAPH_MAX_NAME + 1];
    snprintf(text, sizeof text, "%.60s%s%.20s", base && base[0] ? base : "node",
             part ? "." : "", part ? part : "");
    for (char *c = text; *c; c++)
        if (*c <= 0x20 || *c > 0x7e || *c == '"' || *c == '\\')
            *c = '_';
    snprintf(tried, sizeof tried, "%s", text);
    for (unsigned i = 2; is_used(l->graph, tried); i++)
        snprintf(tried, sizeof tried, "%s_%u", text, i);
    return tgl__arena_strdup(&l->arena, tried);
}

void *tgl__layers_array(tgl__layers *l, size_t n, size_t size)
{
    void *array = tgl__arena_alloc(&l->arena, n ? n : 1, size);
    if (!array)
        (void)tgl__fail_nomem(l->err);
    return array;
}

/* ---- tensors ---- */

bool tgl__tensor_shaped(tgl__tensor *out, uint32_t rank, const uint32_t *shape)
{
    uint64_t n = 1;
    tgl__tensor t = {.rank = rank};
    if (rank > TGL__TENSOR_RANK)
        return false;
    for (uint32_t a = 0; a < rank; a++) {
        t.shape[a] = shape[a];
        n *= shape[a];
        if (n < 1 || n > TGL__GRAPH_MAX_ELEMENT)
            return false;
    }
    t.n = (uint32_t)n;
    *out = t;
    return true;
}

static tgl_status shaped(tgl__layers *l, tgl__tensor *out, const char *name,
                         uint32_t rank, const uint32_t *shape)
{
    if (tgl__tensor_shaped(out, rank, shape))
        return TGL_OK;
    return tgl__fail(l->err, TGL_ELIMIT,
                     "%s: %s: expected 1 to %d elements in at most %d dimensions",
                     l->path, name, TGL__GRAPH_MAX_ELEMENT, TGL__TENSOR_RANK);
}

tgl_type tgl__tensor_type(const tgl__layers *l, const tgl__tensor *x, uint32_t j)
{
    return tgl__node_out(tgl_graph_node(l->graph, x->node), j).type;
}

tgl_interval tgl__tensor_range(const tgl__layers *l, const tgl__tensor *x, uint32_t j)
{
    return tgl__interval_of_type(tgl__tensor_type(l, x, j));
}

static bool same_shape(const tgl__tensor *a, const tgl__tensor *b)
{
    return a->rank == b->rank &&
           memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0;
}

/* Elements between neighbours along each axis. */
static void strides_of(size_t *strides, const tgl__tensor *x)
{
    size_t n = 1;
    for (uint32_t a = x->rank; a-- > 0; n *= x->shape[a])
        strides[a] = n;
}

/* The next position of a row-major walk through `shape`. */
static void advance(uint32_t *at, uint32_t rank, const uint32_t *shape)
{
    for (uint32_t a = rank; a-- > 0;) {
        if (++at[a] < shape[a])
            return;
        at[a] = 0;
    }
}

/* ---- nodes ---- */

tgl_status tgl__layer_add(tgl__layers *l, tgl__tensor *out, const char *name,
                          const tgl__tensor *const *in, uint32_t n_in, tgl_node node)
{
    uint32_t one[3], *inputs = one;
    if (n_in > 3)
        inputs = tgl__layers_array(l, n_in, sizeof *inputs);
    if (!inputs)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < n_in; i++)
        inputs[i] = in[i]->node;
    node.name = tgl__layers_name(l, name, NULL);
    if (!node.name)
        return tgl__fail_nomem(l->err);
    node.n_input = n_in;
    node.inputs = inputs;
    node.n_element = out->n;
    node.shape = out->rank > 0 ? out->shape : NULL;
    node.rank = out->rank;
    tgl_status status = tgl_graph_add(l->graph, &node, &out->node, l->err);
    return status == TGL_OK ? TGL_OK : tgl__fail_context(l->err, status, "%s", l->path);
}

tgl_status tgl__layer_each(tgl__layers *l, tgl__tensor *out, const char *name,
                           const tgl__tensor *x, tgl_node node)
{
    tgl__tensor y = *x;
    TGL_TRY(tgl__layer_add(l, &y, name, &x, 1, node));
    *out = y;
    return TGL_OK;
}

/* Types without conversions; one where all are the same. */
static tgl_quant *plain_types(tgl__layers *l, const tgl_type *types, uint32_t *n)
{
    uint32_t same = 1;
    while (same < *n && tgl_type_equal(types[same], types[0]))
        same++;
    if (same == *n)
        *n = 1;
    tgl_quant *plain = tgl__layers_array(l, *n, sizeof *plain);
    for (uint32_t j = 0; plain && j < *n; j++)
        plain[j].type = types[j];
    return plain;
}

tgl_status tgl__layer_input(tgl__layers *l, tgl__tensor *out, const char *name,
                            uint32_t rank, const uint32_t *shape, const tgl_type *types,
                            uint32_t n_type, const char *const *labels)
{
    tgl__tensor x;
    TGL_TRY(shaped(l, &x, name, rank, shape));
    tgl_quant *plain = plain_types(l, types, &n_type);
    if (!plain)
        return TGL_ENOMEM;
    tgl_node node = {
        .op = TGL_GRAPH_INPUT, .out = plain, .n_out = n_type, .labels = labels};
    TGL_TRY(tgl__layer_add(l, &x, name, NULL, 0, node));
    *out = x;
    return TGL_OK;
}

tgl_status tgl__layer_quantise(tgl__layers *l, tgl__tensor *out, const char *name,
                               const tgl__tensor *x, const tgl_quant *types,
                               uint32_t n_type)
{
    bool changes = false;
    for (uint32_t j = 0; j < x->n && !changes; j++)
        changes =
            !tgl_type_equal(tgl__tensor_type(l, x, j), types[n_type > 1 ? j : 0].type);
    /* SAT_SYM moves one code of its own type */
    for (uint32_t j = 0; j < n_type && !changes; j++)
        changes = types[j].overflow == TGL_SAT_SYM && types[j].type.is_signed;
    if (changes)
        return tgl__layer_each(
            l, out, name, x,
            (tgl_node){.op = TGL_GRAPH_QUANTISE, .out = types, .n_out = n_type});
    *out = *x;
    return TGL_OK;
}

tgl_status tgl__layer_constant(tgl__layers *l, tgl__tensor *out, const char *name,
                               uint32_t rank, const uint32_t *shape, const int64_t *codes,
                               tgl_type type)
{
    tgl__tensor x;
    const tgl_quant plain = {.type = type};
    TGL_TRY(shaped(l, &x, name, rank, shape));
    TGL_TRY(tgl__layer_add(
        l, &x, name, NULL, 0,
        (tgl_node){.op = TGL_GRAPH_CONSTANT, .codes = codes, .out = &plain, .n_out = 1}));
    *out = x;
    return TGL_OK;
}

tgl_status tgl__layer_output(tgl__layers *l, const char *name, const tgl__tensor *x)
{
    const char *fit = tgl__layers_name(l, name, NULL);
    return fit ? tgl_graph_add_output(l->graph, fit, x->node, l->err)
               : tgl__fail_nomem(l->err);
}

/* ---- moves ---- */

/* Where nothing moves the result is the input. */
static bool stays(const tgl__tensor *out, const tgl__tensor *const *in, uint32_t n_in,
                  const uint32_t *indices)
{
    if (n_in != 1 || out->n != in[0]->n)
        return false;
    for (uint32_t j = 0; j < out->n; j++)
        if (indices[j] != j)
            return false;
    return true;
}

/* Types of all inputs' elements, one after the other. */
static tgl_type *types_of(tgl__layers *l, const tgl__tensor *const *in, uint32_t n_in,
                          uint32_t *n)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < n_in; i++)
        total += in[i]->n;
    tgl_type *types = total > TGL__GRAPH_MAX_TOTAL
                          ? NULL
                          : tgl__layers_array(l, (size_t)total, sizeof *types);
    if (!types)
        return NULL;
    *n = (uint32_t)total;
    tgl_type *next = types;
    for (uint32_t i = 0; i < n_in; i++)
        for (uint32_t j = 0; j < in[i]->n; j++)
            *next++ = tgl__tensor_type(l, in[i], j);
    return types;
}

tgl_status tgl__layer_rearrange(tgl__layers *l, tgl__tensor *out, const char *name,
                                const tgl__tensor *const *in, uint32_t n_in,
                                const uint32_t *indices)
{
    uint32_t n_source, n_type = out->n;
    if (stays(out, in, n_in, indices)) {
        out->node = in[0]->node;
        return TGL_OK;
    }
    tgl_type *source = types_of(l, in, n_in, &n_source),
             *types = tgl__layers_array(l, out->n, sizeof *types);
    if (!source || !types)
        return tgl__fail_nomem(l->err);
    for (uint32_t j = 0; j < out->n; j++)
        types[j] = source[indices[j] == TGL_GRAPH_ZERO ? 0 : indices[j]];
    tgl_quant *plain = plain_types(l, types, &n_type);
    if (!plain)
        return TGL_ENOMEM;
    return tgl__layer_add(l, out, name, in, n_in,
                          (tgl_node){.op = TGL_GRAPH_REARRANGE,
                                     .indices = indices,
                                     .out = plain,
                                     .n_out = n_type});
}

tgl_status tgl__layer_reshape(tgl__layers *l, tgl__tensor *out, const char *name,
                              const tgl__tensor *x, uint32_t rank, const uint32_t *shape)
{
    tgl__tensor y;
    TGL_TRY(shaped(l, &y, name, rank, shape));
    if (y.n != x->n)
        return tgl__fail(l->err, TGL_EFORMAT,
                         "%s: %s: expected a shape of %u elements, found %u", l->path,
                         name, x->n, y.n);
    y.node = x->node;
    *out = y;
    return TGL_OK;
}

/* An axis of the result walks through the input by `step` elements from `first`; `repeat`
 * times each. What transposes, slices, repeats and broadcasts are. */
typedef struct walk {
    int64_t step;
    uint32_t repeat;
} walk;

static tgl_status walk_through(tgl__layers *l, tgl__tensor *out, const char *name,
                               const tgl__tensor *x, int64_t first, const walk *walks)
{
    uint32_t at[TGL__TENSOR_RANK] = {0};
    uint32_t *indices = tgl__layers_array(l, out->n, sizeof *indices);
    if (!indices)
        return TGL_ENOMEM;
    for (uint32_t j = 0; j < out->n; j++, advance(at, out->rank, out->shape)) {
        int64_t place = first;
        for (uint32_t a = 0; a < out->rank; a++)
            place += walks[a].step * (int64_t)(at[a] / walks[a].repeat);
        indices[j] = (uint32_t)place;
    }
    return tgl__layer_rearrange(l, out, name, &x, 1, indices);
}

tgl_status tgl__layer_transpose(tgl__layers *l, tgl__tensor *out, const char *name,
                                const tgl__tensor *x, const uint32_t *perm)
{
    size_t strides[TGL__TENSOR_RANK];
    walk walks[TGL__TENSOR_RANK];
    uint32_t seen = 0;
    tgl__tensor y = *x;
    strides_of(strides, x);
    for (uint32_t a = 0; a < x->rank; a++) {
        if (perm[a] >= x->rank || (seen & 1U << perm[a]))
            return tgl__fail(l->err, TGL_EFORMAT,
                             "%s: %s: expected a permutation of %u axes, found %u at "
                             "place %u",
                             l->path, name, x->rank, perm[a], a);
        seen |= 1U << perm[a];
        y.shape[a] = x->shape[perm[a]];
        walks[a] = (walk){(int64_t)strides[perm[a]], 1};
    }
    TGL_TRY(walk_through(l, &y, name, x, 0, walks));
    *out = y;
    return TGL_OK;
}

tgl_status tgl__layer_slice(tgl__layers *l, tgl__tensor *out, const char *name,
                            const tgl__tensor *x, uint32_t axis, int64_t begin,
                            uint32_t count, int64_t step)
{
    size_t strides[TGL__TENSOR_RANK];
    walk walks[TGL__TENSOR_RANK];
    if (axis >= x->rank || count < 1 || count > x->shape[axis] || begin < 0 ||
        begin >= x->shape[axis] || step < -TGL__GRAPH_MAX_ELEMENT ||
        step > TGL__GRAPH_MAX_ELEMENT || begin + step * (count - 1) < 0 ||
        begin + step * (count - 1) >= x->shape[axis])
        return tgl__fail(l->err, TGL_EFORMAT,
                         "%s: %s: axis %u: a slice from %lld, %u of them, in steps of "
                         "%lld, does not lie within the tensor",
                         l->path, name, axis, (long long)begin, count, (long long)step);
    tgl__tensor y = *x;
    y.shape[axis] = count;
    TGL_TRY(shaped(l, &y, name, y.rank, y.shape));
    strides_of(strides, x);
    for (uint32_t a = 0; a < x->rank; a++)
        walks[a] = (walk){(int64_t)strides[a] * (a == axis ? step : 1), 1};
    TGL_TRY(walk_through(l, &y, name, x, begin * (int64_t)strides[axis], walks));
    *out = y;
    return TGL_OK;
}

tgl_status tgl__layer_repeat(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *x, const uint32_t *factor)
{
    size_t strides[TGL__TENSOR_RANK];
    walk walks[TGL__TENSOR_RANK];
    tgl__tensor y = *x;
    strides_of(strides, x);
    for (uint32_t a = 0; a < x->rank; a++) {
        uint64_t size = (uint64_t)x->shape[a] * factor[a];
        y.shape[a] = size > TGL__GRAPH_MAX_ELEMENT ? 0 : (uint32_t)size;
        walks[a] = (walk){(int64_t)strides[a], factor[a] ? factor[a] : 1};
    }
    TGL_TRY(shaped(l, &y, name, y.rank, y.shape));
    TGL_TRY(walk_through(l, &y, name, x, 0, walks));
    *out = y;
    return TGL_OK;
}

tgl_status tgl__layer_broadcast(tgl__layers *l, tgl__tensor *out, const char *name,
                                const tgl__tensor *x, uint32_t rank,
                                const uint32_t *shape)
{
    size_t strides[TGL__TENSOR_RANK];
    walk walks[TGL__TENSOR_RANK];
    tgl__tensor y;
    TGL_TRY(shaped(l, &y, name, rank, shape));
    bool fits = rank >= x->rank;
    uint32_t missing = fits ? rank - x->rank : 0;
    strides_of(strides, x);
    for (uint32_t a = 0; a < rank && fits; a++) {
        uint32_t size = a < missing ? 1 : x->shape[a - missing];
        fits = size == 1 || size == shape[a];
        walks[a] = (walk){size == 1 ? 0 : (int64_t)strides[a - missing], 1};
    }
    if (!fits)
        return tgl__fail(l->err, TGL_EFORMAT,
                         "%s: %s: a tensor of %u dimensions does not fit the other's "
                         "shape",
                         l->path, name, x->rank);
    TGL_TRY(walk_through(l, &y, name, x, 0, walks));
    *out = y;
    return TGL_OK;
}

/* The shape of a concatenation: all but one axis alike. */
static tgl_status concat_shape(tgl__layers *l, tgl__tensor *out, const char *name,
                               const tgl__tensor *const *in, uint32_t n_in, uint32_t axis)
{
    uint64_t along = 0;
    tgl__tensor y = *in[0];
    for (uint32_t i = 0; i < n_in; i++) {
        tgl__tensor z = *in[i];
        if (axis < z.rank && z.rank == y.rank) {
            along += z.shape[axis];
            z.shape[axis] = y.shape[axis];
        }
        if (axis >= z.rank || !same_shape(&z, &y))
            return tgl__fail(l->err, TGL_EFORMAT,
                             "%s: %s: input %u does not have the first one's shape "
                             "beside axis %u",
                             l->path, name, i, axis);
    }
    y.shape[axis] = along > TGL__GRAPH_MAX_ELEMENT ? 0 : (uint32_t)along;
    return shaped(l, out, name, y.rank, y.shape);
}

tgl_status tgl__layer_concat(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *const *in, uint32_t n_in, uint32_t axis)
{
    tgl__tensor y;
    TGL_TRY(concat_shape(l, &y, name, in, n_in, axis));
    uint32_t *indices = tgl__layers_array(l, y.n, sizeof *indices);
    if (!indices)
        return TGL_ENOMEM;
    size_t outer = 1, at = 0;
    for (uint32_t a = 0; a < axis; a++)
        outer *= y.shape[a];
    for (size_t o = 0; o < outer; o++) {
        uint32_t base = 0;
        for (uint32_t i = 0; i < n_in; base += in[i++]->n) {
            uint32_t run = (uint32_t)(in[i]->n / outer);
            for (uint32_t j = 0; j < run; j++)
                indices[at++] = base + (uint32_t)o * run + j;
        }
    }
    TGL_TRY(tgl__layer_rearrange(l, &y, name, in, n_in, indices));
    *out = y;
    return TGL_OK;
}

tgl_status tgl__layer_pad(tgl__layers *l, tgl__tensor *out, const char *name,
                          const tgl__tensor *x, const uint32_t *before,
                          const uint32_t *after)
{
    size_t strides[TGL__TENSOR_RANK];
    uint32_t at[TGL__TENSOR_RANK] = {0};
    tgl__tensor y = *x;
    strides_of(strides, x);
    for (uint32_t a = 0; a < x->rank; a++) {
        uint64_t size = (uint64_t)x->shape[a] + before[a] + after[a];
        y.shape[a] = size > TGL__GRAPH_MAX_ELEMENT ? 0 : (uint32_t)size;
    }
    TGL_TRY(shaped(l, &y, name, y.rank, y.shape));
    uint32_t *indices = tgl__layers_array(l, y.n, sizeof *indices);
    if (!indices)
        return TGL_ENOMEM;
    for (uint32_t j = 0; j < y.n; j++, advance(at, y.rank, y.shape)) {
        size_t place = 0;
        bool inside = true;
        for (uint32_t a = 0; a < y.rank && inside; a++) {
            inside = at[a] >= before[a] && at[a] - before[a] < x->shape[a];
            place += inside ? (at[a] - before[a]) * strides[a] : 0;
        }
        indices[j] = inside ? (uint32_t)place : TGL_GRAPH_ZERO;
    }
    TGL_TRY(tgl__layer_rearrange(l, &y, name, &x, 1, indices));
    *out = y;
    return TGL_OK;
}

/* ---- windows ---- */

/* How far a window reaches along axis a. */
static uint64_t reach(const tgl__window *w, uint32_t a)
{
    return (uint64_t)(w->size[a] - 1) * w->dilation[a] + 1;
}

static bool is_window(const tgl__window *w, const tgl__tensor *x)
{
    bool good =
        w->n_axis >= 1 && w->n_axis <= TGL__WINDOW_RANK && x->rank == w->n_axis + 1;
    for (uint32_t a = 0; good && a < w->n_axis; a++)
        good = w->size[a] >= 1 && w->stride[a] >= 1 && w->dilation[a] >= 1 &&
               w->before[a] < TGL__GRAPH_MAX_ELEMENT &&
               w->after[a] < TGL__GRAPH_MAX_ELEMENT;
    return good;
}

bool tgl__window_positions(uint32_t *out, const tgl__window *w, const tgl__tensor *x)
{
    bool good = is_window(w, x);
    for (uint32_t a = 0; good && a < w->n_axis; a++) {
        uint64_t size = (uint64_t)x->shape[a] + w->before[a] + w->after[a];
        good = reach(w, a) <= size;
        if (good)
            out[a] = (uint32_t)((size - reach(w, a)) / w->stride[a]) + 1;
    }
    return good;
}

void tgl__window_same(tgl__window *w, const tgl__tensor *x)
{
    for (uint32_t a = 0; a < w->n_axis && a < x->rank; a++) {
        if (w->stride[a] < 1 || w->size[a] < 1 || w->dilation[a] < 1)
            continue; /* refused where it is used */
        uint64_t positions = (x->shape[a] + w->stride[a] - 1) / w->stride[a],
                 needed = (positions - 1) * w->stride[a] + reach(w, a),
                 total = needed > x->shape[a] ? needed - x->shape[a] : 0;
        total = total < TGL__GRAPH_MAX_ELEMENT ? total : TGL__GRAPH_MAX_ELEMENT;
        w->before[a] = (uint32_t)(total / 2);
        w->after[a] = (uint32_t)(total - total / 2);
    }
}

/* Where in x the window at `at` (position..., window..., channel) looks. */
static uint32_t window_place(const tgl__window *w, const tgl__tensor *x,
                             const uint32_t *at)
{
    uint64_t place = 0;
    uint32_t channel = at[2 * w->n_axis];
    for (uint32_t a = 0; a < w->n_axis; a++) {
        uint64_t p =
            (uint64_t)at[a] * w->stride[a] + (uint64_t)at[w->n_axis + a] * w->dilation[a];
        if (p < w->before[a] || p - w->before[a] >= x->shape[a])
            return TGL_GRAPH_ZERO;
        place = place * x->shape[a] + (p - w->before[a]);
    }
    return (uint32_t)(place * x->shape[w->n_axis] + channel);
}

uint32_t *tgl__window_indices(tgl__layers *l, tgl__tensor *out, const char *name,
                              const tgl__tensor *x, const tgl__window *w)
{
    uint32_t shape[2 * TGL__WINDOW_RANK + 1], at[2 * TGL__WINDOW_RANK + 1] = {0};
    if (!tgl__window_positions(shape, w, x)) {
        (void)tgl__fail(l->err, TGL_EFORMAT,
                        "%s: %s: the window does not fit a tensor of %u dimensions",
                        l->path, name, x->rank);
        return NULL;
    }
    for (uint32_t a = 0; a < w->n_axis; a++)
        shape[w->n_axis + a] = w->size[a];
    shape[2 * w->n_axis] = x->shape[w->n_axis];
    if (shaped(l, out, name, 2 * w->n_axis + 1, shape) != TGL_OK)
        return NULL;
    uint32_t *indices = tgl__layers_array(l, out->n, sizeof *indices);
    for (uint32_t j = 0; indices && j < out->n; j++, advance(at, out->rank, out->shape))
        indices[j] = window_place(w, x, at);
    return indices;
}

/* (position..., window..., channel) to (position..., group, window..., channel / groups):
 * of each position's `run` elements, in place. */
static void cut_groups(uint32_t *indices, uint32_t *room, size_t n, size_t run,
                       uint32_t channels, uint32_t groups)
{
    uint32_t each = channels / groups;
    for (size_t p = 0; p < n; p += run) {
        uint32_t *next = room;
        for (uint32_t g = 0; g < groups; g++)
            for (size_t k = 0; k < run; k += channels)
                for (uint32_t c = 0; c < each; c++)
                    *next++ = indices[p + k + g * each + c];
        memcpy(indices + p, room, run * sizeof *room);
    }
}

tgl_status tgl__layer_windows(tgl__layers *l, tgl__tensor *out, const char *name,
                              const tgl__tensor *x, const tgl__window *w, uint32_t groups)
{
    tgl__tensor y;
    uint32_t *indices = tgl__window_indices(l, &y, name, x, w);
    if (!indices)
        return l->err ? l->err->code : TGL_EFORMAT;
    uint32_t channels = x->shape[w->n_axis];
    if (groups > 1) {
        size_t run = channels;
        uint32_t shape[TGL__TENSOR_RANK];
        for (uint32_t a = 0; a < w->n_axis; a++)
            run *= w->size[a];
        if (channels % groups != 0 || y.rank == TGL__TENSOR_RANK)
            return tgl__fail(l->err, TGL_EFORMAT,
                             "%s: %s: expected channels in %u groups, found %u", l->path,
                             name, groups, channels);
        uint32_t *room = tgl__layers_array(l, run, sizeof *room);
        if (!room)
            return TGL_ENOMEM;
        cut_groups(indices, room, y.n, run, channels, groups);
        memcpy(shape, y.shape, w->n_axis * sizeof *shape);
        shape[w->n_axis] = groups;
        memcpy(shape + w->n_axis + 1, w->size, w->n_axis * sizeof *shape);
        shape[2 * w->n_axis + 1] = channels / groups;
        TGL_TRY(shaped(l, &y, name, 2 * w->n_axis + 2, shape));
    }
    TGL_TRY(tgl__layer_rearrange(l, &y, name, &x, 1, indices));
    *out = y;
    return TGL_OK;
}
