/* The trained network as an exact graph. Types are chosen so that nothing but the
 * activations' and outputs' own quantisers can lose a bit. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "train/elementary.h"
#include "train/result.h"

typedef struct builder {
    const tgl__result *r;
    tgl_graph *graph;
    tgl_arena arena;
    uint32_t last; /* the node before */
} builder;

static uint8_t bits_of(uint64_t largest)
{
    uint8_t bits = 1;
    while (bits < 63 && (largest >> bits) != 0)
        bits++;
    return bits;
}

static tgl_quant exact(bool is_signed, int width, int frac)
{
    return (tgl_quant){{is_signed, (uint8_t)width, (int16_t)frac}, TGL_TRN, TGL_WRAP};
}

static tgl_status add(builder *b, tgl_node *node, tgl_error *err)
{
    if (node->n_input == 0 && node->op != TGL_GRAPH_INPUT) {
        node->n_input = 1;
        node->inputs = &b->last;
    }
    uint32_t number;
    TGL_TRY(tgl_graph_add(b->graph, node, &number, err));
    b->last = number;
    return TGL_OK;
}

/* ---- inputs ---- */

static tgl_status add_input(builder *b, tgl_error *err)
{
    const tgl__dataset *d = b->r->data;
    tgl_quant *types = tgl__arena_alloc(&b->arena, d->n_in, sizeof *types);
    const char **labels = tgl__arena_alloc(&b->arena, d->n_in, sizeof *labels);
    if (types == NULL || labels == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t j = 0; j < d->n_in; j++) {
        const tgl_input_rule *rule = tgl_convention_rule(d->convention, j);
        types[j] = rule->quant;
        labels[j] = rule->name;
    }
    tgl_node node = {.name = "input",
                     .op = TGL_GRAPH_INPUT,
                     .n_element = d->n_in,
                     .out = types,
                     .n_out = d->n_in,
                     .labels = labels};
    return add(b, &node, err);
}

static tgl_status add_scale(builder *b, tgl_error *err)
{
    const tgl__dataset *d = b->r->data;
    if (d->offset == NULL)
        return TGL_OK;
    tgl_node node = {.name = "scale",
                     .op = TGL_GRAPH_SCALE,
                     .n_element = d->n_in,
                     .out = &b->r->config->input,
                     .n_out = 1,
                     .offset = d->offset,
                     .offset_type = {1, 13, 0},
                     .shift = d->shift,
                     .shift_lo = TGL__SHIFT_LO,
                     .shift_hi = TGL__SHIFT_HI,
                     .cast = tgl__scale_cast,
                     .slot_offset = b->r->config->slot_offset,
                     .slot_shift = b->r->config->slot_shift};
    return add(b, &node, err);
}

/* ---- layers ---- */

/* The accumulator that holds every partial sum in any order: the sum of magnitudes. */
static tgl_quant accumulator(const tgl__layer *l, const tgl_node *node, tgl_quant in,
                             int frac)
{
    uint64_t most = 0, x = (uint64_t)-tgl_type_min(in.type);
    if (x < (uint64_t)tgl_type_max(in.type))
        x = (uint64_t)tgl_type_max(in.type);
    int product_frac = node->weight_type.frac + in.type.frac;
    for (uint32_t o = 0; o < l->n_out; o++) {
        uint64_t sum = 0;
        for (uint32_t k = 0; k < l->n_in; k++) {
            int64_t w = node->weights[o * l->n_in + k];
            sum += (uint64_t)(w < 0 ? -w : w) * x;
        }
        int64_t bias = node->bias[o];
        sum = (sum << (frac - product_frac)) +
              ((uint64_t)(bias < 0 ? -bias : bias) << (frac - node->bias_type.frac));
        most = sum > most ? sum : most;
    }
    return exact(true, bits_of(most) + 1, frac);
}

static tgl_status layer_codes(builder *b, tgl_node *node, const tgl__layer *l,
                              tgl_error *err)
{
    const tgl__net *net = b->r->net;
    int64_t *weights = tgl__arena_alloc(&b->arena, (size_t)l->n_in * l->n_out, 8);
    int64_t *bias = tgl__arena_alloc(&b->arena, l->n_out, 8);
    if (weights == NULL || bias == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t o = 0; o < l->n_out; o++) {
        bias[o] = tgl__net_code(net->used[l->bias + o], node->bias_type.frac);
        for (uint32_t k = 0; k < l->n_in; k++)
            weights[o * l->n_in + k] = tgl__net_code(
                net->used[l->weight + k * l->out_pad + o], node->weight_type.frac);
    }
    node->weights = weights;
    node->bias = bias;
    return TGL_OK;
}

static tgl_status add_layer(builder *b, int i, tgl_error *err)
{
    const tgl__net *net = b->r->net;
    const tgl__layer *l = &net->layers[i];
    bool last = i == net->n_deployed - 1;
    tgl_quant in = i == 0 ? net->input_quant : net->layers[i - 1].out_quant;
    uint32_t finer = tgl__net_finer(net, i);
    char name[32], relu_name[32];
    snprintf(name, sizeof name, "dense_%d", i + 1);
    snprintf(relu_name, sizeof relu_name, "relu_%d", i + 1);
    tgl_node node = {.name = last ? (b->r->data->n_class ? "logits" : "mean") : name,
                     .op = TGL_GRAPH_DENSE,
                     .n_element = l->n_out,
                     .n_out = 1,
                     .weight_type = l->weight_quant.type,
                     .bias_type = l->bias_quant.type,
                     .term_exact = 1};
    node.weight_type.width = (uint8_t)(node.weight_type.width + finer);
    node.weight_type.frac = (int16_t)(node.weight_type.frac + (int)finer);
    TGL_TRY(layer_codes(b, &node, l, err));
    int product = node.weight_type.frac + in.type.frac;
    int frac = product > node.bias_type.frac ? product : node.bias_type.frac;
    node.acc = accumulator(l, &node, in, frac);
    node.term =
        exact(true, node.weight_type.width + in.type.width + (frac - product), frac);
    node.out = last ? &l->out_quant : &node.acc;
    if (last && b->r->data->n_class)
        node.labels = b->r->config->classes;
    TGL_TRY(add(b, &node, err));
    if (last)
        return TGL_OK;
    tgl_node relu = {.name = relu_name,
                     .op = TGL_GRAPH_RELU,
                     .n_element = l->n_out,
                     .out = &l->out_quant,
                     .n_out = 1};
    return add(b, &relu, err);
}

/* ---- the anomaly score and its thresholds ---- */

static tgl_status add_score(builder *b, tgl_error *err)
{
    const tgl__result *r = b->r;
    tgl_quant out = {r->score_type, TGL_TRN, TGL_WRAP};
    tgl_quant mean = r->net->layers[r->net->n_deployed - 1].out_quant;
    TGL_TRY(tgl_graph_add_output(b->graph, "mean", b->last, err));
    tgl_node node = {.name = "score",
                     .op = TGL_GRAPH_SUM_SQUARES,
                     .n_element = 1,
                     .out = &out,
                     .n_out = 1,
                     .term = exact(false, 2 * mean.type.width - 1, 2 * mean.type.frac),
                     .acc = out};
    TGL_TRY(add(b, &node, err));
    return tgl_graph_add_output(b->graph, "score", b->last, err);
}

static tgl_status add_thresholds(builder *b, tgl_error *err)
{
    const tgl__result *r = b->r;
    uint32_t n = r->config->n_rate;
    tgl_quant bit = exact(false, 1, 0);
    int64_t codes[TGL__TRAIN_MAX_RATE];
    char names[TGL__TRAIN_MAX_RATE][32];
    const char *labels[TGL__TRAIN_MAX_RATE];
    for (uint32_t i = 0; i < n; i++) {
        codes[i] = r->points[i].threshold;
        snprintf(names[i], sizeof names[i], "rate_%gkhz", r->points[i].rate_khz);
        for (char *p = names[i]; *p != 0; p++)
            if (*p == '.' || *p == '-' || *p == '+')
                *p = *p == '.' ? 'p' : 'm';
        labels[i] = names[i];
    }
    tgl_node node = {.name = "accept",
                     .op = TGL_GRAPH_THRESHOLD,
                     .n_element = n,
                     .out = &bit,
                     .n_out = 1,
                     .labels = labels,
                     .threshold = codes,
                     .threshold_type = r->score_type,
                     .slot_threshold = r->config->slot_threshold};
    TGL_TRY(add(b, &node, err));
    return tgl_graph_add_output(b->graph, "accept", b->last, err);
}

/* ---- classes ---- */

enum { MAX_TABLE_BITS = 10 };

/* Entries of f at the values whose top bits are the index and whose other bits are zero.
 */
static tgl_status make_table(builder *b, tgl_graph_table *out, tgl_type index_type,
                             const tgl_quant *entry, double (*f)(double), tgl_error *err)
{
    int bits = index_type.width < MAX_TABLE_BITS ? index_type.width : MAX_TABLE_BITS;
    uint32_t count = UINT32_C(1) << bits;
    int64_t *codes = tgl__arena_alloc(&b->arena, count, sizeof *codes);
    if (codes == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < count; i++) {
        double x =
            tgl_code_to_double((int64_t)i << (index_type.width - bits), index_type.frac);
        TGL_TRY(tgl_quantise_double(&codes[i], f(x), entry, err));
    }
    *out = (tgl_graph_table){entry->type, count, codes};
    return TGL_OK;
}

static double falling(double x)
{
    return x > 700.0 ? 0.0 : tgl__exp(-x);
}

/* Index 0 is never asked: the largest term of the sum is exp(0) = 1. */
static double inverse(double x)
{
    return x > 0 ? 1.0 / x : 1e9;
}

/* hls4ml's stable softmax with tables as wide as their indices, so that no index loses a
 * bit as long as they have MAX_TABLE_BITS or fewer. */
static tgl_status add_softmax(builder *b, uint32_t logits, tgl_error *err)
{
    const tgl__train_config *c = b->r->config;
    tgl_quant logit = b->r->net->layers[b->r->net->n_deployed - 1].out_quant;
    tgl_quant probability = c->probability;
    uint8_t more = bits_of(c->latent - 1);
    tgl_node node = {.name = "probability",
                     .op = TGL_GRAPH_SOFTMAX,
                     .n_input = 1,
                     .inputs = &logits,
                     .n_element = c->latent,
                     .out = &probability,
                     .n_out = 1,
                     .labels = c->classes};
    node.softmax_diff =
        (tgl_quant){{0, logit.type.width, logit.type.frac}, TGL_RND_CONV, TGL_SAT};
    node.acc = exact(false, c->softmax_exp.type.width + more, c->softmax_exp.type.frac);
    /* 1 … n_class with the bits that a table of 2^MAX_TABLE_BITS can be asked for */
    int integer = bits_of(c->latent);
    node.softmax_sum = (tgl_quant){
        {0, MAX_TABLE_BITS, (int16_t)(MAX_TABLE_BITS - integer)}, TGL_RND_CONV, TGL_SAT};
    TGL_TRY(make_table(b, &node.exp_table, node.softmax_diff.type, &c->softmax_exp,
                       falling, err));
    TGL_TRY(make_table(b, &node.inv_table, node.softmax_sum.type, &c->softmax_inv,
                       inverse, err));
    return add(b, &node, err);
}

static tgl_status add_classes(builder *b, tgl_error *err)
{
    uint32_t logits = b->last;
    TGL_TRY(tgl_graph_add_output(b->graph, "logits", logits, err));
    TGL_TRY(add_softmax(b, logits, err));
    TGL_TRY(tgl_graph_add_output(b->graph, "probability", b->last, err));
    tgl_quant out = exact(false, bits_of(b->r->config->latent - 1), 0);
    tgl_node node = {.name = "class",
                     .op = TGL_GRAPH_ARGMAX,
                     .n_input = 1,
                     .inputs = &logits,
                     .n_element = 1,
                     .out = &out,
                     .n_out = 1};
    TGL_TRY(add(b, &node, err));
    return tgl_graph_add_output(b->graph, "class", b->last, err);
}

static tgl_status build(builder *b, tgl_error *err)
{
    TGL_TRY(add_input(b, err));
    TGL_TRY(add_scale(b, err));
    for (int i = 0; i < b->r->net->n_deployed; i++)
        TGL_TRY(add_layer(b, i, err));
    if (b->r->data->n_class > 0) {
        TGL_TRY(add_classes(b, err));
    } else {
        TGL_TRY(add_score(b, err));
        TGL_TRY(add_thresholds(b, err));
    }
    TGL_TRY(tgl_graph_set_convention(b->graph, b->r->data->convention, err));
    return tgl_graph_verify(b->graph, err);
}

tgl_status tgl__result_graph(tgl_graph **out, const tgl__result *result, tgl_error *err)
{
    builder b = {result, NULL, TGL_ARENA_INIT, 0};
    TGL_TRY(tgl_graph_new(&b.graph, result->config->name, err));
    tgl_status status = build(&b, err);
    tgl__arena_release(&b.arena);
    if (status != TGL_OK)
        tgl_graph_free(b.graph);
    else
        *out = b.graph;
    return status;
}
