/*
 * The safetensors format: u64 length of a JSON header, the header, then the tensors' bytes. What
 * is read is checked whole before any of it is used: the header is at most 100 MB and begins with
 * `{`, names and keys stand once, every tensor's size is shape x type, and the tensors fill the
 * data from its start to the end of the file without a hole, an overlap or a trailer. Errors name
 * the tensor and the byte. What is written appears whole or not at all, under the name it had.
 *
 * Names and data point into the parsed file or the caller's bytes. Immutable after reading, any
 * thread may look.
 */
#ifndef RLAIF_MODELS_SAFETENSORS_H
#define RLAIF_MODELS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "models/weights.h"
#include "src/base/error.h"

enum st_type {
    ST_BOOL, ST_U8, ST_I8, ST_I16, ST_U16, ST_F16, ST_BF16, ST_I32, ST_U32, ST_F32, ST_F64,
    ST_I64, ST_U64, ST_N_TYPES
};
const char *st_type_name(enum st_type type); /* "F32" */
size_t st_type_bytes(enum st_type type);

#define ST_MAX_HEADER ((size_t)100000000)
#define ST_MAX_TENSORS 100000
#define ST_MAX_DIMS 8

struct st_tensor {
    const char *name; /* UTF-8, NUL-terminated, holds no NUL */
    enum st_type type;
    uint32_t n_dims;
    uint64_t dims[ST_MAX_DIMS];
    uint64_t count;   /* elements */
    const uint8_t *data; /* perhaps not aligned */
    uint64_t bytes;
    size_t at;        /* offset of the entry in the file */
    size_t data_at;   /* offset of the data in the file */
};
struct st_note {
    const char *key, *value;
};
struct safetensors {
    char *file; /* for messages */
    const uint8_t *data;
    size_t size, header_bytes; /* the header's end: where the data begins */
    struct st_tensor *tensors; /* in the order of their data */
    size_t n_tensors;
    struct st_note *notes; /* __metadata__, in the order of the file */
    size_t n_notes;
    const struct st_tensor **by_name;
    char *text; /* names, keys and values */
    void *map;  /* or NULL */
    int fd;     /* -1: bytes of the caller's */
};

/* data must outlive *out and is not copied. On failure *out needs no release. */
int safetensors_parse(struct safetensors *out, const void *data, size_t size, const char *file,
                      struct error *err);
/* Maps a regular file. The file stays open: safetensors_release closes it. */
int safetensors_open(struct safetensors *out, const char *path, struct error *err);
void safetensors_release(struct safetensors *st); /* zeroed is fine */

const struct st_tensor *safetensors_find(const struct safetensors *st, const char *name);
const char *safetensors_note(const struct safetensors *st, const char *key); /* NULL: none */
/* F32, F16 and BF16 tensors as a row of weights (1 dimension: rows = 1). Fails on other
 * types and more dimensions. */
int safetensors_weight(const struct safetensors *st, const struct st_tensor *tensor,
                       struct weight *out, struct error *err);
/* Looks for NaN and infinities in every F16, BF16, F32 and F64 tensor; names tensor,
 * first index and byte. */
int safetensors_check_finite(const struct safetensors *st, struct error *err);

/* ---- writing ---- */

/* One tensor to write. Its elements are `data` as they are, or, when `weight` is set,
 * that weight's rows as F32. */
struct st_put {
    const char *name;
    enum st_type type;
    uint32_t n_dims;
    uint64_t dims[ST_MAX_DIMS];
    const void *data;
    const struct weight *weight;
};
/* A row of F32 numbers, or a matrix of them (rows > 0). */
struct st_put st_put_f32(const char *name, const float *data, uint64_t rows, uint64_t cols);
/* weight->rows == 1 is written as a vector. */
struct st_put st_put_weight(const char *name, const struct weight *weight);
/*
 * The header first, padded with blanks to 8 bytes, then the tensors in the order given. Through a
 * temporary file, sync and rename: never in place. Refuses NaN and infinities in F32 (naming
 * tensor and index), names twice, texts that are not UTF-8.
 */
int safetensors_write(const char *path, const struct st_put *tensors, size_t n_tensors,
                      const struct st_note *notes, size_t n_notes, struct error *err);

#endif
