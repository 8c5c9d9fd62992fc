/* JSON, random numbers, hashes, the bounded reader, the clock. */
#include "tests/unit/base_fixture.h"

/* ---- JSON ---- */

static void test_json_errors(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *error;
    } cases[] = {
        {BYTES("{\"a\":1,\"a\":2}"), "f.jsonl:5:10: duplicate object key near '\"a\"'"},
        {BYTES("[1,]"), "f.jsonl:5:4: unexpected token near ']'"},
        {BYTES(""), "f.jsonl:5:1: unexpected token near end of file"},
        {BYTES("{} x"), "f.jsonl:5:4: end of file expected near 'x'"},
        {BYTES("\n\n[1,\n 2 3]"), "f.jsonl:8:4: ']' expected near '3'"},
        {BYTES("[NaN]"), "f.jsonl:5:4: invalid token near 'NaN'"},
        {BYTES("[1e999]"), "f.jsonl:5:6: real number overflow near '1e999'"},
    };
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(json_parse(cases[i].text, cases[i].len, "f.jsonl", 5, &err));
        assert_error(&err, cases[i].error);
    }
    assert_null(json_parse(NULL, 0, NULL, 0, NULL));
    assert_null(json_parse(BYTES("\"\xFF\""), "f", 1, &err));
    assert_int_equal(err.kind, ERROR_DATA);
}

static void test_json_depth(void **state)
{
    struct error err;
    struct buf text;
    json_t *value;

    (void)state;
    buf_init(&text, 0);
    buf_fill(&text, '[', 64);
    buf_fill(&text, ']', 64);
    value = json_parse(buf_str(&text), text.len, "f", 1, &err);
    assert_non_null(value);
    json_decref(value);
    buf_clear(&text);
    buf_adds(&text, "\n\"[[\\\"\xC3\xA9\"\n ");
    buf_fill(&text, '[', 1000000);
    assert_null(json_parse(buf_str(&text), text.len, "f", 7, &err));
    assert_error(&err, "f:9:66: nested deeper than 64");
    /* Brackets in strings do not count. */
    buf_clear(&text);
    buf_adds(&text, "[\"\\\"");
    buf_fill(&text, '[', 100);
    buf_adds(&text, "\\\\\"]");
    value = json_parse(buf_str(&text), text.len, "f", 1, &err);
    assert_non_null(value);
    json_decref(value);
    buf_release(&text);
}

static void test_json_write(void **state)
{
    /* read, written; NULL: the same */
    static const char *const cases[][2] = {
        {"{\"z\":1,\"a\":[true,false,null],\"m\":{}}", NULL},
        {"[]", NULL},
        {"{}", NULL},
        {" [ 1 , 2 ] ", "[1,2]"},
        {"[0.1,0.5,-1.25,1e-110,1e+22,9007199254740993]",
         "[0.1,0.5,-1.25,1e-110,1e+22,9007199254740993]"},
        {"[5.0,-0.0,0.0,123456789.125]", "[5,-0.0,0,123456789.125]"},
        {"\"a\\\"b\\\\c\\/d\"", "\"a\\\"b\\\\c/d\""},
        {"\"\\b\\f\\n\\r\\t\\u0000\\u001b\\u007f\"", NULL},
        {"\"\\u009b\\u202e\\u200b\\ufeff\\u2028\\u00ad\"", NULL},
        {"\"\\udb40\\udc41\"", NULL},
        {"\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80 \xE2\x9D\xA4\xEF\xB8\x8F\"", NULL},
        {"\"\\u00fc\\ud83d\\ude00\"", "\"\xC3\xBC\xF0\x9F\x98\x80\""},
        {"{\"\\u001b[31m\":1}", NULL},
        {"-9223372036854775808", NULL},
        {"\"\"", NULL},
    };
    struct error err;
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *value = json_parse(cases[i][0], strlen(cases[i][0]), "f", 1, &err);

        assert_non_null(value);
        buf_clear(&out);
        json_write(&out, value);
        assert_string_equal(buf_str(&out), cases[i][1] ? cases[i][1] : cases[i][0]);
        json_decref(value);
    }
    buf_clear(&out);
    json_write(&out, NULL);
    assert_string_equal(buf_str(&out), "null");
    buf_release(&out);
}

static void test_json_write_bounds(void **state)
{
    struct buf out;
    json_t *value = json_array();

    (void)state;
    for (int i = 0; i < 300; i++) {
        json_t *outer = json_array();

        json_array_append_new(outer, value);
        value = outer;
    }
    buf_init(&out, 0);
    json_write(&out, value);
    assert_true(out.full);
    json_decref(value);
    buf_release(&out);
    buf_init(&out, 8);
    value = json_text0("much longer than eight");
    json_write(&out, value);
    assert_true(out.full);
    json_decref(value);
    buf_release(&out);
}

static void test_json_reals(void **state)
{
    static const struct {
        double x;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {5, "5"},
        {-0.0, "-0.0"},
        {0.0, "0"},
        {1e23, "1e+23"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1e-310, "1e-310"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    struct rng_key key = rng_key(1, "test", "reals");
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_clear(&out);
        json_write_real(&out, cases[i].x);
        assert_string_equal(buf_str(&out), cases[i].text);
    }
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = rng_bits(key, i);
        double x, back;
        json_t *value;

        memcpy(&x, &bits, sizeof(x));
        if (!isfinite(x))
            continue;
        buf_clear(&out);
        json_write_real(&out, x);
        value = json_parse(buf_str(&out), out.len, "f", 1, NULL);
        assert_non_null(value);
        back = json_number_value(value);
        assert_memory_equal(&back, &x, sizeof(x));
        json_decref(value);
    }
    buf_release(&out);
}

static void assert_json(json_t *value, const char *expected)
{
    struct buf out;

    buf_init(&out, 0);
    json_write(&out, value);
    assert_string_equal(buf_str(&out), expected);
    buf_release(&out);
    json_decref(value);
}

static void test_json_make(void **state)
{
    (void)state;
    assert_json(json_text(BYTES("a\xFF\xC3\xA9\xE2\x82")),
                "\"a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_json(json_text(BYTES("a\0b")), "\"a\\u0000b\"");
    assert_json(json_text(NULL, 0), "\"\"");
    assert_json(json_text0(NULL), "null");
    assert_json(json_text0("x"), "\"x\"");
    assert_json(json_number_or_null(NAN), "null");
    assert_json(json_number_or_null(0.25), "0.25");
    assert_json(json_interval(0.5, INFINITY), "[0.5,null]");
}

/* ---- random numbers and hashes ---- */

static void test_rng_fixed(void **state)
{
    /* The vector of 8 bytes in SipHash's own test. */
    const struct rng_key sip = {UINT64_C(0x0706050403020100),
                                UINT64_C(0x0f0e0d0c0b0a0908)};
    static const struct {
        uint64_t bits;
        double uniform, normal;
        uint64_t below;
    } values[] = {
        {UINT64_C(0xb8638de4c580f820), 0.72026907763711623, 1.8013272476731057, 72},
        {UINT64_C(0xc7b242bf268cc34b), 0.78006379286539407, -1.4551589963399651, 78},
        {UINT64_C(0x0e13c8aaf83a9a3b), 0.054989377728114852, 0.90187446902586255, 5},
    };
    struct rng_key key = rng_key(7, "sim noise", "p1"), sub = rng_sub(key, 3);

    (void)state;
    assert_true(rng_bits(sip, UINT64_C(0x0706050403020100)) ==
                UINT64_C(0x93f5f5799a932462));
    assert_true(key.k0 == UINT64_C(0x5812bc9f38b7972c));
    assert_true(key.k1 == UINT64_C(0x3182498ea3923dfe));
    assert_true(sub.k0 == UINT64_C(0x5b8b5e9a30fd7ae9));
    assert_true(sub.k1 == UINT64_C(0x6c319694c8d86cff));
    /* Backwards: the order in which numbers are asked for must not matter. */
    for (size_t i = COUNT(values); i-- > 0;) {
        assert_true(rng_bits(key, i) == values[i].bits);
        assert_true(rng_uniform(key, i) == values[i].uniform);
        assert_true(fabs(rng_normal(key, i) - values[i].normal) < 1e-12);
        assert_true(rng_below(key, i, 100) == values[i].below);
    }
}

static void test_rng_keys_differ(void **state)
{
    struct rng_key a = rng_key(1, "ab", "c");
    struct rng_key others[] = {
        rng_key(2, "ab", "c"), rng_key(1, "a", "bc"),     rng_key(1, "ab", "d"),
        rng_key(1, "", "abc"), rng_key(1, "c", "ab"),     rng_sub(a, 0),
        rng_sub(a, 1),         rng_sub(rng_sub(a, 0), 0),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_true(others[i].k0 != a.k0 && others[i].k1 != a.k1);
        for (size_t j = 0; j < i; j++)
            assert_true(others[i].k0 != others[j].k0);
    }
}

static void test_rng_spread(void **state)
{
    enum { N = 100000, BINS = 64 };
    struct rng_key key = rng_key(3, "test", "spread");
    double sum = 0, square = 0, cross = 0, last = 0, chi = 0;
    size_t bins[BINS] = {0};
    int ones[64] = {0};

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        double u = rng_uniform(key, i), z = rng_normal(key, i);
        uint64_t bits = rng_bits(rng_sub(key, i), 0);

        assert_true(u > 0 && u < 1);
        assert_true(rng_below(key, i, 7) < 7);
        bins[rng_below(key, i, BINS)]++;
        sum += z;
        square += z * z;
        cross += z * last;
        last = z;
        for (int b = 0; b < 64; b++)
            ones[b] += bits >> b & 1;
    }
    assert_true(rng_below(key, 0, 1) == 0);
    for (int i = 0; i < BINS; i++) {
        double off = (double)bins[i] - (double)N / BINS;

        chi += off * off / ((double)N / BINS);
    }
    assert_true(chi > 25 && chi < 120); /* 63 expected, sd 11 */
    assert_true(fabs(sum / N) < 0.016);
    assert_true(fabs(square / N - 1) < 0.022);
    assert_true(fabs(cross / N) < 0.016);
    for (int b = 0; b < 64; b++)
        assert_true(abs(ones[b] - N / 2) < 800);
}

static void test_hash(void **state)
{
    static const char abc[] =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct hash hash;
    uint8_t one[32], two[32];
    char hex[65];

    (void)state;
    hash_bytes("abc", 3, one);
    hash_hex(one, hex);
    assert_string_equal(hex, abc);
    hash_init(&hash);
    hash_add(&hash, "a", 1);
    hash_add(&hash, NULL, 0);
    hash_add(&hash, "bc", 2);
    hash_end(&hash, two);
    assert_memory_equal(one, two, 32);
    hash_init(&hash);
    hash_field(&hash, "ab", 2);
    hash_field(&hash, "c", 1);
    hash_end(&hash, one);
    hash_init(&hash);
    hash_field(&hash, "a", 1);
    hash_field(&hash, "bc", 2);
    hash_end(&hash, two);
    assert_memory_not_equal(one, two, 32);
    hash_init(&hash);
    hash_u64(&hash, UINT64_C(0x0807060504030201));
    hash_end(&hash, one);
    hash_bytes("\1\2\3\4\5\6\7\10", 8, two);
    assert_memory_equal(one, two, 32);
}

/* ---- reader and clock ---- */

static void test_reader(void **state)
{
    static const uint8_t data[] = {1,  2,  3,  4,  5, 6, 7,    8,    9,   10,  11,
                                   12, 13, 14, 15, 0, 0, 0x80, 0x3F, 'x', 'y', 'z'};
    struct reader r;
    struct error err;
    const uint8_t *bytes = NULL;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64 = 77;
    float f32;

    (void)state;
    reader_init(&r, data, sizeof(data), "f");
    assert_int_equal(reader_u8(&r, &u8, "a", &err), 0);
    assert_int_equal(u8, 1);
    assert_int_equal(reader_u16(&r, &u16, "a", &err), 0);
    assert_int_equal(u16, 0x0302);
    assert_int_equal(reader_u32(&r, &u32, "a", &err), 0);
    assert_int_equal(u32, 0x07060504);
    assert_int_equal(reader_u64(&r, &u64, "a", &err), 0);
    assert_true(u64 == UINT64_C(0x0f0e0d0c0b0a0908));
    assert_int_equal(reader_f32(&r, &f32, "a", &err), 0);
    assert_true(f32 == 1.0f);
    assert_int_equal(reader_left(&r), 3);
    assert_int_equal(reader_u64(&r, &u64, "the count", &err), -1);
    assert_error(&err,
                 "f: byte 0x13: the file ends inside the count (needs 8 bytes, 3 left)");
    assert_true(u64 == UINT64_C(0x0f0e0d0c0b0a0908));
    assert_int_equal(reader_u32(&r, &u32, "a", NULL), -1);
    assert_int_equal(reader_f32(&r, &f32, "a", NULL), -1);
    assert_int_equal(reader_bytes(&r, SIZE_MAX, &bytes, "a", &err), -1);
    assert_null(bytes);
    assert_int_equal(reader_bytes(&r, 3, &bytes, "a", &err), 0);
    assert_memory_equal(bytes, "xyz", 3);
    assert_int_equal(reader_u8(&r, &u8, "a", &err), -1);
    assert_error(&err, "f: byte 0x16: the file ends inside a (needs 1 byte, 0 left)");
    assert_int_equal(reader_u16(&r, &u16, "a", NULL), -1);
    assert_int_equal(reader_bytes(&r, 0, &bytes, "a", &err), 0);
}

static void test_clock_and_cancel(void **state)
{
    struct cancel cancel = {.asked = false};
    double before = clock_seconds();

    (void)state;
    assert_true(clock_seconds() >= before);
    assert_true(clock_wall_ms() / 1000 - (int64_t)time(NULL) <= 1);
    assert_false(cancel_asked(NULL));
    assert_false(cancel_asked(&cancel));
    cancel_ask(&cancel);
    assert_true(cancel_asked(&cancel));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_errors),
        cmocka_unit_test(test_json_depth),
        cmocka_unit_test(test_json_write),
        cmocka_unit_test(test_json_write_bounds),
        cmocka_unit_test(test_json_reals),
        cmocka_unit_test(test_json_make),
        cmocka_unit_test(test_rng_fixed),
        cmocka_unit_test(test_rng_keys_differ),
        cmocka_unit_test(test_rng_spread),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_clock_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
