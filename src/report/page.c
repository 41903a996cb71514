/* The one self-contained page: a head line that says whether firmware and emulator agree,
 * then plots and tables. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <trigline/report.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "report/plots.h"
#include "report/svg.h"

static const char page_css[] =
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:"
    "15px/1.55 system-ui,"
    "-apple-system,\"Segoe UI\",\"DejaVu "
    "Sans\",sans-serif}main{max-width:1080px;margin:0 auto;padding:20px 20px 60px}"
    "h1{font-size:1.7rem;line-height:1.2;margin:.2em 0}h2{font-size:1.15rem;margin:2.2em "
    "0 .3em;"
    "border-bottom:1px solid var(--rule);padding-bottom:.25em}p{margin:.4em "
    "0}.muted,figcaption{color:var(--muted);"
    "font-size:.87rem}.verdict{display:inline-block;margin:.6em 0;padding:.45em "
    ".9em;border-radius:6px;font-weight:600;"
    "font-size:1.1rem;border:2px "
    "solid}.verdict.good{color:var(--c2);border-color:var(--c2)}.verdict.bad{color:var(--"
    "c1);"
    "border-color:var(--c1)}.cards{display:grid;grid-template-columns:repeat(auto-fit,"
    "minmax(130px,1fr));gap:10px;"
    "margin:14px 0}.card{background:var(--panel);border:1px solid "
    "var(--rule);border-radius:8px;padding:10px 12px}"
    ".card b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}.card "
    "span{color:var(--muted);"
    "font-size:.82rem}.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax("
    "min(440px,100%),1fr));gap:22px}"
    "figure{margin:0;min-width:0}figure "
    "h2{margin-top:1em}svg.plot{width:100%;height:auto;display:block}"
    ".wide{overflow-x:auto}.wide "
    "svg.plot{min-width:900px}table{border-collapse:collapse;width:100%;font-size:.87rem;"
    "font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.32em .7em .32em "
    "0;border-bottom:1px solid var(--rule);"
    "vertical-align:top}th{color:var(--muted);font-weight:600}td.n,th.n{text-align:right}"
    "code{font:0.86em ui-monospace,\"DejaVu Sans Mono\",monospace;overflow-wrap:anywhere}"
    "nav a{color:inherit;margin-right:1em;font-size:.87rem}a{color:var(--c0)}"
    "@media (max-width:560px){main{padding:14px 12px "
    "40px}h1{font-size:1.35rem}.verdict{font-size:1rem}}";

static double number(const tgl_json *json, const char *key)
{
    return tgl__json_real(tgl__json_get(json, key), NAN);
}

static const char *string(const tgl_json *json, const char *key)
{
    return tgl__json_string(tgl__json_get(json, key), "");
}

/* ---- head ---- */

static void card(tgl_buffer *out, const char *value, const char *label)
{
    tgl__buffer_text(out, "<div class=\"card\"><b>");
    tgl__escape(out, value);
    tgl__buffer_text(out, "</b><span>");
    tgl__escape(out, label);
    tgl__buffer_text(out, "</span></div>");
}

static void count_card(tgl_buffer *out, const tgl_json *resources, const char *key,
                       const char *label)
{
    char text[32] = "not measured";
    int64_t value = tgl__json_int(tgl__json_get(resources, key), -1);
    if (value >= 0)
        snprintf(text, sizeof text, "%" PRId64, value);
    card(out, text, label);
}

/* "checked" is counting; "proven" is left to an exhaustive or SAT proof, which this page
 * never claims. */
static void verdict(tgl_buffer *out, const tgl_json *simulation)
{
    int64_t n = tgl__json_int(tgl__json_get(simulation, "n_event"), 0);
    int64_t different = tgl__json_int(tgl__json_get(simulation, "n_different"), -1);
    if (simulation == NULL || n == 0 || different < 0) {
        tgl__buffer_text(
            out, "<p class=\"verdict bad\">firmware not run against the emulator</p>");
        return;
    }
    tgl__buffer_printf(
        out, "<p class=\"verdict %s\">%" PRId64 " events, %" PRId64 " differing %s</p>",
        different == 0 ? "good" : "bad", n, different,
        different == 0 ? "bits" : "events");
    tgl__buffer_text(out, "<p class=\"muted\">the Verilog in this package, run by "
                          "Verilator, against the emulator "
                          "on the same test vectors, all output bits compared</p>");
    if (different > 0) {
        tgl__buffer_text(out, "<p>first difference: <code>");
        tgl__escape(out, string(simulation, "first_difference"));
        tgl__buffer_text(out, "</code></p>");
    }
}

static void head(tgl_buffer *out, const char *title, const tgl_report_documents *d)
{
    tgl__buffer_text(out, "<header><p class=\"muted\">trigline report</p><h1>");
    tgl__escape(out, title);
    tgl__buffer_text(out, "</h1>");
    if (d->simulation != NULL)
        verdict(out, d->simulation);
    const tgl_json *best = tgl__json_at(d->resources, 0);
    if (best != NULL) {
        tgl__buffer_text(out, "<div class=\"cards\">");
        count_card(out, best, "latency_cycles", "cycles of latency");
        count_card(out, best, "lut", "LUT");
        count_card(out, best, "ff", "flip-flops");
        count_card(out, best, "dsp", "DSP");
        count_card(out, best, "bram", "block RAM");
        tgl__buffer_text(out, "</div>");
    }
    tgl__buffer_text(out, "</header>");
}

/* ---- tables ---- */

static void cell_number(tgl_buffer *out, double value, const char *unit)
{
    char text[32];
    if (!isfinite(value)) {
        tgl__buffer_text(out, "<td class=\"n\">\xe2\x80\x93</td>");
        return;
    }
    tgl__human(text, value);
    tgl__buffer_printf(out, "<td class=\"n\">%s%s</td>", text, unit);
}

static void cell_text(tgl_buffer *out, const char *text, bool code)
{
    tgl__buffer_text(out, code ? "<td><code>" : "<td>");
    tgl__escape(out, text);
    tgl__buffer_text(out, code ? "</code></td>" : "</td>");
}

static void cell_fraction(tgl_buffer *out, const tgl_json *fraction)
{
    double value = 100 * number(fraction, "value"), lo = 100 * number(fraction, "lo"),
           hi = 100 * number(fraction, "hi");
    if (!isfinite(value))
        tgl__buffer_text(out, "<td class=\"n\">\xe2\x80\x93</td>");
    else
        tgl__buffer_printf(out,
                           "<td class=\"n\" title=\"%.4g %% to %.4g "
                           "%%\">%.2f&thinsp;<span class=\"muted\">"
                           "+%.2f \xe2\x88\x92%.2f</span></td>",
                           lo, hi, value, hi - value, value - lo);
}

static void begin_table(tgl_buffer *out, const char *title, const char *note,
                        const char *const *heads, size_t n, size_t n_text)
{
    tgl__buffer_printf(out, "<section><h2>%s</h2>", title);
    if (note != NULL)
        tgl__buffer_printf(out, "<p class=\"muted\">%s</p>", note);
    tgl__buffer_text(out, "<div class=\"wide\"><table><thead><tr>");
    for (size_t i = 0; i < n; i++)
        tgl__buffer_printf(out, "<th%s>%s</th>", i < n_text ? "" : " class=\"n\"",
                           heads[i]);
    tgl__buffer_text(out, "</tr></thead><tbody>");
}

static void end_table(tgl_buffer *out)
{
    tgl__buffer_text(out, "</tbody></table></div></section>");
}

static void working_points(tgl_buffer *out, const tgl_json *physics)
{
    static const char *const heads[] = {
        "signal",     "best single cut",   "target [kHz]", "threshold",
        "rate [kHz]", "events kept",       "network [%]",  "best cut [%]",
        "menu [%]",   "gain over menu [%]"};
    const tgl_json *points = tgl__json_get(physics, "working_points");
    if (tgl__json_size(points) == 0)
        return;
    char note[256], bunches[32];
    tgl__human(bunches, number(tgl__json_get(physics, "zero_bias"), "colliding_bunches"));
    snprintf(
        note, sizeof note,
        "Rates for %s colliding bunches on average at %.1f orbits a second. A point with "
        "fewer than "
        "%" PRId64 " events kept is marked and not to be quoted.",
        bunches, number(tgl__json_get(physics, "zero_bias"), "orbit_hz"),
        tgl__json_int(
            tgl__json_get(tgl__json_get(physics, "zero_bias"), "minimum_events"), 0));
    begin_table(out, "Rates and efficiencies", note, heads, 10, 2);
    for (size_t p = 0; p < tgl__json_size(points); p++) {
        const tgl_json *point = tgl__json_at(points, p),
                       *rate = tgl__json_get(point, "rate");
        const char *name;
        tgl_json *signal;
        for (size_t s = 0;
             tgl__json_entry(tgl__json_get(point, "signals"), s, &name, &signal); s++) {
            const tgl_json *cut = tgl__json_get(signal, "best_cut");
            char text[96], gev[32];
            tgl__human(gev, number(cut, "cut_gev"));
            snprintf(text, sizeof text, "%s \xe2\x89\xa5 %s GeV", string(cut, "variable"),
                     gev);
            tgl__buffer_text(out, "<tr>");
            cell_text(out, name, false);
            cell_text(out, text, false);
            cell_number(out, number(point, "target_hz") / 1e3, "");
            cell_number(out, number(point, "threshold"), "");
            tgl__buffer_printf(out, "<td class=\"n\">%.3f \xc2\xb1 %.3f</td>",
                               number(rate, "hz") / 1e3, number(rate, "error_hz") / 1e3);
            cell_number(out, number(rate, "n_pass"),
                        tgl__json_bool(tgl__json_get(point, "quotable"), false)
                            ? ""
                            : " (too few)");
            cell_fraction(out, tgl__json_get(signal, "network"));
            cell_fraction(out, tgl__json_get(cut, "efficiency"));
            cell_fraction(out, tgl__json_get(signal, "menu"));
            cell_fraction(out, tgl__json_get(signal, "gain"));
            tgl__buffer_text(out, "</tr>");
        }
    }
    end_table(out);
}

static void classification(tgl_buffer *out, const tgl_json *physics)
{
    static const char *const heads[] = {"class", "efficiency [%]", "AUC"};
    const tgl_json *json = tgl__json_get(physics, "classification"),
                   *classes = tgl__json_get(json, "classes");
    if (tgl__json_size(classes) == 0)
        return;
    const tgl_json *accuracy = tgl__json_get(json, "accuracy");
    char note[160];
    snprintf(note, sizeof note,
             "Accuracy %.2f %% (%.2f to %.2f) on %.0f events, from the emulator's "
             "integer codes.",
             100 * number(accuracy, "value"), 100 * number(accuracy, "lo"),
             100 * number(accuracy, "hi"), number(accuracy, "n"));
    begin_table(out, "Classification", note, heads, 3, 1);
    for (size_t c = 0; c < tgl__json_size(classes); c++) {
        const tgl_json *row = tgl__json_at(classes, c);
        tgl__buffer_text(out, "<tr>");
        cell_text(out, string(row, "name"), false);
        cell_fraction(out, tgl__json_get(row, "efficiency"));
        cell_number(out, number(row, "auc"), "");
        tgl__buffer_text(out, "</tr>");
    }
    end_table(out);
}

static void menu(tgl_buffer *out, const tgl_json *physics)
{
    static const char *const heads[] = {"seed", "rate [kHz]", "pure [kHz]",
                                        "proportional [kHz]", "events"};
    const tgl_json *menu_json = tgl__json_get(physics, "menu"),
                   *seeds = tgl__json_get(menu_json, "seeds");
    if (tgl__json_size(seeds) == 0)
        return;
    char note[160], total[32];
    tgl__human(total, number(tgl__json_get(menu_json, "rate"), "hz") / 1e3);
    snprintf(note, sizeof note,
             "Plain cuts, the baseline that a network must beat; their OR after "
             "prescales is %s kHz.",
             total);
    begin_table(out, "Menu of cuts", note, heads, 5, 1);
    for (size_t s = 0; s < tgl__json_size(seeds); s++) {
        const tgl_json *seed = tgl__json_at(seeds, s),
                       *rate = tgl__json_get(seed, "rate");
        tgl__buffer_text(out, "<tr>");
        cell_text(out, string(seed, "name"), false);
        cell_number(out, number(rate, "hz") / 1e3, "");
        cell_number(out, number(tgl__json_get(seed, "pure"), "hz") / 1e3, "");
        cell_number(out, number(seed, "proportional_hz") / 1e3, "");
        cell_number(out, number(rate, "n_pass"), "");
        tgl__buffer_text(out, "</tr>");
    }
    end_table(out);
}

static void cell_count(tgl_buffer *out, const tgl_json *json, const char *key)
{
    double value = number(json, key);
    if (value >= 0)
        tgl__buffer_printf(out, "<td class=\"n\">%.0f</td>", value);
    else
        tgl__buffer_text(out, "<td class=\"n muted\">not measured</td>");
}

static void resources(tgl_buffer *out, const tgl_json *list)
{
    static const char *const heads[] = {"source",
                                        "LUT",
                                        "FF",
                                        "DSP",
                                        "BRAM",
                                        "latency [cycles]",
                                        "ns, if timing closes",
                                        "power [W]"};
    if (tgl__json_size(list) == 0)
        return;
    begin_table(
        out, "Resources and latency",
        "No timing closure is claimed: nanoseconds are cycles over the target clock.",
        heads, 8, 1);
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *r = tgl__json_at(list, i);
        static const char *const keys[] = {"lut", "ff", "dsp", "bram", "latency_cycles"};
        const char *rest = string(r, "not_counted");
        char source[400];
        snprintf(source, sizeof source, "%.64s%s%.300s", string(r, "source"),
                 rest[0] != '\0' ? "; not counted: " : "", rest);
        tgl__buffer_text(out, "<tr>");
        cell_text(out, source, false);
        for (size_t k = 0; k < 5; k++)
            cell_count(out, r, keys[k]);
        double clock = number(r, "clock_mhz"), cycles = number(r, "latency_cycles");
        if (clock > 0 && cycles >= 0)
            tgl__buffer_printf(out, "<td class=\"n\">%.1f at %.0f MHz</td>",
                               1e3 * cycles / clock, clock);
        else
            tgl__buffer_text(out, "<td class=\"n\">\xe2\x80\x93</td>");
        cell_count(out, r, "power_w");
        tgl__buffer_text(out, "</tr>");
    }
    end_table(out);
}

static void gates(tgl_buffer *out, const tgl_json *selection)
{
    static const char *const heads[] = {"candidate", "stage", "gate",
                                        "value",     "limit", "passed"};
    const tgl_json *list = tgl__json_get(selection, "candidates");
    if (tgl__json_size(list) == 0)
        return;
    begin_table(out, "Gates",
                "Physics first; resources are looked at only for what passes it.", heads,
                6, 6);
    for (size_t c = 0; c < tgl__json_size(list); c++) {
        static const char *const stages[] = {"physics", "resources"};
        const tgl_json *candidate = tgl__json_at(list, c);
        for (int s = 0; s < 2; s++) {
            const tgl_json *checks = tgl__json_get(candidate, stages[s]);
            for (size_t g = 0; g < tgl__json_size(checks); g++) {
                const tgl_json *check = tgl__json_at(checks, g),
                               *value = tgl__json_get(check, "value");
                char text[64], limit[64];
                bool low = tgl__json_get(check, "min") != NULL;
                tgl__human(text, tgl__json_real(value, NAN));
                tgl__human(limit, number(check, low ? "min" : "max"));
                tgl__buffer_text(out, "<tr>");
                cell_text(out, string(candidate, "name"), false);
                cell_text(out, stages[s], false);
                cell_text(out, string(check, "label"), false);
                cell_text(out, tgl__json_string(value, text), false);
                tgl__buffer_printf(out, "<td>%s %s</td>",
                                   low ? "\xe2\x89\xa5" : "\xe2\x89\xa4", limit);
                cell_text(out,
                          tgl__json_bool(tgl__json_get(check, "passed"), false) ? "yes"
                                                                                : "no",
                          false);
                tgl__buffer_text(out, "</tr>");
            }
        }
    }
    end_table(out);
}

static void datasets(tgl_buffer *out, const tgl_json *list)
{
    static const char *const heads[] = {"dataset", "file", "digest", "rows"};
    if (tgl__json_size(list) == 0)
        return;
    begin_table(out, "Inputs", NULL, heads, 4, 3);
    for (size_t i = 0; i < tgl__json_size(list); i++) {
        const tgl_json *item = tgl__json_at(list, i);
        tgl__buffer_text(out, "<tr>");
        cell_text(out, string(item, "name"), false);
        cell_text(out, string(item, "path"), true);
        cell_text(out, string(item, "digest"), true);
        if (isfinite(number(item, "rows")))
            tgl__buffer_printf(out, "<td class=\"n\">%.0f</td>", number(item, "rows"));
        else
            tgl__buffer_text(out, "<td class=\"n\">\xe2\x80\x93</td>");
        tgl__buffer_text(out, "</tr>");
    }
    end_table(out);
}

/* ---- the page ---- */

static void figure(tgl_buffer *out, const tgl_plot *plot, const char *svg)
{
    bool wide = strcmp(plot->name, "lineage") == 0;
    tgl__buffer_printf(
        out, "<figure id=\"%s\"><h2>%s</h2>%s%s%s<figcaption>%s</figcaption></figure>\n",
        plot->name, plot->title, wide ? "<div class=\"wide\">" : "", svg,
        wide ? "</div>" : "", plot->caption);
}

static tgl_status write_plot(const char *directory, const tgl_plot *plot, const char *svg,
                             tgl_error *err)
{
    /* A file of its own carries the style sheet; inside the page it stands once. */
    tgl_buffer file = TGL_BUFFER_INIT;
    const char *end = strchr(svg, '>');
    tgl__buffer_append(&file, svg, (size_t)(end - svg) + 1);
    tgl__buffer_text(&file, "<style>");
    tgl__plot_css(&file, ".plot");
    tgl__buffer_text(
        &file, "</style><rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>");
    tgl__buffer_text(&file, end + 1);
    char *text = NULL, path[4096];
    size_t n;
    int length = snprintf(path, sizeof path, "%s/plots/%s.svg", directory, plot->name);
    if (length < 0 || (size_t)length >= sizeof path) {
        tgl__buffer_release(&file);
        return tgl__fail(err, TGL_EUSAGE,
                         "report directory '%.200s…': the path is too long", directory);
    }
    TGL_TRY(tgl__buffer_finish(&file, &text, &n, err));
    tgl_status status = tgl__file_write(path, text, n, err);
    tgl__free(text);
    return status;
}

static tgl_status figures(tgl_buffer *out, const char *directory,
                          const tgl_report_documents *d, tgl_error *err)
{
    tgl_status status = TGL_OK;
    for (size_t p = 0; status == TGL_OK && p < tgl__n_plot; p++) {
        tgl_buffer svg = TGL_BUFFER_INIT;
        char *text = NULL;
        if (tgl__plots[p].draw(&svg, d)) {
            status = tgl__buffer_finish(&svg, &text, NULL, err);
            if (status == TGL_OK)
                status = write_plot(directory, &tgl__plots[p], text, err);
            if (status == TGL_OK) {
                if (p == 1)
                    tgl__buffer_text(out, "<div class=\"grid2\">");
                figure(out, &tgl__plots[p], text);
            }
        } else if (p == 1) {
            tgl__buffer_text(out, "<div class=\"grid2\">");
        }
        tgl__free(text);
        tgl__buffer_release(&svg);
    }
    tgl__buffer_text(out, "</div>\n");
    return status;
}

static void details(tgl_buffer *out, const char *title, const tgl_json *json)
{
    char *text = NULL;
    if (json == NULL || tgl__json_dump_pretty(&text, NULL, json, NULL) != TGL_OK)
        return;
    tgl__buffer_printf(
        out, "<details><summary>%s</summary><div class=\"wide\"><pre><code>", title);
    tgl__escape(out, text);
    tgl__buffer_text(out, "</code></pre></div></details>");
    tgl__free(text);
}

static tgl_status write_page(const char *directory, const char *title,
                             const tgl_report_documents *d, tgl_error *err)
{
    tgl_buffer out = TGL_BUFFER_INIT;
    tgl__buffer_text(&out, "<!doctype html><html lang=\"en\"><head><meta "
                           "charset=\"utf-8\"><meta name=\"viewport\" "
                           "content=\"width=device-width,initial-scale=1\"><title>");
    tgl__escape(&out, title);
    tgl__buffer_text(&out, "</title><style>:root{color-scheme:light dark}\n");
    tgl__plot_css(&out, ":root");
    tgl__buffer_text(&out, page_css);
    tgl__buffer_text(&out, "</style></head><body><main>");
    head(&out, title, d);
    tgl_status status = figures(&out, directory, d, err);
    working_points(&out, d->physics);
    classification(&out, d->physics);
    menu(&out, d->physics);
    resources(&out, d->resources);
    gates(&out, d->selection);
    datasets(&out, d->datasets);
    tgl__buffer_text(&out, "<section><h2>Model</h2>");
    details(&out, "layers, types, slots and digests", d->model);
    tgl__buffer_text(&out, "</section></main></body></html>\n");
    char *text = NULL, *path = tgl__path_join(directory, "index.html");
    size_t n;
    if (status == TGL_OK)
        status = path == NULL ? tgl__fail_nomem(err)
                              : tgl__buffer_finish(&out, &text, &n, err);
    if (status == TGL_OK)
        status = tgl__file_write(path, text, n, err);
    tgl__buffer_release(&out);
    tgl__free(text);
    tgl__free(path);
    return status;
}

static tgl_status parse_one(tgl_json **out, const char *text, const char *name,
                            tgl_error *err)
{
    return text == NULL ? TGL_OK : tgl__json_parse(out, text, strlen(text), name, err);
}

tgl_status tgl_report_write(const char *directory, const tgl_report_inputs *inputs,
                            tgl_error *err)
{
    if (inputs->struct_size < sizeof *inputs)
        return tgl__fail(err, TGL_EUSAGE,
                         "report inputs: expected a structure of %zu bytes, found %zu",
                         sizeof *inputs, inputs->struct_size);
    tgl_report_documents d = {0};
    char *plots = tgl__path_join(directory, "plots");
    tgl_status status = plots == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status != TGL_OK)
        goto out;
    TGL_TRY_GOTO(parse_one(&d.model, inputs->model, "model", err));
    TGL_TRY_GOTO(parse_one(&d.history, inputs->history, "history", err));
    TGL_TRY_GOTO(parse_one(&d.physics, inputs->physics, "physics", err));
    TGL_TRY_GOTO(parse_one(&d.selection, inputs->selection, "selection", err));
    TGL_TRY_GOTO(parse_one(&d.simulation, inputs->simulation, "simulation", err));
    TGL_TRY_GOTO(parse_one(&d.resources, inputs->resources, "resources", err));
    TGL_TRY_GOTO(parse_one(&d.lineage, inputs->lineage, "lineage", err));
    TGL_TRY_GOTO(parse_one(&d.datasets, inputs->datasets, "datasets", err));
    TGL_TRY_GOTO(tgl__make_dirs(plots, err));
    TGL_TRY_GOTO(
        write_page(directory, inputs->title != NULL ? inputs->title : "model", &d, err));
out:
    tgl__free(plots);
    tgl_json *all[] = {d.model,      d.history,   d.physics, d.selection,
                       d.simulation, d.resources, d.lineage, d.datasets};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tgl__json_free(all[i]);
    return status;
}
