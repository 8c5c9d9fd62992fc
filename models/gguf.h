/*
 * A GGUF file (version 2 or 3) as a list of keys and a list of tensors, all of it checked:
 * whoever reads from struct gguf may trust every range in it. Nothing is copied: strings and
 * data point into the caller's bytes, which must outlive it. Immutable after gguf_parse, any
 * thread may read. Values are had by type only; a key of another type is an error.
 */
#ifndef RLAIF_MODELS_GGUF_H
#define RLAIF_MODELS_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_N_TYPES
};

/* Bytes inside the file, not NUL-terminated, any bytes. */
struct gguf_string {
    const char *data;
    size_t len;
};

struct gguf_value {
    struct gguf_string key;
    size_t at;      /* offset of the entry in the file */
    size_t data_at; /* offset of the value; of an array's first element */
    enum gguf_type type;
    enum gguf_type element; /* of an array */
    uint64_t count;         /* elements of an array */
};

#define GGUF_MAX_DIMS 4
struct gguf_tensor {
    struct gguf_string name;
    size_t at; /* offset of the entry */
    uint32_t n_dims, type;
    uint64_t dims[GGUF_MAX_DIMS]; /* dims[0] is the length of a row; those not there are 1 */
    uint64_t data_at, bytes;      /* range in the file */
};

struct gguf {
    const char *file; /* for messages; the caller's */
    const uint8_t *data;
    size_t size;
    uint32_t version, alignment;
    size_t header_bytes; /* up to the end of the tensor list */
    struct gguf_value *values;
    struct gguf_tensor *tensors;
    size_t n_values, n_tensors;
    uint32_t *by_key, *by_name; /* sorted indices */
};

/* All of the header and every tensor's range. On failure *out needs no release. */
int gguf_parse(struct gguf *out, const void *data, size_t size, const char *file,
               struct error *err);
void gguf_release(struct gguf *gguf);

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key);
const struct gguf_tensor *gguf_tensor(const struct gguf *gguf, const char *name);

/* 1 found, 0 no such key (*out untouched), -1 wrong type or out of range. Any integer type serves that holds the value. */
int gguf_get_u32(const struct gguf *gguf, const char *key, uint32_t *out, struct error *err);
int gguf_get_f32(const struct gguf *gguf, const char *key, double *out, struct error *err);
int gguf_get_bool(const struct gguf *gguf, const char *key, bool *out, struct error *err);
int gguf_get_string(const struct gguf *gguf, const char *key, struct gguf_string *out,
                    struct error *err);
/* An array of this element type. */
int gguf_get_array(const struct gguf *gguf, const char *key, enum gguf_type element,
                   const struct gguf_value **out, struct error *err);

/* The string that begins at *at in an array of strings; moves *at behind it. The ranges were checked by gguf_parse. */
struct gguf_string gguf_next_string(const struct gguf *gguf, size_t *at);
const char *gguf_type_name(uint32_t type);

/* The start of foreign bytes with control characters escaped, for messages; returns out. */
#define GGUF_SHOW 128
const char *gguf_show(struct gguf_string s, char out[GGUF_SHOW]);
#define SHOW(string) gguf_show(string, (char[GGUF_SHOW]){0})

#endif
