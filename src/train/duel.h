/*
 * Head-to-head: who wins when a judge sees what two policies made of the same prompts
 * (D26). The judge is a function: a gold score, a labeler, a reward model, a person. Pure
 * but for the judge.
 */
#ifndef RLAIF_TRAIN_DUEL_H
#define RLAIF_TRAIN_DUEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/cancel.h"
#include "src/base/error.h"

/* Text without superfluous trailing symbols: what repeats its last mark, and white space.
 * Returns the new length; one mark stays ("so ... " -> "so ."). The caller keeps the raw
 * text. */
size_t duel_strip(const char *text, size_t len);

struct duel_item {
    size_t prompt;          /* the caller's index */
    const char *a, *b;      /* as shown to the judge: stripped */
    double length_a, length_b; /* characters of these */
    double ab, ba;          /* P(a is better) as judged in each order; NaN: failed or not asked */
    double score;           /* 1 a, 0 b, .5 tie; NaN: no verdict */
};
struct duel_ask {
    size_t item;            /* index into the items */
    bool swapped;           /* b is shown first */
    const char *first, *second;
};
/* Fills P(first is better): 0, .5, 1 or between; NaN where it failed. */
typedef int duel_judge_fn(void *arg, const struct duel_ask *asks, size_t n, double *p_first,
                          const struct cancel *cancel, struct error *err);
/* Asks in one order or both (order of the asks: item, then order) and fills ab, ba,
 * score: both orders averaged, above .5 a wins. With both, one failed order means no
 * verdict. */
int duel_judge(struct duel_item *items, size_t n, duel_judge_fn *judge, void *arg, bool both,
               const struct cancel *cancel, struct error *err);
/* Lengths by Unicode characters. */
void duel_set(struct duel_item *item, size_t prompt, const char *a, const char *b);

struct duel_summary {
    size_t n, wins, losses, ties, failed; /* n: with a verdict */
    size_t same_position;           /* both orders decisive and for the same slot */
    double win_rate;                /* (wins + ties / 2) / n */
    double wilson[2];
    double bootstrap[2];            /* percentile 95 % over items */
    double length_a, length_b;      /* means */
    double length_controlled; /* logistic regression on length_a / length_b read at 1;
                                 NaN: cannot be said */
    double slope, intercept;
    bool separated;                 /* the lengths alone decide every item: no finite regression */
};
/* draws: of the bootstrap, keyed by seed. */
void duel_summarise(const struct duel_item *items, size_t n, uint64_t seed, size_t draws,
                    struct duel_summary *out);

/* Maximum likelihood of P(y) = sigmoid(intercept + slope x), y in [0, 1], by Newton.
 * False: no finite maximum. */
bool logistic_fit(const double *x, const double *y, size_t n, double *intercept, double *slope);
/* Kendall's W of m raters' scores of k things (row-major, m x k), midranks and the
 * correction for ties. NaN: all ties, or m, k < 2. */
double kendall_w(const double *scores, size_t m, size_t k);

#endif
