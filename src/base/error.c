#include "src/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"

#define TAIL_MARK "..."

/* A cut in the middle of a character would put a bad byte on the terminal. */
static void cut_at_character(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    uint32_t code;

    while (start > 0 && len - start < 3 &&
           ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return;
    start--;
    if (utf8_decode(text + start, len - start, &code) != len - start)
        text[start] = '\0';
}

static void put_format(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void put_format(char *out, size_t size, const char *format, va_list args)
{
    int len = vsnprintf(out, size, format, args);

    if (len < 0)
        out[0] = '\0';
    else if ((size_t)len >= size)
        cut_at_character(out);
}

/* The end of a path says more than its beginning, so a long one loses its front. */
static void put_path(char *out, size_t size, const char *path)
{
    size_t len = path ? strlen(path) : 0;
    const size_t mark = sizeof(TAIL_MARK) - 1;

    if (len < size) {
        memcpy(out, len ? path : "", len + 1);
        return;
    }
    path += len - (size - 1 - mark);
    while (((unsigned char)*path & 0xC0) == 0x80)
        path++;
    memcpy(out, TAIL_MARK, mark);
    memcpy(out + mark, path, strlen(path) + 1);
}

static void start(struct error *err, enum error_kind kind, const char *file)
{
    err->kind = kind;
    err->text[0] = '\0';
    put_path(err->file, sizeof(err->file), file);
    err->line = 0;
    err->column = 0;
    err->byte = -1;
    err->hint[0] = '\0';
}

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    va_list args;

    if (!err)
        return -1;
    start(err, kind, NULL);
    va_start(args, format);
    put_format(err->text, sizeof(err->text), format, args);
    va_end(args);
    return -1;
}

int error_at_line(struct error *err, const char *file, int64_t line, int64_t column,
                  const char *format, ...)
{
    va_list args;

    if (!err)
        return -1;
    start(err, ERROR_DATA, file);
    err->line = line;
    err->column = column;
    va_start(args, format);
    put_format(err->text, sizeof(err->text), format, args);
    va_end(args);
    return -1;
}

int error_at_byte(struct error *err, const char *file, int64_t byte, const char *format,
                  ...)
{
    va_list args;

    if (!err)
        return -1;
    start(err, ERROR_DATA, file);
    err->byte = byte;
    va_start(args, format);
    put_format(err->text, sizeof(err->text), format, args);
    va_end(args);
    return -1;
}

int error_errno(struct error *err, const char *file, const char *what)
{
    int code = errno;
    char path[320];

    if (!err)
        return -1;
    put_path(path, sizeof(path), file);
    error_set(err, ERROR_FAILED, "%s%s%s: %s", what, file ? " " : "", path,
              strerror(code));
    errno = code;
    return -1;
}

int error_hint(struct error *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return -1;
    va_start(args, format);
    put_format(err->hint, sizeof(err->hint), format, args);
    va_end(args);
    return -1;
}

/*
 * The place in front of the text: "FILE:LINE:COL: ", "FILE: byte 0xOFF: ", "FILE: " or
 * "".
 */
static void format_place(const struct error *err, char *out, size_t size)
{
    const char *file = err->file[0] ? err->file : "line";
    const char *between = err->file[0] ? ":" : " ";

    out[0] = '\0';
    if (err->line > 0 && err->column > 0)
        snprintf(out, size, "%s%s%" PRId64 ":%" PRId64 ": ", file, between, err->line,
                 err->column);
    else if (err->line > 0)
        snprintf(out, size, "%s%s%" PRId64 ": ", file, between, err->line);
    else if (err->byte >= 0)
        snprintf(out, size, "%s%sbyte 0x%" PRIx64 ": ", err->file,
                 err->file[0] ? ": " : "", (uint64_t)err->byte);
    else if (err->file[0])
        snprintf(out, size, "%s: ", err->file);
}

void error_format(const struct error *err, char *out, size_t out_size)
{
    char place[sizeof(err->file) + 64];
    int len;

    if (out_size == 0)
        return;
    format_place(err, place, sizeof(place));
    len = snprintf(out, out_size, "%s%s%s%s%s", place, err->text,
                   err->hint[0] ? " (" : "", err->hint, err->hint[0] ? ")" : "");
    if (len >= 0 && (size_t)len >= out_size)
        cut_at_character(out);
}
