/* engine_score: log-probs of given texts. */
#include "models/engine.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

enum want_kind { WANT_TOKEN, WANT_LAST };

struct score_job {
    struct engine *engine;
    struct plan plan;
    struct kv_path **paths; /* of this round */
    size_t n_paths, cap_paths;
    struct engine_call call;
    int32_t *ids; /* room for a prompt with an option behind it */
    size_t cap_ids;
    size_t *wanted;
    size_t cap_wanted;
    uint32_t *rows;
    size_t cap_rows;
};

/* What a row gave goes into its want; sums are made afterwards, in the order of the texts. */
static void read_want(void *arg, struct plan_want *want, const float *logits, double logsumexp)
{
    const struct score_job *job = arg;
    size_t vocab = job->engine->net.head.rows;
    struct score_result *result = want->to;
    int n_top = want->id;

    if (want->kind == WANT_TOKEN) {
        want->value = (double)logits[want->id] - logsumexp;
        return;
    }
    result->logsumexp = logsumexp;
    for (int i = 0; i < n_top; i++)
        result->top[i] = (struct token_score){-1, 0};
    for (size_t id = 0; n_top > 0 && id < vocab; id++) {
        double logprob = (double)logits[id] - logsumexp;
        int at = n_top;

        /* Of equal ones the smaller id stays in front. */
        while (at > 0 && (result->top[at - 1].id < 0 || result->top[at - 1].logprob < logprob))
            at--;
        if (at == n_top)
            continue;
        memmove(&result->top[at + 1], &result->top[at],
                (size_t)(n_top - 1 - at) * sizeof(result->top[0]));
        result->top[at] = (struct token_score){(int32_t)id, logprob};
    }
}

static int check_request(const struct engine *engine, const struct score_request *request,
                         struct error *err)
{
    size_t longest = 0;

    if (request->prompt.n == 0)
        return error_set(err, ERROR_USAGE, "there is nothing to score: the prompt is empty");
    if (request->n_top < 0 || request->n_top > SCORE_TOP_MAX)
        return error_set(err, ERROR_USAGE, "at most %d best tokens can be had", SCORE_TOP_MAX);
    if (request->all && (request->first_scored < 1 || request->first_scored > request->prompt.n))
        return error_set(err, ERROR_USAGE, "no token stands before the first one to score");
    if (engine_check_ids(engine, request->prompt.ids, request->prompt.n, err) != 0)
        return -1;
    for (size_t i = 0; i < request->n_options; i++) {
        if (engine_check_ids(engine, request->options[i].ids, request->options[i].n, err) != 0)
            return -1;
        longest = request->options[i].n > longest ? request->options[i].n : longest;
    }
    if (longest > 0 && request->prompt.n + longest - 1 > (size_t)engine->net.config.context)
        return error_set(err, ERROR_DATA,
                         "a prompt of %zu tokens and an option of %zu do not fit the context of %d",
                         request->prompt.n, longest, engine->net.config.context);
    return 0;
}

static struct kv_path *new_path(struct score_job *job)
{
    job->paths = array_grow(job->paths, job->n_paths, &job->cap_paths, sizeof(*job->paths));
    return job->paths[job->n_paths++] = xcalloc(1, sizeof(struct kv_path));
}

static void reserve(struct score_job *job, size_t n)
{
    if (n > job->cap_ids) {
        job->cap_ids = job->cap_wanted = job->cap_rows = 2 * n;
        job->ids = xrealloc(job->ids, job->cap_ids * sizeof(*job->ids));
        job->wanted = xrealloc(job->wanted, job->cap_wanted * sizeof(*job->wanted));
        job->rows = xrealloc(job->rows, job->cap_rows * sizeof(*job->rows));
    }
}

/* The tokens behind the first of an option that has several. */
static int plan_option(struct score_job *job, const struct score_request *request, size_t option,
                       double *to, struct error *err)
{
    const struct token_run *run = &request->options[option];
    size_t n = request->prompt.n + run->n - 1;

    reserve(job, n);
    memcpy(job->ids, request->prompt.ids, request->prompt.n * sizeof(*job->ids));
    memcpy(job->ids + request->prompt.n, run->ids, (run->n - 1) * sizeof(*job->ids));
    for (size_t i = 1; i < run->n; i++)
        job->wanted[i - 1] = request->prompt.n + i - 1;
    if (plan_text(&job->plan, new_path(job), job->ids, n, job->wanted, run->n - 1, job->rows,
                  err) != 0)
        return -1;
    for (size_t i = 1; i < run->n; i++)
        plan_want(&job->plan, job->rows[i - 1], WANT_TOKEN, run->ids[i], to);
    return 0;
}

static int plan_request(struct score_job *job, const struct score_request *request,
                        struct score_result *result, struct error *err)
{
    const struct token_run *prompt = &request->prompt;
    size_t before = job->plan.n_rows, n_wanted = 0, rows;
    uint32_t last;

    reserve(job, prompt->n);
    for (size_t i = request->first_scored; request->all && i < prompt->n; i++)
        job->wanted[n_wanted++] = i - 1;
    job->wanted[n_wanted++] = prompt->n - 1;
    if (plan_text(&job->plan, new_path(job), prompt->ids, prompt->n, job->wanted, n_wanted,
                  job->rows, err) != 0)
        return -1;
    rows = job->plan.n_rows - before;
    result->reused = prompt->n > rows ? prompt->n - rows : 0;
    last = job->rows[n_wanted - 1];
    plan_want(&job->plan, last, WANT_LAST, request->n_top, result);
    for (size_t i = 0; i + 1 < n_wanted; i++)
        plan_want(&job->plan, job->rows[i], WANT_TOKEN, prompt->ids[request->first_scored + i],
                  &result->token_logprobs[i]);
    for (size_t i = 0; i < request->n_options; i++) {
        double *to = &result->option_logprobs[i];

        if (request->options[i].n == 0)
            continue;
        plan_want(&job->plan, last, WANT_TOKEN, request->options[i].ids[0], to);
        if (request->options[i].n > 1 && plan_option(job, request, i, to, err) != 0)
            return -1;
    }
    result->computed = job->plan.n_rows - before;
    return 0;
}

/* Computes what is planned, and starts anew. */
static int run_round(struct score_job *job, struct error *err)
{
    struct engine *engine = job->engine;
    int status = engine_run(engine, &job->plan, &job->call, err);

    for (size_t i = 0; i < job->plan.n_wants && status == 0; i++)
        if (job->plan.wants[i].kind == WANT_TOKEN)
            *(double *)job->plan.wants[i].to += job->plan.wants[i].value;
    return status;
}

static void end_round(struct score_job *job)
{
    pthread_mutex_lock(&job->engine->tree_lock);
    for (size_t i = 0; i < job->n_paths; i++) {
        kv_path_release(job->paths[i], &job->engine->tree);
        free(job->paths[i]);
    }
    job->n_paths = 0;
    plan_clear(&job->plan);
    job->plan.id = ++job->engine->plans;
    pthread_mutex_unlock(&job->engine->tree_lock);
}

struct sorted {
    const struct score_request *request;
    struct score_result *result;
};

/* Texts that begin alike stand together, so that what they share is computed once and still there. */
static int by_text(const void *left, const void *right)
{
    const struct token_run *a = &((const struct sorted *)left)->request->prompt;
    const struct token_run *b = &((const struct sorted *)right)->request->prompt;
    size_t n = a->n < b->n ? a->n : b->n;

    for (size_t i = 0; i < n; i++)
        if (a->ids[i] != b->ids[i])
            return a->ids[i] < b->ids[i] ? -1 : 1;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return left < right ? -1 : left > right;
}

static struct sorted *sort_requests(const struct score_request *requests,
                                    struct score_result *results, size_t n)
{
    struct sorted *order = xcalloc(n, sizeof(*order));

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < requests[i].n_options; j++)
            results[i].option_logprobs[j] = 0;
        for (size_t j = requests[i].first_scored; requests[i].all && j < requests[i].prompt.n; j++)
            results[i].token_logprobs[j - requests[i].first_scored] = 0;
        order[i] = (struct sorted){&requests[i], &results[i]};
    }
    qsort(order, n, sizeof(*order), by_text);
    return order;
}

int engine_score(struct engine *engine, enum pool_priority priority,
                 const struct score_request *requests, struct score_result *results, size_t n,
                 const struct cancel *cancel, struct error *err)
{
    struct score_job job = {.engine = engine,
                            .call = {.priority = priority, .cancel = cancel, .each = read_want}};
    struct sorted *order;
    int status;

    for (size_t i = 0; i < n; i++)
        if (check_request(engine, &requests[i], err) != 0)
            return -1;
    if (n == 0)
        return 0;
    job.call.arg = &job;
    plan_init(&job.plan, &engine->tree, engine_plan_id(engine));
    order = sort_requests(requests, results, n);
    status = engine_enter(engine, &job.call, err);
    for (size_t i = 0; i < n && status == 0; i++) {
        pthread_mutex_lock(&engine->tree_lock);
        status = plan_request(&job, order[i].request, order[i].result, err);
        pthread_mutex_unlock(&engine->tree_lock);
        if (status == 0 && (job.plan.n_rows >= ENGINE_ROUND || i + 1 == n)) {
            status = run_round(&job, err);
            end_round(&job);
            if (status == 0 && i + 1 < n)
                status = engine_yield(engine, &job.call, err);
        }
    }
    end_round(&job);
    engine_leave(engine, &job.call);
    plan_release(&job.plan);
    free(order);
    free(job.paths);
    free(job.ids);
    free(job.wanted);
    free(job.rows);
    return status;
}
