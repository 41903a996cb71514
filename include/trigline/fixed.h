/** @file
 * Fixed-point types and the exact conversions between them.
 *
 * A value is an integer code v times 2^-frac. Semantics are those of ap_fixed
 * (hls4ml's `ap_fixed_base.h`): round the exact value first, then apply overflow.
 */
#ifndef TRIGLINE_FIXED_H
#define TRIGLINE_FIXED_H

#include <trigline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What happens to bits below the new binary point. Names as in AMD's ap_fixed. */
typedef enum tgl_round {
    TGL_TRN = 0,         /**< floor */
    TGL_TRN_ZERO = 1,    /**< toward zero */
    TGL_RND = 2,         /**< nearest, half toward +infinity */
    TGL_RND_ZERO = 3,    /**< nearest, half toward zero */
    TGL_RND_INF = 4,     /**< nearest, half away from zero */
    TGL_RND_MIN_INF = 5, /**< nearest, half toward -infinity */
    TGL_RND_CONV = 6     /**< nearest, half to even */
} tgl_round;

/** What happens to a rounded integer outside the type's range [m, M]. */
typedef enum tgl_overflow {
    TGL_WRAP = 0,     /**< modulo 2^width */
    TGL_SAT = 1,      /**< clamp to [m, M] */
    TGL_SAT_ZERO = 2, /**< 0 when outside */
    TGL_SAT_SYM = 3 /**< clamp to [-M, M], also an in-range m; unsigned: below gives 0 */
} tgl_overflow;

enum { TGL_N_ROUND = 7, TGL_N_OVERFLOW = 4 };

/** Widest code any value may have. The verifier refuses what is wider. */
#define TGL_MAX_WIDTH 63

/** A fixed-point type: integer codes of `width` bits, unit 2^-frac. */
typedef struct tgl_type {
    uint8_t is_signed; /**< 0 or 1; the sign counts in the width */
    uint8_t width;     /**< 1 … TGL_MAX_WIDTH bits */
    int16_t frac; /**< bits after the binary point; may be negative or exceed width */
} tgl_type;

/** A conversion: into `type` by `round`, then `overflow`. */
typedef struct tgl_quant {
    tgl_type type;
    tgl_round round;
    tgl_overflow overflow;
} tgl_quant;

/** Smallest and largest code of a type. */
TGL_API int64_t tgl_type_min(tgl_type type);
TGL_API int64_t tgl_type_max(tgl_type type);

/** 1 if the two types are the same, else 0. */
TGL_API int tgl_type_equal(tgl_type a, tgl_type b);

/**
 * Convert the value code * 2^-frac exactly into `quant`: round, then overflow.
 * Any `frac` in [-1024, 1024]; the result always lies in quant->type's range.
 */
TGL_API int64_t tgl_quantise(int64_t code, int frac, const tgl_quant *quant);

/**
 * Convert a double the same way (the double's exact value; AMD's double constructor).
 * @return TGL_EFORMAT for NaN and infinities, `*out` untouched.
 */
TGL_API TGL_NODISCARD tgl_status tgl_quantise_double(int64_t *out, double value,
                                                     const tgl_quant *quant,
                                                     tgl_error *err);

/**
 * The same for events at once: codes[e][j] = values[e][j] by quants[j]. What a model's
 * input types make of real numbers.
 *
 * @param codes  (n_event, n_quant) row-major, caller-allocated; unspecified on failure
 * @param values (n_event, n_quant) row-major, not retained
 * @return TGL_EFORMAT for NaN and infinities; err->offset is the event
 */
TGL_API TGL_NODISCARD tgl_status tgl_quantise_doubles(int64_t *codes,
                                                      const double *values,
                                                      size_t n_event,
                                                      const tgl_quant *quants,
                                                      size_t n_quant, tgl_error *err);

/** The code's value as a double: exact up to 53 bits. */
TGL_API double tgl_code_to_double(int64_t code, int frac);

/** "TRN", "RND_CONV", "SAT_SYM" …: static names; NULL for an unknown value. */
TGL_API const char *tgl_round_name(tgl_round round);
TGL_API const char *tgl_overflow_name(tgl_overflow overflow);
TGL_API TGL_NODISCARD tgl_status tgl_round_parse(tgl_round *out, const char *name,
                                                 tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_overflow_parse(tgl_overflow *out, const char *name,
                                                    tgl_error *err);

/** Longest text of tgl_type_format and tgl_quant_format, with its zero. */
#define TGL_TYPE_TEXT 64

/** "fixed<W,I>" or "ufixed<W,I>" (I = W - frac, ap_fixed's convention). */
TGL_API void tgl_type_format(char out[TGL_TYPE_TEXT], tgl_type type);
/** "fixed<W,I,RND_CONV,SAT>"; the modes are left out when TRN and WRAP. */
TGL_API void tgl_quant_format(char out[TGL_TYPE_TEXT], const tgl_quant *quant);
/** Read what the two above write (also with "ap_" in front, blanks, "AP_" before modes).
 */
TGL_API TGL_NODISCARD tgl_status tgl_quant_parse(tgl_quant *out, const char *text,
                                                 tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
