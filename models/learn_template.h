/* Forward and backward for one kind of number; included by learn.c with REAL_BITS set. */
#include "models/real.h"

/* How rows become one side of a product. */
enum R(learn_side) { R(SIDE_PLAIN), R(SIDE_NORM), R(SIDE_SWIGLU) };

/* What the tiles of one call share. */
struct R(learn_run) {
    struct learner *learner;
    struct R(learn_net) *net;
    const struct R(ops) *ops;
    const struct R(learn_ops) *net_ops;
    const struct learn_batch *batch;
    const struct learn_forest *forest;
    const struct cancel *cancel;
    REAL *gradient; /* of this shard */
    struct R(learn_layer) *layer;
    size_t m;       /* rows */
    size_t n_asked; /* different wanted rows */
    bool compact;   /* in the last layer only those go on behind attention */
    /* Packing one side. */
    enum R(learn_side) side;
    const REAL *from, *weight, *inverse;
    REAL *keep_inverse;
    size_t stride, rows, depth, width;
    REAL *to;
    /* Norm backward. */
    REAL *dx;
    const REAL *dy;
    /* The head. */
    size_t chunk, shard;
    learn_row_fn *row;
    void *arg;
};

#include "models/learn_attend_template.h"

static void R(run_tiles)(const struct R(learn_run) *run, size_t n,
                         void (*tile)(void *arg, size_t index, int worker))
{
    if (!cancel_asked(run->cancel))
        pool_run(run->learner->pool, POOL_BACKGROUND, n, tile, (void *)run);
}

/* ---- weights as panels ---- */

/* Some panels of one side of one matrix. */
struct R(learn_pack) {
    const struct learn_matrix *matrix;
    bool by_columns;
    size_t first, n;
};

#define PACK_REALS 16384 /* of a tile */

static void R(pack_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    const struct R(learn_pack) *pack = &run->net->packs[index];
    const struct learn_matrix *matrix = pack->matrix;
    const struct blas_panels *panels = pack->by_columns ? &matrix->by_columns : &matrix->by_rows;
    const REAL *weights = (const REAL *)run->learner->full + matrix->at;

    (void)worker;
    for (size_t p = pack->first; p < pack->first + pack->n; p++) {
        size_t at = p * panels->wide;
        size_t n = panels->rows - at < panels->wide ? panels->rows - at : panels->wide;
        REAL *to = (REAL *)panels->data + at * panels->depth;

        if (pack->by_columns)
            run->net_ops->pack_columns(to, weights + at, matrix->cols, n, panels->wide,
                                       panels->depth, NULL, NULL);
        else
            run->ops->pack(to, weights + at * matrix->cols, matrix->cols, n, panels->wide,
                           panels->depth);
    }
}

static void R(pack_weights)(const struct R(learn_run) *run)
{
    if (run->net->packed == run->learner->version)
        return;
    pool_run(run->learner->pool, POOL_BACKGROUND, run->net->n_packs, R(pack_tile), (void *)run);
    run->net->packed = run->learner->version;
}

/* ---- products ---- */

/* One panel of rows; with a norm or SwiGLU the rows are made in the thread's room first. */
static void R(rows_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t first = index * run->width, depth = run->depth, stride = run->stride;
    size_t n = run->rows - first < run->width ? run->rows - first : run->width;
    REAL *made = run->net->workers + (size_t)worker * run->net->worker_reals;
    const REAL *from = run->from + first * stride;

    for (size_t r = 0; run->side != R(SIDE_PLAIN) && r < n; r++) {
        const REAL *row = from + r * stride;

        if (run->side == R(SIDE_NORM)) {
            REAL inverse = run->net_ops->rms(row, depth, run->learner->config.norm_eps);

            run->keep_inverse[first + r] = inverse;
            run->net_ops->scale(made + r * depth, row, run->weight, inverse, depth);
        } else {
            run->ops->swiglu(made + r * depth, row, row + depth, depth);
        }
    }
    if (run->side == R(SIDE_PLAIN))
        run->ops->pack(run->to + first * depth, from, stride, n, run->width, depth);
    else
        run->ops->pack(run->to + first * depth, made, depth, n, run->width, depth);
}

/* y (+)= rows(from) * panels^T, m rows */
static void R(multiply)(struct R(learn_run) *run, enum R(learn_side) side, const REAL *from,
                        size_t stride, size_t m, const struct blas_panels *panels, REAL *y,
                        bool add)
{
    size_t tall = run->learner->kernel.micro[BLAS_REAL].tall;
    struct blas_gemm gemm = {.kernel = &run->learner->kernel,
                             .weights = panels,
                             .x = run->net->packed_rows,
                             .m = m,
                             .y = y,
                             .ldy = panels->rows,
                             .add = add,
                             .cancel = run->cancel};

    run->side = side;
    run->from = from;
    run->stride = stride;
    run->rows = m;
    run->depth = panels->depth;
    run->width = tall;
    run->to = run->net->packed_rows;
    R(run_tiles)(run, (m + tall - 1) / tall, R(rows_tile));
    if (!cancel_asked(run->cancel))
        blas_gemm(&gemm, run->learner->pool, POOL_BACKGROUND);
}

/*
 * Some rows of some panels of a transpose: columns of `from` become rows, its rows the depth. A
 * few rows at a time for all its panels, so that a line that two panels share is read once.
 */
#define COLUMN_PANELS 8
#define COLUMN_ROWS 64   /* at a time */
#define COLUMN_SHARE 256 /* rows of a tile */

static void R(columns_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t shares = (run->depth + COLUMN_SHARE - 1) / COLUMN_SHARE;
    size_t first = index / shares * COLUMN_PANELS * run->width;
    size_t end = first + COLUMN_PANELS * run->width;
    size_t k = index % shares * COLUMN_SHARE, stop = k + COLUMN_SHARE;

    (void)worker;
    end = end < run->rows ? end : run->rows;
    stop = stop < run->depth ? stop : run->depth;
    for (; k < stop; k += COLUMN_ROWS)
        for (size_t at = first; at < end; at += run->width)
            run->net_ops->pack_columns(
                run->to + at * run->depth + k * run->width, run->from + k * run->stride + at,
                run->stride, end - at < run->width ? end - at : run->width, run->width,
                stop - k < COLUMN_ROWS ? stop - k : COLUMN_ROWS,
                run->inverse ? run->inverse + k : NULL, run->inverse ? run->weight + at : NULL);
}

static void R(pack_side)(struct R(learn_run) *run, const REAL *from, size_t columns, size_t m,
                         size_t width, REAL *to)
{
    size_t share = COLUMN_PANELS * width;

    run->from = from;
    run->stride = run->rows = columns;
    run->depth = m;
    run->width = width;
    run->to = to;
    R(run_tiles)(run, (columns + share - 1) / share * ((m + COLUMN_SHARE - 1) / COLUMN_SHARE),
                 R(columns_tile));
}

/* The gradient of a matrix of `out` x `in`: += dy^T x over m rows; x times inverse and weight where given. */
static void R(outer)(struct R(learn_run) *run, const REAL *dy, size_t out, const REAL *x, size_t in,
                     size_t m, const REAL *inverse, const REAL *weight, REAL *to)
{
    const struct blas_micro *micro = &run->learner->kernel.micro[BLAS_REAL];
    struct blas_panels panels = {.real = BLAS_REAL,
                                 .rows = in,
                                 .depth = m,
                                 .data = run->net->packed_columns,
                                 .wide = micro->wide};
    struct blas_gemm gemm = {.kernel = &run->learner->kernel,
                             .weights = &panels,
                             .x = run->net->packed_rows,
                             .m = out,
                             .y = to,
                             .ldy = in,
                             .add = true,
                             .cancel = run->cancel};

    run->inverse = inverse;
    run->weight = weight;
    R(pack_side)(run, x, in, m, micro->wide, run->net->packed_columns);
    run->inverse = NULL;
    R(pack_side)(run, dy, out, m, micro->tall, run->net->packed_rows);
    if (!cancel_asked(run->cancel))
        blas_gemm(&gemm, run->learner->pool, POOL_BACKGROUND);
}

/* ---- row by row ---- */

#define LEARN_ROWS 16  /* rows of a tile */
#define SUM_ROWS 64    /* rows whose sums make one partial sum */

static void R(embed_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t width = (size_t)run->learner->config.width, end = (index + 1) * LEARN_ROWS;
    const REAL *embed = (const REAL *)run->learner->full + run->net->embed;

    (void)worker;
    for (size_t row = index * LEARN_ROWS; row < end && row < run->m; row++) {
        const REAL *from = run->batch->hidden
                               ? (const REAL *)run->batch->hidden + row * width
                               : embed + (size_t)run->batch->ids[row] * width;

        memcpy(run->layer->entry + row * width, from, width * sizeof(REAL));
    }
}

/* Bias, head norms and rotation of Q and K; V's bias. */
static void R(heads_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    const struct tf_config *config = &run->learner->config;
    const REAL *weights = run->learner->full;
    const struct R(learn_layer) *layer = run->layer;
    size_t dim = (size_t)config->head_dim, width = tf_qkv_width(config);
    size_t n_q = (size_t)config->n_heads, n_qk = n_q + (size_t)config->n_kv_heads;
    size_t end = (index + 1) * LEARN_ROWS;

    (void)worker;
    for (size_t row = index * LEARN_ROWS; row < end && row < run->m; row++) {
        REAL *x = layer->heads + row * width;
        const REAL *turn = run->net->turns + (size_t)run->net->positions[row] * dim;

        if (layer->bias != LEARN_NONE)
            for (size_t i = 0; i < width; i++)
                x[i] += weights[layer->bias + i];
        if (layer->raw)
            memcpy(layer->raw + row * width, x, width * sizeof(REAL));
        for (size_t h = 0; h < n_qk; h++) {
            size_t norm = h < n_q ? layer->q_norm : layer->k_norm;

            if (norm != LEARN_NONE)
                run->ops->norm(x + h * dim, x + h * dim, weights + norm, dim, config->norm_eps);
            run->ops->rope(x + h * dim, turn, dim / 2);
        }
    }
}

/*
 * The same backward on dqkv (wide). Sums over rows go to a partial of SUM_ROWS rows each: bias,
 * then head norms.
 */
static void R(heads_back_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    const struct tf_config *config = &run->learner->config;
    const REAL *weights = run->learner->full;
    const struct R(learn_layer) *layer = run->layer;
    size_t dim = (size_t)config->head_dim, width = tf_qkv_width(config);
    size_t n_q = (size_t)config->n_heads, n_qk = n_q + (size_t)config->n_kv_heads;
    REAL *sums = run->net->partial + index * (width + 2 * dim);
    REAL head[ATTEND_STRIDE];

    (void)worker;
    memset(sums, 0, (width + 2 * dim) * sizeof(REAL));
    for (size_t row = index * SUM_ROWS; row < (index + 1) * SUM_ROWS && row < run->m; row++) {
        REAL *dx = run->net->wide + row * width;
        const REAL *turn = run->net->turns + (size_t)run->net->positions[row] * dim;

        for (size_t h = 0; h < n_qk; h++) {
            size_t norm = h < n_q ? layer->q_norm : layer->k_norm;
            const REAL *x;

            run->net_ops->unrope(dx + h * dim, turn, dim / 2);
            if (norm == LEARN_NONE)
                continue;
            x = layer->raw + row * width + h * dim;
            memcpy(head, dx + h * dim, dim * sizeof(REAL));
            memset(dx + h * dim, 0, dim * sizeof(REAL));
            run->net_ops->norm_back(dx + h * dim, sums + width + (h < n_q ? 0 : dim), x,
                                    weights + norm, head,
                                    run->net_ops->rms(x, dim, config->norm_eps), dim);
        }
        if (layer->bias != LEARN_NONE)
            for (size_t i = 0; i < width; i++)
                sums[i] += dx[i];
    }
}

/* dx += the norm's backward of dy; the weight's part of each SUM_ROWS rows to a partial. */
static void R(norm_back_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t width = (size_t)run->learner->config.width;
    REAL *sums = run->net->partial + index * width;

    (void)worker;
    memset(sums, 0, width * sizeof(REAL));
    for (size_t row = index * SUM_ROWS; row < (index + 1) * SUM_ROWS && row < run->rows; row++)
        run->net_ops->norm_back(run->dx + row * width, sums, run->from + row * width, run->weight,
                                run->dy + row * width, run->inverse[row], width);
}

/* Adds n partial sums of `width` numbers, `stride` apart, in their order. */
static void R(add_partials)(const struct R(learn_run) *run, size_t n, size_t stride, size_t at,
                            size_t width, size_t to)
{
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < width; i++)
            run->gradient[to + i] += run->net->partial[p * stride + at + i];
}

static void R(norm_back)(struct R(learn_run) *run, REAL *dx, const REAL *x, const REAL *inverse,
                         size_t norm, const REAL *dy, size_t m)
{
    size_t width = (size_t)run->learner->config.width, blocks = (m + SUM_ROWS - 1) / SUM_ROWS;

    run->rows = m;
    run->dx = dx;
    run->from = x;
    run->inverse = inverse;
    run->weight = (const REAL *)run->learner->full + norm;
    run->dy = dy;
    R(run_tiles)(run, blocks, R(norm_back_tile));
    R(add_partials)(run, blocks, width, 0, width, norm);
}

static void R(swiglu_back_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t ffn = (size_t)run->learner->config.ffn, end = (index + 1) * LEARN_ROWS;

    (void)worker;
    for (size_t row = index * LEARN_ROWS; row < end && row < run->rows; row++) {
        const REAL *gate = run->layer->gates + row * 2 * ffn;
        REAL *dgate = run->net->wide + row * 2 * ffn;

        run->net_ops->swiglu_back(run->net->act + row * ffn, dgate, dgate + ffn, gate, gate + ffn,
                                  ffn);
    }
}

/* Adds the rows of dx to the rows of the embedding; each tile owns some ids. */
#define EMBED_TILES 16

static void R(embed_back_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t width = (size_t)run->learner->config.width;

    (void)worker;
    for (size_t row = 0; row < run->m; row++) {
        size_t id = (size_t)run->batch->ids[row];
        REAL *to = run->gradient + run->net->embed + id * width;
        const REAL *from = run->net->dx + row * width;

        if (id % EMBED_TILES != index)
            continue;
        for (size_t i = 0; i < width; i++)
            to[i] += from[i];
    }
}

static void R(copy_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t width = (size_t)run->learner->config.width, first = index * SUM_ROWS;
    size_t n = run->rows - first < SUM_ROWS ? run->rows - first : SUM_ROWS;

    (void)worker;
    if (run->from)
        memcpy(run->to + first * width, run->from + first * width, n * width * sizeof(REAL));
    else
        memset(run->to + first * width, 0, n * width * sizeof(REAL));
}

/* Rows of the residual stream; from NULL: zeros. */
static void R(copy)(struct R(learn_run) *run, REAL *to, const REAL *from, size_t m)
{
    run->to = to;
    run->from = from;
    run->rows = m;
    R(run_tiles)(run, (m + SUM_ROWS - 1) / SUM_ROWS, R(copy_tile));
}

/* The row of the s-th of the different wanted rows. */
static size_t R(asked_row)(const struct R(learn_run) *run, size_t s)
{
    return run->batch->wanted[run->net->by_row[run->net->starts[s]]];
}

static void R(pick)(const struct R(learn_run) *run, const REAL *from, size_t width, REAL *to)
{
    for (size_t s = 0; s < run->n_asked; s++)
        memcpy(to + s * width, from + R(asked_row)(run, s) * width, width * sizeof(REAL));
}

/* From the wanted rows alone to all, zeros between; from the end, so that to may be from. */
static void R(spread)(const struct R(learn_run) *run, const REAL *from, size_t width, REAL *to)
{
    size_t row = run->batch->n_rows;

    for (size_t s = run->n_asked; s-- > 0;) {
        size_t at = R(asked_row)(run, s);

        memset(to + (at + 1) * width, 0, (row - at - 1) * width * sizeof(REAL));
        memmove(to + at * width, from + s * width, width * sizeof(REAL));
        row = at;
    }
    memset(to, 0, row * width * sizeof(REAL));
}

/* ---- layers ---- */

static void R(layer_forward)(struct R(learn_run) *run, struct R(learn_layer) *layer, REAL *next)
{
    const REAL *weights = run->learner->full, *attended = layer->attended;
    size_t width = (size_t)run->learner->config.width, ffn = (size_t)run->learner->config.ffn;
    size_t m = run->m, heads = layer->out.cols;

    run->layer = layer;
    run->weight = weights + layer->attn_norm;
    run->keep_inverse = layer->entry_inverse;
    R(multiply)(run, R(SIDE_NORM), layer->entry, width, m, &layer->qkv.by_rows, layer->heads, false);
    R(run_tiles)(run, (m + LEARN_ROWS - 1) / LEARN_ROWS, R(heads_tile));
    R(run_tiles)(run, run->forest->n_trees * (size_t)run->learner->config.n_kv_heads,
                 R(attend_forward_tile));
    if (run->compact) {
        m = run->n_asked;
        attended = run->net->picked;
        R(pick)(run, layer->attended, heads, run->net->picked);
        R(pick)(run, layer->entry, width, layer->middle);
    } else {
        R(copy)(run, layer->middle, layer->entry, m);
    }
    R(multiply)(run, R(SIDE_PLAIN), attended, heads, m, &layer->out.by_rows, layer->middle, true);
    run->weight = weights + layer->ffn_norm;
    run->keep_inverse = layer->middle_inverse;
    R(multiply)(run, R(SIDE_NORM), layer->middle, width, m, &layer->gate_up.by_rows, layer->gates,
                false);
    R(copy)(run, next, layer->middle, m);
    R(multiply)(run, R(SIDE_SWIGLU), layer->gates, 2 * ffn, m, &layer->down.by_rows, next, true);
}

/* The MLP and the output projection, m rows of dx; dh becomes the derivative of what attention gave. */
static void R(mlp_backward)(struct R(learn_run) *run, struct R(learn_layer) *layer, size_t m)
{
    struct R(learn_net) *net = run->net;
    const REAL *weights = run->learner->full;
    const REAL *attended = run->compact ? net->picked : layer->attended;
    REAL *gradient = run->gradient, *out = run->compact ? net->wide : net->dh;
    size_t width = (size_t)run->learner->config.width, ffn = (size_t)run->learner->config.ffn;
    size_t heads = layer->out.cols;

    run->rows = m;
    R(multiply)(run, R(SIDE_PLAIN), net->dx, width, m, &layer->down.by_columns, net->act, false);
    R(run_tiles)(run, (m + LEARN_ROWS - 1) / LEARN_ROWS, R(swiglu_back_tile));
    if (!layer->down.skip)
        R(outer)(run, net->dx, width, net->act, ffn, m, NULL, NULL, gradient + layer->down.at);
    R(multiply)(run, R(SIDE_PLAIN), net->wide, 2 * ffn, m, &layer->gate_up.by_columns, net->dh,
                false);
    if (!layer->gate_up.skip)
        R(outer)(run, net->wide, 2 * ffn, layer->middle, width, m, layer->middle_inverse,
                 weights + layer->ffn_norm, gradient + layer->gate_up.at);
    R(norm_back)(run, net->dx, layer->middle, layer->middle_inverse, layer->ffn_norm, net->dh, m);
    R(multiply)(run, R(SIDE_PLAIN), net->dx, width, m, &layer->out.by_columns, out, false);
    if (!layer->out.skip)
        R(outer)(run, net->dx, width, attended, heads, m, NULL, NULL, gradient + layer->out.at);
    if (run->compact) {
        R(spread)(run, out, heads, net->dh);
        R(spread)(run, net->dx, width, net->dx);
    }
}

static void R(layer_backward)(struct R(learn_run) *run, struct R(learn_layer) *layer)
{
    struct R(learn_net) *net = run->net;
    const struct tf_config *config = &run->learner->config;
    REAL *gradient = run->gradient;
    size_t width = (size_t)config->width, dim = (size_t)config->head_dim;
    size_t m = run->m, qkv = layer->qkv.rows;
    size_t blocks = (m + SUM_ROWS - 1) / SUM_ROWS, stride = qkv + 2 * dim;

    run->layer = layer;
    R(mlp_backward)(run, layer, run->compact ? run->n_asked : m);
    R(run_tiles)(run, run->forest->n_trees * (size_t)config->n_kv_heads, R(attend_backward_tile));
    R(run_tiles)(run, blocks, R(heads_back_tile));
    if (layer->bias != LEARN_NONE)
        R(add_partials)(run, blocks, stride, 0, qkv, layer->bias);
    if (layer->q_norm != LEARN_NONE)
        R(add_partials)(run, blocks, stride, qkv, dim, layer->q_norm);
    if (layer->k_norm != LEARN_NONE)
        R(add_partials)(run, blocks, stride, qkv + dim, dim, layer->k_norm);
    R(multiply)(run, R(SIDE_PLAIN), net->wide, qkv, m, &layer->qkv.by_columns, net->dh, false);
    if (!layer->qkv.skip)
        R(outer)(run, net->wide, qkv, layer->entry, width, m, layer->entry_inverse,
                 (const REAL *)run->learner->full + layer->attn_norm, gradient + layer->qkv.at);
    R(norm_back)(run, net->dx, layer->entry, layer->entry_inverse, layer->attn_norm, net->dh, m);
}

/* ---- the wanted rows and the heads ---- */

static void R(hidden_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    const struct learn_batch *batch = run->batch;
    struct R(learn_net) *net = run->net;
    size_t width = (size_t)run->learner->config.width, end = (index + 1) * LEARN_ROWS;
    const REAL *norm = (const REAL *)run->learner->full + net->out_norm;

    (void)worker;
    for (size_t i = index * LEARN_ROWS; i < end && i < batch->n_wanted; i++) {
        const REAL *x = net->last + net->place[i] * width;

        net->inverse[i] = run->net_ops->rms(x, width, run->learner->config.norm_eps);
        run->net_ops->scale(net->hidden + i * width, x, norm, net->inverse[i], width);
    }
}

/* dx of the rows of one partial sum's wanted rows; a row wanted several times is in one run. */
static void R(hidden_back_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    struct R(learn_net) *net = run->net;
    size_t width = (size_t)run->learner->config.width;
    REAL *sums = net->partial + index * width;
    const REAL *norm = (const REAL *)run->learner->full + net->out_norm;

    (void)worker;
    memset(sums, 0, width * sizeof(REAL));
    for (size_t s = index * SUM_ROWS; s < (index + 1) * SUM_ROWS && s < run->rows; s++)
        for (size_t i = net->starts[s]; i < net->starts[s + 1]; i++) {
            size_t w = net->by_row[i], at = s * width;

            run->net_ops->norm_back(net->dx + at, sums, net->last + at, norm,
                                    net->dhidden + w * width, net->inverse[w], width);
        }
}

/* Lists the wanted rows by row, equal ones in their own order. Returns how many different ones. */
static size_t R(sort_wanted)(const struct R(learn_run) *run)
{
    const struct learn_batch *batch = run->batch;
    struct R(learn_net) *net = run->net;
    uint32_t *count = xcalloc(batch->n_rows + 1, sizeof(*count));
    size_t runs = 0;

    for (size_t i = 0; i < batch->n_wanted; i++)
        count[batch->wanted[i] + 1]++;
    for (size_t row = 0; row < batch->n_rows; row++)
        count[row + 1] += count[row];
    for (size_t i = 0; i < batch->n_wanted; i++)
        net->by_row[count[batch->wanted[i]]++] = (uint32_t)i;
    memset(net->asked, 0, batch->n_rows * sizeof(*net->asked));
    for (size_t i = 0; i < batch->n_wanted; i++) {
        size_t row = batch->wanted[net->by_row[i]];

        if (i == 0 || row != batch->wanted[net->by_row[i - 1]])
            net->starts[runs++] = (uint32_t)i;
        net->asked[row] = true;
        net->place[net->by_row[i]] = (uint32_t)(runs - 1);
    }
    net->starts[runs] = (uint32_t)batch->n_wanted;
    free(count);
    return runs;
}

static void R(logit_tile)(void *arg, size_t index, int worker)
{
    const struct R(learn_run) *run = arg;
    size_t vocab = run->net->head.rows;
    struct logits row = {BLAS_REAL, run->net->logits + index * vocab, vocab, run->learner->simd};

    (void)worker;
    run->row(run->arg, run->shard, run->chunk + index, &row);
}

/* Logits a chunk of rows at a time, and back: dhidden and the head's gradient. */
static void R(language_head)(struct R(learn_run) *run, bool backward)
{
    struct R(learn_net) *net = run->net;
    size_t width = (size_t)run->learner->config.width, vocab = net->head.rows;
    size_t most = learn_logit_rows(vocab);

    for (size_t i = 0; i < run->batch->n_wanted && !cancel_asked(run->cancel); i += most) {
        size_t n = run->batch->n_wanted - i < most ? run->batch->n_wanted - i : most;
        REAL *hidden = net->hidden + i * width;

        run->chunk = i;
        R(multiply)(run, R(SIDE_PLAIN), hidden, width, n, &net->head.by_rows, net->logits, false);
        R(run_tiles)(run, n, R(logit_tile));
        if (!backward)
            continue;
        R(multiply)(run, R(SIDE_PLAIN), net->logits, vocab, n, &net->head.by_columns,
                    net->dhidden + i * width, false);
        if (!net->head.skip)
            R(outer)(run, net->logits, vocab, hidden, width, n, NULL, NULL,
                     run->gradient + net->head.at);
    }
}

static void R(scalar_values)(const struct R(learn_run) *run, double *values)
{
    struct R(learn_net) *net = run->net;
    const REAL *weights = run->learner->full;
    size_t width = (size_t)run->learner->config.width;

    for (size_t i = 0; i < run->batch->n_wanted; i++) {
        double sum = net->score_bias != LEARN_NONE ? (double)weights[net->score_bias] : 0;

        for (size_t d = 0; d < width; d++)
            sum += (double)net->hidden[i * width + d] * (double)weights[net->score + d];
        values[i] = sum;
    }
}

static void R(scalar_back)(const struct R(learn_run) *run, const double *slopes)
{
    struct R(learn_net) *net = run->net;
    const REAL *weights = run->learner->full;
    size_t width = (size_t)run->learner->config.width;

    for (size_t i = 0; i < run->batch->n_wanted; i++) {
        REAL slope = (REAL)slopes[i];

        for (size_t d = 0; d < width; d++) {
            net->dhidden[i * width + d] = slope * weights[net->score + d];
            run->gradient[net->score + d] += slope * net->hidden[i * width + d];
        }
        if (net->score_bias != LEARN_NONE)
            run->gradient[net->score_bias] += slope;
    }
}

/* ---- a whole pass ---- */

static void R(forward)(struct R(learn_run) *run)
{
    struct R(learn_net) *net = run->net;
    const struct tf_config *config = &run->learner->config;
    int first = run->learner->options.first_layer, last = config->n_layers - 1;

    run->m = run->batch->n_rows;
    for (size_t s = 0; s < run->batch->n_segments; s++) {
        const struct learn_segment *segment = &run->batch->segments[s];

        for (size_t i = 0; i < segment->n_rows; i++)
            net->positions[segment->first_row + i] = (uint32_t)(segment->first_pos + i);
    }
    R(pack_weights)(run);
    run->n_asked = R(sort_wanted)(run);
    run->layer = &net->layers[first];
    R(run_tiles)(run, (run->m + LEARN_ROWS - 1) / LEARN_ROWS, R(embed_tile));
    for (int l = first; l <= last && !cancel_asked(run->cancel); l++) {
        run->compact = l == last && run->n_asked < run->m;
        R(layer_forward)(run, &net->layers[l], l == last ? net->last : net->layers[l + 1].entry);
    }
    R(run_tiles)(run, (run->batch->n_wanted + LEARN_ROWS - 1) / LEARN_ROWS, R(hidden_tile));
}

static void R(backward)(struct R(learn_run) *run)
{
    struct R(learn_net) *net = run->net;
    const struct tf_config *config = &run->learner->config;
    size_t width = (size_t)config->width, blocks;

    run->compact = run->n_asked < run->m;
    R(copy)(run, net->dx, NULL, run->n_asked);
    run->rows = run->n_asked;
    blocks = (run->rows + SUM_ROWS - 1) / SUM_ROWS;
    R(run_tiles)(run, blocks, R(hidden_back_tile));
    R(add_partials)(run, blocks, width, 0, width, net->out_norm);
    for (int l = config->n_layers - 1; l >= run->learner->options.first_layer; l--) {
        if (cancel_asked(run->cancel))
            return;
        R(layer_backward)(run, &net->layers[l]);
        run->compact = false;
    }
    if (net->embed != LEARN_NONE && !run->batch->hidden && !run->learner->lora)
        R(run_tiles)(run, EMBED_TILES, R(embed_back_tile));
}
