#include "models/quant.h"

/* Blocks of 32 weights: a half scale (and a half minimum), then the numbers, low nibbles first:
 * byte i holds weight i below and weight i + 16 above. The fifth bits of Q5 are one u32. */
enum { BLOCK = 32, HALF = BLOCK / 2 };

DECODER_BODY(decode_q4_0)
{
    for (size_t i = 0; i < n / BLOCK; i++, blocks += 18, out += BLOCK) {
        const float d = load_half(blocks);
        for (int j = 0; j < HALF; j++) {
            out[j] = (float)((blocks[2 + j] & 15) - 8) * d;
            out[j + HALF] = (float)((blocks[2 + j] >> 4) - 8) * d;
        }
    }
}

DECODER_BODY(decode_q4_1)
{
    for (size_t i = 0; i < n / BLOCK; i++, blocks += 20, out += BLOCK) {
        const float d = load_half(blocks), m = load_half(blocks + 2);
        for (int j = 0; j < HALF; j++) {
            out[j] = (float)(blocks[4 + j] & 15) * d + m;
            out[j + HALF] = (float)(blocks[4 + j] >> 4) * d + m;
        }
    }
}

DECODER_BODY(decode_q5_0)
{
    for (size_t i = 0; i < n / BLOCK; i++, blocks += 22, out += BLOCK) {
        const float d = load_half(blocks);
        const uint32_t high = load_u32(blocks + 2);
        for (int j = 0; j < HALF; j++) {
            const int low = (int)((blocks[6 + j] & 15) | (high >> j & 1) << 4);
            const int up = (int)((blocks[6 + j] >> 4) | (high >> (j + HALF) & 1) << 4);
            out[j] = (float)(low - 16) * d;
            out[j + HALF] = (float)(up - 16) * d;
        }
    }
}

DECODER_BODY(decode_q5_1)
{
    for (size_t i = 0; i < n / BLOCK; i++, blocks += 24, out += BLOCK) {
        const float d = load_half(blocks), m = load_half(blocks + 2);
        const uint32_t high = load_u32(blocks + 4);
        for (int j = 0; j < HALF; j++) {
            const int low = (int)((blocks[8 + j] & 15) | (high >> j & 1) << 4);
            const int up = (int)((blocks[8 + j] >> 4) | (high >> (j + HALF) & 1) << 4);
            out[j] = (float)low * d + m;
            out[j + HALF] = (float)up * d + m;
        }
    }
}

DECODER_BODY(decode_q8_0)
{
    for (size_t i = 0; i < n / BLOCK; i++, blocks += 34, out += BLOCK) {
        const float d = load_half(blocks);
        for (int j = 0; j < BLOCK; j++)
            out[j] = (float)(int8_t)blocks[2 + j] * d;
    }
}

DECODER_BODY(decode_f16)
{
    for (size_t i = 0; i < n; i++)
        out[i] = load_half(blocks + 2 * i);
}

DECODER_BODY(decode_bf16)
{
    for (size_t i = 0; i < n; i++)
        out[i] = float_from_bits((uint32_t)load_u16(blocks + 2 * i) << 16);
}

void decode_f32(const void *blocks, float *out, size_t n)
{
    memcpy(out, blocks, n * sizeof *out);
}

DECODER(decode_bf16)
DECODER_CHOICE(decode_f16)
DECODER_CHOICE(decode_q8_0)
DECODER_CHOICE(decode_q4_0)
DECODER_CHOICE(decode_q4_1)
DECODER_CHOICE(decode_q5_0)
DECODER_CHOICE(decode_q5_1)

static const struct weight_format formats[] = {
    {WEIGHT_F32, "F32", 1, 4, decode_f32},
    {WEIGHT_F16, "F16", 1, 2, decode_f16},
    {WEIGHT_BF16, "BF16", 1, 2, decode_bf16},
    {WEIGHT_Q8_0, "Q8_0", 32, 34, decode_q8_0},
    {WEIGHT_Q4_0, "Q4_0", 32, 18, decode_q4_0},
    {WEIGHT_Q4_1, "Q4_1", 32, 20, decode_q4_1},
    {WEIGHT_Q5_0, "Q5_0", 32, 22, decode_q5_0},
    {WEIGHT_Q5_1, "Q5_1", 32, 24, decode_q5_1},
    {WEIGHT_IQ4_NL, "IQ4_NL", 32, 18, decode_iq4_nl},
    {WEIGHT_Q4_K, "Q4_K", 256, 144, decode_q4_k},
    {WEIGHT_Q5_K, "Q5_K", 256, 176, decode_q5_k},
    {WEIGHT_Q6_K, "Q6_K", 256, 210, decode_q6_k},
};

const struct weight_format *weight_formats(size_t *n)
{
    *n = sizeof formats / sizeof formats[0];
    return formats;
}

const struct weight_format *weight_format(uint32_t type)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].type == type)
            return &formats[i];
    return NULL;
}

static const uint8_t *row_data(const struct weight *weight, size_t row)
{
    const size_t at = weight->row_map ? weight->row_map[row] : row;
    return weight->data + at * weight->row_bytes;
}

void weight_row(const struct weight *weight, size_t row, float *out)
{
    weight->format->decode(row_data(weight, row), out, weight->cols);
}

/* Where the halves stand in a block of `type`: a block is sound when these are finite. */
static int scale_offsets(enum weight_type type, size_t out[2])
{
    switch (type) {
    case WEIGHT_Q6_K:
        out[0] = 208;
        return 1;
    case WEIGHT_Q4_1:
    case WEIGHT_Q5_1:
    case WEIGHT_Q4_K:
    case WEIGHT_Q5_K:
        out[0] = 0;
        out[1] = 2;
        return 2;
    case WEIGHT_F32:
    case WEIGHT_BF16: /* the upper half of the number has the exponent */
        return 0;
    default:
        out[0] = 0;
        return 1;
    }
}

static bool block_is_finite(const struct weight_format *format, const uint8_t *block,
                            const size_t *at, int n_scales)
{
    switch (n_scales) {
    case 0: {
        const uint16_t upper = load_u16(block + format->bytes - 2);
        return (upper & 0x7f80u) != 0x7f80u;
    }
    case 1:
        return half_is_finite(load_u16(block + at[0]));
    default:
        return half_is_finite(load_u16(block + at[0])) && half_is_finite(load_u16(block + at[1]));
    }
}

size_t weight_bad(const struct weight *weight, size_t *first)
{
    const struct weight_format *format = weight->format;
    if (!weight->data || !format)
        return 0;
    size_t at[2] = {0, 0}, bad = 0;
    const int n_scales = scale_offsets(format->type, at);
    const size_t row_blocks = weight->cols / format->block;
    for (size_t row = 0; row < weight->rows; row++) {
        const uint8_t *block = weight->data + row * weight->row_bytes;
        for (size_t i = 0; i < row_blocks; i++, block += format->bytes) {
            if (block_is_finite(format, block, at, n_scales))
                continue;
            if (bad == 0)
                *first = row * weight->cols + i * format->block;
            bad += format->block;
        }
    }
    return bad;
}
