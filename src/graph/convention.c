/* Input conventions: rules from columns to codes, with name and version. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "graph/graph.h"

enum { MAX_DROP = 63, MAX_INDEX = 1 << 20 };

static bool has_version(const char *name)
{
    const char *at = name ? strrchr(name, '@') : NULL;
    if (!at || at == name || !at[1])
        return false;
    for (const char *c = at + 1; *c; c++)
        if (*c < '0' || *c > '9')
            return false;
    return true;
}

bool tgl__rule_is_integer(const tgl_input_rule *rule)
{
    return rule->add != 0 || rule->drop_bits != 0;
}

bool tgl__rule_is_real(const tgl_input_rule *rule)
{
    return rule->center != 0 || (rule->scale != 0 && rule->scale != 1);
}

static tgl_status check_rule(const char *name, uint32_t number,
                             const tgl_input_rule *rule, tgl_error *err)
{
    const char *fault = NULL;
    if (!rule->name || !*rule->name)
        fault = "expected a name";
    else if (rule->quant.type.width < 1 || rule->quant.type.width > TGL_MAX_WIDTH ||
             rule->quant.type.is_signed > 1 ||
             rule->quant.type.frac < -TGL__GRAPH_MAX_FRAC ||
             rule->quant.type.frac > TGL__GRAPH_MAX_FRAC)
        fault = "type out of range";
    else if ((unsigned)rule->quant.round >= TGL_N_ROUND ||
             (unsigned)rule->quant.overflow >= TGL_N_OVERFLOW)
        fault = "unknown rounding or overflow mode";
    else if (rule->n_where > TGL_MAX_WHERE)
        fault = "too many 'where' filters";
    else if (rule->drop_bits > MAX_DROP || rule->index > MAX_INDEX)
        fault = "'drop_bits' above 63 or 'index' above 2^20";
    else if (!isfinite(rule->center) || !isfinite(rule->scale))
        fault = "'center' and 'scale' must be finite";
    else if (tgl__rule_is_integer(rule) && tgl__rule_is_real(rule))
        fault = "'add' and 'drop_bits' are for integers, 'center' and 'scale' for floats";
    for (uint32_t w = 0; !fault && w < rule->n_where; w++)
        if (!rule->where[w].column || !*rule->where[w].column)
            fault = "a 'where' filter needs a column";
    if (!fault)
        return TGL_OK;
    return tgl__fail(err, TGL_EUSAGE, "convention '%s': rule %u ('%s'): %s", name, number,
                     rule->name ? rule->name : "", fault);
}

static bool copy_text(tgl_arena *arena, const char **out, const char *text)
{
    *out = text ? tgl__arena_strdup(arena, text) : NULL;
    return !text || *out;
}

static bool copy_rule(tgl_arena *arena, tgl_input_rule *mine, const tgl_input_rule *rule)
{
    *mine = *rule;
    bool ok = copy_text(arena, &mine->name, rule->name) &&
              copy_text(arena, &mine->column, rule->column);
    for (uint32_t w = 0; w < TGL_MAX_WHERE; w++) {
        mine->where[w] = (tgl_input_where){NULL, 0};
        if (ok && w < rule->n_where) {
            mine->where[w].value = rule->where[w].value;
            ok = copy_text(arena, &mine->where[w].column, rule->where[w].column);
        }
    }
    return ok;
}

static void add_column(tgl_convention *convention, size_t *n, const char *column)
{
    for (size_t i = 0; column && i < *n; i++)
        if (strcmp(convention->columns[i], column) == 0)
            return;
    if (column)
        convention->columns[(*n)++] = column;
}

static bool list_columns(tgl_convention *convention)
{
    size_t most = (size_t)convention->n_rule * (1 + TGL_MAX_WHERE) + 1, n = 0;
    convention->columns =
        tgl__arena_alloc(&convention->arena, most, sizeof *convention->columns);
    if (!convention->columns)
        return false;
    for (uint32_t i = 0; i < convention->n_rule; i++) {
        const tgl_input_rule *rule = &convention->rules[i];
        add_column(convention, &n, rule->column);
        for (uint32_t w = 0; w < rule->n_where; w++)
            add_column(convention, &n, rule->where[w].column);
    }
    return true;
}

tgl_status tgl_convention_new(tgl_convention **out, const char *name,
                              const tgl_input_rule *rules, uint32_t n_rule,
                              tgl_error *err)
{
    if (!has_version(name))
        return tgl__fail(err, TGL_EUSAGE,
                         "convention: expected a name with a version like 'inputs@1', "
                         "found '%s'",
                         name ? name : "");
    if (n_rule < 1 || n_rule > TGL__GRAPH_MAX_RULE)
        return tgl__fail(err, TGL_EUSAGE,
                         "convention '%s': expected 1 to %d rules, found %u", name,
                         TGL__GRAPH_MAX_RULE, n_rule);
    for (uint32_t i = 0; i < n_rule; i++)
        TGL_TRY(check_rule(name, i, &rules[i], err));
    tgl_convention *mine = tgl__calloc(1, sizeof *mine);
    if (!mine)
        return tgl__fail_nomem(err);
    atomic_init(&mine->references, 1);
    mine->n_rule = n_rule;
    mine->name = tgl__arena_strdup(&mine->arena, name);
    mine->rules = tgl__arena_alloc(&mine->arena, n_rule, sizeof *mine->rules);
    bool ok = mine->name && mine->rules;
    for (uint32_t i = 0; ok && i < n_rule; i++)
        ok = copy_rule(&mine->arena, &mine->rules[i], &rules[i]);
    if (!ok || !list_columns(mine)) {
        tgl_convention_free(mine);
        return tgl__fail_nomem(err);
    }
    *out = mine;
    return TGL_OK;
}

void tgl_convention_free(tgl_convention *convention)
{
    if (!convention || atomic_fetch_sub(&convention->references, 1) != 1)
        return;
    tgl__arena_release(&convention->arena);
    tgl__free(convention);
}

const char *tgl_convention_name(const tgl_convention *convention)
{
    return convention->name;
}

uint32_t tgl_convention_n_rule(const tgl_convention *convention)
{
    return convention->n_rule;
}

const tgl_input_rule *tgl_convention_rule(const tgl_convention *convention,
                                          uint32_t index)
{
    return index < convention->n_rule ? &convention->rules[index] : NULL;
}

const char *const *tgl_convention_columns(const tgl_convention *convention)
{
    return convention->columns;
}

int tgl_convention_may_lack(const tgl_convention *convention, const char *column)
{
    bool named = false;
    for (uint32_t i = 0; i < convention->n_rule; i++) {
        const tgl_input_rule *rule = &convention->rules[i];
        if (rule->column && strcmp(rule->column, column) == 0)
            return 0;
        for (uint32_t w = 0; w < rule->n_where; w++) {
            if (strcmp(rule->where[w].column, column) != 0)
                continue;
            if (!(rule->optional_where >> w & 1))
                return 0;
            named = true;
        }
    }
    return named;
}

/* ---- JSON ---- */

static tgl_json *where_json(const tgl_input_rule *rule)
{
    tgl_json *list = tgl__json_array();
    bool ok = list != NULL;
    for (uint32_t w = 0; ok && w < rule->n_where; w++) {
        tgl_json *item = tgl__json_object();
        ok = tgl__json_put(item, "column", tgl__json_new_string(rule->where[w].column)) &&
             tgl__json_put(item, "value", tgl__json_new_int(rule->where[w].value));
        ok = tgl__json_append(list, item) && ok;
    }
    if (!ok)
        tgl__json_free(list);
    return ok ? list : NULL;
}

static bool put_rule(tgl_json *json, const tgl_input_rule *rule)
{
    char type[TGL_TYPE_TEXT];
    tgl_quant_format(type, &rule->quant);
    bool ok = tgl__json_put(json, "name", tgl__json_new_string(rule->name)) &&
              tgl__json_put(json, "type", tgl__json_new_string(type)) &&
              tgl__json_put(json, "index", tgl__json_new_int(rule->index)) &&
              tgl__json_put(json, "add", tgl__json_new_int(rule->add)) &&
              tgl__json_put(json, "drop_bits", tgl__json_new_int(rule->drop_bits)) &&
              tgl__json_put(json, "center", tgl__json_new_real(rule->center)) &&
              tgl__json_put(json, "scale", tgl__json_new_real(rule->scale));
    if (ok && rule->column)
        ok = tgl__json_put(json, "column", tgl__json_new_string(rule->column));
    if (ok && rule->n_where)
        ok = tgl__json_put(json, "where", where_json(rule)) &&
             tgl__json_put(json, "optional_where",
                           tgl__json_new_int(rule->optional_where));
    return ok;
}

tgl_json *tgl__convention_json(const tgl_convention *convention)
{
    tgl_json *json = tgl__json_object(), *rules = tgl__json_array();
    bool ok = tgl__json_put(json, "name", tgl__json_new_string(convention->name));
    for (uint32_t i = 0; ok && i < convention->n_rule; i++) {
        tgl_json *rule = tgl__json_object();
        ok = put_rule(rule, &convention->rules[i]);
        ok = tgl__json_append(rules, rule) && ok;
    }
    ok = tgl__json_put(json, "rules", rules) && ok;
    if (!ok)
        tgl__json_free(json);
    return ok ? json : NULL;
}

static tgl_status read_where(tgl_input_rule *rule, const tgl_json *json,
                             const char *where, tgl_error *err)
{
    static const char *const keys[] = {"column", "value"};
    const tgl_json *list = tgl__json_get(json, "where");
    if (!list)
        return TGL_OK;
    size_t n = tgl__json_size(list);
    if (tgl__json_kind(list) != TGL_JSON_ARRAY || n > TGL_MAX_WHERE)
        return tgl__fail(err, TGL_EFORMAT, "%s: 'where': expected a list of at most %d",
                         where, TGL_MAX_WHERE);
    for (size_t w = 0; w < n; w++) {
        const tgl_json *item = tgl__json_at(list, w);
        TGL_TRY(tgl__json_only_keys(item, keys, 2, where, err));
        TGL_TRY(
            tgl__json_need_string(&rule->where[w].column, item, "column", where, err));
        TGL_TRY(tgl__json_need_int(&rule->where[w].value, item, "value", INT64_MIN,
                                   INT64_MAX, where, err));
    }
    rule->n_where = (uint32_t)n;
    int64_t optional = 0;
    if (n)
        TGL_TRY(tgl__json_need_int(&optional, json, "optional_where", 0, UINT8_MAX, where,
                                   err));
    rule->optional_where = (uint8_t)optional;
    return TGL_OK;
}

static tgl_status read_rule(tgl_input_rule *rule, const tgl_json *json, const char *where,
                            tgl_error *err)
{
    static const char *const keys[] = {"add",   "center", "column",         "drop_bits",
                                       "index", "name",   "optional_where", "scale",
                                       "type",  "where"};
    int64_t index, add, drop_bits;
    const char *type;
    *rule = (tgl_input_rule){0};
    TGL_TRY(tgl__json_only_keys(json, keys, sizeof keys / sizeof keys[0], where, err));
    TGL_TRY(tgl__json_need_string(&rule->name, json, "name", where, err));
    if (tgl__json_get(json, "column"))
        TGL_TRY(tgl__json_need_string(&rule->column, json, "column", where, err));
    TGL_TRY(tgl__json_need_int(&index, json, "index", 0, MAX_INDEX, where, err));
    TGL_TRY(tgl__json_need_int(&add, json, "add", INT32_MIN, INT32_MAX, where, err));
    TGL_TRY(tgl__json_need_int(&drop_bits, json, "drop_bits", 0, MAX_DROP, where, err));
    TGL_TRY(tgl__json_need_real(&rule->center, json, "center", where, err));
    TGL_TRY(tgl__json_need_real(&rule->scale, json, "scale", where, err));
    TGL_TRY(tgl__json_need_string(&type, json, "type", where, err));
    tgl_status status = tgl_quant_parse(&rule->quant, type, err);
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "%s", where);
    rule->index = (uint32_t)index;
    rule->add = (int32_t)add;
    rule->drop_bits = (uint8_t)drop_bits;
    return read_where(rule, json, where, err);
}

tgl_status tgl__convention_from_json(tgl_convention **out, const tgl_json *json,
                                     const char *where, tgl_error *err)
{
    static const char *const keys[] = {"name", "rules"};
    const char *name;
    tgl_json *list;
    TGL_TRY(tgl__json_only_keys(json, keys, 2, where, err));
    TGL_TRY(tgl__json_need_string(&name, json, "name", where, err));
    TGL_TRY(tgl__json_need(&list, json, "rules", TGL_JSON_ARRAY, where, err));
    size_t n = tgl__json_size(list);
    if (n < 1 || n > TGL__GRAPH_MAX_RULE)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected 1 to %d rules, found %zu", where,
                         TGL__GRAPH_MAX_RULE, n);
    tgl_input_rule *rules = tgl__calloc(n, sizeof *rules);
    if (!rules)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    char place[160];
    for (size_t i = 0; i < n && status == TGL_OK; i++) {
        snprintf(place, sizeof place, "%.100s: convention: rule %zu", where, i);
        status = read_rule(&rules[i], tgl__json_at(list, i), place, err);
    }
    if (status == TGL_OK)
        status = tgl_convention_new(out, name, rules, (uint32_t)n, err);
    tgl__free(rules);
    return status;
}
