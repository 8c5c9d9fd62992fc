/*
 * The simulated labeler's mathematics: a labeler with a known truth, so that a planted bias must be
 * found by the statistics. Pure, from any thread; a labeler in labeler.h calls it. Contract 4:
 * logit P(slot 1) = gap * truth * sign + pos + len * ln(chars of slot 1 / chars of slot 2)
 *                   + noise * N(0,1), the noise keyed by (seed, pair, order, repeat).
 */
#ifndef RLAIF_LABEL_SIM_H
#define RLAIF_LABEL_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/error.h"
#include "src/data/pair.h"
#include "src/label/label.h"

struct sim {
    double gap, pos, len, noise;
};
/* "sim", "sim:gap=1.6,pos=.3": the parts that are not named keep gap=1 and 0. Error names the bad part. */
int sim_parse(const char *name, struct sim *out, struct error *err);
/* Canonical name: all four parts, shortest decimals. sim_parse of it gives the same values. */
void sim_name(const struct sim *sim, struct buf *out);
/* gold_a - gold_b where the set has gold, else the reference's gap; 0 for identical responses. False: the pair has neither. */
bool sim_truth(const struct pair *pair, double *gap);
/* False: no truth known, no label can be given. */
bool sim_logit(const struct sim *sim, const struct pair *pair, enum order order, uint64_t seed,
               int repeat, double *logit);
/* Fills logprobs, outside, p_first, slot of an initialised label (order, seed, repeat are read from it); error when there is no truth. */
void sim_label(const struct sim *sim, const struct pair *pair, struct label *label);

#endif
