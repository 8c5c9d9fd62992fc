/* A model directory, written: the small files first, the weights last. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/hf.h"
#include "models/hf_form.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"

const struct hf_form hf_forms[] = {
    {"llama", "LlamaForCausalLM", "LlamaForSequenceClassification"},
    {"qwen2", "Qwen2ForCausalLM", "Qwen2ForSequenceClassification"},
    {"qwen3", "Qwen3ForCausalLM", "Qwen3ForSequenceClassification"},
};
const size_t n_hf_forms = sizeof hf_forms / sizeof hf_forms[0];

const struct hf_form *hf_form_find(const char *arch)
{
    for (size_t i = 0; i < n_hf_forms; i++)
        if (strcmp(hf_forms[i].arch, arch) == 0)
            return &hf_forms[i];
    return NULL;
}

/* ---- what may be there ---- */

static bool is_ours(const char *name)
{
    static const char *const names[] = {
        ".",         "..",           "config.json",           "model.safetensors",
        "README.md", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
        "special_tokens_map.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* What a writer that was killed left behind. */
static bool is_temporary(const char *name)
{
    const size_t len = strlen(name);
    return strncmp(name, ".rlaif-", 7) == 0 && strcmp(name + len - 4, ".tmp") == 0;
}

/* Weights that are there go first: no moment has them beside files of another model. */
static int make_room(const char *dir, struct error *err)
{
    if (file_make_dirs(dir, err))
        return -1;
    DIR *d = opendir(dir);
    if (!d)
        return error_errno(err, dir, "cannot read");
    int status = 0;
    for (struct dirent *entry = readdir(d); entry && !status; entry = readdir(d)) {
        if (is_temporary(entry->d_name)) {
            char *path = path_join(dir, entry->d_name);
            (void)unlink(path);
            free(path);
        } else if (!is_ours(entry->d_name)) {
            error_set(err, ERROR_FAILED, "%s holds other files, such as %.80s", dir, entry->d_name);
            status = error_hint(err, "name a new directory");
        }
    }
    closedir(d);
    if (status)
        return -1;
    char *weights = path_join(dir, "model.safetensors");
    if (unlink(weights) && errno != ENOENT)
        status = error_errno(err, weights, "cannot replace");
    free(weights);
    return status;
}

/* ---- the small files ---- */

static int put_json(const char *dir, const char *name, json_t *value, struct error *err)
{
    struct buf text;
    char *path = path_join(dir, name);
    buf_init(&text, 0);
    json_write(&text, value);
    buf_addc(&text, '\n');
    const int status = text.full ? error_set(err, ERROR_FAILED, "%s would be too long", path)
                                 : file_put(path, text.data, text.len, err);
    buf_release(&text);
    free(path);
    json_decref(value);
    return status;
}

static json_t *id_or_null(int32_t id)
{
    return id >= 0 ? json_integer(id) : json_null();
}

/* One end as a number, several as a list. */
static json_t *end_ids(const struct vocab *v)
{
    if (v->n_ends == 0)
        return id_or_null(v->eos);
    json_t *list = json_array();
    if (v->eos >= 0)
        json_array_append_new(list, json_integer(v->eos));
    for (int i = 0; i < v->n_ends; i++)
        json_array_append_new(list, json_integer(v->ends[i]));
    return list;
}

static void set_ids(json_t *object, const struct vocab *v, bool all_ends)
{
    json_object_set_new(object, "bos_token_id", id_or_null(v->bos));
    json_object_set_new(object, "eos_token_id", all_ends ? end_ids(v) : id_or_null(v->eos));
    json_object_set_new(object, "pad_token_id", id_or_null(v->pad));
}

static json_t *config_json(const struct hf_export *what, const struct hf_form *form)
{
    const struct tf_config *c = what->config;
    json_t *o = json_object();
    json_object_set_new(o, "architectures",
                        json_pack("[s]", what->score ? form->score : form->lm));
    json_object_set_new(o, "model_type", json_string(c->arch));
    const struct {
        const char *key;
        int value;
    } numbers[] = {
        {"vocab_size", c->vocab},
        {"hidden_size", c->width},
        {"intermediate_size", c->ffn},
        {"num_hidden_layers", c->n_layers},
        {"num_attention_heads", c->n_heads},
        {"num_key_value_heads", c->n_kv_heads},
        {"head_dim", c->head_dim},
        {"max_position_embeddings", c->context},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(o, numbers[i].key, json_integer(numbers[i].value));
    json_object_set_new(o, "hidden_act", json_string("silu"));
    json_object_set_new(o, "rms_norm_eps", json_real(c->norm_eps));
    /* The older and the newer spelling. */
    json_object_set_new(o, "rope_theta", json_real(c->rope_base));
    json_object_set_new(o, "rope_parameters",
                        json_pack("{s:s,s:f}", "rope_type", "default", "rope_theta", c->rope_base));
    if (strcmp(c->arch, "qwen2") != 0)
        json_object_set_new(o, "attention_bias", json_false());
    if (strcmp(c->arch, "llama") == 0)
        json_object_set_new(o, "mlp_bias", json_false());
    else
        json_object_set_new(o, "use_sliding_window", json_false());
    json_object_set_new(o, "tie_word_embeddings", json_boolean(c->tied));
    json_object_set_new(o, "torch_dtype", json_string("float32"));
    set_ids(o, what->vocab, false);
    if (what->score) {
        json_object_set_new(o, "num_labels", json_integer(1));
        json_object_set_new(o, "id2label", json_pack("{s:s}", "0", "reward"));
        json_object_set_new(o, "label2id", json_pack("{s:i}", "reward", 0));
    }
    return o;
}

static void set_token(json_t *object, const char *key, const struct vocab *v, int32_t id)
{
    if (id >= 0)
        json_object_set_new(object, key, json_stringn(v->pieces[id].text, v->pieces[id].len));
}

static json_t *tokenizer_config(const struct hf_export *what)
{
    const struct vocab *v = what->vocab;
    json_t *o = json_pack("{s:s,s:i,s:b}", "tokenizer_class", "PreTrainedTokenizerFast",
                          "model_max_length", what->config->context,
                          "clean_up_tokenization_spaces", 0);
    set_token(o, "bos_token", v, v->bos);
    set_token(o, "eos_token", v, v->eos);
    set_token(o, "pad_token", v, v->pad);
    if (v->chat_template)
        json_object_set_new(o, "chat_template",
                            json_text(v->chat_template, strlen(v->chat_template)));
    return o;
}

static int put_tokenizer(const char *dir, const struct vocab *vocab, struct error *err)
{
    struct buf text;
    char *path = path_join(dir, "tokenizer.json");
    buf_init(&text, (size_t)1 << 28);
    int status = vocab_write_json(vocab, &text, err);
    if (!status)
        status = file_put(path, text.data, text.len, err);
    buf_release(&text);
    free(path);
    return status;
}

/* ---- weights ---- */

static int list_tensors(const struct hf_export *what, struct st_put *puts, char (*names)[96],
                        size_t *n, struct error *err)
{
    const struct tf_config *c = what->config;
    *n = 0;
    for (size_t r = 0; r < tensor_table_len; r++) {
        const struct tensor_row *row = &tensor_table[r];
        if (row->flags & TENSOR_TIED && (c->tied || what->score))
            continue;
        for (int i = 0; i < (row->in_layer ? c->n_layers : 1); i++) {
            const uint8_t *base = row->in_layer ? (const uint8_t *)&what->weights->layers[i]
                                                : (const uint8_t *)what->weights;
            const struct weight *w = (const struct weight *)(const void *)(base + row->offset);
            if (!w->data)
                continue;
            if (row->archs && !strstr(row->archs, c->arch))
                return error_set(err, ERROR_FAILED, "a %s with %s cannot be written", c->arch,
                                 row->name);
            tensor_name(row->hf, i, names[*n], sizeof names[*n]);
            puts[*n] = st_put_weight(names[*n], w);
            ++*n;
        }
    }
    if (what->score) {
        puts[*n] = st_put_weight("score.weight", what->score);
        puts[*n].n_dims = 2; /* one row, and still a matrix */
        puts[*n].dims[0] = 1;
        puts[*n].dims[1] = what->score->cols;
        ++*n;
    }
    return 0;
}

static int put_weights(const char *dir, const struct hf_export *what, struct error *err)
{
    const size_t most = tensor_table_len * ((size_t)what->config->n_layers + 1) + 1;
    struct st_put *puts = xmalloc(most * sizeof *puts);
    char(*names)[96] = xmalloc(most * sizeof *names);
    struct st_note *notes = xmalloc((what->n_notes + 2) * sizeof *notes);
    uint8_t hash[32];
    char hex[65], *path = path_join(dir, "model.safetensors");
    size_t n = 0;
    vocab_hash(what->vocab, hash);
    hash_hex(hash, hex);
    notes[0] = (struct st_note){"format", "pt"}; /* transformers asks for it */
    notes[1] = (struct st_note){"rlaif.tokenizer", hex};
    for (size_t i = 0; i < what->n_notes; i++)
        notes[2 + i] = what->notes[i];
    int status = list_tensors(what, puts, names, &n, err);
    if (!status)
        status = safetensors_write(path, puts, n, notes, what->n_notes + 2, err);
    free(path);
    free(notes);
    free(names);
    free(puts);
    return status;
}

int hf_write(const char *dir, const struct hf_export *what, struct error *err)
{
    const struct hf_form *form = hf_form_find(what->config->arch);
    if (!form)
        return error_set(err, ERROR_FAILED, "a network of kind '%s' cannot be written",
                         what->config->arch);
    if (what->config->rope_freqs)
        return error_set(err, ERROR_FAILED, "a network with scaled RoPE cannot be written");
    if ((uint32_t)what->config->vocab != what->vocab->n_pieces)
        return error_set(err, ERROR_FAILED, "the network has %d tokens, the vocabulary %u",
                         what->config->vocab, (unsigned)what->vocab->n_pieces);
    if (make_room(dir, err) || put_tokenizer(dir, what->vocab, err))
        return -1;
    json_t *generation = json_object();
    set_ids(generation, what->vocab, true);
    if (put_json(dir, "tokenizer_config.json", tokenizer_config(what), err)) {
        json_decref(generation);
        return -1;
    }
    if (put_json(dir, "generation_config.json", generation, err) ||
        put_json(dir, "config.json", config_json(what, form), err))
        return -1;
    return put_weights(dir, what, err);
}
