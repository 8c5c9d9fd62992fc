/*
 * Imports of the real files against tests/golden/imports.json and verdicts.json, which
 * hold counts and rules and no text of the data. One test per file; skipped, and counted
 * as skipped, where the shared data is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/data/import.h"
#include "src/data/post.h"
#include "src/data/verdicts.h"

static char *data_path(const char *rest)
{
    const char *shared = getenv("RLAIF_SHARED"), *src = getenv("RLAIF_SRC");
    char *path = shared ? xasprintf("%s/data/%s", shared, rest)
                        : xasprintf("%s/../shared/data/%s", src ? src : ".", rest);
    if (!shared && !file_exists(path)) { // a worktree one folder deeper
        free(path);
        path = xasprintf("%s/../../shared/data/%s", src ? src : ".", rest);
    }
    return path;
}

static json_t *golden(const char *name)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = xasprintf("%s/tests/golden/%s", src ? src : ".", name);
    json_t *value = json_load_file(path, 0, NULL);
    free(path);
    return value;
}

/* The entry's file or files as paths; false when one is not there. */
static bool entry_files(const json_t *file, char **paths, size_t *n)
{
    size_t i;
    json_t *one;
    *n = 0;
    if (json_is_string(file))
        paths[(*n)++] = data_path(json_string_value(file));
    json_array_foreach(file, i, one)
    {
        paths[(*n)++] = data_path(json_string_value(one));
    }
    for (i = 0; i < *n; i++) {
        if (!file_exists(paths[i]))
            return false;
    }
    return true;
}

static void free_paths(char **paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
}

/* ---- pairs ---- */

struct seen {
    struct pair_list list;
};

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static int collect(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    struct seen *seen = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        struct pair *to = pair_list_add(&seen->list);
        *to = pairs[i];
        to->key = copy(pairs[i].key);
        to->title = copy(pairs[i].title);
        to->group = copy(pairs[i].group);
        to->context = xstrdup(pairs[i].context);
        to->a = xstrdup(pairs[i].a);
        to->b = xstrdup(pairs[i].b);
        to->votes = NULL;
        to->n_votes = 0;
        to->tags = NULL;
        to->n_tags = 0;
        for (size_t k = 0; k < pairs[i].n_votes; k++) {
            const struct vote *v = &pairs[i].votes[k];
            pair_add_vote(to, v->rater, v->kind, v->choice, v->confidence);
            to->votes[k].soft = v->soft;
        }
    }
    return 0;
}

static void expect_count(const json_t *entry, const char *key, int64_t is)
{
    const json_t *want = json_object_get(entry, key);
    if (!want || json_integer_value(want) != is)
        fail_msg("%s: %lld, golden %lld", key, (long long)is,
                 (long long)json_integer_value(want));
}

static void expect_share(const json_t *entry, const char *key, double sum, int64_t n)
{
    const json_t *want = json_object_get(entry, key);
    if (n == 0) {
        assert_true(json_is_null(want));
        return;
    }
    double is = sum / (double)n;
    if (fabs(is - json_number_value(want)) > 1e-12)
        fail_msg("%s: %.17g, golden %.17g", key, is, json_number_value(want));
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double longer(uint32_t a, uint32_t b, enum choice choice)
{
    return a == b ? .5 : (a > b) == (choice == CHOICE_A) ? 1 : 0;
}

static void check_pairs(const json_t *entry, const struct pair_list *list)
{
    double chars = 0, words = 0, prefer_a = 0;
    int64_t decisive = 0, contexts = 0;
    uint64_t *clusters = xcalloc(list->n + 1, sizeof *clusters);
    for (size_t i = 0; i < list->n; i++) {
        const struct pair *p = &list->pairs[i];
        enum choice choice = pair_reference(p).choice;
        clusters[i] = p->cluster;
        if ((choice != CHOICE_A && choice != CHOICE_B) || (p->flags & PAIR_IDENTICAL))
            continue;
        decisive++;
        chars += longer(p->chars_a, p->chars_b, choice);
        words += longer(p->words_a, p->words_b, choice);
        prefer_a += choice == CHOICE_A;
    }
    qsort(clusters, list->n, sizeof *clusters, compare_u64);
    for (size_t i = 0; i < list->n; i++)
        contexts += i == 0 || clusters[i] != clusters[i - 1];
    free(clusters);
    expect_count(entry, "decisive", decisive);
    expect_count(entry, "contexts", contexts);
    expect_share(entry, "longer_chars", chars, decisive);
    expect_share(entry, "longer_words", words, decisive);
    expect_share(entry, "prefer_a", prefer_a, decisive);
}

static void check_report(const json_t *entry, const struct import_report *report)
{
    expect_count(entry, "rows", report->rows);
    expect_count(entry, "pairs", report->imported);
    expect_count(entry, "unlabelled", report->unlabelled);
    expect_count(entry, "ties", report->ties);
    expect_count(entry, "no_majority", report->no_majority);
    expect_count(entry, "identical", report->identical);
    expect_count(entry, "blank", report->blank);
    expect_count(entry, "raters", report->raters);
    expect_count(entry, "votes", report->votes);
    expect_count(entry, "bad", report->bad);
    const json_t *bad = json_object_get(entry, "bad_records");
    assert_int_equal(json_array_size(bad), report->n_errors);
    for (size_t i = 0; i < report->n_errors; i++) {
        const struct error *e = &report->errors[i];
        char *want = xasprintf("%s:%lld: ", path_base(e->file), (long long)e->line);
        const char *is = json_string_value(json_array_get(bad, i));
        assert_memory_equal(is, want, strlen(want));
        /* The reason begins with golden's words. */
        const char *why = is + strlen(want);
        assert_memory_equal(e->text, why, strlen(why));
        free(want);
    }
    const json_t *kind = json_object_get(entry, "rater_kind");
    assert_int_equal(json_is_string(kind), report->has_votes);
}

static void test_entry(void **state)
{
    const json_t *entry = *state;
    char *paths[8];
    size_t n;
    if (!entry_files(json_object_get(entry, "file"), paths, &n)) {
        free_paths(paths, n);
        skip();
    }
    struct seen seen = {0};
    struct import_report report;
    struct import_options options = {0};
    struct error err = {0};
    if (json_object_get(entry, "mapping")) {
        options.context = "context";
        options.a = "sample";
        options.b = "ref_text";
    }
    /* The file has no field for it: golden's rule. */
    const char *kind = json_string_value(json_object_get(entry, "rater_kind"));
    const char *format = json_string_value(json_object_get(entry, "format"));
    if (kind && !strcmp(format, "openai"))
        options.kind = kind;
    int bad = import_pairs((const char *const *)paths, n, &options, collect, &seen,
                           &report, &err);
    assert_non_null(report.format);
    assert_string_equal(report.format, format);
    if (json_object_get(entry, "refused")) {
        assert_int_equal(bad, -1);
        assert_int_equal(err.kind, ERROR_DATA);
        assert_non_null(strstr(err.text, "no pairs"));
        assert_int_equal(seen.list.n, 0);
    } else {
        assert_int_equal(bad,
                         json_integer_value(json_object_get(entry, "pairs")) ? 0 : -1);
        check_report(entry, &report);
        check_pairs(entry, &seen.list);
        assert_int_equal(seen.list.n, report.imported);
        if (report.has_votes)
            assert_string_equal(rater_kind_name(report.rater_kind), kind);
    }
    pair_list_release(&seen.list);
    import_report_release(&report);
    free_paths(paths, n);
}

/* ---- verdicts ---- */

struct lines {
    char **lines;
    size_t n, cap;
    const char *prefix;
};

static int collect_verdicts(void *ctx, const struct verdict_row *rows, size_t n,
                            struct error *err)
{
    static const char *const slots[] = {"null", "1", "2", "tie"};
    struct lines *to = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        to->lines = array_grow(to->lines, to->n, &to->cap, sizeof *to->lines);
        to->lines[to->n++] = xasprintf("%s%s %d %s\n", to->prefix, rows[i].key,
                                       rows[i].order + 1, slots[rows[i].slot]);
    }
    return 0;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_counts(const json_t *run, const char *order, const int64_t counts[4])
{
    const json_t *want = json_object_get(run, order);
    expect_count(want, "1", counts[1]);
    expect_count(want, "2", counts[2]);
    expect_count(want, "tie", counts[3]);
    expect_count(want, "null", counts[0]);
}

static void test_run(void **state)
{
    const json_t *run = *state;
    char *paths[64];
    size_t n;
    if (!entry_files(json_object_get(run, "files"), paths, &n)) {
        free_paths(paths, n);
        skip();
    }
    /* Golden puts the set before LLMBar's place in the file. */
    const char *first =
        json_string_value(json_array_get(json_object_get(run, "first"), 0));
    const char *name = json_string_value(json_object_get(run, "run"));
    const char *slash = strncmp(name, "llmbar/", 7) ? NULL : strchr(first, '/');
    char *prefix = xstrndup(first, slash ? (size_t)(slash - first) + 1 : 0);
    struct lines lines = {.prefix = prefix};
    struct verdict_report report;
    struct error err = {0};
    int bad = import_verdicts((const char *const *)paths, n, NULL, collect_verdicts,
                              &lines, &report, &err);
    if (bad)
        fail_msg("%s: %s", err.file, err.text);
    assert_int_equal(report.rows.bad, 0);
    expect_count(run, "verdicts", report.rows.imported);
    check_counts(run, "order1", report.counts[0]);
    check_counts(run, "order2", report.counts[1]);
    qsort(lines.lines, lines.n, sizeof *lines.lines, compare_lines);
    struct hash hash;
    uint8_t out[32];
    char hex[65];
    hash_init(&hash);
    for (size_t i = 0; i < lines.n; i++) {
        hash_add(&hash, lines.lines[i], strlen(lines.lines[i]));
        free(lines.lines[i]);
    }
    hash_end(&hash, out);
    hash_hex(out, hex);
    assert_string_equal(hex, json_string_value(json_object_get(run, "sha256")));
    free(lines.lines);
    free(prefix);
    verdict_report_release(&report);
    free_paths(paths, n);
}

/* ---- posts, soft labels, the exact case ---- */

struct post_count {
    size_t n, summaries, most;
};

static int count_posts(void *ctx, const struct post *posts, size_t n, struct error *err)
{
    struct post_count *count = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(posts[i].context) > 0);
        count->n++;
        count->summaries += posts[i].n_summaries;
        count->most =
            posts[i].n_summaries > count->most ? posts[i].n_summaries : count->most;
    }
    return 0;
}

static void test_posts(void **state)
{
    static const struct {
        const char *file, *format;
        size_t n, most;
    } rows[] = {{"derived_openai_format/tldr_filtered.jsonl", "openai_posts", 1216, 1},
                {"scitldr/SciTLDR-A/dev.jsonl", "scitldr", 619, 4},
                {"scitldr/SciTLDR-A/train.first1000.jsonl", "scitldr", 1000, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *path = data_path(rows[i].file);
        if (!file_exists(path)) {
            free(path);
            skip();
        }
        struct post_count count = {0};
        struct import_report report;
        struct error err = {0};
        const char *files[] = {path};
        assert_int_equal(import_posts(files, 1, NULL, count_posts, &count, &report, &err),
                         0);
        assert_string_equal(report.format, rows[i].format);
        assert_int_equal(count.n, rows[i].n);
        assert_int_equal(report.imported, rows[i].n);
        assert_int_equal(count.most, rows[i].most);
        assert_int_equal(report.bad, 0);
        import_report_release(&report);
        free(path);
    }
}

struct soft {
    size_t n, first_picks, order1;
    double p_first;
};

static int sum_soft(void *ctx, const struct verdict_row *rows, size_t n,
                    struct error *err)
{
    struct soft *soft = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        soft->n++;
        soft->p_first += rows[i].p_first;
        soft->first_picks += rows[i].p_first > .5;
        soft->order1 += rows[i].order == 0;
    }
    return 0;
}

/* The README's figures: 266 rows with log-probabilities, mean P(first shown) 0.381. */
static void test_alpaca_logprobs(void **state)
{
    char *path = data_path(
        "alpaca_eval_soft/claude-2.1/weighted_alpaca_eval_gpt4_turbo/annotations.json");
    (void)state;
    if (!file_exists(path)) {
        free(path);
        skip();
    }
    struct soft soft = {0};
    struct verdict_report report;
    struct error err = {0};
    const char *files[] = {path};
    assert_int_equal(import_verdicts(files, 1, NULL, sum_soft, &soft, &report, &err), 0);
    assert_int_equal(report.rows.rows, 268);
    assert_int_equal(soft.n, 266);
    assert_int_equal(lround(1000 * soft.p_first / (double)soft.n), 381);
    assert_true(soft.order1 > 100 && soft.order1 < 166);
    assert_string_equal(report.judge, "weighted_alpaca_eval_gpt4_turbo");
    verdict_report_release(&report);
    free(path);
}

/* Every judge's key names a pair of the set it judged. */
static void test_keys_meet(void **state)
{
    static const char *const sets[][2] = {
        {"llmbar/LLMBar/Natural/dataset.json",
         "llmbar/LLMBar/Natural/evaluators/GPT-4/CoT/result.json"},
        {"summeval_h2h/comp_data/M8-M9_relevance.txt",
         "summeval_h2h/comp_res/gpt-3.5-turbo-0301/M8-M9_relevance_toggle.result"},
        {"hh_chatgpt100/1.rlhf.jsonl", "hh_chatgpt100/3.rlhf_aftgpt.jsonl"},
        {"tldr_gpt4_judged/oai1b.csv_judged.csv",
         "tldr_gpt4_judged/oai1b.csv_judged.csv"}};
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char *pairs = data_path(sets[i][0]), *judge = data_path(sets[i][1]);
        const char *files[] = {pairs}, *answers[] = {judge};
        struct seen seen = {0};
        struct lines lines = {.prefix = ""};
        struct import_report report;
        struct verdict_report verdicts;
        struct error err = {0};
        if (!file_exists(pairs) || !file_exists(judge)) {
            free(pairs);
            free(judge);
            skip();
        }
        assert_int_equal(import_pairs(files, 1, NULL, collect, &seen, &report, &err), 0);
        assert_int_equal(
            import_verdicts(answers, 1, NULL, collect_verdicts, &lines, &verdicts, &err),
            0);
        json_t *keys = json_object();
        for (size_t k = 0; k < seen.list.n; k++) {
            assert_non_null(seen.list.pairs[k].key);
            json_object_set_new(keys, seen.list.pairs[k].key, json_true());
        }
        assert_int_equal(json_object_size(keys), seen.list.n);
        for (size_t k = 0; k < lines.n; k++) {
            *strchr(lines.lines[k], ' ') = 0;
            assert_non_null(json_object_get(keys, lines.lines[k]));
            free(lines.lines[k]);
        }
        free(lines.lines);
        json_decref(keys);
        pair_list_release(&seen.list);
        import_report_release(&report);
        verdict_report_release(&verdicts);
        free(pairs);
        free(judge);
    }
}

static size_t add_tests(struct CMUnitTest *tests, size_t n, const json_t *list,
                        const char *key, void (*test)(void **state))
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const json_t *name = json_object_get(entry, key);
        if (json_is_array(name))
            name = json_array_get(name, 0);
        tests[n++] =
            (struct CMUnitTest){json_string_value(name), test, NULL, NULL, entry};
    }
    return n;
}

int main(void)
{
    json_t *imports = golden("imports.json"), *verdicts = golden("verdicts.json");
    const json_t *entries = json_object_get(imports, "entries"),
                 *runs = json_object_get(verdicts, "runs");
    struct CMUnitTest tests[256] = {cmocka_unit_test(test_posts),
                                    cmocka_unit_test(test_alpaca_logprobs),
                                    cmocka_unit_test(test_keys_meet)};
    size_t n = 3;
    if (json_array_size(entries) < 50 || json_array_size(runs) < 50 ||
        json_array_size(entries) + json_array_size(runs) > 250) {
        fprintf(stderr, "tests/golden is not whole\n");
        return 1;
    }
    n = add_tests(tests, n, entries, "file", test_entry);
    n = add_tests(tests, n, runs, "run", test_run);
    int failed = _cmocka_run_group_tests("data_golden", tests, n, NULL, NULL);
    json_decref(imports);
    json_decref(verdicts);
    return failed;
}
