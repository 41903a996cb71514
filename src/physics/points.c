/* The menu of plain cuts, and the network's working points held against it. */
#include <string.h>

#include "base/error.h"
#include "physics/study.h"

static double keep_fraction(const tgl_seed *seed, uint32_t column)
{
    double p = seed->prescale[column < seed->n_prescale ? column : seed->n_prescale - 1];
    return p > 0 ? 1 / p : 0;
}

/* Chance that any seed of `fired` survives its prescale, prescales taken as independent.
 */
static double or_weight(const tgl_menu *menu, uint64_t fired, uint32_t column)
{
    double none = 1;
    for (uint32_t s = 0; s < menu->n_seed && fired >> s != 0; s++)
        if (fired >> s & 1)
            none *= 1 - keep_fraction(&menu->seed[s], column);
    return 1 - none;
}

typedef struct seed_rates {
    double hz, squares, pure, pure_squares, proportional;
    uint64_t n_pass, n_pure;
} seed_rates;

static void add_seed(seed_rates *r, const tgl_study *study, uint32_t s, size_t row)
{
    const tgl_menu *menu = &study->config.menu;
    uint64_t fired = study->zero_bias.fired[row];
    uint32_t column = study->section[row].prescale_column;
    double keep = keep_fraction(&menu->seed[s], column);
    if (!(fired >> s & 1) || keep == 0)
        return;
    double hz = study->hz[row] * keep,
           others = or_weight(menu, fired & ~(UINT64_C(1) << s), column), shares = 0;
    r->hz += hz;
    r->squares += hz * hz;
    r->n_pass++;
    r->pure += hz * (1 - others);
    r->pure_squares += hz * hz * (1 - others) * (1 - others);
    r->n_pure += others == 0;
    for (uint32_t t = 0; t < menu->n_seed; t++)
        if (fired >> t & 1)
            shares += keep_fraction(&menu->seed[t], column);
    r->proportional += study->hz[row] * or_weight(menu, fired, column) * keep / shares;
}

static uint64_t count_fired(const tgl_study_sample *sample, uint64_t seeds)
{
    uint64_t k = 0;
    for (size_t i = 0; i < sample->n; i++)
        k += (sample->fired[i] & seeds) != 0;
    return k;
}

static tgl_json *signal_fractions(const tgl_study *study, uint64_t seeds)
{
    tgl_json *signals = tgl__json_object();
    for (size_t i = 0; i < study->n_signal; i++)
        tgl__json_put(signals, study->signal[i].name,
                      tgl__study_fraction(study, count_fired(&study->signal[i], seeds),
                                          study->signal[i].n));
    return signals;
}

static tgl_json *describe_seed(const tgl_study *study, uint32_t s)
{
    seed_rates r = {0};
    for (size_t i = 0; i < study->zero_bias.n; i++)
        add_seed(&r, study, s, i);
    tgl_json *json = tgl__json_object();
    tgl__json_put(json, "name", tgl__json_new_string(study->config.menu.seed[s].name));
    tgl__json_put(json, "rate", tgl__study_rate(r.hz, r.squares, r.n_pass));
    tgl__json_put(json, "pure", tgl__study_rate(r.pure, r.pure_squares, r.n_pure));
    tgl__json_put(json, "proportional_hz", tgl__study_number(r.proportional));
    tgl__json_put(json, "signals", signal_fractions(study, UINT64_C(1) << s));
    return json;
}

tgl_status tgl__study_menu(tgl_json *out, const tgl_study *study, tgl_error *err)
{
    const tgl_menu *menu = &study->config.menu;
    double hz = 0, squares = 0;
    uint64_t n_pass = 0;
    for (size_t i = 0; i < study->zero_bias.n; i++) {
        double w = or_weight(menu, study->zero_bias.fired[i],
                             study->section[i].prescale_column) *
                   study->hz[i];
        hz += w;
        squares += w * w;
        n_pass += w > 0;
    }
    tgl_json *json = tgl__json_object(), *seeds = tgl__json_array();
    for (uint32_t s = 0; s < menu->n_seed; s++)
        tgl__json_append(seeds, describe_seed(study, s));
    tgl__json_put(json, "rate", tgl__study_rate(hz, squares, n_pass));
    tgl__json_put(json, "seeds", seeds);
    tgl__json_put(json, "signals",
                  signal_fractions(study, ~UINT64_C(0))); /* before prescales */
    return tgl__json_put(out, "menu", json) ? TGL_OK : tgl__fail_nomem(err);
}

/* ---- working points ---- */

/* One single-variable cut at the same rate: its threshold on zero bias, and each signal's
 * passing count. */
typedef struct single_cut {
    int64_t cut;
    double hz;
    uint64_t n_pass, passing[TGL_MAX_SIGNAL];
} single_cut;

static tgl_status cut_at_rates(single_cut *cuts, tgl_study *study, size_t variable,
                               tgl_error *err)
{
    tgl_arena arena = TGL_ARENA_INIT;
    tgl_status status = TGL_OK;
    int64_t *value = tgl__arena_alloc(&arena, study->zero_bias.n, sizeof *value);
    if (value == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY_GOTO(tgl__variable_values(value, variable, study->zero_bias.table, err));
    uint32_t *order = tgl__study_order(&arena, value, study->zero_bias.n);
    if (order == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (uint32_t t = 0; t < study->config.n_target; t++) {
        double squares;
        cuts[t].cut = tgl__study_cut(study, value, order, study->config.target_hz[t],
                                     &cuts[t].hz, &squares, &cuts[t].n_pass);
    }
    for (size_t s = 0; s < study->n_signal; s++) {
        int64_t *signal = tgl__arena_alloc(&arena, study->signal[s].n, sizeof *signal);
        if (signal == NULL) {
            status = tgl__fail_nomem(err);
            goto out;
        }
        TGL_TRY_GOTO(tgl__variable_values(signal, variable, study->signal[s].table, err));
        for (uint32_t t = 0; t < study->config.n_target; t++)
            for (size_t i = 0; i < study->signal[s].n; i++)
                cuts[t].passing[s] += signal[i] >= cuts[t].cut;
    }
out:
    tgl__arena_release(&arena);
    return status;
}

/* The single cut that keeps most of this signal at this rate: a hard opponent, chosen
 * with the signal in hand. */
static tgl_json *describe_best_cut(const tgl_study *study, const single_cut *cuts,
                                   size_t n_variable, uint32_t t, size_t s)
{
    size_t best = 0;
    for (size_t v = 1; v < n_variable; v++)
        if (cuts[v * TGL_MAX_TARGET + t].passing[s] >
            cuts[best * TGL_MAX_TARGET + t].passing[s])
            best = v;
    const single_cut *cut = &cuts[best * TGL_MAX_TARGET + t];
    tgl_json *json = tgl__json_object();
    tgl__json_put(json, "variable", tgl__json_new_string(tgl__variable_name(best)));
    tgl__json_put(json, "cut_gev", tgl__study_number(tgl__variable_gev(best, cut->cut)));
    tgl__json_put(json, "hz", tgl__study_number(cut->hz));
    tgl__json_put(json, "efficiency",
                  tgl__study_fraction(study, cut->passing[s], study->signal[s].n));
    return json;
}

static tgl_json *describe_signal(const tgl_study *study, size_t s, int64_t threshold)
{
    const tgl_study_sample *sample = &study->signal[s];
    uint64_t network = 0, added = 0;
    for (size_t i = 0; i < sample->n; i++) {
        network += sample->score[i] >= threshold;
        added += sample->score[i] >= threshold && sample->fired[i] == 0;
    }
    tgl_json *json = tgl__json_object();
    tgl__json_put(json, "network", tgl__study_fraction(study, network, sample->n));
    tgl__json_put(
        json, "menu",
        tgl__study_fraction(study, count_fired(sample, ~UINT64_C(0)), sample->n));
    tgl__json_put(json, "gain", tgl__study_fraction(study, added, sample->n));
    return json;
}

/* The rate of the network alone (no seed of the menu fired), and in bins of true pile-up.
 */
static void describe_rates(tgl_json *point, const tgl_study *study, int64_t threshold,
                           const tgl_column *pileup)
{
    double pure = 0, squares = 0;
    uint64_t n_pure = 0, n_bin[33] = {0}, k_bin[33] = {0};
    const tgl_study_config *config = &study->config;
    for (size_t i = 0; i < study->zero_bias.n; i++) {
        bool pass = study->zero_bias.score[i] >= threshold;
        if (pass && study->zero_bias.fired[i] == 0) {
            pure += study->hz[i];
            squares += study->hz[i] * study->hz[i];
            n_pure++;
        }
        for (uint32_t b = 0; pileup != NULL && b < config->n_pileup; b++) {
            double pu = tgl_column_double(pileup, i);
            if (pu >= config->pileup[b] && pu < config->pileup[b + 1]) {
                n_bin[b]++;
                k_bin[b] += pass;
            }
        }
    }
    tgl__json_put(point, "pure", tgl__study_rate(pure, squares, n_pure));
    tgl_json *bins = tgl__json_array();
    for (uint32_t b = 0; pileup != NULL && b < config->n_pileup; b++) {
        tgl_json *bin = tgl__json_object();
        tgl__json_put(bin, "lo", tgl__study_number(config->pileup[b]));
        tgl__json_put(bin, "hi", tgl__study_number(config->pileup[b + 1]));
        tgl__json_put(bin, "fraction", tgl__study_fraction(study, k_bin[b], n_bin[b]));
        tgl__json_append(bins, bin);
    }
    tgl__json_put(point, "by_pileup",
                  bins); /* fraction of zero-bias crossings accepted */
}

static tgl_json *describe_point(tgl_study *study, uint32_t t, const single_cut *cuts,
                                size_t n_variable, const tgl_column *pileup)
{
    double hz, squares;
    uint64_t n_pass;
    int64_t threshold =
        tgl__study_cut(study, study->zero_bias.score, study->zero_bias.by_score,
                       study->config.target_hz[t], &hz, &squares, &n_pass);
    tgl_json *point = tgl__json_object(), *signals = tgl__json_object();
    tgl__json_put(point, "target_hz", tgl__study_number(study->config.target_hz[t]));
    tgl__json_put(point, "threshold", tgl__json_new_int(threshold));
    tgl__json_put(point, "rate", tgl__study_rate(hz, squares, n_pass));
    tgl__json_put(point, "quotable", tgl__json_new_bool(n_pass >= study->config.minimum));
    describe_rates(point, study, threshold, pileup);
    for (size_t s = 0; s < study->n_signal; s++) {
        tgl_json *signal = describe_signal(study, s, threshold);
        tgl__json_put(signal, "best_cut",
                      describe_best_cut(study, cuts, n_variable, t, s));
        tgl__json_put(signals, study->signal[s].name, signal);
    }
    tgl__json_put(point, "signals", signals);
    return point;
}

tgl_status tgl__study_points(tgl_json *out, tgl_study *study, tgl_error *err)
{
    size_t n_variable = 0;
    while (tgl__variable_name(n_variable) != NULL)
        n_variable++;
    single_cut *cuts = tgl__calloc(n_variable * TGL_MAX_TARGET, sizeof *cuts);
    tgl_json *points = tgl__json_array();
    tgl_status status = cuts == NULL || points == NULL ? tgl__fail_nomem(err) : TGL_OK;
    for (size_t v = 0; status == TGL_OK && v < n_variable; v++)
        status = cut_at_rates(cuts + v * TGL_MAX_TARGET, study, v, err);
    const tgl_column *pileup = NULL;
    if (status == TGL_OK && study->config.n_pileup > 0)
        status = tgl_table_find(&pileup, study->zero_bias.table, "truePileup", err);
    for (uint32_t t = 0; status == TGL_OK && t < study->config.n_target; t++)
        tgl__json_append(points, describe_point(study, t, cuts, n_variable, pileup));
    tgl__free(cuts);
    if (!tgl__json_put(out, "working_points", points) && status == TGL_OK)
        status = tgl__fail_nomem(err);
    return status;
}
