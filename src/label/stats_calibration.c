/* Does a probability mean what it says: Brier, log loss, equal-mass bins, ECE and its bootstrap. */
#include "src/label/stats_calibration.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"

static int confident_order(const void *a, const void *b)
{
    const struct confident *x = a, *y = b;
    if (x->confidence != y->confidence)
        return x->confidence < y->confidence ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

/* A label from hard verdicts has a p_a of 0, .5 or 1 that nobody meant as a probability. */
static bool has_probability(const struct judged *row)
{
    return !isnan(row->p_first[0]) || !isnan(row->p_first[1]);
}

struct confident *confident_sorted(const struct judged *rows, size_t n, size_t *count)
{
    struct confident *out = xcalloc(n > 0 ? n : 1, sizeof *out);
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (judged_left_out(&rows[i]) != USED || !has_probability(&rows[i]))
            continue;
        double confidence = fmax(rows[i].p_a, 1 - rows[i].p_a);
        /* Rounded, so that equal confidences are equal and the order of rows decides. */
        out[(*count)++] = (struct confident){ nearbyint(confidence * 1e12) / 1e12,
                                              judged_hit(&rows[i]), i, 0 };
    }
    qsort(out, *count, sizeof *out, confident_order);
    return out;
}

double confident_ece(const struct confident *sorted, size_t n, const unsigned *weight, size_t bins)
{
    size_t total = 0, at = 0, i = 0, used = 0;
    for (size_t k = 0; k < n; k++)
        total += weight[sorted[k].place];
    if (total == 0)
        return NAN;
    double ece = 0;
    for (size_t j = 0; j < bins; j++) {
        size_t end = (j + 1) * total / bins;
        double p = 0, hit = 0;
        /* A row drawn several times may lie across the edge of a bin. */
        while (at < end && i < n) {
            size_t left = weight[sorted[i].place] - used, take = left < end - at ? left : end - at;
            p += (double)take * sorted[i].confidence;
            hit += (double)take * sorted[i].hit;
            at += take;
            used += take;
            if (used == weight[sorted[i].place]) {
                used = 0;
                i++;
            }
        }
        ece += fabs(p - hit);
    }
    return ece / (double)total;
}

static void bins_fill(struct stats_calibration *out, const struct confident *sorted, size_t n,
                      size_t bins)
{
    struct sum ece = { 0, 0 };
    for (size_t j = 0; j < bins; j++) {
        size_t from = j * n / bins, to = (j + 1) * n / bins;
        if (from == to)
            continue;
        struct sum p = { 0, 0 }, hit = { 0, 0 };
        for (size_t k = from; k < to; k++) {
            sum_add(&p, sorted[k].confidence);
            sum_add(&hit, sorted[k].hit);
        }
        struct calibration_bin *bin = &out->bins[out->n_bins++];
        bin->n = to - from;
        bin->p = sum_value(&p) / (double)bin->n;
        bin->hit = sum_value(&hit) / (double)bin->n;
        sum_add(&ece, (double)bin->n / (double)n * fabs(bin->p - bin->hit));
    }
    out->ece = sum_value(&ece);
}

struct stats_calibration stats_calibration(const struct judged *rows, size_t n, size_t bins)
{
    struct stats_calibration out = { .ece = NAN, .brier = NAN, .brier_logit_mean = NAN, .nll = NAN,
                                     .overconfidence = NAN };
    bins = bins < 1 ? 1 : bins > STATS_BINS_MAX ? STATS_BINS_MAX : bins;
    struct confident *sorted = confident_sorted(rows, n, &out.n);
    struct sum brier = { 0, 0 }, brier_logit = { 0, 0 }, nll = { 0, 0 }, over = { 0, 0 };
    for (size_t k = 0; k < out.n; k++) {
        const struct judged *row = &rows[sorted[k].i];
        double y = row->reference.choice == CHOICE_A;
        double right = y > 0 ? row->p_a : 1 - row->p_a;
        sum_add(&brier, (row->p_a - y) * (row->p_a - y));
        sum_add(&brier_logit, (row->p_a_logit - y) * (row->p_a_logit - y));
        sum_add(&over, sorted[k].confidence - sorted[k].hit);
        /* A surely wrong answer costs a lot, not infinitely much: one row may not hide
         * the others. */
        sum_add(&nll, -log(fmax(right, DBL_MIN)));
    }
    if (out.n > 0) {
        out.brier = sum_value(&brier) / (double)out.n;
        out.brier_logit_mean = sum_value(&brier_logit) / (double)out.n;
        out.nll = sum_value(&nll) / (double)out.n;
        out.overconfidence = sum_value(&over) / (double)out.n;
        bins_fill(&out, sorted, out.n, bins);
    }
    free(sorted);
    return out;
}
