/* Adapters of low rank: what learns is theirs, what computes is the weights with them added. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/learn_net.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

#define FIELD(name) offsetof(struct lora_options, name)

const struct option lora_option_table[] = {
    {"lora_rank", OPTION_INT, FIELD(rank), 1, 4096, NULL, "8", "columns of an adapter"},
    {"lora_alpha", OPTION_REAL, FIELD(alpha), 0, 1e6, NULL, "16", "adapters count alpha / rank times"},
    {"lora_targets", OPTION_TEXT, FIELD(targets), 0, 0, NULL, "wq wv", "matrices that get one: wq wk wv wo gate up down"},
    {NULL, OPTION_INT, 0, 0, 0, NULL, NULL, NULL},
};

/* One matrix and its adapter; rank 0: learns itself (the scalar head). */
struct lora_part {
    size_t at, rows, cols; /* in the whole */
    size_t a, b;           /* in params */
};

struct lora {
    size_t rank;
    double scale;
    struct lora_part *parts;
    size_t n_parts;
    struct lora_part *heads; /* a: where it stands in params */
    size_t n_heads;
    void *base;      /* the weights without adapters */
    uint64_t synced; /* version of the adapters in the full weights */
};

/* ---- lists ---- */

static bool is_target(const char *targets, const char *name)
{
    const char *last = strrchr(name, '.');
    size_t len;

    last = last ? last + 1 : name;
    len = strlen(last);
    for (const char *at = targets; at && (at = strstr(at, last)); at += len)
        if ((at == targets || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
    return false;
}

static int check_targets(const char *targets, struct error *err)
{
    static const char *const known = "wq wk wv wo gate up down";

    for (const char *at = targets; *at;) {
        size_t len = strcspn(at, " ");
        char word[16];

        snprintf(word, sizeof(word), "%.*s", (int)(len > 15 ? 15 : len), at);
        if (len > 0 && !is_target(known, word)) {
            error_set(err, ERROR_USAGE, "%s is no matrix that can have an adapter", word);
            return error_hint(err, "these can: %s", known);
        }
        at += len + (at[len] == ' ');
    }
    return 0;
}

static void add_param(struct params *params, size_t *cap, const struct param *of, const char *ending,
                      size_t rows, size_t cols, bool decay)
{
    struct param param = {
        .offset = params->count, .rows = rows, .cols = cols, .decay = decay, .layer = of->layer};

    snprintf(param.name, sizeof(param.name), "%.40s%s", of->name, ending);
    params->list = array_grow(params->list, params->n, cap, sizeof(param));
    params->list[params->n++] = param;
    params->count += rows * cols;
}

static void list_parts(const struct learner *learner, const struct lora_options *options,
                       struct lora *lora, struct params *params)
{
    size_t cap = 0, cap_parts = 0, cap_heads = 0, rank = lora->rank;

    for (size_t i = 0; i < learner->whole.n; i++) {
        const struct param *of = &learner->whole.list[i];
        struct lora_part part = {.at = of->offset, .rows = of->rows, .cols = of->cols};

        part.a = params->count;
        if (!of->row) {
            lora->heads = array_grow(lora->heads, lora->n_heads, &cap_heads, sizeof(part));
            lora->heads[lora->n_heads++] = part;
            add_param(params, &cap, of, "", of->rows, of->cols, of->decay);
        } else if (of->row->in_layer && is_target(options->targets, of->name)) {
            add_param(params, &cap, of, ".lora_a", rank, of->cols, true);
            part.b = params->count;
            add_param(params, &cap, of, ".lora_b", of->rows, rank, true);
            lora->parts = array_grow(lora->parts, lora->n_parts, &cap_parts, sizeof(part));
            lora->parts[lora->n_parts++] = part;
        }
    }
}

/* ---- numbers ---- */

struct lora_run {
    struct learner *learner;
    const struct lora_part *part;
};

#define LORA_ROWS 16    /* rows of a tile */
#define LORA_COLUMNS 64 /* columns of a tile */

#define REAL_BITS 32
#include "models/learn_lora_template.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/learn_lora_template.h"
#undef REAL_BITS

static size_t tiles(size_t n, size_t share)
{
    return (n + share - 1) / share;
}

void learner_sync(struct learner *learner)
{
    bool real64 = learner->options.real == BLAS_F64;
    struct lora *lora = learner->lora;
    struct lora_run run = {learner, NULL};

    if (!lora || lora->synced == learner->version)
        return;
    for (size_t i = 0; i < lora->n_parts; i++) {
        run.part = &lora->parts[i];
        pool_run(learner->pool, POOL_BACKGROUND, tiles(run.part->rows, LORA_ROWS),
                 real64 ? lora_add_tile_f64 : lora_add_tile_f32, &run);
    }
    for (size_t i = 0; i < lora->n_heads; i++) {
        const struct lora_part *head = &lora->heads[i];
        size_t size = blas_real_size(learner->options.real);

        memcpy((char *)learner->full + head->at * size, (char *)learner->weights + head->a * size,
               head->rows * head->cols * size);
    }
    lora->synced = learner->version;
}

void lora_project(struct learner *learner)
{
    bool real64 = learner->options.real == BLAS_F64;
    struct lora *lora = learner->lora;
    struct lora_run run = {learner, NULL};

    for (size_t i = 0; i < lora->n_parts; i++) {
        run.part = &lora->parts[i];
        pool_run(learner->pool, POOL_BACKGROUND, tiles(run.part->cols, LORA_COLUMNS),
                 real64 ? lora_a_tile_f64 : lora_a_tile_f32, &run);
        pool_run(learner->pool, POOL_BACKGROUND, tiles(run.part->rows, LORA_ROWS),
                 real64 ? lora_b_tile_f64 : lora_b_tile_f32, &run);
    }
    for (size_t i = 0; i < lora->n_heads; i++)
        (real64 ? lora_head_f64 : lora_head_f32)(learner, &lora->heads[i]);
}

void lora_init(struct learner *learner, uint64_t seed)
{
    double std = 1 / sqrt((double)learner->lora->rank);

    for (size_t i = 0; i < learner->params.n; i++) {
        const struct param *param = &learner->params.list[i];
        struct rng_key key = rng_key(seed, "init", param->name);
        size_t len = strlen(param->name);
        bool a = len > 7 && strcmp(param->name + len - 7, ".lora_a") == 0;

        if (strncmp(param->name, "score.", 6) == 0)
            continue; /* stays as it is: it may be trained already */
        for (size_t j = 0; j < param->rows * param->cols; j++) {
            double x = a ? std * rng_normal(key, j) : 0;

            if (learner->options.real == BLAS_F64)
                ((double *)learner->weights)[param->offset + j] = x;
            else
                ((float *)learner->weights)[param->offset + j] = (float)x;
        }
    }
    learner_touch(learner);
}

/* ---- on and off ---- */

/* Products whose gradient nobody asks for are left out. */
static void mark_skips(struct learner *learner)
{
    const struct lora *lora = learner->lora;

    for (size_t i = 0;; i++) {
        struct learn_matrix *matrix = learn_matrix_at(learner, i);
        bool asked = !lora;

        if (!matrix)
            return;
        for (size_t p = 0; lora && p < lora->n_parts; p++)
            asked = asked || (lora->parts[p].at >= matrix->at &&
                              lora->parts[p].at < matrix->at + matrix->rows * matrix->cols);
        matrix->skip = !asked;
    }
}

int learner_add_lora(struct learner *learner, const struct lora_options *options, uint64_t seed,
                     struct error *err)
{
    size_t size = blas_real_size(learner->options.real), whole = learner->whole.count * size;
    struct params params = {0};
    struct lora *lora;
    void *weights, *gradient;

    if (learner->lora)
        return error_set(err, ERROR_USAGE, "this network has adapters already");
    if (check_targets(options->targets, err) != 0)
        return -1;
    lora = xcalloc(1, sizeof(*lora));
    lora->rank = (size_t)options->rank;
    lora->scale = options->alpha / (double)options->rank;
    list_parts(learner, options, lora, &params);
    lora->base = mem_try(whole, "the weights under adapters", err);
    weights = mem_try(params.count * size + 64, "the adapters", err);
    gradient = mem_try(params.count * size + 64, "the adapters' gradient", err);
    if (!lora->base || !weights || !gradient || lora->n_parts == 0) {
        if (lora->base && weights && gradient)
            error_set(err, ERROR_USAGE, "no matrix of this network gets an adapter");
        free(lora->base);
        free(lora->parts);
        free(lora->heads);
        free(lora);
        free(weights);
        free(gradient);
        free(params.list);
        return -1;
    }
    memcpy(lora->base, learner->full, whole);
    for (size_t i = 0; i < lora->n_heads; i++)
        memcpy((char *)weights + lora->heads[i].a * size,
               (char *)learner->full + lora->heads[i].at * size,
               lora->heads[i].rows * lora->heads[i].cols * size);
    learner->params = params;
    learner->weights = weights;
    learner->gradient = gradient;
    learner->lora = lora;
    mark_skips(learner);
    lora_init(learner, seed);
    return 0;
}

/* Back to the whole network's arrays. */
static void leave(struct learner *learner)
{
    struct lora *lora = learner->lora;

    free(lora->base);
    free(lora->parts);
    free(lora->heads);
    free(lora);
    free(learner->weights);
    free(learner->gradient);
    free(learner->params.list);
    learner->params = learner->whole;
    learner->weights = learner->full;
    learner->gradient = learner->full_gradient;
    learner->lora = NULL;
}

void learner_merge_lora(struct learner *learner)
{
    if (!learner->lora)
        return;
    learner_sync(learner);
    leave(learner);
    mark_skips(learner);
    learner_touch(learner);
}

void lora_free(struct learner *learner)
{
    if (learner->lora)
        leave(learner);
}
