/* Activations of one element each. */
#include "base/error.h"
#include "model/hls4ml/hls.h"

enum { LESS_EQUAL = 3, GREATER = 4, GREATER_EQUAL = 5 };

static const tgl_type unit = {1, 2, 0}; /* -1, 0, 1 */

static const tgl__tensor *x_of(const hls_layer *layer)
{
    return tgl__hls_in(layer, 0);
}

static tgl_type type_of(const hls_layer *layer)
{
    return layer->in[0]->type.quant.type;
}

static tgl_status each(hls_layer *layer, const tgl__tensor *x, tgl_graph_op op)
{
    tgl__tensor y;
    const tgl_node node = {.op = op, .out = tgl__hls_to(layer), .n_out = 1};
    TGL_TRY(tgl__layer_each(layer->l, &y, layer->call->layer, x, node));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status linear(hls_layer *layer)
{
    return tgl__hls_done(layer, 0, x_of(layer));
}

static tgl_status relu(hls_layer *layer)
{
    return each(layer, x_of(layer), TGL_GRAPH_RELU);
}

/* Above the limit the limit itself is cast. */
static tgl_status relu_to(hls_layer *layer, uint32_t limit)
{
    tgl__tensor top, y;
    const tgl_type type = {0, 6, 0};
    TGL_TRY(tgl__hls_constant(&top, layer, x_of(layer)->n, limit, type));
    TGL_TRY(tgl__layer_pair(layer->l, &y,
                            tgl__layers_name(layer->l, layer->call->layer, "minimum"),
                            TGL_GRAPH_MINIMUM, x_of(layer), &top, NULL));
    return each(layer, &y, TGL_GRAPH_RELU);
}

static tgl_status relu6(hls_layer *layer)
{
    return relu_to(layer, 6);
}

static tgl_status relu1(hls_layer *layer)
{
    return relu_to(layer, 1);
}

/* A parameter's type: template argument 1 of 4; before hls4ml 1.0 there were 3, and it
 * was the input's (elu: the result's). */
static tgl_status parameter_type(hls_type *type, const hls_layer *layer, bool of_result)
{
    const hls_call *call = layer->call;
    const hls_text none = {"", 0};
    if (call->n_type != 3 && call->n_type != 4)
        return tgl__hls_fail(layer, TGL_EFORMAT,
                             "expected 4 template arguments, found %u", call->n_type);
    return tgl__hls_type(type, layer->p, none,
                         call->types[call->n_type == 4 || of_result ? 1 : 0]);
}

/* Argument 2, a number, in its type. */
static tgl_status parameter(int64_t *code, hls_type *type, const hls_layer *layer,
                            bool of_result)
{
    double value;
    if (layer->call->n_arg < 3 || !tgl__hls_real(&value, layer->call->args[1]))
        return tgl__hls_fail(layer, TGL_EFORMAT, "argument 2: expected a number");
    TGL_TRY(parameter_type(type, layer, of_result));
    *code = tgl__hls_code(value, &type->quant);
    return TGL_OK;
}

/* x where it is above zero, else weights * x. */
static tgl_status positive_or(hls_layer *layer, const int64_t *weights, uint32_t n,
                              tgl_type type)
{
    tgl__tensor c, scaled, y;
    const tgl__tensor *x = x_of(layer);
    TGL_TRY(tgl__hls_compare(&c, layer, x, GREATER, 0, unit));
    TGL_TRY(tgl__layer_scale_bias(layer->l, &scaled,
                                  tgl__layers_name(layer->l, layer->call->layer, "slope"),
                                  x, weights, type, NULL, type, n, NULL));
    TGL_TRY(tgl__hls_select(&y, layer, &c, x, &scaled, tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

/* n times the same number. */
static tgl_status repeat(int64_t **out, hls_layer *layer, int64_t code)
{
    uint32_t n = x_of(layer)->n;
    *out = tgl__layers_array(layer->l, n, sizeof **out);
    for (uint32_t i = 0; *out && i < n; i++)
        (*out)[i] = code;
    return *out ? TGL_OK : TGL_ENOMEM;
}

static tgl_status leaky_relu(hls_layer *layer)
{
    int64_t code, *codes;
    hls_type type;
    TGL_TRY(parameter(&code, &type, layer, false));
    TGL_TRY(repeat(&codes, layer, code));
    return positive_or(layer, codes, x_of(layer)->n, type.quant.type);
}

static tgl_status prelu(hls_layer *layer)
{
    int64_t *codes;
    hls_type type;
    TGL_TRY(parameter_type(&type, layer, false));
    TGL_TRY(tgl__hls_codes(&codes, layer, 1, x_of(layer)->n, &type.quant));
    return positive_or(layer, codes, x_of(layer)->n, type.quant.type);
}

static tgl_status thresholded_relu(hls_layer *layer)
{
    int64_t code;
    hls_type type;
    tgl__tensor c, zero, y;
    TGL_TRY(parameter(&code, &type, layer, false));
    TGL_TRY(tgl__hls_compare(&c, layer, x_of(layer), GREATER, code, type.quant.type));
    TGL_TRY(tgl__hls_constant(&zero, layer, x_of(layer)->n, 0, unit));
    TGL_TRY(tgl__hls_select(&y, layer, &c, x_of(layer), &zero, tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

/* ---- by table ---- */

static tgl_status by_table(hls_layer *layer, hls_function function, uint32_t range)
{
    uint32_t n;
    hls_type type;
    int64_t *entries;
    tgl__tensor y;
    uint32_t refused = layer->p->import->n_refused;
    TGL_TRY(tgl__hls_table_form(&n, &type, layer));
    TGL_TRY(tgl__hls_table(&entries, layer, function, n, &type.quant));
    const hls_steps steps = {n, range, 0, true, false, entries, type.quant.type};
    TGL_TRY(
        tgl__hls_step_lookup(&y, layer, NULL, x_of(layer), &steps, tgl__hls_to(layer)));
    return layer->p->import->n_refused > refused ? TGL_OK : tgl__hls_done(layer, 0, &y);
}

static tgl_status sigmoid(hls_layer *layer)
{
    return by_table(layer, HLS_SIGMOID, 16);
}

static tgl_status tangent(hls_layer *layer)
{
    return by_table(layer, HLS_TANH, 8);
}

static tgl_status softplus(hls_layer *layer)
{
    return by_table(layer, HLS_SOFTPLUS, 16);
}

static tgl_status softsign(hls_layer *layer)
{
    return by_table(layer, HLS_SOFTSIGN, 16);
}

/* For negative x an entry of the table times alpha (exact, then cast), else x times one.
 */
typedef struct negative_branch {
    hls_function function;
    int64_t alpha, one;
    tgl_type alpha_type, one_type;
} negative_branch;

static tgl_status with_table(hls_layer *layer, const negative_branch *b)
{
    uint32_t n;
    hls_type type;
    int64_t *entries, *ones;
    tgl__tensor c, positive, negative, y;
    const tgl__tensor *x = x_of(layer);
    uint32_t refused = layer->p->import->n_refused;
    TGL_TRY(tgl__hls_table_form(&n, &type, layer));
    TGL_TRY(tgl__hls_table(&entries, layer, b->function, n, &type.quant));
    tgl_type product = type.quant.type;
    product.width = (uint8_t)(product.width + b->alpha_type.width);
    product.frac = (int16_t)(product.frac + b->alpha_type.frac);
    product.is_signed = 1;
    if (product.width > TGL_MAX_WIDTH)
        return tgl__hls_refuse(layer, "a table of %u bits", product.width);
    for (uint32_t i = 0; i < n; i++)
        entries[i] *= b->alpha;
    const hls_steps steps = {n, 8, 0, false, true, entries, product};
    const tgl_quant exact = {product, TGL_TRN, TGL_WRAP};
    TGL_TRY(tgl__hls_step_lookup(&negative, layer, "table", x, &steps, &exact));
    if (layer->p->import->n_refused > refused)
        return TGL_OK;
    TGL_TRY(tgl__hls_compare(&c, layer, x, GREATER_EQUAL, 0, unit));
    TGL_TRY(repeat(&ones, layer, b->one));
    TGL_TRY(tgl__layer_scale_bias(layer->l, &positive,
                                  tgl__layers_name(layer->l, layer->call->layer, "scale"),
                                  x, ones, b->one_type, NULL, b->one_type, x->n, NULL));
    TGL_TRY(tgl__hls_select(&y, layer, &c, &positive, &negative, tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

/* elu(x, alpha, y), or elu(x, y) with alpha 1. */
static tgl_status elu(hls_layer *layer)
{
    negative_branch b = {HLS_ELU, 1, 1, {0, 1, 0}, {0, 1, 0}};
    hls_type type;
    if (layer->call->n_arg > 2) {
        TGL_TRY(parameter(&b.alpha, &type, layer, true));
        b.alpha_type = type.quant.type;
    }
    return with_table(layer, &b);
}

static tgl_status selu(hls_layer *layer)
{
    negative_branch b = {HLS_SELU, 1, 0, {0, 1, 0}, {0, 16, 15}};
    tgl_quant lambda = {b.one_type, TGL_TRN, TGL_WRAP};
    bool newer;
    TGL_TRY(tgl__hls_is_newer(&newer, layer, "nnet_activation.h", "selu_const_t"));
    if (!newer) /* before 1.2 lambda had the result's type */
        lambda = *tgl__hls_to(layer);
    b.one = tgl__hls_code(1.0507009873554805, &lambda);
    b.one_type = lambda.type;
    return with_table(layer, &b);
}

/* The raw bits of x are the index. */
static tgl_status unary_lut(hls_layer *layer)
{
    uint32_t n;
    hls_type type;
    int64_t *codes;
    tgl__tensor y;
    const tgl_type x = type_of(layer);
    TGL_TRY(tgl__hls_dim(&n, layer, "table_size"));
    TGL_TRY(tgl__hls_config_type(&type, layer, "table_t"));
    if (x.width > 20 || n != 1u << x.width)
        return tgl__hls_refuse(layer, "a table of %u entries for %u bits", n, x.width);
    TGL_TRY(tgl__hls_codes(&codes, layer, 2, n, &type.quant));
    const tgl_quant index = {x, TGL_TRN, TGL_WRAP};
    const tgl_graph_table table = {type.quant.type, n, codes};
    TGL_TRY(tgl__hls_lookup(&y, layer, NULL, x_of(layer), &index, &table,
                            tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

/* ---- by pieces ---- */

/* A constant of the configuration, in its own type: "const slope_t config::slope = 0.2".
 */
static tgl_status config_number(int64_t *code, tgl_type *type, const hls_layer *layer,
                                const char *name)
{
    double value;
    hls_type own;
    const hls_name *member = tgl__hls_member(layer->p, layer->config, name);
    if (!member || member->kind != HLS_CONSTANT || !tgl__hls_real(&value, member->value))
        return tgl__hls_fail(layer, TGL_EFORMAT, "expected a number '%s'", name);
    TGL_TRY(tgl__hls_type(&own, layer->p, layer->config, member->type));
    *code = tgl__hls_code(value, &own.quant);
    *type = own.quant.type;
    return TGL_OK;
}

/* slope * x + shift kept exactly, then cut to [0, 1]. */
static tgl_status cut_line(tgl__tensor *out, hls_layer *layer)
{
    int64_t slope, shift, *slopes, *shifts;
    tgl_type slope_type, shift_type;
    tgl__tensor line, one;
    const tgl__tensor *x = x_of(layer);
    TGL_TRY(config_number(&slope, &slope_type, layer, "slope"));
    TGL_TRY(config_number(&shift, &shift_type, layer, "shift"));
    TGL_TRY(repeat(&slopes, layer, slope));
    TGL_TRY(repeat(&shifts, layer, shift));
    TGL_TRY(tgl__layer_scale_bias(layer->l, &line,
                                  tgl__layers_name(layer->l, layer->call->layer, "line"),
                                  x, slopes, slope_type, shifts, shift_type, x->n, NULL));
    TGL_TRY(tgl__hls_constant(&one, layer, x->n, 1, (tgl_type){0, 1, 0}));
    return tgl__layer_pair(layer->l, out,
                           tgl__layers_name(layer->l, layer->call->layer, "minimum"),
                           TGL_GRAPH_MINIMUM, &line, &one, NULL);
}

static tgl_status hard_sigmoid(hls_layer *layer)
{
    tgl__tensor y;
    TGL_TRY(cut_line(&y, layer));
    return each(layer, &y, TGL_GRAPH_RELU);
}

static tgl_status hard_tanh(hls_layer *layer)
{
    tgl__tensor cut, positive, y;
    int64_t *two, *minus;
    TGL_TRY(cut_line(&cut, layer));
    const tgl_quant same = {tgl__tensor_type(layer->l, &cut, 0), TGL_TRN, TGL_WRAP};
    const tgl_node node = {.op = TGL_GRAPH_RELU, .out = &same, .n_out = 1};
    TGL_TRY(tgl__layer_each(layer->l, &positive,
                            tgl__layers_name(layer->l, layer->call->layer, "cut"), &cut,
                            node));
    TGL_TRY(repeat(&two, layer, 2));
    TGL_TRY(repeat(&minus, layer, -1));
    TGL_TRY(tgl__layer_scale_bias(layer->l, &y, layer->call->layer, &positive, two,
                                  (tgl_type){0, 2, 0}, minus, unit, cut.n,
                                  tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

static tgl_status binary_tanh(hls_layer *layer)
{
    tgl__tensor c, plus, minus, y;
    uint32_t n = x_of(layer)->n;
    TGL_TRY(tgl__hls_compare(&c, layer, x_of(layer), GREATER_EQUAL, 0, unit));
    if (layer->out[0]->type.is_bit)
        return tgl__hls_done(layer, 0, &c);
    TGL_TRY(tgl__hls_constant(&plus, layer, n, 1, unit));
    TGL_TRY(tgl__hls_constant(&minus, layer, n, -1, unit));
    TGL_TRY(tgl__hls_select(&y, layer, &c, &plus, &minus, tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

/* On 2 x, which is cast to x's own type first. */
static tgl_status ternary_tanh(hls_layer *layer)
{
    tgl__tensor twice, high, low, plus, zero, minus, rest, y;
    const tgl__tensor *x = x_of(layer);
    int64_t *two;
    const tgl_quant exact = {unit, TGL_TRN, TGL_WRAP};
    TGL_TRY(repeat(&two, layer, 2));
    TGL_TRY(tgl__layer_scale_bias(
        layer->l, &twice, tgl__layers_name(layer->l, layer->call->layer, "twice"), x, two,
        (tgl_type){0, 2, 0}, NULL, unit, x->n, &layer->in[0]->type.quant));
    TGL_TRY(tgl__hls_compare(&high, layer, &twice, GREATER, 1, unit));
    TGL_TRY(tgl__hls_compare(&low, layer, &twice, LESS_EQUAL, -1, unit));
    TGL_TRY(tgl__hls_constant(&plus, layer, x->n, 1, unit));
    TGL_TRY(tgl__hls_constant(&zero, layer, x->n, 0, unit));
    TGL_TRY(tgl__hls_constant(&minus, layer, x->n, -1, unit));
    TGL_TRY(tgl__hls_select(&rest, layer, &low, &minus, &zero, &exact));
    TGL_TRY(tgl__hls_select(&y, layer, &high, &plus, &rest, tgl__hls_to(layer)));
    return tgl__hls_done(layer, 0, &y);
}

#define EACH(name, emit)                                                                 \
    {                                                                                    \
        name, 1, 1, 1, {"n_in", NULL}, emit                                              \
    }
#define EACH_WITH(name, emit)                                                            \
    {                                                                                    \
        name, 1, 2, 1, {"n_in", NULL}, emit                                              \
    }

const hls_operator tgl__hls_activations[] = {
    EACH("linear", linear),
    EACH("relu", relu),
    EACH("relu6", relu6),
    EACH("relu1", relu1),
    EACH_WITH("leaky_relu", leaky_relu),
    EACH_WITH("prelu", prelu),
    EACH_WITH("thresholded_relu", thresholded_relu),
    EACH("sigmoid", sigmoid),
    EACH("tanh", tangent),
    EACH("softplus", softplus),
    EACH("softsign", softsign),
    EACH_WITH("elu", elu),
    EACH("selu", selu),
    EACH("unary_lut", unary_lut),
    EACH("hard_sigmoid", hard_sigmoid),
    EACH("hard_tanh", hard_tanh),
    EACH("binary_tanh", binary_tanh),
    EACH("ternary_tanh", ternary_tanh),
    {NULL, 0, 0, 0, {NULL, NULL}, NULL},
};
