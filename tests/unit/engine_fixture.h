/* An engine on a small formula network, and texts for it. */
#ifndef RLAIF_TESTS_ENGINE_FIXTURE_H
#define RLAIF_TESTS_ENGINE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "models/engine.h"
#include "models/formula.h"
#include "src/base/mem.h"

#define FIXTURE_VOCAB 101
#define FIXTURE_CONTEXT 512

static const struct formula_shape fixture_shape = {.n_layers = 3,
                                                   .width = 48,
                                                   .n_heads = 6,
                                                   .n_kv_heads = 2,
                                                   .head_dim = 12,
                                                   .ffn = 80,
                                                   .vocab = FIXTURE_VOCAB,
                                                   .context = FIXTURE_CONTEXT,
                                                   .rope_base = 10000,
                                                   .norm_eps = 1e-5};

struct fixture {
    struct formula_net net;
    struct pool *pool;
    struct engine *engine;
};

/* Token 0 ends a text; the others are letters. */
static bool fixture_is_end(const void *arg, int32_t id)
{
    (void)arg;
    return id == 0;
}

static void fixture_decode(const void *arg, int32_t id, struct buf *out)
{
    (void)arg;
    buf_addc(out, (char)('a' + id % 26));
}

static void fixture_init(struct fixture *fixture, int threads, uint64_t kv_limit)
{
    struct engine_text text = {fixture_is_end, fixture_decode, NULL};
    struct engine_options options = {.kv_limit = kv_limit};
    struct error err = {0};
    struct blas_kernel kernels[BLAS_KERNELS_MAX], *kernel = kernels;

    /* Bits are compared between engines: all have the same kernel. */
    if (simd_choose() == SIMD_NONE)
        assert_int_equal(blas_kernel_named("generic", kernel, NULL), 0);
    else
        assert_true(blas_kernels(kernels) > 0);

    formula_init(&fixture->net, &fixture_shape, false);
    fixture->pool = pool_new(threads);
    fixture->engine = engine_create_with(&fixture->net.config, &fixture->net.weights, text,
                                         fixture->pool, &options, kernel, simd_choose(), &err);
    if (!fixture->engine)
        fail_msg("%s", err.text);
}

static void fixture_release(struct fixture *fixture)
{
    engine_free(fixture->engine);
    pool_free(fixture->pool);
    formula_release(&fixture->net);
}

/* n tokens, the first `shared` of them the same for every `which`. Never token 0. */
static void fixture_text(int32_t *ids, size_t n, size_t shared, size_t which)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(1 + (i * i + 3 * i + (i < shared ? 0 : 17 * which + 5)) %
                                   (FIXTURE_VOCAB - 1));
}

#endif
