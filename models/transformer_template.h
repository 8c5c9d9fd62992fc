/* The forward pass for one kind of number; included by transformer.c with REAL_BITS set. */
#include "models/real.h"

/* What the tiles of one forward share. */
struct R(pass) {
    const struct R(tf_net) *net;
    struct R(tf_scratch) *scratch;
    const struct R(tf_batch) *batch;
    struct pool *pool;
    enum pool_priority priority;
    const struct cancel *cancel;
    int layer;
    /* Packing: what becomes the activations' side of the next product. */
    enum tf_pack pack;
    const REAL *from;
    size_t stride, m, depth;
    const REAL *norm;
    /* Attention. */
    const uint32_t *queries;
    const struct tf_item *items;
    size_t n_items;
};

#include "models/attention_template.h"

static int R(take)(struct R(tf_scratch) *scratch, REAL **to, size_t rows, size_t columns,
                   struct error *err)
{
    size_t size;

    if (!size_mul(rows, columns, &size) || !size_mul(size, sizeof(REAL), &size))
        size = SIZE_MAX / 2;
    *to = mem_try(size, "a batch of the network", err);
    if (!*to)
        return -1;
    scratch->bytes += size;
    return 0;
}

int R(tf_scratch_init)(struct R(tf_scratch) *scratch, const struct R(tf_net) *net,
                       size_t max_rows, int n_threads, struct error *err)
{
    const struct tf_config *config = &net->config;
    size_t width = (size_t)config->width, ffn = (size_t)config->ffn, rows = max_rows;
    size_t heads = (size_t)config->n_heads * (size_t)config->head_dim;
    size_t depth = width > heads ? width : heads, tall = net->kernel.micro[BLAS_REAL].tall;
    size_t attend = tf_attend_rows(config) * (2 * ATTEND_STRIDE + 2) + ATTEND_ROWS * ATTEND_KEYS;
    size_t packed;

    depth = depth > ffn ? depth : ffn;
    memset(scratch, 0, sizeof(*scratch));
    scratch->max_rows = max_rows;
    scratch->logit_rows = tf_logit_rows(config, sizeof(REAL));
    scratch->worker_reals = ((attend > tall * depth ? attend : tall * depth) + 63) / 64 * 64;
    packed = (rows > scratch->logit_rows ? rows : scratch->logit_rows) + 2 * tall;
    if (R(take)(scratch, &scratch->x, rows, width, err) != 0 ||
        R(take)(scratch, &scratch->last, rows, width, err) != 0 ||
        R(take)(scratch, &scratch->qkv, rows, tf_qkv_width(config), err) != 0 ||
        R(take)(scratch, &scratch->attended, rows, heads, err) != 0 ||
        R(take)(scratch, &scratch->gate_up, rows, 2 * ffn, err) != 0 ||
        R(take)(scratch, &scratch->packed, packed + BLAS_SLACK / sizeof(REAL), depth, err) != 0 ||
        R(take)(scratch, &scratch->turns, rows, (size_t)config->head_dim, err) != 0 ||
        R(take)(scratch, &scratch->logits, scratch->logit_rows, (size_t)config->vocab, err) != 0 ||
        R(take)(scratch, &scratch->workers, (size_t)n_threads, scratch->worker_reals, err) != 0) {
        R(tf_scratch_free)(scratch);
        return -1;
    }
    scratch->stores = xcalloc(rows, sizeof(*scratch->stores));
    scratch->items = xcalloc(rows, sizeof(*scratch->items));
    scratch->last_items = xcalloc(rows, sizeof(*scratch->last_items));
    scratch->rows = xcalloc(rows, sizeof(*scratch->rows));
    scratch->positions = xcalloc(rows, sizeof(*scratch->positions));
    return 0;
}

void R(tf_scratch_free)(struct R(tf_scratch) *scratch)
{
    free(scratch->x);
    free(scratch->last);
    free(scratch->qkv);
    free(scratch->attended);
    free(scratch->gate_up);
    free(scratch->packed);
    free(scratch->turns);
    free(scratch->logits);
    free(scratch->workers);
    free(scratch->stores);
    free(scratch->items);
    free(scratch->last_items);
    free(scratch->rows);
    free(scratch->positions);
    memset(scratch, 0, sizeof(*scratch));
}

/* ---- tiles ---- */

#define EMBED_ROWS 16

static void R(embed_tile)(void *arg, size_t index, int worker)
{
    const struct R(pass) *pass = arg;
    const struct R(tf_net) *net = pass->net;
    const struct tf_config *config = &net->config;
    size_t width = (size_t)config->width, half = (size_t)config->head_dim / 2;
    size_t end = (index + 1) * EMBED_ROWS;

    (void)worker;
    if (end > pass->batch->n_rows)
        end = pass->batch->n_rows;
    for (size_t row = index * EMBED_ROWS; row < end; row++) {
        REAL *turn = pass->scratch->turns + row * 2 * half;

        if (pass->batch->hidden)
            memcpy(pass->scratch->x + row * width, pass->batch->hidden + row * width,
                   width * sizeof(REAL));
        else
            panels_rows(&net->embed_source, BLAS_REAL, (size_t)pass->batch->ids[row], 1,
                        pass->scratch->x + row * width);
        for (size_t k = 0; k < half; k++) {
            double angle = (double)pass->scratch->positions[row] *
                           pow(config->rope_base, -2.0 * (double)k / (double)config->head_dim);

            if (config->rope_freqs)
                angle /= (double)config->rope_freqs[k];
            turn[k] = (REAL)cos(angle);
            turn[half + k] = (REAL)sin(angle);
        }
    }
}

/* One panel of activations: the rows are made in the thread's scratch, then turned. */
static void R(pack_tile)(void *arg, size_t index, int worker)
{
    const struct R(pass) *pass = arg;
    const struct R(ops) *ops = pass->net->ops;
    size_t tall = pass->net->kernel.micro[BLAS_REAL].tall, depth = pass->depth;
    size_t first = index * tall, n = pass->m - first < tall ? pass->m - first : tall;
    REAL *made = pass->scratch->workers + (size_t)worker * pass->scratch->worker_reals;
    const REAL *from = pass->from + first * pass->stride;
    size_t stride = pass->stride;

    if (pass->pack != TF_PACK_PLAIN) {
        for (size_t r = 0; r < n; r++, from += pass->stride) {
            if (pass->pack == TF_PACK_NORM)
                ops->norm(made + r * depth, from, pass->norm, depth, pass->net->config.norm_eps);
            else
                ops->swiglu(made + r * depth, from, from + depth, depth);
        }
        from = made;
        stride = depth;
    }
    ops->pack(pass->scratch->packed + first * depth, from, stride, n, tall, depth);
}

/* y (+)= pack(from) * weights^T */
static void R(multiply)(struct R(pass) *pass, enum tf_pack pack, const REAL *from, size_t stride,
                        size_t m, const REAL *norm, const struct blas_panels *weights, REAL *y,
                        bool add)
{
    size_t tall = pass->net->kernel.micro[BLAS_REAL].tall;
    struct blas_gemm gemm = {.kernel = &pass->net->kernel,
                             .weights = weights,
                             .x = pass->scratch->packed,
                             .m = m,
                             .y = y,
                             .ldy = weights->rows,
                             .add = add,
                             .cancel = pass->cancel};

    pass->pack = pack;
    pass->from = from;
    pass->stride = stride;
    pass->m = m;
    pass->norm = norm;
    pass->depth = weights->depth;
    if (cancel_asked(pass->cancel))
        return;
    pool_run(pass->pool, pass->priority, (m + tall - 1) / tall, R(pack_tile), pass);
    blas_gemm(&gemm, pass->pool, pass->priority);
}

/* ---- lists of what to do ---- */

/* Cuts the listed rows (ascending) into items of one segment and at most `most` rows. */
static size_t R(list_items)(const struct R(tf_batch) *batch, const uint32_t *rows, size_t n,
                            size_t most, struct tf_item *items)
{
    size_t count = 0, s = 0;

    for (size_t i = 0; i < n;) {
        const struct tf_segment *segment;
        size_t end = i;

        while (rows[i] >= batch->segments[s].first_row + batch->segments[s].n_rows)
            s++;
        segment = &batch->segments[s];
        while (end < n && end - i < most && rows[end] < segment->first_row + segment->n_rows)
            end++;
        items[count++] = (struct tf_item){segment, i, end - i};
        i = end;
    }
    return count;
}

/* Runs of rows within one page, of segments that store. */
static size_t R(list_stores)(const struct R(tf_batch) *batch, struct R(tf_scratch) *scratch)
{
    size_t count = 0;

    for (size_t s = 0; s < batch->n_segments; s++) {
        const struct tf_segment *segment = &batch->segments[s];

        for (size_t i = 0; i < segment->n_rows;) {
            size_t n = KV_PAGE - (segment->first_pos + i) % KV_PAGE;

            n = n > segment->n_rows - i ? segment->n_rows - i : n;
            if (segment->store)
                scratch->stores[count++] = (struct tf_item){segment, segment->first_row + i, n};
            i += n;
        }
    }
    return count;
}

static void R(list_rows)(const struct R(tf_batch) *batch, struct R(tf_scratch) *scratch)
{
    for (size_t s = 0; s < batch->n_segments; s++)
        for (size_t i = 0; i < batch->segments[s].n_rows; i++) {
            size_t row = batch->segments[s].first_row + i;

            scratch->rows[row] = (uint32_t)row;
            scratch->positions[row] = (uint32_t)(batch->segments[s].first_pos + i);
        }
}

/* ---- the pass ---- */

static void R(keep)(REAL **arrays, int layer, const REAL *from, size_t n)
{
    memcpy(arrays[layer], from, n * sizeof(REAL));
}

/* Attention of one layer for the pass's queries: scratch->attended, one row a query. */
static void R(attention)(struct R(pass) *pass, size_t n_stores)
{
    size_t n_kv = (size_t)pass->net->config.n_kv_heads;

    pool_run(pass->pool, pass->priority, n_stores, R(store_tile), pass);
    if (pass->batch->n_copies)
        pool_run(pass->pool, pass->priority, n_kv, R(copy_tile), pass);
    if (!cancel_asked(pass->cancel))
        pool_run(pass->pool, pass->priority, pass->n_items * n_kv, R(attend_tile), pass);
}

/* The output projection and the MLP, added to x (m rows). */
static void R(finish_layer)(struct R(pass) *pass, REAL *x, size_t m)
{
    struct R(tf_scratch) *scratch = pass->scratch;
    struct R(tf_arena) *arena = pass->batch->arena;
    const struct R(tf_net_layer) *layer = &pass->net->layers[pass->layer];
    size_t width = (size_t)pass->net->config.width, ffn = (size_t)pass->net->config.ffn;
    size_t heads = layer->out.depth;

    if (arena)
        R(keep)(arena->attended, pass->layer, scratch->attended, m * heads);
    R(multiply)(pass, TF_PACK_PLAIN, scratch->attended, heads, m, NULL, &layer->out, x, true);
    if (arena)
        R(keep)(arena->middle, pass->layer, x, m * width);
    R(multiply)(pass, TF_PACK_NORM, x, width, m, layer->ffn_norm, &layer->gate_up,
                scratch->gate_up, false);
    if (arena)
        R(keep)(arena->gate_up, pass->layer, scratch->gate_up, m * 2 * ffn);
    R(multiply)(pass, TF_PACK_SWIGLU, scratch->gate_up, 2 * ffn, m, NULL, &layer->down, x, true);
}

int R(tf_forward)(const struct R(tf_net) *net, struct R(tf_scratch) *scratch,
                  const struct R(tf_batch) *batch, struct pool *pool,
                  enum pool_priority priority, const struct cancel *cancel, REAL *out,
                  struct error *err)
{
    const struct tf_config *config = &net->config;
    size_t width = (size_t)config->width, m = batch->n_rows, n_stores, n_items, n_last;
    size_t most = tf_attend_queries(config);
    REAL *x = scratch->x;
    struct R(pass) pass = {.net = net,
                           .scratch = scratch,
                           .batch = batch,
                           .pool = pool,
                           .priority = priority,
                           .cancel = cancel};

    R(list_rows)(batch, scratch);
    n_stores = R(list_stores)(batch, scratch);
    n_items = R(list_items)(batch, scratch->rows, m, most, scratch->items);
    n_last = R(list_items)(batch, batch->wanted, batch->n_wanted, most, scratch->last_items);
    pool_run(pool, priority, (m + EMBED_ROWS - 1) / EMBED_ROWS, R(embed_tile), &pass);
    for (int l = batch->first_layer; l < config->n_layers && !cancel_asked(cancel); l++) {
        const struct R(tf_net_layer) *layer = &net->layers[l];
        bool last = l == config->n_layers - 1 && !batch->arena;

        pass.layer = l;
        if (batch->arena)
            R(keep)(batch->arena->entry, l, x, m * width);
        R(multiply)(&pass, TF_PACK_NORM, x, width, m, layer->attn_norm, &layer->qkv, scratch->qkv,
                    false);
        if (batch->arena)
            R(keep)(batch->arena->qkv, l, scratch->qkv, m * layer->qkv.rows);
        pass.queries = last ? batch->wanted : scratch->rows;
        pass.items = last ? scratch->last_items : scratch->items;
        pass.n_items = last ? n_last : n_items;
        R(attention)(&pass, n_stores);
        if (last) {
            /* Behind the last layer nobody reads the other rows. */
            for (size_t i = 0; i < batch->n_wanted; i++)
                memcpy(scratch->last + i * width, x + batch->wanted[i] * width,
                       width * sizeof(REAL));
            x = scratch->last;
            m = batch->n_wanted;
        }
        R(finish_layer)(&pass, x, m);
    }
    if (cancel_asked(cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    if (batch->arena)
        R(keep)(batch->arena->entry, config->n_layers, x, m * width);
    for (size_t i = 0; i < batch->n_wanted; i++)
        net->ops->norm(out + i * width, x + (x == scratch->last ? i : batch->wanted[i]) * width,
                       net->out_norm, width, config->norm_eps);
    return 0;
}

/* ---- the head ---- */

struct R(logit_run) {
    const REAL *logits;
    size_t first, vocab;
    void (*each)(void *arg, size_t i, const REAL *logits, int worker);
    void *arg;
};

static void R(logit_tile)(void *arg, size_t index, int worker)
{
    const struct R(logit_run) *run = arg;

    run->each(run->arg, run->first + index, run->logits + index * run->vocab, worker);
}

int R(tf_logits)(const struct R(tf_net) *net, struct R(tf_scratch) *scratch, const REAL *rows,
                 size_t n, struct pool *pool, enum pool_priority priority,
                 const struct cancel *cancel,
                 void (*each)(void *arg, size_t i, const REAL *logits, int worker), void *arg,
                 struct error *err)
{
    size_t width = (size_t)net->config.width;
    struct R(pass) pass = {
        .net = net, .scratch = scratch, .pool = pool, .priority = priority, .cancel = cancel};
    struct R(logit_run) run = {
        .logits = scratch->logits, .vocab = net->head.rows, .each = each, .arg = arg};

    for (size_t i = 0; i < n; i += scratch->logit_rows) {
        size_t m = n - i < scratch->logit_rows ? n - i : scratch->logit_rows;

        R(multiply)(&pass, TF_PACK_PLAIN, rows + i * width, width, m, NULL, &net->head,
                    scratch->logits, false);
        if (cancel_asked(cancel))
            return error_set(err, ERROR_CANCELLED, "cancelled");
        run.first = i;
        pool_run(pool, priority, m, R(logit_tile), &run);
    }
    return 0;
}
