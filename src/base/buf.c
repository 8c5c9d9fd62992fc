#include "src/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

#define FIRST_CAP 64

void buf_init(struct buf *buf, size_t max)
{
    /* One byte below SIZE_MAX stays free for the NUL. */
    if (max == SIZE_MAX)
        max--;
    *buf = (struct buf){.max = max ? max : BUF_MAX_TEXT};
}

void buf_release(struct buf *buf)
{
    free(buf->data);
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
    buf->full = false;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->full = false;
    if (buf->data)
        buf->data[0] = '\0';
}

/*
 * Room for `more` bytes and the NUL. Once full, nothing is added any more, so that the
 * content is always a beginning of what was meant and never has a hole.
 */
static bool make_room(struct buf *buf, size_t more)
{
    size_t need, cap;

    if (buf->full || more > buf->max - buf->len) {
        buf->full = true;
        return false;
    }
    need = buf->len + more + 1;
    if (need <= buf->cap)
        return true;
    cap = buf->cap ? buf->cap : FIRST_CAP;
    while (cap < need)
        if (!size_mul(cap, 2, &cap))
            cap = need;
    if (cap > buf->max + 1)
        cap = buf->max + 1;
    buf->data = xrealloc(buf->data, cap);
    buf->cap = cap;
    return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    if (!make_room(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_adds(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_addc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vaddf(buf, format, args);
    va_end(args);
}

void buf_vaddf(struct buf *buf, const char *format, va_list args)
{
    char small[256];
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(small, sizeof(small), format, args);
    if (len < 0) {
        buf->full = true;
    } else if ((size_t)len < sizeof(small)) {
        buf_add(buf, small, (size_t)len);
    } else if (make_room(buf, (size_t)len)) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_fill(struct buf *buf, char c, size_t count)
{
    if (!make_room(buf, count))
        return;
    memset(buf->data + buf->len, c, count);
    buf->len += count;
    buf->data[buf->len] = '\0';
}

const char *buf_str(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *text = buf->data ? buf->data : xstrdup("");

    buf->data = NULL;
    buf_release(buf);
    return text;
}
