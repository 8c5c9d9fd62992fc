/* RL: the first minibatch, what each algorithm makes of a rollout, KL, resuming, failures. */
#include "models/returns.h"
#include "tests/unit/train_fixture.h"

struct fixture {
    struct pool *pool;
    struct train_texts prompts;
    struct learner *policy, *reference, *value;
    struct rl_options options;
    double scale;
    bool broken; /* the reward gives NaN */
};

/* Likes the token 9: a share of the response. */
static int reward_nines(void *arg, const struct reward_ask *asks, size_t n, double *scores,
                        const struct cancel *cancel, struct error *err)
{
    const struct fixture *f = arg;

    (void)cancel;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        double nines = 0;

        assert_int_equal(asks[i].n_prompt, 6);
        assert_int_equal(asks[i].len, strlen(asks[i].text));
        for (size_t t = 0; t < asks[i].n; t++)
            nines += asks[i].ids[t] == 9;
        scores[i] = f->broken && i == 1 ? NAN : f->scale * nines;
    }
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct error err = {0};

    f->pool = pool_new(2);
    f->scale = 1;
    tiny_texts(&f->prompts, 16, 5, true);
    f->policy = tiny_learner(LEARN_LM, f->pool, 2);
    f->reference = tiny_learner(LEARN_LM, f->pool, 7);
    f->value = tiny_learner(LEARN_SCALAR, f->pool, 9);
    must(learner_copy(f->reference, f->policy, &err), &err);
    must(learner_copy(f->value, f->policy, &err), &err);
    options_init(rl_option_table, &f->options);
    f->options.batch = 16;
    f->options.max_tokens = 6;
    f->options.eos_penalty = 0;
    f->options.optimiser.lr = f->options.value_lr = 0.005;
    f->options.updates = 40;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    options_release(rl_option_table, &f->options);
    train_texts_release(&f->prompts);
    learner_free(f->policy);
    learner_free(f->reference);
    learner_free(f->value);
    pool_free(f->pool);
    free(f);
    return 0;
}

static struct rl *start(struct fixture *f)
{
    struct rl_parts parts = {
        .policy = f->policy,
        .reference = f->reference,
        .value = f->value,
        .prompts = &f->prompts,
        .codec = &tiny_codec,
        .reward = {reward_nines, f, "nines"},
    };
    struct error err = {0};
    struct rl *rl = rl_new(&parts, &f->options, &err);

    if (!rl)
        fail_msg("%s", err.text);
    return rl;
}

static void update(struct rl *rl, struct train_metrics *metrics)
{
    struct error err = {0};

    *metrics = (struct train_metrics){0};
    must(rl_update(rl, metrics, NULL, NULL, &err), &err);
}

/* ratio = 1 and KL = 0 in the first minibatch; the policy is its own reference; the
 * engine agrees (D9). */
static void test_first_minibatch(void **state)
{
    struct fixture *f = *state;
    struct rl_check check;
    struct error err = {0};
    struct train_metrics metrics;
    struct rl *rl = start(f);

    must(rl_check_ratio(rl, &check, NULL, &err), &err);
    assert_true(check.tokens >= 16);
    assert_true(check.ratio_off == 0);
    assert_true(check.kl_off == 0);
    assert_true(check.reference_off == 0);
    assert_true(check.engine_off < 1e-5);
    update(rl, &metrics);
    assert_true(train_metrics_get(&metrics, "val/first_ratio_off") == 0);
    assert_true(train_metrics_get(&metrics, "objective/kl") == 0);
    must(rl_check_ratio(rl, &check, NULL, &err), &err);
    assert_true(check.ratio_off == 0);
    assert_true(isnan(check.reference_off)); /* it has moved */
    rl_free(rl);
}

/* What stands in a rollout is what the formulas say, written out here once more. */
static void test_rollout_adds_up(void **state)
{
    struct fixture *f = *state;
    struct train_metrics metrics;
    const struct rollout *rollout;
    struct rl *rl;
    double kl = 0, tokens = 0;

    learner_init(f->reference, 8, 0.1); /* so that there is a KL */
    f->options.exact_kl = true;
    rl = start(f);
    update(rl, &metrics);
    rollout = rl_rollout(rl);
    assert_int_equal(rollout->n, 16);
    for (size_t i = 0; i < rollout->n; i++) {
        const struct rollout_sample *s = &rollout->samples[i];
        double sum = 0, to_go = 0, all = 0;

        assert_true(s->ended == (s->ids[s->n - 1] == TINY_END));
        for (size_t t = 0; t < s->n; t++) {
            double k1 = s->logprob[t] - s->ref_logprob[t];

            assert_true(s->entropy[t] >= 0 && s->entropy[t] <= log(TINY_VOCAB) + 1e-9);
            assert_true(fabs(s->kl_token[t] - k1) < 1e-12);
            assert_true(fabs(s->rewards[t] + .05 * k1 -
                             (t + 1 == s->n ? .95 * s->score : 0)) < 1e-12);
            sum += k1;
            all += s->rewards[t];
        }
        for (size_t t = s->n; t-- > 0;) {
            to_go += s->rewards[t];
            assert_true(fabs(s->returns[t] - to_go) < 1e-12);
            assert_true(fabs(s->advantages[t] - (to_go - s->values[t])) < 1e-12);
        }
        /* The rewards add up to the objective (D13). */
        assert_true(fabs(all - (.95 * s->score - .05 * sum)) < 1e-9);
        assert_true(fabs(s->kl - sum) < 1e-9);
        assert_true(s->kl_exact > 0);
        kl += sum;
        tokens += (double)s->n;
    }
    assert_true(fabs(train_metrics_get(&metrics, "objective/kl") - kl / 16) < 1e-9);
    assert_true(fabs(train_metrics_get(&metrics, "objective/kl_per_token") - kl / tokens) < 1e-9);
    assert_true(train_metrics_get(&metrics, "policy/entropy_avg") > 0);
    for (size_t i = 0; i < metrics.n; i++)
        assert_true(isfinite(metrics.list[i].value));
    rl_free(rl);
}

static double mean_score(struct rl *rl, int updates)
{
    struct train_metrics metrics;
    double sum = 0;

    for (int i = 0; i < updates; i++) {
        update(rl, &metrics);
        if (i >= updates - 5)
            sum += train_metrics_get(&metrics, "objective/scores") / 5;
    }
    return sum;
}

/* Every algorithm finds what is liked: about .2 nines a response at first. */
static void test_algorithms_learn(void **state)
{
    static const struct {
        int algorithm, kl;
        int64_t samples, epochs, minibatches;
    } rows[] = {
        {RL_REINFORCE, KL_IN_REWARD, 1, 1, 1}, {RL_REINFORCE, KL_IN_LOSS, 1, 1, 1},
        {RL_A2C, KL_IN_REWARD, 2, 1, 1},       {RL_PPO, KL_IN_REWARD, 1, 2, 2},
        {RL_RLOO, KL_IN_REWARD, 4, 1, 1},      {RL_GRPO, KL_IN_LOSS, 4, 1, 1},
    };
    struct fixture *f = *state;
    struct error err = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rl *rl;
        double score;

        must(learner_copy(f->policy, f->reference, &err), &err);
        must(learner_copy(f->value, f->reference, &err), &err);
        f->options.algorithm = rows[i].algorithm;
        f->options.kl = rows[i].kl;
        f->options.samples = rows[i].samples;
        f->options.epochs = rows[i].epochs;
        f->options.minibatches = rows[i].minibatches;
        rl = start(f);
        score = mean_score(rl, 40);
        if (score < 1)
            fail_msg("row %zu: a score of %g after 40 updates", i, score);
        assert_true(rl_done(rl));
        rl_free(rl);
    }
}

static double kl_after(struct fixture *f, double beta, int updates)
{
    struct train_metrics metrics;
    struct error err = {0};
    struct rl *rl;
    double kl = 0;

    must(learner_copy(f->policy, f->reference, &err), &err);
    f->options.beta = beta;
    rl = start(f);
    for (int i = 0; i < updates; i++) {
        update(rl, &metrics);
        kl = fmax(kl, train_metrics_get(&metrics, "objective/kl_exact"));
    }
    rl_free(rl);
    return kl;
}

/* With beta 1 there is no reward left, only the KL: the policy stays. */
static void test_large_beta_stays(void **state)
{
    struct fixture *f = *state;
    double stays, leaves;

    f->options.exact_kl = true;
    f->options.optimiser.lr = 0.002;
    leaves = kl_after(f, 0, 30);
    stays = kl_after(f, 1, 30);
    assert_true(leaves > 1);
    assert_true(stays < 0.1);
    f->options.kl = KL_IN_LOSS;
    stays = kl_after(f, 1, 30);
    assert_true(stays < 0.05);
}

/* Samples of one prompt: the advantages are those of the tables, whole responses' rewards
 * beside each other. */
static void test_group_advantages(void **state)
{
    struct fixture *f = *state;
    struct train_metrics metrics;

    f->options.samples = 4;
    for (int algorithm = RL_RLOO; algorithm <= RL_GRPO; algorithm++) {
        struct rl *rl;

        f->options.algorithm = algorithm;
        rl = start(f);
        update(rl, &metrics);
        for (size_t first = 0; first < 16; first += 4) {
            const struct rollout_sample *s = rl_rollout(rl)->samples + first;
            double total[4], want[4];

            for (size_t i = 0; i < 4; i++) {
                assert_int_equal(s[i].prompt, s[0].prompt);
                total[i] = 0;
                for (size_t t = 0; t < s[i].n; t++)
                    total[i] += s[i].rewards[t];
            }
            if (algorithm == RL_RLOO)
                for (size_t i = 0; i < 4; i++)
                    want[i] = total[i] - (total[0] + total[1] + total[2] + total[3] - total[i]) / 3;
            else
                advantages_grpo(total, 4, true, want);
            for (size_t i = 0; i < 4; i++)
                for (size_t t = 0; t < s[i].n; t++)
                    assert_true(fabs(s[i].advantages[t] - want[i]) < 1e-9);
        }
        assert_true(isnan(train_metrics_get(&metrics, "loss/value_avg")));
        rl_free(rl);
    }
}

/* PPO: several steps on one rollout; advantages white over all its tokens; ratios leave 1. */
static void test_ppo(void **state)
{
    struct fixture *f = *state;
    struct train_metrics metrics;
    struct rl *rl;
    double sum = 0, square = 0, n;

    f->options.algorithm = RL_PPO;
    f->options.epochs = 4;
    f->options.minibatches = 2;
    f->options.value_clip = .2;
    rl = start(f);
    update(rl, &metrics);
    n = (double)rl_rollout(rl)->n_tokens;
    for (size_t i = 0; i < 16; i++) {
        const struct rollout_sample *s = &rl_rollout(rl)->samples[i];

        for (size_t t = 0; t < s->n; t++) {
            sum += s->advantages[t];
            square += s->advantages[t] * s->advantages[t];
        }
    }
    assert_true(fabs(sum / n) < 1e-9);
    assert_true(fabs(square / n - 1) < 1e-3);
    assert_true(train_metrics_get(&metrics, "val/first_ratio_off") == 0);
    assert_true(train_metrics_get(&metrics, "policy/approxkl_avg") > 0);
    assert_true(train_metrics_get(&metrics, "val/ratio_var") > 0);
    assert_true(train_metrics_get(&metrics, "policy/clipfrac_avg") >= 0);
    rl_free(rl);
}

static void test_adaptive_beta(void **state)
{
    struct fixture *f = *state;
    struct train_metrics metrics;
    struct rl *rl;
    double before, kl;

    learner_init(f->reference, 8, 0.1);
    f->options.adaptive = true;
    f->options.kl_target = 1000;
    f->options.kl_horizon = 100;
    rl = start(f);
    before = rl_beta(rl);
    update(rl, &metrics);
    kl = train_metrics_get(&metrics, "objective/kl");
    assert_true(fabs(rl_beta(rl) - before * (1 - .2 * 16 / 100.)) < 1e-12); /* far below: a fifth */
    assert_true(fabs(rl_beta(rl) - beta_adapt(before, kl, 1000, 16, 100)) < 1e-15);
    rl_set_beta(rl, .3);
    update(rl, &metrics);
    assert_true(train_metrics_get(&metrics, "objective/kl_coef") == .3);
    rl_free(rl);
}

/* A score that is no number, or a wish to stop: policy, value and counters are as before,
 * even behind several steps. */
static void test_failure_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct train_state before = {0};
    struct train_metrics metrics;
    struct cancel cancel = {0};
    struct error err = {0};
    struct rl *rl;
    size_t n;
    void *a, *b;

    rl = start(f);
    update(rl, &metrics);
    rl_state(rl, &before);
    a = state_take(&before, &n);
    f->broken = true;
    assert_int_equal(rl_update(rl, &metrics, NULL, NULL, &err), -1);
    assert_string_equal(err.text, "RL step 2: nines gave sample 2 no finite score");
    f->broken = false;
    cancel_ask(&cancel);
    memset(&err, 0, sizeof(err));
    assert_int_equal(rl_update(rl, &metrics, NULL, &cancel, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    b = state_take(&before, &n);
    assert_memory_equal(a, b, n);
    assert_int_equal(rl_updates(rl), 1);
    free(a);
    free(b);
    train_state_release(&before);
    rl_free(rl);
}

static void put_back(struct fixture *f)
{
    struct error err = {0};

    must(learner_copy(f->policy, f->reference, &err), &err);
    learner_init(f->value, 9, 0.1);
}

/* 5 updates = 2, everything into new objects, 3 more: bit for bit, adaptive beta and
 * PPO's minibatches included. */
static void test_resume_is_bit_equal(void **state)
{
    struct fixture *f = *state;
    struct train_state at2 = {0}, resumed = {0}, straight = {0};
    struct train_metrics metrics;
    struct error err = {0};
    struct rl *rl;
    size_t n, m;
    void *copy, *a, *b;

    f->options.algorithm = RL_PPO;
    f->options.epochs = 2;
    f->options.minibatches = 2;
    f->options.adaptive = true;
    put_back(f);
    rl = start(f);
    update(rl, &metrics);
    update(rl, &metrics);
    rl_state(rl, &at2);
    copy = state_take(&at2, &n);
    rl_free(rl);
    put_back(f);
    rl = start(f);
    rl_state(rl, &resumed);
    state_give(&resumed, copy);
    must(rl_restored(rl, &err), &err);
    assert_int_equal(rl_updates(rl), 2);
    for (int i = 0; i < 3; i++)
        update(rl, &metrics);
    a = state_take(&resumed, &n);
    rl_free(rl);
    put_back(f);
    rl = start(f);
    for (int i = 0; i < 5; i++)
        update(rl, &metrics);
    rl_state(rl, &straight);
    b = state_take(&straight, &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    rl_free(rl);
    free(copy);
    free(a);
    free(b);
    train_state_release(&at2);
    train_state_release(&resumed);
    train_state_release(&straight);
}

/* What `step` shows: log-probs after the update moved the way of the advantages. */
static void test_after(void **state)
{
    struct fixture *f = *state;
    struct train_metrics metrics;
    struct error err = {0};
    struct rl *rl = start(f);
    double gain = 0, old;

    f->options.optimiser.lr = 0.01;
    assert_int_equal(rl_after(rl, NULL, &err), -1);
    update(rl, &metrics);
    old = rl_rollout(rl)->samples[0].logprob[0];
    must(rl_after(rl, NULL, &err), &err);
    assert_true(rl_rollout(rl)->samples[0].logprob[0] == old);
    for (size_t i = 0; i < 16; i++) {
        const struct rollout_sample *s = &rl_rollout(rl)->samples[i];

        for (size_t t = 0; t < s->n; t++)
            gain += s->advantages[t] * (s->after[t] - s->logprob[t]);
    }
    assert_true(gain > 0);
    rl_free(rl);
}

static void test_alarms(void **state)
{
    struct fixture *f = *state;
    struct train_metrics metrics = {0};
    struct train_alarms alarms = {0};
    struct error err = {0};
    struct rl *rl;

    learner_init(f->reference, 8, 0.1);
    f->options.kl_limit = 1e-6;
    f->options.max_tokens = 1;
    rl = start(f);
    must(rl_update(rl, &metrics, &alarms, NULL, &err), &err);
    assert_true(alarms.n >= 1);
    assert_string_equal(alarms.list[alarms.n - 1].kind, "eos"); /* one token is seldom the end */
    alarms.n = 0;
    rl_judged(rl, .5, &alarms);
    assert_int_equal(alarms.n, 0);
    rl_get_options(rl)->max_tokens = 6;
    must(rl_update(rl, &metrics, NULL, NULL, &err), &err);
    rl_judged(rl, .5, &alarms);
    assert_int_equal(alarms.n, 1);
    assert_string_equal(alarms.list[0].kind, "length");
    rl_free(rl);
}

/* What cannot be is refused before anything is made. */
static void test_refuses(void **state)
{
    struct fixture *f = *state;
    struct rl_options good = f->options;
    struct rl_parts parts = {
        .policy = f->policy,
        .reference = f->reference,
        .value = f->value,
        .prompts = &f->prompts,
        .codec = &tiny_codec,
        .reward = {reward_nines, f, "nines"},
    };
    struct error err;

    f->options.samples = 3;
    assert_null(rl_new(&parts, &f->options, &err));
    assert_string_equal(err.text, "batch must be a multiple of samples, not 16 and 3");
    f->options = good;
    f->options.algorithm = RL_RLOO;
    assert_null(rl_new(&parts, &f->options, &err));
    f->options = good;
    f->options.epochs = 2;
    assert_null(rl_new(&parts, &f->options, &err));
    assert_string_equal(err.text, "only ppo may learn from a rollout in several steps");
    f->options = good;
    parts.value = NULL;
    assert_null(rl_new(&parts, &f->options, &err));
    assert_string_equal(err.text, "this algorithm needs a value network");
    parts.value = f->policy;
    assert_null(rl_new(&parts, &f->options, &err));
    parts.value = f->value;
    parts.reference = f->value;
    assert_null(rl_new(&parts, &f->options, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_minibatch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollout_adds_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_algorithms_learn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_beta_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_group_advantages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ppo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adaptive_beta, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_is_bit_equal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alarms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
