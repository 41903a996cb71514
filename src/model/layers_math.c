/* Layers that multiply and add, with exact types worked out where they are asked for. */
#include <string.h>

#include "base/error.h"
#include "graph/graph.h"
#include "model/layers.h"

static tgl_status too_wide(tgl__layers *l, const char *name)
{
    return tgl__fail(l->err, TGL_ELIMIT,
                     "%s: %s: an exact result does not fit %d bits: give narrower types",
                     l->path, name, TGL_MAX_WIDTH);
}

/* The union of two intervals, on the finer binary point; an empty one has lo > hi. */
static bool unite(tgl_interval *sum, tgl_interval more)
{
    if (sum->lo > sum->hi) {
        *sum = more;
        return true;
    }
    int frac = sum->frac > more.frac ? sum->frac : more.frac;
    if (!tgl__interval_align(sum, frac) || !tgl__interval_align(&more, frac))
        return false;
    sum->lo = more.lo < sum->lo ? more.lo : sum->lo;
    sum->hi = more.hi > sum->hi ? more.hi : sum->hi;
    return true;
}

static const tgl_interval nothing = {1, 0, 0};

bool tgl__type_hull(tgl_type *out, tgl_type a, tgl_type b)
{
    tgl_interval hull = tgl__interval_of_type(a);
    return unite(&hull, tgl__interval_of_type(b)) && tgl__interval_type(out, &hull);
}

/* What all of x can be. */
static bool range_of(tgl_interval *out, const tgl__layers *l, const tgl__tensor *x)
{
    *out = nothing;
    for (uint32_t j = 0; j < x->n; j++)
        if (!unite(out, tgl__tensor_range(l, x, j)))
            return false;
    return true;
}

/* ---- matrices ---- */

/* A partial sum's range: every term may be there or not. */
static bool with_or_without(tgl_interval *sum, tgl_interval term)
{
    term.lo = term.lo < 0 ? term.lo : 0;
    term.hi = term.hi > 0 ? term.hi : 0;
    return tgl__interval_add(sum, sum, &term);
}

/* What the partial sums of any row can be; *frac starts as the finest binary point. */
static bool matrix_range(tgl_interval *out, const tgl__layers *l, const tgl__tensor *x,
                         const tgl__matrix *m, uint32_t sets, uint32_t fan_in)
{
    size_t rows = x->n / sets / fan_in;
    *out = nothing;
    for (size_t r = 0; r < rows; r++)
        for (uint32_t o = 0; o < sets * m->n_out; o++) {
            uint32_t s = o / m->n_out;
            tgl_interval sum = {0, 0, 0};
            if (m->bias && m->bias[o] != 0)
                sum = (tgl_interval){m->bias[o] < 0 ? m->bias[o] : 0,
                                     m->bias[o] > 0 ? m->bias[o] : 0, m->bias_type.frac};
            for (uint32_t j = 0; j < fan_in; j++) {
                int64_t code = m->weights[(size_t)o * fan_in + j];
                tgl_interval w = {code, code, m->weight_type.frac}, term,
                             in = tgl__tensor_range(
                                 l, x, (uint32_t)((r * sets + s) * fan_in + j));
                if (!tgl__interval_mul(&term, &in, &w) || !with_or_without(&sum, term))
                    return false;
            }
            if (!unite(out, sum))
                return false;
        }
    return true;
}

/* The same for tensors of one type, which needs one row. */
static bool is_one_type(const tgl__layers *l, const tgl__tensor *x)
{
    return tgl_graph_node(l->graph, x->node)->n_out == 1;
}

static tgl_status exact_matrix(tgl__layers *l, const char *name, const tgl__tensor *x,
                               tgl__matrix *m, uint32_t sets, uint32_t fan_in)
{
    tgl_interval range;
    tgl__tensor seen = *x;
    tgl_type type;
    if (is_one_type(l, x))
        seen.n = sets * fan_in;
    bool ok = matrix_range(&range, l, &seen, m, sets, fan_in);
    int frac = range.frac;
    for (uint32_t j = 0; j < seen.n; j++) { /* products with a weight of zero, too */
        int f = tgl__tensor_type(l, x, j).frac + m->weight_type.frac;
        frac = f > frac ? f : frac;
    }
    if (!ok || !tgl__interval_align(&range, frac) || !tgl__interval_type(&type, &range))
        return too_wide(l, name);
    m->term_exact = true;
    m->acc = (tgl_quant){type, TGL_TRN, TGL_WRAP};
    m->term = m->acc;
    return TGL_OK;
}

/* The result's types, one per element where the caller gave them by output. */
static const tgl_quant *matrix_types(tgl__layers *l, const tgl__matrix *m, uint32_t n,
                                     uint32_t *n_type)
{
    *n_type = 1;
    if (!m->out)
        return &m->acc;
    if (m->n_out_type == 1)
        return m->out;
    tgl_quant *types = tgl__layers_array(l, n, sizeof *types);
    for (uint32_t j = 0; types && j < n; j++)
        types[j] = m->out[j % m->n_out_type];
    *n_type = n;
    return types;
}

tgl_status tgl__layer_matrix(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *x, const tgl__matrix *matrix)
{
    tgl__matrix m = *matrix;
    tgl__tensor y = *x;
    uint32_t sets = m.sets > 1 ? m.sets : 1, fan_in = x->rank ? x->shape[x->rank - 1] : 1,
             n_type;
    if (x->rank < 1 || (sets > 1 && (x->rank < 2 || x->shape[x->rank - 2] != sets)))
        return tgl__fail(l->err, TGL_EFORMAT,
                         "%s: %s: expected a tensor of %u sets of inputs", l->path, name,
                         sets);
    y.shape[y.rank - 1] = m.n_out;
    if (!tgl__tensor_shaped(&y, y.rank, y.shape))
        return tgl__fail(l->err, TGL_ELIMIT, "%s: %s: expected at most %d results",
                         l->path, name, TGL__GRAPH_MAX_ELEMENT);
    if (m.exact)
        TGL_TRY(exact_matrix(l, name, x, &m, sets, fan_in));
    const tgl_quant *types = matrix_types(l, &m, y.n, &n_type);
    if (!types)
        return TGL_ENOMEM;
    tgl_node node = {.op = TGL_GRAPH_DENSE,
                     .weights = m.weights,
                     .weight_type = m.weight_type,
                     .bias = m.bias,
                     .bias_type = m.bias_type,
                     .order = m.order,
                     .term_exact = m.term_exact,
                     .term = m.term,
                     .acc = m.acc,
                     .rows = x->n / sets / fan_in,
                     .sets = sets,
                     .out = types,
                     .n_out = n_type,
                     .slot_weights = m.slot_weights,
                     .slot_bias = m.slot_bias};
    TGL_TRY(tgl__layer_add(l, &y, name, &x, 1, node));
    *out = y;
    return TGL_OK;
}

tgl_status tgl__layer_conv(tgl__layers *l, tgl__tensor *out, const char *name,
                           const tgl__tensor *x, const tgl__window *w,
                           const tgl__matrix *m)
{
    uint32_t groups = m->sets > 1 ? m->sets : 1, shape[TGL__TENSOR_RANK], rank = 0, n = 1;
    tgl__tensor seen, y;
    const char *part = tgl__layers_name(l, name, "windows");
    if (!part)
        return tgl__fail_nomem(l->err);
    TGL_TRY(tgl__layer_windows(l, &seen, part, x, w, groups));
    memcpy(shape, seen.shape, w->n_axis * sizeof *shape);
    rank = w->n_axis;
    if (groups > 1)
        shape[rank++] = groups;
    for (uint32_t a = 0; a < w->n_axis; a++)
        n *= w->size[a];
    shape[rank++] = n * (x->shape[w->n_axis] / groups);
    TGL_TRY(tgl__layer_reshape(l, &seen, name, &seen, rank, shape));
    TGL_TRY(tgl__layer_matrix(l, &y, name, &seen, m));
    shape[w->n_axis] = groups * m->n_out;
    return tgl__layer_reshape(l, out, name, &y, w->n_axis + 1, shape);
}

/* ---- reductions ---- */

/* Types of a sum of `group` elements, or of an extreme of them. */
static tgl_status reduced_type(tgl__layers *l, const char *name, const tgl__tensor *x,
                               uint32_t group, tgl_graph_op op, tgl_quant *out)
{
    tgl_interval range;
    bool ok = range_of(&range, l, x);
    if (ok && op == TGL_GRAPH_REDUCE_SUM) {
        const tgl_interval times = {0, group, 0};
        ok = tgl__interval_mul(&range, &range, &times);
    }
    *out = (tgl_quant){.type = {0}};
    return ok && tgl__interval_type(&out->type, &range) ? TGL_OK : too_wide(l, name);
}

/* Extremes are taken on one binary point: convert what has others, exactly. */
static tgl_status align(tgl__layers *l, tgl__tensor *x, const char *name)
{
    tgl_interval range;
    tgl_quant one = {.type = {0}};
    int frac = tgl__tensor_type(l, x, 0).frac;
    uint32_t j = 1;
    while (j < x->n && tgl__tensor_type(l, x, j).frac == frac)
        j++;
    if (j >= x->n)
        return TGL_OK;
    if (!range_of(&range, l, x) || !tgl__interval_type(&one.type, &range))
        return too_wide(l, name);
    const char *part = tgl__layers_name(l, name, "aligned");
    return part ? tgl__layer_quantise(l, x, part, x, &one, 1) : tgl__fail_nomem(l->err);
}

/* x's elements lie in groups one after the other; the result has out's shape. */
static tgl_status reduce_groups(tgl__layers *l, tgl__tensor *out, const char *name,
                                const tgl__tensor *x, uint32_t group, tgl_graph_op op,
                                const tgl_quant *acc, const tgl_quant *to)
{
    tgl__tensor seen = *x;
    const tgl__tensor *in = &seen;
    tgl_quant exact;
    TGL_TRY(reduced_type(l, name, x, group, op, &exact));
    if (op != TGL_GRAPH_REDUCE_SUM)
        TGL_TRY(align(l, &seen, name));
    tgl_node node = {.op = op,
                     .group = group,
                     .acc = acc ? *acc : exact,
                     .out = to    ? to
                            : acc ? acc
                                  : &exact,
                     .n_out = 1};
    return tgl__layer_add(l, out, name, &in, 1, node);
}

/* Padding takes no part in an extreme: another element of the window stands for it. */
static void fill_padding(uint32_t *indices, uint32_t n, uint32_t group)
{
    for (uint32_t first = 0; first < n; first += group) {
        uint32_t valid = TGL_GRAPH_ZERO;
        for (uint32_t k = 0; k < group && valid == TGL_GRAPH_ZERO; k++)
            valid = indices[first + k];
        for (uint32_t k = 0; k < group; k++)
            if (indices[first + k] == TGL_GRAPH_ZERO)
                indices[first + k] = valid;
    }
}

/* (position, window, channel) to (position, channel, window). */
static uint32_t *channels_first(tgl__layers *l, const uint32_t *indices, uint32_t n,
                                uint32_t group, uint32_t channels)
{
    uint32_t *out = tgl__layers_array(l, n, sizeof *out), *next = out;
    for (size_t p = 0; out && p < n; p += (size_t)group * channels)
        for (uint32_t c = 0; c < channels; c++)
            for (uint32_t k = 0; k < group; k++)
                *next++ = indices[p + (size_t)k * channels + c];
    return out;
}

tgl_status tgl__layer_pool(tgl__layers *l, tgl__tensor *out, const char *name,
                           const tgl__tensor *x, const tgl__window *w, tgl_graph_op op,
                           const tgl_quant *acc, const tgl_quant *to)
{
    tgl__tensor seen, y;
    uint32_t group = 1, shape[TGL__TENSOR_RANK];
    const uint32_t *by_window = tgl__window_indices(l, &seen, name, x, w);
    if (!by_window)
        return l->err ? l->err->code : TGL_EFORMAT;
    for (uint32_t a = 0; a < w->n_axis; a++)
        group *= w->size[a];
    uint32_t channels = x->shape[w->n_axis];
    uint32_t *indices = channels_first(l, by_window, seen.n, group, channels);
    const char *part = tgl__layers_name(l, name, "windows");
    if (!indices || !part)
        return tgl__fail_nomem(l->err);
    if (op != TGL_GRAPH_REDUCE_SUM)
        fill_padding(indices, seen.n, group);
    memcpy(shape, seen.shape, w->n_axis * sizeof *shape);
    shape[w->n_axis] = channels;
    if (!tgl__tensor_shaped(&y, w->n_axis + 1, shape))
        return tgl__fail(l->err, TGL_ELIMIT, "%s: %s: too many results", l->path, name);
    shape[w->n_axis + 1] = group;
    TGL_TRY(tgl__layer_reshape(l, &seen, name, &seen, w->n_axis + 2, shape));
    TGL_TRY(tgl__layer_rearrange(l, &seen, part, &x, 1, indices));
    TGL_TRY(reduce_groups(l, &y, name, &seen, group, op, acc, to));
    *out = y;
    return TGL_OK;
}

tgl_status tgl__layer_reduce(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *x, const uint32_t *axes, uint32_t n_axis,
                             bool keep, tgl_graph_op op, const tgl_quant *acc,
                             const tgl_quant *to)
{
    uint32_t perm[TGL__TENSOR_RANK], shape[TGL__TENSOR_RANK], rank = 0, kept = 0,
                                                              chosen = 0, group = 1;
    tgl__tensor moved, y;
    for (uint32_t i = 0; i < n_axis; i++) {
        if (axes[i] >= x->rank)
            return tgl__fail(l->err, TGL_EFORMAT,
                             "%s: %s: expected an axis below %u, found %u", l->path, name,
                             x->rank, axes[i]);
        chosen |= 1U << axes[i];
    }
    for (uint32_t a = 0; a < x->rank; a++) {
        if (!(chosen & 1U << a))
            perm[kept++] = a;
        if (!(chosen & 1U << a) || keep)
            shape[rank++] = chosen & 1U << a ? 1 : x->shape[a];
    }
    for (uint32_t a = 0, next = kept; a < x->rank; a++)
        if (chosen & 1U << a) {
            perm[next++] = a;
            group *= x->shape[a];
        }
    const char *part = tgl__layers_name(l, name, "groups");
    if (!part)
        return tgl__fail_nomem(l->err);
    TGL_TRY(tgl__layer_transpose(l, &moved, part, x, perm));
    if (!tgl__tensor_shaped(&y, rank, shape))
        return tgl__fail(l->err, TGL_ELIMIT, "%s: %s: too many results", l->path, name);
    TGL_TRY(reduce_groups(l, &y, name, &moved, group, op, acc, to));
    *out = y;
    return TGL_OK;
}

/* ---- pairs ---- */

/* What a pair of elements gives. */
static bool pair_range(tgl_interval *out, tgl_graph_op op, tgl_interval x, tgl_interval z)
{
    if (op == TGL_GRAPH_ADD)
        return tgl__interval_add(out, &x, &z);
    if (op == TGL_GRAPH_SUBTRACT)
        return tgl__interval_sub(out, &x, &z);
    if (op == TGL_GRAPH_MULTIPLY)
        return tgl__interval_mul(out, &x, &z);
    *out = x; /* extremes, and bits: within the hull of both for non-negative ones */
    return unite(out, z);
}

/* One type that holds every result exactly. */
static tgl_status pair_type(tgl__layers *l, const char *name, tgl_graph_op op,
                            const tgl__tensor *a, const tgl__tensor *b, tgl_quant *out)
{
    tgl_interval range = nothing, y;
    bool ok = true;
    for (uint32_t j = 0; j < a->n && ok; j++)
        ok = pair_range(&y, op, tgl__tensor_range(l, a, j), tgl__tensor_range(l, b, j)) &&
             unite(&range, y);
    *out = (tgl_quant){.type = {0}};
    return ok && tgl__interval_type(&out->type, &range) ? TGL_OK : too_wide(l, name);
}

/* The shape both are broadcast to. */
static tgl_status common_shape(tgl__layers *l, tgl__tensor *out, const char *name,
                               const tgl__tensor *a, const tgl__tensor *b)
{
    const tgl__tensor *more = a->rank >= b->rank ? a : b, *less = more == a ? b : a;
    uint32_t shape[TGL__TENSOR_RANK], missing = more->rank - less->rank;
    memcpy(shape, more->shape, sizeof shape);
    for (uint32_t i = 0; i < less->rank; i++)
        if (shape[missing + i] == 1)
            shape[missing + i] = less->shape[i];
    if (tgl__tensor_shaped(out, more->rank, shape))
        return TGL_OK;
    return tgl__fail(l->err, TGL_ELIMIT, "%s: %s: too many results", l->path, name);
}

tgl_status tgl__layer_pair(tgl__layers *l, tgl__tensor *out, const char *name,
                           tgl_graph_op op, const tgl__tensor *a, const tgl__tensor *b,
                           const tgl_quant *to)
{
    tgl__tensor y, x, z;
    tgl_quant exact;
    const tgl__tensor *in[2] = {&x, &z};
    const char *part = tgl__layers_name(l, name, "broadcast");
    if (!part)
        return tgl__fail_nomem(l->err);
    TGL_TRY(common_shape(l, &y, name, a, b));
    TGL_TRY(tgl__layer_broadcast(l, &x, part, a, y.rank, y.shape));
    TGL_TRY(tgl__layer_broadcast(l, &z, part, b, y.rank, y.shape));
    if (!to)
        TGL_TRY(pair_type(l, name, op, &x, &z, &exact));
    tgl_node node = {.op = op, .out = to ? to : &exact, .n_out = 1};
    TGL_TRY(tgl__layer_add(l, &y, name, in, 2, node));
    *out = y;
    return TGL_OK;
}

/* ---- scale and bias ---- */

static const int64_t *spread(tgl__layers *l, const int64_t *codes, uint32_t n,
                             uint32_t n_element)
{
    int64_t *all = tgl__layers_array(l, n_element, sizeof *all);
    for (uint32_t j = 0; all && j < n_element; j++)
        all[j] = codes[j % n];
    return all;
}

static tgl_status scaled_type(tgl__layers *l, const char *name, const tgl__tensor *x,
                              const tgl_node *node, tgl_quant *out)
{
    tgl_interval range = nothing;
    bool ok = true;
    for (uint32_t j = 0; j < x->n && ok; j++) {
        tgl_interval in = tgl__tensor_range(l, x, j), y,
                     w = {node->weights[j], node->weights[j], node->weight_type.frac};
        ok = tgl__interval_mul(&y, &in, &w);
        if (ok && node->bias) {
            tgl_interval b = {node->bias[j], node->bias[j], node->bias_type.frac};
            ok = tgl__interval_add(&y, &y, &b);
        }
        ok = ok && unite(&range, y);
    }
    *out = (tgl_quant){.type = {0}};
    return ok && tgl__interval_type(&out->type, &range) ? TGL_OK : too_wide(l, name);
}

tgl_status tgl__layer_scale_bias(tgl__layers *l, tgl__tensor *out, const char *name,
                                 const tgl__tensor *x, const int64_t *weights,
                                 tgl_type weight_type, const int64_t *bias,
                                 tgl_type bias_type, uint32_t n, const tgl_quant *to)
{
    tgl_quant exact;
    if (n < 1 || x->n % n != 0 || (n != x->n && n != 1 && n != x->shape[x->rank - 1]))
        return tgl__fail(l->err, TGL_EFORMAT,
                         "%s: %s: expected a scale for each of %u channels, found %u",
                         l->path, name, x->rank ? x->shape[x->rank - 1] : 1, n);
    tgl_node node = {.op = TGL_GRAPH_SCALE_BIAS,
                     .weights = spread(l, weights, n, x->n),
                     .weight_type = weight_type,
                     .bias = bias ? spread(l, bias, n, x->n) : NULL,
                     .bias_type = bias_type,
                     .out = to ? to : &exact,
                     .n_out = 1};
    if (!node.weights || (bias && !node.bias))
        return TGL_ENOMEM;
    if (!to)
        TGL_TRY(scaled_type(l, name, x, &node, &exact));
    return tgl__layer_each(l, out, name, x, node);
}
