/*
 * UTF-8 and what may reach a terminal. Everything from outside that is shown to a person
 * goes through text_sanitise; the stored text itself stays as it came.
 */
#ifndef RLAIF_BASE_TEXT_H
#define RLAIF_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"

/*
 * Bytes of the character at s (1..4) and its code point, or 0 when s does not begin with
 * one.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *code);
/* Writes 1..4 bytes. Surrogates and values past U+10FFFF give U+FFFD. */
size_t utf8_encode(uint32_t code, char out[4]);
/* True when all is UTF-8; else *bad is the offset of the first bad byte. */
bool utf8_valid(const char *s, size_t len, size_t *bad);
/* Characters (code points); a bad byte counts as one. */
size_t utf8_count(const char *s, size_t len);
/* Words by Unicode white space, as Python's str.split() counts them. */
size_t text_words(const char *s, size_t len);
bool unicode_is_space(uint32_t code);
/*
 * Controls, format and bidi controls, zero-width, unassigned: what a terminal obeys or
 * hides.
 */
bool unicode_is_hidden(uint32_t code);

enum text_flags {
    TEXT_LINES =
        1 << 0, /* newlines pass, tabs become blanks; else both are shown as ^J, ^I */
};
/*
 * Appends s with every control character, bidi control, zero-width, tag character and bad
 * byte made visible (^[, <9B>, <U+202E>). Idempotent on its own output, which holds
 * printable characters only.
 */
void text_sanitise(struct buf *out, const char *s, size_t len, enum text_flags flags);
/* Terminal columns of sanitised text. */
int text_width(const char *s, size_t len);
/* Bytes of s that fit into `columns`. */
size_t text_fit(const char *s, size_t len, int columns);

/* Optimal string alignment distance of two short words, for did-you-mean. */
int text_distance(const char *a, const char *b);
/* The nearest of n names, the first of equals, or NULL when none is near. */
const char *text_nearest(const char *word, const char *const *names, size_t n);

#endif
