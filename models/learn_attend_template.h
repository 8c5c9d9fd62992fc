/* Attention over a tree of segments, forward and backward; included by learn.c with REAL_BITS set. */
#include "models/real.h"

/* Keys that a block of queries sees in one segment of its path. */
struct R(learn_range) {
    size_t row, local;  /* of the segment's first key: in the batch, in the tree */
    size_t n, column;   /* keys; where they stand in a row of scores */
};

/* One tree and one kv head: nothing else writes where this does. */
struct R(learn_attend) {
    const struct R(learn_run) *run;
    const struct R(learn_layer) *layer;
    const struct learn_tree *tree;
    size_t g;                 /* kv head */
    size_t dim, qkv_width, heads_width, lanes;
    REAL scale;
    REAL *keys, *values;      /* columns: dim x lanes */
    REAL *scores, *dscores;   /* LEARN_BLOCK x width */
    size_t width;
    struct R(learn_range) ranges[LEARN_DEPTH];
    size_t n_ranges, path;    /* columns in use */
};

static size_t learn_lanes(size_t n);

/* Keys (or values) of the tree by columns, so that scores are a product by rows. */
static void R(take_columns)(const struct R(learn_attend) *a, size_t head, REAL *to)
{
    const struct learn_batch *batch = a->run->batch;
    const struct learn_forest *forest = a->run->forest;

    for (size_t i = a->tree->first; i < a->tree->first + a->tree->n; i++) {
        const struct learn_segment *segment = &batch->segments[forest->order[i]];
        size_t at = forest->local[forest->order[i]];

        a->run->net_ops->transpose(
            to + at, a->lanes, a->layer->heads + segment->first_row * a->qkv_width + head * a->dim,
            a->qkv_width, segment->n_rows, a->dim);
    }
    for (size_t d = 0; d < a->dim; d++)
        memset(to + d * a->lanes + a->tree->n_rows, 0,
               (a->lanes - a->tree->n_rows) * sizeof(REAL));
}

/* From the root down to the segment itself, of which the queries up to `end` see `end` keys. */
static void R(list_ranges)(struct R(learn_attend) *a, size_t s, size_t end)
{
    const struct learn_batch *batch = a->run->batch;
    size_t n = 0, column = 0;

    for (int at = (int)s; at >= 0; at = batch->segments[at].parent)
        n++;
    a->n_ranges = n;
    for (int at = (int)s; at >= 0; at = batch->segments[at].parent) {
        const struct learn_segment *segment = &batch->segments[at];

        a->ranges[--n] = (struct R(learn_range)){segment->first_row, a->run->forest->local[at],
                                                 segment->n_rows, 0};
    }
    a->ranges[a->n_ranges - 1].n = end;
    for (size_t i = 0; i < a->n_ranges; i++) {
        a->ranges[i].column = column;
        column += learn_lanes(a->ranges[i].n);
    }
    a->path = column;
}

/* q k^T for m queries from row `row` of head `head`; columns that they may not see are -infinity. */
static void R(attend_scores)(struct R(learn_attend) *a, size_t row, size_t first, size_t m,
                             size_t head)
{
    for (size_t i = 0; i < a->n_ranges; i++) {
        const struct R(learn_range) *range = &a->ranges[i];
        struct R(learn_mul) mul = {.c = a->scores + range->column,
                                   .ldc = a->width,
                                   .a = a->layer->heads + row * a->qkv_width + head * a->dim,
                                   .a_row = a->qkv_width,
                                   .a_col = 1,
                                   .b = a->keys + range->local,
                                   .ldb = a->lanes,
                                   .m = m,
                                   .n = learn_lanes(range->n),
                                   .depth = a->dim};

        a->run->net_ops->mul(&mul);
        for (size_t r = 0; r < m; r++) {
            size_t seen = i + 1 < a->n_ranges ? range->n : first + r + 1;

            for (size_t j = seen; j < mul.n; j++)
                mul.c[r * a->width + j] = -(REAL)INFINITY;
        }
    }
}

static void R(attend_forward_block)(struct R(learn_attend) *a, size_t row, size_t first, size_t m,
                                    size_t head)
{
    const struct learner *learner = a->run->learner;
    size_t n_heads = (size_t)learner->config.n_heads;
    size_t value = (n_heads + (size_t)learner->config.n_kv_heads + a->g) * a->dim;
    REAL *out = a->layer->attended + row * a->heads_width + head * a->dim;
    REAL sums[LEARN_BLOCK];

    R(attend_scores)(a, row, first, m, head);
    for (size_t r = 0; r < m; r++) {
        REAL *s = a->scores + r * a->width;
        REAL top = a->run->ops->largest(s, a->path) * a->scale;

        sums[r] = a->run->net_ops->exponentials(s, a->path, a->scale, top);
        a->layer->logsum[(row + r) * n_heads + head] = top + (REAL)log((double)sums[r]);
    }
    for (size_t i = 0; i < a->n_ranges; i++) {
        const struct R(learn_range) *range = &a->ranges[i];
        struct R(learn_mul) mul = {.c = out,
                                   .ldc = a->heads_width,
                                   .a = a->scores + range->column,
                                   .a_row = a->width,
                                   .a_col = 1,
                                   .b = a->layer->heads + range->row * a->qkv_width + value,
                                   .ldb = a->qkv_width,
                                   .m = m,
                                   .n = a->dim,
                                   .depth = range->n,
                                   .add = i > 0};

        a->run->net_ops->mul(&mul);
    }
    for (size_t r = 0; r < m; r++) {
        REAL inverse = 1 / sums[r];

        for (size_t d = 0; d < a->dim; d++)
            out[r * a->heads_width + d] *= inverse;
    }
}

/*
 * With P the softmax, O = P V: dV += P^T dO, dP = dO V^T, dS = P (dP - sum_d dO O) scale,
 * dQ = dS K, dK += dS^T Q. dqkv has the layout of qkv; dattended stands in dh.
 */
static void R(attend_backward_block)(struct R(learn_attend) *a, size_t row, size_t first, size_t m,
                                     size_t head)
{
    const struct learner *learner = a->run->learner;
    const struct R(learn_ops) *ops = a->run->net_ops;
    size_t n_heads = (size_t)learner->config.n_heads;
    size_t key = (n_heads + a->g) * a->dim, value = key + (size_t)learner->config.n_kv_heads * a->dim;
    const REAL *q = a->layer->heads + row * a->qkv_width + head * a->dim;
    const REAL *out = a->layer->attended + row * a->heads_width + head * a->dim;
    const REAL *dout = a->run->net->dh + row * a->heads_width + head * a->dim;
    REAL *dqkv = a->run->net->wide;

    R(attend_scores)(a, row, first, m, head);
    for (size_t i = 0; i < a->n_ranges; i++) {
        const struct R(learn_range) *range = &a->ranges[i];
        struct R(learn_mul) mul = {.c = a->dscores + range->column,
                                   .ldc = a->width,
                                   .a = dout,
                                   .a_row = a->heads_width,
                                   .a_col = 1,
                                   .b = a->values + range->local,
                                   .ldb = a->lanes,
                                   .m = m,
                                   .n = learn_lanes(range->n),
                                   .depth = a->dim};

        ops->mul(&mul);
    }
    for (size_t r = 0; r < m; r++) {
        REAL delta = ops->dot(dout + r * a->heads_width, out + r * a->heads_width, a->dim);

        ops->attend_back(a->scores + r * a->width, a->dscores + r * a->width, a->path, a->scale,
                         a->layer->logsum[(row + r) * n_heads + head], delta);
    }
    for (size_t i = 0; i < a->n_ranges; i++) {
        const struct R(learn_range) *range = &a->ranges[i];
        const REAL *keys = a->layer->heads + range->row * a->qkv_width + key;
        REAL *dkeys = dqkv + range->row * a->qkv_width + key;
        struct R(learn_mul) dq = {.c = dqkv + row * a->qkv_width + head * a->dim,
                                  .ldc = a->qkv_width,
                                  .a = a->dscores + range->column,
                                  .a_row = a->width,
                                  .a_col = 1,
                                  .b = keys,
                                  .ldb = a->qkv_width,
                                  .m = m,
                                  .n = a->dim,
                                  .depth = range->n,
                                  .add = i > 0};
        struct R(learn_mul) dk = {.c = dkeys,
                                  .ldc = a->qkv_width,
                                  .a = a->dscores + range->column,
                                  .a_row = 1,
                                  .a_col = a->width,
                                  .b = q,
                                  .ldb = a->qkv_width,
                                  .m = range->n,
                                  .n = a->dim,
                                  .depth = m,
                                  .add = true};
        struct R(learn_mul) dv = dk;

        dv.c = dqkv + range->row * a->qkv_width + value;
        dv.a = a->scores + range->column;
        dv.b = dout;
        dv.ldb = a->heads_width;
        ops->mul(&dq);
        ops->mul(&dk);
        ops->mul(&dv);
    }
}

/* Behind the last layer nobody reads the other rows: a block without a wanted one has no output, and no gradient. */
static bool R(attend_asked)(const struct R(learn_attend) *a, size_t row, size_t m)
{
    if (!a->run->compact)
        return true;
    for (size_t r = row; r < row + m; r++)
        if (a->run->net->asked[r])
            return true;
    return false;
}

static void R(attend_nothing)(const struct R(learn_attend) *a, size_t row, size_t m, size_t head)
{
    for (size_t r = row; r < row + m; r++)
        memset(a->run->net->wide + r * a->qkv_width + head * a->dim, 0, a->dim * sizeof(REAL));
}

static void R(attend_tree)(const struct R(learn_run) *run, size_t index, int worker, bool backward)
{
    const struct learner *learner = run->learner;
    const struct tf_config *config = &learner->config;
    const struct learn_forest *forest = run->forest;
    size_t n_kv = (size_t)config->n_kv_heads, share = (size_t)config->n_heads / n_kv;
    struct R(learn_net) *net = run->net;
    struct R(learn_attend) a = {.run = run,
                                .layer = run->layer,
                                .tree = &forest->trees[index / n_kv],
                                .g = index % n_kv,
                                .dim = (size_t)config->head_dim,
                                .qkv_width = tf_qkv_width(config),
                                .width = forest->max_path};
    REAL *room = net->workers + (size_t)worker * net->worker_reals;

    if (cancel_asked(run->cancel))
        return;
    a.heads_width = (size_t)config->n_heads * a.dim;
    a.scale = (REAL)(1 / sqrt((double)a.dim));
    a.lanes = learn_lanes(a.tree->n_rows) + LEARN_LANES;
    a.scores = room;
    a.dscores = a.scores + LEARN_BLOCK * a.width;
    a.keys = a.dscores + LEARN_BLOCK * a.width;
    a.values = a.keys + a.dim * a.lanes;
    R(take_columns)(&a, (size_t)config->n_heads + a.g, a.keys);
    if (backward)
        R(take_columns)(&a, (size_t)config->n_heads + n_kv + a.g, a.values);
    for (size_t i = a.tree->first; i < a.tree->first + a.tree->n; i++) {
        const struct learn_segment *segment = &run->batch->segments[forest->order[i]];

        for (size_t r = 0; backward && r < segment->n_rows; r++) {
            REAL *to = net->wide + (segment->first_row + r) * a.qkv_width +
                       ((size_t)config->n_heads + a.g) * a.dim;

            memset(to, 0, a.dim * sizeof(REAL));
            memset(to + n_kv * a.dim, 0, a.dim * sizeof(REAL));
        }
    }
    for (size_t i = a.tree->first; i < a.tree->first + a.tree->n; i++) {
        const struct learn_segment *segment = &run->batch->segments[forest->order[i]];

        for (size_t first = 0; first < segment->n_rows; first += LEARN_BLOCK) {
            size_t m = segment->n_rows - first < LEARN_BLOCK ? segment->n_rows - first : LEARN_BLOCK;

            if (!R(attend_asked)(&a, segment->first_row + first, m)) {
                for (size_t h = a.g * share; h < (a.g + 1) * share && backward; h++)
                    R(attend_nothing)(&a, segment->first_row + first, m, h);
                continue;
            }
            R(list_ranges)(&a, forest->order[i], first + m);
            for (size_t h = a.g * share; h < (a.g + 1) * share; h++) {
                if (backward)
                    R(attend_backward_block)(&a, segment->first_row + first, first, m, h);
                else
                    R(attend_forward_block)(&a, segment->first_row + first, first, m, h);
            }
        }
    }
}

static void R(attend_forward_tile)(void *arg, size_t index, int worker)
{
    R(attend_tree)(arg, index, worker, false);
}

static void R(attend_backward_tile)(void *arg, size_t index, int worker)
{
    R(attend_tree)(arg, index, worker, true);
}
