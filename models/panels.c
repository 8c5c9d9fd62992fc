#include "models/panels.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

static void decode_real64(const void *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x;

        memcpy(&x, (const char *)blocks + i * sizeof(x), sizeof(x));
        out[i] = (float)x;
    }
}

static void decode_real32(const void *blocks, float *out, size_t n)
{
    memcpy(out, blocks, n * sizeof(float));
}

/* 28 is GGUF's own number for doubles. */
const struct weight_format weight_real64 = {
    .type = (enum weight_type)28, .name = "F64", .block = 1, .bytes = 8, .decode = decode_real64};
const struct weight_format weight_real32 = {
    .type = WEIGHT_F32, .name = "F32", .block = 1, .bytes = 4, .decode = decode_real32};

const struct weight *panels_find_row(const struct panel_source *source, size_t *row)
{
    for (size_t i = 0; i < source->n_parts; i++) {
        if (*row < source->parts[i].rows)
            return &source->parts[i];
        *row -= source->parts[i].rows;
    }
    return NULL;
}

/* Columns k0 .. k0 + kn of one row; k0 stands at the start of a block, kn may end inside one. */
static void row_part(const struct weight *weight, size_t row, enum blas_real real, size_t k0,
                     size_t kn, void *out)
{
    const struct weight_format *format = weight->format;
    size_t at = weight->row_map ? weight->row_map[row] : row;
    const uint8_t *from = weight->data + at * weight->row_bytes + k0 / format->block * format->bytes;
    size_t whole = (kn + format->block - 1) / format->block * format->block;

    if (real == BLAS_F64 && format == &weight_real64) {
        memcpy(out, from, kn * sizeof(double));
    } else if (real == BLAS_F64) {
        /* Widened from the back, in place: the floats stand at the start of the doubles. */
        double *wide = out;
        float *narrow = out;

        format->decode(from, narrow, whole);
        for (size_t k = kn; k-- > 0;) {
            float x;

            memcpy(&x, narrow + k, sizeof(x));
            wide[k] = (double)x;
        }
    } else {
        format->decode(from, out, whole);
    }
}

void panels_rows(const struct panel_source *source, enum blas_real real, size_t first, size_t n,
                 void *out)
{
    size_t depth = source->parts[0].cols, size = blas_real_size(real);

    for (size_t i = 0; i < n; i++) {
        size_t row = first + i;
        const struct weight *weight = panels_find_row(source, &row);
        char *to = (char *)out + i * depth * size;

        if (weight)
            row_part(weight, row, real, 0, depth, to);
        else
            memset(to, 0, depth * size);
    }
}

static void pack_block(const struct panel_source *source, enum blas_real real, void *panel,
                       const void *rows, size_t stride, size_t wide, size_t depth)
{
    if (real == BLAS_F64)
        ops_choose_f64(source->simd)->pack(panel, rows, stride, wide, wide, depth);
    else
        ops_choose_f32(source->simd)->pack(panel, rows, stride, wide, wide, depth);
}

static void fill(const struct blas_panels *panels, size_t panel, size_t k0, size_t kn, void *out)
{
    const struct panel_source *source = panels->fill_arg;
    size_t size = blas_real_size(panels->real);
    /* A depth that is no multiple of the format's block ends inside one: room for all of it. */
    enum { STRIDE = BLAS_KC_MAX + 256 };
    _Alignas(64) char rows[BLAS_WIDE_MAX * STRIDE * sizeof(double)];

    for (size_t r = 0; r < panels->wide; r++) {
        size_t row = panel * panels->wide + r;
        const struct weight *weight = panels_find_row(source, &row);
        char *to = rows + r * STRIDE * size;

        if (weight)
            row_part(weight, row, panels->real, k0, kn, to);
        else
            memset(to, 0, kn * size);
    }
    pack_block(source, panels->real, out, rows, STRIDE, panels->wide, kn);
}

void panels_init(struct blas_panels *panels, const struct panel_source *source,
                 enum blas_real real, const struct blas_kernel *kernel)
{
    memset(panels, 0, sizeof(*panels));
    panels->real = real;
    panels->depth = source->parts[0].cols;
    for (size_t i = 0; i < source->n_parts; i++)
        panels->rows += source->parts[i].rows;
    panels->wide = kernel->micro[real].wide;
    panels->fill = fill;
    panels->fill_arg = source;
}

size_t panels_bytes(const struct blas_panels *panels)
{
    return blas_packed_size(panels->real, panels->rows, panels->depth, panels->wide);
}

struct pack_run {
    struct blas_panels *panels;
    const struct cancel *cancel;
};

static void pack_tile(void *arg, size_t index, int worker)
{
    const struct pack_run *run = arg;
    struct blas_panels *panels = run->panels;
    size_t kc = blas_kc(panels->depth), size = blas_real_size(panels->real);
    char *to = (char *)panels->data + index * panels->depth * panels->wide * size;

    (void)worker;
    if (cancel_asked(run->cancel))
        return;
    for (size_t k = 0; k < panels->depth; k += kc)
        panels->fill(panels, index, k, panels->depth - k < kc ? panels->depth - k : kc,
                     to + k * panels->wide * size);
}

int panels_pack(struct blas_panels *panels, struct pool *pool, enum pool_priority priority,
                const struct cancel *cancel, struct error *err)
{
    struct pack_run run = {panels, cancel};
    size_t size = panels_bytes(panels);

    if (size == 0)
        return error_set(err, ERROR_DATA, "a weight matrix of %zu x %zu does not fit into memory",
                         panels->rows, panels->depth);
    if (!panels->data)
        panels->data = mem_try(size, "the packed weights", err);
    if (!panels->data)
        return -1;
    pool_run(pool, priority, (panels->rows + panels->wide - 1) / panels->wide, pack_tile, &run);
    if (cancel_asked(cancel)) {
        panels_release(panels);
        return error_set(err, ERROR_CANCELLED, "cancelled while the weights were packed");
    }
    return 0;
}

void panels_release(struct blas_panels *panels)
{
    free(panels->data);
    panels->data = NULL;
}
