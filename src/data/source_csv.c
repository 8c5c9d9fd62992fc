/* CSV as RFC 4180 has it: quoted cells may hold line breaks, "" is a quote. */
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/data/source.h"

enum csv_state { CELL_START, PLAIN, QUOTED, QUOTE_SEEN };

struct csv_scan {
    enum csv_state state;
    size_t i;          /* from pos */
    size_t quote;      /* where the open quote stands */
    size_t first_line; /* length of the record's first line with its newline; 0: not ended
                          yet */
};

/* Column in characters and line of the byte at `offset` from pos. */
static void place(const struct source *s, size_t offset, int64_t *line, int64_t *column)
{
    const char *text = s->data + s->pos;
    size_t start = offset;
    *line = s->line;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    for (size_t i = 0; i < start; i++)
        *line += text[i] == '\n';
    *column = 1 + (int64_t)utf8_count(text + start, offset - start);
}

/*
 * A record that cannot be cut. The next one is looked for behind the first line of this
 * one and not behind all that an open quote has swallowed, so that one bad quote costs
 * few rows.
 */
static int give_up(struct source *s, struct csv_scan *scan, struct record *out,
                   size_t offset, const char *why)
{
    int64_t line, column;
    place(s, offset, &line, &column);
    out->line = s->line;
    size_t skip = scan->first_line;
    while (!skip && s->pos + scan->i < s->len) {
        if (s->data[s->pos + scan->i++] == '\n')
            skip = scan->i;
    }
    source_take(s, skip ? skip : s->len - s->pos);
    return record_bad(out, s, line, column, "%s", why);
}

/* One byte further; true when the record ends before this byte. */
static bool csv_step(struct csv_scan *scan, char c, char delimiter)
{
    if (c == '\n' && !scan->first_line)
        scan->first_line = scan->i + 1;
    switch (scan->state) {
    case CELL_START:
        if (c == '"') {
            scan->state = QUOTED;
            scan->quote = scan->i;
            break;
        } // fall through
    case PLAIN:
        if (c == '\n')
            return true;
        scan->state = c == delimiter ? CELL_START : PLAIN;
        break;
    case QUOTED:
        if (c == '"')
            scan->state = QUOTE_SEEN;
        break;
    case QUOTE_SEEN:
        if (c == '\n')
            return true;
        if (c == '"')
            scan->state = QUOTED;
        else if (c == delimiter)
            scan->state = CELL_START;
        break;
    }
    return false;
}

/* The rest of a line whose record cannot be cut is wanted in the window before giving up.
 */
static int fill_line(struct source *s, size_t from, struct error *err)
{
    bool more = true;
    while (more && s->len - s->pos <= RECORD_MAX &&
           !memchr(s->data + s->pos + from, '\n', s->len - s->pos - from)) {
        if (source_fill(s, &more, err))
            return -1;
    }
    return 0;
}

static int record_end(struct source *s, struct record *out, size_t len, size_t newline)
{
    out->text = s->data + s->pos;
    out->len = len;
    out->line = s->line;
    if (len && newline && out->text[len - 1] == '\r')
        out->len--;
    source_take(s, len + newline);
    return 1;
}

int source_next_csv(struct source *s, struct record *out, struct error *err)
{
    struct csv_scan scan = {.state = CELL_START};
    for (;; scan.i++) {
        if (s->pos + scan.i >= s->len) {
            bool more;
            if (source_fill(s, &more, err))
                return -1;
            if (!more && scan.state == QUOTED)
                return give_up(s, &scan, out, scan.quote, "this quote is never closed");
            if (!more)
                return scan.i ? record_end(s, out, scan.i, 0) : 0;
        }
        if (scan.i > RECORD_MAX) {
            size_t at = scan.state == QUOTED ? scan.quote : 0;
            return give_up(s, &scan, out, at,
                           at || scan.state == QUOTED
                               ? "no end of this quoted cell within 64 MiB"
                               : "the record is longer than 64 MiB");
        }
        char c = s->data[s->pos + scan.i];
        bool broken = scan.state == QUOTE_SEEN && c != '"' && c != s->delimiter &&
                      c != '\n' && c != '\r';
        if (broken) {
            if (fill_line(s, scan.i, err))
                return -1;
            return give_up(s, &scan, out, scan.i, "text after a closing quote");
        }
        if (csv_step(&scan, c, s->delimiter)) {
            if (scan.i == 0 || (scan.i == 1 && s->data[s->pos] == '\r')) { // a blank line
                source_take(s, scan.i + 1);
                scan = (struct csv_scan){.state = CELL_START};
                scan.i = (size_t)-1;
                continue;
            }
            return record_end(s, out, scan.i, 1);
        }
    }
}

void csv_split(struct csv_cells *out, const char *text, size_t len, char delimiter)
{
    if (!out->text.max)
        buf_init(&out->text, 2 * RECORD_MAX + 2);
    buf_clear(&out->text);
    out->n = 0;
    const char *end = text + len;
    for (;;) {
        out->starts =
            array_grow(out->starts, out->n, &out->starts_cap, sizeof *out->starts);
        out->starts[out->n++] = out->text.len;
        if (text < end && *text == '"') {
            text++;
            for (;;) {
                const char *quote = memchr(text, '"', (size_t)(end - text));
                buf_add(&out->text, text, (size_t)((quote ? quote : end) - text));
                text = quote ? quote + 1 : end;
                if (!quote || text == end || *text != '"')
                    break;
                buf_addc(&out->text, '"');
                text++;
            }
        }
        const char *next = memchr(text, delimiter, (size_t)(end - text));
        buf_add(&out->text, text, (size_t)((next ? next : end) - text));
        buf_add(&out->text, "", 1);
        if (!next)
            break;
        text = next + 1;
    }
    if (out->cap < out->n) {
        out->cap = out->starts_cap;
        out->cells = xrealloc(out->cells, out->cap * sizeof *out->cells);
    }
    for (size_t i = 0; i < out->n; i++)
        out->cells[i] = out->text.data + out->starts[i];
}

void csv_cells_release(struct csv_cells *cells)
{
    buf_release(&cells->text);
    free(cells->cells);
    free(cells->starts);
    *cells = (struct csv_cells){0};
}
