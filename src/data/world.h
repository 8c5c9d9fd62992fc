/*
 * The pocket world: advice posts and summaries over a few hundred words, small enough to
 * learn in minutes, with a truth that is known. This file owns its options, posts,
 * authors and word list; the gold score, the raters and the pairs are in world_gold.h and
 * world_pairs.h, a library of their own that training does not link.
 *
 * A text is lower-case words and the marks . and ? with one blank between any two, so
 * that splitting at blanks gives the tokens and joining by blanks gives the text again.
 * All is a pure function of (options, split, index); no state, any thread. Dropping a
 * post changes no other.
 */
#ifndef RLAIF_DATA_WORLD_H
#define RLAIF_DATA_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/option.h"
#include "src/base/rng.h"
#include "src/data/post.h"

enum world_size { WORLD_SMALL, WORLD_MEDIUM, WORLD_LARGE };
struct world_options {
    int64_t seed, posts;
    int size;           /* enum world_size */
    double paraphrase;  /* share of words said by their synonym */
    double distraction; /* share of details that are about another person or thing */
    double apart; /* share of posts that say in another sentence who the person is */
    int64_t details_min, details_max;
    int64_t authors, references;
    double skill_min, skill_max;
    int64_t raters, votes, pairs; /* votes on a pair, pairs of a post */
    double temperature, spread;
};
/* For options_init and option_set; ends with a row whose name is NULL. Nothing needs
 * releasing. */
extern const struct option world_option_table[];

/* What a post is for. A post's point (who did what to what, with which consequence, and
 * what is asked) stands in one split only, whatever the seed. */
enum world_split {
    WORLD_SFT,
    WORLD_PAIRS,
    WORLD_RL,
    WORLD_DEV,
    WORLD_TEST,
    WORLD_SPLITS
};
const char *
world_split_name(enum world_split split); /* "sft", "pairs", "rl", "dev", "test" */
bool world_split_parse(const char *name, enum world_split *out);
/* From the key of a post or pair ("rl-17", "pairs-3/1"). */
bool world_split_of_key(const char *key, enum world_split *out);
/* How `posts` are shared out: sft .5, pairs .25, rl .15, dev .05, test .05, the rest to
 * sft. */
void world_split_sizes(int64_t posts, int64_t sizes[WORLD_SPLITS]);

/* ---- facts ---- */

/* What a clause says. The first three are the point of a post, the others details. */
enum world_kind {
    WORLD_PROBLEM,
    WORLD_CONSEQUENCE,
    WORLD_QUESTION,
    WORLD_JOB,
    WORLD_WEATHER,
    WORLD_FOOD,
    WORLD_NEAR,
    WORLD_COLOUR,
    WORLD_PET,
    WORLD_EVENT,
    WORLD_PERSON,
    WORLD_KINDS
};
#define WORLD_POINTS 3
enum world_slot {
    WORLD_RELATION,
    WORLD_NAME,
    WORLD_ACT,
    WORLD_OBJECT,
    WORLD_TIME,
    WORLD_PLACE,
    WORLD_LEAD,
    WORLD_JOBS,
    WORLD_TOWN,
    WORLD_SKY,
    WORLD_DISH,
    WORLD_BUILDING,
    WORLD_HUE,
    WORLD_ANIMAL,
    WORLD_RESULT,
    WORLD_ACTION,
    WORLD_SLOTS
};
struct world_fact {
    enum world_kind kind;
    int wording; /* which of the kind's wordings */
    bool time_first;
    unsigned other;            /* bit s: slot s is said by its synonym */
    int8_t value[WORLD_SLOTS]; /* index into the slot's list, -1: not said */
};
/* 9 sentences at most are made; reading takes up to WORLD_FACTS. */
#define WORLD_FACTS 16
struct world_story {
    struct world_fact facts[WORLD_FACTS]; /* in the order of the post */
    size_t n;
};

/* ---- posts ---- */

void world_story(const struct world_options *options, enum world_split split,
                 uint64_t index, struct world_story *out);
void world_story_text(const struct world_story *story, struct buf *out);
/* key "SPLIT-INDEX", title, context, group, split train|dev|test, `references` summaries
 * by as many authors. Fills a zeroed post; its texts are malloced, post_list_release
 * frees them. */
void world_make_post(const struct world_options *options, enum world_split split,
                     uint64_t index, struct post *out);
void world_make_posts(const struct world_options *options, enum world_split split,
                      uint64_t first, size_t n, struct post_list *out);

/* ---- authors ---- */

/* What a summary holds, counted in clauses: as planned by its author, or as read from its
 * text. */
struct world_parts {
    int problem, consequence, question; /* 1: said, and right */
    int wrong;                          /* clauses with a wrong fact */
    int detail;                         /* clauses that are true and beside the point */
    int broken;    /* sentences that are none: 1 for every 8 words begun */
    int repeated;  /* clauses that only say again what was said */
    int64_t words; /* marks too */
};
struct world_author {
    int number;           /* from 0 */
    double skill;         /* 0..1, evenly spaced from skill_min to skill_max */
    struct rng_key style; /* which wordings, synonyms and order come first to mind */
};
void world_author(const struct world_options *options, int number,
                  struct world_author *out);
/* The author of a post's reference `which`, or of a pair's side: every author as often.
 * id: a post's key. */
int world_author_of(const struct world_options *options, const char *id, int which);

/* What a summary is to hold. */
enum world_say { WORLD_NOT, WORLD_RIGHT, WORLD_WRONG, WORLD_BROKEN };
struct world_plan {
    enum world_say point[WORLD_POINTS];
    int details, false_details,
        broken_details; /* no more than the post has: see world_write */
    int repeats;        /* of clauses said right */
    bool no_end;        /* the last mark is missing: that sentence is broken */
};
/* An author's plan: better ones cover more, invent less and stop in time. id: what the
 * draw depends on. */
void world_plan(const struct world_options *options, const struct world_story *story,
                const struct world_author *author, const char *id,
                struct world_plan *out);
/* Writes by plan, in the author's style; parts: what has been written, by the plan and
 * not by reading. */
void world_write(const struct world_options *options, const struct world_story *story,
                 const struct world_author *author, const struct world_plan *plan,
                 const char *id, struct buf *out, struct world_parts *parts);

/* ---- words ---- */

/* The words of this size in a fixed order, marks first, each once; frame: also the words
 * of prompts for labelers ("summary", "1", "2", "better", ":", ..) behind them. Strings
 * are owned by out. */
struct world_words {
    char **words;
    size_t n, cap;
};
void world_vocabulary(enum world_size size, bool frame, struct world_words *out);
void world_words_release(struct world_words *words);

#endif
