/* The raters of the pairs among themselves: shares, human ceiling, Fleiss' kappa. */
#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/label/stats.h"

/* Votes of a pair by class: tie, a, b. */
struct tally {
    size_t count[3], n;
};

static int class_of(enum choice choice)
{
    return choice == CHOICE_TIE ? 0 : choice == CHOICE_A ? 1 : 2;
}

static struct tally tally_of(const struct pair *pair)
{
    struct tally tally = { { 0, 0, 0 }, 0 };
    for (size_t i = 0; i < pair->n_votes; i++) {
        if (pair->votes[i].choice == CHOICE_NONE)
            continue;
        tally.count[class_of(pair->votes[i].choice)]++;
        tally.n++;
    }
    return tally;
}

/* The class with strictly the most votes, -1 when no class leads. */
static int leader(const size_t count[3])
{
    for (int c = 0; c < 3; c++)
        if (count[c] > count[(c + 1) % 3] && count[c] > count[(c + 2) % 3])
            return c;
    return -1;
}

static void raters_add(struct stats_raters *out, const struct tally *tally)
{
    for (int c = 0; c < 3; c++) {
        size_t same = tally->count[c] * (tally->count[c] - (tally->count[c] > 0)) / 2;
        out->equal += same;
        if (c != 0)
            out->equal_no_tie += same;
    }
    size_t n = tally->n, decided = tally->count[1] + tally->count[2];
    out->rater_pairs += n > 0 ? n * (n - 1) / 2 : 0;
    out->rater_pairs_no_tie += decided > 0 ? decided * (decided - 1) / 2 : 0;
    /* Votes of one class leave the same rest, so a class is looked at once. */
    for (int c = 0; c < 3; c++) {
        if (tally->count[c] == 0 || n < 2)
            continue;
        size_t rest[3] = { tally->count[0], tally->count[1], tally->count[2] };
        rest[c]--;
        int lead = leader(rest);
        if (lead < 1)
            continue;
        out->ceiling_votes += tally->count[c];
        if (lead == c)
            out->ceiling_equal += tally->count[c];
        if (c != 0)
            out->ceiling_votes_no_tie += tally->count[c];
    }
}

struct stats_raters stats_raters(const struct pair *const *pairs, size_t n)
{
    struct stats_raters out = { 0 };
    size_t *table = n > 0 ? xcalloc(n, 3 * sizeof *table) : NULL, rated = 0;
    for (size_t i = 0; i < n; i++) {
        struct tally tally = tally_of(pairs[i]);
        if (tally.n == 0)
            continue;
        out.raters_min = rated == 0 || tally.n < out.raters_min ? tally.n : out.raters_min;
        out.raters_max = tally.n > out.raters_max ? tally.n : out.raters_max;
        for (int c = 0; c < 3; c++)
            table[3 * rated + (size_t)c] = tally.count[c];
        rated++;
        raters_add(&out, &tally);
    }
    out.fleiss = out.raters_min == out.raters_max ? stats_fleiss(table, rated, 3, out.raters_max)
                                                  : NAN;
    free(table);
    out.share = stats_rate((double)out.equal, out.rater_pairs);
    out.share_no_tie = stats_rate((double)out.equal_no_tie, out.rater_pairs_no_tie);
    out.ceiling = stats_rate((double)out.ceiling_equal, out.ceiling_votes);
    out.ceiling_no_tie = stats_rate((double)out.ceiling_equal, out.ceiling_votes_no_tie);
    return out;
}
