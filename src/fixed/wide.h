/* 128-bit codes for intermediate results: exact products and sums before a cast. */
#ifndef TGL_FIXED_WIDE_H
#define TGL_FIXED_WIDE_H

#include <stdbool.h>
#include <trigline/fixed.h>

__extension__ typedef __int128 tgl_wide;
__extension__ typedef unsigned __int128 tgl_uwide;

/* Code times 2^n for n >= 0 without the undefined shift of a negative; the caller proved
 * it fits. */
static inline tgl_wide tgl__wide_shl(tgl_wide v, unsigned n)
{
    return (tgl_wide)((tgl_uwide)v << n);
}

/* Round v * 2^-frac to an integer multiple of 2^-quant->type.frac, then overflow.
 * |v| < 2^126. The reference semantics of the whole project. */
int64_t tgl__quantise_wide(tgl_wide v, int frac, const tgl_quant *quant);

/* A closed interval of codes with one binary point: what a value can be. */
typedef struct tgl_interval {
    tgl_wide lo, hi;
    int frac;
} tgl_interval;

/* The range of a type, and whether an interval (same binary point) fits in it. */
tgl_interval tgl__interval_of_type(tgl_type type);
bool tgl__interval_fits(const tgl_interval *interval, tgl_type type);
/* Results of exact arithmetic on intervals; false when a bound leaves 126 bits. */
bool tgl__interval_add(tgl_interval *out, const tgl_interval *a, const tgl_interval *b);
bool tgl__interval_sub(tgl_interval *out, const tgl_interval *a, const tgl_interval *b);
bool tgl__interval_mul(tgl_interval *out, const tgl_interval *a, const tgl_interval *b);
bool tgl__interval_align(tgl_interval *interval, int frac); /* to a finer binary point */
/* The interval after a conversion (the whole type when it may wrap). */
tgl_interval tgl__interval_quantise(const tgl_interval *interval, const tgl_quant *quant);
/* Narrowest type with this binary point that holds the interval; false above
 * TGL_MAX_WIDTH. */
bool tgl__interval_type(tgl_type *out, const tgl_interval *interval);

#endif
