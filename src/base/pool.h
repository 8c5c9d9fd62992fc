/*
 * The compute pool: threads that run the tiles of one operation. Several jobs may call at
 * once; they take turns slice by slice, the more urgent first, so a probe overtakes a
 * training run. The caller works too. What a tile computes must not depend on which
 * thread runs it.
 */
#ifndef RLAIF_BASE_POOL_H
#define RLAIF_BASE_POOL_H

#include <stddef.h>

struct pool;

enum pool_priority {
    POOL_BACKGROUND = 0, /* training, full labelling runs */
    POOL_PROBE = 1,      /* somebody is typing */
};

/* n_threads counts the caller: 1 starts none. At most 64. */
struct pool *pool_new(int n_threads);
void pool_free(struct pool *pool);
int pool_threads(const struct pool *pool);
/*
 * tile(arg, index, worker) for index 0..n-1; returns when all are done. worker is 0 for
 * the caller and 1..threads-1 for the pool's threads: unique within one operation, so
 * scratch space by worker must belong to the operation's owner, not to the pool.
 */
void pool_run(struct pool *pool, enum pool_priority priority, size_t n,
              void (*tile)(void *arg, size_t index, int worker), void *arg);
/* Flushes denormals in the calling thread (FTZ, DAZ); pool threads do it themselves. */
void pool_flush_denormals(void);

#endif
