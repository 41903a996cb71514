/* Operators on two tensors of one size, element by element. */
#include "base/error.h"
#include "lower/lower.h"

/* Both values on the finer binary point. */
static tgl_status align(tgl__lowering *l, uint32_t *a, uint32_t *b)
{
    int x = l->range[*a].frac, y = l->range[*b].frac, frac = x > y ? x : y;
    TGL_TRY(tgl__emit_align(l, a, *a, frac, "align"));
    return tgl__emit_align(l, b, *b, frac, "align");
}

static tgl_status pair_element(tgl__lowering *l, uint32_t *out, uint32_t x, uint32_t z)
{
    switch (l->node->op) {
    case TGL_GRAPH_ADD:
        return tgl__emit_two(l, out, TGL_OP_ADD, x, z, "sum");
    case TGL_GRAPH_SUBTRACT:
        return tgl__emit_two(l, out, TGL_OP_SUB, x, z, "difference");
    case TGL_GRAPH_MULTIPLY:
        return tgl__emit_two(l, out, TGL_OP_MUL, x, z, "product");
    case TGL_GRAPH_MINIMUM:
        return tgl__emit_two(l, out, TGL_OP_MIN, x, z, "minimum");
    case TGL_GRAPH_MAXIMUM:
        return tgl__emit_two(l, out, TGL_OP_MAX, x, z, "maximum");
    case TGL_GRAPH_COMPARE:
        return tgl__emit_compare(l, out, (tgl_relation)l->node->relation, x, z,
                                 "decision");
    default:
        TGL_TRY(align(l, &x, &z));
        return tgl__emit_bitwise(l, out,
                                 l->node->op == TGL_GRAPH_AND  ? TGL_OP_AND
                                 : l->node->op == TGL_GRAPH_OR ? TGL_OP_OR
                                                               : TGL_OP_XOR,
                                 x, z, "bits");
    }
}

tgl_status tgl__lower_pair(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    for (uint32_t j = 0; j < node->n_element; j++) {
        uint32_t value;
        l->element = (int32_t)j;
        TGL_TRY(pair_element(l, &value, tgl__input(l, 0, j), tgl__input(l, 1, j)));
        TGL_TRY(tgl__emit_cast(l, &result[j], value, &node->out[node->n_out == 1 ? 0 : j],
                               "cast"));
    }
    return TGL_OK;
}

tgl_status tgl__lower_select(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    for (uint32_t j = 0; j < node->n_element; j++) {
        uint32_t x = tgl__input(l, 1, j), z = tgl__input(l, 2, j), value;
        l->element = (int32_t)j;
        TGL_TRY(align(l, &x, &z));
        TGL_TRY(tgl__emit_select(l, &value, tgl__input(l, 0, j), x, z, "choice"));
        TGL_TRY(tgl__emit_cast(l, &result[j], value, &node->out[node->n_out == 1 ? 0 : j],
                               "cast"));
    }
    return TGL_OK;
}
