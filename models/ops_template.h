/* Plain C for one kind of number; included by ops_plain.c with REAL_BITS set. */
#include "models/real.h"

static void R(norm)(REAL *out, const REAL *x, const REAL *weight, size_t n, double eps)
{
    REAL lanes[8] = {0};
    double sum = 0;
    REAL scale;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            lanes[j] += x[i + j] * x[i + j];
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (size_t j = 0; j < 8; j++)
        sum += (double)lanes[j];
    scale = (REAL)(1 / sqrt(sum / (double)n + eps));
    for (i = 0; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

static void R(rope)(REAL *x, const REAL *turn, size_t half)
{
    const REAL *cosines = turn, *sines = turn + half;

    for (size_t k = 0; k < half; k++) {
        REAL a = x[k], b = x[k + half];

        x[k] = a * cosines[k] - b * sines[k];
        x[k + half] = b * cosines[k] + a * sines[k];
    }
}

static void R(swiglu)(REAL *out, const REAL *gate, const REAL *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gate[i] / (1 + R(exponential)(-gate[i])) * up[i];
}

static void R(pack)(REAL *panel, const REAL *rows, size_t stride, size_t n_rows, size_t tall,
                    size_t depth)
{
    for (size_t k = 0; k < depth; k++, panel += tall) {
        for (size_t r = 0; r < n_rows; r++)
            panel[r] = rows[r * stride + k];
        for (size_t r = n_rows; r < tall; r++)
            panel[r] = 0;
    }
}

static void R(expand)(REAL *out, const uint8_t *q, const float *scales, size_t wide,
                      size_t depth)
{
    for (size_t k = 0; k < depth; k++, out += wide, q += wide) {
        const float *d = scales + k / EXPAND_GROUP * 2 * wide, *m = d + wide;

        for (size_t r = 0; r < wide; r++)
            out[r] = (REAL)(d[r] * (float)q[r] + m[r]);
    }
}

static REAL R(largest)(const REAL *x, size_t n)
{
    REAL max = x[0];

    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

static double R(logsumexp)(const REAL *x, size_t n)
{
    REAL max = R(largest)(x, n);
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)R(exponential)(x[i] - max);
    return (double)max + log(sum);
}

static void R(scores)(REAL *s, const REAL *q, const REAL *k, size_t head_dim)
{
    for (size_t r = 0; r < ATTEND_ROWS; r++, s += ATTEND_KEYS, q += ATTEND_STRIDE) {
        REAL sum[KV_PAGE] = {0};

        for (size_t d = 0; d < head_dim; d++)
            for (size_t j = 0; j < KV_PAGE; j++)
                sum[j] += q[d] * k[d * KV_PAGE + j];
        memcpy(s, sum, sizeof(sum));
    }
}

static REAL R(soften)(REAL *s, REAL *max, REAL *sum)
{
    REAL top = R(largest)(s, ATTEND_KEYS), scale, block = 0;

    top = top > *max ? top : *max;
    scale = R(exponential)(*max - top);
    for (size_t j = 0; j < ATTEND_KEYS; j++) {
        s[j] = R(exponential)(s[j] - top);
        block += s[j];
    }
    *max = top;
    *sum = *sum * scale + block;
    return scale;
}

static void R(values)(REAL *out, const REAL *p, const REAL *const *v, size_t n_pages,
                      size_t padded, const REAL *scale)
{
    for (size_t r = 0; r < ATTEND_ROWS; r++, out += ATTEND_STRIDE, p += ATTEND_KEYS) {
        for (size_t d = 0; d < padded; d++)
            out[d] *= scale[r];
        for (size_t page = 0; page < n_pages; page++)
            for (size_t j = 0; j < KV_PAGE; j++) {
                REAL weight = p[page * KV_PAGE + j];
                const REAL *row = v[page] + j * padded;

                for (size_t d = 0; d < padded; d++)
                    out[d] += weight * row[d];
            }
    }
}

const struct R(ops) R(ops_plain) = {
    .norm = R(norm),
    .rope = R(rope),
    .swiglu = R(swiglu),
    .pack = R(pack),
    .expand = R(expand),
    .logsumexp = R(logsumexp),
    .largest = R(largest),
    .scores = R(scores),
    .soften = R(soften),
    .values = R(values),
};
