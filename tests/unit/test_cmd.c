/* The grammar of lines, filters, rendering, completion, and commands on a workspace
 * without a model. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/command.h"
#include "src/cmd/filter.h"
#include "src/cmd/workbench.h"

/* ---- lines ---- */

static const struct {
    const char *line;
    const char *verb, *noun;
    size_t n_refs, n_pairs;
    const char *where, *by, *to;
    enum output_format format;
    const char *rest; /* what stands behind the command */
} lines[] = {
    {"help", "help", NULL, 0, 0, NULL, NULL, NULL, OUTPUT_TEXT, ""},
    {"show pair #17 as json", "show", "pair", 1, 0, NULL, NULL, NULL, OUTPUT_JSON, ""},
    {"label p1 p2 n=32 split=all; wait last", "label", NULL, 2, 2, NULL, NULL, NULL,
     OUTPUT_TEXT, " wait last"},
    {"show bias p1 where disagree margin<.2 by split,tag as tsv > out.tsv", "show",
     "bias", 1, 0, "disagree margin<.2", "split,tag", "out.tsv", OUTPUT_TSV, ""},
    {"list pairs where text~\"a ; b\" | flip", "list", "pairs", 0, 0,
     "text~\"a ; b\" | flip", NULL, NULL, OUTPUT_TEXT, ""},
    {"import pairs 'a b.csv' set=x >!y.json", "import", "pairs", 1, 1, NULL, NULL,
     "!y.json", OUTPUT_TEXT, ""},
    {"  # a comment\n help # no comment here", "help", NULL, 2, 0, NULL, NULL, NULL,
     OUTPUT_TEXT, NULL},
    {"# only a comment\nquit\nhelp", "quit", NULL, 0, 0, NULL, NULL, NULL, OUTPUT_TEXT,
     "help"},
    {"import pairs ./a=b.csv", "import", "pairs", 1, 0, NULL, NULL, NULL, OUTPUT_TEXT,
     ""},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *text = lines[i].line;
        struct call call;
        struct error err = {0};
        int status = call_parse(NULL, &text, &call, &err);
        if (lines[i].rest == NULL) {
            assert_int_equal(status, -1); /* "help # no": one word too many */
            call_release(&call);
            continue;
        }
        if (status != 0)
            fail_msg("%s: %s", lines[i].line, err.text);
        assert_string_equal(call.command->verb, lines[i].verb);
        if (lines[i].noun)
            assert_string_equal(call.command->noun, lines[i].noun);
        else
            assert_null(call.command->noun);
        assert_int_equal(call.n_refs, lines[i].n_refs);
        assert_int_equal(call.n_pairs, lines[i].n_pairs);
        assert_int_equal(call.format, lines[i].format);
        const char *got[] = {call.where, call.by, call.to};
        const char *want[] = {lines[i].where, lines[i].by, lines[i].to};
        for (int k = 0; k < 3; k++) {
            if (want[k])
                assert_string_equal(got[k], want[k]);
            else
                assert_null(got[k]);
        }
        assert_string_equal(text, lines[i].rest);
        call_release(&call);
    }
}

static const struct {
    const char *line, *text, *hint;
    enum error_kind kind;
} bad_lines[] = {
    {"shwo pair #1", "there is no command \"shwo\"", "did you mean show?", ERROR_USAGE},
    {"show par #1", "there is no noun \"par\" behind show", "did you mean pair?", ERROR_USAGE},
    {"show", "show wants a noun", "one of:", ERROR_USAGE},
    {"label p1 nn=3", "label takes no key \"nn=\"", "did you mean n=?", ERROR_USAGE},
    {"use set", "use set: too little is named", "usage: use set NAME", ERROR_USAGE},
    {"use set a b", "\"b\" is one thing too many", "usage:", ERROR_USAGE},
    {"list pairs as xml", "as takes text, json, jsonl, tsv or md", "", ERROR_USAGE},
    {"list pairs where", "where wants a filter", "", ERROR_USAGE},
    {"use set 'a", "a quote ' is opened and not closed", "", ERROR_USAGE},
    {"list sets >", "> wants a file", "", ERROR_USAGE},
};

static void test_bad_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
        const char *text = bad_lines[i].line;
        struct call call;
        struct error err = {0};
        assert_int_equal(call_parse(NULL, &text, &call, &err), -1);
        if (!strstr(err.text, bad_lines[i].text) || !strstr(err.hint, bad_lines[i].hint))
            fail_msg("%s: \"%s\" (%s)", bad_lines[i].line, err.text, err.hint);
        assert_int_equal(err.kind, bad_lines[i].kind);
        call_release(&call);
    }
}

static void test_quote_column(void **state)
{
    const char *text = "help; use set 'a";
    struct call call;
    struct error err = {0};
    (void)state;
    assert_int_equal(call_parse(NULL, &text, &call, &err), 0);
    call_release(&call);
    assert_int_equal(call_parse(NULL, &text, &call, &err), -1);
    assert_int_equal(err.column, 10); /* in what was left: " use set 'a" */
    call_release(&call);
}

/* ---- filters ---- */

static struct judged make_row(struct pair *pair, enum choice reference, enum verdict verdict,
                              enum slot ab, enum slot ba)
{
    struct judged row = {.pair = pair, .verdict = verdict, .slot = {ab, ba}, .asked = {true, true},
                         .p_first = {.9, .7}, .p_a = .6, .margin = .2, .outside = .01};
    row.reference.choice = reference;
    row.reference.n_votes = reference != CHOICE_NONE;
    return row;
}

static void test_filters(void **state)
{
    static const struct {
        const char *filter;
        bool first, second;
    } cases[] = {
        {"", true, true},
        {"disagree", true, false},
        {"-disagree", false, true},
        {"flip", true, false},
        {"disagree flip", true, false},
        {"disagree -flip | unlabelled", false, true},
        {"margin<.3", true, true},
        {"margin<=.2 margin>=.2", true, true},
        {"margin!=.2", false, false},
        {"tag:too-long", true, false},
        {"tag:TOO-LONG", true, false},
        {"text~\"cat|dog\"", true, false},
        {"text~^the", false, true},
        {"human=b", true, false},
        {"human=2", true, false},
        {"ai=a", true, true},
        {"split=dev", true, false},
        {"num>1", false, true},
        {"dlen>5", false, true},
        {"group!=work", true, false},
        {"pull>.5", true, true},
        {"confidence>=0", false, false}, /* nobody gave one */
    };
    char tag[] = "too-long", context1[] = "my dog is ill", context2[] = "the rent is due";
    char a[] = "x", b[] = "y", work[] = "work";
    char *tags[] = {tag};
    struct pair first = {.num = 1, .context = context1, .a = a, .b = b, .tags = tags, .n_tags = 1,
                         .split = SPLIT_DEV, .words_a = 5, .words_b = 5};
    struct pair second = {.num = 2, .context = context2, .a = a, .b = b, .group = work,
                          .split = SPLIT_TRAIN, .words_a = 20, .words_b = 5};
    struct judged one = make_row(&first, CHOICE_B, VERDICT_A, SLOT_1, SLOT_1);
    struct judged two = make_row(&second, CHOICE_NONE, VERDICT_A, SLOT_1, SLOT_2);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct filter *filter = filter_compile(cases[i].filter, &err);
        if (!filter)
            fail_msg("%s: %s", cases[i].filter, err.text);
        /* first has no group: group!=work holds for it. */
        if (filter_holds(filter, &one) != cases[i].first ||
            filter_holds(filter, &two) != cases[i].second)
            fail_msg("%s: %d %d", cases[i].filter, filter_holds(filter, &one),
                     filter_holds(filter, &two));
        filter_free(filter);
    }
}

static void test_bad_filters(void **state)
{
    static const struct {
        const char *filter, *text;
        int column;
    } cases[] = {
        {"disagre", "a filter knows no \"disagre\"", 1},
        {"flip margin", "margin wants a comparison", 12},
        {"margin<x", "margin is compared with a number", 8},
        {"flip=1", "flip stands alone", 5},
        {"| flip", "there is nothing before this |", 1},
        {"flip |", "there is nothing behind the last |", 7},
        {"text~\"(\"", "the pattern is wrong", 7},
        {"text~\"abc", "a quote is not closed", 6},
        {"tag<3", "tag is text", 5},
        {"17", "a filter term begins with a name", 1},
        {"margin<nan", "margin is compared with a number", 8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        assert_null(filter_compile(cases[i].filter, &err));
        if (!strstr(err.text, cases[i].text) || err.column != cases[i].column)
            fail_msg("%s: %s at %d", cases[i].filter, err.text, (int)err.column);
    }
}

/* A pattern that would take for ever gives up. */
static void test_exploding_pattern(void **state)
{
    char *context = xmalloc(5001);
    char a[] = "x", b[] = "y";
    memset(context, 'a', 5000);
    context[5000] = '\0';
    struct pair pair = {.num = 1, .context = context, .a = a, .b = b};
    struct judged row = make_row(&pair, CHOICE_A, VERDICT_A, SLOT_1, SLOT_2);
    struct error err = {0};
    struct filter *filter = filter_compile("post~\"(a*)*b\"", &err);
    (void)state;
    assert_non_null(filter);
    assert_false(filter_holds(filter, &row));
    filter_free(filter);
    free(context);
}

/* ---- rendering ---- */

static void test_render(void **state)
{
    struct command command = {.verb = "x"};
    struct call call = {.command = &command};
    json_t *answer = json_pack("{ss s[{ss sf} {ss sf}]}", "command", "x", "rows", "name",
                               "a\tb|c", "p", 0.1, "name", "d\x1b[2J", "p", 12.0);
    static const struct {
        enum output_format format;
        const char *text;
    } cases[] = {
        {OUTPUT_TEXT, "name          p\na^Ib|c      0.1\nd^[[2J       12\n"},
        {OUTPUT_TSV, "name\tp\na\\tb|c\t0.1\nd\x1b[2J\t12\n"},
        {OUTPUT_MD, "| name | p |\n| --- | ---: |\n| a^Ib\\|c | 0.1 |\n| d^[[2J | 12 |\n"},
        {OUTPUT_JSONL, "{\"name\":\"a\\tb|c\",\"p\":0.1}\n{\"name\":\"d\\u001b[2J\",\"p\":12}\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;
        buf_init(&out, 0);
        answer_render(&call, answer, cases[i].format, &out);
        if (i == 0) {
            /* Widths are measured on what is shown. */
            assert_non_null(strstr(buf_str(&out), "a^Ib|c"));
            assert_null(strchr(buf_str(&out), 27));
        } else if (i != 1) {
            assert_string_equal(buf_str(&out), cases[i].text);
        } else {
            assert_non_null(strstr(buf_str(&out), "a\\tb|c\t0.1\n"));
        }
        buf_release(&out);
    }
    json_decref(answer);
}

/* ---- a workspace ---- */

struct capture {
    struct buf data, talk;
};

static void take_data(void *ctx, const char *bytes, size_t len)
{
    struct capture *capture = ctx;
    buf_add(&capture->data, bytes, len);
}

static void take_talk(void *ctx, const char *line)
{
    struct capture *capture = ctx;
    buf_addf(&capture->talk, "%s\n", line);
}

struct bench {
    char dir[64];
    struct workbench *wb;
    struct capture capture;
    struct sink sink;
};

static int setup(void **state)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    struct error err = {0};
    snprintf(bench->dir, sizeof bench->dir, "%s", "/tmp/rlaif-cmd-XXXXXX");
    if (!mkdtemp(bench->dir))
        return -1;
    struct workbench_options options = {.dir = bench->dir, .no_model = true, .threads = 1};
    bench->wb = workbench_open(&options, &err);
    if (!bench->wb) {
        fprintf(stderr, "# %s\n", err.text);
        return -1;
    }
    buf_init(&bench->capture.data, 0);
    buf_init(&bench->capture.talk, 0);
    bench->sink = (struct sink){.data = take_data, .talk = take_talk, .ctx = &bench->capture};
    bench->wb->front = &bench->sink;
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    char *command = xasprintf("rm -rf '%s'", bench->dir);
    workbench_close(bench->wb);
    buf_release(&bench->capture.data);
    buf_release(&bench->capture.talk);
    int status = system(command);
    free(command);
    free(bench);
    return status;
}

static int run(struct bench *bench, const char *line, struct error *err)
{
    buf_clear(&bench->capture.data);
    buf_clear(&bench->capture.talk);
    return command_run(bench->wb, line, &bench->sink, false, err);
}

static json_t *run_json(struct bench *bench, const char *line)
{
    struct error err = {0};
    if (run(bench, line, &err) != 0)
        fail_msg("%s: %s", line, err.text);
    json_t *answer =
        json_parse(bench->capture.data.data, bench->capture.data.len, "answer", 1, &err);
    if (!answer)
        fail_msg("%s: %s", bench->capture.data.data, err.text);
    return answer;
}

static void test_new_workspace(void **state)
{
    struct bench *bench = *state;
    json_t *sets = run_json(bench, "list sets as json");
    json_t *rows = json_object_get(sets, "rows");
    assert_int_equal(json_array_size(rows), 1);
    assert_true(json_integer_value(json_object_get(json_array_get(rows, 0), "pairs")) >= 60);
    json_decref(sets);
    json_t *prompts = run_json(bench, "list prompts as json");
    json_t *first = json_array_get(json_object_get(prompts, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "prompt")), "summary-base");
    json_decref(prompts);
}

static void test_model_missing(void **state)
{
    struct bench *bench = *state;
    struct error err = {0};
    assert_int_equal(run(bench, "label summary-base", &err), ERROR_FAILED);
    assert_non_null(strstr(err.hint, "bootstrap model"));
    assert_non_null(strstr(err.hint, "simulated"));
}

/* A simulated labeler with a planted pull to the first slot is found out. */
static void test_simulated(void **state)
{
    struct bench *bench = *state;
    struct error err = {0};
    assert_int_equal(run(bench, "label summary-base labeler=sim:gap=.2,pos=4; wait last", &err), 0);
    json_t *bias = run_json(bench, "show bias as json");
    assert_true(json_number_value(json_object_get(bias, "same_position_rate")) > .9);
    assert_true(json_number_value(json_object_get(bias, "primacy_p")) < 1e-6);
    json_decref(bias);
    assert_int_equal(run(bench, "show agreement", &err), 0);
    assert_non_null(strstr(bench->capture.data.data, "simulated"));
    assert_int_equal(run(bench, "assert same_position_rate >= .9", &err), 0);
    assert_int_equal(run(bench, "assert same_position_rate < .9", &err), ERROR_ASSERT);
    json_t *pair = run_json(bench, "show pair #1 as json");
    assert_int_equal(json_array_size(json_object_get(pair, "orders")), 2);
    json_decref(pair);
    json_t *list = run_json(bench, "list pairs where flip as json");
    assert_true(json_integer_value(json_object_get(list, "n")) > 50);
    json_decref(list);
}

static void test_import_twice(void **state)
{
    struct bench *bench = *state;
    struct error err = {0};
    char *path = path_join(bench->dir, "tiny.jsonl");
    const char *text = "{\"context\":\"c1\",\"a\":\"x\",\"b\":\"y\",\"choices\":[]}\n"
                       "{\"context\":\"c2\",\"a\":\"x\",\"b\":\"y\",\"choices\":[]}\n";
    char *line = xasprintf("import pairs %s as json", path);
    assert_int_equal(file_put(path, text, strlen(text), &err), 0);
    for (int i = 0; i < 2; i++) {
        json_t *answer = run_json(bench, line);
        assert_int_equal(json_integer_value(json_object_get(answer, "imported")), 2);
        assert_string_equal(json_string_value(json_object_get(answer, "set")), "tiny");
        json_decref(answer);
    }
    json_t *sets = run_json(bench, "list sets as json");
    json_t *last = json_array_get(json_object_get(sets, "rows"), 1);
    assert_int_equal(json_integer_value(json_object_get(last, "pairs")), 2);
    json_decref(sets);
    free(line);
    free(path);
}

static void test_undo(void **state)
{
    struct bench *bench = *state;
    struct error err = {0};
    assert_int_equal(run(bench, "tag #1 add odd", &err), 0);
    json_t *list = run_json(bench, "list pairs where tag:odd as json");
    assert_int_equal(json_integer_value(json_object_get(list, "n")), 1);
    json_decref(list);
    assert_int_equal(run(bench, "undo", &err), 0);
    list = run_json(bench, "list pairs where tag:odd as json");
    assert_int_equal(json_integer_value(json_object_get(list, "n")), 0);
    json_decref(list);
    assert_int_equal(run(bench, "redo", &err), 0);
    list = run_json(bench, "list pairs where tag:odd as json");
    assert_int_equal(json_integer_value(json_object_get(list, "n")), 1);
    json_decref(list);
}

static void test_edit_fields(void **state)
{
    struct bench *bench = *state;
    struct error err = {0};
    assert_int_equal(run(bench, "edit prompt summary-base ending='The better one is'", &err), 0);
    json_t *diff = run_json(bench, "show diff summary-base@1..summary-base@2 as json");
    const char *text = json_string_value(json_object_get(diff, "diff"));
    assert_non_null(strstr(text, "+ ending: "));
    assert_non_null(strstr(text, "The better one is"));
    json_decref(diff);
    /* The same again is the same version. */
    json_t *again = run_json(bench, "edit prompt summary-base ending='The better one is' as json");
    assert_true(json_is_false(json_object_get(again, "new")));
    json_decref(again);
    assert_int_equal(run(bench, "edit prompt summary-base endign=x", &err), ERROR_USAGE);
}

static void test_error_json(void **state)
{
    struct bench *bench = *state;
    struct error err = {0};
    assert_int_equal(run(bench, "show pair #100000 as json", &err), ERROR_USAGE);
    json_t *answer =
        json_parse(bench->capture.data.data, bench->capture.data.len, "answer", 1, &err);
    assert_non_null(answer);
    assert_non_null(strstr(json_string_value(json_object_get(answer, "error")), "no #100000"));
    assert_true(json_is_null(json_object_get(answer, "byte")));
    json_decref(answer);
}

static void test_complete(void **state)
{
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"sho", "show"},
        {"show ag", "agreement"},
        {"label summary-b", "summary-base"},
        {"label summary-base n=3 sp", "split="},
        {"label x split=", "split=dev"},
        {"use set bu", "builtin"},
        {"help; show con", "config"},
        {"explain same_pos", "same_position_rate"},
        {"list pairs wh", "where"},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t start;
        bool found = false;
        char **list = command_complete(bench->wb, cases[i].line, strlen(cases[i].line), &start);
        for (size_t k = 0; list && list[k]; k++) {
            size_t len = strlen(cases[i].word);
            found = found || (strncmp(list[k], cases[i].word, len) == 0 &&
                              strchr("\t", list[k][len]));
        }
        if (!found)
            fail_msg("%s does not offer %s", cases[i].line, cases[i].word);
        command_complete_free(list);
    }
}

/* Every command has help, and an example that parses to itself. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *row = command_at(i);
        struct call call;
        struct error err = {0};
        assert_non_null(row->text);
        assert_non_null(row->run);
        if (!row->example) {
            assert_true(row->flags & COMMAND_SHELL);
            continue;
        }
        const char *text = row->example;
        if (call_parse(NULL, &text, &call, &err) != 0)
            fail_msg("%s: %s", row->example, err.text);
        assert_ptr_equal(call.command, row);
        call_release(&call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_quote_column),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_bad_filters),
        cmocka_unit_test(test_exploding_pattern),
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_table),
        cmocka_unit_test_setup_teardown(test_new_workspace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_simulated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_import_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_undo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edit_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_error_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_complete, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
