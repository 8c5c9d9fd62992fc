/*
 * A model with random weights in every form that we export, for check_export.py; or a model file
 * in the same forms, in F32:
 *
 *   make_export PRESET.yaml TEXT OUT
 *   make_export MODEL.gguf OUT
 *
 * writes OUT/hf, OUT/rm (a reward model) and OUT/pocket.gguf. The vocabulary is made from TEXT, as
 * the preset says.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/gguf_write.h"
#include "models/hf.h"
#include "models/preset.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

static int die(const struct error *err)
{
    char line[1024];
    error_format(err, line, sizeof line);
    fprintf(stderr, "make_export: %s\n", line);
    return 1;
}

/* ---- vocabulary ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The lower-case words of the text and the marks . and ?, as many as there is room for. */
static int make_words(struct vocab *out, const char *text, const struct vocab_options *options,
                      struct error *err)
{
    char **words = NULL;
    size_t n = 0, cap = 0, kept = 0;
    const char *marks[] = {".", "?"};
    for (const char *at = text; *at;) {
        size_t len = 0;
        while (islower((unsigned char)at[len]))
            len++;
        if (len > 1) {
            words = array_grow(words, n, &cap, sizeof *words);
            words[n++] = xstrndup(at, len);
        }
        at += len ? len : 1;
    }
    qsort(words, n, sizeof *words, by_text);
    const char **list = xmalloc((n + 2) * sizeof *list);
    list[kept++] = marks[0];
    list[kept++] = marks[1];
    for (size_t i = 0; i < n && kept < options->size - 259; i++)
        if (i == 0 || strcmp(words[i - 1], words[i]) != 0)
            list[kept++] = words[i];
    const int status = vocab_from_words(out, list, kept, options, err);
    for (size_t i = 0; i < n; i++)
        free(words[i]);
    free(list);
    free(words);
    return status;
}

/* ---- weights ---- */

struct network_made {
    struct tf_config config;
    struct tf_weights weights;
    float *flat;
};

static void make_tensor(struct network_made *net, const struct tensor_row *row, int layer,
                        float **at)
{
    uint8_t *base =
        row->in_layer ? (uint8_t *)&net->weights.layers[layer] : (uint8_t *)&net->weights;
    struct weight *w = (struct weight *)(void *)(base + row->offset);
    char name[64];
    tensor_name(row->name, layer, name, sizeof name);
    const struct rng_key key = rng_key(7, "export", name);
    *w = (struct weight){.format = weight_format(WEIGHT_F32),
                         .data = (const uint8_t *)*at,
                         .rows = tensor_dim_size(&net->config, row->rows),
                         .cols = tensor_dim_size(&net->config, row->cols)};
    w->row_bytes = w->cols * sizeof(float);
    for (size_t i = 0; i < w->rows * w->cols; i++) {
        const double x = rng_normal(key, i);
        *(*at)++ = (float)(row->init == INIT_ONES ? 1 + 0.1 * x : 0.08 * x);
    }
}

static int make_network(struct network_made *net, struct error *err)
{
    const uint64_t n = preset_params(&net->config);
    net->flat = mem_try(n * sizeof(float), "the weights", err);
    if (!net->flat)
        return -1;
    net->weights.layers = xcalloc((size_t)net->config.n_layers, sizeof *net->weights.layers);
    float *at = net->flat;
    for (size_t r = 0; r < tensor_table_len; r++) {
        const struct tensor_row *row = &tensor_table[r];
        if (row->archs || (row->flags & TENSOR_TIED && net->config.tied))
            continue;
        for (int i = 0; i < (row->in_layer ? net->config.n_layers : 1); i++)
            make_tensor(net, row, i, &at);
    }
    if (net->config.tied)
        net->weights.head = net->weights.embed;
    return 0;
}

/* ---- files ---- */

static int write_all(const struct network_made *net, const struct vocab *vocab, const char *out,
                     struct error *err)
{
    char *hf = path_join(out, "hf"), *rm = path_join(out, "rm");
    char *gguf = path_join(out, "pocket.gguf");
    float *score = xmalloc((size_t)net->config.width * sizeof *score);
    const struct rng_key key = rng_key(7, "export", "score");
    for (int i = 0; i < net->config.width; i++)
        score[i] = (float)(0.1 * rng_normal(key, (uint64_t)i));
    const struct weight head = {.format = weight_format(WEIGHT_F32),
                                .data = (const uint8_t *)score,
                                .rows = 1,
                                .cols = (size_t)net->config.width,
                                .row_bytes = (size_t)net->config.width * sizeof(float)};
    struct hf_export what = {&net->config, &net->weights, vocab, NULL, NULL, 0};
    const struct gguf_export export = {&net->config, &net->weights, vocab, "pocket"};
    int status = file_make_dirs(out, err);
    if (!status)
        status = hf_write(hf, &what, err);
    what.score = &head;
    if (!status)
        status = hf_write(rm, &what, err);
    if (!status)
        status = gguf_write(gguf, &export, err);
    free(score);
    free(gguf);
    free(rm);
    free(hf);
    return status;
}

/* An open model's weights and vocabulary as they are. */
static int export_model(const char *path, const char *out, struct error *err)
{
    struct model *m = model_open(path, NULL, err);
    struct vocab vocab;
    if (!m || model_vocab(m, &vocab, err))
        return -1;
    char *hf = path_join(out, "hf"), *gguf = path_join(out, "model.gguf");
    const struct hf_export what = {model_config(m), model_weights(m), &vocab, NULL, NULL, 0};
    const struct gguf_export export = {model_config(m), model_weights(m), &vocab, "model"};
    int status = file_make_dirs(out, err);
    if (!status)
        status = hf_write(hf, &what, err);
    if (!status)
        status = gguf_write(gguf, &export, err);
    free(hf);
    free(gguf);
    vocab_release(&vocab);
    model_close(m);
    return status;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct preset preset;
    struct vocab vocab;
    struct buf text;
    struct network_made net = {0};
    static const char *const none[] = {NULL};
    if (argc == 3)
        return export_model(argv[1], argv[2], &err) ? die(&err) : 0;
    if (argc != 4) {
        fprintf(stderr, "usage: make_export PRESET.yaml TEXT OUT, or make_export MODEL.gguf OUT\n");
        return 2;
    }
    buf_init(&text, 0);
    if (preset_open(&preset, argv[1], none, &err) ||
        file_read(argv[2], (size_t)1 << 26, 0, &text, &err))
        return die(&err);
    const struct vocab_text whole = {text.data, text.len};
    const struct vocab_options options = {.size = (uint32_t)preset.vocab};
    if (preset.tokenizer == PRESET_BPE ? vocab_train_bpe(&vocab, &whole, 1, &options, &err)
                                       : make_words(&vocab, buf_str(&text), &options, &err))
        return die(&err);
    if (preset_config(&preset, (int)vocab.n_pieces, &net.config, &err) ||
        make_network(&net, &err) || write_all(&net, &vocab, argv[3], &err))
        return die(&err);
    printf("{\"preset\":\"%s\",\"params\":%llu,\"tokens\":%u}\n", preset.name,
           (unsigned long long)preset_params(&net.config), (unsigned)vocab.n_pieces);
    free(net.flat);
    free(net.weights.layers);
    vocab_release(&vocab);
    preset_release(&preset);
    buf_release(&text);
    return 0;
}
