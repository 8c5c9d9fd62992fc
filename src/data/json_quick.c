#include "src/data/json_quick.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/text.h"

#define DEPTH_MAX 64

struct quick {
    const char *at, *end;
    struct buf *scratch;
    int depth;
};

static json_t *read_value(struct quick *q);

static void skip_blanks(struct quick *q)
{
    while (q->at < q->end &&
           (*q->at == ' ' || *q->at == '\n' || *q->at == '\r' || *q->at == '\t'))
        q->at++;
}

static bool take(struct quick *q, char c)
{
    skip_blanks(q);
    if (q->at == q->end || *q->at != c)
        return false;
    q->at++;
    return true;
}

static bool read_hex4(struct quick *q, uint32_t *out)
{
    if (q->end - q->at < 4)
        return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = *q->at++;
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)((c | 32) - 'a' + 10);
        else
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* Behind "\u". A surrogate alone is not for us. */
static bool read_unicode(struct quick *q)
{
    uint32_t code, low;
    char bytes[4];
    if (!read_hex4(q, &code) || code == 0)
        return false;
    if (code >= 0xDC00 && code <= 0xDFFF)
        return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (q->end - q->at < 2 || q->at[0] != '\\' || q->at[1] != 'u')
            return false;
        q->at += 2;
        if (!read_hex4(q, &low) || low < 0xDC00 || low > 0xDFFF)
            return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    buf_add(q->scratch, bytes, utf8_encode(code, bytes));
    return true;
}

static bool read_escape(struct quick *q)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (q->at == q->end)
        return false;
    char c = *q->at++;
    if (c == 'u')
        return read_unicode(q);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return false;
    buf_addc(q->scratch, to[found - from]);
    return true;
}

/* Bytes up to a quote, a backslash or a control character. */
static size_t plain_run(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
        p++;
    return (size_t)(p - at);
}

/* Behind the opening quote; *text is in the input when there is no escape, else in the
 * scratch. */
static bool read_text(struct quick *q, const char **text, size_t *len)
{
    size_t run = plain_run(q->at, q->end);
    if (q->at + run < q->end && q->at[run] == '"') {
        *text = q->at;
        *len = run;
        q->at += run + 1;
        return true;
    }
    buf_clear(q->scratch);
    for (;;) {
        run = plain_run(q->at, q->end);
        buf_add(q->scratch, q->at, run);
        q->at += run;
        if (q->at == q->end)
            return false;
        char c = *q->at++;
        if (c == '"')
            break;
        if (c != '\\' || !read_escape(q))
            return false;
    }
    *text = buf_str(q->scratch);
    *len = q->scratch->len;
    return !q->scratch->full;
}

static json_t *read_object(struct quick *q)
{
    json_t *object = json_object();
    if (take(q, '}'))
        return object;
    for (size_t n = 1;; n++) {
        char key[256];
        const char *text;
        size_t len;
        bool ok = take(q, '"') && read_text(q, &text, &len) && len < sizeof key;
        if (ok) {
            memcpy(key, text, len);
            key[len] = 0;
        }
        json_t *value = ok && take(q, ':') ? read_value(q) : NULL;
        /* A key that stands twice leaves the object smaller than its members. */
        if (!value || json_object_set_new_nocheck(object, key, value) ||
            json_object_size(object) != n)
            break;
        if (take(q, '}'))
            return object;
        if (!take(q, ','))
            break;
    }
    json_decref(object);
    return NULL;
}

static json_t *read_array(struct quick *q)
{
    json_t *array = json_array();
    if (take(q, ']'))
        return array;
    for (;;) {
        json_t *value = read_value(q);
        if (!value || json_array_append_new(array, value))
            break;
        if (take(q, ']'))
            return array;
        if (!take(q, ','))
            break;
    }
    json_decref(array);
    return NULL;
}

/* Integers of at most 18 digits here, what else is a number by the library. */
static json_t *read_number(struct quick *q)
{
    const char *start = q->at, *p = start;
    json_int_t value = 0;
    p += *p == '-';
    const char *digits = p;
    while (p < q->end && *p >= '0' && *p <= '9')
        p++;
    bool real = p < q->end && (*p == '.' || *p == 'e' || *p == 'E');
    if (!real && p > digits && p - digits <= 18 && (*digits != '0' || p - digits == 1)) {
        for (const char *d = digits; d < p; d++)
            value = 10 * value + (*d - '0');
        q->at = p;
        return json_integer(*start == '-' ? -value : value);
    }
    while (p < q->end && ((*p >= '0' && *p <= '9') || strchr(".eE+-", *p)))
        p++;
    q->at = p;
    return json_loadb(start, (size_t)(p - start), JSON_DECODE_ANY, NULL);
}

static bool take_word(struct quick *q, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(q->end - q->at) < len || memcmp(q->at, word, len))
        return false;
    q->at += len;
    return true;
}

static json_t *read_value(struct quick *q)
{
    const char *text;
    size_t len;
    json_t *value = NULL;
    skip_blanks(q);
    if (q->at == q->end || q->depth == DEPTH_MAX)
        return NULL;
    q->depth++;
    switch (*q->at) {
    case '"':
        q->at++;
        if (read_text(q, &text, &len))
            value = json_stringn_nocheck(text, len);
        break;
    case '{':
        q->at++;
        value = read_object(q);
        break;
    case '[':
        q->at++;
        value = read_array(q);
        break;
    case 't':
        value = take_word(q, "true") ? json_true() : NULL;
        break;
    case 'f':
        value = take_word(q, "false") ? json_false() : NULL;
        break;
    case 'n':
        value = take_word(q, "null") ? json_null() : NULL;
        break;
    default:
        value = read_number(q);
    }
    q->depth--;
    return value;
}

json_t *json_quick(const char *text, size_t len, struct buf *scratch)
{
    struct quick q = {.at = text, .end = text + len, .scratch = scratch};
    json_t *value = read_value(&q);
    skip_blanks(&q);
    if (value && q.at == q.end)
        return value;
    json_decref(value);
    return NULL;
}
