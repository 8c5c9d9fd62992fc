#include "models/formula.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/panels.h"
#include "src/base/mem.h"

static void add(struct formula_net *net, struct weight *out, size_t rows, size_t cols,
                double phase, bool real64)
{
    const struct weight_format *format = real64 ? &weight_real64 : &weight_real32;
    void *data = xmalloc(rows * cols * format->bytes);
    size_t t = net->n_tensors;

    for (size_t i = 0; i < rows * cols; i++) {
        double v = sin(0.7 * (double)i + 1.3 * (double)t + phase);
        double w = rows == 1 ? 1 + 0.1 * v : 0.3 * v;

        if (real64)
            ((double *)data)[i] = w;
        else
            ((float *)data)[i] = (float)w;
    }
    net->tensors = array_grow(net->tensors, net->n_tensors, &net->cap_tensors, sizeof(void *));
    net->tensors[net->n_tensors++] = data;
    *out = (struct weight){.format = format,
                           .data = data,
                           .rows = rows,
                           .cols = cols,
                           .row_bytes = cols * format->bytes};
}

void formula_init(struct formula_net *net, const struct formula_shape *shape, bool real64)
{
    size_t width = (size_t)shape->width, ffn = (size_t)shape->ffn, vocab = (size_t)shape->vocab;
    size_t dim = (size_t)shape->head_dim, q = (size_t)shape->n_heads * dim;
    size_t k = (size_t)shape->n_kv_heads * dim;
    struct tf_weights *w = &net->weights;
    double phase = shape->phase;

    memset(net, 0, sizeof(*net));
    net->config = (struct tf_config){.n_layers = shape->n_layers,
                                     .width = shape->width,
                                     .n_heads = shape->n_heads,
                                     .n_kv_heads = shape->n_kv_heads,
                                     .head_dim = shape->head_dim,
                                     .ffn = shape->ffn,
                                     .vocab = shape->vocab,
                                     .context = shape->context,
                                     .rope_base = shape->rope_base,
                                     .norm_eps = shape->norm_eps,
                                     .tied = !shape->own_head};
    snprintf(net->config.arch, sizeof(net->config.arch), "llama");
    w->layers = xcalloc((size_t)shape->n_layers, sizeof(*w->layers));
    add(net, &w->embed, vocab, width, phase, real64);
    for (int l = 0; l < shape->n_layers; l++) {
        struct tf_layer *layer = &w->layers[l];

        add(net, &layer->attn_norm, 1, width, phase, real64);
        add(net, &layer->wq, q, width, phase, real64);
        add(net, &layer->wk, k, width, phase, real64);
        add(net, &layer->wv, k, width, phase, real64);
        add(net, &layer->wo, width, q, phase, real64);
        add(net, &layer->ffn_norm, 1, width, phase, real64);
        add(net, &layer->gate, ffn, width, phase, real64);
        add(net, &layer->up, ffn, width, phase, real64);
        add(net, &layer->down, width, ffn, phase, real64);
    }
    add(net, &w->out_norm, 1, width, phase, real64);
    w->head = w->embed;
    if (shape->own_head)
        add(net, &w->head, vocab, width, phase, real64);
    for (int l = 0; l < shape->n_layers; l++) {
        struct tf_layer *layer = &w->layers[l];

        if (shape->biases) {
            add(net, &layer->bq, 1, q, phase, real64);
            add(net, &layer->bk, 1, k, phase, real64);
            add(net, &layer->bv, 1, k, phase, real64);
        }
        if (shape->head_norms) {
            add(net, &layer->q_norm, 1, dim, phase, real64);
            add(net, &layer->k_norm, 1, dim, phase, real64);
        }
    }
}

void formula_release(struct formula_net *net)
{
    for (size_t i = 0; i < net->n_tensors; i++)
        free(net->tensors[i]);
    free(net->tensors);
    free(net->weights.layers);
    memset(net, 0, sizeof(*net));
}
