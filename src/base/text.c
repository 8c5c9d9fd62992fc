#include "src/base/text.h"

#include <limits.h>
#include <string.h>
#include <utf8proc.h>

#define MAX_MARKS                                                                        \
    4 /* combining marks on one character; more would smear over the lines above */
#define MAX_DISTANCE 64 /* letters of a word for did-you-mean */

size_t utf8_decode(const char *s, size_t len, uint32_t *code)
{
    const unsigned char *b = (const unsigned char *)s;
    uint32_t value, least;
    size_t n;

    if (len == 0)
        return 0;
    if (b[0] < 0x80) {
        *code = b[0];
        return 1;
    }
    if (b[0] < 0xC2 || b[0] > 0xF4)
        return 0;
    n = b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    least = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
    if (len < n)
        return 0;
    value = b[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (b[i] & 0x3F);
    }
    if (value < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *code = value;
    return n;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        code = 0xFFFD;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

bool utf8_valid(const char *s, size_t len, size_t *bad)
{
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = utf8_decode(s + i, len - i, &code);

        if (n == 0) {
            if (bad)
                *bad = i;
            return false;
        }
        i += n;
    }
    return true;
}

size_t utf8_count(const char *s, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; count++) {
        uint32_t code;
        size_t n = utf8_decode(s + i, len - i, &code);

        i += n ? n : 1;
    }
    return count;
}

bool unicode_is_space(uint32_t code)
{
    if (code < 0x80)
        return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20);
    return code == 0x85 || code == 0xA0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
           code == 0x202F || code == 0x205F || code == 0x3000;
}

size_t text_words(const char *s, size_t len)
{
    size_t words = 0;
    bool inside = false;

    for (size_t i = 0; i < len;) {
        uint32_t code = 0xFFFD;
        size_t n = utf8_decode(s + i, len - i, &code);
        bool space = unicode_is_space(code);

        words += !space && !inside;
        inside = !space;
        i += n ? n : 1;
    }
    return words;
}

/* The selectors of text and emoji looks, which stand in everyday text. */
static bool is_emoji_selector(uint32_t code)
{
    return code == 0xFE0E || code == 0xFE0F;
}

bool unicode_is_hidden(uint32_t code)
{
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return true;
    default:
        return utf8proc_get_property((utf8proc_int32_t)code)->ignorable &&
               !is_emoji_selector(code);
    }
}

/*
 * Characters that an emoji selector may follow; behind a letter it would be a hidden
 * message.
 */
static bool takes_selector(uint32_t code)
{
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_SO:
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_ND:
        return true;
    default:
        return code == 0x2139; /* the information sign, a letter to Unicode */
    }
}

static bool is_mark(uint32_t code)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);

    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
           utf8proc_charwidth((utf8proc_int32_t)code) == 0;
}

static void show_control(struct buf *out, unsigned char c)
{
    buf_addc(out, '^');
    buf_addc(out, (char)(c ^ 0x40));
}

/* What has been passed so far, as far as it decides about the next character. */
struct sanitiser {
    int marks;     /* in a row */
    uint32_t last; /* the character before when it was passed as it is, else 0 */
};

/* One character of 2 to 4 bytes. */
static void sanitise_wide(struct buf *out, struct sanitiser *state, const char *s,
                          size_t n, uint32_t code)
{
    bool mark = false, pass;

    if (code < 0xA0) {
        buf_addf(out, "<%02X>", (unsigned)code);
        *state = (struct sanitiser){0};
        return;
    }
    if (unicode_is_hidden(code)) {
        pass = false;
    } else if (is_emoji_selector(code)) {
        mark = true;
        pass = state->last && takes_selector(state->last);
    } else {
        mark = is_mark(code);
        pass = !mark || state->marks < MAX_MARKS;
    }
    if (pass)
        buf_add(out, s, n);
    else
        buf_addf(out, "<U+%04X>", (unsigned)code);
    state->marks = mark ? state->marks + 1 : 0;
    state->last = pass ? code : 0;
}

/* Printable ASCII at the start of s. */
static size_t plain_run(const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && s[n] >= ' ' && s[n] < 0x7F)
        n++;
    return n;
}

void text_sanitise(struct buf *out, const char *s, size_t len, enum text_flags flags)
{
    struct sanitiser state = {0};

    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = plain_run(s + i, len - i);

        if (n) {
            buf_add(out, s + i, n);
            state = (struct sanitiser){.last = (unsigned char)s[i + n - 1]};
            i += n;
            continue;
        }
        n = utf8_decode(s + i, len - i, &code);
        if (n > 1) {
            sanitise_wide(out, &state, s + i, n, code);
            i += n;
            continue;
        }
        if (n == 0)
            buf_addf(out, "<%02X>", (unsigned)(unsigned char)s[i]);
        else if (code == '\n' && (flags & TEXT_LINES))
            buf_addc(out, '\n');
        else if (code == '\t' && (flags & TEXT_LINES))
            buf_addc(out, ' ');
        else
            show_control(out, (unsigned char)code);
        state = (struct sanitiser){0};
        i++;
    }
}

/* Columns and bytes of the character at s; what is not a character takes one column. */
static int char_columns(const char *s, size_t len, size_t *bytes)
{
    uint32_t code;
    size_t n = utf8_decode(s, len, &code);

    *bytes = n ? n : 1;
    return n ? utf8proc_charwidth((utf8proc_int32_t)code) : 1;
}

int text_width(const char *s, size_t len)
{
    int width = 0;

    for (size_t i = 0; i < len;) {
        size_t n;
        int columns = char_columns(s + i, len - i, &n);

        if (columns > INT_MAX - width)
            return INT_MAX;
        width += columns;
        i += n;
    }
    return width;
}

size_t text_fit(const char *s, size_t len, int columns)
{
    size_t i = 0;

    if (columns <= 0)
        return 0;
    while (i < len) {
        size_t n;
        int wide = char_columns(s + i, len - i, &n);

        /* Marks of no width stay with the character that they belong to. */
        if (wide > columns)
            break;
        columns -= wide;
        i += n;
    }
    return i;
}

/* The letters of a word; more than fit are counted but not kept. */
static size_t letters(const char *word, uint32_t out[MAX_DISTANCE])
{
    size_t len = strlen(word), count = 0;

    for (size_t i = 0; i < len; count++) {
        uint32_t code = 0xFFFD;
        size_t n = utf8_decode(word + i, len - i, &code);

        if (count < MAX_DISTANCE)
            out[count] = code;
        i += n ? n : 1;
    }
    return count;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int text_distance(const char *a, const char *b)
{
    uint32_t x[MAX_DISTANCE], y[MAX_DISTANCE];
    size_t nx = letters(a, x), ny = letters(b, y);
    int rows[3][MAX_DISTANCE + 1];

    if (nx > MAX_DISTANCE || ny > MAX_DISTANCE) {
        size_t longest = nx > ny ? nx : ny;

        return strcmp(a, b) == 0 ? 0 : longest > INT_MAX ? INT_MAX : (int)longest;
    }
    for (size_t j = 0; j <= ny; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= nx; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];

        row[0] = (int)i;
        for (size_t j = 1; j <= ny; j++) {
            int cost = x[i - 1] != y[j - 1];

            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
                row[j] = least(row[j], twice[j - 2] + 1);
        }
    }
    return rows[nx % 3][ny];
}

const char *text_nearest(const char *word, const char *const *names, size_t n)
{
    size_t count = utf8_count(word, strlen(word));
    int near = count == 0 ? -1 : count <= 4 ? 1 : count <= 8 ? 2 : 3;
    const char *best = NULL;

    for (size_t i = 0; i < n; i++) {
        int distance = text_distance(word, names[i]);

        if (distance <= near) {
            best = names[i];
            near = distance - 1;
        }
    }
    return best;
}
