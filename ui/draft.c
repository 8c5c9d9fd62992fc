/* A prompt being edited. */
#include "config.h"

#include "ui/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/job/label_run.h"

const char *const section_names[SECTIONS] = {"preamble", "exemplars", "sample", "CoT",
                                             "ending"};
const char *const section_fields[SECTIONS] = {"preamble", "exemplars", "sample",
                                              "cot.ending", "ending"};

void draft_init(struct draft *draft, struct workbench *wb, struct desk *desk)
{
    *draft = (struct draft){.wb = wb, .desk = desk};
    for (int i = 0; i < SECTIONS; i++)
        field_init(&draft->fields[i], false);
}

static void forget_prompt(struct draft *draft)
{
    if (draft->prompt != draft->base)
        prompt_free(draft->prompt);
    draft->prompt = NULL;
}

static void forget_rows(struct draft_probe *probe)
{
    for (size_t i = 0; i < PROBE_PAIRS; i++)
        label_list_release(&probe->rows[i]);
}

void draft_release(struct draft *draft)
{
    draft_probe_stop(draft);
    forget_rows(&draft->probe);
    forget_prompt(draft);
    prompt_free(draft->base);
    if (draft->row.name)
        prompt_row_release(&draft->row);
    rendered_release(&draft->rendered);
    for (int i = 0; i < SECTIONS; i++)
        field_release(&draft->fields[i]);
}

static void section_text(const struct prompt *prompt, enum section section,
                         struct buf *out)
{
    const struct prompt_field *field = prompt_field_find(section_fields[section], NULL);
    buf_init(out, FIELD_BYTES_MAX);
    if (field)
        prompt_get(prompt, field, out);
}

bool draft_changed(const struct draft *draft, enum section section)
{
    struct buf text;

    if (!draft->base)
        return false;
    if (section == SECTION_COT && draft->cot_on != draft->base->cot_on)
        return true;
    section_text(draft->base, section, &text);
    bool changed = strcmp(buf_str(&text), field_text(&draft->fields[section])) != 0;
    buf_release(&text);
    return changed;
}

bool draft_changed_any(const struct draft *draft)
{
    for (int i = 0; i < SECTIONS; i++)
        if (draft_changed(draft, (enum section)i))
            return true;
    return false;
}

static void take_base(struct draft *draft, struct prompt *base, struct prompt_row *row)
{
    forget_prompt(draft);
    prompt_free(draft->base);
    if (draft->row.name)
        prompt_row_release(&draft->row);
    draft->base = draft->prompt = base;
    draft->row = *row;
    draft->cot_on = base->cot_on;
    draft->base_tokens = 0;
}

/* True when every field says what this prompt says. */
static bool fields_equal(const struct draft *draft, const struct prompt *prompt)
{
    bool equal = draft->cot_on == prompt->cot_on;
    for (int i = 0; i < SECTIONS && equal; i++) {
        struct buf text;
        section_text(prompt, (enum section)i, &text);
        equal = strcmp(buf_str(&text), field_text(&draft->fields[i])) == 0;
        buf_release(&text);
    }
    return equal;
}

static void fill_fields(struct draft *draft, const struct prompt *base)
{
    for (int i = 0; i < SECTIONS; i++) {
        struct buf text;
        section_text(base, (enum section)i, &text);
        field_set(&draft->fields[i], buf_str(&text), text.len);
        field_first(&draft->fields[i]);
        buf_release(&text);
    }
}

int draft_load(struct draft *draft, struct error *err)
{
    struct prompt_row row;

    if (workbench_prompt(draft->wb, NULL, &row, err) < 0)
        return -1;
    if (draft->base && draft->row.id == row.id) {
        prompt_row_release(&row);
        draft_render(draft);
        return 0;
    }
    struct prompt *base = prompt_load(draft->wb, &row, err);
    if (!base) {
        prompt_row_release(&row);
        return -1;
    }
    bool kept = draft->base && fields_equal(draft, base);
    /* Another prompt was chosen meanwhile: what somebody typed is never thrown away for
     * that. */
    if (draft->base && !kept && draft_changed_any(draft)) {
        prompt_free(base);
        prompt_row_release(&row);
        draft_render(draft);
        return 0;
    }
    draft_probe_stop(draft);
    take_base(draft, base, &row);
    if (!kept)
        fill_fields(draft, base);
    draft_render(draft);
    return 0;
}

/* ---- parsing and rendering ---- */

/* One field after the other put into the base; NULL with draft->error when one will not
 * do. */
static struct prompt *apply(struct draft *draft)
{
    struct prompt *prompt = NULL;
    const struct prompt *from = draft->base;

    for (int i = 0; i <= SECTIONS; i++) {
        bool is_cot = i == SECTIONS;
        if (is_cot ? draft->cot_on == draft->base->cot_on
                   : !draft_changed(draft, (enum section)i))
            continue;
        struct prompt *next =
            is_cot ? prompt_set(from, "cot.on", draft->cot_on ? "true" : "false",
                                &draft->error)
                   : prompt_set(from, section_fields[i], field_text(&draft->fields[i]),
                                &draft->error);
        prompt_free(prompt);
        if (!next) {
            draft->bad = is_cot ? SECTION_COT : (enum section)i;
            return NULL;
        }
        from = prompt = next;
    }
    if (prompt &&
        prompt_load_exemplars(prompt, draft->wb->builtin_dir, &draft->error) < 0) {
        prompt_free(prompt);
        draft->bad = SECTION_EXEMPLARS;
        return NULL;
    }
    return prompt ? prompt : draft->base;
}

static size_t render_prompt(struct draft *draft, const struct prompt *prompt,
                            struct rendered *out)
{
    struct renderer renderer;
    struct error err = {0};
    const struct pair *pair = desk_pair(draft->desk);
    struct render_call call = {.pair = pair, .order = draft->order};
    size_t tokens = 0;

    draft->render_note[0] = '\0';
    if (!pair)
        return 0;
    if (renderer_init(&renderer, prompt, draft->wb->model, &err) < 0) {
        error_format(&err, draft->render_note, sizeof draft->render_note);
        return 0;
    }
    if (render(&renderer, &call, out, &err) < 0)
        error_format(&err, draft->render_note, sizeof draft->render_note);
    else
        tokens = out->tokens.n;
    renderer_release(&renderer);
    return tokens;
}

void draft_render(struct draft *draft)
{
    struct rendered base = {0};

    rendered_release(&draft->rendered);
    draft->rendered = (struct rendered){0};
    if (!draft->prompt)
        return;
    draft->tokens = render_prompt(draft, draft->prompt, &draft->rendered);
    draft->base_tokens = draft->tokens;
    if (draft->prompt != draft->base && draft->wb->model) {
        draft->base_tokens = render_prompt(draft, draft->base, &base);
        rendered_release(&base);
    }
}

void draft_edited(struct draft *draft)
{
    draft_probe_stop(draft);
    forget_prompt(draft);
    draft->prompt = apply(draft);
    draft_render(draft);
    draft->probe.stale = true;
    /* A text that does not parse is not asked with; the last answers stay, dimmed. */
    draft->probe.due = draft->prompt ? clock_seconds() + DRAFT_PAUSE_SECONDS : 0;
}

static void add_value(struct buf *out, const char *name, const char *text)
{
    buf_addf(out, " %s=\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
    buf_addc(out, '"');
}

bool draft_save_line(const struct draft *draft, struct buf *out)
{
    bool any = false;

    buf_addf(out, "edit prompt %s@%d", draft->row.name, draft->row.version);
    for (int i = 0; i < SECTIONS; i++) {
        struct buf text;
        section_text(draft->base, (enum section)i, &text);
        if (strcmp(buf_str(&text), field_text(&draft->fields[i])) != 0) {
            add_value(out, section_fields[i], field_text(&draft->fields[i]));
            any = true;
        }
        buf_release(&text);
    }
    if (draft->cot_on != draft->base->cot_on) {
        buf_addf(out, " cot.on=%s", draft->cot_on ? "true" : "false");
        any = true;
    }
    return any;
}

/* ---- the probe ---- */

void draft_probe_stop(struct draft *draft)
{
    struct draft_probe *probe = &draft->probe;

    if (probe->job)
        jobs_cancel(draft->wb->jobs, probe->job, NULL);
    probe->job = 0;
    probe->due = 0;
    probe->serial++;
}

void draft_probe_forget(struct draft *draft)
{
    draft_probe_stop(draft);
    draft->probe.n = draft->probe.n_fresh = 0;
}

/* The same pairs as long as the same one stands first: answers to an edit that is taken
 * back are then found in the cache, and old ones stay in sight, dimmed, until they are
 * replaced. */
static void pick_pairs(struct draft *draft)
{
    struct draft_probe *probe = &draft->probe;
    const struct desk *desk = draft->desk;
    const struct pair *first = desk_pair(desk);

    if (probe->n == 0 || probe->pairs[0] != first) {
        probe->n = probe_pick(desk->set, desk->judging, first, PROBE_PAIRS, probe->pairs);
        memset(probe->known, 0, sizeof probe->known);
    }
    forget_rows(probe);
    memset(probe->rows, 0, sizeof probe->rows);
    memset(probe->fresh, 0, sizeof probe->fresh);
    probe->n_fresh = 0;
    /* What the answers are compared with: the version's labels, or nothing. */
    for (size_t i = 0; i < probe->n; i++)
        probe->before[i] = desk_judged(desk, probe->pairs[i]);
}

/* The open model; without one whoever labelled the set, if that is a simulation. */
static const char *probe_labeler(const struct draft *draft)
{
    const char *labeler = draft->desk->labeler;
    if (labeler && strncmp(labeler, "sim", 3) == 0)
        return labeler;
    return "model";
}

void draft_probe_start(struct draft *draft)
{
    struct draft_probe *probe = &draft->probe;
    struct desk *desk = draft->desk;
    struct error err = {0};
    const char *name = probe_labeler(draft);

    draft_probe_stop(draft);
    probe->note[0] = '\0';
    if (!draft->prompt || !desk->set)
        return;
    struct prompt *copy =
        prompt_parse(draft->prompt->yaml, draft->prompt->yaml_len, "draft", &err);
    if (!copy || prompt_load_exemplars(copy, draft->wb->builtin_dir, &err) < 0) {
        prompt_free(copy);
        error_format(&err, probe->note, sizeof probe->note);
        return;
    }
    struct labeler *labeler = labeler_by_name(draft->wb, name, copy, POOL_PROBE, 1, &err);
    if (!labeler) {
        error_format(&err, probe->note, sizeof probe->note);
        return;
    }
    snprintf(probe->labeler, sizeof probe->labeler, "%s", labeler_name(labeler));
    pick_pairs(draft);
    probe->stale = false;
    struct label_run_config config = {
        .labeler = labeler,
        .pairs = probe->pairs,
        .n = probe->n,
        .probe = true,
        .ctx = (void *)(uintptr_t)probe->serial,
    };
    probe->job = label_run_start(draft->wb->jobs, &config, "probe of the draft");
}

static void take_row(struct draft_probe *probe, const struct label *row)
{
    const struct label *rows[64];
    for (size_t i = 0; i < probe->n; i++) {
        if (probe->pairs[i]->id != row->pair_id)
            continue;
        label_copy(label_list_add(&probe->rows[i]), row);
        size_t n = probe->rows[i].n < 64 ? probe->rows[i].n : 64;
        for (size_t k = 0; k < n; k++)
            rows[k] = &probe->rows[i].labels[k];
        struct judged now;
        judged_make(&now, probe->pairs[i], rows, n, false);
        if (!now.asked[0] || !now.asked[1])
            continue;
        probe->after[i] = now;
        probe->n_fresh += !probe->fresh[i];
        probe->known[i] = probe->fresh[i] = true;
    }
}

bool draft_probe_message(struct draft *draft, const struct label_message *message)
{
    struct draft_probe *probe = &draft->probe;

    if (!message->probe || message->ctx != (void *)(uintptr_t)probe->serial)
        return false;
    for (size_t i = 0; message->kind == LABEL_MESSAGE_ROWS && i < message->rows.n; i++)
        take_row(probe, &message->rows.labels[i]);
    if (message->kind == LABEL_MESSAGE_DONE)
        probe->job = 0;
    return true;
}

int draft_probe_timeout(const struct draft *draft)
{
    if (draft->probe.due == 0)
        return -1;
    double left = draft->probe.due - clock_seconds();
    return left > 0 ? (int)(left * 1000) + 1 : 0;
}
