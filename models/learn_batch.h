/*
 * What a network trains on: a forest of token segments and the rows whose output is asked for.
 * Plain memory of the caller's; learning only reads it.
 */
#ifndef RLAIF_MODELS_LEARN_BATCH_H
#define RLAIF_MODELS_LEARN_BATCH_H

#include <stddef.h>
#include <stdint.h>

/* Consecutive tokens that follow the whole of `parent` (an index, -1: they begin a text). */
struct learn_segment {
    int parent;
    size_t first_row, n_rows;
    size_t first_pos; /* position of the first token: what stands before it on the path */
};
/*
 * A forest of segments. A shared prompt is a segment with one child a sample: it is computed
 * once, forward and backward. Zero-initialised is empty; learn_batch_clear keeps the memory.
 */
struct learn_batch {
    int32_t *ids; /* a row a token, in the order of learn_batch_add */
    size_t n_rows, cap_rows;
    struct learn_segment *segments;
    size_t n_segments, cap_segments;
    uint32_t *wanted; /* rows whose output is asked for; a row may be asked for several times */
    size_t n_wanted, cap_wanted;
    const void *hidden; /* n_rows x width of the learner's kind: input of first_layer, instead of ids */
};
/* Returns the segment's index. n >= 1; parent < what is returned. */
int learn_batch_add(struct learn_batch *batch, int parent, const int32_t *ids, size_t n);
/*
 * Asks for the output of the i-th token of a segment (logits: of the token behind it). Returns
 * its number: callbacks and values use it. The last token of a shared prompt predicts the first
 * token of each sample: ask once a sample.
 */
size_t learn_batch_want(struct learn_batch *batch, int segment, size_t i);
/* One text: a root and its wanted rows first .. last - 1 (tokens predicted: first + 1 .. last). */
void learn_batch_text(struct learn_batch *batch, const int32_t *ids, size_t n, size_t first,
                      size_t last);
void learn_batch_clear(struct learn_batch *batch);
void learn_batch_release(struct learn_batch *batch);

#endif
