/* Weights of every format as panels: packed copy, bytes and blocks made for a tile have
 * the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/compact.h"
#include "models/quant.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

enum { ROWS = 37, DEPTH = 512 };

/* Random blocks whose halves are finite: the exponent of every half is made moderate. */
static void make_weight(struct weight *out, const struct weight_format *format, size_t rows,
                        uint64_t seed)
{
    size_t row_bytes = DEPTH / format->block * format->bytes, n = rows * row_bytes;
    struct rng_key key = rng_key(seed, "blocks", format->name);
    uint8_t *data = xmalloc(n);

    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)rng_bits(key, i);
    if (format->block == 1)
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)(i % format->bytes == format->bytes - 1 ? 0x3c : data[i]);
    for (size_t i = 0; format->block > 1 && i < n; i += format->bytes) {
        /* d first, and m or dmin behind it; Q6_K has its d at the end. Signs and zeros of d too. */
        data[i + 1] = (uint8_t)(0x20 | (data[i + 1] & 0x87));
        data[i + 3] = (uint8_t)(0x20 | (data[i + 3] & 0x87));
        data[i + format->bytes - 1] = (uint8_t)(data[i + format->bytes - 1] & 0xbf);
        if (i / format->bytes % 11 == 3)
            data[i] = data[i + 1] = 0;
    }
    *out = (struct weight){.format = format,
                           .data = data,
                           .rows = rows,
                           .cols = DEPTH,
                           .row_bytes = row_bytes};
}

static void check_panels(const struct blas_panels *panels, const struct panel_source *source,
                         const char *what)
{
    static float rows[BLAS_WIDE_MAX * DEPTH], made[BLAS_WIDE_MAX * BLAS_KC_MAX];
    size_t kc = blas_kc(DEPTH), wide = panels->wide;

    for (size_t p = 0; p * wide < panels->rows; p++) {
        panels_rows(source, BLAS_F32, p * wide, wide, rows);
        for (size_t k0 = 0; k0 < DEPTH; k0 += kc) {
            size_t kn = DEPTH - k0 < kc ? DEPTH - k0 : kc;
            const float *block = made;

            if (panels->data)
                block = (const float *)panels->data + (p * DEPTH + k0) * wide;
            else
                panels->fill(panels, p, k0, kn, made);
            for (size_t k = 0; k < kn; k++)
                for (size_t r = 0; r < wide; r++)
                    if (!(block[k * wide + r] == rows[r * DEPTH + k0 + k]))
                        fail_msg("%s: row %zu, column %zu: %.9g, wanted %.9g", what, p * wide + r,
                                 k0 + k, (double)block[k * wide + r],
                                 (double)rows[r * DEPTH + k0 + k]);
        }
    }
}

static void check_format(const struct weight_format *format, const struct blas_kernel *kernel,
                         enum simd simd, struct pool *pool, size_t *compact)
{
    static const uint32_t map[ROWS] = {5, 4, 3, 2, 1, 0, 36, 35, 7, 8, 9};
    struct panel_source source = {.n_parts = 2, .simd = simd};
    struct blas_panels panels;
    struct error err = {0};
    char what[64];
    int made;

    snprintf(what, sizeof(what), "%s on %s, %s", format->name, kernel->name, simd_name(simd));
    make_weight(&source.parts[0], format, ROWS, 1);
    make_weight(&source.parts[1], format, 5, 2);
    source.parts[0].row_map = map;
    panels_init(&panels, &source, BLAS_F32, kernel);
    check_panels(&panels, &source, what);
    made = compact_pack(&panels, &source, pool, POOL_PROBE, NULL, &err);
    assert_true(made >= 0);
    assert_int_equal(made, compact_can(&panels, &source));
    if (made) {
        assert_true(compact_bytes(&panels) < panels_bytes(&panels) / 3);
        check_panels(&panels, &source, what);
    }
    *compact += (size_t)made;
    panels_init(&panels, &source, BLAS_F32, kernel);
    assert_int_equal(panels_pack(&panels, pool, POOL_PROBE, NULL, &err), 0);
    check_panels(&panels, &source, what);
    panels_release(&panels);
    compact_release(&source);
    free((void *)source.parts[0].data);
    free((void *)source.parts[1].data);
}

static void test_formats(void **state)
{
    struct blas_kernel kernels[BLAS_KERNELS_MAX];
    size_t n_kernels = blas_kernels(kernels), n_formats, compact = 0;
    const struct weight_format *formats = weight_formats(&n_formats);
    struct pool *pool = pool_new(2);

    (void)state;
    assert_true(n_kernels > 0 && n_formats > 5);
    for (size_t f = 0; f < n_formats; f++)
        for (size_t k = 0; k < n_kernels; k++) {
            check_format(&formats[f], &kernels[k], SIMD_NONE, pool, &compact);
            check_format(&formats[f], &kernels[k], simd_choose(), pool, &compact);
        }
    /* Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0. */
    assert_int_equal(compact, 5 * 2 * n_kernels);
    pool_free(pool);
}

/* A decoder that means something else than its layout: bytes are then not made. */
static void decode_otherwise(const void *blocks, float *out, size_t n)
{
    decode_q4_0(blocks, out, n);
    out[n - 1] += 1;
}

static void test_bytes_are_checked(void **state)
{
    struct weight_format odd = *weight_format(WEIGHT_Q4_0);
    struct panel_source source = {.n_parts = 1, .simd = simd_choose()};
    struct blas_kernel kernels[BLAS_KERNELS_MAX];
    struct blas_panels panels;
    struct pool *pool = pool_new(1);
    struct cancel cancel = {.asked = true};
    struct error err = {0};

    (void)state;
    assert_true(blas_kernels(kernels) > 0);
    odd.decode = decode_otherwise;
    make_weight(&source.parts[0], &odd, ROWS, 1);
    panels_init(&panels, &source, BLAS_F32, &kernels[0]);
    assert_int_equal(compact_pack(&panels, &source, pool, POOL_PROBE, NULL, &err), 0);
    assert_null(source.bytes);
    assert_int_equal(compact_pack(&panels, &source, pool, POOL_PROBE, &cancel, &err), -1);
    assert_int_equal(err.kind, ERROR_CANCELLED);
    assert_int_equal(panels_pack(&panels, pool, POOL_PROBE, &cancel, &err), -1);
    assert_null(panels.data);
    free((void *)source.parts[0].data);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_bytes_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
