/*
 * An error: what went wrong, where, and what to do. A plain value of the caller's,
 * nothing to free, safe across threads. Functions that can fail take `struct error *err`
 * last, return -1 or NULL, and leave *err alone when they succeed. `err` may be NULL when
 * nobody wants to know.
 */
#ifndef RLAIF_BASE_ERROR_H
#define RLAIF_BASE_ERROR_H

#include <stddef.h>
#include <stdint.h>

/*
 * The values are the exit codes of `rlaif` (contract: 1 failed, 2 usage, 3 bad data,
 * ...).
 */
enum error_kind {
    ERROR_FAILED = 1,
    ERROR_USAGE = 2,
    ERROR_DATA = 3,
    ERROR_ASSERT = 4,
    ERROR_CANCELLED = 130,
};

struct error {
    enum error_kind kind;
    char text[480]; /* full sentence without final stop, without the place */
    char file[240]; /* "" when there is none */
    int64_t line;   /* 1-based, 0: none */
    int64_t column; /* 1-based, 0: none */
    int64_t byte;   /* offset in the file, -1: none */
    char hint[240]; /* what to do about it, "" when there is nothing to say */
};

/* All return -1, so that `return error_set(...)` ends a function. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int error_at_line(struct error *err, const char *file, int64_t line, int64_t column,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
int error_at_byte(struct error *err, const char *file, int64_t byte, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
/* text + strerror(errno) as "cannot open FILE: No such file or directory". */
int error_errno(struct error *err, const char *file, const char *what);
/* Adds the hint to an error already set. Returns -1. */
int error_hint(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * "FILE:LINE:COL: text", "FILE: byte 0xOFF: text" or "text", and " (hint)"; always ends
 * in NUL.
 */
void error_format(const struct error *err, char *out, size_t out_size);

#endif
