#include "src/data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/text.h"

#define READ_STEP ((size_t)256 << 10)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One step of bytes behind the window's end, after moving what is left to its front. */
int source_fill(struct source *s, bool *more, struct error *err)
{
    *more = false;
    if (s->eof)
        return 0;
    if (s->pos > 0 && s->pos >= s->len / 2) {
        memmove(s->data, s->data + s->pos, s->len - s->pos);
        s->len -= s->pos;
        s->pos = 0;
    }
    if (s->cap - s->len < READ_STEP) {
        s->cap = s->cap + s->cap / 2 + READ_STEP;
        s->data = xrealloc(s->data, s->cap);
    }
    int got = gzread(s->gz, s->data + s->len, READ_STEP);
    if (got < 0) {
        int code;
        const char *why = gzerror(s->gz, &code);
        if (code == Z_ERRNO)
            return error_errno(err, s->path, "cannot read");
        return error_at_line(err, s->path, s->line, 0, "broken gzip data: %s", why);
    }
    if (got == 0) {
        int code;
        gzerror(s->gz, &code);
        if (code == Z_BUF_ERROR)
            return error_at_line(err, s->path, s->line, 0,
                                 "the gzip data ends too early");
        s->eof = true;
        return 0;
    }
    s->len += (size_t)got;
    *more = true;
    return 0;
}

static int64_t count_lines(const char *text, size_t len)
{
    int64_t n = 0;
    const char *end = text + len;
    while ((text = memchr(text, '\n', (size_t)(end - text)))) {
        n++;
        text++;
    }
    return n;
}

void source_take(struct source *s, size_t len)
{
    const char *text = s->data + s->pos;
    size_t start = len; // of the last line in what is taken
    while (start > 0 && text[start - 1] != '\n')
        start--;
    if (start > 0) {
        s->line += count_lines(text, start);
        s->column = 1;
    }
    s->column += (int64_t)utf8_count(text + start, len - start);
    s->pos += len;
}

int record_bad(struct record *out, const struct source *s, int64_t line, int64_t column,
               const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memset(&out->problem, 0, sizeof out->problem);
    error_at_line(&out->problem, s->path, line, column, "%s", text);
    out->bad = true;
    return 1;
}

/* Line and column (characters) of a byte in a record. */
static void record_place(const struct record *r, size_t offset, int64_t *line,
                         int64_t *column)
{
    size_t start = offset;
    while (start > 0 && r->text[start - 1] != '\n')
        start--;
    *line = r->line + count_lines(r->text, offset);
    *column = 1 + (int64_t)utf8_count(r->text + start, offset - start);
    if (start == 0)
        *column += r->column - 1;
}

/* utf8_valid, eight bytes a step where they are ASCII. */
static bool record_utf8(const char *text, size_t len, size_t *at)
{
    for (*at = 0; *at < len;) {
        uint64_t eight;
        uint32_t code;
        size_t left = len - *at, n = 1;
        if (left >= sizeof eight && (memcpy(&eight, text + *at, sizeof eight),
                                     !(eight & UINT64_C(0x8080808080808080))))
            n = sizeof eight;
        else if (text[*at] & 0x80)
            n = utf8_decode(text + *at, left, &code);
        if (n == 0)
            return false;
        *at += n;
    }
    return true;
}

/* What every record promises; makes it a bad one otherwise. */
static void record_check(struct source *s, struct record *r)
{
    size_t at;
    int64_t line, column;
    const char *nul = memchr(r->text, 0, r->len);
    if (!record_utf8(r->text, r->len, &at)) {
        record_place(r, at, &line, &column);
        record_bad(r, s, line, column, "not UTF-8 (byte 0x%02X)",
                   (unsigned char)r->text[at]);
    } else if (nul) {
        record_place(r, (size_t)(nul - r->text), &line, &column);
        record_bad(r, s, line, column, "a NUL byte");
    }
}

/* Behind the end of a line that is too long to keep. */
static int skip_line(struct source *s, struct error *err)
{
    for (;;) {
        char *end = memchr(s->data + s->pos, '\n', s->len - s->pos);
        if (end) {
            source_take(s, (size_t)(end - (s->data + s->pos)) + 1);
            return 0;
        }
        s->pos = s->len;
        bool more;
        if (source_fill(s, &more, err))
            return -1;
        if (!more)
            return 0;
    }
}

static int next_line(struct source *s, struct record *out, struct error *err)
{
    size_t seen = 0;
    for (;;) {
        size_t left = s->len - s->pos;
        char *end = memchr(s->data + s->pos + seen, '\n', left - seen);
        if (!end && left <= RECORD_MAX) {
            bool more;
            seen = left;
            if (source_fill(s, &more, err))
                return -1;
            if (more)
                continue;
            if (left == 0)
                return 0;
        }
        size_t len = end ? (size_t)(end - (s->data + s->pos)) : left;
        out->line = s->line;
        if (len > RECORD_MAX) {
            if (skip_line(s, err))
                return -1;
            return record_bad(out, s, out->line, 0, "the line is longer than 64 MiB");
        }
        out->text = s->data + s->pos;
        out->len = len;
        s->line += end != NULL;
        s->pos += len + (end != NULL); // a column other than 1 is never wanted here
        if (len && out->text[len - 1] == '\r')
            out->len--;
        size_t i = 0;
        while (i < out->len && is_blank(out->text[i]))
            i++;
        if (i < out->len)
            return 1;
        seen = 0;
    }
}

/* Moves behind white space; 1: a byte stands at pos, 0: the end. */
static int skip_blanks(struct source *s, struct error *err)
{
    for (;;) {
        size_t i = s->pos;
        while (i < s->len && is_blank(s->data[i]))
            i++;
        source_take(s, i - s->pos);
        if (i < s->len)
            return 1;
        bool more;
        if (source_fill(s, &more, err))
            return -1;
        if (!more)
            return 0;
    }
}

/* Where the element at pos ends: behind its last bracket, or before the , or ] that
 * follows it. */
static int element_end(struct source *s, size_t *len, bool *found, struct error *err)
{
    int64_t depth = 0;
    bool string = false;
    *found = false;
    for (size_t i = 0;; i++) {
        while (s->pos + i >= s->len) { // twice when an escape was the last byte
            bool more = false;
            if (i <= RECORD_MAX && source_fill(s, &more, err))
                return -1;
            if (!more) {
                *len = i;
                return 0;
            }
        }
        char c = s->data[s->pos + i];
        if (string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                string = false;
        } else if (c == '"') {
            string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == ',' || c == ']' || c == '}') && depth == 0) {
            *found = true;
            *len = i;
            return 0;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            *found = true;
            *len = i + 1;
            return 0;
        }
    }
}

/* Behind the array: nothing but white space may follow. */
static int array_end(struct source *s, struct record *out, struct error *err)
{
    s->done = true;
    if (s->comma && s->n_records > 0)
        return record_bad(out, s, s->line, s->column,
                          "not JSON: a comma before the end of the array");
    source_take(s, 1);
    int more = skip_blanks(s, err);
    if (more <= 0)
        return more;
    return record_bad(out, s, s->line, s->column,
                      "not JSON: text after the end of the array");
}

static int next_element(struct source *s, struct record *out, struct error *err)
{
    if (!s->started) {
        if (skip_blanks(s, err) < 0)
            return -1;
        source_take(s, 1);
        s->started = s->comma = true;
    }
    for (;;) {
        int more = skip_blanks(s, err);
        if (more < 0)
            return -1;
        if (!more) {
            s->done = true;
            return record_bad(out, s, s->line, s->column,
                              "not JSON: the array has no end");
        }
        char c = s->data[s->pos];
        if (c == ']')
            return array_end(s, out, err);
        if (c != ',')
            break;
        bool twice = s->comma;
        int64_t line = s->line, column = s->column;
        source_take(s, 1);
        s->comma = true;
        if (twice)
            return record_bad(out, s, line, column,
                              "not JSON: a comma without an element");
    }
    size_t len;
    bool found;
    if (element_end(s, &len, &found, err))
        return -1;
    out->line = s->line;
    out->column = s->column;
    if (!found && len > RECORD_MAX)
        return error_at_line(err, s->path, s->line, 0,
                             "the element is longer than 64 MiB");
    if (!found) {
        s->done = true;
        return record_bad(out, s, s->line, s->column,
                          "not JSON: the file ends inside the element that begins here");
    }
    bool comma = s->comma;
    s->comma = false;
    if (len == 0) { // a lone closing brace
        source_take(s, 1);
        return record_bad(out, s, out->line, out->column,
                          "not JSON: a bracket without its partner");
    }
    out->text = s->data + s->pos;
    out->len = len;
    source_take(s, len);
    if (!comma)
        return record_bad(out, s, out->line, out->column,
                          "not JSON: no comma before this element");
    return 1;
}

int source_next(struct source *s, struct record *out, struct error *err)
{
    out->bad = false;
    out->text = "";
    out->len = 0;
    out->line = s->line;
    out->column = 1;
    if (s->done)
        return 0;
    int got;
    if (s->shape == SOURCE_LINES)
        got = next_line(s, out, err);
    else if (s->shape == SOURCE_ARRAY)
        got = next_element(s, out, err);
    else
        got = source_next_csv(s, out, err);
    if (got == 1) {
        s->n_records++;
        if (!out->bad)
            record_check(s, out);
    }
    return got;
}

/* A tab in the first line outranks commas: text of a TSV header has no tabs, a CSV's
 * neither. */
static char find_delimiter(const struct source *s)
{
    const char *end = memchr(s->data + s->pos, '\n', s->len - s->pos);
    size_t len = end ? (size_t)(end - (s->data + s->pos)) : s->len - s->pos;
    return memchr(s->data + s->pos, '\t', len) ? '\t' : ',';
}

/* Byte order mark and shape, with the first bytes in the window. */
static int source_start(struct source *s, struct error *err)
{
    bool more;
    s->len = s->pos = 0;
    s->line = s->column = 1;
    s->eof = s->done = s->started = false;
    s->n_records = 0;
    if (source_fill(s, &more, err))
        return -1;
    if (s->len >= 2 &&
        (!memcmp(s->data, "\xff\xfe", 2) || !memcmp(s->data, "\xfe\xff", 2))) {
        error_at_line(err, s->path, 1, 1, "the file is UTF-16");
        return error_hint(err, "convert it to UTF-8");
    }
    if (s->len >= 3 && !memcmp(s->data, "\xef\xbb\xbf", 3))
        s->pos = 3;
    return 0;
}

int source_rewind(struct source *s, struct error *err)
{
    if (gzrewind(s->gz))
        return error_errno(err, s->path, "cannot read again");
    return source_start(s, err);
}

int source_open(struct source *s, const char *path, struct error *err)
{
    *s = (struct source){.path = path, .delimiter = ','};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, path, "cannot open");
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(err, ERROR_DATA, "%s is not a regular file", path);
    }
    s->size = st.st_size;
    s->gz = gzdopen(fd, "rb");
    if (!s->gz) {
        close(fd);
        return error_set(err, ERROR_FAILED, "no memory to read %s", path);
    }
    gzbuffer(s->gz, READ_STEP);
    if (source_start(s, err)) {
        source_close(s);
        return -1;
    }
    size_t i = s->pos;
    while (i < s->len && is_blank(s->data[i]))
        i++;
    char c = i < s->len ? s->data[i] : '{'; // nothing but blanks: lines without a record
    s->shape = c == '[' ? SOURCE_ARRAY : c == '{' ? SOURCE_LINES : SOURCE_CSV;
    s->delimiter = find_delimiter(s);
    return 0;
}

void source_close(struct source *s)
{
    if (s->gz)
        gzclose(s->gz);
    free(s->data);
    *s = (struct source){0};
}

int64_t source_done(const struct source *s)
{
    return s->gz ? (int64_t)gzoffset(s->gz) : 0;
}
