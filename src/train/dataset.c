#include "train/dataset.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/pool.h"

const tgl_quant tgl__scale_cast = {{1, 18, 5}, TGL_TRN, TGL_WRAP};

enum { BLOCK = 8192 }; /* rows extracted at a time */

int64_t tgl__scale_code(int64_t code, int frac, int64_t offset, int64_t shift,
                        const tgl_quant *out)
{
    int64_t whole = offset * ((int64_t)1 << (frac > 0 ? frac : 0));
    int64_t t = tgl_quantise(code - whole, frac, &tgl__scale_cast);
    int64_t u = tgl_quantise(t, tgl__scale_cast.type.frac + (int)shift, &tgl__scale_cast);
    return tgl_quantise(u, tgl__scale_cast.type.frac, out);
}

/* ---- conventions ---- */

/* One kind of object: its branches and the widths of the Global Trigger's words. */
typedef struct object {
    const char *name, *bx;
    uint32_t count;
    const char *column[3]; /* pt, eta, phi; NULL: constant zero */
    uint8_t width[3];
    uint8_t is_signed[3];
    int64_t sum_type; /* of energy sums, -1 otherwise */
} object;

static const object objects[] = {
    {"etm",
     "L1EtSum_bx",
     1,
     {"L1EtSum_hwPt", NULL, "L1EtSum_hwPhi"},
     {12, 2, 8},
     {0, 0, 0},
     2},
    {"eg",
     "L1EG_bx",
     4,
     {"L1EG_hwPt", "L1EG_hwEta", "L1EG_hwPhi"},
     {9, 9, 8},
     {0, 1, 0},
     -1},
    {"mu",
     "L1Mu_bx",
     4,
     {"L1Mu_hwPt", "L1Mu_hwEta", "L1Mu_hwPhi"},
     {9, 9, 10},
     {0, 1, 0},
     -1},
    {"jet",
     "L1Jet_bx",
     10,
     {"L1Jet_hwPt", "L1Jet_hwEta", "L1Jet_hwPhi"},
     {11, 9, 8},
     {0, 1, 0},
     -1},
};
enum {
    N_OBJECT = sizeof objects / sizeof objects[0],
    MAX_OBJECT_RULE = 64,
    NAME_SIZE = 32
};

static void object_rule(tgl_input_rule *rule, char name[NAME_SIZE], const object *o,
                        uint32_t index, uint32_t part, bool firmware_pt)
{
    static const char *const parts[] = {"pt", "eta", "phi"};
    if (o->count == 1)
        snprintf(name, NAME_SIZE, "%s_%s", o->name, parts[part]);
    else
        snprintf(name, NAME_SIZE, "%s%u_%s", o->name, (unsigned)index, parts[part]);
    *rule = (tgl_input_rule){.name = name, .column = o->column[part], .index = index};
    rule->quant = (tgl_quant){{o->is_signed[part], o->width[part], 0}, TGL_TRN, TGL_SAT};
    if (part == 0 && firmware_pt) {
        rule->quant.type.frac = 1;
    } else if (part == 0) {
        rule->drop_bits = 1;
        rule->quant.type.width--;
    }
    if (rule->column == NULL)
        return;
    /* several crossings an event in some files (then the one at 0), one in others */
    rule->where[0] = (tgl_input_where){o->bx, 0};
    rule->optional_where = 1;
    rule->n_where = 1;
    if (o->sum_type >= 0)
        rule->where[rule->n_where++] =
            (tgl_input_where){"L1EtSum_etSumType", o->sum_type};
}

static tgl_status object_convention(tgl__dataset *d, const tgl__train_config *c,
                                    tgl_error *err)
{
    tgl_input_rule rules[MAX_OBJECT_RULE];
    char names[MAX_OBJECT_RULE][NAME_SIZE];
    uint32_t n = 0;
    for (size_t o = 0; o < N_OBJECT; o++)
        for (uint32_t i = 0; i < objects[o].count; i++)
            for (uint32_t part = 0; part < 3; part++, n++)
                object_rule(&rules[n], names[n], &objects[o], i, part, c->firmware_pt);
    d->n_in = n;
    return tgl_convention_new(&d->convention,
                              c->firmware_pt ? "trigline/l1objects-firmware@1"
                                             : "trigline/l1objects-halved@1",
                              rules, n, err);
}

/* Mean and an inverse spread of one column over the training rows. */
static tgl_status standardise(tgl_input_rule *rule, const tgl_table *table,
                              uint64_t n_train, tgl_error *err)
{
    const tgl_column *column;
    TGL_TRY(tgl_table_find(&column, table, rule->column, err));
    if (column->is_jagged || column->n_dim > 0 || column->dtype == TGL_STRING)
        return tgl__fail(err, TGL_EFORMAT,
                         "train: column '%s' must hold one number a row", rule->column);
    if (column->dtype != TGL_F32 && column->dtype != TGL_F64)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "train: column '%s' holds %s: expected a float column to "
                         "standardise (CAST it to FLOAT in a query)",
                         rule->column, tgl_dtype_name(column->dtype));
    double sum = 0, square = 0;
    for (uint64_t i = 0; i < n_train; i++)
        sum += tgl_column_double(column, i);
    double mean = sum / (double)n_train;
    for (uint64_t i = 0; i < n_train; i++) {
        double x = tgl_column_double(column, i) - mean;
        square += x * x;
    }
    if (!(square >= 0 && square < 1e300))
        return tgl__fail(err, TGL_EFORMAT,
                         "train: column '%s' holds a value that is not finite",
                         rule->column);
    /* to float: a scale that people can read and that still is exact in any format */
    rule->center = (double)(float)mean;
    rule->scale = square > 0
                      ? (double)(float)(1.0 / __builtin_sqrt(square / (double)n_train))
                      : 1.0;
    return TGL_OK;
}

static bool is_feature(const tgl_column *column, const char *label)
{
    return (column->dtype == TGL_F32 || column->dtype == TGL_F64) && !column->is_jagged &&
           column->n_dim == 0 && strcmp(column->name, label) != 0;
}

static tgl_status feature_convention(tgl__dataset *d, const tgl__train_config *c,
                                     const tgl_table *table, tgl_error *err)
{
    size_t n_column = tgl_table_n_column(table);
    size_t most = c->n_column > 0 ? c->n_column : n_column;
    tgl_input_rule *rules = tgl__calloc(most + 1, sizeof *rules);
    if (rules == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    uint32_t n = 0;
    for (size_t i = 0; i < most; i++) {
        const tgl_column *column = c->n_column > 0 ? NULL : tgl_table_column(table, i);
        if (column != NULL && !is_feature(column, c->label))
            continue;
        const char *name = column != NULL ? column->name : c->columns[i];
        rules[n] = (tgl_input_rule){.name = name, .column = name, .quant = c->input};
        TGL_TRY_GOTO(standardise(&rules[n], table, d->n_train, err));
        n++;
    }
    if (n == 0 || n > TGL__TRAIN_MAX_UNITS)
        status = tgl__fail(err, TGL_EFORMAT,
                           "train: found %u float columns to train on, expected 1 to %d",
                           n, TGL__TRAIN_MAX_UNITS);
    if (status == TGL_OK) {
        d->n_in = n;
        status =
            tgl_convention_new(&d->convention, "trigline/standardised@1", rules, n, err);
    }
out:
    tgl__free(rules);
    return status;
}

/* ---- extraction ---- */

typedef struct extraction {
    tgl__dataset *data;
    const tgl_table *table;
    uint64_t first, n_row; /* place in the data set and rows of this table */
    const tgl__train_config *config;
    const tgl_progress *progress;
    uint64_t n_block, *n_saturated; /* (n_block) */
} extraction;

static tgl_status extract_block(void *context, size_t index, size_t worker,
                                tgl_error *err)
{
    (void)worker;
    extraction *e = context;
    const tgl__dataset *d = e->data;
    if (e->progress != NULL && e->progress->cancelled != NULL &&
        e->progress->cancelled(e->progress->user))
        return tgl__fail(err, TGL_ECANCELLED, "train: cancelled");
    uint64_t begin = index * BLOCK;
    uint64_t end = begin + BLOCK < e->n_row ? begin + BLOCK : e->n_row;
    size_t n = (size_t)(end - begin) * d->n_in;
    int64_t *codes = tgl__malloc(n * sizeof *codes);
    if (codes == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = tgl_convention_extract(codes, &e->n_saturated[index],
                                               d->convention, e->table, begin, end, err);
    int16_t *to = d->codes + (e->first + begin) * d->n_in;
    for (size_t i = 0; status == TGL_OK && i < n; i++)
        to[i] = (int16_t)codes[i];
    tgl__free(codes);
    return status;
}

static tgl_status extract(tgl__dataset *d, const tgl__train_config *c,
                          const tgl_table *table, uint64_t first, uint64_t n_row,
                          size_t n_thread, const tgl_progress *progress, tgl_error *err)
{
    extraction e = {d,   table, first, n_row, c, progress, (n_row + BLOCK - 1) / BLOCK,
                    NULL};
    e.n_saturated = tgl__calloc(e.n_block + 1, sizeof *e.n_saturated);
    if (e.n_saturated == NULL)
        return tgl__fail_nomem(err);
    tgl_status status =
        tgl__parallel((size_t)e.n_block, n_thread, extract_block, &e, err);
    for (uint64_t b = 0; b < e.n_block; b++)
        d->n_saturated += e.n_saturated[b];
    tgl__free(e.n_saturated);
    return status;
}

static tgl_status take_labels(tgl__dataset *d, const tgl__train_config *c,
                              const tgl_table *table, uint64_t first, uint64_t n_row,
                              tgl_error *err)
{
    const tgl_column *column;
    TGL_TRY(tgl_table_find(&column, table, c->label, err));
    if (column->is_jagged || column->n_dim > 0 || column->dtype == TGL_STRING ||
        column->dtype == TGL_F32 || column->dtype == TGL_F64)
        return tgl__fail(err, TGL_EFORMAT,
                         "train: label column '%s' must hold one integer a row",
                         c->label);
    for (uint64_t i = 0; i < n_row; i++) {
        int64_t label = tgl_column_int(column, i);
        if (label < 0 || label >= (int64_t)d->n_class)
            return tgl__fail(err, TGL_EFORMAT,
                             "train: label %lld in row %llu of '%s', expected 0 to %u",
                             (long long)label, (unsigned long long)i, c->label,
                             d->n_class - 1);
        d->label[first + i] = (uint8_t)label;
    }
    return TGL_OK;
}

/* ---- the scaling of integer objects ---- */

/* Offset: the mean, cut to an integer. Shift: the smallest that brings the standard
 * deviation to `spread` or below. Sums are integers, so they do not depend on their
 * order. */
static void choose_scaling(tgl__dataset *d, const tgl__train_config *c, uint32_t j,
                           int frac)
{
    int64_t sum = 0, square = 0;
    for (uint64_t i = 0; i < d->n_train; i++) {
        int64_t x = d->codes[i * d->n_in + j];
        sum += x;
        square += x * x;
    }
    double n = (double)d->n_train, unit = tgl_code_to_double(1, frac);
    double mean = (double)sum / n * unit;
    double variance = (double)square / n * unit * unit - mean * mean;
    d->offset[j] = (int64_t)(mean < 0 ? mean - 0.5 : mean + 0.5);
    int64_t shift = TGL__SHIFT_LO;
    double bound = c->spread * c->spread;
    for (; shift < TGL__SHIFT_HI && variance > bound; shift++)
        bound *= 4.0;
    d->shift[j] = shift;
}

static tgl_status scale_all(tgl__dataset *d, const tgl__train_config *c, tgl_error *err)
{
    d->offset = tgl__calloc(d->n_in, sizeof *d->offset);
    d->shift = tgl__calloc(d->n_in, sizeof *d->shift);
    if (d->offset == NULL || d->shift == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t j = 0; j < d->n_in; j++) {
        int frac = tgl_convention_rule(d->convention, j)->quant.type.frac;
        choose_scaling(d, c, j, frac);
        for (uint64_t i = 0; i < d->n_row; i++) {
            int16_t *code = &d->codes[i * d->n_in + j];
            *code = (int16_t)tgl__scale_code(*code, frac, d->offset[j], d->shift[j],
                                             &c->input);
        }
    }
    return TGL_OK;
}

/* ---- the whole ---- */

static tgl_status count_rows(tgl__dataset *d, const tgl__train_config *c,
                             const tgl_table *train, const tgl_table *validation,
                             uint64_t *n_first, tgl_error *err)
{
    uint64_t n = tgl_table_n_row(train);
    if (c->rows > 0 && n > c->rows)
        n = c->rows;
    *n_first = n;
    if (validation != NULL) {
        d->n_train = n;
        d->n_row = n + tgl_table_n_row(validation);
    } else {
        d->n_row = n;
        d->n_train = n - (uint64_t)((double)n * c->validation);
    }
    if (d->n_train < 2 || d->n_row == d->n_train)
        return tgl__fail(
            err, TGL_EUSAGE, "train: %llu rows to fit and %llu to validate are too few",
            (unsigned long long)d->n_train, (unsigned long long)(d->n_row - d->n_train));
    if (d->n_row > UINT32_MAX)
        return tgl__fail(err, TGL_ELIMIT, "train: more than 2^32 rows; set 'rows'");
    return TGL_OK;
}

static tgl_status fill(tgl__dataset *d, const tgl__train_config *c,
                       const tgl_table *table, uint64_t first, uint64_t n_row,
                       size_t n_thread, const tgl_progress *progress, tgl_error *err)
{
    TGL_TRY(extract(d, c, table, first, n_row, n_thread, progress, err));
    return d->n_class == 0 ? TGL_OK : take_labels(d, c, table, first, n_row, err);
}

static tgl_status build(tgl__dataset *d, const tgl__train_config *c,
                        const tgl_table *train, const tgl_table *validation,
                        size_t n_thread, const tgl_progress *progress, tgl_error *err)
{
    uint64_t n_first;
    bool anomaly = c->template == TGL__ANOMALY_TRIGGER;
    TGL_TRY(count_rows(d, c, train, validation, &n_first, err));
    TGL_TRY(anomaly ? object_convention(d, c, err)
                    : feature_convention(d, c, train, err));
    d->n_class = anomaly ? 0 : c->latent;
    d->codes = tgl__calloc((size_t)d->n_row, d->n_in * sizeof *d->codes);
    if (d->n_class > 0)
        d->label = tgl__calloc((size_t)d->n_row, 1);
    if (d->codes == NULL || (d->n_class > 0 && d->label == NULL))
        return tgl__fail_nomem(err);
    TGL_TRY(fill(d, c, train, 0, n_first, n_thread, progress, err));
    if (validation != NULL)
        TGL_TRY(
            fill(d, c, validation, n_first, d->n_row - n_first, n_thread, progress, err));
    return anomaly ? scale_all(d, c, err) : TGL_OK;
}

tgl_status tgl__dataset_init(tgl__dataset *out, const tgl__train_config *config,
                             const tgl_table *train, const tgl_table *validation,
                             size_t n_thread, const tgl_progress *progress,
                             tgl_error *err)
{
    memset(out, 0, sizeof *out);
    tgl_status status = build(out, config, train, validation, n_thread, progress, err);
    if (status != TGL_OK)
        tgl__dataset_release(out);
    return status;
}

void tgl__dataset_release(tgl__dataset *dataset)
{
    tgl_convention_free(dataset->convention);
    tgl__free(dataset->codes);
    tgl__free(dataset->label);
    tgl__free(dataset->offset);
    tgl__free(dataset->shift);
    memset(dataset, 0, sizeof *dataset);
}
