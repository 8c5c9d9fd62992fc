/*
 * Memory: small things never fail (the program says so and ends); model-sized ones are
 * asked for with mem_try and give an error. Sizes that come from outside go through
 * size_*.
 */
#ifndef RLAIF_BASE_MEM_H
#define RLAIF_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/error.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * 64-byte aligned, zeroed; NULL and an error naming `what` and the size when there is no
 * room. Free with free().
 */
void *mem_try(size_t size, const char *what, struct error *err);

/* False when the result does not fit. */
static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
/* Up to the next multiple of `to`, which is a power of 2. */
static inline bool size_pad(size_t a, size_t to, size_t *out)
{
    size_t sum;
    if (!size_add(a, to - 1, &sum))
        return false;
    *out = sum & ~(to - 1);
    return true;
}

/* Makes room for one more element in a growing array: doubles *cap when n == *cap. */
void *array_grow(void *array, size_t n, size_t *cap, size_t element_size);

#endif
