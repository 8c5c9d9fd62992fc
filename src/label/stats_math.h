/*
 * The numbers behind the statistics: sums, intervals, exact tests, kappas, bootstrap. Pure
 * functions over plain arrays, callable from any thread. NaN stands for "cannot be said"
 * (no rows, expected agreement 1). Formulas: contract 4, golden/statistics_small.json `steps`.
 */
#ifndef RLAIF_LABEL_STATS_MATH_H
#define RLAIF_LABEL_STATS_MATH_H

#include <stddef.h>
#include <stdint.h>

#define STATS_Z975 1.959963984540054
#define STATS_Z80 0.8416212335729143
#define STATS_MDD80 (STATS_Z975 + STATS_Z80) /* times a standard error */
#define STATS_CLUSTERS_MIN 15                /* fewer: intervals are too narrow, say so */

struct interval {
    double low, high;
};

/* Neumaier's compensated sum: what math.fsum gives, but for the last bit. */
struct sum {
    double total, rest;
};
void sum_add(struct sum *sum, double x);
double sum_value(const struct sum *sum);

double stats_rate(double k, size_t n); /* k / n; NaN when n is 0 */
double stats_mean(const double *x, size_t n);
/* sd / sqrt(n), sd over n - 1; NaN when n < 2. */
double stats_standard_error(const double *x, size_t n);
double stats_median(const double *x, size_t n);
/* Quantile q of sorted x, straight line between neighbours. */
double stats_quantile_sorted(const double *sorted, size_t n, double q);

/* Wilson 95 %: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). p may hold halves. */
struct interval stats_wilson(double p, size_t n);
/* mean -+ z se, not clipped: an interval past 1 says that there are too few clusters. */
struct interval stats_normal_interval(double mean, double se);

/* x with Phi(x) = p. */
double stats_normal_quantile(double p);

/* Exact two-sided binomial p of k out of n against 1/2; 1e-12 relative down to the smallest
 * double. n = 0 gives NaN. */
double stats_binomial_p(size_t k, size_t n);
/* The same as log10, for what underflows. */
double stats_binomial_log10_p(size_t k, size_t n);

struct mcnemar {
    size_t b, c; /* right before and wrong after; the reverse */
    double exact_p, mid_p;
};
/* exact = min(1, 2 P(X <= min(b,c))), mid_p = exact's sum less P(X = min) (Fagerland 2013). */
struct mcnemar stats_mcnemar(size_t b, size_t c);

/* Holm's step-down: out[i] is p[i] adjusted for all n. NaN counts as 1. */
void stats_holm(const double *p, size_t n, double *out);

/* Cohen's kappa of a k x k table of counts, row-major. NaN when expected agreement is 1. */
double stats_kappa(const size_t *table, size_t k);
/* Fleiss' kappa of n subjects by k classes, row-major counts; every row sums to `raters` >= 2. */
double stats_fleiss(const size_t *table, size_t n, size_t k, size_t raters);

/* Rows put into clusters 0..n_clusters-1 in order of the cluster's value, so that the order of
 * rows changes nothing. place: n numbers, the caller's. Returns n_clusters. */
size_t stats_clusters(const uint64_t *cluster, size_t n, size_t *place);
/* sqrt(C/(C-1) * sum over clusters of (sum of residuals)^2) / n; NaN when C < 2. */
double stats_cluster_se(const double *x, const size_t *place, size_t n, size_t n_clusters);

/*
 * Percentile bootstrap over clusters: draw d takes n_clusters clusters with replacement, keyed by
 * (seed, what, d), and weight[c] says how often cluster c came. values() gives n_values statistics
 * of the same draw, NaN where one cannot be said (left out). Same seed, same intervals.
 */
#define BOOTSTRAP_VALUES_MAX 4
struct bootstrap {
    uint64_t seed;
    size_t draws;
};
void stats_bootstrap(struct bootstrap bootstrap, const char *what, size_t n_clusters,
                     void (*values)(const unsigned *weight, const void *data, double *out),
                     const void *data, struct interval *out, size_t n_values);
/* Draws that keep one interval below a second: as asked, fewer (200 at least) for many clusters. */
size_t stats_bootstrap_draws(size_t asked, size_t n_clusters);

double stats_sigmoid(double x);
double stats_log_sigmoid(double x);
double stats_logit(double p);

#endif
