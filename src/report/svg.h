/* Drawing: an SVG under construction, and a plot frame with linear or logarithmic axes.
 */
#ifndef TGL_REPORT_SVG_H
#define TGL_REPORT_SVG_H

#include <stdbool.h>

#include "base/buffer.h"

/* Text with <, >, & and quotes escaped, for HTML and SVG alike. */
void tgl__escape(tgl_buffer *out, const char *text);
/* A number as people write it: 3 significant digits, 12.3k, 4.56M, 1e-06. */
void tgl__human(char out[32], double value);

typedef struct tgl_axis {
    const char *label;
    double lo, hi;
    bool log;
} tgl_axis;

/* A frame maps data to a 640 x 400 drawing. */
typedef struct tgl_frame {
    tgl_buffer *out;
    tgl_axis x, y;
    double left, top, width, height; /* of the plotting area */
} tgl_frame;

void tgl__svg_begin(tgl_buffer *out, double width, double height, const char *title);
void tgl__svg_end(tgl_buffer *out);
void tgl__svg_text(tgl_buffer *out, double x, double y, const char *css_class,
                   const char *text);

/* Widen [lo, hi] to hold a value; logarithmic axes ignore what is not positive. */
void tgl__axis_include(tgl_axis *axis, double value);
/* Round the ends outward to ticks; an empty axis becomes 0 … 1. */
void tgl__axis_finish(tgl_axis *axis);

/* What the series are called; drawn in rows above the plotting area, where nothing
 * overlaps it. */
typedef struct tgl_key {
    const char *const *labels;
    const int *series;
    size_t n;
} tgl_key;

/* Begin a plot: svg element, key (NULL: none), grid, ticks, labels. Axes must be
 * finished. */
tgl_frame tgl__frame_begin(tgl_buffer *out, const char *title, tgl_axis x, tgl_axis y,
                           const tgl_key *key);
double tgl__frame_x(const tgl_frame *frame, double x); /* clamped to the plotting area */
double tgl__frame_y(const tgl_frame *frame, double y);

/* Marks; `series` 0 … 7 picks the colour. */
typedef struct tgl_point {
    double x, y, lo, hi; /* lo, hi: error bar, NAN for none */
} tgl_point;
void tgl__frame_line(const tgl_frame *frame, int series, const tgl_point *points,
                     size_t n);
void tgl__frame_steps(const tgl_frame *frame, int series, const double *edges,
                      const double *heights, size_t n_bin);
void tgl__frame_points(const tgl_frame *frame, int series, const tgl_point *points,
                       size_t n, const char *label);
void tgl__frame_band(const tgl_frame *frame, int series, const tgl_point *points,
                     size_t n); /* lo … hi */
void tgl__frame_mark_x(const tgl_frame *frame, double x, const char *label);
/* The style sheet of every plot: colours as variables, light and dark. `root` is the
 * selector the variables go on. */
void tgl__plot_css(tgl_buffer *out, const char *root);

#endif
