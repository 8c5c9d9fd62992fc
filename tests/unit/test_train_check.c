/* The checks that a learner can type: they pass on what is right, and see what is not. */
#include "src/train/check.h"
#include "tests/unit/train_fixture.h"

static void test_padding(void **state)
{
    struct pool *pool = pool_new(2);
    struct train_texts texts = {0};
    struct error err = {0};
    struct train_check check;

    (void)state;
    tiny_texts(&texts, 20, 3, false);
    for (int head = LEARN_LM; head <= LEARN_SCALAR; head++) {
        struct learner *learner = tiny_learner((enum learn_head)head, pool, 1);

        must(check_padding(learner, &texts, &check, NULL, &err), &err);
        assert_true(check.ok);
        assert_int_equal(check.compared, head == LEARN_LM ? 20 * 2 + 6 : 20);
        assert_true(check.says[0]);
        learner_free(learner);
    }
    train_texts_release(&texts);
    pool_free(pool);
}

static void test_swap(void **state)
{
    struct pool *pool = pool_new(1);
    struct learner *learner = tiny_learner(LEARN_SCALAR, pool, 1);
    struct reward_pairs pairs = {0};
    struct reward_options options;
    struct reward_model *model;
    struct error err = {0};
    struct train_check check;

    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        int32_t prompt[6], word = tiny_prompt(i, prompt), more[] = {word, 5};

        reward_pairs_add(&pairs, prompt, 6, &word, 1, more, 2, TINY_END, .1 + .2 * (double)i, 0, 0);
    }
    options_init(reward_option_table, &options);
    model = reward_new(learner, &pairs, &options, NULL, &err);
    must(check_swap(model, &pairs, &check, NULL, &err), &err);
    assert_true(check.ok);
    assert_int_equal(check.compared, 5 * 4);
    options_release(reward_option_table, &options);
    reward_free(model);
    reward_pairs_release(&pairs);
    learner_free(learner);
    pool_free(pool);
}

static void test_resume(void **state)
{
    struct pool *one = pool_new(1), *two = pool_new(2);
    struct tf_config qwen = tiny_config;
    struct error err = {0};
    struct train_check check;

    (void)state;
    must(check_resume(&tiny_config, one, two, &check, NULL, &err), &err);
    if (!check.ok)
        fail_msg("%s", check.where);
    assert_true(check.compared > 10000);
    assert_string_equal(check.where, "");
    qwen.n_kv_heads = qwen.n_heads;
    qwen.tied = false;
    must(check_resume(&qwen, two, one, &check, NULL, &err), &err);
    assert_true(check.ok);
    pool_free(one);
    pool_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_resume),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
