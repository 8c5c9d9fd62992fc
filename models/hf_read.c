/*
 * A model directory, read: config.json gives the shape, model.safetensors the weights where they
 * are mapped, tokenizer.json the vocabulary. Hugging Face's rows of Q and K are split halves as
 * ours, so nothing is permuted.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/gguf_write.h"
#include "models/hf.h"
#include "models/hf_form.h"
#include "models/vocab_build.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"

enum { MAX_WIDTH = 1 << 16, MAX_FFN = 1 << 20, MAX_HEADS = 4096, MAX_HEAD_DIM = 1024 };
#define MAX_SMALL ((size_t)4 << 20)
#define MAX_TOKENIZER ((size_t)64 << 20)

struct reading {
    struct model *m;
    char *file; /* of the object below, for messages */
    json_t *config;
    struct vocab vocab;
    bool is_score; /* a reward model */
};

#define SHOW_JSON(s) SHOW(((struct gguf_string){json_string_value(s), json_string_length(s)}))
#define SHOW_NAME(text) SHOW(((struct gguf_string){(text), strlen(text)}))

/* ---- fields ---- */

/* A value as text, for messages. */
static const char *show_value(const json_t *value, char out[GGUF_SHOW])
{
    struct buf text;
    buf_init(&text, 64);
    if (value)
        json_write(&text, value);
    snprintf(out, GGUF_SHOW, "%s", !value ? "missing" : text.len ? buf_str(&text) : "too long");
    buf_release(&text);
    return out;
}
#define SHOW_VALUE(value) show_value(value, (char[GGUF_SHOW]){0})

/* A whole number of min..max; absent or null: `fallback`, unless that is -1. */
static int get_count(const struct reading *r, const json_t *object, const char *key, int min,
                     int max, int fallback, int *out, struct error *err)
{
    const json_t *value = json_object_get(object, key);
    const json_int_t number = json_integer_value(value);
    if ((!value || json_is_null(value)) && fallback != -1) {
        *out = fallback;
        return 0;
    }
    if (!json_is_integer(value) || number < min || number > max)
        return error_at_line(err, r->file, 0, 0, "%s is %s (allowed: a whole number, %d..%d)", key,
                             SHOW_VALUE(value), min, max);
    *out = (int)number;
    return 0;
}

static int get_real(const struct reading *r, const json_t *object, const char *key, double min,
                    double max, double *out, struct error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return 0;
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= min && number <= max))
        return error_at_line(err, r->file, 0, 0, "%s is %s (allowed: a number, %g..%g)", key,
                             SHOW_VALUE(value), min, max);
    *out = number;
    return 1;
}

/* Off, 0, null or absent. */
static int refuse_set(const struct reading *r, const char *key, struct error *err)
{
    const json_t *value = json_object_get(r->config, key);
    if (!value || json_is_null(value) || json_is_false(value) ||
        (json_is_number(value) && json_number_value(value) == 0))
        return 0;
    return error_at_line(err, r->file, 0, 0, "%s is %s, which is not read", key, SHOW_VALUE(value));
}

/* ---- config.json ---- */

static int get_kind(struct reading *r, struct tf_config *c, struct error *err)
{
    const json_t *type = json_object_get(r->config, "model_type");
    const struct hf_form *form =
        json_is_string(type) ? hf_form_find(json_string_value(type)) : NULL;
    const json_t *list = json_object_get(r->config, "architectures");
    const json_t *name = json_array_get(list, 0);
    if (!form)
        return error_at_line(err, r->file, 0, 0,
                             "model_type is %s (allowed: llama, qwen2, qwen3)", SHOW_VALUE(type));
    if (json_array_size(list) != 1 || !json_is_string(name) ||
        (strcmp(json_string_value(name), form->lm) != 0 &&
         strcmp(json_string_value(name), form->score) != 0))
        return error_at_line(err, r->file, 0, 0,
                             "architectures is %s (allowed: [\"%s\"], [\"%s\"])",
                             SHOW_VALUE(list), form->lm, form->score);
    r->is_score = strcmp(json_string_value(name), form->score) == 0;
    snprintf(c->arch, sizeof c->arch, "%s", form->arch);
    return 0;
}

/* Scaled frequencies would need their own formula for each kind. */
static int get_rope(const struct reading *r, struct tf_config *c, struct error *err)
{
    static const char *const keys[] = {"rope_scaling", "rope_parameters"};
    c->rope_base = 10000;
    if (get_real(r, r->config, "rope_theta", 1, 1e12, &c->rope_base, err) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        const json_t *o = json_object_get(r->config, keys[i]);
        const json_t *type = json_object_get(o, "rope_type");
        if (!o || json_is_null(o))
            continue;
        if (!type)
            type = json_object_get(o, "type");
        if (!json_is_object(o) ||
            (type && (!json_is_string(type) || strcmp(json_string_value(type), "default") != 0)))
            return error_at_line(err, r->file, 0, 0, "%s is %s (allowed: rope_type default)",
                                 keys[i], SHOW_VALUE(type ? type : o));
        if (get_real(r, o, "rope_theta", 1, 1e12, &c->rope_base, err) < 0)
            return -1;
    }
    return 0;
}

static int get_shape(const struct reading *r, struct tf_config *c, struct error *err)
{
    const json_t *o = r->config;
    if (get_count(r, o, "hidden_size", 1, MAX_WIDTH, -1, &c->width, err) ||
        get_count(r, o, "num_hidden_layers", 1, INT_MAX, -1, &c->n_layers, err) ||
        get_count(r, o, "intermediate_size", 1, MAX_FFN, -1, &c->ffn, err) ||
        get_count(r, o, "vocab_size", 1, INT_MAX, -1, &c->vocab, err) ||
        get_count(r, o, "max_position_embeddings", 1, INT_MAX, -1, &c->context, err) ||
        get_count(r, o, "num_attention_heads", 1, MAX_HEADS, -1, &c->n_heads, err) ||
        get_count(r, o, "num_key_value_heads", 1, MAX_HEADS, c->n_heads, &c->n_kv_heads, err) ||
        get_count(r, o, "head_dim", 2, MAX_HEAD_DIM, 0, &c->head_dim, err))
        return -1;
    if (c->n_heads % c->n_kv_heads)
        return error_at_line(
            err, r->file, 0, 0,
            "num_key_value_heads is %d, which does not divide num_attention_heads, %d",
            c->n_kv_heads, c->n_heads);
    if (c->head_dim == 0 && c->width % c->n_heads == 0)
        c->head_dim = c->width / c->n_heads;
    if (c->head_dim < 2 || c->head_dim % 2 || c->head_dim > MAX_HEAD_DIM)
        return error_at_line(err, r->file, 0, 0,
                             "heads are %d wide: hidden_size %d over num_attention_heads %d "
                             "(allowed: even, 2..%d)",
                             c->head_dim, c->width, c->n_heads, MAX_HEAD_DIM);
    return 0;
}

static int get_config(struct reading *r, struct tf_config *c, struct error *err)
{
    static const char *const off[] = {"attention_bias", "mlp_bias", "use_sliding_window",
                                      "quantization_config", "num_local_experts"};
    const json_t *act = json_object_get(r->config, "hidden_act");
    double rotary = 1;
    if (get_kind(r, c, err) || get_shape(r, c, err) || get_rope(r, c, err))
        return -1;
    if (act && (!json_is_string(act) || strcmp(json_string_value(act), "silu") != 0))
        return error_at_line(err, r->file, 0, 0, "hidden_act is %s (allowed: silu)",
                             SHOW_VALUE(act));
    /* Qwen2's biases of Q, K and V are part of it; a key that says so adds nothing. */
    for (size_t i = strcmp(c->arch, "qwen2") == 0; i < sizeof off / sizeof off[0]; i++)
        if (refuse_set(r, off[i], err))
            return -1;
    if (get_real(r, r->config, "partial_rotary_factor", 1, 1, &rotary, err) < 0)
        return -1;
    const int got = get_real(r, r->config, "rms_norm_eps", 1e-20, 1, &c->norm_eps, err);
    if (got == 0)
        return error_at_line(err, r->file, 0, 0, "rms_norm_eps is missing");
    const json_t *tied = json_object_get(r->config, "tie_word_embeddings");
    c->tied = json_is_true(tied);
    if (tied && !json_is_boolean(tied))
        return error_at_line(err, r->file, 0, 0, "tie_word_embeddings is %s (allowed: true, false)",
                             SHOW_VALUE(tied));
    return got < 0 ? -1 : 0;
}

/* ---- files ---- */

static json_t *read_object(const char *path, size_t max, struct error *err)
{
    struct buf text;
    buf_init(&text, max);
    json_t *value = NULL;
    if (file_read(path, max, 0, &text, err) == 0)
        value = json_parse(buf_str(&text), text.len, path, 1, err);
    buf_release(&text);
    if (value && !json_is_object(value)) {
        json_decref(value);
        error_at_line(err, path, 1, 1, "the file is not a JSON object");
        return NULL;
    }
    return value;
}

/* The one file of an index; names that leave the directory are refused before any is opened. */
static char *find_shard(const char *dir, struct error *err)
{
    char *path = path_join(dir, "model.safetensors.index.json"), *out = NULL;
    json_t *index = read_object(path, (size_t)16 << 20, err), *map, *file;
    const char *tensor, *only = NULL;
    int status = index ? 0 : -1;
    map = json_object_get(index, "weight_map");
    if (!status && json_object_size(map) == 0)
        status = error_at_line(err, path, 0, 0, "weight_map is missing or empty");
    json_object_foreach(map, tensor, file) {
        const char *name = json_string_value(file);
        if (status)
            break;
        if (!name || !name[0] || name[0] == '.' || strchr(name, '/') || strchr(name, '\\')) {
            error_at_line(err, path, 0, 0, "weight_map['%s'] is %s, which is no file name",
                          SHOW_NAME(tensor), SHOW_VALUE(file));
            status = error_hint(err, "weights are read from the directory itself only");
        } else if (only && strcmp(only, name) != 0) {
            error_at_line(err, path, 0, 0, "the weights are in several files (%s, %s)",
                          SHOW_NAME(only), SHOW_NAME(name));
            status = error_hint(err, "save the model into one file first");
        }
        only = name;
    }
    if (!status)
        out = path_join(dir, only);
    json_decref(index);
    free(path);
    return out;
}

static char *find_weights(const char *dir, struct error *err)
{
    char *path = path_join(dir, "model.safetensors");
    char *index = path_join(dir, "model.safetensors.index.json");
    if (!file_exists(path) && file_exists(index)) {
        free(path);
        path = find_shard(dir, err);
    }
    free(index);
    return path;
}

/* ---- weights ---- */

static bool is_needed(const struct tensor_row *row, const char *arch)
{
    return !row->archs || strcmp(row->archs, arch) == 0;
}

struct loader {
    const struct safetensors *st;
    struct network *n;
    uint8_t *used;
};

static int take(struct loader *l, const char *name, size_t rows, size_t cols, struct weight *out,
                struct error *err)
{
    const struct st_tensor *t = safetensors_find(l->st, name);
    if (!t)
        return error_at_byte(err, l->st->file, 8, "the tensor %s is missing (expected %zu x %zu)",
                             name, rows, cols);
    if (safetensors_weight(l->st, t, out, err))
        return -1;
    if (out->rows != rows || out->cols != cols)
        return error_at_byte(err, l->st->file, (int64_t)t->at,
                             "tensor %s is %zu x %zu, expected %zu x %zu%s", name, out->rows,
                             out->cols, rows, cols,
                             out->rows == cols && out->cols == rows ? " (it is transposed)" : "");
    l->used[t - l->st->tensors] = 1;
    l->n->params += t->count;
    l->n->type_bytes[out->format->type] += t->bytes;
    return 0;
}

/* A tied head that is there must be the embedding: anything else is a file that was
 * written wrong. */
static int check_tied(struct loader *l, struct error *err)
{
    const struct st_tensor *head = safetensors_find(l->st, "lm_head.weight");
    const struct st_tensor *embed = safetensors_find(l->st, "model.embed_tokens.weight");
    l->n->weights.head = l->n->weights.embed;
    if (!head)
        return 0;
    if (head->bytes != embed->bytes || head->type != embed->type ||
        memcmp(head->data, embed->data, (size_t)head->bytes) != 0)
        return error_at_byte(err, l->st->file, (int64_t)head->at,
                             "lm_head.weight is not the embedding, but config.json says "
                             "tie_word_embeddings");
    l->used[head - l->st->tensors] = 1;
    return 0;
}

static int load_row(struct loader *l, const struct tensor_row *row, int layer, struct error *err)
{
    struct network *n = l->n;
    char name[96];
    uint8_t *base = row->in_layer ? (uint8_t *)&n->weights.layers[layer] : (uint8_t *)&n->weights;
    if (row->flags & TENSOR_TIED && n->config.tied)
        return check_tied(l, err);
    tensor_name(row->hf, layer, name, sizeof name);
    return take(l, name, tensor_dim_size(&n->config, row->rows),
                tensor_dim_size(&n->config, row->cols),
                (struct weight *)(void *)(base + row->offset), err);
}

static int refuse_unused(const struct loader *l, struct error *err)
{
    static const char inv_freq[] = ".self_attn.rotary_emb.inv_freq"; /* older files: no weight */
    for (size_t i = 0; i < l->st->n_tensors; i++) {
        const struct st_tensor *t = &l->st->tensors[i];
        const size_t len = strlen(t->name);
        if (l->used[i] || (len > sizeof inv_freq - 1 &&
                           strcmp(t->name + len - (sizeof inv_freq - 1), inv_freq) == 0))
            continue;
        return error_at_byte(err, l->st->file, (int64_t)t->at,
                             "the tensor %s is not part of a %s network of %d layers",
                             SHOW_NAME(t->name), l->n->config.arch, l->n->config.n_layers);
    }
    return 0;
}

static int load_network(struct reading *r, struct error *err)
{
    struct model *m = r->m;
    struct network *n = &m->network;
    struct loader l = {&m->st, n, NULL};
    size_t per_layer = 0;
    for (size_t i = 0; i < tensor_table_len; i++)
        per_layer += tensor_table[i].in_layer && !tensor_table[i].archs;
    /* Nothing is allocated by a number that the file's tensors do not bear out. */
    if ((size_t)n->config.n_layers > m->st.n_tensors / per_layer)
        return error_at_line(err, r->file, 0, 0,
                             "num_hidden_layers is %d, but %zu tensors make at most %zu layers",
                             n->config.n_layers, m->st.n_tensors, m->st.n_tensors / per_layer);
    n->weights.layers = xcalloc((size_t)n->config.n_layers, sizeof *n->weights.layers);
    l.used = xcalloc(m->st.n_tensors + 1, 1);
    n->config.tied = n->config.tied || r->is_score;
    int status = 0;
    for (size_t i = 0; i < tensor_table_len && !status; i++) {
        const struct tensor_row *row = &tensor_table[i];
        const int count = row->in_layer ? n->config.n_layers : 1;
        for (int layer = 0; layer < count && !status && is_needed(row, n->config.arch); layer++)
            status = load_row(&l, row, layer, err);
    }
    if (!status && r->is_score)
        status = take(&l, "score.weight", 1, (size_t)n->config.width, &m->score, err);
    if (!status)
        status = refuse_unused(&l, err);
    free(l.used);
    return status;
}

/* ---- vocabulary ---- */

static int get_id(const struct reading *r, const json_t *object, const char *key, int32_t *out,
                  struct error *err)
{
    int id;
    if (get_count(r, object, key, 0, (int)r->vocab.n_pieces - 1, -2, &id, err))
        return -1;
    if (id != -2)
        *out = id;
    return 0;
}

/* One id or a list of them; the first is EOS, the others end generation too. */
static int get_ends(struct reading *r, const json_t *object, struct error *err)
{
    struct vocab *v = &r->vocab;
    const json_t *list = json_object_get(object, "eos_token_id");
    if (!json_is_array(list))
        return get_id(r, object, "eos_token_id", &v->eos, err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        const json_int_t id = json_integer_value(value);
        if (!json_is_integer(value) || id < 0 || id >= (json_int_t)v->n_pieces)
            return error_at_line(err, r->file, 0, 0, "eos_token_id[%zu] is %s (allowed: 0..%u)", i,
                                 SHOW_VALUE(value), (unsigned)v->n_pieces - 1);
        if (v->eos < 0)
            v->eos = (int32_t)id;
        else if (id != v->eos && v->n_ends < 16)
            v->ends[v->n_ends++] = (int32_t)id;
    }
    return 0;
}

/* Networks often have more rows than tokens, so that their number is round. */
static int fill_up(struct reading *r, int rows, struct error *err)
{
    struct vocab *v = &r->vocab;
    struct vocab_index index = {0};
    if ((int64_t)v->n_pieces > rows)
        return error_at_line(err, r->file, 0, 0,
                             "vocab_size is %d, but tokenizer.json has %u tokens", rows,
                             (unsigned)v->n_pieces);
    if (rows - (int)v->n_pieces > 65536)
        return error_at_line(err, r->file, 0, 0,
                             "vocab_size is %d, but tokenizer.json has only %u tokens", rows,
                             (unsigned)v->n_pieces);
    while (v->n_pieces < (uint32_t)rows) {
        char name[40];
        snprintf(name, sizeof name, "<|unused-%u|>", (unsigned)v->n_pieces);
        vocab_add(v, &index, name, strlen(name), PIECE_UNUSED);
    }
    vocab_index_release(&index);
    return 0;
}

static int read_tokenizer(struct reading *r, const char *dir, struct error *err)
{
    struct buf text;
    char *path = path_join(dir, "tokenizer.json");
    buf_init(&text, MAX_TOKENIZER);
    int status = file_read(path, MAX_TOKENIZER, 0, &text, err);
    if (!status)
        status = vocab_read_json(&r->vocab, buf_str(&text), text.len, path, err);
    buf_release(&text);
    free(path);
    return status;
}

/* Its template names the chat format; a directory without one opens all the same. */
static int read_template(struct reading *r, const char *dir, struct error *err)
{
    char *path = path_join(dir, "tokenizer_config.json");
    char *jinja = path_join(dir, "chat_template.jinja");
    struct buf text;
    int status = 0;
    buf_init(&text, MAX_SMALL);
    if (file_exists(jinja)) {
        status = file_read(jinja, MAX_SMALL, 0, &text, err);
        if (!status)
            r->vocab.chat_template = xstrndup(buf_str(&text), text.len);
    } else if (file_exists(path)) {
        json_t *o = read_object(path, MAX_SMALL, err);
        const json_t *template = json_object_get(o, "chat_template");
        status = o ? 0 : -1;
        if (json_is_string(template))
            r->vocab.chat_template = xstrndup(json_string_value(template),
                                              json_string_length(template));
        json_decref(o);
    }
    buf_release(&text);
    free(jinja);
    free(path);
    return status;
}

static int read_generation(struct reading *r, const char *dir, struct error *err)
{
    char *path = path_join(dir, "generation_config.json"), *file = r->file;
    int status = 0;
    if (file_exists(path)) {
        json_t *o = read_object(path, MAX_SMALL, err);
        r->file = path;
        status = o ? get_ends(r, o, err) : -1;
        r->file = file;
        json_decref(o);
    }
    free(path);
    return status;
}

static int load_vocab(struct reading *r, const char *dir, struct error *err)
{
    struct model *m = r->m;
    struct vocab *v = &r->vocab;
    struct buf keys;
    if (read_tokenizer(r, dir, err) || fill_up(r, m->network.config.vocab, err) ||
        get_id(r, r->config, "bos_token_id", &v->bos, err) || get_ends(r, r->config, err) ||
        get_id(r, r->config, "pad_token_id", &v->pad, err) || read_generation(r, dir, err) ||
        read_template(r, dir, err))
        return -1;
    m->tokenizer = vocab_tokenizer(v, err);
    if (!m->tokenizer)
        return -1;
    /* The keys as a GGUF file has them, for whoever reads the chat template. */
    buf_init(&keys, (size_t)1 << 30);
    gguf_write_vocab(v, &keys);
    const size_t len = keys.len;
    m->keys = buf_take(&keys);
    if (gguf_parse(&m->gguf, m->keys, len, m->path, err))
        return -1;
    return chat_style_load(&m->chat, &m->gguf, err);
}

/* ---- the directory ---- */

static int load(struct reading *r, const char *dir, struct error *err)
{
    struct model *m = r->m;
    r->config = read_object(r->file, MAX_SMALL, err);
    if (!r->config || get_config(r, &m->network.config, err))
        return -1;
    m->data_path = find_weights(dir, err);
    if (!m->data_path || safetensors_open(&m->st, m->data_path, err))
        return -1;
    m->fd = m->st.fd;
    m->map = m->st.map;
    m->map_size = m->st.size;
    m->st.fd = -1; /* they are the model's from here on */
    m->st.map = NULL;
    return load_network(r, err) || load_vocab(r, dir, err) ? -1 : 0;
}

int hf_load(struct model *m, struct error *err)
{
    struct reading r = {.m = m, .file = path_join(m->path, "config.json"),
                        .vocab = {.bos = -1, .eos = -1, .pad = -1}};
    int status;
    if (file_exists(r.file)) {
        status = load(&r, m->path, err);
    } else {
        error_at_byte(err, m->path, -1, "not a regular file");
        status = error_hint(err, "name a model file, such as NAME.gguf, or a directory with "
                                 "config.json, model.safetensors and tokenizer.json");
    }
    json_decref(r.config);
    vocab_release(&r.vocab);
    free(r.file);
    return status;
}

const struct weight *model_score(const struct model *model)
{
    return model->score.data ? &model->score : NULL;
}

const char *model_note(const struct model *model, const char *key)
{
    return safetensors_note(&model->st, key);
}

int model_vocab(const struct model *model, struct vocab *out, struct error *err)
{
    struct gguf_string template = {NULL, 0};
    if (vocab_of_tokenizer(out, model->tokenizer, err))
        return -1;
    if (gguf_get_string(&model->gguf, "tokenizer.chat_template", &template, NULL) == 1)
        out->chat_template = xstrndup(template.data, template.len);
    return 0;
}
