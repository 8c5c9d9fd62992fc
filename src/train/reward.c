/* The reward model: learning from pairs, scores, normalisation. */
#include "src/train/reward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/train/parts.h"

#define SCORE_BATCH 32 /* pairs, or texts, of one forward */

struct reward_model {
    struct learner *learner;
    struct optimiser *optimiser;
    const struct reward_pairs *pairs;
    struct hidden_cache *hidden;
    struct reward_options options;
    struct train_order order;
    struct tree tree;
    struct train_plateau plateau;
    float **rows; /* of hidden: one array a shard, in use while a batch is computed */
    size_t n_rows_arrays;
    int64_t step, cursor;
    double offset, scale; /* score = (raw - offset) * scale */
};

/* ---- pairs ---- */

static void add_ids(struct reward_pairs *pairs, const int32_t *ids, size_t n)
{
    if (pairs->n_ids + n > pairs->cap_ids) {
        while (pairs->n_ids + n > pairs->cap_ids)
            pairs->cap_ids = pairs->cap_ids ? 2 * pairs->cap_ids : 4096;
        pairs->ids = xrealloc(pairs->ids, pairs->cap_ids * sizeof(*ids));
    }
    if (n)
        memcpy(pairs->ids + pairs->n_ids, ids, n * sizeof(*ids));
    pairs->n_ids += n;
}

/* Tokens that stay of a response of n, with room for the end token. */
static size_t fit(struct reward_pairs *pairs, size_t n, size_t max)
{
    if (max == 0 || n + 1 <= max)
        return n;
    pairs->cut++;
    return max - 1;
}

struct reward_pair *reward_pairs_add(struct reward_pairs *pairs, const int32_t *prompt,
                                     size_t n_prompt, const int32_t *a, size_t n_a,
                                     const int32_t *b, size_t n_b, int32_t end, double p,
                                     size_t max_prompt, size_t max_response)
{
    struct reward_pair *pair;

    if (n_prompt == 0 || (max_prompt && n_prompt > max_prompt)) {
        pairs->dropped++;
        return NULL;
    }
    n_a = fit(pairs, n_a, max_response);
    n_b = fit(pairs, n_b, max_response);
    if (n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof(*a)) == 0)) {
        pairs->identical++;
        return NULL;
    }
    pairs->list = array_grow(pairs->list, pairs->n, &pairs->cap, sizeof(*pair));
    pair = &pairs->list[pairs->n++];
    *pair = (struct reward_pair){
        .first = pairs->n_ids, .n_prompt = n_prompt, .n_a = n_a + 1, .n_b = n_b + 1, .p = p};
    add_ids(pairs, prompt, n_prompt);
    add_ids(pairs, a, n_a);
    add_ids(pairs, &end, 1);
    add_ids(pairs, b, n_b);
    add_ids(pairs, &end, 1);
    return pair;
}

void reward_pairs_release(struct reward_pairs *pairs)
{
    free(pairs->ids);
    free(pairs->list);
    *pairs = (struct reward_pairs){0};
}

/* ---- a model ---- */

static int check_pairs(const struct reward_pairs *pairs, const struct learner *learner,
                       bool labelled, struct error *err)
{
    size_t context = (size_t)learner_config(learner)->context;

    for (size_t i = 0; i < pairs->n; i++) {
        const struct reward_pair *pair = &pairs->list[i];
        size_t n = pair->n_prompt + (pair->n_a > pair->n_b ? pair->n_a : pair->n_b);

        if (labelled && !(pair->p >= 0 && pair->p <= 1))
            return error_set(err, ERROR_DATA, "pair %zu has no label between 0 and 1", i + 1);
        if (n > context)
            return error_set(err, ERROR_DATA,
                             "pair %zu has %zu tokens, more than the model's context of %zu",
                             i + 1, n, context);
    }
    return 0;
}

static int check_model(const struct learner *learner, const struct reward_pairs *pairs,
                       const struct hidden_cache *hidden, struct error *err)
{
    const struct learner_options *options = learner_options(learner);

    if (options->head != LEARN_SCALAR)
        return error_set(err, ERROR_USAGE, "a reward model needs a scalar head");
    if (options->first_layer > 0 && (!hidden || options->real != BLAS_F32))
        return error_set(err, ERROR_USAGE,
                         "layers above a frozen trunk learn in float, from its cached rows");
    return check_pairs(pairs, learner, true, err);
}

struct reward_model *reward_new(struct learner *learner, const struct reward_pairs *pairs,
                                const struct reward_options *options,
                                struct hidden_cache *hidden, struct error *err)
{
    struct reward_model *model;

    if (check_model(learner, pairs, hidden, err) != 0)
        return NULL;
    model = xcalloc(1, sizeof(*model));
    model->learner = learner;
    model->pairs = pairs;
    model->hidden = hidden;
    model->options = *options;
    model->options.preset = model->options.from = NULL;
    model->scale = 1;
    train_order_init(&model->order, (uint64_t)options->seed, "reward order", pairs->n);
    model->optimiser = optimiser_new(learner, &options->optimiser, err);
    if (!model->optimiser) {
        reward_free(model);
        return NULL;
    }
    return model;
}

static void release_rows(struct reward_model *model)
{
    for (size_t i = 0; i < model->n_rows_arrays; i++)
        free(model->rows[i]);
    free(model->rows);
    model->rows = NULL;
    model->n_rows_arrays = 0;
}

void reward_free(struct reward_model *model)
{
    if (!model)
        return;
    release_rows(model);
    optimiser_free(model->optimiser);
    train_order_release(&model->order);
    tree_release(&model->tree);
    free(model);
}

struct reward_options *reward_get_options(struct reward_model *model)
{
    return &model->options;
}

struct learner *reward_learner(struct reward_model *model)
{
    return model->learner;
}

int64_t reward_steps(const struct reward_model *model)
{
    return model->step;
}

static int64_t total_steps(const struct reward_model *model)
{
    const struct reward_options *options = &model->options;

    if (options->steps > 0)
        return options->steps;
    return (int64_t)ceil(options->epochs * (double)model->pairs->n / (double)options->batch);
}

bool reward_done(const struct reward_model *model)
{
    const struct reward_options *options = &model->options;

    return model->step >= total_steps(model) ||
           (options->patience > 0 && model->plateau.bad >= options->patience);
}

/* ---- batches ---- */

/* The rows of a frozen trunk for shard s, example by example; keys by group, NULL: they
 * are not kept. */
static int fill_hidden(struct reward_model *model, struct hidden_cache *hidden, size_t s,
                       const struct tree_group *groups, const struct tree_sample *samples,
                       const uint64_t *keys, const struct cancel *cancel, struct error *err)
{
    struct learn_batch *batch = &model->tree.shards[s];
    size_t width = (size_t)learner_config(model->learner)->width, at = 0;
    struct tree one = {0};
    int status = 0;

    model->rows[s] = mem_try(batch->n_rows * width * sizeof(float) + BLAS_SLACK,
                             "the frozen layers' output of a batch", err);
    if (!model->rows[s])
        return -1;
    for (size_t g = model->tree.first_group[s]; status == 0 && g < model->tree.first_group[s + 1];
         g++) {
        const float *rows;

        tree_build(&one, &groups[g], 1, samples, TREE_LAST, 1);
        status = hidden_rows(hidden, keys ? keys[g] : HIDDEN_NOT_KEPT, &one.shards[0],
                             &rows, cancel, err);
        if (status == 0)
            memcpy(model->rows[s] + at * width, rows, one.shards[0].n_rows * width * sizeof(float));
        at += one.shards[0].n_rows;
    }
    tree_release(&one);
    batch->hidden = model->rows[s];
    return status;
}

static int build(struct reward_model *model, const struct tree_group *groups, size_t n_groups,
                 const struct tree_sample *samples, const uint64_t *keys,
                 struct hidden_cache *hidden, size_t shards, const struct cancel *cancel,
                 struct error *err)
{
    release_rows(model);
    tree_build(&model->tree, groups, n_groups, samples, TREE_LAST, shards);
    for (size_t s = 0; s < model->tree.n_shards; s++)
        model->tree.shards[s].hidden = NULL;
    if (learner_options(model->learner)->first_layer == 0)
        return 0;
    if (!hidden)
        return error_set(err, ERROR_USAGE, "a reward model above a frozen trunk needs its rows");
    model->n_rows_arrays = model->tree.n_shards;
    model->rows = xcalloc(model->n_rows_arrays, sizeof(*model->rows));
    for (size_t s = 0; s < model->tree.n_shards; s++)
        if (fill_hidden(model, hidden, s, groups, samples, keys, cancel, err) != 0)
            return -1;
    return 0;
}

/* A tree of pairs: wanted number 2 i is a's score of the i-th of `which`, 2 i + 1 b's. */
static int build_pairs(struct reward_model *model, const struct reward_pairs *pairs,
                       struct hidden_cache *hidden, const size_t *which, size_t n, size_t shards,
                       const struct cancel *cancel, struct error *err)
{
    struct tree_group *groups = xcalloc(n + 1, sizeof(*groups));
    struct tree_sample *samples = xcalloc(2 * n + 1, sizeof(*samples));
    uint64_t *keys = xcalloc(n + 1, sizeof(*keys));
    int status;

    for (size_t i = 0; i < n; i++) {
        const struct reward_pair *pair = &pairs->list[which[i]];
        const int32_t *ids = pairs->ids + pair->first;

        groups[i] = (struct tree_group){ids, pair->n_prompt, 2 * i, 2};
        samples[2 * i] = (struct tree_sample){ids + pair->n_prompt, pair->n_a};
        samples[2 * i + 1] = (struct tree_sample){ids + pair->n_prompt + pair->n_a, pair->n_b};
        keys[i] = which[i];
    }
    status = build(model, groups, n, samples, keys, hidden, shards, cancel, err);
    free(groups);
    free(samples);
    free(keys);
    return status;
}

/* ---- learning ---- */

struct learn_pairs {
    struct reward_model *model;
    const size_t *which;
    size_t n;
    double *scores; /* 2 n */
    struct pair_loss *losses;
};

static double label_of(const struct reward_model *model, const struct reward_pair *pair)
{
    if (!model->options.hard || pair->p == .5)
        return pair->p;
    return pair->p > .5;
}

static void learn_values(void *arg, size_t shard, double *values, size_t n)
{
    struct learn_pairs *learn = arg;
    struct reward_model *model = learn->model;
    size_t at = model->tree.offset[shard];

    for (size_t i = 0; i < n; i += 2, at += 2) {
        const struct reward_pair *pair = &model->pairs->list[learn->which[at / 2]];
        double p = label_of(model, pair), margin = model->options.margin + pair->margin;
        struct pair_loss *loss = &learn->losses[at / 2];

        learn->scores[at] = values[i];
        learn->scores[at + 1] = values[i + 1];
        margin = p > .5 ? margin : p < .5 ? -margin : 0;
        *loss = pair_loss(values[i], values[i + 1], p, margin, model->options.centering);
        values[i] = loss->d_first / (double)learn->n;
        values[i + 1] = loss->d_second / (double)learn->n;
    }
}

static void give_metrics(const struct learn_pairs *learn, double loss,
                         struct train_metrics *metrics)
{
    const struct reward_model *model = learn->model;
    double excess = 0, right = 0, margin = 0, sum = 0, least = INFINITY, most = -INFINITY;
    size_t decided = 0;

    for (size_t i = 0; i < learn->n; i++) {
        const struct reward_pair *pair = &model->pairs->list[learn->which[i]];
        double a = learn->scores[2 * i], b = learn->scores[2 * i + 1], d = a - b;

        excess += learn->losses[i].excess;
        sum += a + b;
        least = fmin(least, fmin(a, b));
        most = fmax(most, fmax(a, b));
        if (pair->p == .5)
            continue;
        d = pair->p > .5 ? d : -d;
        decided++;
        margin += d;
        right += d > 0 ? 1 : d == 0 ? .5 : 0;
    }
    train_metrics_set(metrics, "loss", loss);
    train_metrics_set(metrics, "loss_excess", excess / (double)learn->n);
    train_metrics_set(metrics, "mean_reward", sum / (double)(2 * learn->n));
    train_metrics_set(metrics, "min_reward", least);
    train_metrics_set(metrics, "max_reward", most);
    if (decided) {
        train_metrics_set(metrics, "accuracy", right / (double)decided);
        train_metrics_set(metrics, "margin", margin / (double)decided);
    }
}

static int learn(struct learn_pairs *learn, struct train_metrics *metrics,
                 const struct cancel *cancel, struct error *err)
{
    struct reward_model *model = learn->model;
    struct optimiser_report report;
    struct learn_call call = {
        .shards = model->tree.shards,
        .n_shards = model->tree.n_shards,
        .values = learn_values,
        .arg = learn,
        .cancel = cancel,
    };
    double loss = 0, lr;

    if (learner_grad(model->learner, &call, err) != 0)
        return -1;
    for (size_t i = 0; i < learn->n; i++)
        loss += learn->losses[i].loss;
    loss /= (double)learn->n;
    *optimiser_get_options(model->optimiser) = model->options.optimiser;
    lr = optimiser_lr(&model->options.optimiser, model->step, total_steps(model));
    if (optimiser_step(model->optimiser, loss, lr, &report, err) != 0)
        return -1;
    give_metrics(learn, loss, metrics);
    train_metrics_set(metrics, "lr", lr);
    train_metrics_set(metrics, "grad_norm", report.grad_norm);
    return 0;
}

int reward_step(struct reward_model *model, struct train_metrics *metrics,
                const struct cancel *cancel, struct error *err)
{
    size_t n = (size_t)model->options.batch, *which;
    struct learn_pairs batch = {.model = model, .n = n};
    int status;

    if (model->pairs->n == 0)
        return error_set(err, ERROR_DATA, "there is no labelled pair to learn from");
    which = xcalloc(n, sizeof(*which));
    batch.which = which;
    batch.scores = xcalloc(2 * n, sizeof(*batch.scores));
    batch.losses = xcalloc(n, sizeof(*batch.losses));
    for (size_t i = 0; i < n; i++)
        which[i] = train_order_at(&model->order, model->cursor + (int64_t)i);
    status = build_pairs(model, model->pairs, model->hidden, which, n,
                         (size_t)model->options.shards, cancel, err);
    if (status == 0)
        status = learn(&batch, metrics, cancel, err);
    if (status == 0) {
        model->step++;
        model->cursor += (int64_t)n;
        train_metrics_set(metrics, "num_pairs", (double)model->cursor);
        train_metrics_set(metrics, "epoch", (double)model->cursor / (double)model->pairs->n);
    } else {
        train_fail(err, "reward model", model->step + 1);
    }
    free(batch.scores);
    free(batch.losses);
    free(which);
    return status;
}

/* ---- scores ---- */

static int raw_scores(struct reward_model *model, const struct reward_pairs *pairs,
                      struct hidden_cache *hidden, double *a, double *b,
                      const struct cancel *cancel, struct error *err)
{
    size_t which[SCORE_BATCH];
    double values[2 * SCORE_BATCH];

    if (check_pairs(pairs, model->learner, false, err) != 0)
        return -1;
    for (size_t from = 0; from < pairs->n; from += SCORE_BATCH) {
        size_t n = pairs->n - from < SCORE_BATCH ? pairs->n - from : SCORE_BATCH;

        for (size_t i = 0; i < n; i++)
            which[i] = from + i;
        if (build_pairs(model, pairs, hidden, which, n, 1, cancel, err) != 0 ||
            tree_values(model->learner, &model->tree, values, cancel, err) != 0)
            return -1;
        for (size_t i = 0; i < n; i++) {
            a[from + i] = values[2 * i];
            b[from + i] = values[2 * i + 1];
        }
    }
    return 0;
}

int reward_scores(struct reward_model *model, const struct reward_pairs *pairs,
                  struct hidden_cache *hidden, double *a, double *b, const struct cancel *cancel,
                  struct error *err)
{
    if (raw_scores(model, pairs, hidden, a, b, cancel, err) != 0)
        return -1;
    for (size_t i = 0; i < pairs->n; i++) {
        a[i] = (a[i] - model->offset) * model->scale;
        b[i] = (b[i] - model->offset) * model->scale;
    }
    return 0;
}

int reward_evaluate(struct reward_model *model, const struct reward_pairs *held_out,
                    struct hidden_cache *hidden, struct reward_eval *out, bool *better,
                    const struct cancel *cancel, struct error *err)
{
    double *a = xmalloc((2 * held_out->n + 1) * sizeof(*a)), *b = a + held_out->n;
    int status = raw_scores(model, held_out, hidden, a, b, cancel, err);

    if (status == 0) {
        bool best;

        reward_measure(held_out, a, b, out);
        best = train_plateau_see(&model->plateau, model->step, out->loss,
                                 model->options.min_delta);
        if (better)
            *better = best;
    }
    free(a);
    return status;
}

/* Texts from `from` on that share a prompt, at most SCORE_BATCH. */
static size_t same_prompt(const struct train_texts *texts, size_t from)
{
    const struct train_text *first = &texts->list[from];
    size_t n = 1;

    while (from + n < texts->n && n < SCORE_BATCH) {
        const struct train_text *next = &texts->list[from + n];

        if (next->n_prompt != first->n_prompt ||
            memcmp(train_text_ids(texts, from), train_text_ids(texts, from + n),
                   first->n_prompt * sizeof(int32_t)) != 0)
            break;
        n++;
    }
    return n;
}

/* One forward of texts from .. ; returns how many it took, 0 when it failed. */
static size_t score_some(struct reward_model *model, const struct train_texts *texts, size_t from,
                         double *out, const struct cancel *cancel, struct error *err)
{
    struct tree_group groups[SCORE_BATCH];
    struct tree_sample samples[2 * SCORE_BATCH];
    size_t n_groups = 0, n = 0;

    while (n < SCORE_BATCH && from + n < texts->n) {
        size_t same = same_prompt(texts, from + n);

        groups[n_groups++] = (struct tree_group){train_text_ids(texts, from + n),
                                                 texts->list[from + n].n_prompt, n, same};
        for (size_t i = 0; i < same; i++, n++) {
            const struct train_text *text = &texts->list[from + n];

            samples[n].ids = train_text_ids(texts, from + n) + text->n_prompt;
            samples[n].n = text->n - text->n_prompt;
        }
    }
    if (build(model, groups, n_groups, samples, NULL, model->hidden, 1, cancel, err) != 0 ||
        tree_values(model->learner, &model->tree, out + from, cancel, err) != 0)
        return 0;
    return n;
}

int reward_score_texts(struct reward_model *model, const struct train_texts *texts, double *out,
                       const struct cancel *cancel, struct error *err)
{
    for (size_t i = 0; i < texts->n; i++) {
        const struct train_text *text = &texts->list[i];

        if (text->n == text->n_prompt)
            return error_set(err, ERROR_DATA, "text %zu is a prompt without a response", i + 1);
        if (text->n > (size_t)learner_config(model->learner)->context)
            return error_set(err, ERROR_DATA, "text %zu is longer than the reward model's context",
                             i + 1);
    }
    for (size_t from = 0; from < texts->n;) {
        size_t n = score_some(model, texts, from, out, cancel, err);

        if (n == 0)
            return -1;
        from += n;
    }
    for (size_t i = 0; i < texts->n; i++)
        out[i] = (out[i] - model->offset) * model->scale;
    return 0;
}

int reward_normalise(struct reward_model *model, const struct train_texts *texts,
                     const struct cancel *cancel, struct error *err)
{
    double *scores = xmalloc((texts->n + 1) * sizeof(*scores)), mean, spread = 0;
    double offset = model->offset, scale = model->scale;
    int status;

    model->offset = 0;
    model->scale = 1;
    status = reward_score_texts(model, texts, scores, cancel, err);
    if (status == 0 && texts->n > 0 && model->options.normalise != NORMALISE_NONE) {
        mean = train_sum(scores, texts->n) / (double)texts->n;
        for (size_t i = 0; i < texts->n; i++)
            spread += (scores[i] - mean) * (scores[i] - mean) / (double)texts->n;
        model->offset = mean;
        if (model->options.normalise == NORMALISE_STANDARD && spread > 1e-12)
            model->scale = 1 / sqrt(spread);
    } else if (status != 0) {
        model->offset = offset;
        model->scale = scale;
    }
    free(scores);
    return status;
}

void reward_get_normal(const struct reward_model *model, double *offset, double *scale)
{
    *offset = model->offset;
    *scale = model->scale;
}

/* ---- what a checkpoint holds ---- */

void reward_state(struct reward_model *model, struct train_state *state)
{
    train_state_add_learner(state, "", model->learner, model->optimiser);
    train_state_add(state, "", "step", STATE_I64, 1, &model->step);
    train_state_add(state, "", "cursor", STATE_I64, 1, &model->cursor);
    train_state_add(state, "", "offset", STATE_F64, 1, &model->offset);
    train_state_add(state, "", "scale", STATE_F64, 1, &model->scale);
    train_plateau_state(&model->plateau, "plateau.", state);
}

int reward_restored(struct reward_model *model, struct error *err)
{
    if (model->step < 0 || model->cursor < 0)
        return error_set(err, ERROR_DATA, "the checkpoint's step or cursor is negative");
    if (!isfinite(model->offset) || !isfinite(model->scale))
        return error_set(err, ERROR_DATA, "the checkpoint's score normalisation is not finite");
    optimiser_set_steps(model->optimiser, model->step);
    learner_touch(model->learner);
    return 0;
}
