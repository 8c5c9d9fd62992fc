/*
 * The pocket world's words and wordings: what fills a slot, and how a fact is said.
 * Constant tables, read by the generator and by the gold score alike; any thread.
 */
#ifndef RLAIF_DATA_WORLD_WORDS_H
#define RLAIF_DATA_WORLD_WORDS_H

#include "src/data/world.h"

struct world_term {
    const char *word, *other; /* other: a synonym of one or more words, NULL: none */
};
struct world_list {
    const struct world_term *terms;
    int n[3]; /* by enum world_size: the first n terms */
};
const struct world_list *world_slot_list(enum world_slot slot);
/* A sister is not called Tom. */
bool world_person_fits(int relation, int name);

/*
 * How a kind of fact is said: words, $x for a slot, ?x for a slot that may be missing. A
 * ?t that has been said already is passed over. The letters are those of world_slot_of.
 */
struct world_wordings {
    const char *texts[7]; /* ends with NULL */
    const char *marks;    /* the mark that ends wording i */
    int n_post;           /* posts use the first n_post wordings */
};
const struct world_wordings *world_wordings(enum world_kind kind);
enum world_slot world_slot_of(char letter);
/* Wordings of the problem: by relation and name, by relation, by name; these + PASSIVE
 * are the passive. */
enum world_by { WORLD_BY_BOTH, WORLD_BY_RELATION, WORLD_BY_NAME, WORLD_PASSIVE };

/* Whether the fact's wording shows this slot. */
bool world_says(const struct world_fact *fact, enum world_slot slot);
/* The clause without its mark; slots with value -1 that may be missing are left out. */
void world_say_fact(const struct world_fact *fact, struct buf *out);
char world_fact_mark(const struct world_fact *fact);
/* Of these bits those whose slot is said and has a synonym. */
unsigned world_synonyms(const struct world_fact *fact, unsigned bits);
/* An empty fact of a kind: nothing said. */
struct world_fact world_fact(enum world_kind kind);
const struct world_fact *world_find(const struct world_story *story,
                                    enum world_kind kind);

#endif
