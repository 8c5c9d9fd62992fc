/*
 * Losses on one row of logits and on scalar scores: values, and the derivatives that the
 * backward pass starts from. Everything is summed in double in a fixed order, whatever the kind
 * of number of the row. No state; any thread. Formulas: learning.md D2, D5, D6, D10, D11, D19, D23.
 *
 * A row goes: loss_open (log-sum-exp once), then what one wants to know of it, then, in
 * training, loss_close, which replaces the logits by the derivative of the row's loss.
 */
#ifndef RLAIF_MODELS_LOSSES_H
#define RLAIF_MODELS_LOSSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/blas.h"
#include "models/cpu.h"

/* A row of numbers of one kind: logits, or log-probabilities of a reference. */
struct logits {
    enum blas_real real;
    void *data; /* n floats or doubles */
    size_t n;
    enum simd simd; /* how sums over the row are made; SIMD_NONE is always right */
};
static inline double logits_at(const struct logits *row, size_t i)
{
    return row->real == BLAS_F64 ? ((const double *)row->data)[i]
                                 : (double)((const float *)row->data)[i];
}

struct loss_row {
    struct logits logits;
    double temperature;
    double logsumexp; /* of logits / temperature: log p(id) = logits[id] / temperature - logsumexp */
};
/* Not finite logsumexp: a logit is NaN or infinite; the caller reports it. */
void loss_open(struct loss_row *row, const struct logits *logits, double temperature);
/* log p(id) at the temperature. */
static inline double loss_logprob(const struct loss_row *row, int32_t id)
{
    return logits_at(&row->logits, (size_t)id) / row->temperature - row->logsumexp;
}
/* -sum p log p >= 0 (D23). */
double loss_entropy(const struct loss_row *row);
/* sum p (log p - log q) with q from log-probabilities at the same temperature, exact over the vocabulary (D11). */
double loss_kl(const struct loss_row *row, const struct logits *reference);
/* All log-probabilities, in the row's own kind of number: what a reference keeps. */
void loss_log_softmax(const struct loss_row *row, void *out);
/* The id with the largest logit (the first of equals). */
int32_t loss_best(const struct loss_row *row);

#define LOSS_TARGETS 4
/* What the row's loss is made of: derivatives with respect to these. Unused: 0. */
struct loss_terms {
    int32_t id[LOSS_TARGETS];           /* tokens whose log-probability counts */
    double d_logprob[LOSS_TARGETS];     /* cross-entropy: -1 / n; policy gradient: -A / n; ppo_token's */
    size_t n;
    double d_entropy;                   /* entropy bonus c: -c / n */
    double d_kl;                        /* exact KL in the loss: beta / n */
    const struct logits *reference;     /* log-probabilities; needed with d_kl */
};
/* Replaces the logits by d loss / d logits. The gradient of KL goes through p only. */
void loss_close(struct loss_row *row, const struct loss_terms *terms);

/* ---- per token ---- */

/* Estimators of KL from one sample's log-ratio r = log p - log q (D11). */
static inline double kl_k1(double r)
{
    return r;
}
static inline double kl_k2(double r)
{
    return r * r / 2;
}
double kl_k3(double r); /* exp(-r) - 1 + r, by expm1 */

struct ppo_token {
    double ratio;      /* exp(new - old), log-ratio limited to +-20 */
    double loss;       /* max(-A ratio, -A clip(ratio, 1 - clip, 1 + clip)) */
    double d_logprob;  /* d loss / d new log-probability: 0 where the clipped term is the larger */
    bool clipped;      /* the clipped term is strictly larger */
};
struct ppo_token ppo_token(double logprob, double old_logprob, double advantage, double clip);

/* ---- scalar scores ---- */

/* log sigmoid(x) without overflow: -(max(-x, 0) + log1p(exp(-|x|))). */
double log_sigmoid(double x);
double sigmoid(double x);
/* -p log p - (1 - p) log(1 - p): the least that a soft label's loss can be. */
double binary_entropy(double p);

struct pair_loss {
    double loss;             /* centering included */
    double excess;           /* loss without centering - H(p) */
    double d_first, d_second; /* d loss / d score */
};
/*
 * Cross-entropy of the soft label p = P(first is better) with sigmoid(first - second - margin),
 * + centering (first + second)^2 (D5, D6). Hard labels: p = 0 or 1.
 */
struct pair_loss pair_loss(double first, double second, double p, double margin, double centering);

struct value_loss {
    double loss;    /* (value - target)^2 / 2, or the larger of it and the clipped one */
    double d_value;
};
/* clip > 0: value limited to old +- clip beside the plain one, the larger loss counts (D19). */
struct value_loss value_loss(double value, double old_value, double target, double clip);

#endif
