/* The graph from JSON; see docs/graph.md for the members. */
#include <stdio.h>
#include <string.h>

#include "graph/member.h"
#include "graph/op.h"

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
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const char *name = tgl__json_string(tgl__json_at(list, i), "");
        size_t k = 0;
        while (k < tgl__n_member &&
               (strcmp(tgl__members[k].key, name) != 0 || tgl__members[k].slot == 0 ||
                !tgl__has_member(&r->node, &tgl__members[k])))
            k++;
        if (k == tgl__n_member)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: 'slots' %zu: '%s' is no constant of %s", r->where, i,
                             name, tgl_graph_op_name(r->node.op));
        *(uint8_t *)tgl__field(&r->node, tgl__members[k].slot) = 1;
    }
    return TGL_OK;
}

/* ---- members ---- */

static tgl_status read_indices(const uint32_t **out, node_reader *r, const char *key,
                               size_t n)
{
    const int64_t *codes;
    TGL_TRY(read_codes(&codes, r, r->json, key, n));
    uint32_t *indices = tgl__arena_alloc(&r->arena, n ? n : 1, sizeof *indices);
    if (!indices)
        return tgl__fail_nomem(r->err);
    for (size_t i = 0; i < n; i++) { /* -1 is all ones; what does not fit is refused */
        if (codes[i] < -1 || codes[i] >= UINT32_MAX)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: '%s' %zu: expected an index or -1, found %lld",
                             r->where, key, i, (long long)codes[i]);
        indices[i] = (uint32_t)codes[i];
    }
    *out = indices;
    return TGL_OK;
}

static tgl_status read_bounds(int32_t out[2], node_reader *r, const char *key)
{
    const int64_t *bounds;
    TGL_TRY(read_codes(&bounds, r, r->json, key, 2));
    for (int i = 0; i < 2; i++) {
        if (bounds[i] < -TGL__GRAPH_MAX_SHIFT || bounds[i] > TGL__GRAPH_MAX_SHIFT)
            return tgl__fail(r->err, TGL_EFORMAT,
                             "%s: '%s': expected within %d, found %lld", r->where, key,
                             TGL__GRAPH_MAX_SHIFT, (long long)bounds[i]);
        out[i] = (int32_t)bounds[i];
    }
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

static tgl_status read_value(node_reader *r, const tgl__member *m)
{
    tgl_node *node = &r->node;
    void *to = tgl__field(node, m->field);
    tgl__dense_shape shape;
    tgl_json *flag;
    int64_t number;
    size_t n;
    if (!tgl__member_size(&n, r->graph, node, m))
        return tgl__fail(
            r->err, TGL_EFORMAT,
            "%s: expected input and result in %u rows of %u sets, found %u and "
            "%u elements",
            r->where, node->rows, node->sets, tgl__node_n_in(r->graph, node),
            node->n_element);
    switch (m->kind) {
    case TGL__CODES:
        return read_codes(to, r, r->json, m->key, n);
    case TGL__MATRIX:
        (void)tgl__dense_shape_of(&shape, r->graph, node);
        return read_rows(to, r, m->key, (size_t)shape.sets * shape.fan_out, shape.fan_in);
    case TGL__INDICES:
        return read_indices(to, r, m->key, n);
    case TGL__TYPE:
        return read_type(to, r, r->json, m->key);
    case TGL__QUANT:
        return read_quant(to, r, m->key);
    case TGL__FLAG:
        TGL_TRY(tgl__json_need(&flag, r->json, m->key, TGL_JSON_BOOL, r->where, r->err));
        *(uint8_t *)to = tgl__json_bool(flag, false);
        return TGL_OK;
    case TGL__NUMBER:
        TGL_TRY(tgl__json_need_int(&number, r->json, m->key, 0, TGL__GRAPH_MAX_ELEMENT,
                                   r->where, r->err));
        *(uint32_t *)to = (uint32_t)number;
        return TGL_OK;
    case TGL__BOUNDS:
        return read_bounds(to, r, m->key);
    case TGL__LOOKUP_TABLE:
        return read_table(to, r, m->key);
    }
    return TGL_OK;
}

/* Numbers first: arrays are sized by them. */
static tgl_status read_members(node_reader *r)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < tgl__n_member; i++) {
            const tgl__member *m = &tgl__members[i];
            if ((m->kind == TGL__NUMBER) != (pass == 0) ||
                !tgl__member_applies(&r->node, m) ||
                (m->may_be_absent && !tgl__json_get(r->json, m->key)))
                continue;
            TGL_TRY(read_value(r, m));
        }
    return TGL_OK;
}

static tgl_status read_shape(node_reader *r)
{
    const tgl_json *list = tgl__json_get(r->json, "shape");
    const int64_t *sizes;
    size_t n = tgl__json_size(list);
    if (!list)
        return TGL_OK;
    if (n > TGL__GRAPH_MAX_RANK)
        return tgl__fail(r->err, TGL_ELIMIT,
                         "%s: 'shape': expected at most %d dimensions", r->where,
                         TGL__GRAPH_MAX_RANK);
    TGL_TRY(read_codes(&sizes, r, r->json, "shape", n));
    uint32_t *shape = tgl__arena_alloc(&r->arena, n + 1, sizeof *shape);
    if (!shape)
        return tgl__fail_nomem(r->err);
    for (size_t i = 0; i < n; i++) /* 0 is refused with the rest */
        shape[i] =
            sizes[i] < 1 || sizes[i] > TGL__GRAPH_MAX_ELEMENT ? 0 : (uint32_t)sizes[i];
    r->node.shape = shape;
    r->node.rank = (uint32_t)n;
    return TGL_OK;
}

/* The keys a node of this operator may have. */
static tgl_status check_keys(const node_reader *r)
{
    enum { N_COMMON = 9, ROOM = 64 };
    const char *keys[ROOM] = {"name",   "op",    "n_element", "inputs", "out",
                              "labels", "slots", "shape",     "note"};
    size_t n = N_COMMON;
    for (size_t i = 0; i < tgl__n_member && n < ROOM; i++)
        if (tgl__has_member(&r->node, &tgl__members[i]))
            keys[n++] = tgl__members[i].key;
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
    TGL_TRY(read_shape(r));
    r->node.note = tgl__json_string(tgl__json_get(r->json, "note"), NULL);
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
