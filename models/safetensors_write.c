/* Writing: all is checked, then header and data go through one temporary file. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/quant.h"
#include "models/safetensors.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/text.h"

enum { ROOM = 1 << 16 }; /* numbers of decoded rows at a time, at least one row */

struct st_put st_put_f32(const char *name, const float *data, uint64_t rows, uint64_t cols)
{
    struct st_put put = {.name = name, .type = ST_F32, .n_dims = rows ? 2 : 1, .data = data};
    put.dims[0] = rows ? rows : cols;
    put.dims[1] = rows ? cols : 0;
    return put;
}

struct st_put st_put_weight(const char *name, const struct weight *weight)
{
    struct st_put put = st_put_f32(name, NULL, weight->rows == 1 ? 0 : weight->rows, weight->cols);
    put.weight = weight;
    return put;
}

/* ---- checks ---- */

static bool has_size(const struct st_put *put, uint64_t *count, uint64_t *bytes)
{
    bool fits = true;
    *count = 1;
    for (uint32_t i = 0; i < put->n_dims; i++)
        fits = !__builtin_mul_overflow(*count, put->dims[i], count) && fits;
    return !__builtin_mul_overflow(*count, st_type_bytes(put->type), bytes) && fits;
}

/* The first number that is NaN or infinite, or count. */
static uint64_t first_bad(const struct st_put *put, uint64_t count)
{
    if (put->weight) {
        size_t at = 0;
        return weight_bad(put->weight, &at) ? at : count;
    }
    const uint8_t *at = put->data;
    if (put->type == ST_F32)
        for (uint64_t i = 0; i < count; i++)
            if (!isfinite(float_from_bits(load_u32(at + 4 * i))))
                return i;
    if (put->type == ST_F64)
        for (uint64_t i = 0; i < count; i++) {
            double x;
            memcpy(&x, at + 8 * i, sizeof x);
            if (!isfinite(x))
                return i;
        }
    return count;
}

static bool is_text(const char *text)
{
    size_t bad;
    return utf8_valid(text, strlen(text), &bad);
}

static int check_put(const struct st_put *put, const char *path, struct error *err)
{
    uint64_t count, bytes;
    if (!is_text(put->name) || strcmp(put->name, "__metadata__") == 0)
        return error_set(err, ERROR_FAILED, "%s: a tensor's name cannot be written", path);
    if (put->n_dims > ST_MAX_DIMS || !has_size(put, &count, &bytes))
        return error_set(err, ERROR_FAILED, "%s: the size of tensor %s does not fit", path,
                         put->name);
    if (put->weight && (put->type != ST_F32 || count != put->weight->rows * put->weight->cols))
        return error_set(err, ERROR_FAILED, "%s: tensor %s does not have its weight's shape",
                         path, put->name);
    const uint64_t bad = first_bad(put, count);
    if (bad == count)
        return 0;
    error_set(err, ERROR_FAILED,
              "%s is not written: tensor %s is NaN or infinite at index %" PRIu64, path,
              put->name, bad);
    return error_hint(err, "the file that was there stays as it was");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* NULL, or a name that is there twice. */
static const char *doubled(const char **names, size_t n)
{
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return names[i];
    return NULL;
}

static int check_names(const struct st_put *tensors, size_t n_tensors, const struct st_note *notes,
                       size_t n_notes, const char *path, struct error *err)
{
    const char **names = xmalloc((n_tensors + n_notes + 1) * sizeof *names);
    for (size_t i = 0; i < n_tensors; i++)
        names[i] = tensors[i].name;
    const char *twice = doubled(names, n_tensors);
    for (size_t i = 0; i < n_notes; i++)
        names[i] = notes[i].key;
    if (!twice)
        twice = doubled(names, n_notes);
    free(names);
    if (twice)
        return error_set(err, ERROR_FAILED, "%s is not written: the name %s is there twice", path,
                         twice);
    for (size_t i = 0; i < n_notes; i++)
        if (!is_text(notes[i].key) || !is_text(notes[i].value))
            return error_set(err, ERROR_FAILED, "%s is not written: a note is not UTF-8", path);
    return 0;
}

/* ---- the header ---- */

static void add_text(struct buf *out, const char *text)
{
    json_t *value = json_string(text);
    json_write(out, value);
    json_decref(value);
}

static void add_entry(struct buf *out, const struct st_put *put, uint64_t *at)
{
    uint64_t count, bytes;
    (void)has_size(put, &count, &bytes);
    add_text(out, put->name);
    buf_addf(out, ":{\"dtype\":\"%s\",\"shape\":[", st_type_name(put->type));
    for (uint32_t i = 0; i < put->n_dims; i++)
        buf_addf(out, "%s%" PRIu64, i ? "," : "", put->dims[i]);
    buf_addf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", *at, *at + bytes);
    *at += bytes;
}

static int make_header(struct buf *out, const struct st_put *tensors, size_t n_tensors,
                       const struct st_note *notes, size_t n_notes, const char *path,
                       struct error *err)
{
    uint64_t at = 0;
    buf_add(out, "\0\0\0\0\0\0\0\0", 8);
    buf_addc(out, '{');
    if (n_notes) {
        buf_adds(out, "\"__metadata__\":{");
        for (size_t i = 0; i < n_notes; i++) {
            buf_adds(out, i ? "," : "");
            add_text(out, notes[i].key);
            buf_addc(out, ':');
            add_text(out, notes[i].value);
        }
        buf_addc(out, '}');
    }
    for (size_t i = 0; i < n_tensors; i++) {
        buf_adds(out, i || n_notes ? "," : "");
        add_entry(out, &tensors[i], &at);
    }
    buf_addc(out, '}');
    buf_fill(out, ' ', (8 - out->len % 8) % 8);
    if (out->full || out->len - 8 > ST_MAX_HEADER)
        return error_set(err, ERROR_FAILED,
                         "%s is not written: its header would be longer than %zu bytes", path,
                         ST_MAX_HEADER);
    const uint64_t len = out->len - 8;
    memcpy(out->data, &len, sizeof len);
    return 0;
}

/* ---- the data ---- */

static int add_weight(struct file_out *out, const struct weight *weight, struct error *err)
{
    const size_t step = weight->cols < ROOM && weight->cols > 0 ? ROOM / weight->cols : 1;
    float *rows = xmalloc(step * (weight->cols + 1) * sizeof *rows);
    int status = 0;
    for (size_t first = 0; first < weight->rows && !status; first += step) {
        const size_t left = weight->rows - first, n = left < step ? left : step;
        for (size_t i = 0; i < n; i++)
            weight_row(weight, first + i, rows + i * weight->cols);
        status = file_out_add(out, rows, n * weight->cols * sizeof *rows, err);
    }
    free(rows);
    return status;
}

static int add_data(struct file_out *out, const struct st_put *put, struct error *err)
{
    uint64_t count, bytes;
    if (put->weight)
        return add_weight(out, put->weight, err);
    (void)has_size(put, &count, &bytes);
    return file_out_add(out, put->data, (size_t)bytes, err);
}

int safetensors_write(const char *path, const struct st_put *tensors, size_t n_tensors,
                      const struct st_note *notes, size_t n_notes, struct error *err)
{
    struct file_out out;
    struct buf header;
    if (n_tensors > ST_MAX_TENSORS)
        return error_set(err, ERROR_FAILED, "%s is not written: %zu tensors (allowed: %d)", path,
                         n_tensors, ST_MAX_TENSORS);
    for (size_t i = 0; i < n_tensors; i++)
        if (check_put(&tensors[i], path, err))
            return -1;
    if (check_names(tensors, n_tensors, notes, n_notes, path, err))
        return -1;
    buf_init(&header, ST_MAX_HEADER + 64);
    int status = make_header(&header, tensors, n_tensors, notes, n_notes, path, err);
    if (!status)
        status = file_out_open(&out, path, err);
    if (!status) {
        status = file_out_add(&out, header.data, header.len, err);
        for (size_t i = 0; i < n_tensors && !status; i++)
            status = add_data(&out, &tensors[i], err);
        if (status)
            file_out_drop(&out);
        else
            status = file_out_close(&out, err);
    }
    buf_release(&header);
    return status;
}
