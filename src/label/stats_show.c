#include "src/label/stats_show.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"

double show_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

long show_count(const json_t *object, const char *key)
{
    return (long)json_integer_value(json_object_get(object, key));
}

void show_value(struct buf *out, const json_t *text)
{
    if (json_is_string(text))
        text_sanitise(out, json_string_value(text), json_string_length(text), 0);
    else
        buf_addc(out, '-');
}

void show_text(struct buf *out, const json_t *object, const char *key)
{
    show_value(out, json_object_get(object, key));
}

/* A number with its unit, "-" when it cannot be said. */
static void add_number(struct buf *out, double x, int decimals, const char *unit)
{
    if (isnan(x))
        buf_addc(out, '-');
    else
        buf_addf(out, "%.*f%s", decimals, x, unit);
}

static void add_signed(struct buf *out, double x, int decimals, const char *unit)
{
    if (isnan(x))
        buf_addc(out, '-');
    else
        buf_addf(out, "%+.*f%s", decimals, x, unit);
}

void show_percent(struct buf *out, const json_t *object, const char *key)
{
    add_number(out, 100 * show_number(object, key), 1, " %");
}

void show_short_percent(struct buf *out, const json_t *object, const char *key)
{
    buf_addf(out, "%3.0f", 100 * show_number(object, key));
}

void show_points(struct buf *out, const json_t *object, const char *key)
{
    add_signed(out, 100 * show_number(object, key), 1, " points");
}

void show_plain_points(struct buf *out, const json_t *object, const char *key)
{
    add_number(out, 100 * show_number(object, key), 1, " points");
}

void show_real(struct buf *out, const json_t *object, const char *key)
{
    add_number(out, show_number(object, key), 3, "");
}

void show_signed(struct buf *out, const json_t *object, const char *key)
{
    add_signed(out, show_number(object, key), 3, "");
}

static int interval(const json_t *object, const char *key, double *low, double *high)
{
    const json_t *pair = json_object_get(object, key);
    if (json_array_size(pair) != 2)
        return -1;
    *low = json_number_value(json_array_get(pair, 0));
    *high = json_number_value(json_array_get(pair, 1));
    return 0;
}

void show_interval(struct buf *out, const json_t *object, const char *key)
{
    double low, high;
    if (interval(object, key, &low, &high) == 0)
        buf_addf(out, " (%.1f to %.1f)", 100 * fmax(low, 0), 100 * fmin(high, 1));
}

void show_points_interval(struct buf *out, const json_t *object, const char *key)
{
    double low, high;
    if (interval(object, key, &low, &high) == 0)
        buf_addf(out, " (%+.1f to %+.1f)", 100 * low, 100 * high);
}

void show_real_interval(struct buf *out, const json_t *object, const char *key)
{
    double low, high;
    if (interval(object, key, &low, &high) == 0)
        buf_addf(out, " (%.3f to %.3f)", low, high);
}

void show_p_log10(struct buf *out, double p, double log10_p)
{
    if (isnan(p))
        buf_adds(out, "p = -");
    else if (p == 0 && log10_p < 0)
        buf_addf(out, "p = 1e%.0f", floor(log10_p));
    else if (p < 1e-300)
        buf_adds(out, "p < 1e-300");
    else
        buf_addf(out, p < 1e-3 ? "p = %.1e" : "p = %.3f", p);
}

void show_p(struct buf *out, double p)
{
    show_p_log10(out, p, NAN);
}

void show_padded(struct buf *out, const json_t *text, int columns)
{
    struct buf clean;
    buf_init(&clean, 0);
    show_value(&clean, text);
    const char *s = buf_str(&clean);
    size_t fits = text_fit(s, strlen(s), columns);
    buf_add(out, s, fits);
    buf_fill(out, ' ', (size_t)(columns - text_width(s, fits)));
    buf_release(&clean);
}

void show_column(struct buf *out, const json_t *object, const char *key, int columns)
{
    double x = show_number(object, key);
    if (isnan(x))
        buf_addf(out, "%*s", columns, "-");
    else
        buf_addf(out, "%*.1f %%", columns - 2, 100 * x);
}

void show_histogram(struct buf *out, const json_t *counts)
{
    static const char *const blocks[] = { "\u00b7", "\u2581", "\u2582", "\u2583", "\u2584",
                                          "\u2585", "\u2586", "\u2587", "\u2588" };
    double most = 0;
    for (size_t i = 0; i < json_array_size(counts); i++)
        most = fmax(most, json_number_value(json_array_get(counts, i)));
    for (size_t i = 0; i < json_array_size(counts); i++) {
        double n = json_number_value(json_array_get(counts, i));
        int height = n > 0 ? 1 + (int)(7 * n / most) : 0;
        buf_adds(out, blocks[height]);
    }
}
