/* Products against the naive sum in double, and that rows keep their bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/blas.h"
#include "models/kernel.h"
#include "src/base/file.h"
#include "src/base/mem.h"

static double element(size_t i)
{
    return sin(0.7 * (double)i) + 0.25 * cos(0.013 * (double)i);
}

static void put(enum blas_real real, void *data, size_t i, double x)
{
    if (real == BLAS_F64)
        ((double *)data)[i] = x;
    else
        ((float *)data)[i] = (float)x;
}

static double get(enum blas_real real, const void *data, size_t i)
{
    return real == BLAS_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static void *matrix(enum blas_real real, size_t n, size_t phase)
{
    void *data = xmalloc((n + 1) * blas_real_size(real));

    for (size_t i = 0; i < n; i++)
        put(real, data, i, element(i + phase));
    return data;
}

static void *packed(enum blas_real real, const void *src, size_t rows, size_t depth,
                    size_t row_stride, size_t depth_stride, size_t width)
{
    void *dst = mem_try(blas_packed_size(real, rows, depth, width), "a test", NULL);

    assert_non_null(dst);
    blas_pack(real, dst, src, rows, depth, row_stride, depth_stride, width, 0,
              (rows + width - 1) / width);
    return dst;
}

/* y (m x ldy) = or += x (m x k) w^T (n x k) with everything packed for this. */
static void multiply(const struct blas_kernel *kernel, enum blas_real real, const void *x,
                     size_t m, const void *w, size_t n, size_t k, void *y, size_t ldy, bool add,
                     struct pool *pool)
{
    const struct blas_micro *micro = &kernel->micro[real];
    void *px = packed(real, x, m, k, k, 1, micro->tall);
    void *pw = packed(real, w, n, k, k, 1, micro->wide);
    struct blas_panels panels = {
        .real = real, .rows = n, .depth = k, .data = pw, .wide = micro->wide};
    struct blas_gemm gemm = {.kernel = kernel,
                             .weights = &panels,
                             .x = px,
                             .m = m,
                             .y = y,
                             .ldy = ldy,
                             .add = add};

    blas_gemm(&gemm, pool, POOL_PROBE);
    free(px);
    free(pw);
}

static void check_product(const struct blas_kernel *kernel, enum blas_real real, size_t m,
                          size_t n, size_t k, bool add, struct pool *pool)
{
    size_t ldy = n + 3;
    void *x = matrix(real, m * k, 1), *w = matrix(real, n * k, 17);
    void *y = matrix(real, m * ldy, 5), *old = matrix(real, m * ldy, 5);
    double eps = real == BLAS_F64 ? 2.3e-16 : 1.2e-7;

    multiply(kernel, real, x, m, w, n, k, y, ldy, add, pool);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldy; j++) {
            double want = get(real, old, i * ldy + j), size = 1;

            if (j < n) {
                want = add ? want : 0;
                for (size_t d = 0; d < k; d++) {
                    double term = get(real, x, i * k + d) * get(real, w, j * k + d);

                    want += term;
                    size += fabs(term);
                }
            }
            if (fabs(get(real, y, i * ldy + j) - want) > eps * sqrt((double)k) * size)
                fail_msg("%s %zux%zux%zu: %zu,%zu is %.9g, wanted %.9g", kernel->name, m, n, k, i,
                         j, get(real, y, i * ldy + j), want);
        }
    free(x);
    free(w);
    free(y);
    free(old);
}

static void test_products_are_right(void **state)
{
    static const size_t shapes[][3] = {{1, 1, 1},     {1, 17, 5},    {5, 16, 33},   {6, 16, 256},
                                       {7, 31, 257},  {13, 100, 96}, {48, 64, 320}, {49, 65, 321},
                                       {145, 40, 70}, {300, 33, 576}};
    struct blas_kernel kernels[BLAS_KERNELS_MAX];
    size_t n = blas_kernels(kernels);
    struct pool *pool = pool_new(2);

    (void)state;
    assert_true(n > 0);
    for (size_t f = 0; f < n; f++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (int real = BLAS_F32; real <= BLAS_F64; real++)
                for (int add = 0; add < 2; add++)
                    check_product(&kernels[f], real, shapes[s][0], shapes[s][1], shapes[s][2],
                                  add, pool);
    pool_free(pool);
}

/* dY W and X^T dY are the same product with other strides. */
static void test_transposes_pack_the_same(void **state)
{
    enum { ROWS = 37, DEPTH = 21, WIDTH = 16 };
    float *straight = matrix(BLAS_F32, ROWS * DEPTH, 3),
          *turned = xmalloc(sizeof(float) * ROWS * DEPTH);
    void *a, *b;

    (void)state;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t k = 0; k < DEPTH; k++)
            turned[k * ROWS + r] = straight[r * DEPTH + k];
    a = packed(BLAS_F32, straight, ROWS, DEPTH, DEPTH, 1, WIDTH);
    b = packed(BLAS_F32, turned, ROWS, DEPTH, 1, ROWS, WIDTH);
    assert_memory_equal(a, b, blas_packed_size(BLAS_F32, ROWS, DEPTH, WIDTH) - BLAS_SLACK);
    free(a);
    free(b);
    free(straight);
    free(turned);
}

/* A row multiplied alone, in every place of a batch, with 1, 2 and 4 threads: the same bits. */
static void test_rows_keep_their_bits(void **state)
{
    enum { M = 301, N = 85, K = 600 };
    struct blas_kernel kernels[BLAS_KERNELS_MAX];
    size_t n = blas_kernels(kernels);
    float *x = matrix(BLAS_F32, M * K, 1), *w = matrix(BLAS_F32, N * K, 17);
    float *all = xmalloc(sizeof(float) * M * N), *one = xmalloc(sizeof(float) * M * N);

    (void)state;
    for (size_t f = 0; f < n; f++) {
        multiply(&kernels[f], BLAS_F32, x, M, w, N, K, all, N, false, NULL);
        for (int threads = 1; threads <= 4; threads *= 2) {
            struct pool *pool = pool_new(threads);

            multiply(&kernels[f], BLAS_F32, x, M, w, N, K, one, N, false, pool);
            assert_memory_equal(one, all, sizeof(float) * M * N);
            for (size_t first = 0; first < M; first += 97)
                for (size_t m = 1; m <= 8; m += 3) {
                    m = m > M - first ? M - first : m;
                    multiply(&kernels[f], BLAS_F32, x + first * K, m, w, N, K, one, N, false, pool);
                    assert_memory_equal(one, all + first * N, sizeof(float) * m * N);
                }
            pool_free(pool);
        }
    }
    free(x);
    free(w);
    free(all);
    free(one);
}

static void fill_from_rows(const struct blas_panels *panels, size_t panel, size_t k0, size_t kn,
                           void *out)
{
    const float *w = panels->fill_arg;
    float *to = out;

    for (size_t k = 0; k < kn; k++)
        for (size_t r = 0; r < panels->wide; r++) {
            size_t row = panel * panels->wide + r;

            *to++ = row < panels->rows ? w[row * panels->depth + k0 + k] : 0;
        }
}

/* Panels made when they are needed give the bits of those that were kept. */
static void test_filled_panels_are_packed_panels(void **state)
{
    enum { M = 50, N = 70, K = 700 };
    struct blas_kernel kernel;
    char chosen_by[16];
    float *x = matrix(BLAS_F32, M * K, 1), *w = matrix(BLAS_F32, N * K, 17);
    float *kept = xmalloc(sizeof(float) * M * N), *filled = xmalloc(sizeof(float) * M * N);
    struct blas_panels panels = {
        .real = BLAS_F32, .rows = N, .depth = K, .fill = fill_from_rows, .fill_arg = w};
    struct blas_gemm gemm = {.weights = &panels, .m = M, .y = filled, .ldy = N};
    void *px;

    (void)state;
    assert_int_equal(kernel_choose(NULL, &kernel, chosen_by, NULL), 0);
    px = packed(BLAS_F32, x, M, K, K, 1, kernel.micro[BLAS_F32].tall);
    panels.wide = kernel.micro[BLAS_F32].wide;
    gemm.kernel = &kernel;
    gemm.x = px;
    blas_gemm(&gemm, NULL, POOL_PROBE);
    multiply(&kernel, BLAS_F32, x, M, w, N, K, kept, N, false, NULL);
    assert_memory_equal(kept, filled, sizeof(float) * M * N);
    free(px);
    free(x);
    free(w);
    free(kept);
    free(filled);
}

static void test_blocks_of_the_depth(void **state)
{
    (void)state;
    for (size_t depth = 1; depth < 20000; depth++) {
        size_t kc = blas_kc(depth);

        assert_true(kc > 0 && kc <= BLAS_KC_MAX && kc % 32 == 0);
        assert_true(depth % 256 != 0 || kc == 256);
    }
    assert_int_equal(blas_packed_size(BLAS_F32, SIZE_MAX / 2, 64, 16), 0);
}

static void test_the_choice_is_remembered(void **state)
{
    char dir[] = "/tmp/rlaif-kernel-XXXXXX", chosen_by[16];
    struct blas_kernel first, second;
    struct error err = {0};
    char *path;

    (void)state;
    if (getenv("BLIS_ARCH_TYPE") || getenv("RLAIF_SIMD"))
        skip();
    assert_non_null(mkdtemp(dir));
    assert_int_equal(kernel_choose(dir, &first, chosen_by, &err), 0);
    assert_string_equal(chosen_by, "timed");
    assert_int_equal(kernel_choose(dir, &second, chosen_by, &err), 0);
    assert_string_equal(chosen_by, "cached");
    assert_string_equal(first.name, second.name);
    path = path_join(dir, "blis-kernel");
    /* Nonsense in the file costs only another timing. */
    assert_int_equal(file_put(path, "nonsense", 8, NULL), 0);
    assert_int_equal(kernel_choose(dir, &second, chosen_by, &err), 0);
    assert_string_equal(chosen_by, "timed");
    remove(path);
    remove(dir);
    free(path);
}

static void test_the_environment_wins(void **state)
{
    struct blas_kernel kernel;
    struct error err = {0};
    char chosen_by[16];

    (void)state;
    if (getenv("BLIS_ARCH_TYPE") || getenv("RLAIF_SIMD"))
        skip();
    setenv("BLIS_ARCH_TYPE", "generic", 1);
    assert_int_equal(kernel_choose(NULL, &kernel, chosen_by, &err), 0);
    assert_string_equal(kernel.name, "generic");
    assert_string_equal(chosen_by, "environment");
    setenv("BLIS_ARCH_TYPE", "999", 1);
    assert_int_equal(kernel_choose(NULL, &kernel, chosen_by, &err), -1);
    assert_non_null(strstr(err.text, "999"));
    unsetenv("BLIS_ARCH_TYPE");
    setenv("RLAIF_SIMD", "none", 1);
    assert_int_equal(kernel_choose(NULL, &kernel, chosen_by, &err), 0);
    assert_string_equal(kernel.name, "generic");
    unsetenv("RLAIF_SIMD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_are_right),
        cmocka_unit_test(test_transposes_pack_the_same),
        cmocka_unit_test(test_rows_keep_their_bits),
        cmocka_unit_test(test_filled_panels_are_packed_panels),
        cmocka_unit_test(test_blocks_of_the_depth),
        cmocka_unit_test(test_the_choice_is_remembered),
        cmocka_unit_test(test_the_environment_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
