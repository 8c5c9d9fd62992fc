/*
 * A small network whose weights are a formula: what the self-test and the tests compute with,
 * no file needed. Tensor number t in the order embedding, then for each layer input norm, Q, K,
 * V, O, post norm, gate, up, down, then the last norm (then, where the shape asks for them, own
 * head, biases, q and k norms): element i is 1 + 0.1 v in vectors and 0.3 v in matrices, with
 * v = sin(0.7 i + 1.3 t + phase).
 */
#ifndef RLAIF_MODELS_FORMULA_H
#define RLAIF_MODELS_FORMULA_H

#include "models/weights.h"

struct formula_shape {
    int n_layers, width, n_heads, n_kv_heads, head_dim, ffn, vocab, context;
    bool own_head, biases, head_norms;
    double phase, rope_base, norm_eps;
};
struct formula_net {
    struct tf_config config;
    struct tf_weights weights;
    void **tensors; /* owned */
    size_t n_tensors, cap_tensors;
};
/* real64: weights are doubles (models/panels.h), else floats rounded from them. */
void formula_init(struct formula_net *net, const struct formula_shape *shape, bool real64);
void formula_release(struct formula_net *net);

#endif
