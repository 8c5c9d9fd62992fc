#include "models/sampler.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"

struct candidate {
    float logit;
    int32_t id;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->logit != b->logit ? a->logit > b->logit : a->id < b->id;
}

static void sift(struct candidate *heap, size_t n, size_t i)
{
    for (;;) {
        size_t best = i, left = 2 * i + 1;
        struct candidate swap;

        for (size_t child = left; child < n && child < left + 2; child++)
            if (before(&heap[child], &heap[best]))
                best = child;
        if (best == i)
            return;
        swap = heap[i];
        heap[i] = heap[best];
        heap[best] = swap;
        i = best;
    }
}

/* The next best; the heap has one less. */
static struct candidate pop(struct candidate *heap, size_t *n)
{
    struct candidate top = heap[0];

    heap[0] = heap[--*n];
    sift(heap, *n, 0);
    return top;
}

static int32_t largest(const float *logits, size_t vocab)
{
    size_t best = 0;

    for (size_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* Draws from the whole distribution, in the order of the ids. */
static int32_t draw_any(const float *logits, size_t vocab, double temperature, double u)
{
    double max = (double)logits[largest(logits, vocab)], sum = 0, at = 0;
    int32_t last = 0;

    for (size_t i = 0; i < vocab; i++)
        sum += exp(((double)logits[i] - max) / temperature);
    for (size_t i = 0; i < vocab; i++) {
        double p = exp(((double)logits[i] - max) / temperature);

        if (p > 0)
            last = (int32_t)i;
        at += p;
        if (at > u * sum)
            break;
    }
    return last;
}

/* The largest logits first: as many as count, or as top_p needs of them, into best. Returns how many. */
static size_t keep_best(struct candidate *heap, size_t vocab, size_t count,
                        const struct sampling *sampling, double *weights, struct candidate *best)
{
    double temperature = sampling->temperature, max, sum = 0, kept = 0;
    bool nucleus = sampling->top_p > 0 && sampling->top_p < 1;
    size_t n = vocab, popped = 0;

    for (size_t i = vocab / 2; i-- > 0;)
        sift(heap, vocab, i);
    max = (double)heap[0].logit;
    /* What top_p is a share of: the count best, or everything. */
    for (size_t i = 0; i < vocab && count == vocab; i++)
        sum += exp(((double)heap[i].logit - max) / temperature);
    for (; count < vocab && popped < count; popped++) {
        best[popped] = pop(heap, &n);
        sum += exp(((double)best[popped].logit - max) / temperature);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == popped)
            best[popped++] = pop(heap, &n);
        weights[i] = exp(((double)best[i].logit - max) / temperature);
        kept += weights[i];
        if (nucleus && kept >= sampling->top_p * sum)
            return i + 1;
    }
    return count;
}

static int32_t draw_kept(const float *logits, size_t vocab, size_t count,
                         const struct sampling *sampling, double u)
{
    struct candidate *heap = xmalloc(vocab * sizeof(*heap)), *best = xmalloc(count * sizeof(*best));
    double *weights = xmalloc(count * sizeof(*weights)), sum = 0, at = 0;
    size_t n, i;
    int32_t id;

    for (i = 0; i < vocab; i++)
        heap[i] = (struct candidate){logits[i], (int32_t)i};
    n = keep_best(heap, vocab, count, sampling, weights, best);
    for (i = 0; i < n; i++)
        sum += weights[i];
    for (i = 0; i + 1 < n; i++) {
        at += weights[i];
        if (at > u * sum)
            break;
    }
    id = best[i].id;
    free(heap);
    free(best);
    free(weights);
    return id;
}

int32_t sample_token(const float *logits, size_t vocab, const struct sampling *sampling,
                     struct rng_key key, uint64_t index)
{
    bool nucleus = sampling->top_p > 0 && sampling->top_p < 1;
    size_t count = sampling->top_k > 0 ? (size_t)sampling->top_k : vocab;
    double u;

    if (!(sampling->temperature > 0))
        return largest(logits, vocab);
    u = rng_uniform(key, index);
    if (count >= vocab && !nucleus)
        return draw_any(logits, vocab, sampling->temperature, u);
    return draw_kept(logits, vocab, count < vocab ? count : vocab, sampling, u);
}
