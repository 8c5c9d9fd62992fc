/*
 * Inside training: what learn.c, the templates and the checks share. Layers above use
 * models/learn.h.
 */
#ifndef RLAIF_MODELS_LEARN_NET_H
#define RLAIF_MODELS_LEARN_NET_H

#include "models/learn.h"
#include "models/learn_ops.h"
#include "models/ops.h"

#define LEARN_DEPTH 64   /* segments on a path */
#define LEARN_BLOCK 48   /* queries that attention takes at a time */
#define LEARN_NONE SIZE_MAX

/* Rows of logits in memory at once: a function of the vocabulary alone, for bits. */
size_t learn_logit_rows(size_t vocab);

/* One matrix of the flat buffer (Q, K and V are one, gate and up are one) as panels: by rows for X W^T, by columns for dY W. */
struct learn_matrix {
    struct blas_panels by_rows, by_columns;
    size_t at, rows, cols;
    bool skip; /* nobody asks for its gradient */
};

/* A tree of the batch: segments listed by `order`, with their rows' places among the tree's. */
struct learn_tree {
    size_t first, n; /* of learn_forest's order */
    size_t n_rows;
};
struct learn_forest {
    struct learn_tree *trees;
    size_t n_trees;
    size_t *order; /* segments, tree by tree */
    size_t *local; /* by segment: its first row in the tree */
    size_t max_rows, max_path; /* of a tree; keys of the longest path, each segment's padded to lanes */
};
/* Checks the batch against the network and lists its trees. Release also after a failure. */
int learn_forest_init(struct learn_forest *forest, const struct learn_batch *batch,
                      const struct learner *learner, struct error *err);
void learn_forest_release(struct learn_forest *forest);

#define REAL_BITS 32
#include "models/real.h"
#include "models/learn_real.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/real.h"
#include "models/learn_real.h"
#undef REAL_BITS

struct learner {
    struct tf_config config;
    struct learner_options options;
    struct params params; /* what learns: all tensors, or the adapters' (models/learn_lora.c) */
    void *weights, *gradient;
    struct params whole;  /* what computes; the same arrays where all learn */
    void *full, *full_gradient;
    struct lora *lora; /* NULL: all learn */
    struct pool *pool;
    struct blas_kernel kernel;
    enum simd simd;
    float *rope_freqs;
    uint64_t version;
    struct tf_weights view;
    struct learn_net_f32 *net32;
    struct learn_net_f64 *net64;
};

/* One network of exactly this shape; adds to *out, whose limit and ok are set. models/learn_check.c */
int learn_check_shape(const struct tf_config *config, enum learn_head head, uint64_t seed,
                      struct pool *pool, struct learn_check *out, const struct cancel *cancel,
                      struct error *err);

/* The i-th matrix of the network, NULL past the last. models/learn.c */
struct learn_matrix *learn_matrix_at(struct learner *learner, size_t i);

/* Adapters: the full weights follow them; a gradient of the full weights, which it may change, is added to
 * the adapters' gradient; their start; what learner_free does. models/learn_lora.c */
void learner_sync(struct learner *learner);
void lora_project(struct learner *learner);
void lora_init(struct learner *learner, uint64_t seed);
void lora_free(struct learner *learner);

/* Fills params and view for a config; the buffers may be absent then. models/learn_params.c */
void learner_list_params(struct learner *learner);
void learner_view_weights(struct learner *learner);
/* Offset of a tensor, LEARN_NONE when this network has none. */
size_t learner_offset(const struct learner *learner, const char *pattern, int layer);

#endif
