/* Training's ops in SIMD against plain C, for sizes that fill no vector, and that they stay inside what they may touch. */
#include "tests/unit/learn_fixture.h"

#include "models/learn_ops.h"
#include "models/ops.h"

enum { MOST = 70, ROWS = 40, SPACE = ROWS * MOST + 64 };

static void fill(float *x, uint64_t what)
{
    for (size_t i = 0; i < SPACE; i++)
        x[i] = (float)((i * 2654435761u + what * 40503u) % 4001) / 1000 - 2;
}

static void near_all(const char *what, size_t n, const float *a, const float *b)
{
    for (size_t i = 0; i < SPACE; i++)
        if (!(fabsf(a[i] - b[i]) <= 1e-5f * fmaxf(1, fabsf(b[i]))))
            fail_msg("%s of %zu: [%zu] %g, plain %g", what, n, i, (double)a[i], (double)b[i]);
}

static const struct learn_ops_f32 *simd_ops(void)
{
    if (simd_choose() == SIMD_NONE)
        skip();
    return learn_ops_choose_f32(simd_choose());
}

static void test_mul(void **state)
{
    const struct learn_ops_f32 *tables[2] = {&learn_ops_plain_f32, simd_ops()};
    static float a[SPACE], b[SPACE], c[2][SPACE];

    (void)state;
    fill(a, 1);
    fill(b, 2);
    for (size_t m = 1; m <= 13; m += 3)
        for (size_t n = 1; n <= 40; n += 5)
            for (size_t depth = 1; depth <= 30; depth += 7)
                for (int form = 0; form < 4; form++) {
                    for (int t = 0; t < 2; t++) {
                        struct learn_mul_f32 mul = {.c = c[t],
                                                    .a = a,
                                                    .b = b,
                                                    .ldc = 47,
                                                    .a_row = form & 1 ? 1 : 31,
                                                    .a_col = form & 1 ? 31 : 1,
                                                    .ldb = 44,
                                                    .m = m,
                                                    .n = n,
                                                    .depth = depth,
                                                    .add = form & 2};

                        fill(c[t], 3);
                        tables[t]->mul(&mul);
                    }
                    near_all("mul", n, c[1], c[0]);
                }
}

static void test_rows(void **state)
{
    const struct learn_ops_f32 *tables[2] = {&learn_ops_plain_f32, simd_ops()};
    static float x[SPACE], w[SPACE], dy[SPACE], out[2][SPACE], more[2][SPACE], third[2][SPACE];

    (void)state;
    fill(x, 4);
    fill(w, 5);
    fill(dy, 6);
    for (size_t n = 1; n < MOST; n++) {
        float inverse[2];
        double sums[2];

        for (int t = 0; t < 2; t++) {
            inverse[t] = tables[t]->rms(x, n, 1e-5);
            fill(out[t], 7);
            tables[t]->scale(out[t], x, w, inverse[0], n);
        }
        near_all("scale", n, out[1], out[0]);
        assert_true(fabsf(inverse[1] - inverse[0]) <= 1e-5f * inverse[0]);
        for (int t = 0; t < 2; t++) {
            fill(out[t], 8);
            inverse[t] = tables[t]->exponentials(out[t], n, .7f, .3f);
        }
        near_all("exponentials", n, out[1], out[0]);
        assert_true(fabsf(inverse[1] - inverse[0]) <= 1e-5f * inverse[0]);
        for (int t = 0; t < 2; t++) {
            fill(out[t], 9);
            fill(more[t], 10);
            if (n > 3)
                out[t][2] = -INFINITY;
            tables[t]->attend_back(out[t], more[t], n, .5f, .1f, .2f);
            assert_true(n <= 3 || (out[t][2] == 0 && more[t][2] == 0));
        }
        near_all("attend_back", n, out[1], out[0]);
        near_all("attend_back", n, more[1], more[0]);
        for (int t = 0; t < 2; t++) {
            fill(out[t], 11);
            fill(more[t], 12);
            tables[t]->norm_back(out[t], more[t], x, w, dy, .8f, n);
        }
        near_all("norm_back", n, out[1], out[0]);
        near_all("norm_back", n, more[1], more[0]);
        for (int t = 0; t < 2; t++) {
            fill(out[t], 13);
            fill(more[t], 14);
            fill(third[t], 15);
            tables[t]->swiglu_back(out[t], more[t], third[t], x, w, n);
        }
        near_all("swiglu_back", n, out[1], out[0]);
        near_all("swiglu_back", n, more[1], more[0]);
        near_all("swiglu_back", n, third[1], third[0]);
        for (int t = 0; t < 2; t++) {
            fill(out[t], 16);
            tables[t]->unrope(out[t], w, n);
        }
        near_all("unrope", n, out[1], out[0]);
        for (int t = 0; t < 2; t++) {
            fill(out[t], 17);
            sums[t] = tables[t]->logsumexp(out[t], n, .9f);
            tables[t]->softmax(out[t], n, .9f, 1.5f, -.4f);
        }
        near_all("softmax", n, out[1], out[0]);
        assert_true(fabs(sums[1] - sums[0]) <= 1e-5);
    }
}

static void test_panels(void **state)
{
    const struct learn_ops_f32 *tables[2] = {&learn_ops_plain_f32, simd_ops()};
    static const size_t widths[] = {4, 6, 8, 12, 16, 32};
    static float x[SPACE], w[SPACE], inverse[SPACE], out[2][SPACE];

    (void)state;
    fill(x, 20);
    fill(w, 21);
    fill(inverse, 22);
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        for (size_t n = 1; n <= widths[i]; n++)
            for (int normed = 0; normed < 2; normed++) {
                for (int t = 0; t < 2; t++) {
                    fill(out[t], 23);
                    tables[t]->pack_columns(out[t], x, 41, n, widths[i], 23, normed ? inverse : NULL,
                                            normed ? w : NULL);
                }
                near_all("pack_columns", widths[i], out[1], out[0]);
            }
}

static void test_update(void **state)
{
    const struct learn_ops_f32 *tables[2] = {&learn_ops_plain_f32, simd_ops()};
    const struct adamw_rates_f32 rates = {.9f, .1f, .999f, .001f, .5f, .99f, .01f, 3, 1e-8f};
    static float w[2][SPACE], m[2][SPACE], v[2][SPACE], g[SPACE];

    (void)state;
    fill(g, 41);
    for (size_t n = 1; n < MOST; n++) {
        for (int t = 0; t < 2; t++) {
            fill(w[t], 42);
            fill(m[t], 43);
            fill(v[t], 44);
            for (size_t i = 0; i < SPACE; i++)
                v[t][i] *= v[t][i];
            tables[t]->adamw(w[t], m[t], v[t], g, n, &rates);
        }
        assert_memory_equal(w[0], w[1], sizeof(w[0]));
        assert_memory_equal(m[0], m[1], sizeof(m[0]));
        assert_memory_equal(v[0], v[1], sizeof(v[0]));
    }
}

static void test_transpose(void **state)
{
    const struct learn_ops_f32 *tables[2] = {&learn_ops_plain_f32, simd_ops()};
    static float x[SPACE], out[2][SPACE];

    (void)state;
    fill(x, 50);
    for (size_t rows = 1; rows < 20; rows += 3)
        for (size_t columns = 1; columns < 36; columns++) {
            float sums[2];

            for (int t = 0; t < 2; t++) {
                fill(out[t], 51);
                tables[t]->transpose(out[t], 23, x, 41, rows, columns);
                sums[t] = tables[t]->dot(x, out[0], columns);
            }
            assert_memory_equal(out[0], out[1], sizeof(out[0]));
            assert_true(fabsf(sums[0] - sums[1]) <= 1e-5f * 60);
        }
}

/* Rotation there and back. */
static void test_rotation(void **state)
{
    static float x[SPACE], kept[SPACE], turn[SPACE];

    (void)state;
    for (size_t half = 1; half < 32; half++) {
        fill(x, 30);
        memcpy(kept, x, sizeof(x));
        for (size_t k = 0; k < half; k++) {
            turn[k] = cosf((float)k + 1);
            turn[half + k] = sinf((float)k + 1);
        }
        ops_choose_f32(simd_choose())->rope(x, turn, half);
        learn_ops_choose_f32(simd_choose())->unrope(x, turn, half);
        near_all("rotation", half, x, kept);
    }
}

/* A logit that is no number is seen, wherever it stands. */
static void test_bad_logits(void **state)
{
    float x[MOST];

    (void)state;
    for (size_t i = 0; i < 40; i++)
        for (int kind = 0; kind < 4; kind++) {
            enum simd simd = kind & 1 ? simd_choose() : SIMD_NONE;

            for (size_t j = 0; j < 40; j++)
                x[j] = (float)j;
            x[i] = kind & 2 ? NAN : INFINITY;
            assert_false(isfinite(learn_ops_choose_f32(simd)->logsumexp(x, 40, 1)));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mul),      cmocka_unit_test(test_rows),       cmocka_unit_test(test_panels),
        cmocka_unit_test(test_rotation), cmocka_unit_test(test_bad_logits),
        cmocka_unit_test(test_update),   cmocka_unit_test(test_transpose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
