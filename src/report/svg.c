#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 400 };

void tgl__escape(tgl_buffer *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '<':
            tgl__buffer_text(out, "&lt;");
            break;
        case '>':
            tgl__buffer_text(out, "&gt;");
            break;
        case '&':
            tgl__buffer_text(out, "&amp;");
            break;
        case '"':
            tgl__buffer_text(out, "&quot;");
            break;
        case '\'':
            tgl__buffer_text(out, "&#39;");
            break;
        default:
            tgl__buffer_append(out, text, 1);
        }
}

void tgl__human(char out[32], double value)
{
    double size = fabs(value);
    if (size != 0 && (size < 1e-3 || size >= 1e9))
        snprintf(out, 32, "%.3g", value);
    else if (size >= 1e6)
        snprintf(out, 32, "%.4gM", value / 1e6);
    else if (size >= 1e4)
        snprintf(out, 32, "%.4gk", value / 1e3);
    else
        snprintf(out, 32, "%.4g", value);
}

void tgl__svg_begin(tgl_buffer *out, double width, double height, const char *title)
{
    tgl__buffer_printf(out,
                       "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" "
                       "role=\"img\" viewBox=\"0 0 %g %g\">"
                       "<title>",
                       width, height);
    tgl__escape(out, title);
    tgl__buffer_text(out, "</title>");
}

void tgl__svg_end(tgl_buffer *out)
{
    tgl__buffer_text(out, "</svg>");
}

void tgl__svg_text(tgl_buffer *out, double x, double y, const char *css_class,
                   const char *text)
{
    tgl__buffer_printf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, css_class);
    tgl__escape(out, text);
    tgl__buffer_text(out, "</text>");
}

/* ---- axes ---- */

void tgl__axis_include(tgl_axis *axis, double value)
{
    if (!isfinite(value) || (axis->log && value <= 0))
        return;
    if (!(axis->lo <=
          axis->hi)) /* still empty: made with lo = INFINITY, hi = -INFINITY */
        axis->lo = axis->hi = value;
    axis->lo = fmin(axis->lo, value);
    axis->hi = fmax(axis->hi, value);
}

static double tick_step(double lo, double hi)
{
    double rough = (hi - lo) / 5, power = pow(10, floor(log10(rough)));
    double multiple = rough / power;
    return power * (multiple < 1.5 ? 1 : multiple < 3.5 ? 2 : multiple < 7.5 ? 5 : 10);
}

void tgl__axis_finish(tgl_axis *axis)
{
    if (!(axis->lo <= axis->hi)) {
        axis->lo = axis->log ? 0.1 : 0;
        axis->hi = 1;
    }
    if (axis->log) {
        axis->lo = pow(10, floor(log10(axis->lo) + 1e-9));
        axis->hi = pow(10, ceil(log10(axis->hi) - 1e-9));
        if (axis->hi <= axis->lo)
            axis->hi = axis->lo * 10;
        return;
    }
    if (axis->hi - axis->lo < 1e-12 * fmax(fabs(axis->hi), 1e-300))
        axis->hi = axis->lo + fmax(fabs(axis->lo), 1);
    double step = tick_step(axis->lo, axis->hi);
    axis->lo = step * floor(axis->lo / step + 1e-9);
    axis->hi = step * ceil(axis->hi / step - 1e-9);
}

static double position(const tgl_axis *axis, double value)
{
    double t = axis->log ? (log10(fmax(value, 1e-300)) - log10(axis->lo)) /
                               (log10(axis->hi) - log10(axis->lo))
                         : (value - axis->lo) / (axis->hi - axis->lo);
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

double tgl__frame_x(const tgl_frame *frame, double x)
{
    return frame->left + frame->width * position(&frame->x, x);
}

double tgl__frame_y(const tgl_frame *frame, double y)
{
    return frame->top + frame->height * (1 - position(&frame->y, y));
}

static void draw_tick(const tgl_frame *f, bool horizontal, double value)
{
    char text[32];
    tgl__human(text, fabs(value) < 1e-12 ? 0 : value);
    if (horizontal) {
        double x = tgl__frame_x(f, value);
        tgl__buffer_printf(f->out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x,
                           f->top, f->top + f->height);
        tgl__svg_text(f->out, x, f->top + f->height + 16, "tick mid", text);
    } else {
        double y = tgl__frame_y(f, value);
        tgl__buffer_printf(f->out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>",
                           f->left, y, f->left + f->width);
        tgl__svg_text(f->out, f->left - 8, y + 4, "tick end", text);
    }
}

static void draw_ticks(const tgl_frame *f, bool horizontal)
{
    const tgl_axis *axis = horizontal ? &f->x : &f->y;
    if (axis->log) {
        int decades = (int)lround(log10(axis->hi / axis->lo)),
            every = decades > 8 ? 2 : 1;
        for (int d = 0; d <= decades; d += every)
            draw_tick(f, horizontal, axis->lo * pow(10, d));
        return;
    }
    double step = tick_step(axis->lo, axis->hi);
    for (int i = 0; i <= 12 && axis->lo + i * step <= axis->hi + step / 1000; i++)
        draw_tick(f, horizontal, axis->lo + i * step);
}

enum { KEY_ROW = 18 };

/* Place the key's entries from left to right, a new row when one is full; with `out` also
 * draw them. */
static int key_rows(tgl_buffer *out, const tgl_key *key)
{
    double x = 72;
    int row = 0;
    for (size_t i = 0; key != NULL && i < key->n; i++) {
        double width = 34 + 6.6 * (double)strlen(key->labels[i]);
        if (x > 72 && x + width > WIDTH - 10) {
            x = 72;
            row++;
        }
        if (out != NULL) {
            double y = 16 + KEY_ROW * (double)row;
            tgl__buffer_printf(out, "<path class=\"line s%d\" d=\"M%.1f %.1fh16\"/>",
                               key->series[i], x, y - 4);
            tgl__svg_text(out, x + 22, y, "key", key->labels[i]);
        }
        x += width;
    }
    return key == NULL || key->n == 0 ? 0 : row + 1;
}

tgl_frame tgl__frame_begin(tgl_buffer *out, const char *title, tgl_axis x, tgl_axis y,
                           const tgl_key *key)
{
    double top = 12 + KEY_ROW * (double)key_rows(NULL, key), height = HEIGHT - 16 - 52;
    tgl_frame f = {out, x, y, 72, top, WIDTH - 72 - 20, height};
    tgl__svg_begin(out, WIDTH, top + height + 52, title);
    key_rows(out, key);
    draw_ticks(&f, true);
    draw_ticks(&f, false);
    tgl__buffer_printf(out, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>", f.left,
                       f.top, f.top + f.height, f.left + f.width);
    tgl__svg_text(out, f.left + f.width / 2, f.top + f.height + 40, "label mid", x.label);
    tgl__buffer_printf(
        out, "<text transform=\"translate(18 %.1f) rotate(-90)\" class=\"label mid\">",
        f.top + f.height / 2);
    tgl__escape(out, y.label);
    tgl__buffer_text(out, "</text>");
    return f;
}

/* ---- marks ---- */

void tgl__frame_line(const tgl_frame *f, int series, const tgl_point *points, size_t n)
{
    tgl__buffer_printf(f->out, "<path class=\"line s%d\" d=\"", series);
    for (size_t i = 0; i < n; i++)
        tgl__buffer_printf(f->out, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                           tgl__frame_x(f, points[i].x), tgl__frame_y(f, points[i].y));
    tgl__buffer_text(f->out, "\"/>");
}

void tgl__frame_steps(const tgl_frame *f, int series, const double *edges,
                      const double *heights, size_t n_bin)
{
    tgl__buffer_printf(f->out, "<path class=\"line s%d\" d=\"", series);
    for (size_t b = 0; b < n_bin; b++)
        tgl__buffer_printf(f->out, "%c%.1f %.1fH%.1f", b == 0 ? 'M' : 'L',
                           tgl__frame_x(f, edges[b]), tgl__frame_y(f, heights[b]),
                           tgl__frame_x(f, edges[b + 1]));
    tgl__buffer_text(f->out, "\"/>");
}

void tgl__frame_band(const tgl_frame *f, int series, const tgl_point *points, size_t n)
{
    tgl__buffer_printf(f->out, "<path class=\"band s%d\" d=\"", series);
    for (size_t i = 0; i < n; i++)
        tgl__buffer_printf(f->out, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                           tgl__frame_x(f, points[i].x), tgl__frame_y(f, points[i].hi));
    for (size_t i = n; i-- > 0;)
        tgl__buffer_printf(f->out, "L%.1f %.1f", tgl__frame_x(f, points[i].x),
                           tgl__frame_y(f, points[i].lo));
    tgl__buffer_text(f->out, "Z\"/>");
}

void tgl__frame_points(const tgl_frame *f, int series, const tgl_point *points, size_t n,
                       const char *label)
{
    for (size_t i = 0; i < n; i++) {
        char x[32], y[32];
        double px = tgl__frame_x(f, points[i].x);
        if (isfinite(points[i].lo) && isfinite(points[i].hi))
            tgl__buffer_printf(
                f->out, "<path class=\"error s%d\" d=\"M%.1f %.1fV%.1f\"/>", series, px,
                tgl__frame_y(f, points[i].lo), tgl__frame_y(f, points[i].hi));
        tgl__human(x, points[i].x);
        tgl__human(y, points[i].y);
        tgl__buffer_printf(
            f->out, "<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>",
            series, px, tgl__frame_y(f, points[i].y));
        tgl__escape(f->out, label);
        tgl__buffer_printf(f->out, " (%s, %s)</title></circle>", x, y);
    }
}

void tgl__frame_mark_x(const tgl_frame *f, double x, const char *label)
{
    double px = tgl__frame_x(f, x);
    tgl__buffer_printf(f->out, "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/>", px, f->top,
                       f->top + f->height);
    tgl__buffer_printf(
        f->out,
        "<text transform=\"translate(%.1f %.1f) rotate(-90)\" class=\"note end\">",
        px - 4, f->top + 4);
    tgl__escape(f->out, label);
    tgl__buffer_text(f->out, "</text>");
}

void tgl__plot_css(tgl_buffer *out, const char *root)
{
    static const char *const light[8] = {"#2f6db3", "#c8453b", "#1f8a70", "#c27c0e",
                                         "#7a4fb0", "#4d5a66", "#b0407f", "#5f8a1f"};
    static const char *const dark[8] = {"#79b0f2", "#ff8a7d", "#5ad0b0", "#f2b84b",
                                        "#c3a1f5", "#aab6c2", "#f08cc0", "#b3d46b"};
    tgl__buffer_printf(out,
                       "%s{--ink:#1c2733;--muted:#5b6875;--rule:#d5dce3;--paper:#ffffff;-"
                       "-panel:#f6f8fa;",
                       root);
    for (int i = 0; i < 8; i++)
        tgl__buffer_printf(out, "--c%d:%s;", i, light[i]);
    tgl__buffer_printf(
        out,
        "}\n@media "
        "(prefers-color-scheme:dark){%s{--ink:#e6edf3;--muted:#9aa7b4;--rule:#313b46;"
        "--paper:#12171d;--panel:#1a2129;",
        root);
    for (int i = 0; i < 8; i++)
        tgl__buffer_printf(out, "--c%d:%s;", i, dark[i]);
    tgl__buffer_text(
        out, "}}\n.plot{font-family:system-ui,-apple-system,\"Segoe UI\",\"DejaVu "
             "Sans\",sans-serif;"
             "font-size:12px}.plot text{fill:var(--ink)}.plot .tick,.plot "
             ".note{fill:var(--muted);"
             "font-size:11px}.plot .mid{text-anchor:middle}.plot .end{text-anchor:end}"
             ".plot .grid{stroke:var(--rule);stroke-width:1;fill:none}"
             ".plot .axis{stroke:var(--muted);fill:none}.plot .mark{stroke:var(--muted);"
             "stroke-dasharray:4 4;fill:none}.plot .line,.plot "
             ".error{fill:none;stroke-width:1.8;"
             "stroke-linejoin:round}.plot .error{stroke-width:1.2}.plot "
             ".band{stroke:none;opacity:.18}"
             ".plot .box{fill:var(--panel);"
             "stroke:var(--rule)}.plot "
             ".edge{fill:none;stroke:var(--muted);stroke-width:1.2}\n");
    for (int i = 0; i < 8; i++)
        tgl__buffer_printf(out,
                           ".plot .line.s%d,.plot .error.s%d{stroke:var(--c%d)}.plot "
                           ".dot.s%d,.plot .band.s%d,"
                           ".plot .bar.s%d{fill:var(--c%d)}",
                           i, i, i, i, i, i, i);
    tgl__buffer_text(out, "\n");
}
