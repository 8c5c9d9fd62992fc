/* `check resume`: each stage on a small twin, straight through and by way of a
 * checkpoint's parts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/train/check.h"
#include "src/train/parts.h"
#include "src/train/policy.h"
#include "src/train/sft.h"

#define TWIN_VOCAB 40
#define TWIN_TEXTS 12
#define TWIN_STEPS 4

enum twin_stage { TWIN_SFT, TWIN_REWARD, TWIN_RL, TWIN_STAGES };
static const char *const stage_names[] = {"SFT", "reward model", "RL"};

/* One stage with all that it borrows. */
struct twin {
    enum twin_stage stage;
    struct learner *learner, *reference, *value;
    struct train_texts texts;
    struct reward_pairs pairs;
    double scale;
    struct sft_options sft_options;
    struct reward_options reward_options;
    struct rl_options rl_options;
    struct sft *sft;
    struct reward_model *reward;
    struct rl *rl;
};

static void twin_decode(const void *arg, int32_t id, struct buf *out)
{
    (void)arg;
    buf_addf(out, "%d ", id);
}

static const struct train_codec twin_codec = {.decode = twin_decode, .begin = 0, .end = 1};

static struct tf_config twin_config(const struct tf_config *shape)
{
    struct tf_config config = *shape;
    bool shared = shape->n_kv_heads < shape->n_heads;

    config.n_layers = 2;
    config.head_dim = 8;
    config.n_heads = 4;
    config.n_kv_heads = shared ? 2 : 4;
    config.width = 32;
    config.ffn = 48;
    config.vocab = TWIN_VOCAB;
    config.context = 32;
    config.rope_freqs = NULL;
    return config;
}

static void make_texts(struct twin *twin)
{
    struct rng_key key = rng_key(1, "check resume", "");

    for (uint64_t i = 0; i < TWIN_TEXTS; i++) {
        struct rng_key text = rng_sub(key, i);
        int32_t ids[12];

        for (uint64_t t = 0; t < 12; t++)
            ids[t] = 2 + (int32_t)rng_below(text, t, TWIN_VOCAB - 2);
        train_texts_add(&twin->texts, ids, 5, ids + 5, 2 + i % 4, twin->stage == TWIN_RL ? -1 : 1,
                        0, 0);
        reward_pairs_add(&twin->pairs, ids, 5, ids + 5, 2, ids + 7, 3, 1,
                         rng_uniform(text, 20), 0, 0);
    }
}

static struct learner *make_learner(const struct tf_config *config, enum learn_head head,
                                    struct pool *pool, struct error *err)
{
    struct learner_options options = {.head = head, .real = BLAS_F32};
    struct learner *learner = learner_new(config, &options, pool, err);

    if (learner)
        learner_init(learner, 1, .1);
    return learner;
}

static int make_rl(struct twin *twin, const struct tf_config *config, struct pool *pool,
                   struct error *err)
{
    struct rl_parts parts = {.prompts = &twin->texts, .codec = &twin_codec};

    twin->scale = 4;
    twin->reference = make_learner(config, LEARN_LM, pool, err);
    twin->value = make_learner(config, LEARN_SCALAR, pool, err);
    if (!twin->reference || !twin->value)
        return -1;
    parts.policy = twin->learner;
    parts.reference = twin->reference;
    parts.value = twin->value;
    parts.reward = (struct reward_source){reward_by_length, &twin->scale, "length"};
    twin->rl_options.batch = 8;
    twin->rl_options.max_tokens = 6;
    twin->rl_options.algorithm = RL_PPO;
    twin->rl_options.epochs = twin->rl_options.minibatches = 2;
    twin->rl_options.adaptive = true;
    twin->rl = rl_new(&parts, &twin->rl_options, err);
    return twin->rl ? 0 : -1;
}

static int twin_open(struct twin *twin, enum twin_stage stage, const struct tf_config *config,
                     struct pool *pool, struct error *err)
{
    *twin = (struct twin){.stage = stage};
    options_init(sft_option_table, &twin->sft_options);
    options_init(reward_option_table, &twin->reward_options);
    options_init(rl_option_table, &twin->rl_options);
    twin->sft_options.batch = twin->reward_options.batch = 6;
    make_texts(twin);
    twin->learner = make_learner(config, stage == TWIN_REWARD ? LEARN_SCALAR : LEARN_LM, pool, err);
    if (!twin->learner)
        return -1;
    if (stage == TWIN_SFT)
        twin->sft = sft_new(twin->learner, &twin->texts, &twin->sft_options, err);
    else if (stage == TWIN_REWARD)
        twin->reward = reward_new(twin->learner, &twin->pairs, &twin->reward_options, NULL, err);
    else
        return make_rl(twin, config, pool, err);
    return twin->sft || twin->reward ? 0 : -1;
}

static void twin_close(struct twin *twin)
{
    sft_free(twin->sft);
    reward_free(twin->reward);
    rl_free(twin->rl);
    learner_free(twin->learner);
    learner_free(twin->reference);
    learner_free(twin->value);
    train_texts_release(&twin->texts);
    reward_pairs_release(&twin->pairs);
    options_release(sft_option_table, &twin->sft_options);
    options_release(reward_option_table, &twin->reward_options);
    options_release(rl_option_table, &twin->rl_options);
}

static int twin_run(struct twin *twin, int steps, const struct cancel *cancel, struct error *err)
{
    for (int i = 0; i < steps; i++) {
        struct train_metrics metrics = {0};
        int status = twin->sft      ? sft_step(twin->sft, &metrics, cancel, err)
                     : twin->reward ? reward_step(twin->reward, &metrics, cancel, err)
                                    : rl_update(twin->rl, &metrics, NULL, cancel, err);

        if (status != 0)
            return -1;
    }
    return 0;
}

static void twin_state(struct twin *twin, struct train_state *state)
{
    if (twin->sft)
        sft_state(twin->sft, state);
    else if (twin->reward)
        reward_state(twin->reward, state);
    else
        rl_state(twin->rl, state);
}

static int twin_restored(struct twin *twin, struct error *err)
{
    if (twin->sft)
        return sft_restored(twin->sft, err);
    return twin->reward ? reward_restored(twin->reward, err) : rl_restored(twin->rl, err);
}

/* Every part of b is a's, bit for bit. */
static void compare_states(const struct train_state *a, const struct train_state *b,
                           const char *stage, struct train_check *out)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        const struct state_part *x = &a->parts[i], *y = &b->parts[i];

        out->compared += x->count;
        if (x->count == y->count && memcmp(x->data, y->data, state_part_bytes(x)) == 0)
            continue;
        out->worst = 1;
        snprintf(out->where, sizeof(out->where), "%s: %s", stage, x->name);
    }
}

/* Moves what a checkpoint holds from one twin into another. */
static int move_state(struct twin *from, struct twin *to, struct error *err)
{
    struct train_state a = {0}, b = {0};
    int status = -1;
    void *copy;

    twin_state(from, &a);
    twin_state(to, &b);
    copy = train_state_copy(&a, err);
    if (copy) {
        train_state_paste(&b, copy);
        status = twin_restored(to, err);
    }
    free(copy);
    train_state_release(&a);
    train_state_release(&b);
    return status;
}

static int check_stage(enum twin_stage stage, const struct tf_config *config, struct pool *pool,
                       struct pool *other, struct train_check *out, const struct cancel *cancel,
                       struct error *err)
{
    struct twin straight = {0}, first = {0}, second = {0};
    struct train_state a = {0}, b = {0};
    int status = twin_open(&straight, stage, config, pool, err);

    if (status == 0)
        status = twin_open(&first, stage, config, pool, err);
    if (status == 0)
        status = twin_open(&second, stage, config, other, err);
    if (status == 0)
        status = twin_run(&straight, TWIN_STEPS, cancel, err);
    if (status == 0)
        status = twin_run(&first, TWIN_STEPS / 2, cancel, err);
    if (status == 0)
        status = move_state(&first, &second, err);
    if (status == 0)
        status = twin_run(&second, TWIN_STEPS - TWIN_STEPS / 2, cancel, err);
    if (status == 0) {
        twin_state(&straight, &a);
        twin_state(&second, &b);
        compare_states(&a, &b, stage_names[stage], out);
    }
    train_state_release(&a);
    train_state_release(&b);
    twin_close(&straight);
    twin_close(&first);
    twin_close(&second);
    return status;
}

int check_resume(const struct tf_config *shape, struct pool *pool, struct pool *other,
                 struct train_check *out, const struct cancel *cancel, struct error *err)
{
    struct tf_config config = twin_config(shape);

    *out = (struct train_check){0};
    for (int stage = 0; stage < TWIN_STAGES; stage++)
        if (check_stage((enum twin_stage)stage, &config, pool, other, out, cancel, err) != 0)
            return -1;
    out->ok = out->worst == 0;
    snprintf(out->says, sizeof(out->says),
             "SFT, reward model and PPO: %d steps at once, and %d + %d by way of a "
             "checkpoint's parts "
             "(%d and %d threads), bit for bit",
             TWIN_STEPS, TWIN_STEPS / 2, TWIN_STEPS - TWIN_STEPS / 2, pool_threads(pool),
             pool_threads(other));
    return 0;
}
