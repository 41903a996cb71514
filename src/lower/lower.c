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

static tgl_status relu_element(tgl__lowering *l, uint32_t *out, uint32_t j)
{
    uint32_t x = tgl__input(l, 0, j), zero;
    if (l->range[x].lo < 0) {
        tgl_type type = {0, 1, (int16_t)l->range[x].frac};
        TGL_TRY(tgl__emit_const(l, &zero, 0, type, "zero"));
        TGL_TRY(tgl__emit_two(l, &x, TGL_OP_MAX, x, zero, "relu"));
    }
    return tgl__emit_cast(l, out, x, out_of(l->node, j), "cast");
}

static tgl_status lower_each(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    uint32_t which = 0, first = 0;
    for (uint32_t j = 0; j < node->n_element; j++) {
        l->element = (int32_t)j;
        if (node->op == TGL_GRAPH_RELU) {
            TGL_TRY(relu_element(l, &result[j], j));
            continue;
        }
        uint32_t x;
        if (node->op == TGL_GRAPH_CONCAT) {
            while (j - first >= tgl_graph_node(l->graph, node->inputs[which])->n_element)
                first += tgl_graph_node(l->graph, node->inputs[which++])->n_element;
            x = tgl__input(l, which, j - first);
        } else {
            x = tgl__input(l, 0, j + (node->op == TGL_GRAPH_SLICE ? node->begin : 0));
        }
        TGL_TRY(tgl__emit_cast(l, &result[j], x, out_of(node, j), "cast"));
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

static tgl_status lower_output_scale(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    tgl_type type = node->weight_type;
    uint32_t slot = TGL_NONE, by, product;
    if (node->slot_scale)
        TGL_TRY(tgl__make_slot(l, &slot, "scale", TGL_SLOT_OUTPUT_SCALE, type,
                               tgl_type_min(type), tgl_type_max(type), node->n_element,
                               node->weights));
    for (uint32_t j = 0; j < node->n_element; j++) {
        l->element = (int32_t)j;
        if (node->slot_scale)
            TGL_TRY(tgl__emit_param(l, &by, slot, j, "scale"));
        else
            TGL_TRY(tgl__emit_const(l, &by, node->weights[j], type, "scale"));
        TGL_TRY(
            tgl__emit_two(l, &product, TGL_OP_MUL, tgl__input(l, 0, j), by, "product"));
        TGL_TRY(tgl__emit_cast(l, &result[j], product, out_of(node, j), "cast"));
    }
    return TGL_OK;
}

static tgl_status lower_node(tgl__lowering *l, uint32_t *result)
{
    switch (l->node->op) {
    case TGL_GRAPH_INPUT:
        return lower_input(l, result);
    case TGL_GRAPH_SCALE:
        return lower_scale(l, result);
    case TGL_GRAPH_QUANTISE:
    case TGL_GRAPH_RELU:
    case TGL_GRAPH_CONCAT:
    case TGL_GRAPH_SLICE:
        return lower_each(l, result);
    case TGL_GRAPH_DENSE:
        return tgl__lower_dense(l, result);
    case TGL_GRAPH_ARGMAX:
        return tgl__lower_argmax(l, result);
    case TGL_GRAPH_SUM_SQUARES:
        return tgl__lower_sum_squares(l, result);
    case TGL_GRAPH_THRESHOLD:
        return lower_threshold(l, result);
    case TGL_GRAPH_SOFTMAX:
        return tgl__lower_softmax(l, result);
    case TGL_GRAPH_OUTPUT_SCALE:
        return lower_output_scale(l, result);
    }
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
