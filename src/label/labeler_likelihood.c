/*
 * "likelihood": how probable the model finds a response behind the post, by token and by sum, and
 * how much the post raises it. There is no order, so there can be no position bias.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/label/labeler_impl.h"

struct likelihood {
    struct labeler base;
    struct engine *engine;
    struct model *model;
    struct prompt prompt; /* only what rendering reads: the template as a sample without ending */
    struct renderer renderer;
    enum pool_priority priority;
    char *precision;
    char id[80];
};

/* A response behind a text: all tokens, and the first one that is scored. */
struct scored {
    struct tokens tokens;
    size_t first;
};

static void response_of(const struct question *q, const char **text, size_t *len)
{
    *text = q->order == ORDER_AB ? q->pair->a : q->pair->b;
    *len = strlen(*text);
    while (*len && strchr(" \t\r\n\v\f", **text)) {
        ++*text;
        --*len;
    }
    while (*len && strchr(" \t\r\n\v\f", (*text)[*len - 1]))
        --*len;
}

/* Tokens of head + one blank + response as one text, and how many of the head's own they
 * begin with. */
static int join(const struct likelihood *l, const struct rendered *head, const struct question *q,
                struct scored *out, struct error *err)
{
    const char *response;
    size_t len;
    struct buf text;
    buf_init(&text, 0);
    response_of(q, &response, &len);
    buf_add(&text, buf_str(&head->text), head->text.len);
    if (text.len && !strchr(" \t\n", text.data[text.len - 1]))
        buf_addc(&text, ' ');
    buf_add(&text, response, len);
    int32_t bos = model_bos(l->model);
    if (bos >= 0)
        tokens_add(&out->tokens, bos);
    int rc = model_encode(l->model, buf_str(&text), text.len, &out->tokens, err);
    buf_release(&text);
    size_t k = 0;
    while (k < out->tokens.n && k < head->tokens.n && out->tokens.ids[k] == head->tokens.ids[k])
        k++;
    out->first = k ? k : 1;
    return rc;
}

static int prepare(struct labeler *base, struct question *q, struct error *err)
{
    struct likelihood *l = (struct likelihood *)base;
    struct renderer rr = l->renderer;
    struct render_call call = {.pair = q->pair};
    struct tokens response = {0};
    const char *text;
    size_t len;
    struct error why;
    struct hash hash;
    if (!l->id[0] && model_labeler_id(l->model, l->precision, l->id, err))
        return -1;
    response_of(q, &text, &len);
    if (model_encode(l->model, text, len, &response, err))
        return -1;
    q->n_tokens = response.n;
    tokens_release(&response);
    size_t room = q->n_tokens + 8, context = (size_t)model_info(l->model)->context;
    rr.context = context > room ? context - room : 0;
    memset(&why, 0, sizeof why);
    if (len == 0)
        q->problem = xstrdup("the response is empty");
    if (render(&rr, &call, &q->rendered, &why)) {
        if (why.kind != ERROR_DATA) {
            if (err)
                *err = why;
            return -1;
        }
        free(q->problem);
        q->problem = xstrdup(why.text);
    }
    q->n_tokens = 2 * q->n_tokens + q->rendered.tokens.n;
    key_begin(&hash, base, l->id, q);
    key_text(&hash, "likelihood");
    key_text(&hash, l->prompt.sample);
    key_text(&hash, q->problem ? q->pair->context : NULL);
    hash_field(&hash, buf_str(&q->rendered.text), q->rendered.text.len);
    hash_field(&hash, text, len);
    hash_end(&hash, q->key);
    return 0;
}

static size_t cached(struct labeler *base, const struct question *q)
{
    struct likelihood *l = (struct likelihood *)base;
    return engine_cached(
        l->engine, (struct token_run){q->rendered.tokens.ids, q->rendered.tokens.n});
}

static double sum_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static void set_score(struct answer *answer, const struct score_result *with, size_t n_with,
                      const struct score_result *without, size_t n_without)
{
    struct label *label = &answer->label;
    label->score_sum = sum_of(with->token_logprobs, n_with);
    label->score = label->score_sum / (double)n_with;
    label->score_gain =
        label->score - sum_of(without->token_logprobs, n_without) / (double)n_without;
    label->tokens = (int64_t)(with->computed + with->reused + without->computed + without->reused);
    label->reused = (int64_t)(with->reused + without->reused);
    if (!isfinite(label->score))
        answer_invalid(answer, "the response has no probability");
}

/* Two requests a question: [2i] behind the post, [2i + 1] behind the template without it. */
static int score(struct likelihood *l, struct answer **live, size_t n, const struct cancel *cancel,
                 struct error *err)
{
    struct scored *scored = xcalloc(2 * n, sizeof *scored);
    struct score_request *requests = xcalloc(2 * n, sizeof *requests);
    struct score_result *results = xcalloc(2 * n, sizeof *results);
    int rc = 0;
    for (size_t i = 0; i < 2 * n && rc == 0; i++) {
        const struct question *q = live[i / 2]->question;
        struct rendered bare = {0};
        if (i % 2 == 0) {
            rc = join(l, &q->rendered, q, &scored[i], err);
        } else {
            struct render_call call = {.pair = q->pair, .no_context = true};
            rc = render(&l->renderer, &call, &bare, err);
            if (rc == 0)
                rc = join(l, &bare, q, &scored[i], err);
            rendered_release(&bare);
        }
        if (rc)
            break;
        struct scored *s = &scored[i];
        requests[i] = (struct score_request){.prompt = {s->tokens.ids, s->tokens.n}, .all = true,
                                             .first_scored = s->first};
        results[i].token_logprobs = xcalloc(s->tokens.n - s->first + 1, sizeof(double));
    }
    /* A label says which file it came from: that file must still be the one. */
    if (rc == 0)
        rc = model_file_changed(l->model, err);
    if (rc == 0)
        rc = engine_score(l->engine, l->priority, requests, results, 2 * n, cancel, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        set_score(live[i], &results[2 * i], scored[2 * i].tokens.n - scored[2 * i].first,
                  &results[2 * i + 1],
                  scored[2 * i + 1].tokens.n - scored[2 * i + 1].first);
    for (size_t i = 0; i < 2 * n; i++) {
        tokens_release(&scored[i].tokens);
        free(results[i].token_logprobs);
    }
    free(scored);
    free(requests);
    free(results);
    return rc;
}

static int answer(struct labeler *base, struct answer *answers, size_t n,
                  const struct cancel *cancel, enum labeler_failure *failure,
                  struct error *err)
{
    struct likelihood *l = (struct likelihood *)base;
    struct answer **live = xcalloc(n, sizeof *live);
    struct error why;
    size_t n_live = 0;
    memset(&why, 0, sizeof why);
    for (size_t i = 0; i < n; i++)
        if (!answers[i].question->problem)
            live[n_live++] = &answers[i];
    int rc = n_live ? score(l, live, n_live, cancel, &why) : 0;
    free(live);
    if (rc) {
        *failure = why.kind == ERROR_CANCELLED ? LABELER_CANCELLED : LABELER_STOP;
        if (err)
            *err = why;
    }
    return rc;
}

static void likelihood_free(struct labeler *base)
{
    struct likelihood *l = (struct likelihood *)base;
    free(l->prompt.sample);
    free(l->precision);
    free(l);
}

static void see_slot(void *ctx, enum prompt_slot which)
{
    ((int *)ctx)[which]++;
}

static int check_template(const char *template, struct error *err)
{
    int seen[PROMPT_SLOTS] = {0};
    size_t at;
    if (prompt_walk(template, strlen(template), NULL, see_slot, seen, &at, err))
        return -1;
    if (seen[PROMPT_SLOT_CONTEXT] != 1 || seen[PROMPT_SLOT_FIRST] || seen[PROMPT_SLOT_SECOND]) {
        error_set(err, ERROR_DATA, "a likelihood template holds {{context}} once and no response");
        return error_hint(err, "the response follows it, as in \"{{context}}\\n\\nTL;DR:\"");
    }
    return 0;
}

struct labeler *labeler_likelihood_new(struct engine *engine, struct model *model,
                                       const char *template,
                                       const struct labeler_options *options,
                                       struct error *err)
{
    static const struct labeler_ops ops = {.prepare = prepare, .cached = cached, .answer = answer,
                                           .free = likelihood_free};
    static char empty[] = "";
    if (!template)
        template = LIKELIHOOD_TEMPLATE;
    if (check_template(template, err))
        return NULL;
    struct likelihood *l = xcalloc(1, sizeof *l);
    labeler_init(&l->base, &ops, pointwise_labeler_name("likelihood", model),
                 options ? options->seed : 1);
    l->engine = engine;
    l->model = model;
    l->prompt.sample = xstrdup(template);
    l->prompt.preamble = l->prompt.system = l->prompt.ending = l->prompt.cot_ending = empty;
    l->renderer.prompt = &l->prompt;
    l->renderer.model = model;
    l->renderer.context = (size_t)model_info(model)->context;
    if (options) {
        l->priority = options->priority;
        l->precision = options->precision ? xstrdup(options->precision) : NULL;
    }
    l->base.caps.pointwise = true;
    l->base.caps.counts_tokens = true;
    return &l->base;
}
