/* Plain C of training's ops for one kind of number; included by learn_ops_plain.c. */
#include "models/real.h"

static void R(mul)(const struct R(learn_mul) *mul)
{
    for (size_t i = 0; i < mul->m; i++) {
        for (size_t j0 = 0; j0 < mul->n; j0 += LEARN_LANES) {
            size_t n = mul->n - j0 < LEARN_LANES ? mul->n - j0 : LEARN_LANES;
            const REAL *a = mul->a + i * mul->a_row, *b = mul->b + j0;
            REAL *c = mul->c + i * mul->ldc + j0;
            REAL sum[LEARN_LANES] = {0};

            if (n == LEARN_LANES) {
                for (size_t k = 0; k < mul->depth; k++, a += mul->a_col, b += mul->ldb)
                    for (size_t j = 0; j < LEARN_LANES; j++)
                        sum[j] += *a * b[j];
            } else {
                for (size_t k = 0; k < mul->depth; k++, a += mul->a_col, b += mul->ldb)
                    for (size_t j = 0; j < n; j++)
                        sum[j] += *a * b[j];
            }
            for (size_t j = 0; j < n; j++)
                c[j] = mul->add ? c[j] + sum[j] : sum[j];
        }
    }
}

static REAL R(rms)(const REAL *x, size_t n, double eps)
{
    REAL lanes[8] = {0};
    double sum = 0;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            lanes[j] += x[i + j] * x[i + j];
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (size_t j = 0; j < 8; j++)
        sum += (double)lanes[j];
    return (REAL)(1 / sqrt(sum / (double)n + eps));
}

static void R(scale)(REAL *out, const REAL *x, const REAL *weight, REAL inverse, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * inverse * weight[i];
}

static REAL R(exponentials)(REAL *s, size_t n, REAL scale, REAL shift)
{
    REAL sum = 0;

    for (size_t j = 0; j < n; j++) {
        s[j] = R(exponential)(s[j] * scale - shift);
        sum += s[j];
    }
    return sum;
}

static void R(attend_back)(REAL *s, REAL *dp, size_t n, REAL scale, REAL shift, REAL delta)
{
    for (size_t j = 0; j < n; j++) {
        s[j] = R(exponential)(s[j] * scale - shift);
        dp[j] = s[j] * (dp[j] - delta) * scale;
    }
}

static void R(norm_back)(REAL *dx, REAL *dweight, const REAL *x, const REAL *weight,
                         const REAL *dy, REAL inverse, size_t n)
{
    double sum = 0;
    REAL pull;

    for (size_t i = 0; i < n; i++)
        sum += (double)(dy[i] * weight[i] * x[i]);
    pull = (REAL)(sum / (double)n * (double)inverse * (double)inverse);
    for (size_t i = 0; i < n; i++) {
        dx[i] += inverse * (dy[i] * weight[i] - x[i] * pull);
        dweight[i] += dy[i] * x[i] * inverse;
    }
}

static void R(swiglu_back)(REAL *act, REAL *dgate, REAL *dup, const REAL *gate, const REAL *up,
                           size_t n)
{
    for (size_t i = 0; i < n; i++) {
        REAL sigmoid = 1 / (1 + R(exponential)(-gate[i])), silu = gate[i] * sigmoid, d = act[i];

        dup[i] = d * silu;
        dgate[i] = d * up[i] * sigmoid * (1 + gate[i] * (1 - sigmoid));
        act[i] = silu * up[i];
    }
}

static void R(unrope)(REAL *x, const REAL *turn, size_t half)
{
    for (size_t k = 0; k < half; k++) {
        REAL a = x[k], b = x[k + half];

        x[k] = a * turn[k] + b * turn[half + k];
        x[k + half] = b * turn[k] - a * turn[half + k];
    }
}

static void R(pack_columns)(REAL *panel, const REAL *rows, size_t stride, size_t n, size_t width,
                            size_t depth, const REAL *inverse, const REAL *weight)
{
    for (size_t k = 0; k < depth; k++, panel += width, rows += stride) {
        if (inverse)
            for (size_t r = 0; r < n; r++)
                panel[r] = rows[r] * inverse[k] * weight[r];
        else
            for (size_t r = 0; r < n; r++)
                panel[r] = rows[r];
        for (size_t r = n; r < width; r++)
            panel[r] = 0;
    }
}

static double R(logsumexp)(const REAL *x, size_t n, REAL scale)
{
    REAL max = x[0] * scale;
    double sum = 0;

    for (size_t i = 1; i < n; i++)
        max = x[i] * scale > max ? x[i] * scale : max;
    for (size_t i = 0; i < n; i++)
        sum += (double)R(exponential)(x[i] * scale - max);
    return (double)max + log(sum);
}

static void R(softmax)(REAL *x, size_t n, REAL scale, REAL shift, REAL weight)
{
    for (size_t i = 0; i < n; i++)
        x[i] = weight * R(exponential)(x[i] * scale - shift);
}

static REAL R(dot)(const REAL *x, const REAL *y, size_t n)
{
    REAL sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static void R(transpose)(REAL *to, size_t ldt, const REAL *from, size_t ldf, size_t rows,
                         size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            to[c * ldt + r] = from[r * ldf + c];
}

static void R(adamw)(REAL *w, REAL *m, REAL *v, const REAL *gradient, size_t n,
                     const struct R(adamw_rates) *rates)
{
    for (size_t i = 0; i < n; i++) {
        REAL g = gradient[i] * rates->factor;

        m[i] = rates->beta1 * m[i] + rates->rest1 * g;
        v[i] = rates->beta2 * v[i] + rates->rest2 * g * g;
        w[i] = w[i] * rates->keep - rates->rate * m[i] / (R(root)(v[i] * rates->spread) + rates->epsilon);
    }
}

const struct R(learn_ops) R(learn_ops_plain) = {
    .mul = R(mul),
    .rms = R(rms),
    .scale = R(scale),
    .exponentials = R(exponentials),
    .attend_back = R(attend_back),
    .norm_back = R(norm_back),
    .swiglu_back = R(swiglu_back),
    .unrope = R(unrope),
    .pack_columns = R(pack_columns),
    .logsumexp = R(logsumexp),
    .softmax = R(softmax),
    .dot = R(dot),
    .transpose = R(transpose),
    .adamw = R(adamw),
};
