/* The rewards that come with the program. */
#include "src/train/rewards.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/train/parts.h"

/* Asks as texts; `end` is put behind responses that did not end, so that the score is
 * read at an end token. */
static void ask_texts(const struct reward_ask *asks, size_t n, int32_t end, struct train_texts *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct reward_ask *ask = &asks[i];
        size_t words = ask->ended ? ask->n - 1 : ask->n;

        train_texts_add(out, ask->prompt_ids, ask->n_prompt, ask->ids, words, end, 0, 0);
    }
}

int reward_by_model(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                    const struct cancel *cancel, struct error *err)
{
    const struct reward_by_model *reward = arg;
    double *all = xmalloc((reward->k * n + 1) * sizeof(*all));
    struct train_texts texts = {0};
    int status = 0;

    ask_texts(asks, n, reward->end, &texts);
    for (size_t i = 0; status == 0 && i < reward->k; i++)
        status = reward_score_texts(reward->members[i], &texts, all + i * n, cancel, err);
    if (status == 0)
        reward_combine(all, reward->k, n, reward->combine, reward->c, scores);
    train_texts_release(&texts);
    free(all);
    return status;
}

int reward_by_length(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                     const struct cancel *cancel, struct error *err)
{
    const double *scale = arg;

    (void)cancel;
    (void)err;
    for (size_t i = 0; i < n; i++)
        scores[i] = (double)asks[i].n / *scale;
    return 0;
}

int reward_by_likelihood(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                         const struct cancel *cancel, struct error *err)
{
    struct tree_group *groups = xcalloc(n + 1, sizeof(*groups));
    struct tree_sample *samples = xcalloc(n + 1, sizeof(*samples));
    struct tree tree = {0};
    struct row_ask ask = {.temperature = 1};
    size_t tokens = 0, at = 0;
    int32_t *targets;
    int status;

    for (size_t i = 0; i < n; i++) {
        groups[i] = (struct tree_group){asks[i].prompt_ids, asks[i].n_prompt, i, 1};
        samples[i] = (struct tree_sample){asks[i].ids, asks[i].n};
        tokens += asks[i].n;
    }
    tree_build(&tree, groups, n, samples, TREE_TOKENS, 1);
    ask.offset = tree.offset;
    ask.targets = targets = xmalloc((tokens + 1) * sizeof(*targets));
    ask.logprob = xmalloc((tokens + 1) * sizeof(*ask.logprob));
    for (size_t i = 0; i < n; at += samples[i++].n)
        memcpy(targets + at, samples[i].ids, samples[i].n * sizeof(*targets));
    status = tree_forward(arg, &tree, row_measure, &ask, cancel, err);
    at = 0;
    for (size_t i = 0; status == 0 && i < n; at += samples[i++].n)
        scores[i] = train_sum(ask.logprob + at, samples[i].n) / (double)samples[i].n;
    tree_release(&tree);
    free(targets);
    free(ask.logprob);
    free(groups);
    free(samples);
    return status;
}

int reward_by_sum(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                  const struct cancel *cancel, struct error *err)
{
    const struct reward_by_sum *sum = arg;
    double *part = xmalloc((n + 1) * sizeof(*part));
    int status = 0;

    for (size_t i = 0; i < n; i++)
        scores[i] = 0;
    for (size_t k = 0; status == 0 && k < sum->n; k++) {
        status = sum->parts[k].score(sum->parts[k].arg, asks, n, part, cancel, err);
        for (size_t i = 0; status == 0 && i < n; i++)
            scores[i] += sum->weights[k] * part[i];
    }
    free(part);
    return status;
}

double reward_direct(const double logprobs[10])
{
    double most = logprobs[0], mass = 0, sum = 0;

    for (int i = 1; i < 10; i++)
        most = logprobs[i] > most ? logprobs[i] : most;
    for (int i = 0; i < 10; i++) {
        double p = exp(logprobs[i] - most);

        mass += p;
        sum += (i + 1) * p;
    }
    return (sum / mass - 5.5) / 4.5;
}
