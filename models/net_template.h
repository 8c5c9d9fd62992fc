/* Weights made ready for one kind of number; included by net.c with REAL_BITS set. */
#include "models/real.h"

/* A vector as REALs of our own; *out stays NULL when the model has none. */
static void R(take_vector)(const struct weight *weight, enum simd simd, REAL **out)
{
    struct panel_source source = {.parts = {*weight}, .n_parts = 1, .simd = simd};

    *out = NULL;
    if (!weight->data)
        return;
    *out = xcalloc(weight->rows * weight->cols, sizeof(REAL));
    panels_rows(&source, BLAS_REAL, 0, weight->rows, *out);
}

static void R(take_matrix)(struct R(tf_net) *net, enum simd simd, struct panel_source *source,
                           struct blas_panels *panels, const struct weight *a,
                           const struct weight *b, const struct weight *c)
{
    const struct weight *parts[PANEL_PARTS] = {a, b, c};

    source->simd = simd;
    for (size_t i = 0; i < PANEL_PARTS && parts[i]; i++)
        source->parts[source->n_parts++] = *parts[i];
    panels_init(panels, source, BLAS_REAL, &net->kernel);
}

static void R(take_bias)(const struct tf_config *config, const struct tf_layer *layer,
                         enum simd simd, REAL **out)
{
    const struct weight *parts[] = {&layer->bq, &layer->bk, &layer->bv};
    size_t heads[] = {(size_t)config->n_heads, (size_t)config->n_kv_heads,
                      (size_t)config->n_kv_heads};
    REAL *to = NULL;

    for (size_t i = 0, at = 0; i < 3; at += heads[i++] * (size_t)config->head_dim) {
        struct panel_source source = {.parts = {*parts[i]}, .n_parts = 1, .simd = simd};

        if (!parts[i]->data)
            continue;
        if (!to)
            to = xcalloc(tf_qkv_width(config), sizeof(REAL));
        panels_rows(&source, BLAS_REAL, 0, parts[i]->rows, to + at);
    }
    *out = to;
}

int R(tf_net_init)(struct R(tf_net) *net, const struct tf_config *config,
                   const struct tf_weights *weights, const struct blas_kernel *kernel,
                   enum simd simd, struct error *err)
{
    if (tf_config_check(config, err) != 0)
        return -1;
    memset(net, 0, sizeof(*net));
    net->config = *config;
    net->kernel = *kernel;
    net->ops = R(ops_choose)(simd);
    if (config->rope_freqs) {
        size_t size = (size_t)config->head_dim / 2 * sizeof(float);

        net->rope_freqs = xmalloc(size);
        memcpy(net->rope_freqs, config->rope_freqs, size);
        net->config.rope_freqs = net->rope_freqs;
    }
    net->embed_source.simd = simd;
    net->embed_source.n_parts = 1;
    net->embed_source.parts[0] = weights->embed;
    R(take_vector)(&weights->out_norm, simd, &net->out_norm);
    R(take_matrix)(net, simd, &net->head_source, &net->head, &weights->head, NULL, NULL);
    net->layers = xcalloc((size_t)config->n_layers, sizeof(*net->layers));
    for (int l = 0; l < config->n_layers; l++) {
        const struct tf_layer *from = &weights->layers[l];
        struct R(tf_net_layer) *to = &net->layers[l];

        R(take_vector)(&from->attn_norm, simd, &to->attn_norm);
        R(take_vector)(&from->ffn_norm, simd, &to->ffn_norm);
        R(take_vector)(&from->q_norm, simd, &to->q_norm);
        R(take_vector)(&from->k_norm, simd, &to->k_norm);
        R(take_bias)(config, from, simd, &to->qkv_bias);
        R(take_matrix)(net, simd, &to->qkv_source, &to->qkv, &from->wq, &from->wk, &from->wv);
        R(take_matrix)(net, simd, &to->out_source, &to->out, &from->wo, NULL, NULL);
        R(take_matrix)(net, simd, &to->gate_up_source, &to->gate_up, &from->gate, &from->up, NULL);
        R(take_matrix)(net, simd, &to->down_source, &to->down, &from->down, NULL, NULL);
    }
    return 0;
}

/* The i-th matrix of the net and where it comes from, NULL past the last. */
static struct blas_panels *R(net_matrix)(struct R(tf_net) *net, size_t i,
                                         struct panel_source **source)
{
    struct R(tf_net_layer) *layer;

    *source = &net->head_source;
    if (i == 4 * (size_t)net->config.n_layers)
        return &net->head;
    if (i > 4 * (size_t)net->config.n_layers)
        return NULL;
    layer = &net->layers[i / 4];
    switch (i % 4) {
    case 0:
        *source = &layer->qkv_source;
        return &layer->qkv;
    case 1:
        *source = &layer->out_source;
        return &layer->out;
    case 2:
        *source = &layer->gate_up_source;
        return &layer->gate_up;
    default:
        *source = &layer->down_source;
        return &layer->down;
    }
}

/* As bytes where the formats allow it, which is as quick and smaller; else as REALs. */
size_t R(tf_net_bytes)(const struct R(tf_net) *net)
{
    struct blas_panels *panels;
    struct panel_source *source;
    size_t sum = 0;

    for (size_t i = 0; (panels = R(net_matrix)((struct R(tf_net) *)net, i, &source)); i++) {
        size_t bytes =
            compact_can(panels, source) ? compact_bytes(panels) : panels_bytes(panels);

        if (bytes == 0 || !size_add(sum, bytes, &sum))
            return 0;
    }
    return sum;
}

/* Back to weights that tiles decode. */
static void R(net_release)(struct R(tf_net) *net)
{
    struct blas_panels *panels;
    struct panel_source *source;

    for (size_t i = 0; (panels = R(net_matrix)(net, i, &source)); i++) {
        panels_release(panels);
        panels_init(panels, source, BLAS_REAL, &net->kernel);
        compact_release(source);
    }
}

/* As bytes, else as REALs. */
static int R(pack_matrix)(struct blas_panels *panels, struct panel_source *source,
                          struct pool *pool, enum pool_priority priority,
                          const struct cancel *cancel, struct error *err)
{
    int made = compact_pack(panels, source, pool, priority, cancel, err);

    if (made != 0)
        return made < 0 ? -1 : 0;
    return panels_pack(panels, pool, priority, cancel, err);
}

int R(tf_net_pack)(struct R(tf_net) *net, struct pool *pool, enum pool_priority priority,
                   const struct cancel *cancel, struct error *err)
{
    struct blas_panels *panels;
    struct panel_source *source;

    for (size_t i = 0; (panels = R(net_matrix)(net, i, &source)); i++) {
        if (R(pack_matrix)(panels, source, pool, priority, cancel, err) == 0)
            continue;
        R(net_release)(net);
        return -1;
    }
    net->packed = true;
    return 0;
}

/* Takes a vector over again where it stands. */
static void R(retake_vector)(const struct weight *weight, enum simd simd, REAL *to)
{
    struct panel_source source = {.parts = {*weight}, .n_parts = 1, .simd = simd};

    if (to && weight->data)
        panels_rows(&source, BLAS_REAL, 0, weight->rows, to);
}

int R(tf_net_refresh)(struct R(tf_net) *net, const struct tf_weights *weights, struct pool *pool,
                      enum pool_priority priority, const struct cancel *cancel, struct error *err)
{
    enum simd simd = net->embed_source.simd;
    struct blas_panels *panels;
    struct panel_source *source;

    R(retake_vector)(&weights->out_norm, simd, net->out_norm);
    for (int l = 0; l < net->config.n_layers; l++) {
        const struct tf_layer *from = &weights->layers[l];
        struct R(tf_net_layer) *to = &net->layers[l];

        R(retake_vector)(&from->attn_norm, simd, to->attn_norm);
        R(retake_vector)(&from->ffn_norm, simd, to->ffn_norm);
        R(retake_vector)(&from->q_norm, simd, to->q_norm);
        R(retake_vector)(&from->k_norm, simd, to->k_norm);
        free(to->qkv_bias);
        R(take_bias)(&net->config, from, simd, &to->qkv_bias);
    }
    /* A cancelled packing leaves that matrix without a copy: it is packed again, or decoded. */
    for (size_t i = 0; net->packed && (panels = R(net_matrix)(net, i, &source)); i++)
        if (R(pack_matrix)(panels, source, pool, priority, cancel, err) != 0)
            return -1;
    return 0;
}

void R(tf_net_free)(struct R(tf_net) *net)
{
    if (!net->layers)
        return;
    R(net_release)(net);
    for (int l = 0; l < net->config.n_layers; l++) {
        struct R(tf_net_layer) *layer = &net->layers[l];

        free(layer->attn_norm);
        free(layer->ffn_norm);
        free(layer->qkv_bias);
        free(layer->q_norm);
        free(layer->k_norm);
    }
    free(net->out_norm);
    free(net->rope_freqs);
    free(net->layers);
    memset(net, 0, sizeof(*net));
}
