/*
 * Inside the engine: what scoring, generation and the self-test share. The layers above use
 * models/lm.h. Scratch, tree and plans are touched only by the caller whose turn it is;
 * `tree_lock` besides guards the tree against callers that only look.
 */
#ifndef RLAIF_MODELS_ENGINE_H
#define RLAIF_MODELS_ENGINE_H

#include <pthread.h>

#include "models/lm.h"
#include "models/plan.h"
#include "models/transformer.h"
#include "models/turn.h"

#define ENGINE_PASS 576        /* rows of one pass at most: a product's rate does not grow further */
#define ENGINE_ROUND (3 * ENGINE_PASS) /* rows at which a round of texts is computed */

/* How generation reads tokens, so that a network without a tokenizer can be tested. */
struct engine_text {
    bool (*is_end)(const void *arg, int32_t id);
    void (*decode)(const void *arg, int32_t id, struct buf *out);
    const void *arg;
};

struct engine {
    struct tf_net_f32 net;
    struct tf_scratch_f32 scratch;
    struct pool *pool;
    struct engine_text text;
    struct turn turn;
    pthread_mutex_t tree_lock;
    struct kv_tree tree;
    uint64_t plans; /* made so far */
    bool no_copy;   /* weights are decoded by tiles even where a packed copy has room (tests) */
    bool ready;     /* weights packed (or found too large), scratch made */
    uint64_t version; /* of the weights, where they change (models/learn.h) */
    uint64_t weight_bytes, kv_limit;
    char chosen_by[16];
    char self_test[96];
    enum simd simd;
};

/* The rules for these are engine_new's. The weights' bytes must outlive the engine. */
struct engine *engine_create(const struct tf_config *config, const struct tf_weights *weights,
                             struct engine_text text, struct pool *pool,
                             const struct engine_options *options, struct error *err);
/* The same with a kernel already chosen. */
struct engine *engine_create_with(const struct tf_config *config,
                                  const struct tf_weights *weights, struct engine_text text,
                                  struct pool *pool, const struct engine_options *options,
                                  const struct blas_kernel *kernel, enum simd simd,
                                  struct error *err);

/* One call from above: its turn on the engine, and who reads what it asked for. */
struct engine_call {
    enum pool_priority priority;
    const struct cancel *cancel;
    /* Called on the pool for every want of a computed row. */
    void (*each)(void *arg, struct plan_want *want, const float *logits, double logsumexp);
    void *arg;
    bool has_turn;
    unsigned state; /* of the caller's arithmetic, given back at the end */
};
/* Takes the turn and makes the engine ready; engine_leave must follow, also after a failure. */
int engine_enter(struct engine *engine, struct engine_call *call, struct error *err);
void engine_leave(struct engine *engine, struct engine_call *call);
/* Between two passes a more urgent caller may have its turn. Fails when cancelled meanwhile. */
int engine_yield(struct engine *engine, struct engine_call *call, struct error *err);
/* Computes all rows of the plan, pass by pass, with what is wanted of them. */
int engine_run(struct engine *engine, struct plan *plan, struct engine_call *call,
               struct error *err);
/* A number for a new plan. */
uint64_t engine_plan_id(struct engine *engine);

/* The ids are tokens of this model and a text of n fits the context. */
int engine_check_ids(const struct engine *engine, const int32_t *ids, size_t n,
                     struct error *err);
/* The tiny network with this kernel; "ok" or what differed. */
void engine_test_kernel(const struct blas_kernel *kernel, enum simd simd, char out[96]);

#endif
