/* Operators on two tensors of one size, element by element. */
#include "graph/op.h"

/* Both arguments of element i on the finer binary point. */
static tgl_status aligned(const tgl__verifier *v, uint32_t first, uint32_t i,
                          tgl_interval *x, tgl_interval *z)
{
    *x = tgl__input_range(v, first, i);
    *z = tgl__input_range(v, first + 1, i);
    int frac = x->frac > z->frac ? x->frac : z->frac;
    bool ok = tgl__interval_align(x, frac);
    TGL_TRY(tgl__check_fits(v, ok, x, i, "aligned input"));
    ok = tgl__interval_align(z, frac);
    return tgl__check_fits(v, ok, z, i, "aligned input");
}

tgl_status tgl__verify_pair(const tgl__verifier *v)
{
    tgl_graph_op op = v->node->op;
    TGL_TRY(tgl__check_like_input(v, 0));
    TGL_TRY(tgl__check_like_input(v, 1));
    for (uint32_t i = 0; i < v->node->n_element; i++) {
        tgl_interval x = tgl__input_range(v, 0, i), z = tgl__input_range(v, 1, i),
                     y = {0};
        bool ok = true;
        if (op == TGL_GRAPH_ADD)
            ok = tgl__interval_add(&y, &x, &z);
        else if (op == TGL_GRAPH_SUBTRACT)
            ok = tgl__interval_sub(&y, &x, &z);
        else if (op == TGL_GRAPH_MULTIPLY)
            ok = tgl__interval_mul(&y, &x, &z);
        else
            TGL_TRY(aligned(v, 0, i, &x, &z));
        TGL_TRY(tgl__check_fits(v, ok, &y, i, "result"));
    }
    return TGL_OK;
}

tgl__number tgl__eval_pair(const tgl__evaluation *e, uint32_t j)
{
    tgl__number x = tgl__arg(e, 0, j), z = tgl__arg(e, 1, j);
    int frac = tgl__finer(x, z);
    tgl_wide a = tgl__code_at(x, frac), b = tgl__code_at(z, frac);
    switch (e->node->op) {
    case TGL_GRAPH_ADD:
        return tgl__plus(x, z);
    case TGL_GRAPH_SUBTRACT:
        return tgl__minus(x, z);
    case TGL_GRAPH_MULTIPLY:
        return tgl__times(x, z);
    case TGL_GRAPH_MINIMUM:
        return tgl__less(z, x) ? z : x;
    case TGL_GRAPH_MAXIMUM:
        return tgl__less(x, z) ? z : x;
    case TGL_GRAPH_AND:
        return (tgl__number){a & b, frac};
    case TGL_GRAPH_OR:
        return (tgl__number){a | b, frac};
    default: /* XOR */
        return (tgl__number){a ^ b, frac};
    }
}

/* Numbered as tgl_relation; ops.c knows programs no better than the rest of this room. */
enum { EQUAL, NOT_EQUAL, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL };

tgl_status tgl__verify_compare(const tgl__verifier *v)
{
    tgl_interval x, z;
    TGL_TRY(tgl__check_like_input(v, 0));
    TGL_TRY(tgl__check_like_input(v, 1));
    if (v->node->relation > GREATER_OR_EQUAL)
        return tgl__fail(v->err, TGL_EUSAGE,
                         "node '%s': expected a relation of 0 (==) to 5 (>=), found %u",
                         v->node->name, v->node->relation);
    for (uint32_t i = 0; i < v->node->n_element; i++) {
        TGL_TRY(tgl__check_bit(v, i));
        TGL_TRY(aligned(v, 0, i, &x, &z));
    }
    return TGL_OK;
}

tgl__number tgl__eval_compare(const tgl__evaluation *e, uint32_t j)
{
    tgl__number x = tgl__arg(e, 0, j), z = tgl__arg(e, 1, j);
    bool less = tgl__less(x, z), greater = tgl__less(z, x), holds = false;
    switch (e->node->relation) {
    case EQUAL:
        holds = !less && !greater;
        break;
    case NOT_EQUAL:
        holds = less || greater;
        break;
    case LESS:
        holds = less;
        break;
    case LESS_OR_EQUAL:
        holds = !greater;
        break;
    case GREATER:
        holds = greater;
        break;
    default:
        holds = !less;
        break;
    }
    return (tgl__number){holds, 0};
}

tgl_status tgl__verify_select(const tgl__verifier *v)
{
    tgl_interval x, z;
    for (uint32_t which = 0; which < 3; which++)
        TGL_TRY(tgl__check_like_input(v, which));
    for (uint32_t i = 0; i < v->node->n_element; i++)
        TGL_TRY(aligned(v, 1, i, &x, &z));
    return TGL_OK;
}

tgl__number tgl__eval_select(const tgl__evaluation *e, uint32_t j)
{
    return tgl__arg(e, tgl__arg(e, 0, j).code != 0 ? 1 : 2, j);
}
