/*
 * A network in training: all its weights in one flat buffer, their gradient in another of the
 * same layout, forward and backward over a batch that is a tree of token segments. Float or
 * double, from one template.
 *
 *   learner_new -> learner_init | learner_load | learner_copy
 *   learn_batch_add, learn_batch_want ...   one batch a shard
 *   learner_grad -> optimiser_step (models/optimiser.h)
 *
 * Bits. A shard's gradient is computed by itself and added to the sum in the order of the
 * shards; inside a shard every sum has a fixed order. So a gradient depends on the shards, never
 * on the number of threads, and ranks of a larger run may compute shards and add them.
 *
 * A learner is its owner's: one call at a time. The pool is shared with others.
 */
#ifndef RLAIF_MODELS_LEARN_H
#define RLAIF_MODELS_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/blas.h"
#include "models/learn_batch.h"
#include "models/lm.h"
#include "models/losses.h"
#include "models/weights.h"
#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/base/option.h"
#include "src/base/pool.h"

/* ---- the network ---- */

enum learn_head {
    LEARN_LM,     /* the language model's head (tied or own) */
    LEARN_SCALAR, /* one number a row: reward, value; "score.weight" and, asked for, "score.bias" */
};

struct learner_options {
    enum learn_head head;
    bool bias;            /* of the scalar head (D4: starts at 0; D8 puts minus the references' mean there) */
    enum blas_real real;  /* BLAS_F32, BLAS_F64 */
    int first_layer;      /* layers below are frozen and not here: batches bring hidden rows; 0: all */
    const char *cache_dir;             /* where the kernel choice is remembered, NULL: nowhere */
    const struct blas_kernel *kernel;  /* NULL: chosen by timing */
};

/* One tensor of the flat buffer. */
struct param {
    char name[56];      /* tensor_table's name, "layers.1.wq"; "score.weight" */
    size_t offset;      /* in numbers, from the start of the buffer */
    size_t rows, cols;  /* vectors: rows = 1 */
    bool decay;         /* weight decay applies: matrices and the embedding, not norms, not biases */
    const struct tensor_row *row; /* NULL: the scalar head's */
    int layer;
};
/* In tensor_table's order, layers one after another, without gaps. */
struct params {
    struct param *list;
    size_t n;
    size_t count; /* numbers in all */
};
const struct param *params_find(const struct params *params, const char *name);
/* The tensor that number `at` of the buffer belongs to. */
const struct param *params_at(const struct params *params, size_t at);

struct learner;

/* Weights and gradient are zeros. Fails on sizes that are out of range and without memory. */
struct learner *learner_new(const struct tf_config *config, const struct learner_options *options,
                            struct pool *pool, struct error *err);
void learner_free(struct learner *learner); /* NULL is fine */

/* By the table: ones, zeros, N(0, std), N(0, std / sqrt(2 layers)); std 0: 0.02. The scalar head:
 * N(0, 1 / (width + 1)), its bias 0. Every number by (seed, tensor's name, index). */
void learner_init(struct learner *learner, uint64_t seed, double std);
/* Takes the weights of a model (dequantised); a scalar head is initialised by `seed`. Shapes must agree. */
int learner_load(struct learner *learner, const struct tf_weights *weights, uint64_t seed,
                 struct error *err);
/* Takes every tensor that both have, by name, also between float and double; others stay. Shapes must agree. */
int learner_copy(struct learner *learner, const struct learner *from, struct error *err);

const struct tf_config *learner_config(const struct learner *learner);
const struct learner_options *learner_options(const struct learner *learner);
const struct params *learner_params(const struct learner *learner);
struct pool *learner_pool(const struct learner *learner);
/* learner_params()->count numbers of the learner's kind. After writing: learner_touch. */
void *learner_weights(struct learner *learner);
void *learner_gradient(struct learner *learner);
/* Goes up whenever weights change; whoever keeps something made from them compares. */
uint64_t learner_version(const struct learner *learner);
void learner_touch(struct learner *learner);
/* The weights that the network computes with, as rows (no copy), for the inference engine and for files. */
const struct tf_weights *learner_tf_weights(const struct learner *learner);
/* Weights + gradient + panels + activations, in bytes. */
size_t learner_bytes(const struct learner *learner);
/* 0, or -1 naming the first tensor and index that is NaN or infinite. `what`: "weight", "gradient". */
int learner_check_finite(const struct learner *learner, bool gradient, struct error *err);

/* ---- adapters (LoRA, Hu et al., 2021) ---- */

struct lora_options {
    int64_t rank;
    double alpha;  /* W + alpha / rank B A; A [rank x cols] starts N(0, 1 / rank), B [rows x rank] at 0 */
    char *targets; /* words: wq wk wv wo gate up down */
};
/* The rows: lora_rank, lora_alpha, lora_targets. */
extern const struct option lora_option_table[];
/*
 * From here on only adapters of the target matrices and the scalar head learn: params, weights
 * and gradient become theirs alone (names "layers.0.wq.lora_a", "layers.0.wq.lora_b"), so that an optimiser made
 * after this, checks and files hold them alone. The network computes with the sum.
 */
int learner_add_lora(struct learner *learner, const struct lora_options *options, uint64_t seed,
                     struct error *err);
/* Adds the adapters to the weights for good; params, weights and gradient are the whole network's again. */
void learner_merge_lora(struct learner *learner);

/* ---- forward and backward ---- */

/*
 * LM: `row` gets logits of wanted row i of batch `shard`, on any thread of the pool, each row
 * once, in no order: write results into arrays by (shard, i) and add them up afterwards. In
 * learner_grad it replaces the logits by d loss / d logits (loss_close); in learner_forward it
 * may change them as it likes.
 */
typedef void learn_row_fn(void *arg, size_t shard, size_t i, struct logits *logits);
/* Scalar: the values of all wanted rows of one shard, replaced by d loss / d value. The caller's thread. */
typedef void learn_values_fn(void *arg, size_t shard, double *values, size_t n);

/* Logits of the wanted rows through `row` (shard 0). */
int learner_forward(struct learner *learner, const struct learn_batch *batch, learn_row_fn *row,
                    void *arg, const struct cancel *cancel, struct error *err);
/* Values of the wanted rows (scalar head). */
int learner_values(struct learner *learner, const struct learn_batch *batch, double *values,
                   const struct cancel *cancel, struct error *err);

struct learn_call {
    const struct learn_batch *shards;
    size_t n_shards;
    learn_row_fn *row;       /* LM */
    learn_values_fn *values; /* scalar */
    void *arg;
    bool accumulate; /* add to the gradient that is there, as if its shards came first */
    const struct cancel *cancel;
};
/*
 * gradient (+)= sum over shards. Shards of some 500 rows need half the memory of one of 2,000 and
 * 3 % more time. After a failure (cancelled, no memory) the gradient is worth nothing.
 */
int learner_grad(struct learner *learner, const struct learn_call *call, struct error *err);

/* ---- generation from the training weights ---- */

struct engine_text;
/*
 * An engine (models/lm.h) that reads the learner's weights where they are; float learners with
 * the LM head and all layers. `text` says how tokens end and read (models/engine.h); the learner must outlive it.
 */
struct engine *learner_engine(const struct learner *learner, const struct engine_text *text,
                              const struct engine_options *options, struct error *err);
/*
 * After the weights changed: packs them anew in place and drops the KV cache; nothing to do when
 * the version is the same. Fails while another call on the engine is under way, and when cancelled
 * (then the next call does it again; until it succeeds the engine must not be used).
 */
int learner_engine_refresh(const struct learner *learner, struct engine *engine,
                           const struct cancel *cancel, struct error *err);

/* ---- check grads ---- */

struct learn_check {
    size_t compared;  /* numbers */
    double worst;     /* |analytic - numeric| / largest |analytic| of the tensor */
    double limit;
    char where[80];   /* tensor of the worst */
    bool ok;
};
/*
 * Builds a small double-precision twin of a network's shape (same variant: grouped heads, biases,
 * head norms, tied or not; at most 2 layers, width 32) with weights by `seed`, and compares gradients of a
 * cross-entropy and of a soft-label pair loss, on a batch with a shared prompt, with five-point central
 * differences. Limit 1e-6 (contract.md 3, `check grads`).
 */
int learner_check_grads(const struct tf_config *shape, uint64_t seed, struct pool *pool,
                        struct learn_check *out, const struct cancel *cancel, struct error *err);

#endif
