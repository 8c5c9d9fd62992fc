/* A network in training for one kind of number; included by learn_net.h only. */

struct R(learn_layer) {
    struct learn_matrix qkv, out, gate_up, down;
    size_t attn_norm, ffn_norm, bias, q_norm, k_norm; /* offsets */
    /* Activations, a row a token: the residual stream where the layer begins and behind attention,
     * with 1 / rms of each; Q, K and V raw (only with head norms) and as attention reads them. */
    REAL *entry, *entry_inverse, *raw, *heads, *attended, *logsum, *middle, *middle_inverse, *gates;
};

struct R(learn_net) {
    struct R(learn_layer) *layers; /* of config.n_layers; those below first_layer stay empty */
    struct learn_matrix head;
    size_t embed, out_norm, score, score_bias; /* offsets */
    void *panels;          /* memory of all panels */
    uint64_t packed;       /* version of the weights in them */
    struct R(learn_pack) *packs;
    size_t n_packs;
    REAL *turns; /* cosines and sines by position */
    size_t n_turns;

    /* One batch at a time; all in one allocation. */
    void *arena;
    size_t arena_bytes, max_rows, max_wanted, max_path, max_tree;
    bool backward; /* the arena has what backward needs */
    REAL *last, *dx, *dh, *wide, *act, *hidden, *dhidden, *logits, *partial;
    REAL *packed_rows, *packed_columns; /* the two sides of a product */
    REAL *workers;
    size_t worker_reals;
    REAL *inverse; /* of the wanted rows' last norm */
    uint32_t *by_row, *starts; /* wanted rows in order of rows; where a run of one row begins */
    uint32_t *place;           /* of a wanted row among the different ones */
    bool *asked;               /* by row: it is wanted */
    REAL *picked;              /* what attention gives of the different wanted rows, in the last layer */
    uint32_t *positions;
    REAL *shard; /* gradient of one shard */
};
