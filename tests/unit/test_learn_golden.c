/*
 * tiny_llama.json whole: losses, the gradient of every tensor, KL, entropy, AdamW, in double and
 * in float, as separate texts, as a tree with a shared beginning, and in shards.
 */
#include "tests/unit/learn_fixture.h"

enum { SEQS = 3, TOKENS = 15, MOST = 16 };

struct golden {
    json_t *root;
    struct pool *pool;
    int32_t ids[SEQS][MOST];
    size_t n[SEQS], prompt[SEQS];
};

enum form { TEXTS, TREE, SHARDS };
struct setting {
    const char *name;
    enum blas_real real;
    enum form form;
};
static const struct setting settings[] = {
    {"double", BLAS_F64, TEXTS},  {"double, tree", BLAS_F64, TREE}, {"double, shards", BLAS_F64, SHARDS},
    {"float", BLAS_F32, TEXTS},   {"float, tree", BLAS_F32, TREE},  {"float, shards", BLAS_F32, SHARDS},
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int set_up(void **state)
{
    struct golden *golden = xcalloc(1, sizeof(*golden));

    golden->root = golden_open();
    golden->pool = pool_new(2);
    for (size_t s = 0; s < SEQS; s++) {
        double numbers[MOST];

        golden->n[s] = golden_numbers(json_array_get(golden_at(golden->root, "sequences"), s), numbers);
        golden->prompt[s] = (size_t)json_integer_value(
            json_array_get(golden_at(golden->root, "prompt_lengths"), s));
        for (size_t i = 0; i < golden->n[s]; i++)
            golden->ids[s][i] = (int32_t)numbers[i];
    }
    *state = golden;
    return 0;
}

static int tear_down(void **state)
{
    struct golden *golden = *state;

    json_decref(golden->root);
    pool_free(golden->pool);
    free(golden);
    return 0;
}

/* ---- tolerances of the golden README ---- */

static void near_list(const struct setting *setting, const char *what, const double *x, const json_t *list,
                      double max_abs)
{
    double want[512];
    size_t n = golden_numbers(list, want);

    for (size_t i = 0; i < n && max_abs == 0; i++)
        max_abs = fmax(max_abs, fabs(want[i]));
    for (size_t i = 0; i < n; i++) {
        double limit = (setting->real == BLAS_F64 ? 1e-9 : 2e-4) * max_abs;

        limit = want[i] == 0 && setting->real == BLAS_F64 ? 1e-12 : limit;
        if (!(fabs(x[i] - want[i]) <= limit))
            fail_msg("%s, %s[%zu]: %.17g, wanted %.17g within %g", setting->name, what, i, x[i], want[i], limit);
    }
}

static void near_number(const struct setting *setting, const char *what, double x, double want,
                        double float_limit)
{
    double limit = setting->real == BLAS_F64 ? 1e-9 * fabs(want) : float_limit;

    if (!(fabs(x - want) <= limit))
        fail_msg("%s, %s: %.17g, wanted %.17g within %g", setting->name, what, x, want, limit);
}

/* sum, dot, l2, max_abs and the first four of a tensor. */
static void near_summary(const struct setting *setting, const char *what, const struct learner *learner,
                         const void *buffer, const struct param *param, const json_t *want)
{
    size_t n = param->rows * param->cols;
    double sum = 0, dot = 0, squares = 0, max = 0, first[4];
    double share = setting->real == BLAS_F64 ? 1e-9 : 2e-4, l2 = golden_number(want, "l2");
    double max_abs = golden_number(want, "max_abs");
    char name[160];

    for (size_t i = 0; i < n; i++) {
        double x = number_at(learner, buffer, param->offset + i);

        sum += x;
        dot += x * cos(0.3 * (double)i);
        squares += x * x;
        max = fmax(max, fabs(x));
        if (i < 4)
            first[i] = x;
    }
    if (!(fabs(sum - golden_number(want, "sum")) <= share * l2) ||
        !(fabs(dot - golden_number(want, "dot")) <= share * l2) ||
        !(fabs(sqrt(squares) - l2) <= share * l2) || !(fabs(max - max_abs) <= share * max_abs))
        fail_msg("%s, %s of %s: sum %.17g (%.17g), dot %.17g (%.17g), l2 %.17g (%.17g), max %.17g (%.17g)",
                 setting->name, what, param->name, sum, golden_number(want, "sum"), dot,
                 golden_number(want, "dot"), sqrt(squares), l2, max, max_abs);
    snprintf(name, sizeof(name), "%s of %s", what, param->name);
    near_list(setting, name, first, golden_at(want, "first4"), max_abs);
}

static void near_tensors(const struct setting *setting, const char *what, const struct learner *learner,
                         const void *buffer, const json_t *want)
{
    const struct params *params = learner_params(learner);
    size_t n = 0;

    for (size_t t = 0; t < params->n; t++) {
        char name[96];

        if (!params->list[t].row)
            continue;
        tensor_name(params->list[t].row->hf, params->list[t].layer, name, sizeof(name));
        near_summary(setting, what, learner, buffer, &params->list[t], json_object_get(want, name));
        n++;
    }
    assert_int_equal(n, json_object_size(want));
}

/* ---- the response tokens ---- */

/* Batches of the three sequences; token k of the golden file's 15 is wanted row at[k] of shard of[k]. */
struct tokens15 {
    struct learn_batch batches[SEQS];
    size_t n_batches, of[TOKENS], at[TOKENS];
    int32_t id[TOKENS];
};

static void make_batches(const struct golden *golden, enum form form, struct tokens15 *out)
{
    size_t k = 0;
    int root = 0;

    memset(out, 0, sizeof(*out));
    out->n_batches = form == SHARDS ? SEQS : 1;
    if (form == TREE) /* all three begin with token 1 */
        root = learn_batch_add(&out->batches[0], -1, golden->ids[0], 1);
    for (size_t s = 0; s < SEQS; s++) {
        size_t b = form == SHARDS ? s : 0, skip = form == TREE;
        struct learn_batch *batch = &out->batches[b];
        int segment = learn_batch_add(batch, form == TREE ? root : -1, golden->ids[s] + skip,
                                      golden->n[s] - skip);

        for (size_t i = golden->prompt[s]; i < golden->n[s]; i++, k++) {
            out->of[k] = b;
            out->at[k] = learn_batch_want(batch, segment, i - 1 - skip);
            out->id[k] = golden->ids[s][i];
        }
    }
    assert_int_equal(k, TOKENS);
}

static void release_batches(struct tokens15 *tokens)
{
    for (size_t b = 0; b < tokens->n_batches; b++)
        learn_batch_release(&tokens->batches[b]);
}

enum loss_kind { SFT, POLICY, PPO, KL, ENTROPY };

/* What the callback reads, and what it writes by token. */
struct token_losses {
    const struct tokens15 *tokens;
    enum loss_kind kind;
    double temperature;
    double advantages[TOKENS], old[TOKENS];
    struct logits reference[TOKENS];
    double loss[TOKENS], logprob[TOKENS], entropy[TOKENS], kl[TOKENS], ratio[TOKENS];
    bool clipped[TOKENS];
};

static void token_loss(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct token_losses *to = arg;
    struct loss_row row;
    struct loss_terms terms = {.n = 1};
    size_t k = 0;

    while (to->tokens->of[k] != shard || to->tokens->at[k] != i)
        k++;
    loss_open(&row, logits, to->temperature);
    terms.id[0] = to->tokens->id[k];
    to->logprob[k] = loss_logprob(&row, terms.id[0]);
    to->entropy[k] = loss_entropy(&row);
    if (to->reference[k].data)
        to->kl[k] = loss_kl(&row, &to->reference[k]);
    if (to->kind == SFT) {
        to->loss[k] = -to->logprob[k];
        terms.d_logprob[0] = -1.0 / TOKENS;
    } else if (to->kind == POLICY) {
        to->loss[k] = -to->advantages[k] * to->logprob[k];
        terms.d_logprob[0] = -to->advantages[k] / TOKENS;
    } else if (to->kind == PPO) {
        struct ppo_token token = ppo_token(to->logprob[k], to->old[k], to->advantages[k], 0.2);

        to->loss[k] = token.loss;
        to->ratio[k] = token.ratio;
        to->clipped[k] = token.clipped;
        terms.d_logprob[0] = token.d_logprob / TOKENS;
    } else if (to->kind == KL) {
        to->loss[k] = to->kl[k];
        terms.n = 0;
        terms.d_kl = 1.0 / TOKENS;
        terms.reference = &to->reference[k];
    } else {
        to->loss[k] = to->entropy[k];
        terms.n = 0;
        terms.d_entropy = 1.0 / TOKENS;
    }
    loss_close(&row, &terms);
}

static double mean15(const double *x)
{
    double sum = 0;

    for (size_t k = 0; k < TOKENS; k++)
        sum += x[k];
    return sum / TOKENS;
}

static void reference_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct token_losses *to = arg;
    struct loss_row row;
    size_t k = 0;

    while (to->tokens->of[k] != shard || to->tokens->at[k] != i)
        k++;
    loss_open(&row, logits, to->temperature);
    to->reference[k].real = logits->real;
    to->reference[k].n = logits->n;
    to->reference[k].data = xcalloc(logits->n, sizeof(double));
    loss_log_softmax(&row, to->reference[k].data);
}

static void run_losses(struct golden *golden, const struct setting *setting, struct learner *learner,
                       const struct tokens15 *tokens, struct token_losses *losses, const char *name)
{
    struct learn_call call = {.shards = tokens->batches,
                              .n_shards = tokens->n_batches,
                              .row = token_loss,
                              .arg = losses};
    struct error err = {0};
    char path[64];
    double want;

    assert_int_equal(learner_grad(learner, &call, &err), 0);
    snprintf(path, sizeof(path), "%s/loss", name);
    want = golden_number(golden->root, path);
    near_number(setting, path, mean15(losses->loss), want,
                (losses->kind == KL ? 2e-4 : 2e-5) * fabs(want));
    snprintf(path, sizeof(path), "%s/grads", name);
    near_tensors(setting, path, learner, learner_gradient(learner), golden_at(golden->root, path));
}

static void check_tables(struct golden *golden, const struct setting *setting,
                         const struct token_losses *losses)
{
    const json_t *policy = golden_at(golden->root, "policy");
    double k1[TOKENS], k2[TOKENS], k3[TOKENS], ref[TOKENS];
    struct {
        const char *name;
        const double *x;
    } tables[] = {{"token_logprobs", losses->logprob}, {"ref_token_logprobs", ref},
                  {"entropy_per_token", losses->entropy}, {"exact_kl_per_token", losses->kl},
                  {"k1_per_token", k1}, {"k2_per_token", k2}, {"k3_per_token", k3}};

    for (size_t k = 0; k < TOKENS; k++) {
        ref[k] = logits_at(&losses->reference[k], (size_t)losses->tokens->id[k]);
        k1[k] = kl_k1(losses->logprob[k] - ref[k]);
        k2[k] = kl_k2(losses->logprob[k] - ref[k]);
        k3[k] = kl_k3(losses->logprob[k] - ref[k]);
    }
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char path[64];
        double max_abs;

        snprintf(path, sizeof(path), "max_abs/%s", tables[i].name);
        max_abs = golden_number(policy, path);
        near_list(setting, tables[i].name, tables[i].x, golden_at(policy, tables[i].name), max_abs);
        if (i < 3)
            continue;
        snprintf(path, sizeof(path), "%.*s_mean",
                 (int)(strstr(tables[i].name, "_per_token") - tables[i].name), tables[i].name);
        near_number(setting, path, mean15(tables[i].x), golden_number(policy, path), 2e-4 * max_abs);
    }
}

static void check_ppo(struct golden *golden, const struct setting *setting,
                      const struct token_losses *losses)
{
    double k1 = 0, k3 = 0, clipped = 0;

    near_list(setting, "ppo ratio", losses->ratio, golden_at(golden->root, "ppo/ratio"), 0);
    for (size_t k = 0; k < TOKENS; k++) {
        k1 -= log(losses->ratio[k]) / TOKENS;
        k3 += (losses->ratio[k] - 1 - log(losses->ratio[k])) / TOKENS;
        clipped += losses->clipped[k];
    }
    assert_true(fabs(clipped / TOKENS - golden_number(golden->root, "ppo/clip_fraction")) < 1e-12);
    near_number(setting, "approx_kl_k1", k1, golden_number(golden->root, "ppo/approx_kl_k1"), 2e-5);
    near_number(setting, "approx_kl_k3", k3, golden_number(golden->root, "ppo/approx_kl_k3"), 2e-5);
}

static void test_token_losses(void **state)
{
    struct golden *golden = *state;
    struct tf_config config = tiny_config();

    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        struct learner *learner = learner_make(&config, LEARN_LM, setting->real, golden->pool);
        struct learner *reference = learner_make(&config, LEARN_LM, setting->real, golden->pool);
        struct token_losses *losses = xcalloc(1, sizeof(*losses));
        struct tokens15 tokens, flat;

        fill_formula(learner, 0);
        fill_formula(reference, 0.05);
        make_batches(golden, setting->form, &tokens);
        make_batches(golden, TEXTS, &flat);
        golden_numbers(golden_at(golden->root, "policy/advantages"), losses->advantages);
        golden_numbers(golden_at(golden->root, "ppo/old_logprobs"), losses->old);
        losses->tokens = &flat;
        losses->temperature = 0.9;
        assert_int_equal(learner_forward(reference, &flat.batches[0], reference_row, losses, NULL, NULL), 0);
        losses->tokens = &tokens;
        losses->temperature = 1;
        losses->kind = SFT;
        run_losses(golden, setting, learner, &tokens, losses, "sft");
        losses->temperature = 0.9;
        losses->kind = POLICY;
        run_losses(golden, setting, learner, &tokens, losses, "policy");
        check_tables(golden, setting, losses);
        losses->kind = PPO;
        run_losses(golden, setting, learner, &tokens, losses, "ppo");
        check_ppo(golden, setting, losses);
        losses->kind = KL;
        run_losses(golden, setting, learner, &tokens, losses, "kl_loss");
        losses->kind = ENTROPY;
        run_losses(golden, setting, learner, &tokens, losses, "entropy_loss");
        for (size_t k = 0; k < TOKENS; k++)
            free(losses->reference[k].data);
        free(losses);
        release_batches(&tokens);
        release_batches(&flat);
        learner_free(learner);
        learner_free(reference);
    }
}

/* ---- logits ---- */

struct logit_rows {
    double x[MOST * 29];
    bool log_softmax;
};

static void take_row(void *arg, size_t shard, size_t i, struct logits *logits)
{
    struct logit_rows *to = arg;
    struct loss_row row;

    (void)shard;
    loss_open(&row, logits, 0.9);
    for (size_t j = 0; j < logits->n; j++)
        to->x[i * logits->n + j] =
            to->log_softmax ? loss_logprob(&row, (int32_t)j) : logits_at(logits, j);
}

static void test_logits(void **state)
{
    struct golden *golden = *state;
    struct tf_config config = tiny_config();

    for (size_t i = 0; i < N_SETTINGS; i += 3) {
        struct learner *learner = learner_make(&config, LEARN_LM, settings[i].real, golden->pool);
        struct learn_batch batch = {0};
        struct logit_rows rows = {.log_softmax = false};

        fill_formula(learner, 0);
        learn_batch_text(&batch, golden->ids[0], golden->n[0], 0, golden->n[0]);
        assert_int_equal(learner_forward(learner, &batch, take_row, &rows, NULL, NULL), 0);
        near_list(&settings[i], "logits_seq0", rows.x, golden_at(golden->root, "logits_seq0"), 0);
        rows.log_softmax = true;
        assert_int_equal(learner_forward(learner, &batch, take_row, &rows, NULL, NULL), 0);
        near_list(&settings[i], "log_softmax_seq0", rows.x,
                  golden_at(golden->root, "policy/log_softmax_seq0"), 0);
        learn_batch_release(&batch);
        learner_free(learner);
    }
}

/* ---- reward ---- */

struct pair_run {
    double p[2], centering, loss, excess, scores[4];
};

static void pair_values(void *arg, size_t shard, double *values, size_t n)
{
    struct pair_run *run = arg;

    (void)shard;
    assert_int_equal(n, 4);
    run->loss = run->excess = 0;
    memcpy(run->scores, values, sizeof(run->scores));
    for (size_t k = 0; k < 2; k++) {
        struct pair_loss loss = pair_loss(values[2 * k], values[2 * k + 1], run->p[k], 0, run->centering);

        run->loss += loss.loss / 2;
        run->excess += loss.excess / 2;
        values[2 * k] = loss.d_first / 2;
        values[2 * k + 1] = loss.d_second / 2;
    }
}

static void test_reward(void **state)
{
    struct golden *golden = *state;
    struct tf_config config = tiny_config();
    const json_t *pairs = golden_at(golden->root, "reward/pairs");

    for (size_t i = 0; i < N_SETTINGS; i += 3)
        for (int centering = 0; centering < 2; centering++) {
            const struct setting *setting = &settings[i];
            const json_t *want =
                golden_at(golden->root, centering ? "reward_centering" : "reward");
            struct learner *learner = learner_make(&config, LEARN_SCALAR, setting->real, golden->pool);
            struct pair_run run = {.centering = centering ? 0.01 : 0};
            struct learn_batch batch = {0};
            struct learn_call call = {.shards = &batch, .n_shards = 1, .values = pair_values, .arg = &run};
            const struct param *head = params_find(learner_params(learner), "score.weight");
            double values[4], loss = golden_number(want, "loss");

            fill_formula(learner, 0);
            for (size_t k = 0; k < 2; k++) {
                run.p[k] = json_number_value(json_array_get(json_array_get(pairs, k), 2));
                for (size_t side = 0; side < 2; side++) {
                    double numbers[MOST];
                    int32_t ids[MOST];
                    size_t n = golden_numbers(json_array_get(json_array_get(pairs, k), side), numbers);

                    for (size_t j = 0; j < n; j++)
                        ids[j] = (int32_t)numbers[j];
                    learn_batch_text(&batch, ids, n, n - 1, n);
                }
            }
            assert_int_equal(learner_grad(learner, &call, NULL), 0);
            near_list(setting, "scores", run.scores, golden_at(golden->root, "reward/scores"), 0);
            near_number(setting, "reward loss", run.loss, loss, 2e-5 * loss);
            if (!centering)
                near_number(setting, "loss_excess", run.excess, golden_number(want, "loss_excess"), 2e-5);
            near_tensors(setting, "reward", learner, learner_gradient(learner), golden_at(want, "grads"));
            near_summary(setting, "reward", learner, learner_gradient(learner), head,
                         golden_at(want, "head_grad"));
            assert_int_equal(learner_values(learner, &batch, values, NULL, NULL), 0);
            assert_memory_equal(values, run.scores, sizeof(values));
            learn_batch_release(&batch);
            learner_free(learner);
        }
}

/* ---- AdamW ---- */

static struct learner *make_plain(enum blas_real real, struct pool *pool)
{
    struct tf_config config = tiny_config();
    const char *simd = getenv("RLAIF_SIMD");
    char *kept = simd ? xstrdup(simd) : NULL;
    struct learner *learner;

    setenv("RLAIF_SIMD", "none", 1);
    learner = learner_make(&config, LEARN_LM, real, pool);
    if (kept)
        setenv("RLAIF_SIMD", kept, 1);
    else
        unsetenv("RLAIF_SIMD");
    free(kept);
    return learner;
}

static void test_adamw(void **state)
{
    struct golden *golden = *state;
    const json_t *want = golden_at(golden->root, "adamw");

    /*
     * In float one order of sums only, plain C's: number 283 of layers.0.gate has a gradient of
     * 2e-10, below what floats of this network can tell from 0, and Adam's first step divides it
     * by an epsilon of 1e-8.
     */
    for (size_t i = 0; i < N_SETTINGS && i <= 3; i++) {
        const struct setting *setting = &settings[i];
        struct learner *learner = make_plain(setting->real, golden->pool);
        struct token_losses *losses = xcalloc(1, sizeof(*losses));
        struct optimiser_options options;
        struct optimiser *optimiser;
        struct optimiser_report report;
        struct tokens15 tokens;
        double rows[10], clip[5];
        struct learn_call call = {.row = token_loss, .arg = losses};

        options_init(optimiser_option_table, &options);
        options.lr = 0.01;
        options.weight_decay = 0.1;
        options.clip_norm = 1;
        optimiser = optimiser_new(learner, &options, NULL);
        fill_formula(learner, 0);
        make_batches(golden, setting->form, &tokens);
        call.shards = tokens.batches;
        call.n_shards = tokens.n_batches;
        losses->tokens = &tokens;
        losses->temperature = 1;
        golden_numbers(golden_at(want, "steps_loss_gradnorm_before_clip"), rows);
        golden_numbers(golden_at(want, "steps_clip_factor"), clip);
        for (int step = 0; step < 6; step++) {
            double loss;

            assert_int_equal(learner_grad(learner, &call, NULL), 0);
            loss = mean15(losses->loss);
            if (step == 5) {
                near_number(setting, "final_loss", loss, golden_number(want, "final_loss"), 2e-5 * loss);
                break;
            }
            near_number(setting, "loss", loss, rows[2 * step], 2e-5 * loss);
            assert_int_equal(optimiser_step(optimiser, loss, optimiser_lr(&options, step, 0), &report, NULL), 0);
            near_number(setting, "norm", report.grad_norm, rows[2 * step + 1], 2e-4 * report.grad_norm);
            near_number(setting, "clip", report.clip_factor, clip[step], 2e-4 * clip[step]);
            if (step == 0 || step == 4)
                near_tensors(setting, "weights", learner, learner_weights(learner),
                             golden_at(want, step ? "weights_after_step_5" : "weights_after_step_1"));
        }
        assert_int_equal(optimiser_steps(optimiser), 5);
        optimiser_free(optimiser);
        options_release(optimiser_option_table, &options);
        release_batches(&tokens);
        free(losses);
        learner_free(learner);
    }
}

/* ---- tables that need no network ---- */

static const struct setting plainly = {"tables", BLAS_F64, TEXTS};

static void near_all(const char *what, const double *x, const json_t *list)
{
    near_list(&plainly, what, x, list, 0);
}

static void test_gae(void **state)
{
    const json_t *table = golden_at(((struct golden *)*state)->root, "tables/gae");
    const json_t *rewards = golden_at(table, "rewards"), *values = golden_at(table, "values");
    const json_t *cases = golden_at(table, "cases"), *one;
    size_t c;

    json_array_foreach((json_t *)cases, c, one)
    {
        double advantages[16], returns[16], white[16], r[16], v[16];
        size_t at = 0;

        for (size_t s = 0; s < json_array_size(rewards); s++) {
            size_t n = golden_numbers(json_array_get(rewards, s), r);

            golden_numbers(json_array_get(values, s), v);
            advantages_gae(r, v, n, golden_number(one, "gamma"), golden_number(one, "lambda"),
                           advantages + at, returns + at);
            at += n;
        }
        near_all("advantages", advantages, golden_at(one, "advantages"));
        near_all("returns", returns, golden_at(one, "returns"));
        memcpy(white, advantages, sizeof(white));
        whiten(white, at, VARIANCE_BIASED, false);
        near_all("whitened_biased", white, golden_at(one, "whitened_biased"));
        memcpy(white, advantages, sizeof(white));
        whiten(white, at, VARIANCE_BESSEL, false);
        near_all("whitened_bessel", white, golden_at(one, "whitened_bessel"));
    }
    assert_int_equal(c, 4);
}

static void test_reward_tables(void **state)
{
    const json_t *tables = golden_at(((struct golden *)*state)->root, "tables");
    const json_t *go = golden_at(tables, "reward_to_go/rewards");
    const json_t *kl = golden_at(tables, "reward_assembly/k1_per_token");
    double r[16], out[32], paper[32], scores[8], beta = golden_number(tables, "reward_assembly/beta");
    size_t at = 0;

    for (size_t s = 0; s < json_array_size(go); s++) {
        size_t n = golden_numbers(json_array_get(go, s), r);

        rewards_to_go(r, n, 1, out + at);
        at += n;
    }
    near_all("reward_to_go", out, golden_at(tables, "reward_to_go/values"));
    golden_numbers(golden_at(tables, "reward_assembly/score"), scores);
    at = 0;
    for (size_t s = 0; s < json_array_size(kl); s++) {
        size_t n = golden_numbers(json_array_get(kl, s), r);

        rewards_assemble(r, n, beta, scores[s], 1, out + at);
        rewards_assemble(r, n, beta, scores[s], 1 - beta, paper + at);
        at += n;
    }
    near_all("rewards_plain", out, golden_at(tables, "reward_assembly/rewards_plain"));
    near_all("rewards_paper", paper, golden_at(tables, "reward_assembly/rewards_paper"));
}

static void test_value_table(void **state)
{
    const json_t *table = golden_at(((struct golden *)*state)->root, "tables/value_loss");
    double old[16], new[16], target[16], plain = 0, held = 0, clip = golden_number(table, "clip");
    size_t n = golden_numbers(golden_at(table, "old_values"), old);

    golden_numbers(golden_at(table, "new_values"), new);
    golden_numbers(golden_at(table, "returns"), target);
    for (size_t i = 0; i < n; i++) {
        plain += value_loss(new[i], old[i], target[i], 0).loss / (double)n;
        held += value_loss(new[i], old[i], target[i], clip).loss / (double)n;
    }
    near_number(&plainly, "loss_plain", plain, golden_number(table, "loss_plain"), 0);
    near_number(&plainly, "loss_clipped", held, golden_number(table, "loss_clipped"), 0);
}

static void test_group_tables(void **state)
{
    const json_t *tables = golden_at(((struct golden *)*state)->root, "tables");
    const json_t *groups = golden_at(tables, "rloo/rewards");
    double r[16], rloo[32], mean[32], grpo[32];
    size_t at = 0;

    for (size_t s = 0; s < json_array_size(groups); s++) {
        size_t n = golden_numbers(json_array_get(groups, s), r);

        advantages_rloo(r, n, rloo + at);
        advantages_grpo(r, n, false, mean + at);
        advantages_grpo(r, n, true, grpo + at);
        at += n;
    }
    near_all("rloo", rloo, golden_at(tables, "rloo/advantages"));
    near_all("grpo mean_only", mean, golden_at(tables, "grpo/advantages_mean_only"));
    near_all("grpo", grpo, golden_at(tables, "grpo/advantages"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits),        cmocka_unit_test(test_token_losses),
        cmocka_unit_test(test_reward),        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_gae),           cmocka_unit_test(test_reward_tables),
        cmocka_unit_test(test_value_table),   cmocka_unit_test(test_group_tables),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
