/* What importers of layered formats share: a graph under way whose values are tensors
 * with shapes (without the batch; channels last), and the layers that move or multiply
 * them, written as rearrangements and matrices. Nothing here rounds unless told so.
 *
 * Every function checks what a file can get wrong (shapes, sizes) and answers
 * TGL_EFORMAT or TGL_ELIMIT with the layer's name; arrays live in the arena. */
#ifndef TGL_MODEL_LAYERS_H
#define TGL_MODEL_LAYERS_H

#include <stdbool.h>
#include <trigline/graph.h>

#include "base/memory.h"
#include "fixed/wide.h"

enum { TGL__TENSOR_RANK = 8, TGL__WINDOW_RANK = 3 };

/* A node's result, seen with a shape: row-major, n elements in all. */
typedef struct tgl__tensor {
    uint32_t node, n, rank;
    uint32_t shape[TGL__TENSOR_RANK];
} tgl__tensor;

typedef struct tgl__layers {
    tgl_graph *graph;
    tgl_arena arena;
    const char *path; /* of the model, for messages */
    tgl_error *err;
} tgl__layers;

/* `name` is made fit for a graph. Release in any case. */
tgl_status tgl__layers_begin(tgl__layers *l, const char *name, const char *path,
                             tgl_error *err);
/* Verify, and hand the graph over. */
tgl_status tgl__layers_end(tgl_graph **out, tgl__layers *l);
void tgl__layers_release(tgl__layers *l);

/* A node's name made of a foreign one and a part ("conv_1.windows"; NULL: none):
 * printable, short and not yet used. NULL when memory is out. */
const char *tgl__layers_name(tgl__layers *l, const char *base, const char *part);
/* n zeroed elements in the arena; NULL when memory is out (n may be 0). */
void *tgl__layers_array(tgl__layers *l, size_t n, size_t size);
/* A shape's tensor without a node; false beyond 2^20 elements, rank 8, or with a 0. */
bool tgl__tensor_shaped(tgl__tensor *out, uint32_t rank, const uint32_t *shape);
/* Element j's type. */
tgl_type tgl__tensor_type(const tgl__layers *l, const tgl__tensor *x, uint32_t j);
/* What element j can be. */
tgl_interval tgl__tensor_range(const tgl__layers *l, const tgl__tensor *x, uint32_t j);

/* ---- nodes ---- */

/* Add a node whose result has the shape of `out` (its node is set): `node` has op,
 * members and types; name, inputs, n_element, shape are filled in here. */
tgl_status tgl__layer_add(tgl__layers *l, tgl__tensor *out, const char *name,
                          const tgl__tensor *const *in, uint32_t n_in, tgl_node node);
/* One element of the result per element of x. */
tgl_status tgl__layer_each(tgl__layers *l, tgl__tensor *out, const char *name,
                           const tgl__tensor *x, tgl_node node);
/* types: (n) or (1). labels may be NULL. */
tgl_status tgl__layer_input(tgl__layers *l, tgl__tensor *out, const char *name,
                            uint32_t rank, const uint32_t *shape, const tgl_type *types,
                            uint32_t n_type, const char *const *labels);
/* Convert: types (n) or (1). Nothing is added where nothing can change. */
tgl_status tgl__layer_quantise(tgl__layers *l, tgl__tensor *out, const char *name,
                               const tgl__tensor *x, const tgl_quant *types,
                               uint32_t n_type);
/* Constants with one type. */
tgl_status tgl__layer_constant(tgl__layers *l, tgl__tensor *out, const char *name,
                               uint32_t rank, const uint32_t *shape, const int64_t *codes,
                               tgl_type type);
tgl_status tgl__layer_output(tgl__layers *l, const char *name, const tgl__tensor *x);

/* ---- moves: values keep their types ---- */

/* Elements `indices` of all inputs one after the other, in the shape of `out`;
 * TGL_GRAPH_ZERO for zero. Adds nothing where everything stays in its place. */
tgl_status tgl__layer_rearrange(tgl__layers *l, tgl__tensor *out, const char *name,
                                const tgl__tensor *const *in, uint32_t n_in,
                                const uint32_t *indices);
/* The same elements in another shape. */
tgl_status tgl__layer_reshape(tgl__layers *l, tgl__tensor *out, const char *name,
                              const tgl__tensor *x, uint32_t rank, const uint32_t *shape);
/* out[i_perm[0], ...] = x[i]: axis a of the result is axis perm[a] of x. */
tgl_status tgl__layer_transpose(tgl__layers *l, tgl__tensor *out, const char *name,
                                const tgl__tensor *x, const uint32_t *perm);
/* Along one axis: from `begin`, `count` of them, each `step` further (may be negative).
 */
tgl_status tgl__layer_slice(tgl__layers *l, tgl__tensor *out, const char *name,
                            const tgl__tensor *x, uint32_t axis, int64_t begin,
                            uint32_t count, int64_t step);
tgl_status tgl__layer_concat(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *const *in, uint32_t n_in, uint32_t axis);
/* Zeros (before, after) each axis: (rank) each. */
tgl_status tgl__layer_pad(tgl__layers *l, tgl__tensor *out, const char *name,
                          const tgl__tensor *x, const uint32_t *before,
                          const uint32_t *after);
/* Nearest: each element `factor` times along each axis, (rank). */
tgl_status tgl__layer_repeat(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *x, const uint32_t *factor);
/* As NumPy does: axes of size 1 are repeated, missing ones put in front. */
tgl_status tgl__layer_broadcast(tgl__layers *l, tgl__tensor *out, const char *name,
                                const tgl__tensor *x, uint32_t rank,
                                const uint32_t *shape);

/* A window slides over the first n_axis axes of (space..., channel). */
typedef struct tgl__window {
    uint32_t n_axis; /* 1 to 3 */
    uint32_t size[TGL__WINDOW_RANK], stride[TGL__WINDOW_RANK], dilation[TGL__WINDOW_RANK],
        before[TGL__WINDOW_RANK],
        after[TGL__WINDOW_RANK]; /* stride and dilation 1 or more; padding */
} tgl__window;
/* Index of each element of (position..., window..., channel) among x's, row-major;
 * TGL_GRAPH_ZERO for padding. NULL: see l->err. */
uint32_t *tgl__window_indices(tgl__layers *l, tgl__tensor *out, const char *name,
                              const tgl__tensor *x, const tgl__window *w);
/* before, after of "same" padding (TensorFlow's: the odd one goes after); size, stride,
 * dilation are read. */
void tgl__window_same(tgl__window *w, const tgl__tensor *x);
/* Positions along each axis; false where the window does not fit once. */
bool tgl__window_positions(uint32_t *out, const tgl__window *w, const tgl__tensor *x);
/* (position..., window..., channel); with `groups` > 1 channels are cut into that many
 * sets: (position..., group, window..., channel / groups). */
tgl_status tgl__layer_windows(tgl__layers *l, tgl__tensor *out, const char *name,
                              const tgl__tensor *x, const tgl__window *w,
                              uint32_t groups);

/* ---- sums and products ---- */

/* A matrix over the last axis. */
typedef struct tgl__matrix {
    uint32_t n_out;         /* of each set */
    uint32_t sets;          /* 0 and 1 are the same */
    const int64_t *weights; /* (sets, n_out, fan_in) codes */
    tgl_type weight_type;
    const int64_t *bias; /* (sets, n_out) codes, or NULL */
    tgl_type bias_type;
    const uint32_t *order; /* (fan_in), or NULL */
    bool exact; /* nothing rounds or overflows: term, acc and out are worked out here */
    bool term_exact;
    tgl_quant term, acc;
    const tgl_quant *out; /* (n_out) or (1), result types; NULL: acc's */
    uint32_t n_out_type;
    bool slot_weights, slot_bias;
} tgl__matrix;
/* (..., fan_in) to (..., n_out); with sets: (..., sets, fan_in) to (..., sets, n_out). */
tgl_status tgl__layer_matrix(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *x, const tgl__matrix *m);
/* Windows, then a matrix: (space..., channel) to (position..., groups * n_out); weights
 * (groups, n_out, window..., channel / groups). `m->sets` is the number of groups. */
tgl_status tgl__layer_conv(tgl__layers *l, tgl__tensor *out, const char *name,
                           const tgl__tensor *x, const tgl__window *w,
                           const tgl__matrix *m);
/* Each channel's windows reduced: (space..., channel) to (position..., channel). `op`
 * REDUCE_MAX or REDUCE_MIN (padding does not take part), or REDUCE_SUM (padding is zero).
 * acc and to NULL: exact. */
tgl_status tgl__layer_pool(tgl__layers *l, tgl__tensor *out, const char *name,
                           const tgl__tensor *x, const tgl__window *w, tgl_graph_op op,
                           const tgl_quant *acc, const tgl_quant *to);
/* Reduce over the given axes (kept as 1 with `keep`). */
tgl_status tgl__layer_reduce(tgl__layers *l, tgl__tensor *out, const char *name,
                             const tgl__tensor *x, const uint32_t *axes, uint32_t n_axis,
                             bool keep, tgl_graph_op op, const tgl_quant *acc,
                             const tgl_quant *to);
/* ADD, SUBTRACT, MULTIPLY, MINIMUM, MAXIMUM (and AND, OR, XOR with `to`) of two tensors,
 * broadcast. `to` NULL: exact. */
tgl_status tgl__layer_pair(tgl__layers *l, tgl__tensor *out, const char *name,
                           tgl_graph_op op, const tgl__tensor *a, const tgl__tensor *b,
                           const tgl_quant *to);
/* x * weights + bias; (channel) each along the last axis, or (n). `to` (1) NULL: exact.
 */
tgl_status tgl__layer_scale_bias(tgl__layers *l, tgl__tensor *out, const char *name,
                                 const tgl__tensor *x, const int64_t *weights,
                                 tgl_type weight_type, const int64_t *bias,
                                 tgl_type bias_type, uint32_t n, const tgl_quant *to);

/* The narrowest type that holds both. False above TGL_MAX_WIDTH. */
bool tgl__type_hull(tgl_type *out, tgl_type a, tgl_type b);

#endif
