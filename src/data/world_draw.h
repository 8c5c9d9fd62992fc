/*
 * Draws one after another from one key: the pocket world's small change. The key belongs
 * to one thing (a post, a summary, a vote), so that draws of other things do not move.
 * Used within src/data only.
 */
#ifndef RLAIF_DATA_WORLD_DRAW_H
#define RLAIF_DATA_WORLD_DRAW_H

#include <stdbool.h>

#include "src/base/rng.h"

struct draw {
    struct rng_key key;
    uint64_t next;
};

static inline struct draw draw_from(struct rng_key key)
{
    return (struct draw){.key = key};
}

static inline int draw_below(struct draw *draw, int n)
{
    return (int)rng_below(draw->key, draw->next++, (uint64_t)n);
}

static inline bool draw_chance(struct draw *draw, double p)
{
    return rng_uniform(draw->key, draw->next++) < p;
}

/* Any of 0..n-1 but `not`; n is 2 or more. */
static inline int draw_other(struct draw *draw, int n, int not )
{
    int x = draw_below(draw, n - 1);
    return x + (x >= not );
}

#endif
