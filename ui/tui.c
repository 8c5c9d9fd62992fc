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
    {NULL, "Bias"},         {NULL, "Train"},          {NULL, "Rate"},
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
        tui_say(tui, false, "screen %d, %s, is not there yet; show %s answers on the : line",
                number + 1, screens[number].title,
                number == 2 ? "matrix" : number == 3 ? "bias" : "report");
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

static const struct view_ops *view(const struct tui *tui)
{
    return screens[tui->current].ops;
}

static void *state(const struct tui *tui)
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

/* Writes the screen's cells to a file: for tests, and for showing somebody what one sees. */
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
    int code = front_run(tui->front, buf_str(&line), &tui->sink, tui->front->args->keep_going);
    tui_take_interrupts(tui, false);
    tui->running = false;
    cancel_clear(tui->wb);
    reload(tui);
    if (!quiet || code != 0)
        show_answer(tui, buf_str(&line));
    if (tui->front->done && jobs_active(tui->wb->jobs) && !signals_exit_code()) {
        tui->front->done = tui->wb->quit = false;
        tui_say(tui, false, "jobs run: q goes to the command line, which asks before it leaves");
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
static void key_1(void *ctx) { key_screen(ctx, 0); }
static void key_2(void *ctx) { key_screen(ctx, 1); }
static void key_3(void *ctx) { key_screen(ctx, 2); }
static void key_4(void *ctx) { key_screen(ctx, 3); }
static void key_5(void *ctx) { key_screen(ctx, 4); }
static void key_6(void *ctx) { key_screen(ctx, 5); }

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

static const struct key_row global_keys[] = {
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
    overlay_help(ctx, global_keys);
}

/* A key that only the command table knows: "bench:u" runs `undo`. */
static bool run_table_key(struct tui *tui, const struct key *key)
{
    char name[48];

    snprintf(name, sizeof name, "%s:%s", view(tui)->name, key->name);
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
        tui_say(tui, false, "%%%d goes on; Ctrl-C once more stops it, what it has done is kept", last);
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
            tui_say(tui, false, "Ctrl-X t leaves the full screen, Ctrl-X : opens a command line");
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
    if (view(tui)->type && view(tui)->type(state(tui), key))
        return;
    if (run_row(view(tui)->keys, state(tui), key) || run_row(global_keys, tui, key) ||
        run_table_key(tui, key))
        return;
    if (!key_in(key, "Esc"))
        tui_say(tui, false, "no key %s on this screen; ? lists those there are", key->name);
}

void tui_paste(struct tui *tui, const char *text, size_t len)
{
    tui->message[0] = '\0';
    tui_redraw(tui);
    if (tui->command_line)
        cmdline_paste(tui, text, len);
    else if (!view(tui)->paste || !view(tui)->paste(state(tui), text, len))
        tui_say(tui, false, "a paste of %zu bytes was left out: no text field is open", len);
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

/* ---- frames ---- */

static void draw_tabs(struct tui *tui)
{
    const struct draw *draw = &tui->draw;
    int x = 0;
    struct buf right;

    buf_init(&right, 0);

    for (int i = 0; i < TUI_SCREENS; i++) {
        enum role role = i == tui->current ? ROLE_TITLE : ROLE_DIM;
        x += draw_str(draw, 0, x, draw->columns - x, ROLE_TEXT, " ");
        x += draw_format(draw, 0, x, draw->columns - x, role, i == tui->current ? "[%d %s]" : "%d %s",
                         i + 1, screens[i].title);
    }
    const char *set = tui->desk.set ? tui->desk.set->row.name : "no set";
    const char *prompt = tui->wb->last_prompt ? tui->wb->last_prompt : "";
    const char *mode = tui->wb->readonly ? "[ro]" : "[rw]";
    /* As much as there is room for; what the next command means comes last of all to go. */
    for (int form = 0; form < 3; form++) {
        struct buf text;
        buf_init(&text, 0);
        if (form == 0)
            buf_addf(&text, "%s  ", set);
        if (form < 2)
            buf_addf(&text, "%s  ", prompt);
        buf_adds(&text, mode);
        text_sanitise(&right, buf_str(&text), text.len, 0);
        buf_release(&text);
        int width = text_width(buf_str(&right), right.len);
        if (draw->columns - x - 2 >= width) {
            draw_str(draw, 0, draw->columns - width - 1, width, ROLE_TEXT, buf_str(&right));
            break;
        }
        buf_clear(&right);
    }
    buf_release(&right);
}

static void draw_jobs(struct tui *tui, int y)
{
    struct job_snapshot jobs[16];
    size_t n = jobs_list(tui->wb->jobs, jobs, 16);
    struct buf text;
    size_t running = 0;

    buf_init(&text, 0);
    for (size_t i = 0; i < n; i++) {
        const struct job_snapshot *job = &jobs[i];
        bool live = job->state == JOB_QUEUED || job->state == JOB_RUNNING ||
                    job->state == JOB_PAUSED || job->state == JOB_CANCELLING;
        if (!live || strcmp(job->kind, "probe") == 0 || running++ > 1)
            continue;
        buf_addf(&text, "  %%%d %s ", job->number, job->kind);
        if (job->state != JOB_RUNNING)
            buf_addf(&text, "%s ", job_state_name(job->state));
        if (job->total > 0)
            buf_addf(&text, "%llu/%llu", (unsigned long long)job->done,
                     (unsigned long long)job->total);
        if (job->eta_low >= 0 && job->state == JOB_RUNNING)
            buf_addf(&text, " ~%d:%02d", (int)job->eta_high / 60, (int)job->eta_high % 60);
    }
    if (running == 0)
        buf_adds(&text, "  jobs idle");
    if (tui->front->debug)
        buf_addf(&text, "  frame %ld", tui->frames);
    int width = (int)text.len;
    const struct draw *draw = &tui->draw;
    int from = draw->columns - width - 1;
    if (tui->log)
        draw_format(draw, y, 0, from > 10 ? from : draw->columns, ROLE_DIM, " > %s", tui->log);
    if (from > 10 || !tui->log)
        draw_str(draw, y, from < 0 ? 0 : from, width, ROLE_TEXT, buf_str(&text));
    buf_release(&text);
}

/* The key to show for a row: where a field is open the first that is not a character; "": none. */
static size_t hint_key(const struct key_row *row, bool typing, const char **out)
{
    for (const char *at = row->keys; *at;) {
        size_t n = strcspn(at, " ");
        if (!typing || n > 1) {
            *out = at;
            return n;
        }
        at += n + (at[n] == ' ');
    }
    return 0;
}

static const char *hint_text(const struct key_row *row)
{
    return row->short_text ? row->short_text : row->text;
}

/* Columns of a row's hint with the gap behind it, 0: it has none now. */
static int hint_width(const struct key_row *row, bool typing)
{
    const char *key;
    size_t len = row->hint ? hint_key(row, typing, &key) : 0;
    return len ? (int)(len + 1 + strlen(hint_text(row))) + 2 : 0;
}

/* The keys that are valid now, from the tables; a message instead of them when there is one. */
static void draw_hint(struct tui *tui, int y)
{
    struct draw *draw = &tui->draw;
    const struct key_row *const tables[] = {view(tui)->keys, global_keys};
    bool typing = view(tui)->typing && view(tui)->typing(state(tui));
    int x = 1, reserve = 0;

    if (tui->command_line) {
        cmdline_draw(tui, y);
        return;
    }
    if (tui->message[0]) {
        draw_format(draw, y, 0, draw->columns, tui->message_bad ? ROLE_BAD : ROLE_WARN, "%s%s",
                    tui->message_bad ? "error: " : " ", tui->message);
        return;
    }
    /* The keys of every screen always have their place; the view's fill the rest. */
    for (const struct key_row *row = global_keys; row->keys; row++)
        reserve += hint_width(row, typing);
    if (reserve > draw->columns - 20)
        reserve = 0;
    for (size_t t = 0; t < 2; t++)
        for (const struct key_row *row = tables[t]; row->keys; row++) {
            const char *key = "";
            int width = hint_width(row, typing);
            if (width == 0 || x + width - 2 + (t == 0 ? reserve : 0) > draw->columns)
                continue;
            int len = (int)hint_key(row, typing, &key);
            x += draw_text(draw, y, x, draw->columns - x, ROLE_KEY, key, (size_t)len);
            x += draw_format(draw, y, x, draw->columns - x, ROLE_TEXT, " %s", hint_text(row)) + 2;
        }
}

void tui_draw_all(struct tui *tui)
{
    struct draw *draw = &tui->draw;
    struct rect area = {0, 0, draw->rows, draw->columns};
    struct buf status;

    draw->cursor_y = draw->cursor_x = -1;
    if (draw->rows >= 6) {
        draw_tabs(tui);
        buf_init(&status, 0);
        view(tui)->status(state(tui), &status);
        draw_str(draw, 1, 1, draw->columns - 1, ROLE_TEXT, buf_str(&status));
        buf_release(&status);
        draw_jobs(tui, draw->rows - 2);
        area.y = 2;
        area.h = draw->rows - 4;
    } else if (draw->rows >= 3) {
        area.h = draw->rows - 1;
    }
    view(tui)->draw(state(tui), draw, area);
    overlay_draw(tui);
    if (draw->rows >= 3 || tui->command_line || tui->message[0]) {
        draw_fill(draw, draw->rows - 1, 0, draw->columns, ROLE_TEXT);
        draw_hint(tui, draw->rows - 1);
    }
}

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
    tui->sink = (struct sink){.data = on_data, .talk = on_talk, .error = on_error, .edit = on_edit,
                              .shell = on_shell, .ctx = tui};
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
