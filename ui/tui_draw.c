/* The frame around a view: screens, status, log, jobs, the keys that are valid now. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/tui.h"

static void draw_tabs(struct tui *tui)
{
    const struct draw *draw = &tui->draw;
    int x = 0;
    struct buf right;

    buf_init(&right, 0);

    for (int i = 0; i < TUI_SCREENS; i++) {
        enum role role = i == tui->current ? ROLE_TITLE : ROLE_DIM;
        x += draw_str(draw, 0, x, draw->columns - x, ROLE_TEXT, " ");
        x += draw_format(draw, 0, x, draw->columns - x, role,
                         i == tui->current ? "[%d %s]" : "%d %s", i + 1,
                         tui_screen_title(i));
    }
    const char *set = tui->desk.set ? tui->desk.set->row.name : "no set";
    const char *prompt = tui->wb->last_prompt ? tui->wb->last_prompt : "";
    const char *mode = tui->wb->readonly ? "[ro]" : "[rw]";
    /* As much as there is room for; what the next command means comes last of all to go.
     */
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
            draw_str(draw, 0, draw->columns - width - 1, width, ROLE_TEXT,
                     buf_str(&right));
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
            buf_addf(&text, " ~%d:%02d", (int)job->eta_high / 60,
                     (int)job->eta_high % 60);
    }
    if (running == 0)
        buf_adds(&text, "  jobs idle");
    if (tui->front->debug)
        buf_addf(&text, "  frame %ld", tui->frames);
    int width = (int)text.len;
    const struct draw *draw = &tui->draw;
    int from = draw->columns - width - 1;
    if (tui->log)
        draw_format(draw, y, 0, from > 10 ? from : draw->columns, ROLE_DIM, " > %s",
                    tui->log);
    if (from > 10 || !tui->log)
        draw_str(draw, y, from < 0 ? 0 : from, width, ROLE_TEXT, buf_str(&text));
    buf_release(&text);
}

/* The key to show for a row: where a field is open the first that is not a character; "":
 * none. */
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

/* The keys that are valid now, from the tables; a message instead of them when there is
 * one. */
static void draw_hint(struct tui *tui, int y)
{
    struct draw *draw = &tui->draw;
    const struct key_row *const tables[] = {tui_view(tui)->keys, tui_keys};
    bool typing = tui_view(tui)->typing && tui_view(tui)->typing(tui_state(tui));
    int x = 1, reserve = 0;

    if (tui->command_line) {
        cmdline_draw(tui, y);
        return;
    }
    if (tui->message[0]) {
        draw_format(draw, y, 0, draw->columns, tui->message_bad ? ROLE_BAD : ROLE_WARN,
                    "%s%s", tui->message_bad ? "error: " : " ", tui->message);
        return;
    }
    /* The keys of every screen always have their place; the view's fill the rest. */
    for (const struct key_row *row = tui_keys; row->keys; row++)
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
            x += draw_format(draw, y, x, draw->columns - x, ROLE_TEXT, " %s",
                             hint_text(row)) +
                 2;
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
        tui_view(tui)->status(tui_state(tui), &status);
        draw_str(draw, 1, 1, draw->columns - 1, ROLE_TEXT, buf_str(&status));
        buf_release(&status);
        draw_jobs(tui, draw->rows - 2);
        area.y = 2;
        area.h = draw->rows - 4;
    } else if (draw->rows >= 3) {
        area.h = draw->rows - 1;
    }
    tui_view(tui)->draw(tui_state(tui), draw, area);
    overlay_draw(tui);
    if (draw->rows >= 3 || tui->command_line || tui->message[0]) {
        draw_fill(draw, draw->rows - 1, 0, draw->columns, ROLE_TEXT);
        draw_hint(tui, draw->rows - 1);
    }
}
