/* Random small graphs over every operator, mode, width and slot, from a seed. Constants
 * stay reachable, so that the same graph can be built again with a payload's values. */
#ifndef TGL_TESTS_RANDOM_GRAPH_H
#define TGL_TESTS_RANDOM_GRAPH_H

#include <stdio.h>
#include <string.h>
#include <trigline/graph.h>

enum { RG_MAX_NODE = 9, RG_MAX_ELEMENT = 8, RG_MAX_TABLE = 32 };

typedef struct rg_node {
    tgl_node node;
    char name[16];
    uint32_t inputs[3];
    tgl_quant out[RG_MAX_ELEMENT];
    int64_t offset[RG_MAX_ELEMENT], shift[RG_MAX_ELEMENT], bias[RG_MAX_ELEMENT],
        threshold[RG_MAX_ELEMENT], weights[RG_MAX_ELEMENT * RG_MAX_ELEMENT],
        codes[RG_MAX_ELEMENT], tables[2][RG_MAX_TABLE];
    uint32_t order[RG_MAX_ELEMENT], indices[RG_MAX_ELEMENT], shape[2];
} rg_node;

typedef struct rg_graph {
    uint64_t state;
    int widen; /* 1, or 3 for the graphs that probe the limits of width */
    uint32_t n_node;
    rg_node nodes[RG_MAX_NODE];
} rg_graph;

static inline uint64_t rg_next(rg_graph *g)
{
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline int rg_int(rg_graph *g, int lo, int hi)
{
    return lo + (int)(rg_next(g) % (uint64_t)(hi - lo + 1));
}

static inline int64_t rg_code(rg_graph *g, int64_t lo, int64_t hi)
{
    if (rg_int(g, 0, 7) == 0)
        return rg_int(g, 0, 1) ? lo : hi;
    return lo + (int64_t)(rg_next(g) % ((uint64_t)hi - (uint64_t)lo + 1));
}

static inline tgl_type rg_type(rg_graph *g, int most)
{
    int width = rg_int(g, 1, (rg_int(g, 0, 9) ? most : most + 8) * g->widen);
    return (tgl_type){(uint8_t)rg_int(g, 0, 1), (uint8_t)width,
                      (int16_t)rg_int(g, -3, width + 2)};
}

static inline tgl_quant rg_quant(rg_graph *g, int most)
{
    return (tgl_quant){rg_type(g, most), (tgl_round)rg_int(g, 0, TGL_N_ROUND - 1),
                       (tgl_overflow)rg_int(g, 0, TGL_N_OVERFLOW - 1)};
}

static inline void rg_codes(rg_graph *g, int64_t *out, size_t n, tgl_type type)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rg_code(g, tgl_type_min(type), tgl_type_max(type));
}

static inline void rg_scale(rg_graph *g, rg_node *r)
{
    tgl_node *node = &r->node;
    node->offset_type = rg_type(g, 8);
    node->cast = rg_quant(g, 14);
    rg_codes(g, r->offset, node->n_element, node->offset_type);
    node->slot_offset = rg_int(g, 0, 2) == 0;
    node->slot_shift = rg_int(g, 0, 2) == 0;
    node->shift_lo = rg_int(g, -5, 3);
    node->shift_hi = rg_int(g, node->shift_lo, 6);
    for (uint32_t i = 0; i < node->n_element; i++)
        r->shift[i] = rg_code(g, node->shift_lo, node->shift_hi);
    node->offset = r->offset;
    node->shift = r->shift;
}

static inline uint32_t rg_divisor(rg_graph *g, uint32_t n)
{
    uint32_t d = (uint32_t)rg_int(g, 1, (int)n);
    while (n % d != 0)
        d--;
    return d;
}

/* Half of them in rows, sets or both; n_in becomes the inputs of one part. */
static inline void rg_dense_shape(rg_graph *g, tgl_node *node, uint32_t *n_in,
                                  uint32_t *n_out)
{
    if (rg_int(g, 0, 1)) {
        *n_out = node->n_element = (uint32_t)rg_int(g, 1, 5);
        return;
    }
    node->rows = rg_divisor(g, *n_in);
    node->sets = rg_divisor(g, *n_in / node->rows);
    uint32_t parts = node->rows * node->sets;
    *n_in /= parts;
    *n_out = (uint32_t)rg_int(g, 1, RG_MAX_ELEMENT / (int)parts);
    node->n_element = parts * *n_out;
    *n_out *= node->sets;
}

static inline void rg_dense(rg_graph *g, rg_node *r, const tgl_node *in)
{
    tgl_node *node = &r->node;
    uint32_t n_in = in->n_element, n_out;
    rg_dense_shape(g, node, &n_in, &n_out);
    node->weight_type = rg_type(g, 6);
    node->weights = r->weights;
    rg_codes(g, r->weights, (size_t)n_out * n_in, node->weight_type);
    for (uint32_t i = 0; i < n_out * n_in; i++)
        if (rg_int(g, 0, 3) == 0)
            r->weights[i] = 0;
    node->term = rg_quant(g, 14);
    node->acc = rg_quant(g, 16);
    node->acc.round = TGL_TRN;
    node->term_exact = rg_int(g, 0, 3) == 0;
    if (node->term_exact) {
        int finest = in->out[0].type.frac;
        for (uint32_t i = 0; i < in->n_out; i++)
            finest = in->out[i].type.frac > finest ? in->out[i].type.frac : finest;
        node->acc.type.frac =
            (int16_t)(finest + node->weight_type.frac + rg_int(g, 0, 2));
    }
    node->term.type.frac = node->acc.type.frac;
    if (rg_int(g, 0, 2)) {
        node->bias_type = rg_type(g, 8);
        rg_codes(g, r->bias, n_out, node->bias_type);
        node->bias = r->bias;
        node->slot_bias = node->sets <= 1 && rg_int(g, 0, 3) == 0;
        if (node->slot_bias && node->bias_type.frac > node->acc.type.frac)
            node->bias_type.frac = node->acc.type.frac;
    }
    node->slot_weights = node->sets <= 1 && rg_int(g, 0, 3) == 0;
    if (rg_int(g, 0, 1))
        return;
    for (uint32_t i = 0; i < n_in; i++)
        r->order[i] = i;
    for (uint32_t i = n_in; i-- > 1;) {
        uint32_t k = (uint32_t)rg_int(g, 0, (int)i), swap = r->order[i];
        r->order[i] = r->order[k];
        r->order[k] = swap;
    }
    node->order = r->order;
}

static inline void rg_softmax(rg_graph *g, rg_node *r)
{
    tgl_node *node = &r->node;
    tgl_graph_table *tables[2] = {&node->exp_table, &node->inv_table};
    tgl_quant *index[2] = {&node->softmax_diff, &node->softmax_sum};
    for (int t = 0; t < 2; t++) {
        *index[t] = rg_quant(g, 10);
        int most = index[t]->type.width < 5 ? index[t]->type.width : 5;
        tables[t]->type = rg_type(g, 8);
        tables[t]->count = UINT32_C(1) << rg_int(g, 0, most);
        tables[t]->codes = r->tables[t];
        rg_codes(g, r->tables[t], tables[t]->count, tables[t]->type);
    }
    node->acc = rg_quant(g, 14);
    if (rg_int(g, 0, 1))
        node->group = rg_divisor(g, node->n_element);
}

static inline void rg_rearrange(rg_graph *g, rg_node *r, const tgl_node *in)
{
    tgl_node *node = &r->node;
    uint32_t n = in->n_element;
    if (rg_int(g, 0, 1)) {
        r->inputs[1] = (uint32_t)rg_int(g, 0, (int)g->n_node - 1);
        n += g->nodes[r->inputs[1]].node.n_element;
        node->n_input = 2;
    }
    node->n_element = (uint32_t)rg_int(g, 1, RG_MAX_ELEMENT);
    for (uint32_t i = 0; i < node->n_element; i++)
        r->indices[i] =
            rg_int(g, 0, 5) == 0 ? TGL_GRAPH_ZERO : (uint32_t)rg_int(g, 0, (int)n - 1);
    node->indices = r->indices;
}

/* Further inputs of as many elements as the first: another node, or the same again. */
static inline void rg_partners(rg_graph *g, rg_node *r, uint32_t n_input)
{
    uint32_t n = g->nodes[r->inputs[0]].node.n_element;
    r->node.n_input = n_input;
    for (uint32_t which = 1; which < n_input; which++) {
        r->inputs[which] = r->inputs[0];
        for (int tries = 0; tries < 8; tries++) {
            uint32_t other = (uint32_t)rg_int(g, 0, (int)g->n_node - 1);
            if (g->nodes[other].node.n_element != n)
                continue;
            r->inputs[which] = other;
            break;
        }
    }
}

static inline void rg_scale_bias(rg_graph *g, rg_node *r)
{
    tgl_node *node = &r->node;
    node->weight_type = rg_type(g, 8);
    rg_codes(g, r->weights, node->n_element, node->weight_type);
    node->weights = r->weights;
    node->slot_weights = rg_int(g, 0, 2) == 0;
    if (rg_int(g, 0, 2) == 0)
        return;
    node->bias_type = rg_type(g, 8);
    rg_codes(g, r->bias, node->n_element, node->bias_type);
    node->bias = r->bias;
    node->slot_bias = rg_int(g, 0, 2) == 0;
}

static inline void rg_lookup(rg_graph *g, rg_node *r)
{
    tgl_node *node = &r->node;
    node->index = rg_quant(g, 10);
    int most = node->index.type.width < 5 ? node->index.type.width : 5;
    node->table.type = rg_type(g, 8);
    node->table.count = UINT32_C(1) << rg_int(g, 0, most);
    node->table.codes = r->tables[0];
    rg_codes(g, r->tables[0], node->table.count, node->table.type);
    node->slot_table = rg_int(g, 0, 1) == 0;
}

/* The result's types are drawn before the codes: those are in them. */
static inline void rg_constant(rg_graph *g, rg_node *r)
{
    tgl_node *node = &r->node;
    node->n_input = 0;
    node->n_element = (uint32_t)rg_int(g, 1, RG_MAX_ELEMENT);
    node->n_out = rg_int(g, 0, 1) ? 1 : node->n_element;
    for (uint32_t i = 0; i < node->n_out; i++)
        r->out[i] = (tgl_quant){rg_type(g, 12), TGL_TRN, TGL_WRAP};
    for (uint32_t i = 0; i < node->n_element; i++)
        rg_codes(g, &r->codes[i], 1, r->out[node->n_out == 1 ? 0 : i].type);
    node->out = r->out;
    node->codes = r->codes;
}

static inline void rg_result_types(rg_graph *g, rg_node *r)
{
    tgl_node *node = &r->node;
    node->out = r->out;
    node->n_out = rg_int(g, 0, 1) ? 1 : node->n_element;
    for (uint32_t i = 0; i < node->n_out; i++) {
        r->out[i] = rg_quant(g, 12);
        if (node->op == TGL_GRAPH_ARGMAX)
            r->out[i].type = (tgl_type){0, (uint8_t)rg_int(g, 3, 6), 0};
        if (node->op == TGL_GRAPH_THRESHOLD || node->op == TGL_GRAPH_COMPARE)
            r->out[i].type = (tgl_type){0, 1, 0};
    }
}

static inline void rg_members(rg_graph *g, rg_node *r)
{
    tgl_node *node = &r->node;
    const tgl_node *in = &g->nodes[node->inputs[0]].node;
    node->n_element = in->n_element;
    switch (node->op) {
    case TGL_GRAPH_SCALE:
        rg_scale(g, r);
        break;
    case TGL_GRAPH_DENSE:
        rg_dense(g, r, in);
        break;
    case TGL_GRAPH_ARGMAX:
        node->n_element = 1;
        break;
    case TGL_GRAPH_SUM_SQUARES:
        node->n_element = 1;
        node->term = rg_quant(g, 14);
        node->acc = rg_quant(g, 14);
        break;
    case TGL_GRAPH_THRESHOLD:
        node->n_element = (uint32_t)rg_int(g, 1, 3);
        node->threshold_type = rg_type(g, 10);
        rg_codes(g, r->threshold, node->n_element, node->threshold_type);
        node->threshold = r->threshold;
        node->slot_threshold = rg_int(g, 0, 1) == 0;
        break;
    case TGL_GRAPH_SOFTMAX:
        rg_softmax(g, r);
        break;
    case TGL_GRAPH_OUTPUT_SCALE:
        node->weight_type = rg_type(g, 8);
        rg_codes(g, r->weights, node->n_element, node->weight_type);
        node->weights = r->weights;
        node->slot_scale = rg_int(g, 0, 1) == 0;
        break;
    case TGL_GRAPH_CONCAT: {
        uint32_t other = (uint32_t)rg_int(g, 0, (int)g->n_node - 1);
        if (node->n_element + g->nodes[other].node.n_element <= RG_MAX_ELEMENT) {
            r->inputs[node->n_input++] = other;
            node->n_element += g->nodes[other].node.n_element;
        }
        break;
    }
    case TGL_GRAPH_SLICE:
        node->begin = (uint32_t)rg_int(g, 0, (int)in->n_element - 1);
        node->n_element = (uint32_t)rg_int(g, 1, (int)(in->n_element - node->begin));
        break;
    case TGL_GRAPH_REARRANGE:
        rg_rearrange(g, r, in);
        break;
    case TGL_GRAPH_SELECT:
        rg_partners(g, r, 3);
        break;
    case TGL_GRAPH_COMPARE:
        node->relation = (uint32_t)rg_int(g, 0, 5);
        rg_partners(g, r, 2);
        break;
    case TGL_GRAPH_ADD:
    case TGL_GRAPH_SUBTRACT:
    case TGL_GRAPH_MULTIPLY:
    case TGL_GRAPH_MINIMUM:
    case TGL_GRAPH_MAXIMUM:
    case TGL_GRAPH_AND:
    case TGL_GRAPH_OR:
    case TGL_GRAPH_XOR:
        rg_partners(g, r, 2);
        break;
    case TGL_GRAPH_SCALE_BIAS:
        rg_scale_bias(g, r);
        break;
    case TGL_GRAPH_RESCALE:
        for (uint32_t i = 0; i < node->n_element; i++)
            r->shift[i] = rg_int(g, -6, 6);
        node->shift = r->shift;
        break;
    case TGL_GRAPH_LOOKUP:
        rg_lookup(g, r);
        break;
    case TGL_GRAPH_REDUCE_SUM:
    case TGL_GRAPH_REDUCE_MAX:
    case TGL_GRAPH_REDUCE_MIN:
        node->group = rg_divisor(g, in->n_element);
        node->n_element = in->n_element / node->group;
        node->acc = rg_quant(g, 14);
        node->kind = node->op == TGL_GRAPH_REDUCE_SUM ? (uint32_t)rg_int(g, 0, 1) : 0;
        break;
    case TGL_GRAPH_CONSTANT:
        rg_constant(g, r);
        return;
    default:
        break;
    }
    rg_result_types(g, r);
}

/* What is for people only. */
static inline void rg_remarks(rg_graph *g, rg_node *r)
{
    if (rg_int(g, 0, 5) == 0)
        r->node.note = "drawn";
    if (rg_int(g, 0, 5) != 0)
        return;
    r->shape[0] = rg_divisor(g, r->node.n_element);
    r->shape[1] = r->node.n_element / r->shape[0];
    r->node.shape = r->shape;
    r->node.rank = 2;
}

/* A threshold compares one element: take a node that has one, else make a slice. */
static inline tgl_graph_op rg_op(rg_graph *g, uint32_t input)
{
    tgl_graph_op op = (tgl_graph_op)rg_int(g, TGL_GRAPH_SCALE, TGL_GRAPH_XOR);
    if (op == TGL_GRAPH_THRESHOLD && g->nodes[input].node.n_element != 1)
        op = TGL_GRAPH_SUM_SQUARES;
    return op;
}

static inline void rg_fix_pointers(rg_graph *g)
{
    for (uint32_t i = 0; i < g->n_node; i++)
        g->nodes[i].node.name = g->nodes[i].name;
}

static inline void rg_draw(rg_graph *g, uint64_t seed)
{
    memset(g, 0, sizeof *g);
    g->state = seed;
    g->widen = seed % 8 == 0 ? 3 : 1;
    uint32_t n = (uint32_t)rg_int(g, 2, RG_MAX_NODE);
    for (uint32_t i = 0; i < n; i++) {
        rg_node *r = &g->nodes[i];
        snprintf(r->name, sizeof r->name, "n%u", i);
        r->node.name = r->name;
        r->node.inputs = r->inputs;
        if (i == 0) {
            r->node.op = TGL_GRAPH_INPUT;
            r->node.n_element = (uint32_t)rg_int(g, 1, 6);
            rg_result_types(g, r);
        } else {
            /* mostly a chain, so that depth is seen */
            r->inputs[0] =
                (uint32_t)(rg_int(g, 0, 2) ? (int)i - 1 : rg_int(g, 0, (int)i - 1));
            r->node.n_input = 1;
            r->node.op = rg_op(g, r->inputs[0]);
            rg_members(g, r);
            rg_remarks(g, r);
        }
        g->n_node++;
    }
    rg_fix_pointers(g);
}

/* Every node but the input is an output, so that each is compared. */
static inline tgl_status rg_build(tgl_graph **out, const rg_graph *g, tgl_error *err)
{
    tgl_graph *graph = NULL;
    tgl_status status = tgl_graph_new(&graph, "random", err);
    for (uint32_t i = 0; i < g->n_node && status == TGL_OK; i++) {
        status = tgl_graph_add(graph, &g->nodes[i].node, NULL, err);
        if (status == TGL_OK && i > 0)
            status = tgl_graph_add_output(graph, g->nodes[i].name, i, err);
    }
    if (status == TGL_OK)
        status = tgl_graph_verify(graph, err);
    if (status != TGL_OK) {
        tgl_graph_free(graph);
        return status;
    }
    *out = graph;
    return TGL_OK;
}

/* The constants behind a slot's name, to be changed in place; NULL for a wrong name. */
static inline int64_t *rg_slot(rg_graph *g, const char *name)
{
    const char *dot = strchr(name, '.');
    for (uint32_t i = 0; dot && i < g->n_node; i++) {
        rg_node *r = &g->nodes[i];
        if (strncmp(name, r->name, (size_t)(dot - name)) != 0 || r->name[dot - name] != 0)
            continue;
        const char *member = dot + 1;
        return strcmp(member, "offset") == 0      ? r->offset
               : strcmp(member, "shift") == 0     ? r->shift
               : strcmp(member, "weights") == 0   ? r->weights
               : strcmp(member, "scale") == 0     ? r->weights
               : strcmp(member, "bias") == 0      ? r->bias
               : strcmp(member, "table") == 0     ? r->tables[0]
               : strcmp(member, "threshold") == 0 ? r->threshold
                                                  : NULL;
    }
    return NULL;
}

#endif
