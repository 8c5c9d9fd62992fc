/* What an update shows: metrics by the names of learning.md 4, and alarms in words. */
#include <math.h>

#include "models/returns.h"
#include "src/train/policy_impl.h"

#define BLIND_SHARE .05  /* values that explain less explain nothing */
#define BLIND_UPDATES 20
#define COLLAPSE .1      /* share of the first entropy */
#define ENDED_LEAST .5
#define LENGTH_GROWS 1.1

struct totals {
    double kl, exact, logprob, score, score_square, reward, length, ended;
};

static struct totals count(const struct rollout *rollout)
{
    struct totals sum = {0};

    for (size_t i = 0; i < rollout->n; i++) {
        const struct rollout_sample *sample = &rollout->samples[i];

        sum.kl += sample->kl;
        sum.exact += sample->kl_exact;
        sum.logprob += train_sum(sample->logprob, sample->n);
        sum.score += sample->score;
        sum.score_square += sample->score * sample->score;
        sum.reward += sample->reward;
        sum.length += (double)sample->n;
        sum.ended += sample->ended;
    }
    return sum;
}

static void report_objective(struct rl *rl, const struct rollout *rollout, const struct totals *sum,
                             struct train_metrics *metrics)
{
    double n = (double)rollout->n, mean = sum->score / n, kl = sum->kl / n;
    double scale = rl->options.objective == OBJECTIVE_PAPER ? 1 - rl->beta : 1;

    train_metrics_set(metrics, "objective/kl", kl);
    train_metrics_set(metrics, "objective/kl_per_token", sum->kl / sum->length);
    if (rl_needs_exact(&rl->options))
        train_metrics_set(metrics, "objective/kl_exact", sum->exact / n);
    train_metrics_set(metrics, "objective/kl_coef", rl->beta);
    train_metrics_set(metrics, "objective/entropy", -sum->logprob / n);
    train_metrics_set(metrics, "objective/scores", mean);
    train_metrics_set(metrics, "objective/scores_sd",
                      sqrt(fmax(0, sum->score_square / n - mean * mean)));
    train_metrics_set(metrics, "objective/non_score_reward", -rl->beta * kl);
    train_metrics_set(metrics, "objective/rlhf_reward", scale * sum->reward / n - rl->beta * kl);
    train_metrics_set(metrics, "objective/length_ratio", sum->length / n / rl->first_length);
    train_metrics_set(metrics, "completions/mean_length", sum->length / n);
    train_metrics_set(metrics, "completions/clipped_ratio", 1 - sum->ended / n);
    train_metrics_set(metrics, "val/num_eos_tokens", sum->ended);
    train_metrics_set(metrics, "val/eos_fraction", sum->ended / n);
}

static void report_learning(struct rl *rl, const struct rollout *rollout,
                            const struct rl_sums *sums, struct train_metrics *metrics)
{
    double n = (double)sums->tokens, passes = (double)sums->policy_passes, ratio;

    if (sums->policy_passes) {
        ratio = sums->ratio / n;
        train_metrics_set(metrics, "loss/policy_avg", sums->policy_loss / passes);
        train_metrics_set(metrics, "policy/approxkl_avg", sums->k3 / n);
        train_metrics_set(metrics, "val/ratio", ratio);
        train_metrics_set(metrics, "val/ratio_var",
                          fmax(0, sums->ratio_square / n - ratio * ratio));
        train_metrics_set(metrics, "val/first_ratio_off", sums->ratio_off);
        train_metrics_set(metrics, "lr", sums->lr);
        train_metrics_set(metrics, "grad_norm", sums->policy_norm);
        if (rl->options.algorithm == RL_PPO)
            train_metrics_set(metrics, "policy/clipfrac_avg", sums->clipped / n);
    }
    if (rl->parts.value) {
        train_metrics_set(metrics, "loss/value_avg",
                          sums->value_loss / (double)sums->value_passes);
        train_metrics_set(metrics, "value_lr", sums->value_lr);
        train_metrics_set(metrics, "value_grad_norm", sums->value_norm);
        train_metrics_set(metrics, "val/var_explained",
                          explained_variance(rollout_column(rollout, COLUMN_RETURNS),
                                             rollout_column(rollout, COLUMN_VALUES),
                                             rollout->n_tokens));
        if (rl->options.value_clip > 0)
            train_metrics_set(metrics, "val/clipfrac_avg",
                              sums->value_clipped / (double)sums->value_tokens);
    }
}

void rl_report(struct rl *rl, const struct rollout *rollout, const struct rl_sums *sums,
               double seconds, struct train_metrics *metrics)
{
    struct totals sum = count(rollout);
    double entropy = train_sum(rollout_column(rollout, COLUMN_ENTROPY), rollout->n_tokens) /
                     (double)rollout->n_tokens;

    rl->length = sum.length / (double)rollout->n;
    if (isnan(rl->first_length)) {
        rl->first_length = rl->length;
        rl->first_entropy = entropy;
    }
    report_objective(rl, rollout, &sum, metrics);
    report_learning(rl, rollout, sums, metrics);
    train_metrics_set(metrics, "policy/entropy_avg", entropy);
    train_metrics_set(metrics, "episode", (double)(rl->episodes + (int64_t)rollout->n));
    train_metrics_set(metrics, "eps", (double)rollout->n / seconds);
}

void rl_watch(struct rl *rl, const struct train_metrics *metrics, struct train_alarms *alarms)
{
    double kl = train_metrics_get(metrics, "objective/kl");
    double entropy = train_metrics_get(metrics, "policy/entropy_avg");
    double ended = train_metrics_get(metrics, "val/eos_fraction");
    double explained = train_metrics_get(metrics, "val/var_explained");

    if (rl->options.kl_limit > 0 && kl > rl->options.kl_limit)
        train_alarm(alarms, "kl", "KL %.3g nats is over its limit of %.3g", kl,
                    rl->options.kl_limit);
    if (entropy < COLLAPSE * rl->first_entropy)
        train_alarm(alarms, "entropy",
                    "entropy fell from %.3g to %.3g nats a token: samples are nearly alike",
                    rl->first_entropy, entropy);
    if (ended < ENDED_LEAST)
        train_alarm(alarms, "eos", "only %.0f %% of the responses end by themselves", 100 * ended);
    if (!rl->parts.value)
        return;
    rl->blind = explained < BLIND_SHARE ? rl->blind + 1 : 0;
    if (rl->blind >= BLIND_UPDATES)
        train_alarm(alarms, "value",
                    "the value has explained nothing for %lld updates (%.2f of the variance)",
                    (long long)rl->blind, explained);
}

void rl_judged(struct rl *rl, double win_rate, struct train_alarms *alarms)
{
    if (rl->length > LENGTH_GROWS * rl->judged_length && win_rate <= rl->judged_win)
        train_alarm(alarms, "length",
                    "responses grew from %.1f to %.1f tokens, the win rate did not (%.0f "
                    "to %.0f %%)",
                    rl->judged_length, rl->length, 100 * rl->judged_win, 100 * win_rate);
    rl->judged_length = rl->length;
    rl->judged_win = win_rate;
}
