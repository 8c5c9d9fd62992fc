#include "models/model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/hf_form.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

/* ---- the file ---- */

static struct file_id id_of(const struct stat *st)
{
    return (struct file_id){.size = (uint64_t)st->st_size,
                            .inode = (uint64_t)st->st_ino,
                            .device = (uint64_t)st->st_dev,
                            .mtime_s = st->st_mtim.tv_sec,
                            .mtime_ns = st->st_mtim.tv_nsec};
}

static bool same_id(const struct file_id *a, const struct file_id *b)
{
    return a->size == b->size && a->inode == b->inode && a->device == b->device &&
           a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns;
}

/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
static int map_file(struct model *m, struct error *err)
{
    m->fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (m->fd < 0)
        return error_errno(err, m->path, "cannot open");
    struct stat st;
    if (fstat(m->fd, &st))
        return error_errno(err, m->path, "cannot look at");
    if (!S_ISREG(st.st_mode)) {
        error_at_byte(err, m->path, -1, "not a regular file");
        return error_hint(err, "name a model file, such as NAME.gguf");
    }
    m->id = id_of(&st);
    m->map_size = (size_t)st.st_size;
    if (m->map_size == 0)
        return 0;
    m->map = mmap(NULL, m->map_size, PROT_READ, MAP_SHARED, m->fd, 0);
    if (m->map == MAP_FAILED) {
        m->map = NULL;
        return error_errno(err, m->path, "cannot map");
    }
    return 0;
}

int model_file_changed(const struct model *model, struct error *err)
{
    struct stat st;
    if (model->fd < 0)
        return 0;
    const char *how = NULL;
    if (fstat(model->fd, &st) == 0) {
        const struct file_id now = id_of(&st);
        if (now.size != model->id.size)
            how = now.size < model->id.size ? "it shrank" : "it grew";
        else if (!same_id(&now, &model->id))
            how = "it was written";
    }
    if (!how && stat(model->data_path, &st) == 0) {
        const struct file_id now = id_of(&st);
        if (now.inode != model->id.inode || now.device != model->id.device)
            how = "another file has its name";
    }
    if (!how)
        return 0;
    error_at_byte(err, model->data_path, -1, "the file changed during use: %s", how);
    return error_hint(err, "open the model again");
}

const void *model_range(const struct model *model, size_t *size)
{
    *size = model->map ? model->map_size : 0;
    return model->map;
}

/* ---- info ---- */

/* "DIR/SmolLM2-135M-Instruct.Q4_1.gguf" is SmolLM2-135M-Instruct: the name people know a
 * model by. What the file says of itself is the title. */
static void fill_name(struct model *m)
{
    struct model_info *info = &m->info;
    struct gguf_string title = {NULL, 0};
    if (gguf_get_string(&m->gguf, "general.name", &title, NULL) == 1)
        memcpy(info->title, title.data,
               title.len < sizeof info->title ? title.len : sizeof info->title - 1);
    snprintf(info->name, sizeof info->name, "%s", path_base(m->path));
    if (m->st.data) /* a directory's name is the model's */
        return;
    char *dot = strrchr(info->name, '.');
    if (dot && dot != info->name)
        *dot = 0;
    const size_t len = strlen(info->name), type_len = strlen(info->file_type);
    if (len > type_len + 1 && strcasecmp(info->name + len - type_len, info->file_type) == 0 &&
        strchr(".-_", info->name[len - type_len - 1]))
        info->name[len - type_len - 1] = 0;
}

static void fill_info(struct model *m)
{
    struct model_info *info = &m->info;
    const struct tf_config *c = &m->network.config;
    snprintf(info->arch, sizeof info->arch, "%s", c->arch);
    snprintf(info->path, sizeof info->path, "%s", m->path);
    uint32_t most = 0;
    for (uint32_t i = 0; i < 64; i++)
        if (m->network.type_bytes[i] > m->network.type_bytes[most])
            most = i;
    snprintf(info->file_type, sizeof info->file_type, "%s", weight_format(most)->name);
    fill_name(m);
    info->params = m->network.params;
    info->file_bytes = m->st.data ? m->st.size : m->gguf.size;
    info->n_layers = c->n_layers;
    info->width = c->width;
    info->n_heads = c->n_heads;
    info->n_kv_heads = c->n_kv_heads;
    info->head_dim = c->head_dim;
    info->ffn = c->ffn;
    info->vocab = c->vocab;
    info->context = c->context;
    snprintf(info->tokenizer, sizeof info->tokenizer, "%s", m->tokenizer->name);
    if (m->chat.format)
        snprintf(info->chat, sizeof info->chat, "%s", m->chat.format->name);
}

/* ---- open and close ---- */

static struct model *model_new(const char *path)
{
    struct model *m = xcalloc(1, sizeof *m);
    m->path = xstrdup(path);
    /* "DIR/" is DIR, so that its last part is its name. */
    for (size_t n = strlen(path); n > 1 && m->path[n - 1] == '/'; n--)
        m->path[n - 1] = 0;
    m->fd = -1;
    pthread_mutex_init(&m->hash_lock, NULL);
    return m;
}

static int load(struct model *m, const void *data, size_t size, struct error *err)
{
    m->data_path = xstrdup(m->path);
    if (gguf_parse(&m->gguf, data, size, m->path, err) ||
        network_load(&m->network, &m->gguf, err))
        return -1;
    m->tokenizer = tokenizer_new(&m->gguf, (uint32_t)m->network.config.vocab, err);
    if (!m->tokenizer || chat_style_load(&m->chat, &m->gguf, err))
        return -1;
    fill_info(m);
    return 0;
}

struct model *model_open(const char *path, const char *cache_dir, struct error *err)
{
    struct model *m = model_new(path);
    struct stat st;
    const bool is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (is_dir ? hf_load(m, err) : map_file(m, err) || load(m, m->map, m->map_size, err)) {
        model_close(m);
        return NULL;
    }
    if (is_dir) {
        fstat(m->fd, &st);
        m->id = id_of(&st);
        fill_info(m);
    } else if (cache_dir) {
        m->cache_dir = xstrdup(cache_dir);
        hash_cache_get(cache_dir, path, &m->id, m->hash);
        memcpy(m->info.sha256, m->hash, sizeof m->info.sha256);
    }
    return m;
}

struct model *model_from_memory(const void *data, size_t size, const char *name,
                                struct error *err)
{
    struct model *m = model_new(name);
    if (load(m, data, size, err)) {
        model_close(m);
        return NULL;
    }
    return m;
}

void model_close(struct model *model)
{
    if (!model)
        return;
    chat_style_release(&model->chat);
    tokenizer_free(model->tokenizer);
    network_release(&model->network);
    gguf_release(&model->gguf);
    safetensors_release(&model->st);
    if (model->map)
        munmap(model->map, model->map_size);
    if (model->fd >= 0)
        close(model->fd);
    pthread_mutex_destroy(&model->hash_lock);
    free(model->keys);
    free(model->cache_dir);
    free(model->data_path);
    free(model->path);
    free(model);
}

const struct model_info *model_info(const struct model *model)
{
    return &model->info;
}

const struct tf_config *model_config(const struct model *model)
{
    return &model->network.config;
}

const struct tf_weights *model_weights(const struct model *model)
{
    return &model->network.weights;
}

/* ---- text ---- */

int model_encode(const struct model *model, const char *text, size_t len, struct tokens *out,
                 struct error *err)
{
    return tokenizer_encode(model->tokenizer, text, len, out, err);
}

void model_decode(const struct model *model, int32_t id, bool special, struct buf *out)
{
    tokenizer_decode(model->tokenizer, id, special, out);
}

bool model_is_end(const struct model *model, int32_t id)
{
    for (int i = 0; i < model->tokenizer->n_ends; i++)
        if (model->tokenizer->ends[i] == id)
            return true;
    return false;
}

int32_t model_bos(const struct model *model)
{
    return model->tokenizer->add_bos ? model->tokenizer->bos : -1;
}

static int unknown_format(const struct model *model, const char *format, struct error *err)
{
    struct buf names;
    buf_init(&names, 0);
    for (const char *const *name = chat_formats(); *name; name++)
        buf_addf(&names, "%s%s", names.len ? ", " : "", *name);
    if (format)
        error_set(err, ERROR_USAGE, "the chat format '%.40s' is not known", format);
    else
        error_set(err, ERROR_DATA, "%s has no chat template that is known", model->path);
    error_hint(err, "name one of: %s", buf_str(&names));
    buf_release(&names);
    return -1;
}

int model_chat(const struct model *model, const char *format, const struct chat_message *messages,
               size_t n, bool open_assistant, struct tokens *out, struct buf *text,
               struct error *err)
{
    const struct chat_format *f = format ? chat_format_find(format) : model->chat.format;
    if (!f)
        return unknown_format(model, format, err);
    return chat_encode(model->tokenizer, &model->chat, f, messages, n, open_assistant, out, text,
                       err);
}

/* ---- checks that take time ---- */

/* A directory is what its three files are; the others only repeat or advise. */
static int hash_directory(const struct model *m, uint8_t out[32], struct error *err)
{
    static const char *const names[] = {"config.json", "tokenizer.json"};
    struct hash hash;
    uint8_t part[32];
    hash_init(&hash);
    for (int i = 0; i < 2; i++) {
        char *path = path_join(m->path, names[i]);
        const int status = file_sha256(path, part, err);
        free(path);
        if (status)
            return -1;
        hash_add(&hash, part, sizeof part);
    }
    if (file_sha256(m->data_path, part, err))
        return -1;
    hash_add(&hash, part, sizeof part);
    hash_end(&hash, out);
    return 0;
}

int model_sha256(struct model *model, char out[65], struct error *err)
{
    int status = 0;
    pthread_mutex_lock(&model->hash_lock);
    if (!model->hash[0]) {
        uint8_t hash[32];
        if (model->st.data)
            status = hash_directory(model, hash, err);
        else if (model->fd < 0)
            hash_bytes(model->gguf.data, model->gguf.size, hash);
        else
            status = file_sha256(model->path, hash, err);
        if (!status)
            status = model_file_changed(model, err);
        if (!status) {
            hash_hex(hash, model->hash);
            if (model->cache_dir)
                hash_cache_put(model->cache_dir, model->path, &model->id, model->hash);
        }
    }
    if (!status)
        memcpy(out, model->hash, sizeof model->hash);
    pthread_mutex_unlock(&model->hash_lock);
    return status;
}

static int check_weight(const struct model *m, const struct weight *w, const char *name,
                        struct error *err)
{
    size_t first = 0;
    const size_t bad = weight_bad(w, &first);
    if (bad == 0)
        return 0;
    const uint8_t *data = m->st.data ? m->st.data : m->gguf.data;
    const size_t size = m->st.data ? m->st.size : m->gguf.size;
    const int64_t at = w->data >= data && w->data < data + size ? w->data - data : -1;
    error_at_byte(err, m->data_path, at,
                  "tensor %s holds %zu weights that are NaN or infinite, the first at index %zu",
                  name, bad, first);
    return error_hint(err, "the file is damaged: fetch it again");
}

int model_check_weights(const struct model *model, struct error *err)
{
    const struct network *n = &model->network;
    for (size_t r = 0; r < tensor_table_len; r++) {
        const struct tensor_row *row = &tensor_table[r];
        if (row->flags & TENSOR_TIED && n->config.tied)
            continue;
        const int count = row->in_layer ? n->config.n_layers : 1;
        for (int i = 0; i < count; i++) {
            const uint8_t *base = row->in_layer ? (const uint8_t *)&n->weights.layers[i]
                                                : (const uint8_t *)&n->weights;
            char name[64];
            tensor_name(model->st.data ? row->hf : row->gguf, i, name, sizeof name);
            if (check_weight(model, (const struct weight *)(const void *)(base + row->offset),
                             name, err))
                return -1;
        }
    }
    return 0;
}
