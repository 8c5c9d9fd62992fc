/*
 * Drawing on the whole screen: text in roles, clipped to rectangles. The only file that
 * writes cells. All text goes through text_sanitise here, so nothing a pair or a model
 * says can reach the terminal as a control. Main's thread, between newterm and endwin.
 */
#ifndef RLAIF_UI_DRAW_H
#define RLAIF_UI_DRAW_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"

/* What a thing is, not which colour it has. Each has a glyph or a word beside it on the
 * screen. */
enum role {
    ROLE_TEXT,
    ROLE_DIM,
    ROLE_TITLE,
    ROLE_CHOSEN, /* the row under the cursor */
    ROLE_KEY,
    ROLE_GOOD,
    ROLE_BAD,
    ROLE_WARN,
    ROLE_FIRST,  /* response A, wherever it stands */
    ROLE_SECOND, /* response B */
    ROLE_MARK,   /* the edited section in the text as sent */
    ROLES
};

struct rect {
    int y, x, h, w;
};

struct draw {
    bool color; /* else bold, dim and reverse only */
    bool utf8;  /* the terminal's characters; else ? for what is not ASCII */
    bool lines; /* box characters; else - and | */
    int rows, columns;
    int cursor_y, cursor_x; /* -1: hidden; set anew in every frame */
};

/* Colour pairs of the roles; after newterm. */
void draw_init(struct draw *draw, bool color, bool utf8, bool lines);
/* One line of text at (y, x), cut to `width` columns (a cut ends in > when there is
 * room). Returns the columns used. */
int draw_text(const struct draw *draw, int y, int x, int width, enum role role,
              const char *text, size_t len);
int draw_str(const struct draw *draw, int y, int x, int width, enum role role,
             const char *text);
int draw_format(const struct draw *draw, int y, int x, int width, enum role role,
                const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Where the terminal's cursor stands after the frame; the last call holds. */
void draw_cursor(struct draw *draw, int y, int x);
/* Blanks in the role. */
void draw_fill(const struct draw *draw, int y, int x, int width, enum role role);
/* A line across with a title in it. */
void draw_rule(const struct draw *draw, int y, int x, int width, const char *title);
void draw_down(const struct draw *draw, int y, int x, int height);
/* A bar of a share in [0, 1]; NaN gives question marks. */
void draw_bar(const struct draw *draw, int y, int x, int width, double share,
              enum role role);
/* A frame with blanks inside; returns the inner rectangle. */
struct rect draw_box(const struct draw *draw, struct rect area, const char *title);
/* Wrapped text from row `top` on; returns the number of rows that it has in all. */
int draw_wrapped(const struct draw *draw, struct rect area, enum role role,
                 const char *text, size_t len, int top);

/* The screen's cells as text, one line a row, trailing blanks off. */
void draw_dump(const struct draw *draw, struct buf *out);

#endif
