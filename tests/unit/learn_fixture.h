/* What the tests of training share: networks whose weights are a formula, the golden file, losses over a batch. */
#ifndef RLAIF_TESTS_LEARN_FIXTURE_H
#define RLAIF_TESTS_LEARN_FIXTURE_H

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/learn.h"
#include "models/optimiser.h"
#include "models/returns.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

static inline json_t *golden_open(void)
{
    const char *src = getenv("RLAIF_SRC");
    char *path = path_join(src ? src : ".", "tests/golden/tiny_llama.json");
    struct error err = {0};
    struct buf text;
    json_t *root;

    buf_init(&text, 0);
    if (file_read(path, BUF_MAX_TEXT, 0, &text, &err) != 0)
        fail_msg("%s: %s", path, err.text);
    root = json_parse(text.data, text.len, path, 1, &err);
    assert_non_null(root);
    buf_release(&text);
    free(path);
    return root;
}

/* "a.b.c" */
static inline json_t *golden_at(const json_t *root, const char *path)
{
    const json_t *at = root;
    char part[64];

    while (at && *path) {
        size_t n = strcspn(path, "/");

        snprintf(part, sizeof(part), "%.*s", (int)n, path);
        at = json_object_get(at, part);
        path += n + (path[n] == '/');
    }
    if (!at)
        fail_msg("the golden file has no %s", part);
    return (json_t *)at;
}

static inline double golden_number(const json_t *root, const char *path)
{
    return json_number_value(golden_at(root, path));
}

/* Any nesting of lists of numbers, one after another. */
static inline size_t golden_numbers(const json_t *list, double *out)
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);

        if (json_is_array(item))
            n += golden_numbers(item, out + n);
        else
            out[n++] = json_number_value(item);
    }
    return n;
}

static inline double number_at(const struct learner *learner, const void *buffer, size_t i)
{
    return learner_options(learner)->real == BLAS_F64 ? ((const double *)buffer)[i]
                                                      : (double)((const float *)buffer)[i];
}

static inline void put_weight(struct learner *learner, size_t i, double x)
{
    if (learner_options(learner)->real == BLAS_F64)
        ((double *)learner_weights(learner))[i] = x;
    else
        ((float *)learner_weights(learner))[i] = (float)x;
}

static inline struct tf_config tiny_config(void)
{
    return (struct tf_config){.arch = "llama",
                              .n_layers = 2,
                              .width = 16,
                              .n_heads = 4,
                              .n_kv_heads = 2,
                              .head_dim = 4,
                              .ffn = 24,
                              .vocab = 29,
                              .context = 64,
                              .rope_base = 10000,
                              .norm_eps = 1e-5,
                              .tied = true};
}

/* The golden file's formula: tensor t is the t-th of the buffer; the scalar head is 0.2 sin(0.9 j + 0.4). */
static inline void fill_formula(struct learner *learner, double phase)
{
    const struct params *params = learner_params(learner);

    for (size_t t = 0; t < params->n; t++) {
        const struct param *param = &params->list[t];

        for (size_t i = 0; i < param->rows * param->cols; i++) {
            double v = sin(0.7 * (double)i + 1.3 * (double)t + phase);

            if (!param->row)
                put_weight(learner, param->offset + i, 0.2 * sin(0.9 * (double)i + 0.4));
            else
                put_weight(learner, param->offset + i, param->rows == 1 ? 1 + 0.1 * v : 0.3 * v);
        }
    }
    learner_touch(learner);
}

static inline struct learner *learner_make(const struct tf_config *config, enum learn_head head,
                                           enum blas_real real, struct pool *pool)
{
    struct learner_options options = {.head = head, .real = real};
    struct error err = {0};
    struct learner *learner = learner_new(config, &options, pool, &err);

    if (!learner)
        fail_msg("%s", err.text);
    return learner;
}

#endif
