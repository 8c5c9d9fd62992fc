/* The engine on networks written by an independent program: each architecture's log-probs
 * against a float64 forward pass. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "models/lm.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"

enum { MAX_N = 16 };

static char *golden(const char *name, const char *ending)
{
    const char *src = getenv("RLAIF_SRC");
    return xasprintf("%s/tests/golden/%s%s", src ? src : ".", name, ending);
}

static void check_row(struct engine *engine, const json_t *row, const char *name)
{
    int32_t ids[MAX_N];
    double token_logprobs[MAX_N];
    const json_t *list = json_object_get(row, "ids");
    const json_t *next = json_object_get(row, "next_logprobs");
    const json_t *logits = json_object_get(row, "logits_last");
    const size_t n = json_array_size(list);
    assert_in_range(n, 1, MAX_N);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    const struct score_request request = {
        .prompt = {ids, n}, .n_top = 8, .all = n > 1, .first_scored = 1};
    struct score_result result = {.token_logprobs = token_logprobs};
    struct error err = {0};
    if (engine_score(engine, POOL_BACKGROUND, &request, &result, 1, NULL, &err))
        fail_msg("%s: %s", name, err.text);
    const double lse = json_number_value(json_object_get(row, "logsumexp"));
    if (!(fabs(result.logsumexp - lse) <= 2e-3))
        fail_msg("%s, %zu tokens: logsumexp %.6f, expected %.6f", name, n,
                 result.logsumexp, lse);
    for (int i = 0; i < 8; i++) {
        const double logit =
            json_number_value(json_array_get(logits, (size_t)result.top[i].id));
        if (!(fabs(result.top[i].logprob - (logit - lse)) <= 2e-3))
            fail_msg("%s, %zu tokens, id %d: %.6f, expected %.6f", name, n,
                     result.top[i].id, result.top[i].logprob, logit - lse);
    }
    for (size_t i = 0; i + 1 < n; i++) {
        const double expected = json_number_value(json_array_get(next, i));
        if (!(fabs(token_logprobs[i] - expected) <= 2e-3))
            fail_msg("%s, token %zu: %.6f, expected %.6f", name, i + 1, token_logprobs[i],
                     expected);
    }
}

static void check_arch(const char *name)
{
    char *path = golden(name, ".gguf"), *values = golden(name, ".json");
    struct error err = {0};
    struct model *model = model_open(path, NULL, &err);
    if (!model)
        fail_msg("%s", err.text);
    struct pool *pool = pool_new(2);
    const struct engine_options options = {0};
    struct engine *engine = engine_new(model, pool, &options, &err);
    if (!engine)
        fail_msg("%s", err.text);
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(file_read(values, 1 << 20, 0, &text, &err), 0);
    json_t *json = json_parse(buf_str(&text), text.len, values, 1, &err);
    assert_non_null(json);
    const json_t *rows = json_object_get(json, "sequences");
    assert_true(json_array_size(rows) >= 3);
    for (size_t r = 0; r < json_array_size(rows); r++)
        check_row(engine, json_array_get(rows, r), name);
    json_decref(json);
    buf_release(&text);
    engine_free(engine);
    pool_free(pool);
    model_close(model);
    free(values);
    free(path);
}

static void test_llama(void **state)
{
    (void)state;
    check_arch("arch_llama");
}

static void test_qwen2(void **state)
{
    (void)state;
    check_arch("arch_qwen2");
}

static void test_qwen3(void **state)
{
    (void)state;
    check_arch("arch_qwen3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama),
        cmocka_unit_test(test_qwen2),
        cmocka_unit_test(test_qwen3),
    };
    return cmocka_run_group_tests_name("architectures", tests, NULL, NULL);
}
