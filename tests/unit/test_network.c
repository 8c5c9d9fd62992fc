/*
 * The loader against networks written by an independent program: a forward pass in double, as
 * plain as it can be, over model_weights() must give the committed logits. So the table of
 * tensors, the decoders, llama's row order, biases, norms and RoPE divisors are all right.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/lm.h"
#include "models/weights.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"

enum { MAX_N = 16, MAX_ROW = 1024 };

static char *golden(const char *name, const char *ending)
{
    const char *src = getenv("RLAIF_SRC");
    return xasprintf("%s/tests/golden/%s%s", src ? src : ".", name, ending);
}

/* out = W x (+ bias) */
static void matvec(const struct weight *w, const struct weight *bias, const double *x, double *out)
{
    float row[MAX_ROW];
    for (size_t r = 0; r < w->rows; r++) {
        weight_row(w, r, row);
        out[r] = 0;
        for (size_t c = 0; c < w->cols; c++)
            out[r] += (double)row[c] * x[c];
    }
    if (!bias || !bias->data)
        return;
    weight_row(bias, 0, row);
    for (size_t r = 0; r < w->rows; r++)
        out[r] += (double)row[r];
}

static void rms_norm(const struct weight *w, double eps, const double *x, double *out)
{
    float scale[MAX_ROW];
    double sum = 0;
    weight_row(w, 0, scale);
    for (size_t i = 0; i < w->cols; i++)
        sum += x[i] * x[i];
    const double by = 1 / sqrt(sum / (double)w->cols + eps);
    for (size_t i = 0; i < w->cols; i++)
        out[i] = x[i] * by * (double)scale[i];
}

static void rope(const struct tf_config *c, double *head, int position)
{
    const int half = c->head_dim / 2;
    for (int i = 0; i < half; i++) {
        double f = pow(c->rope_base, -2.0 * i / c->head_dim);
        if (c->rope_freqs)
            f /= (double)c->rope_freqs[i];
        const double a = position * f, u = head[i], v = head[i + half];
        head[i] = u * cos(a) - v * sin(a);
        head[i + half] = v * cos(a) + u * sin(a);
    }
}

struct pass {
    double x[MAX_N][128], k[MAX_N][128], v[MAX_N][128];
};

static void heads_in(const struct tf_config *c, const struct weight *norm, int n_heads,
                     double *rows, int position)
{
    for (int h = 0; h < n_heads; h++) {
        double *head = rows + h * c->head_dim;
        if (norm->data)
            rms_norm(norm, c->norm_eps, head, head);
        rope(c, head, position);
    }
}

static void attend(const struct tf_config *c, const struct tf_layer *l, struct pass *p, int n)
{
    for (int t = 0; t < n; t++) {
        double h[128], q[128], out[128] = {0}, y[128];
        rms_norm(&l->attn_norm, c->norm_eps, p->x[t], h);
        matvec(&l->wq, &l->bq, h, q);
        matvec(&l->wk, &l->bk, h, p->k[t]);
        matvec(&l->wv, &l->bv, h, p->v[t]);
        heads_in(c, &l->q_norm, c->n_heads, q, t);
        heads_in(c, &l->k_norm, c->n_kv_heads, p->k[t], t);
        const int d = c->head_dim, group = c->n_heads / c->n_kv_heads;
        for (int head = 0; head < c->n_heads; head++) {
            const int kv = head / group * d;
            double s[MAX_N], sum = 0;
            for (int u = 0; u <= t; u++) {
                s[u] = 0;
                for (int i = 0; i < d; i++)
                    s[u] += q[head * d + i] * p->k[u][kv + i];
                s[u] = exp(s[u] / sqrt(d));
                sum += s[u];
            }
            for (int u = 0; u <= t; u++)
                for (int i = 0; i < d; i++)
                    out[head * d + i] += s[u] / sum * p->v[u][kv + i];
        }
        matvec(&l->wo, NULL, out, y);
        for (int i = 0; i < c->width; i++)
            p->x[t][i] += y[i];
    }
}

static void forward(const struct model *m, const int *ids, int n, double *logits)
{
    const struct tf_config *c = model_config(m);
    const struct tf_weights *w = model_weights(m);
    struct pass *p = xcalloc(1, sizeof *p);
    for (int t = 0; t < n; t++) {
        float row[MAX_ROW];
        weight_row(&w->embed, (size_t)ids[t], row);
        for (int i = 0; i < c->width; i++)
            p->x[t][i] = (double)row[i];
    }
    for (int i = 0; i < c->n_layers; i++) {
        const struct tf_layer *l = &w->layers[i];
        attend(c, l, p, n);
        for (int t = 0; t < n; t++) {
            double h[128], gate[128], up[128], y[128];
            rms_norm(&l->ffn_norm, c->norm_eps, p->x[t], h);
            matvec(&l->gate, NULL, h, gate);
            matvec(&l->up, NULL, h, up);
            for (int k = 0; k < c->ffn; k++)
                gate[k] = gate[k] / (1 + exp(-gate[k])) * up[k];
            matvec(&l->down, NULL, gate, y);
            for (int k = 0; k < c->width; k++)
                p->x[t][k] += y[k];
        }
    }
    double h[128];
    rms_norm(&w->out_norm, c->norm_eps, p->x[n - 1], h);
    matvec(&w->head, NULL, h, logits);
    free(p);
}

static void check_arch(const char *name, bool tied)
{
    char *path = golden(name, ".gguf"), *values = golden(name, ".json");
    struct error err = {0};
    struct model *m = model_open(path, NULL, &err);
    if (!m)
        fail_msg("%s", err.text);
    assert_string_equal(model_info(m)->arch, name + strlen("arch_"));
    assert_int_equal(model_config(m)->tied, tied);
    assert_int_equal(model_check_weights(m, &err), 0);
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(file_read(values, 1 << 20, 0, &text, &err), 0);
    json_t *json = json_parse(buf_str(&text), text.len, values, 1, &err);
    assert_non_null(json);
    json_t *rows = json_object_get(json, "sequences");
    assert_true(json_array_size(rows) >= 3);
    double *logits = xcalloc((size_t)model_info(m)->vocab, sizeof *logits);
    for (size_t r = 0; r < json_array_size(rows); r++) {
        json_t *row = json_array_get(rows, r), *list = json_object_get(row, "ids");
        json_t *expected = json_object_get(row, "logits_last");
        int ids[MAX_N];
        const size_t n = json_array_size(list);
        assert_in_range(n, 1, MAX_N);
        for (size_t i = 0; i < n; i++)
            ids[i] = (int)json_integer_value(json_array_get(list, i));
        forward(m, ids, (int)n, logits);
        assert_int_equal(json_array_size(expected), model_info(m)->vocab);
        for (size_t i = 0; i < json_array_size(expected); i++) {
            const double e = json_number_value(json_array_get(expected, i));
            if (!(fabs(logits[i] - e) <= 1e-6 * fmax(1, fabs(e))))
                fail_msg("%s, sequence %zu, logit %zu: %.9g, expected %.9g", name, r, i,
                         logits[i], e);
        }
    }
    free(logits);
    json_decref(json);
    buf_release(&text);
    model_close(m);
    free(values);
    free(path);
}

static void test_llama(void **state)
{
    (void)state;
    check_arch("arch_llama", false);
}

static void test_qwen2(void **state)
{
    (void)state;
    check_arch("arch_qwen2", true);
}

static void test_qwen3(void **state)
{
    (void)state;
    check_arch("arch_qwen3", true);
}

/* Names are made from patterns, and every row of the table has a place and a size. */
static void test_table(void **state)
{
    (void)state;
    char name[64];
    const struct tf_config c = {.width = 8, .n_heads = 4, .n_kv_heads = 2, .head_dim = 6,
                                .ffn = 16, .vocab = 30};
    tensor_name("blk.%d.attn_q.weight", 12, name, sizeof name);
    assert_string_equal(name, "blk.12.attn_q.weight");
    tensor_name("output_norm.weight", 3, name, sizeof name);
    assert_string_equal(name, "output_norm.weight");
    assert_int_equal(tensor_dim_size(&c, DIM_HD), 24);
    assert_int_equal(tensor_dim_size(&c, DIM_KD), 12);
    for (size_t i = 0; i < tensor_table_len; i++) {
        const struct tensor_row *row = &tensor_table[i];
        assert_true(tensor_dim_size(&c, row->rows) > 0 && tensor_dim_size(&c, row->cols) > 0);
        assert_int_equal(strstr(row->gguf, "%d") != NULL, row->in_layer);
        assert_int_equal(strstr(row->hf, "%d") != NULL, row->in_layer);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->gguf, tensor_table[k].gguf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama),
        cmocka_unit_test(test_qwen2),
        cmocka_unit_test(test_qwen3),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
