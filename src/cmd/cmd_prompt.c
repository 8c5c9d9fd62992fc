/* list, show, new, edit, save and watch prompts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/probe.h"
#include "src/cmd/prompts.h"
#include "src/cmd/rows.h"
#include "src/cmd/watch.h"
#include "src/cmd/workbench.h"
#include "src/label/render.h"

/* ---- list ---- */

static json_t *prompt_line(const struct prompt_rows *all, size_t i)
{
    const struct prompt_row *row = &all->rows[i];
    char p[24];
    struct prompt *prompt = prompt_parse(row->yaml, strlen(row->yaml), row->name, NULL);
    const char *parent = "";
    char *parent_name = NULL;

    snprintf(p, sizeof p, "p%zu", i + 1);
    for (size_t k = 0; k < all->n; k++)
        if (all->rows[k].id == row->parent)
            parent = parent_name = xasprintf("%s@%d", all->rows[k].name, all->rows[k].version);
    json_t *line = json_pack(
        "{ss so si so ss sb sI so so}", "p", p, "prompt", json_text0(row->name),
        "version", row->version, "task", prompt ? json_text0(prompt->task) : json_null(),
        "style", prompt && prompt->style == PROMPT_CHAT ? "chat" : "completion", "cot",
        prompt && prompt->cot_on, "shots", (json_int_t)(prompt ? prompt->shots : 0),
        "parent", json_text0(parent), "note", json_text0(row->note));
    prompt_free(prompt);
    free(parent_name);
    return line;
}

static int list(struct call *call, bool versions, struct error *err)
{
    struct prompt_rows all = {0};
    json_t *rows = json_array();

    if (store_prompts(call->wb->store, &all, err) < 0) {
        json_decref(rows);
        return -1;
    }
    for (size_t i = 0; i < all.n; i++) {
        bool newest = true;
        for (size_t k = i + 1; k < all.n; k++)
            newest = newest && strcmp(all.rows[k].name, all.rows[i].name) != 0;
        if (versions ? call->n_refs == 0 || strcmp(call->refs[0], all.rows[i].name) == 0 : newest)
            json_array_append_new(rows, prompt_line(&all, i));
    }
    prompt_rows_release(&all);
    call->answer = json_pack("{ss so}", "command", versions ? "list versions" : "list prompts",
                             "rows", rows);
    return 0;
}

static int run_list_prompts(struct call *call, struct error *err)
{
    return list(call, false, err);
}

static int run_list_versions(struct call *call, struct error *err)
{
    return list(call, true, err);
}

/* ---- show prompt ---- */

static json_t *options_json(struct workbench *wb, const struct renderer *renderer)
{
    json_t *options = json_array();
    for (size_t i = 0; i < renderer->prompt->n_options; i++) {
        json_t *option = json_pack("{so}", "text", json_text0(renderer->prompt->options[i]));
        if (wb->model) {
            json_t *ids = json_array();
            struct buf text;
            buf_init(&text, 0);
            for (size_t k = 0; k < renderer->options[i].n; k++) {
                json_array_append_new(ids, json_integer(renderer->options[i].ids[k]));
                model_decode(wb->model, renderer->options[i].ids[k], false, &text);
            }
            json_object_set_new(option, "ids", ids);
            json_object_set_new(option, "as", json_text(buf_str(&text), text.len));
            buf_release(&text);
        }
        json_array_append_new(options, option);
    }
    return options;
}

static void take_lint(void *ctx, const char *sentence)
{
    json_array_append_new(ctx, json_text0(sentence));
}

/* Also against the pairs of the current set: an exemplar that is one of them gives its
 * answer away. */
static json_t *lint_json(struct workbench *wb, const struct prompt *prompt,
                         const struct renderer *renderer)
{
    json_t *lint = json_array();
    struct set_index *set = workbench_set(wb, NULL, NULL);
    size_t n = set ? set->list.n : 0;
    const struct pair **pairs = xcalloc(n ? n : 1, sizeof *pairs);

    for (size_t i = 0; i < n; i++)
        pairs[i] = &set->list.pairs[i];
    prompt_lint(prompt, renderer, pairs, n, take_lint, lint);
    free(pairs);
    return lint;
}

/* The prompt as a pair's question: text, parts, tokens. */
static int show_sent(struct call *call, const struct renderer *renderer, struct error *err)
{
    const char *order = call_get(call, "order");
    const struct pair *pair = workbench_pair(call->wb, call_get(call, "pair"), NULL, err);
    struct rendered rendered = {0};

    if (!pair)
        return -1;
    if (order && strcmp(order, "ab") != 0 && strcmp(order, "ba") != 0)
        return error_set(err, ERROR_USAGE, "order must be ab or ba, not \"%s\"", order);
    struct render_call what = {.pair = pair,
                               .order = order && strcmp(order, "ba") == 0 ? ORDER_BA : ORDER_AB};
    if (render(renderer, &what, &rendered, err) < 0)
        return -1;
    json_t *parts = json_array();
    for (size_t i = 0; i < rendered.n_ranges; i++)
        json_array_append_new(parts, json_pack("{ss sI sI}", "part",
                                               render_part_name(rendered.ranges[i].part), "begin",
                                               (json_int_t)rendered.ranges[i].begin, "end",
                                               (json_int_t)rendered.ranges[i].end));
    json_object_set_new(call->answer, "pair", json_text0(call_get(call, "pair")));
    json_object_set_new(call->answer, "order", json_string(what.order == ORDER_BA ? "ba" : "ab"));
    json_object_set_new(call->answer, "text",
                        json_text(buf_str(&rendered.text), rendered.text.len));
    json_object_set_new(call->answer, "parts", parts);
    json_object_set_new(call->answer, "tokens", json_integer((json_int_t)rendered.tokens.n));
    json_object_set_new(call->answer, "cut_lines", json_integer(rendered.cut_lines));
    rendered_release(&rendered);
    return 0;
}

static int run_show_prompt(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct prompt_row row;
    struct renderer renderer;
    int status = -1;

    if (workbench_prompt(wb, call->n_refs ? call->refs[0] : NULL, &row, err) < 0)
        return -1;
    struct prompt *prompt = prompt_load(wb, &row, err);
    if (!prompt)
        goto out;
    /* Without a model the texts are shown, without tokens. */
    struct model *model = workbench_model(wb, NULL);
    if (renderer_init(&renderer, prompt, model, err) < 0)
        goto out;
    json_t *lint = lint_json(wb, prompt, &renderer);
    char *name = workbench_prompt_name(wb, row.id);
    call->answer = json_pack("{ss so so so so so}", "command", "show prompt", "prompt",
                             json_text0(name), "note", json_text0(row.note), "yaml",
                             json_text0(row.yaml), "options", options_json(wb, &renderer), "lint",
                             lint);
    free(name);
    status = call_get(call, "pair") ? show_sent(call, &renderer, err) : 0;
    renderer_release(&renderer);
out:
    prompt_free(prompt);
    prompt_row_release(&row);
    return status;
}

static void add_clean(struct buf *out, const json_t *value, enum text_flags flags)
{
    if (json_is_string(value))
        text_sanitise(out, json_string_value(value), json_string_length(value), flags);
}

static void print_prompt(const json_t *answer, struct buf *out)
{
    json_t *text = json_object_get(answer, "text"), *option, *sentence;
    size_t i;

    add_clean(out, json_object_get(answer, "prompt"), 0);
    const json_t *note = json_object_get(answer, "note");
    if (json_is_string(note) && json_string_length(note) > 0) {
        buf_adds(out, "  (");
        add_clean(out, note, 0);
        buf_addc(out, ')');
    }
    buf_addc(out, '\n');
    if (text) {
        buf_adds(out, "as sent for ");
        add_clean(out, json_object_get(answer, "pair"), 0);
        buf_addf(out, " in order %s, %lld tokens",
                 json_string_value(json_object_get(answer, "order")),
                 json_integer_value(json_object_get(answer, "tokens")));
        if (json_integer_value(json_object_get(answer, "cut_lines")) > 0)
            buf_addf(out, ", %lld lines cut from the end of the text",
                     json_integer_value(json_object_get(answer, "cut_lines")));
        buf_adds(out, ":\n");
    }
    add_clean(out, text ? text : json_object_get(answer, "yaml"), TEXT_LINES);
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buf_addc(out, '\n');
    buf_adds(out, "options:");
    json_array_foreach(json_object_get(answer, "options"), i, option) {
        json_t *as = json_object_get(option, "as"), *ids = json_object_get(option, "ids"), *id;
        size_t k;
        buf_adds(out, i ? ", \"" : " \"");
        add_clean(out, as ? as : json_object_get(option, "text"), 0);
        buf_addc(out, '"');
        if (ids) {
            buf_adds(out, " = token");
            json_array_foreach(ids, k, id)
                buf_addf(out, " %lld", json_integer_value(id));
        }
    }
    buf_addc(out, '\n');
    json_array_foreach(json_object_get(answer, "lint"), i, sentence) {
        buf_adds(out, "note: ");
        add_clean(out, sentence, 0);
        buf_addc(out, '\n');
    }
}

static int run_show_diff(struct call *call, struct error *err)
{
    struct prompt_row from, to;
    struct buf diff;

    if (prompt_range(call->wb, call->refs[0], &from, &to, err) < 0)
        return -1;
    char *from_name = workbench_prompt_name(call->wb, from.id);
    char *to_name = workbench_prompt_name(call->wb, to.id);
    buf_init(&diff, 0);
    text_diff(from.yaml, to.yaml, &diff);
    call->answer =
        json_pack("{ss so so so}", "command", "show diff", "from", json_text0(from_name),
                  "to", json_text0(to_name), "diff", json_text(buf_str(&diff), diff.len));
    buf_release(&diff);
    free(from_name);
    free(to_name);
    prompt_row_release(&from);
    prompt_row_release(&to);
    return 0;
}

static void print_diff(const json_t *answer, struct buf *out)
{
    add_clean(out, json_object_get(answer, "diff"), TEXT_LINES);
}

/* ---- new, edit, save ---- */

static int answer_version(struct call *call, const struct prompt *prompt, int64_t parent,
                          const char *note, const char *verb, struct error *err)
{
    struct prompt_row row;
    size_t n_before;
    struct prompt_rows all = {0};

    if (store_prompts(call->wb->store, &all, err) < 0)
        return -1;
    n_before = all.n;
    prompt_rows_release(&all);
    if (prompt_store(call->wb, prompt, parent, note, &row, err) < 0)
        return -1;
    if (store_prompts(call->wb->store, &all, err) < 0)
        return -1;
    bool is_new = all.n > n_before;
    prompt_rows_release(&all);
    prompt_remember(call->wb, &row);
    char *name = workbench_prompt_name(call->wb, row.id);
    if (is_new)
        call->undo = xasprintf("drop prompt %s", name);
    call->answer = json_pack("{ss so sb}", "command", verb, "prompt", json_text0(name),
                             "new", is_new);
    free(name);
    prompt_row_release(&row);
    return 0;
}

static void print_version(const json_t *answer, struct buf *out)
{
    add_clean(out, json_object_get(answer, "prompt"), 0);
    buf_adds(out, json_is_true(json_object_get(answer, "new")) ? " is kept\n"
                                                                 : " says the same already\n");
    if (json_object_get(answer, "probe"))
        probe_print(answer, out);
}

/* A copy of a prompt or a file under another name. */
static int run_new_prompt(struct call *call, struct error *err)
{
    const char *from = call_get(call, "from");
    struct prompt *source = NULL, *renamed = NULL;
    struct prompt_row row = {0};
    int status = -1;

    if (from && file_exists(from)) {
        source = prompt_read(from, err);
    } else if (workbench_prompt(call->wb, from, &row, err) == 0) {
        source = prompt_load(call->wb, &row, err);
    }
    if (source)
        renamed = prompt_set(source, "name", call->refs[0], err);
    if (renamed)
        status = answer_version(call, renamed, row.id, call_get(call, "note"), "new prompt", err);
    prompt_free(renamed);
    prompt_free(source);
    prompt_row_release(&row);
    return status;
}

/* "edit prompt p1 ending='Better:'": fields changed one after the other. */
static struct prompt *apply_keys(const struct call *call, struct prompt *prompt, struct error *err)
{
    for (size_t i = 0; i < call->n_pairs && prompt; i++) {
        if (strcmp(call->pairs[i].key, "note") == 0)
            continue;
        struct prompt *next = prompt_set(prompt, call->pairs[i].key, call->pairs[i].value, err);
        prompt_free(prompt);
        prompt = next;
    }
    return prompt;
}

/* Through $EDITOR on a copy; a text that does not parse stays in the copy, which the
 * error names. */
static struct prompt *edit_copy(struct call *call, struct prompt *prompt, struct error *err)
{
    const struct sink *sink = call->wb->sink;
    char *dir = path_join(call->wb->dir, "edit");
    char *name = xasprintf("%s.yaml", prompt->name);
    char *path = path_join(dir, name);
    struct prompt *edited = NULL;

    if (!sink || !sink->edit) {
        error_set(err, ERROR_FAILED, "there is no terminal to edit in");
        error_hint(err,
                   "edit prompt %.60s FIELD=VALUE changes a field, save prompt FILE "
                   "keeps a file",
                   prompt->name);
    } else if (file_make_dirs(dir, err) == 0 &&
               file_put(path, prompt->yaml, prompt->yaml_len, err) == 0 &&
               sink->edit(sink->ctx, path, err) == 0) {
        edited = prompt_read(path, err);
        if (edited)
            unlink(path);
        else
            error_hint(err, "your text is in %s; mend it there, then: save prompt %s", path, path);
    }
    free(dir);
    free(name);
    free(path);
    prompt_free(prompt);
    return edited;
}

static int run_edit_prompt(struct call *call, struct error *err)
{
    struct prompt_row row;
    size_t n_fields = call->n_pairs - (call_get(call, "note") != NULL);

    if (workbench_prompt(call->wb, call->n_refs ? call->refs[0] : NULL, &row, err) < 0)
        return -1;
    struct prompt *prompt = prompt_load(call->wb, &row, err);
    if (prompt)
        prompt = n_fields > 0 ? apply_keys(call, prompt, err) : edit_copy(call, prompt, err);
    int status = -1;
    if (prompt && prompt_load_exemplars(prompt, call->wb->builtin_dir, err) == 0)
        status = answer_version(call, prompt, row.id, call_get(call, "note"), "edit prompt", err);
    /* After the editor closes the question is always the same: what did it do? */
    if (status == 0 && n_fields == 0 && json_is_true(json_object_get(call->answer, "new")))
        status = probe_after_edit(call, &row, err);
    prompt_free(prompt);
    prompt_row_release(&row);
    return status;
}

static int run_save_prompt(struct call *call, struct error *err)
{
    struct prompt *prompt = prompt_read(call->refs[0], err);
    struct prompt_row parent = {0};
    int status = -1;

    if (!prompt)
        return -1;
    bool has_parent = workbench_prompt(call->wb, prompt->name, &parent, NULL) == 0;
    if (prompt_load_exemplars(prompt, call->wb->builtin_dir, err) == 0)
        status = answer_version(call, prompt, has_parent ? parent.id : 0, call_get(call, "note"),
                                "save prompt", err);
    prompt_row_release(&parent);
    prompt_free(prompt);
    return status;
}

static int run_drop_prompt(struct call *call, struct error *err)
{
    struct prompt_row row;
    if (workbench_prompt(call->wb, call->refs[0], &row, err) < 0)
        return -1;
    int status = store_drop_prompt(call->wb->store, row.id, err);
    if (status == 0)
        call->answer = json_pack("{ss ss}", "command", "drop prompt", "prompt", call->refs[0]);
    if (call->wb->last_prompt && strcmp(call->wb->last_prompt, call->refs[0]) == 0) {
        free(call->wb->last_prompt);
        call->wb->last_prompt = NULL;
    }
    prompt_row_release(&row);
    return status;
}

static int run_watch_prompt(struct call *call, struct error *err)
{
    if (call->n_refs > 0 && strcmp(call->refs[0], "off") == 0) {
        watch_stop(call->wb);
        call->answer = json_pack("{ss sn}", "command", "watch prompt", "file");
        return 0;
    }
    if (watch_start(call->wb, call->refs[0], err) < 0)
        return -1;
    call->answer = json_pack("{ss so}", "command", "watch prompt", "file",
                             json_text0(call->refs[0]));
    return 0;
}

static const struct command_key show_keys[] = {
    {"pair", "PAIR", "show the text as it is sent for this pair", COMPLETE_PAIR},
    {"order", "ab|ba", "which response comes first; default: ab", COMPLETE_NONE},
    {0},
};
static const struct command_key new_keys[] = {
    {"from", "FILE|PROMPT", "what it begins as; default: the last used prompt", COMPLETE_PROMPT},
    {"note", "TEXT", "why it was made", COMPLETE_NONE},
    {0},
};
static const struct command_key note_keys[] = {
    {"note", "TEXT", "what was changed and why", COMPLETE_NONE},
    {0},
};

static const struct command table[] = {
    {.verb = "list",
     .noun = "prompts",
     .text = "The newest version of every prompt",
     .example = "list prompts",
     .run = run_list_prompts},
    {.verb = "list",
     .noun = "versions",
     .refs = "[NAME]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .text = "All versions of a prompt, or of all, with their parents",
     .example = "list versions summary-base",
     .tui_keys = "prompt:v",
     .run = run_list_versions},
    {.verb = "show",
     .noun = "prompt",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = show_keys,
     .text = "A prompt's file, its options as tokens, and the text as sent for a pair",
     .example = "show prompt summary-base pair=#1",
     .run = run_show_prompt,
     .print = print_prompt},
    {.verb = "show",
     .noun = "diff",
     .refs = "FROM..TO",
     .min_refs = 1,
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .text = "What changed between two versions",
     .example = "show diff p1..p2",
     .run = run_show_diff,
     .print = print_diff},
    {.verb = "new",
     .noun = "prompt",
     .refs = "NAME",
     .min_refs = 1,
     .max_refs = 1,
     .keys = new_keys,
     .flags = COMMAND_WRITES,
     .text = "A new prompt from a file or from another prompt",
     .example = "new prompt mine from=summary-base",
     .run = run_new_prompt,
     .print = print_version},
    {.verb = "edit",
     .noun = "prompt",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = note_keys,
     .flags = COMMAND_WRITES | COMMAND_ANY_KEY,
     .text = "Change fields (ending='Better:') or open $EDITOR; keeps a new version and "
             "probes it",
     .example = "edit prompt summary-base ending='The better summary is'",
     .tui_keys = "bench:e",
     .run = run_edit_prompt,
     .print = print_version},
    {.verb = "save",
     .noun = "prompt",
     .refs = "FILE",
     .min_refs = 1,
     .max_refs = 1,
     .completes = COMPLETE_FILE,
     .keys = note_keys,
     .flags = COMMAND_WRITES,
     .text = "Keep a prompt file as the next version of its name",
     .example = "save prompt mine.yaml note='keeps the question'",
     .run = run_save_prompt,
     .print = print_version},
    {.verb = "drop",
     .noun = "prompt",
     .refs = "PROMPT",
     .min_refs = 1,
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .flags = COMMAND_WRITES,
     .text = "Forget a version that has no labels",
     .example = "drop prompt mine@1",
     .run = run_drop_prompt},
    {.verb = "watch",
     .noun = "prompt",
     .refs = "FILE|off",
     .min_refs = 1,
     .max_refs = 1,
     .completes = COMPLETE_FILE,
     .text = "Probe a prompt file again whenever it is written",
     .example = "watch prompt mine.yaml",
     .run = run_watch_prompt},
};
const struct command_rows rows_prompt = COMMAND_ROWS(table);
