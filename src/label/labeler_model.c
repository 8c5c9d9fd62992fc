/*
 * The open model with a prompt: both orders of many pairs in one call of the engine. With cot a
 * rationale is written first (for each order and sample), then the prompt with it is scored.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/label/labeler_impl.h"

struct model_labeler {
    struct labeler base;
    struct engine *engine;
    struct model *model;
    struct prompt *prompt;
    struct renderer renderer;
    enum pool_priority priority;
    char *chat_format, *precision;
    char id[80]; /* found when first needed: hashing a file takes a while */
};

/* One question of a batch on its way through the engine. */
struct ask {
    struct answer *answer;
    struct rendered second;         /* cot: prompt with rationale */
    struct rendered
        view; /* what is scored: a shallow copy, its tokens may be shortened */
    struct tokens options[PROMPT_OPTIONS_MAX];
    struct tokens prompt;           /* view's tokens and what all options begin with */
    double shared_logprobs[8];      /* of what all options begin with */
    size_t n_shared;
    struct token_run runs[PROMPT_OPTIONS_MAX];
    size_t written, written_reused; /* tokens of the first pass */
};

static void key_prompt(struct hash *hash, const struct prompt *p)
{
    hash_u64(hash, (uint64_t)p->style);
    hash_u64(hash, (uint64_t)p->polarity);
    hash_u64(hash, p->n_options);
    for (size_t i = 0; i < p->n_options; i++)
        key_text(hash, p->options[i]);
    key_text(hash, prompt_option_gap(p));
    hash_u64(hash, (uint64_t)p->samples);
    key_real(hash, p->temperature);
    hash_u64(hash, (uint64_t)p->top_k);
    key_real(hash, p->top_p);
    hash_u64(hash, p->cot_on ? (uint64_t)p->cot_max_tokens : 0);
    if (!p->cot_on)
        return;
    key_text(hash, p->ending); /* follows the rationale, so it is not in the first pass's text */
    hash_u64(hash, p->n_cot_stop);
    for (size_t i = 0; i < p->n_cot_stop; i++)
        key_text(hash, p->cot_stop[i]);
}

/* Too long and the like: asked as a text without tokens, so that the row has a key of its own. */
static int prepare_problem(struct model_labeler *l, struct question *q,
                           const struct render_call *call, const char *why,
                           struct error *err)
{
    struct renderer plain = {.prompt = l->prompt, .context = SIZE_MAX};
    q->problem = xstrdup(why);
    return render(&plain, call, &q->rendered, err);
}

static int prepare(struct labeler *base, struct question *q, struct error *err)
{
    struct model_labeler *l = (struct model_labeler *)base;
    struct render_call call = {.pair = q->pair, .order = q->order};
    struct error why;
    struct hash hash;
    if (!l->id[0] && model_labeler_id(l->model, l->precision, l->id, err))
        return -1;
    memset(&why, 0, sizeof why);
    if (render(&l->renderer, &call, &q->rendered, &why)) {
        if (why.kind != ERROR_DATA) {
            if (err)
                *err = why;
            return -1;
        }
        if (prepare_problem(l, q, &call, why.text, err))
            return -1;
    }
    q->n_tokens = q->rendered.tokens.n;
    key_begin(&hash, base, l->id, q);
    hash_u64(&hash, q->problem != NULL);
    hash_field(&hash, buf_str(&q->rendered.text), q->rendered.text.len);
    key_prompt(&hash, l->prompt);
    hash_end(&hash, q->key);
    return 0;
}

static size_t cached(struct labeler *base, const struct question *q)
{
    struct model_labeler *l = (struct model_labeler *)base;
    return engine_cached(
        l->engine, (struct token_run){q->rendered.tokens.ids, q->rendered.tokens.n});
}

static enum labeler_failure failure_of(const struct error *err)
{
    return err->kind == ERROR_CANCELLED ? LABELER_CANCELLED : LABELER_STOP;
}

/* The model's bytes as a C string: a NUL would cut what is stored. */
static char *rationale_text(const struct buf *text)
{
    char *out = xstrndup("", 0);
    out = xrealloc(out, text->len + 1);
    for (size_t i = 0; i < text->len; i++)
        out[i] = text->data[i] ? text->data[i] : ' ';
    out[text->len] = 0;
    return out;
}

/* First pass: rationales into the labels, prompts with them into ask->second. */
static int write_rationales(struct model_labeler *l, struct ask *asks, size_t n,
                            const struct cancel *cancel, struct error *err)
{
    const struct prompt *p = l->prompt;
    struct sampling sampling = {.temperature = p->temperature,
                                .top_k = (int)p->top_k,
                                .top_p = p->top_p,
                                .max_tokens = (int)p->cot_max_tokens,
                                .stop = (const char *const *)p->cot_stop,
                                .n_stop = p->n_cot_stop};
    struct generate_request *requests = xcalloc(n, sizeof *requests);
    struct generate_result *results = xcalloc(n, sizeof *results);
    for (size_t i = 0; i < n; i++) {
        const struct question *q = asks[i].answer->question;
        char hex[65];
        hash_hex(q->key, hex);
        requests[i].prompt = (struct token_run){q->rendered.tokens.ids, q->rendered.tokens.n};
        requests[i].key = rng_key(l->base.seed, "rationale", hex);
    }
    int rc = engine_generate(l->engine, l->priority, &sampling, requests, results, n, cancel, err);
    bool written = rc == 0;
    for (size_t i = 0; i < n && written; i++) {
        const struct question *q = asks[i].answer->question;
        struct label *label = &asks[i].answer->label;
        label->rationale = rationale_text(&results[i].text);
        struct render_call call = {.pair = q->pair,
                                   .order = q->order,
                                   .rationale = label->rationale,
                                   .rationale_len = strlen(label->rationale),
                                   .first = &q->rendered};
        asks[i].written = results[i].computed;
        asks[i].written_reused = results[i].reused;
        if (rc == 0)
            rc = render(&l->renderer, &call, &asks[i].second, err);
        tokens_release(&results[i].ids);
        buf_release(&results[i].text);
    }
    free(requests);
    free(results);
    return rc;
}

/* Rationales that read back as more tokens than were written can be too long after all.
 * Returns how many are left. */
static size_t drop_too_long(struct model_labeler *l, struct ask *asks, size_t n)
{
    size_t kept = 0, room = (size_t)model_info(l->model)->context, longest = 1;
    for (size_t o = 0; o < l->renderer.n_options; o++)
        longest = l->renderer.options[o].n > longest ? l->renderer.options[o].n : longest;
    for (size_t i = 0; i < n; i++) {
        if (asks[i].second.tokens.n + longest <= room) {
            asks[kept++] = asks[i];
            continue;
        }
        answer_invalid(asks[i].answer, "the rationale does not fit into the model's context");
        rendered_release(&asks[i].second);
    }
    return kept;
}

/* log-probs into slot, p_first or score. */
static void set_verdict(const struct model_labeler *l, struct answer *answer,
                        const struct tokens *options)
{
    const struct prompt *p = l->prompt;
    struct label *label = &answer->label;
    const double *lp = label->logprobs;
    bool worse = p->polarity == PROMPT_WORSE;
    double score = score_expected(lp, options, p->n_options, &label->outside);
    if (p->pointwise) {
        label->score = worse ? -score : score;
        if (isnan(score))
            answer_invalid(answer, "none of the options has any probability");
        return;
    }
    double first = 1 / (1 + exp(lp[1] - lp[0]));
    if (isnan(first)) {
        answer_invalid(answer, "neither option has any probability");
        return;
    }
    label->p_first = worse ? 1 - first : first;
    bool tie = p->n_options == 3 && lp[2] >= lp[0] && lp[2] >= lp[1];
    if (tie || lp[0] == lp[1]) {
        label->slot = SLOT_TIE;
        answer->kind = ANSWER_TIE;
    } else {
        label->slot = (lp[0] > lp[1]) != worse ? SLOT_1 : SLOT_2;
    }
}

/*
 * Where every option begins with the same tokens (a blank that is a token of its own)
 * these become part of the prompt: the best next tokens are then those at the place where
 * the options differ.
 */
static int ask_options(struct model_labeler *l, struct ask *ask, struct error *err)
{
    const struct prompt *p = l->prompt;
    if (render_options(&l->renderer, &ask->view, ask->options, err))
        return -1;
    size_t most = sizeof ask->shared_logprobs / sizeof ask->shared_logprobs[0], n = 0;
    for (bool same = true; same && n < most; n += same)
        for (size_t o = 0; o < p->n_options; o++)
            same = same && n + 1 < ask->options[o].n &&
                   ask->options[o].ids[n] == ask->options[0].ids[n];
    ask->n_shared = n;
    for (size_t i = 0; i < ask->view.tokens.n; i++)
        tokens_add(&ask->prompt, ask->view.tokens.ids[i]);
    for (size_t i = 0; i < n; i++)
        tokens_add(&ask->prompt, ask->options[0].ids[i]);
    for (size_t o = 0; o < p->n_options; o++)
        ask->runs[o] = (struct token_run){ask->options[o].ids + n, ask->options[o].n - n};
    return 0;
}

static void take_score(struct model_labeler *l, struct ask *ask, struct score_result *result)
{
    struct label *label = &ask->answer->label;
    double shared = 0;
    for (size_t i = 0; i < ask->n_shared; i++)
        shared += ask->shared_logprobs[i];
    label->n_options = (int)l->prompt->n_options;
    for (int o = 0; o < label->n_options; o++)
        label->logprobs[o] += shared;
    for (int i = 0; i < LABEL_TOP; i++)
        result->top[i].logprob += shared;
    label->tokens = (int64_t)(ask->view.tokens.n + ask->written + ask->written_reused);
    label->reused = (int64_t)(result->reused + ask->written_reused);
    label_set_top(label, l->model, result, LABEL_TOP);
    set_verdict(l, ask->answer, ask->options);
}

static int score(struct model_labeler *l, struct ask *asks, size_t n, const struct cancel *cancel,
                 struct error *err)
{
    struct score_request *requests = xcalloc(n, sizeof *requests);
    struct score_result *results = xcalloc(n, sizeof *results);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct ask *ask = &asks[i];
        ask->view = l->prompt->cot_on ? ask->second : ask->answer->question->rendered;
        rc = ask_options(l, ask, err);
        requests[i] = (struct score_request){.prompt = {ask->prompt.ids, ask->prompt.n},
                                             .options = ask->runs,
                                             .n_options = l->prompt->n_options,
                                             .n_top = LABEL_TOP,
                                             .all = ask->n_shared > 0,
                                             .first_scored = ask->view.tokens.n};
        results[i].option_logprobs = ask->answer->label.logprobs;
        results[i].token_logprobs = ask->n_shared ? ask->shared_logprobs : NULL;
    }
    /* A label says which file it came from: that file must still be the one. */
    if (rc == 0)
        rc = model_file_changed(l->model, err);
    if (rc == 0)
        rc = engine_score(l->engine, l->priority, requests, results, n, cancel, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        take_score(l, &asks[i], &results[i]);
    free(requests);
    free(results);
    return rc;
}

static int answer(struct labeler *base, struct answer *answers, size_t n,
                  const struct cancel *cancel, enum labeler_failure *failure,
                  struct error *err)
{
    struct model_labeler *l = (struct model_labeler *)base;
    struct ask *asks = xcalloc(n, sizeof *asks);
    struct error why;
    size_t live = 0;
    int rc = 0;
    memset(&why, 0, sizeof why);
    for (size_t i = 0; i < n; i++)
        if (!answers[i].question->problem)
            asks[live++].answer = &answers[i];
    if (live && l->prompt->cot_on)
        rc = write_rationales(l, asks, live, cancel, &why);
    if (rc == 0 && l->prompt->cot_on)
        live = drop_too_long(l, asks, live);
    if (live && rc == 0)
        rc = score(l, asks, live, cancel, &why);
    if (rc) {
        *failure = failure_of(&why);
        if (err)
            *err = why;
    }
    for (size_t i = 0; i < live; i++) {
        rendered_release(&asks[i].second);
        tokens_release(&asks[i].prompt);
        for (size_t o = 0; o < PROMPT_OPTIONS_MAX; o++)
            tokens_release(&asks[i].options[o]);
    }
    free(asks);
    return rc;
}

static void model_labeler_free(struct labeler *base)
{
    struct model_labeler *l = (struct model_labeler *)base;
    renderer_release(&l->renderer);
    prompt_free(l->prompt);
    free(l->chat_format);
    free(l->precision);
    free(l);
}

struct labeler *labeler_model_new(struct engine *engine, struct model *model, struct prompt *prompt,
                                  const struct labeler_options *options, struct error *err)
{
    static const struct labeler_ops ops = {.prepare = prepare, .cached = cached, .answer = answer,
                                           .free = model_labeler_free};
    struct model_labeler *l = xcalloc(1, sizeof *l);
    char *name = prompt->pointwise ? pointwise_labeler_name("direct", model)
                                   : model_labeler_name(model);
    labeler_init(&l->base, &ops, name, options ? options->seed : 1);
    l->engine = engine;
    l->model = model;
    l->prompt = prompt;
    if (options) {
        l->priority = options->priority;
        l->chat_format = options->chat_format ? xstrdup(options->chat_format) : NULL;
        l->precision = options->precision ? xstrdup(options->precision) : NULL;
    }
    l->base.caps.generates = prompt->cot_on;
    l->base.caps.max_generated = prompt->cot_on ? (size_t)prompt->cot_max_tokens : 0;
    l->base.caps.counts_tokens = true;
    l->base.caps.pointwise = prompt->pointwise;
    /* Without a rationale nothing is drawn at random: one repeat says it all. */
    l->base.repeats = prompt->cot_on ? (int)prompt->samples : 1;
    int rc = renderer_init(&l->renderer, prompt, model, err);
    if (rc == 0 && prompt->exemplar_set && (int64_t)prompt->exemplars.n != prompt->shots)
        rc = error_set(err, ERROR_FAILED, "the exemplars of %s were not loaded", prompt->name);
    if (rc) {
        labeler_free(&l->base);
        return NULL;
    }
    l->renderer.chat_format = l->chat_format;
    return &l->base;
}
