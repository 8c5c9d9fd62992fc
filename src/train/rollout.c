/* Samples of a policy, drawn by the inference engine from the weights in training. */
#include "src/train/rollout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine.h"
#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/train/parts.h"
#include "src/train/rewards.h"
#include "src/train/rouge.h"

struct sampler {
    struct learner *policy;
    struct engine *engine;
    struct train_codec codec;
    struct sampling sampling;
};

static bool text_is_end(const void *arg, int32_t id)
{
    const struct sampler *sampler = arg;

    return id == sampler->codec.end;
}

static void text_decode(const void *arg, int32_t id, struct buf *out)
{
    const struct sampler *sampler = arg;

    sampler->codec.decode(sampler->codec.arg, id, out);
}

struct sampler *sampler_new(struct learner *policy, const struct train_codec *codec,
                            const struct sampler_options *options, struct error *err)
{
    struct sampler *sampler = xcalloc(1, sizeof(*sampler));
    struct engine_text text = {text_is_end, text_decode, sampler};
    struct engine_options engine = {
        .precision = ENGINE_F32,
        .kv_limit = options->kv_limit,
        .cache_dir = options->cache_dir,
    };

    sampler->policy = policy;
    sampler->codec = *codec;
    sampler->sampling.top_p = 1;
    sampler_set(sampler, options->temperature, options->max_tokens);
    sampler->engine = learner_engine(policy, &text, &engine, err);
    if (!sampler->engine) {
        free(sampler);
        return NULL;
    }
    return sampler;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return;
    engine_free(sampler->engine);
    free(sampler);
}

void sampler_set(struct sampler *sampler, double temperature, int64_t max_tokens)
{
    sampler->sampling.temperature = temperature;
    sampler->sampling.max_tokens = max_tokens < 1 << 30 ? (int)max_tokens : 1 << 30;
}

/* A NUL byte, which a token may be, shows as U+FFFD: nothing of a text may hide behind it. */
static char *take_text(const struct buf *text, size_t *len)
{
    struct buf out;

    buf_init(&out, 0);
    buf_adds(&out, "");
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '\0')
            buf_adds(&out, "\xef\xbf\xbd");
        else
            buf_addc(&out, text->data[i]);
    }
    *len = out.len;
    return buf_take(&out);
}

/* Takes what the engine made; the end token, which the engine leaves out, becomes part of
 * the response. */
static void take_results(struct sampler *sampler, struct generate_result *results, size_t n,
                         struct rollout *out)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++)
        out->n_tokens += results[i].ids.n + (results[i].finish == FINISH_END);
    out->ids = xmalloc((out->n_tokens + 1) * sizeof(*out->ids));
    for (size_t i = 0; i < n; i++) {
        struct rollout_sample *sample = &out->samples[i];
        struct generate_result *result = &results[i];

        sample->ids = out->ids + at;
        sample->ended = result->finish == FINISH_END;
        if (result->ids.n)
            memcpy(out->ids + at, result->ids.ids, result->ids.n * sizeof(*out->ids));
        sample->n = result->ids.n;
        if (sample->ended)
            out->ids[at + sample->n++] = sampler->codec.end;
        at += sample->n;
        sample->drawn = result->logprob;
        sample->text = take_text(&result->text, &sample->len);
        sample->score = sample->reward = sample->kl = sample->kl_exact = NAN;
    }
}

int sampler_run(struct sampler *sampler, const struct train_texts *prompts, const size_t *which,
                size_t n, size_t each, struct rng_key key, uint64_t at, struct rollout *out,
                const struct cancel *cancel, struct error *err)
{
    size_t count = n * each;
    struct generate_request *requests = xcalloc(count + 1, sizeof(*requests));
    struct generate_result *results = xcalloc(count + 1, sizeof(*results));
    double start = clock_seconds();
    int status;

    *out = (struct rollout){.samples = xcalloc(count + 1, sizeof(*out->samples)), .n = count};
    for (size_t i = 0; i < count; i++) {
        size_t prompt = which[i / each];

        out->samples[i].prompt = prompt;
        requests[i].prompt.ids = train_text_ids(prompts, prompt);
        requests[i].prompt.n = prompts->list[prompt].n_prompt;
        requests[i].key = rng_sub(rng_sub(key, at), i);
    }
    status = learner_engine_refresh(sampler->policy, sampler->engine, cancel, err);
    if (status == 0)
        status = engine_generate(sampler->engine, POOL_BACKGROUND, &sampler->sampling, requests,
                                 results, count, cancel, err);
    if (status == 0)
        take_results(sampler, results, count, out);
    for (size_t i = 0; i < count; i++) {
        tokens_release(&results[i].ids);
        buf_release(&results[i].text);
    }
    free(requests);
    free(results);
    out->seconds = clock_seconds() - start;
    if (status != 0)
        rollout_release(out);
    return status;
}

void rollout_release(struct rollout *rollout)
{
    for (size_t i = 0; rollout->samples && i < rollout->n; i++)
        free(rollout->samples[i].text);
    free(rollout->samples);
    free(rollout->ids);
    free(rollout->numbers);
    *rollout = (struct rollout){0};
}

void rollout_keep(struct rollout *rollout, const bool *keep)
{
    size_t n = 0;

    rollout->n_tokens = 0;
    for (size_t i = 0; i < rollout->n; i++) {
        if (!keep[i]) {
            free(rollout->samples[i].text);
            continue;
        }
        rollout->n_tokens += rollout->samples[i].n;
        rollout->samples[n++] = rollout->samples[i];
    }
    rollout->n = n;
}

void rollout_rouge(const struct rollout *rollout, const char *const *const *references,
                   const size_t *n_references, struct train_metrics *metrics)
{
    double one = 0, two = 0, l = 0, n = 0, length = 0;

    for (size_t i = 0; i < rollout->n; i++) {
        const struct rollout_sample *sample = &rollout->samples[i];
        struct rouge rouge;

        length += (double)sample->n;
        if (n_references[sample->prompt] == 0)
            continue;
        rouge_score_best(references[sample->prompt], n_references[sample->prompt], sample->text,
                         &rouge);
        one += rouge.one.f;
        two += rouge.two.f;
        l += rouge.l.f;
        n++;
    }
    if (rollout->n)
        train_metrics_set(metrics, "eval_mean_length", length / (double)rollout->n);
    if (n > 0) {
        train_metrics_set(metrics, "eval_rouge1", one / n);
        train_metrics_set(metrics, "eval_rouge2", two / n);
        train_metrics_set(metrics, "eval_rougeL", l / n);
    }
}

int rollout_columns(struct rollout *rollout, struct error *err)
{
    size_t n = rollout->n_tokens, at = 0;

    if (!rollout->numbers)
        rollout->numbers = mem_try((COLUMNS * n + 1) * sizeof(double), "a rollout's numbers", err);
    if (!rollout->numbers)
        return -1;
    for (size_t i = 0; i < COLUMNS * n; i++)
        rollout->numbers[i] = NAN;
    for (size_t i = 0; i < rollout->n; i++) {
        struct rollout_sample *sample = &rollout->samples[i];

        sample->logprob = rollout_column(rollout, COLUMN_LOGPROB) + at;
        sample->ref_logprob = rollout_column(rollout, COLUMN_REF) + at;
        sample->entropy = rollout_column(rollout, COLUMN_ENTROPY) + at;
        sample->kl_token = rollout_column(rollout, COLUMN_KL) + at;
        sample->rewards = rollout_column(rollout, COLUMN_REWARDS) + at;
        sample->values = rollout_column(rollout, COLUMN_VALUES) + at;
        sample->returns = rollout_column(rollout, COLUMN_RETURNS) + at;
        sample->advantages = rollout_column(rollout, COLUMN_ADVANTAGES) + at;
        sample->after = rollout_column(rollout, COLUMN_AFTER) + at;
        at += sample->n;
    }
    return 0;
}

int rollout_score(struct rollout *rollout, const struct reward_source *reward,
                  const struct train_texts *prompts, double *scores, const struct cancel *cancel,
                  struct error *err)
{
    struct reward_ask *asks = xcalloc(rollout->n + 1, sizeof(*asks));
    double *given = xmalloc((rollout->n + 1) * sizeof(*given));
    int status;

    for (size_t i = 0; i < rollout->n; i++) {
        const struct rollout_sample *sample = &rollout->samples[i];

        asks[i] = (struct reward_ask){
            .prompt = sample->prompt,
            .prompt_ids = train_text_ids(prompts, sample->prompt),
            .n_prompt = prompts->list[sample->prompt].n_prompt,
            .ids = sample->ids,
            .n = sample->n,
            .ended = sample->ended,
            .text = sample->text,
            .len = sample->len,
        };
        given[i] = NAN;
    }
    status = reward->score(reward->arg, asks, rollout->n, given, cancel, err);
    for (size_t i = 0; status == 0 && i < rollout->n; i++) {
        if (!isfinite(given[i]))
            status = error_set(err, ERROR_DATA, "%s gave sample %zu no finite score",
                               reward->name, i + 1);
        rollout->samples[i].score = given[i];
        if (scores)
            scores[i] = given[i];
    }
    free(asks);
    free(given);
    return status;
}
