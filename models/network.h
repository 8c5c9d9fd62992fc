/*
 * From a checked GGUF file to the shape of a network and its weights. Weights point into the
 * file's bytes; what has to be made (row map, permuted biases, RoPE divisors) is owned here.
 */
#ifndef RLAIF_MODELS_NETWORK_H
#define RLAIF_MODELS_NETWORK_H

#include "models/gguf.h"
#include "models/weights.h"
#include "src/base/error.h"

struct network {
    struct tf_config config;
    struct tf_weights weights;
    uint32_t *row_map;  /* heads x head width: from split-half to the file's row */
    float **biases;     /* llama's permuted Q and K biases, as many as there are */
    size_t n_biases;
    float *rope_freqs;  /* or NULL */
    uint64_t params;
    uint64_t type_bytes[64]; /* bytes of weights by type number */
};

/* Hyper-parameters (checked against each other and against the tensors) and every tensor of
 * tensor_table. The error names key or tensor and offset. On failure *out needs no release. */
int network_load(struct network *out, const struct gguf *gguf, struct error *err);
void network_release(struct network *network);

#endif
