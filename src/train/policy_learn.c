/* Passes over a rollout: what policy and reference say of it, what there is to learn, the
 * gradients. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/returns.h"
#include "src/base/mem.h"
#include "src/train/policy_impl.h"

/* ---- trees ---- */

/* Some of the rollout's prompts with their samples; map: the rollout's token of each
 * wanted number. */
struct part {
    size_t *map;
    size_t n; /* tokens */
};

static void part_release(struct part *part)
{
    free(part->map);
    *part = (struct part){0};
}

/* groups: indices of prompts in the rollout, NULL: all in their order. Builds rl->tree. */
static void part_build(struct rl *rl, const struct rollout *rollout, const size_t *groups,
                       size_t n_groups, struct part *out)
{
    size_t each = (size_t)rl->options.samples, at = 0;
    struct tree_group *list = xcalloc(n_groups + 1, sizeof(*list));
    struct tree_sample *samples = xcalloc(rollout->n + 1, sizeof(*samples));

    out->map = xmalloc((rollout->n_tokens + 1) * sizeof(*out->map));
    for (size_t i = 0; i < rollout->n; i++)
        samples[i] = (struct tree_sample){rollout->samples[i].ids, rollout->samples[i].n};
    for (size_t g = 0; g < n_groups; g++) {
        size_t first = (groups ? groups[g] : g) * each;
        size_t prompt = rollout->samples[first].prompt;

        list[g] = (struct tree_group){train_text_ids(rl->parts.prompts, prompt),
                                      rl->parts.prompts->list[prompt].n_prompt, first, each};
        for (size_t i = first; i < first + each; i++) {
            size_t token = (size_t)(rollout->samples[i].ids - rollout->ids);

            for (size_t t = 0; t < rollout->samples[i].n; t++)
                out->map[at++] = token + t;
        }
    }
    out->n = at;
    tree_build(&rl->tree, list, n_groups, samples, TREE_TOKENS, (size_t)rl->options.shards);
    free(list);
    free(samples);
}

static size_t count_groups(const struct rl *rl)
{
    return (size_t)(rl->options.batch / rl->options.samples);
}

/* ---- measuring ---- */

struct measure {
    struct row_ask ask;
    const struct learner *reference;
    char *ref_rows; /* log-probabilities of the reference, a row a token */
    double *exact;
};

static struct logits ref_row(const struct learner *reference, char *rows, size_t token,
                             const struct logits *like)
{
    enum blas_real real = learner_options(reference)->real;
    size_t vocab = (size_t)learner_config(reference)->vocab;

    return (struct logits){.real = real,
                           .data = rows + token * vocab * blas_real_size(real),
                           .n = vocab,
                           .simd = like->simd};
}

static void reference_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    const struct measure *measure = arg;
    const struct row_ask *ask = &measure->ask;
    size_t at = ask->offset[shard] + i;
    struct loss_row row;

    loss_open(&row, logits, ask->temperature);
    ask->logprob[at] = loss_logprob(&row, ask->targets[at]);
    if (measure->ref_rows)
        loss_log_softmax(&row, ref_row(measure->reference, measure->ref_rows, at, logits).data);
}

static void policy_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    const struct measure *measure = arg;
    const struct row_ask *ask = &measure->ask;
    size_t at = ask->offset[shard] + i;
    struct loss_row row;

    loss_open(&row, logits, ask->temperature);
    ask->logprob[at] = loss_logprob(&row, ask->targets[at]);
    ask->entropy[at] = loss_entropy(&row);
    if (measure->ref_rows) {
        struct logits reference = ref_row(measure->reference, measure->ref_rows, at, logits);

        measure->exact[at] = loss_kl(&row, &reference);
    }
}

static void sum_kl(const struct rl *rl, struct rollout *rollout)
{
    const double *exact = rollout_column(rollout, COLUMN_EXACT);
    size_t at = 0;

    for (size_t i = 0; i < rollout->n; at += rollout->samples[i++].n) {
        struct rollout_sample *sample = &rollout->samples[i];

        sample->kl = 0;
        for (size_t t = 0; t < sample->n; t++) {
            double k1 = sample->logprob[t] - sample->ref_logprob[t];

            sample->kl += k1;
            sample->kl_token[t] = rl->options.kl == KL_IN_LOSS ? exact[at + t] : k1;
        }
        sample->kl_exact = rl_needs_exact(&rl->options) ? train_sum(exact + at, sample->n) : NAN;
    }
}

int rl_measure(struct rl *rl, struct rollout *rollout, void **ref_rows,
               const struct cancel *cancel, struct error *err)
{
    struct measure measure = {.reference = rl->parts.reference};
    struct part all = {0};
    size_t vocab = (size_t)learner_config(rl->parts.policy)->vocab, bytes;
    int status;

    *ref_rows = NULL;
    if (rl_needs_exact(&rl->options)) {
        if (!size_mul(rollout->n_tokens, vocab, &bytes) ||
            !size_mul(bytes, blas_real_size(learner_options(measure.reference)->real), &bytes))
            return error_set(err, ERROR_FAILED, "a rollout's log-probabilities are too many");
        *ref_rows = mem_try(bytes, "the reference's log-probabilities (exact KL)", err);
        if (!*ref_rows)
            return -1;
    }
    part_build(rl, rollout, NULL, count_groups(rl), &all);
    measure.ref_rows = *ref_rows;
    measure.exact = rollout_column(rollout, COLUMN_EXACT);
    measure.ask = (struct row_ask){
        .offset = rl->tree.offset,
        .targets = rollout->ids,
        .temperature = rl->options.temperature,
        .logprob = rollout_column(rollout, COLUMN_REF),
    };
    status = tree_forward(rl->parts.reference, &rl->tree, reference_row, &measure, cancel, err);
    measure.ask.logprob = rollout_column(rollout, COLUMN_LOGPROB);
    measure.ask.entropy = rollout_column(rollout, COLUMN_ENTROPY);
    if (status == 0)
        status = tree_forward(rl->parts.policy, &rl->tree, policy_row, &measure, cancel, err);
    if (status == 0)
        sum_kl(rl, rollout);
    part_release(&all);
    return status;
}

/* ---- rewards ---- */

void rl_assemble(struct rl *rl, struct rollout *rollout)
{
    const struct rl_options *options = &rl->options;
    double *rewards = xmalloc((rollout->n + 1) * sizeof(*rewards));
    double scale = options->objective == OBJECTIVE_PAPER ? 1 - rl->beta : 1;
    double beta = options->kl == KL_IN_REWARD ? rl->beta : 0;

    for (size_t i = 0; i < rollout->n; i++) {
        const struct rollout_sample *sample = &rollout->samples[i];
        double limit = options->reward_clip;

        rewards[i] = sample->score - (sample->ended ? 0 : options->eos_penalty);
        if (limit > 0)
            rewards[i] = fmax(-limit, fmin(limit, rewards[i]));
    }
    if (options->whiten_rewards)
        whiten(rewards, rollout->n, VARIANCE_BIASED, true);
    for (size_t i = 0; i < rollout->n; i++) {
        struct rollout_sample *sample = &rollout->samples[i];

        sample->reward = rewards[i];
        rewards_assemble(sample->kl_token, sample->n, beta, rewards[i], scale, sample->rewards);
    }
    free(rewards);
}

/* ---- advantages ---- */

static void from_values(const struct rl *rl, struct rollout_sample *sample)
{
    const struct rl_options *options = &rl->options;

    if (options->algorithm != RL_REINFORCE) {
        advantages_gae(sample->rewards, sample->values, sample->n, options->gamma, options->lambda,
                       sample->advantages, sample->returns);
        return;
    }
    rewards_to_go(sample->rewards, sample->n, options->gamma, sample->returns);
    for (size_t t = 0; t < sample->n; t++)
        sample->advantages[t] = sample->returns[t] - sample->values[t];
}

/* One advantage a sample, from its whole reward beside the others' of its prompt. */
static void from_groups(const struct rl *rl, struct rollout *rollout)
{
    size_t each = (size_t)rl->options.samples;
    double *total = xmalloc(2 * each * sizeof(*total)), *advantage = total + each;

    for (size_t first = 0; first < rollout->n; first += each) {
        for (size_t i = 0; i < each; i++)
            total[i] = train_sum(rollout->samples[first + i].rewards,
                                 rollout->samples[first + i].n);
        if (rl->options.algorithm == RL_RLOO)
            advantages_rloo(total, each, advantage);
        else
            advantages_grpo(total, each, true, advantage);
        for (size_t i = 0; i < each; i++) {
            struct rollout_sample *sample = &rollout->samples[first + i];

            for (size_t t = 0; t < sample->n; t++) {
                sample->returns[t] = total[i];
                sample->advantages[t] = advantage[i];
            }
        }
    }
    free(total);
}

static void whiten_advantages(const struct rl *rl, struct rollout *rollout)
{
    int how = rl->options.whiten;

    if (how == WHITEN_ON || (how == WHITEN_AUTO && rl->options.algorithm == RL_PPO))
        whiten(rollout_column(rollout, COLUMN_ADVANTAGES), rollout->n_tokens, VARIANCE_BIASED,
               false);
}

/* ---- gradients ---- */

struct pass {
    struct rl *rl;
    struct rollout *rollout;
    const struct part *part;
    char *ref_rows;
    bool fused; /* values come with the gradient: there were none before */
};

/* In the fused pass a shard's values make its advantages and targets first: they need no
 * other sample. */
static void take_values(struct pass *pass, size_t shard, const double *values, size_t n)
{
    struct rl *rl = pass->rl;
    size_t each = (size_t)rl->options.samples, at = rl->tree.offset[shard];
    double *kept = rollout_column(pass->rollout, COLUMN_VALUES);

    for (size_t i = 0; i < n; i++)
        kept[pass->part->map[at + i]] = values[i];
    for (size_t g = rl->tree.first_group[shard]; g < rl->tree.first_group[shard + 1]; g++)
        for (size_t i = g * each; i < (g + 1) * each; i++)
            from_values(rl, &pass->rollout->samples[i]);
}

static void value_gradient(void *arg, size_t shard, double *values, size_t n)
{
    struct pass *pass = arg;
    const double *old = rollout_column(pass->rollout, COLUMN_VALUES);
    const double *target = rollout_column(pass->rollout, COLUMN_RETURNS);
    double *loss = rollout_column(pass->rollout, COLUMN_VALUE_LOSS);
    double *clipped = rollout_column(pass->rollout, COLUMN_VALUE_CLIPPED);
    size_t at = pass->rl->tree.offset[shard];

    if (pass->fused)
        take_values(pass, shard, values, n);
    for (size_t i = 0; i < n; i++) {
        size_t token = pass->part->map[at + i];
        struct value_loss one =
            value_loss(values[i], old[token], target[token], pass->rl->options.value_clip);

        double off = values[i] - target[token];

        loss[token] = one.loss;
        clipped[token] = one.loss > off * off / 2;
        values[i] = one.d_value / (double)pass->part->n;
    }
}

static void policy_gradient(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct pass *pass = arg;
    const struct rl_options *options = &pass->rl->options;
    size_t token = pass->part->map[pass->rl->tree.offset[shard] + i];
    double n = (double)pass->part->n;
    double advantage = rollout_column(pass->rollout, COLUMN_ADVANTAGES)[token], loss, d;
    struct logits reference;
    struct loss_terms terms = {.id = {pass->rollout->ids[token]}, .n = 1};
    struct loss_row row;
    double logprob;

    loss_open(&row, logits, options->temperature);
    logprob = loss_logprob(&row, pass->rollout->ids[token]);
    loss = -advantage * logprob;
    d = -advantage;
    if (options->algorithm == RL_PPO) {
        struct ppo_token ppo =
            ppo_token(logprob, rollout_column(pass->rollout, COLUMN_LOGPROB)[token], advantage,
                      options->clip);

        loss = ppo.loss;
        d = ppo.d_logprob;
        rollout_column(pass->rollout, COLUMN_CLIPPED)[token] = ppo.clipped;
    }
    terms.d_logprob[0] = d / n;
    if (options->entropy > 0) {
        loss -= options->entropy * loss_entropy(&row);
        terms.d_entropy = -options->entropy / n;
    }
    if (options->kl == KL_IN_LOSS && pass->ref_rows) {
        reference = ref_row(pass->rl->parts.reference, pass->ref_rows, token, logits);
        loss += pass->rl->beta * loss_kl(&row, &reference);
        terms.d_kl = pass->rl->beta / n;
        terms.reference = &reference;
    }
    rollout_column(pass->rollout, COLUMN_NEW)[token] = logprob;
    rollout_column(pass->rollout, COLUMN_LOSS)[token] = loss;
    loss_close(&row, &terms);
}

static int grad(struct pass *pass, bool value, const struct cancel *cancel, struct error *err)
{
    struct rl *rl = pass->rl;
    struct learn_call call = {
        .shards = rl->tree.shards,
        .n_shards = rl->tree.n_shards,
        .row = value ? NULL : policy_gradient,
        .values = value ? value_gradient : NULL,
        .arg = pass,
        .cancel = cancel,
    };

    return learner_grad(value ? rl->parts.value : rl->parts.policy, &call, err);
}

static double column_mean(const struct pass *pass, enum rollout_column column)
{
    const double *x = rollout_column(pass->rollout, column);
    double sum = 0;

    for (size_t i = 0; i < pass->part->n; i++)
        sum += x[pass->part->map[i]];
    return sum / (double)pass->part->n;
}

static void count_tokens(const struct pass *pass, struct rl_sums *sums)
{
    const double *old = rollout_column(pass->rollout, COLUMN_LOGPROB);
    const double *new = rollout_column(pass->rollout, COLUMN_NEW);
    const double *clipped = rollout_column(pass->rollout, COLUMN_CLIPPED);

    for (size_t i = 0; i < pass->part->n; i++) {
        size_t token = pass->part->map[i];
        double r = new[token] - old[token], ratio = exp(fmax(-20, fmin(20, r)));

        sums->k3 += kl_k3(-r);
        sums->ratio += ratio;
        sums->ratio_square += ratio * ratio;
        sums->clipped += clipped[token] > 0;
        if (sums->policy_passes == 0)
            sums->ratio_off = fmax(sums->ratio_off, fabs(ratio - 1));
    }
    sums->tokens += pass->part->n;
}

static void count_values(const struct pass *pass, struct rl_sums *sums)
{
    sums->value_tokens += pass->part->n;
    sums->value_loss += column_mean(pass, COLUMN_VALUE_LOSS);
    sums->value_clipped += column_mean(pass, COLUMN_VALUE_CLIPPED) * (double)pass->part->n;
    sums->value_passes++;
}

/*
 * Steps of both networks from their gradients. The policy's gradient and loss are looked
 * at before the value moves, so that either both move or none.
 */
static int step_both(struct pass *pass, bool policy, int64_t at, int64_t total,
                     struct rl_sums *sums, struct error *err)
{
    struct rl *rl = pass->rl;
    struct optimiser_options options = rl->options.optimiser, value = options;
    struct optimiser_report report;
    double loss = policy ? column_mean(pass, COLUMN_LOSS) : 0;

    value.lr = rl->options.value_lr;
    if (policy && (!isfinite(loss) || learner_check_finite(rl->parts.policy, true, err) != 0)) {
        if (!isfinite(loss))
            error_set(err, ERROR_FAILED, "the policy's loss is not finite");
        return -1;
    }
    if (rl->parts.value) {
        *optimiser_get_options(rl->value_optimiser) = value;
        sums->value_lr = optimiser_lr(&value, at, total);
        if (optimiser_step(rl->value_optimiser, column_mean(pass, COLUMN_VALUE_LOSS),
                           sums->value_lr, &report, err) != 0)
            return -1;
        sums->value_norm = report.grad_norm;
        count_values(pass, sums);
    }
    if (policy) {
        *optimiser_get_options(rl->policy_optimiser) = options;
        sums->lr = optimiser_lr(&options, at, total);
        if (optimiser_step(rl->policy_optimiser, loss, sums->lr, &report, err) != 0)
            return -1;
        sums->policy_norm = report.grad_norm;
        count_tokens(pass, sums);
        sums->policy_loss += loss;
        sums->policy_passes++;
    }
    return 0;
}

/* One minibatch: prompts `groups` of the rollout. */
static int minibatch(struct pass *pass, const size_t *groups, size_t n, int64_t at, int64_t total,
                     struct rl_sums *sums, const struct cancel *cancel, struct error *err)
{
    struct rl *rl = pass->rl;
    bool policy = rl->update >= rl->options.value_warmup || !rl->parts.value;
    struct part part = {0};
    int status = 0;

    part_build(rl, pass->rollout, groups, n, &part);
    pass->part = &part;
    if (rl->parts.value)
        status = grad(pass, true, cancel, err);
    if (status == 0 && pass->fused && rl->parts.value)
        whiten_advantages(rl, pass->rollout);
    if (status == 0 && policy)
        status = grad(pass, false, cancel, err);
    if (status == 0)
        status = step_both(pass, policy, at, total, sums, err);
    part_release(&part);
    return status;
}

static void shuffle(const struct rl *rl, int64_t epoch, size_t *groups, size_t n)
{
    struct rng_key key = rng_key((uint64_t)rl->options.seed, "rl minibatches", "");

    key = rng_sub(rng_sub(key, (uint64_t)rl->update), (uint64_t)epoch);
    for (size_t i = 0; i < n; i++)
        groups[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = rng_below(key, i, i), swap = groups[i - 1];

        groups[i - 1] = groups[j];
        groups[j] = swap;
    }
}

static int all_values(struct rl *rl, struct rollout *rollout, const struct cancel *cancel,
                      struct error *err)
{
    struct part all = {0};
    int status;

    part_build(rl, rollout, NULL, count_groups(rl), &all);
    status = tree_values(rl->parts.value, &rl->tree, rollout_column(rollout, COLUMN_VALUES),
                         cancel, err);
    for (size_t i = 0; status == 0 && i < rollout->n; i++)
        from_values(rl, &rollout->samples[i]);
    part_release(&all);
    return status;
}

int rl_learn(struct rl *rl, struct rollout *rollout, void *ref_rows, struct rl_sums *sums,
             const struct cancel *cancel, struct error *err)
{
    const struct rl_options *options = &rl->options;
    int64_t per_update = options->epochs * options->minibatches, at = rl->update * per_update;
    size_t n = count_groups(rl), *groups = xmalloc(n * sizeof(*groups));
    struct pass pass = {.rl = rl, .rollout = rollout, .ref_rows = ref_rows};
    int status = 0;

    pass.fused = per_update == 1 && rl->parts.value;
    if (!rl->parts.value)
        from_groups(rl, rollout);
    else if (!pass.fused)
        status = all_values(rl, rollout, cancel, err);
    if (!pass.fused)
        whiten_advantages(rl, rollout);
    for (int64_t e = 0; status == 0 && e < options->epochs; e++) {
        if (per_update > 1)
            shuffle(rl, e, groups, n);
        for (size_t m = 0; status == 0 && m < (size_t)options->minibatches; m++, at++) {
            size_t from = m * n / (size_t)options->minibatches;
            size_t to = (m + 1) * n / (size_t)options->minibatches;

            status = minibatch(&pass, per_update > 1 ? groups + from : NULL, to - from, at,
                               options->updates * per_update, sums, cancel, err);
        }
    }
    free(groups);
    return status;
}

int rl_first_minibatch(struct rl *rl, struct rollout *rollout, const struct cancel *cancel,
                       struct error *err)
{
    struct pass pass = {.rl = rl, .rollout = rollout};
    struct part all = {0};
    double *advantages = rollout_column(rollout, COLUMN_ADVANTAGES);
    int status;

    for (size_t t = 0; t < rollout->n_tokens; t++)
        advantages[t] = 1;
    part_build(rl, rollout, NULL, count_groups(rl), &all);
    pass.part = &all;
    status = grad(&pass, false, cancel, err);
    part_release(&all);
    return status;
}
