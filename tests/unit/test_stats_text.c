/* Answers: the keys of the contract, the sentences, the text made from an answer, the metrics. */
#include <stdio.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/label/metrics.h"
#include "src/label/stats_json.h"
#include "src/label/stats_text.h"
#include "tests/unit/test_stats_fixture.h"

static void assert_keys(const json_t *object, const char *keys)
{
    char *copy = xstrdup(keys), *rest = copy;
    while (rest != NULL) {
        const char *key = strsep(&rest, " ");
        if (json_object_get(object, key) == NULL)
            fail_msg("no key %s", key);
    }
    free(copy);
}

static void assert_has(const struct buf *text, const char *part)
{
    if (strstr(buf_str(text), part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, buf_str(text));
}

static struct fixture f;
static const struct stats_options options = {
    .set = "x", .prompt = "summary-base@1", .labeler = "sim:gap=0.5,pos=1,len=0,noise=1",
    .draws = 200, .seed = 9, .test_looks = 3,
};

static int setup(void **state)
{
    (void)state;
    fixture_init(&f);
    fixture_random(&f, 120, 4);
    fixture_simulate(&f, options.labeler, 2);
    fixture_judge(&f, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

static void test_agreement(void **state)
{
    (void)state;
    struct stats_agreement a = stats_agreement(f.rows, f.n, &options);
    json_t *answer = stats_agreement_json(&a, &options);
    assert_keys(answer, "command set prompt labeler rater_kind n used left_out half agreement "
                        "wilson cluster_se clustered clusters kappa order_ab order_ba "
                        "human_ceiling baselines calibration test_looks mdd_80 says");
    assert_keys(json_object_get(answer, "left_out"),
                "tie no_majority no_label identical unlabelled");
    assert_keys(json_object_get(answer, "baselines"),
                "always_a always_slot_1 longer_chars longer_words");
    assert_keys(json_object_get(answer, "calibration"), "ece brier bins");
    assert_keys(json_array_get(json_object_get(json_object_get(answer, "calibration"), "bins"), 0),
                "n p hit");
    assert_int_equal(json_array_size(json_object_get(answer, "wilson")), 2);
    assert_true(json_is_null(json_object_get(answer, "human_ceiling")));
    assert_int_equal((int)golden(answer, "test_looks"), 3);
    assert_string_equal(json_string_value(json_object_get(answer, "with")),
                        "agreement with people");

    struct buf text;
    buf_init(&text, 0);
    stats_agreement_print(answer, &text);
    assert_has(&text, "sim:gap=0.5,pos=1,len=0,noise=1 with summary-base@1 on set x (simulated)\n");
    assert_has(&text, "  agreement with people ");
    assert_has(&text, "  same position       ");
    assert_has(&text, "  no label            0.0 % (0 of 120 pairs)\n=> ");
    assert_has(&text, "200 draws, seed 9");
    assert_has(&text, "! simulated labeler");
    assert_has(&text, "looked at 3 times");
    buf_release(&text);
    json_decref(answer);
}

static void test_bias(void **state)
{
    (void)state;
    const struct group_key *by[4];
    struct error err;
    assert_int_equal(group_keys_parse("split,margin", by, 4, &err), 2);
    struct stats_bias b = stats_bias(f.rows, f.n, by, 2, &options);
    json_t *answer = stats_bias_json(&b, &options);
    assert_keys(
        answer,
        "command n decisive same_position same_position_rate wilson first second "
        "primacy_p first_pick_rate pull_mean pull_median soft_gap one_order length by");
    assert_keys(json_object_get(answer, "one_order"), "ab ba both");
    assert_keys(json_object_get(answer, "length"), "prefers_longer human_prefers_longer");
    const json_t *rows = json_object_get(answer, "by");
    assert_true(json_array_size(rows) > 3);
    size_t split = 0, margin = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        assert_keys(row, "key n same_position_rate pull_mean agreement");
        *(strcmp(json_string_value(json_object_get(row, "by")), "split") == 0 ? &split : &margin) +=
            (size_t)golden(row, "n");
    }
    assert_int_equal(split, 120);
    assert_int_equal(margin, 120);
    struct buf text;
    buf_init(&text, 0);
    stats_bias_print(answer, &text);
    assert_has(
        &text,
        "  split                      pairs   agrees   same position     pull\n  train");
    assert_has(&text, "margin under .1");
    buf_release(&text);
    json_decref(answer);
    stats_bias_release(&b);

    assert_int_equal(group_keys_parse("splot", by, 4, &err), -1);
    assert_string_equal(err.hint, "did you mean split?");
    assert_int_equal(group_keys_parse("split,tag,group,margin,raters", by, 4, &err), -1);
    assert_string_equal(err.text, "too many group keys, at most 4");
}

static void test_compare(void **state)
{
    (void)state;
    struct fixture g;
    fixture_init(&g);
    fixture_random(&g, 120, 4);
    fixture_simulate(&g, "sim:gap=2,noise=1", 2);
    fixture_judge(&g, false);
    struct compare_options names = { .from = "p1", .to = "p2", .set = "x",
                                     .versions_compared = 3, .draws = 100 };
    struct stats_compare c = stats_compare(f.rows, f.n, g.rows, g.n, &names);
    json_t *answer = stats_compare_json(&c, &names);
    assert_keys(answer, "command from to n fixed broke diff diff_ci se mcnemar_exact mcnemar_midp "
                        "versions_compared holm mdd_80");
    assert_int_equal(json_array_size(json_object_get(answer, "fixed_pairs")), c.n_fixed);
    const char *ref = json_string_value(json_array_get(json_object_get(answer, "fixed_pairs"), 0));
    char want[16];
    snprintf(want, sizeof want, "x#%d", c.fixed[0]->num);
    assert_string_equal(ref, want);
    struct buf text;
    buf_init(&text, 0);
    stats_compare_print(answer, &text);
    assert_has(&text, "p1 -> p2 on 120 pairs\n");
    assert_has(&text, "=> better: +");
    assert_has(&text, "3 on this set; Holm p = ");
    buf_release(&text);
    json_decref(answer);
    stats_compare_release(&c);
    fixture_release(&g);
}

static void test_matrix(void **state)
{
    (void)state;
    struct stats_matrix m = stats_matrix(f.rows, f.n);
    struct stats_agreement a = stats_agreement(f.rows, f.n, NULL);
    json_t *answer = stats_matrix_json(&m, &options);
    size_t total = 0;
    for (int i = 0; i < 16; i++)
        total += m.verdicts[i / 4][i % 4];
    assert_int_equal(total, 120);
    assert_near(m.kappa, a.kappa, "kappa");
    assert_int_equal((long)golden(answer, "verdicts/a/a"), m.verdicts[0][0]);
    assert_int_equal(m.slots[0][0], a.first);
    assert_int_equal(m.slots[1][1], a.second);
    struct buf text;
    buf_init(&text, 0);
    stats_matrix_print(answer, &text);
    assert_has(&text, "  120 pairs; rows: people, columns: the labeler\n");
    buf_release(&text);
    json_decref(answer);
}

static void test_null_test(void **state)
{
    (void)state;
    struct null_row rows[12];
    for (int i = 0; i < 12; i++)
        rows[i] = (struct null_row){ .kind = i < 10 ? NULL_SAME_A : NULL_NO_CONTEXT,
                                     .p_first = { i == 9 ? .4 : .9, .9 },
                                     .outside = { .1, .1 } };
    rows[0].invalid = true;
    struct stats_null null[NULL_KINDS];
    for (int k = 0; k < NULL_KINDS; k++)
        null[k] = stats_null(rows, 12, (enum null_kind)k);
    assert_int_equal(null[NULL_SAME_A].n, 10);
    assert_int_equal(null[NULL_SAME_A].invalid, 1);
    assert_int_equal(null[NULL_SAME_A].calls, 9);
    assert_int_equal(null[NULL_SAME_A].first_picks, 8);
    assert_near(null[NULL_SAME_A].p_first_mean, (8 * .9 + .4) / 9, "mean");
    assert_p(null[NULL_SAME_A].first_pick_p, 2 * 10 / 512.0, "p of 8 in 9");
    assert_int_equal(null[NULL_NO_CONTEXT].calls, 4);
    assert_int_equal(null[NULL_NOTHING].n, 0);
    json_t *answer = stats_null_json(null, &options);
    assert_int_equal(json_array_size(json_object_get(answer, "null")), 2);
    struct buf text;
    buf_init(&text, 0);
    stats_null_print(answer, &text);
    assert_has(&text, "P(slot 1) 84.4 % on average; slot 1 in 88.9 %");
    assert_has(&text, "1 without an answer");
    buf_release(&text);
    json_decref(answer);
}

static void test_headline(void **state)
{
    (void)state;
    struct stats_options running = options;
    running.planned = 500;
    json_t *headline = stats_headline_json(f.rows, f.n, &running);
    struct buf text;
    buf_init(&text, 0);
    stats_headline_print(headline, &text);
    assert_has(&text, "simulated: agreement with people ");
    assert_has(&text, " | same position ");
    assert_has(&text, " | no label 0.0 % | 120 pairs so far");
    assert_null(strchr(buf_str(&text), '\n'));
    buf_release(&text);
    json_decref(headline);
}

/* Names come from files: whatever they hold, the text keeps to its lines. */
static void test_hostile_names(void **state)
{
    (void)state;
    struct fixture g;
    fixture_init(&g);
    struct pair *pair = fixture_pair(&g, "c", 5, 9, "a", RATER_AI);
    free(pair->votes[0].rater);
    pair->votes[0].rater = xstrdup("gpt\x1b[2J\n\xff");
    pair->group = xstrdup("\x1b]0;x\a\xe2\x80\xae");
    fixture_label(&g, ORDER_AB, .9);
    fixture_label(&g, ORDER_BA, .3);
    fixture_judge(&g, false);
    struct stats_options hostile = { .set = "s\x1b[31m", .labeler = "l\xff\n", .prompt = "p" };
    const struct group_key *by = group_key_find("group");
    struct stats_agreement a = stats_agreement(g.rows, g.n, &hostile);
    struct stats_bias b = stats_bias(g.rows, g.n, &by, 1, &hostile);
    json_t *answers[] = { stats_agreement_json(&a, &hostile), stats_bias_json(&b, &hostile) };
    struct buf text;
    buf_init(&text, 0);
    stats_agreement_print(answers[0], &text);
    stats_bias_print(answers[1], &text);
    for (size_t i = 0; i < text.len; i++)
        assert_true(text.data[i] == '\n' || (unsigned char)text.data[i] >= ' ');
    assert_null(strstr(buf_str(&text), "\xe2\x80\xae"));
    assert_has(&text, "too few pairs to tell: 1 used");
    buf_clear(&text);
    json_write(&text, answers[0]);
    struct error err;
    json_t *again = json_parse(text.data, text.len, "answer", 1, &err);
    assert_non_null(again);
    json_decref(again);
    buf_release(&text);
    json_decref(answers[0]);
    json_decref(answers[1]);
    stats_bias_release(&b);
    fixture_release(&g);
}

static void test_nothing(void **state)
{
    (void)state;
    struct stats_agreement a = stats_agreement(NULL, 0, &options);
    struct stats_bias b = stats_bias(NULL, 0, NULL, 0, &options);
    struct stats_compare c = stats_compare(NULL, 0, NULL, 0, NULL);
    assert_string_equal(a.says, "no labels yet");
    assert_string_equal(b.says, "no labels yet");
    assert_string_equal(c.says, "no pair is labelled by both and has a reference");
    assert_true(isnan(a.agreement) && isnan(a.kappa) && isnan(b.position.primacy_p));
    json_t *answers[] = { stats_agreement_json(&a, NULL), stats_bias_json(&b, NULL),
                          stats_compare_json(&c, NULL) };
    struct buf text;
    buf_init(&text, 0);
    stats_agreement_print(answers[0], &text);
    stats_bias_print(answers[1], &text);
    stats_compare_print(answers[2], &text);
    assert_null(strstr(buf_str(&text), "nan"));
    for (int i = 0; i < 3; i++)
        json_decref(answers[i]);
    stats_bias_release(&b);
    stats_compare_release(&c);
    buf_release(&text);
}

static void test_says(void **state)
{
    static const struct {
        const char *labeler;
        size_t n;
        const char *says;
    } table[] = {
        { "sim:gap=0,noise=1", 60, "too few pairs to tell from chance: " },
        { "sim:gap=0,noise=1", 400, "no better than chance: " },
        { "sim:gap=-2,noise=1", 200, "agrees less than chance with people: " },
        { "sim:gap=1,noise=1", 12, "too few pairs to tell: 12 used" },
        { "sim:gap=1,noise=1", 200, "agrees more than chance and more than picking the longer" },
        { "sim:gap=0,pos=-4,noise=1", 12, "follows the slot, not the text: " },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture g;
        fixture_init(&g);
        fixture_random(&g, table[i].n, 4);
        fixture_simulate(&g, table[i].labeler, 2);
        fixture_judge(&g, false);
        struct stats_agreement a = stats_agreement(g.rows, g.n, NULL);
        if (strncmp(a.says, table[i].says, strlen(table[i].says)) != 0)
            fail_msg("%s on %zu says: %s", table[i].labeler, table[i].n, a.says);
        fixture_release(&g);
    }
}

static void test_with(void **state)
{
    static const struct {
        enum rater_kind kind;
        const char *with;
    } table[] = {
        { RATER_HUMAN, "people" },
        { RATER_AI, "gpt-4 labels (AI)" },
        { RATER_GOLD, "gold labels" },
        { RATER_SIM, "simulated labels" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture g;
        fixture_init(&g);
        fixture_pair(&g, "c", 5, 9, "a", table[i].kind);
        fixture_pair(&g, "d", 5, 9, "", table[i].kind);
        fixture_judge(&g, false);
        char with[64];
        assert_int_equal(stats_with(g.rows, g.n, with, sizeof with), table[i].kind);
        assert_string_equal(with, table[i].with);
        fixture_release(&g);
    }
}

static void test_metrics(void **state)
{
    (void)state;
    struct stats_agreement a = stats_agreement(f.rows, f.n, &options);
    struct stats_bias b = stats_bias(f.rows, f.n, NULL, 0, &options);
    struct stats_compare c = stats_compare(f.rows, f.n, f.rows, f.n, NULL);
    size_t n = 0;
    for (const struct metric *m = metric_table; m->name != NULL; m++, n++) {
        assert_true(m->unit[0] && m->formula[0] && m->text[0]);
        for (const struct metric *other = metric_table; other != m; other++)
            assert_string_not_equal(other->name, m->name);
        assert_ptr_equal(metric_find(m->name, NULL), m);
        double value = metric_value(m, &a, &b, &c);
        assert_false(isinf(value));
        assert_true(isnan(metric_value(m, NULL, NULL, NULL)));
        json_t *answer = metric_json(m);
        struct buf text;
        buf_init(&text, 0);
        metric_print(answer, &text);
        assert_has(&text, m->formula);
        buf_release(&text);
        json_decref(answer);
    }
    assert_near(metric_value(metric_find("agreement", NULL), &a, &b, &c), a.agreement, "agreement");
    assert_near(metric_value(metric_find("first", NULL), &a, &b, &c), (double)a.first, "first");
    assert_near(metric_value(metric_find("verbosity_gap", NULL), &a, &b, &c),
                b.length.verbosity_gap, "verbosity gap");
    assert_near(metric_value(metric_find("holm", NULL), &a, &b, &c), 1, "holm");
    json_t *list = metric_list_json();
    assert_int_equal(json_array_size(json_object_get(list, "metrics")), n);
    struct buf text;
    buf_init(&text, 0);
    metric_list_print(list, &text);
    assert_has(&text, "show bias\n  same_position_rate");
    buf_release(&text);
    json_decref(list);
    struct error err;
    assert_null(metric_find("agreemnt", &err));
    assert_string_equal(err.hint, "did you mean agreement?");
    stats_bias_release(&b);
    stats_compare_release(&c);
}

static void test_metric_test(void **state)
{
    static const struct {
        double value;
        const char *op;
        double number;
        int result;
    } table[] = {
        { .5, ">", .4, 1 }, { .5, ">", .5, 0 },   { .5, ">=", .5, 1 }, { .5, "<", .5, 0 },
        { .5, "<=", .5, 1 }, { .5, "=", .5, 1 },  { .5, "==", .4, 0 }, { .5, "!=", .4, 1 },
        { NAN, ">", 0, 0 }, { NAN, "<=", 0, 0 },  { NAN, "!=", 0, 0 }, { 1, "=>", 0, -1 },
        { 1, "", 0, -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct error err;
        assert_int_equal(metric_test(table[i].value, table[i].op, table[i].number, &err),
                         table[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreement), cmocka_unit_test(test_bias),
        cmocka_unit_test(test_compare),   cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_null_test), cmocka_unit_test(test_headline),
        cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_says),      cmocka_unit_test(test_with),
        cmocka_unit_test(test_metrics),   cmocka_unit_test(test_metric_test),
    };
    return cmocka_run_group_tests_name("answers of the statistics", tests, setup, teardown);
}
