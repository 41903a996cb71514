/* The oracle: every operator by its definition, one element at a time, in 128 bits. It
 * shares nothing with programs or the emulator but the conversion itself. */
#include "graph/op.h"

static tgl_status take_input(const tgl__evaluation *e, const int64_t *in, tgl_error *err)
{
    for (uint32_t j = 0; j < e->node->n_element; j++) {
        tgl_type type = tgl__node_out(e->node, j).type;
        if (in[j] < tgl_type_min(type) || in[j] > tgl_type_max(type))
            return tgl__fail(err, TGL_ELIMIT,
                             "graph '%s': input %u: expected a code in [%lld, %lld], "
                             "found %lld",
                             tgl_graph_name(e->graph), j, (long long)tgl_type_min(type),
                             (long long)tgl_type_max(type), (long long)in[j]);
        e->values[j] = in[j];
    }
    return TGL_OK;
}

/* Elements that share what `prepare` works out. */
static uint32_t group_of(const tgl_node *node)
{
    return node->group ? node->group : node->n_element;
}

static void eval_node(tgl__evaluation *e, uint64_t first)
{
    const tgl_node *node = e->node;
    const tgl__graph_op_info *info = tgl__graph_op_info_of(node->op);
    for (uint32_t j = 0; j < node->n_element; j++) {
        tgl_quant out = tgl__node_out(node, j);
        if (info->prepare && j % group_of(node) == 0)
            e->shared = info->prepare(e, j);
        e->values[first + j] = (int64_t)tgl__cast(info->element(e, j), &out).code;
    }
}

tgl_status tgl_graph_eval(int64_t *values, const tgl_graph *graph, const int64_t *in,
                          tgl_error *err)
{
    if (!graph->verified)
        return tgl__fail(err, TGL_EUSAGE, "graph '%s' is not verified", graph->name);
    for (uint32_t k = 0; k < graph->n_node; k++) {
        tgl__evaluation e = {graph, &graph->nodes[k], values, {0, 0}};
        if (e.node->op == TGL_GRAPH_INPUT)
            TGL_TRY(take_input(&e, in, err));
        else
            eval_node(&e, graph->first[k]);
    }
    return TGL_OK;
}
