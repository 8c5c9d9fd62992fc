/*
 * Rates of the engine, one JSON object a line: {"name":..,"value":..,"unit":..,"peak_share":..}.
 * The peak is what BLIS's micro-kernel alone reaches in the same round; of several rounds the
 * best of each counts, for on a shared machine the others measure the neighbours.
 *
 *   bench_engine [MODEL.gguf [THREADS]]      without a model: only what needs none
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "models/blas.h"
#include "models/kernel.h"
#include "models/lm.h"
#include "models/weights.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/mem.h"

#define ROUNDS 5

static double peak_gflops; /* the best so far */

static void report(const char *name, double value, const char *unit, double gflops)
{
    printf("{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"peak_share\":", name, value, unit);
    if (gflops > 0 && peak_gflops > 0)
        printf("%.3f}\n", gflops / peak_gflops);
    else
        printf("null}\n");
    fflush(stdout);
}

static void see_peak(double gflops)
{
    if (gflops > peak_gflops)
        peak_gflops = gflops;
}

/* ---- without a model ---- */

static void empty_tile(void *arg, size_t index, int worker)
{
    (void)arg;
    (void)index;
    (void)worker;
}

static void bench_pool(struct pool *pool)
{
    enum { RUNS = 2000 };
    double best = 1;

    for (int round = 0; round < ROUNDS; round++) {
        double start = clock_seconds(), seconds;

        for (int i = 0; i < RUNS; i++)
            pool_run(pool, POOL_PROBE, 16, empty_tile, NULL);
        seconds = (clock_seconds() - start) / RUNS;
        best = seconds < best ? seconds : best;
    }
    report("pool_run_16_tiles", best * 1e6, "us", 0);
}

/* The shape of SmolLM2's gate and up; several copies, so that the weights come from memory. */
static void bench_products(const struct blas_kernel *kernel, struct pool *pool)
{
    enum { N = 3072, K = 576, COPIES = 12, MOST = 576 };
    static const size_t rows[] = {1, 4, 12, 24, 48, 64, 128, 256, 576};
    const struct blas_micro *micro = &kernel->micro[BLAS_F32];
    size_t size = blas_packed_size(BLAS_F32, N, K, micro->wide);
    struct blas_panels weights[COPIES];
    float *x = mem_try(blas_packed_size(BLAS_F32, MOST, K, micro->tall), "x", NULL);
    float *y = mem_try((size_t)MOST * N * sizeof(float), "y", NULL);

    for (int c = 0; c < COPIES; c++) {
        weights[c] = (struct blas_panels){.rows = N, .depth = K, .wide = micro->wide};
        weights[c].data = mem_try(size, "w", NULL);
        if (!x || !y || !weights[c].data)
            exit(1);
        for (size_t i = 0; i < size / sizeof(float); i++)
            ((float *)weights[c].data)[i] = (float)(i % 17) - 8;
    }
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        double best = 1e9, flops = 2.0 * N * K * (double)rows[r];
        char name[32];

        for (int round = 0; round < ROUNDS; round++) {
            double start, seconds;

            see_peak(blas_peak_gflops(kernel, pool));
            start = clock_seconds();
            for (int c = 0; c < COPIES; c++) {
                struct blas_gemm gemm = {.kernel = kernel,
                                         .weights = &weights[c],
                                         .x = x,
                                         .m = rows[r],
                                         .y = y,
                                         .ldy = N};

                blas_gemm(&gemm, pool, POOL_PROBE);
            }
            seconds = (clock_seconds() - start) / COPIES;
            best = seconds < best ? seconds : best;
        }
        snprintf(name, sizeof(name), "gemm_m%zu_f32", rows[r]);
        report(name, flops / best * 1e-9, "GF/s", flops / best * 1e-9);
    }
    for (int c = 0; c < COPIES; c++)
        free(weights[c].data);
    free(x);
    free(y);
}

static void bench_self_test(void)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start = clock_seconds(), seconds;
        struct error err;

        if (engine_self_test(&err) != 0) {
            fprintf(stderr, "self-test: %s\n", err.text);
            exit(1);
        }
        seconds = clock_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    report("self_test", best * 1e3, "ms", 0);
}

/* ---- with a model ---- */

static int32_t next_id;

/* Text that nothing shares with what was before. */
static void new_text(int32_t *ids, size_t n, int vocab)
{
    next_id++;
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(((int64_t)(i + 1) * 7919 + (int64_t)next_id * 104729) % vocab);
}

static void score(struct engine *engine, const struct score_request *requests, size_t n)
{
    struct score_result *results = xcalloc(n, sizeof(*results));
    struct error err;

    if (engine_score(engine, POOL_PROBE, requests, results, n, NULL, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    free(results);
}

/* Multiplications and additions of n new tokens behind `before` others, without the head. */
static double layer_flops(const struct tf_config *c, double n, double before)
{
    double heads = (double)c->n_heads * c->head_dim, kv = (double)c->n_kv_heads * c->head_dim;
    double weights = c->width * (2 * heads + 2 * kv + 3.0 * c->ffn);
    double pairs = n * (before + (n + 1) / 2);

    return c->n_layers * (2 * weights * n + 4 * heads * pairs);
}

/* Texts of 480 tokens: several full passes. */
static void bench_prefill(struct engine *engine, const struct tf_config *config)
{
    enum { TEXTS = 6, N = 480 };
    static int32_t ids[TEXTS][N];
    struct score_request requests[TEXTS] = {0};
    double flops = TEXTS * layer_flops(config, N, 0), best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start, seconds;

        for (int t = 0; t < TEXTS; t++) {
            new_text(ids[t], N, config->vocab);
            requests[t].prompt = (struct token_run){ids[t], N};
        }
        see_peak(engine_peak_gflops(engine));
        start = clock_seconds();
        score(engine, requests, TEXTS);
        seconds = clock_seconds() - start;
        see_peak(engine_peak_gflops(engine));
        best = seconds < best ? seconds : best;
    }
    report("prefill_f32", TEXTS * N / best, "tok/s", flops / best * 1e-9);
}

/* A pair's two orders whose last 10 tokens change: what an edit of a prompt's ending costs. */
static void bench_tail(struct engine *engine, const struct tf_config *config)
{
    enum { N = 500, TAIL = 10 };
    static int32_t ids[2][N];
    struct score_request requests[2] = {{.prompt = {ids[0], N}, .n_top = 10},
                                        {.prompt = {ids[1], N}, .n_top = 10}};
    double flops = 2 * layer_flops(config, TAIL, N - TAIL), best = 1e9;

    new_text(ids[0], N, config->vocab);
    new_text(ids[1], N, config->vocab);
    score(engine, requests, 2);
    for (int round = 0; round < 4 * ROUNDS; round++) {
        double start, seconds;

        new_text(ids[0] + N - TAIL, TAIL, config->vocab);
        new_text(ids[1] + N - TAIL, TAIL, config->vocab);
        start = clock_seconds();
        score(engine, requests, 2);
        seconds = clock_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    report("rejudge_tail_f32", best * 1e3, "ms", flops / best * 1e-9);
}

static void bench_decode(struct engine *engine, const struct tf_config *config, size_t n)
{
    enum { MOST = 32, PROMPT = 200, NEW = 24 };
    static int32_t ids[PROMPT];
    struct generate_request requests[MOST] = {0};
    struct generate_result results[MOST];
    struct sampling sampling = {.temperature = 1, .top_p = 1, .max_tokens = NEW};
    struct score_request prompt = {.prompt = {ids, PROMPT}};
    double best = 0;
    char name[40];

    for (int round = 0; round < 3; round++) {
        size_t tokens = 0;
        double start, rate;
        struct error err;

        new_text(ids, PROMPT, config->vocab);
        score(engine, &prompt, 1);
        for (size_t i = 0; i < n; i++)
            requests[i] = (struct generate_request){
                prompt.prompt, rng_sub(rng_key(1, "bench", "decode"), i)};
        start = clock_seconds();
        if (engine_generate(engine, POOL_PROBE, &sampling, requests, results, n, NULL, &err) != 0) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        for (size_t i = 0; i < n; i++) {
            tokens += results[i].ids.n;
            tokens_release(&results[i].ids);
            buf_release(&results[i].text);
        }
        rate = (double)tokens / (clock_seconds() - start);
        best = rate > best ? rate : best;
    }
    snprintf(name, sizeof(name), "decode_%zu_f32", n);
    report(name, best, "tok/s", best * layer_flops(config, 1, PROMPT) * 1e-9);
}

struct cancelled {
    struct engine *engine;
    struct cancel cancel;
    double ended;
    int vocab;
};

static void *run_cancelled(void *arg)
{
    struct cancelled *run = arg;
    static int32_t ids[8][480];
    struct score_request requests[8] = {0};
    struct score_result results[8];
    struct error err;

    for (int t = 0; t < 8; t++) {
        new_text(ids[t], 480, run->vocab);
        requests[t].prompt = (struct token_run){ids[t], 480};
    }
    (void)engine_score(run->engine, POOL_PROBE, requests, results, 8, &run->cancel, &err);
    run->ended = clock_seconds();
    return NULL;
}

/* From asking to being back, the worst of some. */
static void bench_cancel(struct engine *engine, const struct tf_config *config)
{
    double worst = 0;

    for (int round = 0; round < 10; round++) {
        struct cancelled run = {.engine = engine, .vocab = config->vocab};
        double asked;
        pthread_t thread;

        pthread_create(&thread, NULL, run_cancelled, &run);
        usleep(60000 + 7000 * (unsigned)round);
        asked = clock_seconds();
        cancel_ask(&run.cancel);
        pthread_join(thread, NULL);
        worst = run.ended - asked > worst ? run.ended - asked : worst;
    }
    report("cancel_worst", worst * 1e3, "ms", 0);
}

static int bench_model(const char *path, struct pool *pool, const char *cache_dir)
{
    struct engine_options options = {.cache_dir = cache_dir};
    struct engine_info info;
    struct error err;
    struct rusage usage;
    double start = clock_seconds();
    int32_t ids[2] = {1, 2};
    struct score_request first = {.prompt = {ids, 2}};
    struct model *model = model_open(path, NULL, &err);
    struct engine *engine = model ? engine_new(model, pool, &options, &err) : NULL;
    const struct tf_config *config;

    if (!engine) {
        fprintf(stderr, "%s\n", err.text);
        model_close(model);
        return 1;
    }
    config = model_config(model);
    report("start_engine", (clock_seconds() - start) * 1e3, "ms", 0);
    start = clock_seconds();
    score(engine, &first, 1);
    report("pack_weights", (clock_seconds() - start) * 1e3, "ms", 0);
    bench_prefill(engine, config);
    bench_tail(engine, config);
    for (size_t n = 1; n <= 32; n = n == 1 ? 8 : 4 * n)
        bench_decode(engine, config, n);
    bench_cancel(engine, config);
    engine_get_info(engine, &info);
    report("weights", (double)info.weight_bytes / 1048576, "MiB", 0);
    getrusage(RUSAGE_SELF, &usage);
    report("peak_memory", (double)usage.ru_maxrss / 1024, "MiB", 0);
    engine_free(engine);
    model_close(model);
    return 0;
}

int main(int argc, char **argv)
{
    int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    struct pool *pool = pool_new(threads);
    char *cache = path_cache_home(), *home = path_data_home();
    char *path = argc > 1 ? xstrdup(argv[1])
                          : path_join(home ? home : ".", "models/SmolLM2-135M-Instruct.Q4_1.gguf");
    struct blas_kernel kernel;
    char chosen_by[16];
    struct error err;
    int status = 0;

    pool_flush_denormals();
    if (kernel_choose(cache, &kernel, chosen_by, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    fprintf(stderr, "BLIS %s, kernel %s (%s), %d threads\n", blas_version(), kernel.name,
            chosen_by, pool_threads(pool));
    see_peak(blas_peak_gflops(&kernel, pool));
    bench_pool(pool);
    bench_products(&kernel, pool);
    bench_self_test();
    if (file_exists(path))
        status = bench_model(path, pool, cache);
    else
        fprintf(stderr, "%s is not there: what needs a model is left out\n", path);
    report("micro_kernel_peak_f32", peak_gflops, "GF/s", peak_gflops);
    pool_free(pool);
    free(path);
    free(cache);
    free(home);
    return status;
}
