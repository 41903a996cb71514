/* The pair way of plan_affine.c for matrices that are mostly full: the arguments are laid
 * out once, block by block of events, then a block meets four rows at a time, so that
 * every load serves several products and a block stays in the nearest cache. */
#include "emulate/affine.h"

enum { MAX_PANEL = 1 << 26 /* bytes */ };

/* Two 16-bit weights of one row. */
static uint32_t pair_of(const tgl__affine_builder *b, uint32_t row, uint32_t pair)
{
    uint32_t n = b->f->a->n_in, j = 2 * pair;
    uint32_t first = (uint16_t)tgl__grid_weight(b, row, j);
    uint32_t second = j + 1 < n ? (uint16_t)tgl__grid_weight(b, row, j + 1) : 0;
    return first | second << 16;
}

static uint32_t live_rows(const tgl__affine_builder *b, uint32_t *rows)
{
    uint32_t n = 0;
    for (uint32_t o = 0; o < b->f->a->n_out; o++)
        if (b->p->values[b->f->op->first_value + o].is_live)
            rows[n++] = o;
    return n;
}

static uint32_t group_size(uint32_t n_left)
{
    return n_left >= TGL__PANEL_ROWS ? TGL__PANEL_ROWS : n_left >= 2 ? 2 : 1;
}

/* The terms of a group: every pair that one of its rows needs. Room for all of them. */
static void fill_terms(const tgl__affine_builder *b, tgl__panel_group *group,
                       const uint32_t *rows, tgl__panel_term *terms)
{
    uint32_t n_pair = (b->f->a->n_in + 1) / 2;
    group->terms = terms;
    for (uint32_t j = 0; j < n_pair; j++) {
        tgl__panel_term *t = &terms[group->n_term];
        uint32_t any = 0;
        *t = (tgl__panel_term){.pair = j};
        for (uint32_t r = 0; r < group->n_row; r++) {
            uint32_t pair = pair_of(b, rows[r], j);
            any |= pair;
            t->weight[r] = (int32_t)pair;
        }
        group->n_term += any != 0;
    }
}

/* A panel pays when its rows share most pairs: products it does beside those that are
 * needed, which a row by itself does at half the speed. */
static bool pays(const tgl__affine_builder *b, const uint32_t *rows, uint32_t n_row)
{
    uint32_t n_pair = (b->f->a->n_in + 1) / 2;
    uint64_t needed = 0, done = 0;
    for (uint32_t i = 0; i < n_row; i += group_size(n_row - i))
        for (uint32_t j = 0; j < n_pair; j++) {
            uint32_t n = group_size(n_row - i), used = 0;
            for (uint32_t r = 0; r < n; r++)
                used += pair_of(b, rows[i + r], j) != 0;
            needed += used;
            done += used ? n : 0;
        }
    return needed * 3 >= done * 2;
}

/* Scratch for the panel: one for all operations, as each is used up at once. */
static bool take_panel(tgl__planner *p, uint64_t size, uint32_t *at)
{
    tgl_emulator *e = p->emulator;
    if (size > p->panel_size) {
        p->panel = e->scratch_size;
        p->panel_size = size;
        e->scratch_size += size;
        if (e->scratch_size > UINT32_MAX / 2)
            p->failed = true;
    }
    *at = (uint32_t)p->panel;
    return !p->failed;
}

static tgl_status add_pack(tgl__affine_builder *b, uint32_t at, uint32_t n_pair,
                           tgl_error *err)
{
    tgl__planner *p = b->p;
    const tgl_op *op = b->f->op;
    tgl__pack *pack = tgl__arena_alloc(&p->emulator->arena, 1, sizeof *pack);
    uint32_t *from =
        tgl__arena_alloc(&p->emulator->arena, 2 * (size_t)n_pair, sizeof *from);
    if (pack == NULL || from == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t j = 0; j < 2 * n_pair; j++) /* an odd one stands for two: weight 0 */
        from[j] = tgl__value_in(p, op->args[j < op->n_arg ? j : j - 1], 0);
    *pack = (tgl__pack){n_pair, from};
    tgl__step *step = tgl__new_step(p, p->emulator->kernels->pack);
    if (step != NULL) {
        step->dst = at;
        step->data = pack;
    }
    return TGL_OK;
}

static void fill_groups(tgl__affine_builder *b, tgl__panel *panel,
                        tgl__panel_group *groups, const uint32_t *rows, uint32_t n_row,
                        tgl__panel_term *terms)
{
    const tgl__affine_facts *f = b->f;
    for (uint32_t i = 0; i < n_row; i += groups[panel->n_group++].n_row) {
        tgl__panel_group *group = &groups[panel->n_group];
        group->n_row = group_size(n_row - i);
        for (uint32_t r = 0; r < group->n_row; r++) {
            uint32_t o = rows[i + r];
            group->dst[r] = tgl__result_in(b->p, f->op->first_value + o, b->lane);
            if (f->bias != NULL)
                group->bias[r] = (int32_t)(uint32_t)tgl_quantise(
                    f->bias[o], f->a->bias_type.frac, &f->a->acc);
        }
        fill_terms(b, group, rows + i, terms);
        terms += group->n_term;
    }
    panel->groups = groups;
}

tgl_status tgl__plan_panel(tgl__affine_builder *b, const tgl__cast *acc, bool *done,
                           const tgl__step **step, tgl_error *err)
{
    const tgl__affine_facts *f = b->f;
    tgl_arena *arena = &b->p->emulator->arena;
    uint32_t n_pair = (f->a->n_in + 1) / 2, at;
    uint64_t size = (uint64_t)n_pair * b->p->emulator->tile * sizeof(int32_t);
    uint32_t *rows = tgl__arena_alloc(&b->work, f->a->n_out, sizeof *rows);
    if (rows == NULL)
        return tgl__fail_nomem(err);
    uint32_t n_row = live_rows(b, rows);
    *done = false;
    if (size > MAX_PANEL || !pays(b, rows, n_row))
        return TGL_OK;
    /* at most n_row / 4 + 2 groups */
    tgl__panel *panel = tgl__arena_alloc(arena, 1, sizeof *panel);
    tgl__panel_group *groups =
        tgl__arena_alloc(arena, n_row / TGL__PANEL_ROWS + 2, sizeof *groups);
    tgl__panel_term *terms = tgl__arena_alloc(
        arena, ((size_t)n_row / TGL__PANEL_ROWS + 2) * n_pair, sizeof *terms);
    if (panel == NULL || groups == NULL || terms == NULL || !take_panel(b->p, size, &at))
        return tgl__fail_nomem(err);
    TGL_TRY(add_pack(b, at, n_pair, err));
    panel->n_pair = n_pair;
    panel->acc = *acc;
    fill_groups(b, panel, groups, rows, n_row, terms);
    tgl__step *made = tgl__new_step(b->p, b->p->emulator->kernels->rows_panel);
    if (made != NULL) {
        made->a = at;
        made->data = panel;
    }
    *step = made;
    *done = true;
    return TGL_OK;
}
