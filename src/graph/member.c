#include "graph/member.h"

#include "graph/op.h"

#define FIELD(name) offsetof(tgl_node, name)

/* Members that can be slots in alphabetical order: so they stand in a node's `slots`. */
const tgl__member tgl__members[] = {
    {"bias", TGL__CODES, TGL__PER_ROW_ELEMENT, TGL__HAS_WEIGHTS | TGL__HAS_FACTORS,
     FIELD(bias), 0, FIELD(slot_bias), true, 0},
    {"bias_type", TGL__TYPE, 0, TGL__HAS_WEIGHTS | TGL__HAS_FACTORS, FIELD(bias_type),
     FIELD(bias), 0, false, 0},
    {"offset", TGL__CODES, TGL__PER_ELEMENT, TGL__HAS_SCALING, FIELD(offset), 0,
     FIELD(slot_offset), false, 0},
    {"offset_type", TGL__TYPE, 0, TGL__HAS_SCALING, FIELD(offset_type), 0, 0, false, 0},
    {"scale", TGL__CODES, TGL__PER_ELEMENT, TGL__HAS_SCALE, FIELD(weights), 0,
     FIELD(slot_scale), false, 0},
    {"scale_type", TGL__TYPE, 0, TGL__HAS_SCALE, FIELD(weight_type), 0, 0, false, 0},
    {"shift", TGL__CODES, TGL__PER_ELEMENT, TGL__HAS_SCALING, FIELD(shift), 0,
     FIELD(slot_shift), false, 0},
    {"shift_bounds", TGL__BOUNDS, 0, TGL__HAS_SCALING, FIELD(shift_lo), FIELD(slot_shift),
     0, false, 0},
    {"table", TGL__LOOKUP_TABLE, 0, TGL__HAS_LOOKUP, FIELD(table), 0, FIELD(slot_table),
     false, 0},
    {"threshold", TGL__CODES, TGL__PER_ELEMENT, TGL__HAS_THRESHOLD, FIELD(threshold), 0,
     FIELD(slot_threshold), false, 0},
    {"threshold_type", TGL__TYPE, 0, TGL__HAS_THRESHOLD, FIELD(threshold_type), 0, 0,
     false, 0},
    {"weights", TGL__MATRIX, TGL__PER_WEIGHT, TGL__HAS_WEIGHTS, FIELD(weights), 0,
     FIELD(slot_weights), false, 0},
    {"weights", TGL__CODES, TGL__PER_ELEMENT, TGL__HAS_FACTORS, FIELD(weights), 0,
     FIELD(slot_weights), false, 0},
    {"weight_type", TGL__TYPE, 0, TGL__HAS_WEIGHTS | TGL__HAS_FACTORS, FIELD(weight_type),
     0, 0, false, 0},

    {"acc", TGL__QUANT, 0, TGL__HAS_ACC, FIELD(acc), 0, 0, false, 0},
    {"begin", TGL__NUMBER, 0, TGL__HAS_BEGIN, FIELD(begin), 0, 0, false, 0},
    {"cast", TGL__QUANT, 0, TGL__HAS_SCALING, FIELD(cast), 0, 0, false, 0},
    {"codes", TGL__CODES, TGL__PER_ELEMENT, TGL__HAS_CODES, FIELD(codes), 0, 0, false, 0},
    {"exp_table", TGL__LOOKUP_TABLE, 0, TGL__HAS_SOFTMAX, FIELD(exp_table), 0, 0, false,
     0},
    {"group", TGL__NUMBER, 0, TGL__HAS_GROUP, FIELD(group), 0, 0, false, 0},
    {"group", TGL__NUMBER, 0, TGL__HAS_SOFTMAX, FIELD(group), 0, 0, true, 0},
    {"index", TGL__QUANT, 0, TGL__HAS_LOOKUP, FIELD(index), 0, 0, false, 0},
    {"indices", TGL__INDICES, TGL__PER_ELEMENT, TGL__HAS_INDICES, FIELD(indices), 0, 0,
     false, 0},
    {"inv_table", TGL__LOOKUP_TABLE, 0, TGL__HAS_SOFTMAX, FIELD(inv_table), 0, 0, false,
     0},
    {"kind", TGL__NUMBER, 0, TGL__HAS_KIND, FIELD(kind), 0, 0, true, 0},
    {"order", TGL__INDICES, TGL__PER_FAN_IN, TGL__HAS_WEIGHTS, FIELD(order), 0, 0, true,
     0},
    {"relation", TGL__NUMBER, 0, TGL__HAS_RELATION, FIELD(relation), 0, 0, false, 0},
    {"rows", TGL__NUMBER, 0, TGL__HAS_WEIGHTS, FIELD(rows), 0, 0, true, 1},
    {"sets", TGL__NUMBER, 0, TGL__HAS_WEIGHTS, FIELD(sets), 0, 0, true, 1},
    {"shift", TGL__CODES, TGL__PER_ELEMENT, TGL__HAS_SHIFTS, FIELD(shift), 0, 0, false,
     0},
    {"softmax_diff", TGL__QUANT, 0, TGL__HAS_SOFTMAX, FIELD(softmax_diff), 0, 0, false,
     0},
    {"softmax_sum", TGL__QUANT, 0, TGL__HAS_SOFTMAX, FIELD(softmax_sum), 0, 0, false, 0},
    {"term", TGL__QUANT, 0, TGL__HAS_TERM, FIELD(term), 0, 0, false, 0},
    {"term_exact", TGL__FLAG, 0, TGL__HAS_WEIGHTS, FIELD(term_exact), 0, 0, false, 0},
};
const size_t tgl__n_member = sizeof tgl__members / sizeof tgl__members[0];

bool tgl__has_member(const tgl_node *node, const tgl__member *member)
{
    return (tgl__graph_op_info_of(node->op)->members & member->groups) != 0;
}

static bool is_set(const tgl_node *node, size_t field)
{
    if (field == FIELD(bias))
        return node->bias != NULL;
    return *(const uint8_t *)tgl__const_field(node, field) != 0;
}

bool tgl__member_applies(const tgl_node *node, const tgl__member *member)
{
    return tgl__has_member(node, member) &&
           (member->only_with == 0 || is_set(node, member->only_with));
}

bool tgl__member_size(size_t *out, const tgl_graph *graph, const tgl_node *node,
                      const tgl__member *member)
{
    tgl__dense_shape shape = {1, 1, 0, node->n_element};
    *out = node->n_element;
    if (member->count == TGL__PER_ELEMENT)
        return true;
    if (tgl__graph_op_info_of(node->op)->members & TGL__HAS_WEIGHTS &&
        !tgl__dense_shape_of(&shape, graph, node))
        return false;
    *out = member->count == TGL__PER_FAN_IN ? shape.fan_in
                                            : (size_t)shape.sets * shape.fan_out;
    if (member->count == TGL__PER_WEIGHT)
        *out *= shape.fan_in; /* both at most 2^20 */
    return true;
}
