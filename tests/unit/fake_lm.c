#include "tests/unit/fake_lm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"

void fake_model_init(struct model *model, int context)
{
    memset(model, 0, sizeof *model);
    snprintf(model->info.name, sizeof model->info.name, "%s", "fake");
    snprintf(model->info.chat, sizeof model->info.chat, "%s", "chatml");
    snprintf(model->info.sha256, sizeof model->info.sha256, "%s", "00");
    model->info.context = context;
    model->info.vocab = FAKE_VOCAB;
    model->bos = -1;
}

void fake_engine_init(struct engine *engine, struct model *model)
{
    memset(engine, 0, sizeof *engine);
    engine->model = model;
    engine->fail_after = -1;
}

const struct model_info *model_info(const struct model *model)
{
    return &model->info;
}

int model_file_changed(const struct model *model, struct error *err)
{
    (void)model;
    (void)err;
    return 0;
}

int model_sha256(struct model *model, char out[65], struct error *err)
{
    (void)err;
    snprintf(out, sizeof model->info.sha256, "%s", model->info.sha256);
    return 0;
}

void tokens_add(struct tokens *list, int32_t id)
{
    list->ids = array_grow(list->ids, list->n, &list->cap, sizeof *list->ids);
    list->ids[list->n++] = id;
}

void tokens_release(struct tokens *list)
{
    free(list->ids);
    memset(list, 0, sizeof *list);
}

int model_encode(const struct model *model, const char *text, size_t len, struct tokens *out,
                 struct error *err)
{
    (void)err;
    for (size_t i = 0; i < len; i++) {
        if (model->merge_digits && text[i] == ' ' && i + 1 < len && text[i + 1] >= '0' &&
            text[i + 1] <= '9') {
            tokens_add(out, FAKE_MERGED + text[i + 1] - '0');
            i++;
        } else {
            tokens_add(out, FAKE_BYTE + (unsigned char)text[i]);
        }
    }
    return 0;
}

void model_decode(const struct model *model, int32_t id, bool special, struct buf *out)
{
    (void)model;
    if (id >= FAKE_MERGED)
        buf_addf(out, " %d", id - FAKE_MERGED);
    else if (id >= FAKE_BYTE)
        buf_addc(out, (char)(id - FAKE_BYTE));
    else if (special)
        buf_addf(out, "<%d>", id);
}

bool model_is_end(const struct model *model, int32_t id)
{
    (void)model;
    return id == 2;
}

int32_t model_bos(const struct model *model)
{
    return model->bos;
}

int model_chat(const struct model *model, const char *format,
               const struct chat_message *messages, size_t n, bool open_assistant,
               struct tokens *out, struct buf *text, struct error *err)
{
    (void)format;
    for (size_t i = 0; i <= n; i++) {
        struct chat_message m = {"assistant", "", 0};
        if (i == n && !open_assistant)
            break;
        if (i < n)
            m = messages[i];
        tokens_add(out, 1);
        model_encode(model, m.role, strlen(m.role), out, err);
        model_encode(model, "\n", 1, out, err);
        model_encode(model, m.text, m.len, out, err);
        if (text) {
            buf_addf(text, "<|im_start|>%s\n", m.role);
            buf_add(text, m.text, m.len);
        }
        if (i == n)
            break;
        tokens_add(out, 2);
        model_encode(model, "\n", 1, out, err);
        if (text)
            buf_adds(text, "<|im_end|>\n");
    }
    return 0;
}

/* A distribution by hash: weights in (0, 1], normalised over the vocabulary. */
static double hashed(const int32_t *ids, size_t n, int32_t next)
{
    uint8_t digest[32];
    double sum = 0, mine = 0;
    hash_bytes(ids, n * sizeof *ids, digest);
    for (int32_t v = 0; v < FAKE_VOCAB; v++) {
        double w = 1 + digest[(v * 7) % 32] * (1 + v % 5);
        sum += w;
        if (v == next)
            mine = w;
    }
    return log(mine / sum);
}

static double logprob_of(struct engine *e, const int32_t *ids, size_t n, int32_t next)
{
    return e->logprob ? e->logprob(e->ctx, ids, n, next) : hashed(ids, n, next);
}

static void score_one(struct engine *e, const struct score_request *q, struct score_result *r)
{
    struct tokens all = {0};
    for (size_t i = 0; i < q->prompt.n; i++)
        tokens_add(&all, q->prompt.ids[i]);
    for (size_t o = 0; o < q->n_options; o++) {
        r->option_logprobs[o] = 0;
        all.n = q->prompt.n;
        for (size_t k = 0; k < q->options[o].n; k++) {
            r->option_logprobs[o] += logprob_of(e, all.ids, all.n, q->options[o].ids[k]);
            tokens_add(&all, q->options[o].ids[k]);
        }
    }
    if (q->all)
        for (size_t i = q->first_scored; i < q->prompt.n; i++)
            r->token_logprobs[i - q->first_scored] =
                logprob_of(e, q->prompt.ids, i, q->prompt.ids[i]);
    for (int i = 0; i < q->n_top; i++) {
        r->top[i].id = FAKE_BYTE + '1' + i;
        r->top[i].logprob = logprob_of(e, q->prompt.ids, q->prompt.n, r->top[i].id);
    }
    r->logsumexp = 0;
    r->computed = q->prompt.n;
    r->reused = 0;
    e->largest = q->prompt.n > e->largest ? q->prompt.n : e->largest;
    tokens_release(&all);
}

int engine_score(struct engine *e, enum pool_priority priority,
                 const struct score_request *requests, struct score_result *results,
                 size_t n, const struct cancel *cancel, struct error *err)
{
    (void)priority;
    if (cancel_asked(cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    if (e->fail_after == 0)
        return error_set(err, ERROR_FAILED, "the fake engine fails");
    if (e->fail_after > 0)
        e->fail_after--;
    e->score_calls++;
    e->scored += n;
    for (size_t i = 0; i < n; i++)
        score_one(e, &requests[i], &results[i]);
    return 0;
}

size_t engine_cached(struct engine *e, struct token_run prompt)
{
    (void)e;
    return prompt.n / 4;
}

int engine_generate(struct engine *e, enum pool_priority priority,
                    const struct sampling *sampling,
                    const struct generate_request *requests,
                    struct generate_result *results, size_t n,
                    const struct cancel *cancel, struct error *err)
{
    (void)priority;
    (void)sampling;
    if (cancel_asked(cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    e->generated += n;
    for (size_t i = 0; i < n; i++) {
        const char *text = " because";
        if (e->write)
            text = e->write(e->ctx, requests[i].prompt.ids, requests[i].prompt.n, requests[i].key);
        memset(&results[i], 0, sizeof results[i]);
        buf_init(&results[i].text, 0);
        buf_adds(&results[i].text, text);
        model_encode(e->model, text, strlen(text), &results[i].ids, err);
        results[i].computed = requests[i].prompt.n + results[i].ids.n;
        results[i].finish = FINISH_STOP;
    }
    return 0;
}
