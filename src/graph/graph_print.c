/* The graph as canonical JSON: sorted keys, integers only but for a convention's center
 * and scale. Members at their defaults are left out, so that one graph has one text. */
#include <string.h>

#include "graph/member.h"
#include "graph/op.h"

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

static tgl_json *index_list(const uint32_t *indices, size_t n)
{
    tgl_json *list = tgl__json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = tgl__json_append(
            list, tgl__json_new_int(indices[i] == UINT32_MAX ? -1 : (int64_t)indices[i]));
    if (!ok)
        tgl__json_free(list);
    return ok ? list : NULL;
}

/* A key that two kinds of nodes have stands once in a node's list. */
static bool put_slots(tgl_json *json, const tgl_node *node)
{
    const char *names[16];
    size_t n = 0;
    for (size_t i = 0; i < tgl__n_member && n < 16; i++)
        if (tgl__has_member(node, &tgl__members[i]) &&
            tgl__is_slot(node, &tgl__members[i]))
            names[n++] = tgl__members[i].key;
    return n == 0 || tgl__json_put(json, "slots", text_list(names, n));
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

static tgl_json *bounds_json(const int32_t *bounds)
{
    const int64_t codes[2] = {bounds[0], bounds[1]};
    return code_list(codes, 2);
}

/* NULL: out of memory. */
static tgl_json *value_json(const tgl_graph *graph, const tgl_node *node,
                            const tgl__member *m, size_t n)
{
    const void *field = tgl__const_field(node, m->field);
    tgl__dense_shape shape;
    switch (m->kind) {
    case TGL__CODES:
        return code_list(*(const int64_t *const *)field, n);
    case TGL__MATRIX:
        (void)tgl__dense_shape_of(&shape, graph, node);
        return code_rows(*(const int64_t *const *)field,
                         (size_t)shape.sets * shape.fan_out, shape.fan_in);
    case TGL__INDICES:
        return index_list(*(const uint32_t *const *)field, n);
    case TGL__TYPE:
        return type_text(*(const tgl_type *)field);
    case TGL__QUANT:
        return quant_text(field);
    case TGL__FLAG:
        return tgl__json_new_bool(*(const uint8_t *)field);
    case TGL__NUMBER:
        return tgl__json_new_int(*(const uint32_t *)field);
    case TGL__BOUNDS:
        return bounds_json(field);
    case TGL__LOOKUP_TABLE:
        return table_json(field);
    }
    return NULL;
}

static bool is_absent(const tgl_node *node, const tgl__member *m)
{
    const void *field = tgl__const_field(node, m->field);
    if (!m->may_be_absent)
        return false;
    if (m->kind == TGL__NUMBER)
        return *(const uint32_t *)field == m->absent;
    return *(const void *const *)field == NULL;
}

static bool put_node(tgl_json *json, const tgl_graph *graph, const tgl_node *node)
{
    bool ok = put_head(json, graph, node) && put_slots(json, node);
    if (ok && node->shape)
        ok = tgl__json_put(json, "shape", index_list(node->shape, node->rank));
    if (ok && node->note)
        ok = tgl__json_put(json, "note", tgl__json_new_string(node->note));
    for (size_t i = 0; ok && i < tgl__n_member; i++) {
        const tgl__member *m = &tgl__members[i];
        size_t n;
        if (!tgl__member_applies(node, m) || is_absent(node, m))
            continue;
        ok = tgl__member_size(&n, graph, node, m) &&
             tgl__json_put(json, m->key, value_json(graph, node, m, n));
    }
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
