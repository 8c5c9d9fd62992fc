#include "src/base/rng.h"

#include <math.h>
#include <string.h>

#include "src/base/hash.h"

/*
 * SipHash-2-4 of short messages. rng_bits hashes the 8 bytes of the index; the other uses
 * hash 9 bytes, the index and one of these, so that no two uses ever see the same number.
 */
#define TAIL_BITS ((uint64_t)8 << 56)
#define TAIL_SUB0 ((uint64_t)9 << 56 | 1)
#define TAIL_SUB1 ((uint64_t)9 << 56 | 2)
#define TAIL_NORMAL0 ((uint64_t)9 << 56 | 3)
#define TAIL_NORMAL1 ((uint64_t)9 << 56 | 4)

static inline uint64_t rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static inline void sip_block(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t sip(struct rng_key key, uint64_t word, uint64_t tail)
{
    uint64_t v[4] = {
        key.k0 ^ UINT64_C(0x736f6d6570736575),
        key.k1 ^ UINT64_C(0x646f72616e646f6d),
        key.k0 ^ UINT64_C(0x6c7967656e657261),
        key.k1 ^ UINT64_C(0x7465646279746573),
    };

    sip_block(v, word);
    sip_block(v, tail);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t load_le(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

struct rng_key rng_key(uint64_t seed, const char *what, const char *id)
{
    struct hash hash;
    uint8_t digest[32];

    hash_init(&hash);
    hash_u64(&hash, seed);
    hash_field(&hash, what, strlen(what));
    hash_field(&hash, id, strlen(id));
    hash_end(&hash, digest);
    return (struct rng_key){load_le(digest), load_le(digest + 8)};
}

struct rng_key rng_sub(struct rng_key key, uint64_t n)
{
    return (struct rng_key){sip(key, n, TAIL_SUB0), sip(key, n, TAIL_SUB1)};
}

uint64_t rng_bits(struct rng_key key, uint64_t index)
{
    return sip(key, index, TAIL_BITS);
}

/* 52 bits and a half: exact in a double, so neither 0 nor 1 can come out by rounding. */
static double open_unit(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

double rng_uniform(struct rng_key key, uint64_t index)
{
    return open_unit(rng_bits(key, index));
}

double rng_normal(struct rng_key key, uint64_t index)
{
    double radius = sqrt(-2.0 * log(open_unit(sip(key, index, TAIL_NORMAL0))));
    double turn = open_unit(sip(key, index, TAIL_NORMAL1));

    return radius * cos(6.283185307179586476925 * turn);
}

uint64_t rng_below(struct rng_key key, uint64_t index, uint64_t n)
{
    return (uint64_t)((unsigned __int128)rng_bits(key, index) * n >> 64);
}
