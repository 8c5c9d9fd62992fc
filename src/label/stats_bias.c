/* Everything of `show bias`: position, one order alone, length, groups. */
#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/label/stats_groups.h"
#include "src/label/stats_position.h"
#include "src/label/stats_says.h"

struct part {
    double n, decisive, same, n_pull, pull;
};

/* Nothing decisive drawn gives NaN, which is left out. */
static void values_of_draw(const unsigned *weight, const void *data, double *out)
{
    const struct part *part = data;
    double decisive = 0, same = 0, n_pull = 0, pull = 0;
    for (size_t c = 0; part[c].n > 0; c++) {
        decisive += weight[c] * part[c].decisive;
        same += weight[c] * part[c].same;
        n_pull += weight[c] * part[c].n_pull;
        pull += weight[c] * part[c].pull;
    }
    out[0] = same / decisive;
    out[1] = pull / n_pull;
}

static void bootstrap_fill(struct stats_bias *bias, const struct judged *rows, size_t n,
                           const struct stats_options *options)
{
    bias->same_position_boot = bias->pull_boot = (struct interval){ NAN, NAN };
    bias->seed = options->seed;
    if (options->draws == 0 || bias->position.n_pull == 0)
        return;
    const struct judged **kept = xcalloc(n, sizeof(const struct judged *));
    uint64_t *cluster = xcalloc(n, sizeof *cluster);
    size_t *place = xcalloc(n, sizeof *place), k = 0;
    for (size_t i = 0; i < n; i++) {
        if (!judged_asked(&rows[i]) || (rows[i].pair->flags & PAIR_IDENTICAL))
            continue;
        kept[k] = &rows[i];
        cluster[k++] = rows[i].pair->cluster;
    }
    size_t n_clusters = stats_clusters(cluster, k, place);
    struct part *part = xcalloc(n_clusters + 1, sizeof *part); /* n = 0 ends it */
    for (size_t i = 0; i < k; i++) {
        struct part *p = &part[place[i]];
        const enum slot *slot = kept[i]->slot;
        bool decisive = (slot[0] == SLOT_1 || slot[0] == SLOT_2) &&
                        (slot[1] == SLOT_1 || slot[1] == SLOT_2);
        double pull = judged_pull(kept[i]);
        p->n++;
        p->decisive += decisive;
        p->same += decisive && slot[0] == slot[1];
        if (!isnan(pull)) {
            p->n_pull++;
            p->pull += pull;
        }
    }
    bias->draws = stats_bootstrap_draws(options->draws, n_clusters);
    struct interval out[2];
    stats_bootstrap((struct bootstrap){ options->seed, bias->draws }, "position", n_clusters,
                    values_of_draw, part, out, 2);
    bias->same_position_boot = out[0];
    bias->pull_boot = out[1];
    free(part);
    free(place);
    free(cluster);
    free(kept);
}

/* Agreement where both orders name the same response, and where they name the same slot. */
static void by_consistency(struct stats_bias *bias, const struct judged *rows, size_t n)
{
    struct sum same = { 0, 0 }, flipped = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        const struct judged *row = &rows[i];
        if (judged_left_out(row) != USED || row->slot[0] == SLOT_NONE || row->slot[0] == SLOT_TIE ||
            row->slot[1] == SLOT_NONE || row->slot[1] == SLOT_TIE)
            continue;
        bool flip = row->slot[0] == row->slot[1];
        sum_add(flip ? &flipped : &same, judged_hit(row));
        bias->n_flipped += flip;
        bias->n_same_winner += !flip;
    }
    bias->agreement_same_winner = stats_rate(sum_value(&same), bias->n_same_winner);
    bias->agreement_flipped = stats_rate(sum_value(&flipped), bias->n_flipped);
}

struct stats_bias stats_bias(const struct judged *rows, size_t n, const struct group_key *const *by,
                             size_t n_by, const struct stats_options *options)
{
    static const struct stats_options none;
    options = options != NULL ? options : &none;
    struct stats_bias bias = { 0 };
    bias.position = stats_position(rows, n);
    struct stats_agreement agreement = stats_agreement(rows, n, NULL);
    bias.one_order.ab = agreement.order[0].agreement;
    bias.one_order.ba = agreement.order[1].agreement;
    bias.one_order.both = agreement.agreement;
    bias.pabak = agreement.pabak;
    bias.published = stats_published(rows, n);
    bias.length = stats_length(rows, n, false);
    bias.length_words = stats_length(rows, n, true);
    by_consistency(&bias, rows, n);
    bootstrap_fill(&bias, rows, n, options);
    for (size_t i = 0; i < n_by; i++)
        stats_groups_add(rows, n, by[i], &bias.by, &bias.n_by);
    stats_with(rows, n, bias.with, sizeof bias.with);
    bias_says(&bias);
    return bias;
}

void stats_bias_release(struct stats_bias *bias)
{
    for (size_t i = 0; i < bias->n_by; i++)
        free(bias->by[i].key);
    free(bias->by);
    bias->by = NULL;
    bias->n_by = 0;
}
