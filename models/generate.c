/* engine_generate: many texts go on at once, one token of each a pass. */
#include "models/engine.h"

#include <stdlib.h>
#include <string.h>

#include "models/sampler.h"
#include "src/base/mem.h"

struct sequence {
    const struct generate_request *request;
    struct generate_result *result;
    struct kv_path path;
    struct tokens all; /* the prompt and what followed */
    bool done;
    /* From the last pass: */
    int32_t next;
    double logprob;
};

struct generate_job {
    struct engine *engine;
    const struct sampling *sampling;
    struct plan plan;
    struct engine_call call;
    struct sequence *sequences;
    size_t n;
};

static void read_want(void *arg, struct plan_want *want, const float *logits, double logsumexp)
{
    const struct generate_job *job = arg;
    struct sequence *sequence = want->to;

    sequence->next = sample_token(logits, job->engine->net.head.rows, job->sampling,
                                  sequence->request->key, sequence->result->ids.n);
    sequence->logprob = (double)logits[sequence->next] - logsumexp;
}

/* Plans the next token of a sequence: the last row of what there is so far. */
static int plan_next(struct generate_job *job, struct sequence *sequence, bool prompt,
                     struct error *err)
{
    size_t before = job->plan.n_rows, last = sequence->all.n - 1, rows;
    uint32_t row;
    int status;

    pthread_mutex_lock(&job->engine->tree_lock);
    status = plan_text(&job->plan, &sequence->path, sequence->all.ids, sequence->all.n, &last, 1,
                       &row, err);
    pthread_mutex_unlock(&job->engine->tree_lock);
    if (status != 0)
        return -1;
    plan_want(&job->plan, row, 0, 0, sequence);
    rows = job->plan.n_rows - before;
    sequence->result->computed += rows;
    if (prompt)
        sequence->result->reused = sequence->all.n > rows ? sequence->all.n - rows : 0;
    return 0;
}

/* Where a stop string begins in the text, looking at what came after `from` only; len: nowhere. */
static size_t find_stop(const struct sampling *sampling, const struct buf *text, size_t from)
{
    size_t best = text->len;

    for (size_t i = 0; i < sampling->n_stop; i++) {
        size_t len = strlen(sampling->stop[i]);
        size_t at = from + 1 > len ? from + 1 - len : 0;

        for (; len > 0 && at + len <= text->len && at < best; at++)
            if (memcmp(text->data + at, sampling->stop[i], len) == 0)
                best = at;
    }
    return best;
}

static void finish(struct sequence *sequence, enum finish how)
{
    sequence->result->finish = how;
    sequence->done = true;
}

/* Takes the token that was drawn. */
static void take_token(struct generate_job *job, struct sequence *sequence)
{
    const struct engine_text *text = &job->engine->text;
    struct generate_result *result = sequence->result;
    size_t before = result->text.len, stop;

    result->logprob += sequence->logprob;
    if (text->is_end(text->arg, sequence->next)) {
        finish(sequence, FINISH_END);
        return;
    }
    tokens_add(&result->ids, sequence->next);
    tokens_add(&sequence->all, sequence->next);
    text->decode(text->arg, sequence->next, &result->text);
    stop = find_stop(job->sampling, &result->text, before);
    if (stop < result->text.len) {
        result->text.len = stop;
        result->text.data[stop] = '\0';
        finish(sequence, FINISH_STOP);
    } else if (result->ids.n >= (size_t)job->sampling->max_tokens) {
        finish(sequence, FINISH_LENGTH);
    } else if (sequence->all.n >= (size_t)job->engine->net.config.context) {
        finish(sequence, FINISH_CONTEXT);
    }
}

static void new_plan(struct generate_job *job)
{
    uint64_t id = engine_plan_id(job->engine);

    pthread_mutex_lock(&job->engine->tree_lock);
    plan_clear(&job->plan);
    job->plan.id = id;
    pthread_mutex_unlock(&job->engine->tree_lock);
}

/* One token for every sequence that goes on; prompts may need several rounds. */
static int step(struct generate_job *job, bool prompts, struct error *err)
{
    for (size_t i = 0; i < job->n; i++) {
        struct sequence *sequence = &job->sequences[i];

        if (!sequence->done && plan_next(job, sequence, prompts, err) != 0)
            return -1;
        if (job->plan.n_rows < ENGINE_ROUND && i + 1 < job->n)
            continue;
        if (engine_run(job->engine, &job->plan, &job->call, err) != 0)
            return -1;
        new_plan(job);
    }
    for (size_t i = 0; i < job->n; i++)
        if (!job->sequences[i].done)
            take_token(job, &job->sequences[i]);
    return engine_yield(job->engine, &job->call, err);
}

static bool all_done(const struct generate_job *job)
{
    for (size_t i = 0; i < job->n; i++)
        if (!job->sequences[i].done)
            return false;
    return true;
}

static void start(struct generate_job *job, const struct generate_request *requests,
                  struct generate_result *results)
{
    job->sequences = xcalloc(job->n, sizeof(*job->sequences));
    for (size_t i = 0; i < job->n; i++) {
        struct sequence *sequence = &job->sequences[i];

        memset(&results[i], 0, sizeof(results[i]));
        buf_init(&results[i].text, 0);
        sequence->request = &requests[i];
        sequence->result = &results[i];
        for (size_t j = 0; j < requests[i].prompt.n; j++)
            tokens_add(&sequence->all, requests[i].prompt.ids[j]);
        if (job->sampling->max_tokens < 1)
            finish(sequence, FINISH_LENGTH);
        else if (sequence->all.n >= (size_t)job->engine->net.config.context)
            finish(sequence, FINISH_CONTEXT);
    }
}

static void end(struct generate_job *job, bool failed)
{
    pthread_mutex_lock(&job->engine->tree_lock);
    for (size_t i = 0; i < job->n; i++)
        kv_path_release(&job->sequences[i].path, &job->engine->tree);
    plan_clear(&job->plan);
    pthread_mutex_unlock(&job->engine->tree_lock);
    for (size_t i = 0; i < job->n; i++) {
        tokens_release(&job->sequences[i].all);
        if (failed) {
            tokens_release(&job->sequences[i].result->ids);
            buf_release(&job->sequences[i].result->text);
        }
    }
    plan_release(&job->plan);
    free(job->sequences);
}

int engine_generate(struct engine *engine, enum pool_priority priority,
                    const struct sampling *sampling, const struct generate_request *requests,
                    struct generate_result *results, size_t n, const struct cancel *cancel,
                    struct error *err)
{
    struct generate_job job = {.engine = engine,
                               .sampling = sampling,
                               .call = {.priority = priority, .cancel = cancel, .each = read_want},
                               .n = n};
    bool prompts = true;
    int status;

    for (size_t i = 0; i < n; i++) {
        if (requests[i].prompt.n == 0)
            return error_set(err, ERROR_USAGE, "there is nothing to go on from: the prompt is empty");
        if (engine_check_ids(engine, requests[i].prompt.ids, requests[i].prompt.n, err) != 0)
            return -1;
    }
    if (n == 0)
        return 0;
    job.call.arg = &job;
    plan_init(&job.plan, &engine->tree, engine_plan_id(engine));
    start(&job, requests, results);
    status = engine_enter(engine, &job.call, err);
    for (; status == 0 && !all_done(&job); prompts = false)
        status = step(&job, prompts, err);
    end(&job, status != 0);
    engine_leave(engine, &job.call);
    return status;
}
