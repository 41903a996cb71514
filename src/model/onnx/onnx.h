/* ONNX and QONNX: the file as read, and what the importer's files share. Shapes are
 * ONNX's own, with the batch, which counts as 1. */
#ifndef TGL_MODEL_ONNX_ONNX_H
#define TGL_MODEL_ONNX_ONNX_H

#include "model/format.h"
#include "model/layers.h"

/* ---- the file (onnx.proto; field numbers are the format's identity) ---- */

typedef struct onnx_bytes {
    const uint8_t *at;
    size_t size;
} onnx_bytes;

/* One field of a message: a number (varint or fixed) or bytes. */
typedef struct onnx_field {
    uint32_t number, wire;
    uint64_t value;   /* varint, fixed64, fixed32 */
    onnx_bytes bytes; /* length-delimited */
} onnx_field;

bool onnx_varint(uint64_t *out, onnx_bytes *rest);
/* The next field of a message; false at its end, or where the bytes are no message:
 * then `broken` is set. */
bool onnx_next(onnx_field *field, onnx_bytes *rest, bool *broken);

typedef struct onnx_value onnx_value;

typedef struct onnx_attribute {
    const char *name;
    int64_t i;
    float f;
    const char *s;
    const int64_t *ints;
    uint32_t n_int;
    const onnx_value *t; /* a constant */
} onnx_attribute;

typedef struct onnx_node {
    const char *name, *op, *domain;
    const char **inputs, **outputs;
    uint32_t n_input, n_output, n_attribute;
    onnx_attribute *attributes;
} onnx_node;

/* An elementwise float32 step that waits for a quantiser. */
typedef enum onnx_step_kind {
    ONNX_STEP_MULTIPLY,
    ONNX_STEP_ADD,
    ONNX_STEP_SUBTRACT, /* x - c */
    ONNX_STEP_SUBTRACT_FROM,
    ONNX_STEP_DIVIDE,
    ONNX_STEP_RELU,
    ONNX_STEP_LEAKY /* c * x below zero; c is not negative */
} onnx_step_kind;

typedef struct onnx_step {
    const struct onnx_step *before;
    onnx_step_kind kind;
    const float *c; /* (n) of the value's elements; RELU: NULL */
    uint32_t depth; /* this one and those before */
    bool common;    /* a multiplication by one positive number */
} onnx_step;

/* A tensor: a constant, or something computed. */
struct onnx_value {
    const char *name;
    bool is_constant;
    uint32_t rank, n;
    uint32_t shape[TGL__TENSOR_RANK];
    const double *numbers; /* constant: (n), each exactly what the file says */
    /* a constant out of a quantiser whose scale is no power of two: numbers are
     * codes * scale, rounded to float32 */
    const int64_t *codes;
    double scale;
    tgl__tensor x;          /* computed: exact values */
    const onnx_step *steps; /* ... and what float32 makes of them; NULL: nothing */
};

typedef struct onnx_reader {
    tgl_import *import;
    tgl__layers layers;
    onnx_node *nodes;
    uint32_t n_node, n_value, cap_value;
    onnx_value **values; /* by name, the newest last; they stay where they are */
    const char *graph_name, **graph_outputs;
    uint32_t n_graph_output, n_graph_input;
    int64_t opset;
    const onnx_node *node; /* being imported */
} onnx_reader;

/* The file's structure: nodes, initialisers as constants, inputs as values without a
 * node. */
tgl_status onnx_read(onnx_reader *r);

/* ---- values ---- */

onnx_value *onnx_find(const onnx_reader *r, const char *name); /* NULL: unknown */
/* A new value of this name. NULL: out of memory. */
onnx_value *onnx_new(onnx_reader *r, const char *name);
/* Input `which` of the node being imported; NULL where it is left out. */
const onnx_value *onnx_input(const onnx_reader *r, uint32_t which);
const onnx_attribute *onnx_attribute_of(const onnx_node *node, const char *name);
int64_t onnx_int(const onnx_node *node, const char *name, int64_t fallback);
double onnx_float(const onnx_node *node, const char *name, double fallback);
const char *onnx_string(const onnx_node *node, const char *name, const char *fallback);
/* Make the node's output a constant of this shape; its numbers, to be filled in. */
double *onnx_new_constant(onnx_reader *r, uint32_t rank, const uint32_t *shape);
/* Make the node's output this tensor. */
tgl_status onnx_finish(onnx_reader *r, const tgl__tensor *x);
/* Note that the node cannot be imported, and why. */
void onnx_refuse(onnx_reader *r, const char *format, ...) TGL_PRINTF(2, 3);
tgl_status onnx_fail(const onnx_reader *r, const char *format, ...) TGL_PRINTF(2, 3);
/* The name of the node being imported, for messages and graph nodes. */
const char *onnx_place(const onnx_reader *r);

/* Integers and a power of two that are these numbers; false: they are not dyadic within
 * 32 bits. */
bool onnx_dyadic(onnx_reader *r, const double *numbers, uint32_t n, int64_t **codes,
                 tgl_type *type);
/* A number's power of two: *log2 of 2^log2 == number. */
bool onnx_power_of_two(double number, int *log2);
/* Element j of a constant broadcast to a shape. */
bool onnx_broadcasts(const onnx_value *c, uint32_t rank, const uint32_t *shape);
double onnx_broadcast(const onnx_value *c, uint32_t rank, const uint32_t *shape,
                      uint32_t j);

/* ---- operators ---- */

typedef struct onnx_operator {
    const char *name;
    /* Answers TGL_OK also where it refused. */
    tgl_status (*import)(onnx_reader *r);
} onnx_operator;

extern const onnx_operator onnx_arithmetic[], onnx_shapes[], onnx_layers[],
    onnx_quantisers[]; /* each ends with a NULL name */

/* Make the node's output x followed by one more float32 step, which reads `c` (a
 * constant, broadcast; NULL for RELU). */
tgl_status onnx_defer(onnx_reader *r, const onnx_value *x, onnx_step_kind kind,
                      const onnx_value *c);
/* What float32 makes of element j's exact value. */
float onnx_follow(const onnx_step *steps, float x, uint32_t j);
/* The one positive factor that x's codes wait for (1 without steps); false: it is another
 * step. */
bool onnx_factor(const onnx_value *x, double *factor);
/* The node's output is `x` under another name and, where rank is not x's, in another
 * shape of as many elements. */
tgl_status onnx_alias(onnx_reader *r, const onnx_value *x, uint32_t rank,
                      const uint32_t *shape);
/* Whether x is exact as it is; else the node is refused. */
bool onnx_exact(onnx_reader *r, const onnx_value *x);
/* The node's output: x with this factor. */
tgl_status onnx_finish_scaled(onnx_reader *r, const tgl__tensor *x, double factor);

#endif
