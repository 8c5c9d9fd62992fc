/*
 * The network once more, in double, token by token, sharing no code with models/: what the
 * engine's tests compare with.
 */
#ifndef RLAIF_TESTS_ENGINE_NAIVE_H
#define RLAIF_TESTS_ENGINE_NAIVE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/formula.h"

static double naive_at(const struct weight *w, size_t row, size_t col)
{
    size_t i = row * w->cols + col;

    return w->format->bytes == 8 ? ((const double *)(const void *)w->data)[i]
                                 : (double)((const float *)(const void *)w->data)[i];
}

static void naive_product(const struct weight *w, const double *x, double *y)
{
    for (size_t r = 0; r < w->rows; r++) {
        y[r] = 0;
        for (size_t c = 0; c < w->cols; c++)
            y[r] += naive_at(w, r, c) * x[c];
    }
}

static void naive_norm(const struct weight *w, const double *x, size_t n, double eps, double *y)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(sum / (double)n + eps) * naive_at(w, 0, i);
}

/* Bias, norm and rotation of one head. */
static void naive_head(const struct tf_config *c, const struct weight *bias, const struct weight *norm,
                       size_t head, size_t position, bool rotate, double *x)
{
    size_t dim = (size_t)c->head_dim, half = dim / 2;

    for (size_t d = 0; d < dim && bias->data; d++)
        x[d] += naive_at(bias, 0, head * dim + d);
    if (norm && norm->data)
        naive_norm(norm, x, dim, c->norm_eps, x);
    for (size_t k = 0; k < half && rotate; k++) {
        double a = x[k], b = x[k + half];
        double angle = (double)position * pow(c->rope_base, -2.0 * (double)k / (double)dim);

        if (c->rope_freqs)
            angle /= (double)c->rope_freqs[k];
        x[k] = a * cos(angle) - b * sin(angle);
        x[k + half] = b * cos(angle) + a * sin(angle);
    }
}

/* logits: n x vocab */
static void naive_forward(const struct formula_net *net, const int32_t *ids, size_t n, double *logits)
{
    const struct tf_config *c = &net->config;
    size_t width = (size_t)c->width, dim = (size_t)c->head_dim, ffn = (size_t)c->ffn;
    size_t heads = (size_t)c->n_heads, kv = (size_t)c->n_kv_heads;
    double *x = calloc(n * width, sizeof(double)), *h = calloc(width, sizeof(double));
    double *q = calloc(heads * dim, sizeof(double)), *att = calloc(heads * dim, sizeof(double));
    double *k = calloc(n * kv * dim, sizeof(double)), *v = calloc(n * kv * dim, sizeof(double));
    double *g = calloc(ffn, sizeof(double)), *u = calloc(ffn, sizeof(double));
    double *o = calloc(width, sizeof(double)), *p = calloc(n, sizeof(double));

    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < width; i++)
            x[t * width + i] = naive_at(&net->weights.embed, (size_t)ids[t], i);
    for (int l = 0; l < c->n_layers; l++) {
        const struct tf_layer *layer = &net->weights.layers[l];

        for (size_t t = 0; t < n; t++) {
            naive_norm(&layer->attn_norm, x + t * width, width, c->norm_eps, h);
            naive_product(&layer->wq, h, q);
            naive_product(&layer->wk, h, k + t * kv * dim);
            naive_product(&layer->wv, h, v + t * kv * dim);
            for (size_t i = 0; i < kv; i++) {
                naive_head(c, &layer->bk, &layer->k_norm, i, t, true, k + (t * kv + i) * dim);
                naive_head(c, &layer->bv, NULL, i, t, false, v + (t * kv + i) * dim);
            }
            for (size_t i = 0; i < heads; i++) {
                size_t from = i / (heads / kv);
                double sum = 0, max = -INFINITY;

                naive_head(c, &layer->bq, &layer->q_norm, i, t, true, q + i * dim);
                for (size_t j = 0; j <= t; j++) {
                    p[j] = 0;
                    for (size_t d = 0; d < dim; d++)
                        p[j] += q[i * dim + d] * k[(j * kv + from) * dim + d];
                    p[j] /= sqrt((double)dim);
                    max = fmax(max, p[j]);
                }
                for (size_t j = 0; j <= t; j++)
                    sum += p[j] = exp(p[j] - max);
                for (size_t d = 0; d < dim; d++) {
                    att[i * dim + d] = 0;
                    for (size_t j = 0; j <= t; j++)
                        att[i * dim + d] += p[j] / sum * v[(j * kv + from) * dim + d];
                }
            }
            naive_product(&layer->wo, att, o);
            for (size_t i = 0; i < width; i++)
                x[t * width + i] += o[i];
            naive_norm(&layer->ffn_norm, x + t * width, width, c->norm_eps, h);
            naive_product(&layer->gate, h, g);
            naive_product(&layer->up, h, u);
            for (size_t i = 0; i < ffn; i++)
                u[i] *= g[i] / (1 + exp(-g[i]));
            naive_product(&layer->down, u, o);
            for (size_t i = 0; i < width; i++)
                x[t * width + i] += o[i];
        }
    }
    for (size_t t = 0; t < n; t++) {
        naive_norm(&net->weights.out_norm, x + t * width, width, c->norm_eps, h);
        naive_product(&net->weights.head, h, logits + t * (size_t)c->vocab);
    }
    free(x);
    free(h);
    free(q);
    free(att);
    free(k);
    free(v);
    free(g);
    free(u);
    free(o);
    free(p);
}

#endif
