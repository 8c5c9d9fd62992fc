/*
 * engine_generate: greedy against scoring, a batch against one at a time, the sampler against
 * its definition, how texts end.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/sampler.h"
#include "tests/unit/engine_fixture.h"

enum { SEQUENCES = 9, PROMPT = 70 };

struct batch {
    int32_t ids[SEQUENCES][PROMPT];
    struct generate_request requests[SEQUENCES];
    struct generate_result results[SEQUENCES];
};

/* Some share all of the prompt, some a part, lengths differ. */
static void make_batch(struct batch *batch)
{
    memset(batch, 0, sizeof(*batch));
    for (size_t i = 0; i < SEQUENCES; i++) {
        size_t n = i < 4 ? PROMPT : PROMPT - 5 * i;

        fixture_text(batch->ids[i], n, i < 4 ? PROMPT : 20, i);
        batch->requests[i].prompt = (struct token_run){batch->ids[i], n};
        batch->requests[i].key = rng_sub(rng_key(1, "sample token", "a text"), i);
    }
    /* Two with the same prompt and the same numbers. */
    batch->requests[1].key = batch->requests[0].key;
}

static void generate(struct engine *engine, const struct sampling *sampling, struct batch *batch,
                     size_t first, size_t n)
{
    struct error err = {0};

    if (engine_generate(engine, POOL_PROBE, sampling, batch->requests + first,
                        batch->results + first, n, NULL, &err) != 0)
        fail_msg("%s", err.text);
}

static void release(struct batch *batch)
{
    for (size_t i = 0; i < SEQUENCES; i++) {
        tokens_release(&batch->results[i].ids);
        buf_release(&batch->results[i].text);
    }
}

static void assert_same(const struct batch *a, const struct batch *b)
{
    for (size_t i = 0; i < SEQUENCES; i++) {
        assert_int_equal(a->results[i].ids.n, b->results[i].ids.n);
        if (a->results[i].ids.n)
            assert_memory_equal(a->results[i].ids.ids, b->results[i].ids.ids,
                                a->results[i].ids.n * sizeof(int32_t));
        assert_string_equal(buf_str(&a->results[i].text), buf_str(&b->results[i].text));
        assert_int_equal(a->results[i].finish, b->results[i].finish);
        assert_true(a->results[i].logprob == b->results[i].logprob);
    }
}

static void test_a_batch_is_its_sequences(void **state)
{
    static const char *const stop[] = {"zz", "qa"};
    static const struct sampling samplings[] = {
        {.temperature = 0, .top_p = 1, .max_tokens = 40},
        {.temperature = 1, .top_p = 1, .max_tokens = 40},
        {.temperature = 1.5, .top_k = 20, .top_p = 1, .max_tokens = 40},
        {.temperature = 2, .top_k = 50, .top_p = 0.9, .max_tokens = 40, .stop = stop, .n_stop = 2},
    };

    (void)state;
    for (size_t s = 0; s < sizeof(samplings) / sizeof(samplings[0]); s++) {
        static struct batch alone, together;
        struct fixture fixture;

        make_batch(&alone);
        for (size_t i = 0; i < SEQUENCES; i++) {
            fixture_init(&fixture, 1, 0);
            generate(fixture.engine, &samplings[s], &alone, i, 1);
            fixture_release(&fixture);
        }
        for (int threads = 1; threads <= 4; threads *= 2) {
            fixture_init(&fixture, threads, threads == 2 ? 1 : 0);
            for (int again = 0; again < 2; again++) {
                make_batch(&together);
                generate(fixture.engine, &samplings[s], &together, 0, SEQUENCES);
                assert_same(&alone, &together);
                release(&together);
            }
            fixture_release(&fixture);
        }
        release(&alone);
    }
}

/* Greedy is what scoring calls the best next token, one after another. */
static void test_greedy_follows_the_scores(void **state)
{
    struct sampling sampling = {.temperature = 0, .top_p = 1, .max_tokens = 30};
    static struct batch batch;
    struct fixture fixture, other;
    struct generate_result *result = &batch.results[5];
    int32_t text[PROMPT + 30];
    double sum = 0;
    size_t n;

    (void)state;
    make_batch(&batch);
    fixture_init(&fixture, 2, 0);
    fixture_init(&other, 1, 0);
    generate(fixture.engine, &sampling, &batch, 0, SEQUENCES);
    n = batch.requests[5].prompt.n;
    memcpy(text, batch.ids[5], n * sizeof(*text));
    assert_true(result->ids.n > 0);
    for (size_t i = 0; i < result->ids.n; i++) {
        struct score_request request = {.prompt = {text, n + i}, .n_top = 1};
        struct score_result score = {0};

        assert_int_equal(
            engine_score(other.engine, POOL_PROBE, &request, &score, 1, NULL, NULL), 0);
        assert_int_equal(score.top[0].id, result->ids.ids[i]);
        sum += score.top[0].logprob;
        text[n + i] = result->ids.ids[i];
    }
    if (result->finish == FINISH_LENGTH)
        assert_true(sum == result->logprob);
    assert_int_equal(result->reused + result->computed, n + result->ids.n - 1 +
                                                            (result->finish == FINISH_END));
    /* What was generated is in the tree: a text that goes on from it computes its tail only. */
    {
        struct score_request request = {.prompt = {text, n + result->ids.n}};
        struct score_result score = {0};

        assert_int_equal(
            engine_score(fixture.engine, POOL_PROBE, &request, &score, 1, NULL, NULL), 0);
        assert_int_equal(score.computed, 1);
    }
    release(&batch);
    fixture_release(&fixture);
    fixture_release(&other);
}

static void test_ends(void **state)
{
    struct sampling sampling = {.temperature = 1.3, .top_p = 1, .max_tokens = 25};
    struct fixture fixture;
    static int32_t ids[FIXTURE_CONTEXT];
    struct generate_request request = {.prompt = {ids, FIXTURE_CONTEXT - 3}};
    struct generate_result result, plain;
    struct error err = {0};
    char stop_text[3] = {0};
    const char *stop[] = {stop_text};
    size_t at;

    (void)state;
    fixture_init(&fixture, 1, 0);
    fixture_text(ids, FIXTURE_CONTEXT, 0, 1);
    request.key = rng_key(3, "sample token", "ends");
    assert_int_equal(engine_generate(fixture.engine, POOL_PROBE, &sampling, &request,
                                     &result, 1, NULL, &err),
                     0);
    if (result.finish == FINISH_CONTEXT)
        assert_int_equal(result.ids.n, 3);
    tokens_release(&result.ids);
    buf_release(&result.text);
    /* A stop string made of what is generated anyway, across two tokens. */
    request.prompt.n = 40;
    assert_int_equal(
        engine_generate(fixture.engine, POOL_PROBE, &sampling, &request, &plain, 1, NULL, &err), 0);
    assert_true(plain.text.len >= 8);
    memcpy(stop_text, plain.text.data + 4, 2);
    at = (size_t)(strstr(plain.text.data, stop_text) - plain.text.data);
    sampling.stop = stop;
    sampling.n_stop = 1;
    assert_int_equal(engine_generate(fixture.engine, POOL_PROBE, &sampling, &request,
                                     &result, 1, NULL, &err),
                     0);
    assert_int_equal(result.finish, FINISH_STOP);
    assert_int_equal(result.text.len, at);
    assert_memory_equal(result.text.data, plain.text.data, at);
    assert_int_equal(result.ids.n, at + 2);
    tokens_release(&result.ids);
    buf_release(&result.text);
    tokens_release(&plain.ids);
    buf_release(&plain.text);
    sampling.max_tokens = 0;
    assert_int_equal(engine_generate(fixture.engine, POOL_PROBE, &sampling, &request,
                                     &result, 1, NULL, &err),
                     0);
    assert_int_equal(result.finish, FINISH_LENGTH);
    assert_int_equal(result.ids.n, 0);
    buf_release(&result.text);
    request.prompt.n = 0;
    assert_int_equal(engine_generate(fixture.engine, POOL_PROBE, &sampling, &request,
                                     &result, 1, NULL, &err),
                     -1);
    fixture_release(&fixture);
}

static void test_cancelled_generation(void **state)
{
    struct sampling sampling = {.temperature = 0, .top_p = 1, .max_tokens = 25};
    static struct batch batch;
    struct cancel cancel = {0};
    struct fixture fixture;
    struct error err = {0};

    (void)state;
    make_batch(&batch);
    fixture_init(&fixture, 2, 0);
    cancel_ask(&cancel);
    assert_int_equal(engine_generate(fixture.engine, POOL_PROBE, &sampling, batch.requests,
                                     batch.results, SEQUENCES, &cancel, &err),
                     -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    fixture_release(&fixture);
}

/* ---- the sampler ---- */

enum { WORDS = 6 };
static const float word_logits[WORDS] = {1.0f, 3.0f, 2.0f, 3.0f, -1.0f, 0.5f};

static void shares(const struct sampling *sampling, double out[WORDS])
{
    enum { DRAWS = 20000 };
    struct rng_key key = rng_key(5, "sample token", "shares");

    memset(out, 0, WORDS * sizeof(*out));
    for (uint64_t i = 0; i < DRAWS; i++)
        out[sample_token(word_logits, WORDS, sampling, key, i)] += 1.0 / DRAWS;
}

static void assert_shares(const struct sampling *sampling, const bool kept[WORDS])
{
    double found[WORDS], sum = 0;

    shares(sampling, found);
    for (int i = 0; i < WORDS; i++)
        sum += kept[i] ? exp((double)word_logits[i] / sampling->temperature) : 0;
    for (int i = 0; i < WORDS; i++) {
        double want = kept[i] ? exp((double)word_logits[i] / sampling->temperature) / sum : 0;

        /* 4.5 standard errors; the draws are always the same. */
        assert_float_equal(found[i], want, 4.5 * sqrt(want * (1 - want) / 20000) + 1e-12);
    }
}

static void test_sampler(void **state)
{
    /* At temperature 1 the probabilities are .396 .396 .146 .054 .033 .007 of words 1 3 2 0 5 4. */
    static const struct {
        struct sampling sampling;
        bool kept[WORDS];
    } cases[] = {
        {{.temperature = 1, .top_p = 1}, {1, 1, 1, 1, 1, 1}},
        {{.temperature = 0.5, .top_p = 1}, {1, 1, 1, 1, 1, 1}},
        {{.temperature = 1, .top_k = 1, .top_p = 1}, {0, 1, 0, 0, 0, 0}},
        {{.temperature = 1, .top_k = 3, .top_p = 1}, {0, 1, 1, 1, 0, 0}},
        {{.temperature = 1, .top_k = 99, .top_p = 1}, {1, 1, 1, 1, 1, 1}},
        {{.temperature = 1, .top_p = 0.3}, {0, 1, 0, 0, 0, 0}},
        {{.temperature = 1, .top_p = 0.6}, {0, 1, 0, 1, 0, 0}},
        {{.temperature = 1, .top_p = 0.9}, {0, 1, 1, 1, 0, 0}},
        {{.temperature = 1, .top_p = 0.95}, {1, 1, 1, 1, 0, 0}},
        {{.temperature = 1, .top_k = 4, .top_p = 0.92}, {0, 1, 1, 1, 0, 0}},
        {{.temperature = 3, .top_k = 2, .top_p = 0.999}, {0, 1, 0, 1, 0, 0}},
    };
    struct sampling greedy = {.temperature = 0, .top_k = 3, .top_p = 0.5};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_shares(&cases[i].sampling, cases[i].kept);
    assert_int_equal(sample_token(word_logits, WORDS, &greedy, rng_key(1, "a", "b"), 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_is_its_sequences),
        cmocka_unit_test(test_greedy_follows_the_scores),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_cancelled_generation),
        cmocka_unit_test(test_sampler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
