/* Recurrent layers, step after step: LSTM and GRU, forward, or forward and backward. The
 * inputs' products are one matrix for all steps; states begin at zero for every event. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

enum { MAX_STEP = 4096 };

/* One direction of a layer. */
typedef struct cell {
    hls_layer *layer;
    hls_text config, act, act_recr, config_act, config_recr;
    bool lstm, torch;         /* torch: gates of a GRU in PyTorch's order */
    uint32_t n_in, n_state;   /* of one step */
    uint32_t weights;         /* argument of W; R, b and b_r follow */
    hls_type acc, out;        /* tmpres and states */
    tgl__matrix input, state; /* products of the input and of the state */
    uint32_t n_step;
    tgl__tensor *h; /* (n_step): the state after each */
} cell;

static const char *part(const cell *c, const char *name)
{
    return tgl__layers_name(c->layer->l, c->layer->call->layer, name);
}

/* ---- pieces ---- */

/* Elements from `begin`. */
static tgl_status piece(tgl__tensor *out, const cell *c, const tgl__tensor *x,
                        uint32_t begin, uint32_t n)
{
    return tgl__layer_slice(c->layer->l, out, part(c, "part"), x, 0, begin, n, 1);
}

static tgl_status pair(tgl__tensor *out, const cell *c, const char *name, tgl_graph_op op,
                       const tgl__tensor *a, const tgl__tensor *b, const hls_type *to)
{
    return tgl__layer_pair(c->layer->l, out, part(c, name), op, a, b,
                           to ? &to->quant : NULL);
}

/* An activation of its own configuration, from one type to the accumulator's. */
static tgl_status activate(tgl__tensor *out, const cell *c, const tgl__tensor *x,
                           const hls_type *type, hls_text name, hls_text config)
{
    hls_variable in = {.type = *type, .n = x->n, .tensor = *x},
                 result = {.type = c->acc, .n = x->n};
    hls_variable *ins[1] = {&in}, *outs[1] = {&result};
    hls_layer inner = *c->layer;
    inner.config = config;
    inner.in = ins;
    inner.out = outs;
    inner.quiet = true;
    for (const hls_operator *op = tgl__hls_activations; op->name; op++) {
        if (!tgl__hls_is(name, op->name))
            continue;
        TGL_TRY(op->emit(&inner));
        *out = result.tensor;
        return result.is_ready ? TGL_OK
                               : tgl__hls_fail(c->layer, TGL_EUNSUPPORTED,
                                               "activation '%.*s' of its types",
                                               (int)name.n, name.at);
    }
    return tgl__hls_fail(c->layer, TGL_EUNSUPPORTED, "activation '%.*s'", (int)name.n,
                         name.at);
}

/* ---- one step ---- */

/* Gates i, f, c, o: s = c i + s f, h = o act(s). */
static tgl_status lstm_step(tgl__tensor *h, tgl__tensor *s, const cell *c,
                            const tgl__tensor *x, const tgl__tensor *r)
{
    const uint32_t n = c->n_state;
    tgl__tensor sum, i, f, g, o, a, b;
    TGL_TRY(pair(&sum, c, "gates", TGL_GRAPH_ADD, x, r, &c->acc));
    TGL_TRY(piece(&i, c, &sum, 0, n));
    TGL_TRY(piece(&f, c, &sum, n, n));
    TGL_TRY(piece(&g, c, &sum, 2 * n, n));
    TGL_TRY(piece(&o, c, &sum, 3 * n, n));
    TGL_TRY(activate(&i, c, &i, &c->acc, c->act_recr, c->config_recr));
    TGL_TRY(activate(&f, c, &f, &c->acc, c->act_recr, c->config_recr));
    TGL_TRY(activate(&g, c, &g, &c->acc, c->act, c->config_act));
    TGL_TRY(activate(&o, c, &o, &c->acc, c->act_recr, c->config_recr));
    TGL_TRY(pair(&a, c, "new", TGL_GRAPH_MULTIPLY, &g, &i, NULL));
    TGL_TRY(pair(&b, c, "old", TGL_GRAPH_MULTIPLY, s, &f, NULL));
    TGL_TRY(pair(s, c, "state", TGL_GRAPH_ADD, &a, &b, &c->out));
    TGL_TRY(activate(&a, c, s, &c->out, c->act, c->config_act));
    return pair(h, c, "h", TGL_GRAPH_MULTIPLY, &o, &a, &c->out);
}

/* Gates z, r, h (PyTorch: r, z): h = act(x_h + r h_r) (1 - z) + h z. */
static tgl_status gru_step(tgl__tensor *h, const cell *c, const tgl__tensor *x,
                           const tgl__tensor *r)
{
    const uint32_t n = c->n_state;
    tgl__tensor xs, rs, z, reset, a, b, one;
    TGL_TRY(piece(&xs, c, x, 0, 2 * n));
    TGL_TRY(piece(&rs, c, r, 0, 2 * n));
    TGL_TRY(pair(&a, c, "gates", TGL_GRAPH_ADD, &xs, &rs, &c->acc));
    TGL_TRY(activate(&a, c, &a, &c->acc, c->act_recr, c->config_recr));
    TGL_TRY(piece(&z, c, &a, c->torch ? n : 0, n));
    TGL_TRY(piece(&reset, c, &a, c->torch ? 0 : n, n));
    TGL_TRY(piece(&rs, c, r, 2 * n, n));
    TGL_TRY(piece(&xs, c, x, 2 * n, n));
    TGL_TRY(pair(&b, c, "reset", TGL_GRAPH_MULTIPLY, &reset, &rs, &c->acc));
    TGL_TRY(pair(&a, c, "candidate", TGL_GRAPH_ADD, &xs, &b, &c->acc));
    TGL_TRY(activate(&a, c, &a, &c->acc, c->act, c->config_act));
    TGL_TRY(tgl__hls_constant(&one, c->layer, n, 1, (tgl_type){0, 1, 0}));
    TGL_TRY(pair(&b, c, "keep", TGL_GRAPH_SUBTRACT, &one, &z, NULL));
    TGL_TRY(pair(&a, c, "new", TGL_GRAPH_MULTIPLY, &a, &b, NULL));
    TGL_TRY(pair(&b, c, "old", TGL_GRAPH_MULTIPLY, h, &z, NULL));
    return pair(h, c, "h", TGL_GRAPH_ADD, &a, &b, &c->out);
}

/* All steps, backward from the last: h[k] is the state after k + 1 of them. */
static tgl_status run(cell *c, bool backward)
{
    tgl__layers *l = c->layer->l;
    const uint32_t gates = (c->lstm ? 4 : 3) * c->n_state,
                   shape[2] = {c->n_step, c->n_in};
    tgl__tensor x, all, h, s;
    c->h = tgl__layers_array(l, c->n_step, sizeof *c->h);
    if (!c->h)
        return TGL_ENOMEM;
    TGL_TRY(tgl__hls_in_shaped(&x, c->layer, 0, 2, shape));
    TGL_TRY(tgl__layer_matrix(l, &all, part(c, "input"), &x, &c->input));
    TGL_TRY(tgl__hls_constant(&h, c->layer, c->n_state, 0, c->out.quant.type));
    s = h;
    for (uint32_t k = 0; k < c->n_step; k++) {
        tgl__tensor step, r;
        uint32_t row = backward ? c->n_step - 1 - k : k;
        TGL_TRY(tgl__layer_slice(l, &step, part(c, "step"), &all, 0, row, 1, 1));
        TGL_TRY(tgl__layer_reshape(l, &step, part(c, "step"), &step, 1, &gates));
        TGL_TRY(tgl__layer_matrix(l, &r, part(c, "recurrent"), &h, &c->state));
        TGL_TRY(c->lstm ? lstm_step(&h, &s, c, &step, &r) : gru_step(&h, c, &step, &r));
        c->h[k] = h;
    }
    return TGL_OK;
}

/* ---- configurations ---- */

static tgl_status read_cell(cell *c, bool *ok)
{
    hls_layer *layer = c->layer;
    int64_t v = 0;
    hls_text first = tgl__hls_member_word(layer->p, c->config, "mult_config1"),
             second = tgl__hls_member_word(layer->p, c->config, "mult_config2");
    c->act = tgl__hls_member_alias(layer->p, c->config, "activation");
    c->act_recr = tgl__hls_member_alias(layer->p, c->config, "activation_recr");
    c->config_act = tgl__hls_member_word(layer->p, c->config, "ACT_CONFIG_T");
    c->config_recr = tgl__hls_member_word(layer->p, c->config,
                                          c->lstm ? "ACT_CONFIG_LSTM" : "ACT_CONFIG_GRU");
    TGL_TRY(tgl__hls_member_int(&v, layer->p, c->config, "n_in", 1, 1 << 16));
    c->n_in = (uint32_t)v;
    TGL_TRY(tgl__hls_member_int(&v, layer->p, c->config, "n_state", 1, 1 << 16));
    c->n_state = (uint32_t)v;
    v = 0;
    if (tgl__hls_member(layer->p, c->config, "pytorch_order"))
        TGL_TRY(tgl__hls_member_int(&v, layer->p, c->config, "pytorch_order", 0, 1));
    c->torch = v != 0;
    TGL_TRY(tgl__hls_member_type(&c->acc, layer->p, c->config, "accum_t"));
    c->out = layer->out[0]->type;
    tgl__import_choice(layer->p->import, layer->call->layer,
                       "activations' tables computed in float32 as hls4ml's C++ does, "
                       "with this machine's mathematics library");
    const uint32_t gates = (c->lstm ? 4 : 3) * c->n_state;
    hls_kernel kernel = {.config = first,
                         .weights = c->weights,
                         .bias = c->weights + 2,
                         .n_in = c->n_in,
                         .n_out = gates};
    TGL_TRY(tgl__hls_matrix(&c->input, ok, layer, &kernel));
    kernel = (hls_kernel){.config = second,
                          .weights = c->weights + 1,
                          .bias = c->weights + 3,
                          .n_in = c->n_state,
                          .n_out = gates};
    if (*ok)
        TGL_TRY(tgl__hls_matrix(&c->state, ok, layer, &kernel));
    c->input.out = c->state.out = &c->acc.quant;
    return TGL_OK;
}

/* Steps and how many of them come out. */
static tgl_status read_steps(uint32_t *n, uint32_t *n_out, hls_layer *layer)
{
    TGL_TRY(tgl__hls_dim(n, layer, "n_sequence"));
    TGL_TRY(tgl__hls_dim(n_out, layer, "n_sequence_out"));
    if (*n < 1 || *n > MAX_STEP || (*n_out != 1 && *n_out != *n))
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "expected 1 to %d steps, all or the last coming out",
                             MAX_STEP);
    if (layer->in[0]->n % *n)
        return tgl__hls_fail(layer, TGL_EFORMAT, "%u inputs in %u steps", layer->in[0]->n,
                             *n);
    return TGL_OK;
}

/* ---- layers ---- */

static tgl_status one_direction(hls_layer *layer, bool lstm)
{
    cell c = {.layer = layer, .config = layer->config, .lstm = lstm, .weights = 2};
    uint32_t n_out;
    bool ok;
    tgl__tensor y;
    if (layer->call->n_type != 3 || layer->call->n_arg != 6)
        return tgl__hls_refuse(layer, "states that are inputs");
    TGL_TRY(read_steps(&c.n_step, &n_out, layer));
    TGL_TRY(read_cell(&c, &ok));
    if (!ok)
        return TGL_OK;
    TGL_TRY(run(&c, false));
    if (n_out == 1)
        return tgl__hls_done(layer, 0, &c.h[c.n_step - 1]);
    const tgl__tensor **in = tgl__layers_array(layer->l, n_out, sizeof *in);
    if (!in)
        return TGL_ENOMEM;
    for (uint32_t k = 0; k < n_out; k++)
        in[k] = &c.h[k];
    TGL_TRY(tgl__layer_concat(layer->l, &y, layer->call->layer, in, n_out, 0));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status lstm(hls_layer *layer)
{
    return one_direction(layer, true);
}

static tgl_status gru(hls_layer *layer)
{
    return one_direction(layer, false);
}

static bool is_lstm(hls_text alias)
{
    return tgl__hls_is(alias, "lstm_class") || tgl__hls_is(alias, "lstm_class_static");
}

/* Forward states, then backward ones, of each step; or the last of both. */
static tgl_status bidirectional(hls_layer *layer)
{
    static const char *const members[2][2] = {{"FORWARD_CONFIG", "RNNfunc_forward"},
                                              {"BACKWARD_CONFIG", "RNNfunc_backward"}};
    cell c[2];
    uint32_t n, n_out;
    tgl__tensor y;
    TGL_TRY(read_steps(&n, &n_out, layer));
    if (layer->call->n_arg != 10)
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected 10 arguments, found %u",
                             layer->call->n_arg);
    for (uint32_t d = 0; d < 2; d++) {
        bool ok;
        hls_text alias = tgl__hls_member_alias(layer->p, layer->config, members[d][1]);
        c[d] =
            (cell){.layer = layer,
                   .config = tgl__hls_member_word(layer->p, layer->config, members[d][0]),
                   .lstm = is_lstm(alias),
                   .weights = 2 + 4 * d,
                   .n_step = n};
        if (!c[d].lstm && !tgl__hls_is(alias, "gru_class") &&
            !tgl__hls_is(alias, "gru_class_static"))
            return tgl__hls_refuse(layer, "cells of '%.*s'", (int)alias.n, alias.at);
        TGL_TRY(read_cell(&c[d], &ok));
        if (!ok)
            return TGL_OK;
        TGL_TRY(run(&c[d], d == 1));
    }
    const tgl__tensor **in = tgl__layers_array(layer->l, 2 * (size_t)n, sizeof *in);
    if (!in)
        return TGL_ENOMEM;
    for (uint32_t k = 0; k < n_out; k++) {
        in[2 * k] = &c[0].h[n_out == 1 ? n - 1 : k];
        in[2 * k + 1] = &c[1].h[n_out == 1 ? n - 1 : n - 1 - k];
    }
    TGL_TRY(tgl__layer_concat(layer->l, &y, layer->call->layer, in, 2 * n_out, 0));
    return tgl__hls_done(layer, 0, &y);
}

const hls_operator tgl__hls_recurrent[] = {
    {"lstm_stack", 1, 1, 1, {"n_sequence*n_in", NULL}, lstm},
    {"gru_stack", 1, 1, 1, {"n_sequence*n_in", NULL}, gru},
    {"bidirectional_stack", 1, 1, 1, {"n_sequence*n_in", NULL}, bidirectional},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
