/*
 * Best-of-n: no learning, the best of n samples by a reward. Its KL to the policy is known exactly,
 * log n - (n - 1) / n, so a trained policy has a line to beat at equal KL. One call at a time.
 */
#ifndef RLAIF_TRAIN_BEST_OF_N_H
#define RLAIF_TRAIN_BEST_OF_N_H

#include "src/train/rewards.h"
#include "src/train/rollout.h"

/* The first of the largest; n >= 1. */
size_t best_of_n_pick(const double *scores, size_t n);
/* Mean of the largest of k drawn without replacement from n scores: the unbiased estimate
 * for best-of-k. 1 <= k <= n. */
double best_of_n_mean(const double *scores, size_t n, size_t k);
/* n samples of each prompt, scored; out keeps the best of each prompt, all_scores
 * (n_prompts x n, may be NULL) all scores. */
int best_of_n(struct sampler *sampler, const struct reward_source *reward,
              const struct train_texts *prompts, const size_t *which, size_t n_prompts, size_t n,
              struct rng_key key, struct rollout *out, double *all_scores,
              const struct cancel *cancel, struct error *err);

#endif
