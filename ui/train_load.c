/* What the Train screen shows, read from the store. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "ui/train_view.h"

#define SAMPLES_SHOWN 3
#define LOOK_AGAIN 1.0 /* seconds */

/* What is worth a chart, in order; what a run does not have is left out. */
static const struct {
    const char *kind, *metrics[TRAIN_CHARTS + 1];
} wanted[] = {
    {"sft",
     {"loss", "eval_loss", "mean_token_accuracy", "eval_rougeL", "eval_gold", "entropy",
      "eval_mean_length", "grad_norm", "lr", NULL}},
    {"rm",
     {"loss", "eval_accuracy", "eval_loss_excess", "accuracy", "margin", "eval_ece", "grad_norm",
      "mean_reward", "lr", NULL}},
    {"rl",
     {"objective/scores", "objective/kl", "completions/mean_length", "objective/win_rate_vs_sft",
      "policy/entropy_avg", "eval_gold", "val/var_explained", "grad_norm", "objective/rlhf_reward",
      NULL}},
};

const struct run_row *train_run(const struct train_view *view)
{
    return view->cursor < view->runs.n ? &view->runs.rows[view->cursor] : NULL;
}

bool train_is_marked(const struct train_view *view, const char *run)
{
    for (size_t i = 0; i < view->n_marked; i++)
        if (strcmp(view->marked[i], run) == 0)
            return true;
    return false;
}

void train_unload(struct train_view *view)
{
    for (size_t i = 0; i < view->n_charts; i++)
        for (size_t k = 0; k < view->charts[i].n_series; k++)
            free(view->charts[i].owned[k]);
    memset(view->charts, 0, sizeof view->charts);
    view->n_charts = 0;
    run_rows_release(&view->runs);
    metric_lasts_release(&view->lasts);
    run_events_release(&view->events);
    run_samples_release(&view->samples);
    run_samples_release(&view->start);
}

static bool has_metric(const struct train_view *view, const char *name)
{
    for (size_t i = 0; i < view->lasts.n; i++)
        if (strcmp(view->lasts.rows[i].name, name) == 0)
            return true;
    return false;
}

static void add_series(struct train_view *view, struct train_chart *chart,
                       const struct run_row *run)
{
    struct series series;
    if (chart->n_series == PLOT_SERIES_MAX ||
        store_load_series(view->tui->wb->store, run->id, chart->metric, -1, &series, NULL))
        return;
    if (series.n) {
        double *x = xmalloc(2 * series.n * sizeof *x);
        for (size_t i = 0; i < series.n; i++) {
            x[i] = (double)series.steps[i];
            x[series.n + i] = series.values[i];
        }
        chart->owned[chart->n_series] = x;
        chart->series[chart->n_series++] =
            (struct plot_series){run->name, x, x + series.n, series.n};
    }
    series_release(&series);
}

static void add_chart(struct train_view *view, const char *metric)
{
    for (size_t i = 0; i < view->n_charts; i++)
        if (strcmp(view->charts[i].metric, metric) == 0)
            return;
    if (view->n_charts == TRAIN_CHARTS || !has_metric(view, metric))
        return;
    struct train_chart *chart = &view->charts[view->n_charts++];
    chart->metric = metric;
    add_series(view, chart, train_run(view));
    for (size_t i = 0; i < view->runs.n; i++)
        if (i != view->cursor && train_is_marked(view, view->runs.rows[i].name))
            add_series(view, chart, &view->runs.rows[i]);
}

static void load_run(struct train_view *view, const struct run_row *run)
{
    struct store *store = view->tui->wb->store;
    store_last_metrics(store, run->id, &view->lasts, NULL);
    store_load_events(store, run->id, &view->events, NULL);
    store_load_samples(store, run->id, -1, "fixed", SAMPLES_SHOWN, &view->samples, NULL);
    if (run->parent_id)
        store_load_samples(store, run->parent_id, -1, "fixed", SAMPLES_SHOWN, &view->start, NULL);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        for (size_t k = 0; strcmp(wanted[i].kind, run->kind) == 0 && wanted[i].metrics[k]; k++)
            add_chart(view, wanted[i].metrics[k]);
    for (size_t i = 0; i < view->lasts.n; i++)
        add_chart(view, view->lasts.rows[i].name);
    if (view->chart >= view->n_charts)
        view->chart = 0;
}

void train_load(struct train_view *view)
{
    struct error err = {0};
    bool running = false;

    train_unload(view);
    view->note[0] = '\0';
    view->loaded = true;
    view->due = 0;
    if (store_runs(view->tui->wb->store, &view->runs, &err) < 0) {
        memcpy(view->note, err.text,
               strnlen(err.text, sizeof view->note - 1)); /* zeroed behind */
        view->note[sizeof view->note - 1] = '\0';
        return;
    }
    view->cursor = view->runs.n ? view->runs.n - 1 : 0;
    for (size_t i = 0; i < view->runs.n; i++) {
        const struct run_row *run = &view->runs.rows[i];
        /* A recipe has no figures of its own: the newest that trains. */
        if (view->chosen ? strcmp(run->name, view->chosen) == 0
                         : strcmp(run->kind, "recipe") != 0)
            view->cursor = i;
        running |= strcmp(run->state, "running") == 0 || strcmp(run->state, "queued") == 0;
    }
    if (running)
        view->due = clock_seconds() + LOOK_AGAIN;
    if (train_run(view))
        load_run(view, train_run(view));
}
