/* SIMD against plain C, plain C against the formula. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/ops.h"

#define N_MAX 203

static const struct ops_f32 *simd_ops(void)
{
    struct cpu cpu;

    cpu_get(&cpu);
    if (!cpu.avx2_fma)
        skip();
    return ops_choose_f32(SIMD_AVX2);
}

static void fill(float *x, size_t n, double scale, double phase)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * sin(0.9 * (double)i + phase));
}

static void assert_near(const float *a, const float *b, size_t n, double limit)
{
    for (size_t i = 0; i < n; i++)
        if (fabs((double)a[i] - (double)b[i]) > limit * fmax(1, fabs((double)b[i])))
            fail_msg("element %zu of %zu: %.9g and %.9g", i, n, (double)a[i], (double)b[i]);
}

static void test_rows_agree(void **state)
{
    const struct ops_f32 *simd = simd_ops(), *plain = &ops_plain_f32;
    float x[N_MAX], y[N_MAX], a[N_MAX], b[N_MAX];

    (void)state;
    for (size_t n = 1; n <= N_MAX; n++) {
        fill(x, n, 3, 0.1);
        fill(y, n, 1, 0.7);
        simd->norm(a, x, y, n, 1e-5);
        plain->norm(b, x, y, n, 1e-5);
        assert_near(a, b, n, 1e-5);
        fill(x, n, 40, 0.1);
        simd->swiglu(a, x, y, n);
        plain->swiglu(b, x, y, n);
        assert_near(a, b, n, 1e-5);
        assert_float_equal(simd->largest(x, n), plain->largest(x, n), 0);
        assert_float_equal(simd->logsumexp(x, n), plain->logsumexp(x, n), 1e-5);
        if (n % 2 == 0) {
            fill(a, n, 3, 0.1);
            fill(b, n, 3, 0.1);
            simd->rope(a, y, n / 2);
            plain->rope(b, y, n / 2);
            assert_near(a, b, n, 1e-5);
        }
    }
}

static void test_panels_agree(void **state)
{
    static const size_t talls[] = {3, 4, 6, 8, 12, 14, 16, 32};
    const struct ops_f32 *simd = simd_ops();
    static float x[32 * 61], a[32 * 61 + 8], b[32 * 61 + 8];

    (void)state;
    fill(x, 32 * 61, 1, 0);
    for (size_t t = 0; t < sizeof(talls) / sizeof(talls[0]); t++)
        for (size_t depth = 1; depth <= 60; depth++)
            for (size_t rows = 0; rows <= talls[t]; rows++) {
                memset(a, 0x55, sizeof(a));
                memset(b, 0x55, sizeof(b));
                simd->pack(a, x, 61, rows, talls[t], depth);
                ops_plain_f32.pack(b, x, 61, rows, talls[t], depth);
                assert_memory_equal(a, b, sizeof(a));
            }
}

/* Softmax of six rows in blocks, values weighted by it, in SIMD and in plain C. */
static void attend(const struct ops_f32 *ops, const float *q, const float *k, const float *v,
                   size_t head_dim, size_t padded, float *out)
{
    float s[ATTEND_ROWS * ATTEND_KEYS], max[ATTEND_ROWS], sum[ATTEND_ROWS], scale[ATTEND_ROWS];
    const float *pages[ATTEND_KEYS / KV_PAGE];

    memset(out, 0, sizeof(float) * ATTEND_ROWS * ATTEND_STRIDE);
    for (int r = 0; r < ATTEND_ROWS; r++) {
        max[r] = -INFINITY;
        sum[r] = 0;
    }
    for (int block = 0; block < 2; block++) {
        for (size_t page = 0; page < ATTEND_KEYS / KV_PAGE; page++) {
            size_t at = (size_t)block * ATTEND_KEYS / KV_PAGE + page;

            ops->scores(s + page * KV_PAGE, q, k + at * KV_PAGE * head_dim, head_dim);
            pages[page] = v + at * KV_PAGE * padded;
        }
        for (int r = 0; r < ATTEND_ROWS; r++) {
            for (int j = r + 1; block == 1 && j < ATTEND_KEYS; j++)
                s[r * ATTEND_KEYS + j] = -INFINITY;
            scale[r] = ops->soften(s + r * ATTEND_KEYS, &max[r], &sum[r]);
        }
        ops->values(out, s, pages, ATTEND_KEYS / KV_PAGE, padded, scale);
    }
    for (int r = 0; r < ATTEND_ROWS; r++)
        for (size_t d = 0; d < padded; d++)
            out[r * ATTEND_STRIDE + d] /= sum[r];
}

static void test_attention_agrees(void **state)
{
    static const size_t widths[] = {4, 8, 24, 64, 80, 128, 256};
    const struct ops_f32 *simd = simd_ops();
    static float q[ATTEND_ROWS * ATTEND_STRIDE], k[128 * 256], v[128 * 256];
    static float a[ATTEND_ROWS * ATTEND_STRIDE], b[ATTEND_ROWS * ATTEND_STRIDE];

    (void)state;
    fill(q, ATTEND_ROWS * ATTEND_STRIDE, 1, 0.3);
    fill(k, 128 * 256, 1.5, 0.2);
    fill(v, 128 * 256, 1, 0.9);
    for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
        size_t padded = (widths[w] + 7) / 8 * 8;

        attend(simd, q, k, v, widths[w], padded, a);
        attend(&ops_plain_f32, q, k, v, widths[w], padded, b);
        assert_near(a, b, ATTEND_ROWS * ATTEND_STRIDE, 1e-5);
    }
}

/* Against libm in double: exp through softmax and swiglu, far arguments and masked ones. */
static void test_exp_is_exact_enough(void **state)
{
    const struct ops_f32 *simd = simd_ops();

    (void)state;
    for (double x = -120; x < 120; x += 0.037) {
        float gate = (float)x, up = 1, out;
        double g = (double)gate, want = g / (1 + exp(-g));
        float s[ATTEND_KEYS], max = 0, sum = 0;

        simd->swiglu(&out, &gate, &up, 1);
        assert_float_equal(out, want, 4e-7 * fabs(want) + 1e-35);
        for (int j = 0; j < ATTEND_KEYS; j++)
            s[j] = -INFINITY;
        s[0] = gate;
        simd->soften(s, &max, &sum);
        assert_float_equal(sum, x < 0 ? exp(g) : 1, 4e-7);
        assert_true(s[1] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_agree),
        cmocka_unit_test(test_panels_agree),
        cmocka_unit_test(test_attention_agrees),
        cmocka_unit_test(test_exp_is_exact_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
