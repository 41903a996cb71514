/* ONNX and QONNX models as graphs: nodes in the file's order, which is topological. */
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "model/onnx/onnx.h"

static const onnx_operator *find_operator(const char *name)
{
    static const onnx_operator *const tables[] = {onnx_arithmetic, onnx_shapes,
                                                  onnx_layers, onnx_quantisers};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const onnx_operator *o = tables[t]; o->name; o++)
            if (strcmp(o->name, name) == 0)
                return o;
    return NULL;
}

/* The model's input: all that the file leaves without a node. */
static tgl_status add_input(onnx_reader *r)
{
    tgl_quant type;
    tgl_error *err = r->import->err;
    const char *named = r->import->options->input_type;
    onnx_value *input = NULL;
    for (uint32_t i = 0; i < r->n_value; i++)
        if (!r->values[i]->is_constant)
            input = r->values[i];
    if (!input || r->n_graph_input != 1)
        return tgl__fail(err, TGL_EUNSUPPORTED, "%s: expected one input, found %u",
                         r->import->source->path, r->n_graph_input);
    if (!named)
        return tgl__fail(
            err, TGL_EUSAGE,
            "%s: the file says nothing of the inputs' fixed-point type: name "
            "it (--inputs 'fixed<16,6>')",
            r->import->source->path);
    TGL_TRY(tgl_quant_parse(&type, named, err));
    if (input->rank == 0)
        return tgl__fail(err, TGL_EFORMAT, "%s: input '%s' has no shape",
                         r->import->source->path, input->name);
    TGL_TRY(tgl__layer_input(&r->layers, &input->x, input->name, input->rank,
                             input->shape, &type.type, 1, NULL));
    input->n = input->x.n;
    tgl__import_choice(r->import, input->name, "%s each, the batch left out", named);
    return TGL_OK;
}

/* Inputs that an unsupported node should have made: said once, with that node. */
static bool has_inputs(const onnx_reader *r)
{
    for (uint32_t i = 0; i < r->node->n_input; i++)
        if (r->node->inputs[i][0] && !onnx_input(r, i))
            return false;
    return true;
}

static tgl_status import_node(onnx_reader *r)
{
    const onnx_operator *o = find_operator(r->node->op);
    if (!o) {
        onnx_refuse(r, "this operator (domain '%.60s') is not supported",
                    r->node->domain);
        return TGL_OK;
    }
    if (!has_inputs(r)) {
        if (r->import->n_refused == 0)
            return onnx_fail(r, "an input is made by no node before it");
        return TGL_OK;
    }
    return o->import(r);
}

/* Steps that are one increasing function for every output change no order of them. */
static bool keeps_order(const onnx_value *y)
{
    for (const onnx_step *s = y->steps; s; s = s->before) {
        if (!s->c || s->kind == ONNX_STEP_SUBTRACT_FROM ||
            ((s->kind == ONNX_STEP_MULTIPLY || s->kind == ONNX_STEP_DIVIDE) &&
             !(s->c[0] > 0)))
            return false;
        for (uint32_t j = 1; j < y->n; j++)
            if (s->c[j] != s->c[0])
                return false;
    }
    return true;
}

static tgl_status add_outputs(onnx_reader *r)
{
    for (uint32_t i = 0; i < r->n_graph_output; i++) {
        const onnx_value *y = onnx_find(r, r->graph_outputs[i]);
        double factor;
        if (!y || y->is_constant)
            return tgl__fail(r->import->err, TGL_EFORMAT,
                             "%s: output '%s' is made by no node",
                             r->import->source->path, r->graph_outputs[i]);
        bool scaled = onnx_factor(y, &factor);
        if (!scaled && !keeps_order(y)) {
            tgl__import_refuse(r->import, y->name,
                               "this output is a float32 number off any grid");
            continue;
        }
        if (!scaled)
            tgl__import_choice(r->import, y->name,
                               "the last %u float32 operations, one increasing function "
                               "for all outputs, are left out",
                               y->steps->depth);
        else if (factor != 1)
            tgl__import_choice(r->import, y->name, "to be multiplied by %.9g", factor);
        TGL_TRY(tgl__layer_output(&r->layers, y->name, &y->x));
    }
    return TGL_OK;
}

static tgl_status import_graph(onnx_reader *r)
{
    TGL_TRY(onnx_read(r));
    TGL_TRY(add_input(r));
    for (uint32_t i = 0; i < r->n_node; i++) {
        r->node = &r->nodes[i];
        TGL_TRY(import_node(r));
    }
    TGL_TRY(tgl__import_supported(r->import));
    TGL_TRY(add_outputs(r));
    return tgl__import_supported(r->import);
}

static tgl_status import(tgl_graph **out, tgl_import *import)
{
    onnx_reader *r = tgl__calloc(1, sizeof *r);
    if (!r)
        return tgl__fail_nomem(import->err);
    r->import = import;
    tgl_status status =
        tgl__layers_begin(&r->layers, "onnx", import->source->path, import->err);
    if (status == TGL_OK)
        status = import_graph(r);
    if (status == TGL_OK)
        status = tgl__layers_end(out, &r->layers);
    tgl__layers_release(&r->layers);
    tgl__free(r->values);
    tgl__free(r);
    return status;
}

/* A model's first field is its IR version, a small varint; a graph with a node or so
 * follows somewhere. */
static bool sniff(const tgl_model_source *source)
{
    onnx_bytes rest = {(const uint8_t *)source->bytes, source->size};
    onnx_field f;
    bool bad = false, graph = false, version = false;
    while (onnx_next(&f, &rest, &bad)) {
        version = version || (f.number == 1 && f.wire == 0 && f.value < 100);
        graph = graph || (f.number == 7 && f.wire == 2);
    }
    return !bad && graph && version;
}

extern const tgl_importer tgl__importer_onnx;
const tgl_importer tgl__importer_onnx = {
    .name = "onnx",
    .summary = "ONNX with quantisers (QONNX, Brevitas)",
    .traits = TGL__TAKES_TYPES,
    .sniff = sniff,
    .import = import,
};
