/* How far the answer hangs on the slot: same position, direction, pull; and the published
 * counts. */
#include "src/label/stats_position.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"

static bool is_decisive(enum slot slot)
{
    return slot == SLOT_1 || slot == SLOT_2;
}

/* a, b, tie, none: the winner of one order as a class of kappa. */
static int winner_class(enum slot slot, enum order order)
{
    if (slot == SLOT_NONE)
        return 3;
    if (slot == SLOT_TIE)
        return 2;
    return (slot == SLOT_1) == (order == ORDER_AB) ? 0 : 1;
}

static bool counts(const struct judged *row)
{
    return judged_asked(row) && !(row->pair->flags & PAIR_IDENTICAL);
}

struct orders {
    size_t all[16], decisive[4]; /* winner of ab by winner of ba */
    struct sum bpde;
    size_t n_bpde;
};

static void add_calls(struct stats_position *p, const struct judged *row)
{
    for (int o = 0; o < 2; o++) {
        if (!row->asked[o])
            continue;
        p->failed_calls += row->slot[o] == SLOT_NONE;
        p->tie_calls += row->slot[o] == SLOT_TIE;
        p->decisive_calls += is_decisive(row->slot[o]);
        p->first_picks += row->slot[o] == SLOT_1;
    }
}

static void add_orders(struct stats_position *p, struct orders *orders, const struct judged *row)
{
    double bpde = judged_bpde(row);
    if (!isnan(bpde)) {
        sum_add(&orders->bpde, bpde);
        orders->n_bpde++;
    }
    if (!row->asked[0] || !row->asked[1])
        return;
    int ab = winner_class(row->slot[0], ORDER_AB), ba = winner_class(row->slot[1], ORDER_BA);
    orders->all[4 * ab + ba]++;
    p->same_winner += ab == ba;
    if (ab > 1 || ba > 1)
        return;
    orders->decisive[2 * ab + ba]++;
    p->decisive++;
    p->first += row->slot[0] == SLOT_1 && row->slot[1] == SLOT_1;
    p->second += row->slot[0] == SLOT_2 && row->slot[1] == SLOT_2;
}

static void pull_fill(struct stats_position *p, const double *pull, const uint64_t *cluster)
{
    size_t n = p->n_pull;
    struct sum gap = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        sum_add(&gap, fabs(pull[i]));
        int bin = (int)floor((pull[i] + 1) * STATS_PULL_BINS / 2);
        bin = bin < 0 ? 0 : bin >= STATS_PULL_BINS ? STATS_PULL_BINS - 1 : bin;
        p->pull_histogram[bin]++;
    }
    p->pull_mean = stats_mean(pull, n);
    p->pull_median = stats_median(pull, n);
    p->soft_gap = stats_rate(sum_value(&gap), n);
    p->soft_direction = p->pull_mean / 2;
    size_t *place = xcalloc(n + 1, sizeof *place);
    size_t n_clusters = stats_clusters(cluster, n, place);
    p->pull_se = stats_cluster_se(pull, place, n, n_clusters);
    free(place);
}

struct stats_position stats_position(const struct judged *rows, size_t n)
{
    struct stats_position p = { 0 };
    struct orders orders = { 0 };
    double *pull = xcalloc(n + 1, sizeof *pull);
    uint64_t *cluster = xcalloc(n + 1, sizeof *cluster);
    for (size_t i = 0; i < n; i++) {
        const struct judged *row = &rows[i];
        if (!counts(row))
            continue;
        p.n++;
        p.no_label += row->verdict == VERDICT_NONE;
        p.pointwise += row->pointwise;
        if (row->pointwise)
            continue;
        add_calls(&p, row);
        add_orders(&p, &orders, row);
        double x = judged_pull(row);
        if (!isnan(x)) {
            pull[p.n_pull] = x;
            cluster[p.n_pull++] = row->pair->cluster;
        }
    }
    p.same_position = p.first + p.second;
    p.same_position_rate = stats_rate((double)p.same_position, p.decisive);
    p.wilson = stats_wilson(p.same_position_rate, p.decisive);
    p.primacy_p = stats_binomial_p(p.first, p.same_position);
    p.primacy_log10_p = stats_binomial_log10_p(p.first, p.same_position);
    p.first_pick_rate = stats_rate((double)p.first_picks, p.decisive_calls);
    p.first_pick_wilson = stats_wilson(p.first_pick_rate, p.decisive_calls);
    p.first_pick_p = stats_binomial_p(p.first_picks, p.decisive_calls);
    p.first_pick_rate_both_orders =
        .5 + stats_rate((double)p.first - (double)p.second, p.decisive) / 2;
    p.kappa_orders = stats_kappa(orders.decisive, 2);
    p.kappa_orders_all = stats_kappa(orders.all, 4);
    p.bpde_mean = stats_rate(sum_value(&orders.bpde), orders.n_bpde);
    pull_fill(&p, pull, cluster);
    free(cluster);
    free(pull);
    return p;
}

struct stats_published stats_published(const struct judged *rows, size_t n)
{
    struct stats_published out = { 0 };
    double *mean = xcalloc(n + 1, sizeof *mean);
    uint64_t *cluster = xcalloc(n + 1, sizeof *cluster);
    size_t *place = xcalloc(n + 1, sizeof *place);
    for (size_t i = 0; i < n; i++) {
        const struct judged *row = &rows[i];
        enum choice reference = row->reference.choice;
        if (!counts(row) || row->pointwise || !row->asked[0] || !row->asked[1] ||
            (reference != CHOICE_A && reference != CHOICE_B))
            continue;
        int right = 0, score = 0;
        for (int o = 0; o < 2; o++) {
            int winner = winner_class(row->slot[o], (enum order)o);
            bool hit = winner == (reference == CHOICE_A ? 0 : 1);
            out.correct[o] += hit;
            right += hit;
            score += hit ? 1 : winner < 2 ? -1 : 0;
        }
        out.both += right == 2;
        out.neither += right == 0;
        out.counter_correct += score > 0;
        out.counter_wrong += score < 0;
        out.counter_undecided += score == 0;
        mean[out.n] = right / 2.0;
        cluster[out.n++] = row->pair->cluster;
    }
    out.average = stats_rate((double)(out.correct[0] + out.correct[1]), 2 * out.n);
    out.average_se = stats_standard_error(mean, out.n);
    out.clusters = stats_clusters(cluster, out.n, place);
    out.average_se_clustered = stats_cluster_se(mean, place, out.n, out.clusters);
    free(place);
    free(cluster);
    free(mean);
    return out;
}
