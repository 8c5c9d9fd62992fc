/*
 * What all stages of training share: named metrics, the list of what a checkpoint must hold, the
 * texts that are learned from, how tokens become text, early stopping, alarms.
 *
 * A stage (sft.h, reward.h, policy.h) is a value of its owner's, one call at a time, without
 * threads of its own: one step a call on the learners it borrows. Nothing here prints, and
 * nothing here links the gold score of a world.
 */
#ifndef RLAIF_TRAIN_TRAIN_H
#define RLAIF_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/learn.h"
#include "models/optimiser.h"
#include "src/base/buf.h"
#include "src/base/error.h"

/* ---- metrics ---- */

enum train_better { BETTER_NONE, BETTER_HIGH, BETTER_LOW };
/* A row of the table of all metrics that the stages give (learning.md 4). */
struct train_metric {
    const char *name; /* "objective/kl" */
    const char *unit; /* "nats", "share", "" */
    enum train_better better;
    const char *text; /* the formula or meaning in one line */
};
extern const struct train_metric train_metric_table[]; /* ends with a row whose name is NULL */
const struct train_metric *train_metric_find(const char *name);

#define TRAIN_METRICS_MAX 64
/* What one step or evaluation measured; names are rows of the table. Zero-initialised is empty. */
struct train_metrics {
    struct {
        const char *name;
        double value;
    } list[TRAIN_METRICS_MAX];
    size_t n;
};
/* Adds or replaces. The name must be in the table. */
void train_metrics_set(struct train_metrics *metrics, const char *name, double value);
double train_metrics_get(const struct train_metrics *metrics,
                         const char *name); /* NaN: not there */

/* ---- alarms ---- */

#define TRAIN_ALARMS_MAX 8
struct train_alarm {
    const char *kind; /* "kl", "entropy", "length", "value", "eos" */
    char text[160];   /* one sentence: "KL 31.2 is over its limit of 25" */
};
struct train_alarms {
    struct train_alarm list[TRAIN_ALARMS_MAX];
    size_t n;
};
void train_alarm(struct train_alarms *alarms, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- what a checkpoint holds ---- */

enum state_type { STATE_F32, STATE_F64, STATE_I64 };
struct state_part {
    char name[48]; /* "weights", "adam.m", "step", "beta": one number is a part of count 1 */
    enum state_type type;
    size_t count;
    void *data; /* where it lives: read from it to save, write to it to restore */
};
/* Everything that a bit-equal resume needs (D24). Zero-initialised is empty. */
struct train_state {
    struct state_part *parts;
    size_t n, cap;
};
void train_state_add(struct train_state *state, const char *prefix, const char *name,
                     enum state_type type, size_t count, void *data);
/* The learner's weights ("PREFIXweights") and the optimiser's arrays ("PREFIXadam.m");
 * either may be NULL. */
void train_state_add_learner(struct train_state *state, const char *prefix,
                             struct learner *learner, struct optimiser *optimiser);
const struct state_part *train_state_find(const struct train_state *state, const char *name);
size_t state_part_bytes(const struct state_part *part);
void train_state_release(struct train_state *state);

/* ---- texts ---- */

/* Prompts and what follows them, one owner for all ids. Zero-initialised is empty. */
struct train_texts {
    int32_t *ids;
    size_t n_ids, cap_ids;
    struct train_text {
        size_t first;      /* in ids */
        size_t n_prompt;   /* at least 1 */
        size_t n;          /* prompt + completion + end token; n == n_prompt: a prompt alone */
    } *list;
    size_t n, cap;
    size_t cut, dropped; /* completions cut to max_completion; texts left out, their
                            prompt too long or empty */
};
/*
 * end: the end token, put behind the completion (not behind one that was cut); -1: a
 * prompt alone. A prompt that is empty or longer than max_prompt leaves the text out:
 * shorten it before (train_prompt). 0: no limit. False when it was left out.
 */
bool train_texts_add(struct train_texts *texts, const int32_t *prompt, size_t n_prompt,
                     const int32_t *completion, size_t n, int32_t end, size_t max_prompt,
                     size_t max_completion);
void train_texts_release(struct train_texts *texts);
static inline const int32_t *train_text_ids(const struct train_texts *texts, size_t i)
{
    return texts->ids + texts->list[i].first;
}

/* How a model's tokens and texts turn into each other. Callable from any thread. */
struct train_codec {
    int (*encode)(const void *arg, const char *text, size_t len, struct tokens *out,
                  struct error *err);
    void (*decode)(const void *arg, int32_t id, struct buf *out); /* control tokens give nothing */
    const void *arg;
    int32_t begin; /* texts begin with it, -1: without */
    int32_t end;   /* ends a response */
};
/* Appends begin + before + context + after. While that is more than max tokens, whole
 * lines go from the context's end, and where there is one line, words (D1); *cut counts
 * them, may be NULL. */
int train_prompt(const struct train_codec *codec, const char *before, const char *context,
                 const char *after, size_t max, struct tokens *out, size_t *cut,
                 struct error *err);

/* ---- the order of data ---- */

/* Which of n examples is the at-th of an endless stream that takes each once an epoch,
 * epochs permuted by (seed, what, epoch). Nothing is walked: resuming needs `at` only.
 * order: n numbers of room, *epoch -1 at first. */
struct train_order {
    uint64_t seed;
    const char *what;
    size_t n;
    uint32_t *order;
    int64_t epoch; /* of what `order` holds, -1: nothing yet */
};
void train_order_init(struct train_order *order, uint64_t seed, const char *what, size_t n);
size_t train_order_at(struct train_order *order, int64_t at);
void train_order_release(struct train_order *order);

/* ---- plateau ---- */

struct train_plateau {
    double best;       /* the least loss so far */
    int64_t best_step, bad; /* evaluations since then */
    int64_t seen;
};
/* True: better than all before by more than `delta`: a checkpoint is worth keeping. */
bool train_plateau_see(struct train_plateau *plateau, int64_t step, double loss, double delta);
void train_plateau_state(struct train_plateau *plateau, const char *prefix,
                         struct train_state *state);

#endif
