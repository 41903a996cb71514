/* A model described: layers with types and parameter counts, the program made from it,
 * its slots, digests. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "digest/digest.h"
#include "graph/graph.h"
#include "model/model.h"
#include "text/json.h"

tgl_status tgl_model_program_digest(uint8_t digest[32], char text[72],
                                    const tgl_program *program, tgl_error *err)
{
    uint8_t *bytes;
    size_t size;
    tgl_sha256 sha;
    TGL_TRY(tgl_program_encode(&bytes, &size, program, err));
    tgl_status status = tgl__sha256(&sha, bytes, size, err);
    tgl_free(bytes);
    TGL_TRY(status);
    if (digest)
        memcpy(digest, sha.bytes, sizeof sha.bytes);
    if (text)
        tgl__sha256_format(text, &sha);
    return TGL_OK;
}

tgl_json *tgl__model_types_json(const tgl_node *node)
{
    tgl_json *list = tgl__json_array();
    bool ok = list != NULL;
    char text[TGL_TYPE_TEXT];
    for (uint32_t i = 0; ok && i < node->n_out; i++) {
        tgl_quant_format(text, &node->out[i]);
        ok = tgl__json_append(list, tgl__json_new_string(text));
    }
    if (!ok)
        tgl__json_free(list);
    return ok ? list : NULL;
}

static uint64_t n_nonzero(const int64_t *codes, size_t n)
{
    uint64_t count = 0;
    for (size_t i = 0; codes && i < n; i++)
        count += codes[i] != 0;
    return count;
}

static bool put_int(tgl_json *json, const char *key, uint64_t value)
{
    return tgl__json_put(json, key, tgl__json_new_int((int64_t)value));
}

static bool put_quant(tgl_json *json, const char *key, const tgl_quant *quant)
{
    char text[TGL_TYPE_TEXT];
    tgl_quant_format(text, quant);
    return tgl__json_put(json, key, tgl__json_new_string(text));
}

/* Constants of a node: how many, how many are not zero. */
static void count_parameters(const tgl_graph *graph, const tgl_node *node, uint64_t *n,
                             uint64_t *nonzero)
{
    size_t n_in = node->op == TGL_GRAPH_DENSE ? tgl__node_n_in(graph, node) : 1;
    size_t weights = node->weights ? node->n_element * n_in : 0;
    *n = weights + (node->bias ? node->n_element : 0) + node->exp_table.count +
         node->inv_table.count + (node->threshold ? node->n_element : 0) +
         (node->offset ? 2 * (size_t)node->n_element : 0);
    *nonzero = n_nonzero(node->weights, weights) + n_nonzero(node->bias, node->n_element);
}

static bool put_slots(tgl_json *json, const tgl_node *node)
{
    const struct {
        uint8_t set;
        const char *name;
    } slots[] = {{node->slot_offset, "offset"},       {node->slot_shift, "shift"},
                 {node->slot_weights, "weights"},     {node->slot_bias, "bias"},
                 {node->slot_threshold, "threshold"}, {node->slot_scale, "scale"}};
    tgl_json *list = tgl__json_array();
    bool ok = true;
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (slots[i].set)
            ok = tgl__json_append(list, tgl__json_new_string(slots[i].name)) && ok;
    return tgl__json_put(json, "slots", list) && ok;
}

static tgl_json *layer_json(const tgl_graph *graph, const tgl_node *node)
{
    tgl_json *json = tgl__json_object(), *inputs = tgl__json_array();
    uint64_t n, nonzero;
    count_parameters(graph, node, &n, &nonzero);
    bool ok =
        tgl__json_put(json, "name", tgl__json_new_string(node->name)) &&
        tgl__json_put(json, "op", tgl__json_new_string(tgl_graph_op_name(node->op))) &&
        put_int(json, "elements", node->n_element) &&
        tgl__json_put(json, "types", tgl__model_types_json(node)) &&
        put_int(json, "parameters", n) && put_int(json, "nonzero_weights", nonzero) &&
        put_slots(json, node);
    for (uint32_t i = 0; ok && i < node->n_input; i++)
        ok = tgl__json_append(inputs,
                              tgl__json_new_string(graph->nodes[node->inputs[i]].name));
    ok = tgl__json_put(json, "inputs", inputs) && ok;
    if (ok && node->op == TGL_GRAPH_DENSE) {
        tgl_quant weight = {node->weight_type, TGL_TRN, TGL_WRAP};
        ok = put_quant(json, "weight_type", &weight) &&
             put_quant(json, "accumulator", &node->acc);
    }
    if (!ok)
        tgl__json_free(json);
    return ok ? json : NULL;
}

static bool put_layers(tgl_json *json, const tgl_graph *graph)
{
    tgl_json *layers = tgl__json_array();
    uint64_t n = 0, nonzero = 0;
    bool ok = true;
    for (uint32_t i = 0; ok && i < graph->n_node; i++) {
        uint64_t more, more_nonzero;
        count_parameters(graph, &graph->nodes[i], &more, &more_nonzero);
        n += more;
        nonzero += more_nonzero;
        ok = tgl__json_append(layers, layer_json(graph, &graph->nodes[i]));
    }
    ok = tgl__json_put(json, "layers", layers) && ok;
    return ok && put_int(json, "parameters", n) &&
           put_int(json, "nonzero_weights", nonzero);
}

static bool put_ports(tgl_json *json, const char *key, const tgl_program *program,
                      bool outputs)
{
    tgl_json *list = tgl__json_array();
    uint32_t n = outputs ? tgl_program_n_output(program) : tgl_program_n_input(program);
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        const tgl_port *port =
            outputs ? tgl_program_output(program, i) : tgl_program_input(program, i);
        char type[TGL_TYPE_TEXT];
        tgl_type_format(type, port->type);
        tgl_json *item = tgl__json_object();
        ok = tgl__json_put(item, "name", tgl__json_new_string(port->name)) &&
             tgl__json_put(item, "type", tgl__json_new_string(type));
        ok = tgl__json_append(list, item) && ok;
    }
    return tgl__json_put(json, key, list) && ok;
}

static const char *kind_name(tgl_slot_kind kind)
{
    static const char *const names[] = {"threshold",    "input_offset", "input_shift",
                                        "output_scale", "weights",      "bias",
                                        "table"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

static bool put_program_slots(tgl_json *json, const tgl_program *program)
{
    tgl_json *list = tgl__json_array();
    bool ok = true;
    for (uint32_t i = 0; ok && i < tgl_program_n_slot(program); i++) {
        const tgl_slot *slot = tgl_program_slot(program, i);
        char type[TGL_TYPE_TEXT];
        tgl_type_format(type, slot->type);
        tgl_json *item = tgl__json_object();
        ok = tgl__json_put(item, "name", tgl__json_new_string(slot->name)) &&
             tgl__json_put(item, "kind", tgl__json_new_string(kind_name(slot->kind))) &&
             tgl__json_put(item, "type", tgl__json_new_string(type)) &&
             tgl__json_put(item, "low", tgl__json_new_int(slot->lo)) &&
             tgl__json_put(item, "high", tgl__json_new_int(slot->hi)) &&
             put_int(item, "count", slot->count);
        ok = tgl__json_append(list, item) && ok;
    }
    return tgl__json_put(json, "slots", list) && ok;
}

/* Operations by opcode, in the opcodes' order. */
static bool put_operations(tgl_json *json, const tgl_program *program)
{
    enum { MOST = 64 };
    uint64_t counts[MOST] = {0};
    tgl_json *object = tgl__json_object();
    bool ok = put_int(json, "operations", tgl_program_n_op(program)) &&
              put_int(json, "values", tgl_program_n_value(program));
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++) {
        unsigned code = (unsigned)tgl_program_op(program, i)->code;
        counts[code < MOST ? code : 0]++;
    }
    for (unsigned code = 1; ok && code < MOST; code++)
        if (counts[code])
            ok = put_int(object, tgl_opcode_name((tgl_opcode)code), counts[code]);
    return tgl__json_put(json, "by_opcode", object) && ok;
}

/* Multiplications by constants that are not zero, and how many layers run as the plain
 * matrix product. */
static bool put_affines(tgl_json *json, const tgl_program *program)
{
    uint64_t n = tgl_program_n_affine(program), exact = 0, products = 0;
    for (uint32_t i = 0; i < n; i++) {
        const tgl_affine *affine = tgl_program_affine(program, i);
        size_t size = (size_t)affine->n_in * affine->n_out;
        exact += affine->term_exact;
        products += affine->weights ? n_nonzero(affine->weights, size) : size;
    }
    return put_int(json, "matrices", n) && put_int(json, "exact_matrices", exact) &&
           put_int(json, "products", products);
}

static tgl_json *program_json(const tgl_program *program, const char *digest)
{
    tgl_json *json = tgl__json_object();
    bool ok = tgl__json_put(json, "digest", tgl__json_new_string(digest)) &&
              put_operations(json, program) && put_affines(json, program) &&
              put_ports(json, "inputs", program, false) &&
              put_ports(json, "outputs", program, true) &&
              put_program_slots(json, program);
    if (!ok)
        tgl__json_free(json);
    return ok ? json : NULL;
}

static tgl_status describe(tgl_json **out, const tgl_graph *graph,
                           const tgl_program *program, tgl_error *err)
{
    char digest[72], graph_digest[TGL_DIGEST_TEXT];
    char *text;
    size_t size;
    tgl_sha256 sha;
    TGL_TRY(tgl_model_program_digest(NULL, digest, program, err));
    TGL_TRY(tgl_graph_print(&text, &size, graph, err));
    tgl_status status = tgl__sha256(&sha, text, size, err);
    tgl_free(text);
    TGL_TRY(status);
    tgl__sha256_format(graph_digest, &sha);
    tgl_json *json = tgl__json_object();
    bool ok = tgl__json_put(json, "name", tgl__json_new_string(graph->name)) &&
              tgl__json_put(json, "digest", tgl__json_new_string(graph_digest)) &&
              put_layers(json, graph) &&
              tgl__json_put(json, "program", program_json(program, digest));
    if (ok && graph->convention)
        ok = tgl__json_put(json, "convention",
                           tgl__json_new_string(graph->convention->name));
    if (!ok) {
        tgl__json_free(json);
        return tgl__fail_nomem(err);
    }
    *out = json;
    return TGL_OK;
}

tgl_status tgl_model_info(char **json, const tgl_graph *graph, tgl_error *err)
{
    tgl_program *program = NULL;
    tgl_json *tree = NULL;
    TGL_TRY(tgl_lower(&program, graph, err));
    tgl_status status = describe(&tree, graph, program, err);
    tgl_program_free(program);
    if (status == TGL_OK)
        status = tgl__json_dump(json, NULL, tree, err);
    tgl__json_free(tree);
    return status;
}
