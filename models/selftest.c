/*
 * The promise of bits, kept at every start: a tiny network from a formula, scored alone, in a
 * batch, after prefixes, after eviction, with 1, 2 and 4 threads, must give the same bits.
 */
#include "models/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/formula.h"

/* Odd sizes, so that every edge of panels, pages and vectors is passed. */
static const struct formula_shape test_shape = {.n_layers = 2,
                                                .width = 40,
                                                .n_heads = 6,
                                                .n_kv_heads = 2,
                                                .head_dim = 10,
                                                .ffn = 52,
                                                .vocab = 67,
                                                .context = 256,
                                                .biases = true,
                                                .head_norms = true,
                                                .rope_base = 10000,
                                                .norm_eps = 1e-5};

enum { TEXTS = 5, LENGTH_MAX = 90 };
static const size_t lengths[TEXTS] = {1, 23, 37, 70, LENGTH_MAX};

struct texts {
    int32_t ids[TEXTS][LENGTH_MAX];
    double logsumexp[TEXTS];
    double logprobs[TEXTS][LENGTH_MAX];
};

/* They share 1, 20, 20, 52 and 64 tokens: inside a page, at its end, several pages. */
static void make_texts(struct texts *texts)
{
    static const size_t shared[TEXTS] = {1, 20, 20, 52, 64};

    for (size_t t = 0; t < TEXTS; t++)
        for (size_t i = 0; i < lengths[t]; i++)
            texts->ids[t][i] = (int32_t)((i * i + (i < shared[t] ? 3 : 11 * t + 5)) % 67);
}

static int score(struct engine *engine, struct texts *texts, size_t first, size_t n,
                 struct error *err)
{
    struct score_request requests[TEXTS] = {0};
    struct score_result results[TEXTS] = {0};
    int status;

    for (size_t i = 0; i < n; i++) {
        requests[i] = (struct score_request){.prompt = {texts->ids[first + i], lengths[first + i]},
                                             .all = true,
                                             .first_scored = lengths[first + i] / 2 + 1};
        if (requests[i].first_scored > lengths[first + i])
            requests[i].all = false;
        results[i].token_logprobs = texts->logprobs[first + i];
    }
    status = engine_score(engine, POOL_PROBE, requests, results, n, NULL, err);
    for (size_t i = 0; i < n; i++)
        texts->logsumexp[first + i] = results[i].logsumexp;
    return status;
}

static bool same(const struct texts *a, const struct texts *b)
{
    for (size_t t = 0; t < TEXTS; t++)
        if (memcmp(&a->logsumexp[t], &b->logsumexp[t], sizeof(double)) != 0 ||
            memcmp(a->logprobs[t], b->logprobs[t], lengths[t] / 2 * sizeof(double)) != 0)
            return false;
    return true;
}

static struct engine *tiny_engine(const struct formula_net *formula, struct pool *pool,
                                  const struct blas_kernel *kernel, enum simd simd,
                                  uint64_t kv_limit, struct error *err)
{
    struct engine_options options = {.kv_limit = kv_limit};
    struct engine_text text = {0};

    return engine_create_with(&formula->config, &formula->weights, text, pool, &options, kernel,
                              simd, err);
}

/* How the texts come in: each alone in an engine of its own, together, one after the other. */
static int score_all(const struct formula_net *formula, int threads, int way,
                     const struct blas_kernel *kernel, enum simd simd, struct texts *out,
                     struct error *err)
{
    struct pool *pool = pool_new(threads);
    uint64_t limit = way == 3 ? 1 : 0; /* 1 byte: everything is dropped after each call */
    struct engine *engine = NULL;
    int status = 0;

    memset(out, 0, sizeof(*out));
    make_texts(out);
    for (size_t t = 0; t < TEXTS && status == 0; t++) {
        if (!engine)
            engine = tiny_engine(formula, pool, kernel, simd, limit, err);
        if (!engine)
            status = -1;
        else if (way == 1) {
            status = score(engine, out, 0, TEXTS, err);
            break;
        } else
            status = score(engine, out, t, 1, err);
        if (way == 0) {
            engine_free(engine);
            engine = NULL;
        }
    }
    engine_free(engine);
    pool_free(pool);
    return status;
}

static int test_kernel(const struct blas_kernel *kernel, enum simd simd, struct error *err)
{
    static const struct {
        int threads, way;
        const char *name;
    } ways[] = {{1, 1, "in a batch"},           {1, 2, "after a prefix"},
                {1, 3, "after eviction"},       {2, 1, "in a batch with 2 threads"},
                {4, 1, "in a batch with 4 threads"}, {4, 2, "after a prefix with 4 threads"}};
    struct formula_net formula;
    struct texts alone, other;
    int status;

    formula_init(&formula, &test_shape, false);
    status = score_all(&formula, 1, 0, kernel, simd, &alone, err);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && status == 0; i++) {
        status = score_all(&formula, ways[i].threads, ways[i].way, kernel, simd, &other, err);
        if (status == 0 && !same(&alone, &other))
            status = error_set(err, ERROR_FAILED, "a text alone and %s gave different bits",
                               ways[i].name);
    }
    formula_release(&formula);
    return status;
}

void engine_test_kernel(const struct blas_kernel *kernel, enum simd simd, char out[96])
{
    struct error err;

    if (test_kernel(kernel, simd, &err) == 0)
        snprintf(out, 96, "ok");
    else
        snprintf(out, 96, "%.95s", err.text);
}

int engine_self_test(struct error *err)
{
    const char *type = getenv("BLIS_ARCH_TYPE");
    struct blas_kernel kernels[BLAS_KERNELS_MAX];

    /* Not by timing, which would take longer than the test. */
    if (simd_choose() == SIMD_NONE)
        type = "generic";
    if (type && *type) {
        if (blas_kernel_named(type, &kernels[0], err) != 0)
            return -1;
    } else if (blas_kernels(kernels) == 0) {
        return error_set(err, ERROR_FAILED, "BLIS has no kernels that run on this CPU");
    }
    return test_kernel(&kernels[0], simd_choose(), err);
}
