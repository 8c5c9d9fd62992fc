#include "src/base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"

#define READ_DEPTH 64
/* What is read may be wrapped in a few levels of our own; deeper is a cycle. */
#define WRITE_DEPTH 256

/*
 * Before parsing, since a parser that recurses must not be the one to find out. Also
 * counts characters, for the column of the bracket that is one too many.
 */
static int check_depth(const char *text, size_t len, const char *file, int64_t first_line,
                       struct error *err)
{
    int64_t line = first_line, column = 0;
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (((unsigned char)c & 0xC0) != 0x80)
            column++;
        if (c == '\n') {
            line++;
            column = 0;
        } else if (in_string) {
            if (c == '\\' && i + 1 < len && text[i + 1] != '\n') {
                i++;
                column++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > READ_DEPTH)
                return error_at_line(err, file, line, column, "nested deeper than %d",
                                     READ_DEPTH);
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return 0;
}

json_t *json_parse(const char *text, size_t len, const char *file, int64_t first_line,
                   struct error *err)
{
    json_error_t fault;
    json_t *value;
    int64_t line, column;

    if (first_line < 1)
        first_line = 1;
    if (check_depth(len ? text : "", len, file, first_line, err) < 0)
        return NULL;
    value = json_loadb(len ? text : "", len,
                       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
    if (value)
        return value;
    line = first_line + (fault.line > 0 ? fault.line - 1 : 0);
    column = fault.column > 0 ? fault.column : 1;
    /* The text shows what stands near, as it came. */
    struct buf near;
    buf_init(&near, 0);
    text_sanitise(&near, fault.text, strlen(fault.text), 0);
    error_at_line(err, file, line, column, "%s", buf_str(&near));
    buf_release(&near);
    return NULL;
}

static void write_escaped(struct buf *out, uint32_t code)
{
    if (code > 0xFFFF) {
        code -= 0x10000;
        buf_addf(out, "\\u%04x\\u%04x", (unsigned)(0xD800 | code >> 10),
                 (unsigned)(0xDC00 | (code & 0x3FF)));
    } else {
        buf_addf(out, "\\u%04x", (unsigned)code);
    }
}

/* The letter behind the backslash, or 0. */
static char short_escape(uint32_t code)
{
    switch (code) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* Hidden characters are escaped, so that what is printed raw cannot steer a terminal. */
static void write_string(struct buf *out, const char *s, size_t len)
{
    size_t raw = 0, i = 0;

    buf_addc(out, '"');
    while (i < len) {
        uint32_t code;
        size_t n;
        char letter;

        if (s[i] >= ' ' && s[i] < 0x7F && s[i] != '"' && s[i] != '\\') {
            i++;
            continue;
        }
        n = utf8_decode(s + i, len - i, &code);
        if (n == 0) { /* jansson checks its strings; only json_string_nocheck gets here */
            n = 1;
            code = 0xFFFD;
        } else if (code > 0x7F && !unicode_is_hidden(code)) {
            i += n;
            continue;
        }
        buf_add(out, s + raw, i - raw);
        letter = short_escape(code);
        if (letter) {
            buf_addc(out, '\\');
            buf_addc(out, letter);
        } else {
            write_escaped(out, code);
        }
        i += n;
        raw = i;
    }
    buf_add(out, s + raw, len - raw);
    buf_addc(out, '"');
}

static void write_value(struct buf *out, const json_t *value, int depth);

static void write_object(struct buf *out, const json_t *value, int depth)
{
    /* jansson's iterators take no const, and keep the order in which keys were set. */
    json_t *object = (json_t *)(uintptr_t)value;
    const char *between = "{";

    if (json_object_size(object) == 0)
        buf_addc(out, '{');
    for (void *it = json_object_iter(object); it;
         it = json_object_iter_next(object, it)) {
        buf_adds(out, between);
        write_string(out, json_object_iter_key(it), json_object_iter_key_len(it));
        buf_addc(out, ':');
        write_value(out, json_object_iter_value(it), depth);
        between = ",";
    }
    buf_addc(out, '}');
}

static void write_array(struct buf *out, const json_t *value, int depth)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i)
            buf_addc(out, ',');
        write_value(out, json_array_get(value, i), depth);
    }
    buf_addc(out, ']');
}

static void write_value(struct buf *out, const json_t *value, int depth)
{
    if (depth > WRITE_DEPTH) {
        out->full = true; /* the caller's one test at the end shall see it */
        return;
    }
    if (out->full)
        return;
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        write_object(out, value, depth + 1);
        break;
    case JSON_ARRAY:
        write_array(out, value, depth + 1);
        break;
    case JSON_STRING:
        write_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        json_write_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        buf_adds(out, "true");
        break;
    case JSON_FALSE:
        buf_adds(out, "false");
        break;
    case JSON_NULL:
        buf_adds(out, "null");
        break;
    }
}

void json_write(struct buf *out, const json_t *value)
{
    write_value(out, value, 0);
}

void json_write_real(struct buf *out, double x)
{
    char text[40];
    /* Subnormal numbers have fewer digits that count. */
    int precision = fabs(x) < DBL_MIN ? 1 : 15;

    if (!isfinite(x)) {
        buf_adds(out, "null");
        return;
    }
    if (x == 0) {
        /* "-0" would be read back as an integer, which has no negative zero. */
        buf_adds(out, signbit(x) ? "-0.0" : "0");
        return;
    }
    for (; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, x);
        if (strtod(text, NULL) == x)
            break;
    }
    buf_adds(out, text);
}

json_t *json_number_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *json_text(const char *s, size_t len)
{
    struct buf clean;
    json_t *value;
    size_t bad;

    if (len == 0 || utf8_valid(s, len, &bad))
        return json_stringn(len ? s : "", len);
    buf_init(&clean, SIZE_MAX);
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = utf8_decode(s + i, len - i, &code);

        buf_add(&clean, n ? s + i : "\xEF\xBF\xBD", n ? n : 3);
        i += n ? n : 1;
    }
    value = json_stringn(buf_str(&clean), clean.len);
    buf_release(&clean);
    return value;
}

json_t *json_text0(const char *s)
{
    return s ? json_text(s, strlen(s)) : json_null();
}

json_t *json_interval(double low, double high)
{
    json_t *pair = json_array();

    json_array_append_new(pair, json_number_or_null(low));
    json_array_append_new(pair, json_number_or_null(high));
    return pair;
}
