#include "src/train/best_of_n.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

size_t best_of_n_pick(const double *scores, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double best_of_n_mean(const double *scores, size_t n, size_t k)
{
    double *sorted = xmalloc(n * sizeof(*sorted)), sum = 0, weight = (double)k / (double)n;

    memcpy(sorted, scores, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare_reals);
    /* P(the i-th smallest is the largest of k) = C(i, k - 1) / C(n, k), i from 0; from
     * the top down each weight is the one before times (i - k + 1) / i. */
    for (size_t i = n; i-- >= k;) {
        sum += weight * sorted[i];
        weight *= i > 0 ? (double)(i + 1 - k) / (double)i : 0;
    }
    free(sorted);
    return sum;
}

int best_of_n(struct sampler *sampler, const struct reward_source *reward,
              const struct train_texts *prompts, const size_t *which, size_t n_prompts, size_t n,
              struct rng_key key, struct rollout *out, double *all_scores,
              const struct cancel *cancel, struct error *err)
{
    struct rollout all = {0};
    double *scores = xmalloc((n_prompts * n + 1) * sizeof(*scores));
    int status = sampler_run(sampler, prompts, which, n_prompts, n, key, 0, &all, cancel, err);

    if (status == 0)
        status = rollout_score(&all, reward, prompts, scores, cancel, err);
    if (status == 0) {
        bool *keep = xcalloc(all.n + 1, sizeof(*keep));

        for (size_t i = 0; i < n_prompts; i++)
            keep[i * n + best_of_n_pick(scores + i * n, n)] = true;
        rollout_keep(&all, keep);
        free(keep);
        if (all_scores)
            memcpy(all_scores, scores, n_prompts * n * sizeof(*scores));
        *out = all;
    } else {
        rollout_release(&all);
    }
    free(scores);
    return status;
}
