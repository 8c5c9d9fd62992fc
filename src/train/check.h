/*
 * Checks that a learner can type (contract.md 3): padding, swap, resume; `ratio` is in
 * policy.h, `grads` in models/learn.h. Each does the thing twice in two ways and says
 * what it compared. Pure; what it needs it makes and frees.
 */
#ifndef RLAIF_TRAIN_CHECK_H
#define RLAIF_TRAIN_CHECK_H

#include "src/train/reward.h"
#include "src/train/train.h"

struct train_check {
    size_t compared;
    double worst, limit; /* largest difference, and what is allowed; limit 0: the same bits */
    bool ok;
    char where[120];     /* of the worst; "" when there is no difference */
    char says[200];      /* one sentence: what was compared with what */
};

/*
 * Log-probs (LM head) or end scores (scalar head) of each of the texts alone, and of all
 * in one batch in which texts share their prompts (D3). At most 32 texts.
 */
int check_padding(struct learner *learner, const struct train_texts *texts, struct train_check *out,
                  const struct cancel *cancel, struct error *err);
/* Scores with the sides exchanged are the scores exchanged, and a label p's loss and
 * derivatives those of 1 - p (D7). At most 32 pairs. */
int check_swap(struct reward_model *model, const struct reward_pairs *pairs,
               struct train_check *out, const struct cancel *cancel, struct error *err);
/*
 * For SFT, the reward model and RL on a small twin of this shape (2 layers, width 32, 40
 * tokens): 4 steps in one go, and 2 steps, everything that a checkpoint holds copied into
 * new objects, 2 more. The states must be equal bit for bit. Pools: the second half runs
 * on `other`, which may have another number of threads.
 */
int check_resume(const struct tf_config *shape, struct pool *pool, struct pool *other,
                 struct train_check *out, const struct cancel *cancel, struct error *err);

#endif
