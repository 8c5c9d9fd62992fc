/* Things a prompt may do but probably should not. */
#include <string.h>
#include <stdio.h>

#include "src/label/render.h"

struct lint {
    void (*say)(void *ctx, const char *sentence);
    void *ctx;
};

static bool texts_equal(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static void lint_exemplars(const struct lint *l, const struct prompt *p, const struct pair *const *pairs,
                           size_t n_pairs)
{
    char text[200];
    size_t first = 0;
    for (size_t e = 0; e < p->exemplars.n; e++) {
        const struct exemplar *row = &p->exemplars.rows[e];
        first += row->label == 1;
        for (size_t i = 0; i < n_pairs; i++) {
            if (!texts_equal(row->context, pairs[i]->context))
                continue;
            bool same = (texts_equal(row->a, pairs[i]->a) && texts_equal(row->b, pairs[i]->b)) ||
                        (texts_equal(row->a, pairs[i]->b) && texts_equal(row->b, pairs[i]->a));
            snprintf(text, sizeof text, "exemplar %zu %s pair #%d: its answer is given away", e + 1,
                     same ? "is" : "has the post of", pairs[i]->num);
            l->say(l->ctx, text);
            break;
        }
    }
    if (!p->pointwise && p->exemplars.n > 1 && (first == 0 || first == p->exemplars.n)) {
        snprintf(text, sizeof text, "all %zu exemplars have the answer %s: the model may copy the slot",
                 p->exemplars.n, p->options[first ? 0 : 1]);
        l->say(l->ctx, text);
    }
}

void prompt_lint(const struct prompt *p, const struct renderer *rr, const struct pair *const *pairs,
                 size_t n_pairs, void (*say)(void *ctx, const char *sentence), void *ctx)
{
    struct lint l = {say, ctx};
    size_t n = strlen(p->ending);
    if (n == 0)
        say(ctx, "there is no ending: the model is not told where to answer");
    if (!p->preamble[0] && !p->system[0])
        say(ctx, "there is no preamble: the model is not told what to do");
    if (p->system[0] && p->style != PROMPT_CHAT)
        say(ctx, "system is used in chat style only");
    if (p->samples > 1 && !p->cot_on)
        say(ctx, "samples only matter with cot: without it every sample is the same");
    else if (p->samples > 1 && p->temperature == 0)
        say(ctx, "samples at temperature 0 are all the same");
    if (rr && rr->model && !rr->exact && n)
        say(ctx, "the ending's last token changes with the option behind it: options are scored from the "
                 "token before");
    lint_exemplars(&l, p, pairs, n_pairs);
}
