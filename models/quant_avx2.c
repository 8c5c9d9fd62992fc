/* The common decoders by hand for AVX2: a block's 32 numbers as bytes in one register, then
 * number * d (+ m) as in the plain ones, each operation rounded by itself. */
#include "models/quant.h"

#if defined(__x86_64__) && !defined(RLAIF_DECODE_PLAIN)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,f16c")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,f16c")))

/* Half's subnormals come out right with denormals flushed too: the instruction ignores DAZ. */
AVX2_INLINE __m256 broadcast_half(const uint8_t *p)
{
    return _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(load_u16(p))));
}

/* 16 bytes of nibble pairs to 32 bytes: the low ones, then the high ones. */
AVX2_INLINE __m256i nibbles(const uint8_t *p)
{
    const __m128i pairs = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m256i both =
        _mm256_inserti128_si256(_mm256_castsi128_si256(pairs), _mm_srli_epi16(pairs, 4), 1);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* 16 in every byte whose bit of `bits` is set. */
AVX2_INLINE __m256i fifth_bits(uint32_t bits)
{
    const __m256i which = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                                           2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i mask = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), which);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, mask), mask);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

/* Signed bytes to floats. */
AVX2_INLINE __m256 eight(__m128i bytes)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

AVX2_INLINE void put_scaled(__m256i q, __m256 d, float *out)
{
    const __m128i low = _mm256_castsi256_si128(q), high = _mm256_extracti128_si256(q, 1);
    _mm256_storeu_ps(out, _mm256_mul_ps(eight(low), d));
    _mm256_storeu_ps(out + 8, _mm256_mul_ps(eight(_mm_srli_si128(low, 8)), d));
    _mm256_storeu_ps(out + 16, _mm256_mul_ps(eight(high), d));
    _mm256_storeu_ps(out + 24, _mm256_mul_ps(eight(_mm_srli_si128(high, 8)), d));
}

AVX2_INLINE __m256 scaled_plus(__m128i bytes, __m256 d, __m256 m)
{
    return _mm256_add_ps(_mm256_mul_ps(eight(bytes), d), m);
}

AVX2_INLINE void put_affine(__m256i q, __m256 d, __m256 m, float *out)
{
    const __m128i low = _mm256_castsi256_si128(q), high = _mm256_extracti128_si256(q, 1);
    _mm256_storeu_ps(out, scaled_plus(low, d, m));
    _mm256_storeu_ps(out + 8, scaled_plus(_mm_srli_si128(low, 8), d, m));
    _mm256_storeu_ps(out + 16, scaled_plus(high, d, m));
    _mm256_storeu_ps(out + 24, scaled_plus(_mm_srli_si128(high, 8), d, m));
}

AVX2 void decode_q4_0_avx2(const uint8_t *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n / 32; i++, blocks += 18, out += 32)
        put_scaled(_mm256_sub_epi8(nibbles(blocks + 2), _mm256_set1_epi8(8)),
                   broadcast_half(blocks), out);
}

AVX2 void decode_q4_1_avx2(const uint8_t *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n / 32; i++, blocks += 20, out += 32)
        put_affine(nibbles(blocks + 4), broadcast_half(blocks), broadcast_half(blocks + 2), out);
}

AVX2 void decode_q5_0_avx2(const uint8_t *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n / 32; i++, blocks += 22, out += 32) {
        const __m256i q = _mm256_or_si256(nibbles(blocks + 6), fifth_bits(load_u32(blocks + 2)));
        put_scaled(_mm256_sub_epi8(q, _mm256_set1_epi8(16)), broadcast_half(blocks), out);
    }
}

AVX2 void decode_q5_1_avx2(const uint8_t *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n / 32; i++, blocks += 24, out += 32) {
        const __m256i q = _mm256_or_si256(nibbles(blocks + 8), fifth_bits(load_u32(blocks + 4)));
        put_affine(q, broadcast_half(blocks), broadcast_half(blocks + 2), out);
    }
}

AVX2 void decode_q8_0_avx2(const uint8_t *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n / 32; i++, blocks += 34, out += 32)
        put_scaled(_mm256_loadu_si256((const __m256i *)(const void *)(blocks + 2)),
                   broadcast_half(blocks), out);
}

AVX2 void decode_iq4_nl_avx2(const uint8_t *blocks, float *out, size_t n)
{
    const __m256i values = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
    for (size_t i = 0; i < n / 32; i++, blocks += 18, out += 32)
        put_scaled(_mm256_shuffle_epi8(values, nibbles(blocks + 2)), broadcast_half(blocks), out);
}

AVX2 void decode_f16_avx2(const uint8_t *blocks, float *out, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                      (const __m128i *)(const void *)(blocks + 2 * i))));
    for (; i < n; i++)
        out[i] = load_half(blocks + 2 * i);
}

/* F16C has no name in clang's builtin; every CPU with AVX2 and FMA has it. */
bool decode_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
