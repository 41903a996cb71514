#include "data/npz/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

/* The header is a Python dict literal; this reads the few shapes NumPy writes. */
typedef struct cursor {
    const char *at, *end;
} cursor;

static void blanks(cursor *c)
{
    while (c->at < c->end && strchr(" \t\r\n", *c->at) != NULL && *c->at != '\0')
        c->at++;
}

static bool take(cursor *c, char wanted)
{
    blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t n = strlen(word);
    blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

static bool take_string(cursor *c, char *out, size_t room)
{
    blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    char quote = *c->at++;
    const char *start = c->at;
    while (c->at < c->end && *c->at != quote)
        c->at++;
    if (c->at == c->end)
        return false;
    snprintf(out, room, "%.*s", (int)(c->at - start), start);
    c->at++;
    return true;
}

/* A list or tuple (the descr of a structured type), kept as text. */
static bool take_bracketed(cursor *c, char *out, size_t room)
{
    blanks(c);
    const char *start = c->at;
    int depth = 0;
    for (; c->at < c->end; c->at++) {
        depth += (*c->at == '[' || *c->at == '(') - (*c->at == ']' || *c->at == ')');
        if (depth == 0)
            break;
    }
    if (c->at == c->end || c->at == start)
        return false;
    c->at++;
    snprintf(out, room, "%.*s", (int)(c->at - start), start);
    return true;
}

static bool take_shape(cursor *c, tgl_npy *out)
{
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        uint64_t n = 0;
        blanks(c);
        const char *start = c->at;
        for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
            if (__builtin_mul_overflow(n, 10, &n) ||
                __builtin_add_overflow(n, (uint64_t)(*c->at - '0'), &n))
                return false;
        if (c->at == start || out->n_dim == TGL_NPY_MAX_DIM)
            return false;
        (void)take(c, 'L'); /* Python 2 */
        out->shape[out->n_dim++] = n;
        if (!take(c, ',')) {
            if (!take(c, ')'))
                return false;
            break;
        }
    }
    return true;
}

static bool parse_dict(cursor *c, tgl_npy *out)
{
    bool seen[3] = {false};
    char key[24];
    if (!take(c, '{'))
        return false;
    while (!take(c, '}')) {
        if (!take_string(c, key, sizeof key) || !take(c, ':'))
            return false;
        if (strcmp(key, "descr") == 0 && !seen[0]) {
            seen[0] = take_string(c, out->descr, sizeof out->descr) ||
                      take_bracketed(c, out->descr, sizeof out->descr);
        } else if (strcmp(key, "fortran_order") == 0 && !seen[1]) {
            out->fortran = take_word(c, "True");
            seen[1] = out->fortran || take_word(c, "False");
        } else if (strcmp(key, "shape") == 0 && !seen[2]) {
            seen[2] = take_shape(c, out);
        } else {
            return false;
        }
        if (!take(c, ',')) {
            if (!take(c, '}'))
                return false;
            break;
        }
    }
    return seen[0] && seen[1] && seen[2];
}

static void read_descr(tgl_npy *out)
{
    static const struct {
        char kind;
        uint8_t size;
        tgl_dtype dtype;
    } types[] = {{'b', 1, TGL_BOOL}, {'i', 1, TGL_I8},  {'u', 1, TGL_U8},
                 {'i', 2, TGL_I16},  {'u', 2, TGL_U16}, {'i', 4, TGL_I32},
                 {'u', 4, TGL_U32},  {'i', 8, TGL_I64}, {'u', 8, TGL_U64},
                 {'f', 4, TGL_F32},  {'f', 8, TGL_F64}};
    const char *d = out->descr;
    if (d[0] == '\0' || strchr("<>|=", d[0]) == NULL || d[1] == '\0')
        return;
    uint32_t size = 0;
    for (const char *p = d + 2; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || size > (1u << 24))
            return;
        size = size * 10 + (uint32_t)(*p - '0');
    }
    out->swapped = d[0] == '>';
    if ((d[1] == 'S' || d[1] == 'U') && size > 0 && size <= (1u << 24)) {
        out->kind = d[1];
        out->size = d[1] == 'U' ? 4 * size : size;
        out->dtype = TGL_STRING;
        return;
    }
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        if (types[t].kind == d[1] && types[t].size == size) {
            out->kind = d[1];
            out->size = size;
            out->dtype = types[t].dtype;
        }
}

tgl_status tgl__npy_parse(tgl_npy *out, const uint8_t *bytes, size_t n, uint64_t size,
                          const char *what, tgl_error *err)
{
    *out = (tgl_npy){.n_element = 1};
    if (n < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a NumPy array, found no header",
                         what);
    if (bytes[6] < 1 || bytes[6] > 3)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "%s: expected NumPy array format 1 to 3, found %u.%u", what,
                         bytes[6], bytes[7]);
    size_t prefix = bytes[6] == 1 ? 10 : 12;
    uint64_t length = bytes[6] == 1 ? tgl__le16(bytes + 8) : tgl__le32(bytes + 8);
    if (length > size - prefix || length > TGL_NPY_MAX_HEADER)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: a header of %" PRIu64 " bytes in an array of %" PRIu64,
                         what, length, size);
    if (length > n - prefix)
        return tgl__fail(err, TGL_ELIMIT, "%s: a header of %" PRIu64 " bytes is too long",
                         what, length);
    cursor c = {(const char *)bytes + prefix, (const char *)bytes + prefix + length};
    if (!parse_dict(&c, out))
        return tgl__fail(err, TGL_EFORMAT, "%s: malformed NumPy header at its byte %td",
                         what, c.at - (const char *)bytes);
    out->data = prefix + (size_t)length;
    read_descr(out);
    for (unsigned d = 0; d < out->n_dim; d++)
        if (__builtin_mul_overflow(out->n_element, out->shape[d], &out->n_element))
            return tgl__fail(err, TGL_EFORMAT, "%s: the shape overflows", what);
    uint64_t total;
    if (out->kind != 0 && (__builtin_mul_overflow(out->n_element, out->size, &total) ||
                           total != size - out->data))
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: expected %" PRIu64 " elements of %u bytes, found %" PRIu64
                         " bytes",
                         what, out->n_element, out->size, size - out->data);
    return TGL_OK;
}

size_t tgl__npy_header(char *out, tgl_dtype dtype, const uint64_t *shape, unsigned n_dim)
{
    static const char *const descr[] = {
        [TGL_BOOL] = "|b1", [TGL_I8] = "|i1",  [TGL_U8] = "|u1",  [TGL_I16] = "<i2",
        [TGL_U16] = "<u2",  [TGL_I32] = "<i4", [TGL_U32] = "<u4", [TGL_I64] = "<i8",
        [TGL_U64] = "<u8",  [TGL_F32] = "<f4", [TGL_F64] = "<f8", [TGL_STRING] = "|u1",
    };
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    int n =
        10 + snprintf(out + 10, 500, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                      descr[dtype]);
    for (unsigned d = 0; d < n_dim; d++)
        n += snprintf(out + n, 500 - (size_t)n, "%s%" PRIu64, d == 0 ? "" : ", ",
                      shape[d]);
    n += snprintf(out + n, 500 - (size_t)n, "%s), }", n_dim == 1 ? "," : "");
    while ((n + 1) % 64 != 0)
        out[n++] = ' ';
    out[n++] = '\n';
    tgl__put_le16(out + 8, (uint16_t)(n - 10));
    return (size_t)n;
}

static void copy_elements(uint8_t *out, const uint8_t *in, uint64_t n,
                          const tgl_npy *array)
{
    if (array->dtype == TGL_BOOL) {
        for (uint64_t i = 0; i < n; i++)
            out[i] = in[i] != 0;
    } else if (!array->swapped || array->size == 1) {
        if (n > 0)
            memcpy(out, in, n * array->size);
    } else if (array->size == 2) {
        for (uint64_t i = 0; i < n; i++)
            tgl__put_le16(out + 2 * i, tgl__be16(in + 2 * i));
    } else if (array->size == 4) {
        for (uint64_t i = 0; i < n; i++)
            tgl__put_le32(out + 4 * i, tgl__be32(in + 4 * i));
    } else {
        for (uint64_t i = 0; i < n; i++)
            tgl__put_le64(out + 8 * i, tgl__be64(in + 8 * i));
    }
}

void tgl__npy_rows(void *out, const tgl_npy *array, const uint8_t *data, uint64_t begin,
                   uint64_t end)
{
    uint64_t item = 1, index[TGL_NPY_MAX_DIM] = {0};
    for (unsigned d = 1; d < array->n_dim; d++)
        item *= array->shape[d];
    if (!array->fortran || array->n_dim < 2) {
        copy_elements(out, data + begin * item * array->size, (end - begin) * item,
                      array);
        return;
    }
    /* Fortran order: walk the output in C order, the last index fastest */
    uint64_t stride[TGL_NPY_MAX_DIM] = {1};
    for (unsigned d = 1; d < array->n_dim; d++)
        stride[d] = stride[d - 1] * array->shape[d - 1];
    uint8_t *to = out;
    for (uint64_t row = begin; row < end; row++)
        for (uint64_t i = 0; i < item; i++) {
            uint64_t from = row;
            for (unsigned d = 1; d < array->n_dim; d++)
                from += index[d] * stride[d];
            copy_elements(to, data + from * array->size, 1, array);
            to += array->size;
            for (unsigned d = array->n_dim - 1; d > 0; d--) {
                if (++index[d] < array->shape[d])
                    break;
                index[d] = 0;
            }
        }
}
