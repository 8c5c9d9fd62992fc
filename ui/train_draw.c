/* The Train screen as it is drawn: charts, runs, alarms, samples. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/run_answer.h"
#include "ui/train_view.h"

#define WIDE 110
#define CHART_ROWS 7 /* with its title */

/* ---- charts ---- */

static enum role cell_role(const struct plot_cell *cell)
{
    static const enum role series[] = {ROLE_FIRST, ROLE_SECOND, ROLE_GOOD, ROLE_WARN};
    if (cell->part == PLOT_LINE)
        return series[cell->series % 4];
    return ROLE_DIM;
}

static void draw_cells(const struct draw *draw, struct rect area, const struct plot *plot)
{
    if (area.w < 1 || area.h < 1)
        return;
    struct plot_cell *cells = xmalloc((size_t)area.w * (size_t)area.h * sizeof *cells);
    plot_cells(plot, area.w, area.h, cells);
    for (int y = 0; y < area.h; y++)
        for (int x = 0; x < area.w; x++) {
            const struct plot_cell *cell = &cells[y * area.w + x];
            char bytes[4];
            if (cell->code != ' ')
                draw_text(draw, area.y + y, area.x + x, 1, cell_role(cell), bytes,
                          utf8_encode(cell->code, bytes));
        }
    free(cells);
}

static void value_text(double value, char out[24])
{
    if (isnan(value))
        snprintf(out, 24, "no number");
    else
        snprintf(out, 24, "%.4g", value);
}

static void draw_chart(const struct train_view *view, const struct draw *draw, struct rect area,
                       size_t i)
{
    const struct train_chart *chart = &view->charts[i];
    const struct plot_series *first = &chart->series[0];
    struct plot plot = {.series = chart->series, .n_series = chart->n_series,
                        .glyphs = draw->utf8 ? PLOT_BRAILLE : PLOT_ASCII, .log_y = view->log_y,
                        .smooth = view->smooth ? .9 : 0, .legend = true};
    char title[120], value[24];

    value_text(chart->n_series ? first->y[first->n - 1] : NAN, value);
    snprintf(title, sizeof title, "%s%s %s%s", i == view->chart ? ">" : "", chart->metric, value,
             view->log_y ? " log" : "");
    draw_rule(draw, area.y, area.x, area.w, title);
    draw_cells(draw, (struct rect){area.y + 1, area.x, area.h - 1, area.w - 1}, &plot);
}

static void draw_charts(struct train_view *view, const struct draw *draw, struct rect area)
{
    if (view->n_charts == 0) {
        draw_str(draw, area.y, area.x, area.w, ROLE_DIM, " nothing is measured yet");
        return;
    }
    if (view->zoom) {
        draw_chart(view, draw, area, view->chart);
        return;
    }
    int columns = area.w >= 60 ? 3 : area.w >= 40 ? 2 : 1;
    if ((size_t)columns > view->n_charts)
        columns = (int)view->n_charts;
    int rows = area.h / CHART_ROWS;
    rows = rows < 1 ? 1 : rows > 3 ? 3 : rows;
    int needed = ((int)view->n_charts + columns - 1) / columns;
    if (rows > needed)
        rows = needed;
    /* The page that has the chosen chart. */
    size_t page = (size_t)(rows * columns), first = view->chart / page * page;
    int h = area.h / rows, w = area.w / columns;
    for (size_t i = first; i < first + page && i < view->n_charts; i++) {
        int k = (int)(i - first);
        draw_chart(view, draw,
                   (struct rect){area.y + k / columns * h, area.x + k % columns * w, h, w}, i);
    }
}

/* ---- runs, jobs, alarms ---- */

static void draw_runs(struct train_view *view, const struct draw *draw, struct rect area)
{
    int rows = area.h - 1;
    if (area.h < 2)
        return;
    draw_rule(draw, area.y, area.x, area.w, "runs");
    /* Newest first; the chosen one is always there. */
    size_t n = view->runs.n, at = n - 1 - view->cursor;
    size_t top = at >= (size_t)rows ? at - (size_t)rows + 1 : 0;
    for (int y = 0; y < rows && top + (size_t)y < n; y++) {
        const struct run_row *run = &view->runs.rows[n - 1 - (top + (size_t)y)];
        bool chosen = run == train_run(view);
        char value[24] = "";
        const char *metric = chosen ? run_main_metric(run->kind, &view->lasts) : NULL;
        for (size_t i = 0; metric && i < view->lasts.n; i++)
            if (strcmp(view->lasts.rows[i].name, metric) == 0)
                value_text(view->lasts.rows[i].value, value);
        enum role role = chosen ? ROLE_CHOSEN
                         : strcmp(run->state, "failed") == 0 ? ROLE_BAD
                                                             : ROLE_TEXT;
        if (chosen)
            draw_fill(draw, area.y + 1 + y, area.x, area.w, role);
        draw_format(draw, area.y + 1 + y, area.x, area.w, role, "%c%c%-10s %-11s %s%s%s%s%s%s %s",
                    chosen ? '>' : ' ', train_is_marked(view, run->name) ? '*' : ' ', run->name,
                    run->state, value[0] ? metric : "", value[0] ? " " : "", value,
                    value[0] ? "  " : "", run->parent ? "from " : "",
                    run->parent ? run->parent : "", run->error ? run->error : "");
    }
}

static void draw_jobs(const struct train_view *view, const struct draw *draw, struct rect area)
{
    struct job_snapshot jobs[8];
    size_t n = jobs_list(view->tui->wb->jobs, jobs, 8);
    if (area.h < 2)
        return;
    draw_rule(draw, area.y, area.x, area.w, "jobs");
    for (int y = 1; y < area.h && (size_t)y <= n; y++) {
        const struct job_snapshot *job = &jobs[n - (size_t)y];
        draw_format(draw, area.y + y, area.x, area.w, ROLE_TEXT, " %%%d %s %s %s", job->number,
                    job->kind, job_state_name(job->state), job->note);
    }
    if (n == 0)
        draw_str(draw, area.y + 1, area.x, area.w, ROLE_DIM, " none");
}

/* The newest alarm, or what was changed last; returns the rows used. */
static int draw_alarm(const struct train_view *view, const struct draw *draw, struct rect area)
{
    const struct run_event *shown = NULL;
    for (size_t i = 0; i < view->events.n; i++) {
        const struct run_event *event = &view->events.rows[i];
        if (strcmp(event->kind, "alarm") == 0 || !shown || strcmp(shown->kind, "alarm") != 0)
            shown = event;
    }
    if (!shown || area.h < 1)
        return 0;
    bool alarm = strcmp(shown->kind, "alarm") == 0;
    draw_format(draw, area.y, area.x, area.w, alarm ? ROLE_WARN : ROLE_TEXT, " %s step %lld: %s",
                alarm ? "!" : " ", (long long)shown->step, shown->text);
    return 1;
}

/* ---- samples ---- */

static const struct run_sample *same_prompt(const struct run_samples *samples,
                                            const struct run_sample *like)
{
    for (size_t i = 0; i < samples->n; i++) {
        const struct run_sample *sample = &samples->rows[i];
        if (like->post_id ? sample->post_id == like->post_id
                          : like->prompt && sample->prompt &&
                                strcmp(like->prompt, sample->prompt) == 0)
            return sample;
    }
    return NULL;
}

static void draw_samples(const struct train_view *view, const struct draw *draw, struct rect area)
{
    if (view->samples.n == 0 || area.h < 2)
        return;
    char title[100];
    int half = area.w / 2, each = (area.h - 1) / (int)view->samples.n;
    const struct run_row *run = train_run(view);
    snprintf(title, sizeof title, "step %lld: %s | %s", (long long)view->samples.rows[0].step,
             run->name, run->parent ? run->parent : "start");
    draw_rule(draw, area.y, area.x, area.w, title);
    if (each < 1)
        each = 1;
    for (size_t i = 0; i < view->samples.n && 1 + (int)(i + 1) * each <= area.h; i++) {
        const struct run_sample *sample = &view->samples.rows[i];
        const struct run_sample *before = same_prompt(&view->start, sample);
        int y = area.y + 1 + (int)i * each;
        char text[64];
        value_text(sample->score, text);
        int used = draw_format(draw, y, area.x, half - 1, ROLE_DIM, " %s ",
                               isnan(sample->score) ? "" : text);
        draw_wrapped(draw, (struct rect){y, area.x + used, each, half - 1 - used}, ROLE_FIRST,
                     sample->text, strlen(sample->text), 0);
        if (before)
            draw_wrapped(draw, (struct rect){y, area.x + half, each, area.w - half}, ROLE_SECOND,
                         before->text, strlen(before->text), 0);
    }
}

/* ---- all ---- */

static void draw_wide(struct train_view *view, const struct draw *draw, struct rect area)
{
    int side = area.w / 3 - 6, bottom = view->samples.n ? 8 : 0, h = area.h - bottom;
    int left = area.w - side - 1, runs = h / 2;

    draw_charts(view, draw, (struct rect){area.y, area.x, h - 1, left});
    draw_down(draw, area.y, area.x + left, h);
    draw_runs(view, draw, (struct rect){area.y, area.x + left + 1, runs, side});
    draw_jobs(view, draw, (struct rect){area.y + runs, area.x + left + 1, h - runs, side});
    draw_alarm(view, draw, (struct rect){area.y + h - 1, area.x, 1, left});
    draw_samples(view, draw, (struct rect){area.y + h, area.x, bottom, area.w});
}

static void draw_narrow(struct train_view *view, const struct draw *draw, struct rect area)
{
    int runs = area.h >= 12 ? 4 : area.h >= 8 ? 3 : 0;
    int samples = view->samples.n && area.h >= 16 ? 2 : 0;
    int alarm = view->events.n && area.h >= 6 ? 1 : 0;
    int charts = area.h - runs - samples - alarm, y = area.y;

    draw_charts(view, draw, (struct rect){y, area.x, charts, area.w});
    y += charts;
    if (alarm)
        y += draw_alarm(view, draw, (struct rect){y, area.x, 1, area.w});
    draw_runs(view, draw, (struct rect){y, area.x, runs, area.w});
    draw_samples(view, draw, (struct rect){y + runs, area.x, samples, area.w});
}

void train_draw(void *arg, struct draw *draw, struct rect area)
{
    struct train_view *view = arg;

    if (!view->loaded)
        train_load(view);
    if (area.h < 1 || area.w < 1)
        return;
    if (!train_run(view)) {
        draw_str(draw, area.y, area.x, area.w, ROLE_DIM,
                 view->note[0] ? view->note : " no runs yet: :train sft begins one");
        return;
    }
    if (area.w >= WIDE && area.h >= 24)
        draw_wide(view, draw, area);
    else
        draw_narrow(view, draw, area);
}
