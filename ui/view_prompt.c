/* Screen 2: a prompt in five sections, what it sends, and what an edit does to sixteen
 * pairs. */
#include "config.h"

#include "ui/prompt_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"

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
    view->pane = (enum prompt_pane)((view->pane + 1) % 3);
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
    char *dir = path_join(tui->wb->dir, "edit"), *path = path_join(dir, "section.txt"),
         line[900];

    buf_init(&text, FIELD_BYTES_MAX);
    if (tui->wb->readonly) {
        error_set(&err, ERROR_FAILED,
                  "the workspace is read-only: there is no place for a copy to edit");
    } else if (file_make_dirs(dir, &err) == 0 &&
               file_put(path, field_text(field), field->text.len, &err) == 0 &&
               tui->sink.edit(tui->sink.ctx, path, &err) == 0 &&
               file_read(path, FIELD_BYTES_MAX - 1, 0, &text, &err) == 0) {
        /* Editors end the last line; the section's own end is kept. */
        size_t len = text.len, old = field->text.len;
        if (len > 0 && text.data[len - 1] == '\n' &&
            (old == 0 || field_text(field)[old - 1] != '\n'))
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
    {"C-s", "keep this as a version and label the set with it", true, key_save,
     "save+run"},
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
    int step = key_in(key, "Down j") ? 1
               : key_in(key, "Up k") ? -1
               : key_in(key, "PgDn") ? 10
               : key_in(key, "PgUp") ? -10
                                     : 0;
    if (step == 0)
        return false;
    if (view->pane == PANE_SENT) {
        view->sent_top += step;
    } else {
        long to = (long)view->probe_cursor + step, last = (long)view->draft.probe.n - 1;
        view->probe_cursor = (size_t)(to > last ? (last > 0 ? last : 0)
                                      : to < 0  ? 0
                                                : to);
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
        buf_addf(out, "   %s does not parse: %s", section_names[draft->bad],
                 draft->error.text);
        return;
    }
    if (draft->tokens > 0)
        buf_addf(out, "  %zu tokens %+ld", draft->tokens,
                 (long)draft->tokens - (long)draft->base_tokens);
    probe_counts(&draft->probe, counts, &right, &same_slot);
    if (draft->probe.n > 0)
        buf_addf(out, "  probe %zu/%zu: %zu fixed %zu BROKE %zu same %zu new",
                 draft->probe.n_fresh, draft->probe.n, counts[PROBE_FIXED],
                 counts[PROBE_BROKE], counts[PROBE_SAME], counts[PROBE_NEW]);
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

/* After a command the pairs may be others: what was probed is forgotten, the texts stay.
 */
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
        fprintf(
            stderr,
            "rlaif: the prompt that was not saved is in %s; save prompt %s keeps it\n",
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
