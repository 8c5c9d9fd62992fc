/* Checks of scores: alone and in a batch, sides exchanged. */
#include "src/train/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/train/parts.h"

#define CHECK_TEXTS 32

static void compare(struct train_check *out, double a, double b, const char *what, size_t text,
                    size_t token)
{
    double off = fabs(a - b);

    out->compared++;
    if (off == 0 || (off <= out->worst && !isnan(off)))
        return;
    out->worst = off;
    snprintf(out->where, sizeof(out->where), "%s %zu, token %zu: %.9g and %.9g", what, text + 1,
             token + 1, a, b);
}

static void judge(struct train_check *out)
{
    out->ok = out->worst <= out->limit && !isnan(out->worst);
}

/* ---- padding ---- */

/* Numbers of texts first .. first + n - 1 in one batch, into out by text and token. */
static int read_texts(struct learner *learner, const struct train_texts *texts, size_t first,
                      size_t n, double *out, const struct cancel *cancel, struct error *err)
{
    bool lm = learner_options(learner)->head == LEARN_LM;
    struct tree_group groups[CHECK_TEXTS];
    struct tree_sample samples[CHECK_TEXTS];
    struct tree tree = {0};
    struct tokens targets = {0};
    struct row_ask ask = {.temperature = 1, .logprob = out};
    size_t n_groups = 0;
    int status;

    for (size_t i = 0; i < n; i++) {
        const struct train_text *text = &texts->list[first + i];
        const int32_t *ids = train_text_ids(texts, first + i);
        struct tree_group *last = n_groups ? &groups[n_groups - 1] : NULL;

        samples[i] = (struct tree_sample){ids + text->n_prompt, text->n - text->n_prompt};
        for (size_t t = 0; t < samples[i].n; t++)
            tokens_add(&targets, samples[i].ids[t]);
        if (last && last->n_prompt == text->n_prompt &&
            memcmp(last->prompt, ids, text->n_prompt * sizeof(*ids)) == 0)
            last->n++;
        else
            groups[n_groups++] = (struct tree_group){ids, text->n_prompt, i, 1};
    }
    tree_build(&tree, groups, n_groups, samples, lm ? TREE_TOKENS : TREE_LAST, 1);
    ask.offset = tree.offset;
    ask.targets = targets.ids;
    status = lm ? tree_forward(learner, &tree, row_measure, &ask, cancel, err)
                : tree_values(learner, &tree, out, cancel, err);
    tree_release(&tree);
    tokens_release(&targets);
    return status;
}

int check_padding(struct learner *learner, const struct train_texts *texts, struct train_check *out,
                  const struct cancel *cancel, struct error *err)
{
    bool lm = learner_options(learner)->head == LEARN_LM;
    size_t n = texts->n < CHECK_TEXTS ? texts->n : CHECK_TEXTS, total = 0, at = 0;
    double *together, *alone;
    int status;

    *out = (struct train_check){.limit = 1e-5};
    for (size_t i = 0; i < n; i++) {
        if (texts->list[i].n == texts->list[i].n_prompt)
            return error_set(err, ERROR_DATA, "text %zu is a prompt without a response", i + 1);
        total += texts->list[i].n - texts->list[i].n_prompt;
    }
    together = xcalloc(2 * total + 1, sizeof(*together));
    alone = together + total;
    status = read_texts(learner, texts, 0, n, together, cancel, err);
    for (size_t i = 0; status == 0 && i < n; i++) {
        size_t count = lm ? texts->list[i].n - texts->list[i].n_prompt : 1;

        status = read_texts(learner, texts, i, 1, alone, cancel, err);
        for (size_t t = 0; status == 0 && t < count; t++)
            compare(out, together[at + t], alone[t], "text", i, t);
        at += count;
    }
    free(together);
    judge(out);
    snprintf(out->says, sizeof(out->says), "%s of %zu texts, each alone and all in one batch",
             lm ? "log-probs of the response tokens" : "scores at the end token", n);
    return status;
}

/* ---- swap ---- */

static void compare_losses(struct train_check *out, double a, double b, double p, size_t i)
{
    struct pair_loss one = pair_loss(a, b, p, 0, .01), other = pair_loss(b, a, 1 - p, 0, .01);

    compare(out, one.loss, other.loss, "loss of pair", i, 0);
    compare(out, one.d_first, other.d_second, "derivative of pair", i, 0);
}

int check_swap(struct reward_model *model, const struct reward_pairs *pairs,
               struct train_check *out, const struct cancel *cancel, struct error *err)
{
    size_t n = pairs->n < CHECK_TEXTS ? pairs->n : CHECK_TEXTS;
    struct reward_pairs some = {0}, swapped = {0};
    double *a = xcalloc(4 * n + 1, sizeof(*a)), *b = a + n, *c = b + n, *d = c + n;
    int status;

    *out = (struct train_check){.limit = 1e-12};
    for (size_t i = 0; i < n; i++) {
        const struct reward_pair *pair = &pairs->list[i];
        const int32_t *prompt = pairs->ids + pair->first, *first = prompt + pair->n_prompt;
        const int32_t *second = first + pair->n_a;
        int32_t end = first[pair->n_a - 1];

        reward_pairs_add(&some, prompt, pair->n_prompt, first, pair->n_a - 1, second,
                         pair->n_b - 1, end, pair->p, 0, 0);
        reward_pairs_add(&swapped, prompt, pair->n_prompt, second, pair->n_b - 1, first,
                         pair->n_a - 1, end, 1 - pair->p, 0, 0);
    }
    status = reward_scores(model, &some, NULL, a, b, cancel, err);
    if (status == 0)
        status = reward_scores(model, &swapped, NULL, c, d, cancel, err);
    for (size_t i = 0; status == 0 && i < some.n; i++) {
        compare(out, a[i], d[i], "first response of pair", i, 0);
        compare(out, b[i], c[i], "second response of pair", i, 0);
        compare_losses(out, a[i], b[i], pairs->list[i].p, i);
    }
    reward_pairs_release(&some);
    reward_pairs_release(&swapped);
    free(a);
    judge(out);
    snprintf(out->says, sizeof(out->says),
             "scores, losses and derivatives of %zu pairs and of the same with sides "
             "exchanged and p as 1 - p",
             n);
    return status;
}
