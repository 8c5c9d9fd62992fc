/* Cells. */
#include "config.h"

#include "ui/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <curses.h>

#include "src/base/text.h"
#include "ui/wrap.h"

static const struct {
    short color; /* -1: the terminal's own */
    attr_t attr, plain_attr;
} looks[ROLES] = {
    [ROLE_TEXT] = {-1, A_NORMAL, A_NORMAL},
    [ROLE_DIM] = {-1, A_DIM, A_DIM},
    [ROLE_TITLE] = {-1, A_BOLD, A_BOLD},
    [ROLE_CHOSEN] = {-1, A_REVERSE, A_REVERSE},
    [ROLE_KEY] = {COLOR_CYAN, A_NORMAL, A_BOLD},
    [ROLE_GOOD] = {COLOR_GREEN, A_NORMAL, A_NORMAL},
    [ROLE_BAD] = {COLOR_RED, A_BOLD, A_BOLD},
    [ROLE_WARN] = {COLOR_YELLOW, A_NORMAL, A_BOLD},
    [ROLE_FIRST] = {COLOR_BLUE, A_BOLD, A_NORMAL},
    [ROLE_SECOND] = {COLOR_MAGENTA, A_BOLD, A_NORMAL},
    [ROLE_MARK] = {COLOR_YELLOW, A_BOLD, A_UNDERLINE},
};

void draw_init(struct draw *draw, bool color, bool utf8, bool lines)
{
    draw->color = color && has_colors() && start_color() == OK;
    draw->utf8 = utf8;
    draw->lines = lines;
    if (!draw->color)
        return;
    /* The background stays the terminal's own: light or dark, both are read. */
    use_default_colors();
    for (short i = 0; i < ROLES; i++)
        if (looks[i].color >= 0)
            init_pair(i, looks[i].color, -1);
}

static void set_role(const struct draw *draw, enum role role)
{
    if (draw->color)
        attr_set(looks[role].attr, looks[role].color >= 0 ? (short)role : 0, NULL);
    else
        attr_set(looks[role].plain_attr, 0, NULL);
}

/* Rows and columns outside the screen take nothing; what begins left of it is not shown.
 */
static int room(const struct draw *draw, int y, int x, int width)
{
    if (y < 0 || y >= draw->rows || x < 0 || x >= draw->columns || width <= 0)
        return 0;
    return width < draw->columns - x ? width : draw->columns - x;
}

/* Sanitised bytes as cells. In a locale without UTF-8 a character becomes as many ? as it
 * is wide. */
static void put(const struct draw *draw, int y, int x, const char *text, size_t len)
{
    if (draw->utf8) {
        mvaddnstr(y, x, text, (int)len);
        return;
    }
    move(y, x);
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = utf8_decode(text + i, len - i, &code);
        if (n <= 1) {
            addch((chtype)(unsigned char)(n ? text[i] : '?'));
            i++;
            continue;
        }
        for (int k = text_width(text + i, n); k > 0; k--)
            addch('?');
        i += n;
    }
}

int draw_text(const struct draw *draw, int y, int x, int width, enum role role,
              const char *text, size_t len)
{
    int columns = room(draw, y, x, width);
    struct buf clean;

    if (columns == 0)
        return 0;
    buf_init(&clean, 0);
    /* No more than could ever be seen is made clean. */
    size_t most = (size_t)columns * 64 + 64;
    text_sanitise(&clean, text, len < most ? len : most, TEXT_LINES);
    for (size_t i = 0; i < clean.len; i++)
        if (clean.data[i] == '\n')
            clean.data[i] = ' ';
    size_t fit = text_fit(buf_str(&clean), clean.len, columns);
    /* Blanks that hang over the edge are nothing that is missed. */
    bool cut = buf_str(&clean)[fit + strspn(buf_str(&clean) + fit, " ")] != '\0';
    if (cut && columns > 1)
        fit = text_fit(buf_str(&clean), clean.len, columns - 1);
    set_role(draw, role);
    put(draw, y, x, buf_str(&clean), fit);
    int used = text_width(buf_str(&clean), fit);
    if (cut && columns > 1) {
        mvaddch(y, x + used, '>');
        used++;
    }
    buf_release(&clean);
    attr_set(A_NORMAL, 0, NULL);
    return used;
}

int draw_str(const struct draw *draw, int y, int x, int width, enum role role,
             const char *text)
{
    return draw_text(draw, y, x, width, role, text, strlen(text));
}

int draw_format(const struct draw *draw, int y, int x, int width, enum role role,
                const char *format, ...)
{
    struct buf text;
    va_list args;

    buf_init(&text, 0);
    va_start(args, format);
    buf_vaddf(&text, format, args);
    va_end(args);
    int used = draw_text(draw, y, x, width, role, buf_str(&text), text.len);
    buf_release(&text);
    return used;
}

void draw_cursor(struct draw *draw, int y, int x)
{
    if (x >= draw->columns)
        x = draw->columns - 1;
    draw->cursor_y = y >= 0 && y < draw->rows && x >= 0 ? y : -1;
    draw->cursor_x = x;
}

void draw_fill(const struct draw *draw, int y, int x, int width, enum role role)
{
    int columns = room(draw, y, x, width);
    if (columns == 0)
        return;
    set_role(draw, role);
    mvhline(y, x,
            ' ' | (draw->color ? COLOR_PAIR(looks[role].color >= 0 ? role : 0) : 0) |
                (draw->color ? looks[role].attr : looks[role].plain_attr),
            columns);
    attr_set(A_NORMAL, 0, NULL);
}

/* A box character with its ASCII twin. */
static void put_line(const struct draw *draw, int y, int x, const wchar_t *line,
                     char ascii)
{
    if (y < 0 || y >= draw->rows || x < 0 || x >= draw->columns)
        return;
    if (draw->lines)
        mvaddnwstr(y, x, line, 1);
    else
        mvaddch(y, x, (chtype)ascii);
}

void draw_rule(const struct draw *draw, int y, int x, int width, const char *title)
{
    int columns = room(draw, y, x, width);

    set_role(draw, ROLE_DIM);
    for (int i = 0; i < columns; i++)
        put_line(draw, y, x + i, L"\u2500", '-');
    attr_set(A_NORMAL, 0, NULL);
    if (title && *title && columns > 4) {
        int used = draw_str(draw, y, x + 2, columns - 4, ROLE_TITLE, title);
        draw_str(draw, y, x + 1, 1, ROLE_TEXT, " ");
        draw_str(draw, y, x + 2 + used, 1, ROLE_TEXT, " ");
    }
}

void draw_down(const struct draw *draw, int y, int x, int height)
{
    set_role(draw, ROLE_DIM);
    for (int i = 0; i < height; i++)
        put_line(draw, y + i, x, L"\u2502", '|');
    attr_set(A_NORMAL, 0, NULL);
}

void draw_bar(const struct draw *draw, int y, int x, int width, double share,
              enum role role)
{
    int columns = room(draw, y, x, width);
    int full = isnan(share) ? 0 : (int)lround(share * width);

    for (int i = 0; i < columns; i++) {
        set_role(draw, i < full ? role : ROLE_DIM);
        if (isnan(share))
            mvaddch(y, x + i, '?');
        else
            put_line(draw, y, x + i, i < full ? L"\u2588" : L"\u00b7",
                     i < full ? '#' : '.');
    }
    attr_set(A_NORMAL, 0, NULL);
}

struct rect draw_box(const struct draw *draw, struct rect area, const char *title)
{
    struct rect inner = {area.y + 1, area.x + 1, area.h - 2, area.w - 2};

    for (int y = area.y; y < area.y + area.h; y++)
        draw_fill(draw, y, area.x, area.w, ROLE_TEXT);
    if (area.h < 3 || area.w < 4)
        return area;
    draw_rule(draw, area.y, area.x, area.w, title);
    draw_rule(draw, area.y + area.h - 1, area.x, area.w, NULL);
    draw_down(draw, area.y + 1, area.x, area.h - 2);
    draw_down(draw, area.y + 1, area.x + area.w - 1, area.h - 2);
    put_line(draw, area.y, area.x, L"\u250c", '+');
    put_line(draw, area.y, area.x + area.w - 1, L"\u2510", '+');
    put_line(draw, area.y + area.h - 1, area.x, L"\u2514", '+');
    put_line(draw, area.y + area.h - 1, area.x + area.w - 1, L"\u2518", '+');
    return inner;
}

int draw_wrapped(const struct draw *draw, struct rect area, enum role role,
                 const char *text, size_t len, int top)
{
    struct wrap wrap = {0};

    wrap_text(&wrap, text, len, area.w);
    for (int i = 0; i < area.h && (size_t)(top + i) < wrap.n; i++) {
        const struct wrap_row *row = &wrap.rows[top + i];
        size_t n = row->end - row->begin;
        while (n > 0 && text[row->begin + n - 1] == ' ')
            n--;
        draw_text(draw, area.y + i, area.x, area.w, role, text + row->begin, n);
    }
    int rows = (int)wrap.n;
    wrap_release(&wrap);
    return rows;
}

void draw_dump(const struct draw *draw, struct buf *out)
{
    for (int y = 0; y < draw->rows; y++) {
        size_t start = out->len, last = out->len;
        for (int x = 0; x < draw->columns; x++) {
            cchar_t cell;
            wchar_t text[CCHARW_MAX + 1];
            attr_t attr;
            short pair;
            if (mvin_wch(y, x, &cell) == ERR ||
                getcchar(&cell, text, &attr, &pair, NULL) == ERR)
                continue;
            /* The right half of a wide character holds it once more, or nothing. */
            int width = wcwidth(text[0]);
            for (size_t i = 0; text[i]; i++) {
                char bytes[4];
                buf_add(out, bytes, utf8_encode((uint32_t)text[i], bytes));
            }
            if (width > 1)
                x += width - 1;
            if (text[0] != L' ' && text[0])
                last = out->len;
        }
        (void)start;
        out->len = last;
        out->data[last] = '\0';
        buf_addc(out, '\n');
    }
}
