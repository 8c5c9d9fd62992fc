/* Judges' published answers and posts, from small made-up files. */
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
#include "src/data/post.h"
#include "src/data/verdicts.h"

/* The tests run in a folder of their own: names in messages are short. */
static char folder[] = "/tmp/test_data_verdicts.XXXXXX";

#define OWN "{\"id\":\"1\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\"}\n"

static void put(const char *name, const char *text, size_t len)
{
    struct error err = {0};
    assert_int_equal(file_put(name, text, len, &err), 0);
}

static int verdicts_to_buf(void *ctx, const struct verdict_row *rows, size_t n,
                           struct error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++) {
        buf_addf(ctx, "%s %s %d", rows[i].key, rows[i].order ? "ba" : "ab", rows[i].slot);
        if (!isnan(rows[i].p_first))
            buf_addf(ctx, " p=%.4f", rows[i].p_first);
        if (rows[i].raw)
            buf_addf(ctx, " %s", rows[i].raw);
        buf_addc(ctx, '\n');
    }
    return 0;
}

static void test_verdicts(void **state)
{
    static const struct {
        const char *format, *file, *text, *gives, *judge;
        int bad;
        const char *first;
    } rows[] = {
        {"llmbar", "result.json",
         "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1,"
         "\"results\":[[\"t\",\"stop\"],{"
         "\"swap = False\":{\"completion\":[\"say\",\"stop\"],\"winner\":\"1\"},\"swap = "
         "True\":{"
         "\"completion\":[[\"a\",\"stop\"],[\"b\",\"stop\"]],\"winner\":\"1\"}}]},\n"
         "{\"output_1\":\"x\",\"output_2\":\"y\",\"results\":[{\"swap = "
         "False\":{\"winner\":null},\"swap = "
         "True\":{\"winner\":\"2\"}}]},\n"
         "{\"output_1\":\"x\",\"output_2\":\"y\",\"results\":[{\"swap = "
         "False\":{\"winner\":1},\"swap = "
         "True\":{\"winner\":\"2\"}}]}]",
         "1 ab 1 say\n1 ba 2 a\n2 ab 0\n2 ba 1\n", "", 1,
         "result.json:3: unknown label (winner must be \"1\" or \"2\")"},
        {"summeval", "M1-M2_fluency_toggle.result",
         "{\"id\":\"d\",\"resp\":\"A: "
         "because\"}\n{\"id\":\"e\",\"resp\":\"C\"}\n{\"id\":\"f\",\"resp\":\"?\"}\n"
         "{\"id\":\"d\",\"resp\":\"B\"}\n",
         "M1-M2/d ba 1 A: because\nM1-M2/e ba 3 C\nM1-M2/f ba 0 ?\n", "", 1,
         "M1-M2_fluency_toggle.result:4: the id \"M1-M2/d\" stands on line 1 already"},
        {"judgebench", "j.jsonl",
         "{\"pair_id\":\"k\",\"judgments\":[{\"decision\":\"A>B\",\"judgment\":{\"judge_"
         "model\":\"o9\","
         "\"response\":\"r\"}},{\"decision\":\"A>B\"}]}\n"
         "{\"pair_id\":\"l\",\"judgments\":[{\"decision\":null},{\"decision\":\"A=B\"}]}"
         "\n"
         "{\"pair_id\":\"m\",\"judgments\":[]}\n",
         "k ab 1 r\nk ba 1\nl ab 0\nl ba 3\n", "o9", 1,
         "j.jsonl:3: judgments must be a list of one or two"},
        {"pandalm", "g.json",
         "[{\"idx\":0,\"gpt_result\":\"Tie\",\"gpt_reason\":\"r\"},{\"idx\":1,\"gpt_"
         "result\":\"garbage\"},{"
         "\"idx\":2,\"gpt_result\":2}]",
         "0 ab 3 r\n1 ab 0\n", "", 1,
         "g.json:1: unknown label (gpt_result must be \"1\", \"2\", \"Tie\" or "
         "\"garbage\")"},
        {"pandalm_7b", "p.json",
         "[{\"idx\":0,\"pandalm_result\":2},{\"idx\":1,\"pandalm_result\":0}]",
         "0 ab 2\n1 ab 3\n", "", 0, NULL},
        {"hh_answers", "h.jsonl",
         "{\"id\":0,\"model_answer\":\"Answer2\"}\r\n{\"id\":1,\"model_answer\":"
         "\"neither\"}\r\n",
         "0 ab 2 Answer2\n1 ab 0 neither\n", "", 0, NULL},
        {"tldr_judged_csv", "t.csv",
         ",query,postprocessed_response,reference_responses,explanation,preferred,"
         "shuffled_index\n"
         "0,c,x,y,why,ours,1\n1,c,x,y,,,\n2,c,x,y,,reference,0\n",
         "0 ba 2 why\n2 ab 2\n", "gpt-4", 0, NULL},
        {"alpaca_eval", "a.json",
         "[{\"instruction\":\"c\",\"preference\":1.2,\"annotator\":\"w\",\"raw_"
         "completion\":{\"logprobs\":{"
         "\"content\":[{\"top_logprobs\":[{\"token\":\"The\",\"logprob\":-9},{\"token\":"
         "\"m\",\"logprob\":"
         "-0.22314355131420976},{\"token\":\"M\",\"logprob\":-1.6094379124341003}]}]}}},"
         "\n"
         "{\"instruction\":\"c\",\"preference\":1.8,\"raw_completion\":{\"logprobs\":{"
         "\"content\":[{"
         "\"top_logprobs\":[{\"token\":\"m\",\"logprob\":-0.22314355131420976},{"
         "\"token\":\"M\","
         "\"logprob\":-1.6094379124341003}]}]}}},\n"
         "{\"instruction\":\"c\",\"preference\":1.5,\"raw_completion\":null},\n"
         "{\"instruction\":\"c\",\"preference\":1.4,\"raw_completion\":{\"logprobs\":{"
         "\"content\":[{"
         "\"top_logprobs\":[{\"token\":\"m\",\"logprob\":-0.22314355131420976},{"
         "\"token\":\"M\","
         "\"logprob\":-1.6094379124341003}]}]}}}]",
         "1 ab 1 p=0.8000\n2 ba 1 p=0.8000\n", "w", 1,
         "a.json:4: preference 1.4 fits its log-probabilities in neither order"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct verdict_report report;
        struct error err = {0};
        struct buf out;
        const char *files[] = {rows[i].file};
        char first[900];
        buf_init(&out, 0);
        put(rows[i].file, rows[i].text, strlen(rows[i].text));
        if (import_verdicts(files, 1, NULL, verdicts_to_buf, &out, &report, &err))
            fail_msg("%s: %s", rows[i].format, err.text);
        assert_string_equal(report.rows.format, rows[i].format);
        assert_string_equal(buf_str(&out), rows[i].gives);
        assert_string_equal(report.judge, rows[i].judge);
        assert_int_equal(report.rows.bad, rows[i].bad);
        assert_int_equal(import_first_bad(&report.rows, first, sizeof first),
                         rows[i].first != NULL);
        if (rows[i].first)
            assert_string_equal(first, rows[i].first);
        verdict_report_release(&report);
        buf_release(&out);
    }
}

static void test_verdict_errors(void **state)
{
    static const struct {
        const char *file, *text, *error;
    } rows[] = {
        {"answers", "{\"id\":\"d\",\"resp\":\"A\"}\n",
         "the name of answers must say systems and order"},
        {"v", "{\"x\":1}\n", "no format of verdicts is known by these keys: x"},
        {"v", "{\"id\":0,\"model_answer\":\"Answer1\"",
         "no format of verdicts is known by this file"},
        {"v", ",query,preferred,shuffled_index\n0,c,,\n", "v holds no verdicts"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct verdict_report report;
        struct error err = {0};
        struct buf out;
        const char *files[] = {rows[i].file};
        buf_init(&out, 0);
        put(rows[i].file, rows[i].text, strlen(rows[i].text));
        assert_int_equal(
            import_verdicts(files, 1, NULL, verdicts_to_buf, &out, &report, &err), -1);
        if (strncmp(err.text, rows[i].error, strlen(rows[i].error)))
            fail_msg("%s", err.text);
        verdict_report_release(&report);
        buf_release(&out);
    }
}

/* ---- posts ---- */

static int posts_to_buf(void *ctx, const struct post *posts, size_t n, struct error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct post *p = &posts[i];
        buf_addf(ctx, "%lld|%s|%s|%s|%s", (long long)p->origin_line,
                 p->key ? p->key : "-", p->title ? p->title : "-",
                 p->group ? p->group : "-", p->context);
        for (size_t k = 0; k < p->n_summaries; k++)
            buf_addf(ctx, "|%s", p->summaries[k]);
        buf_addc(ctx, '\n');
    }
    return 0;
}

static void test_posts(void **state)
{
    static const struct {
        const char *format, *text, *gives;
        int bad;
        const char *first;
    } rows[] = {
        {"openai_posts",
         "{\"id\":\"t3\",\"subreddit\":\"cats\",\"title\":\"T\",\"post\":\"p\","
         "\"summary\":\" s\"}\n"
         "{\"id\":\"t4\",\"post\":\"p\",\"summary\":\"\"}\n",
         "1|t3|T|cats|p| s\n", 1, "p:2: empty response (summary)"},
        {"scitldr",
         "{\"source\":[\"One. "
         "\",\"Two.\",\"Three.\\n\",\"Four.\"],\"target\":[\"x\",\"y\"],\"paper_id\":"
         "\"k\","
         "\"title\":\"T\"}\n"
         "{\"source\":\"One\",\"target\":[\"x\"],\"paper_id\":\"l\"}\n",
         "1|k|T|-|One. Two. Three.\nFour.|x|y\n", 1,
         "p:2: source and target must be lists of sentences"},
        {"text", "first, line\n\n  second \r\nbad \xff\nlast",
         "1|-|-|-|first, line\n3|-|-|-|  second \n5|-|-|-|last\n", 1,
         "p:4:5: not UTF-8 (byte 0xFF)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct import_report report;
        struct error err = {0};
        struct buf out;
        const char *files[] = {"p"};
        char first[900];
        buf_init(&out, 0);
        put("p", rows[i].text, strlen(rows[i].text));
        assert_int_equal(import_posts(files, 1, NULL, posts_to_buf, &out, &report, &err),
                         0);
        assert_string_equal(report.format, rows[i].format);
        assert_string_equal(buf_str(&out), rows[i].gives);
        assert_int_equal(report.bad, rows[i].bad);
        assert_true(import_first_bad(&report, first, sizeof first));
        assert_string_equal(first, rows[i].first);
        import_report_release(&report);
        buf_release(&out);
    }
    struct import_report report;
    struct error err = {0};
    struct buf out;
    const char *files[] = {"p"};
    buf_init(&out, 0);
    put("p", OWN, strlen(OWN));
    assert_int_equal(import_posts(files, 1, NULL, posts_to_buf, &out, &report, &err), -1);
    assert_string_equal(err.text,
                        "no format of posts is known by these keys: id, context, a, b");
    import_report_release(&report);
    buf_release(&out);
}

static int enter(void **state)
{
    (void)state;
    return !mkdtemp(folder) || chdir(folder);
}

static int leave(void **state)
{
    static const char *const files[] = {"result.json",
                                        "M1-M2_fluency_toggle.result",
                                        "j.jsonl",
                                        "g.json",
                                        "p.json",
                                        "h.jsonl",
                                        "t.csv",
                                        "a.json",
                                        "answers",
                                        "v",
                                        "p"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(files[i]);
    return chdir("/") || rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_verdict_errors),
        cmocka_unit_test(test_posts),
    };
    return cmocka_run_group_tests_name("data_verdicts", tests, enter, leave);
}
