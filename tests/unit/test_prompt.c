/* Prompts: what is read, what is refused and where, and edits that leave the rest alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/cpu_time.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/label/prompt.h"

#define SAMPLE "sample: \"{{context}} {{first}} {{second}}\"\n"
#define GOOD "name: p\n" SAMPLE "ending: \"Better:\"\n"

static struct prompt *parse(const char *yaml, struct error *err)
{
    memset(err, 0, sizeof *err);
    return prompt_parse(yaml, strlen(yaml), "p.yaml", err);
}

static struct prompt *parse_good(const char *yaml)
{
    struct error err;
    struct prompt *p = parse(yaml, &err);
    if (!p)
        fail_msg("%s:%d:%d: %s", err.file, (int)err.line, (int)err.column, err.text);
    return p;
}

static void test_defaults(void **state)
{
    (void)state;
    struct prompt *p = parse_good(GOOD);
    assert_string_equal(p->name, "p");
    assert_string_equal(p->task, "summary");
    assert_int_equal(p->polarity, PROMPT_BETTER);
    assert_int_equal(p->style, PROMPT_COMPLETION);
    assert_int_equal(p->n_options, 2);
    assert_string_equal(p->options[1], "2");
    assert_false(p->cot_on);
    assert_int_equal(p->cot_max_tokens, 160);
    assert_int_equal(p->n_cot_stop, 1);
    assert_int_equal(p->samples, 1);
    assert_int_equal(p->top_k, 40);
    assert_true(p->top_p == 1 && p->temperature == 0);
    assert_false(p->pointwise);
    /* The table's defaults are the same ones. */
    for (const struct prompt_field *row = prompt_fields; row->name; row++) {
        struct buf now;
        if (!row->value || strncmp(row->name, "exemplars.", 10) == 0)
            continue;
        if (strcmp(row->name, "ending") == 0)
            continue;
        buf_init(&now, 0);
        prompt_get(p, row, &now);
        assert_string_equal(buf_str(&now), row->value);
        buf_release(&now);
    }
    prompt_free(p);
}

/* The whole file of the contract. */
static const char contract_yaml[] =
    "# comments stay where an edit does not touch them\n"
    "name: summary-base\n"
    "task: summary              # summary | helpful | harmless | any word\n"
    "polarity: better           # better | worse\n"
    "style: completion          # completion | chat\n"
    "system: \"\"                 # chat only\n"
    "preamble: |\n"
    "  You compare two summaries of a text. Say 1 or 2 for the better one.\n"
    "exemplars: []              # a list\n"
    "sample: |\n"
    "  Text: {{context}}\n"
    "  Summary 1: {{first}}\n"
    "  Summary 2: {{second}}\n"
    "cot: {on: false, ending: \"Say which summary is better and why.\\nRationale:\", "
    "max_tokens: 160, stop: "
    "[\"\\n\\n\"]}\n"
    "ending: \"Better summary:\"\n"
    "options: [\"1\", \"2\"]        # found by tokenising\n"
    "decode: {samples: 1, temperature: 0, top_k: 40}\n";

static void test_contract(void **state)
{
    (void)state;
    struct prompt *p = parse_good(contract_yaml);
    assert_string_equal(p->name, "summary-base");
    assert_string_equal(
        p->preamble,
        "You compare two summaries of a text. Say 1 or 2 for the better one.\n");
    assert_string_equal(
        p->sample, "Text: {{context}}\nSummary 1: {{first}}\nSummary 2: {{second}}\n");
    assert_string_equal(p->cot_ending, "Say which summary is better and why.\nRationale:");
    assert_string_equal(p->cot_stop[0], "\n\n");
    prompt_free(p);
}

struct bad {
    const char *name, *yaml;
    int line, column;       /* 0: none */
    const char *text, *hint; /* parts of the message; NULL: any */
};
static const struct bad bads[] = {
    {"yaml-bomb", "name: &a p\n" SAMPLE, 1, 7, "anchors are not allowed", NULL},
    {"yaml-cycle", "name: p\nexemplars: &a [*a]\n", 2, 12, "anchors are not allowed",
     NULL},
    {"yaml-alias", "name: p\nexemplars: [*a]\n", 2, 13, "aliases are not allowed", NULL},
    {"yaml-tag", "name: !!str p\n", 1, 7, "tags are not allowed", NULL},
    {"yaml-directive", "%YAML 1.1\n---\nname: p\n", 1, 1, "directives", NULL},
    {"yaml-tab", "name: p\ncot:\n\ton: true\n", 3, 1, "a tab where YAML wants blanks",
     "blanks"},
    {"yaml-dup", "name: p\ntask: x\nname: q\n", 3, 1,
     "name stands here a second time (first in line 1)", NULL},
    {"yaml-dup-deep", "name: p\ncot: {on: true, on: false}\n", 2, 17,
     "second time (first in line 2)", NULL},
    {"yaml-unknown", "name: p\npreambel: x\n", 2, 1, "preambel is not a key",
     "did you mean preamble?"},
    {"yaml-unknown-cot", "name: p\ncot: {endin: x}\n", 2, 7, "endin is not a key of cot",
     "did you mean ending?"},
    {"yaml-unknown-far", "name: p\nqwertzuiop: x\n", 2, 1, "is not a key", "keys: name"},
    {"yaml-unknown-dot", "name: p\ncot.on: true\n", 2, 1, "cot.on is not a key", NULL},
    {"yaml-type-no", "name: no\n" SAMPLE, 1, 7,
     "name: no is read as a truth value; a text is due", "put it in quotes: \"no\""},
    {"yaml-type-1e3", "name: p\ntask: 1e3\n", 2, 7, "1e3 is read as a number", "\"1e3\""},
    {"yaml-type-oct", "name: p\nending: 0o7\n", 2, 9, "0o7 is read as an integer",
     "\"0o7\""},
    {"yaml-type-null", "name: p\nending: ~\n", 2, 9, "~ is read as null", "\"~\""},
    {"yaml-type-empty", "name: p\nending:\ntask: x\n", 2, 8,
     "no value, which YAML reads as null", "\"\""},
    {"yaml-type-date", "name: p\npreamble: 2023-09-01\n", 2, 11, "is read as a date",
     "quotes"},
    {"yaml-type-opt", "name: p\noptions: [1, 2]\n", 2, 11,
     "options: 1 is read as an integer", "\"1\""},
    {"yaml-type-int", "name: p\ncot: {max_tokens: \"9\"}\n", 2, 19, "is read as text",
     "quotes away"},
    {"yaml-type-int-e", "name: p\ncot: {max_tokens: 1e3}\n", 2, 19,
     "1e3 is read as a number; a whole", "digits"},
    {"yaml-type-bool", "name: p\ncot: {on: 1}\n", 2, 11,
     "cot.on must be true or false, not 1", NULL},
    {"yaml-type-list", "name: [p]\n", 1, 7, "name must be a text, not a list", NULL},
    {"yaml-type-map", "name: p\ncot: true\n", 2, 6, "cot must be a mapping", NULL},
    {"yaml-range", "name: p\ndecode: {temperature: 11}\n", 2, 23,
     "decode.temperature must be 0..10, not 11", NULL},
    {"yaml-range-samples", "name: p\ndecode: {samples: 0}\n", 2, 19, "must be 1..64",
     NULL},
    {"yaml-choice", "name: p\nstyle: chatty\n", 2, 8,
     "style must be one of completion|chat, not chatty", NULL},
    {"yaml-word", "name: two words\n", 1, 7, "must be one word", NULL},
    {"yaml-root", "- a\n- b\n", 1, 1, "a prompt is a mapping", NULL},
    {"yaml-key", "name: p\n? [a]\n: b\n", 2, 3, "cannot be a key", NULL},
    {"yaml-nul-escape", "name: \"x\\0y\"\n", 1, 7, "a NUL in it", NULL},
    {"yaml-utf8", "name: p\nending: \"a\xFFz\"\n", 2, 11, "bad UTF-8", NULL},
    {"yaml-utf8-cut", "name: \xC3\xB6\xC3\nx: y\n", 1, 8, "bad UTF-8", NULL},
    {"yaml-control", "name: p\nending: \"a\x07\"\n", 2, 11, "control character",
     "escape"},
    {"yaml-separator", "name: p\nending: \"a\xE2\x80\xA8z\"\n", 2, 11, "U+2028",
     "\\u2028"},
    {"yaml-multi", GOOD "---\nname: q\n", 4, 1, "a second document begins here", NULL},
    {"yaml-empty", "", 0, 0, "no prompt found", NULL},
    {"yaml-comments", "# nothing\n\n# here\n", 0, 0, "no prompt found", NULL},
    {"yaml-null", "---\n...\n", 0, 0, "no prompt found", NULL},
    {"yaml-syntax", "name: p\nending: \"open\n", 3, 1, "this is not YAML", NULL},
    {"yaml-flow-slot", "name: p\nsample: {{context}}\n", 2, 10, "cannot be a key",
     "in quotes or under |"},
    {"yaml-no-name", SAMPLE, 1, 1, "the prompt has no name", NULL},
    {"yaml-no-sample", "name: p\n", 1, 1, "the prompt has no sample", "{{context}}"},
    {"yaml-slot-misspelt",
     "name: p\nsample: |\n  T {{context}}\n  1 {{frist}}\n  2 {{second}}\n", 4, 5,
     "{{frist}} is not a slot", "did you mean {{first}}?"},
    {"yaml-slot-unknown",
     "name: p\nsample: \"{{context}} {{first}} {{second}} {{qwertyuiop}}\"\n", 2, 43,
     "{{qwertyuiop}} is not a slot", "slots: {{context}}"},
    {"yaml-slot-blank", "name: p\nsample: \"{{ context }} {{first}} {{second}}\"\n", 2,
     10, "{{ context }} is not a slot", "did you mean {{context}}?"},
    {"yaml-slot-missing", "name: p\nsample: |\n  {{context}} {{first}}\n", 2, 9,
     "lacks {{second}}", NULL},
    {"yaml-slot-missing-context", "name: p\nsample: \"{{first}} {{second}}\"\n", 2, 9,
     "lacks {{context}}", NULL},
    {"yaml-slot-doubled",
     "name: p\nsample: |\n  {{context}} {{first}}\n  {{second}}\n\n  {{first}}\n", 6, 3,
     "{{first}} stands there 2 times", NULL},
    {"yaml-slot-open", "name: p\nsample: \"{{context}} {{first}} {{second\"\n", 2, 32,
     "not closed", "\\{{"},
    {"yaml-slot-elsewhere", "name: p\n" SAMPLE "ending: \"for {{group}}\"\n", 3, 14,
     "{{group}} stands in ending", NULL},
    {"yaml-slot-preamble", "name: p\n" SAMPLE "preamble: |\n\n  \\{{group}} {{group}}\n",
     5, 14, "{{group}} stands in preamble", NULL},
    {"options-many", "name: p\n" SAMPLE "options: [\"1\", \"2\", \"3\", \"4\"]\n", 3, 10,
     "2 options, or 3", NULL},
    {"options-one", "name: p\n" SAMPLE "options: [\"1\"]\n", 3, 10,
     "2..16 entries, not 1", NULL},
    {"options-same", "name: p\n" SAMPLE "options: [\"1\", \"1\"]\n", 3, 16, "twice",
     NULL},
    {"options-empty", "name: p\n" SAMPLE "options: [\"1\", \"\"]\n", 3, 16, "empty",
     NULL},
    {"exemplar-key", GOOD "exemplars:\n- {context: c, a: x, b: y, label: 1, lable: 2}\n",
     5, 38, "lable is not a key of an exemplar", "did you mean label?"},
    {"exemplar-label", GOOD "exemplars:\n- {context: c, a: x, b: y, label: 3}\n", 5, 3,
     "must be 1..2, not 3", NULL},
    {"exemplar-short", GOOD "exemplars:\n- {context: c, a: x}\n", 5, 3,
     "needs context, a, b and label", NULL},
    {"exemplar-cot",
     GOOD "cot: {on: true}\nexemplars:\n- {context: c, a: x, b: y, label: 1}\n", 6, 3,
     "no rationale", NULL},
    {"exemplar-set", GOOD "exemplars: {shots: 2}\n", 4, 12, "must name their set", NULL},
    {"exemplar-shots", GOOD "exemplars: {set: x, shots: 65}\n", 4, 28, "must be 0..64",
     NULL},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        const struct bad *b = &bads[i];
        struct error err;
        struct prompt *p = parse(b->yaml, &err);
        if (p)
            fail_msg("%s was taken", b->name);
        if (err.line != b->line || err.column != b->column ||
            (b->text && !strstr(err.text, b->text)) ||
            (b->hint && !strstr(err.hint, b->hint)))
            fail_msg("%s: %s:%d:%d: %s (%s), not %d:%d %s (%s)", b->name, err.file,
                     (int)err.line, (int)err.column, err.text, err.hint, b->line,
                     b->column, b->text ? b->text : "..", b->hint ? b->hint : "..");
        assert_string_equal(err.file, "p.yaml");
        assert_int_equal(err.kind, ERROR_DATA);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct error err;
    struct buf yaml;
    buf_init(&yaml, 0);
    /* yaml-deep: 65 levels and 100,000. */
    for (int levels = 64; levels <= 100000; levels = levels == 64 ? 65 : levels * 2000) {
        buf_clear(&yaml);
        buf_adds(&yaml, "name: p\nexemplars: ");
        buf_fill(&yaml, '[', (size_t)levels);
        double t0 = cpu_seconds();
        assert_null(prompt_parse(buf_str(&yaml), yaml.len, "p.yaml", &err));
        assert_true(cpu_seconds() - t0 < cpu_limit(0.5));
        assert_non_null(strstr(err.text, "deeper than 64"));
        assert_int_equal(err.line, 2);
        assert_int_equal(err.column, 12 + 63);
        if (levels > 1000)
            break;
    }
    /* yaml-size: 1 MiB is read, one byte more is not. */
    buf_clear(&yaml);
    buf_adds(&yaml, GOOD "# ");
    buf_fill(&yaml, 'x', PROMPT_SIZE_MAX - yaml.len);
    struct prompt *p = prompt_parse(buf_str(&yaml), yaml.len, "p.yaml", &err);
    assert_non_null(p);
    prompt_free(p);
    buf_addc(&yaml, 'x');
    assert_null(prompt_parse(buf_str(&yaml), yaml.len, "p.yaml", &err));
    assert_non_null(strstr(err.text, "larger than 1 MiB"));
    buf_release(&yaml);
    /* Raw NUL and UTF-16. */
    assert_null(prompt_parse("name: a\0b\n", 10, "p.yaml", &err));
    assert_non_null(strstr(err.text, "NUL"));
    assert_int_equal(err.byte, 7);
    assert_null(prompt_parse("\xFF\xFEn\0", 4, "p.yaml", &err));
    assert_non_null(strstr(err.text, "UTF-16"));
}

static void test_bom_crlf(void **state)
{
    (void)state;
    struct error err;
    struct prompt *p = parse_good(
        "\xEF\xBB\xBFname: p\r\nsample: |\r\n  T {{context}}\r\n  {{first}}\r\n"
        "  {{second}}\r\nending: \"x\"\r\n");
    assert_string_equal(p->sample, "T {{context}}\n{{first}}\n{{second}}\n");
    struct prompt *q = prompt_set(p, "sample", "N {{context}}\n{{first}} {{second}}\n", &err);
    assert_non_null(q);
    assert_string_equal(q->yaml, "\xEF\xBB\xBFname: p\r\nsample: |\r\n  N {{context}}\r\n"
                                 "  {{first}} {{second}}\r\nending: \"x\"\r\n");
    prompt_free(q);
    q = prompt_set(p, "ending", "y", &err);
    assert_non_null(q);
    assert_non_null(strstr(q->yaml, "ending: \"y\"\r\n"));
    prompt_free(q);
    q = prompt_set(p, "task", "helpful", &err);
    assert_non_null(q);
    assert_non_null(strstr(q->yaml, "\r\ntask: helpful\r\n"));
    prompt_free(q);
    prompt_free(p);
    assert_null(parse("\xEF\xBB\xBFname: p\r\nx: 1\r\n", &err));
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 1);
    assert_null(parse("\xEF\xBB\xBFname: no\r\n", &err));
    assert_int_equal(err.column, 7);
}

/* ---- edits ---- */

struct edit {
    const char *field, *value;
    const char *old, *new; /* the only bytes that change; old NULL: new is added */
};
static const struct edit edits[] = {
    {"name", "other", "name: summary-base", "name: other"},
    {"task", "helpful", "task: summary ", "task: helpful "},
    {"polarity", "worse", "polarity: better ", "polarity: worse "},
    {"style", "chat", "style: completion ", "style: chat "},
    {"system", "Be brief.", "system: \"\"  ", "system: \"Be brief.\"  "},
    {"ending", "The better one is", "ending: \"Better summary:\"",
     "ending: \"The better one is\""},
    {"ending", "say \"x\" \\ \xC3\xA4:", "ending: \"Better summary:\"",
     "ending: \"say \\\"x\\\" \\\\ \xC3\xA4:\""},
    {"ending", "two\nlines", "ending: \"Better summary:\"", "ending: |-\n  two\n  lines"},
    {"preamble", "New.\n",
     "  You compare two summaries of a text. Say 1 or 2 for the better one.\n",
     "  New.\n"},
    {"preamble", "A\n\n  B\n",
     "  You compare two summaries of a text. Say 1 or 2 for the better one.\n",
     "  A\n\n    B\n"},
    {"preamble", "",
     "|\n  You compare two summaries of a text. Say 1 or 2 for the better one.\n",
     "\"\"\n"},
    {"preamble", "no end",
     "|\n  You compare two summaries of a text. Say 1 or 2 for the better one.\n",
     "|-\n  no end\n"},
    {"preamble", " led by a blank\n",
     "|\n  You compare two summaries of a text. Say 1 or 2 for the better one.\n",
     "|2\n   led by a blank\n"},
    {"preamble", "gap\n\n",
     "|\n  You compare two summaries of a text. Say 1 or 2 for the better one.\n",
     "|+\n  gap\n\n"},
    {"cot.on", "true", "on: false", "on: true"},
    {"cot.ending", "Why?",
     "ending: \"Say which summary is better and why.\\nRationale:\"", "ending: \"Why?\""},
    {"cot.ending", "a\nb",
     "ending: \"Say which summary is better and why.\\nRationale:\"",
     "ending: \"a\\nb\""},
    {"cot.max_tokens", "64", "max_tokens: 160", "max_tokens: 64"},
    {"cot.stop", "[\"###\"]", "stop: [\"\\n\\n\"]", "stop: [\"###\"]"},
    {"options", "[\" A\", \" B\"]", "options: [\"1\", \"2\"]",
     "options: [\" A\", \" B\"]"},
    {"options", "- \"A\"\n- \"B\" # c\n", "options: [\"1\", \"2\"]",
     "options: [\"A\", \"B\"]"},
    {"cot.stop", "- \"#\"", "stop: [\"\\n\\n\"]", "stop: [\"#\"]"},
    {"exemplars", "- context: c\n  a: x\n  b: |\n    z\n  label: 2\n", "exemplars: []",
     "exemplars: [{context: \"c\", a: \"x\", b: \"z\\n\", label: 2}]"},
    {"decode.temperature", "0.7", "temperature: 0", "temperature: 0.7"},
    {"decode.top_p", "0.9", "top_k: 40}", "top_k: 40, top_p: 0.9}"},
    {"shots", "2", "exemplars: []", "exemplars: {set: builtin-exemplars, shots: 2}"},
};

static char *replaced(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    assert_non_null(at);
    struct buf out;
    buf_init(&out, 0);
    buf_add(&out, text, (size_t)(at - text));
    buf_adds(&out, new);
    buf_adds(&out, at + strlen(old));
    return buf_take(&out);
}

static void test_edits(void **state)
{
    (void)state;
    struct prompt *p = parse_good(contract_yaml);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        const struct edit *e = &edits[i];
        struct error err = {0};
        struct prompt *q = prompt_set(p, e->field, e->value, &err);
        if (!q)
            fail_msg("edit %zu of %s: %s", i, e->field, err.text);
        char *want = replaced(contract_yaml, e->old, e->new);
        if (strcmp(want, q->yaml) != 0)
            fail_msg("edit %zu of %s gives\n%s", i, e->field, q->yaml);
        free(want);
        /* Parsed again it says the same, and back again is the old text of the value. */
        struct prompt *again = parse_good(q->yaml);
        assert_true(prompt_equal(q, again));
        assert_false(prompt_equal(p, q));
        struct buf old;
        buf_init(&old, 0);
        const struct prompt_field *row = prompt_field_find(e->field, NULL);
        prompt_get(p, row, &old);
        struct prompt *back = prompt_set(q, e->field, buf_str(&old), &err);
        assert_non_null(back);
        if (strcmp(e->field, "shots") != 0)
            assert_true(prompt_equal(p, back));
        buf_release(&old);
        prompt_free(back);
        prompt_free(again);
        prompt_free(q);
    }
    prompt_free(p);
}

struct layout {
    const char *old, *field, *value, *new;
};
static const struct layout layouts[] = {
    /* A key that is not there: at the end, or behind the last key of its mapping. */
    {GOOD, "task", "x", GOOD "task: x\n"},
    {GOOD "# last words", "task", "x", GOOD "task: x\n# last words"},
    {"name: p\n" SAMPLE "ending: \"x\"", "task", "x",
     "name: p\n" SAMPLE "ending: \"x\"\ntask: x\n"},
    {GOOD, "cot.on", "true", GOOD "cot: {on: true}\n"},
    {GOOD "cot:\n  on: true # why\n\ntask: x\n", "cot.max_tokens", "9",
     GOOD "cot:\n  on: true # why\n  max_tokens: 9\n\ntask: x\n"},
    {GOOD "cot: {}\n", "cot.max_tokens", "9", GOOD "cot: {max_tokens: 9}\n"},
    {GOOD "cot:\n  ending: |\n    a\n\n\ntask: x\n", "cot.ending", "b\n",
     GOOD "cot:\n  ending: |\n    b\n\n\ntask: x\n"},
    {GOOD "cot:\n  ending: |+\n    a\n\ntask: x\n", "cot.ending", "b\n",
     GOOD "cot:\n  ending: |\n    b\ntask: x\n"},
    {GOOD "cot:\n    ending: >\n      a\n      b\n    on: true\n", "cot.ending", "c\nd\n",
     GOOD "cot:\n    ending: |\n      c\n      d\n    on: true\n"},
    /* Lists over several lines become one line; a plain word stays plain. */
    {GOOD "options:\n- \"1\"\n- \"2\" # two\ntask: x\n", "options", "[\"A\", \"B\"]",
     GOOD "options: [\"A\", \"B\"] # two\ntask: x\n"},
    {GOOD "exemplars:\n  set: e\n  shots: 1\n", "shots", "3",
     GOOD "exemplars:\n  set: e\n  shots: 3\n"},
    {GOOD "exemplars: {set: e}\n", "shots", "3", GOOD "exemplars: {set: e, shots: 3}\n"},
    {GOOD, "exemplars", "{set: e, shots: 1}", GOOD "exemplars: {set: e, shots: 1}\n"},
    {"{name: p, sample: \"{{context}} {{first}} {{second}}\"}", "ending", "a\nb",
     "{name: p, sample: \"{{context}} {{first}} {{second}}\", ending: \"a\\nb\"}"},
    {"# \xE2\x86\x92 \xF0\x9F\x99\x82\nname: p # \xC3\xA4\n" SAMPLE "ending: x # c\n",
     "ending", "y",
     "# \xE2\x86\x92 \xF0\x9F\x99\x82\nname: p # \xC3\xA4\n" SAMPLE
     "ending: \"y\" # c\n"},
    {GOOD "preamble: \"x\" # c\n", "preamble", "a\nb\n", NULL},
};

static void test_layouts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        const struct layout *l = &layouts[i];
        struct error err = {0};
        struct prompt *p = parse_good(l->old), *q = prompt_set(p, l->field, l->value, &err);
        if (!q)
            fail_msg("layout %zu: %s", i, err.text);
        if (l->new && strcmp(q->yaml, l->new) != 0)
            fail_msg("layout %zu gives\n%s", i, q->yaml);
        if (strchr(l->old, '#'))
            assert_non_null(strstr(q->yaml, strchr(l->old, '#') + 1 ? "#" : ""));
        prompt_free(p);
        prompt_free(q);
    }
}

static void test_edit_errors(void **state)
{
    (void)state;
    struct prompt *p = parse_good(contract_yaml);
    static const struct { const char *field, *value, *text; } rows[] = {
        {"endign", "x", "is not a field"},
        {"decode.temperature", "hot", "decode.temperature: hot is read as text"},
        {"decode.samples", "0", "must be 1..64"},
        {"sample", "{{context}} {{first}}", "lacks {{second}}"},
        {"ending", "x {{first}}", "slots belong into the sample"},
        {"style", "none", "must be one of"},
        {"name", "two words", "one word"},
        {"options", "[\"1\"]", "2..16 entries"},
        {"options", "[1, 2]", "read as an integer"},
        {"options", "[\"1\", \"2\"]\nname: twice", NULL},
        {"cot.max_tokens", "5, on: true", NULL},
        {"decode.top_k", "9}\nstyle: {", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        struct prompt *q = prompt_set(p, rows[i].field, rows[i].value, &err);
        if (q)
            fail_msg("%s=%s was taken", rows[i].field, rows[i].value);
        if (rows[i].text && !strstr(err.text, rows[i].text))
            fail_msg("%s=%s: %s", rows[i].field, rows[i].value, err.text);
        assert_true(err.text[0] != 0);
    }
    prompt_free(p);
}

/* Any text survives being set, whatever is in it. */
static void test_edit_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "\n",
        "\n\n",
        "x",
        "x\n",
        "x\n\n\n",
        "\nx",
        "\n\n x\n",
        "  x\n y\n",
        "x \n",
        "x\t\n\ty\n",
        "\t",
        "#x",
        "- x",
        "x: y",
        "x # y",
        "\"",
        "'",
        "\\",
        "\\{{ }}",
        "~",
        "no",
        "1",
        "%x",
        "@x",
        "`x",
        "&x",
        "*x",
        "!x",
        "|",
        ">",
        "{",
        "}",
        "[",
        "]",
        ",",
        "?",
        ":",
        "---",
        "---\n",
        "...\nx\n",
        "a\r\nb",
        "a\rb",
        "\xC2\x85",
        "a\342\200\250b\n",
        "\xEF\xBB\xBFx",
        "\x1B[0m",
        "\x7F",
        "\xF0\x9F\x99\x82\n",
        "x\n \n",
        "x\n   \ny",
        "   \n   \nx\n",
        "\xEF\xBF\xBE",
    };
    static const char *const bases[] = {
        contract_yaml,
        GOOD,
        GOOD "preamble: |+\n  keep\n\n\n# c\n",
        GOOD "preamble: >-\n  a\n  b\ntask: x\n",
        "{name: p, sample: \"{{context}} {{first}} {{second}}\", preamble: x}\n",
        GOOD "preamble: 'q' # c\n",
        GOOD "preamble: |2\n   x\n# c\ntask: x",
    };
    for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
        struct prompt *p = parse_good(bases[b]);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            struct error err = {0};
            struct prompt *q = prompt_set(p, "preamble", texts[i], &err);
            if (!q)
                fail_msg("base %zu text %zu: %s", b, i, err.text);
            assert_string_equal(q->preamble, texts[i]);
            const char *comment = strchr(bases[b], '#');
            if (comment && !strstr(q->yaml, "#"))
                fail_msg("base %zu text %zu loses the comment:\n%s", b, i, q->yaml);
            /* And once more on top of it. */
            struct prompt *r = prompt_set(q, "preamble", "plain", &err);
            assert_non_null(r);
            assert_string_equal(r->preamble, "plain");
            assert_string_equal(r->sample, p->sample);
            prompt_free(r);
            prompt_free(q);
        }
        prompt_free(p);
    }
}

/* ---- exemplars ---- */

static void test_exemplars(void **state)
{
    (void)state;
    struct error err = {0};
    char dir[] = "/tmp/rlaif-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/exemplars.jsonl", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"id\":\"e1\",\"title\":null,\"context\":\"c1\",\"a\":\"x\",\"b\":\"y\","
          "\"rationale\":\"r\",\"label\":1}\n"
          "\n{\"id\":\"e2\",\"context\":\"c2\",\"a\":\"x\",\"b\":\"y\",\"label\":2}\r\n",
          f);
    fclose(f);
    struct prompt *p = parse_good(GOOD "exemplars: {set: builtin-exemplars, shots: 1}\n");
    assert_int_equal(prompt_load_exemplars(p, dir, &err), 0);
    assert_int_equal(p->exemplars.n, 1);
    assert_string_equal(p->exemplars.rows[0].context, "c1");
    struct prompt *two = prompt_set(p, "shots", "2", &err);
    assert_non_null(two);
    assert_int_equal(two->exemplars.n, 0);
    assert_int_equal(prompt_load_exemplars(two, dir, &err), 0);
    assert_int_equal(two->exemplars.n, 2);
    assert_int_equal(two->exemplars.rows[1].line, 3);
    /* Fewer shots, or another field: the exemplars come along. */
    struct prompt *ending = prompt_set(two, "ending", "z", &err);
    assert_non_null(ending);
    assert_int_equal(ending->exemplars.n, 2);
    struct prompt *cot = prompt_set(p, "cot.on", "true", &err);
    assert_non_null(cot);
    struct prompt *cot2 = prompt_set(cot, "shots", "2", &err);
    assert_non_null(cot2);
    assert_int_equal(prompt_load_exemplars(cot2, dir, &err), -1);
    assert_non_null(strstr(err.text, "no rationale"));
    assert_int_equal(err.line, 3);
    struct prompt *three = prompt_set(p, "shots", "3", &err);
    assert_non_null(three);
    assert_int_equal(prompt_load_exemplars(three, dir, &err), -1);
    assert_non_null(strstr(err.text, "has 2 exemplars, p wants 3"));
    prompt_free(p);
    prompt_free(two);
    prompt_free(ending);
    prompt_free(cot);
    prompt_free(cot2);
    prompt_free(three);
    static const struct { const char *line, *text; } bad[] = {
        {"{\"context\":1}\n", "context must be a text"},
        {"{\"context\":\"c\",\"a\":\"x\",\"b\":\"y\",\"label\":0}\n", "label must be 1 or 2"},
        {"[]\n", "JSON object"},
        {"{\"a\":\"x\",\"b\":\"y\",\"label\":1}\n", "needs context"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct exemplars list;
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(bad[i].line, f);
        fclose(f);
        assert_int_equal(exemplars_read(path, &list, &err), -1);
        assert_non_null(strstr(err.text, bad[i].text));
        assert_int_equal(err.line, 1);
    }
    remove(path);
    remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),   cmocka_unit_test(test_contract),
        cmocka_unit_test(test_bad),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bom_crlf),   cmocka_unit_test(test_edits),
        cmocka_unit_test(test_layouts),    cmocka_unit_test(test_edit_errors),
        cmocka_unit_test(test_edit_texts), cmocka_unit_test(test_exemplars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
