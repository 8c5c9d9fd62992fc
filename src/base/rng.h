/*
 * Random numbers by key: every number is a function of (seed, what, id, index). Nothing
 * walks one stream over a list, so dropping a pair changes no other's numbers.
 */
#ifndef RLAIF_BASE_RNG_H
#define RLAIF_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng_key {
    uint64_t k0, k1;
};

/*
 * `what` names the use ("sim noise", "sample token"), `id` the thing (a pair's id), both
 * as text.
 */
struct rng_key rng_key(uint64_t seed, const char *what, const char *id);
/* A key of its own for a sub-thing, such as an order or a repeat. */
struct rng_key rng_sub(struct rng_key key, uint64_t n);
uint64_t rng_bits(struct rng_key key, uint64_t index);
double rng_uniform(struct rng_key key, uint64_t index); /* in (0, 1) */
double rng_normal(struct rng_key key,
                  uint64_t index); /* N(0, 1), Box-Muller on two draws */
uint64_t rng_below(struct rng_key key, uint64_t index,
                   uint64_t n); /* 0..n-1, unbiased to 2^-64 */

#endif
