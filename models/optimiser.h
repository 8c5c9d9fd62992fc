/*
 * Optimisers on a learner's flat buffers: AdamW and Adafactor, schedules, norm clipping, decay
 * groups. A step looks first: a loss, gradient or weight that is not finite ends it before
 * anything is changed and names tensor and index (D22). Sums run in a fixed order over fixed
 * blocks: the same bits for any number of threads. The owner's: one call at a time.
 */
#ifndef RLAIF_MODELS_OPTIMISER_H
#define RLAIF_MODELS_OPTIMISER_H

#include "models/learn.h"
#include "src/base/option.h"

enum optimiser_kind { OPTIMISER_ADAMW, OPTIMISER_ADAFACTOR };
/* Where Adam's epsilon stands (D21): sqrt(v / (1 - b2^t)) + eps, or sqrt(v) + eps with the correction in the rate. */
enum epsilon_kind { EPSILON_PYTORCH, EPSILON_TENSORFLOW };
enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE };

struct optimiser_options {
    int kind;             /* enum optimiser_kind */
    double lr;
    double beta1, beta2, epsilon;
    int epsilon_form;     /* enum epsilon_kind */
    double weight_decay;  /* decoupled; tensors whose row says decay */
    double clip_norm;     /* 0: off */
    int schedule;         /* enum schedule_kind */
    int64_t warmup;       /* steps from 0 up to the full rate */
    double lr_end;        /* share of lr that linear and cosine end at */
};
/* The rows: optimiser, lr, beta1, beta2, epsilon, epsilon_form, weight_decay, clip_norm, schedule, warmup, lr_end. */
extern const struct option optimiser_option_table[];

/* The rate at step `step` (from 0) of `steps` (0: endless, then linear and cosine stay at lr). */
double optimiser_lr(const struct optimiser_options *options, int64_t step, int64_t steps);

struct optimiser;

/* The state is zeros. */
struct optimiser *optimiser_new(struct learner *learner, const struct optimiser_options *options,
                                struct error *err);
void optimiser_free(struct optimiser *optimiser);
/* May be changed between steps (lr, weight_decay, clip_norm, ...), not kind. */
struct optimiser_options *optimiser_get_options(struct optimiser *optimiser);

struct optimiser_report {
    double lr;
    double grad_norm;   /* before clipping, over all tensors */
    double clip_factor; /* what the gradient was multiplied by */
};
/* One update of the learner's weights from its gradient at rate `lr`; `loss` is only looked at. The gradient is
 * worth nothing afterwards. */
int optimiser_step(struct optimiser *optimiser, double loss, double lr,
                   struct optimiser_report *report, struct error *err);

/* ---- what a checkpoint holds ---- */

int64_t optimiser_steps(const struct optimiser *optimiser); /* updates made */
void optimiser_set_steps(struct optimiser *optimiser, int64_t steps);
/* State arrays by number: "m", "v" (adamw), "rows", "cols", "v" (adafactor); numbers of the learner's kind.
 * NULL past the last. The arrays may be written to when a checkpoint is read. */
void *optimiser_state(struct optimiser *optimiser, size_t i, const char **name, size_t *count);

#endif
