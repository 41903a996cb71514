/* An affine operation as a matrix over one event: weights transposed, one row an
 * argument, results side by side. */
#include <string.h>

#include "emulate/affine.h"

/* What makes two matrices of one affine the same. */
static bool equal_casts(const tgl__cast *a, const tgl__cast *b)
{
    return a->round == b->round && a->overflow == b->overflow &&
           a->is_signed == b->is_signed && a->width == b->width && a->lo == b->lo &&
           a->hi == b->hi;
}

static bool equal_matrices(const tgl__matrix *a, const tgl__matrix *b)
{
    size_t n_row = (size_t)a->n_high + a->n_mul;
    return a->n_out == b->n_out && a->stride == b->stride && a->n_high == b->n_high &&
           a->n_mul == b->n_mul && a->pairs == b->pairs &&
           equal_casts(&a->acc, &b->acc) && equal_casts(&a->term, &b->term) &&
           memcmp(a->which, b->which, n_row * sizeof *a->which) == 0 &&
           memcmp(a->shift, b->shift, a->n_mul * sizeof *a->shift) == 0 &&
           memcmp(a->bias, b->bias, a->stride) == 0 &&
           memcmp(a->weights, b->weights, n_row * a->stride) == 0;
}

typedef struct matrix_builder {
    const tgl__affine_builder *b;
    tgl__matrix *m;
    uint32_t *which;
    int32_t *shift;
    char *weights, *bias;
    const uint32_t *live; /* (n_out) rows that are read */
} matrix_builder;

static void put_code(const matrix_builder *mb, char *row, uint32_t i, int64_t code)
{
    if (mb->b->lane == 0)
        ((int16_t *)(void *)row)[i] = (int16_t)(uint16_t)code;
    else if (mb->b->lane == 1)
        ((int32_t *)(void *)row)[i] = (int32_t)(uint32_t)code;
    else
        ((int64_t *)(void *)row)[i] = code;
}

/* The weight of argument j in `row`: the high part, or what is multiplied whole. */
static int64_t weight_of(const matrix_builder *mb, uint32_t row, uint32_t j, bool high)
{
    const tgl__affine_builder *b = mb->b;
    int64_t low, whole;
    if (b->way == TGL__GENERAL || (b->way == TGL__SHIFTED && b->shifts[j] > 0))
        return b->f->weights[(size_t)row * b->f->a->n_in + j];
    tgl__split(b, row, j, &low, &whole);
    return high ? low : whole;
}

/* Append argument j's row of weights unless all are zero in the lane. */
static bool put_row(matrix_builder *mb, uint32_t j, bool high)
{
    const tgl__matrix *m = mb->m;
    uint32_t at = m->n_high + m->n_mul;
    char *row = mb->weights + (size_t)at * m->stride;
    uint64_t any = 0, word;
    for (uint32_t i = 0; i < m->n_out; i++)
        put_code(mb, row, i, weight_of(mb, mb->live[i], j, high));
    for (uint32_t i = 0; i < m->stride; i += sizeof word) {
        memcpy(&word, row + i, sizeof word);
        any |= word;
    }
    mb->which[at] = j;
    return any != 0;
}

static void put_pair_row(matrix_builder *mb, uint32_t pair)
{
    const tgl__affine_builder *b = mb->b;
    tgl__matrix *m = mb->m;
    char *row = mb->weights + (size_t)m->n_mul * m->stride;
    uint32_t j = 2 * pair;
    for (uint32_t i = 0; i < m->n_out; i++) {
        uint32_t first = (uint16_t)tgl__grid_weight(b, mb->live[i], j), second = 0;
        if (j + 1 < b->f->a->n_in)
            second = (uint16_t)tgl__grid_weight(b, mb->live[i], j + 1);
        put_code(mb, row, i, (int64_t)(first | second << 16));
    }
    mb->which[m->n_mul++] = pair;
}

static void put_rows(matrix_builder *mb)
{
    const tgl__affine_builder *b = mb->b;
    const tgl_affine *a = b->f->a;
    tgl__matrix *m = mb->m;
    for (uint32_t j = 0; b->way == TGL__PAIR && j < a->n_in; j += 2)
        put_pair_row(mb, j / 2);
    for (uint32_t j = 0; b->way == TGL__HIGH && j < a->n_in; j++)
        m->n_high += put_row(mb, j, true);
    for (uint32_t k = 0; b->way != TGL__PAIR && k < a->n_in; k++) {
        uint32_t j = b->way == TGL__GENERAL && a->order != NULL ? a->order[k] : k;
        if (!put_row(mb, j, false))
            continue;
        bool drops = b->way == TGL__GENERAL || b->shifts[j] > 0;
        mb->shift[m->n_mul++] = drops ? b->shifts[j] : 0;
    }
    for (uint32_t i = 0; b->f->bias != NULL && i < m->n_out; i++)
        put_code(mb, mb->bias, i,
                 tgl_quantise(b->f->bias[mb->live[i]], a->bias_type.frac, &a->acc));
}

/* Zeroed memory for whole vectors. */
static char *vectors(tgl_arena *arena, size_t n, size_t size)
{
    char *bytes = tgl__arena_alloc(arena, n * size + 64, 1);
    if (bytes != NULL)
        bytes += -(uintptr_t)bytes % 64;
    return bytes;
}

static tgl__matrix *make(const tgl__affine_builder *b, const tgl__rows *plan,
                         tgl_arena *arena)
{
    const tgl_affine *a = b->f->a;
    matrix_builder mb = {.b = b};
    size_t n_row = (size_t)a->n_in * (b->way == TGL__HIGH ? 2 : 1);
    uint32_t *live = tgl__arena_alloc(arena, a->n_out, sizeof *live);
    mb.m = tgl__arena_alloc(arena, 1, sizeof *mb.m);
    mb.which = tgl__arena_alloc(arena, n_row, sizeof *mb.which);
    mb.shift = tgl__arena_alloc(arena, n_row, sizeof *mb.shift);
    if (live == NULL || mb.m == NULL || mb.which == NULL || mb.shift == NULL)
        return NULL;
    for (uint32_t o = 0; o < a->n_out; o++)
        if (b->p->values[b->f->op->first_value + o].is_live)
            live[mb.m->n_out++] = o;
    mb.live = live;
    mb.m->stride = (uint32_t)((((size_t)mb.m->n_out << (b->lane + 1)) + 63) / 64 * 64);
    /* one more: a row of zeros is written before it is let go */
    mb.weights = vectors(arena, n_row + 1, mb.m->stride);
    mb.bias = vectors(arena, 1, mb.m->stride);
    if (mb.weights == NULL || mb.bias == NULL)
        return NULL;
    mb.m->pairs = b->way == TGL__PAIR;
    mb.m->acc = plan->acc;
    mb.m->term = plan->term;
    put_rows(&mb);
    mb.m->which = mb.which;
    mb.m->shift = mb.shift;
    mb.m->weights = mb.weights;
    mb.m->bias = mb.bias;
    return mb.m;
}

const tgl__matrix *tgl__matrix_of(const tgl__affine_builder *b, const tgl__rows *plan)
{
    const tgl__matrix **last = &b->p->matrices[b->f->op->ref];
    tgl_arena arena = TGL_ARENA_INIT;
    if (*last == NULL)
        return *last = make(b, plan, &b->p->emulator->arena);
    const tgl__matrix *m = make(b, plan, &arena); /* most often the one there is */
    if (m != NULL && !equal_matrices(m, *last))
        m = *last = make(b, plan, &b->p->emulator->arena);
    else if (m != NULL)
        m = *last;
    tgl__arena_release(&arena);
    return m;
}
