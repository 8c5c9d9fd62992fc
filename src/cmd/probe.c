/* Probes: a few pairs, judged now. */
#include "src/cmd/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/judging.h"
#include "src/cmd/prompts.h"
#include "src/job/label_run.h"

/* ---- picking ---- */

/* Hard ones first: flips, then small margins; what was clearly right comes last. */
static double hardness(const struct judged *row)
{
    bool flip = row->slot[0] == row->slot[1] && row->slot[0] != SLOT_NONE;
    bool wrong = (row->verdict == VERDICT_A && row->reference.choice == CHOICE_B) ||
                 (row->verdict == VERDICT_B && row->reference.choice == CHOICE_A);
    double margin = isnan(row->margin) ? 1 : row->margin;
    return (wrong ? 2 : 0) + (flip ? 1 : 0) - margin;
}

struct pick {
    const struct pair *pair;
    double hardness;
    size_t place; /* in the seeded order: ties are broken by chance, not by number */
};

static int harder_first(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    if (x->hardness != y->hardness)
        return x->hardness > y->hardness ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static bool is_decided(const struct judged *row)
{
    return row->reference.choice == CHOICE_A || row->reference.choice == CHOICE_B;
}

/* Five of eight hard, the rest right: an edit that breaks what worked must show. */
static size_t take_mix(struct pick *picks, size_t n_picks, size_t n, const struct pair **out)
{
    size_t n_out = 0, hard = n * 5 / 8 + 1;

    qsort(picks, n_picks, sizeof *picks, harder_first);
    for (size_t i = 0; i < n_picks && n_out < hard && n_out < n; i++)
        out[n_out++] = picks[i].pair;
    for (size_t i = n_picks; i-- > n_out && n_out < n;)
        out[n_out++] = picks[i].pair;
    return n_out;
}

size_t probe_pick(const struct set_index *set, const struct judging *before,
                  const struct pair *first, size_t n, const struct pair **out)
{
    struct pick *picks = xcalloc(set->list.n ? set->list.n : 1, sizeof *picks);
    size_t n_picks = 0, n_out = 0;
    bool judged = before && before->n_asked > 0;

    for (size_t k = 0; k < set->list.n; k++) {
        size_t i = set->order[k];
        const struct pair *pair = &set->list.pairs[i];
        struct judged bare;
        const struct judged *row = judged ? &before->rows[i] : &bare;
        if (!judged)
            judged_make(&bare, pair, NULL, 0, false);
        if (pair == first || pair->split == SPLIT_TEST || !is_decided(row) ||
            (judged && row->verdict == VERDICT_NONE))
            continue;
        picks[n_picks++] = (struct pick){pair, judged ? hardness(row) : 0, k};
    }
    if (first && n > 0)
        out[n_out++] = first;
    if (judged) {
        n_out += take_mix(picks, n_picks, n - n_out, out + n_out);
    } else {
        for (size_t i = 0; i < n_picks && n_out < n; i++)
            out[n_out++] = picks[i].pair;
    }
    free(picks);
    return n_out;
}

/* ---- comparing ---- */

const char *probe_change_name(enum probe_change change)
{
    static const char *const names[] = {"same", "fixed", "BROKE", "changed", "new"};
    return names[change];
}

static double hit(const struct judged *row)
{
    if (row->verdict == VERDICT_HALF)
        return .5;
    return (row->verdict == VERDICT_A && row->reference.choice == CHOICE_A) ||
           (row->verdict == VERDICT_B && row->reference.choice == CHOICE_B);
}

enum probe_change probe_compare(const struct judged *before, const struct judged *after)
{
    if (before->verdict == VERDICT_NONE)
        return PROBE_NEW;
    if (before->verdict == after->verdict)
        return PROBE_SAME;
    if (!is_decided(after) || after->verdict == VERDICT_NONE)
        return after->verdict == VERDICT_NONE ? PROBE_BROKE : PROBE_CHANGED;
    return hit(after) > hit(before)   ? PROBE_FIXED
           : hit(after) < hit(before) ? PROBE_BROKE
                                      : PROBE_CHANGED;
}

/* ---- running ---- */

char *null_setting(const struct set_index *set, int64_t prompt_id, const char *labeler)
{
    return xasprintf("null %lld %lld %s", (long long)set->row.id, (long long)prompt_id, labeler);
}

static bool is_open_model(const struct model *model, const char *name)
{
    char *open = model_labeler_name(model);
    bool same = strcmp(open, name) == 0;
    free(open);
    return same;
}

struct labeler *labeler_by_name(struct workbench *wb, const char *name, struct prompt *prompt,
                                enum pool_priority priority, uint64_t seed, struct error *err)
{
    struct labeler_options options = {.seed = seed, .priority = priority};

    if (name && strncmp(name, "sim", 3) == 0 && (name[3] == ':' || !name[3])) {
        prompt_free(prompt);
        return labeler_sim_new(name, &options, err);
    }
    if (name && strcmp(name, "model") != 0 && strncmp(name, "model:", 6) != 0 &&
        strcmp(name, "direct") != 0 && strcmp(name, "likelihood") != 0) {
        prompt_free(prompt);
        error_set(err, ERROR_USAGE, "there is no labeler \"%s\" to ask", name);
        error_hint(err, "model (the open model), likelihood, or "
                        "sim:gap=1.6,pos=.3,noise=.5 (simulated)");
        return NULL;
    }
    struct engine *engine = workbench_engine(wb, err);
    if (!engine) {
        prompt_free(prompt);
        return NULL;
    }
    if (name && strncmp(name, "model:", 6) == 0 && !is_open_model(wb->model, name)) {
        prompt_free(prompt);
        error_set(err, ERROR_USAGE, "the open model is not %s", name + 6);
        error_hint(err, "it is %.60s; model open FILE takes another one",
                   model_info(wb->model)->name);
        return NULL;
    }
    if (name && strcmp(name, "likelihood") == 0) {
        prompt_free(prompt);
        return labeler_likelihood_new(engine, wb->model, NULL, &options, err);
    }
    return labeler_model_new(engine, wb->model, prompt, &options, err);
}

struct probe_job {
    struct label_run_config config;
    struct label_list rows;
    struct label_summary summary;
};

static void take_rows(void *ctx, const struct label *labels, size_t n, bool reused)
{
    struct probe_job *probe = ctx;
    (void)reused;
    for (size_t i = 0; i < n; i++)
        label_copy(label_list_add(&probe->rows), &labels[i]);
}

static int run_job(struct job *job, void *arg, struct error *err)
{
    struct probe_job *probe = arg;
    struct label_run_events events = {.labels = take_rows, .ctx = probe};
    return label_run(&probe->config, &events, job_cancel(job), &probe->summary, err);
}

static void judge_rows(const struct probe_job *probe, struct judged *rows)
{
    const struct label **mine = xcalloc(probe->rows.n ? probe->rows.n : 1, sizeof *mine);
    for (size_t i = 0; i < probe->config.n; i++) {
        size_t n = 0;
        for (size_t k = 0; k < probe->rows.n; k++)
            if (probe->rows.labels[k].pair_id == probe->config.pairs[i]->id)
                mine[n++] = &probe->rows.labels[k];
        judged_make(&rows[i], probe->config.pairs[i], mine, n, false);
    }
    free(mine);
}

int probe_run(struct workbench *wb, struct prompt *prompt, int64_t prompt_id, const char *labeler,
              const struct pair *const *pairs, size_t n, struct judged *rows, struct error *err)
{
    struct probe_job probe = {0};
    struct job_work work = {.kind = "probe", .probe = true, .run = run_job, .arg = &probe};

    probe.config = (struct label_run_config){
        /* A draft without a version has no rows to keep. */
        .store = prompt_id > 0 && !wb->readonly ? wb->store : NULL,
        .labeler = labeler_by_name(wb, labeler, prompt, POOL_PROBE, 1, err),
        .pairs = pairs, .n = n, .prompt_id = prompt_id, .probe = true,
    };
    if (!probe.config.labeler)
        return -1;
    int number = jobs_start(wb->jobs, &work, "probe");
    int status = jobs_wait(wb->jobs, number, &wb->interrupt, err);
    if (status < 0) {
        /* An interrupted wait leaves the job running on this stack frame: it must end first. */
        jobs_cancel(wb->jobs, number, NULL);
        jobs_wait(wb->jobs, number, NULL, NULL);
    } else {
        judge_rows(&probe, rows);
        judging_take_rows(wb, &probe.rows);
    }
    labeler_free(probe.config.labeler);
    label_list_release(&probe.rows);
    return status;
}

/* ---- the answer ---- */

json_t *probe_json(const struct judged *before, const struct judged *after, size_t n,
                   const char *set_name)
{
    json_t *rows = json_array();
    size_t counts[5] = {0}, right = 0, same_slot = 0, decided = 0;

    for (size_t i = 0; i < n; i++) {
        enum probe_change change = probe_compare(&before[i], &after[i]);
        counts[change]++;
        decided += is_decided(&after[i]);
        right += is_decided(&after[i]) && hit(&after[i]) == 1;
        same_slot += after[i].slot[0] == after[i].slot[1] && after[i].slot[0] != SLOT_NONE;
        json_array_append_new(
            rows, json_pack("{so so so so so ss}", "pair",
                            json_sprintf("%s#%d", set_name, after[i].pair->num), "human",
                            after[i].reference.choice
                                ? json_string(choice_name(after[i].reference.choice))
                                : json_null(),
                            "before", json_text0(verdict_name(before[i].verdict)),
                            "after", json_text0(verdict_name(after[i].verdict)), "p_a",
                            json_number_or_null(after[i].p_a), "change",
                            probe_change_name(change)));
    }
    return json_pack("{si si si si si si so ss}", "n", (int)n, "right", (int)right, "decided",
                     (int)decided, "same_position", (int)same_slot, "fixed",
                     (int)counts[PROBE_FIXED], "broke", (int)counts[PROBE_BROKE], "rows", rows,
                     "says", "picked hard: not an estimate");
}

/* The version to compare with: the parent, where the set has labels by it. */
static struct judging *judging_before(struct workbench *wb, struct set_index *set,
                                      int64_t before_id, const char *labeler)
{
    char *ref = workbench_prompt_name(wb, before_id), *found = NULL;
    int64_t prompt_id;
    struct judging *judging = NULL;

    if (before_id > 0 &&
        workbench_find_labels(wb, set, ref, labeler, &prompt_id, &found, NULL) == 0)
        judging = workbench_judging(wb, set, prompt_id, found, NULL);
    free(found);
    free(ref);
    return judging;
}

json_t *probe_answer(struct workbench *wb, struct prompt *prompt, int64_t prompt_id,
                     int64_t before_id, const char *labeler, size_t n, struct error *err)
{
    struct set_index *set = workbench_set(wb, NULL, err);
    const struct pair *pairs[PROBE_PAIRS_MAX];
    json_t *answer = NULL;

    if (!set) {
        prompt_free(prompt);
        return NULL;
    }
    struct judging *judging = judging_before(wb, set, before_id, labeler);
    n = probe_pick(set, judging, NULL, n > PROBE_PAIRS_MAX ? PROBE_PAIRS_MAX : n, pairs);
    if (n == 0) {
        prompt_free(prompt);
        error_set(err, ERROR_FAILED,
                  "set %s has no pair with a clear choice outside its test split",
                  set->row.name);
        return NULL;
    }
    struct judged *after = xcalloc(n, sizeof *after), *before = xcalloc(n, sizeof *before);
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(pairs[i] - set->list.pairs);
        if (judging)
            before[i] = judging->rows[at];
        else
            judged_make(&before[i], pairs[i], NULL, 0, false);
    }
    if (probe_run(wb, prompt, prompt_id, labeler, pairs, n, after, err) == 0)
        answer = probe_json(before, after, n, set->row.name);
    free(after);
    free(before);
    return answer;
}

int probe_after_edit(struct call *call, const struct prompt_row *before, struct error *err)
{
    struct workbench *wb = call->wb;
    struct prompt_row row;

    if (!workbench_model(wb, NULL)) {
        workbench_say(wb, "there is no model to probe it with");
        return 0;
    }
    if (workbench_prompt(wb, NULL, &row, err) < 0)
        return -1;
    struct prompt *prompt = prompt_load(wb, &row, err);
    json_t *probe =
        prompt ? probe_answer(wb, prompt, row.id, before->id, NULL, PROBE_PAIRS, err)
               : NULL;
    prompt_row_release(&row);
    if (!probe)
        return -1;
    json_object_set_new(call->answer, "probe", probe);
    return 0;
}

void probe_print(const json_t *answer, struct buf *out)
{
    json_t *probe = json_object_get(answer, "probe"), *row;
    size_t i;

    if (!probe)
        probe = (json_t *)answer;
    json_array_foreach(json_object_get(probe, "rows"), i, row) {
        const char *before = json_string_value(json_object_get(row, "before"));
        const char *after = json_string_value(json_object_get(row, "after"));
        const char *human = json_string_value(json_object_get(row, "human"));
        json_t *p = json_object_get(row, "p_a");
        buf_addf(out, "%-14s reference %-4s %4s -> %-4s",
                 json_string_value(json_object_get(row, "pair")), human ? human : "-",
                 before ? before : "-", after ? after : "none");
        if (json_is_real(p))
            buf_addf(out, " P(A) %.3f", json_real_value(p));
        buf_addf(out, "  %s\n", json_string_value(json_object_get(row, "change")));
    }
    buf_addf(out,
             "%lld fixed, %lld broke; right in %lld of %lld, same slot twice in %lld (%s)\n",
             json_integer_value(json_object_get(probe, "fixed")),
             json_integer_value(json_object_get(probe, "broke")),
             json_integer_value(json_object_get(probe, "right")),
             json_integer_value(json_object_get(probe, "decided")),
             json_integer_value(json_object_get(probe, "same_position")),
             json_string_value(json_object_get(probe, "says")));
}
