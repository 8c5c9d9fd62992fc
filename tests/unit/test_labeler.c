/* Labelers over a scripted model: what a row holds, keys, ties, cot, scores, the null test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/label/labeler.h"
#include "tests/unit/fake_lm.h"

static const char base_yaml[] =
    "name: p\n"
    "preamble: |\n  Compare.\n"
    "sample: |\n  Text: {{context}}\n  One: {{first}}\n  Two: {{second}}\n"
    "cot: {ending: \"Why?\"}\n"
    "ending: \"Better=\"\n";
static const char direct_yaml[] =
    "name: d\nsample: |\n  Text: {{context}}\n  One: {{first}}\nending: \"Score=\"\n"
    "options: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\", \"10\"]\n";

struct bench {
    struct model model;
    struct engine engine;
    struct pair pair;
    char context[64], a[64], b[64];
};

static void bench_init(struct bench *t)
{
    memset(t, 0, sizeof *t);
    fake_model_init(&t->model, 100000);
    fake_engine_init(&t->engine, &t->model);
    snprintf(t->context, sizeof t->context, "%s", "a post");
    snprintf(t->a, sizeof t->a, "%s", "short");
    snprintf(t->b, sizeof t->b, "%s", "rather long");
    t->pair = (struct pair){.id = 9,
                            .set_id = 1,
                            .num = 3,
                            .context = t->context,
                            .a = t->a,
                            .b = t->b,
                            .gold_a = NAN,
                            .gold_b = NAN};
}

static struct prompt *parse(const char *yaml, const char *field, const char *value)
{
    struct error err;
    struct prompt *p = prompt_parse(yaml, strlen(yaml), "p.yaml", &err);
    if (!p)
        fail_msg("%d:%d: %s", (int)err.line, (int)err.column, err.text);
    if (!field)
        return p;
    struct prompt *q = prompt_set(p, field, value, &err);
    if (!q)
        fail_msg("%s", err.text);
    prompt_free(p);
    return q;
}

static struct labeler *labeler_of(struct bench *t, struct prompt *p, uint64_t seed)
{
    struct error err;
    struct labeler_options options = {.seed = seed};
    struct labeler *l = labeler_model_new(&t->engine, &t->model, p, &options, &err);
    if (!l)
        fail_msg("%s", err.text);
    return l;
}

/* Asks one question and takes the answer over. */
static struct answer ask(struct labeler *l, const struct pair *pair, enum order order, int repeat)
{
    struct error err;
    struct question q;
    const struct question *list[] = {&q};
    struct answer answer;
    enum labeler_failure failure;
    if (labeler_prepare(l, pair, order, repeat, &q, &err) || labeler_submit(l, list, 1, &err) ||
        labeler_collect(l, &answer, 1, NULL, &failure, &err) != 1)
        fail_msg("%s", err.text);
    assert_ptr_equal(answer.question, &q);
    assert_int_equal(answer.label.order, order);
    assert_int_equal(answer.label.pair_id, pair->id);
    assert_memory_equal(answer.label.key, q.key, 32);
    question_release(&q);
    answer.question = NULL;
    return answer;
}

/* ---- scripts for the model ---- */

/* The last label word decides: "1" gets p, "2" 0.9 - p of the mass, the rest shares 0.1. */
struct script {
    double one, two, ten; /* ten: of "0" behind "1" */
    bool by_text;         /* "1" is likelier when the first response is the longer one */
};

static double scripted(void *ctx, const int32_t *ids, size_t n, int32_t next)
{
    struct script *s = ctx;
    double one = s->one, two = s->two;
    if (n && ids[n - 1] == FAKE_BYTE + '1')
        return next == FAKE_BYTE + '0' ? log(s->ten) : log((1 - s->ten) / (FAKE_VOCAB - 1));
    if (s->by_text) {
        /* "One: rather" shows the long one first. */
        bool first = false;
        for (size_t i = 0; i + 10 < n; i++)
            if (ids[i] == FAKE_BYTE + 'O' && ids[i + 1] == FAKE_BYTE + 'n' &&
                ids[i + 5] == FAKE_BYTE + 'r')
                first = true;
        if (!first) {
            one = s->two;
            two = s->one;
        }
    }
    if (next == FAKE_BYTE + '1')
        return log(one);
    if (next == FAKE_BYTE + '2')
        return log(two);
    return log((1 - one - two) / (FAKE_VOCAB - 2));
}

static void test_row(void **state)
{
    (void)state;
    struct bench t;
    struct script script = {.one = 0.6, .two = 0.3, .ten = 0.1, .by_text = true};
    bench_init(&t);
    t.engine.logprob = scripted;
    t.engine.ctx = &script;
    struct labeler *l = labeler_of(&t, parse(base_yaml, NULL, NULL), 0);
    assert_string_equal(labeler_name(l), "model:fake");
    assert_int_equal(labeler_repeats(l), 1);
    assert_false(labeler_caps(l)->pointwise);
    struct answer ab = ask(l, &t.pair, ORDER_AB, 0), ba = ask(l, &t.pair, ORDER_BA, 0);
    /* b is the long one: it is preferred wherever it stands. */
    assert_int_equal(ab.label.slot, SLOT_2);
    assert_int_equal(ba.label.slot, SLOT_1);
    assert_float_equal(ba.label.p_first, 2.0 / 3, 1e-12);
    assert_float_equal(ab.label.p_first, 1.0 / 3, 1e-12);
    assert_float_equal(ba.label.logprobs[0], log(0.6), 1e-12);
    assert_float_equal(ba.label.outside, 0.1, 1e-12);
    assert_int_equal(ab.label.n_options, 2);
    assert_int_equal(ab.label.n_top, LABEL_TOP);
    assert_string_equal(ab.label.top[0].text, "1");
    assert_int_equal(ab.kind, ANSWER_VERDICT);
    assert_null(ab.label.error);
    assert_int_equal(ab.label.seed, 1);
    assert_true(ab.label.tokens > 30);
    assert_true(isnan(ab.label.score));
    label_release(&ab.label);
    label_release(&ba.label);
    labeler_free(l);
    /* Asked for the worse one, the label is turned round; the log-probs stay what they were. */
    l = labeler_of(&t, parse(base_yaml, "polarity", "worse"), 0);
    ab = ask(l, &t.pair, ORDER_AB, 0);
    assert_int_equal(ab.label.slot, SLOT_1);
    assert_float_equal(ab.label.p_first, 2.0 / 3, 1e-12);
    assert_float_equal(ab.label.logprobs[0], log(0.3), 1e-12);
    label_release(&ab.label);
    labeler_free(l);
}

static void test_ties(void **state)
{
    (void)state;
    struct bench t;
    struct script script = {.one = 0.4, .two = 0.4};
    bench_init(&t);
    t.engine.logprob = scripted;
    t.engine.ctx = &script;
    struct labeler *l = labeler_of(&t, parse(base_yaml, NULL, NULL), 0);
    struct answer x = ask(l, &t.pair, ORDER_AB, 0);
    assert_int_equal(x.kind, ANSWER_TIE);
    assert_int_equal(x.label.slot, SLOT_TIE);
    assert_float_equal(x.label.p_first, 0.5, 0);
    label_release(&x.label);
    /* No probability at all: invalid, with the reason, never half. */
    script.one = script.two = 0;
    x = ask(l, &t.pair, ORDER_AB, 0);
    assert_int_equal(x.kind, ANSWER_INVALID);
    assert_int_equal(x.label.slot, SLOT_NONE);
    assert_true(isnan(x.label.p_first));
    assert_non_null(strstr(x.label.error, "neither option"));
    label_release(&x.label);
    labeler_free(l);
    /* A third option is the tie. */
    l = labeler_of(&t, parse(base_yaml, "options", "[\"1\", \"2\", \"3\"]"), 0);
    script.one = 0.001;
    script.two = 0.002;
    x = ask(l, &t.pair, ORDER_AB, 0);
    assert_int_equal(x.label.n_options, 3);
    assert_int_equal(x.kind, ANSWER_TIE);
    assert_float_equal(x.label.p_first, 1.0 / 3, 1e-12);
    label_release(&x.label);
    labeler_free(l);
}

/* A blank that all options begin with counts, and the best tokens are those behind it. */
static void test_shared_blank(void **state)
{
    (void)state;
    struct bench t;
    struct script script = {.one = 0.6, .two = 0.3};
    bench_init(&t);
    t.engine.logprob = scripted;
    t.engine.ctx = &script;
    struct labeler *l = labeler_of(&t, parse(base_yaml, "ending", "Better:"), 0);
    struct answer x = ask(l, &t.pair, ORDER_AB, 0);
    double blank = 0.1 / (FAKE_VOCAB - 2);
    assert_float_equal(x.label.logprobs[0], log(blank * 0.6), 1e-12);
    assert_float_equal(x.label.logprobs[1], log(blank * 0.3), 1e-12);
    assert_float_equal(x.label.p_first, 2.0 / 3, 1e-12);
    assert_float_equal(x.label.outside, 1 - 0.9 * blank, 1e-12);
    assert_string_equal(x.label.top[0].text, "1");
    assert_float_equal(x.label.top[0].logprob, x.label.logprobs[0], 1e-12);
    label_release(&x.label);
    labeler_free(l);
}

/* Swapping the responses is the other order. */
static void test_swap(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t);
    struct pair swapped = t.pair;
    swapped.a = t.pair.b;
    swapped.b = t.pair.a;
    struct labeler *l = labeler_of(&t, parse(base_yaml, NULL, NULL), 0);
    for (int order = 0; order < 2; order++) {
        struct answer x = ask(l, &t.pair, order, 0), y = ask(l, &swapped, 1 - order, 0);
        assert_memory_equal(x.label.logprobs, y.label.logprobs, sizeof x.label.logprobs[0] * 2);
        assert_int_equal(x.label.slot, y.label.slot);
        label_release(&x.label);
        label_release(&y.label);
    }
    labeler_free(l);
}

/* A batch gives the rows that single calls give. */
static void test_batch(void **state)
{
    (void)state;
    struct bench t;
    struct error err;
    bench_init(&t);
    struct labeler *l = labeler_of(&t, parse(base_yaml, "cot.on", "true"), 0);
    struct question q[4];
    const struct question *list[4];
    struct answer answers[4];
    enum labeler_failure failure;
    struct pair other = t.pair;
    other.a = t.context;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(labeler_prepare(l, i < 2 ? &t.pair : &other, i % 2, 0, &q[i], &err), 0);
        list[i] = &q[i];
    }
    assert_int_equal(labeler_submit(l, list, 4, &err), 0);
    size_t calls = t.engine.score_calls;
    assert_int_equal(labeler_collect(l, answers, 4, NULL, &failure, &err), 4);
    assert_int_equal(t.engine.score_calls, calls + 1);
    assert_int_equal(labeler_collect(l, answers, 4, NULL, &failure, &err), 0);
    for (int i = 0; i < 4; i++) {
        struct answer one = ask(l, q[i].pair, q[i].order, 0);
        assert_memory_equal(one.label.logprobs, answers[i].label.logprobs, 2 * sizeof(double));
        assert_string_equal(one.label.rationale, answers[i].label.rationale);
        label_release(&one.label);
        label_release(&answers[i].label);
        question_release(&q[i]);
    }
    /* Cancelled, and failed: nothing is answered, nothing is left behind. */
    struct cancel cancel = {.asked = true};
    assert_int_equal(labeler_prepare(l, &t.pair, 0, 0, &q[0], &err), 0);
    assert_int_equal(labeler_submit(l, list, 1, &err), 0);
    assert_int_equal(labeler_collect(l, answers, 4, &cancel, &failure, &err), -1);
    assert_int_equal(failure, LABELER_CANCELLED);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    assert_int_equal(labeler_collect(l, answers, 4, NULL, &failure, &err), 0);
    t.engine.fail_after = 0;
    assert_int_equal(labeler_submit(l, list, 1, &err), 0);
    assert_int_equal(labeler_collect(l, answers, 4, NULL, &failure, &err), -1);
    assert_int_equal(failure, LABELER_STOP);
    question_release(&q[0]);
    labeler_free(l);
}

static const char *write_long(void *ctx, const int32_t *ids, size_t n, struct rng_key key)
{
    static char text[64];
    (void)ids;
    (void)n;
    ++*(int *)ctx;
    snprintf(text, sizeof text, " reason %016llx <|im_end|>", (unsigned long long)rng_bits(key, 0));
    return text;
}

/* A rationale for each order and sample, each a row of its own; the second pass reads it
 * as plain text. */
static void test_cot(void **state)
{
    (void)state;
    struct bench t;
    int written = 0;
    bench_init(&t);
    t.engine.write = write_long;
    t.engine.ctx = &written;
    struct prompt *p = parse(base_yaml, "cot.on", "true");
    struct error err;
    struct prompt *q = prompt_set(p, "decode.samples", "3", &err);
    struct prompt *r = prompt_set(q, "decode.temperature", "0.7", &err);
    assert_non_null(r);
    prompt_free(p);
    prompt_free(q);
    struct labeler *l = labeler_of(&t, r, 5);
    assert_int_equal(labeler_repeats(l), 3);
    assert_true(labeler_caps(l)->generates);
    char *seen[6];
    for (int i = 0; i < 6; i++) {
        struct answer x = ask(l, &t.pair, i % 2, i / 2);
        assert_int_equal(x.kind, ANSWER_VERDICT);
        assert_int_equal(x.label.repeat, i / 2);
        seen[i] = x.label.rationale;
        x.label.rationale = NULL;
        for (int k = 0; k < i; k++)
            assert_string_not_equal(seen[i], seen[k]);
        label_release(&x.label);
    }
    /* The same question again draws the same. */
    struct answer again = ask(l, &t.pair, 1, 2);
    assert_string_equal(again.label.rationale, seen[5]);
    label_release(&again.label);
    for (int i = 0; i < 6; i++)
        free(seen[i]);
    assert_int_equal(written, 7);
    labeler_free(l);
}

static void test_direct(void **state)
{
    (void)state;
    struct bench t;
    struct script script = {.one = 0.5, .two = 0.2, .ten = 0.4};
    bench_init(&t);
    t.engine.logprob = scripted;
    t.engine.ctx = &script;
    struct labeler *l = labeler_of(&t, parse(direct_yaml, NULL, NULL), 0);
    assert_memory_equal(labeler_name(l), "direct:", 7);
    assert_true(labeler_caps(l)->pointwise);
    struct answer x = ask(l, &t.pair, ORDER_AB, 0);
    /* "1" keeps what "10" does not take: .3 and .2; 3..9 share .3 of 268 other tokens. */
    double rest = 0.3 / (FAKE_VOCAB - 2), sum = 0.3 + 0.2 + 0.2 + 7 * rest;
    double mean = (1 * 0.3 + 2 * 0.2 + 10 * 0.2 + (3 + 4 + 5 + 6 + 7 + 8 + 9) * rest) / sum;
    assert_float_equal(x.label.score, (mean - 5.5) / 4.5, 1e-12);
    assert_float_equal(x.label.outside, 1 - sum, 1e-12);
    assert_int_equal(x.label.n_options, 10);
    assert_float_equal(x.label.logprobs[0], log(0.5), 1e-12);
    assert_float_equal(x.label.logprobs[9], log(0.5 * 0.4), 1e-12);
    assert_int_equal(x.label.slot, SLOT_NONE);
    assert_true(isnan(x.label.p_first));
    label_release(&x.label);
    labeler_free(l);
    l = labeler_of(&t, parse(direct_yaml, "polarity", "worse"), 0);
    x = ask(l, &t.pair, ORDER_BA, 0);
    assert_float_equal(x.label.score, -(mean - 5.5) / 4.5, 1e-12);
    label_release(&x.label);
    labeler_free(l);
}

static void test_expected(void **state)
{
    (void)state;
    int32_t one[] = {1}, two[] = {2}, ten[] = {1, 0}, hundred[] = {1, 0, 0};
    const struct tokens options[] = {{one, 1, 1}, {two, 1, 1}, {ten, 2, 2}, {hundred, 3, 3}};
    double lp[] = {log(0.5), log(0.25), log(0.3), log(0.1)}, outside;
    /* .2, .25, .2, .1 of 1: nothing is counted twice. */
    double s = score_expected(lp, options, 4, &outside);
    assert_float_equal(outside, 0.25, 1e-12);
    assert_float_equal(s, 2 * ((0.2 * 1 + 0.25 * 2 + 0.2 * 3 + 0.1 * 4) / 0.75 - 1) / 3 - 1, 1e-12);
    double even[] = {log(0.1), log(0.1)};
    assert_float_equal(score_expected(even, options, 2, &outside), 0, 1e-12);
    double none[] = {-INFINITY, -INFINITY};
    assert_true(isnan(score_expected(none, options, 2, &outside)));
    assert_float_equal(outside, 1, 0);
}

static void test_likelihood(void **state)
{
    (void)state;
    struct bench t;
    struct error err;
    bench_init(&t);
    struct labeler *l = labeler_likelihood_new(&t.engine, &t.model, "P {{context}} S:", NULL, &err);
    assert_non_null(l);
    assert_memory_equal(labeler_name(l), "likelihood:", 11);
    struct answer x = ask(l, &t.pair, ORDER_BA, 0);
    /* By hand: the bytes of " rather long" behind both texts. */
    double sums[2] = {0, 0};
    static const char *const heads[] = {"P a post S:", "P  S:"};
    for (int k = 0; k < 2; k++) {
        struct tokens ids = {0};
        struct buf text;
        buf_init(&text, 0);
        buf_addf(&text, "%s rather long", heads[k]);
        model_encode(&t.model, buf_str(&text), text.len, &ids, NULL);
        double lp[64];
        size_t first = strlen(heads[k]);
        struct score_request request = {
            .prompt = {ids.ids, ids.n}, .all = true, .first_scored = first};
        struct score_result result = {.token_logprobs = lp};
        assert_int_equal(engine_score(&t.engine, 0, &request, &result, 1, NULL, &err), 0);
        assert_int_equal(ids.n - first, 12);
        for (int i = 0; i < 12; i++)
            sums[k] += lp[i];
        tokens_release(&ids);
        buf_release(&text);
    }
    assert_float_equal(x.label.score_sum, sums[0], 1e-12);
    assert_float_equal(x.label.score, sums[0] / 12, 1e-12);
    assert_float_equal(x.label.score_gain, (sums[0] - sums[1]) / 12, 1e-12);
    label_release(&x.label);
    t.b[0] = 0;
    x = ask(l, &t.pair, ORDER_BA, 0);
    assert_int_equal(x.kind, ANSWER_INVALID);
    assert_non_null(strstr(x.label.error, "empty"));
    label_release(&x.label);
    labeler_free(l);
    assert_null(labeler_likelihood_new(&t.engine, &t.model, "no post", NULL, &err));
    assert_null(labeler_likelihood_new(&t.engine, &t.model, "{{context}} {{first}}", NULL, &err));
    assert_null(labeler_likelihood_new(&t.engine, &t.model, "{{contxt}}", NULL, &err));
    assert_non_null(strstr(err.hint, "{{context}}"));
}

static void test_too_long(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t);
    t.model.info.context = 40;
    struct labeler *l = labeler_of(&t, parse(base_yaml, NULL, NULL), 0);
    struct answer x = ask(l, &t.pair, ORDER_AB, 0);
    assert_int_equal(x.kind, ANSWER_INVALID);
    assert_non_null(strstr(x.label.error, "even without the post"));
    assert_int_equal(t.engine.score_calls, 0);
    label_release(&x.label);
    labeler_free(l);
    t.model.info.context = 70;
    snprintf(t.context, sizeof t.context, "%s", "one\ntwo\nthree\n");
    l = labeler_of(&t, parse(base_yaml, NULL, NULL), 0);
    x = ask(l, &t.pair, ORDER_AB, 0);
    assert_int_equal(x.kind, ANSWER_VERDICT);
    assert_true(x.label.cut_lines > 0);
    assert_true(t.engine.largest <= 70);
    label_release(&x.label);
    labeler_free(l);
}

/* ---- keys ---- */

static void key_of(struct bench *t, struct prompt *p, uint64_t seed, enum order order,
                   int repeat, char hex[65])
{
    struct error err;
    struct question q;
    struct labeler *l = labeler_of(t, p, seed);
    assert_int_equal(labeler_prepare(l, &t->pair, order, repeat, &q, &err), 0);
    hash_hex(q.key, hex);
    question_release(&q);
    labeler_free(l);
}

/*
 * A change of these would orphan every label ever stored: they may not change. Made by
 * hashlib from the layout: text = u64 1, u64 length, bytes; numbers little-endian 64
 * bits.
 */
static void test_key_golden(void **state)
{
    (void)state;
    struct bench t;
    char hex[65];
    bench_init(&t);
    key_of(&t, parse(base_yaml, NULL, NULL), 1, ORDER_AB, 0, hex);
    assert_string_equal(hex, "3174c3fc79725aff042a99a8de741343f34921d2c8a55743aec24f7cc4a10470");
    key_of(&t, parse(base_yaml, "cot.on", "true"), 7, ORDER_BA, 2, hex);
    assert_string_equal(hex, "61169ec7729161f3c9a7a3c7f89a06ebd4387701f23b57267ef0b49474390ded");
    key_of(&t, parse(direct_yaml, NULL, NULL), 1, ORDER_AB, 0, hex);
    assert_string_equal(hex, "1b5f3ef203fec52368d004b4e77d948d31058bd4cf6970a1addbf567b9d75578");
}

/* Everything that the answer depends on is in the key; what it does not depend on is not. */
static void test_key_differs(void **state)
{
    (void)state;
    static const struct { const char *field, *value; bool differs;
    } rows[] = {
        {"name", "other", false},      {"task", "helpful", false},
        {"system", "x", false},        {"preamble", "x", true},
        {"ending", "x", true},         {"style", "chat", true},
        {"polarity", "worse", true},   {"options", "[\"A\", \"B\"]", true},
        {"cot.on", "true", true},      {"cot.max_tokens", "9", false},
        {"cot.ending", "x", false},    {"decode.temperature", "0.5", true},
        {"decode.top_k", "5", true},   {"decode.top_p", "0.5", true},
        {"decode.samples", "2", true}, {"sample", "{{context}}{{first}}{{second}}", true},
    };
    struct bench t;
    char base[65], hex[65];
    bench_init(&t);
    key_of(&t, parse(base_yaml, NULL, NULL), 1, ORDER_AB, 0, base);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        key_of(&t, parse(base_yaml, rows[i].field, rows[i].value), 1, ORDER_AB, 0, hex);
        if ((strcmp(base, hex) != 0) != rows[i].differs)
            fail_msg("%s %s the key", rows[i].field,
                     rows[i].differs ? "must change" : "must not change");
    }
    static const struct {
        uint64_t seed;
        enum order order;
        int repeat;
    } calls[] = {{2, 0, 0}, {1, 1, 0}, {1, 0, 1}};
    for (size_t i = 0; i < 3; i++) {
        key_of(&t, parse(base_yaml, NULL, NULL), calls[i].seed, calls[i].order,
               calls[i].repeat, hex);
        assert_string_not_equal(base, hex);
    }
    /* The second pass's texts are in it when there is one. */
    struct prompt *cot = parse(base_yaml, "cot.on", "true");
    key_of(&t, parse(cot->yaml, NULL, NULL), 1, ORDER_AB, 0, base);
    static const char *const cot_fields[][2] = {{"ending", "x"},
                                                {"cot.max_tokens", "9"},
                                                {"cot.ending", "x"},
                                                {"cot.stop", "[\"x\"]"}};
    for (size_t i = 0; i < 4; i++) {
        key_of(&t, parse(cot->yaml, cot_fields[i][0], cot_fields[i][1]), 1, ORDER_AB, 0, hex);
        assert_string_not_equal(base, hex);
    }
    prompt_free(cot);
    snprintf(t.model.info.sha256, sizeof t.model.info.sha256, "%s", "01");
    key_of(&t, parse(base_yaml, NULL, NULL), 1, ORDER_AB, 0, hex);
    bench_init(&t);
    key_of(&t, parse(base_yaml, NULL, NULL), 1, ORDER_AB, 0, base);
    assert_string_not_equal(base, hex);
    /* Text that says the same by other bytes of the pair does not collide. */
    snprintf(t.a, sizeof t.a, "%s", "short\nTwo: rather long\n");
    key_of(&t, parse(base_yaml, NULL, NULL), 1, ORDER_AB, 0, hex);
    assert_string_not_equal(base, hex);
}

/* verdict-bad, and what is taken. */
static void test_verdicts(void **state)
{
    (void)state;
    static char one[] = " 1", two[] = " 2", tie[] = "tie";
    char *const options[] = {one, two, tie};
    static const struct { const char *text; enum answer_kind kind; enum slot slot;
    } rows[] = {
        {"1", ANSWER_VERDICT, SLOT_1},
        {" 2\n", ANSWER_VERDICT, SLOT_2},
        {"2.", ANSWER_VERDICT, SLOT_2},
        {"tie", ANSWER_TIE, SLOT_TIE},
        {"", ANSWER_INVALID, SLOT_NONE},
        {"  \n", ANSWER_INVALID, SLOT_NONE},
        {"1 or 2", ANSWER_INVALID, SLOT_NONE},
        {"\"1\"", ANSWER_INVALID, SLOT_NONE},
        {"not 1", ANSWER_INVALID, SLOT_NONE},
        {"INCORRECT", ANSWER_INVALID, SLOT_NONE},
        {"10", ANSWER_INVALID, SLOT_NONE},
        {"12", ANSWER_INVALID, SLOT_NONE},
        {"eins", ANSWER_INVALID, SLOT_NONE},
        {"I cannot judge this.", ANSWER_INVALID, SLOT_NONE},
        {"1\n2", ANSWER_INVALID, SLOT_NONE},
        {"false", ANSWER_INVALID, SLOT_NONE},
        {"TIE", ANSWER_INVALID, SLOT_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum slot slot;
        char reason[100] = "";
        enum answer_kind kind = verdict_parse(rows[i].text, strlen(rows[i].text), options,
                                              3, &slot, reason, sizeof reason);
        if (kind != rows[i].kind || slot != rows[i].slot)
            fail_msg("%s", rows[i].text);
        assert_true((kind == ANSWER_INVALID) == (reason[0] != 0));
    }
}

static void test_null(void **state)
{
    (void)state;
    struct bench t;
    struct error err;
    struct script script = {.one = 0.6, .two = 0.2};
    struct null_test test;
    bench_init(&t);
    t.engine.logprob = scripted;
    t.engine.ctx = &script;
    struct labeler *l = labeler_of(&t, parse(base_yaml, NULL, NULL), 0);
    const struct pair *pairs[] = {&t.pair, &t.pair, &t.pair, &t.pair, &t.pair};
    assert_int_equal(null_test_run(l, pairs, 5, &test, NULL, &err), 0);
    assert_int_equal(test.n, 16);
    assert_int_equal(t.engine.scored, 5 + 5 + 10 + 1);
    for (int kind = 0; kind < NULL_KINDS; kind++) {
        assert_int_equal(test.by[kind].n, kind == NULL_NOTHING ? 1 : 5);
        assert_int_equal(test.by[kind].invalid, 0);
        assert_float_equal(test.by[kind].p_first, 0.75, 1e-12);
        assert_float_equal(test.by[kind].first_rate, 1, 0);
        assert_float_equal(test.by[kind].outside, 0.2, 1e-12);
    }
    assert_ptr_equal(test.rows[0].pair, &t.pair);
    assert_null(test.rows[15].pair);
    null_test_release(&test);
    struct cancel cancel = {.asked = true};
    assert_int_equal(null_test_run(l, pairs, 5, &test, &cancel, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    labeler_free(l);
    l = labeler_of(&t, parse(direct_yaml, NULL, NULL), 0);
    assert_int_equal(null_test_run(l, pairs, 1, &test, NULL, &err), -1);
    labeler_free(l);
}

static void test_sim(void **state)
{
    (void)state;
    struct bench t;
    struct error err;
    bench_init(&t);
    struct labeler *l = labeler_sim_new("sim:gap=2,pos=.5", NULL, &err);
    assert_non_null(l);
    assert_non_null(strstr(labeler_name(l), "sim:gap=2"));
    assert_true(labeler_caps(l)->simulated);
    struct answer x = ask(l, &t.pair, ORDER_AB, 0);
    assert_int_equal(x.kind, ANSWER_INVALID); /* nobody has said which is better */
    assert_non_null(x.label.error);
    label_release(&x.label);
    t.pair.gold_a = 1;
    t.pair.gold_b = 0;
    x = ask(l, &t.pair, ORDER_AB, 0);
    struct answer y = ask(l, &t.pair, ORDER_BA, 0);
    assert_float_equal(x.label.p_first, 1 / (1 + exp(-2.5)), 1e-12);
    assert_float_equal(y.label.p_first, 1 / (1 + exp(1.5)), 1e-12);
    assert_int_equal(x.label.slot, SLOT_1);
    assert_int_equal(y.label.slot, SLOT_2);
    assert_memory_not_equal(x.label.key, y.label.key, 32);
    label_release(&x.label);
    label_release(&y.label);
    labeler_free(l);
    assert_null(labeler_sim_new("sim:gpa=2", NULL, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row),        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_swap),       cmocka_unit_test(test_shared_blank),
        cmocka_unit_test(test_batch),      cmocka_unit_test(test_cot),
        cmocka_unit_test(test_direct),     cmocka_unit_test(test_expected),
        cmocka_unit_test(test_likelihood), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_key_golden), cmocka_unit_test(test_key_differs),
        cmocka_unit_test(test_verdicts),   cmocka_unit_test(test_null),
        cmocka_unit_test(test_sim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
