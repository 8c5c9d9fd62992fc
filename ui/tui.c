/* The full screen: views, keys, command lines, frames. */
#include "config.h"

#include "ui/tui.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/job/label_run.h"
#include "ui/signals.h"
#include "ui/welcome.h"

/* The screens in order of their keys; those without functions come with later rooms. */
static const struct {
    const struct view_ops *ops;
    const char *title;
} screens[TUI_SCREENS] = {
    {&view_bench, "Bench"}, {&view_prompt, "Prompt"}, {NULL, "Matrix"},
    {NULL, "Bias"},         {&view_train, "Train"},   {NULL, "Rate"},
};

void tui_redraw(struct tui *tui)
{
    tui->dirty = true;
}

void tui_say(struct tui *tui, bool bad, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(tui->message, sizeof tui->message, format, args);
    va_end(args);
    tui->message_bad = bad;
    tui_redraw(tui);
}

/* ---- views ---- */

void tui_show_view(struct tui *tui, int number)
{
    if (number < 0 || number >= TUI_SCREENS)
        return;
    if (!screens[number].ops) {
        tui_say(tui, false,
                "screen %d, %s, is not there yet; show %s answers on the : line",
                number + 1, screens[number].title,
                number == 2   ? "matrix"
                : number == 3 ? "bias"
                              : "report");
        return;
    }
    if (number == tui->current)
        return;
    const struct view_ops *ops = screens[tui->current].ops;
    if (ops->leave)
        ops->leave(tui->views[tui->current]);
    tui->current = number;
    ops = screens[number].ops;
    if (ops->enter)
        ops->enter(tui->views[number]);
    tui_redraw(tui);
}

const char *tui_screen_title(int number)
{
    return screens[number].title;
}

const struct view_ops *tui_view(const struct tui *tui)
{
    return screens[tui->current].ops;
}

void *tui_state(const struct tui *tui)
{
    return tui->views[tui->current];
}

/* ---- command lines ---- */

static void on_data(void *ctx, const char *bytes, size_t len)
{
    struct tui *tui = ctx;
    buf_add(&tui->answer, bytes, len);
}

static void on_talk(void *ctx, const char *line)
{
    tui_say(ctx, false, "%s", line);
}

static void on_error(void *ctx, const char *line)
{
    tui_say(ctx, true, "%s", line);
}

static int on_edit(void *ctx, const char *path, struct error *err)
{
    struct tui *tui = ctx;
    tui_suspend(tui);
    int status = child_edit(path, err);
    tui_resume(tui);
    return status;
}

static int on_shell(void *ctx, const char *word, struct error *err)
{
    struct tui *tui = ctx;
    if (strcmp(word, "tui") == 0) {
        tui->front->want = FRONT_REPL;
        return 0;
    }
    return shell_word(tui->front, &tui->sink, word, err);
}

/* Writes the screen's cells to a file: for tests, and for showing somebody what one sees.
 */
static void save_display(struct tui *tui, const char *path)
{
    struct buf cells;
    struct error err = {0};
    char line[700];

    tui_frame(tui);
    buf_init(&cells, 0);
    draw_dump(&tui->draw, &cells);
    if (file_put(path, buf_str(&cells), cells.len, &err) == 0) {
        tui_say(tui, false, "the screen is in %s", path);
    } else {
        error_format(&err, line, sizeof line);
        tui_say(tui, true, "%s", line);
    }
    buf_release(&cells);
}

static void show_answer(struct tui *tui, const char *line)
{
    size_t len = tui->answer.len, lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += tui->answer.data[i] == '\n';
    if (len == 0)
        return;
    if (lines == 1 && len < (size_t)tui->draw.columns) {
        tui_say(tui, false, "%.*s", (int)(len - 1), tui->answer.data);
        return;
    }
    overlay_open(tui, line, false);
    overlay_add(tui, tui->answer.data, len);
}

static void reload(struct tui *tui)
{
    desk_reload(&tui->desk);
    tui->generation = tui->wb->generation;
    tui->labels = 0;
    for (int i = 0; i < TUI_SCREENS; i++)
        if (screens[i].ops && screens[i].ops->reloaded)
            screens[i].ops->reloaded(tui->views[i]);
}

int tui_run(struct tui *tui, bool quiet, const char *format, ...)
{
    struct buf line;
    va_list args;
    static const char save[] = "save-display ";

    buf_init(&line, 0);
    va_start(args, format);
    buf_vaddf(&line, format, args);
    va_end(args);
    if (strncmp(buf_str(&line), save, strlen(save)) == 0) {
        save_display(tui, buf_str(&line) + strlen(save));
        buf_release(&line);
        return 0;
    }
    free(tui->log);
    tui->log = xstrdup(buf_str(&line));
    tui->message[0] = '\0';
    tui->message_bad = false;
    buf_clear(&tui->answer);
    /* The line is seen before it runs; Ctrl-C is a signal while it does. */
    tui_frame(tui);
    cancel_clear(tui->wb);
    tui->running = true;
    tui_take_interrupts(tui, true);
    int code =
        front_run(tui->front, buf_str(&line), &tui->sink, tui->front->args->keep_going);
    tui_take_interrupts(tui, false);
    tui->running = false;
    cancel_clear(tui->wb);
    reload(tui);
    if (!quiet || code != 0)
        show_answer(tui, buf_str(&line));
    if (tui->front->done && jobs_active(tui->wb->jobs) && !signals_exit_code()) {
        tui->front->done = tui->wb->quit = false;
        tui_say(tui, false,
                "jobs run: q goes to the command line, which asks before it leaves");
    }
    buf_release(&line);
    tui_redraw(tui);
    return code;
}

void line_quote(struct buf *out, const char *word)
{
    if (*word && !word[strcspn(word, " \t\n\r;'\"\\#>=|")]) {
        buf_adds(out, word);
        return;
    }
    buf_addc(out, '"');
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *word);
    }
    buf_addc(out, '"');
}

/* ---- keys of every screen ---- */

static void key_screen(void *ctx, int number)
{
    tui_show_view(ctx, number);
}
static void key_1(void *ctx)
{
    key_screen(ctx, 0);
}
static void key_2(void *ctx)
{
    key_screen(ctx, 1);
}
static void key_3(void *ctx)
{
    key_screen(ctx, 2);
}
static void key_4(void *ctx)
{
    key_screen(ctx, 3);
}
static void key_5(void *ctx)
{
    key_screen(ctx, 4);
}
static void key_6(void *ctx)
{
    key_screen(ctx, 5);
}

static void key_command(void *ctx)
{
    cmdline_open(ctx, "");
}

static void key_jobs(void *ctx)
{
    tui_run(ctx, false, "list jobs");
}

static void key_back(void *ctx)
{
    struct tui *tui = ctx;
    tui->front->want = FRONT_REPL;
}

static void key_help(void *ctx);

const struct key_row tui_keys[] = {
    {"1", "screen Bench", false, key_1, NULL},
    {"2", "screen Prompt", false, key_2, NULL},
    {"3", "screen Matrix", false, key_3, NULL},
    {"4", "screen Bias", false, key_4, NULL},
    {"5", "screen Train", false, key_5, NULL},
    {"6", "screen Rate", false, key_6, NULL},
    {":", "a command line; Tab completes, Esc leaves it", true, key_command, "command"},
    {"J", "jobs", false, key_jobs, NULL},
    {"q", "back to the command line, as Ctrl-X t does", true, key_back, "leave"},
    {"? F1", "all keys of this screen; letters narrow the list", true, key_help, "keys"},
    {NULL, NULL, false, NULL, NULL},
};

static void key_help(void *ctx)
{
    overlay_help(ctx);
}

/* A key that only the command table knows: "bench:u" runs `undo`. */
static bool run_table_key(struct tui *tui, const struct key *key)
{
    char name[48];

    snprintf(name, sizeof name, "%s:%s", tui_view(tui)->name, key->name);
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *row = command_at(i);
        if (!row->tui_keys || row->min_refs > 0)
            continue;
        size_t len = strlen(name);
        for (const char *at = row->tui_keys; *at;) {
            size_t n = strcspn(at, " ");
            if (n == len && strncmp(at, name, n) == 0) {
                tui_run(tui, false, "%s%s%s", row->verb, row->noun ? " " : "",
                        row->noun ? row->noun : "");
                return true;
            }
            at += n + (at[n] == ' ');
        }
    }
    return false;
}

static bool run_row(const struct key_row *rows, void *ctx, const struct key *key)
{
    for (; rows->keys; rows++)
        if (key_in(key, rows->keys)) {
            rows->run(ctx);
            return true;
        }
    return false;
}

/* Ctrl-C: closes what is open; twice, it stops the newest job. */
static void interrupt(struct tui *tui)
{
    double now = clock_seconds();

    if (tui->overlay.on) {
        overlay_close(tui);
        return;
    }
    if (!jobs_active(tui->wb->jobs)) {
        tui_say(tui, false, "nothing runs; q goes back to the command line");
        return;
    }
    int last = jobs_last(tui->wb->jobs);
    if (now - tui->last_interrupt < 2) {
        tui_run(tui, true, "stop %%%d", last);
        tui->last_interrupt = 0;
    } else {
        tui_say(tui, false,
                "%%%d goes on; Ctrl-C once more stops it, what it has done is kept",
                last);
        tui->last_interrupt = now;
    }
}

static bool control_key(struct tui *tui, const struct key *key)
{
    if (tui->prefix) {
        tui->prefix = false;
        if (key_in(key, "t"))
            tui->front->want = FRONT_REPL;
        else if (key_in(key, ":"))
            cmdline_open(tui, "");
        else
            tui_say(tui, false,
                    "Ctrl-X t leaves the full screen, Ctrl-X : opens a command line");
        return true;
    }
    if (key_in(key, "Resize"))
        return true;
    if (key_in(key, "C-l")) {
        tui_repaint(tui);
        return true;
    }
    if (key_in(key, "C-z")) {
        tui_suspend(tui);
        signals_stop_now();
        tui_resume(tui);
        return true;
    }
    if (key_in(key, "C-x")) {
        tui->prefix = true;
        return true;
    }
    return false;
}

void tui_key(struct tui *tui, const struct key *key)
{
    tui->message[0] = '\0';
    tui->message_bad = false;
    tui_redraw(tui);
    if (control_key(tui, key))
        return;
    if (tui->command_line) {
        cmdline_key(tui, key);
        return;
    }
    if (overlay_key(tui, key))
        return;
    if (key_in(key, "C-c")) {
        interrupt(tui);
        return;
    }
    /* A field that is open owns the printable keys; F1 is help there. */
    if (tui_view(tui)->type && tui_view(tui)->type(tui_state(tui), key))
        return;
    if (run_row(tui_view(tui)->keys, tui_state(tui), key) ||
        run_row(tui_keys, tui, key) || run_table_key(tui, key))
        return;
    if (!key_in(key, "Esc"))
        tui_say(tui, false, "no key %s on this screen; ? lists those there are",
                key->name);
}

void tui_paste(struct tui *tui, const char *text, size_t len)
{
    tui->message[0] = '\0';
    tui_redraw(tui);
    if (tui->command_line)
        cmdline_paste(tui, text, len);
    else if (!tui_view(tui)->paste || !tui_view(tui)->paste(tui_state(tui), text, len))
        tui_say(tui, false, "a paste of %zu bytes was left out: no text field is open",
                len);
}

/* ---- what changes behind the keys ---- */

static void on_label(void *ctx, const struct label_message *message)
{
    struct tui *tui = ctx;

    tui->labels++;
    for (int i = 0; i < TUI_SCREENS; i++)
        if (screens[i].ops && screens[i].ops->label)
            screens[i].ops->label(tui->views[i], message);
}

void tui_notice(struct tui *tui)
{
    uint64_t changes = tui->wb->generation - tui->generation;

    if (changes == 0)
        return;
    /* Label rows alone leave every pointer where it is. */
    if (changes == tui->labels)
        desk_update(&tui->desk);
    else
        desk_reload(&tui->desk);
    tui->labels = 0;
    tui->generation = tui->wb->generation;
    tui_redraw(tui);
}

/* ---- time ---- */

int tui_timeout(struct tui *tui)
{
    int wait = -1;

    if (tui->dirty) {
        double left = tui->last_draw + 1.0 / 30 - clock_seconds();
        wait = left > 0 ? (int)(left * 1000) + 1 : 0;
    }
    if (tui->desk.summary_old && (wait < 0 || wait > 300))
        wait = 300;
    for (int i = 0; i < TUI_SCREENS; i++) {
        const struct view_ops *ops = screens[i].ops;
        int ms = ops && ops->timeout_ms ? ops->timeout_ms(tui->views[i]) : -1;
        if (ms >= 0 && (wait < 0 || ms < wait))
            wait = ms;
    }
    return wait;
}

void tui_tick(struct tui *tui)
{
    for (int i = 0; i < TUI_SCREENS; i++)
        if (screens[i].ops && screens[i].ops->tick)
            screens[i].ops->tick(tui->views[i]);
    if (tui->desk.summary_old) {
        desk_update(&tui->desk);
        if (!tui->desk.summary_old)
            tui_redraw(tui);
    }
    if (tui->dirty && clock_seconds() - tui->last_draw >= 1.0 / 30)
        tui_frame(tui);
}

/* ---- make and free ---- */

struct tui *tui_make(struct front *front)
{
    struct tui *tui = xcalloc(1, sizeof *tui);

    tui->front = front;
    tui->wb = front->wb;
    tui->saved_stderr = -1;
    buf_init(&tui->answer, (size_t)64 << 20);
    tui->sink = (struct sink){.data = on_data,
                              .talk = on_talk,
                              .error = on_error,
                              .edit = on_edit,
                              .shell = on_shell,
                              .ctx = tui};
    desk_init(&tui->desk, tui->wb);
    desk_reload(&tui->desk);
    tui->generation = tui->wb->generation;
    for (int i = 0; i < TUI_SCREENS; i++)
        if (screens[i].ops)
            tui->views[i] = screens[i].ops->open(tui);
    tui->wb->on_label = on_label;
    tui->wb->on_label_ctx = tui;
    return tui;
}

void tui_free(struct tui *tui)
{
    if (!tui)
        return;
    tui->wb->on_label = NULL;
    for (int i = 0; i < TUI_SCREENS; i++)
        if (screens[i].ops)
            screens[i].ops->close(tui->views[i]);
    overlay_close(tui);
    desk_release(&tui->desk);
    tui_forget_screen(tui);
    buf_release(&tui->answer);
    free(tui->log);
    free(tui);
}
