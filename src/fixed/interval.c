#include "fixed/wide.h"

static const tgl_wide LIMIT = (tgl_wide)1 << 126;

static bool bounded(const tgl_interval *i)
{
    return i->lo > -LIMIT && i->hi < LIMIT;
}

tgl_interval tgl__interval_of_type(tgl_type type)
{
    return (tgl_interval){tgl_type_min(type), tgl_type_max(type), type.frac};
}

bool tgl__interval_fits(const tgl_interval *interval, tgl_type type)
{
    return interval->frac == type.frac && interval->lo >= tgl_type_min(type) &&
           interval->hi <= tgl_type_max(type);
}

bool tgl__interval_align(tgl_interval *interval, int frac)
{
    int n = frac - interval->frac;
    if (n < 0 || n > 126)
        return n == 0 ||
               (interval->lo == 0 && interval->hi == 0 && (interval->frac = frac, true));
    tgl_wide limit = LIMIT >> n;
    if (interval->lo <= -limit || interval->hi >= limit)
        return false;
    interval->lo = tgl__wide_shl(interval->lo, (unsigned)n);
    interval->hi = tgl__wide_shl(interval->hi, (unsigned)n);
    interval->frac = frac;
    return true;
}

bool tgl__interval_add(tgl_interval *out, const tgl_interval *a, const tgl_interval *b)
{
    if (a->frac == b->frac) { /* nearly always */
        *out = (tgl_interval){a->lo + b->lo, a->hi + b->hi, a->frac};
        return bounded(out);
    }
    tgl_interval x = *a, y = *b;
    int frac = x.frac > y.frac ? x.frac : y.frac;
    if (!tgl__interval_align(&x, frac) || !tgl__interval_align(&y, frac))
        return false;
    *out = (tgl_interval){x.lo + y.lo, x.hi + y.hi, frac};
    return bounded(out);
}

bool tgl__interval_sub(tgl_interval *out, const tgl_interval *a, const tgl_interval *b)
{
    tgl_interval minus = {-b->hi, -b->lo, b->frac};
    return tgl__interval_add(out, a, &minus);
}

static bool fits_64(const tgl_interval *i)
{
    return i->lo >= INT64_MIN && i->hi <= INT64_MAX;
}

/* By a constant of 64 bits: the ends go to the ends. */
static void scale(tgl_interval *out, const tgl_interval *a, int64_t by)
{
    tgl_wide p = (tgl_wide)(int64_t)a->lo * by, q = (tgl_wide)(int64_t)a->hi * by;
    out->lo = p < q ? p : q;
    out->hi = p < q ? q : p;
}

bool tgl__interval_mul(tgl_interval *out, const tgl_interval *a, const tgl_interval *b)
{
    const tgl_wide xs[2] = {a->lo, a->hi}, ys[2] = {b->lo, b->hi};
    tgl_interval r = {0, 0, a->frac + b->frac};
    if (b->lo == b->hi && fits_64(a) && fits_64(b)) {
        scale(&r, a, (int64_t)b->lo);
        *out = r;
        return bounded(out);
    }
    for (int i = 0; i < 4; i++) {
        tgl_wide p;
        if (__builtin_mul_overflow(xs[i & 1], ys[i >> 1], &p))
            return false;
        if (i == 0 || p < r.lo)
            r.lo = p;
        if (i == 0 || p > r.hi)
            r.hi = p;
    }
    *out = r;
    return bounded(out);
}

/* Every rounding mode is monotone, so the ends round to the ends. Measured in a type
 * wider than any target; an end that saturates even there counts as outside. */
static tgl_interval round_ends(const tgl_interval *interval, const tgl_quant *quant)
{
    int n = interval->frac - quant->type.frac;
    if (n >= 0 && n < 64 && (n == 0 || quant->round == TGL_TRN) && fits_64(interval))
        return (tgl_interval){interval->lo >> n, interval->hi >> n, quant->type.frac};
    tgl_quant probe = {{1, 64, quant->type.frac}, quant->round, TGL_SAT};
    return (tgl_interval){tgl__quantise_wide(interval->lo, interval->frac, &probe),
                          tgl__quantise_wide(interval->hi, interval->frac, &probe),
                          quant->type.frac};
}

tgl_interval tgl__interval_quantise(const tgl_interval *interval, const tgl_quant *quant)
{
    tgl_interval r = round_ends(interval, quant);
    tgl_interval whole = tgl__interval_of_type(quant->type);
    bool inside = r.lo >= whole.lo && r.hi <= whole.hi && r.hi < INT64_MAX;
    if (quant->overflow == TGL_SAT_SYM && quant->type.is_signed)
        whole.lo = -whole.hi;
    if (inside && quant->overflow != TGL_SAT_SYM)
        return r;
    if (quant->overflow == TGL_SAT || quant->overflow == TGL_SAT_SYM) {
        r.lo = r.lo < whole.lo ? whole.lo : r.lo > whole.hi ? whole.hi : r.lo;
        r.hi = r.hi > whole.hi ? whole.hi : r.hi < whole.lo ? whole.lo : r.hi;
        return r;
    }
    if (quant->overflow == TGL_SAT_ZERO) { /* what lies inside, and 0 for the rest */
        r.lo = r.lo < whole.lo ? whole.lo : r.lo;
        r.hi = r.hi > whole.hi ? whole.hi : r.hi;
        bool none = r.lo > r.hi;
        r.lo = none || r.lo > 0 ? 0 : r.lo;
        r.hi = none || r.hi < 0 ? 0 : r.hi;
        return r;
    }
    return whole;
}

bool tgl__interval_type(tgl_type *out, const tgl_interval *interval)
{
    for (int w = 1; w <= TGL_MAX_WIDTH; w++) {
        tgl_type type = {interval->lo < 0, (uint8_t)w, (int16_t)interval->frac};
        if (interval->lo >= tgl_type_min(type) && interval->hi <= tgl_type_max(type)) {
            *out = type;
            return true;
        }
    }
    return false;
}
