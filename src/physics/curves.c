/* Curves of the study: score histograms, rate against threshold, ROC, turn-on. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "physics/study.h"

enum { N_BIN = 60, N_ROC = 41, N_CURVE = 80 };

/* Bin edges in score: equal steps of log(1 + score), integers, strictly rising. */
static uint32_t score_edges(int64_t *edge, const tgl_study *study)
{
    int64_t top = 1;
    const tgl_study_sample *zb = &study->zero_bias;
    top = zb->score[zb->by_score[0]] > top ? zb->score[zb->by_score[0]] : top;
    for (size_t s = 0; s < study->n_signal; s++) {
        int64_t highest = study->signal[s].score[study->signal[s].by_score[0]];
        top = highest > top ? highest : top;
    }
    uint32_t n = 0;
    edge[n++] = 0;
    for (int i = 1; i <= N_BIN; i++) {
        int64_t e = (int64_t)ceil(expm1(log1p((double)top + 1) * i / N_BIN));
        if (e > edge[n - 1])
            edge[n++] = e;
    }
    return n;
}

static tgl_json *histogram(const tgl_study_sample *sample, const int64_t *edge,
                           uint32_t n_edge)
{
    tgl_json *counts = tgl__json_array();
    for (uint32_t b = 0; b + 1 < n_edge;
         b++) /* the last bin is closed by +infinity, the first opens at -infinity */
        tgl__json_append(
            counts,
            tgl__json_new_int((
                int64_t)((b == 0 ? sample->n : tgl__study_above(sample, edge[b])) -
                         (b + 2 == n_edge ? 0 : tgl__study_above(sample, edge[b + 1])))));
    return counts;
}

static tgl_json *score_histograms(const tgl_study *study)
{
    int64_t edge[N_BIN + 1];
    uint32_t n = score_edges(edge, study);
    tgl_json *json = tgl__json_object(), *edges = tgl__json_array(),
             *samples = tgl__json_object();
    for (uint32_t i = 0; i < n; i++)
        tgl__json_append(edges, tgl__json_new_int(edge[i]));
    tgl__json_put(samples, study->zero_bias.name, histogram(&study->zero_bias, edge, n));
    for (size_t s = 0; s < study->n_signal; s++)
        tgl__json_put(samples, study->signal[s].name,
                      histogram(&study->signal[s], edge, n));
    tgl__json_put(json, "edges", edges);
    tgl__json_put(json, "samples", samples);
    return json;
}

/* Rate against threshold at about N_CURVE thresholds, equally spaced in log(events kept).
 */
static tgl_json *rate_curve(const tgl_study *study)
{
    const tgl_study_sample *zb = &study->zero_bias;
    tgl_json *curve = tgl__json_array();
    double sum = 0, squares = 0;
    size_t done = 0;
    int64_t last = INT64_MAX;
    for (int i = 0; i <= N_CURVE; i++) {
        size_t rank = (size_t)llround(exp(log((double)zb->n) * i / N_CURVE)) - 1;
        int64_t threshold = zb->score[zb->by_score[rank < zb->n ? rank : zb->n - 1]];
        if (threshold == last)
            continue;
        last = threshold;
        for (; done < zb->n && zb->score[zb->by_score[done]] >= threshold; done++) {
            double hz = study->hz[zb->by_score[done]];
            sum += hz;
            squares += hz * hz;
        }
        tgl_json *point = tgl__study_rate(sum, squares, done);
        tgl__json_put(point, "threshold", tgl__json_new_int(threshold));
        tgl__json_append(curve, point);
    }
    return curve;
}

/* True against false positives at false-positive rates equally spaced in log; only cuts
 * that keep an event. */
static tgl_json *roc_curve(const tgl_study *study, const tgl_study_sample *signal)
{
    const tgl_study_sample *zb = &study->zero_bias;
    tgl_json *curve = tgl__json_array();
    int64_t last = INT64_MAX;
    for (int i = 0; i < N_ROC; i++) {
        double fpr =
            study->config.roc_from *
            pow(study->config.roc_to / study->config.roc_from, i / (N_ROC - 1.0));
        size_t rank = (size_t)floor(fpr * (double)zb->n);
        if (rank == 0)
            continue;
        int64_t threshold = zb->score[zb->by_score[rank - 1]];
        if (threshold == last)
            continue;
        last = threshold;
        tgl_json *point = tgl__json_object();
        tgl__json_put(point, "threshold", tgl__json_new_int(threshold));
        tgl__json_put(point, "fpr",
                      tgl__study_fraction(study, tgl__study_above(zb, threshold), zb->n));
        tgl__json_put(
            point, "tpr",
            tgl__study_fraction(study, tgl__study_above(signal, threshold), signal->n));
        tgl__json_append(curve, point);
    }
    return curve;
}

tgl_status tgl__study_curves(tgl_json *out, const tgl_study *study, tgl_error *err)
{
    tgl_json *roc = tgl__json_object();
    for (size_t s = 0; s < study->n_signal; s++)
        tgl__json_put(roc, study->signal[s].name, roc_curve(study, &study->signal[s]));
    bool good = tgl__json_put(out, "score", score_histograms(study));
    good = tgl__json_put(out, "rate_curve", rate_curve(study)) && good;
    good = tgl__json_put(out, "roc", roc) && good;
    return good ? TGL_OK : tgl__fail_nomem(err);
}

/* ---- turn-on ---- */

static const tgl_study_sample *find_signal(const tgl_study *study, const char *name)
{
    for (size_t s = 0; s < study->n_signal; s++)
        if (strcmp(study->signal[s].name, name) == 0)
            return &study->signal[s];
    return NULL;
}

/* Efficiency in bins of a truth variable: of the network at one threshold, or of seeds
 * when `seeds` is not 0. */
static tgl_json *turn_on_curve(const tgl_study *study, const tgl_study_sample *sample,
                               const tgl_column *truth, const tgl_json *edges,
                               int64_t threshold, uint64_t seeds)
{
    tgl_json *bins = tgl__json_array();
    for (size_t b = 0; b + 1 < tgl__json_size(edges); b++) {
        double lo = tgl__json_real(tgl__json_at(edges, b), 0),
               hi = tgl__json_real(tgl__json_at(edges, b + 1), 0);
        uint64_t k = 0, n = 0;
        for (size_t i = 0; i < sample->n; i++) {
            double x = tgl_column_double(truth, i);
            if (!(x >= lo && x < hi))
                continue;
            n++;
            k += seeds != 0 ? (sample->fired[i] & seeds) != 0
                            : sample->score[i] >= threshold;
        }
        tgl_json *bin = tgl__json_object();
        tgl__json_put(bin, "lo", tgl__study_number(lo));
        tgl__json_put(bin, "hi", tgl__study_number(hi));
        tgl__json_put(bin, "efficiency", tgl__study_fraction(study, k, n));
        tgl__json_append(bins, bin);
    }
    return bins;
}

static tgl_status describe_turn_on(tgl_json *list, const tgl_study *study,
                                   const tgl_json *request, const tgl_json *points,
                                   tgl_error *err)
{
    static const char *const keys[] = {"sample", "variable", "edges"};
    const char *name, *variable;
    tgl_json *edges;
    TGL_TRY(tgl__json_only_keys(request, keys, 3, "physics: turn_on", err));
    TGL_TRY(tgl__json_need_string(&name, request, "sample", "physics: turn_on", err));
    TGL_TRY(
        tgl__json_need_string(&variable, request, "variable", "physics: turn_on", err));
    TGL_TRY(tgl__json_need(&edges, request, "edges", TGL_JSON_ARRAY, "physics: turn_on",
                           err));
    const tgl_study_sample *sample = find_signal(study, name);
    if (sample == NULL)
        return tgl__fail(err, TGL_ENOTFOUND, "physics: turn_on: no signal is named '%s'",
                         name);
    const tgl_column *truth;
    TGL_TRY(tgl_table_find(&truth, sample->table, variable, err));
    tgl_json *json = tgl__json_object(), *network = tgl__json_array();
    tgl__json_put(json, "sample", tgl__json_new_string(name));
    tgl__json_put(json, "variable", tgl__json_new_string(variable));
    for (size_t p = 0; p < tgl__json_size(points); p++) {
        const tgl_json *point = tgl__json_at(points, p);
        tgl_json *curve = tgl__json_object();
        int64_t threshold = tgl__json_int(tgl__json_get(point, "threshold"), 0);
        tgl__json_put(curve, "target_hz",
                      tgl__json_share(tgl__json_get(point, "target_hz")));
        tgl__json_put(curve, "bins",
                      turn_on_curve(study, sample, truth, edges, threshold, 0));
        tgl__json_append(network, curve);
    }
    tgl__json_put(json, "network", network);
    tgl__json_put(json, "menu",
                  turn_on_curve(study, sample, truth, edges, 0, ~UINT64_C(0)));
    return tgl__json_append(list, json) ? TGL_OK : tgl__fail_nomem(err);
}

tgl_status tgl__study_turn_on(tgl_json *out, const tgl_study *study,
                              const tgl_json *points, tgl_error *err)
{
    tgl_json *list = tgl__json_array();
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < tgl__json_size(study->config.turn_on); i++)
        status = describe_turn_on(list, study, tgl__json_at(study->config.turn_on, i),
                                  points, err);
    if (!tgl__json_put(out, "turn_on", list) && status == TGL_OK)
        status = tgl__fail_nomem(err);
    return status;
}
