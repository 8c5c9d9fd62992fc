/* The table of ops for one kind of number; included by ops.h only. */
struct R(ops) {
    /* out = x / sqrt(mean(x^2) + eps) * weight */
    void (*norm)(REAL *out, const REAL *x, const REAL *weight, size_t n, double eps);
    /* Rotates pairs (k, k + half) by angles whose half cosines, then half sines, stand in turn. */
    void (*rope)(REAL *x, const REAL *turn, size_t half);
    /* out = gate / (1 + exp(-gate)) * up */
    void (*swiglu)(REAL *out, const REAL *gate, const REAL *up, size_t n);
    /* A panel of blas.h's: element (r, k) to panel[k * tall + r]; rows past n_rows become zeros. */
    void (*pack)(REAL *panel, const REAL *rows, size_t stride, size_t n_rows, size_t tall,
                 size_t depth);
    /* out[k * wide + r] = d * q[k * wide + r] + m; for each EXPAND_GROUP of k, wide d's then wide m's
     * stand in scales. k < depth, a multiple of EXPAND_GROUP. */
    void (*expand)(REAL *out, const uint8_t *q, const float *scales, size_t wide, size_t depth);
    /* log(sum(exp(x))), summed in double. */
    double (*logsumexp)(const REAL *x, size_t n);
    REAL (*largest)(const REAL *x, size_t n);

    /* Attention, ATTEND_ROWS queries at a time (attention.h). */
    /* s[r * ATTEND_KEYS + j] = sum over d of q[r * ATTEND_STRIDE + d] * k[d * KV_PAGE + j], j < KV_PAGE */
    void (*scores)(REAL *s, const REAL *q, const REAL *k, size_t head_dim);
    /* s[j] becomes exp(s[j] - max) with max raised to the block's; *sum and the return value (the
     * factor for what was summed before) follow. ATTEND_KEYS entries, -INFINITY where masked. */
    REAL (*soften)(REAL *s, REAL *max, REAL *sum);
    /* out[r] = out[r] * scale[r] + sum over the keys of n_pages pages of p[r][j] * v_page[j] */
    void (*values)(REAL *out, const REAL *p, const REAL *const *v, size_t n_pages,
                   size_t padded, const REAL *scale);
};
