/* Screen 2: a prompt in five sections, what it sends, and what an edit does to sixteen pairs. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "ui/draft.h"
#include "ui/tui.h"

enum pane { PANE_EDIT, PANE_PROBE, PANE_SENT };

struct prompt_view {
    struct tui *tui;
    struct draft draft;
    enum section section;
    enum pane pane;
    bool on;              /* on the screen: only then the probe starts by itself */
    int width, page;      /* of the editor, last frame */
    size_t probe_cursor;
    int sent_top;
    bool sent_follows;    /* the text as sent is scrolled to the section being edited */
    char trouble[400];    /* why there is no prompt */
};

/* ---- drawing ---- */

static void draw_section_tabs(struct prompt_view *view, const struct draw *draw, struct rect area)
{
    const struct draft *draft = &view->draft;
    int x = area.x + 1;

    draw_rule(draw, area.y, area.x, area.w, NULL);
    for (int i = 0; i < SECTIONS; i++) {
        bool now = i == (int)view->section;
        const char *star = draft_changed(draft, (enum section)i) ? "*" : "";
        const char *state = i == SECTION_COT ? draft->cot_on ? " on" : " off" : "";
        x += draw_format(draw, area.y, x, area.x + area.w - x, now ? ROLE_CHOSEN : ROLE_TEXT,
                         " %s%s%s ", section_names[i], state, star);
    }
}

static void draw_editor(struct prompt_view *view, struct draw *draw, struct rect area)
{
    struct field *field = &view->draft.fields[view->section];
    struct wrap wrap = {0};
    int row, column, margin = area.w >= 30 ? 4 : 0;
    size_t line = 1;

    draw_section_tabs(view, draw, area);
    struct rect text = {area.y + 1, area.x + margin, area.h - 1, area.w - margin};
    view->width = text.w > 1 ? text.w - 1 : 1;
    view->page = text.h > 1 ? text.h - 1 : 1;
    field_scroll(field, &wrap, view->width, text.h, &row, &column);
    const char *bytes = field_text(field);
    for (size_t i = 0; i < wrap.n && i < field->top + (size_t)(text.h > 0 ? text.h : 0); i++) {
        bool starts = i == 0 || bytes[wrap.rows[i].begin - 1] == '\n';
        if (i >= field->top) {
            int y = text.y + (int)(i - field->top);
            if (margin && starts)
                draw_format(draw, y, area.x, margin, ROLE_DIM, "%3zu", line);
            draw_text(draw, y, text.x, text.w, ROLE_TEXT, bytes + wrap.rows[i].begin,
                      wrap.rows[i].end - wrap.rows[i].begin);
        }
        line += starts;
    }
    if (view->pane == PANE_EDIT && view->tui->current == 1)
        draw_cursor(draw, text.y + row, text.x + column);
    wrap_release(&wrap);
}

static enum role change_role(enum probe_change change)
{
    return change == PROBE_FIXED ? ROLE_GOOD : change == PROBE_BROKE ? ROLE_BAD
         : change == PROBE_CHANGED ? ROLE_WARN : ROLE_TEXT;
}

static const char *verdict_short(const struct judged *row)
{
    return row->verdict == VERDICT_A ? "A" : row->verdict == VERDICT_B ? "B"
         : row->verdict == VERDICT_HALF ? "=" : "-";
}

static void draw_probe_row(const struct prompt_view *view, const struct draw *draw, int y, int x,
                           int width, size_t i)
{
    const struct draft_probe *probe = &view->draft.probe;
    const struct judged *before = &probe->before[i], *after = &probe->after[i];
    char text[80], share[8] = " --";

    if (probe->done[i] && !isnan(after->p_a))
        snprintf(share, sizeof share, "%.2f", after->p_a);
    const char *moved = strcmp(verdict_short(before), verdict_short(after)) != 0 ? "<-" : "  ";
    enum probe_change change = probe->done[i] ? probe_compare(before, after) : PROBE_SAME;
    if (!probe->done[i])
        snprintf(text, sizeof text, "%4d %s         ...", probe->pairs[i]->num, verdict_short(before));
    else
        snprintf(text, sizeof text, "%4d %s%s%s %s %s", probe->pairs[i]->num, verdict_short(after),
                 moved, strcmp(moved, "<-") == 0 ? verdict_short(before) : " ", share,
                 probe_change_name(change));
    enum role role = view->pane == PANE_PROBE && i == view->probe_cursor ? ROLE_CHOSEN
                   : probe->stale || !probe->done[i]                     ? ROLE_DIM
                                                                         : change_role(change);
    draw_str(draw, y, x, width, role, text);
}

static void probe_counts(const struct draft_probe *probe, size_t counts[5], size_t *right,
                         size_t *same_slot)
{
    memset(counts, 0, 5 * sizeof *counts);
    *right = *same_slot = 0;
    for (size_t i = 0; i < probe->n; i++) {
        const struct judged *row = &probe->after[i];
        if (!probe->done[i])
            continue;
        counts[probe_compare(&probe->before[i], row)]++;
        *right += (row->verdict == VERDICT_A && row->reference.choice == CHOICE_A) ||
                  (row->verdict == VERDICT_B && row->reference.choice == CHOICE_B);
        *same_slot += row->slot[0] == row->slot[1] && row->slot[0] != SLOT_NONE;
    }
}

static void draw_probe(struct prompt_view *view, const struct draw *draw, struct rect area)
{
    const struct draft_probe *probe = &view->draft.probe;
    size_t counts[5], right, same_slot;
    char title[60];
    int rows = area.h - 1, summary = rows >= 8 ? 4 : 0;

    snprintf(title, sizeof title, "probe %zu/%zu%s", probe->n_done, probe->n,
             probe->stale ? " (older text)" : probe->job ? " ..." : "");
    draw_rule(draw, area.y, area.x, area.w, title);
    if (probe->note[0]) {
        draw_wrapped(draw, (struct rect){area.y + 1, area.x, area.h - 1, area.w}, ROLE_WARN,
                     probe->note, strlen(probe->note), 0);
        return;
    }
    if (probe->n == 0) {
        draw_wrapped(draw, (struct rect){area.y + 1, area.x, area.h - 1, area.w}, ROLE_DIM,
                     "starts 300 ms after a key, or by Ctrl-P", 39, 0);
        return;
    }
    size_t list = rows - summary > 0 ? (size_t)(rows - summary) : 0, from = 0;
    if (view->probe_cursor >= list && list > 0)
        from = view->probe_cursor - list + 1;
    for (size_t i = from; i < probe->n && i < from + list; i++)
        draw_probe_row(view, draw, area.y + 1 + (int)(i - from), area.x, area.w, i);
    if (!summary)
        return;
    probe_counts(probe, counts, &right, &same_slot);
    int y = area.y + area.h - summary;
    draw_rule(draw, y, area.x, area.w, NULL);
    draw_format(draw, y + 1, area.x, area.w, ROLE_TEXT, "%zu fixed %zu BROKE", counts[PROBE_FIXED],
                counts[PROBE_BROKE]);
    draw_format(draw, y + 2, area.x, area.w, ROLE_TEXT, "right %zu same-pos %zu", right, same_slot);
    draw_str(draw, y + 3, area.x, area.w, ROLE_DIM,
             strncmp(probe->labeler, "sim", 3) == 0 ? "simulated" : "picked hard");
}

static bool part_is(enum section section, const struct render_range *range)
{
    switch (section) {
    case SECTION_PREAMBLE:
        return range->part == PART_PREAMBLE;
    case SECTION_EXEMPLARS:
        return range->exemplar >= 0;
    case SECTION_SAMPLE:
        return range->exemplar < 0 && range->part >= PART_SAMPLE && range->part <= PART_GROUP;
    case SECTION_COT:
        return range->exemplar < 0 && (range->part == PART_COT_ENDING || range->part == PART_RATIONALE);
    default:
        return range->exemplar < 0 && range->part == PART_ENDING;
    }
}

static enum role part_role(const struct prompt_view *view, const struct render_range *range)
{
    if (part_is(view->section, range))
        return ROLE_MARK;
    return range->part == PART_FIRST ? ROLE_FIRST : range->part == PART_SECOND ? ROLE_SECOND
         : range->part == PART_MARKER ? ROLE_DIM : ROLE_TEXT;
}

/* One row of the text as sent, in the roles of its parts; `>` in front where the edited section is. */
static void draw_sent_row(const struct prompt_view *view, const struct draw *draw, int y, int x,
                          int width, const struct wrap_row *row)
{
    const struct rendered *sent = &view->draft.rendered;
    int column = x + 1;
    bool marked = false;

    for (size_t i = 0; i < sent->n_ranges; i++) {
        const struct render_range *range = &sent->ranges[i];
        size_t from = range->begin > row->begin ? range->begin : row->begin;
        size_t to = range->end < row->end ? range->end : row->end;
        if (from >= to)
            continue;
        column += draw_text(draw, y, column, x + width - column, part_role(view, range),
                            sent->text.data + from, to - from);
        marked = marked || part_is(view->section, range);
    }
    if (marked)
        draw_str(draw, y, x, 1, ROLE_MARK, ">");
}

static void draw_sent(struct prompt_view *view, const struct draw *draw, struct rect area)
{
    const struct draft *draft = &view->draft;
    const struct rendered *sent = &draft->rendered;
    const struct pair *pair = desk_pair(draft->desk);
    struct wrap wrap = {0};
    char title[160];

    snprintf(title, sizeof title, "as sent, #%d, order %s (Ctrl-O)%s%s", pair ? pair->num : 0,
             draft->order == ORDER_AB ? "A-B" : "B-A", sent->cut_lines ? ", cut to fit" : "",
             view->pane == PANE_SENT ? "  [scroll]" : "");
    draw_rule(draw, area.y, area.x, area.w, title);
    struct rect text = {area.y + 1, area.x, area.h - 1, area.w};
    if (!draft->prompt || draft->render_note[0] || sent->text.len == 0) {
        char why[900];
        error_format(&draft->error, why, sizeof why);
        const char *note = !draft->prompt ? why : draft->render_note;
        draw_wrapped(draw, text, ROLE_BAD, note, strlen(note), 0);
        return;
    }
    wrap_text(&wrap, sent->text.data, sent->text.len, text.w - 1);
    int last = (int)wrap.n - text.h;
    if (view->sent_follows)
        for (size_t i = 0; i < sent->n_ranges; i++)
            if (part_is(view->section, &sent->ranges[i])) {
                view->sent_top = (int)wrap_row_of(&wrap, sent->ranges[i].begin) - 1;
                break;
            }
    view->sent_top = view->sent_top > last ? last : view->sent_top;
    view->sent_top = view->sent_top < 0 ? 0 : view->sent_top;
    for (int y = 0; y < text.h && (size_t)(view->sent_top + y) < wrap.n; y++)
        draw_sent_row(view, draw, text.y + y, text.x, text.w, &wrap.rows[view->sent_top + y]);
    wrap_release(&wrap);
}

static void prompt_draw(void *arg, struct draw *draw, struct rect area)
{
    struct prompt_view *view = arg;
    int probe = area.w >= 110 ? 36 : area.w >= 60 ? 24 : 0;
    int sent = area.h >= 10 ? area.h * 2 / 5 : 0;
    struct rect left = {area.y, area.x, area.h - sent, area.w - probe - (probe > 0)};

    if (!view->draft.base) {
        draw_wrapped(draw, area, ROLE_WARN, view->trouble, strlen(view->trouble), 0);
        return;
    }
    if (!probe && view->pane == PANE_PROBE) {
        draw_probe(view, draw, area);
        return;
    }
    if (!sent && view->pane == PANE_SENT) {
        draw_sent(view, draw, area);
        return;
    }
    draw_editor(view, draw, left);
    if (sent)
        draw_sent(view, draw, (struct rect){area.y + left.h, area.x, sent, left.w});
    if (probe) {
        draw_down(draw, area.y, area.x + left.w, area.h);
        draw_probe(view, draw, (struct rect){area.y, area.x + left.w + 1, area.h, probe});
    }
}

/* ---- keys ---- */

static void load(struct prompt_view *view)
{
    struct error err = {0};
    if (draft_load(&view->draft, &err) < 0) {
        error_format(&err, view->trouble, sizeof view->trouble);
        tui_say(view->tui, true, "%s", view->trouble);
    }
}

static void set_section(struct prompt_view *view, int section)
{
    view->section = (enum section)((section + SECTIONS) % SECTIONS);
    view->pane = PANE_EDIT;
    view->sent_follows = true;
}

static void key_next_section(void *arg)
{
    struct prompt_view *view = arg;
    set_section(view, (int)view->section + 1);
}

static void key_last_section(void *arg)
{
    struct prompt_view *view = arg;
    set_section(view, (int)view->section - 1);
}

static void key_pane(void *arg)
{
    struct prompt_view *view = arg;
    view->pane = (enum pane)((view->pane + 1) % 3);
    view->sent_follows = view->pane != PANE_SENT;
}

static void key_back(void *arg)
{
    struct prompt_view *view = arg;
    if (view->pane != PANE_EDIT)
        view->pane = PANE_EDIT;
    else
        tui_show_view(view->tui, 0);
}

static void key_cot(void *arg)
{
    struct prompt_view *view = arg;
    view->draft.cot_on = !view->draft.cot_on;
    draft_edited(&view->draft);
}

static void key_order(void *arg)
{
    struct prompt_view *view = arg;
    view->draft.order = view->draft.order == ORDER_AB ? ORDER_BA : ORDER_AB;
    draft_render(&view->draft);
}

static void key_probe(void *arg)
{
    struct prompt_view *view = arg;
    draft_probe_start(&view->draft);
}

/* Two command lines: one keeps the version, one labels the set with it. */
static void key_save(void *arg)
{
    struct prompt_view *view = arg;
    struct tui *tui = view->tui;
    struct buf line;
    int code = 0;

    if (!view->draft.prompt) {
        tui_say(tui, true, "not kept: %s", view->draft.error.text);
        return;
    }
    buf_init(&line, FIELD_BYTES_MAX);
    if (draft_save_line(&view->draft, &line))
        code = tui_run(tui, true, "%s", buf_str(&line));
    buf_release(&line);
    if (code != 0)
        return;
    const char *labeler = tui->desk.labeler;
    const char *name = tui->wb->last_prompt ? tui->wb->last_prompt : view->draft.row.name;
    if (labeler && strncmp(labeler, "sim", 3) == 0)
        tui_run(tui, true, "label %s labeler=%s", name, labeler);
    else
        tui_run(tui, true, "label %s", name);
}

static void key_editor(void *arg)
{
    struct prompt_view *view = arg;
    struct tui *tui = view->tui;
    struct field *field = &view->draft.fields[view->section];
    struct error err = {0};
    struct buf text;
    char *dir = path_join(tui->wb->dir, "edit"), *path = path_join(dir, "section.txt"), line[900];

    buf_init(&text, FIELD_BYTES_MAX);
    if (tui->wb->readonly) {
        error_set(&err, ERROR_FAILED, "the workspace is read-only: there is no place for a copy to edit");
    } else if (file_make_dirs(dir, &err) == 0 &&
               file_put(path, field_text(field), field->text.len, &err) == 0 &&
               tui->sink.edit(tui->sink.ctx, path, &err) == 0 &&
               file_read(path, FIELD_BYTES_MAX - 1, 0, &text, &err) == 0) {
        /* Editors end the last line; the section's own end is kept. */
        size_t len = text.len, old = field->text.len;
        if (len > 0 && text.data[len - 1] == '\n' && (old == 0 || field_text(field)[old - 1] != '\n'))
            len--;
        field_replace(field, buf_str(&text), len);
        draft_edited(&view->draft);
    }
    if (err.text[0]) {
        error_format(&err, line, sizeof line);
        tui_say(tui, true, "%s", line);
    }
    buf_release(&text);
    free(path);
    free(dir);
}

static const struct key_row prompt_keys[] = {
    {"C-s", "keep this as a version and label the set with it", true, key_save, "save+run"},
    {"F2", "this section in $EDITOR", true, key_editor, "editor"},
    {"F4 C-t", "next section", true, key_next_section, "section"},
    {"F3", "section before", false, key_last_section, NULL},
    {"F5", "CoT on or off", true, key_cot, "CoT"},
    {"C-p", "probe now", false, key_probe, NULL},
    {"C-o", "the text as sent in the other order", false, key_order, NULL},
    {"Tab", "editor, probe, text as sent", true, key_pane, "pane"},
    {"Esc", "back to the editor, then to Bench", true, key_back, "back"},
    {NULL, NULL, false, NULL, NULL},
};

/* In the editor every printable key is text; the tables get what it does not know. */
static bool prompt_type(void *arg, const struct key *key)
{
    struct prompt_view *view = arg;
    struct field *field = &view->draft.fields[view->section];

    if (!view->draft.base || key_in(key, "C-s C-p C-o C-t Tab Esc"))
        return false;
    if (view->pane == PANE_EDIT) {
        size_t edits = field->done, len = field->text.len;
        if (!field_key(field, key, view->width, view->page))
            return false;
        if (field->done != edits || field->text.len != len) {
            view->sent_follows = true;
            draft_edited(&view->draft);
        }
        return true;
    }
    int step = key_in(key, "Down j") ? 1 : key_in(key, "Up k") ? -1
             : key_in(key, "PgDn") ? 10 : key_in(key, "PgUp") ? -10 : 0;
    if (step == 0)
        return false;
    if (view->pane == PANE_SENT) {
        view->sent_top += step;
    } else {
        long to = (long)view->probe_cursor + step, last = (long)view->draft.probe.n - 1;
        view->probe_cursor = (size_t)(to > last ? (last > 0 ? last : 0) : to < 0 ? 0 : to);
    }
    return true;
}

static bool prompt_paste(void *arg, const char *text, size_t len)
{
    struct prompt_view *view = arg;
    if (!view->draft.base || view->pane != PANE_EDIT)
        return false;
    field_insert(&view->draft.fields[view->section], text, len, false);
    view->sent_follows = true;
    draft_edited(&view->draft);
    return true;
}

/* ---- the view ---- */

static void prompt_status(void *arg, struct buf *out)
{
    struct prompt_view *view = arg;
    const struct draft *draft = &view->draft;
    size_t counts[5], right, same_slot;

    if (!draft->base)
        return;
    buf_addf(out, "%s%s@%d", draft_changed_any(draft) ? "draft of " : "", draft->row.name,
             draft->row.version);
    if (!draft->prompt) {
        buf_addf(out, "   %s does not parse: %s", section_names[draft->bad], draft->error.text);
        return;
    }
    if (draft->tokens > 0)
        buf_addf(out, "  %zu tokens %+ld", draft->tokens,
                 (long)draft->tokens - (long)draft->base_tokens);
    probe_counts(&draft->probe, counts, &right, &same_slot);
    if (draft->probe.n > 0)
        buf_addf(out, "  probe %zu/%zu: %zu fixed %zu BROKE %zu same %zu new",
                 draft->probe.n_done, draft->probe.n, counts[PROBE_FIXED], counts[PROBE_BROKE],
                 counts[PROBE_SAME], counts[PROBE_NEW]);
    buf_addf(out, "  %s", draft->desk->summary);
}

static void prompt_enter(void *arg)
{
    struct prompt_view *view = arg;
    view->on = true;
    /* The model is mapped now, so that tokens are counted from the first key on. */
    workbench_model(view->tui->wb, NULL);
    load(view);
}

static void prompt_leave(void *arg)
{
    struct prompt_view *view = arg;
    view->on = false;
    draft_probe_stop(&view->draft);
}

/* After a command the pairs may be others: what was probed is forgotten, the texts stay. */
static void prompt_reloaded(void *arg)
{
    struct prompt_view *view = arg;
    draft_probe_forget(&view->draft);
    if (view->on)
        load(view);
}

static void prompt_label(void *arg, const struct label_message *message)
{
    struct prompt_view *view = arg;
    if (draft_probe_message(&view->draft, message))
        tui_redraw(view->tui);
}

static bool prompt_typing(void *arg)
{
    struct prompt_view *view = arg;
    return view->draft.base && view->pane == PANE_EDIT;
}

static int prompt_timeout(void *arg)
{
    struct prompt_view *view = arg;
    return draft_probe_timeout(&view->draft);
}

static void prompt_tick(void *arg)
{
    struct prompt_view *view = arg;
    if (draft_probe_timeout(&view->draft) == 0) {
        draft_probe_start(&view->draft);
        tui_redraw(view->tui);
    }
}

static void *prompt_open(struct tui *tui)
{
    struct prompt_view *view = xcalloc(1, sizeof *view);
    view->tui = tui;
    view->sent_follows = true;
    view->width = view->page = 1;
    draft_init(&view->draft, tui->wb, &tui->desk);
    return view;
}

/* What was typed and not saved outlives the program. */
static void keep_draft(struct prompt_view *view)
{
    const struct draft *draft = &view->draft;
    char *dir = path_join(view->tui->wb->dir, "edit");
    char *name = draft->base ? xasprintf("%s.yaml", draft->row.name) : NULL;
    char *path = name ? path_join(dir, name) : NULL;

    if (path && draft->prompt && draft_changed_any(draft) && !view->tui->wb->readonly &&
        file_make_dirs(dir, NULL) == 0 &&
        file_put(path, draft->prompt->yaml, draft->prompt->yaml_len, NULL) == 0)
        fprintf(stderr, "rlaif: the prompt that was not saved is in %s; save prompt %s keeps it\n",
                path, path);
    free(path);
    free(name);
    free(dir);
}

static void prompt_close(void *arg)
{
    struct prompt_view *view = arg;
    keep_draft(view);
    draft_release(&view->draft);
    free(view);
}

const struct view_ops view_prompt = {
    .name = "prompt",
    .title = "Prompt",
    .keys = prompt_keys,
    .open = prompt_open,
    .close = prompt_close,
    .enter = prompt_enter,
    .leave = prompt_leave,
    .reloaded = prompt_reloaded,
    .draw = prompt_draw,
    .type = prompt_type,
    .typing = prompt_typing,
    .paste = prompt_paste,
    .status = prompt_status,
    .label = prompt_label,
    .timeout_ms = prompt_timeout,
    .tick = prompt_tick,
};
