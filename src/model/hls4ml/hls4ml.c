/* hls4ml's project directories: the network as deployed, with the exact types, orders,
 * casts and tables of its C++ (docs/model.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/names.h"
#include "model/hls4ml/hls.h"

/* A call with what it is. */
typedef struct step {
    const hls_operator *op;
    hls_layer layer;
} step;

typedef struct importer {
    hls_project p;
    hls_top top;
    hls_hand hand;
    step *steps;
    tgl__layers l;
    bool has_layers;
    tgl_import *import;
    tgl_error *err;
} importer;

/* ---- which function of hls4ml's a call is ---- */

static const hls_operator *const families[] = {
    tgl__hls_dense,     tgl__hls_activations, tgl__hls_softmax, tgl__hls_convolutions,
    tgl__hls_pools,     tgl__hls_pairs,       tgl__hls_moves,   tgl__hls_arithmetics,
    tgl__hls_attention, tgl__hls_recurrent,
};

static bool is_named(const char *pattern, hls_text name)
{
    size_t n = strlen(pattern);
    if (pattern[n - 1] != '_')
        return tgl__hls_is(name, pattern);
    return name.n > n && memcmp(name.at, pattern, n) == 0;
}

static const hls_operator *find_operator(hls_text name)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++)
        for (const hls_operator *op = families[f]; op->name; op++)
            if (is_named(op->name, name))
                return op;
    return NULL;
}

static const char *place(const step *s)
{
    return s->layer.call->layer;
}

/* One factor of a size: a member, or "<2", a template argument. */
static tgl_status read_factor(int64_t *out, const step *s, hls_text factor)
{
    const hls_layer *layer = &s->layer;
    if (factor.at[0] == '<') {
        uint32_t i = (uint32_t)(factor.at[1] - '0');
        if (i >= layer->call->n_type)
            return tgl__hls_fail(layer, TGL_EFORMAT,
                                 "expected %u template arguments, found %u", i + 1,
                                 layer->call->n_type);
        return tgl__hls_int(out, layer->p, (hls_text){"", 0}, layer->call->types[i]);
    }
    const hls_name *member = tgl__hls_name(layer->p, layer->config, factor);
    if (!member || !member->value.n) {
        *out = -1;
        return TGL_OK;
    }
    return tgl__hls_int(out, layer->p, layer->config, member->value);
}

/* "in_width*n_chan", or another after a bar where members are missing. */
static tgl_status read_size(uint32_t *out, const step *s, const char *spec)
{
    const char *c = spec;
    while (*c) {
        int64_t product = 1;
        while (*c && *c != '|') {
            const size_t n = strcspn(c, "*|");
            int64_t v;
            TGL_TRY(read_factor(&v, s, (hls_text){c, (uint32_t)n}));
            v = v == 0 ? 1 : v; /* an axis that is not there */
            product = product < 0 || v < 0 || v > 1 << 20 || product * v > 1 << 20
                          ? -1
                          : product * v;
            c += n + (c[n] == '*');
        }
        if (product > 0) {
            *out = (uint32_t)product;
            return TGL_OK;
        }
        c += *c == '|';
    }
    return tgl__hls_fail(&s->layer, TGL_EFORMAT,
                         "expected '%s' of 1 to %d in '%.*s', found none", spec, 1 << 20,
                         (int)s->layer.config.n, s->layer.config.at);
}

/* A separable convolution's size stands in its depthwise part. */
static tgl_status read_nested(uint32_t *out, step *s)
{
    hls_text own = s->layer.config;
    s->layer.config = tgl__hls_member_word(s->layer.p, own, "depthwise_config");
    bool two = tgl__hls_member(s->layer.p, s->layer.config, "in_height") != NULL;
    tgl_status status =
        read_size(out, s, two ? "in_height*in_width*n_chan" : "in_width*n_chan");
    s->layer.config = own;
    return status;
}

/* "inp_t model_inp[24], ..." of a function in the project's own code. */
static tgl_status read_own(uint32_t *out, const step *s)
{
    const hls_text none = {"", 0};
    const hls_name *function = tgl__hls_name(s->layer.p, none, s->layer.call->function);
    int64_t n = 0;
    for (uint32_t i = 0;
         function && function->kind == HLS_FUNCTION && i + 2 < function->type.n && n == 0;
         i++)
        if (tgl__hls_mark(&function->type.at[i], '['))
            TGL_TRY(tgl__hls_int(&n, s->layer.p, none,
                                 (hls_range){&function->type.at[i + 1], 1}));
    if (n == 0 && function && function->kind == HLS_FUNCTION && function->value.n)
        n = tgl__hls_mask_size(function);
    if (n < 1 || n > 1 << 20)
        return tgl__hls_fail(&s->layer, TGL_EFORMAT,
                             "expected its code in nnet_code_gen.h, found none");
    *out = (uint32_t)n;
    return TGL_OK;
}

/* How many elements input i has. */
static tgl_status read_input_size(uint32_t *out, step *s, uint32_t i)
{
    const char *spec = i && s->op->size[1] ? s->op->size[1] : s->op->size[0];
    if (!spec)
        return read_nested(out, s);
    if (!*spec)
        return read_own(out, s);
    if (strncmp(spec, "<0:", 3) != 0)
        return read_size(out, s, spec);
    if (s->layer.call->n_type < 1 || s->layer.call->types[0].n < 1)
        return tgl__hls_fail(&s->layer, TGL_EFORMAT, "expected template arguments");
    s->layer.config = s->layer.call->types[0].at->text;
    return read_size(out, s, spec + 3);
}

static tgl_status find_variable(hls_variable **out, importer *m, const step *s,
                                uint32_t arg)
{
    const hls_call *call = s->layer.call;
    *out = arg < call->n_arg ? tgl__hls_variable(&m->top, call->args[arg]) : NULL;
    if (*out)
        return TGL_OK;
    return tgl__hls_fail(&s->layer, TGL_EFORMAT,
                         "argument %u: expected a variable of the top function, found "
                         "'%.*s'",
                         arg + 1, arg < call->n_arg ? (int)call->args[arg].at->text.n : 0,
                         arg < call->n_arg ? call->args[arg].at->text.at : "");
}

static tgl_status read_ends(importer *m, step *s)
{
    hls_layer *layer = &s->layer;
    const hls_operator *op = s->op;
    uint32_t n = layer->call->n_arg;
    /* a parameter before the result may be left out: elu(x, y) */
    uint32_t out_at = n == 2 && op->n_in == 1 ? 1 : op->out_at;
    if (n <= out_at)
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "expected more than %u arguments, found "
                             "%u",
                             out_at, n);
    layer->n_in = op->n_in;
    layer->n_out = op->n_out ? op->n_out : n - out_at;
    layer->in =
        tgl__arena_alloc(&m->p.arena, layer->n_in + layer->n_out, sizeof(hls_variable *));
    if (!layer->in)
        return tgl__fail_nomem(m->err);
    layer->out = layer->in + layer->n_in;
    for (uint32_t i = 0; i < layer->n_in; i++) {
        uint32_t size = 0;
        TGL_TRY(find_variable(&layer->in[i], m, s, i));
        TGL_TRY(read_input_size(&size, s, i));
        layer->is_stream = layer->in[i]->type.is_stream;
        if (layer->in[i]->n && layer->in[i]->n != size)
            return tgl__hls_fail(layer, TGL_EFORMAT,
                                 "input %u: expected %u elements, found %u", i + 1, size,
                                 layer->in[i]->n);
        layer->in[i]->n = size;
        layer->in[i]->is_read = true;
    }
    for (uint32_t i = 0; i < layer->n_out; i++) {
        TGL_TRY(find_variable(&layer->out[i], m, s, out_at + i));
        if (layer->out[i]->is_written)
            return tgl__hls_fail(layer, TGL_EFORMAT, "its result is written twice");
        layer->out[i]->is_written = true;
    }
    return TGL_OK;
}

/* hls4ml's own function, or a quantiser that the project itself has the code of. */
static const hls_operator *operator_of(const importer *m, const hls_call *call)
{
    const hls_name *own = tgl__hls_name(&m->p, (hls_text){"", 0}, call->function);
    const hls_operator *op = find_operator(call->function);
    bool is_mask = !op && own && own->kind == HLS_FUNCTION && own->value.n &&
                   tgl__hls_mask_size(own) > 0;
    return is_mask ? &tgl__hls_mask : op;
}

static tgl_status read_steps(importer *m)
{
    m->steps = tgl__arena_alloc(&m->p.arena, m->top.n_call + 1, sizeof *m->steps);
    if (!m->steps)
        return tgl__fail_nomem(m->err);
    for (uint32_t i = 0; i < m->top.n_call; i++) {
        const hls_call *call = &m->top.calls[i];
        step *s = &m->steps[i];
        s->op = operator_of(m, call);
        s->layer = (hls_layer){.p = &m->p, .l = &m->l, .call = call, .err = m->err};
        if (call->n_type && call->types[call->n_type - 1].n)
            s->layer.config = call->types[call->n_type - 1].at->text;
        if (!s->op)
            tgl__import_refuse(m->import, call->layer, "function '%.*s' (line %u)",
                               (int)call->function.n, call->function.at, call->line);
        else
            TGL_TRY(read_ends(m, s));
    }
    return tgl__import_supported(m->import);
}

/* The step that writes a variable that only one other reads; NULL: none. */
static step *only_writer(importer *m, const hls_variable *v, uint32_t before)
{
    step *writer = NULL;
    uint32_t readers = 0;
    for (uint32_t i = 0; i < m->top.n_call; i++) {
        step *s = &m->steps[i];
        for (uint32_t k = 0; k < s->layer.n_in; k++)
            readers += s->layer.in[k] == v;
        if (i < before && s->layer.n_out == 1 && s->layer.out[0] == v)
            writer = s;
    }
    return readers == 1 && !v->is_parameter ? writer : NULL;
}

/* A dense layer that gives its accumulator as it is, to a linear "activation" alone, is
 * one layer with one cast: so is the same network in other formats. */
static void fold_linear(importer *m)
{
    for (uint32_t i = 0; i < m->top.n_call; i++) {
        step *s = &m->steps[i];
        hls_type acc;
        if (!tgl__hls_is(s->layer.call->function, "linear"))
            continue;
        step *dense = only_writer(m, s->layer.in[0], i);
        if (!dense || !tgl__hls_is(dense->layer.call->function, "dense") ||
            tgl__hls_member_type(&acc, &m->p, dense->layer.config, "accum_t") != TGL_OK ||
            !tgl_type_equal(acc.quant.type, s->layer.in[0]->type.quant.type))
            continue;
        dense->layer.out[0] = s->layer.out[0];
        dense->layer.out[0]->n = s->layer.in[0]->n;
        s->op = NULL;
    }
}

/* ---- inputs and outputs ---- */

static bool is_input(const hls_variable *v)
{
    return v->is_read && !v->is_written;
}

/* Every parameter that is read and never written, one after the other: how many elements
 * and variables, and the only one. */
static tgl_status count_inputs(uint32_t *n, uint32_t *count, hls_variable **only,
                               importer *m)
{
    *n = *count = 0;
    for (uint32_t i = 0; i < m->top.n_variable; i++) {
        hls_variable *v = &m->top.variables[i];
        if (!is_input(v))
            continue;
        *n += v->n;
        *only = ++*count == 1 ? v : NULL;
        if (!v->is_parameter || *n > 1 << 20)
            return tgl__fail(m->err, TGL_EFORMAT,
                             "%s: '%.*s' is read before it is written", m->p.files.path,
                             (int)v->name.n, v->name.at);
    }
    return *n ? TGL_OK
              : tgl__fail(m->err, TGL_EFORMAT, "%s: the top function reads no input",
                          m->p.files.path);
}

/* Names of the settings for the input's elements. */
static tgl_status input_labels(const char *const **out, importer *m, uint32_t n)
{
    const tgl_json *list = tgl__json_get(m->import->settings, "inputs");
    *out = NULL;
    if (!list)
        return TGL_OK;
    if (tgl__json_size(list) != n)
        return tgl__fail(m->err, TGL_EFORMAT,
                         "settings: 'inputs': expected %u names, found %zu", n,
                         tgl__json_size(list));
    const char **labels = tgl__layers_array(&m->l, n, sizeof *labels);
    for (uint32_t i = 0; labels && i < n; i++) {
        labels[i] = tgl__json_string(tgl__json_at(list, i), NULL);
        if (!labels[i])
            return tgl__fail(m->err, TGL_EFORMAT,
                             "settings: 'inputs' %u: expected a name", i);
    }
    *out = labels;
    return labels ? TGL_OK : TGL_ENOMEM;
}

static tgl_status share_inputs(importer *m, const tgl__tensor *all)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < m->top.n_variable; i++) {
        hls_variable *v = &m->top.variables[i];
        if (!is_input(v))
            continue;
        const char *name = tgl__hls_string(&m->p, v->name);
        if (!name)
            return tgl__fail_nomem(m->err);
        if (m->hand.has_scaling)
            TGL_TRY(tgl__hls_scale(&v->tensor, &m->hand, &m->l, all, &v->type.quant));
        else if (v->n == all->n)
            v->tensor = *all;
        else
            TGL_TRY(tgl__layer_slice(&m->l, &v->tensor, name, all, 0, at, v->n, 1));
        at += v->n;
        v->is_ready = true;
    }
    return TGL_OK;
}

static tgl_status add_inputs(importer *m)
{
    uint32_t n, count, at = 0;
    hls_variable *only = NULL;
    const char *const *labels;
    tgl__tensor all;
    TGL_TRY(count_inputs(&n, &count, &only, m));
    TGL_TRY(tgl__hls_hand(&m->hand, &m->p, only ? n : 0,
                          only ? only->type.quant : (tgl_quant){{0, 1, 0}, 0, 0}));
    TGL_TRY(input_labels(&labels, m, n));
    tgl_type *types = tgl__layers_array(&m->l, n, sizeof *types);
    if (!types)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < m->top.n_variable; i++) {
        const hls_variable *v = &m->top.variables[i];
        for (uint32_t j = 0; is_input(v) && j < v->n; j++)
            types[at++] = m->hand.has_scaling ? m->hand.input : v->type.quant.type;
    }
    TGL_TRY(tgl__layer_input(&m->l, &all, "input", 1, &n, types, n, labels));
    return share_inputs(m, &all);
}

/* Zeros for a result that is refused, so that what follows can be looked at. */
static tgl_status stand_in(importer *m, hls_variable *v)
{
    const int64_t zero = 0;
    tgl__tensor one;
    v->n = v->n ? v->n : v->type.together;
    TGL_TRY(tgl__layer_constant(&m->l, &one, "refused", 1, &(uint32_t){1}, &zero,
                                v->type.quant.type));
    TGL_TRY(tgl__layer_broadcast(&m->l, &v->tensor, "refused", &one, 1, &v->n));
    v->is_ready = true;
    return TGL_OK;
}

static tgl_status emit(importer *m, step *s)
{
    for (uint32_t i = 0; i < s->layer.n_in; i++)
        if (!s->layer.in[i]->is_ready)
            return tgl__hls_fail(&s->layer, TGL_EFORMAT,
                                 "its input is read before it is written");
    uint32_t refused = m->import->n_refused;
    tgl_status status = s->op->emit(&s->layer);
    if (status == TGL_EUNSUPPORTED) { /* a type: told with all the rest */
        tgl__import_refuse(m->import, place(s), "%s", m->err ? m->err->message : "");
    } else if (status != TGL_OK) {
        return status;
    }
    for (uint32_t i = 0; i < s->layer.n_out; i++) {
        if (s->layer.out[i]->is_ready)
            continue;
        if (m->import->n_refused == refused)
            return tgl__hls_fail(&s->layer, TGL_EFORMAT, "no result");
        TGL_TRY(stand_in(m, s->layer.out[i]));
    }
    return TGL_OK;
}

static tgl_status add_outputs(importer *m)
{
    const hls_variable *last = NULL;
    const tgl_json *names = tgl__json_get(m->import->settings, "outputs");
    for (uint32_t i = 0; i < m->top.n_variable; i++) {
        const hls_variable *v = &m->top.variables[i];
        if (!v->is_parameter || !v->is_written)
            continue;
        const char *name = tgl__hls_string(&m->p, v->name);
        if (!name)
            return tgl__fail_nomem(m->err);
        TGL_TRY(tgl__layer_output(
            &m->l, tgl__json_string(tgl__json_get(names, name), name), &v->tensor));
        last = v;
    }
    if (!last)
        return tgl__fail(m->err, TGL_EFORMAT, "%s: the top function writes no result",
                         m->p.files.path);
    if (m->hand.score != HLS_NO_SCORE)
        return tgl__hls_score(&m->hand, &m->p, &m->l, &last->tensor);
    return TGL_OK;
}

static tgl_status build(tgl_graph **out, importer *m)
{
    const char *name = tgl__hls_string(&m->p, m->p.space.n ? m->p.space : m->top.name);
    if (!name)
        return tgl__fail_nomem(m->err);
    name = tgl__json_string(tgl__json_get(m->import->settings, "name"), name);
    m->has_layers = true; /* also where it fails */
    TGL_TRY(tgl__layers_begin(&m->l, name, m->p.files.path, m->err));
    TGL_TRY(add_inputs(m));
    fold_linear(m);
    for (uint32_t i = 0; i < m->top.n_call; i++)
        if (m->steps[i].op)
            TGL_TRY(emit(m, &m->steps[i]));
    TGL_TRY(tgl__import_supported(m->import));
    TGL_TRY(add_outputs(m));
    return tgl__layers_end(out, &m->l);
}

tgl_status tgl__hls_import(tgl_graph **out, tgl_import *import, const hls_files *files)
{
    importer m = {.import = import, .err = import->err};
    m.p = (hls_project){.files = *files, .import = import, .err = import->err};
    tgl_status status;
    TGL_TRY_GOTO(tgl__hls_open_project(&m.p));
    TGL_TRY_GOTO(tgl__hls_top(&m.top, &m.p));
    TGL_TRY_GOTO(read_steps(&m));
    status = build(out, &m);
out:
    if (m.has_layers)
        tgl__layers_release(&m.l);
    tgl__hls_top_release(&m.top);
    tgl__hls_release(&m.p);
    return status;
}

static tgl_status import(tgl_graph **out, tgl_import *import)
{
    const hls_files files = {.path = import->source->path};
    return tgl__hls_import(out, import, &files);
}

static bool sniff(const tgl_model_source *source)
{
    static const char *const names[] = {"firmware/parameters.h", "NN/parameters.h",
                                        "parameters.h"};
    bool found = false;
    for (size_t i = 0; i < 3 && !found; i++) {
        char *path = tgl__path_join(source->path, names[i]);
        found = path && tgl__file_exists(path);
        tgl__free(path);
    }
    return found;
}

extern const tgl_importer tgl__importer_hls4ml;
const tgl_importer tgl__importer_hls4ml = {
    .name = "hls4ml",
    .summary = "hls4ml project directory (Vivado and Vitis back ends)",
    .traits = TGL__IS_DIRECTORY | TGL__TAKES_SETTINGS,
    .sniff = sniff,
    .import = import};
