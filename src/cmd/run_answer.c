/* What is said of runs: one whole, or several side by side. */
#include "src/cmd/run_answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"

static const struct metric_last *last_of(const struct metric_lasts *lasts, const char *name)
{
    for (size_t i = 0; i < lasts->n; i++)
        if (strcmp(lasts->rows[i].name, name) == 0)
            return &lasts->rows[i];
    return NULL;
}

const char *run_main_metric(const char *kind, const struct metric_lasts *lasts)
{
    static const struct {
        const char *kind, *names[4];
    } rows[] = {
        {"sft", {"eval_loss", "loss", NULL}},
        {"rm", {"eval_accuracy", "accuracy", "loss", NULL}},
        {"rl", {"objective/win_rate_vs_sft", "objective/rlhf_reward", "objective/scores", NULL}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int k = 0; strcmp(rows[i].kind, kind) == 0 && rows[i].names[k]; k++)
            if (last_of(lasts, rows[i].names[k]))
                return rows[i].names[k];
    return lasts->n ? lasts->rows[0].name : NULL;
}

static json_t *parsed(const char *text)
{
    json_t *value = text ? json_parse(text, strlen(text), "the run", 1, NULL) : NULL;
    if (json_is_object(value))
        return value;
    json_decref(value);
    return json_object();
}

double run_seconds(const struct run_row *run)
{
    json_t *result = parsed(run->result);
    json_t *known = json_object_get(result, "seconds");
    double seconds = json_is_number(known) ? json_number_value(known) : NAN;
    json_decref(result);
    if (!isnan(seconds))
        return seconds;
    if (run->ended)
        return (double)(run->ended - run->started) / 1000;
    if (strcmp(run->state, "running") == 0)
        return (double)(clock_wall_ms() - run->started) / 1000;
    return NAN;
}

json_t *run_metrics_json(const struct metric_lasts *lasts)
{
    json_t *out = json_object();
    for (size_t i = 0; i < lasts->n; i++)
        json_object_set_new(out, lasts->rows[i].name, json_number_or_null(lasts->rows[i].value));
    return out;
}

/* ---- stages ---- */

/* Key in a stage, and the metric that it is; the first that the run has is taken. */
static const struct {
    const char *kind, *key, *metric;
} stage_keys[] = {
    {"sft", "tokens", "num_tokens"},   {"sft", "loss", "eval_loss"},
    {"sft", "loss", "loss"},           {"sft", "gold", "eval_gold"},
    {"sft", "rouge_l", "eval_rougeL"}, {"rm", "accuracy", "eval_accuracy"},
    {"rm", "accuracy", "accuracy"},    {"rm", "loss_excess", "eval_loss_excess"},
    {"rm", "loss_excess", "loss_excess"},
    {"rl", "kl", "objective/kl"},      {"rl", "proxy", "objective/scores"},
    {"rl", "gold", "eval_gold"},       {"rl", "length", "completions/mean_length"},
};

static int64_t last_step(const struct metric_lasts *lasts)
{
    int64_t step = 0;
    for (size_t i = 0; i < lasts->n; i++)
        if (lasts->rows[i].step > step)
            step = lasts->rows[i].step;
    return step;
}

json_t *run_stage_json(struct workbench *wb, const struct run_row *run, struct error *err)
{
    struct metric_lasts lasts;
    json_t *out, *result, *value;
    const char *key;

    if (store_last_metrics(wb->store, run->id, &lasts, err) < 0)
        return NULL;
    out = json_pack("{so so sI so}", "stage", json_text0(run->kind), "run", json_text0(run->name),
                    strcmp(run->kind, "rl") == 0 ? "updates" : "steps",
                    (json_int_t)last_step(&lasts), "seconds",
                    json_number_or_null(run_seconds(run)));
    for (size_t i = 0; i < sizeof stage_keys / sizeof *stage_keys; i++) {
        const struct metric_last *last = last_of(&lasts, stage_keys[i].metric);
        if (last && strcmp(run->kind, stage_keys[i].kind) == 0 &&
            !json_object_get(out, stage_keys[i].key))
            json_object_set_new(out, stage_keys[i].key, json_number_or_null(last->value));
    }
    metric_lasts_release(&lasts);
    result = parsed(run->result);
    json_object_foreach(result, key, value)
        if (!json_is_object(value) && strcmp(key, "stages") && strcmp(key, "head_to_head"))
            json_object_set(out, key, value);
    json_decref(result);
    return out;
}

/* What a recipe wrote of a stage, with the figures of the run that it names beside it. */
static void fill_stages(struct workbench *wb, json_t *stages)
{
    size_t i;
    json_t *stage;
    json_array_foreach(stages, i, stage) {
        const char *name = json_string_value(json_object_get(stage, "run"));
        struct run_row run;
        if (!name || store_find_run(wb->store, name, NULL, &run, NULL) < 0)
            continue;
        json_t *figures = run_stage_json(wb, &run, NULL);
        if (figures)
            json_object_update_missing(stage, figures);
        json_decref(figures);
        run_row_release(&run);
    }
}

/* ---- show run ---- */

int run_find_whole(struct workbench *wb, const char *name, struct run_row *out,
                   struct error *err)
{
    struct run_row recipe;
    if (store_find_run(wb->store, name, NULL, out, err) < 0)
        return -1;
    json_t *config = parsed(out->config);
    const char *whole = json_string_value(json_object_get(config, "stage_of"));
    if (strcmp(name, "last") == 0 && whole &&
        store_find_run(wb->store, whole, NULL, &recipe, NULL) == 0) {
        run_row_release(out);
        *out = recipe;
    }
    json_decref(config);
    return 0;
}

static int add_events(struct workbench *wb, int64_t run_id, json_t *answer, struct error *err)
{
    struct run_events events;
    json_t *list = json_array();
    if (store_load_events(wb->store, run_id, &events, err) < 0) {
        json_decref(list);
        return -1;
    }
    for (size_t i = 0; i < events.n; i++) {
        const struct run_event *event = &events.rows[i];
        json_array_append_new(list,
                              json_pack("{sI sI so so so so}", "step", (json_int_t)event->step,
                                        "at", (json_int_t)event->at, "kind",
                                        json_text0(event->kind), "name", json_text0(event->name),
                                        "value", json_number_or_null(event->value), "text",
                                        json_text0(event->text)));
    }
    run_events_release(&events);
    json_object_set_new(answer, "events", list);
    return 0;
}

static int add_checkpoints(struct workbench *wb, int64_t run_id, json_t *answer, struct error *err)
{
    struct checkpoint_rows rows;
    json_t *list = json_array();
    if (store_checkpoints(wb->store, run_id, &rows, err) < 0) {
        json_decref(list);
        return -1;
    }
    for (size_t i = 0; i < rows.n; i++) {
        char hash[65];
        hash_hex(rows.rows[i].hash, hash);
        json_array_append_new(list, json_pack("{sI so ss sI}", "step",
                                              (json_int_t)rows.rows[i].step, "file",
                                              json_text0(rows.rows[i].file), "sha256", hash,
                                              "bytes", (json_int_t)rows.rows[i].bytes));
    }
    checkpoint_rows_release(&rows);
    json_object_set_new(answer, "checkpoints", list);
    return 0;
}

json_t *run_show_json(struct workbench *wb, const struct run_row *run, struct error *err)
{
    struct metric_lasts lasts;
    json_t *config = parsed(run->config), *result = parsed(run->result), *recipe;

    if (store_last_metrics(wb->store, run->id, &lasts, err) < 0) {
        json_decref(config);
        json_decref(result);
        return NULL;
    }
    recipe = json_object_get(config, "recipe");
    json_t *answer = json_pack(
        "{ss so so so sO sI so so so sI so so}", "command", "show run", "run",
        json_text0(run->name), "kind", json_text0(run->kind), "parent",
        json_text0(run->parent), "recipe", recipe ? recipe : json_null(),
        "seed", (json_int_t)run->seed, "state", json_text0(run->state), "error",
        json_text0(run->error), "seconds", json_number_or_null(run_seconds(run)), "step",
        (json_int_t)last_step(&lasts), "metrics", run_metrics_json(&lasts), "config",
        config);
    metric_lasts_release(&lasts);
    json_object_update(answer, result);
    json_decref(result);
    if (add_events(wb, run->id, answer, err) < 0 || add_checkpoints(wb, run->id, answer, err) < 0) {
        json_decref(answer);
        return NULL;
    }
    json_t *stages = json_object_get(answer, "stages");
    if (json_is_array(stages)) {
        fill_stages(wb, stages);
    } else {
        stages = json_array();
        json_t *stage = strcmp(run->kind, "recipe") ? run_stage_json(wb, run, NULL) : NULL;
        if (stage)
            json_array_append_new(stages, stage);
        json_object_set_new(answer, "stages", stages);
    }
    if (!json_object_get(answer, "head_to_head"))
        json_object_set_new(answer, "head_to_head", json_array());
    return answer;
}

static void add_value(struct buf *out, const json_t *value)
{
    if (json_is_number(value) && !json_is_integer(value))
        buf_addf(out, "%.4g", json_number_value(value));
    else if (json_is_string(value))
        text_sanitise(out, json_string_value(value), json_string_length(value), 0);
    else if (!value || json_is_null(value))
        buf_addc(out, '-');
    else
        json_write(out, value);
}

static void print_pairs(struct buf *out, const json_t *object, const char *skip)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (strcmp(key, "stage") == 0 || (skip && strcmp(key, skip) == 0))
            continue;
        buf_addf(out, "  %s ", key);
        add_value(out, value);
    }
    buf_addc(out, '\n');
}

static void print_field(struct buf *out, const json_t *answer, const char *key)
{
    const json_t *value = json_object_get(answer, key);
    if (!value || json_is_null(value))
        return;
    buf_addf(out, "  %s ", key);
    add_value(out, value);
}

static void print_lists(struct buf *out, const json_t *answer)
{
    json_t *row, *list = json_object_get(answer, "stages");
    size_t i;
    json_array_foreach(list, i, row) {
        buf_addf(out, "  %-8s", json_string_value(json_object_get(row, "stage"))
                                    ? json_string_value(json_object_get(row, "stage"))
                                    : "");
        print_pairs(out, row, NULL);
    }
    list = json_object_get(answer, "head_to_head");
    json_array_foreach(list, i, row) {
        buf_adds(out, "  versus  ");
        print_pairs(out, row, NULL);
    }
    list = json_object_get(answer, "events");
    json_array_foreach(list, i, row) {
        buf_addf(out, "  step %" JSON_INTEGER_FORMAT "  %s: ",
                 json_integer_value(json_object_get(row, "step")),
                 json_string_value(json_object_get(row, "kind")));
        add_value(out, json_object_get(row, "text"));
        buf_addc(out, '\n');
    }
}

void run_show_print(const json_t *answer, struct buf *out)
{
    const char *key;
    json_t *value, *metrics = json_object_get(answer, "metrics");

    add_value(out, json_object_get(answer, "run"));
    print_field(out, answer, "state");
    print_field(out, answer, "recipe");
    print_field(out, answer, "parent");
    print_field(out, answer, "seed");
    print_field(out, answer, "step");
    print_field(out, answer, "seconds");
    buf_addc(out, '\n');
    if (!json_is_null(json_object_get(answer, "error"))) {
        buf_adds(out, "  error: ");
        add_value(out, json_object_get(answer, "error"));
        buf_addc(out, '\n');
    }
    print_lists(out, answer);
    json_object_foreach(metrics, key, value) {
        buf_addf(out, "  %-28s ", key);
        add_value(out, value);
        buf_addc(out, '\n');
    }
    if (json_object_size(json_object_get(answer, "config"))) {
        buf_adds(out, "  config:");
        print_pairs(out, json_object_get(answer, "config"), NULL);
    }
}

/* ---- compare runs ---- */

/* The keys whose values are not the same in all configurations, in the order they come. */
static json_t *differing(json_t *const *configs, size_t n)
{
    json_t *out = json_array(), *value, *seen = json_object();
    const char *key;
    for (size_t i = 0; i < n; i++)
        json_object_foreach(configs[i], key, value) {
            bool differs = false;
            for (size_t k = 0; k < n && !differs; k++)
                differs = !json_equal(value, json_object_get(configs[k], key));
            if (differs && !json_object_get(seen, key)) {
                json_object_set_new(seen, key, json_true());
                json_array_append_new(out, json_string(key));
            }
        }
    json_decref(seen);
    return out;
}

/* A run's seed is one of its settings, and so is what it began from. */
static json_t *whole_config(const struct run_row *run)
{
    json_t *config = parsed(run->config);
    if (!json_object_get(config, "seed"))
        json_object_set_new(config, "seed", json_integer((json_int_t)run->seed));
    return config;
}

json_t *run_compare_json(struct workbench *wb, const struct run_row *const *runs, size_t n,
                         struct error *err)
{
    json_t **configs = xcalloc(n + 1, sizeof(json_t *));
    json_t *list = json_array(), *differs, *key;
    int status = 0;
    size_t k;

    for (size_t i = 0; i < n; i++)
        configs[i] = whole_config(runs[i]);
    differs = differing(configs, n);
    for (size_t i = 0; i < n && status == 0; i++) {
        struct metric_lasts lasts;
        json_t *own = json_object();
        json_array_foreach(differs, k, key) {
            json_t *value = json_object_get(configs[i], json_string_value(key));
            json_object_set_new(own, json_string_value(key),
                                value ? json_incref(value) : json_null());
        }
        status = store_last_metrics(wb->store, runs[i]->id, &lasts, err);
        json_array_append_new(
            list, json_pack("{so so so so so so}", "run", json_text0(runs[i]->name), "kind",
                            json_text0(runs[i]->kind), "parent", json_text0(runs[i]->parent),
                            "state", json_text0(runs[i]->state), "seconds",
                            json_number_or_null(run_seconds(runs[i])), "config", own));
        json_object_set_new(json_array_get(list, i), "metrics",
                            status == 0 ? run_metrics_json(&lasts) : json_object());
        if (status == 0)
            metric_lasts_release(&lasts);
    }
    for (size_t i = 0; i < n; i++)
        json_decref(configs[i]);
    free(configs);
    json_t *answer = json_pack("{ss so so}", "command", "compare runs", "runs", list, "differs",
                               differs);
    if (status == 0)
        return answer;
    json_decref(answer);
    return NULL;
}

/* One line: a name, and in each run's column what `object` of that run has under it. */
static void print_line(struct buf *out, const json_t *runs, const char *name, const char *object)
{
    size_t i;
    json_t *run;
    buf_addf(out, "%-28s", name);
    json_array_foreach(runs, i, run) {
        struct buf cell;
        buf_init(&cell, 0);
        add_value(&cell, object ? json_object_get(json_object_get(run, object), name)
                                : json_object_get(run, name));
        int width = text_width(buf_str(&cell), cell.len);
        buf_fill(out, ' ', width < 12 ? (size_t)(12 - width) : 1);
        buf_add(out, buf_str(&cell), cell.len);
        buf_release(&cell);
    }
    buf_addc(out, '\n');
}

void run_compare_print(const json_t *answer, struct buf *out)
{
    json_t *runs = json_object_get(answer, "runs"), *differs = json_object_get(answer, "differs");
    json_t *run, *value, *names = json_object();
    const char *key;
    size_t i;

    if (json_array_size(runs) == 0) {
        buf_adds(out, "no runs yet\n");
        json_decref(names);
        return;
    }
    print_line(out, runs, "run", NULL);
    print_line(out, runs, "parent", NULL);
    print_line(out, runs, "state", NULL);
    json_array_foreach(differs, i, value)
        print_line(out, runs, json_string_value(value), "config");
    json_array_foreach(runs, i, run)
        json_object_foreach(json_object_get(run, "metrics"), key, value)
            json_object_set(names, key, value);
    json_object_foreach(names, key, value)
        print_line(out, runs, key, "metrics");
    json_decref(names);
}
