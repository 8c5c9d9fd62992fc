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

struct label_message;
struct sink;
struct watch;

/* A set in memory: loaded when first asked for, kept until the workbench closes or the
 * set grows. */
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
    struct set_index **retired; /* forgotten while a job still read them */
    size_t n_retired;
    struct judging **judgings;
    size_t n_judgings;
    char *current_set;
    char *last_prompt;      /* what `show` takes when no prompt is named */
    const struct sink *sink;  /* of the command that runs now, NULL: none runs */
    const struct sink *front; /* the front end's: job lines go there */
    struct watch *watch;      /* `watch prompt FILE`, NULL: none */
    void (*on_label)(
        void *ctx,
        const struct label_message *message); /* TUI: rows as they come; may be NULL */
    void *on_label_ctx;
    struct cancel interrupt; /* Ctrl-C */
    bool readonly, quit;
    int default_format;      /* enum output_format of answers that ask for none */
    int script_depth;        /* scripts that read scripts */
    uint64_t generation;    /* counts changes that views must redraw */
};

struct workbench *workbench_open(const struct workbench_options *options, struct error *err);
void workbench_close(struct workbench *wb);

/* The set by name (NULL: the current one), loaded. Owned by the workbench; valid until
 * the next command that writes pairs. */
struct set_index *workbench_set(struct workbench *wb, const char *name, struct error *err);
/* "#17", "NAME#17". */
const struct pair *workbench_pair(struct workbench *wb, const char *ref, struct set_index **set,
                                  struct error *err);
/* The open model, opened now if need be; NULL with the one-line reason and the command
 * that fetches it. */
struct model *workbench_model(struct workbench *wb, struct error *err);
struct engine *workbench_engine(struct workbench *wb, struct error *err);
/* "summary-base", "summary-base@2", "p3", NULL: the last used. Release the row. */
int workbench_prompt(struct workbench *wb, const char *ref, struct prompt_row *out,
                     struct error *err);
/*
 * What one labeler said of a set with one prompt version: loaded from the store once,
 * then kept up to date by the messages of the jobs. rows is in set order and as long as
 * the set; pairs never asked have asked[] false.
 */
struct judging {
    const struct set_index *set;
    int64_t prompt_id;
    char *labeler;
    struct label_list labels;
    int32_t *first, *next;  /* chains of label rows by pair: indices into labels, -1: none */
    struct judged *rows;
    size_t n_asked;
    bool one_order;         /* an imported judge that was asked once a pair */
};
/* Owned by the workbench; valid until pairs of the set are written. Never NULL but for errors. */
struct judging *workbench_judging(struct workbench *wb, struct set_index *set, int64_t prompt_id,
                                  const char *labeler, struct error *err);
/* Which labels of the set a command means: prompt_ref and labeler may be NULL (any), the
 * newest match is taken. When there are none the error says what to type. Frees nothing:
 * *labeler is malloced. */
int workbench_find_labels(struct workbench *wb, struct set_index *set, const char *prompt_ref,
                          const char *labeler_ref, int64_t *prompt_id, char **labeler,
                          struct error *err);
/* "summary-base@2" for a prompt id, "-" for 0. Owned by the caller. */
char *workbench_prompt_name(struct workbench *wb, int64_t prompt_id);
/* Job messages and state changes; call when jobs_wake_fd is readable. */
void workbench_poll(struct workbench *wb);
/* One line of talk to whoever listens: the running command's sink, else the front end.
 * Sanitised here. */
void workbench_say(struct workbench *wb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes a set the current one, also for the next start. */
int workbench_use_set(struct workbench *wb, const char *name, struct error *err);
/* 1 to 64 characters without blanks, # and quotes. */
int check_set_name(const char *name, struct error *err);
/* Forgets what is in memory of a set, after its pairs were changed. */
void workbench_forget_set(struct workbench *wb, int64_t set_id);
/* The name under which the open model labels: "model:NAME". Opens the model. */
int workbench_model_labeler(struct workbench *wb, char **out, struct error *err);

#endif
