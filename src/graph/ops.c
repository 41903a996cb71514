#include "graph/member.h"
#include "graph/op.h"

#define PAIR_OF_INPUTS 0, 2, 2, tgl__verify_pair, tgl__eval_pair, NULL
#define REDUCTION(members)                                                               \
    TGL__HAS_GROUP | (members), 1, 1, tgl__verify_reduce, tgl__eval_reduce, NULL

static const tgl__graph_op_info ops[] = {
    [TGL_GRAPH_INPUT] = {"input", 0, 0, 0, tgl__verify_any, NULL, NULL},
    [TGL_GRAPH_SCALE] = {"scale", TGL__HAS_SCALING, 1, 1, tgl__verify_scale,
                         tgl__eval_scale, NULL},
    [TGL_GRAPH_QUANTISE] = {"quantise", 0, 1, 1, tgl__verify_like_input, tgl__eval_copy,
                            NULL},
    [TGL_GRAPH_DENSE] = {"dense", TGL__HAS_WEIGHTS | TGL__HAS_TERM | TGL__HAS_ACC, 1, 1,
                         tgl__verify_dense, tgl__eval_dense, NULL},
    [TGL_GRAPH_RELU] = {"relu", 0, 1, 1, tgl__verify_like_input, tgl__eval_relu, NULL},
    [TGL_GRAPH_ARGMAX] = {"argmax", 0, 1, 1, tgl__verify_argmax, tgl__eval_argmax, NULL},
    [TGL_GRAPH_SUM_SQUARES] = {"sum_squares", TGL__HAS_TERM | TGL__HAS_ACC, 1, 1,
                               tgl__verify_sum_squares, tgl__eval_sum_squares, NULL},
    [TGL_GRAPH_THRESHOLD] = {"threshold", TGL__HAS_THRESHOLD, 1, 1, tgl__verify_threshold,
                             tgl__eval_threshold, NULL},
    [TGL_GRAPH_SOFTMAX] = {"softmax", TGL__HAS_SOFTMAX | TGL__HAS_ACC, 1, 1,
                           tgl__verify_softmax, tgl__eval_softmax, tgl__prepare_softmax},
    [TGL_GRAPH_OUTPUT_SCALE] = {"output_scale", TGL__HAS_SCALE, 1, 1,
                                tgl__verify_output_scale, tgl__eval_output_scale, NULL},
    [TGL_GRAPH_CONCAT] = {"concat", 0, 1, 1024, tgl__verify_concat, tgl__eval_concat,
                          NULL},
    [TGL_GRAPH_SLICE] = {"slice", TGL__HAS_BEGIN, 1, 1, tgl__verify_slice,
                         tgl__eval_slice, NULL},
    [TGL_GRAPH_CONSTANT] = {"constant", TGL__HAS_CODES, 0, 0, tgl__verify_constant,
                            tgl__eval_constant, NULL},
    [TGL_GRAPH_REARRANGE] = {"rearrange", TGL__HAS_INDICES, 1, 1024,
                             tgl__verify_rearrange, tgl__eval_rearrange, NULL},
    [TGL_GRAPH_ADD] = {"add", PAIR_OF_INPUTS},
    [TGL_GRAPH_SUBTRACT] = {"subtract", PAIR_OF_INPUTS},
    [TGL_GRAPH_MULTIPLY] = {"multiply", PAIR_OF_INPUTS},
    [TGL_GRAPH_MINIMUM] = {"minimum", PAIR_OF_INPUTS},
    [TGL_GRAPH_MAXIMUM] = {"maximum", PAIR_OF_INPUTS},
    [TGL_GRAPH_COMPARE] = {"compare", TGL__HAS_RELATION, 2, 2, tgl__verify_compare,
                           tgl__eval_compare, NULL},
    [TGL_GRAPH_SELECT] = {"select", 0, 3, 3, tgl__verify_select, tgl__eval_select, NULL},
    [TGL_GRAPH_SCALE_BIAS] = {"scale_bias", TGL__HAS_FACTORS, 1, 1,
                              tgl__verify_scale_bias, tgl__eval_scale_bias, NULL},
    [TGL_GRAPH_RESCALE] = {"rescale", TGL__HAS_SHIFTS, 1, 1, tgl__verify_rescale,
                           tgl__eval_rescale, NULL},
    [TGL_GRAPH_LOOKUP] = {"lookup", TGL__HAS_LOOKUP, 1, 1, tgl__verify_lookup,
                          tgl__eval_lookup, NULL},
    [TGL_GRAPH_REDUCE_SUM] = {"reduce_sum", REDUCTION(TGL__HAS_ACC | TGL__HAS_KIND)},
    [TGL_GRAPH_REDUCE_MAX] = {"reduce_max", REDUCTION(0)},
    [TGL_GRAPH_REDUCE_MIN] = {"reduce_min", REDUCTION(0)},
    [TGL_GRAPH_AND] = {"and", PAIR_OF_INPUTS},
    [TGL_GRAPH_OR] = {"or", PAIR_OF_INPUTS},
    [TGL_GRAPH_XOR] = {"xor", PAIR_OF_INPUTS},
};

const tgl__graph_op_info *tgl__graph_op_info_of(tgl_graph_op op)
{
    if ((unsigned)op >= sizeof ops / sizeof ops[0] || !ops[op].name)
        return NULL;
    return &ops[op];
}

const char *tgl_graph_op_name(tgl_graph_op op)
{
    const tgl__graph_op_info *info = tgl__graph_op_info_of(op);
    return info ? info->name : NULL;
}
