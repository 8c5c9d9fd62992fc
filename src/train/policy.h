/*
 * Reinforcement learning of a policy against a reward with a KL term to its reference (D9
 * to D25): one update is rollout, scores, advantages, gradient steps. The paper's
 * REINFORCE with a learned value baseline, A2C, PPO, RLOO and GRPO are one loop with
 * other advantages and another loss on a token.
 */
#ifndef RLAIF_TRAIN_POLICY_H
#define RLAIF_TRAIN_POLICY_H

#include "src/train/rewards.h"
#include "src/train/rollout.h"
#include "src/train/train.h"

enum rl_algorithm { RL_REINFORCE, RL_A2C, RL_PPO, RL_RLOO, RL_GRPO };
enum rl_objective { OBJECTIVE_PAPER, OBJECTIVE_PLAIN }; /* (1 - beta) r - beta KL; r - beta KL */
enum rl_kl { KL_IN_REWARD, KL_IN_LOSS };                /* k1 a token; exact over the vocabulary */
enum rl_whiten { WHITEN_AUTO, WHITEN_OFF, WHITEN_ON };  /* auto: on for ppo */
struct rl_options {
    struct optimiser_options optimiser; /* the policy's */
    double value_lr;
    int algorithm, objective, kl, whiten;
    double beta;
    bool adaptive;
    double kl_target, kl_horizon; /* of the sequence, nats; episodes */
    double temperature;
    int64_t max_tokens;
    int64_t updates, batch, samples; /* episodes an update, samples a prompt */
    int64_t epochs, minibatches;     /* passes over a rollout; 1, 1: each is used once */
    double gamma, lambda, clip, value_clip, entropy;
    double eos_penalty;              /* taken from the score of a response that did not end */
    double reward_clip;              /* 0: off */
    bool whiten_rewards;
    bool exact_kl;                   /* measure the exact KL too */
    double kl_limit;                 /* alarm, nats a sequence; 0: none */
    int64_t value_warmup;            /* first updates in which only the value learns */
    int64_t shards, seed;
    int64_t max_prompt, eval_every, save_every, keep; /* read by others, as in sft.h */
    char *from, *reward;             /* the SFT run, the reward: read by the command */
};
extern const struct option rl_option_table[];
/* Whether an algorithm learns a value. */
bool rl_has_value(int algorithm);

struct rl;
struct rl_parts {
    struct learner *policy;    /* LM, learns */
    struct learner *reference; /* LM, stays */
    struct learner *value;     /* scalar, learns; NULL when rl_has_value says no */
    const struct train_texts *prompts;
    const struct train_codec *codec;
    struct reward_source reward;
    const char *cache_dir;
};
/* Borrows all of them. */
struct rl *rl_new(const struct rl_parts *parts, const struct rl_options *options,
                  struct error *err);
void rl_free(struct rl *rl);
/* Numbers may be changed between updates: beta, lr, temperature, ..; not batch sizes,
 * shards, seed, algorithm. */
struct rl_options *rl_get_options(struct rl *rl);
int64_t rl_updates(const struct rl *rl);
bool rl_done(const struct rl *rl);
double rl_beta(const struct rl *rl); /* as it is now */
void rl_set_beta(struct rl *rl, double beta);

/*
 * One update. Metrics by the names of learning.md 4; `alarms` may be NULL. After a
 * failure (cancelled, a score that could not be given, a number that is not finite)
 * policy and value are as before and the update may be tried again.
 */
int rl_update(struct rl *rl, struct train_metrics *metrics, struct train_alarms *alarms,
              const struct cancel *cancel, struct error *err);
/*
 * What an evaluation said of the policy as it is: the alarm "length" when since the last
 * call responses grew by a tenth and the win rate did not.
 */
void rl_judged(struct rl *rl, double win_rate, struct train_alarms *alarms);
/* The last update's samples; valid until the next. */
const struct rollout *rl_rollout(const struct rl *rl);
/* Fills `after` of the last rollout: what the update made of each token's log-prob. */
int rl_after(struct rl *rl, const struct cancel *cancel, struct error *err);
/* The first-minibatch check of D9. */
struct rl_check {
    double ratio_off;     /* largest |ratio - 1| */
    double kl_off;        /* largest |k3| between the rollout's log-probs and the first
                             minibatch's */
    double reference_off; /* largest |KL a token| to the reference; NaN when the policy is
                             no longer equal to it */
    double engine_off; /* largest |log-prob of a sample by the engine - by the learner| a
                          token, temperature 1 */
    size_t tokens;
};
/* Samples, and compares log-probs of rollout, first minibatch, engine and reference.
 * Nothing is learned. */
int rl_check_ratio(struct rl *rl, struct rl_check *out, const struct cancel *cancel,
                   struct error *err);

void rl_state(struct rl *rl, struct train_state *state);
int rl_restored(struct rl *rl, struct error *err);

#endif
