/* Inside the RL stage: policy.c (an update), policy_learn.c (passes over a rollout),
 * policy_report.c (what it shows). */
#ifndef RLAIF_TRAIN_POLICY_IMPL_H
#define RLAIF_TRAIN_POLICY_IMPL_H

#include "src/train/parts.h"
#include "src/train/policy.h"

struct rl {
    struct rl_parts parts;
    struct rl_options options;
    struct train_codec codec;
    struct sampler *sampler;
    struct optimiser *policy_optimiser, *value_optimiser;
    struct train_order order;
    struct rollout rollout;
    struct tree tree;
    /* Part of a checkpoint: */
    double beta;
    int64_t update, cursor, episodes, policy_steps, value_steps;
    int64_t blind;        /* updates in a row whose values explain nothing */
    double first_length, first_entropy;
    double judged_length, judged_win, length; /* at the last rl_judged; of the last update */
};

/* What the gradient passes of one update measured, over all its minibatches. */
struct rl_sums {
    size_t tokens, policy_passes, value_passes; /* tokens: of the policy's passes */
    size_t value_tokens;
    double policy_loss, value_loss; /* sums over passes of the mean */
    double k3, clipped, value_clipped, ratio, ratio_square;
    double ratio_off;               /* largest |ratio - 1| of the first minibatch */
    double policy_norm, value_norm, lr, value_lr; /* of the last step */
};

/* Log-probs of policy and reference, entropy, KL, for the whole rollout. */
int rl_measure(struct rl *rl, struct rollout *rollout, void **ref_rows,
               const struct cancel *cancel, struct error *err);
/* Scores to rewards a token: penalty, clip, whitening, KL. */
void rl_assemble(struct rl *rl, struct rollout *rollout);
/* Advantages and gradient steps. */
int rl_learn(struct rl *rl, struct rollout *rollout, void *ref_rows, struct rl_sums *sums,
             const struct cancel *cancel, struct error *err);
/* A gradient pass of the policy over the whole rollout without a step: fills COLUMN_NEW. */
int rl_first_minibatch(struct rl *rl, struct rollout *rollout, const struct cancel *cancel,
                       struct error *err);
bool rl_needs_exact(const struct rl_options *options);

void rl_report(struct rl *rl, const struct rollout *rollout, const struct rl_sums *sums,
               double seconds, struct train_metrics *metrics);
void rl_watch(struct rl *rl, const struct train_metrics *metrics, struct train_alarms *alarms);

#endif
