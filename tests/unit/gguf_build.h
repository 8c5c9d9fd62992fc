/*
 * GGUF files for tests, good and bad: entries are kept apart so that a test can break any field
 * before the file is put together. After build_bytes every entry knows its offset.
 */
#ifndef RLAIF_TESTS_GGUF_BUILD_H
#define RLAIF_TESTS_GGUF_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/gguf.h"
#include "src/base/buf.h"

struct build_value {
    char key[96];
    uint64_t key_len; /* as written; the bytes are key_bytes of key */
    size_t key_bytes;
    uint32_t type;
    struct buf payload; /* what stands behind the type */
    size_t at;
};

struct build_tensor {
    char name[96];
    uint64_t name_len;
    size_t name_bytes;
    uint32_t n_dims, type;
    uint64_t dims[8];
    uint64_t offset;  /* relative to the data, as written; OFFSET_NEXT: behind the one before */
    size_t bytes;     /* of data */
    uint8_t *data;
    size_t at, data_at;
};
#define OFFSET_NEXT UINT64_MAX

struct build {
    char magic[4];
    uint32_t version, alignment;
    uint64_t add_tensors, add_values; /* to the counts written */
    struct build_value values[48];
    struct build_tensor tensors[48];
    size_t n_values, n_tensors;
};

void build_init(struct build *b);
void build_release(struct build *b);

void build_value(struct build *b, const char *key, uint32_t type, const void *payload, size_t len);
void build_u32(struct build *b, const char *key, uint32_t value);
void build_f32(struct build *b, const char *key, float value);
void build_bool(struct build *b, const char *key, bool value);
void build_string(struct build *b, const char *key, const char *value);
void build_strings(struct build *b, const char *key, const char *const *values, size_t n);
/* i32 or f32: elements of 4 bytes. */
void build_array4(struct build *b, const char *key, uint32_t element, const void *values, size_t n);
struct build_value *build_find(struct build *b, const char *key);
void build_remove(struct build *b, const char *key);

/* Filled with small finite weights by a formula. cols is dims[0]. */
struct build_tensor *build_tensor(struct build *b, const char *name, uint32_t type, uint64_t cols,
                                  uint64_t rows);
struct build_tensor *build_tensor_find(struct build *b, const char *name);
void build_remove_tensor(struct build *b, const char *name);

void build_bytes(struct build *b, struct buf *out);

/*
 * A small sound llama: width 32, 2 heads of 16, 1 kv head, ffn 64, 2 layers, byte-level
 * vocabulary of 272 tokens: 3 control, 256 bytes, 12 made by merges, one added.
 */
void build_llama(struct build *b);
enum { BUILD_VOCAB = 272 };
/* GPT-2's letter of a byte as text. */
const char *build_letter(unsigned byte, char out[5]);

#endif
