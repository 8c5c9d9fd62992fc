/*
 * The network: llama, qwen2 and qwen3 (what differs is in struct tf_config and in which
 * weights are there). A forward takes a batch of segments of any lengths, packed without
 * padding. Keys and values live in pages of KV_PAGE tokens at fixed positions (page i holds
 * positions 16 i to 16 i + 15), so that a row's sums run in the same order however the text
 * before it is cut up between cache and batch: the same bits alone, in a batch, after a prefix.
 *
 * Everything exists in float and in double (names end in _f32, _f64).
 */
#ifndef RLAIF_MODELS_TRANSFORMER_H
#define RLAIF_MODELS_TRANSFORMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/blas.h"
#include "models/ops.h"
#include "models/panels.h"
#include "models/weights.h"
#include "src/base/cancel.h"
#include "src/base/error.h"
#include "src/base/pool.h"

/*
 * Consecutive tokens of one sequence: rows first_row .. first_row + n_rows of the batch stand
 * at positions first_pos on. The sequence's earlier tokens are in its pages already or are
 * rows of this batch further up (the parent, a segment before this one, shares their pages).
 */
struct tf_segment {
    size_t first_row, n_rows;
    size_t first_pos;
    void *const *pages; /* from position 0 up to the last row's */
    int parent;         /* index of the segment that goes before, -1: none in this batch */
    bool store;         /* keys and values go into the pages; false: they are there */
};

/* The first n tokens of a page go to another one too, in each layer, once they are stored. */
struct tf_copy {
    const void *from;
    void *to;
    int n;
};

/* Rows of one segment that one thread takes at a time: entries first .. first + n of a list of rows. */
struct tf_item {
    const struct tf_segment *segment;
    size_t first, n;
};

#define TF_LOGIT_BYTES ((size_t)32 << 20) /* of logits in memory at once, about */

/* Reals of one page: all layers' keys and values of KV_PAGE tokens. */
size_t tf_page_reals(const struct tf_config *config);
size_t tf_qkv_width(const struct tf_config *config);
/* Checks the sizes that the kernels rely on. */
int tf_config_check(const struct tf_config *config, struct error *err);

#define REAL_BITS 32
#include "models/real.h"
#include "models/transformer_real.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/real.h"
#include "models/transformer_real.h"
#undef REAL_BITS

#endif
