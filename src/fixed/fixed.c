#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "fixed/wide.h"

int64_t tgl_type_max(tgl_type type)
{
    int bits = type.width - (type.is_signed ? 1 : 0);
    return (int64_t)((UINT64_C(1) << bits) - 1);
}

int64_t tgl_type_min(tgl_type type)
{
    return type.is_signed ? -tgl_type_max(type) - 1 : 0;
}

int tgl_type_equal(tgl_type a, tgl_type b)
{
    return a.is_signed == b.is_signed && a.width == b.width && a.frac == b.frac;
}

/* Increment over the floor, from: first dropped bit b, any lower bit r, sign s, lowest
 * kept bit l (ap_fixed_base.h, quantization_adjust). */
static bool round_up(tgl_round mode, bool b, bool r, bool s, bool l)
{
    switch (mode) {
    case TGL_TRN:
        return false;
    case TGL_TRN_ZERO:
        return s && (b || r);
    case TGL_RND:
        return b;
    case TGL_RND_ZERO:
        return b && (s || r);
    case TGL_RND_INF:
        return b && (!s || r);
    case TGL_RND_MIN_INF:
        return b && r;
    case TGL_RND_CONV:
        return b && (l || r);
    }
    return false;
}

static tgl_wide drop_bits(tgl_wide v, int n, tgl_round mode)
{
    bool s = v < 0;
    if (n > 127) /* everything falls off: the floor is 0 or -1, the first dropped bit is
                    the sign */
        return (s ? -1 : 0) + (round_up(mode, s, v != 0, s, s) ? 1 : 0);
    tgl_wide q =
        v >> n; /* arithmetic on every compiler we build with; a unit test checks it */
    tgl_uwide rest = (tgl_uwide)v & (((tgl_uwide)1 << n) - 1);
    bool b = (rest >> (n - 1)) & 1;
    bool r = (rest & (((tgl_uwide)1 << (n - 1)) - 1)) != 0;
    return q + (round_up(mode, b, r, s, q & 1) ? 1 : 0);
}

static int64_t wrap(tgl_wide y, tgl_type type)
{
    uint64_t mask = (UINT64_C(1) << type.width) - 1;
    uint64_t low = (uint64_t)(tgl_uwide)y & mask;
    if (type.is_signed && (low >> (type.width - 1)) & 1)
        low |= ~mask;
    return (int64_t)low;
}

static int64_t overflow_adjust(tgl_wide y, const tgl_quant *quant)
{
    int64_t lo = tgl_type_min(quant->type), hi = tgl_type_max(quant->type);
    switch (quant->overflow) {
    case TGL_WRAP:
        return wrap(y, quant->type);
    case TGL_SAT:
        return y < lo ? lo : y > hi ? hi : (int64_t)y;
    case TGL_SAT_ZERO:
        return y < lo || y > hi ? 0 : (int64_t)y;
    case TGL_SAT_SYM:
        lo = quant->type.is_signed ? -hi : 0;
        return y < lo ? lo : y > hi ? hi : (int64_t)y;
    }
    return 0;
}

/* v * 2^n may leave 128 bits: for wrapping only the low bits count, for saturation the
 * sign. */
static tgl_wide raise_bits(tgl_wide v, int n, const tgl_quant *quant)
{
    if (n > 126) /* every bit that any type keeps is zero by then */
        n = 126;
    tgl_wide top = v >> (126 - n);
    if (top == 0 || top == -1 || quant->overflow == TGL_WRAP)
        return tgl__wide_shl(v, (unsigned)n);
    return v < 0 ? -((tgl_wide)1 << 126) : (tgl_wide)1 << 126;
}

int64_t tgl__quantise_wide(tgl_wide v, int frac, const tgl_quant *quant)
{
    int n = frac - quant->type.frac;
    if (v == 0)
        return 0;
    tgl_wide y = n > 0   ? drop_bits(v, n, quant->round)
                 : n < 0 ? raise_bits(v, -n, quant)
                         : v;
    return overflow_adjust(y, quant);
}

int64_t tgl_quantise(int64_t code, int frac, const tgl_quant *quant)
{
    return tgl__quantise_wide(code, frac, quant);
}

tgl_status tgl_quantise_double(int64_t *out, double value, const tgl_quant *quant,
                               tgl_error *err)
{
    if (!isfinite(value))
        return tgl__fail(err, TGL_EFORMAT, "expected a finite number, found %s",
                         isnan(value) ? "nan" : "inf");
    int exponent;
    double mantissa = frexp(value, &exponent);
    *out =
        tgl__quantise_wide((tgl_wide)(int64_t)ldexp(mantissa, 53), 53 - exponent, quant);
    return TGL_OK;
}

tgl_status tgl_quantise_doubles(int64_t *codes, const double *values, size_t n_event,
                                const tgl_quant *quants, size_t n_quant, tgl_error *err)
{
    for (size_t e = 0; e < n_event; e++)
        for (size_t j = 0; j < n_quant; j++) {
            double value = values[e * n_quant + j];
            if (!isfinite(value))
                return tgl__fail_at(
                    err, TGL_EFORMAT, e,
                    "event %zu: input %zu: expected a finite number, found %s", e, j,
                    isnan(value) ? "nan" : "inf");
            TGL_TRY(tgl_quantise_double(&codes[e * n_quant + j], value, &quants[j], err));
        }
    return TGL_OK;
}

double tgl_code_to_double(int64_t code, int frac)
{
    return ldexp((double)code, -frac);
}

static const char *const round_names[TGL_N_ROUND] = {
    "TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"};
static const char *const overflow_names[TGL_N_OVERFLOW] = {"WRAP", "SAT", "SAT_ZERO",
                                                           "SAT_SYM"};

const char *tgl_round_name(tgl_round round)
{
    return (unsigned)round < TGL_N_ROUND ? round_names[round] : NULL;
}

const char *tgl_overflow_name(tgl_overflow overflow)
{
    return (unsigned)overflow < TGL_N_OVERFLOW ? overflow_names[overflow] : NULL;
}

static const char *without_prefix(const char *name)
{
    return strncmp(name, "AP_", 3) == 0 ? name + 3 : name;
}

tgl_status tgl_round_parse(tgl_round *out, const char *name, tgl_error *err)
{
    for (int i = 0; i < TGL_N_ROUND; i++)
        if (strcmp(without_prefix(name), round_names[i]) == 0) {
            *out = (tgl_round)i;
            return TGL_OK;
        }
    return tgl__fail(
        err, TGL_EFORMAT,
        "rounding mode: expected TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF or "
        "RND_CONV, found '%s'",
        name);
}

tgl_status tgl_overflow_parse(tgl_overflow *out, const char *name, tgl_error *err)
{
    for (int i = 0; i < TGL_N_OVERFLOW; i++)
        if (strcmp(without_prefix(name), overflow_names[i]) == 0) {
            *out = (tgl_overflow)i;
            return TGL_OK;
        }
    return tgl__fail(err, TGL_EFORMAT,
                     "overflow mode: expected WRAP, SAT, SAT_ZERO or SAT_SYM, found '%s'",
                     name);
}

void tgl_type_format(char out[TGL_TYPE_TEXT], tgl_type type)
{
    snprintf(out, TGL_TYPE_TEXT, "%sfixed<%d,%d>", type.is_signed ? "" : "u", type.width,
             type.width - type.frac);
}

void tgl_quant_format(char out[TGL_TYPE_TEXT], const tgl_quant *quant)
{
    tgl_type_format(out, quant->type);
    if (quant->round == TGL_TRN && quant->overflow == TGL_WRAP)
        return;
    size_t n = strlen(out);
    snprintf(out + n - 1, TGL_TYPE_TEXT - n + 1, ",%s,%s>", round_names[quant->round],
             overflow_names[quant->overflow]);
}

tgl_status tgl_quant_parse(tgl_quant *out, const char *text, tgl_error *err)
{
    char kind[16], modes[2][16] = {"TRN", "WRAP"};
    int width, integer, n = 0;
    char close = 0;
    int got = sscanf(text, " %15[a-z_] < %d , %d %n", kind, &width, &integer, &n);
    const char *rest = text + n;
    for (int m = 0; got == 3 && m < 2 && *rest == ','; m++) {
        int used = 0;
        if (sscanf(rest, ", %15[A-Z_] %n", modes[m], &used) != 1)
            break;
        rest += used;
    }
    if (got == 3)
        close = *rest;
    const char *name = got >= 1 && strncmp(kind, "ap_", 3) == 0 ? kind + 3 : kind;
    bool is_signed = got == 3 && strcmp(name, "fixed") == 0;
    if (got != 3 || close != '>' || rest[1] != '\0' ||
        (!is_signed && strcmp(name, "ufixed") != 0))
        return tgl__fail(err, TGL_EFORMAT,
                         "expected a type such as fixed<8,6,RND_CONV,SAT>, found '%s'",
                         text);
    if (width < 1 || width > TGL_MAX_WIDTH || integer < -1000 || integer > 1000)
        return tgl__fail(err, TGL_ELIMIT,
                         "type '%s': expected a width of 1 to %d bits, found %d", text,
                         TGL_MAX_WIDTH, width);
    tgl_quant quant = {
        {is_signed, (uint8_t)width, (int16_t)(width - integer)}, TGL_TRN, TGL_WRAP};
    TGL_TRY(tgl_round_parse(&quant.round, modes[0], err));
    TGL_TRY(tgl_overflow_parse(&quant.overflow, modes[1], err));
    *out = quant;
    return TGL_OK;
}
