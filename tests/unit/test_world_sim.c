/* The simulated labelers L, S and XS on pairs of the pocket world, beside the paper's
 * figures. */
#include <stdio.h>

#include "src/data/world_pairs.h"
#include "src/label/stats.h"
#include "src/label/stats_position.h"
#include "tests/unit/test_stats_fixture.h"

static void make_pairs(struct fixture *f, int64_t seed, size_t n)
{
    struct world_options options;
    struct post_list posts = {0};
    options_init(world_option_table, &options);
    options.seed = seed;
    options.references = 0;
    fixture_init(f);
    world_make_posts(&options, WORLD_PAIRS, 0, n, &posts);
    world_make_pairs(&options, posts.posts, n, &f->pairs, NULL);
    for (size_t i = 0; i < f->pairs.n; i++)
        f->pairs.pairs[i].num = (int)i + 1;
    post_list_release(&posts);
}

/* Paper: agreement with people, same position, and the share of these that take the first
 * (tables 3, 4). */
static const struct {
    const char *name;
    double agreement, same_position, first;
} paper[] = {
    {"sim:L", .780, .18, .94},
    {"sim:S", .738, .21, .09},
    {"sim:XS", .627, .56, .01},
};

static void test_brackets(void **state)
{
    enum { SEEDS = 2, N = 2000 };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        double agreement = 0, same = 0, first = 0, position = 0;
        for (int64_t seed = 1; seed <= SEEDS; seed++) {
            struct fixture f;
            make_pairs(&f, seed, N);
            fixture_simulate(&f, paper[i].name, 1);
            fixture_judge(&f, false);
            struct stats_agreement a = stats_agreement(f.rows, f.n, NULL);
            struct stats_bias b = stats_bias(f.rows, f.n, NULL, 0, NULL);
            assert_true(a.used > N - 20);
            agreement += a.agreement / SEEDS;
            same += b.position.same_position_rate / SEEDS;
            first += (double)b.position.first / SEEDS;
            position += (double)b.position.same_position / SEEDS;
            stats_bias_release(&b);
            fixture_release(&f);
        }
        char figures[160];
        snprintf(figures, sizeof figures,
                 "%s: agreement %.3f, same position %.3f, of these first %.2f",
                 paper[i].name, agreement, same, first / position);
        print_message("# %s\n", figures);
        if (fabs(agreement - paper[i].agreement) > .03 ||
            fabs(same - paper[i].same_position) > .03 ||
            fabs(first / position - paper[i].first) > .06)
            fail_msg("%s", figures);
    }
}

static void test_presets(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sim sim, again;
        struct buf name;
        char changed[40];
        buf_init(&name, 0);
        assert_int_equal(sim_parse(paper[i].name, &sim, NULL), 0);
        assert_string_equal(sim_preset(&sim), paper[i].name + 4);
        sim_name(&sim, &name);
        assert_int_equal(sim_parse(buf_str(&name), &again, NULL), 0);
        assert_memory_equal(&sim, &again, sizeof sim);
        snprintf(changed, sizeof changed, "%s,pos=9", paper[i].name);
        assert_int_equal(sim_parse(changed, &again, NULL), 0);
        assert_true(again.pos == 9 && again.gap == sim.gap && again.taste == sim.taste);
        assert_null(sim_preset(&again));
        buf_release(&name);
    }
    struct sim sim;
    struct error err;
    assert_int_equal(sim_parse("sim:XL", &sim, &err), -1);
    assert_string_equal(err.text, "the simulated labeler knows no part \"XL\"");
    assert_int_equal(sim_parse("sim:pos=1,L", &sim, &err), -1);
    assert_int_equal(sim_parse("sim:L,", &sim, &err), 0);
}

/* Taste is one draw a pair, turned round with the order: it moves the verdict and never
 * the slot. */
static void test_taste(void **state)
{
    struct fixture f;
    struct sim sim;
    size_t against = 0;
    (void)state;
    make_pairs(&f, 3, 300);
    assert_int_equal(sim_parse("sim:gap=1,taste=3", &sim, NULL), 0);
    for (size_t i = 0; i < f.pairs.n; i++) {
        const struct pair *pair = &f.pairs.pairs[i];
        double ab, ba;
        assert_true(sim_logit(&sim, pair, ORDER_AB, 1, 0, &ab));
        assert_true(sim_logit(&sim, pair, ORDER_BA, 1, 0, &ba));
        assert_within(ab + ba, 0, 1e-12, "both orders");
        against += (ab > 0) != (pair->gold_a > pair->gold_b);
    }
    assert_true(against > 60 && against < 150);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brackets),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_taste),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
