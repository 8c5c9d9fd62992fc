/* Errors, memory, buffers and text. */
#include "tests/unit/base_fixture.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
