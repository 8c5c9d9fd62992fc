/* Two versions on the same pairs: paired difference, McNemar, Holm, what was fixed and broken. */
#include "src/label/stats_compare.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/label/stats_position.h"
#include "src/label/stats_says.h"

/* A pair in both lists. */
struct match {
    const struct judged *from, *to;
    double d; /* hit(to) - hit(from) */
};

static int row_order(const void *a, const void *b)
{
    const struct judged *x = *(const struct judged *const *)a;
    const struct judged *y = *(const struct judged *const *)b;
    if (x->pair->set_id != y->pair->set_id)
        return x->pair->set_id < y->pair->set_id ? -1 : 1;
    return (x->pair->num > y->pair->num) - (x->pair->num < y->pair->num);
}

static const struct judged **sorted_rows(const struct judged *rows, size_t n)
{
    const struct judged **out = xcalloc(n + 1, sizeof(const struct judged *));
    for (size_t i = 0; i < n; i++)
        out[i] = &rows[i];
    if (n > 0)
        qsort(out, n, sizeof *out, row_order);
    return out;
}

/* All pairs in both lists, in set order. malloced. */
static struct match *matches_make(const struct judged *from, size_t n_from, const struct judged *to,
                                  size_t n_to, size_t *n)
{
    const struct judged **x = sorted_rows(from, n_from), **y = sorted_rows(to, n_to);
    struct match *out = xcalloc((n_from < n_to ? n_from : n_to) + 1, sizeof *out);
    *n = 0;
    for (size_t i = 0, j = 0; i < n_from && j < n_to;) {
        int order = row_order(&x[i], &y[j]);
        if (order == 0)
            out[(*n)++] = (struct match){ x[i], y[j], 0 };
        i += order <= 0;
        j += order >= 0;
    }
    free(x);
    free(y);
    return out;
}

static size_t count_used(const struct judged *rows, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        used += judged_left_out(&rows[i]) == USED;
    return used;
}

static size_t match_clusters(const struct match *match, size_t n, size_t *place)
{
    uint64_t *cluster = xcalloc(n + 1, sizeof *cluster);
    for (size_t i = 0; i < n; i++)
        cluster[i] = match[i].to->pair->cluster;
    size_t n_clusters = stats_clusters(cluster, n, place);
    free(cluster);
    return n_clusters;
}

static void lists_fill(struct stats_compare *out, const struct match *match, size_t n)
{
    out->fixed = xcalloc(n + 1, sizeof(const struct pair *));
    out->broke = xcalloc(n + 1, sizeof(const struct pair *));
    out->fixed_d = xcalloc(n + 1, sizeof *out->fixed_d);
    out->broke_d = xcalloc(n + 1, sizeof *out->broke_d);
    for (size_t i = 0; i < n; i++) {
        if (match[i].d > 0) {
            out->fixed_d[out->n_fixed] = match[i].d;
            out->fixed[out->n_fixed++] = match[i].to->pair;
        } else if (match[i].d < 0) {
            out->broke_d[out->n_broke] = match[i].d;
            out->broke[out->n_broke++] = match[i].to->pair;
        }
    }
}

static void mcnemar_fill(struct stats_compare *out, const struct match *match, size_t n)
{
    size_t b = 0, c = 0;
    for (size_t i = 0; i < n; i++) {
        if (match[i].from->verdict == VERDICT_HALF || match[i].to->verdict == VERDICT_HALF) {
            out->mcnemar_left_out_half++;
            continue;
        }
        b += match[i].d < 0;
        c += match[i].d > 0;
    }
    out->mcnemar = stats_mcnemar(b, c);
}

/* Mean of the two single-order hits. Rows without orders (pointwise) have none. */
static void single_order_fill(struct stats_compare *out, const struct match *match, size_t n)
{
    double *e = xcalloc(n + 1, sizeof *e);
    struct match *kept = xcalloc(n + 1, sizeof *kept);
    size_t *place = xcalloc(n + 1, sizeof *place), k = 0;
    for (size_t i = 0; i < n; i++) {
        double hit = (judged_hit_order(match[i].to, ORDER_AB) -
                      judged_hit_order(match[i].from, ORDER_AB) +
                      judged_hit_order(match[i].to, ORDER_BA) -
                      judged_hit_order(match[i].from, ORDER_BA)) /
                     2;
        if (isnan(hit))
            continue;
        kept[k] = match[i];
        e[k++] = hit;
    }
    size_t n_clusters = match_clusters(kept, k, place);
    out->single_order_diff = stats_mean(e, k);
    out->single_order_se = stats_cluster_se(e, place, k, n_clusters);
    free(place);
    free(kept);
    free(e);
}

static bool in_published(const struct judged *row)
{
    enum choice reference = row->reference.choice;
    return !(row->pair->flags & PAIR_IDENTICAL) && !row->pointwise && row->asked[0] &&
           row->asked[1] && (reference == CHOICE_A || reference == CHOICE_B);
}

static bool is_right(const struct judged *row, int order)
{
    return judged_hit_order(row, (enum order)order) == 1; /* NaN and a tie are not */
}

static void published_fill(struct compare_published *out, const struct match *match, size_t n)
{
    double *d = xcalloc(n + 1, sizeof *d);
    struct match *kept = xcalloc(n + 1, sizeof *kept);
    size_t *place = xcalloc(n + 1, sizeof *place), b[2] = { 0, 0 }, c[2] = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        if (!in_published(match[i].from) || !in_published(match[i].to))
            continue;
        for (int o = 0; o < 2; o++) {
            int before = is_right(match[i].from, o), after = is_right(match[i].to, o);
            b[o] += before > after;
            c[o] += after > before;
            d[out->n] += (after - before) / 2.0;
        }
        kept[out->n++] = match[i];
    }
    for (int o = 0; o < 2; o++)
        out->order[o] = stats_mcnemar(b[o], c[o]);
    out->clusters = match_clusters(kept, out->n, place);
    out->mean_diff = stats_mean(d, out->n);
    out->se = stats_standard_error(d, out->n);
    out->se_clustered = stats_cluster_se(d, place, out->n, out->clusters);
    out->mdd_80 = STATS_MDD80 * out->se_clustered;
    free(place);
    free(kept);
    free(d);
}

static bool same_position(const struct judged *row, bool *decisive)
{
    *decisive = (row->slot[0] == SLOT_1 || row->slot[0] == SLOT_2) &&
                (row->slot[1] == SLOT_1 || row->slot[1] == SLOT_2);
    return *decisive && row->slot[0] == row->slot[1];
}

static void position_fill(struct stats_compare *out, const struct match *match, size_t n)
{
    size_t from = 0, to = 0;
    for (size_t i = 0; i < n; i++) {
        bool decisive_from, decisive_to;
        bool same_from = same_position(match[i].from, &decisive_from);
        bool same_to = same_position(match[i].to, &decisive_to);
        if (!decisive_from || !decisive_to || (match[i].to->pair->flags & PAIR_IDENTICAL))
            continue;
        out->position_n++;
        from += same_from;
        to += same_to;
    }
    out->same_position_from = stats_rate((double)from, out->position_n);
    out->same_position_to = stats_rate((double)to, out->position_n);
}

struct part {
    double n, d;
};

static void diff_of_draw(const unsigned *weight, const void *data, double *out)
{
    const struct part *part = data;
    double n = 0, d = 0;
    for (size_t c = 0; part[c].n > 0; c++) {
        n += weight[c] * part[c].n;
        d += weight[c] * part[c].d;
    }
    *out = d / n;
}

static void bootstrap_fill(struct stats_compare *out, const double *d, const size_t *place,
                           const struct compare_options *options)
{
    out->diff_boot = (struct interval){ NAN, NAN };
    out->seed = options->seed;
    if (options->draws == 0 || out->n == 0)
        return;
    struct part *part = xcalloc(out->clusters + 1, sizeof *part); /* n = 0 ends it */
    for (size_t i = 0; i < out->n; i++) {
        part[place[i]].n++;
        part[place[i]].d += d[i];
    }
    out->draws = stats_bootstrap_draws(options->draws, out->clusters);
    stats_bootstrap((struct bootstrap){ options->seed, out->draws }, "compare", out->clusters,
                    diff_of_draw, part, &out->diff_boot, 1);
    free(part);
}

static double holm_of(double p, const struct compare_options *options, size_t versions)
{
    size_t n = versions - 1 > options->n_other + 1 ? versions - 1 : options->n_other + 1;
    double *all = xcalloc(n, sizeof *all), *adjusted = xcalloc(n, sizeof *adjusted);
    for (size_t i = 0; i < n; i++)
        all[i] = i == 0 ? p : i <= options->n_other ? options->other_p[i - 1] : NAN;
    stats_holm(all, n, adjusted);
    double out = adjusted[0];
    free(adjusted);
    free(all);
    return out;
}

struct stats_compare stats_compare(const struct judged *from, size_t n_from,
                                   const struct judged *to, size_t n_to,
                                   const struct compare_options *options)
{
    static const struct compare_options none;
    options = options != NULL ? options : &none;
    struct stats_compare out = { 0 };
    size_t n_all;
    struct match *all = matches_make(from, n_from, to, n_to, &n_all);
    struct match *match = xcalloc(n_all + 1, sizeof *match);
    double *d = xcalloc(n_all + 1, sizeof *d);
    struct sum hit_from = { 0, 0 }, hit_to = { 0, 0 };
    for (size_t i = 0; i < n_all; i++) {
        if (judged_left_out(all[i].from) != USED || judged_left_out(all[i].to) != USED)
            continue;
        double before = judged_hit(all[i].from), after = judged_hit(all[i].to);
        sum_add(&hit_from, before);
        sum_add(&hit_to, after);
        d[out.n] = after - before;
        match[out.n++] = (struct match){ all[i].from, all[i].to, after - before };
    }
    out.only_from = count_used(from, n_from) - out.n;
    out.only_to = count_used(to, n_to) - out.n;
    size_t *place = xcalloc(out.n + 1, sizeof *place);
    out.clusters = match_clusters(match, out.n, place);
    out.few_clusters = out.clusters < STATS_CLUSTERS_MIN;
    out.agreement_from = stats_rate(sum_value(&hit_from), out.n);
    out.agreement_to = stats_rate(sum_value(&hit_to), out.n);
    out.diff = stats_mean(d, out.n);
    out.plain_se = stats_standard_error(d, out.n);
    out.se = stats_cluster_se(d, place, out.n, out.clusters);
    out.diff_ci = stats_normal_interval(out.diff, out.se);
    out.mdd_80 = STATS_MDD80 * out.se;
    lists_fill(&out, match, out.n);
    mcnemar_fill(&out, match, out.n);
    single_order_fill(&out, match, out.n);
    published_fill(&out.published, all, n_all);
    position_fill(&out, all, n_all);
    bootstrap_fill(&out, d, place, options);
    out.versions_compared = options->versions_compared < 2 ? 2 : options->versions_compared;
    out.holm = holm_of(out.mcnemar.exact_p, options, out.versions_compared);
    stats_with(to, n_to, out.with, sizeof out.with);
    compare_says(&out);
    free(place);
    free(d);
    free(match);
    free(all);
    return out;
}

void stats_compare_release(struct stats_compare *compare)
{
    free(compare->fixed);
    free(compare->broke);
    free(compare->fixed_d);
    free(compare->broke_d);
    compare->fixed = compare->broke = NULL;
    compare->fixed_d = compare->broke_d = NULL;
    compare->n_fixed = compare->n_broke = 0;
}
