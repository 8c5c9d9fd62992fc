/* Fine-tuning: what it learns, how batches are cut, resuming, texts and their order. */
#include "tests/unit/train_fixture.h"

struct fixture {
    struct pool *pool;
    struct train_texts texts;
    struct sft_options options;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->pool = pool_new(2);
    tiny_texts(&f->texts, 64, 1, false);
    options_init(sft_option_table, &f->options);
    f->options.batch = 8;
    f->options.steps = 60;
    f->options.optimiser.lr = 0.01;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    options_release(sft_option_table, &f->options);
    train_texts_release(&f->texts);
    pool_free(f->pool);
    free(f);
    return 0;
}

static struct sft *start(struct fixture *f, struct learner **learner)
{
    struct error err = {0};
    struct sft *sft;

    *learner = tiny_learner(LEARN_LM, f->pool, 3);
    sft = sft_new(*learner, &f->texts, &f->options, &err);
    if (!sft)
        fail_msg("%s", err.text);
    return sft;
}

static double run(struct sft *sft, int steps)
{
    struct train_metrics metrics = {0};
    struct error err = {0};

    for (int i = 0; i < steps; i++)
        must(sft_step(sft, &metrics, NULL, &err), &err);
    return train_metrics_get(&metrics, "loss");
}

static void test_loss_goes_down(void **state)
{
    struct fixture *f = *state;
    struct train_metrics before = {0}, after = {0};
    struct error err = {0};
    struct learner *learner;
    struct sft *sft = start(f, &learner);

    must(sft_eval(sft, &f->texts, 0, &before, NULL, &err), &err);
    run(sft, 60);
    assert_true(sft_done(sft));
    must(sft_eval(sft, &f->texts, 0, &after, NULL, &err), &err);
    /* Untrained it guesses among 24; trained it knows at least when to end. */
    assert_true(fabs(train_metrics_get(&before, "eval_loss") - log(TINY_VOCAB)) < 0.3);
    assert_true(train_metrics_get(&after, "eval_loss") < 2.2);
    assert_true(train_metrics_get(&after, "eval_mean_token_accuracy") > 0.35);
    assert_true(train_metrics_get(&after, "eval_entropy") <
                train_metrics_get(&before, "eval_entropy"));
    assert_int_equal(train_metrics_get(&after, "eval_num_tokens"), 64 * 2 + 21);
    sft_free(sft);
    learner_free(learner);
}

/* One batch of 8, or 4 shards of 2: the same mean over tokens, though responses are of
 * unequal length (D2). */
static void test_shards_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct learner *one, *four;
    struct train_metrics a = {0}, b = {0};
    struct error err = {0};
    struct sft *sft;
    size_t count;

    f->options.shards = 1;
    sft = start(f, &one);
    must(sft_step(sft, &a, NULL, &err), &err);
    sft_free(sft);
    f->options.shards = 4;
    sft = start(f, &four);
    must(sft_step(sft, &b, NULL, &err), &err);
    sft_free(sft);
    assert_true(fabs(train_metrics_get(&a, "loss") - train_metrics_get(&b, "loss")) < 1e-6);
    assert_true(fabs(train_metrics_get(&a, "grad_norm") -
                     train_metrics_get(&b, "grad_norm")) < 1e-6);
    count = learner_params(one)->count;
    for (size_t i = 0; i < count; i++) {
        const float *x = learner_gradient(one), *y = learner_gradient(four);

        assert_true(fabs((double)x[i] - (double)y[i]) < 1e-6);
    }
    learner_free(one);
    learner_free(four);
}

/* 12 steps = 5, a new process' worth of new objects, 7 more: the same bits; with another
 * number of threads too. */
static void test_resume_is_bit_equal(void **state)
{
    struct fixture *f = *state;
    struct train_state first = {0}, second = {0}, straight = {0};
    struct learner *learner, *other, *whole;
    struct pool *one_thread = pool_new(1), *two = f->pool;
    struct error err = {0};
    size_t n, m;
    struct sft *sft = start(f, &learner), *resumed, *reference;
    void *copy, *a, *b;

    run(sft, 5);
    sft_state(sft, &first);
    copy = state_take(&first, &n);
    f->pool = one_thread;
    resumed = start(f, &other);
    sft_state(resumed, &second);
    state_give(&second, copy);
    must(sft_restored(resumed, &err), &err);
    assert_int_equal(sft_steps(resumed), 5);
    run(resumed, 7);
    f->pool = two;
    reference = start(f, &whole);
    run(reference, 12);
    sft_state(reference, &straight);
    a = state_take(&second, &n);
    b = state_take(&straight, &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    assert_non_null(train_state_find(&straight, "weights"));
    assert_non_null(train_state_find(&straight, "optimiser.m"));
    assert_non_null(train_state_find(&straight, "cursor"));
    free(a);
    free(b);
    free(copy);
    sft_free(sft);
    sft_free(resumed);
    sft_free(reference);
    learner_free(learner);
    learner_free(other);
    learner_free(whole);
    train_state_release(&first);
    train_state_release(&second);
    train_state_release(&straight);
    pool_free(one_thread);
}

static void test_stops_before_harm(void **state)
{
    struct fixture *f = *state;
    struct learner *learner;
    struct train_metrics metrics = {0};
    struct error err = {0};
    struct cancel cancel = {0};
    struct sft *sft = start(f, &learner);
    size_t bytes = learner_params(learner)->count * sizeof(float);
    float *weights = learner_weights(learner), *before = xmalloc(bytes);

    memcpy(before, weights, bytes);
    cancel_ask(&cancel);
    assert_int_equal(sft_step(sft, &metrics, &cancel, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    assert_memory_equal(before, weights, bytes);
    weights[3] = NAN;
    learner_touch(learner);
    memset(&err, 0, sizeof(err));
    assert_int_equal(sft_step(sft, &metrics, NULL, &err), -1);
    assert_non_null(strstr(err.text, "SFT step 1: "));
    assert_int_equal(sft_steps(sft), 0);
    free(before);
    sft_free(sft);
    learner_free(learner);
}

static void test_texts(void **state)
{
    struct train_texts texts = {0};
    int32_t prompt[] = {0, 5, 6, 3}, answer[] = {7, 8, 9};
    struct fixture *f = *state;
    struct learner *learner = tiny_learner(LEARN_LM, f->pool, 1);
    struct error err = {0};

    assert_false(train_texts_add(&texts, prompt, 4, answer, 3, TINY_END, 3,
                                 0)); /* prompt too long */
    assert_false(train_texts_add(&texts, prompt, 0, answer, 3, TINY_END, 0, 0)); /* none */
    assert_int_equal(texts.dropped, 2);
    assert_true(train_texts_add(&texts, prompt, 4, answer, 3, TINY_END, 4, 4));
    assert_int_equal(texts.list[0].n, 8);
    assert_int_equal(train_text_ids(&texts, 0)[7], TINY_END);
    assert_int_equal(texts.cut, 0);
    assert_true(train_texts_add(&texts, prompt, 4, answer, 3, TINY_END, 4,
                                3)); /* cut: no end token */
    assert_int_equal(texts.list[1].n, 7);
    assert_int_equal(train_text_ids(&texts, 1)[6], 9);
    assert_int_equal(texts.cut, 1);
    assert_true(train_texts_add(&texts, prompt, 4, NULL, 0, -1, 4, 0));
    assert_null(sft_new(learner, &texts, &f->options, &err));
    assert_non_null(strstr(err.text, "text 3 is a prompt without a completion"));
    train_texts_release(&texts);
    learner_free(learner);
}

/* Whole lines go from the end, then words of the one line that is left; what frames it stays. */
static void test_prompt_shortens(void **state)
{
    static const struct {
        const char *context;
        size_t max, n, cut;
    } rows[] = {
        {"w5 w6\nw7 w8\nw9", 0, 8, 0},
        {"w5 w6\nw7 w8\nw9", 8, 8, 0},
        {"w5 w6\nw7 w8\nw9", 7, 7, 1},
        {"w5 w6\nw7 w8\nw9", 6, 5, 2},
        {"w5 w6\nw7 w8\nw9", 4, 4, 3},
        {"w5", 3, 3, 1},
    };
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tokens out = {0};
        size_t cut = 0;

        must(train_prompt(&tiny_codec, "x ", rows[i].context, " w4", rows[i].max, &out, &cut, &err),
             &err);
        assert_int_equal(out.n, rows[i].n);
        assert_int_equal(cut, rows[i].cut);
        assert_int_equal(out.ids[0], TINY_BEGIN);
        assert_int_equal(out.ids[out.n - 1], 4);
        tokens_release(&out);
    }
    {
        struct tokens out = {0};

        assert_int_equal(train_prompt(&tiny_codec, "x ", "w5", " w4", 2, &out, NULL, &err), -1);
        assert_non_null(strstr(err.text, "3 tokens, more than the 2 allowed"));
        tokens_release(&out);
    }
}

/* Each once an epoch; other orders in other epochs; asking out of turn changes nothing. */
static void test_order(void **state)
{
    struct train_order order, again;
    int seen[10] = {0};
    bool differs = false;

    (void)state;
    train_order_init(&order, 7, "test", 10);
    train_order_init(&again, 7, "test", 10);
    for (int64_t at = 0; at < 20; at++) {
        seen[train_order_at(&order, at)]++;
        differs |= train_order_at(&order, at) != train_order_at(&order, at % 10);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(seen[i], 2);
    assert_true(differs);
    for (int64_t at = 19; at >= 0; at--)
        assert_int_equal(train_order_at(&again, at), train_order_at(&order, at));
    train_order_release(&order);
    train_order_release(&again);
}

/* Every row of the option tables has a default that it accepts, one line of text, and a
 * name of its own. */
static void test_option_tables(void **state)
{
    static const struct {
        const struct option *table;
        size_t size;
    } stages[] = {
        {sft_option_table, sizeof(struct sft_options)},
        {reward_option_table, sizeof(struct reward_options)},
        {rl_option_table, sizeof(struct rl_options)},
    };

    (void)state;
    for (size_t s = 0; s < 3; s++) {
        void *fields = xcalloc(1, stages[s].size);
        struct error err = {0};

        options_init(stages[s].table, fields);
        for (const struct option *row = stages[s].table; row->name; row++) {
            assert_true(row->text && *row->text);
            assert_ptr_equal(option_find(stages[s].table, row->name), row);
            must(option_set(stages[s].table, fields, row->name, row->value, &err), &err);
        }
        options_release(stages[s].table, fields);
        free(fields);
    }
}

static void test_metric_table(void **state)
{
    struct train_metrics metrics = {0};

    (void)state;
    for (const struct train_metric *row = train_metric_table; row->name; row++) {
        assert_ptr_equal(train_metric_find(row->name), row);
        assert_true(row->text && *row->text);
    }
    train_metrics_set(&metrics, "loss", 1);
    train_metrics_set(&metrics, "loss", 2);
    assert_int_equal(metrics.n, 1);
    assert_true(train_metrics_get(&metrics, "loss") == 2);
    assert_true(isnan(train_metrics_get(&metrics, "lr")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_loss_goes_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shards_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_is_bit_equal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stops_before_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
        cmocka_unit_test(test_prompt_shortens),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_option_tables),
        cmocka_unit_test(test_metric_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
