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

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they are mapped");

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

static inline uint32_t bits_of_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* IEEE binary16 to binary32, exact, NaN and infinities kept; masks in place of branches. */
static inline float half_to_float(uint16_t h)
{
    const uint32_t low = (uint32_t)(h & 0x7fffu) << 13, exponent = low & (31u << 23);
    const uint32_t special = -(uint32_t)(exponent == 31u << 23);
    const uint32_t normal = low + (112u << 23) + (special & 112u << 23);
    /* 2^-14 (1 + m/1024) - 2^-14: no denormal on the way */
    const float sub = float_from_bits(low + (113u << 23)) - float_from_bits(113u << 23);
    const uint32_t zero = -(uint32_t)(exponent == 0);
    return float_from_bits((normal & ~zero) | (bits_of_float(sub) & zero) |
                           (uint32_t)(h & 0x8000u) << 16);
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
 * A decoder is a body in plain C, and one for AVX2: the same body compiled again, or one by
 * hand (quant_avx2.c) where the compiler makes too little of it. No fused multiply-add in
 * either, so both give the same bits and nobody needs to choose.
 */
#define DECODER_BODY(name)                                                        \
    static inline __attribute__((always_inline)) void name##_body(                \
        const uint8_t *restrict blocks, float *restrict out, size_t n)
#define DECODER_PLAIN(name)                             \
    void name(const void *blocks, float *out, size_t n) \
    {                                                   \
        name##_body(blocks, out, n);                    \
    }
#if defined(__x86_64__) && !defined(RLAIF_DECODE_PLAIN)
bool decode_has_avx2(void);
#define DECODER_CHOICE(name)                            \
    void name(const void *blocks, float *out, size_t n) \
    {                                                   \
        if (decode_has_avx2())                          \
            name##_avx2(blocks, out, n);                \
        else                                            \
            name##_body(blocks, out, n);                \
    }
#define DECODER(name)                                                                      \
    __attribute__((target("avx2,f16c"))) static void name##_avx2(const uint8_t *blocks,    \
                                                                 float *out, size_t n)     \
    {                                                                                      \
        name##_body(blocks, out, n);                                                       \
    }                                                                                      \
    DECODER_CHOICE(name)
void decode_f16_avx2(const uint8_t *blocks, float *out, size_t n);
void decode_q8_0_avx2(const uint8_t *blocks, float *out, size_t n);
void decode_q4_0_avx2(const uint8_t *blocks, float *out, size_t n);
void decode_q4_1_avx2(const uint8_t *blocks, float *out, size_t n);
void decode_q5_0_avx2(const uint8_t *blocks, float *out, size_t n);
void decode_q5_1_avx2(const uint8_t *blocks, float *out, size_t n);
void decode_iq4_nl_avx2(const uint8_t *blocks, float *out, size_t n);
#else
#define DECODER(name) DECODER_PLAIN(name)
#define DECODER_CHOICE(name) DECODER_PLAIN(name)
#endif

#endif
