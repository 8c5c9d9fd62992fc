/* Adapters for one kind of number; included by learn_lora.c with REAL_BITS set. */
#include "models/real.h"

/* Rows of full = base + scale B A */
static void R(lora_add_tile)(void *arg, size_t index, int worker)
{
    const struct lora_run *run = arg;
    const struct lora *lora = run->learner->lora;
    const struct lora_part *part = run->part;
    const REAL *base = (const REAL *)lora->base + part->at;
    const REAL *a = (const REAL *)run->learner->weights + part->a;
    const REAL *b = (const REAL *)run->learner->weights + part->b;
    REAL *full = (REAL *)run->learner->full + part->at;
    REAL scale = (REAL)lora->scale;

    (void)worker;
    for (size_t r = index * LORA_ROWS; r < (index + 1) * LORA_ROWS && r < part->rows; r++) {
        memcpy(full + r * part->cols, base + r * part->cols, part->cols * sizeof(REAL));
        for (size_t k = 0; k < lora->rank; k++) {
            REAL factor = scale * b[r * lora->rank + k];

            for (size_t c = 0; c < part->cols; c++)
                full[r * part->cols + c] += factor * a[k * part->cols + c];
        }
    }
}

/* dA += scale B^T G, some columns of it */
static void R(lora_a_tile)(void *arg, size_t index, int worker)
{
    const struct lora_run *run = arg;
    const struct lora *lora = run->learner->lora;
    const struct lora_part *part = run->part;
    const REAL *b = (const REAL *)run->learner->weights + part->b;
    const REAL *g = (const REAL *)run->learner->full_gradient + part->at;
    REAL *to = (REAL *)run->learner->gradient + part->a, sums[LORA_COLUMNS];
    size_t first = index * LORA_COLUMNS;
    size_t n = part->cols - first < LORA_COLUMNS ? part->cols - first : LORA_COLUMNS;

    (void)worker;
    for (size_t k = 0; k < lora->rank; k++) {
        memset(sums, 0, sizeof(sums));
        for (size_t r = 0; r < part->rows; r++)
            for (size_t c = 0; c < n; c++)
                sums[c] += b[r * lora->rank + k] * g[r * part->cols + first + c];
        for (size_t c = 0; c < n; c++)
            to[k * part->cols + first + c] += (REAL)lora->scale * sums[c];
    }
}

/* dB += scale G A^T, some rows of it */
static void R(lora_b_tile)(void *arg, size_t index, int worker)
{
    const struct lora_run *run = arg;
    const struct lora *lora = run->learner->lora;
    const struct lora_part *part = run->part;
    const struct R(learn_ops) *ops = R(learn_ops_choose)(run->learner->simd);
    const REAL *a = (const REAL *)run->learner->weights + part->a;
    const REAL *g = (const REAL *)run->learner->full_gradient + part->at;
    REAL *to = (REAL *)run->learner->gradient + part->b;

    (void)worker;
    for (size_t r = index * LORA_ROWS; r < (index + 1) * LORA_ROWS && r < part->rows; r++)
        for (size_t k = 0; k < lora->rank; k++)
            to[r * lora->rank + k] +=
                (REAL)lora->scale * ops->dot(g + r * part->cols, a + k * part->cols, part->cols);
}

static void R(lora_head)(struct learner *learner, const struct lora_part *head)
{
    const REAL *from = (const REAL *)learner->full_gradient + head->at;
    REAL *to = (REAL *)learner->gradient + head->a;

    for (size_t i = 0; i < head->rows * head->cols; i++)
        to[i] += from[i];
}
