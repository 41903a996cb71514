/* HGQ's quantisers with a type for each element, written out as a function of the
 * project: out[3] = ap_fixed<4,2,AP_RND,AP_SAT>(inp[3]); or out[3] = 0; */
#include "base/error.h"
#include "model/hls4ml/hls.h"

/* "NAME[12]" at *at. */
static bool element(uint32_t *out, const hls_token **at, const hls_token *end)
{
    double v;
    const hls_token *t = *at;
    if (end - t < 4 || t->kind != HLS_WORD || !tgl__hls_mark(t + 1, '[') ||
        !tgl__hls_mark(t + 3, ']') || !tgl__hls_real(&v, (hls_range){t + 2, 1}) ||
        v > 1 << 20)
        return false;
    *out = (uint32_t)v;
    *at = t + 4;
    return true;
}

uint32_t tgl__hls_mask_size(const hls_name *function)
{
    uint32_t n = 0, i;
    const hls_token *end = function->value.at + function->value.n;
    for (const hls_token *t = function->value.at; t < end; t++) {
        const hls_token *at = t;
        if (element(&i, &at, end) && at < end && tgl__hls_mark(at, '='))
            n = i + 1 > n ? i + 1 : n;
    }
    return n;
}

typedef struct mask {
    uint32_t n;
    tgl_quant *types;  /* (n) */
    uint32_t *indices; /* (n): of the input, TGL_GRAPH_ZERO where it is left out */
} mask;

/* What stands behind "=", up to the ";". */
static tgl_status read_element(mask *m, uint32_t i, const hls_layer *layer,
                               const hls_token **at, const hls_token *end)
{
    const hls_token *from = *at, *t = from + 1;
    hls_type type;
    uint32_t j;
    if (tgl__hls_is(from->text, "0")) {
        m->types[i] = (tgl_quant){{0, 1, 0}, TGL_TRN, TGL_WRAP};
        *at = t;
        return TGL_OK;
    }
    if (t < end && tgl__hls_mark(t, '<'))
        t = tgl__hls_behind(t, end);
    TGL_TRY(tgl__hls_type(&type, layer->p, (hls_text){"", 0},
                          (hls_range){from, (uint32_t)(t - from)}));
    bool ok = t < end && tgl__hls_mark(t, '(');
    t += ok;
    ok = ok && element(&j, &t, end) && t < end && tgl__hls_mark(t, ')');
    if (!ok || j >= layer->in[0]->n)
        return tgl__hls_fail(layer, TGL_EUNSUPPORTED,
                             "element %u: expected TYPE(inp[%u]) or 0", i, i);
    m->types[i] = type.quant;
    m->indices[i] = j;
    *at = t + 1;
    return TGL_OK;
}

static tgl_status read_mask(mask *m, hls_layer *layer, const hls_name *function)
{
    const hls_token *t = function->value.at, *end = t + function->value.n;
    uint32_t i;
    m->types = tgl__layers_array(layer->l, m->n, sizeof *m->types);
    m->indices = tgl__layers_array(layer->l, m->n, sizeof *m->indices);
    if (!m->types || !m->indices)
        return TGL_ENOMEM;
    for (i = 0; i < m->n; i++) {
        m->types[i] = (tgl_quant){{0, 1, 0}, TGL_TRN, TGL_WRAP};
        m->indices[i] = TGL_GRAPH_ZERO;
    }
    while (t < end) {
        bool ok =
            element(&i, &t, end) && i < m->n && t + 1 < end && tgl__hls_mark(t, '=');
        t += ok;
        if (ok)
            TGL_TRY(read_element(m, i, layer, &t, end));
        if (!ok || t >= end || !tgl__hls_mark(t++, ';'))
            return tgl__hls_fail(layer, TGL_EUNSUPPORTED,
                                 "function '%.*s': expected lines of the form 'out[0] = "
                                 "ap_fixed<...>(inp[0]);'",
                                 (int)function->name.n, function->name.at);
    }
    return TGL_OK;
}

static tgl_status emit(hls_layer *layer)
{
    const hls_name *function =
        tgl__hls_name(layer->p, (hls_text){"", 0}, layer->call->function);
    mask m = {.n = layer->in[0]->n};
    tgl__tensor x = *tgl__hls_in(layer, 0);
    const tgl__tensor *in[1] = {tgl__hls_in(layer, 0)};
    TGL_TRY(read_mask(&m, layer, function));
    TGL_TRY(tgl__layer_rearrange(layer->l, &x,
                                 tgl__layers_name(layer->l, layer->call->layer, "kept"),
                                 in, 1, m.indices));
    TGL_TRY(tgl__layer_quantise(layer->l, &x, layer->call->layer, &x, m.types, m.n));
    return tgl__hls_done(layer, 0, &x);
}

const hls_operator tgl__hls_mask = {"", 1, 1, 1, {"", NULL}, emit};
