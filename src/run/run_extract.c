/* One event's columns as input codes, by the rules the file carries. */
#include "base/error.h"
#include "fixed/wide.h"
#include "run/run_file.h"

static tgl_status check_column(const tgl_run *run, const tgl_run_values *values,
                               uint32_t number, const char *input, bool integers,
                               tgl_error *err)
{
    if (values->is_absent)
        return tgl__fail(err, TGL_ENOTFOUND, "input '%s': column '%s' is absent", input,
                         run->columns[number]);
    if (values->n > 0 && values->integers == NULL && values->floats == NULL)
        return tgl__fail(err, TGL_EUSAGE, "input '%s': column '%s' has no values", input,
                         run->columns[number]);
    if (integers && values->n > 0 && values->integers == NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "input '%s': filter '%s': expected integers, found floats",
                         input, run->columns[number]);
    return TGL_OK;
}

/* What a rule does to integers says nothing of floats, and the other way round. */
static tgl_status check_kind(const tgl_run *run, const tgl_run_port *port,
                             const tgl_run_values *values, tgl_error *err)
{
    const tgl_run_rule *rule = port->rule;
    bool floats = values->n > 0 && values->integers == NULL;
    const char *fault = NULL;
    if (floats && tgl__run_is_integer(rule))
        fault = "floats: 'add' and 'drop_bits' are for integers";
    else if (floats && rule->scale == 0)
        fault = "floats: 'scale' is 0, which leaves nothing of a float";
    else if (values->integers != NULL && tgl__run_is_real(rule))
        fault = "integers: 'center' and 'scale' are for floats";
    if (fault == NULL)
        return TGL_OK;
    return tgl__fail(err, TGL_EUNSUPPORTED, "input '%s': column '%s' holds %s",
                     port->name, run->columns[rule->column], fault);
}

static tgl_status check_rule(const tgl_run *run, const tgl_run_port *port,
                             const tgl_run_values *columns, tgl_error *err)
{
    const tgl_run_rule *rule = port->rule;
    TGL_TRY(
        check_column(run, &columns[rule->column], rule->column, port->name, false, err));
    TGL_TRY(check_kind(run, port, &columns[rule->column], err));
    for (uint32_t w = 0; w < rule->n_where; w++) {
        uint32_t column = rule->where[w].column;
        if (!columns[column].is_absent || !rule->where[w].may_be_absent)
            TGL_TRY(check_column(run, &columns[column], column, port->name, true, err));
    }
    return TGL_OK;
}

static bool passes(const tgl_run_rule *rule, const tgl_run_values *columns, size_t place)
{
    for (uint32_t w = 0; w < rule->n_where; w++) {
        const tgl_run_values *filter = &columns[rule->where[w].column];
        if (filter->is_absent)
            continue;
        if (place >= filter->n || filter->integers[place] != rule->where[w].value)
            return false;
    }
    return true;
}

/* The place of the element that a rule picks; false when there are fewer. */
static bool find_element(size_t *place, const tgl_run_rule *rule,
                         const tgl_run_values *columns)
{
    uint32_t left = rule->index;
    if (rule->n_where == 0) {
        *place = left;
        return left < columns[rule->column].n;
    }
    for (*place = 0; *place < columns[rule->column].n; ++*place)
        if (passes(rule, columns, *place) && left-- == 0)
            return true;
    return false;
}

static int64_t clamp(tgl_wide code, tgl_type type, uint64_t *n_saturated)
{
    int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
    if (code >= lo && code <= hi)
        return (int64_t)code;
    ++*n_saturated;
    return code < lo ? lo : hi;
}

static tgl_status code_of(int64_t *code, uint64_t *n_saturated, const tgl_run_port *port,
                          const tgl_run_values *columns, tgl_error *err)
{
    const tgl_run_rule *rule = port->rule;
    const tgl_run_values *values = &columns[rule->column];
    size_t place;
    *code = 0;
    if (!find_element(&place, rule, columns))
        return TGL_OK;
    if (values->integers != NULL) {
        tgl_wide sum = (tgl_wide)values->integers[place] + rule->add;
        *code = clamp(sum >> rule->drop_bits, port->type, n_saturated);
        return TGL_OK;
    }
    /* round as the rule says, then clamp: a type of the widest codes shows both */
    tgl_quant widest = {{1, TGL_MAX_WIDTH, port->type.frac}, rule->round, TGL_SAT};
    double x = (values->floats[place] - rule->center) * rule->scale;
    int64_t wide = 0;
    tgl_status status = tgl_quantise_double(&wide, x, &widest, err);
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "input '%s'", port->name);
    *code = clamp(wide, port->type, n_saturated);
    return TGL_OK;
}

tgl_status tgl_run_extract(int64_t *codes, uint64_t *n_saturated, const tgl_run *run,
                           const tgl_run_values *columns, tgl_error *err)
{
    uint64_t clamped = 0;
    if (run->rules == NULL)
        return tgl__fail(err, TGL_EUSAGE, "model '%s' has no input convention",
                         tgl_run_info(run, "name"));
    for (uint32_t i = 0; i < run->n_input; i++) {
        codes[i] = 0;
        if (run->rules[i].column == TGL_RUN_NONE)
            continue;
        TGL_TRY(check_rule(run, &run->inputs[i], columns, err));
        TGL_TRY(code_of(&codes[i], &clamped, &run->inputs[i], columns, err));
    }
    if (n_saturated != NULL)
        *n_saturated = clamped;
    return TGL_OK;
}
