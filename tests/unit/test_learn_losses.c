/* Losses, returns and optimisers against published values, naive forms and central differences. */
#include "tests/unit/learn_fixture.h"

#define NEAR(x, want, limit)                                                              \
    do {                                                                                  \
        double x_ = (x), want_ = (want);                                                  \
        if (!(fabs(x_ - want_) <= (limit)))                                               \
            fail_msg("%s = %.17g, wanted %.17g", #x, x_, want_);                          \
    } while (0)

/* ---- scalar losses: learning.md D5, D6 ---- */

static void test_pair_loss(void **state)
{
    static const struct {
        double p, d, loss, slope;
    } rows[] = {{1, 2, .126928011, -.119202922},
                {.6, .5, .674076984, .022459331},
                {.9, -3, 2.748587352, -.852574127},
                {1, -800, 800, -1},
                {0, 800, 800, 1},
                {.5, 0, .693147181, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pair_loss loss = pair_loss(rows[i].d, 0, rows[i].p, 0, 0);

        NEAR(loss.loss, rows[i].loss, 5e-10 * fmax(1, rows[i].loss));
        NEAR(loss.d_first, rows[i].slope, 5e-10);
        NEAR(loss.d_second, -rows[i].slope, 5e-10);
        NEAR(loss.excess, rows[i].loss - binary_entropy(rows[i].p), 1e-9);
    }
    NEAR(binary_entropy(.6), .673011667, 5e-10);
    assert_true(binary_entropy(0) == 0 && binary_entropy(1) == 0);
    /* Swapped responses and label: the same loss to the bit. */
    assert_true(pair_loss(1.5, -.25, .75, 0, .01).loss == pair_loss(-.25, 1.5, .25, 0, .01).loss);
}

static void test_pair_loss_slopes(void **state)
{
    const double h = 1e-4;

    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        struct rng_key key = rng_key(1, "pair", "slopes");
        double a = 3 * rng_normal(key, 4 * i), b = 3 * rng_normal(key, 4 * i + 1);
        double p = rng_uniform(key, 4 * i + 2), m = rng_normal(key, 4 * i + 3);
        struct pair_loss loss = pair_loss(a, b, p, m, .03);

        NEAR((pair_loss(a + h, b, p, m, .03).loss - pair_loss(a - h, b, p, m, .03).loss) / (2 * h),
             loss.d_first, 1e-6);
        NEAR((pair_loss(a, b + h, p, m, .03).loss - pair_loss(a, b - h, p, m, .03).loss) / (2 * h),
             loss.d_second, 1e-6);
        assert_true(pair_loss(a, b, p, 0, 0).excess >= -1e-15);
        NEAR(log_sigmoid(a), log(1 / (1 + exp(-a))), 1e-12);
        NEAR(sigmoid(a) + sigmoid(-a), 1, 1e-15);
    }
    assert_true(log_sigmoid(-1e6) == -1e6 && log_sigmoid(1e6) == 0);
}

static void test_value_loss(void **state)
{
    (void)state;
    NEAR(value_loss(2, 0, 1, 0).loss, .5, 0);
    NEAR(value_loss(2, 0, 1, 0).d_value, 1, 0);
    /* Limited to .2: the limited one is farther from 1 and does not move. */
    NEAR(value_loss(.9, 0, 1, .2).loss, .32, 1e-15);
    NEAR(value_loss(.9, 0, 1, .2).d_value, 0, 0);
    /* Inside the limit both are the same. */
    NEAR(value_loss(.1, 0, 1, .2).d_value, -.9, 1e-15);
    /* Past the target the plain one is the larger. */
    NEAR(value_loss(2, 0, .1, .2).d_value, 1.9, 1e-15);
}

/* ---- per token: D11, D19 ---- */

static void test_kl_estimators(void **state)
{
    (void)state;
    NEAR(kl_k1(.5), .5, 0);
    NEAR(kl_k2(.5), .125, 0);
    NEAR(kl_k3(.5), .106530660, 5e-10);
    NEAR(kl_k3(-1), .718281828, 5e-10);
    NEAR(kl_k3(1e-4), 4.99983334e-9, 1e-17);
    assert_true(kl_k3(1e-9) >= 0 && kl_k3(-1e-9) >= 0);
}

static void test_ppo(void **state)
{
    static const struct {
        double a, ratio, loss;
        bool clipped;
    } rows[] = {{1, 1.5, -1.2, true}, {-1, 1.5, 1.5, false}, {1, .5, -.5, false}, {-1, .5, .8, true},
                {1, 1, -1, false},    {0, 3, 0, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ppo_token token = ppo_token(log(rows[i].ratio) - 2, -2, rows[i].a, .2);

        NEAR(token.loss, rows[i].loss, 1e-12);
        assert_int_equal(token.clipped, rows[i].clipped);
        NEAR(token.d_logprob, rows[i].clipped ? 0 : rows[i].loss, 1e-12);
    }
    /* First minibatch: ratio 1, the gradient of a plain policy gradient. */
    NEAR(ppo_token(-3.25, -3.25, .7, .2).ratio, 1, 0);
    NEAR(ppo_token(-3.25, -3.25, .7, .2).d_logprob, -.7, 0);
    /* A ratio that would overflow is held and does not move. */
    assert_true(isfinite(ppo_token(0, -1e5, -1, .2).loss));
    NEAR(ppo_token(0, -1e5, -1, .2).d_logprob, 0, 0);
}

/* ---- rows of logits ---- */

enum { VOCAB = 37 };

struct row_case {
    double logits[VOCAB], reference[VOCAB];
    struct loss_terms terms;
    double temperature;
};

static double row_loss(const struct row_case *c, const double *z, double *slopes)
{
    double copy[VOCAB], loss = 0;
    struct logits logits = {BLAS_F64, copy, VOCAB, SIMD_NONE};
    struct logits reference = {BLAS_F64, (void *)c->reference, VOCAB, SIMD_NONE};
    struct loss_terms terms = c->terms;
    struct loss_row row;

    memcpy(copy, z, sizeof(copy));
    terms.reference = &reference;
    loss_open(&row, &logits, c->temperature);
    for (size_t t = 0; t < terms.n; t++)
        loss += terms.d_logprob[t] * loss_logprob(&row, terms.id[t]);
    loss += terms.d_entropy * loss_entropy(&row) + terms.d_kl * loss_kl(&row, &reference);
    loss_close(&row, &terms);
    if (slopes)
        memcpy(slopes, copy, sizeof(copy));
    return loss;
}

static void test_row_slopes(void **state)
{
    static const struct loss_terms terms[] = {
        {.id = {5}, .d_logprob = {-1}, .n = 1},
        {.id = {5, 0, 36, 5}, .d_logprob = {-1, .5, .25, -.125}, .n = 4},
        {.d_entropy = 1},
        {.d_kl = 1},
        {.id = {1}, .d_logprob = {-.3}, .n = 1, .d_entropy = -.1, .d_kl = .2},
    };
    const double h = 1e-3;

    (void)state;
    for (size_t k = 0; k < sizeof(terms) / sizeof(terms[0]); k++) {
        struct row_case c = {.terms = terms[k], .temperature = k % 2 ? .9 : 1};
        struct rng_key key = rng_key(k, "row", "slopes");
        double slopes[VOCAB], sum = 0, total = 0, largest = 0, copy[VOCAB];

        for (size_t i = 0; i < VOCAB; i++) {
            c.logits[i] = 2 * rng_normal(key, i);
            sum += exp(c.reference[i] = rng_normal(key, 100 + i));
        }
        for (size_t i = 0; i < VOCAB; i++)
            c.reference[i] -= log(sum);
        row_loss(&c, c.logits, slopes);
        for (size_t i = 0; i < VOCAB; i++)
            largest = fmax(largest, fabs(slopes[i]));
        for (size_t i = 0; i < VOCAB; i++) {
            static const double steps[4] = {-2, -1, 1, 2}, factors[4] = {1, -8, 8, -1};
            double slope = 0;

            for (int s = 0; s < 4; s++) {
                memcpy(copy, c.logits, sizeof(copy));
                copy[i] += steps[s] * h;
                slope += factors[s] * row_loss(&c, copy, NULL) / (12 * h);
            }
            NEAR(slope, slopes[i], 1e-6 * largest);
            total += slopes[i];
        }
        NEAR(total, 0, 1e-14); /* a constant added to all logits changes nothing */
    }
}

/* D11: P = (.5, .3, .2), Q = (.4, .4, .2): KL = .025267154 = the mean of k3 under P. */
static void test_exact_kl(void **state)
{
    double z[3] = {log(.5) + 7, log(.3) + 7, log(.2) + 7}, q[3] = {log(.4), log(.4), log(.2)}, k3 = 0;
    struct logits logits = {BLAS_F64, z, 3, SIMD_NONE}, reference = {BLAS_F64, q, 3, SIMD_NONE};
    struct loss_row row;
    double out[3];

    (void)state;
    loss_open(&row, &logits, 1);
    NEAR(loss_kl(&row, &reference), .025267154, 5e-10);
    NEAR(loss_entropy(&row), -.5 * log(.5) - .3 * log(.3) - .2 * log(.2), 1e-14);
    for (int32_t i = 0; i < 3; i++)
        k3 += exp(loss_logprob(&row, i)) * kl_k3(loss_logprob(&row, i) - q[i]);
    NEAR(k3, .025267154, 5e-10);
    loss_log_softmax(&row, out);
    NEAR(out[1], log(.3), 1e-14);
    assert_int_equal(loss_best(&row), 0);
    z[1] = NAN;
    loss_open(&row, &logits, 1);
    assert_false(isfinite(row.logsumexp));
}

/* Float rows, with and without SIMD, agree with double ones; sizes that fill no vector too. */
static void test_float_rows(void **state)
{
    (void)state;
    for (size_t n = 1; n < 200; n += 13)
        for (int simd = 0; simd < 2; simd++) {
            float f[200];
            double d[200];
            struct logits narrow = {BLAS_F32, f, n, simd ? simd_choose() : SIMD_NONE};
            struct logits wide = {BLAS_F64, d, n, SIMD_NONE};
            struct loss_terms terms = {.id = {(int32_t)n / 2}, .d_logprob = {-2}, .n = 1};
            struct loss_row a, b;

            for (size_t i = 0; i < n; i++)
                d[i] = f[i] = (float)(5 * rng_normal(rng_key(n, "float", "rows"), i));
            loss_open(&a, &narrow, .9);
            loss_open(&b, &wide, .9);
            NEAR(a.logsumexp, b.logsumexp, 1e-6 * fmax(1, fabs(b.logsumexp)));
            loss_close(&a, &terms);
            loss_close(&b, &terms);
            for (size_t i = 0; i < n; i++)
                NEAR((double)f[i], d[i], 1e-5); /* ops agree within 1e-5 */
        }
}

/* ---- returns ---- */

static void test_returns(void **state)
{
    static const double r[] = {-.05, .02, -.01, 1}, v[] = {.1, .2, .3, .4};
    static const struct {
        double kl, beta;
    } betas[] = {{3, .148464}, {5.5, .149360}, {6, .15}, {7, .151280}, {20, .151536}};
    double a[4], returns[4], go[4];

    (void)state;
    /* Lambda 1 is Monte-Carlo minus the value. */
    advantages_gae(r, v, 4, 1, 1, a, returns);
    rewards_to_go(r, 4, 1, go);
    for (size_t t = 0; t < 4; t++) {
        NEAR(a[t], go[t] - v[t], 1e-15);
        NEAR(returns[t], go[t], 1e-15);
    }
    for (size_t i = 0; i < sizeof(betas) / sizeof(betas[0]); i++)
        NEAR(beta_adapt(.15, betas[i].kl, 6, 512, 10000), betas[i].beta, 5e-7);
    NEAR(explained_variance(go, go, 4), 1, 0);
    NEAR(explained_variance(go, (double[]){7, 7, 7, 7}, 4), 0, 1e-12);
    NEAR(explained_variance((double[]){1, 1}, (double[]){0, 5}, 2), 0, 0);
    NEAR(best_of_n_kl(1), 0, 0);
    NEAR(best_of_n_kl(4), log(4) - .75, 1e-15);
    /* Sum of rewards = score - beta sum of KL (D13). */
    rewards_assemble((double[]){.1, .2, .3, -.1}, 4, .05, 2, 1, a);
    NEAR(a[0] + a[1] + a[2] + a[3], 2 - .05 * .5, 1e-15);
}

static void test_whiten(void **state)
{
    double one[1] = {3}, same[3] = {2, 2, 2}, x[4] = {1, 2, 3, 4}, sum = 0, squares = 0;

    (void)state;
    whiten(one, 1, VARIANCE_BESSEL, false);
    NEAR(one[0], 0, 0);
    whiten(same, 3, VARIANCE_BIASED, true);
    NEAR(same[0], 2, 0);
    whiten(x, 4, VARIANCE_BIASED, true);
    for (int i = 0; i < 4; i++)
        sum += x[i];
    for (int i = 0; i < 4; i++)
        squares += (x[i] - 2.5) * (x[i] - 2.5);
    NEAR(sum / 4, 2.5, 1e-15);
    NEAR(squares / 4, 1, 1e-7);
    whiten(x, 0, VARIANCE_BIASED, false);
}

/* ---- optimisers ---- */

static struct learner *small(enum blas_real real, struct pool *pool)
{
    struct tf_config config = tiny_config();

    return learner_make(&config, LEARN_LM, real, pool);
}

static void fill(struct learner *learner, void *buffer, double x)
{
    for (size_t i = 0; i < learner_params(learner)->count; i++) {
        if (learner_options(learner)->real == BLAS_F64)
            ((double *)buffer)[i] = x;
        else
            ((float *)buffer)[i] = (float)x;
    }
}

/* D21: a constant gradient of 1e-6, epsilon 1e-5, lr 1e-3: the first step by both places of epsilon. */
static void test_epsilon_forms(void **state)
{
    static const double want[2] = {9.090909e-5, 3.152309e-6};
    struct pool *pool = pool_new(1);

    (void)state;
    for (int form = 0; form < 2; form++) {
        struct learner *learner = small(BLAS_F64, pool);
        struct optimiser_options options;
        struct optimiser *optimiser;
        struct optimiser_report report;
        double m = 0, v = 0, w = 0;

        options_init(optimiser_option_table, &options);
        options.lr = 1e-3;
        options.epsilon = 1e-5;
        options.epsilon_form = form;
        options.clip_norm = 0;
        optimiser = optimiser_new(learner, &options, NULL);
        for (int t = 1; t <= 3; t++) {
            double c1 = 1 - pow(.9, t), c2 = 1 - pow(.999, t);

            fill(learner, learner_gradient(learner), 1e-6);
            assert_int_equal(optimiser_step(optimiser, 1, options.lr, &report, NULL), 0);
            m = .9 * m + .1 * 1e-6;
            v = .999 * v + .001 * 1e-12;
            if (form == EPSILON_PYTORCH)
                w -= 1e-3 * (m / c1) / (sqrt(v / c2) + 1e-5);
            else
                w -= 1e-3 * sqrt(c2) / c1 * m / (sqrt(v) + 1e-5);
            NEAR(number_at(learner, learner_weights(learner), 3), w, 1e-15);
            if (t == 1)
                NEAR(-w, want[form], 5e-12);
        }
        optimiser_free(optimiser);
        options_release(optimiser_option_table, &options);
        learner_free(learner);
    }
    pool_free(pool);
}

/* Decay reaches matrices and the embedding, and neither norms nor biases. */
static void test_decay_groups(void **state)
{
    struct pool *pool = pool_new(1);
    struct tf_config config = tiny_config();
    struct learner *learner;
    struct optimiser_options options;
    struct optimiser *optimiser;
    struct optimiser_report report;

    (void)state;
    snprintf(config.arch, sizeof(config.arch), "qwen2");
    learner = learner_make(&config, LEARN_SCALAR, BLAS_F64, pool);
    options_init(optimiser_option_table, &options);
    options.lr = .5;
    options.weight_decay = .5;
    optimiser = optimiser_new(learner, &options, NULL);
    fill(learner, learner_weights(learner), 1);
    assert_int_equal(optimiser_step(optimiser, 0, .5, &report, NULL), 0);
    assert_true(report.grad_norm == 0 && report.clip_factor == 1);
    for (size_t t = 0; t < learner_params(learner)->n; t++) {
        const struct param *param = &learner_params(learner)->list[t];
        bool vector = strstr(param->name, "norm") || strstr(param->name, ".b");

        NEAR(number_at(learner, learner_weights(learner), param->offset), vector ? 1 : .75, 0);
    }
    optimiser_free(optimiser);
    options_release(optimiser_option_table, &options);
    learner_free(learner);
    pool_free(pool);
}

/* D22: what is not finite is named, and nothing has changed. */
static void test_not_finite(void **state)
{
    struct pool *pool = pool_new(1);

    (void)state;
    for (int real = BLAS_F32; real <= BLAS_F64; real++) {
        struct learner *learner = small((enum blas_real)real, pool);
        const struct param *param = params_find(learner_params(learner), "layers.1.up");
        size_t bytes = learner_params(learner)->count * blas_real_size((enum blas_real)real);
        char *kept = xmalloc(bytes);
        struct optimiser_options options;
        struct optimiser *optimiser;
        struct optimiser_report report;
        struct error err = {0};
        uint64_t version;

        options_init(optimiser_option_table, &options);
        optimiser = optimiser_new(learner, &options, NULL);
        fill_formula(learner, 0);
        fill(learner, learner_gradient(learner), .01);
        memcpy(kept, learner_weights(learner), bytes);
        version = learner_version(learner);
        assert_int_equal(optimiser_step(optimiser, NAN, 1, &report, &err), -1);
        assert_non_null(strstr(err.text, "loss"));
        if (real == BLAS_F64)
            ((double *)learner_gradient(learner))[param->offset + 17] = INFINITY;
        else
            ((float *)learner_gradient(learner))[param->offset + 17] = NAN;
        assert_int_equal(optimiser_step(optimiser, 1, 1, &report, &err), -1);
        assert_non_null(strstr(err.text, "gradient 17 of tensor layers.1.up"));
        fill(learner, learner_gradient(learner), .01);
        assert_memory_equal(learner_weights(learner), kept, bytes);
        put_weight(learner, params_find(learner_params(learner), "out_norm")->offset + 2, NAN);
        assert_int_equal(optimiser_step(optimiser, 1, 1, &report, &err), -1);
        assert_non_null(strstr(err.text, "weight 2 of tensor out_norm"));
        assert_int_equal(optimiser_steps(optimiser), 0);
        assert_int_equal(learner_version(learner), version);
        optimiser_free(optimiser);
        options_release(optimiser_option_table, &options);
        free(kept);
        learner_free(learner);
    }
    pool_free(pool);
}

/* Adafactor: a constant gradient is a step of lr in each weight; a factored moment of rank one is exact. */
static void test_adafactor(void **state)
{
    struct pool *pool = pool_new(2);
    struct learner *learner = small(BLAS_F64, pool);
    const struct param *param = params_find(learner_params(learner), "layers.0.gate");
    double *g = learner_gradient(learner), *w = learner_weights(learner);
    struct optimiser_options options;
    struct optimiser *optimiser;
    struct optimiser_report report;
    const char *name;
    size_t count, total = 0;

    (void)state;
    options_init(optimiser_option_table, &options);
    options.kind = OPTIMISER_ADAFACTOR;
    options.clip_norm = 0;
    optimiser = optimiser_new(learner, &options, NULL);
    for (size_t i = 0; i < learner_params(learner)->count; i++)
        g[i] = 1e-3;
    /* Rank one: |g| = a_r b_c, so g over the root of the moment is the sign. */
    for (size_t r = 0; r < param->rows; r++)
        for (size_t c = 0; c < param->cols; c++)
            g[param->offset + r * param->cols + c] =
                (r % 2 ? -1 : 1) * (1 + (double)r) * (2 + (double)c) * 1e-3;
    assert_int_equal(optimiser_step(optimiser, 1, .1, &report, NULL), 0);
    for (size_t i = 0; i < param->offset; i++)
        NEAR(w[i], -.1, 1e-9);
    for (size_t r = 0; r < param->rows; r++)
        NEAR(w[param->offset + r * param->cols + 3], r % 2 ? .1 : -.1, 1e-9);
    for (size_t i = 0; optimiser_state(optimiser, i, &name, &count); i++)
        total += count;
    assert_true(total < learner_params(learner)->count / 3);
    optimiser_free(optimiser);
    options_release(optimiser_option_table, &options);
    learner_free(learner);
    pool_free(pool);
}

/* Three steps of the published algorithm (Shazeer and Stern, 2018, algorithm 4, clipping at 1), written out for one matrix and one vector. */
static void test_adafactor_steps(void **state)
{
    struct pool *pool = pool_new(2);
    struct learner *learner = small(BLAS_F64, pool);
    const struct param *matrix = params_find(learner_params(learner), "layers.1.wk");
    const struct param *vector = params_find(learner_params(learner), "out_norm");
    double *g = learner_gradient(learner), *w = learner_weights(learner);
    double rows[8] = {0}, cols[16] = {0}, v[16] = {0}, want[128] = {0}, line[16] = {0};
    struct optimiser_options options;
    struct optimiser *optimiser;
    struct optimiser_report report;

    (void)state;
    assert_true(matrix->rows == 8 && matrix->cols == 16 && vector->cols == 16);
    options_init(optimiser_option_table, &options);
    options.kind = OPTIMISER_ADAFACTOR;
    options.clip_norm = 0;
    optimiser = optimiser_new(learner, &options, NULL);
    for (int t = 1; t <= 3; t++) {
        double beta = 1 - pow(t, -.8), total = 0, square = 0, u[128], own[16], line_square = 0;
        double *gm = g + matrix->offset, *gv = g + vector->offset;

        for (size_t i = 0; i < learner_params(learner)->count; i++)
            g[i] = .01 * rng_normal(rng_key((uint64_t)t, "adafactor", "steps"), i);
        for (size_t r = 0; r < 8; r++) {
            double sum = 0;

            for (size_t c = 0; c < 16; c++)
                sum += gm[r * 16 + c] * gm[r * 16 + c] + 1e-30;
            rows[r] = beta * rows[r] + (1 - beta) * sum;
        }
        for (size_t c = 0; c < 16; c++) {
            double sum = 0;

            for (size_t r = 0; r < 8; r++)
                sum += gm[r * 16 + c] * gm[r * 16 + c] + 1e-30;
            cols[c] = beta * cols[c] + (1 - beta) * sum;
            v[c] = beta * v[c] + (1 - beta) * (gv[c] * gv[c] + 1e-30);
        }
        for (size_t r = 0; r < 8; r++)
            total += rows[r];
        for (size_t i = 0; i < 128; i++) {
            u[i] = gm[i] / sqrt(rows[i / 16] * cols[i % 16] / total);
            square += u[i] * u[i] / 128;
        }
        for (size_t c = 0; c < 16; c++) {
            own[c] = gv[c] / sqrt(v[c]);
            line_square += own[c] * own[c] / 16;
        }
        for (size_t i = 0; i < 128; i++)
            want[i] -= .05 * u[i] / fmax(1, sqrt(square));
        for (size_t c = 0; c < 16; c++)
            line[c] -= .05 * own[c] / fmax(1, sqrt(line_square));
        assert_int_equal(optimiser_step(optimiser, 1, .05, &report, NULL), 0);
        for (size_t i = 0; i < 128; i++)
            NEAR(w[matrix->offset + i], want[i], 1e-12);
        for (size_t c = 0; c < 16; c++)
            NEAR(w[vector->offset + c], line[c], 1e-12);
    }
    optimiser_free(optimiser);
    options_release(optimiser_option_table, &options);
    learner_free(learner);
    pool_free(pool);
}

static void test_schedules(void **state)
{
    struct optimiser_options o;

    (void)state;
    options_init(optimiser_option_table, &o);
    o.lr = 1;
    o.warmup = 4;
    NEAR(optimiser_lr(&o, 0, 100), .25, 0);
    NEAR(optimiser_lr(&o, 3, 100), 1, 0);
    NEAR(optimiser_lr(&o, 99, 100), 1, 0);
    o.schedule = SCHEDULE_LINEAR;
    NEAR(optimiser_lr(&o, 4, 104), 1, 0);
    NEAR(optimiser_lr(&o, 54, 104), .5, 0);
    NEAR(optimiser_lr(&o, 104, 104), 0, 0);
    NEAR(optimiser_lr(&o, 54, 0), 1, 0);
    o.lr_end = .1;
    NEAR(optimiser_lr(&o, 500, 104), .1, 1e-15);
    o.schedule = SCHEDULE_COSINE;
    NEAR(optimiser_lr(&o, 54, 104), .55, 1e-12);
    NEAR(optimiser_lr(&o, 29, 104), .1 + .9 * (1 + sqrt(.5)) / 2, 1e-12);
    options_release(optimiser_option_table, &o);
}

/* ---- initialisation and copies ---- */

static void test_init(void **state)
{
    struct pool *pool = pool_new(1);
    struct tf_config config = tiny_config();
    struct learner *a = learner_make(&config, LEARN_SCALAR, BLAS_F64, pool);
    struct learner *b = learner_make(&config, LEARN_LM, BLAS_F32, pool);
    const struct params *params = learner_params(a);
    double sum = 0, squares = 0;
    const struct param *param;
    size_t n;

    (void)state;
    learner_init(a, 9, 0);
    learner_init(b, 9, 0);
    for (size_t t = 0; t < learner_params(b)->n; t++) {
        const struct param *to = &learner_params(b)->list[t], *from = params_find(params, to->name);

        for (size_t i = 0; i < to->rows * to->cols; i++)
            NEAR(number_at(b, learner_weights(b), to->offset + i),
                 number_at(a, learner_weights(a), from->offset + i), 1e-8);
        if (strstr(to->name, "norm"))
            NEAR(number_at(b, learner_weights(b), to->offset), 1, 0);
    }
    param = params_find(params, "embed");
    n = param->rows * param->cols;
    for (size_t i = 0; i < n; i++) {
        double x = number_at(a, learner_weights(a), param->offset + i);

        sum += x;
        squares += x * x;
    }
    NEAR(sum / (double)n, 0, .02 * 4 / sqrt((double)n));
    NEAR(sqrt(squares / (double)n), .02, .02 * 4 / sqrt(2 * (double)n));
    assert_ptr_equal(params_at(params, param->offset + n), params_find(params, "layers.0.attn_norm"));
    assert_ptr_equal(params_at(params, params->count - 1), params_find(params, "score.weight"));
    learner_init(a, 10, 0);
    assert_int_equal(learner_copy(a, b, NULL), 0);
    NEAR(number_at(a, learner_weights(a), 5), number_at(b, learner_weights(b), 5), 0);
    config.ffn = 32;
    learner_free(b);
    b = learner_make(&config, LEARN_LM, BLAS_F32, pool);
    assert_int_equal(learner_copy(a, b, NULL), -1);
    learner_free(a);
    learner_free(b);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair_loss),     cmocka_unit_test(test_pair_loss_slopes),
        cmocka_unit_test(test_value_loss),    cmocka_unit_test(test_kl_estimators),
        cmocka_unit_test(test_ppo),           cmocka_unit_test(test_row_slopes),
        cmocka_unit_test(test_exact_kl),      cmocka_unit_test(test_float_rows),
        cmocka_unit_test(test_returns),       cmocka_unit_test(test_whiten),
        cmocka_unit_test(test_epsilon_forms), cmocka_unit_test(test_decay_groups),
        cmocka_unit_test(test_not_finite),    cmocka_unit_test(test_adafactor),
        cmocka_unit_test(test_adafactor_steps),
        cmocka_unit_test(test_schedules),     cmocka_unit_test(test_init),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
