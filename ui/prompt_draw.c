/* Screen 2 as it is drawn: the editor, the text as sent, the probe. */
#include "config.h"

#include "ui/prompt_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void draw_section_tabs(struct prompt_view *view, const struct draw *draw,
                              struct rect area)
{
    const struct draft *draft = &view->draft;
    int x = area.x + 1;

    draw_rule(draw, area.y, area.x, area.w, NULL);
    for (int i = 0; i < SECTIONS; i++) {
        bool now = i == (int)view->section;
        const char *star = draft_changed(draft, (enum section)i) ? "*" : "";
        const char *state = i == SECTION_COT ? draft->cot_on ? " on" : " off" : "";
        x += draw_format(draw, area.y, x, area.x + area.w - x,
                         now ? ROLE_CHOSEN : ROLE_TEXT, " %s%s%s ", section_names[i],
                         state, star);
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
    for (size_t i = 0; i < wrap.n && i < field->top + (size_t)(text.h > 0 ? text.h : 0);
         i++) {
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
    return change == PROBE_FIXED     ? ROLE_GOOD
           : change == PROBE_BROKE   ? ROLE_BAD
           : change == PROBE_CHANGED ? ROLE_WARN
                                     : ROLE_TEXT;
}

static const char *verdict_short(const struct judged *row)
{
    return row->verdict == VERDICT_A      ? "A"
           : row->verdict == VERDICT_B    ? "B"
           : row->verdict == VERDICT_HALF ? "="
                                          : "-";
}

static void draw_probe_row(const struct prompt_view *view, const struct draw *draw, int y,
                           int x, int width, size_t i)
{
    const struct draft_probe *probe = &view->draft.probe;
    const struct judged *before = &probe->before[i], *after = &probe->after[i];
    char text[80], share[8] = " --";

    if (probe->known[i] && !isnan(after->p_a))
        snprintf(share, sizeof share, "%.2f", after->p_a);
    const char *moved =
        probe->known[i] && strcmp(verdict_short(before), verdict_short(after)) != 0
            ? "<-"
            : "  ";
    enum probe_change change =
        probe->known[i] ? probe_compare(before, after) : PROBE_SAME;
    if (!probe->known[i])
        snprintf(text, sizeof text, "%4d %s         ...", probe->pairs[i]->num,
                 verdict_short(before));
    else
        snprintf(text, sizeof text, "%4d %s%s%s %s %s", probe->pairs[i]->num,
                 verdict_short(after), moved,
                 strcmp(moved, "<-") == 0 ? verdict_short(before) : " ", share,
                 probe_change_name(change));
    enum role role = view->pane == PANE_PROBE && i == view->probe_cursor ? ROLE_CHOSEN
                     : probe->stale || !probe->fresh[i]                  ? ROLE_DIM
                                                        : change_role(change);
    draw_str(draw, y, x, width, role, text);
}

void probe_counts(const struct draft_probe *probe, size_t counts[5], size_t *right,
                  size_t *same_slot)
{
    memset(counts, 0, 5 * sizeof *counts);
    *right = *same_slot = 0;
    for (size_t i = 0; i < probe->n; i++) {
        const struct judged *row = &probe->after[i];
        if (!probe->fresh[i])
            continue;
        counts[probe_compare(&probe->before[i], row)]++;
        *right += (row->verdict == VERDICT_A && row->reference.choice == CHOICE_A) ||
                  (row->verdict == VERDICT_B && row->reference.choice == CHOICE_B);
        *same_slot += row->slot[0] == row->slot[1] && row->slot[0] != SLOT_NONE;
    }
}

static void draw_probe(struct prompt_view *view, const struct draw *draw,
                       struct rect area)
{
    const struct draft_probe *probe = &view->draft.probe;
    size_t counts[5], right, same_slot;
    char title[60];
    int rows = area.h - 1, summary = rows >= 8 ? 4 : 0;

    snprintf(title, sizeof title, "probe %zu/%zu%s", probe->n_fresh, probe->n,
             probe->stale ? " (older text)"
             : probe->job ? " ..."
                          : "");
    draw_rule(draw, area.y, area.x, area.w, title);
    if (probe->note[0]) {
        draw_wrapped(draw, (struct rect){area.y + 1, area.x, area.h - 1, area.w},
                     ROLE_WARN, probe->note, strlen(probe->note), 0);
        return;
    }
    if (probe->n == 0) {
        draw_wrapped(draw, (struct rect){area.y + 1, area.x, area.h - 1, area.w},
                     ROLE_DIM, "starts 300 ms after a key, or by Ctrl-P", 39, 0);
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
    draw_format(draw, y + 1, area.x, area.w, ROLE_TEXT, "%zu fixed %zu BROKE",
                counts[PROBE_FIXED], counts[PROBE_BROKE]);
    draw_format(draw, y + 2, area.x, area.w, ROLE_TEXT, "right %zu same-pos %zu", right,
                same_slot);
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
        return range->exemplar < 0 && range->part >= PART_SAMPLE &&
               range->part <= PART_GROUP;
    case SECTION_COT:
        return range->exemplar < 0 &&
               (range->part == PART_COT_ENDING || range->part == PART_RATIONALE);
    default:
        return range->exemplar < 0 && range->part == PART_ENDING;
    }
}

static enum role part_role(const struct prompt_view *view,
                           const struct render_range *range)
{
    if (part_is(view->section, range))
        return ROLE_MARK;
    return range->part == PART_FIRST    ? ROLE_FIRST
           : range->part == PART_SECOND ? ROLE_SECOND
           : range->part == PART_MARKER ? ROLE_DIM
                                        : ROLE_TEXT;
}

/* One row of the text as sent, in the roles of its parts; `>` in front where the edited
 * section is. */
static void draw_sent_row(const struct prompt_view *view, const struct draw *draw, int y,
                          int x, int width, const struct wrap_row *row)
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

    snprintf(title, sizeof title, "as sent, #%d, order %s (Ctrl-O)%s%s",
             pair ? pair->num : 0, draft->order == ORDER_AB ? "A-B" : "B-A",
             sent->cut_lines ? ", cut to fit" : "",
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
        draw_sent_row(view, draw, text.y + y, text.x, text.w,
                      &wrap.rows[view->sent_top + y]);
    wrap_release(&wrap);
}

void prompt_draw(void *arg, struct draw *draw, struct rect area)
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
