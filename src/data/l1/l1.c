/* Level-1 test-vector text: one bunch crossing per line, 60 columns of words as the
 * global trigger's firmware tests use them. Objects keep their slots: the k-th muon word
 * is entry k of L1Mu_*, an absent one (word 0) stays as zeros, because networks take
 * objects by position. The bit ranges stand in docs/formats.md. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/format.h"

enum {
    N_MUON = 8,
    N_CALO = 12,
    N_SUM = 6,
    N_FURTHER = 6,
    N_EXTERNAL = 256,
    N_ALGO = 512,
    N_TEXT_COLUMN = 60,
    MAX_ROWS_PER_JOB = 512
};

/* The words of a line, by kind. */
typedef enum group { SINGLE, MUON, EG, TAU, JET, SUM, FURTHER, EXTERNAL, ALGO } group;

typedef struct crossing {
    int32_t number;
    uint8_t finor;
    uint64_t muon[N_MUON];
    uint32_t calo[3][N_CALO]; /* e/gamma, tau, jet */
    uint32_t sum[N_SUM];
    uint32_t further[N_FURTHER];
    uint64_t external[N_EXTERNAL / 64]; /* bit i of the field in word i/64, bit i%64 */
    uint64_t algo[N_ALGO / 64];
} crossing;

typedef struct bits {
    const char *name;
    group from;
    tgl_dtype dtype;
    uint8_t low, width; /* of the object's word */
    bool is_signed;
    const char *declared;
} bits;

static const bits columns[] = {
    {"bunchCrossing", SINGLE, TGL_I32, 0, 0, false, "decimal, text column 0"},
    {"L1Mu_hwPt", MUON, TGL_I16, 10, 9, false, "bits 10-18"},
    {"L1Mu_hwEta", MUON, TGL_I16, 23, 9, true, "bits 23-31, signed"},
    {"L1Mu_hwPhi", MUON, TGL_I16, 0, 10, false, "bits 0-9"},
    {"L1Mu_hwQual", MUON, TGL_I16, 19, 4, false, "bits 19-22"},
    {"L1Mu_hwIso", MUON, TGL_I16, 32, 2, false, "bits 32-33"},
    {"L1Mu_hwCharge", MUON, TGL_I16, 34, 2, false, "bits 34-35"},
    {"L1Mu_hwIndex", MUON, TGL_I16, 36, 7, false, "bits 36-42"},
    {"L1Mu_hwPhiRaw", MUON, TGL_I16, 43, 10, false, "bits 43-52"},
    {"L1Mu_hwPtUnconstrained", MUON, TGL_I16, 53, 8, false, "bits 53-60"},
    {"L1Mu_hwShower", MUON, TGL_I16, 61, 1, false, "bit 61"},
    {"L1Mu_hwDXY", MUON, TGL_I16, 62, 2, false, "bits 62-63"},
    {"L1Mu_word", MUON, TGL_U64, 0, 64, false, "the word"},
    {"L1EG_hwPt", EG, TGL_I16, 0, 9, false, "bits 0-8"},
    {"L1EG_hwEta", EG, TGL_I16, 9, 8, true, "bits 9-16, signed"},
    {"L1EG_hwPhi", EG, TGL_I16, 17, 8, false, "bits 17-24"},
    {"L1EG_hwIso", EG, TGL_I16, 25, 2, false, "bits 25-26"},
    {"L1EG_word", EG, TGL_U32, 0, 32, false, "the word"},
    {"L1Tau_hwPt", TAU, TGL_I16, 0, 9, false, "bits 0-8"},
    {"L1Tau_hwEta", TAU, TGL_I16, 9, 8, true, "bits 9-16, signed"},
    {"L1Tau_hwPhi", TAU, TGL_I16, 17, 8, false, "bits 17-24"},
    {"L1Tau_hwIso", TAU, TGL_I16, 25, 2, false, "bits 25-26"},
    {"L1Tau_word", TAU, TGL_U32, 0, 32, false, "the word"},
    {"L1Jet_hwPt", JET, TGL_I16, 0, 11, false, "bits 0-10"},
    {"L1Jet_hwEta", JET, TGL_I16, 11, 8, true, "bits 11-18, signed"},
    {"L1Jet_hwPhi", JET, TGL_I16, 19, 8, false, "bits 19-26"},
    {"L1Jet_word", JET, TGL_U32, 0, 32, false, "the word"},
    {"L1EtSum_hwPt", SUM, TGL_I16, 0, 12, false, "bits 0-11"},
    {"L1EtSum_hwPhi", SUM, TGL_I16, 12, 8, false, "bits 12-19 of the missing sums"},
    {"L1EtSum_etSumType", SUM, TGL_I16, 0, 0, false, "by position"},
    {"L1EtSum_word", SUM, TGL_U32, 0, 32, false, "the word"},
    {"furtherWord", FURTHER, TGL_U32, 0, 32, false, "text columns 51-56"},
    {"external", EXTERNAL, TGL_BOOL, 0, 1, false, "text column 57, bit 0 last"},
    {"algo", ALGO, TGL_BOOL, 0, 1, false, "text column 58, bit 0 last"},
    {"finor", SINGLE, TGL_BOOL, 0, 0, false, "text column 59"},
};
enum { N_COLUMN = sizeof columns / sizeof columns[0] };

/* CMSSW's l1t::EtSum types of ETT, HTT, ETM, HTM, ETMHF, HTMHF, the order in the line. */
static const int16_t sum_types[N_SUM] = {0, 1, 2, 3, 8, 20};
static const bool sum_has_phi[N_SUM] = {false, false, true, true, true, true};

typedef struct l1_reader {
    tgl_reader base;
    tgl_mapping map;
    char *path;
    uint64_t *lines;   /* first byte of each row's line */
    uint64_t *numbers; /* line numbers, from 1 */
    tgl_field fields[N_COLUMN];
    size_t n_thread;
} l1_reader;

static uint32_t per_row(group from)
{
    static const uint32_t counts[] = {
        [SINGLE] = 1,          [MUON] = N_MUON,         [EG] = N_CALO,
        [TAU] = N_CALO,        [JET] = N_CALO,          [SUM] = N_SUM,
        [FURTHER] = N_FURTHER, [EXTERNAL] = N_EXTERNAL, [ALGO] = N_ALGO,
    };
    return counts[from];
}

static bool is_list(group from)
{
    return from >= MUON && from <= SUM;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Two crossing numbers' worth of digits, then eight 16-digit words: nothing else looks
 * like that. */
static bool sniff(const uint8_t *head, size_t n)
{
    size_t at = 0, digits = 0;
    while (at < n && head[at] >= '0' && head[at] <= '9')
        at++;
    if (at == 0 || at > 10)
        return false;
    for (int word = 0; word < N_MUON; word++, digits = 0) {
        while (at < n && (head[at] == ' ' || head[at] == '\t'))
            at++;
        for (; at < n && hex_value(head[at]) >= 0; at++)
            digits++;
        if (digits != 16)
            return false;
    }
    return true;
}

/* ---- one line ---- */

typedef struct cursor {
    const l1_reader *reader;
    uint64_t row;
    const uint8_t *at, *end;
    int column; /* text column about to be read */
} cursor;

static tgl_status complain(const cursor *c, const uint8_t *at, const char *expected,
                           tgl_error *err)
{
    const l1_reader *r = c->reader;
    int n = 0;
    char found[24] = "the line's end";
    while (at + n < c->end && at[n] > ' ' && at[n] < 0x7f && n < 20)
        n++;
    if (n > 0)
        snprintf(found, sizeof found, "'%.*s'", n, (const char *)at);
    else if (at < c->end)
        snprintf(found, sizeof found, "byte 0x%02x", at[0]);
    return tgl__fail_at(err, TGL_EFORMAT, (uint64_t)(at - r->map.bytes),
                        "'%s': line %" PRIu64 ", column %d of %d: expected %s, found %s",
                        r->path, r->numbers[c->row], c->column, N_TEXT_COLUMN, expected,
                        found);
}

static const uint8_t *next_word(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
    return c->at;
}

static bool word_ends(const cursor *c)
{
    return c->at == c->end || *c->at == ' ' || *c->at == '\t';
}

/* `digits` hex digits into words of 64 bits, the lowest word first. */
static tgl_status take_hex(cursor *c, uint64_t *out, int digits, tgl_error *err)
{
    const uint8_t *start = next_word(c);
    memset(out, 0, sizeof *out * (size_t)((digits + 15) / 16));
    int n = 0, value;
    for (; c->at < c->end && (value = hex_value(*c->at)) >= 0 && n < digits;
         c->at++, n++) {
        int place = digits - 1 - n;
        out[place / 16] |= (uint64_t)value << (4 * (place % 16));
    }
    if (n < digits || !word_ends(c)) {
        char expected[32];
        snprintf(expected, sizeof expected, "%d hex digits", digits);
        return complain(c, start, expected, err);
    }
    c->column++;
    return TGL_OK;
}

static tgl_status take_words(cursor *c, uint32_t *out, int n, tgl_error *err)
{
    for (int i = 0; i < n; i++) {
        uint64_t word;
        TGL_TRY(take_hex(c, &word, 8, err));
        out[i] = (uint32_t)word;
    }
    return TGL_OK;
}

static tgl_status take_decimal(cursor *c, int64_t hi, int64_t *out, const char *expected,
                               tgl_error *err)
{
    const uint8_t *start = next_word(c);
    int64_t value = 0;
    int n = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && n < 10; c->at++, n++)
        value = value * 10 + (*c->at - '0');
    if (n == 0 || !word_ends(c) || value > hi)
        return complain(c, start, expected, err);
    c->column++;
    *out = value;
    return TGL_OK;
}

static tgl_status parse_line(crossing *out, cursor *c, tgl_error *err)
{
    int64_t number;
    TGL_TRY(take_decimal(c, INT32_MAX, &number, "a bunch crossing number", err));
    out->number = (int32_t)number;
    for (int i = 0; i < N_MUON; i++)
        TGL_TRY(take_hex(c, &out->muon[i], 16, err));
    for (int kind = 0; kind < 3; kind++)
        TGL_TRY(take_words(c, out->calo[kind], N_CALO, err));
    TGL_TRY(take_words(c, out->sum, N_SUM, err));
    TGL_TRY(take_words(c, out->further, N_FURTHER, err));
    TGL_TRY(take_hex(c, out->external, N_EXTERNAL / 4, err));
    TGL_TRY(take_hex(c, out->algo, N_ALGO / 4, err));
    TGL_TRY(take_decimal(c, 1, &number, "the final OR, 0 or 1", err));
    out->finor = (uint8_t)number;
    const uint8_t *rest = next_word(c);
    return rest == c->end ? TGL_OK : complain(c, rest, "the line's end", err);
}

static tgl_status parse_row(crossing *out, const l1_reader *r, uint64_t row,
                            tgl_error *err)
{
    const uint8_t *at = r->map.bytes + r->lines[row], *end = r->map.bytes + r->map.size;
    const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
    cursor c = {r, row, at, newline == NULL ? end : newline, 0};
    if (c.end > c.at && c.end[-1] == '\r')
        c.end--;
    return parse_line(out, &c, err);
}

/* ---- columns ---- */

static uint64_t word_of(const crossing *x, group from, uint32_t k)
{
    switch (from) {
    case MUON:
        return x->muon[k];
    case EG:
    case TAU:
    case JET:
        return x->calo[from - EG][k];
    case SUM:
        return x->sum[k];
    case FURTHER:
        return x->further[k];
    case EXTERNAL:
        return x->external[k / 64] >> (k % 64);
    case ALGO:
        return x->algo[k / 64] >> (k % 64);
    case SINGLE:
        break;
    }
    return 0;
}

static int64_t decode(const crossing *x, const bits *b, uint32_t k)
{
    if (b->dtype == TGL_I32)
        return x->number;
    if (b->from == SINGLE)
        return x->finor;
    if (b->from == SUM && b->width == 0)
        return sum_types[k];
    if (b->from == SUM && b->low == 12 && !sum_has_phi[k])
        return 0;
    uint64_t value = word_of(x, b->from, k) >> b->low;
    if (b->width < 64)
        value &= ((uint64_t)1 << b->width) - 1;
    if (b->is_signed && value >> (b->width - 1))
        return (int64_t)value - ((int64_t)1 << b->width);
    return (int64_t)value;
}

static void fill(void *values, const crossing *x, const bits *b, uint64_t row)
{
    uint32_t n = per_row(b->from);
    for (uint32_t k = 0; k < n; k++) {
        uint64_t at = row * n + k;
        int64_t value = decode(x, b, k);
        switch (tgl_dtype_size(b->dtype)) {
        case 1:
            ((uint8_t *)values)[at] = (uint8_t)value;
            break;
        case 2:
            ((int16_t *)values)[at] = (int16_t)value;
            break;
        case 4:
            ((uint32_t *)values)[at] = (uint32_t)value;
            break;
        default:
            ((uint64_t *)values)[at] = (uint64_t)value;
        }
    }
}

typedef struct read_job {
    const l1_reader *reader;
    const size_t *which;
    size_t n;
    void **values;
    uint64_t begin, end;
} read_job;

static tgl_status read_rows(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    read_job *job = context;
    uint64_t begin = job->begin + index * MAX_ROWS_PER_JOB,
             end = begin + MAX_ROWS_PER_JOB;
    if (end > job->end)
        end = job->end;
    for (uint64_t row = begin; row < end; row++) {
        crossing x;
        TGL_TRY(parse_row(&x, job->reader, row, err));
        for (size_t i = 0; i < job->n; i++)
            fill(job->values[i], &x, &columns[job->which[i]], row - job->begin);
    }
    return TGL_OK;
}

/* A column of n_row rows around `values`, which it takes over in any case. */
static tgl_status add_column(tgl_table *table, const l1_reader *r, size_t which,
                             void *values, uint64_t n_row, tgl_error *err)
{
    const tgl_field *f = &r->fields[which];
    uint32_t n = per_row(columns[which].from);
    tgl_column c = {.name = f->name,
                    .dtype = f->dtype,
                    .is_jagged = f->is_jagged,
                    .n_dim = f->n_dim,
                    .n_row = n_row,
                    .n_value = n_row * n,
                    .values = values};
    memcpy(c.dim, f->dim, sizeof c.dim);
    if (f->is_jagged) {
        int64_t *offsets = tgl__aligned(n_row + 1, 8);
        if (offsets == NULL) {
            tgl__free(values);
            return tgl__fail_nomem(err);
        }
        for (uint64_t i = 0; i <= n_row; i++)
            offsets[i] = (int64_t)(i * n);
        c.offsets = offsets;
    }
    return tgl_table_take_column(table, &c, err);
}

static tgl_status read_l1(tgl_reader *base, tgl_table *table, const size_t *which,
                          size_t n, uint64_t begin, uint64_t end,
                          const tgl_progress *progress, tgl_error *err)
{
    l1_reader *r = (l1_reader *)base;
    void *values[N_COLUMN] = {NULL};
    uint64_t n_row = end - begin;
    tgl_status status = TGL_OK;
    for (size_t i = 0; i < n; i++) {
        const bits *b = &columns[which[i]];
        values[i] = tgl__aligned(n_row, per_row(b->from) * tgl_dtype_size(b->dtype));
        if (values[i] == NULL) {
            status = tgl__fail_nomem(err);
            goto out;
        }
    }
    read_job job = {r, which, n, values, begin, end};
    TGL_TRY_GOTO(tgl__progress(progress, "reading", 0, n_row, err));
    TGL_TRY_GOTO(tgl__parallel((n_row + MAX_ROWS_PER_JOB - 1) / MAX_ROWS_PER_JOB,
                               r->n_thread, read_rows, &job, err));
    for (size_t i = 0; i < n; i++) {
        void *mine = values[i];
        values[i] = NULL;
        TGL_TRY_GOTO(add_column(table, r, which[i], mine, n_row, err));
    }
    status = tgl__progress(progress, "reading", n_row, n_row, err);
out:
    for (size_t i = 0; i < n; i++)
        tgl__free(values[i]);
    return status;
}

/* ---- opening ---- */

static bool is_blank(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at == end;
}

/* Lines that are not blank: counted with lines NULL, else noted. */
static uint64_t scan_lines(const l1_reader *r, uint64_t *lines, uint64_t *numbers)
{
    const uint8_t *at = r->map.bytes, *end = at + r->map.size;
    uint64_t n = 0;
    for (uint64_t number = 1; at < end; number++) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline == NULL ? end : newline;
        if (!is_blank(at, stop)) {
            if (lines != NULL) {
                lines[n] = (uint64_t)(at - r->map.bytes);
                numbers[n] = number;
            }
            n++;
        }
        at = newline == NULL ? end : newline + 1;
    }
    return n;
}

static void close_l1(tgl_reader *base)
{
    l1_reader *r = (l1_reader *)base;
    if (r->map.bytes != NULL)
        tgl__file_unmap(&r->map);
    tgl__free(r->lines);
    tgl__free(r->numbers);
    tgl__free(r->path);
    tgl__free(r);
}

static void declare_fields(l1_reader *r)
{
    for (size_t i = 0; i < N_COLUMN; i++) {
        const bits *b = &columns[i];
        tgl_field *f = &r->fields[i];
        *f = (tgl_field){.name = b->name,
                         .dtype = b->dtype,
                         .declared = b->declared,
                         .is_jagged = is_list(b->from)};
        if (b->from >= FURTHER) {
            f->n_dim = 1;
            f->dim[0] = per_row(b->from);
        }
    }
}

extern const tgl_format tgl__format_l1;

static tgl_status open_l1(tgl_reader **out, const char *path,
                          const tgl_source_options *options, tgl_error *err)
{
    if (options->object != NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': a Level-1 text file holds one table, no object '%s'",
                         path, options->object);
    l1_reader *r = tgl__calloc(1, sizeof *r);
    if (r == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    crossing first;
    r->base = (tgl_reader){.format = &tgl__format_l1,
                           .n_field = N_COLUMN,
                           .fields = r->fields,
                           .read = read_l1,
                           .in_batches = true,
                           .close = close_l1};
    r->n_thread = options->n_thread;
    declare_fields(r);
    TGL_TRY_GOTO(tgl__file_map(&r->map, path, err));
    uint64_t n = scan_lines(r, NULL, NULL);
    r->path = tgl__strdup(path);
    r->lines = tgl__calloc(n, sizeof *r->lines);
    r->numbers = tgl__calloc(n, sizeof *r->numbers);
    if (r->path == NULL || r->lines == NULL || r->numbers == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    r->base.n_row = scan_lines(r, r->lines, r->numbers);
    if (n > 0) /* is it this format at all? */
        TGL_TRY_GOTO(parse_row(&first, r, 0, err));
    *out = &r->base;
    return TGL_OK;
out:
    close_l1(&r->base);
    return status;
}

static const char *const endings[] = {NULL};
const tgl_format tgl__format_l1 = {
    .name = "l1",
    .endings = endings,
    .summary = "test-vector text of the CMS global trigger, one crossing per line",
    .sniff = sniff,
    .open = open_l1,
};
