/*
 * Supervised fine-tuning: cross-entropy on the tokens of responses and their end token, a mean over
 * all of them in the batch, however it is cut into shards (D2).
 */
#ifndef RLAIF_TRAIN_SFT_H
#define RLAIF_TRAIN_SFT_H

#include "src/train/train.h"

struct sft_options {
    struct optimiser_options optimiser;
    int64_t steps, batch, shards, seed;
    int64_t max_prompt, max_tokens;       /* tokens; read by who makes the texts */
    int64_t eval_every, save_every, keep; /* steps, 0: never; read by the job */
    char *preset, *from; /* read by the command: shape of a new model, or a run or model
                            to start from */
};
extern const struct option sft_option_table[];

struct sft;

/* Borrows learner (LM head) and texts. Texts without a completion are an error that names
 * the first. */
struct sft *sft_new(struct learner *learner, const struct train_texts *texts,
                    const struct sft_options *options, struct error *err);
void sft_free(struct sft *sft);
/* A copy of what was given; numbers may be changed between steps, but shards, seed and
 * the kind of optimiser. */
struct sft_options *sft_get_options(struct sft *sft);
int64_t sft_steps(const struct sft *sft); /* made */
bool sft_done(const struct sft *sft);

/* One update. loss, mean_token_accuracy, entropy, num_tokens, lr, grad_norm, epoch. After
 * a failure the weights are those before; the step may be tried again. */
int sft_step(struct sft *sft, struct train_metrics *metrics, const struct cancel *cancel,
             struct error *err);
/* The same loss on other texts, at most `limit` of them (0: all), without learning: eval_loss,
 * eval_mean_token_accuracy, eval_entropy, eval_num_tokens. */
int sft_eval(struct sft *sft, const struct train_texts *texts, size_t limit,
             struct train_metrics *metrics, const struct cancel *cancel, struct error *err);

/* weights, optimiser, step, cursor. After parts were written to: sft_restored. */
void sft_state(struct sft *sft, struct train_state *state);
int sft_restored(struct sft *sft, struct error *err);

#endif
