/* Things that a prompt may do but probably should not, and responses that speak to the labeler. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "src/label/render.h"

struct lint {
    void (*say)(void *ctx, const char *sentence);
    void *ctx;
};

static bool texts_equal(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static void lint_exemplars(const struct lint *l, const struct prompt *p,
                           const struct pair *const *pairs, size_t n_pairs)
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
        snprintf(text, sizeof text,
                 "all %zu exemplars have the answer %s: the model may copy the slot",
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
        say(ctx, "the ending's last token changes with the option behind it: options are "
                 "scored from the "
                 "token before");
    lint_exemplars(&l, p, pairs, n_pairs);
}

/* ---- responses that speak to the labeler ---- */

static const char *const suspect_phrases[] = {
    "<|",
    "|>",
    "[inst]",
    "[/inst]",
    "</s>",
    "<start_of_turn>",
    "<end_of_turn>",
    "</think>",
    "[[a]]",
    "[[b]]",
    "ignore the above",
    "ignore all previous",
    "ignore previous",
    "disregard the above",
    "disregard previous",
    "prefer 1",
    "prefer 2",
    "prefer summary",
    "prefer this",
    "choose 1",
    "choose 2",
    "say 1",
    "say 2",
    "answer: 1",
    "answer: 2",
    "this summary is better",
    "is the better summary",
    "thought process:",
    NULL,
};

/* Case of ASCII letters aside. */
static bool holds(const char *text, const char *phrase)
{
    for (; *text; text++) {
        size_t k = 0;
        while (phrase[k] && tolower((unsigned char)text[k]) == tolower((unsigned char)phrase[k]))
            k++;
        if (!phrase[k])
            return true;
    }
    return false;
}

/* Zero-width, bidi controls, tags: a reader does not see them, a model does. */
static uint32_t unseen_character(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = utf8_decode(text + i, len - i, &code);
        if (n && ((code >= 0x200B && code <= 0x200F && code != 0x200C && code != 0x200D) ||
                  (code >= 0x202A && code <= 0x202E) || (code >= 0x2060 && code <= 0x2069) ||
                  (code >= 0xE0000 && code <= 0xE007F)))
            return code;
        i += n ? n : 1;
    }
    return 0;
}

bool pair_suspect(const struct pair *pair, const struct prompt *prompt, char *why, size_t why_size)
{
    const char *const sides[2] = {pair->a, pair->b};
    for (int side = 0; side < 2; side++) {
        char name = side ? 'b' : 'a';
        uint32_t code = unseen_character(sides[side]);
        if (code) {
            snprintf(why, why_size, "response %c holds an unseen character (U+%04X)",
                     name, (unsigned)code);
            return true;
        }
        if (prompt && strlen(prompt->ending) >= 6 && holds(sides[side], prompt->ending)) {
            snprintf(why, why_size, "response %c holds the prompt's ending", name);
            return true;
        }
        for (size_t k = 0; suspect_phrases[k]; k++)
            if (holds(sides[side], suspect_phrases[k])) {
                snprintf(why, why_size, "response %c says \"%s\"", name, suspect_phrases[k]);
                return true;
            }
    }
    return false;
}
