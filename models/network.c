#include "models/network.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/quant.h"
#include "src/base/mem.h"

static const char *const archs[] = {"llama", "qwen2", "qwen3"};
enum { N_ARCHS = sizeof archs / sizeof archs[0] };
/* Several times what the largest models have; what we keep for a network stays small by them. */
enum { MAX_WIDTH = 1 << 16, MAX_FFN = 1 << 20, MAX_HEADS = 4096, MAX_HEAD_DIM = 1024 };

/* True when `word` is one of the blank-separated words of list. */
static bool has_word(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (const char *at = list; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
        if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == 0))
            return true;
    return false;
}

/* ---- hyper-parameters ---- */

/* "ARCH.name" as a key. */
struct key {
    char text[96];
};

static struct key arch_key(const char *arch, const char *name)
{
    struct key key;
    snprintf(key.text, sizeof key.text, "%s.%s", arch, name);
    return key;
}

/* Where a key stands in the file, for messages. */
static int64_t key_at(const struct gguf *g, const char *key)
{
    const struct gguf_value *v = gguf_find(g, key);
    return v ? (int64_t)v->at : 0;
}

static int missing_key(const struct gguf *g, const char *key, struct error *err)
{
    return error_at_byte(err, g->file, (int64_t)g->header_bytes, "the key %s is missing", key);
}

static int get_arch(const struct gguf *g, char out[32], struct error *err)
{
    struct gguf_string arch;
    const int got = gguf_get_string(g, "general.architecture", &arch, err);
    if (got <= 0)
        return got < 0 ? -1 : missing_key(g, "general.architecture", err);
    for (size_t i = 0; i < N_ARCHS; i++) {
        if (arch.len == strlen(archs[i]) && memcmp(arch.data, archs[i], arch.len) == 0) {
            snprintf(out, 32, "%s", archs[i]);
            return 0;
        }
    }
    return error_at_byte(err, g->file, key_at(g, "general.architecture"),
                         "the architecture '%s' is not read (allowed: llama, qwen2, qwen3)",
                         SHOW(arch));
}

/* A count of 1..max; `fallback` >= 0 serves when the key is not there. */
static int get_count(const struct gguf *g, const char *arch, const char *name, int max,
                     int fallback, int *out, struct error *err)
{
    const struct key key = arch_key(arch, name);
    uint32_t v;
    const int got = gguf_get_u32(g, key.text, &v, err);
    if (got < 0)
        return -1;
    if (got == 0) {
        if (fallback < 0)
            return missing_key(g, key.text, err);
        *out = fallback;
        return 0;
    }
    if (v < 1 || v > (uint32_t)max)
        return error_at_byte(err, g->file, key_at(g, key.text), "%s is %" PRIu32 " (allowed 1..%d)",
                             key.text, v, max);
    *out = (int)v;
    return 0;
}

/* Reals of RoPE and the norm: finite and within [min, max]. */
static int get_real(const struct gguf *g, const char *arch, const char *name, double min,
                    double max, double *out, struct error *err)
{
    const struct key key = arch_key(arch, name);
    double v;
    const int got = gguf_get_f32(g, key.text, &v, err);
    if (got <= 0)
        return got;
    if (!(v >= min && v <= max))
        return error_at_byte(err, g->file, key_at(g, key.text), "%s is %g (allowed %g..%g)",
                             key.text, v, min, max);
    *out = v;
    return 1;
}

static int get_heads(const struct gguf *g, struct tf_config *c, struct error *err)
{
    const struct key heads = arch_key(c->arch, "attention.head_count");
    const struct key kv = arch_key(c->arch, "attention.head_count_kv");
    if (get_count(g, c->arch, "attention.head_count", MAX_HEADS, -1, &c->n_heads, err) ||
        get_count(g, c->arch, "attention.head_count_kv", MAX_HEADS, c->n_heads, &c->n_kv_heads, err))
        return -1;
    if (c->n_kv_heads > c->n_heads || c->n_heads % c->n_kv_heads)
        return error_at_byte(err, g->file, key_at(g, kv.text),
                             "%s is %d, which does not divide %s, %d", kv.text, c->n_kv_heads,
                             heads.text, c->n_heads);
    int value_dim, rope_dim;
    const bool divides = c->width % c->n_heads == 0;
    if (get_count(g, c->arch, "attention.key_length", MAX_HEAD_DIM,
                  divides ? c->width / c->n_heads : 0, &c->head_dim, err))
        return -1;
    if (c->head_dim == 0)
        return error_at_byte(err, g->file, key_at(g, heads.text),
                             "%s is %d, which does not divide %s.embedding_length, %d", heads.text,
                             c->n_heads, c->arch, c->width);
    if (get_count(g, c->arch, "attention.value_length", INT_MAX, c->head_dim, &value_dim, err) ||
        get_count(g, c->arch, "rope.dimension_count", INT_MAX, c->head_dim, &rope_dim, err))
        return -1;
    if (value_dim != c->head_dim || rope_dim != c->head_dim || c->head_dim % 2 ||
        c->head_dim > MAX_HEAD_DIM)
        return error_at_byte(err, g->file, key_at(g, heads.text),
                             "head widths differ or are odd (keys %d, values %d, RoPE %d; "
                             "allowed: one even width of at most %d)",
                             c->head_dim, value_dim, rope_dim, MAX_HEAD_DIM);
    return 0;
}

/* Keys that would change what the network computes in ways that we do not. */
static int refuse_variants(const struct gguf *g, const char *arch, struct error *err)
{
    uint32_t experts = 0, parts = 0;
    if (gguf_get_u32(g, "split.count", &parts, err) < 0)
        return -1;
    if (parts > 1) {
        error_at_byte(err, g->file, key_at(g, "split.count"),
                      "this is one of %" PRIu32 " parts of a model", parts);
        return error_hint(err, "join the parts into one file first");
    }
    const struct key key = arch_key(arch, "expert_count");
    if (gguf_get_u32(g, key.text, &experts, err) < 0)
        return -1;
    if (experts)
        return error_at_byte(err, g->file, key_at(g, key.text),
                             "%s is %" PRIu32 ": mixtures of experts are not read", key.text,
                             experts);
    return 0;
}

static int get_config(const struct gguf *g, struct tf_config *c, struct error *err)
{
    if (get_arch(g, c->arch, err) || refuse_variants(g, c->arch, err) ||
        get_count(g, c->arch, "embedding_length", MAX_WIDTH, -1, &c->width, err) ||
        get_count(g, c->arch, "block_count", INT_MAX, -1, &c->n_layers, err) ||
        get_count(g, c->arch, "feed_forward_length", MAX_FFN, -1, &c->ffn, err) ||
        get_count(g, c->arch, "context_length", INT_MAX, -1, &c->context, err) ||
        get_heads(g, c, err))
        return -1;
    /* Beyond a sliding window attention would be another: the context ends there. */
    int window;
    if (get_count(g, c->arch, "attention.sliding_window", INT_MAX, c->context, &window, err))
        return -1;
    if (window < c->context)
        c->context = window;
    c->rope_base = 10000;
    if (get_real(g, c->arch, "rope.freq_base", 1, 1e12, &c->rope_base, err) < 0)
        return -1;
    const int got =
        get_real(g, c->arch, "attention.layer_norm_rms_epsilon", 1e-20, 1, &c->norm_eps, err);
    if (got == 0)
        return missing_key(g, arch_key(c->arch, "attention.layer_norm_rms_epsilon").text, err);
    if (got < 0)
        return -1;
    const struct gguf_tensor *embed = gguf_tensor(g, "token_embd.weight");
    if (!embed)
        return error_at_byte(err, g->file, (int64_t)g->header_bytes,
                             "the tensor token_embd.weight is missing");
    if (embed->dims[1] < 1 || embed->dims[1] > INT_MAX)
        return error_at_byte(err, g->file, (int64_t)embed->at,
                             "token_embd.weight has %" PRIu64 " rows (allowed 1..%d)",
                             embed->dims[1], INT_MAX);
    c->vocab = (int)embed->dims[1];
    int vocab;
    if (get_count(g, c->arch, "vocab_size", INT_MAX, c->vocab, &vocab, err))
        return -1;
    if (vocab != c->vocab)
        return error_at_byte(err, g->file, key_at(g, arch_key(c->arch, "vocab_size").text),
                             "%s.vocab_size is %d, but token_embd.weight has %d rows", c->arch,
                             vocab, c->vocab);
    return 0;
}

/* ---- RoPE scaling ---- */

static int scale_all(struct network *n, double factor)
{
    const size_t half = (size_t)n->config.head_dim / 2;
    n->rope_freqs = xmalloc(half * sizeof *n->rope_freqs);
    for (size_t i = 0; i < half; i++)
        n->rope_freqs[i] = (float)factor;
    return 0;
}

static int scaling_from_keys(struct network *n, const struct gguf *g, struct error *err)
{
    const char *arch = n->config.arch;
    const struct key key = arch_key(arch, "rope.scaling.type");
    struct gguf_string type = {"none", 4};
    if (gguf_get_string(g, key.text, &type, err) < 0)
        return -1;
    double factor = 1;
    const int got = get_real(g, arch, "rope.scaling.factor", 1e-6, 1e6, &factor, err);
    if (got < 0 ||
        (got == 0 && get_real(g, arch, "rope.scale_linear", 1e-6, 1e6, &factor, err) < 0))
        return -1;
    if (type.len == 4 && memcmp(type.data, "none", 4) == 0)
        return factor != 1 && !gguf_find(g, key.text) ? scale_all(n, factor) : 0;
    if (type.len == 6 && memcmp(type.data, "linear", 6) == 0)
        return factor != 1 ? scale_all(n, factor) : 0;
    return error_at_byte(err, g->file, key_at(g, key.text),
                         "%s is '%s' (allowed: none, linear, or a tensor rope_freqs.weight)",
                         key.text, SHOW(type));
}

/* Llama 3's divisors of the frequencies: a vector of half the head width. */
static int scaling_from_tensor(struct network *n, const struct gguf *g,
                               const struct gguf_tensor *t, struct error *err)
{
    const size_t half = (size_t)n->config.head_dim / 2;
    if (t->type != WEIGHT_F32 || t->n_dims != 1 || t->dims[0] != half)
        return error_at_byte(err, g->file, (int64_t)t->at,
                             "rope_freqs.weight is %" PRIu64 " x %" PRIu64
                             " of type %s (allowed: F32, %zu values)",
                             t->dims[0], t->dims[1], weight_format(t->type)->name, half);
    n->rope_freqs = xmalloc(half * sizeof *n->rope_freqs);
    memcpy(n->rope_freqs, g->data + t->data_at, half * sizeof *n->rope_freqs);
    for (size_t i = 0; i < half; i++)
        if (!isfinite(n->rope_freqs[i]) || n->rope_freqs[i] <= 0)
            return error_at_byte(err, g->file, (int64_t)(t->data_at + 4 * i),
                                 "rope_freqs.weight holds %g at index %zu (allowed: finite, > 0)",
                                 (double)n->rope_freqs[i], i);
    return 0;
}

/* ---- tensors ---- */

static int check_shape(const struct gguf *g, const struct gguf_tensor *t, size_t rows,
                       size_t cols, struct error *err)
{
    for (uint32_t i = 0; i < t->n_dims; i++)
        if (t->dims[i] == 0)
            return error_at_byte(err, g->file, (int64_t)t->at, "tensor %s: dimension %" PRIu32
                                 " is 0", SHOW(t->name), i);
    if (t->dims[0] == cols && t->dims[1] == rows && t->dims[2] == 1 && t->dims[3] == 1)
        return 0;
    const bool turned = rows != 1 && t->dims[0] == rows && t->dims[1] == cols;
    return error_at_byte(err, g->file, (int64_t)t->at,
                         "tensor %s is %" PRIu64 " x %" PRIu64 ", expected %zu x %zu%s",
                         SHOW(t->name), t->dims[0], t->dims[1], cols, rows,
                         turned ? " (it is transposed)" : "");
}

/* A bias of llama's Q or K, put into split-half order as the rows of its matrix are. */
static int permute_bias(struct network *n, struct weight *w, struct error *err)
{
    float *plain = mem_try(w->cols * sizeof *plain, "a bias", err);
    float *out = mem_try(w->cols * sizeof *out, "a bias", err);
    if (!plain || !out) {
        free(plain);
        free(out);
        return -1;
    }
    weight_row(w, 0, plain);
    for (size_t i = 0; i < w->cols; i++)
        out[i] = plain[n->row_map[i]];
    free(plain);
    if (!n->biases) /* two a layer at most */
        n->biases = xcalloc(2 * (size_t)n->config.n_layers, sizeof *n->biases);
    n->biases[n->n_biases++] = out;
    w->format = weight_format(WEIGHT_F32);
    w->data = (const uint8_t *)out;
    w->row_bytes = w->cols * sizeof *out;
    return 0;
}

struct loader {
    struct network *n;
    const struct gguf *g;
    uint8_t *used; /* per tensor of the file */
};

static int set_weight(struct loader *l, const struct tensor_row *row, const struct gguf_tensor *t,
                      struct weight *w, struct error *err)
{
    struct network *n = l->n;
    w->format = weight_format(t->type);
    w->data = l->g->data + t->data_at;
    w->rows = tensor_dim_size(&n->config, row->rows);
    w->cols = tensor_dim_size(&n->config, row->cols);
    w->row_bytes = w->cols / w->format->block * w->format->bytes;
    n->params += (uint64_t)w->rows * w->cols;
    if (t->type < sizeof n->type_bytes / sizeof n->type_bytes[0])
        n->type_bytes[t->type] += t->bytes;
    if (!(row->flags & (TENSOR_ROPE_Q | TENSOR_ROPE_K)) || strcmp(n->config.arch, "llama") != 0)
        return 0;
    if (row->rows == DIM_ONE)
        return permute_bias(n, w, err);
    w->row_map = n->row_map;
    return 0;
}

static int load_tensor(struct loader *l, const struct tensor_row *row, int layer,
                       struct error *err)
{
    struct network *n = l->n;
    char name[64];
    tensor_name(row->gguf, layer, name, sizeof name);
    uint8_t *base = row->in_layer ? (uint8_t *)&n->weights.layers[layer] : (uint8_t *)&n->weights;
    struct weight *w = (struct weight *)(void *)(base + row->offset);
    const struct gguf_tensor *t = gguf_tensor(l->g, name);
    const bool needed = !row->archs || has_word(row->archs, n->config.arch);
    if (!t && row->flags & TENSOR_TIED) {
        *w = n->weights.embed;
        n->config.tied = true;
        return 0;
    }
    if (!t && !needed)
        return 0;
    const size_t rows = tensor_dim_size(&n->config, row->rows);
    const size_t cols = tensor_dim_size(&n->config, row->cols);
    if (!t)
        return error_at_byte(err, l->g->file, (int64_t)l->g->header_bytes,
                             "the tensor %s is missing (expected %zu x %zu)", name, cols, rows);
    if (!needed && !(row->flags & TENSOR_OPTIONAL))
        return 0; /* unused(): the file is refused there */
    if (check_shape(l->g, t, rows, cols, err))
        return -1;
    l->used[t - l->g->tensors] = 1;
    return set_weight(l, row, t, w, err);
}

/* A tensor that we would leave out changes the network: better say so than give other values. */
static int refuse_unused(const struct loader *l, struct error *err)
{
    for (size_t i = 0; i < l->g->n_tensors; i++) {
        if (l->used[i])
            continue;
        const struct gguf_tensor *t = &l->g->tensors[i];
        return error_at_byte(err, l->g->file, (int64_t)t->at,
                             "the tensor %s is not part of a %s network of %d layers",
                             SHOW(t->name), l->n->config.arch, l->n->config.n_layers);
    }
    return 0;
}

/* An optional tensor is in every layer or in none. */
static int check_optional(const struct loader *l, struct error *err)
{
    for (size_t r = 0; r < tensor_table_len; r++) {
        const struct tensor_row *row = &tensor_table[r];
        if (!row->in_layer || !(row->flags & TENSOR_OPTIONAL))
            continue;
        int found = 0;
        for (int i = 0; i < l->n->config.n_layers; i++) {
            const uint8_t *base = (const uint8_t *)&l->n->weights.layers[i];
            found += ((const struct weight *)(const void *)(base + row->offset))->data != NULL;
        }
        if (found && found != l->n->config.n_layers)
            return error_at_byte(err, l->g->file, (int64_t)l->g->header_bytes,
                                 "the tensor %s is in %d of %d layers", row->gguf, found,
                                 l->n->config.n_layers);
    }
    return 0;
}

/* Row (head, half, i) of the split-half order is row (head, i, half) of llama's interleaved pairs. */
static void make_row_map(struct network *n)
{
    const uint32_t d = (uint32_t)n->config.head_dim;
    const size_t rows = tensor_dim_size(&n->config, DIM_HD);
    n->row_map = xmalloc(rows * sizeof *n->row_map);
    for (uint32_t r = 0; r < rows; r++) {
        const uint32_t in_head = r % d, half = in_head / (d / 2), i = in_head % (d / 2);
        n->row_map[r] = r - in_head + 2 * i + half;
    }
}

static int check_layers(const struct network *n, const struct gguf *g, struct error *err)
{
    size_t per_layer = 0;
    for (size_t r = 0; r < tensor_table_len; r++)
        per_layer += tensor_table[r].in_layer && !tensor_table[r].archs;
    if ((size_t)n->config.n_layers <= g->n_tensors / per_layer)
        return 0;
    const struct key key = arch_key(n->config.arch, "block_count");
    return error_at_byte(err, g->file, key_at(g, key.text),
                         "%s is %d, but the file's %zu tensors make at most %zu layers", key.text,
                         n->config.n_layers, g->n_tensors, g->n_tensors / per_layer);
}

/* The matrices' sizes are products of hyper-parameters: nothing is allocated by them before one tensor agrees. */
static int check_query(const struct network *n, const struct gguf *g, struct error *err)
{
    const struct gguf_tensor *t = gguf_tensor(g, "blk.0.attn_q.weight");
    if (!t)
        return error_at_byte(err, g->file, (int64_t)g->header_bytes,
                             "the tensor blk.0.attn_q.weight is missing");
    return check_shape(g, t, tensor_dim_size(&n->config, DIM_HD),
                       tensor_dim_size(&n->config, DIM_C), err);
}

static int load(struct network *n, const struct gguf *g, uint8_t *used, struct error *err)
{
    struct loader l = {n, g, used};
    if (get_config(g, &n->config, err) || check_layers(n, g, err) || check_query(n, g, err))
        return -1;
    make_row_map(n);
    const struct gguf_tensor *freqs = gguf_tensor(g, "rope_freqs.weight");
    if (freqs) {
        used[freqs - g->tensors] = 1;
        if (scaling_from_tensor(n, g, freqs, err))
            return -1;
    } else if (scaling_from_keys(n, g, err)) {
        return -1;
    }
    n->config.rope_freqs = n->rope_freqs;
    n->weights.layers = xcalloc((size_t)n->config.n_layers, sizeof *n->weights.layers);
    for (size_t r = 0; r < tensor_table_len; r++) {
        const int count = tensor_table[r].in_layer ? n->config.n_layers : 1;
        for (int i = 0; i < count; i++)
            if (load_tensor(&l, &tensor_table[r], i, err))
                return -1;
    }
    if (check_optional(&l, err))
        return -1;
    return refuse_unused(&l, err);
}

int network_load(struct network *out, const struct gguf *gguf, struct error *err)
{
    *out = (struct network){0};
    uint8_t *used = xcalloc(gguf->n_tensors + 1, 1);
    const int status = load(out, gguf, used, err);
    free(used);
    if (status)
        network_release(out);
    return status;
}

void network_release(struct network *network)
{
    free(network->weights.layers);
    free(network->row_map);
    for (size_t i = 0; i < network->n_biases; i++)
        free(network->biases[i]);
    free(network->biases);
    free(network->rope_freqs);
    *network = (struct network){0};
}
