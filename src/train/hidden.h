/*
 * What frozen lower layers say of each example, computed once: rows of the hidden state
 * behind layer `first_layer` - 1, in memory up to a limit, in an unnamed file above it.
 * Training then runs the top layers only. One call at a time.
 */
#ifndef RLAIF_TRAIN_HIDDEN_H
#define RLAIF_TRAIN_HIDDEN_H

#include "models/learn.h"

struct hidden_cache;

struct hidden_options {
    uint64_t memory;  /* bytes kept in memory; above: in a file */
    const char *dir;  /* where the file is made; NULL: the system's place for temporary files */
    const char *cache_dir; /* of the kernel choice */
};
/* A trunk of the first `layers` layers of these weights, which must outlive the cache. */
struct hidden_cache *hidden_new(const struct tf_config *config, const struct tf_weights *weights,
                                int layers, struct pool *pool,
                                const struct hidden_options *options, struct error *err);
void hidden_free(struct hidden_cache *cache);
#define HIDDEN_NOT_KEPT UINT64_MAX /* as key: computed each time */
/* Rows of a batch (its ids and segments; hidden NULL), kept under the key: computed when
 * they are not there. *rows is valid until the next call. Fails when the key was kept
 * with another number of rows. */
int hidden_rows(struct hidden_cache *cache, uint64_t key, const struct learn_batch *batch,
                const float **rows, const struct cancel *cancel, struct error *err);

struct hidden_info {
    uint64_t computed, reused; /* rows */
    uint64_t memory, file;     /* bytes held */
};
void hidden_get_info(const struct hidden_cache *cache, struct hidden_info *out);

#endif
