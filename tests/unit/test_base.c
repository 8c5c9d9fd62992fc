/* Tests of src/base: tables of inputs and what must come out. */
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "src/base/buf.h"
#include "src/base/cancel.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/option.h"
#include "src/base/pool.h"
#include "src/base/reader.h"
#include "src/base/rng.h"
#include "src/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A literal that may hold NUL bytes, and its length. */
#define BYTES(literal) (literal), (sizeof(literal) - 1)

static void assert_error(const struct error *err, const char *expected)
{
    char text[1024];

    error_format(err, text, sizeof(text));
    assert_string_equal(text, expected);
}

/* ---- errors ---- */

static void test_error_places(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(error_set(&err, ERROR_USAGE, "no %s", "way"), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_error(&err, "no way");
    assert_int_equal(error_hint(&err, "try %d", 2), -1);
    assert_error(&err, "no way (try 2)");
    error_at_line(&err, "f", 3, 5, "bad");
    assert_int_equal(err.kind, ERROR_DATA);
    assert_int_equal(err.byte, -1);
    assert_error(&err, "f:3:5: bad");
    error_at_line(&err, "f", 3, 0, "bad");
    assert_error(&err, "f:3: bad");
    error_at_line(&err, "f", 0, 0, "bad");
    assert_error(&err, "f: bad");
    error_at_line(&err, NULL, 3, 5, "bad");
    assert_error(&err, "line 3:5: bad");
    error_at_byte(&err, "f", 0x1c, "bad");
    assert_error(&err, "f: byte 0x1c: bad");
    error_at_byte(&err, "f", 0, "bad");
    assert_error(&err, "f: byte 0x0: bad");
    errno = ENOENT;
    error_errno(&err, "x", "cannot open");
    assert_error(&err, "cannot open x: No such file or directory");
    errno = EIO;
    error_errno(&err, NULL, "cannot write");
    assert_error(&err, "cannot write: Input/output error");
}

static void test_error_nobody_asks(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_FAILED, "x"), -1);
    assert_int_equal(error_at_line(NULL, "f", 1, 1, "x"), -1);
    assert_int_equal(error_at_byte(NULL, "f", 1, "x"), -1);
    assert_int_equal(error_errno(NULL, "f", "x"), -1);
    assert_int_equal(error_hint(NULL, "x"), -1);
}

static void test_error_cut(void **state)
{
    struct error err;
    char longer[2048], out[64];

    (void)state;
    /* Every shift of a run of 2-, 3- and 4-byte characters against the end of the field.
     */
    for (size_t n = 2; n <= 4; n++)
        for (size_t shift = 0; shift < 5; shift++) {
            static const char *const chars[] = {"\xC3\xA9", "\xE2\x82\xAC",
                                                "\xF0\x9F\x98\x80"};
            size_t len = shift;

            memset(longer, 'a', shift);
            while (len + n < 1500) {
                memcpy(longer + len, chars[n - 2], n);
                len += n;
            }
            longer[len] = '\0';
            error_set(&err, ERROR_FAILED, "%s", longer);
            error_hint(&err, "%s", longer);
            assert_true(utf8_valid(err.text, strlen(err.text), NULL));
            assert_true(strlen(err.text) > sizeof(err.text) - 6);
            assert_true(utf8_valid(err.hint, strlen(err.hint), NULL));
            error_at_line(&err, longer, 1, 1, "x");
            assert_true(utf8_valid(err.file, strlen(err.file), NULL));
            assert_memory_equal(err.file, "...", 3);
            errno = ENOENT;
            error_errno(&err, longer, "cannot open");
            assert_non_null(strstr(err.text, "No such file"));
            error_set(&err, ERROR_FAILED, "%s", longer);
            for (size_t size = 1; size <= sizeof(out); size++) {
                error_format(&err, out, size);
                assert_true(strlen(out) < size);
                assert_true(utf8_valid(out, strlen(out), NULL));
            }
        }
    error_format(&err, NULL, 0);
}

/* ---- memory and buffers ---- */

static void test_mem(void **state)
{
    struct error err;
    size_t size, cap = 0;
    int *array = NULL;
    char *text;
    unsigned char *p;

    (void)state;
    assert_true(size_add(1, 2, &size) && size == 3);
    assert_false(size_add(SIZE_MAX, 1, &size));
    assert_true(size_mul(3, 4, &size) && size == 12);
    assert_false(size_mul(SIZE_MAX / 2, 3, &size));
    assert_true(size_pad(65, 64, &size) && size == 128);
    assert_true(size_pad(64, 64, &size) && size == 64);
    assert_false(size_pad(SIZE_MAX, 64, &size));
    p = mem_try(1000, "x", &err);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 64, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    free(p);
    p = mem_try(0, "x", &err);
    assert_non_null(p);
    free(p);
    assert_null(mem_try(SIZE_MAX - 10, "the weights", &err));
    assert_error(&err, "no memory for the weights (16.0 EiB)");
    assert_null(mem_try(SIZE_MAX, "the weights", NULL));
    for (int i = 0; i < 1000; i++) {
        array = array_grow(array, (size_t)i, &cap, sizeof(array[0]));
        array[i] = i;
    }
    assert_int_equal(cap, 1024);
    assert_int_equal(array[999], 999);
    free(array);
    text = xasprintf("%s-%d", "a", 5);
    assert_string_equal(text, "a-5");
    free(text);
    text = xstrndup("abc", 2);
    assert_string_equal(text, "ab");
    free(text);
    text = xstrndup("a", 9);
    assert_string_equal(text, "a");
    free(text);
    free(xmalloc(0));
    free(xcalloc(0, 8));
}

static void test_buf(void **state)
{
    struct buf buf;
    char longer[1000], *text;

    (void)state;
    buf_init(&buf, 0);
    assert_string_equal(buf_str(&buf), "");
    text = buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
    buf_adds(&buf, "ab");
    buf_addc(&buf, '\0');
    buf_add(&buf, NULL, 0);
    buf_addf(&buf, "%d", 42);
    buf_fill(&buf, '-', 3);
    assert_int_equal(buf.len, 8);
    assert_memory_equal(buf.data, "ab\00042---", 9);
    buf_clear(&buf);
    assert_string_equal(buf_str(&buf), "");
    memset(longer, 'x', sizeof(longer));
    longer[999] = '\0';
    buf_addf(&buf, "[%s]", longer);
    assert_int_equal(buf.len, 1001);
    assert_int_equal(buf.data[1000], ']');
    text = buf_take(&buf);
    assert_int_equal(strlen(text), 1001);
    free(text);
    assert_int_equal(buf.len, 0);
    buf_release(&buf);
}

static void test_buf_maximum(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 10);
    buf_adds(&buf, "0123456789");
    assert_false(buf.full);
    assert_int_equal(buf.len, 10);
    buf_clear(&buf);
    buf_adds(&buf, "012345678");
    buf_adds(&buf, "xy");
    assert_true(buf.full);
    buf_addc(&buf, 'z');
    buf_addf(&buf, "%d", 1);
    buf_fill(&buf, 'z', 1);
    assert_string_equal(buf_str(&buf), "012345678");
    buf_clear(&buf);
    assert_false(buf.full);
    buf_fill(&buf, 'z', SIZE_MAX);
    assert_true(buf.full);
    assert_string_equal(buf_str(&buf), "");
    buf_clear(&buf);
    buf_addf(&buf, "%0300d", 1);
    assert_true(buf.full);
    buf_release(&buf);
}

/* ---- text ---- */

static void test_utf8(void **state)
{
    static const struct {
        const char *s;
        size_t len;
        size_t n; /* bytes of the first character */
        uint32_t code;
        size_t count;
        long bad; /* -1: valid */
    } cases[] = {
        {BYTES("a"), 1, 'a', 1, -1},
        {BYTES("\0"), 1, 0, 1, -1},
        {BYTES("\xC2\x80"), 2, 0x80, 1, -1},
        {BYTES("\xDF\xBF"), 2, 0x7FF, 1, -1},
        {BYTES("\xE0\xA0\x80"), 3, 0x800, 1, -1},
        {BYTES("\xED\x9F\xBF"), 3, 0xD7FF, 1, -1},
        {BYTES("\xEE\x80\x80"), 3, 0xE000, 1, -1},
        {BYTES("\xEF\xBF\xBF"), 3, 0xFFFF, 1, -1},
        {BYTES("\xF0\x90\x80\x80"), 4, 0x10000, 1, -1},
        {BYTES("\xF4\x8F\xBF\xBF"), 4, 0x10FFFF, 1, -1},
        {BYTES("a\xC3\xA9z"), 1, 'a', 3, -1},
        {BYTES(""), 0, 0, 0, -1},
        {BYTES("\x80"), 0, 0, 1, 0},
        {BYTES("\xC0\x80"), 0, 0, 2, 0},         /* overlong */
        {BYTES("\xC1\xBF"), 0, 0, 2, 0},         /* overlong */
        {BYTES("\xE0\x9F\xBF"), 0, 0, 3, 0},     /* overlong */
        {BYTES("\xF0\x8F\xBF\xBF"), 0, 0, 4, 0}, /* overlong */
        {BYTES("\xED\xA0\x80"), 0, 0, 3, 0},     /* surrogate */
        {BYTES("\xF4\x90\x80\x80"), 0, 0, 4, 0}, /* past the end */
        {BYTES("\xF5\x80\x80\x80"), 0, 0, 4, 0}, /* past the end */
        {BYTES("ab\xE2\x82"), 1, 'a', 4, 2},     /* cut off */
        {BYTES("\xE2\202a"), 0, 0, 3, 0},        /* broken in the middle */
        {BYTES("\xFF\xFE"), 0, 0, 2, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t code = 0;
        size_t bad = 999;

        assert_int_equal(utf8_decode(cases[i].s, cases[i].len, &code), cases[i].n);
        assert_int_equal(code, cases[i].code);
        assert_int_equal(utf8_count(cases[i].s, cases[i].len), cases[i].count);
        assert_int_equal(utf8_valid(cases[i].s, cases[i].len, &bad), cases[i].bad < 0);
        assert_int_equal(bad, cases[i].bad < 0 ? 999 : cases[i].bad);
    }
}

static void test_utf8_round_trip(void **state)
{
    char bytes[4];
    uint32_t back;

    (void)state;
    for (uint32_t code = 0; code <= 0x110010; code++) {
        size_t n = utf8_encode(code, bytes);
        bool wrong = code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);

        if (utf8_decode(bytes, n, &back) != n || back != (wrong ? 0xFFFD : code))
            fail_msg("U+%04X", (unsigned)code);
    }
}

static void test_words(void **state)
{
    static const struct {
        const char *s;
        size_t len;
        size_t words;
    } cases[] = {
        {BYTES(""), 0},
        {BYTES("   "), 0},
        {BYTES("one"), 1},
        {BYTES(" one  two "), 2},
        {BYTES("a\tb\nc\vd\fe\rf"), 6},
        {BYTES("a\034b\035c\036d\037e"), 5},
        {BYTES("a\xC2\205b\xC2\240c"), 3},         /* NEL, NBSP */
        {BYTES("a\xE1\x9A\200b"), 2},              /* U+1680 */
        {BYTES("a\xE2\x80\200b\xE2\x80\212c"), 3}, /* U+2000, U+200A */
        {BYTES("a\xE2\x80\213b"), 1},              /* U+200B is no space */
        {BYTES("a\xE2\x80\250b\xE2\x80\251c"), 3}, /* U+2028, U+2029 */
        {BYTES("a\xE2\x80\257b\xE2\x81\237c"), 3}, /* U+202F, U+205F */
        {BYTES("a\xE3\x80\200b"), 2},              /* U+3000 */
        {BYTES("a\0b"), 1},
        {BYTES("\xFF \xFE"), 2},
        {BYTES("a\xEF\xBB\277b"), 1},
    };
    size_t spaces = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(text_words(cases[i].s, cases[i].len), cases[i].words);
    for (uint32_t code = 0; code <= 0x10FFFF; code++)
        spaces += unicode_is_space(code);
    assert_int_equal(spaces, 29); /* as many as Python's str.isspace() knows */
}

static void test_sanitise(void **state)
{
    static const struct {
        const char *s;
        size_t len;
        const char *shown;
        const char *lines; /* NULL: the same */
    } cases[] = {
        {BYTES(""), "", NULL},
        {BYTES("plain ~text"), "plain ~text", NULL},
        {BYTES("\x1b[31m"), "^[[31m", NULL},
        {BYTES("\0\x01\x1f\x7f"), "^@^A^_^?", NULL},
        {BYTES("a\nb\tc\r\n"), "a^Jb^Ic^M^J", "a\nb c^M\n"},
        {BYTES("\xC2\23331m"), "<9B>31m", NULL},
        {BYTES("\xC2\x80\xC2\x9F\xC2\xA0"), "<80><9F>\xC2\xA0", NULL},
        {BYTES("\xFF\x9B"), "<FF><9B>", NULL},
        {BYTES("\xE2\x82"), "<E2><82>", NULL},
        {BYTES("\xED\xA0\x80"), "<ED><A0><80>", NULL},
        {BYTES("gr\xC3\xBC\xC3\x9F \xE6\x97\xA5\xE6\x9C\xAC"),
         "gr\xC3\xBC\xC3\x9F \xE6\x97\xA5\xE6\x9C\xAC", NULL},
        {BYTES("\xE2\x80\256abc\xE2\x81\xA6"), "<U+202E>abc<U+2066>", NULL},
        {BYTES("a\xE2\x80\x8B\xE2\x80\x8D\xEF\xBB\xBF"), "a<U+200B><U+200D><U+FEFF>",
         NULL},
        {BYTES("\xC2\xAD\xD8\x9C\xEF\xBF\xB9"), "<U+00AD><U+061C><U+FFF9>", NULL},
        {BYTES("\xE2\x80\xA8\xE2\x80\xA9"), "<U+2028><U+2029>", NULL},
        {BYTES("\xF3\xA0\x80\x80\xF3\xA0\x81\x81\xF3\xA0\x81\xBF"),
         "<U+E0000><U+E0041><U+E007F>", NULL},
        {BYTES("\xF3\xA0\x84\x80"), "<U+E0100>", NULL},
        {BYTES("\xEF\xBF\xBE\xCD\xB8"), "<U+FFFE><U+0378>", NULL}, /* unassigned */
        {BYTES("\xE3\x85\xA4\xCD\x8F"), "<U+3164><U+034F>", NULL}, /* blank letters */
        {BYTES("e\xCC\x81\xCC\x82\xCC\x83\xCC\x84"), "e\xCC\x81\xCC\x82\xCC\x83\xCC\x84",
         NULL},
        {BYTES("e\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x82"
               "x\xCC\x81"),
         "e\xCC\x81\xCC\x81\xCC\x81\xCC\x81<U+0301><U+0302>x\xCC\x81", NULL},
        /* A heart with the emoji look passes; a selector behind a letter or twice does
           not. */
        {BYTES("\xE2\x9D\xA4\xEF\xB8\x8F"), "\xE2\x9D\xA4\xEF\xB8\x8F", NULL},
        {BYTES("\xE2\x9D\xA4\xEF\xB8\x8F\xEF\xB8\x8F"),
         "\xE2\x9D\xA4\xEF\xB8\x8F<U+FE0F>", NULL},
        {BYTES("1\xEF\xB8\x8F\xE2\x83\xA3"), "1\xEF\xB8\x8F\xE2\x83\xA3", NULL},
        {BYTES("a\xEF\xB8\x8F"), "a<U+FE0F>", NULL},
        {BYTES("\xEF\xB8\x8F"), "<U+FE0F>", NULL},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_clear(&out);
        text_sanitise(&out, cases[i].s, cases[i].len, 0);
        assert_string_equal(buf_str(&out), cases[i].shown);
        buf_clear(&out);
        text_sanitise(&out, cases[i].s, cases[i].len, TEXT_LINES);
        assert_string_equal(buf_str(&out),
                            cases[i].lines ? cases[i].lines : cases[i].shown);
    }
    buf_release(&out);
}

/* What may never reach a terminal, whatever comes in. */
static void assert_harmless(const char *s, size_t len, bool lines)
{
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = utf8_decode(s + i, len - i, &code);

        assert_true(n > 0);
        if (!(lines && code == '\n'))
            assert_false(unicode_is_hidden(code));
        i += n;
    }
}

static void test_sanitise_random(void **state)
{
    static const uint32_t interesting[] = {
        0x1B,    '\n',   '\t',   'a',     ' ',    '1',    0x301,
        0x302,   0x9B,   0x200B, 0x202E,  0xFE0F, 0xFE0E, 0x2764,
        0xE0041, 0x1160, 0x65E5, 0x1F600, 0x20E3, 0x93F,  0x378,
    };
    struct rng_key key = rng_key(1, "test", "sanitise");
    struct buf in, once, twice;
    uint64_t draw = 0;

    (void)state;
    buf_init(&in, 0);
    buf_init(&once, 0);
    buf_init(&twice, 0);
    for (int round = 0; round < 20000; round++) {
        enum text_flags flags = round % 2 ? TEXT_LINES : 0;
        size_t n = rng_below(key, draw++, 16);

        buf_clear(&in);
        buf_clear(&once);
        buf_clear(&twice);
        for (size_t i = 0; i < n; i++) {
            char bytes[4];
            uint64_t kind = rng_below(key, draw++, 8);
            uint64_t pick = rng_bits(key, draw++);

            if (kind == 0)
                buf_addc(&in, (char)pick);
            else if (kind == 1)
                buf_add(&in, bytes, utf8_encode((uint32_t)(pick % 0x110000), bytes));
            else
                buf_add(&in, bytes,
                        utf8_encode(interesting[pick % COUNT(interesting)], bytes));
        }
        text_sanitise(&once, buf_str(&in), in.len, flags);
        assert_harmless(buf_str(&once), once.len, flags);
        text_sanitise(&twice, buf_str(&once), once.len, flags);
        assert_string_equal(buf_str(&once), buf_str(&twice));
    }
    buf_release(&in);
    buf_release(&once);
    buf_release(&twice);
}

static void test_width(void **state)
{
    static const struct {
        const char *s;
        int width;
        int columns;
        size_t fits;
    } cases[] = {
        {"", 0, 5, 0},
        {"abc", 3, 2, 2},
        {"abc", 3, 3, 3},
        {"abc", 3, 0, 0},
        {"abc", 3, -1, 0},
        {"\xE6\x97\xA5\xE6\x9C\xAC", 4, 3, 3}, /* two wide characters */
        {"\xE6\x97\xA5\xE6\x9C\xAC", 4, 1, 0},
        {"e\xCC\x81x", 2, 1, 3}, /* the mark stays with its letter */
        {"\xF0\x9F\x98\x80!", 3, 2, 4},
        {"\xFFz", 2, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].s);

        assert_int_equal(text_width(cases[i].s, len), cases[i].width);
        assert_int_equal(text_fit(cases[i].s, len, cases[i].columns), cases[i].fits);
    }
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"beta", "epochs", "learning_rate", "batch",
                                        "bath"};
    static const struct {
        const char *a, *b;
        int distance;
    } distances[] = {
        {"", "", 0},          {"a", "", 1},        {"kitten", "sitting", 3},
        {"ab", "ba", 1},      {"ca", "abc", 3},    {"beta", "beta", 0},
        {"\xC3\xA9", "e", 1}, {"abcd", "acbd", 1},
    };
    static const struct {
        const char *word, *near;
    } cases[] = {
        {"btea", "beta"},    {"bet", "beta"},
        {"bata", "beta"},    {"xyz", NULL},
        {"", NULL},          {"epohcs", "epochs"},
        {"epoch", "epochs"}, {"learning_rte", "learning_rate"},
        {"batc", "batch"},   {"bateh", "batch"},
    };
    char longer[200];

    (void)state;
    for (size_t i = 0; i < COUNT(distances); i++) {
        assert_int_equal(text_distance(distances[i].a, distances[i].b),
                         distances[i].distance);
        assert_int_equal(text_distance(distances[i].b, distances[i].a),
                         distances[i].distance);
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *near = text_nearest(cases[i].word, names, COUNT(names));

        if (cases[i].near)
            assert_string_equal(near, cases[i].near);
        else
            assert_null(near);
    }
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(text_distance(longer, "x"), 199);
    assert_int_equal(text_distance(longer, longer), 0);
    assert_null(text_nearest(longer, names, COUNT(names)));
}

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
    struct cancel cancel = {false};
    double before = clock_seconds();

    (void)state;
    assert_true(clock_seconds() >= before);
    assert_true(clock_wall_ms() / 1000 - (int64_t)time(NULL) <= 1);
    assert_false(cancel_asked(NULL));
    assert_false(cancel_asked(&cancel));
    cancel_ask(&cancel);
    assert_true(cancel_asked(&cancel));
}

/* ---- files ---- */

static int make_tmp(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = xasprintf("%s/rlaif-base-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");

    if (!mkdtemp(dir)) {
        free(dir);
        return -1;
    }
    *state = dir;
    return 0;
}

static int remove_tmp(void **state)
{
    char *command = xasprintf("rm -rf -- '%s'", (char *)*state);
    int status = system(command);

    free(command);
    free(*state);
    return status;
}

static void put(const char *path, const void *bytes, size_t len)
{
    struct error err;

    if (file_put(path, bytes, len, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_contents(const char *path, const char *expected)
{
    struct error err;
    struct buf out;

    buf_init(&out, 0);
    if (file_read(path, 1000, 0, &out, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(buf_str(&out), expected);
    buf_release(&out);
}

/* Entries of the directory, to see whether temporary files stay behind. */
static int count_entries(const char *dir)
{
    char *command = xasprintf("ls -A '%s' | wc -l", dir);
    FILE *pipe = popen(command, "r");
    int n = -1;

    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    free(command);
    return n;
}

static int mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (int)(st.st_mode & 07777);
}

static void test_file_put(void **state)
{
    const char *dir = *state;
    char *path = path_join(dir, "a"), *link = path_join(dir, "link");
    struct stat st;
    mode_t mask = umask(027);

    put(path, "one", 3);
    assert_contents(path, "one");
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(chmod(path, 0604), 0);
    put(path, "two", 3);
    assert_contents(path, "two");
    assert_int_equal(mode_of(path), 0604);
    put(path, NULL, 0);
    assert_contents(path, "");
    assert_int_equal(symlink("a", link), 0);
    put(link, "three", 5);
    assert_contents(path, "three");
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(count_entries(dir), 2);
    assert_true(file_exists(path));
    umask(mask);
    free(link);
    free(path);
}

static void test_file_put_long_name(void **state)
{
    char name[256], *path;

    memset(name, 'n', 255);
    name[255] = '\0';
    path = path_join(*state, name);
    put(path, "x", 1);
    assert_contents(path, "x");
    free(path);
    assert_int_equal(chdir(*state), 0);
    put("bare", "x", 1);
    assert_contents("bare", "x");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(count_entries(*state), 2);
}

static void assert_put_fails(const char *path, const char *reason)
{
    struct error err;
    char *expected = xasprintf("cannot write %s: %s", path, reason);

    assert_int_equal(file_put(path, "x", 1, &err), -1);
    assert_error(&err, expected);
    assert_int_equal(err.kind, ERROR_FAILED);
    assert_int_equal(file_put(path, "x", 1, NULL), -1);
    free(expected);
}

static void test_file_put_refused(void **state)
{
    char *sub = path_join(*state, "sub"), *fifo = path_join(*state, "fifo");
    char *lost = path_join(*state, "none/a"), *slash = path_join(*state, "new/");

    assert_int_equal(mkdir(sub, 0700), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_put_fails(sub, "it is a directory");
    assert_put_fails(fifo, "not a regular file");
    assert_put_fails("/dev/null", "not a regular file");
    assert_put_fails(lost, "No such file or directory");
    assert_put_fails(slash, "Is a directory");
    assert_put_fails("", "No such file or directory");
    assert_int_equal(count_entries(*state), 2);
    free(slash);
    free(lost);
    free(fifo);
    free(sub);
}

/* A limit on the size of files stands in for a full disk. */
static void test_file_put_full(void **state)
{
    char *path = path_join(*state, "a"), *big = xcalloc(200000, 1);
    struct rlimit old, small;
    struct error err;
    int status;

    put(path, "old", 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){100000, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    status = file_put(path, big, 200000, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, -1);
    assert_non_null(strstr(err.text, "a: File too large"));
    assert_contents(path, "old");
    assert_int_equal(count_entries(*state), 1);
    free(big);
    free(path);
}

static void test_file_read_refused(void **state)
{
    char *fifo = path_join(*state, "fifo"), *text;
    struct error err;
    struct buf out;
    uint8_t hash[32];

    buf_init(&out, 0);
    buf_adds(&out, "before");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(fifo, 10, 0, &out, &err), -1);
    text = xasprintf("%s is not a regular file", fifo);
    assert_error(&err, text);
    free(text);
    assert_int_equal(file_read("/dev/zero", 10, 0, &out, &err), -1);
    assert_error(&err, "/dev/zero is not a regular file");
    assert_int_equal(file_read("/", 10, 0, &out, &err), -1);
    assert_error(&err, "/ is a directory");
    assert_int_equal(file_read("/none/a", 10, 0, &out, &err), -1);
    assert_error(&err, "cannot open /none/a: No such file or directory");
    assert_int_equal(file_sha256("/none/a", hash, &err), -1);
    assert_int_equal(file_sha256(fifo, hash, NULL), -1);
    assert_false(file_exists("/none/a"));
    assert_string_equal(buf_str(&out), "before");
    buf_release(&out);
    free(fifo);
}

static void test_file_read_limits(void **state)
{
    char *path = path_join(*state, "a"), *big = xcalloc(200000, 1);
    struct error err;
    struct buf out;
    uint8_t hash[32], expected[32];

    memset(big, 'x', 200000);
    put(path, big, 200000);
    buf_init(&out, 0);
    buf_adds(&out, "ab");
    assert_int_equal(file_read(path, 199999, 0, &out, &err), -1);
    assert_non_null(strstr(err.text, "is larger than 199999 bytes"));
    assert_string_equal(buf_str(&out), "ab");
    assert_int_equal(file_read(path, 200000, FILE_GUNZIP, &out, &err), 0);
    assert_int_equal(out.len, 200002);
    buf_release(&out);
    /* The buffer's own limit counts too. */
    buf_init(&out, 1000);
    assert_int_equal(file_read(path, 200000, 0, &out, &err), -1);
    assert_false(out.full);
    buf_release(&out);
    assert_int_equal(file_sha256(path, hash, &err), 0);
    hash_bytes(big, 200000, expected);
    assert_memory_equal(hash, expected, 32);
    /* /proc tells no size: read to the end all the same. */
    buf_init(&out, 0);
    assert_int_equal(file_read("/proc/self/status", 100000, 0, &out, &err), 0);
    assert_true(out.len > 100);
    buf_clear(&out);
    assert_int_equal(file_read("/proc/self/status", 10, 0, &out, &err), -1);
    buf_release(&out);
    free(big);
    free(path);
}

/* One gzip member of len bytes, added to out. */
static void add_gzip(struct buf *out, const char *bytes, size_t len)
{
    z_stream z = {0};
    unsigned char *space;
    size_t room;

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    room = deflateBound(&z, len) + 64;
    space = xmalloc(room);
    z.next_in = (unsigned char *)(uintptr_t)bytes;
    z.avail_in = (uInt)len;
    z.next_out = space;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_add(out, space, room - z.avail_out);
    deflateEnd(&z);
    free(space);
}

static int read_bytes(const char *path, const struct buf *bytes, size_t len, size_t max,
                      struct buf *out, struct error *err)
{
    put(path, buf_str(bytes), len);
    buf_clear(out);
    return file_read(path, max, FILE_GUNZIP, out, err);
}

static void test_file_gunzip(void **state)
{
    char *path = path_join(*state, "a.gz");
    struct buf zipped, out;
    struct error err;

    buf_init(&zipped, 0);
    buf_init(&out, 0);
    add_gzip(&zipped, "hello ", 6);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 6, &out, &err), 0);
    assert_string_equal(buf_str(&out), "hello ");
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 5, &out, &err), -1);
    assert_non_null(strstr(err.text, "is larger than 5 bytes"));
    /* Without the flag the bytes are as they stand. */
    buf_clear(&out);
    assert_int_equal(file_read(path, 1000, 0, &out, &err), 0);
    assert_int_equal(out.len, zipped.len);
    /* Every truncation is an error at the place where the file ends. */
    for (size_t n = 2; n < zipped.len; n++) {
        assert_int_equal(read_bytes(path, &zipped, n, 1000, &out, &err), -1);
        assert_string_equal(err.text, "the gzip data ends early");
        assert_int_equal(err.byte, n);
        assert_int_equal(out.len, 0);
    }
    add_gzip(&zipped, "", 0);
    add_gzip(&zipped, "world", 5);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 1000, &out, &err), 0);
    assert_string_equal(buf_str(&out), "hello world");
    buf_fill(&zipped, '\0', 100);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 1000, &out, &err), 0);
    assert_string_equal(buf_str(&out), "hello world");
    buf_adds(&zipped, "junk");
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 1000, &out, &err), -1);
    assert_non_null(strstr(err.text, "the gzip data is damaged"));
    assert_true(err.byte > (int64_t)zipped.len - 5);
    buf_release(&zipped);
    buf_release(&out);
    free(path);
}

static void test_file_gunzip_large(void **state)
{
    enum { SIZE = 700000 };
    struct rng_key key = rng_key(1, "test", "gzip");
    char *path = path_join(*state, "a.gz"), *noise = xmalloc(SIZE), *zeros;
    struct buf zipped, out;
    struct error err;

    for (size_t i = 0; i < SIZE; i++)
        noise[i] = (char)rng_bits(key, i);
    buf_init(&zipped, 0);
    buf_init(&out, 0);
    add_gzip(&zipped, noise, SIZE / 2);
    add_gzip(&zipped, noise + SIZE / 2, SIZE / 2);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, SIZE, &out, &err), 0);
    assert_int_equal(out.len, SIZE);
    assert_memory_equal(out.data, noise, SIZE);
    /* A damaged byte in the middle shows at the latest by the checksum. */
    zipped.data[zipped.len / 4] ^= 0x55;
    assert_int_equal(read_bytes(path, &zipped, zipped.len, SIZE, &out, &err), -1);
    assert_true(err.byte > 0 && err.byte < (int64_t)zipped.len);
    /* A bomb: 32 MiB of zeros in a few KiB, stopped at the limit. */
    zeros = xcalloc(32, 1 << 20);
    buf_clear(&zipped);
    add_gzip(&zipped, zeros, 32 << 20);
    assert_true(zipped.len < 40000);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 100000, &out, &err), -1);
    assert_non_null(strstr(err.text, "is larger than 100000 bytes"));
    assert_true(out.cap < 2000000);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 32 << 20, &out, &err), 0);
    assert_int_equal(out.len, 32 << 20);
    free(zeros);
    buf_release(&zipped);
    buf_release(&out);
    free(noise);
    free(path);
}

static void test_file_dirs(void **state)
{
    char *deep = path_join(*state, "x//y/z/"), *file = path_join(*state, "file");
    char *under = path_join(file, "sub");
    struct error err;

    assert_int_equal(file_make_dirs(deep, &err), 0);
    assert_int_equal(file_make_dirs(deep, &err), 0);
    assert_int_equal(mode_of(deep), 0700);
    put(file, "x", 1);
    assert_int_equal(file_make_dirs(file, &err), -1);
    assert_non_null(strstr(err.text, "Not a directory"));
    assert_int_equal(file_make_dirs(under, &err), -1);
    assert_int_equal(file_make_dirs("/", &err), 0);
    assert_int_equal(file_make_dirs("", &err), -1);
    free(under);
    free(file);
    free(deep);
}

static void assert_path(char *path, const char *expected)
{
    if (expected)
        assert_string_equal(path, expected);
    else
        assert_null(path);
    free(path);
}

static void test_paths(void **state)
{
    (void)state;
    assert_path(path_join("a", "b"), "a/b");
    assert_path(path_join("a/", "b"), "a/b");
    assert_path(path_join("/", "b"), "/b");
    assert_path(path_join("", "b"), "b");
    assert_string_equal(path_base("a/b/c"), "c");
    assert_string_equal(path_base("c"), "c");
    assert_string_equal(path_base("a/"), "");
    setenv("HOME", "/h", 1);
    unsetenv("XDG_DATA_HOME");
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("XDG_CONFIG_HOME", "/conf/", 1);
    assert_path(path_data_home(), "/h/.local/share/rlaif");
    assert_path(path_cache_home(), "/h/.cache/rlaif");
    assert_path(path_config_home(), "/conf/rlaif");
    unsetenv("HOME");
    assert_path(path_data_home(), NULL);
    assert_path(path_config_home(), "/conf/rlaif");
}

/* ---- options ---- */

struct fields {
    int64_t epochs;
    double beta;
    double rate;
    bool quiet;
    char *name;
    int precision;
    int64_t any;
    char *note;
};

static const struct option options[] = {
    {"epochs", OPTION_INT, offsetof(struct fields, epochs), 1, 100, NULL, "3", "passes"},
    {"beta", OPTION_REAL, offsetof(struct fields, beta), 0, 1, NULL, "0.1", "strength"},
    {"rate", OPTION_REAL, offsetof(struct fields, rate), 0, INFINITY, NULL, NULL,
     "speed"},
    {"quiet", OPTION_BOOL, offsetof(struct fields, quiet), 0, 0, NULL, "true",
     "say less"},
    {"name", OPTION_TEXT, offsetof(struct fields, name), 0, 0, NULL, "run", "a name"},
    {"precision", OPTION_CHOICE, offsetof(struct fields, precision), 0, 0,
     "f32|bf16|int8", "int8", "weights"},
    {"any", OPTION_INT, offsetof(struct fields, any), 0, 0, NULL, NULL, "a number"},
    {"note", OPTION_TEXT, offsetof(struct fields, note), 0, 0, NULL, NULL, "a note"},
    {NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static void test_option_defaults(void **state)
{
    struct fields fields;
    struct buf out;

    (void)state;
    memset(&fields, 0xA5, sizeof(fields));
    options_init(options, &fields);
    assert_int_equal(fields.epochs, 3);
    assert_true(fields.beta == 0.1);
    assert_true(fields.rate == 0);
    assert_true(fields.quiet);
    assert_string_equal(fields.name, "run");
    assert_string_equal(fields.note, "");
    assert_int_equal(fields.precision, 2);
    buf_init(&out, 0);
    for (const struct option *o = options; o->name; o++) {
        option_get(o, &fields, &out);
        buf_addc(&out, ' ');
    }
    assert_string_equal(buf_str(&out), "3 0.1 0 true run int8 0  ");
    buf_release(&out);
    options_release(options, &fields);
    assert_null(fields.name);
    options_release(options, &fields);
}

static void test_option_set(void **state)
{
    /* name, value, what option_get says afterwards; NULL: the value itself */
    static const char *const cases[][3] = {
        {"epochs", "100", NULL},
        {"epochs", "007", "7"},
        {"any", "-9223372036854775808", NULL},
        {"any", "9223372036854775807", NULL},
        {"beta", "1", NULL},
        {"beta", ".5", "0.5"},
        {"beta", "5e-1", "0.5"},
        {"beta", "+0.25", "0.25"},
        {"rate", "1e300", "1e+300"},
        {"quiet", "no", "false"},
        {"quiet", "on", "true"},
        {"quiet", "0", "false"},
        {"name", "", NULL},
        {"name", "gr\xC3\xBC\xC3\237e 2", NULL},
        {"precision", "f32", NULL},
        {"precision", "bf16", NULL},
    };
    struct fields fields;
    struct error err;
    struct buf out;

    (void)state;
    options_init(options, &fields);
    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const *c = cases[i];

        assert_int_equal(option_set(options, &fields, c[0], c[1], &err), 0);
        buf_clear(&out);
        option_get(option_find(options, c[0]), &fields, &out);
        assert_string_equal(buf_str(&out), c[2] ? c[2] : c[1]);
    }
    assert_int_equal(option_set(options, &fields, "name", fields.name, &err), 0);
    assert_string_equal(fields.name, "gr\xC3\xBC\xC3\237e 2");
    buf_release(&out);
    options_release(options, &fields);
}

static void test_option_errors(void **state)
{
    static const char *const cases[][3] = {
        {"beta", "3", "beta must be 0..1, not 3"},
        {"beta", "-0.1", "beta must be 0..1, not -0.1"},
        {"beta", "nan", "beta must be a number 0..1, not nan"},
        {"beta", "0.5x", "beta must be a number 0..1, not 0.5x"},
        {"beta", " 0.5", "beta must be a number 0..1, not \" 0.5\""},
        {"beta", "", "beta must be a number 0..1, not \"\""},
        {"beta", "0x1p-1", "beta must be a number 0..1, not 0x1p-1"},
        {"beta", ".", "beta must be a number 0..1, not ."},
        {"beta", "1e", "beta must be a number 0..1, not 1e"},
        {"beta", "--1", "beta must be a number 0..1, not --1"},
        {"rate", "inf", "rate must be a number at least 0, not inf"},
        {"rate", "1e999", "rate must be at least 0, not 1e999"},
        {"rate", "-1", "rate must be at least 0, not -1"},
        {"epochs", "0", "epochs must be 1..100, not 0"},
        {"epochs", "1.5", "epochs must be a whole number 1..100, not 1.5"},
        {"epochs", "99999999999999999999",
         "epochs must be 1..100, not 99999999999999999999"},
        {"any", "1\x1b[2J", "any must be a whole number, not 1^[[2J"},
        {"quiet", "maybe", "quiet must be true or false, not maybe"},
        {"precision", "int9",
         "precision must be f32, bf16 or int8, not int9 (did you mean int8?)"},
        {"precision", "f", "precision must be f32, bf16 or int8, not f"},
        {"precision", "", "precision must be f32, bf16 or int8, not \"\""},
        {"precision", "f32|bf16", "precision must be f32, bf16 or int8, not f32|bf16"},
        {"name", "a\xFF", "name must be UTF-8 text, not a<FF>"},
        {"betta", "1", "there is no option betta (did you mean beta?)"},
        {"precison", "1", "there is no option precison (did you mean precision?)"},
        {"xyzzy", "1", "there is no option xyzzy"},
    };
    struct fields fields;
    struct error err;

    (void)state;
    options_init(options, &fields);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(option_set(options, &fields, cases[i][0], cases[i][1], &err),
                         -1);
        assert_error(&err, cases[i][2]);
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_int_equal(option_set(options, &fields, cases[i][0], cases[i][1], NULL),
                         -1);
    }
    assert_true(fields.beta == 0.1);
    assert_int_equal(fields.epochs, 3);
    options_release(options, &fields);
}

/* ---- pool ---- */

#define MOST_TILES 1000

struct operation {
    int threads;
    atomic_int seen[MOST_TILES];
    atomic_int busy[64]; /* by worker: two tiles at once would share scratch space */
    atomic_int wrong;
    uint64_t plain[MOST_TILES]; /* not atomic: pool_run itself must order it */
    uint64_t round;
    int work;
};

static void count_tile(void *arg, size_t index, int worker)
{
    struct operation *op = arg;
    struct rng_key key = {index, op->round};
    uint64_t sum = 0;

    if (worker < 0 || worker >= op->threads ||
        atomic_fetch_add(&op->busy[worker], 1) != 0)
        atomic_fetch_add(&op->wrong, 1);
    for (int i = 0; i < op->work; i++)
        sum += rng_bits(key, (uint64_t)i);
    op->plain[index] = op->round + (sum & 0);
    atomic_fetch_add(&op->seen[index], 1);
    atomic_fetch_sub(&op->busy[worker], 1);
}

static void run_and_check(struct pool *pool, enum pool_priority priority, size_t n,
                          struct operation *op)
{
    op->round++;
    for (size_t i = 0; i < n; i++)
        atomic_store_explicit(&op->seen[i], 0, memory_order_relaxed);
    pool_run(pool, priority, n, count_tile, op);
    for (size_t i = 0; i < n; i++)
        if (atomic_load_explicit(&op->seen[i], memory_order_relaxed) != 1 ||
            op->plain[i] != op->round)
            atomic_fetch_add(&op->wrong, 1);
}

static void test_pool_sizes(void **state)
{
    static const int threads[] = {-1, 0, 1, 2, 3, 8, 64, 1000};
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, MOST_TILES};

    (void)state;
    for (size_t t = 0; t < COUNT(threads); t++) {
        struct pool *pool = pool_new(threads[t]);
        struct operation op = {.threads = pool_threads(pool)};

        assert_int_equal(op.threads, threads[t] < 1    ? 1
                                     : threads[t] > 64 ? 64
                                                       : threads[t]);
        for (size_t s = 0; s < COUNT(sizes); s++)
            run_and_check(pool, POOL_BACKGROUND, sizes[s], &op);
        assert_int_equal(op.wrong, 0);
        pool_free(pool);
    }
    pool_free(NULL);
}

struct caller {
    struct pool *pool;
    int index;
    int rounds;
    int wrong;
};

static void *call_often(void *arg)
{
    struct caller *self = arg;
    struct rng_key key = rng_key(1, "test", "pool");
    struct operation op = {.threads = pool_threads(self->pool)};

    key = rng_sub(key, (uint64_t)self->index);
    for (int i = 0; i < self->rounds; i++) {
        uint64_t draw = 4 * (uint64_t)i;
        size_t n = rng_below(key, draw, 40);

        op.work = (int)rng_below(key, draw + 1, 300);
        run_and_check(self->pool, self->index % 3 == 0 ? POOL_PROBE : POOL_BACKGROUND, n,
                      &op);
        /* Now and then long enough for the pool's threads to fall asleep. */
        if (rng_below(key, draw + 2, 50) == 0) {
            struct timespec nap = {0, (long)rng_below(key, draw + 3, 200000)};

            nanosleep(&nap, NULL);
        }
    }
    self->wrong = op.wrong;
    return NULL;
}

static void stress(int n_threads, int n_callers, int rounds)
{
    struct pool *pool = pool_new(n_threads);
    struct caller callers[32];
    pthread_t ids[32];

    for (int i = 0; i < n_callers; i++) {
        callers[i] = (struct caller){pool, i, rounds, 0};
        assert_int_equal(pthread_create(&ids[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < n_callers; i++) {
        pthread_join(ids[i], NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    pool_free(pool);
}

static void test_pool_stress(void **state)
{
    (void)state;
    stress(2, 1, 3000);
    stress(2, 2, 2000);
    stress(4, 5, 600);
    stress(7, 3, 600);
    stress(3, 24, 150); /* more callers than slots */
}

/* A probe must not wait for the end of a long operation of another caller. */
struct overtaking {
    struct pool *pool;
    atomic_int begun, probe_done, left_when_probed;
    atomic_int finished;
};

static void slow_tile(void *arg, size_t index, int worker)
{
    struct overtaking *o = arg;
    struct timespec nap = {0, 1000000};

    (void)index;
    (void)worker;
    atomic_store(&o->begun, 1);
    nanosleep(&nap, NULL);
    atomic_fetch_add(&o->finished, 1);
}

static void *run_slow(void *arg)
{
    struct overtaking *o = arg;

    pool_run(o->pool, POOL_BACKGROUND, 400, slow_tile, o);
    return NULL;
}

static void by_pool_tile(void *arg, size_t index, int worker)
{
    struct timespec nap = {0, 2000000};

    (void)index;
    if (worker > 0)
        atomic_fetch_add((atomic_int *)arg, 1);
    nanosleep(&nap, NULL);
}

static void test_pool_priority(void **state)
{
    struct overtaking o = {.pool = pool_new(3)};
    atomic_int helped = 0;
    pthread_t id;

    (void)state;
    assert_int_equal(pthread_create(&id, NULL, run_slow, &o), 0);
    while (!atomic_load(&o.begun))
        sched_yield();
    pool_run(o.pool, POOL_PROBE, 20, by_pool_tile, &helped);
    /* The pool's threads left the training run for it, which was still going on. */
    assert_true(atomic_load(&helped) > 0);
    assert_true(atomic_load(&o.finished) < 400);
    pthread_join(id, NULL);
    assert_int_equal(o.finished, 400);
    pool_free(o.pool);
}

static void nested_tile(void *arg, size_t index, int worker)
{
    struct pool *pool = arg;
    struct operation op = {.threads = pool_threads(pool)};

    (void)index;
    (void)worker;
    for (int i = 0; i < 20; i++)
        run_and_check(pool, POOL_BACKGROUND, 8, &op);
    if (op.wrong)
        abort();
}

static void test_pool_nested(void **state)
{
    struct pool *pool = pool_new(4);

    (void)state;
    pool_run(pool, POOL_BACKGROUND, 6, nested_tile, pool);
    pool_free(pool);
}

static void denormal_tile(void *arg, size_t index, int worker)
{
    volatile float tiny = 1e-38f;
    atomic_int *bad = arg;
    struct timespec nap = {0, 100000};

    (void)index;
    tiny *= 0.1f;
    if (worker > 0 && tiny != 0)
        atomic_fetch_add(bad, 1);
    nanosleep(&nap, NULL);
}

static void test_pool_denormals(void **state)
{
    struct pool *pool = pool_new(3);
    atomic_int bad = 0;

    (void)state;
    pool_run(pool, POOL_BACKGROUND, 30, denormal_tile, &bad);
    assert_int_equal(bad, 0);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_places),
        cmocka_unit_test(test_error_nobody_asks),
        cmocka_unit_test(test_error_cut),
        cmocka_unit_test(test_mem),
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_buf_maximum),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_round_trip),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_sanitise),
        cmocka_unit_test(test_sanitise_random),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_nearest),
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
        cmocka_unit_test_setup_teardown(test_file_put, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_put_long_name, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_put_full, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_put_refused, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_read_refused, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_read_limits, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_gunzip, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_gunzip_large, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_dirs, make_tmp, remove_tmp),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_option_defaults),
        cmocka_unit_test(test_option_set),
        cmocka_unit_test(test_option_errors),
        cmocka_unit_test(test_pool_sizes),
        cmocka_unit_test(test_pool_stress),
        cmocka_unit_test(test_pool_priority),
        cmocka_unit_test(test_pool_nested),
        cmocka_unit_test(test_pool_denormals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
