/* show agreement|bias|matrix|pair, compare, explain, list metrics, assert. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/cmd_pair.h"
#include "src/cmd/cmd_report.h"
#include "src/cmd/probe.h"
#include "src/cmd/prompts.h"
#include "src/cmd/rows.h"
#include "src/cmd/selection.h"
#include "src/label/metrics.h"
#include "src/label/stats_position.h"
#include "src/label/stats_json.h"
#include "src/label/stats_text.h"
#include "src/store/run_metrics.h"
#include "src/store/runs.h"

#define BY_MAX 8

/* ---- agreement, bias, matrix ---- */

static int run_show_agreement(struct call *call, struct error *err)
{
    struct selection sel;
    if (selection_make(call, call->n_refs ? call->refs[0] : NULL, "agreement", &sel, err) < 0)
        return -1;
    struct stats_agreement stats = stats_agreement(sel.rows, sel.n, &sel.options);
    call->answer = stats_agreement_json(&stats, &sel.options);
    selection_release(&sel);
    return 0;
}

/* The last null test of this prompt and labeler on this set, if there was one. */
static void add_null(json_t *answer, struct workbench *wb, const struct selection *sel)
{
    char *name = null_setting(sel->set, sel->prompt_id, sel->labeler);
    char *text = store_get_setting(wb->store, name);
    json_t *figures = text ? json_parse(text, strlen(text), "null test", 1, NULL) : NULL;

    if (json_is_array(figures))
        json_object_set(answer, "null", figures);
    json_decref(figures);
    free(text);
    free(name);
}

static void print_bias(const json_t *answer, struct buf *out)
{
    json_t *kind;
    size_t i;

    stats_bias_print(answer, out);
    json_array_foreach(json_object_get(answer, "null"), i, kind)
        buf_addf(out, "%s %-12s P(slot 1) %.3f, slot 1 in %.0f %% of %lld calls\n",
                 i ? "                     " : "\n  with nothing to say",
                 json_string_value(json_object_get(kind, "kind")),
                 json_number_value(json_object_get(kind, "p_first_mean")),
                 100 * json_number_value(json_object_get(kind, "first_pick_rate")),
                 json_integer_value(json_object_get(kind, "decisive_calls")));
}

static int run_show_bias(struct call *call, struct error *err)
{
    const struct group_key *by[BY_MAX];
    struct selection sel;
    int n_by = group_keys_parse(call->by ? call->by : "split,length_difference", by, BY_MAX, err);

    if (n_by < 0 ||
        selection_make(call, call->n_refs ? call->refs[0] : NULL, "bias", &sel, err) < 0)
        return -1;
    struct stats_bias stats = stats_bias(sel.rows, sel.n, by, (size_t)n_by, &sel.options);
    call->answer = stats_bias_json(&stats, &sel.options);
    add_null(call->answer, call->wb, &sel);
    stats_bias_release(&stats);
    selection_release(&sel);
    return 0;
}

static int run_show_matrix(struct call *call, struct error *err)
{
    struct selection sel;
    if (selection_make(call, call->n_refs ? call->refs[0] : NULL, "matrix", &sel, err) < 0)
        return -1;
    struct stats_matrix stats = stats_matrix(sel.rows, sel.n);
    call->answer = stats_matrix_json(&stats, &sel.options);
    selection_release(&sel);
    return 0;
}

/* ---- labelers side by side ---- */

static json_t *labeler_line(struct call *call, struct set_index *set, const struct labeler_row *row,
                            struct error *err)
{
    struct judging *judging = workbench_judging(call->wb, set, row->prompt_id, row->labeler, err);
    struct scope scope;
    size_t n;

    if (!judging || scope_make(call, set, judging, &scope, err) < 0)
        return NULL;
    struct judged *rows = scope_judged(&scope, judging, &n);
    struct stats_options options = {.set = set->row.name, .labeler = row->labeler};
    struct stats_agreement a = stats_agreement(rows, n, &options);
    struct stats_position p = stats_position(rows, n);
    char *prompt = workbench_prompt_name(call->wb, row->prompt_id);
    json_t *line = json_pack(
        "{so so si so so so so so si si so so}", "labeler", json_text0(row->labeler),
        "prompt", json_text0(prompt), "pairs", (int)n, "agreement",
        json_number_or_null(a.agreement), "low", json_number_or_null(a.wilson.low),
        "high", json_number_or_null(a.wilson.high), "over_longer",
        json_number_or_null(a.over_longer), "same_position",
        json_number_or_null(p.same_position_rate), "first", (int)p.first, "second",
        (int)p.second, "pull", json_number_or_null(p.pull_mean), "with",
        json_text0(a.with));
    free(prompt);
    free(rows);
    scope_release(&scope);
    return line;
}

static int run_list_labelers(struct call *call, struct error *err)
{
    struct set_index *set = workbench_set(call->wb, call_get(call, "set"), err);
    struct labeler_rows labelers = {0};
    json_t *rows = json_array();
    int status = set && store_labelers(call->wb->store, set->row.id, &labelers, err) == 0 ? 0 : -1;

    for (size_t i = 0; i < labelers.n && status == 0; i++) {
        json_t *line = labeler_line(call, set, &labelers.rows[i], err);
        if (line)
            json_array_append_new(rows, line);
        else
            status = -1;
    }
    labeler_rows_release(&labelers);
    if (status == 0)
        call->answer = json_pack("{ss so so}", "command", "list labelers", "set",
                                 json_text0(set->row.name), "rows", json_incref(rows));
    json_decref(rows);
    return status;
}

/* ---- compare ---- */

/* Exact p values of `from` against every other version that this labeler judged here:
 * Holm's family. */
static double *other_p_values(struct workbench *wb, const struct selection *from, int64_t skip,
                              size_t *n_out, size_t *versions)
{
    struct labeler_rows rows = {0};
    double *p = NULL;
    size_t n = 0;

    *versions = 0;
    if (store_labelers(wb->store, from->set->row.id, &rows, NULL) < 0)
        rows.n = 0;
    p = xcalloc(rows.n ? rows.n : 1, sizeof *p);
    for (size_t i = 0; i < rows.n; i++) {
        if (strcmp(rows.rows[i].labeler, from->labeler) != 0)
            continue;
        ++*versions;
        if (rows.rows[i].prompt_id == from->prompt_id || rows.rows[i].prompt_id == skip)
            continue;
        struct judging *other = workbench_judging(wb, from->set, rows.rows[i].prompt_id,
                                                  from->labeler, NULL);
        if (!other)
            continue;
        struct compare_options options = {.versions_compared = 2};
        struct stats_compare c = stats_compare(from->rows, from->n, other->rows,
                                               from->set->list.n, &options);
        if (c.n > 0)
            p[n++] = c.mcnemar.exact_p;
        stats_compare_release(&c);
    }
    labeler_rows_release(&rows);
    *n_out = n;
    return p;
}

static int compare_selections(struct call *call, struct selection *from, struct selection *to)
{
    size_t n_other = 0, versions = 0;
    double *p = other_p_values(call->wb, from, to->prompt_id, &n_other, &versions);
    struct compare_options options = {
        .from = from->prompt_name, .to = to->prompt_name, .set = from->set->row.name,
        .labeler = from->labeler, .other_p = p, .n_other = n_other,
        .versions_compared = versions < 2 ? 2 : versions, .seed = 1, .draws = STATS_DRAWS_LIVE,
    };
    struct stats_compare stats = stats_compare(from->rows, from->n, to->rows, to->n, &options);
    call->answer = stats_compare_json(&stats, &options);
    stats_compare_release(&stats);
    free(p);
    return 0;
}

static int run_compare(struct call *call, struct error *err)
{
    struct selection from, to;
    struct prompt_row row_from, row_to;
    const char *a = call_get(call, "from"), *b = call_get(call, "to");
    int status = -1;

    /* Two labelers with whatever prompt they have, or two prompts. */
    if (call->n_refs == 0) {
        if (!a || !b) {
            error_set(err, ERROR_USAGE, "compare wants two prompts or two labelers");
            return error_hint(err, "compare p1..p2, or compare from=gpt4 to=chatgpt");
        }
        if (selection_of(call, NULL, a, "compare", &from, err) < 0)
            return -1;
        if (selection_of(call, NULL, b, "compare", &to, err) == 0) {
            free(from.prompt_name);
            free(to.prompt_name);
            from.prompt_name = xstrdup(a);
            to.prompt_name = xstrdup(b);
            status = compare_selections(call, &from, &to);
            selection_release(&to);
        }
        selection_release(&from);
        return status;
    }
    if (prompt_range(call->wb, call->refs[0], &row_from, &row_to, err) < 0)
        return -1;
    char *name_from = workbench_prompt_name(call->wb, row_from.id);
    char *name_to = workbench_prompt_name(call->wb, row_to.id);
    const char *labeler = call_get(call, "labeler");
    if (selection_of(call, name_from, labeler, "compare", &from, err) == 0) {
        if (selection_of(call, name_to, labeler ? labeler : from.labeler, "compare", &to,
                         err) == 0) {
            status = compare_selections(call, &from, &to);
            selection_release(&to);
        }
        selection_release(&from);
    }
    free(name_from);
    free(name_to);
    prompt_row_release(&row_from);
    prompt_row_release(&row_to);
    return status;
}

/* ---- metrics ---- */

/* A figure of labels, or of training: one of the two is set. -1: neither, with the nearest name. */
static int find_figure(const char *name, const struct metric **metric,
                       const struct run_metric **of_run, struct error *err)
{
    const char *names[400];
    size_t n = 0;

    *metric = metric_find(name, NULL);
    *of_run = run_metric_find(name);
    if (*metric || *of_run)
        return 0;
    for (const struct metric *m = metric_table; m->name && n < 200; m++)
        names[n++] = m->name;
    for (const struct run_metric *m = run_metric_table; m->name && n < 400; m++)
        names[n++] = m->name;
    const char *near = text_nearest(name, names, n);
    error_set(err, ERROR_USAGE, "there is no metric \"%.60s\"", name);
    if (near)
        error_hint(err, "did you mean %s?", near);
    else
        error_hint(err, "list metrics names them all");
    return -1;
}

static int run_explain(struct call *call, struct error *err)
{
    const struct metric *metric;
    const struct run_metric *of_run;
    if (find_figure(call->refs[0], &metric, &of_run, err) < 0)
        return -1;
    call->answer = metric ? metric_json(metric) : run_metric_json(of_run);
    return 0;
}

static int run_list_metrics(struct call *call, struct error *err)
{
    (void)err;
    call->answer = metric_list_json();
    json_t *list = json_object_get(call->answer, "metrics");
    for (const struct run_metric *m = run_metric_table; m->name; m++) {
        json_t *row = run_metric_json(m);
        json_object_del(row, "command");
        json_object_del(row, "text");
        json_array_append_new(list, row);
    }
    return 0;
}

/* "agreement>=.76", or "agreement >= .76". */
static int split_assert(const struct call *call, char **name, char **op, double *number,
                        struct error *err)
{
    struct buf text;
    int status = -1;

    buf_init(&text, 400);
    for (size_t i = 0; i < call->n_refs; i++)
        buf_adds(&text, call->refs[i]);
    const char *s = buf_str(&text);
    size_t n = strcspn(s, "<>=!");
    size_t m = strspn(s + n, "<>=!");
    char *end;
    *number = strtod(s + n + m, &end);
    if (n == 0 || m == 0 || end == s + n + m || *end) {
        error_set(err, ERROR_USAGE, "assert wants METRIC OP NUMBER, not \"%s\"", s);
        error_hint(err, "for example: assert agreement >= .76");
    } else {
        *name = xstrndup(s, n);
        *op = xstrndup(s + n, m);
        status = 0;
    }
    buf_release(&text);
    return status;
}

/* The value of a metric for the named or newest labels. */
static int metric_now(struct call *call, const struct metric *metric, double *value,
                      struct error *err)
{
    struct selection sel;
    const char *prompt = call_get(call, "prompt");

    if (metric->of == METRIC_COMPARE)
        return error_set(err, ERROR_USAGE, "%s is of a comparison; compare p1..p2 shows it",
                         metric->name);
    if (selection_make(call, prompt, "assert", &sel, err) < 0)
        return -1;
    struct stats_agreement agreement = stats_agreement(sel.rows, sel.n, &sel.options);
    struct stats_bias bias = stats_bias(sel.rows, sel.n, NULL, 0, &sel.options);
    *value = metric_value(metric, &agreement, &bias, NULL);
    stats_bias_release(&bias);
    selection_release(&sel);
    return 0;
}

/* The last value of a figure of training, of the run that run= names. */
static int run_metric_now(struct call *call, const char *name, double *value, struct error *err)
{
    const char *ref = call_get(call, "run");
    struct run_row run;
    struct series series = {0};
    if (store_find_run(call->wb->store, ref ? ref : "last", NULL, &run, err) < 0)
        return -1;
    int status = store_load_series(call->wb->store, run.id, name, -1, &series, err);
    if (status == 0 && series.n == 0)
        status = error_set(err, ERROR_FAILED, "%s has no metric \"%s\"", run.name, name);
    else if (status == 0)
        *value = series.values[series.n - 1];
    series_release(&series);
    run_row_release(&run);
    return status;
}

static int run_assert(struct call *call, struct error *err)
{
    char *name = NULL, *op = NULL;
    double number, value = NAN;
    int status = -1;

    if (split_assert(call, &name, &op, &number, err) < 0)
        return -1;
    const struct metric *metric = NULL;
    const struct run_metric *of_run = NULL;
    if (find_figure(name, &metric, &of_run, err) == 0 &&
        (metric ? metric_now(call, metric, &value, err)
                : run_metric_now(call, name, &value, err)) == 0) {
        int holds = metric_test(value, op, number, err);
        if (holds == 0)
            error_set(err, ERROR_ASSERT, "%s is %.6g, which is not %s %g", name, value, op, number);
        if (holds == 1) {
            call->answer =
                json_pack("{ss so so ss so sb}", "command", "assert", "metric",
                          json_text0(name), "value", json_number_or_null(value), "op", op,
                          "number", json_number_or_null(number), "ok", 1);
            status = 0;
        }
    }
    free(name);
    free(op);
    return status;
}

/* ---- the rows ---- */

static const struct command_key selection_keys[] = {
    {"labeler", "NAME", "whose labels; default: the newest", COMPLETE_NONE},
    SCOPE_KEYS,
    {0},
};
static const struct command_key scope_keys[] = {
    SCOPE_KEYS,
    {0},
};
static const struct command_key assert_keys[] = {
    {"prompt", "PROMPT", "default: the last used", COMPLETE_PROMPT},
    {"run", "RUN", "of a figure of training; default: the newest", COMPLETE_RUN},
    {"labeler", "NAME", "whose labels; default: the newest", COMPLETE_NONE},
    SCOPE_KEYS,
    {0},
};
static const struct command_key compare_keys[] = {
    {"from", "LABELER", "the first of two labelers", COMPLETE_NONE},
    {"to", "LABELER", "the second of two labelers", COMPLETE_NONE},
    {"labeler", "NAME", "who judged with both prompts; default: the newest", COMPLETE_NONE},
    SCOPE_KEYS,
    {0},
};
static const struct command_key pair_keys[] = {
    {"prompt", "PROMPT", "whose verdicts; default: the newest", COMPLETE_PROMPT},
    {"labeler", "NAME", "whose verdicts; default: the newest", COMPLETE_NONE},
    {0},
};
static const struct command_key report_keys[] = {
    {"labeler", "NAME", "whose labels; default: the newest", COMPLETE_NONE},
    {"against", "PROMPT", "version to compare with; default: the parent", COMPLETE_PROMPT},
    SCOPE_KEYS,
    {0},
};
static const struct command_key export_report_keys[] = {
    {"to", "FILE", "where to", COMPLETE_FILE, true},
    {"format", "md|html", "default: by the file's ending", COMPLETE_NONE},
    {"labeler", "NAME", "whose labels; default: the newest", COMPLETE_NONE},
    {"against", "PROMPT", "version to compare with; default: the parent", COMPLETE_PROMPT},
    SCOPE_KEYS,
    {0},
};
static const struct command_key export_labels_keys[] = {
    {"to", "FILE", "where to", COMPLETE_FILE, true},
    {"labeler", "NAME", "whose labels; default: the newest", COMPLETE_NONE},
    SCOPE_KEYS,
    {0},
};

static const struct command table[] = {
    {.verb = "show",
     .noun = "pair",
     .refs = "PAIR",
     .min_refs = 1,
     .max_refs = 1,
     .completes = COMPLETE_PAIR,
     .keys = pair_keys,
     .text = "One pair: its texts, who chose what, and both orders' probabilities",
     .example = "show pair #1",
     .tui_keys = "bench:Enter",
     .run = run_show_pair,
     .print = print_pair},
    {.verb = "show",
     .noun = "agreement",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = selection_keys,
     .flags = COMMAND_WHERE,
     .text =
         "How far a labeler agrees with people, with interval, baselines and calibration",
     .example = "show agreement summary-base",
     .run = run_show_agreement,
     .print = stats_agreement_print},
    {.verb = "show",
     .noun = "bias",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = selection_keys,
     .flags = COMMAND_WHERE | COMMAND_BY,
     .text = "How far a labeler depends on the order and on length",
     .example = "show bias summary-base by tag",
     .run = run_show_bias,
     .print = print_bias},
    {.verb = "show",
     .noun = "matrix",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = selection_keys,
     .flags = COMMAND_WHERE,
     .text = "Reference against verdict, and slot against slot",
     .example = "show matrix",
     .run = run_show_matrix,
     .print = stats_matrix_print},
    {.verb = "list",
     .noun = "labelers",
     .keys = scope_keys,
     .flags = COMMAND_WHERE,
     .text = "All labelers of a set side by side: agreement and position bias",
     .example = "list labelers",
     .run = run_list_labelers},
    {.verb = "compare",
     .refs = "[PROMPT..PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = compare_keys,
     .flags = COMMAND_WHERE,
     .text = "Two versions or two labelers on the same pairs: fixed, broke, and what is "
             "chance",
     .example = "compare summary-base..summary-detailed",
     .run = run_compare,
     .print = stats_compare_print},
    {.verb = "show",
     .noun = "report",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = report_keys,
     .flags = COMMAND_WHERE,
     .text = "Everything one would paste into a pull request about a prompt",
     .example = "show report summary-base",
     .run = run_show_report,
     .print = print_report},
    {.verb = "export",
     .noun = "report",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = export_report_keys,
     .flags = COMMAND_WHERE,
     .text = "The report as a Markdown or HTML file",
     .example = "export report to=report.html",
     .run = run_export_report},
    {.verb = "export",
     .noun = "labels",
     .refs = "[PROMPT]",
     .max_refs = 1,
     .completes = COMPLETE_PROMPT,
     .keys = export_labels_keys,
     .flags = COMMAND_WHERE,
     .text = "Label rows with all log-probs as JSON lines",
     .example = "export labels to=labels.jsonl",
     .run = run_export_labels},
    {.verb = "explain",
     .refs = "METRIC",
     .min_refs = 1,
     .max_refs = 1,
     .completes = COMPLETE_METRIC,
     .text = "A figure's formula, what it tells and what misleads",
     .example = "explain same_position_rate",
     .run = run_explain,
     .print = metric_print},
    {.verb = "list",
     .noun = "metrics",
     .text = "All figures by name",
     .example = "list metrics",
     .run = run_list_metrics,
     .print = metric_list_print},
    {.verb = "assert",
     .refs = "METRIC OP NUMBER",
     .min_refs = 1,
     .max_refs = 3,
     .completes = COMPLETE_METRIC,
     .keys = assert_keys,
     .flags = COMMAND_WHERE | COMMAND_COMPARES,
     .text = "Ends a script with exit code 4 when a figure is not what it should be",
     .example = "assert agreement >= .4",
     .run = run_assert},
};
const struct command_rows rows_stats = COMMAND_ROWS(table);
