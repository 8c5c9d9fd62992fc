/*
 * Line charts as text (braille, block or ASCII) and as SVG. Pure functions: series in, cells or
 * bytes out; nothing is kept. Any thread.
 */
#ifndef RLAIF_BASE_PLOT_H
#define RLAIF_BASE_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"

enum plot_glyphs { PLOT_BRAILLE, PLOT_BLOCK, PLOT_ASCII };

/* Borrowed. x rises; a y that is NaN or infinite is a gap, with log_y also one that is not positive. */
struct plot_series {
    const char *name; /* for the legend; NULL: none */
    const double *x, *y;
    size_t n;
};

#define PLOT_SERIES_MAX 8
struct plot {
    const char *title;   /* NULL: none */
    const char *x_label; /* "step"; NULL: none */
    const struct plot_series *series;
    size_t n_series; /* at most PLOT_SERIES_MAX */
    enum plot_glyphs glyphs;
    bool log_y;
    double smooth; /* weight of the past in [0, 1): 0 is none; then the raw values stand faint beside it */
    /* The ranges; low >= high (so both 0): from the data. */
    double x_low, x_high, y_low, y_high;
    bool legend; /* a line with the names and last values, where there is more than one series */
    bool bare;   /* no axes and no labels */
};

enum plot_part { PLOT_BLANK, PLOT_TEXT, PLOT_AXIS, PLOT_RAW, PLOT_LINE };
/* One terminal cell. All glyphs are one column wide. */
struct plot_cell {
    uint32_t code; /* Unicode; ASCII only with PLOT_ASCII and no other text */
    uint8_t part;  /* enum plot_part */
    uint8_t series;
};
/* Fills height * width cells, row by row. Any size; what does not fit is left out. */
void plot_cells(const struct plot *plot, int width, int height, struct plot_cell *cells);
/* The same as lines of UTF-8 without blanks at their ends. */
void plot_text(const struct plot *plot, int width, int height, struct buf *out);
/* A picture of its own: no scripts, no outside fonts or styles. Sizes in pixels. */
void plot_svg(const struct plot *plot, int width, int height, struct buf *out);

/* Exponential mean without the pull of its start: m_k / (1 - w^k) with m = w m + (1 - w) y (as Adam's).
 * A gap stays a gap and changes nothing. out may be y. */
void plot_smooth(const double *y, size_t n, double weight, double *out);
/* Round numbers (1, 2, 2.5, 5 times a power of ten) inside [low, high], at most max (2..16); returns how
 * many. *digits: decimals that tell them apart. */
size_t plot_ticks(double low, double high, size_t max, double *out, int *digits);

#endif
