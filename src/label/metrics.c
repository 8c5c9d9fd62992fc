/* The table of metrics and what reads it. */
#include "src/label/metrics.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

#define A(field) METRIC_AGREEMENT, METRIC_REAL, offsetof(struct stats_agreement, field)
#define A_COUNT(field) METRIC_AGREEMENT, METRIC_COUNT, offsetof(struct stats_agreement, field)
#define B(field) METRIC_BIAS, METRIC_REAL, offsetof(struct stats_bias, field)
#define B_COUNT(field) METRIC_BIAS, METRIC_COUNT, offsetof(struct stats_bias, field)
#define C(field) METRIC_COMPARE, METRIC_REAL, offsetof(struct stats_compare, field)
#define C_COUNT(field) METRIC_COMPARE, METRIC_COUNT, offsetof(struct stats_compare, field)

const struct metric metric_table[] = {
    /* ---- show agreement ---- */
    {"agreement", A(agreement), "share", BETTER_HIGHER,
     "(pairs whose verdict is the reference + halves / 2) / used pairs",
     "The verdict comes from both orders: p_a is the mean of P(A) with A first and with "
     "B first. "
     "Half of all pairs are right by chance. Read it beside the same-position rate: a "
     "labeler that "
     "follows the slot agrees in about 50 %."},
    {"used", A_COUNT(used), "pairs", BETTER_HIGHER,
     "judged pairs with a reference a or b and a label",
     "Ties, pairs without a majority, identical responses and failed answers are left "
     "out and "
     "counted apart."},
    {"n", A_COUNT(n), "pairs", BETTER_NEITHER,
     "used + left out, without pairs that nobody rated",
     "The pairs that the labeler was asked about and that have raters."},
    {"half", A_COUNT(half), "pairs", BETTER_LOWER, "used pairs with p_a exactly 1/2",
     "Each counts as half right. Judges that answer in words give many: the two orders "
     "name "
     "different responses."},
    {"no_label", A_COUNT(left_out.no_label), "pairs", BETTER_LOWER,
     "pairs with a reference where an order failed or could not be read",
     "A failure is never guessed and never counted as a verdict."},
    {"cluster_se", A(cluster_se), "share", BETTER_LOWER,
     "sqrt(C/(C-1) * sum over contexts of (sum of residuals)^2) / n",
     "Standard error of the agreement. Pairs with the same context are not independent, "
     "so they "
     "count as one cluster. With fewer than 15 contexts it is too small."},
    {"kappa", A(kappa), "1", BETTER_HIGHER,
     "(po - pe) / (1 - pe) over used pairs that are not half",
     "Cohen's kappa: agreement beyond what the two shares of a and b give by chance. 0 "
     "is chance, "
     "1 is perfect. Cannot be said when both always choose the same."},
    {"pabak", A(pabak), "1", BETTER_HIGHER, "2 po - 1",
     "Kappa as it would be with even shares. Where it is far from kappa the classes are "
     "uneven."},
    {"order_ab", A(order[0].agreement), "share", BETTER_HIGHER,
     "agreement of the verdicts with A first, on the used pairs",
     "What you would have got by asking once. Compare it with agreement and order_ba."},
    {"order_ba", A(order[1].agreement), "share", BETTER_HIGHER,
     "agreement of the verdicts with B first, on the used pairs",
     "What you would have got by asking once, the other way round."},
    {"with_each_rater", A(with_each_rater), "share", BETTER_HIGHER,
     "mean over pairs of the share of raters that chose the verdict",
     "Lower than agreement where raters differ among themselves."},
    {"human_ceiling", A(human_ceiling), "share", BETTER_NEITHER,
     "votes that equal the class with strictly the most votes among the pair's other "
     "raters",
     "How far a rater agrees with the rest: more than this cannot be asked of a labeler. "
     "Needs "
     "several raters a pair."},
    {"baseline.longer_chars", A(baselines.longer_chars), "share", BETTER_NEITHER,
     "agreement of always taking the response with more characters",
     "Costs nothing. A labeler that is not above it may have learned nothing but "
     "length."},
    {"baseline.longer_words", A(baselines.longer_words), "share", BETTER_NEITHER,
     "agreement of always taking the response with more words", "The same, by words."},
    {"baseline.always_a", A(baselines.always_a), "share", BETTER_NEITHER,
     "share of references that are a",
     "Far from 50 % the file's own order carries the answer."},
    {"over_longer", A(over_longer), "share", BETTER_HIGHER,
     "mean over pairs of hit - hit of taking the longer",
     "The labeler against the longer-is-better rule on the same pairs."},
    {"ece", A(calibration.ece), "share", BETTER_LOWER,
     "sum over 10 bins of equal mass of n/N * |mean confidence - mean hit|",
     "Expected calibration error of max(p_a, 1 - p_a). 0: when it says 80 % it is right "
     "in 80 %."},
    {"brier", A(calibration.brier), "1", BETTER_LOWER,
     "mean of (p_a - y)^2, y = 1 if a is preferred",
     "0 is perfect; always saying 50 % gives 0.25, so above 0.25 the probabilities do "
     "harm."},
    {"nll", A(calibration.nll), "nats", BETTER_LOWER, "mean of -ln P(reference)",
     "Log loss. Always saying 50 % gives 0.693. One sure mistake costs much."},
    {"mdd_80", A(mdd_80), "share", BETTER_LOWER, "(z_.975 + z_.8) * standard error",
     "The smallest difference that would be seen in 80 % of cases at the 5 % level. No "
     "difference "
     "seen does not mean the same."},
    /* ---- show bias ---- */
    {"same_position_rate", B(position.same_position_rate), "share", BETTER_LOWER,
     "pairs with the same slot in both orders / pairs decided in both orders",
     "0 for a labeler that reads, 1 for one that follows the slot; chance gives 50 %. "
     "Published "
     "figures often divide by all pairs."},
    {"primacy_p", B(position.primacy_p), "p", BETTER_NEITHER,
     "exact two-sided binomial of first out of first + second against 1/2",
     "Small: the same-position pairs lean to one slot, so it is a bias and not "
     "indecision."},
    {"first", B_COUNT(position.first), "pairs", BETTER_LOWER,
     "pairs with slot 1 in both orders", "Primacy."},
    {"second", B_COUNT(position.second), "pairs", BETTER_LOWER,
     "pairs with slot 2 in both orders", "Recency."},
    {"decisive", B_COUNT(position.decisive), "pairs", BETTER_HIGHER,
     "pairs with slot 1 or 2 in both orders",
     "The denominator of the same-position rate."},
    {"first_pick_rate", B(position.first_pick_rate), "share", BETTER_NEITHER,
     "slot 1 / decisive calls",
     "50 % is fair. Moves half as much as the lean of the pairs."},
    {"pull_mean", B(position.pull_mean), "share", BETTER_ZERO,
     "mean of P(A | A first) - P(A | A second)",
     "The mean push of slot 1 in probability, + for slot 1. Moves before any verdict "
     "flips, so it "
     "is the meter to watch while editing."},
    {"pull_median", B(position.pull_median), "share", BETTER_ZERO,
     "median of P(A | A first) - P(A | A second)",
     "As pull_mean, deaf to a few odd pairs."},
    {"soft_gap", B(position.soft_gap), "share", BETTER_LOWER, "mean of |pull|",
     "Size of the dependence on the order, whatever its direction."},
    {"kappa_orders", B(position.kappa_orders), "1", BETTER_HIGHER,
     "Cohen's kappa of the winners of both orders",
     "1: the order does not matter. 0: as by chance."},
    {"bpde_mean", B(position.bpde_mean), "nats", BETTER_LOWER,
     "mean entropy of win, tie, lose over the verdicts of a pair",
     "Which pairs a person should look at first: those with the most entropy."},
    {"both_correct", B_COUNT(published.both), "pairs", BETTER_HIGHER,
     "pairs right in both orders",
     "The strict count that some published tables call accuracy."},
    {"neither_correct", B_COUNT(published.neither), "pairs", BETTER_LOWER,
     "pairs wrong in both orders", "A failed or tied order counts as wrong here."},
    {"average_of_orders", B(published.average), "share", BETTER_HIGHER,
     "(right with A first + right with B first) / 2n",
     "The accuracy of most published tables."},
    {"counter_correct", B_COUNT(published.counter_correct), "pairs", BETTER_HIGHER,
     "pairs with more right orders than wrong ones",
     "Right +1, wrong -1, tie or failure 0."},
    {"prefers_longer", B(length.prefers_longer), "share", BETTER_NEITHER,
     "share of pairs where the labeler takes the response with more characters",
     "Read it beside human_prefers_longer on the same pairs."},
    {"human_prefers_longer", B(length.human_prefers_longer), "share", BETTER_NEITHER,
     "share of the same pairs where the reference is the longer",
     "Often above 50 %: longer may be better."},
    {"verbosity_gap", B(length.verbosity_gap), "share", BETTER_ZERO,
     "agreement where the reference is the longer - where it is the shorter",
     "0 is fair, above 0 the labeler favours long responses more than the raters do."},
    /* ---- compare ---- */
    {"diff", C(diff), "share", BETTER_HIGHER,
     "mean over pairs used in both of hit(to) - hit(from)",
     "Paired, so it sees differences that two separate intervals hide."},
    {"fixed", C_COUNT(n_fixed), "pairs", BETTER_HIGHER, "pairs with hit(to) > hit(from)",
     "What the new version gained."},
    {"broke", C_COUNT(n_broke), "pairs", BETTER_LOWER, "pairs with hit(to) < hit(from)",
     "What the new version lost. A gain that breaks much is worth a look."},
    {"mcnemar_exact", C(mcnemar.exact_p), "p", BETTER_NEITHER,
     "min(1, 2 P(X <= min(b, c))), X ~ Bin(b + c, 1/2)",
     "How often chance alone would give so uneven a split of the changed verdicts."},
    {"mcnemar_midp", C(mcnemar.mid_p), "p", BETTER_NEITHER, "2 P(X <= min) - P(X = min)",
     "As mcnemar_exact, less cautious."},
    {"holm", C(holm), "p", BETTER_NEITHER,
     "mcnemar_exact, adjusted over all comparisons on the set",
     "Every version tried is another chance to be lucky. This one pays for them."},
    {NULL, METRIC_AGREEMENT, METRIC_REAL, 0, NULL, BETTER_NEITHER, NULL, NULL},
};

const char *metric_better_name(enum metric_better better)
{
    switch (better) {
    case BETTER_HIGHER: return "higher";
    case BETTER_LOWER: return "lower";
    case BETTER_ZERO: return "near 0";
    case BETTER_NEITHER: break;
    }
    return "neither";
}

const char *metric_of_command(enum metric_of of)
{
    switch (of) {
    case METRIC_AGREEMENT: return "show agreement";
    case METRIC_BIAS: return "show bias";
    case METRIC_COMPARE: break;
    }
    return "compare";
}

const struct metric *metric_find(const char *name, struct error *err)
{
    const char *names[sizeof metric_table / sizeof *metric_table];
    size_t n = 0;
    for (const struct metric *metric = metric_table; metric->name != NULL; metric++) {
        if (strcmp(metric->name, name) == 0)
            return metric;
        names[n++] = metric->name;
    }
    const char *nearest = text_nearest(name, names, n);
    error_set(err, ERROR_USAGE, "there is no metric \"%.60s\"", name);
    if (nearest != NULL)
        error_hint(err, "did you mean %s?", nearest);
    else
        error_hint(err, "list metrics names them all");
    return NULL;
}

double metric_value(const struct metric *metric, const struct stats_agreement *agreement,
                    const struct stats_bias *bias, const struct stats_compare *compare)
{
    const void *from[] = { agreement, bias, compare };
    const char *at = from[metric->of];
    if (at == NULL)
        return NAN;
    if (metric->type == METRIC_COUNT) {
        size_t count;
        memcpy(&count, at + metric->offset, sizeof count);
        return (double)count;
    }
    double value;
    memcpy(&value, at + metric->offset, sizeof value);
    return value;
}

int metric_test(double value, const char *op, double number, struct error *err)
{
    if (strcmp(op, "<") == 0)
        return value < number;
    if (strcmp(op, "<=") == 0)
        return value <= number;
    if (strcmp(op, ">") == 0)
        return value > number;
    if (strcmp(op, ">=") == 0)
        return value >= number;
    if (strcmp(op, "=") == 0 || strcmp(op, "==") == 0)
        return value == number;
    if (strcmp(op, "!=") == 0)
        return !isnan(value) && value != number;
    error_set(err, ERROR_USAGE, "\"%.20s\" is no comparison", op);
    return error_hint(err, "use one of < <= > >= = !=");
}

json_t *metric_json(const struct metric *metric)
{
    json_t *out = json_object();
    json_object_set_new(out, "command", json_string("explain"));
    json_object_set_new(out, "metric", json_string(metric->name));
    json_object_set_new(out, "shown_by", json_string(metric_of_command(metric->of)));
    json_object_set_new(out, "unit", json_string(metric->unit));
    json_object_set_new(out, "better", json_string(metric_better_name(metric->better)));
    json_object_set_new(out, "formula", json_string(metric->formula));
    json_object_set_new(out, "text", json_string(metric->text));
    return out;
}

json_t *metric_list_json(void)
{
    json_t *out = json_object(), *list = json_array();
    json_object_set_new(out, "command", json_string("list metrics"));
    for (const struct metric *metric = metric_table; metric->name != NULL; metric++) {
        json_t *row = json_object();
        json_object_set_new(row, "metric", json_string(metric->name));
        json_object_set_new(row, "shown_by", json_string(metric_of_command(metric->of)));
        json_object_set_new(row, "unit", json_string(metric->unit));
        json_object_set_new(row, "better", json_string(metric_better_name(metric->better)));
        json_object_set_new(row, "formula", json_string(metric->formula));
        json_array_append_new(list, row);
    }
    json_object_set_new(out, "metrics", list);
    return out;
}

static const char *get(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

void metric_print(const json_t *answer, struct buf *out)
{
    buf_addf(out, "%s  (%s; better: %s; shown by: %s)\n", get(answer, "metric"),
             get(answer, "unit"), get(answer, "better"), get(answer, "shown_by"));
    buf_addf(out, "  = %s\n", get(answer, "formula"));
    /* Whole words into lines of 88 columns. */
    const char *word = get(answer, "text");
    int column = 0;
    while (*word != '\0') {
        size_t len = strcspn(word, " ");
        if (column > 0 && column + 1 + (int)len > 86) {
            buf_addc(out, '\n');
            column = 0;
        }
        buf_adds(out, column == 0 ? "  " : " ");
        buf_add(out, word, len);
        column += (column > 0) + (int)len;
        word += len + (word[len] == ' ');
    }
    buf_addc(out, '\n');
}

void metric_list_print(const json_t *answer, struct buf *out)
{
    const json_t *list = json_object_get(answer, "metrics");
    const char *last = "";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(get(row, "shown_by"), last) != 0) {
            last = get(row, "shown_by");
            buf_addf(out, "%s%s\n", i > 0 ? "\n" : "", last);
        }
        buf_addf(out, "  %-22s %-6s %-8s %s\n", get(row, "metric"), get(row, "unit"),
                 get(row, "better"), get(row, "formula"));
    }
}
