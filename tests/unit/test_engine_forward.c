/*
 * The forward pass: tiny_llama.json in double and float, and every variant of the network
 * (biases, head norms, other head widths, own head, scaled frequencies) against a naive one.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/formula.h"
#include "models/kernel.h"
#include "models/transformer.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "tests/unit/engine_naive.h"

struct token_list {
    int32_t ids[512];
    size_t n;
};

#define REAL_BITS 32
#include "tests/unit/engine_forward_real.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "tests/unit/engine_forward_real.h"
#undef REAL_BITS

struct setting {
    const char *name;
    bool real64;
    enum simd simd;
    bool pack, keep;
};
static const struct setting settings[] = {
    {"double", true, SIMD_NONE, true, false},
    {"double, decoded by tiles, kept", true, SIMD_NONE, false, true},
    {"float", false, SIMD_AVX2, true, false},
    {"float, decoded by tiles", false, SIMD_AVX2, false, false},
    {"float, kept", false, SIMD_AVX2, true, true},
    {"float, plain C", false, SIMD_NONE, true, false},
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static void run(const struct setting *setting, const struct formula_net *net,
                const struct token_list *lists, size_t n, double *logits)
{
    struct blas_kernel kernel;
    char chosen_by[16];
    enum simd simd = setting->simd;
    struct cpu cpu;
    struct pool *pool = pool_new(2);

    cpu_get(&cpu);
    if (!cpu.avx2_fma)
        simd = SIMD_NONE;
    if (setting->real64 || simd == SIMD_NONE)
        assert_int_equal(blas_kernel_named("generic", &kernel, NULL), 0);
    else
        assert_int_equal(kernel_choose(NULL, &kernel, chosen_by, NULL), 0);
    if (setting->real64)
        run_forward_f64(net, simd, &kernel, setting->pack, setting->keep, pool, lists, n, logits);
    else
        run_forward_f32(net, simd, &kernel, setting->pack, setting->keep, pool, lists, n, logits);
    pool_free(pool);
}

static double largest(const double *x, size_t n)
{
    double max = 0;

    for (size_t i = 0; i < n; i++)
        max = fmax(max, fabs(x[i]));
    return max;
}

static void assert_near(const struct setting *setting, const char *what, const double *x,
                        const double *want, size_t n)
{
    double limit = (setting->real64 ? 1e-9 : 2e-4) * largest(want, n);

    for (size_t i = 0; i < n; i++)
        if (!(fabs(x[i] - want[i]) <= limit))
            fail_msg("%s, %s[%zu]: %.17g, wanted %.17g within %g", setting->name, what, i, x[i],
                     want[i], limit);
}

/* ---- tiny_llama.json ---- */

static json_t *golden(void)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = path_join(src ? src : ".", "tests/golden/tiny_llama.json");
    struct error err = {0};
    struct buf text;
    json_t *root;

    buf_init(&text, 0);
    if (file_read(path, BUF_MAX_TEXT, 0, &text, &err) != 0)
        fail_msg("%s: %s", path, err.text);
    root = json_parse(text.data, text.len, path, 1, &err);
    assert_non_null(root);
    buf_release(&text);
    free(path);
    return root;
}

/* Any nesting of lists of numbers, one after another. */
static size_t numbers(const json_t *list, double *out)
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);

        if (json_is_array(item))
            n += numbers(item, out + n);
        else
            out[n++] = json_number_value(item);
    }
    return n;
}

enum { VOCAB = 29, ROWS = 24, SEQS = 3 };

static void log_softmax(const double *logits, double temperature, double *out)
{
    double max = -INFINITY, sum = 0;

    for (int i = 0; i < VOCAB; i++)
        max = fmax(max, logits[i] / temperature);
    for (int i = 0; i < VOCAB; i++)
        sum += exp(logits[i] / temperature - max);
    for (int i = 0; i < VOCAB; i++)
        out[i] = logits[i] / temperature - max - log(sum);
}

static void tiny_shape(struct formula_net *net, double phase, bool real64)
{
    struct formula_shape shape = {.n_layers = 2,
                                  .width = 16,
                                  .n_heads = 4,
                                  .n_kv_heads = 2,
                                  .head_dim = 4,
                                  .ffn = 24,
                                  .vocab = VOCAB,
                                  .context = 64,
                                  .phase = phase,
                                  .rope_base = 10000,
                                  .norm_eps = 1e-5};

    formula_init(net, &shape, real64);
}

static void check_number(const struct setting *setting, const char *what, double x, double want)
{
    double limit = (setting->real64 ? 1e-9 : 2e-5) * fabs(want);

    if (!(fabs(x - want) <= limit))
        fail_msg("%s, %s: %.17g, wanted %.17g", setting->name, what, x, want);
}

/* Response tokens: their log-probs, exact KL and entropy at temperature 0.9, the SFT loss at 1. */
static void check_tokens(const struct setting *setting, const json_t *root,
                         const struct token_list *lists, const double *logits, const double *ref)
{
    json_t *policy = json_object_get(root, "policy"),
           *lengths = json_object_get(root, "prompt_lengths");
    double lp[ROWS], ref_lp[ROWS], kl[ROWS], entropy[ROWS], want[ROWS], sft = 0;
    size_t n = 0, row = 0;

    for (size_t s = 0; s < SEQS; row += lists[s++].n)
        for (size_t i = (size_t)json_integer_value(json_array_get(lengths, s));
             i < lists[s].n; i++) {
            const double *z = logits + (row + i - 1) * VOCAB, *zr = ref + (row + i - 1) * VOCAB;
            double p[VOCAB], q[VOCAB], plain[VOCAB];

            log_softmax(z, 0.9, p);
            log_softmax(zr, 0.9, q);
            log_softmax(z, 1, plain);
            lp[n] = p[lists[s].ids[i]];
            ref_lp[n] = q[lists[s].ids[i]];
            sft -= plain[lists[s].ids[i]];
            kl[n] = entropy[n] = 0;
            for (int j = 0; j < VOCAB; j++) {
                kl[n] += exp(p[j]) * (p[j] - q[j]);
                entropy[n] -= exp(p[j]) * p[j];
            }
            n++;
        }
    assert_int_equal(n, 15);
    check_number(setting, "sft loss", sft / 15,
                 json_real_value(json_object_get(json_object_get(root, "sft"), "loss")));
    assert_int_equal(numbers(json_object_get(policy, "token_logprobs"), want), n);
    assert_near(setting, "token_logprobs", lp, want, n);
    assert_int_equal(numbers(json_object_get(policy, "ref_token_logprobs"), want), n);
    assert_near(setting, "ref_token_logprobs", ref_lp, want, n);
    assert_int_equal(numbers(json_object_get(policy, "exact_kl_per_token"), want), n);
    assert_near(setting, "exact_kl", kl, want, n);
    assert_int_equal(numbers(json_object_get(policy, "entropy_per_token"), want), n);
    assert_near(setting, "entropy", entropy, want, n);
}

static void test_tiny_llama(void **state)
{
    json_t *root = golden(), *sequences = json_object_get(root, "sequences");
    static double logits[ROWS * VOCAB], ref[ROWS * VOCAB], want[ROWS * VOCAB], soft[8 * VOCAB];
    struct token_list lists[SEQS];

    (void)state;
    for (size_t s = 0; s < SEQS; s++) {
        json_t *ids = json_array_get(sequences, s);

        lists[s].n = json_array_size(ids);
        for (size_t i = 0; i < lists[s].n; i++)
            lists[s].ids[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        struct formula_net net, other;

        tiny_shape(&net, 0, setting->real64);
        tiny_shape(&other, 0.05, setting->real64);
        run(setting, &net, lists, SEQS, logits);
        run(setting, &other, lists, SEQS, ref);
        assert_int_equal(numbers(json_object_get(root, "logits_seq0"), want), 8 * VOCAB);
        assert_near(setting, "logits_seq0", logits, want, 8 * VOCAB);
        assert_int_equal(numbers(json_object_get(root, "logits_ref_seq0_last"), want), VOCAB);
        assert_near(setting, "logits_ref_seq0_last", ref + 7 * VOCAB, want, VOCAB);
        for (int row = 0; row < 8; row++)
            log_softmax(logits + row * VOCAB, 0.9, soft + row * VOCAB);
        assert_int_equal(
            numbers(json_object_get(json_object_get(root, "policy"), "log_softmax_seq0"), want),
            8 * VOCAB);
        assert_near(setting, "log_softmax_seq0", soft, want, 8 * VOCAB);
        check_tokens(setting, root, lists, logits, ref);
        formula_release(&net);
        formula_release(&other);
    }
    json_decref(root);
}

/* Kernels of other shapes, such as those that write by columns, in both kinds of number. */
static void test_all_kernels(void **state)
{
    struct blas_kernel kernels[BLAS_KERNELS_MAX];
    size_t n = blas_kernels(kernels);
    struct pool *pool = pool_new(2);
    struct token_list list = {.n = 75};
    static double want[75 * VOCAB], logits[75 * VOCAB];

    (void)state;
    for (size_t i = 0; i < list.n; i++)
        list.ids[i] = (int32_t)(i * i % VOCAB);
    for (size_t k = 0; k < n; k++)
        for (int real64 = 0; real64 < 2; real64++) {
            struct formula_net net;

            tiny_shape(&net, 0, real64);
            naive_forward(&net, list.ids, list.n, want);
            if (real64)
                run_forward_f64(&net, SIMD_NONE, &kernels[k], true, false, pool, &list, 1, logits);
            else
                run_forward_f32(&net, simd_choose(), &kernels[k], true, false, pool,
                                &list, 1, logits);
            assert_near(&settings[real64 ? 0 : 2], kernels[k].name, logits, want, 75 * VOCAB);
            formula_release(&net);
        }
    pool_free(pool);
}

/* ---- every variant against the naive network ---- */

static const struct formula_shape variants[] = {
    {2, 24, 3, 1, 8, 40, 37, 4096, false, false, false, 0, 10000,
     1e-5}, /* llama, three heads a kv head */
    {2, 20, 4, 2, 6, 28, 31, 4096, true, true, false, 0.3, 1e6,
     1e-6}, /* qwen2: biases, own head */
    {1, 32, 4, 4, 24, 36, 33, 4096, false, false, true, 0.1, 1e6,
     1e-6}, /* qwen3: head norms, wide heads */
    {1, 48, 14, 2, 10, 65, 97, 4096, false, true, true, 0.2, 5e5,
     1e-5}, /* seven heads a kv head */
    {1, 16, 50, 1, 2, 17, 19, 4096, false, false, false, 0.5, 100,
     1e-5}, /* more heads than an item holds */
};

static void test_variants(void **state)
{
    static const size_t lengths[] = {1, 130, 17, 64};
    static const float freqs[] = {1, 1.5f, 8, 3, 1, 1, 2, 4, 1, 1, 1, 8};
    struct token_list lists[4];

    (void)state;
    for (size_t v = 0; v < sizeof(variants) / sizeof(variants[0]); v++)
        for (size_t i = 0; i < N_SETTINGS; i++) {
            size_t vocab = (size_t)variants[v].vocab, rows = 0;
            struct formula_net net;
            double *logits, *want;

            formula_init(&net, &variants[v], settings[i].real64);
            if (v % 2 == 0)
                net.config.rope_freqs = freqs;
            for (size_t s = 0; s < 4; rows += lists[s++].n) {
                lists[s].n = lengths[s];
                for (size_t t = 0; t < lengths[s]; t++)
                    lists[s].ids[t] = (int32_t)((t * t + 5 * s + 3) % vocab);
            }
            logits = xcalloc(rows * vocab, sizeof(double));
            want = xcalloc(rows * vocab, sizeof(double));
            run(&settings[i], &net, lists, 4, logits);
            for (size_t s = 0, at = 0; s < 4; at += lists[s++].n)
                naive_forward(&net, lists[s].ids, lists[s].n, want + at * vocab);
            assert_near(&settings[i], "variant", logits, want, rows * vocab);
            free(logits);
            free(want);
            formula_release(&net);
        }
}

static void test_odd_sizes_are_refused(void **state)
{
    struct tf_config good = {.n_layers = 1,
                             .width = 8,
                             .n_heads = 2,
                             .n_kv_heads = 1,
                             .head_dim = 4,
                             .ffn = 8,
                             .vocab = 9,
                             .context = 16};
    struct tf_config bad;
    struct error err = {0};

    (void)state;
    assert_int_equal(tf_config_check(&good, &err), 0);
    bad = good;
    bad.head_dim = 258;
    assert_int_equal(tf_config_check(&bad, &err), -1);
    bad = good;
    bad.head_dim = 5;
    assert_int_equal(tf_config_check(&bad, &err), -1);
    bad = good;
    bad.n_kv_heads = 0;
    assert_int_equal(tf_config_check(&bad, &err), -1);
    bad = good;
    bad.n_heads = 3;
    bad.n_kv_heads = 2;
    assert_int_equal(tf_config_check(&bad, &err), -1);
    bad = good;
    bad.vocab = 0;
    assert_int_equal(tf_config_check(&bad, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny_llama),
        cmocka_unit_test(test_all_kernels),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_odd_sizes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
