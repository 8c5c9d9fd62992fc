/* The inference engine on weights in training: the same log-probabilities, refreshed after an update; weights of a model file. */
#include "tests/unit/learn_fixture.h"

#include "models/engine.h"

enum { LENGTH = 50, FIRST = 20 };

static bool is_end(const void *arg, int32_t id)
{
    (void)arg;
    return id == 0;
}

static void decode(const void *arg, int32_t id, struct buf *out)
{
    (void)arg;
    buf_addc(out, (char)('a' + id % 26));
}

static const struct engine_text plain_text = {is_end, decode, NULL};

static struct tf_config config_of(const char *arch)
{
    struct tf_config config = {.n_layers = 2,
                               .width = 40,
                               .n_heads = 4,
                               .n_kv_heads = 2,
                               .head_dim = 10,
                               .ffn = 56,
                               .vocab = 67,
                               .context = 128,
                               .rope_base = 10000,
                               .norm_eps = 1e-5,
                               .tied = strcmp(arch, "qwen2") != 0};

    snprintf(config.arch, sizeof(config.arch), "%s", arch);
    return config;
}

struct scored {
    int32_t ids[LENGTH];
    double logprobs[LENGTH];
};

static void score_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct scored *to = arg;
    struct loss_terms terms = {.id = {to->ids[FIRST + i]}, .d_logprob = {-.1}, .n = 1};
    struct loss_row row;

    (void)shard;
    loss_open(&row, logits, 1);
    to->logprobs[i] = loss_logprob(&row, terms.id[0]);
    loss_close(&row, &terms);
}

static void score_engine(struct engine *engine, const struct scored *text, double *logprobs)
{
    struct score_request request = {
        .prompt = {text->ids, LENGTH}, .all = true, .first_scored = FIRST};
    struct score_result result = {.token_logprobs = logprobs};
    struct error err = {0};

    if (engine_score(engine, POOL_BACKGROUND, &request, &result, 1, NULL, &err) != 0)
        fail_msg("%s", err.text);
}

static void test_engine(void **state)
{
    static const char *const archs[] = {"llama", "qwen2", "qwen3"};
    struct pool *pool = pool_new(2);

    (void)state;
    for (size_t a = 0; a < 3; a++) {
        struct tf_config config = config_of(archs[a]);
        struct learner *learner = learner_make(&config, LEARN_LM, BLAS_F32, pool);
        struct engine *engine = learner_engine(learner, &plain_text, NULL, NULL);
        struct learn_batch batch = {0};
        struct scored text;
        struct learn_call call = {.shards = &batch, .n_shards = 1, .row = score_row, .arg = &text};
        struct optimiser_options options;
        struct optimiser *optimiser;
        struct optimiser_report report;
        double got[LENGTH], before = 0;

        assert_non_null(engine);
        learner_init(learner, 3, .2);
        options_init(optimiser_option_table, &options);
        optimiser = optimiser_new(learner, &options, NULL);
        for (size_t i = 0; i < LENGTH; i++)
            text.ids[i] = 1 + (int32_t)rng_below(rng_key(a, "text", "engine"), i, 66);
        learn_batch_text(&batch, text.ids, LENGTH, FIRST - 1, LENGTH - 1);
        for (int step = 0; step < 3; step++) {
            assert_int_equal(learner_engine_refresh(learner, engine, NULL, NULL), 0);
            assert_int_equal(learner_grad(learner, &call, NULL), 0);
            score_engine(engine, &text, got);
            for (size_t i = 0; i < LENGTH - FIRST; i++)
                assert_true(fabs(got[i] - text.logprobs[i]) < 2e-5 * fmax(1, fabs(got[i])));
            assert_true(got[0] != before);
            before = got[0];
            assert_int_equal(optimiser_step(optimiser, 1, .01, &report, NULL), 0);
        }
        engine_free(engine);
        optimiser_free(optimiser);
        options_release(optimiser_option_table, &options);
        learn_batch_release(&batch);
        learner_free(learner);
    }
    pool_free(pool);
}

/* Refreshed after an update gives the bits of an engine that is made anew; a cancelled refresh can be made good. */
static void test_refresh(void **state)
{
    struct pool *pool = pool_new(2);
    struct tf_config config = config_of("qwen3");
    struct learner *learner = learner_make(&config, LEARN_LM, BLAS_F32, pool);
    struct engine *engine = learner_engine(learner, &plain_text, NULL, NULL), *anew;
    struct cancel cancel = {false};
    struct scored text;
    struct error err = {0};
    double first[LENGTH], second[LENGTH];

    (void)state;
    for (size_t i = 0; i < LENGTH; i++)
        text.ids[i] = 1 + (int32_t)(i * 7 % 66);
    learner_init(learner, 3, .2);
    assert_int_equal(learner_engine_refresh(learner, engine, NULL, NULL), 0);
    score_engine(engine, &text, first);
    assert_true(engine_cached(engine, (struct token_run){text.ids, LENGTH}) > 0);
    learner_init(learner, 4, .2);
    cancel_ask(&cancel);
    assert_int_equal(learner_engine_refresh(learner, engine, &cancel, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    assert_int_equal(learner_engine_refresh(learner, engine, NULL, NULL), 0);
    assert_int_equal(engine_cached(engine, (struct token_run){text.ids, LENGTH}), 0);
    score_engine(engine, &text, first);
    anew = learner_engine(learner, &plain_text, NULL, NULL);
    score_engine(anew, &text, second);
    assert_memory_equal(first, second, (LENGTH - FIRST) * sizeof(double));
    engine_free(anew);
    engine_free(engine);
    learner_free(learner);
    config.tied = true;
    learner = learner_make(&config, LEARN_SCALAR, BLAS_F32, pool);
    assert_null(learner_engine(learner, &plain_text, NULL, &err));
    learner_free(learner);
    pool_free(pool);
}

/* Weights of one network as a model's: the second computes what the first does. */
static void test_load(void **state)
{
    struct pool *pool = pool_new(1);
    struct tf_config config = config_of("qwen2");
    struct learner *from = learner_make(&config, LEARN_LM, BLAS_F32, pool);
    struct learner *to = learner_make(&config, LEARN_LM, BLAS_F64, pool), *other;
    struct tf_config llama = config;
    struct error err = {0};

    (void)state;
    learner_init(from, 3, .2);
    assert_int_equal(learner_load(to, learner_tf_weights(from), 1, &err), 0);
    for (size_t i = 0; i < learner_params(from)->count; i++)
        assert_true(number_at(from, learner_weights(from), i) == number_at(to, learner_weights(to), i));
    snprintf(llama.arch, sizeof(llama.arch), "llama");
    other = learner_make(&llama, LEARN_LM, BLAS_F32, pool);
    assert_int_equal(learner_load(other, learner_tf_weights(from), 1, &err), -1);
    assert_non_null(strstr(err.text, "layers.0.bq"));
    learner_free(other);
    llama = config;
    llama.ffn = 60;
    other = learner_make(&llama, LEARN_LM, BLAS_F32, pool);
    assert_int_equal(learner_load(other, learner_tf_weights(from), 1, &err), -1);
    assert_non_null(strstr(err.text, "layers.0.gate"));
    learner_free(other);
    learner_free(from);
    learner_free(to);
    pool_free(pool);
}

/* ---- model files ---- */

struct file_rows {
    double logprobs[32], logits[1024];
    const int32_t *ids;
    size_t n;
};

static void file_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct file_rows *to = arg;
    struct loss_row row;

    (void)shard;
    loss_open(&row, logits, 1);
    if (i + 1 < to->n)
        to->logprobs[i] = loss_logprob(&row, to->ids[i + 1]);
    for (size_t j = 0; i + 1 == to->n && j < logits->n; j++)
        to->logits[j] = logits_at(logits, j);
}

static json_t *open_file(const char *name, struct model **model)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = xasprintf("%s/tests/golden/%s.gguf", src ? src : ".", name);
    struct error err = {0};
    json_t *root;

    *model = model_open(path, NULL, &err);
    if (!*model)
        fail_msg("%s: %s", path, err.text);
    memcpy(strrchr(path, '.'), ".json", 5);
    root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    free(path);
    return root;
}

/*
 * Quantised weights, both RoPE layouts, biases, head norms, own and tied head: a learner loaded
 * from a model file gives the published forward's numbers.
 */
static void test_model_files(void **state)
{
    static const char *const files[] = {"arch_llama", "arch_qwen2", "arch_qwen3"};
    struct pool *pool = pool_new(1);

    (void)state;
    for (size_t f = 0; f < 3; f++) {
        struct model *model;
        json_t *root = open_file(files[f], &model), *sequence;
        struct learner *learner = learner_make(model_config(model), LEARN_LM, BLAS_F64, pool);
        struct error err = {0};
        size_t s;

        if (learner_load(learner, model_weights(model), 1, &err) != 0)
            fail_msg("%s: %s", files[f], err.text);
        json_array_foreach(golden_at(root, "sequences"), s, sequence)
        {
            struct learn_batch batch = {0};
            struct file_rows rows;
            double numbers[32], want[1024];
            int32_t ids[32];

            rows.n = golden_numbers(golden_at(sequence, "ids"), numbers);
            rows.ids = ids;
            for (size_t i = 0; i < rows.n; i++)
                ids[i] = (int32_t)numbers[i];
            learn_batch_text(&batch, ids, rows.n, 0, rows.n);
            assert_int_equal(learner_forward(learner, &batch, file_row, &rows, NULL, &err), 0);
            assert_true(golden_numbers(golden_at(sequence, "logits_last"), want) ==
                        (size_t)learner_config(learner)->vocab);
            for (int j = 0; j < learner_config(learner)->vocab; j++)
                assert_true(fabs(rows.logits[j] - want[j]) < 1e-6);
            golden_numbers(golden_at(sequence, "next_logprobs"), want);
            for (size_t i = 0; i + 1 < rows.n; i++)
                assert_true(fabs(rows.logprobs[i] - want[i]) < 1e-6);
            learn_batch_release(&batch);
        }
        learner_free(learner);
        model_close(model);
        json_decref(root);
    }
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_model_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
