#include "src/label/judged.h"

#include <math.h>
#include <string.h>

#include "src/label/stats_math.h"

/* Nearer to 1/2 than this is 1/2: rounding of a mean of probabilities, and of log-odds. */
#define HALF_EPSILON 1e-15
#define ODDS_EPSILON 1e-12

const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_A: return "a";
    case VERDICT_B: return "b";
    case VERDICT_HALF: return "half";
    case VERDICT_NONE: break;
    }
    return NULL;
}

static double slot_p_first(enum slot slot)
{
    switch (slot) {
    case SLOT_1: return 1;
    case SLOT_2: return 0;
    case SLOT_TIE: return .5;
    case SLOT_NONE: break;
    }
    return NAN;
}

static enum slot slot_of(double p_first)
{
    if (isnan(p_first))
        return SLOT_NONE;
    return fabs(p_first - .5) < HALF_EPSILON ? SLOT_TIE : p_first > .5 ? SLOT_1 : SLOT_2;
}

/*
 * ln P(slot 1) / P(slot 2) of a row. From the option log-probs where these are what p_first was
 * made of (either way round: a prompt that asks for the worse one turns its label), because p_first
 * itself has no digits left near 0 and 1.
 */
static double row_log_odds(const struct label *row)
{
    if (row->n_options == 2 && isfinite(row->logprobs[0]) && isfinite(row->logprobs[1])) {
        double odds = row->logprobs[0] - row->logprobs[1];
        if (fabs(stats_sigmoid(odds) - row->p_first) < 1e-9)
            return odds;
        if (fabs(stats_sigmoid(-odds) - row->p_first) < 1e-9)
            return -odds;
    }
    return stats_logit(row->p_first);
}

/* One order of a pairwise labeler: the mean distribution over the repeats that gave a label. */
struct order_mean {
    struct sum p, value;
    size_t n, n_p;
    double log_odds; /* of the only row; else from the mean */
    enum slot slot;
};

static void order_mean_add(struct order_mean *mean, const struct label *row)
{
    bool has_p = !isnan(row->p_first);
    if (row->error != NULL || (!has_p && row->slot == SLOT_NONE))
        return;
    mean->n++;
    mean->slot = row->slot;
    if (has_p) {
        mean->n_p++;
        mean->log_odds = row_log_odds(row);
    }
    sum_add(&mean->p, has_p ? row->p_first : slot_p_first(row->slot));
}

static void pairwise_make(struct judged *out, const struct label *const *rows, size_t n_rows,
                          bool one_order)
{
    struct order_mean mean[2] = { 0 };
    struct sum outside = { 0, 0 };
    size_t n_outside = 0;
    for (size_t i = 0; i < n_rows; i++) {
        out->asked[rows[i]->order] = true;
        order_mean_add(&mean[rows[i]->order], rows[i]);
        if (!isnan(rows[i]->outside)) {
            sum_add(&outside, rows[i]->outside);
            n_outside++;
        }
    }
    out->outside = stats_rate(sum_value(&outside), n_outside);

    double value[2] = { NAN, NAN }, log_odds[2] = { NAN, NAN };
    for (int o = 0; o < 2; o++) {
        const struct order_mean *m = &mean[o];
        if (m->n == 0)
            continue;
        value[o] = sum_value(&m->p) / (double)m->n;
        /* One published verdict is no distribution; several of them are. */
        bool known = m->n_p > 0 || m->n > 1;
        out->p_first[o] = known ? value[o] : NAN;
        out->slot[o] = known ? slot_of(value[o]) : m->slot;
        if (m->n_p > 0)
            log_odds[o] = m->n == 1 ? m->log_odds : stats_logit(value[o]);
    }

    double for_a[2] = { log_odds[0], -log_odds[1] };
    if (mean[0].n > 0 && mean[1].n > 0) {
        out->p_a = .5 + (value[0] - value[1]) / 2;
        if (!isnan(for_a[0]) && !isnan(for_a[1])) {
            double l = (for_a[0] + for_a[1]) / 2;
            out->p_a_logit = fabs(l) < ODDS_EPSILON ? .5 : stats_sigmoid(l);
        }
    } else if (one_order && out->asked[0] != out->asked[1]) {
        int o = out->asked[ORDER_AB] ? ORDER_AB : ORDER_BA;
        if (mean[o].n > 0) {
            out->p_a = o == ORDER_AB ? value[o] : 1 - value[o];
            if (!isnan(for_a[o]))
                out->p_a_logit = stats_sigmoid(for_a[o]);
        }
    }
}

static void pointwise_make(struct judged *out, const struct label *const *rows, size_t n_rows)
{
    out->pointwise = true;
    struct sum score[2] = { { 0, 0 }, { 0, 0 } }, outside = { 0, 0 };
    size_t n[2] = { 0, 0 }, n_outside = 0;
    for (size_t i = 0; i < n_rows; i++) {
        enum order which = rows[i]->order;
        out->asked[which] = true;
        if (rows[i]->error == NULL && !isnan(rows[i]->score)) {
            sum_add(&score[which], rows[i]->score);
            n[which]++;
        }
        if (!isnan(rows[i]->outside)) {
            sum_add(&outside, rows[i]->outside);
            n_outside++;
        }
    }
    out->outside = stats_rate(sum_value(&outside), n_outside);
    for (int which = 0; which < 2; which++)
        out->score[which] = stats_rate(sum_value(&score[which]), n[which]);
    if (n[0] > 0 && n[1] > 0) {
        double a = out->score[0], b = out->score[1];
        out->p_a = a > b ? 1 : a < b ? 0 : .5;
    }
}

static bool is_pointwise(const struct label *const *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        const char *name = rows[i]->labeler != NULL ? rows[i]->labeler : "";
        if (!isnan(rows[i]->score) || strncmp(name, "direct", 6) == 0 ||
            strncmp(name, "likelihood", 10) == 0)
            return true;
    }
    return false;
}

void judged_make(struct judged *out, const struct pair *pair, const struct label *const *rows,
                 size_t n_rows, bool one_order)
{
    memset(out, 0, sizeof *out);
    out->pair = pair;
    out->reference = pair_reference(pair);
    out->p_first[0] = out->p_first[1] = NAN;
    out->p_a = out->p_a_logit = out->outside = out->margin = NAN;
    out->score[0] = out->score[1] = NAN;
    if (is_pointwise(rows, n_rows))
        pointwise_make(out, rows, n_rows);
    else
        pairwise_make(out, rows, n_rows, one_order);
    if (isnan(out->p_a))
        return;
    if (fabs(out->p_a - .5) < HALF_EPSILON)
        out->p_a = .5;
    out->verdict = out->p_a > .5 ? VERDICT_A : out->p_a < .5 ? VERDICT_B : VERDICT_HALF;
    out->margin = fabs(2 * out->p_a - 1);
}
