#include "models/returns.h"

#include <math.h>

void rewards_assemble(const double *kl, size_t n, double beta, double score, double scale,
                      double *out)
{
    for (size_t t = 0; t < n; t++)
        out[t] = -beta * kl[t];
    out[n - 1] += scale * score;
}

void rewards_to_go(const double *rewards, size_t n, double gamma, double *out)
{
    double sum = 0;

    for (size_t t = n; t-- > 0;)
        out[t] = sum = rewards[t] + gamma * sum;
}

void advantages_gae(const double *rewards, const double *values, size_t n, double gamma,
                    double lambda, double *advantages, double *returns)
{
    double next_value = 0, next = 0;

    for (size_t t = n; t-- > 0;) {
        double value = values[t];

        next = rewards[t] + gamma * next_value - value + gamma * lambda * next;
        next_value = value;
        advantages[t] = next;
        if (returns)
            returns[t] = next + value;
    }
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : 0;
}

/* Sum of squares about the mean. */
static double spread_of(const double *x, size_t n, double mean)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

void whiten(double *x, size_t n, enum variance_kind kind, bool keep_mean)
{
    double mean = mean_of(x, n), scale = 1, back = keep_mean ? mean : 0;

    if (n > 1) {
        double variance = spread_of(x, n, mean) / (double)(kind == VARIANCE_BESSEL ? n - 1 : n);

        scale = 1 / sqrt(variance + 1e-8);
    }
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] - mean) * scale + back;
}

void advantages_rloo(const double *rewards, size_t n, double *out)
{
    double sum = mean_of(rewards, n) * (double)n;

    for (size_t i = 0; i < n; i++)
        out[i] = n > 1 ? rewards[i] - (sum - rewards[i]) / (double)(n - 1) : 0;
}

void advantages_grpo(const double *rewards, size_t n, bool scaled, double *out)
{
    double mean = mean_of(rewards, n), scale = 1;

    if (scaled && n > 1)
        scale = 1 / (sqrt(spread_of(rewards, n, mean) / (double)(n - 1)) + 1e-4);
    for (size_t i = 0; i < n; i++)
        out[i] = (rewards[i] - mean) * scale;
}

double beta_adapt(double beta, double kl, double target, double n, double horizon)
{
    double off = kl / target - 1;

    off = off < -0.2 ? -0.2 : off > 0.2 ? 0.2 : off;
    return beta * (1 + off * n / horizon);
}

double explained_variance(const double *returns, const double *values, size_t n)
{
    double mean = mean_of(returns, n), spread = spread_of(returns, n, mean), off = 0, left = 0;

    if (!(spread > 0))
        return 0;
    for (size_t i = 0; i < n; i++)
        off += returns[i] - values[i];
    off /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = returns[i] - values[i] - off;

        left += d * d;
    }
    return 1 - left / spread;
}

double best_of_n_kl(double n)
{
    return log(n) - (n - 1) / n;
}
