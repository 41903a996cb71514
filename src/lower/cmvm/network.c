#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "lower/cmvm/network.h"

tgl_status cmvm_network_init(cmvm_network *net, uint32_t n_in, const int64_t *lo,
                             const int64_t *hi, tgl_error *err)
{
    memset(net, 0, sizeof *net);
    net->n_in = net->n_operand = n_in;
    net->capacity = n_in + 64;
    net->operands = tgl__calloc(net->capacity, sizeof *net->operands);
    net->steps = tgl__calloc(net->capacity, sizeof *net->steps);
    if (!net->operands || !net->steps)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n_in; i++)
        net->operands[i] = (cmvm_operand){lo[i], hi[i], 0};
    return TGL_OK;
}

void cmvm_network_clear(cmvm_network *net)
{
    tgl__free(net->operands);
    tgl__free(net->steps);
    memset(net, 0, sizeof *net);
}

static tgl_status grow(cmvm_network *net, tgl_error *err)
{
    uint32_t capacity = 2 * net->capacity;
    cmvm_operand *operands = tgl__realloc(net->operands, capacity, sizeof *net->operands);
    if (!operands)
        return tgl__fail_nomem(err);
    net->operands = operands;
    tgl_cmvm_step *steps = tgl__realloc(net->steps, capacity, sizeof *net->steps);
    if (!steps)
        return tgl__fail_nomem(err);
    net->steps = steps;
    net->capacity = capacity;
    return TGL_OK;
}

/* The range of ±(operand << shift); false above 120 bits. */
static bool shifted(tgl_wide *lo, tgl_wide *hi, const cmvm_operand *x, unsigned shift,
                    bool negate)
{
    const tgl_wide limit = (tgl_wide)1 << 120;
    if (shift > 119 || x->lo < -(limit >> shift) || x->hi > (limit >> shift))
        return false;
    tgl_wide a = tgl__wide_shl(x->lo, shift), b = tgl__wide_shl(x->hi, shift);
    *lo = negate ? -b : a;
    *hi = negate ? -a : b;
    return true;
}

static uint32_t bits_of(tgl_wide lo, tgl_wide hi)
{
    tgl_wide m = lo < 0 ? -(lo + 1) : 0;
    m = hi > m ? hi : m;
    uint32_t n = lo < 0 ? 1 : 0;
    while (m > 0) {
        m >>= 1;
        n++;
    }
    return n ? n : 1;
}

tgl_status cmvm_network_step(cmvm_network *net, uint32_t *operand,
                             const tgl_cmvm_step *step, tgl_error *err)
{
    if (net->n_operand == net->capacity)
        TGL_TRY(grow(net, err));
    const cmvm_operand *a = &net->operands[step->a], *b = &net->operands[step->b];
    tgl_wide alo, ahi, blo, bhi;
    if (!shifted(&alo, &ahi, a, step->shift_a, step->negate_a) ||
        !shifted(&blo, &bhi, b, step->shift_b, step->negate_b))
        return tgl__fail(err, TGL_ELIMIT,
                         "constant matrix: expected sums below 120 bits, found more");
    cmvm_operand sum = {alo + blo, ahi + bhi,
                        1 + (a->depth > b->depth ? a->depth : b->depth)};
    /* Below the higher of the two shifts only one operand has bits: no adder there. */
    uint32_t skip = step->shift_a > step->shift_b ? step->shift_a : step->shift_b;
    uint32_t bits = bits_of(sum.lo, sum.hi);
    net->cost += bits > skip && !step->negate_a && !step->negate_b ? bits - skip : bits;
    net->steps[net->n_operand - net->n_in] = *step;
    *operand = net->n_operand;
    net->operands[net->n_operand++] = sum;
    return TGL_OK;
}

static tgl_status row_push(cmvm_row *row, cmvm_term term, tgl_error *err)
{
    if (row->n == row->capacity) {
        uint32_t capacity = row->capacity ? 2 * row->capacity : 16;
        cmvm_term *terms = tgl__realloc(row->terms, capacity, sizeof *terms);
        if (!terms)
            return tgl__fail_nomem(err);
        row->terms = terms;
        row->capacity = capacity;
    }
    row->terms[row->n++] = term;
    return TGL_OK;
}

tgl_status cmvm_row_add(cmvm_row *row, cmvm_term term, tgl_error *err)
{
    for (uint32_t i = 0; i < row->n; i++) {
        cmvm_term *t = &row->terms[i];
        if (t->operand != term.operand || t->shift != term.shift)
            continue;
        bool cancels = t->negate != term.negate;
        *t = row->terms[--row->n];
        if (cancels)
            return TGL_OK;
        term.shift++;
        return cmvm_row_add(row, term, err);
    }
    return row_push(row, term, err);
}

/* Next canonical signed digit: `weight` is odd; the digit is +1 or -1 by the two low
 * bits, so that the following digit is zero. */
static int digit(tgl_wide weight)
{
    return (weight & 3) == 3 ? -1 : 1;
}

tgl_status cmvm_row_add_weight(cmvm_row *row, uint32_t operand, tgl_wide weight,
                               tgl_error *err)
{
    for (int16_t shift = 0; weight != 0; shift++) {
        if (weight & 1) {
            int d = digit(weight);
            TGL_TRY(cmvm_row_add(row, (cmvm_term){operand, shift, d < 0}, err));
            weight -= d;
        }
        weight >>= 1;
    }
    return TGL_OK;
}

uint32_t cmvm_digits(tgl_wide weight)
{
    uint32_t n = 0;
    for (; weight != 0; weight >>= 1)
        if (weight & 1) {
            weight -= digit(weight);
            n++;
        }
    return n;
}

void cmvm_rows_free(cmvm_row *rows, uint32_t n)
{
    for (uint32_t i = 0; rows && i < n; i++)
        tgl__free(rows[i].terms);
    tgl__free(rows);
}

uint32_t cmvm_row_depth(const cmvm_network *net, const cmvm_row *row)
{
    uint32_t count[256] = {0}, top = 0;
    for (uint32_t i = 0; i < row->n; i++) {
        uint32_t d = net->operands[row->terms[i].operand].depth;
        d = d > 200 ? 200 : d;
        count[d]++;
        top = d > top ? d : top;
    }
    /* carry upwards: two of one depth make one of the next; an odd one rounds up */
    for (uint32_t d = 0; row->n; d++) {
        if (d >= top && count[d] == 1)
            return d;
        count[d + 1] += (count[d] + 1) / 2;
    }
    return 0;
}

/* Order in which terms are added: shallow first, then by position, so that adders stay
 * narrow. */
static bool before(const cmvm_network *net, const cmvm_term *a, const cmvm_term *b)
{
    uint32_t da = net->operands[a->operand].depth, db = net->operands[b->operand].depth;
    if (da != db)
        return da < db;
    if (a->shift != b->shift)
        return a->shift < b->shift;
    return a->operand < b->operand;
}

static void sort_terms(const cmvm_network *net, cmvm_row *row)
{
    for (uint32_t i = 1; i < row->n; i++) {
        cmvm_term t = row->terms[i];
        uint32_t j = i;
        for (; j > 0 && before(net, &t, &row->terms[j - 1]); j--)
            row->terms[j] = row->terms[j - 1];
        row->terms[j] = t;
    }
}

tgl_status cmvm_merge(cmvm_network *net, cmvm_row *rows, uint32_t n_row, tgl_error *err)
{
    for (uint32_t r = 0; r < n_row; r++) {
        cmvm_row *row = &rows[r];
        sort_terms(net, row);
        while (row->n > 1) {
            cmvm_term a = row->terms[0], b = row->terms[1];
            if (a.negate && !b.negate) {
                cmvm_term swap = a;
                a = b;
                b = swap;
            }
            int16_t low = a.shift < b.shift ? a.shift : b.shift;
            tgl_cmvm_step step = {a.operand,
                                  b.operand,
                                  (uint8_t)(a.shift - low),
                                  (uint8_t)(b.shift - low),
                                  0,
                                  a.negate != b.negate};
            cmvm_term sum = {0, low, a.negate};
            TGL_TRY(cmvm_network_step(net, &sum.operand, &step, err));
            memmove(row->terms, row->terms + 2, (row->n - 2) * sizeof *row->terms);
            row->n -= 2;
            uint32_t at = row->n++;
            for (; at > 0 && before(net, &sum, &row->terms[at - 1]); at--)
                row->terms[at] = row->terms[at - 1];
            row->terms[at] = sum;
        }
    }
    return TGL_OK;
}
