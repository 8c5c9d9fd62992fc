/* The updates for one kind of number; included by optimiser.c with REAL_BITS set. */
#include "models/real.h"

static void R(square_tile)(void *arg, size_t index, int worker)
{
    const struct step_run *run = arg;
    const struct learner *learner = run->optimiser->learner;
    const REAL *x = run->weights ? learner->weights : learner->gradient;
    size_t at = index * BLOCK_REALS, end = at + BLOCK_REALS;
    double lanes[8] = {0}, sum = 0;

    (void)worker;
    end = end < learner->params.count ? end : learner->params.count;
    for (; at + 8 <= end; at += 8)
        for (size_t j = 0; j < 8; j++)
            lanes[j] += (double)x[at + j] * (double)x[at + j];
    for (; at < end; at++)
        sum += (double)x[at] * (double)x[at];
    for (size_t j = 0; j < 8; j++)
        sum += lanes[j];
    run->partial[index] = sum;
}

/*
 * AdamW (Loshchilov and Hutter, 2019): the decay is taken from the weight before the step. Both
 * places of epsilon: lr m' / (sqrt(v') + eps) with m', v' corrected, or
 * lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps).
 */
static void R(adamw_range)(const struct step_run *run, size_t at, size_t end, double decay)
{
    const struct optimiser *optimiser = run->optimiser;
    const struct optimiser_options *options = &optimiser->options;
    bool tensorflow = options->epsilon_form == EPSILON_TENSORFLOW;
    struct R(adamw_rates) rates = {
        .beta1 = (REAL)options->beta1,
        .rest1 = (REAL)(1 - options->beta1),
        .beta2 = (REAL)options->beta2,
        .rest2 = (REAL)(1 - options->beta2),
        .factor = (REAL)run->factor,
        .keep = (REAL)(1 - run->lr * decay),
        .rate = (REAL)(run->lr * run->rate1 / (tensorflow ? sqrt(run->rate2) : 1)),
        .spread = (REAL)(tensorflow ? 1 : run->rate2),
        .epsilon = (REAL)options->epsilon,
    };

    R(learn_ops_choose)(optimiser->learner->simd)
        ->adamw((REAL *)optimiser->learner->weights + at, (REAL *)optimiser->states[0].data + at,
                (REAL *)optimiser->states[1].data + at,
                (const REAL *)optimiser->learner->gradient + at, end - at, &rates);
}

static void R(adamw_tile)(void *arg, size_t index, int worker)
{
    const struct step_run *run = arg;
    const struct params *params = &run->optimiser->learner->params;
    size_t at = index * BLOCK_REALS, end = at + BLOCK_REALS;

    (void)worker;
    end = end < params->count ? end : params->count;
    for (size_t i = 0; i < params->n && at < end; i++) {
        const struct param *param = &params->list[i];
        size_t stop = param->offset + param->rows * param->cols;

        if (stop <= at)
            continue;
        stop = stop < end ? stop : end;
        R(adamw_range)(run, at, stop, param->decay ? run->optimiser->options.weight_decay : 0);
        at = stop;
    }
}

/*
 * Adafactor (Shazeer and Stern, 2018) without the relative step: the second moment of a matrix
 * is the product of its row and column means over the mean of all; beta2 of step t is 1 - t^-0.8;
 * an update whose root mean square is over 1 is scaled down to it.
 */
#define ADAFACTOR_FLOOR 1e-30

static void R(adafactor_tile)(void *arg, size_t index, int worker)
{
    const struct step_run *run = arg;
    struct optimiser *optimiser = run->optimiser;
    const struct param *param = &optimiser->learner->params.list[index];
    REAL *w = (REAL *)optimiser->learner->weights + param->offset;
    REAL *g = (REAL *)optimiser->learner->gradient + param->offset;
    REAL *rows = (REAL *)optimiser->states[0].data + optimiser->rows_at[index];
    REAL *cols = (REAL *)optimiser->states[1].data + optimiser->cols_at[index];
    REAL *whole = (REAL *)optimiser->states[2].data + optimiser->whole_at[index];
    size_t n_rows = param->rows, n_cols = param->cols;
    double beta = 1 - pow((double)optimiser->steps, -0.8), mean = 0, square = 0, scale;
    double decay = param->decay ? optimiser->options.weight_decay : 0;
    double *sums = optimiser->scratch + optimiser->scratch_at[index];

    (void)worker;
    for (size_t c = 0; c < n_cols; c++)
        sums[c] = 0;
    for (size_t r = 0; r < n_rows; r++) {
        double sum = 0;

        for (size_t c = 0; c < n_cols; c++) {
            double x = (double)g[r * n_cols + c] * run->factor, s = x * x + ADAFACTOR_FLOOR;

            sum += s;
            sums[c] += s;
        }
        if (n_rows > 1)
            rows[r] = (REAL)(beta * (double)rows[r] + (1 - beta) * sum / (double)n_cols);
    }
    for (size_t c = 0; c < n_cols; c++) {
        REAL *to = n_rows > 1 ? &cols[c] : &whole[c];

        *to = (REAL)(beta * (double)*to + (1 - beta) * sums[c] / (double)n_rows);
    }
    for (size_t r = 0; r < n_rows && n_rows > 1; r++)
        mean += (double)rows[r] / (double)n_rows;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < n_cols; c++) {
            double v = n_rows > 1 ? (double)rows[r] * (double)cols[c] / mean : (double)whole[c];
            double u = (double)g[r * n_cols + c] * run->factor / sqrt(v);

            g[r * n_cols + c] = (REAL)u;
            square += u * u;
        }
    scale = sqrt(square / (double)(n_rows * n_cols));
    scale = run->lr / (scale > 1 ? scale : 1);
    for (size_t i = 0; i < n_rows * n_cols; i++)
        w[i] = (REAL)((double)w[i] * (1 - run->lr * decay) - scale * (double)g[i]);
}
