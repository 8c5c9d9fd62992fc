/*
 * From rewards and values to what a policy learns from: returns, advantages, whitening, group
 * baselines, rewards with KL, the adaptive coefficient. Pure arithmetic in double on the
 * caller's arrays; no state; any thread. Formulas: learning.md D13 to D19, D25.
 */
#ifndef RLAIF_MODELS_RETURNS_H
#define RLAIF_MODELS_RETURNS_H

#include <stdbool.h>
#include <stddef.h>

/* out_t = -beta kl_t, at the last token + scale * score; scale 1, or 1 - beta (the paper's). n >= 1. */
void rewards_assemble(const double *kl, size_t n, double beta, double score, double scale,
                      double *out);
/* out_t = sum over u >= t of gamma^(u - t) r_u. */
void rewards_to_go(const double *rewards, size_t n, double gamma, double *out);
/* d_t = r_t + gamma V_{t+1} - V_t (V behind the last is 0), A_t = d_t + gamma lambda A_{t+1};
 * returns_t = A_t + V_t. `returns` may be NULL. */
void advantages_gae(const double *rewards, const double *values, size_t n, double gamma,
                    double lambda, double *advantages, double *returns);

enum variance_kind { VARIANCE_BIASED, VARIANCE_BESSEL };
/* (x - mean) / sqrt(var + 1e-8) in place; keep_mean: the mean is added again (rewards). Fewer than
 * two numbers stay as they are but for their mean. */
void whiten(double *x, size_t n, enum variance_kind kind, bool keep_mean);

/* Per group of n samples of one prompt. n = 1: 0. */
void advantages_rloo(const double *rewards, size_t n, double *out); /* R_i - mean of the others */
/* R_i - mean; scaled: over the standard deviation (n - 1) + 1e-4. */
void advantages_grpo(const double *rewards, size_t n, bool scaled, double *out);

/* beta (1 + clip(kl / target - 1, -.2, .2) n / horizon); kl: of a sequence, in nats; target, horizon > 0. */
double beta_adapt(double beta, double kl, double target, double n, double horizon);

/* 1 - Var(returns - values) / Var(returns); 0 when the returns do not vary. */
double explained_variance(const double *returns, const double *values, size_t n);

/* KL of best-of-n to its policy: log n - (n - 1) / n. */
double best_of_n_kl(double n);

#endif
