/* What the files of this room share. */
#ifndef TGL_MODEL_MODEL_H
#define TGL_MODEL_MODEL_H

#include <trigline/lower.h>
#include <trigline/model.h>

#include "text/json.h"

/* A node's result types as a JSON list of text. */
tgl_json *tgl__model_types_json(const tgl_node *node);

/* code_a * 2^-frac_a == code_b * 2^-frac_b, exactly. */
bool tgl__same_value(int64_t code_a, int frac_a, int64_t code_b, int frac_b);
/* What was found at one place; put under `key` of `json`. */
typedef struct tgl__finding {
    size_t event;
    uint32_t node, element;
    int64_t code_a, code_b;
    tgl_type type_a, type_b;
    const char *role, *operation; /* of a program; else NULL */
} tgl__finding;
tgl_json *tgl__finding_json(const tgl_graph *graph, const tgl__finding *finding);
/* Where constants, types or structure of two graphs differ: a JSON list, first
 * difference of each member; `comparable` is false when the graphs have not the same
 * nodes and inputs. */
tgl_json *tgl__static_differences(const tgl_graph *a, const tgl_graph *b,
                                  bool *comparable);

#endif
