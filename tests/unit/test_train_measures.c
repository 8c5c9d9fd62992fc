/* ROUGE, head-to-head, regression on length, best-of-n: against
 * tests/golden/measures.json and by hand. */
#include <jansson.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/train/best_of_n.h"
#include "src/train/duel.h"
#include "src/train/rouge.h"
#include "tests/unit/train_fixture.h"

static int setup(void **state)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = path_join(src ? src : ".", "tests/golden/measures.json");
    struct error err = {0};
    struct buf text;

    buf_init(&text, 0);
    must(file_read(path, BUF_MAX_TEXT, 0, &text, &err), &err);
    *state = json_parse(text.data, text.len, path, 1, &err);
    assert_non_null(*state);
    buf_release(&text);
    free(path);
    return 0;
}

static int teardown(void **state)
{
    json_decref(*state);
    return 0;
}

static double at(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

static void same_rouge(const json_t *row, const struct rouge *got)
{
    const struct rouge_score *scores[] = {&got->one, &got->two, &got->l};
    const json_t *want = json_object_get(row, "scores");

    for (size_t k = 0; k < 3; k++) {
        const json_t *one = json_array_get(want, k);

        assert_true(fabs(scores[k]->precision - at(one, 0)) < 1e-12);
        assert_true(fabs(scores[k]->recall - at(one, 1)) < 1e-12);
        assert_true(fabs(scores[k]->f - at(one, 2)) < 1e-12);
    }
}

static void test_rouge(void **state)
{
    const json_t *rouge = json_object_get(*state, "rouge"), *row;
    struct rouge got;
    size_t i;

    json_array_foreach(json_object_get(rouge, "pairs"), i, row)
    {
        rouge_score(json_string_value(json_object_get(row, "reference")),
                    json_string_value(json_object_get(row, "candidate")), &got);
        same_rouge(row, &got);
    }
    assert_true(i >= 18);
    json_array_foreach(json_object_get(rouge, "multi"), i, row)
    {
        const json_t *references = json_object_get(row, "references");
        const char *list[8];
        size_t n = json_array_size(references);

        for (size_t k = 0; k < n; k++)
            list[k] = json_string_value(json_array_get(references, k));
        rouge_score_best(list, n, json_string_value(json_object_get(row, "candidate")), &got);
        same_rouge(row, &got);
    }
    rouge_score_best(NULL, 0, "x", &got);
    assert_true(got.one.f == 0);
}

static double *reals(const json_t *list)
{
    double *out = xmalloc((json_array_size(list) + 1) * sizeof(*out));

    for (size_t i = 0; i < json_array_size(list); i++)
        out[i] = at(list, i);
    return out;
}

static void test_regression(void **state)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(*state, "regression"), i, row)
    {
        size_t n = json_array_size(json_object_get(row, "x"));
        double *x = reals(json_object_get(row, "x")), *y = reals(json_object_get(row, "y")), a, b;

        assert_true(logistic_fit(x, y, n, &a, &b));
        assert_true(fabs(a - json_number_value(json_object_get(row, "intercept"))) < 1e-9);
        assert_true(fabs(b - json_number_value(json_object_get(row, "slope"))) < 1e-9);
        free(x);
        free(y);
    }
    assert_int_equal(i, 3);
}

/* No finite maximum: one side of a length always wins; everybody wins; all lengths alike;
 * too few. */
static void test_regression_without_end(void **state)
{
    static const double x[] = {.5, .6, .7, 1.4, 1.5, 1.6}, equal[] = {1, 1, 1, 1, 1, 1};
    static const double split[] = {0, 0, 0, 1, 1, 1}, won[] = {1, 1, 1, 1, 1, 1};
    double a, b;

    (void)state;
    assert_false(logistic_fit(x, split, 6, &a, &b));
    assert_false(logistic_fit(x, won, 6, &a, &b));
    assert_false(logistic_fit(equal, split, 6, &a, &b));
    assert_false(logistic_fit(x, split, 1, &a, &b));
    assert_false(logistic_fit(x, split, 0, &a, &b));
}

static void test_kendall(void **state)
{
    static const double alike[] = {1, 1, 1, 2, 2, 2};
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(*state, "kendall"), i, row)
    {
        const json_t *scores = json_object_get(row, "scores"), *rater;
        size_t m = json_array_size(scores), k = json_array_size(json_array_get(scores, 0)), j;
        double *flat = xmalloc(m * k * sizeof(*flat));

        json_array_foreach(scores, j, rater)
            for (size_t c = 0; c < k; c++)
                flat[j * k + c] = at(rater, c);
        assert_true(fabs(kendall_w(flat, m, k) - json_number_value(json_object_get(row, "w"))) <
                    1e-12);
        free(flat);
    }
    assert_int_equal(i, 4);
    assert_true(isnan(kendall_w(alike, 2, 3)));
    assert_true(isnan(kendall_w(alike, 1, 3)));
}

/* ---- head-to-head ---- */

struct judge {
    double slot;   /* added to P(first is better) */
    bool fails;    /* on item 1, swapped */
    size_t asked;
};

/* The longer text is better. */
static int judge_longer(void *arg, const struct duel_ask *asks, size_t n, double *p,
                        const struct cancel *cancel, struct error *err)
{
    struct judge *judge = arg;

    (void)cancel;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        size_t a = strlen(asks[i].first), b = strlen(asks[i].second);

        p[i] = (a > b ? .75 : a < b ? .25 : .5) + judge->slot;
        if (judge->fails && asks[i].item == 1 && asks[i].swapped)
            p[i] = NAN;
        judge->asked++;
    }
    return 0;
}

static void test_duel(void **state)
{
    struct duel_item items[4];
    struct duel_summary s;
    struct judge judge = {.slot = .1};
    struct error err = {0};

    (void)state;
    duel_set(&items[0], 0, "longer text", "short");
    duel_set(&items[1], 1, "a", "bb");
    duel_set(&items[2], 2, "even", "same");
    duel_set(&items[3], 3, "caf\xc3\xa9s", "abc");
    assert_true(items[3].length_a == 5);
    must(duel_judge(items, 4, judge_longer, &judge, true, NULL, &err), &err);
    assert_int_equal(judge.asked, 8);
    duel_summarise(items, 4, 1, 500, &s);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.wins, 2);
    assert_int_equal(s.losses, 1);
    assert_int_equal(s.ties, 1); /* a pull to the first slot is averaged away */
    assert_int_equal(s.same_position, 1); /* the even pair: first in both orders */
    assert_true(s.win_rate == .625);
    assert_true(s.wilson[0] > .1 && s.wilson[0] < .625 && s.wilson[1] > .625 && s.wilson[1] < 1);
    assert_true(s.bootstrap[0] >= 0 && s.bootstrap[0] < .625 && s.bootstrap[1] <= 1);
    /* A stronger pull decides one order alone, not both. */
    judge = (struct judge){.slot = .4, .fails = true};
    must(duel_judge(items, 4, judge_longer, &judge, true, NULL, &err), &err);
    duel_summarise(items, 4, 1, 100, &s);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.wins, 2);
    must(duel_judge(items, 4, judge_longer, &judge, false, NULL, &err), &err);
    duel_summarise(items, 4, 1, 100, &s);
    assert_int_equal(s.wins, 4); /* one order: the slot wins */
    duel_summarise(items, 0, 1, 100, &s);
    assert_true(isnan(s.win_rate) && isnan(s.length_controlled));
}

/* A policy against itself: 50 % inside the interval, whatever the judge's slot. */
static void test_duel_with_itself(void **state)
{
    static const char *texts[] = {"one", "three words here", "two words", "four words are here"};
    struct duel_item items[400];
    struct judge judge = {.slot = .3};
    struct duel_summary s;
    struct error err = {0};
    struct rng_key key = rng_key(3, "test", "");

    (void)state;
    for (size_t i = 0; i < 400; i++)
        duel_set(&items[i], i, texts[rng_below(key, 2 * i, 4)],
                 texts[rng_below(key, 2 * i + 1, 4)]);
    must(duel_judge(items, 400, judge_longer, &judge, true, NULL, &err), &err);
    duel_summarise(items, 400, 1, 1000, &s);
    assert_true(s.wilson[0] < .5 && s.wilson[1] > .5);
    assert_true(s.bootstrap[0] < .5 && s.bootstrap[1] > .5);
    /* The judge looks at nothing but length: that is seen. */
    assert_true(s.separated || fabs(s.length_controlled - .5) < .05);
}

static void test_strip(void **state)
{
    static const struct {
        const char *text, *kept;
    } rows[] = {
        {"as it is .", "as it is ."}, {"dots . . . .", "dots ."}, {"dots...", "dots."},
        {"blank  \n", "blank"},       {"really ?!?!  ", "really ?"}, {"no mark", "no mark"},
        {"....", "."},                {"   ", ""},                {"", ""},
        {"a. b. .", "a. b."},         {"caf\xc3\xa9 .", "caf\xc3\xa9 ."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = duel_strip(rows[i].text, strlen(rows[i].text));

        assert_int_equal(len, strlen(rows[i].kept));
        assert_memory_equal(rows[i].text, rows[i].kept, len);
    }
}

/* ---- best of n ---- */

/* The mean over all ways to draw k of n, counted one by one. */
static void test_best_of_n_mean(void **state)
{
    static const double scores[] = {.3, -1, 2, .3, 5, -.25};

    (void)state;
    for (size_t k = 1; k <= 6; k++) {
        double sum = 0, n = 0;

        for (unsigned set = 0; set < 64; set++) {
            double most = -INFINITY;

            if ((size_t)__builtin_popcount(set) != k)
                continue;
            for (size_t i = 0; i < 6; i++)
                if (set >> i & 1)
                    most = fmax(most, scores[i]);
            sum += most;
            n++;
        }
        assert_true(fabs(best_of_n_mean(scores, 6, k) - sum / n) < 1e-12);
    }
    assert_int_equal(best_of_n_pick(scores, 6), 4);
    assert_int_equal(best_of_n_pick(scores, 4), 2);
}

/* The kept sample is the one with the best score; scores of all are given. */
static void test_best_of_n(void **state)
{
    struct pool *pool = pool_new(1);
    struct learner *policy = tiny_learner(LEARN_LM, pool, 4);
    struct train_texts prompts = {0};
    struct sampler_options options = {.temperature = 1, .max_tokens = 5};
    struct error err = {0};
    struct sampler *sampler = sampler_new(policy, &tiny_codec, &options, &err);
    double scale = 2, all[12];
    struct reward_source reward = {reward_by_length, &scale, "length"};
    struct rollout out, again;
    size_t which[] = {2, 0, 1};

    (void)state;
    assert_non_null(sampler);
    tiny_texts(&prompts, 3, 1, true);
    must(best_of_n(sampler, &reward, &prompts, which, 3, 4, rng_key(1, "t", ""), &out, all, NULL,
                   &err),
         &err);
    assert_int_equal(out.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(out.samples[i].prompt, which[i]);
        assert_true(out.samples[i].score == (double)out.samples[i].n / 2);
        for (size_t k = 0; k < 4; k++)
            assert_true(all[i * 4 + k] <= out.samples[i].score);
    }
    {
        const char *same[] = {"x", out.samples[0].text}, *const *references[] = {NULL, NULL, same};
        const size_t counts[] = {0, 0, 2};
        struct train_metrics metrics = {0};

        rollout_rouge(&out, references, counts, &metrics);
        assert_true(train_metrics_get(&metrics, "eval_rougeL") == (out.samples[0].len > 0));
        assert_true(train_metrics_get(&metrics, "eval_mean_length") > 0);
    }
    /* Equal calls give equal samples. */
    must(best_of_n(sampler, &reward, &prompts, which, 3, 4, rng_key(1, "t", ""), &again, NULL, NULL,
                   &err),
         &err);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(out.samples[i].text, again.samples[i].text);
    rollout_release(&out);
    rollout_release(&again);
    sampler_free(sampler);
    learner_free(policy);
    train_texts_release(&prompts);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rouge),
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_regression_without_end),
        cmocka_unit_test(test_kendall),
        cmocka_unit_test(test_duel),
        cmocka_unit_test(test_duel_with_itself),
        cmocka_unit_test(test_strip),
        cmocka_unit_test(test_best_of_n_mean),
        cmocka_unit_test(test_best_of_n),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
