/* Runs a forward for one kind of number; included by test_engine_forward.c with REAL_BITS set. */
#include "models/real.h"

struct R(collect) {
    double *logits;
    size_t vocab;
};

static void R(collect_row)(void *arg, size_t i, const REAL *logits, int worker)
{
    struct R(collect) *to = arg;

    (void)worker;
    for (size_t j = 0; j < to->vocab; j++)
        to->logits[i * to->vocab + j] = (double)logits[j];
}

/* Logits of all tokens of n sequences in one batch; with the arena asked for, through that path. */
static void R(run_forward)(const struct formula_net *formula, enum simd simd,
                           const struct blas_kernel *kernel, bool pack, bool keep,
                           struct pool *pool, const struct token_list *lists, size_t n,
                           double *logits)
{
    struct R(tf_net) net;
    struct R(tf_scratch) scratch;
    struct tf_segment segments[8];
    struct R(tf_arena) arena;
    int32_t ids[2048];
    uint32_t wanted[2048];
    void *pages[8][128];
    size_t rows = 0, layers = (size_t)formula->config.n_layers;
    size_t page = tf_page_reals(&formula->config) * sizeof(REAL);
    struct R(tf_batch) batch = {.ids = ids, .segments = segments, .n_segments = n, .wanted = wanted};
    struct R(collect) to = {logits, (size_t)formula->config.vocab};
    struct error err = {0};
    REAL *out;

    for (size_t s = 0; s < n; s++) {
        for (size_t p = 0; p * KV_PAGE < lists[s].n; p++)
            pages[s][p] = mem_try(page, "pages", NULL);
        segments[s] = (struct tf_segment){.first_row = rows,
                                          .n_rows = lists[s].n,
                                          .pages = pages[s],
                                          .parent = -1,
                                          .store = true};
        for (size_t i = 0; i < lists[s].n; i++, rows++) {
            ids[rows] = lists[s].ids[i];
            wanted[rows] = (uint32_t)rows;
        }
    }
    batch.n_rows = batch.n_wanted = rows;
    assert_int_equal(R(tf_net_init)(&net, &formula->config, &formula->weights, kernel, simd, &err), 0);
    if (pack)
        assert_int_equal(R(tf_net_pack)(&net, pool, POOL_PROBE, NULL, &err), 0);
    assert_int_equal(R(tf_scratch_init)(&scratch, &net, rows, pool_threads(pool), &err), 0);
    if (keep) {
        REAL ***arrays[] = {&arena.entry, &arena.qkv, &arena.attended, &arena.middle, &arena.gate_up};
        size_t width = (size_t)formula->config.width, heads = net.layers[0].out.depth;
        size_t widths[] = {width, net.layers[0].qkv.rows, heads, width, net.layers[0].gate_up.rows};

        for (size_t a = 0; a < 5; a++) {
            *arrays[a] = xcalloc(layers + 1, sizeof(REAL *));
            for (size_t l = 0; l <= layers; l++)
                (*arrays[a])[l] = xcalloc(rows * widths[a], sizeof(REAL));
        }
        batch.arena = &arena;
    }
    out = xcalloc(rows * (size_t)formula->config.width, sizeof(REAL));
    assert_int_equal(
        R(tf_forward)(&net, &scratch, &batch, pool, POOL_PROBE, NULL, out, &err), 0);
    assert_int_equal(R(tf_logits)(&net, &scratch, out, rows, pool, POOL_PROBE, NULL,
                                  R(collect_row), &to, &err),
                     0);
    if (keep) {
        REAL **arrays[] = {arena.entry, arena.qkv, arena.attended, arena.middle, arena.gate_up};

        REAL *again = xcalloc(rows * (size_t)formula->config.width, sizeof(REAL));

        /* From what was kept before any layer on, the rest gives the same bits. */
        batch.arena = NULL;
        for (size_t l = 1; l <= layers; l++) {
            batch.first_layer = (int)l;
            batch.hidden = arena.entry[l];
            assert_int_equal(
                R(tf_forward)(&net, &scratch, &batch, pool, POOL_PROBE, NULL, again, &err), 0);
            assert_memory_equal(again, out, rows * (size_t)formula->config.width * sizeof(REAL));
        }
        free(again);
        for (size_t a = 0; a < 5; a++) {
            for (size_t l = 0; l <= layers; l++)
                free(arrays[a][l]);
            free(arrays[a]);
        }
    }
    free(out);
    for (size_t s = 0; s < n; s++)
        for (size_t p = 0; p * KV_PAGE < lists[s].n; p++)
            free(pages[s][p]);
    R(tf_scratch_free)(&scratch);
    R(tf_net_free)(&net);
}
