/*
 * The reward model: a scalar read at the end token, learned from pairs with soft labels (D4 to D8).
 * Both responses of a pair share the prompt's computation.
 */
#ifndef RLAIF_TRAIN_REWARD_H
#define RLAIF_TRAIN_REWARD_H

#include "src/train/hidden.h"
#include "src/train/train.h"

enum reward_normalise { NORMALISE_NONE, NORMALISE_MEAN, NORMALISE_STANDARD };
enum reward_ensemble { ENSEMBLE_MEAN, ENSEMBLE_MIN, ENSEMBLE_LOWER };
struct reward_options {
    struct optimiser_options optimiser;
    int64_t steps;               /* 0: epochs decide */
    double epochs;
    int64_t batch, shards, seed; /* batch in pairs */
    bool hard;                   /* labels are rounded to 0 or 1; p = 1/2 stays */
    double margin, centering;
    int64_t patience;            /* evaluations without a better loss that end training; 0: never */
    double min_delta;
    int normalise;               /* enum reward_normalise: what reward_normalise does */
    int64_t
        ensemble; /* members; each a reward model of its own, seeds seed, seed + 1, .. */
    int combine;                 /* enum reward_ensemble */
    double ensemble_c;
    int64_t frozen;              /* layers below are not trained, their output is cached */
    int64_t max_prompt, max_tokens, eval_every, save_every, keep; /* as in sft.h */
    char *preset, *from;
};
extern const struct option reward_option_table[];

/* ---- pairs ---- */

struct reward_pair {
    size_t first;              /* in ids: prompt, response a, response b */
    size_t n_prompt, n_a, n_b; /* responses with their end token */
    double p;                  /* probability that a is better; NaN: unknown, for scoring only */
    double margin;             /* beside the option's; 0: none */
    uint32_t chars_a, chars_b; /* for accuracy by length */
    int64_t id;                /* the caller's: pair's id, cluster */
};
struct reward_pairs {
    int32_t *ids;
    size_t n_ids, cap_ids;
    struct reward_pair *list;
    size_t n, cap;
    size_t identical, cut, dropped; /* pairs whose ids are equal stay out, as those with
                                       too long or empty prompts */
};
/* The end token is put behind both responses, cut ones too: the score is read there. NULL
 * when left out. */
struct reward_pair *reward_pairs_add(struct reward_pairs *pairs, const int32_t *prompt,
                                     size_t n_prompt, const int32_t *a, size_t n_a,
                                     const int32_t *b, size_t n_b, int32_t end, double p,
                                     size_t max_prompt, size_t max_response);
void reward_pairs_release(struct reward_pairs *pairs);

/* ---- a model ---- */

struct reward_model;

/* Borrows learner (scalar head). hidden: rows of the frozen layers' output by pair of
 * this list when the learner's first_layer > 0, else NULL. */
struct reward_model *reward_new(struct learner *learner, const struct reward_pairs *pairs,
                                const struct reward_options *options,
                                struct hidden_cache *hidden, struct error *err);
void reward_free(struct reward_model *model);
struct reward_options *reward_get_options(struct reward_model *model);
struct learner *reward_learner(struct reward_model *model);
int64_t reward_steps(const struct reward_model *model);
bool reward_done(
    const struct reward_model *model); /* steps or epochs made, or the plateau reached */

/* One update: loss, loss_excess, accuracy, margin, mean_reward, min_reward, max_reward,
 * num_pairs, lr, grad_norm, epoch. */
int reward_step(struct reward_model *model, struct train_metrics *metrics,
                const struct cancel *cancel, struct error *err);

/* ---- evaluation ---- */

#define REWARD_BINS 10
struct reward_bin {
    size_t n;
    double p, hit; /* sums: of the model's probability for its choice, of the label's
                      agreement with it */
};
/* Counts, so that whoever shows them adds the interval. Labels of exactly 1/2 are left
 * out and counted (D6). */
struct reward_eval {
    size_t n, ties;             /* decided labels; labels of 1/2 */
    double right;               /* equal scores count a half */
    double loss, excess;        /* means over n + ties */
    double margin;              /* mean of (score of the label's choice - the other's) */
    double mean, min, max;      /* of all scores */
    struct reward_bin bins[REWARD_BINS]; /* of the model's probability for its choice, .5 to 1 */
    double ece, brier;
    size_t longer_n, shorter_n; /* label says the longer, the shorter (characters); equal
                                   lengths are in neither */
    double longer_right, shorter_right;
    double longer_baseline; /* "the longer is better" would be right so often, equal
                               lengths a half */
};
/* Scores of both sides of each pair, with the normalisation; hidden as in reward_new, for
 * these pairs. */
int reward_scores(struct reward_model *model, const struct reward_pairs *pairs,
                  struct hidden_cache *hidden, double *a, double *b, const struct cancel *cancel,
                  struct error *err);
/* From scores alone, so that ensembles and baselines are measured alike. */
void reward_measure(const struct reward_pairs *pairs, const double *a, const double *b,
                    struct reward_eval *out);
/* eval_loss, eval_loss_excess, eval_accuracy, eval_margin, eval_ece, .. of an evaluation. */
void reward_eval_metrics(const struct reward_eval *eval, struct train_metrics *metrics);
/* reward_scores, reward_measure, and the plateau sees the loss; true in *better: the best
 * so far. */
int reward_evaluate(struct reward_model *model, const struct reward_pairs *held_out,
                    struct hidden_cache *hidden, struct reward_eval *out, bool *better,
                    const struct cancel *cancel, struct error *err);

/* Scores of whole texts (prompt, response with its end token); texts of one prompt that
 * follow one another share it. */
int reward_score_texts(struct reward_model *model, const struct train_texts *texts, double *out,
                       const struct cancel *cancel, struct error *err);
/* Sets offset and scale by the options so that these texts (SFT references or samples)
 * average 0 (D8), and with NORMALISE_STANDARD have deviation 1. */
int reward_normalise(struct reward_model *model, const struct train_texts *texts,
                     const struct cancel *cancel, struct error *err);
/* score = (raw - offset) * scale */
void reward_get_normal(const struct reward_model *model, double *offset, double *scale);

/* One score from k members' (K members by n scores, member-major): mean, least, mean - c
 * sd (n - 1). */
void reward_combine(const double *scores, size_t k, size_t n, int how, double c, double *out);

void reward_state(struct reward_model *model, struct train_state *state);
int reward_restored(struct reward_model *model, struct error *err);

#endif
