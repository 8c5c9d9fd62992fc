/* The table of metrics, and small lists of them. */
#include "src/train/train.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct train_metric train_metric_table[] = {
    {"loss", "nats", BETTER_LOW,
     "mean loss of the batch: a response token's cross-entropy, or a pair's with its "
     "soft label"},
    {"mean_token_accuracy", "share", BETTER_HIGH,
     "response tokens that are the most likely one"},
    {"entropy", "nats", BETTER_NONE, "-sum p log p, mean over response tokens"},
    {"num_tokens", "", BETTER_NONE, "response tokens learned from so far"},
    {"lr", "", BETTER_NONE, "learning rate of this step"},
    {"grad_norm", "", BETTER_NONE, "length of the gradient before clipping"},
    {"epoch", "", BETTER_NONE, "passes over the data so far"},
    {"loss_excess", "nats", BETTER_LOW,
     "loss - H(p): what is above the least that soft labels allow"},
    {"accuracy", "share", BETTER_HIGH,
     "pairs whose higher score is the label's choice; labels of 1/2 left out"},
    {"margin", "", BETTER_HIGH, "score of the label's choice - the other's"},
    {"mean_reward", "", BETTER_NONE, "mean of all scores"},
    {"min_reward", "", BETTER_NONE, "least score"},
    {"max_reward", "", BETTER_NONE, "largest score"},
    {"num_pairs", "", BETTER_NONE, "pairs learned from so far"},
    {"eval_loss", "nats", BETTER_LOW, "loss on held-out data"},
    {"eval_mean_token_accuracy", "share", BETTER_HIGH,
     "mean_token_accuracy on held-out data"},
    {"eval_entropy", "nats", BETTER_NONE, "entropy on held-out data"},
    {"eval_num_tokens", "", BETTER_NONE, "held-out response tokens"},
    {"eval_loss_excess", "nats", BETTER_LOW, "loss_excess on held-out pairs"},
    {"eval_accuracy", "share", BETTER_HIGH, "accuracy on held-out pairs"},
    {"eval_margin", "", BETTER_HIGH, "margin on held-out pairs"},
    {"eval_ece", "share", BETTER_LOW,
     "mean gap between the model's probability and how often it is right, by tenths"},
    {"eval_brier", "", BETTER_LOW, "mean of (P(a) - 1 or 0)^2"},
    {"eval_accuracy_longer", "share", BETTER_HIGH,
     "accuracy where the label chose the longer response"},
    {"eval_accuracy_shorter", "share", BETTER_HIGH,
     "accuracy where the label chose the shorter response"},
    {"eval_longer_baseline", "share", BETTER_NONE,
     "accuracy of \"the longer is better\""},
    {"eval_mean_reward", "", BETTER_NONE, "mean of all scores of held-out pairs"},
    {"eval_rouge1", "", BETTER_HIGH, "ROUGE-1 F of samples against references"},
    {"eval_rouge2", "", BETTER_HIGH, "ROUGE-2 F of samples against references"},
    {"eval_rougeL", "", BETTER_HIGH, "ROUGE-L F of samples against references"},
    {"eval_mean_length", "tokens", BETTER_NONE, "mean length of samples"},
    {"eval_gold", "", BETTER_HIGH,
     "gold score of samples, where the world has one; it only rates"},
    {"eval_win_rate", "share", BETTER_HIGH, "win rate, ties a half"},
    {"objective/kl", "nats", BETTER_LOW,
     "sum over response tokens of log p - log p_ref, end token included, mean over "
     "sequences"},
    {"objective/kl_per_token", "nats", BETTER_LOW,
     "the same a token: sum over all tokens / number of tokens"},
    {"objective/kl_exact", "nats", BETTER_LOW,
     "sum over tokens of the KL over the whole vocabulary, mean over sequences"},
    {"objective/kl_coef", "", BETTER_NONE, "beta"},
    {"objective/entropy", "nats", BETTER_NONE,
     "sum of -log p of the sampled tokens, mean over sequences"},
    {"objective/scores", "", BETTER_HIGH, "mean score of the samples"},
    {"objective/scores_sd", "", BETTER_NONE, "standard deviation of the scores"},
    {"objective/non_score_reward", "", BETTER_NONE, "-beta KL a sequence, mean"},
    {"objective/rlhf_reward", "", BETTER_HIGH,
     "scaled score - beta KL, mean over sequences"},
    {"objective/win_rate_vs_sft", "share", BETTER_HIGH, "win rate against the start"},
    {"objective/length_ratio", "", BETTER_NONE,
     "mean length / mean length of the first update"},
    {"policy/approxkl_avg", "nats", BETTER_NONE,
     "k3 of new to old log-probs, mean over tokens and minibatches"},
    {"policy/clipfrac_avg", "share", BETTER_NONE, "tokens whose clipped term counts"},
    {"policy/entropy_avg", "nats", BETTER_NONE, "exact -sum p log p a token"},
    {"loss/policy_avg", "", BETTER_NONE, "policy loss, mean over minibatches"},
    {"loss/value_avg", "", BETTER_LOW, "value loss, mean over minibatches"},
    {"val/clipfrac_avg", "share", BETTER_NONE, "values whose clipped loss counts"},
    {"val/ratio", "", BETTER_NONE,
     "new / old probability, mean over tokens and minibatches"},
    {"val/ratio_var", "", BETTER_NONE,
     "variance of the ratio over tokens and minibatches"},
    {"val/num_eos_tokens", "", BETTER_NONE, "end tokens in the rollout"},
    {"val/eos_fraction", "share", BETTER_HIGH, "responses that ended"},
    {"val/var_explained", "share", BETTER_HIGH,
     "1 - Var(returns - values) / Var(returns)"},
    {"val/first_ratio_off", "", BETTER_LOW,
     "largest |ratio - 1| of the first minibatch: 0 when rollout and learning agree"},
    {"value_lr", "", BETTER_NONE, "learning rate of the value network"},
    {"value_grad_norm", "", BETTER_NONE,
     "length of the value's gradient before clipping"},
    {"eps", "1/s", BETTER_HIGH, "episodes a second"},
    {"episode", "", BETTER_NONE, "episodes so far"},
    {"completions/mean_length", "tokens", BETTER_NONE,
     "mean response length, end token included"},
    {"completions/clipped_ratio", "share", BETTER_LOW, "responses cut before they ended"},
    {NULL, NULL, BETTER_NONE, NULL},
};

const struct train_metric *train_metric_find(const char *name)
{
    for (const struct train_metric *row = train_metric_table; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

void train_metrics_set(struct train_metrics *metrics, const char *name, double value)
{
    const struct train_metric *row = train_metric_find(name);
    size_t i = 0;

    assert(row);
    while (i < metrics->n && strcmp(metrics->list[i].name, name) != 0)
        i++;
    if (i == TRAIN_METRICS_MAX)
        return;
    if (i == metrics->n)
        metrics->n++;
    metrics->list[i].name = row->name;
    metrics->list[i].value = value;
}

double train_metrics_get(const struct train_metrics *metrics, const char *name)
{
    for (size_t i = 0; i < metrics->n; i++)
        if (strcmp(metrics->list[i].name, name) == 0)
            return metrics->list[i].value;
    return NAN;
}

void train_alarm(struct train_alarms *alarms, const char *kind, const char *format, ...)
{
    struct train_alarm *alarm;
    va_list args;

    if (!alarms || alarms->n == TRAIN_ALARMS_MAX)
        return;
    alarm = &alarms->list[alarms->n++];
    alarm->kind = kind;
    va_start(args, format);
    vsnprintf(alarm->text, sizeof(alarm->text), format, args);
    va_end(args);
}
