#include "physics/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

tgl_json *tgl__study_number(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.10g", value);
    return tgl__json_new_real(strtod(text, NULL));
}

tgl_json *tgl__study_fraction(const tgl_study *study, uint64_t k, uint64_t n)
{
    tgl_fraction f = tgl_clopper_pearson(k, n, study->config.alpha);
    tgl_json *json = tgl__json_object();
    tgl__json_put(json, "k", tgl__json_new_int((int64_t)k));
    tgl__json_put(json, "n", tgl__json_new_int((int64_t)n));
    tgl__json_put(json, "value", tgl__study_number(f.value));
    tgl__json_put(json, "lo", tgl__study_number(f.lo));
    tgl__json_put(json, "hi", tgl__study_number(f.hi));
    return json;
}

tgl_json *tgl__study_rate(double hz, double squares, uint64_t n_pass)
{
    tgl_json *json = tgl__json_object();
    tgl__json_put(json, "hz", tgl__study_number(hz));
    tgl__json_put(json, "error_hz", tgl__study_number(sqrt(squares)));
    tgl__json_put(json, "n_pass", tgl__json_new_int((int64_t)n_pass));
    return json;
}

/* ---- ordering ---- */

typedef struct keyed {
    int64_t value;
    uint32_t row;
} keyed;

static int falling(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return x->row < y->row ? -1 : x->row > y->row;
}

uint32_t *tgl__study_order(tgl_arena *arena, const int64_t *value, size_t n)
{
    uint32_t *order = tgl__arena_alloc(arena, n + 1, sizeof *order);
    keyed *keys = tgl__calloc(n, sizeof *keys);
    if (order == NULL || keys == NULL) {
        tgl__free(keys);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        keys[i] = (keyed){value[i], (uint32_t)i};
    qsort(keys, n, sizeof *keys, falling);
    for (size_t i = 0; i < n; i++)
        order[i] = keys[i].row;
    tgl__free(keys);
    return order;
}

size_t tgl__study_above(const tgl_study_sample *sample, int64_t cut)
{
    size_t lo = 0, hi = sample->n;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (sample->score[sample->by_score[middle]] >= cut)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

int64_t tgl__study_cut(const tgl_study *study, const int64_t *value,
                       const uint32_t *order, double target_hz, double *hz,
                       double *squares, uint64_t *n_pass)
{
    size_t n = study->zero_bias.n;
    double sum = 0, sum2 = 0;
    int64_t cut = n > 0 ? value[order[0]] + 1 : 0;
    *hz = *squares = 0;
    *n_pass = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && value[order[j]] == value[order[i]]; j++) {
            sum += study->hz[order[j]];
            sum2 += study->hz[order[j]] * study->hz[order[j]];
        }
        if (sum > target_hz)
            break;
        cut = value[order[i]];
        *hz = sum;
        *squares = sum2;
        *n_pass = j;
    }
    return cut;
}

/* ---- configuration ---- */

static tgl_status parse_targets(tgl_study_config *config, const tgl_json *json,
                                tgl_error *err)
{
    const tgl_json *list = tgl__json_get(json, "targets_khz");
    size_t n = tgl__json_size(list);
    if (tgl__json_kind(list) != TGL_JSON_ARRAY || n < 1 || n > TGL_MAX_TARGET)
        return tgl__fail(err, TGL_EFORMAT,
                         "physics: targets_khz: expected a list of 1 to %d rates",
                         TGL_MAX_TARGET);
    config->n_target = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        double khz = tgl__json_real(tgl__json_at(list, i), 0);
        if (!(khz > 0 && khz <= 40079))
            return tgl__fail(
                err, TGL_EFORMAT,
                "physics: targets_khz: expected rates above 0 up to 40079, found %g",
                khz);
        config->target_hz[i] = 1000 * khz;
    }
    return TGL_OK;
}

static tgl_status parse_pileup(tgl_study_config *config, const tgl_json *list,
                               tgl_error *err)
{
    size_t n = tgl__json_size(list);
    if (n > sizeof config->pileup / sizeof config->pileup[0])
        return tgl__fail(err, TGL_EFORMAT,
                         "physics: pileup_bins: expected at most 33 edges, found %zu", n);
    for (size_t i = 0; i < n; i++) {
        config->pileup[i] = tgl__json_real(tgl__json_at(list, i), NAN);
        if (!(config->pileup[i] >= 0) ||
            (i > 0 && config->pileup[i] <= config->pileup[i - 1]))
            return tgl__fail(err, TGL_EFORMAT,
                             "physics: pileup_bins: expected rising edges from 0 on");
    }
    config->n_pileup = n < 2 ? 0 : (uint32_t)n - 1;
    return TGL_OK;
}

static tgl_status parse_config(tgl_study_config *config, const tgl_json *json,
                               tgl_error *err)
{
    static const char *const keys[] = {
        "targets_khz",    "menu", "colliding_bunches", "alpha",
        "minimum_events", "roc",  "pileup_bins",       "turn_on"};
    TGL_TRY(
        tgl__json_only_keys(json, keys, sizeof keys / sizeof keys[0], "physics", err));
    *config = (tgl_study_config){.turn_on = tgl__json_get(json, "turn_on")};
    TGL_TRY(parse_targets(config, json, err));
    TGL_TRY(tgl__menu_parse(&config->menu, tgl__json_get(json, "menu"), err));
    TGL_TRY(parse_pileup(config, tgl__json_get(json, "pileup_bins"), err));
    config->colliding = tgl__json_real(tgl__json_get(json, "colliding_bunches"), 0);
    config->alpha = 0.32;
    if (tgl__json_get(json, "alpha") != NULL)
        TGL_TRY(tgl__json_need_real(&config->alpha, json, "alpha", "physics", err));
    int64_t minimum = 400;
    if (tgl__json_get(json, "minimum_events") != NULL)
        TGL_TRY(tgl__json_need_int(&minimum, json, "minimum_events", 0, INT64_MAX,
                                   "physics", err));
    config->minimum = (uint64_t)minimum;
    const tgl_json *roc = tgl__json_get(json, "roc");
    config->roc_from = tgl__json_real(tgl__json_at(roc, 0), 1e-6);
    config->roc_to = tgl__json_real(tgl__json_at(roc, 1), 1e-2);
    if (!(config->alpha > 0 && config->alpha < 1))
        return tgl__fail(err, TGL_EFORMAT,
                         "physics: alpha: expected a number between 0 and 1, found %g",
                         config->alpha);
    if (!(config->roc_from > 0 && config->roc_from < config->roc_to &&
          config->roc_to <= 1))
        return tgl__fail(
            err, TGL_EFORMAT,
            "physics: roc: expected two rising false-positive rates, found %g and %g",
            config->roc_from, config->roc_to);
    return TGL_OK;
}

/* ---- samples ---- */

static tgl_status prepare_sample(tgl_study_sample *out, tgl_study *study,
                                 const tgl_physics_sample *sample, tgl_error *err)
{
    uint64_t n = tgl_table_n_row(sample->table);
    if (n == 0 || n > UINT32_MAX)
        return tgl__fail(err, TGL_EUSAGE,
                         "sample '%s': expected 1 to %u events, found %llu", sample->name,
                         UINT32_MAX, (unsigned long long)n);
    *out = (tgl_study_sample){
        .name = sample->name, .table = sample->table, .score = sample->score, .n = n};
    uint8_t *pass = tgl__arena_alloc(&study->arena, n, 1);
    out->fired = tgl__arena_alloc(&study->arena, n, sizeof *out->fired);
    out->by_score = tgl__study_order(&study->arena, sample->score, n);
    if (pass == NULL || out->fired == NULL || out->by_score == NULL)
        return tgl__fail_nomem(err);
    for (uint32_t s = 0; s < study->config.menu.n_seed; s++) {
        tgl_status status =
            tgl__seed_apply(pass, &study->config.menu.seed[s], sample->table, err);
        if (status != TGL_OK)
            return tgl__fail_context(err, status, "sample '%s'", sample->name);
        for (uint64_t i = 0; i < n; i++)
            out->fired[i] |= (uint64_t)pass[i] << s;
    }
    return TGL_OK;
}

static tgl_status prepare(tgl_study *study, const tgl_physics_sample *zero_bias,
                          const tgl_physics_sample *signals, size_t n_signal,
                          const tgl_table *sections, tgl_error *err)
{
    if (n_signal > TGL_MAX_SIGNAL)
        return tgl__fail(err, TGL_EUSAGE, "expected at most %d signals, found %zu",
                         TGL_MAX_SIGNAL, n_signal);
    TGL_TRY(prepare_sample(&study->zero_bias, study, zero_bias, err));
    size_t n = study->zero_bias.n;
    study->section = tgl__arena_alloc(&study->arena, n, sizeof *study->section);
    study->hz = tgl__arena_alloc(&study->arena, n, sizeof *study->hz);
    if (study->section == NULL || study->hz == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY(tgl__sections_join(study->section, zero_bias->table, sections,
                               study->config.colliding, err));
    for (size_t i = 0; i < n; i++)
        study->hz[i] = TGL_ORBIT_HZ * study->section[i].colliding / (double)n;
    study->n_signal = n_signal;
    for (size_t s = 0; s < n_signal; s++)
        TGL_TRY(prepare_sample(&study->signal[s], study, &signals[s], err));
    return TGL_OK;
}

static tgl_json *describe_zero_bias(const tgl_study *study)
{
    double colliding = 0;
    for (size_t i = 0; i < study->zero_bias.n; i++)
        colliding += study->section[i].colliding;
    tgl_json *json = tgl__json_object();
    tgl__json_put(json, "name", tgl__json_new_string(study->zero_bias.name));
    tgl__json_put(json, "n_event", tgl__json_new_int((int64_t)study->zero_bias.n));
    tgl__json_put(json, "colliding_bunches",
                  tgl__study_number(colliding / (double)study->zero_bias.n));
    tgl__json_put(json, "orbit_hz", tgl__study_number(TGL_ORBIT_HZ));
    tgl__json_put(json, "interval", tgl__study_number(1 - study->config.alpha));
    tgl__json_put(json, "minimum_events",
                  tgl__json_new_int((int64_t)study->config.minimum));
    return json;
}

static tgl_status run(char **json, tgl_study *study, tgl_error *err)
{
    tgl_json *answer = tgl__json_object();
    tgl__json_put(answer, "zero_bias", describe_zero_bias(study));
    tgl_status status;
    TGL_TRY_GOTO(tgl__study_menu(answer, study, err));
    TGL_TRY_GOTO(tgl__study_points(answer, study, err));
    TGL_TRY_GOTO(tgl__study_curves(answer, study, err));
    TGL_TRY_GOTO(
        tgl__study_turn_on(answer, study, tgl__json_get(answer, "working_points"), err));
    TGL_TRY_GOTO(tgl__json_dump(json, NULL, answer, err));
out:
    tgl__json_free(answer);
    return status;
}

tgl_status tgl_physics_study(char **json, const char *config,
                             const tgl_physics_sample *zero_bias,
                             const tgl_physics_sample *signals, size_t n_signal,
                             const tgl_table *sections, tgl_error *err)
{
    tgl_json *parsed;
    TGL_TRY(tgl__json_parse(&parsed, config, strlen(config), "physics", err));
    tgl_study *study = tgl__calloc(1, sizeof *study);
    tgl_status status = study == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status == TGL_OK)
        status = parse_config(&study->config, parsed, err);
    if (status == TGL_OK)
        status = prepare(study, zero_bias, signals, n_signal, sections, err);
    if (status == TGL_OK)
        status = run(json, study, err);
    if (study != NULL)
        tgl__arena_release(&study->arena);
    tgl__free(study);
    tgl__json_free(parsed);
    return status;
}
