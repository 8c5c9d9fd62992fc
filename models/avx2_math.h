/*
 * Small pieces of AVX2 that kernels share: exp of eight floats, sums and maxima over lanes. For
 * functions with the target attribute AVX2 only; any thread.
 */
#ifndef RLAIF_MODELS_AVX2_MATH_H
#define RLAIF_MODELS_AVX2_MATH_H

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2_FN __attribute__((target("avx2,fma")))
#define AVX2_IN static inline __attribute__((target("avx2,fma"), always_inline))

/* Lowest argument whose exp is a normal number; below it the result is exactly 0, as for NaN. */
#define AVX2_EXP_LOW -87.3f
#define AVX2_EXP_HIGH 88.3f

/*
 * exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2, ln 2 in two parts; polynomial of
 * degree 6 by Moshier's coefficients (Cephes expf). Relative error below 2e-7.
 */
AVX2_IN __m256 avx2_exp(__m256 x)
{
    __m256 alive = _mm256_cmp_ps(x, _mm256_set1_ps(AVX2_EXP_LOW), _CMP_GE_OQ);
    __m256 n, p;
    __m256i bits;

    x = _mm256_max_ps(_mm256_min_ps(x, _mm256_set1_ps(AVX2_EXP_HIGH)),
                      _mm256_set1_ps(AVX2_EXP_LOW));
    n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341f)),
                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    x = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    x = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), x);
    p = _mm256_set1_ps(1.9875691500e-4f);
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.3981999507e-3f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(8.3334519073e-3f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(4.1665795894e-2f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.6666665459e-1f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(5.0000001201e-1f));
    p = _mm256_fmadd_ps(_mm256_mul_ps(p, x), x, x);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_and_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(bits)), alive);
}

AVX2_IN float avx2_sum(__m256 x)
{
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}

AVX2_IN float avx2_max(__m256 x)
{
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}

/* Ones in the first n lanes, for maskload and maskstore; n of 8 or more: all. */
AVX2_IN __m256i avx2_mask(size_t n)
{
    __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n > 8 ? 8 : (int)n), lanes);
}

#endif
#endif
