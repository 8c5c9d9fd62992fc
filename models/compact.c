#include "models/compact.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "models/quant.h"
#include "src/base/mem.h"

#define GROUP EXPAND_GROUP

/* A block of 32: weight i is d * q[i] + m. The layouts are those of quant.c. */
struct affine {
    float d, m;
    uint8_t q[GROUP];
};

static void take_nibbles(struct affine *out, const uint8_t *nibbles, uint32_t fifth, bool five)
{
    for (int i = 0; i < GROUP / 2; i++) {
        out->q[i] = nibbles[i] & 15;
        out->q[i + GROUP / 2] = nibbles[i] >> 4;
    }
    for (int i = 0; i < GROUP && five; i++)
        out->q[i] |= (uint8_t)((fifth >> i & 1) << 4);
}

/* False: not a format of this kind. */
static bool take_block(enum weight_type type, const uint8_t *block, struct affine *out)
{
    out->d = load_half(block);
    switch (type) {
    case WEIGHT_Q4_0:
        take_nibbles(out, block + 2, 0, false);
        out->m = -8 * out->d;
        return true;
    case WEIGHT_Q4_1:
        take_nibbles(out, block + 4, 0, false);
        out->m = load_half(block + 2);
        return true;
    case WEIGHT_Q5_0:
        take_nibbles(out, block + 6, load_u32(block + 2), true);
        out->m = -16 * out->d;
        return true;
    case WEIGHT_Q5_1:
        take_nibbles(out, block + 8, load_u32(block + 4), true);
        out->m = load_half(block + 2);
        return true;
    case WEIGHT_Q8_0:
        for (int i = 0; i < GROUP; i++)
            out->q[i] = (uint8_t)(block[2 + i] + 128);
        out->m = -128 * out->d;
        return true;
    default:
        return false;
    }
}

static bool is_compact(const struct panel_source *source)
{
    static const uint8_t zeros[64];
    struct affine block;

    for (size_t i = 0; i < source->n_parts; i++)
        if (source->parts[i].format->block != GROUP ||
            !take_block(source->parts[i].format->type, zeros, &block))
            return false;
    return true;
}

struct compact_run {
    const struct blas_panels *panels;
    struct panel_source *source;
    const struct cancel *cancel;
    atomic_bool differs;
};

/* One block of one row into its panel; false when the decoder says otherwise. */
static bool pack_block(const struct compact_run *run, const struct weight_format *format,
                       const uint8_t *from, size_t panel, size_t group, size_t r)
{
    size_t wide = run->panels->wide, groups = run->panels->depth / GROUP;
    uint8_t *q = run->source->bytes + (panel * run->panels->depth + group * GROUP) * wide + r;
    float *scales = run->source->scales + (panel * groups + group) * 2 * wide + r;
    struct affine block;
    float want[GROUP];
    int differing = 0;

    take_block(format->type, from, &block);
    format->decode(from, want, GROUP);
    /* The product is exact: at most 11 bits by 8. */
    for (size_t i = 0; i < GROUP; i++)
        differing += (float)block.q[i] * block.d + block.m != want[i];
    for (size_t i = 0; i < GROUP; i++)
        q[i * wide] = block.q[i];
    scales[0] = block.d;
    scales[wide] = block.m;
    return differing == 0;
}

static void pack_tile(void *arg, size_t panel, int worker)
{
    struct compact_run *run = arg;
    size_t groups = run->panels->depth / GROUP;

    (void)worker;
    if (cancel_asked(run->cancel))
        return;
    for (size_t r = 0; r < run->panels->wide; r++) {
        size_t row = panel * run->panels->wide + r;
        const struct weight *weight = panels_find_row(run->source, &row);
        const uint8_t *from;

        if (!weight)
            continue; /* d and m are 0 */
        from = weight->data + (weight->row_map ? weight->row_map[row] : row) * weight->row_bytes;
        for (size_t g = 0; g < groups; g++, from += weight->format->bytes)
            if (!pack_block(run, weight->format, from, panel, g, r))
                atomic_store(&run->differs, true);
    }
}

static void fill(const struct blas_panels *panels, size_t panel, size_t k0, size_t kn, void *out)
{
    const struct panel_source *source = panels->fill_arg;
    const struct ops_f32 *ops = ops_choose_f32(source->simd);
    size_t wide = panels->wide, groups = panels->depth / GROUP;

    ops->expand(out, source->bytes + (panel * panels->depth + k0) * wide,
                source->scales + (panel * groups + k0 / GROUP) * 2 * wide, wide, kn);
}

static size_t panel_count(const struct blas_panels *panels)
{
    return (panels->rows + panels->wide - 1) / panels->wide;
}

size_t compact_bytes(const struct blas_panels *panels)
{
    size_t weights = panel_count(panels) * panels->wide * panels->depth;

    return weights + weights / GROUP * 2 * sizeof(float);
}

bool compact_can(const struct blas_panels *panels, const struct panel_source *source)
{
    return panels->real == BLAS_F32 && is_compact(source);
}

int compact_pack(struct blas_panels *panels, struct panel_source *source, struct pool *pool,
                 enum pool_priority priority, const struct cancel *cancel, struct error *err)
{
    struct compact_run run = {.panels = panels, .source = source, .cancel = cancel};
    size_t weights = panel_count(panels) * panels->wide * panels->depth;

    if (!compact_can(panels, source))
        return 0;
    compact_release(source); /* of a time that was cancelled */
    source->bytes = mem_try(weights + BLAS_SLACK, "the weights as bytes", err);
    source->scales = mem_try(weights / GROUP * 2 * sizeof(float), "the weights' scales", err);
    if (source->bytes && source->scales)
        pool_run(pool, priority, panel_count(panels), pack_tile, &run);
    if (!source->bytes || !source->scales || cancel_asked(cancel) || atomic_load(&run.differs)) {
        compact_release(source);
        if (atomic_load(&run.differs))
            return 0;
        return cancel_asked(cancel) ? error_set(err, ERROR_CANCELLED, "cancelled") : -1;
    }
    panels->fill = fill;
    return 1;
}

void compact_release(struct panel_source *source)
{
    free(source->bytes);
    free(source->scales);
    source->bytes = NULL;
    source->scales = NULL;
}
