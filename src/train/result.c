#include "train/result.h"

#include <stdlib.h>
#include <string.h>
#include <trigline/physics.h>

#include "base/error.h"
#include "digest/digest.h"
#include "text/json.h"
#include "train/elementary.h"

/* ---- the anomaly score ---- */

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest threshold that lets at most floor(N * rate / crossing rate) of the N
 * fitted events pass. */
static void choose_threshold(tgl__working_point *point, const int64_t *sorted, uint64_t n,
                             double crossings_khz, int64_t largest)
{
    double share = point->rate_khz / crossings_khz;
    uint64_t allowed = share >= 1.0 ? n : (uint64_t)(share * (double)n);
    point->threshold = allowed >= n ? 0 : sorted[n - 1 - allowed] + 1;
    if (point->threshold > largest)
        point->threshold = largest;
    uint64_t first = n;
    while (first > 0 && sorted[first - 1] >= point->threshold)
        first--;
    point->n_accepted = n - first;
    point->reached_khz = (double)point->n_accepted / (double)n * crossings_khz;
}

static tgl_status measure_score(tgl__result *r, const int64_t *means, tgl_error *err)
{
    uint64_t n = r->data->n_row;
    uint32_t latent = r->config->latent;
    int64_t *scores = tgl__calloc((size_t)n, sizeof *scores);
    if (scores == NULL)
        return tgl__fail_nomem(err);
    for (uint64_t i = 0; i < n; i++)
        for (uint32_t o = 0; o < latent; o++)
            scores[i] += means[i * latent + o] * means[i * latent + o];
    qsort(scores, (size_t)n, sizeof *scores, ascending);
    r->n_scored = n;
    for (uint32_t p = 0; p < r->config->n_rate; p++) {
        r->points[p].rate_khz = r->config->rates_khz[p];
        choose_threshold(&r->points[p], scores, n,
                         TGL_ORBIT_HZ / 1000 * r->config->colliding_bunches,
                         tgl_type_max(r->score_type));
    }
    tgl__free(scores);
    return TGL_OK;
}

/* ---- classes ---- */

typedef struct ranked {
    double score;
    int is_signal;
} ranked;

static int by_score(const void *a, const void *b)
{
    double x = ((const ranked *)a)->score, y = ((const ranked *)b)->score;
    return (x > y) - (x < y);
}

/* Area under the ROC curve as the Mann-Whitney statistic, ties counted half. */
static double area(ranked *rows, uint64_t n)
{
    double below = 0, sum = 0, n_signal = 0;
    qsort(rows, (size_t)n, sizeof *rows, by_score);
    for (uint64_t i = 0; i < n;) {
        double signal = 0, background = 0;
        uint64_t j = i;
        for (; j < n && by_score(&rows[i], &rows[j]) == 0; j++)
            *(rows[j].is_signal ? &signal : &background) += 1;
        sum += signal * (below + 0.5 * background);
        below += background;
        n_signal += signal;
        i = j;
    }
    return n_signal > 0 && below > 0 ? sum / (n_signal * below) : 0.5;
}

static double probability(const int64_t *logits, uint32_t n, uint32_t which, int frac)
{
    double sum = 0;
    for (uint32_t o = 0; o < n; o++)
        sum += tgl__exp(tgl_code_to_double(logits[o] - logits[which], frac));
    return 1.0 / sum;
}

static tgl_status measure_classes(tgl__result *r, const int64_t *logits, tgl_error *err)
{
    const tgl__dataset *d = r->data;
    uint32_t n_class = d->n_class;
    uint64_t n = d->n_row - d->n_train;
    int frac = r->net->layers[r->net->n_deployed - 1].out_quant.type.frac;
    ranked *rows = tgl__calloc((size_t)n, sizeof *rows);
    if (rows == NULL)
        return tgl__fail_nomem(err);
    const int64_t *held = logits + d->n_train * n_class;
    for (uint32_t c = 0; c < n_class; c++) {
        for (uint64_t i = 0; i < n; i++)
            rows[i] = (ranked){probability(held + i * n_class, n_class, c, frac),
                               d->label[d->n_train + i] == c};
        r->auc[c] = area(rows, n);
    }
    tgl__free(rows);
    r->accuracy = (double)r->fit->epochs[r->fit->best].validation.n_correct / (double)n;
    return TGL_OK;
}

/* Sums of n squares of the latent means, each 2^(w-1) at most in magnitude. */
static tgl_type sum_type(const tgl__result *r)
{
    tgl_type mean = r->net->layers[r->net->n_deployed - 1].out_quant.type;
    int width = 2 * mean.width - 1;
    for (uint32_t n = 1; n < r->config->latent; n *= 2)
        width++;
    return (tgl_type){0, (uint8_t)width, (int16_t)(2 * mean.frac)};
}

tgl_status tgl__result_measure(tgl__result *result, const tgl__train_kernels *kernels,
                               size_t n_thread, tgl_error *err)
{
    const tgl__dataset *d = result->data;
    result->score_type = sum_type(result);
    int64_t *codes =
        tgl__calloc((size_t)d->n_row, result->config->latent * sizeof *codes);
    if (codes == NULL)
        return tgl__fail_nomem(err);
    tgl_status status =
        tgl__fit_codes(codes, result->net, kernels, d->codes, d->n_row, n_thread, err);
    if (status == TGL_OK)
        status = d->n_class > 0 ? measure_classes(result, codes, err)
                                : measure_score(result, codes, err);
    tgl__free(codes);
    return status;
}

/* ---- history ---- */

static tgl_json *epoch_json(const tgl__result *r, uint32_t number)
{
    const tgl__epoch *e = &r->fit->epochs[number];
    uint64_t n_train = r->data->n_train, n_held = r->data->n_row - n_train;
    tgl_json *o = tgl__json_object();
    bool ok =
        tgl__json_put(o, "epoch", tgl__json_new_int(number + 1)) &&
        tgl__json_put(o, "learning_rate", tgl__json_new_real(e->learning_rate)) &&
        tgl__json_put(o, "loss", tgl__json_new_real(e->train.total)) &&
        tgl__json_put(o, "validation_loss", tgl__json_new_real(e->validation.total));
    if (r->data->n_class > 0)
        ok = ok &&
             tgl__json_put(
                 o, "accuracy",
                 tgl__json_new_real((double)e->train.n_correct / (double)n_train)) &&
             tgl__json_put(
                 o, "validation_accuracy",
                 tgl__json_new_real((double)e->validation.n_correct / (double)n_held));
    else
        ok = ok &&
             tgl__json_put(o, "reconstruction",
                           tgl__json_new_real(e->train.reconstruction)) &&
             tgl__json_put(o, "divergence", tgl__json_new_real(e->train.divergence)) &&
             tgl__json_put(o, "validation_reconstruction",
                           tgl__json_new_real(e->validation.reconstruction)) &&
             tgl__json_put(o, "validation_divergence",
                           tgl__json_new_real(e->validation.divergence));
    if (ok)
        return o;
    tgl__json_free(o);
    return NULL;
}

static tgl_json *point_json(const tgl__result *r, const tgl__working_point *p)
{
    tgl_json *o = tgl__json_object();
    double value = tgl_code_to_double(p->threshold, r->score_type.frac);
    if (tgl__json_put(o, "rate_khz", tgl__json_new_real(p->rate_khz)) &&
        tgl__json_put(o, "threshold_code", tgl__json_new_int(p->threshold)) &&
        tgl__json_put(o, "threshold", tgl__json_new_real(value)) &&
        tgl__json_put(o, "n_accepted", tgl__json_new_int((int64_t)p->n_accepted)) &&
        tgl__json_put(o, "reached_khz", tgl__json_new_real(p->reached_khz)))
        return o;
    tgl__json_free(o);
    return NULL;
}

static tgl_json *thresholds_json(const tgl__result *r)
{
    tgl_json *list = tgl__json_array();
    for (uint32_t p = 0; p < r->config->n_rate; p++)
        if (!tgl__json_append(list, point_json(r, &r->points[p]))) {
            tgl__json_free(list);
            return NULL;
        }
    return list;
}

static tgl_json *scaling_json(const tgl__result *r)
{
    tgl_json *list = tgl__json_array();
    for (uint32_t j = 0; j < r->data->n_in; j++) {
        tgl_json *o = tgl__json_object();
        const char *name = tgl_convention_rule(r->data->convention, j)->name;
        bool ok = tgl__json_put(o, "input", tgl__json_new_string(name)) &&
                  tgl__json_put(o, "offset", tgl__json_new_int(r->data->offset[j])) &&
                  tgl__json_put(o, "shift", tgl__json_new_int(r->data->shift[j]));
        if (!ok) {
            tgl__json_free(o);
            o = NULL;
        }
        if (!tgl__json_append(list, o)) {
            tgl__json_free(list);
            return NULL;
        }
    }
    return list;
}

static bool put_anomaly(tgl_json *root, const tgl__result *r)
{
    return tgl__json_put(root, "beta", tgl__json_new_real(r->config->beta)) &&
           tgl__json_put(root, "colliding_bunches",
                         tgl__json_new_real(r->config->colliding_bunches)) &&
           tgl__json_put(root, "n_scored", tgl__json_new_int((int64_t)r->n_scored)) &&
           tgl__json_put(root, "thresholds", thresholds_json(r)) &&
           tgl__json_put(root, "scaling", scaling_json(r));
}

static bool put_classes(tgl_json *root, const tgl__result *r)
{
    tgl_json *auc = tgl__json_object();
    for (uint32_t c = 0; c < r->data->n_class; c++) {
        char name[16] = {'c', (char)('0' + c / 10), (char)('0' + c % 10), 0};
        const char *key = r->config->classes[c] ? r->config->classes[c] : name;
        if (!tgl__json_put(auc, key, tgl__json_new_real(r->auc[c]))) {
            tgl__json_free(auc);
            return false;
        }
    }
    return tgl__json_put(root, "auc", auc) &&
           tgl__json_put(root, "accuracy", tgl__json_new_real(r->accuracy));
}

/* Every trained number, so that two runs can be compared by one word. */
static bool put_digest(tgl_json *root, const tgl__result *r, tgl_error *err)
{
    tgl_sha256 digest;
    char text[TGL_DIGEST_TEXT];
    if (tgl__sha256(&digest, r->net->param, r->net->n_param * sizeof(float), err) !=
        TGL_OK)
        return false;
    tgl__sha256_format(text, &digest);
    return tgl__json_put(root, "weights_digest", tgl__json_new_string(text));
}

static bool put_all(tgl_json *root, const tgl__result *r, tgl_error *err)
{
    const tgl__dataset *d = r->data;
    tgl_json *epochs = tgl__json_array();
    for (uint32_t e = 0; e < r->fit->n_epoch; e++)
        if (!tgl__json_append(epochs, epoch_json(r, e))) {
            tgl__json_free(epochs);
            return false;
        }
    bool classes = d->n_class > 0;
    return tgl__json_put(root, "epochs", epochs) &&
           tgl__json_put(
               root, "template",
               tgl__json_new_string(classes ? "jet-tagger" : "anomaly-trigger")) &&
           tgl__json_put(root, "convention",
                         tgl__json_new_string(tgl_convention_name(d->convention))) &&
           tgl__json_put(root, "seed", tgl__json_new_int((int64_t)r->config->seed)) &&
           tgl__json_put(root, "n_train", tgl__json_new_int((int64_t)d->n_train)) &&
           tgl__json_put(root, "n_validation",
                         tgl__json_new_int((int64_t)(d->n_row - d->n_train))) &&
           tgl__json_put(root, "n_saturated_inputs",
                         tgl__json_new_int((int64_t)d->n_saturated)) &&
           tgl__json_put(root, "best_epoch", tgl__json_new_int(r->fit->best + 1)) &&
           put_digest(root, r, err) &&
           (classes ? put_classes(root, r) : put_anomaly(root, r));
}

tgl_status tgl__result_history(char **out, const tgl__result *result, tgl_error *err)
{
    tgl_json *root = tgl__json_object();
    size_t size;
    tgl_status status = put_all(root, result, err) ? tgl__json_dump(out, &size, root, err)
                                                   : tgl__fail_nomem(err);
    tgl__json_free(root);
    return status;
}
