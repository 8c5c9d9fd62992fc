/*
 * Rates of training as JSON lines: tokens a second of whole steps (forward, loss, backward,
 * AdamW), and their share of what the micro-kernel alone does in the same run. cpu_share is by
 * processor time, threads that wait included: on a machine that others use it says more.
 *
 *   bench_learn [THREADS [SECONDS [NAME]]]      seconds a figure; NAME: this figure only
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/learn.h"
#include "models/optimiser.h"
#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

struct shape {
    const char *name;
    int layers, width, heads, kv_heads, ffn, vocab;
    size_t texts, length, shards;
    bool scalar;
    size_t prompt; /* tokens that four texts share, the others are wanted: as a tree, or unrolled */
    bool tree;
};
static const struct shape shapes[] = {
    {"train_0.87m", 4, 128, 4, 4, 352, 512, 16, 128, 1, false, 0, false},
    {"train_5.8m", 6, 256, 8, 8, 688, 4096, 16, 128, 1, false, 0, false},
    {"train_5.8m_4_shards", 6, 256, 8, 8, 688, 4096, 16, 128, 4, false, 0, false},
    {"train_pocket", 3, 96, 4, 2, 256, 207, 64, 56, 1, false, 0, false},
    {"reward_0.87m", 4, 128, 4, 4, 352, 512, 32, 97, 1, true, 0, false},
    {"policy_0.87m_unrolled", 4, 128, 4, 4, 352, 512, 32, 96, 1, false, 64, false},
    {"policy_0.87m_tree", 4, 128, 4, 4, 352, 512, 32, 96, 1, false, 64, true},
};

#define SHARDS 4

struct losses {
    const struct learn_batch *shards;
    size_t n_wanted; /* of all */
    double *loss;
};

static void token_loss(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct losses *to = arg;
    const struct learn_batch *batch = &to->shards[shard];
    struct loss_terms terms = {.id = {batch->ids[(batch->wanted[i] + 1) % batch->n_rows]}, .n = 1};
    struct loss_row row;

    loss_open(&row, logits, 1);
    to->loss[shard * batch->n_wanted + i] = -loss_logprob(&row, terms.id[0]);
    terms.d_logprob[0] = -1 / (double)to->n_wanted;
    loss_close(&row, &terms);
}

static void pair_losses(void *arg, size_t shard, double *values, size_t n)
{
    struct losses *to = arg;

    (void)shard;
    for (size_t i = 0; i + 1 < n; i += 2) {
        struct pair_loss loss = pair_loss(values[i], values[i + 1], .8, 0, .01);

        to->loss[i] = loss.loss;
        values[i] = loss.d_first * 2 / (double)n;
        values[i + 1] = loss.d_second * 2 / (double)n;
    }
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Floating-point operations of the products of a step, a token. */
static double flops(const struct shape *shape)
{
    double width = shape->width, kv = width * shape->kv_heads / shape->heads;
    double layer = 2 * width * width + 2 * width * kv + 3.0 * width * shape->ffn;
    double attention = width * (double)shape->length; /* half of the keys, scores and values */
    double behind = width * width + 3.0 * width * shape->ffn; /* of the last layer, for wanted rows only */

    if (shape->scalar)
        return 6 * (shape->layers * (layer + attention) - behind);
    return 6 * (shape->layers * (layer + attention) + width * shape->vocab);
}

/* Text t: the prompt of its group of four, and its own response, whose tokens are predicted. */
static void add_episode(struct learn_batch *batch, const struct shape *shape, const int32_t *ids, size_t t)
{
    size_t prompt = shape->prompt, n = shape->length - prompt;
    int root = shape->tree && t % 4 ? (int)(t / 4 * 5) : learn_batch_add(batch, -1, ids, prompt);
    int own = learn_batch_add(batch, root, ids + prompt, n);

    learn_batch_want(batch, root, prompt - 1);
    for (size_t i = 0; i + 1 < n; i++)
        learn_batch_want(batch, own, i);
}

static void run(const struct shape *shape, struct pool *pool, double seconds, double peak)
{
    double threads = pool_threads(pool);
    struct tf_config config = {.arch = "llama",
                               .n_layers = shape->layers,
                               .width = shape->width,
                               .n_heads = shape->heads,
                               .n_kv_heads = shape->kv_heads,
                               .head_dim = shape->width / shape->heads,
                               .ffn = shape->ffn,
                               .vocab = shape->vocab,
                               .context = 512,
                               .rope_base = 10000,
                               .norm_eps = 1e-5,
                               .tied = true};
    struct learner_options options = {.head = shape->scalar ? LEARN_SCALAR : LEARN_LM};
    struct learn_batch shards[SHARDS] = {{0}};
    struct losses losses = {.shards = shards};
    struct learn_call call = {.shards = shards,
                              .n_shards = shape->shards,
                              .row = token_loss,
                              .values = pair_losses,
                              .arg = &losses};
    struct optimiser_options optimiser_options;
    struct optimiser_report report;
    struct error err = {0};
    struct learner *learner = learner_new(&config, &options, pool, &err);
    struct optimiser *optimiser;
    double best = 0, best_cpu = 0, tokens, work, start = clock_seconds();
    int32_t ids[512];

    if (!learner) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    options_init(optimiser_option_table, &optimiser_options);
    optimiser = optimiser_new(learner, &optimiser_options, &err);
    learner_init(learner, 1, 0);
    for (size_t t = 0; t < shape->texts; t++) {
        for (size_t i = 0; i < shape->length; i++)
            ids[i] = (int32_t)rng_below(rng_key(t, "bench", "ids"), i, (uint64_t)shape->vocab);
        if (shape->prompt) {
            add_episode(&shards[0], shape, ids, t);
            continue;
        }
        learn_batch_text(&shards[t % shape->shards], ids, shape->length,
                         shape->scalar ? shape->length - 1 : 0,
                         shape->scalar ? shape->length : shape->length - 1);
    }
    for (size_t s = 0; s < shape->shards; s++)
        losses.n_wanted += shards[s].n_wanted;
    losses.loss = xcalloc(losses.n_wanted, sizeof(double));
    for (int step = 0; step < 3 || clock_seconds() - start < seconds; step++) {
        double from = clock_seconds(), cpu = cpu_seconds(), wall;

        if (learner_grad(learner, &call, &err) != 0 ||
            optimiser_step(optimiser, 1, 1e-4, &report, &err) != 0) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        wall = clock_seconds() - from;
        cpu = cpu_seconds() - cpu;
        best = step == 0 || wall < best ? wall : best;
        best_cpu = step == 0 || cpu < best_cpu ? cpu : best_cpu;
    }
    tokens = (double)(shape->texts * shape->length);
    work = tokens * flops(shape) * 1e-9;
    printf("{\"name\":\"%s\",\"value\":%.0f,\"unit\":\"tokens/s\",\"peak_share\":%.3f,"
           "\"cpu_share\":%.3f,\"params\":%zu,\"ms\":%.2f,\"cpu_ms\":%.2f,\"bytes\":%zu}\n",
           shape->name, tokens / best, work / best / peak, work / best_cpu / (peak / threads),
           learner_params(learner)->count, best * 1e3, best_cpu * 1e3, learner_bytes(learner));
    if (shape->prompt)
        printf("{\"name\":\"%s_episodes\",\"value\":%.1f,\"unit\":\"episodes/s\"}\n", shape->name,
               (double)shape->texts / best);
    if (shape->scalar)
        printf("{\"name\":\"%s_pairs\",\"value\":%.1f,\"unit\":\"pairs/s\"}\n", shape->name,
               (double)shape->texts / 2 / best);
    free(losses.loss);
    optimiser_free(optimiser);
    options_release(optimiser_option_table, &optimiser_options);
    for (size_t s = 0; s < shape->shards; s++)
        learn_batch_release(&shards[s]);
    learner_free(learner);
}

int main(int argc, char **argv)
{
    struct pool *pool = pool_new(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2);
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 3;
    struct learner_options options = {.head = LEARN_LM};
    struct tf_config config = {.arch = "llama", .n_layers = 1, .width = 16, .n_heads = 1, .n_kv_heads = 1,
                               .head_dim = 16, .ffn = 16, .vocab = 16, .context = 16, .rope_base = 1e4, .tied = true};
    struct learner *learner = learner_new(&config, &options, pool, NULL);
    double peak = blas_peak_gflops(learner_options(learner)->kernel, pool);

    printf("{\"name\":\"peak_f32\",\"value\":%.1f,\"unit\":\"GF/s\",\"kernel\":\"%s\",\"threads\":%d}\n",
           peak, learner_options(learner)->kernel->name, pool_threads(pool));
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        double again = blas_peak_gflops(learner_options(learner)->kernel, pool);

        peak = again > peak ? again : peak;
        if (argc < 4 || strcmp(argv[3], shapes[i].name) == 0)
            run(&shapes[i], pool, seconds, peak);
    }
    learner_free(learner);
    pool_free(pool);
    return 0;
}
