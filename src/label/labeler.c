#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "src/label/labeler_impl.h"

void question_release(struct question *question)
{
    rendered_release(&question->rendered);
    free(question->problem);
    memset(question, 0, sizeof *question);
}

void labeler_init(struct labeler *l, const struct labeler_ops *ops, char *name, uint64_t seed)
{
    l->ops = ops;
    l->name = name;
    l->seed = seed ? seed : 1;
    l->repeats = 1;
    l->caps = (struct labeler_caps){.logprobs = true, .batch = 32, .in_flight = 1};
}

const char *labeler_name(const struct labeler *l)
{
    return l->name;
}

const struct labeler_caps *labeler_caps(const struct labeler *l)
{
    return &l->caps;
}

int labeler_repeats(const struct labeler *l)
{
    return l->repeats;
}

void labeler_free(struct labeler *l)
{
    if (!l)
        return;
    free(l->name);
    free(l->queue);
    l->ops->free(l);
}

int labeler_prepare(struct labeler *l, const struct pair *pair, enum order order, int repeat,
                    struct question *out, struct error *err)
{
    memset(out, 0, sizeof *out);
    out->pair = pair;
    out->order = order;
    out->repeat = repeat;
    if (l->ops->prepare(l, out, err)) {
        question_release(out);
        return -1;
    }
    return 0;
}

size_t labeler_cached(struct labeler *l, const struct question *question)
{
    return l->ops->cached && !question->problem ? l->ops->cached(l, question) : 0;
}

int labeler_submit(struct labeler *l, const struct question *const *questions, size_t n,
                   struct error *err)
{
    if (l->ops->submit)
        return l->ops->submit(l, questions, n, err);
    for (size_t i = 0; i < n; i++) {
        l->queue = array_grow(l->queue, l->n_queue, &l->queue_cap, sizeof *l->queue);
        l->queue[l->n_queue++] = questions[i];
    }
    return 0;
}

void labeler_drop(struct labeler *l)
{
    if (l->ops->drop)
        l->ops->drop(l);
    l->n_queue = 0;
}

void answer_invalid(struct answer *answer, const char *reason)
{
    answer->kind = ANSWER_INVALID;
    answer->label.slot = SLOT_NONE;
    free(answer->label.error);
    answer->label.error = xstrdup(reason);
}

/* The label's fields that do not depend on what is answered. */
static void answer_begin(const struct labeler *l, struct answer *answer, const struct question *q)
{
    struct label *label = &answer->label;
    answer->question = q;
    answer->kind = ANSWER_VERDICT;
    label_init(label);
    label->pair_id = q->pair->id;
    label->labeler = xstrdup(l->name);
    label->order = q->order;
    label->seed = l->seed;
    label->repeat = q->repeat;
    label->cut_lines = q->rendered.cut_lines;
    memcpy(label->key, q->key, sizeof label->key);
    if (q->problem)
        answer_invalid(answer, q->problem);
}

int labeler_collect(struct labeler *l, struct answer *answers, size_t max,
                    const struct cancel *cancel, enum labeler_failure *failure,
                    struct error *err)
{
    *failure = LABELER_OK;
    if (l->ops->collect)
        return l->ops->collect(l, answers, max, cancel, failure, err);
    size_t n = l->n_queue < max ? l->n_queue : max;
    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        answer_begin(l, &answers[i], l->queue[i]);
    memmove(l->queue, l->queue + n, (l->n_queue - n) * sizeof *l->queue);
    l->n_queue -= n;
    double t0 = clock_seconds();
    int rc = 0;
    if (cancel_asked(cancel)) {
        *failure = LABELER_CANCELLED;
        rc = error_set(err, ERROR_CANCELLED, "stopped");
    } else {
        *failure = LABELER_STOP;
        rc = l->ops->answer(l, answers, n, cancel, failure, err);
    }
    if (rc == 0)
        *failure = LABELER_OK;
    double ms = 1000 * (clock_seconds() - t0) / (double)n;
    for (size_t i = 0; i < n; i++) {
        answers[i].label.ms = ms;
        answers[i].label.created_at = clock_wall_ms();
        if (rc)
            label_release(&answers[i].label);
    }
    return rc ? -1 : (int)n;
}

/* ---- keys ---- */

void key_text(struct hash *hash, const char *text)
{
    hash_u64(hash, text != NULL);
    hash_field(hash, text ? text : "", text ? strlen(text) : 0);
}

void key_real(struct hash *hash, double value)
{
    uint64_t bits;
    value += 0.0; /* -0 and 0 are the same setting */
    memcpy(&bits, &value, sizeof bits);
    hash_u64(hash, bits);
}

void key_begin(struct hash *hash, const struct labeler *l, const char *id, const struct question *q)
{
    hash_init(hash);
    key_text(hash, "rlaif label 1");
    key_text(hash, id);
    hash_u64(hash, (uint64_t)q->order);
    hash_u64(hash, l->seed);
    hash_u64(hash, (uint64_t)q->repeat);
}

/* ---- models ---- */

char *model_labeler_name(const struct model *model)
{
    struct buf name;
    const char *raw = model_info(model)->name;
    buf_init(&name, 0);
    text_sanitise(&name, raw, strlen(raw), 0);
    char *out = xasprintf("model:%s", buf_str(&name));
    for (char *p = out; *p; p++)
        if (*p == ' ' || *p == ';' || *p == '"' || *p == '\'')
            *p = '-';
    buf_release(&name);
    return out;
}

char *pointwise_labeler_name(const char *kind, const struct model *model)
{
    char *name = model_labeler_name(model);
    char *out = xasprintf("%s:%s", kind, name + strlen("model:"));
    free(name);
    return out;
}

int model_labeler_id(struct model *model, const char *precision, char out[80], struct error *err)
{
    char sha[65];
    if (model_sha256(model, sha, err))
        return -1;
    snprintf(out, 80, "%s%s%.8s", sha, precision ? "+" : "", precision ? precision : "");
    return 0;
}

void label_set_top(struct label *label, const struct model *model,
                   const struct score_result *result, int n)
{
    for (int i = 0; i < n && i < LABEL_TOP; i++) {
        struct buf raw, clean;
        struct label_top *top = &label->top[label->n_top++];
        buf_init(&raw, 0);
        buf_init(&clean, 0);
        model_decode(model, result->top[i].id, true, &raw);
        text_sanitise(&clean, buf_str(&raw), raw.len, 0);
        size_t len = clean.len < sizeof top->text ? clean.len : sizeof top->text - 1;
        while (len && len < clean.len && (clean.data[len] & 0xC0) == 0x80)
            len--;
        memcpy(top->text, buf_str(&clean), len);
        top->text[len] = 0;
        top->id = result->top[i].id;
        top->logprob = result->top[i].logprob;
        buf_release(&raw);
        buf_release(&clean);
    }
}
