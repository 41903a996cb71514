/* What transformers are made of: sums of products over named axes, layer normalisation,
 * embeddings. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

static const char *part(const hls_layer *layer, const char *name)
{
    return tgl__layers_name(layer->l, layer->call->layer, name);
}

/* ---- einsum_dense: (inplace, free data, contracted) by kernels of each "inplace" ----
 */

typedef struct einsum {
    uint32_t l0, l1, c, i; /* free of either input, contracted, in place */
} einsum;

static tgl_status into_shape(tgl__tensor *x, hls_layer *layer, uint32_t a, uint32_t b,
                             uint32_t c)
{
    const uint32_t shape[3] = {a, b, c};
    return tgl__layer_reshape(layer->l, x, layer->call->layer, x, 3, shape);
}

static tgl_status swap(tgl__tensor *x, hls_layer *layer)
{
    const uint32_t perm[3] = {1, 0, 2};
    return tgl__layer_transpose(layer->l, x, part(layer, "order"), x, perm);
}

/* Rows (free data) of sets (in place), or every pair a set where biases differ. */
static tgl_status multiply(tgl__tensor *x, hls_layer *layer, const einsum *e,
                           const tgl__matrix *m)
{
    bool shared = m->sets == e->i;
    TGL_TRY(into_shape(x, layer, shared ? e->i : 1, shared ? e->l0 : e->i * e->l0, e->c));
    if (shared)
        TGL_TRY(swap(x, layer));
    TGL_TRY(tgl__layer_matrix(layer->l, x, layer->call->layer, x, m));
    if (!shared)
        return TGL_OK;
    TGL_TRY(into_shape(x, layer, e->l0, e->i, e->l1));
    return swap(x, layer);
}

static tgl_status einsum_dense(hls_layer *layer)
{
    static const char *const names[4] = {"n_free_data", "n_free_kernel", "n_contract",
                                         "n_inplace"};
    uint32_t d[4];
    tgl__matrix m;
    tgl__tensor x, y;
    bool ok;
    hls_text dense = tgl__hls_member_word(layer->p, layer->config, "dense_conf"),
             before = tgl__hls_member_word(layer->p, layer->config, "tpose_inp_conf"),
             after = tgl__hls_member_word(layer->p, layer->config, "tpose_out_conf");
    if (!dense.n)
        return tgl__hls_refuse(layer, "distributed arithmetic");
    TGL_TRY(tgl__hls_dims(d, layer, names, 4));
    const einsum e = {d[0], d[1], d[2], d[3]};
    const hls_kernel kernel = {.config = dense,
                               .weights = 2,
                               .bias = 3,
                               .n_in = e.c,
                               .n_out = e.l1,
                               .sets = e.i,
                               .rows = e.l0};
    if (e.l0 < 1 || (uint64_t)e.i * e.l0 * e.l1 > 1 << 20)
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected 1 to %d results", 1 << 20);
    TGL_TRY(tgl__hls_matrix(&m, &ok, layer, &kernel));
    if (!ok)
        return TGL_OK;
    TGL_TRY(tgl__hls_transpose(&x, layer, tgl__hls_in(layer, 0), before));
    TGL_TRY(multiply(&x, layer, &e, &m));
    TGL_TRY(tgl__hls_transpose(&y, layer, &x, after));
    return tgl__hls_done(layer, 0, &y);
}

/* ---- einsum: the same of two inputs ---- */

/* (in place, free 0, 1, contracted) times (in place, 1, free 1, contracted), summed in
 * order from zero. */
static tgl_status products(tgl__tensor *out, hls_layer *layer, const einsum *e,
                           tgl__tensor *a, tgl__tensor *b)
{
    hls_type acc;
    const uint32_t left[4] = {e->i, e->l0, 1, e->c}, right[4] = {e->i, 1, e->l1, e->c};
    tgl__tensor exact;
    TGL_TRY(tgl__hls_config_type(&acc, layer, "accum_t"));
    TGL_TRY(tgl__layer_reshape(layer->l, a, layer->call->layer, a, 4, left));
    TGL_TRY(tgl__layer_reshape(layer->l, b, layer->call->layer, b, 4, right));
    TGL_TRY(tgl__layer_pair(layer->l, &exact, part(layer, "products"), TGL_GRAPH_MULTIPLY,
                            a, b, NULL));
    if (!tgl__hls_sums_cast(tgl__tensor_type(layer->l, &exact, 0), &acc.quant))
        return tgl__hls_refuse(layer, "an accumulator that rounds or saturates single "
                                      "products");
    const tgl_node node = {.op = TGL_GRAPH_REDUCE_SUM,
                           .group = e->c,
                           .kind = 1,
                           .acc = acc.quant,
                           .out = tgl__hls_to(layer),
                           .n_out = 1};
    const uint32_t n = exact.n / e->c;
    const tgl__tensor *in[1] = {&exact};
    if (!tgl__tensor_shaped(out, 1, &n))
        return tgl__hls_fail(layer, TGL_ELIMIT, "too many elements");
    return tgl__layer_add(layer->l, out, layer->call->layer, in, 1, node);
}

static tgl_status einsum_two(hls_layer *layer)
{
    static const char *const names[4] = {"n_free0", "n_free1", "n_contract", "n_inplace"};
    uint32_t d[4], refused = layer->p->import->n_refused;
    tgl__tensor a, b, y;
    hls_text product = tgl__hls_member_alias(layer->p, layer->config, "product"),
             first = tgl__hls_member_word(layer->p, layer->config, "tpose_inp0_config"),
             second = tgl__hls_member_word(layer->p, layer->config, "tpose_inp1_config"),
             after = tgl__hls_member_word(layer->p, layer->config, "tpose_out_conf");
    if (product.n && !tgl__hls_is(product, "mult"))
        return tgl__hls_refuse(layer, "product '%.*s'", (int)product.n, product.at);
    TGL_TRY(tgl__hls_dims(d, layer, names, 4));
    const einsum e = {d[0], d[1], d[2], d[3]};
    TGL_TRY(tgl__hls_transpose(&a, layer, tgl__hls_in(layer, 0), first));
    TGL_TRY(tgl__hls_transpose(&b, layer, tgl__hls_in(layer, 1), second));
    TGL_TRY(products(&y, layer, &e, &a, &b));
    if (layer->p->import->n_refused > refused)
        return TGL_OK;
    TGL_TRY(tgl__hls_transpose(&y, layer, &y, after));
    return tgl__hls_done(layer, 0, &y);
}

/* ---- layer normalisation ---- */

typedef struct normal {
    uint32_t seq, dim, n, power, range;
    hls_type acc, table;
    int64_t inverse; /* 1 / dim, in the accumulator's type */
} normal;

static tgl_status read_normal(normal *s, hls_layer *layer)
{
    TGL_TRY(tgl__hls_dim(&s->seq, layer, "seq_len"));
    TGL_TRY(tgl__hls_dim(&s->n, layer, "table_size"));
    TGL_TRY(tgl__hls_dim(&s->power, layer, "epsilon_power_of_10"));
    TGL_TRY(tgl__hls_dim(&s->range, layer, "table_range_power2"));
    TGL_TRY(tgl__hls_config_type(&s->acc, layer, "accum_t"));
    TGL_TRY(tgl__hls_config_type(&s->table, layer, "table_t"));
    s->dim = s->seq ? layer->in[0]->n / s->seq : 0;
    if (!s->dim || s->dim * s->seq != layer->in[0]->n || s->range > 20 || s->power > 20)
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected sizes of a sequence");
    s->inverse = tgl__hls_code(1.0 / s->dim, &s->acc.quant);
    return TGL_OK;
}

/* The sum of each row times 1 / dim, every step in the accumulator's type. */
static tgl_status mean(tgl__tensor *out, hls_layer *layer, const normal *s,
                       const tgl__tensor *x, const char *name)
{
    tgl__tensor sum;
    const tgl_quant *acc = &s->acc.quant;
    const uint32_t shape[2] = {s->seq, 1};
    const tgl__tensor *in[1] = {x};
    int64_t *inverse = tgl__layers_array(layer->l, s->seq, sizeof *inverse);
    if (!inverse)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < s->seq; i++)
        inverse[i] = s->inverse;
    const tgl_node node = {.op = TGL_GRAPH_REDUCE_SUM,
                           .group = s->dim,
                           .kind = 1,
                           .acc = *acc,
                           .out = acc,
                           .n_out = 1};
    if (!tgl__tensor_shaped(&sum, 2, shape))
        return tgl__hls_fail(layer, TGL_ELIMIT, "too many elements");
    TGL_TRY(tgl__layer_add(layer->l, &sum, part(layer, "sum"), in, 1, node));
    return tgl__layer_scale_bias(layer->l, out, part(layer, name), &sum, inverse,
                                 acc->type, NULL, acc->type, s->seq, acc);
}

static tgl_status root(tgl__tensor *out, hls_layer *layer, const normal *s,
                       const tgl__tensor *var)
{
    int64_t *entries = tgl__layers_array(layer->l, s->n, sizeof *entries);
    if (!entries)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < s->n; i++)
        entries[i] = tgl__hls_root_entry(i, s->n, s->power, s->range, &s->table.quant);
    tgl__import_choice(layer->p->import, layer->call->layer,
                       "table computed in float32 as hls4ml's C++ does, with this "
                       "machine's mathematics library");
    const hls_steps steps = {s->n,  1,       s->range,           false,
                             false, entries, s->table.quant.type};
    return tgl__hls_step_lookup(out, layer, "root", var, &steps, &s->table.quant);
}

/* difference * root * scale + bias, exactly before the cast. */
static tgl_status scaled(hls_layer *layer, const normal *s, const tgl__tensor *difference,
                         const tgl__tensor *inverse)
{
    hls_type scale, bias;
    int64_t *scales, *biases;
    tgl__tensor product, y;
    TGL_TRY(tgl__hls_config_type(&scale, layer, "scale_t"));
    TGL_TRY(tgl__hls_config_type(&bias, layer, "bias_t"));
    TGL_TRY(tgl__hls_codes(&scales, layer, 2, s->dim, &scale.quant));
    TGL_TRY(tgl__hls_codes(&biases, layer, 3, s->dim, &bias.quant));
    TGL_TRY(tgl__layer_pair(layer->l, &product, part(layer, "product"),
                            TGL_GRAPH_MULTIPLY, difference, inverse, NULL));
    TGL_TRY(tgl__layer_scale_bias(layer->l, &y, layer->call->layer, &product, scales,
                                  scale.quant.type, biases, bias.quant.type, s->dim,
                                  tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status layernormalize(hls_layer *layer)
{
    normal s;
    tgl__tensor x, average, difference, square, var, inverse;
    uint32_t refused = layer->p->import->n_refused;
    TGL_TRY(read_normal(&s, layer));
    const tgl_quant *acc = &s.acc.quant;
    const uint32_t shape[2] = {s.seq, s.dim};
    TGL_TRY(tgl__hls_in_shaped(&x, layer, 0, 2, shape));
    TGL_TRY(tgl__layer_quantise(layer->l, &x, part(layer, "cast"), &x, acc, 1));
    TGL_TRY(mean(&average, layer, &s, &x, "mean"));
    TGL_TRY(tgl__layer_pair(layer->l, &difference, part(layer, "difference"),
                            TGL_GRAPH_SUBTRACT, &x, &average, acc));
    TGL_TRY(tgl__layer_pair(layer->l, &square, part(layer, "square"), TGL_GRAPH_MULTIPLY,
                            &difference, &difference, acc));
    TGL_TRY(mean(&var, layer, &s, &square, "variance"));
    TGL_TRY(root(&inverse, layer, &s, &var));
    return layer->p->import->n_refused > refused
               ? TGL_OK
               : scaled(layer, &s, &difference, &inverse);
}

/* ---- embedding ---- */

/* Column k of the table: entry by entry over all values of the index. */
static tgl_status column(tgl__tensor *out, hls_layer *layer, const tgl__tensor *x,
                         const int64_t *codes, uint32_t k, uint32_t n_out, uint32_t vocab)
{
    const tgl_type type = tgl__tensor_type(layer->l, x, 0);
    const uint32_t count = 1u << type.width;
    hls_type entry;
    int64_t *column = tgl__layers_array(layer->l, count, sizeof *column);
    if (!column)
        return TGL_ENOMEM;
    TGL_TRY(tgl__hls_config_type(&entry, layer, "embeddings_t"));
    for (uint32_t i = 0; i < count && i < vocab; i++)
        column[i] = type.is_signed && i >= count / 2 ? 0 : codes[i * n_out + k];
    const tgl_quant index = {type, TGL_TRN, TGL_WRAP};
    const tgl_graph_table table = {entry.quant.type, count, column};
    return tgl__hls_lookup(out, layer, "column", x, &index, &table, tgl__hls_to(layer));
}

static tgl_status embedding(hls_layer *layer)
{
    uint32_t n_out, vocab;
    hls_type entry;
    int64_t *codes;
    const tgl_type type = layer->in[0]->type.quant.type;
    TGL_TRY(tgl__hls_dim(&n_out, layer, "n_out"));
    TGL_TRY(tgl__hls_dim(&vocab, layer, "vocab_size"));
    TGL_TRY(tgl__hls_config_type(&entry, layer, "embeddings_t"));
    if (type.frac != 0 || type.width > 16 || n_out < 1 || n_out > 4096 || vocab > 1 << 16)
        return tgl__hls_refuse(layer,
                               "an index of %u bits, %d of them fraction, for %u "
                               "values each",
                               type.width, type.frac, n_out);
    TGL_TRY(tgl__hls_codes(&codes, layer, 2, vocab * n_out, &entry.quant));
    if (vocab < 1u << (type.width - type.is_signed))
        tgl__import_choice(layer->p->import, layer->call->layer,
                           "indices past the %u entries, undefined in C++, give zeros",
                           vocab);
    const tgl__tensor **in = tgl__layers_array(layer->l, n_out, sizeof *in);
    tgl__tensor *columns = tgl__layers_array(layer->l, n_out, sizeof *columns), y;
    if (!in || !columns)
        return TGL_ENOMEM;
    const uint32_t shape[2] = {layer->in[0]->n, 1};
    for (uint32_t k = 0; k < n_out; k++) {
        TGL_TRY(
            column(&columns[k], layer, tgl__hls_in(layer, 0), codes, k, n_out, vocab));
        TGL_TRY(tgl__layer_reshape(layer->l, &columns[k], layer->call->layer, &columns[k],
                                   2, shape));
        in[k] = &columns[k];
    }
    TGL_TRY(tgl__layer_concat(layer->l, &y, layer->call->layer, in, n_out, 1));
    return tgl__hls_done(layer, 0, &y);
}

const hls_operator tgl__hls_attention[] = {
    {"einsum_dense", 1, 1, 1, {"n_free_data*n_contract*n_inplace", NULL}, einsum_dense},
    {"einsum",
     2,
     2,
     1,
     {"n_free0*n_contract*n_inplace", "n_free1*n_contract*n_inplace"},
     einsum_two},
    {"layernormalize", 1, 1, 1, {"n_in", NULL}, layernormalize},
    {"embedding", 1, 1, 1, {"n_in", NULL}, embedding},
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
