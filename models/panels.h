/*
 * Weights of a file as panels for blas.h: a packed copy, or decoded block by block when a tile
 * needs them. Up to three matrices of one depth stand under one another (Q, K and V; gate and
 * up), so that one product computes all. The weights' bytes stay the owner's and must outlive
 * the panels.
 */
#ifndef RLAIF_MODELS_PANELS_H
#define RLAIF_MODELS_PANELS_H

#include "models/blas.h"
#include "models/ops.h"
#include "models/weights.h"

#define PANEL_PARTS 3

/* Rows of 8-byte reals, for networks in double; no file has them. */
extern const struct weight_format weight_real64;
/* Rows of f32 that are not from a file (training, tests): the same as the table's row. */
extern const struct weight_format weight_real32;

struct panel_source {
    struct weight parts[PANEL_PARTS];
    size_t n_parts;
    enum simd simd;
    uint8_t *bytes; /* models/compact.h, or NULL */
    float *scales;
};

/* Rows first .. first + n as they are, row-major; rows past the end are zeros. */
void panels_rows(const struct panel_source *source, enum blas_real real, size_t first, size_t n,
                 void *out);
/* The matrix that has row *row of the stack, and its row there; NULL past the end. */
const struct weight *panels_find_row(const struct panel_source *source, size_t *row);
/* Describes the panels; nothing is packed yet. `source` must stay where it is. */
void panels_init(struct blas_panels *panels, const struct panel_source *source,
                 enum blas_real real, const struct blas_kernel *kernel);
/* Bytes that panels_pack will take, 0: too large. */
size_t panels_bytes(const struct blas_panels *panels);
/* Makes the packed copy on the pool (again, when the version moved on). */
int panels_pack(struct blas_panels *panels, struct pool *pool, enum pool_priority priority,
                const struct cancel *cancel, struct error *err);
void panels_release(struct blas_panels *panels);

#endif
