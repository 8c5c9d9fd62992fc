/* Memory and panels of a network in training; included by learn.c with REAL_BITS set. */
#include "models/real.h"

static void R(list_matrices)(const struct learner *learner, struct R(learn_net) *net)
{
    const struct tf_config *config = &learner->config;
    size_t width = (size_t)config->width, ffn = (size_t)config->ffn;
    size_t heads = (size_t)config->n_heads * (size_t)config->head_dim;
    size_t head = learner_offset(learner, config->tied ? "embed" : "head", 0);

    net->embed = learner_offset(learner, "embed", 0);
    net->out_norm = learner_offset(learner, "out_norm", 0);
    net->score = learner_offset(learner, "score.weight", 0);
    net->score_bias = learner_offset(learner, "score.bias", 0);
    if (learner->options.head == LEARN_LM)
        net->head = (struct learn_matrix){.at = head, .rows = (size_t)config->vocab, .cols = width};
    for (int l = learner->options.first_layer; l < config->n_layers; l++) {
        struct R(learn_layer) *layer = &net->layers[l];

        /* Q, K and V, their biases, gate and up stand together in the buffer. */
        layer->qkv = (struct learn_matrix){
            .at = learner_offset(learner, "layers.%d.wq", l), .rows = tf_qkv_width(config), .cols = width};
        layer->out = (struct learn_matrix){
            .at = learner_offset(learner, "layers.%d.wo", l), .rows = width, .cols = heads};
        layer->gate_up = (struct learn_matrix){
            .at = learner_offset(learner, "layers.%d.gate", l), .rows = 2 * ffn, .cols = width};
        layer->down = (struct learn_matrix){
            .at = learner_offset(learner, "layers.%d.down", l), .rows = width, .cols = ffn};
        layer->attn_norm = learner_offset(learner, "layers.%d.attn_norm", l);
        layer->ffn_norm = learner_offset(learner, "layers.%d.ffn_norm", l);
        layer->bias = learner_offset(learner, "layers.%d.bq", l);
        layer->q_norm = learner_offset(learner, "layers.%d.q_norm", l);
        layer->k_norm = learner_offset(learner, "layers.%d.k_norm", l);
    }
}

/* The i-th matrix, NULL past the last. */
static struct learn_matrix *R(matrix)(const struct learner *learner, struct R(learn_net) *net,
                                      size_t i)
{
    size_t first = (size_t)learner->options.first_layer;
    size_t n = 4 * ((size_t)learner->config.n_layers - first);
    struct R(learn_layer) *layer;

    if (i >= n)
        return i == n && net->head.rows ? &net->head : NULL;
    layer = &net->layers[first + i / 4];
    return i % 4 == 0   ? &layer->qkv
           : i % 4 == 1 ? &layer->out
           : i % 4 == 2 ? &layer->gate_up
                        : &layer->down;
}

/* Lays one side's panels out at `at` in the memory for panels, and lists the tiles that pack it. */
static size_t R(add_side)(const struct learner *learner, struct R(learn_net) *net, size_t *cap,
                          struct learn_matrix *matrix, bool by_columns, size_t at)
{
    struct blas_panels *panels = by_columns ? &matrix->by_columns : &matrix->by_rows;
    size_t n, share;

    *panels = (struct blas_panels){.real = BLAS_REAL,
                                   .rows = by_columns ? matrix->cols : matrix->rows,
                                   .depth = by_columns ? matrix->rows : matrix->cols,
                                   .wide = learner->kernel.micro[BLAS_REAL].wide};
    n = (panels->rows + panels->wide - 1) / panels->wide;
    share = PACK_REALS / (panels->wide * panels->depth) + 1;
    for (size_t first = 0; first < n; first += share) {
        struct R(learn_pack) pack = {matrix, by_columns, first, n - first < share ? n - first : share};

        net->packs = array_grow(net->packs, net->n_packs, cap, sizeof(pack));
        net->packs[net->n_packs++] = pack;
    }
    if (net->panels)
        panels->data = (char *)net->panels + at;
    return (blas_packed_size(BLAS_REAL, panels->rows, panels->depth, panels->wide) + 63) / 64 * 64;
}

static size_t R(lay_panels)(const struct learner *learner, struct R(learn_net) *net)
{
    struct learn_matrix *matrix;
    size_t cap = 0, at = 0;

    free(net->packs);
    net->packs = NULL;
    net->n_packs = 0;
    for (size_t i = 0; (matrix = R(matrix)(learner, net, i)); i++) {
        at += R(add_side)(learner, net, &cap, matrix, false, at);
        at += R(add_side)(learner, net, &cap, matrix, true, at);
    }
    return at;
}

static void R(net_free)(struct R(learn_net) *net)
{
    if (!net)
        return;
    free(net->layers);
    free(net->panels);
    free(net->packs);
    free(net->turns);
    free(net->arena);
    free(net->shard);
    free(net);
}

static struct R(learn_net) *R(net_new)(const struct learner *learner, struct error *err)
{
    struct R(learn_net) *net = xcalloc(1, sizeof(*net));

    net->layers = xcalloc((size_t)learner->config.n_layers, sizeof(*net->layers));
    R(list_matrices)(learner, net);
    net->panels = mem_try(R(lay_panels)(learner, net), "the packed weights", err);
    if (!net->panels) {
        R(net_free)(net);
        return NULL;
    }
    R(lay_panels)(learner, net);
    return net;
}

/* ---- activations ---- */

/* Hands out pieces of one allocation; without memory it only counts. */
struct R(carver) {
    char *base;
    size_t at;
};

static void *R(carve)(struct R(carver) *carver, size_t bytes)
{
    void *piece = carver->base ? carver->base + carver->at : NULL;

    carver->at += (bytes + 63) / 64 * 64;
    return piece;
}

static REAL *R(reals)(struct R(carver) *carver, size_t rows, size_t columns)
{
    return R(carve)(carver, rows * columns * sizeof(REAL));
}

static size_t R(most)(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void R(carve_layer)(struct R(carver) *c, const struct tf_config *config,
                           struct R(learn_layer) *layer, size_t m)
{
    size_t width = (size_t)config->width, ffn = (size_t)config->ffn, qkv = tf_qkv_width(config);
    bool norms = layer->q_norm != LEARN_NONE || layer->k_norm != LEARN_NONE;

    layer->entry = R(reals)(c, m, width);
    layer->entry_inverse = R(reals)(c, m, 1);
    layer->raw = norms ? R(reals)(c, m, qkv) : NULL;
    /* Small products read whole lanes behind a row's end. */
    layer->heads = R(reals)(c, m * qkv + LEARN_LANES, 1);
    layer->attended = R(reals)(c, m, layer->out.cols);
    layer->logsum = R(reals)(c, m, (size_t)config->n_heads);
    layer->middle = R(reals)(c, m, width);
    layer->middle_inverse = R(reals)(c, m, 1);
    layer->gates = R(reals)(c, m, 2 * ffn);
}

/* All pieces for m rows, n wanted ones, a path and a tree of so many keys; returns the bytes. */
static size_t R(carve_all)(const struct learner *learner, struct R(learn_net) *net, size_t m,
                           size_t n, size_t path, size_t tree, bool backward, void *base)
{
    const struct tf_config *config = &learner->config;
    const struct blas_micro *micro = &learner->kernel.micro[BLAS_REAL];
    size_t width = (size_t)config->width, ffn = (size_t)config->ffn, dim = (size_t)config->head_dim;
    size_t qkv = tf_qkv_width(config), heads = (size_t)config->n_heads * dim;
    size_t vocab = net->head.rows, chunk = vocab ? learn_logit_rows(vocab) : 0;
    size_t widest = R(most)(R(most)(width, heads), R(most)(2 * ffn, qkv)), lanes, sums;
    size_t first = (size_t)learner->options.first_layer;
    struct R(carver) c = {base, 0};

    chunk = n < chunk ? n : chunk;
    for (size_t l = first; l < (size_t)config->n_layers; l++) {
        struct R(learn_layer) *layer = &net->layers[l], one = net->layers[first];

        if (l == first || backward) {
            R(carve_layer)(&c, config, layer, m);
            continue;
        }
        /* Forward alone needs one layer's at a time. */
        layer->entry = one.entry, layer->entry_inverse = one.entry_inverse, layer->raw = one.raw;
        layer->heads = one.heads, layer->attended = one.attended, layer->logsum = one.logsum;
        layer->middle = one.middle, layer->middle_inverse = one.middle_inverse, layer->gates = one.gates;
    }
    net->last = R(reals)(&c, m, width);
    net->hidden = R(reals)(&c, n, width);
    net->inverse = R(reals)(&c, n, 1);
    net->logits = R(reals)(&c, chunk, vocab);
    net->positions = R(carve)(&c, m * sizeof(*net->positions));
    net->asked = R(carve)(&c, m * sizeof(*net->asked));
    net->by_row = R(carve)(&c, n * sizeof(*net->by_row));
    net->starts = R(carve)(&c, (n + 1) * sizeof(*net->starts));
    net->place = R(carve)(&c, n * sizeof(*net->place));
    net->picked = R(reals)(&c, n, heads);
    lanes = learn_lanes(tree) + LEARN_LANES;
    net->worker_reals =
        R(most)(2 * LEARN_BLOCK * path + 2 * dim * lanes + LEARN_LANES, micro->tall * widest);
    net->worker_reals = (net->worker_reals + 15) / 16 * 16;
    net->workers = R(reals)(&c, (size_t)pool_threads(learner->pool), net->worker_reals);
    if (backward) {
        net->dx = R(reals)(&c, m, width);
        net->dh = R(reals)(&c, m * R(most)(width, heads) + LEARN_LANES, 1);
        net->wide = R(reals)(&c, m * R(most)(2 * ffn, qkv) + LEARN_LANES, 1);
        net->act = R(reals)(&c, m, ffn);
        net->dhidden = R(reals)(&c, n, width);
        sums = R(most)(width, qkv + 2 * dim);
        net->partial = R(reals)(&c, R(most)(m, n) / SUM_ROWS + 1, sums);
        net->packed_columns = R(reals)(
            &c, R(most)((R(most)(R(most)(width, heads), ffn) + micro->wide) * m,
                        (width + micro->wide) * chunk) + BLAS_SLACK, 1);
    }
    net->packed_rows = R(reals)(
        &c, R(most)((m + micro->tall) * widest + (widest + micro->tall) * m * (size_t)backward,
                    (chunk + micro->tall) * (vocab + micro->tall) + (n + micro->tall) * width) +
                BLAS_SLACK, 1);
    return c.at;
}

static size_t R(room)(size_t asked, size_t have)
{
    return asked > have ? asked + asked / 8 : have;
}

/* Room for a batch; what was there is lost when it has to grow. */
static int R(reserve)(struct learner *learner, struct R(learn_net) *net,
                      const struct learn_batch *batch, const struct learn_forest *forest,
                      bool backward, struct error *err)
{
    /* Some room more than asked for: batches that grow little by little do not ask each time. */
    size_t m = R(room)(batch->n_rows, net->max_rows), n = R(room)(batch->n_wanted, net->max_wanted);
    size_t path = R(most)(forest->max_path, net->max_path);
    size_t tree = R(most)(forest->max_rows, net->max_tree);
    bool back = backward || net->backward, fits = net->arena && back == net->backward;

    if (fits && m == net->max_rows && n == net->max_wanted && path == net->max_path &&
        tree == net->max_tree)
        return 0;
    free(net->arena);
    net->max_rows = 0;
    net->arena_bytes = R(carve_all)(learner, net, m, n, path, tree, back, NULL);
    net->arena = mem_try(net->arena_bytes, "the activations of a batch", err);
    if (!net->arena)
        return -1;
    R(carve_all)(learner, net, m, n, path, tree, back, net->arena);
    net->max_rows = m;
    net->max_wanted = n;
    net->max_path = path;
    net->max_tree = tree;
    net->backward = back;
    return 0;
}

/* Cosines and sines of positions up to n. */
static void R(make_turns)(const struct learner *learner, struct R(learn_net) *net, size_t n)
{
    const struct tf_config *config = &learner->config;
    size_t half = (size_t)config->head_dim / 2;

    if (n <= net->n_turns)
        return;
    net->turns = xrealloc(net->turns, n * 2 * half * sizeof(REAL));
    for (size_t p = net->n_turns; p < n; p++)
        for (size_t k = 0; k < half; k++) {
            double angle = (double)p * pow(config->rope_base, -2.0 * (double)k / (double)config->head_dim);

            if (config->rope_freqs)
                angle /= (double)config->rope_freqs[k];
            net->turns[p * 2 * half + k] = (REAL)cos(angle);
            net->turns[p * 2 * half + half + k] = (REAL)sin(angle);
        }
    net->n_turns = n;
}

/* ---- calls ---- */

static int R(start)(struct R(learn_run) *run, struct learner *learner, struct R(learn_net) *net,
                    const struct learn_batch *batch, struct learn_forest *forest, bool backward,
                    struct error *err)
{
    size_t positions = 0;

    learner_sync(learner);
    if (learn_forest_init(forest, batch, learner, err) != 0 ||
        R(reserve)(learner, net, batch, forest, backward, err) != 0) {
        learn_forest_release(forest);
        return -1;
    }
    for (size_t s = 0; s < batch->n_segments; s++)
        positions = R(most)(positions, batch->segments[s].first_pos + batch->segments[s].n_rows);
    R(make_turns)(learner, net, positions);
    run->learner = learner;
    run->net = net;
    run->ops = R(ops_choose)(learner->simd);
    run->net_ops = R(learn_ops_choose)(learner->simd);
    run->batch = batch;
    run->forest = forest;
    return 0;
}

static int R(end)(const struct R(learn_run) *run, struct learn_forest *forest, struct error *err)
{
    learn_forest_release(forest);
    return cancel_asked(run->cancel) ? error_set(err, ERROR_CANCELLED, "cancelled") : 0;
}

static int R(look)(struct learner *learner, struct R(learn_net) *net, const struct learn_batch *batch,
                   learn_row_fn *row, void *arg, double *values, const struct cancel *cancel,
                   struct error *err)
{
    struct learn_forest forest = {0};
    struct R(learn_run) run = {.row = row, .arg = arg, .cancel = cancel};

    if (R(start)(&run, learner, net, batch, &forest, false, err) != 0)
        return -1;
    R(forward)(&run);
    if (values && !cancel_asked(cancel))
        R(scalar_values)(&run, values);
    else if (row)
        R(language_head)(&run, false);
    return R(end)(&run, &forest, err);
}

struct R(sum_run) {
    REAL *to, *from; /* from NULL: to becomes 0 */
    size_t n;
};

#define SUM_REALS 65536

static void R(sum_tile)(void *arg, size_t index, int worker)
{
    const struct R(sum_run) *run = arg;
    size_t at = index * SUM_REALS, n = run->n - at < SUM_REALS ? run->n - at : SUM_REALS;

    (void)worker;
    if (!run->from)
        memset(run->to + at, 0, n * sizeof(REAL));
    for (size_t i = at; run->from && i < at + n; i++)
        run->to[i] += run->from[i];
}

static void R(sum)(struct learner *learner, REAL *to, REAL *from, size_t n)
{
    struct R(sum_run) run = {to, from, n};

    pool_run(learner->pool, POOL_BACKGROUND, (run.n + SUM_REALS - 1) / SUM_REALS, R(sum_tile), &run);
}

/* One shard into `gradient`, which is zeros. */
static int R(grad_shard)(struct learner *learner, struct R(learn_net) *net,
                         const struct learn_call *call, size_t shard, REAL *gradient,
                         struct error *err)
{
    const struct learn_batch *batch = &call->shards[shard];
    struct learn_forest forest = {0};
    struct R(learn_run) run = {.row = call->row,
                               .arg = call->arg,
                               .shard = shard,
                               .cancel = call->cancel,
                               .gradient = gradient};
    double *values = NULL;

    if (R(start)(&run, learner, net, batch, &forest, true, err) != 0)
        return -1;
    R(forward)(&run);
    if (learner->options.head == LEARN_LM) {
        R(language_head)(&run, true);
    } else if (!cancel_asked(call->cancel)) {
        values = xcalloc(batch->n_wanted + 1, sizeof(*values));
        R(scalar_values)(&run, values);
        call->values(call->arg, shard, values, batch->n_wanted);
        R(scalar_back)(&run, values);
        free(values);
    }
    R(backward)(&run);
    return R(end)(&run, &forest, err);
}

static int R(grad)(struct learner *learner, struct R(learn_net) *net, const struct learn_call *call,
                   struct error *err)
{
    REAL *gradient = learner->gradient;
    size_t n = learner->params.count, whole = learner->whole.count;

    if (!call->accumulate)
        R(sum)(learner, gradient, NULL, n);
    for (size_t s = 0; s < call->n_shards; s++) {
        bool first = s == 0 && !call->accumulate && !learner->lora;
        REAL *to = first ? gradient : learner->lora ? learner->full_gradient : net->shard;

        if (!to)
            to = net->shard = mem_try(whole * sizeof(REAL), "a shard's gradient", err);
        if (!to)
            return -1;
        if (!first)
            R(sum)(learner, to, NULL, whole);
        if (R(grad_shard)(learner, net, call, s, to, err) != 0)
            return -1;
        if (learner->lora)
            lora_project(learner);
        else if (!first)
            R(sum)(learner, gradient, to, n);
    }
    return 0;
}
