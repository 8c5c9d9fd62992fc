/* Charts as terminal cells and as lines of text. */
#include "src/base/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/plot_scale.h"
#include "src/base/text.h"

/* A glyph set: dots of a cell, and its lines. */
struct glyphs {
    int wide, high; /* dots */
    uint32_t vertical, horizontal, corner, tick_left, tick_below;
};
static const struct glyphs glyph_sets[] = {
    [PLOT_BRAILLE] = {2, 4, 0x2502, 0x2500, 0x2514, 0x2524, 0x252c},
    [PLOT_BLOCK] = {1, 2, 0x2502, 0x2500, 0x2514, 0x2524, 0x252c},
    [PLOT_ASCII] = {1, 3, '|', '-', '+', '+', '+'},
};

/* Dots are numbered by rows from the top left. */
static uint32_t dots_glyph(enum plot_glyphs set, unsigned dots)
{
    static const uint8_t braille[8] = {0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80};
    static const char ascii[8] = {' ', '\'', '-', '|', '.', ':', '|', '|'};
    static const uint32_t blocks[4] = {' ', 0x2580, 0x2584, 0x2588};
    uint32_t code = 0x2800;
    if (set == PLOT_ASCII)
        return (uint32_t)ascii[dots & 7];
    if (set == PLOT_BLOCK)
        return blocks[dots & 3];
    for (int i = 0; i < 8; i++)
        if (dots >> i & 1)
            code |= braille[i];
    return code;
}

/* What is drawn on, and where in it the curves stand. */
struct canvas {
    const struct plot *plot;
    const struct glyphs *glyphs;
    struct plot_cell *cells;
    int width, height;
    int left, top, w, h; /* of the curves, in cells */
    uint8_t *dots;       /* a cell's dots, w * h */
};

static void put_cell(struct canvas *canvas, int x, int y, uint32_t code, enum plot_part part,
                     size_t series)
{
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
        return;
    canvas->cells[y * canvas->width + x] =
        (struct plot_cell){.code = code, .part = (uint8_t)part, .series = (uint8_t)series};
}

/* Returns the column behind the text. */
static int put_text(struct canvas *canvas, int x, int y, const char *text, enum plot_part part,
                    size_t series)
{
    size_t len = strlen(text), at = 0;
    while (at < len) {
        uint32_t code;
        size_t n = utf8_decode(text + at, len - at, &code);
        if (n == 0 || unicode_is_hidden(code) || text_width(text + at, n) != 1)
            code = '?';
        put_cell(canvas, x++, y, code, part, series);
        at += n ? n : 1;
    }
    return x;
}

/* ---- curves ---- */

static void put_dot(struct canvas *canvas, long px, long py, enum plot_part part, size_t series)
{
    int wide = canvas->glyphs->wide, high = canvas->glyphs->high;
    if (px < 0 || py < 0 || px >= (long)canvas->w * wide || py >= (long)canvas->h * high)
        return;
    int x = (int)(px / wide), y = (int)(py / high);
    uint8_t *dots = &canvas->dots[y * canvas->w + x];
    struct plot_cell *cell =
        &canvas->cells[(canvas->top + y) * canvas->width + canvas->left + x];
    /* A line takes the cell from the raw values under it. */
    if (part == PLOT_LINE && cell->part == PLOT_RAW)
        *dots = 0;
    *dots |= (uint8_t)(1u << (py % high * wide + px % wide));
    cell->part = (uint8_t)part;
    cell->series = (uint8_t)series;
    cell->code = canvas->plot->glyphs == PLOT_ASCII && canvas->plot->n_series > 1
                     ? (uint32_t)('a' + (int)series)
                     : dots_glyph(canvas->plot->glyphs, *dots);
}

/* Bresenham's line, both ends drawn. */
static void put_line(struct canvas *canvas, long x0, long y0, long x1, long y1, size_t series)
{
    long dx = labs(x1 - x0), dy = -labs(y1 - y0);
    long step_x = x0 < x1 ? 1 : -1, step_y = y0 < y1 ? 1 : -1, off = dx + dy;
    for (;;) {
        put_dot(canvas, x0, y0, PLOT_LINE, series);
        if (x0 == x1 && y0 == y1)
            return;
        long twice = 2 * off;
        if (twice >= dy) {
            off += dy;
            x0 += step_x;
        }
        if (twice <= dx) {
            off += dx;
            y0 += step_y;
        }
    }
}

static bool dot_of(const struct canvas *canvas, const struct plot_scale *scale, double x, double y,
                   long *px, long *py)
{
    double at_x, at_y;
    long columns = (long)canvas->w * canvas->glyphs->wide;
    long rows = (long)canvas->h * canvas->glyphs->high;
    if (!plot_place(scale, x, y, &at_x, &at_y))
        return false;
    /* Far outside a given range: one row beyond the edge says as much. */
    at_y = at_y < -1 ? -1 : at_y > 2 ? 2 : at_y;
    *px = lround(at_x * (double)(columns - 1));
    *py = lround((1 - at_y) * (double)(rows - 1));
    return true;
}

static void draw_series(struct canvas *canvas, const struct plot_scale *scale, size_t s)
{
    const struct plot_series *series = &canvas->plot->series[s];
    double *smooth = plot_smoothed(canvas->plot, s);
    const double *y = smooth ? smooth : series->y;
    long px, py, last_x = 0, last_y = 0, first_x = 0, first_y = 0;
    bool on = false, any = false;

    for (size_t i = 0; i < series->n && smooth; i++)
        if (dot_of(canvas, scale, series->x[i], series->y[i], &px, &py))
            put_dot(canvas, px, py, PLOT_RAW, s);
    for (size_t i = 0; i < series->n; i++) {
        if (!dot_of(canvas, scale, series->x[i], y[i], &px, &py)) {
            on = false;
            continue;
        }
        if (on)
            put_line(canvas, last_x, last_y, px, py, s);
        else
            put_dot(canvas, px, py, PLOT_LINE, s);
        if (!any) {
            first_x = px;
            first_y = py;
        }
        on = any = true;
        last_x = px;
        last_y = py;
    }
    free(smooth);
    /* Without colours the letters at its ends tell a curve from the others. */
    if (!any || canvas->plot->n_series < 2 || canvas->plot->glyphs == PLOT_ASCII)
        return;
    int wide = canvas->glyphs->wide, high = canvas->glyphs->high;
    put_cell(canvas, canvas->left + (int)(first_x / wide), canvas->top + (int)(first_y / high),
             (uint32_t)('a' + (int)s), PLOT_LINE, s);
    put_cell(canvas, canvas->left + (int)(last_x / wide), canvas->top + (int)(last_y / high),
             (uint32_t)('a' + (int)s), PLOT_LINE, s);
}

/* ---- around them ---- */

static void draw_y_axis(struct canvas *canvas, const struct plot_axis *axis)
{
    for (int y = 0; y < canvas->h; y++)
        put_cell(canvas, canvas->left - 1, canvas->top + y, canvas->glyphs->vertical, PLOT_AXIS, 0);
    for (size_t i = 0; i < axis->n; i++) {
        int y = canvas->top + (int)lround((1 - axis->at[i]) * (canvas->h - 1));
        put_cell(canvas, canvas->left - 1, y, canvas->glyphs->tick_left, PLOT_AXIS, 0);
        put_text(canvas, canvas->left - 1 - (int)strlen(axis->label[i]), y, axis->label[i],
                 PLOT_TEXT, 0);
    }
}

static void draw_x_axis(struct canvas *canvas, const struct plot_scale *scale)
{
    struct plot_axis axis;
    int y = canvas->top + canvas->h, free_from = 0;
    const char *name = canvas->plot->x_label;
    int name_at = canvas->width + 1 - (name ? (int)strlen(name) + 1 : 0);

    plot_x_axis(scale, (size_t)(canvas->w / 10 + 2), &axis);
    put_cell(canvas, canvas->left - 1, y, canvas->glyphs->corner, PLOT_AXIS, 0);
    for (int x = 0; x < canvas->w; x++)
        put_cell(canvas, canvas->left + x, y, canvas->glyphs->horizontal, PLOT_AXIS, 0);
    for (size_t i = 0; i < axis.n; i++) {
        int x = canvas->left + (int)lround(axis.at[i] * (canvas->w - 1));
        int len = (int)strlen(axis.label[i]), from = x - len / 2;
        if (from + len > canvas->width)
            from = canvas->width - len;
        if (from < 0)
            from = 0;
        put_cell(canvas, x, y, canvas->glyphs->tick_below, PLOT_AXIS, 0);
        if (from < free_from || from + len >= name_at)
            continue;
        free_from = put_text(canvas, from, y + 1, axis.label[i], PLOT_TEXT, 0) + 1;
    }
    if (name && name_at >= free_from)
        put_text(canvas, name_at, y + 1, name, PLOT_TEXT, 0);
}

static void draw_legend(struct canvas *canvas, int y)
{
    int x = 0;
    for (size_t s = 0; s < canvas->plot->n_series; s++) {
        const struct plot_series *series = &canvas->plot->series[s];
        double *smooth = plot_smoothed(canvas->plot, s);
        char value[24], text[200];
        plot_value(plot_last(smooth ? smooth : series->y, series->n), value);
        snprintf(text, sizeof text, "%c %.150s %s", 'a' + (int)s, series->name ? series->name : "",
                 value);
        free(smooth);
        x = put_text(canvas, x, y, text, PLOT_TEXT, s) + 2;
    }
}

/* Leaves room for title, legend and axes where the size allows. */
static void lay_out(struct canvas *canvas, const struct plot_scale *scale, struct plot_axis *y_axis)
{
    const struct plot *plot = canvas->plot;
    int top = 0;
    if (plot->title && canvas->height >= 3)
        put_text(canvas, 0, top++, plot->title, PLOT_TEXT, 0);
    if (plot->legend && plot->n_series > 1 && canvas->height - top >= 3)
        draw_legend(canvas, top++);
    bool axes = !plot->bare && canvas->width >= 16 && canvas->height - top >= 5;
    canvas->top = top;
    canvas->h = canvas->height - top - (axes ? 2 : 0);
    canvas->left = 0;
    y_axis->n = 0;
    if (axes) {
        size_t gutter = 0;
        plot_y_axis(scale, (size_t)(canvas->h / 3 + 2), y_axis);
        for (size_t i = 0; i < y_axis->n; i++)
            if (strlen(y_axis->label[i]) > gutter)
                gutter = strlen(y_axis->label[i]);
        if ((int)gutter > canvas->width / 2) {
            gutter = 0;
            y_axis->n = 0;
        }
        canvas->left = (int)gutter + 1;
    }
    canvas->w = canvas->width - canvas->left;
}

void plot_cells(const struct plot *plot, int width, int height, struct plot_cell *cells)
{
    struct canvas canvas = {plot, &glyph_sets[plot->glyphs], cells, width, height, 0, 0, 0, 0, NULL};
    struct plot_scale scale;
    struct plot_axis y_axis;

    if (width < 1 || height < 1)
        return;
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++)
        cells[i] = (struct plot_cell){.code = ' '};
    if (!plot_scale_make(plot, &scale)) {
        if (plot->title)
            put_text(&canvas, 0, 0, plot->title, PLOT_TEXT, 0);
        put_text(&canvas, 0, height > 1 ? height / 2 : 0, "no values", PLOT_TEXT, 0);
        return;
    }
    lay_out(&canvas, &scale, &y_axis);
    canvas.dots = xcalloc((size_t)canvas.w * (size_t)canvas.h, 1);
    for (size_t s = 0; s < plot->n_series && s < PLOT_SERIES_MAX; s++)
        draw_series(&canvas, &scale, s);
    free(canvas.dots);
    if (canvas.left > 0) {
        draw_y_axis(&canvas, &y_axis);
        draw_x_axis(&canvas, &scale);
    }
}

void plot_text(const struct plot *plot, int width, int height, struct buf *out)
{
    if (width < 1 || height < 1 || width > 10000 || height > 10000)
        return;
    struct plot_cell *cells = xmalloc((size_t)width * (size_t)height * sizeof *cells);
    plot_cells(plot, width, height, cells);
    for (int y = 0; y < height; y++) {
        const struct plot_cell *row = cells + y * width;
        int end = width;
        while (end > 0 && (row[end - 1].code == ' ' || row[end - 1].code == 0x2800))
            end--;
        for (int x = 0; x < end; x++) {
            char bytes[4];
            buf_add(out, bytes, utf8_encode(row[x].code, bytes));
        }
        buf_addc(out, '\n');
    }
    free(cells);
}
