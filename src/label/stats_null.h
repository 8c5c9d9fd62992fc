/*
 * The null test's figures: what the labeler says when there is nothing to say - the same response
 * in both slots, no context, nothing at all. What is not .5 here is pull of the slot alone. Pure.
 */
#ifndef RLAIF_LABEL_STATS_NULL_H
#define RLAIF_LABEL_STATS_NULL_H

#include <stddef.h>

#include "src/label/labeler.h"
#include "src/label/stats_math.h"

struct stats_null {
    size_t n, invalid;   /* rows; rows without an answer, left out of the rest */
    size_t calls; /* different prompts: one a row when both orders are the same text, else
                     two */
    size_t decisive_calls, first_picks;
    double first_pick_rate;
    struct interval wilson;
    double first_pick_p; /* exact, two-sided, against 1/2 */
    double p_first_mean; /* .5 is fair */
    double unevenness;   /* mean |2 P(slot 1) - 1|: 0 fair, 1 always sure of one slot */
    double outside;      /* mean mass outside the options */
};
struct stats_null stats_null(const struct null_row *rows, size_t n, enum null_kind kind);

#endif
