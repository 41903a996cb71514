#include "physics/menu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Kinds of objects and how they stand in L1Nano columns (trigger-domain reference,
 * section 2). */
typedef struct object_kind {
    const char *name, *pt, *eta;
    int sum_type; /* etSumType, -1 for objects */
    int is_muon;
} object_kind;

static const object_kind kinds[] = {
    {"Mu", "L1Mu_hwPt", "L1Mu_hwEta", -1, 1},
    {"EG", "L1EG_hwPt", "L1EG_hwEta", -1, 0},
    {"Tau", "L1Tau_hwPt", "L1Tau_hwEta", -1, 0},
    {"Jet", "L1Jet_hwPt", "L1Jet_hwEta", -1, 0},
    {"ETT", "L1EtSum_hwPt", NULL, 0, 0},
    {"HTT", "L1EtSum_hwPt", NULL, 1, 0},
    {"ETM", "L1EtSum_hwPt", NULL, 2, 0},
    {"HTM", "L1EtSum_hwPt", NULL, 3, 0},
    {"ETMHF", "L1EtSum_hwPt", NULL, 8, 0},
};
enum { N_KIND = sizeof kinds / sizeof kinds[0] };

static const object_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < N_KIND; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static int64_t to_hardware(const object_kind *kind, double gev)
{
    return (int64_t)llround(2 * gev) + (kind->is_muon ? 1 : 0);
}

/* A menu in the spirit of the experiments' unprescaled single- and multi-object seeds. */
static const char builtin_menu[] =
    "[{\"name\":\"L1_SingleMu22\",\"legs\":[{\"object\":\"Mu\",\"gev\":[22]}]},"
    "{\"name\":\"L1_DoubleMu_15_7\",\"legs\":[{\"object\":\"Mu\",\"gev\":[15,7]}]},"
    "{\"name\":\"L1_SingleEG40\",\"legs\":[{\"object\":\"EG\",\"gev\":[40]}]},"
    "{\"name\":\"L1_DoubleEG_25_14\",\"legs\":[{\"object\":\"EG\",\"gev\":[25,14]}]},"
    "{\"name\":\"L1_DoubleTau34\",\"legs\":[{\"object\":\"Tau\",\"gev\":[34,34]}]},"
    "{\"name\":\"L1_SingleJet180\",\"legs\":[{\"object\":\"Jet\",\"gev\":[180]}]},"
    "{\"name\":\"L1_QuadJet60\",\"legs\":[{\"object\":\"Jet\",\"gev\":[60,60,60,60]}]},"
    "{\"name\":\"L1_HTT360\",\"legs\":[{\"object\":\"HTT\",\"gev\":[360]}]},"
    "{\"name\":\"L1_ETMHF100\",\"legs\":[{\"object\":\"ETMHF\",\"gev\":[100]}]},"
    "{\"name\":\"L1_Mu6_HTT240\",\"legs\":[{\"object\":\"Mu\",\"gev\":[6]},{\"object\":"
    "\"HTT\",\"gev\":[240]}]}]";

static tgl_status parse_leg(tgl_leg *leg, const tgl_json *json, const char *where,
                            tgl_error *err)
{
    static const char *const keys[] = {"object", "gev", "max_eta"};
    const char *object;
    tgl_json *gev;
    TGL_TRY(tgl__json_only_keys(json, keys, 3, where, err));
    TGL_TRY(tgl__json_need_string(&object, json, "object", where, err));
    TGL_TRY(tgl__json_need(&gev, json, "gev", TGL_JSON_ARRAY, where, err));
    const object_kind *kind = find_kind(object);
    if (kind == NULL)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: object: expected Mu, EG, Tau, Jet, ETT, HTT, ETM, HTM or "
                         "ETMHF, found '%s'",
                         where, object);
    size_t n = tgl__json_size(gev);
    if (n < 1 || n > TGL_MAX_OBJECT || (kind->sum_type >= 0 && n != 1))
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: gev: expected 1 to %d cuts (1 for a sum), found %zu", where,
                         TGL_MAX_OBJECT, n);
    *leg = (tgl_leg){.n = (uint32_t)n,
                     .max_eta = tgl__json_int(tgl__json_get(json, "max_eta"), -1)};
    snprintf(leg->object, sizeof leg->object, "%s", kind->name);
    for (size_t i = 0; i < n; i++) {
        double cut = tgl__json_real(tgl__json_at(gev, i), -1);
        if (!(cut >= 0 && cut < 1e6))
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: gev: expected numbers from 0 to 1000000", where);
        leg->cut[i] = to_hardware(kind, cut);
    }
    return TGL_OK;
}

/* One number for every prescale column, or a list with one a column; nothing: 1. */
static tgl_status parse_prescale(tgl_seed *seed, const tgl_json *json, const char *where,
                                 tgl_error *err)
{
    bool is_list = tgl__json_kind(json) == TGL_JSON_ARRAY;
    size_t n = is_list ? tgl__json_size(json) : 1;
    if (n < 1 || n > TGL_MAX_PRESCALE)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: prescale: expected 1 to %d columns, found %zu", where,
                         TGL_MAX_PRESCALE, n);
    seed->n_prescale = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        double p =
            json == NULL ? 1 : tgl__json_real(is_list ? tgl__json_at(json, i) : json, -1);
        if (!(p >= 1) && p != 0)
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: prescale: expected 0 (off) or at least 1, found %g",
                             where, p);
        seed->prescale[i] = p;
    }
    return TGL_OK;
}

static tgl_status parse_seed(tgl_seed *seed, const tgl_json *json, size_t index,
                             tgl_error *err)
{
    static const char *const keys[] = {"name", "legs", "prescale"};
    char where[80];
    const char *name;
    tgl_json *legs;
    snprintf(where, sizeof where, "menu seed %zu", index);
    TGL_TRY(tgl__json_only_keys(json, keys, 3, where, err));
    TGL_TRY(tgl__json_need_string(&name, json, "name", where, err));
    snprintf(where, sizeof where, "menu seed '%.40s'", name);
    TGL_TRY(tgl__json_need(&legs, json, "legs", TGL_JSON_ARRAY, where, err));
    size_t n = tgl__json_size(legs);
    if (n < 1 || n > TGL_MAX_LEG || strlen(name) >= sizeof seed->name)
        return tgl__fail(err, TGL_EFORMAT,
                         "%s: expected 1 to %d legs and a name below %zu characters",
                         where, TGL_MAX_LEG, sizeof seed->name);
    snprintf(seed->name, sizeof seed->name, "%s", name);
    seed->n_leg = (uint32_t)n;
    TGL_TRY(parse_prescale(seed, tgl__json_get(json, "prescale"), where, err));
    for (size_t i = 0; i < n; i++)
        TGL_TRY(parse_leg(&seed->leg[i], tgl__json_at(legs, i), where, err));
    return TGL_OK;
}

tgl_status tgl__menu_parse(tgl_menu *out, const tgl_json *menu, tgl_error *err)
{
    if (menu == NULL) {
        tgl_json *built_in;
        TGL_TRY(tgl__json_parse(&built_in, builtin_menu, sizeof builtin_menu - 1,
                                "built-in menu", err));
        tgl_status status = tgl__menu_parse(out, built_in, err);
        tgl__json_free(built_in);
        return status;
    }
    size_t n = tgl__json_size(menu);
    if (tgl__json_kind(menu) != TGL_JSON_ARRAY || n < 1 || n > TGL_MAX_SEED)
        return tgl__fail(err, TGL_EFORMAT, "menu: expected a list of 1 to %d seeds",
                         TGL_MAX_SEED);
    *out = (tgl_menu){.n_seed = (uint32_t)n};
    for (size_t i = 0; i < n; i++) {
        TGL_TRY(parse_seed(&out->seed[i], tgl__json_at(menu, i), i, err));
        for (size_t j = 0; j < i; j++)
            if (strcmp(out->seed[i].name, out->seed[j].name) == 0)
                return tgl__fail(err, TGL_EFORMAT, "menu: two seeds named '%s'",
                                 out->seed[i].name);
    }
    return TGL_OK;
}

/* Where the values of one row of a jagged or fixed-size column lie. */
static void row_bounds(const tgl_column *column, uint64_t row, uint64_t *begin,
                       uint64_t *end)
{
    if (column->is_jagged) {
        *begin = (uint64_t)column->offsets[row];
        *end = (uint64_t)column->offsets[row + 1];
        return;
    }
    uint64_t n = column->n_row > 0 ? column->n_value / column->n_row : 0;
    *begin = row * n;
    *end = *begin + n;
}

typedef struct leg_columns {
    const tgl_column *pt, *eta, *type;
} leg_columns;

static tgl_status find_columns(leg_columns *out, const object_kind *kind, int with_eta,
                               const tgl_table *table, tgl_error *err)
{
    *out = (leg_columns){0};
    TGL_TRY(tgl_table_find(&out->pt, table, kind->pt, err));
    if (with_eta && kind->eta != NULL)
        TGL_TRY(tgl_table_find(&out->eta, table, kind->eta, err));
    if (kind->sum_type >= 0)
        TGL_TRY(tgl_table_find(&out->type, table, "L1EtSum_etSumType", err));
    const tgl_column *others[2] = {out->eta, out->type};
    for (int i = 0; i < 2; i++)
        if (others[i] != NULL && others[i]->n_value != out->pt->n_value)
            return tgl__fail(
                err, TGL_EFORMAT,
                "columns '%s' and '%s': expected equal lengths, found %llu and %llu",
                out->pt->name, others[i]->name, (unsigned long long)out->pt->n_value,
                (unsigned long long)others[i]->n_value);
    return TGL_OK;
}

/* The `n` largest pts of a row within the leg's eta, falling. Sums: the one of the type.
 */
static void leading(int64_t *top, uint32_t n, const leg_columns *c,
                    const object_kind *kind, int64_t max_eta, uint64_t row)
{
    uint64_t begin, end;
    row_bounds(c->pt, row, &begin, &end);
    for (uint32_t k = 0; k < n; k++)
        top[k] = 0;
    for (uint64_t i = begin; i < end; i++) {
        if (c->type != NULL && tgl_column_int(c->type, i) != kind->sum_type)
            continue;
        if (c->eta != NULL) {
            int64_t eta = tgl_column_int(c->eta, i);
            if (eta > max_eta || eta < -max_eta)
                continue;
        }
        int64_t pt = tgl_column_int(c->pt, i);
        for (uint32_t k = 0; k < n; k++)
            if (pt > top[k]) {
                int64_t pushed = top[k];
                top[k] = pt;
                pt = pushed;
            }
    }
}

tgl_status tgl__seed_apply(uint8_t *pass, const tgl_seed *seed, const tgl_table *table,
                           tgl_error *err)
{
    uint64_t n_row = tgl_table_n_row(table);
    memset(pass, 1, n_row);
    for (uint32_t l = 0; l < seed->n_leg; l++) {
        const tgl_leg *leg = &seed->leg[l];
        const object_kind *kind = find_kind(leg->object);
        leg_columns columns;
        TGL_TRY(find_columns(&columns, kind, leg->max_eta >= 0, table, err));
        for (uint64_t row = 0; row < n_row; row++) {
            int64_t top[TGL_MAX_OBJECT];
            if (!pass[row])
                continue;
            leading(top, leg->n, &columns, kind, leg->max_eta, row);
            for (uint32_t k = 0; k < leg->n; k++)
                pass[row] = pass[row] && top[k] >= leg->cut[k];
        }
    }
    return TGL_OK;
}

/* One-dimensional discriminants: what a shifter would cut on. */
static const struct {
    const char *name, *object;
    uint32_t rank; /* 0: leading */
} variables[] = {
    {"leading muon pt", "Mu", 0},
    {"second muon pt", "Mu", 1},
    {"leading e/gamma pt", "EG", 0},
    {"second e/gamma pt", "EG", 1},
    {"leading tau pt", "Tau", 0},
    {"leading jet pt", "Jet", 0},
    {"fourth jet pt", "Jet", 3},
    {"sixth jet pt", "Jet", 5},
    {"ETT", "ETT", 0},
    {"HTT", "HTT", 0},
    {"ETM", "ETM", 0},
    {"ETMHF", "ETMHF", 0},
};
enum { N_VARIABLE = sizeof variables / sizeof variables[0] };

const char *tgl__variable_name(size_t index)
{
    return index < N_VARIABLE ? variables[index].name : NULL;
}

tgl_status tgl__variable_values(int64_t *value, size_t index, const tgl_table *table,
                                tgl_error *err)
{
    const object_kind *kind = find_kind(variables[index].object);
    leg_columns columns;
    TGL_TRY(find_columns(&columns, kind, 0, table, err));
    uint32_t rank = variables[index].rank;
    for (uint64_t row = 0; row < tgl_table_n_row(table); row++) {
        int64_t top[TGL_MAX_OBJECT];
        leading(top, rank + 1, &columns, kind, 0, row);
        value[row] = top[rank];
    }
    return TGL_OK;
}

double tgl__variable_gev(size_t index, int64_t hardware)
{
    return (double)(hardware - (find_kind(variables[index].object)->is_muon ? 1 : 0)) / 2;
}
