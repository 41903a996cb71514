/** @file
 * A model as typed tensors and operators. Every tensor element has an exact fixed-point
 * type. The slow evaluator here knows nothing of programs: it is the oracle for lowering.
 */
#ifndef TRIGLINE_GRAPH_H
#define TRIGLINE_GRAPH_H

#include <trigline/fixed.h>
#include <trigline/table.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_graph tgl_graph; /**< immutable once verified; threads may share it */
typedef struct tgl_convention
    tgl_convention; /**< how the inputs are made from a dataset's columns */

/**
 * Operators. Tensors are flat vectors of elements in row-major order; shapes are carried
 * for people. Each operator's exact result v is converted to its element's type: out(v).
 * x_j and z_j are elements of the first and second input; docs/graph.md has the table.
 * Layers of other tools are written with these: a convolution is a REARRANGE (windows)
 * and a DENSE with `rows`, a pool a REARRANGE and a REDUCE, a batch normalisation a
 * SCALE_BIAS, an activation by table a LOOKUP.
 */
typedef enum tgl_graph_op {
    TGL_GRAPH_INPUT = 1,    /**< the model's input, one type per element */
    TGL_GRAPH_SCALE = 2,    /**< ap_fixed scaling: t = cast1(x - offset_j); u = cast1(t >>
                               shift_j); y = out(u) */
    TGL_GRAPH_QUANTISE = 3, /**< y_j = out(x_j) */
    TGL_GRAPH_DENSE =
        4, /**< y = out(affine(x)), accumulator and term types as in tgl_affine; the same
              for each of `rows` groups of inputs, with weights of its own for each of
              `sets`: input (r, s, j), output (r, s, o), weights (s, o, j), bias (s, o) */
    TGL_GRAPH_RELU = 5,        /**< y_j = out(max(x_j, 0)) */
    TGL_GRAPH_ARGMAX = 6,      /**< index of the first maximum, ufixed */
    TGL_GRAPH_SUM_SQUARES = 7, /**< terms term(x_j^2), summed in acc as a balanced tree
                                  (left = largest power of two < n) */
    TGL_GRAPH_THRESHOLD =
        8, /**< y_k = x >= threshold_k, ufixed<1,1> each; thresholds may be a slot */
    TGL_GRAPH_SOFTMAX = 9,       /**< hls4ml's stable softmax: tables as data */
    TGL_GRAPH_OUTPUT_SCALE = 10, /**< y_j = out(x_j * scale_j) */
    TGL_GRAPH_CONCAT = 11,
    TGL_GRAPH_SLICE = 12,
    TGL_GRAPH_CONSTANT = 13,  /**< y_j = codes_j in out's type (one type, no modes) */
    TGL_GRAPH_REARRANGE = 14, /**< y_j = out(element indices_j of all inputs one after the
                                 other; 0 for TGL_GRAPH_ZERO) */
    TGL_GRAPH_ADD = 15,       /**< y_j = out(x_j + z_j) */
    TGL_GRAPH_SUBTRACT = 16,  /**< y_j = out(x_j - z_j) */
    TGL_GRAPH_MULTIPLY = 17,  /**< y_j = out(x_j * z_j) */
    TGL_GRAPH_MINIMUM = 18,   /**< y_j = out(min(x_j, z_j)) */
    TGL_GRAPH_MAXIMUM = 19,   /**< y_j = out(max(x_j, z_j)) */
    TGL_GRAPH_COMPARE = 20,   /**< y_j = x_j `relation` z_j, ufixed<1,1> */
    TGL_GRAPH_SELECT = 21,    /**< y_j = out(c_j != 0 ? x_j : z_j); inputs c, x, z */
    TGL_GRAPH_SCALE_BIAS = 22, /**< y_j = out(x_j * weights_j + bias_j) */
    TGL_GRAPH_RESCALE = 23,    /**< y_j = out(x_j * 2^-shift_j): another binary point */
    TGL_GRAPH_LOOKUP = 24,     /**< y_j = out(table[top bits of index(x_j)]) */
    TGL_GRAPH_REDUCE_SUM = 25, /**< y_k = out(sum of `group` elements): acc(x_j) summed as
                                  a balanced tree or (`kind` 1) one after the other, each
                                  sum converted to acc */
    TGL_GRAPH_REDUCE_MAX = 26, /**< y_k = out(maximum of `group` elements) */
    TGL_GRAPH_REDUCE_MIN = 27, /**< y_k = out(minimum of `group` elements) */
    TGL_GRAPH_AND = 28, /**< bitwise on the infinite two's complement, on the finer binary
                           point */
    TGL_GRAPH_OR = 29,
    TGL_GRAPH_XOR = 30
} tgl_graph_op;

/** A REARRANGE index that stands for zero: padding. */
#define TGL_GRAPH_ZERO UINT32_MAX

/** A lookup table and how it is addressed: index = top log2(count) bits of the code's
 * `type.width`, as two's complement. */
typedef struct tgl_graph_table {
    tgl_type type; /**< of the entries */
    uint32_t count;
    const int64_t *codes;
} tgl_graph_table;

/**
 * One node. Which fields matter depends on `op`; arrays are copied in, borrowed out.
 * A member of `slots` set to 1 makes that constant writable (a slot named
 * "<node>.<member>").
 */
typedef struct tgl_node {
    const char *name; /**< unique, "dense_1" */
    tgl_graph_op op;
    uint32_t n_input;
    const uint32_t *inputs; /**< node numbers, each smaller than this node's */
    uint32_t n_element;     /**< elements of the result */
    const tgl_quant *out; /**< (n_element) or (1): the result's type and the final cast */
    uint32_t n_out;       /**< 1 or n_element */
    const char *const *labels; /**< (n_element) element names for ports, or NULL */
    const uint32_t *shape;     /**< (rank) for people; product n_element; NULL: flat */
    uint32_t rank;             /**< at most 8 */
    const char *note; /**< an importer's remark: what it took this for; NULL: none */

    const int64_t *offset; /**< SCALE: (n_element) codes of offset_type */
    tgl_type offset_type;
    const int64_t *shift; /**< SCALE, RESCALE: (n_element) integers, right when positive;
                             bounds shift_lo … shift_hi for slots (SCALE) */
    int32_t shift_lo, shift_hi;
    tgl_quant cast; /**< SCALE: cast1 */

    const int64_t *weights; /**< DENSE: (n_element / rows, fan_in) codes; OUTPUT_SCALE,
                               SCALE_BIAS: (n_element) */
    tgl_type weight_type;
    const int64_t *bias; /**< DENSE: (n_element / rows), SCALE_BIAS: (n_element) codes or
                            NULL */
    tgl_type bias_type;
    uint8_t term_exact;    /**< DENSE */
    tgl_quant term, acc;   /**< DENSE, SUM_SQUARES, SOFTMAX (acc: sum of exponentials),
                              REDUCE_SUM (acc) */
    const uint32_t *order; /**< DENSE: (fan_in) or NULL */
    uint32_t rows, sets;   /**< DENSE: 0 and 1 are the same */

    const int64_t *threshold; /**< THRESHOLD: (n_element) codes */
    tgl_type threshold_type;

    tgl_quant softmax_diff;               /**< SOFTMAX: inp_norm_t of x_max - x */
    tgl_quant softmax_sum;                /**< SOFTMAX: inv_inp_t */
    tgl_graph_table exp_table, inv_table; /**< SOFTMAX */

    uint32_t begin;          /**< SLICE: first element */
    const int64_t *codes;    /**< CONSTANT: (n_element) codes of out's type */
    const uint32_t *indices; /**< REARRANGE: (n_element) */
    uint32_t relation;       /**< COMPARE: as tgl_relation: 0 ==, !=, <, <=, >, 5 >= */
    tgl_quant index;         /**< LOOKUP: what the argument is converted to */
    tgl_graph_table table;   /**< LOOKUP */
    uint32_t group; /**< REDUCE_*, SOFTMAX: elements taken together; SOFTMAX: 0 is
                       all of them */
    uint32_t kind;  /**< REDUCE_SUM: 0 balanced tree, 1 in order */
    uint8_t slot_offset, slot_shift, slot_weights, slot_bias, slot_threshold, slot_scale,
        slot_table; /**< 1: writable */
} tgl_node;

TGL_API TGL_NODISCARD tgl_status tgl_graph_new(tgl_graph **out, const char *name,
                                               tgl_error *err);
TGL_API void tgl_graph_free(tgl_graph *graph);
TGL_API TGL_NODISCARD tgl_status tgl_graph_add(tgl_graph *graph, const tgl_node *node,
                                               uint32_t *number, tgl_error *err);
/** Name a node's result as an output of the model. */
TGL_API TGL_NODISCARD tgl_status tgl_graph_add_output(tgl_graph *graph, const char *name,
                                                      uint32_t node, tgl_error *err);
/** The input convention (copied by reference count); its rules must match the INPUT
 * node's elements. */
TGL_API TGL_NODISCARD tgl_status tgl_graph_set_convention(
    tgl_graph *graph, const tgl_convention *convention, tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_graph_verify(tgl_graph *graph, tgl_error *err);

TGL_API const char *tgl_graph_name(const tgl_graph *graph);
TGL_API uint32_t tgl_graph_n_node(const tgl_graph *graph);
TGL_API const tgl_node *tgl_graph_node(const tgl_graph *graph,
                                       uint32_t number); /**< borrowed */
TGL_API uint32_t tgl_graph_n_output(const tgl_graph *graph);
TGL_API const char *tgl_graph_output(const tgl_graph *graph, uint32_t index,
                                     uint32_t *node);
TGL_API const tgl_convention *
tgl_graph_convention(const tgl_graph *graph); /**< may be NULL */
TGL_API const char *tgl_graph_op_name(tgl_graph_op op);

/** Canonical JSON (sorted keys, integers only): same graph, same bytes. Release with
 * tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_graph_print(char **out, size_t *size,
                                                 const tgl_graph *graph, tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_graph_parse(tgl_graph **out, const char *text,
                                                 size_t size, const char *source,
                                                 tgl_error *err);

/**
 * The oracle: every node's result for one event.
 * @param in     codes of the INPUT node's elements
 * @param values all nodes' elements one after the other, sum of n_element codes
 */
TGL_API TGL_NODISCARD tgl_status tgl_graph_eval(int64_t *values, const tgl_graph *graph,
                                                const int64_t *in, tgl_error *err);

/* ---- input conventions: part of a model, named and versioned ---- */

enum { TGL_MAX_WHERE = 2 };

/** Keep only a row's elements whose integer `column` (parallel to the rule's) equals
 * `value`: bx == 0, etSumType == 2. */
typedef struct tgl_input_where {
    const char *column;
    int64_t value;
} tgl_input_where;

/**
 * One input from one column. Integers: code = (value + add) >> drop_bits (arithmetic), of
 * element `index` among the row's elements that pass every `where` (0 when there are
 * fewer; absent is zero before any offset). Floats: quantised from (value - center) *
 * scale in double. What is for the other kind must be neutral (add and drop_bits 0;
 * center 0, scale 0 or 1), and a float's scale is not 0: else TGL_EUNSUPPORTED. Codes
 * outside `quant.type` saturate and are counted. A `where` column that the dataset lacks
 * is an error unless bit w of `optional_where` is set for where[w].
 */
typedef struct tgl_input_rule {
    const char *name;   /**< the input's name, "jet0_pt" */
    const char *column; /**< NULL: constant zero */
    uint32_t index;
    uint32_t n_where;
    tgl_input_where where[TGL_MAX_WHERE];
    uint8_t optional_where;
    int32_t add;
    uint8_t drop_bits;
    double center, scale;
    tgl_quant quant;
} tgl_input_rule;

/** `name` with version, "axol1tl/halved@2". Rules are copied. */
TGL_API TGL_NODISCARD tgl_status tgl_convention_new(tgl_convention **out,
                                                    const char *name,
                                                    const tgl_input_rule *rules,
                                                    uint32_t n_rule, tgl_error *err);
TGL_API void tgl_convention_free(tgl_convention *convention);
TGL_API const char *tgl_convention_name(const tgl_convention *convention);
TGL_API uint32_t tgl_convention_n_rule(const tgl_convention *convention);
TGL_API const tgl_input_rule *tgl_convention_rule(const tgl_convention *convention,
                                                  uint32_t index);
/** The distinct column names the rules read: NULL-terminated array, borrowed. */
TGL_API const char *const *tgl_convention_columns(const tgl_convention *convention);
/** Whether a dataset may lack a column: it stands in optional `where` filters only. */
TGL_API int tgl_convention_may_lack(const tgl_convention *convention, const char *column);
/**
 * Rows [begin, end) of a table as input codes.
 * @param codes (end - begin, n_rule) row-major, caller-allocated
 * @param n_saturated how many codes were clamped, may be NULL
 */
TGL_API TGL_NODISCARD tgl_status tgl_convention_extract(
    int64_t *codes, uint64_t *n_saturated, const tgl_convention *convention,
    const tgl_table *table, uint64_t begin, uint64_t end, tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
