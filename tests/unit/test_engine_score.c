/*
 * engine_score: values against the naive network; the same bits alone, in any batch, after any
 * prefix, after eviction, with any number of threads; sharing, cancelling, turns.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/clock.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/engine_naive.h"

enum { TEXTS = 12, LONGEST = 200, OPTIONS = 3, OPTION_LONGEST = 4 };

/* Texts, options and what was found for them. */
struct sheet {
    int32_t ids[TEXTS][LONGEST];
    size_t n[TEXTS];
    struct score_request requests[TEXTS];
    struct score_result results[TEXTS];
    double options[TEXTS][OPTIONS];
    double tokens[TEXTS][LONGEST];
};

static const int32_t option_ids[OPTIONS][OPTION_LONGEST] = {{7}, {9, 4, 4, 30}, {7, 8}};
static const struct token_run option_runs[OPTIONS] = {
    {option_ids[0], 1}, {option_ids[1], 4}, {option_ids[2], 2}};

static void make_sheet(struct sheet *sheet)
{
    static const size_t lengths[TEXTS] = {1, 2, 16, 17, 31, 32, 33, 64, 65, 100, 150, 200};
    static const size_t shared[TEXTS] = {0, 1, 7, 16, 20, 32, 20, 20, 64, 65, 0, 100};

    memset(sheet, 0, sizeof(*sheet));
    for (size_t t = 0; t < TEXTS; t++) {
        sheet->n[t] = lengths[t];
        fixture_text(sheet->ids[t], lengths[t], shared[t], t);
        sheet->requests[t] = (struct score_request){.prompt = {sheet->ids[t], lengths[t]},
                                                    .options = option_runs,
                                                    .n_options = t % 3 ? OPTIONS : 0,
                                                    .n_top = (int)t,
                                                    .all = t % 2 == 1,
                                                    .first_scored = 1 + t / 2};
        sheet->results[t].option_logprobs = sheet->options[t];
        sheet->results[t].token_logprobs = sheet->tokens[t];
    }
}

static void score(struct engine *engine, struct sheet *sheet, size_t first, size_t n)
{
    struct error err = {0};

    if (engine_score(engine, POOL_PROBE, sheet->requests + first, sheet->results + first, n, NULL,
                     &err) != 0)
        fail_msg("%s", err.text);
}

static void assert_same_bits(const struct sheet *a, const struct sheet *b, const char *when)
{
    for (size_t t = 0; t < TEXTS; t++) {
        if (memcmp(a->options[t], b->options[t], sizeof(a->options[t])) != 0 ||
            memcmp(a->tokens[t], b->tokens[t], sizeof(a->tokens[t])) != 0 ||
            memcmp(a->results[t].top, b->results[t].top, sizeof(a->results[t].top)) != 0 ||
            a->results[t].logsumexp != b->results[t].logsumexp)
            fail_msg("text %zu has other bits %s", t, when);
    }
}

/* Each text alone in a new engine: what everything else is compared with. */
static void score_alone(struct sheet *sheet)
{
    make_sheet(sheet);
    for (size_t t = 0; t < TEXTS; t++) {
        struct fixture fixture;

        fixture_init(&fixture, 1, 0);
        score(fixture.engine, sheet, t, 1);
        assert_int_equal(sheet->results[t].reused, 0);
        fixture_release(&fixture);
    }
}

static double naive_logprob(const double *logits, int32_t id, double *logsumexp)
{
    double max = -INFINITY, sum = 0;

    for (int i = 0; i < FIXTURE_VOCAB; i++)
        max = fmax(max, logits[i]);
    for (int i = 0; i < FIXTURE_VOCAB; i++)
        sum += exp(logits[i] - max);
    *logsumexp = max + log(sum);
    return logits[id] - *logsumexp;
}

/* In float: as tiny_llama.json accepts it. */
static void assert_close(double x, double want)
{
    assert_float_equal(x, want, 2e-4 * fmax(1, fabs(want)));
}

static void test_values_are_right(void **state)
{
    static struct sheet sheet;
    static double logits[(LONGEST + OPTION_LONGEST) * FIXTURE_VOCAB];
    struct formula_net net;

    (void)state;
    score_alone(&sheet);
    formula_init(&net, &fixture_shape, false);
    for (size_t t = 0; t < TEXTS; t++) {
        const struct score_request *request = &sheet.requests[t];
        const struct score_result *result = &sheet.results[t];
        double logsumexp, best;
        int32_t ids[LONGEST + OPTION_LONGEST];

        memcpy(ids, sheet.ids[t], sizeof(sheet.ids[t]));
        naive_forward(&net, ids, sheet.n[t], logits);
        best = naive_logprob(logits + (sheet.n[t] - 1) * FIXTURE_VOCAB, 0, &logsumexp);
        assert_close(result->logsumexp, logsumexp);
        for (size_t i = request->first_scored; request->all && i < sheet.n[t]; i++) {
            double want = naive_logprob(logits + (i - 1) * FIXTURE_VOCAB, ids[i], &logsumexp);

            assert_close(sheet.tokens[t][i - request->first_scored], want);
        }
        for (int i = 0; i < request->n_top; i++) {
            const double *last = logits + (sheet.n[t] - 1) * FIXTURE_VOCAB;

            best = naive_logprob(last, result->top[i].id, &logsumexp);
            assert_close(result->top[i].logprob, best);
            assert_true(i == 0 || result->top[i].logprob <= result->top[i - 1].logprob);
        }
        for (size_t o = 0; o < request->n_options; o++) {
            double want = 0;

            memcpy(ids + sheet.n[t], option_ids[o], sizeof(option_ids[o]));
            naive_forward(&net, ids, sheet.n[t] + option_runs[o].n, logits);
            for (size_t i = 0; i < option_runs[o].n; i++)
                want += naive_logprob(logits + (sheet.n[t] + i - 1) * FIXTURE_VOCAB,
                                      option_ids[o][i], &logsumexp);
            assert_close(sheet.options[t][o], want);
        }
    }
    formula_release(&net);
}

static void test_same_bits(void **state)
{
    static struct sheet alone, other;

    (void)state;
    score_alone(&alone);
    for (int threads = 1; threads <= 4; threads *= 2) {
        struct fixture fixture;

        fixture_init(&fixture, threads, 0);
        make_sheet(&other);
        score(fixture.engine, &other, 0, TEXTS);
        assert_same_bits(&alone, &other, "in a batch");
        make_sheet(&other);
        score(fixture.engine, &other, 0, TEXTS);
        assert_same_bits(&alone, &other, "when all is cached");
        fixture_release(&fixture);

        fixture_init(&fixture, threads, 0);
        make_sheet(&other);
        for (size_t t = 0; t < TEXTS; t++)
            score(fixture.engine, &other, t, 1);
        assert_same_bits(&alone, &other, "after prefixes");
        fixture_release(&fixture);

        fixture_init(&fixture, threads, 0);
        make_sheet(&other);
        for (size_t t = TEXTS; t-- > 0;)
            score(fixture.engine, &other, t, 1);
        assert_same_bits(&alone, &other, "in the other order");
        fixture_release(&fixture);
    }
}

static void test_same_bits_after_eviction(void **state)
{
    static struct sheet alone, other;
    struct formula_net net;
    size_t page;

    (void)state;
    score_alone(&alone);
    formula_init(&net, &fixture_shape, false);
    page = tf_page_reals(&net.config) * sizeof(float);
    formula_release(&net);
    for (size_t pages = 1; pages <= 16; pages *= 4) {
        struct fixture fixture;
        struct engine_info info;

        fixture_init(&fixture, 2, pages * page);
        for (int round = 0; round < 2; round++) {
            make_sheet(&other);
            for (size_t t = 0; t < TEXTS; t += 3)
                score(fixture.engine, &other, t, 3);
            assert_same_bits(&alone, &other, "after eviction");
        }
        engine_get_info(fixture.engine, &info);
        assert_true(info.kv_bytes <= pages * page);
        fixture_release(&fixture);
    }
}

/* More texts than one round or pass holds. */
static void test_many_texts(void **state)
{
    enum { MANY = 60, N = 150 };
    static int32_t ids[MANY][N];
    static struct score_request requests[MANY];
    static struct score_result results[MANY], one;
    struct fixture fixture, single;
    size_t computed = 0;
    struct error err = {0};

    (void)state;
    fixture_init(&fixture, 2, 0);
    fixture_init(&single, 1, 0);
    for (size_t i = 0; i < MANY; i++) {
        fixture_text(ids[i], N, 40 + i % 5, i);
        requests[i] = (struct score_request){.prompt = {ids[i], N}, .n_top = 3};
    }
    assert_int_equal(
        engine_score(fixture.engine, POOL_BACKGROUND, requests, results, MANY, NULL, &err), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(
            engine_score(single.engine, POOL_PROBE, &requests[i], &one, 1, NULL, &err), 0);
        assert_memory_equal(one.top, results[i].top, sizeof(one.top));
        assert_int_equal(results[i].computed + results[i].reused, N);
        computed += results[i].computed;
    }
    /* 40 tokens are shared by all. */
    assert_true(computed <= MANY * (N - 40) + 40);
    fixture_release(&fixture);
    fixture_release(&single);
}

static void test_what_is_shared_is_computed_once(void **state)
{
    int32_t a[100], b[100];
    struct score_request requests[2] = {{.prompt = {a, 100}}, {.prompt = {b, 100}}};
    struct score_result results[2] = {0};
    struct fixture fixture;
    struct error err = {0};

    (void)state;
    fixture_text(a, 100, 70, 1);
    fixture_text(b, 100, 70, 2);
    fixture_init(&fixture, 1, 0);
    assert_int_equal(engine_cached(fixture.engine, requests[0].prompt), 0);
    assert_int_equal(engine_score(fixture.engine, POOL_PROBE, requests, results, 2, NULL, &err), 0);
    assert_int_equal(results[0].computed + results[1].computed, 130);
    assert_int_equal(results[0].reused + results[1].reused, 70);
    assert_int_equal(engine_cached(fixture.engine, requests[0].prompt), 99);
    assert_int_equal(engine_cached(fixture.engine, (struct token_run){b, 80}), 79);
    /* Once more: only the last token's logits are missing. */
    assert_int_equal(engine_score(fixture.engine, POOL_PROBE, requests, results, 2, NULL, &err), 0);
    assert_int_equal(results[0].computed, 1);
    assert_int_equal(results[0].reused, 99);
    /* A new tail computes the tail. */
    fixture_text(b, 100, 90, 3);
    memcpy(b, a, 90 * sizeof(*b));
    assert_int_equal(engine_score(fixture.engine, POOL_PROBE, &requests[1], results, 1, NULL, &err),
                     0);
    assert_int_equal(results[0].computed, 10);
    /* The same text twice in one call is one. */
    fixture_text(a, 100, 0, 7);
    memcpy(b, a, sizeof(a));
    assert_int_equal(engine_score(fixture.engine, POOL_PROBE, requests, results, 2, NULL, &err), 0);
    assert_int_equal(results[0].computed + results[1].computed, 100);
    assert_true(results[0].logsumexp == results[1].logsumexp);
    fixture_release(&fixture);
}

static void test_bad_requests(void **state)
{
    static int32_t ids[FIXTURE_CONTEXT + 1];
    const struct token_run option = {ids, 3};
    const struct {
        struct score_request request;
        const char *says;
    } cases[] = {
        {{.prompt = {ids, 0}}, "empty"},
        {{.prompt = {ids, FIXTURE_CONTEXT + 1}}, "longer than"},
        {{.prompt = {ids, FIXTURE_CONTEXT - 1}, .options = &option, .n_options = 1}, "context"},
        {{.prompt = {ids, 4}, .n_top = SCORE_TOP_MAX + 1}, "at most"},
        {{.prompt = {ids, 4}, .all = true, .first_scored = 0}, "first"},
        {{.prompt = {ids, 4}, .all = true, .first_scored = 5}, "first"},
    };
    struct fixture fixture;
    struct score_result result = {0};
    struct score_request request = {.prompt = {ids, 4}};
    struct error err = {0};

    (void)state;
    fixture_init(&fixture, 1, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(engine_score(fixture.engine, POOL_PROBE, &cases[i].request,
                                      &result, 1, NULL, &err),
                         -1);
        if (!strstr(err.text, cases[i].says))
            fail_msg("case %zu says: %s", i, err.text);
    }
    for (int i = 0; i < 2; i++) {
        ids[2] = i ? -1 : FIXTURE_VOCAB;
        assert_int_equal(
            engine_score(fixture.engine, POOL_PROBE, &request, &result, 1, NULL, &err), -1);
        assert_non_null(strstr(err.text, "token"));
    }
    fixture_release(&fixture);
}

/* ---- cancelling and turns ---- */

enum { LONG_TEXTS = 40, LONG = 400 };

struct background {
    struct fixture *fixture;
    struct cancel cancel;
    atomic_int calls;
    atomic_bool stop;
    int status;
    size_t which; /* of the texts, when they are the same in all calls; 0: new ones */
    double logsumexp[LONG_TEXTS];
    int differing; /* calls whose results were not those of the first */
};

static void score_long(struct background *background, size_t which)
{
    static int32_t ids[LONG_TEXTS][LONG];
    struct score_request requests[LONG_TEXTS] = {0};
    struct score_result results[LONG_TEXTS] = {0};
    struct error err;
    bool first = background->logsumexp[0] == 0, same = true;

    for (size_t i = 0; i < LONG_TEXTS; i++) {
        fixture_text(ids[i], LONG, 0, which + i);
        requests[i].prompt = (struct token_run){ids[i], LONG};
    }
    background->status = engine_score(background->fixture->engine, POOL_BACKGROUND, requests,
                                      results, LONG_TEXTS, &background->cancel, &err);
    for (size_t i = 0; i < LONG_TEXTS && background->status == 0; i++) {
        same = same && background->logsumexp[i] == results[i].logsumexp;
        background->logsumexp[i] = results[i].logsumexp;
    }
    background->differing += !first && !same;
}

/* Long calls, one after another, until told to stop. */
static void *run_background(void *arg)
{
    struct background *background = arg;

    while (!atomic_load(&background->stop) && background->status == 0) {
        int call = atomic_fetch_add(&background->calls, 1);

        score_long(background,
                   background->which ? background->which : (size_t)call * LONG_TEXTS);
    }
    return NULL;
}

static void test_cancel(void **state)
{
    static struct sheet alone, other;
    struct fixture fixture;
    struct background background = {.fixture = &fixture};
    struct cancel asked = {0};
    struct error err = {0};
    pthread_t thread;
    double start;

    (void)state;
    score_alone(&alone);
    fixture_init(&fixture, 2, 0);
    make_sheet(&other);
    cancel_ask(&asked);
    assert_int_equal(engine_score(fixture.engine, POOL_PROBE, other.requests, other.results, TEXTS,
                                  &asked, &err),
                     -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    /* Stopped at many points; what stays in the tree is right. */
    for (int round = 0; round < 20; round++) {
        atomic_store(&background.cancel.asked, false);
        atomic_store(&background.calls, 0);
        background.status = 0;
        pthread_create(&thread, NULL, run_background, &background);
        start = clock_seconds();
        while (clock_seconds() - start < 0.001 * round)
            ;
        cancel_ask(&background.cancel);
        pthread_join(thread, NULL);
        assert_int_equal(background.status, -1);
        make_sheet(&other);
        score(fixture.engine, &other, 0, TEXTS);
        assert_same_bits(&alone, &other, "after cancelled calls");
    }
    fixture_release(&fixture);
}

/* A probe is served while background calls go on; both have the bits they always have. */
static void test_probe_beside_background(void **state)
{
    static struct sheet alone, other;
    struct fixture fixture;
    struct background background = {.fixture = &fixture, .which = 3};
    pthread_t thread;

    (void)state;
    score_alone(&alone);
    /* Little is kept, so that background calls compute; the first is not disturbed. */
    fixture_init(&fixture, 2, (uint64_t)1 << 20);
    score_long(&background, background.which);
    pthread_create(&thread, NULL, run_background, &background);
    while (atomic_load(&background.calls) == 0)
        ;
    for (int round = 0; round < 20; round++) {
        make_sheet(&other);
        for (size_t t = 0; t < TEXTS; t += 4)
            score(fixture.engine, &other, t, 4);
        assert_same_bits(&alone, &other, "beside other calls");
    }
    atomic_store(&background.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(background.status, 0);
    /* Passes that were stopped and done again gave what they gave undisturbed. */
    assert_int_equal(background.differing, 0);
    fixture_release(&fixture);
}

static void test_self_test(void **state)
{
    struct error err = {0};
    struct engine_info info;
    struct fixture fixture;

    (void)state;
    if (engine_self_test(&err) != 0)
        fail_msg("%s", err.text);
    engine_build_info(NULL, &info);
    assert_true(info.blis_version[0] && info.kernel[0] && info.simd[0]);
    fixture_init(&fixture, 1, 0);
    engine_get_info(fixture.engine, &info);
    assert_int_equal(info.weight_bytes, 0);
    assert_true(info.kv_limit > 0 && info.kv_limit <= (uint64_t)4 << 30);
    assert_true(engine_peak_gflops(fixture.engine) > 0.01);
    fixture_release(&fixture);
}

static void test_int8_says_so(void **state)
{
    struct formula_net net;
    struct engine_options options = {.precision = ENGINE_INT8};
    struct engine_text text = {0};
    struct error err = {0};
    struct pool *pool = pool_new(1);

    (void)state;
    formula_init(&net, &fixture_shape, false);
    assert_null(engine_create(&net.config, &net.weights, text, pool, &options, &err));
    assert_non_null(strstr(err.text, "int8"));
    formula_release(&net);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_right),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_same_bits_after_eviction),
        cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_what_is_shared_is_computed_once),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_probe_beside_background),
        cmocka_unit_test(test_self_test),
        cmocka_unit_test(test_int8_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
