#include "models/learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/kernel.h"
#include "models/learn_net.h"
#include "models/transformer.h"
#include "src/base/mem.h"

#define LOGIT_REALS ((size_t)1 << 22) /* more rows at once: the head's gradient is read and written less often */
#define LOGIT_ROWS_MOST 256
#define LOGIT_ROWS_LEAST 48

size_t learn_logit_rows(size_t vocab)
{
    size_t rows = LOGIT_REALS / vocab;

    return rows > LOGIT_ROWS_MOST    ? LOGIT_ROWS_MOST
           : rows < LOGIT_ROWS_LEAST ? LOGIT_ROWS_LEAST
                                     : rows;
}

/* Up to whole lanes. */
static size_t learn_lanes(size_t n)
{
    return (n + LEARN_LANES - 1) / LEARN_LANES * LEARN_LANES;
}

#define REAL_BITS 32
#include "models/learn_template.h"
#include "models/learn_setup_template.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/learn_template.h"
#include "models/learn_setup_template.h"
#undef REAL_BITS

struct learn_matrix *learn_matrix_at(struct learner *learner, size_t i)
{
    return learner->net64 ? matrix_f64(learner, learner->net64, i)
                          : matrix_f32(learner, learner->net32, i);
}

/* ---- a network ---- */

static int check_options(const struct tf_config *config, const struct learner_options *options,
                         struct error *err)
{
    if (tf_config_check(config, err) != 0)
        return -1;
    if (options->first_layer < 0 || options->first_layer >= config->n_layers)
        return error_set(err, ERROR_USAGE, "the first trained layer must be 0..%d, not %d",
                         config->n_layers - 1, options->first_layer);
    if (options->first_layer > 0 && options->head == LEARN_LM && config->tied) {
        error_set(err, ERROR_USAGE, "a head tied to the embedding cannot train above frozen layers");
        return error_hint(err, "train all layers, or a reward model");
    }
    return 0;
}

static int choose_kernel(struct learner *learner, struct error *err)
{
    char chosen_by[16];

    if (learner->options.kernel) {
        learner->kernel = *learner->options.kernel;
        return 0;
    }
    return kernel_choose(learner->options.cache_dir, &learner->kernel, chosen_by, err);
}

static int allocate(struct learner *learner, struct error *err)
{
    size_t bytes = learner->whole.count * blas_real_size(learner->options.real) + BLAS_SLACK;

    learner->weights = mem_try(bytes, "the weights", err);
    if (!learner->weights)
        return -1;
    learner->gradient = mem_try(bytes, "the gradient", err);
    if (!learner->gradient)
        return -1;
    learner->params = learner->whole;
    learner->full = learner->weights;
    learner->full_gradient = learner->gradient;
    if (learner->options.real == BLAS_F64)
        return (learner->net64 = net_new_f64(learner, err)) ? 0 : -1;
    return (learner->net32 = net_new_f32(learner, err)) ? 0 : -1;
}

struct learner *learner_new(const struct tf_config *config, const struct learner_options *options,
                            struct pool *pool, struct error *err)
{
    struct learner *learner;

    if (check_options(config, options, err) != 0)
        return NULL;
    learner = xcalloc(1, sizeof(*learner));
    learner->config = *config;
    learner->options = *options;
    learner->pool = pool;
    learner->version = 1;
    learner->simd = simd_choose();
    learner->config.rope_freqs = NULL;
    if (config->rope_freqs) {
        size_t size = (size_t)config->head_dim / 2 * sizeof(float);

        learner->rope_freqs = xmalloc(size);
        memcpy(learner->rope_freqs, config->rope_freqs, size);
        learner->config.rope_freqs = learner->rope_freqs;
    }
    learner_list_params(learner);
    if (choose_kernel(learner, err) != 0 || allocate(learner, err) != 0) {
        learner_free(learner);
        return NULL;
    }
    learner->options.cache_dir = NULL;
    learner->options.kernel = &learner->kernel;
    learner_view_weights(learner);
    return learner;
}

void learner_free(struct learner *learner)
{
    if (!learner)
        return;
    net_free_f32(learner->net32);
    net_free_f64(learner->net64);
    lora_free(learner);
    free(learner->weights);
    free(learner->gradient);
    free(learner->whole.list);
    free(learner->view.layers);
    free(learner->rope_freqs);
    free(learner);
}

const struct tf_config *learner_config(const struct learner *learner)
{
    return &learner->config;
}

const struct learner_options *learner_options(const struct learner *learner)
{
    return &learner->options;
}

const struct params *learner_params(const struct learner *learner)
{
    return &learner->params;
}

struct pool *learner_pool(const struct learner *learner)
{
    return learner->pool;
}

void *learner_weights(struct learner *learner)
{
    return learner->weights;
}

void *learner_gradient(struct learner *learner)
{
    return learner->gradient;
}

uint64_t learner_version(const struct learner *learner)
{
    return learner->version;
}

void learner_touch(struct learner *learner)
{
    learner->version++;
}

const struct tf_weights *learner_tf_weights(const struct learner *learner)
{
    learner_sync((struct learner *)learner);
    return &learner->view;
}

size_t learner_bytes(const struct learner *learner)
{
    size_t size = blas_real_size(learner->options.real), bytes = 2 * learner->whole.count * size;
    size_t arena = learner->net32 ? learner->net32->arena_bytes : learner->net64->arena_bytes;
    bool shard = learner->net32 ? learner->net32->shard != NULL : learner->net64->shard != NULL;

    /* Panels of both sides take about twice the weights. */
    if (learner->lora)
        bytes += learner->whole.count * size + 2 * learner->params.count * size;
    return bytes + 2 * learner->whole.count * size + arena + (shard ? learner->whole.count * size : 0);
}

/* ---- batches as trees ---- */

static int check_batch(const struct learn_batch *batch, const struct learner *learner,
                       struct error *err)
{
    const struct tf_config *config = &learner->config;

    if (batch->n_rows == 0 || batch->n_wanted == 0)
        return error_set(err, ERROR_USAGE, "a batch for training is empty");
    if (!batch->hidden && learner->options.first_layer > 0)
        return error_set(err, ERROR_USAGE, "a batch above frozen layers needs their output");
    for (size_t i = 0; i < batch->n_rows && !batch->hidden; i++)
        if (batch->ids[i] < 0 || batch->ids[i] >= config->vocab)
            return error_set(err, ERROR_DATA, "token %d is not one of the model's %d",
                             (int)batch->ids[i], config->vocab);
    for (size_t s = 0; s < batch->n_segments; s++) {
        const struct learn_segment *segment = &batch->segments[s];

        if (segment->first_pos + segment->n_rows > (size_t)config->context)
            return error_set(err, ERROR_DATA, "a text of %zu tokens is longer than the model's context of %d",
                             segment->first_pos + segment->n_rows, config->context);
    }
    return 0;
}

int learn_forest_init(struct learn_forest *forest, const struct learn_batch *batch,
                      const struct learner *learner, struct error *err)
{
    size_t n = batch->n_segments, *root, *depth, *path, *place, at = 0;
    int status = 0;

    memset(forest, 0, sizeof(*forest));
    if (check_batch(batch, learner, err) != 0)
        return -1;
    forest->trees = xcalloc(n, sizeof(*forest->trees));
    forest->order = xcalloc(n, sizeof(*forest->order));
    forest->local = xcalloc(n, sizeof(*forest->local));
    root = xcalloc(4 * n, sizeof(*root));
    depth = root + n, path = depth + n, place = path + n;
    for (size_t s = 0; s < n; s++) {
        const struct learn_segment *segment = &batch->segments[s];
        size_t parent = (size_t)segment->parent;

        root[s] = segment->parent < 0 ? forest->n_trees++ : root[parent];
        depth[s] = segment->parent < 0 ? 1 : depth[parent] + 1;
        path[s] = (segment->parent < 0 ? 0 : path[parent]) + learn_lanes(segment->n_rows);
        forest->local[s] = forest->trees[root[s]].n_rows;
        forest->trees[root[s]].n++;
        forest->trees[root[s]].n_rows += segment->n_rows;
        if (path[s] > forest->max_path)
            forest->max_path = path[s];
        if (depth[s] > LEARN_DEPTH)
            status = error_set(err, ERROR_USAGE, "a batch of texts branches more than %d times", LEARN_DEPTH);
    }
    for (size_t t = 0; t < forest->n_trees; t++) {
        place[t] = forest->trees[t].first = at;
        at += forest->trees[t].n;
        if (forest->trees[t].n_rows > forest->max_rows)
            forest->max_rows = forest->trees[t].n_rows;
    }
    for (size_t s = 0; s < n; s++)
        forest->order[place[root[s]]++] = s;
    free(root);
    return status;
}

void learn_forest_release(struct learn_forest *forest)
{
    free(forest->trees);
    free(forest->order);
    free(forest->local);
    memset(forest, 0, sizeof(*forest));
}

/* ---- calls ---- */

static int look(struct learner *learner, const struct learn_batch *batch, learn_row_fn *row,
                void *arg, double *values, const struct cancel *cancel, struct error *err)
{
    unsigned state = cpu_flush_denormals();
    int status;

    if (learner->options.real == BLAS_F64)
        status = look_f64(learner, learner->net64, batch, row, arg, values, cancel, err);
    else
        status = look_f32(learner, learner->net32, batch, row, arg, values, cancel, err);
    cpu_restore(state);
    return status;
}

int learner_forward(struct learner *learner, const struct learn_batch *batch, learn_row_fn *row,
                    void *arg, const struct cancel *cancel, struct error *err)
{
    return look(learner, batch, row, arg, NULL, cancel, err);
}

int learner_values(struct learner *learner, const struct learn_batch *batch, double *values,
                   const struct cancel *cancel, struct error *err)
{
    return look(learner, batch, NULL, NULL, values, cancel, err);
}

int learner_grad(struct learner *learner, const struct learn_call *call, struct error *err)
{
    unsigned state = cpu_flush_denormals();
    int status;

    if (learner->options.real == BLAS_F64)
        status = grad_f64(learner, learner->net64, call, err);
    else
        status = grad_f32(learner, learner->net32, call, err);
    cpu_restore(state);
    return status;
}
