/*
 * Training's ops in AVX2 and FMA. Compiled for any x86-64 (the instructions are asked for
 * function by function), called only where the CPU has them.
 */
#include "models/learn_ops.h"

#if defined(__x86_64__)

#include <math.h>
#include <string.h>

#include "models/avx2_math.h"

/* ---- small products ---- */

/* Six rows of 16 sums, by name: in an array the compiler writes them to memory in every round. */
#define SUMS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define SUM_ZERO(r) __m256 low##r = _mm256_setzero_ps(), high##r = _mm256_setzero_ps();
#define SUM_ROW(r) const float *a##r = a + (r < rows ? r : rows - 1) * mul->a_row;
#define SUM_STEP(r)                                                                       \
    x = _mm256_broadcast_ss(a##r + at);                                                   \
    low##r = _mm256_fmadd_ps(x, y0, low##r);                                              \
    high##r = _mm256_fmadd_ps(x, y1, high##r);
#define SUM_STORE(r)                                                                      \
    if (r < rows)                                                                         \
        store16(c + r * mul->ldc, low##r, high##r, columns, mul->add);

/* The first `columns` of 16 numbers to c, or added to it. */
AVX2_IN void store16(float *c, __m256 low, __m256 high, size_t columns, bool add)
{
    if (columns >= 16) {
        if (add) {
            low = _mm256_add_ps(low, _mm256_loadu_ps(c));
            high = _mm256_add_ps(high, _mm256_loadu_ps(c + 8));
        }
        _mm256_storeu_ps(c, low);
        _mm256_storeu_ps(c + 8, high);
    } else {
        __m256i first = avx2_mask(columns), second = avx2_mask(columns > 8 ? columns - 8 : 0);

        if (add) {
            low = _mm256_add_ps(low, _mm256_maskload_ps(c, first));
            high = _mm256_add_ps(high, _mm256_maskload_ps(c + 8, second));
        }
        _mm256_maskstore_ps(c, first, low);
        _mm256_maskstore_ps(c + 8, second, high);
    }
}

/* Rows past the last repeat it and are not stored; columns past the last are read and not stored. */
AVX2_FN static void mul_block(const struct learn_mul_f32 *mul, const float *a, const float *b,
                              float *c, size_t rows, size_t columns)
{
    size_t step = mul->a_col, ldb = mul->ldb, end = mul->depth * step;
    SUMS(SUM_ROW)
    SUMS(SUM_ZERO)

#pragma GCC unroll 2
    for (size_t at = 0; at < end; at += step, b += ldb) {
        __m256 y0 = _mm256_loadu_ps(b), y1 = _mm256_loadu_ps(b + 8), x;

        SUMS(SUM_STEP)
    }
    SUMS(SUM_STORE)
}

AVX2_FN static void mul(const struct learn_mul_f32 *mul)
{
    for (size_t j = 0; j < mul->n; j += LEARN_LANES)
        for (size_t i = 0; i < mul->m; i += 6)
            mul_block(mul, mul->a + i * mul->a_row, mul->b + j, mul->c + i * mul->ldc + j,
                      mul->m - i < 6 ? mul->m - i : 6, mul->n - j);
}

/* ---- rows ---- */

AVX2_FN static float rms(const float *x, size_t n, double eps)
{
    __m256 a = _mm256_setzero_ps(), b = a;
    double sum = 0;
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        __m256 u = _mm256_loadu_ps(x + i), v = _mm256_loadu_ps(x + i + 8);

        a = _mm256_fmadd_ps(u, u, a);
        b = _mm256_fmadd_ps(v, v, b);
    }
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    sum += (double)avx2_sum(a) + (double)avx2_sum(b);
    return (float)(1 / sqrt(sum / (double)n + eps));
}

AVX2_FN static void scale(float *out, const float *x, const float *weight, float inverse, size_t n)
{
    __m256 factor = _mm256_set1_ps(inverse);
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), factor),
                                                _mm256_loadu_ps(weight + i)));
    for (; i < n; i++)
        out[i] = x[i] * inverse * weight[i];
}

/* The last numbers of a row go through a whole vector; what is behind them stays as it is. Only there:
 * masked stores cost some CPUs as much as twenty plain ones. */
#define LOAD(p, i, n) _mm256_maskload_ps((p) + (i), avx2_mask((n) - (i)))
#define STORE(p, i, n, x) _mm256_maskstore_ps((p) + (i), avx2_mask((n) - (i)), x)

AVX2_FN static float exponentials(float *s, size_t n, float factor, float shift)
{
    __m256 factors = _mm256_set1_ps(factor), shifts = _mm256_set1_ps(shift), sum = _mm256_setzero_ps();
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m256 e = avx2_exp(_mm256_fmsub_ps(_mm256_loadu_ps(s + i), factors, shifts));

        sum = _mm256_add_ps(sum, e);
        _mm256_storeu_ps(s + i, e);
    }
    if (i < n) {
        __m256 e = avx2_exp(_mm256_fmsub_ps(LOAD(s, i, n), factors, shifts));

        e = _mm256_and_ps(e, _mm256_castsi256_ps(avx2_mask(n - i)));
        sum = _mm256_add_ps(sum, e);
        STORE(s, i, n, e);
    }
    return avx2_sum(sum);
}

AVX2_IN void attend_back8(__m256 *s, __m256 *dp, __m256 factors, __m256 shifts, __m256 deltas)
{
    *s = avx2_exp(_mm256_fmsub_ps(*s, factors, shifts));
    *dp = _mm256_mul_ps(_mm256_mul_ps(*s, _mm256_sub_ps(*dp, deltas)), factors);
}

AVX2_FN static void attend_back(float *s, float *dp, size_t n, float factor, float shift, float delta)
{
    __m256 factors = _mm256_set1_ps(factor), shifts = _mm256_set1_ps(shift);
    __m256 deltas = _mm256_set1_ps(delta), p, d;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        p = _mm256_loadu_ps(s + i);
        d = _mm256_loadu_ps(dp + i);
        attend_back8(&p, &d, factors, shifts, deltas);
        _mm256_storeu_ps(s + i, p);
        _mm256_storeu_ps(dp + i, d);
    }
    if (i == n)
        return;
    p = LOAD(s, i, n);
    d = LOAD(dp, i, n);
    attend_back8(&p, &d, factors, shifts, deltas);
    STORE(s, i, n, p);
    STORE(dp, i, n, d);
}

AVX2_FN static float dot(const float *x, const float *y, size_t n)
{
    __m256 sum = _mm256_setzero_ps();
    float rest = 0;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        sum = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i), sum);
    for (; i < n; i++)
        rest += x[i] * y[i];
    return avx2_sum(sum) + rest;
}

AVX2_FN static void norm_back(float *dx, float *dweight, const float *x, const float *weight,
                              const float *dy, float inverse, size_t n)
{
    __m256 sum = _mm256_setzero_ps(), inverses = _mm256_set1_ps(inverse), pulls;
    size_t whole = n / 8 * 8, i;
    double total = 0;
    float pull;

    for (i = 0; i < whole; i += 8)
        sum = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_loadu_ps(dy + i), _mm256_loadu_ps(weight + i)),
                              _mm256_loadu_ps(x + i), sum);
    for (; i < n; i++)
        total += (double)(dy[i] * weight[i] * x[i]);
    total += (double)avx2_sum(sum);
    pull = (float)(total / (double)n * (double)inverse * (double)inverse);
    pulls = _mm256_set1_ps(pull);
    for (i = 0; i < whole; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i), d = _mm256_loadu_ps(dy + i);
        __m256 pushed = _mm256_fnmadd_ps(v, pulls, _mm256_mul_ps(d, _mm256_loadu_ps(weight + i)));

        _mm256_storeu_ps(dx + i, _mm256_fmadd_ps(inverses, pushed, _mm256_loadu_ps(dx + i)));
        _mm256_storeu_ps(dweight + i, _mm256_fmadd_ps(_mm256_mul_ps(d, v), inverses,
                                                      _mm256_loadu_ps(dweight + i)));
    }
    for (; i < n; i++) {
        dx[i] += inverse * (dy[i] * weight[i] - x[i] * pull);
        dweight[i] += dy[i] * x[i] * inverse;
    }
}

/* act holds its derivative d and becomes the activation. */
AVX2_IN void swiglu_back8(__m256 *act, __m256 *gate, __m256 *up)
{
    __m256 one = _mm256_set1_ps(1), zero = _mm256_setzero_ps(), d = *act, u = *up;
    __m256 e = avx2_exp(_mm256_sub_ps(zero, *gate));
    __m256 sigmoid = _mm256_div_ps(one, _mm256_add_ps(one, e));
    __m256 silu = _mm256_mul_ps(*gate, sigmoid);
    /* sigmoid (1 + gate (1 - sigmoid)) = sigmoid + silu (1 - sigmoid) */
    __m256 slope = _mm256_fmadd_ps(silu, _mm256_sub_ps(one, sigmoid), sigmoid);

    *up = _mm256_mul_ps(d, silu);
    *gate = _mm256_mul_ps(_mm256_mul_ps(d, u), slope);
    *act = _mm256_mul_ps(silu, u);
}

AVX2_FN static void swiglu_back(float *act, float *dgate, float *dup, const float *gate,
                                const float *up, size_t n)
{
    __m256 a, g, u;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        a = _mm256_loadu_ps(act + i);
        g = _mm256_loadu_ps(gate + i);
        u = _mm256_loadu_ps(up + i);
        swiglu_back8(&a, &g, &u);
        _mm256_storeu_ps(act + i, a);
        _mm256_storeu_ps(dgate + i, g);
        _mm256_storeu_ps(dup + i, u);
    }
    if (i == n)
        return;
    a = LOAD(act, i, n);
    g = LOAD(gate, i, n);
    u = LOAD(up, i, n);
    swiglu_back8(&a, &g, &u);
    STORE(act, i, n, a);
    STORE(dgate, i, n, g);
    STORE(dup, i, n, u);
}

AVX2_FN static void unrope(float *x, const float *turn, size_t half)
{
    size_t k = 0;

    for (; k + 8 <= half; k += 8) {
        __m256 a = _mm256_loadu_ps(x + k), b = _mm256_loadu_ps(x + half + k);
        __m256 c = _mm256_loadu_ps(turn + k), s = _mm256_loadu_ps(turn + half + k);

        _mm256_storeu_ps(x + k, _mm256_fmadd_ps(a, c, _mm256_mul_ps(b, s)));
        _mm256_storeu_ps(x + half + k, _mm256_fmsub_ps(b, c, _mm256_mul_ps(a, s)));
    }
    for (; k < half; k++) {
        float a = x[k], b = x[half + k];

        x[k] = a * turn[k] + b * turn[half + k];
        x[half + k] = b * turn[k] - a * turn[half + k];
    }
}

/* Row i of t becomes column i. */
AVX2_IN void transpose8(__m256 t[8])
{
    __m256 a[8], b[8];

    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_ps(t[2 * i], t[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(t[2 * i], t[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

AVX2_FN static void transpose(float *to, size_t ldt, const float *from, size_t ldf, size_t rows,
                              size_t columns)
{
    size_t r = 0;

    for (; r + 8 <= rows; r += 8, from += 8 * ldf) {
        size_t c = 0;

        for (; c + 8 <= columns; c += 8) {
            __m256 t[8];

            for (size_t i = 0; i < 8; i++)
                t[i] = _mm256_loadu_ps(from + i * ldf + c);
            transpose8(t);
            for (size_t i = 0; i < 8; i++)
                _mm256_storeu_ps(to + (c + i) * ldt + r, t[i]);
        }
        for (; c < columns; c++)
            for (size_t i = 0; i < 8; i++)
                to[c * ldt + r + i] = from[i * ldf + c];
    }
    for (; r < rows; r++, from += ldf)
        for (size_t c = 0; c < columns; c++)
            to[c * ldt + r] = from[c];
}

/* ---- panels of a transpose ---- */

AVX2_IN void pack16(float *panel, const float *rows, size_t stride, size_t depth,
                    const float *inverse, const float *weight)
{
    __m256 w0 = _mm256_setzero_ps(), w1 = w0;

    if (inverse) {
        w0 = _mm256_loadu_ps(weight);
        w1 = _mm256_loadu_ps(weight + 8);
    }
    for (size_t k = 0; k < depth; k++, panel += 16, rows += stride) {
        __m256 a = _mm256_loadu_ps(rows), b = _mm256_loadu_ps(rows + 8);

        if (inverse) {
            __m256 factor = _mm256_broadcast_ss(inverse + k);

            a = _mm256_mul_ps(_mm256_mul_ps(a, factor), w0);
            b = _mm256_mul_ps(_mm256_mul_ps(b, factor), w1);
        }
        _mm256_storeu_ps(panel, a);
        _mm256_storeu_ps(panel + 8, b);
    }
}

/* Any width up to 32: whole vectors, the last masked. */
AVX2_IN void pack_any(float *panel, const float *rows, size_t stride, size_t n, size_t width,
                      size_t depth, const float *inverse, const float *weight)
{
    for (size_t k = 0; k < depth; k++, panel += width, rows += stride)
        for (size_t r = 0; r < width; r += 8) {
            __m256i have = avx2_mask(n > r ? n - r : 0);
            __m256 a = _mm256_maskload_ps(rows + r, have);

            if (inverse)
                a = _mm256_mul_ps(_mm256_mul_ps(a, _mm256_broadcast_ss(inverse + k)),
                                  _mm256_maskload_ps(weight + r, have));
            _mm256_maskstore_ps(panel + r, avx2_mask(width - r), a);
        }
}

AVX2_IN void pack6(float *panel, const float *rows, size_t stride, size_t depth)
{
    for (size_t k = 0; k < depth; k++, panel += 6, rows += stride) {
        __m128 a = _mm_loadu_ps(rows);
        double b;

        memcpy(&b, rows + 4, sizeof(b));
        _mm_storeu_ps(panel, a);
        memcpy(panel + 4, &b, sizeof(b));
    }
}

AVX2_FN static void pack_columns(float *panel, const float *rows, size_t stride, size_t n,
                                 size_t width, size_t depth, const float *inverse,
                                 const float *weight)
{
    if (width == 16 && n == 16)
        pack16(panel, rows, stride, depth, inverse, weight);
    else if (width == 6 && n == 6 && !inverse)
        pack6(panel, rows, stride, depth);
    else
        pack_any(panel, rows, stride, n, width, depth, inverse, weight);
}

/* ---- rows of logits ---- */

AVX2_FN static double logsumexp(const float *x, size_t n, float factor)
{
    __m256 factors = _mm256_set1_ps(factor), top = _mm256_set1_ps(-INFINITY), bad = _mm256_setzero_ps();
    __m256d low = _mm256_setzero_pd(), high = low;
    double parts[4], sum = 0;
    float max;

    for (size_t i = 0; i < n; i += 8) {
        __m256 v = LOAD(x, i, n);

        /* 0 times NaN or infinity is NaN, which the maximum and exp would hide. */
        bad = _mm256_fmadd_ps(v, _mm256_setzero_ps(), bad);
        v = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), _mm256_mul_ps(v, factors),
                             _mm256_castsi256_ps(avx2_mask(n - i)));
        top = _mm256_max_ps(v, top);
    }
    max = avx2_max(top);
    for (size_t i = 0; i < n; i += 8) {
        __m256 e = avx2_exp(_mm256_fmsub_ps(LOAD(x, i, n), factors, _mm256_set1_ps(max)));

        e = _mm256_and_ps(e, _mm256_castsi256_ps(avx2_mask(n - i)));
        low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(e)));
        high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(e, 1)));
    }
    _mm256_storeu_pd(parts, _mm256_add_pd(low, high));
    for (int i = 0; i < 4; i++)
        sum += parts[i];
    return (double)max + log(sum) + (double)avx2_sum(bad);
}

AVX2_FN static void softmax(float *x, size_t n, float factor, float shift, float weight)
{
    __m256 factors = _mm256_set1_ps(factor), shifts = _mm256_set1_ps(shift);
    __m256 weights = _mm256_set1_ps(weight);
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(x + i, _mm256_mul_ps(weights, avx2_exp(_mm256_fmsub_ps(
                                                           _mm256_loadu_ps(x + i), factors, shifts))));
    if (i < n)
        STORE(x, i, n, _mm256_mul_ps(weights, avx2_exp(_mm256_fmsub_ps(LOAD(x, i, n), factors, shifts))));
}

/* ---- the optimiser ---- */

AVX2_FN static void adamw(float *w, float *m, float *v, const float *gradient, size_t n,
                          const struct adamw_rates_f32 *rates)
{
    __m256 beta1 = _mm256_set1_ps(rates->beta1), rest1 = _mm256_set1_ps(rates->rest1);
    __m256 beta2 = _mm256_set1_ps(rates->beta2), rest2 = _mm256_set1_ps(rates->rest2);
    __m256 factor = _mm256_set1_ps(rates->factor), keep = _mm256_set1_ps(rates->keep);
    __m256 rate = _mm256_set1_ps(rates->rate), spread = _mm256_set1_ps(rates->spread);
    __m256 epsilon = _mm256_set1_ps(rates->epsilon);
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m256 g = _mm256_mul_ps(_mm256_loadu_ps(gradient + i), factor);
        __m256 a = _mm256_add_ps(_mm256_mul_ps(beta1, _mm256_loadu_ps(m + i)), _mm256_mul_ps(rest1, g));
        __m256 b = _mm256_add_ps(_mm256_mul_ps(beta2, _mm256_loadu_ps(v + i)),
                                 _mm256_mul_ps(_mm256_mul_ps(rest2, g), g));
        __m256 under = _mm256_add_ps(_mm256_sqrt_ps(_mm256_mul_ps(b, spread)), epsilon);

        _mm256_storeu_ps(m + i, a);
        _mm256_storeu_ps(v + i, b);
        _mm256_storeu_ps(w + i, _mm256_sub_ps(_mm256_mul_ps(_mm256_loadu_ps(w + i), keep),
                                              _mm256_div_ps(_mm256_mul_ps(rate, a), under)));
    }
    learn_ops_plain_f32.adamw(w + i, m + i, v + i, gradient + i, n - i, rates);
}

const struct learn_ops_f32 learn_ops_avx2_f32 = {
    .mul = mul,
    .rms = rms,
    .scale = scale,
    .exponentials = exponentials,
    .attend_back = attend_back,
    .norm_back = norm_back,
    .swiglu_back = swiglu_back,
    .unrope = unrope,
    .pack_columns = pack_columns,
    .logsumexp = logsumexp,
    .softmax = softmax,
    .dot = dot,
    .transpose = transpose,
    .adamw = adamw,
};

#endif
