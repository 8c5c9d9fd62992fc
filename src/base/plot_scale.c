/* Ranges, ticks and smoothing of charts. */
#include "src/base/plot_scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"

void plot_smooth(const double *y, size_t n, double weight, double *out)
{
    double mean = 0, left = 1; /* left = weight^k */
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(y[i])) {
            out[i] = NAN;
            continue;
        }
        mean = weight * mean + (1 - weight) * y[i];
        left *= weight;
        out[i] = mean / (1 - left);
    }
}

double *plot_smoothed(const struct plot *plot, size_t series)
{
    const struct plot_series *from = &plot->series[series];
    if (!(plot->smooth > 0 && plot->smooth < 1))
        return NULL;
    double *out = xmalloc((from->n + 1) * sizeof *out);
    plot_smooth(from->y, from->n, plot->smooth, out);
    return out;
}

double plot_last(const double *y, size_t n)
{
    while (n > 0)
        if (isfinite(y[--n]))
            return y[n];
    return NAN;
}

/* ---- ranges ---- */

static bool is_gap(bool log_y, double x, double y)
{
    return !isfinite(x) || !isfinite(y) || (log_y && y <= 0);
}

static void widen(double value, double *low, double *high)
{
    if (value < *low)
        *low = value;
    if (value > *high)
        *high = value;
}

/* A range without extent gets some, so that a flat line runs through the middle. */
static void open_range(double *low, double *high, double least)
{
    if (*high > *low)
        return;
    double by = fabs(*low) * 0.05;
    if (by < least)
        by = least;
    *low -= by;
    *high += by;
}

bool plot_scale_make(const struct plot *plot, struct plot_scale *out)
{
    *out = (struct plot_scale){INFINITY, -INFINITY, INFINITY, -INFINITY, plot->log_y};
    bool x_given = plot->x_low < plot->x_high;
    for (size_t s = 0; s < plot->n_series; s++) {
        const struct plot_series *series = &plot->series[s];
        for (size_t i = 0; i < series->n; i++) {
            double x = series->x[i], y = series->y[i];
            if (is_gap(plot->log_y, x, y) ||
                (x_given && (x < plot->x_low || x > plot->x_high)))
                continue;
            widen(x, &out->x_low, &out->x_high);
            widen(plot->log_y ? log10(y) : y, &out->y_low, &out->y_high);
        }
    }
    if (out->x_low > out->x_high)
        return false;
    if (x_given) {
        out->x_low = plot->x_low;
        out->x_high = plot->x_high;
    }
    if (plot->y_low < plot->y_high && (!plot->log_y || plot->y_low > 0)) {
        out->y_low = plot->log_y ? log10(plot->y_low) : plot->y_low;
        out->y_high = plot->log_y ? log10(plot->y_high) : plot->y_high;
    }
    open_range(&out->x_low, &out->x_high, 0.5);
    open_range(&out->y_low, &out->y_high, plot->log_y ? 0.05 : out->y_low ? 1e-300 : 0.5);
    /* Extremes of double would overflow in differences. */
    return isfinite(out->x_high - out->x_low) && isfinite(out->y_high - out->y_low);
}

bool plot_place(const struct plot_scale *scale, double x, double y, double *at_x, double *at_y)
{
    if (is_gap(scale->log_y, x, y) || x < scale->x_low || x > scale->x_high)
        return false;
    y = scale->log_y ? log10(y) : y;
    *at_x = (x - scale->x_low) / (scale->x_high - scale->x_low);
    *at_y = (y - scale->y_low) / (scale->y_high - scale->y_low);
    return true;
}

/* ---- ticks ---- */

static size_t count_steps(double low, double high, double step, double *first)
{
    double slack = 1e-9;
    *first = ceil(low / step - slack);
    double last = floor(high / step + slack);
    double n = last - *first + 1;
    return n < 0 ? 0 : n > 1000 ? 1000 : (size_t)n;
}

size_t plot_ticks(double low, double high, size_t max, double *out, int *digits)
{
    static const double mantissas[] = {1, 2, 2.5, 5};
    *digits = 0;
    if (!(high > low) || !isfinite(high - low) || max < 2)
        return 0;
    int power = (int)floor(log10((high - low) / (double)max)) - 1;
    for (int i = 0; i < 16; i++) {
        double step = mantissas[i % 4] * pow(10, power + i / 4), first;
        size_t n = count_steps(low, high, step, &first);
        if (n > max)
            continue;
        for (size_t k = 0; k < n; k++) {
            out[k] = (first + (double)k) * step;
            if (fabs(out[k]) < step / 2)
                out[k] = 0; /* not -0 */
        }
        *digits = -(power + i / 4) + (i % 4 == 2);
        if (*digits < 0)
            *digits = 0;
        return n;
    }
    return 0;
}

void plot_value(double value, char out[24])
{
    double size = fabs(value);
    if (isnan(value))
        snprintf(out, 24, "-");
    else if (size >= 1e6 || (size > 0 && size < 1e-3))
        snprintf(out, 24, "%.2e", value);
    else
        snprintf(out, 24, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3f",
                 value);
}

/* Ticks of one axis have one form: thousands and millions short, tiny steps as powers. */
static void label_ticks(const double *ticks, size_t n, int digits, char (*out)[24])
{
    double largest = 0;
    bool thousands = digits == 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(ticks[i]));
        thousands = thousands && fmod(ticks[i], 1000) == 0;
    }
    bool millions = thousands && largest >= 1e7;
    for (size_t i = 0; i < n && millions; i++)
        millions = fmod(ticks[i], 1e6) == 0;
    for (size_t i = 0; i < n; i++) {
        if (largest >= 1e15 || (digits > 4 && largest < 1e-2))
            snprintf(out[i], 24, "%.3g", ticks[i]);
        else if (millions)
            snprintf(out[i], 24, "%.0fM", ticks[i] / 1e6);
        else if (thousands && largest >= 1e4)
            snprintf(out[i], 24, ticks[i] ? "%.0fk" : "%.0f", ticks[i] / 1e3);
        else
            snprintf(out[i], 24, "%.*f", digits > 12 ? 12 : digits, ticks[i]);
    }
}

static void linear_axis(double low, double high, size_t max, struct plot_axis *out)
{
    double ticks[PLOT_TICKS_MAX];
    int digits;
    out->n = plot_ticks(low, high, max > PLOT_TICKS_MAX ? PLOT_TICKS_MAX : max, ticks, &digits);
    label_ticks(ticks, out->n, digits, out->label);
    for (size_t i = 0; i < out->n; i++)
        out->at[i] = (ticks[i] - low) / (high - low);
}

void plot_x_axis(const struct plot_scale *scale, size_t max, struct plot_axis *out)
{
    linear_axis(scale->x_low, scale->x_high, max, out);
}

/* Powers of ten (every stride-th), or 1, 2, 5 times them where there is room. */
static size_t log_ticks(double low, double high, size_t max, double *out)
{
    static const double mantissas[] = {1, 2, 5};
    size_t n = 0;
    int first = (int)floor(low), last = (int)ceil(high), stride = 1;
    for (int p = first; p <= last; p++)
        for (int m = 0; m < 3; m++) {
            double at = p + log10(mantissas[m]);
            if (at >= low - 1e-9 && at <= high + 1e-9 && n++ < max)
                out[n - 1] = at;
        }
    if (n <= max)
        return n;
    while ((last - first) / stride + 1 > (int)max)
        stride++;
    n = 0;
    for (int p = first; p <= last && n < max; p++)
        if (p % stride == 0 && p >= low - 1e-9 && p <= high + 1e-9)
            out[n++] = p;
    return n;
}

void plot_y_axis(const struct plot_scale *scale, size_t max, struct plot_axis *out)
{
    double ticks[PLOT_TICKS_MAX];
    if (max > PLOT_TICKS_MAX)
        max = PLOT_TICKS_MAX;
    if (!scale->log_y) {
        linear_axis(scale->y_low, scale->y_high, max, out);
        return;
    }
    out->n = log_ticks(scale->y_low, scale->y_high, max, ticks);
    for (size_t i = 0; i < out->n; i++) {
        out->at[i] = (ticks[i] - scale->y_low) / (scale->y_high - scale->y_low);
        snprintf(out->label[i], sizeof out->label[i], "%.3g", pow(10, ticks[i]));
    }
    if (out->n >= 2)
        return;
    /* Less than a step of 1, 2, 5: round numbers, placed by their logarithm. */
    double low = pow(10, scale->y_low), high = pow(10, scale->y_high);
    int digits;
    out->n = plot_ticks(low, high, max, ticks, &digits);
    label_ticks(ticks, out->n, digits, out->label);
    for (size_t i = 0; i < out->n; i++)
        out->at[i] = (log10(ticks[i]) - scale->y_low) / (scale->y_high - scale->y_low);
}
