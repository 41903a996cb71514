#include "report/plots.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/svg.h"

enum { MAX_SERIES = 8, MAX_POINT = 4096 };

static const tgl_axis empty_linear = {NULL, INFINITY, -INFINITY, false};
static const tgl_axis empty_log = {NULL, INFINITY, -INFINITY, true};

static tgl_axis named(tgl_axis axis, const char *label)
{
    axis.label = label;
    return axis;
}

static double number(const tgl_json *json, const char *key)
{
    return tgl__json_real(tgl__json_get(json, key), NAN);
}

static size_t capped(size_t n)
{
    return n < MAX_POINT ? n : MAX_POINT;
}

/* ---- training ---- */

static bool draw_training(tgl_buffer *out, const tgl_report_documents *d)
{
    static const char *const keys[] = {"loss", "validation_loss"};
    static const char *const labels[] = {"training", "validation"};
    const tgl_json *epochs = tgl__json_get(d->history, "epochs");
    size_t n = capped(tgl__json_size(epochs)), n_series = 0;
    tgl_point *points = tgl__calloc(2 * MAX_POINT, sizeof *points);
    const char *shown[2];
    int series[2];
    size_t count[2] = {0, 0};
    tgl_axis x = named(empty_linear, "epoch"), y = named(empty_log, "loss");
    for (int s = 0; points != NULL && s < 2; s++) {
        for (size_t i = 0; i < n; i++) {
            double loss = number(tgl__json_at(epochs, i), keys[s]);
            if (!isfinite(loss))
                continue;
            points[s * MAX_POINT + (int)count[s]++] =
                (tgl_point){(double)i + 1, loss, NAN, NAN};
            tgl__axis_include(&x, (double)i + 1);
            tgl__axis_include(&y, loss);
            if (loss <= 0)
                y.log = false;
        }
        if (count[s] > 0) {
            shown[n_series] = labels[s];
            series[n_series++] = s;
        }
    }
    if (n_series > 0) {
        if (y.log && y.hi / y.lo < 5)
            y.log = false; /* within one decade a logarithmic axis hides the shape */
        tgl__axis_finish(&x);
        tgl__axis_finish(&y);
        tgl_frame f = tgl__frame_begin(out, "Training and validation loss by epoch", x, y,
                                       &(tgl_key){shown, series, n_series});
        for (size_t s = 0; s < n_series; s++)
            tgl__frame_line(&f, series[s], points + series[s] * MAX_POINT,
                            count[series[s]]);

        tgl__svg_end(out);
    }
    tgl__free(points);
    return n_series > 0;
}

/* ---- score distributions ---- */

static bool draw_scores(tgl_buffer *out, const tgl_report_documents *d)
{
    const tgl_json *score = tgl__json_get(d->physics, "score");
    const tgl_json *edges = tgl__json_get(score, "edges"),
                   *samples = tgl__json_get(score, "samples");
    size_t n_edge = tgl__json_size(edges);
    if (n_edge < 2 || n_edge > 256)
        return false;
    double edge[256], height[MAX_SERIES][256];
    const char *labels[MAX_SERIES], *name;
    int series[MAX_SERIES], n_signal = 0;
    tgl_json *counts;
    size_t n = 0;
    tgl_axis x = named(empty_log, "network score + 1 (integer code)");
    tgl_axis y = named(empty_log, "share of events per bin");
    for (size_t i = 0; i < n_edge; i++)
        edge[i] = tgl__json_real(tgl__json_at(edges, i), 0) + 1;
    const char *zero_bias = tgl__json_string(
        tgl__json_get(tgl__json_get(d->physics, "zero_bias"), "name"), "");
    for (size_t i = 0; n < MAX_SERIES && tgl__json_entry(samples, i, &name, &counts);
         i++) {
        double total = 0;
        for (size_t b = 0; b + 1 < n_edge; b++)
            total += tgl__json_real(tgl__json_at(counts, b), 0);
        for (size_t b = 0; b + 1 < n_edge; b++) {
            height[n][b] = tgl__json_real(tgl__json_at(counts, b), 0) / fmax(total, 1);
            if (height[n][b] == 0)
                continue;
            tgl__axis_include(&y, height[n][b]);
            tgl__axis_include(&x, edge[b]); /* the axis spans what is filled */
            tgl__axis_include(&x, edge[b + 1]);
        }
        labels[n] = name;
        /* zero bias has colour 0 and signals 1, 2 … by name, here and in the ROC */
        series[n++] = strcmp(name, zero_bias) == 0 ? 0 : ++n_signal % 8;
    }
    if (n == 0)
        return false;
    tgl__axis_finish(&x);
    tgl__axis_finish(&y);
    tgl_frame f =
        tgl__frame_begin(out, "Score distributions", x, y, &(tgl_key){labels, series, n});
    for (size_t s = 0; s < n; s++)
        tgl__frame_steps(&f, series[s], edge, height[s], n_edge - 1);

    tgl__svg_end(out);
    return true;
}

/* ---- rate against threshold ---- */

static void mark_working_points(const tgl_frame *f, const tgl_report_documents *d)
{
    const tgl_json *points = tgl__json_get(d->physics, "working_points");
    for (size_t i = 0; i < tgl__json_size(points) && i < 12; i++) {
        const tgl_json *point = tgl__json_at(points, i);
        char label[64], khz[32];
        tgl__human(khz, number(point, "target_hz") / 1000);
        snprintf(label, sizeof label, "%s kHz", khz);
        tgl__frame_mark_x(f, number(point, "threshold"), label);
    }
}

static bool draw_rate(tgl_buffer *out, const tgl_report_documents *d)
{
    const tgl_json *curve = tgl__json_get(d->physics, "rate_curve");
    size_t n = capped(tgl__json_size(curve)), used = 0;
    tgl_point *points = n == 0 ? NULL : tgl__calloc(n, sizeof *points);
    if (points == NULL)
        return false;
    tgl_axis x = named(empty_log, "threshold on the score (integer code)"),
             y = named(empty_log, "rate [kHz]");
    for (size_t i = 0; i < n; i++) {
        const tgl_json *p = tgl__json_at(curve, i);
        double threshold = number(p, "threshold"), khz = number(p, "hz") / 1e3,
               error = number(p, "error_hz") / 1e3;
        if (!(threshold > 0) || !(khz > 0))
            continue;
        points[used++] =
            (tgl_point){threshold, khz, fmax(khz - error, khz / 10), khz + error};
        tgl__axis_include(&x, threshold);
        tgl__axis_include(&y, khz);
    }
    if (used > 0) {
        tgl__axis_finish(&x);
        tgl__axis_finish(&y);
        tgl_frame f = tgl__frame_begin(out, "Rate against threshold", x, y, NULL);
        tgl__frame_band(&f, 0, points, used);
        tgl__frame_line(&f, 0, points, used);
        mark_working_points(&f, d);
        tgl__svg_end(out);
    }
    tgl__free(points);
    return used > 0;
}

/* ---- efficiency per signal: one row a signal and working point ---- */

static void interval_mark(tgl_buffer *out, const tgl_frame *f, int series, double y,
                          const tgl_json *fraction, const char *label)
{
    double value = number(fraction, "value"), lo = number(fraction, "lo"),
           hi = number(fraction, "hi");
    char text[32];
    if (!isfinite(value))
        return;
    tgl__human(text, 100 * value);
    tgl__buffer_printf(out, "<path class=\"error s%d\" d=\"M%.1f %.1fH%.1f\"/>", series,
                       tgl__frame_x(f, 100 * lo), y, tgl__frame_x(f, 100 * hi));
    tgl__buffer_printf(
        out, "<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>", series,
        tgl__frame_x(f, 100 * value), y);
    tgl__escape(out, label);
    tgl__buffer_printf(out, ": %s %%</title></circle>", text);
}

static bool draw_efficiency(tgl_buffer *out, const tgl_report_documents *d)
{
    static const char *const labels[] = {"network", "best single cut, same rate",
                                         "whole menu", "network beyond menu"};
    static const int series[] = {0, 3, 5, 2};
    const tgl_json *points = tgl__json_get(d->physics, "working_points");
    const tgl_json *point = tgl__json_at(
        points, 0); /* the tightest target stands in the table below with the rest */
    const tgl_json *signals = tgl__json_get(point, "signals");
    size_t n = tgl__json_size(signals);
    if (n == 0 || n > 32)
        return false;
    double row = 46, top = 16, height = row * (double)n, total = top + height + 52 + 26;
    tgl_frame f = {
        out, {"efficiency [%]", 0, 100, false}, {"", 0, 1, false}, 130, top, 490, height};
    tgl__svg_begin(out, 640, total, "Efficiency per signal");
    for (int t = 0; t <= 5; t++) {
        char text[16];
        double x = tgl__frame_x(&f, 20 * t);
        snprintf(text, sizeof text, "%d", 20 * t);
        tgl__buffer_printf(out, "<path class=\"grid\" d=\"M%.1f %.1fv%.1f\"/>", x, top,
                           height);
        tgl__svg_text(out, x, top + height + 16, "tick mid", text);
    }
    const char *name;
    tgl_json *signal;
    for (size_t i = 0; tgl__json_entry(signals, i, &name, &signal); i++) {
        double y = top + row * (double)i;
        tgl__svg_text(out, 122, y + row / 2 + 4, "key end", name);
        interval_mark(out, &f, series[0], y + 11, tgl__json_get(signal, "network"),
                      labels[0]);
        interval_mark(out, &f, series[1], y + 19,
                      tgl__json_get(tgl__json_get(signal, "best_cut"), "efficiency"),
                      labels[1]);
        interval_mark(out, &f, series[2], y + 27, tgl__json_get(signal, "menu"),
                      labels[2]);
        interval_mark(out, &f, series[3], y + 35, tgl__json_get(signal, "gain"),
                      labels[3]);
        tgl__buffer_printf(out, "<path class=\"grid\" d=\"M%.1f %.1fh%.1f\"/>", f.left,
                           y + row, f.width);
    }
    tgl__svg_text(out, f.left + f.width / 2, top + height + 36, "label mid",
                  "efficiency [%]");
    double x = 60;
    for (int i = 0; i < 4; i++) {
        tgl__buffer_printf(out,
                           "<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                           series[i], x, total - 12);
        tgl__svg_text(out, x + 9, total - 8, "key", labels[i]);
        x += 24 + 6.6 * (double)strlen(labels[i]);
    }
    tgl__svg_end(out);
    return true;
}

/* ---- ROC ---- */

static size_t roc_points(tgl_point *points, const tgl_json *curve, tgl_axis *x,
                         tgl_axis *y)
{
    size_t used = 0;
    for (size_t i = 0; i < capped(tgl__json_size(curve)); i++) {
        const tgl_json *p = tgl__json_at(curve, i), *tpr = tgl__json_get(p, "tpr");
        double fpr = number(tgl__json_get(p, "fpr"), "value");
        if (!(fpr > 0))
            continue;
        points[used++] =
            (tgl_point){fpr, number(tpr, "value"), number(tpr, "lo"), number(tpr, "hi")};
        tgl__axis_include(x, fpr);
        tgl__axis_include(y, number(tpr, "hi"));
    }
    return used;
}

static bool draw_roc(tgl_buffer *out, const tgl_report_documents *d)
{
    const tgl_json *roc = tgl__json_get(d->physics, "roc");
    tgl_point *points = tgl__calloc(MAX_SERIES * MAX_POINT, sizeof *points);
    size_t count[MAX_SERIES], n = 0;
    const char *labels[MAX_SERIES], *name;
    int series[MAX_SERIES];
    tgl_json *curve;
    tgl_axis x = named(empty_log, "false-positive rate (accepted share of background)");
    tgl_axis y = {"signal efficiency", 0, 0, false};
    for (size_t i = 0;
         points != NULL && n < MAX_SERIES && tgl__json_entry(roc, i, &name, &curve);
         i++) {
        count[n] = roc_points(points + n * MAX_POINT, curve, &x, &y);
        labels[n] = name;
        series[n] = (int)n + 1; /* colour 0 is zero bias in every plot */
        n += count[n] > 0;
    }
    if (n > 0) {
        tgl__axis_finish(&x);
        tgl__axis_finish(&y);
        tgl_frame f =
            tgl__frame_begin(out, "Signal efficiency against false-positive rate", x, y,
                             &(tgl_key){labels, series, n});
        for (size_t s = 0; s < n; s++) {
            tgl__frame_band(&f, series[s] % 8, points + s * MAX_POINT, count[s]);
            tgl__frame_line(&f, series[s] % 8, points + s * MAX_POINT, count[s]);
        }

        tgl__svg_end(out);
    }
    tgl__free(points);
    return n > 0;
}

/* ---- turn-on ---- */

static size_t bin_points(tgl_point *points, const tgl_json *bins, const char *member,
                         tgl_axis *x)
{
    size_t used = 0;
    for (size_t i = 0; i < capped(tgl__json_size(bins)); i++) {
        const tgl_json *bin = tgl__json_at(bins, i),
                       *fraction = tgl__json_get(bin, member);
        if (!(number(fraction, "n") > 0))
            continue;
        tgl__axis_include(x, number(bin, "lo"));
        tgl__axis_include(x, number(bin, "hi"));
        points[used++] = (tgl_point){(number(bin, "lo") + number(bin, "hi")) / 2,
                                     number(fraction, "value"), number(fraction, "lo"),
                                     number(fraction, "hi")};
    }
    return used;
}

static bool draw_turn_on(tgl_buffer *out, const tgl_report_documents *d)
{
    const tgl_json *turn_on = tgl__json_at(tgl__json_get(d->physics, "turn_on"), 0);
    const tgl_json *network = tgl__json_get(turn_on, "network");
    size_t n = tgl__json_size(network) < 6 ? tgl__json_size(network) : 6, total = 0;
    tgl_point *points = tgl__calloc(MAX_SERIES * MAX_POINT, sizeof *points);
    if (points == NULL || n == 0) {
        tgl__free(points);
        return false;
    }
    char text[MAX_SERIES][48], axis_label[160];
    const char *labels[MAX_SERIES];
    int series[MAX_SERIES];
    size_t count[MAX_SERIES];
    snprintf(axis_label, sizeof axis_label, "%s of %s [GeV]",
             tgl__json_string(tgl__json_get(turn_on, "variable"), ""),
             tgl__json_string(tgl__json_get(turn_on, "sample"), ""));
    tgl_axis x = named(empty_linear, axis_label), y = {"efficiency", 0, 1, false};
    for (size_t s = 0; s <= n; s++) {
        const tgl_json *curve = tgl__json_at(network, s);
        char khz[32];
        tgl__human(khz, number(curve, "target_hz") / 1000);
        snprintf(text[s], sizeof text[s], s < n ? "network, %s kHz" : "menu of cuts",
                 khz);
        count[s] = bin_points(points + s * MAX_POINT,
                              s < n ? tgl__json_get(curve, "bins")
                                    : tgl__json_get(turn_on, "menu"),
                              "efficiency", &x);
        labels[s] = text[s];
        series[s] = s < n ? (int)s : 5;
        total += count[s];
    }
    if (total > 0) {
        tgl__axis_finish(&x);
        tgl_frame f =
            tgl__frame_begin(out, "Turn-on", x, y, &(tgl_key){labels, series, n + 1});
        for (size_t s = 0; s <= n; s++) {
            tgl__frame_line(&f, series[s], points + s * MAX_POINT, count[s]);
            tgl__frame_points(&f, series[s], points + s * MAX_POINT, count[s], labels[s]);
        }

        tgl__svg_end(out);
    }
    tgl__free(points);
    return total > 0;
}

/* ---- pile-up ---- */

static bool draw_pileup(tgl_buffer *out, const tgl_report_documents *d)
{
    const tgl_json *list = tgl__json_get(d->physics, "working_points");
    size_t n = tgl__json_size(list) < 6 ? tgl__json_size(list) : 6, total = 0;
    tgl_point *points = tgl__calloc(MAX_SERIES * MAX_POINT, sizeof *points);
    char text[MAX_SERIES][48];
    const char *labels[MAX_SERIES];
    int series[MAX_SERIES];
    size_t count[MAX_SERIES];
    tgl_axis x = named(empty_linear, "true pile-up"),
             y = named(empty_log, "accepted share of zero bias");
    for (size_t s = 0; points != NULL && s < n; s++) {
        const tgl_json *point = tgl__json_at(list, s);
        char khz[32];
        tgl_point *mine = points + s * MAX_POINT;
        size_t read = bin_points(mine, tgl__json_get(point, "by_pileup"), "fraction", &x);
        count[s] = 0;
        for (size_t i = 0; i < read;
             i++) /* an empty bin has no place on a logarithmic axis */
            if (mine[i].y > 0) {
                mine[count[s]++] = mine[i];
                tgl__axis_include(&y, mine[i].y);
                tgl__axis_include(&y, mine[i].hi);
            }
        tgl__human(khz, number(point, "target_hz") / 1000);
        snprintf(text[s], sizeof text[s], "%s kHz point", khz);
        labels[s] = text[s];
        series[s] = (int)s;
        total += count[s];
    }
    if (total > 0) {
        tgl__axis_finish(&x);
        tgl__axis_finish(&y);
        tgl_frame f = tgl__frame_begin(out, "Accepted share of zero bias against pile-up",
                                       x, y, &(tgl_key){labels, series, n});
        for (size_t s = 0; s < n; s++) {
            tgl__frame_line(&f, series[s], points + s * MAX_POINT, count[s]);
            tgl__frame_points(&f, series[s], points + s * MAX_POINT, count[s], labels[s]);
        }

        tgl__svg_end(out);
    }
    tgl__free(points);
    return total > 0;
}

const tgl_plot tgl__plots[] = {
    {"lineage", "What was made from what",
     "Data, steps and products; an arrow points from what was used to what it made.",
     tgl__draw_lineage},
    {"training", "Training",
     "Loss on the events fitted and on the held-out ones; training stops when the latter "
     "no longer falls.",
     draw_training},
    {"scores", "Scores", "Share of events in each bin of the network's integer score.",
     draw_scores},
    {"rate", "Rate against threshold",
     "Rate of zero bias at or above the threshold, from orbit frequency and colliding "
     "bunches; the band is the statistical "
     "error, dashed lines are the working points.",
     draw_rate},
    {"efficiency", "Efficiency per signal",
     "At the first working point: the network, the single-variable cut that keeps most "
     "of that signal at the same rate, the "
     "whole menu of cuts (at its own rate), and what the network adds to the menu. Bars: "
     "Clopper-Pearson intervals.",
     draw_efficiency},
    {"roc", "ROC in the trigger's range",
     "Signal efficiency against the accepted share of zero bias; bands: Clopper-Pearson "
     "intervals.",
     draw_roc},
    {"turn-on", "Turn-on", "Efficiency in bins of a generator-level quantity.",
     draw_turn_on},
    {"pileup", "Dependence on pile-up",
     "Accepted share of zero bias in bins of true pile-up.", draw_pileup},
    {"radar", "Radar",
     "Each axis from its configured bad end (centre) to its good end (rim); an axis that "
     "was not measured has no point.",
     tgl__draw_radar},
};
const size_t tgl__n_plot = sizeof tgl__plots / sizeof tgl__plots[0];
