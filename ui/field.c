/* A text field. */
#include "config.h"

#include "ui/field.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"

struct field_edit {
    size_t at;
    char *removed, *inserted;
    size_t n_removed, n_inserted;
    size_t cursor_before;
};

/* Steps of undo that are kept; the oldest are forgotten. */
#define EDITS_MAX 1000

void field_init(struct field *field, bool single)
{
    *field = (struct field){.goal = -1, .single = single};
    buf_init(&field->text, FIELD_BYTES_MAX);
    buf_adds(&field->text, "");
}

static char *copy(const char *bytes, size_t n)
{
    char *out = xmalloc(n + 1);
    if (n > 0)
        memcpy(out, bytes, n);
    out[n] = '\0';
    return out;
}

static void edit_free(struct field_edit *edit)
{
    free(edit->removed);
    free(edit->inserted);
}

static void forget(struct field *field, size_t from)
{
    for (size_t i = from; i < field->n_edits; i++)
        edit_free(&field->edits[i]);
    field->n_edits = from;
}

void field_release(struct field *field)
{
    forget(field, 0);
    free(field->edits);
    buf_release(&field->text);
    *field = (struct field){0};
}

const char *field_text(const struct field *field)
{
    return buf_str(&field->text);
}

void field_set(struct field *field, const char *text, size_t len)
{
    forget(field, 0);
    field->done = 0;
    field->open_edit = false;
    buf_clear(&field->text);
    buf_add(&field->text, text, len > FIELD_BYTES_MAX - 1 ? FIELD_BYTES_MAX - 1 : len);
    buf_adds(&field->text, "");
    field->cursor = field->text.len;
    field->goal = -1;
    field->top = 0;
}

/* ---- change and undo ---- */

/* text[at..at+n_out) becomes in[0..n_in). */
static void splice(struct field *field, size_t at, size_t n_out, const char *in,
                   size_t n_in)
{
    struct buf next;
    buf_init(&next, FIELD_BYTES_MAX + 1);
    buf_add(&next, field->text.data, at);
    buf_add(&next, in, n_in);
    buf_add(&next, field->text.data + at + n_out, field->text.len - at - n_out);
    buf_adds(&next, "");
    buf_release(&field->text);
    field->text = next;
}

static void change(struct field *field, size_t at, size_t n_out, const char *in,
                   size_t n_in, bool joins)
{
    struct field_edit *last = field->done > 0 ? &field->edits[field->done - 1] : NULL;

    if (field->text.len - n_out + n_in >= FIELD_BYTES_MAX || (n_out == 0 && n_in == 0))
        return;
    forget(field, field->done);
    if (joins && field->open_edit && last && n_out == 0 &&
        last->at + last->n_inserted == at) {
        last->inserted = xrealloc(last->inserted, last->n_inserted + n_in);
        memcpy(last->inserted + last->n_inserted, in, n_in);
        last->n_inserted += n_in;
    } else {
        if (field->n_edits == EDITS_MAX) {
            edit_free(&field->edits[0]);
            memmove(field->edits, field->edits + 1,
                    (EDITS_MAX - 1) * sizeof *field->edits);
            field->n_edits--;
        }
        field->edits = array_grow(field->edits, field->n_edits, &field->cap_edits,
                                  sizeof *field->edits);
        field->edits[field->n_edits++] = (struct field_edit){
            .at = at,
            .removed = copy(field->text.data + at, n_out),
            .n_removed = n_out,
            .inserted = copy(in, n_in),
            .n_inserted = n_in,
            .cursor_before = field->cursor,
        };
        field->done = field->n_edits;
    }
    splice(field, at, n_out, in, n_in);
    field->cursor = at + n_in;
    field->open_edit = joins;
    field->goal = -1;
}

bool field_undo(struct field *field)
{
    if (field->done == 0)
        return false;
    struct field_edit *edit = &field->edits[--field->done];
    splice(field, edit->at, edit->n_inserted, edit->removed, edit->n_removed);
    field->cursor = edit->cursor_before;
    field->open_edit = false;
    field->goal = -1;
    return true;
}

bool field_redo(struct field *field)
{
    if (field->done == field->n_edits)
        return false;
    struct field_edit *edit = &field->edits[field->done++];
    splice(field, edit->at, edit->n_removed, edit->inserted, edit->n_inserted);
    field->cursor = edit->at + edit->n_inserted;
    field->open_edit = false;
    field->goal = -1;
    return true;
}

void field_insert(struct field *field, const char *bytes, size_t len, bool typed)
{
    struct buf clean;

    /* Terminals send a paste's newlines as carriage returns. */
    buf_init(&clean, FIELD_BYTES_MAX);
    for (size_t i = 0; i < len && !clean.full; i++) {
        char c = bytes[i];
        if (c == '\r') {
            if (i + 1 < len && bytes[i + 1] == '\n')
                continue;
            c = '\n';
        }
        if (c == '\n' && field->single)
            c = ' ';
        if (c != '\0')
            buf_addc(&clean, c);
    }
    /* A line typed is a step of its own. */
    if (typed && clean.len == 1 && clean.data[0] == '\n')
        field->open_edit = false;
    if (clean.len > 0)
        change(field, field->cursor, 0, clean.data, clean.len, typed);
    buf_release(&clean);
}

void field_replace(struct field *field, const char *text, size_t len)
{
    change(field, 0, field->text.len, text, len, false);
    field->cursor = 0;
}

/* ---- places ---- */

static size_t after(const struct field *field, size_t at)
{
    int columns;
    return at < field->text.len
               ? at + shown_char(field->text.data + at, field->text.len - at, &columns)
               : at;
}

/* Characters have no way back but to be counted from a safe place: the line's start. */
static size_t before(const struct field *field, size_t at)
{
    size_t i, start = at;

    if (at == 0)
        return 0;
    if (field->text.data[at - 1] == '\n')
        return at - 1;
    /* Far enough that a letter with its marks cannot be cut, near enough for a line of 1
     * MB. */
    size_t far = at > 400 ? at - 400 : 0;
    while (start > far && field->text.data[start - 1] != '\n')
        start--;
    while (start > 0 && start == far &&
           ((unsigned char)field->text.data[start] & 0xc0) == 0x80)
        start++;
    for (i = start; i < at;) {
        size_t next = after(field, i);
        if (next >= at)
            break;
        i = next;
    }
    return i;
}

void field_backspace(struct field *field)
{
    size_t from = before(field, field->cursor);
    change(field, from, field->cursor - from, NULL, 0, false);
}

void field_delete(struct field *field)
{
    change(field, field->cursor, after(field, field->cursor) - field->cursor, NULL, 0,
           false);
}

void field_kill_to_end(struct field *field)
{
    size_t end = field->cursor;
    while (end < field->text.len && field->text.data[end] != '\n')
        end++;
    if (end == field->cursor && end < field->text.len)
        end++;
    change(field, field->cursor, end - field->cursor, NULL, 0, false);
}

void field_kill_to_start(struct field *field)
{
    size_t start = field->cursor;
    while (start > 0 && field->text.data[start - 1] != '\n')
        start--;
    change(field, start, field->cursor - start, NULL, 0, false);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static size_t word_before(const struct field *field, size_t at)
{
    while (at > 0 && is_blank(field->text.data[at - 1]))
        at--;
    while (at > 0 && !is_blank(field->text.data[at - 1]))
        at--;
    return at;
}

void field_kill_word(struct field *field)
{
    size_t from = word_before(field, field->cursor);
    change(field, from, field->cursor - from, NULL, 0, false);
}

/* ---- moving ---- */

static void move_to(struct field *field, size_t at)
{
    field->cursor = at;
    field->goal = -1;
    field->open_edit = false;
}

void field_left(struct field *field)
{
    move_to(field, before(field, field->cursor));
}

void field_right(struct field *field)
{
    move_to(field, after(field, field->cursor));
}

void field_word_left(struct field *field)
{
    move_to(field, word_before(field, field->cursor));
}

void field_word_right(struct field *field)
{
    size_t at = field->cursor;
    while (at < field->text.len && is_blank(field->text.data[at]))
        at++;
    while (at < field->text.len && !is_blank(field->text.data[at]))
        at++;
    move_to(field, at);
}

void field_first(struct field *field)
{
    move_to(field, 0);
}

void field_last(struct field *field)
{
    move_to(field, field->text.len);
}

static int column_of(const struct field *field, const struct wrap *wrap, size_t row)
{
    size_t begin = wrap->rows[row].begin;
    return shown_width(field->text.data + begin, field->cursor - begin);
}

static void move_rows(struct field *field, int width, long rows)
{
    struct wrap wrap = {0};
    int goal = field->goal;

    wrap_text(&wrap, field->text.data, field->text.len, width);
    size_t row = wrap_row_of(&wrap, field->cursor);
    if (goal < 0)
        goal = column_of(field, &wrap, row);
    long to = (long)row + rows;
    to = to < 0 ? 0 : to >= (long)wrap.n ? (long)wrap.n - 1 : to;
    const struct wrap_row *line = &wrap.rows[to];
    size_t len = line->end - line->begin;
    size_t at = shown_at(field->text.data + line->begin, len, goal);
    /* The end of a broken row is the start of the next: stay on this one. */
    if (at == len && len > 0 && (size_t)to + 1 < wrap.n &&
        wrap.rows[to + 1].begin == line->end)
        at = before(field, line->end) - line->begin;
    move_to(field, line->begin + at);
    field->goal = goal;
    wrap_release(&wrap);
}

void field_up(struct field *field, int width, int rows)
{
    move_rows(field, width, -(long)rows);
}

void field_down(struct field *field, int width, int rows)
{
    move_rows(field, width, rows);
}

void field_home(struct field *field, int width)
{
    struct wrap wrap = {0};
    wrap_text(&wrap, field->text.data, field->text.len, width);
    move_to(field, wrap.rows[wrap_row_of(&wrap, field->cursor)].begin);
    wrap_release(&wrap);
}

void field_end(struct field *field, int width)
{
    struct wrap wrap = {0};
    wrap_text(&wrap, field->text.data, field->text.len, width);
    size_t row = wrap_row_of(&wrap, field->cursor);
    size_t end = wrap.rows[row].end;
    if (row + 1 < wrap.n && wrap.rows[row + 1].begin == end && end > wrap.rows[row].begin)
        end = before(field, end);
    move_to(field, end);
    wrap_release(&wrap);
}

void field_scroll(struct field *field, struct wrap *wrap, int width, int height, int *row,
                  int *column)
{
    wrap_text(wrap, field->text.data, field->text.len, width);
    size_t at = wrap_row_of(wrap, field->cursor);
    size_t rows = height > 0 ? (size_t)height : 1;

    if (at < field->top)
        field->top = at;
    if (at >= field->top + rows)
        field->top = at - rows + 1;
    if (field->top + rows > wrap->n)
        field->top = wrap->n > rows ? wrap->n - rows : 0;
    *row = (int)(at - field->top);
    *column = column_of(field, wrap, at);
}
