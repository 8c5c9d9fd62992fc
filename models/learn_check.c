/* The gradient against central differences, on a small network in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/learn_net.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

#define CHECK_LIMIT 1e-6
#define CHECK_STEP 1e-3
#define CHECK_ENTRIES 6 /* numbers of a tensor: the largest and some others */

/* A batch and a loss that touches all of it. */
struct check_run {
    struct learner *learner;
    struct learn_batch batch;
    int32_t *targets;   /* by wanted row */
    double *weights;    /* by wanted row, of its log-probability */
    double *reference;  /* log-probabilities, wanted rows x vocab */
    double *loss;       /* by wanted row */
    struct learn_call call;
};

static void check_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct check_run *run = arg;
    struct logits reference = {BLAS_F64, run->reference + i * logits->n, logits->n, SIMD_NONE};
    struct loss_terms terms = {.id = {run->targets[i]},
                               .d_logprob = {-run->weights[i]},
                               .n = 1,
                               .d_entropy = -0.1,
                               .d_kl = 0.2,
                               .reference = &reference};
    struct loss_row row;

    (void)shard;
    loss_open(&row, logits, 0.9);
    run->loss[i] = -run->weights[i] * loss_logprob(&row, run->targets[i]) -
                   0.1 * loss_entropy(&row) + 0.2 * loss_kl(&row, &reference);
    loss_close(&row, &terms);
}

/* Neighbouring values as pairs, and each as a value with a target. */
static void check_values(void *arg, size_t shard, double *values, size_t n)
{
    struct check_run *run = arg;

    (void)shard;
    for (size_t i = 0; i < n; i++) {
        struct value_loss value = value_loss(values[i], 0, run->weights[i], 0);

        run->loss[i] = value.loss;
        if (i % 2 == 1) {
            struct pair_loss pair = pair_loss(values[i - 1], values[i], 0.7, 0.1, 0.01);

            run->loss[i] += pair.loss;
            values[i - 1] = value_loss(values[i - 1], 0, run->weights[i - 1], 0).d_value + pair.d_first;
            values[i] = value.d_value + pair.d_second;
        } else if (i + 1 == n) {
            values[i] = value.d_value;
        }
    }
}

static void add_segment(struct check_run *run, struct rng_key key, int parent, size_t n)
{
    const struct tf_config *config = &run->learner->config;
    struct rng_key own = rng_sub(key, run->batch.n_segments);
    int32_t ids[16];
    int segment;

    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(own, i, (uint64_t)config->vocab);
    segment = learn_batch_add(&run->batch, parent, ids, n);
    for (size_t i = 0; i < n; i += 1 + n / 4)
        learn_batch_want(&run->batch, segment, n - 1 - i);
}

/* A prompt with three samples, one of them with a branch, and a text of its own. */
static void check_init(struct check_run *run, struct learner *learner, uint64_t seed)
{
    struct rng_key key = rng_key(seed, "check grads", "batch");
    size_t vocab = (size_t)learner->config.vocab, n;

    memset(run, 0, sizeof(*run));
    run->learner = learner;
    add_segment(run, key, -1, 5);
    add_segment(run, key, 0, 4);
    add_segment(run, key, -1, 7);
    add_segment(run, key, 0, 3);
    add_segment(run, key, 1, 2);
    add_segment(run, key, 0, 6);
    /* The prompt's last token predicts the first of each sample. */
    learn_batch_want(&run->batch, 0, 4);
    learn_batch_want(&run->batch, 0, 4);
    n = run->batch.n_wanted;
    run->targets = xcalloc(n, sizeof(*run->targets));
    run->weights = xcalloc(n, sizeof(*run->weights));
    run->loss = xcalloc(n, sizeof(*run->loss));
    run->reference = xcalloc(n * vocab, sizeof(double));
    for (size_t i = 0; i < n; i++) {
        double sum = 0, *q = run->reference + i * vocab;

        run->targets[i] = (int32_t)rng_below(rng_sub(key, 100), i, vocab);
        run->weights[i] = rng_normal(rng_sub(key, 101), i);
        for (size_t j = 0; j < vocab; j++)
            sum += exp(q[j] = rng_normal(rng_sub(key, 102), i * vocab + j));
        for (size_t j = 0; j < vocab; j++)
            q[j] -= log(sum);
    }
    run->call = (struct learn_call){
        .shards = &run->batch, .n_shards = 1, .row = check_row, .values = check_values, .arg = run};
}

static void check_release(struct check_run *run)
{
    learn_batch_release(&run->batch);
    free(run->targets);
    free(run->weights);
    free(run->reference);
    free(run->loss);
}

static int check_loss(struct check_run *run, double *loss, struct error *err)
{
    int status;

    if (run->learner->options.head == LEARN_LM) {
        status = learner_forward(run->learner, &run->batch, check_row, run, run->call.cancel, err);
    } else {
        double *values = xcalloc(run->batch.n_wanted, sizeof(*values));

        status = learner_values(run->learner, &run->batch, values, run->call.cancel, err);
        check_values(run, 0, values, run->batch.n_wanted);
        free(values);
    }
    *loss = 0;
    for (size_t i = 0; i < run->batch.n_wanted; i++)
        *loss += run->loss[i];
    return status;
}

/* Five-point central difference at number `at` of the buffer. */
static int numeric(struct check_run *run, size_t at, double *slope, struct error *err)
{
    static const double steps[4] = {-2, -1, 1, 2}, factors[4] = {1, -8, 8, -1};
    double *w = (double *)run->learner->weights + at, kept = *w;
    int status = 0;

    *slope = 0;
    for (int i = 0; i < 4 && status == 0; i++) {
        double loss;

        *w = kept + steps[i] * CHECK_STEP;
        learner_touch(run->learner);
        status = check_loss(run, &loss, err);
        *slope += factors[i] * loss / (12 * CHECK_STEP);
    }
    *w = kept;
    learner_touch(run->learner);
    return status;
}

static int check_param(struct check_run *run, const struct param *param, const double *gradient,
                       uint64_t seed, struct learn_check *out, struct error *err)
{
    struct rng_key key = rng_key(seed, "check grads", param->name);
    size_t n = param->rows * param->cols, largest = 0;
    double max;

    for (size_t i = 0; i < n; i++)
        if (fabs(gradient[param->offset + i]) > fabs(gradient[param->offset + largest]))
            largest = i;
    max = fabs(gradient[param->offset + largest]);
    for (size_t e = 0; e < CHECK_ENTRIES && e < n; e++) {
        size_t at = param->offset + (e == 0 ? largest : (size_t)rng_below(key, e, n));
        double slope, off;

        if (numeric(run, at, &slope, err) != 0)
            return -1;
        off = fabs(slope - gradient[at]) / (max > 0 ? max : 1);
        out->compared++;
        if (off > out->worst || !isfinite(off) || out->compared == 1) {
            out->worst = off;
            snprintf(out->where, sizeof(out->where), "%s", param->name);
        }
        if (!(off <= out->limit))
            out->ok = false;
    }
    return 0;
}

int learn_check_shape(const struct tf_config *config, enum learn_head head, uint64_t seed,
                      struct pool *pool, struct learn_check *out, const struct cancel *cancel,
                      struct error *err)
{
    struct learner_options options = {.head = head, .bias = true, .real = BLAS_F64};
    struct learner *learner = learner_new(config, &options, pool, err);
    struct check_run run;
    double *gradient;
    int status;

    if (!learner)
        return -1;
    /* Large enough that attention is not flat, and norms away from 1. */
    for (size_t i = 0; i < learner->params.n; i++) {
        const struct param *param = &learner->params.list[i];
        struct rng_key key = rng_key(seed, "check weights", param->name);

        for (size_t j = 0; j < param->rows * param->cols; j++)
            ((double *)learner->weights)[param->offset + j] =
                (param->rows == 1 && param->row ? 1 : 0) + 0.3 * rng_normal(key, j);
    }
    learner_touch(learner);
    check_init(&run, learner, seed);
    run.call.cancel = cancel;
    gradient = xcalloc(learner->params.count, sizeof(double));
    status = learner_grad(learner, &run.call, err);
    memcpy(gradient, learner->gradient, learner->params.count * sizeof(double));
    for (size_t i = 0; i < learner->params.n && status == 0; i++)
        status = check_param(&run, &learner->params.list[i], gradient, seed, out, err);
    free(gradient);
    check_release(&run);
    learner_free(learner);
    return status;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

int learner_check_grads(const struct tf_config *shape, uint64_t seed, struct pool *pool,
                        struct learn_check *out, const struct cancel *cancel, struct error *err)
{
    struct tf_config config = *shape;
    int share = shape->n_heads / (shape->n_kv_heads > 0 ? shape->n_kv_heads : 1);

    share = share < 1 ? 1 : smaller(share, 4);
    config.n_layers = smaller(shape->n_layers, 2);
    config.width = smaller(shape->width, 32);
    config.n_kv_heads = smaller(shape->n_kv_heads, 2);
    config.n_heads = config.n_kv_heads * share;
    config.head_dim = smaller(shape->head_dim, 8);
    config.ffn = smaller(shape->ffn, 40);
    config.vocab = smaller(shape->vocab, 37);
    config.context = 64;
    *out = (struct learn_check){.limit = CHECK_LIMIT, .ok = true};
    for (int head = LEARN_LM; head <= LEARN_SCALAR; head++)
        if (learn_check_shape(&config, (enum learn_head)head, seed, pool, out, cancel, err) != 0)
            return -1;
    return 0;
}
