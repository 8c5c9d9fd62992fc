/* What one judged row says: used or left out, hit or miss. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/label/stats.h"
#include "src/label/stats_position.h"

bool judged_asked(const struct judged *row)
{
    return row->pointwise || row->asked[0] || row->asked[1];
}

enum left_out judged_left_out(const struct judged *row)
{
    if (!judged_asked(row))
        return LEFT_NOT_ASKED;
    if (row->pair->flags & PAIR_IDENTICAL)
        return LEFT_IDENTICAL;
    if (row->reference.no_majority)
        return LEFT_NO_MAJORITY;
    if (row->reference.choice == CHOICE_NONE)
        return LEFT_UNLABELLED;
    if (row->reference.choice == CHOICE_TIE)
        return LEFT_TIE;
    return row->verdict == VERDICT_NONE ? LEFT_NO_LABEL : USED;
}

double judged_hit(const struct judged *row)
{
    if (row->verdict == VERDICT_HALF)
        return .5;
    return (row->verdict == VERDICT_A) == (row->reference.choice == CHOICE_A);
}

double judged_hit_order(const struct judged *row, enum order order)
{
    enum slot slot = row->slot[order];
    if (slot == SLOT_NONE)
        return NAN;
    if (slot == SLOT_TIE)
        return .5;
    bool chose_a = (slot == SLOT_1) == (order == ORDER_AB);
    return chose_a == (row->reference.choice == CHOICE_A);
}

double judged_p_first(const struct judged *row, enum order order)
{
    if (!isnan(row->p_first[order]))
        return row->p_first[order];
    switch (row->slot[order]) {
    case SLOT_1: return 1;
    case SLOT_2: return 0;
    case SLOT_TIE: return .5;
    case SLOT_NONE: break;
    }
    return NAN;
}

static bool is_decisive(enum slot slot)
{
    return slot == SLOT_1 || slot == SLOT_2;
}

double judged_pull(const struct judged *row)
{
    /* Verdicts without probabilities pull only when both are decisive: a tie says nothing
     * of slots. */
    bool known = !isnan(row->p_first[0]) && !isnan(row->p_first[1]);
    if (!known && !(is_decisive(row->slot[0]) && is_decisive(row->slot[1])))
        return NAN;
    return judged_p_first(row, ORDER_AB) - (1 - judged_p_first(row, ORDER_BA));
}

double judged_bpde(const struct judged *row)
{
    double count[3] = { 0, 0, 0 }, n = 0, entropy = 0;
    for (int o = 0; o < 2; o++) {
        if (row->slot[o] == SLOT_NONE)
            continue;
        int what = row->slot[o] == SLOT_TIE                      ? 1
                   : (row->slot[o] == SLOT_1) == (o == ORDER_AB) ? 0
                                                                 : 2;
        count[what]++;
        n++;
    }
    if (n == 0)
        return NAN;
    for (int i = 0; i < 3; i++)
        if (count[i] > 0)
            entropy -= count[i] / n * log(count[i] / n);
    return entropy;
}

bool labeler_is_simulated(const char *labeler)
{
    return labeler != NULL && strncmp(labeler, "sim", 3) == 0 &&
           (labeler[3] == '\0' || labeler[3] == ':');
}

/* The one rater of all references, NULL when there are several or they are not named. */
static const char *only_rater(const struct judged *rows, size_t n)
{
    const char *only = NULL;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < rows[i].pair->n_votes; j++) {
            const struct vote *vote = &rows[i].pair->votes[j];
            if (vote->choice == CHOICE_NONE)
                continue;
            if (vote->rater == NULL || vote->rater[0] == '\0' ||
                (only != NULL && strcmp(only, vote->rater) != 0))
                return NULL;
            only = vote->rater;
        }
    }
    return only;
}

enum rater_kind stats_with(const struct judged *rows, size_t n, char *out, size_t out_size)
{
    size_t count[4] = { 0, 0, 0, 0 };
    for (size_t i = 0; i < n; i++)
        if (rows[i].reference.n_votes > 0 && (unsigned)rows[i].reference.kind < 4)
            count[rows[i].reference.kind]++;
    enum rater_kind kind = RATER_HUMAN;
    for (int k = 0; k < 4; k++)
        if (count[k] > count[kind])
            kind = (enum rater_kind)k;
    const char *rater = kind == RATER_AI ? only_rater(rows, n) : NULL;
    switch (kind) {
    case RATER_HUMAN: snprintf(out, out_size, "people"); break;
    case RATER_GOLD: snprintf(out, out_size, "gold labels"); break;
    case RATER_SIM: snprintf(out, out_size, "simulated labels"); break;
    case RATER_AI:
        if (rater != NULL)
            snprintf(out, out_size, "%.100s labels (AI)", rater);
        else
            snprintf(out, out_size, "AI labels");
        break;
    }
    return kind;
}
