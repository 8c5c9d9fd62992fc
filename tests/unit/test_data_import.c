/*
 * Imports of small made-up files: one row of every format, what is refused, and malformed
 * input with the message that a person gets.
 */
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
static char folder[] = "/tmp/test_data_import.XXXXXX";

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

/* ---- formats ---- */

#define HH "\\n\\nHuman: Hi\\n\\nAssistant: Hello.\\n\\nHuman: Cake?\\n\\nAssistant:"

/* What import gives, in our own JSONL without the split (a hash of the context). */
static const struct {
    const char *format, *text, *gives;
} formats[] = {
    {"rlaif",
     "{\"id\":7,\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":\"r\","
     "\"choice\":\"tie\"}],"
     "\"gold_a\":2,\"tags\":[\"t\",\"t\"]}\n",
     "{\"id\":\"7\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":"
     "\"r\",\"kind\":"
     "\"human\",\"choice\":\"tie\"}],\"tags\":[\"t\"],\"gold_a\":2}\n"},
    {"trl", "{\"prompt\":\"p\",\"chosen\":\"good\",\"rejected\":\"bad\"}\n",
     "{\"context\":\"p\",\"a\":\"good\",\"b\":\"bad\",\"choices\":[{\"rater\":\"human\","
     "\"kind\":\"human\","
     "\"choice\":\"a\"}]}\n"},
    {"trl",
     "{\"prompt\":[{\"role\":\"user\",\"content\":\"p\"}],\"chosen\":[{\"role\":"
     "\"assistant\",\"content\":"
     "\"good\"}],\"rejected\":[{\"role\":\"assistant\",\"content\":\"bad\"}]}\n",
     "{\"context\":\"p\",\"a\":\"good\",\"b\":\"bad\",\"choices\":[{\"rater\":\"human\","
     "\"kind\":\"human\","
     "\"choice\":\"a\"}]}\n"},
    {"trl", /* the prompt is in the lists */
     "{\"chosen\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
     "\"content\":\"p\"},{\"role\":"
     "\"assistant\",\"content\":\"good\"}],\"rejected\":[{\"role\":\"system\","
     "\"content\":\"s\"},{\"role\":"
     "\"user\",\"content\":\"p\"},{\"role\":\"assistant\",\"content\":\"bad\"}]}\n",
     "{\"context\":\"System: s\\n\\nHuman: "
     "p\",\"a\":\"good\",\"b\":\"bad\",\"choices\":[{\"rater\":"
     "\"human\",\"kind\":\"human\",\"choice\":\"a\"}]}\n"},
    {"hh", "{\"chosen\":\"" HH " Yes.\",\"rejected\":\"" HH " Yuck.\"}\r\n",
     "{\"context\":\"" HH
     "\",\"a\":\" Yes.\",\"b\":\" Yuck.\",\"choices\":[{\"rater\":\"human\",\"kind\":"
     "\"human\",\"choice\":\"a\"}]}\n"},
    {"hh_answers",
     "\r\n{\"Question\":\"Human: q\",\"Answer1\":\"Assistant: "
     "x\",\"Answer2\":\"Assistant: y\","
     "\"Preference\":\"Answer2\"}\r\n",
     "{\"id\":\"0\",\"context\":\"Human: q\",\"a\":\"Assistant: x\",\"b\":\"Assistant: "
     "y\",\"choices\":[{"
     "\"rater\":\"human\",\"kind\":\"human\",\"choice\":\"b\"}]}\n"},
    {"hhh_ab",
     "{\"prompt\":\"?\",\"corrects\":[\" (B)\"],\"incorrects\":[\" "
     "(A)\"],\"text_correct\":\"" HH " Yes.\",\"text_incorrect\":\"" HH " No.\"}\n",
     "{\"context\":\"" HH
     "\",\"a\":\" No.\",\"b\":\" Yes.\",\"choices\":[{\"rater\":\"gold\",\"kind\":"
     "\"gold\",\"choice\":\"b\"}]}\n"},
    {"openai", /* 9 is surely the second there, 1 surely B here */
     "{\"info\":{\"id\":\"i\",\"post\":\"p\",\"title\":\"t\",\"subreddit\":\"cats\"},"
     "\"split\":\"valid1\","
     "\"summaries\":[{\"text\":\" x\"},{\"text\":\" "
     "y\"}],\"choice\":1,\"worker\":\"w\",\"extra\":{"
     "\"confidence\":8}}\n",
     "{\"title\":\"t\",\"group\":\"cats\",\"context\":\"p\",\"a\":\" x\",\"b\":\" "
     "y\",\"choices\":[{\"rater\":"
     "\"w\",\"kind\":\"human\",\"choice\":\"b\",\"confidence\":2}]}\n"},
    {"openai", /* a confidence against the choice is left out; null is unlabelled */
     "{\"info\":{\"article\":\"p\",\"title\":null,\"site\":\"cnn\"},\"summaries\":[{"
     "\"text\":\"x\"},{\"text\":"
     "\"y\"}],\"choice\":0,\"extra\":{\"confidence\":8}}\n"
     "{\"info\":{\"article\":\"q\"},\"summaries\":[{\"text\":\"x\"},{\"text\":\"y\"}],"
     "\"choice\":null}\n",
     "{\"group\":\"cnn\",\"context\":\"p\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{"
     "\"rater\":\"human\",\"kind\":"
     "\"human\",\"choice\":\"a\"}]}\n"
     "{\"context\":\"q\",\"a\":\"x\",\"b\":\"y\"}\n"},
    {"tldr_judged_csv",
     ",query,postprocessed_response,reference_responses,explanation,preferred,shuffled_"
     "index\n"
     "4,\"SUBREDDIT: r/cats\n\nTITLE: T\n\nPOST: a \"\"b\"\"\nc\n\nTL;DR:\",  x,  "
     "y,why,reference,1\n"
     "5,other,x,y,,,\n",
     "{\"id\":\"4\",\"title\":\"T\",\"group\":\"cats\",\"context\":\"a "
     "\\\"b\\\"\\nc\",\"a\":\"  x\",\"b\":\"  "
     "y\",\"choices\":[{\"rater\":\"gpt-4\",\"kind\":\"ai\",\"choice\":\"b\"}]}\n"
     "{\"id\":\"5\",\"context\":\"other\",\"a\":\"x\",\"b\":\"y\"}\n"},
    {"llmbar", "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":2}]",
     "{\"id\":\"1\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":"
     "\"gold\",\"kind\":"
     "\"gold\",\"choice\":\"b\"}]}\n"},
    {"autoj",
     "{\"scenario\":\"s\",\"label\":2,\"prompt\":\"c\",\"response 1\":\"x\",\"response "
     "2\":\"y\"}\n",
     "{\"group\":\"s\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":"
     "\"human\",\"kind\":"
     "\"human\",\"choice\":\"tie\"}]}\n"},
    {"pandalm",
     "[\n "
     "{\"idx\":3,\"instruction\":\"i\",\"input\":\"n\",\"response1\":\"x\",\"response2\":"
     "\"y\","
     "\"annotator1\":0,\"annotator2\":1,\"annotator3\":null}\n]\n",
     "{\"id\":\"3\",\"context\":\"i\\n\\nn\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{"
     "\"rater\":\"annotator1\","
     "\"kind\":\"human\",\"choice\":\"tie\"},{\"rater\":\"annotator2\",\"kind\":"
     "\"human\",\"choice\":"
     "\"a\"}]}\n"},
    {"alpaca_eval",
     "[{\"instruction\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"annotator\":\"j\","
     "\"preference\":1.25},"
     "{\"instruction\":\"c\",\"output_1\":\"x\",\"output_2\":\"x\",\"annotator\":\"j\","
     "\"preference\":1.5}]",
     "{\"id\":\"1\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":"
     "\"j\",\"kind\":\"ai\","
     "\"choice\":\"a\",\"soft\":0.75}]}\n"
     "{\"id\":\"2\",\"context\":\"c\",\"a\":\"x\",\"b\":\"x\",\"choices\":[{\"rater\":"
     "\"j\",\"kind\":\"ai\","
     "\"choice\":\"tie\",\"soft\":0.5}]}\n"},
    {"rmb",
     "[{\"pair_uid\":\"9\",\"conversation_input\":[{\"role\":\"user\",\"content\":\"q\"},"
     "{\"role\":"
     "\"assistant\",\"content\":\"r\"},{\"role\":\"user\",\"content\":\"s\"}],\"chosen\":"
     "{\"answer\":\"x\"},"
     "\"reject\":{\"answer\":\"y\"},\"category_path\":\"P/Chat/Casual\"}]",
     "{\"id\":\"9\",\"group\":\"Casual\",\"context\":\"Human: q\\n\\nAssistant: "
     "r\\n\\nHuman: s\",\"a\":\"x\","
     "\"b\":\"y\",\"choices\":[{\"rater\":\"gpt-4\",\"kind\":\"ai\",\"choice\":\"a\"}]}"
     "\n"},
    {"judgebench",
     "{\"pair_id\":\"k\",\"source\":\"law\",\"question\":\"c\",\"response_A\":\"x\","
     "\"response_B\":\"y\","
     "\"label\":\"B>A\",\"judgments\":[]}\n",
     "{\"id\":\"k\",\"group\":\"law\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\","
     "\"choices\":[{\"rater\":"
     "\"gold\",\"kind\":\"gold\",\"choice\":\"b\"}]}\n"},
    {"summeval",
     "{\"id\":\"d\",\"src\":\"c\",\"model_1\":\"M1\",\"model_2\":\"M2\",\"summary_1\":"
     "\"x\",\"summary_2\":\"y\","
     "\"human_score_1\":2.6666666666666665,\"human_score_2\":3}\n"
     "{\"id\":\"e\",\"src\":\"c\",\"model_1\":\"M1\",\"model_2\":\"M2\",\"summary_1\":"
     "\"x\",\"summary_2\":\"y\","
     "\"human_score_1\":3.0000000000001,\"human_score_2\":3}\n",
     "{\"id\":\"M1-M2/"
     "d\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":\"experts\","
     "\"kind\":\"human\",\"choice\":\"b\"}]}\n"
     "{\"id\":\"M1-M2/"
     "e\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":\"experts\","
     "\"kind\":\"human\",\"choice\":\"tie\"}]}\n"},
    {"news_pairwise", /* a record is a vote */
     "[{\"article_id\":\"1\",\"writer_id\":\"2\",\"evaluator_id\":\"e\",\"article_text\":"
     "\"c\","
     "\"writer_summary\":\"x\",\"text-davinci-002_summary\":\"y\",\"overall_writer_"
     "better\":true},\n"
     "{\"article_id\":\"1\",\"writer_id\":\"2\",\"evaluator_id\":\"f\",\"article_text\":"
     "\"c\","
     "\"writer_summary\":\"x\",\"text-davinci-002_summary\":\"y\",\"overall_writer_"
     "better\":\"Equally "
     "Good\"}]",
     "{\"id\":\"1/"
     "2\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":\"e\","
     "\"kind\":"
     "\"human\",\"choice\":\"a\"},{\"rater\":\"f\",\"kind\":\"human\",\"choice\":\"tie\"}"
     "]}\n"},
    {"csv", "context,a,b,choice\nc,x,y,B\n\nd,x,y,\n",
     "{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":\"human\","
     "\"kind\":\"human\","
     "\"choice\":\"b\"}]}\n"
     "{\"context\":\"d\",\"a\":\"x\",\"b\":\"y\"}\n"},
    {"csv", "context\ta\tb\tchoice\r\n\"c\td\"\tx, z\ty\ttie\r\n",
     "{\"context\":\"c\\td\",\"a\":\"x, "
     "z\",\"b\":\"y\",\"choices\":[{\"rater\":\"human\",\"kind\":\"human\","
     "\"choice\":\"tie\"}]}\n"},
    {"trl", /* a byte order mark, and no newline at the end */
     "\xef\xbb\xbf{\"prompt\":\"p\",\"chosen\":\"good\",\"rejected\":\"bad\"}",
     "{\"context\":\"p\",\"a\":\"good\",\"b\":\"bad\",\"choices\":[{\"rater\":\"human\","
     "\"kind\":\"human\","
     "\"choice\":\"a\"}]}\n"},
};

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

static void expect_formats(const char *name, bool zip)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct buf out;
        struct import_report report;
        struct error err = {0};
        const char *files[] = {name};
        buf_init(&out, 0);
        if (zip) {
            gzFile gz = gzopen(name, "wb");
            gzwrite(gz, formats[i].text, (unsigned)strlen(formats[i].text));
            gzclose(gz);
        } else {
            put(name, formats[i].text, strlen(formats[i].text));
        }
        int bad = import_pairs(files, 1, NULL, to_buf, &out, &report, &err);
        if (bad || report.bad)
            fail_msg("%zu %s: %s %s", i, formats[i].format, err.text,
                     report.n_errors ? report.errors[0].text : "");
        assert_string_equal(report.format, formats[i].format);
        drop_splits(&out);
        assert_string_equal(buf_str(&out), formats[i].gives);
        import_report_release(&report);
        buf_release(&out);
    }
}

static void test_formats(void **state)
{
    (void)state;
    expect_formats("f", false);
}

static void test_gzip(void **state)
{
    (void)state;
    expect_formats("f.gz", true);
}

/* ---- refused, malformed ---- */

#define OWN(n) "{\"id\":\"" n "\",\"context\":\"c\",\"a\":\"x\",\"b\":\"y\"}\n"

/* good: pairs that come through; first: the first bad record as shown; error: of the
 * whole import. */
static const struct {
    const char *what, *text;
    int good, bad;
    const char *first, *error;
} malformed[] = {
    {"bare quote",
     OWN("1") "{\"context\":\"c \"d\"\",\"a\":\"x\",\"b\":\"y\"}\n" OWN("2"), 2, 1,
     "m:2:16: not JSON: ", NULL},
    {"cut last line", OWN("1") "{\"context\":\"c\",\"a\":", 1, 1, "m:2:", NULL},
    {"raw control", OWN("1") "{\"context\":\"a\tb\",\"a\":\"x\",\"b\":\"y\"}\n", 1, 1,
     "m:2:", NULL},
    {"not UTF-8", OWN("1") "{\"context\":\"\xc3\xa4\xff\",\"a\":\"x\",\"b\":\"y\"}\n", 1,
     1, "m:2:14: not UTF-8 (byte 0xFF)", NULL},
    {"NUL character", OWN("1") "{\"context\":\"c\",\"a\":\"x\\u0000\",\"b\":\"y\"}\n", 1,
     1, "m:2: a NUL character in a", NULL},
    {"surrogate alone", OWN("1") "{\"context\":\"\\ud800\",\"a\":\"x\",\"b\":\"y\"}\n", 1,
     1, "m:2:", NULL},
    {"key twice", OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"a\":\"z\",\"b\":\"y\"}\n", 1,
     1, "m:2:", NULL},
    {"comma at the end", OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",}\n", 1, 1,
     "m:2:", NULL},
    {"number too big",
     OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"gold_a\":1e400}\n", 1, 1,
     "m:2:", NULL},
    {"not a number",
     OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"gold_a\":NaN}\n", 1, 1,
     "m:2:", NULL},
    {"an array", OWN("1") "[1]\n", 1, 1, "m:2:1: not a JSON object", NULL},
    {"empty answer", OWN("1") "{\"context\":\"c\",\"a\":\"\",\"b\":\"y\"}\n", 1, 1,
     "m:2: empty response (a)", NULL},
    {"answer is true", OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"b\":true}\n", 1, 1,
     "m:2: response is not a string (b)", NULL},
    {"no answer", OWN("1") "\n\n{\"context\":\"c\",\"a\":\"x\"}\n", 1, 1,
     "m:4: no key \"b\"", NULL},
    {"id again", OWN("1") OWN("2") OWN("1"), 2, 1,
     "m:3: the id \"1\" stands on line 1 already", NULL},
    {"bad choice",
     OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":\"r\","
              "\"choice\":\"A\"}]}\n",
     1, 1, "m:2: unknown label (choice must be a, b, tie or none)", NULL},
    {"confidence out of range",
     OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"choices\":[{\"rater\":\"r\","
              "\"choice\":\"a\","
              "\"confidence\":10}]}\n",
     1, 1, "m:2: confidence must be 1 to 9, not 10", NULL},
    {"bad split",
     OWN("1") "{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"split\":\"some\"}\n", 1, 1,
     "m:2: split must be train, dev or test", NULL},
    {"label true",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1},\n"
     " {\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":true}]",
     1, 1, "m:2: unknown label (label must be 1 or 2)", NULL},
    {"label as text",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1},\n"
     " {\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":\"1\"}]",
     1, 1, "m:2: unknown label (label must be 1 or 2)", NULL},
    {"label absent",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1},\n"
     " {\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\"}]",
     1, 1, "m:2: no key \"label\"", NULL},
    {"array without comma",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1}\n"
     " {\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1}]",
     1, 1, "m:2:2: not JSON: no comma before this element", NULL},
    {"array with a comma too many",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1},\n,]", 1, 2,
     "m:2:1: not JSON: a comma without an element", NULL},
    {"array without end",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1},\n", 1, 1,
     "m:2:1: not JSON: the array has no end", NULL},
    {"element without end",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1},\n  "
     "{\"input\":\"\\",
     1, 1, "m:2:3: not JSON: the file ends inside the element that begins here", NULL},
    {"text behind the array",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1}]\nx", 1, 1,
     "m:2:1: not JSON: text after the end of the array", NULL},
    {"column in an array",
     "[{\"input\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"label\":1},\n    "
     "{\"input\":x}]",
     1, 1, "m:2:14: not JSON: ", NULL},
    {"transcripts without a turn in common",
     "{\"chosen\":\"" HH " Yes.\",\"rejected\":\"" HH " No.\"}\n"
     "{\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: x\",\"rejected\":\"\\n\\nHuman: "
     "b\\n\\nAssistant: y\"}\n",
     1, 1, "m:2: no common turn start", NULL},
    {"transcript that ends at the turn",
     "{\"chosen\":\"" HH " Yes.\",\"rejected\":\"" HH " No.\"}\n"
     "{\"chosen\":\"" HH "\",\"rejected\":\"" HH " No.\"}\n",
     1, 1, "m:2: empty response", NULL},
    {"one summary",
     "{\"info\":{\"post\":\"p\"},\"summaries\":[{\"text\":\"x\"},{\"text\":\"y\"}],"
     "\"choice\":0}\n"
     "{\"info\":{\"post\":\"p\"},\"summaries\":[{\"text\":\"x\"}],\"choice\":0}\n",
     1, 1, "m:2: not two summaries", NULL},
    {"three messages of answer",
     "{\"prompt\":\"p\",\"chosen\":\"x\",\"rejected\":\"y\"}\n"
     "{\"chosen\":[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"user\",\"content\":"
     "\"q\"},{\"role\":"
     "\"assistant\",\"content\":\"x\"}],\"rejected\":[{\"role\":\"user\",\"content\":"
     "\"p\"},{\"role\":"
     "\"assistant\",\"content\":\"y\"}]}\n",
     1, 1, "m:2: not one message of response", NULL},
    {"soft label out of range",
     "[{\"instruction\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"preference\":1},\n"
     "{\"instruction\":\"c\",\"output_1\":\"x\",\"output_2\":\"y\",\"preference\":2.5}]",
     1, 1, "m:2: unknown label (preference must be a number from 1 to 2)", NULL},
    {"news with other texts",
     "[{\"article_id\":\"1\",\"writer_id\":\"2\",\"article_text\":\"c\",\"writer_"
     "summary\":\"x\","
     "\"text-davinci-002_summary\":\"y\",\"overall_writer_better\":true},\n"
     "{\"article_id\":\"1\",\"writer_id\":\"2\",\"article_text\":\"c\",\"writer_"
     "summary\":\"z\","
     "\"text-davinci-002_summary\":\"y\",\"overall_writer_better\":true}]",
     1, 1, "m:2: other texts under the same ids (first on line 1)", NULL},
    {"CSV quote never closed", "context,a,b\nc,x,y\nd,\"x,y\ne,x,y\nf,x,y\n", 3, 1,
     "m:3:3: this quote is never closed", NULL},
    {"CSV text behind a quote", "context,a,b\nc,\"x\"z,y\nd,\"1\n2\",y\n", 1, 1,
     "m:2:6: text after a closing quote", NULL},
    {"CSV cells missing", "context,a,b\nc,x\nd,x,y\ne,x,y,z\n", 1, 2,
     "m:2: 2 cells, the header has 3", NULL},
    {"CSV not UTF-8 in the second line of a cell",
     "context,a,b\nc,x,y\nd,\"x\n\xc3\xa4\xe4\",y\n", 1, 1,
     "m:4:2: not UTF-8 (byte 0xE4)", NULL},
    {"CSV choice", "context,a,b,choice\nc,x,y,a\nd,x,y,0\n", 1, 1,
     "m:3: unknown label (choice must be a, b, tie, empty or a column's name)", NULL},
    {"CSV shuffled_index",
     ",query,postprocessed_response,reference_responses,preferred,shuffled_index\n1,c,x,"
     "y,ours,0\n"
     "2,c,x,y,ours,2\n3,c,x,y,theirs,0\n",
     1, 2, "m:3: unknown shuffled_index (must be 0 or 1)", NULL},
    /* nothing comes through */
    {"no good row", "{\"context\":\"c\",\"a\":\"x\",\"b\":\"\"}\n", 0, 1,
     "m:1: empty response (b)",
     "none of 1 records gives pairs (read as rlaif); the first: empty response (b)"},
    {"empty", "", 0, 0, NULL, "m is empty"},
    {"a mark and nothing", "\xef\xbb\xbf", 0, 0, NULL, "m is empty"},
    {"blank lines", "\n \n", 0, 0, NULL, "m is empty"},
    {"header alone", "context,a,b\n", 0, 0, NULL, "m holds no records"},
    {"empty array", "[]", 0, 0, NULL, "m is empty"},
    {"prose", "Once upon a time\nthere was a file.\n", 0, 0, NULL,
     "no format of pairs is known by these columns: Once upon a time"},
    {"unknown columns", "text,left,right\nc,x,y\n", 0, 0, NULL,
     "no format of pairs is known by these columns: text, left, right"},
    {"unknown keys", "{\"text\":\"c\",\"left\\u001b\":\"x\"}\n", 0, 0, NULL,
     "no format of pairs is known by these keys: text, left^["},
    {"no line parses", "{x}\n{y}\n", 0, 0, NULL,
     "no format of pairs is known by this file: not JSON: "},
    {"UTF-16", "\xff\xfe{\0", 0, 0, NULL, "the file is UTF-16"},
    {"header not UTF-8", "context,a,b\xe4\nc,x,y\n", 0, 0, NULL, "not UTF-8 (byte 0xE4)"},
    {"axis evaluations", "{\"info\":{},\"summary\":{\"text\":\"x\"}}\n", 0, 0, NULL,
     "m is openai_axis: one summary with ratings a record, no second response: no pairs"},
    {"posts", "{\"id\":\"1\",\"subreddit\":\"s\",\"post\":\"p\",\"summary\":\"x\"}\n", 0,
     0, NULL, "m is openai_posts: posts with one summary each: no pairs"},
    {"papers", "{\"source\":[],\"target\":[],\"paper_id\":\"1\"}\n", 0, 0, NULL,
     "m is scitldr: "},
    {"samples", "{\"rl_prompt\":\"p\",\"sampled_answers\":[]}\n", 0, 0, NULL,
     "m is cai_samples: "},
    {"one transcript",
     "{\"prompt\":\"p\",\"corrects\":[\" (A)\"],\"incorrects\":[\" (B)\"]}\n", 0, 0, NULL,
     "m is hhh_ab: "},
    {"scores", "{\"pair_id\":\"p\",\"scores\":{}}\n", 0, 0, NULL,
     "m is judgebench_scores: "},
    {"a judge's answers", "[{\"idx\":0,\"gpt_result\":\"1\"}]\n", 0, 0, NULL,
     "m is pandalm_verdicts: "},
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct buf out;
        struct import_report report;
        struct error err = {0};
        const char *files[] = {"m"};
        char first[900];
        buf_init(&out, 0);
        /* UTF-16 has a NUL, and is the only one with a length of its own. */
        put("m", malformed[i].text,
            malformed[i].text[0] == '\xff' ? 4 : strlen(malformed[i].text));
        int bad = import_pairs(files, 1, NULL, to_buf, &out, &report, &err);
        bool has_first = import_first_bad(&report, first, sizeof first);
        if (bad != (malformed[i].error ? -1 : 0) ||
            report.imported != malformed[i].good || report.bad != malformed[i].bad)
            fail_msg("%s: %d, %lld good, %lld bad, first: %s, error: %s",
                     malformed[i].what, bad, (long long)report.imported,
                     (long long)report.bad, first, err.text);
        assert_int_equal(has_first, malformed[i].first != NULL);
        if (has_first && strncmp(first, malformed[i].first, strlen(malformed[i].first)))
            fail_msg("%s: %s", malformed[i].what, first);
        if (bad && strncmp(err.text, malformed[i].error, strlen(malformed[i].error)))
            fail_msg("%s: %s", malformed[i].what, err.text);
        if (bad)
            assert_int_equal(err.kind, ERROR_DATA);
        for (const char *c = first; *c; c++)
            assert_true((unsigned char)*c >= 0x20);
        import_report_release(&report);
        buf_release(&out);
    }
}

/* ---- options, several files, limits ---- */

static int import_text(const char *text, const struct import_options *options,
                       struct buf *out, struct import_report *report, struct error *err)
{
    const char *files[] = {"o"};
    put("o", text, strlen(text));
    buf_clear(out);
    return import_pairs(files, 1, options, to_buf, out, report, err);
}

static void test_mapping(void **state)
{
    static const char csv[] = "post,good,worse,best,who\nc,x,y,good,u1\nd,x,y,,u2\n";
    static const char json[] =
        "{\"post\":\"c\",\"good\":\"x\",\"worse\":\"y\",\"best\":\"worse\"}\n";
    struct import_options options = {
        .context = "post", .a = "good", .b = "worse", .choice = "best"};
    struct import_report report;
    struct error err = {0};
    struct buf out;
    (void)state;
    buf_init(&out, 0);
    assert_int_equal(import_text(csv, &options, &out, &report, &err), 0);
    assert_string_equal(report.format, "csv");
    assert_int_equal(report.imported, 2);
    assert_int_equal(report.unlabelled, 1);
    assert_non_null(strstr(out.data, "\"choice\":\"a\""));
    import_report_release(&report);

    options.id = "who";
    options.kind = "ai";
    assert_int_equal(import_text(csv, &options, &out, &report, &err), 0);
    assert_non_null(strstr(out.data, "{\"id\":\"u1\",\"context\":\"c\""));
    assert_non_null(strstr(out.data, "\"kind\":\"ai\""));
    assert_int_equal(report.rater_kind, RATER_AI);
    import_report_release(&report);

    options.id = NULL;
    assert_int_equal(import_text(json, &options, &out, &report, &err), 0);
    assert_string_equal(report.format, "jsonl");
    assert_non_null(strstr(out.data, "\"choice\":\"b\""));
    import_report_release(&report);

    options.b = "wors";
    assert_int_equal(import_text(csv, &options, &out, &report, &err), -1);
    assert_non_null(strstr(err.text, "no column \"wors\""));
    import_report_release(&report);

    options = (struct import_options){.kind = "robot"};
    assert_int_equal(import_text(OWN("1"), &options, &out, &report, &err), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    import_report_release(&report);

    options = (struct import_options){.format = "llmbarr"};
    assert_int_equal(import_text(OWN("1"), &options, &out, &report, &err), -1);
    assert_string_equal(err.text, "no format \"llmbarr\" of pairs");
    assert_string_equal(err.hint, "did you mean llmbar?");
    import_report_release(&report);

    options = (struct import_options){.format = "trl"}; /* named, so all rows are bad */
    assert_int_equal(import_text(OWN("1"), &options, &out, &report, &err), -1);
    assert_string_equal(report.errors[0].text, "no key \"chosen\"");
    import_report_release(&report);
    buf_release(&out);
}

static void test_format_list(void **state)
{
    const char *name, *what, *last = "";
    size_t n = 0;
    (void)state;
    for (; import_format_info(n, &name, &what); n++) {
        assert_true(strlen(what) > 10);
        assert_string_not_equal(name, last);
        last = name;
    }
    assert_in_range(n, 15, 30);
}

static int enter(void **state)
{
    (void)state;
    return !mkdtemp(folder) || chdir(folder);
}

static int leave(void **state)
{
    static const char *const files[] = {"f", "f.gz", "m", "o"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(files[i]);
    return chdir("/") || rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),     cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_malformed),   cmocka_unit_test(test_mapping),
        cmocka_unit_test(test_format_list),
    };
    return cmocka_run_group_tests_name("data_import", tests, enter, leave);
}
