/* Constant matrix times vector as a shared adder network. Two ways are tried and the
 * cheaper kept: the rows as they are, and the rows as differences along a minimum
 * spanning tree (row = ± parent row + difference), whose short differences are solved
 * first and added up second. Both share common two-term sums greedily. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "lower/cmvm/network.h"

typedef struct problem {
    const int64_t *weights; /* (n_out, n_in) */
    uint32_t n_out, n_in;
    const int64_t *lo, *hi;
    uint32_t max_depth;
} problem;

/* The tree over rows: y[row] = sign * y[parent] + difference; parent TGL_NONE: zero. */
typedef struct tree_node {
    uint32_t parent, depth, distance;
    bool minus, done;
} tree_node;

static uint32_t distance(const problem *p, uint32_t row, uint32_t other, bool minus)
{
    uint32_t n = 0;
    const int64_t *w = p->weights + (size_t)row * p->n_in;
    const int64_t *v = other == TGL_NONE ? NULL : p->weights + (size_t)other * p->n_in;
    for (uint32_t i = 0; i < p->n_in; i++) {
        tgl_wide from = v ? v[i] : 0;
        n += cmvm_digits(minus ? (tgl_wide)w[i] + from : (tgl_wide)w[i] - from);
    }
    return n;
}

/* Prim's algorithm from the zero row; no chain longer than `limit`. `order`: rows as
 * they join. */
static void span(const problem *p, tree_node *tree, uint32_t *order, uint32_t limit)
{
    for (uint32_t r = 0; r < p->n_out; r++)
        tree[r] = (tree_node){TGL_NONE, 1, distance(p, r, TGL_NONE, false), false, false};
    for (uint32_t k = 0; k < p->n_out; k++) {
        uint32_t best = TGL_NONE;
        for (uint32_t r = 0; r < p->n_out; r++)
            if (!tree[r].done &&
                (best == TGL_NONE || tree[r].distance < tree[best].distance))
                best = r;
        tree[best].done = true;
        order[k] = best;
        if (tree[best].depth >= limit)
            continue;
        for (uint32_t r = 0; r < p->n_out; r++)
            for (int minus = 0; minus < 2 && !tree[r].done; minus++) {
                uint32_t d = distance(p, r, best, minus) + 1; /* one adder to join */
                if (d < tree[r].distance)
                    tree[r] =
                        (tree_node){best, tree[best].depth + 1, d, minus != 0, false};
            }
    }
}

static tgl_status difference_rows(const problem *p, const tree_node *tree, cmvm_row *rows,
                                  tgl_error *err)
{
    for (uint32_t r = 0; r < p->n_out; r++) {
        const int64_t *w = p->weights + (size_t)r * p->n_in;
        const int64_t *v = tree[r].parent == TGL_NONE
                               ? NULL
                               : p->weights + (size_t)tree[r].parent * p->n_in;
        for (uint32_t i = 0; i < p->n_in; i++) {
            tgl_wide from = v ? (tree[r].minus ? -(tgl_wide)v[i] : v[i]) : 0;
            TGL_TRY(cmvm_row_add_weight(&rows[r], i, w[i] - from, err));
        }
    }
    return TGL_OK;
}

/* Each row of the second stage: the differences on its way to the root. */
static tgl_status path_rows(const problem *p, const tree_node *tree,
                            const cmvm_row *differences, cmvm_row *rows, tgl_error *err)
{
    for (uint32_t r = 0; r < p->n_out; r++) {
        bool negate = false;
        for (uint32_t at = r; at != TGL_NONE; at = tree[at].parent) {
            if (differences[at].n == 1) {
                cmvm_term t = differences[at].terms[0];
                t.negate = t.negate != negate;
                TGL_TRY(cmvm_row_add(&rows[r], t, err));
            }
            negate = negate != tree[at].minus;
        }
    }
    return TGL_OK;
}

/* Two stages along a tree with chains up to `limit` (1: the rows themselves, one stage).
 */
static tgl_status solve(cmvm_network *net, cmvm_row **result, const problem *p,
                        uint32_t limit, tgl_error *err)
{
    tgl_status status = TGL_OK;
    tree_node *tree = tgl__calloc(p->n_out, sizeof *tree);
    uint32_t *order = tgl__calloc(p->n_out, sizeof *order);
    cmvm_row *first = tgl__calloc(p->n_out, sizeof *first), *second = NULL;
    if (!tree || !order || !first) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(cmvm_network_init(net, p->n_in, p->lo, p->hi, err));
    span(p, tree, order, limit);
    TGL_TRY_GOTO(difference_rows(p, tree, first, err));
    TGL_TRY_GOTO(cmvm_eliminate(net, first, p->n_out, p->max_depth, err));
    TGL_TRY_GOTO(cmvm_merge(net, first, p->n_out, err));
    if (limit > 1) {
        second = tgl__calloc(p->n_out, sizeof *second);
        if (!second) {
            status = tgl__fail_nomem(err);
            goto out;
        }
        TGL_TRY_GOTO(path_rows(p, tree, first, second, err));
        TGL_TRY_GOTO(cmvm_eliminate(net, second, p->n_out, p->max_depth, err));
        TGL_TRY_GOTO(cmvm_merge(net, second, p->n_out, err));
    }
    *result = second ? second : first;
    if (second)
        cmvm_rows_free(first, p->n_out);
    first = second = NULL;
out:
    cmvm_rows_free(first, p->n_out);
    cmvm_rows_free(second, p->n_out);
    tgl__free(tree);
    tgl__free(order);
    return status;
}

static tgl_status export_network(tgl_cmvm *out, const problem *p, cmvm_network *net,
                                 const cmvm_row *rows, tgl_error *err)
{
    tgl_cmvm cmvm = {p->n_in, p->n_out, net->n_operand - net->n_in, NULL, NULL};
    cmvm.outputs = tgl__calloc(p->n_out, sizeof *cmvm.outputs);
    if (!cmvm.outputs)
        return tgl__fail_nomem(err);
    for (uint32_t r = 0; r < p->n_out; r++) {
        cmvm.outputs[r].operand = TGL_NONE;
        if (rows[r].n == 1) {
            cmvm_term t = rows[r].terms[0];
            cmvm.outputs[r] =
                (tgl_cmvm_output){t.operand, (uint8_t)t.shift, (uint8_t)t.negate};
        }
    }
    cmvm.steps = net->steps;
    net->steps = NULL;
    *out = cmvm;
    return TGL_OK;
}

static uint32_t deepest(const cmvm_network *net, const cmvm_row *rows, uint32_t n)
{
    uint32_t depth = 0;
    for (uint32_t r = 0; r < n; r++)
        if (rows[r].n == 1 && net->operands[rows[r].terms[0].operand].depth > depth)
            depth = net->operands[rows[r].terms[0].operand].depth;
    return depth;
}

static uint32_t shortest_depth(const problem *p)
{
    uint32_t depth = 0;
    for (uint32_t r = 0; r < p->n_out; r++) {
        uint32_t n = distance(p, r, TGL_NONE, false), d = 0;
        while (d < 31 && (UINT32_C(1) << d) < n)
            d++;
        depth = d > depth ? d : depth;
    }
    return depth;
}

tgl_status tgl_cmvm_solve(tgl_cmvm *out, const int64_t *weights, uint32_t n_out,
                          uint32_t n_in, const int64_t *lo, const int64_t *hi,
                          const tgl_cmvm_options *options, tgl_error *err)
{
    if (n_in == 0 || n_out == 0 || n_in >= 1u << 24 || n_out >= 1u << 24)
        return tgl__fail(err, TGL_EUSAGE,
                         "constant matrix: expected 1 to 2^24 rows and columns, found "
                         "%u by %u",
                         n_out, n_in);
    problem p = {weights, n_out, n_in, lo, hi, 255};
    if (options && options->max_depth >= 0)
        p.max_depth = shortest_depth(&p) + (uint32_t)options->max_depth;
    cmvm_network best = {0};
    cmvm_row *best_rows = NULL;
    tgl_status status = TGL_OK;
    const uint32_t limits[] = {1, 2, 3, 5, UINT32_MAX};
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
        if (k > 0 && n_out < 2)
            break;
        cmvm_network net = {0};
        cmvm_row *rows = NULL;
        status = solve(&net, &rows, &p, limits[k], err);
        if (status == TGL_OK && (k == 0 || (net.cost < best.cost &&
                                            deepest(&net, rows, n_out) <= p.max_depth))) {
            cmvm_network swap = best;
            cmvm_row *swap_rows = best_rows;
            best = net;
            best_rows = rows;
            net = swap;
            rows = swap_rows;
        }
        cmvm_network_clear(&net);
        cmvm_rows_free(rows, n_out);
        TGL_TRY_GOTO(status);
    }
    status = export_network(out, &p, &best, best_rows, err);
out:
    cmvm_network_clear(&best);
    cmvm_rows_free(best_rows, n_out);
    return status;
}

void tgl_cmvm_clear(tgl_cmvm *cmvm)
{
    tgl__free(cmvm->steps);
    tgl__free(cmvm->outputs);
    memset(cmvm, 0, sizeof *cmvm);
}
