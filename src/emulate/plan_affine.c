/* How an affine operation is run. From the cheapest:
 *
 * sum      No product is rounded and no conversion can bite, or all that bites is a
 *          wrap: a sum of products modulo 2^lane, wrapped once at the end.
 * pair     The same, 16-bit arguments and weights, 32-bit sums: two products at once.
 * high     Products cut (TRN) by s bits into 16-bit lanes. With w' = w * 2^(16 - s)
 *          = h * 2^16 + l, l a signed 16-bit number:
 *            floor(x * w / 2^s) = floor(x * w' / 2^16) = x * h + floor(x * l / 2^16),
 *          one multiplication that keeps the high half and, for a large weight, x * h
 *          modulo 2^16.
 * shifted  Products cut by s bits in 32- or 64-bit lanes that hold them whole.
 * general  Any rounding, any overflow after every term and sum, in order.
 * slow     Event by event in 128 bits.
 */
#include <string.h>

#include "emulate/affine.h"

static int term_shift(const tgl__affine_facts *f, const tgl_interval *x)
{
    return x->frac + f->a->weight_type.frac - f->a->acc.type.frac;
}

static void widen(tgl_wide *lo, tgl_wide *hi, const tgl_interval *r)
{
    *lo = r->lo < *lo ? r->lo : *lo;
    *hi = r->hi > *hi ? r->hi : *hi;
}

static bool fits_32(tgl_wide lo, tgl_wide hi)
{
    return lo >= INT32_MIN && hi <= INT32_MAX;
}

/* The usual product, in 64 bits: most of a model's loading is here. */
static tgl_interval narrow_term(tgl__affine_facts *f, const tgl_interval *x, int shift,
                                int64_t weight)
{
    int64_t p = (int64_t)x->lo * weight, q = (int64_t)x->hi * weight;
    tgl_interval product = {p < q ? p : q, p < q ? q : p, 0};
    widen(&f->product_lo, &f->product_hi, &product);
    f->rounds = f->rounds || (weight & ((INT64_C(1) << shift) - 1)) != 0;
    f->any_high = f->any_high && shift <= 16;
    return (tgl_interval){(int64_t)product.lo >> shift, (int64_t)product.hi >> shift,
                          f->a->acc.type.frac};
}

/* The term of one product before its overflow mode; notes what may happen to it. */
static tgl_interval wide_term(tgl__affine_facts *f, const tgl_interval *x, int shift,
                              int64_t weight)
{
    const tgl_affine *a = f->a;
    tgl_interval w = {weight, weight, a->weight_type.frac}, product, term;
    tgl_interval nothing = {0, 0, a->acc.type.frac};
    if (!tgl__interval_mul(&product, x, &w)) {
        f->too_wide = true;
        return nothing;
    }
    widen(&f->product_lo, &f->product_hi, &product);
    if (shift <= 0) {
        term = product;
        if (!tgl__interval_align(&term, a->acc.type.frac))
            f->too_wide = true;
    } else {
        bool even = shift < 63 && weight % (INT64_C(1) << shift) == 0;
        f->rounds = f->rounds || !even;
        tgl_quant rounding = {{1, 64, a->acc.type.frac}, a->term.round, TGL_SAT};
        term = tgl__interval_quantise(&product, &rounding);
        f->any_high = f->any_high && shift <= 16;
    }
    return term;
}

static tgl_interval study_term(tgl__affine_facts *f, const tgl_interval *x,
                               int64_t weight)
{
    const tgl_affine *a = f->a;
    int shift = term_shift(f, x);
    bool plain = shift == 0 || (shift > 0 && shift < 32 && a->term.round == TGL_TRN);
    tgl_interval term = plain && fits_32(x->lo, x->hi) && fits_32(weight, weight)
                            ? narrow_term(f, x, shift, weight)
                            : wide_term(f, x, shift, weight);
    widen(&f->lo, &f->hi, &term);
    if (a->term_exact || tgl__survives(&term, &a->term))
        return term;
    /* a wrapped term is the same modulo the accumulator's 2^width */
    bool hidden = a->term.overflow == TGL_WRAP && a->acc.overflow == TGL_WRAP &&
                  a->term.type.width >= a->acc.type.width;
    f->term_bites = f->term_bites || !hidden;
    f->acc_wraps = f->acc_wraps || hidden;
    return tgl__interval_quantise(&term, &a->term);
}

static void study_row(tgl__affine_facts *f, uint32_t row)
{
    const tgl_affine *a = f->a;
    tgl_interval sum = {0, 0, a->acc.type.frac};
    if (f->bias != NULL) {
        int64_t bias = tgl_quantise(f->bias[row], a->bias_type.frac, &a->acc);
        sum.lo = sum.hi = bias;
        widen(&f->lo, &f->hi, &sum); /* all there is of a row without weights */
    }
    bool wrap = a->acc.overflow == TGL_WRAP;
    for (uint32_t k = 0; k < a->n_in; k++) {
        uint32_t j = a->order == NULL ? k : a->order[k];
        int64_t weight = f->weights[(size_t)row * a->n_in + j];
        if (weight == 0)
            continue;
        tgl_interval term = study_term(f, &f->x[j], weight);
        if (!tgl__interval_add(&sum, &sum, &term)) {
            f->too_wide = true;
            return;
        }
        widen(&f->lo, &f->hi, &sum);
        if (!wrap && !tgl__survives(&sum, &a->acc)) {
            f->acc_bites = true;
            sum = tgl__interval_quantise(&sum, &a->acc);
        }
    }
    if (wrap && !tgl__survives(&sum, &a->acc))
        f->acc_wraps = true;
    sum = tgl__interval_quantise(&sum, &a->acc);
    widen(&f->result_lo, &f->result_hi, &sum);
}

static void study(tgl__affine_facts *f, const tgl__planner *p)
{
    f->any_high = f->a->term.round == TGL_TRN;
    for (uint32_t row = 0; row < f->a->n_out && !f->too_wide; row++)
        if (p->values[f->op->first_value + row].is_live)
            study_row(f, row);
    if (f->a->acc.overflow == TGL_WRAP) { /* sums are followed modulo 2^width */
        tgl_interval whole = tgl__interval_of_type(f->a->acc.type);
        if (f->acc_wraps)
            widen(&f->lo, &f->hi, &whole);
    }
}

/* ---- building rows ---- */

static int64_t shl(int64_t v, int n)
{
    return n > 63 ? 0 : (int64_t)((uint64_t)v << n);
}

int64_t tgl__grid_weight(const tgl__affine_builder *b, uint32_t row, uint32_t j)
{
    int64_t w = b->f->weights[(size_t)row * b->f->a->n_in + j];
    int shift = b->shifts[j];
    return shift > 0 ? w / (INT64_C(1) << shift) : shl(w, -shift);
}

void tgl__split(const tgl__affine_builder *b, uint32_t row, uint32_t j, int64_t *low,
                int64_t *whole)
{
    int64_t w = b->f->weights[(size_t)row * b->f->a->n_in + j];
    int shift = b->shifts[j];
    *low = *whole = 0;
    if (w == 0)
        return;
    if (b->way == TGL__HIGH && shift > 0) {
        int64_t scaled = (int64_t)((uint64_t)w << (16 - shift));
        *low = (int16_t)(uint16_t)scaled;
        *whole = (int16_t)(uint16_t)(((uint64_t)scaled - (uint64_t)*low) >> 16);
        return;
    }
    *whole = b->way == TGL__SHIFTED && shift > 0 ? 0 : tgl__grid_weight(b, row, j);
}

static int64_t lane_code(int64_t weight, uint32_t lane)
{
    return lane == 0   ? (int16_t)(uint16_t)weight
           : lane == 1 ? (int32_t)(uint32_t)weight
                       : weight;
}

/* The runs of a row's terms, in the order of tgl__row. */
enum { RUN_HIGH, RUN_MUL, RUN_SHIFTED, RUN_PLUS, RUN_MINUS, N_RUN };

static int run_of(int64_t whole)
{
    return whole == 1 ? RUN_PLUS : whole == -1 ? RUN_MINUS : RUN_MUL;
}

static void put(const tgl__affine_builder *b, tgl__term **at, uint32_t j, int64_t weight)
{
    *(*at)++ = (tgl__term){b->x[j], b->shifts[j] > 0 ? b->shifts[j] : 0, weight};
}

/* One row's parts of products: what each argument adds, and how many go to each run. */
static void split_row(const tgl__affine_builder *b, uint32_t o, uint32_t count[N_RUN])
{
    const tgl__affine_facts *f = b->f;
    for (uint32_t j = 0; j < f->a->n_in; j++) {
        tgl__split(b, o, j, &b->low[j], &b->whole[j]);
        b->whole[j] = lane_code(b->whole[j], b->lane);
        count[RUN_HIGH] += b->low[j] != 0;
        if (b->whole[j] != 0)
            count[run_of(b->whole[j])]++;
        if (b->way == TGL__SHIFTED && b->shifts[j] > 0)
            count[RUN_SHIFTED] += f->weights[(size_t)o * f->a->n_in + j] != 0;
    }
}

static void build_row(tgl__affine_builder *b, tgl__row *row, uint32_t o)
{
    const tgl__affine_facts *f = b->f;
    uint32_t n = f->a->n_in, count[N_RUN] = {0};
    tgl__term *at[N_RUN];
    split_row(b, o, count);
    row->terms = b->terms;
    for (int run = 0; run < N_RUN; run++) {
        at[run] = b->terms;
        b->terms += count[run];
    }
    for (uint32_t j = 0; j < n; j++) {
        int64_t w = f->weights[(size_t)o * n + j];
        if (b->low[j] != 0)
            put(b, &at[RUN_HIGH], j, b->low[j]);
        if (b->whole[j] != 0)
            put(b, &at[run_of(b->whole[j])], j, b->whole[j]);
        if (b->way == TGL__SHIFTED && b->shifts[j] > 0 && w != 0)
            put(b, &at[RUN_SHIFTED], j, w);
    }
    row->n_high = count[RUN_HIGH];
    row->n_mul = count[RUN_MUL];
    row->n_shifted = count[RUN_SHIFTED];
    row->n_plus = count[RUN_PLUS];
    row->n_minus = count[RUN_MINUS];
}

static void build_general_row(tgl__affine_builder *b, tgl__row *row, uint32_t o)
{
    const tgl_affine *a = b->f->a;
    row->terms = b->terms;
    for (uint32_t k = 0; k < a->n_in; k++) {
        uint32_t j = a->order == NULL ? k : a->order[k];
        int64_t w = b->f->weights[(size_t)o * a->n_in + j];
        if (w == 0)
            continue;
        *b->terms++ = (tgl__term){b->x[j], b->shifts[j], w};
        row->n_mul++;
    }
}

static void build_pair_row(tgl__affine_builder *b, tgl__row *row, uint32_t o)
{
    uint32_t n = b->f->a->n_in;
    row->terms = b->terms;
    for (uint32_t j = 0; j < n; j += 2) {
        uint32_t first = (uint16_t)tgl__grid_weight(b, o, j);
        uint32_t second = j + 1 < n ? (uint16_t)tgl__grid_weight(b, o, j + 1) : 0;
        if ((first | second) == 0)
            continue;
        *b->terms++ = (tgl__term){b->x[j / 2], 0, (int32_t)(first | second << 16)};
        row->n_mul++;
    }
}

/* ---- choosing ---- */

static bool fits_16(tgl_wide lo, tgl_wide hi)
{
    return lo >= INT16_MIN && hi <= INT16_MAX;
}

static bool arguments_fit_16(const tgl__affine_facts *f)
{
    for (uint32_t j = 0; j < f->a->n_in; j++)
        if (!fits_16(f->x[j].lo, f->x[j].hi))
            return false;
    return true;
}

static bool weights_fit_16(const tgl__affine_builder *b)
{
    const tgl_affine *a = b->f->a;
    for (uint32_t o = 0; o < a->n_out; o++)
        for (uint32_t j = 0; j < a->n_in; j++) {
            int64_t w = b->f->weights[(size_t)o * a->n_in + j];
            if (b->shifts[j] <= 0 && !fits_16(w, w))
                return false;
            w = tgl__grid_weight(b, o, j);
            if (!fits_16(w, w) || -b->shifts[j] > 15)
                return false;
        }
    return true;
}

static bool shifts_below(const tgl__affine_builder *b, int bits)
{
    for (uint32_t j = 0; j < b->f->a->n_in; j++)
        if (b->shifts[j] >= bits || -b->shifts[j] >= bits)
            return false;
    return true;
}

/* Which kernel, in which lane; false: none. */
static bool choose(tgl__affine_builder *b)
{
    const tgl__affine_facts *f = b->f;
    const tgl__planner *p = b->p;
    if (f->too_wide)
        return false;
    uint32_t lane = tgl__lane_for(p, f->result_lo, f->result_hi);
    bool modular = !f->term_bites && !f->acc_bites;
    b->lane = lane;
    if (modular && !f->rounds) {
        b->way = TGL__SUM;
        if (!shifts_below(b, 63))
            return false;
        if (lane == 1 && p->minimum_lane == 0 && arguments_fit_16(f) && weights_fit_16(b))
            b->way = TGL__PAIR;
        return lane < TGL__N_LANE;
    }
    if (modular && f->a->term.round == TGL_TRN) {
        if (lane == 0 && f->any_high && arguments_fit_16(f)) {
            b->way = TGL__HIGH;
            return true;
        }
        uint32_t products = tgl__lane_for(p, f->product_lo, f->product_hi);
        b->way = TGL__SHIFTED;
        b->lane = products > lane ? products : lane;
        b->lane = b->lane == 0 ? 1 : b->lane; /* 16-bit lanes have no such kernel */
        while (b->lane < TGL__N_LANE && !shifts_below(b, tgl__lane_bits(b->lane)))
            b->lane++;
        if (b->lane < TGL__N_LANE)
            return true;
    }
    tgl_wide lo = f->lo < f->product_lo ? f->lo : f->product_lo;
    tgl_wide hi = f->hi > f->product_hi ? f->hi : f->product_hi;
    b->way = TGL__GENERAL;
    b->lane = tgl__lane_for(p, lo, hi);
    while (b->lane < TGL__N_LANE && !shifts_below(b, tgl__lane_bits(b->lane)))
        b->lane++;
    return b->lane < TGL__N_LANE;
}

/* ---- emitting ---- */

static uint32_t pair_up(tgl__planner *p, const tgl_op *op, uint32_t j)
{
    uint32_t a = tgl__value_in(p, op->args[j], 0);
    uint32_t b = j + 1 < op->n_arg ? tgl__value_in(p, op->args[j + 1], 0) : a;
    uint32_t slot = tgl__take_slot(p, 1);
    tgl__step *step = tgl__new_step(p, p->emulator->kernels->pair);
    if (step != NULL) {
        step->dst = slot;
        step->a = a;
        step->b = b;
    }
    return slot;
}

static tgl__kernel *kernel_of(const tgl__affine_builder *b)
{
    const tgl__kernels *k = b->p->emulator->kernels;
    if (b->way == TGL__PAIR)
        return k->rows_pair;
    return b->way == TGL__GENERAL ? k->lanes[b->lane].rows_general
                                  : k->lanes[b->lane].rows;
}

static tgl__kernel *matrix_kernel_of(const tgl__affine_builder *b)
{
    const tgl__kernels *k = b->p->emulator->kernels;
    if (b->way == TGL__PAIR)
        return k->matrix_pair;
    return b->way == TGL__GENERAL   ? k->lanes[b->lane].matrix_general
           : b->way == TGL__SHIFTED ? k->lanes[b->lane].matrix_shifted
                                    : k->lanes[b->lane].matrix;
}

static void fill_rows(tgl__affine_builder *b, tgl__row *rows, tgl__rows *plan)
{
    const tgl__affine_facts *f = b->f;
    for (uint32_t o = 0; o < f->a->n_out; o++) {
        if (!b->p->values[f->op->first_value + o].is_live)
            continue;
        tgl__row *row = &rows[plan->n_row++];
        row->dst = tgl__result_in(b->p, f->op->first_value + o, b->lane);
        if (f->bias != NULL)
            row->bias = tgl_quantise(f->bias[o], f->a->bias_type.frac, &f->a->acc);
        if (b->way == TGL__PAIR)
            build_pair_row(b, row, o);
        else if (b->way == TGL__GENERAL)
            build_general_row(b, row, o);
        else
            build_row(b, row, o);
    }
}

/* The casts of any way. */
static void fill_casts(const tgl__affine_builder *b, tgl__rows *plan)
{
    const tgl__affine_facts *f = b->f;
    tgl__cast_overflow(&plan->acc, &f->a->acc, b->lane,
                       b->way == TGL__GENERAL ? !f->acc_bites && !f->acc_wraps
                                              : !f->acc_wraps);
    plan->term.round = (uint8_t)f->a->term.round;
    plan->term.overflow = TGL__KEEP;
    if (f->term_bites)
        tgl__cast_overflow(&plan->term, &f->a->term, b->lane, false);
}

/* One row after the other over the tile. */
static tgl_status emit_rows(tgl__affine_builder *b, tgl__rows *plan,
                            const tgl__step **step, tgl_error *err)
{
    tgl__planner *p = b->p;
    const tgl__affine_facts *f = b->f;
    tgl_arena *arena = &p->emulator->arena;
    bool pairs = b->way == TGL__PAIR;
    uint32_t n_in = f->a->n_in;
    /* a product may appear twice: its high half and its multiple of x */
    size_t n_term = (size_t)n_in * f->a->n_out * (b->way == TGL__HIGH ? 2 : 1);
    tgl__row *rows = tgl__arena_alloc(arena, f->a->n_out, sizeof *rows);
    b->terms = tgl__arena_alloc(arena, n_term, sizeof *b->terms);
    uint32_t *x = tgl__arena_alloc(arena, n_in, sizeof *x);
    if (rows == NULL || b->terms == NULL || x == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t j = 0; j < n_in; j += pairs ? 2 : 1)
        x[pairs ? j / 2 : j] =
            pairs ? pair_up(p, f->op, j) : tgl__value_in(p, f->op->args[j], b->lane);
    b->x = x;
    plan->rows = rows;
    if (b->way == TGL__GENERAL)
        plan->temporary = tgl__take_slot(p, b->lane);
    fill_rows(b, rows, plan);
    tgl__step *made = tgl__new_step(p, kernel_of(b));
    if (made != NULL)
        made->data = plan;
    *step = made;
    if (b->way == TGL__GENERAL)
        tgl__drop_slot(p, b->lane, plan->temporary);
    for (uint32_t j = 0; pairs && j < n_in; j += 2)
        tgl__drop_slot(p, 1, x[j / 2]);
    return TGL_OK;
}

static tgl_status emit(tgl__affine_builder *b, tgl_error *err)
{
    tgl__planner *p = b->p;
    uint32_t n_in = b->f->a->n_in;
    tgl__rows *plan = tgl__arena_alloc(&p->emulator->arena, 1, sizeof *plan);
    b->low = tgl__arena_alloc(&b->work, n_in, sizeof *b->low);
    b->whole = tgl__arena_alloc(&b->work, n_in, sizeof *b->whole);
    if (plan == NULL || b->low == NULL || b->whole == NULL)
        return tgl__fail_nomem(err);
    const tgl__step *step = NULL;
    bool done = false;
    fill_casts(b, plan);
    if (b->way == TGL__PAIR)
        TGL_TRY(tgl__plan_panel(b, &plan->acc, &done, &step, err));
    if (!done)
        TGL_TRY(emit_rows(b, plan, &step, err));
    tgl__recipe *recipe = tgl__note_recipe(p, TGL__AFFINE, step, b->lane,
                                           b->way == TGL__PAIR ? 0 : b->lane);
    if ((recipe->step.data = tgl__matrix_of(b, plan)) == NULL)
        return tgl__fail_nomem(err);
    recipe->step.run = matrix_kernel_of(b);
    return TGL_OK;
}

tgl_status tgl__plan_affine(tgl__planner *p, uint32_t number, tgl_error *err)
{
    tgl__exact exact;
    tgl__exact_resolve(&exact, p->arg_frac, p->program, p->payload, number);
    tgl__affine_facts f = {.op = exact.op, .a = exact.affine, .weights = exact.weights};
    f.bias = exact.bias;
    f.x = tgl__calloc(f.a->n_in, sizeof *f.x);
    int *shifts = tgl__calloc(f.a->n_in, sizeof *shifts);
    tgl_status status = TGL_OK;
    if (f.x == NULL || shifts == NULL) {
        status = tgl__fail_nomem(err);
    } else {
        for (uint32_t j = 0; j < f.a->n_in; j++) {
            f.x[j] = tgl__value_interval(p, f.op->args[j]);
            shifts[j] = term_shift(&f, &f.x[j]);
        }
        study(&f, p);
        tgl__affine_builder b = {.p = p, .f = &f, .shifts = shifts};
        status = choose(&b) ? emit(&b, err) : tgl__plan_slow(p, number, err);
        tgl__arena_release(&b.work);
    }
    tgl__free(f.x);
    tgl__free(shifts);
    return status;
}
