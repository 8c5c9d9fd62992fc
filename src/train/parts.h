/*
 * Inside src/train: batches of prompts with the responses that follow them, cut into shards, and
 * small things the stages share. Not for those above.
 */
#ifndef RLAIF_TRAIN_PARTS_H
#define RLAIF_TRAIN_PARTS_H

#include "src/train/rollout.h"
#include "src/train/train.h"

/* ---- trees ---- */

/* A prompt whose `n` responses are the samples from `first` on. */
struct tree_group {
    const int32_t *prompt;
    size_t n_prompt;
    size_t first, n;
};
struct tree_sample {
    const int32_t *ids;
    size_t n;
};
enum tree_want {
    TREE_TOKENS, /* the outputs that predict each token of a response */
    TREE_LAST,   /* the output at the last token of each response */
};
/*
 * A batch for each shard. What is wanted is numbered on through the shards: number i of shard s is
 * offset[s] + i; within, group by group, sample by sample, token by token.
 */
struct tree {
    struct learn_batch *shards;
    size_t n_shards, cap_shards;
    size_t *offset;      /* n_shards + 1 */
    size_t *first_group; /* n_shards + 1: groups of shard s */
};
/* Groups are shared out evenly in their order; fewer groups than shards make fewer
 * shards. Keeps its memory. */
void tree_build(struct tree *tree, const struct tree_group *groups, size_t n_groups,
                const struct tree_sample *samples, enum tree_want want, size_t n_shards);
void tree_release(struct tree *tree);

/* Logits or values of all that is wanted, without a gradient; a row is named by (shard,
 * i) as in learner_grad. */
int tree_forward(struct learner *learner, const struct tree *tree, learn_row_fn *row, void *arg,
                 const struct cancel *cancel, struct error *err);
int tree_values(struct learner *learner, const struct tree *tree, double *values,
                const struct cancel *cancel, struct error *err);

/* ---- rows ---- */

/* What is asked of each wanted row of a language model; arrays by number, NULL: not asked. */
struct row_ask {
    const size_t *offset;   /* the tree's */
    const int32_t *targets; /* the tokens that follow */
    double temperature;
    double *logprob, *entropy, *right; /* right: 1 where the target is the most likely token */
};
/* A learn_row_fn. */
void row_measure(void *ask, size_t shard, size_t i, struct logits *logits);

/* ---- rollouts ---- */

/* Columns of rollout.numbers. */
enum rollout_column {
    COLUMN_LOGPROB,
    COLUMN_REF,
    COLUMN_ENTROPY,
    COLUMN_KL,
    COLUMN_EXACT, /* KL over the vocabulary */
    COLUMN_REWARDS,
    COLUMN_VALUES,
    COLUMN_RETURNS,
    COLUMN_ADVANTAGES,
    COLUMN_AFTER,
    COLUMN_NEW,  /* log-prob in the gradient pass */
    COLUMN_LOSS, /* policy loss of the token */
    COLUMN_CLIPPED,
    COLUMN_VALUE_LOSS,
    COLUMN_VALUE_CLIPPED,
    COLUMNS
};
/* Makes the columns, all NaN, and points the samples' arrays into them. */
int rollout_columns(struct rollout *rollout, struct error *err);
static inline double *rollout_column(const struct rollout *rollout, enum rollout_column column)
{
    return rollout->numbers + (size_t)column * rollout->n_tokens;
}

/* ---- small things ---- */

/* All parts' bytes in one block (free() it), and back. */
void *train_state_copy(const struct train_state *state, struct error *err);
void train_state_paste(const struct train_state *state, const void *copy);
/* Puts "WHAT step N: " before the error's text, unless it was cancelled. Returns -1. */
int train_fail(struct error *err, const char *what, int64_t step);
/* Sum in the array's order. */
double train_sum(const double *x, size_t n);

#endif
