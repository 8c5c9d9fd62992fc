/*
 * The `:` line: the same Readline as the REPL's, fed with keys that curses read, drawn as
 * cells. So history, Ctrl-R and completion are the same in both.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/readline.h>

#include "src/base/mem.h"
#include "src/base/text.h"
#include "ui/complete.h"
#include "ui/history.h"
#include "ui/tui.h"
#include "ui/wrap.h"

/* Readline calls back without an argument. */
static struct tui *on_screen;
static struct buf queue;
static size_t queue_at;
static char *finished;

static int next_byte(FILE *in)
{
    (void)in;
    return queue_at < queue.len ? (unsigned char)queue.data[queue_at++] : EOF;
}

static int has_byte(void)
{
    return queue_at < queue.len;
}

static void redisplay(void)
{
    if (on_screen)
        tui_redraw(on_screen);
}

static void no_prep(int meta)
{
    (void)meta;
}

static void no_deprep(void)
{
}

static void on_line(char *line)
{
    finished = line ? line : xstrdup("");
    rl_callback_handler_remove();
}

static void on_list(void *ctx, char *const *lines, size_t n)
{
    struct tui *tui = ctx;

    overlay_open(tui, "Tab completes", false);
    for (size_t i = 0; i < n; i++)
        overlay_add(tui, lines[i], strlen(lines[i]));
}

void cmdline_open(struct tui *tui, const char *text)
{
    on_screen = tui;
    tui->command_line = true;
    free(finished);
    finished = NULL;
    buf_release(&queue);
    buf_init(&queue, 0);
    queue_at = 0;
    rl_getc_function = next_byte;
    rl_input_available_hook = has_byte;
    rl_redisplay_function = redisplay;
    rl_prep_term_function = no_prep;
    rl_deprep_term_function = no_deprep;
    complete_init(tui->wb, on_list, tui);
    rl_callback_handler_install(":", on_line);
    if (*text)
        rl_insert_text(text);
    tui_redraw(tui);
}

void cmdline_close(struct tui *tui)
{
    if (!tui->command_line)
        return;
    if (!finished)
        rl_callback_handler_remove();
    tui->command_line = false;
    overlay_close(tui);
}

/* Readline takes what is queued, then the line is run when it was ended. */
static void feed(struct tui *tui)
{
    while (queue_at < queue.len && !finished)
        rl_callback_read_char();
    buf_clear(&queue);
    queue_at = 0;
    if (!finished)
        return;
    char *line = finished;
    cmdline_close(tui);
    finished = NULL;
    if (line[strspn(line, " ")]) {
        history_take(tui->wb, line);
        tui_run(tui, false, "%s", line);
    }
    free(line);
}

void cmdline_key(struct tui *tui, const struct key *key)
{
    /* Esc closes one thing: the list, the search, the line. */
    if (key_in(key, "Esc") && tui->overlay.on) {
        overlay_close(tui);
        return;
    }
    if (key_in(key, "Esc C-g C-c") || (key_in(key, "Backspace C-d") && rl_end == 0)) {
        rl_callback_sigcleanup();
        cmdline_close(tui);
        return;
    }
    if (key_in(key, "PgUp PgDn") && overlay_key(tui, key))
        return;
    if (tui->overlay.on && !key_in(key, "Tab"))
        overlay_close(tui);
    key_bytes(key, &queue);
    feed(tui);
}

void cmdline_paste(struct tui *tui, const char *text, size_t len)
{
    /* A paste is one edit: its newlines separate commands, they do not run them. */
    char *line = xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i])
            line[n++] = text[i] == '\n' ? ';' : text[i];
    line[n] = '\0';
    rl_insert_text(line);
    free(line);
    tui_redraw(tui);
}

void cmdline_draw(struct tui *tui, int y)
{
    struct draw *draw = &tui->draw;
    const char *prompt = rl_display_prompt ? rl_display_prompt : ":";
    int used = draw_str(draw, y, 0, draw->columns, ROLE_KEY, prompt);
    int room = draw->columns - used, at = shown_width(rl_line_buffer, (size_t)rl_point);
    size_t from = 0;

    /* The cursor is always seen: a long line is shown from where it fits. */
    if (room > 1 && at >= room) {
        from = shown_at(rl_line_buffer, (size_t)rl_point, at - room + 1);
        at = shown_width(rl_line_buffer + from, (size_t)rl_point - from);
    }
    draw_text(draw, y, used, room, ROLE_TEXT, rl_line_buffer + from,
              (size_t)rl_end - from);
    draw_cursor(draw, y, used + at);
}
