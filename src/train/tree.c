/* Batches of prompts with responses, and what is measured on their rows. */
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/train/parts.h"

static void make_room(struct tree *tree, size_t n_shards)
{
    if (n_shards <= tree->cap_shards)
        return;
    tree->shards = xrealloc(tree->shards, n_shards * sizeof(*tree->shards));
    for (size_t i = tree->cap_shards; i < n_shards; i++)
        tree->shards[i] = (struct learn_batch){0};
    tree->offset = xrealloc(tree->offset, (n_shards + 1) * sizeof(*tree->offset));
    tree->first_group = xrealloc(tree->first_group, (n_shards + 1) * sizeof(*tree->first_group));
    tree->cap_shards = n_shards;
}

/* The output that predicts a response's first token stands at the prompt's last; the last
 * token of all predicts nothing. */
static void add_tokens(struct learn_batch *batch, int root, size_t n_prompt,
                       const struct tree_sample *sample)
{
    int segment = -1;

    if (sample->n > 1)
        segment = learn_batch_add(batch, root, sample->ids, sample->n - 1);
    learn_batch_want(batch, root, n_prompt - 1);
    for (size_t t = 1; t < sample->n; t++)
        learn_batch_want(batch, segment, t - 1);
}

static void add_group(struct learn_batch *batch, const struct tree_group *group,
                      const struct tree_sample *samples, enum tree_want want)
{
    int root = learn_batch_add(batch, -1, group->prompt, group->n_prompt);

    for (size_t i = group->first; i < group->first + group->n; i++) {
        if (want == TREE_TOKENS) {
            add_tokens(batch, root, group->n_prompt, &samples[i]);
        } else {
            int segment = learn_batch_add(batch, root, samples[i].ids, samples[i].n);
            learn_batch_want(batch, segment, samples[i].n - 1);
        }
    }
}

void tree_build(struct tree *tree, const struct tree_group *groups, size_t n_groups,
                const struct tree_sample *samples, enum tree_want want, size_t n_shards)
{
    n_shards = n_shards > n_groups ? n_groups : n_shards;
    make_room(tree, n_shards);
    tree->n_shards = n_shards;
    if (n_shards == 0)
        return;
    tree->offset[0] = tree->first_group[0] = 0;
    for (size_t s = 0; s < n_shards; s++) {
        struct learn_batch *batch = &tree->shards[s];
        size_t end = (s + 1) * n_groups / n_shards;

        learn_batch_clear(batch);
        for (size_t g = tree->first_group[s]; g < end; g++)
            add_group(batch, &groups[g], samples, want);
        tree->first_group[s + 1] = end;
        tree->offset[s + 1] = tree->offset[s] + batch->n_wanted;
    }
}

void tree_release(struct tree *tree)
{
    for (size_t i = 0; i < tree->cap_shards; i++)
        learn_batch_release(&tree->shards[i]);
    free(tree->shards);
    free(tree->offset);
    free(tree->first_group);
    *tree = (struct tree){0};
}

/* learner_forward numbers its one batch 0. */
struct forward {
    learn_row_fn *row;
    void *arg;
    size_t shard;
};

static void forward_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    const struct forward *forward = arg;

    (void)shard;
    forward->row(forward->arg, forward->shard, i, logits);
}

int tree_forward(struct learner *learner, const struct tree *tree, learn_row_fn *row, void *arg,
                 const struct cancel *cancel, struct error *err)
{
    for (size_t s = 0; s < tree->n_shards; s++) {
        struct forward forward = {row, arg, s};

        if (learner_forward(learner, &tree->shards[s], forward_row, &forward, cancel, err) != 0)
            return -1;
    }
    return 0;
}

int tree_values(struct learner *learner, const struct tree *tree, double *values,
                const struct cancel *cancel, struct error *err)
{
    for (size_t s = 0; s < tree->n_shards; s++)
        if (learner_values(learner, &tree->shards[s], values + tree->offset[s], cancel, err) != 0)
            return -1;
    return 0;
}

void row_measure(void *arg, size_t shard, size_t i, struct logits *logits)
{
    const struct row_ask *ask = arg;
    size_t at = ask->offset[shard] + i;
    struct loss_row row;

    loss_open(&row, logits, ask->temperature);
    if (ask->logprob)
        ask->logprob[at] = loss_logprob(&row, ask->targets[at]);
    if (ask->entropy)
        ask->entropy[at] = loss_entropy(&row);
    if (ask->right)
        ask->right[at] = loss_best(&row) == ask->targets[at];
}

double train_sum(const double *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}
