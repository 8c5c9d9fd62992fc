/*
 * safetensors: what is written reads back, files of the format's own library read here, and every
 * kind of broken file is refused with the tensor and the byte.
 */
#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "models/quant.h"
#include "models/safetensors.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/mem.h"

static char *temp_dir(void)
{
    char name[] = "/tmp/rlaif-st-XXXXXX";
    assert_non_null(mkdtemp(name));
    return xstrdup(name);
}

static void assert_match(const char *id, const char *pattern, const char *text)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
        fail_msg("%s: bad pattern %s", id, pattern);
    const int found = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    if (found)
        fail_msg("%s: '%s' does not match '%s'", id, text, pattern);
}

/* Length, header, and `data` bytes that count up. An exact copy, so that a sanitizer sees
 * a read past its end. */
static uint8_t *make_file(const char *header, size_t header_len, size_t data, size_t *size)
{
    *size = 8 + header_len + data;
    uint8_t *out = xmalloc(*size);
    const uint64_t len = header_len;
    memcpy(out, &len, 8);
    memcpy(out + 8, header, header_len);
    for (size_t i = 0; i < data; i++)
        out[8 + header_len + i] = (uint8_t)i;
    return out;
}

/* ---- broken files ---- */

struct bad_case {
    const char *id, *header;
    size_t data;
    int64_t byte; /* -2: anywhere in the file */
    const char *pattern;
};
#define F32(name, shape, from, to) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static const struct bad_case bad_cases[] = {
    {"st-start", "[1,2]", 0, 8, "begins with \\[, not with \\{"},
    {"st-start", " {}", 0, 8, "begins with  , not with"},
    {"st-start", "\xef\xbb\xbf{}", 0, 8, "begins with"},
    {"st-utf8", "{\"a\xff\":1}", 0, 11, "not UTF-8"},
    {"st-utf8", "{\"\xed\xa0\x80\":1}", 0, 10, "not UTF-8"},
    {"st-json", "{\"a\"", 0, 12, "the header ends behind a tensor's name, where ':'"},
    {"st-json", "{\"a", 0, 11, "ends inside a text"},
    {"st-json", "{\"a\\", 0, 12, "ends inside a text"},
    {"st-json", "{\"a\":{", 0, 14, "ends as a field of a tensor"},
    {"st-json", "{\"a\":7}", 0, 13, "'\\{' is due behind a tensor's name"},
    {"st-json", "{\"a\":{\"dtype\":[[[[[[", 0, 22, "'\"' is due as dtype, not \\["},
    {"st-json", "{} x", 0, 11, "goes on behind its closing brace"},
    {"st-json", "{}{}", 0, 10, "goes on behind"},
    {"st-json", "{,}", 0, 9, "is due as a tensor's name"},
    {"st-json", "{\"a\\q\":1}", 0, 12, "escape that JSON does not have"},
    {"st-json", "{\"a\\u00g0\":1}", 0, 13, "four hexadecimal digits"},
    {"st-json", "{\"a\\ud800x\":1}", 0, 13, "half of a surrogate"},
    {"st-json", "{\"a\\udc00\":1}", 0, 13, "half of a surrogate"},
    {"st-json", "{\"a\\u0000\":1}", 0, 13, "NUL in a text"},
    {"st-json", "{\"a\tb\":1}", 0, 11, "control character"},
    {"st-json", "{" F32("a", "[1]", "0", "4") ",}", 4, -2, "is due as a tensor's name"},
    {"st-json", "{" F32("a", "[1,]", "0", "4") "}", 4, -2, "tensor a: shape holds "},
    {"st-meta", "{\"__metadata__\":{\"a\":1}}", 0, 29,
     "as a value of __metadata__ \\(texts only\\)"},
    {"st-meta", "{\"__metadata__\":[]}", 0, 24, "behind \"__metadata__\":"},
    {"st-meta", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, 8,
     "key a stands twice"},
    {"st-meta", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, 27,
     "__metadata__ stands here a second"},
    {"st-dup", "{" F32("a", "[1]", "0", "4") "," F32("a", "[1]", "4", "8") "}", 8, 62,
     "tensor a stands here a second time \\(first at byte 0x9\\)"},
    {"st-dup",
     "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, 28, "tensor a: the field dtype stands here a second time"},
    {"st-dup",
     "{\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
     2, -2, "tensor a stands here a second time"},
    {"st-field",
     "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, -2,
     "tensor a: the field x is not known"},
    {"st-field", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, 9,
     "tensor a has no data_offsets"},
    {"st-field", "{\"a\":{}}", 0, 9, "tensor a has no dtype"},
    {"st-hole", "{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "8", "12") "}", 12, -2,
     "no tensor has the data from 4 to 8, between a and b"},
    {"st-hole", "{" F32("a", "[1]", "4", "8") "}", 8, -2,
     "no tensor has the data from 0 to 4, between the header and a"},
    {"st-overlap", "{" F32("a", "[2]", "0", "8") "," F32("b", "[2]", "4", "12") "}", 12,
     -2, "tensors a \\(0\\.\\.8\\) and b \\(4\\.\\.12\\) overlap"},
    {"st-overlap", "{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "0", "4") "}", 4, -2,
     "tensors a \\(0\\.\\.4\\) and b \\(0\\.\\.4\\) overlap"},
    {"st-overlap", "{" F32("a", "[2]", "0", "8") "," F32("b", "[0]", "4", "4") "}", 8, -2,
     "tensors a \\(0\\.\\.8\\) and b \\(4\\.\\.4\\) overlap"},
    {"st-trailer", "{" F32("a", "[1]", "0", "4") "}", 7, -2,
     "3 bytes stand behind the end of a"},
    {"st-trailer", "{}", 1, 10, "1 bytes stand behind the end of the header"},
    {"st-range", "{" F32("a", "[1]", "4", "0") "}", 4, 9,
     "tensor a ends at 0, before it begins at 4"},
    {"st-range", "{" F32("a", "[2]", "0", "4") "}", 4, 9,
     "tensor a: shape x type is 8 bytes, but its data_offsets are 4"},
    {"st-range", "{" F32("a", "[1]", "0", "1e30") "}", 4, -2,
     "data_offsets holds 1e30 \\(allowed: whole"},
    {"st-range", "{" F32("a", "[1]", "0", "4.0") "}", 4, -2, "data_offsets holds 4\\.0 "},
    {"st-range", "{" F32("a", "[1]", "-1", "4") "}", 4, -2, "data_offsets holds -1 "},
    {"st-range", "{" F32("a", "[1]", "0", "\"4\"") "}", 4, -2,
     "data_offsets holds \"4\" "},
    {"st-range", "{" F32("a", "[1]", "0", "04") "}", 4, -2, "data_offsets holds 04 "},
    {"st-range", "{" F32("a", "[1]", "0", "18446744073709551616") "}", 4, -2,
     "holds 18446744073709551616"},
    {"st-range", "{" F32("a", "[1]", "0", "18446744073709551615") "}", 4, 9,
     "ends at byte 18446744073709551615 of the data, but the file has 4"},
    {"st-range", "{" F32("a", "[3]", "0", "12") "}", 8, 9, "ends at byte 12 .*cut"},
    {"st-shape", "{" F32("a", "[9223372036854775808]", "0", "4") "}", 4, 9,
     "does not fit into 64 bits"},
    {"st-shape", "{" F32("a", "[4294967296,4294967296]", "0", "4") "}", 4, 9,
     "does not fit"},
    {"st-shape", "{" F32("a", "[4294967296,4294967296,0]", "0", "0") "}", 0, 9,
     "does not fit"},
    {"st-shape", "{" F32("a", "[4611686018427387905]", "0", "4") "}", 4, 9,
     "does not fit"},
    {"st-shape", "{" F32("a", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, -2,
     "more than 8 dimensions"},
    {"st-shape", "{\"a\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, 22,
     "tensor a has the type Q4"},
    {"st-esc",
     "{\"a\\u001b[2J\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, -2,
     "tensor a\\^\\[\\[2J has|tensor a.x1[bB]|tensor a<"},
};

static void assert_refused(const char *id, const uint8_t *bytes, size_t size, int64_t byte,
                           const char *pattern)
{
    struct safetensors st;
    struct error err = {0};
    char line[1024];
    if (safetensors_parse(&st, bytes, size, "bad.safetensors", &err) == 0)
        fail_msg("%s: '%s' was not refused", id, pattern);
    error_format(&err, line, sizeof line);
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fail_msg("%s: the message is not printable", id);
    assert_int_equal(err.kind, ERROR_DATA);
    assert_match(id, pattern, line);
    if (byte >= 0 && err.byte != byte)
        fail_msg("%s: '%s' at byte %" PRId64 ", expected %" PRId64, id, line, err.byte, byte);
    assert_true(err.byte >= 0 && (size_t)err.byte <= size);
}

static void broken_files_are_refused_with_tensor_and_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *c = &bad_cases[i];
        size_t size;
        uint8_t *bytes = make_file(c->header, strlen(c->header), c->data, &size);
        assert_refused(c->id, bytes, size, c->byte, c->pattern);
        free(bytes);
    }
}

static void header_lengths_are_checked(void **state)
{
    static const struct {
        uint64_t len;
        const char *pattern;
    } cases[] = {
        {0, "header is said to be 0 bytes"},
        {1, "said to be 1 bytes"},
        {UINT64_MAX, "said to be 18446744073709551615 bytes long \\(allowed 2\\.\\.100000000\\)"},
        {UINT64_MAX - 7, "said to be"},
        {100000001, "said to be 100000001 bytes long \\(allowed 2\\.\\.100000000\\)"},
        {3, "said to be 3 bytes long .*and 2 bytes follow"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *bytes = xmalloc(10);
        memcpy(bytes, &cases[i].len, 8);
        memcpy(bytes + 8, "{}", 2);
        assert_refused("st-hlen", bytes, 10, 0, cases[i].pattern);
        free(bytes);
    }
    for (size_t size = 0; size < 8; size++) {
        uint8_t *bytes = xcalloc(size + 1, 1);
        assert_refused("st-hlen", bytes, size, 0, "inside the header's length");
        free(bytes);
    }
}

static void too_many_tensors_are_refused_at_once(void **state)
{
    (void)state;
    struct buf header;
    size_t size;
    buf_init(&header, 0);
    buf_addc(&header, '{');
    for (int i = 0; i <= ST_MAX_TENSORS; i++)
        buf_addf(&header, "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                 i ? "," : "", i);
    buf_addc(&header, '}');
    uint8_t *bytes = make_file(header.data, header.len, 0, &size);
    assert_refused("st-many", bytes, size, -2, "more than 100000 tensors");
    free(bytes);
    buf_release(&header);
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static int cost_of(const uint8_t *bytes, size_t size)
{
    struct safetensors st;
    const long before = peak_kib();
    const clock_t start = clock();
    if (safetensors_parse(&st, bytes, size, "large", NULL) || st.n_tensors != ST_MAX_TENSORS)
        return 1;
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    const size_t used = (size_t)(peak_kib() - before) * 1024;
    safetensors_release(&st);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)used; /* shadow memory */
    return seconds > 20 ? 3 : 0;
#else
    return used > 4 * size + ((size_t)16 << 20) ? 2 : seconds > 2 ? 3 : 0;
#endif
}

/* 100,000 tensors with long names, 27 MB of header: 4 times that and 16 MiB at most, in 2
 * seconds of computing. */
static void a_large_header_costs_little(void **state)
{
    (void)state;
    struct buf header;
    size_t size;
    buf_init(&header, 0);
    buf_addc(&header, '{');
    for (int i = 0; i < ST_MAX_TENSORS; i++)
        buf_addf(&header, "%s\"%0200d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                 i ? "," : "", i);
    buf_addc(&header, '}');
    uint8_t *bytes = make_file(header.data, header.len, 0, &size);
    buf_release(&header);
    /* A child's peak begins with what it has, not with what the parent once had. */
    const pid_t child = fork();
    int status = 0;
    if (child == 0)
        _exit(cost_of(bytes, size));
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    free(bytes);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("status %d: 1 not read, 2 too much memory, 3 too slow", status >> 8);
}

static void nesting_is_no_recursion(void **state)
{
    (void)state;
    struct buf header;
    size_t size;
    buf_init(&header, 0);
    buf_adds(&header, "{\"a\":");
    buf_fill(&header, '{', 1000000);
    uint8_t *bytes = make_file(header.data, header.len, 0, &size);
    assert_refused("st-json", bytes, size, 14, "is due as a field of a tensor");
    free(bytes);
    buf_release(&header);
}

static const char small[] =
    "{\"__metadata__\":{\"run\":\"rl-4\",\"\\u00e9\":\"\\ud83d\\ude00\\n\"},"
    "\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[8,8]}, "
    "\"b\" : { \"shape\" : [2,2] , \"data_offsets\":[0,8],\"dtype\":\"BF16\"},"
    "\"one\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[8,16]}}   ";

static void a_sound_file_is_read(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make_file(small, sizeof small - 1, 16, &size);
    struct safetensors st;
    struct error err = {0};
    if (safetensors_parse(&st, bytes, size, "small", &err))
        fail_msg("%s", err.text);
    assert_int_equal(st.n_tensors, 3);
    assert_int_equal(st.n_notes, 2);
    assert_string_equal(safetensors_note(&st, "run"), "rl-4");
    assert_string_equal(safetensors_note(&st, "\xc3\xa9"), "\xf0\x9f\x98\x80\n");
    assert_null(safetensors_note(&st, "e"));
    const struct st_tensor *b = safetensors_find(&st, "b");
    assert_non_null(b);
    assert_int_equal(b->count, 4);
    assert_ptr_equal(b->data, bytes + 8 + sizeof small - 1);
    assert_int_equal(safetensors_find(&st, "none")->bytes, 0);
    assert_int_equal(safetensors_find(&st, "one")->count, 1);
    assert_null(safetensors_find(&st, "two"));
    struct weight w;
    assert_int_equal(safetensors_weight(&st, b, &w, &err), 0);
    float row[2];
    weight_row(&w, 1, row);
    assert_true(row[0] == float_from_bits(0x05040000) && row[1] == float_from_bits(0x07060000));
    assert_int_equal(safetensors_weight(&st, safetensors_find(&st, "one"), &w, &err), -1);
    assert_match("type", "tensor one has the type I64 \\(allowed: F32, F16, BF16\\)", err.text);
    safetensors_release(&st);
    free(bytes);
}

/* Whatever a cut or a flipped bit makes of a header: an error with a place in the file,
 * or ranges inside it. */
static void check_any(const uint8_t *from, size_t size, bool must_fail)
{
    struct safetensors st;
    struct error err = {0};
    uint8_t *bytes = xmalloc(size + 1);
    memcpy(bytes, from, size);
    if (safetensors_parse(&st, bytes, size, "any", &err) == 0) {
        assert_false(must_fail);
        for (size_t i = 0; i < st.n_tensors; i++)
            assert_true(st.tensors[i].data_at + st.tensors[i].bytes <= size);
        safetensors_release(&st);
    } else {
        assert_true(err.text[0] && err.byte >= 0 && (size_t)err.byte <= size);
    }
    free(bytes);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make_file(small, sizeof small - 1, 16, &size);
    for (size_t n = 0; n < size; n++)
        check_any(bytes, n, true);
    free(bytes);
}

static void every_flipped_bit_is_survived(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make_file(small, sizeof small - 1, 16, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_any(bytes, size, false);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(bytes);
}

static void nan_and_infinity_are_found_with_their_index(void **state)
{
    static const struct {
        const char *type;
        size_t bytes, index;
        uint64_t bits;
    } cases[] = {
        {"F32", 4, 5, 0x7fc00000}, {"F32", 4, 0, 0xff800000},  {"F16", 2, 7, 0x7c00},
        {"BF16", 2, 3, 0x7f81},    {"F64", 8, 6, 0x7ff0000000000000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char header[200], pattern[100];
        size_t size;
        const size_t bytes_n = 8 * cases[i].bytes;
        const int len =
            snprintf(header, sizeof header,
                     "{\"w\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%zu]}}",
                     cases[i].type, bytes_n);
        uint8_t *bytes = make_file(header, (size_t)len, bytes_n, &size);
        struct safetensors st;
        struct error err = {0};
        assert_int_equal(safetensors_parse(&st, bytes, size, "nan", &err), 0);
        assert_int_equal(safetensors_check_finite(&st, &err), 0);
        const size_t at = size - bytes_n + cases[i].index * cases[i].bytes;
        memcpy(bytes + at, &cases[i].bits, cases[i].bytes);
        assert_int_equal(safetensors_check_finite(&st, &err), -1);
        snprintf(pattern, sizeof pattern, "tensor w is NaN or infinite at index %zu$",
                 cases[i].index);
        assert_match(cases[i].type, pattern, err.text);
        assert_int_equal(err.byte, at);
        safetensors_release(&st);
        free(bytes);
    }
}

/* ---- writing ---- */

static void what_is_written_reads_back(void **state)
{
    (void)state;
    char *dir = temp_dir(), *path = path_join(dir, "w.safetensors");
    const float a[6] = {1, -2.5f, 3e-39f, 0, -0.0f, 1e30f};
    const uint64_t steps[1] = {UINT64_MAX};
    const uint16_t half[4] = {0x3c00, 0xc000, 0x0001, 0x7bff};
    const struct weight decoded = {.format = weight_format(WEIGHT_F16),
                                   .data = (const uint8_t *)half,
                                   .rows = 2,
                                   .cols = 2,
                                   .row_bytes = 4};
    struct st_put puts[] = {st_put_f32("layers.0.wq", a, 2, 3),
                            st_put_f32("norm \"\xe2\x82\xac\"", a, 0, 6),
                            {.name = "steps", .type = ST_U64, .data = steps},
                            st_put_weight("half", &decoded),
                            st_put_f32("empty", a, 0, 0)};
    const struct st_note notes[] = {{"step", "12"}, {"text", "two\nlines \x01 \"q\""}};
    struct error err = {0};
    if (safetensors_write(path, puts, 5, notes, 2, &err))
        fail_msg("%s", err.text);
    struct safetensors st;
    if (safetensors_open(&st, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(st.header_bytes % 8, 0);
    assert_int_equal(st.n_tensors, 5);
    const struct st_tensor *t = safetensors_find(&st, "layers.0.wq");
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dims[0], 2);
    assert_int_equal(t->dims[1], 3);
    assert_memory_equal(t->data, a, sizeof a);
    t = safetensors_find(&st, "norm \"\xe2\x82\xac\"");
    assert_int_equal(t->n_dims, 1);
    assert_memory_equal(t->data, a, sizeof a);
    t = safetensors_find(&st, "steps");
    assert_int_equal(t->n_dims, 0);
    assert_memory_equal(t->data, steps, 8);
    const float want[4] = {1, -2, 5.9604644775390625e-8f, 65504};
    assert_memory_equal(safetensors_find(&st, "half")->data, want, sizeof want);
    assert_string_equal(safetensors_note(&st, "step"), "12");
    assert_string_equal(safetensors_note(&st, "text"), notes[1].value);
    safetensors_release(&st);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
    free(path);
    free(dir);
}

static void a_refused_write_leaves_the_old_file(void **state)
{
    (void)state;
    char *dir = temp_dir(), *path = path_join(dir, "w.safetensors");
    float good[2] = {1, 2}, bad[2] = {1, NAN};
    const double bad64[2] = {INFINITY, 0};
    struct st_put old = st_put_f32("w", good, 0, 2), put = st_put_f32("w", bad, 0, 2);
    struct st_put twice[2] = {old, old};
    struct st_put wide = {.name = "v", .type = ST_F64, .n_dims = 1, .dims = {2}, .data = bad64};
    const struct st_note keys[2] = {{"k", "1"}, {"k", "2"}}, bytes[1] = {{"k", "\xff"}};
    struct error err = {0};
    uint8_t before[32], after[32];
    assert_int_equal(safetensors_write(path, &old, 1, NULL, 0, &err), 0);
    assert_int_equal(file_sha256(path, before, &err), 0);
    assert_int_equal(safetensors_write(path, &put, 1, NULL, 0, &err), -1);
    assert_match("nan", "tensor w is NaN or infinite at index 1$", err.text);
    assert_int_equal(safetensors_write(path, &wide, 1, NULL, 0, &err), -1);
    assert_match("inf", "tensor v is NaN or infinite at index 0$", err.text);
    assert_int_equal(safetensors_write(path, twice, 2, NULL, 0, &err), -1);
    assert_match("twice", "the name w is there twice", err.text);
    assert_int_equal(safetensors_write(path, &old, 1, keys, 2, &err), -1);
    assert_match("twice", "the name k is there twice", err.text);
    assert_int_equal(safetensors_write(path, &old, 1, bytes, 1, &err), -1);
    assert_match("utf8", "not UTF-8", err.text);
    assert_int_equal(file_sha256(path, after, &err), 0);
    assert_memory_equal(before, after, 32);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    free(path);
    free(dir);
}

/* Writing a file over itself while it is mapped: the reader keeps the old bytes. */
static void a_mapped_file_is_never_written_in_place(void **state)
{
    (void)state;
    char *dir = temp_dir(), *path = path_join(dir, "w.safetensors");
    float numbers[2] = {1, 2};
    struct st_put put = st_put_f32("w", numbers, 0, 2);
    struct safetensors st;
    struct error err = {0};
    assert_int_equal(safetensors_write(path, &put, 1, NULL, 0, &err), 0);
    assert_int_equal(safetensors_open(&st, path, &err), 0);
    put.data = safetensors_find(&st, "w")->data;
    assert_int_equal(safetensors_write(path, &put, 1, NULL, 0, &err), 0);
    assert_memory_equal(safetensors_find(&st, "w")->data, numbers, sizeof numbers);
    safetensors_release(&st);
    assert_int_equal(safetensors_open(&st, path, &err), 0);
    assert_memory_equal(safetensors_find(&st, "w")->data, numbers, sizeof numbers);
    safetensors_release(&st);
    unlink(path);
    rmdir(dir);
    free(path);
    free(dir);
}

static void things_that_are_no_files_are_refused(void **state)
{
    (void)state;
    char *dir = temp_dir(), *fifo = path_join(dir, "fifo"), *none = path_join(dir, "none");
    struct safetensors st;
    struct error err = {0};
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(safetensors_open(&st, dir, &err), -1);
    assert_string_equal(err.text, "not a regular file");
    assert_int_equal(safetensors_open(&st, fifo, &err), -1);
    assert_string_equal(err.text, "not a regular file");
    assert_int_equal(safetensors_open(&st, none, &err), -1);
    assert_match("none", "No such file", err.text);
    safetensors_release(&st);
    unlink(fifo);
    rmdir(dir);
    free(fifo);
    free(none);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_files_are_refused_with_tensor_and_byte),
        cmocka_unit_test(header_lengths_are_checked),
        cmocka_unit_test(too_many_tensors_are_refused_at_once),
        cmocka_unit_test(a_large_header_costs_little),
        cmocka_unit_test(nesting_is_no_recursion),
        cmocka_unit_test(a_sound_file_is_read),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_flipped_bit_is_survived),
        cmocka_unit_test(nan_and_infinity_are_found_with_their_index),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_refused_write_leaves_the_old_file),
        cmocka_unit_test(a_mapped_file_is_never_written_in_place),
        cmocka_unit_test(things_that_are_no_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
