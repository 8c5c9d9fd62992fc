#include "tests/unit/gguf_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokenizer.h"
#include "models/weights.h"
#include "src/base/mem.h"
#include "src/base/text.h"

void build_init(struct build *b)
{
    *b = (struct build){.magic = "GGUF", .version = 3, .alignment = 32};
}

void build_release(struct build *b)
{
    for (size_t i = 0; i < b->n_values; i++)
        buf_release(&b->values[i].payload);
    for (size_t i = 0; i < b->n_tensors; i++)
        free(b->tensors[i].data);
}

static void add_u32(struct buf *out, uint32_t v)
{
    buf_add(out, &v, sizeof v);
}

static void add_u64(struct buf *out, uint64_t v)
{
    buf_add(out, &v, sizeof v);
}

/* ---- values ---- */

struct build_value *build_find(struct build *b, const char *key)
{
    for (size_t i = 0; i < b->n_values; i++)
        if (strcmp(b->values[i].key, key) == 0)
            return &b->values[i];
    return NULL;
}

void build_remove(struct build *b, const char *key)
{
    struct build_value *v = build_find(b, key);
    if (!v)
        return;
    buf_release(&v->payload);
    const size_t i = (size_t)(v - b->values);
    memmove(v, v + 1, (b->n_values - i - 1) * sizeof *v);
    b->n_values--;
}

/* Replaces a value of the same key. */
void build_value(struct build *b, const char *key, uint32_t type, const void *payload, size_t len)
{
    struct build_value *v = build_find(b, key);
    if (!v) {
        v = &b->values[b->n_values++];
        *v = (struct build_value){.key_len = strlen(key), .key_bytes = strlen(key)};
        snprintf(v->key, sizeof v->key, "%s", key);
        buf_init(&v->payload, 0);
    }
    v->type = type;
    buf_clear(&v->payload);
    buf_add(&v->payload, payload, len);
}

void build_u32(struct build *b, const char *key, uint32_t value)
{
    build_value(b, key, GGUF_U32, &value, sizeof value);
}

void build_f32(struct build *b, const char *key, float value)
{
    build_value(b, key, GGUF_F32, &value, sizeof value);
}

void build_bool(struct build *b, const char *key, bool value)
{
    const uint8_t byte = value;
    build_value(b, key, GGUF_BOOL, &byte, 1);
}

void build_string(struct build *b, const char *key, const char *value)
{
    struct buf out;
    buf_init(&out, 0);
    add_u64(&out, strlen(value));
    buf_adds(&out, value);
    build_value(b, key, GGUF_STRING, buf_str(&out), out.len);
    buf_release(&out);
}

void build_strings(struct build *b, const char *key, const char *const *values, size_t n)
{
    struct buf out;
    buf_init(&out, 0);
    add_u32(&out, GGUF_STRING);
    add_u64(&out, n);
    for (size_t i = 0; i < n; i++) {
        add_u64(&out, strlen(values[i]));
        buf_adds(&out, values[i]);
    }
    build_value(b, key, GGUF_ARRAY, out.data, out.len);
    buf_release(&out);
}

void build_array4(struct build *b, const char *key, uint32_t element, const void *values, size_t n)
{
    struct buf out;
    buf_init(&out, 0);
    add_u32(&out, element);
    add_u64(&out, n);
    buf_add(&out, values, 4 * n);
    build_value(b, key, GGUF_ARRAY, out.data, out.len);
    buf_release(&out);
}

/* ---- tensors ---- */

struct build_tensor *build_tensor_find(struct build *b, const char *name)
{
    for (size_t i = 0; i < b->n_tensors; i++)
        if (strcmp(b->tensors[i].name, name) == 0)
            return &b->tensors[i];
    return NULL;
}

void build_remove_tensor(struct build *b, const char *name)
{
    struct build_tensor *t = build_tensor_find(b, name);
    if (!t)
        return;
    free(t->data);
    const size_t i = (size_t)(t - b->tensors);
    memmove(t, t + 1, (b->n_tensors - i - 1) * sizeof *t);
    b->n_tensors--;
}

struct build_tensor *build_tensor(struct build *b, const char *name, uint32_t type, uint64_t cols,
                                  uint64_t rows)
{
    const struct weight_format *f = weight_format(type);
    struct build_tensor *t = &b->tensors[b->n_tensors++];
    *t = (struct build_tensor){.name_len = strlen(name), .name_bytes = strlen(name),
                               .n_dims = rows == 1 ? 1 : 2, .type = type, .dims = {cols, rows},
                               .offset = OFFSET_NEXT};
    snprintf(t->name, sizeof t->name, "%s", name);
    t->bytes = (size_t)(cols / f->block * rows) * f->bytes;
    t->data = xcalloc(t->bytes, 1);
    for (size_t i = 0; i < t->bytes; i++) /* below 0x3c: halves and floats stay below 1 */
        t->data[i] = (uint8_t)((i * 37 + b->n_tensors * 11) % 0x3c);
    return t;
}

/* ---- the file ---- */

static void pad(struct buf *out, uint32_t alignment)
{
    while (alignment && out->len % alignment)
        buf_addc(out, 0);
}

void build_bytes(struct build *b, struct buf *out)
{
    buf_add(out, b->magic, 4);
    add_u32(out, b->version);
    add_u64(out, b->n_tensors + b->add_tensors);
    add_u64(out, b->n_values + b->add_values);
    for (size_t i = 0; i < b->n_values; i++) {
        struct build_value *v = &b->values[i];
        v->at = out->len;
        add_u64(out, v->key_len);
        buf_add(out, v->key, v->key_bytes);
        add_u32(out, v->type);
        buf_add(out, v->payload.data, v->payload.len);
    }
    uint64_t next = 0;
    for (size_t i = 0; i < b->n_tensors; i++) {
        struct build_tensor *t = &b->tensors[i];
        t->at = out->len;
        add_u64(out, t->name_len);
        buf_add(out, t->name, t->name_bytes);
        add_u32(out, t->n_dims);
        for (uint32_t d = 0; d < t->n_dims && d < 8; d++)
            add_u64(out, t->dims[d]);
        add_u32(out, t->type);
        add_u64(out, t->offset == OFFSET_NEXT ? next : t->offset);
        next += t->bytes;
        next = (next + b->alignment - 1) / b->alignment * b->alignment;
    }
    for (size_t i = 0; i < b->n_tensors; i++) {
        pad(out, b->alignment);
        b->tensors[i].data_at = out->len;
        buf_add(out, b->tensors[i].data, b->tensors[i].bytes);
    }
    pad(out, b->alignment);
}

/* ---- a sound network ---- */

const char *build_letter(unsigned byte, char out[5])
{
    out[utf8_encode(byte_to_letter((uint8_t)byte), out)] = 0;
    return out;
}

static const char *const merges[] = {"h e",   "l l",    "he ll", "hell o", "Ġ hello", "a a",
                                     "aa aa", "aaaa aaaa", "Ġ a", "t he",  "Ġ the", "i n"};
static const char *const merged[] = {"he",   "ll",       "hell", "hello", "Ġhello", "aa",
                                     "aaaa", "aaaaaaaa", "Ġa",   "the",   "Ġthe",   "in"};
enum { N_MERGES = sizeof merges / sizeof merges[0] };

static void build_vocabulary(struct build *b)
{
    const char *tokens[BUILD_VOCAB] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    int32_t types[BUILD_VOCAB] = {3, 3, 3};
    char letters[256][5];
    size_t n = 3;
    for (unsigned i = 0; i < 256; i++)
        tokens[n++] = build_letter(i, letters[i]);
    for (size_t i = 0; i < N_MERGES; i++)
        tokens[n++] = merged[i];
    tokens[n++] = "<tool>";
    for (size_t i = 3; i < n; i++)
        types[i] = i + 1 == n ? PIECE_USER : PIECE_NORMAL;
    build_string(b, "tokenizer.ggml.model", "gpt2");
    build_string(b, "tokenizer.ggml.pre", "gpt-2");
    build_strings(b, "tokenizer.ggml.tokens", tokens, n);
    build_array4(b, "tokenizer.ggml.token_type", GGUF_I32, types, n);
    build_strings(b, "tokenizer.ggml.merges", merges, N_MERGES);
    build_u32(b, "tokenizer.ggml.bos_token_id", 1);
    build_u32(b, "tokenizer.ggml.eos_token_id", 2);
    build_string(b, "tokenizer.chat_template", "<|im_start|>{{ role }}<|im_end|>");
}

void build_llama(struct build *b)
{
    enum { C = 32, D = 16, H = 2, F = 64 };
    build_init(b);
    build_string(b, "general.architecture", "llama");
    build_string(b, "general.name", "small");
    build_u32(b, "general.alignment", 32);
    build_u32(b, "llama.block_count", 2);
    build_u32(b, "llama.context_length", 64);
    build_u32(b, "llama.embedding_length", C);
    build_u32(b, "llama.feed_forward_length", F);
    build_u32(b, "llama.attention.head_count", H);
    build_u32(b, "llama.attention.head_count_kv", 1);
    build_f32(b, "llama.rope.freq_base", 10000);
    build_f32(b, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    build_vocabulary(b);
    build_tensor(b, "token_embd.weight", WEIGHT_Q8_0, C, BUILD_VOCAB);
    for (int i = 0; i < 2; i++) {
        static const struct {
            const char *name;
            uint32_t type;
            uint64_t cols, rows;
        } rows[] = {
            {"attn_norm", WEIGHT_F32, C, 1},     {"attn_q", WEIGHT_Q4_1, C, H * D},
            {"attn_k", WEIGHT_Q4_0, C, D},       {"attn_v", WEIGHT_F16, C, D},
            {"attn_output", WEIGHT_Q8_0, H * D, C}, {"ffn_norm", WEIGHT_F32, C, 1},
            {"ffn_gate", WEIGHT_Q5_0, C, F},     {"ffn_up", WEIGHT_BF16, C, F},
            {"ffn_down", WEIGHT_Q5_1, F, C},
        };
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%d.%s.weight", i, rows[k].name);
            build_tensor(b, name, rows[k].type, rows[k].cols, rows[k].rows);
        }
    }
    build_tensor(b, "output_norm.weight", WEIGHT_F32, C, 1);
}
