/*
 * The sentence under the figures. The rules are tried from the top and the first that holds
 * speaks, so that the worst trouble is named first:
 *   agreement
 *    1 no row was asked, or none is used             "no labels yet", "no pair has both .."
 *    2 more than half of the pairs have no label     "most answers could not be read"
 *    3 same position >= 80 % with Wilson above 50 %  "follows the slot, not the text: .."
 *    4 fewer than 20 used pairs                      "too few pairs to tell: .."
 *    5 interval wholly below 50 %                    "agrees less than chance: .."
 *    6 interval holds 50 %, fewer than 100 pairs     "too few pairs to tell from chance: .."
 *    7 interval holds 50 %                           "no better than chance: .."
 *    8 paired interval over "pick the longer" not above 0   ".. no better than picking the longer"
 *    9 else                                          "agrees more than chance and more than .."
 *   and from 7 on same position >= 30 % is added.
 * The interval is the clustered one.
 */
#include "src/label/stats_says.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SLOT_FOLLOWER .8
#define SLOT_WORTH_SAYING .3
#define PAIRS_FEW 20
#define PAIRS_SOME 100

static void add(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(char *out, size_t size, const char *format, ...)
{
    size_t len = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + len, size - len, format, args);
    va_end(args);
}

static double percent(double share)
{
    return 100 * share;
}

static double clip(double share)
{
    return fmin(1, fmax(0, share));
}

static bool follows_slot(const struct stats_position *p)
{
    return p->same_position_rate >= SLOT_FOLLOWER && p->wilson.low > .5;
}

void agreement_says(struct stats_agreement *a, const struct stats_position *position)
{
    char *out = a->says;
    size_t size = sizeof a->says;
    double low = clip(a->clustered.low), high = clip(a->clustered.high);
    bool with_interval = !isnan(a->cluster_se);
    out[0] = '\0';
    if (position->n == 0) {
        add(out, size, "no labels yet");
    } else if (2 * position->no_label > position->n) {
        add(out, size, "most answers could not be read: %zu of %zu pairs have no label",
            position->no_label, position->n);
    } else if (follows_slot(position)) {
        add(out, size, "follows the slot, not the text: %.0f %% same position",
            percent(position->same_position_rate));
    } else if (a->used == 0) {
        add(out, size, "no pair has both a label and a reference to compare it with");
    } else if (a->used < PAIRS_FEW || !with_interval) {
        add(out, size, "too few pairs to tell: %zu used", a->used);
    } else if (high < .5) {
        add(out, size,
            "agrees less than chance with %.100s: %.0f %% (%.0f to %.0f): it prefers "
            "what the raters do not",
            a->with, percent(a->agreement), percent(low), percent(high));
    } else if (low <= .5 && a->used < PAIRS_SOME) {
        add(out, size, "too few pairs to tell from chance: %.0f %% (%.0f to %.0f) on %zu pairs",
            percent(a->agreement), percent(low), percent(high), a->used);
    } else {
        if (low <= .5)
            add(out, size, "no better than chance: %.0f %% (%.0f to %.0f)", percent(a->agreement),
                percent(low), percent(high));
        else if (!(a->over_longer_ci.low > 0))
            add(out, size,
                "agrees more than chance, %.0f %% (%.0f to %.0f), but no better than picking the "
                "longer response (%.0f %%)",
                percent(a->agreement), percent(low), percent(high),
                percent(a->baselines.longer_chars));
        else
            add(out, size,
                "agrees more than chance and more than picking the longer response: %.0f %% "
                "(%.0f to %.0f)",
                percent(a->agreement), percent(low), percent(high));
        if (position->same_position_rate >= SLOT_WORTH_SAYING)
            add(out, size, "; names the same slot in %.0f %% of pairs",
                percent(position->same_position_rate));
    }
    if (a->provisional)
        add(out, size, "; provisional, the run is not done");
}

void bias_says(struct stats_bias *bias)
{
    const struct stats_position *p = &bias->position;
    char *out = bias->says;
    size_t size = sizeof bias->says;
    out[0] = '\0';
    if (p->n == 0) {
        add(out, size, "no labels yet");
    } else if (p->pointwise == p->n) {
        add(out, size, "scores each response alone: it has no position to depend on");
    } else if (p->decisive == 0 && p->decisive_calls > 0) {
        add(out, size, "asked in one order only: slot 1 in %.0f %% of %zu calls",
            percent(p->first_pick_rate), p->decisive_calls);
    } else if (p->decisive == 0) {
        add(out, size, "no pair was decided in both orders");
    } else if (follows_slot(p)) {
        add(out, size, "follows the slot, not the text: %.0f %% same position",
            percent(p->same_position_rate));
        if (p->primacy_p < .05)
            add(out, size, ", mostly slot %d", p->first > p->second ? 1 : 2);
    } else if (p->decisive < PAIRS_FEW) {
        add(out, size, "too few pairs to tell: %zu decided in both orders", p->decisive);
    } else if (p->same_position > 0 && p->primacy_p < .05) {
        add(out, size, "leans to slot %d: %.0f %% same position, %zu first and %zu second",
            p->first > p->second ? 1 : 2, percent(p->same_position_rate), p->first, p->second);
    } else if (p->same_position_rate >= SLOT_WORTH_SAYING) {
        add(out, size, "often undecided: %.0f %% same position, without leaning to one slot",
            percent(p->same_position_rate));
    } else {
        add(out, size, "no leaning to a slot seen: %.0f %% same position, %zu first and %zu second",
            percent(p->same_position_rate), p->first, p->second);
    }
}

void compare_says(struct stats_compare *c)
{
    char *out = c->says;
    size_t size = sizeof c->says;
    out[0] = '\0';
    double diff = percent(c->diff), low = percent(c->diff_ci.low), high = percent(c->diff_ci.high);
    if (c->n == 0) {
        add(out, size, "no pair is labelled by both and has a reference");
    } else if (c->n < PAIRS_FEW || isnan(c->se)) {
        add(out, size, "too few pairs to tell: %zu labelled by both", c->n);
    } else if (c->n_fixed + c->n_broke == 0) {
        add(out, size, "the same verdicts on all %zu pairs", c->n);
    } else if (c->diff_ci.low > 0 || c->diff_ci.high < 0) {
        bool holds = c->versions_compared <= 2 || c->holm < .05;
        add(out, size, "%s%s: %+.1f points (%+.1f to %+.1f), %zu fixed, %zu broke",
            holds ? "" : "looks ", diff > 0 ? "better" : "worse", diff, low, high, c->n_fixed,
            c->n_broke);
        if (!holds)
            add(out, size, "; but %zu versions were compared on this set (Holm p = %.2g)",
                c->versions_compared, c->holm);
    } else {
        add(out, size,
            "no difference seen: %+.1f points (%+.1f to %+.1f); less than %.1f points would not "
            "show on %zu pairs",
            diff, low, high, percent(c->mdd_80), c->n);
    }
}
