/* Every statistic on 12 rows against an independent implementation
 * (golden/statistics_small.json). */
#include <stdio.h>

#include "src/label/stats.h"
#include "src/label/stats_calibration.h"
#include "src/label/stats_compare.h"
#include "src/label/stats_position.h"
#include "tests/unit/test_stats_fixture.h"

static json_t *root;
static struct fixture version[2];

static int setup(void **state)
{
    (void)state;
    root = fixture_golden("tests/golden/statistics_small.json");
    const json_t *rows = json_object_get(root, "rows");
    for (int v = 0; v < 2; v++) {
        fixture_init(&version[v]);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *row = json_array_get(rows, i);
            const json_t *raters = json_object_get(row, "raters");
            const json_t *judged = json_object_get(row, v == 0 ? "v1" : "v2");
            char votes[8] = "";
            for (size_t j = 0; j < json_array_size(raters); j++)
                votes[j] = json_string_value(json_array_get(raters, j))[0];
            fixture_pair(&version[v], json_string_value(json_object_get(row, "context")),
                         (size_t)golden(row, "chars_a"), (size_t)golden(row, "chars_b"), votes,
                         RATER_HUMAN);
            fixture_label(&version[v], ORDER_AB, golden(judged, "p_first_ab"));
            fixture_label(&version[v], ORDER_BA, golden(judged, "p_first_ba"));
        }
        fixture_judge(&version[v], false);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_release(&version[0]);
    fixture_release(&version[1]);
    json_decref(root);
    return 0;
}

static double at(int v, const char *path)
{
    char full[160];
    snprintf(full, sizeof full, "v%d/%s", v + 1, path);
    return golden(root, full);
}

#define NEAR(x, path) assert_near((double)(x), at(v, path), path)
#define COUNT(x, path) assert_int_equal((long)(x), (long)at(v, path))
#define P(x, path) assert_p((x), at(v, path), path)

static void test_rows(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        for (size_t i = 0; i < version[v].n; i++) {
            const struct judged *row = &version[v].rows[i];
            const json_t *want = json_object_get(
                json_array_get(json_object_get(root, "rows"), i), v == 0 ? "v1" : "v2");
            assert_near(row->p_a, golden(want, "p_a"), "p_a");
            assert_near(row->p_a_logit, golden(want, "p_a_logit_mean"), "p_a_logit_mean");
            assert_near(judged_pull(row), golden(want, "pull"), "pull");
            const char *verdict = json_string_value(json_object_get(want, "verdict"));
            if (verdict == NULL)
                assert_null(verdict_name(row->verdict));
            else
                assert_string_equal(verdict_name(row->verdict), verdict);
        }
    }
}

static void test_agreement(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct stats_agreement a = stats_agreement(version[v].rows, version[v].n, NULL);
        COUNT(a.n, "n");
        COUNT(a.used, "used");
        COUNT(a.left_out.tie, "left_out/tie");
        COUNT(a.left_out.no_majority, "left_out/no_majority");
        COUNT(a.left_out.no_label, "left_out/no_label");
        COUNT(a.half, "half");
        NEAR(a.agreement, "agreement");
        NEAR(a.wilson.low, "wilson/0");
        NEAR(a.wilson.high, "wilson/1");
        NEAR(a.cluster_se, "cluster_se");
        COUNT(a.clusters, "clusters");
        NEAR(a.clustered.low, "clustered/0");
        NEAR(a.clustered.high, "clustered/1");
        NEAR(a.plain_se, "plain_se");
        NEAR(a.mdd_80, "mdd_80");
        NEAR(a.with_each_rater, "agreement_with_each_rater");
        NEAR(a.kappa, "kappa");
        COUNT(a.kappa_n, "kappa_n");
        NEAR(a.pabak, "pabak");
        NEAR(a.order[0].hits, "one_order/ab/hits");
        COUNT(a.order[0].n, "one_order/ab/n");
        NEAR(a.order[0].agreement, "one_order/ab/agreement");
        COUNT(a.order[0].n_all, "one_order/ab/n_all");
        NEAR(a.order[0].agreement_all, "one_order/ab/agreement_all");
        NEAR(a.order[1].hits, "one_order/ba/hits");
        COUNT(a.order[1].n, "one_order/ba/n");
        NEAR(a.order[1].agreement, "one_order/ba/agreement");
        COUNT(a.order[1].n_all, "one_order/ba/n_all");
        NEAR(a.order[1].agreement_all, "one_order/ba/agreement_all");
        NEAR(a.agreement, "one_order/both");
        NEAR(a.baselines.always_a, "baselines/always_a");
        NEAR(a.baselines.always_slot_1, "baselines/always_slot_1");
        NEAR(a.baselines.longer_chars, "baselines/longer_chars");
        assert_true(a.few_clusters);
        assert_string_equal(a.with, "people");
    }
}

static void test_hits_of_rows(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        const json_t *hits = json_object_get(json_object_get(root, v == 0 ? "v1" : "v2"), "hits");
        size_t used = 0;
        for (size_t i = 0; i < version[v].n; i++) {
            char id[32];
            snprintf(id, sizeof id, "r%zu", i + 1);
            bool wanted = json_object_get(hits, id) != NULL;
            assert_int_equal(judged_left_out(&version[v].rows[i]) == USED, wanted);
            if (wanted)
                assert_near(judged_hit(&version[v].rows[i]), golden(hits, id), id);
            used += wanted;
        }
        assert_int_equal(used, json_object_size(hits));
    }
}

static void test_bias(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct stats_bias b = stats_bias(version[v].rows, version[v].n, NULL, 0, NULL);
        const struct stats_position *p = &b.position;
        COUNT(p->decisive, "bias/decisive");
        COUNT(p->same_position, "bias/same_position");
        NEAR(p->same_position_rate, "bias/same_position_rate");
        NEAR(p->wilson.low, "bias/wilson/0");
        NEAR(p->wilson.high, "bias/wilson/1");
        COUNT(p->first, "bias/first");
        COUNT(p->second, "bias/second");
        P(p->primacy_p, "bias/primacy_p");
        NEAR(p->first_pick_rate, "bias/first_pick_rate");
        COUNT(p->decisive_calls, "bias/decisive_calls");
        NEAR(p->first_pick_rate_both_orders, "bias/first_pick_rate_both_orders");
        COUNT(p->n_pull, "bias/n_pull");
        NEAR(p->pull_mean, "bias/pull_mean");
        NEAR(p->pull_median, "bias/pull_median");
        NEAR(p->soft_gap, "bias/soft_gap");
        NEAR(p->soft_direction, "bias/soft_direction");
        NEAR(p->kappa_orders, "bias/kappa_orders");
        NEAR(b.one_order.ab, "one_order/ab/agreement");
        NEAR(b.one_order.ba, "one_order/ba/agreement");
        NEAR(b.one_order.both, "one_order/both");
        const struct stats_length *l = &b.length;
        COUNT(l->equal_length, "length/equal_length");
        COUNT(l->half, "length/half");
        COUNT(l->n, "length/n");
        COUNT(l->longer_longer, "length/table/people_longer_ai_longer");
        COUNT(l->longer_shorter, "length/table/people_longer_ai_shorter");
        COUNT(l->shorter_longer, "length/table/people_shorter_ai_longer");
        COUNT(l->shorter_shorter, "length/table/people_shorter_ai_shorter");
        NEAR(l->prefers_longer, "length/ai_prefers_longer");
        NEAR(l->human_prefers_longer, "length/people_prefer_longer");
        NEAR(l->agreement_longer, "length/agreement_people_longer");
        NEAR(l->agreement_shorter, "length/agreement_people_shorter");
        NEAR(l->verbosity_gap, "length/verbosity_gap");
        stats_bias_release(&b);
    }
}

static void test_calibration(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        for (int k = 0; k < 2; k++) {
            size_t bins = k == 0 ? 4 : 10;
            struct stats_calibration c = stats_calibration(version[v].rows, version[v].n, bins);
            NEAR(c.brier, "calibration/brier");
            NEAR(c.brier_logit_mean, "calibration/brier_logit_mean");
            NEAR(c.nll, "calibration/nll");
            NEAR(c.ece, k == 0 ? "calibration/ece_4_bins" : "calibration/ece_10_bins");
            double over = 0; /* the bins hold every row once */
            for (size_t i = 0; i < c.n_bins; i++)
                over += (double)c.bins[i].n * (c.bins[i].p - c.bins[i].hit) / (double)c.n;
            assert_near(c.overconfidence, over, "overconfidence");
            const json_t *want = json_object_get(
                json_object_get(json_object_get(root, v == 0 ? "v1" : "v2"), "calibration"),
                k == 0 ? "bins_4" : "bins_10");
            assert_int_equal(c.n_bins, json_array_size(want));
            for (size_t i = 0; i < c.n_bins; i++) {
                const json_t *bin = json_array_get(want, i);
                assert_int_equal(c.bins[i].n, (long)golden(bin, "n"));
                assert_near(c.bins[i].p, golden(bin, "p"), "bin p");
                assert_near(c.bins[i].hit, golden(bin, "hit"), "bin hit");
            }
            /* The bootstrap's weighted form says the same when every row weighs 1. */
            size_t n;
            struct confident *sorted = confident_sorted(version[v].rows, version[v].n, &n);
            unsigned one = 1;
            assert_near(confident_ece(sorted, n, &one, bins), c.ece, "weighted ece");
            free(sorted);
        }
    }
}

static void assert_pairs(const struct pair *const *pairs, size_t n, const char *path)
{
    const json_t *want = json_object_get(json_object_get(root, "compare"), path);
    assert_int_equal(n, json_array_size(want));
    for (size_t i = 0; i < n; i++) {
        char id[32];
        snprintf(id, sizeof id, "r%d", pairs[i]->num);
        assert_string_equal(id, json_string_value(json_array_get(want, i)));
    }
}

static void test_compare(void **state)
{
    (void)state;
    struct stats_compare c = stats_compare(version[0].rows, version[0].n, version[1].rows,
                                           version[1].n, NULL);
    const json_t *want = json_object_get(root, "compare");
    assert_int_equal(c.n, (long)golden(want, "n"));
    assert_int_equal(c.only_from, 0);
    assert_int_equal(c.only_to, 1);
    assert_pairs(c.fixed, c.n_fixed, "fixed");
    assert_pairs(c.broke, c.n_broke, "broke");
    assert_near(c.diff, golden(want, "diff"), "diff");
    assert_near(c.plain_se, golden(want, "plain_se"), "plain_se");
    assert_near(c.se, golden(want, "se"), "se");
    assert_int_equal(c.clusters, (long)golden(want, "clusters"));
    assert_near(c.diff_ci.low, golden(want, "diff_ci/0"), "diff_ci");
    assert_near(c.diff_ci.high, golden(want, "diff_ci/1"), "diff_ci");
    assert_int_equal(c.mcnemar_left_out_half, (long)golden(want, "mcnemar_left_out_half"));
    assert_int_equal(c.mcnemar.b, (long)golden(want, "mcnemar/b"));
    assert_int_equal(c.mcnemar.c, (long)golden(want, "mcnemar/c"));
    assert_p(c.mcnemar.exact_p, golden(want, "mcnemar/exact_p"), "exact_p");
    assert_p(c.mcnemar.mid_p, golden(want, "mcnemar/mid_p"), "mid_p");
    assert_near(c.mdd_80, golden(want, "mdd_80"), "mdd_80");
    assert_near(c.single_order_diff, golden(want, "single_order_mean/diff"), "single order diff");
    assert_near(c.single_order_se, golden(want, "single_order_mean/se"), "single order se");
    stats_compare_release(&c);
}

static void test_raters(void **state)
{
    (void)state;
    const struct pair *pairs[12];
    for (size_t i = 0; i < 12; i++)
        pairs[i] = &version[0].pairs.pairs[i];
    struct stats_raters r = stats_raters(pairs, 12);
    const json_t *want = json_object_get(root, "raters");
    assert_int_equal(r.rater_pairs, (long)golden(want, "rater_pairs"));
    assert_int_equal(r.equal, (long)golden(want, "equal"));
    assert_near(r.share, golden(want, "share"), "share");
    assert_int_equal(r.rater_pairs_no_tie, (long)golden(want, "rater_pairs_no_tie"));
    assert_int_equal(r.equal_no_tie, (long)golden(want, "equal_no_tie"));
    assert_near(r.share_no_tie, golden(want, "share_no_tie"), "share_no_tie");
    assert_int_equal(r.ceiling_votes, (long)golden(want, "ceiling_votes"));
    assert_int_equal(r.ceiling_equal, (long)golden(want, "ceiling_equal"));
    assert_near(r.ceiling, golden(want, "ceiling"), "ceiling");
    assert_int_equal(r.ceiling_votes_no_tie, (long)golden(want, "ceiling_votes_no_tie"));
    assert_near(r.ceiling_no_tie, golden(want, "ceiling_no_tie"), "ceiling_no_tie");
    assert_true(isnan(r.fleiss));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_hits_of_rows), cmocka_unit_test(test_bias),
        cmocka_unit_test(test_calibration), cmocka_unit_test(test_compare),
        cmocka_unit_test(test_raters),
    };
    return cmocka_run_group_tests_name("statistics on 12 rows", tests, setup, teardown);
}
