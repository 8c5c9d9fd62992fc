/*
 * The pocket world from nothing to a policy: SFT, soft labels, reward model, RL,
 * head-to-head by gold, with the figures of each stage. To look for settings; the recipes
 * of the program are the same with jobs and a store around.
 *
 *   train_pocket [seed=1] [posts=24000] [sft.steps=2000] [rm.lr=5e-4] [rl.beta=.05]
 * [preset=FILE] ...
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/preset.h"
#include "models/vocab.h"
#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/data/world_pairs.h"
#include "src/train/best_of_n.h"
#include "src/train/duel.h"
#include "src/train/policy.h"
#include "src/train/sft.h"

#define GAP_WEIGHT 1.6
#define SLOT_PULL .5
#define NOISE .5

struct trial {
    struct world_options world;
    struct sft_options sft;
    struct reward_options rm;
    struct rl_options rl;
    const char *preset;
    size_t duels;
    bool people; /* labels are one vote, not the labeler's */
    struct pool *pool;
    struct tf_config config;
    struct tokenizer *tokenizer;
    struct train_codec codec;
    struct post_list posts[WORLD_SPLITS];
    struct train_texts texts[WORLD_SPLITS]; /* sft: with a reference; else prompts */
    struct learner *start, *policy;
    double begun;
};

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static void say(const struct trial *t, const char *stage)
{
    printf("%6.1f s  %s", clock_seconds() - t->begun, stage);
}

static void show(const struct train_metrics *metrics, const char *const *names)
{
    for (; *names; names++)
        printf("  %s %.3g", *names, train_metrics_get(metrics, *names));
    printf("\n");
    fflush(stdout);
}

static int encode(const void *arg, const char *text, size_t len, struct tokens *out,
                  struct error *err)
{
    return tokenizer_encode(arg, text, len, out, err);
}

static void decode(const void *arg, int32_t id, struct buf *out)
{
    tokenizer_decode(arg, id, false, out);
}

static void make_vocabulary(struct trial *t)
{
    struct vocab_options options = {0};
    struct world_words words = {0};
    struct error err = {0};
    struct preset preset;
    struct vocab vocab;
    struct buf text;

    world_vocabulary((enum world_size)t->world.size, true, &words);
    for (size_t i = 0; i < words.n; i++) {
        if (!strchr(words.words[i], ';'))
            continue;
        free(words.words[i]);
        words.words[i--] = words.words[--words.n];
    }
    if (vocab_from_words(&vocab, (const char *const *)words.words, words.n, &options, &err) != 0)
        die("vocabulary", &err);
    t->tokenizer = vocab_tokenizer(&vocab, &err);
    if (!t->tokenizer)
        die("tokenizer", &err);
    t->codec = (struct train_codec){encode, decode, t->tokenizer, vocab.bos, vocab.eos};
    buf_init(&text, 0);
    {
        FILE *file = fopen(t->preset, "r");
        int c;

        while (file && (c = getc(file)) != EOF)
            buf_addc(&text, (char)c);
        if (file)
            fclose(file);
    }
    if (preset_parse(&preset, buf_str(&text), text.len, t->preset, &err) != 0 ||
        preset_config(&preset, (int)vocab.n_pieces, &t->config, &err) != 0)
        die(t->preset, &err);
    say(t, "");
    printf("%u tokens, %llu weights\n", vocab.n_pieces,
           (unsigned long long)preset_params(&t->config));
    buf_release(&text);
    preset_release(&preset);
    vocab_release(&vocab);
    world_words_release(&words);
}

static void add_text(struct trial *t, const struct post *post, const char *summary,
                     struct train_texts *out)
{
    struct tokens prompt = {0}, answer = {0};
    struct error err = {0};

    if (train_prompt(&t->codec, "", post->context, " summary :", 256, &prompt, NULL, &err) != 0 ||
        (summary && encode(t->tokenizer, summary, strlen(summary), &answer, &err) != 0))
        die("text", &err);
    train_texts_add(out, prompt.ids, prompt.n, answer.ids, answer.n, summary ? t->codec.end : -1,
                    256, 64);
    tokens_release(&prompt);
    tokens_release(&answer);
}

static void make_posts(struct trial *t)
{
    int64_t sizes[WORLD_SPLITS];

    world_split_sizes(t->world.posts, sizes);
    for (int s = 0; s < WORLD_SPLITS; s++) {
        world_make_posts(&t->world, (enum world_split)s, 0, (size_t)sizes[s], &t->posts[s]);
        for (size_t i = 0; i < t->posts[s].n; i++)
            add_text(t, &t->posts[s].posts[i],
                     s == WORLD_SFT ? t->posts[s].posts[i].summaries[0] : NULL, &t->texts[s]);
    }
}

static struct learner *new_learner(const struct trial *t, enum learn_head head)
{
    struct learner_options options = {.head = head, .bias = false, .real = BLAS_F32};
    struct error err = {0};
    struct learner *learner = learner_new(&t->config, &options, t->pool, &err);

    if (!learner)
        die("network", &err);
    learner_init(learner, (uint64_t)t->sft.seed, 0);
    return learner;
}

/* ---- gold ---- */

struct looks {
    double gold, length, wrong, problem, consequence, question;
};

static struct looks look(const struct trial *t, const struct rollout *rollout)
{
    struct looks sum = {0};

    for (size_t i = 0; i < rollout->n; i++) {
        const struct rollout_sample *sample = &rollout->samples[i];
        struct world_score score;
        double n = (double)rollout->n;

        world_score_text(t->posts[WORLD_TEST].posts[sample->prompt].context, sample->text, &score);
        sum.gold += score.total / n;
        sum.length += (double)sample->n / n;
        sum.wrong += score.parts.wrong / n;
        sum.problem += score.parts.problem / n;
        sum.consequence += score.parts.consequence / n;
        sum.question += score.parts.question / n;
    }
    return sum;
}

static struct rollout draw(const struct trial *t, struct learner *learner, size_t n, uint64_t at)
{
    struct sampler_options options = {.temperature = t->rl.temperature,
                                      .max_tokens = t->rl.max_tokens};
    struct error err = {0};
    struct sampler *sampler = sampler_new(learner, &t->codec, &options, &err);
    size_t *which = xcalloc(n + 1, sizeof(*which));
    struct rollout out;

    for (size_t i = 0; i < n; i++)
        which[i] = i;
    if (!sampler || sampler_run(sampler, &t->texts[WORLD_TEST], which, n, 1,
                                rng_key((uint64_t)t->sft.seed, "look", ""), at, &out,
                                NULL, &err) != 0)
        die("samples", &err);
    sampler_free(sampler);
    free(which);
    return out;
}

static void show_looks(const struct trial *t, struct learner *learner, const char *name)
{
    struct rollout out = draw(t, learner, t->duels, 0);
    struct looks looks = look(t, &out);

    say(t, name);
    printf("  gold %.2f  length %.1f  problem %.2f  consequence %.2f  question %.2f  wrong %.2f\n",
           looks.gold, looks.length, looks.problem, looks.consequence, looks.question, looks.wrong);
    printf("          \"%s\"\n", out.samples[0].text);
    fflush(stdout);
    rollout_release(&out);
}

struct gold_judge {
    const struct trial *t;
    const struct duel_item *items;
};

static int judge_gold(void *arg, const struct duel_ask *asks, size_t n, double *p,
                      const struct cancel *cancel, struct error *err)
{
    const struct gold_judge *judge = arg;

    (void)cancel;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        size_t prompt = judge->items[asks[i].item].prompt;
        const char *context = judge->t->posts[WORLD_TEST].posts[prompt].context;
        struct world_score a, b;

        world_score_text(context, asks[i].first, &a);
        world_score_text(context, asks[i].second, &b);
        p[i] = a.total > b.total ? 1 : a.total < b.total ? 0 : .5;
    }
    return 0;
}

static double duel(const struct trial *t, struct learner *a, struct learner *b, const char *name)
{
    struct rollout x = draw(t, a, t->duels, 1), y = draw(t, b, t->duels, 2);
    struct duel_item *items = xcalloc(t->duels, sizeof(*items));
    struct gold_judge judge = {t, items};
    struct duel_summary s;

    for (size_t i = 0; i < t->duels; i++) {
        x.samples[i].text[duel_strip(x.samples[i].text, x.samples[i].len)] = '\0';
        y.samples[i].text[duel_strip(y.samples[i].text, y.samples[i].len)] = '\0';
        duel_set(&items[i], i, x.samples[i].text, y.samples[i].text);
    }
    duel_judge(items, t->duels, judge_gold, &judge, false, NULL, NULL);
    duel_summarise(items, t->duels, 1, 1000, &s);
    say(t, name);
    printf("  wins %.1f %% (%.1f to %.1f) of %zu, ties %zu, at equal length %.1f %%\n",
           100 * s.win_rate, 100 * s.wilson[0], 100 * s.wilson[1], s.n, s.ties,
           100 * s.length_controlled);
    fflush(stdout);
    free(items);
    rollout_release(&x);
    rollout_release(&y);
    return s.win_rate;
}

/* ---- stages ---- */

static void run_sft(struct trial *t)
{
    static const char *const names[] = {"loss", "mean_token_accuracy", "lr", "grad_norm", NULL};
    struct error err = {0};
    struct sft *sft;

    t->start = new_learner(t, LEARN_LM);
    sft = sft_new(t->start, &t->texts[WORLD_SFT], &t->sft, &err);
    if (!sft)
        die("sft", &err);
    while (!sft_done(sft)) {
        struct train_metrics metrics = {0};

        if (sft_step(sft, &metrics, NULL, &err) != 0)
            die("sft", &err);
        if (sft_steps(sft) % 200 != 0)
            continue;
        say(t, "sft");
        printf("  step %lld", (long long)sft_steps(sft));
        show(&metrics, names);
    }
    sft_free(sft);
    show_looks(t, t->start, "sft");
}

static double label(const struct trial *t, const struct pair *pair, size_t i)
{
    struct rng_key key = rng_key((uint64_t)t->sft.seed, "label", "");
    double gap = GAP_WEIGHT * (pair->gold_a - pair->gold_b) + NOISE * rng_normal(key, i);

    if (t->people && pair->n_votes)
        return pair->votes[0].choice == CHOICE_A ? 1 : pair->votes[0].choice == CHOICE_B ? 0 : .5;
    return (sigmoid(gap + SLOT_PULL) + sigmoid(gap - SLOT_PULL)) / 2;
}

/* Pairs of two samples of the policy for posts of a split, put to the world's people and
 * to the labeler. */
static void make_pairs(struct trial *t, enum world_split split, bool votes,
                       struct reward_pairs *out)
{
    struct sampler_options options = {.temperature = 1, .max_tokens = t->rl.max_tokens};
    struct error err = {0};
    struct sampler *sampler = sampler_new(t->start, &t->codec, &options, &err);
    size_t n = t->posts[split].n, *which = xcalloc(n, sizeof(*which)), agree = 0, voted = 0;
    struct rollout rollout;

    for (size_t i = 0; i < n; i++)
        which[i] = i;
    if (!sampler || sampler_run(sampler, &t->texts[split], which, n, 2, rng_key(7, "pairs", ""), 0,
                                &rollout, NULL, &err) != 0)
        die("pairs", &err);
    for (size_t i = 0; i < n; i++) {
        const struct rollout_sample *a = &rollout.samples[2 * i], *b = a + 1;
        const int32_t *prompt = train_text_ids(&t->texts[split], i);
        struct pair_list list;
        struct reward_pair *pair;

        pair_list_init(&list);
        if (world_make_pair(&t->world, &t->posts[split].posts[i], a->text, b->text, "1",
                            &list, NULL)) {
            double p = label(t, &list.pairs[0], i), vote = NAN;

            if (list.pairs[0].n_votes)
                vote = list.pairs[0].votes[0].choice == CHOICE_A ? 1 : 0;
            agree += (p > .5) == (vote > .5);
            voted++;
            pair = reward_pairs_add(out, prompt, t->texts[split].list[i].n_prompt, a->ids,
                                    a->n - a->ended, b->ids, b->n - b->ended, t->codec.end,
                                    votes ? vote : p, 0, 0);
            if (pair) {
                pair->chars_a = (uint32_t)a->len;
                pair->chars_b = (uint32_t)b->len;
            }
        }
        pair_list_release(&list);
    }
    say(t, "pairs");
    printf("  %zu, labeler and people agree in %.1f %%\n", out->n,
           100. * (double)agree / (double)voted);
    rollout_release(&rollout);
    sampler_free(sampler);
    free(which);
}

static struct reward_model *run_reward(struct trial *t, struct reward_pairs *pairs,
                                       struct reward_pairs *held_out)
{
    static const char *const names[] = {"eval_accuracy", "eval_loss", "eval_ece",
                                        "eval_accuracy_longer", "eval_accuracy_shorter", NULL};
    struct learner *learner = new_learner(t, LEARN_SCALAR);
    struct train_metrics metrics = {0};
    struct reward_model *model;
    struct reward_eval eval;
    struct error err = {0};

    learner_copy(learner, t->start, &err);
    make_pairs(t, WORLD_PAIRS, false, pairs);
    make_pairs(t, WORLD_DEV, true, held_out);
    model = reward_new(learner, pairs, &t->rm, NULL, &err);
    if (!model)
        die("reward model", &err);
    while (!reward_done(model))
        if (reward_step(model, &metrics, NULL, &err) != 0)
            die("reward model", &err);
    if (reward_evaluate(model, held_out, NULL, &eval, NULL, NULL, &err) != 0 ||
        reward_normalise(model, &t->texts[WORLD_SFT], NULL, &err) != 0)
        die("reward model", &err);
    metrics = (struct train_metrics){0};
    reward_eval_metrics(&eval, &metrics);
    say(t, "rm");
    show(&metrics, names);
    return model;
}

static void run_rl(struct trial *t, struct reward_model *model)
{
    static const char *const names[] = {"objective/scores",
                                        "objective/kl",
                                        "policy/entropy_avg",
                                        "val/var_explained",
                                        "completions/mean_length",
                                        "eps",
                                        NULL};
    struct learner *value = new_learner(t, LEARN_SCALAR);
    struct reward_by_model reward = {&model, 1, ENSEMBLE_MEAN, 0, t->codec.end};
    struct train_alarms alarms = {0};
    struct error err = {0};
    struct rl_parts parts = {.reference = t->start,
                             .value = value,
                             .prompts = &t->texts[WORLD_RL],
                             .codec = &t->codec,
                             .reward = {reward_by_model, &reward, "rm"}};
    struct rl *rl;

    t->policy = parts.policy = new_learner(t, LEARN_LM);
    learner_copy(t->policy, t->start, &err);
    learner_copy(value, t->start, &err);
    rl = rl_new(&parts, &t->rl, &err);
    if (!rl)
        die("rl", &err);
    while (!rl_done(rl)) {
        struct train_metrics metrics = {0};

        alarms.n = 0;
        if (rl_update(rl, &metrics, &alarms, NULL, &err) != 0)
            die("rl", &err);
        for (size_t i = 0; i < alarms.n; i++)
            printf("          alarm: %s\n", alarms.list[i].text);
        if (rl_updates(rl) % 25 != 0 && rl_updates(rl) != 1)
            continue;
        say(t, "rl");
        printf("  update %lld", (long long)rl_updates(rl));
        show(&metrics, names);
        if (rl_updates(rl) % 50 == 0)
            show_looks(t, t->policy, "rl");
    }
    rl_free(rl);
    learner_free(value);
}

static void set(struct trial *t, const char *word)
{
    char name[64];
    const char *value = strchr(word, '=');
    struct error err = {0};
    int status = -1;

    if (!value || (size_t)(value - word) >= sizeof(name)) {
        fprintf(stderr, "train_pocket: %s is no NAME=VALUE\n", word);
        exit(2);
    }
    snprintf(name, sizeof(name), "%.*s", (int)(value - word), word);
    value++;
    if (strcmp(name, "preset") == 0)
        t->preset = value, status = 0;
    else if (strcmp(name, "people") == 0)
        t->people = *value == '1', status = 0;
    else if (strcmp(name, "duels") == 0)
        t->duels = strtoul(value, NULL, 10), status = 0;
    else if (strcmp(name, "seed") == 0)
        t->sft.seed = t->rm.seed = t->rl.seed = strtol(value, NULL, 10), status = 0;
    else if (strncmp(name, "sft.", 4) == 0)
        status = option_set(sft_option_table, &t->sft, name + 4, value, &err);
    else if (strncmp(name, "rm.", 3) == 0)
        status = option_set(reward_option_table, &t->rm, name + 3, value, &err);
    else if (strncmp(name, "rl.", 3) == 0)
        status = option_set(rl_option_table, &t->rl, name + 3, value, &err);
    else
        status = option_set(world_option_table, &t->world, name, value, &err);
    if (status != 0)
        die(word, &err);
}

int main(int argc, char **argv)
{
    struct reward_pairs pairs = {0}, held_out = {0};
    struct trial t = {.preset = "models/pocket-s.yaml", .duels = 500};
    struct reward_model *model;

    options_init(world_option_table, &t.world);
    options_init(sft_option_table, &t.sft);
    options_init(reward_option_table, &t.rm);
    options_init(rl_option_table, &t.rl);
    t.world.posts = 24000;
    for (int i = 1; i < argc; i++)
        set(&t, argv[i]);
    t.begun = clock_seconds();
    t.pool = pool_new(2);
    make_vocabulary(&t);
    make_posts(&t);
    t.duels = t.duels < t.posts[WORLD_TEST].n ? t.duels : t.posts[WORLD_TEST].n;
    run_sft(&t);
    model = run_reward(&t, &pairs, &held_out);
    run_rl(&t, model);
    duel(&t, t.policy, t.start, "policy against SFT");
    duel(&t, t.start, t.start, "SFT against itself");
    return 0;
}
