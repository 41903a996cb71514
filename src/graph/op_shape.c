/* Operators that move elements about. */
#include "graph/op.h"

tgl_status tgl__verify_concat(const tgl__verifier *v)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < v->node->n_input; i++)
        n += tgl__input_node(v, i)->n_element;
    return tgl__check_count(v, n);
}

tgl_status tgl__verify_slice(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    uint32_t n = tgl__input_node(v, 0)->n_element;
    if (node->begin < n && node->n_element <= n - node->begin)
        return TGL_OK;
    return tgl__fail(v->err, TGL_EUSAGE,
                     "node '%s': expected elements within 0 to %u, found %u from %u",
                     node->name, n, node->n_element, node->begin);
}

tgl__number tgl__eval_concat(const tgl__evaluation *e, uint32_t j)
{
    uint32_t which, element;
    tgl__node_source(&which, &element, e->graph, e->node, j);
    return tgl__arg(e, which, element);
}

tgl__number tgl__eval_slice(const tgl__evaluation *e, uint32_t j)
{
    return tgl__arg(e, 0, e->node->begin + j);
}

tgl_status tgl__verify_rearrange(const tgl__verifier *v)
{
    const tgl_node *node = v->node;
    uint64_t n = 0;
    for (uint32_t i = 0; i < node->n_input; i++)
        n += tgl__input_node(v, i)->n_element;
    for (uint32_t i = 0; i < node->n_element; i++)
        if (node->indices[i] >= n && node->indices[i] != TGL_GRAPH_ZERO)
            return tgl__fail(v->err, TGL_EUSAGE,
                             "node '%s': index %u: expected an element below %llu or -1, "
                             "found %u",
                             node->name, i, (unsigned long long)n, node->indices[i]);
    return TGL_OK;
}

tgl__number tgl__eval_rearrange(const tgl__evaluation *e, uint32_t j)
{
    uint32_t which, element;
    if (e->node->indices[j] == TGL_GRAPH_ZERO)
        return (tgl__number){0, 0};
    tgl__node_source(&which, &element, e->graph, e->node, e->node->indices[j]);
    return tgl__arg(e, which, element);
}
