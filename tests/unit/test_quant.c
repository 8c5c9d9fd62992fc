/* Decoders against values of an independent implementation: the same bits, in both builds
 * of each decoder. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/quant.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/pool.h"
#include "src/base/reader.h"

static void read_golden(struct buf *out)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = xasprintf("%s/tests/golden/quant.bin", src ? src : ".");
    struct error err = {0};
    buf_init(out, 0);
    if (file_read(path, 1 << 20, 0, out, &err))
        fail_msg("%s: %s", path, err.text);
    free(path);
}

/* Every block at once, then block by block: decoders keep no state and do not write further. */
static void check_format(const struct weight_format *format, const uint8_t *blocks, size_t bytes,
                         const uint8_t *values, size_t n)
{
    assert_int_equal(n / format->block * format->bytes, bytes);
    float *out = xcalloc(n + 8, sizeof *out);
    for (size_t i = 0; i < 8; i++)
        out[n + i] = 77;
    format->decode(blocks, out, n);
    for (size_t i = 0; i < n; i++) {
        float expected;
        memcpy(&expected, values + 4 * i, 4);
        if (bits_of_float(out[i]) != bits_of_float(expected))
            fail_msg("%s, weight %zu: %a, expected %a", format->name, i, (double)out[i],
                     (double)expected);
    }
    for (size_t i = 0; i < 8; i++)
        assert_true(out[n + i] == 77);
    for (size_t b = 0; b < n / format->block; b++) {
        float one[256 + 1];
        one[format->block] = 77;
        format->decode(blocks + b * format->bytes, one, format->block);
        assert_memory_equal(one, out + b * format->block, format->block * sizeof *one);
        assert_true(one[format->block] == 77);
    }
    free(out);
}

static void check_all(void)
{
    struct buf file;
    read_golden(&file);
    struct reader r;
    reader_init(&r, file.data, file.len, "quant.bin");
    size_t n_formats, seen = 0;
    weight_formats(&n_formats);
    while (reader_left(&r) > 0) {
        uint32_t type, n, bytes;
        const uint8_t *blocks, *values;
        assert_int_equal(reader_u32(&r, &type, "type", NULL), 0);
        assert_int_equal(reader_u32(&r, &n, "n", NULL), 0);
        assert_int_equal(reader_u32(&r, &bytes, "bytes", NULL), 0);
        assert_int_equal(reader_bytes(&r, bytes, &blocks, "blocks", NULL), 0);
        assert_int_equal(reader_bytes(&r, 4 * (size_t)n, &values, "values", NULL), 0);
        const struct weight_format *format = weight_format(type);
        assert_non_null(format);
        check_format(format, blocks, bytes, values, n);
        seen++;
    }
    assert_int_equal(seen, n_formats);
    buf_release(&file);
}

static void test_values(void **state)
{
    (void)state;
    check_all();
}

/* The compute threads flush denormals; what a file means does not change by it. */
static void *flushed(void *arg)
{
    pool_flush_denormals();
    uint8_t blocks[20] = {0};
    const uint16_t d = 0x0001; /* the smallest half, 2^-24 */
    memcpy(blocks, &d, 2);
    memset(blocks + 4, 0x11, 16);
    weight_format(WEIGHT_Q4_1)->decode(blocks, arg, 32);
    ((float *)arg)[32] = half_to_float(0x8003);
    return NULL;
}

static void test_denormals_flushed(void **state)
{
    (void)state;
    float out[33];
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flushed, out), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 32; i++)
        assert_true(out[i] == 0x1p-24f);
    assert_true(out[32] == -3 * 0x1p-24f);
}

static void test_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 1u << 16; h++) {
        const int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
        double expected = exponent == 0 ? ldexp(mantissa, -24)
                                        : ldexp(1024 + mantissa, exponent - 25);
        if (h & 0x8000)
            expected = -expected;
        const float f = half_to_float((uint16_t)h);
        if (exponent == 31)
            assert_true(mantissa ? isnan(f) : isinf(f) && (f < 0) == (h >> 15 != 0));
        else
            assert_true((double)f == expected && (signbit(f) != 0) == (h >> 15 != 0));
        assert_int_equal(half_is_finite((uint16_t)h), exponent != 31);
    }
}

/* A NaN or infinite scale, in each half of each format, is found and counted. */
static void test_bad_weights(void **state)
{
    (void)state;
    static const struct {
        enum weight_type type;
        size_t at[2], n;
        uint16_t bad;
    } rows[] = {
        {WEIGHT_F32, {2}, 1, 0x7f80},   {WEIGHT_F16, {0}, 1, 0x7c00},
        {WEIGHT_BF16, {0}, 1, 0xff81},  {WEIGHT_Q8_0, {0}, 1, 0xfc00},
        {WEIGHT_Q4_0, {0}, 1, 0x7e00},  {WEIGHT_Q4_1, {0, 2}, 2, 0x7c01},
        {WEIGHT_Q5_0, {0}, 1, 0x7c00},  {WEIGHT_Q5_1, {0, 2}, 2, 0x7c00},
        {WEIGHT_IQ4_NL, {0}, 1, 0x7c00}, {WEIGHT_Q4_K, {0, 2}, 2, 0x7c00},
        {WEIGHT_Q5_K, {0, 2}, 2, 0xffff}, {WEIGHT_Q6_K, {208}, 1, 0x7c00},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct weight_format *f = weight_format(rows[i].type);
        const size_t blocks = 6;
        uint8_t *data = xcalloc(blocks, f->bytes);
        /* 3 rows of 2 blocks */
        const struct weight w = {f, data, 3, 2 * f->block, 2 * f->bytes, NULL};
        size_t first = 99;
        assert_int_equal(weight_bad(&w, &first), 0);
        assert_int_equal(first, 99);
        for (size_t k = 0; k < rows[i].n; k++) {
            memset(data, 0, blocks * f->bytes);
            memcpy(data + 3 * f->bytes + rows[i].at[k], &rows[i].bad, 2);
            memcpy(data + 5 * f->bytes + rows[i].at[k], &rows[i].bad, 2);
            assert_int_equal(weight_bad(&w, &first), 2 * f->block);
            assert_int_equal(first, 3 * f->block);
        }
        free(data);
    }
}

static void test_row_map(void **state)
{
    (void)state;
    const float data[6] = {1, 2, 3, 4, 5, 6};
    const uint32_t map[3] = {2, 0, 1};
    const struct weight w = {weight_format(WEIGHT_F32), (const uint8_t *)data, 3, 2, 8, map};
    float out[2];
    weight_row(&w, 0, out);
    assert_true(out[0] == 5 && out[1] == 6);
    weight_row(&w, 2, out);
    assert_true(out[0] == 3 && out[1] == 4);
    assert_null(weight_format(999));
    assert_null(weight_format(4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),      cmocka_unit_test(test_denormals_flushed),
        cmocka_unit_test(test_halves),      cmocka_unit_test(test_bad_weights),
        cmocka_unit_test(test_row_map),
    };
    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
