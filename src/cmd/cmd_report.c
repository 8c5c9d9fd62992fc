/* Reports about a prompt, and label rows as a file. */
#include "src/cmd/cmd_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/probe.h"
#include "src/cmd/selection.h"
#include "src/label/labeler.h"
#include "src/label/report.h"

/* What a report_input borrows, kept until the report is written. */
struct report_parts {
    struct selection sel;
    struct selection parent;
    bool has_parent;
    struct prompt_row row;
    char *parent_name, *decoding;
    char made_at[40], sha256[65];
    struct stats_null null[NULL_KINDS];
    struct report_input input;
};

static void report_parts_release(struct report_parts *parts)
{
    selection_release(&parts->sel);
    if (parts->has_parent)
        selection_release(&parts->parent);
    prompt_row_release(&parts->row);
    free(parts->parent_name);
    free(parts->decoding);
}

/* The version before, when the set has labels by it; against= names another. */
static int add_parent(const struct call *call, struct report_parts *parts, struct error *err)
{
    const char *against = call_get(call, "against");

    if (against)
        parts->parent_name = xstrdup(against);
    else if (parts->row.parent > 0)
        parts->parent_name = workbench_prompt_name(call->wb, parts->row.parent);
    if (!parts->parent_name)
        return 0;
    if (selection_of(call, parts->parent_name, parts->sel.labeler, "report", &parts->parent,
                     against ? err : NULL) < 0)
        return against ? -1 : 0;
    parts->has_parent = true;
    parts->input.parent_rows = parts->parent.rows;
    parts->input.n_parent_rows = parts->parent.n;
    parts->input.parent_name = parts->parent_name;
    return 0;
}

static void add_cost(struct report_parts *parts)
{
    const struct label_list *labels = &parts->sel.judging->labels;
    double ms = 0;
    for (size_t i = 0; i < labels->n; i++) {
        /* Rows count all tokens of a prompt; what was reused was not computed. */
        parts->input.tokens += labels->labels[i].tokens - labels->labels[i].reused;
        parts->input.reused += labels->labels[i].reused;
        if (labels->labels[i].ms > 0)
            ms += labels->labels[i].ms;
    }
    parts->input.seconds = ms / 1000;
}

static size_t count_of(const json_t *kind, const char *key)
{
    return (size_t)json_integer_value(json_object_get(kind, key));
}

static double real_of(const json_t *kind, const char *key)
{
    json_t *value = json_object_get(kind, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The null test that probe n=null kept, when it was run. */
static void add_null(const struct call *call, struct report_parts *parts)
{
    char *name = null_setting(parts->sel.set, parts->sel.prompt_id, parts->sel.labeler);
    char *text = store_get_setting(call->wb->store, name);
    json_t *figures = text ? json_parse(text, strlen(text), "null test", 1, NULL) : NULL, *kind;
    size_t i;

    json_array_foreach(figures, i, kind) {
        const char *word = json_string_value(json_object_get(kind, "kind"));
        for (int k = 0; k < NULL_KINDS; k++) {
            if (!word || strcmp(word, null_kind_name((enum null_kind)k)) != 0)
                continue;
            json_t *wilson = json_object_get(kind, "wilson");
            parts->null[k] = (struct stats_null){
                .n = count_of(kind, "n"), .invalid = count_of(kind, "invalid"),
                .calls = count_of(kind, "calls"),
                .decisive_calls = count_of(kind, "decisive_calls"),
                .first_picks = count_of(kind, "first_picks"),
                .first_pick_rate = real_of(kind, "first_pick_rate"),
                .wilson = {json_number_value(json_array_get(wilson, 0)),
                           json_number_value(json_array_get(wilson, 1))},
                .first_pick_p = real_of(kind, "first_pick_p"),
                .p_first_mean = real_of(kind, "p_first_mean"),
                .unevenness = real_of(kind, "unevenness"), .outside = real_of(kind, "outside"),
            };
            parts->input.null = parts->null;
        }
    }
    json_decref(figures);
    free(text);
    free(name);
}

static void add_model(const struct call *call, struct report_parts *parts)
{
    struct model *model = call->wb->model;
    char *open = model ? model_labeler_name(model) : NULL;
    bool same = open && strcmp(open, parts->sel.labeler) == 0;

    free(open);
    if (!same)
        return;
    parts->input.model_file = path_base(model_info(model)->path);
    parts->input.model_arch = model_info(model)->arch;
    if (model_sha256(model, parts->sha256, NULL) == 0)
        parts->input.model_sha256 = parts->sha256;
    parts->input.precision = "f32";
}

static int report_parts_make(const struct call *call, struct report_parts *parts, struct error *err)
{
    struct report_input *input = &parts->input;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;

    *parts = (struct report_parts){0};
    if (selection_make(call, call->n_refs ? call->refs[0] : NULL, "report", &parts->sel, err) < 0)
        return -1;
    /* The hash of the model stands in the report: have it open when it is there. */
    if (strncmp(parts->sel.labeler, "model:", 6) == 0)
        workbench_model(call->wb, NULL);
    strftime(parts->made_at, sizeof parts->made_at, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &tm));
    *input = (struct report_input){
        .program = PACKAGE_STRING, .made_at = parts->made_at,
        .set = parts->sel.set->row.name, .set_format = parts->sel.set->row.format,
        .set_origin = parts->sel.set->row.origin, .scope = parts->sel.scope.text,
        .labeler = parts->sel.labeler, .seed = 1, .test_looks = parts->sel.options.test_looks,
        .rows = parts->sel.rows, .n_rows = parts->sel.n,
    };
    if (parts->sel.prompt_id > 0) {
        if (workbench_prompt(call->wb, parts->sel.prompt_name, &parts->row, err) < 0)
            return -1;
        input->prompt = parts->sel.prompt_name;
        input->prompt_yaml = parts->row.yaml;
        input->prompt_note = parts->row.note;
        if (add_parent(call, parts, err) < 0)
            return -1;
        input->prompt_parent = parts->parent_name;
    }
    add_model(call, parts);
    add_null(call, parts);
    add_cost(parts);
    return 0;
}

int run_show_report(struct call *call, struct error *err)
{
    struct report_parts parts;
    int status = report_parts_make(call, &parts, err);
    if (status == 0)
        call->answer = report_json(&parts.input);
    report_parts_release(&parts);
    return status;
}

void print_report(const json_t *answer, struct buf *out)
{
    report_print(answer, out);
}

static int check_target(const char *to, struct error *err)
{
    if (!to)
        return error_set(err, ERROR_USAGE, "export wants to=FILE");
    if (file_exists(to)) {
        error_set(err, ERROR_FAILED, "%s exists already", to);
        return error_hint(err, "name another file or remove it first");
    }
    return 0;
}

int run_export_report(struct call *call, struct error *err)
{
    const char *to = call_get(call, "to"), *format = call_get(call, "format");
    struct report_parts parts;
    struct buf out;

    if (check_target(to, err) < 0)
        return -1;
    if (format && strcmp(format, "md") != 0 && strcmp(format, "html") != 0)
        return error_set(err, ERROR_USAGE, "format must be md or html, not \"%s\"", format);
    size_t len = strlen(to);
    bool html = format ? strcmp(format, "html") == 0
                       : len > 5 && strcmp(to + len - 5, ".html") == 0;
    int status = report_parts_make(call, &parts, err);
    if (status == 0) {
        buf_init(&out, 0);
        report_write(&parts.input, html ? REPORT_HTML : REPORT_MD, &out);
        status = file_put(to, buf_str(&out), out.len, err);
        buf_release(&out);
    }
    if (status == 0)
        call->answer = json_pack("{ss so so}", "command", "export report", "format",
                                 json_string(html ? "html" : "md"), "to", json_text0(to));
    report_parts_release(&parts);
    return status;
}

static void add_label_line(struct buf *out, const struct selection *sel, const struct label *label,
                           const struct pair *pair)
{
    char key[65];
    json_t *logprobs = json_array();

    hash_hex(label->key, key);
    for (int i = 0; i < label->n_options; i++)
        json_array_append_new(logprobs, json_number_or_null(label->logprobs[i]));
    json_t *line = json_pack(
        "{so so so so ss si so so so so so so so so sI sI so sI ss}", "set",
        json_text0(sel->set->row.name), "pair", json_integer(pair->num), "prompt",
        sel->prompt_id > 0 ? json_text0(sel->prompt_name) : json_null(), "labeler",
        json_text0(label->labeler), "order", label->order == ORDER_BA ? "ba" : "ab", "repeat",
        label->repeat, "logprobs", logprobs, "outside", json_number_or_null(label->outside),
        "p_first", json_number_or_null(label->p_first), "score", json_number_or_null(label->score),
        "slot", label->slot ? json_integer(label->slot) : json_null(), "rationale",
        json_text0(label->rationale), "raw", json_text0(label->raw), "error",
        json_text0(label->error), "tokens", (json_int_t)label->tokens, "reused",
        (json_int_t)label->reused, "ms", json_number_or_null(label->ms), "created_at",
        (json_int_t)label->created_at, "key", key);
    json_write(out, line);
    buf_addc(out, '\n');
    json_decref(line);
}

int run_export_labels(struct call *call, struct error *err)
{
    const char *to = call_get(call, "to");
    struct selection sel;
    struct buf out;
    size_t n = 0;

    if (check_target(to, err) < 0 ||
        selection_make(call, call->n_refs ? call->refs[0] : NULL, "export labels", &sel, err) < 0)
        return -1;
    buf_init(&out, (size_t)4 << 30);
    for (size_t i = 0; i < sel.n; i++) {
        size_t at = (size_t)(sel.rows[i].pair - sel.set->list.pairs);
        for (int32_t k = sel.judging->first[at]; k >= 0; k = sel.judging->next[k], n++)
            add_label_line(&out, &sel, &sel.judging->labels.labels[k], sel.rows[i].pair);
    }
    int status = file_put(to, buf_str(&out), out.len, err);
    buf_release(&out);
    if (status == 0)
        call->answer = json_pack("{ss si so}", "command", "export labels", "rows", (int)n, "to",
                                 json_text0(to));
    selection_release(&sel);
    return status;
}
