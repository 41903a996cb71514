/* Two graphs over the same events, and a program against its graph. */
#include <stdio.h>
#include <string.h>
#include <trigline/emulate.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/graph.h"
#include "model/model.h"

/* ---- two graphs ---- */

typedef struct comparison {
    const tgl_graph *a, *b;
    int64_t *values_a, *values_b;
    uint64_t n_event, n_differing_event, n_differing_code; /* at the outputs */
    bool found, found_output;
    tgl__finding first, first_output;
} comparison;

static bool is_output(const tgl_graph *graph, uint32_t node)
{
    for (uint32_t i = 0; i < graph->n_output; i++)
        if (graph->outputs[i].node == node)
            return true;
    return false;
}

static void compare_event(comparison *c, size_t event)
{
    bool differs = false;
    for (uint32_t k = 0; k < c->a->n_node; k++) {
        bool output = is_output(c->a, k);
        for (uint32_t j = 0; j < c->a->nodes[k].n_element; j++) {
            uint64_t at = c->a->first[k] + j;
            tgl_type type_a = tgl__node_out(&c->a->nodes[k], j).type;
            tgl_type type_b = tgl__node_out(&c->b->nodes[k], j).type;
            if (tgl__same_value(c->values_a[at], type_a.frac, c->values_b[at],
                                type_b.frac))
                continue;
            tgl__finding finding = {.event = event,
                                    .node = k,
                                    .element = j,
                                    .code_a = c->values_a[at],
                                    .code_b = c->values_b[at],
                                    .type_a = type_a,
                                    .type_b = type_b};
            if (!c->found)
                c->first = finding;
            if (output && !c->found_output)
                c->first_output = finding;
            c->found = true;
            c->found_output |= output;
            differs |= output;
            c->n_differing_code += output;
        }
    }
    c->n_differing_event += differs;
}

static tgl_status run_events(comparison *c, const int64_t *in, tgl_error *err)
{
    size_t n_in = c->a->nodes[0].n_element;
    for (size_t event = 0; event < c->n_event; event++) {
        TGL_TRY(tgl_graph_eval(c->values_a, c->a, in + event * n_in, err));
        TGL_TRY(tgl_graph_eval(c->values_b, c->b, in + event * n_in, err));
        compare_event(c, event);
    }
    return TGL_OK;
}

static tgl_json *report(const comparison *c, tgl_json *written, bool comparable)
{
    tgl_json *json = tgl__json_object();
    bool equal = comparable && !c->found_output;
    bool ok = tgl__json_put(json, "written", written);
    ok = ok && tgl__json_put(json, "equal", tgl__json_new_bool(equal)) &&
         tgl__json_put(json, "comparable", tgl__json_new_bool(comparable)) &&
         tgl__json_put(json, "events", tgl__json_new_int((int64_t)c->n_event)) &&
         tgl__json_put(json, "differing_events",
                       tgl__json_new_int((int64_t)c->n_differing_event)) &&
         tgl__json_put(json, "differing_codes",
                       tgl__json_new_int((int64_t)c->n_differing_code));
    if (ok && c->found)
        ok = tgl__json_put(json, "first", tgl__finding_json(c->a, &c->first));
    if (ok && c->found_output)
        ok = tgl__json_put(json, "first_output",
                           tgl__finding_json(c->a, &c->first_output));
    if (!ok)
        tgl__json_free(json);
    return ok ? json : NULL;
}

/* One line for people: what differs first. */
static tgl_status mismatch(const tgl_graph *graph, const tgl__finding *f, tgl_error *err)
{
    char name[256], a[TGL_TYPE_TEXT], b[TGL_TYPE_TEXT];
    tgl__node_element_name(name, sizeof name, &graph->nodes[f->node], "", f->element);
    tgl_type_format(a, f->type_a);
    tgl_type_format(b, f->type_b);
    return tgl__fail(err, TGL_EMISMATCH,
                     "event %zu: layer '%s', element %u (%s)%s%s: expected %lld (%s), "
                     "found %lld (%s)",
                     f->event, graph->nodes[f->node].name, f->element, name,
                     f->role ? ", " : "", f->role ? f->role : "", (long long)f->code_a, a,
                     (long long)f->code_b, b);
}

tgl_status tgl_model_diff(char **json, const tgl_graph *a, const tgl_graph *b,
                          const int64_t *in, size_t n_event, tgl_error *err)
{
    comparison c = {.a = a, .b = b};
    bool comparable;
    tgl_json *written = tgl__static_differences(a, b, &comparable), *tree = NULL;
    tgl_status status;
    if (!written)
        return tgl__fail_nomem(err);
    if (comparable) {
        c.n_event = n_event;
        c.values_a = tgl__calloc((size_t)a->first[a->n_node], sizeof *c.values_a);
        c.values_b = tgl__calloc((size_t)b->first[b->n_node], sizeof *c.values_b);
        status =
            c.values_a && c.values_b ? run_events(&c, in, err) : tgl__fail_nomem(err);
        if (status != TGL_OK) {
            tgl__json_free(written);
            goto out;
        }
    }
    tree = report(&c, written, comparable);
    status = tree ? tgl__json_dump(json, NULL, tree, err) : tgl__fail_nomem(err);
    if (status == TGL_OK && !comparable)
        status = tgl__fail(err, TGL_EMISMATCH,
                           "the graphs have not the same layers or input types");
    else if (status == TGL_OK && c.found_output)
        status = mismatch(a, &c.first, err);
out:
    tgl__json_free(tree);
    tgl__free(c.values_a);
    tgl__free(c.values_b);
    return status;
}

/* ---- a program against its graph ---- */

typedef struct check {
    const tgl_graph *graph;
    const tgl_program *program, *fresh; /* fresh: the graph lowered now */
    const tgl_payload *payload;
    uint32_t *value; /* program value of each graph element, or TGL_NONE */
    int64_t *expected, *found, *fresh_values;
    uint64_t n_event, n_differing;
    bool any;
    tgl__finding first;
} check;

static uint32_t find_layer(const tgl_graph *graph, const char *name, uint32_t hint)
{
    if (hint < graph->n_node && strcmp(graph->nodes[hint].name, name) == 0)
        return hint;
    for (uint32_t i = 0; i < graph->n_node; i++)
        if (strcmp(graph->nodes[i].name, name) == 0)
            return i;
    return graph->n_node;
}

/* The last value with an element's origin is that element's result. */
static void map_values(check *c)
{
    uint32_t layer = 0;
    for (uint64_t i = 0; i < c->graph->first[c->graph->n_node]; i++)
        c->value[i] = TGL_NONE;
    for (uint32_t i = 0; i < tgl_program_n_op(c->program); i++) {
        const tgl_op *op = tgl_program_op(c->program, i);
        layer = find_layer(c->graph, op->origin.layer, layer);
        if (layer == c->graph->n_node)
            continue;
        uint32_t n = c->graph->nodes[layer].n_element;
        uint64_t first = c->graph->first[layer];
        if (op->origin.element >= 0 && (uint32_t)op->origin.element < n)
            c->value[first + (uint32_t)op->origin.element] = op->first_value;
        for (uint32_t j = 0; op->code == TGL_OP_AFFINE && op->n_value == n && j < n; j++)
            c->value[first + j] = op->first_value + j;
    }
    uint32_t port = 0; /* outputs last: they are what counts */
    for (uint32_t i = 0; i < c->graph->n_output; i++) {
        uint32_t node = c->graph->outputs[i].node;
        for (uint32_t j = 0; j < c->graph->nodes[node].n_element; j++, port++)
            if (port < tgl_program_n_output(c->program))
                c->value[c->graph->first[node] + j] =
                    tgl_program_output(c->program, port)->value;
    }
}

/* Same operations from the same places: then values can be compared one by one. */
static bool same_operations(const tgl_program *a, const tgl_program *b)
{
    if (tgl_program_n_op(a) != tgl_program_n_op(b) ||
        tgl_program_n_value(a) != tgl_program_n_value(b))
        return false;
    for (uint32_t i = 0; i < tgl_program_n_op(a); i++) {
        const tgl_op *x = tgl_program_op(a, i), *y = tgl_program_op(b, i);
        if (x->code != y->code || x->origin.element != y->origin.element ||
            strcmp(x->origin.layer, y->origin.layer) != 0)
            return false;
    }
    return true;
}

/* The operation where program and fresh lowering part, for the message. */
static tgl_status name_operation(check *c, const int64_t *in, tgl_error *err)
{
    uint32_t value = c->value[c->graph->first[c->first.node] + c->first.element];
    if (same_operations(c->program, c->fresh)) {
        TGL_TRY(tgl_emulate_reference(c->fresh_values, c->fresh, NULL, in, err));
        for (uint32_t v = 0; v < tgl_program_n_value(c->fresh); v++) {
            tgl_type a = tgl_program_value_type(c->fresh, v),
                     b = tgl_program_value_type(c->program, v);
            if (tgl__same_value(c->fresh_values[v], a.frac, c->found[v], b.frac))
                continue;
            value = v;
            break;
        }
    }
    const tgl_op *op =
        tgl_program_op(c->program, tgl_program_value_op(c->program, value));
    c->first.role = op->origin.role;
    c->first.operation = tgl_opcode_name(op->code);
    return TGL_OK;
}

static tgl_status check_event(check *c, const int64_t *in, size_t event, tgl_error *err)
{
    const tgl_graph *graph = c->graph;
    bool differs = false;
    TGL_TRY(tgl_graph_eval(c->expected, graph, in, err));
    TGL_TRY(tgl_emulate_reference(c->found, c->program, c->payload, in, err));
    for (uint32_t k = 0; k < graph->n_node; k++)
        for (uint32_t j = 0; j < graph->nodes[k].n_element; j++) {
            uint64_t at = graph->first[k] + j;
            if (c->value[at] == TGL_NONE)
                continue;
            tgl_type a = tgl__node_out(&graph->nodes[k], j).type;
            tgl_type b = tgl_program_value_type(c->program, c->value[at]);
            int64_t code = c->found[c->value[at]];
            if (tgl__same_value(c->expected[at], a.frac, code, b.frac))
                continue;
            differs = true;
            if (c->any)
                continue;
            c->any = true;
            c->first =
                (tgl__finding){event, k, j, c->expected[at], code, a, b, NULL, NULL};
            TGL_TRY(name_operation(c, in, err));
        }
    c->n_differing += differs;
    return TGL_OK;
}

static tgl_status count_ports(const check *c, tgl_error *err)
{
    uint64_t outputs = 0;
    for (uint32_t i = 0; i < c->graph->n_output; i++)
        outputs += c->graph->nodes[c->graph->outputs[i].node].n_element;
    uint32_t n_in = c->graph->nodes[0].n_element;
    if (tgl_program_n_input(c->program) == n_in &&
        tgl_program_n_output(c->program) == outputs)
        return TGL_OK;
    return tgl__fail(
        err, TGL_EUSAGE,
        "program '%s': expected %u inputs and %llu outputs as graph '%s' has "
        "them, found %u and %u",
        tgl_program_name(c->program), n_in, (unsigned long long)outputs, c->graph->name,
        tgl_program_n_input(c->program), tgl_program_n_output(c->program));
}

static tgl_json *check_report(const check *c)
{
    tgl_json *json = tgl__json_object();
    bool ok = tgl__json_put(json, "equal", tgl__json_new_bool(!c->any)) &&
              tgl__json_put(json, "events", tgl__json_new_int((int64_t)c->n_event)) &&
              tgl__json_put(json, "differing_events",
                            tgl__json_new_int((int64_t)c->n_differing));
    if (ok && c->any)
        ok = tgl__json_put(json, "first", tgl__finding_json(c->graph, &c->first));
    if (!ok)
        tgl__json_free(json);
    return ok ? json : NULL;
}

static tgl_status run_check(check *c, const int64_t *in, size_t n_event, tgl_error *err)
{
    size_t n = (size_t)c->graph->first[c->graph->n_node];
    c->value = tgl__calloc(n, sizeof *c->value);
    c->expected = tgl__calloc(n, sizeof *c->expected);
    c->found = tgl__calloc(tgl_program_n_value(c->program), sizeof *c->found);
    c->fresh_values = tgl__calloc(tgl_program_n_value(c->fresh), sizeof *c->found);
    if (!c->value || !c->expected || !c->found || !c->fresh_values)
        return tgl__fail_nomem(err);
    map_values(c);
    for (c->n_event = 0; c->n_event < n_event; c->n_event++)
        TGL_TRY(check_event(c, in + c->n_event * c->graph->nodes[0].n_element,
                            (size_t)c->n_event, err));
    return TGL_OK;
}

tgl_status tgl_model_check(char **json, const tgl_graph *graph,
                           const tgl_program *program, const tgl_payload *payload,
                           const int64_t *in, size_t n_event, tgl_error *err)
{
    check c = {.graph = graph, .program = program, .payload = payload};
    tgl_program *fresh = NULL;
    tgl_json *tree = NULL;
    tgl_status status;
    TGL_TRY(count_ports(&c, err));
    TGL_TRY_GOTO(tgl_lower(&fresh, graph, err));
    c.fresh = fresh;
    TGL_TRY_GOTO(run_check(&c, in, n_event, err));
    tree = check_report(&c);
    TGL_TRY_GOTO(tree ? tgl__json_dump(json, NULL, tree, err) : tgl__fail_nomem(err));
    if (c.any)
        status = mismatch(graph, &c.first, err);
out:
    tgl__json_free(tree);
    tgl_program_free(fresh);
    tgl__free(c.value);
    tgl__free(c.expected);
    tgl__free(c.found);
    tgl__free(c.fresh_values);
    return status;
}
