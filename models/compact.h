/*
 * Panels of bytes: a weight is d * q + m with one byte q, and d and m for 32 weights of a row.
 * All block formats of 32 are this exactly, so a panel block made from bytes has the bits of
 * one made from decoded weights. Seen against a packed copy in f32: a third of the memory, up to
 * 1.8 times the rate where few rows are multiplied, the same where many are. Packing checks
 * every weight against the format's own decoder.
 */
#ifndef RLAIF_MODELS_COMPACT_H
#define RLAIF_MODELS_COMPACT_H

#include "models/panels.h"

/* The formats are of this kind, and the numbers floats. */
bool compact_can(const struct blas_panels *panels, const struct panel_source *source);
/*
 * Makes the bytes of `source`, from which `panels` is filled from then on. 1: made; 0: the format
 * is not one of these; -1: cancelled or no memory.
 */
int compact_pack(struct blas_panels *panels, struct panel_source *source, struct pool *pool,
                 enum pool_priority priority, const struct cancel *cancel, struct error *err);
void compact_release(struct panel_source *source);
/* Bytes they take. */
size_t compact_bytes(const struct blas_panels *panels);

#endif
