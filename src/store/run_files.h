/*
 * Metrics of a run as files that other programs read: a CSV with a `step` column and a TensorBoard
 * event file. Whole from the store, or kept up to date while the run goes on. Any thread, one at a
 * time per log.
 */
#ifndef RLAIF_STORE_RUN_FILES_H
#define RLAIF_STORE_RUN_FILES_H

#include "src/base/buf.h"
#include "src/store/runs.h"

/* step,NAME,..: a line a step, names in order, empty where a metric has no value there. */
int run_csv(struct store *store, int64_t run_id, struct buf *out, struct error *err);
/* Metrics have no time of their own: events are spread evenly from the run's start to its end. */
int run_tfevents(struct store *store, const struct run_row *run, struct buf *out,
                 struct error *err);
/* "events.out.tfevents.SECONDS.rlaif"; owned by the caller. */
char *run_tfevents_name(const struct run_row *run);

/*
 * DIR/metrics.csv and DIR/events.out.tfevents.*: written whole from the store by open (so a run
 * that was rewound loses what came later), then a line and a record for every add, in one write
 * each. The store is the record; these follow it.
 */
struct run_log;
struct run_log *run_log_open(struct store *store, const struct run_row *run, const char *dir,
                             struct error *err);
/* Points of one step, after store_add_metrics. A name that is new rewrites the CSV whole. */
int run_log_add(struct run_log *log, const struct metric_point *points, size_t n,
                struct error *err);
void run_log_close(struct run_log *log); /* NULL is fine */

#endif
