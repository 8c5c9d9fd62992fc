/* Boxes above the view: answers, help, completions. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "ui/tui.h"

void overlay_close(struct tui *tui)
{
    struct overlay *overlay = &tui->overlay;

    for (size_t i = 0; i < overlay->n_lines; i++)
        free(overlay->lines[i]);
    free(overlay->lines);
    free(overlay->title);
    *overlay = (struct overlay){0};
    tui_redraw(tui);
}

void overlay_open(struct tui *tui, const char *title, bool filters)
{
    overlay_close(tui);
    tui->overlay.on = true;
    tui->overlay.filters = filters;
    tui->overlay.title = xstrdup(title);
}

#define LINES_MAX 100000

void overlay_add(struct tui *tui, const char *text, size_t len)
{
    struct overlay *overlay = &tui->overlay;

    while (len > 0 && overlay->n_lines < LINES_MAX) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        struct buf clean;
        buf_init(&clean, 0);
        text_sanitise(&clean, text, n, TEXT_LINES);
        overlay->lines = array_grow(overlay->lines, overlay->n_lines, &overlay->cap,
                                    sizeof *overlay->lines);
        overlay->lines[overlay->n_lines++] = buf_take(&clean);
        n += end != NULL;
        text += n;
        len -= n;
    }
}

/* ---- what is shown ---- */

static bool line_holds(const struct overlay *overlay, const char *line)
{
    return !overlay->filter[0] || (line && strcasestr(line, overlay->filter));
}

static size_t count_held(const struct overlay *overlay)
{
    size_t n = 0;
    for (size_t i = 0; i < overlay->n_lines; i++)
        n += line_holds(overlay, overlay->lines[i]);
    return n;
}

static struct rect place(const struct tui *tui)
{
    int rows = (int)tui->overlay.n_lines + 2, most = tui->draw.rows - 3;
    struct rect area = {
        .y = 1, .x = 0, .h = rows < most ? rows : most, .w = tui->draw.columns};

    if (area.h < 3)
        return (struct rect){0, 0, tui->draw.rows, tui->draw.columns};
    if (tui->draw.columns > 100) {
        area.x = 4;
        area.w = tui->draw.columns - 8;
    }
    /* Completions stand above the line that they are for. */
    if (tui->command_line)
        area.y = tui->draw.rows - 1 - area.h;
    return area;
}

void overlay_draw(struct tui *tui)
{
    struct overlay *overlay = &tui->overlay;
    struct buf title;

    if (!overlay->on)
        return;
    buf_init(&title, 0);
    buf_adds(&title, overlay->title);
    if (overlay->filters)
        buf_addf(&title, "   filter: %s_", overlay->filter);
    struct rect inner = draw_box(&tui->draw, place(tui), buf_str(&title));
    buf_release(&title);
    size_t held = count_held(overlay), height = inner.h > 0 ? (size_t)inner.h : 1;
    if (overlay->top + height > held)
        overlay->top = held > height ? held - height : 0;
    size_t at = 0;
    for (size_t i = 0; i < overlay->n_lines; i++) {
        if (!line_holds(overlay, overlay->lines[i]))
            continue;
        if (at >= overlay->top && at < overlay->top + height)
            draw_str(&tui->draw, inner.y + (int)(at - overlay->top), inner.x, inner.w,
                     ROLE_TEXT, overlay->lines[i] ? overlay->lines[i] : "");
        at++;
    }
}

/* ---- keys ---- */

static void scroll(struct tui *tui, long by)
{
    long to = (long)tui->overlay.top + by;
    tui->overlay.top = to < 0 ? 0 : (size_t)to;
}

static bool scroll_key(struct tui *tui, const struct key *key)
{
    long page = place(tui).h - 2;

    if (key_in(key, "Down C-n"))
        scroll(tui, 1);
    else if (key_in(key, "Up C-p"))
        scroll(tui, -1);
    else if (key_in(key, "PgDn C-f"))
        scroll(tui, page > 1 ? page : 1);
    else if (key_in(key, "PgUp C-b"))
        scroll(tui, page > 1 ? -page : -1);
    else if (key_in(key, "Home"))
        tui->overlay.top = 0;
    else if (key_in(key, "End"))
        tui->overlay.top = tui->overlay.n_lines;
    else
        return false;
    return true;
}

static void filter_key(struct overlay *overlay, const struct key *key)
{
    size_t len = strlen(overlay->filter);

    if (key_in(key, "Backspace") && len > 0) {
        do
            overlay->filter[--len] = '\0';
        while (len > 0 && ((unsigned char)overlay->filter[len] & 0xc0) == 0x80);
    } else if (len + strlen(key->text) < sizeof overlay->filter) {
        snprintf(overlay->filter + len, sizeof overlay->filter - len, "%s", key->text);
    }
    overlay->top = 0;
}

bool overlay_key(struct tui *tui, const struct key *key)
{
    struct overlay *overlay = &tui->overlay;

    if (!overlay->on)
        return false;
    tui_redraw(tui);
    if (key_in(key, "Esc Enter") || (!overlay->filters && key_in(key, "q Space"))) {
        overlay_close(tui);
        return true;
    }
    if (scroll_key(tui, key))
        return true;
    if (overlay->filters && (key->text[0] || key_in(key, "Backspace"))) {
        filter_key(overlay, key);
        return true;
    }
    if (key_in(key, "j"))
        return scroll_key(tui, &(struct key){.name = "Down"});
    if (key_in(key, "k"))
        return scroll_key(tui, &(struct key){.name = "Up"});
    return !key_in(key, "C-l C-z C-c Resize :");
}

/* ---- help ---- */

static void add_key_line(struct tui *tui, const char *keys, const char *text)
{
    struct buf line;
    buf_init(&line, 0);
    buf_addf(&line, " %-20s %s", keys, text);
    overlay_add(tui, buf_str(&line), line.len);
    buf_release(&line);
}

/* The key of a command on a screen, from "bench:e prompt:C-s"; false: it has none there.
 */
static bool command_key(const struct command *row, const char *view, char *out,
                        size_t size)
{
    size_t len = strlen(view);

    for (const char *at = row->tui_keys; at && *at;) {
        size_t n = strcspn(at, " ");
        if (n > len + 1 && strncmp(at, view, len) == 0 && at[len] == ':' &&
            n - len - 1 < size) {
            memcpy(out, at + len + 1, n - len - 1);
            out[n - len - 1] = '\0';
            return true;
        }
        at += n + (at[n] == ' ');
    }
    return false;
}

/* Every key of the screen that is on, then those of all screens, then the commands. */
void overlay_help(struct tui *tui)
{
    const struct view_ops *ops = tui_view(tui);
    char key[16];

    overlay_open(tui, ops->title, true);
    for (const struct key_row *row = ops->keys; row->keys; row++)
        add_key_line(tui, row->keys, row->text);
    for (const struct key_row *row = tui_keys; row->keys; row++)
        add_key_line(tui, row->keys, row->text);
    overlay_add(tui, " ", 1);
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *row = command_at(i);
        struct buf line;
        buf_init(&line, 0);
        bool has_key = command_key(row, ops->name, key, sizeof key);
        buf_addf(&line, " %-6s :%s%s%s", has_key ? key : "", row->verb,
                 row->noun ? " " : "", row->noun ? row->noun : "");
        if (line.len < 30)
            buf_fill(&line, ' ', 30 - line.len);
        buf_addf(&line, "  %s", row->text);
        overlay_add(tui, buf_str(&line), line.len);
        buf_release(&line);
    }
}
