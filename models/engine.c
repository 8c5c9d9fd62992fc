#include "models/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/kernel.h"
#include "src/base/mem.h"

#define KV_LIMIT_MOST ((uint64_t)4 << 30)
#define COPY_SHARE 0.6 /* of the free memory that a packed copy of the weights may take */

static uint64_t memory_bytes(int what)
{
    long pages = sysconf(what), size = sysconf(_SC_PAGESIZE);

    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* What can be had without swapping: the page cache counts. */
static uint64_t free_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[128];
    uint64_t kib = 0;

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib ? kib << 10 : memory_bytes(_SC_AVPHYS_PAGES);
}

static uint64_t default_kv_limit(void)
{
    uint64_t quarter = memory_bytes(_SC_PHYS_PAGES) / 4;

    return quarter == 0 || quarter > KV_LIMIT_MOST ? KV_LIMIT_MOST : quarter;
}

struct engine *engine_create_with(const struct tf_config *config,
                                  const struct tf_weights *weights, struct engine_text text,
                                  struct pool *pool, const struct engine_options *options,
                                  const struct blas_kernel *kernel, enum simd simd,
                                  struct error *err)
{
    struct engine *engine = xcalloc(1, sizeof(*engine));

    engine->simd = simd;
    if (tf_net_init_f32(&engine->net, config, weights, kernel, simd, err) != 0) {
        free(engine);
        return NULL;
    }
    engine->pool = pool;
    engine->text = text;
    engine->kv_limit = options && options->kv_limit ? options->kv_limit : default_kv_limit();
    kv_init(&engine->tree, tf_page_reals(config) * sizeof(float), engine->kv_limit);
    turn_init(&engine->turn);
    pthread_mutex_init(&engine->tree_lock, NULL);
    return engine;
}

static void refuse_int8(struct error *err)
{
    struct cpu cpu;

    cpu_get(&cpu);
    if (cpu.vnni)
        error_set(err, ERROR_USAGE, "precision int8 is not in this version");
    else
        error_set(err, ERROR_USAGE, "precision int8 needs a CPU with VNNI, which this one lacks");
    error_hint(err, "set precision=f32");
}

struct engine *engine_create(const struct tf_config *config, const struct tf_weights *weights,
                             struct engine_text text, struct pool *pool,
                             const struct engine_options *options, struct error *err)
{
    struct engine *engine;
    struct blas_kernel kernel;
    char chosen_by[16];

    if (options && options->precision == ENGINE_INT8) {
        refuse_int8(err);
        return NULL;
    }
    if (kernel_choose(options ? options->cache_dir : NULL, &kernel, chosen_by, err) != 0)
        return NULL;
    engine = engine_create_with(config, weights, text, pool, options, &kernel, simd_choose(), err);
    if (engine)
        memcpy(engine->chosen_by, chosen_by, sizeof(engine->chosen_by));
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    kv_release(&engine->tree);
    tf_scratch_free_f32(&engine->scratch);
    tf_net_free_f32(&engine->net);
    turn_release(&engine->turn);
    pthread_mutex_destroy(&engine->tree_lock);
    free(engine);
}

/* At the first use, so that a program that only looks at a model starts at once. */
static int make_ready(struct engine *engine, enum pool_priority priority,
                      const struct cancel *cancel, struct error *err)
{
    size_t bytes = tf_net_bytes_f32(&engine->net);

    /* Without enough memory the weights are decoded by tiles, which is slower and right. */
    if (!bytes || engine->no_copy || (double)bytes >= COPY_SHARE * (double)free_memory() ||
        tf_net_pack_f32(&engine->net, engine->pool, priority, cancel, NULL) != 0)
        bytes = 0;
    if (cancel_asked(cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled while the weights were packed");
    if (tf_scratch_init_f32(&engine->scratch, &engine->net, ENGINE_PASS,
                            pool_threads(engine->pool), err) != 0) {
        return -1;
    }
    pthread_mutex_lock(&engine->tree_lock);
    engine->weight_bytes = bytes;
    engine->ready = true;
    pthread_mutex_unlock(&engine->tree_lock);
    return 0;
}

int engine_enter(struct engine *engine, struct engine_call *call, struct error *err)
{
    call->state = cpu_flush_denormals();
    if (turn_take(&engine->turn, call->priority, call->cancel, err) != 0)
        return -1;
    call->has_turn = true;
    return engine->ready ? 0 : make_ready(engine, call->priority, call->cancel, err);
}

void engine_leave(struct engine *engine, struct engine_call *call)
{
    pthread_mutex_lock(&engine->tree_lock);
    kv_trim(&engine->tree);
    pthread_mutex_unlock(&engine->tree_lock);
    if (call->has_turn)
        turn_give(&engine->turn);
    call->has_turn = false;
    cpu_restore(call->state);
}

int engine_yield(struct engine *engine, struct engine_call *call, struct error *err)
{
    if (!turn_urgent(&engine->turn, call->priority))
        return 0;
    turn_give(&engine->turn);
    call->has_turn = turn_take(&engine->turn, call->priority, call->cancel, err) == 0;
    return call->has_turn ? 0 : -1;
}

uint64_t engine_plan_id(struct engine *engine)
{
    uint64_t id;

    pthread_mutex_lock(&engine->tree_lock);
    id = ++engine->plans;
    pthread_mutex_unlock(&engine->tree_lock);
    return id;
}

/* ---- one pass ---- */

struct pass_lists {
    int32_t ids[ENGINE_PASS];
    uint32_t wanted[ENGINE_PASS];
    struct tf_segment segments[ENGINE_PASS];
    size_t n_segments, n_wanted;
    struct tf_copy *copies;
    size_t n_copies, cap_copies;
};

/* Rows first .. end of the plan as a batch. */
static void list_pass(const struct plan *plan, size_t first, size_t end,
                      struct pass_lists *lists)
{
    lists->n_segments = lists->n_wanted = lists->n_copies = 0;
    for (size_t i = first; i < end; i++) {
        const struct plan_row *row = &plan->rows[i], *before = i > first ? row - 1 : NULL;

        lists->ids[i - first] = row->id;
        if (row->wanted)
            lists->wanted[lists->n_wanted++] = (uint32_t)(i - first);
        if (before && before->path == row->path && before->store == row->store &&
            before->position + 1 == row->position) {
            lists->segments[lists->n_segments - 1].n_rows++;
            continue;
        }
        lists->segments[lists->n_segments++] = (struct tf_segment){.first_row = i - first,
                                                                   .n_rows = 1,
                                                                   .first_pos = row->position,
                                                                   .pages = row->path->pages,
                                                                   .parent = -1,
                                                                   .store = row->store};
    }
    for (size_t i = 0; i < plan->n_copies; i++) {
        const struct plan_copy *copy = &plan->copies[i];

        if (copy->row < first || copy->row >= end)
            continue;
        lists->copies =
            array_grow(lists->copies, lists->n_copies, &lists->cap_copies, sizeof(*lists->copies));
        lists->copies[lists->n_copies++] =
            (struct tf_copy){copy->from->page, copy->to->page, copy->n};
    }
}

/* Outputs of the layers that wait for the head, so that it is multiplied seldom and by many rows. */
struct outputs {
    float *hidden;  /* cap x width */
    uint32_t *rows; /* of the plan */
    size_t n, cap;
};

struct read_run {
    const struct engine *engine;
    struct plan *plan;
    const struct engine_call *call;
    const uint32_t *rows;
};

/* All that is wanted of one row of logits. */
static void read_row(void *arg, size_t i, const float *logits, int worker)
{
    const struct read_run *run = arg;
    const struct plan_row *row = &run->plan->rows[run->rows[i]];
    double logsumexp = run->engine->net.ops->logsumexp(logits, run->engine->net.head.rows);

    (void)worker;
    for (uint32_t w = row->first_want; w; w = run->plan->wants[w - 1].next)
        run->call->each(run->call->arg, &run->plan->wants[w - 1], logits, logsumexp);
}

static int read_outputs(struct engine *engine, struct plan *plan, struct outputs *outputs,
                        const struct engine_call *call, struct error *err)
{
    struct read_run run = {engine, plan, call, outputs->rows};
    size_t n = outputs->n;

    outputs->n = 0;
    return tf_logits_f32(&engine->net, &engine->scratch, outputs->hidden, n, engine->pool,
                         call->priority, call->cancel, read_row, &run, err);
}

/*
 * A pass that a more urgent caller stopped is worth nothing and is done again later: less is
 * lost than a person would notice of a pause. Returns 0, -1 or PASS_STOPPED.
 */
#define PASS_STOPPED 1

static int run_pass(struct engine *engine, struct plan *plan, size_t first, size_t end,
                    struct pass_lists *lists, struct outputs *outputs,
                    const struct engine_call *call, struct error *err)
{
    size_t width = (size_t)engine->net.config.width;
    struct cancel stop = {.parent = call->cancel};
    struct tf_batch_f32 batch;
    int status;

    list_pass(plan, first, end, lists);
    if (outputs->n + lists->n_wanted > outputs->cap &&
        read_outputs(engine, plan, outputs, call, err) != 0)
        return -1;
    batch = (struct tf_batch_f32){.ids = lists->ids,
                                  .n_rows = end - first,
                                  .segments = lists->segments,
                                  .n_segments = lists->n_segments,
                                  .copies = lists->copies,
                                  .n_copies = lists->n_copies,
                                  .wanted = lists->wanted,
                                  .n_wanted = lists->n_wanted};
    turn_start(&engine->turn, call->priority, &stop);
    status = tf_forward_f32(&engine->net, &engine->scratch, &batch, engine->pool, call->priority,
                            &stop, outputs->hidden + outputs->n * width, err);
    turn_stop(&engine->turn);
    if (status != 0)
        return cancel_asked(&stop) && !cancel_asked(call->cancel) ? PASS_STOPPED : -1;
    for (size_t i = 0; i < lists->n_wanted; i++)
        outputs->rows[outputs->n++] = (uint32_t)first + lists->wanted[i];
    pthread_mutex_lock(&engine->tree_lock);
    plan_done(plan, first, end);
    pthread_mutex_unlock(&engine->tree_lock);
    return 0;
}

static void make_outputs(const struct engine *engine, const struct plan *plan,
                         struct outputs *outputs)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n_rows; i++)
        n += plan->rows[i].wanted;
    outputs->n = 0;
    outputs->cap = n < ENGINE_PASS ? n : ENGINE_PASS;
    outputs->hidden = xcalloc(outputs->cap * (size_t)engine->net.config.width, sizeof(float));
    outputs->rows = xcalloc(outputs->cap, sizeof(*outputs->rows));
}

int engine_run(struct engine *engine, struct plan *plan, struct engine_call *call,
               struct error *err)
{
    /* Passes of one size: a small one behind full ones would be slow. */
    size_t n = plan->n_rows, passes = (n + ENGINE_PASS - 1) / ENGINE_PASS;
    struct pass_lists *lists = xcalloc(1, sizeof(*lists));
    struct outputs outputs;
    int status = 0;

    make_outputs(engine, plan, &outputs);
    for (size_t p = 0; p < passes && status == 0;) {
        struct error own;

        status = engine_yield(engine, call, err);
        if (status != 0)
            break;
        status = run_pass(engine, plan, n * p / passes, n * (p + 1) / passes, lists, &outputs,
                          call, &own);
        if (status == PASS_STOPPED)
            status = 0;
        else if (status == 0)
            p++;
        else if (err)
            *err = own;
    }
    if (status == 0)
        status = read_outputs(engine, plan, &outputs, call, err);
    free(outputs.hidden);
    free(outputs.rows);
    free(lists->copies);
    free(lists);
    return status;
}

int engine_check_ids(const struct engine *engine, const int32_t *ids, size_t n, struct error *err)
{
    const struct tf_config *config = &engine->net.config;

    if (n > (size_t)config->context)
        return error_set(err, ERROR_DATA,
                         "a prompt of %zu tokens is longer than the model's context of %d", n,
                         config->context);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= config->vocab)
            return error_set(err, ERROR_DATA, "token %d is not one of the model's %d", (int)ids[i],
                             config->vocab);
    return 0;
}

/* ---- what can be asked at any time ---- */

size_t engine_cached(struct engine *engine, struct token_run prompt)
{
    size_t n;

    pthread_mutex_lock(&engine->tree_lock);
    n = kv_cached(&engine->tree, prompt.ids, prompt.n);
    pthread_mutex_unlock(&engine->tree_lock);
    /* The last token's logits are not kept. */
    return n == prompt.n && n > 0 ? n - 1 : n;
}

void engine_get_info(struct engine *engine, struct engine_info *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->blis_version, sizeof(out->blis_version), "%s", blas_version());
    snprintf(out->kernel, sizeof(out->kernel), "%s", engine->net.kernel.name);
    snprintf(out->chosen_by, sizeof(out->chosen_by), "%s", engine->chosen_by);
    snprintf(out->simd, sizeof(out->simd), "%s", simd_name(engine->simd));
    pthread_mutex_lock(&engine->tree_lock);
    snprintf(out->self_test, sizeof(out->self_test), "%s", engine->self_test);
    out->weight_bytes = engine->weight_bytes;
    out->kv_bytes = engine->tree.bytes;
    out->kv_limit = engine->kv_limit;
    out->scratch_bytes = engine->scratch.bytes;
    pthread_mutex_unlock(&engine->tree_lock);
}

void engine_build_info(const char *cache_dir, struct engine_info *out)
{
    struct blas_kernel kernel;
    struct error err;

    memset(out, 0, sizeof(*out));
    snprintf(out->blis_version, sizeof(out->blis_version), "%s", blas_version());
    snprintf(out->simd, sizeof(out->simd), "%s", simd_name(simd_choose()));
    if (kernel_choose(cache_dir, &kernel, out->chosen_by, &err) == 0)
        snprintf(out->kernel, sizeof(out->kernel), "%s", kernel.name);
    else
        snprintf(out->kernel, sizeof(out->kernel), "none");
}

double engine_peak_gflops(struct engine *engine)
{
    unsigned state = cpu_flush_denormals();
    double rate = blas_peak_gflops(&engine->net.kernel, engine->pool);

    cpu_restore(state);
    return rate;
}
