/* What every layer needs: its configuration, its inputs, its result. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/hls4ml/hls.h"

tgl_status tgl__hls_fail(const hls_layer *layer, tgl_status code, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tgl__fail(layer->err, code, "%s: line %u: layer '%s' (%.*s): %s",
                     layer->p->files.path, layer->call->line, layer->call->layer,
                     (int)layer->call->function.n, layer->call->function.at, text);
}

tgl_status tgl__hls_refuse(hls_layer *layer, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tgl__import_refuse(layer->p->import, layer->call->layer, "%.*s: %s",
                       (int)layer->call->function.n, layer->call->function.at, text);
    return TGL_OK;
}

static tgl_status in_context(const hls_layer *layer, tgl_status status)
{
    if (status == TGL_OK)
        return TGL_OK;
    return tgl__fail_context(layer->err, status, "%s: layer '%s'", layer->p->files.path,
                             layer->call->layer);
}

tgl_status tgl__hls_dim(uint32_t *out, const hls_layer *layer, const char *name)
{
    int64_t v = 0;
    tgl_status status =
        tgl__hls_member_int(&v, layer->p, layer->config, name, 0, 1 << 20);
    *out = (uint32_t)v;
    return in_context(layer, status);
}

tgl_status tgl__hls_dims(uint32_t *out, const hls_layer *layer, const char *const *names,
                         uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        TGL_TRY(tgl__hls_dim(&out[i], layer, names[i]));
    return TGL_OK;
}

tgl_status tgl__hls_dim_or(uint32_t *out, const hls_layer *layer, const char *name,
                           uint32_t fallback)
{
    const hls_name *member = tgl__hls_member(layer->p, layer->config, name);
    *out = fallback;
    return member && member->value.n ? tgl__hls_dim(out, layer, name) : TGL_OK;
}

tgl_status tgl__hls_config_type(hls_type *out, const hls_layer *layer, const char *name)
{
    return in_context(layer, tgl__hls_member_type(out, layer->p, layer->config, name));
}

const tgl__tensor *tgl__hls_in(const hls_layer *layer, uint32_t i)
{
    return &layer->in[i]->tensor;
}

tgl_status tgl__hls_in_shaped(tgl__tensor *out, const hls_layer *layer, uint32_t i,
                              uint32_t rank, const uint32_t *shape)
{
    return tgl__layer_reshape(layer->l, out, layer->call->layer, tgl__hls_in(layer, i),
                              rank, shape);
}

const tgl_quant *tgl__hls_to(const hls_layer *layer)
{
    return &layer->out[0]->type.quant;
}

tgl_status tgl__hls_done(hls_layer *layer, uint32_t i, const tgl__tensor *x)
{
    hls_variable *v = layer->out[i];
    tgl__tensor flat;
    if (v->n && v->n != x->n)
        return tgl__hls_fail(layer, TGL_EFORMAT, "'%.*s': expected %u elements, found %u",
                             (int)v->name.n, v->name.at, v->n, x->n);
    TGL_TRY(tgl__layer_reshape(layer->l, &flat, layer->call->layer, x, 1, &x->n));
    TGL_TRY(tgl__layer_quantise(layer->l, &v->tensor, layer->call->layer, &flat,
                                &v->type.quant, 1));
    v->n = x->n;
    v->is_ready = true;
    return TGL_OK;
}

tgl_status tgl__hls_codes(int64_t **out, hls_layer *layer, uint32_t arg, uint32_t n,
                          const tgl_quant *quant)
{
    double *values;
    const hls_range name =
        arg < layer->call->n_arg ? layer->call->args[arg] : (hls_range){NULL, 0};
    if (name.n < 1)
        return tgl__hls_fail(layer, TGL_EFORMAT, "argument %u: expected an array",
                             arg + 1);
    TGL_TRY(in_context(layer,
                       tgl__hls_values(&values, layer->p, name.at[name.n - 1].text, n)));
    *out = tgl__layers_array(layer->l, n, sizeof **out);
    if (!*out)
        return TGL_ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        (*out)[i] = tgl__hls_code(values[i], quant);
    return TGL_OK;
}

tgl_status tgl__hls_is_newer(bool *out, const hls_layer *layer, const char *header,
                             const char *marker)
{
    const char *text;
    size_t size;
    const char *path =
        tgl__arena_printf(&layer->p->arena, "%snnet_utils/%s", layer->p->folder, header);
    if (!path)
        return tgl__fail_nomem(layer->err);
    TGL_TRY(tgl__hls_read(&text, &size, layer->p, path));
    *out = !text || strstr(text, marker);
    if (!text && !layer->p->told_of_headers)
        tgl__import_choice(layer->p->import, layer->p->folder,
                           "the project has no %s: hls4ml 1.3's meaning is taken", path);
    layer->p->told_of_headers = layer->p->told_of_headers || !text;
    return TGL_OK;
}
