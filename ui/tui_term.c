/* The full screen and its terminal: taking it, giving it back, sizes, frames; the loop's
 * side. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <curses.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "ui/loop.h"
#include "ui/signals.h"
#include "ui/term.h"
#include "ui/tui.h"

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";

/* What libraries print to standard error would stand in the middle of the screen. */
static void divert_stderr(struct tui *tui)
{
    char *path = path_join(tui->wb->dir, "log");
    int fd = tui->wb->readonly
                 ? -1
                 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    free(path);
    if (fd < 0)
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    fflush(stderr);
    tui->saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static void restore_stderr(struct tui *tui)
{
    if (tui->saved_stderr < 0)
        return;
    fflush(stderr);
    dup2(tui->saved_stderr, STDERR_FILENO);
    close(tui->saved_stderr);
    tui->saved_stderr = -1;
}

static bool is_real(const struct tui *tui)
{
    return tui->saved_stderr >= 0;
}

static void write_out(const char *bytes)
{
    fflush(stdout);
    write_all(STDOUT_FILENO, bytes, strlen(bytes));
}

/* ---- on and off ---- */

static void set_modes(void)
{
    /* raw: Ctrl-S, Ctrl-C and Ctrl-Z are keys. */
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    if (!getenv("ESCDELAY"))
        set_escdelay(25);
    leaveok(stdscr, FALSE);
}

int tui_start(struct tui *tui, FILE *in, FILE *out, int rows, int columns,
              struct error *err)
{
    bool real = in == NULL;
    bool first = tui->screen == NULL;

    if (first) {
        tui->screen = newterm(NULL, real ? stdout : out, real ? stdin : in);
        if (!tui->screen)
            return error_set(err, ERROR_FAILED, "the terminal %s is not known here",
                             getenv("TERM") ? getenv("TERM") : "(TERM is not set)");
        set_modes();
        const struct args *args = tui->front->args;
        draw_init(&tui->draw, tui->front->color, term_is_utf8(),
                  term_is_utf8() && !args->ascii);
        keys_init(&tui->keys, term_is_utf8());
    }
    if (real) {
        term_screen(true);
        divert_stderr(tui);
        signals_catch_stop(true);
    }
    tui->on = true;
    tui_resize(tui, rows, columns);
    if (!first)
        set_modes();
    if (real)
        write_out(paste_on);
    tui->wb->front = &tui->sink;
    desk_reload(&tui->desk);
    tui_repaint(tui);
    return 0;
}

void tui_stop(struct tui *tui)
{
    if (!tui->on)
        return;
    cmdline_close(tui);
    overlay_close(tui);
    tui->on = false;
    if (is_real(tui))
        write_out(paste_off);
    endwin();
    term_screen(false);
    restore_stderr(tui);
    signals_catch_stop(false);
    tui->wb->front = NULL;
}

void tui_forget_screen(struct tui *tui)
{
    if (!tui->screen)
        return;
    keys_release(&tui->keys);
    delscreen(tui->screen);
    tui->screen = NULL;
}

void tui_suspend(struct tui *tui)
{
    if (!is_real(tui))
        return;
    write_out(paste_off);
    endwin();
    term_screen(false);
    term_restore();
    restore_stderr(tui);
}

void tui_resume(struct tui *tui)
{
    struct term_size size = term_size();

    if (!tui->on)
        return;
    term_screen(true);
    divert_stderr(tui);
    tui_resize(tui, size.rows, size.columns);
    set_modes();
    write_out(paste_on);
    tui_repaint(tui);
}

/* While a command runs nobody reads keys: Ctrl-C must be a signal then. */
void tui_take_interrupts(struct tui *tui, bool on)
{
    struct termios now;

    if (!is_real(tui) || tcgetattr(STDIN_FILENO, &now) != 0)
        return;
    if (on) {
        now.c_lflag |= ISIG;
        now.c_cc[VSUSP] = now.c_cc[VQUIT] = _POSIX_VDISABLE;
        now.c_cc[VINTR] = 3;
    } else {
        now.c_lflag &= ~(tcflag_t)ISIG;
    }
    tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
    signals_force_after(on ? 3 : 0);
}

/* ---- sizes and frames ---- */

void tui_resize(struct tui *tui, int rows, int columns)
{
    resizeterm(rows > 0 ? rows : 1, columns > 0 ? columns : 1);
    getmaxyx(stdscr, tui->draw.rows, tui->draw.columns);
    tui_redraw(tui);
}

void tui_repaint(struct tui *tui)
{
    clearok(curscr, TRUE);
    tui_redraw(tui);
}

void tui_frame(struct tui *tui)
{
    if (!tui->on)
        return;
    erase();
    tui_draw_all(tui);
    if (tui->draw.cursor_y >= 0)
        move(tui->draw.cursor_y, tui->draw.cursor_x);
    else
        move(tui->draw.rows - 1, tui->draw.columns - 1);
    curs_set(tui->draw.cursor_y >= 0 ? 1 : 0);
    refresh();
    tui->dirty = false;
    tui->last_draw = clock_seconds();
    tui->frames++;
}

/* ---- the loop's side ---- */

struct end_tui {
    struct front *front;
    struct tui *tui; /* made when first wanted */
};

static int end_on(void *end, struct error *err)
{
    struct end_tui *self = end;
    struct term_size size = term_size();

    if (!self->tui && !term_can_tui()) {
        error_set(err, ERROR_FAILED, "this terminal cannot show a full screen");
        return error_hint(err, "every command works on this line too");
    }
    if (!self->tui)
        self->tui = tui_make(self->front);
    return tui_start(self->tui, NULL, NULL, size.rows, size.columns, err);
}

static void end_off(void *end)
{
    struct end_tui *self = end;
    tui_stop(self->tui);
}

static void end_input(void *end)
{
    struct end_tui *self = end;
    struct tui *tui = self->tui;
    struct key key;

    for (;;) {
        enum input_kind kind = keys_next(&tui->keys, &key);
        if (kind == INPUT_END)
            self->front->done = true;
        if (kind == INPUT_NONE || kind == INPUT_END)
            return;
        if (kind == INPUT_PASTE)
            tui_paste(tui, buf_str(&tui->keys.paste), tui->keys.paste.len);
        else
            tui_key(tui, &key);
        if (self->front->done || self->front->want != FRONT_TUI)
            return;
    }
}

static void end_signals(void *end, unsigned bits)
{
    struct end_tui *self = end;

    if (bits & SIGNAL_RESIZE) {
        struct term_size size = term_size();
        tui_resize(self->tui, size.rows, size.columns);
        tui_repaint(self->tui);
    }
    if (bits & SIGNAL_STOP) {
        tui_suspend(self->tui);
        signals_stop_now();
        tui_resume(self->tui);
    }
    /* Somebody else may have written on the terminal while we were stopped. */
    if (bits & SIGNAL_CONT)
        tui_repaint(self->tui);
}

static int end_timeout(void *end)
{
    struct end_tui *self = end;
    return tui_timeout(self->tui);
}

static void end_round(void *end)
{
    struct end_tui *self = end;
    tui_notice(self->tui);
    tui_tick(self->tui);
}

static void end_free(void *end)
{
    struct end_tui *self = end;
    tui_free(self->tui);
    free(self);
}

static const struct end_ops ops = {
    .on = end_on,
    .off = end_off,
    .input = end_input,
    .signals = end_signals,
    .timeout_ms = end_timeout,
    .round = end_round,
    .free = end_free,
};

struct end tui_new(struct front *front)
{
    struct end_tui *self = xcalloc(1, sizeof *self);
    self->front = front;
    return (struct end){&ops, self};
}
