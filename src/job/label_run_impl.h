/* Inside of the labelling run only: one window of pairs on its way through store and labeler. */
#ifndef RLAIF_JOB_LABEL_RUN_IMPL_H
#define RLAIF_JOB_LABEL_RUN_IMPL_H

#include "src/job/label_run.h"

/* Questions of a pair: 2 orders x repeats, in this order. */
static inline size_t questions_of(const struct labeler *labeler)
{
    return 2 * (size_t)labeler_repeats(labeler);
}

/* The order of work: scope order, but pairs of one context follow each other. order: n indices. */
void label_run_order(const struct pair *const *pairs, size_t n, size_t *order);
/* Name of the workspace setting that keeps the rate (tokens computed a second). */
char *label_rate_name(const struct labeler *labeler);

#endif
