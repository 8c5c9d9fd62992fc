/* Screen 5: charts of the runs, what they said and what they wrote. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "ui/train_view.h"

/* ---- keys ---- */

/* Runs stand newest first. */
static void choose(struct train_view *view, long by)
{
    long at = (long)view->cursor - by;
    if (at < 0 || at >= (long)view->runs.n)
        return;
    free(view->chosen);
    view->chosen = xstrdup(view->runs.rows[at].name);
    train_load(view);
}

static void key_next_run(void *arg)
{
    choose(arg, 1);
}

static void key_run_before(void *arg)
{
    choose(arg, -1);
}

static void turn(struct train_view *view, size_t by)
{
    if (view->n_charts)
        view->chart = (view->chart + by) % view->n_charts;
}

static void key_next_chart(void *arg)
{
    turn(arg, 1);
}

static void key_chart_before(void *arg)
{
    struct train_view *view = arg;
    turn(view, view->n_charts ? view->n_charts - 1 : 0);
}

static void key_zoom(void *arg)
{
    struct train_view *view = arg;
    view->zoom = !view->zoom;
}

static void key_log(void *arg)
{
    struct train_view *view = arg;
    view->log_y = !view->log_y;
}

static void key_smooth(void *arg)
{
    struct train_view *view = arg;
    view->smooth = !view->smooth;
}

static void key_mark(void *arg)
{
    struct train_view *view = arg;
    const struct run_row *run = train_run(view);
    size_t i = 0;
    if (!run)
        return;
    while (i < view->n_marked && strcmp(view->marked[i], run->name) != 0)
        i++;
    if (i < view->n_marked) {
        free(view->marked[i]);
        view->marked[i] = view->marked[--view->n_marked];
    } else {
        view->marked = xrealloc(view->marked, (view->n_marked + 1) * sizeof *view->marked);
        view->marked[view->n_marked++] = xstrdup(run->name);
    }
    train_load(view);
}

/* The newest job that trains and has not ended; 0: none. */
static int training_job(const struct train_view *view, enum job_state *state)
{
    struct job_snapshot jobs[50];
    size_t n = jobs_list(view->tui->wb->jobs, jobs, 50);
    while (n-- > 0) {
        const struct job_snapshot *job = &jobs[n];
        bool live = job->state == JOB_QUEUED || job->state == JOB_RUNNING ||
                    job->state == JOB_PAUSED;
        if (live && strcmp(job->kind, "probe") != 0 && strcmp(job->kind, "label") != 0) {
            *state = job->state;
            return job->number;
        }
    }
    tui_say(view->tui, false, "no job trains now");
    return 0;
}

static void key_pause(void *arg)
{
    struct train_view *view = arg;
    enum job_state state = JOB_DONE;
    int number = training_job(view, &state);
    if (number)
        tui_run(view->tui, true, state == JOB_PAUSED ? "resume %%%d" : "pause %%%d", number);
}

/* Stands on the `:` line: Enter stops, Esc does not. */
static void key_stop(void *arg)
{
    struct train_view *view = arg;
    enum job_state state = JOB_DONE;
    int number = training_job(view, &state);
    if (!number)
        return;
    char *line = xasprintf("stop %%%d", number);
    cmdline_open(view->tui, line);
    free(line);
}

static void key_show(void *arg)
{
    struct train_view *view = arg;
    if (train_run(view))
        tui_run(view->tui, false, "show run %s", train_run(view)->name);
}

static void key_explain(void *arg)
{
    struct train_view *view = arg;
    if (view->chart < view->n_charts)
        tui_run(view->tui, false, "explain %s", view->charts[view->chart].metric);
}

static void key_compare(void *arg)
{
    struct train_view *view = arg;
    struct buf names;
    buf_init(&names, 0);
    for (size_t i = 0; i < view->n_marked; i++)
        buf_addf(&names, " %s", view->marked[i]);
    tui_run(view->tui, false, "compare runs%s", buf_str(&names));
    buf_release(&names);
}

static const struct key_row train_keys[] = {
    {"l Right", "next chart", true, key_next_chart, "chart"},
    {"h Left", "chart before", false, key_chart_before, NULL},
    {"j Down", "next run", true, key_next_run, "run"},
    {"k Up", "run before", false, key_run_before, NULL},
    {"Enter", "one chart on the whole screen, and back", true, key_zoom, "zoom"},
    {"Space", "draw this run too, beside the chosen one", true, key_mark, "mark"},
    {"Y", "logarithmic axis", true, key_log, "log"},
    {"s", "smooth; the raw values stand behind", true, key_smooth, "smooth"},
    {"=", "explain the chosen figure", false, key_explain, NULL},
    {"L", "all that the store has of this run", false, key_show, NULL},
    {"v", "compare the marked runs", false, key_compare, NULL},
    {"p", "pause or resume the training job", false, key_pause, NULL},
    {"c", "stop the training job", false, key_stop, NULL},
    {NULL, NULL, false, NULL, NULL},
};

/* ---- the view ---- */

static void train_status(void *arg, struct buf *out)
{
    struct train_view *view = arg;
    if (!view->loaded)
        train_load(view);
    const struct run_row *run = train_run(view);
    if (!run)
        return;
    int64_t step = 0;
    for (size_t i = 0; i < view->lasts.n; i++)
        if (view->lasts.rows[i].step > step)
            step = view->lasts.rows[i].step;
    buf_addf(out, "%s  %s  step %lld", run->name, run->state, (long long)step);
    if (run->parent)
        buf_addf(out, "  from %s", run->parent);
    for (size_t i = 0; i < view->n_marked && i < 4; i++)
        buf_addf(out, "%s%s", i ? " " : "  beside ", view->marked[i]);
    if (view->smooth)
        buf_adds(out, "  smoothed");
}

static void train_enter(void *arg)
{
    train_load(arg);
}

static void train_reloaded(void *arg)
{
    struct train_view *view = arg;
    view->loaded = false; /* read again when it is drawn */
}

static int train_timeout(void *arg)
{
    struct train_view *view = arg;
    if (tui_view(view->tui) != &view_train || view->due == 0)
        return -1;
    double left = view->due - clock_seconds();
    return left <= 0 ? 0 : (int)(left * 1000) + 1;
}

static void train_tick(void *arg)
{
    struct train_view *view = arg;
    if (tui_view(view->tui) != &view_train || view->due == 0 || clock_seconds() < view->due)
        return;
    train_load(view);
    tui_redraw(view->tui);
}

static void *train_open(struct tui *tui)
{
    struct train_view *view = xcalloc(1, sizeof *view);
    view->tui = tui;
    return view;
}

static void train_close(void *arg)
{
    struct train_view *view = arg;
    train_unload(view);
    for (size_t i = 0; i < view->n_marked; i++)
        free(view->marked[i]);
    free(view->marked);
    free(view->chosen);
    free(view);
}

const struct view_ops view_train = {
    .name = "train",
    .title = "Train",
    .keys = train_keys,
    .open = train_open,
    .close = train_close,
    .enter = train_enter,
    .reloaded = train_reloaded,
    .draw = train_draw,
    .status = train_status,
    .timeout_ms = train_timeout,
    .tick = train_tick,
};
