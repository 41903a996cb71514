/* Where two graphs differ as written: structure, types, constants. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "fixed/wide.h"
#include "graph/graph.h"
#include "model/model.h"

bool tgl__same_value(int64_t code_a, int frac_a, int64_t code_b, int frac_b)
{
    tgl_interval a = {code_a, code_a, frac_a}, b = {code_b, code_b, frac_b};
    int frac = frac_a > frac_b ? frac_a : frac_b;
    /* what cannot be aligned within 126 bits is far larger than any code beside it */
    return tgl__interval_align(&a, frac) && tgl__interval_align(&b, frac) && a.lo == b.lo;
}

static bool put_type(tgl_json *json, const char *key, tgl_type type)
{
    char text[TGL_TYPE_TEXT];
    tgl_type_format(text, type);
    return tgl__json_put(json, key, tgl__json_new_string(text));
}

tgl_json *tgl__finding_json(const tgl_graph *graph, const tgl__finding *f)
{
    const tgl_node *node = &graph->nodes[f->node];
    char name[256];
    tgl__node_element_name(name, sizeof name, node, "", f->element);
    tgl_json *json = tgl__json_object();
    bool ok =
        tgl__json_put(json, "event", tgl__json_new_int((int64_t)f->event)) &&
        tgl__json_put(json, "layer", tgl__json_new_string(node->name)) &&
        tgl__json_put(json, "op", tgl__json_new_string(tgl_graph_op_name(node->op))) &&
        tgl__json_put(json, "element", tgl__json_new_int(f->element)) &&
        tgl__json_put(json, "name", tgl__json_new_string(name)) &&
        put_type(json, "type_a", f->type_a) && put_type(json, "type_b", f->type_b) &&
        tgl__json_put(json, "code_a", tgl__json_new_int(f->code_a)) &&
        tgl__json_put(json, "code_b", tgl__json_new_int(f->code_b)) &&
        tgl__json_put(
            json, "value_a",
            tgl__json_new_real(tgl_code_to_double(f->code_a, f->type_a.frac))) &&
        tgl__json_put(json, "value_b",
                      tgl__json_new_real(tgl_code_to_double(f->code_b, f->type_b.frac)));
    if (ok && f->role)
        ok = tgl__json_put(json, "role", tgl__json_new_string(f->role));
    if (ok && f->operation)
        ok = tgl__json_put(json, "operation", tgl__json_new_string(f->operation));
    if (!ok)
        tgl__json_free(json);
    return ok ? json : NULL;
}

/* ---- as written ---- */

typedef struct lister {
    tgl_json *list;
    const tgl_node *a, *b;
    bool ok;
} lister;

static void note(lister *l, const char *member, int64_t index, tgl_json *a, tgl_json *b)
{
    tgl_json *json = tgl__json_object();
    bool ok = tgl__json_put(json, "layer", tgl__json_new_string(l->a->name)) &&
              tgl__json_put(json, "member", tgl__json_new_string(member));
    if (ok && index >= 0)
        ok = tgl__json_put(json, "index", tgl__json_new_int(index));
    ok = tgl__json_put(json, "a", a) && ok;
    ok = tgl__json_put(json, "b", b) && ok;
    ok = tgl__json_append(l->list, json) && ok;
    l->ok = l->ok && ok;
}

static void compare_codes(lister *l, const char *member, const int64_t *a,
                          const int64_t *b, size_t n)
{
    if (!a != !b) {
        note(l, member, -1, tgl__json_new_string(a ? "present" : "absent"),
             tgl__json_new_string(b ? "present" : "absent"));
        return;
    }
    for (size_t i = 0; a && i < n; i++)
        if (a[i] != b[i]) {
            note(l, member, (int64_t)i, tgl__json_new_int(a[i]), tgl__json_new_int(b[i]));
            return;
        }
}

static void compare_quants(lister *l, const char *member, int64_t index, tgl_quant a,
                           tgl_quant b)
{
    char text_a[TGL_TYPE_TEXT], text_b[TGL_TYPE_TEXT];
    if (a.type.width == 0 && b.type.width == 0)
        return; /* a member the operator does not use */
    tgl_quant_format(text_a, &a);
    tgl_quant_format(text_b, &b);
    if (strcmp(text_a, text_b) != 0)
        note(l, member, index, tgl__json_new_string(text_a),
             tgl__json_new_string(text_b));
}

static void compare_types(lister *l, const char *member, tgl_type a, tgl_type b)
{
    compare_quants(l, member, -1, (tgl_quant){a, TGL_TRN, TGL_WRAP},
                   (tgl_quant){b, TGL_TRN, TGL_WRAP});
}

static void compare_table(lister *l, const char *member, const tgl_graph_table *a,
                          const tgl_graph_table *b)
{
    compare_types(l, member, a->type, b->type);
    if (a->count != b->count)
        note(l, member, -1, tgl__json_new_int(a->count), tgl__json_new_int(b->count));
    else
        compare_codes(l, member, a->codes, b->codes, a->count);
}

static void compare_order(lister *l, size_t n_in)
{
    const uint32_t *a = l->a->order, *b = l->b->order;
    for (size_t j = 0; j < n_in && (a || b); j++) {
        int64_t x = a ? a[j] : (int64_t)j, y = b ? b[j] : (int64_t)j;
        if (x != y) {
            note(l, "order", (int64_t)j, tgl__json_new_int(x), tgl__json_new_int(y));
            return;
        }
    }
}

static void compare_nodes(lister *l, size_t n_in)
{
    const tgl_node *a = l->a, *b = l->b;
    size_t n = a->n_element, n_weight = a->op == TGL_GRAPH_DENSE ? n * n_in : n;
    for (uint32_t j = 0; j < n; j++) {
        tgl_quant x = tgl__node_out(a, j), y = tgl__node_out(b, j);
        if (tgl_type_equal(x.type, y.type) && x.round == y.round &&
            x.overflow == y.overflow)
            continue;
        compare_quants(l, "out", j, x, y);
        break;
    }
    compare_types(l, "offset_type", a->offset_type, b->offset_type);
    compare_types(l, "weight_type", a->weight_type, b->weight_type);
    compare_types(l, "bias_type", a->bias_type, b->bias_type);
    compare_types(l, "threshold_type", a->threshold_type, b->threshold_type);
    compare_quants(l, "cast", -1, a->cast, b->cast);
    compare_quants(l, "term", -1, a->term, b->term);
    compare_quants(l, "acc", -1, a->acc, b->acc);
    compare_quants(l, "softmax_diff", -1, a->softmax_diff, b->softmax_diff);
    compare_quants(l, "softmax_sum", -1, a->softmax_sum, b->softmax_sum);
    compare_codes(l, "offset", a->offset, b->offset, n);
    compare_codes(l, "shift", a->shift, b->shift, n);
    compare_codes(l, "weights", a->weights, b->weights, n_weight);
    compare_codes(l, "bias", a->bias, b->bias, n);
    compare_codes(l, "threshold", a->threshold, b->threshold, n);
    compare_table(l, "exp_table", &a->exp_table, &b->exp_table);
    compare_table(l, "inv_table", &a->inv_table, &b->inv_table);
    compare_order(l, a->op == TGL_GRAPH_DENSE ? n_in : 0);
    if (a->term_exact != b->term_exact)
        note(l, "term_exact", -1, tgl__json_new_bool(a->term_exact),
             tgl__json_new_bool(b->term_exact));
    if (a->begin != b->begin)
        note(l, "begin", -1, tgl__json_new_int(a->begin), tgl__json_new_int(b->begin));
}

/* The same operator on the same elements of the same nodes. */
static bool same_place(lister *l, bool first)
{
    const tgl_node *a = l->a, *b = l->b;
    size_t before = tgl__json_size(l->list);
    if (strcmp(a->name, b->name) != 0)
        note(l, "name", -1, tgl__json_new_string(a->name), tgl__json_new_string(b->name));
    else if (a->op != b->op)
        note(l, "op", -1, tgl__json_new_string(tgl_graph_op_name(a->op)),
             tgl__json_new_string(tgl_graph_op_name(b->op)));
    else if (a->n_element != b->n_element)
        note(l, "n_element", -1, tgl__json_new_int(a->n_element),
             tgl__json_new_int(b->n_element));
    else if (a->n_input != b->n_input ||
             (a->n_input &&
              memcmp(a->inputs, b->inputs, a->n_input * sizeof *a->inputs) != 0))
        note(l, "inputs", -1, tgl__json_new_int(a->n_input),
             tgl__json_new_int(b->n_input));
    for (uint32_t j = 0; first && tgl__json_size(l->list) == before && j < a->n_element;
         j++) {
        tgl_quant x = tgl__node_out(a, j), y = tgl__node_out(b, j);
        x.round = y.round = TGL_TRN;
        x.overflow = y.overflow = TGL_WRAP;
        compare_quants(l, "input type", j, x, y);
    }
    return tgl__json_size(l->list) == before;
}

tgl_json *tgl__static_differences(const tgl_graph *a, const tgl_graph *b,
                                  bool *comparable)
{
    lister l = {tgl__json_array(), NULL, NULL, true};
    *comparable = true;
    uint32_t n = a->n_node < b->n_node ? a->n_node : b->n_node;
    for (uint32_t i = 0; i < n && *comparable; i++) {
        l.a = &a->nodes[i];
        l.b = &b->nodes[i];
        *comparable = same_place(&l, i == 0);
        if (*comparable)
            compare_nodes(&l, tgl__node_n_in(a, l.a));
    }
    if (*comparable && a->n_node != b->n_node) {
        const tgl_graph *more = a->n_node > n ? a : b;
        l.a = &more->nodes[n];
        note(&l, "name", -1, tgl__json_new_string(more == a ? l.a->name : "absent"),
             tgl__json_new_string(more == b ? l.a->name : "absent"));
        *comparable = false;
    }
    if (!l.ok) {
        tgl__json_free(l.list);
        return NULL;
    }
    return l.list;
}
