/*
 * Backward against central differences for every variant and odd shapes; a tree against the
 * same texts unrolled; batches, threads and shards against each other, bit by bit where that is
 * promised; frozen layers; hidden input; cancelling.
 */
#include "tests/unit/learn_fixture.h"

#include "models/learn_net.h"

static int set_up(void **state)
{
    *state = pool_new(2);
    return 0;
}

static int tear_down(void **state)
{
    pool_free(*state);
    return 0;
}

static struct tf_config shape(const char *arch, int layers, int width, int heads, int kv, int dim,
                              int ffn, int vocab, bool tied)
{
    struct tf_config config = {.n_layers = layers,
                               .width = width,
                               .n_heads = heads,
                               .n_kv_heads = kv,
                               .head_dim = dim,
                               .ffn = ffn,
                               .vocab = vocab,
                               .context = 512,
                               .rope_base = 10000,
                               .norm_eps = 1e-5,
                               .tied = tied};

    snprintf(config.arch, sizeof(config.arch), "%s", arch);
    return config;
}

/* ---- central differences ---- */

static void test_central_differences(void **state)
{
    static const float divisors[8] = {1, 1.5f, 2, 4, 8, 8, 8, 8};
    struct tf_config shapes[] = {
        shape("llama", 2, 16, 4, 2, 4, 24, 29, true),
        shape("llama", 1, 13, 3, 1, 6, 17, 31, false),
        shape("llama", 2, 32, 2, 2, 16, 40, 37, true),
        shape("qwen2", 2, 24, 4, 1, 10, 19, 23, true),
        shape("qwen3", 2, 20, 6, 3, 8, 33, 41, false),
        shape("llama", 3, 7, 1, 1, 2, 5, 11, true),
    };

    struct pool *pool = pool_new(1); /* operations this small are not worth a second thread */

    (void)state;
    shapes[2].rope_freqs = divisors;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (int head = LEARN_LM; head <= LEARN_SCALAR; head++) {
            struct learn_check check = {.limit = 1e-6, .ok = true};
            struct error err = {0};

            assert_int_equal(learn_check_shape(&shapes[i], (enum learn_head)head, 7 + i, pool,
                                               &check, NULL, &err), 0);
            if (!check.ok)
                fail_msg("shape %zu, head %d: %g at %s (%zu compared)", i, head, check.worst,
                         check.where, check.compared);
            assert_true(check.compared > 40);
        }
    pool_free(pool);
}

static void test_check_grads(void **state)
{
    struct tf_config config = shape("llama", 30, 576, 9, 3, 64, 1536, 49152, true);
    struct learn_check check;
    struct cancel cancel = {false};
    struct error err = {0};

    assert_int_equal(learner_check_grads(&config, 1, *state, &check, NULL, &err), 0);
    assert_true(check.ok);
    assert_true(check.compared > 200 && check.worst <= check.limit && check.worst > 0);
    assert_true(check.where[0] != '\0');
    cancel_ask(&cancel);
    assert_int_equal(learner_check_grads(&config, 1, *state, &check, &cancel, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
}

/* ---- a loss that any batch can have ---- */

/* Cross-entropy of a target that depends on the wanted row's number in `names`. */
struct simple {
    const size_t *names[8]; /* by shard: names of the wanted rows */
    double loss[512];       /* by name */
};

static void simple_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct simple *to = arg;
    size_t name = to->names[shard][i];
    struct loss_terms terms = {.id = {(int32_t)(name * 7 % logits->n)}, .n = 1};
    struct loss_row row;

    terms.d_logprob[0] = -0.01 * (double)(1 + name % 5);
    loss_open(&row, logits, 1);
    to->loss[name] = terms.d_logprob[0] * loss_logprob(&row, terms.id[0]);
    loss_close(&row, &terms);
}

static void simple_values(void *arg, size_t shard, double *values, size_t n)
{
    struct simple *to = arg;

    for (size_t i = 0; i < n; i++) {
        size_t name = to->names[shard][i];
        struct value_loss loss = value_loss(values[i], 0, (double)(name % 3) - 1, 0);

        to->loss[name] = loss.loss;
        values[i] = loss.d_value;
    }
}

static void grad(struct learner *learner, const struct learn_batch *shards, size_t n,
                 struct simple *simple)
{
    struct learn_call call = {
        .shards = shards, .n_shards = n, .row = simple_row, .values = simple_values, .arg = simple};
    struct error err = {0};

    if (learner_grad(learner, &call, &err) != 0)
        fail_msg("%s", err.text);
}

/* What learner_gradient holds, as doubles. */
static double *taken(struct learner *learner)
{
    size_t n = learner_params(learner)->count;
    double *out = xcalloc(n, sizeof(*out));

    for (size_t i = 0; i < n; i++)
        out[i] = number_at(learner, learner_gradient(learner), i);
    return out;
}

static void assert_close(const struct learner *learner, const double *a, const double *b, double share)
{
    const struct params *params = learner_params(learner);

    for (size_t t = 0; t < params->n; t++) {
        size_t at = params->list[t].offset, end = at + params->list[t].rows * params->list[t].cols;
        double max = 0;

        for (size_t i = at; i < end; i++)
            max = fmax(max, fabs(b[i]));
        for (size_t i = at; i < end; i++)
            if (!(fabs(a[i] - b[i]) <= share * max))
                fail_msg("%s[%zu]: %.17g, wanted %.17g (largest %g)", params->list[t].name, i - at,
                         a[i], b[i], max);
    }
}

static void make_ids(int32_t *ids, size_t n, uint64_t what, int vocab)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(rng_key(what, "ids", "learn"), i, (uint64_t)vocab);
}

/* ---- trees ---- */

enum { PROMPT = 70, SAMPLE = 37, SAMPLES = 4 };

/* A prompt of 70 tokens with four samples of 37; the second branches into two endings of 9. */
static size_t tree_batches(struct learn_batch *tree, struct learn_batch *flat, size_t *tree_names,
                           size_t *flat_names, int vocab)
{
    int32_t prompt[PROMPT], sample[SAMPLE], text[PROMPT + SAMPLE + 9];
    int root, segment;
    size_t n = 0, t = 0, f = 0;

    make_ids(prompt, PROMPT, 1, vocab);
    memcpy(text, prompt, sizeof(prompt));
    root = learn_batch_add(tree, -1, prompt, PROMPT);
    for (size_t s = 0; s < SAMPLES; s++) {
        size_t endings = s == 1 ? 2 : 1;

        make_ids(sample, SAMPLE, 2 + s, vocab);
        memcpy(text + PROMPT, sample, sizeof(sample));
        segment = learn_batch_add(tree, root, sample, SAMPLE);
        learn_batch_want(tree, root, PROMPT - 1);
        tree_names[t++] = n++;
        for (size_t i = 0; i < SAMPLE; i += 3, n++) {
            learn_batch_want(tree, segment, i);
            tree_names[t++] = n;
        }
        for (size_t e = 0; e < endings; e++) {
            size_t len = PROMPT + SAMPLE + (s == 1 ? 9 : 0);
            int whole;

            if (s == 1) {
                int ending;

                make_ids(text + PROMPT + SAMPLE, 9, 50 + e, vocab);
                ending = learn_batch_add(tree, segment, text + PROMPT + SAMPLE, 9);
                learn_batch_want(tree, ending, 8);
                tree_names[t++] = n;
            }
            whole = learn_batch_add(flat, -1, text, len);
            if (e == 0) {
                size_t first = n - (SAMPLE + 2) / 3 - 1;

                learn_batch_want(flat, whole, PROMPT - 1);
                flat_names[f++] = first++;
                for (size_t i = 0; i < SAMPLE; i += 3) {
                    learn_batch_want(flat, whole, PROMPT + i);
                    flat_names[f++] = first++;
                }
            }
            if (s == 1) {
                learn_batch_want(flat, whole, PROMPT + SAMPLE + 8);
                flat_names[f++] = n++;
            }
        }
    }
    assert_int_equal(t, f);
    assert_int_equal(t, n);
    return n;
}

static void test_tree_equals_unrolled(void **state)
{
    struct tf_config config = shape("qwen3", 2, 24, 4, 2, 10, 40, 61, true);

    for (int real = BLAS_F32; real <= BLAS_F64; real++)
        for (int head = LEARN_LM; head <= LEARN_SCALAR; head++) {
            struct learner *learner =
                learner_make(&config, (enum learn_head)head, (enum blas_real)real, *state);
            struct learn_batch tree = {0}, flat = {0};
            size_t tree_names[256], flat_names[256];
            struct simple a = {.names = {tree_names}}, b = {.names = {flat_names}};
            size_t n = tree_batches(&tree, &flat, tree_names, flat_names, config.vocab);
            double *x, *y;

            learner_init(learner, 3, 0.2);
            grad(learner, &tree, 1, &a);
            x = taken(learner);
            grad(learner, &flat, 1, &b);
            y = taken(learner);
            for (size_t i = 0; i < n; i++)
                assert_true(fabs(a.loss[i] - b.loss[i]) <= (real == BLAS_F64 ? 1e-12 : 1e-5));
            assert_close(learner, x, y, real == BLAS_F64 ? 1e-10 : 2e-4);
            free(x);
            free(y);
            learn_batch_release(&tree);
            learn_batch_release(&flat);
            learner_free(learner);
        }
}

/* ---- the same bits ---- */

static void add_text(struct learn_batch *batch, size_t *names, size_t *n, size_t first_name,
                     size_t len, uint64_t what, int vocab)
{
    int32_t ids[256] = {0};
    int segment;

    make_ids(ids, len, what, vocab);
    segment = learn_batch_add(batch, -1, ids, len);
    for (size_t i = 0; i < len; i += 2) {
        learn_batch_want(batch, segment, i);
        names[(*n)++] = first_name++;
    }
}

/* A row's loss has the same bits alone and among others; gradients add up. */
static void test_batch_equals_alone(void **state)
{
    static const size_t lengths[] = {1, 250, 7, 230, 90}; /* more rows than logits stand in memory */
    struct tf_config config = shape("llama", 2, 40, 4, 2, 10, 56, 97, true);

    for (int real = BLAS_F32; real <= BLAS_F64; real++) {
        struct learner *learner = learner_make(&config, LEARN_LM, (enum blas_real)real, *state);
        struct learn_batch together = {0}, alone[5] = {{0}};
        size_t names[512], own[5][128], counts[5] = {0}, n = 0;
        struct simple a = {.names = {names}}, b = {.names = {own[0], own[1], own[2], own[3], own[4]}};
        double *x, *y;

        learner_init(learner, 5, 0.1);
        for (size_t s = 0; s < 5; s++) {
            size_t first = n;

            add_text(&together, names, &n, first, lengths[s], 20 + s, config.vocab);
            add_text(&alone[s], own[s], &counts[s], first, lengths[s], 20 + s, config.vocab);
        }
        grad(learner, &together, 1, &a);
        x = taken(learner);
        grad(learner, alone, 5, &b);
        y = taken(learner);
        assert_memory_equal(a.loss, b.loss, n * sizeof(double));
        assert_close(learner, x, y, real == BLAS_F64 ? 1e-11 : 1e-4);
        free(x);
        free(y);
        for (size_t s = 0; s < 5; s++)
            learn_batch_release(&alone[s]);
        learn_batch_release(&together);
        learner_free(learner);
    }
}

/* Any number of threads, shards in one call or accumulated, a second call: the same bits. */
static void test_threads_and_shards(void **state)
{
    struct tf_config config = shape("qwen2", 2, 40, 4, 2, 10, 56, 97, false);
    struct pool *pools[3] = {pool_new(1), pool_new(2), pool_new(5)};
    struct learn_batch shards[3] = {{0}};
    size_t names[3][256], n = 0;
    void *first = NULL;

    (void)state;
    for (size_t s = 0; s < 3; s++) {
        size_t count = 0;

        for (size_t t = 0; t < 2 + s; t++) {
            add_text(&shards[s], names[s], &count, n, 20 + 31 * t, 9 * s + t, config.vocab);
            n += 10 + 16 * t;
        }
    }
    for (int head = LEARN_LM; head <= LEARN_SCALAR; head++) {
        for (size_t p = 0; p < 3; p++) {
            struct learner *learner = learner_make(&config, (enum learn_head)head, BLAS_F32, pools[p]);
            size_t bytes = learner_params(learner)->count * sizeof(float);
            struct simple simple = {.names = {names[0], names[1], names[2]}};
            struct learn_call call = {
                .n_shards = 1, .row = simple_row, .values = simple_values, .arg = &simple};

            learner_init(learner, 5, 0.1);
            for (int round = 0; round < 2; round++) {
                grad(learner, shards, 3, &simple);
                if (!first)
                    memcpy(first = xmalloc(bytes), learner_gradient(learner), bytes);
                assert_memory_equal(learner_gradient(learner), first, bytes);
            }
            for (size_t s = 0; s < 3; s++) {
                simple.names[0] = names[s];
                call.shards = &shards[s];
                call.accumulate = s > 0;
                assert_int_equal(learner_grad(learner, &call, NULL), 0);
            }
            assert_memory_equal(learner_gradient(learner), first, bytes);
            learner_free(learner);
        }
        free(first);
        first = NULL;
    }
    for (size_t s = 0; s < 3; s++) {
        learn_batch_release(&shards[s]);
        pool_free(pools[s]);
    }
}

static void no_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    (void)arg;
    (void)shard;
    (void)i;
    memset(logits->data, 0xff, logits->n * blas_real_size(logits->real)); /* NaN */
}

/* What a learner computed before, larger or smaller, forward alone or with bad logits, leaves no trace. */
static void test_reuse(void **state)
{
    static const size_t lengths[] = {40, 3, 200, 40, 90};
    struct tf_config config = shape("qwen3", 2, 40, 4, 2, 10, 56, 97, true);
    struct learn_batch batches[5] = {{0}};
    struct learner *used = learner_make(&config, LEARN_LM, BLAS_F32, *state);
    size_t names[5][128], bytes = learner_params(used)->count * sizeof(float);

    learner_init(used, 5, .1);
    for (size_t b = 0; b < 5; b++) {
        struct learner *fresh = learner_make(&config, LEARN_LM, BLAS_F32, *state);
        struct simple simple = {.names = {names[b]}};
        struct learn_call bad = {.shards = &batches[b], .n_shards = 1, .row = no_row};
        size_t n = 0;

        add_text(&batches[b], names[b], &n, 0, lengths[b], b, config.vocab);
        if (b % 2 == 0) /* only some rows wanted */
            batches[b].n_wanted = n / 3 + 1;
        learner_init(fresh, 5, .1);
        grad(fresh, &batches[b], 1, &simple);
        if (b == 0 || b == 3)
            assert_int_equal(learner_forward(used, &batches[b], no_row, NULL, NULL, NULL), 0);
        else
            assert_int_equal(learner_grad(used, &bad, NULL), 0);
        grad(used, &batches[b], 1, &simple);
        assert_memory_equal(learner_gradient(used), learner_gradient(fresh), bytes);
        learner_free(fresh);
    }
    for (size_t b = 0; b < 5; b++)
        learn_batch_release(&batches[b]);
    learner_free(used);
}

/* Two updates from the same state are the same, and change what the next forward gives. */
static void test_update_is_seen(void **state)
{
    struct tf_config config = shape("llama", 1, 24, 2, 1, 12, 30, 43, true);
    struct optimiser_options options;
    struct learn_batch batch = {0};
    size_t names[64], n = 0;
    double losses[2][4];

    options_init(optimiser_option_table, &options);
    options.lr = 0.003;
    add_text(&batch, names, &n, 0, 40, 3, config.vocab);
    for (int kind = OPTIMISER_ADAMW; kind <= OPTIMISER_ADAFACTOR; kind++) {
        for (int round = 0; round < 2; round++) {
            struct learner *learner = learner_make(&config, LEARN_LM, BLAS_F32, *state);
            struct optimiser *optimiser;
            struct optimiser_report report;
            struct simple simple = {.names = {names}};

            options.kind = kind;
            learner_init(learner, 5, 0);
            optimiser = optimiser_new(learner, &options, NULL);
            for (int step = 0; step < 4; step++) {
                grad(learner, &batch, 1, &simple);
                losses[round][step] = 0;
                for (size_t i = 0; i < n; i++)
                    losses[round][step] += simple.loss[i];
                assert_int_equal(optimiser_step(optimiser, losses[round][step], options.lr, &report, NULL), 0);
            }
            optimiser_free(optimiser);
            learner_free(learner);
        }
        assert_memory_equal(losses[0], losses[1], sizeof(losses[0]));
        for (int step = 1; step < 4; step++)
            assert_true(losses[0][step] < losses[0][step - 1]);
    }
    learn_batch_release(&batch);
    options_release(optimiser_option_table, &options);
}

/* ---- what can go wrong ---- */

static void test_bad_batches(void **state)
{
    struct tf_config config = shape("llama", 2, 16, 4, 2, 4, 24, 29, true);
    struct learner *learner = learner_make(&config, LEARN_LM, BLAS_F32, *state);
    struct learn_batch batch = {0};
    struct simple simple = {0};
    struct learn_call call = {.shards = &batch, .n_shards = 1, .row = simple_row, .arg = &simple};
    struct learner_options frozen = {.head = LEARN_LM, .first_layer = 1};
    struct cancel cancel = {false};
    int32_t ids[600] = {0};
    size_t names[1] = {0};
    struct error err = {0};

    simple.names[0] = names;
    assert_int_equal(learner_grad(learner, &call, &err), -1);
    learn_batch_text(&batch, ids, 600, 0, 1);
    assert_int_equal(learner_grad(learner, &call, &err), -1);
    assert_non_null(strstr(err.text, "context"));
    learn_batch_clear(&batch);
    ids[1] = 29;
    learn_batch_text(&batch, ids, 5, 0, 1);
    assert_int_equal(learner_grad(learner, &call, &err), -1);
    assert_non_null(strstr(err.text, "29"));
    ids[1] = -1;
    batch.ids[1] = -1;
    assert_int_equal(learner_grad(learner, &call, &err), -1);
    batch.ids[1] = 2;
    assert_int_equal(learner_grad(learner, &call, &err), 0);
    cancel_ask(&cancel);
    call.cancel = &cancel;
    assert_int_equal(learner_grad(learner, &call, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    assert_null(learner_new(&config, &frozen, *state, &err));
    frozen.first_layer = 2;
    assert_null(learner_new(&config, &frozen, *state, &err));
    learn_batch_release(&batch);
    learner_free(learner);
}

/* Deep chains of single tokens are a text, up to a limit. */
static void test_depth(void **state)
{
    struct tf_config config = shape("llama", 1, 16, 4, 2, 4, 24, 29, true);
    struct learner *learner = learner_make(&config, LEARN_LM, BLAS_F64, *state);
    struct learn_batch chain = {0}, text = {0};
    size_t names[1] = {3};
    struct simple a = {.names = {names}}, b = {.names = {names}};
    int32_t ids[80];
    double *x, *y;
    struct error err = {0};
    struct learn_call call = {.shards = &chain, .n_shards = 1, .row = simple_row, .arg = &a};

    make_ids(ids, 80, 4, config.vocab);
    learner_init(learner, 5, 0.2);
    for (int i = 0; i < 64; i++)
        learn_batch_add(&chain, i - 1, ids + i, 1);
    learn_batch_want(&chain, 63, 0);
    learn_batch_text(&text, ids, 64, 63, 64);
    grad(learner, &chain, 1, &a);
    x = taken(learner);
    grad(learner, &text, 1, &b);
    y = taken(learner);
    assert_close(learner, x, y, 1e-10);
    learn_batch_add(&chain, 63, ids, 1);
    assert_int_equal(learner_grad(learner, &call, &err), -1);
    free(x);
    free(y);
    learn_batch_release(&chain);
    learn_batch_release(&text);
    learner_free(learner);
}

/* ---- frozen layers ---- */

/* The second layer alone, fed with what the first gives, has the second layer's gradient. */
static void test_frozen(void **state)
{
    struct tf_config config = shape("llama", 2, 24, 4, 2, 6, 40, 61, true);
    struct learner_options top_options = {.head = LEARN_SCALAR, .real = BLAS_F64, .first_layer = 1};
    struct learner *whole = learner_make(&config, LEARN_SCALAR, BLAS_F64, *state);
    struct learner *top = learner_new(&config, &top_options, *state, NULL);
    struct learn_batch batch = {0};
    size_t names[128], n = 0;
    struct simple a = {.names = {names}}, b = {.names = {names}};
    const struct params *params;

    assert_non_null(top);
    params = learner_params(top);
    learner_init(whole, 3, 0.2);
    assert_int_equal(learner_copy(top, whole, NULL), 0);
    add_text(&batch, names, &n, 0, 60, 3, config.vocab);
    grad(whole, &batch, 1, &a);
    batch.hidden = whole->net64->layers[1].entry;
    grad(top, &batch, 1, &b);
    assert_memory_equal(a.loss, b.loss, n * sizeof(double));
    assert_null(params_find(params, "embed"));
    for (size_t t = 0; t < params->n; t++) {
        const struct param *param = &params->list[t];
        const struct param *other = params_find(learner_params(whole), param->name);

        assert_non_null(other);
        assert_memory_equal((double *)learner_gradient(top) + param->offset,
                            (double *)learner_gradient(whole) + other->offset,
                            param->rows * param->cols * sizeof(double));
    }
    batch.hidden = NULL;
    learn_batch_release(&batch);
    learner_free(whole);
    learner_free(top);
}

/* ---- adapters ---- */

static double lora_loss(struct learner *learner, const struct learn_batch *batch, struct simple *simple,
                        size_t n)
{
    double *values = xcalloc(n, sizeof(*values)), sum = 0;

    assert_int_equal(learner_values(learner, batch, values, NULL, NULL), 0);
    simple_values(simple, 0, values, n);
    for (size_t i = 0; i < n; i++)
        sum += simple->loss[simple->names[0][i]];
    free(values);
    return sum;
}

/* Adapters start as nothing, have the gradient of central differences, and merge to the same network. */
static void test_lora(void **state)
{
    struct tf_config config = shape("qwen2", 2, 24, 4, 2, 6, 40, 61, true);
    struct learner *learner = learner_make(&config, LEARN_SCALAR, BLAS_F64, *state);
    struct lora_options options = {.rank = 3, .alpha = 6, .targets = (char *)"wq wv down"};
    struct learn_batch batch = {0};
    size_t names[128], n = 0, whole = learner_params(learner)->count;
    struct simple simple = {.names = {names}};
    const struct params *params;
    double before, after, *gradient, *weights;
    struct error err = {0};

    learner_init(learner, 3, .2);
    add_text(&batch, names, &n, 0, 60, 3, config.vocab);
    before = lora_loss(learner, &batch, &simple, n);
    options.targets = (char *)"wq wx";
    assert_int_equal(learner_add_lora(learner, &options, 5, &err), -1);
    assert_non_null(strstr(err.text, "wx"));
    options.targets = (char *)"wq wv down";
    assert_int_equal(learner_add_lora(learner, &options, 5, &err), 0);
    params = learner_params(learner);
    assert_int_equal(params->n, 2 * 3 * 2 + 1);
    assert_true(params->count < whole / 3);
    assert_non_null(params_find(params, "layers.1.down.lora_b"));
    assert_true(lora_loss(learner, &batch, &simple, n) == before);
    weights = learner_weights(learner);
    for (size_t i = 0; i < params->count; i++)
        weights[i] += .1 * rng_normal(rng_key(3, "lora", "test"), i);
    learner_touch(learner);
    grad(learner, &batch, 1, &simple);
    gradient = taken(learner);
    for (size_t t = 0; t < params->n; t++)
        for (size_t e = 0; e < 3; e++) {
            const struct param *param = &params->list[t];
            size_t at = param->offset + e * (param->rows * param->cols - 1) / 2;
            static const double steps[4] = {-2, -1, 1, 2}, factors[4] = {1, -8, 8, -1};
            double kept = weights[at], slope = 0;

            for (int s = 0; s < 4; s++) {
                weights[at] = kept + steps[s] * 1e-3;
                learner_touch(learner);
                slope += factors[s] * lora_loss(learner, &batch, &simple, n) / 12e-3;
            }
            weights[at] = kept;
            learner_touch(learner);
            assert_true(fabs(slope - gradient[at]) <= 1e-6 * fmax(.1, fabs(gradient[at])));
        }
    after = lora_loss(learner, &batch, &simple, n);
    assert_true(after != before);
    learner_merge_lora(learner);
    assert_int_equal(learner_params(learner)->count, whole);
    assert_true(lora_loss(learner, &batch, &simple, n) == after);
    grad(learner, &batch, 1, &simple);
    free(gradient);
    learn_batch_release(&batch);
    learner_free(learner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_central_differences),  cmocka_unit_test(test_check_grads),
        cmocka_unit_test(test_tree_equals_unrolled), cmocka_unit_test(test_batch_equals_alone),
        cmocka_unit_test(test_threads_and_shards),   cmocka_unit_test(test_update_is_seen),
        cmocka_unit_test(test_bad_batches),          cmocka_unit_test(test_depth),
        cmocka_unit_test(test_frozen),               cmocka_unit_test(test_lora),
        cmocka_unit_test(test_reuse),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
