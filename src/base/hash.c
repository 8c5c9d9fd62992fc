#include "src/base/hash.h"

void hash_init(struct hash *hash)
{
    sha256_init(&hash->ctx);
}

void hash_add(struct hash *hash, const void *bytes, size_t len)
{
    if (len)
        sha256_update(&hash->ctx, len, bytes);
}

void hash_field(struct hash *hash, const void *bytes, size_t len)
{
    hash_u64(hash, len);
    hash_add(hash, bytes, len);
}

void hash_u64(struct hash *hash, uint64_t value)
{
    uint8_t bytes[8];

    /* Little-endian everywhere: a hash in a file means the same on another machine. */
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    sha256_update(&hash->ctx, sizeof(bytes), bytes);
}

void hash_end(struct hash *hash, uint8_t out[32])
{
    sha256_digest(&hash->ctx, SHA256_DIGEST_SIZE, out);
}

void hash_bytes(const void *bytes, size_t len, uint8_t out[32])
{
    struct hash hash;

    hash_init(&hash);
    hash_add(&hash, bytes, len);
    hash_end(&hash, out);
}

void hash_hex(const uint8_t hash[32], char out[65])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < 32; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[64] = '\0';
}
