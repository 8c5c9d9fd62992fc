/* SHA-256, by nettle. */
#ifndef RLAIF_BASE_HASH_H
#define RLAIF_BASE_HASH_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

struct hash {
    struct sha256_ctx ctx;
};

void hash_init(struct hash *hash);
void hash_add(struct hash *hash, const void *bytes, size_t len);
/* A length-prefixed field, so that ("ab","c") and ("a","bc") differ. */
void hash_field(struct hash *hash, const void *bytes, size_t len);
void hash_u64(struct hash *hash, uint64_t value);
void hash_end(struct hash *hash, uint8_t out[32]);
void hash_bytes(const void *bytes, size_t len, uint8_t out[32]);
void hash_hex(const uint8_t hash[32], char out[65]);

#endif
