/* Keys and values into pages, and attention over them; included by transformer.c. */
#include "models/real.h"

static size_t R(page_head)(const struct tf_config *config, int layer, size_t head)
{
    size_t dim = (size_t)config->head_dim, padded = (dim + 7) / 8 * 8;

    return ((size_t)layer * (size_t)config->n_kv_heads + head) * KV_PAGE * (dim + padded);
}

/* One head of one row of Q or K: bias, norm, rotation. */
static void R(take_head)(const struct R(pass) *pass, size_t row, size_t column,
                         const REAL *norm, bool rotate, REAL *out)
{
    const struct R(tf_net) *net = pass->net;
    const struct R(tf_net_layer) *layer = &net->layers[pass->layer];
    size_t dim = (size_t)net->config.head_dim;
    const REAL *from = pass->scratch->qkv + row * tf_qkv_width(&net->config) + column;

    memcpy(out, from, dim * sizeof(REAL));
    if (layer->qkv_bias)
        for (size_t d = 0; d < dim; d++)
            out[d] += layer->qkv_bias[column + d];
    if (norm)
        net->ops->norm(out, out, norm, dim, net->config.norm_eps);
    if (rotate)
        net->ops->rope(out, pass->scratch->turns + row * dim, dim / 2);
}

/* Rows of one page: keys by columns, values by rows. */
static void R(store_tile)(void *arg, size_t index, int worker)
{
    const struct R(pass) *pass = arg;
    const struct tf_config *config = &pass->net->config;
    const struct tf_item *item = &pass->scratch->stores[index];
    size_t dim = (size_t)config->head_dim, padded = (dim + 7) / 8 * 8;
    size_t n_heads = (size_t)config->n_heads, n_kv = (size_t)config->n_kv_heads;
    REAL head[ATTEND_STRIDE] = {0};

    (void)worker;
    for (size_t row = item->first; row < item->first + item->n; row++) {
        size_t position = pass->scratch->positions[row], slot = position % KV_PAGE;
        REAL *page = item->segment->pages[position / KV_PAGE];

        for (size_t g = 0; g < n_kv; g++) {
            REAL *keys = page + R(page_head)(config, pass->layer, g);
            REAL *values = keys + KV_PAGE * dim + slot * padded;

            R(take_head)(pass, row, (n_heads + g) * dim, pass->net->layers[pass->layer].k_norm,
                         true, head);
            for (size_t d = 0; d < dim; d++)
                keys[d * KV_PAGE + slot] = head[d];
            R(take_head)(pass, row, (n_heads + n_kv + g) * dim, NULL, false, values);
            for (size_t d = dim; d < padded; d++)
                values[d] = 0;
        }
    }
}

static void R(copy_tile)(void *arg, size_t index, int worker)
{
    const struct R(pass) *pass = arg;
    const struct tf_config *config = &pass->net->config;
    size_t dim = (size_t)config->head_dim, padded = (dim + 7) / 8 * 8;
    size_t at = R(page_head)(config, pass->layer, index);

    (void)worker;
    for (size_t i = 0; i < pass->batch->n_copies; i++) {
        const struct tf_copy *copy = &pass->batch->copies[i];
        const REAL *from = (const REAL *)copy->from + at;
        REAL *to = (REAL *)copy->to + at;
        size_t n = (size_t)copy->n;

        for (size_t d = 0; d < dim; d++)
            memcpy(to + d * KV_PAGE, from + d * KV_PAGE, n * sizeof(REAL));
        memcpy(to + KV_PAGE * dim, from + KV_PAGE * dim, n * padded * sizeof(REAL));
    }
}

/* The part of a thread's scratch that attention uses. */
struct R(attend) {
    REAL *q, *out;    /* rows x ATTEND_STRIDE, rows in whole groups of ATTEND_ROWS */
    REAL *max, *sum;  /* rows */
    size_t *last;     /* rows: the last key each may see */
    size_t rows;
    REAL *s;          /* ATTEND_ROWS x ATTEND_KEYS */
};

/* Queries of an item: all heads that share kv head g. */
static void R(take_queries)(const struct R(pass) *pass, const struct tf_item *item,
                            const uint32_t *list, size_t g, struct R(attend) *a)
{
    const struct tf_config *config = &pass->net->config;
    size_t dim = (size_t)config->head_dim, padded = (dim + 7) / 8 * 8;
    size_t share = (size_t)(config->n_heads / config->n_kv_heads);
    REAL scale = (REAL)(1 / sqrt((double)dim));

    a->rows = (item->n * share + ATTEND_ROWS - 1) / ATTEND_ROWS * ATTEND_ROWS;
    for (size_t r = 0; r < a->rows; r++) {
        size_t row = list[item->first + (r < item->n * share ? r / share : 0)];
        REAL *q = a->q + r * ATTEND_STRIDE;

        memset(a->out + r * ATTEND_STRIDE, 0, padded * sizeof(REAL));
        a->max[r] = -(REAL)INFINITY;
        a->sum[r] = 0;
        a->last[r] = pass->scratch->positions[row];
        if (r >= item->n * share) {
            memset(q, 0, dim * sizeof(REAL));
            continue;
        }
        R(take_head)(pass, row, (g * share + r % share) * dim,
                     pass->net->layers[pass->layer].q_norm, true, q);
        for (size_t d = 0; d < dim; d++)
            q[d] *= scale;
    }
}

static size_t R(group_last)(const struct R(attend) *a, size_t r)
{
    size_t last = 0;

    for (size_t i = r; i < r + ATTEND_ROWS; i++)
        last = a->last[i] > last ? a->last[i] : last;
    return last;
}

/* Keys block * ATTEND_KEYS on, of n_pages pages, for one group of queries from row r on. */
static void R(attend_block)(const struct R(pass) *pass, struct R(attend) *a, size_t r,
                            size_t block, void *const *pages, size_t n_pages, size_t at)
{
    const struct R(ops) *ops = pass->net->ops;
    size_t dim = (size_t)pass->net->config.head_dim, padded = (dim + 7) / 8 * 8;
    const REAL *values[ATTEND_KEYS / KV_PAGE];
    REAL scale[ATTEND_ROWS];

    for (size_t i = 0; i < n_pages; i++) {
        const REAL *keys = (const REAL *)pages[i] + at;

        ops->scores(a->s + i * KV_PAGE, a->q + r * ATTEND_STRIDE, keys, dim);
        values[i] = keys + KV_PAGE * dim;
    }
    for (size_t i = 0; i < ATTEND_ROWS; i++) {
        REAL *s = a->s + i * ATTEND_KEYS;
        size_t first = block * ATTEND_KEYS;
        size_t seen = a->last[r + i] < first ? 0 : a->last[r + i] + 1 - first;

        if (seen > n_pages * KV_PAGE)
            seen = n_pages * KV_PAGE;
        for (size_t j = seen; j < ATTEND_KEYS; j++)
            s[j] = -(REAL)INFINITY;
        scale[i] = ops->soften(s, &a->max[r + i], &a->sum[r + i]);
    }
    ops->values(a->out + r * ATTEND_STRIDE, a->s, values, n_pages, padded, scale);
}

/*
 * One block of queries of one kv head. The keys are taken in blocks that begin at fixed
 * positions, with a running maximum for each query (the online softmax of Milakov and
 * Gimelshein, 2018), so a query's sums do not depend on its neighbours.
 */
static void R(attend_tile)(void *arg, size_t index, int worker)
{
    const struct R(pass) *pass = arg;
    const struct tf_config *config = &pass->net->config;
    size_t dim = (size_t)config->head_dim;
    size_t share = (size_t)(config->n_heads / config->n_kv_heads), most = tf_attend_rows(config), last;
    /* One kv head after another, for its keys stay in the cache; the long items first, so that threads end together. */
    const struct tf_item *item = &pass->items[pass->n_items - 1 - index % pass->n_items];
    size_t g = index / pass->n_items, at = R(page_head)(config, pass->layer, g);
    REAL *room = pass->scratch->workers + (size_t)worker * pass->scratch->worker_reals;
    size_t ends[TF_ATTEND_MAX];
    struct R(attend) a = {.q = room,
                          .out = room + most * ATTEND_STRIDE,
                          .s = room + 2 * most * ATTEND_STRIDE,
                          .max = room + 2 * most * ATTEND_STRIDE + ATTEND_ROWS * ATTEND_KEYS,
                          .last = ends};

    if (cancel_asked(pass->cancel))
        return;
    a.sum = a.max + most;
    R(take_queries)(pass, item, pass->queries, g, &a);
    last = pass->scratch->positions[pass->queries[item->first + item->n - 1]];
    for (size_t block = 0; block * ATTEND_KEYS <= last; block++) {
        size_t page = block * (ATTEND_KEYS / KV_PAGE), n_pages = last / KV_PAGE + 1 - page;

        if (n_pages > ATTEND_KEYS / KV_PAGE)
            n_pages = ATTEND_KEYS / KV_PAGE;
        for (size_t r = 0; r < a.rows; r += ATTEND_ROWS)
            if (block * ATTEND_KEYS <= R(group_last)(&a, r))
                R(attend_block)(pass, &a, r, block, item->segment->pages + page, n_pages, at);
    }
    for (size_t r = 0; r < item->n * share; r++) {
        size_t head = g * share + r % share;
        REAL *to = pass->scratch->attended +
                   ((item->first + r / share) * (size_t)config->n_heads + head) * dim;
        REAL scale = 1 / a.sum[r];

        for (size_t d = 0; d < dim; d++)
            to[d] = a.out[r * ATTEND_STRIDE + d] * scale;
    }
}
