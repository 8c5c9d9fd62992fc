/* Runs commands: one executor for keys, REPL lines and scripts. */
#include "src/cmd/command.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/workbench.h"

static void talk(const struct sink *sink, const char *line)
{
    if (sink->talk)
        sink->talk(sink->ctx, line);
}

/* The rendered answer into the file of `> FILE`; an existing file stays unless the name
 * begins with '!'. */
static int write_answer(const struct call *call, const struct buf *text, struct error *err)
{
    const char *name = call->to;
    bool over = name[0] == '!';
    if (over)
        name++;
    if (!over && file_exists(name)) {
        error_set(err, ERROR_FAILED, "%s exists already", name);
        return error_hint(err, "write >!%s to replace it", name);
    }
    return file_put(name, text->data ? text->data : "", text->len, err);
}

static int show_answer(const struct call *call, const struct sink *sink, struct error *err)
{
    struct buf text;
    int status = 0;

    if (!call->answer)
        return 0;
    if (call->command->flags & COMMAND_SILENT && call->format != OUTPUT_TEXT)
        return 0;
    if (sink->answer)
        sink->answer(sink->ctx, call, call->answer);
    buf_init(&text, (size_t)1 << 30);
    answer_render(call, call->answer, call->format, &text);
    if (text.full)
        status = error_set(err, ERROR_FAILED, "the answer is longer than 1 GiB");
    else if (call->to)
        status = write_answer(call, &text, err);
    else if (sink->data && text.len > 0)
        sink->data(sink->ctx, text.data, text.len);
    buf_release(&text);
    return status;
}

static int run_one(struct workbench *wb, struct call *call, const struct sink *sink,
                   struct error *err)
{
    const struct command *row = call->command;

    if (row->flags & COMMAND_WRITES && wb && wb->readonly) {
        error_set(err, ERROR_FAILED, "the workspace is read-only: %s%s%s would change it",
                  row->verb, row->noun ? " " : "", row->noun ? row->noun : "");
        return error_hint(err, "start without --readonly, or name another folder by -w DIR");
    }
    if (row->run(call, err) < 0)
        return -1;
    if (row->flags & COMMAND_WRITES && wb && wb->store) {
        int64_t id;
        wb->generation++;
        /* The journal is a record beside the data: what the command wrote is committed already. */
        struct error journal;
        if (store_add_journal(wb->store, call->line, call->undo, &id, &journal) < 0) {
            char line[900];
            error_format(&journal, line, sizeof line);
            talk(sink, line);
        }
    }
    return show_answer(call, sink, err);
}

static json_t *json_place(int64_t value, int64_t none)
{
    return value == none ? json_null() : json_integer(value);
}

static json_t *error_json(const struct error *err)
{
    json_t *object = json_object();
    json_object_set_new(object, "error", json_text0(err->text));
    json_object_set_new(object, "file", err->file[0] ? json_text0(err->file) : json_null());
    json_object_set_new(object, "line", json_place(err->line, 0));
    json_object_set_new(object, "column", json_place(err->column, 0));
    json_object_set_new(object, "byte", json_place(err->byte, -1));
    json_object_set_new(object, "hint", err->hint[0] ? json_text0(err->hint) : json_null());
    return object;
}

/* A command that failed may have counted something first (rows of a file that are all
 * bad): that is said with the error. */
static void report_failure(const struct call *call, const struct error *err,
                           const struct sink *sink)
{
    struct buf out;

    if (!call->answer || call->format != OUTPUT_JSON || !sink->data) {
        command_report(err, call->format, sink);
        return;
    }
    json_t *error = error_json(err);
    json_object_update_missing(call->answer, error);
    json_decref(error);
    buf_init(&out, 0);
    json_write(&out, call->answer);
    buf_addc(&out, '\n');
    sink->data(sink->ctx, out.data, out.len);
    buf_release(&out);
}

int command_run(struct workbench *wb, const char *line, const struct sink *sink, bool keep_going,
                struct error *err)
{
    int code = 0;
    const struct sink *outer = wb ? wb->sink : NULL;

    if (wb)
        wb->sink = sink;
    for (;;) {
        struct call call;
        struct error own = {0};
        int status = call_parse(wb, &line, &call, &own);
        if (status == 0)
            status = run_one(wb, &call, sink, &own);
        if (status < 0) {
            report_failure(&call, &own, sink);
            if (code == 0) {
                code = own.kind;
                if (err)
                    *err = own;
            }
        }
        call_release(&call);
        if (status == 1 || (status < 0 && !keep_going) || (wb && wb->quit))
            break;
    }
    if (wb)
        wb->sink = outer;
    return code;
}

void command_report(const struct error *err, enum output_format format, const struct sink *sink)
{
    struct buf out;

    buf_init(&out, 0);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = error_json(err);
        json_write(&out, object);
        buf_addc(&out, '\n');
        if (sink->data)
            sink->data(sink->ctx, out.data, out.len);
        json_decref(object);
    } else {
        char line[1200];
        error_format(err, line, sizeof line);
        text_sanitise(&out, line, strlen(line), 0);
        if (sink->error)
            sink->error(sink->ctx, buf_str(&out));
        else
            talk(sink, buf_str(&out));
    }
    buf_release(&out);
}
