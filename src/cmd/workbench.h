/*
 * The workbench: the one state behind all front ends. Owns the store, the open model and its
 * engine, the jobs, and the index of the current set in memory. Main's thread only.
 */
#ifndef RLAIF_CMD_WORKBENCH_H
#define RLAIF_CMD_WORKBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/lm.h"
#include "src/base/error.h"
#include "src/base/pool.h"
#include "src/data/pair.h"
#include "src/job/job.h"
#include "src/label/judged.h"
#include "src/label/label.h"
#include "src/store/store.h"

struct sink;

/* A set in memory: loaded when first asked for, kept until the workbench closes or the set grows. */
struct set_index {
    struct set_row row;
    struct pair_list list;
    size_t *order;          /* seeded order, seed 1 */
};

struct workbench_options {
    const char *dir;        /* workspace folder, NULL: the default one */
    const char *share_dir;  /* prompts/ and builtin/, NULL: found */
    const char *model_path; /* NULL: the default model when it is there */
    int threads;            /* 0: as many as cores */
    bool readonly;
    bool no_model;
};

struct workbench {
    char *dir, *share_dir, *cache_dir;
    char *prompts_dir, *builtin_dir;
    struct store *store;
    struct pool *pool;
    struct jobs *jobs;
    char *model_path;
    struct model *model;    /* NULL: none opened yet, or none there */
    struct engine *engine;  /* made at first use */
    char model_note[400];   /* why there is no model, with the command that fetches it */
    struct engine_options engine_options;
    struct set_index **sets;
    size_t n_sets;
    char *current_set;
    char *last_prompt;      /* what `show` takes when no prompt is named */
    const struct sink *sink; /* of the command that runs now; talk outside of commands goes to the front end's */
    struct cancel interrupt; /* Ctrl-C */
    bool readonly, quit;
    uint64_t generation;    /* counts changes that views must redraw */
};

struct workbench *workbench_open(const struct workbench_options *options, struct error *err);
void workbench_close(struct workbench *wb);

/* The set by name (NULL: the current one), loaded. Owned by the workbench; valid until the next command that writes pairs. */
struct set_index *workbench_set(struct workbench *wb, const char *name, struct error *err);
/* "#17", "NAME#17". */
const struct pair *workbench_pair(struct workbench *wb, const char *ref, struct set_index **set,
                                  struct error *err);
/* The open model, opened now if need be; NULL with the one-line reason and the command that fetches it. */
struct model *workbench_model(struct workbench *wb, struct error *err);
struct engine *workbench_engine(struct workbench *wb, struct error *err);
/* "summary-base", "summary-base@2", "p3", NULL: the last used. Release the row. */
int workbench_prompt(struct workbench *wb, const char *ref, struct prompt_row *out, struct error *err);
/* Judged rows of a set by one prompt version and labeler, in set order. *out is malloced, *n its length;
 * the label rows behind it stay in *rows (release after use). */
int workbench_judged(struct workbench *wb, struct set_index *set, int64_t prompt_id,
                     const char *labeler, struct label_list *rows, struct judged **out, size_t *n,
                     struct error *err);
/* Job messages and state changes; call when jobs_wake_fd is readable. */
void workbench_poll(struct workbench *wb);

#endif
