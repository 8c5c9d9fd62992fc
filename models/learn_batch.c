#include "models/learn_batch.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

int learn_batch_add(struct learn_batch *batch, int parent, const int32_t *ids, size_t n)
{
    const struct learn_segment *before = parent >= 0 ? &batch->segments[parent] : NULL;
    struct learn_segment segment = {.parent = parent,
                                    .first_row = batch->n_rows,
                                    .n_rows = n,
                                    .first_pos = before ? before->first_pos + before->n_rows : 0};

    if (batch->n_rows + n > batch->cap_rows) {
        size_t cap = batch->cap_rows * 2;

        batch->cap_rows = batch->n_rows + n > cap ? batch->n_rows + n : cap;
        batch->ids = xrealloc(batch->ids, batch->cap_rows * sizeof(*batch->ids));
    }
    memcpy(batch->ids + batch->n_rows, ids, n * sizeof(*ids));
    batch->n_rows += n;
    batch->segments =
        array_grow(batch->segments, batch->n_segments, &batch->cap_segments, sizeof(segment));
    batch->segments[batch->n_segments] = segment;
    return (int)batch->n_segments++;
}

size_t learn_batch_want(struct learn_batch *batch, int segment, size_t i)
{
    batch->wanted =
        array_grow(batch->wanted, batch->n_wanted, &batch->cap_wanted, sizeof(*batch->wanted));
    batch->wanted[batch->n_wanted] = (uint32_t)(batch->segments[segment].first_row + i);
    return batch->n_wanted++;
}

void learn_batch_text(struct learn_batch *batch, const int32_t *ids, size_t n, size_t first,
                      size_t last)
{
    int segment = learn_batch_add(batch, -1, ids, n);

    for (size_t i = first; i < last; i++)
        learn_batch_want(batch, segment, i);
}

void learn_batch_clear(struct learn_batch *batch)
{
    batch->n_rows = batch->n_segments = batch->n_wanted = 0;
    batch->hidden = NULL;
}

void learn_batch_release(struct learn_batch *batch)
{
    free(batch->ids);
    free(batch->segments);
    free(batch->wanted);
    memset(batch, 0, sizeof(*batch));
}
