/*
 * A growing text buffer with a maximum. data is always NUL-terminated (also when empty,
 * after the first add); NUL bytes may stand inside. When the maximum would be passed the
 * add does nothing, nor does any later one, and `full` stays set, so that a caller can
 * test once at the end and the text never has a hole.
 */
#ifndef RLAIF_BASE_BUF_H
#define RLAIF_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool full;
};

#define BUF_MAX_TEXT ((size_t)64 << 20)

/* Allocates nothing yet; max 0 means BUF_MAX_TEXT. */
void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* empty, keeps the memory */
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void buf_fill(struct buf *buf, char c, size_t count);
/* The text, never NULL. Owned by the buffer. */
const char *buf_str(const struct buf *buf);
/* The text, owned by the caller from now on; the buffer is empty again. */
char *buf_take(struct buf *buf);

#endif
