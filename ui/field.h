/*
 * A text field of one or many lines: the text, the cursor, undo. Knows nothing of the
 * screen, but for the width at which its rows are broken. The text is kept as it is; what
 * is hidden in it is made visible only when drawn.
 */
#ifndef RLAIF_UI_FIELD_H
#define RLAIF_UI_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"
#include "ui/wrap.h"

#define FIELD_BYTES_MAX ((size_t)1 << 20)

struct field_edit; /* one step of undo */

struct field {
    struct buf text;
    size_t cursor; /* byte, always at the beginning of a shown character */
    int goal;      /* column that up and down keep to, -1: where the cursor is */
    bool single;   /* one line: newlines become blanks */
    struct field_edit *edits;
    size_t n_edits, cap_edits, done; /* edits[0..done) are in the text */
    bool open_edit;                  /* the next typed character joins the last step */
    size_t top;                      /* first row shown; kept by field_scroll */
};

void field_init(struct field *field, bool single);
void field_release(struct field *field);
/* A new text, cursor at its end, nothing to undo. Cut at FIELD_BYTES_MAX. */
void field_set(struct field *field, const char *text, size_t len);
const char *field_text(const struct field *field);

/* Typing. `typed` characters in a row are one step of undo; a paste is always a step of
 * its own. */
void field_insert(struct field *field, const char *bytes, size_t len, bool typed);
/* All of the text, as one step of undo. */
void field_replace(struct field *field, const char *text, size_t len);
void field_backspace(struct field *field);
void field_delete(struct field *field);
void field_kill_to_end(
    struct field *field); /* of the line; at its end the newline itself */
void field_kill_to_start(struct field *field);
void field_kill_word(struct field *field); /* the one before the cursor */
bool field_undo(struct field *field);      /* false: nothing to undo */
bool field_redo(struct field *field);

/* Moving. width: that at which the field is shown. */
void field_left(struct field *field);
void field_right(struct field *field);
void field_word_left(struct field *field);
void field_word_right(struct field *field);
void field_up(struct field *field, int width, int rows);
void field_down(struct field *field, int width, int rows);
void field_home(struct field *field, int width); /* of the shown row */
void field_end(struct field *field, int width);
void field_first(struct field *field);
void field_last(struct field *field);

/* Breaks into rows and keeps the cursor's row within `height`; wrap is filled. Cursor's
 * row and column come back. */
void field_scroll(struct field *field, struct wrap *wrap, int width, int height, int *row,
                  int *column);

struct key;
/* The keys of all fields, as in Readline. page: rows for PgUp. True: the key was one of
 * them. */
bool field_key(struct field *field, const struct key *key, int width, int page);

#endif
