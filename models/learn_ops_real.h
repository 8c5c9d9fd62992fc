/* The table of training's ops for one kind of number; included by learn_ops.h only. */

/* A small product: c (+)= a b, c m x n with row stride ldc, a(i, k) = a[i * a_row + k * a_col], b by rows. */
struct R(learn_mul) {
    REAL *c;
    const REAL *a, *b;
    size_t ldc, a_row, a_col, ldb;
    size_t m, n, depth;
    bool add;
};

/* One update of AdamW (models/optimiser_template.h says what each is). */
struct R(adamw_rates) {
    REAL beta1, rest1, beta2, rest2, factor, keep, rate, spread, epsilon;
};

struct R(learn_ops) {
    void (*mul)(const struct R(learn_mul) *mul);
    /* 1 / sqrt(mean(x^2) + eps) */
    REAL (*rms)(const REAL *x, size_t n, double eps);
    /* out = x * inverse * weight */
    void (*scale)(REAL *out, const REAL *x, const REAL *weight, REAL inverse, size_t n);
    /* s = exp(s * scale - shift); returns the sum. */
    REAL (*exponentials)(REAL *s, size_t n, REAL scale, REAL shift);
    /* s becomes p = exp(s * scale - shift), dp becomes p * (dp - delta) * scale. */
    void (*attend_back)(REAL *s, REAL *dp, size_t n, REAL scale, REAL shift, REAL delta);
    /* Of y = x * inverse * weight by dy: dx += (inverse follows x), dweight += dy * x * inverse. */
    void (*norm_back)(REAL *dx, REAL *dweight, const REAL *x, const REAL *weight, const REAL *dy,
                      REAL inverse, size_t n);
    /* Of act = gate / (1 + exp(-gate)) * up: act holds its derivative and becomes act. */
    void (*swiglu_back)(REAL *act, REAL *dgate, REAL *dup, const REAL *gate, const REAL *up,
                        size_t n);
    /* Rotation by the negative angles of ops->rope's table. */
    void (*unrope)(REAL *x, const REAL *turn, size_t half);
    /* A panel of the transpose: element (r, k) = rows[k * stride + r] at panel[k * width + r]; with
     * `inverse`, times inverse[k] * weight[r]. Columns past n become zeros. */
    void (*pack_columns)(REAL *panel, const REAL *rows, size_t stride, size_t n, size_t width,
                         size_t depth, const REAL *inverse, const REAL *weight);
    /* log(sum(exp(x * scale))), summed in double; NaN or infinite when a number of x is. */
    double (*logsumexp)(const REAL *x, size_t n, REAL scale);
    /* x = weight * exp(x * scale - shift) */
    void (*softmax)(REAL *x, size_t n, REAL scale, REAL shift, REAL weight);
    REAL (*dot)(const REAL *x, const REAL *y, size_t n);
    /* to[c * ldt + r] = from[r * ldf + c] */
    void (*transpose)(REAL *to, size_t ldt, const REAL *from, size_t ldf, size_t rows,
                      size_t columns);
    /* g = gradient * factor; m = beta1 m + rest1 g; v = beta2 v + rest2 g^2; w = w keep - rate m / (sqrt(v spread) + epsilon);
     * each number the same bits in every table. */
    void (*adamw)(REAL *w, REAL *m, REAL *v, const REAL *gradient, size_t n,
                  const struct R(adamw_rates) *rates);
};
