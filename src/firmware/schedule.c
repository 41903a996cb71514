/* Pipeline stages: as soon as possible under a limit of half levels per stage, then the
 * smallest limit that gives the same number of stages, so that they are balanced. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "firmware/netlist.h"

static void place_node(tgl__netlist *n, tgl__node *node, uint32_t period)
{
    uint32_t stage = 0, offset = 0, delay = tgl__node_delay(n, node);
    for (uint32_t i = 0; i < node->n_arg; i++) {
        const tgl__node *a = &n->nodes[tgl__arg(n, node, i)];
        if (a->stage > stage || (a->stage == stage && a->offset > offset)) {
            stage = a->stage;
            offset = a->offset;
        }
    }
    if (offset > 0 && offset + delay > period) {
        stage++;
        offset = 0;
    }
    node->stage = stage;
    node->offset = offset + delay > period ? period : offset + delay;
}

/* Stages with at most `period` half levels. */
static uint32_t place(tgl__netlist *n, uint32_t period)
{
    uint32_t top = 0;
    for (uint32_t i = 0; i < n->n_node; i++) {
        if (!n->nodes[i].live)
            continue;
        place_node(n, &n->nodes[i], period);
        top = n->nodes[i].stage > top ? n->nodes[i].stage : top;
    }
    return top + 1;
}

static void find_live(tgl__netlist *n)
{
    for (uint32_t o = 0; o < tgl_program_n_output(n->program); o++)
        n->nodes[n->value_node[tgl_program_output(n->program, o)->value]].live = true;
    for (uint32_t i = n->n_node; i-- > 0;)
        for (uint32_t k = 0; n->nodes[i].live && k < n->nodes[i].n_arg; k++)
            n->nodes[tgl__arg(n, &n->nodes[i], k)].live = true;
}

static void mark(tgl__netlist *n, uint32_t id, uint32_t stage)
{
    if (n->nodes[id].last_stage < stage)
        n->nodes[id].last_stage = stage;
}

static void find_last_uses(tgl__netlist *n)
{
    for (uint32_t i = 0; i < n->n_node; i++)
        n->nodes[i].last_stage = n->nodes[i].stage;
    for (uint32_t i = 0; i < n->n_node; i++)
        for (uint32_t k = 0; n->nodes[i].live && k < n->nodes[i].n_arg; k++)
            mark(n, tgl__arg(n, &n->nodes[i], k), n->nodes[i].stage);
    for (uint32_t o = 0; o < tgl_program_n_output(n->program); o++)
        mark(n, n->value_node[tgl_program_output(n->program, o)->value], n->n_stage);
}

static int by_position(const void *x, const void *y)
{
    const tgl__slot_use *a = x, *b = y;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if (a->element != b->element)
        return a->element < b->element ? -1 : 1;
    return a->stage < b->stage ? -1 : a->stage > b->stage;
}

static tgl_status collect_slot_uses(tgl__netlist *n, tgl_error *err)
{
    uint32_t count = 0, kept = 0;
    n->uses = tgl__calloc((size_t)n->n_arg + tgl_program_n_output(n->program) + 1,
                          sizeof *n->uses);
    if (!n->uses)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n->n_node; i++)
        for (uint32_t k = 0; n->nodes[i].live && k < n->nodes[i].n_arg; k++) {
            const tgl__node *a = &n->nodes[tgl__arg(n, &n->nodes[i], k)];
            if (a->kind == TGL__NODE_SLOT)
                n->uses[count++] =
                    (tgl__slot_use){a->ref, a->element, n->nodes[i].stage, 0};
        }
    for (uint32_t o = 0; o < tgl_program_n_output(n->program); o++) {
        const tgl__node *a =
            &n->nodes[n->value_node[tgl_program_output(n->program, o)->value]];
        if (a->kind == TGL__NODE_SLOT)
            n->uses[count++] = (tgl__slot_use){a->ref, a->element, n->n_stage - 1, 0};
    }
    if (count)
        qsort(n->uses, count, sizeof *n->uses, by_position);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && by_position(&n->uses[kept - 1], &n->uses[i]) == 0)
            continue;
        n->uses[kept] = n->uses[i];
        n->uses[kept].bit = n->slot_bits;
        n->slot_bits += tgl_program_slot(n->program, n->uses[i].slot)->type.width;
        kept++;
    }
    n->n_use = kept;
    return TGL_OK;
}

tgl_status tgl__schedule(tgl__netlist *n, tgl_error *err)
{
    double levels = 2e3 / n->clock_mhz / n->ns_per_level;
    n->period = levels < 2 ? 2 : levels > 1e6 ? 1000000 : (uint32_t)levels;
    find_live(n);
    n->n_stage = place(n, n->period);
    uint32_t period = n->period;
    while (period > 1 && period <= 4096 && place(n, period - 1) == n->n_stage)
        period--;
    place(n, period);
    find_last_uses(n);
    return collect_slot_uses(n, err);
}
