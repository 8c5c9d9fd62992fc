#include "models/preset.h"

#include <dirent.h>
#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/yaml_tree.h"

#define ENDING ".yaml"

#define ROW(kind, field, low, high, choices, value, text) \
    {#field, kind, offsetof(struct preset, field), low, high, choices, value, text}
#define ROW_INT(field, low, high, value, text) ROW(OPTION_INT, field, low, high, NULL, value, text)
#define ROW_REAL(field, low, high, value, text) \
    ROW(OPTION_REAL, field, low, high, NULL, value, text)

const struct option preset_table[] = {
    ROW(OPTION_TEXT, name, 0, 0, NULL, "", "what it is called"),
    ROW(OPTION_TEXT, about, 0, 0, NULL, "", "one line about it"),
    ROW_INT(layers, 1, 128, "4", "transformer blocks"),
    ROW_INT(width, 8, 8192, "128", "numbers a token has between the blocks"),
    ROW_INT(heads, 1, 256, "4", "attention heads"),
    ROW_INT(kv_heads, 1, 256, "2", "heads of keys and values, shared by the attention heads"),
    ROW_INT(head_dim, 0, 1024, "0", "width of a head; 0: width over heads"),
    ROW_INT(ffn, 8, 65536, "384", "width of the feed-forward part"),
    ROW_INT(vocab, 260, 262144, "2048", "tokens at most"),
    ROW_INT(context, 16, 131072, "512", "tokens of a text at most"),
    ROW_REAL(rope_base, 1, 1e12, "10000", "base of the rotary embedding's frequencies"),
    ROW_REAL(norm_eps, 1e-12, 0.1, "1e-5", "what RMSNorm adds to the mean square"),
    ROW_REAL(init_std, 1e-6, 1, "0.02", "spread of a new model's weights"),
    ROW(OPTION_BOOL, tied, 0, 0, NULL, "true", "the head is the embedding"),
    ROW(OPTION_CHOICE, tokenizer, 0, 0, "words|bpe", "words", "kind of vocabulary"),
    {0},
};

/* ---- reading ---- */

static int fail_at(const char *text, size_t len, const char *file, size_t byte, struct error *err)
{
    int64_t line, column;
    char what[sizeof err->text], hint[sizeof err->hint];
    if (!err)
        return -1;
    yaml_place(text, len, byte, &line, &column);
    snprintf(what, sizeof what, "%s", err->text);
    snprintf(hint, sizeof hint, "%s", err->hint);
    error_at_line(err, file, line, column, "%s", what);
    return hint[0] ? error_hint(err, "%s", hint) : -1;
}

static int set_fields(struct preset *out, const struct yaml_value *root, const char *text,
                      size_t len, const char *file, struct error *err)
{
    for (size_t i = 0; i < root->n; i++) {
        const struct yaml_value *key = root->keys[i], *value = root->items[i];
        if (value->kind != YAML_TEXT) {
            error_set(err, ERROR_DATA, "%s is a list or a mapping, one value is due", key->text);
            return fail_at(text, len, file, value->begin, err);
        }
        if (option_set(preset_table, out, key->text, value->text, err)) {
            if (err)
                err->kind = ERROR_DATA;
            const bool known = option_find(preset_table, key->text) != NULL;
            return fail_at(text, len, file, known ? value->begin : key->begin, err);
        }
    }
    return 0;
}

int preset_parse(struct preset *out, const char *text, size_t len, const char *file,
                 struct error *err)
{
    struct tf_config config;
    struct yaml_value *root = yaml_tree_parse(text, len, file, "preset", err);
    int status = root ? 0 : -1;
    options_init(preset_table, out);
    if (!status && root->kind != YAML_MAP)
        status = error_at_line(err, file, 1, 1, "a preset is a list of NAME: VALUE");
    if (!status)
        status = set_fields(out, root, text, len, file, err);
    if (!status && preset_config(out, (int)out->vocab, &config, err))
        status = fail_at(text, len, file, 0, err);
    yaml_tree_free(root);
    if (status)
        preset_release(out);
    return status;
}

static int read_file(struct preset *out, const char *path, struct error *err)
{
    struct buf text;
    buf_init(&text, YAML_SIZE_MAX);
    int status = file_read(path, YAML_SIZE_MAX, 0, &text, err);
    if (!status)
        status = preset_parse(out, buf_str(&text), text.len, path, err);
    buf_release(&text);
    return status;
}

/* ---- finding ---- */

static bool is_yaml(const char *name)
{
    const size_t len = strlen(name);
    return len > strlen(ENDING) && strcmp(name + len - strlen(ENDING), ENDING) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_preset(const struct dirent *entry)
{
    return is_yaml(entry->d_name);
}

static void add_names(struct buf *out, const char *dir)
{
    struct dirent **entries = NULL;
    const int n = scandir(dir, &entries, is_preset, by_name);
    for (int i = 0; i < n; i++) {
        const size_t len = strlen(entries[i]->d_name) - strlen(ENDING);
        buf_addf(out, "%s%.*s", out->len ? ", " : "", (int)len, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int preset_open(struct preset *out, const char *name, const char *const *dirs, struct error *err)
{
    struct buf names;
    if (strchr(name, '/') || is_yaml(name))
        return read_file(out, name, err);
    buf_init(&names, 4096);
    for (const char *const *dir = dirs; *dir; dir++) {
        char *file = xasprintf("%s" ENDING, name), *path = path_join(*dir, file);
        const bool there = file_exists(path);
        const int status = there ? read_file(out, path, err) : -1;
        free(file);
        free(path);
        if (there) {
            buf_release(&names);
            return status;
        }
        add_names(&names, *dir);
    }
    error_set(err, ERROR_USAGE, "there is no preset '%.60s'", name);
    error_hint(err, "presets: %.180s; or name a file", names.len ? buf_str(&names) : "none");
    buf_release(&names);
    return -1;
}

void preset_release(struct preset *preset)
{
    options_release(preset_table, preset);
}

/* ---- the shape ---- */

int preset_config(const struct preset *preset, int vocab, struct tf_config *out,
                  struct error *err)
{
    const struct preset *p = preset;
    const int64_t head_dim = p->head_dim ? p->head_dim : p->width / p->heads;
    if (!p->head_dim && p->width % p->heads)
        return error_set(err, ERROR_DATA, "heads is %lld, which does not divide width, %lld",
                         (long long)p->heads, (long long)p->width);
    if (p->heads % p->kv_heads)
        return error_set(err, ERROR_DATA, "kv_heads is %lld, which does not divide heads, %lld",
                         (long long)p->kv_heads, (long long)p->heads);
    if (head_dim < 2 || head_dim % 2)
        return error_set(err, ERROR_DATA, "a head would be %lld wide (allowed: even numbers)",
                         (long long)head_dim);
    if (vocab < 1 || vocab > p->vocab)
        return error_set(err, ERROR_DATA, "the vocabulary has %d tokens (allowed: 1..%lld)", vocab,
                         (long long)p->vocab);
    *out = (struct tf_config){.n_layers = (int)p->layers,
                              .width = (int)p->width,
                              .n_heads = (int)p->heads,
                              .n_kv_heads = (int)p->kv_heads,
                              .head_dim = (int)head_dim,
                              .ffn = (int)p->ffn,
                              .vocab = vocab,
                              .context = (int)p->context,
                              .rope_base = p->rope_base,
                              .norm_eps = p->norm_eps,
                              .tied = p->tied};
    snprintf(out->arch, sizeof out->arch, "llama");
    return 0;
}

uint64_t preset_params(const struct tf_config *config)
{
    uint64_t n = 0;
    for (size_t r = 0; r < tensor_table_len; r++) {
        const struct tensor_row *row = &tensor_table[r];
        if (row->archs || (row->flags & TENSOR_TIED && config->tied))
            continue;
        n += (uint64_t)tensor_dim_size(config, row->rows) * tensor_dim_size(config, row->cols) *
             (row->in_layer ? (uint64_t)config->n_layers : 1);
    }
    return n;
}
