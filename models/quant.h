/*
 * Number formats of weights: what the decoders share, and what the tests need beside
 * weights.h. All functions are pure and may be called from any thread, also with denormals
 * flushed: a half's subnormal never passes through a float's.
 */
#ifndef RLAIF_MODELS_QUANT_H
#define RLAIF_MODELS_QUANT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "models/weights.h"

static inline uint16_t load_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline float float_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* IEEE binary16 to binary32, exact, NaN and infinities kept. */
static inline float half_to_float(uint16_t h)
{
    const uint32_t exponent = h & 0x7c00u;
    uint32_t bits = ((uint32_t)(h & 0x7fffu) << 13) + (112u << 23);
    if (exponent == 0x7c00u)
        bits += 112u << 23;
    if (exponent == 0) /* 2^-14 (1 + m/1024) - 2^-14: no denormal on the way */
        bits += 1u << 23;
    float f = float_from_bits(bits);
    if (exponent == 0)
        f -= float_from_bits(113u << 23);
    uint32_t out;
    memcpy(&out, &f, sizeof out);
    return float_from_bits(out | (uint32_t)(h & 0x8000u) << 16);
}

static inline float load_half(const uint8_t *p)
{
    return half_to_float(load_u16(p));
}

static inline int half_is_finite(uint16_t h)
{
    return (h & 0x7c00u) != 0x7c00u;
}

/* All rows of the table; tests walk over them. */
const struct weight_format *weight_formats(size_t *n);

/* n weights, a multiple of the format's block (32, 256, or 1). */
void decode_f32(const void *blocks, float *out, size_t n);
void decode_f16(const void *blocks, float *out, size_t n);
void decode_bf16(const void *blocks, float *out, size_t n);
void decode_q8_0(const void *blocks, float *out, size_t n);
void decode_q4_0(const void *blocks, float *out, size_t n);
void decode_q4_1(const void *blocks, float *out, size_t n);
void decode_q5_0(const void *blocks, float *out, size_t n);
void decode_q5_1(const void *blocks, float *out, size_t n);
void decode_iq4_nl(const void *blocks, float *out, size_t n);
void decode_q4_k(const void *blocks, float *out, size_t n);
void decode_q5_k(const void *blocks, float *out, size_t n);
void decode_q6_k(const void *blocks, float *out, size_t n);

/*
 * A decoder is one inline body compiled twice: for any CPU and for AVX2. There is no fused
 * multiply-add in either, so both give the same bits and nobody needs to choose.
 */
#if defined(__x86_64__)
#define DECODER(name)                                                              \
    __attribute__((target("avx2"))) static void name##_avx2(const uint8_t *blocks, \
                                                            float *out, size_t n)  \
    {                                                                              \
        name##_body(blocks, out, n);                                               \
    }                                                                              \
    void name(const void *blocks, float *out, size_t n)                            \
    {                                                                              \
        if (__builtin_cpu_supports("avx2"))                                        \
            name##_avx2(blocks, out, n);                                           \
        else                                                                       \
            name##_body(blocks, out, n);                                           \
    }
#else
#define DECODER(name)                                   \
    void name(const void *blocks, float *out, size_t n) \
    {                                                   \
        name##_body(blocks, out, n);                    \
    }
#endif
#define DECODER_BODY(name)                                                        \
    static inline __attribute__((always_inline)) void name##_body(                \
        const uint8_t *restrict blocks, float *restrict out, size_t n)

#endif
