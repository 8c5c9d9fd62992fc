/* The network for one kind of number; included by transformer.h only. */

struct R(tf_net_layer) {
    REAL *attn_norm, *ffn_norm;
    REAL *qkv_bias;        /* of Q, K and V one after another, or NULL */
    REAL *q_norm, *k_norm; /* head_dim, or NULL */
    struct panel_source qkv_source, out_source, gate_up_source, down_source;
    struct blas_panels qkv, out, gate_up, down;
};

/* The weights made ready. Immutable once packed; may be read from any thread. */
struct R(tf_net) {
    struct tf_config config;
    struct blas_kernel kernel;
    const struct R(ops) *ops;
    struct panel_source embed_source, head_source;
    struct blas_panels head;
    REAL *out_norm;
    float *rope_freqs;
    struct R(tf_net_layer) *layers;
    bool packed; /* a packed copy exists; else panels are decoded as they are needed */
};

/* Takes norms and biases over at once; the matrices' bytes in `weights` must outlive the net. */
int R(tf_net_init)(struct R(tf_net) *net, const struct tf_config *config,
                   const struct tf_weights *weights, const struct blas_kernel *kernel,
                   enum simd simd, struct error *err);
/* Bytes that tf_net_pack takes; 0 when they do not fit a size_t. */
size_t R(tf_net_bytes)(const struct R(tf_net) *net);
/* Packs the weights, as bytes where the formats allow it (models/compact.h); after a failure the net works without. */
int R(tf_net_pack)(struct R(tf_net) *net, struct pool *pool, enum pool_priority priority,
                   const struct cancel *cancel, struct error *err);
/* After the bytes of the weights changed: norms and biases are taken over again, a packed copy is packed again. */
int R(tf_net_refresh)(struct R(tf_net) *net, const struct tf_weights *weights, struct pool *pool,
                      enum pool_priority priority, const struct cancel *cancel, struct error *err);
void R(tf_net_free)(struct R(tf_net) *net);

/* What a backward pass needs of a forward: one array a layer, n_rows rows each. */
struct R(tf_arena) {
    size_t max_rows;
    REAL **entry;    /* n_layers + 1: the residual stream where a layer begins; the last: behind all */
    REAL **qkv;      /* before bias, norms and rotation */
    REAL **attended; /* what the output projection reads */
    REAL **middle;   /* the residual stream behind attention */
    REAL **gate_up;
};

struct R(tf_batch) {
    const int32_t *ids; /* n_rows tokens, not read when `hidden` is given */
    size_t n_rows;
    const struct tf_segment *segments; /* in the order of their rows */
    size_t n_segments;
    const struct tf_copy *copies;
    size_t n_copies;
    const uint32_t *wanted; /* rows whose output is asked for, ascending */
    size_t n_wanted;
    int first_layer;       /* > 0: starts there, with `hidden` (n_rows x width) as its input */
    const REAL *hidden;
    struct R(tf_arena) *arena; /* not NULL: every layer is computed for all rows and kept */
};

/* Room for one forward of max_rows rows; one forward at a time. */
struct R(tf_scratch) {
    size_t max_rows, bytes;
    size_t worker_reals; /* of one thread's part */
    size_t logit_rows;   /* rows of logits at once */
    REAL *x, *last, *qkv, *attended, *gate_up, *packed, *turns, *logits, *workers;
    struct tf_item *stores, *items, *last_items;
    uint32_t *rows, *positions;
};
int R(tf_scratch_init)(struct R(tf_scratch) *scratch, const struct R(tf_net) *net,
                       size_t max_rows, int n_threads, struct error *err);
void R(tf_scratch_free)(struct R(tf_scratch) *scratch);

/*
 * Runs the batch through the layers. out: n_wanted x width, behind the last norm. Pages get the
 * keys and values of all segments that store. Fails only when cancelled or out of memory; pages
 * of this batch's tokens are then worth nothing.
 */
int R(tf_forward)(const struct R(tf_net) *net, struct R(tf_scratch) *scratch,
                  const struct R(tf_batch) *batch, struct pool *pool,
                  enum pool_priority priority, const struct cancel *cancel, REAL *out,
                  struct error *err);

/*
 * Logits of n rows of tf_forward's output, a few rows at a time: each(arg, i, logits, worker)
 * is called on the pool for every row; the logits are gone afterwards.
 */
int R(tf_logits)(const struct R(tf_net) *net, struct R(tf_scratch) *scratch, const REAL *rows,
                 size_t n, struct pool *pool, enum pool_priority priority,
                 const struct cancel *cancel,
                 void (*each)(void *arg, size_t i, const REAL *logits, int worker), void *arg,
                 struct error *err);
