#include "models/learn_net.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/panels.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

#define INIT_STD 0.02

/* A word of a list separated by blanks. */
static bool names(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; at && (at = strstr(at, word)); at += len)
        if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
    return false;
}

static bool has_tensor(const struct learner *learner, const struct tensor_row *row, int layer)
{
    if (!row->in_layer && learner->options.first_layer > 0 && strcmp(row->name, "embed") == 0)
        return false;
    if (row->in_layer && layer < learner->options.first_layer)
        return false;
    if (strcmp(row->name, "head") == 0)
        return learner->options.head == LEARN_LM && !learner->config.tied;
    return !row->archs || names(row->archs, learner->config.arch);
}

static void add(struct params *params, size_t *cap, const char *name, size_t rows, size_t cols,
                bool decay, const struct tensor_row *row, int layer)
{
    struct param param = {.offset = params->count,
                          .rows = rows,
                          .cols = cols,
                          .decay = decay,
                          .row = row,
                          .layer = layer};

    snprintf(param.name, sizeof(param.name), "%s", name);
    params->list = array_grow(params->list, params->n, cap, sizeof(param));
    params->list[params->n++] = param;
    params->count += rows * cols;
}

void learner_list_params(struct learner *learner)
{
    const struct tf_config *config = &learner->config;
    struct params *params = &learner->whole;
    size_t cap = 0, i = 0;

    while (i < tensor_table_len) {
        size_t end = i + 1, layers = 1;

        /* Rows of layers stand together: all of one layer, then all of the next. */
        if (tensor_table[i].in_layer) {
            while (end < tensor_table_len && tensor_table[end].in_layer)
                end++;
            layers = (size_t)config->n_layers;
        }
        for (size_t l = 0; l < layers; l++)
            for (size_t r = i; r < end; r++) {
                const struct tensor_row *row = &tensor_table[r];
                char name[sizeof(params->list->name)];

                if (!has_tensor(learner, row, (int)l))
                    continue;
                tensor_name(row->name, (int)l, name, sizeof(name));
                add(params, &cap, name, tensor_dim_size(config, row->rows),
                    tensor_dim_size(config, row->cols), (row->flags & TENSOR_DECAY) != 0, row,
                    (int)l);
            }
        i = end;
    }
    if (learner->options.head == LEARN_SCALAR) {
        add(params, &cap, "score.weight", 1, (size_t)config->width, true, NULL, 0);
        if (learner->options.bias)
            add(params, &cap, "score.bias", 1, 1, false, NULL, 0);
    }
}

void learner_view_weights(struct learner *learner)
{
    size_t size = blas_real_size(learner->options.real);
    const struct weight_format *format =
        learner->options.real == BLAS_F64 ? &weight_real64 : &weight_real32;

    learner->view.layers = xcalloc((size_t)learner->config.n_layers, sizeof(struct tf_layer));
    for (size_t i = 0; i < learner->whole.n; i++) {
        const struct param *param = &learner->whole.list[i];
        char *base = (char *)&learner->view;

        if (!param->row)
            continue;
        if (param->row->in_layer)
            base = (char *)&learner->view.layers[param->layer];
        *(struct weight *)(void *)(base + param->row->offset) =
            (struct weight){.format = format,
                            .data = (const uint8_t *)learner->full + param->offset * size,
                            .rows = param->rows,
                            .cols = param->cols,
                            .row_bytes = param->cols * size};
    }
    if (learner->config.tied)
        learner->view.head = learner->view.embed;
}

const struct param *params_find(const struct params *params, const char *name)
{
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->list[i].name, name) == 0)
            return &params->list[i];
    return NULL;
}

const struct param *params_at(const struct params *params, size_t at)
{
    for (size_t i = params->n; i-- > 0;)
        if (at >= params->list[i].offset)
            return &params->list[i];
    return NULL;
}

size_t learner_offset(const struct learner *learner, const char *pattern, int layer)
{
    char name[sizeof(learner->whole.list->name)];
    const struct param *param;

    tensor_name(pattern, layer, name, sizeof(name));
    param = params_find(&learner->whole, name);
    return param ? param->offset : LEARN_NONE;
}

static double get(const struct learner *learner, const void *buffer, size_t i)
{
    return learner->options.real == BLAS_F64 ? ((const double *)buffer)[i]
                                             : (double)((const float *)buffer)[i];
}

static void put(struct learner *learner, size_t i, double x)
{
    if (learner->options.real == BLAS_F64)
        ((double *)learner->weights)[i] = x;
    else
        ((float *)learner->weights)[i] = (float)x;
}

static void init_param(struct learner *learner, const struct param *param, uint64_t seed,
                       double std)
{
    struct rng_key key = rng_key(seed, "init", param->name);
    size_t n = param->rows * param->cols;
    double constant = 0, scale = std;

    if (!param->row) {
        scale = param->decay ? 1 / sqrt((double)learner->config.width + 1) : 0;
    } else if (param->row->init == INIT_ONES || param->row->init == INIT_ZEROS) {
        constant = param->row->init == INIT_ONES;
        scale = 0;
    } else if (param->row->init == INIT_NORMAL_RESIDUAL) {
        scale = std / sqrt(2.0 * (double)learner->config.n_layers);
    }
    for (size_t i = 0; i < n; i++)
        put(learner, param->offset + i, scale > 0 ? scale * rng_normal(key, i) : constant);
}

void learner_init(struct learner *learner, uint64_t seed, double std)
{
    if (learner->lora)
        lora_init(learner, seed);
    for (size_t i = 0; i < learner->params.n && !learner->lora; i++)
        init_param(learner, &learner->params.list[i], seed, std > 0 ? std : INIT_STD);
    learner_touch(learner);
}

static int load_param(struct learner *learner, const struct param *param,
                      const struct weight *weight, struct error *err)
{
    struct panel_source source = {.parts = {*weight}, .n_parts = 1, .simd = SIMD_NONE};
    size_t size = blas_real_size(learner->options.real);
    char *to = (char *)learner->weights + param->offset * size;

    if (!weight->data)
        return error_set(err, ERROR_DATA, "the model has no tensor %s", param->name);
    if (weight->rows != param->rows || weight->cols != param->cols)
        return error_set(err, ERROR_DATA, "tensor %s is %zu x %zu in the model, not %zu x %zu",
                         param->name, weight->rows, weight->cols, param->rows, param->cols);
    /* A row is a whole number of blocks, so it is decoded in place. */
    panels_rows(&source, learner->options.real, 0, weight->rows, to);
    return 0;
}

/* An optional tensor of the model that this network would leave out would change what it computes. */
static int check_left_out(const struct learner *learner, const struct tf_weights *weights,
                          struct error *err)
{
    for (size_t r = 0; r < tensor_table_len; r++)
        for (int l = 0; l < learner->config.n_layers && tensor_table[r].in_layer; l++) {
            const char *base = (const char *)&weights->layers[l];
            char name[sizeof(learner->params.list->name)];

            tensor_name(tensor_table[r].name, l, name, sizeof(name));
            if (l >= learner->options.first_layer && !params_find(&learner->params, name) &&
                ((const struct weight *)(const void *)(base + tensor_table[r].offset))->data)
                return error_set(err, ERROR_DATA,
                                 "the model has a tensor %s, which training of %s does not know",
                                 name, learner->config.arch);
        }
    return 0;
}

int learner_load(struct learner *learner, const struct tf_weights *weights, uint64_t seed,
                 struct error *err)
{
    if (learner->lora) {
        error_set(err, ERROR_USAGE, "weights cannot be loaded under adapters");
        return error_hint(err, "load first, then add the adapters");
    }
    if (check_left_out(learner, weights, err) != 0)
        return -1;
    for (size_t i = 0; i < learner->params.n; i++) {
        const struct param *param = &learner->params.list[i];
        const char *base = (const char *)weights;

        if (!param->row) {
            init_param(learner, param, seed, INIT_STD);
            continue;
        }
        if (param->row->in_layer)
            base = (const char *)&weights->layers[param->layer];
        if (load_param(learner, param,
                       (const struct weight *)(const void *)(base + param->row->offset), err) != 0)
            return -1;
    }
    learner_touch(learner);
    return 0;
}

int learner_copy(struct learner *learner, const struct learner *from, struct error *err)
{
    /* Adapters from adapters; whole networks from what the other computes with. */
    const struct params *params = learner->lora ? &from->params : &from->whole;
    const void *weights = learner->lora ? from->weights : from->full;

    for (size_t i = 0; i < learner->params.n; i++) {
        const struct param *to = &learner->params.list[i], *other = params_find(params, to->name);

        if (other && (other->rows != to->rows || other->cols != to->cols))
            return error_set(err, ERROR_DATA, "tensor %s is %zu x %zu in the other network, not %zu x %zu",
                             to->name, other->rows, other->cols, to->rows, to->cols);
    }
    learner_sync((struct learner *)from);
    for (size_t i = 0; i < learner->params.n; i++) {
        const struct param *to = &learner->params.list[i], *other = params_find(params, to->name);

        for (size_t j = 0; other && j < to->rows * to->cols; j++)
            put(learner, to->offset + j, get(from, weights, other->offset + j));
    }
    learner_touch(learner);
    return 0;
}

int learner_check_finite(const struct learner *learner, bool gradient, struct error *err)
{
    const void *buffer = gradient ? learner->gradient : learner->weights;

    for (size_t i = 0; i < learner->params.count; i++) {
        const struct param *param;

        if (isfinite(get(learner, buffer, i)))
            continue;
        param = params_at(&learner->params, i);
        error_set(err, ERROR_FAILED, "%s %zu of tensor %s is not a finite number",
                  gradient ? "gradient" : "weight", i - param->offset, param->name);
        return error_hint(err, "a lower lr or clip_norm=1 may help; the weights before this step are unchanged");
    }
    return 0;
}
