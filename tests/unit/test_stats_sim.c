/* A planted bias must be found, and what must not matter does not: the simulated labeler. */
#include <stdio.h>

#include "src/base/rng.h"
#include "src/label/stats.h"
#include "src/label/stats_compare.h"
#include "src/label/stats_position.h"
#include "tests/unit/test_stats_fixture.h"

static void test_names(void **state)
{
    static const struct {
        const char *name;
        double gap, pos, len, noise;
        const char *canonical;
    } good[] = {
        {"sim", 1, 0, 0, 0, "sim:gap=1,pos=0,len=0,noise=0"},
        {"sim:", 1, 0, 0, 0, "sim:gap=1,pos=0,len=0,noise=0"},
        {"sim:gap=1.6,pos=.3,len=0,noise=.5", 1.6, .3, 0, .5,
         "sim:gap=1.6,pos=0.3,len=0,noise=0.5"},
        {"sim:pos=-3", 1, -3, 0, 0, "sim:gap=1,pos=-3,len=0,noise=0"},
        {"sim:noise=2,gap=0", 0, 0, 0, 2, "sim:gap=0,pos=0,len=0,noise=2"},
    };
    static const struct {
        const char *name, *error;
    } bad[] = {
        { "sim:pos=x", "\"pos=x\" of the simulated labeler is not a number" },
        { "sim:pos=", "\"pos=\" of the simulated labeler is not a number" },
        { "sim:gap=1,noise=-1", "\"noise=-1\" of the simulated labeler must be 0..1000" },
        { "sim:gap=1e9", "\"gap=1e9\" of the simulated labeler must be -1000..1000" },
        { "sim:gap=nan", "\"gap=nan\" of the simulated labeler is not a number" },
        { "sim:shift=1", "the simulated labeler knows no part \"shift=1\"" },
        { "sim:gap=1,,pos=1", "the simulated labeler knows no part \"\"" },
        { "sim:gap", "the simulated labeler knows no part \"gap\"" },
        { "simple", "\"simple\" is not the name of a simulated labeler" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct sim sim, again;
        struct error err;
        assert_int_equal(sim_parse(good[i].name, &sim, &err), 0);
        assert_true(sim.gap == good[i].gap && sim.pos == good[i].pos && sim.len == good[i].len &&
                    sim.noise == good[i].noise);
        struct buf name;
        buf_init(&name, 0);
        sim_name(&sim, &name);
        assert_string_equal(buf_str(&name), good[i].canonical);
        assert_int_equal(sim_parse(buf_str(&name), &again, &err), 0);
        assert_memory_equal(&sim, &again, sizeof sim);
        assert_true(labeler_is_simulated(buf_str(&name)));
        buf_release(&name);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sim sim;
        struct error err;
        assert_int_equal(sim_parse(bad[i].name, &sim, &err), -1);
        assert_string_equal(err.text, bad[i].error);
        assert_int_equal(err.kind, ERROR_USAGE);
    }
    assert_false(labeler_is_simulated("simple"));
    assert_false(labeler_is_simulated(NULL));
}

static void test_formula(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct pair *pair = fixture_pair(&f, "c", 80, 40, "b", RATER_HUMAN);
    struct sim sim = { .gap = 2, .pos = .3, .len = .5, .noise = 0 };
    double x;
    assert_true(sim_logit(&sim, pair, ORDER_AB, 1, 0, &x));
    assert_near(x, 2 * -1 + .3 + .5 * log(2), "ab");
    assert_true(sim_logit(&sim, pair, ORDER_BA, 1, 0, &x));
    assert_near(x, 2 * 1 + .3 - .5 * log(2), "ba");
    pair->votes[0].confidence = 2; /* (2 - 5) / 2 */
    assert_true(sim_logit(&sim, pair, ORDER_AB, 1, 0, &x));
    assert_near(x, 2 * -1.5 + .3 + .5 * log(2), "confidence");
    pair->gold_a = 1.5;
    pair->gold_b = 1;
    assert_true(sim_logit(&sim, pair, ORDER_AB, 1, 0, &x));
    assert_near(x, 2 * .5 + .3 + .5 * log(2), "gold before the raters");

    pair = fixture_pair(&f, "d", 10, 12, "", RATER_HUMAN);
    assert_false(sim_logit(&sim, pair, ORDER_AB, 1, 0, &x));
    struct label *label = label_list_add(&f.labels);
    sim_label(&sim, pair, label);
    assert_int_equal(label->slot, SLOT_NONE);
    assert_string_equal(label->error,
                        "the pair has no reference and no gold score to simulate from");

    /* Nothing to choose between: only the slot is left. */
    pair = fixture_pair(&f, "e", 10, 10, "a", RATER_HUMAN);
    memcpy(pair->b, pair->a, strlen(pair->a) + 1);
    pair_finish(pair);
    assert_true(sim_logit(&sim, pair, ORDER_BA, 1, 0, &x));
    assert_near(x, .3, "identical");
    fixture_release(&f);
}

static void simulated(struct fixture *f, size_t n, const char *labeler, uint64_t seed)
{
    fixture_init(f);
    fixture_random(f, n, 11);
    fixture_simulate(f, labeler, seed);
    fixture_judge(f, false);
}

static void test_planted_slot(void **state)
{
    static const struct {
        const char *labeler;
        int slot;
    } table[] = { { "sim:gap=.5,pos=3,noise=1", 1 }, { "sim:gap=.5,pos=-3,noise=1", 2 } };
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        simulated(&f, 400, table[i].labeler, 1);
        struct stats_bias b = stats_bias(f.rows, f.n, NULL, 0, NULL);
        assert_true(b.position.same_position_rate > .9);
        assert_true(b.position.primacy_p < 1e-80);
        assert_true((b.position.first > b.position.second) == (table[i].slot == 1));
        assert_true((b.position.pull_mean > .5) == (table[i].slot == 1));
        char says[200];
        snprintf(says, sizeof says,
                 "follows the slot, not the text: %.0f %% same position, mostly slot %d",
                 100 * b.position.same_position_rate, table[i].slot);
        assert_string_equal(b.says, says);
        struct stats_agreement a = stats_agreement(f.rows, f.n, NULL);
        assert_memory_equal(a.says, "follows the slot, not the text: ", 32);
        /* The mean of both orders still sees the gap through the slot's noise. */
        assert_true(a.agreement > .6);
        stats_bias_release(&b);
        fixture_release(&f);
    }
}

static void test_planted_nothing(void **state)
{
    (void)state;
    struct fixture f;
    simulated(&f, 200, "sim:gap=1", 1);
    struct stats_bias b = stats_bias(f.rows, f.n, NULL, 0, NULL);
    assert_int_equal(b.position.same_position, 0);
    assert_true(isnan(b.position.primacy_p));
    assert_within(b.position.pull_mean, 0, 1e-15, "pull");
    assert_within(b.position.soft_gap, 0, 1e-15, "soft gap");
    struct stats_agreement a = stats_agreement(f.rows, f.n, NULL);
    assert_near(a.agreement, 1, "agreement");
    assert_near(a.kappa, 1, "kappa");
    assert_memory_equal(a.says, "agrees more than chance and more than picking the longer", 56);
    stats_bias_release(&b);
    fixture_release(&f);
}

/* The slot's pull is additive in log-odds, so the logit mean is free of it and the p mean
 * is not. */
static void test_logit_mean_recovers(void **state)
{
    (void)state;
    struct fixture fair, biased;
    simulated(&fair, 100, "sim:gap=.7", 1);
    simulated(&biased, 100, "sim:gap=.7,pos=2.5", 1);
    for (size_t i = 0; i < fair.n; i++) {
        assert_near(biased.rows[i].p_a_logit, fair.rows[i].p_a_logit, "logit mean");
        assert_near(fair.rows[i].p_a, fair.rows[i].p_a_logit, "no bias: both means agree");
        assert_true(fabs(biased.rows[i].p_a - .5) < fabs(fair.rows[i].p_a - .5));
        assert_int_equal(biased.rows[i].verdict, fair.rows[i].verdict);
    }
    fixture_release(&fair);
    fixture_release(&biased);
}

static void test_planted_length(void **state)
{
    (void)state;
    struct fixture f;
    simulated(&f, 400, "sim:gap=.3,len=4,noise=.5", 1);
    struct stats_bias b = stats_bias(f.rows, f.n, NULL, 0, NULL);
    assert_true(b.length.prefers_longer > .8);
    assert_within(b.length.human_prefers_longer, .5, .1, "people");
    assert_true(b.length.verbosity_gap > .5);
    stats_bias_release(&b);
    fixture_release(&f);
}

static struct judged swapped(const struct judged *row, struct pair *pair)
{
    /* The same answers after a and b have changed names: order ab shows what ba showed. */
    struct judged out = *row;
    *pair = *row->pair;
    pair->chars_a = row->pair->chars_b;
    pair->chars_b = row->pair->chars_a;
    pair->words_a = row->pair->words_b;
    pair->words_b = row->pair->words_a;
    out.pair = pair;
    for (int o = 0; o < 2; o++) {
        out.slot[o] = row->slot[1 - o];
        out.p_first[o] = row->p_first[1 - o];
        out.asked[o] = row->asked[1 - o];
    }
    out.p_a = 1 - row->p_a;
    out.p_a_logit = 1 - row->p_a_logit;
    out.verdict = row->verdict == VERDICT_A ? VERDICT_B
                  : row->verdict == VERDICT_B ? VERDICT_A : row->verdict;
    out.reference.choice = row->reference.choice == CHOICE_A ? CHOICE_B : CHOICE_A;
    out.reference.gap = -row->reference.gap;
    return out;
}

static void test_swap(void **state)
{
    (void)state;
    struct fixture f;
    simulated(&f, 150, "sim:gap=.5,pos=.4,len=1,noise=1.5", 3);
    struct judged other[150];
    struct pair pairs[150];
    for (size_t i = 0; i < f.n; i++)
        other[i] = swapped(&f.rows[i], &pairs[i]);
    struct stats_agreement a = stats_agreement(f.rows, f.n, NULL);
    struct stats_agreement b = stats_agreement(other, f.n, NULL);
    struct stats_position p = stats_position(f.rows, f.n), q = stats_position(other, f.n);
    assert_near(b.agreement, a.agreement, "agreement");
    assert_near(b.cluster_se, a.cluster_se, "se");
    assert_near(b.kappa, a.kappa, "kappa");
    assert_near(b.baselines.longer_chars, a.baselines.longer_chars, "longer");
    assert_near(b.baselines.always_a, 1 - a.baselines.always_a, "always a");
    assert_near(b.order[0].agreement, a.order[1].agreement, "the orders change places");
    assert_near(b.calibration.brier, a.calibration.brier, "brier");
    assert_near(b.calibration.ece, a.calibration.ece, "ece");
    assert_int_equal(q.same_position, p.same_position);
    assert_int_equal(q.first, p.first);
    assert_near(q.primacy_p, p.primacy_p, "primacy");
    assert_near(q.pull_mean, p.pull_mean, "pull");
    assert_near(q.kappa_orders, p.kappa_orders, "kappa of the orders");
    assert_near(p.first_pick_rate_both_orders,
                .5 + ((double)p.first - (double)p.second) / (2.0 * (double)p.decisive), "identity");
    assert_near(p.first_pick_rate, p.first_pick_rate_both_orders, "no failures, no ties");
    fixture_release(&f);
}

static void test_row_order(void **state)
{
    (void)state;
    struct fixture f;
    simulated(&f, 120, "sim:gap=.5,pos=.4,noise=1.5", 3);
    struct judged other[120];
    for (size_t i = 0; i < f.n; i++)
        other[i] = f.rows[(i * 77 + 13) % f.n];
    struct stats_options options = { .draws = 300, .seed = 5 };
    const struct group_key *by[] = {group_key_find("length_difference"),
                                    group_key_find("margin")};
    struct stats_agreement a = stats_agreement(f.rows, f.n, &options);
    struct stats_agreement b = stats_agreement(other, f.n, &options);
    struct stats_bias c = stats_bias(f.rows, f.n, by, 2, &options);
    struct stats_bias d = stats_bias(other, f.n, by, 2, &options);
    assert_near(b.agreement, a.agreement, "agreement");
    assert_near(b.cluster_se, a.cluster_se, "se");
    assert_within(b.agreement_boot.low, a.agreement_boot.low, 1e-12, "bootstrap");
    assert_within(b.kappa_boot.high, a.kappa_boot.high, 1e-12, "bootstrap of kappa");
    assert_near(d.position.pull_median, c.position.pull_median, "median");
    assert_near(d.position.pull_se, c.position.pull_se, "pull se");
    assert_near(d.pull_boot.low, c.pull_boot.low, "bootstrap of pull");
    assert_string_equal(b.says, a.says);
    assert_int_equal(d.n_by, c.n_by);
    for (size_t i = 0; i < c.n_by; i++) {
        assert_string_equal(d.by[i].key, c.by[i].key);
        assert_int_equal(d.by[i].n, c.by[i].n);
        assert_near(d.by[i].agreement, c.by[i].agreement, "agreement of a group");
    }
    stats_bias_release(&c);
    stats_bias_release(&d);
    fixture_release(&f);
}

static void test_noise_by_pair(void **state)
{
    (void)state;
    struct fixture f;
    simulated(&f, 3, "sim:noise=1", 1);
    const struct pair *pair = &f.pairs.pairs[2];
    struct sim sim = { .noise = 1 };
    double ab, ba, again, repeat, seed;
    assert_true(sim_logit(&sim, pair, ORDER_AB, 1, 0, &ab));
    assert_true(sim_logit(&sim, pair, ORDER_AB, 1, 0, &again));
    assert_true(sim_logit(&sim, pair, ORDER_BA, 1, 0, &ba));
    assert_true(sim_logit(&sim, pair, ORDER_AB, 1, 1, &repeat));
    assert_true(sim_logit(&sim, pair, ORDER_AB, 2, 0, &seed));
    assert_true(ab == again && ab != ba && ab != repeat && ab != seed);
    fixture_release(&f);
}

/* Two versions, one of them better: the paired test sees it, and turning them round turns
 * the sign. */
static void test_compare_versions(void **state)
{
    (void)state;
    struct fixture f, g;
    simulated(&f, 300, "sim:gap=.2,noise=1", 1);
    simulated(&g, 300, "sim:gap=1,noise=1", 1);
    struct compare_options options = { .draws = 500, .seed = 1 };
    struct stats_compare up = stats_compare(f.rows, f.n, g.rows, g.n, &options);
    struct stats_compare down = stats_compare(g.rows, g.n, f.rows, f.n, &options);
    struct stats_compare same = stats_compare(g.rows, g.n, g.rows, g.n, &options);
    assert_true(up.diff_ci.low > 0 && up.mcnemar.exact_p < 1e-3);
    assert_true(up.diff_boot.low > 0 && up.diff_boot.low < up.diff);
    assert_memory_equal(up.says, "better: +", 9);
    assert_near(down.diff, -up.diff, "turned round");
    assert_int_equal(down.n_fixed, up.n_broke);
    assert_int_equal(down.n_broke, up.n_fixed);
    assert_near(up.diff, up.agreement_to - up.agreement_from, "difference of the agreements");
    assert_near(up.holm, up.mcnemar.exact_p, "one comparison");
    assert_int_equal(same.n_fixed + same.n_broke, 0);
    assert_near(same.mcnemar.exact_p, 1, "p of nothing");
    assert_string_equal(same.says, "the same verdicts on all 300 pairs");

    const double others[] = { .5, .9 };
    options.other_p = others;
    options.n_other = 2;
    options.versions_compared = 5;
    struct stats_compare many = stats_compare(f.rows, f.n, g.rows, g.n, &options);
    assert_near(many.holm, 4 * many.mcnemar.exact_p, "Holm over four comparisons");
    stats_compare_release(&up);
    stats_compare_release(&down);
    stats_compare_release(&same);
    stats_compare_release(&many);
    fixture_release(&f);
    fixture_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_planted_slot),
        cmocka_unit_test(test_planted_nothing),
        cmocka_unit_test(test_logit_mean_recovers),
        cmocka_unit_test(test_planted_length),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_row_order),
        cmocka_unit_test(test_noise_by_pair),
        cmocka_unit_test(test_compare_versions),
    };
    return cmocka_run_group_tests_name("simulated labeler", tests, NULL, NULL);
}
