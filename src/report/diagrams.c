/* Two pictures that are not plots: what was made from what, and the radar. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/plots.h"
#include "report/svg.h"

enum {
    MAX_NODE = 128,
    BOX_WIDTH = 148,
    BOX_HEIGHT = 40,
    GAP_X = 34,
    GAP_Y = 16,
    MAX_COLUMN = 32
};

typedef struct node {
    const char *id, *kind, *label, *digest;
    int column, row;
} node;

static int find(const node *nodes, int n, const char *id)
{
    for (int i = 0; i < n; i++)
        if (strcmp(nodes[i].id, id) == 0)
            return i;
    return -1;
}

static int read_nodes(node *nodes, const tgl_json *list)
{
    int n = 0;
    for (size_t i = 0; i < tgl__json_size(list) && n < MAX_NODE; i++) {
        const tgl_json *item = tgl__json_at(list, i);
        const char *id = tgl__json_string(tgl__json_get(item, "id"), "");
        nodes[n++] = (node){id,
                            tgl__json_string(tgl__json_get(item, "kind"), ""),
                            tgl__json_string(tgl__json_get(item, "label"), id),
                            tgl__json_string(tgl__json_get(item, "digest"), ""),
                            0,
                            0};
    }
    return n;
}

/* Longest path from a source gives the column; repeated n times it settles for any
 * acyclic graph. */
static void place(node *nodes, int n, const tgl_json *edges)
{
    int used[MAX_COLUMN] = {0};
    for (int round = 0, moved = 1; moved && round < n; round++) {
        moved = 0;
        for (size_t e = 0; e < tgl__json_size(edges); e++) {
            const tgl_json *edge = tgl__json_at(edges, e);
            int a = find(nodes, n, tgl__json_string(tgl__json_at(edge, 0), ""));
            int b = find(nodes, n, tgl__json_string(tgl__json_at(edge, 1), ""));
            if (a >= 0 && b >= 0 && nodes[b].column <= nodes[a].column &&
                nodes[a].column + 1 < MAX_COLUMN) {
                nodes[b].column = nodes[a].column + 1;
                moved = 1;
            }
        }
    }
    for (int i = 0; i < n; i++)
        nodes[i].row = used[nodes[i].column]++;
}

/* Generations run down the page; a generation's members stand side by side. */
static double left_of(const node *x)
{
    return 8 + (double)x->row * (BOX_WIDTH + GAP_X);
}

static double top_of(const node *x)
{
    return 8 + (double)x->column * (BOX_HEIGHT + GAP_Y);
}

static void draw_edges(tgl_buffer *out, const node *nodes, int n, const tgl_json *edges)
{
    for (size_t e = 0; e < tgl__json_size(edges); e++) {
        const tgl_json *edge = tgl__json_at(edges, e);
        int a = find(nodes, n, tgl__json_string(tgl__json_at(edge, 0), ""));
        int b = find(nodes, n, tgl__json_string(tgl__json_at(edge, 1), ""));
        if (a < 0 || b < 0)
            continue;
        double x0 = left_of(&nodes[a]) + BOX_WIDTH / 2.0,
               y0 = top_of(&nodes[a]) + BOX_HEIGHT;
        double x1 = left_of(&nodes[b]) + BOX_WIDTH / 2.0, y1 = top_of(&nodes[b]);
        double bend = fmax(18, (y1 - y0) / 3);
        tgl__buffer_printf(out,
                           "<path class=\"edge\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f "
                           "%.1fm-4 -5l4 5l4 -5\"/>",
                           x0, y0, x0, y0 + bend, x1, y1 - bend, x1, y1);
    }
}

static void draw_node(tgl_buffer *out, const node *x)
{
    bool step = strcmp(x->kind, "stage") == 0;
    tgl__buffer_printf(out, "<g><title>");
    tgl__escape(out, x->label);
    tgl__buffer_text(out, " ");
    tgl__escape(out, x->digest);
    tgl__buffer_printf(out,
                       "</title><rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" "
                       "height=\"%d\" rx=\"%d\"/>",
                       left_of(x), top_of(x), BOX_WIDTH, BOX_HEIGHT, step ? 20 : 4);
    const char *name =
        strrchr(x->label, '/') != NULL ? strrchr(x->label, '/') + 1 : x->label;
    char shown[24], digest[16] = "";
    snprintf(shown, sizeof shown, strlen(name) > 21 ? "%.20s\xe2\x80\xa6" : "%s", name);
    if (strncmp(x->digest, "sha256:", 7) == 0)
        snprintf(digest, sizeof digest, "%.12s", x->digest + 7);
    double middle = left_of(x) + BOX_WIDTH / 2.0;
    tgl__svg_text(out, middle, top_of(x) + (digest[0] ? 18 : 24), "key mid", shown);
    if (digest[0] != '\0')
        tgl__svg_text(out, middle, top_of(x) + 32, "tick mid", digest);
    tgl__buffer_text(out, "</g>");
}

bool tgl__draw_lineage(tgl_buffer *out, const tgl_report_documents *d)
{
    node *nodes = tgl__calloc(MAX_NODE, sizeof *nodes);
    int n = nodes == NULL ? 0 : read_nodes(nodes, tgl__json_get(d->lineage, "nodes"));
    const tgl_json *edges = tgl__json_get(d->lineage, "edges");
    if (n > 0) {
        double width = 0, height = 0;
        place(nodes, n, edges);
        for (int i = 0; i < n; i++) {
            width = fmax(width, left_of(&nodes[i]) + BOX_WIDTH + 8);
            height = fmax(height, top_of(&nodes[i]) + BOX_HEIGHT + 8);
        }
        tgl__svg_begin(out, width, height, "What was made from what");
        draw_edges(out, nodes, n, edges);
        for (int i = 0; i < n; i++)
            draw_node(out, &nodes[i]);
        tgl__svg_end(out);
    }
    tgl__free(nodes);
    return n > 0;
}

/* ---- radar ---- */

static void radar_corner(double *x, double *y, size_t axis, size_t n_axis, double r)
{
    double angle = 2 * 3.14159265358979323846 * (double)axis / (double)n_axis;
    *x = 320 + 150 * r * sin(angle);
    *y = 205 - 150 * r * cos(angle);
}

static void radar_ring(tgl_buffer *out, size_t n, double r)
{
    tgl__buffer_text(out, "<path class=\"grid\" d=\"");
    for (size_t i = 0; i < n; i++) {
        double x, y;
        radar_corner(&x, &y, i, n, r);
        tgl__buffer_printf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', x, y);
    }
    tgl__buffer_text(out, "Z\"/>");
}

static void radar_axes(tgl_buffer *out, const tgl_json *axes, size_t n)
{
    for (int ring = 1; ring <= 4; ring++)
        radar_ring(out, n, ring / 4.0);
    for (size_t i = 0; i < n; i++) {
        double x, y;
        radar_corner(&x, &y, i, n, 1);
        tgl__buffer_printf(out, "<path class=\"grid\" d=\"M320 205L%.1f %.1f\"/>", x, y);
        radar_corner(&x, &y, i, n, 1.1);
        tgl__svg_text(
            out, x, y + 4,
            x > 330   ? "label"
            : x < 310 ? "label end"
                      : "label mid",
            tgl__json_string(tgl__json_get(tgl__json_at(axes, i), "label"), ""));
    }
}

static void radar_shape(tgl_buffer *out, const tgl_json *values, size_t n, int series,
                        const char *name)
{
    tgl__buffer_printf(out, "<path class=\"band s%d\" d=\"", series);
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        double x, y, r = tgl__json_real(tgl__json_at(values, i), NAN);
        if (isnan(r))
            continue;
        radar_corner(&x, &y, i, n, r);
        tgl__buffer_printf(out, "%c%.1f %.1f", first ? 'M' : 'L', x, y);
        first = false;
    }
    tgl__buffer_text(out, first ? "\"/>" : "Z\"/>");
    for (size_t i = 0; i < n; i++) {
        double x, y, r = tgl__json_real(tgl__json_at(values, i), NAN);
        if (isnan(r))
            continue;
        radar_corner(&x, &y, i, n, r);
        tgl__buffer_printf(
            out, "<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>",
            series, x, y);
        tgl__escape(out, name);
        tgl__buffer_printf(out, ": %.2f of 1</title></circle>", r);
    }
}

bool tgl__draw_radar(tgl_buffer *out, const tgl_report_documents *d)
{
    const tgl_json *axes = tgl__json_get(d->selection, "axes"),
                   *list = tgl__json_get(d->selection, "candidates");
    size_t n = tgl__json_size(axes);
    if (n < 3 || n > 16 || tgl__json_size(list) == 0)
        return false;
    tgl__svg_begin(out, 640, 410, "Radar of the candidates");
    radar_axes(out, axes, n);
    for (size_t c = 0; c < tgl__json_size(list) && c < 8; c++) {
        const tgl_json *candidate = tgl__json_at(list, c);
        const char *name = tgl__json_string(tgl__json_get(candidate, "name"), "");
        radar_shape(out, tgl__json_get(candidate, "radar"), n, (int)c, name);
        tgl__buffer_printf(out,
                           "<circle class=\"dot s%d\" cx=\"16\" cy=\"%.1f\" r=\"4\"/>",
                           (int)c, 20 + 18 * (double)c);
        tgl__svg_text(out, 26, 24 + 18 * (double)c, "key", name);
    }
    tgl__svg_end(out);
    return true;
}
