/*
 * Training runs in the store: runs, their metrics, samples, events and checkpoints. As in
 * store.h: callable from any thread, a message to the owner, committed when 0 is returned.
 * Names of metrics: run_metrics.h.
 */
#ifndef RLAIF_STORE_RUNS_H
#define RLAIF_STORE_RUNS_H

#include "src/store/store.h"

/* ---- runs ---- */

struct run_row {
    int64_t id;
    char *name;   /* "sft-1" */
    char *kind;   /* "sft", "rm", "rl", "labeler", "recipe" */
    char *parent; /* name of the run it began from; NULL: none */
    int64_t parent_id;
    /* JSON object: every option with its value; "recipe" and, in its stages, "stage_of" name one */
    char *config;
    char *result; /* JSON object: figures that are no series (stages, head_to_head,
                     seconds); NULL */
    char *state;  /* "queued", "running", "paused", "done", "failed", "cancelled", "interrupted" */
    char *error;  /* when failed, else NULL */
    uint64_t seed;
    int64_t started, ended; /* ms since 1970; ended 0: not yet */
};
struct run_rows {
    struct run_row *rows;
    size_t n, cap;
};
void run_row_release(struct run_row *row);
void run_rows_release(struct run_rows *rows);

/*
 * A new run in state "queued", named KIND-N with N one more than the kind's largest. kind: letters
 * only. parent_id 0: none. config: a JSON object. *id and, when not NULL, *name (malloced) are set.
 */
int store_add_run(struct store *store, const char *kind, int64_t parent_id,
                  const char *config, uint64_t seed, int64_t *id, char **name,
                  struct error *err);
/* done, failed, cancelled and interrupted set `ended`; any other state takes it away.
 * error may be NULL. A process that was killed leaves queued, running and paused runs
 * "interrupted" at the next start. */
int store_set_run_state(struct store *store, int64_t id, const char *state,
                        const char *error, struct error *err);
int store_set_run_config(struct store *store, int64_t id, const char *config,
                         struct error *err);
int store_set_run_result(struct store *store, int64_t id, const char *result,
                         struct error *err);
/* All, oldest first. */
int store_runs(struct store *store, struct run_rows *out, struct error *err);
/* By name, or `last`: the newest, of this kind unless kind is NULL. -1 when there is none, with the
 * nearest name in the hint. Release the row. */
int store_find_run(struct store *store, const char *name, const char *kind,
                   struct run_row *out, struct error *err);

/* ---- metrics ---- */

struct metric_point {
    const char *name;
    int64_t step;
    double value; /* NaN: known to be no number; a gap in plots */
};
/* All in one commit. What is there of the same name and step is replaced. */
int store_add_metrics(struct store *store, int64_t run_id,
                      const struct metric_point *points, size_t n, struct error *err);
struct series {
    int64_t *steps; /* rising */
    double *values;
    size_t n, cap;
};
void series_release(struct series *series);
/* One metric of a run behind step `after` (-1: all), by step; n 0: it has none. */
int store_load_series(struct store *store, int64_t run_id, const char *name, int64_t after,
                      struct series *out, struct error *err);
struct metric_last {
    char *name;
    int64_t n, step; /* points; step of the last */
    double value;    /* of the last */
};
struct metric_lasts {
    struct metric_last *rows;
    size_t n, cap;
};
void metric_lasts_release(struct metric_lasts *lasts);
/* Every metric of a run with its last value, by name. */
int store_last_metrics(struct store *store, int64_t run_id, struct metric_lasts *out,
                       struct error *err);

/* ---- samples ---- */

struct run_sample {
    int64_t id, step;
    char *kind;   /* "rollout", "fixed" (the same prompts at intervals), "eval" */
    int64_t pair_id, post_id; /* what the prompt was made from, 0: nothing in the store */
    uint64_t seed;
    char *prompt; /* text before the response; NULL: that of the post or pair */
    int32_t *ids; /* the response's tokens */
    size_t n_ids;
    char *text;
    double score, kl, reward; /* NaN: unknown */
    float *advantages;        /* n_ids, or NULL */
    int64_t length;           /* tokens, end token included */
};
struct run_samples {
    struct run_sample *rows;
    size_t n, cap;
};
void run_samples_release(struct run_samples *samples);
/* Copies; ids of the rows are set. */
int store_add_samples(struct store *store, int64_t run_id, struct run_sample *samples,
                      size_t n, struct error *err);
/* Of one step (step < 0: the last that has any) and one kind (NULL: any), in the order
 * they were added, at most `max`. */
int store_load_samples(struct store *store, int64_t run_id, int64_t step, const char *kind,
                       size_t max, struct run_samples *out, struct error *err);

/* ---- events ---- */

struct run_event {
    int64_t step, at;
    char *kind;   /* "set" (an option was changed while running), "alarm", "note" */
    char *name;   /* "beta"; of an alarm its kind; may be NULL */
    double value; /* NaN: none */
    char *text;   /* one sentence */
};
struct run_events {
    struct run_event *rows;
    size_t n, cap;
};
void run_events_release(struct run_events *events);
int store_add_event(struct store *store, int64_t run_id, const struct run_event *event,
                    struct error *err); /* at 0: now */
int store_load_events(struct store *store, int64_t run_id, struct run_events *out,
                      struct error *err);

/* ---- checkpoints ---- */

struct checkpoint_row {
    int64_t step;
    char *file;
    uint8_t hash[32]; /* SHA-256 of the file */
    int64_t bytes, created_at;
};
struct checkpoint_rows {
    struct checkpoint_row *rows;
    size_t n, cap;
};
void checkpoint_rows_release(struct checkpoint_rows *rows);
/* One of the same step is replaced. created_at 0: now. Write it when the file is safe on disk. */
int store_add_checkpoint(struct store *store, int64_t run_id,
                         const struct checkpoint_row *checkpoint, struct error *err);
int store_drop_checkpoint(struct store *store, int64_t run_id, int64_t step,
                          struct error *err);
/* By step. */
int store_checkpoints(struct store *store, int64_t run_id, struct checkpoint_rows *out,
                      struct error *err);
/* Before a run goes on from its checkpoint of `step`: metrics, samples and checkpoints of
 * later steps go, since they will be made again. Events stay. */
int store_rewind_run(struct store *store, int64_t run_id, int64_t step, struct error *err);

#endif
