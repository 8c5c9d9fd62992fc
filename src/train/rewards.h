/*
 * What scores a sample: a function that is asked in batches. Anything can be one: a
 * reward model, an ensemble, a labeler's 1 to 10, a likelihood, a toy, a weighted sum.
 * Callers with labelers or a person behind them bring their own function.
 */
#ifndef RLAIF_TRAIN_REWARDS_H
#define RLAIF_TRAIN_REWARDS_H

#include "src/train/reward.h"
#include "src/train/rollout.h"

struct reward_ask {
    size_t prompt;             /* index into the run's prompts; equal ones follow one another */
    const int32_t *prompt_ids;
    size_t n_prompt;
    const int32_t *ids;        /* response, with its end token where it ended */
    size_t n;
    bool ended;
    const char *text;          /* of the response, NUL behind it */
    size_t len;
};
/* Fills n scores. A score that cannot be given is an error, never a guess. */
typedef int reward_fn(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                      const struct cancel *cancel, struct error *err);
struct reward_source {
    reward_fn *score;
    void *arg;
    const char *name; /* "rm-2", "length", "direct" */
};

/*
 * Asks for the scores of a rollout's samples and fills `score` of each, and scores (n
 * numbers, may be NULL). A score that is not finite is an error that names the sample.
 */
int rollout_score(struct rollout *rollout, const struct reward_source *reward,
                  const struct train_texts *prompts, double *scores, const struct cancel *cancel,
                  struct error *err);

/* Reward models, one or more; a response that did not end gets the end token for the reading. */
struct reward_by_model {
    struct reward_model *const *members;
    size_t k;
    int combine; /* enum reward_ensemble */
    double c;
    int32_t end;
};
int reward_by_model(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                    const struct cancel *cancel, struct error *err);
/* Toy: tokens / `scale`, to show what a reward for length alone does. arg: double *scale. */
int reward_by_length(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                     const struct cancel *cancel, struct error *err);
/* Mean log-prob of the response's tokens under a language model. arg: struct learner *. */
int reward_by_likelihood(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                         const struct cancel *cancel, struct error *err);
/* Weighted sum of others. */
struct reward_by_sum {
    const struct reward_source *parts;
    const double *weights;
    size_t n;
};
int reward_by_sum(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                  const struct cancel *cancel, struct error *err);

/* d-RLAIF (D7b): s = sum i P(i) over the ten renormalised, mapped to [-1, 1] by (s - 5.5) / 4.5. */
double reward_direct(const double logprobs[10]);

#endif
