/*
 * Text in rows of a width: where each row begins and ends, in bytes of the text itself.
 * Widths are those of the sanitised form, so that what is shown is what was measured.
 * Pure functions.
 */
#ifndef RLAIF_UI_WRAP_H
#define RLAIF_UI_WRAP_H

#include <stddef.h>

struct wrap_row {
    size_t begin, end; /* without the newline; blanks at a break belong to the row */
};
struct wrap {
    struct wrap_row *rows; /* at least one after wrap_text */
    size_t n, cap;
};

/* Breaks behind blanks, inside words longer than the width, at newlines. width < 1 counts
 * as 1. */
void wrap_text(struct wrap *wrap, const char *text, size_t len, int width);
void wrap_release(struct wrap *wrap);
/* The row that holds a byte; a byte at a break belongs to the row that begins there. */
size_t wrap_row_of(const struct wrap *wrap, size_t byte);

/* Bytes of the character at s, with the marks that stand on it; *columns: what it takes
 * on the screen. len > 0. */
size_t shown_char(const char *s, size_t len, int *columns);
/* Columns of s[0..len) as shown. */
int shown_width(const char *s, size_t len);
/* The byte of s[0..len) that stands at a column, or len. */
size_t shown_at(const char *s, size_t len, int column);

#endif
