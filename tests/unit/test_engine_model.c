/* The real model, when it is there: log-probs and greedy continuations of the reference. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/engine.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"

struct loaded {
    char cache[32]; /* all engines of the test have the kernel that the first one chose */
    struct model *model;
    struct pool *pool;
    struct engine *engine;
};

static int load(void **state)
{
    struct loaded *loaded = xcalloc(1, sizeof(*loaded));
    char *home = path_data_home();
    char *path = home ? path_join(home, "models/SmolLM2-135M-Instruct.Q4_1.gguf") : NULL;
    struct error err = {0};

    *state = loaded;
    snprintf(loaded->cache, sizeof(loaded->cache), "/tmp/rlaif-engine-XXXXXX");
    /* Under a sanitizer the real model takes minutes; the small networks run the same code. */
    if (path && file_exists(path) && !getenv("RLAIF_QUICK")) {
        struct engine_options options = {.cache_dir = mkdtemp(loaded->cache)};

        loaded->pool = pool_new(2);
        loaded->model = model_open(path, NULL, &err);
        if (loaded->model)
            loaded->engine = engine_new(loaded->model, loaded->pool, &options, &err);
        if (!loaded->engine)
            print_error("%s\n", err.text);
    }
    free(home);
    free(path);
    return 0;
}

static int unload(void **state)
{
    struct loaded *loaded = *state;
    char *file = path_join(loaded->cache, "blis-kernel");

    remove(file);
    remove(loaded->cache);
    free(file);
    engine_free(loaded->engine);
    model_close(loaded->model);
    pool_free(loaded->pool);
    free(loaded);
    return 0;
}

static struct engine *engine(void **state)
{
    struct loaded *loaded = *state;

    if (!loaded->pool)
        skip();
    assert_non_null(loaded->engine);
    return loaded->engine;
}

static json_t *golden(const char *name)
{
    const char *src = getenv("RLAIF_SRC");
    char *dir = path_join(src ? src : ".", "tests/golden"), *path = path_join(dir, name);
    struct error err = {0};
    struct buf text;
    json_t *root;

    buf_init(&text, 0);
    if (file_read(path, BUF_MAX_TEXT, 0, &text, &err) != 0)
        fail_msg("%s: %s", path, err.text);
    root = json_parse(text.data, text.len, path, 1, &err);
    assert_non_null(root);
    buf_release(&text);
    free(dir);
    free(path);
    return root;
}

static void read_ids(const json_t *list, struct tokens *out)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        tokens_add(out, (int32_t)json_integer_value(json_array_get(list, i)));
}

static void check_logits(struct engine *model, const json_t *want)
{
    const json_t *logprobs = json_object_get(want, "token_logprobs");
    const json_t *top = json_object_get(want, "top10");
    struct tokens ids = {0};
    struct score_request request = {.n_top = 10, .all = true, .first_scored = 1};
    struct score_result result = {0};
    struct error err = {0};

    read_ids(json_object_get(want, "ids"), &ids);
    if (ids.n == 0)
        return;
    request.prompt = (struct token_run){ids.ids, ids.n};
    result.token_logprobs = xcalloc(ids.n, sizeof(double));
    if (engine_score(model, POOL_PROBE, &request, &result, 1, NULL, &err) != 0)
        fail_msg("%s", err.text);
    assert_float_equal(result.logsumexp,
                       json_number_value(json_object_get(want, "last_logsumexp")), 2e-3);
    for (size_t i = 0; i < json_array_size(logprobs); i++)
        assert_float_equal(result.token_logprobs[i],
                           json_number_value(json_array_get(logprobs, i)), 2e-3);
    for (size_t i = 0; i < json_array_size(top); i++) {
        const json_t *row = json_array_get(top, i);

        assert_int_equal(result.top[i].id, json_integer_value(json_array_get(row, 0)));
        assert_float_equal(result.top[i].logprob + result.logsumexp,
                           json_number_value(json_array_get(row, 1)), 2e-3);
    }
    free(result.token_logprobs);
    tokens_release(&ids);
}

static void test_logits(void **state)
{
    struct engine *model = engine(state);
    json_t *root = golden("smollm2_logits.json");

    assert_true(json_array_size(root) > 0);
    for (size_t i = 0; i < json_array_size(root); i++)
        check_logits(model, json_array_get(root, i));
    json_decref(root);
}

/* All texts as one batch; ids are equal where the two best are not closer than 0.005. */
static void test_greedy(void **state)
{
    enum { MOST = 64 };
    struct engine *model = engine(state);
    json_t *root = golden("smollm2_greedy.json");
    size_t n = json_array_size(root);
    struct tokens prompts[MOST] = {0}, wants[MOST] = {0};
    struct generate_request requests[MOST] = {0};
    struct generate_result results[MOST];
    struct sampling sampling = {.temperature = 0, .top_p = 1};
    struct error err = {0};

    assert_true(n > 0 && n <= MOST);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(root, i);

        read_ids(json_object_get(item, "prompt_ids"), &prompts[i]);
        read_ids(json_object_get(item, "ids"), &wants[i]);
        requests[i].prompt = (struct token_run){prompts[i].ids, prompts[i].n};
        if ((int)wants[i].n > sampling.max_tokens)
            sampling.max_tokens = (int)wants[i].n;
    }
    if (engine_generate(model, POOL_PROBE, &sampling, requests, results, n, NULL, &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(root, i);
        struct tokens *want = &wants[i];
        size_t len = want->n;

        if (json_number_value(json_object_get(item, "min_top2_margin")) > 0.005) {
            /* The reference counts the end token among its ids. */
            if (results[i].finish == FINISH_END)
                len--;
            len = len < results[i].ids.n ? len : results[i].ids.n;
            assert_true(len >= want->n - 1);
            assert_memory_equal(results[i].ids.ids, want->ids, len * sizeof(int32_t));
        }
        tokens_release(&results[i].ids);
        buf_release(&results[i].text);
        tokens_release(&prompts[i]);
        tokens_release(want);
    }
    json_decref(root);
}

/* The promise of bits, on the real network: one text alone, behind a prefix, in a batch,
 * with and without a copy of the weights. */
static void test_bits(void **state)
{
    enum { TEXTS = 4, N = 120 };
    struct engine *model = engine(state);
    static int32_t ids[TEXTS][N];
    struct score_request requests[TEXTS] = {0};
    struct score_result alone[TEXTS] = {0}, batch[TEXTS] = {0};
    uint64_t copied;
    struct engine_info info;
    struct loaded *loaded = *state;
    struct engine_options options = {.cache_dir = loaded->cache};
    struct pool *pool = pool_new(1);
    struct engine *other = engine_new(loaded->model, pool, &options, NULL);

    assert_non_null(other);
    /* Without a copy of the weights: each tile decodes the file's own blocks. */
    other->no_copy = true;
    for (size_t t = 0; t < TEXTS; t++) {
        for (size_t i = 0; i < N; i++)
            ids[t][i] = (int32_t)((i * 7919 + (i < 60 ? 0 : t * 104729)) % 49152);
        requests[t] = (struct score_request){.prompt = {ids[t], N}, .n_top = 10};
        assert_int_equal(
            engine_score(other, POOL_PROBE, &requests[t], &alone[t], 1, NULL, NULL), 0);
    }
    assert_int_equal(engine_score(model, POOL_PROBE, requests, batch, TEXTS, NULL, NULL), 0);
    for (size_t t = 0; t < TEXTS; t++) {
        assert_true(alone[t].logsumexp == batch[t].logsumexp);
        assert_memory_equal(alone[t].top, batch[t].top, sizeof(alone[t].top));
    }
    engine_get_info(model, &info);
    copied = info.weight_bytes;
    engine_get_info(other, &info);
    assert_true(copied > 0 && info.weight_bytes == 0);
    assert_string_equal(info.self_test, "ok");
    engine_free(other);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_bits),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
