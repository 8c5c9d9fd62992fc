/*
 * The ops in AVX2 and FMA. Compiled for any x86-64 (the instructions are asked for function
 * by function), called only where the CPU has them.
 */
#include "models/ops.h"

#if defined(__x86_64__)

#include <math.h>
#include <string.h>

#include "models/avx2_math.h"

AVX2_FN static void norm(float *out, const float *x, const float *weight, size_t n, double eps)
{
    __m256 a = _mm256_setzero_ps(), b = a, scales;
    double sum = 0;
    float scale;
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        __m256 u = _mm256_loadu_ps(x + i), v = _mm256_loadu_ps(x + i + 8);

        a = _mm256_fmadd_ps(u, u, a);
        b = _mm256_fmadd_ps(v, v, b);
    }
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    sum += (double)avx2_sum(a) + (double)avx2_sum(b);
    scale = (float)(1 / sqrt(sum / (double)n + eps));
    scales = _mm256_set1_ps(scale);
    for (i = 0; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), scales),
                                                _mm256_loadu_ps(weight + i)));
    for (; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

AVX2_FN static void rope(float *x, const float *turn, size_t half)
{
    size_t k = 0;

    for (; k + 8 <= half; k += 8) {
        __m256 a = _mm256_loadu_ps(x + k), b = _mm256_loadu_ps(x + k + half);
        __m256 c = _mm256_loadu_ps(turn + k), s = _mm256_loadu_ps(turn + half + k);

        _mm256_storeu_ps(x + k, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
        _mm256_storeu_ps(x + k + half, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
    for (; k < half; k++) {
        float a = x[k], b = x[k + half];

        x[k] = a * turn[k] - b * turn[half + k];
        x[k + half] = b * turn[k] + a * turn[half + k];
    }
}

AVX2_IN __m256 swiglu8(__m256 gate, __m256 up)
{
    __m256 e = avx2_exp(_mm256_sub_ps(_mm256_setzero_ps(), gate));

    return _mm256_mul_ps(_mm256_div_ps(gate, _mm256_add_ps(_mm256_set1_ps(1.0f), e)), up);
}

AVX2_FN static void swiglu(float *out, const float *gate, const float *up, size_t n)
{
    float a[8] = {0}, b[8] = {0};
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, swiglu8(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    if (i == n)
        return;
    memcpy(a, gate + i, (n - i) * sizeof(float));
    memcpy(b, up + i, (n - i) * sizeof(float));
    _mm256_storeu_ps(a, swiglu8(_mm256_loadu_ps(a), _mm256_loadu_ps(b)));
    memcpy(out + i, a, (n - i) * sizeof(float));
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

/* The first n of 8 lanes. */
AVX2_IN void store_lanes(float *to, __m256 x, size_t n)
{
    __m128 low = _mm256_castps256_ps128(x);

    if (n >= 8) {
        _mm256_storeu_ps(to, x);
        return;
    }
    if (n >= 4) {
        _mm_storeu_ps(to, low);
        low = _mm256_extractf128_ps(x, 1);
        to += 4;
        n -= 4;
    }
    if (n >= 2) {
        _mm_storel_pi((__m64 *)to, low);
        low = _mm_movehl_ps(low, low);
        to += 2;
        n -= 2;
    }
    if (n)
        _mm_store_ss(to, low);
}

/* Up to 8 rows of a panel from row r0 on, for the whole depth. */
AVX2_IN void pack_rows(float *panel, const float *rows, size_t stride, size_t have,
                           size_t lanes, size_t tall, size_t depth)
{
    size_t k = 0;

    for (; k + 8 <= depth; k += 8) {
        __m256 t[8];

        for (size_t r = 0; r < 8; r++)
            t[r] = r < have ? _mm256_loadu_ps(rows + r * stride + k) : _mm256_setzero_ps();
        transpose8(t);
        for (size_t j = 0; j < 8; j++)
            store_lanes(panel + (k + j) * tall, t[j], lanes);
    }
    for (; k < depth; k++)
        for (size_t r = 0; r < lanes; r++)
            panel[k * tall + r] = r < have ? rows[r * stride + k] : 0;
}

AVX2_FN static void pack(float *panel, const float *rows, size_t stride, size_t n_rows, size_t tall,
                      size_t depth)
{
    if (tall == 6 && n_rows == 6) {
        pack_rows(panel, rows, stride, 6, 6, 6, depth);
        return;
    }
    for (size_t r0 = 0; r0 < tall; r0 += 8) {
        size_t lanes = tall - r0 < 8 ? tall - r0 : 8;
        size_t have = n_rows <= r0 ? 0 : n_rows - r0 < lanes ? n_rows - r0 : lanes;

        if (lanes == 8 && have == 8)
            pack_rows(panel + r0, rows + r0 * stride, stride, 8, 8, tall, depth);
        else
            pack_rows(panel + r0, rows + r0 * stride, stride, have, lanes, tall, depth);
    }
}

/* The product of scale and byte is exact, so fused or not is the same. */
AVX2_FN static void expand(float *out, const uint8_t *q, const float *scales, size_t wide,
                        size_t depth)
{
    for (size_t k0 = 0; k0 < depth; k0 += EXPAND_GROUP, scales += 2 * wide) {
        size_t r = 0;

        for (; r + 16 <= wide; r += 16) {
            __m256 d0 = _mm256_loadu_ps(scales + r), d1 = _mm256_loadu_ps(scales + r + 8);
            __m256 m0 = _mm256_loadu_ps(scales + wide + r);
            __m256 m1 = _mm256_loadu_ps(scales + wide + r + 8);

            for (size_t k = k0; k < k0 + EXPAND_GROUP; k++) {
                __m128i both = _mm_loadu_si128((const __m128i *)(const void *)(q + k * wide + r));
                __m256i a = _mm256_cvtepu8_epi32(both);
                __m256i b = _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(both, both));

                _mm256_storeu_ps(out + k * wide + r,
                                 _mm256_fmadd_ps(_mm256_cvtepi32_ps(a), d0, m0));
                _mm256_storeu_ps(out + k * wide + r + 8,
                                 _mm256_fmadd_ps(_mm256_cvtepi32_ps(b), d1, m1));
            }
        }
        for (; r < wide; r++)
            for (size_t k = k0; k < k0 + EXPAND_GROUP; k++)
                out[k * wide + r] = scales[r] * (float)q[k * wide + r] + scales[wide + r];
    }
}

AVX2_FN static float largest(const float *x, size_t n)
{
    __m256 a = _mm256_set1_ps(-INFINITY), b = a;
    float max;
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        a = _mm256_max_ps(a, _mm256_loadu_ps(x + i));
        b = _mm256_max_ps(b, _mm256_loadu_ps(x + i + 8));
    }
    max = avx2_max(_mm256_max_ps(a, b));
    for (; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

AVX2_FN static double logsumexp(const float *x, size_t n)
{
    float max = largest(x, n), tail[8];
    __m256 tops = _mm256_set1_ps(max);
    __m256d low = _mm256_setzero_pd(), high = low;
    double parts[4], sum = 0;

    for (size_t i = 0; i < n; i += 8) {
        const float *from = x + i;
        __m256 e;

        if (i + 8 > n) {
            for (size_t j = 0; j < 8; j++)
                tail[j] = i + j < n ? from[j] : -INFINITY;
            from = tail;
        }
        e = avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(from), tops));
        low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(e)));
        high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(e, 1)));
    }
    _mm256_storeu_pd(parts, _mm256_add_pd(low, high));
    for (int i = 0; i < 4; i++)
        sum += parts[i];
    return (double)max + log(sum);
}

/* Six rows of 16 sums, by name: in an array the compiler writes them to memory in every round. */
#define SUMS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define SUM_ZERO(r) __m256 a##r = _mm256_setzero_ps(), b##r = _mm256_setzero_ps();
#define SUM_SCALED(r)                                                                     \
    __m256 a##r = _mm256_mul_ps(_mm256_loadu_ps(out + r * ATTEND_STRIDE),                 \
                                _mm256_broadcast_ss(scale + r)),                          \
           b##r = _mm256_mul_ps(_mm256_loadu_ps(out + r * ATTEND_STRIDE + 8),             \
                                _mm256_broadcast_ss(scale + r));
#define SUM_SCORE(r)                                                                      \
    x = _mm256_broadcast_ss(q + r * ATTEND_STRIDE + d);                                   \
    a##r = _mm256_fmadd_ps(x, y0, a##r);                                                  \
    b##r = _mm256_fmadd_ps(x, y1, b##r);
#define SUM_VALUE(r)                                                                      \
    x = _mm256_broadcast_ss(p + r * ATTEND_KEYS + j);                                     \
    a##r = _mm256_fmadd_ps(x, y0, a##r);                                                  \
    b##r = _mm256_fmadd_ps(x, y1, b##r);
#define SUM_TO_SCORES(r)                                                                  \
    _mm256_storeu_ps(s + r * ATTEND_KEYS, a##r);                                          \
    _mm256_storeu_ps(s + r * ATTEND_KEYS + 8, b##r);
#define SUM_TO_OUT(r)                                                                     \
    _mm256_storeu_ps(out + r * ATTEND_STRIDE, a##r);                                      \
    _mm256_storeu_ps(out + r * ATTEND_STRIDE + 8, b##r);

AVX2_FN static void scores(float *s, const float *q, const float *k, size_t head_dim)
{
    SUMS(SUM_ZERO)

#pragma GCC unroll 2
    for (size_t d = 0; d < head_dim; d++) {
        __m256 y0 = _mm256_loadu_ps(k + d * KV_PAGE), y1 = _mm256_loadu_ps(k + d * KV_PAGE + 8), x;

        SUMS(SUM_SCORE)
    }
    SUMS(SUM_TO_SCORES)
}

AVX2_FN static float soften(float *s, float *max, float *sum)
{
    __m256 e[ATTEND_KEYS / 8], tops, total;
    float top, scale, scales[8];

    total = _mm256_loadu_ps(s);
    for (int i = 1; i < ATTEND_KEYS / 8; i++)
        total = _mm256_max_ps(total, _mm256_loadu_ps(s + 8 * i));
    top = avx2_max(total);
    top = top > *max ? top : *max;
    tops = _mm256_set1_ps(top);
    for (int i = 0; i < ATTEND_KEYS / 8; i++) {
        e[i] = avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(s + 8 * i), tops));
        _mm256_storeu_ps(s + 8 * i, e[i]);
    }
    total = e[0];
    for (int i = 1; i < ATTEND_KEYS / 8; i++)
        total = _mm256_add_ps(total, e[i]);
    _mm256_storeu_ps(scales, avx2_exp(_mm256_set1_ps(*max - top)));
    scale = scales[0];
    *max = top;
    *sum = *sum * scale + avx2_sum(total);
    return scale;
}

/* Dimensions d .. d + 16 of the values of six queries. */
AVX2_FN static void values16(float *out, const float *p, const float *const *v, size_t n_pages,
                          size_t padded, size_t d, const float *scale)
{
    SUMS(SUM_SCALED)

    for (size_t page = 0; page < n_pages; page++, p += KV_PAGE) {
        const float *row = v[page] + d;

#pragma GCC unroll 2
        for (size_t j = 0; j < KV_PAGE; j++, row += padded) {
            __m256 y0 = _mm256_loadu_ps(row), y1 = _mm256_loadu_ps(row + 8), x;

            SUMS(SUM_VALUE)
        }
    }
    SUMS(SUM_TO_OUT)
}

/* The last 8 dimensions of a head that is no multiple of 16, one query after another. */
AVX2_FN static void values8(float *out, const float *p, const float *const *v, size_t n_pages,
                         size_t padded, size_t d, const float *scale)
{
    for (size_t r = 0; r < ATTEND_ROWS; r++, out += ATTEND_STRIDE, p += ATTEND_KEYS) {
        __m256 sum = _mm256_mul_ps(_mm256_loadu_ps(out), _mm256_broadcast_ss(scale + r));

        for (size_t page = 0; page < n_pages; page++)
            for (size_t j = 0; j < KV_PAGE; j++)
                sum = _mm256_fmadd_ps(_mm256_broadcast_ss(p + page * KV_PAGE + j),
                                      _mm256_loadu_ps(v[page] + j * padded + d), sum);
        _mm256_storeu_ps(out, sum);
    }
}

AVX2_FN static void values(float *out, const float *p, const float *const *v, size_t n_pages,
                        size_t padded, const float *scale)
{
    size_t d = 0;

    for (; d + 16 <= padded; d += 16)
        values16(out + d, p, v, n_pages, padded, d, scale);
    if (d < padded)
        values8(out + d, p, v, n_pages, padded, d, scale);
}

const struct ops_f32 ops_avx2_f32 = {
    .norm = norm,
    .rope = rope,
    .swiglu = swiglu,
    .pack = pack,
    .expand = expand,
    .logsumexp = logsumexp,
    .largest = largest,
    .scores = scores,
    .soften = soften,
    .values = values,
};

#endif
