/* Charts as SVG files that need nothing else. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/plot_scale.h"
#include "src/base/text.h"

/* Okabe and Ito's colours, which colour-blind readers tell apart. */
static const char *const colours[PLOT_SERIES_MAX] = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933",
};

static void add_escaped(struct buf *out, const char *text)
{
    struct buf clean;
    buf_init(&clean, 0);
    text_sanitise(&clean, text, strlen(text), 0);
    for (const char *c = buf_str(&clean); *c; c++) {
        if (*c == '&')
            buf_adds(out, "&amp;");
        else if (*c == '<')
            buf_adds(out, "&lt;");
        else if (*c == '>')
            buf_adds(out, "&gt;");
        else if (*c == '"')
            buf_adds(out, "&quot;");
        else
            buf_addc(out, *c);
    }
    buf_release(&clean);
}

struct box {
    double x, y, w, h; /* of the curves, in pixels */
};

static void add_label(struct buf *out, double x, double y, const char *anchor, const char *text)
{
    buf_addf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    add_escaped(out, text);
    buf_adds(out, "</text>\n");
}

static void add_axes(struct buf *out, const struct plot *plot, const struct plot_scale *scale,
                     const struct box *box)
{
    struct plot_axis axis;
    buf_adds(out, "<g stroke=\"#dddddd\" stroke-width=\"1\">\n");
    plot_y_axis(scale, (size_t)(box->h / 40 + 2), &axis);
    for (size_t i = 0; i < axis.n; i++) {
        double y = box->y + (1 - axis.at[i]) * box->h;
        buf_addf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", box->x, y,
                 box->x + box->w, y);
    }
    buf_adds(out, "</g>\n");
    for (size_t i = 0; i < axis.n; i++)
        add_label(out, box->x - 6, box->y + (1 - axis.at[i]) * box->h + 4, "end", axis.label[i]);
    plot_x_axis(scale, (size_t)(box->w / 80 + 2), &axis);
    for (size_t i = 0; i < axis.n; i++)
        add_label(out, box->x + axis.at[i] * box->w, box->y + box->h + 16, "middle", axis.label[i]);
    if (plot->x_label)
        add_label(out, box->x + box->w, box->y + box->h + 32, "end", plot->x_label);
    buf_addf(out,
             "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\""
             " stroke=\"#888888\"/>\n",
             box->x, box->y, box->w, box->h);
}

/* One path; a gap begins a new part of it, a lone point is a dot by its round cap. */
static void add_curve(struct buf *out, const struct plot_scale *scale, const struct box *box,
                      const double *xs, const double *ys, size_t n, const char *colour, bool faint)
{
    bool on = false;
    buf_addf(out,
             "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linecap=\"round\""
             " stroke-linejoin=\"round\"%s d=\"",
             colour, faint ? "1" : "1.8", faint ? " opacity=\"0.3\"" : "");
    for (size_t i = 0; i < n; i++) {
        double x, y;
        if (!plot_place(scale, xs[i], ys[i], &x, &y)) {
            on = false;
            continue;
        }
        y = y < -1 ? -1 : y > 2 ? 2 : y;
        x = box->x + x * box->w;
        y = box->y + (1 - y) * box->h;
        if (on)
            buf_addf(out, "L%.1f %.1f", x, y);
        else
            buf_addf(out, "M%.1f %.1fh0", x, y);
        on = true;
    }
    buf_adds(out, "\"/>\n");
}

static void add_legend(struct buf *out, const struct plot *plot, const struct box *box)
{
    for (size_t s = 0; s < plot->n_series && s < PLOT_SERIES_MAX; s++) {
        double y = box->y + 16 + 16 * (double)s;
        if (!plot->series[s].name)
            continue;
        buf_addf(out,
                 "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\""
                 " stroke-width=\"3\"/>\n",
                 box->x + 10, y - 4, box->x + 30, y - 4, colours[s]);
        add_label(out, box->x + 36, y, "start", plot->series[s].name);
    }
}

void plot_svg(const struct plot *plot, int width, int height, struct buf *out)
{
    struct plot_scale scale;
    if (width < 120)
        width = 120;
    if (height < 90)
        height = 90;
    struct box box = {64, plot->title ? 34 : 12, width - 64 - 16, 0};
    box.h = height - box.y - (plot->x_label ? 42 : 28);
    buf_addf(out,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
             " viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\""
             " fill=\"#222222\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
             width, height, width, height);
    if (plot->title) {
        buf_adds(out, "<title>");
        add_escaped(out, plot->title);
        buf_adds(out, "</title>\n<g font-size=\"14\" font-weight=\"bold\">");
        add_label(out, box.x, 20, "start", plot->title);
        buf_adds(out, "</g>\n");
    }
    if (!plot_scale_make(plot, &scale)) {
        add_label(out, width / 2.0, height / 2.0, "middle", "no values");
        buf_adds(out, "</svg>\n");
        return;
    }
    if (!plot->bare)
        add_axes(out, plot, &scale, &box);
    buf_addf(out,
             "<clipPath id=\"in\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
             "</clipPath>\n<g clip-path=\"url(#in)\">\n",
             box.x - 1, box.y - 1, box.w + 2, box.h + 2);
    for (size_t s = 0; s < plot->n_series && s < PLOT_SERIES_MAX; s++) {
        const struct plot_series *series = &plot->series[s];
        double *smooth = plot_smoothed(plot, s);
        add_curve(out, &scale, &box, series->x, series->y, series->n, colours[s], smooth != NULL);
        if (smooth)
            add_curve(out, &scale, &box, series->x, smooth, series->n, colours[s], false);
        free(smooth);
    }
    buf_adds(out, "</g>\n");
    if (plot->legend && plot->n_series > 1)
        add_legend(out, plot, &box);
    buf_adds(out, "</svg>\n");
}
