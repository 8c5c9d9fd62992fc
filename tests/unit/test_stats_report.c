/* Reports: what must stand in them, and that nothing from a file becomes markup. */
#include <stdio.h>

#include "src/base/mem.h"
#include "src/label/report.h"
#include "tests/unit/test_stats_fixture.h"

static void assert_has(const struct buf *text, const char *part)
{
    if (strstr(buf_str(text), part) == NULL)
        fail_msg("no \"%s\"", part);
}

static struct fixture now, before;

static int setup(void **state)
{
    (void)state;
    fixture_init(&now);
    fixture_init(&before);
    fixture_random(&now, 150, 4);
    fixture_random(&before, 150, 4);
    fixture_simulate(&now, "sim:gap=1,pos=1,noise=1", 2);
    fixture_simulate(&before, "sim:gap=.2,pos=1,noise=1", 2);
    fixture_judge(&now, false);
    fixture_judge(&before, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_release(&now);
    fixture_release(&before);
    return 0;
}

static struct report_input input_make(void)
{
    return (struct report_input){
        .program = "rlaif 0.1.0", .made_at = "2025-03-01 12:00 UTC", .set = "builtin",
        .set_format = "own", .scope = "train and dev", .prompt = "summary-base@2",
        .prompt_yaml = "name: summary-base\npreamble: |\n  Say 1 or 2.\n",
        .prompt_parent = "summary-base@1", .labeler = "sim:gap=1,pos=1,len=0,noise=1",
        .model_sha256 = "b179", .decoding = "samples 1, temperature 0", .seed = 5, .draws = 200,
        .test_looks = 2, .rows = now.rows, .n_rows = now.n, .parent_rows = before.rows,
        .n_parent_rows = before.n, .parent_name = "summary-base@1", .versions_compared = 2,
        .tokens = 1234, .reused = 99, .seconds = 3.5,
    };
}

static void test_markdown(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "# summary-base@2 on builtin, labelled by sim:gap=1,pos=1,len=0,noise=1 (simulated)\n\n",
        "| agreement with people | ", "| same position | ", "| no label | 0.0 % |",
        "- The labeler is simulated: ", "- Against summary-base@1: better: +",
        "- Test pairs of this set were looked at 2 times",
        "| decoding | samples 1, temperature 0 |", "| model SHA-256 | b179 |", "| seed | 5 |",
        "| tokens | 1234 computed, 99 reused |", "bootstrap over contexts, 200 draws, seed 5",
        "## Calibration\n", "## Length\n", "## By split\n\n| split | pairs |",
        "## By length_difference\n", "## Against summary-base@1\n", "- fixed ", "- broke ",
        "## Most contested pairs\n\n### Surest disagreements with the raters\n",
        "### Torn between the two orders\n",
        "## The prompt\n\n```text\nname: summary-base\npreamble: |\n  Say 1 or 2.\n```\n",
        "## How the figures are made\n",
    };
    struct report_input input = input_make();
    struct buf page, again;
    buf_init(&page, 0);
    buf_init(&again, 0);
    report_write(&input, REPORT_MD, &page);
    report_write(&input, REPORT_MD, &again);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_has(&page, parts[i]);
    assert_string_equal(buf_str(&page), buf_str(&again)); /* same input, same bytes */
    assert_null(strstr(buf_str(&page), "nan"));
    /* Tags and groups say nothing here: no table of one row. */
    assert_null(strstr(buf_str(&page), "## By tag"));
    buf_release(&page);
    buf_release(&again);
}

/* Every tag that is opened is closed, in order: what holds for our page and for nothing
 * injected. */
static void assert_well_formed(const char *page)
{
    char stack[64][16];
    size_t depth = 0;
    for (const char *s = strchr(page, '<'); s != NULL; s = strchr(s + 1, '<')) {
        char name[16];
        size_t len = strcspn(s + 1, " >\n");
        assert_true(len < sizeof name);
        memcpy(name, s + 1, len);
        name[len] = '\0';
        if (strcmp(name, "!DOCTYPE") == 0 || strcmp(name, "meta") == 0)
            continue;
        if (name[0] == '/') {
            assert_true(depth > 0);
            assert_string_equal(name + 1, stack[--depth]);
        } else {
            assert_true(depth < 64);
            snprintf(stack[depth], sizeof stack[depth], "%s", name);
            depth++;
        }
    }
    assert_int_equal(depth, 0);
}

static void test_html(void **state)
{
    (void)state;
    struct report_input input = input_make();
    struct buf page;
    buf_init(&page, 0);
    report_write(&input, REPORT_HTML, &page);
    assert_memory_equal(buf_str(&page), "<!DOCTYPE html>\n", 16);
    assert_has(&page, "<title>summary-base@2 on builtin");
    assert_has(&page, "<h2>Calibration</h2>");
    assert_has(&page, "<meter min=\"0\" max=\"1\" value=\"");
    assert_has(&page, "default-src 'none'");
    assert_null(strstr(buf_str(&page), "<script"));
    assert_null(strstr(buf_str(&page), "http://"));
    assert_null(strstr(buf_str(&page), "https://"));
    assert_well_formed(buf_str(&page));
    buf_release(&page);
}

static void test_hostile(void **state)
{
    (void)state;
    struct fixture g;
    fixture_init(&g);
    fixture_random(&g, 30, 4);
    for (size_t i = 0; i < g.pairs.n; i++) {
        struct pair *pair = &g.pairs.pairs[i];
        free(pair->a);
        free(pair->context);
        pair->a = xstrdup("</pre><script>alert(1)</script>\n```\n# not a heading\n````");
        pair->context = xasprintf("%zu \x1b[2J<b onclick=\"x\">\xe2\x80\xae\xff & | * _", i);
        pair->group = xstrdup(i % 2 ? "a|b<i>\n# x" : "*[c](http://x)*");
        pair_add_tag(pair, i % 3 ? "<u>" : "t|\"'");
        pair_finish(pair);
    }
    fixture_simulate(&g, "sim:gap=.3,pos=2,noise=1", 2);
    fixture_judge(&g, false);
    struct report_input input = {
        .set = "s|<s>\n", .prompt = "p`<p>", .labeler = "l\x1b]0;x\a\"<l>", .seed = 1, .draws = 50,
        .prompt_yaml = "x: </pre><script>`````\n", .rows = g.rows, .n_rows = g.n,
        .parent_name = "<v>",
    };
    struct buf page;
    buf_init(&page, 0);
    report_write(&input, REPORT_HTML, &page);
    assert_null(strstr(buf_str(&page), "<script"));
    assert_null(strstr(buf_str(&page), "<b "));
    assert_null(strstr(buf_str(&page), "<i>"));
    assert_null(strchr(buf_str(&page), '\x1b'));
    assert_null(strstr(buf_str(&page), "\xe2\x80\xae"));
    assert_well_formed(buf_str(&page));
    buf_clear(&page);
    report_write(&input, REPORT_MD, &page);
    assert_has(&page, "\n`````text\n"); /* longer than the four inside */
    assert_has(&page, "\n``````text\nx: </pre>");
    assert_has(&page, "| a\\|b&lt;i&gt;");
    assert_has(&page, "| \\*\\[c\\](http://x)\\* |");
    assert_null(strstr(buf_str(&page), "\n# x"));
    assert_null(strchr(buf_str(&page), '\x1b'));
    buf_release(&page);
    fixture_release(&g);
}

static void test_cut(void **state)
{
    (void)state;
    struct fixture g;
    fixture_init(&g);
    struct pair *pair = fixture_pair(&g, "c", 10, 2000, "b", RATER_HUMAN);
    free(pair->context);
    pair->context = xmalloc(2 * 5000 + 1);
    for (int i = 0; i < 5000; i++)
        memcpy(pair->context + 2 * i, "\xc3\xa4", 2);
    pair->context[10000] = '\0';
    fixture_label(&g, ORDER_AB, .9);
    fixture_label(&g, ORDER_BA, .1);
    fixture_judge(&g, false);
    struct report_input input = { .set = "s", .prompt = "p@1", .rows = g.rows, .n_rows = g.n };
    struct buf page;
    buf_init(&page, 0);
    report_write(&input, REPORT_MD, &page);
    assert_has(&page, "\xc3\xa4 [cut]\n```\n"); /* not in the middle of a character */
    assert_has(&page, "y [cut]\n```\n");
    assert_true(page.len < 12000);
    assert_has(&page, "b (preferred by the raters)");
    buf_release(&page);
    fixture_release(&g);
}

static void test_json(void **state)
{
    (void)state;
    struct report_input input = input_make();
    json_t *answer = report_json(&input);
    const json_t *contested = json_object_get(answer, "contested");
    assert_int_equal(json_array_size(contested), 8);
    assert_string_equal(json_string_value(json_object_get(json_array_get(contested, 0), "why")),
                        "opposed");
    assert_near(golden(answer, "agreement/n"), 150, "n");
    assert_true(json_is_object(json_object_get(answer, "compare")));
    assert_true(json_is_null(json_object_get(answer, "null")));
    struct buf page, text;
    buf_init(&page, 0);
    buf_init(&text, 0);
    report_write(&input, REPORT_MD, &page);
    report_print(answer, &text);
    assert_string_equal(buf_str(&text), buf_str(&page));
    buf_release(&page);
    buf_release(&text);
    json_decref(answer);
}

static void test_nothing(void **state)
{
    (void)state;
    struct report_input input = { .seed = 1 };
    struct buf page;
    buf_init(&page, 0);
    report_write(&input, REPORT_MD, &page);
    assert_has(&page, "- Labels: no labels yet.\n");
    assert_null(strstr(buf_str(&page), "nan"));
    buf_clear(&page);
    report_write(&input, REPORT_HTML, &page);
    assert_well_formed(buf_str(&page));
    buf_release(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markdown), cmocka_unit_test(test_html),
        cmocka_unit_test(test_hostile),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_json),     cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests_name("reports", tests, setup, teardown);
}
