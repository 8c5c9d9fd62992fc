/* help, set, undo, redo, journal, quit and the dot commands. */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/option.h"
#include "src/cmd/filter.h"
#include "src/cmd/rows.h"
#include "src/cmd/workbench.h"

/* ---- help ---- */

static json_t *command_json(const struct command *row, bool whole)
{
    struct buf usage;
    buf_init(&usage, 0);
    command_usage(row, &usage);
    json_t *object = json_pack("{so ss so}", "usage", json_text0(buf_str(&usage)), "text",
                               row->text, "example", json_text0(row->example));
    buf_release(&usage);
    if (!whole)
        return object;
    json_t *keys = json_array();
    for (const struct command_key *k = row->keys; k && k->name; k++)
        json_array_append_new(keys, json_pack("{ss ss ss}", "name", k->name, "value", k->value,
                                              "text", k->text));
    json_object_set_new(object, "keys", keys);
    json_object_set_new(object, "tui_keys", json_text0(row->tui_keys));
    return object;
}

static json_t *filter_rows(void)
{
    static const char *const kinds[] = {"flag", "number", "text"};
    json_t *rows = json_array();
    for (const struct filter_field *f = filter_fields; f->name; f++)
        json_array_append_new(rows, json_pack("{ss ss ss}", "field", f->name, "kind",
                                              kinds[f->kind], "text", f->about));
    return rows;
}

static int run_help(struct call *call, struct error *err)
{
    const char *verb = call->n_refs > 0 ? call->refs[0] : NULL;
    const char *noun = call->n_refs > 1 ? call->refs[1] : NULL;
    json_t *rows = json_array();

    if (verb && strcmp(verb, "filter") == 0) {
        json_decref(rows);
        call->answer = json_pack("{ss so}", "command", "help filter", "rows", filter_rows());
        return 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *row = command_at(i);
        if ((verb && strcmp(row->verb, verb) != 0) ||
            (noun && (!row->noun || strcmp(row->noun, noun) != 0)))
            continue;
        json_array_append_new(rows, command_json(row, verb != NULL));
        n++;
    }
    if (n == 0) {
        json_decref(rows);
        error_set(err, ERROR_USAGE, "there is no command \"%s%s%s\"", verb ? verb : "",
                  noun ? " " : "", noun ? noun : "");
        return error_hint(err, "help lists all, help filter says what `where` knows");
    }
    call->answer = json_pack("{ss sb so}", "command", "help", "whole", verb != NULL, "rows", rows);
    return 0;
}

static void print_help(const json_t *answer, struct buf *out)
{
    json_t *row, *key;
    size_t i, k;
    bool whole = json_is_true(json_object_get(answer, "whole"));
    bool fields = strcmp(json_string_value(json_object_get(answer, "command")), "help filter") == 0;

    json_array_foreach(json_object_get(answer, "rows"), i, row) {
        const char *text = json_string_value(json_object_get(row, "text"));
        if (fields) {
            buf_addf(out, "  %-12s %-7s %s\n", json_string_value(json_object_get(row, "field")),
                     json_string_value(json_object_get(row, "kind")), text);
            continue;
        }
        const char *usage = json_string_value(json_object_get(row, "usage"));
        size_t name = strcspn(usage, "[");
        if (!whole) {
            buf_addf(out, "  %-30.*s %s\n", (int)(name < 29 ? name : 29), usage, text);
            continue;
        }
        buf_addf(out, "%s\n    %s\n", usage, text);
        json_array_foreach(json_object_get(row, "keys"), k, key)
            buf_addf(out, "    %s=%s  %s\n", json_string_value(json_object_get(key, "name")),
                     json_string_value(json_object_get(key, "value")),
                     json_string_value(json_object_get(key, "text")));
        if (json_is_string(json_object_get(row, "example")))
            buf_addf(out, "    example: %s\n", json_string_value(json_object_get(row, "example")));
    }
    if (fields)
        buf_adds(out, "terms with a blank between must all hold; | is or; - before a term is not:\n"
                      "  where disagree margin<.2 -tag:close-call | flip\n");
    else if (!whole)
        buf_adds(out, "help VERB says more; help filter says what `where` knows; "
                      "any answer: as json|jsonl|tsv|md, > FILE\n");
}

/* ---- settings ---- */

struct settings {
    int precision;
    int64_t kv_mib;
};
static const struct option setting_rows[] = {
    {"precision", OPTION_CHOICE, offsetof(struct settings, precision), 0, 0, "f32|int8", "f32",
     "arithmetic of the labeler: f32, or int8 where the processor has it"},
    {"kv", OPTION_INT, offsetof(struct settings, kv_mib), 0, 1 << 20, NULL, "0",
     "MiB of keys and values kept between calls; 0: a quarter of memory, at most 4096"},
    {.name = NULL},
};

static void get_settings(const struct workbench *wb, struct settings *out)
{
    options_init(setting_rows, out);
    out->precision = wb->engine_options.precision;
    out->kv_mib = (int64_t)(wb->engine_options.kv_limit >> 20);
}

static int run_set(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct settings settings;
    json_t *rows = json_array();

    get_settings(wb, &settings);
    for (size_t i = 0; i < call->n_pairs; i++)
        if (option_set(setting_rows, &settings, call->pairs[i].key, call->pairs[i].value,
                       err) < 0) {
            json_decref(rows);
            return -1;
        }
    if (call->n_pairs > 0) {
        if (jobs_active(wb->jobs)) {
            json_decref(rows);
            error_set(err, ERROR_FAILED, "jobs are running with these settings");
            return error_hint(err, "stop last ends the newest, wait last waits for it");
        }
        struct engine_options options = wb->engine_options;
        options.precision = settings.precision;
        options.kv_limit = (uint64_t)settings.kv_mib << 20;
        /* The engine says at once whether it can; the old one goes on if not. */
        if (wb->model) {
            struct engine *engine = engine_new(wb->model, wb->pool, &options, err);
            if (!engine) {
                json_decref(rows);
                return -1;
            }
            engine_free(wb->engine);
            wb->engine = engine;
        }
        wb->engine_options = options;
    }
    for (const struct option *row = setting_rows; row->name; row++) {
        struct buf value;
        buf_init(&value, 0);
        option_get(row, &settings, &value);
        json_array_append_new(rows, json_pack("{ss so ss}", "name", row->name, "value",
                                              json_text0(buf_str(&value)), "text", row->text));
        buf_release(&value);
    }
    call->answer = json_pack("{ss so}", "command", "set", "rows", rows);
    return 0;
}

/* ---- journal ---- */

#define UNDO_DEPTH 500

static int run_list_journal(struct call *call, struct error *err)
{
    struct journal_rows journal = {0};
    json_t *rows = json_array();

    if (store_journal(call->wb->store, 100, &journal, err) < 0) {
        json_decref(rows);
        return -1;
    }
    for (size_t i = 0; i < journal.n; i++)
        json_array_append_new(rows, json_pack("{sI so sb sb}", "id", (json_int_t)journal.rows[i].id,
                                              "line", json_text0(journal.rows[i].line), "undo",
                                              journal.rows[i].undo != NULL, "undone",
                                              journal.rows[i].undone));
    journal_rows_release(&journal);
    call->answer = json_pack("{ss so}", "command", "list journal", "rows", rows);
    return 0;
}

/* Runs a line of the journal's without writing it into the journal again. */
/* Every command of the line; what is taken back may have been made by several. */
static int run_quietly(struct call *call, const char *line, struct error *err)
{
    const char *text = line;
    int status = 0;
    while (status == 0) {
        struct call inner;
        status = call_parse(call->wb, &text, &inner, err);
        if (status == 0)
            status = inner.command->run(&inner, err);
        else if (status == 1)
            break;
        call_release(&inner);
    }
    call->wb->generation++;
    return status == 1 ? 0 : status;
}

static int step_journal(struct call *call, bool undo, struct error *err)
{
    struct workbench *wb = call->wb;
    struct journal_rows journal = {0};
    const struct journal_row *row = NULL;
    int status = -1;

    if (store_journal(wb->store, UNDO_DEPTH, &journal, err) < 0)
        return -1;
    if (undo) {
        for (size_t i = journal.n; i-- > 0 && !row;)
            if (!journal.rows[i].undone)
                row = &journal.rows[i];
    } else {
        /* The oldest of the undone lines at the end: the one that was taken back last. */
        for (size_t i = journal.n; i-- > 0 && journal.rows[i].undone;)
            if (journal.rows[i].can_redo)
                row = &journal.rows[i];
    }
    if (!row) {
        error_set(err, ERROR_FAILED,
                  undo ? "there is nothing to undo" : "there is nothing to redo");
    } else if (undo && !row->undo) {
        error_set(err, ERROR_FAILED, "\"%s\" cannot be undone", row->line);
        error_hint(err, "labels are kept for ever; drop set and drop prompt forget what has none");
    } else {
        status = run_quietly(call, undo ? row->undo : row->line, err);
        if (status == 0)
            status = store_mark_journal(wb->store, row->id, undo, err);
        if (status == 0)
            call->answer = json_pack("{ss so}", "command", undo ? "undo" : "redo", "line",
                                     json_text0(row->line));
    }
    journal_rows_release(&journal);
    return status;
}

static int run_undo(struct call *call, struct error *err)
{
    return step_journal(call, true, err);
}

static int run_redo(struct call *call, struct error *err)
{
    return step_journal(call, false, err);
}

/* ---- the shell ---- */

static int run_quit(struct call *call, struct error *err)
{
    (void)err;
    call->wb->quit = true;
    return 0;
}

#define SCRIPT_MAX ((size_t)16 << 20)
#define SCRIPT_DEPTH 16

static int run_read(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct buf text;
    struct error inner = {0};

    if (wb->script_depth >= SCRIPT_DEPTH)
        return error_set(err, ERROR_FAILED,
                         "scripts that read scripts go %d deep at most", SCRIPT_DEPTH);
    buf_init(&text, SCRIPT_MAX);
    if (file_read(call->refs[0], SCRIPT_MAX, 0, &text, err) < 0) {
        buf_release(&text);
        return -1;
    }
    wb->script_depth++;
    int code = command_run(wb, buf_str(&text), wb->sink, false, &inner);
    wb->script_depth--;
    buf_release(&text);
    /* The line that failed has been reported where it stood. */
    return code ? error_set(err, inner.kind, "%s stopped there", call->refs[0]) : 0;
}

static int run_mode(struct call *call, struct error *err)
{
    static const char *const names[] = {"text", "json", "jsonl", "tsv", "md"};
    for (int i = 0; i < 5; i++)
        if (strcmp(call->refs[0], names[i]) == 0) {
            call->wb->default_format = i;
            return 0;
        }
    return error_set(err, ERROR_USAGE, ".mode takes text, json, jsonl, tsv or md, not \"%s\"",
                     call->refs[0]);
}

static int run_readonly(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    if (wb->readonly && store_readonly(wb->store))
        return error_set(err, ERROR_FAILED, "the workspace was opened read-only");
    wb->readonly = !wb->readonly;
    call->answer = json_pack("{ss sb}", "command", ".readonly", "readonly", wb->readonly);
    return 0;
}

static int run_front(struct call *call, struct error *err)
{
    const struct sink *sink = call->wb->sink;
    if (!sink || !sink->shell)
        return error_set(err, ERROR_FAILED, "%s needs a terminal", call->command->verb);
    return sink->shell(sink->ctx, call->command->verb + 1, err);
}

static const struct command table[] = {
    {.verb = "help", .refs = "[VERB [NOUN]]", .max_refs = 2, .completes = COMPLETE_COMMAND,
     .text = "All commands, or one whole", .example = "help label", .run = run_help,
     .print = print_help},
    {.verb = "set", .flags = COMMAND_ANY_KEY, .text = "Settings of this session: precision=, kv=",
     .example = "set kv=512", .run = run_set},
    {.verb = "list", .noun = "journal", .text = "The last hundred commands that changed something",
     .example = "list journal", .run = run_list_journal},
    {.verb = "undo", .text = "Take back the last change that can be taken back", .example = "undo",
     .tui_keys = "bench:u", .run = run_undo},
    {.verb = "redo", .text = "Do again what was undone", .example = "redo", .tui_keys = "bench:U",
     .run = run_redo},
    {.verb = "quit", .text = "Leave; running jobs are stopped, their labels are kept",
     .example = "quit", .run = run_quit},
    {.verb = ".quit", .flags = COMMAND_SHELL, .text = "The same as quit", .run = run_quit},
    {.verb = ".help", .refs = "[VERB [NOUN]]", .max_refs = 2, .completes = COMPLETE_COMMAND,
     .flags = COMMAND_SHELL, .text = "The same as help", .run = run_help, .print = print_help},
    {.verb = ".read", .refs = "FILE", .min_refs = 1, .max_refs = 1, .completes = COMPLETE_FILE,
     .flags = COMMAND_SHELL, .text = "Run the commands of a file", .run = run_read},
    {.verb = ".mode", .refs = "FORMAT", .min_refs = 1, .max_refs = 1, .flags = COMMAND_SHELL,
     .text = "Form of answers from now on: text, json, jsonl, tsv, md", .run = run_mode},
    {.verb = ".readonly", .flags = COMMAND_SHELL, .text = "Refuse changes, or take them again",
     .run = run_readonly},
    {.verb = ".tui", .flags = COMMAND_SHELL, .text = "The full-screen front end", .run = run_front},
    {.verb = ".plain", .flags = COMMAND_SHELL, .text = "Lines and words only, no cursor movement",
     .run = run_front},
    {.verb = ".debug", .flags = COMMAND_SHELL, .text = "Show what the loop does", .run = run_front},
};
const struct command_rows rows_shell = COMMAND_ROWS(table);
