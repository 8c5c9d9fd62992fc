/* Super-blocks of 256 weights (Q4_K, Q5_K, Q6_K) and IQ4_NL's table of values. */
#include "models/quant.h"

enum { SUPER = 256, GROUPS = SUPER / 32 };

/*
 * Eight 6-bit scales and eight 6-bit minima in 12 bytes: the first four of each have their six
 * bits in bytes 0..3 and 4..7; the others have four bits in bytes 8..11 (scale below, minimum
 * above) and their upper two in the upper two of those bytes.
 */
static inline __attribute__((always_inline)) void unpack_scales(const uint8_t *p, float d,
                                                                float dmin,
                                                                float scale[GROUPS],
                                                                float min[GROUPS])
{
    for (int j = 0; j < 4; j++) {
        scale[j] = d * (float)(p[j] & 63);
        min[j] = dmin * (float)(p[j + 4] & 63);
        scale[j + 4] = d * (float)((p[j + 8] & 15) | (p[j] >> 6) << 4);
        min[j + 4] = dmin * (float)((p[j + 8] >> 4) | (p[j + 4] >> 6) << 4);
    }
}

/* d, dmin, scales[12], then 32 bytes for every two groups: low nibbles one, high nibbles the next. */
DECODER_BODY(decode_q4_k)
{
    float scale[GROUPS], min[GROUPS];
    for (size_t i = 0; i < n / SUPER; i++, blocks += 144) {
        unpack_scales(blocks + 4, load_half(blocks), load_half(blocks + 2), scale, min);
        const uint8_t *q = blocks + 16;
        for (int g = 0; g < GROUPS; g += 2, q += 32, out += 64) {
            for (int j = 0; j < 32; j++) {
                out[j] = scale[g] * (float)(q[j] & 15) - min[g];
                out[j + 32] = scale[g + 1] * (float)(q[j] >> 4) - min[g + 1];
            }
        }
    }
}

/* As Q4_K, with 32 bytes of fifth bits behind the scales: bit g of byte j is group g's weight j. */
DECODER_BODY(decode_q5_k)
{
    float scale[GROUPS], min[GROUPS];
    for (size_t i = 0; i < n / SUPER; i++, blocks += 176) {
        unpack_scales(blocks + 4, load_half(blocks), load_half(blocks + 2), scale, min);
        const uint8_t *high = blocks + 16, *q = blocks + 48;
        for (int g = 0; g < GROUPS; g += 2, q += 32, out += 64) {
            for (int j = 0; j < 32; j++) {
                const int a = (q[j] & 15) | (high[j] >> g & 1) << 4;
                const int b = (q[j] >> 4) | (high[j] >> (g + 1) & 1) << 4;
                out[j] = scale[g] * (float)a - min[g];
                out[j + 32] = scale[g + 1] * (float)b - min[g + 1];
            }
        }
    }
}

/* 128 bytes of lower nibbles, 64 of upper bit pairs, 16 signed scales (one for 16 weights), d.
 * Each half of the block: quarters of 32 weights share 64 nibble bytes and 32 pair bytes. */
DECODER_BODY(decode_q6_k)
{
    for (size_t i = 0; i < n / SUPER; i++, blocks += 210) {
        const float d = load_half(blocks + 208);
        for (int half = 0; half < 2; half++, out += 128) {
            const uint8_t *low = blocks + 64 * half, *high = blocks + 128 + 32 * half;
            const uint8_t *scales = blocks + 192 + 8 * half;
            float s[8];
            for (int j = 0; j < 8; j++)
                s[j] = d * (float)(int8_t)scales[j];
            for (int k = 0; k < 2; k++) {
                for (int j = 16 * k; j < 16 * k + 16; j++) {
                    const int h = high[j];
                    out[j] = s[k] * (float)(((low[j] & 15) | (h & 3) << 4) - 32);
                    out[j + 32] = s[2 + k] * (float)(((low[j + 32] & 15) | (h >> 2 & 3) << 4) - 32);
                    out[j + 64] = s[4 + k] * (float)(((low[j] >> 4) | (h >> 4 & 3) << 4) - 32);
                    out[j + 96] = s[6 + k] * (float)(((low[j + 32] >> 4) | (h >> 6 & 3) << 4) - 32);
                }
            }
        }
    }
}

DECODER_BODY(decode_iq4_nl)
{
    static const float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};
    for (size_t i = 0; i < n / 32; i++, blocks += 18, out += 32) {
        const float d = load_half(blocks);
        for (int j = 0; j < 16; j++) {
            out[j] = d * values[blocks[2 + j] & 15];
            out[j + 16] = d * values[blocks[2 + j] >> 4];
        }
    }
}

DECODER(decode_q4_k)
DECODER(decode_q5_k)
DECODER(decode_q6_k)
DECODER_CHOICE(decode_iq4_nl)
