/* The state of the Train screen, shared by what draws it (train_draw.c), what loads it
 * (train_load.c) and what its keys do (view_train.c). */
#ifndef RLAIF_UI_TRAIN_VIEW_H
#define RLAIF_UI_TRAIN_VIEW_H

#include "src/base/plot.h"
#include "src/store/runs.h"
#include "ui/tui.h"

#define TRAIN_CHARTS 9

/* One metric of the runs that are shown. */
struct train_chart {
    const char *metric; /* of the table, or of `lasts` */
    struct plot_series series[PLOT_SERIES_MAX];
    double *owned[PLOT_SERIES_MAX]; /* x and y of each */
    size_t n_series;
};

struct train_view {
    struct tui *tui;
    struct run_rows runs;
    char **marked; /* names of runs that are drawn too */
    size_t n_marked;
    char *chosen;  /* name of the run under the cursor, NULL: the newest */
    size_t cursor; /* of it, in runs */
    struct metric_lasts lasts;
    struct run_events events;
    struct run_samples samples, start; /* of the run, and of the one that it began from */
    struct train_chart charts[TRAIN_CHARTS];
    size_t n_charts, chart;
    bool log_y, smooth, zoom;
    bool loaded;
    double due; /* when a running run is looked at again, clock_seconds(); 0: never */
    char note[200]; /* why nothing can be shown */
};

const struct run_row *train_run(const struct train_view *view); /* NULL: there is none */
bool train_is_marked(const struct train_view *view, const char *run);
/* Reads all that is shown from the store. */
void train_load(struct train_view *view);
void train_unload(struct train_view *view);
void train_draw(void *view, struct draw *draw, struct rect area);

#endif
