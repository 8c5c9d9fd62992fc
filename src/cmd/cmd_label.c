/* label, probe, score, ablate: what asks a labeler. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/ablate.h"
#include "src/cmd/probe.h"
#include "src/cmd/prompts.h"
#include "src/cmd/rows.h"
#include "src/cmd/scope.h"
#include "src/job/label_run.h"
#include "src/label/labeler.h"
#include "src/label/stats_json.h"
#include "src/label/stats_text.h"

/* ---- label ---- */

/* "label p1 shots=2 samples=4": the changed prompt is a version of its own. */
static struct prompt *apply_decode_keys(struct call *call, struct prompt_row *row,
                                        struct error *err)
{
    static const struct {
        const char *key, *field;
    } keys[] = {{"shots", "shots"},
                {"samples", "decode.samples"},
                {"temperature", "decode.temperature"}};
    struct prompt *prompt = prompt_load(call->wb, row, err);
    struct buf note;
    bool changed = false;

    buf_init(&note, 200);
    for (size_t i = 0; i < sizeof keys / sizeof *keys && prompt; i++) {
        const char *value = call_get(call, keys[i].key);
        if (!value)
            continue;
        struct prompt *next = prompt_set(prompt, keys[i].field, value, err);
        prompt_free(prompt);
        prompt = next;
        buf_addf(&note, "%s%s=%s", changed ? " " : "", keys[i].key, value);
        changed = true;
    }
    if (prompt && prompt_load_exemplars(prompt, call->wb->builtin_dir, err) < 0) {
        prompt_free(prompt);
        prompt = NULL;
    }
    if (prompt && changed) {
        struct prompt_row version;
        if (prompt_store(call->wb, prompt, row->id, buf_str(&note), &version, err) < 0) {
            prompt_free(prompt);
            prompt = NULL;
        } else {
            prompt_row_release(row);
            *row = version;
        }
    }
    buf_release(&note);
    return prompt;
}

/* Takes over prompt. The scope's pairs go to a background job; its number is returned,
 * -1: error. */
static int start_run(struct call *call, struct set_index *set, struct prompt *prompt,
                     int64_t prompt_id, const char *labeler_name, const struct judging *judging,
                     struct error *err)
{
    struct workbench *wb = call->wb;
    struct scope scope;
    long seed = 1;
    int number = -1;

    if (call_get_int(call, "seed", 1, 2147483647, &seed, err) < 0 ||
        scope_make(call, set, judging, &scope, err) < 0) {
        prompt_free(prompt);
        return -1;
    }
    if (scope.n == 0) {
        prompt_free(prompt);
        error_set(err, ERROR_FAILED, "no pair of set %s is meant (%s)", set->row.name, scope.text);
        error_hint(err, "split=all takes the test pairs too; list pairs shows what a filter finds");
        scope_release(&scope);
        return -1;
    }
    const struct pair **pairs = xcalloc(scope.n, sizeof *pairs);
    for (size_t i = 0; i < scope.n; i++)
        pairs[i] = &set->list.pairs[scope.pairs[i]];
    struct label_run_config config = {
        .store = wb->store,
        .labeler = labeler_by_name(wb, labeler_name, prompt, POOL_BACKGROUND, (uint64_t)seed, err),
        .pairs = pairs, .n = scope.n, .prompt_id = prompt_id,
    };
    if (config.labeler)
        number = label_run_start(wb->jobs, &config, call->line);
    free(pairs);
    scope_release(&scope);
    return number;
}

static struct judging *judging_for_where(struct call *call, struct set_index *set,
                                         const char *prompt_ref)
{
    int64_t prompt_id;
    char *labeler = NULL;
    struct judging *judging = NULL;

    if (call->where &&
        workbench_find_labels(call->wb, set, prompt_ref, NULL, &prompt_id, &labeler, NULL) == 0)
        judging = workbench_judging(call->wb, set, prompt_id, labeler, NULL);
    free(labeler);
    return judging;
}

static int run_label(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    struct set_index *set = workbench_set(wb, call_get(call, "set"), err);
    json_t *jobs;

    if (!set)
        return -1;
    jobs = json_array();
    for (size_t i = 0; i < (call->n_refs ? call->n_refs : 1); i++) {
        struct prompt_row row;
        const char *ref = call->n_refs ? call->refs[i] : NULL;
        int number = -1;
        if (workbench_prompt(wb, ref, &row, err) == 0) {
            struct prompt *prompt = apply_decode_keys(call, &row, err);
            if (prompt)
                number = start_run(call, set, prompt, row.id, call_get(call, "labeler"),
                                   judging_for_where(call, set, ref), err);
            if (number > 0)
                prompt_remember(wb, &row);
            prompt_row_release(&row);
        }
        if (number < 0) {
            json_decref(jobs);
            return -1;
        }
        json_array_append_new(jobs, json_integer(number));
        workbench_say(wb, "%%%d %s", number, call->line);
    }
    call->answer = json_pack("{ss so}", "command", "label", "jobs", jobs);
    return 0;
}

static void print_nothing(const json_t *answer, struct buf *out)
{
    (void)answer;
    (void)out;
}

/* ---- score ---- */

static int run_score(struct call *call, bool direct, struct error *err)
{
    struct workbench *wb = call->wb;
    struct set_index *set = workbench_set(wb, call_get(call, "set"), err);
    struct prompt_row row = {0};
    struct prompt *prompt = NULL;
    int number = -1;

    if (!set)
        return -1;
    if (direct) {
        if (workbench_prompt(wb, call->n_refs ? call->refs[0] : "direct-score", &row, err) < 0)
            return -1;
        prompt = prompt_load(wb, &row, err);
        if (prompt && !prompt->pointwise) {
            error_set(err, ERROR_USAGE,
                      "%s shows two responses; a score prompt shows {{first}} only",
                      row.name);
            prompt_free(prompt);
            prompt = NULL;
        }
    }
    if (!direct || prompt)
        number = start_run(call, set, prompt, row.id, direct ? "direct" : "likelihood",
                           judging_for_where(call, set, NULL), err);
    prompt_row_release(&row);
    if (number < 0)
        return -1;
    workbench_say(wb, "%%%d %s", number, call->line);
    call->answer = json_pack("{ss si}", "command",
                             direct ? "score direct" : "score likelihood", "job", number);
    return 0;
}

static int run_score_direct(struct call *call, struct error *err)
{
    return run_score(call, true, err);
}

static int run_score_likelihood(struct call *call, struct error *err)
{
    return run_score(call, false, err);
}

/* ---- probe ---- */

struct null_job {
    struct labeler *labeler;
    const struct pair *pairs[PROBE_PAIRS];
    size_t n;
    struct null_test test;
};

static int run_null_job(struct job *job, void *arg, struct error *err)
{
    struct null_job *null = arg;
    return null_test_run(null->labeler, null->pairs, null->n, &null->test, job_cancel(job), err);
}

/* Kept in the workspace, so that show bias and the report can say it beside the position bias. */
static void keep_null(struct workbench *wb, const struct set_index *set, int64_t prompt_id,
                      const char *labeler, const json_t *figures)
{
    struct buf text;

    if (wb->readonly)
        return;
    buf_init(&text, 0);
    json_write(&text, figures);
    char *name = null_setting(set, prompt_id, labeler);
    store_set_setting(wb->store, name, buf_str(&text), NULL);
    free(name);
    buf_release(&text);
}

/* What the labeler says when there is nothing to say. */
static int probe_null(struct call *call, struct prompt *prompt, int64_t prompt_id, const char *name,
                      struct error *err)
{
    struct workbench *wb = call->wb;
    struct set_index *set = workbench_set(wb, call_get(call, "set"), err);
    struct null_job null = {0};
    struct job_work work = {.kind = "probe", .probe = true, .run = run_null_job, .arg = &null};

    if (!set) {
        prompt_free(prompt);
        return -1;
    }
    null.n = probe_pick(set, NULL, NULL, PROBE_PAIRS, null.pairs);
    null.labeler = labeler_by_name(wb, call_get(call, "labeler"), prompt, POOL_PROBE, 1, err);
    if (!null.labeler)
        return -1;
    int number = jobs_start(wb->jobs, &work, call->line);
    int status = jobs_wait(wb->jobs, number, &wb->interrupt, err);
    if (status < 0) {
        jobs_cancel(wb->jobs, number, NULL);
        jobs_wait(wb->jobs, number, NULL, NULL);
    } else {
        struct stats_null figures[NULL_KINDS];
        struct stats_options options = {.set = set->row.name, .prompt = name,
                                        .labeler = labeler_name(null.labeler)};
        for (int k = 0; k < NULL_KINDS; k++)
            figures[k] = stats_null(null.test.rows, null.test.n, (enum null_kind)k);
        call->answer = stats_null_json(figures, &options);
        keep_null(wb, set, prompt_id, options.labeler, json_object_get(call->answer, "null"));
    }
    null_test_release(&null.test);
    labeler_free(null.labeler);
    return status;
}

static int run_probe(struct call *call, struct error *err)
{
    struct workbench *wb = call->wb;
    const char *count = call_get(call, "n");
    struct prompt_row row;
    long n = PROBE_PAIRS;
    int status = -1;

    if (workbench_prompt(wb, call->n_refs ? call->refs[0] : NULL, &row, err) < 0)
        return -1;
    struct prompt *prompt = prompt_load(wb, &row, err);
    char *name = workbench_prompt_name(wb, row.id);
    if (prompt && count && strcmp(count, "null") == 0) {
        status = probe_null(call, prompt, row.id, name, err);
    } else if (prompt && call_get_int(call, "n", 1, PROBE_PAIRS_MAX, &n, err) == 0) {
        int64_t before = row.parent > 0 ? row.parent : row.id;
        json_t *answer = probe_answer(wb, prompt, row.id, before, call_get(call, "labeler"),
                                      (size_t)n, err);
        if (answer) {
            json_object_set_new(answer, "command", json_string("probe"));
            json_object_set_new(answer, "prompt", json_text0(name));
            call->answer = answer;
            status = 0;
        }
    } else {
        prompt_free(prompt);
    }
    free(name);
    prompt_row_release(&row);
    return status;
}

static void print_probe(const json_t *answer, struct buf *out)
{
    if (json_object_get(answer, "null"))
        stats_null_print(answer, out);
    else
        probe_print(answer, out);
}

/* ---- the rows ---- */

static const struct command_key label_keys[] = {
    {"labeler", "NAME",
     "model (default), or sim:L, sim:gap=1.6,pos=.3,noise=.5 (simulated)", COMPLETE_NONE},
    SCOPE_KEYS,
    {"samples", "N", "rationales an order (self-consistency); makes a version",
     COMPLETE_NONE},
    {"shots", "N", "exemplars; makes a version", COMPLETE_NONE},
    {"temperature", "T", "of the rationales; makes a version", COMPLETE_NONE},
    {"seed", "N", "of sampling and simulation; default 1", COMPLETE_NONE},
    {0},
};
static const struct command_key score_keys[] = {
    SCOPE_KEYS,
    {"seed", "N", "default 1", COMPLETE_NONE},
    {0},
};
static const struct command_key probe_keys[] = {
    {"n", "N|null", "pairs (default 16), or null: questions with nothing to say", COMPLETE_NONE},
    {"labeler", "NAME", "default: the open model", COMPLETE_NONE},
    {"set", "NAME", "default: the current set", COMPLETE_SET},
    {0},
};

static const struct command table[] = {
    {.verb = "label", .refs = "PROMPT..", .max_refs = -1, .completes = COMPLETE_PROMPT,
     .keys = label_keys, .flags = COMMAND_WRITES | COMMAND_WHERE | COMMAND_SILENT,
     .text = "Judge pairs in both orders, in the background; what is known is not computed again",
     .example = "label summary-base n=32", .tui_keys = "bench:l prompt:C-s", .run = run_label,
     .print = print_nothing},
    {.verb = "probe", .refs = "[PROMPT]", .max_refs = 1, .completes = COMPLETE_PROMPT,
     .keys = probe_keys, .text = "Judge 16 hard pairs now and say what an edit fixed and broke",
     .example = "probe summary-base", .tui_keys = "prompt:Tab", .run = run_probe,
     .print = print_probe},
    {.verb = "ablate", .noun = "prompt", .refs = "[PROMPT]", .max_refs = 1,
     .completes = COMPLETE_PROMPT, .keys = probe_keys,
     .text = "Drop one sentence of the preamble at a time and say what each one does",
     .example = "ablate prompt summary-detailed", .run = ablate_run, .print = ablate_print},
    {.verb = "score", .noun = "direct", .refs = "[PROMPT]", .max_refs = 1,
     .completes = COMPLETE_PROMPT, .keys = score_keys,
     .flags = COMMAND_WRITES | COMMAND_WHERE | COMMAND_SILENT | COMMAND_MODEL,
     .text = "Score every response alone, 1 to 10; a pair's label compares the two",
     .example = "score direct n=8", .run = run_score_direct, .print = print_nothing},
    {.verb = "score", .noun = "likelihood", .keys = score_keys,
     .flags = COMMAND_WRITES | COMMAND_WHERE | COMMAND_SILENT | COMMAND_MODEL,
     .text = "Log-probability of every response given its post, and its gain over no post",
     .example = "score likelihood n=8", .run = run_score_likelihood, .print = print_nothing},
};
const struct command_rows rows_label = COMMAND_ROWS(table);
