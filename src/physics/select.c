/* The choice in two stages: a candidate must pass every physics gate before its resources
 * are looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/physics.h>

#include "base/error.h"
#include "physics/study.h"

/* Walk "working_points.0.rate.hz" down a document; NULL where it ends early. */
static const tgl_json *walk(const tgl_json *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        char step[128];
        size_t n = strcspn(path, ".");
        if (n == 0 || n >= sizeof step)
            return NULL;
        memcpy(step, path, n);
        step[n] = '\0';
        bool is_list = tgl__json_kind(json) == TGL_JSON_ARRAY;
        json = is_list ? tgl__json_at(json, strtoul(step, NULL, 10))
                       : tgl__json_get(json, step);
        path += n + (path[n] == '.');
    }
    return json;
}

/* A number, or NAN for what is absent, null or negative where negative means 'not
 * measured'. */
static double measured(const tgl_json *document, const char *path,
                       bool negative_is_absent)
{
    double value = tgl__json_real(walk(document, path), NAN);
    return negative_is_absent && value < 0 ? NAN : value;
}

static tgl_status check_gate(tgl_json *checks, bool *passed, const tgl_json *gate,
                             const tgl_json *document, bool resources, tgl_error *err)
{
    static const char *const keys[] = {"metric", "min", "max", "label"};
    const char *metric;
    TGL_TRY(tgl__json_only_keys(gate, keys, 4, "gates", err));
    TGL_TRY(tgl__json_need_string(&metric, gate, "metric", "gates", err));
    double lo = -INFINITY, hi = INFINITY;
    if (tgl__json_get(gate, "min") != NULL)
        TGL_TRY(tgl__json_need_real(&lo, gate, "min", "gates", err));
    if (tgl__json_get(gate, "max") != NULL)
        TGL_TRY(tgl__json_need_real(&hi, gate, "max", "gates", err));
    if (isinf(lo) && isinf(hi))
        return tgl__fail(err, TGL_EFORMAT, "gates: '%s': expected 'min' or 'max'",
                         metric);
    double value = measured(document, metric, resources);
    bool good = value >= lo &&
                value <= hi; /* not measured: refused, an unknown cannot pass a gate */
    tgl_json *check = tgl__json_object();
    tgl__json_put(check, "metric", tgl__json_new_string(metric));
    tgl__json_put(
        check, "label",
        tgl__json_new_string(tgl__json_string(tgl__json_get(gate, "label"), metric)));
    tgl__json_put(check, "value",
                  isnan(value) ? tgl__json_new_string("not measured")
                               : tgl__study_number(value));
    if (!isinf(lo))
        tgl__json_put(check, "min", tgl__study_number(lo));
    if (!isinf(hi))
        tgl__json_put(check, "max", tgl__study_number(hi));
    tgl__json_put(check, "passed", tgl__json_new_bool(good));
    *passed = *passed && good;
    return tgl__json_append(checks, check) ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status run_stage(tgl_json *out, bool *passed, const char *stage,
                            const tgl_json *gates, const tgl_json *candidate,
                            tgl_error *err)
{
    const tgl_json *list = tgl__json_get(gates, stage);
    if (list != NULL && tgl__json_kind(list) != TGL_JSON_ARRAY)
        return tgl__fail(err, TGL_EFORMAT, "gates: '%s': expected a list, found %s",
                         stage, tgl__json_kind_name(tgl__json_kind(list)));
    const tgl_json *document = tgl__json_get(candidate, stage);
    tgl_json *checks = tgl__json_array();
    tgl_status status = TGL_OK;
    bool good = true;
    for (size_t i = 0; status == TGL_OK && i < tgl__json_size(list); i++)
        status = check_gate(checks, &good, tgl__json_at(list, i), document,
                            strcmp(stage, "resources") == 0, err);
    tgl__json_put(out, stage, checks);
    *passed = good;
    return status;
}

/* Axis values from 0 (at `from`, the bad end) to 1 (at `to`, the good end); null when not
 * measured. */
static tgl_json *radar_of(const tgl_json *axes, const tgl_json *candidate)
{
    tgl_json *values = tgl__json_array();
    for (size_t i = 0; i < tgl__json_size(axes); i++) {
        const tgl_json *axis = tgl__json_at(axes, i);
        double from = tgl__json_real(tgl__json_get(axis, "from"), 0),
               to = tgl__json_real(tgl__json_get(axis, "to"), 1);
        double value = measured(
            candidate, tgl__json_string(tgl__json_get(axis, "metric"), ""), false);
        double x = (value - from) / (to - from);
        tgl__json_append(values, isnan(x) ? tgl__json_new_null()
                                          : tgl__study_number(x < 0   ? 0
                                                              : x > 1 ? 1
                                                                      : x));
    }
    return values;
}

static tgl_status judge(tgl_json *list, const tgl_json *candidate, const tgl_json *gates,
                        const char **chosen, double *best, tgl_error *err)
{
    const char *name;
    bool physics = true, resources = true;
    TGL_TRY(tgl__json_need_string(&name, candidate, "name", "candidate", err));
    tgl_json *json = tgl__json_object();
    tgl_status status = run_stage(json, &physics, "physics", gates, candidate, err);
    if (status == TGL_OK && physics) /* resources are not even looked at before */
        status = run_stage(json, &resources, "resources", gates, candidate, err);
    tgl__json_put(json, "name", tgl__json_new_string(name));
    tgl__json_put(json, "verdict",
                  tgl__json_new_string(!physics     ? "refused by physics"
                                       : !resources ? "refused by resources"
                                                    : "accepted"));
    tgl__json_put(json, "radar", radar_of(tgl__json_get(gates, "radar"), candidate));
    double merit = measured(
        candidate, tgl__json_string(tgl__json_get(gates, "prefer"), "name"), false);
    if (status == TGL_OK && physics && resources && (*chosen == NULL || merit > *best)) {
        *chosen = name;
        *best = merit;
    }
    if (!tgl__json_append(list, json) && status == TGL_OK)
        status = tgl__fail_nomem(err);
    return status;
}

static tgl_status choose(char **json, const tgl_json *candidates, const tgl_json *gates,
                         tgl_error *err)
{
    static const char *const keys[] = {"physics", "resources", "prefer", "radar"};
    TGL_TRY(tgl__json_only_keys(gates, keys, 4, "gates", err));
    tgl_json *answer = tgl__json_object(), *list = tgl__json_array();
    const char *chosen = NULL;
    double best = 0;
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < tgl__json_size(candidates); i++)
        status = judge(list, tgl__json_at(candidates, i), gates, &chosen, &best, err);
    tgl__json_put(answer, "candidates", list);
    tgl__json_put(answer, "chosen",
                  chosen != NULL ? tgl__json_new_string(chosen) : tgl__json_new_null());
    tgl__json_put(answer, "axes",
                  tgl__json_get(gates, "radar") != NULL
                      ? tgl__json_share(tgl__json_get(gates, "radar"))
                      : tgl__json_array());
    if (status == TGL_OK)
        status = tgl__json_dump(json, NULL, answer, err);
    tgl__json_free(answer);
    return status;
}

tgl_status tgl_physics_select(char **json, const char *candidates, const char *gates,
                              tgl_error *err)
{
    tgl_json *list = NULL, *rules = NULL;
    tgl_status status;
    TGL_TRY_GOTO(
        tgl__json_parse(&list, candidates, strlen(candidates), "candidates", err));
    TGL_TRY_GOTO(tgl__json_parse(&rules, gates, strlen(gates), "gates", err));
    TGL_TRY_GOTO(choose(json, list, rules, err));
out:
    tgl__json_free(list);
    tgl__json_free(rules);
    return status;
}
