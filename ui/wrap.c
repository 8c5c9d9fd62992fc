/* Rows of text. */
#include "config.h"

#include "ui/wrap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/base/text.h"

/* Marks on one letter that are taken with it; what stands behind them is a character of
 * its own. */
#define MARKS_MAX 8

/* Columns of one code point's shown form: a control is several, a mark none. */
static int shown_columns(const char *s, size_t n)
{
    struct buf clean;
    buf_init(&clean, 0);
    text_sanitise(&clean, s, n, TEXT_LINES);
    int columns = text_width(buf_str(&clean), clean.len);
    buf_release(&clean);
    return columns;
}

size_t shown_char(const char *s, size_t len, int *columns)
{
    uint32_t code;
    size_t n, i;

    if ((unsigned char)s[0] >= 0x20 && (unsigned char)s[0] < 0x7f &&
        (len == 1 || (unsigned char)s[1] < 0x80)) {
        *columns = 1;
        return 1;
    }
    n = utf8_decode(s, len, &code);
    i = n ? n : 1;
    for (int marks = 0; marks < MARKS_MAX && n && i < len; marks++) {
        size_t more = utf8_decode(s + i, len - i, &code);
        /* A mark adds nothing to the width of what it stands on. */
        if (more < 2 || unicode_is_hidden(code) ||
            shown_columns(s, i + more) != shown_columns(s, i))
            break;
        i += more;
    }
    *columns = shown_columns(s, i);
    return i;
}

int shown_width(const char *s, size_t len)
{
    int width = 0;
    for (size_t i = 0; i < len;) {
        int columns;
        i += shown_char(s + i, len - i, &columns);
        width += columns;
    }
    return width;
}

size_t shown_at(const char *s, size_t len, int column)
{
    int width = 0;
    for (size_t i = 0; i < len;) {
        int columns;
        size_t n = shown_char(s + i, len - i, &columns);
        if (width + columns > column)
            return i;
        width += columns;
        i += n;
    }
    return len;
}

static void add_row(struct wrap *wrap, size_t begin, size_t end)
{
    wrap->rows = array_grow(wrap->rows, wrap->n, &wrap->cap, sizeof *wrap->rows);
    wrap->rows[wrap->n++] = (struct wrap_row){begin, end};
}

void wrap_text(struct wrap *wrap, const char *text, size_t len, int width)
{
    size_t begin = 0, after_blank = 0;
    int column = 0, column_after_blank = 0;

    wrap->n = 0;
    if (width < 1)
        width = 1;
    for (size_t i = 0; i < len;) {
        int columns;
        if (text[i] == '\n') {
            add_row(wrap, begin, i);
            begin = after_blank = ++i;
            column = 0;
            continue;
        }
        size_t n = shown_char(text + i, len - i, &columns);
        bool blank = text[i] == ' ' || text[i] == '\t';
        /* A blank that does not fit hangs over the edge, where it is not seen. */
        while (column + columns > width && i > begin && !blank) {
            size_t at = after_blank > begin ? after_blank : i;
            add_row(wrap, begin, at);
            column = at == i ? 0 : column - column_after_blank;
            begin = at;
            after_blank = at;
        }
        column += columns;
        i += n;
        if (blank) {
            after_blank = i;
            column_after_blank = column;
        }
    }
    add_row(wrap, begin, len);
}

void wrap_release(struct wrap *wrap)
{
    free(wrap->rows);
    *wrap = (struct wrap){0};
}

size_t wrap_row_of(const struct wrap *wrap, size_t byte)
{
    size_t low = 0, high = wrap->n;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (wrap->rows[middle].begin <= byte)
            low = middle;
        else
            high = middle;
    }
    return low;
}
