#include "src/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define ARRAY_FIRST 8

static _Noreturn void no_room(size_t size)
{
    fprintf(stderr, "rlaif: out of memory (asked for %zu bytes)\n", size);
    exit(ERROR_FAILED);
}

void *xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        no_room(size);
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    size_t total;

    if (!p)
        no_room(size_mul(count, size, &total) ? total : SIZE_MAX);
    return p;
}

void *xrealloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);

    if (!p)
        no_room(size);
    return p;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, strlen(text));
}

/* Copies len bytes, or up to the first NUL when that comes earlier. */
char *xstrndup(const char *text, size_t len)
{
    size_t n = len ? strnlen(text, len) : 0;
    char *copy = xmalloc(n + 1);

    if (n)
        memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...)
{
    va_list args, again;
    char *text;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        len = 0;
    text = xmalloc((size_t)len + 1);
    text[0] = '\0';
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

static int room_error(size_t size, const char *what, struct error *err)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB",
                                        "TiB",   "PiB", "EiB"};
    double amount = (double)size;
    size_t u = 0;

    while (amount >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
        amount /= 1024;
        u++;
    }
    return error_set(err, ERROR_FAILED, "no memory for %s (%.*f %s)", what, u ? 1 : 0,
                     amount, units[u]);
}

void *mem_try(size_t size, const char *what, struct error *err)
{
    size_t padded;
    void *p = NULL;

    if (size_pad(size ? size : 1, ALIGNMENT, &padded) && padded <= PTRDIFF_MAX)
        p = aligned_alloc(ALIGNMENT, padded);
    if (!p) {
        room_error(size, what, err);
        return NULL;
    }
    memset(p, 0, padded);
    return p;
}

void *array_grow(void *array, size_t n, size_t *cap, size_t element_size)
{
    size_t bigger = *cap, bytes;

    if (n < *cap)
        return array;
    if (bigger == 0)
        bigger = ARRAY_FIRST;
    while (bigger <= n)
        if (!size_mul(bigger, 2, &bigger))
            no_room(SIZE_MAX);
    if (!size_mul(bigger, element_size, &bytes))
        no_room(SIZE_MAX);
    array = xrealloc(array, bytes);
    *cap = bigger;
    return array;
}
