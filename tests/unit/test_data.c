/* Pairs: names, what pair_finish computes, references, the seeded order; exports and
 * their way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/data/export.h"
#include "src/data/import.h"
#include "src/data/json_quick.h"
#include "src/base/json.h"

static void test_names(void **state)
{
    (void)state;
    enum choice choice;
    enum rater_kind kind;
    enum split split;
    for (int i = 0; i < 4; i++) {
        assert_true(choice_parse(choice_name((enum choice)i), &choice));
        assert_int_equal(choice, i);
        assert_true(rater_kind_parse(rater_kind_name((enum rater_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(split_parse(split_name((enum split)i), &split));
        assert_int_equal(split, i);
    }
    assert_false(choice_parse("A", &choice));
    assert_false(rater_kind_parse("", &kind));
    static const struct {
        const char *name;
        int split; /* -1: none */
    } splits[] = {{"train", SPLIT_TRAIN},
                  {"valid1", SPLIT_DEV},
                  {"valid2", SPLIT_DEV},
                  {"valid", SPLIT_DEV},
                  {"validation", SPLIT_DEV},
                  {"eval", SPLIT_DEV},
                  {"test", SPLIT_TEST},
                  {"", -1},
                  {"Train", -1},
                  {"holdout", -1}};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        bool known = split_parse(splits[i].name, &split);
        assert_int_equal(known ? (int)split : -1, splits[i].split);
    }
}

/* Bucket = first four bytes of the SHA-256 mod 100, cluster = its first eight; by another
 * program. */
static void test_finish_context(void **state)
{
    static const struct {
        const char *context;
        uint64_t cluster;
        int bucket;
    } rows[] = {
        {"", UINT64_C(0xe3b0c44298fc1c14), 10},
        {"a", UINT64_C(0xca978112ca1bbdca), 10},
        {"context", UINT64_C(0xea7792a26f405e2a), 66},
        {"Wie geht es?", UINT64_C(0xe6bc006330286bb7), 47},
        {"p1", UINT64_C(0xf64551fcd6f07823), 8},
        {"p2", UINT64_C(0x3946ca64ff78d93c), 44},
        {"p3", UINT64_C(0x43bb00d0ce7790a5), 12},
        {"p4", UINT64_C(0xab71fc4c8a1c4d62), 92},
        {"p5", UINT64_C(0x536c351ae15e5f5e), 10},
        {"p6", UINT64_C(0x7d087a2e212c110e), 66},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair pair;
        pair_init(&pair);
        pair.context = xstrdup(rows[i].context);
        pair.a = xstrdup("x");
        pair.b = xstrdup("y");
        pair_finish(&pair);
        assert_int_equal(pair.cluster, rows[i].cluster);
        enum split want = rows[i].bucket < 60   ? SPLIT_TRAIN
                          : rows[i].bucket < 80 ? SPLIT_DEV
                                                : SPLIT_TEST;
        assert_int_equal(pair.split, want);
        pair.split = SPLIT_TEST;
        pair.split_given = true;
        pair_finish(&pair);
        assert_int_equal(pair.split, SPLIT_TEST);
        pair_release(&pair);
    }
}

static void test_finish_lengths(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned flags;
        uint32_t chars_a, words_a;
    } rows[] = {
        {"one two", "one two", PAIR_IDENTICAL, 7, 2},
        {"one two", "one two ", 0, 7, 2},
        {" ", "x", PAIR_BLANK, 1, 0},
        {"x", "\xe2\x80\x83\n", PAIR_BLANK, 1, 1}, /* an em space */
        {"\xc3\xbc\xe2\x80\x83z", "x", 0, 3, 2},   /* u umlaut, em space, z */
        {"a\x1c\xc2\x85"
         "b",
         "x", 0, 4, 2},                           /* separators that Python splits at */
        {"zero\xe2\x80\x8bwidth", "x", 0, 10, 1}, /* U+200B is no space */
        {"\xf0\x9f\x98\x80 \xf0\x9f\x98\x80", "x", 0, 3, 2},
        {"bad\xff byte", "x", 0, 9, 2},
        {"", "", PAIR_IDENTICAL | PAIR_BLANK, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair pair;
        pair_init(&pair);
        pair.context = xstrdup("three little words");
        pair.a = xstrdup(rows[i].a);
        pair.b = xstrdup(rows[i].b);
        pair_finish(&pair);
        assert_int_equal(pair.flags, rows[i].flags);
        assert_int_equal(pair.chars_a, rows[i].chars_a);
        assert_int_equal(pair.words_a, rows[i].words_a);
        assert_int_equal(pair.words_context, 3);
        pair_release(&pair);
    }
}

/* Votes as letters: a, b, t(ie), n(one); a digit behind one is its confidence. */
static void test_reference(void **state)
{
    static const struct {
        const char *votes;
        enum choice choice;
        bool no_majority;
        size_t n;
        double gap;
    } rows[] = {
        {"", CHOICE_NONE, false, 0, 0},
        {"n", CHOICE_NONE, false, 0, 0},
        {"a", CHOICE_A, false, 1, 1},
        {"b", CHOICE_B, false, 1, -1},
        {"t", CHOICE_TIE, false, 1, 0},
        {"ab", CHOICE_NONE, true, 2, 0},
        {"abt", CHOICE_NONE, true, 3, 0},
        {"aab", CHOICE_A, false, 3, 1.0 / 3},
        {"aabbt", CHOICE_NONE, true, 5, 0},
        {"bbt", CHOICE_B, false, 3, -2.0 / 3},
        {"ttaabbb", CHOICE_B, false, 7, -1.0 / 7},
        {"a9", CHOICE_A, false, 1, 2},
        {"b1", CHOICE_B, false, 1, -2},
        {"a6", CHOICE_A, false, 1, .5},
        {"a9b", CHOICE_NONE, true, 2, .5},
        {"nna8", CHOICE_A, false, 1, 1.5},
        {"t3", CHOICE_TIE, false, 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair pair;
        pair_init(&pair);
        for (const char *v = rows[i].votes; *v; v++) {
            double confidence = v[1] >= '1' && v[1] <= '9' ? v[1] - '0' : NAN;
            pair_add_vote(&pair, "r", RATER_AI,
                          *v == 'a'   ? CHOICE_A
                          : *v == 'b' ? CHOICE_B
                          : *v == 't' ? CHOICE_TIE
                                      : CHOICE_NONE,
                          confidence);
            v += !isnan(confidence);
        }
        struct reference reference = pair_reference(&pair);
        assert_int_equal(reference.choice, rows[i].choice);
        assert_int_equal(reference.no_majority, rows[i].no_majority);
        assert_int_equal(reference.n_votes, rows[i].n);
        assert_true(fabs(reference.gap - rows[i].gap) < 1e-15);
        if (reference.n_votes)
            assert_int_equal(reference.kind, RATER_AI);
        pair_release(&pair);
    }
}

/* A permutation; the same again; another for another seed or set; dropping a pair moves
 * no other. */
static void test_order(void **state)
{
    enum { N = 200 };
    struct pair pairs[N];
    const struct pair *list[N];
    size_t order[N], again[N], fewer[N], seen[N] = {0}, first_half = 0;
    (void)state;
    for (int i = 0; i < N; i++) {
        pair_init(&pairs[i]);
        pairs[i].num = i + 1;
        list[i] = &pairs[i];
    }
    pair_order(list, N, "s", 1, order);
    for (int i = 0; i < N; i++)
        seen[order[i]]++;
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    pair_order(list, N, "s", 1, again);
    assert_memory_equal(order, again, sizeof order);
    pair_order(list, N, "t", 1, again);
    assert_memory_not_equal(order, again, sizeof order);
    pair_order(list, N, "s", 2, again);
    assert_memory_not_equal(order, again, sizeof order);
    for (int i = 0; i < N / 2; i++)
        first_half += order[i] < N / 2;
    assert_in_range(first_half, 30, 70); /* 50 expected, sd 3.5 */
    pair_order(list, N - 1, "s", 1, fewer);
    for (int i = 0, k = 0; i < N; i++) {
        if (order[i] != N - 1)
            assert_int_equal(order[i], fewer[k++]);
    }
    pair_order(list, 0, "s", 1, order);
}

static void test_set_name(void **state)
{
    static const char *const rows[][2] = {
        {"x.csv", "x"},
        {"/tmp/a/dataset.json", "dataset"},
        {"t.jsonl.gz", "t"},
        {"oai1b.csv_judged.csv", "oai1b.csv_judged"},
        {"M8-M9_relevance.txt", "M8-M9_relevance"},
        {"judge=a,model=b c.jsonl", "judge-a-model-b-c"},
        {".json", ".json"},
        {"dir/", "set"},
        {"\xff\x1b[2J.csv", "---2J"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *name = import_set_name(rows[i][0]);
        assert_string_equal(name, rows[i][1]);
        free(name);
    }
}

/* ---- the way out and back ---- */

static struct pair_list nasty_pairs(void)
{
    static const char *const texts[] = {
        "plain",
        " two leading and trailing blanks  ",
        "a,comma \"and quotes\"\nand\r\nlines\n",
        "=1+2",
        "+49",
        "-",
        "@x",
        "\ttab",
        "\rcr",
        "'quote",
        "''",
        "\x1b[2J\x07 control",
        "\xe2\x80\xae bidi \xe2\x80\x8b zero \xf0\x9f\x98\x80",
        "\"",
        "\"\"",
        "{{context}} \\{{ <|im_end|>",
        "null",
        "1",
    };
    struct pair_list list = {0};
    size_t n = sizeof texts / sizeof *texts;
    for (size_t i = 0; i < n; i++) {
        struct pair *p = pair_list_add(&list);
        p->context = xstrdup(texts[i]);
        p->a = xstrdup(texts[(i + 1) % n]);
        p->b = xstrdup(texts[(i + 2) % n]);
        if (i % 2)
            p->key = xasprintf("%s-%zu", texts[(i + 3) % n], i);
        if (i % 3)
            p->title = xstrdup(texts[(i + 4) % n]);
        if (i % 5)
            p->group = xstrdup(texts[(i + 5) % n]);
        for (size_t k = 0; k < i % 4; k++) {
            pair_add_vote(p, texts[(i + k) % n], (enum rater_kind)(k % 4),
                          (enum choice)((i + k) % 4), k ? NAN : 1 + (double)(i % 9));
            p->votes[k].soft = k == 2 ? 0.1 + 0.2 : NAN;
        }
        for (size_t k = 0; k < i % 3; k++)
            pair_add_tag(p, texts[(i + k) % n]);
        if (i % 4 == 1) {
            p->gold_a = 1.0 / 3;
            p->gold_b = -1e-300;
        }
        p->split = (enum split)(i % 3);
        p->split_given = true;
        pair_finish(p);
    }
    return list;
}

struct against {
    const struct pair_list *list;
    size_t at;
};

static void same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

static void same_real(double a, double b)
{
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static int compare(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    struct against *against = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        assert_true(against->at < against->list->n);
        const struct pair *is = &pairs[i], *was = &against->list->pairs[against->at++];
        same_text(is->key, was->key);
        same_text(is->title, was->title);
        same_text(is->group, was->group);
        same_text(is->context, was->context);
        same_text(is->a, was->a);
        same_text(is->b, was->b);
        assert_int_equal(is->split, was->split);
        assert_int_equal(is->flags, was->flags);
        assert_int_equal(is->cluster, was->cluster);
        same_real(is->gold_a, was->gold_a);
        same_real(is->gold_b, was->gold_b);
        assert_int_equal(is->n_votes, was->n_votes);
        for (size_t k = 0; k < is->n_votes; k++) {
            same_text(is->votes[k].rater, was->votes[k].rater);
            assert_int_equal(is->votes[k].kind, was->votes[k].kind);
            assert_int_equal(is->votes[k].choice, was->votes[k].choice);
            same_real(is->votes[k].confidence, was->votes[k].confidence);
            same_real(is->votes[k].soft, was->votes[k].soft);
        }
        assert_int_equal(is->n_tags, was->n_tags);
        for (size_t k = 0; k < is->n_tags; k++)
            same_text(is->tags[k], was->tags[k]);
    }
    return 0;
}

static void round_trip(const struct pair_list *list, const char *ending,
                       enum export_flags flags, const char *format)
{
    char path[64];
    struct buf out;
    struct import_report report;
    struct error err = {0};
    snprintf(path, sizeof path, "test_data.%d.tmp.%s", (int)getpid(), ending);
    buf_init(&out, 0);
    if (!strcmp(ending, "csv"))
        export_csv_head(&out, flags);
    for (size_t i = 0; i < list->n; i++) {
        if (!strcmp(ending, "csv"))
            export_pair_csv(&out, &list->pairs[i], flags);
        else
            export_pair_jsonl(&out, &list->pairs[i]);
    }
    assert_int_equal(file_put(path, out.data, out.len, &err), 0);
    const char *files[] = {path};
    struct against against = {list, 0};
    int bad = import_pairs(files, 1, NULL, compare, &against, &report, &err);
    remove(path);
    if (bad || report.bad)
        fail_msg("%s %s", err.text, report.n_errors ? report.errors[0].text : "");
    assert_string_equal(report.format, format);
    assert_int_equal(report.imported, list->n);
    import_report_release(&report);
    buf_release(&out);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct pair_list list = nasty_pairs();
    round_trip(&list, "jsonl", 0, "rlaif");
    round_trip(&list, "csv", 0, "csv");
    round_trip(&list, "csv", EXPORT_GUARD, "csv");
    pair_list_release(&list);
}

/* With the guard no cell begins like a formula. */
static void test_guard(void **state)
{
    (void)state;
    struct pair_list list = nasty_pairs();
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < list.n; i++)
        export_pair_csv(&out, &list.pairs[i], EXPORT_GUARD);
    bool quoted = false;
    for (size_t i = 0; i < out.len; i++) {
        bool start = !quoted && (i == 0 || strchr(",\n", out.data[i - 1]));
        if (start && out.data[i] == '"')
            assert_null(strchr("=+-@\t\r", out.data[i + 1]));
        else if (start)
            assert_null(strchr("=+-@\t\r", out.data[i]));
        quoted ^= out.data[i] == '"';
    }
    buf_release(&out);
    pair_list_release(&list);
}

static int keep_all(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    struct pair_list *list = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) { /* taken over: the reader gets empty ones back */
        *pair_list_add(list) = pairs[i];
        pair_init(&pairs[i]);
    }
    return 0;
}

static void test_builtin(void **state)
{
    (void)state;
    const char *src = getenv("RLAIF_SRC");
    char *path = xasprintf("%s/src/data/builtin/pairs.jsonl", src ? src : ".");
    const char *files[] = {path};
    struct pair_list list = {0};
    struct import_report report;
    struct error err = {0};
    if (!file_exists(path)) {
        free(path);
        skip();
    }
    assert_int_equal(import_pairs(files, 1, NULL, keep_all, &list, &report, &err), 0);
    assert_string_equal(report.format, "rlaif");
    assert_int_equal(report.bad, 0);
    assert_true(list.n >= 60);
    for (size_t i = 0; i < list.n; i++)
        assert_int_equal(list.pairs[i].split, SPLIT_DEV);
    round_trip(&list, "jsonl", 0, "rlaif");
    round_trip(&list, "csv", EXPORT_GUARD, "csv");
    pair_list_release(&list);
    import_report_release(&report);
    free(path);
}

/* The quick parser gives what the general one gives, or nothing. */
static void test_json_quick(void **state)
{
    static const struct {
        const char *text;
        bool quick;
    } rows[] = {
        {"{}", true},
        {"[]", true},
        {" { \"a\" : [ 1 , -2 , 3.5e3 , true , false , null ] } ", true},
        {"\"\\u00e4\\ud83d\\ude00\\n\\\\\\/\\\"\"", true},
        {"{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}", true},
        {"123456789012345678", true},
        {"9007199254740993", true},
        {"1234567890123456789", true},
        {"-0", true},
        {"0.1", true},
        {"{\"a\":1,\"a\":2}", false},
        {"{\"a\":1,}", false},
        {"[1,]", false},
        {"[1 2]", false},
        {"{\"a\" 1}", false},
        {"01", false},
        {"1e400", false},
        {"99999999999999999999", false},
        {"NaN", false},
        {"\"\\ud800\"", false},
        {"\"\\udc00\"", false},
        {"\"\\u0000\"", false}, /* the general one takes it, the readers then do not */
        {"\"\\x\"", false},
        {"\"a\tb\"", false},
        {"\"open", false},
        {"{\"a\":1} x", false},
        {"tru", false},
        {"", false},
        {"\"\\", false},
        {"\"\\u12", false},
        {"{\"a\":", false},
        {"-", false},
    };
    (void)state;
    struct buf scratch;
    buf_init(&scratch, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i].text);
        char *exact =
            malloc(len + 1); /* so that a read past the end is seen by the sanitizer */
        memcpy(exact, rows[i].text, len);
        exact = realloc(exact, len ? len : 1);
        json_t *quick = json_quick(exact, len, &scratch);
        if (rows[i].quick != (quick != NULL))
            fail_msg("%s: %s", rows[i].text, quick ? "taken" : "refused");
        if (quick) {
            json_t *slow = json_parse(exact, len, "x", 1, NULL);
            assert_true(json_equal(quick, slow));
            json_decref(slow);
        }
        json_decref(quick);
        free(exact);
    }
    char deep[200];
    memset(deep, '[', 70);
    memset(deep + 70, ']', 70);
    assert_null(json_quick(deep, 140, &scratch));
    buf_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_finish_context),
        cmocka_unit_test(test_finish_lengths), cmocka_unit_test(test_reference),
        cmocka_unit_test(test_order),          cmocka_unit_test(test_set_name),
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_guard),
        cmocka_unit_test(test_builtin),        cmocka_unit_test(test_json_quick),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
