/* Agreement of the labels with the references, its errors, and what costs nothing to beat. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/label/stats.h"
#include "src/label/stats_calibration.h"
#include "src/label/stats_position.h"
#include "src/label/stats_says.h"

#define ECE_BINS 10

/* The used rows, with what each adds. Arrays of n_used. */
struct used_rows {
    const struct judged **row;
    double *hit, *over_longer;
    size_t *place; /* cluster */
    size_t n, n_clusters;
};

static double longer_hit(const struct judged *row, uint32_t a, uint32_t b)
{
    if (a == b)
        return .5;
    return (a > b) == (row->reference.choice == CHOICE_A);
}

static struct used_rows used_rows_make(const struct judged *rows, size_t n)
{
    struct used_rows used = { 0 };
    size_t room = n > 0 ? n : 1;
    used.row = xcalloc(room, sizeof(const struct judged *));
    used.hit = xcalloc(room, sizeof *used.hit);
    used.over_longer = xcalloc(room, sizeof *used.over_longer);
    used.place = xcalloc(room, sizeof *used.place);
    uint64_t *cluster = xcalloc(room, sizeof *cluster);
    for (size_t i = 0; i < n; i++) {
        const struct judged *row = &rows[i];
        if (judged_left_out(row) != USED)
            continue;
        used.row[used.n] = row;
        used.hit[used.n] = judged_hit(row);
        used.over_longer[used.n] =
            used.hit[used.n] - longer_hit(row, row->pair->chars_a, row->pair->chars_b);
        cluster[used.n++] = row->pair->cluster;
    }
    used.n_clusters = stats_clusters(cluster, used.n, used.place);
    free(cluster);
    return used;
}

static void used_rows_release(struct used_rows *used)
{
    free(used->row);
    free(used->hit);
    free(used->over_longer);
    free(used->place);
}

static void count_left_out(struct stats_agreement *a, const struct judged *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (judged_left_out(&rows[i])) {
        case USED: a->used++; break;
        case LEFT_NOT_ASKED: a->not_asked++; break;
        case LEFT_IDENTICAL: a->left_out.identical++; break;
        case LEFT_UNLABELLED: a->left_out.unlabelled++; break;
        case LEFT_TIE: a->left_out.tie++; break;
        case LEFT_NO_MAJORITY: a->left_out.no_majority++; break;
        case LEFT_NO_LABEL: a->left_out.no_label++; break;
        }
    }
    a->n = a->used + a->left_out.identical + a->left_out.tie + a->left_out.no_majority +
           a->left_out.no_label;
}

static void one_order_fill(struct stats_agreement *a, const struct judged *rows, size_t n)
{
    for (int o = 0; o < 2; o++) {
        struct stats_one_order *out = &a->order[o];
        struct sum hits = { 0, 0 }, hits_all = { 0, 0 };
        for (size_t i = 0; i < n; i++) {
            enum left_out left = judged_left_out(&rows[i]);
            if (left != USED && left != LEFT_NO_LABEL)
                continue;
            double hit = judged_hit_order(&rows[i], (enum order)o);
            if (isnan(hit))
                continue;
            sum_add(&hits_all, hit);
            out->n_all++;
            if (left == USED) {
                sum_add(&hits, hit);
                out->n++;
            }
        }
        out->hits = sum_value(&hits);
        out->agreement = stats_rate(out->hits, out->n);
        out->agreement_all = stats_rate(sum_value(&hits_all), out->n_all);
    }
}

static double rater_share(const struct judged *row)
{
    if (row->verdict == VERDICT_HALF)
        return .5;
    enum choice verdict = row->verdict == VERDICT_A ? CHOICE_A : CHOICE_B;
    size_t equal = 0, n = 0;
    for (size_t i = 0; i < row->pair->n_votes; i++) {
        n += row->pair->votes[i].choice != CHOICE_NONE;
        equal += row->pair->votes[i].choice == verdict;
    }
    return stats_rate((double)equal, n);
}

/* What "always slot 1" would get: the first shown of a judge that was asked once, else a half. */
static double slot_1_hit(const struct judged *row)
{
    if (row->pointwise || row->asked[0] == row->asked[1])
        return .5;
    return row->asked[0] == (row->reference.choice == CHOICE_A);
}

static void kappa_count(size_t table[4], const struct judged *row)
{
    if (row->verdict != VERDICT_HALF)
        table[2 * (row->verdict == VERDICT_B) + (row->reference.choice == CHOICE_B)]++;
}

static void over_used_rows(struct stats_agreement *a, const struct used_rows *used)
{
    struct sum raters = { 0, 0 }, chars = { 0, 0 }, words = { 0, 0 }, slot = { 0, 0 };
    size_t n_a = 0, table[4] = { 0, 0, 0, 0 };
    for (size_t i = 0; i < used->n; i++) {
        const struct judged *row = used->row[i];
        a->half += row->verdict == VERDICT_HALF;
        n_a += row->reference.choice == CHOICE_A;
        sum_add(&raters, rater_share(row));
        sum_add(&slot, slot_1_hit(row));
        sum_add(&chars, longer_hit(row, row->pair->chars_a, row->pair->chars_b));
        sum_add(&words, longer_hit(row, row->pair->words_a, row->pair->words_b));
        kappa_count(table, row);
    }
    a->with_each_rater = stats_rate(sum_value(&raters), used->n);
    a->baselines.always_a = stats_rate((double)n_a, used->n);
    a->baselines.always_slot_1 = stats_rate(sum_value(&slot), used->n);
    a->baselines.longer_chars = stats_rate(sum_value(&chars), used->n);
    a->baselines.longer_words = stats_rate(sum_value(&words), used->n);
    a->kappa = stats_kappa(table, 2);
    a->kappa_n = table[0] + table[1] + table[2] + table[3];
    a->pabak = 2 * stats_rate((double)(table[0] + table[3]), a->kappa_n) - 1;
}

/* ---- bootstrap: what each cluster adds, so that a draw costs its clusters and not its
 * rows ---- */

struct cluster_part {
    double n, hits;
    size_t table[4];
};

struct draw_data {
    const struct cluster_part *part; /* n = 0 ends it */
    const struct confident *sorted;
    size_t n_sorted;
};

static void values_of_draw(const unsigned *weight, const void *data, double *out)
{
    const struct draw_data *draw = data;
    double n = 0, hits = 0;
    size_t table[4] = { 0, 0, 0, 0 };
    for (size_t c = 0; draw->part[c].n > 0; c++) {
        const struct cluster_part *part = &draw->part[c];
        n += weight[c] * part->n;
        hits += weight[c] * part->hits;
        for (int k = 0; k < 4; k++)
            table[k] += weight[c] * part->table[k];
    }
    out[0] = hits / n;
    out[1] = stats_kappa(table, 2);
    out[2] = confident_ece(draw->sorted, draw->n_sorted, weight, ECE_BINS);
}

static void bootstrap_fill(struct stats_agreement *a, const struct used_rows *used,
                           const struct judged *rows, size_t n, const struct stats_options *options)
{
    struct interval out[3];
    a->agreement_boot = a->kappa_boot = a->ece_boot = (struct interval){ NAN, NAN };
    a->seed = options->seed;
    if (options->draws == 0 || used->n == 0)
        return;
    struct cluster_part *part = xcalloc(used->n_clusters + 1, sizeof *part);
    size_t *place_of = xcalloc(n, sizeof *place_of);
    for (size_t i = 0; i < used->n; i++) {
        struct cluster_part *p = &part[used->place[i]];
        p->n++;
        p->hits += used->hit[i];
        kappa_count(p->table, used->row[i]);
        place_of[used->row[i] - rows] = used->place[i];
    }
    struct draw_data data = { .part = part };
    struct confident *sorted = confident_sorted(rows, n, &data.n_sorted);
    for (size_t k = 0; k < data.n_sorted; k++)
        sorted[k].place = place_of[sorted[k].i];
    data.sorted = sorted;
    a->draws = stats_bootstrap_draws(options->draws, used->n_clusters);
    stats_bootstrap((struct bootstrap){ options->seed, a->draws }, "agreement", used->n_clusters,
                    values_of_draw, &data, out, 3);
    a->agreement_boot = out[0];
    a->kappa_boot = out[1];
    a->ece_boot = out[2];
    free(sorted);
    free(place_of);
    free(part);
}

static struct stats_raters raters_of_rows(const struct judged *rows, size_t n)
{
    const struct pair **pairs = xcalloc(n > 0 ? n : 1, sizeof(const struct pair *));
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (judged_asked(&rows[i]) && !(rows[i].pair->flags & PAIR_IDENTICAL))
            pairs[k++] = rows[i].pair;
    struct stats_raters raters = stats_raters(pairs, k);
    free(pairs);
    return raters;
}

struct stats_agreement stats_agreement(const struct judged *rows, size_t n,
                                       const struct stats_options *options)
{
    static const struct stats_options none;
    options = options != NULL ? options : &none;
    struct stats_agreement a = { 0 };
    count_left_out(&a, rows, n);
    a.rater_kind = stats_with(rows, n, a.with, sizeof a.with);
    struct used_rows used = used_rows_make(rows, n);
    a.clusters = used.n_clusters;
    a.few_clusters = used.n_clusters < STATS_CLUSTERS_MIN;
    a.provisional = n - a.not_asked < options->planned;
    a.agreement = stats_mean(used.hit, used.n);
    a.wilson = stats_wilson(a.agreement, used.n);
    a.plain_se = stats_standard_error(used.hit, used.n);
    a.cluster_se = stats_cluster_se(used.hit, used.place, used.n, used.n_clusters);
    a.clustered = stats_normal_interval(a.agreement, a.cluster_se);
    a.mdd_80 = STATS_MDD80 * a.cluster_se;
    over_used_rows(&a, &used);
    a.over_longer = stats_mean(used.over_longer, used.n);
    a.over_longer_ci = stats_normal_interval(
        a.over_longer,
        stats_cluster_se(used.over_longer, used.place, used.n, used.n_clusters));
    one_order_fill(&a, rows, n);
    a.raters = raters_of_rows(rows, n);
    a.human_ceiling = a.raters.ceiling;
    a.calibration = stats_calibration(rows, n, ECE_BINS);
    a.test_looks = options->test_looks;
    bootstrap_fill(&a, &used, rows, n, options);
    used_rows_release(&used);
    struct stats_position position = stats_position(rows, n);
    a.judged = position.n;
    a.without_label = position.no_label;
    a.decisive = position.decisive;
    a.first = position.first;
    a.second = position.second;
    a.same_position_rate = position.same_position_rate;
    agreement_says(&a, &position);
    return a;
}

const char *const stats_matrix_rows[4] = { "a", "b", "tie", "none" };
const char *const stats_matrix_cols[4] = { "a", "b", "half", "none" };
const char *const stats_matrix_slots[4] = { "1", "2", "tie", "none" };

struct stats_matrix stats_matrix(const struct judged *rows, size_t n)
{
    static const int choice_row[] = { [CHOICE_NONE] = 3, [CHOICE_A] = 0, [CHOICE_B] = 1,
                                      [CHOICE_TIE] = 2 };
    static const int verdict_col[] = { [VERDICT_NONE] = 3, [VERDICT_A] = 0, [VERDICT_B] = 1,
                                       [VERDICT_HALF] = 2 };
    static const int slot_place[] = { [SLOT_NONE] = 3, [SLOT_1] = 0, [SLOT_2] = 1,
                                      [SLOT_TIE] = 2 };
    struct stats_matrix m = { 0 };
    for (size_t i = 0; i < n; i++) {
        const struct judged *row = &rows[i];
        if (!judged_asked(row) || (row->pair->flags & PAIR_IDENTICAL))
            continue;
        m.n++;
        m.verdicts[choice_row[row->reference.choice]][verdict_col[row->verdict]]++;
        if (!row->pointwise)
            m.slots[slot_place[row->slot[0]]][slot_place[row->slot[1]]]++;
    }
    size_t table[4] = { m.verdicts[0][0], m.verdicts[0][1], m.verdicts[1][0], m.verdicts[1][1] };
    m.kappa = stats_kappa(table, 2);
    stats_with(rows, n, m.with, sizeof m.with);
    return m;
}
