/*
 * How far a labeler depends on the order and on length: same-position rate with its direction,
 * pull, one-order what-if, length effects and tables by group. Pure functions over judged rows,
 * from any thread; stats_bias_release frees the group table.
 */
#ifndef RLAIF_LABEL_STATS_POSITION_H
#define RLAIF_LABEL_STATS_POSITION_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/error.h"
#include "src/label/stats.h"

#define STATS_PULL_BINS 20 /* of width .1 from -1 to 1 */

struct stats_position {
    size_t n;         /* asked rows that are not identical */
    size_t no_label;  /* of those, rows without a label */
    size_t pointwise; /* of those, rows that score each response alone: no position */
    size_t decisive;  /* slot 1 or 2 in both orders */
    size_t same_position, first, second;
    double same_position_rate;
    struct interval wilson;
    double primacy_p, primacy_log10_p; /* first of first + second against 1/2, exact, two-sided */
    size_t decisive_calls, first_picks, tie_calls, failed_calls;
    double first_pick_rate;
    struct interval first_pick_wilson;
    double first_pick_p;
    double first_pick_rate_both_orders; /* 1/2 + (first - second) / (2 decisive) */
    size_t n_pull;
    double pull_mean, pull_se,
        pull_median; /* pull = P(A | A first) - P(A | A second); se clustered */
    double soft_gap, soft_direction;        /* mean |pull|; pull_mean / 2 */
    size_t pull_histogram[STATS_PULL_BINS];
    size_t same_winner;   /* equal winners, ties and failures as classes of their own */
    double kappa_orders;     /* winner of order ab against order ba, decisive pairs */
    double kappa_orders_all; /* all pairs asked in both orders, tie and failure as classes */
    double bpde_mean;     /* entropy (nats) of win, tie, lose over the verdicts of a pair */
};
struct stats_position stats_position(const struct judged *rows, size_t n);
/* BPDE of one row: 0 when both orders say the same, ln 2 when not; NaN with no verdict. */
double judged_bpde(const struct judged *row);
/* P(A | A first) - P(A | A second), NaN unless known for both orders. */
double judged_pull(const struct judged *row);

/* As the published tables count: a failed or tied order is wrong. Rows with reference a or b. */
struct stats_published {
    size_t n, correct[2], both, neither;
    double average, average_se, average_se_clustered;
    size_t clusters;
    size_t counter_correct, counter_wrong, counter_undecided; /* +1, -1, 0 by order; sum's sign */
};
struct stats_published stats_published(const struct judged *rows, size_t n);

struct stats_length {
    size_t equal_length, half, n; /* of used rows: left out, left out, counted */
    size_t longer_longer, longer_shorter, shorter_longer, shorter_shorter; /* people, labeler */
    double prefers_longer, human_prefers_longer;
    double agreement_longer, agreement_shorter; /* where people chose the longer, the shorter */
    double verbosity_gap;     /* agreement_longer - agreement_shorter; positive: verbosity bias */
    double prefers_longer_all; /* over every decisive verdict, with a reference or not */
    size_t n_all;
};
/* words: lengths in words, else in Unicode characters. */
struct stats_length stats_length(const struct judged *rows, size_t n, bool words);

/* One row of a table by group. */
struct stats_group {
    const struct group_key *by;
    char *key;  /* the group: "dev", "under 10 %" */
    size_t n, used, decisive, no_label;
    double same_position_rate, pull_mean, agreement;
    struct interval agreement_wilson, same_position_wilson;
};
/* What rows can be grouped by. Rows with several values (tags) stand in several groups. */
struct group_key {
    const char *name, *text;
    /* The i-th value of the row as a label and a rank for sorting; false: no more. */
    bool (*value)(const struct judged *row, size_t i, char *label, size_t label_size, int *rank);
};
extern const struct group_key group_keys[]; /* ends with a row whose name is NULL */
const struct group_key *group_key_find(const char *name);
/* "split,tag" into keys, at most max; -1 and an error with the nearest name. Returns how many. */
int group_keys_parse(const char *text, const struct group_key **out, size_t max, struct error *err);

struct stats_bias {
    struct stats_position position;
    struct {
        double ab, ba, both; /* agreement if only that order had been asked */
    } one_order;
    double pabak;
    struct stats_published published;
    struct stats_length length, length_words;
    double agreement_same_winner, agreement_flipped; /* where the orders agree, where not */
    size_t n_same_winner, n_flipped;
    size_t draws;
    uint64_t seed;
    struct interval same_position_boot, pull_boot;
    struct stats_group *by; /* one table after the other, in the order of the keys given */
    size_t n_by;
    char with[160];
    char says[240];
};
/* by: keys of group_keys, n_by of them; options may be NULL. */
struct stats_bias stats_bias(const struct judged *rows, size_t n, const struct group_key *const *by,
                             size_t n_by, const struct stats_options *options);
void stats_bias_release(struct stats_bias *bias);

#endif
