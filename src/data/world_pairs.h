/*
 * The pocket world's people and the pairs they compare. Raters weigh what they read as
 * the gold score does, each with weights of his own, and choose by a logistic of the
 * difference over a temperature.
 *
 * Their votes are stored as RATER_HUMAN under the names rater-1, rater-2, ..: in this
 * world they take the part of the people in the paper, so that every command treats their
 * word as people's. They are simulated; the set's format "pocket world" says so wherever
 * it is shown, and no other set may do the same. Part of libworldgold.a. Pure; any
 * thread.
 */
#ifndef RLAIF_DATA_WORLD_PAIRS_H
#define RLAIF_DATA_WORLD_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/data/pair.h"
#include "src/data/world.h"
#include "src/data/world_gold.h"

#define WORLD_FORMAT "pocket world"

/* What a rater weighs: problem, consequence, question, wrong, broken, repeated, detail,
 * words. */
#define WORLD_WEIGHTS 8
struct world_rater {
    char name[24];                 /* "rater-1" */
    double weights[WORLD_WEIGHTS]; /* gold's times exp(spread * N(0,1)) */
    double temperature;
};
void world_rater(const struct world_options *options, int number,
                 struct world_rater *out);
double world_rater_score(const struct world_rater *rater,
                         const struct world_parts *parts);
/* A vote and its confidence, 1 surely B .. 9 surely A without 5, both from one draw by
 * key. */
enum choice world_vote(const struct world_rater *rater, const struct world_parts *a,
                       const struct world_parts *b, struct rng_key key,
                       double *confidence);

/* What the generator knows of a pair besides the pair: row i belongs to pair i of its
 * list. */
struct world_sides {
    struct world_score a, b; /* axis differences: world_score_axis of both */
    int author_a, author_b;  /* -1: not an author of this world */
};
struct world_sides_list {
    struct world_sides *rows;
    size_t n, cap;
};
void world_sides_release(struct world_sides_list *list);

/*
 * Appends options->pairs pairs for each post, of summaries by two authors, with gold
 * scores and options->votes votes; key "POST/NUMBER", tags name what either side has:
 * misses-the-point, drops-the-question, wrong-fact, adds-detail, repeats, bad-grammar.
 * sides may be NULL. Posts that are none of this world's are left out. Returns how many
 * were added.
 */
size_t world_make_pairs(const struct world_options *options, const struct post *posts,
                        size_t n, struct pair_list *out, struct world_sides_list *sides);
/* One pair of two given texts, such as samples of a policy, put to the same raters. id
 * tells apart pairs of one post. False: the post is none of this world's, nothing is
 * added. */
bool world_make_pair(const struct world_options *options, const struct post *post,
                     const char *a, const char *b, const char *id, struct pair_list *out,
                     struct world_sides_list *sides);
/*
 * One pair in which axis `up` is for one side and axis `down` for the other (up == down:
 * against that side in this axis alone, the other axes as near as can be); which side is
 * a is drawn. For a labeler that must read which criterion its prompt names. False:
 * nothing found for this post.
 */
bool world_make_contrast(const struct world_options *options, const struct post *post,
                         enum world_axis up, enum world_axis down, const char *id,
                         struct pair_list *out, struct world_sides_list *sides);

/* Over all pairs: how often two votes on a pair are equal, how often a vote is for the
 * higher gold (equal gold left out). NaN without any. */
struct world_agreement {
    double raters, gold;
    size_t n_raters, n_gold; /* comparisons behind them */
};
struct world_agreement world_agreement(const struct pair *pairs, size_t n);

#endif
