/* Tables by group: where a row goes under each key, and that no row is lost. */
#include <stdio.h>

#include "src/base/mem.h"
#include "src/label/stats_position.h"
#include "tests/unit/test_stats_fixture.h"

static void assert_label(const struct judged *row, const char *key, const char *want)
{
    const struct group_key *by = group_key_find(key);
    char label[128];
    int rank;
    assert_non_null(by);
    assert_true(by->value(row, 0, label, sizeof label, &rank));
    if (strcmp(label, want) != 0)
        fail_msg("%s gives %s, not %s", key, label, want);
}

static void test_lengths(void **state)
{
    static const struct {
        size_t a, b;
        const char *difference, *preferred;
    } table[] = {
        { 100, 100, "under 10 %", "equal lengths" },
        { 100, 109, "under 10 %", "shorter preferred" },
        { 110, 100, "10 to 25 %", "longer preferred" },
        { 130, 100, "25 to 50 %", "longer preferred" },
        { 100, 150, "50 to 100 %", "shorter preferred" },
        { 200, 100, "over twice", "longer preferred" },
        { 0, 5, "over twice", "shorter preferred" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_pair(&f, "c", table[i].a, table[i].b, "a", RATER_HUMAN);
        fixture_label(&f, ORDER_AB, .9);
        fixture_label(&f, ORDER_BA, .3);
        fixture_judge(&f, false);
        assert_label(&f.rows[0], "length_difference", table[i].difference);
        assert_label(&f.rows[0], "preferred_length", table[i].preferred);
        fixture_release(&f);
    }
}

static void test_answers(void **state)
{
    static const struct {
        double ab, ba;
        const char *margin, *orders;
    } table[] = {
        { .9, .3, "margin .5 to .75", "same response" },
        { .55, .5, "margin under .1", "a tie in one order" },
        { .9, .6, "margin .25 to .5", "same slot" },
        { .99, .01, "margin .75 to 1", "same response" },
        { .4, .2, "margin .1 to .25", "same slot" },
        { .4, NAN, "no label", "not both orders" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_pair(&f, "c", 5, 9, "a", RATER_HUMAN);
        fixture_label(&f, ORDER_AB, table[i].ab);
        fixture_label(&f, ORDER_BA, table[i].ba);
        fixture_judge(&f, false);
        assert_label(&f.rows[0], "margin", table[i].margin);
        assert_label(&f.rows[0], "orders", table[i].orders);
        fixture_release(&f);
    }
}

static void test_raters(void **state)
{
    static const struct {
        const char *votes;
        double confidence;
        const char *raters, *reference, *sure, *preferred;
    } table[] = {
        { "a", NAN, "one rater", "a", "none given", "shorter preferred" },
        { "", NAN, "no rater", "none", "none given", "no preference" },
        { "bb", 1, "raters agree", "b", "sure (4)", "longer preferred" },
        { "ab", 6, "raters differ", "no majority", "slight (1)", "no preference" },
        { "t", 5, "one rater", "tie", "slight (1)", "no preference" },
        { "aab", 7, "raters differ", "a", "some (2)", "shorter preferred" },
        { "b", 2, "one rater", "b", "clear (3)", "longer preferred" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f;
        fixture_init(&f);
        struct pair *pair = fixture_pair(&f, "c", 5, 9, table[i].votes, RATER_HUMAN);
        for (size_t k = 0; k < pair->n_votes; k++)
            pair->votes[k].confidence = table[i].confidence;
        fixture_judge(&f, false);
        assert_label(&f.rows[0], "raters", table[i].raters);
        assert_label(&f.rows[0], "reference", table[i].reference);
        assert_label(&f.rows[0], "confidence", table[i].sure);
        assert_label(&f.rows[0], "preferred_length", table[i].preferred);
        fixture_release(&f);
    }
}

static void test_text(void **state)
{
    static const struct {
        size_t words;
        const char *label;
    } table[] = { { 1, "under 50 words" },      { 50, "50 to 99 words" },
                  { 199, "100 to 199 words" },  { 200, "200 to 399 words" },
                  { 799, "400 to 799 words" },  { 800, "800 words and more" } };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f;
        fixture_init(&f);
        char *context = xcalloc(table[i].words + 1, 2);
        for (size_t k = 0; k < table[i].words; k++)
            memcpy(context + 2 * k, "w ", 2);
        fixture_pair(&f, context, 5, 9, "a", RATER_HUMAN);
        free(context);
        fixture_judge(&f, false);
        assert_label(&f.rows[0], "text_length", table[i].label);
        fixture_release(&f);
    }
}

static const struct stats_group *find_group(const struct stats_bias *b, const char *by,
                                            const char *key)
{
    for (size_t i = 0; i < b->n_by; i++)
        if (strcmp(b->by[i].by->name, by) == 0 && strcmp(b->by[i].key, key) == 0)
            return &b->by[i];
    fail_msg("no group %s of %s", key, by);
    return NULL;
}

/* Every key but the tags parts the rows; a row with two tags stands in both groups. */
static void test_tables(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_random(&f, 90, 3);
    for (size_t i = 0; i < 90; i++) {
        struct pair *pair = &f.pairs.pairs[i];
        if (i % 3 != 0)
            pair->group = xstrdup(i % 3 == 1 ? "cats" : "dogs");
        if (i % 2 == 0)
            pair_add_tag(pair, "even");
        if (i % 5 == 0)
            pair_add_tag(pair, "five");
    }
    fixture_simulate(&f, "sim:gap=.5,pos=1,noise=1", 1);
    fixture_judge(&f, false);
    const struct group_key *by[16];
    size_t n_by = 0;
    for (const struct group_key *key = group_keys; key->name != NULL; key++)
        by[n_by++] = key;
    struct stats_bias b = stats_bias(f.rows, f.n, by, n_by, NULL);
    for (size_t k = 0; k < n_by; k++) {
        size_t n = 0, same = 0, decisive = 0;
        double hits = 0;
        for (size_t i = 0; i < b.n_by; i++) {
            if (b.by[i].by != by[k])
                continue;
            n += b.by[i].n;
            decisive += b.by[i].decisive;
            if (b.by[i].decisive > 0)
                same += (size_t)(b.by[i].same_position_rate * (double)b.by[i].decisive + .5);
            hits += b.by[i].used > 0 ? b.by[i].agreement * (double)b.by[i].used : 0;
        }
        if (strcmp(by[k]->name, "tag") == 0) {
            assert_int_equal(n, 90 + 9); /* 0, 10, 20 .. carry both */
            continue;
        }
        assert_int_equal(n, 90);
        assert_int_equal(decisive, b.position.decisive);
        assert_int_equal(same, b.position.same_position);
        assert_within(hits, b.one_order.both * 90, 1e-9, by[k]->name);
    }
    assert_int_equal(find_group(&b, "group", "cats")->n, 30);
    assert_int_equal(find_group(&b, "group", "none")->n, 30);
    assert_int_equal(find_group(&b, "tag", "even")->n, 45);
    assert_int_equal(find_group(&b, "tag", "five")->n, 18);
    assert_int_equal(find_group(&b, "tag", "none")->n, 36);
    stats_bias_release(&b);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_raters),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
