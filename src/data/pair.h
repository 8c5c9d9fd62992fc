/*
 * A preference pair: a context, two responses, and what raters chose. Plain data; a pair_list
 * owns everything its pairs point to. Filled by the readers of src/data and by the store,
 * read-only afterwards and then free to be read from any thread.
 */
#ifndef RLAIF_DATA_PAIR_H
#define RLAIF_DATA_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum choice { CHOICE_NONE, CHOICE_A, CHOICE_B, CHOICE_TIE };
enum rater_kind { RATER_HUMAN, RATER_AI, RATER_GOLD, RATER_SIM };
enum split { SPLIT_TRAIN, SPLIT_DEV, SPLIT_TEST };

const char *choice_name(enum choice choice);         /* "a", "b", "tie", "none" */
bool choice_parse(const char *name, enum choice *out);
const char *rater_kind_name(enum rater_kind kind);   /* "human", "ai", "gold", "sim" */
bool rater_kind_parse(const char *name, enum rater_kind *out);
const char *split_name(enum split split);            /* "train", "dev", "test" */
bool split_parse(const char *name,
                 enum split *out); /* takes valid*, validation, eval, ... as dev too */

/* One rater's word on a pair. */
struct vote {
    char *rater;
    enum rater_kind kind;
    enum choice choice;   /* CHOICE_NONE: asked, gave no answer */
    double confidence;    /* 1 surely B .. 9 surely A, as published on a 9-point scale; NaN: none */
    double soft;          /* published probability that A is better; NaN: none */
};

enum pair_flags {
    PAIR_IDENTICAL = 1 << 0, /* both responses are the same text */
    PAIR_BLANK = 1 << 1,     /* a response is nothing but white space */
};

struct pair {
    int64_t id;      /* the store's; 0 before it is stored */
    int64_t set_id;
    int num;         /* from 1 in its set, in file order, for ever */
    char *key;       /* the file's own id, NULL: none */
    char *title;     /* NULL: none */
    char *context;
    char *a, *b;
    char *group;     /* subreddit, scenario, category; NULL: none */
    enum split split;
    bool split_given; /* by the file; else pair_list_finish computes it */
    int64_t origin_line;
    double gold_a, gold_b; /* NaN: the set has no gold score */
    unsigned flags;
    struct vote *votes;
    size_t n_votes;
    char **tags;
    size_t n_tags;
    /* Computed by pair_finish. */
    uint64_t cluster; /* equal contexts have equal clusters: first 8 bytes of the
                         context's SHA-256 */
    uint32_t chars_a, chars_b, words_a, words_b, words_context;
};

struct pair_list {
    struct pair *pairs;
    size_t n, cap;
};

void pair_init(struct pair *pair); /* zeroed, NaN golds; its texts are malloced by whoever
                                      fills it */
void pair_release(struct pair *pair); /* the texts, votes and tags */
void pair_list_init(struct pair_list *list);
void pair_list_release(struct pair_list *list);
/* A zeroed pair (NaN golds) at the end of the list; valid until the next add. Its texts
 * are malloced and owned by the list. */
struct pair *pair_list_add(struct pair_list *list);
void pair_add_vote(struct pair *pair, const char *rater, enum rater_kind kind, enum choice choice,
                   double confidence);
void pair_add_tag(struct pair *pair, const char *tag);
/* Fills split (SHA-256 of the context, first 4 bytes big-endian mod 100: 0-59 train,
 * 60-79 dev, 80-99 test) unless given, flags, cluster and lengths. */
void pair_finish(struct pair *pair);

/* The reference: the class with strictly the most votes among a, b, tie. */
struct reference {
    enum choice choice;   /* CHOICE_NONE: unlabelled or no majority */
    bool no_majority;     /* votes, but no class leads */
    size_t n_votes;       /* votes that say something */
    enum rater_kind kind; /* of the first such vote */
    double gap; /* mean signed confidence (c - 5) / 2, or +-1 without confidence, 0 for a
                   tie */
};
struct reference pair_reference(const struct pair *pair);

/*
 * The seeded order of a set: a permutation by SHA-256 of (seed, set-independent pair
 * key), so that a prefix is a fair sample. order: n indices, the caller's. The key of a
 * pair is its num and set name.
 */
void pair_order(const struct pair *const *pairs, size_t n, const char *set_name, uint64_t seed,
                size_t *order);

#endif
