/* What the text and the SVG form of a chart share: ranges, positions, ticks and their labels. */
#ifndef RLAIF_BASE_PLOT_SCALE_H
#define RLAIF_BASE_PLOT_SCALE_H

#include "src/base/plot.h"

#define PLOT_TICKS_MAX 16

/* y_low and y_high are logarithms to base 10 where log_y is set. */
struct plot_scale {
    double x_low, x_high, y_low, y_high;
    bool log_y;
};
/* False when there is nothing to show: no point is finite. */
bool plot_scale_make(const struct plot *plot, struct plot_scale *out);
/* 0 at the low end, 1 at the high end; false: a gap. */
bool plot_place(const struct plot_scale *scale, double x, double y, double *at_x, double *at_y);

struct plot_axis {
    size_t n;
    double at[PLOT_TICKS_MAX]; /* 0..1 along the axis */
    char label[PLOT_TICKS_MAX][24];
};
void plot_x_axis(const struct plot_scale *scale, size_t max, struct plot_axis *out);
void plot_y_axis(const struct plot_scale *scale, size_t max, struct plot_axis *out);

/* The smoothed values of a series, malloced; NULL when the plot does not smooth. */
double *plot_smoothed(const struct plot *plot, size_t series);
/* A value in about four digits. */
void plot_value(double value, char out[24]);
/* The last value that is not a gap, NaN when there is none. */
double plot_last(const double *y, size_t n);

#endif
