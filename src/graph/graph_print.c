/* The graph as canonical JSON: sorted keys, integers only but for a convention's center
 * and scale. Members at their defaults are left out, so that one graph has one text. */
#include <string.h>

#include "base/error.h"
#include "graph/graph.h"

static tgl_json *type_text(tgl_type type)
{
    char text[TGL_TYPE_TEXT];
    tgl_type_format(text, type);
    return tgl__json_new_string(text);
}

static tgl_json *quant_text(const tgl_quant *quant)
{
    char text[TGL_TYPE_TEXT];
    tgl_quant_format(text, quant);
    return tgl__json_new_string(text);
}

static tgl_json *code_list(const int64_t *codes, size_t n)
{
    tgl_json *list = tgl__json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = tgl__json_append(list, tgl__json_new_int(codes[i]));
    if (!ok)
        tgl__json_free(list);
    return ok ? list : NULL;
}

static tgl_json *code_rows(const int64_t *codes, size_t n_row, size_t n)
{
    tgl_json *list = tgl__json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < n_row; i++)
        ok = tgl__json_append(list, code_list(codes + i * n, n));
    if (!ok)
        tgl__json_free(list);
    return ok ? list : NULL;
}

static tgl_json *text_list(const char *const *texts, size_t n)
{
    tgl_json *list = tgl__json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = tgl__json_append(list, tgl__json_new_string(texts[i]));
    if (!ok)
        tgl__json_free(list);
    return ok ? list : NULL;
}

static bool put_head(tgl_json *json, const tgl_graph *graph, const tgl_node *node)
{
    bool ok =
        tgl__json_put(json, "name", tgl__json_new_string(node->name)) &&
        tgl__json_put(json, "op", tgl__json_new_string(tgl_graph_op_name(node->op))) &&
        tgl__json_put(json, "n_element", tgl__json_new_int(node->n_element));
    tgl_json *inputs = tgl__json_array(), *out = tgl__json_array();
    for (uint32_t i = 0; ok && i < node->n_input; i++)
        ok = tgl__json_append(inputs,
                              tgl__json_new_string(graph->nodes[node->inputs[i]].name));
    for (uint32_t i = 0; ok && i < node->n_out; i++)
        ok = tgl__json_append(out, quant_text(&node->out[i]));
    ok = tgl__json_put(json, "inputs", inputs) && ok;
    ok = tgl__json_put(json, "out", out) && ok;
    if (ok && node->labels)
        ok = tgl__json_put(json, "labels", text_list(node->labels, node->n_element));
    return ok;
}

static bool put_slots(tgl_json *json, const tgl_node *node)
{
    const struct {
        uint8_t set;
        const char *name;
    } slots[] = {{node->slot_bias, "bias"},           {node->slot_offset, "offset"},
                 {node->slot_scale, "scale"},         {node->slot_shift, "shift"},
                 {node->slot_threshold, "threshold"}, {node->slot_weights, "weights"}};
    const char *names[6];
    size_t n = 0;
    for (size_t i = 0; i < 6; i++)
        if (slots[i].set)
            names[n++] = slots[i].name;
    return n == 0 || tgl__json_put(json, "slots", text_list(names, n));
}

static bool put_scaling(tgl_json *json, const tgl_node *node)
{
    const int64_t bounds[2] = {node->shift_lo, node->shift_hi};
    bool ok = tgl__json_put(json, "offset", code_list(node->offset, node->n_element)) &&
              tgl__json_put(json, "offset_type", type_text(node->offset_type)) &&
              tgl__json_put(json, "shift", code_list(node->shift, node->n_element)) &&
              tgl__json_put(json, "cast", quant_text(&node->cast));
    if (ok && node->slot_shift)
        ok = tgl__json_put(json, "shift_bounds", code_list(bounds, 2));
    return ok;
}

static bool put_weights(tgl_json *json, const tgl_graph *graph, const tgl_node *node)
{
    uint32_t n_in = tgl__node_n_in(graph, node);
    bool ok =
        tgl__json_put(json, "weights", code_rows(node->weights, node->n_element, n_in)) &&
        tgl__json_put(json, "weight_type", type_text(node->weight_type)) &&
        tgl__json_put(json, "term_exact", tgl__json_new_bool(node->term_exact));
    if (ok && node->bias)
        ok = tgl__json_put(json, "bias", code_list(node->bias, node->n_element)) &&
             tgl__json_put(json, "bias_type", type_text(node->bias_type));
    if (ok && node->order) {
        tgl_json *order = tgl__json_array();
        for (uint32_t j = 0; ok && j < n_in; j++)
            ok = tgl__json_append(order, tgl__json_new_int(node->order[j]));
        ok = tgl__json_put(json, "order", order) && ok;
    }
    return ok;
}

static tgl_json *table_json(const tgl_graph_table *table)
{
    tgl_json *json = tgl__json_object();
    bool ok = tgl__json_put(json, "type", type_text(table->type)) &&
              tgl__json_put(json, "codes", code_list(table->codes, table->count));
    if (!ok)
        tgl__json_free(json);
    return ok ? json : NULL;
}

static bool put_softmax(tgl_json *json, const tgl_node *node)
{
    return tgl__json_put(json, "softmax_diff", quant_text(&node->softmax_diff)) &&
           tgl__json_put(json, "softmax_sum", quant_text(&node->softmax_sum)) &&
           tgl__json_put(json, "exp_table", table_json(&node->exp_table)) &&
           tgl__json_put(json, "inv_table", table_json(&node->inv_table));
}

static bool put_node(tgl_json *json, const tgl_graph *graph, const tgl_node *node)
{
    unsigned has = tgl__graph_op_info_of(node->op)->members;
    bool ok = put_head(json, graph, node) && put_slots(json, node);
    if (ok && has & TGL__HAS_SCALING)
        ok = put_scaling(json, node);
    if (ok && has & TGL__HAS_WEIGHTS)
        ok = put_weights(json, graph, node);
    if (ok && has & TGL__HAS_TERM)
        ok = tgl__json_put(json, "term", quant_text(&node->term));
    if (ok && has & TGL__HAS_ACC)
        ok = tgl__json_put(json, "acc", quant_text(&node->acc));
    if (ok && has & TGL__HAS_THRESHOLD)
        ok = tgl__json_put(json, "threshold",
                           code_list(node->threshold, node->n_element)) &&
             tgl__json_put(json, "threshold_type", type_text(node->threshold_type));
    if (ok && has & TGL__HAS_SOFTMAX)
        ok = put_softmax(json, node);
    if (ok && has & TGL__HAS_SCALE)
        ok = tgl__json_put(json, "scale", code_list(node->weights, node->n_element)) &&
             tgl__json_put(json, "scale_type", type_text(node->weight_type));
    if (ok && has & TGL__HAS_BEGIN)
        ok = tgl__json_put(json, "begin", tgl__json_new_int(node->begin));
    return ok;
}

static tgl_json *nodes_json(const tgl_graph *graph)
{
    tgl_json *nodes = tgl__json_array();
    bool ok = nodes != NULL;
    for (uint32_t i = 0; ok && i < graph->n_node; i++) {
        tgl_json *node = tgl__json_object();
        ok = put_node(node, graph, &graph->nodes[i]);
        ok = tgl__json_append(nodes, node) && ok;
    }
    if (!ok)
        tgl__json_free(nodes);
    return ok ? nodes : NULL;
}

static tgl_json *outputs_json(const tgl_graph *graph)
{
    tgl_json *outputs = tgl__json_array();
    bool ok = outputs != NULL;
    for (uint32_t i = 0; ok && i < graph->n_output; i++) {
        const char *node = graph->nodes[graph->outputs[i].node].name;
        tgl_json *item = tgl__json_object();
        ok = tgl__json_put(item, "name", tgl__json_new_string(graph->outputs[i].name)) &&
             tgl__json_put(item, "node", tgl__json_new_string(node));
        ok = tgl__json_append(outputs, item) && ok;
    }
    if (!ok)
        tgl__json_free(outputs);
    return ok ? outputs : NULL;
}

tgl_status tgl_graph_print(char **out, size_t *size, const tgl_graph *graph,
                           tgl_error *err)
{
    if (!graph->verified)
        return tgl__fail(err, TGL_EUSAGE, "graph '%s' is not verified", graph->name);
    tgl_json *json = tgl__json_object();
    bool ok = tgl__json_put(json, "format", tgl__json_new_string("trigline.graph")) &&
              tgl__json_put(json, "version", tgl__json_new_int(1)) &&
              tgl__json_put(json, "name", tgl__json_new_string(graph->name)) &&
              tgl__json_put(json, "nodes", nodes_json(graph)) &&
              tgl__json_put(json, "outputs", outputs_json(graph));
    if (ok && graph->convention)
        ok = tgl__json_put(json, "convention", tgl__convention_json(graph->convention));
    tgl_status status =
        ok ? tgl__json_dump(out, size, json, err)
           : tgl__fail(err, TGL_ENOMEM,
                       "graph '%s': out of memory, or a name that is not UTF-8",
                       graph->name);
    tgl__json_free(json);
    return status;
}
