/*
 * A pair with what a labeler said of it in both orders: the row that every statistic reads.
 * Made from a pair and its label rows; holds copies of numbers only and points to the pair.
 * Formulas: contract 4.
 */
#ifndef RLAIF_LABEL_JUDGED_H
#define RLAIF_LABEL_JUDGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/data/pair.h"
#include "src/label/label.h"

enum verdict { VERDICT_NONE, VERDICT_A, VERDICT_B, VERDICT_HALF };
const char *verdict_name(enum verdict verdict); /* "a", "b", "half", NULL for none */

struct judged {
    const struct pair *pair;
    struct reference reference;
    bool asked[2];        /* a row exists for this order */
    enum slot slot[2];    /* by order; with several repeats: of the mean distribution */
    double p_first[2];    /* P(slot 1) by order, mean over repeats; NaN when not known */
    double p_a; /* mean of P(slot 1 | ab) and 1 - P(slot 1 | ba); pointwise and imported:
                   1, 0, .5 or NaN */
    double p_a_logit;     /* sigmoid of the mean of the two log-odds; NaN when not known */
    double outside;       /* mean; NaN when not known */
    double margin;        /* |2 p_a - 1| */
    double score[2];      /* pointwise: of a and b; NaN else */
    bool pointwise;
    enum verdict verdict; /* NONE: no label */
};

/* rows: all label rows of one pair by one labeler and prompt version, in any order. One
 * order alone gives a verdict only when one_order is set (imported judges that were asked
 * once). Conflicting imported verdicts give half. */
void judged_make(struct judged *out, const struct pair *pair, const struct label *const *rows,
                 size_t n_rows, bool one_order);

#endif
