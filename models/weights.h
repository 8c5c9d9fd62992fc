/*
 * Weights as they stand in a file, and the shape of the network: what the readers (GGUF,
 * safetensors) fill and the transformer reads. One row of `tensor_table` a tensor is the only
 * list of tensors: size, offset, names, permutation, initialisation and tests come from it.
 * Letters: L layers, C width, H heads, K kv heads, D head width, F feed-forward, V vocabulary.
 */
#ifndef RLAIF_MODELS_WEIGHTS_H
#define RLAIF_MODELS_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

/* The numbers are GGUF's own type numbers. */
enum weight_type {
    WEIGHT_F32 = 0,
    WEIGHT_F16 = 1,
    WEIGHT_Q4_0 = 2,
    WEIGHT_Q4_1 = 3,
    WEIGHT_Q5_0 = 6,
    WEIGHT_Q5_1 = 7,
    WEIGHT_Q8_0 = 8,
    WEIGHT_Q4_K = 12,
    WEIGHT_Q5_K = 13,
    WEIGHT_Q6_K = 14,
    WEIGHT_IQ4_NL = 20,
    WEIGHT_BF16 = 30,
};

/* A row of the table of types (models/quant.c): adding a type is a row and a decoder. */
struct weight_format {
    enum weight_type type;
    const char *name;      /* "Q4_1" */
    size_t block;          /* weights a block */
    size_t bytes;          /* bytes a block */
    /* n weights (a multiple of block) to f32: exactly the values the file means. */
    void (*decode)(const void *blocks, float *out, size_t n);
};
/* NULL for a type we do not read. */
const struct weight_format *weight_format(uint32_t type);

/* rows x cols, row-major, each row a whole number of blocks. Vectors have rows = 1. data NULL: not in this model.
 * Rows of llama's Q and K are already in split-half RoPE order (the loader permutes rows or gives a row map). */
struct weight {
    const struct weight_format *format;
    const uint8_t *data;
    size_t rows, cols;
    size_t row_bytes;
    const uint32_t *row_map; /* row r of the matrix is row row_map[r] of data; NULL: r */
};
void weight_row(const struct weight *weight, size_t row, float *out);
/* How many weights are NaN or infinite (a whole block when its scale is); *first is the index in the data of the first. */
size_t weight_bad(const struct weight *weight, size_t *first);

struct tf_config {
    char arch[32];
    int n_layers, width, n_heads, n_kv_heads, head_dim, ffn, vocab, context;
    double rope_base, norm_eps;
    const float *rope_freqs; /* head_dim / 2 divisors of the frequencies (Llama 3's scaling), or NULL */
    bool tied;               /* the head is the embedding */
};

struct tf_layer {
    struct weight attn_norm, wq, wk, wv, bq, bk, bv, q_norm, k_norm, wo;
    struct weight ffn_norm, gate, up, down;
};
struct tf_weights {
    struct weight embed, out_norm, head; /* head.data == embed.data when tied */
    struct tf_layer *layers;
};

/* A dimension of a tensor, looked up in the config. */
enum tensor_dim { DIM_ONE, DIM_C, DIM_HD, DIM_KD, DIM_D, DIM_F, DIM_V };
enum tensor_flags {
    TENSOR_OPTIONAL = 1 << 0,
    TENSOR_ROPE_Q = 1 << 1,   /* llama: rows come in interleaved pairs, per head of H */
    TENSOR_ROPE_K = 1 << 2,   /* the same per head of K */
    TENSOR_DECAY = 1 << 3,    /* weight decay applies */
    TENSOR_TIED = 1 << 4,     /* absent: the embedding stands in */
};
enum tensor_init { INIT_ONES, INIT_ZEROS, INIT_NORMAL, INIT_NORMAL_RESIDUAL };
struct tensor_row {
    const char *name;      /* our name and the tests': "layers.%d.wq" */
    const char *gguf;      /* "blk.%d.attn_q.weight" */
    const char *hf;        /* "model.layers.%d.self_attn.q_proj.weight" */
    bool in_layer;
    size_t offset;         /* into struct tf_layer or struct tf_weights */
    enum tensor_dim rows, cols;
    unsigned flags;
    enum tensor_init init;
    const char *archs;     /* NULL: all need it; "qwen2" (words separated by a blank): these need it,
                              and others may have it when TENSOR_OPTIONAL, else must not */
};
extern const struct tensor_row tensor_table[];
extern const size_t tensor_table_len;
size_t tensor_dim_size(const struct tf_config *config, enum tensor_dim dim);
/* One of a row's three names for a layer: `pattern` with its %d replaced. Cut when out is too small. */
void tensor_name(const char *pattern, int layer, char *out, size_t out_size);

struct model;
const struct tf_config *model_config(const struct model *model);
const struct tf_weights *model_weights(const struct model *model);
/* Looks for NaN and infinities in every tensor and names tensor, first index and count. Reads the whole file
 * once (10 ms for 100 MB in memory), so model_open does not call it: engine_new does. */
int model_check_weights(const struct model *model, struct error *err);

#endif
