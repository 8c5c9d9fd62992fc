#include "models/optimiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/cpu.h"
#include "models/learn_net.h"
#include "src/base/mem.h"

#define FIELD(name) offsetof(struct optimiser_options, name)

const struct option optimiser_option_table[] = {
    {"optimiser", OPTION_CHOICE, FIELD(kind), 0, 0, "adamw|adafactor", "adamw",
     "adamw, or adafactor (the paper's: a factored second moment, no first)"},
    {"lr", OPTION_REAL, FIELD(lr), 0, 10, NULL, "0.001", "learning rate at the top of the schedule"},
    {"beta1", OPTION_REAL, FIELD(beta1), 0, 1, NULL, "0.9", "decay of the first moment"},
    {"beta2", OPTION_REAL, FIELD(beta2), 0, 1, NULL, "0.999", "decay of the second moment"},
    {"epsilon", OPTION_REAL, FIELD(epsilon), 0, 1, NULL, "1e-8", "added to the root of the second moment"},
    {"epsilon_form", OPTION_CHOICE, FIELD(epsilon_form), 0, 0, "pytorch|tensorflow", "pytorch",
     "epsilon behind the bias correction (pytorch) or before it (tensorflow)"},
    {"weight_decay", OPTION_REAL, FIELD(weight_decay), 0, 10, NULL, "0",
     "decoupled, on matrices and the embedding; norms and biases are left out"},
    {"clip_norm", OPTION_REAL, FIELD(clip_norm), 0, 1e9, NULL, "1",
     "longest gradient, over all tensors; 0: any length"},
    {"schedule", OPTION_CHOICE, FIELD(schedule), 0, 0, "constant|linear|cosine", "constant",
     "how the rate falls behind the warm-up"},
    {"warmup", OPTION_INT, FIELD(warmup), 0, 1e9, NULL, "0", "steps in which the rate rises from 0"},
    {"lr_end", OPTION_REAL, FIELD(lr_end), 0, 1, NULL, "0", "share of lr at the end of linear and cosine"},
    {NULL, OPTION_INT, 0, 0, 0, NULL, NULL, NULL},
};

double optimiser_lr(const struct optimiser_options *options, int64_t step, int64_t steps)
{
    double done, share = 1;

    if (step < options->warmup)
        return options->lr * (double)(step + 1) / (double)options->warmup;
    if (options->schedule == SCHEDULE_CONSTANT || steps <= options->warmup)
        return options->lr;
    done = (double)(step - options->warmup) / (double)(steps - options->warmup);
    done = done > 1 ? 1 : done;
    if (options->schedule == SCHEDULE_LINEAR)
        share = 1 - done;
    else
        share = (1 + cos(done * acos(-1.0))) / 2;
    return options->lr * (options->lr_end + (1 - options->lr_end) * share);
}

/* ---- state ---- */

#define STATES 3

struct optimiser {
    struct learner *learner;
    struct optimiser_options options;
    int64_t steps;
    struct {
        const char *name;
        void *data;
        size_t count;
    } states[STATES];
    size_t n_states;
    size_t *rows_at, *cols_at, *whole_at; /* by tensor: where its part of the three states begins */
    size_t *scratch_at;
    double *partial;                      /* one sum a block */
    double *scratch;                      /* adafactor's sums of columns, by tensor */
};

/* Fixed blocks, for sums and for work: no bit depends on who does them. */
#define BLOCK_REALS 16384

static size_t n_blocks(size_t n)
{
    return (n + BLOCK_REALS - 1) / BLOCK_REALS;
}

static int add_state(struct optimiser *optimiser, const char *name, size_t count, struct error *err)
{
    size_t size = blas_real_size(optimiser->learner->options.real);
    void *data = mem_try((count + 1) * size, "the optimiser's state", err);

    if (!data)
        return -1;
    optimiser->states[optimiser->n_states].name = name;
    optimiser->states[optimiser->n_states].data = data;
    optimiser->states[optimiser->n_states++].count = count;
    return 0;
}

/* Matrices keep a sum a row and a column, vectors all. */
static int add_factored(struct optimiser *optimiser, struct error *err)
{
    const struct params *params = &optimiser->learner->params;
    size_t rows = 0, cols = 0, whole = 0, sums = 0;

    optimiser->rows_at = xcalloc(params->n, sizeof(size_t));
    optimiser->cols_at = xcalloc(params->n, sizeof(size_t));
    optimiser->whole_at = xcalloc(params->n, sizeof(size_t));
    optimiser->scratch_at = xcalloc(params->n, sizeof(size_t));
    for (size_t i = 0; i < params->n; i++) {
        const struct param *param = &params->list[i];

        optimiser->rows_at[i] = rows;
        optimiser->cols_at[i] = cols;
        optimiser->whole_at[i] = whole;
        if (param->rows > 1) {
            rows += param->rows;
            cols += param->cols;
        } else {
            whole += param->cols;
        }
        optimiser->scratch_at[i] = sums;
        sums += param->cols;
    }
    optimiser->scratch = xcalloc(sums, sizeof(double));
    return add_state(optimiser, "rows", rows, err) == 0 &&
                   add_state(optimiser, "cols", cols, err) == 0 &&
                   add_state(optimiser, "v", whole, err) == 0
               ? 0
               : -1;
}

struct optimiser *optimiser_new(struct learner *learner, const struct optimiser_options *options,
                                struct error *err)
{
    struct optimiser *optimiser = xcalloc(1, sizeof(*optimiser));
    int status;

    optimiser->learner = learner;
    optimiser->options = *options;
    optimiser->partial = xcalloc(n_blocks(learner->params.count), sizeof(double));
    if (options->kind == OPTIMISER_ADAFACTOR)
        status = add_factored(optimiser, err);
    else
        status = add_state(optimiser, "m", learner->params.count, err) == 0 &&
                         add_state(optimiser, "v", learner->params.count, err) == 0
                     ? 0
                     : -1;
    if (status == 0)
        return optimiser;
    optimiser_free(optimiser);
    return NULL;
}

void optimiser_free(struct optimiser *optimiser)
{
    if (!optimiser)
        return;
    for (size_t i = 0; i < optimiser->n_states; i++)
        free(optimiser->states[i].data);
    free(optimiser->rows_at);
    free(optimiser->cols_at);
    free(optimiser->whole_at);
    free(optimiser->scratch_at);
    free(optimiser->partial);
    free(optimiser->scratch);
    free(optimiser);
}

struct optimiser_options *optimiser_get_options(struct optimiser *optimiser)
{
    return &optimiser->options;
}

int64_t optimiser_steps(const struct optimiser *optimiser)
{
    return optimiser->steps;
}

void optimiser_set_steps(struct optimiser *optimiser, int64_t steps)
{
    optimiser->steps = steps;
}

void *optimiser_state(struct optimiser *optimiser, size_t i, const char **name, size_t *count)
{
    if (i >= optimiser->n_states)
        return NULL;
    *name = optimiser->states[i].name;
    *count = optimiser->states[i].count;
    return optimiser->states[i].data;
}

/* ---- a step ---- */

struct step_run {
    struct optimiser *optimiser;
    double lr, factor;        /* of the gradient */
    double rate1, rate2;      /* 1 / (1 - beta^t), the corrections */
    double *partial;
    bool weights;             /* sums: of the weights, not the gradient */
};

#define REAL_BITS 32
#include "models/optimiser_template.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "models/optimiser_template.h"
#undef REAL_BITS

/* The sum of squares in the order of the blocks; NaN or infinite when a number is. */
static double sum_squares(struct step_run *run, bool weights)
{
    const struct learner *learner = run->optimiser->learner;
    size_t n = n_blocks(learner->params.count);
    double sum = 0;

    run->weights = weights;
    pool_run(learner->pool, POOL_BACKGROUND, n,
             learner->options.real == BLAS_F64 ? square_tile_f64 : square_tile_f32, run);
    for (size_t i = 0; i < n; i++)
        sum += run->partial[i];
    return sum;
}

static int step(struct optimiser *optimiser, double loss, double lr,
                struct optimiser_report *report, struct error *err)
{
    struct learner *learner = optimiser->learner;
    const struct optimiser_options *options = &optimiser->options;
    struct step_run run = {
        .optimiser = optimiser, .lr = lr, .factor = 1, .partial = optimiser->partial};
    double squares, t = (double)optimiser->steps + 1;

    if (!isfinite(loss))
        return error_set(err, ERROR_FAILED, "the loss is not a finite number before update %.0f", t);
    squares = sum_squares(&run, false);
    if (!isfinite(squares) && learner_check_finite(learner, true, err) != 0)
        return -1;
    if (!isfinite(sum_squares(&run, true)) && learner_check_finite(learner, false, err) != 0)
        return -1;
    report->lr = lr;
    report->grad_norm = sqrt(squares);
    if (options->clip_norm > 0) {
        run.factor = options->clip_norm / (report->grad_norm + 1e-6);
        run.factor = run.factor < 1 ? run.factor : 1;
    }
    report->clip_factor = run.factor;
    optimiser->steps++;
    run.rate1 = 1 / (1 - pow(options->beta1, t));
    run.rate2 = 1 / (1 - pow(options->beta2, t));
    if (options->kind == OPTIMISER_ADAFACTOR)
        pool_run(learner->pool, POOL_BACKGROUND, learner->params.n,
                 learner->options.real == BLAS_F64 ? adafactor_tile_f64 : adafactor_tile_f32, &run);
    else
        pool_run(learner->pool, POOL_BACKGROUND, n_blocks(learner->params.count),
                 learner->options.real == BLAS_F64 ? adamw_tile_f64 : adamw_tile_f32, &run);
    learner_touch(learner);
    return 0;
}

int optimiser_step(struct optimiser *optimiser, double loss, double lr,
                   struct optimiser_report *report, struct error *err)
{
    unsigned state = cpu_flush_denormals();
    int status = step(optimiser, loss, lr, report, err);

    cpu_restore(state);
    return status;
}
