/* Comparisons, selections and tables, as activations use them. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

tgl_status tgl__hls_constant(tgl__tensor *out, hls_layer *layer, uint32_t n, int64_t code,
                             tgl_type type)
{
    int64_t *codes = tgl__layers_array(layer->l, n, sizeof *codes);
    if (!codes)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        codes[i] = code;
    return tgl__layer_constant(layer->l, out,
                               tgl__layers_name(layer->l, layer->call->layer, "constant"),
                               1, &n, codes, type);
}

tgl_status tgl__hls_compare(tgl__tensor *out, hls_layer *layer, const tgl__tensor *x,
                            uint32_t relation, int64_t code, tgl_type type)
{
    const tgl_quant bit = {{0, 1, 0}, TGL_TRN, TGL_WRAP};
    tgl__tensor constant;
    TGL_TRY(tgl__hls_constant(&constant, layer, x->n, code, type));
    const tgl__tensor *in[2] = {x, &constant};
    const tgl_node node = {
        .op = TGL_GRAPH_COMPARE, .relation = relation, .out = &bit, .n_out = 1};
    *out = *x;
    return tgl__layer_add(layer->l, out,
                          tgl__layers_name(layer->l, layer->call->layer, "compare"), in,
                          2, node);
}

tgl_status tgl__hls_select(tgl__tensor *out, hls_layer *layer, const tgl__tensor *c,
                           const tgl__tensor *x, const tgl__tensor *z,
                           const tgl_quant *to)
{
    const tgl__tensor *in[3] = {c, x, z};
    const tgl_node node = {.op = TGL_GRAPH_SELECT, .out = to, .n_out = 1};
    *out = *c;
    return tgl__layer_add(layer->l, out, layer->call->layer, in, 3, node);
}

tgl_status tgl__hls_lookup(tgl__tensor *out, hls_layer *layer, const char *part,
                           const tgl__tensor *x, const tgl_quant *index,
                           const tgl_graph_table *table, const tgl_quant *to)
{
    const tgl_node node = {
        .op = TGL_GRAPH_LOOKUP, .index = *index, .table = *table, .out = to, .n_out = 1};
    return tgl__layer_each(layer->l, out,
                           tgl__layers_name(layer->l, layer->call->layer, part), x, node);
}

/* log2(n), or 0 where n is no power of two from 2 to 2^20. */
static uint32_t log2_of(uint32_t n)
{
    uint32_t bits = 0;
    while (bits < 20 && (1u << bits) < n)
        bits++;
    return n > 1 && (1u << bits) == n ? bits : 0;
}

/* What the code c of the index stands for: the entry it takes. */
static uint32_t entry_of(const hls_steps *s, int64_t c)
{
    int64_t i = s->mirror ? -c : s->centre ? c + s->n / 2 : c;
    return i < 0 ? 0 : i > s->n - 1 ? s->n - 1 : (uint32_t)i;
}

/* trunc(x * n / range) is a conversion to a type whose unit is range / n, toward zero;
 * the clamping is its saturation. hls4ml keeps the index in 32 bits. */
tgl_status tgl__hls_step_lookup(tgl__tensor *out, hls_layer *layer, const char *part,
                                const tgl__tensor *x, const hls_steps *s,
                                const tgl_quant *to)
{
    uint32_t bits = log2_of(s->n), range = log2_of(s->range);
    int most = 0, least = 0; /* integer bits, fraction bits of any element */
    for (uint32_t i = 0; i < x->n; i++) {
        const tgl_type type = tgl__tensor_type(layer->l, x, i);
        most = type.width - type.frac > most ? type.width - type.frac : most;
        least = type.frac < least ? type.frac : least;
    }
    if (!bits || most + (int)(bits + s->up) - (int)range > 30 ||
        (least < 0 && bits < range))
        return tgl__hls_refuse(
            layer, "a table of %u entries for a value of %d integer bits", s->n, most);
    /* one more bit than the table where only one sign of the index addresses it */
    const uint8_t width = (uint8_t)(bits + !s->centre);
    const tgl_quant index = {
        {1, width, (int16_t)(bits + s->up - range)}, TGL_TRN_ZERO, TGL_SAT};
    uint32_t count = 1u << width;
    int64_t *codes = tgl__layers_array(layer->l, count, sizeof *codes);
    if (!codes)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        int64_t c = i >= count / 2 ? (int64_t)i - count : (int64_t)i;
        codes[i] = s->entries[entry_of(s, c)];
    }
    const tgl_graph_table table = {s->type, count, codes};
    return tgl__hls_lookup(out, layer, part, x, &index, &table, to);
}

tgl_status tgl__hls_table(int64_t **out, hls_layer *layer, hls_function function,
                          uint32_t n, const tgl_quant *quant)
{
    *out = tgl__layers_array(layer->l, n, sizeof **out);
    if (!*out)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        (*out)[i] = tgl__hls_entry(function, i, n, quant);
    if (!layer->quiet)
        tgl__import_choice(layer->p->import, layer->call->layer,
                           "table computed in float32 as hls4ml's C++ does, with this "
                           "machine's mathematics library");
    return TGL_OK;
}

tgl_status tgl__hls_table_form(uint32_t *n, hls_type *type, const hls_layer *layer)
{
    TGL_TRY(tgl__hls_dim_or(n, layer, "table_size", 1024));
    if (tgl__hls_member(layer->p, layer->config, "table_t"))
        return tgl__hls_config_type(type, layer, "table_t");
    *type = (hls_type){.quant = {{1, 18, 10}, TGL_TRN, TGL_WRAP}, .together = 1};
    return TGL_OK;
}

bool tgl__hls_sums_cast(tgl_type element, const tgl_quant *acc)
{
    const tgl_interval range = tgl__interval_of_type(element);
    const tgl_interval cast = tgl__interval_quantise(
        &range, &(tgl_quant){{1, TGL_MAX_WIDTH, acc->type.frac}, acc->round, TGL_WRAP});
    bool even = element.frac <= acc->type.frac || acc->round == TGL_TRN ||
                acc->round == TGL_RND || acc->round == TGL_RND_MIN_INF;
    return even && (acc->overflow == TGL_WRAP || tgl__interval_fits(&cast, acc->type));
}
