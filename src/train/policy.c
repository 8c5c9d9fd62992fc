/* One update of a policy: rollout, scores, advantages, gradient steps. */
#include "src/train/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/returns.h"
#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/train/policy_impl.h"

bool rl_has_value(int algorithm)
{
    return algorithm == RL_REINFORCE || algorithm == RL_A2C || algorithm == RL_PPO;
}

bool rl_needs_exact(const struct rl_options *options)
{
    return options->exact_kl || options->kl == KL_IN_LOSS;
}

/* ---- what fits together ---- */

static int check_options(const struct rl_options *options, struct error *err)
{
    int64_t groups = options->samples > 0 ? options->batch / options->samples : 0;

    if (groups < 1 || groups * options->samples != options->batch)
        return error_set(err, ERROR_USAGE, "batch must be a multiple of samples, not %lld and %lld",
                         (long long)options->batch, (long long)options->samples);
    if (!rl_has_value(options->algorithm) && options->samples < 2)
        return error_set(
            err, ERROR_USAGE,
            "an algorithm without a value compares samples of one prompt: samples must "
            "be 2 or more");
    if (options->minibatches > groups)
        return error_set(err, ERROR_USAGE, "%lld prompts cannot be cut into %lld minibatches",
                         (long long)groups, (long long)options->minibatches);
    if (options->epochs < 1 || options->minibatches < 1)
        return error_set(err, ERROR_USAGE, "epochs and minibatches must be at least 1");
    if (options->algorithm != RL_PPO && options->epochs * options->minibatches > 1)
        return error_set(err, ERROR_USAGE, "only ppo may learn from a rollout in several steps");
    if (options->adaptive && !(options->kl_target > 0 && options->kl_horizon > 0))
        return error_set(err, ERROR_USAGE, "kl_target and kl_horizon must be above 0");
    if (!(options->temperature > 0))
        return error_set(err, ERROR_USAGE, "learning needs a temperature above 0");
    return 0;
}

static bool same_shape(const struct learner *a, const struct learner *b)
{
    return learner_config(a)->vocab == learner_config(b)->vocab;
}

static int check_parts(const struct rl_parts *parts, const struct rl_options *options,
                       struct error *err)
{
    int context = learner_config(parts->policy)->context;

    if (learner_options(parts->policy)->head != LEARN_LM ||
        learner_options(parts->reference)->head != LEARN_LM)
        return error_set(err, ERROR_USAGE, "policy and reference must be language models");
    if (!same_shape(parts->policy, parts->reference))
        return error_set(err, ERROR_USAGE, "policy and reference have different vocabularies");
    if (rl_has_value(options->algorithm) &&
        (!parts->value || learner_options(parts->value)->head != LEARN_SCALAR))
        return error_set(err, ERROR_USAGE, "this algorithm needs a value network");
    if (parts->prompts->n == 0)
        return error_set(err, ERROR_DATA, "there is no prompt to sample from");
    for (size_t i = 0; i < parts->prompts->n; i++)
        if (parts->prompts->list[i].n_prompt + 1 > (size_t)context)
            return error_set(err, ERROR_DATA, "prompt %zu fills the model's context of %d", i + 1,
                             context);
    return 0;
}

static int make_optimisers(struct rl *rl, struct error *err)
{
    struct optimiser_options value = rl->options.optimiser;

    rl->policy_optimiser = optimiser_new(rl->parts.policy, &rl->options.optimiser, err);
    if (!rl->policy_optimiser)
        return -1;
    if (!rl->parts.value)
        return 0;
    value.lr = rl->options.value_lr;
    rl->value_optimiser = optimiser_new(rl->parts.value, &value, err);
    return rl->value_optimiser ? 0 : -1;
}

struct rl *rl_new(const struct rl_parts *parts, const struct rl_options *options, struct error *err)
{
    struct sampler_options sampler = {
        .temperature = options->temperature,
        .max_tokens = options->max_tokens,
        .cache_dir = parts->cache_dir,
    };
    struct rl *rl;

    if (check_options(options, err) != 0 || check_parts(parts, options, err) != 0)
        return NULL;
    rl = xcalloc(1, sizeof(*rl));
    rl->parts = *parts;
    rl->codec = *parts->codec;
    rl->options = *options;
    rl->options.from = rl->options.reward = NULL;
    if (!rl_has_value(options->algorithm))
        rl->parts.value = NULL;
    rl->beta = options->beta;
    rl->first_length = rl->first_entropy = rl->judged_length = rl->judged_win = NAN;
    rl->length = NAN;
    train_order_init(&rl->order, (uint64_t)options->seed, "rl prompts", parts->prompts->n);
    rl->sampler = sampler_new(parts->policy, &rl->codec, &sampler, err);
    if (!rl->sampler || make_optimisers(rl, err) != 0) {
        rl_free(rl);
        return NULL;
    }
    return rl;
}

void rl_free(struct rl *rl)
{
    if (!rl)
        return;
    sampler_free(rl->sampler);
    optimiser_free(rl->policy_optimiser);
    optimiser_free(rl->value_optimiser);
    train_order_release(&rl->order);
    rollout_release(&rl->rollout);
    tree_release(&rl->tree);
    free(rl);
}

struct rl_options *rl_get_options(struct rl *rl)
{
    return &rl->options;
}

int64_t rl_updates(const struct rl *rl)
{
    return rl->update;
}

bool rl_done(const struct rl *rl)
{
    return rl->update >= rl->options.updates;
}

double rl_beta(const struct rl *rl)
{
    return rl->beta;
}

void rl_set_beta(struct rl *rl, double beta)
{
    rl->beta = rl->options.beta = beta;
}

const struct rollout *rl_rollout(const struct rl *rl)
{
    return &rl->rollout;
}

/* ---- an update ---- */

static int sample(struct rl *rl, const char *what, struct rollout *out,
                  const struct cancel *cancel, struct error *err)
{
    const struct rl_options *options = &rl->options;
    size_t n = (size_t)(options->batch / options->samples), *which = xcalloc(n, sizeof(*which));
    int status;

    for (size_t i = 0; i < n; i++)
        which[i] = train_order_at(&rl->order, rl->cursor + (int64_t)i);
    sampler_set(rl->sampler, options->temperature, options->max_tokens);
    status = sampler_run(rl->sampler, rl->parts.prompts, which, n, (size_t)options->samples,
                         rng_key((uint64_t)options->seed, what, ""), (uint64_t)rl->update, out,
                         cancel, err);
    free(which);
    return status;
}

/* What a failed update must give back: several steps may have been made. */
struct before {
    struct train_state state;
    void *copy;
};

static int before_save(struct rl *rl, struct before *before, struct error *err)
{
    *before = (struct before){0};
    if (rl->options.epochs * rl->options.minibatches == 1)
        return 0;
    train_state_add_learner(&before->state, "", rl->parts.policy, rl->policy_optimiser);
    train_state_add_learner(&before->state, "", rl->parts.value, rl->value_optimiser);
    before->copy = train_state_copy(&before->state, err);
    return before->copy ? 0 : -1;
}

static void before_restore(struct rl *rl, struct before *before)
{
    if (!before->copy)
        return;
    train_state_paste(&before->state, before->copy);
    learner_touch(rl->parts.policy);
    optimiser_set_steps(rl->policy_optimiser, rl->policy_steps);
    if (rl->parts.value) {
        learner_touch(rl->parts.value);
        optimiser_set_steps(rl->value_optimiser, rl->value_steps);
    }
}

static void before_release(struct before *before)
{
    free(before->copy);
    train_state_release(&before->state);
}

static int learn_from(struct rl *rl, struct rollout *rollout, struct rl_sums *sums,
                      const struct cancel *cancel, struct error *err)
{
    struct before before = {0};
    void *ref_rows = NULL;
    int status = rl_measure(rl, rollout, &ref_rows, cancel, err);

    if (status == 0)
        status = before_save(rl, &before, err);
    if (status == 0) {
        rl_assemble(rl, rollout);
        status = rl_learn(rl, rollout, ref_rows, sums, cancel, err);
        if (status != 0)
            before_restore(rl, &before);
    }
    before_release(&before);
    free(ref_rows);
    return status;
}

/* Everything that an update changes besides weights and moments. */
static void move_on(struct rl *rl, double kl)
{
    const struct rl_options *options = &rl->options;

    rl->update++;
    rl->cursor += options->batch / options->samples;
    rl->episodes += options->batch;
    rl->policy_steps = optimiser_steps(rl->policy_optimiser);
    rl->value_steps = rl->value_optimiser ? optimiser_steps(rl->value_optimiser) : 0;
    if (options->adaptive)
        rl->beta = beta_adapt(rl->beta, kl, options->kl_target, (double)options->batch,
                              options->kl_horizon);
}

int rl_update(struct rl *rl, struct train_metrics *metrics, struct train_alarms *alarms,
              const struct cancel *cancel, struct error *err)
{
    struct rl_sums sums = {0};
    double start = clock_seconds();

    if (check_options(&rl->options, err) != 0)
        return -1;
    if (!rl->options.adaptive)
        rl->beta = rl->options.beta;
    rollout_release(&rl->rollout);
    if (sample(rl, "rl sample", &rl->rollout, cancel, err) != 0 ||
        rollout_columns(&rl->rollout, err) != 0 ||
        rollout_score(&rl->rollout, &rl->parts.reward, rl->parts.prompts, NULL, cancel, err) !=
            0 ||
        learn_from(rl, &rl->rollout, &sums, cancel, err) != 0)
        return train_fail(err, "RL", rl->update + 1);
    rl_report(rl, &rl->rollout, &sums, clock_seconds() - start, metrics);
    rl_watch(rl, metrics, alarms);
    move_on(rl, train_metrics_get(metrics, "objective/kl"));
    return 0;
}

/* ---- looking ---- */

/* Log-probs of the rollout's tokens by the policy as it is, into a column. */
static int read_policy(struct rl *rl, const struct rollout *rollout, double temperature,
                       double *logprob, const struct cancel *cancel, struct error *err)
{
    struct row_ask ask = {
        .offset = rl->tree.offset,
        .targets = rollout->ids,
        .temperature = temperature,
        .logprob = logprob,
    };

    return tree_forward(rl->parts.policy, &rl->tree, row_measure, &ask, cancel, err);
}

int rl_after(struct rl *rl, const struct cancel *cancel, struct error *err)
{
    void *ref_rows = NULL;
    struct rollout *rollout = &rl->rollout;
    double *before;
    int status;

    if (rollout->n == 0)
        return error_set(err, ERROR_USAGE, "there is no update yet");
    /* rl_measure builds the tree of the whole rollout, and measures with the weights as
     * they are now: the columns of the rollout are put back behind it. */
    before = xmalloc(COLUMNS * rollout->n_tokens * sizeof(*before));
    memcpy(before, rollout->numbers, COLUMNS * rollout->n_tokens * sizeof(*before));
    status = rl_measure(rl, rollout, &ref_rows, cancel, err);
    if (status == 0)
        memcpy(before + COLUMN_AFTER * rollout->n_tokens, rollout_column(rollout, COLUMN_LOGPROB),
               rollout->n_tokens * sizeof(*before));
    memcpy(rollout->numbers, before, COLUMNS * rollout->n_tokens * sizeof(*before));
    free(before);
    free(ref_rows);
    return status;
}

static void compare(struct rl *rl, const struct rollout *rollout, const double *plain,
                    struct rl_check *out)
{
    const double *old = rollout_column(rollout, COLUMN_LOGPROB);
    const double *new = rollout_column(rollout, COLUMN_NEW);
    const double *ref = rollout_column(rollout, COLUMN_REF);
    const struct params *params = learner_params(rl->parts.policy);
    size_t bytes = params->count * blas_real_size(learner_options(rl->parts.policy)->real), at = 0;
    bool equal = learner_params(rl->parts.reference)->count == params->count &&
                 learner_options(rl->parts.reference)->real ==
                     learner_options(rl->parts.policy)->real &&
                 memcmp(learner_weights(rl->parts.policy), learner_weights(rl->parts.reference),
                        bytes) == 0;

    *out = (struct rl_check){.tokens = rollout->n_tokens, .reference_off = equal ? 0 : NAN};
    for (size_t t = 0; t < rollout->n_tokens; t++) {
        out->ratio_off = fmax(out->ratio_off, fabs(expm1(new[t] - old[t])));
        out->kl_off = fmax(out->kl_off, fabs(kl_k3(old[t] - new[t])));
        if (equal)
            out->reference_off = fmax(out->reference_off, fabs(old[t] - ref[t]));
    }
    for (size_t i = 0; i < rollout->n; at += rollout->samples[i++].n) {
        const struct rollout_sample *one = &rollout->samples[i];
        double off = one->drawn - train_sum(plain + at, one->n);

        out->engine_off = fmax(out->engine_off, fabs(off) / (double)one->n);
    }
}

int rl_check_ratio(struct rl *rl, struct rl_check *out, const struct cancel *cancel,
                   struct error *err)
{
    struct rollout rollout = {0};
    void *ref_rows = NULL;
    double *plain = NULL;
    int status = sample(rl, "rl check", &rollout, cancel, err);

    if (status == 0)
        status = rollout_columns(&rollout, err);
    if (status == 0)
        status = rl_measure(rl, &rollout, &ref_rows, cancel, err);
    if (status == 0) {
        plain = xmalloc((rollout.n_tokens + 1) * sizeof(*plain));
        status = read_policy(rl, &rollout, 1, plain, cancel, err);
    }
    if (status == 0)
        status = rl_first_minibatch(rl, &rollout, cancel, err);
    if (status == 0)
        compare(rl, &rollout, plain, out);
    free(plain);
    free(ref_rows);
    rollout_release(&rollout);
    return status;
}

/* ---- what a checkpoint holds ---- */

void rl_state(struct rl *rl, struct train_state *state)
{
    train_state_add_learner(state, "policy.", rl->parts.policy, rl->policy_optimiser);
    train_state_add_learner(state, "value.", rl->parts.value, rl->value_optimiser);
    train_state_add(state, "", "beta", STATE_F64, 1, &rl->beta);
    train_state_add(state, "", "update", STATE_I64, 1, &rl->update);
    train_state_add(state, "", "cursor", STATE_I64, 1, &rl->cursor);
    train_state_add(state, "", "episodes", STATE_I64, 1, &rl->episodes);
    train_state_add(state, "", "policy.steps", STATE_I64, 1, &rl->policy_steps);
    train_state_add(state, "", "value.steps", STATE_I64, 1, &rl->value_steps);
    train_state_add(state, "", "blind", STATE_I64, 1, &rl->blind);
    train_state_add(state, "", "first_length", STATE_F64, 1, &rl->first_length);
    train_state_add(state, "", "first_entropy", STATE_F64, 1, &rl->first_entropy);
    train_state_add(state, "", "judged_length", STATE_F64, 1, &rl->judged_length);
    train_state_add(state, "", "judged_win", STATE_F64, 1, &rl->judged_win);
    train_state_add(state, "", "length", STATE_F64, 1, &rl->length);
}

int rl_restored(struct rl *rl, struct error *err)
{
    if (rl->update < 0 || rl->cursor < 0 || rl->episodes < 0 || rl->policy_steps < 0 ||
        rl->value_steps < 0)
        return error_set(err, ERROR_DATA, "the checkpoint's update or cursor is negative");
    if (!(rl->beta >= 0) || !isfinite(rl->beta))
        return error_set(err, ERROR_DATA, "the checkpoint's beta is not a number of at least 0");
    optimiser_set_steps(rl->policy_optimiser, rl->policy_steps);
    learner_touch(rl->parts.policy);
    if (rl->parts.value) {
        optimiser_set_steps(rl->value_optimiser, rl->value_steps);
        learner_touch(rl->parts.value);
    }
    return 0;
}
