/* What the rooms above may know of a graph beyond its public face, and what the files of
 * this room share. */
#ifndef TGL_GRAPH_GRAPH_H
#define TGL_GRAPH_GRAPH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <trigline/graph.h>

#include "base/memory.h"
#include "text/json.h"

enum {
    TGL__GRAPH_MAX_NODE = 16384,
    TGL__GRAPH_MAX_RULE = 8192,       /* of a convention */
    TGL__GRAPH_MAX_ELEMENT = 1 << 20, /* of one node */
    TGL__GRAPH_MAX_TOTAL = 1 << 22,   /* of all nodes */
    TGL__GRAPH_MAX_NAME = 100,        /* bytes of any name */
    TGL__GRAPH_MAX_FRAC = 256,        /* |frac| of any declared type */
    TGL__GRAPH_MAX_SHIFT = 64,
    TGL__GRAPH_MAX_RANK = 8,
    TGL__GRAPH_MAX_NOTE = 400 /* bytes of a note */
};

typedef struct tgl__graph_output {
    const char *name;
    uint32_t node;
} tgl__graph_output;

struct tgl_graph {
    tgl_arena arena;
    const char *name;
    tgl_node *nodes;
    uint64_t *first; /* (n_node + 1) position of each node's elements in eval's values */
    uint32_t n_node, capacity;
    tgl__graph_output *outputs;
    uint32_t n_output, output_capacity;
    tgl_convention *convention;
    bool verified;
};

struct tgl_convention {
    atomic_uint references;
    tgl_arena arena;
    const char *name;
    tgl_input_rule *rules;
    uint32_t n_rule;
    const char **columns; /* distinct, NULL-terminated */
};

bool tgl__graph_is_verified(const tgl_graph *graph);
/* Where node `number`'s elements begin among tgl_graph_eval's values; number n_node: how
 * many there are. */
uint64_t tgl__graph_first(const tgl_graph *graph, uint32_t number);
/* Element `index`'s type and final cast. */
tgl_quant tgl__node_out(const tgl_node *node, uint32_t index);
/* Elements of a node's first input; 0 for INPUT. */
uint32_t tgl__node_n_in(const tgl_graph *graph, const tgl_node *node);
/* The name of an element, for ports and messages: its label ("prefix.label"), the bare
 * prefix (or the node's name) of a single element, else "prefix[3]". Below 256 bytes. */
void tgl__node_element_name(char *out, size_t size, const tgl_node *node,
                            const char *prefix, uint32_t index);
/* log2 of a power of two; -1 for anything else. */
int tgl__exact_log2(uint32_t n);
/* Where element `place` of all inputs, one after the other, comes from. */
void tgl__node_source(uint32_t *which, uint32_t *element, const tgl_graph *graph,
                      const tgl_node *node, uint32_t place);
/* A dense node's groups: input (r, s, fan_in), output (r, s, fan_out). False where the
 * counts do not divide. */
typedef struct tgl__dense_shape {
    uint32_t rows, sets, fan_in, fan_out;
} tgl__dense_shape;
bool tgl__dense_shape_of(tgl__dense_shape *out, const tgl_graph *graph,
                         const tgl_node *node);

/* Does a rule say what to do to integers (add, drop_bits); to floats (center, scale)? */
bool tgl__rule_is_integer(const tgl_input_rule *rule);
bool tgl__rule_is_real(const tgl_input_rule *rule);
tgl_json *tgl__convention_json(const tgl_convention *convention);
tgl_status tgl__convention_from_json(tgl_convention **out, const tgl_json *json,
                                     const char *where, tgl_error *err);

#endif
