/* From label rows to a judged row: two orders, repeats, imported and pointwise labelers. */
#include <stdio.h>

#include "src/base/mem.h"
#include "src/label/stats.h"
#include "src/label/stats_position.h"
#include "tests/unit/test_stats_fixture.h"

static const struct judged *judge(struct fixture *f, bool one_order)
{
    fixture_judge(f, one_order);
    return &f->rows[f->n - 1];
}

static void test_two_orders(void **state)
{
    static const struct {
        double ab, ba, p_a;
        enum verdict verdict;
        enum slot slot_ab, slot_ba;
        const char *why;
    } table[] = {
        { .9, .2, .85, VERDICT_A, SLOT_1, SLOT_2, "follows the text" },
        { .75, .75, .5, VERDICT_HALF, SLOT_1, SLOT_1, "slot alone: exactly a half" },
        { .95, .7, .625, VERDICT_A, SLOT_1, SLOT_1, "slot, but more for a" },
        { .3, .6, .35, VERDICT_B, SLOT_2, SLOT_1, "b" },
        { .5, .5, .5, VERDICT_HALF, SLOT_TIE, SLOT_TIE, "no opinion" },
        { .4, NAN, NAN, VERDICT_NONE, SLOT_2, SLOT_NONE, "a failed order is no label" },
        { NAN, NAN, NAN, VERDICT_NONE, SLOT_NONE, SLOT_NONE, "both failed" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_pair(&f, "c", 10, 20, "a", RATER_HUMAN);
        fixture_label(&f, ORDER_AB, table[i].ab);
        fixture_label(&f, ORDER_BA, table[i].ba);
        const struct judged *row = judge(&f, false);
        assert_near(row->p_a, table[i].p_a, table[i].why);
        assert_int_equal(row->verdict, table[i].verdict);
        assert_int_equal(row->slot[0], table[i].slot_ab);
        assert_int_equal(row->slot[1], table[i].slot_ba);
        assert_true(row->asked[0] && row->asked[1] && !row->pointwise);
        assert_near(row->margin, fabs(2 * table[i].p_a - 1), "margin");
        fixture_release(&f);
    }
}

static void test_one_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_pair(&f, "c", 10, 20, "b", RATER_HUMAN);
    fixture_slot(&f, ORDER_BA, SLOT_1);
    const struct judged *row = judge(&f, false);
    assert_int_equal(row->verdict, VERDICT_NONE);
    row = judge(&f, true);
    assert_int_equal(row->verdict, VERDICT_B);
    assert_near(row->p_a, 0, "p_a");
    assert_true(isnan(row->p_a_logit) && isnan(row->p_first[1]) && !row->asked[0]);
    assert_true(isnan(judged_pull(row)));

    fixture_pair(&f, "d", 10, 20, "a", RATER_HUMAN);
    fixture_label(&f, ORDER_AB, .8);
    row = judge(&f, true);
    assert_near(row->p_a, .8, "p_a");
    assert_near(row->p_a_logit, .8, "p_a_logit");

    /* Asked in both orders and one of them failed: one_order does not make a label of it. */
    fixture_pair(&f, "e", 10, 20, "a", RATER_HUMAN);
    fixture_slot(&f, ORDER_AB, SLOT_1);
    fixture_slot(&f, ORDER_BA, SLOT_NONE);
    row = judge(&f, true);
    assert_int_equal(row->verdict, VERDICT_NONE);
    assert_int_equal(judged_left_out(row), LEFT_NO_LABEL);

    fixture_pair(&f, "f", 10, 20, "a", RATER_HUMAN);
    row = judge(&f, true);
    assert_int_equal(judged_left_out(row), LEFT_NOT_ASKED);
    fixture_release(&f);
}

static void test_imported(void **state)
{
    static const struct {
        enum slot ab, ba;
        enum verdict verdict;
    } table[] = {
        { SLOT_1, SLOT_2, VERDICT_A },     { SLOT_2, SLOT_1, VERDICT_B },
        { SLOT_1, SLOT_1, VERDICT_HALF },  { SLOT_2, SLOT_2, VERDICT_HALF },
        { SLOT_TIE, SLOT_TIE, VERDICT_HALF }, { SLOT_1, SLOT_TIE, VERDICT_A },
        { SLOT_TIE, SLOT_1, VERDICT_B },   { SLOT_NONE, SLOT_1, VERDICT_NONE },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_pair(&f, "c", 10, 20, "a", RATER_HUMAN);
        fixture_slot(&f, ORDER_AB, table[i].ab);
        fixture_slot(&f, ORDER_BA, table[i].ba);
        const struct judged *row = judge(&f, false);
        assert_int_equal(row->verdict, table[i].verdict);
        assert_int_equal(row->slot[0], table[i].ab);
        assert_int_equal(row->slot[1], table[i].ba);
        assert_true(isnan(row->p_first[0]) && isnan(row->p_first[1]));
        fixture_release(&f);
    }
}

static void test_repeats(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_pair(&f, "c", 10, 20, "a", RATER_HUMAN);
    fixture_label(&f, ORDER_AB, .9);
    fixture_label(&f, ORDER_AB, .4);
    fixture_label(&f, ORDER_AB, .8);
    fixture_label(&f, ORDER_BA, .3);
    fixture_label(&f, ORDER_BA, NAN); /* a failed repeat is not averaged in */
    const struct judged *row = judge(&f, false);
    assert_near(row->p_first[0], .7, "mean of ab");
    assert_near(row->p_first[1], .3, "mean of ba");
    assert_near(row->p_a, .7, "p_a");
    assert_int_equal(row->slot[0], SLOT_1);
    assert_near(row->p_a_logit, .7, "log-odds of the means");

    /* Texts without probabilities: the share of slot 1 is the distribution. */
    fixture_pair(&f, "d", 10, 20, "a", RATER_HUMAN);
    fixture_slot(&f, ORDER_AB, SLOT_1);
    fixture_slot(&f, ORDER_AB, SLOT_1);
    fixture_slot(&f, ORDER_AB, SLOT_2);
    fixture_slot(&f, ORDER_BA, SLOT_2);
    fixture_slot(&f, ORDER_BA, SLOT_1);
    row = judge(&f, false);
    assert_near(row->p_first[0], 2 / 3.0, "share of slot 1");
    assert_int_equal(row->slot[1], SLOT_TIE);
    assert_near(row->p_a, (2 / 3.0 + .5) / 2, "p_a");
    fixture_release(&f);
}

static struct label *pointwise(struct fixture *f, enum order response, double score)
{
    struct label *label = label_list_add(&f->labels);
    label->pair_id = (int64_t)f->pairs.n;
    label->labeler = xstrdup("likelihood");
    label->order = response;
    label->score = score;
    if (isnan(score))
        label->error = xstrdup("the response does not fit");
    return label;
}

static void test_pointwise(void **state)
{
    static const struct {
        double a, b;
        enum verdict verdict;
    } table[] = {
        { -1.2, -1.5, VERDICT_A },  { -2, -1.5, VERDICT_B },
        { .25, .25, VERDICT_HALF }, { NAN, .5, VERDICT_NONE },
        { NAN, NAN, VERDICT_NONE },
    };
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fixture_pair(&f, "c", 10, 20, "a", RATER_HUMAN);
        pointwise(&f, ORDER_AB, table[i].a);
        pointwise(&f, ORDER_BA, table[i].b);
        const struct judged *row = judge(&f, false);
        assert_true(row->pointwise);
        assert_int_equal(row->verdict, table[i].verdict);
        assert_int_equal(row->slot[0], SLOT_NONE);
        assert_near(row->score[0], table[i].a, "score of a");
    }
    struct stats_agreement a = stats_agreement(f.rows, f.n, NULL);
    assert_int_equal(a.used, 3);
    assert_int_equal(a.left_out.no_label, 2);
    assert_near(a.agreement, .5, "agreement");
    assert_true(isnan(a.order[0].agreement));
    struct stats_bias b = stats_bias(f.rows, f.n, NULL, 0, NULL);
    assert_int_equal(b.position.pointwise, 5);
    assert_int_equal(b.position.decisive, 0);
    assert_string_equal(b.says, "scores each response alone: it has no position to depend on");
    assert_int_equal(a.calibration.n, 0);
    assert_true(isnan(a.calibration.ece));
    stats_bias_release(&b);
    fixture_release(&f);
}

static void test_saturated(void **state)
{
    (void)state;
    /* Log-probs keep what p_first has lost: e^-40 beside 1. Order ba favours b a little less. */
    struct fixture f;
    fixture_init(&f);
    fixture_pair(&f, "c", 10, 20, "a", RATER_HUMAN);
    for (int o = 0; o < 2; o++) {
        fixture_label(&f, (enum order)o, 1);
        struct label *label = &f.labels.labels[f.labels.n - 1];
        label->n_options = 2;
        label->logprobs[0] = 0;
        label->logprobs[1] = o == 0 ? -44 : -40;
    }
    const struct judged *row = judge(&f, false);
    assert_near(row->p_a_logit, stats_sigmoid(2), "mean of 44 and -40");
    assert_near(row->p_a, .5, "no digits left");

    /* A prompt that asks for the worse one: p_first is turned, the option log-probs are not. */
    fixture_pair(&f, "d", 10, 20, "a", RATER_HUMAN);
    for (int o = 0; o < 2; o++) {
        fixture_label(&f, (enum order)o, o == 0 ? stats_sigmoid(1) : stats_sigmoid(-1));
        struct label *label = &f.labels.labels[f.labels.n - 1];
        label->n_options = 2;
        label->logprobs[0] = stats_log_sigmoid(o == 0 ? -1 : 1);
        label->logprobs[1] = stats_log_sigmoid(o == 0 ? 1 : -1);
    }
    row = judge(&f, false);
    assert_near(row->p_a_logit, stats_sigmoid(1), "turned round");
    fixture_release(&f);
}

static void test_label_list(void **state)
{
    (void)state;
    struct label_list list = { NULL, 0, 0 };
    for (int i = 0; i < 40; i++)
        label_list_add(&list)->repeat = i;
    assert_int_equal(list.n, 40);
    struct label *label = &list.labels[39];
    assert_int_equal(label->repeat, 39);
    assert_true(isnan(label->p_first) && isnan(label->score) && isnan(label->outside) &&
                isnan(label->logprobs[LABEL_OPTIONS_MAX - 1]) && label->slot == SLOT_NONE);
    label->labeler = xstrdup("model:x");
    label->raw = xstrdup("1");
    struct label copy;
    label_copy(&copy, label);
    assert_string_equal(copy.labeler, "model:x");
    assert_true(copy.labeler != label->labeler && copy.rationale == NULL);
    label_release(&copy);
    assert_null(copy.labeler);
    label_list_release(&list);
    assert_int_equal(list.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_orders), cmocka_unit_test(test_one_order),
        cmocka_unit_test(test_imported),   cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_pointwise),  cmocka_unit_test(test_saturated),
        cmocka_unit_test(test_label_list),
    };
    return cmocka_run_group_tests_name("judged rows", tests, NULL, NULL);
}
