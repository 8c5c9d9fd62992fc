#include "src/label/stats_math.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/rng.h"

void sum_add(struct sum *sum, double x)
{
    double t = sum->total + x;
    if (fabs(sum->total) >= fabs(x))
        sum->rest += (sum->total - t) + x;
    else
        sum->rest += (x - t) + sum->total;
    sum->total = t;
}

double sum_value(const struct sum *sum)
{
    return sum->total + sum->rest;
}

double stats_rate(double k, size_t n)
{
    return n == 0 ? NAN : k / (double)n;
}

double stats_mean(const double *x, size_t n)
{
    struct sum sum = { 0, 0 };
    for (size_t i = 0; i < n; i++)
        sum_add(&sum, x[i]);
    return stats_rate(sum_value(&sum), n);
}

double stats_standard_error(const double *x, size_t n)
{
    if (n < 2)
        return NAN;
    double mean = stats_mean(x, n);
    struct sum sum = { 0, 0 };
    for (size_t i = 0; i < n; i++)
        sum_add(&sum, (x[i] - mean) * (x[i] - mean));
    return sqrt(sum_value(&sum) / (double)(n - 1)) / sqrt((double)n);
}

static int double_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile_sorted(const double *sorted, size_t n, double q)
{
    if (n == 0)
        return NAN;
    double at = q * (double)(n - 1);
    size_t low = (size_t)at;
    if (low + 1 >= n)
        return sorted[n - 1];
    return sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low]);
}

double stats_median(const double *x, size_t n)
{
    if (n == 0)
        return NAN;
    double *sorted = xmalloc(n * sizeof *sorted);
    memcpy(sorted, x, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, double_order);
    /* The mean of the middle two, as written: no straight line through rounding. */
    double median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    free(sorted);
    return median;
}

struct interval stats_wilson(double p, size_t n)
{
    if (n == 0 || isnan(p))
        return (struct interval){ NAN, NAN };
    double z = STATS_Z975, N = (double)n;
    double mid = p + z * z / (2 * N);
    double half = z * sqrt(fmax(0, p * (1 - p)) / N + z * z / (4 * N * N));
    double den = 1 + z * z / N;
    return (struct interval){ fmax(0, (mid - half) / den), fmin(1, (mid + half) / den) };
}

struct interval stats_normal_interval(double mean, double se)
{
    return (struct interval){ mean - STATS_Z975 * se, mean + STATS_Z975 * se };
}

/* Acklam's rational start (1e-9), then one step of Halley on erfc. */
double stats_normal_quantile(double p)
{
    static const double a[] = { -3.969683028665376e+01, 2.209460984245205e+02,
                                -2.759285104469687e+02, 1.383577518672690e+02,
                                -3.066479806614716e+01, 2.506628277459239e+00 };
    static const double b[] = { -5.447609879822406e+01, 1.615858368580409e+02,
                                -1.556989798598866e+02, 6.680131188771972e+01,
                                -1.328068155288572e+01 };
    static const double c[] = { -7.784894002430293e-03, -3.223964580411365e-01,
                                -2.400758277161838e+00, -2.549732539343734e+00,
                                4.374664141464968e+00, 2.938163982698783e+00 };
    static const double d[] = { 7.784695709041462e-03, 3.224671290700398e-01,
                                2.445134137142996e+00, 3.754408661907416e+00 };
    if (!(p > 0) || !(p < 1))
        return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    if (p > .5)
        return -stats_normal_quantile(1 - p);
    double x;
    if (p < 0.02425) {
        double q = sqrt(-2 * log(p));
        x = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
            ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    } else {
        double q = p - .5, r = q * q;
        x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
            (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
    }
    double e = .5 * erfc(-x / M_SQRT2) - p;
    double u = e * sqrt(2 * M_PI) * exp(x * x / 2);
    return x - u / (1 + x * u / 2);
}

/* ln n! less Stirling's formula (Loader 2000). */
static double stirling_error(double n)
{
    if (n <= 15) {
        double factorial = 1;
        for (int i = 2; i <= (int)n; i++)
            factorial *= i;
        return log(factorial) - ((n + .5) * log(n) - n + .5 * log(2 * M_PI));
    }
    double nn = n * n;
    return (1.0 / 12 -
            (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - (1.0 / 1188) / nn) / nn) / nn) / nn) / n;
}

/* x ln(x/m) + m - x without cancellation for x near m (Loader 2000). */
static double deviance(double x, double m)
{
    if (fabs(x - m) < .1 * (x + m)) {
        double v = (x - m) / (x + m), s = (x - m) * v, ej = 2 * x * v;
        v *= v;
        for (int j = 1; j < 1000; j++) {
            ej *= v;
            double next = s + ej / (2 * j + 1);
            if (next == s)
                return next;
            s = next;
        }
        return s;
    }
    return x * log(x / m) + m - x;
}

/* ln P(X = m), X ~ Bin(n, 1/2). */
static double log_pmf_half(size_t m, size_t n)
{
    if (m == 0 || m == n)
        return -(double)n * M_LN2;
    double x = (double)m, N = (double)n, y = N - x;
    return stirling_error(N) - stirling_error(x) - stirling_error(y) - deviance(x, N / 2) -
           deviance(y, N / 2) - .5 * log(2 * M_PI * x * (y / N));
}

/* P(X <= m) / P(X = m) for m <= n/2: terms fall from the first on. */
static double tail_ratio(size_t m, size_t n)
{
    struct sum sum = { 1, 0 };
    double term = 1;
    for (size_t k = m; k > 0; k--) {
        term *= (double)k / (double)(n - k + 1);
        sum_add(&sum, term);
        if (term < 1e-18 * sum.total)
            break;
    }
    return sum_value(&sum);
}

double stats_binomial_log10_p(size_t k, size_t n)
{
    if (n == 0)
        return NAN;
    size_t m = k < n - k ? k : n - k;
    if (2 * m == n)
        return 0;
    double log_p = M_LN2 + log_pmf_half(m, n) + log(tail_ratio(m, n));
    return fmin(0, log_p) / M_LN10;
}

double stats_binomial_p(size_t k, size_t n)
{
    if (n == 0)
        return NAN;
    size_t m = k < n - k ? k : n - k;
    if (2 * m == n)
        return 1;
    return fmin(1, 2 * tail_ratio(m, n) * exp(log_pmf_half(m, n)));
}

struct mcnemar stats_mcnemar(size_t b, size_t c)
{
    struct mcnemar out = { .b = b, .c = c, .exact_p = 1, .mid_p = 1 };
    size_t n = b + c, m = b < c ? b : c;
    if (n == 0)
        return out;
    double pmf = exp(log_pmf_half(m, n));
    out.exact_p = stats_binomial_p(b, n);
    out.mid_p = b == c ? 1 - pmf / 2 : pmf * (2 * tail_ratio(m, n) - 1);
    return out;
}

struct ranked {
    double p;
    size_t i;
};

static int ranked_order(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

void stats_holm(const double *p, size_t n, double *out)
{
    if (n == 0)
        return;
    struct ranked *ranked = xmalloc(n * sizeof *ranked);
    for (size_t i = 0; i < n; i++)
        ranked[i] = (struct ranked){ isnan(p[i]) ? 1 : p[i], i };
    qsort(ranked, n, sizeof *ranked, ranked_order);
    double most = 0;
    for (size_t j = 0; j < n; j++) {
        most = fmax(most, fmin(1, (double)(n - j) * ranked[j].p));
        out[ranked[j].i] = most;
    }
    free(ranked);
}

double stats_kappa(const size_t *table, size_t k)
{
    double n = 0, equal = 0, chance = 0;
    for (size_t i = 0; i < k; i++) {
        double row = 0, column = 0;
        for (size_t j = 0; j < k; j++) {
            row += (double)table[i * k + j];
            column += (double)table[j * k + i];
        }
        n += row;
        equal += (double)table[i * k + i];
        chance += row * column;
    }
    /* Counts are whole numbers: expected agreement 1 is seen exactly. */
    if (n == 0 || chance == n * n)
        return NAN;
    double po = equal / n, pe = chance / (n * n);
    return (po - pe) / (1 - pe);
}

double stats_fleiss(const size_t *table, size_t n, size_t k, size_t raters)
{
    if (n == 0 || raters < 2)
        return NAN;
    double m = (double)raters, N = (double)n, pe = 0;
    struct sum agree = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        double equal = 0;
        for (size_t j = 0; j < k; j++) {
            double x = (double)table[i * k + j];
            equal += x * (x - 1);
        }
        sum_add(&agree, equal / (m * (m - 1)));
    }
    bool one_class = false;
    for (size_t j = 0; j < k; j++) {
        size_t column = 0;
        for (size_t i = 0; i < n; i++)
            column += table[i * k + j];
        one_class = one_class || column == raters * n;
        double p = (double)column / (m * N);
        pe += p * p;
    }
    if (one_class)
        return NAN;
    return (sum_value(&agree) / N - pe) / (1 - pe);
}

struct placed {
    uint64_t cluster;
    size_t i;
};

static int placed_order(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

size_t stats_clusters(const uint64_t *cluster, size_t n, size_t *place)
{
    if (n == 0)
        return 0;
    struct placed *placed = xmalloc(n * sizeof *placed);
    for (size_t i = 0; i < n; i++)
        placed[i] = (struct placed){ cluster[i], i };
    qsort(placed, n, sizeof *placed, placed_order);
    size_t last = 0;
    for (size_t j = 0; j < n; j++) {
        if (j > 0 && placed[j].cluster != placed[j - 1].cluster)
            last++;
        place[placed[j].i] = last;
    }
    free(placed);
    return last + 1;
}

double stats_cluster_se(const double *x, const size_t *place, size_t n, size_t n_clusters)
{
    if (n == 0 || n_clusters < 2)
        return NAN;
    double mean = stats_mean(x, n), C = (double)n_clusters;
    struct sum *residual = xcalloc(n_clusters, sizeof *residual);
    for (size_t i = 0; i < n; i++)
        sum_add(&residual[place[i]], x[i] - mean);
    struct sum squares = { 0, 0 };
    for (size_t c = 0; c < n_clusters; c++) {
        double r = sum_value(&residual[c]);
        sum_add(&squares, r * r);
    }
    free(residual);
    return sqrt(C / (C - 1) * sum_value(&squares)) / (double)n;
}

size_t stats_bootstrap_draws(size_t asked, size_t n_clusters)
{
    const size_t budget = 20000000;
    if (n_clusters == 0 || asked <= budget / n_clusters)
        return asked;
    size_t fewer = budget / n_clusters;
    return fewer < 200 ? (asked < 200 ? asked : 200) : fewer;
}

/* n_clusters picks with replacement, two from each number: 32 bits are plenty to pick one of
 * some thousands, and this loop is where the time goes. */
static void draw_weights(struct rng_key draw, size_t n_clusters, unsigned *weight)
{
    memset(weight, 0, n_clusters * sizeof *weight);
    for (size_t i = 0; i < n_clusters; i += 2) {
        uint64_t bits = rng_bits(draw, i);
        weight[(bits >> 32) * n_clusters >> 32]++;
        if (i + 1 < n_clusters)
            weight[(bits & 0xffffffff) * n_clusters >> 32]++;
    }
}

void stats_bootstrap(struct bootstrap bootstrap, const char *what, size_t n_clusters,
                     void (*values)(const unsigned *weight, const void *data, double *out),
                     const void *data, struct interval *out, size_t n_values)
{
    for (size_t v = 0; v < n_values; v++)
        out[v] = (struct interval){ NAN, NAN };
    if (n_clusters < 2 || n_clusters >= UINT32_MAX || bootstrap.draws == 0)
        return;
    assert(n_values <= BOOTSTRAP_VALUES_MAX);
    unsigned *weight = xmalloc(n_clusters * sizeof *weight);
    double *found = xmalloc(n_values * bootstrap.draws * sizeof *found);
    size_t n[BOOTSTRAP_VALUES_MAX] = { 0 };
    struct rng_key key = rng_key(bootstrap.seed, "bootstrap", what);
    for (size_t d = 0; d < bootstrap.draws; d++) {
        double value[BOOTSTRAP_VALUES_MAX];
        draw_weights(rng_sub(key, d), n_clusters, weight);
        values(weight, data, value);
        for (size_t v = 0; v < n_values; v++)
            if (!isnan(value[v]))
                found[v * bootstrap.draws + n[v]++] = value[v];
    }
    for (size_t v = 0; v < n_values; v++) {
        double *sorted = found + v * bootstrap.draws;
        qsort(sorted, n[v], sizeof *sorted, double_order);
        out[v].low = stats_quantile_sorted(sorted, n[v], .025);
        out[v].high = stats_quantile_sorted(sorted, n[v], .975);
    }
    free(found);
    free(weight);
}

double stats_sigmoid(double x)
{
    if (x >= 0)
        return 1 / (1 + exp(-x));
    double e = exp(x);
    return e / (1 + e);
}

double stats_log_sigmoid(double x)
{
    return x >= 0 ? -log1p(exp(-x)) : x - log1p(exp(x));
}

double stats_logit(double p)
{
    return log(p) - log1p(-p);
}
