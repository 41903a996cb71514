/* select: physics gates first, then resources. A refusal is a negative verdict. */
#include <stdio.h>
#include <string.h>
#include <trigline/physics.h>

#include "pipeline/step/common.h"

/* What was not measured (-1) is left out: it passes no gate. */
static tgl_json *measured_only(const tgl_json *resources)
{
    tgl_json *out = tgl__json_object(), *value;
    const char *key;
    for (size_t i = 0; tgl__json_entry(resources, i, &key, &value); i++)
        if (tgl__json_real(value, 0) >= 0)
            tgl__json_put(out, key, tgl__json_copy(value));
    return out;
}

/* Every candidate has one physics and one resources file of the same name; a project with
 * one model has one of each. */
static tgl_status candidates(tgl_json **out, const tgl_step *step, tgl_error *err)
{
    tgl_json *list = tgl__json_array();
    tgl_status status = list == NULL ? tgl__fail_nomem(err) : TGL_OK;
    size_t n_resources = 0, k = 0;
    const tgl_step_file *resources[64];
    for (size_t i = 0; i < step->n_input && n_resources < 64; i++)
        if (strcmp(step->inputs[i].role, "resources") == 0)
            resources[n_resources++] = &step->inputs[i];
    for (size_t i = 0; status == TGL_OK && i < step->n_input; i++) {
        const tgl_step_file *f = &step->inputs[i];
        tgl_json *physics = NULL, *cost = NULL, *one;
        if (strcmp(f->role, "physics") != 0)
            continue;
        if (k >= n_resources) {
            status = tgl__fail(err, TGL_EFORMAT,
                               "deps: as many 'resources' as 'physics' are expected");
            break;
        }
        status = tgl__json_read(&physics, f->path, err);
        if (status == TGL_OK)
            status = tgl__json_read(&cost, resources[k++]->path, err);
        if (status != TGL_OK) {
            tgl__json_free(physics);
            break;
        }
        one = tgl__json_object();
        tgl__json_put(one, "name", tgl__json_new_string(f->name));
        tgl__json_put(one, "physics", physics);
        tgl__json_put(one, "resources",
                      measured_only(tgl__json_kind(cost) == TGL_JSON_ARRAY
                                        ? tgl__json_at(cost, 0)
                                        : cost));
        tgl__json_free(cost);
        if (!tgl__json_append(list, one))
            status = tgl__fail_nomem(err);
    }
    if (status != TGL_OK)
        tgl__json_free(list);
    else
        *out = list;
    return status;
}

/* The first check that refused, in words: "ttbar: 0.003, expected at least 0.01". */
static void describe_refusal(char out[300], const tgl_json *candidate)
{
    static const char *const stages[] = {"physics", "resources"};
    for (size_t s = 0; s < 2; s++) {
        const tgl_json *checks = tgl__json_get(candidate, stages[s]);
        for (size_t i = 0; i < tgl__json_size(checks); i++) {
            const tgl_json *c = tgl__json_at(checks, i), *lo = tgl__json_get(c, "min");
            if (tgl__json_bool(tgl__json_get(c, "passed"), true))
                continue;
            const char *label =
                tgl__json_string(tgl__json_get(c, "label"),
                                 tgl__json_string(tgl__json_get(c, "metric"), stages[s]));
            const tgl_json *value = tgl__json_get(c, "value");
            char number[40];
            snprintf(number, sizeof number, "%.6g", tgl__json_real(value, 0));
            snprintf(out, 300, "%.120s is %.40s, expected at %s %.6g", label,
                     tgl__json_string(value, number), lo != NULL ? "least" : "most",
                     tgl__json_real(lo != NULL ? lo : tgl__json_get(c, "max"), 0));
            return;
        }
    }
    snprintf(out, 300, "no candidate");
}

/* Nobody chosen is a negative verdict; the first candidate's first refusal is said. */
static tgl_status verdict(const char *json, tgl_error *err)
{
    tgl_json *root = NULL;
    char why[300];
    TGL_TRY(tgl__json_parse(&root, json, strlen(json), "selection", err));
    tgl_status status = TGL_OK;
    const tgl_json *first = tgl__json_at(tgl__json_get(root, "candidates"), 0);
    describe_refusal(why, first);
    if (tgl__json_kind(tgl__json_get(root, "chosen")) == TGL_JSON_NULL)
        status = tgl__fail(err, TGL_EMISMATCH, "the gates refuse '%.80s': %s",
                           tgl__json_string(tgl__json_get(first, "name"), ""), why);
    tgl__json_free(root);
    return status;
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    tgl_json *list = NULL;
    char *text = NULL, *gates = NULL, *json = NULL;
    tgl_status status;
    TGL_TRY(candidates(&list, step, err));
    TGL_TRY_GOTO(tgl__json_dump(&text, NULL, list, err));
    if (step->gates != NULL)
        TGL_TRY_GOTO(tgl__json_dump(&gates, NULL, step->gates, err));
    status = tgl_physics_select(&json, text, gates != NULL ? gates : "{}", err);
    if (status == TGL_OK)
        status = verdict(json, err);
    if (status == TGL_OK)
        status =
            tgl__file_write(tgl__step_output(step, "selection"), json, strlen(json), err);
out:
    tgl_free(json);
    tgl__free(gates);
    tgl__free(text);
    tgl__json_free(list);
    return status;
}

const tgl_step_kind tgl__step_select = {
    .name = "select",
    .summary = "the choice in two stages: physics gates, then resources",
    .version = 1,
    .inputs = {{"physics", false, true}, {"resources", false, true}},
    .outputs = {{"selection", false, false}},
    .wants_gates = true,
    .run = run,
};
