/* Supervised fine-tuning, one step a call. */
#include "src/train/sft.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/train/parts.h"

#define ENTROPY_EVERY 10 /* exact entropy reads every logit once more */

struct sft {
    struct learner *learner;
    struct optimiser *optimiser;
    const struct train_texts *texts;
    struct sft_options options;
    struct train_order order;
    struct tree tree;
    int64_t step, cursor, tokens; /* cursor: examples taken so far */
};

static int check_texts(const struct train_texts *texts, const struct learner *learner,
                       struct error *err)
{
    const struct tf_config *config = learner_config(learner);

    if (texts->n == 0)
        return error_set(err, ERROR_DATA, "there is no text to learn from");
    for (size_t i = 0; i < texts->n; i++) {
        const struct train_text *text = &texts->list[i];

        if (text->n == text->n_prompt)
            return error_set(err, ERROR_DATA, "text %zu is a prompt without a completion", i + 1);
        if (text->n > (size_t)config->context)
            return error_set(err, ERROR_DATA,
                             "text %zu has %zu tokens, more than the model's context of %d", i + 1,
                             text->n, config->context);
    }
    return 0;
}

struct sft *sft_new(struct learner *learner, const struct train_texts *texts,
                    const struct sft_options *options, struct error *err)
{
    struct sft *sft;

    if (learner_options(learner)->head != LEARN_LM) {
        error_set(err, ERROR_USAGE, "fine-tuning needs a language model's head");
        return NULL;
    }
    if (check_texts(texts, learner, err) != 0)
        return NULL;
    sft = xcalloc(1, sizeof(*sft));
    sft->learner = learner;
    sft->texts = texts;
    sft->options = *options;
    sft->options.preset = sft->options.from = NULL;
    train_order_init(&sft->order, (uint64_t)options->seed, "sft order", texts->n);
    sft->optimiser = optimiser_new(learner, &options->optimiser, err);
    if (!sft->optimiser) {
        sft_free(sft);
        return NULL;
    }
    return sft;
}

void sft_free(struct sft *sft)
{
    if (!sft)
        return;
    optimiser_free(sft->optimiser);
    train_order_release(&sft->order);
    tree_release(&sft->tree);
    free(sft);
}

struct sft_options *sft_get_options(struct sft *sft)
{
    return &sft->options;
}

int64_t sft_steps(const struct sft *sft)
{
    return sft->step;
}

bool sft_done(const struct sft *sft)
{
    return sft->step >= sft->options.steps;
}

/* ---- a batch ---- */

struct sft_batch {
    struct sft *sft;
    struct row_ask ask;
    int32_t *targets;
    double *losses; /* by number: one block with logprob, entropy, right */
    size_t n;       /* response tokens */
};

static void batch_open(struct sft_batch *batch, struct sft *sft, const struct train_texts *texts,
                       const size_t *which, size_t n, bool entropy)
{
    struct tree_group *groups = xcalloc(n, sizeof(*groups));
    struct tree_sample *samples = xcalloc(n, sizeof(*samples));
    size_t at = 0;

    *batch = (struct sft_batch){.sft = sft};
    for (size_t i = 0; i < n; i++) {
        const struct train_text *text = &texts->list[which[i]];
        const int32_t *ids = train_text_ids(texts, which[i]);

        groups[i] = (struct tree_group){ids, text->n_prompt, i, 1};
        samples[i] = (struct tree_sample){ids + text->n_prompt, text->n - text->n_prompt};
        batch->n += samples[i].n;
    }
    tree_build(&sft->tree, groups, n, samples, TREE_TOKENS, (size_t)sft->options.shards);
    batch->targets = xmalloc(batch->n * sizeof(*batch->targets));
    for (size_t i = 0; i < n; i++) {
        memcpy(batch->targets + at, samples[i].ids, samples[i].n * sizeof(*batch->targets));
        at += samples[i].n;
    }
    batch->losses = xcalloc(3 * batch->n, sizeof(*batch->losses));
    batch->ask = (struct row_ask){
        .offset = sft->tree.offset,
        .targets = batch->targets,
        .temperature = 1,
        .logprob = batch->losses,
        .right = batch->losses + batch->n,
        .entropy = entropy ? batch->losses + 2 * batch->n : NULL,
    };
    free(groups);
    free(samples);
}

static void batch_close(struct sft_batch *batch)
{
    free(batch->targets);
    free(batch->losses);
}

static void learn_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    const struct sft_batch *batch = arg;
    const struct row_ask *ask = &batch->ask;
    size_t at = ask->offset[shard] + i;
    struct loss_terms terms = {
        .id = {ask->targets[at]},
        .d_logprob = {-1 / (double)batch->n},
        .n = 1,
    };
    struct loss_row row;

    loss_open(&row, logits, 1);
    ask->logprob[at] = loss_logprob(&row, ask->targets[at]);
    ask->right[at] = loss_best(&row) == ask->targets[at];
    if (ask->entropy)
        ask->entropy[at] = loss_entropy(&row);
    loss_close(&row, &terms);
}

static int learn(struct sft_batch *batch, struct train_metrics *metrics,
                 const struct cancel *cancel, struct error *err)
{
    struct sft *sft = batch->sft;
    struct learn_call call = {
        .shards = sft->tree.shards,
        .n_shards = sft->tree.n_shards,
        .row = learn_row,
        .arg = batch,
        .cancel = cancel,
    };
    struct optimiser_report report;
    double n = (double)batch->n, loss, lr;

    if (learner_grad(sft->learner, &call, err) != 0)
        return -1;
    loss = -train_sum(batch->ask.logprob, batch->n) / n;
    *optimiser_get_options(sft->optimiser) = sft->options.optimiser;
    lr = optimiser_lr(&sft->options.optimiser, sft->step, sft->options.steps);
    if (optimiser_step(sft->optimiser, loss, lr, &report, err) != 0)
        return -1;
    train_metrics_set(metrics, "loss", loss);
    train_metrics_set(metrics, "mean_token_accuracy", train_sum(batch->ask.right, batch->n) / n);
    if (batch->ask.entropy)
        train_metrics_set(metrics, "entropy", train_sum(batch->ask.entropy, batch->n) / n);
    train_metrics_set(metrics, "lr", lr);
    train_metrics_set(metrics, "grad_norm", report.grad_norm);
    return 0;
}

int sft_step(struct sft *sft, struct train_metrics *metrics, const struct cancel *cancel,
             struct error *err)
{
    size_t n = (size_t)sft->options.batch, *which = xcalloc(n, sizeof(*which));
    struct sft_batch batch;
    int status;

    for (size_t i = 0; i < n; i++)
        which[i] = train_order_at(&sft->order, sft->cursor + (int64_t)i);
    batch_open(&batch, sft, sft->texts, which, n, sft->step % ENTROPY_EVERY == 0);
    status = learn(&batch, metrics, cancel, err);
    if (status == 0) {
        sft->step++;
        sft->cursor += (int64_t)n;
        sft->tokens += (int64_t)batch.n;
        train_metrics_set(metrics, "num_tokens", (double)sft->tokens);
        train_metrics_set(metrics, "epoch", (double)sft->cursor / (double)sft->texts->n);
    } else {
        train_fail(err, "SFT", sft->step + 1);
    }
    batch_close(&batch);
    free(which);
    return status;
}

int sft_eval(struct sft *sft, const struct train_texts *texts, size_t limit,
             struct train_metrics *metrics, const struct cancel *cancel, struct error *err)
{
    size_t n = limit && limit < texts->n ? limit : texts->n, batch_size = 64, which[64];
    double loss = 0, right = 0, entropy = 0, tokens = 0;

    if (check_texts(texts, sft->learner, err) != 0)
        return -1;
    for (size_t from = 0; from < n; from += batch_size) {
        size_t count = n - from < batch_size ? n - from : batch_size;
        struct sft_batch batch;
        int status;

        for (size_t i = 0; i < count; i++)
            which[i] = from + i;
        batch_open(&batch, sft, texts, which, count, true);
        status = tree_forward(sft->learner, &sft->tree, row_measure, &batch.ask, cancel, err);
        loss -= train_sum(batch.ask.logprob, batch.n);
        right += train_sum(batch.ask.right, batch.n);
        entropy += train_sum(batch.ask.entropy, batch.n);
        tokens += (double)batch.n;
        batch_close(&batch);
        if (status != 0)
            return -1;
    }
    train_metrics_set(metrics, "eval_loss", loss / tokens);
    train_metrics_set(metrics, "eval_mean_token_accuracy", right / tokens);
    train_metrics_set(metrics, "eval_entropy", entropy / tokens);
    train_metrics_set(metrics, "eval_num_tokens", tokens);
    return 0;
}

/* ---- what a checkpoint holds ---- */

void sft_state(struct sft *sft, struct train_state *state)
{
    train_state_add_learner(state, "", sft->learner, sft->optimiser);
    train_state_add(state, "", "step", STATE_I64, 1, &sft->step);
    train_state_add(state, "", "cursor", STATE_I64, 1, &sft->cursor);
    train_state_add(state, "", "tokens", STATE_I64, 1, &sft->tokens);
}

int sft_restored(struct sft *sft, struct error *err)
{
    if (sft->step < 0 || sft->cursor < 0 || sft->tokens < 0)
        return error_set(err, ERROR_DATA, "the checkpoint's step or cursor is negative");
    optimiser_set_steps(sft->optimiser, sft->step);
    learner_touch(sft->learner);
    return 0;
}
