/* Rows of a table as input codes, by a convention's rules. */
#include <string.h>

#include "base/error.h"
#include "fixed/wide.h"
#include "graph/graph.h"

/* A rule with its columns found. */
typedef struct bound_rule {
    const tgl_input_rule *rule;
    const tgl_column *column; /* NULL: constant zero */
    const tgl_column *where[TGL_MAX_WHERE];
    int64_t wanted[TGL_MAX_WHERE];
    uint32_t n_where;
} bound_rule;

static uint64_t item_size(const tgl_column *column)
{
    uint64_t n = 1;
    for (int d = 0; d < column->n_dim; d++)
        n *= column->dim[d];
    return n;
}

/* The values of row `row` are [begin, end). */
static void row_range(const tgl_column *column, uint64_t row, uint64_t *begin,
                      uint64_t *end)
{
    uint64_t item = item_size(column);
    *begin = (column->is_jagged ? (uint64_t)column->offsets[row] : row) * item;
    *end = (column->is_jagged ? (uint64_t)column->offsets[row + 1] : row + 1) * item;
}

static bool is_float(const tgl_column *column)
{
    return column->dtype == TGL_F32 || column->dtype == TGL_F64;
}

static tgl_status bind_where(bound_rule *bound, const tgl_table *table, uint32_t w,
                             tgl_error *err)
{
    const tgl_input_where *filter = &bound->rule->where[w];
    const tgl_column *column;
    tgl_status status = tgl_table_find(&column, table, filter->column, err);
    if (status == TGL_ENOTFOUND && (bound->rule->optional_where >> w & 1))
        return TGL_OK;
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "input '%s'", bound->rule->name);
    if (column->dtype == TGL_STRING || is_float(column))
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "input '%s': filter '%s': expected an integer column, found %s",
                         bound->rule->name, filter->column,
                         tgl_dtype_name(column->dtype));
    bound->where[bound->n_where] = column;
    bound->wanted[bound->n_where++] = filter->value;
    return TGL_OK;
}

/* What a rule does to integers says nothing of floats, and the other way round. */
static tgl_status check_kind(const tgl_input_rule *rule, const tgl_column *column,
                             tgl_error *err)
{
    const char *fault = NULL;
    if (is_float(column) && tgl__rule_is_integer(rule))
        fault = "'add' and 'drop_bits' are for integers";
    else if (is_float(column) && rule->scale == 0)
        fault = "'scale' is 0, which leaves nothing of a float";
    else if (!is_float(column) && tgl__rule_is_real(rule))
        fault = "'center' and 'scale' are for floats";
    if (fault == NULL)
        return TGL_OK;
    return tgl__fail(err, TGL_EUNSUPPORTED, "input '%s': column '%s' holds %s: %s",
                     rule->name, rule->column, tgl_dtype_name(column->dtype), fault);
}

static tgl_status bind_rule(bound_rule *bound, const tgl_table *table,
                            const tgl_input_rule *rule, tgl_error *err)
{
    *bound = (bound_rule){.rule = rule};
    if (!rule->column)
        return TGL_OK;
    tgl_status status = tgl_table_find(&bound->column, table, rule->column, err);
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "input '%s'", rule->name);
    if (bound->column->dtype == TGL_STRING)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "input '%s': column '%s': expected numbers, found strings",
                         rule->name, rule->column);
    TGL_TRY(check_kind(rule, bound->column, err));
    for (uint32_t w = 0; w < rule->n_where; w++)
        TGL_TRY(bind_where(bound, table, w, err));
    return TGL_OK;
}

static bool passes(const bound_rule *bound, uint64_t row, uint64_t place)
{
    for (uint32_t w = 0; w < bound->n_where; w++) {
        uint64_t begin, end;
        row_range(bound->where[w], row, &begin, &end);
        if (begin + place >= end ||
            tgl_column_int(bound->where[w], begin + place) != bound->wanted[w])
            return false;
    }
    return true;
}

/* The value a rule picks from a row; false when the row has fewer. */
static bool find_value(uint64_t *value, const bound_rule *bound, uint64_t row)
{
    uint64_t begin, end;
    row_range(bound->column, row, &begin, &end);
    if (bound->n_where == 0) {
        *value = begin + bound->rule->index;
        return *value < end;
    }
    uint32_t left = bound->rule->index;
    for (uint64_t i = begin; i < end; i++)
        if (passes(bound, row, i - begin) && left-- == 0) {
            *value = i;
            return true;
        }
    return false;
}

static int64_t saturate(tgl_wide code, tgl_type type, uint64_t *n_saturated)
{
    int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
    if (code >= lo && code <= hi)
        return (int64_t)code;
    ++*n_saturated;
    return code < lo ? lo : hi;
}

static tgl_status code_of(int64_t *code, const bound_rule *bound, uint64_t row,
                          uint64_t *n_saturated, tgl_error *err)
{
    const tgl_input_rule *rule = bound->rule;
    uint64_t value;
    *code = 0;
    if (!bound->column || !find_value(&value, bound, row))
        return TGL_OK;
    tgl_type type = rule->quant.type;
    if (!is_float(bound->column)) {
        tgl_wide sum = (tgl_wide)tgl_column_int(bound->column, value) + rule->add;
        *code = saturate(sum >> rule->drop_bits, type, n_saturated);
        return TGL_OK;
    }
    /* Round as the type says, then clamp: a probe of the widest type shows both. */
    tgl_quant probe = {{1, TGL_MAX_WIDTH, type.frac}, rule->quant.round, TGL_SAT};
    double x = (tgl_column_double(bound->column, value) - rule->center) * rule->scale;
    int64_t wide;
    tgl_status status = tgl_quantise_double(&wide, x, &probe, err);
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "input '%s': column '%s': row %llu",
                                 rule->name, rule->column, (unsigned long long)row);
    *code = saturate(wide, type, n_saturated);
    return TGL_OK;
}

static tgl_status extract_rows(int64_t *codes, uint64_t *n_saturated,
                               const bound_rule *bound, size_t n, uint64_t begin,
                               uint64_t end, tgl_error *err)
{
    for (uint64_t row = begin; row < end; row++)
        for (size_t i = 0; i < n; i++)
            TGL_TRY(code_of(codes++, &bound[i], row, n_saturated, err));
    return TGL_OK;
}

tgl_status tgl_convention_extract(int64_t *codes, uint64_t *n_saturated,
                                  const tgl_convention *convention,
                                  const tgl_table *table, uint64_t begin, uint64_t end,
                                  tgl_error *err)
{
    if (begin > end || end > tgl_table_n_row(table))
        return tgl__fail(err, TGL_EUSAGE,
                         "convention '%s': expected rows within 0 to %llu, found %llu to "
                         "%llu",
                         convention->name, (unsigned long long)tgl_table_n_row(table),
                         (unsigned long long)begin, (unsigned long long)end);
    uint64_t clamped = 0;
    bound_rule *bound = tgl__calloc(convention->n_rule, sizeof *bound);
    if (!bound)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    for (uint32_t i = 0; i < convention->n_rule && status == TGL_OK; i++)
        status = bind_rule(&bound[i], table, &convention->rules[i], err);
    if (status == TGL_OK)
        status =
            extract_rows(codes, &clamped, bound, convention->n_rule, begin, end, err);
    tgl__free(bound);
    if (status == TGL_OK && n_saturated)
        *n_saturated = clamped;
    return status == TGL_OK
               ? TGL_OK
               : tgl__fail_context(err, status, "convention '%s'", convention->name);
}
