/* The reward model: soft labels, what evaluation counts, normalisation, frozen layers,
 * ensembles, resuming. */
#include "src/train/rewards.h"
#include "tests/unit/train_fixture.h"

struct fixture {
    struct pool *pool;
    struct reward_pairs pairs, held_out;
    struct reward_options options;
};

/* The better response is the word that the prompt says; p of it. */
static void add_pairs(struct reward_pairs *pairs, size_t n, uint64_t seed, double p)
{
    for (size_t i = 0; i < n; i++) {
        int32_t prompt[6], word = tiny_prompt(seed + i, prompt), other = word + 1;
        bool first = rng_below(rng_key(seed + i, "side", ""), 0, 2) == 0;
        struct reward_pair *pair;

        if (other == TINY_VOCAB)
            other = TINY_WORDS;
        pair = reward_pairs_add(pairs, prompt, 6, first ? &word : &other, 1,
                                first ? &other : &word, 1, TINY_END, first ? p : 1 - p, 0, 0);
        assert_non_null(pair);
        pair->chars_a = 3;
        pair->chars_b = first ? 2 : 4; /* the better is the longer in half of them */
    }
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->pool = pool_new(2);
    add_pairs(&f->pairs, 64, 100, .9);
    add_pairs(&f->held_out, 32, 100,
              .9); /* the same posts: that it learns at all is the question here */
    options_init(reward_option_table, &f->options);
    f->options.batch = 16;
    f->options.optimiser.lr = 0.01;
    f->options.steps = 60;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    options_release(reward_option_table, &f->options);
    reward_pairs_release(&f->pairs);
    reward_pairs_release(&f->held_out);
    pool_free(f->pool);
    free(f);
    return 0;
}

static struct reward_model *start(struct fixture *f, struct learner *learner)
{
    struct error err = {0};
    struct reward_model *model = reward_new(learner, &f->pairs, &f->options, NULL, &err);

    if (!model)
        fail_msg("%s", err.text);
    return model;
}

static void run(struct reward_model *model, int steps, struct train_metrics *metrics)
{
    struct error err = {0};

    for (int i = 0; i < steps; i++)
        must(reward_step(model, metrics, NULL, &err), &err);
}

static void test_learns(void **state)
{
    struct fixture *f = *state;
    struct learner *learner = tiny_learner(LEARN_SCALAR, f->pool, 3);
    struct reward_model *model = start(f, learner);
    struct train_metrics metrics = {0};
    struct reward_eval before, after;
    struct error err = {0};
    bool better;

    must(reward_evaluate(model, &f->held_out, NULL, &before, &better, NULL, &err), &err);
    assert_true(better);
    assert_true(fabs(before.loss - log(2)) < .1);
    run(model, 60, &metrics);
    assert_true(reward_done(model));
    must(reward_evaluate(model, &f->held_out, NULL, &after, &better, NULL, &err), &err);
    assert_true(better);
    assert_int_equal(after.n, 32);
    assert_true(after.right / 32 > .9);
    assert_true(after.excess < .2 && after.excess >= 0);
    /* The floor is the label's own entropy (D5). */
    assert_true(fabs(after.loss - after.excess - binary_entropy(.9)) < 1e-9);
    assert_true(train_metrics_get(&metrics, "accuracy") > .9);
    assert_true(train_metrics_get(&metrics, "margin") > 0);
    assert_int_equal(train_metrics_get(&metrics, "num_pairs"), 60 * 16);
    reward_free(model);
    learner_free(learner);
}

/* Sides exchanged and p turned round: the same losses, scores exchanged, the same weights
 * to rounding. */
static void test_swap(void **state)
{
    struct fixture *f = *state;
    struct learner *a = tiny_learner(LEARN_SCALAR, f->pool, 3);
    struct learner *b = tiny_learner(LEARN_SCALAR, f->pool, 3);
    struct reward_pairs swapped = {0};
    struct train_metrics x = {0}, y = {0};
    struct error err = {0};
    struct reward_model *one, *two;
    double scores[4][64];

    for (size_t i = 0; i < f->pairs.n; i++) {
        const struct reward_pair *pair = &f->pairs.list[i];
        const int32_t *ids = f->pairs.ids + pair->first;
        const int32_t *first = ids + pair->n_prompt, *second = first + pair->n_a;

        assert_non_null(reward_pairs_add(&swapped, ids, pair->n_prompt, second,
                                         pair->n_b - 1, first, pair->n_a - 1, TINY_END,
                                         1 - pair->p, 0, 0));
    }
    one = start(f, a);
    two = reward_new(b, &swapped, &f->options, NULL, &err);
    run(one, 1, &x);
    run(two, 1, &y);
    assert_true(fabs(train_metrics_get(&x, "loss") - train_metrics_get(&y, "loss")) < 1e-7);
    assert_true(fabs(train_metrics_get(&x, "grad_norm") -
                     train_metrics_get(&y, "grad_norm")) < 1e-6);
    must(reward_scores(one, &f->pairs, NULL, scores[0], scores[1], NULL, &err), &err);
    must(reward_scores(one, &swapped, NULL, scores[2], scores[3], NULL, &err), &err);
    for (size_t i = 0; i < 64; i++) {
        assert_true(scores[0][i] ==
                    scores[3][i]); /* bit for bit: a score knows nothing of its side */
        assert_true(scores[1][i] == scores[2][i]);
    }
    reward_pairs_release(&swapped);
    reward_free(one);
    reward_free(two);
    learner_free(a);
    learner_free(b);
}

static double first_loss(struct fixture *f, bool hard, double margin, double centering)
{
    struct learner *learner = tiny_learner(LEARN_SCALAR, f->pool, 3);
    struct train_metrics metrics = {0};
    struct reward_model *model;

    f->options.hard = hard;
    f->options.margin = margin;
    f->options.centering = centering;
    model = start(f, learner);
    run(model, 1, &metrics);
    reward_free(model);
    learner_free(learner);
    return train_metrics_get(&metrics, "loss");
}

/* Options reach the loss as D5 and D6 write it. Batch: the pairs that the order takes first. */
static void test_options_of_the_loss(void **state)
{
    struct fixture *f = *state;
    struct learner *learner = tiny_learner(LEARN_SCALAR, f->pool, 3);
    struct reward_model *model = start(f, learner);
    struct error err = {0};
    struct train_order order;
    double a[64], b[64], want[4] = {0};

    must(reward_scores(model, &f->pairs, NULL, a, b, NULL, &err), &err);
    train_order_init(&order, 1, "reward order", 64);
    for (int64_t i = 0; i < 16; i++) {
        size_t k = train_order_at(&order, i);
        double p = f->pairs.list[k].p, d = a[k] - b[k], sign = p > .5 ? 1 : -1;

        want[0] -= (p * log_sigmoid(d) + (1 - p) * log_sigmoid(-d)) / 16;
        want[1] -= log_sigmoid(sign * d) / 16;
        want[2] -= log_sigmoid(sign * d - .3) / 16;
        want[3] += (.5 * (a[k] + b[k]) * (a[k] + b[k]) - log_sigmoid(sign * d)) / 16;
    }
    assert_true(fabs(first_loss(f, false, 0, 0) - want[0]) < 1e-6);
    assert_true(fabs(first_loss(f, true, 0, 0) - want[1]) < 1e-6);
    assert_true(fabs(first_loss(f, true, .3, 0) - want[2]) < 1e-6);
    assert_true(fabs(first_loss(f, true, 0, .5) - want[3]) < 1e-6);
    train_order_release(&order);
    reward_free(model);
    learner_free(learner);
}

/* Four pairs by hand. */
static void test_measure(void **state)
{
    static const double a[] = {2, -1, .5, 0}, b[] = {0, 1, .5, 3};
    static const double p[] = {1, .8, .3, .5};
    static const uint32_t chars_a[] = {10, 10, 5, 5}, chars_b[] = {5, 20, 5, 9};
    struct reward_pairs pairs = {0};
    struct train_metrics metrics = {0};
    struct reward_eval eval;
    int32_t prompt = 0, first = 5, second = 6;
    double loss = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct reward_pair *pair =
            reward_pairs_add(&pairs, &prompt, 1, &first, 1, &second, 1, TINY_END, p[i], 0, 0);

        pair->chars_a = chars_a[i];
        pair->chars_b = chars_b[i];
        loss -= (p[i] * log_sigmoid(a[i] - b[i]) + (1 - p[i]) * log_sigmoid(b[i] - a[i])) / 4;
    }
    reward_measure(&pairs, a, b, &eval);
    assert_int_equal(eval.n, 3);
    assert_int_equal(eval.ties, 1);
    assert_true(eval.right == 1.5); /* right, wrong, equal */
    assert_true(fabs(eval.loss - loss) < 1e-12);
    assert_true(fabs(eval.margin - (2 - 2 + 0) / 3.) < 1e-12);
    assert_true(eval.min == -1 && eval.max == 3);
    assert_int_equal(eval.longer_n, 1);
    assert_true(eval.longer_right == 1);
    assert_int_equal(eval.shorter_n, 1);
    assert_true(eval.shorter_right == 0);
    assert_true(fabs(eval.longer_baseline - 1.5 / 3) < 1e-12);
    assert_int_equal(eval.bins[0].n, 1);                 /* probability 1/2 */
    assert_int_equal(eval.bins[7].n, 2);                 /* sigmoid(2) = .8808 */
    assert_true(fabs(eval.bins[7].hit - 1) < 1e-12);
    assert_true(fabs(eval.ece - (fabs(2 * sigmoid(2) - 1)) / 3) < 1e-12);
    reward_eval_metrics(&eval, &metrics);
    assert_true(train_metrics_get(&metrics, "eval_accuracy") == .5);
    reward_pairs_release(&pairs);
}

static void test_pairs(void **state)
{
    struct reward_pairs pairs = {0};
    int32_t prompt[] = {0, 5}, a[] = {6, 7, 8}, b[] = {6, 7, 9};
    struct reward_pair *pair;

    (void)state;
    assert_null(reward_pairs_add(&pairs, prompt, 2, a, 3, a, 3, TINY_END, 1, 0, 0));
    assert_null(reward_pairs_add(&pairs, prompt, 2, a, 3, b, 3, TINY_END, 1, 0,
                                 3)); /* alike when cut */
    assert_int_equal(pairs.identical, 2);
    assert_int_equal(pairs.cut, 2);
    assert_null(reward_pairs_add(&pairs, prompt, 2, a, 3, b, 3, TINY_END, 1, 1, 0));
    assert_int_equal(pairs.dropped, 1);
    pair = reward_pairs_add(&pairs, prompt, 2, a, 3, b, 2, TINY_END, .25, 2, 4);
    assert_non_null(pair);
    assert_int_equal(pair->n_a, 4);
    assert_int_equal(pair->n_b, 3);
    assert_int_equal(pairs.ids[pair->first + 2 + 3], TINY_END);
    assert_int_equal(pairs.ids[pair->first + 2 + 4 + 2], TINY_END);
    reward_pairs_release(&pairs);
}

/* References average 0 afterwards (D8); asked for, with deviation 1. A text alone and
 * among others scores the same. */
static void test_normalise(void **state)
{
    struct fixture *f = *state;
    struct learner *learner = tiny_learner(LEARN_SCALAR, f->pool, 3);
    struct reward_model *model = start(f, learner);
    struct train_texts texts = {0}, alone = {0};
    struct error err = {0};
    double scores[40], mean = 0, square = 0, one, offset, scale;

    tiny_texts(&texts, 40, 9, false);
    reward_get_options(model)->normalise = NORMALISE_STANDARD;
    must(reward_normalise(model, &texts, NULL, &err), &err);
    must(reward_score_texts(model, &texts, scores, NULL, &err), &err);
    for (size_t i = 0; i < 40; i++) {
        mean += scores[i] / 40;
        square += scores[i] * scores[i] / 40;
    }
    assert_true(fabs(mean) < 1e-6);
    assert_true(fabs(square - 1) < 1e-5);
    reward_get_normal(model, &offset, &scale);
    assert_true(offset != 0 && scale != 1);
    assert_true(train_texts_add(&alone, train_text_ids(&texts, 17), 6,
                                train_text_ids(&texts, 17) + 6, texts.list[17].n - 7,
                                TINY_END, 0, 0));
    must(reward_score_texts(model, &alone, &one, NULL, &err), &err);
    assert_true(one == scores[17]);
    train_texts_release(&texts);
    train_texts_release(&alone);
    reward_free(model);
    learner_free(learner);
}

static void test_combine(void **state)
{
    static const double scores[] = {1, 2, 3, 0, 2, 5}; /* two members, three texts */
    double out[3];

    (void)state;
    reward_combine(scores, 2, 3, ENSEMBLE_MEAN, 0, out);
    assert_true(out[0] == .5 && out[1] == 2 && out[2] == 4);
    reward_combine(scores, 2, 3, ENSEMBLE_MIN, 0, out);
    assert_true(out[0] == 0 && out[1] == 2 && out[2] == 3);
    reward_combine(scores, 2, 3, ENSEMBLE_LOWER, 2, out);
    assert_true(fabs(out[0] - (.5 - 2 * sqrt(.5))) < 1e-12 && out[1] == 2);
    assert_true(fabs(out[2] - (4 - 2 * sqrt(2))) < 1e-12);
    reward_combine(scores, 1, 3, ENSEMBLE_LOWER, 2, out);
    assert_true(out[2] == 3);
}

/* d-RLAIF: alike is 0, all mass on 10 is 1, on 1 is -1; what lies outside the ten does
 * not count. */
static void test_direct(void **state)
{
    double logprobs[10];

    (void)state;
    for (int i = 0; i < 10; i++)
        logprobs[i] = -7;
    assert_true(fabs(reward_direct(logprobs)) < 1e-12);
    logprobs[9] = 0;
    for (int i = 0; i < 9; i++)
        logprobs[i] = -INFINITY;
    assert_true(fabs(reward_direct(logprobs) - 1) < 1e-12);
    logprobs[0] = logprobs[9] - 800;
    logprobs[9] = -INFINITY;
    assert_true(fabs(reward_direct(logprobs) + 1) < 1e-12);
}

/* A sum of rewards, and likelihood: the mean log-prob is what cross-entropy says. */
static void test_rewards(void **state)
{
    struct fixture *f = *state;
    struct learner *lm = tiny_learner(LEARN_LM, f->pool, 4);
    struct train_texts texts = {0};
    struct sft_options options;
    struct train_metrics metrics = {0};
    struct reward_ask asks[2];
    double scale = 2, weights[] = {3, -1}, scores[2], mean;
    struct reward_source parts[] = {{reward_by_length, &scale, "length"},
                                    {reward_by_likelihood, lm, "likelihood"}};
    struct reward_by_sum sum = {parts, weights, 2};
    struct error err = {0};
    struct sft *sft;

    tiny_texts(&texts, 2, 1, false);
    for (size_t i = 0; i < 2; i++)
        asks[i] = (struct reward_ask){.prompt = i,
                                      .prompt_ids = train_text_ids(&texts, i),
                                      .n_prompt = 6,
                                      .ids = train_text_ids(&texts, i) + 6,
                                      .n = texts.list[i].n - 6,
                                      .ended = true,
                                      .text = ""};
    must(reward_by_sum(&sum, asks, 2, scores, NULL, &err), &err);
    options_init(sft_option_table, &options);
    sft = sft_new(lm, &texts, &options, &err);
    must(sft_eval(sft, &texts, 0, &metrics, NULL, &err), &err);
    /* Both texts have two response tokens. */
    mean = ((3 * 1 - scores[0]) + (3 * 1 - scores[1])) / 2;
    assert_true(fabs(mean + train_metrics_get(&metrics, "eval_loss")) < 1e-6);
    sft_free(sft);
    options_release(sft_option_table, &options);
    train_texts_release(&texts);
    learner_free(lm);
}

/* Top layers on cached rows of the frozen ones: the scores of the whole network, whether
 * rows are in memory or a file. */
static void test_frozen(void **state)
{
    struct fixture *f = *state;
    struct learner *lm = tiny_learner(LEARN_LM, f->pool, 4);
    struct learner *whole = tiny_learner(LEARN_SCALAR, f->pool, 3);
    struct learner_options top = {.head = LEARN_SCALAR, .real = BLAS_F32, .first_layer = 1};
    struct error err = {0};
    struct learner *upper = learner_new(&tiny_config, &top, f->pool, &err);
    struct reward_model *full;
    double scores[4][64];

    must(learner_copy(whole, lm, &err), &err);
    must(learner_copy(upper, whole, &err), &err);
    full = start(f, whole);
    must(reward_scores(full, &f->pairs, NULL, scores[0], scores[1], NULL, &err), &err);
    for (int in_file = 0; in_file < 2; in_file++) {
        struct hidden_options where = {.memory = in_file ? 4096 : 1 << 20};
        struct hidden_cache *cache = hidden_new(&tiny_config, learner_tf_weights(lm), 1, f->pool,
                                                &where, &err);
        struct train_metrics metrics = {0};
        struct hidden_info info;
        struct reward_model *model;

        assert_non_null(cache);
        model = reward_new(upper, &f->pairs, &f->options, cache, &err);
        if (!model)
            fail_msg("%s", err.text);
        for (int again = 0; again < 2; again++) {
            must(reward_scores(model, &f->pairs, cache, scores[2], scores[3], NULL, &err), &err);
            for (size_t i = 0; i < 64; i++) {
                assert_true(fabs(scores[0][i] - scores[2][i]) < 1e-5);
                assert_true(fabs(scores[1][i] - scores[3][i]) < 1e-5);
            }
        }
        run(model, 2, &metrics);
        hidden_get_info(cache, &info);
        assert_true(info.computed > 0 && info.reused >= info.computed);
        assert_true(info.memory <= where.memory);
        assert_true(in_file ? info.file > 0 : info.file == 0);
        reward_free(model);
        hidden_free(cache);
        must(learner_copy(upper, whole, &err), &err);
    }
    reward_free(full);
    learner_free(lm);
    learner_free(whole);
    learner_free(upper);
}

static void test_resume_is_bit_equal(void **state)
{
    struct fixture *f = *state;
    struct train_state at = {0}, resumed = {0}, straight = {0};
    struct train_metrics metrics = {0};
    struct learner *learner[3];
    struct reward_model *model[3];
    struct reward_eval eval;
    struct error err = {0};
    size_t n, m;
    void *copy, *a, *b;

    for (int i = 0; i < 3; i++) {
        learner[i] = tiny_learner(LEARN_SCALAR, f->pool, 3);
        model[i] = start(f, learner[i]);
    }
    run(model[0], 4, &metrics);
    must(reward_evaluate(model[0], &f->held_out, NULL, &eval, NULL, NULL, &err), &err);
    reward_state(model[0], &at);
    copy = state_take(&at, &n);
    reward_state(model[1], &resumed);
    state_give(&resumed, copy);
    must(reward_restored(model[1], &err), &err);
    run(model[1], 5, &metrics);
    run(model[2], 4, &metrics);
    must(reward_evaluate(model[2], &f->held_out, NULL, &eval, NULL, NULL, &err), &err);
    run(model[2], 5, &metrics);
    reward_state(model[2], &straight);
    a = state_take(&resumed, &n);
    b = state_take(&straight, &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(copy);
    free(a);
    free(b);
    for (int i = 0; i < 3; i++) {
        reward_free(model[i]);
        learner_free(learner[i]);
    }
    train_state_release(&at);
    train_state_release(&resumed);
    train_state_release(&straight);
}

/* Three evaluations without a better loss end it. */
static void test_plateau(void **state)
{
    struct train_plateau plateau = {0};

    (void)state;
    assert_false(train_plateau_see(&plateau, 0, NAN, .01));
    plateau.bad = 0;
    assert_true(train_plateau_see(&plateau, 1, .7, .01));
    assert_true(train_plateau_see(&plateau, 2, .6, .01));
    assert_false(train_plateau_see(&plateau, 3, .595, .01));
    assert_false(train_plateau_see(&plateau, 4, .9, .01));
    assert_int_equal(plateau.bad, 2);
    assert_int_equal(plateau.best_step, 2);
    assert_true(train_plateau_see(&plateau, 5, .5, .01));
    assert_int_equal(plateau.bad, 0);
    assert_false(train_plateau_see(&plateau, 6, NAN, .01));
}

static void test_refuses(void **state)
{
    struct fixture *f = *state;
    struct learner *lm = tiny_learner(LEARN_LM, f->pool, 4);
    struct learner *scalar = tiny_learner(LEARN_SCALAR, f->pool, 4);
    struct error err = {0};

    assert_null(reward_new(lm, &f->pairs, &f->options, NULL, &err));
    assert_string_equal(err.text, "a reward model needs a scalar head");
    f->pairs.list[4].p = NAN;
    assert_null(reward_new(scalar, &f->pairs, &f->options, NULL, &err));
    assert_string_equal(err.text, "pair 5 has no label between 0 and 1");
    learner_free(lm);
    learner_free(scalar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_learns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_swap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options_of_the_loss, setup, teardown),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test_setup_teardown(test_normalise, setup, teardown),
        cmocka_unit_test(test_combine),
        cmocka_unit_test(test_direct),
        cmocka_unit_test_setup_teardown(test_rewards, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frozen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_is_bit_equal, setup, teardown),
        cmocka_unit_test(test_plateau),
        cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
