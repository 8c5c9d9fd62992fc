/* Opens and closes the one state behind all front ends; finds sets, pairs, prompts, the model. */
#include "src/cmd/workbench.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/cmd/command.h"
#include "src/cmd/builtin.h"
#include "src/cmd/judging.h"
#include "src/cmd/watch.h"
#include "src/job/label_run.h"
#include "src/label/labeler.h"

#define DEFAULT_MODEL "SmolLM2-135M-Instruct.Q4_1.gguf"

void workbench_say(struct workbench *wb, const char *format, ...)
{
    const struct sink *sink = wb->sink ? wb->sink : wb->front;
    struct buf line, clean;
    va_list args;

    if (!sink || !sink->talk)
        return;
    buf_init(&line, 0);
    buf_init(&clean, 0);
    va_start(args, format);
    buf_vaddf(&line, format, args);
    va_end(args);
    text_sanitise(&clean, buf_str(&line), line.len, 0);
    sink->talk(sink->ctx, buf_str(&clean));
    buf_release(&line);
    buf_release(&clean);
}

/* ---- folders ---- */

/* The source tree when the program runs from its build folder, else where it was installed. */
static char *find_share_dir(void)
{
    const char *env = getenv("RLAIF_SHARE");
    char exe[PATH_MAX], build[PATH_MAX];
    ssize_t n;

    if (env && *env)
        return xstrdup(env);
    n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0 && realpath(RLAIF_BUILD_DIR, build)) {
        exe[n] = '\0';
        size_t len = strlen(build);
        /* Tests run from folders below. */
        if (strncmp(exe, build, len) == 0 && exe[len] == '/')
            return NULL;
    }
    return xstrdup(RLAIF_SHARE_DIR);
}

static int set_dirs(struct workbench *wb, const struct workbench_options *options,
                    struct error *err)
{
    char *data = path_data_home();

    wb->share_dir = options->share_dir ? xstrdup(options->share_dir) : find_share_dir();
    wb->prompts_dir = path_join(wb->share_dir ? wb->share_dir : RLAIF_SOURCE_DIR, "prompts");
    wb->builtin_dir = wb->share_dir ? path_join(wb->share_dir, "builtin")
                                    : xstrdup(RLAIF_SOURCE_DIR "/src/data/builtin");
    wb->cache_dir = path_cache_home();
    if (wb->cache_dir && file_make_dirs(wb->cache_dir, NULL) < 0) {
        /* A cache is a convenience: without one the kernel is timed again. */
        free(wb->cache_dir);
        wb->cache_dir = NULL;
    }
    if (options->dir)
        wb->dir = xstrdup(options->dir);
    else if (data)
        wb->dir = path_join(data, "workspace");
    if (options->model_path)
        wb->model_path = xstrdup(options->model_path);
    else if (data && !options->no_model) {
        char *models = path_join(data, "models");
        wb->model_path = path_join(models, DEFAULT_MODEL);
        free(models);
    }
    free(data);
    if (!wb->dir) {
        error_set(err, ERROR_FAILED,
                  "there is no HOME and no XDG_DATA_HOME to keep a workspace in");
        return error_hint(err, "name a folder by -w DIR");
    }
    if (options->readonly)
        return 0;
    return file_make_dirs(wb->dir, err);
}

/* ---- events of jobs ---- */

static void on_message(void *ctx, int number, void *message)
{
    struct workbench *wb = ctx;
    struct label_message *label = message;

    if (label->magic != LABEL_MESSAGE_MAGIC)
        return;
    if (label->kind == LABEL_MESSAGE_ESTIMATE && !label->probe) {
        char line[200];
        label_estimate_format(&label->estimate, line, sizeof line);
        workbench_say(wb, "%%%d: %s", number, line);
    }
    if (label->kind == LABEL_MESSAGE_ROWS)
        judging_take_rows(wb, &label->rows);
    if (wb->on_label)
        wb->on_label(wb->on_label_ctx, label);
    wb->generation++;
    label_message_free(label);
}

static void on_changed(void *ctx, const struct job_snapshot *job)
{
    struct workbench *wb = ctx;

    wb->generation++;
    if (job->state == JOB_QUEUED || job->state == JOB_RUNNING || strcmp(job->kind, "probe") == 0)
        return;
    if (job->state == JOB_FAILED) {
        char text[1000];
        error_format(&job->error, text, sizeof text);
        workbench_say(wb, "%%%d %s failed: %s", job->number, job->kind, text);
        return;
    }
    workbench_say(wb, "%%%d %s %s, %.1f s%s%s", job->number, job->line,
                  job_state_name(job->state), job->seconds, job->note[0] ? ": " : "", job->note);
}

void workbench_poll(struct workbench *wb)
{
    jobs_poll(wb->jobs);
}

/* ---- open and close ---- */

static bool has_builtin(struct workbench *wb)
{
    char *filled = store_get_setting(wb->store, "builtin");
    bool has = filled != NULL;
    free(filled);
    return has;
}

struct workbench *workbench_open(const struct workbench_options *options, struct error *err)
{
    struct workbench *wb = xcalloc(1, sizeof *wb);
    struct job_events events = {.message = on_message, .changed = on_changed, .ctx = wb};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = options->threads > 0 ? options->threads : cores > 0 ? (int)cores : 1;

    if (set_dirs(wb, options, err) < 0)
        goto fail;
    wb->store = store_open(wb->dir, options->readonly ? STORE_READONLY : 0, NULL, err);
    if (!wb->store)
        goto fail;
    wb->readonly = options->readonly || store_readonly(wb->store);
    wb->pool = pool_new(threads > 64 ? 64 : threads);
    wb->jobs = jobs_new();
    jobs_set_events(wb->jobs, &events);
    wb->engine_options.cache_dir = wb->cache_dir;
    /* A first start that could not read its files is made good by the next. */
    if (!wb->readonly && !has_builtin(wb) &&
        (builtin_fill(wb, err) < 0 || store_set_setting(wb->store, "builtin", "1", err) < 0))
        goto fail;
    if (!options->model_path && !options->no_model) {
        char *model = store_get_setting(wb->store, "model");
        if (model) {
            free(wb->model_path);
            wb->model_path = model;
        }
    }
    char *current = store_get_setting(wb->store, "set");
    wb->current_set = current ? current : xstrdup("builtin");
    wb->last_prompt = store_get_setting(wb->store, "prompt");
    return wb;
fail:
    workbench_close(wb);
    return NULL;
}

static void free_set(struct set_index *set)
{
    set_row_release(&set->row);
    pair_list_release(&set->list);
    free(set->order);
    free(set);
}

static void free_retired(struct workbench *wb)
{
    for (size_t i = 0; i < wb->n_retired; i++)
        free_set(wb->retired[i]);
    free(wb->retired);
    wb->retired = NULL;
    wb->n_retired = 0;
}

void workbench_close(struct workbench *wb)
{
    if (!wb)
        return;
    watch_stop(wb);
    if (wb->jobs)
        jobs_free(wb->jobs);
    judging_free_all(wb);
    for (size_t i = 0; i < wb->n_sets; i++)
        free_set(wb->sets[i]);
    free(wb->sets);
    free_retired(wb);
    engine_free(wb->engine);
    model_close(wb->model);
    if (wb->pool)
        pool_free(wb->pool);
    store_close(wb->store);
    free(wb->dir);
    free(wb->share_dir);
    free(wb->cache_dir);
    free(wb->prompts_dir);
    free(wb->builtin_dir);
    free(wb->model_path);
    free(wb->current_set);
    free(wb->last_prompt);
    free(wb);
}

/* ---- the model ---- */

struct model *workbench_model(struct workbench *wb, struct error *err)
{
    struct error own;

    if (wb->model)
        return wb->model;
    if (!wb->model_path || !file_exists(wb->model_path)) {
        error_set(err, ERROR_FAILED, "there is no model%s%s", wb->model_path ? ": no file " : "",
                  wb->model_path ? wb->model_path : "");
        error_hint(err, "./bootstrap model fetches the default one, model open FILE takes another; "
                        "labeler=sim:gap=1 labels without any (simulated)");
        return NULL;
    }
    wb->model = model_open(wb->model_path, wb->cache_dir, &own);
    if (!wb->model && err)
        *err = own;
    return wb->model;
}

struct engine *workbench_engine(struct workbench *wb, struct error *err)
{
    if (!wb->engine && workbench_model(wb, err))
        wb->engine = engine_new(wb->model, wb->pool, &wb->engine_options, err);
    return wb->engine;
}

int workbench_model_labeler(struct workbench *wb, char **out, struct error *err)
{
    struct model *model = workbench_model(wb, err);
    if (!model)
        return -1;
    *out = model_labeler_name(model);
    return 0;
}

/* ---- sets and pairs ---- */

void workbench_forget_set(struct workbench *wb, int64_t set_id)
{
    judging_forget_set(wb, set_id);
    for (size_t i = 0; i < wb->n_sets; i++)
        if (wb->sets[i]->row.id == set_id) {
            /* A running job reads its pairs until it ends. */
            wb->retired = xrealloc(wb->retired, (wb->n_retired + 1) * sizeof *wb->retired);
            wb->retired[wb->n_retired++] = wb->sets[i];
            wb->sets[i] = wb->sets[--wb->n_sets];
            break;
        }
    if (!jobs_active(wb->jobs))
        free_retired(wb);
}

struct set_index *workbench_set(struct workbench *wb, const char *name, struct error *err)
{
    if (!name)
        name = wb->current_set;
    for (size_t i = 0; i < wb->n_sets; i++)
        if (strcmp(wb->sets[i]->row.name, name) == 0)
            return wb->sets[i];
    struct set_row row;
    if (store_find_set(wb->store, name, &row, err) < 0)
        return NULL;
    struct set_index *set = xcalloc(1, sizeof *set);
    set->row = row;
    pair_list_init(&set->list);
    if (store_load_pairs(wb->store, row.id, &set->list, err) < 0) {
        free_set(set);
        return NULL;
    }
    size_t n = set->list.n;
    const struct pair **pairs = xcalloc(n ? n : 1, sizeof *pairs);
    set->order = xcalloc(n ? n : 1, sizeof *set->order);
    for (size_t i = 0; i < n; i++)
        pairs[i] = &set->list.pairs[i];
    pair_order(pairs, n, row.name, 1, set->order);
    free(pairs);
    wb->sets = xrealloc(wb->sets, (wb->n_sets + 1) * sizeof *wb->sets);
    wb->sets[wb->n_sets++] = set;
    return set;
}

const struct pair *workbench_pair(struct workbench *wb, const char *ref, struct set_index **out,
                                  struct error *err)
{
    const char *hash = strrchr(ref, '#');
    char *end;
    long num = hash ? strtol(hash + 1, &end, 10) : 0;

    if (!hash || end == hash + 1 || *end || num < 1) {
        error_set(err, ERROR_USAGE, "\"%s\" is not a pair", ref);
        error_hint(err, "#17 is pair 17 of the current set, NAME#17 one of another set");
        return NULL;
    }
    char *name = hash == ref ? NULL : xstrndup(ref, (size_t)(hash - ref));
    struct set_index *set = workbench_set(wb, name, err);
    free(name);
    if (!set)
        return NULL;
    if ((size_t)num > set->list.n) {
        error_set(err, ERROR_USAGE, "set %s has pairs #1 to #%zu, no #%ld", set->row.name,
                  set->list.n, num);
        return NULL;
    }
    if (out)
        *out = set;
    return &set->list.pairs[num - 1];
}

/* ---- prompts ---- */

static void move_prompt(struct prompt_rows *rows, size_t i, struct prompt_row *out)
{
    *out = rows->rows[i];
    rows->rows[i] = (struct prompt_row){0};
}

/* Index of "name", "name@2" or "p3"; n when there is none. */
static size_t find_prompt(const struct prompt_rows *rows, const char *ref)
{
    const char *at = strrchr(ref, '@');
    size_t name_len = at ? (size_t)(at - ref) : strlen(ref);
    long version = at ? strtol(at + 1, NULL, 10) : 0;
    size_t found = rows->n;
    char *end;

    for (size_t i = 0; i < rows->n; i++) {
        const struct prompt_row *row = &rows->rows[i];
        if (strlen(row->name) == name_len && strncmp(row->name, ref, name_len) == 0 &&
            (!at || row->version == version))
            found = i;
    }
    if (found == rows->n && ref[0] == 'p') {
        long number = strtol(ref + 1, &end, 10);
        if (!*end && number >= 1 && (size_t)number <= rows->n)
            return (size_t)number - 1;
    }
    return found;
}

int workbench_prompt(struct workbench *wb, const char *ref, struct prompt_row *out,
                     struct error *err)
{
    struct prompt_rows rows = {0};
    int status = -1;

    if (!ref)
        ref = wb->last_prompt ? wb->last_prompt : "summary-base";
    if (store_prompts(wb->store, &rows, err) < 0)
        return -1;
    size_t i = find_prompt(&rows, ref);
    if (i < rows.n) {
        move_prompt(&rows, i, out);
        status = 0;
    } else {
        const char **names = xcalloc(rows.n + 1, sizeof *names);
        for (size_t k = 0; k < rows.n; k++)
            names[k] = rows.rows[k].name;
        const char *near = text_nearest(ref, names, rows.n);
        error_set(err, ERROR_USAGE, "there is no prompt \"%s\"", ref);
        if (near)
            error_hint(err, "did you mean %s? list prompts shows all", near);
        else
            error_hint(err, "list prompts shows all; new prompt NAME from=FILE makes one");
        free(names);
    }
    prompt_rows_release(&rows);
    return status;
}

char *workbench_prompt_name(struct workbench *wb, int64_t prompt_id)
{
    struct prompt_rows rows = {0};
    char *name = NULL;

    if (prompt_id > 0 && store_prompts(wb->store, &rows, NULL) == 0)
        for (size_t i = 0; i < rows.n; i++)
            if (rows.rows[i].id == prompt_id)
                name = xasprintf("%s@%d", rows.rows[i].name, rows.rows[i].version);
    prompt_rows_release(&rows);
    return name ? name : xstrdup("-");
}

int workbench_use_set(struct workbench *wb, const char *name, struct error *err)
{
    if (!wb->readonly && store_set_setting(wb->store, "set", name, err) < 0)
        return -1;
    free(wb->current_set);
    wb->current_set = xstrdup(name);
    return 0;
}

int check_set_name(const char *name, struct error *err)
{
    size_t len = strlen(name);
    if (len > 0 && len <= 64 && utf8_valid(name, len, NULL) && !strpbrk(name, "# \t\n;'\"\\<>|"))
        return 0;
    error_set(err, ERROR_USAGE, "\"%s\" is no name for a set", name);
    return error_hint(err, "1 to 64 characters without blanks, # and quotes");
}
