#include "lower/lower.h"

#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"

static const tgl_quant *out_of(const tgl_node *node, uint32_t j)
{
    return &node->out[node->n_out == 1 ? 0 : j];
}

static tgl_status lower_input(tgl__lowering *l, uint32_t *result)
{
    char name[256];
    for (uint32_t j = 0; j < l->node->n_element; j++) {
        tgl_type type = out_of(l->node, j)->type;
        tgl__node_element_name(name, sizeof name, l->node, "", j);
        TGL_TRY(tgl_program_add_input(l->program, name, type, &result[j], l->err));
        tgl_interval range = tgl__interval_of_type(type);
        TGL_TRY(tgl__note_range(l, result[j], &range));
    }
    return TGL_OK;
}

/* ---- scale ---- */

typedef struct scale_slots {
    uint32_t offset, shift;
} scale_slots;

static tgl_status make_scale_slots(tgl__lowering *l, scale_slots *slots)
{
    const tgl_node *node = l->node;
    tgl_type type = node->offset_type;
    if (node->slot_offset)
        TGL_TRY(tgl__make_slot(l, &slots->offset, "offset", TGL_SLOT_INPUT_OFFSET, type,
                               tgl_type_min(type), tgl_type_max(type), node->n_element,
                               node->offset));
    if (!node->slot_shift)
        return TGL_OK;
    tgl_interval bounds = {node->shift_lo, node->shift_hi, 0};
    (void)tgl__interval_type(&type, &bounds); /* 8 bits at most */
    return tgl__make_slot(l, &slots->shift, "shift", TGL_SLOT_INPUT_SHIFT, type,
                          node->shift_lo, node->shift_hi, node->n_element, node->shift);
}

static tgl_status scale_element(tgl__lowering *l, uint32_t *out, uint32_t j,
                                const scale_slots *slots)
{
    const tgl_node *node = l->node;
    uint32_t x = tgl__input(l, 0, j), by;
    if (node->slot_offset || node->offset[j] != 0) {
        if (node->slot_offset)
            TGL_TRY(tgl__emit_param(l, &by, slots->offset, j, "offset"));
        else
            TGL_TRY(
                tgl__emit_const(l, &by, node->offset[j], node->offset_type, "offset"));
        TGL_TRY(tgl__emit_two(l, &x, TGL_OP_SUB, x, by, "difference"));
    }
    TGL_TRY(tgl__emit_cast(l, &x, x, &node->cast, "difference cast"));
    if (node->slot_shift) {
        TGL_TRY(tgl__emit_param(l, &by, slots->shift, j, "shift"));
        TGL_TRY(tgl__emit_shift_value(l, &x, x, by, node->shift_lo, node->shift_hi,
                                      "shifted"));
    } else {
        TGL_TRY(tgl__emit_shift(l, &x, x, -(int)node->shift[j], "shifted"));
    }
    TGL_TRY(tgl__emit_cast(l, &x, x, &node->cast, "shifted cast"));
    return tgl__emit_cast(l, out, x, out_of(node, j), "cast");
}

static tgl_status lower_scale(tgl__lowering *l, uint32_t *result)
{
    scale_slots slots = {TGL_NONE, TGL_NONE};
    TGL_TRY(make_scale_slots(l, &slots));
    for (uint32_t j = 0; j < l->node->n_element; j++) {
        l->element = (int32_t)j;
        TGL_TRY(scale_element(l, &result[j], j, &slots));
    }
    return TGL_OK;
}

/* ---- one element to one element ---- */

/* A conversion that saturates at zero is a rectifier: whatever is negative rounds to zero
 * or below. */
static bool saturates_at_zero(const tgl_quant *quant)
{
    return !quant->type.is_signed &&
           (quant->overflow == TGL_SAT || quant->overflow == TGL_SAT_SYM);
}

static tgl_status relu_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    uint32_t x = tgl__input(l, 0, j), zero;
    if (l->range[x].lo < 0 && !saturates_at_zero(out_of(l->node, j))) {
        tgl_type type = {0, 1, (int16_t)l->range[x].frac};
        TGL_TRY(tgl__emit_const(l, &zero, 0, type, "zero"));
        TGL_TRY(tgl__emit_two(l, &x, TGL_OP_MAX, x, zero, "relu"));
    }
    return tgl__emit_cast(l, out, x, out_of(l->node, j), "cast");
}

static tgl_status quantise_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    return tgl__emit_cast(l, out, tgl__input(l, 0, j), out_of(l->node, j), "cast");
}

static tgl_status slice_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    return tgl__emit_cast(l, out, tgl__input(l, 0, l->node->begin + j),
                          out_of(l->node, j), "cast");
}

static tgl_status rescale_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    uint32_t x;
    TGL_TRY(
        tgl__emit_shift(l, &x, tgl__input(l, 0, j), -(int)l->node->shift[j], "rescaled"));
    return tgl__emit_cast(l, out, x, out_of(l->node, j), "cast");
}

static tgl_status constant_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    return tgl__emit_const(l, out, l->node->codes[j], out_of(l->node, j)->type,
                           "constant");
}

/* Element `place` of all inputs one after the other. */
static tgl_status take_place(tgl__lowering *l, uint32_t *out, uint32_t j, uint32_t place)
{
    uint32_t which, element;
    tgl__node_source(&which, &element, l->graph, l->node, place);
    return tgl__emit_cast(l, out, tgl__input(l, which, element), out_of(l->node, j),
                          "cast");
}

static tgl_status concat_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    return take_place(l, out, j, j);
}

static tgl_status rearrange_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    if (l->node->indices[j] != TGL_GRAPH_ZERO)
        return take_place(l, out, j, l->node->indices[j]);
    tgl_type type = out_of(l->node, j)->type;
    return tgl__emit_const(l, out, 0, type, "padding");
}

typedef tgl_status lower_element(tgl__lowering *l, uint32_t *out, uint32_t j);

static tgl_status lower_each(tgl__lowering *l, uint32_t *result, lower_element *element)
{
    for (uint32_t j = 0; j < l->node->n_element; j++) {
        l->element = (int32_t)j;
        TGL_TRY(element(l, &result[j], j));
    }
    return TGL_OK;
}

static tgl_status lower_threshold(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    tgl_type type = node->threshold_type;
    uint32_t slot = TGL_NONE, by, hit;
    if (node->slot_threshold)
        TGL_TRY(tgl__make_slot(l, &slot, "threshold", TGL_SLOT_THRESHOLD, type,
                               tgl_type_min(type), tgl_type_max(type), node->n_element,
                               node->threshold));
    for (uint32_t k = 0; k < node->n_element; k++) {
        l->element = (int32_t)k;
        if (node->slot_threshold)
            TGL_TRY(tgl__emit_param(l, &by, slot, k, "threshold"));
        else
            TGL_TRY(tgl__emit_const(l, &by, node->threshold[k], type, "threshold"));
        TGL_TRY(tgl__emit_compare(l, &hit, TGL_GE, tgl__input(l, 0, 0), by, "decision"));
        TGL_TRY(tgl__emit_cast(l, &result[k], hit, out_of(node, k), "cast"));
    }
    return TGL_OK;
}

/* ---- factors ---- */

typedef struct factor_slots {
    uint32_t weights, bias; /* TGL_NONE: constants */
} factor_slots;

static tgl_status make_factor_slots(tgl__lowering *l, factor_slots *slots)
{
    const tgl_node *node = l->node;
    tgl_type w = node->weight_type, b = node->bias_type;
    bool scale = node->op == TGL_GRAPH_OUTPUT_SCALE;
    if (scale ? node->slot_scale : node->slot_weights)
        TGL_TRY(tgl__make_slot(l, &slots->weights, scale ? "scale" : "weights",
                               scale ? TGL_SLOT_OUTPUT_SCALE : TGL_SLOT_WEIGHTS, w,
                               tgl_type_min(w), tgl_type_max(w), node->n_element,
                               node->weights));
    if (!node->slot_bias)
        return TGL_OK;
    return tgl__make_slot(l, &slots->bias, "bias", TGL_SLOT_BIAS, b, tgl_type_min(b),
                          tgl_type_max(b), node->n_element, node->bias);
}

static tgl_status factor(tgl__lowering *l, uint32_t *out, uint32_t slot, uint32_t j,
                         int64_t code, tgl_type type, const char *role)
{
    return slot == TGL_NONE ? tgl__emit_const(l, out, code, type, role)
                            : tgl__emit_param(l, out, slot, j, role);
}

/* OUTPUT_SCALE and SCALE_BIAS. */
static tgl_status lower_factors(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    const char *role = node->op == TGL_GRAPH_OUTPUT_SCALE ? "scale" : "weight";
    factor_slots slots = {TGL_NONE, TGL_NONE};
    TGL_TRY(make_factor_slots(l, &slots));
    for (uint32_t j = 0; j < node->n_element; j++) {
        uint32_t by, value;
        l->element = (int32_t)j;
        TGL_TRY(
            factor(l, &by, slots.weights, j, node->weights[j], node->weight_type, role));
        TGL_TRY(tgl__emit_two(l, &value, TGL_OP_MUL, tgl__input(l, 0, j), by, "product"));
        if (node->bias) {
            TGL_TRY(
                factor(l, &by, slots.bias, j, node->bias[j], node->bias_type, "bias"));
            TGL_TRY(tgl__emit_two(l, &value, TGL_OP_ADD, value, by, "sum"));
        }
        TGL_TRY(tgl__emit_cast(l, &result[j], value, out_of(node, j), "cast"));
    }
    return TGL_OK;
}

/* ---- all operators: a whole node, or the same for each element ---- */

typedef struct lowering_of {
    tgl_status (*node)(tgl__lowering *l, uint32_t *result);
    lower_element *element;
} lowering_of;

static const lowering_of lowerings[] = {
    [TGL_GRAPH_INPUT] = {lower_input, NULL},
    [TGL_GRAPH_SCALE] = {lower_scale, NULL},
    [TGL_GRAPH_QUANTISE] = {NULL, quantise_element},
    [TGL_GRAPH_DENSE] = {tgl__lower_dense, NULL},
    [TGL_GRAPH_RELU] = {NULL, relu_element},
    [TGL_GRAPH_ARGMAX] = {tgl__lower_argmax, NULL},
    [TGL_GRAPH_SUM_SQUARES] = {tgl__lower_sum_squares, NULL},
    [TGL_GRAPH_THRESHOLD] = {lower_threshold, NULL},
    [TGL_GRAPH_SOFTMAX] = {tgl__lower_softmax, NULL},
    [TGL_GRAPH_OUTPUT_SCALE] = {lower_factors, NULL},
    [TGL_GRAPH_CONCAT] = {NULL, concat_element},
    [TGL_GRAPH_SLICE] = {NULL, slice_element},
    [TGL_GRAPH_CONSTANT] = {NULL, constant_element},
    [TGL_GRAPH_REARRANGE] = {NULL, rearrange_element},
    [TGL_GRAPH_ADD] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_SUBTRACT] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_MULTIPLY] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_MINIMUM] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_MAXIMUM] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_COMPARE] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_SELECT] = {tgl__lower_select, NULL},
    [TGL_GRAPH_SCALE_BIAS] = {lower_factors, NULL},
    [TGL_GRAPH_RESCALE] = {NULL, rescale_element},
    [TGL_GRAPH_LOOKUP] = {tgl__lower_lookup, NULL},
    [TGL_GRAPH_REDUCE_SUM] = {tgl__lower_reduce, NULL},
    [TGL_GRAPH_REDUCE_MAX] = {tgl__lower_reduce, NULL},
    [TGL_GRAPH_REDUCE_MIN] = {tgl__lower_reduce, NULL},
    [TGL_GRAPH_AND] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_OR] = {tgl__lower_pair, NULL},
    [TGL_GRAPH_XOR] = {tgl__lower_pair, NULL},
};

static tgl_status lower_node(tgl__lowering *l, uint32_t *result)
{
    unsigned op = (unsigned)l->node->op;
    if (op < sizeof lowerings / sizeof lowerings[0] && lowerings[op].node)
        return lowerings[op].node(l, result);
    if (op < sizeof lowerings / sizeof lowerings[0] && lowerings[op].element)
        return lower_each(l, result, lowerings[op].element);
    return tgl__fail(l->err, TGL_EUNSUPPORTED, "node '%s': unknown operator %d",
                     l->node->name, (int)l->node->op);
}

static tgl_status add_outputs(tgl__lowering *l)
{
    char port[256];
    for (uint32_t i = 0; i < tgl_graph_n_output(l->graph); i++) {
        uint32_t number = 0;
        const char *name = tgl_graph_output(l->graph, i, &number);
        const tgl_node *node = tgl_graph_node(l->graph, number);
        uint64_t first = tgl__graph_first(l->graph, number);
        for (uint32_t j = 0; j < node->n_element; j++) {
            tgl__node_element_name(port, sizeof port, node, name, j);
            TGL_TRY(
                tgl_program_add_output(l->program, port, l->result[first + j], l->err));
        }
    }
    return TGL_OK;
}

static tgl_status lower_all(tgl__lowering *l)
{
    for (uint32_t i = 0; i < tgl_graph_n_node(l->graph); i++) {
        l->node = tgl_graph_node(l->graph, i);
        l->element = -1;
        tgl_status status = lower_node(l, l->result + tgl__graph_first(l->graph, i));
        if (status != TGL_OK)
            return tgl__fail_context(l->err, status, "lowering '%s': node '%s'",
                                     tgl_graph_name(l->graph), l->node->name);
    }
    TGL_TRY(add_outputs(l));
    return tgl_program_verify(l->program, l->err);
}

tgl_status tgl_lower(tgl_program **out, const tgl_graph *graph, tgl_error *err)
{
    tgl__lowering l = {.graph = graph, .element = -1, .err = err};
    tgl_status status;
    if (!tgl__graph_is_verified(graph))
        return tgl__fail(err, TGL_EUSAGE, "graph '%s' is not verified",
                         tgl_graph_name(graph));
    l.result =
        tgl__calloc(tgl__graph_first(graph, tgl_graph_n_node(graph)), sizeof *l.result);
    if (!l.result)
        return tgl__fail_nomem(err);
    TGL_TRY_GOTO(tgl_program_new(&l.program, tgl_graph_name(graph), err));
    TGL_TRY_GOTO(lower_all(&l));
    *out = l.program;
    l.program = NULL;
out:
    tgl_program_free(l.program);
    tgl__free(l.range);
    tgl__free(l.result);
    return status;
}
