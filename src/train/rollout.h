/*
 * Samples of a policy: generation on the inference engine from the weights in training,
 * in one batch, with the prompt computed once for all its samples. And the place where
 * everything known of a sample is kept. One call at a time.
 */
#ifndef RLAIF_TRAIN_ROLLOUT_H
#define RLAIF_TRAIN_ROLLOUT_H

#include "src/train/train.h"

/* All of one sample. Arrays have n numbers, one a response token, the end token included;
 * NULL, or NaN, until known. */
struct rollout_sample {
    size_t prompt;        /* index into the prompts given; samples of one prompt stand together */
    const int32_t *ids;   /* response as it was drawn, with the end token where it ended */
    size_t n;
    bool ended;           /* by the end token; else cut at max_tokens or the context */
    char *text;           /* of the ids, control tokens left out, NUL bytes as U+FFFD */
    size_t len;
    double drawn;         /* sum of the tokens' log-probs as the engine saw them, temperature 1 */
    double score;         /* what the reward gave */
    double reward;        /* what learning used: after penalty, clip, whitening; before the KL */
    double kl;            /* sum over tokens of log p - log p_ref (k1), nats */
    double kl_exact;      /* sum over tokens, over the whole vocabulary; NaN: not computed */
    double *logprob, *ref_logprob, *entropy,
        *kl_token; /* at the run's temperature; kl_token: what the objective used */
    double *rewards, *values, *returns, *advantages;
    double *after;        /* log-prob after the update; rl_after fills it */
};
struct rollout {
    struct rollout_sample *samples;
    size_t n;
    size_t n_tokens;      /* of all responses */
    double seconds;       /* of generation */
    int32_t *ids;         /* of all samples, one after another */
    double *numbers;      /* of all samples: column by column, n_tokens each */
};
void rollout_release(struct rollout *rollout);
/* Lets go of the samples whose `keep` is false; the others move up. */
void rollout_keep(struct rollout *rollout, const bool *keep);

/* eval_rouge1, eval_rouge2, eval_rougeL (means of F) and eval_mean_length of samples;
 * references: by prompt, a list and how many. Prompts without references are left out. */
void rollout_rouge(const struct rollout *rollout, const char *const *const *references,
                   const size_t *n_references, struct train_metrics *metrics);

struct sampler;
struct sampler_options {
    double temperature;
    int64_t max_tokens;
    const char *cache_dir;
    uint64_t kv_limit;
};
/* Borrows the learner (LM head, float). */
struct sampler *sampler_new(struct learner *policy, const struct train_codec *codec,
                            const struct sampler_options *options, struct error *err);
void sampler_free(struct sampler *sampler);
void sampler_set(struct sampler *sampler, double temperature, int64_t max_tokens);
/*
 * `each` samples of each of the prompts (texts' prompts at these indices). Every token by
 * (seed, what, `at` + place): equal calls give equal samples. Weights that changed since
 * the last call are packed anew. Temperature 0: greedy.
 */
int sampler_run(struct sampler *sampler, const struct train_texts *prompts, const size_t *which,
                size_t n, size_t each, struct rng_key key, uint64_t at, struct rollout *out,
                const struct cancel *cancel, struct error *err);

#endif
