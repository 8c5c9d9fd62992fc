#include "models/gguf_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/gguf.h"
#include "src/base/file.h"
#include "src/base/mem.h"

enum { ALIGNMENT = 32, ROOM = 1 << 16 };
#define MAX_HEADER ((size_t)1 << 30)

/* ---- keys ---- */

struct keys {
    struct buf body;
    uint64_t n;
};

static void put_u32(struct buf *out, uint32_t v)
{
    buf_add(out, &v, sizeof v);
}

static void put_u64(struct buf *out, uint64_t v)
{
    buf_add(out, &v, sizeof v);
}

static void put_text(struct buf *out, const char *text, size_t len)
{
    put_u64(out, len);
    buf_add(out, text, len);
}

static void add_key(struct keys *k, const char *key, enum gguf_type type)
{
    put_text(&k->body, key, strlen(key));
    put_u32(&k->body, type);
    k->n++;
}

static void add_u32(struct keys *k, const char *key, uint32_t v)
{
    add_key(k, key, GGUF_U32);
    put_u32(&k->body, v);
}

static void add_f32(struct keys *k, const char *key, double v)
{
    const float f = (float)v;
    add_key(k, key, GGUF_F32);
    buf_add(&k->body, &f, sizeof f);
}

static void add_bool(struct keys *k, const char *key, bool v)
{
    add_key(k, key, GGUF_BOOL);
    buf_addc(&k->body, v ? 1 : 0);
}

static void add_string(struct keys *k, const char *key, const char *text)
{
    add_key(k, key, GGUF_STRING);
    put_text(&k->body, text, strlen(text));
}

static void add_array(struct keys *k, const char *key, enum gguf_type element, uint64_t n)
{
    add_key(k, key, GGUF_ARRAY);
    put_u32(&k->body, element);
    put_u64(&k->body, n);
}

static void add_arch(struct keys *k, const char *arch, const char *name, uint32_t v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", arch, name);
    add_u32(k, key, v);
}

static void add_id(struct keys *k, const char *key, int32_t id)
{
    if (id >= 0)
        add_u32(k, key, (uint32_t)id);
}

static void add_merges(struct keys *k, const struct vocab *v)
{
    add_array(k, "tokenizer.ggml.merges", GGUF_STRING, v->n_merges);
    for (size_t i = 0; i < v->n_merges; i++) {
        const struct piece *left = &v->pieces[v->merges[i].left];
        const struct piece *right = &v->pieces[v->merges[i].right];
        put_u64(&k->body, (uint64_t)left->len + 1 + right->len);
        buf_add(&k->body, left->text, left->len);
        buf_addc(&k->body, ' ');
        buf_add(&k->body, right->text, right->len);
    }
}

static void add_vocab(struct keys *k, const struct vocab *v)
{
    const bool words = strcmp(v->pre, "words") == 0;
    add_string(k, "tokenizer.ggml.model", "gpt2");
    add_string(k, "tokenizer.ggml.pre", words ? "llama-bpe" : v->pre);
    if (words)
        add_string(k, "rlaif.tokenizer.pre", v->pre);
    add_array(k, "tokenizer.ggml.tokens", GGUF_STRING, v->n_pieces);
    for (uint32_t i = 0; i < v->n_pieces; i++)
        put_text(&k->body, v->pieces[i].text, v->pieces[i].len);
    add_array(k, "tokenizer.ggml.token_type", GGUF_I32, v->n_pieces);
    for (uint32_t i = 0; i < v->n_pieces; i++)
        put_u32(&k->body, v->pieces[i].type);
    add_merges(k, v);
    add_id(k, "tokenizer.ggml.bos_token_id", v->bos);
    add_id(k, "tokenizer.ggml.eos_token_id", v->eos);
    add_id(k, "tokenizer.ggml.padding_token_id", v->pad);
    if (v->n_ends > 0)
        add_id(k, "tokenizer.ggml.eot_token_id", v->ends[0]);
    add_bool(k, "tokenizer.ggml.add_bos_token", v->add_bos);
    add_bool(k, "tokenizer.ggml.add_eos_token", false);
    if (v->chat_template)
        add_string(k, "tokenizer.chat_template", v->chat_template);
}

static void add_config(struct keys *k, const struct tf_config *c, const char *name)
{
    char key[96];
    add_string(k, "general.architecture", c->arch);
    if (name)
        add_string(k, "general.name", name);
    add_u32(k, "general.alignment", ALIGNMENT);
    add_u32(k, "general.file_type", 0); /* all F32 */
    add_u32(k, "general.quantization_version", 2);
    add_arch(k, c->arch, "context_length", (uint32_t)c->context);
    add_arch(k, c->arch, "embedding_length", (uint32_t)c->width);
    add_arch(k, c->arch, "block_count", (uint32_t)c->n_layers);
    add_arch(k, c->arch, "feed_forward_length", (uint32_t)c->ffn);
    add_arch(k, c->arch, "attention.head_count", (uint32_t)c->n_heads);
    add_arch(k, c->arch, "attention.head_count_kv", (uint32_t)c->n_kv_heads);
    add_arch(k, c->arch, "attention.key_length", (uint32_t)c->head_dim);
    add_arch(k, c->arch, "attention.value_length", (uint32_t)c->head_dim);
    add_arch(k, c->arch, "rope.dimension_count", (uint32_t)c->head_dim);
    add_arch(k, c->arch, "vocab_size", (uint32_t)c->vocab);
    snprintf(key, sizeof key, "%s.rope.freq_base", c->arch);
    add_f32(k, key, c->rope_base);
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", c->arch);
    add_f32(k, key, c->norm_eps);
}

/* ---- tensors ---- */

struct tensor_list {
    struct item {
        const struct weight *weight;
        bool interleave; /* rows of a llama's Q or K */
    } *items;
    size_t n, cap;
    struct buf table;
    uint64_t at; /* of the next tensor's data */
    struct weight freqs;
};

static void add_tensor(struct tensor_list *list, const char *name, const struct weight *w,
                       bool interleave)
{
    const bool vector = w->rows == 1;
    list->items = array_grow(list->items, list->n, &list->cap, sizeof *list->items);
    list->items[list->n++] = (struct item){w, interleave};
    put_text(&list->table, name, strlen(name));
    put_u32(&list->table, vector ? 1 : 2);
    put_u64(&list->table, w->cols);
    if (!vector)
        put_u64(&list->table, w->rows);
    put_u32(&list->table, WEIGHT_F32);
    put_u64(&list->table, list->at);
    list->at += (w->rows * w->cols * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void list_tensors(struct tensor_list *list, const struct gguf_export *what)
{
    const struct tf_config *c = what->config;
    const bool llama = strcmp(c->arch, "llama") == 0;
    for (size_t r = 0; r < tensor_table_len; r++) {
        const struct tensor_row *row = &tensor_table[r];
        if (row->flags & TENSOR_TIED && c->tied)
            continue;
        for (int i = 0; i < (row->in_layer ? c->n_layers : 1); i++) {
            const uint8_t *base = row->in_layer ? (const uint8_t *)&what->weights->layers[i]
                                                : (const uint8_t *)what->weights;
            const struct weight *w = (const struct weight *)(const void *)(base + row->offset);
            char name[96];
            tensor_name(row->gguf, i, name, sizeof name);
            if (w->data)
                add_tensor(list, name, w, llama && row->flags & (TENSOR_ROPE_Q | TENSOR_ROPE_K));
        }
    }
    if (c->rope_freqs) {
        list->freqs = (struct weight){.format = weight_format(WEIGHT_F32),
                                      .data = (const uint8_t *)c->rope_freqs, .rows = 1,
                                      .cols = (size_t)c->head_dim / 2,
                                      .row_bytes = (size_t)c->head_dim / 2 * sizeof(float)};
        add_tensor(list, "rope_freqs.weight", &list->freqs, false);
    }
}

/* The split-half row that stands at row r of interleaved pairs. */
static size_t split_row(size_t r, size_t head_dim)
{
    const size_t in_head = r % head_dim;
    return r - in_head + in_head % 2 * (head_dim / 2) + in_head / 2;
}

static int put_bias(struct file_out *out, const struct weight *w, size_t head_dim,
                    struct error *err)
{
    float *plain = xmalloc(2 * w->cols * sizeof *plain), *turned = plain + w->cols;
    weight_row(w, 0, plain);
    for (size_t i = 0; i < w->cols; i++)
        turned[i] = plain[split_row(i, head_dim)];
    const int status = file_out_add(out, turned, w->cols * sizeof *turned, err);
    free(plain);
    return status;
}

static int put_rows(struct file_out *out, const struct item *item, size_t head_dim,
                    struct error *err)
{
    const struct weight *w = item->weight;
    if (item->interleave && w->rows == 1)
        return put_bias(out, w, head_dim, err);
    const size_t step = w->cols < ROOM ? ROOM / w->cols : 1;
    float *rows = xmalloc(step * w->cols * sizeof *rows);
    int status = 0;
    for (size_t first = 0; first < w->rows && !status; first += step) {
        const size_t left = w->rows - first, n = left < step ? left : step;
        for (size_t i = 0; i < n; i++)
            weight_row(w, item->interleave ? split_row(first + i, head_dim) : first + i,
                       rows + i * w->cols);
        status = file_out_add(out, rows, n * w->cols * sizeof *rows, err);
    }
    free(rows);
    return status;
}

static int put_data(struct file_out *out, const struct tensor_list *list, size_t head_dim,
                    struct error *err)
{
    static const char zeros[ALIGNMENT];
    for (size_t i = 0; i < list->n; i++) {
        const struct weight *w = list->items[i].weight;
        const size_t over = w->rows * w->cols * sizeof(float) % ALIGNMENT;
        if (put_rows(out, &list->items[i], head_dim, err) ||
            (over && file_out_add(out, zeros, ALIGNMENT - over, err)))
            return -1;
    }
    return 0;
}

/* ---- the file ---- */

static void put_head(struct buf *out, uint64_t n_tensors, const struct keys *keys)
{
    buf_add(out, "GGUF", 4);
    put_u32(out, 3);
    put_u64(out, n_tensors);
    put_u64(out, keys->n);
    buf_add(out, buf_str(&keys->body), keys->body.len);
}

static int check_finite(const struct tensor_list *list, const char *path, struct error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        size_t at = 0;
        if (weight_bad(list->items[i].weight, &at))
            return error_set(err, ERROR_FAILED,
                             "%s is not written: tensor %zu of the network is NaN or "
                             "infinite at index %zu",
                             path, i, at);
    }
    return 0;
}

int gguf_write(const char *path, const struct gguf_export *what, struct error *err)
{
    struct keys keys = {.n = 0};
    struct tensor_list list = {.n = 0};
    struct buf head;
    struct file_out out;
    if ((uint32_t)what->config->vocab != what->vocab->n_pieces)
        return error_set(err, ERROR_FAILED,
                         "%s is not written: the network has %d tokens, the vocabulary %u", path,
                         what->config->vocab, (unsigned)what->vocab->n_pieces);
    buf_init(&keys.body, MAX_HEADER);
    buf_init(&list.table, MAX_HEADER);
    buf_init(&head, 2 * MAX_HEADER + 64);
    add_config(&keys, what->config, what->name);
    add_vocab(&keys, what->vocab);
    list_tensors(&list, what);
    put_head(&head, list.n, &keys);
    buf_add(&head, buf_str(&list.table), list.table.len);
    buf_fill(&head, 0, (ALIGNMENT - head.len % ALIGNMENT) % ALIGNMENT);
    int status = check_finite(&list, path, err);
    if (!status && (keys.body.full || list.table.full || head.full))
        status = error_set(err, ERROR_FAILED, "%s is not written: its header is too long", path);
    if (!status)
        status = file_out_open(&out, path, err);
    if (!status) {
        status = file_out_add(&out, head.data, head.len, err);
        if (!status)
            status = put_data(&out, &list, (size_t)what->config->head_dim, err);
        if (status)
            file_out_drop(&out);
        else
            status = file_out_close(&out, err);
    }
    buf_release(&keys.body);
    buf_release(&list.table);
    buf_release(&head);
    free(list.items);
    return status;
}

void gguf_write_vocab(const struct vocab *vocab, struct buf *out)
{
    struct keys keys = {.n = 0};
    buf_init(&keys.body, MAX_HEADER);
    add_vocab(&keys, vocab);
    put_head(out, 0, &keys);
    if (keys.body.full)
        out->full = true;
    buf_release(&keys.body);
}
