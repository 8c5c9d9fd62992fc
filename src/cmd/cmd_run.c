/* list runs, show run, plot, compare runs, export run. */
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/plot.h"
#include "src/cmd/rows.h"
#include "src/cmd/run_answer.h"
#include "src/cmd/run_export.h"
#include "src/cmd/workbench.h"
#include "src/store/run_metrics.h"

/* ---- list runs ---- */

static json_t *list_row(struct workbench *wb, const struct run_row *run, struct error *err)
{
    struct metric_lasts lasts;
    if (store_last_metrics(wb->store, run->id, &lasts, err) < 0)
        return NULL;
    const char *name = run_main_metric(run->kind, &lasts);
    double value = NAN;
    int64_t step = 0;
    for (size_t i = 0; i < lasts.n; i++) {
        if (lasts.rows[i].step > step)
            step = lasts.rows[i].step;
        if (name && strcmp(lasts.rows[i].name, name) == 0)
            value = lasts.rows[i].value;
    }
    json_t *row = json_pack(
        "{so so so so sI so so so so}", "run", json_text0(run->name), "kind",
        json_text0(run->kind), "state", json_text0(run->state), "parent", json_text0(run->parent),
        "step", (json_int_t)step, "seconds", json_number_or_null(run_seconds(run)), "metric",
        json_text0(name), "value", json_number_or_null(value), "error", json_text0(run->error));
    metric_lasts_release(&lasts);
    return row;
}

static int run_list_runs(struct call *call, struct error *err)
{
    struct run_rows runs;
    json_t *rows = json_array();
    int status = store_runs(call->wb->store, &runs, err);

    for (size_t i = 0; status == 0 && i < runs.n; i++) {
        json_t *row = list_row(call->wb, &runs.rows[i], err);
        if (row)
            json_array_append_new(rows, row);
        else
            status = -1;
    }
    run_rows_release(&runs);
    call->answer = json_pack("{ss so}", "command", "list runs", "rows", rows);
    return status;
}

/* ---- show run ---- */

static int run_show_run(struct call *call, struct error *err)
{
    struct run_row run;
    const char *name = call->n_refs ? call->refs[0] : "last";
    if (run_find_whole(call->wb, name, &run, err) < 0)
        return -1;
    call->answer = run_show_json(call->wb, &run, err);
    run_row_release(&run);
    return call->answer ? 0 : -1;
}

/* ---- plot ---- */

static json_t *series_json(const char *run, const struct series *series)
{
    json_t *steps = json_array(), *values = json_array();
    for (size_t i = 0; i < series->n; i++) {
        json_array_append_new(steps, json_integer((json_int_t)series->steps[i]));
        json_array_append_new(values, json_number_or_null(series->values[i]));
    }
    return json_pack("{so so so}", "run", json_text0(run), "steps", steps, "values", values);
}

/* NULL and an error when no run has the metric. */
static json_t *chart_json(struct workbench *wb, const struct run_row *runs, size_t n,
                          const char *metric, struct error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        struct series series;
        if (store_load_series(wb->store, runs[i].id, metric, -1, &series, err) < 0) {
            json_decref(list);
            return NULL;
        }
        if (series.n)
            json_array_append_new(list, series_json(runs[i].name, &series));
        series_release(&series);
    }
    if (json_array_size(list))
        return json_pack("{so so}", "metric", json_text0(metric), "series", list);
    json_decref(list);
    error_set(err, ERROR_FAILED, "%s has no metric \"%s\"", n ? runs[0].name : "no run", metric);
    error_hint(err, "show run %s names those it has", n ? runs[0].name : "last");
    return NULL;
}

/* Runs and metrics of a plot, in the order of the line. */
struct plotted {
    struct run_row runs[PLOT_SERIES_MAX];
    size_t n_runs;
    const char *metrics[16];
    size_t n_metrics;
};

static void plotted_release(struct plotted *plotted)
{
    for (size_t i = 0; i < plotted->n_runs; i++)
        run_row_release(&plotted->runs[i]);
}

/* The first reference is a run; so is every other that names one. */
static int plotted_make(const struct call *call, struct plotted *out, struct error *err)
{
    for (size_t i = 0; i < call->n_refs; i++) {
        struct run_row run;
        struct error ignored = {0};
        const char *ref = call->refs[i];
        if (store_find_run(call->wb->store, ref, NULL, &run, i ? &ignored : err) == 0) {
            if (out->n_runs == PLOT_SERIES_MAX) {
                run_row_release(&run);
                return error_set(err, ERROR_USAGE, "a plot has at most %d runs", PLOT_SERIES_MAX);
            }
            out->runs[out->n_runs++] = run;
        } else if (i == 0) {
            return -1;
        } else if (out->n_metrics < 16) {
            out->metrics[out->n_metrics++] = ref;
        }
    }
    return 0;
}

static int add_charts(const struct call *call, struct plotted *plotted, json_t *charts,
                      struct error *err)
{
    struct metric_lasts lasts = {0};
    int status = 0;
    if (plotted->n_metrics == 0) {
        if (store_last_metrics(call->wb->store, plotted->runs[0].id, &lasts, err) < 0)
            return -1;
        const char *name = run_main_metric(plotted->runs[0].kind, &lasts);
        plotted->metrics[plotted->n_metrics++] = name ? name : "loss";
    }
    for (size_t i = 0; i < plotted->n_metrics && status == 0; i++) {
        json_t *chart = chart_json(call->wb, plotted->runs, plotted->n_runs, plotted->metrics[i],
                                   err);
        if (chart)
            json_array_append_new(charts, chart);
        else
            status = -1;
    }
    metric_lasts_release(&lasts);
    return status;
}

static const char *const glyph_names[] = {"braille", "block", "ascii"};

/* A chart of the answer as a plot; arrays are owned by `owned`, freed by the caller. */
static void plot_of(const json_t *answer, const json_t *chart, struct plot_series *series,
                    double **owned, struct plot *out)
{
    json_t *list = json_object_get(chart, "series"), *row, *value;
    size_t i, k;
    *out = (struct plot){
        .title = json_string_value(json_object_get(chart, "metric")), .x_label = "step",
        .series = series, .legend = true,
        .log_y = json_is_true(json_object_get(answer, "log")),
        .smooth = json_number_value(json_object_get(answer, "smooth"))};
    const char *glyphs = json_string_value(json_object_get(answer, "glyphs"));
    for (int g = 0; glyphs && g < 3; g++)
        if (strcmp(glyphs, glyph_names[g]) == 0)
            out->glyphs = (enum plot_glyphs)g;
    json_array_foreach(list, i, row) {
        json_t *steps = json_object_get(row, "steps"), *values = json_object_get(row, "values");
        size_t n = json_array_size(steps);
        double *x = xmalloc((2 * n + 1) * sizeof *x), *y = x + n;
        json_array_foreach(steps, k, value)
            x[k] = json_number_value(value);
        json_array_foreach(values, k, value)
            y[k] = json_is_number(value) ? json_number_value(value) : NAN;
        owned[i] = x;
        series[out->n_series++] = (struct plot_series){
            json_string_value(json_object_get(row, "run")), x, y, n};
    }
}

static void draw_charts(const json_t *answer, bool svg, struct buf *out)
{
    int width = (int)json_integer_value(json_object_get(answer, "width"));
    int height = (int)json_integer_value(json_object_get(answer, "height"));
    json_t *charts = json_object_get(answer, "charts"), *chart;
    size_t i, n = json_array_size(charts);

    if (svg && n > 1)
        buf_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\">\n",
                 10 * width, 24 * height * (int)n);
    json_array_foreach(charts, i, chart) {
        struct plot_series series[PLOT_SERIES_MAX];
        double *owned[PLOT_SERIES_MAX] = {NULL};
        struct plot plot;
        plot_of(answer, chart, series, owned, &plot);
        if (svg && n > 1)
            buf_addf(out, "<g transform=\"translate(0,%d)\">\n", 24 * height * (int)i);
        if (svg)
            plot_svg(&plot, 10 * width, 24 * height, out);
        else
            plot_text(&plot, width, height, out);
        if (svg && n > 1)
            buf_adds(out, "</g>\n");
        for (size_t k = 0; k < PLOT_SERIES_MAX; k++)
            free(owned[k]);
    }
    if (svg && n > 1)
        buf_adds(out, "</svg>\n");
}

static void print_plot(const json_t *answer, struct buf *out)
{
    const json_t *to = json_object_get(answer, "to");
    if (json_is_string(to))
        buf_addf(out, "%s\n", json_string_value(to));
    else
        draw_charts(answer, false, out);
}

static int write_plot(struct call *call, const char *to, struct error *err)
{
    size_t len = strlen(to);
    bool svg = len > 4 && strcmp(to + len - 4, ".svg") == 0;
    struct buf out;

    if (!svg && !(len > 4 && strcmp(to + len - 4, ".txt") == 0))
        return error_set(err, ERROR_USAGE, "to= wants a file ending in .svg or .txt, not \"%s\"",
                         to);
    if (file_exists(to)) {
        error_set(err, ERROR_FAILED, "%s exists already", to);
        return error_hint(err, "name another file or remove it first");
    }
    buf_init(&out, 0);
    draw_charts(call->answer, svg, &out);
    int status = file_put(to, buf_str(&out), out.len, err);
    buf_release(&out);
    json_object_set_new(call->answer, "to", json_text0(to));
    return status;
}

/* What the words of the line ask for; width and height in characters. */
struct plot_keys {
    bool log;
    double smooth;
    long width, height;
    const char *glyphs;
};

static int plot_keys_read(const struct call *call, struct plot_keys *out, struct error *err)
{
    const char *log = call_get(call, "log"), *glyphs = call_get(call, "glyphs");
    *out = (struct plot_keys){.width = 76, .height = 14};
    if (log && strcmp(log, "on") && strcmp(log, "off"))
        return error_set(err, ERROR_USAGE, "log must be on or off, not \"%s\"", log);
    out->log = log && strcmp(log, "on") == 0;
    out->glyphs = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "braille" : "ascii";
    for (int g = 0; glyphs && g < 3; g++)
        if (strcmp(glyphs, glyph_names[g]) == 0)
            out->glyphs = glyph_names[g];
    if (glyphs && strcmp(glyphs, out->glyphs))
        return error_set(err, ERROR_USAGE, "glyphs must be braille, block or ascii, not \"%s\"",
                         glyphs);
    if (call_get_real(call, "smooth", 0, 0.9999, &out->smooth, err) < 0 ||
        call_get_int(call, "width", 10, 1000, &out->width, err) < 0 ||
        call_get_int(call, "height", 3, 200, &out->height, err) < 0)
        return -1;
    return 0;
}

static int run_plot(struct call *call, struct error *err)
{
    struct plotted plotted = {0};
    struct plot_keys keys;
    json_t *charts = json_array();
    const char *to = call_get(call, "to");

    int status = plot_keys_read(call, &keys, err);
    if (status == 0)
        status = plotted_make(call, &plotted, err);
    if (status == 0)
        status = add_charts(call, &plotted, charts, err);
    call->answer = json_pack("{ss so sb sf sI sI ss so}", "command", "plot", "charts", charts,
                             "log", keys.log ? 1 : 0, "smooth", keys.smooth, "width",
                             (json_int_t)keys.width, "height", (json_int_t)keys.height, "glyphs",
                             keys.glyphs ? keys.glyphs : "ascii", "to", json_null());
    plotted_release(&plotted);
    if (status == 0 && to)
        status = write_plot(call, to, err);
    return status;
}

/* ---- compare runs ---- */

static int run_compare_runs(struct call *call, struct error *err)
{
    struct run_rows runs;
    int status = store_runs(call->wb->store, &runs, err);
    const struct run_row **chosen = xcalloc(runs.n + call->n_refs + 1, sizeof *chosen);
    size_t n = 0;

    for (size_t i = 0; status == 0 && i < call->n_refs; i++) {
        struct run_row run;
        status = store_find_run(call->wb->store, call->refs[i], NULL, &run, err);
        for (size_t k = 0; status == 0 && k < runs.n; k++)
            if (runs.rows[k].id == run.id)
                chosen[n++] = &runs.rows[k];
        if (status == 0)
            run_row_release(&run);
    }
    /* None named: all that train; a recipe has no figures of its own. */
    for (size_t i = 0; status == 0 && call->n_refs == 0 && i < runs.n; i++)
        if (strcmp(runs.rows[i].kind, "recipe") != 0)
            chosen[n++] = &runs.rows[i];
    if (status == 0)
        call->answer = run_compare_json(call->wb, chosen, n, err);
    free(chosen);
    run_rows_release(&runs);
    return call->answer ? status : -1;
}

/* ---- export run ---- */

static int run_export_run(struct call *call, struct error *err)
{
    const char *to = call_get(call, "to"), *format = call_get(call, "format");
    struct run_row run;

    if (!to || !format)
        return error_set(err, ERROR_USAGE, "export run wants format= and to=DIR");
    const struct run_exporter *exporter = run_exporter_find(format, err);
    if (!exporter || store_find_run(call->wb->store, call->refs[0], NULL, &run, err) < 0)
        return -1;
    json_t *files = json_array();
    int status = file_make_dirs(to, err);
    if (status == 0)
        status = exporter->write(call->wb, &run, to, files, err);
    call->answer = json_pack("{ss so ss so so}", "command", "export run", "run",
                             json_text0(run.name), "format", exporter->format, "to",
                             json_text0(to), "files", files);
    run_row_release(&run);
    return status;
}

/* ---- the rows ---- */

static const struct command_key plot_keys[] = {
    {"log", "on|off", "a logarithmic axis", COMPLETE_NONE, false},
    {"smooth", "W", "weight of the past, 0 to 0.9999; the raw values stand beside", COMPLETE_NONE,
     false},
    {"to", "FILE", "a picture (.svg) or text (.txt) instead", COMPLETE_FILE, false},
    {"glyphs", "braille|block|ascii", "what the curves are made of", COMPLETE_NONE, false},
    {"width", "N", "columns; default 76", COMPLETE_NONE, false},
    {"height", "N", "lines; default 14", COMPLETE_NONE, false},
    {0},
};
static const struct command_key export_keys[] = {
    {"format", "csv|tfevents", "what is written", COMPLETE_NONE, true},
    {"to", "DIR", "the folder; made when it is not there", COMPLETE_FILE, true},
    {0},
};

static const struct command table[] = {
    {.verb = "list", .noun = "runs", .text = "All training runs with their states and main figures",
     .example = "list runs", .run = run_list_runs},
    {.verb = "show", .noun = "run", .refs = "[RUN]", .max_refs = 1, .completes = COMPLETE_RUN,
     .text = "One run: stages, figures, what was changed, alarms, checkpoints, settings",
     .example = "show run last", .run = run_show_run, .print = run_show_print},
    {.verb = "plot", .refs = "RUN.. [METRIC..]", .min_refs = 1, .max_refs = 24,
     .completes = COMPLETE_PLOT, .keys = plot_keys,
     .text = "Charts of a run's figures over its steps; of several runs, one beside the other",
     .example = "plot last loss", .run = run_plot, .print = print_plot},
    {.verb = "compare", .noun = "runs", .refs = "[RUN..]", .max_refs = -1,
     .completes = COMPLETE_RUN, .text = "Runs side by side: last figures, and settings that differ",
     .example = "compare runs", .run = run_compare_runs, .print = run_compare_print},
    {.verb = "export", .noun = "run", .refs = "RUN", .min_refs = 1, .max_refs = 1,
     .completes = COMPLETE_RUN, .keys = export_keys,
     .text = "A run's figures for other programs",
     .example = "export run last format=csv to=figures", .run = run_export_run},
};
const struct command_rows rows_run = COMMAND_ROWS(table);
