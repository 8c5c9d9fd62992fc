/* Imports over several files, long lines, broken files, cancel and progress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/data/export.h"
#include "src/data/import.h"

/* All files of a test lie in one folder, which the tests run in: names in messages are
 * short. */
static char folder[] = "/tmp/test_data_files.XXXXXX";

static void put(const char *name, const char *text, size_t len)
{
    struct error err = {0};
    assert_int_equal(file_put(name, text, len, &err), 0);
}

static int to_buf(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++)
        export_pair_jsonl(ctx, &pairs[i]);
    return 0;
}

#define OWN(n) "{\"id\":\"" n "\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\"}\n"

/* Takes ,"split":"..." out of every line. */
static void drop_splits(struct buf *text)
{
    char *at;
    while (text->len && (at = strstr(text->data, ",\"split\":\""))) {
        char *end = strchr(at + 10, '"') + 1;
        memmove(at, end, strlen(end) + 1);
        text->len -= (size_t)(end - at);
    }
}

static void test_several_files(void **state)
{
    static const char *const files[] = {"one", "two", "three"};
    struct import_report report;
    struct error err = {0};
    struct buf out;
    (void)state;
    buf_init(&out, 0);
    put("one", OWN("1"), strlen(OWN("1")));
    put("two", OWN("1") OWN("2"), strlen(OWN("1") OWN("2"))); /* ids are a file's own */
    assert_int_equal(import_pairs(files, 2, NULL, to_buf, &out, &report, &err), 0);
    assert_int_equal(report.imported, 3);
    import_report_release(&report);

    /* Places in a file are ids for its judges alone, not where files come together. */
    static const char bar[] =
        "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1}]";
    put("two", bar, strlen(bar));
    put("three", bar, strlen(bar));
    buf_clear(&out);
    assert_int_equal(import_pairs(files + 1, 2, NULL, to_buf, &out, &report, &err), 0);
    assert_int_equal(report.imported, 2);
    assert_null(strstr(out.data, "\"id\""));
    import_report_release(&report);

    put("three", "context,a,b\nc,x,y\n", 18);
    put("two", OWN("1"), strlen(OWN("1")));
    assert_int_equal(import_pairs(files, 3, NULL, to_buf, &out, &report, &err), -1);
    assert_string_equal(err.text, "one is rlaif, but three is csv");
    import_report_release(&report);

    assert_int_equal(import_pairs(files, 0, NULL, to_buf, &out, &report, &err), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    import_report_release(&report);
    buf_release(&out);
}

static void test_faireval(void **state)
{
    static const char questions[] = "{\"question_id\":1,\"text\":\"q1\",\"category\":"
                                    "\"c\"}\n{\"question_id\":2,\"text\":\"q2\"}\n";
    static const char gpt[] =
        "{\"question_id\":2,\"text\":\"g2\",\"model_id\":\"gpt-3.5-turbo\"}\n"
        "{\"question_id\":1,\"text\":\"g1\",\"model_id\":\"gpt-3.5-turbo\"}\n";
    static const char vicuna[] =
        "{\"question_id\":1,\"text\":\"v1\",\"model_id\":\"vicuna-13b\"}\n"
        "{\"question_id\":2,\"text\":\"v2\",\"model_id\":\"vicuna-13b\"}\n";
    static const char review[] = "CHATGPT\nTIE";
    static const char *const names[] = {"answer/answer_vicuna-13b.jsonl",
                                        "review/review_gpt35_vicuna-13b_human.txt",
                                        "question.jsonl", "answer/answer_gpt35.jsonl"};
    static const char *const alone[] = {"question.jsonl"};
    static const char want[] = "{\"id\":\"1\",\"group\":\"c\",\"context\":\"q1\",\"a\":"
                               "\"g1\",\"b\":\"v1\",\"choices\":[{\"rater\":"
                               "\"human\",\"kind\":\"human\",\"choice\":\"a\"}]}\n"
                               "{\"id\":\"2\",\"context\":\"q2\",\"a\":\"g2\",\"b\":"
                               "\"v2\",\"choices\":[{\"rater\":\"human\","
                               "\"kind\":\"human\",\"choice\":\"tie\"}]}\n";
    struct import_report report;
    struct error err = {0};
    struct buf out;
    (void)state;
    buf_init(&out, 0);
    put("question.jsonl", questions, strlen(questions));
    assert_int_equal(import_pairs(alone, 1, NULL, to_buf, &out, &report, &err), -1);
    assert_string_equal(err.text,
                        "FairEval is four files: the answers of gpt-3.5 are missing");
    import_report_release(&report);

    assert_int_equal(file_make_dirs("answer", &err), 0);
    assert_int_equal(file_make_dirs("review", &err), 0);
    put(names[0], vicuna, strlen(vicuna));
    put(names[1], review, strlen(review));
    put(names[3], gpt, strlen(gpt));
    assert_int_equal(import_pairs(names, 4, NULL, to_buf, &out, &report, &err), 0);
    drop_splits(&out);
    assert_string_equal(out.data, want);
    assert_int_equal(report.rows, 2);
    import_report_release(&report);

    buf_clear(&out); /* the other three are found beside the questions */
    assert_int_equal(import_pairs(alone, 1, NULL, to_buf, &out, &report, &err), 0);
    drop_splits(&out);
    assert_string_equal(out.data, want);
    import_report_release(&report);

    put(names[1], "CHATGPT\nBOTH", 12);
    assert_int_equal(import_pairs(names, 4, NULL, to_buf, &out, &report, &err), -1);
    assert_int_equal(err.line, 2);
    assert_string_equal(err.text, "unknown label (must be CHATGPT, VICUNA13B or TIE)");
    import_report_release(&report);

    put(names[1], "CHATGPT\n", 8); /* a line too few: that question is bad */
    assert_int_equal(import_pairs(names, 4, NULL, to_buf, &out, &report, &err), 0);
    assert_int_equal(report.imported, 1);
    assert_string_equal(report.errors[0].text, "the review file has no line 2");
    import_report_release(&report);
    buf_release(&out);
}

static void test_squality(void **state)
{
#define ANSWER(text, rank)                                                               \
    "{\"response\":\"" text                                                              \
    "\",\"reviews\":[{\"worker_id\":\"w\",\"overall-rank\":" rank "}]}"
    static const char responses[] =
        "{\"passage-id\":\"p\",\"questions\":{\"0\":{\"bart\":" ANSWER(
            "x", "2") ",\"bart-dpr\":" ANSWER("y", "2") ",\"human\":" ANSWER("z",
                                                                             "1") "}}}\n";
    static const char stories[] = "{\"metadata\":{\"passage_id\":\"p\"},\"document\":"
                                  "\"d\",\"questions\":[{\"question_number\":1,"
                                  "\"question_text\":\"q\"}]}\n";
    static const char *const files[] = {"stories", "responses"};
    struct import_report report;
    struct error err = {0};
    struct buf out;
    (void)state;
    buf_init(&out, 0);
    put("responses", responses, strlen(responses));
    put("stories", stories, strlen(stories));
    assert_int_equal(import_pairs(files, 2, NULL, to_buf, &out, &report, &err), 0);
    assert_int_equal(report.rows, 1);
    assert_int_equal(report.imported, 3);
    assert_int_equal(report.ties, 1);
    assert_non_null(strstr(
        out.data, "{\"id\":\"p/0/bart/human\",\"group\":\"p\",\"context\":\"q\\n\\nd\","
                  "\"a\":\"x\",\"b\":\"z\",\"choices\":[{\"rater\":\"w\",\"kind\":"
                  "\"human\",\"choice\":\"b\"}]"));
    import_report_release(&report);
    assert_int_equal(import_pairs(files + 1, 1, NULL, to_buf, &out, &report, &err), -1);
    assert_string_equal(err.text,
                        "SQuALITY is two files: the stories (test.jsonl) is missing");
    import_report_release(&report);
    buf_release(&out);
}

static int count_pairs(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    (void)pairs;
    (void)err;
    *(size_t *)ctx += n;
    return 0;
}

static int refuse_pairs(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    (void)ctx;
    (void)pairs;
    (void)n;
    return error_set(err, ERROR_FAILED, "the store is full");
}

struct told {
    int times;
    int64_t done, total;
};

static void tell(void *ctx, int64_t done, int64_t total)
{
    struct told *told = ctx;
    assert_true(done >= told->done);
    *told = (struct told){told->times + 1, done, total};
}

static void test_run(void **state)
{
    struct buf text;
    struct import_report report;
    struct error err = {0};
    struct cancel cancel = {0};
    struct told told = {0};
    struct import_options options = {
        .cancel = &cancel, .progress = tell, .progress_ctx = &told};
    const char *files[] = {"many"};
    size_t n = 0;
    (void)state;
    buf_init(&text, 0);
    for (int i = 0; i < 30000; i++)
        buf_addf(&text,
                 "{\"id\":\"%d\",\"context\":\"%0100d\",\"a\":\"x\",\"b\":\"y\"}\n", i,
                 i);
    put("many", text.data, text.len);
    assert_int_equal(import_pairs(files, 1, &options, count_pairs, &n, &report, &err), 0);
    assert_int_equal(n, 30000);
    assert_true(told.times >= 3);
    assert_int_equal(told.done, text.len);
    assert_int_equal(told.total, text.len);
    import_report_release(&report);

    n = 0;
    told = (struct told){0};
    assert_int_equal(import_pairs(files, 1, &options, refuse_pairs, &n, &report, &err),
                     -1);
    assert_string_equal(err.text, "the store is full");
    assert_int_equal(report.bad, 0);
    import_report_release(&report);

    told = (struct told){0};
    cancel_ask(&cancel);
    assert_int_equal(import_pairs(files, 1, &options, count_pairs, &n, &report, &err),
                     -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    import_report_release(&report);
    buf_release(&text);
}

/* A line past the limit is one bad record, whatever follows it is read. Packed, it is a
 * small file. */
static void test_long_line(void **state)
{
    size_t len = ((size_t)64 << 20) + 1;
    char *text = malloc(len);
    struct import_report report;
    struct error err = {0};
    const char *files[] = {"long"};
    size_t n = 0;
    (void)state;
    memset(text, 'x', len);
    gzFile gz = gzopen("long", "wb1");
    gzputs(gz, OWN("1"));
    gzwrite(gz, text, (unsigned)len - 1);
    gzputs(gz, "\n" OWN("2"));
    gzwrite(gz, text, (unsigned)len);
    gzputs(gz, "\n" OWN("3"));
    gzclose(gz);
    free(text);
    int bad = import_pairs(files, 1, NULL, count_pairs, &n, &report, &err);
    if (bad)
        fail_msg("%s", err.text);
    assert_int_equal(n, 3);
    assert_int_equal(report.bad, 2);
    assert_int_equal(report.errors[0].line, 2);
    assert_int_equal(strncmp(report.errors[0].text, "not JSON: ", 10), 0);
    assert_int_equal(report.errors[1].line, 4);
    assert_string_equal(report.errors[1].text, "the line is longer than 64 MiB");
    import_report_release(&report);
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *file, *error;
    } rows[] = {{"nowhere", "cannot open"},
                {".", ". is not a regular file"},
                {"fifo", "fifo is not a regular file"},
                {"/dev/zero", "/dev/zero is not a regular file"},
                {"cut.gz", "the gzip data ends too early"},
                {"broken.gz", "broken gzip data"}};
    struct import_report report;
    size_t n = 0;
    (void)state;
    char bytes[400];
    struct error err = {0};
    assert_int_equal(mkfifo("fifo", 0600), 0);
    gzFile gz = gzopen("whole.gz", "wb");
    for (int i = 0; i < 2000; i++)
        gzprintf(gz, "{\"id\":\"%d\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\"}\n", i);
    gzclose(gz);
    FILE *whole = fopen("whole.gz", "rb");
    assert_int_equal(fread(bytes, 1, sizeof bytes, whole), sizeof bytes);
    fclose(whole);
    put("cut.gz", bytes, sizeof bytes);
    memset(bytes + 50, 0xFF, 100);
    put("broken.gz", bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *files[] = {rows[i].file};
        assert_int_equal(import_pairs(files, 1, NULL, count_pairs, &n, &report, &err),
                         -1);
        if (!strstr(err.text, rows[i].error))
            fail_msg("%s: %s", rows[i].file, err.text);
        import_report_release(&report);
    }
}

static int check_text(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++, ++*(size_t *)ctx) {
        assert_string_equal(pairs[i].a, "x\\\"\"\n");
        assert_string_equal(pairs[i].b, "\xc3\xa4,");
    }
    return 0;
}

/* Records cut by the window's end at every byte of them: each shape, shifted byte by
 * byte. */
static void test_windows(void **state)
{
    static const struct {
        const char *head, *first, *next, *end;
    } shapes[] = {
        {"", "{\"context\":\"%0*d\",\"a\":\"x\\\\\\\"\\\"\\n\",\"b\":\"\xc3\xa4,\"}",
         "\n{\"context\":\"%0*d\",\"a\":\"x\\\\\\\"\\\"\\n\",\"b\":\"\xc3\xa4,\"}", "\n"},
        {"[", "{\"context\":\"%0*d\",\"a\":\"x\\\\\\\"\\\"\\n\",\"b\":\"\xc3\xa4,\"}",
         " ,\n{\"context\":\"%0*d\",\"a\":\"x\\\\\\\"\\\"\\n\",\"b\":\"\xc3\xa4,\"}",
         "]\n"},
        {"context,a,b\r\n", "%0*d,\"x\\\"\"\"\"\n\",\"\xc3\xa4,\"",
         "\r\n%0*d,\"x\\\"\"\"\"\n\",\"\xc3\xa4,\"", ""},
    };
    (void)state;
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int shift = 0; shift < 120; shift++) {
            struct import_report report;
            struct error err = {0};
            const char *files[] = {"many"};
            size_t n = 0, records = 8;
            buf_clear(&text);
            buf_adds(&text, shapes[i].head);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            buf_addf(&text, shapes[i].first, (256 << 10) - 200 + shift,
                     1); /* all but 200 of the window */
            for (int k = 1; k < (int)records; k++)
                buf_addf(&text, shapes[i].next, 4, k);
#pragma GCC diagnostic pop
            buf_adds(&text, shapes[i].end);
            FILE *file = fopen("many", "wb"); /* not synced: there are many of them */
            assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
            fclose(file);
            int bad = import_pairs(files, 1, NULL, check_text, &n, &report, &err);
            if (bad || report.bad)
                fail_msg("%zu %d: %s", i, shift,
                         report.n_errors ? report.errors[0].text : err.text);
            assert_int_equal(n, records);
            import_report_release(&report);
        }
    }
    buf_release(&text);
}

static int enter(void **state)
{
    (void)state;
    return !mkdtemp(folder) || chdir(folder);
}

static int leave(void **state)
{
    static const char *const files[] = {"one",
                                        "two",
                                        "three",
                                        "question.jsonl",
                                        "answer/answer_vicuna-13b.jsonl",
                                        "answer/answer_gpt35.jsonl",
                                        "review/review_gpt35_vicuna-13b_human.txt",
                                        "answer",
                                        "review",
                                        "stories",
                                        "responses",
                                        "many",
                                        "long",
                                        "fifo",
                                        "whole.gz",
                                        "cut.gz",
                                        "broken.gz"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(files[i]);
    return chdir("/") || rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_files), cmocka_unit_test(test_faireval),
        cmocka_unit_test(test_squality),      cmocka_unit_test(test_run),
        cmocka_unit_test(test_windows),       cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests_name("data_files", tests, enter, leave);
}
