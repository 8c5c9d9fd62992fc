/* The table of training's figures. Formulas: as src/train computes them. */
#include "src/store/run_metrics.h"

#include <string.h>

#define HIGH BETTER_HIGHER
#define LOW BETTER_LOWER
#define NONE BETTER_NEITHER

const struct run_metric run_metric_table[] = {
    /* ---- all stages ---- */
    {"loss", "nats", LOW,
     "mean loss of the batch: of a response token, or of a pair with its label",
     "SFT: cross-entropy of the response tokens. Reward model: cross-entropy with the "
     "soft label, "
     "so it cannot reach 0; read loss_excess."},
    {"lr", "1", NONE, "learning rate of the step",
     "What warm-up and schedule make of lr=."},
    {"grad_norm", "1", NONE, "sqrt(sum of squares of all gradients) before clipping",
     "A spike says that a batch was unusual; a rise over many steps says that the run is "
     "leaving "
     "its stable range."},
    {"epoch", "1", NONE, "examples seen / examples there are",
     "Passes over the data so far."},
    /* ---- SFT ---- */
    {"mean_token_accuracy", "share", HIGH,
     "response tokens that are the model's most likely one",
     "Rises long after the text is good; it rewards the reference's wording."},
    {"entropy", "nats", NONE,
     "-sum over the vocabulary of p ln p, mean over response tokens",
     "How undecided the model is. Near 0 all samples are alike."},
    {"num_tokens", "tokens", NONE, "response tokens learned from so far",
     "Prompt tokens are read but not learned, and not counted."},
    /* ---- reward model ---- */
    {"loss_excess", "nats", LOW,
     "loss - H(p), H(p) = -p ln p - (1 - p) ln(1 - p) of the labels",
     "What is above the least loss that soft labels allow. 0 is perfect. Losses of runs "
     "with "
     "different labels can be compared by it."},
    {"accuracy", "share", HIGH, "pairs whose higher score is the label's choice",
     "On what is being learned. Labels of exactly 1/2 are left out. Read eval_accuracy."},
    {"margin", "1", HIGH, "score of the label's choice - score of the other",
     "Grows when the model grows sure, right or wrong."},
    {"mean_reward", "1", NONE, "mean of all scores",
     "Scores have no zero of their own until they "
     "are normalised."},
    {"min_reward", "1", NONE, "least score of the batch", "Outliers here end up in RL."},
    {"max_reward", "1", NONE, "largest score of the batch",
     "Outliers here end up in RL."},
    {"num_pairs", "pairs", NONE, "pairs learned from so far", "Repeats count again."},
    /* ---- held-out data ---- */
    {"eval_loss", "nats", LOW, "loss on held-out data",
     "When it turns up while loss falls, the run has begun to learn by heart."},
    {"eval_mean_token_accuracy", "share", HIGH, "mean_token_accuracy on held-out data",
     "See mean_token_accuracy."},
    {"eval_entropy", "nats", NONE, "entropy on held-out data", "See entropy."},
    {"eval_num_tokens", "tokens", NONE, "held-out response tokens",
     "What the held-out means are over."},
    {"eval_loss_excess", "nats", LOW, "loss_excess on held-out pairs",
     "See loss_excess."},
    {"eval_accuracy", "share", HIGH,
     "held-out pairs whose higher score is the label's choice",
     "Compare it with eval_longer_baseline: a reward model that is not above it may have "
     "learned "
     "length alone."},
    {"eval_margin", "1", HIGH, "margin on held-out pairs", "See margin."},
    {"eval_ece", "share", LOW,
     "sum over tenths of n/N * |mean probability - share right|",
     "Expected calibration error. 0: when it says 80 % it is right in 80 %."},
    {"eval_brier", "1", LOW, "mean of (P(a) - y)^2, y = 1 if a is preferred",
     "0 is perfect; always saying 50 % gives 0.25."},
    {"eval_accuracy_longer", "share", HIGH,
     "eval_accuracy where the longer response is preferred",
     "Far above eval_accuracy_shorter: the model pays for length."},
    {"eval_accuracy_shorter", "share", HIGH,
     "eval_accuracy where the shorter response is preferred",
     "Below 50 %: the model takes the longer one even where people did not."},
    {"eval_longer_baseline", "share", NONE,
     "accuracy of always taking the longer response",
     "Costs nothing; what a reward model must beat."},
    {"eval_mean_reward", "1", NONE, "mean of all scores of held-out pairs",
     "See mean_reward."},
    {"eval_rouge1", "share", HIGH,
     "ROUGE-1 F: single words shared by sample and reference",
     "Likeness to one reference, not quality."},
    {"eval_rouge2", "share", HIGH,
     "ROUGE-2 F: pairs of words shared by sample and reference",
     "Likeness to one reference, not quality."},
    {"eval_rougeL", "share", HIGH, "ROUGE-L F: longest common subsequence of words",
     "Likeness to one reference, not quality."},
    {"eval_mean_length", "tokens", NONE, "mean length of samples",
     "A score that rises with it may be paying for length."},
    {"eval_gold", "1", HIGH, "gold score of samples, where the world has one",
     "It rates and plots only; nothing learns from it. Falls while objective/scores "
     "rises: the "
     "policy has found what the reward model gets wrong."},
    {"eval_win_rate", "share", HIGH, "(wins + ties / 2) / comparisons",
     "50 % is no better than what it is compared with."},
    /* ---- RL ---- */
    {"objective/kl", "nats", LOW,
     "sum over response tokens of ln p - ln p_ref, mean over responses",
     "How far the policy has left its start, in the measure that the reward subtracts. "
     "Single "
     "responses may be below 0; the mean over many is not."},
    {"objective/kl_per_token", "nats", LOW,
     "sum over all tokens of ln p - ln p_ref / tokens",
     "objective/kl without the effect of length."},
    {"objective/kl_exact", "nats", LOW,
     "sum over tokens of sum over the vocabulary of p (ln p - ln p_ref), mean over "
     "responses",
     "The same mean as objective/kl with less noise; never below 0."},
    {"objective/kl_coef", "1", NONE, "beta",
     "Changes while running when beta is adaptive or set."},
    {"objective/entropy", "nats", NONE,
     "sum over response tokens of -ln p, mean over responses",
     "A fall to near 0 says that the policy always writes the same."},
    {"objective/scores", "1", HIGH, "mean score of the samples",
     "The proxy. That it rises does not say that the texts are better."},
    {"objective/scores_sd", "1", NONE, "standard deviation of the scores",
     "Near 0 there is nothing left to learn from."},
    {"objective/non_score_reward", "1", NONE, "-beta * KL of a response, mean",
     "What the distance from the start costs."},
    {"objective/rlhf_reward", "1", HIGH, "scaled score - beta KL, mean over responses",
     "What RL maximises."},
    {"objective/win_rate_vs_sft", "share", HIGH,
     "(wins + ties / 2) / comparisons with the start",
     "The figure that counts. 50 % is no gain."},
    {"objective/length_ratio", "1", NONE, "mean length / mean length of the first update",
     "Above 1.2 or so: ask whether the reward pays for length."},
    {"policy/approxkl_avg", "nats", NONE,
     "mean of (r - 1) - ln r, r = new / old probability of a token",
     "How far one update moves. Spikes ask for a lower learning rate."},
    {"policy/clipfrac_avg", "share", NONE, "tokens whose ratio is clipped and counts",
     "Above 0.2 or so the updates are too large."},
    {"policy/entropy_avg", "nats", NONE,
     "-sum over the vocabulary of p ln p, mean over tokens",
     "Exact, a token; see objective/entropy."},
    {"loss/policy_avg", "1", NONE, "policy loss, mean over minibatches",
     "Says little: its size is that of the advantages. It need not fall."},
    {"loss/value_avg", "1", LOW, "mean of (value - return)^2 / 2, mean over minibatches",
     "Grows with the scores; read val/var_explained."},
    {"val/clipfrac_avg", "share", NONE, "values whose clipped loss counts",
     "Above 0 only where value clipping is on."},
    {"val/ratio", "1", NONE, "new / old probability, mean over tokens and minibatches",
     "1 in the first minibatch, near 1 afterwards."},
    {"val/ratio_var", "1", NONE, "variance of the ratio over tokens and minibatches",
     "Grows when one rollout is used for too many updates."},
    {"val/num_eos_tokens", "tokens", NONE, "end tokens in the rollout",
     "Less than the number of responses: some were cut."},
    {"val/eos_fraction", "share", HIGH, "responses that ended by themselves",
     "A fall says that the policy has learned to write on."},
    {"val/var_explained", "share", HIGH, "1 - Var(returns - values) / Var(returns)",
     "1: the value network knows the return. 0 or less: it explains nothing, and the "
     "baseline "
     "only adds noise."},
    {"val/first_ratio_off", "1", LOW, "largest |ratio - 1| of the first minibatch",
     "0 when rollout and learning compute the same model. Anything else is a fault."},
    {"value_lr", "1", NONE, "learning rate of the value network", "See lr."},
    {"value_grad_norm", "1", NONE, "grad_norm of the value network", "See grad_norm."},
    {"eps", "1/s", HIGH, "episodes a second", "One episode is one response."},
    {"episode", "episodes", NONE, "responses sampled so far", "The usual x axis of RL."},
    {"completions/mean_length", "tokens", NONE,
     "mean response length, end token included",
     "Rises with the score: ask whether the reward pays for length."},
    {"completions/clipped_ratio", "share", LOW, "responses cut at max_new tokens",
     "Cut responses have no end token; their score is of half a text."},
    /* ---- labels made in a run ---- */
    {"label/agreement", "share", HIGH, "agreement of the labels with the reference",
     "As `agreement`, on the pairs that the run labelled."},
    {"label/same_position_rate", "share", LOW,
     "pairs with the same slot chosen in both orders",
     "As `same_position_rate`, on the pairs that the run labelled."},
    {"label/first_slot_rate", "share", NONE,
     "verdicts for the response shown first / verdicts",
     "Far from 50 % the labeler follows the slot."},
    {"label/mean_confidence", "share", NONE, "mean of max(p_a, 1 - p_a)",
     "How hard the soft labels are; 50 % says nothing, 100 % is a hard label."},
    {"label/failures", "pairs", LOW, "pairs without a label because an order failed",
     "Left out of training and counted; never guessed."},
    {NULL, NULL, NONE, NULL, NULL},
};

const struct run_metric *run_metric_find(const char *name)
{
    for (const struct run_metric *metric = run_metric_table; metric->name; metric++)
        if (strcmp(metric->name, name) == 0)
            return metric;
    return NULL;
}

json_t *run_metric_json(const struct run_metric *metric)
{
    return json_pack("{ss ss ss ss ss ss ss}", "command", "explain", "metric", metric->name,
                     "shown_by", "plot RUN", "unit", metric->unit, "better",
                     metric_better_name(metric->better), "formula", metric->formula, "text",
                     metric->text);
}
