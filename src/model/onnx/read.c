/* onnx.proto's messages, as far as a model for inference has them. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "model/onnx/onnx.h"

enum {
    MAX_NODE = TGL__GRAPH_MAX_NODE,
    MAX_ELEMENT = 1 << 24, /* of a constant */
    /* TensorProto.DataType */
    TYPE_FLOAT = 1,
    TYPE_UINT8 = 2,
    TYPE_INT8 = 3,
    TYPE_INT32 = 6,
    TYPE_INT64 = 7,
    TYPE_BOOL = 9,
    TYPE_DOUBLE = 11
};

static tgl_status broken(const onnx_reader *r, const char *what)
{
    return tgl__fail(
        r->import->err, TGL_EFORMAT,
        "%s: %s: the bytes are no such message: not an ONNX file, or cut off",
        r->import->source->path, what);
}

static const char *text(onnx_reader *r, onnx_bytes bytes)
{
    char *copy = tgl__arena_strndup(&r->layers.arena, (const char *)bytes.at, bytes.size);
    return copy ? copy : "";
}

static void *array(onnx_reader *r, size_t n, size_t size)
{
    return tgl__layers_array(&r->layers, n, size);
}

/* How many fields of one number a message has, so that arrays are made once. */
static uint32_t count(onnx_bytes message, uint32_t number)
{
    onnx_field f;
    bool bad = false;
    uint32_t n = 0;
    while (onnx_next(&f, &message, &bad))
        n += f.number == number;
    return n;
}

/* ---- tensors ---- */

typedef struct tensor_fields {
    uint64_t type;
    onnx_bytes raw, floats, ints32, ints64, doubles, name;
    bool has_raw, external;
} tensor_fields;

static tgl_status add_dim(onnx_reader *r, onnx_value *value, uint64_t size)
{
    uint64_t n = value->rank == 0 ? size : value->n * size;
    if (value->rank >= TGL__TENSOR_RANK || size > MAX_ELEMENT || n > MAX_ELEMENT)
        return tgl__fail(r->import->err, TGL_ELIMIT,
                         "%s: tensor '%s': expected at most %d elements in %d dimensions",
                         r->import->source->path, value->name ? value->name : "",
                         MAX_ELEMENT, TGL__TENSOR_RANK);
    value->shape[value->rank++] = (uint32_t)size;
    value->n = (uint32_t)n;
    return TGL_OK;
}

/* A repeated number: one varint, or many packed. */
static tgl_status add_dims(onnx_reader *r, onnx_value *value, const onnx_field *f)
{
    if (f->wire != 2)
        return add_dim(r, value, f->value);
    onnx_bytes rest = f->bytes;
    uint64_t size;
    while (onnx_varint(&size, &rest))
        TGL_TRY(add_dim(r, value, size));
    return TGL_OK;
}

static size_t element_size(uint64_t type)
{
    return type == TYPE_FLOAT || type == TYPE_INT32                       ? 4
           : type == TYPE_INT64 || type == TYPE_DOUBLE                    ? 8
           : type == TYPE_INT8 || type == TYPE_UINT8 || type == TYPE_BOOL ? 1
                                                                          : 0;
}

static double element(uint64_t type, const uint8_t *at)
{
    float f;
    double d;
    int32_t i;
    int64_t l;
    switch (type) {
    case TYPE_FLOAT:
        memcpy(&f, at, 4);
        return (double)f;
    case TYPE_DOUBLE:
        memcpy(&d, at, 8);
        return d;
    case TYPE_INT32:
        memcpy(&i, at, 4);
        return i;
    case TYPE_INT64:
        memcpy(&l, at, 8);
        return (double)l;
    case TYPE_INT8:
        return (int8_t)*at;
    default:
        return *at;
    }
}

/* Packed varints as numbers; what is short is refused by the caller's count. */
static uint32_t unpack(double *out, uint32_t n, onnx_bytes packed)
{
    uint32_t done = 0;
    uint64_t v;
    while (done < n && onnx_varint(&v, &packed))
        out[done++] = (double)(int64_t)v;
    return done;
}

static tgl_status fill_numbers(onnx_reader *r, onnx_value *value, const tensor_fields *t)
{
    size_t size = element_size(t->type);
    double *numbers = array(r, value->n, sizeof *numbers);
    if (!numbers)
        return TGL_ENOMEM;
    onnx_bytes from = t->has_raw               ? t->raw
                      : t->type == TYPE_FLOAT  ? t->floats
                      : t->type == TYPE_DOUBLE ? t->doubles
                                               : (onnx_bytes){NULL, 0};
    bool packed = !t->has_raw && t->type != TYPE_FLOAT && t->type != TYPE_DOUBLE;
    bool whole =
        size > 0 && !t->external &&
        (packed ? unpack(numbers, value->n,
                         t->type == TYPE_INT64 ? t->ints64 : t->ints32) == value->n
                : from.size == value->n * size);
    if (!whole)
        return tgl__fail(r->import->err, size ? TGL_EFORMAT : TGL_EUNSUPPORTED,
                         "%s: tensor '%s': expected %u numbers of a type that is known "
                         "and stands in the file, found type %llu and %zu bytes%s",
                         r->import->source->path, value->name, value->n,
                         (unsigned long long)t->type, from.size,
                         t->external ? " (external data)" : "");
    for (uint32_t j = 0; !packed && j < value->n; j++)
        numbers[j] = element(t->type, from.at + j * size);
    value->numbers = numbers;
    return TGL_OK;
}

static tgl_status read_tensor(onnx_reader *r, onnx_value *value, onnx_bytes message)
{
    onnx_field f;
    bool bad = false;
    tensor_fields t = {0};
    value->is_constant = true;
    value->n = 1;
    onnx_bytes rest = message;
    while (onnx_next(&f, &rest, &bad))
        if (f.number == 8)
            value->name = text(r, f.bytes);
    rest = message;
    while (onnx_next(&f, &rest, &bad))
        switch (f.number) {
        case 1:
            TGL_TRY(add_dims(r, value, &f));
            break;
        case 2:
            t.type = f.value;
            break;
        case 4:
            t.floats = f.bytes;
            break;
        case 5:
            t.ints32 = f.bytes;
            break;
        case 7:
            t.ints64 = f.bytes;
            break;
        case 9:
            t.raw = f.bytes;
            t.has_raw = true;
            break;
        case 10:
            t.doubles = f.bytes;
            break;
        case 14:
            t.external = f.value == 1;
            break;
        default:
            break;
        }
    if (bad)
        return broken(r, "tensor");
    if (!value->name)
        value->name = "";
    return fill_numbers(r, value, &t);
}

/* ---- nodes ---- */

static tgl_status read_ints(onnx_reader *r, onnx_attribute *a, onnx_bytes message)
{
    onnx_field f;
    bool bad = false;
    onnx_bytes rest = message;
    uint32_t most = 0;
    while (onnx_next(&f, &rest, &bad))
        if (f.number == 8)
            most += f.wire == 2 ? (uint32_t)f.bytes.size : 1;
    int64_t *ints = array(r, most, sizeof *ints);
    double *numbers = array(r, most, sizeof *numbers);
    if (!ints || !numbers)
        return TGL_ENOMEM;
    rest = message;
    while (onnx_next(&f, &rest, &bad)) {
        if (f.number != 8)
            continue;
        uint32_t n = 1;
        numbers[0] = (double)(int64_t)f.value;
        if (f.wire == 2)
            n = unpack(numbers, most - a->n_int, f.bytes);
        for (uint32_t i = 0; i < n; i++)
            ints[a->n_int++] = (int64_t)numbers[i];
    }
    a->ints = ints;
    return TGL_OK;
}

static tgl_status read_attribute(onnx_reader *r, onnx_attribute *a, onnx_bytes message)
{
    onnx_field f;
    bool bad = false;
    onnx_bytes rest = message;
    a->name = a->s = "";
    while (onnx_next(&f, &rest, &bad)) {
        uint32_t bits = (uint32_t)f.value;
        if (f.number == 1)
            a->name = text(r, f.bytes);
        else if (f.number == 2)
            memcpy(&a->f, &bits, sizeof a->f);
        else if (f.number == 3)
            a->i = (int64_t)f.value;
        else if (f.number == 4)
            a->s = text(r, f.bytes);
        else if (f.number == 5) {
            onnx_value *t = array(r, 1, sizeof *t);
            if (!t)
                return TGL_ENOMEM;
            TGL_TRY(read_tensor(r, t, f.bytes));
            a->t = t;
        }
    }
    return bad ? broken(r, "attribute") : read_ints(r, a, message);
}

static tgl_status read_node(onnx_reader *r, onnx_node *node, onnx_bytes message)
{
    onnx_field f;
    bool bad = false;
    onnx_bytes rest = message;
    node->name = node->op = node->domain = "";
    node->inputs = array(r, count(message, 1), sizeof *node->inputs);
    node->outputs = array(r, count(message, 2), sizeof *node->outputs);
    node->attributes = array(r, count(message, 5), sizeof *node->attributes);
    if (!node->inputs || !node->outputs || !node->attributes)
        return TGL_ENOMEM;
    while (onnx_next(&f, &rest, &bad))
        switch (f.number) {
        case 1:
            node->inputs[node->n_input++] = text(r, f.bytes);
            break;
        case 2:
            node->outputs[node->n_output++] = text(r, f.bytes);
            break;
        case 3:
            node->name = text(r, f.bytes);
            break;
        case 4:
            node->op = text(r, f.bytes);
            break;
        case 5:
            TGL_TRY(read_attribute(r, &node->attributes[node->n_attribute++], f.bytes));
            break;
        case 7:
            node->domain = text(r, f.bytes);
            break;
        default:
            break;
        }
    return bad ? broken(r, "node") : TGL_OK;
}

/* ---- the graph ---- */

/* The field `number` of a message that has it once; empty otherwise. */
static onnx_bytes within(onnx_bytes message, uint32_t number)
{
    onnx_field f;
    bool bad = false;
    onnx_bytes found = {message.at, 0};
    while (onnx_next(&f, &message, &bad))
        if (f.number == number && f.wire == 2)
            found = f.bytes;
    return found;
}

/* ValueInfoProto: name, and the sizes of its tensor's dimensions; unknown ones are 0. */
static tgl_status read_input(onnx_reader *r, onnx_bytes message)
{
    onnx_field f, d;
    bool bad = false;
    onnx_value value = {.n = 1};
    value.name = text(r, within(message, 1));
    onnx_bytes shape = within(within(within(message, 2), 1), 2);
    while (onnx_next(&f, &shape, &bad)) {
        uint64_t size = 0;
        if (f.number != 1)
            continue;
        while (onnx_next(&d, &f.bytes, &bad))
            if (d.number == 1)
                size = d.value;
        if (value.rank == 0 || size > MAX_ELEMENT) /* the batch */
            size = 1;
        TGL_TRY(add_dim(r, &value, size));
    }
    if (bad)
        return broken(r, "input");
    const onnx_value *known = onnx_find(r, value.name);
    if (known) /* an initialiser that is listed as an input, too: before IR version 4 */
        return TGL_OK;
    r->n_graph_input++;
    onnx_value *place = onnx_new(r, value.name);
    if (!place)
        return tgl__fail_nomem(r->import->err);
    *place = value;
    return TGL_OK;
}

static tgl_status read_graph(onnx_reader *r, onnx_bytes message)
{
    onnx_field f;
    bool bad = false;
    onnx_bytes rest = message;
    uint32_t n = count(message, 1);
    if (n > MAX_NODE)
        return tgl__fail(r->import->err, TGL_ELIMIT,
                         "%s: expected at most %d nodes, found %u",
                         r->import->source->path, MAX_NODE, n);
    r->nodes = array(r, n, sizeof *r->nodes);
    r->graph_outputs = array(r, count(message, 12), sizeof *r->graph_outputs);
    if (!r->nodes || !r->graph_outputs)
        return TGL_ENOMEM;
    r->graph_name = text(r, within(message, 2));
    while (onnx_next(&f, &rest, &bad)) {
        if (f.number == 1)
            TGL_TRY(read_node(r, &r->nodes[r->n_node++], f.bytes));
        if (f.number == 12)
            r->graph_outputs[r->n_graph_output++] = text(r, within(f.bytes, 1));
        if (f.number != 5)
            continue;
        onnx_value value = {0}, *place;
        TGL_TRY(read_tensor(r, &value, f.bytes));
        place = onnx_new(r, value.name);
        if (!place)
            return tgl__fail_nomem(r->import->err);
        *place = value;
    }
    if (bad)
        return broken(r, "graph");
    for (rest = message; onnx_next(&f, &rest, &bad);)
        if (f.number == 11)
            TGL_TRY(read_input(r, f.bytes));
    return TGL_OK;
}

tgl_status onnx_read(onnx_reader *r)
{
    const tgl_model_source *source = r->import->source;
    onnx_bytes file = {(const uint8_t *)source->bytes, source->size}, rest = file;
    onnx_field f;
    bool bad = false;
    while (onnx_next(&f, &rest, &bad)) {
        if (f.number != 8) /* OperatorSetIdProto */
            continue;
        onnx_field o;
        onnx_bytes set = f.bytes;
        int64_t version = 0;
        bool own = true;
        while (onnx_next(&o, &set, &bad)) {
            own = own && !(o.number == 1 && o.bytes.size > 0);
            version = o.number == 2 ? (int64_t)o.value : version;
        }
        if (own)
            r->opset = version;
    }
    onnx_bytes graph = within(file, 7);
    if (bad || graph.size == 0)
        return broken(r, "model");
    return read_graph(r, graph);
}
