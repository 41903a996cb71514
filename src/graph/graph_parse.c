/* The graph from JSON; see docs/graph.md for the members. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "graph/graph.h"

/* One node being read: what it points to lives in the arena until the node was added. */
typedef struct node_reader {
    const tgl_graph *graph;
    const tgl_json *json;
    tgl_arena arena;
    tgl_node node;
    const char *where; /* "graph.json: node 3 ('dense_1')" */
    tgl_error *err;
} node_reader;

static tgl_status read_type_text(tgl_quant *out, const node_reader *r, const char *text)
{
    tgl_status status = tgl_quant_parse(out, text, r->err);
    if (status != TGL_OK)
        return tgl__fail_context(r->err, status, "%s", r->where);
    return TGL_OK;
}

static tgl_status read_quant(tgl_quant *out, const node_reader *r, const char *key)
{
    const char *text;
    TGL_TRY(tgl__json_need_string(&text, r->json, key, r->where, r->err));
    return read_type_text(out, r, text);
}

static tgl_status read_type(tgl_type *out, const node_reader *r, const tgl_json *object,
                            const char *key)
{
    const char *text;
    tgl_quant quant;
    TGL_TRY(tgl__json_need_string(&text, object, key, r->where, r->err));
    TGL_TRY(read_type_text(&quant, r, text));
    if (quant.round != TGL_TRN || quant.overflow != TGL_WRAP)
        return tgl__fail(r->err, TGL_EFORMAT,
                         "%s: '%s': expected a type without modes, found '%s'", r->where,
                         key, text);
    *out = quant.type;
    return TGL_OK;
}

static tgl_status copy_codes(int64_t *out, const node_reader *r, const tgl_json *list,
                             const char *key, size_t n)
{
    if (tgl__json_kind(list) != TGL_JSON_ARRAY || tgl__json_size(list) != n)
        return tgl__fail(r->err, TGL_EFORMAT,
                         "%s: '%s': expected a list of %zu, found %s of %zu", r->where,
                         key, n, tgl__json_kind_name(tgl__json_kind(list)),
                         tgl__json_size(list));
    for (size_t i = 0; i < n; i++) {
        const tgl_json *item = tgl__json_at(list, i);
        if (tgl__json_kind(item) != TGL_JSON_INT)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: '%s' %zu: expected an integer, found %s", r->where, key,
                             i, tgl__json_kind_name(tgl__json_kind(item)));
        out[i] = tgl__json_int(item, 0);
    }
    return TGL_OK;
}

/* The list's own length decides how much is allocated. */
static tgl_status read_codes(const int64_t **out, node_reader *r, const tgl_json *object,
                             const char *key, size_t n)
{
    tgl_json *list;
    TGL_TRY(tgl__json_need(&list, object, key, TGL_JSON_ARRAY, r->where, r->err));
    if (tgl__json_size(list) != n)
        return tgl__fail(r->err, TGL_EFORMAT, "%s: '%s': expected %zu codes, found %zu",
                         r->where, key, n, tgl__json_size(list));
    int64_t *codes = tgl__arena_alloc(&r->arena, n ? n : 1, sizeof *codes);
    if (!codes)
        return tgl__fail_nomem(r->err);
    *out = codes;
    return copy_codes(codes, r, list, key, n);
}

static tgl_status read_rows(const int64_t **out, node_reader *r, const char *key,
                            size_t n_row, size_t n)
{
    tgl_json *list;
    TGL_TRY(tgl__json_need(&list, r->json, key, TGL_JSON_ARRAY, r->where, r->err));
    if (tgl__json_size(list) != n_row)
        return tgl__fail(r->err, TGL_EFORMAT, "%s: '%s': expected %zu rows, found %zu",
                         r->where, key, n_row, tgl__json_size(list));
    for (size_t i = 0; i < n_row; i++)
        if (tgl__json_size(tgl__json_at(list, i)) != n)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: '%s' row %zu: expected %zu codes, found %zu", r->where,
                             key, i, n, tgl__json_size(tgl__json_at(list, i)));
    int64_t *codes = tgl__arena_alloc(&r->arena, n_row * n, sizeof *codes);
    if (!codes)
        return tgl__fail_nomem(r->err);
    *out = codes;
    for (size_t i = 0; i < n_row; i++)
        TGL_TRY(copy_codes(codes + i * n, r, tgl__json_at(list, i), key, n));
    return TGL_OK;
}

static tgl_status find_node(uint32_t *out, const tgl_graph *graph, const char *name,
                            const char *where, tgl_error *err)
{
    for (uint32_t i = graph->n_node; i-- > 0;)
        if (strcmp(graph->nodes[i].name, name) == 0) {
            *out = i;
            return TGL_OK;
        }
    return tgl__fail(err, TGL_EFORMAT, "%s: expected a node before it, found '%s'", where,
                     name);
}

static tgl_status read_inputs(node_reader *r)
{
    tgl_json *list;
    TGL_TRY(tgl__json_need(&list, r->json, "inputs", TGL_JSON_ARRAY, r->where, r->err));
    size_t n = tgl__json_size(list);
    const tgl__graph_op_info *info = tgl__graph_op_info_of(r->node.op);
    if (n < info->min_input || n > info->max_input)
        return tgl__fail(r->err, TGL_EFORMAT, "%s: %s expects %u to %u inputs, found %zu",
                         r->where, info->name, info->min_input, info->max_input, n);
    uint32_t *inputs = tgl__arena_alloc(&r->arena, n ? n : 1, sizeof *inputs);
    if (!inputs)
        return tgl__fail_nomem(r->err);
    for (size_t i = 0; i < n; i++) {
        const char *name = tgl__json_string(tgl__json_at(list, i), NULL);
        if (!name)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: 'inputs' %zu: expected a node's name", r->where, i);
        TGL_TRY(find_node(&inputs[i], r->graph, name, r->where, r->err));
    }
    r->node.inputs = inputs;
    r->node.n_input = (uint32_t)n;
    return TGL_OK;
}

static tgl_status read_out(node_reader *r)
{
    tgl_json *list;
    TGL_TRY(tgl__json_need(&list, r->json, "out", TGL_JSON_ARRAY, r->where, r->err));
    size_t n = tgl__json_size(list);
    if (n != 1 && n != r->node.n_element)
        return tgl__fail(r->err, TGL_EFORMAT,
                         "%s: 'out': expected 1 or %u types, found %zu", r->where,
                         r->node.n_element, n);
    tgl_quant *out = tgl__arena_alloc(&r->arena, n, sizeof *out);
    if (!out)
        return tgl__fail_nomem(r->err);
    for (size_t i = 0; i < n; i++) {
        const char *text = tgl__json_string(tgl__json_at(list, i), NULL);
        if (!text)
            return tgl__fail(r->err, TGL_EFORMAT, "%s: 'out' %zu: expected a type",
                             r->where, i);
        TGL_TRY(read_type_text(&out[i], r, text));
    }
    r->node.out = out;
    r->node.n_out = (uint32_t)n;
    return TGL_OK;
}

static tgl_status read_labels(node_reader *r)
{
    const tgl_json *list = tgl__json_get(r->json, "labels");
    if (!list)
        return TGL_OK;
    size_t n = r->node.n_element;
    if (tgl__json_kind(list) != TGL_JSON_ARRAY || tgl__json_size(list) != n)
        return tgl__fail(r->err, TGL_EFORMAT,
                         "%s: 'labels': expected %zu names, found %zu", r->where, n,
                         tgl__json_size(list));
    const char **labels = tgl__arena_alloc(&r->arena, n, sizeof *labels);
    if (!labels)
        return tgl__fail_nomem(r->err);
    for (size_t i = 0; i < n; i++) {
        labels[i] = tgl__json_string(tgl__json_at(list, i), NULL);
        if (!labels[i])
            return tgl__fail(r->err, TGL_EFORMAT, "%s: 'labels' %zu: expected a name",
                             r->where, i);
    }
    r->node.labels = labels;
    return TGL_OK;
}

static tgl_status read_slots(node_reader *r)
{
    const tgl_json *list = tgl__json_get(r->json, "slots");
    struct {
        const char *name;
        uint8_t *flag;
        unsigned members;
    } known[] = {
        {"bias", &r->node.slot_bias, TGL__HAS_WEIGHTS},
        {"offset", &r->node.slot_offset, TGL__HAS_SCALING},
        {"scale", &r->node.slot_scale, TGL__HAS_SCALE},
        {"shift", &r->node.slot_shift, TGL__HAS_SCALING},
        {"threshold", &r->node.slot_threshold, TGL__HAS_THRESHOLD},
        {"weights", &r->node.slot_weights, TGL__HAS_WEIGHTS},
    };
    unsigned has = tgl__graph_op_info_of(r->node.op)->members;
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const char *name = tgl__json_string(tgl__json_at(list, i), "");
        size_t k = 0;
        while (k < 6 && (strcmp(known[k].name, name) != 0 || !(known[k].members & has)))
            k++;
        if (k == 6)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: 'slots' %zu: '%s' is no constant of %s", r->where, i,
                             name, tgl_graph_op_name(r->node.op));
        *known[k].flag = 1;
    }
    return TGL_OK;
}

static tgl_status read_scaling(node_reader *r)
{
    tgl_node *node = &r->node;
    size_t n = node->n_element;
    TGL_TRY(read_codes(&node->offset, r, r->json, "offset", n));
    TGL_TRY(read_type(&node->offset_type, r, r->json, "offset_type"));
    TGL_TRY(read_codes(&node->shift, r, r->json, "shift", n));
    TGL_TRY(read_quant(&node->cast, r, "cast"));
    if (!node->slot_shift)
        return TGL_OK;
    const int64_t *bounds;
    TGL_TRY(read_codes(&bounds, r, r->json, "shift_bounds", 2));
    for (int i = 0; i < 2; i++)
        if (bounds[i] < -TGL__GRAPH_MAX_SHIFT || bounds[i] > TGL__GRAPH_MAX_SHIFT)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: 'shift_bounds': expected within %d, found %lld",
                             r->where, TGL__GRAPH_MAX_SHIFT, (long long)bounds[i]);
    node->shift_lo = (int32_t)bounds[0];
    node->shift_hi = (int32_t)bounds[1];
    return TGL_OK;
}

static tgl_status read_weights(node_reader *r)
{
    tgl_node *node = &r->node;
    size_t n_in = tgl__node_n_in(r->graph, node);
    TGL_TRY(read_rows(&node->weights, r, "weights", node->n_element, n_in));
    TGL_TRY(read_type(&node->weight_type, r, r->json, "weight_type"));
    tgl_json *flag;
    TGL_TRY(
        tgl__json_need(&flag, r->json, "term_exact", TGL_JSON_BOOL, r->where, r->err));
    node->term_exact = tgl__json_bool(flag, false);
    if (tgl__json_get(r->json, "bias")) {
        TGL_TRY(read_codes(&node->bias, r, r->json, "bias", node->n_element));
        TGL_TRY(read_type(&node->bias_type, r, r->json, "bias_type"));
    }
    if (!tgl__json_get(r->json, "order"))
        return TGL_OK;
    const int64_t *codes;
    TGL_TRY(read_codes(&codes, r, r->json, "order", n_in));
    uint32_t *order = tgl__arena_alloc(&r->arena, n_in, sizeof *order);
    if (!order)
        return tgl__fail_nomem(r->err);
    for (size_t j = 0; j < n_in; j++)
        order[j] =
            codes[j] < 0 || codes[j] > UINT32_MAX ? UINT32_MAX : (uint32_t)codes[j];
    node->order = order;
    return TGL_OK;
}

static tgl_status read_table(tgl_graph_table *out, node_reader *r, const char *key)
{
    static const char *const keys[] = {"codes", "type"};
    tgl_json *json;
    TGL_TRY(tgl__json_need(&json, r->json, key, TGL_JSON_OBJECT, r->where, r->err));
    TGL_TRY(tgl__json_only_keys(json, keys, 2, r->where, r->err));
    TGL_TRY(read_type(&out->type, r, json, "type"));
    size_t n = tgl__json_size(tgl__json_get(json, "codes"));
    if (n > TGL__GRAPH_MAX_ELEMENT)
        return tgl__fail(r->err, TGL_ELIMIT, "%s: '%s': expected at most %d codes",
                         r->where, key, TGL__GRAPH_MAX_ELEMENT);
    out->count = (uint32_t)n;
    return read_codes(&out->codes, r, json, "codes", n);
}

static tgl_status read_members(node_reader *r)
{
    tgl_node *node = &r->node;
    unsigned has = tgl__graph_op_info_of(node->op)->members;
    if (has & TGL__HAS_SCALING)
        TGL_TRY(read_scaling(r));
    if (has & TGL__HAS_WEIGHTS)
        TGL_TRY(read_weights(r));
    if (has & TGL__HAS_TERM)
        TGL_TRY(read_quant(&node->term, r, "term"));
    if (has & TGL__HAS_ACC)
        TGL_TRY(read_quant(&node->acc, r, "acc"));
    if (has & TGL__HAS_THRESHOLD) {
        TGL_TRY(read_codes(&node->threshold, r, r->json, "threshold", node->n_element));
        TGL_TRY(read_type(&node->threshold_type, r, r->json, "threshold_type"));
    }
    if (has & TGL__HAS_SOFTMAX) {
        TGL_TRY(read_quant(&node->softmax_diff, r, "softmax_diff"));
        TGL_TRY(read_quant(&node->softmax_sum, r, "softmax_sum"));
        TGL_TRY(read_table(&node->exp_table, r, "exp_table"));
        TGL_TRY(read_table(&node->inv_table, r, "inv_table"));
    }
    if (has & TGL__HAS_SCALE) {
        TGL_TRY(read_codes(&node->weights, r, r->json, "scale", node->n_element));
        TGL_TRY(read_type(&node->weight_type, r, r->json, "scale_type"));
    }
    if (has & TGL__HAS_BEGIN) {
        int64_t begin;
        TGL_TRY(tgl__json_need_int(&begin, r->json, "begin", 0, TGL__GRAPH_MAX_ELEMENT,
                                   r->where, r->err));
        node->begin = (uint32_t)begin;
    }
    return TGL_OK;
}

/* The keys a node of this operator may have. */
static tgl_status check_keys(const node_reader *r)
{
    static const struct {
        const char *key;
        unsigned members; /* 0: every node */
    } known[] = {
        {"name", 0},
        {"op", 0},
        {"n_element", 0},
        {"inputs", 0},
        {"out", 0},
        {"labels", 0},
        {"slots", 0},
        {"offset", TGL__HAS_SCALING},
        {"offset_type", TGL__HAS_SCALING},
        {"shift", TGL__HAS_SCALING},
        {"shift_bounds", TGL__HAS_SCALING},
        {"cast", TGL__HAS_SCALING},
        {"weights", TGL__HAS_WEIGHTS},
        {"weight_type", TGL__HAS_WEIGHTS},
        {"bias", TGL__HAS_WEIGHTS},
        {"bias_type", TGL__HAS_WEIGHTS},
        {"order", TGL__HAS_WEIGHTS},
        {"term_exact", TGL__HAS_WEIGHTS},
        {"term", TGL__HAS_TERM},
        {"acc", TGL__HAS_ACC},
        {"threshold", TGL__HAS_THRESHOLD},
        {"threshold_type", TGL__HAS_THRESHOLD},
        {"softmax_diff", TGL__HAS_SOFTMAX},
        {"softmax_sum", TGL__HAS_SOFTMAX},
        {"exp_table", TGL__HAS_SOFTMAX},
        {"inv_table", TGL__HAS_SOFTMAX},
        {"scale", TGL__HAS_SCALE},
        {"scale_type", TGL__HAS_SCALE},
        {"begin", TGL__HAS_BEGIN},
    };
    enum { N = sizeof known / sizeof known[0] };
    const char *keys[N];
    size_t n = 0;
    unsigned has = tgl__graph_op_info_of(r->node.op)->members;
    for (size_t i = 0; i < N; i++)
        if (known[i].members == 0 || known[i].members & has)
            keys[n++] = known[i].key;
    return tgl__json_only_keys(r->json, keys, n, r->where, r->err);
}

static tgl_status read_op(node_reader *r)
{
    const char *text;
    TGL_TRY(tgl__json_need_string(&text, r->json, "op", r->where, r->err));
    for (int op = 1; tgl_graph_op_name((tgl_graph_op)op); op++)
        if (strcmp(tgl_graph_op_name((tgl_graph_op)op), text) == 0) {
            r->node.op = (tgl_graph_op)op;
            return TGL_OK;
        }
    return tgl__fail(r->err, TGL_EUNSUPPORTED, "%s: unknown operator '%s'", r->where,
                     text);
}

static tgl_status read_node(node_reader *r)
{
    int64_t n_element;
    TGL_TRY(tgl__json_need_string(&r->node.name, r->json, "name", r->where, r->err));
    TGL_TRY(read_op(r));
    TGL_TRY(check_keys(r));
    TGL_TRY(tgl__json_need_int(&n_element, r->json, "n_element", 1,
                               TGL__GRAPH_MAX_ELEMENT, r->where, r->err));
    r->node.n_element = (uint32_t)n_element;
    TGL_TRY(read_inputs(r));
    TGL_TRY(read_out(r));
    TGL_TRY(read_labels(r));
    TGL_TRY(read_slots(r));
    return read_members(r);
}

static tgl_status add_nodes(tgl_graph *graph, const tgl_json *list, const char *source,
                            tgl_error *err)
{
    char where[200];
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *json = tgl__json_at(list, i);
        const char *name = tgl__json_string(tgl__json_get(json, "name"), "");
        snprintf(where, sizeof where, "%.80s: node %zu ('%.60s')", source, i, name);
        node_reader r = {graph, json, TGL_ARENA_INIT, {0}, where, err};
        tgl_status status = read_node(&r);
        if (status == TGL_OK) {
            status = tgl_graph_add(graph, &r.node, NULL, err);
            if (status != TGL_OK)
                tgl__fail_context(err, status, "%.80s", source);
        }
        tgl__arena_release(&r.arena);
        TGL_TRY(status);
    }
    return TGL_OK;
}

static tgl_status add_outputs(tgl_graph *graph, const tgl_json *list, const char *source,
                              tgl_error *err)
{
    static const char *const keys[] = {"name", "node"};
    char where[120];
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *json = tgl__json_at(list, i);
        const char *name, *node;
        uint32_t number = 0;
        snprintf(where, sizeof where, "%.80s: output %zu", source, i);
        TGL_TRY(tgl__json_only_keys(json, keys, 2, where, err));
        TGL_TRY(tgl__json_need_string(&name, json, "name", where, err));
        TGL_TRY(tgl__json_need_string(&node, json, "node", where, err));
        TGL_TRY(find_node(&number, graph, node, where, err));
        TGL_TRY(tgl_graph_add_output(graph, name, number, err));
    }
    return TGL_OK;
}

static tgl_status build(tgl_graph **out, const tgl_json *json, const char *source,
                        tgl_error *err)
{
    static const char *const keys[] = {"convention", "format",  "name",
                                       "nodes",      "outputs", "version"};
    const char *format, *name;
    int64_t version;
    tgl_json *nodes, *outputs;
    TGL_TRY(tgl__json_need_string(&format, json, "format", source, err));
    if (strcmp(format, "trigline.graph") != 0)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: 'format': expected 'trigline.graph', found '%s'", source,
                         format);
    TGL_TRY(tgl__json_need_int(&version, json, "version", 1, 1, source, err));
    TGL_TRY(tgl__json_only_keys(json, keys, 6, source, err));
    TGL_TRY(tgl__json_need_string(&name, json, "name", source, err));
    TGL_TRY(tgl__json_need(&nodes, json, "nodes", TGL_JSON_ARRAY, source, err));
    TGL_TRY(tgl__json_need(&outputs, json, "outputs", TGL_JSON_ARRAY, source, err));
    TGL_TRY(tgl_graph_new(out, name, err));
    TGL_TRY(add_nodes(*out, nodes, source, err));
    TGL_TRY(add_outputs(*out, outputs, source, err));
    const tgl_json *rules = tgl__json_get(json, "convention");
    if (rules) {
        tgl_convention *convention;
        TGL_TRY(tgl__convention_from_json(&convention, rules, source, err));
        tgl_status status = tgl_graph_set_convention(*out, convention, err);
        tgl_convention_free(convention);
        TGL_TRY(status);
    }
    tgl_status status = tgl_graph_verify(*out, err);
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "%s", source);
    return TGL_OK;
}

tgl_status tgl_graph_parse(tgl_graph **out, const char *text, size_t size,
                           const char *source, tgl_error *err)
{
    tgl_json *json = NULL;
    tgl_graph *graph = NULL;
    if (!source)
        source = "graph";
    TGL_TRY(tgl__json_parse(&json, text, size, source, err));
    tgl_status status = build(&graph, json, source, err);
    tgl__json_free(json);
    if (status != TGL_OK) {
        tgl_graph_free(graph);
        return status;
    }
    *out = graph;
    return TGL_OK;
}
