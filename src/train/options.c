/* What can be chosen of each stage: one table a stage. */
#include "src/train/option_rows.h"
#include "src/train/policy.h"
#include "src/train/reward.h"
#include "src/train/sft.h"

#define ROW_INT(type, field, min, max, value, text)                                                \
    {#field, OPTION_INT, offsetof(type, field), min, max, NULL, value, text}
#define ROW_REAL(type, field, min, max, value, text)                                               \
    {#field, OPTION_REAL, offsetof(type, field), min, max, NULL, value, text}
#define ROW_BOOL(type, field, value, text)                                                         \
    {#field, OPTION_BOOL, offsetof(type, field), 0, 0, NULL, value, text}
#define ROW_CHOICE(type, field, choices, value, text)                                              \
    {#field, OPTION_CHOICE, offsetof(type, field), 0, 0, choices, value, text}
#define ROW_TEXT(type, field, value, text)                                                         \
    {#field, OPTION_TEXT, offsetof(type, field), 0, 0, NULL, value, text}
/* What the stages have in common besides the optimiser. */
#define ROWS_RUN(type)                                                                             \
    ROW_INT(type, shards, 1, 256, "4",                                                             \
            "parts of a batch whose gradients are added in a fixed order; fixed for a run"),       \
        ROW_INT(type, seed, 0, INFINITY, "1", "of the data's order, new weights and samples"),     \
        ROW_INT(type, eval_every, 0, INFINITY, "50",                                               \
                "steps between two evaluations; 0: none but at the end"),                          \
        ROW_INT(type, save_every, 0, INFINITY, "100", "steps between two checkpoints"),            \
        ROW_INT(type, keep, 1, 1000, "4", "checkpoints that stay, beside the best")

const struct option sft_option_table[] = {
    ROW_TEXT(struct sft_options, preset, "pocket-s", "shape of a new model"),
    ROW_TEXT(struct sft_options, from, "",
             "run or model to start from instead of a new one"),
    ROW_INT(struct sft_options, steps, 1, INFINITY, "2000", "updates"),
    ROW_INT(struct sft_options, batch, 1, 65536, "64", "examples an update"),
    ROW_INT(struct sft_options, max_prompt, 1, INFINITY, "512",
            "tokens of a prompt; a longer one loses whole lines from its end"),
    ROW_INT(struct sft_options, max_tokens, 1, INFINITY, "64",
            "tokens of a response; longer ones are cut"),
    OPTIMISER_ROWS(struct sft_options, "0.003", "1e-8", "cosine"),
    ROWS_RUN(struct sft_options),
    OPTION_END,
};

const struct option reward_option_table[] = {
    ROW_TEXT(struct reward_options, from, "",
             "run or model whose layers it starts from; empty: a new one"),
    ROW_TEXT(struct reward_options, preset, "pocket-s", "shape of a new model"),
    ROW_REAL(struct reward_options, epochs, 0, 1000, "2", "passes over the pairs"),
    ROW_INT(struct reward_options, steps, 0, INFINITY, "0", "updates; 0: by epochs"),
    ROW_INT(struct reward_options, batch, 1, 65536, "32", "pairs an update"),
    ROW_BOOL(struct reward_options, hard, "false", "round each label to 0 or 1"),
    ROW_REAL(struct reward_options, margin, 0, 100, "0",
             "taken from the score difference inside the sigmoid"),
    ROW_REAL(struct reward_options, centering, 0, 100, "0.01",
             "weight of (score a + score b)^2, which keeps scores about 0"),
    ROW_INT(struct reward_options, patience, 0, 1000, "0",
            "evaluations without a better loss that end training; 0: never"),
    ROW_REAL(struct reward_options, min_delta, 0, 10, "0", "what counts as better"),
    ROW_CHOICE(struct reward_options, normalise, "none|mean|standard", "mean",
               "scores of the references: as they are, mean 0, mean 0 and deviation 1"),
    ROW_INT(struct reward_options, ensemble, 1, 16, "1",
            "reward models, with seeds seed, seed + 1, .."),
    ROW_CHOICE(struct reward_options, combine, "mean|min|lower", "mean",
               "one score of several: mean, least, mean - ensemble_c deviations"),
    ROW_REAL(struct reward_options, ensemble_c, 0, 100, "1", "for combine=lower"),
    ROW_INT(struct reward_options, frozen, 0, 1000, "0",
            "lower layers that do not learn; their output is computed once"),
    ROW_INT(struct reward_options, max_prompt, 1, INFINITY, "1024", "tokens of a prompt"),
    ROW_INT(struct reward_options, max_tokens, 1, INFINITY, "128",
            "tokens of a response"),
    OPTIMISER_ROWS(struct reward_options, "0.0005", "1e-8", "cosine"),
    ROWS_RUN(struct reward_options),
    OPTION_END,
};

const struct option rl_option_table[] = {
    ROW_TEXT(struct rl_options, from, "",
             "run whose policy is the start and the reference"),
    ROW_TEXT(struct rl_options, reward, "",
             "what scores: RUN of a reward model, direct, likelihood, length, or a sum"),
    ROW_CHOICE(struct rl_options, algorithm, "reinforce|a2c|ppo|rloo|grpo", "reinforce",
               "reinforce (the paper's, with a learned value as baseline), a2c, ppo, "
               "rloo, grpo"),
    ROW_REAL(struct rl_options, beta, 0, 1, "0.05", "weight of the KL to the reference"),
    ROW_CHOICE(struct rl_options, objective, "paper|plain", "paper",
               "(1 - beta) reward - beta KL, or reward - beta KL"),
    ROW_CHOICE(
        struct rl_options, kl, "reward|loss", "reward",
        "the KL a token in the reward (k1), or exact over the vocabulary in the loss"),
    ROW_BOOL(struct rl_options, adaptive, "false", "beta follows the KL to kl_target"),
    ROW_REAL(struct rl_options, kl_target, 1e-6, 1e6, "6",
             "nats a sequence, for adaptive"),
    ROW_REAL(struct rl_options, kl_horizon, 1, 1e12, "10000",
             "episodes in which beta may change by a fifth"),
    ROW_REAL(struct rl_options, temperature, 0.01, 10, "0.9",
             "of sampling, and of every log-prob of the objective"),
    ROW_INT(struct rl_options, max_tokens, 1, INFINITY, "32", "tokens of a response"),
    ROW_INT(struct rl_options, updates, 1, INFINITY, "200",
            "rollouts, each learned from"),
    ROW_INT(struct rl_options, batch, 1, 65536, "64", "episodes a rollout"),
    ROW_INT(struct rl_options, samples, 1, 1024, "1",
            "samples of each prompt; rloo and grpo need 2 or more"),
    ROW_INT(struct rl_options, epochs, 1, 64, "1",
            "passes over a rollout (ppo: 4 is usual)"),
    ROW_INT(struct rl_options, minibatches, 1, 1024, "1", "updates a pass"),
    ROW_REAL(struct rl_options, value_lr, 0, 10, "0.0003",
             "learning rate of the value network"),
    ROW_INT(struct rl_options, value_warmup, 0, INFINITY, "0",
            "first updates in which only the value learns"),
    ROW_REAL(struct rl_options, gamma, 0, 1, "1", "discount a token"),
    ROW_REAL(struct rl_options, lambda, 0, 1, "0.95",
             "of generalised advantages, for a2c and ppo"),
    ROW_REAL(struct rl_options, clip, 0, 10, "0.2",
             "largest change of the ratio that counts, for ppo"),
    ROW_REAL(struct rl_options, value_clip, 0, 1e6, "0",
             "largest change of a value that counts; 0: any"),
    ROW_REAL(struct rl_options, entropy, 0, 10, "0", "weight of an entropy bonus"),
    ROW_CHOICE(struct rl_options, whiten, "auto|off|on", "auto",
               "whiten advantages; auto: ppo only"),
    ROW_BOOL(struct rl_options, whiten_rewards, "false",
             "divide scores by their deviation; shortens responses"),
    ROW_REAL(struct rl_options, reward_clip, 0, 1e6, "0",
             "largest score that counts, either sign; 0: any"),
    ROW_REAL(struct rl_options, eos_penalty, 0, 1e6, "1",
             "taken from the score of a response that does not end"),
    ROW_BOOL(struct rl_options, exact_kl, "false", "measure the exact KL too"),
    ROW_REAL(struct rl_options, kl_limit, 0, 1e6, "25",
             "KL a sequence that raises an alarm; 0: none"),
    ROW_INT(struct rl_options, max_prompt, 1, INFINITY, "512", "tokens of a prompt"),
    OPTIMISER_ROWS(struct rl_options, "0.0002", "1e-5", "linear"),
    ROWS_RUN(struct rl_options),
    OPTION_END,
};
