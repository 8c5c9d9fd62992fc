/* The one list of tensors: a row here is all that a tensor needs to be loaded, named, initialised and tested. */
#include "models/weights.h"

#include <stdio.h>
#include <string.h>

#define LAYER(field) true, offsetof(struct tf_layer, field)
#define WHOLE(field) false, offsetof(struct tf_weights, field)
#define HF_LAYER "model.layers.%d."

const struct tensor_row tensor_table[] = {
    {"embed", "token_embd.weight", "model.embed_tokens.weight", WHOLE(embed), DIM_V, DIM_C,
     TENSOR_DECAY, INIT_NORMAL, NULL},
    {"layers.%d.attn_norm", "blk.%d.attn_norm.weight", HF_LAYER "input_layernorm.weight",
     LAYER(attn_norm), DIM_ONE, DIM_C, 0, INIT_ONES, NULL},
    {"layers.%d.wq", "blk.%d.attn_q.weight", HF_LAYER "self_attn.q_proj.weight", LAYER(wq),
     DIM_HD, DIM_C, TENSOR_ROPE_Q | TENSOR_DECAY, INIT_NORMAL, NULL},
    {"layers.%d.wk", "blk.%d.attn_k.weight", HF_LAYER "self_attn.k_proj.weight", LAYER(wk),
     DIM_KD, DIM_C, TENSOR_ROPE_K | TENSOR_DECAY, INIT_NORMAL, NULL},
    {"layers.%d.wv", "blk.%d.attn_v.weight", HF_LAYER "self_attn.v_proj.weight", LAYER(wv),
     DIM_KD, DIM_C, TENSOR_DECAY, INIT_NORMAL, NULL},
    {"layers.%d.bq", "blk.%d.attn_q.bias", HF_LAYER "self_attn.q_proj.bias", LAYER(bq), DIM_ONE,
     DIM_HD, TENSOR_OPTIONAL | TENSOR_ROPE_Q, INIT_ZEROS, "qwen2"},
    {"layers.%d.bk", "blk.%d.attn_k.bias", HF_LAYER "self_attn.k_proj.bias", LAYER(bk), DIM_ONE,
     DIM_KD, TENSOR_OPTIONAL | TENSOR_ROPE_K, INIT_ZEROS, "qwen2"},
    {"layers.%d.bv", "blk.%d.attn_v.bias", HF_LAYER "self_attn.v_proj.bias", LAYER(bv), DIM_ONE,
     DIM_KD, TENSOR_OPTIONAL, INIT_ZEROS, "qwen2"},
    {"layers.%d.q_norm", "blk.%d.attn_q_norm.weight", HF_LAYER "self_attn.q_norm.weight",
     LAYER(q_norm), DIM_ONE, DIM_D, 0, INIT_ONES, "qwen3"},
    {"layers.%d.k_norm", "blk.%d.attn_k_norm.weight", HF_LAYER "self_attn.k_norm.weight",
     LAYER(k_norm), DIM_ONE, DIM_D, 0, INIT_ONES, "qwen3"},
    {"layers.%d.wo", "blk.%d.attn_output.weight", HF_LAYER "self_attn.o_proj.weight", LAYER(wo),
     DIM_C, DIM_HD, TENSOR_DECAY, INIT_NORMAL_RESIDUAL, NULL},
    {"layers.%d.ffn_norm", "blk.%d.ffn_norm.weight", HF_LAYER "post_attention_layernorm.weight",
     LAYER(ffn_norm), DIM_ONE, DIM_C, 0, INIT_ONES, NULL},
    {"layers.%d.gate", "blk.%d.ffn_gate.weight", HF_LAYER "mlp.gate_proj.weight", LAYER(gate),
     DIM_F, DIM_C, TENSOR_DECAY, INIT_NORMAL, NULL},
    {"layers.%d.up", "blk.%d.ffn_up.weight", HF_LAYER "mlp.up_proj.weight", LAYER(up), DIM_F,
     DIM_C, TENSOR_DECAY, INIT_NORMAL, NULL},
    {"layers.%d.down", "blk.%d.ffn_down.weight", HF_LAYER "mlp.down_proj.weight", LAYER(down),
     DIM_C, DIM_F, TENSOR_DECAY, INIT_NORMAL_RESIDUAL, NULL},
    {"out_norm", "output_norm.weight", "model.norm.weight", WHOLE(out_norm), DIM_ONE, DIM_C, 0,
     INIT_ONES, NULL},
    {"head", "output.weight", "lm_head.weight", WHOLE(head), DIM_V, DIM_C,
     TENSOR_DECAY | TENSOR_TIED, INIT_NORMAL, NULL},
};
const size_t tensor_table_len = sizeof tensor_table / sizeof tensor_table[0];

size_t tensor_dim_size(const struct tf_config *config, enum tensor_dim dim)
{
    switch (dim) {
    case DIM_ONE:
        return 1;
    case DIM_C:
        return (size_t)config->width;
    case DIM_HD:
        return (size_t)config->n_heads * (size_t)config->head_dim;
    case DIM_KD:
        return (size_t)config->n_kv_heads * (size_t)config->head_dim;
    case DIM_D:
        return (size_t)config->head_dim;
    case DIM_F:
        return (size_t)config->ffn;
    case DIM_V:
        return (size_t)config->vocab;
    }
    return 0;
}

void tensor_name(const char *pattern, int layer, char *out, size_t out_size)
{
    const char *number = strstr(pattern, "%d");
    if (number)
        snprintf(out, out_size, "%.*s%d%s", (int)(number - pattern), pattern, layer, number + 2);
    else
        snprintf(out, out_size, "%s", pattern);
}
