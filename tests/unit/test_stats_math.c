/* Intervals, exact tests, kappas and the bootstrap. Exact values: whole numbers and fractions in
 * Python (math.comb, fractions, decimal); quantiles: statistics.NormalDist; the rest by hand. */
#include <stdio.h>

#include "src/label/stats_math.h"
#include "tests/unit/test_stats_fixture.h"

static void test_binomial(void **state)
{
    static const struct {
        size_t k, n;
        double p, log10_p;
    } table[] = {
        { 0, 1, 1, 0 },
        { 1, 2, 1, 0 },
        { 5, 5, 6.25e-02, -1.20411998265592 },
        { 4, 5, 3.75e-01, -0.425968732272281 },
        { 20, 30, 9.87371467053890228e-02, -1.00551942712671 },
        { 28, 35, 5.08260447531938553e-04, -3.29391368547136 },
        { 133, 143, 1.38333929655683644e-28, -27.8590712858706 },
        { 0, 151, 7.00649232162408535e-46, -45.1544993495972 },
        { 362, 363, 3.87474345440741716e-107, -106.411757046712 },
        { 0, 366, 1.33061245000254710e-110, -109.875948417353 },
        { 470, 487, 5.36536591883554556e-116, -115.270400653733 },
        { 250, 500, 1, 0 },
        { 251, 501, 1, 0 },
        { 240, 500, 3.95510771434857800e-01, -0.402841684325547 },
        { 5100, 10000, 4.65855277049473868e-02, -1.33174898060762 },
        { 9000, 20000, 1.95408277058289627e-45, -44.7090570444831 },
        { 0, 1000, 1.86652723700643776e-301, -300.728965668317 },
        { 200, 1400, 5.99077546948927200e-174, -173.22251695719 },
        { 0, 2000, 0, -601.758961332298 },
        { 24900, 50000, 3.73490185639425321e-01, -0.427720805839592 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char what[64];
        snprintf(what, sizeof what, "p of %zu in %zu", table[i].k, table[i].n);
        double p = stats_binomial_p(table[i].k, table[i].n);
        assert_within(p, table[i].p, 1e-12 * table[i].p, what);
        assert_within(stats_binomial_p(table[i].n - table[i].k, table[i].n), p, 0, what);
        assert_within(stats_binomial_log10_p(table[i].k, table[i].n), table[i].log10_p,
                      1e-13 * fabs(table[i].log10_p) + 1e-14, what);
    }
    assert_true(isnan(stats_binomial_p(0, 0)));
    assert_true(isnan(stats_binomial_log10_p(0, 0)));
}

static void test_mcnemar(void **state)
{
    static const struct {
        size_t b, c;
        double exact_p, mid_p;
    } table[] = {
        { 5, 33, 4.255962267052382e-06, 2.4299079086631536e-06 },
        { 6, 20, 0.009355306625366211, 0.005924612283706665 },
        { 20, 13, 0.296206368599087, 0.22948101302608848 },
        { 33, 31, 0.9006532462520331, 0.8043170001933986 },
        { 77, 25, 2.451911338599065e-07, 1.609927176950882e-07 },
        { 0, 0, 1, 1 }, /* nothing changed: no evidence at all */
        { 3, 3, 1, 0.84375 },
        { 0, 1, 1, 0.5 },
        { 0, 300, 9.818186930595453e-91, 4.909093465297727e-91 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct mcnemar m = stats_mcnemar(table[i].b, table[i].c);
        struct mcnemar reverse = stats_mcnemar(table[i].c, table[i].b);
        assert_p(m.exact_p, table[i].exact_p, "exact");
        assert_p(m.mid_p, table[i].mid_p, "mid-p");
        assert_within(reverse.exact_p, m.exact_p, 0, "reverse");
        assert_within(reverse.mid_p, m.mid_p, 0, "reverse");
    }
}

static void test_quantile(void **state)
{
    static const double table[][2] = {
        { 1e-20, -9.262340089798405 },  { 1e-05, -4.2648907939228256 },
        { .01, -2.3263478740408408 },   { .02425, -1.9729610513118845 },
        { .2, -0.8416212335729142 },    { .5, 0 },
        { .8, 0.8416212335729144 },     { .975, 1.9599639845400536 },
        { .999999, 4.753424308817089 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_within(stats_normal_quantile(table[i][0]), table[i][1],
                      4e-15 * fmax(1, fabs(table[i][1])) + (table[i][0] > .9999 ? 1e-10 : 0),
                      "quantile");
    assert_true(isinf(stats_normal_quantile(0)) && isinf(stats_normal_quantile(1)));
    assert_true(isnan(stats_normal_quantile(-1)) && isnan(stats_normal_quantile(NAN)));
    assert_within(stats_normal_quantile(.975), STATS_Z975, 1e-15, "z .975");
    assert_within(stats_normal_quantile(.8), STATS_Z80, 1e-15, "z .8");
}

static void test_wilson(void **state)
{
    (void)state;
    /* statistics.md 5.1: 30 of 419 gives [5.06, 10.04] %, 363 of 419 [83.04, 89.56] %. */
    struct interval w = stats_wilson(30 / 419.0, 419);
    assert_within(w.low, .0506, 5e-5, "low");
    assert_within(w.high, .1004, 5e-5, "high");
    w = stats_wilson(363 / 419.0, 419);
    assert_within(w.low, .8304, 5e-5, "low");
    assert_within(w.high, .8956, 5e-5, "high");
    w = stats_wilson(0, 10);
    assert_within(w.low, 0, 1e-15, "none of ten");
    w = stats_wilson(1, 10);
    assert_within(w.high, 1, 1e-15, "all of ten");
    assert_true(w.low > .7 && w.low < .73);
    w = stats_wilson(NAN, 0);
    assert_true(isnan(w.low) && isnan(w.high));
}

static void test_holm(void **state)
{
    (void)state;
    /* Sorted .005 .01 .03 .04 -> 4 x .005, 3 x .01, 2 x .03, max(.06, 1 x .04). */
    const double p[] = { .01, .04, .03, .005 };
    double out[4];
    stats_holm(p, 4, out);
    assert_near(out[0], .03, "second");
    assert_near(out[1], .06, "fourth");
    assert_near(out[2], .06, "third");
    assert_near(out[3], .02, "first");
    /* An unknown p is 1 and only makes the others larger. */
    const double unknown[] = { .02, NAN };
    stats_holm(unknown, 2, out);
    assert_near(out[0], .04, "beside an unknown");
    assert_near(out[1], 1, "unknown");
    stats_holm(p, 0, NULL);
}

static void test_kappas(void **state)
{
    (void)state;
    /* 20 5 / 10 15: po .7, pe .5. */
    const size_t table[] = { 20, 5, 10, 15 };
    assert_near(stats_kappa(table, 2), .4, "kappa");
    const size_t one_class[] = { 12, 0, 0, 0 };
    assert_true(isnan(stats_kappa(one_class, 2)));
    const size_t nothing[] = { 0, 0, 0, 0 };
    assert_true(isnan(stats_kappa(nothing, 2)));
    /* Fleiss 1971's form on 10 subjects, 5 classes, 14 raters: the worked example gives 0.210. */
    const size_t fleiss[] = { 0, 0, 0, 0, 14, 0, 2, 6, 4, 2, 0, 0, 3, 5, 6, 0, 3, 9, 2, 0,
                              2, 2, 8, 1, 1,  7, 7, 0, 0, 0, 3, 2, 6, 3, 0, 2, 5, 3, 2, 2,
                              6, 5, 2, 1, 0,  0, 2, 2, 3, 7 };
    assert_within(stats_fleiss(fleiss, 10, 5, 14), .2099, 1e-4, "fleiss");
    const size_t same[] = { 3, 0, 3, 0 };
    assert_true(isnan(stats_fleiss(same, 2, 2, 3)));
    assert_true(isnan(stats_fleiss(same, 0, 2, 3)));
    assert_true(isnan(stats_fleiss(same, 2, 2, 1)));
}

static void test_clusters(void **state)
{
    (void)state;
    const double x[] = { 1, 0, 1, 1, 0, .5 };
    const uint64_t own[] = { 9, 4, 7, 1, 3, 2 }, pairs[] = { 5, 5, 8, 8, 2, 2 };
    size_t place[6];
    assert_int_equal(stats_clusters(own, 6, place), 6);
    assert_near(stats_cluster_se(x, place, 6, 6), stats_standard_error(x, 6), "own clusters");
    assert_int_equal(stats_clusters(pairs, 6, place), 3);
    assert_int_equal(place[0], 1);
    assert_int_equal(place[2], 2);
    assert_int_equal(place[4], 0);
    /* mean 7/12, residual sums -1/6, 5/6, -2/3; sqrt(3/2 * (1 + 25 + 16)/36) / 6. */
    assert_near(stats_cluster_se(x, place, 6, 3), sqrt(1.5 * 42 / 36) / 6, "pairs");
    assert_true(isnan(stats_cluster_se(x, place, 6, 1)));
    assert_true(isnan(stats_cluster_se(x, place, 0, 0)));
}

static void test_sums(void **state)
{
    (void)state;
    struct sum sum = { 0, 0 };
    sum_add(&sum, 1e16);
    sum_add(&sum, 1);
    sum_add(&sum, -1e16);
    assert_true(sum_value(&sum) == 1);
    const double x[] = { 3, 1, 2, 10 };
    assert_near(stats_median(x, 4), 2.5, "even");
    assert_near(stats_median(x, 3), 2, "odd");
    assert_true(isnan(stats_median(x, 0)) && isnan(stats_mean(x, 0)));
    assert_true(isnan(stats_standard_error(x, 1)));
    const double sorted[] = { 0, 10, 20 };
    assert_near(stats_quantile_sorted(sorted, 3, .25), 5, "quarter");
    assert_near(stats_quantile_sorted(sorted, 3, 1), 20, "end");
    assert_true(isnan(stats_quantile_sorted(sorted, 0, .5)));
    assert_near(stats_logit(stats_sigmoid(-3)), -3, "logit");
    assert_near(stats_log_sigmoid(-800), -800, "log sigmoid");
    assert_near(exp(stats_log_sigmoid(2)), stats_sigmoid(2), "log sigmoid");
}

static void mean_of_draw(const unsigned *weight, const void *data, double *out)
{
    const double *x = data;
    double total = 0, n = 0;
    for (int c = 0; c < 200; c++) {
        total += weight[c] * x[c];
        n += weight[c];
    }
    assert_true(n == 200);
    out[0] = total / n;
    out[1] = NAN; /* cannot be said in any draw */
}

static struct interval mean_interval(uint64_t seed, size_t draws, const double *x)
{
    struct interval out[2];
    stats_bootstrap((struct bootstrap){ seed, draws }, "x", 200, mean_of_draw, x, out, 2);
    assert_true(isnan(out[1].low) && isnan(out[1].high));
    return out[0];
}

static void test_bootstrap(void **state)
{
    (void)state;
    double x[200];
    size_t place[200];
    for (size_t i = 0; i < 200; i++) {
        x[i] = i % 4 != 0;
        place[i] = i;
    }
    struct interval a = mean_interval(7, 2000, x), b = mean_interval(7, 2000, x);
    assert_true(a.low == b.low && a.high == b.high);
    /* On a plain mean the percentile interval is the normal one, up to the draws. */
    struct interval normal = stats_normal_interval(.75, stats_cluster_se(x, place, 200, 200));
    assert_within(a.low, normal.low, .01, "low");
    assert_within(a.high, normal.high, .01, "high");
    b = mean_interval(8, 2000, x);
    assert_within(b.low, a.low, .015, "another seed");
    assert_true(isnan(mean_interval(8, 0, x).low));
    assert_int_equal(stats_bootstrap_draws(2000, 500), 2000);
    assert_int_equal(stats_bootstrap_draws(10000, 100000), 200);
    assert_int_equal(stats_bootstrap_draws(10000, 10000), 2000);
    assert_int_equal(stats_bootstrap_draws(2000, 10000000), 200);
    assert_int_equal(stats_bootstrap_draws(0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binomial), cmocka_unit_test(test_mcnemar),
        cmocka_unit_test(test_quantile), cmocka_unit_test(test_wilson),
        cmocka_unit_test(test_holm),     cmocka_unit_test(test_kappas),
        cmocka_unit_test(test_clusters), cmocka_unit_test(test_sums),
        cmocka_unit_test(test_bootstrap),
    };
    return cmocka_run_group_tests_name("numbers behind the statistics", tests, NULL, NULL);
}
