/* Figures of merit of a classifier, from integer codes alone. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/study.h"

enum { MAX_CLASS = 64, N_POINT = 33 };

typedef struct labelled {
    const int64_t *codes, *label;
    size_t n, n_class;
} labelled;

static size_t decide(const int64_t *codes, size_t n_class)
{
    size_t best = 0;
    for (size_t c = 1; c < n_class; c++)
        if (codes[c] > codes[best])
            best = c;
    return best;
}

static tgl_json *fraction(uint64_t k, uint64_t n)
{
    tgl_study intervals = {.config = {.alpha = 0.32}};
    return tgl__study_fraction(&intervals, k, n);
}

/* The ROC of one class: walk the events in falling code, ties together; the AUC by
 * trapezoids. */
static tgl_json *roc_of(const labelled *events, size_t class_number,
                        const uint32_t *order, double *auc)
{
    uint64_t n_true = 0, n_false = 0, k_true = 0, k_false = 0, next = 0;
    for (size_t i = 0; i < events->n; i++)
        n_true += (size_t)events->label[i] == class_number;
    n_false = events->n - n_true;
    tgl_json *curve = tgl__json_array();
    *auc = 0;
    int point = 0;
    for (size_t i = 0, j; i < events->n; i = j) {
        uint64_t true_before = k_true, false_before = k_false;
        int64_t code = events->codes[order[i] * events->n_class + class_number];
        for (j = i; j < events->n &&
                    events->codes[order[j] * events->n_class + class_number] == code;
             j++)
            if ((size_t)events->label[order[j]] == class_number)
                k_true++;
            else
                k_false++;
        if (n_true > 0 && n_false > 0)
            *auc += (double)(k_false - false_before) * (double)(k_true + true_before) /
                    2 / ((double)n_true * (double)n_false);
        if (k_false == 0 || k_false < next)
            continue;
        tgl_json *json = tgl__json_object();
        tgl__json_put(json, "threshold", tgl__json_new_int(code));
        tgl__json_put(json, "fpr", fraction(k_false, n_false));
        tgl__json_put(json, "tpr", fraction(k_true, n_true));
        tgl__json_append(curve, json);
        while (point < N_POINT &&
               next <= k_false) /* equal steps in log of the false-positive rate */
            next = (uint64_t)ceil(exp(log((double)n_false) * ++point / N_POINT));
    }
    return curve;
}

static tgl_status describe_class(tgl_json *classes, tgl_json *roc, const labelled *events,
                                 size_t class_number, const char *name, tgl_error *err)
{
    tgl_arena arena = TGL_ARENA_INIT;
    int64_t *code = tgl__arena_alloc(&arena, events->n, sizeof *code);
    uint64_t predicted[MAX_CLASS] = {0}, n = 0;
    for (size_t i = 0; code != NULL && i < events->n; i++) {
        code[i] = events->codes[i * events->n_class + class_number];
        if ((size_t)events->label[i] != class_number)
            continue;
        n++;
        predicted[decide(events->codes + i * events->n_class, events->n_class)]++;
    }
    uint32_t *order = code == NULL ? NULL : tgl__study_order(&arena, code, events->n);
    if (order == NULL) {
        tgl__arena_release(&arena);
        return tgl__fail_nomem(err);
    }
    double auc;
    tgl_json *json = tgl__json_object(), *row = tgl__json_array();
    tgl__json_put(roc, name, roc_of(events, class_number, order, &auc));
    for (size_t c = 0; c < events->n_class; c++)
        tgl__json_append(row, tgl__json_new_int((int64_t)predicted[c]));
    tgl__json_put(json, "name", tgl__json_new_string(name));
    tgl__json_put(json, "auc", tgl__study_number(auc));
    tgl__json_put(json, "efficiency", fraction(predicted[class_number], n));
    tgl__json_put(json, "predicted", row);
    tgl__arena_release(&arena);
    return tgl__json_append(classes, json) ? TGL_OK : tgl__fail_nomem(err);
}

tgl_status tgl_physics_classify(char **json, const int64_t *codes, const int64_t *label,
                                size_t n_event, const char *const *names, size_t n_class,
                                tgl_error *err)
{
    if (n_event == 0 || n_event > UINT32_MAX || n_class < 2 || n_class > MAX_CLASS)
        return tgl__fail(err, TGL_EUSAGE,
                         "classifier: expected events and 2 to %d classes, found %zu "
                         "events, %zu classes",
                         MAX_CLASS, n_event, n_class);
    uint64_t correct = 0;
    for (size_t i = 0; i < n_event; i++) {
        if (label[i] < 0 || (size_t)label[i] >= n_class)
            return tgl__fail(err, TGL_EFORMAT,
                             "event %zu: expected a label from 0 to %zu, found %lld", i,
                             n_class - 1, (long long)label[i]);
        correct += decide(codes + i * n_class, n_class) == (size_t)label[i];
    }
    labelled events = {codes, label, n_event, n_class};
    tgl_json *answer = tgl__json_object(), *roc = tgl__json_object(),
             *classification = tgl__json_object();
    tgl_json *classes = tgl__json_array();
    tgl_status status = TGL_OK;
    for (size_t c = 0; status == TGL_OK && c < n_class; c++)
        status = describe_class(classes, roc, &events, c, names[c], err);
    tgl__json_put(classification, "accuracy", fraction(correct, n_event));
    tgl__json_put(classification, "classes", classes);
    tgl__json_put(answer, "classification", classification);
    tgl__json_put(answer, "roc", roc);
    if (status == TGL_OK)
        status = tgl__json_dump(json, NULL, answer, err);
    tgl__json_free(answer);
    return status;
}
