#include "models/losses.h"

#include <math.h>

#include "models/learn_ops.h"

void loss_open(struct loss_row *row, const struct logits *logits, double temperature)
{
    double scale = 1 / temperature;

    *row = (struct loss_row){.logits = *logits, .temperature = temperature};
    if (logits->real == BLAS_F64)
        row->logsumexp =
            learn_ops_choose_f64(logits->simd)->logsumexp(logits->data, logits->n, scale);
    else
        row->logsumexp =
            learn_ops_choose_f32(logits->simd)->logsumexp(logits->data, logits->n, (float)scale);
}

double loss_entropy(const struct loss_row *row)
{
    double sum = 0;

    for (size_t i = 0; i < row->logits.n; i++) {
        double logprob = loss_logprob(row, (int32_t)i);

        sum -= exp(logprob) * logprob;
    }
    return sum;
}

double loss_kl(const struct loss_row *row, const struct logits *reference)
{
    double sum = 0;

    for (size_t i = 0; i < row->logits.n; i++) {
        double logprob = loss_logprob(row, (int32_t)i);

        sum += exp(logprob) * (logprob - logits_at(reference, i));
    }
    return sum;
}

void loss_log_softmax(const struct loss_row *row, void *out)
{
    for (size_t i = 0; i < row->logits.n; i++) {
        double logprob = loss_logprob(row, (int32_t)i);

        if (row->logits.real == BLAS_F64)
            ((double *)out)[i] = logprob;
        else
            ((float *)out)[i] = (float)logprob;
    }
}

int32_t loss_best(const struct loss_row *row)
{
    size_t best = 0;

    for (size_t i = 1; i < row->logits.n; i++)
        if (logits_at(&row->logits, i) > logits_at(&row->logits, best))
            best = i;
    return (int32_t)best;
}

static void put(const struct logits *row, size_t i, double x)
{
    if (row->real == BLAS_F64)
        ((double *)row->data)[i] = x;
    else
        ((float *)row->data)[i] = (float)x;
}

/*
 * With z the logits and T the temperature, for p = softmax(z / T):
 *   d log p(a) / dz_i = ([i = a] - p_i) / T
 *   d H / dz_i        = -p_i (log p_i + H) / T
 *   d KL / dz_i       = p_i (log p_i - log q_i - KL) / T
 */
void loss_close(struct loss_row *row, const struct loss_terms *terms)
{
    const struct logits *logits = &row->logits;
    bool whole = terms->d_entropy != 0 || terms->d_kl != 0;
    double entropy = terms->d_entropy != 0 ? loss_entropy(row) : 0;
    double kl = terms->d_kl != 0 ? loss_kl(row, terms->reference) : 0;
    double weight = 0;

    for (size_t t = 0; t < terms->n; t++)
        weight -= terms->d_logprob[t] / row->temperature;
    if (!whole && logits->real == BLAS_F64) {
        learn_ops_choose_f64(logits->simd)
            ->softmax(logits->data, logits->n, 1 / row->temperature, row->logsumexp, weight);
    } else if (!whole) {
        learn_ops_choose_f32(logits->simd)
            ->softmax(logits->data, logits->n, (float)(1 / row->temperature),
                      (float)row->logsumexp, (float)weight);
    } else {
        for (size_t i = 0; i < logits->n; i++) {
            double logprob = loss_logprob(row, (int32_t)i), p = exp(logprob), slope = 0;

            if (terms->d_entropy != 0)
                slope -= terms->d_entropy * (logprob + entropy);
            if (terms->d_kl != 0)
                slope += terms->d_kl * (logprob - logits_at(terms->reference, i) - kl);
            put(logits, i, p * (weight + slope / row->temperature));
        }
    }
    for (size_t t = 0; t < terms->n; t++) {
        size_t i = (size_t)terms->id[t];

        put(logits, i, logits_at(logits, i) + terms->d_logprob[t] / row->temperature);
    }
}

double kl_k3(double r)
{
    return expm1(-r) + r;
}

struct ppo_token ppo_token(double logprob, double old_logprob, double advantage, double clip)
{
    double r = logprob - old_logprob, limited = r > 20 ? 20 : r < -20 ? -20 : r;
    double ratio = exp(limited);
    double inside = ratio < 1 - clip ? 1 - clip : ratio > 1 + clip ? 1 + clip : ratio;
    double plain = -advantage * ratio, held = -advantage * inside;
    struct ppo_token out = {.ratio = ratio, .loss = plain, .clipped = held > plain};

    if (out.clipped)
        out.loss = held;
    else if (limited == r)
        out.d_logprob = plain;
    return out;
}

double log_sigmoid(double x)
{
    return -((x < 0 ? -x : 0) + log1p(exp(-fabs(x))));
}

double sigmoid(double x)
{
    double e = exp(-fabs(x));

    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double binary_entropy(double p)
{
    double sum = 0;

    if (p > 0)
        sum -= p * log(p);
    if (p < 1)
        sum -= (1 - p) * log1p(-p);
    return sum;
}

struct pair_loss pair_loss(double first, double second, double p, double margin, double centering)
{
    double d = first - second - margin, both = first + second, loss = 0, slope, pull;
    struct pair_loss out;

    /* Without the products of 0 and infinity. */
    if (p > 0)
        loss -= p * log_sigmoid(d);
    if (p < 1)
        loss -= (1 - p) * log_sigmoid(-d);
    slope = sigmoid(d) - p;
    pull = 2 * centering * both;
    out.loss = loss + centering * both * both;
    out.excess = loss - binary_entropy(p);
    out.d_first = slope + pull;
    out.d_second = -slope + pull;
    return out;
}

struct value_loss value_loss(double value, double old_value, double target, double clip)
{
    double off = value - target;
    struct value_loss out = {off * off / 2, off};

    if (clip > 0) {
        double low = old_value - clip, high = old_value + clip;
        double inside = value < low ? low : value > high ? high : value;
        double held = (inside - target) * (inside - target) / 2;

        if (held > out.loss)
            out = (struct value_loss){held, inside == value ? off : 0};
    }
    return out;
}
