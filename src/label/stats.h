/*
 * How far a labeler agrees with its references: agreement, intervals, kappa, raters, baselines,
 * calibration, and the confusion matrix. Pure functions over judged rows, from any thread; a
 * result is a plain value with nothing to free. Position and length are in
 * stats_position.h, two versions of a prompt in stats_compare.h. NaN: cannot be said (JSON null).
 */
#ifndef RLAIF_LABEL_STATS_H
#define RLAIF_LABEL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/label/judged.h"
#include "src/label/stats_math.h"

/* What is known about the rows beside them. All texts are borrowed; zeroed is fine. */
struct stats_options {
    const char *set, *prompt, *labeler; /* names as shown; NULL: not named */
    uint64_t seed;       /* of the bootstrap */
    size_t draws;        /* 2,000 live, 10,000 in a report, 0: none */
    size_t planned;      /* pairs that the running job will label; 0: complete */
    int64_t test_looks;  /* how often test pairs of this set were looked at */
};
#define STATS_DRAWS_LIVE 2000
#define STATS_DRAWS_REPORT 10000

/* A row counts here when it was asked: rows of pairs that were never put to the labeler are
 * only counted as not_asked. */
bool judged_asked(const struct judged *row);
/* Why a row is not in the agreement; the first that holds, in this order. */
enum left_out { USED, LEFT_NOT_ASKED, LEFT_IDENTICAL, LEFT_UNLABELLED, LEFT_TIE,
                LEFT_NO_MAJORITY, LEFT_NO_LABEL };
enum left_out judged_left_out(const struct judged *row);
/* 1 when the verdict is the reference, .5 for a half, else 0. For used rows. */
double judged_hit(const struct judged *row);
/* The same by the verdict of one order alone; NaN when that order gave none. */
double judged_hit_order(const struct judged *row, enum order order);
/* P(slot 1) of an order: p_first when known, else 1, .5 or 0 by the slot; NaN without a verdict. */
double judged_p_first(const struct judged *row, enum order order);

/* The raters of the pairs among themselves. Votes that say nothing do not count. */
struct stats_raters {
    size_t rater_pairs, equal;               /* all pairs of raters; a tie is a class */
    size_t rater_pairs_no_tie, equal_no_tie; /* both votes are not ties */
    size_t ceiling_votes, ceiling_equal;     /* each vote against the class with strictly the most
                                                votes among the pair's other raters (not a tie) */
    size_t ceiling_votes_no_tie;             /* without votes for tie */
    size_t raters_min, raters_max;           /* votes a pair */
    double share, share_no_tie, ceiling, ceiling_no_tie;
    double fleiss;                           /* NaN unless every pair has the same number >= 2 */
};
struct stats_raters stats_raters(const struct pair *const *pairs, size_t n);

#define STATS_BINS_MAX 20
struct calibration_bin {
    size_t n;
    double p, hit; /* mean confidence max(p_a, 1 - p_a), mean hit */
};
struct stats_calibration {
    size_t n; /* used rows whose probability is known */
    double ece, brier, brier_logit_mean, nll;
    double overconfidence; /* mean confidence - mean hit: above 0 too sure, below 0 too timid */
    struct calibration_bin bins[STATS_BINS_MAX];
    size_t n_bins;
};
/* bins of equal mass: 10 unless told (1..STATS_BINS_MAX). Rows that are not used are skipped. */
struct stats_calibration stats_calibration(const struct judged *rows, size_t n, size_t bins);

struct stats_baselines {
    double always_a, always_slot_1, longer_chars, longer_words;
};

struct stats_agreement {
    size_t n;         /* used and left out, without the unlabelled and not asked */
    size_t used, half, not_asked;
    struct {
        size_t tie, no_majority, no_label, identical, unlabelled;
    } left_out;
    enum rater_kind rater_kind; /* of most references */
    char with[160];   /* "people", "gpt-4 labels (AI)", "gold labels" */
    double agreement;
    struct interval wilson;
    double plain_se, cluster_se;
    struct interval clustered; /* not clipped */
    size_t clusters;  /* contexts among the used rows */
    bool few_clusters, provisional;
    double kappa, pabak;
    size_t kappa_n;
    struct stats_one_order {
        double hits;
        size_t n;     /* used rows with that order */
        double agreement;
        size_t n_all; /* every row with a reference and that order */
        double agreement_all;
    } order[2];
    double with_each_rater; /* mean over used rows of the share of raters that chose the verdict */
    struct stats_raters raters;
    double human_ceiling;   /* raters.ceiling */
    struct stats_baselines baselines;
    double over_longer;     /* agreement less that of picking the longer, paired */
    struct interval over_longer_ci;
    struct stats_calibration calibration;
    size_t draws;           /* of the bootstrap; 0: none */
    uint64_t seed;
    struct interval agreement_boot, kappa_boot, ece_boot;
    double mdd_80;
    int64_t test_looks;
    size_t judged, without_label; /* asked rows that are not identical; of those, without a label */
    size_t decisive, first, second;  /* stats_position.h, for the headline */
    double same_position_rate;
    char says[240];         /* one plain sentence; rules in stats_says.c */
};
struct stats_agreement stats_agreement(const struct judged *rows, size_t n,
                                       const struct stats_options *options);

/* Reference (a, b, tie, none) by verdict (a, b, half, none), and slot by slot of the orders. */
struct stats_matrix {
    size_t n;
    size_t verdicts[4][4];
    size_t slots[4][4]; /* [slot ab][slot ba]: 1, 2, tie, none; pairwise rows only */
    double kappa;       /* over a and b */
    char with[160];
};
extern const char *const stats_matrix_rows[4]; /* "a", "b", "tie", "none" */
extern const char *const stats_matrix_cols[4]; /* "a", "b", "half", "none" */
extern const char *const stats_matrix_slots[4]; /* "1", "2", "tie", "none" */
struct stats_matrix stats_matrix(const struct judged *rows, size_t n);

/* "people", "gpt-4 labels (AI)", "gold labels", "simulated labels" for the rows' references. */
enum rater_kind stats_with(const struct judged *rows, size_t n, char *out, size_t out_size);
/* True for "sim:...": its figures are always called simulated. */
bool labeler_is_simulated(const char *labeler);

#endif
