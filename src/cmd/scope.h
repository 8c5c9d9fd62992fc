/*
 * Which pairs a command means: a set, splits (all but test unless named), `where`, and the
 * first n= of the set's seeded order, so that a prefix is a fair sample. Contract 2.
 */
#ifndef RLAIF_CMD_SCOPE_H
#define RLAIF_CMD_SCOPE_H

#include "src/cmd/command.h"
#include "src/cmd/workbench.h"

struct scope {
    struct set_index *set;
    size_t *pairs;     /* indices into the set, in seeded order */
    size_t n;
    bool reads_test;   /* split=test or split=all was asked for */
    char text[80];     /* "train and dev, first 500" */
};

/* The keys that scope_make reads, for command tables. */
#define SCOPE_KEYS                                                                              \
    {"set", "NAME", "another set than the current one", COMPLETE_SET},                          \
    {"n", "N", "the first N of the set's seeded order", COMPLETE_NONE},                         \
    {"split", "train|dev|test|all", "default: all but test", COMPLETE_NONE}

/* judging: what `where` looks at beside the pair itself; NULL: nothing. Release with
 * scope_release. */
int scope_make(const struct call *call, struct set_index *set, const struct judging *judging,
               struct scope *out, struct error *err);
void scope_release(struct scope *scope);
/* Counts a look at test pairs when the scope read them. */
int scope_count_look(const struct call *call, const struct scope *scope, int64_t prompt_id,
                     const char *what, struct error *err);
/* Judged rows of the scope that were asked, in set order: malloced array of copies. */
struct judged *scope_judged(const struct scope *scope, const struct judging *judging, size_t *n);

#endif
