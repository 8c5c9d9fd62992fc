/*
 * Two versions of a prompt (or two labelers) on the same pairs: what was fixed, what broke, and
 * whether the difference is more than chance. Pure; from any thread.
 */
#ifndef RLAIF_LABEL_STATS_COMPARE_H
#define RLAIF_LABEL_STATS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/label/stats.h"

struct compare_options {
    const char *from, *to; /* names as shown, borrowed */
    const char *set, *labeler;
    /* Exact McNemar p values of the other comparisons made on this set; those not known count
     * as 1, which never makes the answer look better than it is. */
    const double *other_p;
    size_t n_other;
    size_t versions_compared; /* on this set, with these two; at least 2 */
    uint64_t seed;
    size_t draws;
};

/* As published tables count: all pairs with reference a or b that both judged in both
 * orders; a failed or tied order is wrong. */
struct compare_published {
    size_t n, clusters;
    struct mcnemar order[2]; /* by one order alone */
    double mean_diff, se, se_clustered, mdd_80; /* of (right ab + right ba) / 2 */
};

struct stats_compare {
    size_t n;             /* pairs used in both */
    size_t only_from, only_to; /* used in one alone */
    size_t n_fixed, n_broke;
    const struct pair **fixed, **broke; /* d > 0, d < 0; in set order; owned arrays */
    double *fixed_d, *broke_d;          /* 1, .5 / -1, -.5 */
    double diff, plain_se,
        se; /* mean of d = hit(to) - hit(from), se clustered by context */
    struct interval diff_ci, diff_boot;
    size_t clusters;
    bool few_clusters;
    double agreement_from, agreement_to; /* on the n pairs */
    double same_position_from, same_position_to; /* of pairs that both judged decisively */
    size_t position_n;
    struct mcnemar
        mcnemar; /* on the two-order verdicts; pairs that are half in one are left out */
    size_t mcnemar_left_out_half;
    double single_order_diff, single_order_se; /* (hit ab + hit ba) / 2 in place of the verdict */
    struct compare_published published;
    size_t versions_compared;
    double holm;             /* of mcnemar.exact_p */
    double mdd_80;
    size_t draws;
    uint64_t seed;
    char with[160];
    char says[240];
};
/* Rows are matched by set and number of the pair. */
struct stats_compare stats_compare(const struct judged *from, size_t n_from,
                                   const struct judged *to, size_t n_to,
                                   const struct compare_options *options);
void stats_compare_release(struct stats_compare *compare);

#endif
