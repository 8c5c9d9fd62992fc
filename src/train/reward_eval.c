/* How good scores are, from the scores alone; one score of several members. */
#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/train/reward.h"

static void count_bin(struct reward_eval *out, double d, bool right, bool equal)
{
    double p = sigmoid(fabs(d));
    int at = (int)((p - .5) * 2 * REWARD_BINS);
    struct reward_bin *bin = &out->bins[at < REWARD_BINS ? at : REWARD_BINS - 1];

    bin->n++;
    bin->p += p;
    bin->hit += equal ? .5 : right;
}

static void count_length(struct reward_eval *out, const struct reward_pair *pair, double right)
{
    bool longer = pair->chars_a > pair->chars_b;

    if (pair->chars_a == pair->chars_b) {
        out->longer_baseline += .5;
        return;
    }
    if (longer == (pair->p > .5)) {
        out->longer_n++;
        out->longer_right += right;
        out->longer_baseline += 1;
    } else {
        out->shorter_n++;
        out->shorter_right += right;
    }
}

void reward_measure(const struct reward_pairs *pairs, const double *a, const double *b,
                    struct reward_eval *out)
{
    double n = (double)pairs->n;

    *out = (struct reward_eval){.min = INFINITY, .max = -INFINITY};
    for (size_t i = 0; i < pairs->n; i++) {
        const struct reward_pair *pair = &pairs->list[i];
        struct pair_loss loss = pair_loss(a[i], b[i], pair->p, 0, 0);
        double d = pair->p > .5 ? a[i] - b[i] : b[i] - a[i], right = d > 0 ? 1 : d == 0 ? .5 : 0;

        out->loss += loss.loss / n;
        out->excess += loss.excess / n;
        out->mean += (a[i] + b[i]) / (2 * n);
        out->min = fmin(out->min, fmin(a[i], b[i]));
        out->max = fmax(out->max, fmax(a[i], b[i]));
        if (pair->p == .5) {
            out->ties++;
            continue;
        }
        out->n++;
        out->right += right;
        out->margin += d;
        out->brier += (1 - sigmoid(d)) * (1 - sigmoid(d));
        count_bin(out, d, d > 0, d == 0);
        count_length(out, pair, right);
    }
    if (out->n == 0)
        return;
    out->margin /= (double)out->n;
    out->brier /= (double)out->n;
    out->longer_baseline /= (double)out->n;
    for (int i = 0; i < REWARD_BINS; i++)
        out->ece += fabs(out->bins[i].p - out->bins[i].hit) / (double)out->n;
}

void reward_eval_metrics(const struct reward_eval *eval, struct train_metrics *metrics)
{
    train_metrics_set(metrics, "eval_loss", eval->loss);
    train_metrics_set(metrics, "eval_loss_excess", eval->excess);
    train_metrics_set(metrics, "eval_mean_reward", eval->mean);
    if (eval->n) {
        train_metrics_set(metrics, "eval_accuracy", eval->right / (double)eval->n);
        train_metrics_set(metrics, "eval_margin", eval->margin);
        train_metrics_set(metrics, "eval_ece", eval->ece);
        train_metrics_set(metrics, "eval_brier", eval->brier);
        train_metrics_set(metrics, "eval_longer_baseline", eval->longer_baseline);
    }
    if (eval->longer_n)
        train_metrics_set(metrics, "eval_accuracy_longer",
                          eval->longer_right / (double)eval->longer_n);
    if (eval->shorter_n)
        train_metrics_set(metrics, "eval_accuracy_shorter",
                          eval->shorter_right / (double)eval->shorter_n);
}

void reward_combine(const double *scores, size_t k, size_t n, int how, double c, double *out)
{
    for (size_t i = 0; i < n; i++) {
        double mean = 0, least = INFINITY, spread = 0;

        for (size_t m = 0; m < k; m++) {
            mean += scores[m * n + i] / (double)k;
            least = fmin(least, scores[m * n + i]);
        }
        for (size_t m = 0; m < k; m++)
            spread += (scores[m * n + i] - mean) * (scores[m * n + i] - mean);
        if (how == ENSEMBLE_MIN)
            out[i] = least;
        else
            out[i] = how == ENSEMBLE_LOWER && k > 1 ? mean - c * sqrt(spread / (double)(k - 1))
                                                    : mean;
    }
}
